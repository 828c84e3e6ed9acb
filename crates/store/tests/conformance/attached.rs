//! What is kept beside a message's text: it comes back by the reads that say so, and by no others.

use crate::subject::{Subject, suite};
use crate::write::{Scene, Writing, changed, duplicate, ending, stored};
use parlor_domain::message::{Attached, Edit, Message};
use parlor_domain::ports::{Page, TurnEnd};

const ALL: Page = Page { offset: 0, limit: 99 };

fn of_a_question() -> Attached {
    let context = Some(r#"{"page": "é 🛋", "deep":[[{}]], "n":1.10}"#.into());
    Attached { context, profile: Some(r#"{"tone":"dry"}"#.into()), ..Attached::default() }
}

fn of_a_reply() -> Attached {
    let raw_events = vec![r#"{ "delta":"A room" }"#.into(), "1e400".into(), "null".into()];
    Attached { raw_events, raw_omitted: 3, ..Attached::default() }
}

/// A question and its reply, both with something attached.
async fn asked_and_answered(scene: &Scene) -> (Message, Message) {
    let mut asked = scene.sent("a", "What is a parlor?");
    asked.message.attached = Some(Box::new(of_a_question()));
    let turn = scene.turn(asked.message.id);
    asked.turn = Some(turn.clone());
    let asked = scene.store(asked).await;
    let mut end = ending(&turn, "A room.");
    end.message.attached = Some(Box::new(of_a_reply()));
    (asked, stored(scene.write_one(end).await).0)
}

fn bare(message: &Message) -> Message {
    Message { attached: None, ..message.clone() }
}

async fn it_comes_back_where_that_is_said(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let (asked, reply) = asked_and_answered(&scene).await;
    // Who wrote it gets it back.
    assert_eq!(
        (&asked.attached, &reply.attached),
        (&Some(Box::new(of_a_question())), &Some(Box::new(of_a_reply())))
    );

    let (store, place) = (&subject.store, scene.conversation);
    let exchanges = store.exchange_list(place, 0, ALL).await.unwrap();
    assert_eq!((&exchanges.items[0].message, exchanges.items[0].reply.as_ref()), (&asked, Some(&reply)));
    assert_eq!(store.log_export(place, 0, 9).await.unwrap(), [asked.clone(), reply.clone()]);
    assert_eq!(store.reply_to(place, asked.id).await.unwrap(), Some(reply));
}

async fn no_other_read_brings_it(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let (asked, reply) = asked_and_answered(&scene).await;
    let (asked, reply) = (bare(&asked), bare(&reply));
    scene.assert_log(&[asked.clone(), reply.clone()]).await;
    let (store, place) = (&subject.store, scene.conversation);
    assert_eq!(store.log_before(place, None, 9).await.unwrap(), [asked.clone(), reply.clone()]);
    assert_eq!(store.message_get(place, asked.id).await.unwrap(), Some(asked.clone()));
    assert_eq!(store.message_find(reply.id).await.unwrap(), Some(reply.clone()));
    let again = scene.sent("a", "What is a parlor?");
    assert_eq!(duplicate(scene.write_one(again).await), asked);

    // Nor does a resend, or a change, in the transaction of the message itself.
    let mut first = scene.sent("b", "Another");
    first.message.attached = Some(Box::new(of_a_question()));
    let react = scene.change(first.message.id, Edit::React { emoji: "👍".to_owned(), add: true }, 4);
    let writes = [Writing::from(first), scene.sent("b", "Another").into(), react.into()];
    let written = scene.write(writes.map(|writing| writing.0)).await;
    assert_eq!(stored(written[0].clone()).0.attached, Some(Box::new(of_a_question())));
    assert_eq!(duplicate(written[1].clone()).attached, None);
    assert_eq!(changed(written[2].clone()).attached, None);
    let export = store.log_export(place, 2, 9).await.unwrap();
    assert_eq!(export[0].attached, Some(Box::new(of_a_question())), "a change of something else keeps it");
}

async fn it_goes_with_a_deleted_message(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let (asked, reply) = asked_and_answered(&scene).await;
    let edit = Edit::Content("What is a salon?".to_owned());
    changed(scene.write_one(scene.change(asked.id, edit, 4)).await);
    let export = || async { subject.store.log_export(scene.conversation, 0, 9).await.unwrap() };
    assert_eq!(export().await[0].attached, Some(Box::new(of_a_question())), "an edit keeps it");

    let mut moderated = scene.change(reply.id, Edit::Delete, 5);
    moderated.moderates = true;
    changed(scene.write_one(moderated).await);
    changed(scene.write_one(scene.change(asked.id, Edit::Delete, 6)).await);
    assert!(export().await.iter().all(|message| message.attached.is_none()));

    // Also where both come in one transaction.
    let mut new = scene.message("secret");
    new.message.attached = Some(Box::new(of_a_question()));
    let delete = scene.change(new.message.id, Edit::Delete, 7);
    scene.write([Writing::from(new).0, Writing::from(delete).0]).await;
    assert!(export().await.iter().all(|message| message.attached.is_none()));
}

async fn a_turn_that_ends_from_its_checkpoint_keeps_it(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let turn = scene.live_turn().await;
    let mut end = ending(&turn, "");
    (end.message.attached, end.from_checkpoint) = (Some(Box::new(of_a_reply())), true);
    let TurnEnd { message, .. } = &end;
    assert_eq!(message.attached, stored(scene.write_one(end.clone()).await).0.attached);
    let reply = subject.store.reply_to(scene.conversation, turn.in_reply_to).await.unwrap().unwrap();
    assert_eq!(reply.attached, Some(Box::new(of_a_reply())));
}

suite! {
    sealed too:
    it_comes_back_where_that_is_said
    no_other_read_brings_it
    it_goes_with_a_deleted_message
    a_turn_that_ends_from_its_checkpoint_keeps_it
}
