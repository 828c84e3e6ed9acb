//! Edits, deletions and reactions: entries of the log that change a message in its place.

use crate::subject::{Subject, suite};
use crate::write::{Scene, Writing, at, changed, duplicate, ending, refused, say, stored};
use parlor_domain::message::{Edit, Message, Reaction, Seq};
use parlor_domain::ports::Written;
use parlor_domain::{ErrorCode, MessageId, UserId};

fn text(text: &str) -> Edit {
    Edit::Content(text.to_owned())
}

fn react(emoji: &str, add: bool) -> Edit {
    Edit::React { emoji: emoji.to_owned(), add }
}

/// Head and number of messages, as the conversation says.
async fn heads(scene: &Scene) -> (Seq, u64) {
    let record = scene.store.conversation_get(scene.conversation).await.unwrap().unwrap();
    (record.summary.last_seq, record.summary.message_count)
}

async fn a_change_is_an_entry_but_no_message(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let first = scene.store(scene.sent("a", "one")).await;
    let edited = changed(scene.write_one(scene.change(first.id, text("uno"), 5)).await);
    let expected = Message { content: "uno".into(), changed_seq: 2, edited_at: Some(at(5)), ..first.clone() };
    assert_eq!(edited, expected);
    assert_eq!(heads(&scene).await, (2, 1));
    let record = subject.store.conversation_get(scene.conversation).await.unwrap().unwrap();
    assert_eq!(record.summary.updated_at, at(5));

    let (second, count) = stored(scene.write_one(scene.message("two")).await);
    assert_eq!((second.seq, second.changed_seq, count), (3, 3, 2));
    assert_eq!(scene.log().await, [edited.clone(), second]);
    assert_eq!(subject.store.message_find(first.id).await.unwrap(), Some(edited.clone()));
    assert_eq!(duplicate(scene.write_one(scene.sent("a", "one")).await), edited, "a resend is still known");
}

async fn a_deleted_message_stays_as_an_empty_place(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let message = scene.store(scene.message("secret")).await;
    scene.write_one(scene.change(message.id, react("👍", true), 2)).await;
    let gone = changed(scene.write_one(scene.change(message.id, Edit::Delete, 6)).await);
    assert_eq!((gone.content.as_str(), gone.deleted_at, gone.changed_seq), ("", Some(at(6)), 3));
    assert_eq!(gone.reactions, []);
    assert_eq!(scene.log().await, std::slice::from_ref(&gone));

    let again = scene.write_one(scene.change(message.id, Edit::Delete, 7)).await;
    assert_eq!(again, Written::Unchanged(Box::new(gone)));
    refused(&scene.write_one(scene.change(message.id, text("back"), 7)).await, ErrorCode::MessageNotFound);
    assert_eq!(heads(&scene).await, (3, 1));
}

async fn reactions_come_and_go_in_their_order(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let bob = ann.of(UserId::new());
    let message = ann.store(ann.message("hello")).await;
    // What could break out of a text column.
    let odd = "\"'},{[\\u0000 \u{1F469}\u{200d}\u{1F680}";
    for (scene, emoji) in [(&bob, "👍"), (&ann, odd), (&ann, "👍")] {
        changed(scene.write_one(scene.change(message.id, react(emoji, true), 2)).await);
    }
    let reaction =
        |emoji: &str, users: &[UserId]| Reaction { emoji: emoji.to_owned(), users: users.to_vec() };
    let reactions = async || subject.store.message_find(message.id).await.unwrap().unwrap().reactions;
    assert_eq!(reactions().await, [reaction("👍", &[bob.user, ann.user]), reaction(odd, &[ann.user])]);

    let again = bob.write_one(bob.change(message.id, react("👍", true), 3)).await;
    assert!(matches!(again, Written::Unchanged(_)), "{again:?}");
    changed(bob.write_one(bob.change(message.id, react("👍", false), 3)).await);
    changed(ann.write_one(ann.change(message.id, react(odd, false), 3)).await);
    assert_eq!(reactions().await, [reaction("👍", &[ann.user])]);
    changed(ann.write_one(ann.change(message.id, react("👍", false), 3)).await);
    assert_eq!(reactions().await, []);
    assert_eq!(heads(&ann).await, (7, 1));
}

async fn only_who_may_changes_what_is_there_for_them(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let (bob, elsewhere) = (ann.of(UserId::new()), ann.elsewhere().await);
    let message = ann.store(ann.message("hello")).await;
    refused(&bob.write_one(bob.change(message.id, text("no"), 2)).await, ErrorCode::Forbidden);
    refused(&bob.write_one(bob.change(MessageId::new(), text("no"), 2)).await, ErrorCode::MessageNotFound);
    let stray = elsewhere.change(message.id, text("no"), 2);
    refused(&ann.write_one(stray).await, ErrorCode::MessageNotFound);
    let mut unseen = ann.change(message.id, text("no"), 2);
    unseen.visible_after = 1;
    refused(&ann.write_one(unseen).await, ErrorCode::MessageNotFound);
    let nowhere = Scene { conversation: parlor_domain::ConversationId::new(), ..ann.clone() };
    let lost = nowhere.change(message.id, text("no"), 2);
    refused(&nowhere.write_one(lost).await, ErrorCode::ConversationNotFound);
    ann.assert_log(std::slice::from_ref(&message)).await;

    let mut moderated = bob.change(message.id, Edit::Delete, 2);
    moderated.moderates = true;
    changed(bob.write_one(moderated).await);
}

async fn writes_of_one_call_see_each_others_changes(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let (new, asked) = (scene.sent("a", "one"), scene.message("a question"));
    let (id, turn) = (new.message.id, scene.turn(asked.message.id));
    let mut asked = asked;
    asked.turn = Some(turn.clone());
    let checkpoint = parlor_domain::ports::Checkpoint {
        turn: turn.id,
        content: Some("half an answer".into()),
        lease_until: at(20),
    };
    let mut end = ending(&turn, "not this");
    end.from_checkpoint = true;
    let writes = [
        Writing::from(new),
        scene.change(id, text("two"), 2).into(),
        scene.change(id, react("👍", true), 3).into(),
        asked.into(),
        scene.change(id, text("three"), 4).into(),
        scene.sent("a", "one").into(),
        checkpoint.into(),
        end.into(),
        scene.change(turn.id, react("👍", true), 5).into(),
        scene.change(id, text("three"), 6).into(),
    ];
    let written = scene.write(writes.map(|writing| writing.0)).await;
    assert_eq!(stored(written[0].clone()).0.seq, 1);
    assert_eq!(changed(written[2].clone()).changed_seq, 3);
    assert_eq!(stored(written[3].clone()), (stored(written[3].clone()).0, 2));
    let last = changed(written[4].clone());
    assert_eq!((last.content.as_str(), last.seq, last.changed_seq), ("three", 1, 5));
    assert_eq!(last.reactions.len(), 1);
    assert_eq!(duplicate(written[5].clone()), last);
    let reply = changed(written[8].clone());
    assert_eq!((reply.content.as_str(), reply.seq, reply.changed_seq), ("half an answer", 6, 7));
    assert_eq!(written[9], Written::Unchanged(Box::new(last.clone())));
    assert_eq!(scene.log().await, [last, stored(written[3].clone()).0, reply]);
    assert_eq!(heads(&scene).await, (7, 3));
}

async fn a_page_has_each_message_once_at_its_position(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let messages = scene.write((1..=5).map(|number| say(scene.message(&number.to_string())))).await;
    let ids: Vec<MessageId> = messages.into_iter().map(|written| stored(written).0.id).collect();
    // 6 and 7 change the first message, 8 the fourth; 9 is new; 10 changes it, 11 the second.
    for (message, number) in [(ids[0], 6), (ids[0], 7), (ids[3], 8)] {
        changed(scene.write_one(scene.change(message, text(&format!("at {number}")), number)).await);
    }
    let ninth = scene.store(scene.message("nine")).await;
    for (message, number) in [(ninth.id, 10), (ids[1], 11)] {
        changed(scene.write_one(scene.change(message, text(&format!("at {number}")), number)).await);
    }
    let page = async |after, through, limit| {
        let page = subject.store.log_after(scene.conversation, after, through, limit).await.unwrap();
        page.into_iter().map(|message| (message.position(after), message.seq)).collect::<Vec<_>>()
    };
    // Who has nothing gets messages only, each as it is now.
    assert_eq!(page(0, 11, 99).await, [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (9, 9)]);
    assert_eq!(page(3, 11, 99).await, [(4, 4), (5, 5), (7, 1), (9, 9), (11, 2)]);
    assert_eq!(page(5, 11, 99).await, [(7, 1), (8, 4), (9, 9), (11, 2)]);
    assert_eq!(page(5, 11, 2).await, [(7, 1), (8, 4)]);
    assert_eq!(page(8, 11, 1).await, [(9, 9)]);
    assert_eq!(page(9, 11, 99).await, [(10, 9), (11, 2)]);
    assert_eq!(page(5, 9, 99).await, [(7, 1), (8, 4), (9, 9)]);
    // The change at 6 was overtaken by the one at 7.
    assert_eq!(page(5, 6, 99).await, []);
    assert_eq!(page(11, 20, 99).await, []);
    assert_eq!(page(5, 11, 0).await, []);
    let before = subject.store.log_before(scene.conversation, Some(5), 2).await.unwrap();
    assert_eq!(before.iter().map(|message| message.seq).collect::<Vec<_>>(), [3, 4]);
}

async fn pages_of_any_size_make_up_the_same_log(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let mut ids = Vec::new();
    for number in 0_usize..40 {
        if number % 3 == 2 {
            let target = ids[number * 7 % ids.len()];
            changed(scene.write_one(scene.change(target, text(&number.to_string()), 2)).await);
        } else {
            ids.push(scene.store(scene.message(&number.to_string())).await.id);
        }
    }
    let head = heads(&scene).await.0;
    for (start, size) in [(0, 1), (0, 7), (13, 1), (13, 4), (30, 3)] {
        let whole = subject.store.log_after(scene.conversation, start, head, 99).await.unwrap();
        let mut have: std::collections::BTreeMap<Seq, Message> = subject
            .store
            .log_before(scene.conversation, Some(start + 1), 99)
            .await
            .unwrap()
            .into_iter()
            .map(|m| (m.seq, m))
            .collect();
        let mut after = start;
        loop {
            let page = subject.store.log_after(scene.conversation, after, head, size).await.unwrap();
            let Some(last) = page.last() else { break };
            after = last.position(after);
            have.extend(page.into_iter().map(|message| (message.seq, message)));
        }
        assert!(
            whole.iter().all(|message| have.get(&message.seq) == Some(message)),
            "from {start} by {size}"
        );
        assert_eq!(have.into_values().collect::<Vec<_>>(), scene.log().await, "from {start} by {size}");
    }
}

suite! {
    sealed too:
    a_change_is_an_entry_but_no_message
    a_deleted_message_stays_as_an_empty_place
    reactions_come_and_go_in_their_order
    only_who_may_changes_what_is_there_for_them
    writes_of_one_call_see_each_others_changes
    a_page_has_each_message_once_at_its_position
    pages_of_any_size_make_up_the_same_log
}
