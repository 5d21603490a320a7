//! CONTRIBUTING shows an existing provider as its example: its file, the commands, and their output.

use std::process::Command;

use countersign::providers;
use countersign_tests::program::{program, root};

const CONTRIBUTING: &str = include_str!("../../CONTRIBUTING.md");

/// The fenced blocks: their language and text.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let fences = CONTRIBUTING.split("\n```").collect::<Vec<_>>();
    fences.chunks(2).filter_map(|pair| pair.get(1)?.split_once('\n')).collect()
}

#[test]
fn the_file_that_is_shown_is_the_file_of_the_catalogue() {
    let shown: Vec<_> = blocks().into_iter().filter(|(language, _)| *language == "toml").collect();
    assert_eq!(shown, [("toml", providers::CIRCLECI.toml().trim_end())]);
}

#[test]
fn the_commands_print_what_is_shown() {
    let blocks = blocks();
    let mut ran = 0;
    for (at, (language, text)) in blocks.iter().enumerate() {
        for line in text.lines().filter(|_| *language == "sh") {
            // Those are the tests themselves.
            let Some(args) = line.strip_prefix("cargo run --quiet -- ") else {
                assert!(line.contains("cargo test -p countersign-tests"), "{line}");
                continue;
            };
            let mut command = Command::new(program());
            let output = command.args(args.split(' ')).current_dir(root()).output().expect("it runs");
            assert!(output.status.success(), "{line}");
            if let Some(("text", shown)) = blocks.get(at + 1) {
                assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), *shown, "{line}");
            }
            ran += 1;
        }
    }
    assert_eq!(ran, 3);
}
