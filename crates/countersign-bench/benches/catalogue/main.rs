//! The costs of the catalogue: the time to parse one of its schemes, and the size of its files.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use countersign::{Provider, providers};
use countersign_bench::Mode;

fn main() {
    let mode = Mode::from_args();
    if !mode.chooses("catalogue") {
        return;
    }
    let mut times: Vec<(Duration, Provider)> =
        providers::ALL.iter().map(|provider| (time(*provider, &mode), *provider)).collect();
    times.sort_by_key(|(time, _)| *time);
    let (half, whole) = (times.len() / 2, times.len());
    let sum = |times: &[(Duration, Provider)]| times.iter().map(|(time, _)| *time).sum::<Duration>();
    let Some((longest, slowest)) = times.last() else { return };
    println!(
        "a scheme is ready after {:?}, the median of {whole}; after {longest:?} at most ({})",
        times[half].0,
        slowest.id()
    );
    println!(
        "the ten slowest together take {:?}, all of them {:?}",
        sum(&times[whole.saturating_sub(10)..]),
        sum(&times)
    );
    let text: usize = providers::ALL.iter().map(|provider| provider.toml().len()).sum();
    println!("their files are {} KiB of the binary", text / 1024);
}

/// The shortest of several runs: longer ones include the work of other processes.
fn time(provider: Provider, mode: &Mode) -> Duration {
    let run = |_| {
        let start = Instant::now();
        black_box(black_box(provider).scheme().is_ok());
        start.elapsed()
    };
    (0..mode.rounds.max(1)).map(run).min().unwrap_or_default()
}
