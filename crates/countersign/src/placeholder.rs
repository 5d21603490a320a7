//! Detects placeholders: texts where a secret should be.

use zeroize::Zeroizing;

/// Texts that configuration systems and examples leave behind; each was the subject of some project's advisory.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let plain = plain(text);
    is_unfilled(text)
        || is_masked(&plain)
        || PLACEHOLDERS.contains(&plain.as_str())
        || PREFIXES.iter().any(|prefix| {
            plain.strip_prefix(prefix.trim_end_matches('_')).is_some_and(|rest| PLACEHOLDERS.contains(&rest))
        })
        || after_words(text).any(is_long_placeholder)
}

/// Whether it is the variable of a template.
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

/// Whether it is the text of an example, or the mask that a page shows in place of the secret.
fn is_masked(plain: &str) -> bool {
    plain.chars().all(|c| matches!(c, 'x' | '*' | '.' | '…' | '•' | '●'))
}

/// Whether it is a placeholder even after a prefix word. `my_x` and `my_%` are poor secrets, but secrets.
fn is_long_placeholder(text: &str) -> bool {
    let plain = plain(text);
    plain.len() >= MIN_AFTER_WORDS && (is_unfilled(text) || is_masked(&plain))
}

fn plain(text: &str) -> Zeroizing<String> {
    let lower = Zeroizing::new(text.to_ascii_lowercase());
    Zeroizing::new(lower.replace(['-', '_', ' '], ""))
}

/// The text after each `_`, as long as everything before it is words as in `whsec_`, `sk_test_` or `v1,whsec_`. Such
/// words are in lower case, which random text before a `_` hardly ever is.
fn after_words(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-,".contains(byte);
    let words = text.bytes().take_while(|byte| is_word(byte)).count();
    let ends = text.bytes().take(words).enumerate().filter(|(_, byte)| *byte == b'_');
    ends.take(MAX_WORDS).map(|(at, _)| &text[at + 1..])
}

/// Whether it is the name of an environment variable, in capitals by convention.
fn is_variable(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    name.bytes().next().is_some_and(is_letter) && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

/// The prefixes of Standard Webhooks' keys. They are so common that, with any provider, none of them alone is meant as
/// a secret.
pub(crate) const PREFIXES: [&str; 4] = ["v1,whsec_", "whpk_", "whsec_", "whsk_"];

const MIN_AFTER_WORDS: usize = 3;

/// No known prefix has more words. The limit bounds the work for a text made of words, where a provider sends its
/// secret.
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
