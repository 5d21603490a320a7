//! `countersign audit`: attacks a receiver, and shows what it accepted.

mod answer;
mod checks;
mod message;
mod receiver;
mod report;
mod sender;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use countersign::{Scheme, Secret, Signer};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use serde_json::{Value as Json, json};

use self::{
    checks::Audit,
    receiver::{Limits, Receiver},
    report::{Row, Verdict, Watched},
    sender::{Draft, Sender},
};
use super::send::{header_line, media_type, read_data, receiver_url, without_query};
use crate::{
    endpoint_args::EndpointArgs,
    failure::{Failure, Outcome},
    moment,
    output::{self, Style},
    random, scheme_source,
    secrets::SecretArgs,
};

/// Attack your own receiver as a forger would, and show what it accepts
#[derive(Debug, Args)]
#[command(after_help = HELP, override_usage = "countersign audit [OPTIONS] <PROVIDER|--scheme FILE> --to <URL>")]
pub(crate) struct AuditArgs {
    /// A provider of the catalogue, such as `stripe`
    provider: Option<String>,

    /// A scheme file of your own in place of a provider
    #[arg(long, value_name = "FILE")]
    scheme: Option<PathBuf>,

    /// The receiver: an `http://` URL on this machine
    #[arg(long, value_name = "URL", value_parser = receiver_url)]
    to: Uri,

    /// Audit a host other than this machine: repeat its name here to confirm that it is yours
    #[arg(long, value_name = "HOST")]
    i_own: Option<String>,

    #[command(flatten)]
    secrets: SecretArgs,

    /// The body of the good deliveries, or `@FILE`; `{uuid}` in it is replaced by a new id in each delivery [default:
    /// an `id` of `{uuid}` and a `type`, in JSON or as a form]
    #[arg(long, value_name = "DATA")]
    data: Option<String>,

    /// Add a header, or replace one that is sent anyway; repeatable
    #[arg(long, value_name = "NAME: VALUE", value_parser = header_line)]
    header: Vec<(HeaderName, HeaderValue)>,

    #[command(flatten)]
    endpoint: EndpointArgs,

    /// How far the receiver lets the signed time be from its clock [default: the provider's own]
    #[arg(long, value_name = "DURATION", value_parser = moment::duration)]
    tolerance: Option<Duration>,

    /// How long to wait for each answer, from 1s to 60s
    #[arg(long, value_name = "DURATION", value_parser = patience, default_value = "15s")]
    patience: Duration,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const JSON: &str = r#"{"id":"{uuid}","type":"countersign.audit"}"#;
const FORM: &str = "id={uuid}&type=countersign.audit";

const HELP: &str = "\
An audit sends good deliveries, and bad ones: signed with another secret or with none, with a signature that is right \
in part, changed, too old, from the future, cut off, repeated, malformed, oversized and slow. The receiver should \
accept the good ones (2xx), refuse the bad ones (4xx), never fail (5xx), and answer all forgeries alike. The row of a \
check is that of the attack in the project's tests/ADVERSARY.md. Good deliveries are handled: choose a receiver whose \
handler may run. At the end come the events that it should have handled exactly once, which answers do not show.

An audit sends at most 200 requests, at most eight of them at once, and at most 70 MiB in one of them. It ends \
within 5 minutes; checks that were not done by then are unclear. It sends only to loopback, unless --i-own names the \
host. It does not support TLS: send it to the port behind your TLS proxy.

Examples:
  countersign audit stripe --to http://localhost:3000/stripe \\
      --secret-env STRIPE_SECRET
  countersign audit github --to http://localhost:3000/hooks \\
      --secret-env SECRET --header 'X-GitHub-Event: push' \\
      --data '{\"ref\":\"{uuid}\"}' --json

Exit status: 0 every check passed, 1 one failed or is unclear, 2 a mistake in the command line or its input.";

impl AuditArgs {
    pub(crate) fn run(self) -> Result<Outcome, Failure> {
        let scheme = scheme_source::either(self.provider.as_deref(), self.scheme.as_deref())?;
        let limits = Limits { patience: self.patience, until: Instant::now() + MAX_AUDIT_TIME, requests: MAX_REQUESTS };
        let receiver = Receiver::at(&self.to, self.i_own.as_deref(), limits)?;
        let sender = self.sender(&scheme)?;
        sender.check_ids()?;
        let style = Style::of_stdout();
        if !self.json {
            output::line(style.bold(report::heading()))?;
        }
        let mut show = |row: &Row| if self.json { Ok(()) } else { Ok(output::line(row.line(style))?) };
        let mut audit = Audit::new(&sender, &receiver, &mut show);
        audit.run()?;
        let (rows, watched) = (audit.rows, audit.watched);
        let good = rows.iter().all(|row| row.verdict == Verdict::Pass);
        let advice = match &*rows {
            [only] if !good => Some(format!("{ONLY_ONE}: {}", only.advice())),
            _ => None,
        };
        let note = advice.unwrap_or_else(|| HANDLED.to_owned());
        if self.json {
            let checks: Vec<Json> = rows.iter().map(Row::json).collect();
            let watched: Vec<Json> = watched.iter().map(Watched::json).collect();
            output::line(json!({
                "provider": scheme.id(), "to": self.to.to_string(), "passed": good, "checks": checks, "note": note,
                "events": watched,
            }))?;
        } else {
            output::line(format_args!("\n{}\n{note}", report::summary(&rows)))?;
            watched.iter().try_for_each(|event| output::line(event.line()))?;
        }
        Ok(Outcome::good_if(good))
    }

    fn sender(&self, scheme: &Scheme) -> Result<Sender, Failure> {
        let mut endpoint = self.endpoint.clone();
        endpoint.public_url.get_or_insert_with(|| without_query(&self.to));
        let configure = |builder| {
            let builder = endpoint.configure(builder);
            if let Some(tolerance) = self.tolerance { builder.tolerance(tolerance) } else { builder }
        };
        let signer = |secret| Signer::configured(scheme, secret, configure);
        let forger = other_secrets()?.into_iter().find_map(|secret| signer(secret).ok());
        let data = String::from_utf8(read_data(self.data.as_deref().unwrap_or(default_data(scheme)))?.into())
            .map_err(|_| Failure::new("the body of --data is not UTF-8: an audit needs text, to put ids into it"))?;
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(data.as_bytes())));
        for (name, _) in &self.header {
            headers.remove(name);
        }
        for (name, value) in &self.header {
            headers.append(name, value.clone());
        }
        let draft = Draft { to: self.to.clone(), headers, data };
        let nobody = Signer::of_nobody(scheme, configure)?;
        Ok(Sender::new(signer(self.secrets.one()?)?, draft).with_forgers(forger, nobody))
    }
}

/// The body of a delivery, if none is given: a form, if the signature is in one or covers its parameters.
fn default_data(scheme: &Scheme) -> &'static str {
    let signs_form = scheme.signed_content().is_some_and(|content| content.contains("{form"));
    if signs_form || scheme.signature_source().contains("form parameter") { FORM } else { JSON }
}

fn patience(text: &str) -> Result<Duration, String> {
    let bounds = Duration::from_secs(1)..=Duration::from_secs(60);
    let patience = moment::duration(text)?;
    if bounds.contains(&patience) { Ok(patience) } else { Err("expected a duration from 1s to 60s".to_owned()) }
}

/// Random secrets in the forms that schemes take, which the receiver does not know.
fn other_secrets() -> Result<Vec<Secret>, Failure> {
    let (base64, hex) = (random::secret()?, random::uuid()?.replace('-', ""));
    let texts = [base64.clone(), format!("whsec_{base64}"), hex];
    texts.into_iter().map(|text| Secret::new(text).map_err(|error| Failure::new(error.to_string()))).collect()
}

const ONLY_ONE: &str = "The other checks were not run, since they prove nothing if a good delivery fails";

const HANDLED: &str = "Answers do not show what was handled. Look at what your handler did: it should have handled each of \
                       these events once, not twice (D4), and not never because a forgery of it came first (D1).";

const MAX_AUDIT_TIME: Duration = Duration::from_secs(5 * 60);
/// More than all checks need.
const MAX_REQUESTS: usize = 200;
