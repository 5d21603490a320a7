//! Why a text is no token.

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
