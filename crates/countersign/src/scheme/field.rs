//! `Field`: the place of the event's id or type.

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
    /// Whether the signature covers the field. If not, anybody who relays a delivery can change it.
    pub fn is_covered(&self) -> bool {
        self.covered
    }

    /// Returns the header with the field, by the first of its names. `None` if the field is elsewhere.
    pub fn header(&self) -> Option<&HeaderName> {
        self.place()?.first_header()
    }

    /// Its place; `None` if it is the delivery's id.
    pub(crate) fn place(&self) -> Option<&Source> {
        match &self.source {
            FieldSource::DeliveryId => None,
            FieldSource::At(source) => Some(source),
        }
    }

    /// Whether it is unsigned and outside the body, so that it tells events apart only if the file says so.
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
