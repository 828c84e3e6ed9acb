//! Moments written into text, so that whoever reads the text knows how long it was under way.
//!
//! Writer and reader live in this process and share its clock. A stamp is `@` and 14 digits of nanoseconds since
//! the process began and `;`: of fixed width, so that it can be patched into a frame that is already built, and
//! of characters that JSON leaves alone, so that it is found without parsing.

use std::sync::LazyLock;
use std::time::Instant;

const DIGITS: usize = 14;

/// Nanoseconds since the process began.
pub(crate) fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

/// The stamp of `nanos`.
pub(crate) fn stamp(nanos: u64) -> String {
    format!("@{nanos:0DIGITS$};")
}

/// Writes `value` over `place` in decimal, with leading zeros; what does not fit is cut at the front.
pub(crate) fn write_digits(place: &mut [u8], mut value: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Writes the stamp of `nanos` over the one that begins at `place`.
pub(crate) fn patch(place: &mut [u8], nanos: u64) {
    write_digits(&mut place[1..=DIGITS], nanos);
}

/// The stamps in `text`, in their order.
pub(crate) fn stamps(text: &[u8]) -> impl Iterator<Item = u64> {
    memchr::memchr_iter(b'@', text).filter_map(|at| {
        let digits = text.get(at + 1..=at + DIGITS)?;
        let ends = text.get(at + 1 + DIGITS) == Some(&b';');
        let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
        ends.then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_found_again_in_any_text() {
        let mut text = format!(r#"{{"to":"a@b.c","content":"{}rest {}"}}"#, stamp(42), stamp(7)).into_bytes();
        assert_eq!(stamps(&text).collect::<Vec<_>>(), [42, 7]);
        let place = memchr::memmem::find(&text, b"@00").unwrap_or_default();
        patch(&mut text[place..], 99_000_000_000_001);
        assert_eq!(stamps(&text).next(), Some(99_000_000_000_001));
    }

    #[test]
    fn half_a_stamp_is_none() {
        let whole = stamp(42);
        assert_eq!(stamps(&whole.as_bytes()[..whole.len() - 1]).count(), 0);
    }
}
