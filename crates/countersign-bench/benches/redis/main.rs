//! Claims in Redis against bare `SET NX`, each on one connection with many calls in flight, in turns within one run.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use countersign::{
    ReplayKey, ReplayStore, Signer, Timestamp, Verifier, providers,
    replay::{Claim, ReplayScope},
};
use countersign_bench::Mode;
use countersign_store::replay::{RedisReplayStore, redis::RedisOptions};
use countersign_tests::servers::RedisServer;
use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;

/// The number of calls in flight.
const UNDER_WAY: usize = 128;

/// The number of calls in a round.
const CALLS: usize = 40_000;

const ROUNDS: usize = 15;

const LEASE: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn Error>> {
    let (calls, rounds) = if Mode::from_args().rounds == 0 { (100, 1) } else { (CALLS, ROUNDS) };
    // The speed of the disk does not matter here.
    let server = RedisServer::start_with(&["--appendonly", "no"]);
    // The client has one thread, so that the server has the other core.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(compare(&server.url(), calls, rounds))
}

async fn compare(url: &str, calls: usize, rounds: usize) -> Result<(), Box<dyn Error>> {
    let options = RedisOptions::new(url)?.with_timeout(Duration::from_secs(30));
    let store = Arc::new(RedisReplayStore::connect_with(options).await?);
    let bare = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    let now = Timestamp::from_unix_seconds(1_767_225_600);
    for round in 0..rounds {
        let keys = Arc::new(keys(round, calls)?);
        let (store, bare) = (Arc::clone(&store), bare.clone());
        let claims = per_second(&keys, move |key| {
            let store = Arc::clone(&store);
            async move { assert!(matches!(store.claim(key, LEASE, now).await, Ok(Claim::Fresh(_)))) }
        });
        let claims = claims.await;
        let sets = per_second(&keys, move |key| set(bare.clone(), key)).await;
        ratios.push(claims / sets);
        rates.push(claims);
    }
    println!(
        "\n### claims in Redis ÷ bare SET NX, {UNDER_WAY} under way on one connection\n\nmedian {:.2} ({:.0} claims a second)",
        median(&mut ratios),
        median(&mut rates)
    );
    Ok(())
}

async fn set(mut connection: MultiplexedConnection, key: ReplayKey) {
    let name = format!("bare:{{{:032x}}}", u128::from_be_bytes(*key.as_bytes()));
    let mut set = redis::cmd("SET");
    set.arg(name).arg("h1767225660000f00dfeedf00dfeed").arg("NX").arg("PX").arg(60_000);
    let answer: Result<Option<String>, _> = set.query_async(&mut connection).await;
    assert!(matches!(answer, Ok(Some(_))), "the key is new");
}

/// Makes a call with each of the keys.
async fn per_second<F: Future<Output = ()> + Send + 'static>(
    keys: &Arc<Vec<ReplayKey>>,
    call: impl Fn(ReplayKey) -> F + Clone + Send + 'static,
) -> f64 {
    let (start, next, mut tasks) = (Instant::now(), Arc::new(AtomicUsize::new(0)), JoinSet::new());
    for _ in 0..UNDER_WAY {
        let (keys, next, call) = (Arc::clone(keys), Arc::clone(&next), call.clone());
        tasks.spawn(async move {
            while let Some(key) = keys.get(next.fetch_add(1, Ordering::Relaxed)) {
                call(*key).await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        assert!(done.is_ok(), "no call panics");
    }
    rate(keys.len(), start.elapsed())
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn rate(calls: usize, took: Duration) -> f64 {
    calls as f64 / took.as_secs_f64()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The keys of the events of one round.
fn keys(round: usize, count: usize) -> Result<Vec<ReplayKey>, Box<dyn Error>> {
    let (secret, now) = ("a-long-random-secret", Timestamp::from_unix_seconds(1_767_225_600));
    let signed = Signer::new(providers::GITHUB, secret)?.sign(http::Request::post("/").body("{}")?, now)?;
    let verifier = Verifier::new(providers::GITHUB, secret)?;
    let verified = verifier.verify(&signed, signed.body(), now)?;
    let scope = ReplayScope::new(round.to_le_bytes());
    Ok((0..count).filter_map(|at| verified.replay_key(&scope.within(at.to_le_bytes()))).collect())
}
