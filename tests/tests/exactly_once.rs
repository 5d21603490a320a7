//! A short run of the harness on each store. The long ones are run by hand: see `CONTRIBUTING.md`.

use countersign_tests::exactly_once::{Plan, StoreKind, run};

fn every_event_is_handled_once(store: StoreKind) {
    let plan = Plan { store, deliveries: 3000, kills: 6, program: env!("CARGO_BIN_EXE_exactly-once").into() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let summary = runtime.block_on(run(plan));
    assert!(summary.is_good(), "{summary}");
    assert!(summary.found.failures > 0 && summary.found.done > 0, "{summary}");
}

#[test]
fn in_memory() {
    every_event_is_handled_once(StoreKind::Memory);
}

#[test]
fn in_a_file_of_several_processes_some_of_which_are_killed() {
    every_event_is_handled_once(StoreKind::Sqlite);
}

#[test]
fn in_postgres() {
    every_event_is_handled_once(StoreKind::Postgres);
}

#[test]
fn in_redis() {
    every_event_is_handled_once(StoreKind::Redis);
}
