//! `countersign explain`: says why a saved request is refused.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use countersign::{Certainty, Explanation, Scheme, Setup, Timestamp, Verdict};
use serde_json::{Value as Json, json};

use super::{
    serve::{NO_ENDPOINT, NOT_WRITTEN},
    verify::hint_at_now,
};
use crate::{
    endpoint_args::EndpointArgs,
    failure::{Failure, Outcome},
    gateway::{Refused, UnknownOperator},
    log_line::{self, Logged},
    moment,
    output::{self, Style, escaped_line},
    saved_request::{self, Length, Saved, SavedArgs, SavedEndpoint},
    scheme_source,
    secrets::{SecretArgs, SecretSource},
};

/// Explain why a saved request is refused: tell which common mistake it is
#[derive(Debug, Args)]
#[command(after_help = HELP, override_usage = USAGE)]
pub(crate) struct Explain {
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

    /// Also try the secret of another endpoint, from this environment variable; repeatable
    #[arg(long, value_name = "NAME")]
    other_env: Vec<String>,

    /// Also try the secret of another endpoint, from this file; repeatable
    #[arg(long, value_name = "PATH")]
    other_file: Vec<PathBuf>,

    #[command(flatten)]
    endpoint: EndpointArgs,

    /// How far the signed time may be from the clock [default: the provider's own]
    #[arg(long, value_name = "DURATION", value_parser = moment::duration)]
    tolerance: Option<Duration>,

    /// When the request arrived, in RFC 3339 or in seconds since 1970 [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment::parse, allow_hyphen_values = true)]
    now: Option<Timestamp>,

    /// Explain a line of the log instead of a request; `-` reads lines from standard input
    #[arg(long, value_name = "LINE", conflicts_with_all = ["provider", "request", "scheme"])]
    log: Option<String>,

    /// Print one JSON object for each request or line
    #[arg(long)]
    json: bool,
}

const USAGE: &str =
    "countersign explain [OPTIONS] <PROVIDER|--scheme FILE> [REQUEST|-]\n       countersign explain --log <LINE|->";

const HELP: &str = "\
The request is saved as it was on the wire, as a HAR file, as a curl command, or as a case of a vector file, which \
brings its secrets and its time unless options replace them. It is verified as it is, and then with common mistakes \
corrected: in the secret, the body, the URL, the headers, the clock, or the choice of the provider. A cause is \
proven if the signature is right once it is corrected. If no cause is found, none is guessed. No secret is ever \
printed.

Examples:
  countersign explain stripe request.http --secret-env STRIPE_WEBHOOK_SECRET
  countersign explain stripe request.http --secret-env LIVE --other-env TEST \\
      --now 2026-01-31T12:00:00Z
  countersign explain stripe vectors.json --case 'another secret'
  countersign explain twilio capture.har --entry 3 --secret-env TWILIO_TOKEN \\
      --public-url https://example.com/twilio
  countersign explain --log \\
      '{\"code\":\"timestamp_too_old\",\"reason\":\"the timestamp is 412s old; ...\"}'

Exit status: 0 accepted, 1 refused, 2 a mistake in the command line or the request file.";

impl Explain {
    pub(crate) fn run(self) -> Result<Outcome, Failure> {
        if let Some(log) = &self.log {
            return self.explain_log(log);
        }
        let (scheme, path) =
            scheme_source::before_request(self.provider.as_deref(), self.scheme.as_deref(), self.request.as_deref())?;
        self.secrets.wanted_for(path)?;
        let (name, id) = (scheme.name().to_owned(), scheme.id().to_owned());
        let Saved { parts, body, endpoint: saved } = saved_request::read(path, &self.saved, Length::MayDiffer)?;
        let setup = self.setup(scheme, &saved)?;
        let given_now = self.now.or(saved.now);
        let explanation = countersign::explain(&setup, &parts, &body, given_now.unwrap_or_else(moment::now));
        self.print(&explanation, Some(&format!("{id} ({name})")), Some(&id))?;
        if let (Verdict::Refused(rejection), None, false) = (explanation.verdict(), given_now, self.json) {
            hint_at_now(rejection)?;
        }
        Ok(Outcome::good_if(explanation.is_accepted()))
    }

    fn setup(&self, scheme: Scheme, saved: &SavedEndpoint) -> Result<Setup, Failure> {
        let endpoint = saved.complete(&self.endpoint, &scheme);
        let mut setup = Setup::new(scheme).map_err(|error| Failure::new(error.to_string()))?;
        for source in self.secrets.sources() {
            setup = setup.secret(source.label(), source.read_as_it_is()?);
        }
        let variables = self.other_env.iter().cloned().map(SecretSource::Env);
        for source in variables.chain(self.other_file.iter().cloned().map(SecretSource::File)) {
            setup = setup.other_secret(source.label(), source.read_as_it_is()?);
        }
        if self.secrets.sources().next().is_none() {
            if saved.secrets.is_empty() {
                return Err(countersign::ConfigError::NoSecret.into());
            }
            for (at, secret) in saved.secrets.iter().enumerate() {
                setup = setup.secret(format!("key-{}", at + 1), secret.as_bytes());
            }
        }
        if let Some(url) = &endpoint.public_url {
            setup = setup.public_url(url);
        }
        for (name, value) in &endpoint.settings {
            setup = setup.setting(name, value);
        }
        if endpoint.allow_legacy {
            setup = setup.allow_legacy();
        }
        Ok(match self.tolerance {
            Some(tolerance) => setup.tolerance(tolerance),
            None => setup,
        })
    }

    fn explain_log(&self, log: &str) -> Result<Outcome, Failure> {
        let text = match log {
            "-" => String::from_utf8_lossy(&saved_request::stdin("log line", true)?).into_owned(),
            line => line.to_owned(),
        };
        let (mut any, mut refused, mut unknown) = (false, false, None);
        for logged in text.lines().filter_map(log_line::parse) {
            match logged {
                Logged::Accepted if self.json => output::line(json!({ "verdict": "accepted" }))?,
                Logged::Accepted => output::line(Style::of_stdout().good("accepted"))?,
                Logged::Refused { provider, code, reason } => {
                    if let Some(advice) = of_gateway(&code) {
                        (any, refused) = (true, true);
                        let cause = format!("{}: {advice}", escaped_line(&reason));
                        output::line(if self.json {
                            gateway_json(&code, &cause)
                        } else {
                            gateway_text(&code, &cause)
                        })?;
                        continue;
                    }
                    // Other programs have codes in their lines too.
                    let Some(explanation) = Explanation::of_log(&code, &reason) else {
                        unknown = Some(code);
                        continue;
                    };
                    refused = true;
                    self.print(&explanation, provider.as_deref(), provider.as_deref())?;
                }
            }
            any = true;
        }
        match unknown {
            _ if any => Ok(Outcome::good_if(!refused)),
            Some(code) => Err(Failure::new(format!(
                "the log line has the code `{}`, which countersign does not know",
                escaped_line(&code)
            ))),
            None => Err(Failure::new(
                "no line has a verdict of countersign: give a line that `countersign serve` or `tracing` wrote",
            )),
        }
    }

    fn print(&self, explanation: &Explanation, provider: Option<&str>, id: Option<&str>) -> Result<(), Failure> {
        Ok(output::line(if self.json { as_json(explanation, id).to_string() } else { as_text(explanation, provider) })?)
    }
}

fn as_text(explanation: &Explanation, provider: Option<&str>) -> String {
    let style = Style::of_stdout();
    let mut lines = Vec::new();
    lines.push(match explanation.verdict() {
        Verdict::Accepted { .. } => style.good("accepted"),
        Verdict::Logged { code } => style.bad(format!("refused: {}", escaped_line(code))),
        Verdict::Refused(rejection) => style.bad(format!("refused: {}", rejection.code())),
        _ => style.bad("not verified"),
    });
    lines.extend(provider.map(|provider| format!("  provider    {}", escaped_line(provider))));
    match explanation.verdict() {
        Verdict::Accepted { key, .. } => lines.push(format!("  key         {}", escaped_line(key))),
        Verdict::Refused(rejection) => lines.push(format!("  reason      {rejection}")),
        Verdict::Misconfigured(error) => lines.push(format!("  reason      {error}")),
        _ => {}
    }
    for cause in explanation.causes() {
        lines.push(format!("  cause       {} ({})", style.bold(cause.code()), cause.certainty()));
        lines.push(format!("              {}", escaped_line(&cause.to_string())));
    }
    lines.extend(
        explanation.no_cause().map(|why| format!("  cause       {}\n              {why}", style.bold("none found"))),
    );
    lines.join("\n")
}

/// What to do about a line of the gateway that has no [`Rejection`](countersign::Rejection) behind it.
fn of_gateway(code: &str) -> Option<&'static str> {
    match code {
        Refused::NOT_HTTP => Some(
            "this port expects HTTP/1.1 without TLS. If the peer is your proxy, let it use HTTP/1.1, and a PROXY header only if \
             `proxy_protocol` is set. If the peer is the provider, give it the URL of a proxy with TLS. If the peer is a \
             scanner, ignore this",
        ),
        Refused::PROXY_PROTOCOL => Some(
            "if the peer is your proxy, add it to `trusted_proxies` and let it begin every connection with a PROXY header, or \
             leave `proxy_protocol` out. If the peer is not your proxy, ignore this, or keep it from the port",
        ),
        NO_ENDPOINT => Some(
            "if the provider sent it, correct the URL that it was told, or the endpoint's `path`: a slash at the end counts, and a \
             proxy in front may have changed the path. If a scanner sent it, ignore this",
        ),
        NOT_WRITTEN => Some(
            "the disk is full, or the program that reads the lines has ended or is too slow. The provider was answered 503 and \
             sends the event again",
        ),
        UnknownOperator::CODE => Some(
            "send a token that [operators] of the configuration names. An environment variable is read only at the start. A \
             provider does not send this header",
        ),
        _ => None,
    }
}

fn gateway_text(code: &str, cause: &str) -> String {
    let style = Style::of_stdout();
    let head = style.bad(format!("refused: {code}"));
    format!("{head}\n  cause       {} (indicated)\n              {cause}", style.bold(code))
}

fn gateway_json(code: &str, cause: &str) -> String {
    let cause = json!({ "code": code, "certainty": "indicated", "message": cause });
    let all = json!({
        "verdict": "refused",
        "provider": null,
        "key": null,
        "code": code,
        "reason": null,
        "causes": [cause],
        "no_cause_found": false,
        "cut_short": false,
    });
    all.to_string()
}

fn as_json(explanation: &Explanation, provider: Option<&str>) -> Json {
    let causes: Vec<Json> = explanation
        .causes()
        .iter()
        .map(|cause| {
            let certainty = if cause.certainty() == Certainty::Proven { "proven" } else { "indicated" };
            json!({ "code": cause.code(), "certainty": certainty, "message": cause.to_string() })
        })
        .collect();
    let (verdict, code, reason, key) = match explanation.verdict() {
        Verdict::Accepted { key, .. } => ("accepted", None, None, Some(key.to_string())),
        Verdict::Refused(rejection) => {
            ("refused", Some(rejection.code().to_owned()), Some(rejection.to_string()), None)
        }
        Verdict::Misconfigured(error) => ("misconfigured", None, Some(error.to_string()), None),
        Verdict::Logged { code } => ("refused", Some(code.clone()), None, None),
        _ => ("refused", None, None, None),
    };
    json!({
        "verdict": verdict,
        "provider": provider,
        "key": key,
        "code": code,
        "reason": reason,
        "causes": causes,
        "no_cause_found": explanation.is_no_cause_found(),
        "cut_short": explanation.is_cut_short(),
    })
}
