//! `Advice`: the weaknesses of a scheme, in words.

use std::fmt;

use super::{Algorithm, Description, ToldApartBy};

/// A weakness that a scheme states, or that follows from its parts. The file is valid; the provider's way of signing is
/// weak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// The signed parts run into each other.
    Ambiguous,
    /// The signature covers no byte of the body, or not all of it.
    BodyNotCovered,
    /// The event's id is not covered.
    EventIdNotCovered,
    /// The event's type is not covered.
    EventTypeNotCovered,
    /// The algorithm is broken for other uses.
    Legacy,
    /// Nothing that the signature covers tells one event from another.
    NoEventId,
    /// Several events can have the same signed content, so unsigned values tell them apart.
    ChangedReplays,
    /// Events are not told apart at all.
    NoReplayGuard,
    /// The file does not say where the scheme was read.
    NoSource,
    /// No time is signed.
    NoTimestamp,
    /// The secret itself is sent.
    SecretIsSent,
}

impl Advice {
    /// Returns a stable word for the weakness.
    pub fn code(self) -> &'static str {
        match self {
            Self::Ambiguous => "ambiguous",
            Self::BodyNotCovered => "body_not_covered",
            Self::EventIdNotCovered => "event_id_not_covered",
            Self::EventTypeNotCovered => "event_type_not_covered",
            Self::Legacy => "legacy",
            Self::NoEventId => "no_event_id",
            Self::ChangedReplays => "changed_replays",
            Self::NoReplayGuard => "no_replay_guard",
            Self::NoSource => "no_source",
            Self::NoTimestamp => "no_timestamp",
            Self::SecretIsSent => "secret_is_sent",
        }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ambiguous => {
                "The signed parts run into each other, so one signature fits requests that differ in where a part ends. Do \
                 not rely on any single part by itself."
            }
            Self::BodyNotCovered => {
                "The signature does not cover the whole body: anybody who has seen one delivery can send others with its signature. \
                 Fetch what matters from the provider's API before you act on it."
            }
            Self::EventIdNotCovered => {
                "No signature covers the event's id: if you detect duplicates by it, a replay with another id looks like a new \
                 event."
            }
            Self::EventTypeNotCovered => {
                "No signature covers the event's type: anybody who relays a delivery can change it. Act on a type only if the \
                 payload fits it."
            }
            Self::Legacy => {
                "The algorithm, or the size of the keys, is too weak for anything new. An endpoint must allow it explicitly."
            }
            Self::NoEventId => {
                "Nothing signed identifies the event: duplicates are detected by the digest of the signed content, so two events \
                 with equal content count as one."
            }
            Self::ChangedReplays => {
                "Several events can have the same signed content, so duplicates are detected by unsigned values: a recorded \
                 delivery with other values looks like a new event."
            }
            Self::NoReplayGuard => {
                "Nothing in a delivery tells one event from another: it only says that something changed, in the same words each \
                 time. The replay guard lets all of them through, recorded ones too. Look up what changed, and be \
                 prepared to do so twice."
            }
            Self::NoSource => "The file does not say where the scheme was read: add `source`, so that others can check it.",
            Self::NoTimestamp => {
                "No time is signed: a delivery never goes stale, and a recorded one can be replayed for ever. Have the replay \
                 guard keep events for a long time."
            }
            Self::SecretIsSent => {
                "The secret itself is sent: it proves the sender, not the content, and anybody who reads one delivery can forge \
                 others. Accept deliveries only over HTTPS, and only from the provider's addresses if it publishes them."
            }
        })
    }
}

impl Description {
    /// Returns the weaknesses of the scheme, the worst first.
    pub fn advice(&self) -> Vec<Advice> {
        let is_sent = matches!(self.signature.algorithm, Algorithm::Token | Algorithm::Basic);
        let uncovered = |field: Option<&super::Field>| field.is_some_and(|field| !field.is_covered());
        let advice = [
            (Advice::SecretIsSent, is_sent),
            (Advice::Legacy, self.is_legacy()),
            (Advice::BodyNotCovered, !is_sent && !self.covers_body()),
            (Advice::Ambiguous, self.ambiguity().is_some()),
            (Advice::NoTimestamp, !is_sent && !self.has_time()),
            (Advice::EventIdNotCovered, !is_sent && uncovered(self.event_id())),
            (Advice::EventTypeNotCovered, !is_sent && uncovered(self.event_type())),
            (Advice::NoEventId, !is_sent && self.event_id().is_none() && self.told_apart_by().is_none()),
            (
                Advice::ChangedReplays,
                matches!(self.told_apart_by(), Some(ToldApartBy::UnsignedValues | ToldApartBy::UnsignedType)),
            ),
            (Advice::NoReplayGuard, self.told_apart_by() == Some(ToldApartBy::Nothing)),
            (Advice::NoSource, self.source().is_none()),
        ];
        advice.into_iter().filter(|(_, applies)| *applies).map(|(advice, _)| advice).collect()
    }

    /// Whether anything makes an old delivery stale: a signed time, or the expiry of a token that must have one.
    fn has_time(&self) -> bool {
        self.tolerance().is_some() || self.jwt.requires.iter().any(|claim| claim == "exp")
    }
}
