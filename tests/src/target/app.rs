//! The axum app, as a separate process.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
};

use super::{Server, delivery, resident};
use crate::program::beside_the_tests;

/// The process, which is killed on drop.
#[derive(Debug)]
pub struct App {
    process: Child,
    talk: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    address: SocketAddr,
    /// By then.
    handled: usize,
    memory: usize,
}

impl App {
    /// Starts an app.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start() -> Self {
        let mut command = Command::new(beside_the_tests("adversary-app"));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program runs");
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take());
        let mut talk = (stdin.expect("it is piped"), BufReader::new(stdout.expect("it is piped")));
        let address = line(&mut talk.1).parse().expect("it tells where it listens");
        let mut app = Self { process, talk: Mutex::new(talk), address, handled: 0, memory: 0 };
        app.warm_up();
        app
    }

    /// Sends some deliveries, so that one-time allocations such as the stacks of threads do not count as growth.
    fn warm_up(&mut self) {
        for _ in 0..64 {
            self.status_of(&delivery());
        }
        self.handled = self.handled();
        self.memory = resident(self.process.id());
    }

    /// The number of handler calls, and of tasks.
    fn ask(&self) -> (usize, usize) {
        let mut talk = self.talk.lock().expect("nobody panicked while asking");
        talk.0.write_all(b"\n").expect("it runs");
        let line = line(&mut talk.1);
        let (handled, tasks) = line.split_once(' ').expect("it answers with two numbers");
        (handled.parse().expect("it is a number"), tasks.parse().expect("it is a number"))
    }
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("it is text");
    line.trim_end().to_owned()
}

impl Server for App {
    fn name(&self) -> &'static str {
        "an axum app"
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn handled(&self) -> usize {
        self.ask().0 - self.handled
    }

    fn left_over(&self) -> usize {
        self.ask().1
    }

    fn growth(&self) -> usize {
        resident(self.process.id()).saturating_sub(self.memory)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
