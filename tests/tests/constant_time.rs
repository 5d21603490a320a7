//! No branch and no address depends on a secret, but for the verdict itself: memcheck follows the secrets, marked undefined,
//! through the code of a release.
//!
//! What happens at start-up, when a secret is read and made a key, is not looked at: no request can make it happen.
//!
//! Valgrind does not know the SHA instructions of newer processors, so that the hashes are those in plain Rust. The
//! instructions themselves take no branch.

#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use countersign_tests::program::root;

/// Where a secret may decide: whether a key made the signature, which is the verdict and no more than the answer tells.
const VERDICTS: [(&str, &str); 8] = [
    ("src/handshake/ask.rs", "answer_by"),
    ("src/handshake/ask.rs", "check_token"),
    ("src/http_signature/mod.rs", "is_by"),
    ("src/jwt.rs", "is_detached_signed"),
    ("src/jwt.rs", "is_signed"),
    // The whole file: it does nothing else, and for some of what is inlined valgrind has no name.
    ("src/search.rs", ""),
    ("src/verifier/checks.rs", "check_text"),
    ("src/verifier/judge.rs", "signed_form"),
];

/// What the program prints under memcheck, and where that finds errors.
static RUN: LazyLock<(String, Vec<Place>)> = LazyLock::new(|| run(&build()));

#[test]
fn a_secret_decides_nothing_but_the_verdict() {
    let (printed, errors) = &*RUN;
    let trials: Vec<_> = printed.lines().map(Trial::read).collect();
    let (controls, cases): (Vec<_>, Vec<_>) = trials.iter().partition(|trial| trial.is_control);
    assert!(controls.len() >= 4 && cases.len() >= 100, "{printed}");
    for control in &controls {
        assert!(control.errors > 0, "`{}` was not found: nothing here proves anything", control.name);
    }
    for case in &cases {
        // Otherwise the secret was lost on the way, and its path was not seen.
        assert!(case.errors > 0, "{}: no verdict was seen", case.name);
    }
    assert!(errors.iter().any(|place| place.file.ends_with("controls.rs")), "{errors:?}");
    for place in errors.iter().filter(|place| !place.file.ends_with("controls.rs")) {
        let is_verdict = VERDICTS
            .iter()
            .any(|(file, name)| place.file.ends_with(file) && (name.is_empty() || place.function == *name));
        assert!(is_verdict, "a secret decides in {}", place.described);
    }
}

#[test]
fn which_of_the_keys_it_was_decides_nothing() {
    let (printed, _) = &*RUN;
    let errors_of = |ending: &str| -> Vec<_> {
        let trials = printed.lines().map(Trial::read);
        let errors = trials.filter_map(|trial| Some((trial.name.strip_suffix(ending)?, trial.errors)));
        errors.collect()
    };
    let first = errors_of(", signed by the first key");
    assert!(first.len() >= 30, "{printed}");
    assert_eq!(first, errors_of(", signed by the second key"));
}

/// A line that the program prints.
struct Trial<'a> {
    is_control: bool,
    name: &'a str,
    errors: usize,
}

impl<'a> Trial<'a> {
    fn read(line: &'a str) -> Self {
        let [kind, name, errors] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        Self { is_control: kind == "control", name, errors: errors.parse().expect("a number") }
    }
}

/// Where an undefined bit decided: the innermost function of ours.
#[derive(Debug)]
struct Place {
    file: String,
    function: String,
    described: String,
}

impl Place {
    /// Out of valgrind's XML, which is as regular as it is old.
    fn read(error: &str) -> Self {
        let frames: Vec<(String, String, String)> = error
            .split("<frame>")
            .skip(1)
            .map(|frame| {
                let text = |tag: &str| element(frame, tag).unwrap_or_default().to_owned();
                (format!("{}/{}", text("dir"), text("file")), text("fn"), text("line"))
            })
            .collect();
        let ours = frames.iter().find(|(file, ..)| file.starts_with(root().to_str().expect("a path in UTF-8")));
        let (file, function, _) = ours.or(frames.first()).cloned().expect("an error has a place");
        let function = function.rsplit("::").next().unwrap_or_default().to_owned();
        let lines = frames.iter().take(8).map(|(file, function, line)| format!("\n  {function} ({file}:{line})"));
        Self { file, function, described: lines.collect() }
    }
}

fn element<'t>(text: &'t str, tag: &str) -> Option<&'t str> {
    let (_, behind) = text.split_once(&format!("<{tag}>"))?;
    behind.split_once(&format!("</{tag}>")).map(|(inner, _)| inner)
}

fn run(program: &Path) -> (String, Vec<Place>) {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report.xml");
    let output = Command::new("valgrind")
        .args(["--tool=memcheck", "--error-limit=no", "--num-callers=40", "--read-inline-info=yes", "--xml=yes"])
        .arg(format!("--xml-file={}", report.display()))
        .arg(program)
        .output()
        .expect("valgrind is installed: tests/run.sh does it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = fs::read_to_string(report).expect("valgrind wrote its report");
    let errors = report.split("<error>").skip(1).map(|error| {
        let kind = element(error, "kind").unwrap_or_default();
        assert!(["UninitCondition", "UninitValue"].contains(&kind), "{error}");
        Place::read(element(error, "stack").expect("an error has a stack"))
    });
    (String::from_utf8(output.stdout).expect("text"), errors.collect())
}

/// Builds the program as releases are built.
fn build() -> PathBuf {
    let arguments =
        ["build", "--quiet", "--locked", "--profile", "constant-time", "--package", "countersign-constant-time"];
    let target = env::current_exe().expect("a test is a file");
    let target = target.ancestors().nth(3).expect("tests are three folders deep");
    let status =
        Command::new(env!("CARGO")).args(arguments).arg("--target-dir").arg(target).current_dir(root()).status();
    assert!(status.expect("cargo runs").success());
    target.join("constant-time/countersign-constant-time")
}
