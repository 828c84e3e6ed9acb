//! Whose a token of another issuer is.

use super::world::{EC, World};
use parlor_accounts::{Door, ServiceKeys, Tokens};
use parlor_domain::ErrorCode;
use parlor_domain::ports::{Authenticator, Clock, Identity, Role, Scope, Store, User};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

async fn user_of(world: &World, claims: &Value) -> User {
    let identity = world.ask(&EC.sign(claims)).await.unwrap();
    world.store.user_get(identity.user).await.unwrap().unwrap()
}

/// Protects a subject from being two users, and two subjects from being one.
#[tokio::test]
async fn a_subject_is_one_user_and_is_made_on_first_sight() {
    let world = World::new().await;
    let first = user_of(&world, &world.claims()).await;
    assert_eq!(first.role, Role::User);
    assert!(
        first.email.starts_with("user-1-") && first.email.ends_with("@id.example.org.invalid"),
        "{}",
        first.email
    );
    world.clock.advance(Duration::from_hours(1));
    assert_eq!(user_of(&world, &world.claims()).await.id, first.id, "also when it is forgotten in memory");
    let other = user_of(&world, &world.claims_with("sub", json!("USER_1"))).await;
    assert_ne!(other.id, first.id);
    let mut named = world.claims_with("sub", json!("user_3"));
    named["name"] = json!("Ann Lee");
    assert_eq!(user_of(&world, &named).await.username(), "Ann Lee");
}

/// Protects an account from who only claims its address: another issuer's word counts where it says that it has made sure.
#[tokio::test]
async fn an_address_is_believed_where_it_was_verified() {
    let world = World::new().await;
    let ann = world.store.user_ensure("ann@example.org", None, world.clock.now()).await.unwrap();
    let claimed = [Value::Null, json!(false), json!("true"), json!(1)];
    for (at, verified) in claimed.into_iter().enumerate() {
        let mut claims = world.claims_with("sub", json!(format!("thief_{at}")));
        claims["email"] = json!("ann@example.org");
        claims["email_verified"] = verified;
        assert_ne!(user_of(&world, &claims).await.id, ann.id, "{claims}");
    }
    let mut claims = world.claims();
    claims["email"] = json!("Ann@Example.org");
    claims["email_verified"] = json!(true);
    assert_eq!(user_of(&world, &claims).await.id, ann.id);
    let mut odd = world.claims_with("sub", json!("odd"));
    odd["email"] = json!("no address");
    odd["email_verified"] = json!(true);
    assert!(user_of(&world, &odd).await.email.ends_with(".invalid"));
}

/// Protects the database: who comes back within a minute costs no query; after it, a change of role is seen.
#[tokio::test]
async fn a_known_subject_costs_no_query() {
    let world = World::new().await;
    let user = user_of(&world, &world.claims()).await;
    world.store.fail_next_reads(1);
    assert!(world.ask_signed(&EC).await.is_ok());
    assert!(world.store.user_get(user.id).await.is_err(), "the first read since then");
    world.store.user_ensure(&user.email, Some(Role::Admin), world.clock.now()).await.unwrap();
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.ask_signed(&EC).await.unwrap().role, Role::Admin);
}

/// Protects sign-out: all tokens of one sign-in name the same, no two sign-ins do, and none names one of ours.
#[tokio::test]
async fn a_sign_in_is_named_by_sid_else_by_the_token() {
    let world = World::new().await;
    let grant = async |claims: &Value| world.ask(&EC.sign(claims)).await.unwrap().grant;
    let of_session = world.claims_with("sid", json!("sess_1"));
    let mut renewed = world.claims_with("sid", json!("sess_1"));
    renewed["jti"] = json!("another");
    assert_eq!(grant(&of_session).await, grant(&renewed).await);
    assert_ne!(grant(&of_session).await, grant(&world.claims_with("sid", json!("sess_2"))).await);
    assert_ne!(grant(&of_session).await, grant(&world.claims_with("jti", json!("sess_1"))).await);
    let token = EC.sign(&world.claims());
    assert_eq!(world.ask(&token).await.unwrap().grant, world.ask(&token).await.unwrap().grant);
    let ours = "00000000-0000-4000-8000-000000000001";
    assert_ne!(grant(&world.claims_with("sid", json!(ours))).await.to_string(), ours);
}

/// Protects the door: our own tokens and the issuer's open it, each by its own keys; workers' keys are ours.
#[tokio::test]
async fn the_door_opens_to_both_issuers() {
    let world = World::new().await;
    let key = "a-worker's-key-0123456789";
    let tokens = Tokens::new(&[7; 32], Arc::clone(&world.clock) as Arc<dyn Clock>).unwrap();
    let tokens = Arc::new(tokens.with_service_keys(ServiceKeys::new([key]).unwrap()));
    let door = Door::new(Arc::clone(&tokens), Some(Arc::clone(&world.issuer)));
    let foreign = door.authenticate(&EC.sign(&world.claims())).await.unwrap();
    let own = tokens.issue(foreign.user, Role::User, Duration::from_secs(9), world.clock.now()).unwrap();
    assert_eq!(door.authenticate(&own).await.unwrap().user, foreign.user);
    assert_eq!(world.asked(), 1);
    let socket = door.issue_socket_token(&foreign, Duration::from_secs(9)).await.unwrap();
    let of_socket = door.authenticate(&socket).await.unwrap();
    let expires_at = of_socket.expires_at;
    assert_eq!(of_socket, Identity { scope: Scope::Sockets, expires_at, ..foreign });
    world.clock.advance(Duration::from_secs(9));
    assert_eq!(door.authenticate(&own).await, Err(ErrorCode::TokenExpired));
    assert_eq!(door.authenticate("x").await, Err(ErrorCode::InvalidToken));
    assert!(door.is_service_key(key) && door.has_service_keys() && !door.is_service_key("x"));
    let alone = Door::new(tokens, None);
    assert_eq!(alone.authenticate(&EC.sign(&world.claims())).await, Err(ErrorCode::InvalidToken));
}
