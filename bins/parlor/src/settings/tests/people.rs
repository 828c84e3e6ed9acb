//! Who is let in and how: accounts, mail, another issuer, keys.

use super::*;
use parlor_accounts::IssuerConfig;
use std::num::NonZeroU32;

/// Of clerk.example.org.
const CLERK: &str = "pk_test_Y2xlcmsuZXhhbXBsZS5vcmck";

/// Protects accounts: what the operator sets is what they get.
#[test]
fn what_is_set_of_accounts_reaches_them() {
    let world = World::new()
        .variable("ACCESS_TOKEN_TTL", "5m")
        .variable("REFRESH_TOKEN_TTL", "7d")
        .variable("AUTH_RATE_LIMIT_REQUESTS", "7")
        .variable("AUTH_MINIMUM_TIME", "0")
        .variable("DELETED_SESSION_RETENTION", "1d")
        .variable("TRUSTED_PROXIES", "10.0.0.0/8, ::1");
    let settings = world.settings();
    let accounts = crate::wiring::people::account_settings(&settings);
    let days = |days: u64| Duration::from_secs(days * 24 * 3_600);
    assert_eq!((accounts.access_token, accounts.refresh_token), (Duration::from_secs(300), days(7)));
    assert_eq!((accounts.requests, accounts.answer_floor), (NonZeroU32::new(7), Duration::ZERO));
    assert_eq!(crate::wiring::domain_settings(&settings).deleted_kept, Some(days(1)));
    let proxies = crate::wiring::transport_options(&settings).trusted_proxies;
    assert_eq!(proxies, ["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()]);
}

/// Protects servers that others reach: guests come by themselves only where nobody else does.
#[test]
fn guests_come_unasked_on_the_loopback_alone() {
    let guests = |variables: &[(&'static str, &'static str)]| {
        let world = variables.iter().fold(World::new(), |world, (name, value)| world.variable(name, value));
        crate::wiring::people::account_settings(&world.settings()).guest_access
    };
    assert!(guests(&[]));
    assert!(guests(&[("HOST", "[::1]")]));
    assert!(!guests(&[("HOST", "0.0.0.0")]));
    assert!(!guests(&[("GUEST_ACCESS", "false")]));
    assert!(guests(&[("HOST", "0.0.0.0"), ("GUEST_ACCESS", "true")]));
    let problem = World::new().variable("GUEST_ACCESS", "perhaps").problem();
    assert!(problem.contains("guest_access"), "{problem}");
}

/// Protects the end of a sign-in: no token of it is good for longer than its end is remembered.
#[test]
fn tokens_are_good_for_a_second_or_more_and_access_tokens_for_a_day_or_less() {
    let access = |ttl: &str| World::new().variable("ACCESS_TOKEN_TTL", ttl);
    assert_eq!(access("24h").settings().accounts.access_token, Duration::from_secs(24 * 3_600));
    for wrong in ["0", "500ms", "25h", "1e3"] {
        let problem = access(wrong).problem();
        assert!(problem.contains("is not a time from 1s to 24h"), "{problem}");
    }
    let problem = World::new().variable("REFRESH_TOKEN_TTL", "0").problem();
    assert!(problem.contains("is not a time of 1s or more"), "{problem}");
}

#[test]
fn another_issuer_is_named_by_its_keys_or_by_clerk() {
    assert_eq!(World::new().settings().issuer, None);
    let jwks_url = "https://id.example.org/keys";
    let world = World::new().variable("JWKS_URL", jwks_url).variable("JWT_ISSUER", "https://id.example.org");
    let config = |jwks_url: &str, issuer: &str, audiences: &[&str]| {
        let audiences = audiences.iter().map(|&it| it.to_owned()).collect();
        Some(IssuerConfig { jwks_url: jwks_url.into(), issuer: issuer.into(), audiences })
    };
    assert_eq!(world.settings().issuer, config(jwks_url, "https://id.example.org", &[]));
    let world = world.variable("JWT_AUDIENCE", "parlor, x");
    assert_eq!(world.settings().issuer, config(jwks_url, "https://id.example.org", &["parlor", "x"]));

    let (clerk, jwks_url) = ("https://clerk.example.org", "https://clerk.example.org/.well-known/jwks.json");
    let world = World::new().variable("CLERK_PUBLISHABLE_KEY", CLERK);
    assert_eq!(world.settings().issuer, config(jwks_url, clerk, &[]));
    let world = world.variable("JWT_ISSUER", "https://accounts.example.org").variable("JWT_AUDIENCE", "a");
    assert_eq!(world.settings().issuer, config(jwks_url, "https://accounts.example.org", &["a"]));
}

/// Protects from a door that is open to another issuer than the operator meant, or that they only believe to be there.
#[test]
fn half_an_issuer_or_two_of_them_are_refused() {
    let check = |world: World, expect: &str| {
        let problem = world.problem();
        assert!(problem.starts_with(expect), "{problem}");
    };
    let jwks = || World::new().variable("JWKS_URL", "https://id.example.org/keys");
    let origin = "(from environment variable JWKS_URL)";
    check(jwks(), &format!("jwks_url {origin} needs jwt_issuer beside it"));
    let both = jwks().variable("JWT_ISSUER", "x").variable("CLERK_PUBLISHABLE_KEY", CLERK);
    check(both, &format!("jwks_url {origin} is there beside clerk_publishable_key"));
    for name in ["JWT_ISSUER", "JWT_AUDIENCE"] {
        let key = name.to_lowercase();
        let expect = format!("{key} (from environment variable {name}) is of no use without jwks_url");
        check(World::new().variable(name, "x"), &expect);
    }
    check(
        World::new().variable("CLERK_PUBLISHABLE_KEY", "pk_test_x"),
        "clerk_publishable_key = \"pk_test_x\"",
    );
}

#[test]
fn mail_goes_by_a_server_that_is_named() {
    let mail = World::new().settings().mail;
    assert!(mail.smtp.is_none());
    assert_eq!(mail.from.0, "Parlor <parlor@localhost>");
    let world = World::new()
        .variable("SMTP_URL", "smtp://ada:hunter2@127.0.0.1:2525")
        .variable("MAIL_FROM", "chat@example.org");
    let mail = world.settings().mail;
    assert_eq!(mail.from.0, "chat@example.org");
    assert!(!format!("{mail:?}").contains("hunter2"), "{mail:?}");
    assert_eq!(mail.smtp.unwrap().0, "smtp://ada:hunter2@127.0.0.1:2525");
    let problem = World::new().variable("MAIL_FROM", "Ada").problem();
    assert!(problem.starts_with("mail_from = \"Ada\""), "{problem}");
}

#[test]
fn the_first_key_encrypts_and_the_others_are_kept() {
    assert!(World::new().settings().store.keyring.is_none());
    let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let world = World::new().variable("ENCRYPTION_KEY", &format!("2027:{key}, {key}"));
    let keyring = world.settings().store.keyring.unwrap();
    assert_eq!(keyring.ids().collect::<Vec<_>>(), ["2027", "1"]);
    for wrong in [format!("{key},{key}"), "c2hvcnQ=".to_owned()] {
        let problem = World::new().variable("ENCRYPTION_KEY", &wrong).problem();
        assert!(problem.starts_with("encryption_key (from") && !problem.contains(&wrong), "{problem}");
    }
}
