//! Configuration errors of verifiers and signers, and the conversions into schemes and secrets.

use std::fmt;

use crate::{
    builder::MAX_KEYS,
    providers::Provider,
    public_url::PublicUrlError,
    scheme::{Scheme, SchemeError},
    secret::{Secret, SecretError},
};

/// Why a verifier or signer could not be built: a mistake in the receiver's configuration, found at start-up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The settings make a URL that keys may not be fetched from.
    KeyUrl {
        /// How the URL is made.
        rule: String,
    },
    /// Keys cannot be fetched: a secret was given, or the scheme does not say where its keys are.
    KeysNotFetched {
        /// The scheme.
        scheme: String,
        /// Whether a secret was given.
        has_secret: bool,
    },
    /// The scheme uses an algorithm that is broken or too weak for new schemes, and legacy algorithms are not allowed.
    Legacy {
        /// The scheme.
        scheme: String,
        /// Its algorithm.
        algorithm: String,
    },
    /// A value that the scheme needs besides the secret is not configured, or is empty.
    MissingSetting {
        /// Its name.
        name: String,
        /// What it is, in the words of the scheme file.
        what: String,
    },
    /// A key has an id, which would have no effect: requests of this scheme name no key.
    NamesNoKey {
        /// The scheme.
        scheme: String,
    },
    /// A key's validity ends before it begins.
    NeverValid {
        /// Its label.
        label: String,
    },
    /// The scheme signs the URL, but no public URL is configured.
    NoPublicUrl {
        /// The scheme.
        scheme: String,
    },
    /// There is no secret, so nothing could ever be verified.
    NoSecret,
    /// A tolerance was given, which would have no effect: the scheme signs no time.
    NoTimestamp {
        /// The scheme.
        scheme: String,
    },
    /// The public URL is not a URL.
    PublicUrl(PublicUrlError),
    /// Two keys have one label, so logs could not tell them apart.
    SameLabel {
        /// The label.
        label: String,
    },
    /// The scheme file is wrong.
    Scheme(SchemeError),
    /// A secret is unusable.
    Secret(SecretError),
    /// A second secret was given to a [`Signer`](crate::Signer), which signs with one.
    SecretBesideSigner,
    /// One of several secrets is unusable.
    SecretOf {
        /// The label of its key.
        label: String,
        /// What is wrong with it.
        error: SecretError,
    },
    /// The provider was to send the secret in a handshake, but this scheme's provider sends none.
    SendsNoSecret {
        /// The scheme.
        scheme: String,
    },
    /// More than [`MAX_KEYS`] secrets.
    TooManySecrets,
    /// A setting is configured that the scheme does not have.
    UnknownSetting {
        /// Its name.
        name: String,
        /// The scheme.
        scheme: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyUrl { rule } => {
                write!(f, "the settings do not make a valid `https://host/path` of the URL `{rule}`: correct them")
            }
            Self::KeysNotFetched { has_secret: true, .. } => {
                f.write_str("a secret is given, but keys are to be fetched: leave out the secret, or fetch no keys")
            }
            Self::KeysNotFetched { scheme, has_secret: false } => {
                write!(f, "`{scheme}` does not say where its keys are: give the key as a secret")
            }
            Self::Legacy { scheme, algorithm } => write!(
                f,
                "`{scheme}` uses {algorithm}, which is too weak for anything new: to use it anyway, allow legacy algorithms"
            ),
            Self::MissingSetting { name, what } => write!(f, "the setting `{name}` is missing or empty: {what}"),
            Self::NamesNoKey { scheme } => {
                write!(f, "deliveries of `{scheme}` name no key, so the id of a key has no effect: leave it out")
            }
            Self::NeverValid { label } => {
                write!(f, "the key `{label}` can never be valid: its `not_after` lies before its `not_before`")
            }
            Self::NoPublicUrl { scheme } => {
                write!(f, "`{scheme}` signs the URL: set `public_url` to the URL that was given to the provider")
            }
            Self::NoSecret => f.write_str("there is no secret: add the one from the provider's page"),
            Self::NoTimestamp { scheme } => {
                write!(f, "`{scheme}` signs no time, so a tolerance has no effect: leave it out")
            }
            Self::PublicUrl(error) => error.fmt(f),
            Self::SameLabel { label } => write!(f, "two keys have the label `{label}`: give each its own"),
            Self::Scheme(error) => match error.missing_feature() {
                Some(_) => f.write_str(error.message()),
                None => write!(f, "the scheme file is wrong: {error}"),
            },
            Self::Secret(error) => error.fmt(f),
            Self::SecretBesideSigner => f.write_str("a signer signs with its one secret: configure no other"),
            Self::SecretOf { label, error } => write!(f, "the key `{label}`: {error}"),
            Self::SendsNoSecret { scheme } => {
                write!(f, "`{scheme}` sends no secret in a handshake: configure the one from the provider's page")
            }
            Self::UnknownSetting { name, scheme } => {
                write!(f, "`{scheme}` has no setting `{name}`: leave it out, or correct its name")
            }
            Self::TooManySecrets => write!(f, "more than {MAX_KEYS} secrets: remove those that no longer sign"),
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<SecretError> for ConfigError {
    fn from(error: SecretError) -> Self {
        Self::Secret(error)
    }
}

impl From<SchemeError> for ConfigError {
    fn from(error: SchemeError) -> Self {
        Self::Scheme(error)
    }
}

/// A type that names a scheme: a [`Provider`] of the catalogue or a [`Scheme`].
pub trait IntoScheme {
    /// Returns the scheme.
    ///
    /// # Errors
    ///
    /// If its file is wrong. A scheme of the catalogue never is, but may need a cargo feature that is off
    /// ([`SchemeError::missing_feature`]).
    fn into_scheme(self) -> Result<Scheme, SchemeError>;
}

impl IntoScheme for Scheme {
    fn into_scheme(self) -> Result<Scheme, SchemeError> {
        Ok(self)
    }
}

impl IntoScheme for &Scheme {
    fn into_scheme(self) -> Result<Scheme, SchemeError> {
        Ok(self.clone())
    }
}

impl IntoScheme for Provider {
    fn into_scheme(self) -> Result<Scheme, SchemeError> {
        self.scheme()
    }
}

/// A type that can be a secret: a [`Secret`], or its text.
pub trait IntoSecret {
    /// Returns the secret.
    ///
    /// # Errors
    ///
    /// If the text cannot be a secret.
    fn into_secret(self) -> Result<Secret, SecretError>;
}

impl IntoSecret for Secret {
    fn into_secret(self) -> Result<Secret, SecretError> {
        Ok(self)
    }
}

impl IntoSecret for String {
    fn into_secret(self) -> Result<Secret, SecretError> {
        Secret::new(self)
    }
}

impl IntoSecret for &String {
    fn into_secret(self) -> Result<Secret, SecretError> {
        Secret::new(self)
    }
}

impl IntoSecret for &str {
    fn into_secret(self) -> Result<Secret, SecretError> {
        Secret::new(self)
    }
}
