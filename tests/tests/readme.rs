//! The README's blocks work as it says. Its Rust blocks run as doc tests of this package's library.

use std::{env, fs, path::Path, process::Command};

use countersign::{Scheme, Signer, Timestamp, Verifier, providers};
use countersign_tests::program::{first_line, program, root};
use http::Request;

const README: &str = include_str!("../../README.md");

/// The fenced blocks: their language and text.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let mut blocks = Vec::new();
    let mut rest = README;
    while let Some((_, after)) = rest.split_once("\n```") {
        let (language, after) = after.split_once('\n').expect("a fence ends its line");
        let (text, after) = after.split_once("\n```").expect("a fence is closed");
        blocks.push((language, text));
        rest = after;
    }
    blocks
}

fn blocks_in(language: &str) -> impl Iterator<Item = &'static str> {
    blocks().into_iter().filter(move |(other, _)| *other == language).map(|(_, text)| text)
}

#[test]
fn every_block_is_of_a_language_that_is_tested() {
    for (language, text) in blocks() {
        assert!(["rust", "rust,no_run", "sh", "toml", "text"].contains(&language), "a block in `{language}`: {text}");
    }
    assert!(blocks_in("rust").count() >= 3 && blocks_in("sh").count() >= 3 && blocks_in("toml").count() >= 1);
}

#[test]
fn every_toml_block_is_a_manifest_a_scheme_or_a_configuration() {
    let (manifests, others): (Vec<_>, Vec<_>) = blocks_in("toml").partition(|text| text.contains("[dependencies]"));
    for manifest in manifests {
        let manifest: toml::Table = manifest.parse().unwrap();
        for (name, dependency) in manifest["dependencies"].as_table().unwrap() {
            // The other manifests have the versions of the workspace.
            let Some(path) = dependency.get("path") else {
                let version = dependency.as_str().or(dependency.get("version").and_then(toml::Value::as_str)).unwrap();
                let known: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
                let known = &known["workspace"]["dependencies"][name];
                let known = known.as_str().or(known.get("version").and_then(toml::Value::as_str)).unwrap();
                assert!(known == version || known.starts_with(&format!("{version}.")), "{name}: {version} for {known}");
                continue;
            };
            let path = path.as_str().unwrap().strip_prefix("../countersign/").unwrap();
            let its: toml::Table = fs::read_to_string(root().join(path).join("Cargo.toml")).unwrap().parse().unwrap();
            assert_eq!(its["package"]["name"].as_str(), Some(&**name));
            for feature in dependency.get("features").into_iter().flat_map(|features| features.as_array().unwrap()) {
                assert!(its["features"].get(feature.as_str().unwrap()).is_some(), "{name}: {feature:?}");
            }
        }
    }
    let (configurations, schemes): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|text| text.contains("[[endpoint]]"));
    assert_eq!((configurations.len(), schemes.len()), (1, 1));
    Scheme::from_toml("acme", schemes[0]).unwrap();
    serves(configurations[0]);
}

/// The block after this one, which shows its output.
fn shown_behind(block: &str) -> &'static str {
    let blocks = blocks();
    let at = blocks.iter().position(|(_, text)| *text == block).unwrap();
    let (language, text) = blocks[at + 1];
    assert_eq!(language, "text");
    text
}

/// Asserts that the gateway starts with this configuration, on free ports.
fn serves(configuration: &str) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("countersign.toml", &configuration.replace(":8787\"", ":0\"").replace(":9100\"", ":0\""));
    write("old.secret", "whsec_of_yesterday");
    write("ips_webhooks.json", r#"{"WEBHOOKS": ["192.0.2.1"]}"#);
    let mut serve = Command::new(program());
    serve.arg("serve").env("STRIPE_SECRET", "whsec_of_today").current_dir(folder.path());
    let line = first_line(&mut serve);
    assert!(line.contains("listening on http://") && line.contains("(1 endpoint)"), "{line}");
}

#[test]
fn the_log_line_of_a_late_delivery_has_the_reason() {
    let shown = blocks_in("text").find(|text| text.starts_with("WARN countersign: refused")).unwrap();
    let (secret, now) = ("whsec_of_this_test", Timestamp::from_unix_seconds(1_767_225_600));
    let sent = Timestamp::from_unix_seconds(now.unix_seconds() - 412);
    let request = Request::post("/stripe").body("{}").unwrap();
    let late = Signer::new(providers::STRIPE, secret).unwrap().sign(request, sent).unwrap();
    let refused = Verifier::new(providers::STRIPE, secret).unwrap().verify(&late, late.body(), now).unwrap_err();
    let (code, status) = (refused.code(), refused.status().as_u16());
    assert!(shown.ends_with(&format!("code=\"{code}\" status={status} reason={refused}")), "{refused}");
}

#[test]
fn every_shell_block_runs() {
    let program = program();
    let folder = env::temp_dir().join(format!("countersign-readme-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for text in blocks_in("sh") {
        match text {
            // It runs this test.
            "tests/run.sh" => assert!(root().join(text).exists()),
            // It would build the program again.
            "cargo install --locked --path crates/countersign-cli" => {
                assert!(root().join("crates/countersign-cli/Cargo.toml").exists());
            }
            // Without `--once`, the server would not stop.
            "cargo run --release -- demo" => {
                assert!(Command::new(&program).args(["demo", "--once"]).status().unwrap().success());
            }
            _ => {
                let path = env::join_paths([program.parent().unwrap(), Path::new("/usr/bin"), Path::new("/bin")]);
                let mut run = Command::new("bash");
                run.args(["-euo", "pipefail", "-c", text]).env("PATH", path.unwrap()).current_dir(&folder);
                let output = run.output().unwrap();
                assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
                if text.contains("countersign explain ") {
                    assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), shown_behind(text));
                }
            }
        }
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn every_file_that_is_linked_exists() {
    for (at, _) in README.match_indices("](") {
        let (after, _) = README[at + 2..].split_once(')').unwrap();
        if !after.starts_with("http") && !after.starts_with('#') {
            let file = after.split('#').next().expect("the first piece is always there");
            assert!(root().join(file).exists(), "{after}");
        }
    }
}
