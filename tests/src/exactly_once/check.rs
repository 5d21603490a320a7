//! The checker of the records.

use std::{collections::HashMap, fmt, io, path::Path};

use super::record::{Kind, Record, read};

/// The numbers and violations in the records of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many times a handler ran.
    pub runs: usize,
    /// How many times it failed or was cancelled.
    pub failures: usize,
    /// How many handlers were running in workers that were killed.
    pub cut_off: usize,
    /// How many commits were acknowledged.
    pub commits: usize,
    /// How many claims were answered "done".
    pub done: usize,
    /// The first violations of the guarantees.
    pub violations: Vec<String>,
}

/// What is known of an event so far.
#[derive(Clone, Debug, Default)]
struct Event {
    /// The worker and the attempt that are handling it.
    holder: Option<(u32, u32)>,
    /// Whether a handler has succeeded, so that it may be committed.
    succeeded: bool,
    /// Whether a commit was acknowledged.
    committed: bool,
    /// The attempts after which another attempt has started.
    overtaken: Vec<(u32, u32)>,
    /// The attempt that has started last.
    latest: Option<(u32, u32)>,
}

/// How many violations are listed.
const LISTED: usize = 20;

/// Checks the records in a file.
///
/// # Errors
///
/// If the file cannot be read.
pub fn check(path: &Path, events: u32) -> io::Result<Found> {
    Ok(check_records(&read(path)?, events))
}

fn check_records(records: &[Record], events: u32) -> Found {
    let mut checker = Checker { events: vec![Event::default(); events as usize], ..Checker::default() };
    for (place, record) in records.iter().enumerate() {
        checker.take(place, *record);
    }
    for number in 0..checker.events.len() {
        if !checker.events[number].succeeded {
            checker.violation(format_args!("event {number} was handled zero times"));
        }
    }
    checker.found
}

#[derive(Default)]
struct Checker {
    events: Vec<Event>,
    /// The events that each worker is handling.
    held: HashMap<u32, Vec<u32>>,
    found: Found,
}

impl Checker {
    fn take(&mut self, place: usize, record: Record) {
        if record.kind == Kind::Killed {
            for event in self.held.remove(&record.worker).unwrap_or_default() {
                if self.events[event as usize].holder.take_if(|(worker, _)| *worker == record.worker).is_some() {
                    self.found.cut_off += 1;
                }
            }
            return;
        }
        let attempt = (record.worker, record.attempt);
        let Some(event) = self.events.get_mut(record.event as usize) else {
            return self.violation(format_args!("record {place}: {record:?} is of no event"));
        };
        match record.kind {
            Kind::Start => {
                self.found.runs += 1;
                self.held.entry(record.worker).or_default().push(record.event);
                let (held, committed) = (event.holder.replace(attempt), event.committed);
                event.overtaken.extend(event.latest.replace(attempt));
                if let Some(other) = held {
                    self.violation(format_args!("record {place}: {record:?} while {other:?} had it"));
                }
                if committed {
                    self.violation(format_args!("record {place}: {record:?} after an acknowledged commit"));
                }
            }
            Kind::Success | Kind::Failure => {
                event.succeeded |= record.kind == Kind::Success;
                let was_held = event.holder.take_if(|holder| *holder == attempt).is_some();
                self.found.failures += usize::from(record.kind == Kind::Failure);
                if let Some(held) = self.held.get_mut(&record.worker) {
                    held.retain(|event| *event != record.event);
                }
                if !was_held {
                    self.violation(format_args!("record {place}: {record:?} by one that did not have it"));
                }
            }
            Kind::Committed => {
                self.found.commits += 1;
                event.committed = true;
                // The lease was valid from the start to the commit, so that no other attempt may have started in
                // between.
                if event.overtaken.contains(&attempt) {
                    self.violation(format_args!("record {place}: {record:?}, and another has started since"));
                }
            }
            Kind::Done => {
                self.found.done += 1;
                if !event.succeeded {
                    self.violation(format_args!("record {place}: {record:?}, and nobody had handled it"));
                }
            }
            Kind::Killed => {}
        }
    }

    fn violation(&mut self, what: fmt::Arguments<'_>) {
        if self.found.violations.len() < LISTED {
            self.found.violations.push(what.to_string());
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, failures, cut_off, commits, done, violations } = self;
        writeln!(
            f,
            "handlers ran {runs} times: {failures} failed or were cancelled, {cut_off} were cut off by a kill; {commits} commits \
             acknowledged; {done} claims answered done"
        )?;
        violations.iter().try_for_each(|violation| writeln!(f, "VIOLATION {violation}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(records: &[(Kind, u32, u32)]) -> Vec<String> {
        let record = |(kind, worker, event)| Record { kind, worker, event, attempt: 0 };
        let records: Vec<_> = records.iter().copied().map(record).collect();
        check_records(&records, 1).violations
    }

    fn finds(what: &str, records: &[(Kind, u32, u32)]) {
        let violations = found(records);
        assert!(violations.iter().any(|violation| violation.contains(what)), "{what}: {violations:?}");
    }

    const GOOD: [(Kind, u32, u32); 3] = [(Kind::Start, 1, 0), (Kind::Success, 1, 0), (Kind::Committed, 1, 0)];

    #[test]
    fn a_good_run_is_good() {
        assert_eq!(found(&GOOD), [""; 0]);
        let failed = [(Kind::Start, 2, 0), (Kind::Failure, 2, 0)];
        let killed = [(Kind::Start, 3, 0), (Kind::Killed, 3, 0)];
        assert_eq!(found(&[&failed[..], &killed, &GOOD, &[(Kind::Done, 2, 0)]].concat()), [""; 0]);
    }

    #[test]
    fn an_event_that_nobody_handled_is_found() {
        finds("zero times", &[]);
        finds("zero times", &[(Kind::Start, 1, 0), (Kind::Failure, 1, 0)]);
        finds("nobody had handled it", &[(Kind::Done, 1, 0)]);
    }

    #[test]
    fn two_at_a_time_are_found() {
        finds("had it", &[(Kind::Start, 1, 0), (Kind::Start, 2, 0)]);
        finds("had it", &[(Kind::Start, 1, 0), (Kind::Killed, 3, 0), (Kind::Start, 2, 0)]);
    }

    #[test]
    fn a_second_run_after_a_commit_is_found() {
        finds("after an acknowledged commit", &[&GOOD[..], &[(Kind::Start, 2, 0)]].concat());
        let between = [(Kind::Start, 1, 0), (Kind::Success, 1, 0), (Kind::Start, 2, 0), (Kind::Committed, 1, 0)];
        finds("another has started since", &between);
    }
}
