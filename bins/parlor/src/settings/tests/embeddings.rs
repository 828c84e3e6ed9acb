//! Who makes vectors of texts, and what is said of settings that make no sense.

use super::*;

fn found(world: &World) -> Option<(String, String, Option<String>)> {
    let config = world.settings().ai.embedder?;
    Some((config.model, config.server.base_url, config.server.api_key))
}

/// Protects who sets nothing up: texts stay here, and are found all the same.
#[test]
fn without_a_model_what_is_built_in_does() {
    assert_eq!(found(&World::new()), None);
    assert_eq!(
        found(&World::new().variable("OPENAI_API_KEY", "sk-1")),
        None,
        "a key alone sends nobody's documents away"
    );
    assert_eq!(found(&World::new().variable("EMBEDDINGS_MODEL", "parlor-hashed-ngrams-1024")), None);
}

/// Protects keys: a provider's goes to that provider alone.
#[test]
fn a_model_is_the_providers_or_of_a_server_of_its_own() {
    let world = World::new().variable("OPENAI_API_KEY", "sk-1").variable("EMBEDDINGS_MODEL", "small");
    let openai = "https://api.openai.com/v1".to_owned();
    assert_eq!(found(&world), Some(("small".to_owned(), openai, Some("sk-1".to_owned()))));
    let here = "http://127.0.0.1:11434/v1";
    let world = world.variable("EMBEDDINGS_BASE_URL", here);
    assert_eq!(found(&world), Some(("small".to_owned(), here.to_owned(), None)));
    let world = world.variable("EMBEDDINGS_API_KEY", "sk-2").file("embeddings_models = [\"a\", \"b*\"]\n");
    assert_eq!(found(&world), Some(("small".to_owned(), here.to_owned(), Some("sk-2".to_owned()))));
    let models = world.settings().ai.embedder.unwrap().models.unwrap();
    assert!(models.contains(Some("b1")) && !models.contains(Some("c")));
}

#[test]
fn a_model_without_a_server_and_a_server_without_a_model_are_mistakes() {
    let check = |world: World, expect: &str| assert_eq!(world.problem(), expect);
    check(
        World::new().variable("EMBEDDINGS_MODEL", "small"),
        "embeddings_model (from environment variable EMBEDDINGS_MODEL) needs embeddings_base_url or a provider with \
         OpenAI's API beside it",
    );
    check(
        World::new().variable("EMBEDDINGS_BASE_URL", "http://127.0.0.1:1"),
        "embeddings_base_url (from environment variable EMBEDDINGS_BASE_URL) needs embeddings_model beside it",
    );
}
