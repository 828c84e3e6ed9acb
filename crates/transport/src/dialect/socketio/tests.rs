//! The dialect's words.

use super::*;
use crate::dialect::samples;
use parlor_domain::message::{Reply as AiReply, Usage};
use parlor_domain::{Action, TurnRef, UserId};
use serde_json::{Value, json};
use std::sync::Arc;

fn told(item: &Outgoing) -> Vec<(&'static str, Value)> {
    events(item).iter().map(|it| (it.name(), serde_json::to_value(it).unwrap())).collect()
}

fn of_event(body: EventBody) -> Vec<(&'static str, Value)> {
    told(&Outgoing::Event(Event::new(None, body)))
}

fn of_reply(body: ReplyBody) -> Vec<(&'static str, Value)> {
    told(&Outgoing::Reply(Box::new(Reply { correlation: Correlation::default(), room: None, body })))
}

fn answered(status: TurnStatus, content: &str) -> Vec<(&'static str, Value)> {
    let mut message = samples::message(2, Some(samples::turn_reply(status)));
    message.content = content.to_owned();
    let usage = Usage { prompt_tokens: 5, completion_tokens: 2, estimated: false };
    let reply = AiReply { usage, model: Some("m-1".into()), ..AiReply::unanswered(message.id, status) };
    message.reply = Some(reply);
    let body = ReplyBody::Answered {
        message: Arc::new(message),
        user: samples::id(1),
        kind: "user".into(),
        refusal: None,
    };
    of_reply(body)
}

/// Protects clients written for the namespace: every event has its name and the fields that they read.
#[test]
fn events_have_their_names_and_fields() {
    let first = samples::message(1, None);
    let (id, conversation) = (first.id, first.conversation);
    let names = |told: &[(&'static str, Value)]| told.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let told = of_event(EventBody::Message(Arc::new(first.clone())));
    assert_eq!(names(&told), ["chat:conversation", "chat:user-message"]);
    assert_eq!(told[0].1, json!({"conversationId": conversation}));
    assert_eq!(told[1].1["messageId"], json!(id));
    assert_eq!(told[1].1["content"], json!(first.content));
    let later = of_event(EventBody::Message(Arc::new(samples::message(3, None))));
    assert_eq!(names(&later), ["chat:user-message"], "only the first message makes a conversation");

    let turn = TurnRef { id, conversation, in_reply_to: id };
    let at = first.created_at;
    let delta = EventBody::TurnDelta { turn, part: TurnPart::Text, offset: 4, text: "two".into(), at };
    let piece = json!({"content": "two", "messageId": id, "conversationId": conversation, "offset": 4});
    assert_eq!(of_event(delta), [("chat:message", piece)]);
    let thought = EventBody::TurnDelta { turn, part: TurnPart::Reasoning, offset: 0, text: "hm".into(), at };
    assert!(of_event(thought).is_empty() && of_event(EventBody::TurnStarted(turn)).is_empty());
    assert_eq!(names(&of_event(EventBody::TurnRestarted { turn, attempt: 2 })), ["chat:restart"]);
}

/// Protects what a message has beside its text: files with a question, and with a reply what it cites and who made it, as in
/// the other dialects; nothing of it where there is none.
#[test]
fn what_stands_beside_a_text_is_told() {
    let mut question = samples::message(1, None);
    let plain = of_event(EventBody::Message(Arc::new(question.clone())));
    assert!(plain[1].1.get("attachments").is_none());
    question.metadata = samples::metadata();
    let told = of_event(EventBody::Message(Arc::new(question.clone())));
    assert_eq!(told[1].1["attachments"][0]["name"], "boats.csv");
    assert!(told[1].1.get("citations").is_none());

    for (status, name) in [(TurnStatus::Complete, "chat:end"), (TurnStatus::Stopped, "chat:stopped")] {
        let bare = answered(status, "so");
        assert!(bare[0].1.get("citations").is_none() && bare[0].1.get("assistant").is_none());
        let reply = Message {
            metadata: samples::metadata(),
            author_name: Some("chef".into()),
            ..samples::message(2, Some(AiReply::unanswered(question.id, status)))
        };
        let told = of_reply(ReplyBody::Answered {
            message: Arc::new(reply),
            user: samples::id(1),
            kind: "user".into(),
            refusal: None,
        });
        assert_eq!((told[0].0, &told[0].1["assistant"]), (name, &json!("chef")));
        assert_eq!(told[0].1["citations"][0]["title"], "Harbours");
    }
}

/// Protects who waits for a job: how far it is and how it ended are events of their own names.
#[test]
fn jobs_are_told() {
    let told: Vec<_> = samples::jobs().into_iter().flat_map(of_event).collect();
    let names: Vec<_> = told.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["job:progress", "job:completed", "job:failed"]);
    let id = &told[0].1["jobId"];
    assert_eq!(told[0].1, json!({"jobId": id, "type": "generate-completion", "progress": 42}));
    assert_eq!((&told[1].1["progress"], &told[1].1["result"]["content"]), (&json!(100), &json!("Hello")));
    assert_eq!(told[2].1["error"]["code"], "AI_UNAVAILABLE");
}

/// Protects clients from waiting for ever: however a turn ends, exactly one event says so.
#[test]
fn every_end_is_told() {
    let check = |status, content: &str, expect: &str| {
        let told = answered(status, content);
        assert_eq!((told.len(), told[0].0), (1, expect), "{status:?}");
        told[0].1.clone()
    };
    let end = check(TurnStatus::Complete, "so", "chat:end");
    assert_eq!(
        (&end["totalTokens"], &end["model"], &end["status"]),
        (&json!(7), &json!("m-1"), &json!("complete"))
    );
    assert_eq!(check(TurnStatus::Interrupted, "half", "chat:end")["status"], "interrupted");
    assert_eq!(check(TurnStatus::Interrupted, "", "chat:error")["code"], "AI_UNAVAILABLE");
    assert_eq!(check(TurnStatus::Failed, "half", "chat:error")["code"], "AI_UNAVAILABLE");
    assert!(check(TurnStatus::Stopped, "", "chat:stopped")["messageId"].is_string());
    assert_eq!(of_reply(ReplyBody::NothingToStop)[0].1["messageId"], Value::Null);
    let refused = ReplyBody::Refused { refusal: Refusal::of(ErrorCode::RateLimit), conversation: None };
    assert_eq!(of_reply(refused)[0].1["code"], "RATE_LIMIT");
}

fn code(name: &str, argument: Value) -> Result<Action, ErrorCode> {
    let argument = (!argument.is_null()).then_some(argument);
    command(name, argument, samples::id(1)).map(|it| it.action).map_err(|it| it.refusal.code)
}

/// Protects the server from what clients send: anything else than an object with the right fields is refused.
#[test]
fn malformed_events_are_refused() {
    let user: UserId = samples::id(1);
    for wrong in [
        Value::Null,
        json!([]),
        json!("hello"),
        json!([{"message": "x"}]),
        json!({}),
        json!({"message": 1}),
        json!({"message": "x", "conversationId": "nonsense"}),
        json!({"message": "x", "maxTokens": -1}),
        json!({"message": "x", "temperature": "warm"}),
    ] {
        assert_eq!(code("chat:start", wrong.clone()).err(), Some(ErrorCode::InvalidRequest), "{wrong}");
    }
    let foreign = json!({"message": "x", "userId": "test-user"});
    assert_eq!(code("chat:start", foreign).err(), Some(ErrorCode::Forbidden));
    assert_eq!(code("chat:begin", json!({})).err(), Some(ErrorCode::UnknownType));
    assert!(matches!(code("chat:stop", json!({"any": "thing"})), Ok(Action::StopOwn)));
    let seed = json!({
        "userId": user, "message": "Explain", "conversationId": null, "model": "gpt-4", "maxTokens": 4096,
        "temperature": 0.7,
    });
    let Ok(Action::Ask { draft, pieces: true }) = code("chat:start", seed) else { panic!("it was refused") };
    assert_eq!((draft.place, draft.options.max_tokens), (None, Some(4096)));
}
