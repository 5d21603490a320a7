//! Why a delivery was refused: tries the mistakes that people make, and says which one it was.

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

/// Verifies a request and, if it is refused, finds out which mistake made it be refused.
///
/// Nothing is guessed. A mistake is *proven* if the signature is right once the mistake is undone, and *indicated* if the
/// request shows it but the signature cannot tell: a body that is shorter than announced, say. If neither is found, the
/// explanation [says so](Explanation::is_no_cause_found): then the secret is another one, or the request was changed on its
/// way, or forged.
///
/// The explanation is for the receiver. It never contains a secret, a key or the tag that would have been right, but it
/// does tell how the request and the set-up differ, so it should not be sent to the caller.
///
/// The work is bounded: bodies of some 32 MiB in all are tried at most, and hashed once for each form in which the scheme
/// lets them be signed, which takes a fraction of a second; as much memory is taken, or a few times the body if that is more.
/// It is meant for a person who asks, not for every refused request.
///
/// ```
/// use countersign::{Certainty, Setup, Signer, Timestamp, explain, providers};
///
/// let now = Timestamp::from_unix_seconds(1_767_225_600);
/// let signer = Signer::new(providers::STRIPE, "whsec_of_this_test")?;
/// let (parts, _) = signer.sign(http::Request::post("/hooks").body(r#"{"id":"evt_1"}"#)?, now)?.into_parts();
///
/// // A framework has parsed the body, and somebody has written it again.
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
    // A unit that was taken for another explains the age, whatever it seems to be.
    let is_explained = proof.mistakes.iter().any(|mistake| matches!(mistake, Mistake::Time(_)));
    let age = proof.at.filter(|_| !is_explained).and_then(|at| time::judge(search, at));
    // The signature proves the time, and not why it is off.
    let zone = age.as_ref().and_then(time::zone_of);
    let mistakes = proof.mistakes.into_iter().chain(age.map(Mistake::Time));
    mistakes.map(Cause::proven).chain(zone.map(|zone| Cause::indicated(Mistake::Time(zone)))).collect()
}

/// What the request and the set-up show without a signature that proves it.
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
