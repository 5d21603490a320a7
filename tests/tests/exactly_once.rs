//! A short run of the harness on each store. The long ones are run by hand: see `CONTRIBUTING.md`.

use countersign_tests::exactly_once::{Plan, StoreKind, Through, run};

fn every_event_is_handled_once(store: StoreKind, through: Through) {
    let program = env!("CARGO_BIN_EXE_exactly-once").into();
    let plan = Plan { store, through, deliveries: 3000, kills: 6, program };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let summary = runtime.block_on(run(plan));
    assert!(summary.is_good(), "{summary}");
    assert!(summary.found.failures > 0 && summary.found.done > 0, "{summary}");
}

#[test]
fn in_memory() {
    every_event_is_handled_once(StoreKind::Memory, Through::Store);
}

#[test]
fn in_a_file_of_several_processes_some_of_which_are_killed() {
    every_event_is_handled_once(StoreKind::Sqlite, Through::Store);
}

#[test]
fn in_postgres() {
    every_event_is_handled_once(StoreKind::Postgres, Through::Store);
}

#[test]
fn in_redis() {
    every_event_is_handled_once(StoreKind::Redis, Through::Store);
}

#[test]
fn through_the_layer_in_memory() {
    every_event_is_handled_once(StoreKind::Memory, Through::Layer);
}

#[test]
fn through_the_layer_in_redis() {
    every_event_is_handled_once(StoreKind::Redis, Through::Layer);
}
