//! The order in which mistakes are tried: one at a time, the likeliest first, then two at once.

use super::{
    bench::{Bench, Candidate, Found, Trial},
    body::{self, BodyVariant},
    mistake::Mistake,
    provider, rules, secrets, time,
};
use crate::{head::Head, timestamp::Timestamp};

/// The mistakes without which the signature is right, and the signed time.
pub(super) struct Proof {
    pub(super) mistakes: Vec<Mistake>,
    pub(super) at: Option<Timestamp>,
}

impl Proof {
    pub(super) fn new(found: &Found<'_>, more: impl IntoIterator<Item = Mistake>) -> Self {
        let mut mistakes = found.candidate.mistakes.clone();
        mistakes.extend(more);
        Self { mistakes, at: found.at }
    }
}

/// The fewest mistakes that explain the refusal.
pub(super) fn prove(bench: &Bench<'_>) -> Option<Proof> {
    let configured = &bench.keys;
    as_it_is(bench, configured)
        .or_else(|| other_heads(bench, configured))
        .or_else(|| bench.with_half(|| as_it_is(bench, bench.secrets())))
        .or_else(|| as_it_is(bench, &secrets::of_others(bench)))
        .or_else(|| provider::prove(bench))
        .or_else(|| other_urls(bench, configured))
        .or_else(|| other_bodies(bench, bench.bodies(), configured))
        .or_else(|| rules::prove(bench))
        .or_else(|| other_bodies(bench, body::unsigned(bench).as_slice(), configured))
        .or_else(|| other_times(bench))
        .or_else(|| bench.in_pairs(|| two_at_once(bench)))
}

fn other_times(bench: &Bench<'_>) -> Option<Proof> {
    // Behind the cheaper ones, and where it leaves something for two mistakes at once.
    if bench.body.len() > MAX_TIMED {
        return None;
    }
    time::replaced(bench).find_map(|(headers, mistake)| {
        let head = Head { headers: &headers, ..bench.head };
        let found = bench.attempt(Trial { head, ..bench.as_it_is() })?;
        Some(Proof::new(&found, [Mistake::Time(mistake)]))
    })
}

/// The longest body, in bytes, that is tried with hundreds of times.
const MAX_TIMED: usize = 16 << 10;

/// A wrong secret together with something else, or a body and a head that were both changed.
fn two_at_once(bench: &Bench<'_>) -> Option<Proof> {
    let others = bench.secrets();
    other_heads(bench, others)
        .or_else(|| other_bodies_and_heads(bench))
        .or_else(|| other_bodies_and_urls(bench))
        .or_else(|| other_bodies(bench, bench.bodies(), &secrets::of_others(bench)))
        .or_else(|| other_bodies(bench, bench.bodies(), others))
        .or_else(|| other_urls(bench, others))
}

fn as_it_is(bench: &Bench<'_>, keys: &[Candidate]) -> Option<Proof> {
    let found = bench.attempt(Trial { keys, ..bench.as_it_is() })?;
    Some(Proof::new(&found, []))
}

fn other_heads(bench: &Bench<'_>, keys: &[Candidate]) -> Option<Proof> {
    bench.heads().iter().find_map(|variant| {
        let found = bench.attempt(Trial { keys, head: variant.head(bench.head), ..bench.as_it_is() })?;
        Some(Proof::new(&found, variant.mistakes()))
    })
}

fn other_bodies(bench: &Bench<'_>, bodies: &[BodyVariant], keys: &[Candidate]) -> Option<Proof> {
    bodies.iter().find_map(|variant| {
        let found = bench.attempt(Trial { keys, body: &variant.body, ..bench.as_it_is() })?;
        Some(Proof::new(&found, [variant.mistake()]))
    })
}

fn other_urls(bench: &Bench<'_>, keys: &[Candidate]) -> Option<Proof> {
    bench.urls().iter().find_map(|variant| {
        let public_url = variant.public_url.as_deref();
        let found = bench.attempt(Trial { keys, public_url, head: variant.head(bench.head), ..bench.as_it_is() })?;
        Some(Proof::new(&found, variant.mistakes()))
    })
}

fn other_bodies_and_heads(bench: &Bench<'_>) -> Option<Proof> {
    bench.heads().iter().find_map(|head| {
        bench.bodies().iter().find_map(|variant| {
            let trial = Trial { head: head.head(bench.head), body: &variant.body, ..bench.as_it_is() };
            Some(Proof::new(&bench.attempt(trial)?, head.mistakes().into_iter().chain([variant.mistake()])))
        })
    })
}

fn other_bodies_and_urls(bench: &Bench<'_>) -> Option<Proof> {
    bench.urls().iter().find_map(|url| {
        bench.bodies().iter().find_map(|variant| {
            let public_url = url.public_url.as_deref();
            let trial = Trial { public_url, head: url.head(bench.head), body: &variant.body, ..bench.as_it_is() };
            Some(Proof::new(&bench.attempt(trial)?, url.mistakes().into_iter().chain([variant.mistake()])))
        })
    })
}
