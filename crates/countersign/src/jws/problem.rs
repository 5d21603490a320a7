//! Why a text is no token.

use std::fmt;

/// Why a text is not a JWS that can be verified. Says nothing of the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JwsProblem {
    /// The header's `alg` is missing, unknown, or not one that the caller allows.
    Algorithm,
    /// The payload is not one JSON object, or a name in it stands twice.
    Claims,
    /// The header has extensions that must be understood, and are not.
    Critical,
    /// A part is not base64url without padding, in its one canonical form.
    Encoding,
    /// The header is not one JSON object, a name in it stands twice, or a value has the wrong type.
    Header,
    /// The key id is empty, too long, or not visible ASCII.
    KeyId,
    /// There is no payload where one belongs, or one where the request's body stands in for it.
    Payload,
    /// Not three parts with full stops between them.
    Parts,
    /// Longer than [`MAX_SIGNED`](super::MAX_SIGNED), or the signature longer than any.
    TooLong,
}

impl fmt::Display for JwsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Algorithm => "the token's algorithm is not one that is allowed",
            Self::Claims => "the token's payload is not a JSON object with a single value for each name",
            Self::Critical => "the token has extensions that are not understood",
            Self::Encoding => "the token is not in base64url without padding",
            Self::Header => "the token's header is not a JSON object with a single value for each name",
            Self::KeyId => "the token's key id is not 1 to 256 visible characters",
            Self::Payload => "the token has no payload, or one where none belongs",
            Self::Parts => "the token has not three parts",
            Self::TooLong => "the token is too long",
        })
    }
}
