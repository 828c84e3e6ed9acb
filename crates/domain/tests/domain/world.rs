//! Servers and conversations as the tests need them, and the log as it really is.

use parlor_domain::message::{Message, SEQ_MAX};
use parlor_domain::ports::{Backend, Clock, Delta, Finish, Store};
use parlor_domain::testing::{MemoryStore, Script, ScriptedBackend, TestHub};
use parlor_domain::{ConversationId, Provider, Settings};
use std::sync::Arc;
use std::time::Duration;

/// Settings under which no test runs into a limit that it does not mean.
pub(crate) fn unlimited() -> Settings {
    let mut settings = Settings::default();
    settings.limits.frames = None;
    settings.limits.chats = None;
    settings.limits.ai_chats = None;
    settings.limits.connections_per_user = None;
    settings
}

pub(crate) async fn server() -> TestHub {
    TestHub::with(unlimited()).await
}

pub(crate) struct WithBackends {
    pub(crate) server: TestHub,
    pub(crate) backends: Vec<Arc<ScriptedBackend>>,
}

/// A server with several backends, in this order, each serving one model or (none) every one.
pub(crate) async fn server_with_backends(models: &[Option<&'static str>]) -> WithBackends {
    let backends: Vec<_> = models.iter().map(|model| ScriptedBackend::serving(*model)).collect();
    let in_order = |(priority, backend): (u32, &Arc<ScriptedBackend>)| Provider {
        priority,
        ..Provider::from(Arc::clone(backend) as Arc<dyn Backend>)
    };
    let providers = (0..).zip(&backends).map(in_order).collect();
    let (store, backend) = (Arc::new(MemoryStore::new()), Arc::clone(&backends[0]));
    WithBackends { server: TestHub::build(store, backend, providers, false, unlimited()).await, backends }
}

/// A conversation of these people.
pub(crate) async fn conversation(server: &TestHub, names: &[&str]) -> ConversationId {
    let owner = server.user(&format!("{}@example.org", names[0])).await;
    let id = server.hub.conversation_create(owner, "a conversation").await.unwrap();
    for name in &names[1..] {
        let user = server.user(&format!("{name}@example.org")).await;
        assert!(server.hub.participant_add(id, user).await.unwrap());
    }
    id
}

/// The whole log of a conversation.
pub(crate) async fn log(store: &MemoryStore, conversation: ConversationId) -> Vec<Message> {
    store.log_after(conversation, 0, SEQ_MAX, usize::MAX).await.unwrap()
}

/// The log as lines: seq and text.
pub(crate) async fn log_lines(store: &MemoryStore, conversation: ConversationId) -> Vec<String> {
    let log = log(store, conversation).await;
    log.iter().map(|message| format!("{} {}", message.seq, message.content)).collect()
}

/// How many turns the store holds for live.
pub(crate) async fn open_turns(server: &TestHub) -> usize {
    let later = server.clock.now().plus(Duration::from_secs(3600));
    server.store.turns_orphaned(uuid::Uuid::nil(), later).await.unwrap().len()
}

pub(crate) fn say(text: &str) -> Script {
    Script::Say(Delta::Content(text.into()))
}

pub(crate) fn wait(seconds: u64) -> Script {
    Script::Wait(Duration::from_secs(seconds))
}

pub(crate) const END: Script = Script::Say(Delta::End(Finish::Stop));
