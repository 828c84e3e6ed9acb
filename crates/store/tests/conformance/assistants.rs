//! Assistants, and the rooms that have one.

use crate::people::{ANN, user};
use crate::subject::{Subject, suite};
use crate::write::at;
use parlor_domain::ports::{Assistant, AssistantSaved, NewRoom};
use parlor_domain::room::{Room, RoomKind};
use parlor_domain::{AssistantId, ConversationId, UserId};

pub fn assistant(owner: Option<UserId>, name: &str) -> Assistant {
    Assistant {
        id: AssistantId::new(),
        owner,
        name: name.to_owned(),
        display_name: format!("The {name} 🛋"),
        model: Some("m-1".to_owned()),
        prompt: "You are {{ 'ünïcödé' }}.\n".to_owned(),
        temperature: Some(0.1 + 0.2),
        max_tokens: Some(u32::MAX),
        created_at: at(1),
        updated_at: at(1),
    }
}

async fn make(subject: &Subject, new: &Assistant) -> AssistantSaved {
    subject.store.assistant_create(new.clone(), 3).await.unwrap()
}

async fn an_assistant_is_kept_as_it_was_made(subject: &Subject) {
    let ann = user(subject, ANN).await.id;
    let of_ann = assistant(Some(ann), "b");
    let plain = Assistant {
        model: None,
        prompt: String::new(),
        temperature: None,
        max_tokens: None,
        ..assistant(Some(ann), "a.b_c-9")
    };
    let of_server = assistant(None, "b");
    for new in [&of_ann, &plain, &of_server] {
        assert_eq!(make(subject, new).await, AssistantSaved::Saved);
    }
    assert_eq!(subject.store.assistant_list(Some(ann)).await.unwrap(), [plain, of_ann], "by name");
    assert_eq!(subject.store.assistant_list(None).await.unwrap(), [of_server]);
    assert_eq!(subject.store.assistant_list(Some(UserId::new())).await.unwrap(), []);
}

async fn a_name_is_one_of_its_owners(subject: &Subject) {
    let ann = user(subject, ANN).await.id;
    let (first, other) = (assistant(Some(ann), "a"), assistant(Some(ann), "b"));
    assert_eq!(make(subject, &first).await, AssistantSaved::Saved);
    assert_eq!(make(subject, &assistant(Some(ann), "a")).await, AssistantSaved::NameTaken);
    assert_eq!(make(subject, &other).await, AssistantSaved::Saved);
    let renamed = Assistant { name: "a".to_owned(), ..other.clone() };
    assert_eq!(subject.store.assistant_update(renamed).await.unwrap(), AssistantSaved::NameTaken);
    assert_eq!(make(subject, &assistant(Some(ann), "c")).await, AssistantSaved::Saved);
    assert_eq!(make(subject, &assistant(Some(ann), "d")).await, AssistantSaved::TooMany);
    assert_eq!(make(subject, &assistant(None, "a")).await, AssistantSaved::Saved, "another owner's");
}

async fn a_change_keeps_the_owner_and_the_day(subject: &Subject) {
    let ann = user(subject, ANN).await.id;
    let first = assistant(Some(ann), "a");
    make(subject, &first).await;
    let changed = Assistant {
        owner: None,
        name: "z".to_owned(),
        display_name: "Z".to_owned(),
        model: None,
        prompt: "new".to_owned(),
        temperature: None,
        max_tokens: Some(1),
        created_at: at(9),
        updated_at: at(9),
        ..first.clone()
    };
    assert_eq!(subject.store.assistant_update(changed.clone()).await.unwrap(), AssistantSaved::Saved);
    let expect = Assistant { owner: Some(ann), created_at: at(1), ..changed.clone() };
    assert_eq!(subject.store.assistant_list(Some(ann)).await.unwrap(), [expect]);
    assert_eq!(subject.store.assistant_list(None).await.unwrap(), []);
    let gone = Assistant { id: AssistantId::new(), ..changed };
    assert_eq!(subject.store.assistant_update(gone).await.unwrap(), AssistantSaved::Gone);
}

async fn a_room_has_an_assistant_until_that_is_removed(subject: &Subject) {
    let ann = user(subject, ANN).await.id;
    let (first, other) = (assistant(Some(ann), "a"), assistant(None, "b"));
    make(subject, &first).await;
    make(subject, &other).await;
    let conversation = ConversationId::new();
    let room = Room { id: "r".parse().unwrap(), kind: RoomKind::Group, ai_mode: None };
    let new = NewRoom { conversation, room, title: "r".to_owned(), owner: ann, assistant: None, at: at(1) };
    assert!(subject.store.room_create(new).await.unwrap());
    let set = async |id| subject.store.room_assistant_set(conversation, id).await.unwrap();
    let get = async || subject.store.room_assistant(conversation).await.unwrap();
    assert_eq!(get().await, None);
    assert!(set(Some(first.id)).await);
    assert_eq!(get().await, Some(first.clone()));
    assert!(!set(Some(AssistantId::new())).await, "there is no such assistant");
    assert_eq!(get().await, Some(first.clone()));
    assert!(set(Some(other.id)).await && set(None).await);
    assert_eq!(get().await, None);
    assert!(set(Some(first.id)).await);
    assert!(subject.store.assistant_delete(first.id).await.unwrap());
    assert!(!subject.store.assistant_delete(first.id).await.unwrap());
    assert_eq!(get().await, None);

    let conversation = ConversationId::new();
    let room = Room { id: "r2".parse().unwrap(), kind: RoomKind::Group, ai_mode: None };
    let assistant = Some(other.id);
    let new = NewRoom { conversation, room, title: "r".to_owned(), owner: ann, assistant, at: at(1) };
    assert!(subject.store.room_create(new.clone()).await.unwrap());
    assert_eq!(subject.store.room_assistant(conversation).await.unwrap(), Some(other));
    let again = NewRoom { conversation: ConversationId::new(), assistant: None, ..new };
    assert!(!subject.store.room_create(again).await.unwrap());
    assert!(subject.store.room_assistant(conversation).await.unwrap().is_some(), "made with it, and kept");
    assert!(!subject.store.room_assistant_set(ConversationId::new(), None).await.unwrap());
    assert_eq!(subject.store.room_assistant(ConversationId::new()).await.unwrap(), None);
}

suite! {
    an_assistant_is_kept_as_it_was_made
    a_name_is_one_of_its_owners
    a_change_keeps_the_owner_and_the_day
    a_room_has_an_assistant_until_that_is_removed
}
