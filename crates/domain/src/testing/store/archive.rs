//! Conversations at rest: every list is made anew of all that there is.

use super::MemoryStore;
use super::conversation::Conversation;
use super::log::Log;
use crate::message::{Author, Message, Seq};
use crate::ports::{
    AuditAction, AuditEntry, ConversationEntry, ConversationStore, Exchange, Found, FoundMessage, Page,
    Paged, StoreError,
};
use crate::room::MemberRole;
use crate::search::words;
use crate::{ConversationId, MessageId, Timestamp, UserId};
use async_trait::async_trait;
use std::cmp::Reverse;

/// How many of the messages that fit are looked at: the best ones.
const HITS: usize = 1_000;

#[async_trait]
impl ConversationStore for MemoryStore {
    async fn conversation_entry(
        &self,
        id: ConversationId,
        user: UserId,
    ) -> Result<Option<ConversationEntry>, StoreError> {
        self.with_log(|log| entry(log.conversations.get(&id)?, user))
    }

    async fn conversation_list(
        &self,
        user: UserId,
        deleted: bool,
        page: Page,
    ) -> Result<Paged<ConversationEntry>, StoreError> {
        self.with_log(|log| {
            let own = log.conversations.values().filter_map(|conversation| entry(conversation, user));
            let mut own: Vec<_> = own.filter(|entry| entry.deleted_at.is_some() == deleted).collect();
            own.sort_by_key(|entry| Reverse((entry.summary.updated_at, entry.summary.id)));
            paged(own, page)
        })
    }

    async fn conversation_search(
        &self,
        user: UserId,
        words: Vec<String>,
        page: Page,
    ) -> Result<Option<Paged<Found>>, StoreError> {
        self.with_log(|log| Some(paged(log.search(user, &words), page)))
    }

    async fn conversation_restore(
        &self,
        id: ConversationId,
        owner: UserId,
        now: Timestamp,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.with_inner(|inner| {
            let Some(conversation) = inner.log.conversations.get_mut(&id) else { return false };
            let role = conversation.member(owner).and_then(|one| one.role);
            let can = role == Some(MemberRole::Owner)
                && conversation.deleted_at.is_some()
                && conversation.room.is_none();
            if can {
                (conversation.deleted_at, conversation.updated_at) = (None, now);
                inner.people.audit(vec![audit]);
            }
            can
        })
    }

    async fn conversation_purge(
        &self,
        before: Timestamp,
        limit: usize,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.with_inner(|inner| {
            let log = &mut inner.log;
            let due = |one: &Conversation| one.deleted_at.filter(|deleted_at| *deleted_at < before);
            let due = log.conversations.iter().filter_map(|(id, one)| Some((due(one)?, *id)));
            let mut due: Vec<_> = due.collect();
            due.sort_unstable();
            due.truncate(limit);
            let entry = |id: &ConversationId| AuditEntry {
                subject: Some(id.to_string()),
                ..AuditEntry::new(AuditAction::ConversationPurge, now)
            };
            for (_, id) in &due {
                log.forget(*id);
                inner.people.audit(vec![entry(id)]);
                inner.files.forget_conversation(*id);
            }
            due.len()
        })
    }

    async fn exchange_list(
        &self,
        conversation: ConversationId,
        after: Seq,
        page: Page,
    ) -> Result<Paged<Exchange>, StoreError> {
        self.with_log(|log| {
            let Some(conversation) = log.conversation(conversation) else { return paged(Vec::new(), page) };
            let later = conversation.messages.iter().filter(|message| message.seq > after);
            let asked = later.filter(|message| matches!(message.author, Author::User(_)));
            let exchange = |message: &Message| Exchange {
                message: conversation.whole(message),
                reply: conversation.reply_to(message.id),
            };
            paged(asked.map(exchange).collect(), page)
        })
    }

    async fn message_page(
        &self,
        conversation: ConversationId,
        after: Seq,
        page: Page,
    ) -> Result<Paged<Message>, StoreError> {
        self.with_log(|log| {
            let Some(conversation) = log.conversation(conversation) else { return paged(Vec::new(), page) };
            paged(conversation.messages.iter().filter(|it| it.seq > after).cloned().collect(), page)
        })
    }

    async fn log_export(
        &self,
        conversation: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        self.with_log(|log| {
            let Some(conversation) = log.conversation(conversation) else { return Vec::new() };
            let later = conversation.messages.iter().filter(|message| message.seq > after);
            later.take(limit).map(|message| conversation.whole(message)).collect()
        })
    }

    async fn reply_to(
        &self,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<Option<Message>, StoreError> {
        self.with_log(|log| log.conversation(conversation)?.reply_to(message))
    }
}

/// The conversation as `user` finds it; none where they do not take part, and for rooms.
fn entry(conversation: &Conversation, user: UserId) -> Option<ConversationEntry> {
    let person = conversation.member(user).filter(|_| conversation.room.is_none())?;
    Some(ConversationEntry {
        summary: conversation.summary(),
        created_at: conversation.created_at,
        deleted_at: conversation.deleted_at,
        role: person.role?,
        visible_after: person.visible_after,
    })
}

pub(super) fn paged<T>(all: Vec<T>, page: Page) -> Paged<T> {
    let total = all.len() as u64;
    let offset = usize::try_from(page.offset).unwrap_or(usize::MAX);
    Paged { items: all.into_iter().skip(offset).take(page.limit).collect(), total }
}

/// How well a text fits: not at all where a word is missing, else better the more of it was asked for.
fn rank(text: &str, asked: &[String]) -> Option<f64> {
    let text: Vec<String> = words(text).collect();
    let begins = |asked: &String| text.iter().filter(|word| word.starts_with(asked.as_str())).count();
    let counts: Vec<usize> = asked.iter().map(begins).collect();
    let fits = !asked.is_empty() && counts.iter().all(|count| *count > 0);
    #[expect(clippy::cast_precision_loss, reason = "texts have fewer words")]
    fits.then(|| counts.iter().sum::<usize>() as f64 / text.len() as f64)
}

impl Log {
    fn search(&self, user: UserId, asked: &[String]) -> Vec<Found> {
        let mut hits: Vec<(f64, ConversationEntry, Option<&Message>)> = Vec::new();
        for conversation in self.conversations.values() {
            let entry = entry(conversation, user).filter(|entry| entry.deleted_at.is_none());
            let Some(entry) = entry else { continue };
            let visible = conversation.messages.iter().filter(|message| message.seq > entry.visible_after);
            let fits = visible.filter_map(|message| Some((rank(&message.content, asked)?, Some(message))));
            let title = rank(&entry.summary.title, asked).map(|rank| (rank, None));
            hits.extend(fits.chain(title).map(|(rank, message)| (rank, entry.clone(), message)));
        }
        let newest = |entry: &ConversationEntry| (entry.summary.updated_at, entry.summary.id);
        hits.sort_by(|(one_rank, one, one_message), (other_rank, other, other_message)| {
            let seq = |message: Option<&Message>| message.map_or(0, |message| message.seq);
            let by_rank = other_rank.total_cmp(one_rank);
            let by_age = newest(other).cmp(&newest(one));
            by_rank.then(by_age).then(seq(*other_message).cmp(&seq(*one_message)))
        });
        hits.truncate(HITS);
        by_conversation(hits)
    }
}

/// The hits by conversation, in the order of the best hit of each.
fn by_conversation(hits: Vec<(f64, ConversationEntry, Option<&Message>)>) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for (_, entry, message) in hits {
        let known = all.iter().position(|found| found.entry.summary.id == entry.summary.id);
        let place = known.unwrap_or(all.len());
        if known.is_none() {
            all.push(Found { entry, messages: Vec::new() });
        }
        let messages = &mut all[place].messages;
        let found = |it: &Message| FoundMessage { id: it.id, seq: it.seq, content: it.content.clone() };
        messages.extend(message.filter(|_| messages.len() < Found::MESSAGES).map(found));
    }
    all
}
