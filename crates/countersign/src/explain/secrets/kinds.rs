//! Credentials that sign no webhooks, by the beginnings that tell secret scanners what they are.

use crate::{explain::bench::has_secret_bytes, scheme::Scheme};

/// What kind of credential it is, if it is surely not the signing secret.
pub(super) fn kind(secret: &[u8], scheme: &Scheme) -> Option<&'static str> {
    let begins = |start: &[u8]| secret.len() > start.len() && secret.starts_with(start);
    let own = scheme.secret.strip.as_deref().filter(|prefix| !prefix.is_empty());
    if !has_secret_bytes(scheme) || own.is_some_and(|own| begins(own.as_bytes())) {
        return None;
    }
    let never = NEVER.iter().find(|(start, _)| begins(start)).map(|(_, kind)| *kind);
    // With some providers the API key does sign, so only those count whose notes say that it does not.
    never.or_else(|| (API_KEYS.iter().any(|start| begins(start)) && is_ruled_out(scheme)).then_some("an API key"))
}

fn is_ruled_out(scheme: &Scheme) -> bool {
    let sentences = scheme.notes().unwrap_or_default().split(". ");
    sentences.flat_map(|sentence| sentence.split(';')).any(|part| part.contains("API key") && part.contains("not"))
}

/// Tokens by which somebody calls the provider, and keys that only verify. The patterns are those that providers registered
/// with GitHub's secret scanning, `whpk_` is from the Standard Webhooks specification.
const NEVER: [(&[u8], &str); 14] = [
    (b"whpk_", "a public key"),
    (b"xoxb-", "a bot token"),
    (b"xoxp-", "a user token"),
    (b"xapp-", "an app-level token"),
    (b"ghp_", "a personal access token"),
    (b"gho_", "an OAuth token"),
    (b"ghs_", "an installation token"),
    (b"github_pat_", "a personal access token"),
    (b"glpat-", "a personal access token"),
    (b"shpat_", "an access token"),
    (b"shpca_", "an access token"),
    (b"shppa_", "an access token"),
    (b"pk_live_", "a publishable key"),
    (b"pk_test_", "a publishable key"),
];

const API_KEYS: [&[u8]; 6] = [b"sk_", b"sk-", b"rk_live_", b"rk_test_", b"lin_api_", b"re_"];
