//! Users' messages: order, resends, and messages that make their conversation.

use crate::subject::{Subject, suite};
use crate::write::{Scene, at, changed, duplicate, ending, people_of, refused, say, stored};
use parlor_domain::message::{Author, Edit, Fingerprint};
use parlor_domain::ports::Written;
use parlor_domain::{ConversationId, ErrorCode, UserId};

async fn messages_get_seqs_from_one_and_come_back_as_they_were(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let mut expected = Vec::new();
    for number in 1..=5 {
        let mut new = scene.sent(&format!("client {number}"), &format!("number {number}"));
        new.message.kind = if number == 3 { "note".to_owned() } else { "user".to_owned() };
        new.message.client_id = (number != 2).then(|| format!("client {number}"));
        new.message.created_at = at(number);
        new.message.author_name = (number != 4).then(|| format!("ann {number}").into());
        new.message.content_type = (number != 5).then(|| format!("text/{number}").into());
        let (message, count) = stored(scene.write_one(new.clone()).await);
        assert_eq!(count, number.unsigned_abs());
        (new.message.seq, new.message.changed_seq) = (number.unsigned_abs(), number.unsigned_abs());
        assert_eq!(message, new.message);
        expected.push(message);
    }
    scene.assert_log(&expected).await;
}

async fn writes_of_one_call_keep_their_order(subject: &Subject) {
    let (first, second) = (Scene::new(&subject.store).await, Scene::new(&subject.store).await);
    let writes = (0..40).map(|number: i32| {
        let scene = if number % 3 == 0 { &first } else { &second };
        say(scene.message(&number.to_string()))
    });
    let messages: Vec<_> = first.write(writes).await.into_iter().map(|written| stored(written).0).collect();
    let of = |scene: &Scene| {
        let own = messages.iter().filter(|message| message.conversation == scene.conversation);
        own.cloned().collect::<Vec<_>>()
    };
    first.assert_log(&of(&first)).await;
    second.assert_log(&of(&second)).await;
    assert_eq!(messages[3].content, "3");
}

async fn any_text_comes_back_unchanged(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let every_plane: String = (1..=0x0010_FFFF_u32).step_by(97).filter_map(char::from_u32).collect();
    let texts = [
        String::new(),
        " \t\r\n\u{b}\u{c}\u{1}\u{7f}\u{85}\u{a0}\u{2028}\u{2029}\u{feff}".to_owned(),
        "'; DROP TABLE messages; -- \" \\ \\0 %s $1 ? ?1 :a @b".to_owned(),
        "e\u{301} \u{e9} \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{202e}thgir\u{202c} \u{fffd}\u{fffe}\u{ffff}\u{10ffff}".to_owned(),
        "日本語 עברית العربية ไทย 🇩🇪".to_owned(),
        every_plane,
        "x".repeat(64 * 1024),
        "ß".repeat(32 * 1024),
    ];
    let mut expected = Vec::new();
    for text in texts {
        let mut new = scene.sent(&text.chars().take(60).collect::<String>(), &text);
        new.message.kind = text.chars().take(40).collect();
        expected.push(scene.store(new).await);
    }
    assert!(expected.iter().all(|message| message.client_id.is_some()));
    scene.assert_log(&expected).await;
}

async fn any_title_comes_back_unchanged(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    for title in ["", "İstanbul ΣΑΣ ẞ", "%_'\"\\", "🧵🧶"] {
        let first = scene.store(scene.opening(title, "hello", title)).await;
        let record = subject.store.conversation_get(first.conversation).await.unwrap().unwrap();
        assert_eq!(record.summary.title, title);
    }
}

async fn a_resend_gets_the_first_message_and_changes_nothing(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let first = scene.store(scene.sent("a", "hello")).await;
    let other = scene.store(scene.sent("b", "hello")).await;
    let mut resend = scene.sent("a", "hello");
    resend.message.created_at = at(99);
    let turn = scene.turn(resend.message.id);
    resend.turn = Some(turn);
    assert_eq!(duplicate(scene.write_one(resend).await), first);
    scene.assert_log(&[first, other]).await;
    let turns = subject.store.turns_orphaned(scene.node, at(1_000)).await.unwrap();
    assert_eq!(turns, [], "a resend opens no turn");
}

async fn only_the_same_sender_id_and_content_in_the_same_conversation_is_a_resend(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let elsewhere = scene.elsewhere().await;
    let somebody = Scene { user: UserId::new(), ..scene.clone() };
    let first = scene.store(scene.sent("a", "hello")).await;
    let other_text = scene.store(scene.sent("a", "hello!")).await;
    let other_id = scene.store(scene.sent("aa", "hello")).await;
    let other_sender = scene.store(somebody.sent("a", "hello")).await;
    let other_place = elsewhere.store(elsewhere.sent("a", "hello")).await;
    scene.assert_log(&[first, other_text, other_id, other_sender]).await;
    elsewhere.assert_log(&[other_place]).await;
}

async fn a_message_without_a_fingerprint_is_stored_each_time(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let one = scene.store(scene.message("hello")).await;
    let two = scene.store(scene.message("hello")).await;
    scene.assert_log(&[one, two]).await;
}

async fn resends_are_recognised_inside_one_call(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let old = scene.store(scene.sent("old", "x")).await;
    let writes = ["a", "old", "a", "b", "a", "b"].map(|client_id| say(scene.sent(client_id, "x")));
    let written = scene.write(writes).await;
    let (a, b) = (stored(written[0].clone()).0, stored(written[3].clone()).0);
    assert_eq!((a.seq, b.seq), (2, 3));
    assert_eq!(duplicate(written[1].clone()), old);
    assert_eq!(duplicate(written[2].clone()), a);
    assert_eq!(duplicate(written[4].clone()), a);
    assert_eq!(duplicate(written[5].clone()), b);
    scene.assert_log(&[old, a, b]).await;
}

async fn a_caller_that_tries_the_same_write_again_gets_the_message(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    // No fingerprint: it is recognised by its id.
    let plain = scene.message("hello");
    let first = scene.store(plain.clone()).await;
    assert_eq!(duplicate(scene.write_one(plain).await), first);
    scene.assert_log(&[first]).await;

    let mut opening = scene.opening("a", "hello", "A title");
    opening.fingerprint = None;
    let made = scene.store(opening.clone()).await;
    assert_eq!(duplicate(scene.write_one(opening).await), made);
}

async fn an_id_that_is_taken_elsewhere_is_refused(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let elsewhere = scene.elsewhere().await;
    let first = scene.store(scene.message("hello")).await;
    let mut stray = elsewhere.message("hello");
    stray.message.id = first.id;
    refused(&scene.write_one(stray.clone()).await, ErrorCode::Conflict);
    elsewhere.assert_log(&[]).await;

    stray.creates = Some("Another".to_owned());
    stray.message.conversation = ConversationId::new();
    refused(&scene.write_one(stray.clone()).await, ErrorCode::Conflict);
    assert_eq!(subject.store.conversation_get(stray.message.conversation).await.unwrap(), None);
}

async fn a_conversation_that_does_not_exist_is_refused_and_harms_nobody(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let nowhere = Scene { conversation: ConversationId::new(), ..scene.clone() };
    let turn = nowhere.turn(parlor_domain::MessageId::new());
    let writes = [
        say(scene.message("one")),
        say(nowhere.sent("a", "lost")),
        parlor_domain::ports::Write::TurnOpen(turn.clone()),
        parlor_domain::ports::Write::TurnEnd(Box::new(ending(&turn, "lost"))),
        say(scene.message("two")),
    ];
    let written = scene.write(writes).await;
    for lost in &written[1..4] {
        refused(lost, ErrorCode::ConversationNotFound);
    }
    scene.assert_log(&[stored(written[0].clone()).0, stored(written[4].clone()).0]).await;
    assert_eq!(nowhere.log().await, []);
}

async fn a_first_message_makes_its_conversation(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let mut opening = scene.opening("a", "hello", "A new one");
    opening.message.created_at = at(7);
    let (id, fingerprint) = (opening.message.conversation, opening.fingerprint.unwrap());
    assert_eq!(subject.store.message_that_created(fingerprint).await.unwrap(), None);
    let (first, count) = stored(scene.write_one(opening).await);
    assert_eq!((first.seq, count), (1, 1));

    let made = Scene { conversation: id, ..scene.clone() };
    made.assert_log(std::slice::from_ref(&first)).await;
    let record = subject.store.conversation_get(id).await.unwrap().unwrap();
    assert_eq!((record.summary.title.as_str(), people_of(&record)), ("A new one", vec![scene.user]));
    assert_eq!(subject.store.message_that_created(fingerprint).await.unwrap(), Some(first.clone()));

    let second = made.store(made.message("and more")).await;
    made.assert_log(&[first, second]).await;
}

async fn a_resend_of_a_first_message_makes_no_second_conversation(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let first = scene.store(scene.opening("a", "hello", "A title")).await;
    let resend = scene.opening("a", "hello", "Another title");
    let never = resend.message.conversation;
    assert_eq!(duplicate(scene.write_one(resend).await), first);
    assert_eq!(subject.store.conversation_get(never).await.unwrap(), None);

    // Sent again into the conversation that it made, it is the same message too.
    let inside = Scene { conversation: first.conversation, ..scene.clone() };
    assert_eq!(duplicate(inside.write_one(inside.sent("a", "hello")).await), first);

    let other = scene.store(scene.opening("b", "hello", "B")).await;
    assert_ne!(other.conversation, first.conversation);
}

async fn a_first_message_and_its_resend_may_come_in_one_call(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let (opening, resend) = (scene.opening("a", "x", "One"), scene.opening("a", "x", "Two"));
    let made = Scene { conversation: opening.message.conversation, ..scene.clone() };
    let never = resend.message.conversation;
    let next = made.sent("b", "y");
    let written = scene.write([say(opening), say(resend), say(next)]).await;
    let (first, second) = (stored(written[0].clone()).0, stored(written[2].clone()).0);
    assert_eq!(duplicate(written[1].clone()), first);
    made.assert_log(&[first, second]).await;
    assert_eq!(subject.store.conversation_get(never).await.unwrap(), None);
}

async fn a_later_message_is_not_the_one_that_made_a_conversation(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    scene.store(scene.message("before")).await;
    let later = scene.store(scene.sent("a", "hello")).await;
    assert_eq!(later.seq, 2);
    let fingerprint = Fingerprint::of(scene.user, "a", "hello");
    assert_eq!(subject.store.message_that_created(fingerprint).await.unwrap(), None);
    let opening = scene.store(scene.opening("a", "hello", "A title")).await;
    assert_ne!(opening.conversation, later.conversation);
    assert_eq!(subject.store.message_that_created(fingerprint).await.unwrap(), Some(opening));
}

async fn of_several_first_messages_the_one_in_the_oldest_conversation_counts(subject: &Subject) {
    let older = Scene::new(&subject.store).await;
    let newer = older.elsewhere().await;
    newer.store(newer.sent("a", "hello")).await;
    let first = older.store(older.sent("a", "hello")).await;
    let fingerprint = Fingerprint::of(older.user, "a", "hello");
    assert_eq!(subject.store.message_that_created(fingerprint).await.unwrap(), Some(first.clone()));
    assert_eq!(duplicate(older.write_one(older.opening("a", "hello", "A title")).await), first);
}

async fn a_conversation_is_not_made_over_another_nor_for_the_assistant(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let mut opening = scene.opening("a", "hello", "Another title");
    opening.message.conversation = scene.conversation;
    refused(&scene.write_one(opening).await, ErrorCode::Conflict);
    let record = subject.store.conversation_get(scene.conversation).await.unwrap().unwrap();
    assert_eq!(record.summary.title, "A title");
    scene.assert_log(&[]).await;

    let mut of_nobody = scene.opening("b", "hello", "Of nobody");
    of_nobody.message.author = Author::Assistant;
    let id = of_nobody.message.conversation;
    refused(&scene.write_one(of_nobody).await, ErrorCode::Conflict);
    assert_eq!(subject.store.conversation_get(id).await.unwrap(), None);
}

async fn the_log_is_read_in_windows(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let neighbour = scene.elsewhere().await;
    neighbour.store(neighbour.message("not mine")).await;
    scene.write((1..=10).map(|number| say(scene.message(&number.to_string())))).await;
    let store = &subject.store;
    let after = async |after, through, limit| {
        let window = store.log_after(scene.conversation, after, through, limit).await.unwrap();
        window.into_iter().map(|message| message.seq).collect::<Vec<_>>()
    };
    assert_eq!(after(0, 10, 100).await, (1..=10).collect::<Vec<_>>());
    assert_eq!(after(3, 7, 100).await, [4, 5, 6, 7]);
    assert_eq!(after(3, u64::MAX, 2).await, [4, 5]);
    assert_eq!(after(10, 20, 5).await, [0_u64; 0]);
    assert_eq!(after(7, 3, 5).await, [0_u64; 0]);
    assert_eq!(after(u64::MAX, u64::MAX, 5).await, [0_u64; 0]);
    assert_eq!(after(0, 10, 0).await, [0_u64; 0]);
    let before = async |before, limit| {
        let window = store.log_before(scene.conversation, before, limit).await.unwrap();
        window.into_iter().map(|message| message.seq).collect::<Vec<_>>()
    };
    assert_eq!(before(None, 3).await, [8, 9, 10]);
    assert_eq!(before(Some(5), 3).await, [2, 3, 4]);
    assert_eq!(before(Some(2), 3).await, [1]);
    assert_eq!(before(Some(1), 3).await, [0_u64; 0]);
    assert_eq!(before(Some(0), 3).await, [0_u64; 0]);
    assert_eq!(before(Some(u64::MAX), 1).await, [10]);
    assert_eq!(before(None, 0).await, [0_u64; 0]);
    assert_eq!(store.log_before(ConversationId::new(), None, 5).await.unwrap(), []);
}

async fn a_message_is_found_by_its_id_in_its_own_conversation(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let elsewhere = scene.elsewhere().await;
    let message = scene.store(scene.message("hello")).await;
    let get = |scene: &Scene, id| subject.store.message_get(scene.conversation, id);
    assert_eq!(get(&scene, message.id).await.unwrap(), Some(message.clone()));
    assert_eq!(get(&elsewhere, message.id).await.unwrap(), None);
    assert_eq!(get(&scene, parlor_domain::MessageId::new()).await.unwrap(), None);
}

async fn what_a_text_is_comes_back_by_every_way(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let mut opening = scene.opening("a", "# hello", "A title");
    opening.message.content_type = Some("text/markdown".into());
    let first = scene.store(opening.clone()).await;
    assert_eq!(first.content_type.as_deref(), Some("text/markdown"));
    let made = Scene { conversation: first.conversation, ..scene.clone() };
    let mut sent = made.sent("b", "{}");
    sent.message.content_type = Some("application/json".into());
    let second = made.store(sent.clone()).await;
    made.assert_log(&[first.clone(), second.clone()]).await;

    assert_eq!(duplicate(scene.write_one(opening).await), first);
    assert_eq!(duplicate(made.write_one(made.sent("b", "{}")).await), second);
    sent.fingerprint = None;
    assert_eq!(duplicate(made.write_one(sent).await), second, "known by its id");

    let (store, place) = (&subject.store, made.conversation);
    let fingerprint = Fingerprint::of(scene.user, "a", "# hello");
    assert_eq!(store.log_before(place, None, 9).await.unwrap(), [first.clone(), second.clone()]);
    assert_eq!(store.message_that_created(fingerprint).await.unwrap(), Some(first.clone()));
    assert_eq!(store.message_get(place, second.id).await.unwrap(), Some(second.clone()));
    assert_eq!(store.message_find(second.id).await.unwrap(), Some(second.clone()));
    let covered = store.message_covered(place, 0, 9, UserId::new()).await.unwrap();
    assert_eq!(covered, Some(second.clone()));

    let edit = Edit::Content("# bye".to_owned());
    let edited = changed(made.write_one(made.change(first.id, edit, 5)).await);
    assert_eq!(edited.content_type, first.content_type);
    assert_eq!(store.log_after(place, 2, 9, 9).await.unwrap(), [edited]);
}

async fn nothing_written_is_nothing_done(subject: &Subject) {
    assert_eq!(subject.store.write(Vec::<_>::new()).await.unwrap(), Vec::<Written>::new());
}

suite! {
    sealed too:
    messages_get_seqs_from_one_and_come_back_as_they_were
    writes_of_one_call_keep_their_order
    any_text_comes_back_unchanged
    any_title_comes_back_unchanged
    a_resend_gets_the_first_message_and_changes_nothing
    only_the_same_sender_id_and_content_in_the_same_conversation_is_a_resend
    a_message_without_a_fingerprint_is_stored_each_time
    resends_are_recognised_inside_one_call
    a_caller_that_tries_the_same_write_again_gets_the_message
    an_id_that_is_taken_elsewhere_is_refused
    a_conversation_that_does_not_exist_is_refused_and_harms_nobody
    a_first_message_makes_its_conversation
    a_resend_of_a_first_message_makes_no_second_conversation
    a_first_message_and_its_resend_may_come_in_one_call
    a_later_message_is_not_the_one_that_made_a_conversation
    of_several_first_messages_the_one_in_the_oldest_conversation_counts
    a_conversation_is_not_made_over_another_nor_for_the_assistant
    the_log_is_read_in_windows
    a_message_is_found_by_its_id_in_its_own_conversation
    what_a_text_is_comes_back_by_every_way
    nothing_written_is_nothing_done
}
