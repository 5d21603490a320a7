//! Verifies one case and compares the verdict with the expected one.

use countersign::{ConfigError, Scheme, Timestamp, Verifier};

use super::case::{Case, Settings};

/// Verifies a case. The error is a verdict that was not expected.
pub(super) fn judge(scheme: &Scheme, settings: &Settings, case: &Case) -> Result<(), String> {
    let verifier = match verifier(scheme, settings, case) {
        Ok(verifier) => verifier,
        // An endpoint with such a key would not start, so it accepts no delivery. That counts as a wrong signature.
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

/// The verifier of a case. Legacy algorithms are allowed, since vectors test what a scheme can verify.
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

/// Vector files have one word for all codes that mean that what came is not what was signed.
fn word_of_the_vectors(code: &str) -> &str {
    match code {
        "ambiguous_content" | "body_hash" | "method" | "unexpected_value" => "signature",
        code => code,
    }
}

/// The verdict on a request that an HTTP server refuses as malformed, before it could be verified.
fn unrepresentable(case: &Case, what: &str) -> Result<(), String> {
    if case.may_be_refused(|expected| expected.starts_with("malformed_")) {
        Ok(())
    } else {
        Err(format!("refused: malformed_* (an HTTP server does not accept {what}, so there is nothing to verify)"))
    }
}
