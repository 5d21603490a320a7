//! Refusals whose reason is itself the cause, and the advice for each code.

use std::time::Duration;

use super::{mistake::Mistake, time};
use crate::{
    config::ConfigError,
    rejection::{Problem, Rejection},
};

/// The cause that a refusal states, and what may be behind it. Empty if the refusal can have any cause.
pub(super) fn of_rejection(rejection: &Rejection) -> Vec<Mistake> {
    let Some(mistake) = time::of_rejection(rejection) else {
        return stated(rejection).into_iter().collect();
    };
    let zone = time::zone_of(&mistake);
    [mistake].into_iter().chain(zone).map(Mistake::Time).collect()
}

/// The cause that the error of a wrong set-up states.
pub(super) fn of_config(error: &ConfigError) -> Mistake {
    Mistake::Stated {
        code: "misconfigured",
        reason: error.to_string(),
        advice: "nothing is verified until that is fixed",
    }
}

/// The same for a log line; `None` if the code is unknown.
pub(super) fn of_log(code: &str, reason: &str) -> Option<Vec<Mistake>> {
    let (code, advice) = ADVICE.into_iter().find(|(known, _)| *known == code)?;
    if let Some(rejection) = time_of_log(code, reason) {
        return Some(of_rejection(&rejection));
    }
    if advice.is_empty() {
        return Some(Vec::new());
    }
    // The text comes from a file, so it can be anything.
    let reason: String = reason.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect();
    let advice = of_logged_problem(code, &reason).unwrap_or(advice);
    Some(vec![Mistake::Stated { code, reason, advice }])
}

fn stated(rejection: &Rejection) -> Option<Mistake> {
    let code = rejection.code();
    let (code, advice) = ADVICE.into_iter().find(|(known, advice)| *known == code && !advice.is_empty())?;
    let of_problem = PROBLEMS.into_iter().find(|(problem, _)| rejection.problem() == Some(*problem));
    let advice = of_problem.map_or(advice, |(_, advice)| advice);
    Some(Mistake::Stated { code, reason: rejection.to_string(), advice })
}

/// The advice for a malformed value, if a log line says what is wrong with it.
fn of_logged_problem(code: &str, reason: &str) -> Option<&'static str> {
    let (_, advice) = PROBLEMS.into_iter().find(|(problem, _)| reason.contains(&problem.to_string()))?;
    code.starts_with("malformed_").then_some(advice)
}

/// Reads `the timestamp is 412s old; the tolerance is 300s`, as [`Rejection`] prints it.
fn time_of_log(code: &str, reason: &str) -> Option<Rejection> {
    if !reason.starts_with("the timestamp is ") {
        return None;
    }
    let mut durations = reason.split([' ', ';']).filter_map(duration);
    let (off, tolerance) = (durations.next()?, durations.next()?);
    match code {
        "timestamp_in_future" => Some(Rejection::TimestampInFuture { ahead: off, tolerance }),
        "timestamp_too_old" => Some(Rejection::TimestampTooOld { age: off, tolerance }),
        _ => None,
    }
}

/// Reads what `Debug` of a duration of whole milliseconds prints.
fn duration(text: &str) -> Option<Duration> {
    let (number, millis) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 1000),
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) || fraction.len() > 3 {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(millis)?;
    let fraction = if millis == 1 { 0 } else { format!("{fraction:0<3}").parse::<u64>().ok()? };
    Some(Duration::from_millis(whole.checked_add(fraction)?))
}

/// The advice for every code of [`Rejection`]. Empty if the code does not determine the cause.
const ADVICE: [(&str, &str); 31] = [
    (
        "address",
        "if it is the provider, allow the address that it sends from; behind a proxy, tell the verifier which proxies to trust",
    ),
    ("ambiguous_content", "the provider does not send such requests: it is a forgery, or signed by another scheme"),
    ("body_hash", ""),
    ("body_incomplete", "the connection broke, or a proxy changed the body; the provider will retry"),
    ("body_timeout", "raise the timeout if the provider is slow, or find what delays the body"),
    ("body_too_large", "raise the body limit if the provider sends such bodies"),
    (
        "content_coding",
        "something on the way compressed or decompressed the body and left its Content-Encoding as it was: give the \
         verifier the body as it was sent",
    ),
    ("content_length", "a proxy in front of the endpoint repeats or rewrites the header"),
    ("handler_timeout", "make the handler faster, or keep the delivery in an inbox and work on it later"),
    (
        "handshake_failed",
        "check the store of the secrets and this machine's outgoing connections, then set the endpoint up again at the provider",
    ),
    ("handshake_not_configured", "configure what is missing, then set the endpoint up again at the provider"),
    ("in_progress", "nothing is wrong: another attempt is in progress, and the provider will retry"),
    ("keys_unavailable", "check the store of the keys; the provider will retry"),
    ("malformed_id", "check that this provider sent it, and that no proxy changes or drops the value"),
    ("malformed_signature", "check that this provider sent it, and that no proxy changes the value"),
    ("malformed_timestamp", "check that this provider sent it, and that no proxy changes or drops the value"),
    ("malformed_value", "check that this provider sent it, and that no proxy changes or drops the value"),
    (
        "method",
        "the endpoint was opened in a browser or probed, or a redirect (to https, to a slash at the end) turned a POST into a GET: \
         give the provider the final URL; if the method is right, add it to the scheme's `[request]`",
    ),
    (
        "missing_signature",
        "check that this provider sent it, that a secret is set there, and that no proxy drops the value",
    ),
    ("payload", "the signature was right; change the handler's type to fit what the provider sends"),
    ("replayed", "nothing is wrong: the event was handled before, and the provider or somebody else sent it again"),
    (
        "secret_already_stored",
        "somebody offers a second secret; if the endpoint was set up anew at the provider, remove the old one",
    ),
    ("service_not_ready", "the handler was not called: let the service take more requests at a time, or answer faster"),
    ("signature", ""),
    ("store_unavailable", "check the replay store and its capacity; the provider will retry"),
    ("timestamp_in_future", "synchronise the clocks"),
    (
        "timestamp_too_old",
        "the delivery was held up, or is an old one sent again: verify deliveries as they arrive, and synchronise the clock",
    ),
    ("transfer_coding", "a proxy in front of the endpoint forwards a coding that it should have removed"),
    (
        "unexpected_value",
        "it was made for another endpoint, application or account of the provider, or the endpoint is set up with another \
         value: compare the two",
    ),
    ("unknown_key", "add the tenant's key, or check when the keys are valid"),
    ("unsupported_media_type", "take `Webhook<Bytes>` in the handler, or have the provider send JSON"),
];

/// The advice for a value that is not in the form of the scheme.
const PROBLEMS: [(Problem, &str); 11] = [
    (
        Problem::Algorithm,
        "the token is of another kind than the provider's, or the sender is set up with another algorithm: choose the one of \
         the scheme there",
    ),
    (Problem::Conflicting, "two programs write it: find the proxy or middleware that adds the other value"),
    (Problem::Encoding, "check whether it was cut off on its way, or written in another encoding or case"),
    (Problem::Empty, "the sender has no secret set, or a proxy or a template leaves the value out"),
    (Problem::NotJson, "give the verifier the raw body, before anything decodes, parses or rewrites it"),
    (Problem::Token, "the provider did not make this token, or something changed it: compare it with what was sent"),
    (Problem::TooLong, "something adds to the provider's value: a proxy that joins headers, or a forger"),
    (Problem::TooMany, "something adds to the provider's value: a proxy that joins headers, or a forger"),
    (
        Problem::Type,
        "something rewrote the JSON on its way, or the scheme expects a string for a number or a number for a string",
    ),
    (Problem::Uncovered, "have the sender cover it as well, or ask for less in the settings of the endpoint"),
    (
        Problem::UnknownVersion,
        "the sender signs with another version of the scheme, as some do for test deliveries: have it sign with this one",
    ),
];

const MAX_REASON: usize = 300;

#[cfg(test)]
mod tests {
    use super::ADVICE;
    use crate::rejection::Rejection;

    /// A code without advice would be unknown in a log line.
    #[test]
    fn there_is_advice_for_every_code_of_a_rejection() {
        assert_eq!(Rejection::CODES, ADVICE.map(|(code, _)| code));
    }
}
