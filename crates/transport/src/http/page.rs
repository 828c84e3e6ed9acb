//! Lists in pages: so many from behind the last one that the client has.

use parlor_domain::{ErrorCode, Refusal};

/// The most that one page has.
pub(super) const MAX: usize = 200;
/// What a page has unless asked for another number.
const DEFAULT: usize = 50;

/// How many a client wants. Error: `INVALID_REQUEST` where it is not 1 to [`MAX`].
pub(super) fn limit(asked: Option<usize>) -> Result<usize, Refusal> {
    match asked.unwrap_or(DEFAULT) {
        limit @ 1..=MAX => Ok(limit),
        _ => Err(Refusal::new(ErrorCode::InvalidRequest, "limit is from 1 to 200")),
    }
}

/// The name of a page's last one, behind which the next page begins; none where the page is not full. Behind a full
/// one there may be nothing, which the next page tells.
pub(super) fn next<T, N>(page: &[T], limit: usize, name: impl Fn(&T) -> N) -> Option<N> {
    page.last().filter(|_| page.len() >= limit).map(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects readers of lists: a page that is not full is the last, and any other names the next.
    #[test]
    fn only_a_full_page_names_the_next() {
        let check = |page: &[u32], expect| assert_eq!(next(page, 2, |number| *number), expect);
        check(&[], None);
        check(&[1], None);
        check(&[1, 2], Some(2));
    }

    #[test]
    fn limits_are_from_1_to_200() {
        assert_eq!(limit(None), Ok(50));
        for (asked, good) in [(0, false), (1, true), (200, true), (201, false)] {
            assert_eq!(limit(Some(asked)).is_ok(), good, "{asked}");
        }
    }
}
