//! Every provider of the catalogue and every scheme of the tests: a signed request is accepted; another secret is refused, and
//! so is one flipped bit in any signed value.
//!
//! Nothing here parses the language. The signed values follow from the names in the file and from what the scheme says about
//! itself. The verifier is asked about every byte of a request.

use std::sync::LazyLock;

use bytes::Bytes;
use countersign::{Timestamp, Verifier, providers};
use countersign_tests::{
    app::everywhere,
    endpoint::{Endpoint, NOW},
    fitting::Mentioned,
    verdict::each_way,
};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use serde_json::Value as Json;

static ENDPOINTS: LazyLock<Vec<Endpoint>> = LazyLock::new(Endpoint::every);

/// An endpoint, and a request that it accepts.
struct Subject {
    endpoint: &'static Endpoint,
    verifier: Verifier,
    mentioned: Mentioned,
    request: Request<Bytes>,
}

impl Subject {
    fn all() -> impl Iterator<Item = Self> {
        ENDPOINTS.iter().map(|endpoint| Self {
            endpoint,
            verifier: endpoint.verifier(),
            mentioned: Mentioned::of(endpoint.toml),
            request: endpoint.fitted(),
        })
    }

    fn accepts(&self, request: &Request<Bytes>) -> bool {
        self.verifier.verify(request, request.body(), NOW).is_ok()
    }

    /// Whether the signature or a check of the file names one of these.
    fn proves(&self, words: &[&str]) -> bool {
        let file: toml::Table = self.endpoint.toml.parse().unwrap();
        let tables =
            ["signature", "check", "http-signature"].map(|name| file.get(name).map(|table| format!("{table:?}")));
        tables.into_iter().flatten().any(|text| words.iter().any(|word| text.contains(word)))
    }

    fn id(&self) -> &str {
        self.endpoint.id()
    }
}

/// The bits of a byte that are flipped: the lowest, the one for the case of letters, and one more.
fn bits(at: usize) -> [u8; 3] {
    [1, 0x20, [2, 4, 8, 16, 64, 128][at % 6]]
}

/// The text with each byte changed.
fn flips(text: &[u8]) -> impl Iterator<Item = (usize, u8, Vec<u8>)> {
    (0..text.len()).flat_map(move |at| {
        bits(at).map(|bit| {
            let mut changed = text.to_vec();
            changed[at] ^= bit;
            (at, bit, changed)
        })
    })
}

#[test]
fn every_provider_is_tested() {
    let all = providers::ALL.iter().map(|provider| provider.id());
    assert!(all.eq(ENDPOINTS.iter().map(Endpoint::id).take(providers::ALL.len())));
}

#[test]
fn a_signed_request_is_accepted_only_with_its_secret_and_in_time() {
    for subject in Subject::all() {
        let Subject { endpoint, verifier, request, .. } = &subject;
        let accepted = each_way(verifier, request, NOW, &[request.body().len() / 2]);
        assert!(accepted.is_ok(), "{}: {accepted:?}", subject.id());
        assert_eq!(everywhere(verifier, request, NOW), accepted, "{}", subject.id());
        let other = each_way(&endpoint.other_verifier(), request, NOW, &[3]);
        assert!(other.is_err(), "{}: another secret", subject.id());
        assert_eq!(everywhere(&endpoint.other_verifier(), request, NOW), other, "{}", subject.id());
        if endpoint.scheme.tolerance().is_some() {
            for years in [-10, 10] {
                let then = Timestamp::from_unix_seconds(NOW.unix_seconds() + years * 365 * 86_400);
                let stale = each_way(verifier, request, then, &[]);
                assert!(stale.is_err(), "{}: {years} years from now", subject.id());
            }
        }
    }
}

#[test]
fn one_flipped_bit_in_any_header_that_proves_something_is_refused() {
    for subject in Subject::all() {
        let mut tried = 0;
        let read = |name: &HeaderName| subject.mentioned.headers.contains(name.as_str());
        for (name, value) in subject.request.headers().iter().filter(|(name, _)| read(name)) {
            for (at, bit, changed) in flips(value.as_bytes()) {
                let Ok(changed) = HeaderValue::from_bytes(&changed) else { continue };
                let mut request = subject.request.clone();
                request.headers_mut().insert(name, changed.clone());
                // BoldSign also signs with its old secret, under another name.
                let is_renamed = subject.id() == "boldsign" && changed.to_str().is_ok_and(|text| text.contains(" s1="));
                let excused = is_renamed || bit == 0x20 && any_case(&subject, name, at);
                assert!(excused || !subject.accepts(&request), "{}: {name}: {changed:?}", subject.id());
                tried += 1;
            }
        }
        let carrier = subject.endpoint.scheme.signature_header();
        assert!(tried > 20 || carrier.is_none(), "{}: no header was changed", subject.id());
    }
}

/// Whether letters are the same in either case: RFC 7617 takes the word `Basic` in any, some schemes take hex in any, and Sinch
/// writes its first word in both.
fn any_case(subject: &Subject, name: &HeaderName, at: usize) -> bool {
    let is_tag = subject.endpoint.scheme.signature_header() == Some(name);
    let is_basic = subject.endpoint.scheme.takes_password() && at < "Basic".len();
    let behind = subject.endpoint.reading.tag_template().and_then(|template| template.find("{hex-any-case}"));
    let is_word = subject.id() == "sinch-voice" && at == 0;
    let is_lowered = subject.proves(&[&format!("lower:header:{name}")]);
    is_lowered || (is_tag && (is_basic || is_word || behind.is_some_and(|behind| at >= behind)))
}

/// The names and values of a form body, in any order.
fn form(body: &[u8]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = form_urlencoded::parse(body).into_owned().collect();
    pairs.sort();
    pairs
}

/// The fields that a canonical form reads from the body, which its file does not name.
fn canonical_fields(id: &str) -> Vec<String> {
    let item = "/notificationItems/0/NotificationRequestItem";
    match id {
        "adyen-payments" => {
            ["pspReference", "merchantAccountCode", "merchantReference", "amount/value", "amount/currency"]
                .into_iter()
                .chain(["eventCode", "success"])
                .map(|name| format!("{item}/{name}"))
                .collect()
        }
        "aws-sns" => ["Message", "MessageId", "Timestamp", "TopicArn", "Type"]
            .into_iter()
            .map(|name| format!("/{name}"))
            .collect(),
        _ => Vec::new(),
    }
}

/// The signed values of the body, if not all of it is signed.
fn proven_values(subject: &Subject, body: &[u8]) -> Vec<Option<Json>> {
    let text = |name: &str| form(body).into_iter().find(|(is, _)| is == name).map(|(_, value)| value);
    // Elsewhere in the body, there may be bytes that are not text.
    let document: Option<Json> = serde_json::from_str(&String::from_utf8_lossy(body)).ok();
    let at = |pointer: &String| document.as_ref()?.pointer(pointer).cloned();
    let in_form = subject.mentioned.form.iter().map(|(name, pointer)| match pointer {
        Some(pointer) => serde_json::from_str::<Json>(&text(name)?).ok()?.pointer(pointer).cloned(),
        None => text(name).map(Json::from),
    });
    let in_json = subject.mentioned.json.iter().map(at);
    in_form.chain(in_json).chain(canonical_fields(subject.id()).iter().map(at)).collect()
}

#[test]
fn one_flipped_bit_in_what_is_proven_of_the_body_is_refused() {
    for subject in Subject::all() {
        let body = subject.request.body();
        let sorts_form = subject.proves(&["{form-sorted}", "{canonical:plivo-v3}"]);
        let (covers_body, proven) = (subject.endpoint.scheme.covers_body(), proven_values(&subject, body));
        assert!(!covers_body || body.len() > 10, "{}: hardly a body", subject.id());
        assert!(canonical_fields(subject.id()).is_empty() || proven.iter().all(Option::is_some), "{}", subject.id());
        for (_, _, changed) in flips(body) {
            let is_changed = if !covers_body {
                proven_values(&subject, &changed) != proven
            } else if sorts_form {
                form(&changed) != form(body)
            } else {
                true
            };
            let text = String::from_utf8_lossy(&changed).into_owned();
            let request = subject.request.clone().map(|_| Bytes::from(changed));
            assert!(!is_changed || !subject.accepts(&request), "{}: {text}", subject.id());
        }
    }
}

/// Words in files that mean that the path or the query is signed.
const PATH: [&str; 9] = [
    "{url}",
    ":url}",
    "{path}",
    "{path-and-query}",
    "@target-uri",
    "@request-target",
    "@path",
    "{canonical:plivo-v3}",
    "{canonical:truelayer}",
];
const QUERY: [&str; 6] = ["{url}", ":url}", "{query}", "{path-and-query}", "@target-uri", "@request-target"];

#[test]
fn one_flipped_bit_in_what_is_proven_of_the_url_is_refused() {
    for subject in Subject::all() {
        let (path, query) = (subject.proves(&PATH), subject.proves(&QUERY));
        let sorted = subject.proves(&["{query-sorted}"]);
        let pairs = |uri: &Uri| form(uri.query().unwrap_or_default().as_bytes());
        // Some values are signed in lower case.
        let value = |name: &str, value: String| {
            let is_lowered = subject.proves(&[&format!("{{lower:query:{name}}}")]);
            if is_lowered { value.to_lowercase() } else { value }
        };
        let named = |uri: &Uri| {
            let pairs = pairs(uri).into_iter().filter(|(name, _)| subject.mentioned.query.contains(name));
            pairs.map(|(name, given)| value(&name, given)).collect::<Vec<_>>()
        };
        let target = subject.request.uri();
        for (_, _, changed) in flips(target.to_string().as_bytes()) {
            let Ok(uri) = Uri::try_from(changed) else { continue };
            let is_changed = (path && uri.path() != target.path())
                || (query && uri.query() != target.query())
                || (sorted && pairs(&uri) != pairs(target))
                || named(&uri) != named(target);
            let mut request = subject.request.clone();
            *request.uri_mut() = uri;
            assert!(!is_changed || !subject.accepts(&request), "{}: {}", subject.id(), request.uri());
        }
    }
}

#[test]
fn no_other_method_is_accepted() {
    for subject in Subject::all() {
        let methods = subject.endpoint.scheme.methods();
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::from_bytes(b"QOST").unwrap()] {
            let allowed = methods.contains(&method) && !subject.proves(&["{method}", "@method"]);
            let mut request = subject.request.clone();
            *request.method_mut() = method.clone();
            let is_other = request.method() != subject.request.method();
            assert!(!is_other || allowed || !subject.accepts(&request), "{}: {method}", subject.id());
        }
    }
}
