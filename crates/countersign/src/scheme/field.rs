//! A field of the event, such as its id.

use std::fmt;

use http::HeaderName;

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

    /// The header in which it stands, by the first of its names; `None` if it stands elsewhere.
    pub fn header(&self) -> Option<&HeaderName> {
        self.place()?.first_header()
    }

    /// Where it stands, if it is no more than the delivery's id.
    pub(crate) fn place(&self) -> Option<&Source> {
        match &self.source {
            FieldSource::DeliveryId => None,
            FieldSource::At(source) => Some(source),
        }
    }

    /// Whether it takes no part in what tells events apart, unless the file says so.
    pub(super) fn is_unsigned_beside_body(&self) -> bool {
        !self.covered && matches!(&self.source, FieldSource::At(source) if !source.is_in_body())
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
