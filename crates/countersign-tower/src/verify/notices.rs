//! What is said once, at the start, of an endpoint that lets in more than it seems to.

use countersign::{Verifier, scheme::Advice};

use super::Known;

/// Warns of settings without which whoever has an account at the provider is let in.
pub(crate) fn warn_about_other_customers(verifier: &Verifier, endpoint: Option<&str>) {
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

/// Tells that nothing here keeps deliveries from being replayed. No warning: a layer does not see what stands behind it.
pub(super) fn notify_about_replays(known: Known<'_>) {
    // A token may have an end without a signed time.
    let never_ends = |advice: &Advice| matches!(advice, Advice::NoTimestamp | Advice::SecretIsSent);
    if known.tolerance.is_none() && known.scheme.advice().iter().any(never_ends) {
        tracing::info!(
            target: "countersign",
            provider = known.scheme.id(),
            "deliveries of this provider never go stale: unless a `ReplayLayer` stands behind this `VerifyLayer`, or a `Stack` in \
             place of both, one that was recorded is accepted again for ever"
        );
    }
}
