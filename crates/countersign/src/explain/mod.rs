//! Explains why a delivery was refused: tries common mistakes and names the one that was made.

mod body;
mod explanation;
mod headers;
mod json_style;
mod mistake;
mod provider;
mod rules;
mod search;
mod secrets;
mod setup;
mod stated;
mod tags;
mod time;
mod trials;
mod url;

pub use self::{
    body::BodyMistake,
    explanation::{Cause, Certainty, Explanation, Verdict},
    headers::HeaderMistake,
    mistake::Mistake,
    provider::ProviderMistake,
    rules::RuleMistake,
    secrets::SecretMistake,
    setup::Setup,
    time::TimeMistake,
    url::UrlMistake,
};
use self::{search::Search, trials::Proof};
use crate::{head::Head, timestamp::Timestamp};

/// Verifies a request and, if it is refused, finds the mistake that caused the refusal.
///
/// Nothing is guessed. A mistake is *proven* if the signature is valid once the mistake is undone. It is *indicated* if
/// the request shows it but the signature cannot prove it, such as a body that is shorter than announced. If neither is
/// found, the explanation [says so](Explanation::is_no_cause_found): the secret is another one, or the request was
/// changed on its way, or forged.
///
/// The explanation is for the receiver. It never contains a secret, a key or the correct tag. But it shows how the
/// request and the set-up differ, so do not send it to the caller.
///
/// The work is bounded. At most 32 MiB of bodies are tried in total, each hashed once for each form in which the scheme
/// allows it to be signed. This takes a fraction of a second and as much memory, or a few times the body if that is
/// more. Call it when a person asks, not for every refused request.
///
/// ```
/// use countersign::{Certainty, Setup, Signer, Timestamp, explain, providers};
///
/// let now = Timestamp::from_unix_seconds(1_767_225_600);
/// let signer = Signer::new(providers::STRIPE, "whsec_of_this_test")?;
/// let (parts, _) = signer.sign(http::Request::post("/hooks").body(r#"{"id":"evt_1"}"#)?, now)?.into_parts();
///
/// // A framework parsed the body, and some code serialised it again.
/// let setup = Setup::new(providers::STRIPE)?.secret("live", "whsec_of_this_test");
/// let explanation = explain(&setup, &parts, b"{\n  \"id\": \"evt_1\"\n}", now);
///
/// let cause = explanation.causes().first().expect("a cause");
/// assert_eq!((cause.code(), cause.certainty()), ("body_reserialised", Certainty::Proven));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn explain<'r>(
    setup: &'r Setup,
    head: impl Into<Head<'r>>,
    body: &'r [u8],
    now: impl Into<Timestamp>,
) -> Explanation {
    let (head, now) = (head.into(), now.into());
    let verdict = match setup.verifier() {
        Ok(verifier) => match verifier.verify(head, body, now) {
            Ok(verified) => {
                let at = verified.timestamp();
                return Explanation::accepted(verified.key_label(), at);
            }
            Err(rejection) => Verdict::Refused(rejection),
        },
        Err(error) => Verdict::Misconfigured(error),
    };
    let search = Search::new(setup, head, body, now);
    let causes = match trials::prove(&search) {
        Some(proof) => proven(&search, proof),
        None => indicated(&search, &verdict),
    };
    Explanation::refused(verdict, causes, search.untried())
}

fn proven(search: &Search<'_>, proof: Proof) -> Vec<Cause> {
    // A wrong unit explains the age, whatever the age seems to be.
    let is_explained = proof.mistakes.iter().any(|mistake| matches!(mistake, Mistake::Time(_)));
    let age = proof.at.filter(|_| !is_explained).and_then(|at| time::of_signed_time(search, at));
    // The signature proves the time, but not why it is off.
    let zone = age.as_ref().and_then(time::zone_of);
    let mistakes = proof.mistakes.into_iter().chain(age.map(Mistake::Time));
    mistakes.map(Cause::proven).chain(zone.map(|zone| Cause::indicated(Mistake::Time(zone)))).collect()
}

/// The mistakes that the request and the set-up show, without a signature that proves them.
fn indicated(search: &Search<'_>, verdict: &Verdict) -> Vec<Cause> {
    let mut mistakes = secrets::indicated(search, verdict);
    mistakes.extend(provider::indicated(search));
    mistakes.extend(headers::indicated(search));
    if let Verdict::Misconfigured(error) = verdict
        && mistakes.is_empty()
    {
        mistakes.push(stated::of_config(error));
    }
    if let Verdict::Refused(rejection) = verdict {
        mistakes.extend(tags::indicated(search, rejection));
        mistakes.extend(time::indicated(search, rejection));
        mistakes.extend(body::indicated(search, rejection));
        if mistakes.is_empty() {
            mistakes.extend(stated::of_rejection(rejection));
        }
    }
    mistakes.into_iter().map(Cause::indicated).collect()
}
