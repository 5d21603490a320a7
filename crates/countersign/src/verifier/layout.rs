//! Facts about a scheme that a verifier computes once, and not for each request.

use crate::{
    scheme::{Algorithm, Part, Scheme},
    sha256,
};

/// The facts about the scheme that hold for every request.
#[expect(clippy::struct_excessive_bools, reason = "answers of the scheme that are worth asking once, and no state")]
pub(crate) struct Layout {
    /// How many parts come before the body.
    pub(crate) before: usize,
    /// Whether the body itself is a part.
    pub(crate) body: bool,
    /// What [`Description::needs_whole_body`](crate::scheme::Description::needs_whole_body) says.
    pub(crate) needs_whole_body: bool,
    /// What [`Description::reads_time_after_signature`](crate::scheme::Description::reads_time_after_signature) says.
    pub(super) reads_time_after_signature: bool,
    /// Whether the scheme signs an id of the delivery.
    pub(super) has_id: bool,
    /// Whether the verdict depends only on a keyed hash over the body and values of the head that are already examined,
    /// as in most schemes.
    pub(crate) is_plain: bool,
    /// Whether the replay key is a hash [of the body](crate::scheme::Description::replay_key_is_of_body), computed side
    /// by side with the signature's.
    pub(crate) hashes_replay_key: bool,
}

impl Layout {
    pub(super) fn of(scheme: &Scheme) -> Self {
        let body = scheme.signature.parts.iter().position(|part| *part == Part::Body);
        let needs_whole_body = scheme.needs_whole_body();
        Self {
            before: body.unwrap_or(scheme.signature.parts.len()),
            body: body.is_some(),
            needs_whole_body,
            reads_time_after_signature: scheme.reads_time_after_signature(),
            has_id: scheme.delivery_id.is_some() || scheme.signature.carries_id,
            is_plain: matches!(scheme.signature.algorithm, Algorithm::Hmac(_))
                && !needs_whole_body
                && scheme.checks.is_empty()
                && scheme.key_source().is_none()
                && scheme.signature.parts.iter().all(Part::is_certain),
            hashes_replay_key: scheme.replay_key_is_of_body() && sha256::is_faster_side_by_side(),
        }
    }
}
