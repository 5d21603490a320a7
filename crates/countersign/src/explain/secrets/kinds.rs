//! Credentials that sign no webhooks, by the beginnings that tell secret scanners what they are.

use crate::scheme::Scheme;

/// What kind of credential it is, if it is surely not a signing secret.
pub(super) fn kind(secret: &[u8], scheme: &Scheme) -> Option<&'static str> {
    let own = scheme.secret.strip.as_deref().unwrap_or_default().as_bytes();
    if !own.is_empty() && secret.starts_with(own) {
        return None;
    }
    let is_listed = |(start, _): &&(&[u8], &str)| secret.len() > start.len() && secret.starts_with(start);
    KINDS.iter().find(is_listed).map(|(_, kind)| *kind)
}

/// From the patterns that the providers register with GitHub's secret scanning.
const KINDS: [(&[u8], &str); 26] = [
    (b"sk_live_", "an API key"),
    (b"sk_test_", "an API key of the test mode"),
    (b"rk_live_", "a restricted API key"),
    (b"rk_test_", "a restricted API key of the test mode"),
    (b"pk_live_", "a publishable key"),
    (b"pk_test_", "a publishable key of the test mode"),
    (b"sk-", "an API key"),
    (b"sk_", "an API key"),
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
    (b"lin_api_", "an API key"),
    (b"pdl_live_apikey_", "an API key"),
    (b"pdl_sdbx_apikey_", "an API key of the sandbox"),
    (b"EAA", "an access token"),
    (b"eyJ", "a JSON web token"),
    (b"-----BEGIN ", "a PEM file"),
];
