//! `exactly-once --store memory|sqlite|postgres|redis [--through store|layer] [--deliveries N] [--kills N]`: checks
//! that each event is handled once.
//!
//! Sends N deliveries, 30 % of them duplicates, to four workers whose handlers fail, are cancelled and are killed, and
//! checks the records. The workers call the store themselves, or through the layer with signed requests. Exits with 1
//! if an event was lost, or handled twice. Starts the server that it needs.

use std::{env, path::Path, process::ExitCode};

use countersign_tests::exactly_once::{Plan, Through, run, work_on_stdin};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["worker", store, place, through, journal, number] = arguments[..] {
        let (Ok(store), Ok(through), Ok(number)) = (store.parse(), through.parse(), number.parse()) else {
            return usage();
        };
        work_on_stdin(store, place, through, Path::new(journal), number).await;
        return ExitCode::SUCCESS;
    }
    let Some(plan) = plan(&arguments) else { return usage() };
    let summary = run(plan).await;
    println!("{summary}");
    if summary.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn plan(arguments: &[&str]) -> Option<Plan> {
    let (mut store, mut through, mut deliveries, mut kills) = (None, Through::Store, 10_000, 20);
    for pair in arguments.chunks(2) {
        match *pair {
            ["--store", name] => store = Some(name.parse().ok()?),
            ["--through", name] => through = name.parse().ok()?,
            ["--deliveries", count] => deliveries = count.parse().ok()?,
            ["--kills", count] => kills = count.parse().ok()?,
            _ => return None,
        }
    }
    Some(Plan { store: store?, through, deliveries, kills, program: env::current_exe().ok()? })
}

fn usage() -> ExitCode {
    eprintln!(
        "usage: exactly-once --store memory|sqlite|postgres|redis [--through store|layer] [--deliveries N] [--kills N]"
    );
    ExitCode::from(2)
}
