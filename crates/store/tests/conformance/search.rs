//! Search: what was committed is found, what is gone is not, and nobody finds what they do not see.

use crate::people::audit_entry;
use crate::subject::{Subject, suite};
use crate::write::{Scene, at, changed, ending, say, stored};
use parlor_domain::message::{Edit, Message};
use parlor_domain::ports::{AuditAction, Found, MembershipStep, Page, Paged, Store, Write};
use parlor_domain::room::{MemberRole, RoomKind};
use parlor_domain::search::question;
use parlor_domain::{ConversationId, UserId};
use std::sync::Arc;

const ALL: Page = Page { offset: 0, limit: 99 };

async fn search(store: &Arc<dyn Store>, user: UserId, text: &str, page: Page) -> Paged<Found> {
    store.conversation_search(user, question(text), page).await.unwrap().expect("there is search")
}

/// The texts that the user finds, of all conversations.
async fn texts(scene: &Scene, text: &str) -> Vec<String> {
    let found = search(&scene.store, scene.user, text, ALL).await;
    found.items.into_iter().flat_map(|one| one.messages).map(|one| one.content).collect()
}

/// The conversations that the user finds.
async fn places(scene: &Scene, text: &str) -> Vec<ConversationId> {
    let found = search(&scene.store, scene.user, text, ALL).await;
    assert_eq!(found.total, found.items.len() as u64);
    found.items.iter().map(|one| one.entry.summary.id).collect()
}

async fn all_words_begin_words_of_one_message_or_the_title(subject: &Subject) {
    let ann = Scene::new(&subject.store).await.another("Upholstery, mostly").await;
    let message = ann.store(ann.message("The QUICK brown fox")).await;
    ann.store(ann.message("a lazy dog")).await;
    for asked in ["quick", "QUI", "fox the", "b", "\"brown\" fox!", "fox fox"] {
        assert_eq!(texts(&ann, asked).await, ["The QUICK brown fox"], "{asked}");
    }
    for asked in ["uick", "quick dog", "foxes", "upholstery fox", "zebra"] {
        assert_eq!(places(&ann, asked).await, [], "{asked}");
    }
    let found = search(&subject.store, ann.user, "fox", ALL).await.items.remove(0);
    assert_eq!((found.messages[0].id, found.messages[0].seq), (message.id, message.seq));
    let entry = subject.store.conversation_entry(ann.conversation, ann.user).await.unwrap();
    assert_eq!(Some(found.entry), entry);

    let by_title = search(&subject.store, ann.user, "most uphol", ALL).await;
    assert_eq!(by_title.items[0].entry.summary.id, ann.conversation);
    assert_eq!((by_title.items[0].messages.len(), by_title.total), (0, 1));
}

async fn a_conversation_without_messages_has_a_title(subject: &Subject) {
    let ann = Scene::new(&subject.store).await.another("Empty rooms").await;
    assert_eq!(places(&ann, "empty").await, [ann.conversation]);
    ann.store(ann.message("no more")).await;
    assert_eq!(places(&ann, "empty").await, [ann.conversation]);
}

async fn words_are_the_same_everywhere(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let said = "Straße CAFÉ naïve Ⅷ 日本語 İstanbul e\u{301}te don't x²  snake_case 🛋fa";
    ann.store(ann.message(said)).await;
    for asked in
        ["straße", "café", "NAÏ", "日本", "語", "İst", "don t", "x²", "snake case", "fa", "ⅷ", "e te"]
    {
        assert_eq!(texts(&ann, asked).await, [said], "{asked}");
    }
    for asked in ["cafe", "naive", "strasse", "istanbuls", "語本q"] {
        assert_eq!(texts(&ann, asked).await, Vec::<String>::new(), "{asked}");
    }
}

async fn what_was_said_since_the_last_search_is_found(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    for number in 0..5 {
        assert_eq!(places(&ann, &format!("number{number}")).await, []);
        ann.store(ann.message(&format!("number{number}"))).await;
        assert_eq!(texts(&ann, &format!("number{number}")).await, [format!("number{number}")]);
    }
    let turn = ann.live_turn().await;
    assert_eq!(places(&ann, "parquet").await, []);
    stored(ann.write_one(ending(&turn, "A room with parquet.")).await);
    assert_eq!(texts(&ann, "parquet").await, ["A room with parquet."]);
}

async fn edited_and_deleted_text_is_not_found(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let [first, second, third]: [Message; 3] = [
        ann.store(ann.message("walnut table")).await,
        ann.store(ann.message("walnut chair")).await,
        ann.store(ann.message("walnut desk")).await,
    ];
    assert_eq!(texts(&ann, "walnut").await.len(), 3);
    let edit = async |message: &Message, edit| changed(ann.write_one(ann.change(message.id, edit, 4)).await);
    edit(&first, Edit::Content("oak table".to_owned())).await;
    edit(&second, Edit::Delete).await;
    edit(&third, Edit::React { emoji: "👍".to_owned(), add: true }).await;
    assert_eq!(texts(&ann, "walnut").await, ["walnut desk"]);
    assert_eq!(texts(&ann, "oak").await, ["oak table"]);
    assert_eq!(places(&ann, "chair").await, []);
    // Also what was changed before anybody searched, and changed back.
    let fourth = ann.store(ann.message("mahogany")).await;
    edit(&fourth, Edit::Content("pine".to_owned())).await;
    edit(&first, Edit::Content("walnut again".to_owned())).await;
    assert_eq!(places(&ann, "mahogany").await, []);
    assert_eq!(places(&ann, "oak").await, []);
    assert_eq!(texts(&ann, "walnut").await.len(), 2);
    edit(&fourth, Edit::Content("…".to_owned())).await;
    edit(&fourth, Edit::Content("mahogany".to_owned())).await;
    assert_eq!(texts(&ann, "mahogany").await, ["mahogany"]);
}

async fn nobody_finds_what_they_do_not_see(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    ann.store(ann.message("early velvet")).await;
    let (bob, cat) = (ann.of(UserId::new()), ann.of(UserId::new()));
    let role = MemberRole::Member;
    bob.write_one(bob.step(MembershipStep::Enter { role, most: None, from_now: true, readmit: false })).await;
    ann.store(ann.message("late velvet")).await;
    let room = Scene::room(&subject.store, "tea", RoomKind::Shared).await.of(ann.user);
    room.write_one(room.enter()).await;
    room.store(room.message("velvet in a room")).await;

    assert_eq!(texts(&ann, "velvet").await.len(), 2);
    assert_eq!(texts(&bob, "velvet").await, ["late velvet"]);
    assert_eq!(places(&bob, "early").await, []);
    assert_eq!(places(&bob, "title").await, [ann.conversation]);
    assert_eq!(places(&cat, "velvet").await, []);
    bob.write_one(bob.step(MembershipStep::Remove)).await;
    assert_eq!(places(&bob, "velvet").await, []);
    assert_eq!(places(&bob, "title").await, []);
}

async fn what_was_deleted_is_found_when_it_is_back(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    ann.store(ann.message("velvet")).await;
    assert_eq!(places(&ann, "velvet").await, [ann.conversation]);
    ann.store(ann.message("velour")).await;
    ann.write_one(ann.step(MembershipStep::Delete)).await;
    assert_eq!(places(&ann, "velvet").await, []);
    assert!(
        subject
            .store
            .conversation_restore(
                ann.conversation,
                ann.user,
                at(9),
                audit_entry(AuditAction::ConversationRestore)
            )
            .await
            .unwrap()
    );
    assert_eq!(texts(&ann, "velvet").await, ["velvet"]);
    assert_eq!(texts(&ann, "velour").await, ["velour"]);
}

async fn the_best_come_first_a_page_at_a_time(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let much = "lantern lantern lantern";
    let little = format!("lantern {}", "and many other words ".repeat(30));
    let (dark, bright) = (ann.another("A title").await, ann.another("A title").await);
    dark.store(dark.message(&little)).await;
    for text in [&little, &little, &little, &little, much] {
        bright.store(bright.message(text)).await;
    }
    for number in 0..20 {
        ann.store(ann.message(&format!("nothing of it, {number}"))).await;
    }
    assert_eq!(places(&ann, "lantern").await, [bright.conversation, dark.conversation]);
    let best = search(&subject.store, ann.user, "lantern", ALL).await.items.remove(0);
    assert_eq!(best.messages.len(), Found::MESSAGES);
    assert_eq!((best.messages[0].content.as_str(), best.messages[0].seq), (much, 5));
    let page = async |offset, limit| {
        let found = search(&subject.store, ann.user, "lantern", Page { offset, limit }).await;
        (found.items.iter().map(|one| one.entry.summary.id).collect::<Vec<_>>(), found.total)
    };
    assert_eq!(page(1, 1).await, (vec![dark.conversation], 2));
    assert_eq!(page(2, 9).await, (vec![], 2));
    assert_eq!(page(u64::MAX, 0).await, (vec![], 2));
}

async fn a_thousand_messages_count(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let write = |number| say(ann.message(&format!("plush {number}")));
    for hundred in 0..11 {
        ann.write((hundred * 100..hundred * 100 + 100).map(write).collect::<Vec<Write>>()).await;
    }
    let last = ann.log().await.pop().unwrap();
    let found = search(&subject.store, ann.user, "plush", ALL).await;
    assert_eq!((found.total, found.items[0].messages.len()), (1, Found::MESSAGES));
    assert_eq!(texts(&ann, "1099").await, [last.content]);
    // More changes than go into one transaction of the index, of old messages and new ones.
    let log = ann.log().await;
    let edit = |message: &Message| {
        Write::Change(Box::new(ann.change(message.id, Edit::Content("satin".to_owned()), 5)))
    };
    ann.write(log[..700].iter().map(edit)).await;
    ann.store(ann.message("plush at last")).await;
    assert_eq!(texts(&ann, "last plush").await, ["plush at last"]);
    assert_eq!(places(&ann, "plush 699").await, []);
    assert_eq!(places(&ann, "plush 700").await, [ann.conversation]);
    assert_eq!(places(&ann, "satin").await, [ann.conversation]);
}

async fn many_conversations_catch_up_at_once(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let mut all = Vec::new();
    for number in 0..300 {
        let one = ann.another(&format!("Chest {number}")).await;
        if number % 3 == 0 {
            one.store(one.message("drawer")).await;
        }
        all.push(one.conversation);
    }
    assert_eq!(places(&ann, "299").await, [all[299]]);
    let found = search(&subject.store, ann.user, "drawer", Page { offset: 0, limit: 0 }).await;
    assert_eq!(found.total, 100);
    assert_eq!(search(&subject.store, ann.user, "chest", ALL).await.total, 300);
}

async fn several_search_at_once(subject: &Subject) {
    let here = Scene::new(&subject.store).await;
    let there = here.on(&subject.second().await);
    let both = [&here, &there];
    for round in 0..4 {
        here.write((0..150).map(|number| say(here.message(&format!("round{round} number{number}"))))).await;
        let word = format!("round{round}");
        let found = (0..8).map(|place| search(&both[place % 2].store, here.user, &word, ALL));
        for one in futures_util::future::join_all(found).await {
            assert_eq!((one.total, one.items[0].messages.len()), (1, 3));
        }
        for scene in both {
            assert_eq!(texts(scene, &format!("{word} number149")).await, [format!("{word} number149")]);
        }
    }
}

async fn no_question_breaks_it(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let said = r#"a "quoted" NEAR miss, l'amour AND c:\dir OR not* {x} (y) ^z -w &|!:* 100%"#;
    ann.store(ann.message(said)).await;
    let long = "ab ".repeat(200);
    let huge = "y".repeat(500);
    for asked in [
        "\"",
        "'",
        "\\",
        "\"\"",
        "' OR 1=1 --",
        "a* b*",
        "NEAR(a b)",
        "words:a",
        "^a",
        "-a",
        "+a",
        "a AND",
        "NOT",
        "(",
        ")",
        "{words}:",
        "a:*",
        "!a",
        "a & b",
        "a | b",
        "a <-> b",
        ":*",
        "&",
        "%",
        "_",
        "\\'",
        "a\\",
        "$1",
        "?",
        ";",
        "\u{200b}",
        "\u{feff}a",
        "🛋🛋",
        "e\u{301}",
        "\u{202e}abc",
        "ﷺ",
        "İ",
        "\u{1}\u{7f}",
        "日本",
        &long,
        &huge,
    ] {
        // Whatever it finds, it finds what it asks for.
        let found = search(&subject.store, ann.user, asked, ALL).await;
        assert!(found.items.len() <= 1, "{asked:?}");
    }
    for asked in ["quoted near", "l amour", "not", "c dir", "100", "NEAR(miss quoted)", "\"x\" ^y -z"] {
        assert_eq!(texts(&ann, asked).await, [said], "{asked:?}");
    }
    // What is no word reaches the database as it is, if it comes.
    for word in
        ["\"", "'", "\\", "a\"b", "a'b", "a\\", "\\'", ":*", "NOT", "", " ", "a b", "\0", "a\0", &huge, "&|!"]
    {
        let words = vec![word.to_owned(), "quoted".to_owned()];
        let found = subject.store.conversation_search(ann.user, words, ALL).await.unwrap().unwrap();
        assert!(found.items.len() <= 1, "{word:?}");
    }
    let nothing = subject.store.conversation_search(ann.user, Vec::new(), ALL).await.unwrap().unwrap();
    assert_eq!(nothing.total, 0);
}

async fn no_text_breaks_it(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let distinct = (0..120_000).map(|number| format!("w{number}x")).collect::<Vec<_>>().join(" ");
    let wide = "𐐀".repeat(100_000);
    let wides = (0..19_000).map(|number| format!("{}{number}", "𐐀".repeat(58))).collect::<Vec<_>>().join(" ");
    for text in [&distinct, &wide, &wides, "", " ", "\u{1}", "'", "\\", "''\\'", "a:1A 'b':2"] {
        ann.store(ann.message(text)).await;
    }
    ann.store(ann.message("behind it all")).await;
    assert_eq!(texts(&ann, "behind").await, ["behind it all"]);
    assert_eq!(texts(&ann, "w1x w1000x").await, [distinct]);
    assert_eq!(texts(&ann, "1a b").await, ["a:1A 'b':2"]);
}

suite! {
    all_words_begin_words_of_one_message_or_the_title
    a_conversation_without_messages_has_a_title
    words_are_the_same_everywhere
    what_was_said_since_the_last_search_is_found
    edited_and_deleted_text_is_not_found
    nobody_finds_what_they_do_not_see
    what_was_deleted_is_found_when_it_is_back
    the_best_come_first_a_page_at_a_time
    a_thousand_messages_count
    many_conversations_catch_up_at_once
    several_search_at_once
    no_question_breaks_it
    no_text_breaks_it
}
