//! `Answers`: which answers a provider expects.

use std::{ops::RangeInclusive, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};

/// Which answers the provider expects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    pub(crate) within: Option<Duration>,
    pub(crate) retries_for: Option<Duration>,
    pub(crate) success: Vec<RangeInclusive<u16>>,
    pub(crate) body: Option<String>,
    pub(crate) refusal: Option<StatusCode>,
    pub(crate) in_progress: Option<StatusCode>,
}

impl Answers {
    /// Returns how long the provider waits for an answer.
    pub fn within(&self) -> Option<Duration> {
        self.within
    }

    /// Returns for how long the provider retries.
    pub fn retries_for(&self) -> Option<Duration> {
        self.retries_for
    }

    /// Returns the statuses that count as success. Empty if the provider does not say.
    pub fn success(&self) -> &[RangeInclusive<u16>] {
        &self.success
    }

    /// Returns the exact body that an answer must have to count as success.
    pub fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    /// Returns the status that the provider expects for a refusal, if it expects a particular one.
    pub fn refusal(&self) -> Option<StatusCode> {
        self.refusal
    }

    /// Returns the status for a delivery whose event is still being handled, if a 409 would end the retries. Without
    /// retries, the event would be lost if the handler fails.
    pub fn in_progress(&self) -> Option<StatusCode> {
        self.in_progress
    }

    /// Returns an answer that acknowledges a delivery: with status 200, or else the first status of success, and the
    /// expected body.
    pub fn acknowledgement(&self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.body.clone().unwrap_or_default()));
        *response.status_mut() = if self.accepts(StatusCode::OK) { StatusCode::OK } else { self.first_success() };
        if !response.body().is_empty() {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        }
        response
    }

    /// Whether an answer with this status counts as success, if its body is right.
    pub fn accepts(&self, status: StatusCode) -> bool {
        if self.success.is_empty() {
            return status.is_success();
        }
        self.success.iter().any(|range| range.contains(&status.as_u16()))
    }

    fn first_success(&self) -> StatusCode {
        let first = self.success.iter().map(|range| *range.start()).min();
        first.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK)
    }

    /// Reads `2xx`, `200` or `200-204`.
    pub(super) fn statuses(text: &str) -> Option<RangeInclusive<u16>> {
        let status = |text: &str| text.parse().ok().filter(|status| (100..=599).contains(status) && text.len() == 3);
        if let Some(class) = text.strip_suffix("xx") {
            let class = status(&format!("{class}00"))?;
            return Some(class..=class + 99);
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Some(status(first)?..=status(last)?).filter(|range| !range.is_empty())
    }

    /// Returns the statuses of success as text, such as `2xx` or `200-204`.
    pub fn success_text(&self) -> String {
        let texts: Vec<String> = self.success.iter().map(describe).collect();
        texts.join(", ")
    }
}

fn describe(range: &RangeInclusive<u16>) -> String {
    match (*range.start(), *range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) if first % 100 == 0 && last == first + 99 => format!("{}xx", first / 100),
        (first, last) => format!("{first}-{last}"),
    }
}
