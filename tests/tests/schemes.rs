//! Scheme files that are refused: where, and with what words.

use countersign::Scheme;

const HEAD: &str = "name = \"T\"\n[signature]\n";

/// The rest of a signature table that is right.
const HMAC: &str = "algorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\n";
const TIME: &str = "[timestamp]\nheader = \"X-Time\"\nformat = \"seconds\"\ntolerance = \"5m\"\n";

/// Asserts that a file is refused at `marked`: the text stands in the file once, and the error points at its beginning.
fn refused_at(file: &str, marked: &str, fragment: &str) {
    let error = Scheme::from_toml("t", file).expect_err(file);
    let at = file.find(marked).unwrap_or_else(|| panic!("`{marked}` is not in:\n{file}"));
    let line = file[..at].matches('\n').count() + 1;
    let column = file[..at].chars().rev().take_while(|c| *c != '\n').count() + 1;
    assert_eq!((error.line(), error.column()), (line, column), "{error}\n{file}");
    assert!(error.message().contains(fragment), "`{fragment}` is not in: {error}");
    assert!(error.to_string().starts_with(&format!("line {line}, column {column}: ")), "{error}");
}

/// Asserts that a file is refused, wherever.
fn refused(file: &str, fragment: &str) {
    let error = Scheme::from_toml("t", file).expect_err(file);
    assert!(error.message().contains(fragment), "`{fragment}` is not in: {error}");
    assert!(error.line() >= 1 && error.column() >= 1);
}

fn accepted(file: &str) -> Scheme {
    Scheme::from_toml("t", file).unwrap_or_else(|error| panic!("{error}\n{file}"))
}

#[test]
fn what_is_no_toml() {
    let open = Scheme::from_toml("t", "name = \"T\"\n[signature\n").unwrap_err();
    assert_eq!((open.line(), open.column()), (2, 11), "{open}");
    refused("name = ", "");
    refused("", "missing field");
    refused("name = 1\n", "expected a string");
    refused("name = \"a\"\nname = \"b\"\n", "duplicate");
    refused("\u{0}", "");
}

#[test]
fn keys_and_tables_that_the_language_does_not_know() {
    for (table, key) in [
        ("", "nmae = \"x\"\n"),
        ("[secret]\n", "prefix = \"x\"\n"),
        ("[url]\n", "form = \"x\"\n"),
        ("[event]\n", "kind = \"x\"\n"),
        ("[answers]\n", "in = \"5s\"\n"),
        ("[request]\n", "method = \"POST\"\n"),
    ] {
        let signature = format!("[signature]\n{HMAC}signs = \"{{body}}\"\n");
        let file = format!(
            "name = \"T\"\n{}{signature}{}",
            if table.is_empty() { key } else { "" },
            if table.is_empty() { String::new() } else { format!("{table}{key}") }
        );
        refused_at(&file, key, "unknown field");
    }
    refused(&format!("{HEAD}{HMAC}signs = \"{{body}}\"\nsign = \"x\"\n"), "unknown field `sign`");
    refused(&format!("{HEAD}{HMAC}signs = \"{{body}}\"\n[signatures]\n"), "unknown field `signatures`");
}

#[test]
fn a_name_is_needed() {
    refused_at(
        &format!("name = \" \"\n[signature]\n{HMAC}signs = \"{{body}}\"\n"),
        "\" \"",
        "expected the provider's name",
    );
    refused(&format!("[signature]\n{HMAC}signs = \"{{body}}\"\n"), "missing field `name`");
    refused("name = \"T\"\n", "missing field `signature`");
}

#[test]
fn algorithms_that_there_are_not() {
    for name in ["md4", "hmac-md4", "HMAC-SHA256", "hmac-sha385", "none", "", "ed448", "HS256", "rsa"] {
        let file = format!("{HEAD}algorithm = \"{name}\"\nheader = \"X\"\nvalue = \"{{hex}}\"\nsigns = \"{{body}}\"\n");
        refused_at(&file, &format!("\"{name}\"\nheader"), "unknown algorithm");
    }
}

#[test]
fn placeholders_that_there_are_not() {
    for (signs, marked, fragment) in [
        ("{timestmap}.{body}", "{timestmap}", "unknown placeholder `{timestmap}`"),
        ("v0:{body}{}", "{}", "unknown placeholder `{}`"),
        ("{body}.{sha257-hex:body}", "{sha257", "unknown placeholder"),
        ("{sha256-hex:uri}", "{sha256-hex:uri}", "unknown placeholder"),
        ("{sorted:body,id}.{body}", "{sorted:body,id}", "`body` cannot be sorted"),
        ("{lower:body}", "{lower:body}", "unknown placeholder"),
        ("{canonical:acme}", "{canonical:acme}", "unknown canonical form `acme`"),
        ("{json-raw:a}", "{json-raw:a}", "is not a JSON pointer"),
        ("{body:1}", "{body:1}", "unknown placeholder"),
        ("{Body}", "{Body}", "unknown placeholder `{Body}`"),
        ("abc}{body}", "}{body}", "a `}` without its `{`"),
        ("{body}.{tim", "{tim", "a `{` without its `}`"),
        ("{json:id}.{body}", "{json:id}", "is not a JSON pointer"),
        ("{json:/a~2}.{body}", "{json:/a~2}", "is not a JSON pointer"),
        ("{header:X Y}.{body}", "{header:X Y}", "is not a header name"),
        ("{header:}.{body}", "{header:}", "is not a header name"),
    ] {
        refused_at(&format!("{HEAD}{HMAC}signs = \"{signs}\"\n"), marked, fragment);
    }
    for (value, marked, fragment) in [
        ("sha256={hexx}", "{hexx}", "unknown placeholder `{hexx}`; expected an encoding (hex, "),
        ("{hex:1}", "{hex:1}", "unknown placeholder"),
        ("{hex}{id}", "{id}", "expected text between two placeholders"),
        ("{body}", "{body}", "unknown placeholder"),
    ] {
        let file = format!("{HEAD}algorithm = \"hmac-sha256\"\nheader = \"X\"\nvalue = \"{value}\"\nsigns = \"x\"\n");
        refused_at(&file, marked, fragment);
    }
}

#[test]
fn secrets_in_the_wrong_algorithm() {
    let signs = |algorithm: &str, signs: &str| {
        format!("{HEAD}algorithm = \"{algorithm}\"\nheader = \"X\"\nvalue = \"{{hex}}\"\nsigns = \"{signs}\"\n")
    };
    refused_at(&signs("hmac-sha256", "{secret}{body}"), "\"{secret}{body}\"", "leave `{secret}` out");
    refused_at(&signs("sha256", "{body}"), "\"{body}\"", "a plain hash proves nothing");
    refused_at(
        &format!("{HEAD}algorithm = \"token\"\nheader = \"X\"\nsigns = \"{{body}}\"\n"),
        "\"{body}\"",
        "signs nothing",
    );
    refused_at(&format!("{HEAD}algorithm = \"basic\"\nsigns = \"{{body}}\"\n"), "\"{body}\"", "signs nothing");
    refused_at(&format!("{HEAD}{HMAC}"), "[signature]", "expected `signs`");
}

#[test]
fn layouts_that_carry_no_proof_or_too_much() {
    let layout =
        |algorithm: &str, layout: &str| format!("{HEAD}algorithm = \"{algorithm}\"\nheader = \"X\"\n{layout}\n");
    for (algorithm, text, fragment) in [
        ("hmac-sha256", "signs = \"{body}\"", "expected `value`"),
        ("hmac-sha256", "value = \"{token}\"\nsigns = \"{body}\"", "carries its proof in an encoding"),
        ("token", "value = \"{hex}\"", "carries its proof in `{token}`"),
        ("hmac-sha256", "value = \"sha256=\"\nsigns = \"{body}\"", "no place for the tag"),
        ("hmac-sha256", "value = \"{any}\"\nsigns = \"{body}\"", "no place for the tag"),
        ("token", "value = \"{token} {token}\"", "`{token}` twice"),
        ("hmac-sha256", "value = \"{id},{id},{hex}\"\nsigns = \"{id}.{body}\"", "`{id}` twice"),
        (
            "hmac-sha256",
            "value = \"{timestamp},{timestamp},{hex}\"\nsigns = \"{timestamp}.{body}\"",
            "`{timestamp}` twice",
        ),
    ] {
        refused_at(&layout(algorithm, text), "[signature]", fragment);
    }
    let list = |list: &str| layout("hmac-sha256", &format!("list = {list}\nsigns = \"{{body}}\""));
    refused_at(&list("{ separator = \"\", items = [\"{hex}\"] }"), "\"\", items", "one or more");
    refused_at(&list("{ separator = \"é\", items = [\"{hex}\"] }"), "\"é\"", "expected ASCII characters");
    let digits = list("{ separator = \",:6\", items = [\"t={timestamp}\", \"v1={hex}\"] }");
    refused_at(&digits, "\",:6\"", "no letters or digits");
    let fields = |separator: &str| format!("fields = {{ separator = \"{separator}\", items = [\"{{hex}}\"] }}");
    for (separator, fragment) in [("", "one character"), (", ", "one character"), ("T", "no letters or digits")] {
        let file = layout("hmac-sha256", &format!("{}\nsigns = \"{{body}}\"", fields(separator)));
        refused_at(&file, &format!("\"{separator}\", items"), fragment);
    }
    refused_at(&list("{ separator = \",\", items = [] }"), "{ separator", "expected at least one item");
    refused_at(
        &list("{ separator = \",\", items = [\"v={hex}\", \"v={base64}\"] }"),
        "\"v={base64}\"",
        "takes everything that this one could",
    );
    refused_at(
        &list("{ separator = \",\", items = [\"{hex}\", \"v1={hex}\"] }"),
        "\"v1={hex}\"",
        "takes everything that this one could",
    );
    refused_at(&list("{ separator = \",\", items = [\"v1={hxe}\"] }"), "{hxe}", "unknown placeholder");
    let both = layout(
        "hmac-sha256",
        "value = \"{hex}\"\nlist = { separator = \",\", items = [\"{hex}\"] }\nsigns = \"{body}\"",
    );
    refused_at(&both, "{ separator", "found several");
}

#[test]
fn places_that_are_none_or_two() {
    let hmac = "algorithm = \"hmac-sha256\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n";
    refused_at(&format!("{HEAD}{hmac}"), "[signature]", "expected `header`, `query`, `json`, `form` or `claim`");
    refused_at(&format!("{HEAD}{hmac}header = \"X\"\nquery = \"x\"\n"), "[signature]", "found several");
    refused_at(&format!("{HEAD}{hmac}header = []\n"), "[signature]", "at least one header name");
    refused_at(&format!("{HEAD}{hmac}header = \"X:Y\"\n"), "[signature]", "`X:Y` is not a header name");
    refused_at(&format!("{HEAD}{hmac}json = \"a\"\n"), "[signature]", "`a` is not a JSON pointer");
    refused(&format!("{HEAD}{hmac}header = 5\n"), "");
    refused_at(
        &format!("{HEAD}{HMAC}signs = \"{{timestamp}}.{{body}}\"\n{}", TIME.replace("header = \"X-Time\"\n", "")),
        "[timestamp]",
        "expected `header`",
    );
    refused_at(&format!("{HEAD}{HMAC}signs = \"{{id}}.{{body}}\"\n[id]\n"), "[id]", "expected `header`");
    let in_layout = HMAC.replace("{hex}", "{timestamp},{hex}");
    refused_at(
        &format!("{HEAD}{in_layout}signs = \"{{timestamp}}.{{body}}\"\n{TIME}"),
        "[timestamp]",
        "has two places",
    );
    refused_at(
        &format!("{HEAD}{in_layout}signs = \"{{timestamp}}.{{body}}\"\n"),
        "[signature]",
        "a `[timestamp]` table must tell its format",
    );
    let id_in_layout = HMAC.replace("{hex}", "{id},{hex}");
    refused_at(
        &format!("{HEAD}{id_in_layout}signs = \"{{id}}.{{body}}\"\n[id]\nheader = \"X\"\n"),
        "[signature]",
        "the id has two places",
    );
}

#[test]
fn what_the_signature_does_not_cover() {
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
        "cannot cover the body that it stands in",
    );
}

#[test]
fn what_is_signed_for_some_requests_only_is_not_covered() {
    let when =
        |text: &str, when: &str| format!("signs = [{{ text = \"{text}\", when = \"{when}\" }}, \"b:{{body}}\"]\n");
    let file = |signs: &str, more: &str| format!("{HEAD}{HMAC}{signs}{more}");
    // That there is a time is signed, but not which one.
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
fn an_optional_text_behind_the_body_could_be_its_end() {
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
fn a_token_is_signed_by_a_secret_or_by_a_private_key() {
    let file = |algorithms: &str| {
        format!("{HEAD}algorithm = \"jwt\"\nheader = \"X\"\ncovers_body = false\n[jwt]\nalgorithms = {algorithms}\n")
    };
    refused_at(&file("[\"HS256\", \"RS256\"]"), "[jwt]", "which as a secret everybody would know");
    accepted(&file("[\"HS256\", \"HS512\"]"));
    accepted(&file("[\"RS256\", \"ES256\"]"));
}

#[test]
fn a_value_is_checked_once() {
    let check = |more: &str| format!("[[check]]\nheader = \"X-Id\"\nequals = {more}\n");
    let file = |checks: &str| format!("{HEAD}{HMAC}signs = \"{{body}}\"\n{checks}");
    let twice = format!("{}# the second\n{}", check("\"a\""), check("\"b\""));
    refused(&file(&twice), "this value has a check");
    accepted(&file(&check("[\"a\", \"b\"]")));
}

#[test]
fn what_tells_events_apart_is_said_where_the_body_does_not() {
    let file = |signs: &str, told: &str| format!("{HEAD}{HMAC}signs = \"{signs}\"\n{told}");
    let open = |told: &str| file("{header:X-Id}", &format!("covers_body = false\n{told}"));
    refused_at(&open(""), "[signature]", "say under `[event]` what tells events apart");
    accepted(&open("[event]\ntold_apart_by = \"signed-content\"\n"));
    accepted(&open("[event]\ntold_apart_by = \"unsigned-values\"\n"));
    refused_at(&open("[event]\ntold_apart_by = \"luck\"\n"), "\"luck\"", "`signed-content`");

    let covered = |told: &str| file("{body}", &format!("[event]\ntold_apart_by = \"{told}\"\n"));
    refused_at(&covered("signed-content"), "\"signed-content\"", "wherever the body is signed");
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
fn unsigned_values_are_taken_where_some_stand_beside_what_tells_events_apart_already() {
    let signed = format!("{HEAD}{HMAC}signs = \"{{body}}\"\n");
    let sent =
        "name = \"T\"\n[signature]\nalgorithm = \"token\"\nheader = \"X-Token\"\ncovers_body = false\n".to_owned();
    for head in [&signed, &sent] {
        let file = |fields: &str| format!("{head}[event]\n{fields}told_apart_by = \"unsigned-values\"\n");
        accepted(&file("id = \"{header:X-Id}\"\n"));
        accepted(&file("type = \"{header:X-Type}\"\n"));
        accepted(&file("id = \"{json:/id}\"\ntype = \"{query:type}\"\n"));
        for in_body in ["", "id = \"{json:/id}\"\n", "type = \"{form:type}\"\n"] {
            refused_at(&file(in_body), "\"unsigned-values\"", "neither an id nor a type stands unsigned beside it");
        }
    }
    let typed = |head: &str, fields: &str| format!("{head}[event]\n{fields}told_apart_by = \"unsigned-type\"\n");
    for head in [&signed, &sent] {
        accepted(&typed(head, "type = \"{header:X-Type}\"\n"));
        for other in ["", "id = \"{header:X-Id}\"\n", "type = \"{json:/type}\"\n"] {
            refused_at(&typed(head, other), "\"unsigned-type\"", "no type stands unsigned beside the body");
        }
    }
    let same = format!("{HEAD}{HMAC}signs = \"v1\"\ncovers_body = false\n");
    refused_at(&typed(&same, "type = \"{header:X-Type}\"\n"), "\"unsigned-type\"", "is the same for all events");
    let token = format!("{HEAD}algorithm = \"jwt\"\nheader = \"X-Token\"\nvalue = \"{{jwt}}\"\ncovers_body = false\n");
    let token = format!("{token}[jwt]\nalgorithms = [\"HS256\"]\n[event]\nid = \"{{claim:/jti}}\"\n");
    refused_at(&format!("{token}told_apart_by = \"unsigned-values\"\n"), "\"unsigned-values\"", "leave it out");
}

#[test]
fn parts_that_run_into_each_other() {
    for (signs, tables) in [
        ("{id}{body}", "[id]\nheader = \"X-Id\"\n"),
        ("{header:X-A}{body}", ""),
        ("{header:X-A}{header:X-B}.{body}", ""),
        ("{method}{body}", ""),
        ("{path}{query}\\n{body}", ""),
        ("{query}.{body}", ""),
        ("{url}.{body}", ""),
        ("{body}{body}", ""),
        ("{body}.{id}", "[id]\nheader = \"X-Id\"\n"),
        ("{body}.{header:X-A}", ""),
        ("{timestamp}{body}", &TIME.replace("\"seconds\"", "\"rfc3339-or-utc\"")),
        ("{timestamp}{body}", &TIME.replace("\"seconds\"", "\"seconds-or-milliseconds\"")),
        ("{form-sorted}", ""),
    ] {
        let file = format!("{HEAD}{HMAC}signs = \"{signs}\"\n{tables}");
        refused_at(&file, "[signature]", "so one signature fits several requests");
        let stated = format!("{HEAD}{HMAC}signs = \"{signs}\"\nambiguous = \"why it can be borne\"\n{tables}");
        assert_eq!(accepted(&stated).ambiguity(), Some("why it can be borne"));
    }
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
fn events_checks_methods_forms_and_secrets_that_are_wrong() {
    let signature = format!("{HEAD}{HMAC}signs = \"{{body}}\"\n");
    for (table, marked, fragment) in [
        ("[event]\nid = \"/id\"\n", "\"/id\"", "expected one of"),
        ("[event]\nid = \"{id}\"\n", "\"{id}\"", "expected one of"),
        ("[event]\nid = \"{json:/a}{json:/b}\"\n", "\"{json:/a}", "expected one of"),
        ("[event]\nid = \"{json:a}\"\n", "\"{json:a}\"", "is not a JSON pointer"),
        ("[event]\ntype = \"{header:a b}\"\n", "\"{header:a b}\"", "is not a header name"),
        ("[event]\ntype = \"{body}\"\n", "", "expected one of"),
        ("[[check]]\nheader = \"X\"\nequals = \"{body}\"\n", "", "expected a hash of the body"),
        ("[[check]]\nheader = \"X\"\nequals = \"{form-sorted}\"\n", "\"{form-sorted}\"", "expected a hash of the body"),
        ("[[check]]\nequals = \"{sha256-hex:body}\"\n", "[[check]]", "expected `header`"),
        ("[request]\nmethods = [\"post\"]\n", "\"post\"", "a request method in capitals"),
        ("[request]\nmethods = [\"PO ST\"]\n", "\"PO ST\"", "a request method in capitals"),
        ("[url]\nforms = [\"as-is\"]\n", "[\"as-is\"]", "`signs` has no `{url}`"),
        ("[secret]\nencoding = \"base32\"\n", "\"base32\"", "unknown encoding `base32`"),
        ("[secret]\nhash = \"md4\"\n", "\"md4\"", "unknown hash `md4`"),
        ("[secret]\nverbatim = \"ws_\"\n", "\"ws_\"", "no secret in the `encoding` beside it can have"),
        ("[secret]\nverbatim = \"ws\"\nencoding = \"base64\"\n", "\"ws\"", "no secret in the `encoding`"),
        (
            "[secret]\nverbatim = \"ws_\"\nstrip = \"ws_b64_\"\nencoding = \"base64\"\n",
            "\"ws_\"",
            "no secret in the `encoding`",
        ),
        ("[secret]\nbegins = \"\"\n", "\"\"", "the text that the provider's secrets begin with"),
        ("[secret]\nstrip = \"a_\"\nbegins = \"b_\"\n", "\"b_\"", "expected one"),
        ("[secret]\nbegins = \"a_\"\nencoding = \"hex\"\n", "\"a_\"", "a `utf8` secret only"),
        ("checked = \"twice\"\n", "", "unknown"),
    ] {
        let file = format!("{signature}{table}");
        if file.matches(marked).count() == 1 {
            refused_at(&file, marked, fragment);
        } else {
            refused(&file, fragment);
        }
    }
    let hashed = format!("{signature}prehash = \"sha256\"\n");
    refused_at(&hashed, "\"sha256\"", "only what a public key proves can be hashed before it is signed");
    let rsa = hashed.replace("hmac-sha256", "rsa-sha256").replace("{hex}", "{base64}");
    accepted(&rsa);
    refused_at(&rsa.replace("\"sha256\"", "\"sha1\""), "\"sha1\"", "nobody can make two contents with one hash");
    let url = format!("{HEAD}{HMAC}signs = \"{{url}}\\n{{body}}\"\n");
    refused_at(&format!("{url}[url]\nforms = []\n"), "[]", "expected at least one form");
    refused(&format!("{url}[url]\nforms = [\"as-is\", \"as-was\"]\n"), "unknown variant `as-was`");
}

#[test]
fn durations_and_formats_that_are_wrong() {
    let time = |format: &str, tolerance: &str| {
        format!(
            "{HEAD}{HMAC}signs = \"{{timestamp}}.{{body}}\"\n[timestamp]\nheader = \"X\"\nformat = \"{format}\"\ntolerance = {tolerance}\n"
        )
    };
    for tolerance in ["\"5\"", "\"five minutes\"", "\"-5m\"", "\"\"", "\"5 parsecs\"", "\"99999999999999999999s\""] {
        refused_at(&time("seconds", tolerance), tolerance, "expected a duration such as");
    }
    refused_at(&time("seconds", "300"), "300", "expected a duration such as");
    refused(&time("unix", "\"5m\""), "unknown variant `unix`");
    refused(&time("seconds", "\"5m\"").replace("tolerance = \"5m\"\n", ""), "missing field `tolerance`");
    refused(&format!("{HEAD}{HMAC}signs = \"{{body}}\"\n[answers]\nwithin = 5\n"), "expected a duration such as");
    accepted(&time("seconds", "\"1h 30m 5s\""));
}

#[test]
fn columns_count_characters_and_lines_count_line_feeds() {
    let head = "# é é é\r\nname = \"日本\"\r\n[signature]\r\nalgorithm = \"hmac-sha256\" # 日\r\nheader = \"X\"\r\n";
    let file = head.to_owned() + "value = \"é{hxe}\"\r\nsigns = \"{body}\"\r\n";
    refused_at(&file, "{hxe}", "unknown placeholder");
}

/// A scheme whose keys are published, with these lines under `[keys]`.
fn published(keys: &str) -> String {
    let signature = "algorithm = \"ecdsa-p256-sha256\"\nheader = \"X-Sig\"\nvalue = \"{base64}\"\nsigns = \"{body}\"\n";
    format!("{HEAD}{signature}[keys]\n{keys}")
}

#[test]
fn places_of_keys_where_others_could_put_theirs() {
    let at = "format = \"certificate\"\nurl_at = { header = \"X-Url\" }\n";
    let path = "path = \"/certs/{word}.pem\"\n";
    for host in [
        "{label}.com",
        "{label}.co.uk",
        "{label}.amazonaws.com",
        "sns.{label}.amazonaws.com",
        "keys.{label}.s3.amazonaws.com",
        "{label}.github.io",
        "a{label}.acme.example",
        "{word}.acme.example",
        "ACME.example",
        "127.0.0.1",
        "acme.example:8443",
        "user@acme.example",
        "https://acme.example",
        "acme.example.",
        "",
    ] {
        refused_at(&published(&format!("{at}hosts = [\"{host}\"]\n{path}")), &format!("\"{host}\""), "");
    }
    for host in ["acme.example", "{label}.acme.co.uk", "{label}.acme.example", "sns.{region}.amazonaws.com.cn"] {
        accepted(&published(&format!("{at}hosts = [\"{host}\"]\n{path}")));
    }
    for path in
        ["certs/{word}", "/", "/{word}", "/a/../{word}", "//x", "/a?b={word}", "/a%2f{word}", "/{label}.pem", "/a b"]
    {
        let file = published(&format!("{at}hosts = [\"acme.example\"]\npath = \"{path}\"\n"));
        refused_at(&file, &format!("\"{path}\""), "");
    }
    refused(&published(&format!("{at}{path}")), "expected `hosts`");
    refused(&published(&format!("{at}hosts = [\"acme.example\"]\n")), "expected `path`");
}

#[test]
fn tables_of_keys_that_do_not_fit_together() {
    let url = "url = \"https://acme.example/keys\"\n";
    for (keys, fragment) in [
        ("format = \"jwks\"\n".to_owned(), "either `url` or `url_at`"),
        (format!("format = \"jwks\"\n{url}url_at = {{ header = \"U\" }}\n"), "either `url` or `url_at`"),
        (format!("format = \"jwks\"\n{url}hosts = [\"acme.example\"]\n"), "needs no rule"),
        (format!("format = \"jwks\"\n{url}json = \"/k\"\n"), "only the format `json`"),
        (format!("format = \"json\"\n{url}"), "expected `json` beside it"),
        (format!("format = \"x509\"\n{url}"), "expected `jwks`"),
        (format!("format = \"pem\"\n{url}id = {{ header = \"I\" }}\n"), "would do nothing"),
        (format!("format = \"pem\"\n{url}issued_to = \"acme.example\"\n"), "only a certificate"),
        ("format = \"pem\"\nurl = \"https://acme.example/{key-id}\"\n".to_owned(), "say with `id`"),
        ("format = \"jwks\"\nurl = \"http://acme.example/keys\"\n".to_owned(), "begins with `https://`"),
        ("format = \"jwks\"\nurl = \"https://10.0.0.1/keys\"\n".to_owned(), "begins with `https://`"),
        ("format = \"jwks\"\nurl = \"https://{key-id}.acme.example/keys\"\n".to_owned(), "begins with `https://`"),
        ("format = \"jwks\"\nurl = \"https://{setting:tenant}/keys\"\n".to_owned(), "`[settings]` does not say"),
    ] {
        refused(&published(&keys), fragment);
    }
    let hmac = format!("{HEAD}{HMAC}signs = \"{{body}}\"\n[keys]\nformat = \"jwks\"\n{url}");
    refused_at(&hmac, "[keys]", "not signed with a private key");
}
