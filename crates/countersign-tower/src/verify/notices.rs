//! Log lines at start-up about endpoints that accept more than their users may expect.

use countersign::{Verifier, scheme::Advice};

use super::Known;

/// Warns of missing settings without which deliveries of the provider's other customers are accepted.
pub(crate) fn warn_about_other_customers(verifier: &Verifier, endpoint: Option<&str>) {
    let scheme = verifier.scheme();
    for (setting, what) in scheme.settings_against_strangers(Some(verifier)) {
        tracing::warn!(
            target: "countersign",
            endpoint,
            provider = scheme.id(),
            setting,
            what,
            "the provider signs for all its customers with keys that it publishes, and the setting that says whose deliveries to \
             accept is missing: those of whoever has an account there are accepted. Set it"
        );
    }
}

/// Logs that this layer prevents no replays. Not as a warning: a layer cannot see whether there is a guard inside it.
pub(super) fn notify_about_replays(known: Known<'_>) {
    // A token may expire although no time is signed.
    let never_ends = |advice: &Advice| matches!(advice, Advice::NoTimestamp | Advice::SecretIsSent);
    if known.tolerance.is_none() && known.scheme.advice().iter().any(never_ends) {
        tracing::info!(
            target: "countersign",
            provider = known.scheme.id(),
            "deliveries of this provider never go stale, so a recorded one is accepted again for ever: put a `ReplayLayer` inside \
             this `VerifyLayer`, or use a `Stack` in place of both"
        );
    }
}
