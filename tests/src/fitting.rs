//! Finds a request that fits a scheme, by trying the signer and the verifier. It needs no second reading of the scheme
//! file, only the names of the places that the file mentions.

use std::{collections::BTreeSet, sync::LazyLock};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header::CONTENT_TYPE};
use serde_json::{Map, Value as Json};
use toml::{Table, Value};

use crate::{
    endpoint::{Endpoint, NOW},
    vectors::{Expect, VectorFile},
};

/// The places that a scheme file names in its description of the proof.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentioned {
    /// Names of headers, in lower case.
    pub headers: BTreeSet<String>,
    /// Names of parameters of the query.
    pub query: BTreeSet<String>,
    /// Names of parameters of the form, and pointers into their JSON.
    pub form: BTreeSet<(String, Option<String>)>,
    /// Pointers into the body.
    pub json: BTreeSet<String>,
}

/// Tables that are not about proofs: the event, handshakes, the provider's behaviour, and where keys are published,
/// since the tests have their own keys.
const BESIDE: [&str; 5] = ["event", "handshake", "answers", "addresses", "keys"];

impl Mentioned {
    /// Reads the places from a scheme file.
    ///
    /// # Panics
    ///
    /// If it is not TOML.
    pub fn of(file: &str) -> Self {
        let file: Table = file.parse().expect("the file is TOML");
        let mut mentioned = Self::default();
        match file["signature"].get("algorithm").and_then(Value::as_str) {
            Some("basic") => mentioned.headers.extend(["authorization".to_owned()]),
            Some("http-signature") => mentioned.headers.extend(["signature", "signature-input"].map(str::to_owned)),
            _ => {}
        }
        for value in file.iter().filter(|(name, _)| !BESIDE.contains(&name.as_str())).map(|(_, value)| value) {
            if value.is_table() || value.is_array() {
                mentioned.walk(value);
            }
        }
        mentioned
    }

    fn walk(&mut self, value: &Value) {
        match value {
            Value::String(text) => text.split(['{', '}', ',', ' ']).for_each(|piece| self.placeholder(piece)),
            Value::Array(values) => values.iter().for_each(|value| self.walk(value)),
            Value::Table(table) => {
                self.place(table);
                table.values().for_each(|value| self.walk(value));
            }
            _ => {}
        }
    }

    fn place(&mut self, table: &Table) {
        let text = |name: &str| table.get(name).and_then(Value::as_str).map(str::to_owned);
        match table.get("header") {
            Some(Value::Array(names)) => {
                self.headers.extend(names.iter().filter_map(Value::as_str).map(str::to_lowercase));
            }
            name => self.headers.extend(name.and_then(Value::as_str).map(str::to_lowercase)),
        }
        self.query.extend(text("query"));
        match (text("form"), text("json")) {
            (Some(form), pointer) => drop(self.form.insert((form, pointer))),
            (None, Some(pointer)) if pointer.starts_with('/') => drop(self.json.insert(pointer)),
            _ => {}
        }
        for component in table.get("components").and_then(Value::as_array).into_iter().flatten() {
            let component = component.as_str().unwrap_or_default();
            match component.strip_prefix("@query-param;name=\"").and_then(|name| name.strip_suffix('"')) {
                Some(name) => drop(self.query.insert(name.to_owned())),
                None if component.starts_with('@') => {}
                None => self.headers.extend(component.split(';').next().map(str::to_owned)),
            }
        }
    }

    fn placeholder(&mut self, piece: &str) {
        let piece = piece.strip_prefix("lower:").or(piece.strip_prefix("sorted:")).unwrap_or(piece);
        match piece.split_once(':') {
            Some(("header", name)) => drop(self.headers.insert(name.to_lowercase())),
            Some(("query", name)) => drop(self.query.insert(name.to_owned())),
            Some(("json" | "json-raw", pointer)) => drop(self.json.insert(pointer.to_owned())),
            Some(("form", name)) => {
                let (name, pointer) = name.split_once('#').map_or((name, None), |(name, at)| (name, Some(at)));
                self.form.insert((name.to_owned(), pointer.map(str::to_owned)));
            }
            _ => {}
        }
    }
}

/// Requests that providers have really sent are tried, too.
static VECTORS: LazyLock<Vec<VectorFile>> = LazyLock::new(|| VectorFile::all().expect("the vectors can be read"));

/// A request that the scheme signs at [`NOW`] and its verifier accepts. The error is the best failed attempt.
///
/// # Errors
///
/// If none of the tried requests fits.
pub fn signed(endpoint: &Endpoint) -> Result<Request<Bytes>, String> {
    let signer = endpoint.signer_of(endpoint.secret).map_err(|error| error.to_string())?;
    let verifier = endpoint.verifier();
    let mut closest = "nothing was tried".to_owned();
    for request in candidates(endpoint) {
        let verdict = signer.sign(request, NOW).map_err(|error| error.to_string()).and_then(|signed| {
            let verdict = verifier.verify(&signed, signed.body(), NOW).map(drop);
            verdict.map(|()| alone(endpoint.id(), signed)).map_err(|rejection| rejection.to_string())
        });
        match verdict {
            Ok(signed) => return Ok(signed),
            Err(error) => closest = error,
        }
    }
    Err(closest)
}

/// Reduces the request so that every byte is needed: to one tag, if its signer writes several of which each is enough,
/// and without empty values that are optional.
fn alone(id: &str, mut request: Request<Bytes>) -> Request<Bytes> {
    let (name, from) = match id {
        "boldsign" => ("x-boldsign-signature", ", s1="),
        "tabapay" => ("x-hmac-signature", ",v2="),
        "sinch-voice" => ("authorization", ",application "),
        "own-hashed-secret" => ("x-sig", ",v1="),
        "hygraph" => ("gcms-signature", " env=,"),
        _ => return request,
    };
    let name = HeaderName::from_static(name);
    let text = request.headers()[&name].to_str().expect("it is text").to_owned();
    let at = text.find(from).unwrap_or_else(|| panic!("{id}: there is only one: {text}"));
    let rest = if id == "hygraph" { &text[at + from.len()..] } else { "" };
    request
        .headers_mut()
        .insert(name, HeaderValue::try_from(format!("{}{rest}", &text[..at])).expect("it was a value"));
    request
}

fn candidates(endpoint: &Endpoint) -> Vec<Request<Bytes>> {
    let mentioned = Mentioned::of(endpoint.toml);
    let carrier = endpoint.scheme.signature_header();
    let key_url = key_url(endpoint.toml);
    let method = endpoint.scheme.methods().first().cloned().unwrap_or(Method::POST);
    let mut made = [(json(&mentioned), "application/json"), (form(&mentioned), "application/x-www-form-urlencoded")];
    if !mentioned.form.is_empty() || endpoint.toml.contains("{form-sorted}") {
        made.reverse();
    }
    let made = made.into_iter().map(|(body, kind)| {
        let mut request = made_up(&mentioned, &method, body, kind);
        carrier.and_then(|name| request.headers_mut().remove(name));
        if let Some((name, url)) = &key_url {
            request.headers_mut().insert(name, url.clone());
        }
        request
    });
    let files = VECTORS.iter().filter(|file| file.provider == endpoint.id());
    let accepted = files.flat_map(|file| &file.cases).filter(|case| case.expect == Expect::Accept);
    let real = accepted.filter_map(|case| {
        let head = case.request.head().ok()?;
        Some(Request::from_parts(head, Bytes::copy_from_slice(case.request.body())))
    });
    // What a function writes of a body shows in real ones.
    if endpoint.toml.contains("{canonical:") { real.chain(made).collect() } else { made.chain(real).collect() }
}

/// The header with the address of the key, and a URL that the scheme accepts.
fn key_url(file: &str) -> Option<(HeaderName, HeaderValue)> {
    let file: Table = file.parse().ok()?;
    let keys = file.get("keys")?;
    let name = keys.get("url_at")?.get("header")?.as_str()?;
    let url = format!("https://{}{}", keys.get("hosts")?.get(0)?.as_str()?, keys.get("path")?.as_str()?);
    let url =
        url.replace("{label}", "a").replace("{region}", "us-east-1").replace("{word}", "key-1").replace("{hex}", "a1");
    Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(url).ok()?))
}

fn made_up(mentioned: &Mentioned, method: &Method, body: Vec<u8>, kind: &'static str) -> Request<Bytes> {
    let query = mentioned.query.iter().fold(String::new(), |query, name| query + "&" + name + "=o-17");
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = method.clone();
    *request.uri_mut() = format!("/hooks/a%3Ab/in?note=x%2Cy{query}").parse().expect("a URL");
    for name in &mentioned.headers {
        if let Ok(name) = HeaderName::try_from(name.as_str()) {
            request.headers_mut().insert(name, HeaderValue::from_static("o-17"));
        }
    }
    request.headers_mut().insert("host", HeaderValue::from_static("hooks.example.com"));
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    request
}

fn json(mentioned: &Mentioned) -> Vec<u8> {
    let pointers = mentioned.json.iter().map(String::as_str);
    let document = fill(pointers);
    serde_json::to_vec(&document).expect("it is JSON")
}

/// A document with a value at each pointer, and more.
fn fill<'a>(pointers: impl Iterator<Item = &'a str>) -> Json {
    let mut document = serde_json::json!({ "id": "evt_1", "type": "created", "text": "café" });
    for pointer in pointers {
        let names: Vec<&str> = pointer.split('/').skip(1).collect();
        put(&mut document, &names);
    }
    document
}

fn put(at: &mut Json, names: &[&str]) {
    let Some((name, rest)) = names.split_first() else {
        if at.is_null() {
            *at = "o-17".into();
        }
        return;
    };
    if let Some(place) = name.parse::<usize>().ok().filter(|_| !at.is_object()) {
        if !at.is_array() {
            *at = Json::Array(Vec::new());
        }
        let list = at.as_array_mut().expect("an array");
        list.resize(list.len().max(place + 1), Json::Null);
        put(&mut list[place], rest);
    } else {
        if !at.is_object() {
            *at = Json::Object(Map::new());
        }
        put(at.as_object_mut().expect("an object").entry(*name).or_insert(Json::Null), rest);
    }
}

fn form(mentioned: &Mentioned) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new("order=o-17&text=caf%C3%A9+x".to_owned());
    let names: BTreeSet<&str> = mentioned.form.iter().map(|(name, _)| name.as_str()).collect();
    for name in names {
        let pointers: Vec<&str> =
            mentioned.form.iter().filter(|(of, _)| of == name).filter_map(|(_, pointer)| pointer.as_deref()).collect();
        if pointers.is_empty() {
            form.append_pair(name, "o-17");
        } else {
            form.append_pair(name, &fill(pointers.into_iter()).to_string());
        }
    }
    form.finish().into_bytes()
}
