//! The binary as an operator uses it.

use parlor_tests::process::Process;
use parlor_tests::{PATIENCE, TestApp, tools};
use std::path::Path;
use std::process::{Command, Output};

fn parlor(folder: &Path) -> Command {
    let mut command = Command::new(tools::parlor_binary());
    command.env_clear().current_dir(folder);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn assert_bad_configuration(output: &Output, setting: &str) {
    let complaint = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{setting}: {complaint}");
    assert_eq!(complaint.trim_end().lines().count(), 1, "one line: {complaint}");
    assert!(complaint.contains(setting), "it names the setting {setting}: {complaint}");
    assert_eq!(text(&output.stdout), "");
}

/// Protects: a wrong setting is one clear line and exit 2, and nothing is changed.
#[test]
fn bad_configuration_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for (setting, value) in [
        ("PORT", "many"),
        ("PORT", "70000"),
        ("DRAIN_TIMEOUT", "-1"),
        ("LOG_FORMAT", "xml"),
        ("OPENAI_BASE_URL", "not a url"),
        ("DATABASE_URL", "oracle://x"),
        ("JWT_SECRET", "short"),
        ("WEBSOCKET_MAX_CONNECTIONS", "1.5"),
    ] {
        for command in ["serve", "token"] {
            let mut arguments = vec![command];
            arguments.extend((command == "token").then_some("ann@example.org"));
            let output = parlor(folder.path()).args(arguments).env(setting, value).output().unwrap();
            assert_bad_configuration(&output, setting);
        }
    }
    let file = folder.path().join("odd.toml");
    std::fs::write(&file, "porrt = 8000\n").unwrap();
    let output = parlor(folder.path()).args(["serve", "--config"]).arg(&file).output().unwrap();
    assert_bad_configuration(&output, "porrt");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}

/// Protects: what an operator pastes into a ticket has no secret in it, and says what is in force.
#[test]
fn config_masks_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let output = parlor(folder.path())
        .arg("config")
        .env("OPENAI_API_KEY", "sk-very-secret")
        .env("JWT_SECRET", "another secret, of more than 32 bytes in length")
        .env("DATABASE_URL", "postgres://parlor:hunter2@127.0.0.1/parlor")
        .env("PORT", "8123")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    for secret in ["sk-very-secret", "another secret", "hunter2"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("8123") && shown.contains("openai_api_key"), "{shown}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "to look changes nothing");
}

/// Protects: `TOKEN=$(parlor token EMAIL)` works, beside a running server and before the first one.
#[tokio::test(flavor = "multi_thread")]
async fn token_prints_a_token_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let output = parlor(folder.path()).args(["token", "ann@example.org"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert_eq!(printed.trim_end().split('.').count(), 3, "{printed}");
    assert_eq!(printed.lines().count(), 1, "{printed}");
    assert!(folder.path().join("parlor-data").is_dir(), "the data folder is ./parlor-data");

    let app = TestApp::start().await;
    let mut users = Vec::new();
    for email in ["ann@example.org", "Ann@Example.ORG"] {
        let mut client =
            parlor_tests::Client::connect(app.address(), parlor_tests::Credential::Query(&app.token(email)))
                .await;
        users.push(client.expect("auth_success").await["user_id"].clone());
    }
    assert_eq!(users[0], users[1], "one address, one person");
    for arguments in [&["token"][..], &["token", "no address"], &["token", "a@b.c", "--ttl", "soon"]] {
        let output = app.command(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "");
    }
}

/// Protects: a bare `parlor` serves, with its data where it is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_bare_command_serves() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = parlor(folder.path());
    command.env("PORT", "0").env("PARLOR_DATA_DIR", folder.path().join("elsewhere"));
    let mut process = Process::start("parlor", command, false);
    process.wait_for(PATIENCE, |log| log.contains("listening on 127.0.0.1:").then_some(()));
    assert!(folder.path().join("elsewhere").join("parlor.db").is_file());
    assert!(!folder.path().join("parlor-data").exists());
    process.signal(rustix::process::Signal::TERM);
    assert_eq!(process.wait_end(PATIENCE).await.code(), Some(0));
}

/// Protects: two servers cannot write one file.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_folder_is_refused() {
    let mut app = TestApp::start().await;
    let output = app.command(&["serve", "--port", "0"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let mut client = app.client(&app.token("ann@example.org")).await;
    client.say(None, "note", "the first one still works").await;
    assert!(app.is_running());
}

/// Protects: a port that is taken is told, not waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_told() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let port = app.address().port().to_string();
    let output = parlor(folder.path()).args(["serve", "--port", &port]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&port), "{}", text(&output.stderr));
}

/// Protects: what load balancers and people ask.
#[tokio::test(flavor = "multi_thread")]
async fn health_tells_what_is_what() {
    let app = TestApp::start().await;
    let answer = app.get("/health").await;
    assert_eq!(answer.status, 200);
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["status"], "healthy", "{body}");
    assert!(
        body["version"].is_string() && body["checks"]["database"].is_string()
            || body["checks"]["database"].is_object(),
        "{body}"
    );
    assert_eq!(app.get("/health/live").await.status, 200);
    assert_eq!(app.get("/health/ready").await.status, 200);
    let missing = app.get("/nowhere").await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.header("content-type"), Some("application/problem+json"), "{}", missing.head);
    let problem: serde_json::Value = serde_json::from_str(&missing.body).unwrap();
    assert_eq!(problem["code"], "NOT_FOUND", "{problem}");
}
