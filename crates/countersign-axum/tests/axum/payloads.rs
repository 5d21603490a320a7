use std::collections::HashMap;

use countersign_axum::{
    countersign::Rejection,
    payload::{form, json, xml},
};
use serde::{Deserialize, de::IgnoredAny};

/// The path and message of a refusal.
fn misfit<T: std::fmt::Debug>(result: Result<T, Rejection>) -> (String, String) {
    match result.unwrap_err() {
        Rejection::Payload { path, message } => (path, message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn json_is_one_document_in_utf8() {
    for body in ["{} {}", "{},", "\u{feff}\u{feff}{}", "", " ", "{\"a\": 1e999}", "nul", "{\"a\": \"\u{1}\"}"] {
        misfit(json::read::<serde_json::Value>(body.as_bytes()));
    }
    misfit(json::read::<String>(b"\"\xff\""));
    assert_eq!(json::read::<Vec<u8>>(b" [1, 2]\r\n").unwrap(), [1, 2]);
    assert_eq!(json::read::<Vec<u8>>(b"\xef\xbb\xbf[1, 2]").unwrap(), [1, 2]);
}

#[test]
fn deep_json_is_refused_where_it_is_looked_at_and_skipped_elsewhere() {
    let deep = |depth| ["[".repeat(depth), "]".repeat(depth)].concat();
    json::read::<serde_json::Value>(deep(127).as_bytes()).unwrap();
    misfit(json::read::<serde_json::Value>(deep(128).as_bytes()));
    misfit(json::read::<serde_json::Value>(deep(100_000).as_bytes()));
    json::read::<IgnoredAny>(deep(100_000).as_bytes()).unwrap();
}

#[test]
fn a_path_leads_through_lists_and_maps() {
    let body = br#"{"orders": [{"lines": {"a": 1}}, {"lines": {"b": "two"}}]}"#;
    let (path, message) = misfit(json::read::<HashMap<String, Vec<HashMap<String, HashMap<String, u8>>>>>(body));
    assert_eq!(path, "orders[1].lines.b");
    assert!(message.contains("expected u8"), "{message}");
}

#[derive(Debug, Default, PartialEq, Deserialize)]
struct Tagged {
    #[serde(default)]
    tag: Vec<String>,
    note: Option<String>,
}

#[test]
fn a_repeated_name_in_a_form_is_a_list() {
    let tagged: Tagged = form::read(b"tag=a&note=n+o&tag=b%26c").unwrap();
    assert_eq!(tagged, Tagged { tag: vec!["a".to_owned(), "b&c".to_owned()], note: Some("n o".to_owned()) });
    assert_eq!(form::read::<Tagged>(b"tag=a").unwrap().tag, ["a"]);
    assert_eq!(form::read::<Tagged>(b"").unwrap(), Tagged::default());
}

#[test]
fn a_repeated_name_in_a_form_is_not_a_single_value() {
    misfit(form::read::<Tagged>(b"note=a&note=b"));
}

#[test]
fn a_document_is_not_an_empty_form() {
    for body in ["{}", "{\"tag\": []}", " \n[1]", "\"text\"", "<a/>", "\t<?xml version='1.0'?><a/>"] {
        misfit(form::read::<Tagged>(body.as_bytes()));
    }
}

#[test]
fn a_form_in_another_charset_is_refused_not_mended() {
    misfit(form::read::<Tagged>(b"note=Zo%EB"));
    misfit(form::read::<Tagged>(b"note=Zo\xeb"));
    assert_eq!(form::read::<Tagged>(b"note=Zo%C3%AB").unwrap().note.as_deref(), Some("Zo\u{eb}"));
}

#[test]
fn json_in_a_field_of_a_form_is_read_in_a_second_step() {
    #[derive(Debug, Deserialize)]
    struct Form {
        payload: String,
    }
    let form: Form = form::read(b"payload=%7B%22zen%22%3A%22Keep+it+simple.%22%7D").unwrap();
    let payload: HashMap<String, String> = json::read(form.payload.as_bytes()).unwrap();
    assert_eq!(payload["zen"], "Keep it simple.");
}

#[derive(Debug, PartialEq, Deserialize)]
struct Note {
    #[serde(rename = "@id")]
    id: Option<String>,
    #[serde(rename = "$text")]
    text: Option<String>,
}

#[test]
fn xml_has_attributes_text_and_the_five_entities() {
    let note: Note = xml::read(
        b"<?xml version='1.0' encoding='UTF-8'?>\n<!-- c --><n id='a&quot;'>&lt;x&gt; &amp;<![CDATA[<]]></n>\n",
    )
    .unwrap();
    assert_eq!(note, Note { id: Some("a\"".to_owned()), text: Some("<x> &<".to_owned()) });
    assert_eq!(xml::read::<Note>("\u{feff}<n/>".as_bytes()).unwrap(), Note { id: None, text: None });
}

#[test]
fn entities_are_never_expanded() {
    let bomb = r#"<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">
        <!ENTITY lol3 "&lol2;&lol2;&lol2;">]><lolz>&lol3;</lolz>"#;
    assert!(misfit(xml::read::<Note>(bomb.as_bytes())).1.starts_with("a DOCTYPE"));
    for body in ["<n>&lol;</n>", "<n id='&lol;'/>", "<n><skipped>&lol;</skipped></n>", "<n><skipped id='&lol;'/></n>"] {
        misfit(xml::read::<Note>(body.as_bytes()));
    }
}

#[test]
fn a_doctype_is_refused_wherever_it_stands() {
    for body in [
        "<!DOCTYPE n><n/>",
        "<!DOCTYPE n SYSTEM 'file:///etc/passwd'><n/>",
        "<n><!DOCTYPE n></n>",
        "<n/><!DOCTYPE n>",
        "<!doctype n><n/>",
    ] {
        misfit(xml::read::<Note>(body.as_bytes()));
        misfit(xml::read::<IgnoredAny>(body.as_bytes()));
    }
}

#[test]
fn xml_nests_to_64_levels() {
    #[derive(Debug, Deserialize)]
    struct Nested {
        n: Option<Box<Nested>>,
    }
    let nested = |levels| format!("{}{}", "<n>".repeat(levels), "</n>".repeat(levels));
    let mut at = &xml::read::<Nested>(nested(64).as_bytes()).unwrap();
    let mut levels = 1;
    while let Some(inner) = &at.n {
        (at, levels) = (inner, levels + 1);
    }
    assert_eq!(levels, 64);
    for levels in [65, 100_000] {
        assert!(misfit(xml::read::<Nested>(nested(levels).as_bytes())).1.starts_with("elements nested too deep"));
        misfit(xml::read::<IgnoredAny>("<n>".repeat(levels).as_bytes()));
    }
    assert!(
        misfit(xml::read::<Nested>(format!("{}<n/>{}", "<n>".repeat(64), "</n>".repeat(64)).as_bytes()))
            .1
            .contains("deep")
    );
}

#[test]
fn xml_has_a_bounded_number_of_attributes_each_once() {
    let with = |count: usize| (0..count).fold("<n".to_owned(), |text, at| format!("{text} a{at}='1'")) + "/>";
    xml::read::<IgnoredAny>(with(256).as_bytes()).unwrap();
    assert!(misfit(xml::read::<IgnoredAny>(with(257).as_bytes())).1.starts_with("too many attributes"));
    misfit(xml::read::<Note>(b"<n id='a' id='b'/>"));
}

#[test]
fn xml_is_one_well_formed_document_in_utf8() {
    for body in [
        "",
        " ",
        "text",
        "<n>",
        "<n></m>",
        "</n>",
        "<n/><n/>",
        "<n/>text",
        "text<n/>",
        "<n/>&amp;",
        "<![CDATA[x]]><n/>",
        "<n>&</n>",
        "<n>&#0;</n>",
        "<n>&#x110000;</n>",
        "<n id=a/>",
        "<n id/>",
        "<n",
        "<!-- <n/>",
        "<?xml version='1.0' encoding='ISO-8859-1'?><n/>",
    ] {
        let result = xml::read::<IgnoredAny>(body.as_bytes());
        assert!(matches!(result, Err(Rejection::Payload { .. })), "{body}");
    }
    misfit(xml::read::<Note>(b"<n>\xff</n>"));
}
