use crate::program::{Folder, countersign, ran, run};

#[test]
fn help_has_examples_and_exits_with_0() {
    for args in [&["--help"][..], &["help", "send"], &["verify", "--help"], &["serve", "-h"]] {
        let ran = run(args);
        assert_eq!((ran.code, &*ran.err), (0, ""));
        assert!(ran.out.contains("Examples:") && ran.out.contains("Exit status: 0"), "{}", ran.out);
    }
    assert!(run(&["--version"]).out.starts_with("countersign 0."));
}

/// The lines of a command's help in a terminal with 80 columns.
fn help(command: &str) -> Vec<String> {
    let mut program = countersign();
    program.env("COLUMNS", "80").args(Some(command).filter(|command| !command.is_empty())).arg("--help");
    ran(program.output().unwrap()).out.lines().map(str::to_owned).collect()
}

#[test]
fn examples_in_the_help_can_be_copied_by_the_line() {
    for command in ["", "demo", "serve", "send", "verify", "explain", "audit", "providers", "vectors"] {
        let lines = help(command);
        let examples = lines.iter().skip_while(|line| *line != "Examples:").skip(1);
        let mut goes_on = false;
        for line in examples.take_while(|line| !line.is_empty()) {
            let begins = if goes_on { "      " } else { "  countersign " };
            assert!(line.starts_with(begins), "{command}: {line}");
            goes_on = line.ends_with('\\');
        }
        assert!(!goes_on, "{command}: the last example does not end");
    }
}

#[test]
fn the_configuration_in_the_help_can_be_copied() {
    let lines = help("serve");
    let help = lines.iter().skip_while(|line| *line != "The configuration is TOML:");
    let help: Vec<&str> = help.take_while(|line| *line != "Examples:").map(String::as_str).collect();
    let is_prose = |line: &&str| !line.is_empty() && !line.starts_with(' ');
    let blocks: Vec<String> =
        help.split(is_prose).map(|lines| lines.join("\n")).filter(|block| !block.trim().is_empty()).collect();
    assert_eq!(blocks.len(), 3, "{blocks:#?}");
    for block in blocks {
        toml::from_str::<toml::Table>(&block).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn without_a_command_the_help_is_shown_and_the_status_is_2() {
    let ran = run::<&str>(&[]);
    assert_eq!((ran.code, &*ran.out), (2, ""));
    assert!(ran.err.contains("Usage: countersign"));
}

#[test]
fn every_mistake_is_one_line_that_says_what_to_do() {
    run(&["frob"]).is_mistake(&["frob", "--help"]);
    run(&["verfy"]).is_mistake(&["'verify'"]);
    run(&["verify"]).is_mistake(&["no provider", "--scheme FILE"]);
    run(&["verify", "strpe"]).is_mistake(&["did you mean `stripe`?"]);
    run(&["verify", "stripe", "--now", "noon"]).is_mistake(&["--now", "2026-01-31T12:00:00Z"]);
    for command in ["verify", "explain"] {
        run(&[command, "stripe", "--tolerance", "foo"]).is_mistake(&["--tolerance", "a duration such as `5m`"]);
    }
    run(&["audit", "stripe", "--to", "http://localhost/", "--patience", "5"]).is_mistake(&["a duration such as `5m`"]);
    run(&["send", "stripe"]).is_mistake(&["--to <URL>", "--data <DATA>"]);
    run(&["vectors"]).is_mistake(&["FILE|DIR"]);
    for port in ["70000", "abc"] {
        run(&["demo", "--port", port]).is_mistake(&["--port", "a number up to 65535"]);
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = countersign().args(["providers", "--json"]).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(ran(child.wait_with_output().unwrap()).code, 0);
}

#[test]
fn a_secret_must_come_from_somewhere() {
    run(&["verify", "stripe"]).is_mistake(&["no secret", "--secret-env NAME", "--secret-file PATH"]);
    run(&["verify", "stripe", "--secret-env", "UNSET"]).is_mistake(&["`UNSET` is not set", "export it"]);
    run(&["verify", "stripe", "--secret-file", "/nowhere"]).is_mistake(&["/nowhere cannot be read"]);

    let folder = Folder::new();
    for (content, words) in [
        ("", "empty"),
        ("\n", "empty"),
        (" \n", "blank"),
        ("\0\0\n", "blank"),
        ("a \n", "white space"),
        ("${S}", "placeholder"),
    ] {
        let file = folder.write("secret", content);
        run(&["verify", "stripe", "--secret-file", &file]).is_mistake(&[&file, words]);
    }
    let mut command = countersign();
    command.env("EMPTY", "").args(["verify", "stripe", "--secret-env", "EMPTY"]);
    ran(command.output().unwrap()).is_mistake(&["`EMPTY`", "the secret is empty"]);
}

#[test]
fn a_secret_on_the_command_line_is_not_taken_and_not_repeated() {
    for args in [["--secret", "whsec_mistake"], ["--secret-env", "whsec_mistake"]] {
        let ran = run(&["verify", "stripe", "request.http", args[0], args[1]]);
        ran.is_mistake(&[]);
        assert!(!ran.err.contains("whsec_mistake"), "{}", ran.err);
    }
}
