//! The facts of a scheme file, its answers and its advice, as the API returns them.

use std::time::Duration;

use countersign::{
    Scheme, Verifier, providers,
    scheme::{Advice, Checked, Description},
};
use http::StatusCode;

use crate::{HMAC, TIME, accepted, refused_at};

/// A file with lines before its tables, lines under `[signature]`, and more at the end.
fn file(before: &str, signature: &str, more: &str) -> String {
    format!("name = \"T\"\n{before}[signature]\n{signature}{more}")
}

/// A scheme that signs the body, with more at the end of its file.
fn of_body(more: &str) -> Scheme {
    accepted(&file("", HMAC, &format!("signs = \"{{body}}\"\n{more}")))
}

#[test]
fn a_scheme_has_the_facts_of_its_file() {
    let scheme = accepted(
        "name = \"Acme Pay\"\naliases = [\"acme\", \"acme-v1\"]\ncategory = \"payments\"\n\
         source = \"https://acme.example/docs\"\nchecked = \"published-example\"\nnotes = \"Ask Bob.\"\n\
         [signature]\nalgorithm = \"hmac-sha256\"\nheader = [\"X-Sig\", \"X-Old-Sig\"]\nvalue = \"v1={hex}\"\nsigns = \"v1:{body}\"\n\
         [addresses]\nranges = [\"192.0.2.0/24\", \"2001:db8::/32\"]\nsource = \"https://acme.example/ips\"\nread = 2026-01-02\n\
         list = \"https://acme.example/ips.json\"\njson = \"/ips\"\n",
    );
    assert_eq!((scheme.name(), scheme.aliases()), ("Acme Pay", &["acme".to_owned(), "acme-v1".to_owned()][..]));
    assert_eq!((scheme.category(), scheme.source()), (Some("payments"), Some("https://acme.example/docs")));
    assert_eq!((scheme.checked(), scheme.notes()), (Some(Checked::PublishedExample), Some("Ask Bob.")));
    assert_eq!((scheme.algorithm(), scheme.algorithms()), ("hmac-sha256".to_owned(), vec!["hmac-sha256".to_owned()]));
    assert!(scheme.signature_source().contains("`x-sig`"), "{}", scheme.signature_source());
    assert_eq!(scheme.signed_content(), Some("v1:{body}"));
    let addresses = scheme.addresses().unwrap();
    let ranges: Vec<_> = addresses.ranges().iter().map(ToString::to_string).collect();
    assert_eq!(ranges, ["192.0.2.0/24", "2001:db8::/32"]);
    assert_eq!(addresses.read_on().map(|day| day.to_string()).as_deref(), Some("2026-01-02"));
    assert_eq!(addresses.source(), Some("https://acme.example/ips"));
    assert_eq!(addresses.list(), Some("https://acme.example/ips.json"));
}

#[test]
fn a_scheme_has_no_value_for_what_its_file_leaves_out() {
    let scheme = of_body("");
    let said = [scheme.category(), scheme.source(), scheme.notes(), scheme.answers().body()];
    assert_eq!((said, scheme.aliases(), scheme.checked()), ([None; 4], &[][..], None));
    let answers = scheme.answers();
    assert_eq!((answers.within(), answers.retries_for(), answers.in_progress()), (None, None, None));
    assert_eq!((answers.success(), answers.success_text()), (&[][..], String::new()));
    assert!(scheme.addresses().is_none() && !scheme.asks_to_confirm() && !scheme.reads_json());
    let token = accepted(&file("", "algorithm = \"token\"\nheader = \"X-Token\"\n", ""));
    assert_eq!((token.signed_content(), token.algorithms()), (None, vec!["token".to_owned()]));
}

#[test]
fn where_the_request_names_the_algorithm_each_of_them_is_listed() {
    let scheme = providers::AWS_SNS.scheme().unwrap();
    assert_eq!(scheme.algorithm(), "rsa-sha1 or rsa-sha256");
    assert_eq!(scheme.algorithms(), ["rsa-sha1", "rsa-sha256"]);
    assert!(scheme.asks_to_confirm());
}

#[test]
fn how_a_file_was_checked_is_described_in_words() {
    let told = [Checked::OfficialSdk, Checked::PublishedExample, Checked::Documentation].map(|how| how.to_string());
    assert_eq!(told, ["official SDK", "published example", "documentation"]);
}

#[test]
fn statuses_of_success_are_shown_in_the_form_of_scheme_files() {
    for (written, ranges, told) in [
        ("\"200\"", &[200..=200][..], "200"),
        ("\"2xx\"", &[200..=299], "2xx"),
        ("\"200-299\"", &[200..=299], "2xx"),
        ("\"200-204\"", &[200..=204], "200-204"),
        ("\"250-349\"", &[250..=349], "250-349"),
        ("[\"2xx\", \"409\"]", &[200..=299, 409..=409], "2xx, 409"),
        ("[\"100\", \"5xx\"]", &[100..=100, 500..=599], "100, 5xx"),
    ] {
        let scheme = of_body(&format!("[answers]\nsuccess = {written}\n"));
        assert_eq!((scheme.answers().success(), &*scheme.answers().success_text()), (ranges, told));
    }
    for written in
        ["099", "600", "0200", "20", "2", "xx", "2xxx", "0xx", "6xx", "204-200", "200-", "-200", "2xx-3xx", ""]
    {
        let text = file("", HMAC, &format!("signs = \"{{body}}\"\n[answers]\nsuccess = \"{written}\"\n"));
        refused_at(&text, &format!("\"{written}\"\n"), "is not a status");
    }
}

#[test]
fn an_acknowledgement_has_a_status_and_body_of_success() {
    let acknowledged = |answers: &str| {
        let scheme = of_body(&format!("[answers]\n{answers}"));
        let response = scheme.answers().acknowledgement();
        let media = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        (response.status().as_u16(), body, media)
    };
    assert_eq!(acknowledged(""), (200, String::new(), None));
    assert_eq!(acknowledged("success = [\"410\", \"201-204\"]\n"), (201, String::new(), None));
    assert_eq!(acknowledged("success = [\"100\", \"2xx\"]\n"), (200, String::new(), None));
    let text = Some("text/plain; charset=utf-8".to_owned());
    assert_eq!(acknowledged("body = \"[accepted]\"\n"), (200, "[accepted]".to_owned(), text));
    let accepts = |answers: &str, status| {
        let status = StatusCode::from_u16(status).unwrap();
        of_body(&format!("[answers]\n{answers}")).answers().accepts(status)
    };
    assert_eq!([199, 200, 299, 300].map(|status| accepts("", status)), [false, true, true, false]);
    let some = "success = [\"200\", \"410\"]\n";
    assert_eq!([200, 201, 410].map(|status| accepts(some, status)), [true, false, true]);
}

#[test]
fn a_scheme_has_the_answers_of_its_file() {
    let scheme = of_body("[answers]\nwithin = \"5s\"\nretries_for = \"3d\"\nbody = \"ok\"\nin_progress = 503\n");
    let answers = scheme.answers();
    assert_eq!(answers.within(), Some(Duration::from_secs(5)));
    assert_eq!(answers.retries_for(), Some(Duration::from_secs(3 * 24 * 60 * 60)));
    assert_eq!((answers.body(), answers.in_progress()), (Some("ok"), Some(StatusCode::SERVICE_UNAVAILABLE)));
}

#[test]
fn a_scheme_that_reads_a_value_as_json_says_so() {
    let place = "header = \"X-Sig\"";
    for (signature, more, reads) in [
        (HMAC.to_owned(), "signs = \"{body}\"\n[event]\nid = \"{json:/id}\"\n".to_owned(), true),
        (HMAC.to_owned(), "signs = \"{body}\"\n[event]\ntype = \"{json:/type}\"\n".to_owned(), true),
        (HMAC.to_owned(), "signs = \"{body}\"\n[event]\ntype = \"{header:X-Type}\"\n".to_owned(), false),
        (HMAC.to_owned(), format!("signs = \"{{timestamp}}.{{body}}\"\n{TIME}"), false),
        (
            HMAC.to_owned(),
            format!("signs = \"{{body}}\"\n{}", TIME.replace("header = \"X-Time\"", "json = \"/time\"")),
            true,
        ),
        (HMAC.to_owned(), "signs = \"{id}.{body}\"\n[id]\njson = \"/id\"\n".to_owned(), true),
        (HMAC.to_owned(), "signs = \"{id}.{body}\"\n[id]\nheader = \"X-Id\"\n".to_owned(), false),
        (
            HMAC.replace(place, "json = \"/sig\""),
            "signs = \"{json:/id}\"\ncovers_body = false\n[event]\ntold_apart_by = \"signed-content\"\n".to_owned(),
            true,
        ),
    ] {
        assert_eq!(accepted(&file("", &signature, &more)).reads_json(), reads, "{signature}{more}");
    }
}

/// A provider that signs for all its customers with one key, if `keys` says where it is published.
fn shared(keys: &str) -> Scheme {
    let signature =
        "algorithm = \"ed25519\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\nsigns = \"{setting:app}:{body}\"\n";
    let checks = "[settings]\napp = \"the app\"\naccount = \"the account\"\nregion = \"the region\"\n\
                  [[check]]\njson = \"/account\"\nequals = \"{setting:account}\"\nif_set = \"account\"\n\
                  [[check]]\njson = \"/region\"\nequals = \"{setting:region}\"\nif_set = \"region\"\n";
    accepted(&file("", signature, &format!("{checks}{keys}")))
}

#[test]
fn settings_against_other_customers_are_listed_until_they_are_set() {
    let names = |scheme: &Description, of: Option<&Verifier>| {
        scheme.settings_against_strangers(of).map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    };
    let scheme = shared("[keys]\nformat = \"pem\"\nurl = \"https://acme.example/key\"\n");
    assert_eq!(names(&scheme, None), ["account", "region"]);
    let key = include_str!("../../vectors/keys/ed25519.pub.pem");
    let verifier = |scheme: &Scheme, set: &[&str]| {
        let builder = Verifier::builder(scheme).secret(key).setting("app", "ours");
        set.iter().fold(builder, |builder, name| builder.setting(*name, "ours")).build().unwrap()
    };
    assert_eq!(names(&scheme, Some(&verifier(&scheme, &[]))), ["account", "region"]);
    assert_eq!(names(&scheme, Some(&verifier(&scheme, &["account"]))), ["region"]);
    assert_eq!(names(&scheme, Some(&verifier(&scheme, &["account", "region"]))), [""; 0]);
    // Where each customer configures a key of their own, other customers cannot sign.
    let own = shared("");
    assert_eq!([names(&own, None), names(&own, Some(&verifier(&own, &[])))], [[""; 0]; 2]);
}

/// The codes of the advice for a scheme with these lines under `[signature]`, and more at the end.
fn advice(signature: &str, more: &str) -> Vec<&'static str> {
    let scheme = accepted(&file("source = \"a test\"\n", signature, more));
    scheme.advice().into_iter().map(Advice::code).collect()
}

const EVENT: &str = "[event]\nid = \"{json:/id}\"\ntype = \"{json:/type}\"\n";
const UNSIGNED_EVENT: &str = "[event]\nid = \"{header:X-Id}\"\ntype = \"{header:X-Type}\"\n";
const TOKEN: &str = "algorithm = \"token\"\nheader = \"X-Token\"\n";
const JWT: &str = "algorithm = \"jwt\"\nbody = true\n[event]\nid = \"{claim:/jti}\"\n[jwt]\nalgorithms = [\"HS256\"]\n";

#[test]
fn advice_lists_exactly_the_weaknesses_of_a_scheme() {
    let hmac = |signs: &str, more: &str| advice(&format!("{HMAC}signs = \"{signs}\"\n"), more);
    let timed = format!("{TIME}{EVENT}");
    assert_eq!(hmac("{timestamp}.{body}", &timed), [""; 0]);
    assert_eq!(hmac("{body}", EVENT), ["no_timestamp"]);
    let ambiguous = format!("ambiguous = \"a test\"\n{TIME}");
    assert_eq!(hmac("{timestamp}{header:X-A}{body}", &ambiguous), ["ambiguous", "no_event_id"]);
    let uncovered = format!("covers_body = false\n{TIME}[event]\ntold_apart_by = \"signed-content\"\n");
    assert_eq!(hmac("{header:X-A}.{timestamp}", &uncovered), ["body_not_covered"]);
    let ecdsa = "algorithm = \"ecdsa-p256-sha1\"\nheader = \"X-Sig\"\nvalue = \"{base64}\"\n";
    assert_eq!(advice(&format!("{ecdsa}signs = \"{{timestamp}}.{{body}}\"\n"), &timed), ["legacy"]);
    assert_eq!(advice(TOKEN, ""), ["secret_is_sent"]);
    assert_eq!(advice("algorithm = \"basic\"\n", EVENT), ["secret_is_sent"]);
    assert_eq!(advice(JWT, ""), ["no_timestamp"]);
    assert_eq!(advice(JWT, "requires = [\"iat\"]\n"), ["no_timestamp"]);
    assert_eq!([advice(JWT, "requires = [\"exp\"]\n"), advice(JWT, "max_age = \"5m\"\n")], [[""; 0]; 2]);
    let nowhere = accepted(&file("", HMAC, &format!("signs = \"{{timestamp}}.{{body}}\"\n{timed}")));
    assert_eq!(nowhere.advice(), [Advice::NoSource]);
}

#[test]
fn advice_lists_weak_ways_of_telling_events_apart() {
    let told = |event: &str| advice(&format!("{HMAC}signs = \"{{timestamp}}.{{body}}\"\n"), &format!("{TIME}{event}"));
    assert_eq!(told(""), ["no_event_id"]);
    assert_eq!(told("[event]\ntold_apart_by = \"signed-time\"\n"), [""; 0]);
    assert_eq!(told("[event]\ntold_apart_by = \"nothing\"\n"), ["no_replay_guard"]);
    let unsigned = |more: &str| told(&format!("{UNSIGNED_EVENT}{more}"));
    let uncovered = ["event_id_not_covered", "event_type_not_covered"];
    assert_eq!(unsigned(""), uncovered);
    for by in ["unsigned-type", "unsigned-values"] {
        let weak = unsigned(&format!("told_apart_by = \"{by}\"\n"));
        assert_eq!(weak, [&uncovered[..], &["changed_replays"]].concat(), "{by}");
    }
    assert_eq!(told(&UNSIGNED_EVENT.replace("{header:X-Id}", "{json:/id}")), ["event_type_not_covered"]);
    // For a secret that is sent, there is no other advice.
    assert_eq!(advice(TOKEN, UNSIGNED_EVENT), ["secret_is_sent"]);
}

#[test]
fn each_advice_has_its_own_words() {
    for (advice, code, words) in [
        (Advice::Ambiguous, "ambiguous", "run into each other"),
        (Advice::BodyNotCovered, "body_not_covered", "does not cover the whole body"),
        (Advice::ChangedReplays, "changed_replays", "unsigned values"),
        (Advice::EventIdNotCovered, "event_id_not_covered", "the event's id"),
        (Advice::EventTypeNotCovered, "event_type_not_covered", "the event's type"),
        (Advice::Legacy, "legacy", "too weak"),
        (Advice::NoEventId, "no_event_id", "Nothing signed identifies the event"),
        (Advice::NoReplayGuard, "no_replay_guard", "lets all of them through"),
        (Advice::NoSource, "no_source", "`source`"),
        (Advice::NoTimestamp, "no_timestamp", "No time is signed"),
        (Advice::SecretIsSent, "secret_is_sent", "The secret itself is sent"),
    ] {
        assert_eq!(advice.code(), code);
        assert!(advice.to_string().contains(words), "{advice}");
    }
}
