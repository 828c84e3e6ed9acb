//! LLM APIs that work and that fail, each in its way: the turn ends as the design says, and the next one works.

use parlor_tests::provider::words;
use parlor_tests::{Client, FakeProvider, TestApp, Turn, tools};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A server whose backend may be silent for a second at most, and is not left alone for failing again and again.
async fn app_at(base_url: &str) -> (TestApp, Client) {
    let app = TestApp::builder()
        .provider(base_url, "plain")
        .env("AI_FIRST_TOKEN_TIMEOUT", 1)
        .env("AI_TURN_TIMEOUT", 1)
        .env("AI_BREAKER_MINIMUM", 1_000)
        .start()
        .await;
    let client = app.client(&app.token("ann@example.org")).await;
    (app, client)
}

/// Asks `model` in a new conversation and follows the reply.
async fn ask(client: &mut Client, model: &str, question: &str) -> Turn {
    let data =
        json!({"conversation_id": null, "content": question, "message_type": "user", "assistant_id": model});
    client.ask("send_message", data).await;
    Turn::follow(client).await
}

/// Protects: what the log has of a turn is what was shown of it.
async fn assert_stored(client: &mut Client, turn: &Turn) {
    let history = client.whole_history(&turn.conversation_id).await;
    assert_eq!(history.len(), 2);
    assert_eq!(history[1]["content"], turn.text.as_str());
    assert_eq!(history[1]["status"], turn.status.as_str());
    assert_eq!(history[1]["seq"], turn.seq);
}

/// Protects: replies arrive whole, with the provider's own figures and name, from any dialect of the API; it is
/// asked with the key, the model and the context, and the key is not in the log.
#[tokio::test(flavor = "multi_thread")]
async fn good_replies_arrive_whole() {
    let provider = FakeProvider::start().await;
    let (app, mut client) = app_at(&provider.base_url()).await;
    for model in ["plain", "odd", "words-200-0"] {
        let turn = ask(&mut client, model, "how are you?").await;
        let count = if model == "words-200-0" { 200 } else { 5 };
        assert_eq!(
            (turn.status.as_str(), turn.text.as_str()),
            ("complete", words(count).as_str()),
            "{model}"
        );
        let usage = json!({"prompt_tokens": 7, "completion_tokens": count, "total_tokens": 7 + count});
        assert_eq!(turn.end["usage"], usage, "{model}");
        assert_eq!(turn.end["model"], "fake-1", "the name that the provider gave: {model}");
        assert!(turn.error.is_none(), "{model}: {:?}", turn.error);
        assert_stored(&mut client, &turn).await;
    }
    let turn = ask(&mut client, "wrong-utf8", "how are you?").await;
    assert_eq!(
        (turn.status.as_str(), turn.text),
        ("complete", words(3) + "\u{fffd}\u{fffd}"),
        "one bad byte, one sign"
    );
    let turn = ask(&mut client, "no-done", "how are you?").await;
    assert_eq!((turn.status.as_str(), turn.text.as_str()), ("complete", words(3).as_str()));
    assert!(turn.end["usage"]["completion_tokens"].as_u64().unwrap() > 0, "an estimate: {}", turn.end);

    let request = &provider.requests()[0];
    assert!(request.head.starts_with("POST /v1/chat/completions "), "{}", request.head);
    assert!(
        request.head.to_ascii_lowercase().contains("authorization: bearer sk-canary-key"),
        "{}",
        request.head
    );
    assert_eq!(request.body["stream"], true);
    assert_eq!(request.body["stream_options"]["include_usage"], true);
    let asked = request.body["messages"].as_array().unwrap().last().unwrap();
    assert_eq!(*asked, json!({"role": "user", "content": "how are you?"}));
    assert!(!app.log().contains("sk-canary-key"));
    assert!(!app.log().contains("how are you?"));
}

/// Protects: the provider is told what was said before, both sides of it, and nothing of another conversation.
#[tokio::test(flavor = "multi_thread")]
async fn the_conversation_is_the_context() {
    let provider = FakeProvider::start().await;
    let (_app, mut client) = app_at(&provider.base_url()).await;
    ask(&mut client, "plain", "a secret of another conversation").await;
    let first = ask(&mut client, "plain", "first question").await;
    client.say(Some(&first.conversation_id), "note", "a note to myself").await;
    let data = json!({"conversation_id": first.conversation_id, "content": "second question", "message_type": "user"});
    client.ask("send_message", data).await;
    Turn::follow(&mut client).await;
    let request = provider.requests().pop().unwrap();
    let said: Vec<Value> = request.body["messages"].as_array().unwrap().clone();
    let spoken: Vec<&Value> = said.iter().filter(|message| message["role"] != "system").collect();
    assert_eq!(spoken[0]["content"], "first question");
    assert_eq!(spoken[1]["role"], "assistant");
    assert_eq!(spoken[1]["content"], words(5).as_str());
    assert_eq!(spoken[2]["content"], "second question");
    assert_eq!(spoken.len(), 3, "{said:?}");
}

/// Protects: where nothing was produced, the turn fails with `AI_UNAVAILABLE`, is in the log as failed, and nothing
/// hangs.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_says_nothing_fails_the_turn() {
    let provider = FakeProvider::start().await;
    let (mut app, mut client) = app_at(&provider.base_url()).await;
    for model in ["silent", "stall-first", "cut-first", "status-500", "status-401", "status-400"] {
        let start = Instant::now();
        let turn = ask(&mut client, model, "anybody there?").await;
        assert_eq!((turn.status.as_str(), turn.text.as_str()), ("failed", ""), "{model}");
        let error = turn.error.as_ref().unwrap_or_else(|| panic!("{model}: an error comes first"));
        assert_eq!(error["code"], "AI_UNAVAILABLE", "{model}: {error}");
        assert!(!error.to_string().contains("scripted"), "the cause is not the client's: {error}");
        assert!(start.elapsed() < Duration::from_secs(8), "{model} took {:?}", start.elapsed());
        assert_stored(&mut client, &turn).await;
    }
    let turn = ask(&mut client, "plain", "and now?").await;
    assert_eq!(turn.status, "complete", "the next one works");
    assert!(app.is_running());
    assert!(!app.log().contains("panicked"));
    assert!(!app.log().contains("sk-canary-key"));
}

/// Protects: where a part was produced, the turn ends interrupted, and the part is shown and kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_breaks_off_interrupts_the_turn() {
    let provider = FakeProvider::start().await;
    let (mut app, mut client) = app_at(&provider.base_url()).await;
    let memory = app.resident_bytes();
    for model in ["stall-between", "cut", "no-end", "error-inside", "long-line", "garbage"] {
        let start = Instant::now();
        let turn = ask(&mut client, model, "tell me").await;
        assert_eq!((turn.status.as_str(), turn.text.as_str()), ("interrupted", words(3).as_str()), "{model}");
        assert!(start.elapsed() < Duration::from_secs(8), "{model} took {:?}", start.elapsed());
        assert_stored(&mut client, &turn).await;
    }
    let grown = app.resident_bytes().saturating_sub(memory);
    assert!(grown < 32 << 20, "ten megabytes in a line are not kept: {} MiB", grown >> 20);
    let turn = ask(&mut client, "plain", "and now?").await;
    assert_eq!(turn.status, "complete", "the next one works");
    assert!(app.is_running());
    assert!(!app.log().contains("panicked"));
}

/// Protects: a reply that never ends is ended, by the limit on a turn's whole time.
#[tokio::test(flavor = "multi_thread")]
async fn an_endless_reply_is_ended() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder()
        .provider(&provider.base_url(), "words-1000-20")
        .env("AI_TOTAL_TIMEOUT", 1)
        .start()
        .await;
    let mut client = app.client(&app.token("ann@example.org")).await;
    let start = Instant::now();
    client.say(None, "user", "tell me everything").await;
    let turn = Turn::follow(&mut client).await;
    assert_eq!(turn.status, "interrupted");
    assert!(words(1_000).starts_with(&turn.text) && turn.chunks > 5, "{}", turn.text);
    assert!((1.0..4.0).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
    assert_stored(&mut client, &turn).await;
}

/// Protects: a reply without measure is cut where a message ends that every reader can still be given.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_too_long_is_cut() {
    let provider = FakeProvider::start().await;
    let (_app, mut client) = app_at(&provider.base_url()).await;
    let turn = ask(&mut client, "flood", "tell me everything").await;
    assert_eq!(turn.status, "interrupted");
    assert!((400_000..=512 * 1024).contains(&turn.text.len()), "{} bytes", turn.text.len());
    assert!(turn.text.chars().all(|character| character == 'é'));
    assert_stored(&mut client, &turn).await;
    client.ask("resume", json!({"positions": [{"conversation_id": turn.conversation_id, "seq": 1}]})).await;
    assert_eq!(client.until("message_received").await["data"]["message"]["content"], turn.text.as_str());
}

/// Protects: a provider that asks for patience gets it, and the turn its reply: nobody need ask again.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_asked_again_when_it_says_so() {
    let provider = FakeProvider::start().await;
    let (_app, mut client) = app_at(&provider.base_url()).await;
    for model in ["status-429-once", "status-500-once", "status-503-once"] {
        let start = Instant::now();
        let turn = ask(&mut client, model, "busy?").await;
        assert_eq!((turn.status.as_str(), turn.text.as_str()), ("complete", words(5).as_str()), "{model}");
        assert!(turn.error.is_none(), "{model}: {:?}", turn.error);
        assert!(start.elapsed() >= Duration::from_secs(1), "not before it said: {model}");
        assert_eq!(provider.count(model), 2, "{model}");
    }
}

/// Protects: a failed turn is not the end: asking again for the same message answers it.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_turn_can_be_asked_for_again() {
    let provider = FakeProvider::start().await;
    let (_app, mut client) = app_at(&provider.base_url()).await;
    let model = "status-400-once";
    let turn = ask(&mut client, model, "is this good?").await;
    assert_eq!(turn.error.unwrap()["code"], "AI_UNAVAILABLE");
    assert_eq!((turn.status.as_str(), provider.count(model)), ("failed", 1), "a mistake is not repeated");
    let data = json!({"conversation_id": turn.conversation_id, "message_id": turn.in_reply_to,
                      "assistant_id": model});
    client.ask("stream_response", data).await;
    let again = Turn::follow(&mut client).await;
    assert_eq!((again.status.as_str(), again.text.as_str()), ("complete", words(5).as_str()));
    assert_eq!(provider.count(model), 2);
}

/// Protects: a provider that is not there at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_cannot_be_reached_fails_the_turn() {
    let base_url = FakeProvider::start().await.base_url(); // dropped: nobody listens there any more
    let (_app, mut client) = app_at(&base_url).await;
    let turn = ask(&mut client, "plain", "anybody there?").await;
    assert_eq!(
        (turn.status.as_str(), turn.error.unwrap()["code"].as_str()),
        ("failed", Some("AI_UNAVAILABLE"))
    );
}

/// Protects: the same against an API of other people's making.
#[tokio::test(flavor = "multi_thread")]
async fn aimock_answers_and_is_cut() {
    let fixtures = tools::root().join("tests/fixtures/aimock.json");
    let (_aimock, base_url) = tools::aimock(&fixtures);
    let (_app, mut client) = app_at(&base_url).await;
    let turn = ask(&mut client, "gpt-4o", "hello").await;
    assert_eq!(turn.text, "Good day to you! Ünïcödé comes through whole.");
    assert_eq!((turn.status.as_str(), turn.end["model"].as_str()), ("complete", Some("gpt-4o")));
    assert!(turn.chunks > 1);
    assert!(turn.end["usage"]["total_tokens"].as_u64().unwrap() > 0);
    assert_stored(&mut client, &turn).await;

    let turn = ask(&mut client, "gpt-4o", "break off").await;
    assert_eq!(turn.status, "interrupted");
    assert!(
        "This reply never reaches its end.".starts_with(&turn.text) && !turn.text.is_empty(),
        "{}",
        turn.text
    );
    assert_stored(&mut client, &turn).await;

    let turn = ask(&mut client, "gpt-4o", "no fixture has this").await;
    assert_eq!(turn.status, "failed");
}

/// Protects: Anthropic and Gemini answer as themselves, streamed, in the words of their own APIs.
#[tokio::test(flavor = "multi_thread")]
async fn aimock_answers_as_anthropic_and_as_gemini() {
    let (_aimock, openai) = tools::aimock(&tools::root().join("tests/fixtures/aimock.json"));
    let base_url = openai.strip_suffix("/v1").unwrap();
    for (name, model) in [("ANTHROPIC", "claude-haiku-4-5"), ("GEMINI", "gemini-2.5-flash")] {
        let app = TestApp::builder()
            .env(&format!("{name}_BASE_URL"), base_url)
            .env(&format!("{name}_API_KEY"), "sk-canary-key")
            .start()
            .await;
        let mut client = app.client(&app.token("ann@example.org")).await;
        client.say(None, "user", "hello").await;
        let turn = Turn::follow(&mut client).await;
        assert_eq!(turn.text, "Good day to you! Ünïcödé comes through whole.", "{name}");
        assert_eq!((turn.status.as_str(), turn.end["model"].as_str()), ("complete", Some(model)), "{name}");
        assert!(turn.chunks > 1, "{name}");
        let usage = json!({"prompt_tokens": 11, "completion_tokens": 9, "total_tokens": 20});
        assert_eq!(turn.end["usage"], usage, "{name}");
        assert_stored(&mut client, &turn).await;

        let turn = ask(&mut client, model, "break off").await;
        assert_eq!(turn.status, "interrupted", "{name}");
        assert!(
            "This reply never reaches its end.".starts_with(&turn.text) && !turn.text.is_empty(),
            "{name}"
        );
        assert_stored(&mut client, &turn).await;
        assert!(!app.log().contains("sk-canary-key"), "{name}");
    }
}
