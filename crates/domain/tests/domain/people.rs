//! Sign-ins and their ends, and what is written down of them.

use crate::client::{Client, pass, settle};
use crate::world::{conversation, server, unlimited};
use async_trait::async_trait;
use parlor_domain::ports::{
    Accounts, AuditEntry, AuditFilter, Clock, GrantId, Identity, RefreshError, Role, SignUp, SignedIn, Store,
    User,
};
use parlor_domain::testing::{MemoryStore, TestHub, TrustingAuthenticator};
use parlor_domain::{Caller, CloseCode, ErrorCode, Hub, Ports, Refusal, UserId};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Who asks too often.
const FLOODING: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 66)));

/// How long it takes to look at a password.
const WORK: Duration = Duration::from_millis(300);

fn grant(number: u128) -> GrantId {
    GrantId(Uuid::from_u128(number))
}

/// Accounts that know one person, `password`, the code `123456` and the tokens `fresh` and `used`.
struct OnePerson(User);

impl OnePerson {
    fn signed_in(&self) -> SignedIn {
        SignedIn {
            user: self.0.clone(),
            grant: grant(1),
            access_token: format!("{}:{}", self.0.id, grant(1)),
            expires_in: Duration::from_secs(60),
            refresh_token: "fresh".into(),
        }
    }

    fn check(&self, code: &str) -> Result<SignedIn, Refusal> {
        if code == "123456" { Ok(self.signed_in()) } else { Err(Refusal::of(ErrorCode::InvalidCode)) }
    }
}

#[async_trait]
impl Accounts for OnePerson {
    fn admit(&self, from: Option<IpAddr>) -> Result<(), Refusal> {
        if from == FLOODING { Err(Refusal::of(ErrorCode::RateLimit)) } else { Ok(()) }
    }

    async fn sign_up(&self, _: SignUp) -> Result<(), Refusal> {
        Ok(())
    }

    async fn verify_email(&self, _: &str, code: &str) -> Result<SignedIn, Refusal> {
        self.check(code)
    }

    async fn sign_in(&self, _: &str, password: &str) -> Result<(), Refusal> {
        tokio::time::sleep(WORK).await;
        if password == "password" { Ok(()) } else { Err(Refusal::of(ErrorCode::InvalidCredentials)) }
    }

    async fn verify_sign_in(&self, _: &str, code: &str) -> Result<SignedIn, Refusal> {
        self.check(code)
    }

    async fn refresh(&self, token: &str) -> Result<SignedIn, RefreshError> {
        match token {
            "fresh" => Ok(self.signed_in()),
            "used" => Err(RefreshError::Reused { grant: grant(1), user: self.0.id }),
            _ => Err(RefreshError::Refused(Refusal::of(ErrorCode::InvalidToken))),
        }
    }

    async fn refresh_owner(&self, token: &str) -> Result<Option<(UserId, GrantId)>, Refusal> {
        Ok((token == "fresh").then_some((self.0.id, grant(1))))
    }
}

/// A node on a store that several may share, with Ann's accounts.
async fn node(store: &Arc<MemoryStore>) -> (TestHub, User) {
    let server = TestHub::on(Arc::clone(store), unlimited()).await;
    let ann = store.user_ensure("ann@example.org", None, server.clock.now()).await.unwrap();
    let authenticator = TrustingAuthenticator { clock: Arc::clone(&server.clock), expects_workers: false };
    let ports = Ports {
        store: Arc::clone(store) as Arc<_>,
        clock: Arc::clone(&server.clock) as Arc<_>,
        authenticator: Arc::new(authenticator),
        accounts: Some(Arc::new(OnePerson(ann.clone()))),
        providers: Vec::new(),
        prompts: Arc::new(parlor_domain::testing::PlainPrompts),
        moderator: None,
        embedder: None,
        extractor: None,
        files: None,
    };
    let hub = Hub::start(ports, unlimited()).await.unwrap();
    (TestHub { hub, ..server }, ann)
}

async fn caller(server: &TestHub, user: UserId, grant: GrantId) -> Caller {
    server.hub.authenticate(&format!("{user}:{grant}")).await.unwrap()
}

fn client(server: &TestHub, caller: &Caller) -> Client {
    Client { session: server.hub.connect(caller).unwrap() }
}

fn admin() -> Caller {
    let identity = Identity {
        user: UserId::new(),
        role: Role::Admin,
        expires_at: parlor_domain::Timestamp::from_microsecond(i64::MAX),
        scope: parlor_domain::ports::Scope::Everything,
        grant: grant(99),
    };
    Caller { identity, username: "root".into(), address: "192.0.2.1".parse().ok() }
}

/// What the audit log says, oldest first: action, outcome, and whether an actor is known.
async fn audited(server: &TestHub) -> Vec<(String, String, bool)> {
    let entries = server.hub.audit_list(&admin(), AuditFilter::default(), None, 100).await.unwrap();
    let line = |it: &AuditEntry| (it.action.clone(), it.outcome.clone(), it.actor.is_some());
    entries.iter().rev().filter(|it| it.action != "audit_read").map(line).collect()
}

/// Protects whoever signs out: their tokens of that sign-in are refused at once, its sockets close with 4001, and other
/// sign-ins of theirs go on.
#[tokio::test(start_paused = true)]
async fn signing_out_ends_one_sign_in() {
    let (server, ann) = node(&Arc::new(MemoryStore::new())).await;
    let (here, there) = (caller(&server, ann.id, grant(1)).await, caller(&server, ann.id, grant(2)).await);
    let (tab, other) = (client(&server, &here), client(&server, &there));
    server.hub.sign_out(&here, None).await.unwrap();
    assert_eq!(tab.seen().await, ["refused INVALID_TOKEN"]);
    let close = tab.close().unwrap();
    assert_eq!((close.code, &*close.reason), (CloseCode::Unauthenticated, "Signed out"));
    assert_eq!(other.close(), None);
    let token = format!("{}:{}", ann.id, grant(1));
    assert_eq!(server.hub.authenticate(&token).await.unwrap_err().code, ErrorCode::InvalidToken);
    assert_eq!(server.hub.connect(&here).err().unwrap().code, ErrorCode::InvalidToken, "it was on its way");
    assert_eq!(other.session.extend(&here).unwrap_err().code, ErrorCode::InvalidToken);
    server.hub.sign_out(&there, Some("fresh")).await.unwrap();
    assert_eq!(other.close().unwrap().code, CloseCode::Unauthenticated);
    let outs = audited(&server).await;
    assert_eq!(outs.len(), 2, "the refresh token's own sign-in had ended before: {outs:?}");
}

/// Protects a sign-in from being ended by a stranger who has got its refresh token alone.
#[tokio::test(start_paused = true)]
async fn a_refresh_token_of_another_user_is_left_alone() {
    let (server, ann) = node(&Arc::new(MemoryStore::new())).await;
    let tab = client(&server, &caller(&server, ann.id, grant(1)).await);
    let bob = server.user("bob@example.org").await;
    server.hub.sign_out(&caller(&server, bob, grant(7)).await, Some("fresh")).await.unwrap();
    assert_eq!(tab.close(), None);
}

/// Protects a sign-in that ends on one node from going on at another, and at the same one after a restart.
#[tokio::test(start_paused = true)]
async fn a_sign_in_ends_on_every_node() {
    let store = Arc::new(MemoryStore::shared());
    let (here, ann) = node(&store).await;
    let (there, _) = node(&store).await;
    let tab = client(&there, &caller(&there, ann.id, grant(1)).await);
    here.hub.sign_out(&caller(&here, ann.id, grant(1)).await, None).await.unwrap();
    pass(Duration::from_secs(3)).await;
    assert_eq!(tab.close().unwrap().code, CloseCode::Unauthenticated);
    let (restarted, _) = node(&store).await;
    let token = format!("{}:{}", ann.id, grant(1));
    assert_eq!(restarted.hub.authenticate(&token).await.unwrap_err().code, ErrorCode::InvalidToken);
}

/// Protects a sign-in that has ended from clocks: a node that is wrong by an hour hears of it all the same, and one that
/// was wrong for a moment, by as much as a time zone, does not forget it.
#[tokio::test(start_paused = true)]
async fn clocks_that_are_wrong_bring_no_sign_in_back() {
    let store = Arc::new(MemoryStore::shared());
    let (here, ann) = node(&store).await;
    let (there, _) = node(&store).await;
    let right = there.clock.now();
    there.clock.advance(Duration::from_hours(1));
    let tab = client(&there, &caller(&there, ann.id, grant(1)).await);
    here.hub.sign_out(&caller(&here, ann.id, grant(1)).await, None).await.unwrap();
    pass(Duration::from_secs(11 * 60)).await;
    assert_eq!(tab.close().unwrap().code, CloseCode::Unauthenticated);
    for hours in [14, 0, 25] {
        there.clock.set(right.plus(Duration::from_hours(hours)));
        pass(Duration::from_secs(11 * 60)).await;
    }
    there.clock.set(right);
    let token = format!("{}:{}", ann.id, grant(1));
    assert_eq!(there.hub.authenticate(&token).await.unwrap_err().code, ErrorCode::InvalidToken);
}

/// Protects the audit log from who asks and goes away before the answer: what they wanted is done, and written down.
#[tokio::test(start_paused = true)]
async fn who_goes_away_is_written_down_all_the_same() {
    let (server, ann) = node(&Arc::new(MemoryStore::new())).await;
    let (email, from) = ("ann@example.org", "192.0.2.7".parse().ok());
    let mut leaving = Box::pin(server.hub.sign_in(email, "wrong", from));
    assert!(futures_util::poll!(&mut leaving).is_pending());
    drop(leaving);
    pass(2 * WORK).await;
    let here = caller(&server, ann.id, grant(1)).await;
    let mut leaving = Box::pin(server.hub.sign_out(&here, None));
    assert!(futures_util::poll!(&mut leaving).is_pending());
    drop(leaving);
    settle().await;
    assert!(server.hub.connect(&here).is_err());
    let expect =
        [("sign_in".into(), "INVALID_CREDENTIALS".into(), false), ("sign_out".into(), "done".into(), true)];
    assert_eq!(audited(&server).await, expect);
}

/// Protects against a stolen refresh token: when it comes a second time the whole sign-in ends, sockets too.
#[tokio::test(start_paused = true)]
async fn a_reused_refresh_token_ends_its_sign_in() {
    let (server, ann) = node(&Arc::new(MemoryStore::new())).await;
    let tab = client(&server, &caller(&server, ann.id, grant(1)).await);
    assert!(server.hub.refresh("fresh", None).await.is_ok());
    assert_eq!(server.hub.refresh("used", None).await.unwrap_err().code, ErrorCode::InvalidToken);
    assert_eq!(tab.close().unwrap().code, CloseCode::Unauthenticated);
    assert_eq!(server.hub.refresh("fresh", None).await.unwrap_err().code, ErrorCode::InvalidToken);
    assert_eq!(audited(&server).await, [("token_reuse".into(), "INVALID_TOKEN".into(), true)]);
}

/// Protects the audit log: each step of a sign-in is in it with its outcome, with the actor only where they have proved
/// who they are; and what cannot be written down is not done.
#[tokio::test(start_paused = true)]
async fn every_step_is_written_down() {
    let (server, _) = node(&Arc::new(MemoryStore::new())).await;
    let hub = &server.hub;
    let (email, from) = ("ann@example.org", "192.0.2.7".parse().ok());
    let who = SignUp { email: email.into(), password: "password".into(), username: None };
    hub.sign_up(who, from).await.unwrap();
    hub.verify_email(email, "000000", from).await.unwrap_err();
    hub.verify_email(email, "123456", from).await.unwrap();
    hub.sign_in(email, "wrong", from).await.unwrap_err();
    hub.sign_in(email, "password", from).await.unwrap();
    hub.verify_sign_in(email, "123456", from).await.unwrap();
    let line = |action: &str, outcome: &str, actor| (action.to_owned(), outcome.to_owned(), actor);
    let expect = [
        line("sign_up", "done", false),
        line("email_verify", "INVALID_CODE", false),
        line("email_verify", "done", true),
        line("sign_in", "INVALID_CREDENTIALS", false),
        line("sign_in", "done", false),
        line("sign_in_verify", "done", true),
    ];
    assert_eq!(audited(&server).await, expect);
    let entries = hub.audit_list(&admin(), AuditFilter::default(), None, 100).await.unwrap();
    let of_ann = |it: &&AuditEntry| it.account.as_deref() == Some(email) && it.address == from;
    assert_eq!(entries.iter().filter(of_ann).count(), 6);
    server.store.fail_next_reads(1);
    assert_eq!(hub.verify_sign_in(email, "123456", from).await.err().unwrap().code, ErrorCode::Internal);
}

/// Protects the log, which nobody can shorten, and the disk from a flood: who asks too often is refused without a line.
#[tokio::test(start_paused = true)]
async fn a_flood_fills_no_log() {
    let (server, _) = node(&Arc::new(MemoryStore::new())).await;
    let (hub, email) = (&server.hub, "ann@example.org");
    let who = SignUp { email: email.into(), password: "password".into(), username: None };
    let refused = [
        hub.sign_up(who, FLOODING).await.err(),
        hub.verify_email(email, "123456", FLOODING).await.err(),
        hub.sign_in(email, "password", FLOODING).await.err(),
        hub.verify_sign_in(email, "123456", FLOODING).await.err(),
        hub.refresh("used", FLOODING).await.err(),
    ];
    assert!(refused.iter().all(|it| it.as_ref().is_some_and(|it| it.code == ErrorCode::RateLimit)));
    assert_eq!(audited(&server).await, []);
}

/// Protects the log from readers who are no admins; that they tried is in it.
#[tokio::test(start_paused = true)]
async fn admins_alone_read_the_log_and_are_in_it() {
    let server = server().await;
    let ann = caller(&server, server.user("ann@example.org").await, grant(1)).await;
    let refused = server.hub.audit_list(&ann, AuditFilter::default(), None, 10).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Forbidden);
    assert_eq!(server.hub.stats(&ann).await.unwrap_err().code, ErrorCode::Forbidden);
    assert!(server.hub.stats(&admin()).await.is_ok());
    let entries = server.hub.audit_list(&admin(), AuditFilter::default(), None, 10).await.unwrap();
    let lines: Vec<_> = entries.iter().rev().map(|it| (it.action.as_str(), it.outcome.as_str())).collect();
    let expect = [
        ("audit_read", "FORBIDDEN"),
        ("stats_read", "FORBIDDEN"),
        ("stats_read", "done"),
        ("audit_read", "done"),
    ];
    assert_eq!(lines, expect);
}

/// Protects the log from those who watch: who looks every few seconds is in it once an hour, who may not look each time; and
/// what they see is what was said.
#[tokio::test(start_paused = true)]
async fn watching_is_written_down_once_an_hour() {
    let server = server().await;
    let ann = caller(&server, server.user("ann@example.org").await, grant(1)).await;
    for _ in 0..2 {
        assert_eq!(server.hub.live(&ann).await.unwrap_err().code, ErrorCode::Forbidden);
    }
    let id = conversation(&server, &["ann"]).await;
    let mut tab = Client::join(&server, "ann", id).await;
    for said in 0..3 {
        assert_eq!(server.hub.live(&admin()).await.unwrap().messages, said);
        tab.note(id, "hello").await;
        settle().await;
    }
    assert_eq!(server.hub.live(&admin()).await.unwrap().figures.connections, 1);
    server.clock.advance(Duration::from_secs(3_600));
    server.hub.live(&admin()).await.unwrap();
    let line = |outcome: &str| ("stats_read".to_owned(), outcome.to_owned(), true);
    let expect = [line("FORBIDDEN"), line("FORBIDDEN"), line("done"), line("done")];
    assert_eq!(audited(&server).await, expect);
}

/// Protects a server without accounts of its own: there is nothing to sign in to, and sign-out works all the same.
#[tokio::test(start_paused = true)]
async fn a_server_without_accounts_has_no_sign_in() {
    let server = server().await;
    assert!(!server.hub.has_accounts());
    assert_eq!(server.hub.sign_in("a@b", "x", None).await.unwrap_err().code, ErrorCode::NotFound);
    let ann = caller(&server, server.user("ann@example.org").await, grant(1)).await;
    server.hub.sign_out(&ann, Some("whatever")).await.unwrap();
    assert!(server.hub.connect(&ann).is_err());
}

/// Protects a new name: the next message bears it.
#[tokio::test(start_paused = true)]
async fn a_new_name_is_seen_at_the_next_connection() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let ann = server.hub.authenticate(&server.user("ann@example.org").await.to_string()).await.unwrap();
    assert_eq!(&*ann.username, "ann");
    let change = parlor_domain::ports::UserChange { username: Some("Ann B.".into()), profile: None };
    server.hub.user_update(&ann, change).await.unwrap();
    let mut tab = Client::join(&server, "ann", id).await;
    tab.note(id, "hello").await;
    settle().await;
    assert_eq!(tab.entries()[0].author_name.as_deref(), Some("Ann B."));
    for wrong in ["", " x", "a\nb", &"x".repeat(65)] {
        let change = parlor_domain::ports::UserChange { username: Some(wrong.into()), profile: None };
        let refused = server.hub.user_update(&ann, change).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidRequest, "{wrong:?}");
    }
}
