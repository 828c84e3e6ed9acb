//! A client without a socket: it asks, and it reads what its outbox holds.

use crate::line;
use crate::world::say;
use futures_util::FutureExt;
use parlor_domain::message::Message;
use parlor_domain::testing::{Script, TestHub};
use parlor_domain::{
    Action, Close, Command, ConversationId, Correlation, Draft, EventBody, MessageId, Outgoing, Place,
    Position, ReplyBody, Session, TurnOptions,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Lets every task do all that it can do without time. Only where tokio's time is paused: it then moves on by this
/// millisecond when nothing else can run.
pub(crate) async fn settle() {
    pass(Duration::from_millis(1)).await;
}

/// Lets time pass for timers, as [`settle`] does.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Lets `seconds` pass, for timers and for the domain's clock.
pub(crate) async fn pass_with_clock(server: &TestHub, seconds: u64) {
    for _ in 0..seconds {
        server.clock.advance(Duration::from_secs(1));
        pass(Duration::from_secs(1)).await;
    }
}

pub(crate) struct Client {
    pub(crate) session: Session,
}

impl Client {
    pub(crate) async fn connect(server: &TestHub, name: &str) -> Self {
        Self { session: server.connect(&format!("{name}@example.org")).await }
    }

    /// Connects and joins, and forgets the answer.
    pub(crate) async fn join(server: &TestHub, name: &str, conversation: ConversationId) -> Self {
        let mut client = Self::connect(server, name).await;
        client.act(Action::Join(conversation.into())).await;
        settle().await;
        assert!(client.lines().iter().any(|line| line.starts_with("joined")));
        client
    }

    pub(crate) async fn act(&mut self, action: Action) {
        self.session.handle(Command { action, correlation: Correlation::default() }).await;
    }

    /// Sends a message that no AI answers.
    pub(crate) async fn note(&mut self, conversation: ConversationId, content: &str) {
        self.act(Action::Send(draft(conversation, content, "note", None))).await;
    }

    /// The same, with a name by which a resend is known.
    pub(crate) async fn note_as(&mut self, client_id: &str, conversation: ConversationId, content: &str) {
        self.act(Action::Send(draft(conversation, content, "note", Some(client_id)))).await;
    }

    /// Sends a message that the AI answers.
    pub(crate) async fn ask(&mut self, conversation: ConversationId, content: &str) {
        self.act(Action::Send(draft(conversation, content, "user", None))).await;
    }

    pub(crate) async fn ask_as(&mut self, client_id: &str, conversation: ConversationId, content: &str) {
        self.act(Action::Send(draft(conversation, content, "user", Some(client_id)))).await;
    }

    pub(crate) async fn stop(&mut self, conversation: ConversationId, turn: Option<MessageId>) {
        self.act(Action::Stop { place: conversation.into(), turn }).await;
    }

    pub(crate) async fn follow(&mut self, conversation: ConversationId, message: MessageId) {
        self.act(Action::Stream { place: conversation.into(), message, options: TurnOptions::default() })
            .await;
    }

    pub(crate) async fn resume(&mut self, conversation: ConversationId, seq: u64) {
        self.act(Action::Resume(vec![Position { place: conversation.into(), seq, epoch: None }])).await;
    }

    /// Everything that waits now.
    pub(crate) fn take(&self) -> Vec<Outgoing> {
        let (mut all, mut batch) = (Vec::new(), VecDeque::new());
        while let Some(Ok(())) = self.session.outbox().take(&mut batch).now_or_never() {
            all.extend(batch.drain(..));
        }
        all
    }

    /// The lines of what waits now, but for summaries.
    pub(crate) fn lines(&self) -> Vec<String> {
        line::lines(&without_updates(self.take()))
    }

    /// The lines of what has come when nothing more can happen without time, but for summaries.
    pub(crate) async fn seen(&self) -> Vec<String> {
        settle().await;
        self.lines()
    }

    /// How the connection was closed, if it was; what waited is thrown away.
    pub(crate) fn close(&self) -> Option<Close> {
        let mut batch = VecDeque::new();
        loop {
            match self.session.outbox().take(&mut batch).now_or_never() {
                Some(Ok(())) => batch.clear(),
                Some(Err(close)) => return Some(close),
                None => return None,
            }
        }
    }

    /// The messages of the log that have come: also those that this client wrote.
    pub(crate) fn entries(&self) -> Vec<Arc<Message>> {
        self.take().iter().filter_map(entry).collect()
    }
}

fn is_update(item: &Outgoing) -> bool {
    matches!(item, Outgoing::Event(event) if matches!(event.body(), EventBody::Updated(_)))
}

pub(crate) fn without_updates(mut items: Vec<Outgoing>) -> Vec<Outgoing> {
    items.retain(|item| !is_update(item));
    items
}

/// The entry of the log that `item` tells of for the first time.
pub(crate) fn entry(item: &Outgoing) -> Option<Arc<Message>> {
    let body = match item {
        Outgoing::Event(event) => event.body(),
        Outgoing::Reply(reply) => match &reply.body {
            ReplyBody::Sent { event, duplicate: false } => event.body(),
            ReplyBody::Missed { message, .. } | ReplyBody::Replayed { message, .. } => {
                return Some(Arc::new(Message::clone(message)));
            }
            _ => return None,
        },
        Outgoing::Raw(_) | Outgoing::Probe { .. } => return None,
    };
    match body {
        EventBody::Message(message) | EventBody::TurnEnded { message, .. } => Some(Arc::clone(message)),
        _ => None,
    }
}

pub(crate) fn draft(
    conversation: impl Into<Option<ConversationId>>,
    content: &str,
    kind: &str,
    client_id: Option<&str>,
) -> Draft {
    Draft {
        place: conversation.into().map(Place::Conversation),
        content: content.into(),
        kind: kind.into(),
        content_type: None,
        client_id: client_id.map(Into::into),
        attachments: Vec::new(),
        options: TurnOptions::default(),
    }
}

/// The id of the turn that began last, among `items`.
pub(crate) fn started(items: &[Outgoing]) -> MessageId {
    let of = |item: &Outgoing| match item {
        Outgoing::Event(event) => match event.body() {
            EventBody::TurnStarted(turn) => Some(turn.id),
            _ => None,
        },
        _ => None,
    };
    items.iter().rev().find_map(of).expect("a turn began")
}

/// A turn that says "so" and then hangs, followed by who asked. Gives the question's id and the turn's.
pub(crate) async fn hanging_turn(
    server: &TestHub,
    client: &mut Client,
    id: ConversationId,
) -> (MessageId, MessageId) {
    server.backend.play(vec![say("so"), Script::Hang]);
    client.ask(id, "hello").await;
    settle().await;
    let items = client.take();
    (entry(&items[0]).unwrap().id, started(&items))
}
