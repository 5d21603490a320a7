//! What is said once, at the start, of an endpoint that lets in more than it seems to.

use countersign::Verifier;

/// Warns of settings without which whoever has an account at the provider is let in.
pub(crate) fn warn_of_strangers(verifier: &Verifier, endpoint: Option<&str>) {
    let scheme = verifier.scheme();
    for (setting, what) in scheme.settings_against_strangers(Some(verifier)) {
        tracing::warn!(
            target: "countersign",
            endpoint,
            provider = scheme.id(),
            setting,
            what,
            "the provider signs for all its customers with keys that it publishes, and this setting, which says whose deliveries \
             are meant, is missing: those of whoever has an account there are accepted"
        );
    }
}
