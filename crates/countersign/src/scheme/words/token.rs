//! What a token must say, in words.

use crate::scheme::{Expected, JwtRule};

pub(super) fn rules(rule: &JwtRule) -> Vec<String> {
    let mut rules = Vec::new();
    if !rule.algorithms.is_empty() {
        let names: Vec<_> = rule.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        rules.push(format!("signed by {}", names.join(" or ")));
    }
    if !rule.issuers.is_empty() {
        let issuers: Vec<_> = rule.issuers.iter().map(expected).collect();
        rules.push(format!("`iss` must be {}", issuers.join(" or ")));
    }
    rules.extend(rule.audience.as_ref().map(|audience| format!("`aud` must be or have {}", expected(audience))));
    if !rule.requires.is_empty() {
        rules.push(format!("must have `{}`", rule.requires.join("`, `")));
    }
    if !rule.leeway.is_zero() {
        rules.push(format!("its times may miss the clock by {}", humantime::format_duration(rule.leeway)));
    }
    rules.extend(rule.max_age.map(|age| format!("`iat` may be {} old", humantime::format_duration(age))));
    rules
}

fn expected(expected: &Expected) -> String {
    match expected {
        Expected::Text(text) => format!("`{text}`"),
        Expected::Setting(name) => format!("the setting `{name}`"),
        Expected::Url => "the public URL".to_owned(),
    }
}
