//! What a scheme says of the timestamp.

use super::Source;
use crate::timestamp::{TimestampFormat, Tolerance};

#[derive(Clone, Debug)]
pub(crate) struct TimestampRule {
    /// `None`: it stands in the signature's own text.
    pub(crate) source: Option<Source>,
    pub(crate) format: TimestampFormat,
    /// Whether a time in digits is a string in JSON, where others write a number.
    pub(crate) is_string: bool,
    pub(crate) tolerance: Tolerance,
}
