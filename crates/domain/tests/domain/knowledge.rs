//! Documents: who may add, see and remove them; that they are made ready whatever happens; and which replies are made with
//! which of them.

use crate::client::{Client, pass_with_clock, settle};
use crate::world::{conversation, log, server, unlimited};
use parlor_domain::message::Metadata;
use parlor_domain::ports::{
    AuditFilter, AuditStore, DocumentRecord, DocumentState, DocumentStore, KNOWLEDGE, Page, Role, Speaker,
    Store, UserChange,
};
use parlor_domain::room::{MemberRole, RoomKind};
use parlor_domain::testing::{MemoryStore, TestHub};
use parlor_domain::{
    Action, AssistantDraft, AssistantId, AttachTo, Caller, ConversationId, DocumentDraft, Draft, ErrorCode,
    Place, RoomAction, RoomDraft, RoomId, TurnOptions,
};
use proptest::prelude::*;
use std::sync::Arc;

const ALL: Page = Page { offset: 0, limit: 99 };

fn draft(title: &str, text: &str, attach_to: AttachTo) -> DocumentDraft {
    let content_type = "Text/Plain; charset=utf-8".to_owned();
    DocumentDraft { title: title.to_owned(), content: text.to_owned().into(), content_type, attach_to }
}

async fn caller(server: &TestHub, name: &str) -> Caller {
    let user = server.user(&format!("{name}@example.org")).await;
    server.hub.authenticate(&user.to_string()).await.unwrap()
}

async fn add(
    server: &TestHub,
    by: &str,
    text: &str,
    attach_to: AttachTo,
) -> Result<DocumentRecord, ErrorCode> {
    let caller = caller(server, by).await;
    let added = server.hub.document_add(&caller, draft("A title", text, attach_to)).await;
    settle().await;
    added.map_err(|refusal| refusal.code)
}

/// An assistant that this user made: their own, or as an admin everybody's.
async fn assistant(server: &TestHub, by: &str, for_everybody: bool) -> AssistantId {
    let mut caller = caller(server, by).await;
    caller.identity.role = if for_everybody { Role::Admin } else { Role::User };
    let draft = AssistantDraft { name: "guide".into(), for_everybody, ..AssistantDraft::default() };
    server.hub.assistant_create(&caller, draft).await.unwrap().assistant.id
}

async fn state(server: &TestHub, of: &DocumentRecord) -> (DocumentState, Option<String>) {
    let found = server.store.document_get(of.id).await.unwrap().unwrap();
    (found.state, found.problem)
}

/// What the last turn was told of documents.
fn told(server: &TestHub) -> Option<String> {
    let context = server.backend.requests().pop().expect("a backend was asked").context;
    let system = context.into_iter().find(|piece| piece.speaker == Speaker::System)?;
    system.content.split_once(KNOWLEDGE).map(|(_, passages)| passages.to_owned())
}

async fn ask(server: &TestHub, by: &str, place: Place, text: &str) {
    ask_model(server, by, place, text, "m").await;
}

async fn ask_model(server: &TestHub, by: &str, place: Place, text: &str, model: &str) {
    let mut client = Client::connect(server, by).await;
    let draft = Draft {
        place: Some(place),
        content: text.to_owned(),
        kind: "user".to_owned(),
        content_type: None,
        client_id: None,
        attachments: Vec::new(),
        options: TurnOptions { model: Some(model.to_owned()), ..TurnOptions::default() },
    };
    client.act(Action::Send(draft)).await;
    settle().await;
}

async fn last_metadata(server: &TestHub, id: ConversationId) -> Option<Box<Metadata>> {
    log(&server.store, id).await.pop().unwrap().metadata
}

async fn room(server: &TestHub, name: &str, members: &[(&str, MemberRole)]) -> RoomId {
    let id: RoomId = name.parse().unwrap();
    let (owner, rest) = members.split_first().unwrap();
    let draft =
        RoomDraft { id: id.clone(), name: None, kind: Some(RoomKind::Group), ai_mode: None, assistant: None };
    server.hub.room_create(&caller(server, owner.0).await, draft).await.unwrap();
    let mut client = Client::connect(server, owner.0).await;
    for (member, role) in rest {
        let user = server.user(&format!("{member}@example.org")).await;
        client.act(Action::Room(RoomAction::AddMember { room: id.clone(), user, role: Some(*role) })).await;
    }
    settle().await;
    id
}

/// Protects the point of it: a document that was added is made ready by itself, a reply to a question about it is made with
/// it and says so for ever, and no other reply is.
#[tokio::test(start_paused = true)]
async fn a_reply_is_made_with_what_has_to_do_with_the_question() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let text = "# Tides\nHigh tide comes twice.\n\n# Bread\nBread needs salt and time.";
    let document = add(&server, "ann", text, AttachTo::Me).await.unwrap();
    assert_eq!(document.state, DocumentState::Pending);
    assert_eq!(state(&server, &document).await, (DocumentState::Ready, None));

    ask(&server, "ann", id.into(), "how much salt for bread").await;
    let passages = told(&server).unwrap();
    assert_eq!(passages, "\n\n[1] A title\n# Bread\n\nBread needs salt and time.");
    let citations = last_metadata(&server, id).await.unwrap().citations;
    let cited: Vec<_> =
        citations.iter().map(|it| (it.number, it.document, it.chunk, it.excerpt.as_str())).collect();
    assert_eq!(cited, [(1, document.id, 1, "# Bread Bread needs salt and time.")]);
    assert_eq!((citations[0].title.as_str(), citations[0].score.millionths() > 300_000), ("A title", true));

    ask(&server, "ann", id.into(), "who won yesterday").await;
    assert_eq!((told(&server), last_metadata(&server, id).await), (None, None));
}

/// Protects who keeps documents for an assistant: everybody whom it answers has them in the reply, nobody whom another model
/// answers does, who may only call it does not see them, and they end with it.
#[tokio::test(start_paused = true)]
async fn an_assistants_documents_are_in_its_replies() {
    let server = server().await;
    let guide = assistant(&server, "root", true).await;
    let mut root = caller(&server, "root").await;
    root.identity.role = Role::Admin;
    let attach_to = AttachTo::Assistant(guide);
    let added = server.hub.document_add(&root, draft("A title", "Bread needs salt.", attach_to.clone()));
    let document = added.await.unwrap();
    settle().await;
    let ann = caller(&server, "ann").await;
    let seen = server.hub.document_list(&ann, &attach_to, ALL).await;
    assert_eq!(seen.unwrap_err().code, ErrorCode::Forbidden, "a user of it sees its name only");

    let id = conversation(&server, &["ann"]).await;
    ask(&server, "ann", id.into(), "bread salt").await;
    assert_eq!(told(&server), None, "another model knows nothing of it");
    ask_model(&server, "ann", id.into(), "bread salt", "guide").await;
    assert!(told(&server).is_some_and(|passages| passages.contains("salt")));
    assert_eq!(last_metadata(&server, id).await.unwrap().citations[0].document, document.id);

    server.hub.assistant_delete(&root, guide).await.unwrap();
    pass_with_clock(&server, 60).await;
    assert!(server.store.document_get(document.id).await.unwrap().is_none(), "it ends with its assistant");
}

/// Protects turns: documents that cannot be had cost a reply nothing but them.
#[tokio::test(start_paused = true)]
async fn an_embedder_that_fails_fails_no_turn() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    add(&server, "ann", "Bread needs salt.", AttachTo::Me).await.unwrap();
    server.embedder.fail(true);
    ask(&server, "ann", id.into(), "bread salt").await;
    assert_eq!((told(&server), log(&server.store, id).await.len()), (None, 2));
    server.embedder.fail(false);
    ask(&server, "ann", id.into(), "bread salt").await;
    assert!(told(&server).is_some());
}

/// Protects long questions: a message that fits by itself is answered, whatever documents would have to be told.
#[tokio::test(start_paused = true)]
async fn documents_leave_room_for_the_question() {
    let mut settings = unlimited();
    (settings.turns.context_tokens, settings.knowledge.share) = (400, 90);
    let server = TestHub::with(settings).await;
    let id = conversation(&server, &["ann"]).await;
    add(&server, "ann", &"bread ".repeat(100), AttachTo::Me).await.unwrap();
    ask(&server, "ann", id.into(), "bread").await;
    assert!(told(&server).is_some());
    ask(&server, "ann", id.into(), &"bread ".repeat(180)).await;
    assert_eq!((told(&server), last_metadata(&server, id).await), (None, None));
    assert_eq!(log(&server.store, id).await.len(), 4);
}

/// Protects documents from a server that is away: they wait, longer each time, and are made ready when it is back; those
/// that never will be say so.
#[tokio::test(start_paused = true)]
async fn what_fails_in_passing_is_tried_again_until_it_is_given_up() {
    let server = server().await;
    server.embedder.fail(true);
    let document = add(&server, "ann", "Bread needs salt.", AttachTo::Me).await.unwrap();
    let (now, problem) = state(&server, &document).await;
    assert_eq!((now, problem.is_some()), (DocumentState::Pending, true));
    let asked = server.embedder.asked().len();
    pass_with_clock(&server, 8).await;
    assert_eq!(server.embedder.asked().len(), asked, "it waits");
    server.embedder.fail(false);
    pass_with_clock(&server, 8).await;
    assert_eq!(state(&server, &document).await, (DocumentState::Ready, None));

    server.embedder.fail(true);
    let hopeless = add(&server, "ann", "Bread needs time.", AttachTo::Me).await.unwrap();
    for _ in 0..8 {
        server.clock.advance(std::time::Duration::from_secs(3_700));
        pass_with_clock(&server, 6).await;
    }
    assert_eq!(state(&server, &hopeless).await.0, DocumentState::Failed);
}

/// Protects documents from the end of a process: what it was about is done by the next.
#[tokio::test(start_paused = true)]
async fn the_next_process_goes_on() {
    let store = Arc::new(MemoryStore::new());
    let first = TestHub::on(Arc::clone(&store), unlimited()).await;
    first.embedder.fail(true);
    let document = add(&first, "ann", "Bread needs salt.", AttachTo::Me).await.unwrap();
    drop(first);
    let second = TestHub::on(store, unlimited()).await;
    settle().await;
    assert_eq!(state(&second, &document).await, (DocumentState::Ready, None));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_a_document_is_refused() {
    let mut settings = unlimited();
    (settings.knowledge.max_file, settings.knowledge.max_text, settings.knowledge.documents) = (100, 50, 2);
    let server = TestHub::with(settings).await;
    let ann = caller(&server, "ann").await;
    let refused = async |change: fn(&mut DocumentDraft)| {
        let mut draft = draft("Title", "text", AttachTo::Me);
        change(&mut draft);
        server.hub.document_add(&ann, draft).await.map_err(|refusal| refusal.code).err()
    };
    assert_eq!(refused(|it| it.title = String::new()).await, Some(ErrorCode::InvalidRequest));
    assert_eq!(refused(|it| it.title = "a\nb".to_owned()).await, Some(ErrorCode::InvalidRequest));
    assert_eq!(refused(|it| it.title = "x".repeat(301)).await, Some(ErrorCode::InvalidRequest));
    assert_eq!(
        refused(|it| it.content_type = "image/png".to_owned()).await,
        Some(ErrorCode::FileTypeNotAllowed)
    );
    assert_eq!(refused(|it| it.content = vec![b'x'; 101].into()).await, Some(ErrorCode::FileTooLarge));
    assert_eq!(refused(|it| it.content = vec![b'x'; 51].into()).await, Some(ErrorCode::FileTooLarge));
    assert_eq!(refused(|it| it.content = vec![0xff].into()).await, Some(ErrorCode::InvalidRequest));
    assert_eq!(refused(|it| it.content = " \n".into()).await, Some(ErrorCode::InvalidRequest));
    assert_eq!(refused(|it| it.content = "a\0b".into()).await, None, "what no database holds is replaced");
    assert_eq!(
        refused(|it| it.attach_to = AttachTo::Room("no".parse().unwrap())).await,
        Some(ErrorCode::RoomNotFound)
    );
    assert_eq!(refused(|_| ()).await, None);
    assert_eq!(refused(|_| ()).await, Some(ErrorCode::Conflict), "two are all");
}

/// The one table of who may do what with which documents.
#[tokio::test(start_paused = true)]
async fn who_may_do_what() {
    let server = server().await;
    let people = [("owen", MemberRole::Owner), ("mod", MemberRole::Moderator), ("mem", MemberRole::Member)];
    let room = room(&server, "team", &people).await;
    let own = add(&server, "ann", "Ann's own.", AttachTo::Me).await.unwrap();
    let shared = add(&server, "mod", "The team's.", AttachTo::Room(room.clone())).await.unwrap();
    let assistant = AttachTo::Assistant(assistant(&server, "owen", false).await);
    let codes = async |name: &str| {
        let caller = caller(&server, name).await;
        let hub = &server.hub;
        let code = |result: Result<(), parlor_domain::Refusal>| result.err().map(|refusal| refusal.code);
        [
            code(hub.document_get(&caller, own.id).await.map(drop)),
            code(hub.document_get(&caller, shared.id).await.map(drop)),
            code(hub.document_list(&caller, &AttachTo::Room(room.clone()), ALL).await.map(drop)),
            code(hub.document_add(&caller, draft("T", "t", AttachTo::Room(room.clone()))).await.map(drop)),
            code(hub.document_list(&caller, &assistant, ALL).await.map(drop)),
            code(hub.document_add(&caller, draft("T", "t", assistant.clone())).await.map(drop)),
        ]
    };
    let (none, no_room, no) =
        (Some(ErrorCode::NotFound), Some(ErrorCode::RoomNotFound), Some(ErrorCode::Forbidden));
    assert_eq!(codes("ann").await, [None, none, no_room, no_room, none, none], "a stranger to the room");
    assert_eq!(codes("bob").await, [none, none, no_room, no_room, none, none], "a stranger to both");
    assert_eq!(codes("mem").await, [none, None, None, no, none, none]);
    assert_eq!(codes("mod").await, [none, None, None, None, none, none]);
    assert_eq!(codes("owen").await, [none, None, None, None, None, None]);
    let listed = server.hub.document_list(&caller(&server, "ann").await, &AttachTo::Me, ALL).await.unwrap();
    assert_eq!(listed.items.iter().map(|it| it.id).collect::<Vec<_>>(), [own.id]);

    let delete = async |name: &str, id| {
        server.hub.document_delete(&caller(&server, name).await, id).await.err().map(|refusal| refusal.code)
    };
    assert_eq!(delete("bob", own.id).await, none);
    assert_eq!(delete("mem", shared.id).await, no);
    assert_eq!(delete("owen", shared.id).await, None, "the owner may what others added");
    assert_eq!(delete("ann", own.id).await, None);
    assert_eq!(delete("ann", own.id).await, none);
    let audit = server.store.audit_list(AuditFilter::default(), None, 99).await.unwrap();
    let of =
        |entry: &parlor_domain::ports::AuditEntry| (entry.subject.clone().unwrap(), entry.outcome.clone());
    let deletions: Vec<_> = audit.iter().filter(|it| it.action == "document_delete").map(of).collect();
    let (own, shared) = (own.id.to_string(), shared.id.to_string());
    assert_eq!(
        deletions,
        [(own, "done".to_owned()), (shared.clone(), "done".to_owned()), (shared, "FORBIDDEN".to_owned())]
    );
}

/// Protects who is not alone: in a room, and in a conversation with others, no document of one's own comes up.
#[tokio::test(start_paused = true)]
async fn where_others_hear_the_answer_nothing_private_is_in_it() {
    let server = server().await;
    let room = room(&server, "team", &[("ann", MemberRole::Owner), ("bob", MemberRole::Member)]).await;
    add(&server, "ann", "Bread secret of ann.", AttachTo::Me).await.unwrap();
    add(&server, "ann", "Bread recipe of team.", AttachTo::Room(room.clone())).await.unwrap();
    for name in ["ann", "bob"] {
        ask(&server, name, Place::Room(room.clone()), "bread recipe").await;
        let passages = told(&server).unwrap();
        assert!(passages.contains("of team") && !passages.contains("secret"), "{passages}");
    }
    let both = conversation(&server, &["ann", "bob"]).await;
    ask(&server, "ann", both.into(), "bread secret").await;
    assert_eq!(told(&server), None);
    let alone = conversation(&server, &["ann"]).await;
    ask(&server, "ann", alone.into(), "bread recipe").await;
    let passages = told(&server).unwrap();
    assert!(passages.contains("secret of ann") && !passages.contains("of team"), "{passages}");
    assert!(
        server.store.user_update(server.user("ann@example.org").await, UserChange::default()).await.is_ok()
    );
}

#[derive(Debug, Clone)]
enum Step {
    /// Somebody adds a document to themselves or to a room of theirs.
    Add { by: usize, room: Option<usize> },
    /// Somebody asks, in a conversation of their own or in a room.
    Ask { by: usize, room: Option<usize> },
    /// The last document goes.
    Delete,
}

const PEOPLE: [&str; 3] = ["ann", "bob", "cyd"];
/// Who is in which room; the first owns it.
const ROOMS: [[usize; 2]; 2] = [[0, 1], [1, 2]];

fn step() -> impl Strategy<Value = Step> {
    let place = || (0..PEOPLE.len(), proptest::option::of(0..ROOMS.len()));
    prop_oneof![
        place().prop_map(|(by, room)| Step::Add { by, room }),
        place().prop_map(|(by, room)| Step::Ask { by, room }),
        Just(Step::Delete),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Protects everybody's documents: whoever adds what and asks where, a reply is told of exactly those documents that its
    /// place has, and never of a stranger's, however near that is.
    #[test]
    fn a_strangers_document_never_reaches_a_reply(steps in proptest::collection::vec(step(), 1..14)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(follow(steps));
    }
}

async fn follow(steps: Vec<Step>) {
    let mut settings = unlimited();
    (settings.limits.embeddings, settings.knowledge.passages) = (None, 99);
    let server = TestHub::with(settings).await;
    let mut rooms = Vec::new();
    for (number, [owner, member]) in ROOMS.into_iter().enumerate() {
        let members = [(PEOPLE[owner], MemberRole::Owner), (PEOPLE[member], MemberRole::Member)];
        rooms.push(room(&server, &format!("room-{number}"), &members).await);
    }
    let mut own = Vec::new();
    for name in PEOPLE {
        own.push(conversation(&server, &[name]).await);
    }
    // What is there: its id, its mark, and whose it is.
    let mut there: Vec<(DocumentRecord, String, (usize, Option<usize>))> = Vec::new();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Add { by, room } => {
                let by = room.map_or(by, |room| ROOMS[room][0]);
                let mark = format!("mark{number}");
                let attach_to = room.map_or(AttachTo::Me, |room| AttachTo::Room(rooms[room].clone()));
                let record = add(&server, PEOPLE[by], &format!("bread {mark}"), attach_to).await.unwrap();
                there.push((record, mark, (by, room)));
            }
            Step::Delete => {
                let Some((record, _, (by, _))) = there.pop() else { continue };
                server.hub.document_delete(&caller(&server, PEOPLE[by]).await, record.id).await.unwrap();
            }
            Step::Ask { by, room } => {
                let by = room.map_or(by, |room| ROOMS[room][by % 2]);
                let place =
                    room.map_or(Place::Conversation(own[by]), |room| Place::Room(rooms[room].clone()));
                ask(&server, PEOPLE[by], place, "bread").await;
                let passages = told(&server).unwrap_or_default();
                for (_, mark, (whose, of_room)) in &there {
                    let visible =
                        if room.is_some() { *of_room == room } else { of_room.is_none() && *whose == by };
                    let shown = passages.split_whitespace().any(|word| word == mark);
                    assert_eq!(shown, visible, "{mark} of {whose} {of_room:?}, asked by {by} in {room:?}");
                }
                let marks = passages.split_whitespace().filter(|word| word.starts_with("mark")).count();
                let expect =
                    there.iter().filter(|(_, mark, _)| passages.split_whitespace().any(|it| it == mark));
                assert_eq!(marks, expect.count(), "nothing that was removed");
            }
        }
    }
}
