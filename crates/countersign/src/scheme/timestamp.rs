//! `TimestampRule`: where the signed time is, its format and tolerance.

use super::Source;
use crate::timestamp::{TimestampFormat, Tolerance};

#[derive(Clone, Debug)]
pub(crate) struct TimestampRule {
    /// `None` if it is in the signature's own text.
    pub(crate) source: Option<Source>,
    pub(crate) format: TimestampFormat,
    /// Whether a time in digits is a string in JSON, instead of a number.
    pub(crate) is_string: bool,
    pub(crate) tolerance: Tolerance,
}
