//! Credentials that sign no webhooks, recognised by the prefixes that secret scanners use.

/// The kind of a credential that signs no provider's webhooks.
pub(crate) fn surely(secret: &[u8]) -> Option<&'static str> {
    kind(secret, &NEVER)
}

/// The kind of a credential, if the provider is known not to sign with any of these.
pub(crate) fn likely(secret: &[u8]) -> Option<&'static str> {
    surely(secret).or_else(|| kind(secret, &MOSTLY))
}

fn kind(secret: &[u8], kinds: &[(&[u8], &'static str)]) -> Option<&'static str> {
    let begins = |start: &[u8]| secret.len() > start.len() && secret.starts_with(start);
    kinds.iter().find(|(start, _)| begins(start)).map(|(_, kind)| *kind)
}

/// Tokens for calling a provider, and keys that only verify. Most patterns are those that providers registered with
/// GitHub's secret scanning; `whpk_` is from the Standard Webhooks specification.
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

/// Some providers sign with these.
const MOSTLY: [(&[u8], &str); 7] = [
    (b"sk_", "an API key"),
    (b"sk-", "an API key"),
    (b"rk_live_", "an API key"),
    (b"rk_test_", "an API key"),
    (b"lin_api_", "an API key"),
    (b"re_", "an API key"),
    (b"pk_", "a publishable key"),
];
