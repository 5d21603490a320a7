//! `Setup`: the configuration of an endpoint, mistakes included.

use std::{fmt, sync::Arc};

use zeroize::Zeroizing;

use crate::{
    builder::VerifierBuilder,
    config::{ConfigError, IntoScheme},
    content::Settings,
    key::Key,
    scheme::{Scheme, SchemeError},
    secret::{Secret, SecretError},
    timestamp::Tolerance,
    verifier::Verifier,
};

/// The configuration of an endpoint, exactly as it is written.
///
/// Unlike a [`Verifier`], it also accepts mistakes: a secret with its quotation marks, or no public URL where one is
/// needed. [`explain`](crate::explain()) finds them.
pub struct Setup {
    pub(super) scheme: Scheme,
    pub(super) secrets: Vec<Pasted>,
    pub(super) others: Vec<Pasted>,
    pub(super) public_url: Option<String>,
    pub(super) tolerance: Option<Tolerance>,
    settings: Settings,
    allows_legacy: bool,
}

/// A secret as it was pasted.
pub(super) struct Pasted {
    pub(super) label: Arc<str>,
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

impl Setup {
    /// Creates the set-up of an endpoint for the deliveries of a provider, without secrets.
    ///
    /// # Errors
    ///
    /// Fails if the scheme file is wrong. Files of the catalogue are valid, but may need a cargo feature that is off
    /// ([`SchemeError::missing_feature`]).
    pub fn new(scheme: impl IntoScheme) -> Result<Self, SchemeError> {
        let scheme = scheme.into_scheme()?;
        let (secrets, others, settings) = (Vec::new(), Vec::new(), Settings::new());
        Ok(Self { scheme, secrets, others, public_url: None, tolerance: None, settings, allows_legacy: false })
    }

    /// Adds a secret of the endpoint, byte for byte as configured. Its label appears in the explanation.
    pub fn secret(mut self, label: impl Into<Arc<str>>, bytes: impl Into<Vec<u8>>) -> Self {
        self.secrets.push(Pasted { label: label.into(), bytes: Zeroizing::new(bytes.into()) });
        self
    }

    /// Adds a secret of another endpoint or environment. If it made the signature, the explanation has its label.
    pub fn other_secret(mut self, label: impl Into<Arc<str>>, bytes: impl Into<Vec<u8>>) -> Self {
        self.others.push(Pasted { label: label.into(), bytes: Zeroizing::new(bytes.into()) });
        self
    }

    /// Sets the URL that was given to the provider. See [`VerifierBuilder::public_url`].
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Sets the tolerance of the endpoint, if it differs from the provider's. See [`VerifierBuilder::tolerance`].
    pub fn tolerance(mut self, tolerance: impl Into<Tolerance>) -> Self {
        self.tolerance = Some(tolerance.into());
        self
    }

    /// Sets a value that the scheme needs in addition to the secret. See [`VerifierBuilder::setting`].
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.insert(name.into(), Zeroizing::new(value.into()));
        self
    }

    /// Allows a legacy algorithm. See [`VerifierBuilder::allow_legacy`].
    pub fn allow_legacy(mut self) -> Self {
        self.allows_legacy = true;
        self
    }

    /// Returns the scheme.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Builds the verifier.
    pub(super) fn verifier(&self) -> Result<Verifier, ConfigError> {
        let mut builder = Verifier::builder(&self.scheme);
        for pasted in &self.secrets {
            builder = builder.key(Key::new(Arc::clone(&pasted.label), pasted.secret()?));
        }
        if let Some(url) = &self.public_url {
            builder = builder.public_url(url);
        }
        if let Some(tolerance) = self.tolerance {
            builder = builder.tolerance(tolerance);
        }
        self.complete(builder).build()
    }

    /// Configures everything except keys, public URL and tolerance.
    pub(super) fn complete(&self, builder: VerifierBuilder) -> VerifierBuilder {
        let settings = self.settings.iter();
        let builder = settings.fold(builder, |builder, (name, value)| builder.setting(name, value.as_str()));
        if self.allows_legacy { builder.allow_legacy() } else { builder }
    }
}

impl Pasted {
    pub(super) fn secret(&self) -> Result<Secret, SecretError> {
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => Secret::new(text),
            Err(_) => Secret::from_bytes(self.bytes.to_vec()),
        }
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = |pasted: &[Pasted]| pasted.iter().map(|pasted| Arc::clone(&pasted.label)).collect::<Vec<_>>();
        f.debug_struct("Setup")
            .field("scheme", &self.scheme.id())
            .field("secrets", &labels(&self.secrets))
            .field("others", &labels(&self.others))
            .field("tolerance", &self.tolerance)
            .finish_non_exhaustive()
    }
}
