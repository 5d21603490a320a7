//! The verdict on one case.

use countersign::{ConfigError, Scheme, Timestamp, Verifier};

use super::case::{Case, Settings};

/// Judges a case; the error is the verdict that it got and should not.
pub(super) fn judge(scheme: &Scheme, settings: &Settings, case: &Case) -> Result<(), String> {
    let verifier = match verifier(scheme, settings, case) {
        Ok(verifier) => verifier,
        // Such an endpoint would not even start, so no delivery is accepted: there is no key, and none made the signature.
        Err(ConfigError::Secret(_) | ConfigError::SecretOf { .. })
            if case.may_be_refused(|reason| reason == "signature") =>
        {
            return Ok(());
        }
        Err(error @ (ConfigError::NoSecret | ConfigError::Secret(_) | ConfigError::SecretOf { .. })) => {
            return refused(case, "unknown_key", &error.to_string());
        }
        Err(error) => return Err(format!("no verdict: {error}")),
    };
    let head = match case.request.head() {
        Ok(head) => head,
        Err(what) => return unrepresentable(case, &what),
    };
    match verifier.verify(&head, &case.request.body, Timestamp::from_unix_seconds(case.now)) {
        Ok(_) if case.may_be_accepted() => Ok(()),
        Ok(_) => Err("accepted".to_owned()),
        Err(rejection) => refused(case, rejection.code(), &rejection.to_string()),
    }
}

/// The endpoint of a case. Vectors judge what a scheme can verify, so legacy algorithms are borne.
fn verifier(scheme: &Scheme, settings: &Settings, case: &Case) -> Result<Verifier, ConfigError> {
    let mut builder = Verifier::builder(scheme).public_url(case.request.public_url()).allow_legacy();
    let known = |name: &str| scheme.settings().any(|(known, _)| known == name);
    for (name, value) in settings.iter().chain(&case.config).filter(|(name, _)| known(name)) {
        builder = builder.setting(name, value.as_text());
    }
    case.keys.iter().fold(builder, |builder, key| builder.secret(key.as_str())).build()
}

fn refused(case: &Case, code: &str, reason: &str) -> Result<(), String> {
    let word = word_of_the_vectors(code);
    if case.may_be_refused(|expected| expected == word) { Ok(()) } else { Err(format!("refused: {code} ({reason})")) }
}

/// The files have one word for all ways in which what came is not what was signed.
fn word_of_the_vectors(code: &str) -> &str {
    match code {
        "ambiguous_content" | "body_hash" | "method" | "unexpected_value" => "signature",
        code => code,
    }
}

/// No HTTP server hands such a request on: it is refused as malformed before anybody could verify it.
fn unrepresentable(case: &Case, what: &str) -> Result<(), String> {
    if case.may_be_refused(|expected| expected.starts_with("malformed_")) {
        Ok(())
    } else {
        Err(format!("refused: malformed_* (no HTTP server hands on {what}, so it cannot come to a verdict)"))
    }
}
