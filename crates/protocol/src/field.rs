//! Readers of single fields, for which a value of the wrong form is refused by the field's name.

/// A reader for each of these fields, for `#[serde(deserialize_with)]`.
macro_rules! named_fields {
    ($($name:ident: $type:ty),* $(,)?) => {
        $(pub(super) fn $name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
            <$type as serde::Deserialize>::deserialize(deserializer).map_err(|error| {
                serde::de::Error::custom(format_args!("`{}`: {error}", stringify!($name)))
            })
        })*
    };
}

pub(crate) use named_fields;
