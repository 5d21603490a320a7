//! What tells one event from another.

use serde::Deserialize;

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
    /// The body and the event's id and type as well, though no signature covers them: what is signed is the same for several
    /// events. The replay guard then knows a delivery that is sent again as it was, but whoever changes it makes a new one of it.
    UnsignedValues,
    /// What is signed and the event's type, though no signature covers that: one act can make several events, which differ in
    /// nothing else. The replay guard then takes a recorded delivery under another type for a new event.
    UnsignedType,
    /// Nothing that a request has: "something changed" looks the same each time, and has to be followed up each time. The
    /// replay guard lets every one of them through.
    Nothing,
}
