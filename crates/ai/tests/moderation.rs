//! A server that judges texts, and one that does not: every failure has its name, and no text is in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared with the other test files")]
mod support;

use parlor_ai::moderation::{Both, OpenAiModerator, RuleList};
use parlor_ai::{Kind, ProviderConfig};
use parlor_domain::ports::{ModerationError, Moderator};
use support::{Seen, Server, Step, answer};

const JSON: &str = "Content-Type: application/json\r\n";

fn moderator(server: &Server) -> OpenAiModerator {
    let config =
        ProviderConfig { api_key: Some("sk-secret".to_owned()), model: None, ..server.config(Kind::OpenAi) };
    OpenAiModerator::new(&config).unwrap()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Protects what the API promises: one question for all texts, one judgement for each, by the server's own threshold.
#[tokio::test]
async fn texts_are_judged_each_for_itself() {
    let body = r#"{"id":"m","model":"omni","results":[
        {"flagged":false,"categories":{"hate":false,"illicit":null},"category_scores":{"hate":0.1}},
        {"flagged":true,"categories":{"violence":true,"hate":false,"hate/threatening":true}},
        {"flagged":true},
        {"flagged":false,"categories":{"hate":true}}]}"#;
    let mut server = Server::start(answer("200 OK", JSON, body)).await;
    let asked = texts(&["a", "b", "c", "d"]);
    let judged = moderator(&server).judge(&asked).await.unwrap();
    let categories: Vec<_> = judged.iter().map(|it| it.categories.join(" ")).collect();
    assert_eq!(categories, ["", "hate/threatening violence", "flagged", ""]);
    assert_eq!(server.seen().await, Seen::Connected);
    let Seen::Request(head, body) = server.seen().await else { panic!("a request comes") };
    assert!(head.starts_with("POST /v1/moderations HTTP/1.1\r\n"), "{head}");
    assert!(
        head.contains("authorization: Bearer sk-secret") && head.contains("accept: application/json"),
        "{head}"
    );
    assert_eq!(body, r#"{"model":"omni-moderation-latest","input":["a","b","c","d"]}"#);
}

/// Protects from a server that fails or talks nonsense; neither the key nor a text is in what is logged.
#[tokio::test]
async fn failures_have_names_and_quote_nothing() {
    let text = "my secret text sk-secret";
    let echo = format!("{{\"error\":{{\"message\":\"bad: {text}\"}}}}");
    for (steps, passing) in [
        (answer("500 Oops", JSON, &echo), true),
        (answer("429 Slow", JSON, &echo), true),
        (answer("400 Bad", JSON, &echo), false),
        (answer("401 No", JSON, &echo), false),
        (answer("200 OK", JSON, text), false),
        (answer("200 OK", JSON, "{}"), false),
        (answer("200 OK", JSON, &format!("{{\"results\":[{{\"flagged\":\"{text}\"}}]}}")), false),
        (answer("200 OK", JSON, &format!("{{\"results\":\"{}", "x".repeat(2_000_000))), false),
        (vec![Step::Close], true),
    ] {
        let server = Server::start(steps).await;
        let error = moderator(&server).judge(&texts(&[text])).await.unwrap_err();
        assert_eq!(error.is_passing(), passing, "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let nowhere =
        ProviderConfig { base_url: "http://127.0.0.1:1/v1".to_owned(), ..OpenAiModerator::config() };
    let error = OpenAiModerator::new(&nowhere).unwrap().judge(&texts(&[text])).await.unwrap_err();
    assert!(matches!(error, ModerationError::Unreachable(_)), "{error}");
}

/// Protects privacy and money: what the list flags is not sent anywhere.
#[tokio::test]
async fn the_list_is_asked_before_the_server() {
    let flagged = r#"{"results":[{"flagged":true,"categories":{"hate":true}}]}"#;
    let mut server = Server::start(answer("200 OK", JSON, flagged)).await;
    let both = Both::new(RuleList::parse("local: bomb").unwrap(), moderator(&server));
    let judged = both.judge(&texts(&["a bomb"])).await.unwrap();
    assert_eq!(judged[0].categories, ["local"]);
    let judged = both.judge(&texts(&["a bomb", "hello"])).await.unwrap();
    assert_eq!((&*judged[0].categories[0], &*judged[1].categories[0]), ("local", "hate"));
    assert_eq!(server.seen().await, Seen::Connected);
    let Seen::Request(_, body) = server.seen().await else { panic!("a request comes") };
    assert_eq!(body, r#"{"model":"omni-moderation-latest","input":["hello"]}"#);
}
