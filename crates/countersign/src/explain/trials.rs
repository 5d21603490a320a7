//! The order in which mistakes are tried: one at a time, the likeliest first, then two at once.

use super::{
    body::{self, BodyVariant},
    mistake::Mistake,
    provider, rules,
    search::{Candidate, Found, Search, Trial},
    secrets, time,
};
use crate::{head::Head, timestamp::Timestamp};

/// The mistakes without which the signature is valid, and the signed time.
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

/// Finds the fewest mistakes that explain the refusal.
pub(super) fn prove(search: &Search<'_>) -> Option<Proof> {
    let configured = &search.keys;
    as_it_is(search, configured)
        .or_else(|| other_heads(search, configured))
        .or_else(|| search.with_half(|| as_it_is(search, search.secrets())))
        .or_else(|| as_it_is(search, &secrets::of_others(search)))
        .or_else(|| provider::prove(search))
        .or_else(|| other_urls(search, configured))
        .or_else(|| other_bodies(search, search.bodies(), configured))
        .or_else(|| rules::prove(search))
        .or_else(|| other_bodies(search, body::unsigned(search).as_slice(), configured))
        .or_else(|| other_times(search))
        .or_else(|| search.in_pairs(|| two_at_once(search)))
}

fn other_times(search: &Search<'_>) -> Option<Proof> {
    // Only for short bodies, so that some work is left for two mistakes at once.
    if search.body.len() > MAX_TIMED {
        return None;
    }
    time::replaced(search).find_map(|(headers, mistake)| {
        let head = Head { headers: &headers, ..search.head };
        let found = search.attempt(Trial { head, ..search.as_it_is() })?;
        Some(Proof::new(&found, [Mistake::Time(mistake)]))
    })
}

/// The longest body, in bytes, that is tried with hundreds of timestamps.
const MAX_TIMED: usize = 16 << 10;

/// Tries a wrong secret together with another mistake, or a changed body with a changed head.
fn two_at_once(search: &Search<'_>) -> Option<Proof> {
    let others = search.secrets();
    other_heads(search, others)
        .or_else(|| other_bodies_and_heads(search))
        .or_else(|| other_bodies_and_urls(search))
        .or_else(|| other_bodies(search, search.bodies(), &secrets::of_others(search)))
        .or_else(|| other_bodies(search, search.bodies(), others))
        .or_else(|| other_urls(search, others))
}

fn as_it_is(search: &Search<'_>, keys: &[Candidate]) -> Option<Proof> {
    let found = search.attempt(Trial { keys, ..search.as_it_is() })?;
    Some(Proof::new(&found, []))
}

fn other_heads(search: &Search<'_>, keys: &[Candidate]) -> Option<Proof> {
    search.heads().iter().find_map(|variant| {
        let found = search.attempt(Trial { keys, head: variant.head(search.head), ..search.as_it_is() })?;
        Some(Proof::new(&found, variant.mistakes()))
    })
}

fn other_bodies(search: &Search<'_>, bodies: &[BodyVariant], keys: &[Candidate]) -> Option<Proof> {
    bodies.iter().find_map(|variant| {
        let found = search.attempt(Trial { keys, body: &variant.body, ..search.as_it_is() })?;
        Some(Proof::new(&found, [variant.mistake()]))
    })
}

fn other_urls(search: &Search<'_>, keys: &[Candidate]) -> Option<Proof> {
    search.urls().iter().find_map(|variant| {
        let public_url = variant.public_url.as_deref();
        let found = search.attempt(Trial { keys, public_url, head: variant.head(search.head), ..search.as_it_is() })?;
        Some(Proof::new(&found, variant.mistakes()))
    })
}

fn other_bodies_and_heads(search: &Search<'_>) -> Option<Proof> {
    search.heads().iter().find_map(|head| {
        search.bodies().iter().find_map(|variant| {
            let trial = Trial { head: head.head(search.head), body: &variant.body, ..search.as_it_is() };
            Some(Proof::new(&search.attempt(trial)?, head.mistakes().into_iter().chain([variant.mistake()])))
        })
    })
}

fn other_bodies_and_urls(search: &Search<'_>) -> Option<Proof> {
    search.urls().iter().find_map(|url| {
        search.bodies().iter().find_map(|variant| {
            let public_url = url.public_url.as_deref();
            let trial = Trial { public_url, head: url.head(search.head), body: &variant.body, ..search.as_it_is() };
            Some(Proof::new(&search.attempt(trial)?, url.mistakes().into_iter().chain([variant.mistake()])))
        })
    })
}
