//! The chat page.

use super::Program;
use super::cable::Cable;
use parlor_tests::TestApp;

/// Protects: somebody new comes to all that the page does, from a first load that is small to a chat that is brought back,
/// and nothing of it asks another server or complains.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_new_finds_their_way() {
    let app = TestApp::builder().without_limits().env("AUTH_MINIMUM_TIME", 0).start().await;
    let outbox = app.folder().join("data/outbox").display().to_string();
    Program::start(&app, "story", &[("PARLOR_OUTBOX", outbox)]).is_well().await;
}

/// Protects: two people in one room see each other, what each does, and what was read, on a desktop and on a phone.
#[tokio::test(flavor = "multi_thread")]
async fn two_people_talk_in_a_room() {
    let app = TestApp::builder().without_limits().start().await;
    Program::start(&app, "together", &[]).is_well().await;
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
    program.is_well().await;
}
