//! The results for one sender.

use std::{collections::BTreeMap, fmt};

use countersign::Rejection;
use serde_json::Value;

use crate::{classes, mutate::Mutated, senders::Sender};

/// The verdicts of both sides, counted.
pub(crate) struct Tally {
    pub(crate) provider: &'static str,
    pub(crate) package: &'static str,
    pub(crate) requests: usize,
    pub(crate) both_accept: usize,
    pub(crate) both_refuse: usize,
    /// Requests that we refuse and the SDK accepts, by class.
    pub(crate) stricter: BTreeMap<String, Class>,
    /// Requests that we accept and the SDK refuses, by class.
    pub(crate) laxer: BTreeMap<String, Class>,
}

/// The disagreements of one class.
pub(crate) struct Class {
    pub(crate) count: usize,
    /// The example with the fewest changes, and the smallest of those.
    pub(crate) example: Mutated,
    /// How many disagreements each change causes alone.
    pub(crate) changes: BTreeMap<String, usize>,
}

impl Tally {
    pub(crate) fn new(sender: &Sender) -> Self {
        Self {
            provider: sender.provider.id(),
            package: sender.package,
            requests: 0,
            both_accept: 0,
            both_refuse: 0,
            stricter: BTreeMap::new(),
            laxer: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, sender: &Sender, mutated: Mutated, ours: Result<(), Rejection>, theirs: &Value) {
        self.requests += 1;
        match (ours, theirs.as_str()) {
            (Ok(()), None) => self.both_accept += 1,
            (Err(_), Some(_)) => self.both_refuse += 1,
            (Err(rejection), None) => {
                count(&mut self.stricter, classes::ours_refuses(sender, &mutated.request, &rejection), mutated);
            }
            (Ok(()), Some(refusal)) => {
                let class = classes::ours_accepts(sender, &mutated.request, refusal);
                count(&mut self.laxer, class, mutated);
            }
        }
    }
}

fn count(classes: &mut BTreeMap<String, Class>, name: String, mutated: Mutated) {
    let change = mutated.describe();
    let is_one = mutated.changes.len() < 2;
    let class = classes.entry(name).or_insert_with(|| Class {
        count: 0,
        example: Mutated { request: mutated.request.clone(), changes: mutated.changes.clone() },
        changes: BTreeMap::new(),
    });
    class.count += 1;
    if is_one {
        *class.changes.entry(change).or_default() += 1;
    }
    let size = |mutated: &Mutated| (mutated.changes.len(), mutated.request.size());
    if size(&mutated) < size(&class.example) {
        class.example = mutated;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, package, requests, both_accept, both_refuse, .. } = self;
        writeln!(
            f,
            "== {provider} ({package}): {requests} requests, {both_accept} accepted and {both_refuse} refused by both"
        )?;
        for (side, classes) in [("we refuse", &self.stricter), ("the SDK refuses", &self.laxer)] {
            for (name, class) in classes {
                writeln!(f, "-- {side}: {name}: {}", class.count)?;
                let mut changes: Vec<_> = class.changes.iter().collect();
                changes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
                for (change, count) in changes.iter().take(12) {
                    writeln!(f, "     {count:6}  {change}")?;
                }
                for line in
                    class.example.changes.iter().map(String::as_str).chain(class.example.request.print().lines())
                {
                    writeln!(f, "   | {line}")?;
                }
            }
        }
        Ok(())
    }
}
