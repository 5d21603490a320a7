//! `countersign audit`: passes correct receivers, and finds what is wrong with others.

use std::{
    collections::{BTreeMap, HashSet},
    net::SocketAddr,
    process::{Command, Output},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::any,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use countersign::{Provider, Rejection, Signer, Tolerance, Verifier, providers};
use countersign_tests::{
    endpoint::Endpoint,
    program::program,
    target::{Gateway, PROVIDERS, SECRET, Served, Server, each},
};
use http::{HeaderMap, HeaderValue, Request, StatusCode, request::Parts};
use serde_json::Value as Json;
use tokio::time::timeout;

pub(super) fn audit(address: SocketAddr, provider: Provider, more: &[&str]) -> Output {
    let url = format!("http://{address}/{}", provider.id());
    let mut command = Command::new(program());
    command.args(["audit", provider.id(), "--to", &url, "--secret-env", "SECRET", "--patience", "4s", "--json"]);
    command.args(more).env("SECRET", SECRET).output().unwrap()
}

/// The checks that a receiver did not pass, by their rows in `ADVERSARY.md`.
pub(super) fn not_passed(output: &Output) -> BTreeMap<String, Vec<String>> {
    assert!(output.stderr.is_empty(), "{output:?}");
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for check in report["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] != "pass") {
        rows.entry(check["row"].as_str().unwrap().to_owned()).or_default().push(check.to_string());
    }
    assert!(report["note"].as_str().is_some_and(|note| note.contains("not run") || note.contains("D1")), "{report}");
    assert_eq!(report["passed"], rows.is_empty());
    assert_eq!(output.status.code(), Some(i32::from(!rows.is_empty())));
    rows
}

#[test]
fn an_audit_passes_an_axum_app_with_the_layers_and_the_gateway() {
    each(|server| {
        for provider in PROVIDERS {
            let rows = not_passed(&audit(server.address(), provider, &[]));
            assert!(rows.is_empty(), "{}: {}: {rows:#?}", server.name(), provider.id());
        }
    });
}

#[test]
fn an_audit_fails_no_right_receiver_of_what_a_private_key_signed() {
    // Dyte's id is in a header that the signature does not cover.
    for id in ["dyte", "discord"] {
        let app = Router::new().route("/{provider}", any(receive_signed));
        let server = Served::new(app, Arc::default());
        let url = format!("http://{}/{id}", server.address());
        let mut command = Command::new(program());
        command.args(["audit", id, "--to", &url, "--secret-env", "SECRET", "--patience", "4s", "--json"]);
        let rows = not_passed(&command.env("SECRET", Endpoint::find(id).private_key()).output().unwrap());
        // axum waits for ever for a head that does not arrive, which is not tested here.
        assert!(rows.values().flatten().all(|row| row.contains("no answer")), "{id}: {rows:#?}");
    }
}

async fn receive_signed(Path(id): Path<String>, request: Request<Body>) -> StatusCode {
    let (parts, body) = request.into_parts();
    let body = match whole(body).await {
        Ok(body) => body,
        Err(status) => return status,
    };
    let verifier = Endpoint::find(&id).verifier();
    let verdict = verifier.verify(&parts, &body, std::time::SystemTime::now());
    verdict.err().map_or(StatusCode::OK, |rejection| rejection.status())
}

/// Reads a body as a receiver with limits does. The limits are low, so that the audit need not wait.
async fn whole(body: Body) -> Result<Bytes, StatusCode> {
    let body = timeout(Duration::from_secs(1), axum::body::to_bytes(body, 1024 * 1024)).await;
    body.map_err(|_| StatusCode::REQUEST_TIMEOUT)?.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)
}

#[test]
fn an_audit_of_another_host_needs_a_confirmation_that_it_is_yours() {
    let audit = |more: &[&str]| {
        let fixed = ["audit", "github", "--secret-env", "SECRET", "--patience", "1s", "--to", "http://192.0.2.1:9/"];
        Command::new(program()).args(fixed).args(more).env("SECRET", SECRET).output().unwrap()
    };
    for more in [&[][..], &["--i-own", "example.com"]] {
        let output = audit(more);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && error.contains("--i-own 192.0.2.1"), "{error}");
    }
}

#[test]
fn an_audit_that_would_mislead_is_not_begun_and_says_what_to_do() {
    for (to, more, advice) in [
        ("http://user:hidden@127.0.0.1:9/", &[][..], "--header 'Authorization: Basic"),
        ("http://0.0.0.0:9/", &[], "127.0.0.1"),
        ("http://[::]:9/", &[], "[::1]"),
        ("http://127.0.0.1:9/", &["--patience", "500ms"], "from 1s to 60s"),
        ("http://127.0.0.1:9/", &["--patience", "61s"], "from 1s to 60s"),
        ("http://127.0.0.1:9/", &["--data", "{\"id\":\"evt_1\"}"], "same event, `evt_1`"),
    ] {
        let fixed = ["audit", "stripe", "--secret-env", "SECRET", "--to", to];
        let output = Command::new(program()).args(fixed).args(more).env("SECRET", SECRET).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && error.contains(advice), "{error}");
        assert!(!error.contains("hidden"), "{error}");
    }
}

/// The check of a bad receiver.
struct Wrong {
    judge: fn(&Wrong, &Parts, &Bytes) -> Result<(), Refusal>,
    seen: Mutex<HashSet<String>>,
}

/// Audits a bad receiver, and returns what the audit found.
fn found(
    provider: Provider,
    judge: fn(&Wrong, &Parts, &Bytes) -> Result<(), Refusal>,
) -> BTreeMap<String, Vec<String>> {
    found_with(provider, &[], judge)
}

fn found_with(
    provider: Provider,
    more: &[&str],
    judge: fn(&Wrong, &Parts, &Bytes) -> Result<(), Refusal>,
) -> BTreeMap<String, Vec<String>> {
    async fn receive(State(wrong): State<Arc<Wrong>>, request: Request<Body>) -> Response {
        let (parts, body) = request.into_parts();
        match whole(body).await {
            Ok(body) => (wrong.judge)(&wrong, &parts, &body).err().map(Refusal::into_response).unwrap_or_default(),
            Err(status) => status.into_response(),
        }
    }
    let wrong = Arc::new(Wrong { judge, seen: Mutex::default() });
    let app = Router::new().route(&format!("/{}", provider.id()), any(receive)).with_state(wrong);
    let server = Served::new(app, Arc::default());
    not_passed(&audit(server.address(), provider, more))
}

/// The answer of a bad receiver.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

fn bad(status: StatusCode) -> Refusal {
    Refusal(status, String::new())
}

pub(super) fn verdict(provider: Provider, parts: &Parts, body: &Bytes) -> Result<(), Rejection> {
    let verifier = Verifier::new(provider, SECRET).unwrap();
    verifier.verify(parts, body, std::time::SystemTime::now()).map(drop)
}

fn refuse(rejection: &Rejection) -> Refusal {
    bad(rejection.status())
}

/// The header that GitHub would send with a body, and the one that came.
fn right_and_given<'p>(parts: &'p Parts, body: &Bytes) -> Result<(HeaderValue, &'p HeaderValue), Refusal> {
    let given = signature(&parts.headers).ok_or_else(|| bad(StatusCode::BAD_REQUEST))?;
    let request = Request::post("/").body(body.clone()).unwrap();
    let signer = Signer::new(providers::GITHUB, SECRET).unwrap();
    let signed = signer.sign(request, std::time::SystemTime::now()).unwrap();
    Ok((signature(signed.headers()).unwrap().clone(), given))
}

fn signature(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get("x-hub-signature-256")
}

#[test]
fn an_audit_finds_a_receiver_that_takes_everything() {
    let rows = found(providers::STRIPE, |_, _, _| Ok(()));
    for row in ["A1", "A2", "A4", "A7", "B8", "C1", "D1", "E7"] {
        assert!(rows.contains_key(row), "{row}: {rows:#?}");
    }
}

#[test]
fn an_audit_finds_a_receiver_that_refuses_everything_and_goes_no_further() {
    let rows = found(providers::STRIPE, |_, _, _| Err(bad(StatusCode::UNAUTHORIZED)));
    assert_eq!(rows.values().flatten().count(), 1, "{rows:#?}");
}

#[test]
fn an_audit_finds_an_empty_secret() {
    let rows = found(providers::GITHUB, |_, parts, body| {
        let nobody = Signer::of_nobody(providers::GITHUB, |builder| builder).unwrap().unwrap();
        let forged = nobody.sign(Request::post("/").body(body.clone()).unwrap(), std::time::SystemTime::now()).unwrap();
        if signature(forged.headers()) == signature(&parts.headers) {
            return Ok(());
        }
        verdict(providers::GITHUB, parts, body).map_err(|rejection| refuse(&rejection))
    });
    assert!(rows.contains_key("A4") && !rows.contains_key("A1") && !rows.contains_key("A2"), "{rows:#?}");
}

#[test]
fn an_audit_finds_a_comparison_that_stops_at_the_shorter_one() {
    let rows = found(providers::GITHUB, |_, parts, body| {
        let (right, given) = right_and_given(parts, body)?;
        if right.as_bytes().starts_with(given.as_bytes()) { Ok(()) } else { Err(bad(StatusCode::UNAUTHORIZED)) }
    });
    assert!(rows.contains_key("A2") && !rows.contains_key("A1"), "{rows:#?}");
}

#[test]
fn an_audit_finds_a_comparison_of_a_part_of_the_signature() {
    let accepts = |rows: &BTreeMap<String, Vec<String>>, part: &str| {
        let check = format!("the {part} character of the signature changed");
        assert!(!rows.contains_key("A1"), "{rows:#?}");
        rows.get("A2").is_some_and(|rows| rows.iter().any(|row| row.contains(&check)))
    };
    let rows = found(providers::GITHUB, |_, parts, body| {
        let (right, given) = right_and_given(parts, body)?;
        let half = "sha256=".len() + 32;
        let is_same = right.len() == given.len() && right.as_bytes()[..half] == given.as_bytes()[..half];
        if is_same { Ok(()) } else { Err(bad(StatusCode::UNAUTHORIZED)) }
    });
    assert!(accepts(&rows, "middle") && accepts(&rows, "last") && !accepts(&rows, "first"), "{rows:#?}");
    let rows = found(providers::SHOPIFY, |_, parts, body| {
        let tag = |headers: &HeaderMap| BASE64.decode(headers.get("x-shopify-hmac-sha256")?).ok();
        let signer = Signer::new(providers::SHOPIFY, SECRET).unwrap();
        let request = Request::post("/").body(body.clone()).unwrap();
        let right = tag(signer.sign(request, std::time::SystemTime::now()).unwrap().headers()).unwrap();
        let given = tag(&parts.headers).filter(|given| given.len() == right.len());
        if given.is_some_and(|given| given[1..] == right[1..]) { Ok(()) } else { Err(bad(StatusCode::UNAUTHORIZED)) }
    });
    assert!(accepts(&rows, "first") && !accepts(&rows, "middle") && !accepts(&rows, "last"), "{rows:#?}");
}

#[test]
fn an_audit_finds_a_receiver_that_decodes_the_body_and_loses_bytes() {
    let replaced = found(providers::STRIPE, |_, parts, body| judge_text(parts, &String::from_utf8_lossy(body)));
    let latin = found(providers::STRIPE, |_, parts, body| {
        judge_text(parts, &body.iter().map(|byte| char::from(*byte)).collect::<String>())
    });
    let ignored = found(providers::STRIPE, |_, parts, body| {
        judge_text(parts, &String::from_utf8_lossy(body).replace('\u{fffd}', ""))
    });
    for (rows, check) in [
        (replaced, "a byte that is no UTF-8 for a signed U+FFFD"),
        (latin, "the byte of Latin-1 for a signed letter of UTF-8"),
        (ignored, "a byte that is no text where none was signed"),
    ] {
        assert!(rows["B7"].len() == 1 && rows["B7"][0].contains(check) && !rows.contains_key("B8"), "{rows:#?}");
    }
}

/// Judges the text that the body was decoded to, which must be JSON.
fn judge_text(parts: &Parts, text: &str) -> Result<(), Refusal> {
    verdict(providers::STRIPE, parts, &text.to_owned().into()).map_err(|rejection| refuse(&rejection))?;
    serde_json::from_str::<Json>(text).map(drop).map_err(|_| bad(StatusCode::BAD_REQUEST))
}

#[test]
fn an_audit_finds_a_time_that_nobody_looks_at() {
    let rows = found(providers::STRIPE, |_, parts, body| {
        let years = Duration::from_secs(100 * 365 * 86_400);
        let verifier = Verifier::builder(providers::STRIPE).secret(SECRET).tolerance(years).build().unwrap();
        let verdict = verifier.verify(parts, body, std::time::SystemTime::now());
        verdict.map(drop).map_err(|rejection| refuse(&rejection))
    });
    assert_eq!(rows["C1"].len(), 4, "{rows:#?}");
}

#[test]
fn an_audit_goes_by_the_tolerance_that_the_receiver_is_said_to_have() {
    for (tolerance, failed) in [("1h", 0), ("58m", 2), ("5m", 2)] {
        let rows = found_with(providers::STRIPE, &["--tolerance", tolerance], |_, parts, body| {
            let hour = Duration::from_secs(3600);
            let verifier = Verifier::builder(providers::STRIPE).secret(SECRET).tolerance(hour).build().unwrap();
            let verdict = verifier.verify(parts, body, std::time::SystemTime::now());
            verdict.map(drop).map_err(|rejection| refuse(&rejection))
        });
        assert_eq!(rows.values().flatten().count(), failed, "{tolerance}: {rows:#?}");
        assert_eq!(rows.get("C1").map_or(0, Vec::len), failed, "{tolerance}: {rows:#?}");
    }
}

#[test]
fn an_audit_finds_answers_that_tell_forgeries_apart() {
    let rows = found(providers::STRIPE, |_, parts, body| {
        let explained = |rejection: Rejection| Refusal(rejection.status(), rejection.to_string());
        verdict(providers::STRIPE, parts, body).map_err(explained)
    });
    assert!(rows.contains_key("A13") && !rows.contains_key("C1"), "{rows:#?}");
}

#[test]
fn an_audit_takes_no_id_of_a_request_and_no_acceptance_for_what_tells_forgeries_apart() {
    let rows = found(providers::STRIPE, |wrong, parts, body| {
        let mut seen = wrong.seen.lock().unwrap();
        let id = seen.len();
        seen.insert(id.to_string());
        // This receiver accepts what comes from the future.
        let years = Duration::from_secs(100 * 365 * 86_400);
        let tolerance = Tolerance::new(Duration::from_secs(300), years);
        let verifier = Verifier::builder(providers::STRIPE).secret(SECRET).tolerance(tolerance).build().unwrap();
        let verdict = verifier.verify(parts, body, std::time::SystemTime::now());
        verdict.map(drop).map_err(|_| Refusal(StatusCode::UNAUTHORIZED, format!("request {id} refused")))
    });
    assert!(rows.contains_key("C1") && !rows.contains_key("A13"), "{rows:#?}");
}

#[test]
fn an_audit_sends_forms_to_who_reads_forms() {
    let rows = found(providers::TWILIO_FORM, |_, parts, body| {
        if parts.headers["content-type"] != "application/x-www-form-urlencoded" {
            return Err(bad(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let host = parts.headers["host"].to_str().unwrap();
        let verifier = Verifier::builder(providers::TWILIO_FORM).secret(SECRET);
        let verifier = verifier.public_url(format!("http://{host}/twilio-form")).build().unwrap();
        let verdict = verifier.verify(parts, body, std::time::SystemTime::now());
        verdict.map(drop).map_err(|rejection| refuse(&rejection))
    });
    assert!(rows.is_empty(), "{rows:#?}");
}

#[test]
fn an_audit_finds_a_check_that_is_left_out_where_there_is_no_signature() {
    let rows = found(providers::GITHUB, |_, parts, body| match signature(&parts.headers) {
        Some(_) => verdict(providers::GITHUB, parts, body).map_err(|rejection| refuse(&rejection)),
        None => Ok(()),
    });
    assert!(rows.contains_key("A7") && !rows.contains_key("A1"), "{rows:#?}");
}

#[test]
fn an_audit_finds_a_token_in_the_body_that_may_be_left_out() {
    let rows = found(providers::ZULIP, |_, parts, body| {
        let has_token = serde_json::from_slice::<Json>(body).is_ok_and(|body| !body["token"].is_null());
        if has_token { verdict(providers::ZULIP, parts, body).map_err(|rejection| refuse(&rejection)) } else { Ok(()) }
    });
    assert!(rows.contains_key("A7") && !rows.contains_key("A1"), "{rows:#?}");
}

#[test]
fn an_audit_takes_no_question_of_the_scheme_and_no_501_for_a_weakness() {
    let rows = found(providers::ADOBE_SIGN, |_, parts, body| {
        let verifier = Verifier::new(providers::ADOBE_SIGN, SECRET).unwrap();
        let now = std::time::SystemTime::now();
        if matches!(verifier.handshake_in_head(parts, now), Ok(Some(_))) {
            return Ok(());
        }
        verifier.verify(parts, body, now).map(drop).map_err(|rejection| refuse(&rejection))
    });
    assert!(!rows.contains_key("A8"), "{rows:#?}");
    let rows = found(providers::GITHUB, |_, parts, body| match parts.method.as_str() {
        "POST" => verdict(providers::GITHUB, parts, body).map_err(|rejection| refuse(&rejection)),
        _ => Err(bad(StatusCode::NOT_IMPLEMENTED)),
    });
    assert!(!rows.contains_key("A8"), "{rows:#?}");
}

#[test]
fn an_audit_finds_a_receiver_that_breaks_down_over_what_is_malformed() {
    let rows = found(providers::STRIPE, |_, parts, body| {
        let broken = |rejection: Rejection| match rejection.code() {
            "malformed_timestamp" | "malformed_signature" => bad(StatusCode::INTERNAL_SERVER_ERROR),
            _ => refuse(&rejection),
        };
        verdict(providers::STRIPE, parts, body).map_err(broken)
    });
    assert!(rows.contains_key("A3") && rows.contains_key("C3") && !rows.contains_key("C1"), "{rows:#?}");
}

#[test]
fn an_audit_finds_the_right_signature_in_an_answer() {
    let rows = found(providers::GITHUB, |_, parts, body| {
        let (right, given) = right_and_given(parts, body)?;
        let told = || Refusal(StatusCode::UNAUTHORIZED, format!("expected {}", right.to_str().unwrap()));
        if right == given { Ok(()) } else { Err(told()) }
    });
    assert!(rows.contains_key("A12"), "{rows:#?}");
}

#[test]
fn an_audit_finds_that_a_forgery_uses_up_an_event() {
    let rows = found(providers::STANDARD_WEBHOOKS, |wrong, parts, body| {
        let id = parts.headers.get("webhook-id").ok_or_else(|| bad(StatusCode::BAD_REQUEST))?;
        // The receiver remembers the event before it verifies it.
        if !wrong.seen.lock().unwrap().insert(format!("{id:?}")) {
            return Err(bad(StatusCode::CONFLICT));
        }
        verdict(providers::STANDARD_WEBHOOKS, parts, body).map_err(|rejection| refuse(&rejection))
    });
    assert!(rows.contains_key("D1") && !rows.contains_key("D4"), "{rows:#?}");
}

#[test]
fn an_audit_finds_that_a_duplicate_is_an_error_to_its_sender() {
    let rows = found(providers::GITHUB, |wrong, parts, body| {
        verdict(providers::GITHUB, parts, body).map_err(|rejection| refuse(&rejection))?;
        let is_new = wrong.seen.lock().unwrap().insert(format!("{body:?}"));
        if is_new { Ok(()) } else { Err(bad(StatusCode::INTERNAL_SERVER_ERROR)) }
    });
    assert!(rows.contains_key("D4"), "{rows:#?}");
}

#[test]
fn an_audit_finds_two_lines_of_which_one_is_taken() {
    let rows = found(providers::GITHUB, |_, parts, body| {
        let (right, first) = right_and_given(parts, body)?;
        if right == first { Ok(()) } else { Err(bad(StatusCode::UNAUTHORIZED)) }
    });
    assert!(rows.contains_key("E7") && !rows.contains_key("A1"), "{rows:#?}");
}

#[test]
fn an_audit_shows_a_table_and_never_a_secret() {
    let server = Gateway::start();
    let url = format!("http://{}/stripe", server.address());
    let args = ["audit", "stripe", "--to", &url, "--secret-env", "SECRET", "--patience", "4s"];
    let output = Command::new(program()).args(args).env("SECRET", SECRET).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{table}");
    assert!(table.contains("A4   signed with the empty secret") && table.contains("0 failed, 0 unclear"), "{table}");
    for watched in ["D4   sent twice ", "D1   sent behind two forgeries of it ", "D4   sent 8 times at once "] {
        let event = table.lines().find_map(|line| line.strip_prefix(watched)).map(str::trim);
        assert!(event.is_some_and(|event| event.len() == 36), "{watched}: {table}");
    }
    assert!(!table.contains(SECRET) && !table.contains(&SECRET[6..]), "{table}");
}
