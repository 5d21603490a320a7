//! Why a text is not a valid token.

/// Why a text is not a JWS that can be verified. It quotes nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JwsProblem {
    /// The header's `alg` is missing, unknown, or not one that the caller allows.
    Algorithm,
    /// The payload is not one JSON object, or has a duplicate name.
    Claims,
    /// The header has critical extensions that are not understood.
    Critical,
    /// A part is not base64url without padding, in its canonical form.
    Encoding,
    /// The header is not one JSON object, has a duplicate name, or a value of the wrong type.
    Header,
    /// The key id is empty, too long, or not visible ASCII.
    KeyId,
    /// The payload is missing, or present although it should be detached.
    Payload,
    /// It does not have three parts separated by full stops.
    Parts,
    /// It is longer than [`MAX_SIGNED`](super::MAX_SIGNED), or its signature is longer than any valid one.
    TooLong,
}
