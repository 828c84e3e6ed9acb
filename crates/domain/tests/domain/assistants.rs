//! Assistants: who may make and call them, and what follows for a reply.

use crate::client::{Client, draft, pass_with_clock, settle};
use crate::rooms::{enter, place};
use crate::world::{conversation, log, server, unlimited};
use parlor_domain::message::TurnStatus;
use parlor_domain::ports::{
    AuditFilter, AuditStore, Clock, ContextMessage, Role, Speaker, Store, TurnRequest, UserChange,
};
use parlor_domain::room::RoomKind;
use parlor_domain::testing::{MemoryStore, TestHub};
use parlor_domain::{
    Action, AssistantChange, AssistantDraft, AssistantId, Caller, CompletionDraft, CompletionPiece,
    ConversationId, Draft, ErrorCode, Refusal, RoomId, TurnOptions,
};
use std::sync::Arc;

async fn caller(server: &TestHub, name: &str) -> Caller {
    let token = server.user(&format!("{name}@example.org")).await.to_string();
    server.hub.authenticate(&token).await.unwrap()
}

async fn admin(server: &TestHub) -> Caller {
    let mut caller = caller(server, "root").await;
    caller.identity.role = Role::Admin;
    caller
}

fn wanted(name: &str, prompt: &str) -> AssistantDraft {
    AssistantDraft { name: name.into(), prompt: prompt.into(), ..AssistantDraft::default() }
}

async fn make(server: &TestHub, caller: &Caller, draft: AssistantDraft) -> AssistantId {
    server.hub.assistant_create(caller, draft).await.unwrap().assistant.id
}

fn code<T>(outcome: Result<T, Refusal>) -> Option<ErrorCode> {
    outcome.err().map(|refusal| refusal.code)
}

fn ask(id: ConversationId, content: &str, model: Option<&str>) -> Action {
    asked(id, content, TurnOptions { model: model.map(Into::into), ..TurnOptions::default() })
}

fn asked(id: ConversationId, content: &str, options: TurnOptions) -> Action {
    Action::Send(Draft { options, ..draft(id, content, "user", None) })
}

/// The last request that the backend got, and the instructions in it.
fn told(server: &TestHub) -> (TurnRequest, String) {
    let request = server.backend.requests().pop().expect("the backend was asked");
    let first = request.context.first().filter(|piece| piece.speaker == Speaker::System);
    let instructions = first.map(|piece| piece.content.clone()).unwrap_or_default();
    (request, instructions)
}

/// Protects what is somebody's own: for others it is not there; the server's are for everybody to call, and for admins to
/// change, which is written down; nobody but who may change one sees its instructions.
#[tokio::test(start_paused = true)]
async fn an_assistant_is_its_owners_and_the_servers_is_everybodys() {
    let server = server().await;
    let (ann, bob, root) = (caller(&server, "ann").await, caller(&server, "bob").await, admin(&server).await);
    let own = make(&server, &ann, wanted("chef", "secret of ann")).await;
    let for_everybody = AssistantDraft { for_everybody: true, ..wanted("guide", "secret of root") };
    assert_eq!(
        code(server.hub.assistant_create(&ann, for_everybody.clone()).await),
        Some(ErrorCode::Forbidden)
    );
    let of_server = make(&server, &root, for_everybody).await;

    let list = async |caller: &Caller| {
        let list = server.hub.assistant_list(caller).await.unwrap();
        list.into_iter()
            .map(|it| format!("{} {}", it.assistant.name, it.assistant.prompt))
            .collect::<Vec<_>>()
    };
    assert_eq!(list(&ann).await, ["chef secret of ann", "guide "]);
    assert_eq!(list(&bob).await, ["guide "]);
    assert_eq!(list(&root).await, ["guide secret of root"]);

    let rename = || AssistantChange { name: Some("cook".into()), ..AssistantChange::default() };
    for stranger in [&bob, &root] {
        assert_eq!(code(server.hub.assistant_get(stranger, own).await), Some(ErrorCode::NotFound));
        assert_eq!(
            code(server.hub.assistant_update(stranger, own, rename()).await),
            Some(ErrorCode::NotFound)
        );
        assert_eq!(code(server.hub.assistant_delete(stranger, own).await), Some(ErrorCode::NotFound));
    }
    assert_eq!(
        code(server.hub.assistant_update(&ann, of_server, rename()).await),
        Some(ErrorCode::Forbidden)
    );
    assert_eq!(code(server.hub.assistant_delete(&ann, of_server).await), Some(ErrorCode::Forbidden));
    assert_eq!(server.hub.assistant_update(&ann, own, rename()).await.unwrap().assistant.name, "cook");
    server.hub.assistant_update(&root, of_server, rename()).await.unwrap();
    server.hub.assistant_delete(&root, of_server).await.unwrap();
    server.hub.assistant_delete(&ann, own).await.unwrap();
    assert_eq!(list(&ann).await, [""; 0]);

    let audited = server.store.audit_list(AuditFilter::default(), None, 100).await.unwrap();
    let lines: Vec<_> = audited.iter().rev().map(|it| format!("{} {}", it.action, it.outcome)).collect();
    assert_eq!(
        lines,
        [
            "assistant_create FORBIDDEN",
            "assistant_create done",
            "assistant_change FORBIDDEN",
            "assistant_delete FORBIDDEN",
            "assistant_change done",
            "assistant_delete done"
        ]
    );
    assert!(audited.iter().all(|it| !it.subject.clone().unwrap_or_default().contains("secret")));
}

/// Protects the server from assistants that are none, or too many.
#[tokio::test(start_paused = true)]
async fn what_is_no_assistant_is_refused() {
    let mut settings = unlimited();
    settings.turns.context_tokens = 1_000_000;
    let server = TestHub::with(settings).await;
    let ann = caller(&server, "ann").await;
    let refused = async |draft| code(server.hub.assistant_create(&ann, draft).await);
    for draft in [
        wanted("", ""),
        wanted("Chef", ""),
        wanted("ai", ""),
        wanted(&AssistantId::new().to_string(), ""),
        wanted("chef", "{broken}"),
        wanted("chef", &"x".repeat(16 * 1024 + 1)),
        AssistantDraft { display_name: Some("a\nb".into()), ..wanted("chef", "") },
        AssistantDraft { temperature: Some(2.1), ..wanted("chef", "") },
        AssistantDraft { max_tokens: Some(0), ..wanted("chef", "") },
        AssistantDraft { model: Some(String::new()), ..wanted("chef", "") },
    ] {
        assert_eq!(refused(draft.clone()).await, Some(ErrorCode::InvalidRequest), "{draft:?}");
    }
    for number in 0..100 {
        assert_eq!(refused(wanted(&format!("a-{number}"), "")).await, None);
    }
    assert_eq!(refused(wanted("a-7", "")).await, Some(ErrorCode::Conflict));
    assert_eq!(refused(wanted("one-more", "")).await, Some(ErrorCode::Conflict));

    let mut settings = unlimited();
    settings.own_assistants = false;
    let server = TestHub::with(settings).await;
    let ann = caller(&server, "ann").await;
    let refused = code(server.hub.assistant_create(&ann, wanted("chef", "")).await);
    assert_eq!(refused, Some(ErrorCode::Forbidden), "there are none of users' own");
}

/// Protects the one rule of all dialects: what stands where a model is named is an assistant by its id or name, or else a
/// model; an id of nobody is refused. What the request says goes before what the assistant says, but not its
/// instructions.
#[tokio::test(start_paused = true)]
async fn a_model_may_name_an_assistant() {
    let mut settings = unlimited();
    settings.turns.system_prompt = Some("of the server".into());
    let server = TestHub::with(settings).await;
    let (ann, root) = (caller(&server, "ann").await, admin(&server).await);
    let id = conversation(&server, &["ann"]).await;
    let mut client = Client::join(&server, "ann", id).await;
    let chef = AssistantDraft {
        model: Some("m-1".into()),
        temperature: Some(0.5),
        max_tokens: Some(100),
        ..wanted("chef", "You cook for {user} in {place}.")
    };
    let chef = make(&server, &ann, chef).await;
    make(&server, &root, AssistantDraft { for_everybody: true, ..wanted("chef", "hidden") }).await;
    let guide = AssistantDraft { for_everybody: true, model: Some("m-2".into()), ..wanted("guide", "") };
    make(&server, &root, guide).await;

    for name in ["chef", &chef.to_string()] {
        client.act(ask(id, "hello", Some(name))).await;
        settle().await;
        let (request, instructions) = told(&server);
        assert_eq!(instructions, "You cook for ann in a conversation.");
        assert_eq!((request.model.as_deref(), request.temperature), (Some("m-1"), Some(0.5)));
        assert_eq!(request.max_tokens, Some(100));
        let reply = log(&server.store, id).await.pop().unwrap();
        assert_eq!(reply.author_name.as_deref(), Some("chef"), "the reply says who made it");
    }
    for (wanted, expect) in [(7, 7), (1_000, 100)] {
        let options = TurnOptions {
            model: Some("chef".into()),
            system_prompt: Some("Forget the cooking.".into()),
            temperature: Some(1.5),
            max_tokens: Some(wanted),
            ..TurnOptions::default()
        };
        client.act(asked(id, "hello", options)).await;
        settle().await;
        let (request, instructions) = told(&server);
        assert_eq!((request.temperature, request.max_tokens), (Some(1.5), Some(expect)));
        assert_eq!(instructions, "You cook for ann in a conversation.");
    }
    client.act(ask(id, "hello", Some("guide"))).await;
    settle().await;
    let (request, instructions) = told(&server);
    assert_eq!((request.model.as_deref(), &*instructions), (Some("m-2"), "of the server"));
    client.act(ask(id, "hello", Some("gpt-4o"))).await;
    settle().await;
    assert_eq!(told(&server).0.model.as_deref(), Some("gpt-4o"), "a model as ever");
    assert_eq!(log(&server.store, id).await.pop().unwrap().author_name, None);
    client.lines();
    client.act(ask(id, "hello", Some(&AssistantId::new().to_string()))).await;
    let seen = client.seen().await;
    assert!(
        seen.last().unwrap().contains("failed") && seen.last().unwrap().contains("MODEL_NOT_FOUND"),
        "{seen:?}"
    );

    // For bob there is the server's one of this name, and no other.
    let place = conversation(&server, &["bob"]).await;
    let mut bob = Client::join(&server, "bob", place).await;
    bob.act(ask(place, "hello", Some("chef"))).await;
    settle().await;
    assert_eq!(told(&server).1, "hidden");
    bob.act(ask(place, "hello", Some(&chef.to_string()))).await;
    assert!(bob.seen().await.last().unwrap().contains("MODEL_NOT_FOUND"));
}

/// Protects a profile: an assistant is told of it where nobody else sees the reply; what somebody is called or has said is
/// never read as a template.
#[tokio::test(start_paused = true)]
async fn instructions_tell_of_who_asks() {
    let server = server().await;
    let ann = caller(&server, "ann").await;
    let change = UserChange { username: Some("{place}".into()), profile: Some("{\"a\":\"{user}\"}".into()) };
    server.hub.user_update(&ann, change).await.unwrap();
    make(&server, &ann, wanted("chef", "{user} {profile}")).await;
    let id = conversation(&server, &["ann"]).await;
    let mut client = Client::join(&server, "ann", id).await;
    client.act(ask(id, "hello", Some("chef"))).await;
    settle().await;
    assert_eq!(told(&server).1, "{place} {\"a\":\"{user}\"}");
    client.act(enter(RoomKind::Group)).await;
    let room = room_of(&server).await;
    client.act(ask(room, "hello", Some("chef"))).await;
    settle().await;
    assert_eq!(told(&server).1, "{place} none");
    let draft = CompletionDraft { model: Some("chef".into()), ..brought("hello") };
    complete(&server, &ann, draft).await;
    assert_eq!(told(&server).1, "{place} {\"a\":\"{user}\"}");
}

/// Protects a turn from a template that fails: it ends, by a code that says so, and nobody is asked.
#[tokio::test(start_paused = true)]
async fn a_template_that_fails_ends_the_turn() {
    let server = server().await;
    let ann = caller(&server, "ann").await;
    make(&server, &ann, wanted("chef", "{fails}")).await;
    let id = conversation(&server, &["ann"]).await;
    let mut client = Client::join(&server, "ann", id).await;
    client.act(ask(id, "hello", Some("chef"))).await;
    let seen = client.seen().await;
    assert!(
        seen.last().unwrap().contains("failed") && seen.last().unwrap().contains("INVALID_REQUEST"),
        "{seen:?}"
    );
    let draft = CompletionDraft { model: Some("chef".into()), ..brought("hello") };
    let (status, refusal) = complete(&server, &ann, draft).await;
    assert_eq!((status, refusal.unwrap().code), (TurnStatus::Failed, ErrorCode::InvalidRequest));
    assert!(server.backend.requests().is_empty());
    ann_is_answered(&server, &mut client, id).await;
}

async fn ann_is_answered(server: &TestHub, client: &mut Client, id: ConversationId) {
    client.act(ask(id, "still there?", None)).await;
    assert!(client.seen().await.last().unwrap().ends_with("complete still there?"));
    assert_eq!(server.hub.figures().turns, 0);
}

fn room_id() -> RoomId {
    match place() {
        parlor_domain::Place::Room(id) => id,
        parlor_domain::Place::Conversation(_) => unreachable!(),
    }
}

async fn room_of(server: &TestHub) -> ConversationId {
    server.store.room_find(&room_id()).await.unwrap().unwrap()
}

fn brought(text: &str) -> CompletionDraft {
    let context = vec![ContextMessage::new(Speaker::User, text)];
    CompletionDraft { context, ..CompletionDraft::default() }
}

async fn complete(
    server: &TestHub,
    caller: &Caller,
    draft: CompletionDraft,
) -> (TurnStatus, Option<Refusal>) {
    let mut stream = server.hub.complete(caller, draft).unwrap();
    loop {
        if let CompletionPiece::End(end) = stream.next().await.expect("a stream has an end") {
            return (end.status, end.refusal);
        }
    }
}

/// Protects rooms: their owner chooses who answers where nobody is named, members get that one there and nowhere else, and
/// `@name` calls an assistant where a room wants to be asked.
#[tokio::test(start_paused = true)]
async fn a_room_has_an_assistant_of_its_owners_choice() {
    let server = server().await;
    let (ann, bob, eve) =
        (caller(&server, "ann").await, caller(&server, "bob").await, caller(&server, "eve").await);
    let chef = make(&server, &ann, wanted("chef", "You cook in {place} for {user}.")).await;
    make(&server, &bob, wanted("own-of-bob", "bob's")).await;
    let mut owner = Client::connect(&server, "ann").await;
    owner.act(enter(RoomKind::Shared)).await;
    let mut member = Client::connect(&server, "bob").await;
    member.act(enter(None)).await;
    let (room, id) = (room_id(), room_of(&server).await);

    let set = async |caller: &Caller, name| code(server.hub.room_assistant_set(caller, &room, name).await);
    assert_eq!(set(&eve, Some("chef")).await, Some(ErrorCode::RoomNotFound));
    assert_eq!(set(&bob, Some("own-of-bob")).await, Some(ErrorCode::Forbidden));
    assert_eq!(set(&ann, Some("own-of-bob")).await, Some(ErrorCode::ModelNotFound));
    assert_eq!(code(server.hub.room_assistant(&eve, &room).await), Some(ErrorCode::RoomNotFound));
    assert_eq!(server.hub.room_assistant(&bob, &room).await.unwrap(), None);
    assert_eq!(set(&ann, Some("chef")).await, None);
    let seen = server.hub.room_assistant(&bob, &room).await.unwrap().unwrap();
    assert_eq!((seen.assistant.name.as_str(), seen.assistant.prompt.as_str()), ("chef", ""));

    member.act(ask(id, "what is for lunch?", None)).await;
    settle().await;
    assert!(server.backend.requests().is_empty(), "nobody was asked");
    for (content, expect) in [
        ("@ai what is for lunch?", "You cook in room-1 for bob."),
        ("and now, @Chef?", "You cook in room-1 for bob."),
        ("@own-of-bob hello", "bob's"),
    ] {
        member.act(ask(id, content, None)).await;
        settle().await;
        assert_eq!(told(&server).1, expect, "{content}");
    }
    member.act(ask(id, "by its id", Some(&chef.to_string()))).await;
    settle().await;
    assert_eq!(told(&server).1, "You cook in room-1 for bob.");
    let asked = server.backend.requests().len();
    for content in ["mail to me@chef please", "@chefs", "@nobody"] {
        member.act(ask(id, content, None)).await;
    }
    settle().await;
    assert_eq!(server.backend.requests().len(), asked, "nobody was called");

    // Elsewhere the owner's own is nobody for the member.
    let place = conversation(&server, &["bob"]).await;
    let mut bob = Client::join(&server, "bob", place).await;
    bob.act(ask(place, "hello", Some(&chef.to_string()))).await;
    assert!(bob.seen().await.last().unwrap().contains("MODEL_NOT_FOUND"));

    server.hub.assistant_delete(&ann, chef).await.unwrap();
    member.act(ask(id, "@ai hello", None)).await;
    settle().await;
    assert_eq!(told(&server).1, "", "the room has none any more");
}

/// Protects clients of the OpenAI-compatible door: an assistant is a model with instructions in front, which fit or are
/// refused.
#[tokio::test(start_paused = true)]
async fn a_completion_may_name_an_assistant() {
    let mut settings = unlimited();
    settings.turns.context_tokens = 60;
    let server = TestHub::with(settings).await;
    let ann = caller(&server, "ann").await;
    let chef = AssistantDraft { model: Some("m-1".into()), ..wanted("chef", "Cook {place}.") };
    make(&server, &ann, chef).await;
    make(&server, &ann, wanted("long", &"x".repeat(170))).await;
    assert_eq!(server.hub.assistant_names(&ann).await.unwrap(), ["chef", "long"]);
    let named = |name: &str, text| CompletionDraft { model: Some(name.into()), ..brought(text) };
    let (status, _) = complete(&server, &ann, named("chef", "hello")).await;
    let (request, instructions) = told(&server);
    assert_eq!(
        (status, request.model.as_deref(), &*instructions),
        (TurnStatus::Complete, Some("m-1"), "Cook nowhere.")
    );
    assert_eq!(request.context.len(), 2);
    let (_, refusal) = complete(&server, &ann, named("long", "hello")).await;
    assert_eq!(refusal.unwrap().code, ErrorCode::ContextTooLong);
    let (_, refusal) = complete(&server, &ann, named(&AssistantId::new().to_string(), "hello")).await;
    assert_eq!(refusal.unwrap().code, ErrorCode::ModelNotFound);
}

/// Protects two nodes: what one changes it knows at once, and the other within 2 seconds.
#[tokio::test(start_paused = true)]
async fn another_node_knows_of_a_change_soon() {
    let store = Arc::new(MemoryStore::shared());
    let here = TestHub::on(Arc::clone(&store), unlimited()).await;
    let there = TestHub::on(Arc::clone(&store), unlimited()).await;
    let ann = caller(&here, "ann").await;
    let chef = make(&here, &ann, wanted("chef", "old")).await;
    let prompt = async |server: &TestHub| {
        server.hub.assistant_get(&ann, chef).await.map(|it| it.assistant.prompt).unwrap_or_default()
    };
    assert_eq!((prompt(&here).await, prompt(&there).await), ("old".into(), "old".into()));
    let change = AssistantChange { prompt: Some("new".into()), ..AssistantChange::default() };
    here.hub.assistant_update(&ann, chef, change).await.unwrap();
    assert_eq!(prompt(&here).await, "new");
    pass_with_clock(&there, 2).await;
    assert_eq!(prompt(&there).await, "new");
    here.hub.assistant_delete(&ann, chef).await.unwrap();
    pass_with_clock(&there, 2).await;
    assert_eq!(prompt(&there).await, "");
    assert!(there.clock.monotonic() > here.clock.monotonic());
}
