//! Turns: they open beside a message or by themselves, go on, and end exactly once.

use crate::subject::{Subject, suite};
use crate::write::{Scene, Writing, at, changed, ending, refused, stored};
use parlor_domain::message::{Confidence, Edit, NanoDollars, Reply, TurnStatus, Usage};
use parlor_domain::ports::{Checkpoint, NewTurn, OrphanTurn, Written};
use parlor_domain::{ErrorCode, MessageId};
use std::time::Duration;
use uuid::Uuid;

fn orphan(turn: &NewTurn) -> OrphanTurn {
    OrphanTurn { turn: turn.id, conversation: turn.conversation, in_reply_to: turn.in_reply_to }
}

fn checkpoint(turn: &NewTurn, content: Option<&str>, lease: i64) -> Checkpoint {
    Checkpoint { turn: turn.id, content: content.map(ToOwned::to_owned), lease_until: at(lease) }
}

async fn a_turn_becomes_a_message_when_it_ends(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let turn = scene.live_turn().await;
    assert_eq!(subject.store.message_get(scene.conversation, turn.id).await.unwrap(), None);
    assert_eq!(subject.store.turns_orphaned(scene.node, at(10)).await.unwrap(), [orphan(&turn)]);

    let mut end = ending(&turn, "A room for talking.");
    end.message.created_at = at(6);
    let (reply, count) = stored(scene.write_one(end.clone()).await);
    (end.message.seq, end.message.changed_seq) = (2, 2);
    assert_eq!((&reply, count), (&end.message, 2));
    let asked = scene.log().await.remove(0);
    scene.assert_log(&[asked, reply.clone()]).await;
    assert_eq!(subject.store.message_get(scene.conversation, turn.id).await.unwrap(), Some(reply));
    assert_eq!(subject.store.turns_orphaned(scene.node, at(1_000)).await.unwrap(), []);
}

async fn a_reply_keeps_how_it_ended_and_what_it_cost(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let statuses = [TurnStatus::Complete, TurnStatus::Stopped, TurnStatus::Failed, TurnStatus::Interrupted];
    for (number, status) in (0_u64..).zip(statuses) {
        let turn = scene.live_turn().await;
        let usage =
            Usage { prompt_tokens: number << 40, completion_tokens: number, estimated: number % 2 == 0 };
        let model = (number > 1).then(|| format!("model-{number}"));
        let mut end = ending(&turn, "text");
        let (cost, elapsed) =
            ((number > 0).then_some(NanoDollars(number << 40)), Duration::from_millis(number));
        let in_reply_to = turn.in_reply_to;
        let backend = (number < 3).then(|| format!("backend-{number}"));
        let sure = Confidence::from_millionths(1_000_000 >> (number * 6));
        let confidence = (number != 1).then_some(sure);
        end.message.reply =
            Some(Reply { in_reply_to, status, model, usage, cost, elapsed, backend, confidence });
        let (reply, _) = stored(scene.write_one(end.clone()).await);
        assert_eq!(reply.reply, end.message.reply);
        assert_eq!(scene.log().await.pop(), Some(reply));
    }
}

async fn who_made_a_reply_and_how_sure_they_were_comes_back_by_every_way(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let turn = scene.live_turn().await;
    let mut end = ending(&turn, "text");
    end.from_checkpoint = true;
    let reply = stored(scene.write_one(end).await).0;
    let said = reply.reply.clone().unwrap();
    assert_eq!((said.backend.as_deref(), said.confidence.unwrap().millionths()), (Some("demo"), 870_001));

    let (store, place) = (&subject.store, scene.conversation);
    assert_eq!(store.log_after(place, 1, 9, 9).await.unwrap(), std::slice::from_ref(&reply));
    assert_eq!(store.log_before(place, None, 1).await.unwrap(), std::slice::from_ref(&reply));
    assert_eq!(store.message_get(place, reply.id).await.unwrap(), Some(reply.clone()));
    assert_eq!(store.message_find(reply.id).await.unwrap(), Some(reply.clone()));
    let edit = Edit::React { emoji: "👍".to_owned(), add: true };
    let edited = changed(scene.write_one(scene.change(reply.id, edit, 5)).await);
    assert_eq!(edited.reply, reply.reply);
    assert_eq!(store.log_after(place, 2, 9, 9).await.unwrap(), [edited]);
}

async fn a_turn_ends_once(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let turn = scene.live_turn().await;
    let (reply, _) = stored(scene.write_one(ending(&turn, "first")).await);
    refused(&scene.write_one(ending(&turn, "second")).await, ErrorCode::Conflict);
    refused(&scene.write_one(checkpoint(&turn, Some("late"), 60)).await, ErrorCode::Conflict);
    refused(&scene.write_one(turn.clone()).await, ErrorCode::Conflict);
    let asked = scene.log().await.remove(0);
    scene.assert_log(&[asked, reply]).await;
    assert_eq!(subject.store.turns_orphaned(scene.node, at(1_000)).await.unwrap(), []);
}

async fn of_many_who_end_a_turn_at_once_one_does(subject: &Subject) {
    let here = Scene::new(&subject.store).await;
    let there = here.on(&subject.second().await);
    for _ in 0..8 {
        let turn = here.live_turn().await;
        let ends = (0..16).map(|number| {
            let scene = if number % 2 == 0 { &here } else { &there };
            scene.write_one(ending(&turn, &number.to_string()))
        });
        let written = futures_util::future::join_all(ends).await;
        let ended: Vec<_> = written.iter().filter(|one| matches!(one, Written::Stored { .. })).collect();
        assert_eq!(ended.len(), 1, "{written:?}");
        for other in written.iter().filter(|one| !matches!(one, Written::Stored { .. })) {
            refused(other, ErrorCode::Conflict);
        }
    }
    let log = here.log().await;
    here.assert_log(&log).await;
    assert_eq!(log.len(), 16);
}

async fn a_dead_nodes_turn_ends_with_its_last_checkpoint(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let turn = scene.live_turn().await;
    assert_eq!(scene.write_one(checkpoint(&turn, Some("A"), 20)).await, Written::Done);
    assert_eq!(scene.write_one(checkpoint(&turn, Some("A room – 🛋"), 30)).await, Written::Done);
    assert_eq!(scene.write_one(checkpoint(&turn, None, 40)).await, Written::Done);
    let mut end = ending(&turn, "not this");
    end.from_checkpoint = true;
    let (reply, _) = stored(scene.write_one(end).await);
    assert_eq!((reply.content.as_str(), reply.seq), ("A room – 🛋", 2));
    assert_eq!(scene.log().await.pop(), Some(reply));
}

async fn a_turn_without_a_checkpoint_ends_with_no_text(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let turn = scene.live_turn().await;
    let mut end = ending(&turn, "not this");
    end.from_checkpoint = true;
    assert_eq!(stored(scene.write_one(end).await).0.content, "");
}

async fn a_turn_may_open_go_on_and_end_in_one_call(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let asked = scene.message("hello");
    let turn = scene.turn(asked.message.id);
    let mut end = ending(&turn, "");
    end.from_checkpoint = true;
    let writes = [
        Writing::from(asked),
        turn.clone().into(),
        checkpoint(&turn, Some("half"), 20).into(),
        checkpoint(&turn, None, 30).into(),
        end.into(),
        ending(&turn, "again").into(),
    ];
    let written = scene.write(writes.map(|writing| writing.0)).await;
    assert_eq!(written[1], Written::TurnOpened(1));
    assert_eq!((&written[2], &written[3]), (&Written::Done, &Written::Done));
    let reply = stored(written[4].clone()).0;
    assert_eq!((reply.content.as_str(), reply.seq), ("half", 2));
    refused(&written[5], ErrorCode::Conflict);
    scene.assert_log(&[stored(written[0].clone()).0, reply]).await;
}

async fn a_turn_answers_a_users_message_of_its_own_conversation(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let elsewhere = scene.elsewhere().await;
    scene.store(scene.message("before")).await;
    let message = scene.store(scene.message("hello")).await;
    assert_eq!(scene.write_one(scene.turn(message.id)).await, Written::TurnOpened(2));

    let turn = scene.live_turn().await;
    let (reply, _) = stored(scene.write_one(ending(&turn, "hi")).await);
    refused(&scene.write_one(scene.turn(reply.id)).await, ErrorCode::MessageNotFound);
    refused(&scene.write_one(scene.turn(MessageId::new())).await, ErrorCode::MessageNotFound);
    refused(&elsewhere.write_one(elsewhere.turn(message.id)).await, ErrorCode::MessageNotFound);
    let live = subject.store.turns_orphaned(scene.node, at(1_000)).await.unwrap();
    assert_eq!(live.len(), 1, "what was refused is not open");
}

async fn several_turns_live_in_one_conversation(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let message = scene.store(scene.message("hello")).await;
    let turns: Vec<_> = (0..4).map(|_| scene.turn(message.id)).collect();
    for turn in &turns {
        assert_eq!(scene.write_one(turn.clone()).await, Written::TurnOpened(1));
    }
    // A caller that tries again harms nothing.
    assert_eq!(scene.write_one(turns[0].clone()).await, Written::TurnOpened(1));
    for (seq, turn) in (2..).zip(turns.iter().rev()) {
        assert_eq!(stored(scene.write_one(ending(turn, "an answer")).await).0.seq, seq);
    }
}

async fn a_turn_ends_only_where_it_is_and_as_what_it_is(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let elsewhere = scene.elsewhere().await;
    let turn = scene.live_turn().await;
    let mut stray = ending(&turn, "text");
    stray.message.conversation = elsewhere.conversation;
    refused(&scene.write_one(stray).await, ErrorCode::Conflict);
    let mut shapeless = ending(&turn, "text");
    shapeless.message.reply = None;
    refused(&scene.write_one(shapeless).await, ErrorCode::Conflict);
    let never = scene.turn(turn.in_reply_to);
    refused(&scene.write_one(ending(&never, "text")).await, ErrorCode::Conflict);
    refused(&scene.write_one(checkpoint(&never, Some("text"), 60)).await, ErrorCode::Conflict);
    elsewhere.assert_log(&[]).await;
    stored(scene.write_one(ending(&turn, "text")).await);
}

async fn a_turn_is_an_orphan_when_its_lease_is_over(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let turn = scene.live_turn().await;
    let orphans = async |now| subject.store.turns_orphaned(scene.node, at(now)).await.unwrap();
    assert_eq!(orphans(9).await, []);
    assert_eq!(orphans(10).await, [orphan(&turn)]);
    scene.write_one(checkpoint(&turn, None, 50)).await;
    assert_eq!(orphans(49).await, []);
    assert_eq!(orphans(50).await, [orphan(&turn)]);
}

async fn the_turns_of_another_node_are_orphans_where_only_one_can_live(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let turn = scene.live_turn().await;
    let next_life = Uuid::new_v4();
    let orphans = subject.store.turns_orphaned(next_life, at(0)).await.unwrap();
    assert_eq!(orphans, if subject.is_alone() { vec![orphan(&turn)] } else { vec![] });
    assert_eq!(subject.store.turns_orphaned(next_life, at(10)).await.unwrap(), [orphan(&turn)]);
}

async fn one_look_gives_at_most_a_thousand_orphans(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let message = scene.store(scene.message("hello")).await;
    let turns = (0..1_003).map(|_| Writing::from(scene.turn(message.id)).0);
    scene.write(turns).await;
    let orphans = subject.store.turns_orphaned(scene.node, at(10)).await.unwrap();
    assert_eq!(orphans.len(), 1_000);
}

suite! {
    sealed too:
    a_turn_becomes_a_message_when_it_ends
    a_reply_keeps_how_it_ended_and_what_it_cost
    who_made_a_reply_and_how_sure_they_were_comes_back_by_every_way
    a_turn_ends_once
    of_many_who_end_a_turn_at_once_one_does
    a_dead_nodes_turn_ends_with_its_last_checkpoint
    a_turn_without_a_checkpoint_ends_with_no_text
    a_turn_may_open_go_on_and_end_in_one_call
    a_turn_answers_a_users_message_of_its_own_conversation
    several_turns_live_in_one_conversation
    a_turn_ends_only_where_it_is_and_as_what_it_is
    a_turn_is_an_orphan_when_its_lease_is_over
    the_turns_of_another_node_are_orphans_where_only_one_can_live
    one_look_gives_at_most_a_thousand_orphans
}
