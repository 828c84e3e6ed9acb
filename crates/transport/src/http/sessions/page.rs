//! Lists with numbered pages.

use parlor_domain::ports::Page;
use parlor_domain::{ErrorCode, Refusal};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The most that one page has.
const MAX: u32 = 200;
/// What a page has unless asked for another number.
const DEFAULT: u32 = 20;

/// Which page is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct PageParams {
    /// Which page, from 1; the first unless given.
    #[param(minimum = 1)]
    page: Option<u32>,
    /// How many a page has at most; 20 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// A page that there can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) struct Asked {
    page: u32,
    limit: u32,
}

/// Where a page stands in its list.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PageMeta)]
pub(in crate::http) struct Meta {
    /// How many the whole list has.
    total: u64,
    pub(in crate::http) page: u32,
    pub(in crate::http) limit: u32,
    /// How many pages the list has.
    #[serde(rename = "totalPages")]
    pub(in crate::http) total_pages: u64,
}

impl PageParams {
    /// Error: `INVALID_REQUEST`.
    pub(in crate::http) fn asked(&self) -> Result<Asked, Refusal> {
        asked(self.page, self.limit)
    }
}

/// The page that a client wants. Error: `INVALID_REQUEST`.
pub(in crate::http) fn asked(page: Option<u32>, limit: Option<u32>) -> Result<Asked, Refusal> {
    let (page, limit) = (page.unwrap_or(1), limit.unwrap_or(DEFAULT));
    if page == 0 {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "pages are counted from 1"));
    }
    if !(1..=MAX).contains(&limit) {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "limit is from 1 to 200"));
    }
    Ok(Asked { page, limit })
}

impl Asked {
    /// The same as the domain has it.
    pub(in crate::http) fn page(self) -> Page {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        Page { offset: u64::from(self.page - 1) * u64::from(self.limit), limit }
    }

    /// Where the page stands in a list of `total`.
    pub(in crate::http) fn meta(self, total: u64) -> Meta {
        let Self { page, limit } = self;
        Meta { total, page, limit, total_pages: total.div_ceil(u64::from(limit)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_counted_from_1() {
        let third = asked(Some(3), Some(20)).unwrap();
        assert_eq!(third.page(), Page { offset: 40, limit: 20 });
        assert_eq!(third.meta(50), Meta { total: 50, page: 3, limit: 20, total_pages: 3 });
        assert_eq!(asked(None, None).unwrap().meta(0), Meta { total: 0, page: 1, limit: 20, total_pages: 0 });
        let last = asked(Some(u32::MAX), Some(200)).unwrap();
        assert_eq!(last.page().offset, 858_993_458_800);
        for (page, limit) in [(0, 20), (1, 0), (1, 201)] {
            assert!(asked(Some(page), Some(limit)).is_err(), "{page} {limit}");
        }
    }
}
