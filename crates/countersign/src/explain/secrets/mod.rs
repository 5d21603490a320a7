//! Secret mistakes: pasted wrongly, or not used as the sender uses it.

mod kinds;
mod texts;

use std::fmt;

use zeroize::Zeroizing;

use super::{
    explanation::Verdict,
    mistake::Mistake,
    search::{Candidate, Search, has_secret_bytes},
    setup::Pasted,
};
use crate::{
    config::ConfigError,
    encoding::Encoding,
    rejection::Rejection,
    scheme::{Scheme, SecretRule},
    secret::SecretError,
};

/// What is wrong with a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretMistake {
    /// Its letters were changed to upper or lower case.
    Case,
    /// The sender makes a different key from the same text.
    Encoding {
        /// How the endpoint reads it.
        configured: &'static str,
        /// How the sender reads it.
        signed: &'static str,
    },
    /// It is the secret of the other environment, as its prefix and the payload show.
    Environment {
        /// The secret's: `live` or `test`.
        secret: &'static str,
        /// The delivery's.
        delivery: &'static str,
    },
    /// It has the escapes of a URL or of a web page.
    Escaped,
    /// It is a credential of another kind.
    Kind {
        /// What it is.
        kind: &'static str,
    },
    /// It is a list of secrets in one text.
    List,
    /// It is the secret of another endpoint.
    OfAnotherEndpoint,
    /// The `=` at the end of its base64 are missing, or too many.
    Padding,
    /// The sender uses a placeholder instead of its secret.
    Placeholder,
    /// Only one side uses it with the prefix.
    Prefix {
        /// Whether the configured secret lacks the prefix.
        missing: bool,
    },
    /// It has white space, quotation marks or the like around it.
    Stray {
        /// Whether the sender's secret has them, instead of the configured one.
        at_sender: bool,
    },
    /// The scheme cannot make a key from it.
    Unusable(SecretError),
    /// The sender signs with an empty secret.
    Unset,
}

impl SecretMistake {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Case => "secret_case",
            Self::Encoding { .. } => "secret_encoding",
            Self::Environment { .. } => "secret_of_another_environment",
            Self::Escaped => "secret_escaped",
            Self::Kind { .. } => "secret_kind",
            Self::List => "secret_list",
            Self::OfAnotherEndpoint => "secret_of_another_endpoint",
            Self::Padding => "secret_padding",
            Self::Placeholder => "sender_secret_placeholder",
            Self::Prefix { .. } => "secret_prefix",
            Self::Stray { at_sender: false } => "secret_stray_characters",
            Self::Stray { at_sender: true } => "sender_secret_stray_characters",
            Self::Unset => "sender_secret_empty",
            Self::Unusable(_) => "secret_unusable",
        }
    }

    pub(super) fn write(&self, key: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Case => write!(f, "the secret `{key}` differs from the sender's in upper and lower case: paste it again"),
            Self::Encoding { configured, signed } => write!(
                f,
                "the endpoint reads the secret `{key}` as {configured}, but the sender uses {signed}: correct `[secret]` of \
                 the scheme, or how the secret is written"
            ),
            Self::Environment { secret, delivery } => write!(
                f,
                "the secret `{key}` is for the {secret} environment, as its prefix says, but the delivery comes from the \
                 {delivery} environment: configure the secret of that one"
            ),
            Self::Escaped => write!(
                f,
                "the secret `{key}` is written with the escapes of a URL or of a web page (`%2B`, `&amp;`): paste it as the \
                 provider's page shows it"
            ),
            Self::Kind { kind } => write!(
                f,
                "the secret `{key}` is {kind}, which does not sign these webhooks: use the signing secret from the provider's page \
                 of this endpoint"
            ),
            Self::List => write!(f, "the secret `{key}` is a list of several: configure each as a secret of its own"),
            Self::OfAnotherEndpoint => write!(
                f,
                "`{key}`, the secret of another endpoint or environment, made the signature: configure it here, or send to \
                 the other endpoint"
            ),
            Self::Padding => write!(
                f,
                "the secret `{key}` is base64 without the `=` at its end, or with too many: paste it whole, as the provider's \
                 page shows it"
            ),
            Self::Placeholder => f.write_str(
                "the sender signs with a placeholder instead of its secret, as anybody can: set the secret at the sender; do \
                 not accept this delivery",
            ),
            Self::Prefix { missing: true } => {
                write!(f, "the secret `{key}` lacks the prefix of the sender's secret: paste it whole")
            }
            Self::Prefix { missing: false } => write!(
                f,
                "the secret `{key}` has a prefix that the sender's does not have: leave it out, or correct `[secret]` of the \
                 scheme"
            ),
            Self::Stray { at_sender: false } => write!(
                f,
                "the secret `{key}` has white space, a line end, quotation marks or a variable's name around it: remove them"
            ),
            Self::Stray { at_sender: true } => write!(
                f,
                "the sender signs with a line end, white space or quotation marks around the secret `{key}`: remove them at \
                 the sender"
            ),
            Self::Unset => f.write_str(
                "the sender signs with an empty secret, as anybody can: set the secret at the sender; do not accept this \
                 delivery",
            ),
            Self::Unusable(error) => write!(f, "`{key}`: {error}"),
        }
    }
}

/// The keys that the scheme makes from the configured secrets.
pub(super) fn as_configured(secrets: &[Pasted], scheme: &Scheme) -> Vec<Candidate> {
    let key = |pasted: &Pasted| {
        if has_secret_bytes(scheme) { scheme.secret.key(&pasted.bytes).ok() } else { Some(pasted.bytes.clone()) }
    };
    secrets.iter().filter_map(|pasted| Some(Candidate { key: key(pasted)?, mistakes: Vec::new() })).collect()
}

/// The keys that the sender may have made from the same secrets, those with the fewest mistakes first.
pub(super) fn candidates(search: &Search<'_>) -> Vec<Candidate> {
    let scheme = &search.setup.scheme;
    if !has_secret_bytes(scheme) {
        return of_public_keys(search);
    }
    let mut candidates = Vec::new();
    for pasted in &search.setup.secrets {
        let mistake = |mistake| Mistake::Secret { key: pasted.label.clone(), mistake };
        for text in texts::variants(&pasted.bytes) {
            for (key, encoding) in keys(&text.bytes, &scheme.secret) {
                let mistakes = text.mistakes.iter().cloned().chain(encoding).map(mistake).collect();
                candidates.push(Candidate { key, mistakes });
            }
        }
    }
    candidates.retain(|candidate| !candidate.mistakes.is_empty());
    candidates.sort_by_key(|candidate| candidate.mistakes.len());
    candidates.extend(unset_at_sender(&scheme.secret));
    candidates
}

/// Other texts that may have been meant as the public key, or as the secret of a token.
fn of_public_keys(search: &Search<'_>) -> Vec<Candidate> {
    let configured = search.setup.scheme.secret.encoding.map_or("text", Encoding::name);
    let mut candidates = Vec::new();
    for pasted in &search.setup.secrets {
        let mistake = |mistake| Mistake::Secret { key: pasted.label.clone(), mistake };
        for text in texts::of_key(&pasted.bytes).into_iter().chain(texts::variants(&pasted.bytes)) {
            let mut add = |key: Vec<u8>, more: Option<SecretMistake>| {
                let mistakes = text.mistakes.iter().cloned().chain(more).map(mistake).collect();
                candidates.push(Candidate { key: Zeroizing::new(key), mistakes });
            };
            let encoding = |signed| Some(SecretMistake::Encoding { configured, signed });
            for (from, signed) in
                [(Encoding::HexAny, OF_HEX), (Encoding::Base64, OF_BASE64), (Encoding::Base64Url, OF_BASE64)]
            {
                let Some(bytes) = from.decode(&text.bytes).filter(|bytes| !bytes.is_empty()) else { continue };
                add(Encoding::HexLower.encode(&bytes).into_bytes(), encoding(signed));
                add(Encoding::Base64.encode(&bytes).into_bytes(), encoding(signed));
                add(bytes, encoding(signed));
            }
            add(text.bytes.to_vec(), None);
        }
    }
    candidates.retain(|candidate| !candidate.mistakes.is_empty());
    candidates.sort_by_key(|candidate| candidate.mistakes.len());
    candidates.truncate(MAX_KEYS_READ);
    candidates
}

/// The keys that the scheme makes from the secrets of other endpoints.
pub(super) fn of_others(search: &Search<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for pasted in &search.setup.others {
        let mistake = Mistake::Secret { key: pasted.label.clone(), mistake: SecretMistake::OfAnotherEndpoint };
        let keys = as_configured(std::slice::from_ref(pasted), &search.setup.scheme);
        candidates.extend(keys.into_iter().map(|key| Candidate { mistakes: vec![mistake.clone()], ..key }));
    }
    candidates
}

/// The mistakes that the secrets themselves show.
pub(super) fn indicated(search: &Search<'_>, verdict: &Verdict) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for pasted in &search.setup.secrets {
        let other_environment = || {
            let is_wrong = matches!(verdict, Verdict::Refused(Rejection::Signature));
            kinds::environments(&pasted.bytes, search.body).filter(|_| is_wrong)
        };
        let mistake = match (kinds::kind(&pasted.bytes, &search.setup.scheme), other_environment()) {
            (Some(kind), _) => SecretMistake::Kind { kind },
            (None, Some((secret, delivery))) => SecretMistake::Environment { secret, delivery },
            (None, None) => match pasted.secret().and_then(|_| search.setup.scheme.secret.key(&pasted.bytes)) {
                Err(error) if has_secret_bytes(&search.setup.scheme) => SecretMistake::Unusable(error),
                _ => continue,
            },
        };
        mistakes.push(Mistake::Secret { key: pasted.label.clone(), mistake });
    }
    if mistakes.is_empty()
        && let Verdict::Misconfigured(config) = verdict
        && let ConfigError::Secret(error) | ConfigError::SecretOf { error, .. } = config
        && let Some(pasted) = misconfigured(search, config)
    {
        mistakes.push(Mistake::Secret { key: pasted.label.clone(), mistake: SecretMistake::Unusable(error.clone()) });
    }
    mistakes
}

/// The secret of a configuration error: the one that it names, otherwise the first.
fn misconfigured<'b>(search: &'b Search<'_>, error: &ConfigError) -> Option<&'b Pasted> {
    let secrets = &search.setup.secrets;
    let named = match error {
        ConfigError::SecretOf { label: named, .. } => secrets.iter().find(|pasted| named[..] == pasted.label[..]),
        _ => None,
    };
    named.or(secrets.first())
}

/// A key, and the mistake if another encoding made it.
type Key = (Zeroizing<Vec<u8>>, Option<SecretMistake>);

/// The keys that can be made from one text: by the scheme's rule, and by every other encoding.
fn keys(text: &[u8], rule: &SecretRule) -> Vec<Key> {
    let bare = rule.strip.as_ref().and_then(|prefix| text.strip_prefix(prefix.as_bytes())).unwrap_or(text);
    let configured = rule.encoding.map_or("text", Encoding::name);
    let taken_for = |signed| SecretMistake::Encoding { configured, signed };
    let own: Option<Key> = rule.key(text).ok().map(|key| (key, None));
    let (mut plain, mut inner): (Vec<Key>, Vec<Key>) = (Vec::new(), Vec::new());
    let mut add = |bytes: Vec<u8>, mistake| plain.push((Zeroizing::new(bytes), Some(mistake)));
    add(text.to_vec(), taken_for("its text unchanged"));
    if bare.len() != text.len() {
        add(bare.to_vec(), taken_for("the text after its prefix"));
    }
    for encoding in [Encoding::HexAny, Encoding::Base64, Encoding::Base64Unpadded] {
        let Some(bytes) = encoding.decode(bare).filter(|bytes| !bytes.is_empty()) else { continue };
        // The encoded text may be the whole secret, with its prefix.
        if let Ok(key) = rule.key(&bytes) {
            inner.push((key, Some(taken_for("the secret that it decodes to from base64 or hex"))));
        }
        if lacks_padding(rule, encoding, &bytes) {
            add(bytes, SecretMistake::Padding);
        } else if rule.encoding != Some(encoding) {
            add(bytes, taken_for(if encoding == Encoding::HexAny { OF_HEX } else { OF_BASE64 }));
        }
    }
    for encoding in [Encoding::Base64Url, Encoding::Base64UrlUnpadded] {
        if let Some(bytes) = encoding.decode(bare).filter(|bytes| !bytes.is_empty()) {
            let is_padding = lacks_padding(rule, encoding, &bytes);
            add(
                bytes,
                if is_padding {
                    SecretMistake::Padding
                } else {
                    taken_for("the bytes that it decodes to from base64url")
                },
            );
        }
    }
    add(Encoding::Base64.encode(text).into_bytes(), taken_for("the base64 of its text"));
    add(Encoding::HexLower.encode(text).into_bytes(), taken_for("the hex of its text"));
    // The sender also does what the scheme does with the decoded bytes.
    let rest = rule.of_bare();
    own.into_iter()
        .chain(plain.into_iter().filter_map(|(bytes, mistake)| Some((rest.key(&bytes).ok()?, mistake))))
        .chain(inner)
        .collect()
}

/// Whether this encoding differs from the rule's only in the padding, and decodes to the right length.
fn lacks_padding(rule: &SecretRule, encoding: Encoding, bytes: &[u8]) -> bool {
    use Encoding::{Base64, Base64Unpadded, Base64Url, Base64UrlUnpadded};
    let differs = matches!(
        (rule.encoding, encoding),
        (Some(Base64), Base64Unpadded)
            | (Some(Base64Unpadded), Base64)
            | (Some(Base64Url), Base64UrlUnpadded)
            | (Some(Base64UrlUnpadded), Base64Url)
    );
    differs && rule.bytes.is_none_or(|count| count == bytes.len())
}

const OF_BASE64: &str = "the bytes that it decodes to from base64";
const OF_HEX: &str = "the bytes that it decodes to from hex";

/// A limit, because public keys are slow to read.
const MAX_KEYS_READ: usize = 64;

/// The keys of a sender whose secret was never set.
fn unset_at_sender(rule: &SecretRule) -> impl Iterator<Item = Candidate> {
    let rest = rule.of_bare();
    let unset = [("", SecretMistake::Unset)];
    let placeholders = PLACEHOLDERS.into_iter().map(|text| (text, SecretMistake::Placeholder));
    unset.into_iter().chain(placeholders).filter_map(move |(text, mistake)| {
        let key = rest.key(text.as_bytes()).ok()?;
        Some(Candidate { key, mistakes: vec![Mistake::Secret { key: "the sender's".into(), mistake }] })
    })
}

/// What programming languages and examples have instead of a secret.
const PLACEHOLDERS: [&str; 12] = [
    "undefined",
    "null",
    "None",
    "nil",
    "secret",
    "changeme",
    "your-secret",
    "your_secret",
    "your-webhook-secret",
    "webhook_secret",
    "test",
    "whsec_",
];
