//! The log as JSON lines: accepted deliveries on standard output, everything else on standard error.

use std::{io, net::SocketAddr, path::Path, sync::LazyLock, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign::{Delivery, Rejection};
use countersign_tower::{HandshakeDone, PeerAddr, VerifiedBody};
use http::{Method, Request, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value as Json, json};
use tracing_subscriber::EnvFilter;

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

/// The lines on standard error: all but accepted deliveries.
static ERRORS: LazyLock<Lines> = LazyLock::new(|| Lines::to(Stream::new(io::stderr())));

/// Writes errors of `tracing`, such as a replay store that is down, as JSON lines, too, and why keys are not there.
pub(super) fn log_errors() {
    let shown = EnvFilter::new("error,countersign::keys=warn");
    let errors = tracing_subscriber::fmt().json().with_writer(|| &*ERRORS).with_env_filter(shown);
    // An error means that there is a subscriber already, which will do.
    let _ = errors.try_init();
}

/// Writes a line of plain text to standard error.
pub(super) fn say(words: &str) {
    ERRORS.note_text(format!("{words}\n").into_bytes());
}

/// Waits until the lines on standard error are written, for a limited time.
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
            Verdict::Accepted { delivery, request, operator } => {
                let mut line = self.accepted(endpoint, delivery, request, took);
                if let Some(operator) = operator {
                    line["operator"] = (*operator).into();
                }
                let written = self.out.write(&line, self.line_timeout).await;
                return written.inspect_err(|error| ERRORS.note(&not_written(endpoint, error, peer_of(request))));
            }
            // These verdicts do not depend on whether their lines are written.
            Verdict::Duplicate { delivery, status } => ERRORS.note(&duplicate(endpoint, *delivery, *status, took)),
            Verdict::Handshake { done, status } => ERRORS.note(&handshake(endpoint, *done, *status, took)),
            Verdict::Refused { rejection, peer, status } => {
                ERRORS.note(&refused(endpoint, rejection, *peer, *status, took));
            }
        }
        Ok(())
    }

    fn unknown_operator(&self, endpoint: &Endpoint, peer: Option<SocketAddr>) {
        ERRORS.note(&unknown_operator(endpoint, peer));
    }

    fn no_endpoint(&self, method: &Method, path: &str, peer: Option<SocketAddr>) {
        ERRORS.note(&no_endpoint(method, path, peer));
    }
}

impl Log {
    /// A log with or without the bodies of accepted deliveries, which waits at most `line_timeout` for their lines.
    pub(super) fn new(bodies: bool, line_timeout: Duration) -> Result<Self, Failure> {
        Ok(Self { bodies, line_timeout, out: Lines::to(Stream::stdout()?) })
    }

    fn accepted(
        &self,
        endpoint: &Endpoint,
        delivery: &Delivery,
        request: &Request<VerifiedBody>,
        took: Duration,
    ) -> Json {
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let mut line = json!({
            "time": moment::stamp(),
            "verdict": "accepted",
            "endpoint": endpoint.path,
            "provider": delivery.provider(),
            "key": delivery.key_label(),
            "timestamp": delivery.timestamp().map(|at| at.to_string()),
            "event_id": value_json(delivery.event_id().as_ref()),
            "event_type": value_json(delivery.event_type().as_ref()),
            "method": request.method().as_str(),
            "content_type": content_type,
            "bytes": delivery.body().len(),
            "body_covered": endpoint.scheme().covers_body(),
            "micros": micros(took),
        });
        if self.bodies {
            // Without signed content, the query may be where the shared token is.
            let query = request.uri().query().filter(|_| endpoint.scheme().signed_content().is_some());
            line["query"] = query.into();
            match std::str::from_utf8(delivery.body()) {
                Ok(text) => line["body"] = text.into(),
                Err(_) => line["body_base64"] = STANDARD.encode(delivery.body()).into(),
            }
        }
        line
    }
}

/// The line for an accepted delivery that could not be written. The delivery is answered 503, and nobody has it.
fn not_written(endpoint: &Endpoint, error: &io::Error, peer: Option<SocketAddr>) -> Json {
    json!({
        "time": moment::stamp(),
        "verdict": "refused",
        "endpoint": endpoint.path,
        "provider": endpoint.scheme().id(),
        "peer": text_of(peer),
        "code": NOT_WRITTEN,
        "status": 503,
        "reason": format!("the line of an accepted delivery could not be written to standard output: {error}"),
    })
}

fn unknown_operator(endpoint: &Endpoint, peer: Option<SocketAddr>) -> Json {
    json!({
        "time": moment::stamp(),
        "verdict": "refused",
        "endpoint": endpoint.path,
        "provider": endpoint.scheme().id(),
        "peer": text_of(peer),
        "code": UnknownOperator::CODE,
        "status": UnknownOperator::STATUS.as_u16(),
        "reason": format!("the token in the header `{OPERATOR}` is not in [operators]"),
    })
}

fn no_endpoint(method: &Method, path: &str, peer: Option<SocketAddr>) -> Json {
    let shown = |text: &str| text.chars().take(MAX_SHOWN).collect::<String>();
    json!({
        "time": moment::stamp(),
        "verdict": "refused",
        "method": shown(method.as_str()),
        "path": shown(path),
        "peer": text_of(peer),
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
        "peer": text_of(peer),
        "code": rejection.code(),
        "status": status.as_u16(),
        "reason": rejection.to_string(),
        "micros": micros(took),
    })
}

/// The line for a duplicate, which was answered like the first delivery so that the provider ends its retries.
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

/// Logs that a changed configuration was taken or refused.
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
            line["reason"] = format!("{failure}; the old configuration stays in use").into();
        }
    }
    ERRORS.note(&line);
}

/// Logs an endpoint that refuses all deliveries, for example because of a wrong year.
fn log_keyless(endpoint: &EndpointPlan) {
    ERRORS.note(&json!({
        "time": moment::stamp(),
        "verdict": "no_valid_key",
        "endpoint": endpoint.path,
        "provider": endpoint.scheme().id(),
        "reason": "no secret of the endpoint is valid now, so every delivery is refused: correct `not_before` or `not_after`",
    }));
}

/// Logs an endpoint that accepts what its provider signs for its other customers.
fn log_open(endpoint: &EndpointPlan) {
    for (setting, what) in &endpoint.missing {
        ERRORS.note(&json!({
            "time": moment::stamp(),
            "verdict": "open_to_strangers",
            "endpoint": endpoint.path,
            "provider": endpoint.scheme().id(),
            "setting": setting,
            "reason": format!(
                "deliveries of any other customer of the provider are accepted, because it signs for all of them with the same \
                 keys: add `settings = {{ {setting} = \"…\" }}`, which is {what}"
            ),
        }));
    }
}

/// Logs a connection that is closed without an answer.
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

/// Logs lists that are new or were refused. Most are the same as before, which is not logged.
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
        feed::Outcome::Restored => ("list_taken", Some(RESTORED)),
        feed::Outcome::CopyIgnored(problem) => ("list_copy_ignored", Some(problem.as_str())),
        feed::Outcome::Refused(problem) => ("list_refused", Some(problem.as_str())),
        feed::Outcome::NotKept(problem) => ("list_not_kept", Some(problem.as_str())),
    };
    line["verdict"] = verdict.into();
    if let Some(reason) = reason {
        line["reason"] = reason.into();
    }
    ERRORS.note(&line);
}

const RESTORED: &str =
    "the list lacks most of the last copy, but not of the one before the last day or two: what was added since is gone";

/// Codes of lines without a rejection.
pub(crate) const NO_ENDPOINT: &str = "no_endpoint";
pub(crate) const NOT_WRITTEN: &str = "not_written";

/// How much of a path or a method is shown, in characters: enough to see what URL a provider was told.
const MAX_SHOWN: usize = 200;

fn peer_of<B>(request: &Request<B>) -> Option<SocketAddr> {
    request.extensions().get::<PeerAddr>().map(|peer| peer.0)
}

fn text_of(peer: Option<SocketAddr>) -> Option<String> {
    peer.map(|peer| peer.to_string())
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
