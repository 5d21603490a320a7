//! Credentials of another kind or of another environment where the signing secret stands.

use serde_json::Value as Json;

use crate::{credential, explain::search::has_secret_bytes, scheme::Scheme};

/// What kind of credential it is, if it is surely not the signing secret.
pub(super) fn kind(secret: &[u8], scheme: &Scheme) -> Option<&'static str> {
    let own = scheme.secret.prefix().filter(|prefix| !prefix.is_empty());
    if !has_secret_bytes(scheme) || own.is_some_and(|own| secret.starts_with(own.as_bytes())) {
        return None;
    }
    // With some providers the API key does sign, so it counts only where secrets begin otherwise, or something says that it does not.
    if own.is_some() || scheme.secret.excludes_api_keys {
        credential::likely(secret)
    } else {
        credential::surely(secret)
    }
}

/// The environment that a secret is for and the one that the delivery comes from, if both tell and differ.
pub(super) fn environments(secret: &[u8], body: &[u8]) -> Option<(&'static str, &'static str)> {
    let secret = environment_of_secret(secret)?;
    let delivery = environment_of_body(&serde_json::from_slice(body).ok()?)?;
    (secret != delivery).then(|| (word(secret), word(delivery)))
}

/// Whether it is the live one, as told by a word in the prefix.
fn environment_of_secret(secret: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(secret).ok()?;
    let (prefix, _) = text.rsplit_once(['_', '-'])?;
    prefix.split(['_', '-']).find_map(live)
}

/// The same, as told by the members that payloads have for it.
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
