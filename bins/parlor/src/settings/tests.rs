//! How layers lie upon each other, what is refused, and what is shown.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod embeddings;
mod jobs;
mod moderation;
mod people;
mod providers;

use super::*;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// A data folder, a file in it, an environment and flags.
struct World {
    folder: TempDir,
    environment: HashMap<String, OsString>,
    flags: Vec<(Key, &'static str, String)>,
    file: Option<&'static str>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let flags = vec![(Key::DataDir, "--data-dir", folder.path().to_str().unwrap().to_owned())];
        Self { folder, environment: HashMap::new(), flags, file: None }
    }

    fn file(self, text: &str) -> Self {
        std::fs::write(self.folder.path().join("parlor.toml"), text).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    fn flag(mut self, key: Key, flag: &'static str, value: &str) -> Self {
        self.flags.push((key, flag, value.to_owned()));
        self
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn values(&self) -> Result<Values, Problem> {
        Values::collect(&Sources {
            file: self.file.map(|name| self.folder.path().join(name)),
            environment: &|name| self.environment.get(name).cloned(),
            flags: self.flags.clone(),
        })
    }

    fn settings(&self) -> Settings {
        Settings::read(&self.values().unwrap()).unwrap()
    }

    fn problem(&self) -> String {
        match self.values().and_then(|values| Settings::read(&values)) {
            Ok(_) => panic!("nothing is wrong"),
            Err(problem) => problem.to_string(),
        }
    }
}

#[test]
fn the_later_layer_wins() {
    let world = World::new();
    assert_eq!(world.settings().server.port, 8000);
    let world = world.file("port = 1\nhost = \"10.0.0.1\"\n");
    assert_eq!(world.settings().server.port, 1);
    let world = world.variable("PORT", "2");
    assert_eq!(world.settings().server.port, 2);
    let world = world.flag(Key::Port, "--port", "3");
    assert_eq!(world.settings().server.port, 3);
    assert_eq!(world.settings().server.host.0, "10.0.0.1");
}

#[test]
fn an_empty_variable_is_none() {
    let world = World::new().variable("PORT", "").variable("OPENAI_API_KEY", "");
    assert_eq!(world.settings().server.port, 8000);
    assert!(world.settings().ai.providers.is_empty());
}

#[test]
fn a_named_file_is_read_in_place_of_the_one_in_the_data_folder() {
    let mut world = World::new().file("port = 1\n");
    std::fs::write(world.path("other.toml"), "host = \"10.0.0.1\"\n").unwrap();
    world.file = Some("other.toml");
    let server = world.settings().server;
    assert_eq!((server.port, server.host.0.as_str()), (8000, "10.0.0.1"));
    world.file = Some("none.toml");
    let problem = world.problem();
    assert!(problem.starts_with(&format!("{} cannot be read: ", world.path("none.toml"))), "{problem}");
}

#[test]
fn the_environment_may_say_where_the_file_is() {
    let mut world = World::new().file("port = 1\n");
    let folder = world.flags.remove(0).2;
    assert_eq!(world.variable("PARLOR_DATA_DIR", &folder).settings().server.port, 1);
}

#[test]
fn the_database_is_in_the_data_folder_unless_it_is_named() {
    let world = World::new();
    assert_eq!(world.settings().store.url.0, format!("sqlite://{}", world.path("parlor.db")));
    let world = world.file("parlor_data_dir = \"elsewhere/\"\n");
    assert_eq!(
        world.settings().store.url.0,
        format!("sqlite://{}", world.path("parlor.db")),
        "the flag wins"
    );
    let world = world.variable("DATABASE_URL", "postgres://ada:secret@db/parlor");
    assert_eq!(world.settings().store.url.0, "postgres://ada:secret@db/parlor");
}

#[test]
fn the_defaults_are_those_that_the_parts_have_themselves() {
    let settings = World::new().settings();
    let (domain, chosen) = (parlor_domain::Settings::default(), crate::wiring::domain_settings(&settings));
    let chosen_tokens = chosen.turns.max_tokens;
    let mut chosen = chosen;
    chosen.turns.max_tokens = domain.turns.max_tokens;
    chosen.turns.prices = domain.turns.prices.clone();
    assert_eq!(format!("{chosen:?}"), format!("{domain:?}"));
    assert_eq!(chosen_tokens, Some(4096));
    let transport = crate::wiring::transport_options(&settings);
    assert_eq!(format!("{transport:?}"), format!("{:?}", parlor_transport::Options::default()));
    // On the loopback guests come unasked; whoever embeds accounts has to want them.
    let accounts = parlor_accounts::AccountSettings {
        guest_access: true,
        ..parlor_accounts::AccountSettings::default()
    };
    assert_eq!(crate::wiring::people::account_settings(&settings), accounts);
}

#[test]
fn zero_is_no_limit() {
    let mut world = World::new();
    for name in [
        "WEBSOCKET_MAX_CONNECTIONS",
        "WEBSOCKET_MAX_UNAUTHENTICATED",
        "WS_MAX_CONNECTIONS_PER_USER",
        "WS_RATE_LIMIT_REQUESTS",
        "WS_CHAT_RATE_LIMIT_REQUESTS",
        "AI_TURN_TIMEOUT",
        "AI_TOTAL_TIMEOUT",
        "AI_CONTEXT_TOKENS",
        "OPENAI_MAX_TOKENS",
        "DRAIN_TIMEOUT",
        "DELETED_SESSION_RETENTION",
        "AUTH_RATE_LIMIT_REQUESTS",
    ] {
        world = world.variable(name, "0");
    }
    let settings = world.settings();
    let domain = crate::wiring::domain_settings(&settings);
    assert!(domain.limits.connections.is_none() && domain.limits.frames.is_none());
    assert!(domain.limits.chats.is_none() && domain.deleted_kept.is_none());
    assert!(crate::wiring::people::account_settings(&settings).requests.is_none());
    assert!(domain.limits.connections_per_user.is_none() && domain.turns.max_tokens.is_none());
    let years = Duration::from_hours(24 * 365);
    assert!(domain.turns.total > years && domain.turns.between_tokens > years);
    assert!(
        std::time::Instant::now().checked_add(domain.turns.total).is_some(),
        "a deadline can be reckoned"
    );
    assert_eq!(domain.turns.context_tokens, usize::MAX);
    assert!(crate::wiring::transport_options(&settings).drain > years);
}

/// Protects budgets, routing and the workers' door: what the operator sets is what the domain gets.
#[test]
fn what_is_set_of_turns_reaches_the_domain() {
    let world = World::new()
        .variable("USER_TOKEN_BUDGET", "100000")
        .variable("USER_DAILY_TOKEN_BUDGET", "0")
        .variable("MODEL_DAILY_TOKEN_BUDGETS", "gpt-4o*=7")
        .variable("AI_QUEUE_WAIT", "0")
        .variable("AI_WORKER_TURNS", "4")
        .variable("AI_RETRY_ROUNDS", "2")
        .variable("AI_BREAKER_WINDOW", "1m")
        .variable("AI_BREAKER_MINIMUM", "9")
        .variable("AI_BREAKER_FAILURES", "100")
        .variable("AI_BREAKER_COOLDOWN", "5")
        .variable("COMPLETIONS_RATE_LIMIT_REQUESTS", "3")
        .variable("COMPLETIONS_RATE_LIMIT_WINDOW", "5")
        .variable("AI_CHAT_RATE_LIMIT_REQUESTS", "6")
        .variable("AI_CHAT_RATE_LIMIT_WINDOW", "7");
    let parlor_domain::Settings { turns, limits, .. } = crate::wiring::domain_settings(&world.settings());
    assert_eq!((turns.budgets.user, turns.budgets.user_day), (Some(100_000), None));
    assert_eq!(turns.budgets.model_day, [("gpt-4o*".to_owned(), 7)]);
    assert_eq!((turns.queue_wait, turns.worker_turns, turns.retries.rounds), (Duration::ZERO, 4, 2));
    let seconds = Duration::from_secs;
    assert_eq!((turns.breaker.window, turns.breaker.cooldown), (seconds(60), seconds(5)));
    assert_eq!((turns.breaker.minimum, turns.breaker.failures), (9, 100));
    assert_eq!(limits.completions, parlor_domain::Quota::new(3, seconds(5)));
    assert_eq!(limits.ai_chats, parlor_domain::Quota::new(6, seconds(7)));
}

#[test]
fn each_service_key_is_taken_and_has_to_be_long() {
    let (old, new) = ("old-key-0123456789abcdef", "new-key-0123456789abcdef");
    assert!(World::new().settings().accounts.service_keys.0.is_empty());
    let world = World::new().variable("AI_SERVICE_KEY", &format!("{old}, {new}"));
    assert_eq!(world.settings().accounts.service_keys.0, [old, new]);
    for wrong in ["hunter2", &format!("{old},"), &format!("{old},hunter2")] {
        let problem = World::new().variable("AI_SERVICE_KEY", wrong).problem();
        let expect = "is not a list of keys of at least 24 bytes each, separated by commas";
        assert_eq!(problem, format!("ai_service_key (from environment variable AI_SERVICE_KEY) {expect}"));
    }
}

/// Protects bills: the operator's prices reach the domain, and what the demo says is free unless they say otherwise.
#[test]
fn the_prices_of_the_operator_and_of_the_demo_reach_the_domain() {
    use parlor_domain::message::{NanoDollars, Usage};
    let usage = Usage { prompt_tokens: 1_000, completion_tokens: 100, estimated: false };
    let cost = |world: &World, model: &str| {
        crate::wiring::domain_settings(&world.settings()).turns.prices.cost(model, usage)
    };
    let world = World::new();
    assert_eq!((cost(&world, "parlor-demo"), cost(&world, "gpt-x")), (Some(NanoDollars(0)), None));
    let world = world.variable("MODEL_PRICES", "*=1/2, gpt-4o=2.50/10");
    assert_eq!(cost(&world, "gpt-4o"), Some(NanoDollars(3_500_000)));
    assert_eq!(cost(&world, "gpt-x"), Some(NanoDollars(1_200_000)));
    assert_eq!(cost(&world, "parlor-demo"), Some(NanoDollars(0)));
    let world = world.variable("MODEL_PRICES", "parlor-demo=1/1");
    assert_eq!(cost(&world, "parlor-demo"), Some(NanoDollars(1_100_000)));
}

#[test]
fn debug_sets_the_level_that_nobody_has_set() {
    let filter = |world: World| world.settings().log.filter.0;
    assert_eq!(filter(World::new()), "info");
    assert_eq!(filter(World::new().variable("DEBUG", "1")), "info,parlor=debug");
    assert_eq!(filter(World::new().variable("DEBUG", "true").variable("LOG_LEVEL", "warn")), "warn");
}

#[test]
fn a_list_may_be_an_array() {
    let world = World::new().file("cors_origin = [\"https://a.example\", \"http://localhost:5173\"]\n");
    let origins = world.settings().server.origins.unwrap();
    assert_eq!(origins, ["https://a.example", "http://localhost:5173"]);
}

#[test]
fn a_bad_value_is_named_with_where_it_came_from() {
    let check = |world: World, expect: &str| {
        let problem = world.problem();
        assert_eq!(problem.replace(&world.path("parlor.toml"), "FILE"), expect);
    };
    let port = "is not a port from 0 to 65535";
    check(
        World::new().variable("PORT", "eighty"),
        &format!("port = \"eighty\" (from environment variable PORT) {port}"),
    );
    check(World::new().file("port = 65536\n"), &format!("port = \"65536\" (from FILE) {port}"));
    check(World::new().flag(Key::Port, "--port", "-1"), &format!("port = \"-1\" (from flag --port) {port}"));
    check(
        World::new().file("ai_turn_timeout = \"soon\"\n"),
        "ai_turn_timeout = \"soon\" (from FILE) is not a time (seconds, or as in 500ms, 30s, 5m, 24h; 0: no limit)",
    );
    check(
        World::new().file("model_prices = [\"gpt-4o=1\"]\n"),
        "model_prices = \"gpt-4o=1\" (from FILE) is not a list of prices such as gpt-4o=2.50/10, gpt-4o-mini*=0.15/0.60",
    );
    check(
        World::new().variable("AI_BREAKER_FAILURES", "101"),
        "ai_breaker_failures = \"101\" (from environment variable AI_BREAKER_FAILURES) is not a whole number from 1 to \
         100",
    );
    check(
        World::new().variable("WS_CHAT_RATE_LIMIT_WINDOW", "0"),
        "ws_chat_rate_limit_window = \"0\" (from environment variable WS_CHAT_RATE_LIMIT_WINDOW) is not a time \
         above 0 (seconds, or as in 500ms, 30s, 5m, 24h)",
    );
    check(
        World::new().file("log_format = \"xml\"\n"),
        "log_format = \"xml\" (from FILE) is not text or json",
    );
}

#[test]
fn no_setting_goes_unread() {
    for entry in super::table::TABLE {
        // What no kind of value is; a text may be anything.
        let free = ["parlor_data_dir", "ai_system_prompt", "upload_dir", "temp_dir"];
        let world = World::new().variable(&entry.variable(), " \u{7}?#");
        if !free.contains(&entry.name) {
            assert!(world.problem().starts_with(entry.name), "{}: {}", entry.name, world.problem());
        }
    }
}

#[test]
fn a_bad_secret_is_not_quoted() {
    for (name, value) in [
        ("JWT_SECRET", "hunter2"),
        ("OPENAI_API_KEY", "hunter2 "),
        ("OPENAI_BASE_URL", "hunter2://x"),
        ("ANTHROPIC_API_KEY", "hunter2 "),
        ("GEMINI_BASE_URL", "hunter2"),
        ("DATABASE_URL", "mysql://ada:hunter2@db"),
        ("SMTP_URL", "mail://ada:hunter2@mail"),
        ("SMTP_URL", "smtp://ada:hunter2@mail?tls=hunter2"),
        ("JWKS_URL", "ftp://ada:hunter2@id"),
        ("ENCRYPTION_KEY", "2026:hunter2"),
    ] {
        let problem = World::new().variable(name, value).problem();
        assert!(problem.starts_with(&name.to_lowercase()) && !problem.contains("hunter2"), "{problem}");
    }
}

#[test]
fn a_file_with_a_mistake_is_named_and_not_quoted() {
    let check = |text: &str, expect: &str| {
        let world = World::new().file(text);
        let problem = world.problem().replace(&world.path("parlor.toml"), "FILE");
        assert_eq!(problem.lines().count(), 1, "{problem}");
        assert!(problem.starts_with("FILE: ") && problem.contains(expect), "{problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    };
    check("prot = 1\n", "unknown key \"prot\"");
    check("[server]\nport = 1\n", "unknown key \"server\"");
    check("PORT = 1\n", "unknown key \"PORT\"");
    check("port = { a = 1 }\n", "port is not a port");
    check("cors_origin = [1]\n", "cors_origin is not a list");
    check("port = 1\njwt_secret = hunter2\n", "line 2");
    check("port = 1\nport = 2\n", "duplicate");
}

#[test]
fn what_is_printed_tells_origins_masks_secrets_and_reads_back() {
    let world = World::new()
        .file("port = 81\nai_system_prompt = \"Say \\\"hi\\\"\\nthen stop\"\n")
        .variable("OPENAI_API_KEY", "sk-hunter2")
        .variable("DATABASE_URL", "postgres://ada:hunter2@db/parlor")
        .variable("JWT_SECRET", "hunter2hunter2hunter2hunter2hunter2")
        .variable("SMTP_URL", "smtps://ada:hunter2@mail.example.org")
        .variable("ENCRYPTION_KEY", "2026:aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ=")
        .flag(Key::Host, "--host", "10.0.0.1");
    let text = toml(&world.values().unwrap());
    assert!(!text.contains("hunter2") && !text.contains("aHVudGVy"), "{text}");
    for line in [
        "# smtp_url = \"smtps://ada:********@mail.example.org\"  # environment variable SMTP_URL".to_owned(),
        "# encryption_key = \"********\"  # environment variable ENCRYPTION_KEY".to_owned(),
        "ws_rate_limit_requests = 100  # default".to_owned(),
        format!("port = 81  # {}", world.path("parlor.toml")),
        "host = \"10.0.0.1\"  # flag --host".to_owned(),
        "# openai_api_key = \"********\"  # environment variable OPENAI_API_KEY".to_owned(),
        "# database_url = \"postgres://ada:********@db/parlor\"  # environment variable DATABASE_URL"
            .to_owned(),
        "# openai_org_id is unset: none is sent".to_owned(),
        "# log_level = \"info\"  # unset: info; with debug, debug".to_owned(),
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in:\n{text}");
    }
    let again = World::new().file(&text);
    assert_eq!(again.settings().ai.system_prompt.unwrap(), "Say \"hi\"\nthen stop");
    assert_eq!(again.settings().server.port, 81);
}

#[test]
fn the_help_has_every_setting() {
    let text = help();
    for entry in super::table::TABLE {
        assert!(text.contains(&format!("\n  {}\n", entry.variable())), "{}", entry.name);
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_utf8_is_named() {
    use std::os::unix::ffi::OsStringExt;
    let mut world = World::new();
    world.environment.insert("HOST".to_owned(), OsString::from_vec(vec![0xff]));
    assert_eq!(world.problem(), "host (from environment variable HOST) is not UTF-8");
    assert!(Path::new(&world.path("")).exists());
}
