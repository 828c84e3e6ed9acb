//! What stands beside an exchange: what the client said of its request, the profile that went with it, and what the
//! backend sent.

use parlor_domain::message::Attached;
use parlor_protocol::Json;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

const PROFILE: &str = "user_profile";
const RAW_EVENTS: &str = "raw_events";
const RAW_OMITTED: &str = "raw_events_omitted";

/// One object of the fields of the client's context, `user_profile` and `raw_events`. Ours win over the client's.
#[derive(Default)]
pub(super) struct Context {
    /// What is kept of the request; none shows nothing of one.
    pub(super) asked: Option<Box<Attached>>,
    /// What is kept of the reply; none shows nothing of one.
    pub(super) replied: Option<Box<Attached>>,
}

impl Serialize for Context {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        if let Some(asked) = &self.asked {
            for (name, value) in client(asked) {
                fields.serialize_entry(&name, &value)?;
            }
            fields.serialize_entry(PROFILE, &Json::new(asked.profile.as_deref().unwrap_or("{}")))?;
        }
        if let Some(replied) = &self.replied {
            let events: Vec<_> = replied.raw_events.iter().map(|event| Json::new(&**event)).collect();
            fields.serialize_entry(RAW_EVENTS, &events)?;
            if replied.raw_omitted > 0 {
                fields.serialize_entry(RAW_OMITTED, &replied.raw_omitted)?;
            }
        }
        fields.end()
    }
}

/// What the client said: an object by its contract.
fn client(asked: &Attached) -> BTreeMap<String, Box<RawValue>> {
    let said = asked.context.as_deref().and_then(|context| serde_json::from_str(context).ok());
    let mut said: BTreeMap<String, Box<RawValue>> = said.unwrap_or_default();
    said.retain(|name, _| ![PROFILE, RAW_EVENTS, RAW_OMITTED].contains(&name.as_str()));
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects who reads a context from who wrote it: a client's fields pass to the letter, and not for ours.
    #[test]
    fn ours_stand_beside_the_clients() {
        let asked = Attached {
            context: Some(r#"{"goal":1.0,"raw_events":"mine","user_profile":{"role":"admin"}}"#.into()),
            profile: Some(r#"{"age":30}"#.into()),
            ..Attached::default()
        };
        let raw_events = vec![r#"{"z":1.0}"#.into(), "[DONE]".into()];
        let replied = Attached { raw_events, raw_omitted: 2, ..Attached::default() };
        let check = |asked: Option<Attached>, replied: Option<Attached>, expect: &str| {
            let context = Context { asked: asked.map(Box::new), replied: replied.map(Box::new) };
            assert_eq!(serde_json::to_string(&context).unwrap(), expect);
        };
        check(None, None, "{}");
        check(Some(Attached::default()), Some(Attached::default()), r#"{"user_profile":{},"raw_events":[]}"#);
        check(
            Some(asked),
            Some(replied),
            r#"{"goal":1.0,"user_profile":{"age":30},"raw_events":[{"z":1.0},"[DONE]"],"raw_events_omitted":2}"#,
        );
    }
}
