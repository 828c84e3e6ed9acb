//! `parlor config`: the settings in force.

use super::answer;
use crate::failure::Failure;
use crate::settings::{self, Values};

/// Prints them.
pub(crate) fn run(values: &Values) -> Result<(), Failure> {
    answer(&settings::toml(values))
}
