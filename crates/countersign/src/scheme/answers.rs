//! What a provider expects of an answer.

use std::{ops::RangeInclusive, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};

/// What the provider expects of an answer.
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
    /// How long the provider waits for an answer.
    pub fn within(&self) -> Option<Duration> {
        self.within
    }

    /// How long the provider goes on to retry.
    pub fn retries_for(&self) -> Option<Duration> {
        self.retries_for
    }

    /// The statuses that the provider takes for success; none if it does not say.
    pub fn success(&self) -> &[RangeInclusive<u16>] {
        &self.success
    }

    /// The exact body that an answer must have to count as success.
    pub fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    /// The status that the provider wants for a refusal, where it wants a certain one.
    pub fn refusal(&self) -> Option<StatusCode> {
        self.refusal
    }

    /// The status for a delivery whose event is being handled still, where a 409 would end the retries: if the handler
    /// fails then, the event would be lost.
    pub fn in_progress(&self) -> Option<StatusCode> {
        self.in_progress
    }

    /// The answer by which the provider takes a delivery for received: 200, or where that is no success the first status
    /// that is, with the body that it wants.
    pub fn acknowledgement(&self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.body.clone().unwrap_or_default()));
        *response.status_mut() = if self.accepts(StatusCode::OK) { StatusCode::OK } else { self.first_success() };
        if !response.body().is_empty() {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        }
        response
    }

    /// Whether the provider takes an answer with this status for success, if its body is right.
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

    /// The statuses of success as text, such as `2xx` or `200-204`.
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
