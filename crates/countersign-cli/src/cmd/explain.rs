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
    output::{self, Style, harmless},
    saved_request::{self, Length, Saved, SavedArgs, Told},
    scheme_source,
    secrets::{SecretArgs, SecretSource},
};

/// Say why a saved request is refused: which of the usual mistakes it is
#[derive(Debug, Args)]
#[command(after_help = HELP, override_usage = USAGE)]
pub(crate) struct Explain {
    /// A provider of the catalogue, such as `stripe`
    provider: Option<String>,

    /// The file with the request; `-` or nothing for standard input
    request: Option<PathBuf>,

    #[command(flatten)]
    saved: SavedArgs,

    /// A scheme file of your own in place of a provider
    #[arg(long, value_name = "FILE")]
    scheme: Option<PathBuf>,

    #[command(flatten)]
    secrets: SecretArgs,

    /// Also try the secret of another endpoint, from this environment variable
    #[arg(long, value_name = "NAME")]
    other_env: Vec<String>,

    /// Also try the secret of another endpoint, from this file
    #[arg(long, value_name = "PATH")]
    other_file: Vec<PathBuf>,

    #[command(flatten)]
    endpoint: EndpointArgs,

    /// How far the signed timestamp may lie from the clock [default: the provider's own]
    #[arg(long, value_name = "DURATION", value_parser = moment::duration)]
    tolerance: Option<Duration>,

    /// The time of arrival, in RFC 3339 or in seconds since 1970 [default: the clock]
    #[arg(long, value_name = "TIME", value_parser = moment::parse, allow_hyphen_values = true)]
    now: Option<Timestamp>,

    /// Explain a line of the log in place of a request, as far as it carries; `-` for lines on standard input
    #[arg(long, value_name = "LINE", conflicts_with_all = ["provider", "request", "scheme"])]
    log: Option<String>,

    /// Print one JSON object for each request or line
    #[arg(long)]
    json: bool,
}

const USAGE: &str =
    "countersign explain [OPTIONS] <PROVIDER|--scheme FILE> [REQUEST|-]\n       countersign explain --log <LINE|->";

const HELP: &str = "\
The request is what was on the wire, a HAR file, a curl command or a case of a vector file (with its secrets and its time \
unless others are given). It is verified as it is, and then without the mistakes \
that people make: in the secret, the body, the URL, the headers, the clock, the choice of the provider. A cause is proven \
if without it the signature is right; where nothing is found, nothing is guessed. No secret is ever printed.

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
        let Saved { parts, body, told } = saved_request::read(path, &self.saved, Length::MayDiffer)?;
        let setup = self.setup(scheme, &told)?;
        let told_now = self.now.or(told.now);
        let explanation = countersign::explain(&setup, &parts, &body, told_now.unwrap_or_else(moment::now));
        self.print(&explanation, Some(&format!("{id} ({name})")), Some(&id))?;
        if let (Verdict::Refused(rejection), None, false) = (explanation.verdict(), told_now, self.json) {
            hint_at_now(rejection)?;
        }
        Ok(Outcome::good_if(explanation.is_accepted()))
    }

    fn setup(&self, scheme: Scheme, told: &Told) -> Result<Setup, Failure> {
        let endpoint = told.complete(&self.endpoint, &scheme);
        let mut setup = Setup::new(scheme).map_err(|error| Failure::new(error.to_string()))?;
        for source in self.secrets.sources() {
            setup = setup.secret(source.label(), source.read_as_it_is()?);
        }
        let variables = self.other_env.iter().cloned().map(SecretSource::Env);
        for source in variables.chain(self.other_file.iter().cloned().map(SecretSource::File)) {
            setup = setup.other_secret(source.label(), source.read_as_it_is()?);
        }
        if self.secrets.sources().next().is_none() {
            if told.secrets.is_empty() {
                return Err(countersign::ConfigError::NoSecret.into());
            }
            for (at, secret) in told.secrets.iter().enumerate() {
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
                        let cause = format!("{}: {advice}", harmless(&reason));
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
            Some(code) => Err(Failure::new(format!("the log line has an unknown code `{}`", harmless(&code)))),
            None => Err(Failure::new("no line tells a verdict of countersign")),
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
        Verdict::Logged { code } => style.bad(format!("refused: {}", harmless(code))),
        Verdict::Refused(rejection) => style.bad(format!("refused: {}", rejection.code())),
        _ => style.bad("not verified"),
    });
    lines.extend(provider.map(|provider| format!("  provider    {}", harmless(provider))));
    match explanation.verdict() {
        Verdict::Accepted { key, .. } => lines.push(format!("  key         {}", harmless(key))),
        Verdict::Refused(rejection) => lines.push(format!("  reason      {rejection}")),
        Verdict::Misconfigured(error) => lines.push(format!("  reason      {error}")),
        _ => {}
    }
    for cause in explanation.causes() {
        lines.push(format!("  cause       {} ({})", style.bold(cause.code()), cause.certainty()));
        lines.push(format!("              {}", harmless(&cause.to_string())));
    }
    lines.extend(
        explanation.no_cause().map(|why| format!("  cause       {}\n              {why}", style.bold("none found"))),
    );
    lines.join("\n")
}

/// What to do about what the gateway itself refused, without a rejection that could be explained.
fn of_gateway(code: &str) -> Option<&'static str> {
    match code {
        Refused::NOT_HTTP => Some(
            "this port speaks HTTP/1.1 without TLS. If it is your proxy, have it speak that, and write a PROXY header only where \
             `proxy_protocol` is set; if it is the provider, give it the URL of a proxy with TLS. Scanners send anything",
        ),
        Refused::PROXY_PROTOCOL => Some(
            "if it is your proxy, name it in `trusted_proxies` and have it write a PROXY header at the start of every \
             connection; or leave `proxy_protocol` out. Others have no business with this port",
        ),
        NO_ENDPOINT => Some(
            "if the provider sent it, correct the URL that it was given, or `path` of the endpoint; a slash at the end counts, and \
             a proxy in front may have changed it. Scanners ask for everything",
        ),
        NOT_WRITTEN => Some(
            "the disk is full, or what reads the lines has ended or is too slow. The provider was answered 503 and sends it again",
        ),
        UnknownOperator::CODE => Some(
            "send one of the tokens whose places stand in [operators] of the configuration; a variable of the environment is read at \
             the start alone. A provider sends no such header",
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
