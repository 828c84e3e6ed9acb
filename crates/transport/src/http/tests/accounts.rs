//! Accounts, the caller's own figures, and the audit log over HTTP.

use super::world::{Answer, World};
use crate::Options;
use crate::address::Peer;
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};

const ME: &str = "/api/v1/users/me";
const AUDIT: &str = "/api/v1/admin/audit";

impl World {
    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Request::post(path).body(Body::from(body.to_string())).unwrap()).await
    }

    async fn admin(&self) -> String {
        format!("admin:{}", self.user("root").await)
    }
}

/// The way of a person who is new, from nothing to tokens, which no cache may keep.
#[tokio::test]
async fn a_person_signs_up_and_in() {
    let world = World::new().await;
    let sent = json!({"verification_required": true});
    let new = json!({"email": "ann@example.org", "password": "password", "username": "Ann"});
    let answer = world.post("/auth/signup", new).await;
    assert_eq!((answer.status.as_u16(), answer.body), (201, sent.clone()));
    let answer =
        world.post("/auth/signin", json!({"email": "ann@example.org", "password": "password"})).await;
    assert_eq!((answer.status.as_u16(), answer.body), (200, sent));
    for path in ["/auth/verify-email", "/auth/verify-signin"] {
        let answer = world.post(path, json!({"email": "ann@example.org", "code": "123456"})).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.headers["cache-control"]),
            (200, &"no-store".parse().unwrap())
        );
        let ann = world.user("ann").await;
        assert_eq!(answer.body["access_token"], format!("user:{ann}"));
        assert_eq!(answer.body["refresh_token"], format!("refresh:{ann}"));
        assert_eq!(
            (&answer.body["token_type"], &answer.body["expires_in"]),
            (&json!("bearer"), &json!(3_600))
        );
        let user = &answer.body["user"];
        assert_eq!((&user["id"], &user["role"]), (&json!(ann), &json!("user")));
        assert_eq!((&user["email"], &user["username"]), (&json!("ann@example.org"), &json!("ann")));
        assert!(user["created_at"].is_string());
    }
    let ann = world.user("ann").await;
    let next = world.post("/auth/refresh", json!({"refresh_token": format!("refresh:{ann}")})).await;
    assert_eq!(next.body["access_token"], format!("user:{ann}"));
    assert_eq!(next.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn who_proves_nothing_is_refused() {
    let world = World::new().await;
    let wrong = world.post("/auth/signin", json!({"email": "a@example.org", "password": "x"})).await;
    assert_eq!(wrong.refusal(), (401, "INVALID_CREDENTIALS"));
    let code = world.post("/auth/verify-signin", json!({"email": "a@example.org", "code": "000000"})).await;
    assert_eq!(code.refusal(), (401, "INVALID_CODE"));
    let token = world.post("/auth/refresh", json!({"refresh_token": "nonsense"})).await;
    assert_eq!(token.refusal(), (401, "INVALID_TOKEN"));
    let again = world.post("/auth/signin", json!({"email": "a@example.org", "password": "again"})).await;
    assert_eq!(
        (again.refusal(), &again.headers["retry-after"]),
        ((429, "RATE_LIMIT"), &"7".parse().unwrap())
    );
}

/// Protects passwords and codes: what is wrong with a body is told without a word of it.
#[tokio::test]
async fn complaints_quote_no_credential() {
    let world = World::new().await;
    for secret in [json!(987_654_321), json!(["987654321"]), json!({"987654321": 1}), Value::Null] {
        for (path, body) in [
            ("/auth/signup", json!({"email": "a@example.org", "password": secret})),
            ("/auth/signin", json!({"email": "a@example.org", "password": secret})),
            ("/auth/verify-email", json!({"email": "a@example.org", "code": secret})),
            ("/auth/verify-signin", json!({"email": secret, "code": "1"})),
            ("/auth/refresh", json!({"refresh_token": secret})),
        ] {
            let answer = world.post(path, body).await;
            assert_eq!(answer.refusal(), (400, "INVALID_REQUEST"), "{path}");
            assert!(!answer.text.contains("987654321"), "{path}: {}", answer.text);
        }
    }
    let padded = json!({"email": "a@example.org", "password": "x".repeat(8 * 1024)});
    assert_eq!(world.post("/auth/signup", padded).await.refusal(), (413, "INVALID_REQUEST"));
}

/// Protects who embeds the server and has accounts already: there is no second door.
#[tokio::test]
async fn without_accounts_there_are_no_routes_of_theirs() {
    let world = World::without_accounts().await;
    let token = world.token("ann").await;
    for path in ["signup", "verify-email", "signin", "verify-signin", "refresh", "signout"] {
        let answer = world.ask(&token, "POST", &format!("/auth/{path}"), json!({})).await;
        assert_eq!(answer.refusal(), (404, "NOT_FOUND"), "{path}");
    }
}

#[tokio::test]
async fn a_sign_out_ends_the_token() {
    let world = World::new().await;
    for body in [Value::Null, json!({}), json!({"refresh_token": "refresh:x"})] {
        let token = world.token(&format!("user{}", body.to_string().len())).await;
        assert_eq!(world.get(&token, ME).await.status, 200);
        assert_eq!(world.ask(&token, "POST", "/auth/signout", body).await.status, 204);
        assert_eq!(world.get(&token, ME).await.refusal(), (401, "INVALID_TOKEN"));
    }
}

/// Protects limits by address: it is that of the client, and a stranger's header does not change it.
#[tokio::test]
async fn accounts_learn_from_where_they_are_asked() {
    let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    let world = World::with(Options { trusted_proxies, ..Options::default() }).await;
    let asked = async |peer: Option<[u8; 4]>| {
        let request = Request::post("/auth/signin").header("x-forwarded-for", "6.6.6.6, 203.0.113.9");
        let body = json!({"email": "a@example.org", "password": "password"});
        let mut request = request.body(Body::from(body.to_string())).unwrap();
        if let Some(peer) = peer {
            request.extensions_mut().insert(Peer(IpAddr::from(peer)));
        }
        assert_eq!(world.send(request).await.status, 200);
        *world.accounts.asked_from.lock()
    };
    assert_eq!(asked(Some([10, 0, 0, 1])).await, Some(IpAddr::from([203, 0, 113, 9])));
    assert_eq!(asked(Some([8, 8, 8, 8])).await, Some(IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8))));
    assert_eq!(asked(None).await, None);
}

#[tokio::test]
async fn a_user_sees_and_changes_themselves() {
    let world = World::new().await;
    let ann = world.token("ann").await;
    let me = world.get(&ann, ME).await.body;
    let account = json!({"total_tokens": 0, "reserved_tokens": 0, "token_budget": null});
    assert_eq!(me["usage"]["today"], account);
    assert_eq!((&me["usage"]["total_tokens"], &me["usage"]["token_budget"]), (&json!(0), &Value::Null));
    assert_eq!((&me["profile"], &me["username"], &me["role"]), (&json!({}), &json!("ann"), &json!("user")));

    let change = json!({"username": "Ann", "profile": {"age": 30, "goals": ["run"]}});
    let changed = world.ask(&ann, "PATCH", ME, change.clone()).await.body;
    assert_eq!((&changed["profile"], &changed["username"]), (&change["profile"], &json!("Ann")));
    let unchanged =
        world.ask(&ann, "PATCH", ME, json!({"profile": null, "role": "admin", "id": 1})).await.body;
    assert_eq!(unchanged, changed);
    assert_eq!(world.get(&ann, ME).await.body, changed);
    let replaced = world.ask(&ann, "PATCH", ME, json!({"profile": {}})).await.body;
    assert_eq!((&replaced["profile"], &replaced["username"]), (&json!({}), &json!("Ann")));
}

#[tokio::test]
async fn a_profile_is_an_object_that_everybody_can_read() {
    let world = World::new().await;
    let ann = world.token("ann").await;
    let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    for (profile, good) in [
        ("[]".to_owned(), false),
        ("\"x\"".to_owned(), false),
        (nested(32), true),
        (nested(33), false),
        (nested(5_000), false),
        (json!({"a": "x".repeat(16 * 1024)}).to_string(), false),
    ] {
        let request = Request::patch(ME).header("authorization", format!("Bearer {ann}"));
        let body = Body::from(format!("{{\"profile\":{profile}}}"));
        let answer = world.send(request.body(body).unwrap()).await;
        assert_eq!(answer.status.is_success(), good, "{}", answer.text);
        assert!(good || answer.refusal().0 == 400, "{}", answer.text);
    }
    let named = world.ask(&ann, "PATCH", ME, json!({"username": ""})).await;
    assert_eq!(named.refusal(), (400, "INVALID_REQUEST"));
}

/// Protects the audit log from readers who are no admins, and tells who read it and from where.
#[tokio::test]
async fn the_audit_log_is_for_admins() {
    let world = World::new().await;
    let (ann, admin) = (world.token("ann").await, world.admin().await);
    assert_eq!(world.get(&ann, AUDIT).await.refusal(), (403, "FORBIDDEN"));
    world.post("/auth/signin", json!({"email": "ann@example.org", "password": "x"})).await;

    let page = world.get(&admin, AUDIT).await.body;
    let told: Vec<_> =
        page["data"].as_array().unwrap().iter().map(|it| (&it["action"], &it["outcome"])).collect();
    let (done, read) = (json!("done"), json!("audit_read"));
    let (signed_in, wrong, denied) = (json!("sign_in"), json!("INVALID_CREDENTIALS"), json!("FORBIDDEN"));
    assert_eq!(told, [(&read, &done), (&signed_in, &wrong), (&read, &denied)]);
    let (newest, attempt) = (&page["data"][0], &page["data"][1]);
    assert_eq!(newest["actor"], json!(world.user("root").await));
    assert_eq!((&attempt["actor"], &attempt["account"]), (&Value::Null, &json!("ann@example.org")));
    assert_eq!(page["meta"], json!({"limit": 50, "next_before": null}));

    let first = world.get(&admin, &format!("{AUDIT}?limit=2&action=audit_read")).await.body;
    let next = first["meta"]["next_before"].as_str().unwrap();
    assert_eq!(next, first["data"][1]["id"]);
    let rest =
        world.get(&admin, &format!("{AUDIT}?before={next}&actor={}", world.user("ann").await)).await.body;
    assert_eq!(rest["data"].as_array().unwrap().len(), 1);
    assert_eq!(rest["data"][0]["outcome"], "FORBIDDEN");
    let none = world.get(&admin, &format!("{AUDIT}?until=1970-01-01T00:00:00Z")).await.body;
    assert_eq!(none["data"], json!([]));
    for bad in ["limit=0", "limit=201", "before=1", "actor=ann", "action=everything", "since=yesterday"] {
        assert_eq!(
            world.get(&admin, &format!("{AUDIT}?{bad}")).await.refusal(),
            (400, "INVALID_REQUEST"),
            "{bad}"
        );
    }
}
