//! How documents are kept and found.

use super::read::FromText;
use super::{Key, Problem, Values};

/// The settings of documents.
#[derive(Debug)]
pub(crate) struct Knowledge {
    /// The largest file, in bytes.
    pub(crate) max_file: usize,
    /// How many a user, a room or an assistant may have; none: no limit.
    pub(crate) documents: Option<u64>,
    /// How many passages a reply is made with at most.
    pub(crate) passages: usize,
    /// How much of a context they may take, in a hundred.
    pub(crate) share: usize,
    /// From which cosine on a passage has to do with a question; none leaves it to the model.
    pub(crate) relevance: Option<f32>,
}

impl Knowledge {
    pub(super) fn read(values: &Values) -> Result<Self, Problem> {
        Ok(Self {
            max_file: values.above_zero(Key::DocumentMaxSize)?,
            documents: values.limit(Key::DocumentsMax)?,
            passages: values.get(Key::KnowledgePassages)?,
            share: values.get(Key::KnowledgeShare).map(|Share(number)| number)?,
            relevance: values.find(Key::KnowledgeRelevance)?.map(|Cosine(number)| number),
        })
    }
}

/// From 1 to 90.
struct Share(usize);

impl FromText for Share {
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number| (1..=90).contains(number)).map(Self)
    }
}

/// From 0 to 1.
struct Cosine(f32);

impl FromText for Cosine {
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number| (0.0..=1.0).contains(number)).map(Self)
    }
}
