//! Who answers: what a request names, by the one rule of all dialects.
//!
//! What stands where a model is named may be an assistant's id or name; else it is a model's. An id of nobody is no model
//! either. Where nothing is named, a message's `@name` calls an assistant, and a room may have one.

use crate::check;
use crate::hub::Shared;
use crate::message::KIND_USER;
use crate::ports::Assistant;
use crate::{AssistantId, ConversationId, ErrorCode, Refusal, UserId};
use std::sync::Arc;

/// Who answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chosen {
    pub(crate) assistant: Option<Arc<Assistant>>,
    pub(crate) model: Option<String>,
}

impl Chosen {
    /// The temperature: what the request says goes before what the assistant says.
    pub(crate) fn temperature(&self, wanted: Option<f64>) -> Option<f64> {
        wanted.or_else(|| self.assistant.as_ref()?.temperature)
    }

    /// The maximum of tokens: the lower of what the request and the assistant say.
    pub(crate) fn max_tokens(&self, wanted: Option<u32>) -> Option<u32> {
        let of_assistant = self.assistant.as_ref().and_then(|assistant| assistant.max_tokens);
        wanted.into_iter().chain(of_assistant).min()
    }
}

impl From<Arc<Assistant>> for Chosen {
    fn from(assistant: Arc<Assistant>) -> Self {
        Self { model: assistant.model.clone(), assistant: Some(assistant) }
    }
}

impl Shared {
    /// Every assistant that a user may call: their own, by name, then the server's.
    pub(crate) async fn assistants_of(&self, user: UserId) -> Result<Vec<Arc<Assistant>>, Refusal> {
        let mut all = self.assistants_owned(Some(user)).await?.to_vec();
        all.extend(self.assistants_owned(None).await?.iter().cloned());
        Ok(all)
    }

    async fn assistants_owned(&self, owner: Option<UserId>) -> Result<super::cache::List, Refusal> {
        let now = self.clock.monotonic();
        let ticket = match self.assistants.lists.get(&owner, now) {
            Ok(known) => return Ok(known),
            Err(ticket) => ticket,
        };
        let read = self.store.assistant_list(owner).await.map_err(|error| Refusal::internal(&error))?;
        let list: super::cache::List = read.into_iter().map(Arc::new).collect();
        self.assistants.lists.put(owner, Arc::clone(&list), ticket, now);
        Ok(list)
    }

    /// The assistant of a room.
    pub(crate) async fn assistant_of_room(
        &self,
        room: ConversationId,
    ) -> Result<Option<Arc<Assistant>>, Refusal> {
        let now = self.clock.monotonic();
        let ticket = match self.assistants.rooms.get(&room, now) {
            Ok(known) => return Ok(known),
            Err(ticket) => ticket,
        };
        let read = self.store.room_assistant(room).await.map_err(|error| Refusal::internal(&error))?;
        let assistant = read.map(Arc::new);
        self.assistants.rooms.put(room, assistant.clone(), ticket, now);
        Ok(assistant)
    }

    /// The assistant that a user may call by this id or name. Their own one hides the server's of the same name.
    pub(crate) async fn assistant_named(
        &self,
        user: UserId,
        name: &str,
    ) -> Result<Option<Arc<Assistant>>, Refusal> {
        let id = name.parse::<AssistantId>().ok();
        if id.is_none() && !check::is_assistant_name(name) {
            return Ok(None);
        }
        let all = self.assistants_of(user).await?;
        let fits = |assistant: &&Arc<Assistant>| id.map_or(assistant.name == name, |id| assistant.id == id);
        Ok(all.iter().find(fits).cloned())
    }

    /// Who answers a request of `user` that names `model`, in `room` where it is one. Errors: `MODEL_NOT_FOUND` for an id
    /// of nobody that they may call; `INTERNAL`.
    pub(crate) async fn choose(
        &self,
        user: UserId,
        model: Option<&str>,
        room: Option<ConversationId>,
    ) -> Result<Chosen, Refusal> {
        let Some(name) = model else {
            let of_room = match room {
                Some(room) => self.assistant_of_room(room).await?,
                None => None,
            };
            return Ok(of_room.map(Chosen::from).unwrap_or_default());
        };
        if let Some(assistant) = self.assistant_named(user, name).await? {
            return Ok(assistant.into());
        }
        let Ok(id) = name.parse::<AssistantId>() else {
            return Ok(Chosen { assistant: None, model: Some(name.to_owned()) });
        };
        // A member may not call the owner's own assistants, but for the one that the owner has set in the room.
        let of_room = match room {
            Some(room) => self.assistant_of_room(room).await?.filter(|assistant| assistant.id == id),
            None => None,
        };
        let unknown = || Refusal::new(ErrorCode::ModelNotFound, "there is no such assistant");
        of_room.map(Chosen::from).ok_or_else(unknown)
    }

    /// The assistant that a message calls by `@name`, where it asks for a reply.
    pub(crate) async fn mentioned(
        &self,
        user: UserId,
        kind: &str,
        content: &str,
        room: Option<ConversationId>,
    ) -> Result<Option<AssistantId>, Refusal> {
        if kind != KIND_USER || !content.contains('@') {
            return Ok(None);
        }
        let mut all = self.assistants_of(user).await?;
        if let Some(room) = room {
            all.extend(self.assistant_of_room(room).await?);
        }
        let called = check::mentions(content)
            .find_map(|name| all.iter().find(|assistant| assistant.name.eq_ignore_ascii_case(name)));
        Ok(called.map(|assistant| assistant.id))
    }
}
