//! Compares our verdicts with those of the providers' own SDKs, on randomly changed requests.
//!
//! See `tests/differential/README.md`, and run it by `tests/differential/run.sh`.

mod body;
mod classes;
mod draft;
mod judge;
mod mutate;
mod request;
mod senders;
mod table;
mod tally;

use std::{collections::HashMap, env, error::Error, process::ExitCode};

use countersign::{Signer, Timestamp, Verifier};
use fastrand::Rng;

use crate::{
    draft::{Draft, NOW},
    judge::Judge,
    mutate::Mutated,
    request::{Question, Request},
    senders::{SENDERS, Sender},
    table::Table,
    tally::Tally,
};

/// The name of a change, and its result.
type Change<T> = (&'static str, T);

const USAGE: &str = "usage: differential [--requests N] [--seed N] [--write] [PROVIDER...]";

/// How many requests a judge gets at once.
const BATCH: usize = 500;

struct Settings {
    requests: usize,
    seed: u64,
    /// Whether to rewrite the table, instead of comparing it with the findings.
    write: bool,
    providers: Vec<String>,
}

fn main() -> ExitCode {
    match settings(env::args().skip(1)).and_then(|settings| run(&settings)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("differential: {error}");
            ExitCode::from(2)
        }
    }
}

fn settings(mut args: impl Iterator<Item = String>) -> Result<Settings, Box<dyn Error>> {
    let mut settings = Settings { requests: 200_000, seed: 1, write: false, providers: Vec::new() };
    while let Some(arg) = args.next() {
        match &*arg {
            "--requests" => settings.requests = args.next().ok_or(USAGE)?.parse()?,
            "--seed" => settings.seed = args.next().ok_or(USAGE)?.parse()?,
            "--write" => settings.write = true,
            name if SENDERS.iter().any(|sender| sender.provider.id() == name) => settings.providers.push(arg),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(settings)
}

/// Whether the table explains every disagreement.
fn run(settings: &Settings) -> Result<bool, Box<dyn Error>> {
    let mut tallies = Vec::new();
    for sender in &SENDERS {
        if settings.providers.is_empty() || settings.providers.iter().any(|name| *name == sender.provider.id()) {
            let tally = compare(sender, settings)?;
            println!("{tally}");
            tallies.push(tally);
        }
    }
    let mut table = Table::read()?;
    if settings.write {
        table.update(&tallies);
        table.write()?;
    }
    let problems = table.problems(&tallies);
    for problem in &problems {
        println!("{problem}");
    }
    println!("{} disagreements without an explanation", problems.len());
    Ok(problems.is_empty())
}

fn compare(sender: &Sender, settings: &Settings) -> Result<Tally, Box<dyn Error>> {
    let mut judge = Judge::start(sender.provider.id())?;
    let mut verifiers = Verifiers { sender, made: HashMap::new() };
    crosswise(&mut judge, &mut verifiers, settings.seed)?;
    let mut tally = Tally::new(sender);
    let mut at: u64 = 0;
    while tally.requests < settings.requests {
        let mut batch = Vec::new();
        while batch.len() < BATCH.min(settings.requests - tally.requests) {
            at += 1;
            let mutated = mutate::request(sender, &mut Rng::with_seed(settings.seed ^ (at << 20)));
            if let Some(http) = mutated.request.to_http() {
                batch.push((mutated, http));
            }
        }
        let frame = |(mutated, _): &(Mutated, _)| verify_frame(sender, &mutated.request);
        let theirs = judge.ask(&batch.iter().map(frame).collect::<Vec<_>>())?;
        for ((mutated, http), theirs) in batch.into_iter().zip(theirs) {
            let now = Timestamp::from_unix_millis(mutated.request.now);
            let ours = verifiers.of(&mutated.request)?.verify(&http, http.body(), now).map(drop);
            tally.add(sender, mutated, ours, &theirs);
        }
    }
    Ok(tally)
}

fn verify_frame(sender: &Sender, request: &Request) -> Vec<u8> {
    request.to_frame(&sender.pasted(&request.keys), Question::Verify)
}

/// Checks that we accept what the SDK signs (or its documentation, if the SDK cannot sign), and that the SDK accepts
/// what we sign.
fn crosswise(judge: &mut Judge, verifiers: &mut Verifiers<'_>, seed: u64) -> Result<(), Box<dyn Error>> {
    let sender = verifiers.sender;
    let mut rng = Rng::with_seed(seed);
    for at in 0..1000 {
        let mut draft = Draft::new(sender, &mut rng);
        (sender.prepare)(&mut draft);
        let key = rng.usize(..sender.secrets.len());
        let timestamp = NOW - rng.i64(-300..=300);
        let Draft { mut request, id, body, .. } = draft;
        (request.body, request.keys, request.now) = (body, vec![key], NOW * 1000);
        let id = String::from_utf8(id)?;
        let question = Question::Sign { timestamp, id: &id };
        let headers = judge.ask(&[request.to_frame(&[sender.secrets[key].1], question)])?.remove(0);
        let headers: Vec<(String, String)> = serde_json::from_value(headers)?;
        let mut signed = request.clone();
        signed.headers.extend(headers.into_iter().map(|(name, value)| (name, value.into_bytes())));
        let http = signed.to_http().ok_or("the SDK's headers are none")?;
        let verdict = verifiers.of(&signed)?.verify(&http, http.body(), Timestamp::from_unix_seconds(NOW));
        verdict.map_err(|rejection| format!("signed by the SDK, request {at}: {rejection}\n{}", signed.print()))?;

        let signer = signer(sender, key, request.origin)?;
        let http = signer.sign(request.to_http().ok_or("no request")?, Timestamp::from_unix_seconds(timestamp))?;
        let (parts, body) = http.into_parts();
        let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        let signed =
            Request { target: parts.uri.to_string(), headers: headers.collect(), body: body.into(), ..request };
        let verdict = judge.ask(&[verify_frame(sender, &signed)])?.remove(0);
        if verdict != true {
            return Err(format!("signed by us, request {at}: {verdict}\n{}", signed.print()).into());
        }
    }
    Ok(())
}

fn signer(sender: &Sender, key: usize, origin: &str) -> Result<Signer, Box<dyn Error>> {
    let (pasted, signing) = sender.secrets[key];
    let secret = if sender.algorithm == senders::Algorithm::Ed25519Hex { signing } else { pasted };
    Ok(if sender.signs_url {
        Signer::with_public_url(sender.provider, secret, origin)?
    } else {
        Signer::new(sender.provider, secret)?
    })
}

/// A verifier for each endpoint.
struct Verifiers<'s> {
    sender: &'s Sender,
    made: HashMap<(&'static str, Vec<usize>), Verifier>,
}

impl Verifiers<'_> {
    fn of(&mut self, request: &Request) -> Result<&Verifier, Box<dyn Error>> {
        let endpoint = (request.origin, request.keys.clone());
        if !self.made.contains_key(&endpoint) {
            let mut builder = Verifier::builder(self.sender.provider);
            for secret in self.sender.pasted(&request.keys) {
                builder = builder.secret(secret);
            }
            if self.sender.signs_url {
                builder = builder.public_url(request.origin);
            }
            self.made.insert(endpoint.clone(), builder.build()?);
        }
        Ok(&self.made[&endpoint])
    }
}
