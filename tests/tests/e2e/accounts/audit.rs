//! The audit log: what is in it, who may read it, and that nobody changes it.

use super::{me, quick, user};
use parlor_tests::client::id;
use parlor_tests::http::Answer;
use parlor_tests::person::{Tokens, post, refresh};
use parlor_tests::{Client, Credential, Person, Postgres, TestApp, TestAppBuilder, Visitor};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

const AUDIT: &str = "/api/v1/admin/audit";

async fn read(app: &TestApp, admin: &str, query: &str) -> Answer {
    app.ask(admin, "GET", &format!("{AUDIT}{query}"), Value::Null).await
}

/// Every entry, the newest first, page by page.
async fn all(app: &TestApp, admin: &str, limit: usize, query: &str) -> Vec<Value> {
    let mut entries = Vec::new();
    let mut before = String::new();
    loop {
        let answer = read(app, admin, &format!("?limit={limit}{query}{before}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let mut page = answer.json();
        assert_eq!(page["meta"]["limit"], limit);
        let data = page["data"].as_array_mut().unwrap();
        assert!(data.len() <= limit);
        entries.append(data);
        let Some(next) = page["meta"]["next_before"].as_str() else { return entries };
        before = format!("&before={next}");
    }
}

/// The entries of an action, the oldest first: actor, account, address, subject, outcome.
async fn of(app: &TestApp, admin: &str, action: &str) -> Vec<Value> {
    let entries = all(app, admin, 50, &format!("&action={action}")).await;
    let told = |it: &Value| json!([it["actor"], it["account"], it["address"], it["subject"], it["outcome"]]);
    entries.iter().rev().map(told).collect()
}

/// A conversation that the AI has answered in, by the sessions dialect.
async fn session(app: &TestApp, token: &str) -> String {
    let client = Client::try_open(app.address(), "/chat/ws", Credential::Query(token), &[]).await;
    let mut client = client.unwrap();
    client.expect("connected").await;
    client.send(json!({"message": "echo hello"})).await;
    id(&client.until("message").await["session_id"])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_on_sqlite() {
    let app = the_audit_log(quick()).await;
    let database = rusqlite::Connection::open(app.folder().join("data/parlor.db")).unwrap();
    let count =
        || database.query_row("SELECT count(*) FROM audit_log", [], |row| row.get::<_, u32>(0)).unwrap();
    let before = count();
    for statement in CHANGES.iter().chain(&["INSERT OR REPLACE INTO audit_log SELECT id, at, actor, account, address, action, subject, 'x' FROM audit_log"]) {
        let changed = database.execute(statement, []);
        assert!(!matches!(changed, Ok(1..)), "{statement}: {changed:?}");
        if !statement.starts_with("INSERT") {
            assert!(changed.unwrap_err().to_string().contains("only grows"), "{statement}");
        }
    }
    assert_eq!(count(), before);
    let changed: u32 = database
        .query_row("SELECT count(*) FROM audit_log WHERE outcome = 'x'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(changed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_on_postgres() {
    let postgres = Postgres::start();
    let _app = the_audit_log(quick().env("DATABASE_URL", postgres.url())).await;
    let count =
        || postgres.sql("SELECT count(*), count(*) FILTER (WHERE outcome = 'x') FROM audit_log").unwrap();
    let before = count();
    for statement in CHANGES.iter().chain(&["TRUNCATE audit_log", "TRUNCATE audit_log CASCADE"]) {
        let complaint = postgres.sql(statement).unwrap_err();
        assert!(complaint.contains("only grows"), "{statement}: {complaint}");
    }
    assert_eq!(count(), before);
}

const CHANGES: [&str; 4] = [
    "UPDATE audit_log SET outcome = 'x'",
    "UPDATE audit_log SET actor = NULL WHERE action = 'sign_in'",
    "DELETE FROM audit_log",
    "DELETE FROM audit_log WHERE action = 'sign_in'",
];

/// Protects who must find out what happened: everything of consequence is there with who, about whom, from where, when and
/// what became of it, through a crash; in pages, for admins alone.
async fn the_audit_log(builder: TestAppBuilder) -> TestApp {
    let mut app = builder.start().await;
    let begun = now_as_logged();
    let mut ann = Person::new("ann@example.org");
    let away = Ipv4Addr::new(127, 9, 8, 7);
    let mut visitor = Visitor::connect_from(away, app.address()).await;
    let first = ann.sign_up(&app).await;
    let wrong = json!({"email": "Ann@Example.org", "password": "wrong horse"});
    assert_eq!(visitor.post("/auth/signin", &wrong).await.status, 401);
    assert_eq!(
        visitor.post("/auth/signin", &json!({"email": "x@example.org", "password": "x"})).await.status,
        401
    );
    let code = ann.begin_sign_in(&app).await;
    let other = if code == "123456" { "654321" } else { "123456" };
    assert_eq!(
        visitor.post("/auth/verify-signin", &json!({"email": ann.email, "code": other})).await.status,
        401
    );
    let second =
        Tokens::of(&visitor.post("/auth/verify-signin", &json!({"email": ann.email, "code": code})).await);
    let third = ann.sign_in(&app).await;
    Tokens::of(&refresh(&app, &second.refresh).await);
    assert_eq!(visitor.post("/auth/refresh", &json!({"refresh_token": second.refresh})).await.status, 401);
    let session = session(&app, &first.access).await;
    let path = format!("/chat/sessions/{session}");
    let eve = app.token("eve@example.org");
    let (eves, anns) = (user(&app, &eve).await, first.user.clone());
    for (token, method, path, status) in [
        (&first.access, "GET", format!("{path}/export?format=json"), 200),
        (&eve, "GET", format!("{path}/export?format=json"), 404),
        (&eve, "DELETE", path.clone(), 404),
        (&first.access, "DELETE", path.clone(), 204),
        (&first.access, "POST", format!("{path}/restore"), 200),
        (&eve, "GET", AUDIT.to_owned(), 403),
        (&eve, "GET", "/api/v1/ws/stats".to_owned(), 403),
    ] {
        let answer = app.ask(token, method, &path, Value::Null).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
    }
    let mut rooms = app.rooms(&first.access).await;
    for room in ["by-frame", "by-http"] {
        rooms.enter(room, "group").await;
    }
    let by_http = app.ask(&first.access, "DELETE", "/api/v1/ws/rooms/by-http", Value::Null).await;
    assert!(by_http.status < 300, "{}", by_http.body);
    rooms.ask("delete_room", json!({"room_id": "by-frame"})).await;
    // Everybody hears of it before it is answered, and it is written down before it is answered.
    rooms.barrier().await;
    assert_eq!(app.ask(&third.access, "POST", "/auth/signout", Value::Null).await.status, 204);
    app.kill9();
    app.restart().await;

    let admin = app.admin_token("admin@example.org");
    let admins = user(&app, &admin).await;
    assert_eq!(app.ask(&admin, "GET", "/api/v1/ws/stats", Value::Null).await.status, 200);
    let (near, far) = ("127.0.0.1", away.to_string());
    let done = "done";
    let check = async |action: &str, expect: Vec<Value>| {
        assert_eq!(of(&app, &admin, action).await, expect, "{action}");
    };
    let email = ann.email.as_str();
    check("sign_up", vec![json!([null, email, near, null, done])]).await;
    check("email_verify", vec![json!([anns, email, near, null, done])]).await;
    let sign_ins = vec![
        json!([null, "Ann@Example.org", far, null, "INVALID_CREDENTIALS"]),
        json!([null, "x@example.org", far, null, "INVALID_CREDENTIALS"]),
        json!([null, email, near, null, done]),
        json!([null, email, near, null, done]),
    ];
    check("sign_in", sign_ins).await;
    let verified = vec![
        json!([null, email, far, null, "INVALID_CODE"]),
        json!([anns, email, far, null, done]),
        json!([anns, email, near, null, done]),
    ];
    check("sign_in_verify", verified).await;
    let of_session = |user: &str, outcome: &str| json!([user, null, near, session, outcome]);
    let missing = "CONVERSATION_NOT_FOUND";
    check("conversation_export", vec![of_session(&anns, done), of_session(&eves, missing)]).await;
    check("conversation_delete", vec![of_session(&eves, missing), of_session(&anns, done)]).await;
    check("conversation_restore", vec![of_session(&anns, done)]).await;
    let of_room = |room: &str| json!([anns, null, near, room, done]);
    check("room_delete", vec![of_room("by-http"), of_room("by-frame")]).await;
    let issued = |email: &str| json!([null, email, null, null, done]);
    check("token_issue", vec![issued("eve@example.org"), issued("admin@example.org")]).await;
    let stats = vec![json!([eves, null, near, null, "FORBIDDEN"]), json!([admins, null, near, null, done])];
    check("stats_read", stats).await;
    let [reuse] = &of(&app, &admin, "token_reuse").await[..] else { panic!("one reuse") };
    assert_eq!(
        (&reuse[0], &reuse[2], &reuse[4]),
        (&json!(anns), &json!(far), &json!("INVALID_TOKEN")),
        "{reuse}"
    );
    let [sign_out] = &of(&app, &admin, "sign_out").await[..] else { panic!("one sign-out") };
    assert_eq!(
        (&sign_out[0], &sign_out[2], &sign_out[4]),
        (&json!(anns), &json!(near), &json!(done)),
        "{sign_out}"
    );
    assert!(
        reuse[3].is_string() && sign_out[3].is_string() && reuse[3] != sign_out[3],
        "the sign-ins: {reuse} {sign_out}"
    );
    let reads = of(&app, &admin, "audit_read").await;
    assert_eq!(reads[0], json!([eves, null, near, null, "FORBIDDEN"]));
    assert!(reads.len() > 10 && reads[1..].iter().all(|it| *it == json!([admins, null, near, null, done])));

    // Pages of any size are one list; entries have ids and times that only rise, and are of this run.
    let (whole, paged) = (all(&app, &admin, 200, "").await, all(&app, &admin, 7, "").await);
    assert_eq!(paged[paged.len() - whole.len()..], whole[..], "what was read meanwhile is newer");
    assert!(
        whole
            .is_sorted_by(|a, b| a["id"].as_str() > b["id"].as_str() && a["at"].as_str() >= b["at"].as_str())
    );
    assert!(whole.iter().all(|it| it["at"].as_str().unwrap() >= begun.as_str()), "{begun}");
    let of_ann = all(&app, &admin, 50, &format!("&actor={anns}")).await;
    assert!(of_ann.len() > 5 && of_ann.iter().all(|it| it["actor"] == json!(anns)), "{of_ann:?}");
    let middle = whole[whole.len() / 2]["at"].as_str().unwrap();
    let (since, until) = (
        all(&app, &admin, 200, &format!("&since={middle}")).await,
        all(&app, &admin, 200, &format!("&until={middle}")).await,
    );
    assert!(since.iter().all(|it| it["at"].as_str().unwrap() >= middle));
    assert!(until.iter().all(|it| it["at"].as_str().unwrap() < middle) && !until.is_empty());
    for bad in
        ["?limit=0", "?limit=201", "?limit=x", "?before=x", "?actor=x", "?action=nothing", "?since=yesterday"]
    {
        assert_eq!(read(&app, &admin, bad).await.refusal(), (400, "INVALID_REQUEST".to_owned()), "{bad}");
    }
    for secret in [&ann.password, &first.access, &second.refresh, &code] {
        assert!(whole.iter().all(|it| !it.to_string().contains(secret.as_str())), "{secret} is in the log");
    }
    app
}

/// Now, in the form of the log, so that both compare as texts.
fn now_as_logged() -> String {
    let output = std::process::Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S.000Z"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Protects the log from being filled with somebody else's address: only a proxy that the operator named is believed.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_believed_where_it_is_named() {
    for (proxies, expect) in
        [(None, "127.0.0.1"), (Some("127.0.0.1"), "203.0.113.9"), (Some("10.0.0.0/8"), "127.0.0.1")]
    {
        let mut builder = quick();
        if let Some(proxies) = proxies {
            builder = builder.env("TRUSTED_PROXIES", proxies);
        }
        let app = builder.start().await;
        let body = json!({"email": "ann@example.org", "code": "123456"}).to_string();
        let mut socket = parlor_tests::raw::RawSocket::connect(app.address()).await;
        let request = format!(
            "POST /auth/verify-email HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: 1.1.1.1, 203.0.113.9\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write(request.as_bytes()).await;
        assert!(socket.read_head().await.starts_with("HTTP/1.1 401"));
        let admin = app.admin_token("admin@example.org");
        let [entry] = &of(&app, &admin, "email_verify").await[..] else { panic!("one entry") };
        assert_eq!(entry[2], expect, "{proxies:?}");
    }
}

/// Protects who reads the log: what a stranger calls themselves is kept as it was, in its bounds, and an address at its
/// longest is whole.
#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_write_into_the_log_is_bounded() {
    let app = quick().start().await;
    let label = "b".repeat(60);
    let longest = format!("{}@{label}.{label}.{label}.org", "a".repeat(64));
    for email in [longest.as_str(), &"x".repeat(5_000), "a\u{1b}[31m\nb@example.org"] {
        assert_eq!(
            post(&app, "/auth/verify-email", json!({"email": email, "code": "123456"})).await.status / 100,
            4
        );
    }
    let admin = app.admin_token("admin@example.org");
    assert_eq!(me(&app, &admin).await.status, 200);
    let accounts: Vec<String> = of(&app, &admin, "email_verify").await.iter().map(|it| id(&it[1])).collect();
    assert_eq!(accounts[0], longest);
    assert!(accounts[1].len() <= 254 && accounts[1].starts_with("xxx"), "{}", accounts[1]);
    assert_eq!(accounts[2], "a[31mb@example.org");
}
