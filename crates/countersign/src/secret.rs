//! What the user pastes from the provider's page.

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
    /// A secret as text, just as the provider's page shows it.
    ///
    /// # Errors
    ///
    /// If the text is empty or blank, begins or ends with white space or stands between quotation marks that came along
    /// when it was copied, has a character in it that nobody sees, is a placeholder that nothing was put in place of, such as
    /// `${SECRET}`, `$SECRET` or `changeme`, by itself or behind a prefix (`whsec_<your-secret>`, `sk_test_xxxx`), or the prefix
    /// of Standard Webhooks' secrets, `whsec_`, with nothing behind it.
    pub fn new(text: impl Into<String>) -> Result<Self, SecretError> {
        let text = Zeroizing::new(text.into());
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        if text.chars().all(|c| c.is_whitespace() || c == '\0') {
            return Err(SecretError::Blank);
        }
        // A key file ends in a line break, and nobody means another key by that.
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

    /// A secret as bytes, for those that are no text.
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

    /// Bytes that may be no secret at all, to try whether a sender used them as one.
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

/// Why a text cannot be a signing secret. Says nothing of the text itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretError {
    /// Only white space (or zero bytes).
    Blank,
    /// Nothing at all; an unset environment variable often ends here.
    Empty,
    /// A character that nobody sees: a byte order mark, a space without width, a control character.
    Invisible,
    /// A secret of another kind, as its beginning shows.
    LooksLike {
        /// What it seems to be, and where the right one is found.
        hint: &'static str,
    },
    /// The scheme wants a prefix that is not there.
    MissingPrefix {
        /// The prefix.
        prefix: String,
    },
    /// The scheme wants another encoding.
    NotDecodable {
        /// The encoding that the scheme expects.
        encoding: &'static str,
    },
    /// Zero bytes alone are left without the prefix and the encoding; HMAC takes them for the empty key.
    OnlyZeros,
    /// A credential that signs no webhooks, as its beginning shows.
    OtherCredential {
        /// What it is, such as `an API key`.
        kind: &'static str,
    },
    /// A public key that the scheme's algorithm cannot use.
    OtherKindOfKey {
        /// The algorithm.
        algorithm: String,
    },
    /// Text that stands where a secret was to be filled in.
    Placeholder,
    /// Nothing behind the prefix.
    PrefixOnly {
        /// The prefix.
        prefix: String,
    },
    /// The provider's public key cannot be used.
    PublicKey(KeyError),
    /// A public key, where the scheme computes with a secret.
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

/// What comes along when a text is copied from a page or out of an editor. Lines, and zeros, are the business of whoever makes keys.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}')
        || c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\0')
}

fn is_quoted(text: &str) -> bool {
    text.len() > 1 && ['"', '\'', '`'].iter().any(|quote| text.starts_with(*quote) && text.ends_with(*quote))
}
