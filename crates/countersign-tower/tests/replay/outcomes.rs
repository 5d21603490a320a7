//! Whether the claim is committed or released, for each way in which the handler can end.

use std::time::Duration;

use countersign_tower::{
    ReplayLayer,
    countersign::{Verifier, providers, replay::MemoryStore},
    replay::OperatorReplay,
};
use http::HeaderValue;
use tokio::time::{Instant, timeout};

use crate::common::{Do, Endpoint, Remote, SECRET, layer};

#[tokio::test]
async fn a_duplicate_of_a_handled_event_is_answered_200_and_not_handled() {
    let endpoint = Endpoint::new(layer());
    assert_eq!(endpoint.runs("{}").await.status, 202);
    endpoint.refuses("{}", 200, "replayed").await;
    endpoint.refuses("{}", 200, "replayed").await;
    assert_eq!(endpoint.runs("[]").await.status, 202);
}

#[tokio::test]
async fn every_2xx_commits() {
    for status in [200, 201, 204, 299] {
        let endpoint = Endpoint::new(layer());
        endpoint.script([Do::Answer(status)]);
        assert_eq!(endpoint.runs("{}").await.status, status);
        endpoint.refuses("{}", 200, "replayed").await;
    }
}

#[tokio::test]
async fn every_other_status_lets_the_retry_through() {
    let endpoint = Endpoint::new(layer());
    for status in [199, 300, 302, 304, 400, 401, 404, 409, 410, 422, 429, 500, 503, 599] {
        endpoint.script([Do::Answer(status)]);
        let got = endpoint.runs("{}").await;
        assert_eq!((got.status, got.code), (status, ""), "the handler's own answer goes to the caller");
    }
    assert_eq!(endpoint.runs("{}").await.status, 202);
    endpoint.refuses("{}", 200, "replayed").await;
}

#[tokio::test]
async fn an_error_of_the_service_lets_the_retry_through() {
    let endpoint = Endpoint::new(layer());
    endpoint.script([Do::Fail]);
    assert!(endpoint.send(endpoint.signed("{}")).await.is_err());
    endpoint.runs("{}").await;
}

#[tokio::test]
async fn a_panic_goes_on_and_lets_the_retry_through() {
    for panic in [|| Do::Panic, || Do::PanicBeforeItsFuture] {
        let endpoint = Endpoint::new(layer());
        endpoint.script([panic()]);
        let sending = endpoint.clone();
        let ended = tokio::spawn(async move { sending.deliver("{}").await }).await;
        assert!(ended.unwrap_err().is_panic());
        endpoint.runs("{}").await;
        endpoint.refuses("{}", 200, "replayed").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_lets_its_retry_through_at_once() {
    let endpoint = Endpoint::new(layer());
    endpoint.script([Do::Hang]);
    assert!(timeout(Duration::from_secs(3), endpoint.deliver("{}")).await.is_err());
    assert_eq!((endpoint.calls(), endpoint.ended()), (1, 1));
    endpoint.runs("{}").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_is_released_in_a_remote_store_too() {
    let endpoint = Endpoint::new(ReplayLayer::new(Remote::new(Duration::from_millis(100)), "github"));
    endpoint.script([Do::Hang]);
    assert!(timeout(Duration::from_secs(3), endpoint.deliver("{}")).await.is_err());
    tokio::time::sleep(Duration::from_millis(200)).await;
    endpoint.runs("{}").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_during_its_claim_leaves_no_claim() {
    let remote = Remote::new(Duration::from_millis(100));
    let endpoint = Endpoint::new(ReplayLayer::new(remote.clone(), "github"));
    assert!(timeout(Duration::from_millis(50), endpoint.deliver("{}")).await.is_err());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((endpoint.calls(), remote.store.len()), (0, 0));
    endpoint.runs("{}").await;
}

#[tokio::test(start_paused = true)]
async fn a_response_future_that_is_never_polled_leaves_no_claim() {
    // The claim is made at once, and the answer is on its way.
    let remote = Remote { back: Duration::from_millis(100), ..Remote::new(Duration::ZERO) };
    let endpoint = Endpoint::new(ReplayLayer::new(remote.clone(), "github"));
    endpoint.leave("{}").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((endpoint.calls(), remote.store.len()), (0, 0));
    endpoint.runs("{}").await;
}

#[tokio::test(start_paused = true)]
async fn a_handled_event_is_recorded_even_if_the_client_goes_away() {
    let endpoint = Endpoint::new(ReplayLayer::new(Remote::new(Duration::from_millis(100)), "github"));
    // The claim takes 100 ms, the handler none, the commit 100 ms.
    assert!(timeout(Duration::from_millis(150), endpoint.deliver("{}")).await.is_err());
    assert_eq!(endpoint.ended(), 1);
    tokio::time::sleep(Duration::from_millis(200)).await;
    endpoint.refuses("{}", 200, "replayed").await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_dropped_and_may_come_again() {
    let endpoint = Endpoint::new(layer().with_handler_timeout(Duration::from_secs(10)));
    endpoint.script([Do::Wait(Duration::from_secs(9)), Do::Wait(Duration::from_secs(11))]);
    assert_eq!(endpoint.runs("1").await.status, 202);
    let got = endpoint.runs("2").await;
    assert_eq!((got.status, got.code, got.retry_after), (503, "handler_timeout", true));
    assert_eq!(endpoint.ended(), 2, "the handler still runs");
    endpoint.runs("2").await;
}

#[tokio::test(start_paused = true)]
async fn the_handler_timeout_begins_with_the_call() {
    let remote = || Remote::new(Duration::from_millis(100));
    let ten = Duration::from_secs(10);
    let at_hand = Endpoint::new(layer().with_handler_timeout(ten));
    let far_away = Endpoint::new(ReplayLayer::new(remote(), "github").with_handler_timeout(ten));
    for endpoint in [at_hand, far_away] {
        for (work, waited) in [(7, 3), (60, 0)] {
            endpoint.script([Do::WorkAndHang(work)]);
            let start = Instant::now();
            let got = endpoint.runs("{}").await;
            assert_eq!((got.code, start.elapsed().as_secs()), ("handler_timeout", waited));
        }
        endpoint.runs("{}").await;

        let by_operator = || {
            let mut request = endpoint.signed("{}");
            request.extensions_mut().insert(OperatorReplay::authorized_by("alice"));
            request
        };
        endpoint.script([Do::WorkAndHang(7)]);
        let start = Instant::now();
        let got = endpoint.send(by_operator()).await.unwrap();
        assert_eq!((got.code, start.elapsed().as_secs()), ("handler_timeout", 3));
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_times_out_is_dropped_before_its_event_can_come_again() {
    let layer = ReplayLayer::new(Remote::new(Duration::from_millis(100)), "github");
    let endpoint = Endpoint::new(layer.with_handler_timeout(Duration::from_secs(10)));
    endpoint.script([Do::Hang]);
    let sending = endpoint.clone();
    let answer = tokio::spawn(async move { sending.deliver("{}").await });
    // The claim takes 100 ms, the handler 10 s, the release 100 ms.
    tokio::time::sleep(Duration::from_millis(10_150)).await;
    assert_eq!((answer.is_finished(), endpoint.ended()), (false, 1));
    assert_eq!(answer.await.unwrap().code, "handler_timeout");
}

#[tokio::test]
async fn a_handler_that_uses_up_its_cooperative_budget_times_out_too() {
    let endpoint = Endpoint::new(layer().with_handler_timeout(Duration::from_millis(20)));
    endpoint.script([Do::Spin]);
    let got = timeout(Duration::from_secs(60), endpoint.runs("{}")).await.expect("the handler's time is over");
    assert_eq!((got.status, got.code), (503, "handler_timeout"));
    endpoint.runs("{}").await;
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_of_an_event_in_progress_is_answered_409() {
    let endpoint = Endpoint::new(layer());
    endpoint.script([Do::Wait(Duration::from_secs(5))]);
    let sending = endpoint.clone();
    let first = tokio::spawn(async move { sending.deliver("{}").await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    endpoint.refuses("{}", 409, "in_progress").await;
    assert_eq!(first.await.unwrap().status, 202);
    endpoint.refuses("{}", 200, "replayed").await;
}

/// It drops what is answered with 4xx: were the first to fail, the event would be lost.
#[tokio::test(start_paused = true)]
async fn a_provider_that_does_not_retry_after_a_409_gets_another_status() {
    let endpoint = Endpoint::of(Verifier::new(providers::PAGERDUTY, SECRET).unwrap(), layer());
    let signed = |endpoint: &Endpoint| endpoint.signed_by(providers::PAGERDUTY, SECRET, "/hooks", "{}");
    endpoint.script([Do::Wait(Duration::from_secs(5))]);
    let (sending, request) = (endpoint.clone(), signed(&endpoint));
    let first = tokio::spawn(async move { sending.send(request).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let second = endpoint.send(signed(&endpoint)).await.unwrap();
    assert_eq!((second.status, second.code, second.retry_after), (503, "in_progress", true));
    assert_eq!(first.await.unwrap().unwrap().status, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_64_equal_requests_one_is_handled() {
    let remote = Remote::new(Duration::from_millis(1));
    for endpoint in [Endpoint::new(layer()), Endpoint::new(ReplayLayer::new(remote, "github"))] {
        endpoint.script([Do::Wait(Duration::from_millis(20))]);
        let racers: Vec<_> = (0..64)
            .map(|_| {
                let endpoint = endpoint.clone();
                tokio::spawn(async move { endpoint.deliver("{}").await.status })
            })
            .collect();
        let mut statuses = Vec::new();
        for racer in racers {
            statuses.push(racer.await.unwrap());
        }
        assert_eq!(endpoint.calls(), 1);
        assert_eq!(statuses.iter().filter(|status| **status == 202).count(), 1);
        assert!(statuses.iter().all(|status| [200, 202, 409].contains(status)), "{statuses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_holder_died_ends_with_its_lease() {
    let endpoint = Endpoint::new(layer().with_lease(Duration::from_secs(40)).unwrap());
    endpoint.script([Do::Hang]);
    // From here on nothing of it runs, its drop neither: as after `kill -9`.
    let mut dead = std::pin::pin!(endpoint.deliver("{}"));
    assert!(timeout(Duration::from_secs(1), &mut dead).await.is_err());
    endpoint.clock.advance(39);
    endpoint.refuses("{}", 409, "in_progress").await;
    endpoint.clock.advance(1);
    endpoint.runs("{}").await;
}

#[tokio::test(start_paused = true)]
async fn the_default_lease_outlasts_the_timeouts_of_the_handler_and_the_store() {
    let layer = layer().with_handler_timeout(Duration::from_secs(100)).with_store_timeout(Duration::from_secs(3));
    let endpoint = Endpoint::new(layer);
    endpoint.script([Do::Hang]);
    let mut dead = std::pin::pin!(endpoint.deliver("{}"));
    assert!(timeout(Duration::from_secs(1), &mut dead).await.is_err());
    endpoint.clock.advance(105);
    endpoint.refuses("{}", 409, "in_progress").await;
    endpoint.clock.advance(1);
    endpoint.runs("{}").await;
}

#[tokio::test]
async fn forged_requests_take_no_room_and_burn_no_event() {
    let store = std::sync::Arc::new(MemoryStore::with_capacity(10));
    let endpoint = Endpoint::new(ReplayLayer::new(std::sync::Arc::clone(&store), "github"));
    for _ in 0..1000 {
        let mut forged = endpoint.signed("{}");
        *forged.headers_mut().get_mut("x-hub-signature-256").unwrap() =
            HeaderValue::from_str(&format!("sha256={}", "0".repeat(64))).unwrap();
        assert_eq!(endpoint.send(forged).await.unwrap().code, "signature");
    }
    assert!(store.is_empty());
    endpoint.runs("{}").await;
}

#[tokio::test]
async fn an_id_that_is_not_signed_does_not_make_a_replay_new() {
    let endpoint = Endpoint::new(layer());
    for (id, status) in [("1", 202), ("2", 200), ("3", 200)] {
        let mut request = endpoint.signed("{}");
        request.headers_mut().insert("x-github-delivery", HeaderValue::from_static(id));
        assert_eq!(endpoint.send(request).await.unwrap().status, status);
    }
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_operator_can_have_an_event_handled_again_but_not_twice_at_a_time() {
    let endpoint = Endpoint::new(layer());
    let by_operator = || {
        let mut request = endpoint.signed("{}");
        request.extensions_mut().insert(OperatorReplay::authorized_by("alice"));
        request
    };
    endpoint.script([Do::Wait(Duration::from_secs(5))]);
    let sending = endpoint.clone();
    let first = tokio::spawn(async move { sending.deliver("{}").await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(endpoint.send(by_operator()).await.unwrap().code, "in_progress");
    first.await.unwrap();

    endpoint.refuses("{}", 200, "replayed").await;
    assert_eq!(endpoint.send(by_operator()).await.unwrap().status, 202);
    endpoint.script([Do::Answer(500)]);
    assert_eq!(endpoint.send(by_operator()).await.unwrap().status, 500);
    assert_eq!(endpoint.calls(), 3);
    endpoint.refuses("{}", 200, "replayed").await;
}

#[tokio::test(start_paused = true)]
async fn two_operators_do_not_run_an_event_beside_each_other() {
    let endpoint = Endpoint::new(layer());
    let by = |name: &str| {
        let mut request = endpoint.signed("{}");
        request.extensions_mut().insert(OperatorReplay::authorized_by(name));
        let endpoint = endpoint.clone();
        async move { endpoint.send(request).await }
    };
    endpoint.runs("{}").await;
    endpoint.script([Do::Wait(Duration::from_secs(5)), Do::Panic]);
    let alice = tokio::spawn(by("alice"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(by("bob").await.unwrap().code, "in_progress");
    assert_eq!(alice.await.unwrap().unwrap().status, 202);

    assert!(tokio::spawn(by("bob")).await.unwrap_err().is_panic());
    assert_eq!(by("bob").await.unwrap().status, 202);
    assert_eq!(endpoint.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_operator_s_claim_is_released_before_the_answer() {
    let remote = Remote::new(Duration::from_millis(100));
    let endpoint = Endpoint::new(ReplayLayer::new(remote.clone(), "github"));
    endpoint.runs("{}").await;
    let mut request = endpoint.signed("{}");
    request.extensions_mut().insert(OperatorReplay::authorized_by("alice"));
    assert_eq!(endpoint.send(request).await.unwrap().status, 202);
    assert_eq!((endpoint.calls(), remote.store.len()), (2, 1), "the operator's claim is still there");
}

#[tokio::test]
async fn an_operator_s_first_handling_counts_as_one() {
    let endpoint = Endpoint::new(layer());
    let mut request = endpoint.signed("{}");
    request.extensions_mut().insert(OperatorReplay::authorized_by("alice"));
    assert_eq!(endpoint.send(request).await.unwrap().status, 202);
    endpoint.refuses("{}", 200, "replayed").await;
}
