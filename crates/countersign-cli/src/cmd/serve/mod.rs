//! `countersign serve`: a gateway that logs what it accepts.

mod lines;
mod log;
mod stream;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use clap::Args;
use tokio::net::TcpListener;

use self::log::{LOG, Log, log_connection, log_errors, say};
pub(super) use self::log::{NO_ENDPOINT, NOT_WRITTEN};
use crate::{
    failure::{Failure, Outcome},
    gateway::{
        self, Front, Gateway,
        config::Config,
        metrics::Shown,
        reload::{Asked, Start},
    },
    output,
};

/// Receive webhooks: verify each delivery, log the accepted ones as JSON lines, refuse the others
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Serve {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "countersign.toml")]
    config: PathBuf,

    /// Read the configuration, say whether it is right, and end
    #[arg(long)]
    check: bool,

    /// Log the bodies of accepted deliveries too: as text, or in base64 if they are none
    #[arg(long)]
    bodies: bool,
}

const HELP: &str = "\
The configuration is TOML:

  listen = \"127.0.0.1:8787\"    # the default
  body_limit = 1048576         # in bytes; the default
  body_timeout = \"10s\"         # the default
  head_timeout = \"30s\"         # from the connection or the last answer
  line_timeout = \"4s\"          # to write an accepted delivery; the default
  connections = 4096           # at once; the default. If there are more, those
                               # go that send nothing
  metrics = \"127.0.0.1:9100\"   # /metrics for Prometheus and /healthz, on a
                               # listener of their own; default: none

  [replay]                     # what was handled is not handled again
  # the default: until the process ends; or: \"sqlite:FILE\", \"redis://HOST\",
  # \"postgres://HOST/DB\", or \"env:NAME\" or \"file:PATH\" with such a URL, if there
  # is a password in it; a cluster of Redis by one of its nodes, or by some:
  # \"redis://HOST,HOST\"; over TLS: \"rediss://HOST\",
  # \"postgres://HOST/DB?sslmode=verify-full\"
  store = \"memory\"
  capacity = 1000000           # events; the default. A store that is full
                               # refuses (memory and SQLite)
  store_timeout = \"2s\"         # a call to the store; the default
  lease = \"60s\"                # the default. If the process dies, what it was
                               # handling is let through again after that
  # for a store on a server: how many events that it has handled itself the
  # process knows without asking, and who vouches for the server over TLS
  # (default: Mozilla's list)
  # copies = 100000
  # authorities = \"ca.pem\"

  [operators]                  # who may have an event handled again, each with
  alice = \"env:ALICE_TOKEN\"    # a token of at least 32 random characters

  [[endpoint]]
  path = \"/stripe\"
  name = \"stripe\"              # in metrics, and for the replay guard, which
                               # knows nothing of what was handled under
                               # another; default: the path
  provider = \"stripe\"          # or: scheme = \"acme.toml\", beside this file
  secrets = [
    \"env:STRIPE_SECRET\",       # or: \"file:/run/secrets/stripe\"
    # for a while; not_before and not_after may each be left out
    { from = \"env:OLD\", label = \"old\", not_after = 2026-12-31T23:59:59Z },
    # for a provider that sends its secret in a handshake:
    # { handshake = \"stripe.secret\" }
    # for HTTP Message Signatures, a key that the sender calls otherwise:
    # { from = \"env:NEW\", key_id = \"2027\" }
  ]
  tolerance = \"5m\"             # default: the provider's own
  # what else a scheme needs to know (`countersign providers NAME` tells):
  # settings = { webhook_id = \"1AB23456CD\" }
  # allow_legacy = true        # signatures that rest on MD5 or SHA-1
  keep_for = \"7d\"              # default: as long as the provider retries and
                               # the signature is fresh
  # for the providers that sign it, the URL that they were given:
  # public_url = \"https://hooks.example.com/twilio\"
  # for schemes whose handshake has a URL that confirms, fetch that (default: it
  # is a delivery like others), over HTTPS, on public addresses alone:
  # confirm_subscriptions = true
  # confirm_subscriptions = { fetch = true, authorities = \"ca.pem\" }

  [endpoint.addresses]         # default: whoever can sign may send
  allow = [\"203.0.113.0/24\"]   # or [\"provider\"], whose ranges those are
  [endpoint.addresses.allow_from]        # a list, fetched again and again
  url = \"https://api.github.com/meta\"    # or: \"provider\", the one that it
                                         # publishes; or: file = \"ranges.txt\"
  format = \"json:/hooks\"                 # default: lines, a range each
  every = \"1h\"                           # the default; for a file 10s
  copy = \"github.json\"                   # keeps the last good copy for the next
                                         # start

Instead of `secrets`, keys = \"fetch\" fetches the keys that the provider publishes (`countersign providers NAME` tells \
where). It can be said in more detail:

  [endpoint.keys]
  fetch = true
  bearer = \"env:API_KEY\"       # for a provider that wants to see a credential
  authorities = \"ca.pem\"       # trusted for HTTPS, beside Mozilla's list
  # where requests say which key they mean, by its URL or its id: keys that are
  # fetched however many others somebody invents
  known = [\"https://…\"]

Some providers send the secret themselves, in the handshake with which they begin, and nobody signs that. With secrets = \
[{ handshake = \"FILE\" }] the first secret that comes is kept in that file, which only its owner can read, and is used \
from then on; it is never overwritten. Whoever asks first is believed: let the provider ask as soon as the endpoint is \
there, and remove the file to begin anew.

If there are proxies in front, name them at the top of the file, and say how they tell the client's address: by one \
header, by the PROXY protocol (which then every connection must begin with), or by both in a row:

  trusted_proxies = [\"10.0.0.0/8\"]
  client_header = \"x-forwarded-for\"      # or: \"forwarded\"
  proxy_protocol = \"v1-or-v2\"

A list that cannot be fetched, that is empty or that suddenly lacks most of what it had is not taken: the last good copy \
stays, and a line on standard error tells its age. Start again to take it all the same (and remove `copy`), or allow it \
with may_shrink = true.

The configuration, its schemes and its secrets are read again when one of these files changes, and at SIGHUP. A file that is \
wrong leaves everything as it was, and a line on standard error says what is wrong. Requests that are under way end with the \
configuration that they began with; a connection whose proxy is trusted no more, or that began with another `proxy_protocol`, \
is closed at its next one. What was handled stays known, unless its endpoint gets another `name`, or a scheme with another \
id (a provider's file under a name of your own is another one); and so do the keys that were fetched, unless their endpoint \
is told another way to get them. A longer `tolerance` lets in again what was forgotten under the shorter one. `listen`, \
`metrics`, `connections`, `line_timeout` and the store of [replay] wait for the next start, and so do variables of the \
environment; `dangerous_fail_open`, `lease` and `store_timeout` take effect at once.

An operator has an event handled again that was handled: by the same delivery, signed anew if its time is over, with the token in the \
header `countersign-operator`, as `countersign send --operator-env NAME` sends it. It must verify like any other, and its line \
tells the operator's name. A token that is none of those of [operators] is answered 403.

Who must can let replays through, by settings that say so: `dangerous_fail_open = true` in [replay], for the time in which the \
store cannot be asked; and for an endpoint `dangerous_without_replay_guard = true`, or, if its scheme signs no time, \
`dangerous_accept_replays_for_ever = true`.

Accepted deliveries are lines on standard output, answered 200, or with whatever status and words their provider wants. \
Duplicates are answered like that too, and are lines on standard error, like handshakes, and like the refused ones, which \
are answered with a status and nothing else. It does not start when standard output is closed. An event counts as handled when its line is written; if that takes longer \
than `line_timeout`, because nobody reads the lines, its delivery is answered 503. Lines on standard error are not waited for: those \
that find no place are dropped, and a line says how many.

An accepted line has `time`, `verdict` (accepted), `endpoint` (its path), `provider`, `key` (the label of the secret), `timestamp` (the \
signed one), `event_id` and `event_type` (null, or `value` and `covered`: whether the signature covers it), `content_type`, `bytes`, \
`micros` (how long it took), with --bodies `body` or, if that is no text, `body_base64`, and `operator` if one asked for it. Of the \
lines on standard error, `verdict` says what they are: refused (with `code`, `status`, `reason` and `peer`), duplicate (with the \
event's id and type), handshake, and what concerns lists, connections and the configuration. /healthz says no more than that the process answers; whether its store does is told by `countersign_store_errors_total` in \
/metrics. There is no TLS: put it behind a proxy that has it. SIGINT and \
SIGTERM end it in good order.

Examples:
  countersign serve
  countersign serve --config /etc/countersign.toml --bodies >> deliveries.jsonl
  countersign serve --config new.toml --check

Exit status: 0 ended by a signal, or a configuration that is right with --check, 2 a mistake in the configuration, an address that is \
taken, or a replay store that cannot be opened.";

impl Serve {
    pub(crate) fn run(self) -> Result<Outcome, Failure> {
        log_errors();
        let runtime = gateway::runtime()?;
        // Before the first reading, which SIGHUP would end: a list may be long in coming.
        let asked = runtime.block_on(async { Asked::new() })?;
        let start = Start::read(&self.config, LOG);
        let outcome = match start {
            Ok(start) if self.check => self.checked(&start),
            start => start.and_then(|start| runtime.block_on(self.serve(start, asked))),
        };
        runtime.block_on(log::drained());
        // Lists that are being fetched are not waited for.
        runtime.shutdown_background();
        outcome
    }

    /// What the configuration names is there and can be read; the store and the port are not touched.
    fn checked(&self, start: &Start) -> Result<Outcome, Failure> {
        let count = start.config.endpoints.len();
        output::line(format_args!("{}: can be served: {}", self.config.display(), count_of(count)))?;
        Ok(Outcome::Good)
    }

    async fn serve(self, start: Start, asked: Asked) -> Result<Outcome, Failure> {
        let stop = gateway::stop_signal()?;
        let Config { listen, metrics, endpoints, store, .. } = &start.config;
        let (count, metrics) = (endpoints.len(), *metrics);
        // Before the first request, or its series would be lost.
        let handle = metrics.map(|_| gateway::metrics::install()).transpose()?;
        let store = Arc::new(store.open().await.map_err(|error| Failure::new(format!("the replay store: {error}")))?);
        let watch = Arc::new(Log::new(self.bodies, start.config.line_timeout)?);
        let gateway = Gateway::new(start.config.snapshot(&store)?, watch);
        let listener = self::listen("listen", *listen)?;
        let metrics = metrics.map(|address| self::listen("metrics", address)).transpose()?;
        say(&format!("countersign: listening on http://{} ({})", listener.local_addr()?, count_of(count)));
        let live = start.live(&self.config, gateway.clone(), Arc::clone(&store), LOG);
        let front = Front::new(gateway, log_connection);
        if let (Some(handle), Some(listener)) = (handle, metrics) {
            say(&format!("countersign: metrics on http://{}/metrics", listener.local_addr()?));
            tokio::spawn(Shown::new(handle, live.state(), store, front.places()).serve(listener));
        }
        tokio::spawn(live.run(asked));
        gateway::serve(listener, front, stop).await;
        Ok(Outcome::Good)
    }
}

fn count_of(endpoints: usize) -> String {
    if endpoints == 1 { "1 endpoint".to_owned() } else { format!("{endpoints} endpoints") }
}

/// Listens on an address that the configuration has under this key.
fn listen(key: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    gateway::listen(address).map_err(|error| Failure::new(format!("`{key}`: cannot listen on {address}: {error}")))
}
