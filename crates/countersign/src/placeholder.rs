//! Texts that stand where a secret should, and are none.

use zeroize::Zeroizing;

/// Texts that configuration systems and examples leave behind; each was some project's advisory.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let plain = plain(text);
    is_unfilled(text)
        || is_masked(&plain)
        || PLACEHOLDERS.contains(&plain.as_str())
        || PREFIXES.iter().any(|prefix| {
            plain.strip_prefix(prefix.trim_end_matches('_')).is_some_and(|rest| PLACEHOLDERS.contains(&rest))
        })
        || behind_words(text).any(is_long_placeholder)
}

/// What a template says is to be filled in.
fn is_unfilled(text: &str) -> bool {
    let wrapped = |open: &str, close: &str| text.starts_with(open) && text.ends_with(close);
    text.contains("${")
        || text.strip_prefix('$').is_some_and(is_variable)
        || wrapped("$(", ")")
        || wrapped("{{", "}}")
        || wrapped("<", ">")
        || wrapped("%", "%")
        || wrapped("#{", "}")
        || text == "[object Object]"
        || text.starts_with("env:")
}

/// What stands in examples, and what a page shows until one asks for the secret.
fn is_masked(plain: &str) -> bool {
    plain.chars().all(|c| matches!(c, 'x' | '*' | '.' | '…' | '•' | '●'))
}

/// What is a placeholder even behind a word that may be anybody's: `my_x` and `my_%` are poor secrets, but secrets.
fn is_long_placeholder(text: &str) -> bool {
    let plain = plain(text);
    plain.len() >= LEAST_BEHIND_WORDS && (is_unfilled(text) || is_masked(&plain))
}

fn plain(text: &str) -> Zeroizing<String> {
    let lower = Zeroizing::new(text.to_ascii_lowercase());
    Zeroizing::new(lower.replace(['-', '_', ' '], ""))
}

/// What follows each `_`, as far as all before it are words as in `whsec_`, `sk_test_` or `v1,whsec_`. Such words are in small
/// letters, which random text in front of a `_` hardly ever is.
fn behind_words(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-,".contains(byte);
    let words = text.bytes().take_while(|byte| is_word(byte)).count();
    let ends = text.bytes().take(words).enumerate().filter(|(_, byte)| *byte == b'_');
    ends.take(MAX_WORDS).map(|(at, _)| &text[at + 1..])
}

/// The name of an environment variable, in capitals as is the custom.
fn is_variable(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    name.bytes().next().is_some_and(is_letter) && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

/// What the keys of Standard Webhooks begin with. So common that nobody means it for a secret, whoever the provider is.
pub(crate) const PREFIXES: [&str; 4] = ["v1,whsec_", "whpk_", "whsec_", "whsk_"];

const LEAST_BEHIND_WORDS: usize = 3;

/// No prefix is known that has more. Somebody may send a text of nothing else where a provider sends its secret.
const MAX_WORDS: usize = 4;

const PLACEHOLDERS: [&str; 14] = [
    "changeme",
    "none",
    "null",
    "placeholder",
    "replaceme",
    "secrethere",
    "signingsecret",
    "todo",
    "undefined",
    "webhooksecret",
    "yoursecret",
    "yoursecrethere",
    "yoursigningsecret",
    "yourwebhooksecret",
];
