//! Assistants: who may make and change them, and who may call them. What one says is made like every reply.
//!
//! The server's are for everybody, and admins make them. A user's own are for that user alone, unless they are set in a room
//! that the user owns: then its members have them answer there.

mod cache;
mod choice;

pub(crate) use cache::Assistants;
pub(crate) use choice::Chosen;

use crate::audit::Doer;
use crate::caller::Caller;
use crate::check;
use crate::hub::{Hub, Shared};
use crate::ports::{Assistant, AssistantSaved, AuditAction, Role};
use crate::room::MemberRole;
use crate::{AssistantId, ErrorCode, Refusal, RoomId, UserId};
use std::sync::Arc;

/// How many the server has at most.
const MOST_OF_SERVER: usize = 1_000;
/// How many a user has at most.
const MOST_OF_USER: usize = 100;

/// An assistant that is wanted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AssistantDraft {
    /// What it is called where a model is named.
    pub name: String,
    /// What people see; none is its name.
    pub display_name: Option<String>,
    /// The model that answers; none leaves it to the server.
    pub model: Option<String>,
    /// Its instructions, a template; empty for none.
    pub prompt: String,
    /// How freely the model chooses its words, 0 to 2.
    pub temperature: Option<f64>,
    /// How many tokens its replies may have.
    pub max_tokens: Option<u32>,
    /// Whether it is the server's: for everybody.
    pub for_everybody: bool,
}

/// What is to be changed of an assistant. What is none stays; where there are two, `Some(None)` takes the value away.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AssistantChange {
    /// Its name.
    pub name: Option<String>,
    /// What people see.
    pub display_name: Option<String>,
    /// The model.
    pub model: Option<Option<String>>,
    /// The instructions.
    pub prompt: Option<String>,
    /// How freely the model chooses its words.
    pub temperature: Option<Option<f64>>,
    /// How many tokens its replies may have.
    pub max_tokens: Option<Option<u32>>,
}

/// An assistant as somebody finds it.
#[derive(Debug, Clone, PartialEq)]
pub struct AssistantEntry {
    /// The assistant; its `prompt` is empty for who may not change it.
    pub assistant: Assistant,
    /// Whether they may change it, and see its instructions.
    pub editable: bool,
}

impl Hub {
    /// The assistants that the caller may call, by name: their own before the server's.
    pub async fn assistant_list(&self, caller: &Caller) -> Result<Vec<AssistantEntry>, Refusal> {
        let visible = self.0.assistants_of(caller.identity.user).await?;
        Ok(visible.iter().map(|assistant| entry(caller, assistant)).collect())
    }

    /// The names by which the caller may call them: of several with one name, the one that it calls.
    pub async fn assistant_names(&self, caller: &Caller) -> Result<Vec<String>, Refusal> {
        let mut names: Vec<String> = Vec::new();
        for assistant in self.0.assistants_of(caller.identity.user).await? {
            if !names.contains(&assistant.name) {
                names.push(assistant.name.clone());
            }
        }
        Ok(names)
    }

    /// One of them. Error: `NOT_FOUND`, also where it is somebody else's.
    pub async fn assistant_get(&self, caller: &Caller, id: AssistantId) -> Result<AssistantEntry, Refusal> {
        Ok(entry(caller, &*self.visible(caller, id).await?))
    }

    /// Makes one. Errors: `INVALID_REQUEST` (also for a template that is none, by its line), `FORBIDDEN` for who may not,
    /// `CONFLICT` where the name is taken or there are too many.
    pub async fn assistant_create(
        &self,
        caller: &Caller,
        draft: AssistantDraft,
    ) -> Result<AssistantEntry, Refusal> {
        let owner = if draft.for_everybody { None } else { Some(caller.identity.user) };
        let now = self.now();
        let assistant = Assistant {
            id: AssistantId::new(),
            owner,
            display_name: draft.display_name.unwrap_or_else(|| draft.name.clone()),
            name: draft.name,
            model: draft.model,
            prompt: draft.prompt,
            temperature: draft.temperature,
            max_tokens: draft.max_tokens,
            created_at: now,
            updated_at: now,
        };
        let made = self.create(caller, assistant).await;
        self.told(caller, owner, AuditAction::AssistantCreate, made).await
    }

    async fn create(&self, caller: &Caller, assistant: Assistant) -> Result<Assistant, Refusal> {
        may_change(caller, assistant.owner)?;
        if assistant.owner.is_some() && !self.0.settings.own_assistants && caller.identity.role != Role::Admin
        {
            return Err(Refusal::new(ErrorCode::Forbidden, "this server has no assistants of users' own"));
        }
        self.fits(&assistant)?;
        let most = if assistant.owner.is_some() { MOST_OF_USER } else { MOST_OF_SERVER };
        let saved = self.0.store.assistant_create(assistant.clone(), most).await;
        done(saved.map_err(|error| Refusal::internal(&error))?)?;
        Ok(assistant)
    }

    /// Changes one. Errors: as of [`Hub::assistant_create`], and `NOT_FOUND`, also where it is somebody else's.
    pub async fn assistant_update(
        &self,
        caller: &Caller,
        id: AssistantId,
        change: AssistantChange,
    ) -> Result<AssistantEntry, Refusal> {
        let before = self.visible(caller, id).await?;
        let owner = before.owner;
        let changed = self.update(caller, Arc::unwrap_or_clone(before), change).await;
        self.told(caller, owner, AuditAction::AssistantChange, changed).await
    }

    async fn update(
        &self,
        caller: &Caller,
        before: Assistant,
        change: AssistantChange,
    ) -> Result<Assistant, Refusal> {
        may_change(caller, before.owner)?;
        let changed = Assistant {
            name: change.name.unwrap_or(before.name),
            display_name: change.display_name.unwrap_or(before.display_name),
            model: change.model.unwrap_or(before.model),
            prompt: change.prompt.unwrap_or(before.prompt),
            temperature: change.temperature.unwrap_or(before.temperature),
            max_tokens: change.max_tokens.unwrap_or(before.max_tokens),
            updated_at: self.now(),
            ..before
        };
        self.fits(&changed)?;
        let saved = self.0.store.assistant_update(changed.clone()).await;
        done(saved.map_err(|error| Refusal::internal(&error))?)?;
        Ok(changed)
    }

    /// Removes one, also from the rooms that have it. Errors: `NOT_FOUND`, also where it is somebody else's; `FORBIDDEN`
    /// for who may only call it.
    pub async fn assistant_delete(&self, caller: &Caller, id: AssistantId) -> Result<(), Refusal> {
        let assistant = self.visible(caller, id).await?;
        let deleted = match may_change(caller, assistant.owner) {
            Ok(()) => self.0.store.assistant_delete(id).await.map_err(|error| Refusal::internal(&error)),
            Err(refusal) => Err(refusal),
        };
        let assistant = Arc::unwrap_or_clone(assistant);
        let owner = assistant.owner;
        let deleted = deleted.map(|_| assistant);
        self.told(caller, owner, AuditAction::AssistantDelete, deleted).await.map(drop)
    }

    /// The assistant of a room, for its members. Error: `ROOM_NOT_FOUND`, also for who is none.
    pub async fn room_assistant(
        &self,
        caller: &Caller,
        room: &RoomId,
    ) -> Result<Option<AssistantEntry>, Refusal> {
        let conversation = self.0.room_find(room).await?;
        let access = self.0.access(conversation, caller.identity.user).await;
        access.map_err(|refusal| refusal.about(true))?;
        let assistant = self.0.assistant_of_room(conversation).await?;
        Ok(assistant.map(|assistant| entry(caller, &assistant)))
    }

    /// Says which assistant answers in a room where a message names nobody; none: none does. Errors: `ROOM_NOT_FOUND`, also
    /// for who is no member; `FORBIDDEN` for who does not own it; `MODEL_NOT_FOUND` where there is no such assistant that
    /// the owner may call.
    pub async fn room_assistant_set(
        &self,
        caller: &Caller,
        room: &RoomId,
        name: Option<&str>,
    ) -> Result<Option<AssistantEntry>, Refusal> {
        let user = caller.identity.user;
        let conversation = self.0.room_find(room).await?;
        let look = self.0.look(conversation, user).await.map_err(|refusal| refusal.about(true))?;
        if look.role != MemberRole::Owner {
            return Err(Refusal::new(ErrorCode::Forbidden, "the room's owner chooses its assistant"));
        }
        let assistant = match name {
            Some(name) => Some(self.0.assistant_of_owner(user, name).await?),
            None => None,
        };
        let id = assistant.as_ref().map(|it| it.id);
        let set = self.0.store.room_assistant_set(conversation, id).await;
        self.0.assistants.forget_room(conversation);
        if !set.map_err(|error| Refusal::internal(&error))? {
            return Err(no_assistant());
        }
        Ok(assistant.map(|assistant| entry(caller, &assistant)))
    }

    async fn visible(&self, caller: &Caller, id: AssistantId) -> Result<Arc<Assistant>, Refusal> {
        let visible = self.0.assistants_of(caller.identity.user).await?;
        let found = visible.iter().find(|assistant| assistant.id == id);
        found.cloned().ok_or(Refusal::new(ErrorCode::NotFound, "there is no such assistant"))
    }

    /// Whether the caller may change an assistant, and see and change what is attached to it. Errors: `NOT_FOUND`, also where
    /// it is somebody else's; `FORBIDDEN` for who may only call it.
    pub(crate) async fn assistant_right(&self, caller: &Caller, id: AssistantId) -> Result<(), Refusal> {
        may_change(caller, self.visible(caller, id).await?.owner)
    }

    fn fits(&self, assistant: &Assistant) -> Result<(), Refusal> {
        check::assistant(assistant)?;
        self.0.prompts.check(&assistant.prompt).map_err(|error| {
            Refusal::new(ErrorCode::InvalidRequest, format!("the system prompt is no template: {error}"))
        })
    }

    /// What an owner's change has brought: it is known here at once, and where it is the server's it is written down.
    async fn told(
        &self,
        caller: &Caller,
        owner: Option<UserId>,
        action: AuditAction,
        outcome: Result<Assistant, Refusal>,
    ) -> Result<AssistantEntry, Refusal> {
        self.0.assistants.forget(owner);
        if owner.is_some() {
            return outcome.map(|assistant| entry(caller, &assistant));
        }
        let subject = outcome.as_ref().ok().map(|assistant| format!("{} {}", assistant.id, assistant.name));
        let outcome = self.0.audited(Doer::from(caller), action, subject, outcome).await?;
        Ok(entry(caller, &outcome))
    }
}

impl Shared {
    /// The assistant that the owner of a room sets in it. Error: `MODEL_NOT_FOUND` where there is none that they may call.
    pub(crate) async fn assistant_of_owner(
        &self,
        owner: UserId,
        name: &str,
    ) -> Result<Arc<Assistant>, Refusal> {
        self.assistant_named(owner, name).await?.ok_or_else(no_assistant)
    }

    /// What an assistant's instructions become. Error: `INVALID_REQUEST`, by the line in which it fails.
    pub(crate) fn instructions_of(
        &self,
        assistant: &Assistant,
        facts: &crate::ports::PromptFacts,
    ) -> Result<String, Refusal> {
        if assistant.prompt.is_empty() {
            return Ok(String::new());
        }
        self.prompts.render(&assistant.prompt, facts).map_err(|error| {
            tracing::warn!(assistant = %assistant.id, %error, "an assistant's template failed");
            let words = format!("the template of the assistant {:?} failed: {error}", assistant.name);
            Refusal::new(ErrorCode::InvalidRequest, words)
        })
    }
}

fn no_assistant() -> Refusal {
    Refusal::new(ErrorCode::ModelNotFound, "there is no such assistant")
}

fn entry(caller: &Caller, assistant: &Assistant) -> AssistantEntry {
    let editable = may_change(caller, assistant.owner).is_ok();
    let mut assistant = assistant.clone();
    if !editable {
        assistant.prompt.clear();
    }
    AssistantEntry { assistant, editable }
}

fn may_change(caller: &Caller, owner: Option<UserId>) -> Result<(), Refusal> {
    let may = match owner {
        None => caller.identity.role == Role::Admin,
        Some(owner) => owner == caller.identity.user,
    };
    may.then_some(())
        .ok_or(Refusal::new(ErrorCode::Forbidden, "only an admin changes the server's assistants"))
}

fn done(saved: AssistantSaved) -> Result<(), Refusal> {
    match saved {
        AssistantSaved::Saved => Ok(()),
        AssistantSaved::NameTaken => Err(Refusal::new(ErrorCode::Conflict, "the assistant's name is taken")),
        AssistantSaved::TooMany => Err(Refusal::new(ErrorCode::Conflict, "there are too many assistants")),
        AssistantSaved::Gone => Err(Refusal::new(ErrorCode::NotFound, "there is no such assistant")),
    }
}
