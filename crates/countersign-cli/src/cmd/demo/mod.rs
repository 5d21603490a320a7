//! `countersign demo`: a real server on loopback, and simulated providers that send it good and bad deliveries.

mod recorder;
mod sender;
mod table;

use std::{fs, net::SocketAddr, sync::Arc};

use clap::Args;
use countersign::replay::MemoryStore;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::{
    client::Client,
    failure::{Failure, Outcome},
    gateway::{self, ConnectionSettings, Front, Gateway, Limits, Snapshot, Store},
    output,
};
use recorder::Recorder;
use sender::{Kind, SENDERS, Sender};

/// Watch deliveries being verified: simulated providers, real HTTP, on this machine only
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Demo {
    /// End after the table instead of waiting for your own deliveries
    #[arg(long)]
    once: bool,

    /// The port on loopback [default: a free one]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true, value_parser = port)]
    port: u16,
}

const HELP: &str = "\
Each provider gets a random secret. Then the demo sends deliveries as the provider would, and as an attacker might: \
signed with another secret, changed on the way, too late, too large, without a signature, or sent again. The table \
shows the answers, and the reasons, which are only in the server's log. Without --once the server stays up, and the \
demo prints a command with which to send your own deliveries.

Examples:
  countersign demo
  countersign demo --once && echo every verdict was right

Exit status: 0 every verdict was right, 1 one was not, 2 a mistake in the command line or a port that is taken.";

fn port(text: &str) -> Result<u16, &'static str> {
    text.parse().map_err(|_| "expected a number up to 65535, such as `8787`")
}

impl Demo {
    pub(crate) fn run(self) -> Result<Outcome, Failure> {
        let runtime = gateway::runtime()?;
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let listener = runtime
            .block_on(async { gateway::listen(address) })
            .map_err(|error| Failure::new(format!("cannot listen on port {}: {error}", self.port)))?;
        let address = listener.local_addr()?;
        let senders = SENDERS.iter().map(|sample| Sender::new(sample, address)).collect::<Result<Vec<_>, _>>()?;
        let plans = senders.iter().map(|sender| sender.endpoint(LIMITS)).collect::<Result<Vec<_>, _>>()?;
        let store = Arc::new(Store::Memory(MemoryStore::new()));
        let snapshot = Snapshot::new(&plans, &store, ConnectionSettings::default())
            .map_err(|error| Failure::new(error.to_string()))?;
        let recorder = Arc::new(Recorder::default());
        let gateway = Gateway::new(snapshot, Arc::clone(&recorder));
        let front = Front::new(gateway, |_, _| {});

        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move { drop(stopped.await) };
        let server = runtime.spawn(gateway::serve(listener, front, stopped));
        let outcome = show(&senders, &recorder, address)?;
        if !self.once {
            let _context = runtime.enter();
            // Before the folder is there, so that a signal removes it.
            let signal = gateway::stop_signal()?;
            let folder = invite(&senders, address)?;
            recorder.announce();
            runtime.block_on(signal);
            drop(folder);
        }
        drop(stop);
        // The server ends by itself. If it panicked, that is printed already.
        let _ = runtime.block_on(server);
        Ok(outcome)
    }
}

/// Sends every kind of delivery from every provider and shows the verdicts.
fn show(senders: &[Sender], recorder: &Recorder, address: SocketAddr) -> Result<Outcome, Failure> {
    let client = Client::to("127.0.0.1");
    output::line(format_args!("A server on http://{address}, {} simulated providers:\n", senders.len()))?;
    output::line(table::heading())?;
    let (mut right, mut sent, mut good) = (0, 0, 0);
    for sender in senders {
        let recorded = sender.delivery(Kind::Good, LIMITS)?;
        for kind in Kind::ALL.into_iter().filter(|kind| sender.can_send(*kind)) {
            let delivery = match kind {
                Kind::Good | Kind::Replayed => recorded.clone(),
                kind => sender.delivery(kind, LIMITS)?,
            };
            let answer = client.send(delivery);
            let row = table::Row { provider: sender.id(), kind, answer, seen: recorder.take() };
            output::line(row.to_string())?;
            sent += 1;
            good += usize::from(kind == Kind::Good);
            right += usize::from(row.is_right());
        }
    }
    let handled = recorder.handled();
    output::line(format_args!(
        "\n{right} of {sent} verdicts right; the handler ran {handled} times, for {good} good deliveries"
    ))?;
    Ok(Outcome::good_if(right == sent && handled == good))
}

/// Prints a command that sends a delivery. The secrets are in a temporary folder, which is removed when it is dropped.
fn invite(senders: &[Sender], address: SocketAddr) -> Result<TempDir, Failure> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("countersign-demo-");
    // There are secrets in it, though they protect nothing.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    let folder = builder.tempdir()?;
    for sender in senders {
        fs::write(folder.path().join(sender.id()), sender.secret())?;
    }
    let program = quoted(&std::env::args().next().unwrap_or_else(|| "countersign".to_owned()));
    output::line(format_args!(
        "\nThe server stays up until Ctrl-C. To send a delivery of your own, run in another terminal, in this folder:\n\n  \
         {program} send stripe --to http://{address}/stripe --data '{{\"id\":\"evt_2\",\"type\":\"charge.succeeded\"}}' \
         --secret-file {}\n\nAdd `--tamper body`, and it is refused. The other secrets are in {}.\n",
        quoted(&folder.path().join("stripe").display().to_string()),
        folder.path().display(),
    ))?;
    Ok(folder)
}

/// A word, quoted for a shell if need be.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-._".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

const LIMITS: Limits = Limits { body: 64 * 1024, time: std::time::Duration::from_secs(10) };
