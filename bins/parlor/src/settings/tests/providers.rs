//! Which providers answer, in which order, and what is said of those that make no sense.

use super::*;
use parlor_ai::Kind;
use parlor_domain::message::{NanoDollars, Usage};

/// The names of all providers, in the order in which they are asked.
fn names(world: &World) -> Vec<String> {
    world.settings().ai.providers.into_iter().map(|it| it.config.name).collect()
}

const TWO: &str = r#"
[[providers]]
name = "azure"
kind = "openai"
base_url = "https://x.example/v1"
api_key_env = "AZURE_KEY"
organization = "org-1"
models = ["gpt-4o*", "o3"]
headers = { "X-Team" = "hunter2 and more", api-key = "hunter2" }
max_tokens = 500
temperature = 0.5
prices = ["gpt-4o=2.50/10", "gpt-4o-mini*=0.15/0.60"]
priority = 7
weight = 3
capacity = 20

[[providers]]
name = "claude"
kind = "anthropic"
api_key = "sk-hunter2"
"#;

#[test]
fn a_key_or_a_base_url_turns_a_provider_on() {
    let world = World::new().variable("OPENAI_MODEL", "gpt-x").variable("GEMINI_MODEL", "gemini-x");
    assert!(names(&world).is_empty(), "a model alone does not");
    let world = World::new().variable("OPENAI_API_KEY", "sk-1");
    let openai = world.settings().ai.providers.remove(0).config;
    let found = (openai.base_url.as_str(), openai.api_key.as_deref(), openai.model.as_deref());
    assert_eq!(found, ("https://api.openai.com/v1", Some("sk-1"), Some("gpt-4o-mini")));
    let world = World::new().variable("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1");
    let world = world.file("openai_model = \"llama3.2\"\nopenai_temperature = 0.5\n");
    let openai = world.settings().ai.providers.remove(0).config;
    assert_eq!((openai.api_key, openai.model.as_deref()), (None, Some("llama3.2")));
    assert_eq!(
        (openai.temperature, openai.max_tokens, openai.models.iter().count()),
        (Some(0.5), Some(4096), 0)
    );
}

#[test]
fn the_environments_providers_come_in_their_order() {
    let world = World::new()
        .variable("OPENAI_API_KEY", "sk-1")
        .variable("GEMINI_BASE_URL", "http://127.0.0.1:1")
        .variable("ANTHROPIC_API_KEY", "sk-2");
    let providers = world.settings().ai.providers;
    let found: Vec<_> = providers
        .iter()
        .map(|it| {
            (it.config.name.as_str(), it.config.models.iter().collect::<Vec<_>>().join(","), it.priority)
        })
        .collect();
    let expect = [("anthropic", "claude-*", 1), ("gemini", "gemini-*", 2), ("openai", "", 3)];
    assert_eq!(found, expect.map(|(name, models, priority)| (name, models.to_owned(), priority)));
    let turns = crate::wiring::domain_settings(&world.settings()).turns;
    assert_eq!(turns.default_model.as_deref(), Some("claude-haiku-4-5"), "the first one's");
    for kind in Kind::ALL {
        let config = &providers.iter().find(|it| it.config.kind == kind).unwrap().config;
        assert_eq!(config.model.as_deref(), Some(kind.default_model()), "the table says what the kind does");
    }
}

#[test]
fn the_files_providers_are_read_whole() {
    let world = World::new().file(TWO).variable("AZURE_KEY", "from-the-variable");
    let mut providers = world.settings().ai.providers;
    let azure = providers.pop().unwrap();
    assert_eq!((azure.priority, azure.weight.get(), azure.capacity.map(u32::from)), (7, 3, Some(20)));
    let usage = Usage { prompt_tokens: 1_000, completion_tokens: 0, estimated: false };
    let provider = crate::wiring::provider(&azure).unwrap();
    assert_eq!(provider.prices.cost("gpt-4o", usage), Some(NanoDollars(2_500_000)));
    assert_eq!(provider.backend.name(), "azure");
    let config = azure.config;
    assert_eq!((config.kind, config.base_url.as_str()), (Kind::OpenAi, "https://x.example/v1"));
    assert_eq!(config.api_key.as_deref(), Some("from-the-variable"));
    assert_eq!((config.organization.as_deref(), config.model.as_deref()), (Some("org-1"), Some("o3")));
    assert_eq!(
        (config.models.iter().collect::<Vec<_>>().join(" "), config.max_tokens),
        ("gpt-4o* o3".to_owned(), Some(500))
    );
    let mut headers = config.headers;
    headers.sort();
    assert_eq!(headers[0], ("X-Team".to_owned(), "hunter2 and more".to_owned()));
    assert_eq!((config.temperature, headers.len()), (Some(0.5), 2));

    let claude = providers.pop().unwrap();
    assert_eq!((claude.config.kind, claude.priority, claude.weight.get()), (Kind::Anthropic, 2, 1));
    assert_eq!((claude.capacity, claude.config.models.iter().count()), (None, 0));
    assert_eq!(claude.config.model.as_deref(), Some(Kind::Anthropic.default_model()));
}

#[test]
fn the_files_providers_come_before_the_environments_and_replace_those_of_their_name() {
    let file = "[[providers]]\nname = \"openai\"\nkind = \"openai\"\npriority = 9\n";
    let world = World::new().file(file).variable("OPENAI_API_KEY", "sk-1").variable("GEMINI_API_KEY", "sk-2");
    assert_eq!(names(&world), ["openai", "gemini"]);
    let providers = world.settings().ai.providers;
    assert_eq!((providers[0].config.api_key.as_deref(), providers[1].priority), (None, 10));
}

#[test]
fn the_demo_answers_only_where_nobody_else_is_configured() {
    let backends = |world: World| -> Vec<String> {
        let providers = crate::wiring::providers(&world.settings()).unwrap();
        providers.iter().map(|it| it.backend.name().to_owned()).collect()
    };
    assert_eq!(backends(World::new()), ["demo"]);
    assert!(backends(World::new().variable("AI_SERVICE_KEY", "a-key-0123456789abcdefgh")).is_empty());
    assert_eq!(backends(World::new().variable("OPENAI_API_KEY", "sk-1")), ["openai"]);
}

/// Protects whoever reads a complaint: it is one line, names the field of the table, and quotes no secret.
#[test]
fn a_mistake_is_named_by_its_field() {
    let first = "[[providers]]\nname = \"a\"\nkind = \"openai\"\n";
    let check = |second: &str, expect: &str| {
        let world = World::new().file(&format!("{first}\n[[providers]]\n{second}\n"));
        let problem = world.problem().replace(&world.path("parlor.toml"), "FILE");
        assert_eq!(problem, expect, "{second}");
    };
    let good = "name = \"b\"\nkind = \"openai\"\n";
    let with = |line: &str| format!("{good}{line}");
    check(&with("weight = 0"), "providers[2].weight = \"0\" (from FILE) is not a whole number above 0");
    check(&with("priority = -1"), "providers[2].priority = \"-1\" (from FILE) is not a whole number");
    check(&with("capacity = [1]"), "providers[2].capacity (from FILE) is not a whole number above 0");
    check(
        &with("temperature = 3.0"),
        "providers[2].temperature = \"3\" (from FILE) is not a number from 0 to 2",
    );
    let hint = "(from FILE); `parlor serve --help` lists the fields of a provider";
    check(&with("wieght = 1"), &format!("unknown key providers[2].wieght {hint}"));
    check(
        "kind = \"openai\"",
        "providers[2].name (from FILE) is not set: it needs 1 to 64 visible ASCII characters",
    );
    check("name = \"b\"", "providers[2].kind (from FILE) is not set: it needs openai, anthropic or gemini");
    check(
        "name = \"b\"\nkind = \"grok\"",
        "providers[2].kind = \"grok\" (from FILE) is not openai, anthropic or gemini",
    );
    check(
        "name = \"a\"\nkind = \"gemini\"",
        "providers[2].name (from FILE) is \"a\", and so is another one's",
    );
    check(
        "name = \"a b\"\nkind = \"gemini\"",
        "providers[2].name = \"a b\" (from FILE) is not 1 to 64 visible ASCII characters",
    );
    check(&with("base_url = \"hunter2\""), "providers[2].base_url (from FILE) is not an http or https URL");
    check(
        &with("api_key = \"hunter2 \""),
        "providers[2].api_key (from FILE) is not a key of visible ASCII characters",
    );
    check(
        &with("api_key_env = \"NO_KEY\""),
        "providers[2].api_key_env = \"NO_KEY\" (from FILE) is not the name of an environment variable that is set",
    );
    check(
        &with("api_key_env = \"HOME\"\napi_key = \"hunter2\""),
        "providers[2].api_key (from FILE) is there beside api_key_env: one of them is too many",
    );
    check(
        &with("models = [\"a*b\"]"),
        "providers[2].models = \"a*b\" (from FILE) is not a list of models such as gpt-4o, claude-*",
    );
    check(&with("models = [\"a*\"]"), "providers[2].model (from FILE) is not set: it needs a model's name");
    check(
        &with("prices = [\"a=1\"]"),
        "providers[2].prices = \"a=1\" (from FILE) is not a list of prices such as gpt-4o=2.50/10",
    );
    check(&with("headers = \"hunter2\""), "providers[2].headers (from FILE) is not a table of HTTP headers");
    check(
        &with("headers = { a = \"hunter2\\n\" }"),
        "providers[2].headers.a (from FILE) cannot be sent as an HTTP header",
    );
    check(
        "name = \"b\"\nkind = \"gemini\"\norganization = \"x\"",
        "providers[2].organization (from FILE) is for kind = \"openai\" alone",
    );
    let world = World::new().file("providers = 1\n");
    let problem = world.problem().replace(&world.path("parlor.toml"), "FILE");
    assert_eq!(problem, "providers (from FILE) is not a list of tables, each under [[providers]]");
}

#[test]
fn providers_are_printed_with_their_secrets_masked_and_read_back() {
    let world = World::new().file(TWO).variable("AZURE_KEY", "hunter2");
    let text = toml(&world.values().unwrap());
    assert!(!text.contains("hunter2"), "{text}");
    for line in
        ["# api_key = \"********\"", "# headers.\"X-Team\" = \"********\"", "weight = 3", "name = \"claude\""]
    {
        assert!(text.lines().any(|it| it == line), "{line} is not in:\n{text}");
    }
    let again = World::new().file(&text).variable("AZURE_KEY", "hunter2");
    assert_eq!(names(&again), ["claude", "azure"]);
}

#[test]
fn the_help_has_every_field() {
    let text = help();
    for field in crate::settings::provider_tables::FIELDS {
        assert!(text.contains(&format!("\n  {}\n", field.name)), "{}", field.name);
    }
}
