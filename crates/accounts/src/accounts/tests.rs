//! What people, and those who are after their accounts, get to see.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod attacks;
mod world;

use self::world::{ANN, BOB, PASSWORD, World};
use parlor_domain::ErrorCode;
use parlor_domain::ports::{Authenticator, CredentialStore, RefreshError, Role, Scope, Store};
use std::time::Duration;

/// Protects the whole way of a person: a code by mail, an account, tokens of one sign-in.
#[tokio::test]
async fn a_code_makes_an_account_and_a_password_and_a_code_open_it() {
    let mut world = World::new().await;
    world.sign_up(ANN, PASSWORD).await.unwrap();
    let code = world.code().await;
    assert!(world.store.credential_find(ANN).await.unwrap().is_none(), "before the code there is nothing");
    let first = world.verify_email(ANN, &code).await.unwrap();
    assert_eq!((first.user.email.as_str(), first.user.username(), first.user.role), (ANN, "ann", Role::User));
    assert_eq!(first.expires_in, Duration::from_hours(1));
    let identity = world.tokens.authenticate(&first.access_token).await.unwrap();
    assert_eq!(
        (identity.user, identity.grant, identity.scope),
        (first.user.id, first.grant, Scope::Everything)
    );

    world.sign_in(" ANN@Example.org ", PASSWORD).await.unwrap();
    let code = world.code().await;
    let second = world.verify_sign_in(ANN, &format!(" {} {} ", &code[..3], &code[3..])).await.unwrap();
    assert_eq!(second.user.id, first.user.id);
    assert_ne!(second.grant, first.grant, "each sign-in is one of its own");
}

/// Protects from a thief of refresh tokens: one is good once, and who comes second is told apart.
#[tokio::test]
async fn a_refresh_token_is_good_once_and_for_its_time() {
    let mut world = World::new().await;
    let first = world.enter(ANN).await;
    let owner = world.accounts().refresh_owner(&first.refresh_token).await.unwrap();
    assert_eq!(owner, Some((first.user.id, first.grant)));
    let second = world.refresh(&first.refresh_token).await.unwrap();
    assert_eq!((second.user.id, second.grant), (first.user.id, first.grant));
    assert_ne!(second.refresh_token, first.refresh_token);
    let reused = RefreshError::Reused { grant: first.grant, user: first.user.id };
    assert_eq!(world.refresh(&first.refresh_token).await.unwrap_err(), reused);
    let third = world.refresh(&second.refresh_token).await.unwrap();

    world.clock.advance(Duration::from_hours(30 * 24));
    let unknown = |error| matches!(error, RefreshError::Refused(it) if it.code == ErrorCode::InvalidToken);
    for token in [third.refresh_token.as_str(), "", "x", &first.access_token, &"A".repeat(43)] {
        assert!(unknown(world.refresh(token).await.unwrap_err()), "{token}");
        assert_eq!(world.accounts().refresh_owner(token).await, Ok(None), "{token}");
    }
}

/// Protects a code from being more than one code for one thing, for its time.
#[tokio::test]
async fn a_code_is_good_once_for_its_purpose_its_address_and_its_time() {
    let mut world = World::new().await;
    world.sign_up(ANN, PASSWORD).await.unwrap();
    let code = world.code().await;
    let wrong = Some(ErrorCode::InvalidCode);
    assert_eq!(world.verify_sign_in(ANN, &code).await.err(), wrong, "of another purpose");
    assert_eq!(world.verify_email(BOB, &code).await.err(), wrong, "of another address");
    assert!(world.verify_email(ANN, &code).await.is_ok());
    assert_eq!(world.verify_email(ANN, &code).await.err(), wrong, "used");
    world.sign_in(ANN, PASSWORD).await.unwrap();
    let code = world.code().await;
    world.clock.advance(Duration::from_secs(600));
    assert_eq!(world.verify_sign_in(ANN, &code).await.err(), wrong, "too old");
}

/// Protects people from being signed up by others: whoever has the mail decides whose password it is.
#[tokio::test]
async fn the_password_is_that_of_the_code_that_came_back() {
    let mut world = World::new().await;
    world.sign_up(ANN, "a stranger's password").await.unwrap();
    let _of_the_stranger = world.code().await;
    world.sign_up(ANN, PASSWORD).await.unwrap();
    let code = world.code().await;
    world.verify_email(ANN, &code).await.unwrap();
    let stranger = world.sign_in(ANN, "a stranger's password").await;
    assert_eq!(stranger, Err(ErrorCode::InvalidCredentials));
    assert_eq!(world.sign_in(ANN, PASSWORD).await, Ok(()));
}

/// Protects those whom an operator or another issuer knows already: by their address they get a password, once.
#[tokio::test]
async fn an_account_without_a_password_gets_one_by_a_code() {
    let mut world = World::new().await;
    let made = world.store.user_ensure(ANN, Some(Role::Admin), world.now()).await.unwrap();
    assert_eq!(world.sign_in(ANN, PASSWORD).await, Err(ErrorCode::InvalidCredentials));
    let entered = world.enter(ANN).await;
    assert_eq!((entered.user.id, entered.user.role), (made.id, Role::Admin));
    assert_eq!(world.sign_in(ANN, PASSWORD).await, Ok(()));
}

/// Protects those who come from elsewhere, and their passwords from staying in a weak hash.
#[tokio::test]
async fn an_imported_bcrypt_hash_opens_and_is_replaced() {
    let mut world = World::new().await;
    let old = bcrypt::hash(PASSWORD, 4).unwrap();
    world.store.credential_import(ANN, None, &old, world.now()).await.unwrap().unwrap();
    assert_eq!(world.sign_in(ANN, "another password").await, Err(ErrorCode::InvalidCredentials));
    assert_eq!(world.hash_of(ANN).await, old, "a wrong password replaces nothing");
    for _ in 0..2 {
        world.sign_in(ANN, PASSWORD).await.unwrap();
        let code = world.code().await;
        world.verify_sign_in(ANN, &code).await.unwrap();
        assert!(world.hash_of(ANN).await.starts_with("$argon2id$"));
    }
}

/// Protects the store and the mail server from what can be no address, password or name: it is refused before either.
#[tokio::test]
async fn what_has_the_wrong_form_is_refused_and_leaves_nothing() {
    let mut world = World::new().await;
    let long = "x".repeat(65);
    for (email, password, username) in [
        ("ann", PASSWORD, None),
        ("ann@example.org\r\nBcc: bob@example.org", PASSWORD, None),
        (ANN, "short", None),
        (ANN, "password123", None),
        (ANN, ANN, None),
        (ANN, PASSWORD, Some("")),
        (ANN, PASSWORD, Some(" ann")),
        (ANN, PASSWORD, Some("a\nn")),
        (ANN, PASSWORD, Some(long.as_str())),
    ] {
        let refused = world.sign_up_as(email, password, username).await;
        assert_eq!(refused, Err(ErrorCode::InvalidRequest), "{email} {password} {username:?}");
    }
    assert_eq!(world.sign_in("ann", PASSWORD).await, Err(ErrorCode::InvalidRequest));
    assert_eq!(world.sign_in(ANN, "").await, Err(ErrorCode::InvalidRequest));
    assert_eq!(world.verify_email("ann", "123456").await.err(), Some(ErrorCode::InvalidRequest));
    world.sign_up_as(ANN, PASSWORD, Some("Ann Lee")).await.unwrap();
    let code = world.code().await;
    assert_eq!(world.verify_email(ANN, &code).await.unwrap().user.username(), "Ann Lee");
    assert!(world.no_more_mail().await);
}
