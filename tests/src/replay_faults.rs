//! Tests of shared [`ReplayStore`]s whose server or network fails: each answer must be an error or correct, and the
//! store must work again afterwards.

use std::{fmt::Debug, sync::Arc, time::Duration};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, Settlement},
};

use crate::{
    replay::key,
    servers::{Process, Proxy},
};

/// Longer than a call takes on a machine that is busy with other tests.
pub const PATIENT: Duration = Duration::from_secs(30);

/// The timeout of calls that get no answer.
pub const IMPATIENT: Duration = Duration::from_millis(500);

const LEASE: Duration = Duration::from_secs(30);
const KEEP: Duration = Duration::from_secs(3 * 86_400);

pub use crate::replay_conformance::run;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_767_225_600 + seconds)
}

async fn claim<S: ReplayStore>(store: &S, key: ReplayKey, seconds: i64) -> Result<Claim, S::Error> {
    store.claim(key, LEASE, at(seconds)).await
}

/// The lease of a claim that must be fresh.
fn fresh<E: Debug>(claim: Result<Claim, E>) -> Lease {
    match claim {
        Ok(Claim::Fresh(lease)) => lease,
        other => panic!("expected a fresh claim, got {other:?}"),
    }
}

/// Claims and releases an event of this name, claims and commits it, and finds it done.
pub async fn works<S: ReplayStore>(store: &S, name: &str) {
    let key = key("works", name);
    let lease = fresh(claim(store, key, 0).await);
    assert_eq!(store.release(lease, at(0)).await.unwrap(), Settlement::Settled);
    let lease = fresh(claim(store, key, 0).await);
    assert_eq!(store.commit(lease, KEEP, at(1)).await.unwrap(), Settlement::Settled);
    assert!(matches!(claim(store, key, 2).await, Ok(Claim::Done)));
}

/// As [`works`], once the store has reconnected. Until then it must give no wrong answer.
pub async fn works_again<S: ReplayStore>(store: &S, name: &str) {
    for attempt in 0..200 {
        let key = key("works again", &format!("{name} {attempt}"));
        let Ok(claim) = claim(store, key, 0).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Claim::Fresh(lease) = claim else { panic!("{name}: a new event is {claim:?}") };
        assert_eq!(store.release(lease, at(1)).await.unwrap(), Settlement::Settled);
        return;
    }
    panic!("{name}: the store does not find its server again");
}

/// The connection breaks after the server has done a call, and before it has answered.
///
/// The store must have only one connection. Its statements and scripts are prepared by then, so that the lost answer is
/// that of the call itself.
pub async fn a_lost_answer_is_asked_for_again<S: ReplayStore>(store: &S, proxy: &Proxy) {
    for round in 0..5 {
        let event = key("lost answers", &round.to_string());
        cut_the_next(store, proxy, event, &format!("{round} claim")).await;
        let lease = fresh(claim(store, event, 0).await);
        assert!(matches!(claim(store, event, 1).await, Ok(Claim::InProgress)), "its own claim is still a claim");

        // The store cannot tell a release that succeeded from one that came too late.
        cut_the_next(store, proxy, event, &format!("{round} release")).await;
        assert!(store.release(lease, at(1)).await.is_err(), "whether it was done is not known");
        let lease = fresh(claim(store, event, 2).await);

        cut_the_next(store, proxy, event, &format!("{round} commit")).await;
        assert_eq!(store.commit(lease, KEEP, at(3)).await.unwrap(), Settlement::Settled);
        cut_the_next(store, proxy, event, &format!("{round} done")).await;
        assert!(matches!(claim(store, event, 4).await, Ok(Claim::Done)));
    }
}

async fn cut_the_next<S: ReplayStore>(store: &S, proxy: &Proxy, event: ReplayKey, name: &str) {
    works(store, name).await;
    proxy.cut_at_the_next_answer_about(event);
}

/// Requests are lost, or answers are lost, or the server is down.
pub async fn a_network_that_fails<S: ReplayStore>(store: &S, proxy: &Proxy) {
    let (unheard, unanswered) = (key("networks", "unheard"), key("networks", "unanswered"));
    let held = fresh(claim(store, key("networks", "held"), 0).await);

    proxy.drop_all();
    assert!(claim(store, unheard, 0).await.is_err());
    assert!(store.commit(held, KEEP, at(1)).await.is_err());
    proxy.restore();
    works_again(store, "after a hole").await;
    drop(fresh(claim(store, unheard, 0).await));
    let state = claim(store, key("networks", "held"), 2).await;
    assert!(matches!(state, Ok(Claim::InProgress)), "the commit was not heard, so it is held: {state:?}");

    proxy.drop_answers();
    assert!(claim(store, unanswered, 0).await.is_err());
    proxy.restore();
    works_again(store, "after silence").await;
    let state = claim(store, unanswered, 29).await;
    // The server may have done the call, or may never have received it.
    match state {
        Ok(Claim::InProgress) => drop(fresh(claim(store, unanswered, 30).await)),
        Ok(Claim::Fresh(_)) => {}
        other => panic!("nobody has committed it: {other:?}"),
    }

    proxy.cut();
    for _ in 0..3 {
        assert!(claim(store, key("networks", "nobody there"), 0).await.is_err());
    }
    proxy.restore();
    works_again(store, "after a cut").await;
    drop(fresh(claim(store, key("networks", "nobody there"), 0).await));
}

/// The calls about one event, and the answers of the store.
#[derive(Debug)]
struct Told {
    key: ReplayKey,
    /// Whether a claim was acknowledged as fresh.
    claimed: bool,
    /// How the claim was settled, and whether that was acknowledged.
    settled: Option<(Outcome, bool)>,
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Commit,
    Release,
}

impl Told {
    /// Claims the event again, and checks the answer.
    ///
    /// # Errors
    ///
    /// The error of the store, which is no wrong answer.
    ///
    /// # Panics
    ///
    /// If the answer contradicts an earlier one.
    async fn is_true<S: ReplayStore>(&mut self, store: &S) -> Result<(), S::Error> {
        use Outcome::{Commit, Release};
        let claim = claim(store, self.key, 2).await?;
        match (&claim, self.claimed, self.settled) {
            // What was acknowledged was done. What was not acknowledged may have been done.
            (Claim::Done, true, Some((Commit, _)))
            | (Claim::InProgress, true, None | Some((_, false)))
            | (Claim::Fresh(_), true, Some((Release, _)))
            | (Claim::Fresh(_) | Claim::InProgress, false, None) => {}
            _ => panic!("{self:?}, but now it is {claim:?}"),
        }
        if matches!(claim, Claim::Fresh(_)) {
            (self.claimed, self.settled) = (true, None);
        }
        Ok(())
    }
}

/// All calls, and their answers, while the server or network failed.
#[derive(Debug, Default)]
pub struct Said(Vec<Told>);

impl Said {
    /// Checks that the store, or another one on the same server, agrees with these answers now that it works again.
    ///
    /// # Panics
    ///
    /// If it has forgotten an acknowledged call, or knows of one that was never made.
    pub async fn is_true<S: ReplayStore>(&mut self, store: &S) {
        for told in &mut self.0 {
            if let Err(error) = told.is_true(store).await {
                panic!("{told:?}, and the store that should work again says: {error}");
            }
        }
    }

    /// The events whose commits were acknowledged.
    pub fn committed(&self) -> Vec<ReplayKey> {
        let committed = |told: &&Told| matches!(told.settled, Some((Outcome::Commit, true)));
        self.0.iter().filter(committed).map(|told| told.key).collect()
    }
}

/// Many tasks claim and commit while `restart` kills the server and starts it again.
///
/// # Panics
///
/// If the store forgets an acknowledged call.
pub async fn a_server_that_is_killed<S: ReplayStore>(store: S, restart: impl FnOnce() + Send) -> Said {
    let store = Arc::new(store);
    let before = key("kills", "before");
    let lease = fresh(claim(&*store, before, 0).await);
    assert_eq!(store.commit(lease, KEEP, at(0)).await.unwrap(), Settlement::Settled);

    let (stop, stopped) = tokio::sync::watch::channel(false);
    let workers: Vec<_> = (0..16)
        .map(|worker| {
            let (store, stopped) = (Arc::clone(&store), stopped.clone());
            tokio::spawn(async move {
                let mut told = Vec::new();
                let mut after = 0;
                while after < 20 {
                    after += usize::from(*stopped.borrow());
                    let one = one(&*store, key("kills", &format!("{worker} {}", told.len()))).await;
                    if !matches!(one.settled, Some((_, true))) {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    told.push(one);
                }
                told
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    tokio::task::block_in_place(restart);
    stop.send_replace(true);
    let mut told = Vec::new();
    for worker in workers {
        told.extend(worker.await.unwrap());
    }
    works_again(&*store, "after the kill").await;
    assert!(matches!(claim(&*store, before, 1).await, Ok(Claim::Done)));
    let mut said = Said(told);
    assert!(!said.committed().is_empty());
    said.is_true(&*store).await;
    said
}

/// Claims an event, and commits it.
async fn one<S: ReplayStore>(store: &S, key: ReplayKey) -> Told {
    match claim(store, key, 0).await {
        Ok(Claim::Fresh(lease)) => settle(store, lease, Outcome::Commit).await,
        Ok(claim) => panic!("a new event is {claim:?}"),
        Err(_) => Told { key, claimed: false, settled: None },
    }
}

/// Settles a claim that was acknowledged.
async fn settle<S: ReplayStore>(store: &S, lease: Lease, outcome: Outcome) -> Told {
    let key = lease.key();
    let settlement = match outcome {
        Outcome::Commit => store.commit(lease, KEEP, at(1)).await,
        Outcome::Release => store.release(lease, at(1)).await,
    };
    if let Ok(Settlement::Lapsed) = settlement {
        panic!("a lease of 30 s was over after one: the claim was acknowledged and forgotten");
    }
    Told { key, claimed: true, settled: Some((outcome, settlement.is_ok())) }
}

/// Many tasks claim and commit until the server is full. `is_about_room` recognises its errors. Then earlier claims are
/// committed and released, and every event is checked.
///
/// # Panics
///
/// If the server never gets full, or an answer is neither an error nor correct.
pub async fn a_server_that_has_no_room<S: ReplayStore>(
    store: S,
    is_about_room: impl Fn(&S::Error) -> bool,
) -> (S, Said) {
    let store = Arc::new(store);
    let mut held = Vec::new();
    for number in 0..40 {
        held.push(fresh(claim(&*store, key("room", &format!("held {number}")), 0).await));
    }
    let workers: Vec<_> = (0..8).map(|worker| tokio::spawn(until_it_fails(Arc::clone(&store), worker))).collect();
    let mut told = Vec::new();
    for worker in workers {
        told.extend(worker.await.unwrap());
    }
    let error = claim(&*store, key("room", "none"), 0).await.expect_err("there is room again");
    assert!(is_about_room(&error), "{error:?}");
    for (number, lease) in held.into_iter().enumerate() {
        let outcome = if number % 2 == 0 { Outcome::Commit } else { Outcome::Release };
        told.push(settle(&*store, lease, outcome).await);
    }
    for told in &mut told {
        let _ = told.is_true(&*store).await;
    }
    let said = Said(told);
    assert!(said.committed().len() > 100, "{}", said.committed().len());
    (Arc::into_inner(store).expect("the workers have ended"), said)
}

/// Claims and commits until several claims in a row fail.
async fn until_it_fails<S: ReplayStore>(store: Arc<S>, worker: u32) -> Vec<Told> {
    let (mut told, mut failed) = (Vec::new(), 0);
    while failed < 5 {
        let one = one(&*store, key("room", &format!("{worker} {}", told.len()))).await;
        failed = if one.claimed { 0 } else { failed + 1 };
        told.push(one);
        assert!(told.len() < 50_000, "there is always room");
    }
    told
}

/// The server process is paused, with its connections open.
pub async fn a_server_that_is_paused<S: ReplayStore>(store: &S, server: &mut Process) {
    let (event, held) = (key("pauses", "event"), key("pauses", "held"));
    let lease = fresh(claim(store, held, 0).await);
    server.pause();
    let (first, second) = tokio::join!(claim(store, event, 0), claim(store, event, 0));
    assert!(first.is_err() && second.is_err(), "{first:?} {second:?}");
    assert!(store.commit(lease, KEEP, at(1)).await.is_err());
    server.resume();
    works_again(store, "after a pause").await;
    // When it resumed, the server may have done one of the claims, and the commit.
    let state = claim(store, held, 2).await;
    assert!(matches!(state, Ok(Claim::InProgress | Claim::Done)), "{state:?}");
    let state = claim(store, event, 29).await;
    assert!(matches!(state, Ok(Claim::InProgress | Claim::Fresh(_))), "{state:?}");
    drop(fresh(claim(store, event, 59).await));
}

/// Claims and commits so many events, ten seconds apart. Each expires at once.
pub async fn churn<S: ReplayStore>(store: &S, events: i64) {
    for number in 0..events {
        let now = Timestamp::from_unix_seconds(1_767_225_600 + number * 10);
        let event = key("churn", &number.to_string());
        let claim = store.claim(event, Duration::from_millis(5), now).await;
        let lease = fresh(claim);
        assert_eq!(store.commit(lease, Duration::from_millis(10), now).await.unwrap(), Settlement::Settled);
    }
    // A purge in the background may still run.
    tokio::time::sleep(Duration::from_millis(300)).await;
}
