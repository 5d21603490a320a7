//! The readers: from verified bytes to a `T`.
//!
//! [`Webhook<T>`](crate::Webhook) uses them; a service without axum calls [`read_delivery`] with the headers of the request and
//! its [`Delivery`], or one reader by name if a provider sends a wrong content type.
//!
//! ```
//! use countersign_axum::{countersign::Rejection, payload};
//! use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
//!
//! #[derive(Debug, serde::Deserialize)]
//! struct Payment {
//!     amount: u64,
//! }
//!
//! let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
//! let payment: Payment = payload::read(&headers, br#"{"amount": 12}"#)?;
//! assert_eq!(payment.amount, 12);
//!
//! let refused = payload::read::<Payment>(&headers, br#"{"amount": "12"}"#).unwrap_err();
//! assert!(matches!(&refused, Rejection::Payload { path, .. } if path == "amount"));
//! assert_eq!(refused.status(), 422);
//!
//! let refused = payload::read::<Payment>(&HeaderMap::new(), b"amount=12").unwrap_err();
//! assert_eq!(refused.status(), 415);
//! assert_eq!(payload::form::read::<Payment>(b"amount=12")?.amount, 12);
//! # Ok::<(), Rejection>(())
//! ```

use std::fmt;

use countersign::{Delivery, Payload, Rejection};
use http::HeaderMap;
use serde::de::DeserializeOwned;
use serde_path_to_error::Path;

pub mod form;
pub mod json;
mod media_type;
pub mod xml;

use media_type::MediaType;

/// Reads a payload in the format of its content type.
///
/// # Errors
///
/// [`Rejection::UnsupportedMediaType`] if the content type is missing, ambiguous, or not JSON, a form or XML; if its charset is not
/// UTF-8 (JSON has none, and it is ignored there); or if there is a content encoding: signatures cover the bytes on the wire, which
/// are not decoded. [`Rejection::Payload`] if the payload is not well formed or does not fit `T`.
pub fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Rejection> {
    read_as(MediaType::of(headers)?, headers, body)
}

/// Reads the payload of a delivery, as [`read`] does. If the content type does not name a format (it is missing, `text/plain`, as
/// from Amazon SNS, or `application/octet-stream`), the payload is read as JSON if the scheme [reads it
/// so](countersign::scheme::Description::reads_json). If the whole body is a token, its claims are read as JSON, whatever the
/// content type.
///
/// # Errors
///
/// As those of [`read`].
pub fn read_delivery<T: DeserializeOwned>(headers: &HeaderMap, delivery: &Delivery) -> Result<T, Rejection> {
    if let Payload::Claims(claims) = delivery.payload() {
        return json::read(claims);
    }
    let media_type = match MediaType::of(headers)? {
        MediaType::Unnamed if delivery.scheme().reads_json() => MediaType::Json,
        media_type => media_type,
    };
    read_as(media_type, headers, delivery.body())
}

fn read_as<T: DeserializeOwned>(media_type: MediaType, headers: &HeaderMap, body: &[u8]) -> Result<T, Rejection> {
    match media_type {
        MediaType::Form => form::read(body),
        MediaType::Json => json::read(body),
        MediaType::Xml => xml::read(body),
        MediaType::Unnamed => Err(media_type::unnamed(headers)),
    }
}

/// The body without a byte order mark, which some senders put before it.
fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// A payload that does not fit at `path`.
fn misfit(path: &Path, error: &impl fmt::Display) -> Rejection {
    let message = error.to_string();
    let mut path = if path.iter().len() == 0 { String::new() } else { path.to_string() };
    if let Some(field) = missing_field(&message) {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(field);
    }
    Rejection::Payload { path, message }
}

/// The field that is missing, from serde's message: the error's path is that of the struct, and does not name the field.
fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

/// A payload that is not well formed as a whole.
fn malformed(message: impl Into<String>) -> Rejection {
    Rejection::Payload { path: String::new(), message: message.into() }
}
