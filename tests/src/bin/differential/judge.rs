//! An SDK in a separate process.

use std::{
    error::Error,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
};

use serde_json::Value;

/// A running judge: see `judge/main.mjs`.
pub(crate) struct Judge {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Judge {
    pub(crate) fn start(name: &str) -> Result<Self, Box<dyn Error>> {
        let program = folder().join("judge/main.mjs");
        let mut command = Command::new("node");
        let mut process = command.arg(program).arg(name).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let questions = process.stdin.take().ok_or("no standard input")?;
        let answers = BufReader::new(process.stdout.take().ok_or("no standard output")?);
        Ok(Self { process, questions, answers })
    }

    /// The answers to all of `frames`, in order.
    pub(crate) fn ask(&mut self, frames: &[Vec<u8>]) -> Result<Vec<Value>, Box<dyn Error>> {
        let Self { questions, answers, .. } = self;
        // The judge answers while it reads, and would block if we did not read its answers meanwhile.
        thread::scope(|scope| {
            let writing = scope.spawn(move || {
                frames.iter().try_for_each(|frame| questions.write_all(frame)).and_then(|()| questions.flush())
            });
            let read = frames.iter().map(|_| {
                let mut line = String::new();
                if answers.read_line(&mut line)? == 0 {
                    return Err("the judge ended early".into());
                }
                Ok(serde_json::from_str(&line)?)
            });
            let read: Result<Vec<Value>, Box<dyn Error>> = read.collect();
            writing.join().map_err(|_| "the thread that writes panicked")??;
            read
        })
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        // The judge exits when its input ends. Its last output is not needed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The folder of the judges and the table.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/differential"))
}
