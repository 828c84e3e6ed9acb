//! Who judges texts, and what is said where nobody could.

use super::*;
use parlor_domain::Unjudged;

fn with_rules(world: World, rules: &str) -> World {
    let path = world.path("rules.txt");
    std::fs::write(&path, rules).unwrap();
    world.variable("MODERATION_RULES", &path)
}

/// Protects an operator who wants moderation from having none: each word brings who it names, and nothing passes for a
/// setting that is none.
#[test]
fn each_word_brings_whom_it_names() {
    let who = |world: World| {
        let moderation = world.settings().moderation;
        (moderation.rules.map(|rules| rules.count()), moderation.server.map(|it| it.base_url))
    };
    let openai = Some("https://api.openai.com/v1".to_owned());
    let on = |word: &str| World::new().variable("MODERATION_ENABLED", word);
    let with_key = |world: World| world.variable("OPENAI_API_KEY", "sk-1");
    assert_eq!(who(with_rules(World::new(), "a: b")), (None, None), "not unless it is said");
    assert_eq!(who(with_rules(on("local"), "a: b")), (Some(1), None));
    assert_eq!(who(with_rules(on("true"), "a: b")), (Some(1), None));
    assert_eq!(who(with_key(on("openai"))), (None, openai.clone()));
    assert_eq!(who(with_key(on("true"))), (None, openai.clone()));
    assert_eq!(who(with_key(with_rules(on("true"), "a: b"))), (Some(1), openai.clone()));
    let elsewhere = with_key(on("true")).variable("OPENAI_BASE_URL", "http://127.0.0.1:1/v1");
    assert_eq!(who(elsewhere).1.as_deref(), Some("http://127.0.0.1:1/v1"));
    let apart = with_key(on("true"))
        .variable("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
        .variable("MODERATION_BASE_URL", "http://127.0.0.1:2/v1");
    assert_eq!(who(apart).1.as_deref(), Some("http://127.0.0.1:2/v1"));
    for (world, words) in [
        (
            on("true"),
            "moderation_enabled (from environment variable MODERATION_ENABLED) needs moderation_rules, or",
        ),
        (on("yes"), "is not false, true, local or openai"),
        (on("local"), "moderation_rules is not set"),
        (on("local").variable("MODERATION_RULES", "/nowhere"), "cannot be read"),
        (with_rules(on("local"), "a: /(/"), "is no list of rules: the pattern in line 1"),
        (with_rules(World::new(), "bomb"), "is no list of rules: line 1"),
        (World::new().variable("MODERATION_FAILURE", "maybe"), "is not closed or open"),
        (World::new().variable("MODERATION_TIMEOUT", "0"), "is not a time above 0"),
    ] {
        let problem = world.problem();
        assert!(problem.contains(words), "{problem}");
    }
}

/// Protects what happens where nobody can judge: it is what the operator chose.
#[test]
fn what_is_set_of_failures_reaches_the_domain() {
    let domain = crate::wiring::domain_settings(&World::new().settings()).moderation;
    assert_eq!((domain.timeout, domain.unjudged), (Duration::from_secs(5), Unjudged::Refused));
    let world = World::new().variable("MODERATION_FAILURE", "open").variable("MODERATION_TIMEOUT", "2");
    let domain = crate::wiring::domain_settings(&world.settings()).moderation;
    assert_eq!((domain.timeout, domain.unjudged), (Duration::from_secs(2), Unjudged::Pass));
}
