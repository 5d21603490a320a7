//! Describes in words what a token or a message signature must contain.

use std::time::Duration;

use crate::scheme::{Expected, HttpSignatureRule, JwtRule};

pub(super) fn of_token(rule: &JwtRule) -> Vec<String> {
    let mut rules = signed_by(rule.algorithms.iter().map(|algorithm| algorithm.name()));
    if !rule.issuers.is_empty() {
        let issuers: Vec<_> = rule.issuers.iter().map(expected).collect();
        rules.push(format!("`iss` must be {}", issuers.join(" or ")));
    }
    rules.extend(rule.audience.as_ref().map(|audience| format!("`aud` must be or have {}", expected(audience))));
    rules.extend(required(&rule.requires));
    rules.extend(times(rule.leeway.unwrap_or_default(), rule.max_age, "iat"));
    rules
}

/// How far the clock of the token's issuer may be ahead, if the scheme says nothing about clocks.
pub(super) fn of_issuing(rule: &JwtRule) -> Option<String> {
    let ahead = humantime::format_duration(rule.ahead());
    rule.leeway.is_none().then(|| format!("`iat` may be {ahead} ahead of the clock"))
}

pub(super) fn of_message(rule: &HttpSignatureRule) -> Vec<String> {
    let mut rules = signed_by(rule.algorithms.iter().map(|algorithm| algorithm.name()));
    if !rule.components.is_empty() {
        let covered: Vec<_> = rule.components.iter().map(|one| format!("`{}`", one.identifier())).collect();
        rules.push(format!("must cover {}", covered.join(", ")));
    }
    rules.extend(rule.label.as_ref().map(|label| format!("is called `{label}`")));
    rules.extend(
        rule.key_id.as_ref().map(|id| format!("`keyid` must be {}, or the id of one of the keys", expected(id))),
    );
    rules.extend(rule.tag.as_ref().map(|tag| format!("`tag` must be `{tag}`")));
    let names: Vec<_> = rule.requires.iter().map(|name| name.name().to_owned()).collect();
    rules.extend(required(&names));
    rules.extend(times(rule.leeway, rule.max_age, "created"));
    rules
}

fn signed_by<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { Vec::new() } else { vec![format!("signed by {}", names.join(" or "))] }
}

fn required(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| format!("must have `{}`", names.join("`, `")))
}

fn times(leeway: Duration, max_age: Option<Duration>, start: &str) -> Vec<String> {
    let leeway = (!leeway.is_zero())
        .then(|| format!("its times may differ from the clock by {}", humantime::format_duration(leeway)));
    let max_age = max_age.map(|age| format!("`{start}` may be {} old", humantime::format_duration(age)));
    leeway.into_iter().chain(max_age).collect()
}

fn expected(expected: &Expected) -> String {
    match expected {
        Expected::Text(text) => format!("`{text}`"),
        Expected::Setting(name) => format!("the setting `{name}`"),
        Expected::Url => "the public URL".to_owned(),
    }
}
