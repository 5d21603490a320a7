//! Secrets: what the user pastes from the provider's page, and the mistakes in it.

use std::fmt;

use zeroize::Zeroizing;

use crate::{
    placeholder::{PREFIXES, is_placeholder},
    public_key::KeyError,
};

/// A signing secret: never printed, compared or cloned, and wiped from memory when dropped.
///
/// ```
/// use countersign::Secret;
///
/// assert_eq!(format!("{:?}", Secret::new("s3cr3t-from-the-dashboard")?), "Secret(..)");
/// assert!(Secret::new("").is_err());
/// assert!(Secret::new("${WEBHOOK_SECRET}").is_err());
/// # Ok::<(), countersign::SecretError>(())
/// ```
///
/// ```compile_fail
/// let secret = countersign::Secret::new("one")?;
/// let same = secret == secret; // a secret cannot be compared
/// # Ok::<(), countersign::SecretError>(())
/// ```
///
/// ```compile_fail
/// let secret = countersign::Secret::new("one")?;
/// println!("{secret}"); // nor printed
/// # Ok::<(), countersign::SecretError>(())
/// ```
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// A secret as text, exactly as the provider's page shows it.
    ///
    /// # Errors
    ///
    /// If the text is empty or blank; begins or ends with white space, or is in quotation marks; contains an invisible
    /// character; is a placeholder, such as `${SECRET}`, `$SECRET` or `changeme`, by itself or after a prefix
    /// (`whsec_<your-secret>`, `sk_test_xxxx`); or is only the prefix of Standard Webhooks' secrets, `whsec_`.
    pub fn new(text: impl Into<String>) -> Result<Self, SecretError> {
        let text = Zeroizing::new(text.into());
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        if text.chars().all(|c| c.is_whitespace() || c == '\0') {
            return Err(SecretError::Blank);
        }
        // A key file ends in a line break, which is not part of the key.
        let text = match text.strip_suffix(['\n', '\r']) {
            Some(_) if text.starts_with("-----BEGIN ") => Zeroizing::new(text.trim_end().to_owned()),
            _ => text,
        };
        if text.trim().len() != text.len() || is_quoted(&text) {
            return Err(SecretError::Untrimmed);
        }
        if text.contains(is_invisible) {
            return Err(SecretError::Invisible);
        }
        if is_placeholder(&text) {
            return Err(SecretError::Placeholder);
        }
        if let Some(prefix) = PREFIXES.into_iter().find(|prefix| *prefix == *text) {
            return Err(SecretError::PrefixOnly { prefix: prefix.to_owned() });
        }
        Ok(Self(Zeroizing::new(text.as_bytes().to_vec())))
    }

    /// A secret as bytes, for a secret that is not text.
    ///
    /// # Errors
    ///
    /// If there are no bytes, or only white space and zeros.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self, SecretError> {
        let bytes = Zeroizing::new(bytes.into());
        if bytes.is_empty() {
            return Err(SecretError::Empty);
        }
        if bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
            return Err(SecretError::Blank);
        }
        Ok(Self(bytes))
    }

    /// Bytes that may not be a secret, to try whether a sender used them as one.
    pub(crate) fn guess(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why a text cannot be a signing secret. It quotes nothing of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretError {
    /// Only white space (or zero bytes).
    Blank,
    /// Nothing at all, often because an environment variable is not set.
    Empty,
    /// It contains an invisible character: a byte order mark, a zero-width space, a control character.
    Invisible,
    /// A secret of another kind, recognised by its beginning.
    LooksLike {
        /// What it seems to be, and where to find the right one.
        hint: &'static str,
    },
    /// It lacks the prefix that the scheme requires.
    MissingPrefix {
        /// The prefix.
        prefix: String,
    },
    /// It is not in the encoding that the scheme requires.
    NotDecodable {
        /// The encoding that the scheme expects.
        encoding: &'static str,
    },
    /// Only zero bytes are left without the prefix and the encoding; HMAC treats them like the empty key.
    OnlyZeros,
    /// A credential that signs no webhooks, recognised by its beginning.
    OtherCredential {
        /// What it is, such as `an API key`.
        kind: &'static str,
    },
    /// A public key that the scheme's algorithm cannot use.
    OtherKindOfKey {
        /// The algorithm.
        algorithm: String,
    },
    /// A placeholder, which was to be replaced by the secret.
    Placeholder,
    /// Nothing after the prefix.
    PrefixOnly {
        /// The prefix.
        prefix: String,
    },
    /// The provider's public key cannot be used.
    PublicKey(KeyError),
    /// A public key, although the scheme computes with a secret.
    PublicKeyForSecret,
    /// White space before or after the secret, or quotation marks around it.
    Untrimmed,
    /// HTTP Basic needs `user:password`.
    WithoutColon,
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("the secret is blank: paste the one from the provider's page"),
            Self::Empty => f.write_str("the secret is empty: is the variable or file that it comes from set?"),
            Self::Invisible => f.write_str(
                "the secret has a character in it that cannot be seen, such as a byte order mark: paste it once more, as plain text",
            ),
            Self::LooksLike { hint } => write!(f, "this is not the signing secret: {hint}"),
            Self::MissingPrefix { prefix } => {
                write!(f, "the secret does not begin with `{prefix}`: paste it whole")
            }
            Self::NotDecodable { encoding } => {
                write!(f, "the secret is not {encoding}: was it cut, or is it another provider's?")
            }
            Self::OnlyZeros => f.write_str(
                "the secret is nothing but zeros, which anybody can sign with: paste the one from the provider's page",
            ),
            Self::OtherCredential { kind } => write!(
                f,
                "this is not the signing secret but {kind}: take the one from the page of the webhook endpoint"
            ),
            Self::OtherKindOfKey { algorithm } => {
                write!(f, "the public key is of another kind than `{algorithm}` needs: is it another provider's?")
            }
            Self::Placeholder => {
                f.write_str("the secret is a placeholder: put the one from the provider's page in its place")
            }
            Self::PrefixOnly { prefix } => {
                write!(f, "the secret is only its prefix `{prefix}`: paste the rest as well")
            }
            Self::PublicKey(error @ KeyError::Public) => write!(f, "the private key cannot be used: {error}"),
            Self::PublicKey(error) => write!(f, "the key cannot be used: {error}"),
            Self::PublicKeyForSecret => {
                f.write_str("a public key proves nothing here: the scheme computes with a secret")
            }
            Self::Untrimmed => f.write_str(
                "the secret begins or ends with white space, or stands between quotation marks: remove them \
                 (or use Secret::from_bytes if they do belong to it)",
            ),
            Self::WithoutColon => f.write_str("the secret must be written `user:password`"),
        }
    }
}

impl std::error::Error for SecretError {}

/// Characters that come along when a text is copied from a page or an editor. Line breaks and zeros are checked
/// elsewhere.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}')
        || c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\0')
}

fn is_quoted(text: &str) -> bool {
    text.len() > 1 && ['"', '\'', '`'].iter().any(|quote| text.starts_with(*quote) && text.ends_with(*quote))
}
