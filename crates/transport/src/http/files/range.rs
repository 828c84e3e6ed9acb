//! Which part of a file a request wants (RFC 9110 §13, §14).

use axum::http::{HeaderMap, HeaderName, header};
use std::ops::Range;

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The client has it.
    Nothing,
    /// All of it.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that there are not.
    Beyond,
}

impl Wanted {
    /// Of a file of `size` bytes with this tag. Several ranges at once, and what makes no sense, ask for the whole.
    pub(super) fn of(headers: &HeaderMap, size: u64, tag: &str) -> Self {
        let value = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        if value(header::IF_NONE_MATCH).is_some_and(|tags| names(tags, tag)) {
            return Self::Nothing;
        }
        let Some(range) = value(header::RANGE) else { return Self::Whole };
        // A date says less than the tag, and never the same.
        if value(header::IF_RANGE).is_some_and(|asked| asked != tag) {
            return Self::Whole;
        }
        match range.strip_prefix("bytes=") {
            Some(range) => part(range.trim(), size),
            None => Self::Whole,
        }
    }
}

fn names(tags: &str, tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

fn part(range: &str, size: u64) -> Wanted {
    let number = |text: &str| match text {
        "" => Some(None),
        digits if digits.bytes().all(|it| it.is_ascii_digit()) => {
            Some(Some(digits.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    };
    let Some((first, last)) = range.split_once('-') else { return Wanted::Whole };
    match (number(first), number(last)) {
        (Some(Some(first)), Some(last)) if last.is_none_or(|last| first <= last) => {
            let end = last.map_or(size, |last| size.min(last.saturating_add(1)));
            if first < size { Wanted::Part(first..end) } else { Wanted::Beyond }
        }
        // So many from the end.
        (Some(None), Some(Some(0))) => Wanted::Beyond,
        (Some(None), Some(Some(count))) => Wanted::Part(size.saturating_sub(count)..size),
        _ => Wanted::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"tag\"";

    fn wanted(headers: &[(HeaderName, &str)]) -> Wanted {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        Wanted::of(&headers, 100, TAG)
    }

    #[test]
    fn ranges_are_read_as_they_are_written() {
        let check = |range: &str, expect| assert_eq!(wanted(&[(header::RANGE, range)]), expect, "{range}");
        check("bytes=0-9", Wanted::Part(0..10));
        check("bytes=0-0", Wanted::Part(0..1));
        check("bytes=90-", Wanted::Part(90..100));
        check("bytes=90-1000", Wanted::Part(90..100));
        check("bytes=99-99", Wanted::Part(99..100));
        check("bytes=-1", Wanted::Part(99..100));
        check("bytes=-1000", Wanted::Part(0..100));
        check("bytes=0-99999999999999999999999", Wanted::Part(0..100));
        for beyond in ["bytes=100-", "bytes=100-100", "bytes=99999999999999999999999-", "bytes=-0"] {
            check(beyond, Wanted::Beyond);
        }
        for odd in
            ["bytes=", "bytes=-", "bytes=9-0", "bytes=a-b", "bytes=0-1,5-6", "lines=0-1", "bytes=+1-2", "0-9"]
        {
            check(odd, Wanted::Whole);
        }
    }

    #[test]
    fn what_the_client_has_is_not_sent() {
        for (tags, expect) in [
            ("\"tag\"", Wanted::Nothing),
            ("W/\"tag\"", Wanted::Nothing),
            ("\"a\", \"tag\"", Wanted::Nothing),
            ("*", Wanted::Nothing),
            ("\"other\"", Wanted::Whole),
        ] {
            assert_eq!(wanted(&[(header::IF_NONE_MATCH, tags)]), expect);
        }
        assert_eq!(wanted(&[(header::RANGE, "bytes=0-0"), (header::IF_RANGE, TAG)]), Wanted::Part(0..1));
        assert_eq!(wanted(&[(header::RANGE, "bytes=0-0"), (header::IF_RANGE, "\"old\"")]), Wanted::Whole);
        let both = [(header::RANGE, "bytes=0-0"), (header::IF_NONE_MATCH, TAG)];
        assert_eq!(wanted(&both), Wanted::Nothing);
    }
}
