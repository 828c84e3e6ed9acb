//! What stands beside a message's text for everybody to see: every read brings it, and it goes with a deleted message.

use crate::subject::{Subject, suite};
use crate::write::{Scene, Writing, changed, duplicate, ending, stored};
use parlor_domain::message::{Attachment, Citation, Confidence, Edit, Message, Metadata};
use parlor_domain::ports::{Page, TurnEnd};
use parlor_domain::{DocumentId, FileId};

const ALL: Page = Page { offset: 0, limit: 99 };

fn files() -> Option<Box<Metadata>> {
    let file = |name: &str, size| Attachment {
        file: FileId::new(),
        name: name.to_owned(),
        mime_type: "image/png".to_owned(),
        size,
    };
    Metadata { attachments: vec![file("a \"b\" é 🛋.png", 0), file("c", u64::MAX)], ..Metadata::default() }
        .boxed()
}

fn cited() -> Option<Box<Metadata>> {
    let citation = |number| Citation {
        number,
        document: DocumentId::new(),
        title: "Tides\n\u{1}".to_owned(),
        chunk: 7,
        excerpt: "The tide…".to_owned(),
        score: Confidence::from_millionths(423_001),
    };
    Metadata { citations: vec![citation(1), citation(2)], ..Metadata::default() }.boxed()
}

async fn asked_and_answered(scene: &Scene) -> (Message, Message) {
    let mut asked = scene.sent("a", "What is a parlor?");
    asked.message.metadata = files();
    let turn = scene.turn(asked.message.id);
    asked.turn = Some(turn.clone());
    let asked = scene.store(asked).await;
    let mut end = ending(&turn, "A room [1].");
    end.message.metadata = cited();
    (asked, stored(scene.write_one(end).await).0)
}

/// Protects every reader alike: history, resume, export, lists, and who sends again.
async fn every_read_brings_it(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let (asked, reply) = asked_and_answered(&scene).await;
    assert!(asked.metadata.is_some() && reply.metadata.is_some());
    scene.assert_log(&[asked.clone(), reply.clone()]).await;
    let (store, place) = (&subject.store, scene.conversation);
    assert_eq!(store.log_before(place, None, 9).await.unwrap(), [asked.clone(), reply.clone()]);
    assert_eq!(store.log_export(place, 0, 9).await.unwrap().last(), Some(&reply));
    assert_eq!(store.message_get(place, asked.id).await.unwrap(), Some(asked.clone()));
    assert_eq!(store.message_find(reply.id).await.unwrap(), Some(reply.clone()));
    assert_eq!(store.reply_to(place, asked.id).await.unwrap(), Some(reply.clone()));
    let exchanges = store.exchange_list(place, 0, ALL).await.unwrap();
    assert_eq!(exchanges.items[0].reply.as_ref(), Some(&reply));
    assert_eq!(duplicate(scene.write_one(scene.sent("a", "What is a parlor?")).await), asked);

    // Also in the transaction of the message itself.
    let mut first = scene.sent("b", "Another");
    first.message.metadata = files();
    let react = scene.change(first.message.id, Edit::React { emoji: "👍".to_owned(), add: true }, 4);
    let writes = [Writing::from(first), scene.sent("b", "Another").into(), react.into()];
    let written = scene.write(writes.map(|writing| writing.0)).await;
    let expect = stored(written[0].clone()).0.metadata;
    assert!(expect.is_some());
    assert_eq!(duplicate(written[1].clone()).metadata, expect);
    assert_eq!(changed(written[2].clone()).metadata, expect);
    let log = store.log_after(place, 2, 9, 9).await.unwrap();
    assert_eq!(log[0].metadata, expect, "a change of something else keeps it");
}

async fn it_stays_through_edits_and_goes_with_a_deletion(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let (asked, reply) = asked_and_answered(&scene).await;
    let edit = Edit::Content("What is a salon?".to_owned());
    assert_eq!(changed(scene.write_one(scene.change(asked.id, edit, 4)).await).metadata, asked.metadata);
    let find = async |id| subject.store.message_find(id).await.unwrap().unwrap().metadata;
    assert_eq!(find(asked.id).await, asked.metadata);

    let mut moderated = scene.change(reply.id, Edit::Delete, 5);
    moderated.moderates = true;
    assert_eq!(changed(scene.write_one(moderated).await).metadata, None);
    changed(scene.write_one(scene.change(asked.id, Edit::Delete, 6)).await);
    assert_eq!((find(asked.id).await, find(reply.id).await), (None, None));

    // Also where both come in one transaction.
    let mut new = scene.message("secret");
    new.message.metadata = files();
    let (id, delete) = (new.message.id, scene.change(new.message.id, Edit::Delete, 7));
    scene.write([Writing::from(new).0, Writing::from(delete).0]).await;
    assert_eq!(find(id).await, None);
}

async fn a_turn_that_ends_from_its_checkpoint_keeps_it(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let turn = scene.live_turn().await;
    let mut end = ending(&turn, "");
    (end.message.metadata, end.from_checkpoint) = (cited(), true);
    let TurnEnd { message, .. } = &end;
    assert_eq!(message.metadata, stored(scene.write_one(end.clone()).await).0.metadata);
    let found = subject.store.message_find(message.id).await.unwrap().unwrap();
    assert_eq!(found.metadata, message.metadata);
}

suite! {
    sealed too:
    every_read_brings_it
    it_stays_through_edits_and_goes_with_a_deletion
    a_turn_that_ends_from_its_checkpoint_keeps_it
}
