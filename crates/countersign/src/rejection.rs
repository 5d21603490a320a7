//! The reasons for which a delivery is refused, with their codes, statuses and messages.

use std::{fmt, sync::Arc, time::Duration};

use http::StatusCode;

use crate::address::AddressProblem;

/// Why a delivery was refused: one reason, with a stable [code](Self::code) for logs and metrics and a
/// [status](Self::status) for the sender.
///
/// Its `Display` is for the receiver's log. It names places and rules, never a secret or an expected tag. It contains
/// no byte of the body, except in [`Payload`](Self::Payload), whose message can quote a field. Do not send it to the
/// caller: what a caller learns should not help to forge.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// The request does not come from an allowed address, or its address cannot be determined.
    Address {
        /// What is wrong with the address.
        problem: AddressProblem,
    },
    /// The signed parts of this request can be read in more than one way.
    AmbiguousContent {
        /// The rule that is broken.
        rule: &'static str,
    },
    /// The body does not match the hash that the request carries, or the body that its token claims.
    BodyHash {
        /// Where the hash or the claim is.
        place: Arc<str>,
    },
    /// The body ended early, or its length differs from the announced one.
    BodyIncomplete,
    /// The body did not arrive in time.
    BodyTimeout {
        /// The timeout.
        limit: Duration,
    },
    /// The body is larger than the limit.
    BodyTooLarge {
        /// The limit in bytes; `None` if the limit of another layer was exceeded.
        limit: Option<u64>,
    },
    /// The body is not in the content coding that the request declares, or the scheme does not undo that coding.
    ContentCoding,
    /// The announced length of the body is not one decimal number.
    ContentLength,
    /// A token or signature has expired. Its [code](Self::code) is that of [`TimestampTooOld`](Self::TimestampTooOld).
    Expired {
        /// Where the expiry is.
        place: Arc<str>,
        /// How long ago it expired.
        ago: Duration,
        /// How long ago it may have expired.
        leeway: Duration,
    },
    /// The handler did not answer in time.
    HandlerTimeout {
        /// The timeout.
        limit: Duration,
    },
    /// Something that a handshake asks for could not be done now: its secret was not stored, or its URL not fetched.
    HandshakeFailed,
    /// This endpoint is not set up to answer the handshake.
    HandshakeNotConfigured {
        /// What is missing: a setting, the public URL, a store for secrets.
        missing: Arc<str>,
    },
    /// The event is already in progress.
    InProgress,
    /// The keys for this request could not be fetched or looked up. An earlier log line has the cause.
    KeysUnavailable,
    /// The delivery's id is missing or unusable.
    MalformedId {
        /// Where it should be.
        place: Arc<str>,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The signature is there, but not as the scheme writes it.
    MalformedSignature {
        /// Where it is.
        place: Arc<str>,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The signed timestamp is missing or not in the scheme's format.
    MalformedTimestamp {
        /// Where it should be.
        place: Arc<str>,
        /// What is wrong with it.
        problem: Problem,
        /// The format that the scheme wants.
        expected: &'static str,
    },
    /// A signed value is missing or unusable.
    MalformedValue {
        /// Where it should be.
        place: Arc<str>,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The provider does not use this request method.
    Method,
    /// The request carries no signature.
    MissingSignature {
        /// Where it should be.
        place: Arc<str>,
    },
    /// The signature is right, but the handler cannot take the payload.
    Payload {
        /// The path of the field that is wrong, such as `data.object.amount`; empty for the document itself.
        path: String,
        /// What was expected there. It can quote the payload: for the log only.
        message: String,
    },
    /// The event was already handled.
    Replayed,
    /// A handshake sends a secret, but the endpoint has another one.
    SecretAlreadyStored,
    /// The inner service was not ready in time, and was not called.
    ServiceNotReady {
        /// The time it had.
        limit: Duration,
    },
    /// No key of this endpoint made this signature for these bytes.
    Signature,
    /// The replay store cannot be reached now, or is full.
    StoreUnavailable,
    /// The signed timestamp is further in the future than the tolerance allows.
    TimestampInFuture {
        /// How far ahead of the verifier's clock it is.
        ahead: Duration,
        /// How far it may be.
        tolerance: Duration,
    },
    /// The signed timestamp is older than the tolerance allows.
    TimestampTooOld {
        /// How old it is.
        age: Duration,
        /// How old it may be.
        tolerance: Duration,
    },
    /// The transfer coding of the body is not `chunked` alone, so the body is not the one that was sent.
    TransferCoding,
    /// A value that must be the same in every delivery differs here, such as a token's issuer or a version.
    UnexpectedValue {
        /// Where the value is.
        place: Arc<str>,
    },
    /// The endpoint has no key for this request: there is no such tenant, or no key is valid now.
    UnknownKey,
    /// The handler cannot read a payload of this media type.
    UnsupportedMediaType {
        /// The request's content type, if it is text.
        found: Option<String>,
    },
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// It is a token that names an algorithm, or a critical extension, that the scheme does not allow.
    Algorithm,
    /// It occurs several times: a header in several lines, anything else with different values.
    Conflicting,
    /// It is there, but empty.
    Empty,
    /// It has the right layout, but cannot be decoded, or has the wrong length once decoded.
    Encoding,
    /// It does not have the declared layout.
    Layout,
    /// It is not there.
    Missing,
    /// It should be in the JSON body, but the body is not JSON.
    NotJson,
    /// It is a token whose header or claims are not a JSON object with unique names.
    Token,
    /// It is longer than any provider's.
    TooLong,
    /// It has more tags or parameters than any provider sends.
    TooMany,
    /// It is a JSON value of the wrong type: a string in place of a number, a list, a fraction.
    Type,
    /// It is a signature that does not cover something that this endpoint requires.
    Uncovered,
    /// It has no tag of a version that the scheme accepts.
    UnknownVersion,
}

impl Rejection {
    /// Every [code](Self::code), in alphabetical order: the bound on the values of a metric's label.
    pub const CODES: &[&str] = &[
        "address",
        "ambiguous_content",
        "body_hash",
        "body_incomplete",
        "body_timeout",
        "body_too_large",
        "content_coding",
        "content_length",
        "handler_timeout",
        "handshake_failed",
        "handshake_not_configured",
        "in_progress",
        "keys_unavailable",
        "malformed_id",
        "malformed_signature",
        "malformed_timestamp",
        "malformed_value",
        "method",
        "missing_signature",
        "payload",
        "replayed",
        "secret_already_stored",
        "service_not_ready",
        "signature",
        "store_unavailable",
        "timestamp_in_future",
        "timestamp_too_old",
        "transfer_coding",
        "unexpected_value",
        "unknown_key",
        "unsupported_media_type",
    ];

    /// The reason as a stable word for logs, metrics and tests.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address { .. } => "address",
            Self::AmbiguousContent { .. } => "ambiguous_content",
            Self::BodyHash { .. } => "body_hash",
            Self::BodyIncomplete => "body_incomplete",
            Self::BodyTimeout { .. } => "body_timeout",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::ContentCoding => "content_coding",
            Self::ContentLength => "content_length",
            Self::HandlerTimeout { .. } => "handler_timeout",
            Self::HandshakeFailed => "handshake_failed",
            Self::HandshakeNotConfigured { .. } => "handshake_not_configured",
            Self::InProgress => "in_progress",
            Self::KeysUnavailable => "keys_unavailable",
            Self::MalformedId { .. } => "malformed_id",
            Self::MalformedSignature { .. } => "malformed_signature",
            Self::MalformedTimestamp { .. } => "malformed_timestamp",
            Self::MalformedValue { .. } => "malformed_value",
            Self::Method => "method",
            Self::MissingSignature { .. } => "missing_signature",
            Self::Payload { .. } => "payload",
            Self::Replayed => "replayed",
            Self::SecretAlreadyStored => "secret_already_stored",
            Self::ServiceNotReady { .. } => "service_not_ready",
            Self::Signature => "signature",
            Self::StoreUnavailable => "store_unavailable",
            Self::TimestampInFuture { .. } => "timestamp_in_future",
            Self::Expired { .. } | Self::TimestampTooOld { .. } => "timestamp_too_old",
            Self::TransferCoding => "transfer_coding",
            Self::UnexpectedValue { .. } => "unexpected_value",
            Self::UnknownKey => "unknown_key",
            Self::UnsupportedMediaType { .. } => "unsupported_media_type",
        }
    }

    /// What is wrong with the malformed value, if the rejection is about one.
    pub(crate) fn problem(&self) -> Option<Problem> {
        match self {
            Self::MalformedId { problem, .. }
            | Self::MalformedSignature { problem, .. }
            | Self::MalformedTimestamp { problem, .. }
            | Self::MalformedValue { problem, .. } => Some(*problem),
            _ => None,
        }
    }

    /// The HTTP status for the sender, which reveals as little as possible.
    pub fn status(&self) -> StatusCode {
        match self {
            // The server is misconfigured, which is not the sender's fault: it should retry.
            Self::Address { problem: AddressProblem::NoPeer } => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Address { .. } => StatusCode::FORBIDDEN,
            Self::AmbiguousContent { .. }
            | Self::BodyIncomplete
            | Self::ContentCoding
            | Self::ContentLength
            | Self::MalformedId { .. }
            | Self::MalformedSignature { .. }
            | Self::MalformedTimestamp { .. }
            | Self::MalformedValue { .. }
            | Self::MissingSignature { .. }
            | Self::TransferCoding => StatusCode::BAD_REQUEST,
            // One status for everything that a forger could probe, so that the causes cannot be told apart.
            Self::BodyHash { .. }
            | Self::Expired { .. }
            | Self::HandshakeNotConfigured { .. }
            | Self::Signature
            | Self::TimestampInFuture { .. }
            | Self::TimestampTooOld { .. }
            | Self::UnexpectedValue { .. }
            | Self::UnknownKey => StatusCode::UNAUTHORIZED,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTimeout { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Payload { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            // A success, so that the sender stops its retries.
            Self::Replayed => StatusCode::OK,
            Self::InProgress | Self::SecretAlreadyStored => StatusCode::CONFLICT,
            // The sender should retry.
            Self::HandlerTimeout { .. }
            | Self::HandshakeFailed
            | Self::KeysUnavailable
            | Self::ServiceNotReady { .. }
            | Self::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { problem } => problem.fmt(f),
            Self::AmbiguousContent { rule } => write!(f, "the signed parts can be read in more than one way: {rule}"),
            Self::BodyHash { place } => write!(f, "the body does not match {place}"),
            Self::BodyIncomplete => f.write_str("the body ended early or is not as long as announced"),
            Self::BodyTimeout { limit } => write!(f, "the body did not arrive within {limit:?}"),
            Self::BodyTooLarge { limit: None } => f.write_str("the body is larger than the limit of another layer"),
            Self::BodyTooLarge { limit: Some(limit) } => write!(f, "the body is larger than {limit} bytes"),
            Self::ContentCoding => f.write_str("the body is not in a content coding that can be undone"),
            Self::ContentLength => f.write_str("the announced length of the body is not one decimal number"),
            Self::Expired { place, ago, leeway } => {
                write!(f, "expired {ago:?} ago according to {place}; the leeway is {leeway:?}")
            }
            Self::HandlerTimeout { limit } => write!(f, "the handler did not answer within {limit:?}"),
            Self::HandshakeFailed => f.write_str("the handshake failed: its secret could not be stored, or its URL not fetched"),
            Self::HandshakeNotConfigured { missing } => {
                write!(f, "the handshake cannot be answered: {missing} is not configured")
            }
            Self::InProgress => f.write_str("the event is already in progress"),
            Self::KeysUnavailable => f.write_str(
                "the keys for this request could not be fetched or looked up: the log (target `countersign`) has the cause",
            ),
            Self::MalformedId { place, problem } => write!(f, "the delivery id in {place} {problem}"),
            Self::MalformedSignature { place, problem } => write!(f, "the signature in {place} {problem}"),
            Self::MalformedTimestamp { place, problem, expected } => {
                write!(f, "the timestamp in {place} {problem}; expected {expected}")
            }
            Self::MalformedValue { place, problem } => write!(f, "the value in {place}, which the scheme needs, {problem}"),
            Self::Method => f.write_str("the provider does not use this request method"),
            Self::MissingSignature { place } => write!(f, "there is no {place}: the request is not signed"),
            Self::Payload { path, message } if path.is_empty() => write!(f, "the payload does not fit: {message}"),
            Self::Payload { path, message } => write!(f, "the payload does not fit at `{path}`: {message}"),
            Self::Replayed => f.write_str("the event was already handled"),
            Self::ServiceNotReady { limit } => {
                write!(f, "the service was not ready within {limit:?}; the handler was not called")
            }
            Self::SecretAlreadyStored => f.write_str("the handshake sends a secret, but the endpoint has another one"),
            Self::Signature => f.write_str(
                "no key of this endpoint made this signature for these bytes: wrong secret, or what is signed was changed",
            ),
            Self::StoreUnavailable => f.write_str("the replay store cannot be reached or is full"),
            Self::TimestampInFuture { ahead, tolerance } => {
                write!(f, "the timestamp is {ahead:?} in the future; the tolerance is {tolerance:?}")
            }
            Self::TimestampTooOld { age, tolerance } => {
                write!(f, "the timestamp is {age:?} old; the tolerance is {tolerance:?}")
            }
            Self::TransferCoding => f.write_str("the body is in a transfer coding other than `chunked`"),
            Self::UnexpectedValue { place } => write!(f, "{place} does not have the value that this endpoint expects"),
            Self::UnknownKey => f.write_str("no key for this request is valid now"),
            Self::UnsupportedMediaType { found: Some(found) } => {
                write!(f, "the handler cannot read `{found}`; expected JSON, a form or XML")
            }
            Self::UnsupportedMediaType { found: None } => {
                f.write_str("the request names no content type; expected JSON, a form or XML")
            }
        }
    }
}

impl std::error::Error for Rejection {}

impl From<AddressProblem> for Rejection {
    fn from(problem: AddressProblem) -> Self {
        Self::Address { problem }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Algorithm => "names an algorithm or a critical extension that the scheme does not allow",
            Self::Conflicting => "appears several times",
            Self::Empty => "is empty",
            Self::Encoding => "is not of the declared encoding and length",
            Self::Layout => "does not have the declared layout",
            Self::Missing => "is missing",
            Self::NotJson => "cannot be read, because the body is not JSON",
            Self::Token => "is a token whose header or claims are not a JSON object with unique names",
            Self::TooLong => "is longer than any provider's",
            Self::TooMany => "has more tags or parameters than any provider sends",
            Self::Type => "is of another JSON type than the declared one",
            Self::Uncovered => "does not cover all that it must cover here",
            Self::UnknownVersion => "has no tag of an accepted version",
        })
    }
}
