//! Files in the chat page.

use super::Program;
use super::cable::Cable;
use parlor_tests::TestApp;
use std::time::Duration;

/// How large the file is that is uploaded over a cable that is cut.
const LARGE: u64 = 20 * 1024 * 1024;
/// What of it may go twice: the chunks that were on their way, and what else a page sends.
const TWICE: u64 = 5 * 1024 * 1024;

/// Protects files from lost connections: one that is cut in the middle is whole in the end, only what was missing is sent
/// again, and the message that waited for it carries it.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_survives_a_cut_cable() {
    let app = TestApp::builder().without_limits().start().await;
    // 6.4 MB a second: slow enough that there is a middle.
    let cable = Cable::slow(app.address(), Duration::from_millis(10)).await;
    let size = ("PARLOR_SIZE", LARGE.to_string());
    let mut program = Program::start_at(&app, cable.address(), "upload", &[size]);
    program.until("cut it").await;
    let sent = cable.sent();
    assert!((LARGE / 10..LARGE).contains(&sent), "it is cut in the middle: {sent}");
    cable.cut();
    program.answer("done").await;
    program.ends_well().await;
    let sent = cable.sent();
    println!("the page sent {sent} bytes for a file of {LARGE}");
    assert!(sent > LARGE && sent < LARGE + TWICE, "only what was missing is sent again: {sent}");
}

/// Protects who sends pictures and other files: they are shown, saved and refused, with words for everybody.
#[tokio::test(flavor = "multi_thread")]
async fn files_go_with_messages() {
    let app = TestApp::builder().without_limits().start().await;
    Program::start(&app, "attachments", &[]).ends_well().await;
}

/// Protects who sends a file while the scanner is away: it waits, is said to, and can be taken out.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_waits_for_the_scanner() {
    let app = TestApp::builder()
        .without_limits()
        .env("VIRUS_SCAN_ENABLED", true)
        // Nobody is there.
        .env("CLAMD_ADDRESS", "127.0.0.1:9")
        .start()
        .await;
    Program::start(&app, "scanner", &[]).ends_well().await;
}
