//! `Mistake`: every mistake that can be found.

use std::{fmt, sync::Arc};

use super::{
    body::BodyMistake, headers::HeaderMistake, provider::ProviderMistake, rules::RuleMistake, secrets::SecretMistake,
    time::TimeMistake, url::UrlMistake,
};

/// A mistake that caused a refusal.
///
/// Its `Display` says what is wrong, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// The body is not the one that was signed.
    Body(BodyMistake),
    /// A header was renamed, repeated or rewritten.
    Header(HeaderMistake),
    /// The delivery is of another provider, or signed by another scheme of the same provider.
    Provider(ProviderMistake),
    /// The scheme does not describe what the sender does.
    Rule(RuleMistake),
    /// The secret is not the one that made the signature.
    Secret {
        /// The label of the secret.
        key: Arc<str>,
        /// What is wrong with it.
        mistake: SecretMistake,
    },
    /// The reason of the refusal is itself the cause.
    Stated {
        /// The [code](crate::Rejection::code) of the refusal.
        code: &'static str,
        /// The text of the refusal.
        reason: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// The signed time is wrong, or in the wrong form.
    Time(TimeMistake),
    /// The URL is not the one that was signed.
    Url(UrlMistake),
}

impl Mistake {
    /// Returns a stable word for the mistake.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Body(mistake) => mistake.code(),
            Self::Header(mistake) => mistake.code(),
            Self::Provider(mistake) => mistake.code(),
            Self::Rule(mistake) => mistake.code(),
            Self::Secret { mistake, .. } => mistake.code(),
            Self::Stated { code, .. } => code,
            Self::Time(mistake) => mistake.code(),
            Self::Url(mistake) => mistake.code(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(mistake) => mistake.fmt(f),
            Self::Header(mistake) => mistake.fmt(f),
            Self::Provider(mistake) => mistake.fmt(f),
            Self::Rule(mistake) => mistake.fmt(f),
            Self::Secret { key, mistake } => mistake.write(key, f),
            Self::Stated { reason, advice, .. } => write!(f, "{reason}: {advice}"),
            Self::Time(mistake) => mistake.fmt(f),
            Self::Url(mistake) => mistake.fmt(f),
        }
    }
}
