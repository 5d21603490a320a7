//! Builds a verifier from secrets and settings, and reports what is wrong with them.

use std::{fmt, mem};

use zeroize::Zeroizing;

use crate::{
    config::{ConfigError, IntoScheme, IntoSecret},
    content::Settings,
    key::{Key, ReadyKey},
    public_key::KeyPolicy,
    public_url::PublicUrl,
    scheme::{Algorithm, Scheme},
    secret::SecretError,
    timestamp::Tolerance,
    unkeyed::Unkeyed,
    verifier::{Verifier, VerifierSetup},
};

/// Builds a [`Verifier`]. Made by [`Verifier::builder`].
#[must_use]
pub struct VerifierBuilder {
    scheme: Result<Scheme, ConfigError>,
    keys: Vec<Result<Key, SecretError>>,
    tolerance: Option<Tolerance>,
    public_url: Option<String>,
    settings: Settings,
    allows_legacy: bool,
    awaits_secret: bool,
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
        let settings = Settings::new();
        Self {
            scheme,
            keys: Vec::new(),
            tolerance: None,
            public_url: None,
            settings,
            allows_legacy: false,
            awaits_secret: false,
        }
    }

    /// Adds a secret, labelled `key-1`, `key-2` … in order. Every added secret can verify. To rotate, add the new one,
    /// and remove the old one when the provider has stopped using it.
    pub fn secret(mut self, secret: impl IntoSecret) -> Self {
        let label = format!("key-{}", self.keys.len() + 1);
        self.keys.push(secret.into_secret().map(|secret| Key::new(label, secret)));
        self
    }

    /// Adds a secret with its own label or time of validity.
    pub fn key(mut self, key: Key) -> Self {
        self.keys.push(Ok(key));
        self
    }

    /// Sets the tolerance for the signed timestamp, in place of the provider's own: a [`Duration`](std::time::Duration)
    /// for both the past and the future, or a [`Tolerance`].
    pub fn tolerance(mut self, tolerance: impl Into<Tolerance>) -> Self {
        self.tolerance = Some(tolerance.into());
        self
    }

    /// The URL that was given to the provider, byte for byte, for the schemes that sign it.
    ///
    /// It is configured, never taken from a request: the sender chooses the `Host` header. A URL with a path is the
    /// whole URL. If it has no path, the path is that of the request. The query is always that of the request.
    /// URL; without one, the path is that of the request. The query is always that of the request.
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Sets a value that the scheme needs besides the secret, such as the provider's id of the webhook. See
    /// [`settings`](crate::scheme::Description::settings).
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.insert(name.into(), Zeroizing::new(value.into()));
        self
    }

    /// Allows a scheme that uses short keys or an algorithm that is broken for other uses: MD5, SHA-1 outside HMAC, RSA
    /// of 1024 bits.
    pub fn allow_legacy(mut self) -> Self {
        self.allows_legacy = true;
        self
    }

    /// Lets the provider send the secret in its first [handshake](crate::handshake), so that none has to be configured
    /// yet. Until it is there, every delivery is refused.
    ///
    /// The question is not signed: the first sender is believed. Build the verifier without this once the secret is
    /// there.
    pub fn awaiting_secret(mut self) -> Self {
        self.awaits_secret = true;
        self
    }

    pub(crate) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Builds the verifier, and prepares its keys.
    ///
    /// # Errors
    ///
    /// - The scheme is wrong, or needs an algorithm whose cargo feature is off.
    /// - There is no secret, or one of them is unusable; two keys have the same label; there are more than
    ///   [`MAX_KEYS`]; a key can never be valid, or has an id although the scheme's requests name no key.
    /// - The scheme needs a public URL or a setting, or has no setting of a given name.
    /// - A tolerance was given, but the scheme signs no time.
    /// - A secret was awaited, but the provider sends none.
    /// - The scheme's algorithm is a legacy one and was not allowed.
    pub fn build(mut self) -> Result<Verifier, ConfigError> {
        let keys = mem::take(&mut self.keys);
        if keys.is_empty() && !self.awaits_secret {
            // A mistake in the scheme comes before all others.
            self.scheme?;
            return Err(ConfigError::NoSecret);
        }
        // Not checked for fetched keys: one that is never valid must not keep the others from being used.
        if let Some(key) = keys.iter().flatten().find(|key| key.is_never_valid()) {
            return Err(ConfigError::NeverValid { label: key.label().to_owned() });
        }
        self.setup()?.with_keys(keys)
    }

    /// Builds everything but the keys, which are fetched from the provider later. See [`Unkeyed`].
    ///
    /// # Errors
    ///
    /// If a secret was added, or the scheme does not say where its keys are; otherwise as [`build`](Self::build).
    pub fn without_keys(self) -> Result<Unkeyed, ConfigError> {
        let has_secret = !self.keys.is_empty();
        let setup = self.setup()?;
        if setup.scheme.key_source().is_none() || has_secret {
            return Err(ConfigError::KeysNotFetched { scheme: setup.scheme.id().to_owned(), has_secret });
        }
        Unkeyed::new(setup)
    }

    /// Checks everything but the keys.
    fn setup(self) -> Result<VerifierSetup, ConfigError> {
        let scheme = self.scheme?;
        if let Some(algorithm) = scheme.weakness().filter(|_| !self.allows_legacy) {
            return Err(ConfigError::Legacy { scheme: scheme.id().to_owned(), algorithm });
        }
        if self.awaits_secret && !scheme.sends_secret() {
            return Err(ConfigError::SendsNoSecret { scheme: scheme.id().to_owned() });
        }
        check_settings(&scheme, &self.settings)?;
        let public_url =
            self.public_url.map(|url| PublicUrl::parse(&url)).transpose().map_err(ConfigError::PublicUrl)?;
        if scheme.needs_public_url() && public_url.is_none() {
            return Err(ConfigError::NoPublicUrl { scheme: scheme.id().to_owned() });
        }
        if self.tolerance.is_some() && scheme.tolerance().is_none() {
            return Err(ConfigError::NoTimestamp { scheme: scheme.id().to_owned() });
        }
        let tolerance = self.tolerance.or(scheme.tolerance());
        let Self { settings, allows_legacy, awaits_secret, .. } = self;
        Ok(VerifierSetup { scheme, keys: Vec::new(), tolerance, public_url, settings, awaits_secret, allows_legacy })
    }
}

impl VerifierSetup {
    /// Builds a verifier with these keys.
    pub(crate) fn with_keys(self, keys: Vec<Result<Key, SecretError>>) -> Result<Verifier, ConfigError> {
        let keys = ready_keys(keys, &self.scheme, policy(self.allows_legacy))?;
        Ok(Verifier::assemble(Self { keys, ..self }))
    }
}

fn ready_keys(
    keys: Vec<Result<Key, SecretError>>,
    scheme: &Scheme,
    policy: KeyPolicy,
) -> Result<Vec<ReadyKey>, ConfigError> {
    let mut ready: Vec<ReadyKey> = Vec::with_capacity(keys.len());
    let count = keys.len();
    for (at, key) in keys.into_iter().enumerate() {
        let names_key = matches!(scheme.signature.algorithm, Algorithm::HttpSignature);
        if key.as_ref().is_ok_and(Key::has_id) && !names_key {
            return Err(ConfigError::NamesNoKey { scheme: scheme.id().to_owned() });
        }
        let label = key.as_ref().map_or_else(|_| format!("key-{}", at + 1), |key| key.label().to_owned());
        let wrong =
            |error| if count == 1 { ConfigError::Secret(error) } else { ConfigError::SecretOf { label, error } };
        let key = key.and_then(|key| ReadyKey::new(key, scheme, policy)).map_err(wrong)?;
        if ready.iter().any(|other| other.label == key.label) {
            return Err(ConfigError::SameLabel { label: key.label.to_string() });
        }
        ready.push(key);
    }
    if ready.len() > MAX_KEYS { Err(ConfigError::TooManySecrets) } else { Ok(ready) }
}

fn check_settings(scheme: &Scheme, settings: &Settings) -> Result<(), ConfigError> {
    if let Some(name) = settings.keys().find(|name| !scheme.settings.contains_key(*name)) {
        return Err(ConfigError::UnknownSetting { name: name.clone(), scheme: scheme.id().to_owned() });
    }
    for (name, what) in &scheme.settings {
        let given = settings.get(name);
        let is_empty = given.is_some_and(|value| value.trim().is_empty());
        if is_empty || (given.is_none() && scheme.required_settings.contains(name)) {
            return Err(ConfigError::MissingSetting { name: name.clone(), what: what.clone() });
        }
    }
    Ok(())
}

/// The RSA key sizes that are accepted.
pub(crate) fn policy(allows_legacy: bool) -> KeyPolicy {
    match allows_legacy {
        #[cfg(feature = "legacy")]
        true => KeyPolicy::DangerousSmallRsa,
        _ => KeyPolicy::Standard,
    }
}

/// The most keys that one endpoint may have: each costs one MAC per delivery.
pub const MAX_KEYS: usize = 16;
