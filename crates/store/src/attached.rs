//! What is kept beside a message's text as one column: JSON,
//! `{"context":{…},"profile":{…},"raw_events":[…],"raw_omitted":0}` with nothing that is empty, or nothing at all. The
//! pieces stand in it as they came, byte for byte.

use crate::error::{Error, Result};
use parlor_domain::message::Attached;
use parlor_domain::ports::Extra;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Serialize, Deserialize)]
struct Column<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    context: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    profile: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    raw_events: Vec<&'a RawValue>,
    #[serde(default, skip_serializing_if = "is_zero")]
    raw_omitted: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A piece that is no JSON: none. It must not keep its message out of the log.
fn piece(text: &Extra) -> Option<&RawValue> {
    serde_json::from_str(text).ok()
}

/// A backend's events that are no JSON count as omitted.
pub(crate) fn to_column(attached: &Attached) -> Option<String> {
    let raw_events: Vec<&RawValue> = attached.raw_events.iter().filter_map(piece).collect();
    let broken = (attached.raw_events.len() - raw_events.len()) as u64;
    let column = Column {
        context: attached.context.as_ref().and_then(piece),
        profile: attached.profile.as_ref().and_then(piece),
        raw_events,
        raw_omitted: attached.raw_omitted.saturating_add(broken),
    };
    // Nothing in it can fail to be written.
    serde_json::to_string(&column).ok()
}

pub(crate) fn from_column(column: Option<&str>) -> Result<Option<Box<Attached>>> {
    let Some(text) = column else { return Ok(None) };
    let column: Column<'_> = serde_json::from_str(text).map_err(|_| Error::Corrupt("messages"))?;
    let extra = |piece: &RawValue| Extra::from(piece.get());
    Ok(Some(Box::new(Attached {
        context: column.context.map(extra),
        profile: column.profile.map(extra),
        raw_events: column.raw_events.into_iter().map(extra).collect(),
        raw_omitted: column.raw_omitted,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects what people export: what was attached comes back byte for byte, and what is no JSON costs no message.
    #[test]
    fn the_column_keeps_every_piece_as_it_came() {
        let check = |attached: &Attached, expected: &Attached| {
            let column = to_column(attached);
            assert_eq!(from_column(column.as_deref()).unwrap().as_deref(), Some(expected));
        };
        let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        let attached = Attached {
            context: Some(r#"{"b": 1.10, "a":"\u0000 é 🛋"}"#.into()),
            profile: Some("{}".into()),
            raw_events: vec![r#"{ "delta" : null }"#.into(), "12345678901234567890.0".into(), deep.into()],
            raw_omitted: 7,
        };
        check(&attached, &attached);
        check(&Attached::default(), &Attached::default());
        let broken = Attached {
            context: Some("{".into()),
            raw_events: vec!["1".into(), "data: {}".into(), "\0".into()],
            ..Attached::default()
        };
        let left = Attached { raw_events: vec!["1".into()], raw_omitted: 2, ..Attached::default() };
        check(&broken, &left);
        assert_eq!(from_column(None).unwrap(), None);
    }
}
