//! Files that are not TOML, unknown keys and values, and keys that do not fit together.

use countersign::Scheme;

use crate::{HEAD, HMAC, TIME, accepted, refused, refused_at};

#[test]
fn text_that_is_not_toml_is_refused() {
    let open = Scheme::from_toml("t", "name = \"T\"\n[signature\n").unwrap_err();
    assert_eq!((open.line(), open.column()), (2, 11), "{open}");
    refused("name = ", "");
    refused("", "missing field");
    refused("name = 1\n", "expected a string");
    refused("name = \"a\"\nname = \"b\"\n", "duplicate");
    refused("\u{0}", "");
}

#[test]
fn unknown_keys_and_tables_are_refused() {
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
fn the_name_is_required() {
    refused_at(
        &format!("name = \" \"\n[signature]\n{HMAC}signs = \"{{body}}\"\n"),
        "\" \"",
        "expected the provider's name",
    );
    refused(&format!("[signature]\n{HMAC}signs = \"{{body}}\"\n"), "missing field `name`");
    refused("name = \"T\"\n", "missing field `signature`");
}

#[test]
fn unknown_algorithms_are_refused() {
    for name in ["md4", "hmac-md4", "HMAC-SHA256", "hmac-sha385", "none", "", "ed448", "HS256", "rsa"] {
        let file = format!("{HEAD}algorithm = \"{name}\"\nheader = \"X\"\nvalue = \"{{hex}}\"\nsigns = \"{{body}}\"\n");
        refused_at(&file, &format!("\"{name}\"\nheader"), "unknown algorithm");
    }
}

#[test]
fn unknown_placeholders_are_refused() {
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
        ("{setting:}.{body}", "{setting:}", "unknown placeholder `{setting:}`"),
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
fn a_signed_secret_is_refused_where_the_algorithm_forbids_it() {
    let signs = |algorithm: &str, signs: &str| {
        format!("{HEAD}algorithm = \"{algorithm}\"\nheader = \"X\"\nvalue = \"{{hex}}\"\nsigns = \"{signs}\"\n")
    };
    refused_at(&signs("ed25519", "{secret}{body}"), "\"{secret}{body}\"", "leave `{secret}` out");
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
fn layouts_with_the_wrong_placeholders_are_refused() {
    let layout =
        |algorithm: &str, layout: &str| format!("{HEAD}algorithm = \"{algorithm}\"\nheader = \"X\"\n{layout}\n");
    for (algorithm, text, fragment) in [
        ("hmac-sha256", "signs = \"{body}\"", "expected `value`"),
        ("hmac-sha256", "value = \"{token}\"\nsigns = \"{body}\"", "the layout must have an encoding"),
        ("token", "value = \"{hex}\"", "the layout must have `{token}`"),
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
    refused_at(&digits, "\",:6\"", "other than letters and digits");
    let fields = |separator: &str| format!("fields = {{ separator = \"{separator}\", items = [\"{{hex}}\"] }}");
    for (separator, fragment) in
        [("", "one character"), (", ", "one character"), ("T", "other than letters and digits")]
    {
        let file = layout("hmac-sha256", &format!("{}\nsigns = \"{{body}}\"", fields(separator)));
        refused_at(&file, &format!("\"{separator}\", items"), fragment);
    }
    refused_at(&list("{ separator = \",\", items = [] }"), "{ separator", "expected at least one item");
    refused_at(
        &list("{ separator = \",\", items = [\"v={hex}\", \"v={base64}\"] }"),
        "\"v={base64}\"",
        "matches everything that this one could",
    );
    refused_at(
        &list("{ separator = \",\", items = [\"{hex}\", \"v1={hex}\"] }"),
        "\"v1={hex}\"",
        "matches everything that this one could",
    );
    refused_at(&list("{ separator = \",\", items = [\"v1={hxe}\"] }"), "{hxe}", "unknown placeholder");
    let both = layout(
        "hmac-sha256",
        "value = \"{hex}\"\nlist = { separator = \",\", items = [\"{hex}\"] }\nsigns = \"{body}\"",
    );
    refused_at(&both, "{ separator", "found several");
}

#[test]
fn missing_and_doubled_places_are_refused() {
    let hmac = "algorithm = \"hmac-sha256\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n";
    refused_at(&format!("{HEAD}{hmac}"), "[signature]", "expected `header`, `query`, `json` or `form`: where");
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
    let id = format!("{HEAD}{HMAC}signs = \"{{id}}.{{body}}\"\n[id]\n");
    refused_at(&id, "[id]", "expected `header`, `query`, `json`, `form` or, of a `jwt`, `claim`");
    let in_layout = HMAC.replace("{hex}", "{timestamp},{hex}");
    refused_at(
        &format!("{HEAD}{in_layout}signs = \"{{timestamp}}.{{body}}\"\n{TIME}"),
        "[timestamp]",
        "has two places",
    );
    refused_at(
        &format!("{HEAD}{in_layout}signs = \"{{timestamp}}.{{body}}\"\n"),
        "[signature]",
        "a `[timestamp]` table must give its format",
    );
    let id_in_layout = HMAC.replace("{hex}", "{id},{hex}");
    refused_at(
        &format!("{HEAD}{id_in_layout}signs = \"{{id}}.{{body}}\"\n[id]\nheader = \"X\"\n"),
        "[signature]",
        "the id has two places",
    );
}

/// Without a token, a claim would be missing from every request.
#[test]
fn only_a_token_has_claims() {
    let tables = [
        ("[id]\nclaim = \"/jti\"\n", "[id]"),
        ("[[check]]\nclaim = \"/sub\"\nequals = \"us\"\noptional = true\n", "[[check]]"),
        ("[event]\nid = \"{claim:/jti}\"\n", "\"{claim"),
        ("[event]\ntype = \"{claim:/type}\"\n", "\"{claim"),
    ];
    let token = |algorithm: &str, signs: &str, tables: &str| {
        let rules = "[jwt]\nalgorithms = [\"HS256\"]\n";
        format!("{HEAD}algorithm = \"{algorithm}\"\nheader = \"T\"\ncovers_body = false\n{signs}{tables}{rules}")
    };
    for (table, marked) in tables {
        refused_at(&format!("{HEAD}{HMAC}signs = \"{{body}}\"\n{table}"), marked, "of a `jwt` only");
        let signs = "signs = \"{body}\"\n";
        refused_at(
            &token("jws-detached", signs, table).replace("covers_body = false\n", ""),
            marked,
            "of a `jwt` only",
        );
        accepted(&token("jwt", "", table));
    }
    let timestamp = "[timestamp]\nclaim = \"/at\"\nformat = \"seconds\"\ntolerance = \"5m\"\n";
    refused_at(&token("jwt", "", timestamp), "[timestamp]", "of a `jwt` only");
    for signs in ["{claim:/a}.{body}", "{lower:claim:/a}.{body}", "{sorted:claim:/a,secret}.{body}"] {
        refused(&format!("{HEAD}{HMAC}signs = \"{signs}\"\n"), "claim");
    }
}

#[test]
fn wrong_events_checks_methods_forms_and_secrets_are_refused() {
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
        ("[secret]\nverbatim = \"ws_\"\n", "\"ws_\"", "no secret in that encoding can have"),
        ("[secret]\nverbatim = \"ws\"\nencoding = \"base64\"\n", "\"ws\"", "no secret in that encoding"),
        ("[secret]\nverbatim = \"+/=\"\nencoding = \"base64\"\n", "\"+/=\"", "no secret in that encoding"),
        ("[secret]\nverbatim = \"ws_\"\nencoding = \"base64url\"\n", "\"ws_\"", "no secret in that encoding"),
        (
            "[secret]\nverbatim = \"ws_\"\nstrip = \"ws_b64_\"\nencoding = \"base64\"\n",
            "\"ws_\"",
            "no secret in that encoding",
        ),
        ("[secret]\nbytes = 32\n", "32", "expected an `encoding` as well"),
        ("[secret]\nencoding = \"hex\"\nbytes = 0\n", "0", "how many bytes a key has"),
        ("[secret]\nbegins = \"\"\n", "\"\"", "the text that the provider's secrets begin with"),
        ("[secret]\nstrip = \"a_\"\nbegins = \"b_\"\n", "\"b_\"", "expected one of `begins`"),
        ("[secret]\nbegins = \"a_\"\nencoding = \"hex\"\n", "\"a_\"", "only for a `utf8` secret"),
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
    refused_at(&hashed, "\"sha256\"", "only for public-key algorithms");
    let rsa = hashed.replace("hmac-sha256", "rsa-sha256").replace("{hex}", "{base64}");
    accepted(&rsa);
    refused_at(&rsa.replace("\"sha256\"", "\"sha1\""), "\"sha1\"", "a collision-resistant hash");
    let url = format!("{HEAD}{HMAC}signs = \"{{url}}\\n{{body}}\"\n");
    refused_at(&format!("{url}[url]\nforms = []\n"), "[]", "expected at least one form");
    refused(&format!("{url}[url]\nforms = [\"as-is\", \"as-was\"]\n"), "unknown variant `as-was`");
}

#[test]
fn wrong_durations_and_formats_are_refused() {
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

#[test]
fn a_check_has_one_hash_or_texts_and_only_a_check_of_texts_can_be_skipped() {
    let check =
        |check: &str| format!("{HEAD}{HMAC}signs = \"{{body}}\"\n[settings]\nown = \"ours\"\n[[check]]\n{check}");
    for equals in [
        "[\"{sha256-hex:body}\", \"{sha512-hex:body}\"]",
        "[\"{sha256-hex:body}\", \"none\"]",
        "[\"none\", \"{sha256-hex:body}\"]",
    ] {
        refused_at(&check(&format!("header = \"X-Is\"\nequals = {equals}\n")), equals, "one hash in several encodings");
    }
    let in_two = "header = \"X-Is\"\nequals = [\"{sha256-hex:body}\", \"{sha256-base64:body}\"]\n";
    accepted(&check(in_two));
    refused_at(&check(&format!("{in_two}if_set = \"own\"\n")), "\"own\"", "a check of the body always applies");
    let text = "header = \"X-Is\"\nequals = \"{setting:own}\"\n";
    accepted(&check(&format!("{text}if_set = \"own\"\n")));
    refused_at(&check(&format!("{text}if_set = \"other\"\n")), "\"other\"", "the setting `other` is not declared");
}

#[test]
fn wrong_rules_for_tokens_and_message_signatures_are_refused() {
    let message = |algorithms: &str, more: &str| {
        format!(
            "{HEAD}algorithm = \"http-signature\"\n[http-signature]\nalgorithms = {algorithms}\n\
             components = [\"content-digest\"]\n{more}"
        )
    };
    for algorithms in ["[]", "[\"hmac-sha256\", \"ed25519\"]", "[\"ed25519\", \"ecdsa-p256-sha256\", \"hmac-sha256\"]"]
    {
        refused_at(&message(algorithms, ""), "[http-signature]", "expected `hmac-sha256` alone");
    }
    for algorithms in ["[\"hmac-sha256\"]", "[\"ed25519\"]", "[\"ed25519\", \"ecdsa-p256-sha256\"]"] {
        accepted(&message(algorithms, "key_id = \"ours\"\n"));
    }
    let token = |algorithm: &str, more: &str| {
        format!("{HEAD}algorithm = \"{algorithm}\"\nheader = \"T\"\n{more}b64_without_crit = true\n")
    };
    let rules = "[jwt]\nalgorithms = [\"HS256\"]\n";
    refused_at(&token("jwt", &format!("covers_body = false\n{rules}")), "true", "is always encoded");
    accepted(&token("jws-detached", &format!("signs = \"{{body}}\"\n{rules}")));
}

#[test]
fn key_name_needs_its_placeholder_and_the_reverse() {
    let file = |value: &str, more: &str| format!("{HEAD}{}signs = \"{{body}}\"\n{more}", HMAC.replace("{hex}", value));
    accepted(&file("{key-name}:{hex}", "key_name = \"ours\"\n"));
    refused_at(&file("{key-name}:{hex}", ""), "[signature]", "expected `key_name`");
    refused_at(&file("{hex}", "key_name = \"ours\"\n"), "\"ours\"", "the layout has no `{key-name}`");
}

#[test]
fn keys_that_an_algorithm_does_not_use_are_refused() {
    let hmac = format!("{HEAD}{HMAC}signs = \"{{body}}\"\n");
    accepted(&format!("{hmac}optional_end = \"\\n\"\n"));
    refused_at(&format!("{hmac}optional_end = \"\"\n"), "\"\"", "expected text that is not empty");
    let rsa = hmac.replace("hmac-sha256", "rsa-sha256").replace("{hex}", "{base64}");
    refused_at(&format!("{rsa}optional_end = \"end\"\n"), "\"end\"", "an HMAC as the `algorithm`");

    accepted(&format!("{hmac}every = true\n"));
    let query = hmac.replace("header = \"X-Sig\"", "query = \"sig\"");
    refused_at(&format!("{query}every = true\n"), "true", "only for headers");

    let token = |place: &str| format!("{HEAD}algorithm = \"jwt\"\n{place}[jwt]\nalgorithms = [\"HS256\"]\n");
    accepted(&token("body = true\n"));
    refused_at(&token("body = true\nheader = \"T\"\n"), "[signature]", "two places: the body and another");
    refused_at(&token("body = false\n"), "[signature]", "where in the request it is");
    refused_at(&token(""), "[signature]", "where in the request it is");
    for algorithm in ["basic", "token", "http-signature", "hmac-sha256"] {
        let file = format!("{HEAD}algorithm = \"{algorithm}\"\nbody = true\n");
        refused_at(&file, "[signature]", "only a `jwt` can be the whole body");
    }
}

#[test]
fn the_error_for_several_signed_texts_names_the_wrong_one() {
    let file = format!("{HEAD}{HMAC}signs = [\"a:{{path}}\", \"{{bdoy}}\"]\n");
    refused_at(&file, "[\"a:", "item 2: unknown placeholder `{bdoy}`");
}

#[test]
fn four_signed_texts_may_be_optional_and_no_more() {
    let optional = |count: usize| {
        let item = |at| format!("{{ text = \"{at}:{{header:X-{at}}};\", when = \"header:X-{at}\" }}, ");
        let items: String = (0..count).map(item).collect();
        format!("{HEAD}{HMAC}signs = [{items}\"b:{{body}}\"]\n")
    };
    accepted(&optional(3));
    accepted(&optional(4));
    refused_at(&optional(5), "[{ text", "more than 4 optional items");
}

#[test]
fn wrong_answers_codings_and_addresses_are_refused() {
    let file = |table: &str| format!("{HEAD}{HMAC}signs = \"{{body}}\"\n{table}\n");
    for key in ["refusal", "in_progress"] {
        for status in ["200", "399", "600", "99"] {
            refused_at(&file(&format!("[answers]\n{key} = {status}")), status, ": 400 to 599");
        }
        for status in ["400", "499", "500", "599"] {
            accepted(&file(&format!("[answers]\n{key} = {status}")));
        }
    }
    accepted(&file("[body]\ndecoded = \"gzip\""));
    for coding in ["\"br\"", "\"GZIP\"", "\"\""] {
        refused_at(&file(&format!("[body]\ndecoded = {coding}")), coding, "expected `gzip`");
    }
    let ranges = "[addresses]\nranges = [\"192.0.2.0/24\"]\n";
    let (source, read) = ("source = \"https://acme.example/ips\"\n", "read = 2026-01-31\n");
    accepted(&file(&format!("{ranges}{source}{read}")));
    for more in ["", source, read] {
        refused_at(&file(&format!("{ranges}{more}")), "[addresses]", "expected `source` and `read`");
    }
}
