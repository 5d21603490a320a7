use countersign::providers;
use serde_json::json;

use crate::program::{Folder, NOW, Ran, SECRET, countersign, ran, run, run_with, signed};

const BODY: &str = r#"{"id":"evt_1","type":"charge.succeeded"}"#;

fn explain(provider: &str, request: &[u8], more: &[&str]) -> Ran {
    run_with(&[&["explain", provider, "-", "--secret-env", "SECRET", "--now", NOW], more].concat(), request)
}

/// A signed request with another body.
fn with_body(body: &str) -> Vec<u8> {
    let request = String::from_utf8(signed(providers::STRIPE, BODY.as_bytes())).unwrap();
    request.replace(BODY, body).into_bytes()
}

/// The headers of a signed request, by name and value.
fn headers() -> Vec<(String, String)> {
    let request = String::from_utf8(signed(providers::STRIPE, BODY.as_bytes())).unwrap();
    let lines = request.lines().skip(1).take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn an_accepted_request_needs_no_explanation() {
    let ran = explain("stripe", &signed(providers::STRIPE, BODY.as_bytes()), &[]);
    assert!(ran.code == 0 && ran.out.starts_with("accepted\n") && !ran.out.contains("cause"), "{ran:?}");
}

#[test]
fn a_reserialised_body_is_a_proven_cause() {
    let printed = with_body("{\n  \"id\": \"evt_1\",\n  \"type\": \"charge.succeeded\"\n}");
    let ran = explain("stripe", &printed, &[]);
    assert!(ran.code == 1 && ran.out.starts_with("refused: signature\n"), "{ran:?}");
    assert!(ran.out.contains("cause       body_reserialised (proven"), "{}", ran.out);

    let json = explain("stripe", &printed, &["--json"]).json();
    assert_eq!((&json["verdict"], &json["code"]), (&json!("refused"), &json!("signature")));
    assert_eq!(json["causes"][0]["code"], "body_reserialised");
    assert_eq!((&json["causes"][0]["certainty"], &json["no_cause_found"]), (&json!("proven"), &json!(false)));
}

#[test]
fn what_cannot_be_explained_is_not_guessed() {
    let ran = explain("stripe", &with_body("{}"), &[]);
    assert!(ran.code == 1 && ran.out.contains("cause       none found"), "{ran:?}");
    assert_eq!(explain("stripe", &with_body("{}"), &["--json"]).json()["no_cause_found"], true);
}

#[test]
fn a_secret_that_no_endpoint_accepts_is_explained() {
    let request = signed(providers::STRIPE, BODY.as_bytes());
    let folder = Folder::new();
    let quoted = folder.write("quoted", format!("\"{SECRET}\"\n"));
    let ran = run_with(&["explain", "stripe", "--secret-file", &quoted, "--now", NOW], &request);
    assert!(ran.code == 1 && ran.out.contains("secret_stray_characters (proven"), "{ran:?}");

    let wrong = folder.write("wrong", "whsec_of_another_endpoint_altogether");
    let ran =
        run_with(&["explain", "stripe", "--secret-file", &wrong, "--other-env", "SECRET", "--now", NOW], &request);
    assert!(ran.code == 1 && ran.out.contains("secret_of_another_endpoint"), "{ran:?}");
    assert!(ran.out.contains("`SECRET`, the secret of another endpoint"), "{}", ran.out);
    run_with(&["explain", "stripe"], &request).is_mistake(&["--secret-env"]);
}

#[test]
fn a_body_with_a_wrong_length_is_explained() {
    let request = String::from_utf8(signed(providers::GITHUB, BODY.as_bytes())).unwrap();
    let announced = request.replace(" HTTP/1.1\r\n", &format!(" HTTP/1.1\r\nContent-Length: {}\r\n", BODY.len()));
    let cut = &announced.as_bytes()[..announced.len() - 10];
    let ran = explain("github", cut, &[]);
    assert!(ran.code == 1 && ran.out.contains("body_truncated"), "{ran:?}");
    let ran = explain("github", format!("{announced}\n").as_bytes(), &[]);
    assert!(ran.code == 1 && ran.out.contains("body_white_space"), "{ran:?}");
}

#[test]
fn the_public_url_is_part_of_the_setup() {
    let request = signed(providers::TWILIO_FORM, b"Body=hi");
    let ran = explain("twilio", &request, &["--url", "http://example.com/in"]);
    assert!(ran.code == 1 && ran.out.contains("url_scheme"), "{ran:?}");
    let ran = explain("twilio", &request, &[]);
    assert!(ran.code == 1 && ran.out.starts_with("not verified\n") && ran.out.contains("misconfigured"), "{ran:?}");
}

#[test]
fn har_files_and_curl_commands_are_requests_too() {
    let fields: Vec<_> = headers().iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let entry = |body: &str| {
        let post = json!({ "mimeType": "application/json", "text": body });
        json!({ "request": { "method": "POST", "url": "https://example.com/in?a=1", "headers": fields, "postData": post } })
    };
    let one = json!({ "log": { "entries": [entry(BODY)] } }).to_string();
    let two = json!({ "log": { "entries": [entry(&format!("{BODY}\n")), entry(BODY)] } }).to_string();
    for command in ["verify", "explain"] {
        let given = |input: &str, more: &[&str]| {
            let args = [command, "stripe", "-", "--secret-env", "SECRET", "--now", NOW];
            run_with(&[&args, more].concat(), input.as_bytes())
        };
        assert_eq!(given(&one, &[]).code, 0);
        assert_eq!(given(&two, &["--entry", "2"]).code, 0);
        assert_eq!(given(&two, &["--entry", "1"]).code, 1);
        given(&two, &[]).is_mistake(&["2 requests", "--entry"]);
        given(&two, &["--entry", "3"]).is_mistake(&["2 requests"]);
        given("{}", &[]).is_mistake(&["not a HAR file"]);
        let wrong = given(&one.replace("\"postData\":{", "\"postData\":\"hunter2\",\"other\":{"), &[]);
        wrong.is_mistake(&["not a HAR file: invalid type: string, expected an object at line 1"]);
        assert!(!wrong.err.contains("hunter2"), "{wrong:?}");

        let fields: Vec<_> = headers().iter().map(|(name, value)| format!("-H '{name}: {value}'")).collect();
        let curl = format!("curl -X POST https://example.com/in {} \\\n --data-raw '{BODY}'\n", fields.join(" "));
        assert_eq!(given(&curl, &[]).code, 0);
        assert_eq!(given(&curl, &["--format", "curl"]).code, 0);
        given(&curl, &["--format", "raw"]).is_mistake(&["line 1"]);
        given("curl https://example.com/in -F a=b", &[]).is_mistake(&["`-F`"]);
    }
}

#[test]
fn a_curl_command_sends_its_user_along() {
    let folder = Folder::new();
    let user = folder.write("user", "hook:a-long-password");
    let args = ["verify", "chargebee", "-", "--secret-file", &user];
    for command in ["curl -su hook:a-long-password https://a/ -d {}", "curl -sd {} https://hook:a-long-password@a/"] {
        assert_eq!(run_with(&args, command.as_bytes()).code, 0, "{command}");
    }
    assert_eq!(run_with(&args, b"curl -su hook:another https://a/ -d {}").code, 1);
}

#[test]
fn a_log_line_is_explained_without_its_request() {
    let line = r#"WARN countersign: refused provider="stripe" path="/stripe" code="timestamp_too_old" status=401 reason=the timestamp is 7201s old; the tolerance is 300s"#;
    let ran = run(&["explain", "--log", line]);
    assert!(ran.code == 1 && ran.out.contains("time_zone") && ran.out.contains("stripe"), "{ran:?}");

    let refused = r#"{"verdict":"refused","provider":"github","code":"signature","reason":"..."}"#;
    let lines = format!("listening\n{{\"verdict\":\"accepted\"}}\n{refused}\n");
    let ran = run_with(&["explain", "--log", "-", "--json"], lines.as_bytes());
    let outputs: Vec<serde_json::Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((ran.code, outputs.len(), &outputs[0]["verdict"]), (1, 2, &json!("accepted")));
    assert_eq!((&outputs[1]["provider"], &outputs[1]["no_cause_found"]), (&json!("github"), &json!(true)));

    run(&["explain", "--log", "hello"]).is_mistake(&["no line"]);
    run(&["explain", "--log", r#"{"code":"no_such"}"#]).is_mistake(&["no_such"]);
}

#[test]
fn lines_with_codes_of_other_programs_are_skipped() {
    let others = r#"{"level":"ERROR","code":"no_such","reason":"..."}"#;
    let connection = r#"{"verdict":"refused","peer":"192.0.2.7:1","code":"proxy_protocol","reason":"it came late"}"#;
    let refused = r#"{"verdict":"refused","provider":"github","code":"signature","reason":"..."}"#;
    let lines = [others, connection, refused, others].join("\n");
    let ran = run_with(&["explain", "--log", "-"], lines.as_bytes());
    assert!(ran.code == 1 && ran.out.contains("refused: signature") && !ran.out.contains("no_such"), "{ran:?}");
    assert!(ran.out.contains("it came late: ") && ran.out.contains("`trusted_proxies`"), "{ran:?}");
    let ran = run_with(&["explain", "--log", "-", "--json"], lines.as_bytes());
    let codes = ran.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["code"].clone());
    assert_eq!(codes.collect::<Vec<_>>(), ["proxy_protocol", "signature"]);
    run_with(&["explain", "--log", "-"], [others, others].join("\n").as_bytes()).is_mistake(&["no_such"]);
}

#[test]
fn lines_of_the_gateway_without_a_rejection_are_explained() {
    let lost = r#"{"verdict":"refused","method":"POST","path":"/hook","code":"no_endpoint","status":404,"reason":"no endpoint of the configuration has this path"}"#;
    let ran = run(&["explain", "--log", lost]);
    assert!(ran.code == 1 && ran.out.contains("no_endpoint") && ran.out.contains("correct the URL"), "{ran:?}");
}

#[test]
fn a_har_file_without_the_bytes_of_the_body_is_a_mistake() {
    let folder = Folder::new();
    let har = |post_data: serde_json::Value| {
        let request = json!({ "method": "POST", "url": "https://a/", "headers": [], "postData": post_data });
        json!({ "log": { "entries": [{ "request": request }] } }).to_string()
    };
    for post_data in
        [json!({}), json!({ "mimeType": "application/x-www-form-urlencoded", "params": [{ "name": "a" }] })]
    {
        let file = folder.write("form.har", har(post_data));
        run(&["verify", "github", &file, "--secret-env", "SECRET"]).is_mistake(&["does not have the body", "bytes"]);
    }
    let marked = format!("\u{feff}{}", har(json!({ "text": "{}" })));
    let ran = run_with(&["verify", "github", "--secret-env", "SECRET"], marked.as_bytes());
    assert!(ran.code == 1 && ran.out.contains("missing_signature"), "{ran:?}");
}

#[test]
fn what_the_gateway_logs_can_be_explained() {
    let folder = Folder::new();
    let request = folder.write("old.http", signed(providers::STRIPE, BODY.as_bytes()));
    let args = ["verify", "stripe", &request, "--secret-env", "SECRET", "--json"];
    let refused = ran(countersign().args(args).output().unwrap());
    let ran = run(&["explain", "--log", &refused.out]);
    assert!(ran.code == 1 && ran.out.contains("timestamp_too_old"), "{ran:?}");
}

#[test]
fn every_code_of_a_log_line_is_explained() {
    for (code, reason, words) in [
        ("address", "the address 192.0.2.7 is not allowed", "allow the address"),
        ("unexpected_value", "the claim `aud` does not have the value that this endpoint expects", "another endpoint"),
        ("content_coding", "the body is not in a content coding that can be undone", "Content-Encoding"),
        ("store_unavailable", "the replay store cannot be reached or is full", "replay store"),
        ("malformed_signature", "the signature in header `x` has no tag of an accepted version", "another version"),
        (
            "malformed_timestamp",
            "the timestamp in `/t` cannot be read, because the body is not JSON; expected ...",
            "raw body",
        ),
    ] {
        let line = json!({ "verdict": "refused", "provider": "stripe", "code": code, "reason": reason });
        let ran = run(&["explain", "--log", &line.to_string()]);
        assert!(ran.code == 1 && ran.out.contains(code) && ran.out.contains(words), "{ran:?}");
    }
}

#[test]
fn a_case_of_a_vector_file_is_a_request_with_its_secret_its_url_and_its_time() {
    let folder = Folder::new();
    let case = |name: &str, body: &str| {
        json!({
            "name": name,
            "keys": ["It's a Secret to Everybody"],
            "now": 1_767_225_600,
            "request": {
                "method": "POST",
                "url": "https://hooks.example.com/github",
                "headers": [[
                    "x-hub-signature-256",
                    "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
                ]],
                "body_base64": body,
            },
            "expect": "accept",
        })
    };
    let cases = [case("valid", "SGVsbG8sIFdvcmxkIQ=="), case("with a line feed", "SGVsbG8sIFdvcmxkIQo=")];
    let file = folder.write("github.json", json!({ "provider": "github", "cases": cases }).to_string());
    for command in ["verify", "explain"] {
        assert_eq!(run(&[command, "github", &file, "--case", "valid"]).code, 0);
        assert_eq!(run(&[command, "github", &file, "--entry", "1"]).code, 0);
        assert_eq!(run(&[command, "github", &file, "--entry", "2"]).code, 1);
        assert_eq!(run(&[command, "github", &file, "--case", "valid", "--secret-env", "SECRET"]).code, 1);
        run(&[command, "github", &file]).is_mistake(&["2 cases", "--case"]);
        run(&[command, "github", &file, "--entry", "3"]).is_mistake(&["2 cases"]);
        run(&[command, "github", &file, "--case", "other"]).is_mistake(&["no case"]);
    }
    let ran = run(&["explain", "github", &file, "--case", "with a line feed"]);
    assert!(ran.out.contains("body_white_space (proven"), "{ran:?}");
}
