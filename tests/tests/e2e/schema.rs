//! The routes as their document has them: `schemathesis` asks whatever fits it, and whatever does not.

use parlor_tests::{TestApp, tools};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// What must hold of every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";
/// The route that ends the very sign-in with which the others are asked.
const SIGN_OUT: &str = "/auth/signout";

/// Protects clients that are made from the document: no route fails, and none answers in a way that is not in it.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_keeps_to_the_document() {
    let app = TestApp::builder().without_limits().env("COMPLETIONS_RATE_LIMIT_REQUESTS", 0).start().await;
    let said = satisfied(&app, &["--exclude-path", SIGN_OUT]).await;
    assert!(!said.contains("Authentication failed"), "routes were refused, and so not looked at: {said}");
    satisfied(&app, &["--include-path", SIGN_OUT]).await;
}

/// Asks these routes for about half a minute, as an admin. Panics with what is wrong.
async fn satisfied(app: &TestApp, which: &[&str]) -> String {
    let mut command = Command::new(tools::python().with_file_name("schemathesis"));
    command
        .arg("run")
        .arg(format!("http://{}/openapi.json", app.address()))
        .args(["--header", &format!("Authorization: Bearer {}", app.admin_token("root@example.org"))])
        .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "10"])
        .args(["--generation-deterministic", "--workers", "1", "--request-timeout", "30", "--no-color"])
        .args(which)
        .current_dir(app.folder())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(Duration::from_mins(5), command.output()).await.expect("it ends").unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}
