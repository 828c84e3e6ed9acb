//! What makes vectors of texts, so that texts which mean something alike are found by one another.

use super::BackendError;
use async_trait::async_trait;

/// What became of some texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// One vector a text, in the order of the texts, all of one length.
    pub vectors: Vec<Vec<f32>>,
    /// The model that made them.
    pub model: String,
    /// How many tokens the texts had together.
    pub tokens: u64,
}

impl Embedded {
    /// How long each vector is; 0 where there is none.
    pub fn dimensions(&self) -> usize {
        self.vectors.first().map_or(0, Vec::len)
    }
}

/// Something that makes vectors of texts: an API, or what is built in. Vectors of one model can be compared with each other
/// (by the cosine between them), and with no other's.
#[async_trait]
pub trait Embedder: Send + Sync + 'static {
    /// Its name in logs and in the books.
    fn name(&self) -> &str;

    /// The model of who names none, and that documents are found by.
    fn model(&self) -> &str;

    /// Whether it has this model.
    fn serves(&self, model: &str) -> bool {
        model == self.model()
    }

    /// Whether its tokens are somebody's bill: then they count in the books and against budgets.
    fn is_metered(&self) -> bool;

    /// From which cosine on two texts have something to do with each other, of vectors of [`model`](Self::model): each
    /// model has a scale of its own.
    fn relevance(&self) -> f32;

    /// The vectors of `texts`, by a model that it [serves](Self::serves). It keeps its own limits of time, and tries again
    /// by itself what failed in passing.
    async fn embed(&self, texts: &[String], model: &str) -> Result<Embedded, BackendError>;
}
