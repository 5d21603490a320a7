//! Measures cases against each other in one run.
//!
//! Times of two runs cannot be compared on a machine that does other work as well. Therefore the cases of a [`Group`]
//! take turns in rounds of a few milliseconds, each round begins with another case, and the result is the median of the
//! ratios within a round.

use std::{
    fmt::Display,
    hint::black_box,
    time::{Duration, Instant},
};

/// How much to measure, from the command line: `--quick` for a rough result, a word to choose groups by their title.
///
/// Without the `--bench` that `cargo bench` passes, every case runs once and nothing is measured.
#[derive(Clone, Debug)]
pub struct Mode {
    /// How many rounds; 0 to run every case just once.
    pub rounds: usize,
    /// How long one case runs in one round.
    pub slice: Duration,
    filter: Option<String>,
}

impl Mode {
    /// Reads the command line.
    pub fn from_args() -> Self {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let has = |flag: &str| args.iter().any(|arg| arg == flag);
        let rounds = match () {
            () if has("--test") || !has("--bench") => 0,
            () if has("--quick") => 9,
            () => 41,
        };
        let filter = args.iter().find(|arg| !arg.starts_with('-')).cloned();
        Self { rounds, slice: Duration::from_millis(5), filter }
    }

    /// Whether the command line chooses the group with this title.
    pub fn chooses(&self, title: &str) -> bool {
        self.filter.as_ref().is_none_or(|word| title.contains(word.as_str()))
    }
}

/// Cases that take turns. The first is the baseline of the others.
#[must_use]
pub struct Group<'a> {
    title: String,
    cases: Vec<Case<'a>>,
}

struct Case<'a> {
    name: String,
    run: Box<dyn FnMut(u32) -> Duration + 'a>,
}

impl<'a> Group<'a> {
    /// A group without cases.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), cases: Vec::new() }
    }

    /// Adds a case: the time of `work`, and of dropping its result.
    pub fn case<T>(self, name: impl Into<String>, mut work: impl FnMut() -> T + 'a) -> Self {
        self.timed(name, move |times| {
            let start = Instant::now();
            for _ in 0..times {
                // By reference, so that the result is not moved.
                black_box(&work());
            }
            start.elapsed()
        })
    }

    /// Adds a case that measures itself: `run` does the work so many times, and returns the total time.
    pub fn timed(mut self, name: impl Into<String>, run: impl FnMut(u32) -> Duration + 'a) -> Self {
        self.cases.push(Case { name: name.into(), run: Box::new(run) });
        self
    }

    /// Runs the rounds and prints a table, in Markdown.
    pub fn measure(mut self, mode: &Mode) {
        if !mode.chooses(&self.title) {
            return;
        }
        for case in &mut self.cases {
            (case.run)(1);
        }
        if mode.rounds == 0 {
            return;
        }
        let times: Vec<u32> = self.cases.iter_mut().map(|case| times_in(mode.slice, case)).collect();
        let mut nanos = vec![Vec::with_capacity(mode.rounds); self.cases.len()];
        for round in 0..mode.rounds {
            for turn in 0..self.cases.len() {
                let at = (round + turn) % self.cases.len();
                let took = (self.cases[at].run)(times[at]);
                nanos[at].push(took.as_secs_f64() * 1e9 / f64::from(times[at]));
            }
        }
        println!("\n### {}\n\n| case | median ns | ÷ {} |\n|---|---:|---:|", self.title, self.cases[0].name);
        for (case, own) in self.cases.iter().zip(&nanos) {
            let ratios = own.iter().zip(&nanos[0]).map(|(own, baseline)| own / baseline);
            println!("| {} | {:.0} | {:.3} |", case.name, median(own.iter().copied()), median(ratios));
        }
    }
}

impl std::fmt::Debug for Group<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group").field("title", &self.title).field("cases", &self.cases.len()).finish()
    }
}

/// How many times a case runs in `slice`, its preparation included.
fn times_in(slice: Duration, case: &mut Case<'_>) -> u32 {
    let mut times = 1;
    loop {
        let start = Instant::now();
        (case.run)(times);
        let took = start.elapsed();
        if took * 4 >= slice || times > u32::MAX / 4 {
            let fitting = f64::from(times) * slice.as_secs_f64() / took.as_secs_f64();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates, which is fine here"
            )]
            return (fitting as u32).max(1);
        }
        times *= 2;
    }
}

/// The median of some numbers; NaN if there are none.
pub fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Formats a number of bytes in B, KiB or MiB.
pub fn bytes(size: usize) -> impl Display {
    match size {
        0..1024 => format!("{size} B"),
        1024..1_048_576 => format!("{} KiB", size / 1024),
        _ => format!("{} MiB", size / 1_048_576),
    }
}
