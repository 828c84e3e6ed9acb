//! Whatever is written in whatever order: the databases answer as the store in memory does, whose rules are simple
//! enough to be read. Ids are few, so that writes meet each other in every way.

use crate::postgres::Server;
use crate::subject::Subject;
use crate::write::at;
use parlor_domain::message::{Author, Confidence, Edit, Fingerprint, Message, Reply, TurnStatus, Usage};
use parlor_domain::ports::{
    Checkpoint, MembershipChange, MembershipStep, MessageChange, NewMessage, NewTurn, Receipt, Store,
    TurnEnd, Write,
};
use parlor_domain::room::MemberRole;
use parlor_domain::testing::MemoryStore;
use parlor_domain::{ConversationId, MessageId, UserId};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// A write, by the places of its ids in [`Ids`].
#[derive(Debug, Clone)]
enum Step {
    Message {
        id: usize,
        conversation: usize,
        fingerprint: Option<u8>,
        creates: bool,
        author: bool,
        turn: Option<usize>,
    },
    Open {
        turn: usize,
        conversation: usize,
        answers: usize,
    },
    Checkpoint {
        turn: usize,
        text: Option<u8>,
    },
    End {
        turn: usize,
        conversation: usize,
        from_checkpoint: bool,
    },
    Change {
        message: usize,
        conversation: usize,
        by: usize,
        moderates: bool,
        visible_after: u64,
        edit: Edit,
    },
    Membership {
        conversation: usize,
        user: usize,
        step: MemberStep,
    },
    Receipt {
        conversation: usize,
        user: usize,
        delivered: u64,
        read: u64,
    },
}

/// A [`MembershipStep`], by the places of its ids.
#[derive(Debug, Clone)]
enum MemberStep {
    Enter { role: MemberRole, most: Option<usize>, from_now: bool, readmit: bool },
    SetRole(MemberRole),
    Leave(Option<usize>),
    Remove,
    Delete,
}

const CONVERSATIONS: usize = 4;
const IDS: usize = 10;
const USERS: usize = 3;

fn step() -> impl Strategy<Value = Step> {
    let message = (
        0..IDS,
        0..CONVERSATIONS,
        prop::option::weighted(0.6, 0..3_u8),
        prop::bool::weighted(0.25),
        prop::bool::weighted(0.9),
        prop::option::weighted(0.4, 0..IDS),
    );
    prop_oneof![
        4 => message.prop_map(|(id, conversation, fingerprint, creates, author, turn)| {
            Step::Message { id, conversation, fingerprint, creates, author, turn }
        }),
        2 => (0..IDS, 0..CONVERSATIONS, 0..IDS)
            .prop_map(|(turn, conversation, answers)| Step::Open { turn, conversation, answers }),
        2 => (0..IDS, prop::option::of(any::<u8>())).prop_map(|(turn, text)| Step::Checkpoint { turn, text }),
        3 => (0..IDS, 0..CONVERSATIONS, any::<bool>())
            .prop_map(|(turn, conversation, from_checkpoint)| Step::End { turn, conversation, from_checkpoint }),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => (0..3_u8).prop_map(|text| Edit::Content(format!("edit {text}"))),
        1 => Just(Edit::Delete),
        4 => (0..2_u8, prop::bool::weighted(0.7))
            .prop_map(|(emoji, add)| Edit::React { emoji: format!("\"{emoji}\\ 👍"), add }),
    ]
}

fn member_step() -> impl Strategy<Value = MemberStep> {
    let role = || prop::sample::select(MemberRole::ALL);
    let enter = (role(), prop::option::of(1..4_usize), any::<bool>(), any::<bool>());
    prop_oneof![
        6 => enter.prop_map(|(role, most, from_now, readmit)| MemberStep::Enter { role, most, from_now, readmit }),
        2 => role().prop_map(MemberStep::SetRole),
        3 => prop::option::of(0..USERS).prop_map(MemberStep::Leave),
        2 => Just(MemberStep::Remove),
        1 => Just(MemberStep::Delete),
    ]
}

fn people() -> impl Strategy<Value = Step> {
    let change = (0..IDS, 0..CONVERSATIONS, 0..USERS, any::<bool>(), 0..4_u64, edit());
    prop_oneof![
        3 => change.prop_map(|(message, conversation, by, moderates, visible_after, edit)| {
            Step::Change { message, conversation, by, moderates, visible_after, edit }
        }),
        3 => (0..CONVERSATIONS, 0..USERS, member_step())
            .prop_map(|(conversation, user, step)| Step::Membership { conversation, user, step }),
        2 => (0..CONVERSATIONS, 0..USERS, 0..9_u64, 0..9_u64)
            .prop_map(|(conversation, user, delivered, read)| Step::Receipt { conversation, user, delivered, read }),
    ]
}

/// Calls of a few writes each.
fn calls() -> impl Strategy<Value = Vec<Vec<Step>>> {
    prop::collection::vec(prop::collection::vec(prop_oneof![3 => step(), 2 => people()], 1..6), 1..12)
}

struct Ids {
    users: Vec<UserId>,
    node: Uuid,
    conversations: Vec<ConversationId>,
    /// Of messages and of turns.
    messages: Vec<MessageId>,
}

impl Ids {
    fn new() -> Self {
        Self {
            users: (0..USERS).map(|_| UserId::new()).collect(),
            node: Uuid::new_v4(),
            conversations: (0..CONVERSATIONS).map(|_| ConversationId::new()).collect(),
            messages: (0..IDS).map(|_| MessageId::new()).collect(),
        }
    }

    fn write(&self, step: &Step, time: i64) -> Write {
        match *step {
            Step::Message { id, conversation, fingerprint, creates, author, turn } => {
                let author = if author { Author::User(self.users[0]) } else { Author::Assistant };
                let message = self.message(id, conversation, author, time);
                let turn = turn.map(|turn| self.turn(turn, conversation, id));
                let fingerprint =
                    fingerprint.map(|name| Fingerprint::of(self.users[0], &name.to_string(), ""));
                let creates = creates.then(|| format!("title {time}"));
                Write::Message(Box::new(NewMessage { message, fingerprint, creates, turn }))
            }
            Step::Open { turn, conversation, answers } => {
                Write::TurnOpen(self.turn(turn, conversation, answers))
            }
            Step::Checkpoint { turn, text } => Write::TurnCheckpoint(Checkpoint {
                turn: self.messages[turn],
                content: text.map(|text| text.to_string()),
                lease_until: at(time),
            }),
            Step::End { turn, conversation, from_checkpoint } => {
                let mut message = self.message(turn, conversation, Author::Assistant, time);
                message.reply = Some(Reply {
                    in_reply_to: self.messages[0],
                    status: TurnStatus::Complete,
                    model: None,
                    usage: Usage::default(),
                    cost: None,
                    elapsed: Duration::from_millis(time.unsigned_abs()),
                    backend: Some(format!("backend {time}")),
                    confidence: Confidence::new(0.5),
                });
                Write::TurnEnd(Box::new(TurnEnd { message, from_checkpoint }))
            }
            Step::Change { message, conversation, by, moderates, visible_after, ref edit } => {
                Write::Change(Box::new(MessageChange {
                    conversation: self.conversations[conversation],
                    message: self.messages[message],
                    by: self.users[by],
                    moderates,
                    visible_after,
                    at: at(time),
                    edit: edit.clone(),
                }))
            }
            Step::Membership { conversation, user, ref step } => Write::Membership(MembershipChange {
                conversation: self.conversations[conversation],
                user: self.users[user],
                at: at(time),
                step: self.member_step(step),
                entry: None,
            }),
            Step::Receipt { conversation, user, delivered, read } => Write::Receipt(Receipt {
                conversation: self.conversations[conversation],
                user: self.users[user],
                delivered,
                read,
            }),
        }
    }

    fn member_step(&self, step: &MemberStep) -> MembershipStep {
        match *step {
            MemberStep::Enter { role, most, from_now, readmit } => {
                MembershipStep::Enter { role, most, from_now, readmit }
            }
            MemberStep::SetRole(role) => MembershipStep::SetRole(role),
            MemberStep::Leave(heir) => MembershipStep::Leave { heir: heir.map(|heir| self.users[heir]) },
            MemberStep::Remove => MembershipStep::Remove,
            MemberStep::Delete => MembershipStep::Delete,
        }
    }

    fn message(&self, id: usize, conversation: usize, author: Author, time: i64) -> Message {
        Message {
            id: self.messages[id],
            conversation: self.conversations[conversation],
            seq: 0,
            changed_seq: 0,
            author,
            author_name: None,
            kind: "user".to_owned(),
            content: format!("text {time}"),
            content_type: (time % 2 == 0).then(|| "text/markdown".into()),
            client_id: None,
            created_at: at(time),
            edited_at: None,
            deleted_at: None,
            reactions: Vec::new(),
            reply: None,
            attached: None,
            metadata: None,
        }
    }

    fn turn(&self, turn: usize, conversation: usize, answers: usize) -> NewTurn {
        NewTurn {
            id: self.messages[turn],
            conversation: self.conversations[conversation],
            in_reply_to: self.messages[answers],
            node: self.node,
            lease_until: at(0),
        }
    }
}

async fn both_agree(real: &dyn Store, calls: &[Vec<Step>]) -> Result<(), TestCaseError> {
    let (model, ids) = (MemoryStore::new(), Ids::new());
    for store in [&model as &dyn Store, real] {
        for id in &ids.conversations[..2] {
            store.conversation_create(*id, ids.users[0], "A title", at(0)).await.unwrap();
        }
    }
    let mut time = 0;
    for call in calls {
        let mut writes = Vec::new();
        for step in call {
            time += 1;
            writes.push(ids.write(step, time));
        }
        prop_assert_eq!(model.write(writes.clone()).await.unwrap(), real.write(writes).await.unwrap());
    }
    for id in &ids.conversations {
        let records = (model.conversation_get(*id).await.unwrap(), real.conversation_get(*id).await.unwrap());
        prop_assert_eq!(records.0, records.1);
        let logs = (model.log_before(*id, None, 1_000).await, real.log_before(*id, None, 1_000).await);
        prop_assert_eq!(logs.0.unwrap(), logs.1.unwrap());
        for (after, through, limit) in [(0, 9, 4), (1, 3, 9), (2, u64::MAX, 3), (3, 9, 9), (5, 8, 1)] {
            let pages = (
                model.log_after(*id, after, through, limit).await,
                real.log_after(*id, after, through, limit).await,
            );
            prop_assert_eq!(pages.0.unwrap(), pages.1.unwrap());
        }
        let members = (model.member_list(*id, None, 9).await, real.member_list(*id, None, 9).await);
        prop_assert_eq!(members.0.unwrap(), members.1.unwrap());
    }
    for user in &ids.users {
        let missing = (model.unsynced_list(*user, 9).await, real.unsynced_list(*user, 9).await);
        prop_assert_eq!(missing.0.unwrap(), missing.1.unwrap());
    }
    let mine = |orphans: Vec<parlor_domain::ports::OrphanTurn>| -> Vec<_> {
        orphans.into_iter().filter(|orphan| ids.conversations.contains(&orphan.conversation)).collect()
    };
    let late = at(1_000_000);
    let live = (model.turns_orphaned(ids.node, late).await, real.turns_orphaned(ids.node, late).await);
    prop_assert_eq!(mine(live.0.unwrap()), mine(live.1.unwrap()));
    // The next case uses the same database, so that no turn may stay live.
    for turn in &ids.messages {
        for conversation in 0..CONVERSATIONS {
            let place = ids.messages.iter().position(|id| id == turn).unwrap();
            let end = Step::End { turn: place, conversation, from_checkpoint: false };
            real.write(vec![ids.write(&end, time)]).await.unwrap();
        }
    }
    Ok(())
}

fn check(store: &Arc<dyn Store>, cases: u32) {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let result =
            TestRunner::new(config).run(&calls(), |calls| runtime.block_on(both_agree(&**store, &calls)));
        result.unwrap();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_does_as_the_model_does() {
    let subject = Subject::sqlite().await;
    check(&subject.store, 150);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_does_as_the_model_does() {
    let _ = Server::shared();
    let subject = Subject::postgres().await;
    check(&subject.store, 100);
}
