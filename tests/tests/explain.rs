//! `explain` finds what broke every request of `tests/explain`, and no explanation reveals a secret.

use std::{collections::BTreeSet, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign::{Cause, Certainty, Explanation, Scheme, Setup, Signer, Timestamp, Verdict, providers};
use countersign_tests::explain::{Case, Expect};
use http::{HeaderMap, Request};
use proptest::{collection::vec, prelude::*, sample::select};
use serde::Serialize as _;

/// Every case with its file and its explanation. They are computed once, because that is slow.
static ALL: LazyLock<Vec<(String, Case, Explanation)>> = LazyLock::new(|| {
    let explained = |(file, case): (String, Case)| {
        let explanation = case.explain();
        (file, case, explanation)
    };
    Case::all().unwrap().into_iter().map(explained).collect()
});

#[test]
fn every_broken_request_is_explained_by_what_broke_it() {
    let (mut passed, mut wrong) = (0, Vec::new());
    for (file, case, explanation) in ALL.iter() {
        match mismatch(&case.expect, explanation) {
            None => passed += 1,
            Some(problem) => wrong.push(format!("{file}: {}: {problem}\n{explanation}", case.name)),
        }
    }
    println!("{passed} explained, {} not", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(passed >= 200, "cases are missing");
}

#[test]
fn the_cases_show_many_mistakes_of_many_providers() {
    let cases = Case::all().unwrap();
    let providers: BTreeSet<_> = cases.iter().filter_map(|(_, case)| case.provider.clone()).collect();
    let codes: BTreeSet<_> = cases.iter().filter_map(|(_, case)| first(&case.expect)).collect();
    assert!(providers.len() >= 15 && codes.len() >= 40, "{} {}", providers.len(), codes.len());
}

#[test]
fn no_explanation_gives_away_a_secret_or_a_tag() {
    for (file, case, explanation) in ALL.iter() {
        let texts = texts(explanation);
        for fragment in fragments(case) {
            for text in &texts {
                assert!(!text.contains(&fragment), "{file}: {}: {fragment:?} in {text}", case.name);
            }
        }
    }
}

/// A message may go into a log or a terminal, so it is one line without control characters.
#[test]
fn every_message_is_one_line() {
    for (_, _, explanation) in ALL.iter() {
        for cause in explanation.causes() {
            let text = cause.to_string();
            assert!(!text.is_empty() && !text.chars().any(char::is_control), "{text:?}");
        }
    }
}

fn mismatch(expect: &Expect, explanation: &Explanation) -> Option<String> {
    let codes: Vec<&str> = explanation.causes().iter().map(Cause::code).collect();
    match expect {
        Expect::Accepted if explanation.is_accepted() && codes.is_empty() => None,
        Expect::NoCauseFound if explanation.is_no_cause_found() && !explanation.is_accepted() => None,
        Expect::Causes { first, certainty, also } => {
            let wanted: Vec<&str> = [first].into_iter().chain(also).map(String::as_str).collect();
            let found = explanation.causes().first().map(Cause::certainty);
            let is_certain =
                found == Some(if certainty == "proven" { Certainty::Proven } else { Certainty::Indicated });
            (codes != wanted || !is_certain)
                .then(|| format!("expected {wanted:?} {certainty}, found {codes:?} {found:?}"))
        }
        _ => Some(format!("expected {expect:?}, found {codes:?}")),
    }
}

fn first(expect: &Expect) -> Option<String> {
    match expect {
        Expect::Causes { first, .. } => Some(first.clone()),
        _ => None,
    }
}

/// Everything that an explanation can print.
fn texts(explanation: &Explanation) -> Vec<String> {
    let mut texts = vec![explanation.to_string(), format!("{explanation:?}"), format!("{:?}", explanation.verdict())];
    texts.extend(explanation.causes().iter().flat_map(|cause| [cause.to_string(), format!("{cause:?}")]));
    texts
}

/// Pieces of the secrets, of the received tags and of the correct tags, in each encoding.
fn fragments(case: &Case) -> BTreeSet<String> {
    let mut whole: Vec<Vec<u8>> = Vec::new();
    for pasted in case.secrets.iter().chain(&case.others) {
        let bytes = pasted.bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        whole.push(STANDARD.encode(&bytes).into_bytes());
        whole.push(hex(&bytes).into_bytes());
        whole.extend(STANDARD.decode(text.trim_start_matches("whsec_")).ok().map(|key| hex(&key).into_bytes()));
        whole.push(bytes);
        whole.extend(right_tags(
            case,
            text.trim_matches(|c: char| c.is_whitespace() || "\"'\u{201c}\u{201d}\u{200b}".contains(c)),
        ));
    }
    whole.extend(user_of(case).map(<[u8]>::to_vec));
    whole.extend(tags(case.request().headers()));
    let pieces =
        whole.iter().flat_map(|text| text.windows(PIECE).filter_map(|piece| String::from_utf8(piece.to_vec()).ok()));
    pieces.filter(|piece| !PUBLIC.iter().any(|public| public.contains(piece.as_str()))).collect()
}

/// The user and password in the public URL.
fn user_of(case: &Case) -> Option<&[u8]> {
    let (_, url) = case.public_url.as_deref()?.split_once("://")?;
    let authority = url.split('/').next()?;
    Some(authority.rsplit_once('@')?.0.as_bytes())
}

/// The tags that the configured secret makes for the received request.
fn right_tags(case: &Case, secret: &str) -> Vec<Vec<u8>> {
    let signer = match &case.public_url {
        Some(url) => Signer::with_public_url(case.scheme(), secret, url),
        None => Signer::new(case.scheme(), secret),
    };
    let (parts, body) = case.request().into_parts();
    let request = Request::from_parts(parts, body);
    let signed = signer.ok().and_then(|signer| signer.sign(request, Timestamp::from_unix_seconds(case.now)).ok());
    signed.map(|signed| tags(signed.headers())).unwrap_or_default()
}

/// Every long run of letters and digits in headers that carry a tag or a token.
fn tags(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let carries = |name: &str| ["signature", "hmac", "token", "authorization"].iter().any(|word| name.contains(word));
    let values = headers.iter().filter(|(name, _)| carries(name.as_str()));
    values.flat_map(|(_, value)| value.as_bytes().split(|byte| b",;= \"%".contains(byte)).map(<[u8]>::to_vec)).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// Eight characters of a secret would be a quarter of a short one.
const PIECE: usize = 8;

/// Pieces that explanations may contain: names of variables, kinds of prefixes, times.
const PUBLIC: [&str; 4] = ["WEBHOOK_SECRET=", "${GITHUB_SECRET}", "1767225600000", "undefined"];

#[test]
fn a_refusal_and_its_log_line_have_the_same_explanation() {
    for (_, case, explanation) in ALL.iter() {
        let Verdict::Refused(rejection) = explanation.verdict() else { continue };
        let alone = Explanation::of_rejection(rejection);
        let logged = Explanation::of_log(rejection.code(), &rejection.to_string()).unwrap();
        assert_eq!(alone.causes(), logged.causes(), "{}", case.name);
        let leaves_it_open = ["signature", "body_hash"].contains(&rejection.code());
        assert_eq!(alone.is_no_cause_found(), leaves_it_open, "{}", rejection.code());
    }
    assert_eq!(Explanation::of_log("no_such_code", ""), None);
}

#[test]
fn a_delay_of_whole_hours_in_a_log_line_indicates_a_time_zone() {
    let codes = |reason| -> Vec<_> {
        Explanation::of_log("timestamp_too_old", reason).unwrap().causes().iter().map(Cause::code).collect()
    };
    assert_eq!(codes("the timestamp is 7203.25s old; the tolerance is 300s"), ["timestamp_too_old", "time_zone"]);
    assert_eq!(codes("the timestamp is 412s old; the tolerance is 300s"), ["timestamp_too_old"]);
    assert_eq!(codes("it was cut off in the log"), ["timestamp_too_old"]);
}

/// A retry after an hour is not a clock mistake, so a time zone must never be reported as proven.
#[test]
fn a_time_zone_is_never_proven() {
    let codes: Vec<_> = ALL.iter().flat_map(|(_, _, explanation)| explanation.causes()).collect();
    let mut zones = codes.iter().filter(|cause| cause.code() == "time_zone").peekable();
    assert!(zones.peek().is_some() && zones.all(|cause| cause.certainty() == Certainty::Indicated));
}

#[test]
fn the_lost_padding_of_a_secret_is_found() {
    let whole = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw1A==";
    let now = Timestamp::from_unix_seconds(1_767_225_600);
    let request = Request::post("/").header("webhook-id", "evt-1").body("{}").unwrap();
    let request = Signer::new(providers::STANDARD_WEBHOOKS, whole).unwrap().sign(request, now).unwrap();
    let setup = Setup::new(providers::STANDARD_WEBHOOKS).unwrap().secret("a", whole.trim_end_matches('='));
    let explanation = countersign::explain(&setup, &request, request.body(), now);
    let causes: Vec<_> = explanation.causes().iter().map(|cause| (cause.code(), cause.certainty())).collect();
    assert_eq!(causes.first(), Some(&("secret_padding", Certainty::Proven)), "{explanation}");
}

#[test]
fn a_configuration_error_is_the_cause() {
    let request = Request::post("/").body(Vec::new()).unwrap();
    let code = |setup: Setup| {
        let explanation = countersign::explain(&setup, &request, request.body(), Timestamp::from_unix_seconds(0));
        assert!(!explanation.is_accepted());
        explanation.causes().first().map(Cause::code)
    };
    let twilio = || Setup::new(providers::TWILIO_FORM).unwrap();
    assert_eq!(code(twilio()), Some("misconfigured"));
    assert_eq!(code(twilio().secret("a", "0123456789")), Some("misconfigured"));
    assert_eq!(code(twilio().secret("a", "0123456789").public_url("example.com")), Some("misconfigured"));
    assert_eq!(code(twilio().secret("a", "").public_url("https://example.com")), Some("secret_unusable"));
}

proptest! {
    #[test]
    fn any_request_gets_an_explanation(
        provider in select(providers::ALL),
        names in vec(select(&["X_Sig", "Host", "X-Original-URI", "Content-Length", "Content-Encoding", "X-Forwarded-Port"][..]), 0..4),
        value in "[ -~]{0,40}",
        secret in any::<Vec<u8>>(),
        target in "/[a-z/%&=?+.]{0,20}",
        body in prop_oneof![any::<Vec<u8>>(), "[\\[{}\":,a\\\\u\u{e9}0-9\\] ]{0,30}".prop_map(String::into_bytes)],
        now in any::<i64>(),
    ) {
        let scheme = provider.scheme().unwrap();
        let header = scheme.signature_source();
        let own = header.split('`').nth(1).filter(|_| header.starts_with("header")).unwrap_or("x-sig");
        let mut request = Request::post(target).header(own, &value);
        for name in names {
            request = request.header(name, &value);
        }
        let request = request.body(body).unwrap();
        let setup = Setup::new(scheme).unwrap().secret("a", secret).public_url("https://example.com/in");
        let explanation = countersign::explain(&setup, &request, request.body(), Timestamp::from_unix_millis(now));
        prop_assert!(!explanation.is_accepted());
    }
}

#[test]
fn a_deeply_nested_body_is_explained_like_any_other() {
    let now = Timestamp::from_unix_seconds(0);
    let setup = Setup::new(providers::GITHUB).unwrap().secret("a", "0123456789abcdef");
    let forged = Request::post("/").header("x-hub-signature-256", format!("sha256={:064}", 0)).body(()).unwrap();
    for depth in [129, 20_000] {
        for (open, close) in [("[", "]"), ("{\"\":", "}")] {
            let body = [&*open.repeat(depth), "1", &*close.repeat(depth)].concat();
            assert!(countersign::explain(&setup, &forged, body.as_bytes(), now).is_no_cause_found());
        }
    }
}

#[test]
fn a_large_body_is_explained_within_the_limit_of_work() {
    let (_, case) =
        Case::all().unwrap().into_iter().find(|(_, case)| case.name == "an editor added a line feed").unwrap();
    let signer = Signer::new(case.scheme(), String::from_utf8(case.secrets[0].bytes()).unwrap()).unwrap();
    let now = Timestamp::from_unix_seconds(case.now);
    let explain = |len: usize, end: &str| {
        let signed = signer.sign(Request::post("/").body(vec![b'x'; len]).unwrap(), now).unwrap();
        let body = [signed.body(), end.as_bytes()].concat();
        countersign::explain(&case.setup(), &signed, &body, now)
    };
    assert_eq!(explain(1 << 20, "\n").causes()[0].code(), "body_white_space");
    let hopeless = explain(9 << 20, "\n");
    assert!(hopeless.is_no_cause_found() && hopeless.is_cut_short());
    assert!(!explain(100, "tampered").is_cut_short());
}

/// The most common case: only pairs of mistakes were left untried.
#[test]
fn without_a_cause_another_secret_is_suggested() {
    let secret = |text: &str| format!("whsec_{}", text.repeat(32));
    let now = Timestamp::from_unix_seconds(1_767_225_600);
    let signer = Signer::new(providers::STRIPE, secret("a")).unwrap();
    let lines: Vec<String> = (0..1000).map(|line| format!(r#"{{"id":"li_{line}","amount":1.5}}"#)).collect();
    let event = format!(r#"{{"id":"evt_1","data":[{}]}}"#, lines.join(","));
    let request = signer.sign(Request::post("/").body(event).unwrap(), now).unwrap();
    let setup = Setup::new(providers::STRIPE).unwrap().secret("a", secret("b"));
    let explanation = countersign::explain(&setup, &request, request.body(), now);
    assert!(explanation.no_cause().unwrap().contains("another secret"), "{explanation}");
    assert!(!explanation.is_cut_short());
}

#[test]
fn the_reason_for_untried_mistakes_is_reported() {
    let why = |provider, headers, target: &str, body: usize| {
        let setup = Setup::new(provider).unwrap().secret("a", "0123456789abcdef0123456789abcdef");
        let setup = setup.public_url("https://example.com");
        let request = Request::post(target).header("x-hub-signature-256", format!("sha256={:064}", 0));
        let request = request.header("x-twilio-signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        let request = (0..headers).fold(request, |request, number| request.header(format!("x-{number}"), "a"));
        let request = request.body(vec![b'x'; body]).unwrap();
        let now = Timestamp::from_unix_seconds(0);
        let explanation = countersign::explain(&setup, &request, request.body(), now);
        assert!(explanation.is_cut_short(), "{explanation}");
        explanation.no_cause().unwrap()
    };
    assert!(why(providers::GITHUB, 128, "/", 2).contains("too many headers"));
    assert!(why(providers::GITHUB, 0, "/", 129 << 10).contains("the body is too large"));
    assert!(why(providers::TWILIO_FORM, 0, &"/".repeat(9 << 10), 2).contains("the URL is too long"));
    assert!(why(providers::TWILIO_FORM, 0, "/a/b/c/d/e/f/g/h?i=j&k=l", 127 << 10).contains("too much work"));
}

/// The code of the first cause of a request that was signed by a scheme with its tag at this place, over this body.
fn first_cause_of(place: &str, signed: &[u8], came: &[u8]) -> Option<&'static str> {
    let secret = "0123456789abcdef";
    let now = Timestamp::from_unix_seconds(0);
    let file = "name = 'A'\n[signature]\nalgorithm = 'hmac-sha256'\nvalue = '{hex}'\nsigns = '{body}'\n";
    let scheme = Scheme::from_toml("a", &format!("{file}{place}")).unwrap();
    let request = Request::post("/").body(signed.to_vec()).unwrap();
    let request = Signer::new(&scheme, secret).unwrap().sign(request, now).unwrap().map(drop);
    let setup = Setup::new(scheme).unwrap().secret("a", secret);
    countersign::explain(&setup, &request, came, now).causes().first().map(Cause::code)
}

/// The signature is in a header. Trying header mistakes must leave enough work for the body.
#[test]
fn changes_are_tried_up_to_the_limit_of_the_body() {
    for (len, code) in [(8 << 20, Some("body_white_space")), ((8 << 20) + 1, None)] {
        let came = vec![b'x'; len];
        assert_eq!(first_cause_of("header = 'sig'", &[&came[..], b"\n"].concat(), &came), code, "{len}");
    }
}

#[test]
fn a_form_is_rewritten_up_to_the_limit_of_the_body() {
    for (len, code) in [(128 << 10, Some("body_form")), ((128 << 10) + 1, None)] {
        let came = format!("a=b+{}", "x".repeat(len - 4));
        let signed = came.replace('+', "%20");
        assert_eq!(first_cause_of("header = 'sig'", signed.as_bytes(), came.as_bytes()), code, "{len}");
    }
}

/// Indented, the document is as long as is allowed where another member begins: to try what was written till then would
/// be to try half a document.
#[test]
fn a_document_that_grows_too_long_is_reported_as_untried() {
    let document = |text: usize| {
        let members = [&*format!("\"{}\"", "x".repeat(text)), &*",null".repeat(7_000)].concat();
        [&*"[".repeat(40), &*members, &*"],null".repeat(39), "]"].concat()
    };
    let mut indented = Vec::new();
    let json: serde_json::Value = serde_json::from_str(&document(0)).unwrap();
    let style = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    json.serialize(&mut serde_json::Serializer::with_formatter(&mut indented, style)).unwrap();
    let most = 1 << 20;
    let end = indented[..most].iter().rposition(|byte| *byte == b',').unwrap();

    let forged = Request::post("/").header("x-hub-signature-256", format!("sha256={:064}", 0)).body(()).unwrap();
    let setup = Setup::new(providers::GITHUB).unwrap().secret("a", "0123456789abcdef");
    let body = document(most - end);
    let explanation = countersign::explain(&setup, &forged, body.as_bytes(), Timestamp::from_unix_seconds(0));
    assert!(explanation.is_cut_short(), "{explanation}");
}

#[test]
fn a_header_is_rewritten_up_to_its_limit() {
    let setup = Setup::new(providers::GITHUB).unwrap().secret("a", "0123456789abcdef");
    let now = Timestamp::from_unix_seconds(0);
    let request = Request::post("/").body(&b"{}"[..]).unwrap();
    let mut request = Signer::new(providers::GITHUB, "0123456789abcdef").unwrap().sign(request, now).unwrap();
    let tag = request.headers()["x-hub-signature-256"].to_str().unwrap().replace("sha256=", "");
    for (len, code) in [(8192, "signature_layout"), (8193, "malformed_signature")] {
        request.headers_mut().insert("x-hub-signature-256", format!("{tag:;<len$}").parse().unwrap());
        let explanation = countersign::explain(&setup, &request, request.body(), now);
        assert_eq!(explanation.causes().first().map(Cause::code), Some(code), "{len}: {explanation}");
    }
}

#[test]
fn an_explanation_prints_the_verdict_and_the_causes_with_their_certainty() {
    let secret = "0123456789abcdef";
    let now = Timestamp::from_unix_seconds(0);
    let request = Request::post("/").body(&b"{}"[..]).unwrap();
    let signed = Signer::new(providers::GITHUB, secret).unwrap().sign(request, now).unwrap();
    let explained = |setup: Setup, body: &[u8]| countersign::explain(&setup, &signed, body, now).to_string();
    let setup = || Setup::new(providers::GITHUB).unwrap();
    let logged = |code| Explanation::of_log(code, "the reason").unwrap().to_string();

    assert_eq!(explained(setup().secret("a", secret), b"{}"), "accepted: `a` made the signature");
    assert_eq!(
        explained(setup().secret("a", secret), b"{}\n"),
        "refused: no key of this endpoint made this signature for these bytes: wrong secret, or what is signed was changed\n\
         body_white_space (proven: the signature is valid without this mistake): white space around the body was changed: the signed \
         body has none at its end; give the verifier the raw body, before anything parses or rewrites it"
    );
    let unset = explained(setup(), b"{}");
    assert!(unset.starts_with("not verified: ") && unset.contains("\nmisconfigured (indicated: "), "{unset}");
    assert_eq!(
        logged("body_too_large"),
        "refused: body_too_large\n\
         body_too_large (indicated: the signature cannot prove it): the reason: raise the body limit if the provider sends such \
         bodies"
    );
    assert_eq!(
        logged("signature"),
        "refused: signature\n\
         no cause found: the log line says no more; explain the request itself, with its secret"
    );
}
