//! The chat page.

use super::Program;
use super::cable::Cable;
use parlor_tests::{FakeProvider, TestApp};
use serde_json::json;

/// How many messages a long conversation has.
const LONG: usize = 10_000;

/// Protects: somebody new comes to all that the page does, from a first load that is small to a chat that is brought back,
/// and nothing of it asks another server or complains.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_new_finds_their_way() {
    let app = TestApp::builder().without_limits().env("AUTH_MINIMUM_TIME", 0).start().await;
    let outbox = app.folder().join("data/outbox").display().to_string();
    Program::start(&app, "story", &[("PARLOR_OUTBOX", outbox)]).ends_well().await;
}

/// Protects: two people in one room see each other, what each does, and what was read, on a desktop and on a phone.
#[tokio::test(flavor = "multi_thread")]
async fn two_people_talk_in_a_room() {
    let app = TestApp::builder().without_limits().start().await;
    Program::start(&app, "together", &[]).ends_well().await;
}

/// Protects replies and messages from whatever happens to the server and to the connection: they are whole, and there once.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_comes_back_and_misses_nothing() {
    let mut app = TestApp::builder().without_limits().start().await;
    // Between the page and the server, so that a connection can be cut while both live on.
    let cable = Cable::to(app.address()).await;
    let mut program = Program::start_at(&app, cable.address(), "outage", &[]);
    program.until("kill it").await;
    app.kill9();
    program.answer("done").await;
    program.until("start it again").await;
    app.restart_in_place().await;
    program.answer("done").await;
    program.until("cut it").await;
    cable.cut();
    program.answer("done").await;
    program.ends_well().await;
}

/// Protects messages, chats and counts from an unlucky order of things: frames that are late, lost, refused or said twice.
#[tokio::test(flavor = "multi_thread")]
async fn an_unlucky_order_does_no_harm() {
    let app = TestApp::builder().without_limits().start().await;
    Program::start(&app, "races", &[]).ends_well().await;
}

/// Protects readers from what a provider or another person says: nothing of it runs, loads or leads away.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_words_are_words() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().without_limits().provider(&provider.base_url(), "hostile").start().await;
    Program::start(&app, "hostile", &[]).ends_well().await;
}

/// Protects the choice of who answers, an assistant or a model, in chats and in rooms, and that a reply says who made it and
/// what was thought on the way.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_chooses_who_answers() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().without_limits().provider(&provider.base_url(), "plain").start().await;
    let token = app.admin_token("root@example.org");
    let user = app.rooms(&token).await.user;
    Program::start(&app, "answers", &[("PARLOR_TOKEN", token), ("PARLOR_USER", user)]).ends_well().await;
}

/// Protects operators: their page shows what goes on as the server tells it, what was used, and which jobs failed; and who is
/// no admin any more sees no more of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_admin_watches() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().without_limits().provider(&provider.base_url(), "plain").start().await;
    let token = app.admin_token("root@example.org");
    let user = app.rooms(&token).await.user;
    let mut program = Program::start(&app, "admin", &[("PARLOR_TOKEN", token), ("PARLOR_USER", user)]);
    program.until("take the right away").await;
    app.user_token("root@example.org");
    program.answer("done").await;
    program.ends_well().await;
}

/// Protects: the main views hold to what makes pages usable for everybody (WCAG 2.2 AA, by axe-core), in both themes and on
/// both screens. It leaves pictures in `target/screenshots`.
#[tokio::test(flavor = "multi_thread")]
async fn views_are_usable_by_everybody() {
    let app = TestApp::builder().without_limits().start().await;
    let visitor = long_room(&app, 100).await;
    Program::start(&app, "views", &visitor).ends_well().await;
}

/// Protects who reads a reply while it is made: each piece of it is shown as its Markdown is, though only words are added
/// where only words came.
#[tokio::test(flavor = "multi_thread")]
async fn a_growing_text_is_its_markdown() {
    let app = TestApp::start().await;
    Program::start(&app, "growing", &[]).ends_well().await;
}

/// Protects readers of much, and of what comes fast: a long conversation is a few rows at a time, and a fast reply does not
/// hold the page up. It says how long both took.
#[tokio::test(flavor = "multi_thread")]
async fn much_and_fast_is_smooth() {
    let provider = FakeProvider::start_as("words-1000-5").await;
    let app =
        TestApp::builder().without_limits().provider(&provider.base_url(), "words-1000-5").start().await;
    let visitor = long_room(&app, LONG).await;
    Program::start(&app, "speed", &visitor).ends_well().await;
}

/// Protects the README's picture from showing a page that is not there any more: it is made of this one, and left in
/// `target/screenshots/chat.png`, from where it is copied to `docs/images`.
#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_picture_is_of_this_page() {
    let provider = FakeProvider::start_as("code").await;
    let app = TestApp::builder()
        .without_limits()
        .provider(&provider.base_url(), "gpt-4o")
        .env("MODEL_PRICES", "gpt-4o=2.50/10")
        .start()
        .await;
    Program::start(&app, "picture", &[]).ends_well().await;
}

/// A room `long` with messages in it, and who may come in: an admin.
async fn long_room(app: &TestApp, messages: usize) -> [(&'static str, String); 2] {
    let token = app.admin_token("root@example.org");
    let mut root = app.rooms(&token).await;
    root.ask(
        "join_room",
        json!({"room_id": "long", "room_name": "A long story", "room_type": "shared", "ai_mode": "off"}),
    )
    .await;
    root.until("join_room").await;
    for number in 1..=messages {
        let text =
            format!("Message {number}: the quick brown fox jumps over the lazy dog, and does so again.");
        root.ask("chat", json!({"room_id": "long", "message": text})).await;
    }
    for _ in 1..=messages {
        root.until("delivery_confirmation").await;
    }
    [("PARLOR_TOKEN", token), ("PARLOR_USER", root.user.clone())]
}
