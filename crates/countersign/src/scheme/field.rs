//! A field of the event, such as its id.

use std::fmt;

use serde::Deserialize;

use super::Source;

/// A field of the event, and whether the signature covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub(crate) source: FieldSource,
    pub(crate) covered: bool,
}

impl Field {
    /// Whether the signature covers the field. If not, whoever relays a delivery can change it at will.
    pub fn is_covered(&self) -> bool {
        self.covered
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            FieldSource::DeliveryId => f.write_str("the delivery's id"),
            FieldSource::At(source) => source.fmt(f),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FieldSource {
    /// What `[id]` describes.
    DeliveryId,
    At(Source),
}

/// What tells events apart that have no id which the signature covers. Where a file does not say it, what is signed does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ToldApartBy {
    /// What is signed.
    SignedContent,
    /// What is signed, with the time of the signature: events with equal content are several. A replay is told from them, but a
    /// retry that was signed anew is not.
    SignedTime,
    /// The body and the event's id as well, though no signature covers them: what is signed is the same for several events. The
    /// replay guard then knows a delivery that is sent again as it was, but whoever changes it makes a new one of it.
    UnsignedValues,
    /// Nothing that a request has: "something changed" looks the same each time, and has to be looked after each time. The
    /// replay guard lets every one of them through.
    Nothing,
}
