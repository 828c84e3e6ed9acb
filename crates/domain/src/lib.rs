//! All of Parlor's rules, and nothing else: no socket, no SQL, no HTTP, no wire format.
//!
//! Where it stands in a message's way: a transport turns bytes into a [`Command`] and gives it to a [`Session`]; the
//! conversation's task appends it through the [`ports::Store`]; after the commit the answer and one shared [`Event`]
//! go into [`Outbox`]es, which the transport writes out.
//!
//! # To write a transport
//!
//! 1. Ask [`Hub::authenticate`] whose credential it is and [`Hub::connect`] for a [`Session`].
//! 2. Turn what the client sends into [`Command`]s and give them to [`Session::handle`], one after the other.
//! 3. Meanwhile [`Outbox::take`] what waits, and write it: an [`Event`] by [`Event::encoded`], with an
//!    [`EncodingSlot`] of your own, so that it is encoded once for all connections; a [`Reply`] for itself.
//! 4. When `take` says that the connection ends, tell the client the [`Close`] and drop the session. When
//!    [`Hub::closing`] returns, close with [`CloseCode::GoingAway`].
//!
//! ```
//! use parlor_domain::testing::TestHub;
//! use parlor_domain::{Action, Command, Correlation, Draft, Outgoing, ReplyBody, TurnOptions};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let server = TestHub::start().await;
//! let mut session = server.connect("ann@example.org").await;
//! let draft = Draft {
//!     place: None,
//!     content: "Hello".into(),
//!     kind: "note".into(),
//!     content_type: None,
//!     client_id: None,
//!     attachments: Vec::new(),
//!     options: TurnOptions::default(),
//! };
//! session.handle(Command { action: Action::Send(draft), correlation: Correlation::default() }).await;
//!
//! let mut batch = Default::default();
//! session.outbox().take(&mut batch).await.unwrap();
//! let Some(Outgoing::Reply(reply)) = batch.pop_front() else { panic!("an answer comes first") };
//! assert!(matches!(reply.body, ReplyBody::Sent { duplicate: false, .. }));
//! # }
//! ```
//!
//! # To let AI workers in
//!
//! [`Hub::worker_connect`] takes a worker's key, and gives a [`WorkerLink`] for what it says and [`WorkerOrders`] for what
//! it is told. While the link lives, the worker is asked like any other [`ports::Backend`]. Here it answers a
//! [completion](Hub::complete), which is a reply to a context of the caller's own:
//!
//! ```
//! use parlor_domain::ports::{ContextMessage, Delta, Finish, Speaker};
//! use parlor_domain::testing::TestHub;
//! use parlor_domain::{CompletionDraft, CompletionPiece, Settings, WorkerHello, WorkerOrder, WorkerReport};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let server = TestHub::with_workers(Settings::default()).await;
//! let hello = WorkerHello {
//!     service_key: TestHub::SERVICE_KEY.into(),
//!     name: "parrot".into(),
//!     models: vec![],
//!     capacity: None,
//! };
//! let (link, mut orders) = server.hub.worker_connect(hello).unwrap();
//!
//! let caller = server.hub.authenticate(&server.user("ann@example.org").await.to_string()).await.unwrap();
//! let context = vec![ContextMessage::new(Speaker::User, "Hello")];
//! let mut reply = server.hub.complete(&caller, CompletionDraft { context, ..Default::default() }).unwrap();
//!
//! let Some(WorkerOrder::Process(task)) = orders.next().await else { panic!("a task comes first") };
//! let content = task.request.context[0].content.to_uppercase();
//! link.handle(WorkerReport::Done { id: task.id, content, pieces: vec![Delta::End(Finish::Stop)] });
//! assert_eq!(reply.next().await, Some(CompletionPiece::Content("HELLO".into())));
//! # }
//! ```

mod accounts;
mod archive;
mod assistants;
mod audit;
mod caller;
mod chat;
mod check;
mod command;
mod completion;
mod conversation;
mod directory;
mod embeddings;
mod error;
mod event;
mod generation;
mod grants;
mod hub;
mod jobs;
mod joined;
mod knowledge;
mod limits;
mod live;
pub mod message;
mod models;
mod moderation;
mod outbox;
mod own_turns;
pub mod ports;
mod prices;
mod purge;
mod reaper;
mod receipts;
mod registry;
pub mod room;
mod rooms;
mod router;
pub mod search;
mod session;
mod settings;
pub mod testing;
mod turn;
mod uploads;
mod usage;
mod workers;

pub use accounts::Me;
pub use archive::{Export, SearchHit};
pub use assistants::{AssistantChange, AssistantDraft, AssistantEntry};
pub use caller::Caller;
pub use command::{
    ATTACHMENTS_MAX, Action, CONTENT_TYPE_MAX, Command, Draft, HISTORY_MAX, Place, Position,
    REQUEST_CONTEXT_MAX, RESUME_MAX_POSITIONS, RoomAction, RoomDraft, TurnOptions,
};
pub use completion::{CompletionDraft, CompletionEnd, CompletionPiece, CompletionStream};
pub use embeddings::EmbeddingDraft;
pub use error::Refusal;
pub use event::{
    Correlation, EncodingSlot, Event, EventBody, Presence, Reply, ReplyBody, RoomJoined, TurnPart, TurnRef,
};
pub use hub::{Figures, Hub, Ports, SocketToken, Stats};
pub use jobs::{JobAnswer, JobDraft, JobEnqueued, JobFound, JobNews, JobsOverview};
pub use joined::Joined;
pub use knowledge::{AttachTo, DocumentDraft};
pub use live::Live;
pub use models::ModelNames;
pub use outbox::{Close, Outbox, Outgoing};
pub use parlor_protocol::{
    AssistantId, CloseCode, ConnectionId, ConversationId, DocumentId, ErrorCode, FileId, JobId, MessageId,
    RoomId, Timestamp, UserId, ids,
};
pub use prices::{Price, Prices};
pub use rooms::{MemberEntry, RoomMade};
pub use router::{BackendState, ModelEntry, Provider};
pub use session::Session;
pub use settings::{
    BreakerSettings, Budgets, JobSettings, KnowledgeSettings, Limits, ModerationSettings, Quota, Retries,
    Settings, TurnSettings, Unjudged, UploadSettings,
};
pub use uploads::{FileLink, FilePart, FilePorts, FileUpload, UploadAction, UploadDraft, UploadReply};
pub use usage::{OwnUsage, Span};
pub use workers::{
    WorkerAnswer, WorkerHello, WorkerLink, WorkerOrder, WorkerOrders, WorkerReport, WorkerStatus, WorkerTask,
};
