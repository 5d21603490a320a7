//! The scheme language: how a provider signs, as plain data.
//!
//! A scheme is a TOML file. The smallest one says how the tag is written and what it signs:
//!
//! ```
//! use countersign::Scheme;
//!
//! let scheme = Scheme::from_toml("acme", r#"
//!     name = "Acme"
//!
//!     [signature]
//!     algorithm = "hmac-sha256"
//!     header    = "X-Acme-Signature"
//!     list      = { separator = ",", items = ["t={timestamp}", "v1={hex}"] }
//!     signs     = "{timestamp}.{body}"
//!
//!     [timestamp]
//!     format    = "seconds"
//!     tolerance = "5m"
//!
//!     [event]
//!     id   = "{json:/id}"
//!     type = "{header:X-Acme-Event}"
//! "#)?;
//!
//! assert!(scheme.event_id().is_some_and(|field| field.is_covered()));
//! assert!(!scheme.event_type().is_some_and(|field| field.is_covered())); // no signature covers that header
//! # Ok::<(), countersign::SchemeError>(())
//! ```
//!
#![doc = include_str!("language.md")]

mod addresses;
mod advice;
mod algorithm;
mod answers;
mod check;
mod checked;
mod description;
mod error;
mod field;
mod file;
mod form;
mod framing;
mod handshake;
mod http_signature;
mod jwt;
mod keys;
mod needs;
mod parts;
mod read;
mod secret;
mod signature;
mod source;
mod syntax;
mod template;
mod timestamp;
mod told_apart;
mod url;
mod words;

use std::{fmt, sync::Arc};

pub use addresses::Addresses;
pub use advice::Advice;
pub(crate) use algorithm::{Algorithm, Choice};
pub use answers::Answers;
pub(crate) use check::{Check, Equals};
pub use checked::Checked;
pub use description::Description;
pub use error::SchemeError;
pub use field::Field;
pub(crate) use field::FieldSource;
pub(crate) use form::FormRule;
pub(crate) use framing::{Guard, is_url_byte};
pub(crate) use handshake::{AnswerPart, ConfirmRule, HandshakeRule, Item, Only};
pub(crate) use http_signature::HttpSignatureRule;
pub(crate) use jwt::{Expected, JwtRule};
pub use keys::KeySource;
pub(crate) use keys::{KeyFormat, KeyIdRule, KeyPlace, Pattern, SLOT, Slot, UrlTemplate, is_name, is_plain_https};
pub(crate) use parts::{HashEncoding, Hashed, Part};
pub(crate) use secret::SecretRule;
pub(crate) use signature::{Signature, Unwrap};
pub(crate) use source::Source;
pub(crate) use syntax::{Hole, LoneTag, Mismatch, Span, Syntax, first_of, trim_ows};
pub(crate) use timestamp::TimestampRule;
pub use told_apart::ToldApartBy;
pub(crate) use url::{UrlForm, UrlRule};

/// How one provider signs its webhooks. Cheap to clone.
///
/// Read with [`Scheme::from_toml`] or taken from the [catalogue](crate::providers).
#[derive(Clone)]
pub struct Scheme {
    inner: Arc<Description>,
}

impl std::ops::Deref for Scheme {
    type Target = Description;

    fn deref(&self) -> &Description {
        &self.inner
    }
}

impl Scheme {
    /// Reads a scheme file. `id` is the name of the provider in configuration and logs.
    ///
    /// # Errors
    ///
    /// Fails if the file is not TOML, has an unknown key or value, or describes something unsafe: a body or timestamp
    /// that the signature does not cover, or signed parts that run into each other.
    pub fn from_toml(id: impl Into<String>, text: &str) -> Result<Self, SchemeError> {
        let inner = read::read(id.into(), text)?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Returns a changed copy of the scheme, to try what a sender may have done instead. The change is not checked for
    /// safety.
    pub(crate) fn altered(&self, change: impl FnOnce(&mut Description)) -> Self {
        let mut inner = Description::clone(self);
        change(&mut inner);
        Self { inner: Arc::new(inner) }
    }
}

impl fmt::Debug for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
