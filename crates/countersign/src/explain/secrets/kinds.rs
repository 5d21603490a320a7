//! Credentials of another kind or environment that are configured as the secret.

use serde_json::Value as Json;

use crate::{credential, explain::search::has_secret_bytes, scheme::Scheme};

/// The kind of the credential, if it is certainly not the signing secret.
pub(super) fn kind(secret: &[u8], scheme: &Scheme) -> Option<&'static str> {
    let own = scheme.secret.prefix().filter(|prefix| !prefix.is_empty());
    if !has_secret_bytes(scheme) || own.is_some_and(|own| secret.starts_with(own.as_bytes())) {
        return None;
    }
    // Some providers sign with the API key. So a likely API key counts only if the scheme's secrets have a known
    // prefix, or its file says that no API key signs.
    if own.is_some() || scheme.secret.excludes_api_keys {
        credential::likely(secret)
    } else {
        credential::surely(secret)
    }
}

/// The environments of the secret and of the delivery, if both are known and differ.
pub(super) fn environments(secret: &[u8], body: &[u8]) -> Option<(&'static str, &'static str)> {
    let secret = environment_of_secret(secret)?;
    let delivery = environment_of_body(&serde_json::from_slice(body).ok()?)?;
    (secret != delivery).then(|| (word(secret), word(delivery)))
}

/// Whether it is the live environment, by a word in the secret's prefix.
fn environment_of_secret(secret: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(secret).ok()?;
    let (prefix, _) = text.rsplit_once(['_', '-'])?;
    prefix.split(['_', '-']).find_map(live)
}

/// The same, by the members that payloads have for it.
fn environment_of_body(document: &Json) -> Option<bool> {
    let flag = |names: &[&str]| names.iter().find_map(|name| document.get(name)?.as_bool());
    let word = WORDS.iter().find_map(|name| live(&document.get(name)?.as_str()?.to_ascii_lowercase()));
    flag(&LIVE).or_else(|| flag(&TEST).map(|test| !test)).or(word)
}

fn live(word: &str) -> Option<bool> {
    match word {
        "live" | "prod" | "production" => Some(true),
        "test" | "sandbox" | "testing" => Some(false),
        _ => None,
    }
}

fn word(live: bool) -> &'static str {
    if live { "live" } else { "test" }
}

const LIVE: [&str; 4] = ["livemode", "live_mode", "liveMode", "live"];
const TEST: [&str; 5] = ["test", "test_mode", "testMode", "is_test", "sandbox"];
const WORDS: [&str; 3] = ["environment", "env", "mode"];
