//! How long an answer may be cached: RFC 9111 sections 5.2.2 and 5.1.

use std::time::Duration;

use http::{HeaderMap, header};

/// The rest of the answer's `max-age`; zero for `no-store` and `no-cache`; `None` if the answer does not say.
pub(super) fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(header::CACHE_CONTROL).into_iter().filter_map(|line| line.to_str().ok());
    let mut age = None;
    for directive in lines.flat_map(|line| line.split(',')).map(str::trim) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
            return Some(Duration::ZERO);
        }
        if name.eq_ignore_ascii_case("max-age") {
            // The shortest of several. A number too large for a `u64` counts as the largest.
            let seconds = seconds(value.trim_matches('"'));
            age = age.min(seconds).or(seconds);
        }
    }
    let spent = headers.get(header::AGE).and_then(|age| seconds(age.to_str().ok()?)).unwrap_or(0);
    age.map(|age| Duration::from_secs(age.saturating_sub(spent)))
}

fn seconds(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_max_age_counts() {
        for (control, age, left) in [
            ("max-age=600", "", Some(600)),
            ("public, Max-Age=600, must-revalidate", "100", Some(500)),
            ("max-age=600, max-age=60", "", Some(60)),
            ("max-age=60", "100", Some(0)),
            ("max-age=\"60\"", "", Some(60)),
            ("max-age=600, no-store", "", Some(0)),
            ("max-age=99999999999999999999999", "", Some(u64::MAX)),
            ("max-age=-1", "", None),
            ("public", "", None),
            ("s-maxage=5", "", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, control.parse().unwrap());
            headers.insert(header::AGE, age.parse().unwrap());
            assert_eq!(max_age(&headers).map(|age| age.as_secs()), left, "{control}");
        }
        assert_eq!(max_age(&HeaderMap::new()), None);
    }
}
