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
        self, Front, Gateway, StoreError,
        config::Config,
        metrics::MetricsServer,
        reload::{HangUps, Start},
    },
    output,
};

/// Receive webhooks: verify each delivery, write the accepted ones as JSON lines, refuse the others
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Serve {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "countersign.toml")]
    config: PathBuf,

    /// Only check the configuration and the files that it names; the store and the ports are not touched
    #[arg(long)]
    check: bool,

    /// Add the bodies to the lines of accepted deliveries: as text, or in base64 if they are not UTF-8
    #[arg(long)]
    bodies: bool,
}

const HELP: &str = "\
The configuration is TOML:

  listen = \"127.0.0.1:8787\"    # the default
  body_limit = 1048576         # in bytes; the default
  body_timeout = \"10s\"         # the default
  head_timeout = \"30s\"         # from the connection or the last answer to the
                               # end of the head; the default
  line_timeout = \"4s\"          # to write an accepted delivery; the default
  connections = 4096           # open at once; the default. If there are more,
                               # the one that kept the gateway waiting for the
                               # longest is closed
  metrics = \"127.0.0.1:9100\"   # /metrics for Prometheus, and /healthz, on a
                               # port of their own; default: none

  [replay]                     # an event is handled once
  # where handled events are kept: \"memory\" (the default; until the process
  # ends), \"sqlite:FILE\", \"redis://HOST\" or \"postgres://HOST/DB\"; for a URL
  # with a password, \"env:NAME\" or \"file:PATH\"; for a Redis Cluster, one or
  # some of its nodes: \"redis://HOST,HOST\"; over TLS, \"rediss://HOST\" or
  # \"postgres://HOST/DB?sslmode=verify-full\"
  store = \"memory\"
  capacity = 1000000           # events; the default. A full store refuses
                               # deliveries (memory and SQLite)
  store_timeout = \"2s\"         # the default; a server has half of it
  lease = \"60s\"                # the default. If the process dies, the events
                               # in flight can be handled again after that
  # for a store on a server: how many events that it has handled this process
  # remembers, so as not to ask the server about them, and the certificates of
  # the authorities that are trusted for TLS (default: Mozilla's list)
  # copies = 100000
  # authorities = \"ca.pem\"

  [operators]                  # who may have an event handled again, each with
  alice = \"env:ALICE_TOKEN\"    # a token of at least 32 random characters

  [[endpoint]]
  path = \"/stripe\"
  name = \"stripe\"              # in metrics and in the replay guard. Under
                               # another name, handled events count as new.
                               # Default: the path
  provider = \"stripe\"          # or: scheme = \"acme.toml\", relative to this file
  secrets = [
    \"env:STRIPE_SECRET\",       # or: \"file:/run/secrets/stripe\"
    # for a limited time; not_before and not_after are both optional
    { from = \"env:OLD\", label = \"old\", not_after = 2026-12-31T23:59:59Z },
    # for a provider that sends its secret in a handshake:
    # { handshake = \"stripe.secret\" }
    # for HTTP Message Signatures, if the sender calls the key something else:
    # { from = \"env:NEW\", key_id = \"2027\" }
  ]
  tolerance = \"5m\"             # default: the provider's own
  # other settings of the scheme (`countersign providers NAME` lists them):
  # settings = { webhook_id = \"1AB23456CD\" }
  # allow_legacy = true        # signatures with MD5 or SHA-1
  keep_for = \"7d\"              # default: as long as the provider retries and
                               # the signature is fresh
  # for providers that sign the URL, the URL that they were told:
  # public_url = \"https://hooks.example.com/twilio\"
  # for schemes whose handshake has a URL that confirms: fetch it, over HTTPS,
  # from public addresses only (default: the handshake is an ordinary delivery)
  # confirm_subscriptions = true
  # confirm_subscriptions = { fetch = true, authorities = \"ca.pem\" }

  [endpoint.addresses]         # default: any address may send
  allow = [\"203.0.113.0/24\"]   # or [\"provider\"], for the provider's ranges
  [endpoint.addresses.allow_from]        # a list that is fetched regularly
  url = \"https://api.github.com/meta\"    # or: \"provider\", for the provider's
                                         # list; or: file = \"ranges.txt\"
  format = \"json:/hooks\"                 # default: lines, one range each
  every = \"1h\"                           # the default; for a file 10s
  copy = \"github.json\"                   # keeps the last good copy for the next
                                         # start

Instead of `secrets`, keys = \"fetch\" fetches the keys that the provider publishes (`countersign providers NAME` \
shows where). A table has more options:

  [endpoint.keys]
  fetch = true
  bearer = \"env:API_KEY\"       # for a provider that asks for a credential
  authorities = \"ca.pem\"       # trusted for HTTPS, beside Mozilla's list
  # for requests that name their key, by URL or id: keys that are fetched even
  # while somebody floods the endpoint with made-up names
  known = [\"https://…\"]

Some providers send the secret themselves, in an unsigned handshake. With secrets = [{ handshake = \"FILE\" }], the \
first secret that arrives is written to that file, which only its owner can read, and is used from then on. It is \
never overwritten. The first sender is believed: start the provider's handshake as soon as the endpoint is up. To \
begin again, remove the file.

If there are proxies in front, name them at the top of the file, and say how they tell the client's address: by a \
header, by the PROXY protocol (which every connection must then begin with), or by both:

  trusted_proxies = [\"10.0.0.0/8\"]
  client_header = \"x-forwarded-for\"      # or: \"forwarded\"
  proxy_protocol = \"v1-or-v2\"

A list that cannot be fetched, is empty, or lacks more than half of the ranges that it had a day or two before (or at \
the start) is not taken. The last good copy stays in use, and a line on standard error tells its age. To take such a \
list all the same, restart (and remove `copy`), or set may_shrink = true. Replace a file as a whole, by renaming a new \
one: one that is being written can be read half-way. With `copy`, the gateway starts with the kept copy, and fetches \
the list then.

Reload: the configuration, its schemes and its secrets are read again when one of these files changes, and at \
SIGHUP. A wrong file changes nothing, and a line on standard error says what is wrong. Requests in flight keep the \
configuration that they began with. A connection is closed at its next request if its proxy is no longer trusted, or \
if `proxy_protocol` has changed. Handled events stay known unless their endpoint gets another `name`, or a scheme \
with another id (a copy of a provider's file under another name has another id). Fetched keys stay unless the way to \
get them changes. With a longer `tolerance`, events that were already forgotten under the shorter one can be handled \
again. `listen`, `metrics`, `connections`, `line_timeout`, the store of [replay] and environment variables change \
only at a restart; `dangerous_fail_open` and `lease` take effect at once, and so does `store_timeout`, except for \
the server of the store.

An operator can have an event handled again: by sending the same delivery, signed anew if its time is over, with the \
token in the header `countersign-operator`, as `countersign send --operator-env NAME` does. It must verify like any \
other delivery, and its line has the operator's name, whether or not the event was handled before. A token that is not \
in [operators] is answered 403, before any other check.

Settings named `dangerous_` let replays through: `dangerous_fail_open = true` in [replay], while the store cannot be \
reached; in an endpoint `dangerous_without_replay_guard = true`, or, if its scheme signs no time, \
`dangerous_accept_replays_for_ever = true`.

Accepted deliveries are lines on standard output. They are answered 200, or with the status and body that their \
provider expects. Everything else is a line on standard error: duplicates, which are answered like the first \
delivery, handshakes, and refusals, which are answered with a status and no body. An event counts as handled when \
its line is written: to a file, once it is on the disk; to a pipe, once it is in the pipe, so its reader must not lose \
lines. If nobody reads the lines and that takes longer than `line_timeout`, the delivery is answered 503. Lines on \
standard error are dropped if nobody reads them, and a later line says how many. The gateway does not start if \
standard output is closed.

An accepted line has `time`, `verdict` (accepted), `endpoint` (its path), `provider`, `key` (the label of the \
secret), `timestamp` (the signed time), `event_id` and `event_type` (null, or `value` and `covered`: whether the \
signature covers it), `method`, `content_type`, `bytes`, `body_covered` (whether the signature covers the body), \
`micros` (how long it took), with --bodies `query` (unless it may hold the secret) and `body`, or `body_base64` if it \
is not UTF-8, and `operator` if it came with the token of one. In a line on standard error, `verdict` is refused (with \
`code`, `status`, `reason` and `peer`), duplicate (with the event's id and type), handshake, or a word about lists, \
connections or the configuration.

/healthz says only that the process answers; `countersign_store_errors_total` in /metrics counts failures of the \
store. There is no TLS: put the gateway behind a proxy that has it. SIGINT and SIGTERM stop it once the requests in \
flight are answered, after 10s at most.

Examples:
  countersign serve
  countersign serve --config /etc/countersign.toml --bodies >> deliveries.jsonl
  countersign serve --config new.toml --check

Exit status: 0 stopped by a signal, or --check found no mistake, 2 it did not start: a mistake in the configuration, \
an address in use, a closed standard output, or a replay store that cannot be reached or opened.";

impl Serve {
    pub(crate) fn run(self) -> Result<Outcome, Failure> {
        log_errors();
        let runtime = gateway::runtime()?;
        // Before the first reading, in which a list may be slow to arrive: until then, SIGHUP ends the process.
        let hang_ups = runtime.block_on(async { HangUps::new() })?;
        let start = Start::read(&self.config, LOG);
        let outcome = match start {
            Ok(start) if self.check => self.checked(&start),
            start => start.and_then(|start| runtime.block_on(self.serve(start, hang_ups))),
        };
        runtime.block_on(log::drained());
        // Does not wait for lists that are being fetched.
        runtime.shutdown_background();
        outcome
    }

    /// Reports that the configuration is right and all files that it names can be read.
    fn checked(&self, start: &Start) -> Result<Outcome, Failure> {
        let count = start.config.endpoints.len();
        output::line(format_args!("{}: can be served: {}", self.config.display(), count_of(count)))?;
        Ok(Outcome::Good)
    }

    /// The gateway does not start without its store: it would have to refuse every delivery, or let replays through.
    fn no_store(&self, error: &StoreError) -> Failure {
        let config = self.config.display();
        Failure::new(format!(
            "cannot open the replay store: {error} (the gateway has not started: mend the store, or [replay] in {config}, and \
             start again)"
        ))
    }

    async fn serve(self, start: Start, hang_ups: HangUps) -> Result<Outcome, Failure> {
        let stop = gateway::stop_signal()?;
        let Config { listen, metrics, endpoints, store, .. } = &start.config;
        let (count, metrics) = (endpoints.len(), *metrics);
        // Before the first request, whose series would be lost otherwise.
        let handle = metrics.map(|_| gateway::metrics::install()).transpose()?;
        let store = Arc::new(store.open().await.map_err(|error| self.no_store(&error))?);
        let watch = Arc::new(Log::new(self.bodies, start.config.line_timeout)?);
        let gateway = Gateway::new(start.config.snapshot(&store)?, watch);
        let listener = self::listen("listen", *listen)?;
        let metrics = metrics.map(|address| self::listen("metrics", address)).transpose()?;
        say(&format!("countersign: listening on http://{} ({})", listener.local_addr()?, count_of(count)));
        let live = start.live(&self.config, gateway.clone(), Arc::clone(&store), LOG);
        let front = Front::new(gateway, log_connection);
        if let (Some(handle), Some(listener)) = (handle, metrics) {
            say(&format!("countersign: metrics on http://{}/metrics", listener.local_addr()?));
            tokio::spawn(MetricsServer::new(handle, live.state(), store, front.places()).serve(listener));
        }
        tokio::spawn(live.run(hang_ups));
        gateway::serve(listener, front, stop).await;
        Ok(Outcome::Good)
    }
}

fn count_of(endpoints: usize) -> String {
    if endpoints == 1 { "1 endpoint".to_owned() } else { format!("{endpoints} endpoints") }
}

/// Listens on the address that the configuration has under this key.
fn listen(key: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    gateway::listen(address).map_err(|error| Failure::new(format!("`{key}`: cannot listen on {address}: {error}")))
}
