//! What a client wants beside what the domain knows: fields that are passed on as they were written.

use super::api::refusal;
use parlor_domain::ports::BackendError;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The fields of a JSON object. Their values are texts of JSON: the order of what is in them has a meaning to models.
pub(crate) type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// The fields of `text`. Error: it is no JSON object.
pub(crate) fn fields(text: &str) -> Result<Fields<'_>, BackendError> {
    serde_json::from_str(text).map_err(|_| refusal("extra fields that are no JSON object"))
}
