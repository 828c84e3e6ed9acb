//! The log as it is read afterwards: questions with their answers, and exports.

use crate::subject::{Subject, suite};
use crate::write::{Scene, ending, say, stored};
use parlor_domain::message::{Edit, Message};
use parlor_domain::ports::{Exchange, MembershipStep, Page, Paged};
use parlor_domain::{ConversationId, MessageId};

const ALL: Page = Page { offset: 0, limit: 99 };

/// Answers `message` with `content`.
async fn answer(scene: &Scene, message: MessageId, content: &str) -> Message {
    let turn = scene.turn(message);
    scene.write_one(turn.clone()).await;
    stored(scene.write_one(ending(&turn, content)).await).0
}

async fn each_message_has_its_newest_reply(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let first = scene.store(scene.message("first")).await;
    let second = scene.store(scene.message("second")).await;
    answer(&scene, first.id, "old").await;
    let mut note = scene.message("a note");
    "note".clone_into(&mut note.message.kind);
    let note = scene.store(note).await;
    let reply = answer(&scene, first.id, "new").await;
    // Another conversation's are no business of this one.
    let neighbour = scene.elsewhere().await;
    let foreign = neighbour.store(neighbour.message("first")).await;
    answer(&neighbour, foreign.id, "foreign").await;

    let listed = subject.store.exchange_list(scene.conversation, 0, ALL).await.unwrap();
    let exchange = |message: &Message, reply: Option<&Message>| Exchange {
        message: message.clone(),
        reply: reply.cloned(),
    };
    let expected = [exchange(&first, Some(&reply)), exchange(&second, None), exchange(&note, None)];
    assert_eq!(listed, Paged { items: expected.to_vec(), total: 3 });

    let page = async |after, offset, limit| {
        let listed =
            subject.store.exchange_list(scene.conversation, after, Page { offset, limit }).await.unwrap();
        (listed.items, listed.total)
    };
    assert_eq!(page(0, 1, 1).await, (expected[1..2].to_vec(), 3));
    assert_eq!(page(0, 3, 9).await, (vec![], 3));
    assert_eq!(page(1, 0, 9).await, (expected[1..].to_vec(), 2));
    assert_eq!(page(4, 0, 9).await, (vec![], 0), "replies are no questions");
    assert_eq!(page(u64::MAX, u64::MAX, usize::MAX).await, (vec![], 0));
}

async fn the_reply_to_a_message_is_the_newest(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let (place, elsewhere) = (scene.conversation, scene.elsewhere().await.conversation);
    let asked = scene.store(scene.message("first")).await;
    let reply_to = async |place, id| subject.store.reply_to(place, id).await.unwrap();
    assert_eq!(reply_to(place, asked.id).await, None);
    answer(&scene, asked.id, "old").await;
    let reply = answer(&scene, asked.id, "new").await;
    assert_eq!(reply_to(place, asked.id).await.as_ref(), Some(&reply));
    assert_eq!(reply_to(place, reply.id).await, None);
    assert_eq!(reply_to(elsewhere, asked.id).await, None);
    // A turn that lives is no reply.
    scene.write_one(scene.turn(asked.id)).await;
    assert_eq!(reply_to(place, asked.id).await, Some(reply));
}

async fn an_export_goes_through_the_log_as_it_is(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    scene.write((0..10).map(|number| say(scene.message(&number.to_string())))).await;
    let second = scene.log().await[1].clone();
    scene.write_one(scene.change(second.id, Edit::Content("changed".to_owned()), 3)).await;
    let (mut read, mut after) = (Vec::new(), 0);
    loop {
        let page = subject.store.log_export(scene.conversation, after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.seq;
        read.extend(page);
    }
    assert_eq!(read, scene.log().await);
    assert_eq!(read[1].content, "changed");
    assert_eq!(subject.store.log_export(scene.conversation, u64::MAX, 9).await.unwrap(), []);
    assert_eq!(subject.store.log_export(ConversationId::new(), 0, 9).await.unwrap(), []);
}

async fn nobody_reads_what_was_deleted(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let asked = scene.store(scene.message("hello")).await;
    answer(&scene, asked.id, "hi").await;
    scene.write_one(scene.step(MembershipStep::Delete)).await;
    let (store, place) = (&subject.store, scene.conversation);
    assert_eq!(store.exchange_list(place, 0, ALL).await.unwrap(), Paged { items: vec![], total: 0 });
    assert_eq!(store.log_export(place, 0, 9).await.unwrap(), []);
    assert_eq!(store.reply_to(place, asked.id).await.unwrap(), None);
}

suite! {
    sealed too:
    each_message_has_its_newest_reply
    the_reply_to_a_message_is_the_newest
    an_export_goes_through_the_log_as_it_is
    nobody_reads_what_was_deleted
}
