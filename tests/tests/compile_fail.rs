//! Programs that must not compile: each file of `tests/compile-fail/` has one error, at `//~ CODE`, and no other.
//!
//! Only codes and lines are compared, not messages: these change between releases of the compiler, and no release is pinned
//! here. The files are built as the programs of a separate package, with the versions of `Cargo.lock`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use countersign_tests::program::root;
use serde_json::Value as Json;

/// The lines with errors and their codes, by the name of the file.
type Errors = BTreeMap<String, BTreeSet<(u64, String)>>;

fn cases() -> Vec<PathBuf> {
    let files = fs::read_dir(root().join("tests/compile-fail")).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

fn name(file: &Path) -> String {
    file.file_stem().unwrap().to_str().unwrap().to_owned()
}

fn expected() -> Errors {
    let of_file = |file: &PathBuf| {
        let text = fs::read_to_string(file).unwrap();
        let marked =
            (1..).zip(text.lines()).filter_map(|(line, text)| Some((line, text.split_once("//~ ")?.1.to_owned())));
        (name(file), marked.collect())
    };
    cases().iter().map(of_file).collect()
}

/// A package with each file as a program.
fn package() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile-fail");
    let programs = folder.join("src/bin");
    let _ = fs::remove_dir_all(&programs);
    fs::create_dir_all(&programs).unwrap();
    for file in cases() {
        fs::copy(&file, programs.join(file.file_name().unwrap())).unwrap();
    }
    let own = ["countersign", "countersign-axum", "countersign-tower"];
    let own = own.map(|name| format!("{name} = {{ path = '{}' }}\n", root().join("crates").join(name).display()));
    let manifest = "[package]\nname = \"compile-fail\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
                    axum = { version = \"0.8\", default-features = false }\nbytes = \"1\"\nhttp = \"1\"\n";
    fs::write(folder.join("Cargo.toml"), format!("{manifest}{}", own.concat())).unwrap();
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    folder
}

fn found() -> Errors {
    let folder = package();
    let output = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--bins", "--keep-going", "--message-format=json", "--target-dir", "target"])
        .current_dir(&folder)
        .output()
        .unwrap();
    let mut errors: Errors = cases().iter().map(|file| (name(file), BTreeSet::new())).collect();
    let lines: Vec<Json> =
        output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let built =
        lines.iter().filter(|line| line["reason"] == "compiler-artifact" && line["target"]["name"] == "control");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(built.count(), 1, "what is right does not compile: {said}");
    for line in lines.iter().filter(|line| line["message"]["level"] == "error") {
        let Some(code) = line["message"]["code"]["code"].as_str() else { continue };
        let spans = line["message"]["spans"].as_array().into_iter().flatten();
        let of_file = errors.get_mut(line["target"]["name"].as_str().unwrap()).unwrap_or_else(|| panic!("{line}"));
        for span in spans.filter(|span| span["is_primary"] == true) {
            of_file.insert((span["line_start"].as_u64().unwrap(), code.to_owned()));
        }
    }
    errors
}

#[test]
fn e11_without_a_verdict_there_is_no_proof_and_nobody_gets_at_a_secret() {
    let expected = expected();
    assert!(expected.len() > 10 && expected.iter().all(|(name, errors)| errors.is_empty() == (name == "control")));
    assert_eq!(found(), expected);
}
