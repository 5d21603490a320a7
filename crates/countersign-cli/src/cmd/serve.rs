//! `countersign serve`: a gateway that logs what it accepts.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use countersign::{Delivery, Rejection};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

use super::verify::value_json;
use crate::{
    failure::{Failure, Outcome},
    gateway::{self, Endpoint, Front, Refused, Verdict, Watch, config::Config, feed, feed::Refresh},
    moment,
};

/// Receive webhooks: verify each delivery, log the accepted ones as JSON lines, refuse the others
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Serve {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "countersign.toml")]
    config: PathBuf,

    /// Log the bodies of accepted deliveries too: as text, or in base64 if they are none
    #[arg(long)]
    bodies: bool,
}

const HELP: &str = "\
The configuration is TOML:

  listen = \"127.0.0.1:8787\"    # the default
  body_limit = 1048576         # in bytes; the default
  body_timeout = \"10s\"         # the default
  head_timeout = \"30s\"         # from the connection, or the last answer; the default
  connections = 4096           # at once; the default. If there are more, those go that send nothing

  [[endpoint]]
  path = \"/stripe\"
  provider = \"stripe\"          # or: scheme = \"acme.toml\", relative to this file
  secrets = [
    \"env:STRIPE_SECRET\",       # or: \"file:/run/secrets/stripe\"
    { from = \"env:OLD\", label = \"old\", not_after = 2026-12-31T23:59:59Z },
  ]
  tolerance = \"5m\"             # default: the provider's own
  # for the providers that sign it, the URL that they were given:
  # public_url = \"https://hooks.example.com/twilio\"
  # for schemes whose handshake has a URL that confirms, fetch that (default: it is a delivery like others):
  # confirm_subscriptions = true

  [endpoint.addresses]         # default: whoever can sign may send, wherever from
  allow = [\"203.0.113.0/24\"]  # or \"provider\": the ranges that the provider publishes
  [endpoint.addresses.allow_from]        # a list that is fetched again and again
  url = \"https://api.github.com/meta\"  # or: file = \"ranges.txt\"
  format = \"json:/hooks\"               # default: lines, an address or range each
  every = \"1h\"                         # the default; for a file 10s
  copy = \"github.json\"                 # keeps the last good copy for the next start

Instead of `secrets`, keys = \"fetch\" fetches the keys that the provider publishes (`countersign providers NAME` tells \
where). It can be said in more detail:

  [endpoint.keys]
  fetch = true
  bearer = \"env:API_KEY\"      # for a provider that wants to see a credential
  authorities = \"ca.pem\"      # trusted for HTTPS, beside Mozilla's list

If there are proxies in front, name them at the top of the file, and say how they tell the client's address: by one \
header, by the PROXY protocol (which then every connection must begin with), or by both in a row:

  trusted_proxies = [\"10.0.0.0/8\"]
  client_header = \"x-forwarded-for\"      # or: \"forwarded\"
  proxy_protocol = \"v1-or-v2\"

A list that cannot be fetched, that is empty or that suddenly lacks most of what it had is not taken: the last good copy \
stays, and a line on standard error tells its age. Start again to take it all the same (and remove `copy`), or allow it \
with may_shrink = true.

Accepted deliveries are lines on standard output, answered 200. Refused ones are lines on standard error, answered with \
a status and nothing else. There is no TLS: put it behind a proxy that has it. SIGINT and SIGTERM end it in good order.

Examples:
  countersign serve
  countersign serve --config /etc/countersign.toml --bodies >> deliveries.jsonl

Exit status: 0 ended by a signal, 2 a mistake in the configuration, or an address that is taken.";

impl Serve {
    pub(crate) fn run(self) -> Result<Outcome, Failure> {
        let Config { listen, endpoints, proxy_protocol, feeds, bounds } = Config::read(&self.config, log_refresh)?;
        let count = endpoints.len();
        let app = gateway::router(endpoints, &std::sync::Arc::new(Log { bodies: self.bodies }));
        let front = Front { app, proxy_protocol, refused: log_connection, bounds };
        let runtime = gateway::runtime()?;
        let outcome = runtime.block_on(async {
            let stop = gateway::stop_signal()?;
            let listener = TcpListener::bind(listen)
                .await
                .map_err(|error| Failure::new(format!("cannot listen on {listen}: {error}")))?;
            eprintln!("countersign: listening on http://{} ({count} endpoints)", listener.local_addr()?);
            for feed in feeds {
                tokio::spawn(feed.run(log_refresh));
            }
            gateway::serve(listener, front, stop).await;
            Ok(Outcome::Good)
        });
        // Lists that are being fetched are not waited for.
        runtime.shutdown_background();
        outcome
    }
}

/// Writes one line for each verdict.
struct Log {
    bodies: bool,
}

impl Watch for Log {
    fn verdict(&self, endpoint: &Endpoint, verdict: &Verdict<'_>, took: Duration) -> io::Result<()> {
        match verdict {
            Verdict::Accepted { delivery, content_type } => {
                let line = self.accepted(endpoint, delivery, *content_type, took);
                write_line(io::stdout().lock(), &line)
            }
            Verdict::Refused(rejection) => write_line(io::stderr().lock(), &refused(endpoint, rejection, took)),
        }
    }
}

impl Log {
    fn accepted(&self, endpoint: &Endpoint, delivery: &Delivery, content_type: Option<&str>, took: Duration) -> Json {
        let mut line = json!({
            "time": moment::now().to_string(),
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

fn refused(endpoint: &Endpoint, rejection: &Rejection, took: Duration) -> Json {
    json!({
        "time": moment::now().to_string(),
        "verdict": "refused",
        "endpoint": endpoint.path,
        "provider": endpoint.scheme().id(),
        "code": rejection.code(),
        "status": rejection.status().as_u16(),
        "reason": rejection.to_string(),
        "micros": micros(took),
    })
}

fn log_connection(peer: SocketAddr, refused: &Refused) {
    let line = json!({
        "time": moment::now().to_string(),
        "verdict": "refused",
        "peer": peer.to_string(),
        "code": "proxy_protocol",
        "reason": refused.to_string(),
    });
    // The refusal stands, whether or not there is a place to note it.
    let _ = write_line(io::stderr().lock(), &line);
}

/// Tells of lists that are new or could not be taken. Most are the same as before.
fn log_refresh(refresh: &Refresh<'_>) {
    let mut line = json!({
        "time": moment::now().to_string(),
        "list": refresh.list,
        "ranges": refresh.ranges,
        "age_seconds": refresh.age.as_secs(),
    });
    let (verdict, reason) = match &refresh.outcome {
        feed::Outcome::Same => return,
        feed::Outcome::Taken => ("list_taken", None),
        feed::Outcome::Refused(problem) => ("list_refused", Some(problem)),
        feed::Outcome::NotKept(problem) => ("list_not_kept", Some(problem)),
    };
    line["verdict"] = verdict.into();
    if let Some(reason) = reason {
        line["reason"] = reason.as_str().into();
    }
    let _ = write_line(io::stderr().lock(), &line);
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// One line in one write, so that lines do not mix with those of others.
fn write_line(mut out: impl Write, line: &Json) -> io::Result<()> {
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()
}
