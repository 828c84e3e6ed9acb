//! What those get who guess, ask around, or ask too often.

use super::world::{ANN, BOB, PASSWORD, World, settings};
use crate::AccountSettings;
use parlor_domain::ErrorCode::{self, RateLimit};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::Instant;

/// A code that is not this one.
fn other(code: &str, by: usize) -> String {
    format!("{:06}", (code.parse::<usize>().unwrap() + 1 + by) % 1_000_000)
}

/// Protects a code from being guessed: five guesses burn it, from wherever they come, and all fail in the same way.
#[tokio::test]
async fn five_wrong_guesses_burn_a_code() {
    for right_at in 0..7 {
        let mut world = World::new().await;
        world.sign_up(ANN, PASSWORD).await.unwrap();
        let code = world.code().await;
        for by in 0..right_at {
            assert_eq!(world.verify_email(ANN, &other(&code, by)).await.err(), Some(ErrorCode::InvalidCode));
        }
        let last = world.verify_email(ANN, &code).await.err();
        assert_eq!(last, (right_at >= 5).then_some(ErrorCode::InvalidCode), "after {right_at} wrong ones");
    }
}

/// Protects from a patient crowd: ten thousand guesses from as many addresses never open a code that is burnt at five,
/// though the right code is among them.
#[tokio::test]
async fn ten_thousand_guesses_from_everywhere_open_nothing() {
    let mut world = World::new().await;
    world.enter(ANN).await;
    world.sign_in(ANN, PASSWORD).await.unwrap();
    let code = world.code().await;
    let mut answers = [0_usize; 2];
    for by in 0..10_000 {
        let guess = if by >= 5 && by % 7 == 0 { code.clone() } else { other(&code, by) };
        match world.verify_sign_in(ANN, &guess).await {
            Err(ErrorCode::InvalidCode) => answers[0] += 1,
            Err(ErrorCode::RateLimit) => answers[1] += 1,
            other => panic!("guess {by}: {:?}", other.map(|_| "in")),
        }
    }
    assert_eq!(answers, [20, 9_980], "and from the twenty-first on nothing is even looked up");
}

/// Protects against guesses at many codes in turn: new codes bring no new guesses, and slips of the keyboard are none.
#[tokio::test]
async fn new_codes_bring_no_new_guesses() {
    let mut world = World::new().await;
    let mut last = String::new();
    for _ in 0..4 {
        world.sign_up(ANN, PASSWORD).await.unwrap();
        last = world.code().await;
        for by in 0..5 {
            assert_eq!(world.verify_email(ANN, &other(&last, by)).await.err(), Some(ErrorCode::InvalidCode));
            assert_eq!(world.verify_email(ANN, "12345").await.err(), Some(ErrorCode::InvalidCode));
        }
    }
    assert_eq!(world.verify_email(ANN, &last).await.err(), Some(ErrorCode::RateLimit));
    assert_eq!(world.verify_sign_in(ANN, &last).await.err(), Some(ErrorCode::InvalidCode), "counted apart");
    world.clock.advance(Duration::from_hours(1));
    world.enter(ANN).await;
}

/// Protects from a heap of codes that are all good: a fourth one pushes the oldest out.
#[tokio::test]
async fn three_codes_of_an_address_are_good_at_a_time() {
    for (tried, good) in [(0, false), (1, true), (3, true)] {
        let mut world = World::new().await;
        let mut codes = Vec::new();
        for _ in 0..4 {
            world.sign_up(ANN, PASSWORD).await.unwrap();
            codes.push(world.code().await);
            world.clock.advance(Duration::from_secs(1));
        }
        // Two of four codes are the same once in some 170,000 runs; then there is nothing to see.
        if codes.iter().all(|one| codes.iter().filter(|other| *other == one).count() == 1) {
            assert_eq!(world.verify_email(ANN, &codes[tried]).await.is_ok(), good, "code {tried}");
        }
    }
}

/// Protects passwords from being guessed, and an attacker from learning which addresses are worth it: ten wrong ones shut
/// the door of any address, for the right one too, until the quarter of an hour is over.
#[tokio::test]
async fn ten_wrong_passwords_shut_the_door_of_any_address() {
    let mut world = World::new().await;
    world.enter(ANN).await;
    for email in [ANN, BOB] {
        for _ in 0..10 {
            assert_eq!(world.sign_in(email, "wrong horse").await, Err(ErrorCode::InvalidCredentials));
        }
        assert_eq!(world.sign_in(email, PASSWORD).await, Err(ErrorCode::RateLimit), "{email}");
    }
    world.clock.advance(Duration::from_secs(60));
    let refusal = world.accounts().sign_in(ANN, PASSWORD).await.unwrap_err();
    assert_eq!((refusal.code, refusal.retry_after), (ErrorCode::RateLimit, Some(14 * 60)));
    world.clock.advance(Duration::from_secs(14 * 60));
    assert_eq!(world.sign_in(ANN, PASSWORD).await, Ok(()));
}

/// Protects people who mistype: a right password clears what they did wrong before.
#[tokio::test]
async fn a_right_password_clears_the_wrong_ones() {
    let mut world = World::new().await;
    world.enter(ANN).await;
    for _ in 0..3 {
        for _ in 0..9 {
            assert_eq!(world.sign_in(ANN, "wrong horse").await, Err(ErrorCode::InvalidCredentials));
        }
        assert_eq!(world.sign_in(ANN, PASSWORD).await, Ok(()));
    }
}

/// Protects the count from guesses that are all under way before the first has failed.
#[tokio::test]
async fn passwords_tried_at_once_are_counted_before_they_are_tried() {
    let world = World::new().await;
    let tried = futures_util::future::join_all((0..40).map(|_| world.sign_in(ANN, "wrong horse"))).await;
    let wrong = tried.iter().filter(|it| **it == Err(ErrorCode::InvalidCredentials)).count();
    let refused = tried.iter().filter(|it| **it == Err(ErrorCode::RateLimit)).count();
    assert_eq!((wrong, refused), (10, 30));
}

/// Protects addresses from being found out: whoever asks is answered with the same words after the same work and time,
/// and only the owner reads in their mail what is different.
#[tokio::test(start_paused = true)]
async fn known_and_unknown_addresses_are_answered_alike() {
    let floor = Duration::from_millis(300);
    let mut world = World::with(AccountSettings { answer_floor: floor, ..settings() }).await;
    world.enter(ANN).await;
    let mut seen = Vec::new();
    for email in [ANN, BOB] {
        let hashed = world.hashed();
        let begin = Instant::now();
        let up = world.sign_up(email, "another password").await;
        let (sign_up, after) = (begin.elapsed(), world.hashed());
        let begin = Instant::now();
        let refused = world.accounts().sign_in(email, "wrong horse").await;
        let (sign_in, last) = (begin.elapsed(), world.hashed());
        let begin = Instant::now();
        let code = world.verify_sign_in(email, "123456").await.err();
        let verify = begin.elapsed();
        assert_eq!([sign_up, sign_in, verify], [floor; 3], "{email}");
        seen.push((up, refused, code, after - hashed, last - after));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!((seen[0].3, seen[0].4), (1, 1), "one hash each");
    let (known, unknown) = (world.mail().await, world.mail().await);
    assert_eq!((known.to.as_str(), unknown.to.as_str()), (ANN, BOB));
    assert!(known.text.contains("already") && unknown.text.contains("code"));
    assert!(world.no_more_mail().await);
}

/// Protects an account from being taken over by a sign-up: nothing of it is kept, and no code is made.
#[tokio::test]
async fn a_second_sign_up_changes_nothing() {
    let mut world = World::new().await;
    world.enter(ANN).await;
    let hash = world.hash_of(ANN).await;
    assert_eq!(world.sign_up(ANN, "another password").await, Ok(()));
    assert_eq!(world.hash_of(ANN).await, hash);
    assert!(!world.mail().await.text.contains("code"));
}

/// Protects people from a flood of mail, the known and the unknown alike, and sign-ins from whoever asks for sign-ups.
#[tokio::test]
async fn five_mails_of_a_purpose_go_to_an_address_in_an_hour() {
    let mut world = World::new().await;
    world.enter(ANN).await;
    for (email, left) in [(ANN, 4), (BOB, 5)] {
        for _ in 0..left {
            assert_eq!(world.sign_up(email, PASSWORD).await, Ok(()));
        }
        assert_eq!(world.sign_up(email, PASSWORD).await, Err(ErrorCode::RateLimit), "{email}");
    }
    for _ in 0..5 {
        assert_eq!(world.sign_in(ANN, PASSWORD).await, Ok(()));
    }
    assert_eq!(world.sign_in(ANN, PASSWORD).await, Err(ErrorCode::RateLimit));
    for _ in 0..14 {
        world.mail().await;
    }
    world.clock.advance(Duration::from_hours(1));
    assert_eq!(world.sign_in(ANN, PASSWORD).await, Ok(()));
    world.mail().await;
    assert!(world.no_more_mail().await);
}

/// Protects the server from one visitor: so many steps, and others still may.
#[tokio::test]
async fn one_visitor_may_ask_so_often_and_others_still_may() {
    let world = World::with(AccountSettings { requests: NonZeroU32::new(4), ..settings() }).await;
    let (here, there) = (Some([192, 0, 2, 1].into()), Some([192, 0, 2, 2].into()));
    for _ in 0..4 {
        assert_eq!(world.accounts().admit(here), Ok(()));
    }
    let refusal = world.accounts().admit(here).unwrap_err();
    assert_eq!((refusal.code, refusal.retry_after), (RateLimit, Some(15)));
    assert_eq!(world.accounts().admit(there), Ok(()));
}
