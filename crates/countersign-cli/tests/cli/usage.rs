use crate::program::{Folder, countersign, ran, run};

#[test]
fn help_teaches_and_is_no_mistake() {
    for args in [&["--help"][..], &["help", "send"], &["verify", "--help"], &["serve", "-h"]] {
        let ran = run(args);
        assert_eq!((ran.code, &*ran.err), (0, ""));
        assert!(ran.out.contains("Examples:") && ran.out.contains("Exit status: 0"), "{}", ran.out);
    }
    assert!(run(&["--version"]).out.starts_with("countersign 0."));
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
    run(&["verify", "stripe", "--tolerance", "5"]).is_mistake(&["--tolerance"]);
    run(&["send", "stripe"]).is_mistake(&["--to <URL>", "--data <DATA>"]);
    run(&["vectors"]).is_mistake(&["FILE|DIR"]);
    run(&["demo", "--port", "70000"]).is_mistake(&["--port"]);
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
    for (content, words) in
        [("", "empty"), ("\n", "empty"), (" \n", "blank"), ("a \n", "white space"), ("${S}", "placeholder")]
    {
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
