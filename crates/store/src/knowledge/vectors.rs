//! Vectors as they are kept: a byte a dimension, behind a scale by which each is multiplied. It costs about a hundredth of a
//! cosine, and a quarter of the space and of the time to read it.

/// Bytes of a vector's scale.
const SCALE: usize = 4;

/// A passage that was found: the place of its document among those that were looked at, its number, and its cosine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hit<T> {
    pub(crate) document: T,
    pub(crate) number: usize,
    pub(crate) score: f32,
}

/// The bytes of some vectors, one after the other.
pub(crate) fn pack<'a>(vectors: impl IntoIterator<Item = &'a [f32]>) -> Vec<u8> {
    let mut packed = Vec::new();
    for vector in vectors {
        let (scale, bytes) = quantized(vector);
        packed.extend_from_slice(&scale.to_le_bytes());
        packed.extend(bytes.into_iter().map(i8::cast_unsigned));
    }
    packed
}

fn quantized(vector: &[f32]) -> (f32, Vec<i8>) {
    let most = vector.iter().fold(0.0_f32, |most, it| most.max(it.abs()));
    if most == 0.0 || !most.is_finite() {
        return (0.0, vec![0; vector.len()]);
    }
    let scale = most / 127.0;
    #[expect(clippy::cast_possible_truncation, reason = "from -127 to 127")]
    let bytes = vector.iter().map(|it| (it / scale).round() as i8).collect();
    (scale, bytes)
}

/// A vector that others are compared with.
pub(crate) struct Question {
    scale: f32,
    bytes: Vec<i8>,
}

impl Question {
    pub(crate) fn new(vector: &[f32]) -> Self {
        let (scale, bytes) = quantized(vector);
        Self { scale, bytes }
    }

    pub(crate) fn dimensions(&self) -> usize {
        self.bytes.len()
    }

    /// The cosine with each of the vectors that were packed; none where they are of another length.
    pub(crate) fn scores<'a>(&'a self, packed: &'a [u8]) -> impl Iterator<Item = f32> + 'a {
        let whole = packed.chunks_exact(SCALE + self.bytes.len().max(1));
        whole.map(|vector| {
            let (scale, bytes) = vector.split_at(SCALE);
            let scale = f32::from_le_bytes(scale.try_into().unwrap_or_default());
            #[expect(
                clippy::cast_precision_loss,
                reason = "a sum of small products; the last bits do not count"
            )]
            let product = product(&self.bytes, bytes) as f32;
            product * scale * self.scale
        })
    }
}

/// The sum of products, in a form that compilers make vector instructions of.
fn product(one: &[i8], other: &[u8]) -> i32 {
    one.iter().zip(other).map(|(one, other)| i32::from(*one) * i32::from(other.cast_signed())).sum()
}

/// The best of what comes, at most so many.
pub(crate) struct Best<T> {
    most: usize,
    /// The worst stands last.
    hits: Vec<Hit<T>>,
}

impl<T: Copy> Best<T> {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, hits: Vec::with_capacity(most + 1) }
    }

    pub(crate) fn take(&mut self, document: T, question: &Question, packed: &[u8]) {
        for (number, score) in question.scores(packed).enumerate() {
            let full = self.hits.len() >= self.most;
            if full && self.hits.last().is_none_or(|worst| worst.score >= score) {
                continue;
            }
            let place = self.hits.partition_point(|hit| hit.score >= score);
            self.hits.insert(place, Hit { document, number, score });
            self.hits.truncate(self.most);
        }
    }

    pub(crate) fn hits(self) -> Vec<Hit<T>> {
        self.hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors(count: usize, dimensions: usize) -> Vec<Vec<f32>> {
        let mut state = 7_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from(i16::try_from(state >> 17).unwrap()) / 16_384.0 - 1.0
        };
        let unit = |vector: Vec<f32>| {
            let length = vector.iter().map(|it| it * it).sum::<f32>().sqrt();
            vector.into_iter().map(|it| it / length).collect::<Vec<_>>()
        };
        (0..count).map(|_| unit((0..dimensions).map(|_| next()).collect())).collect()
    }

    /// Protects what is found from what it is kept as: the nearest are those that whole numbers would give, in their order
    /// wherever two differ by more than a hundredth.
    #[test]
    fn bytes_find_what_whole_vectors_find() {
        let all = vectors(500, 96);
        let packed = pack(all.iter().map(Vec::as_slice));
        for question in vectors(20, 96) {
            let exact = |number: usize| all[number].iter().zip(&question).map(|(a, b)| a * b).sum::<f32>();
            let mut best = Best::new(10);
            best.take((), &Question::new(&question), &packed);
            let hits = best.hits();
            assert_eq!(hits.len(), 10);
            assert!(hits.iter().all(|hit| (hit.score - exact(hit.number)).abs() < 0.01));
            let mut scores: Vec<_> = (0..all.len()).map(exact).collect();
            scores.sort_by(|a, b| b.total_cmp(a));
            assert!(hits.iter().all(|hit| exact(hit.number) > scores[9] - 0.01));
            assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
        }
    }

    #[test]
    fn vectors_of_nothing_are_near_to_nothing() {
        let packed = pack([[0.0, 0.0].as_slice(), &[1.0, 0.0], &[f32::NAN, 1.0]]);
        let question = Question::new(&[1.0, 0.0]);
        let scores: Vec<_> = question.scores(&packed).collect();
        assert!(scores[0] == 0.0 && (scores[1] - 1.0).abs() < 1e-6 && scores[2].abs() < 1e-6, "{scores:?}");
        assert_eq!(Question::new(&[]).scores(&[]).count(), 0);
    }
}
