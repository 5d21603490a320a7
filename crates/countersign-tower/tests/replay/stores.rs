//! Stores that fail or hang: no delivery is handled that may be a replay.

use std::time::Duration;

use countersign_tower::{
    ReplayLayer,
    countersign::{ReplayStore, replay::MemoryStore},
    replay::OperatorReplay,
};
use tokio::time::timeout;

use crate::common::{AtHand, Do, Endpoint, Fault, Remote};

fn remote(fault: Fault) -> (Remote, ReplayLayer<Remote>) {
    let remote = Remote::new(Duration::from_millis(1));
    remote.set(fault);
    (remote.clone(), ReplayLayer::new(remote, "github"))
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_is_503_and_nothing_runs() {
    for fault in [Fault::Claim, Fault::ClaimHangs] {
        let (remote, layer) = remote(fault);
        let endpoint = Endpoint::new(layer);
        endpoint.refuses("{}", 503, "store_unavailable").await;
        remote.set(Fault::None);
        endpoint.runs("{}").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_waited_for_up_to_its_timeout() {
    let (_, layer) = remote(Fault::ClaimHangs);
    let endpoint = Endpoint::new(layer.with_store_timeout(Duration::from_millis(300)));
    let start = tokio::time::Instant::now();
    endpoint.refuses("{}", 503, "store_unavailable").await;
    assert!(start.elapsed() < Duration::from_millis(350), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_success_that_could_not_be_recorded_is_no_200() {
    for fault in [Fault::Commit, Fault::CommitHangs] {
        let (remote, layer) = remote(fault);
        let endpoint = Endpoint::new(layer);
        let got = endpoint.runs("{}").await;
        assert_eq!((got.status, got.code, got.retry_after), (503, "store_unavailable", true));
        remote.set(Fault::None);
        // The claim stands until its lease is over: whether the commit was made is not known.
        endpoint.refuses("{}", 409, "in_progress").await;
        endpoint.clock.advance(60);
        assert_eq!(endpoint.runs("{}").await.status, 202);
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_comes_too_late_is_no_200() {
    let (_, layer) = remote(Fault::None);
    let endpoint = Endpoint::new(layer);
    endpoint.script([Do::Wait(Duration::from_secs(10))]);
    let sending = endpoint.clone();
    let late = tokio::spawn(async move { sending.deliver("{}").await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    // As if this process had been stopped for a minute.
    endpoint.clock.advance(61);
    assert_eq!(endpoint.runs("{}").await.status, 202);
    assert_eq!(late.await.unwrap().code, "store_unavailable");
    endpoint.refuses("{}", 200, "replayed").await;
}

#[tokio::test(start_paused = true)]
async fn a_release_that_fails_ends_with_the_lease() {
    let (remote, layer) = remote(Fault::Release);
    let endpoint = Endpoint::new(layer);
    endpoint.script([Do::Answer(500)]);
    assert_eq!(endpoint.runs("{}").await.status, 500);
    remote.set(Fault::None);
    endpoint.refuses("{}", 409, "in_progress").await;
    endpoint.clock.advance(60);
    endpoint.runs("{}").await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_store_lets_deliveries_through_only_if_the_layer_fails_open() {
    for fault in [Fault::Claim, Fault::ClaimHangs, Fault::Commit, Fault::CommitHangs] {
        let (_, layer) = remote(fault);
        let endpoint = Endpoint::new(layer.dangerous_fail_open());
        assert_eq!(endpoint.runs("{}").await.status, 202, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_s_replay_needs_the_store_unless_the_layer_fails_open() {
    for (fails_open, expected) in [(false, (503, "store_unavailable")), (true, (202, ""))] {
        let remote = Remote::new(Duration::from_secs(1));
        let layer = ReplayLayer::new(remote.clone(), "github");
        let endpoint = Endpoint::new(if fails_open { layer.dangerous_fail_open() } else { layer });
        endpoint.runs("{}").await;

        let mut request = endpoint.signed("{}");
        request.extensions_mut().insert(OperatorReplay::authorized_by("alice"));
        let sending = endpoint.clone();
        let again = tokio::spawn(async move { sending.send(request).await });
        // The event is known to be done; the claim that is to keep a second operator out fails.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        remote.set(Fault::Claim);
        let got = again.await.unwrap().unwrap();
        assert_eq!((got.status, got.code), expected);
        assert_eq!(endpoint.calls(), if fails_open { 2 } else { 1 });
    }
}

#[tokio::test]
async fn a_store_that_answers_at_once_is_not_waited_for_and_can_fail_too() {
    let remote = Remote::new(Duration::ZERO);
    let endpoint = Endpoint::new(ReplayLayer::new(AtHand(remote.clone()), "github"));
    assert_eq!(endpoint.runs("1").await.status, 202);
    endpoint.refuses("1", 200, "replayed").await;

    remote.set(Fault::Claim);
    endpoint.refuses("2", 503, "store_unavailable").await;
    remote.set(Fault::Commit);
    let got = endpoint.runs("2").await;
    assert_eq!((got.status, got.code, got.retry_after), (503, "store_unavailable", true));
    remote.set(Fault::None);
    endpoint.refuses("2", 409, "in_progress").await;
}

#[tokio::test]
async fn a_store_that_fails_at_once_lets_deliveries_through_if_the_layer_fails_open() {
    for fault in [Fault::Claim, Fault::Commit] {
        let remote = Remote::new(Duration::ZERO);
        remote.set(fault);
        let endpoint = Endpoint::new(ReplayLayer::new(AtHand(remote), "github").dangerous_fail_open());
        assert_eq!(endpoint.runs("{}").await.status, 202, "{fault:?}");
    }
}

#[tokio::test]
async fn a_full_store_is_503_and_keeps_what_it_knows() {
    let endpoint = Endpoint::new(ReplayLayer::new(MemoryStore::with_capacity(2), "github"));
    endpoint.runs("1").await;
    endpoint.runs("2").await;
    endpoint.refuses("3", 503, "store_unavailable").await;
    endpoint.refuses("1", 200, "replayed").await;
    endpoint.refuses("2", 200, "replayed").await;
    endpoint.clock.advance(3 * 86_400);
    endpoint.runs("3").await;
}

#[tokio::test]
async fn a_lease_that_comes_late_is_released_and_nothing_runs() {
    let (remote, layer) = remote(Fault::Standstill);
    let endpoint = Endpoint::new(layer.with_store_timeout(Duration::from_millis(100)));
    endpoint.refuses("{}", 503, "store_unavailable").await;
    remote.set(Fault::None);
    tokio::time::sleep(Duration::from_millis(50)).await;
    endpoint.runs("{}").await;
}

#[tokio::test]
async fn a_late_answer_counts_if_it_is_no_lease_or_if_the_layer_fails_open() {
    let remote = Remote::new(Duration::ZERO);
    let layer = ReplayLayer::new(remote.clone(), "github").with_store_timeout(Duration::from_secs(3600));
    Endpoint::new(layer.clone()).runs("1").await;
    remote.set(Fault::Standstill);
    let impatient = layer.with_store_timeout(Duration::from_millis(100));
    Endpoint::new(impatient.clone()).refuses("1", 200, "replayed").await;

    // What runs all the same had better have a lease.
    let open = Endpoint::new(impatient.dangerous_fail_open());
    assert_eq!(open.runs("2").await.status, 202);
    open.refuses("2", 200, "replayed").await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_a_claim_at_the_end_of_the_timeout_is_in_time() {
    let time = Duration::from_millis(300);
    let remote = Remote { back: time, ..Remote::new(Duration::ZERO) };
    let endpoint = Endpoint::new(ReplayLayer::new(remote, "github").with_store_timeout(time));
    assert_eq!(endpoint.runs("{}").await.status, 202);
}

#[test]
fn a_request_that_is_dropped_outside_of_its_runtime_panics_in_no_destructor() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let endpoint = Endpoint::new(remote(Fault::None).1);
    endpoint.script([Do::Hang]);
    let first = runtime();
    let mut answer = Box::pin(endpoint.deliver("{}"));
    first.block_on(async {
        assert!(tokio::time::timeout(Duration::from_millis(100), &mut answer).await.is_err());
        assert_eq!(endpoint.calls(), 1);
    });
    drop(answer);
    drop(first);
    // It is held until its lease is over.
    runtime().block_on(endpoint.refuses("{}", 409, "in_progress"));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_has_failed() {
    async fn check(remote: Remote, layer: ReplayLayer<impl ReplayStore>, is_open: bool) {
        let endpoint = Endpoint::new(layer);
        remote.set(Fault::ClaimPanics);
        if is_open {
            assert_eq!(endpoint.runs("1").await.status, 202);
        } else {
            endpoint.refuses("1", 503, "store_unavailable").await;
        }
        remote.set(Fault::CommitPanics);
        let got = endpoint.runs("2").await;
        assert_eq!((got.status, got.code), if is_open { (202, "") } else { (503, "store_unavailable") });
        remote.set(Fault::ReleasePanics);
        endpoint.script([Do::Answer(500)]);
        assert_eq!(endpoint.runs("3").await.status, 500);
        remote.set(Fault::None);
        endpoint.refuses("3", 409, "in_progress").await;
        endpoint.clock.advance(60);
        endpoint.runs("3").await;
    }
    for delay in [Duration::ZERO, Duration::from_millis(1)] {
        let remote = Remote::new(delay);
        check(remote.clone(), ReplayLayer::new(remote.clone(), "github"), false).await;
        check(remote.clone(), ReplayLayer::new(remote.clone(), "open").dangerous_fail_open(), true).await;
        check(remote.clone(), ReplayLayer::new(AtHand(remote.clone()), "at hand"), false).await;
        check(remote.clone(), ReplayLayer::new(AtHand(remote), "open at hand").dangerous_fail_open(), true).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_fails_its_own_release_only() {
    for delay in [Duration::ZERO, Duration::from_millis(1)] {
        let remote = Remote::new(delay);
        let endpoint = Endpoint::new(ReplayLayer::new(remote.clone(), "github"));
        remote.set(Fault::ReleasePanics);
        endpoint.script([Do::Hang]);
        let sending = endpoint.clone();
        // A panic within a panic would end the process.
        let ended = tokio::spawn(async move {
            let mut answer = std::pin::pin!(sending.deliver("{}"));
            assert!(timeout(Duration::from_secs(1), &mut answer).await.is_err());
            panic!("the server panics while it has an answer to wait for");
        });
        assert!(ended.await.unwrap_err().is_panic());
        endpoint.refuses("{}", 409, "in_progress").await;
        endpoint.clock.advance(60);
        endpoint.runs("{}").await;
    }
}
