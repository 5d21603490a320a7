//! From secrets and settings to a verifier, or the mistake in them.

use std::{fmt, time::Duration};

use crate::{
    config::{ConfigError, IntoScheme, IntoSecret},
    key::{Key, ReadyKey},
    public_url::PublicUrl,
    scheme::Scheme,
    secret::SecretError,
    timestamp::Tolerance,
    verifier::Verifier,
};

/// Builds a [`Verifier`]; made by [`Verifier::builder`].
#[must_use]
pub struct VerifierBuilder {
    scheme: Result<Scheme, ConfigError>,
    keys: Vec<Result<Key, SecretError>>,
    tolerance: Option<Tolerance>,
    public_url: Option<String>,
}

impl fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder")
            .field("scheme", &self.scheme.as_ref().map(|scheme| scheme.id()))
            .finish_non_exhaustive()
    }
}

impl VerifierBuilder {
    pub(crate) fn new(scheme: impl IntoScheme) -> Self {
        let scheme = scheme.into_scheme().map_err(ConfigError::Scheme);
        Self { scheme, keys: Vec::new(), tolerance: None, public_url: None }
    }

    /// Adds a secret, labelled `key-1`, `key-2` … in order. Every secret that is added can verify: to rotate, add the new
    /// one and remove the old one when the provider has stopped to use it.
    pub fn secret(mut self, secret: impl IntoSecret) -> Self {
        let label = format!("key-{}", self.keys.len() + 1);
        self.keys.push(secret.into_secret().map(|secret| Key::new(label, secret)));
        self
    }

    /// Adds a secret with a label or a time of validity of its own.
    pub fn key(mut self, key: Key) -> Self {
        self.keys.push(Ok(key));
        self
    }

    /// Takes another tolerance for the signed timestamp, to both sides, instead of the provider's own.
    pub fn tolerance(self, window: Duration) -> Self {
        self.tolerance_of(Tolerance::symmetric(window))
    }

    /// Takes a tolerance that is not the same to both sides.
    pub fn tolerance_of(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    /// The URL that was given to the provider, for the schemes that sign it. See [`PublicUrl`].
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Makes the keys ready.
    ///
    /// # Errors
    ///
    /// If there is no secret, one of them is unusable, two have the same label; if the scheme needs a public URL, or signs no
    /// time and a tolerance was given.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let scheme = self.scheme?;
        if self.keys.is_empty() {
            return Err(ConfigError::NoSecret);
        }
        let mut keys: Vec<ReadyKey> = Vec::with_capacity(self.keys.len());
        for key in self.keys {
            let key = key.and_then(|key| ReadyKey::new(&key, &scheme)).map_err(ConfigError::Secret)?;
            if keys.iter().any(|other| other.label == key.label) {
                return Err(ConfigError::SameLabel { label: key.label.to_string() });
            }
            keys.push(key);
        }
        if keys.len() > MAX_KEYS {
            return Err(ConfigError::TooManySecrets);
        }
        let public_url =
            self.public_url.map(|url| PublicUrl::parse(&url)).transpose().map_err(ConfigError::PublicUrl)?;
        if scheme.needs_public_url() && public_url.is_none() {
            return Err(ConfigError::NoPublicUrl { scheme: scheme.id().to_owned() });
        }
        if self.tolerance.is_some() && scheme.tolerance().is_none() {
            return Err(ConfigError::NoTimestamp { scheme: scheme.id().to_owned() });
        }
        let tolerance = self.tolerance.or(scheme.tolerance());
        Ok(Verifier::assemble(scheme, keys, tolerance, public_url))
    }
}

/// The most keys that one endpoint may have: each costs one MAC per delivery.
pub const MAX_KEYS: usize = 16;
