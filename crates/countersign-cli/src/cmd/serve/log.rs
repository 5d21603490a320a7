//! What is logged, as JSON: accepted deliveries on standard output, everything else on standard error.

use std::{io, net::SocketAddr, path::Path, sync::LazyLock, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign::{Delivery, Rejection};
use countersign_tower::HandshakeDone;
use http::{Method, StatusCode};
use serde_json::{Value as Json, json};

use super::{super::verify::value_json, lines::Lines, stream::Stream};
use crate::{
    failure::Failure,
    gateway::{
        Endpoint, EndpointPlan, OPERATOR, Refused, UnknownOperator, Verdict, Watch,
        feed::{self, Refresh},
        reload::{self, Loaded},
    },
    moment,
};

/// Everything but accepted deliveries.
static ERRORS: LazyLock<Lines> = LazyLock::new(|| Lines::to(Stream::new(io::stderr())));

/// What goes wrong behind the checks, such as a replay store that is down, as JSON lines too.
pub(super) fn log_errors() {
    let errors = tracing_subscriber::fmt().json().with_writer(|| &*ERRORS).with_max_level(tracing::Level::ERROR);
    // If there is a subscriber already, it is as good.
    let _ = errors.try_init();
}

/// Words for whoever looks on.
pub(super) fn say(words: &str) {
    ERRORS.note_text(format!("{words}\n").into_bytes());
}

/// Waits until everything is written, but not for ever.
pub(super) async fn drained() {
    ERRORS.drained().await;
}

pub(super) const LOG: reload::Log =
    reload::Log { list: log_refresh, config: log_config, keyless: log_keyless, open: log_open };

/// Writes one line for each verdict.
pub(super) struct Log {
    bodies: bool,
    line_timeout: Duration,
    out: Lines,
}

impl Watch for Log {
    async fn verdict(&self, endpoint: &Endpoint, verdict: &Verdict<'_>, took: Duration) -> io::Result<()> {
        match verdict {
            Verdict::Accepted { delivery, content_type, operator } => {
                let mut line = self.accepted(endpoint, delivery, *content_type, took);
                if let Some(operator) = operator {
                    line["operator"] = (*operator).into();
                }
                let written = self.out.write(&line, self.line_timeout).await;
                return written.inspect_err(|error| ERRORS.note(&not_written(endpoint, error)));
            }
            // These verdicts stand, whether or not there is a place to note them.
            Verdict::Duplicate { delivery, status } => ERRORS.note(&duplicate(endpoint, *delivery, *status, took)),
            Verdict::Handshake { done, status } => ERRORS.note(&handshake(endpoint, *done, *status, took)),
            Verdict::Refused { rejection, peer, status } => {
                ERRORS.note(&refused(endpoint, rejection, *peer, *status, took));
            }
        }
        Ok(())
    }

    fn unknown_operator(&self, endpoint: &Endpoint) {
        ERRORS.note(&unknown_operator(endpoint));
    }

    fn no_endpoint(&self, method: &Method, path: &str) {
        ERRORS.note(&no_endpoint(method, path));
    }
}

impl Log {
    /// With the bodies of accepted deliveries, or without. Their lines are waited for so long.
    pub(super) fn new(bodies: bool, line_timeout: Duration) -> Result<Self, Failure> {
        Ok(Self { bodies, line_timeout, out: Lines::to(Stream::stdout()?) })
    }

    fn accepted(&self, endpoint: &Endpoint, delivery: &Delivery, content_type: Option<&str>, took: Duration) -> Json {
        let mut line = json!({
            "time": moment::stamp(),
            "verdict": "accepted",
            "endpoint": endpoint.path,
            "provider": delivery.provider(),
            "key": delivery.key_label(),
            "timestamp": delivery.timestamp().map(|at| at.to_string()),
            "event_id": value_json(delivery.event_id().as_ref()),
            "event_type": value_json(delivery.event_type().as_ref()),
            "content_type": content_type,
            "bytes": delivery.body().len(),
            "micros": micros(took),
        });
        if self.bodies {
            match std::str::from_utf8(delivery.body()) {
                Ok(text) => line["body"] = text.into(),
                Err(_) => line["body_base64"] = STANDARD.encode(delivery.body()).into(),
            }
        }
        line
    }
}

/// An accepted delivery whose line found no place: it is answered 503, and nobody has it.
fn not_written(endpoint: &Endpoint, error: &io::Error) -> Json {
    json!({
        "time": moment::stamp(),
        "verdict": "refused",
        "endpoint": endpoint.path,
        "provider": endpoint.scheme().id(),
        "code": NOT_WRITTEN,
        "status": 503,
        "reason": format!("the line of an accepted delivery could not be written to standard output: {error}"),
    })
}

fn unknown_operator(endpoint: &Endpoint) -> Json {
    json!({
        "time": moment::stamp(),
        "verdict": "refused",
        "endpoint": endpoint.path,
        "provider": endpoint.scheme().id(),
        "code": UnknownOperator::CODE,
        "status": UnknownOperator::STATUS.as_u16(),
        "reason": format!("the token in the header `{OPERATOR}` is none of those of [operators]"),
    })
}

fn no_endpoint(method: &Method, path: &str) -> Json {
    let shown: String = path.chars().take(MAX_PATH).collect();
    json!({
        "time": moment::stamp(),
        "verdict": "refused",
        "method": method.as_str(),
        "path": shown,
        "code": NO_ENDPOINT,
        "status": 404,
        "reason": "no endpoint of the configuration has this path",
    })
}

fn refused(
    endpoint: &Endpoint,
    rejection: &Rejection,
    peer: Option<SocketAddr>,
    status: StatusCode,
    took: Duration,
) -> Json {
    json!({
        "time": moment::stamp(),
        "verdict": "refused",
        "endpoint": endpoint.path,
        "provider": endpoint.scheme().id(),
        "peer": peer.map(|peer| peer.to_string()),
        "code": rejection.code(),
        "status": status.as_u16(),
        "reason": rejection.to_string(),
        "micros": micros(took),
    })
}

/// It was answered like the first, so that the provider ends its retries.
fn duplicate(endpoint: &Endpoint, delivery: Option<&Delivery>, status: StatusCode, took: Duration) -> Json {
    json!({
        "time": moment::stamp(),
        "verdict": "duplicate",
        "endpoint": endpoint.path,
        "provider": endpoint.scheme().id(),
        "event_id": value_json(delivery.and_then(Delivery::event_id).as_ref()),
        "event_type": value_json(delivery.and_then(Delivery::event_type).as_ref()),
        "code": Rejection::Replayed.code(),
        "status": status.as_u16(),
        "reason": Rejection::Replayed.to_string(),
        "micros": micros(took),
    })
}

fn handshake(endpoint: &Endpoint, done: HandshakeDone, status: StatusCode, took: Duration) -> Json {
    json!({
        "time": moment::stamp(),
        "verdict": "handshake",
        "endpoint": endpoint.path,
        "provider": endpoint.scheme().id(),
        "done": done.name(),
        "status": status.as_u16(),
        "micros": micros(took),
    })
}

/// Tells of a configuration that has changed.
fn log_config(path: &Path, loaded: &Loaded) {
    let mut line = json!({ "time": moment::stamp(), "config": path.display().to_string() });
    match loaded {
        Loaded::Taken { until_restart } => {
            line["verdict"] = "config_taken".into();
            if !until_restart.is_empty() {
                line["needs_restart"] = until_restart.join(", ").into();
            }
        }
        Loaded::Refused(failure) => {
            line["verdict"] = "config_refused".into();
            line["reason"] = format!("{failure}; the old one stays").into();
        }
    }
    ERRORS.note(&line);
}

/// Tells of an endpoint whose deliveries will all be refused, as by a slip in a year.
fn log_keyless(endpoint: &EndpointPlan) {
    ERRORS.note(&json!({
        "time": moment::stamp(),
        "verdict": "no_valid_key",
        "endpoint": endpoint.path,
        "provider": endpoint.scheme().id(),
        "reason": "none of its secrets is valid now, by `not_before` and `not_after`: every delivery is refused",
    }));
}

/// Tells of an endpoint that takes what its provider has signed for anybody.
fn log_open(endpoint: &EndpointPlan) {
    for (setting, what) in &endpoint.missing {
        ERRORS.note(&json!({
            "time": moment::stamp(),
            "verdict": "open_to_strangers",
            "endpoint": endpoint.path,
            "provider": endpoint.scheme().id(),
            "setting": setting,
            "reason": format!(
                "the provider signs for all its customers with keys that it publishes: without `settings = {{ {setting} = \"…\" }}`, \
                 deliveries of whoever has an account there are accepted. It is {what}"
            ),
        }));
    }
}

/// Tells of a connection that is closed without another answer.
pub(super) fn log_connection(peer: SocketAddr, refused: &Refused) {
    let line = json!({
        "time": moment::stamp(),
        "verdict": "refused",
        "peer": peer.to_string(),
        "code": refused.code(),
        "reason": refused.to_string(),
    });
    ERRORS.note(&line);
}

/// Tells of lists that are new or could not be taken. Most are the same as before.
fn log_refresh(refresh: &Refresh) {
    let mut line = json!({
        "time": moment::stamp(),
        "list": refresh.list,
        "ranges": refresh.ranges,
        "age_seconds": refresh.age.as_secs(),
    });
    let (verdict, reason) = match &refresh.outcome {
        feed::Outcome::Same => return,
        feed::Outcome::Taken => ("list_taken", None),
        feed::Outcome::CopyIgnored(problem) => ("list_copy_ignored", Some(problem)),
        feed::Outcome::Refused(problem) => ("list_refused", Some(problem)),
        feed::Outcome::NotKept(problem) => ("list_not_kept", Some(problem)),
    };
    line["verdict"] = verdict.into();
    if let Some(reason) = reason {
        line["reason"] = reason.as_str().into();
    }
    ERRORS.note(&line);
}

/// Codes of lines that are none of a rejection's.
pub(crate) const NO_ENDPOINT: &str = "no_endpoint";
pub(crate) const NOT_WRITTEN: &str = "not_written";

/// In characters: enough to see what a provider was told.
const MAX_PATH: usize = 200;

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
