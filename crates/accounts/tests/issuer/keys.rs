//! How the issuer's keys come, change, and are had when the issuer is not.

use super::world::{Answer, EC, RSA, SigningKey, World};
use futures_util::future::join_all;
use parlor_domain::ErrorCode;
use serde_json::json;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// Protects the issuer from a request for each connection: however many come at once, it is asked once.
#[tokio::test]
async fn one_request_serves_all_who_wait() {
    let world = World::new().await;
    let token = EC.sign(&world.claims());
    let asked = join_all((0..100).map(|_| world.ask(&token))).await;
    assert!(asked.iter().all(Result::is_ok));
    world.ask_signed(&RSA).await.unwrap();
    assert_eq!(world.asked(), 1);
}

/// Protects sign-ins while the issuer changes its keys: a new one is good with the first token that names it, and one that
/// was taken back is not.
#[tokio::test]
async fn a_new_key_is_found_and_an_old_one_goes() {
    let world = World::new().await;
    world.ask_signed(&EC).await.unwrap();
    let next = SigningKey::es256("ec-2");
    world.answers(Answer::Keys(json!([next.jwk()])));
    world.clock.advance(Duration::from_secs(10));
    assert!(world.ask_signed(&next).await.is_ok());
    assert_eq!(world.asked(), 2);
    assert_eq!(world.ask_signed(&EC).await, Err(ErrorCode::InvalidToken));
}

/// Protects the issuer from a flood: tokens with keys that nobody has make one request in ten seconds, and those with a
/// key that is known are let in meanwhile.
#[tokio::test]
async fn a_flood_of_unknown_keys_does_not_reach_the_issuer() {
    let world = World::new().await;
    world.ask_signed(&EC).await.unwrap();
    let stranger = SigningKey::es256("nobody's");
    let token = stranger.sign(&world.claims());
    for wave in 0..5 {
        world.clock.advance(Duration::from_secs(10));
        let answers = join_all((0..200).map(|_| world.ask(&token))).await;
        assert!(answers.iter().all(|it| *it == Err(ErrorCode::InvalidToken)));
        assert!(world.ask_signed(&EC).await.is_ok());
        assert_eq!(world.asked(), 2 + wave);
    }
}

/// Protects from waiting for the issuer: old keys are used on while new ones are got.
#[tokio::test]
async fn old_keys_are_good_while_new_ones_are_got() {
    let world = World::new().await;
    world.ask_signed(&EC).await.unwrap();
    world.clock.advance(9 * MINUTE);
    world.ask_signed(&EC).await.unwrap();
    assert_eq!(world.asked(), 1, "they are fresh");
    world.answers(Answer::Keys(json!([RSA.jwk()])));
    world.clock.advance(MINUTE);
    assert!(world.ask_signed(&EC).await.is_ok(), "it is still the old set");
    let replaced = async {
        while world.ask_signed(&EC).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), replaced).await.expect("the new set takes its place");
    assert_eq!(world.asked(), 2);
    assert!(world.ask_signed(&RSA).await.is_ok());
}

/// Protects everybody who is signed in from an issuer that is down: its keys are good for a day, and then no more.
#[tokio::test]
async fn an_issuer_that_is_down_keeps_nobody_out_for_a_day() {
    let world = World::new().await;
    world.ask_signed(&EC).await.unwrap();
    let answers = [
        Answer::Gone,
        Answer::Raw("<html>sorry</html>".to_owned()),
        Answer::Raw("{\"keys\":[]}".to_owned()),
        Answer::Raw("x".repeat(300 * 1024)),
        Answer::Redirect("/elsewhere".to_owned()),
    ];
    for (done, answer) in answers.into_iter().enumerate() {
        world.answers(answer);
        world.clock.advance(60 * MINUTE);
        assert!(world.ask_signed(&EC).await.is_ok());
        world.until_asked(2 + done).await;
        let unknown = SigningKey::es256("new");
        world.clock.advance(MINUTE);
        assert_eq!(
            world.ask_signed(&unknown).await,
            Err(ErrorCode::Internal),
            "it may be good: nobody knows"
        );
    }
    world.clock.advance(18 * 60 * MINUTE + 54 * MINUTE);
    assert!(world.ask_signed(&EC).await.is_ok(), "a minute before the day is over");
    world.clock.advance(MINUTE);
    assert_eq!(world.ask_signed(&EC).await, Err(ErrorCode::Internal));
    world.answers(Answer::Keys(json!([EC.jwk()])));
    world.clock.advance(MINUTE);
    assert!(world.ask_signed(&EC).await.is_ok(), "the issuer is back");
}

/// Protects the first who come while the issuer is down from being told that their token is bad.
#[tokio::test]
async fn without_keys_a_token_is_neither_good_nor_bad() {
    let world = World::new().await;
    world.answers(Answer::Gone);
    for _ in 0..3 {
        assert_eq!(world.ask_signed(&EC).await, Err(ErrorCode::Internal));
    }
    assert_eq!(world.asked(), 1);
    world.answers(Answer::Keys(json!([EC.jwk()])));
    world.clock.advance(Duration::from_secs(10));
    assert!(world.ask_signed(&EC).await.is_ok());
}
