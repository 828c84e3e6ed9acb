//! The settings of accounts, mail, issuers and keys, on the command line.

use parlor_tests::tools;
use std::path::Path;
use std::process::{Command, Output};

const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
/// Of clerk.example.org.
const CLERK: &str = "pk_test_Y2xlcmsuZXhhbXBsZS5vcmck";

fn run(folder: &Path, command: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut parlor = Command::new(tools::parlor_binary());
    parlor.env_clear().current_dir(folder).args(command).envs(settings.iter().copied()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Protects what an operator pastes into a ticket: no password and no key is in it, and what is in force is.
#[test]
fn the_new_secrets_are_masked() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(
        folder.path(),
        &["config"],
        &[
            ("SMTP_URL", "smtps://ann%40example.org:hunter2@mail.example.org"),
            ("ENCRYPTION_KEY", &format!("2026:{KEY},old:{}", KEY.replace("MDEy", "MDEz"))),
            ("JWKS_URL", "https://parlor:hunter3@id.example.org/keys"),
            ("JWT_ISSUER", "https://id.example.org"),
            ("JWT_AUDIENCE", "parlor"),
            ("JWT_SECRET", "another secret, of more than 32 bytes in length"),
            ("TRUSTED_PROXIES", "10.0.0.0/8"),
        ],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    for secret in ["hunter2", "hunter3", "MDEy", "MDEz", "another secret"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    for shown_too in
        ["mail.example.org", "id.example.org/keys", "jwt_audience", "10.0.0.0/8", "encryption_key"]
    {
        assert!(shown.contains(shown_too), "{shown_too}: {shown}");
    }
}

/// Protects operators: a wrong setting, and settings that do not go together, are one line with the name, exit 2, and
/// nothing was made; a secret is not quoted.
#[test]
fn wrong_settings_are_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let jwks = ("JWKS_URL", "https://id.example.org/keys");
    for (settings, name) in [
        (&[("SMTP_URL", "http://ann:hunter2@mail.example.org")][..], "smtp_url"),
        (&[("SMTP_URL", "mail.example.org")], "smtp_url"),
        (&[("MAIL_FROM", "nobody")], "mail_from"),
        (&[("MAIL_FROM", "a@example.org\r\nBcc: b@example.org")], "mail_from"),
        (&[("CLERK_PUBLISHABLE_KEY", "pk_test_x")], "clerk_publishable_key"),
        (&[("JWKS_URL", "ftp://id.example.org"), ("JWT_ISSUER", "x")], "jwks_url"),
        (&[jwks], "jwks_url"),
        (&[jwks, ("JWT_ISSUER", "x"), ("CLERK_PUBLISHABLE_KEY", CLERK)], "jwks_url"),
        (&[("JWT_ISSUER", "x")], "jwt_issuer"),
        (&[("JWT_AUDIENCE", "x")], "jwt_audience"),
        (&[jwks, ("JWT_ISSUER", "x"), ("JWT_AUDIENCE", "a,,b")], "jwt_audience"),
        (&[("ENCRYPTION_KEY", "hunter2")], "encryption_key"),
        (&[("ENCRYPTION_KEY", &format!("{KEY},{KEY}"))], "encryption_key"),
        (&[("ACCESS_TOKEN_TTL", "0")], "access_token_ttl"),
        (&[("ACCESS_TOKEN_TTL", "25h")], "access_token_ttl"),
        (&[("REFRESH_TOKEN_TTL", "soon")], "refresh_token_ttl"),
        (&[("AUTH_RATE_LIMIT_REQUESTS", "-1")], "auth_rate_limit_requests"),
        (&[("AUTH_MINIMUM_TIME", "x")], "auth_minimum_time"),
        (&[("TRUSTED_PROXIES", "10.0.0.0/33")], "trusted_proxies"),
        (&[("DELETED_SESSION_RETENTION", "x")], "deleted_session_retention"),
    ] {
        for command in [&["serve", "--port", "0"][..], &["config"], &["token", "ann@example.org"]] {
            let output = run(folder.path(), command, settings);
            let complaint = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{command:?} {settings:?}: {complaint}");
            assert_eq!(complaint.trim_end().lines().count(), 1, "one line: {complaint}");
            assert!(complaint.contains(name), "{name}: {complaint}");
            assert!(!complaint.contains("hunter2") && !complaint.contains(KEY), "{complaint}");
            assert_eq!(text(&output.stdout), "");
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}
