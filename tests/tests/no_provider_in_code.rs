//! No code depends on the provider: provider names occur only in the catalogue and in text for people.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use countersign::providers;

/// Where names are allowed, and why. All other code is searched.
const ALLOWED: &[(&str, &str)] = &[
    ("countersign/src/canonical/", "the functions that the scheme files name"),
    ("countersign/src/scheme/read/keys.rs", "the hosts on which anybody can publish"),
    ("countersign-cli/src/cmd/demo/", "the demonstration plays a few senders"),
    ("countersign-bench/", "measures some schemes as examples"),
];

/// Ids and names that are ordinary words: for these, only the quoted word and the constant count.
const ORDINARY: &[&str] = &[
    "bolt",
    "box",
    "bridge",
    "castle",
    "circle",
    "courier",
    "cursor",
    "due",
    "extend",
    "finch",
    "fingerprint",
    "flux",
    "folk",
    "front",
    "hmac",
    "knock",
    "leaf",
    "line",
    "linear",
    "loops",
    "make",
    "meta",
    "nexus",
    "notion",
    "orb",
    "outline",
    "persona",
    "plain",
    "plane",
    "polar",
    "primitive",
    "readme",
    "render",
    "resend",
    "seam",
    "segment",
    "semaphore",
    "square",
    "streak",
    "stream",
    "strike",
    "surge",
    "telegram",
    "twenty",
    "twitch",
    "zoom",
];

/// Headers that several senders use, or that belong to no single provider.
const COMMON_HEADERS: &[&str] = &[
    "authorization",
    "content-digest",
    "date",
    "digest",
    "signature",
    "signature-input",
    "timestamp",
    "user-agent",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-signature",
    "x-hub-signature",
    "x-hub-signature-256",
    "x-webhook-signature",
    "x-webhook-timestamp",
    "x-timestamp",
    "x-request-id",
    "x-request-timestamp",
    "token",
    "secret",
];

#[test]
fn no_code_names_a_provider() {
    let words = Words::of_catalogue();
    let mut found = Vec::new();
    for file in sources() {
        let place = file.strip_prefix(crates()).unwrap().to_str().unwrap().to_owned();
        if ALLOWED.iter().any(|(allowed, _)| place.starts_with(allowed)) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in code_lines(&text) {
            found.extend(words.in_line(line).map(|word| format!("{place}:{number}: `{word}` in {}", line.trim())));
        }
    }
    assert!(found.is_empty(), "say it in the scheme file instead:\n{}", found.join("\n"));
}

#[test]
fn the_search_finds_a_provider_in_code() {
    let words = Words::of_catalogue();
    for line in [
        "if id == \"github\" {",
        "    // Shopify does it otherwise",
        "\"x-shopify-hmac-sha256\" =>",
        "providers::STRIPE",
        "\"linear\" =>",
    ] {
        assert!(words.in_line(line).next().is_some(), "{line}");
    }
    for line in ["let line = lines.next();", "a linear search, and a box", "charset of meta", "let zoomed = square(3);"]
    {
        assert_eq!(words.in_line(line).next(), None, "{line}");
    }
    let file = "/// github\nfn a() {}\nconst HELP: &str = \"\\\n  github\";\nlet b;\n#[cfg(test)]\nmod tests {\n    github\n}\n";
    assert_eq!(code_lines(file).map(|(number, _)| number).collect::<Vec<_>>(), [2, 5]);
}

struct Words(BTreeSet<String>);

impl Words {
    fn of_catalogue() -> Self {
        let mut words = BTreeSet::new();
        for provider in providers::ALL {
            let scheme = provider.scheme().unwrap();
            words.insert(scheme.id().to_owned());
            words.extend(scheme.aliases().iter().cloned());
            words.insert(scheme.name().split(" (").next().unwrap_or_default().to_lowercase());
            // ``header `x-a` or `x-b` ``
            let source = scheme.signature_source();
            if source.starts_with("header") {
                words.extend(source.split('`').skip(1).step_by(2).map(str::to_owned));
            }
        }
        words.retain(|word| word.len() > 2 && !COMMON_HEADERS.contains(&&**word));
        Self(words)
    }

    /// The names that occur in the line as whole words, in any case.
    fn in_line<'a>(&'a self, line: &'a str) -> impl Iterator<Item = &'a str> {
        let lower = line.to_lowercase().replace('_', "-");
        self.0.iter().map(String::as_str).filter(move |word| {
            if ORDINARY.contains(word) {
                let constant = format!("providers::{}", word.to_uppercase());
                return line.contains(&format!("\"{word}\"")) || line.contains(&constant);
            }
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
            lower
                .match_indices(*word)
                .any(|(at, _)| !lower[..at].ends_with(is_part) && !lower[at + word.len()..].starts_with(is_part))
        })
    }
}

/// The numbered lines of code, without documentation, help texts of commands and tests.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_help = false;
    let lines = text.lines().enumerate().take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
    lines.filter_map(move |(at, line)| {
        let start = line.trim_start();
        in_help |= start.starts_with("const HELP:") || start.starts_with("const EXAMPLES:");
        let is_help = in_help;
        in_help &= !line.ends_with("\";");
        let is_doc = start.starts_with("///") || start.starts_with("//!");
        (!is_help && !is_doc).then_some((at + 1, line))
    })
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("crates")
}

/// Every Rust file of every crate that is not a test or a benchmark.
fn sources() -> Vec<PathBuf> {
    let mut folders: Vec<_> = fs::read_dir(crates()).unwrap().map(|entry| entry.unwrap().path().join("src")).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
                files.push(path);
            }
        }
    }
    assert!(files.len() > 100);
    files
}
