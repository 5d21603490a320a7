//! `ToldApartBy`: what tells one event from another.

use serde::Deserialize;

/// What tells events apart that have no covered id. By default, the signed content does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ToldApartBy {
    /// The signed content.
    SignedContent,
    /// The signed content with the time of the signature, because different events can have equal content. A replay is
    /// detected, but a retry with a new signature is not.
    SignedTime,
    /// The signed content, the body, and the event's id and type, although no signature covers them, because several
    /// events can have the same signed content. The replay guard detects a delivery that is sent again unchanged. A
    /// delivery with changed values is a new event.
    UnsignedValues,
    /// The signed content and the event's type, although no signature covers it, because one act can make several
    /// events that differ only in the type. To the replay guard, a recorded delivery with another type is a new event.
    UnsignedType,
    /// Nothing in a request: "something changed" looks the same each time, and must be followed up each time. The
    /// replay guard lets every delivery through that has no covered id.
    Nothing,
}
