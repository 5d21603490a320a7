use serde_json::json;

use crate::program::{Folder, run, vectors};

/// The example of the documentation, with this expectation.
fn file(expect: &str, reasons: &[&str]) -> String {
    case("github", &["It's a Secret to Everybody"], &json!([]), expect, reasons).to_string()
}

fn case(
    provider: &str,
    keys: &[&str],
    headers: &serde_json::Value,
    expect: &str,
    reasons: &[&str],
) -> serde_json::Value {
    let mut all =
        vec![json!(["x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"])];
    all.extend(headers.as_array().unwrap().iter().cloned());
    json!({
        "provider": provider,
        "cases": [{
            "name": "the case",
            "keys": keys,
            "now": 1_767_225_600,
            "request": {
                "method": "POST",
                "url": "https://hooks.example.com/github",
                "headers": all,
                "body_base64": "SGVsbG8sIFdvcmxkIQ==",
            },
            "expect": expect,
            "reason_any": reasons,
        }],
        "debatable": [{ "not": "read" }],
    })
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap()
}

#[test]
fn all_vectors_of_the_workspace_pass() {
    let ran = run(&["vectors", vectors().to_str().unwrap()]);
    assert_eq!((ran.code, &*ran.err), (0, ""), "{}", ran.out);
    let passed = last_line(&ran.out).strip_suffix(" passed, 0 failed").unwrap();
    assert!(passed.parse::<usize>().unwrap() > 1000, "{passed}");
}

#[test]
fn a_case_passes_or_fails_and_the_last_line_counts() {
    let folder = Folder::new();
    let good = folder.write("good.json", file("accept", &[]));
    let bad = folder.write("bad.json", file("reject", &["signature"]));
    let ran = run(&["vectors", &good]);
    assert_eq!((ran.code, &*ran.out), (0, "1 passed, 0 failed\n"));
    let ran = run(&["vectors", &good, &bad]);
    assert_eq!((ran.code, last_line(&ran.out)), (1, "1 passed, 1 failed"));
    for words in [&*bad, "the case", "expected reject (signature)", "got      accepted"] {
        assert!(ran.out.contains(words), "{words} is not in {}", ran.out);
    }
}

#[test]
fn a_case_with_more_headers_than_a_server_takes_is_judged() {
    let folder = Folder::new();
    let headers: Vec<_> = (0..40_000).map(|number| json!([format!("x-{number}"), "1"])).collect();
    let many = case("github", &["It's a Secret to Everybody"], &headers.into(), "accept", &[]);
    let ran = run(&["vectors", &folder.write("many.json", many.to_string())]);
    assert_eq!((ran.code, last_line(&ran.out)), (1, "0 passed, 1 failed"));
}

#[test]
fn json_is_one_object_and_nothing_else() {
    let folder = Folder::new();
    let bad = folder.write("bad.json", file("reject", &["signature"]));
    let ran = run(&["vectors", &bad, "--json"]);
    let failure = json!({ "file": bad, "case": "the case", "expected": "reject (signature)", "got": "accepted" });
    assert_eq!(
        (ran.code, ran.json()),
        (1, json!({ "passed": 0, "failed": 1, "failures": [failure], "skipped": 0, "skipped_files": [] }))
    );
}

#[test]
fn a_rejection_must_have_one_of_the_reasons() {
    let folder = Folder::new();
    let outcome = |keys: &[&str], headers: serde_json::Value, reasons: &[&str]| {
        let path = folder.write("case.json", case("github", keys, &headers, "reject", reasons).to_string());
        run(&["vectors", &path]).code
    };
    let twice = json!([["x-hub-signature-256", "sha256=00"]]);
    assert_eq!(outcome(&["a key"], json!([]), &["signature"]), 0);
    assert_eq!(outcome(&["a key"], json!([]), &["malformed_signature"]), 1);
    assert_eq!(outcome(&["a key"], json!([]), &["malformed_signature", "other"]), 0);
    assert_eq!(outcome(&["a key"], twice, &["malformed_signature"]), 0);
    assert_eq!(outcome(&[""], json!([]), &["unknown_key"]), 0);
    assert_eq!(outcome(&[], json!([]), &["unknown_key"]), 0);
    assert_eq!(outcome(&[""], json!([]), &["signature"]), 0);
    assert_eq!(outcome(&[""], json!([]), &["malformed_signature"]), 1);
}

#[test]
fn a_request_that_no_http_server_accepts_is_refused_as_malformed() {
    let folder = Folder::new();
    let run_one = |expect: &str, reasons: &[&str]| {
        let headers = json!([["x-other", "a\nb"]]);
        let path = folder.write("case.json", case("github", &["a key"], &headers, expect, reasons).to_string());
        run(&["vectors", &path])
    };
    assert_eq!(run_one("reject", &["malformed_signature"]).code, 0);
    assert_eq!(run_one("reject", &["signature"]).code, 1);
    let ran = run_one("accept", &[]);
    assert!(ran.code == 1 && ran.out.contains("an HTTP server does not accept its header `x-other`"), "{}", ran.out);
}

#[test]
fn the_cases_of_an_unknown_provider_fail() {
    let folder = Folder::new();
    let path = folder.write("case.json", case("no-such", &["k"], &json!([]), "reject", &["other"]).to_string());
    let ran = run(&["vectors", &path]);
    assert_eq!((ran.code, last_line(&ran.out)), (1, "0 passed, 1 failed"));
    assert!(ran.out.contains("there is no provider `no-such`"));
    let scheme = folder.write("mine.toml", countersign::providers::GITHUB.toml());
    assert_eq!(run(&["vectors", "--scheme", &scheme, &path]).code, 0);
}

#[test]
fn folders_are_searched_and_other_json_files_are_skipped_and_reported() {
    let folder = Folder::new();
    folder.write("a/b/good.json", file("accept", &[]));
    folder.write("a/list.json", "[1]");
    folder.write("a/text.json", "not JSON");
    folder.write("a/other.json", r#"{"cases":3}"#);
    folder.write("a/note.txt", file("reject", &[]));
    let ran = run(&["vectors", folder.path("").to_str().unwrap()]);
    let lines: Vec<_> = ran.out.lines().collect();
    let [list, other, text, last] = &*lines else { panic!("{}", ran.out) };
    assert!(
        list.ends_with("a/list.json: expected JSON with `provider` and `cases`") && other.contains("a/other.json: ")
    );
    assert!(text.starts_with("skipped ") && text.contains("a/text.json: it is not JSON: "), "{text}");
    assert_eq!((ran.code, *last), (0, "1 passed, 0 failed"));
}

#[test]
fn a_file_without_cases_is_a_mistake() {
    let folder = Folder::new();
    let empty = folder.write("empty.json", r#"{"provider": "github", "cases": []}"#);
    run(&["vectors", &empty]).is_mistake(&["no case"]);
    run(&["vectors", folder.path("").to_str().unwrap()]).is_mistake(&["no case"]);
}

#[test]
fn a_body_can_be_in_a_file_of_its_own() {
    let folder = Folder::new();
    let mut document: serde_json::Value = serde_json::from_str(&file("accept", &[])).unwrap();
    let request = document["cases"][0]["request"].as_object_mut().unwrap();
    request.remove("body_base64");
    request.insert("body_file".to_owned(), "../bodies/hello.bin".into());
    let path = folder.write("v/case.json", document.to_string());
    run(&["vectors", &path]).is_mistake(&["the case", "hello.bin cannot be read"]);
    folder.write("bodies/hello.bin", "Hello, World!");
    assert_eq!(run(&["vectors", &path]).code, 0);
}

#[test]
fn what_cannot_be_read_is_a_mistake() {
    let folder = Folder::new();
    run(&["vectors", "/nowhere"]).is_mistake(&["/nowhere", "cannot be read"]);
    run(&["vectors", folder.path("").to_str().unwrap()]).is_mistake(&["no vector file"]);
    let other = folder.write("other.json", "{}");
    run(&["vectors", &other]).is_mistake(&["not a vector file"]);
    let broken = folder.write("broken.json", r#"{"provider":"github","cases":[{"name":"x"}]}"#);
    run(&["vectors", &broken]).is_mistake(&["broken.json", "line 1"]);
}

#[test]
fn a_file_cannot_drive_the_terminal() {
    let folder = Folder::new();
    let escape = "\x1b]0;x\x07";
    let told = folder.write("told.json", file("reject", &[escape]));
    let ran = run(&["vectors", &told]);
    assert!(ran.code == 1 && ran.out.contains(r"reject (\u001b]0;x\u0007)"), "{ran:?}");
    let mut wrong: serde_json::Value = serde_json::from_str(&file("accept", &[])).unwrap();
    wrong["cases"][0]["name"] = escape.into();
    wrong["cases"][0]["request"]["body_base64"] = "hardly base64".into();
    let wrong = folder.write("wrong.json", wrong.to_string());
    run(&["vectors", &wrong]).is_mistake(&[r"\u001b]0;x\u0007"]);
}

#[test]
fn a_secret_at_the_wrong_place_is_not_told() {
    let folder = Folder::new();
    let good: serde_json::Value = serde_json::from_str(&file("accept", &[])).unwrap();
    for (field, words) in [
        ("keys", "invalid type: string, expected a sequence"),
        ("expect", "unknown word, expected"),
        ("now", "invalid type: string, expected i64"),
    ] {
        let mut wrong = good.clone();
        wrong["cases"][0][field] = "hunter2".into();
        let path = folder.write("wrong.json", wrong.to_string());
        let ran = run(&["vectors", &path]);
        ran.is_mistake(&["wrong.json", words, "line 1 column"]);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
}
