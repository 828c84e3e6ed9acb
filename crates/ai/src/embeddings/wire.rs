//! The bodies of `OpenAI`'s `/embeddings`.

use parlor_domain::ports::{BackendError, Embedded};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
pub(super) struct Request<'a> {
    pub(super) model: &'a str,
    pub(super) input: &'a [String],
    pub(super) encoding_format: &'static str,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Entry>,
    model: Option<String>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Entry {
    embedding: Vec<f32>,
    index: Option<usize>,
}

#[derive(Default, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    total_tokens: u64,
}

/// The longest vector that is taken.
const DIMENSIONS_MAX: usize = 8_192;

/// What a server said of `count` texts, whose vectors it gives in an order of its own. Error: it makes no sense, or there is
/// not one vector a text, each as long as the others and of numbers.
pub(super) fn read(body: &[u8], count: usize, model: &str) -> Result<Embedded, BackendError> {
    let malformed = |what: &str| BackendError::Malformed(what.to_owned());
    let answer: Answer = serde_json::from_slice(body).map_err(|_| malformed("no list of vectors"))?;
    let mut vectors = vec![Vec::new(); count];
    for (place, entry) in answer.data.into_iter().enumerate() {
        let slot = vectors.get_mut(entry.index.unwrap_or(place)).ok_or(malformed("a vector of no text"))?;
        *slot = entry.embedding;
    }
    let dimensions = vectors.first().map_or(0, Vec::len);
    let good = |vector: &Vec<f32>| vector.len() == dimensions && vector.iter().all(|it| it.is_finite());
    if !(1..=DIMENSIONS_MAX).contains(&dimensions) || !vectors.iter().all(good) {
        return Err(malformed("not one vector a text, all of one length"));
    }
    let usage = answer.usage.unwrap_or_default();
    let model = answer.model.filter(|it| !it.is_empty()).unwrap_or_else(|| model.to_owned());
    Ok(Embedded { vectors, model, tokens: usage.total_tokens.max(usage.prompt_tokens) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects every later comparison: vectors stand beside their own texts, and a list with a hole is none.
    #[test]
    fn one_vector_a_text_in_its_place() {
        let read =
            |body: &str| read(body.as_bytes(), 2, "m").ok().map(|it| (it.vectors, it.model, it.tokens));
        let swapped = r#"{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}],"model":"n","usage":{"prompt_tokens":3,"total_tokens":3}}"#;
        assert_eq!(read(swapped), Some((vec![vec![1.0], vec![2.0]], "n".to_owned(), 3)));
        let plain = r#"{"data":[{"embedding":[1]},{"embedding":[2]}]}"#;
        assert_eq!(read(plain), Some((vec![vec![1.0], vec![2.0]], "m".to_owned(), 0)));
        for bad in [
            r#"{"data":[{"index":0,"embedding":[1]}]}"#,
            r#"{"data":[{"index":0,"embedding":[1]},{"index":2,"embedding":[1]}]}"#,
            r#"{"data":[{"embedding":[1]},{"embedding":[1,2]}]}"#,
            r#"{"data":[{"embedding":[]},{"embedding":[]}]}"#,
            r#"{"data":[{"embedding":[1e300]},{"embedding":[1]}]}"#,
            "{}",
            "nothing",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
