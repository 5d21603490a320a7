//! What a signature covers, and which signed parts could be taken for another.

use countersign::Scheme;

use crate::{HEAD, HMAC, TIME, accepted, refused, refused_at};

#[test]
fn a_file_that_claims_more_coverage_than_its_signature_has_is_refused() {
    refused_at(&format!("{HEAD}{HMAC}signs = \"{{body}}\"\n{TIME}"), "[timestamp]", "does not cover this timestamp");
    refused_at(&format!("{HEAD}{HMAC}signs = \"{{header:X-Id}}\"\n"), "[signature]", "does not cover the body");
    refused_at(&format!("{HEAD}{HMAC}signs = \"{{url}}\"\n"), "[signature]", "does not cover the body");
    refused_at(&format!("{HEAD}{HMAC}signs = \"{{url}}\"\ncovers_body = true\n"), "true", "the body is not covered");
    refused_at(&format!("{HEAD}{HMAC}signs = \"{{body}}\"\ncovers_body = false\n"), "false", "the body is covered");
    refused_at(&format!("{HEAD}{HMAC}signs = \"{{timestamp}}.{{body}}\"\n"), "[signature]", "no `[timestamp]` table");
    refused_at(&format!("{HEAD}{HMAC}signs = \"{{id}}.{{body}}\"\n"), "[signature]", "no `[id]` table");
    refused_at(
        &format!("{HEAD}{HMAC}signs = \"{{body}}\"\n[id]\nheader = \"X-Id\"\n"),
        "[signature]",
        "`signs` does not have `{id}`",
    );
    let in_body = HMAC.replace("header = \"X-Sig\"", "json = \"/sig\"");
    refused_at(
        &format!("{HEAD}{in_body}signs = \"{{body}}\"\n"),
        "[signature]",
        "cannot cover the body that contains it",
    );
}

#[test]
fn what_is_signed_for_some_requests_only_is_not_covered() {
    let when =
        |text: &str, when: &str| format!("signs = [{{ text = \"{text}\", when = \"{when}\" }}, \"b:{{body}}\"]\n");
    let file = |signs: &str, more: &str| format!("{HEAD}{HMAC}{signs}{more}");
    // The presence of a time is signed, but not its value.
    refused_at(&file(&when("timed;", "header:X-Time"), TIME), "[timestamp]", "does not cover this timestamp");
    refused_at(&file(&when("t:{timestamp};", "header:X-Flag"), TIME), "[timestamp]", "does not cover this timestamp");
    accepted(&file(&when("t:{timestamp};", "header:X-Time"), TIME));
    let id = "[id]\nheader = \"X-Id\"\n";
    refused_at(&file(&when("i:{id};", "header:X-Flag"), id), "[signature]", "does not have `{id}` for every request");
    accepted(&file(&when("i:{id};", "header:X-Id"), id));
    let event = "[event]\nid = \"{header:X-Id}\"\n";
    for (text, condition, is_covered) in [
        ("i:{header:X-Id};", "header:X-Id", true),
        ("i:{header:X-Id};", "header:X-Flag", false),
        ("i;", "header:X-Id", false),
    ] {
        let scheme = accepted(&file(&when(text, condition), event));
        assert_eq!(scheme.event_id().unwrap().is_covered(), is_covered, "{text} when {condition}");
    }
}

#[test]
fn an_id_in_the_layout_is_signed() {
    let layout = HMAC.replace("value = \"{hex}\"", "list = { separator = \",\", items = [\"id={id}\", \"v1={hex}\"] }");
    refused_at(
        &format!("{HEAD}{layout}signs = \"{{body}}\"\n"),
        "[signature]",
        "anybody can change the one in the layout",
    );
    accepted(&format!("{HEAD}{layout}signs = \"{{id}}.{{body}}\"\n"));
}

#[test]
fn an_optional_text_after_the_body_is_refused_as_ambiguous() {
    let signs = "signs = [\"{body}\", { text = \"|id\", when = \"header:X-Id\" }]\n";
    refused_at(&format!("{HEAD}{HMAC}{signs}"), "[signature]", "nothing shows whether an optional part is there");
    accepted(&format!("{HEAD}{HMAC}{signs}ambiguous = \"the id is of no matter\"\n"));
}

#[test]
fn the_body_of_a_plain_hash_is_not_optional() {
    let hash = HMAC.replace("hmac-sha256", "sha256");
    let signs = "signs = [\"{secret}\", { text = \"{body}\", when = \"header:X-Id\" }]\ncovers_body = false\n";
    refused_at(&format!("{HEAD}{hash}{signs}"), "[\"{secret}\"", "the body is always there");
}

#[test]
fn the_algorithms_of_a_token_take_either_a_secret_or_a_public_key() {
    let file = |algorithms: &str| {
        format!("{HEAD}algorithm = \"jwt\"\nheader = \"X\"\ncovers_body = false\n[jwt]\nalgorithms = {algorithms}\n")
    };
    refused_at(&file("[\"HS256\", \"RS256\"]"), "[jwt]", "a secret that everybody knows");
    accepted(&file("[\"HS256\", \"HS512\"]"));
    accepted(&file("[\"RS256\", \"ES256\"]"));
}

#[test]
fn a_value_is_checked_once() {
    let check = |more: &str| format!("[[check]]\nheader = \"X-Id\"\nequals = {more}\n");
    let file = |checks: &str| format!("{HEAD}{HMAC}signs = \"{{body}}\"\n{checks}");
    let twice = format!("{}# the second\n{}", check("\"a\""), check("\"b\""));
    refused(&file(&twice), "this value already has a check");
    accepted(&file(&check("[\"a\", \"b\"]")));
    let token = |rule: &str, claim: &str| {
        let jwt = format!("algorithm = \"jwt\"\nheader = \"T\"\n[jwt]\nalgorithms = [\"HS256\"]\n{rule}");
        let body = "[[check]]\nclaim = \"/body\"\nequals = \"{sha256-hex:body}\"";
        format!("{HEAD}{jwt}\n{body}\n[[check]]\nclaim = \"{claim}\"\nequals = \"us\"\n")
    };
    for (rule, claim) in [("issuer = \"us\"", "/iss"), ("audience = \"us\"", "/aud")] {
        refused(&token(rule, claim), "says what this claim must be");
        accepted(&token("", claim));
        accepted(&token(rule, "/sub"));
    }
}

#[test]
fn what_tells_events_apart_must_be_stated_if_the_body_is_not_signed() {
    let file = |signs: &str, told: &str| format!("{HEAD}{HMAC}signs = \"{signs}\"\n{told}");
    let open = |told: &str| file("{header:X-Id}", &format!("covers_body = false\n{told}"));
    refused_at(&open(""), "[signature]", "say under `[event]` what tells events apart");
    accepted(&open("[event]\ntold_apart_by = \"signed-content\"\n"));
    accepted(&open("[event]\ntold_apart_by = \"unsigned-values\"\n"));
    refused_at(&open("[event]\ntold_apart_by = \"luck\"\n"), "\"luck\"", "`signed-content`");

    let covered = |told: &str| file("{body}", &format!("[event]\ntold_apart_by = \"{told}\"\n"));
    refused_at(&covered("signed-content"), "\"signed-content\"", "where the body is signed");
    refused_at(&covered("signed-time"), "\"signed-time\"", "no time is signed");
    accepted(&covered("nothing"));
    let with_id = file("{id}.{body}", "[id]\nheader = \"X-Id\"\n[event]\ntold_apart_by = \"nothing\"\n");
    refused_at(&with_id, "\"nothing\"", "the signed id tells events apart");

    let timed = |told: &str| {
        file("v1:{timestamp}", &format!("covers_body = false\n{TIME}[event]\ntold_apart_by = \"{told}\"\n"))
    };
    refused_at(&timed("signed-content"), "\"signed-content\"", "is the same for all events");
    accepted(&timed("signed-time"));
    accepted(&timed("unsigned-values"));
}

#[test]
fn unsigned_values_tell_events_apart_only_if_they_are_outside_the_body() {
    let signed = format!("{HEAD}{HMAC}signs = \"{{body}}\"\n");
    let sent =
        "name = \"T\"\n[signature]\nalgorithm = \"token\"\nheader = \"X-Token\"\ncovers_body = false\n".to_owned();
    for head in [&signed, &sent] {
        let file = |fields: &str| format!("{head}[event]\n{fields}told_apart_by = \"unsigned-values\"\n");
        accepted(&file("id = \"{header:X-Id}\"\n"));
        accepted(&file("type = \"{header:X-Type}\"\n"));
        accepted(&file("id = \"{json:/id}\"\ntype = \"{query:type}\"\n"));
        for in_body in ["", "id = \"{json:/id}\"\n", "type = \"{form:type}\"\n"] {
            refused_at(&file(in_body), "\"unsigned-values\"", "there is no unsigned id or type outside the body");
        }
    }
    let typed = |head: &str, fields: &str| format!("{head}[event]\n{fields}told_apart_by = \"unsigned-type\"\n");
    for head in [&signed, &sent] {
        accepted(&typed(head, "type = \"{header:X-Type}\"\n"));
        for other in ["", "id = \"{header:X-Id}\"\n", "type = \"{json:/type}\"\n"] {
            refused_at(&typed(head, other), "\"unsigned-type\"", "there is no unsigned type outside the body");
        }
    }
    let same = format!("{HEAD}{HMAC}signs = \"v1\"\ncovers_body = false\n");
    refused_at(&typed(&same, "type = \"{header:X-Type}\"\n"), "\"unsigned-type\"", "is the same for all events");
    let token = format!("{HEAD}algorithm = \"jwt\"\nheader = \"X-Token\"\nvalue = \"{{jwt}}\"\ncovers_body = false\n");
    let token = format!("{token}[jwt]\nalgorithms = [\"HS256\"]\n[event]\nid = \"{{claim:/jti}}\"\n");
    refused_at(
        &format!("{token}told_apart_by = \"unsigned-values\"\n"),
        "\"unsigned-values\"",
        "leave `told_apart_by` out",
    );
}

#[test]
fn parts_that_run_into_each_other_are_refused_unless_stated() {
    for (signs, tables) in [
        ("{id}{body}", "[id]\nheader = \"X-Id\"\n"),
        ("{header:X-A}{body}", ""),
        ("{header:X-A}{header:X-B}.{body}", ""),
        ("{method}{body}", ""),
        ("{method}S{body}", ""),
        ("{crc32-decimal:body}{body}", ""),
        ("{crc32-decimal:body}1{body}", ""),
        ("{canonical:aws-sns}{body}", ""),
        ("{canonical:adyen}.{body}", ""),
        ("{path}{query}\\n{body}", ""),
        ("{query}.{body}", ""),
        ("{url}.{body}", ""),
        ("{body}{body}", ""),
        ("{body}.{id}", "[id]\nheader = \"X-Id\"\n"),
        ("{body}.{header:X-A}", ""),
        ("{base64:body}{header:X-A}", ""),
        ("{url}{base64:body}", ""),
        ("{timestamp}{body}", &TIME.replace("\"seconds\"", "\"rfc3339-or-utc\"")),
        ("{timestamp}{body}", &TIME.replace("\"seconds\"", "\"seconds-or-milliseconds\"")),
        ("{form-sorted}", ""),
        ("{header:X-A}{query-sorted}\\n{body}", ENCODED),
        ("{query-sorted}{body}", ENCODED),
        ("{query-sorted}a{body}", ENCODED),
        ("{query-sorted}\\n{body}", &ENCODED.replace("encode = true\n", "")),
        // Nothing separates a name from its value, or two pairs, or only text that could be part of either.
        ("{query-sorted}\\n{body}", &ENCODED.replace("\"=\"", "\"\"")),
        ("{query-sorted}\\n{body}", &ENCODED.replace("\"&\"", "\"\"")),
        ("{query-sorted}\\n{body}", &ENCODED.replace("\"=\"", "\"a\"")),
        // It is not signed which value belongs to which name.
        ("{query-sorted}\\n{body}", &format!("{ENCODED}values_only = true\n")),
    ] {
        let file = format!("{HEAD}{HMAC}signs = \"{signs}\"\n{tables}");
        refused_at(&file, "[signature]", "so one signature fits several requests");
        let stated = format!("{HEAD}{HMAC}signs = \"{signs}\"\nambiguous = \"why it is acceptable\"\n{tables}");
        assert_eq!(accepted(&stated).ambiguity(), Some("why it is acceptable"));
    }
    for signs in
        ["{method}s{body}", "{method}{path}\\n{body}", "{crc32-decimal:body}.{body}", "{canonical:hygraph}{body}"]
    {
        accepted(&format!("{HEAD}{HMAC}signs = \"{signs}\"\n"));
    }
    accepted(&format!("{HEAD}{HMAC}signs = \"{{query-sorted}}\\n{{body}}\"\n{ENCODED}"));
    let base64 = accepted(&format!("{HEAD}{HMAC}signs = \"{{base64:body}}{{timestamp}}\"\n{TIME}"));
    assert!(base64.covers_body());
    let id = "{ text = \"id:{query:id};\", when = \"query:id\" }";
    let by = "{ text = \"by:{header:x-by};\", when = \"header:x-by\" }";
    accepted(&format!("{HEAD}{HMAC}signs = [{id}, {by}, \"ts:{{timestamp}};{{body}}\"]\n{TIME}"));
    for signs in [format!("[{id}, \"{{timestamp}};{{body}}\"]"), format!("[{id}, {by}, \"i{{timestamp}};{{body}}\"]")] {
        let file = format!("{HEAD}{HMAC}signs = {signs}\n{TIME}");
        refused_at(&file, "[signature]", "nothing shows whether an optional part is there");
    }
    let clear = format!("{HEAD}{HMAC}signs = \"{{timestamp}}.{{body}}\"\nambiguous = \"no reason\"\n{TIME}");
    refused_at(&clear, "\"no reason\"", "leave `ambiguous` out");
}

#[test]
fn a_signed_form_parameter_covers_the_values_of_its_json() {
    let file = |signs: &str| {
        format!(
            "{HEAD}{HMAC}signs = \"{signs}\"\ncovers_body = false\n[event]\ntold_apart_by = \"signed-content\"\n\
             [timestamp]\nform = \"payload\"\njson = \"/at\"\nformat = \"seconds\"\ntolerance = \"5m\"\n"
        )
    };
    accepted(&file("{form:payload}"));
    refused_at(&file("{form:other}"), "[timestamp]", "signature does not cover");
}

#[test]
fn signed_json_covers_the_values_in_it() {
    for (id, is_covered) in
        [("/data/id", true), ("/data", true), ("/id", false), ("/dat/id", false), ("/data2/id", false)]
    {
        let scheme = accepted(&format!(
            "{HEAD}{HMAC}signs = \"{{json-raw:/data}}\"\ncovers_body = false\n\
             [event]\nid = \"{{json:{id}}}\"\ntold_apart_by = \"signed-content\"\n"
        ));
        assert_eq!(scheme.event_id().unwrap().is_covered(), is_covered, "{id}");
    }
}

#[test]
fn a_canonical_form_covers_what_it_writes() {
    let uncovered = "covers_body = false\n[event]\ntold_apart_by = \"signed-content\"\n";
    for (function, more, id, is_covered) in [
        ("aws-sns", uncovered, "json:/MessageId", true),
        ("aws-sns", uncovered, "json:/Other", false),
        ("aws-sns", uncovered, "header:X-Id", false),
        ("adyen", uncovered, "json:/notificationItems/0/NotificationRequestItem/pspReference", true),
        ("adyen", uncovered, "json:/notificationItems/0/NotificationRequestItem/reason", false),
        ("hygraph", "[event]\n", "json:/id", true),
        ("hygraph", "[event]\n", "header:X-Id", false),
        ("hygraph", "[event]\n", "query:id", false),
    ] {
        let file = format!("{HEAD}{HMAC}signs = \"{{canonical:{function}}}\"\n{more}id = \"{{{id}}}\"\n");
        assert_eq!(accepted(&file).event_id().unwrap().is_covered(), is_covered, "{function} {id}");
    }
}

#[test]
fn the_form_of_plivo_covers_times_in_the_query_and_in_the_form_and_none_elsewhere() {
    let file = |place: &str| {
        format!(
            "{HEAD}{HMAC}signs = \"{{canonical:plivo-v3}}\"\nambiguous = \"a test\"\n\
             [timestamp]\n{place}\nformat = \"seconds\"\ntolerance = \"5m\"\n"
        )
    };
    for place in ["query = \"at\"", "form = \"at\"", "form = \"payload\"\njson = \"/at\""] {
        accepted(&file(place));
    }
    for place in ["header = \"X-At\"", "json = \"/at\""] {
        refused_at(&file(place), "[timestamp]", "does not cover this timestamp");
    }
}

#[test]
fn a_message_signature_covers_the_values_of_its_components() {
    for (component, id, is_covered) in [
        ("x-id", "header:X-Id", true),
        ("x-id", "header:X-Other", false),
        ("x-id", "query:x-id", false),
        ("x-id;bs", "header:X-Id", false),
        ("x-id;key='id'", "header:X-Id", false),
        ("@target-uri", "query:id", true),
        ("@request-target", "query:id", true),
        ("@query", "query:id", true),
        ("@query", "header:X-Id", false),
        ("@query-param;name='id'", "query:id", true),
        ("@query-param;name='id'", "query:other", false),
        ("@path", "query:id", false),
        ("@authority", "header:host", false),
        ("content-digest", "json:/id", true),
        ("content-digest", "header:X-Id", false),
    ] {
        let body = if component == "content-digest" { "" } else { "covers_body = false\n" };
        let told = if body.is_empty() { "" } else { "told_apart_by = \"signed-content\"\n" };
        let component = component.replace('\'', "\\\"");
        let scheme = accepted(&format!(
            "{HEAD}algorithm = \"http-signature\"\n{body}[http-signature]\nalgorithms = [\"hmac-sha256\"]\n\
             components = [\"{component}\"]\n[event]\nid = \"{{{id}}}\"\n{told}"
        ));
        assert_eq!(scheme.event_id().unwrap().is_covered(), is_covered, "{component} {id}");
    }
}

#[test]
fn a_canonical_form_that_writes_the_url_may_write_it_in_several_forms() {
    let file = |function: &str| {
        format!(
            "{HEAD}{HMAC}signs = \"{{canonical:{function}}}\"\nambiguous = \"a test\"\n[url]\nforms = [\"as-is\", \"with-port\"]\n"
        )
    };
    accepted(&file("plivo-v3"));
    let clear = file("hygraph").replace("ambiguous = \"a test\"\n", "");
    refused_at(&clear, "[\"as-is\", \"with-port\"]", "`signs` has no `{url}`");
}

#[test]
fn the_error_for_an_open_border_names_the_parts_on_both_sides() {
    let id = "[id]\nheader = \"X-Id\"\n";
    let time = TIME.replace("\"seconds\"", "\"rfc3339-or-utc\"");
    for (signs, tables, end, beginning) in [
        ("{id}{body}", id, "the id", "the body"),
        ("{header:X-A}{query:b}.{body}", "", "header `x-a`", "query parameter `b`"),
        ("{path}{query}\\n{body}", "", "the path", "the query"),
        ("{path-and-query}{method}\\n{body}", "", "the path and query", "the method"),
        ("{url}.{body}", "", "the URL", "`.`"),
        ("{timestamp}{body}", &time, "the timestamp", "the body"),
        ("{crc32-decimal:body}{body}", "", "the CRC-32 of the body", "the body"),
        ("{canonical:aws-sns}{body}", "", "`{canonical:aws-sns}`", "the body"),
        ("{body}{host}", "", "the body", "the host"),
        ("{query-sorted}{sha256-hex:url}{body}", ENCODED, "the sorted query", "the hash of the URL"),
    ] {
        let file = format!("{HEAD}{HMAC}signs = \"{signs}\"\n{tables}");
        refused_at(&file, "[signature]", &format!("nothing marks where {end} ends and {beginning} begins"));
    }
}

#[test]
fn a_signed_id_covers_itself_alone() {
    let in_header = format!("{HEAD}{HMAC}signs = \"{{id}}.{{body}}\"\n[id]\nheader = \"X-Id\"\n");
    for (id, is_covered) in [("id", true), ("header:X-Id", true), ("header:X-Other", false), ("query:id", false)] {
        let scheme = accepted(&format!("{in_header}[event]\nid = \"{{{id}}}\"\n"));
        assert_eq!(scheme.event_id().unwrap().is_covered(), is_covered, "{id}");
    }
}

#[test]
fn an_id_among_the_claims_is_covered_by_a_token_and_by_nothing_else() {
    let rest = "[id]\nclaim = \"/jti\"\n[event]\nid = \"{id}\"\n";
    let token = "algorithm = \"jwt\"\nbody = true\n[jwt]\nalgorithms = [\"HS256\"]\n";
    let covers = |signature: &str| {
        let scheme = Scheme::from_toml("t", &format!("{HEAD}{signature}{rest}"));
        scheme.is_ok_and(|scheme| scheme.event_id().unwrap().is_covered())
    };
    assert!(covers(token));
    assert!(!covers(&format!("{HMAC}signs = \"{{body}}\"\n")));
}

const ENCODED: &str = "[form]\nbetween = \"=\"\njoin = \"&\"\nencode = true\n";

#[test]
fn a_field_of_the_event_says_where_it_is() {
    for (id, said, header) in [
        ("{header:X-Id}", "header `x-id`", Some("x-id")),
        ("{query:id}", "query parameter `id`", None),
        ("{json:/id}", "JSON value `/id`", None),
        ("{id}", "the delivery's id", None),
    ] {
        let table = if id == "{id}" { "[id]\nheader = \"X-Id\"\n" } else { "" };
        let signs = if id == "{id}" { "{id}.{body}" } else { "{body}" };
        let file = format!("{HEAD}{HMAC}signs = \"{signs}\"\n{table}[event]\nid = \"{id}\"\n");
        let scheme = accepted(&file);
        let field = scheme.event_id().unwrap();
        assert_eq!((field.to_string().as_str(), field.header().map(http::HeaderName::as_str)), (said, header), "{id}");
    }
}

#[test]
fn a_scheme_shows_its_signed_content_with_conditions() {
    let signs = |signs: &str| accepted(&format!("{HEAD}{HMAC}signs = {signs}\n")).signed_content().map(str::to_owned);
    assert_eq!(signs("\"v1:{body}\"").as_deref(), Some("v1:{body}"));
    let optional = "[{ text = \"i:{header:X-Id};\", when = \"header:X-Id\" }, \"b:{body}\"]";
    assert_eq!(signs(optional).as_deref(), Some("[if header:X-Id: i:{header:X-Id};]b:{body}"));
}

#[test]
fn a_scheme_says_which_urls_are_fetched_to_confirm_a_subscription() {
    let hosts = "hosts = [\"a.example\", \"sns.{region}.amazonaws.com\"]\npath = \"/confirm\"\n";
    let confirm = format!(
        "[handshake.confirm]\njson = \"/url\"\n{hosts}parameters = {{ Action = \"Confirm\", Version = \"1\" }}\n"
    );
    let scheme =
        accepted(&format!("{HEAD}{HMAC}signs = \"{{body}}\"\n[[handshake]]\nwhen = {{ json = \"/url\" }}\n{confirm}"));
    let said = scheme.handshakes().concat();
    let rule = "if it is `https://a.example/confirm?Action=Confirm&Version=1` or \
                `https://sns.{region}.amazonaws.com/confirm?Action=Confirm&Version=1`.";
    assert!(said.ends_with(rule), "{said}");
}
