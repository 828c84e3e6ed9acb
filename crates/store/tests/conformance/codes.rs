//! Codes by mail: how many guesses they bear, and what a right one brings.

use crate::people::{ANN, guess, hash, later, sign_in, sign_up, user};
use crate::subject::{Subject, suite};
use crate::write::at;
use parlor_domain::ports::{CodeGuess, NewCode};

async fn a_right_sign_up_makes_the_account_once(subject: &Subject) {
    let people = &subject.people;
    let code = sign_up(ANN, hash());
    people.code_create(code.clone(), 3).await.unwrap();
    assert!(
        people.credential_find(ANN).await.unwrap().is_none(),
        "an address that is not proved has no account"
    );

    let ann = people.code_guess(guess(&code, code.hash)).await.unwrap().unwrap();
    assert_eq!((ann.email.as_str(), ann.username(), ann.created_at), (ANN, "Ann", at(1)));
    let credential = people.credential_find(ANN).await.unwrap().unwrap();
    assert_eq!((credential.user, credential.password_hash), (ann, code.password_hash.clone()));

    assert_eq!(people.code_guess(guess(&code, code.hash)).await.unwrap(), None, "a code is good once");
}

async fn a_right_sign_up_gives_an_account_without_a_password_its_first(subject: &Subject) {
    let people = &subject.people;
    let ann = user(subject, ANN).await;
    let code = sign_up(ANN, hash());
    people.code_create(code.clone(), 3).await.unwrap();
    assert_eq!(people.code_guess(guess(&code, code.hash)).await.unwrap(), Some(ann));
    let password = people.credential_find(ANN).await.unwrap().unwrap().password_hash;
    assert_eq!(password, code.password_hash);
}

async fn a_right_sign_up_never_changes_a_password(subject: &Subject) {
    let people = &subject.people;
    people.credential_import(ANN, None, "hers", at(0)).await.unwrap();
    let code = sign_up(ANN, hash());
    people.code_create(code.clone(), 3).await.unwrap();
    assert_eq!(people.code_guess(guess(&code, code.hash)).await.unwrap(), None);
    let password = people.credential_find(ANN).await.unwrap().unwrap().password_hash;
    assert_eq!(password.as_deref(), Some("hers"));
}

async fn of_two_sign_ups_the_one_whose_code_comes_back_counts(subject: &Subject) {
    let people = &subject.people;
    let stranger = NewCode {
        password_hash: Some("the stranger's".to_owned()),
        username: Some("Eve".to_owned()),
        at: at(1),
        ..sign_up(ANN, hash())
    };
    let own = sign_up(ANN, hash());
    people.code_create(own.clone(), 3).await.unwrap();
    people.code_create(stranger.clone(), 3).await.unwrap();
    let ann = people.code_guess(guess(&own, own.hash)).await.unwrap().unwrap();
    assert_eq!(ann.username(), "Ann");
    assert_eq!(people.credential_find(ANN).await.unwrap().unwrap().password_hash, own.password_hash);
    assert_eq!(
        people.code_guess(guess(&stranger, stranger.hash)).await.unwrap(),
        None,
        "the others are gone"
    );
}

async fn a_right_sign_in_gives_the_user_and_only_there_is_one(subject: &Subject) {
    let people = &subject.people;
    let code = sign_in(ANN, hash());
    people.code_create(code.clone(), 3).await.unwrap();
    assert_eq!(people.code_guess(guess(&code, code.hash)).await.unwrap(), None);
    assert!(people.credential_find(ANN).await.unwrap().is_none(), "a sign-in makes nobody");

    let ann = user(subject, ANN).await;
    people.code_create(code.clone(), 3).await.unwrap();
    assert_eq!(people.code_guess(guess(&code, code.hash)).await.unwrap(), Some(ann));
    assert_eq!(people.code_guess(guess(&code, code.hash)).await.unwrap(), None, "a code is good once");
}

async fn a_code_is_for_its_address_and_purpose_alone(subject: &Subject) {
    let people = &subject.people;
    let ann = user(subject, ANN).await;
    let (code, bob) = (sign_in(ANN, hash()), "bob@example.org");
    user(subject, bob).await;
    people.code_create(code.clone(), 3).await.unwrap();
    let of_bob = CodeGuess { email: bob.to_owned(), ..guess(&code, code.hash) };
    let of_sign_up = guess(&sign_up(ANN, code.hash), code.hash);
    for _ in 0..6 {
        assert_eq!(people.code_guess(of_bob.clone()).await.unwrap(), None);
        assert_eq!(people.code_guess(of_sign_up.clone()).await.unwrap(), None);
    }
    assert_eq!(people.code_guess(guess(&code, code.hash)).await.unwrap(), Some(ann), "they cost it no guess");
}

async fn a_code_bears_as_many_guesses_as_was_said(subject: &Subject) {
    let people = &subject.people;
    let ann = user(subject, ANN).await;
    for (wrong, expected) in [(4, Some(ann)), (5, None)] {
        let code = sign_in(ANN, hash());
        people.code_create(code.clone(), 1).await.unwrap();
        for _ in 0..wrong {
            assert_eq!(people.code_guess(guess(&code, hash())).await.unwrap(), None);
        }
        assert_eq!(people.code_guess(guess(&code, code.hash)).await.unwrap(), expected, "{wrong} wrong ones");
    }
}

async fn a_guess_counts_against_every_live_code(subject: &Subject) {
    let people = &subject.people;
    let ann = user(subject, ANN).await;
    let (first, second) = (sign_in(ANN, hash()), NewCode { at: at(1), ..sign_in(ANN, hash()) });
    people.code_create(first.clone(), 3).await.unwrap();
    for _ in 0..3 {
        people.code_guess(guess(&first, hash())).await.unwrap();
    }
    people.code_create(second.clone(), 3).await.unwrap();
    for _ in 0..2 {
        people.code_guess(guess(&first, hash())).await.unwrap();
    }
    assert_eq!(people.code_guess(guess(&first, first.hash)).await.unwrap(), None, "the first is burnt");
    // Three guesses were against the second one.
    people.code_guess(guess(&second, hash())).await.unwrap();
    assert_eq!(people.code_guess(guess(&second, second.hash)).await.unwrap(), Some(ann));
}

async fn a_code_is_good_until_its_end(subject: &Subject) {
    let people = &subject.people;
    let ann = user(subject, ANN).await;
    let code = sign_in(ANN, hash());
    people.code_create(code.clone(), 3).await.unwrap();
    let late = CodeGuess { at: later(), ..guess(&code, code.hash) };
    assert_eq!(people.code_guess(late).await.unwrap(), None);
    let in_time = CodeGuess { at: at(599), ..guess(&code, code.hash) };
    assert_eq!(people.code_guess(in_time).await.unwrap(), Some(ann));
}

async fn only_the_newest_codes_of_an_address_live(subject: &Subject) {
    let people = &subject.people;
    let ann = user(subject, ANN).await;
    let codes: Vec<NewCode> =
        (0..4).map(|second| NewCode { at: at(second), ..sign_in(ANN, hash()) }).collect();
    for code in &codes {
        people.code_create(code.clone(), 2).await.unwrap();
    }
    // Those of others, and for something else, are not among them.
    people.code_create(sign_up(ANN, hash()), 2).await.unwrap();
    people.code_create(sign_in("bob@example.org", hash()), 2).await.unwrap();
    for gone in &codes[..2] {
        assert_eq!(people.code_guess(guess(gone, gone.hash)).await.unwrap(), None);
    }
    assert_eq!(people.code_guess(guess(&codes[2], codes[2].hash)).await.unwrap(), Some(ann));
}

async fn a_new_code_lives_whatever_the_clocks_say(subject: &Subject) {
    let people = &subject.people;
    let ann = user(subject, ANN).await;
    let ahead = NewCode { at: at(30), ..sign_in(ANN, hash()) };
    people.code_create(ahead.clone(), 1).await.unwrap();
    let code = sign_in(ANN, hash());
    people.code_create(code.clone(), 1).await.unwrap();
    assert_eq!(people.code_guess(guess(&ahead, ahead.hash)).await.unwrap(), None);
    assert_eq!(people.code_guess(guess(&code, code.hash)).await.unwrap(), Some(ann));
}

async fn two_codes_may_be_the_same(subject: &Subject) {
    let people = &subject.people;
    let first = sign_up(ANN, hash());
    let second = NewCode { at: at(1), username: Some("Ann again".to_owned()), ..first.clone() };
    people.code_create(first.clone(), 3).await.unwrap();
    people.code_create(second, 3).await.unwrap();
    let ann = people.code_guess(guess(&first, first.hash)).await.unwrap().unwrap();
    assert_eq!(ann.username(), "Ann again", "the newest counts");
}

suite! {
    a_right_sign_up_makes_the_account_once
    a_right_sign_up_gives_an_account_without_a_password_its_first
    a_right_sign_up_never_changes_a_password
    of_two_sign_ups_the_one_whose_code_comes_back_counts
    a_right_sign_in_gives_the_user_and_only_there_is_one
    a_code_is_for_its_address_and_purpose_alone
    a_code_bears_as_many_guesses_as_was_said
    a_guess_counts_against_every_live_code
    a_code_is_good_until_its_end
    only_the_newest_codes_of_an_address_live
    a_new_code_lives_whatever_the_clocks_say
    two_codes_may_be_the_same
}
