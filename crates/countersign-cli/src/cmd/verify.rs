//! `countersign verify`: verifies one saved request.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use clap::Args;
use countersign::{Key, Rejection, Scheme, Timestamp, Value, Verified, Verifier, VerifierBuilder};
use serde_json::{Value as Json, json};

use crate::{
    endpoint_args::EndpointArgs,
    failure::{Failure, Outcome},
    moment,
    output::{self, Style, escaped_line, yes_no},
    saved_request::{self, Length, Saved, SavedArgs, SavedEndpoint},
    scheme_source,
    secrets::SecretArgs,
};

/// Verify a saved request: is it from this provider, unchanged and fresh?
#[derive(Debug, Args)]
#[command(after_help = HELP, override_usage = "countersign verify [OPTIONS] <PROVIDER|--scheme FILE> [REQUEST|-]")]
pub(crate) struct Verify {
    /// A provider of the catalogue, such as `stripe`
    provider: Option<String>,

    /// The file with the request [default: standard input, as with `-`]
    request: Option<PathBuf>,

    #[command(flatten)]
    saved: SavedArgs,

    /// A scheme file of your own in place of a provider
    #[arg(long, value_name = "FILE")]
    scheme: Option<PathBuf>,

    #[command(flatten)]
    secrets: SecretArgs,

    #[command(flatten)]
    endpoint: EndpointArgs,

    /// How far the signed time may be from the clock [default: the provider's own]
    #[arg(long, value_name = "DURATION", value_parser = moment::duration)]
    tolerance: Option<Duration>,

    /// When the request arrived, in RFC 3339 or in seconds since 1970 [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment::parse, allow_hyphen_values = true)]
    now: Option<Timestamp>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
A request is saved as it was on the wire: the first line, the headers, an empty line, and the body, byte for byte. \
A Content-Length must fit the body; the chunks of a chunked body are joined. A HAR file, a curl command or a case of a \
vector file will do, too. A case brings its secrets and its time; options on the command line replace them.

Examples:
  countersign verify stripe request.http --secret-env STRIPE_WEBHOOK_SECRET
  countersign verify github - --secret-file secret.txt < request.http
  countersign verify slack old.http --secret-env SLACK_SECRET \\
      --now 2026-01-31T12:00:00Z
  countersign verify twilio call.http --secret-env TWILIO_TOKEN \\
      --public-url https://example.com/twilio
  countersign verify --scheme acme.toml request.http --secret-env ACME_SECRET \\
      --json

Exit status: 0 accepted, 1 refused, 2 a mistake in the command line or the request file.";

impl Verify {
    pub(crate) fn run(self) -> Result<Outcome, Failure> {
        let (scheme, request) = self.inputs()?;
        // Mistakes in the command line are reported before those in the request.
        let keys = self.secrets.keys()?;
        self.secrets.wanted_for(request)?;
        let Saved { parts, body, endpoint: saved } = saved_request::read(request, &self.saved, Length::MustFit)?;
        let verifier = self.verifier(scheme, keys, &saved)?;
        let given_now = self.now.or(saved.now);
        let now = given_now.unwrap_or_else(moment::now);
        let verdict = verifier.verify(&parts, body, now);
        output::line(match (&verdict, self.json) {
            (Ok(verified), true) => accepted_json(verified).to_string(),
            (Ok(verified), false) => accepted(verified, now),
            (Err(rejection), true) => refused_json(rejection, verifier.scheme()).to_string(),
            (Err(rejection), false) => refused(rejection, verifier.scheme()),
        })?;
        if let (Err(rejection), None, false) = (&verdict, given_now, self.json) {
            hint_at_now(rejection)?;
        }
        Ok(Outcome::good_if(verdict.is_ok()))
    }

    fn inputs(&self) -> Result<(Scheme, Option<&Path>), Failure> {
        scheme_source::before_request(self.provider.as_deref(), self.scheme.as_deref(), self.request.as_deref())
    }

    fn verifier(&self, scheme: Scheme, keys: Vec<Key>, saved: &SavedEndpoint) -> Result<Verifier, Failure> {
        let endpoint = saved.complete(&self.endpoint, &scheme);
        let uses_saved = keys.is_empty();
        let mut builder = keys.into_iter().fold(Verifier::builder(scheme), VerifierBuilder::key);
        if uses_saved {
            builder = saved.secrets.iter().fold(builder, |builder, secret| builder.secret(secret.as_str()));
        }
        let mut builder = endpoint.configure(builder);
        if let Some(tolerance) = self.tolerance {
            builder = builder.tolerance(tolerance);
        }
        Ok(builder.build()?)
    }
}

/// Prints a hint if a request is too old by the clock of this machine, and may have been fresh when it arrived.
pub(super) fn hint_at_now(rejection: &Rejection) -> io::Result<()> {
    match rejection {
        Rejection::Expired { .. } | Rejection::TimestampTooOld { .. } => output::line(
            "  hint        this machine's clock was used: if the request came earlier, say when with --now",
        ),
        _ => Ok(()),
    }
}

fn accepted(verified: &Verified<'_, Bytes>, now: Timestamp) -> String {
    let style = Style::of_stdout();
    let scheme = verified.scheme();
    let timestamp = verified.timestamp().map_or_else(
        || "none: the provider signs no time".to_owned(),
        |at| match now.since(at) {
            Some(age) => format!("{at}, {} old", humantime::format_duration(age)),
            None => format!("{at}, ahead of the clock"),
        },
    );
    [
        style.good("accepted"),
        format!("  provider    {} ({})", scheme.id(), scheme.name()),
        format!("  key         {}", verified.key_label()),
        format!("  timestamp   {timestamp}"),
        format!("  event id    {}", value_line(verified.event_id())),
        format!("  event type  {}", value_line(verified.event_type())),
        format!(
            "  body        {} bytes (covered by the signature: {})",
            verified.body().len(),
            yes_no(scheme.covers_body())
        ),
    ]
    .join("\n")
}

fn value_line(value: Option<Value<'_>>) -> String {
    value.map_or_else(
        || "none".to_owned(),
        |value| format!("{} (covered by the signature: {})", escaped_line(value.as_str()), yes_no(value.is_covered())),
    )
}

fn refused(rejection: &Rejection, scheme: &Scheme) -> String {
    let style = Style::of_stdout();
    let verdict = style.bad(format!("refused: {}", rejection.code()));
    let answer = rejection.status();
    format!(
        "{verdict}\n  provider    {} ({})\n  reason      {rejection}\n  answer      {answer}",
        scheme.id(),
        scheme.name()
    )
}

fn accepted_json(verified: &Verified<'_, Bytes>) -> Json {
    json!({
        "verdict": "accepted",
        "provider": verified.provider(),
        "key": verified.key_label(),
        "timestamp": verified.timestamp().map(|at| at.to_string()),
        "event_id": value_json(verified.event_id().as_ref()),
        "event_type": value_json(verified.event_type().as_ref()),
        "bytes": verified.body().len(),
        "body_covered": verified.scheme().covers_body(),
    })
}

fn refused_json(rejection: &Rejection, scheme: &Scheme) -> Json {
    json!({
        "verdict": "refused",
        "provider": scheme.id(),
        "code": rejection.code(),
        "reason": rejection.to_string(),
        "status": rejection.status().as_u16(),
    })
}

/// A value, and whether the signature covers it. The gateway logs this, too.
pub(crate) fn value_json(value: Option<&Value<'_>>) -> Json {
    value.map_or(Json::Null, |value| json!({ "value": value.as_str(), "covered": value.is_covered() }))
}
