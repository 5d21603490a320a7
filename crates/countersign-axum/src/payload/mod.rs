//! The readers: from verified bytes to a `T`.
//!
//! [`Webhook<T>`](crate::Webhook) uses them; a service without axum calls [`read_delivery`] with the headers of the request and
//! its [`Delivery`], or one reader by name where a provider's content type says something else than its payload is.
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

/// Reads a payload as its content type says.
///
/// # Errors
///
/// [`Rejection::UnsupportedMediaType`] if the content type is missing, told twice, none of JSON, form and XML or, but for JSON,
/// in another charset than UTF-8, or if there is a content encoding: signatures cover the bytes on the wire, and those are not
/// decoded. [`Rejection::Payload`] if the payload is not well formed or does not fit `T`.
pub fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Rejection> {
    read_as(MediaType::of(headers)?, headers, body)
}

/// Reads the payload of a delivery: as [`read`] does, and where the content type does not say what it is (it is missing,
/// `text/plain`, which is what Amazon SNS sends, or `application/octet-stream`), as JSON, if the scheme
/// [reads it so](countersign::scheme::Description::reads_json). The claims of a token that is all of the body are JSON,
/// whatever the content type.
///
/// # Errors
///
/// As those of [`read`].
pub fn read_delivery<T: DeserializeOwned>(headers: &HeaderMap, delivery: &Delivery) -> Result<T, Rejection> {
    if let Payload::Claims(claims) = delivery.payload() {
        return json::read(claims);
    }
    let media_type = match MediaType::of(headers)? {
        MediaType::Unsaid if delivery.scheme().reads_json() => MediaType::Json,
        media_type => media_type,
    };
    read_as(media_type, headers, delivery.body())
}

fn read_as<T: DeserializeOwned>(media_type: MediaType, headers: &HeaderMap, body: &[u8]) -> Result<T, Rejection> {
    match media_type {
        MediaType::Form => form::read(body),
        MediaType::Json => json::read(body),
        MediaType::Xml => xml::read(body),
        MediaType::Unsaid => Err(media_type::unsaid(headers)),
    }
}

/// The body without the byte order mark that some senders begin it with.
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

/// The field that serde says is missing: it counts as an error of the struct around it, whose path names no field.
fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

/// A payload that is not well formed as a whole.
fn malformed(message: impl Into<String>) -> Rejection {
    Rejection::Payload { path: String::new(), message: message.into() }
}
