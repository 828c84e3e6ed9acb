//! When the AI answers, what it costs, and other replies than the first.

use super::{Client, ROOM, place, wanted};
use crate::client::{draft, settle};
use crate::world::{END, log, say, server, unlimited};
use parlor_domain::message::{NanoDollars, Usage};
use parlor_domain::ports::{Delta, Speaker};
use parlor_domain::room::{AiMode, RoomKind};
use parlor_domain::testing::{Script, TestHub};
use parlor_domain::{Action, Price, Prices, RoomAction, TurnOptions};

/// Protects people from an AI that speaks unasked, and those who ask from silence, in every kind of room.
#[tokio::test(start_paused = true)]
async fn the_ai_answers_when_the_room_says_so() {
    use AiMode::{Always, Mention, Off};
    let plain = ("hello", None);
    let (named, asked) = (("hello", Some("m-1")), ("hello @ai", None));
    for (kind, mode, answered) in [
        (RoomKind::Private, None, vec![plain, named, asked]),
        (RoomKind::Shared, None, vec![named, asked]),
        (RoomKind::Group, None, vec![named, asked]),
        (RoomKind::Private, Some(Mention), vec![named, asked]),
        (RoomKind::Shared, Some(Always), vec![plain, named, asked]),
        (RoomKind::Private, Some(Off), vec![]),
        (RoomKind::Group, Some(Off), vec![]),
    ] {
        let server = server().await;
        let mut ann = Client::connect(&server, "ann").await;
        ann.does(Action::Room(RoomAction::Enter(wanted(ROOM, Some(kind), mode)))).await;
        let conversation = super::conversation(&server).await;
        for message in [plain, named, asked] {
            let mut ask = draft(conversation, message.0, "user", None);
            ask.options.model = message.1.map(Into::into);
            let before = server.backend.requests().len();
            ann.act(Action::Send(ask)).await;
            settle().await;
            let spoke = server.backend.requests().len() > before;
            assert_eq!(spoke, answered.contains(&message), "{kind:?} {mode:?} {message:?}");
        }
    }
}

/// Protects a room without AI from one that comes by the back door: nobody can ask for another reply either.
#[tokio::test(start_paused = true)]
async fn where_the_ai_is_off_nobody_can_call_it() {
    let server = server().await;
    let mut ann = Client::connect(&server, "ann").await;
    ann.does(Action::Room(RoomAction::Enter(wanted(ROOM, None, Some(AiMode::Off))))).await;
    ann.ask(super::conversation(&server).await, "hello @ai").await;
    settle().await;
    let message = ann.entries()[0].id;
    let options = TurnOptions::default();
    for action in [
        Action::Stream { place: place(), message, options: options.clone() },
        Action::Regenerate { place: place(), message: Some(message), options },
    ] {
        assert_eq!(ann.does(action).await, ["refused FORBIDDEN"]);
    }
    assert!(server.backend.requests().is_empty());
}

/// Protects people from being taken for one: where several may speak, the AI is told who did.
#[tokio::test(start_paused = true)]
async fn the_ai_knows_who_speaks() {
    for (kind, names) in [(RoomKind::Shared, [Some("ann"), Some("bob")]), (RoomKind::Private, [None, None])] {
        let server = server().await;
        let mut ann = Client::entering(&server, "ann", kind).await;
        let mut bob = Client::entering(&server, "bob", None).await;
        let conversation = super::conversation(&server).await;
        ann.note(conversation, "a note").await;
        for client in [&mut ann, &mut bob] {
            client.ask(conversation, "hello @ai").await;
            settle().await;
        }
        let context = server.backend.requests().pop().unwrap().context;
        let asked = context.iter().filter(|piece| piece.speaker == Speaker::User);
        assert!(asked.map(|piece| piece.name.as_deref()).eq(names), "{kind}");
    }
}

/// Protects the bill: the cost stands with the reply, exact, and none where no price is known.
#[tokio::test(start_paused = true)]
async fn a_reply_tells_its_cost() {
    let mut settings = unlimited();
    let price = |model: &str| Price {
        model: model.into(),
        prompt: NanoDollars(2_500_000_000),
        completion: NanoDollars(10_000_000_000),
    };
    settings.turns.prices = Prices::new(vec![price("m-1")]);
    let server = TestHub::with(settings).await;
    let mut ann = Client::entering(&server, "ann", None).await;
    let conversation = super::conversation(&server).await;
    for (model, cost) in [("m-1", Some(NanoDollars(1_000 * 2_500 + 7 * 10_000))), ("m-2", None)] {
        let usage = Usage { prompt_tokens: 1_000, completion_tokens: 7, estimated: false };
        let script = [Delta::Model(model.into()), Delta::Content("so".into()), Delta::Usage(usage)];
        server.backend.play(script.into_iter().map(Script::Say).chain([END]).collect());
        ann.ask(conversation, "hello").await;
        settle().await;
        let log = log(&server.store, conversation).await;
        assert_eq!(log.last().unwrap().reply.as_ref().unwrap().cost, cost, "{model}");
    }
}

/// Protects the alternatives: each is kept in the log, answers the same message, and the newest is what the AI hears.
#[tokio::test(start_paused = true)]
async fn other_replies_are_kept_beside_the_first() {
    let server = server().await;
    let mut ann = Client::entering(&server, "ann", None).await;
    let conversation = super::conversation(&server).await;
    let again = |message| Action::Regenerate { place: place(), message, options: TurnOptions::default() };
    assert_eq!(ann.does(again(None)).await, ["refused MESSAGE_NOT_FOUND"]);
    server.backend.play(Script::reply(&["first"]));
    ann.ask(conversation, "hello").await;
    settle().await;
    let entries = ann.entries();
    let (question, reply) = (entries[0].id, entries[1].id);
    for (number, named) in [(3, None), (4, Some(question)), (5, Some(reply))] {
        server.backend.play(vec![say(&format!("reply {number}")), END]);
        let expected = [
            "start".into(),
            format!("delta 0 reply {number}"),
            format!("end {number} complete reply {number}"),
        ];
        assert_eq!(ann.does(again(named)).await, expected);
    }
    let log = log(&server.store, conversation).await;
    assert!(log[1..].iter().all(|message| message.reply.as_ref().unwrap().in_reply_to == question));
    ann.ask(conversation, "and?").await;
    settle().await;
    let context = server.backend.requests().pop().unwrap().context;
    let context: Vec<_> = context.iter().map(|piece| piece.content.as_str()).collect();
    assert_eq!(context, ["hello", "reply 5", "and?"]);
}

/// Protects what a client asks of a reply on its way to the backend, and the server from nonsense.
#[tokio::test(start_paused = true)]
async fn a_message_says_how_it_wants_to_be_answered() {
    let mut settings = unlimited();
    (settings.turns.system_prompt, settings.turns.max_tokens) = (Some("be kind".into()), Some(100));
    let server = TestHub::with(settings).await;
    let mut ann = Client::entering(&server, "ann", None).await;
    let conversation = super::conversation(&server).await;
    let ask = |options| {
        Action::Send(parlor_domain::Draft { options, ..draft(conversation, "hello", "user", None) })
    };
    let options = TurnOptions {
        model: Some("m-1".into()),
        system_prompt: Some("be brief".into()),
        temperature: Some(0.5),
        max_tokens: Some(10),
        ..TurnOptions::default()
    };
    ann.does(ask(options.clone())).await;
    ann.does(ask(TurnOptions { max_tokens: Some(1_000), ..TurnOptions::default() })).await;
    let requests = server.backend.requests();
    assert_eq!((requests[0].temperature, requests[0].max_tokens), (Some(0.5), Some(10)));
    assert_eq!(requests[0].context[0].content, "be brief");
    assert_eq!((requests[1].max_tokens, &*requests[1].context[0].content), (Some(100), "be kind"));
    for bad in [
        TurnOptions { temperature: Some(2.1), ..options.clone() },
        TurnOptions { temperature: Some(f64::NAN), ..options.clone() },
        TurnOptions { max_tokens: Some(0), ..options.clone() },
        TurnOptions { system_prompt: Some("x".repeat(20_000)), ..options },
    ] {
        assert_eq!(ann.does(ask(bad)).await, ["refused INVALID_REQUEST"]);
    }
}
