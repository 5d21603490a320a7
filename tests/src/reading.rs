//! A second reading of a scheme file, from its text alone: which parts of a request the verdict depends on.
//!
//! Tests compare the library with it. Two requests have one reading if the scheme cannot distinguish them: then a
//! signature of one is a signature of the other, and both must get the same verdict. Any other change must be refused.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};
use serde_json::Value as Json;
use toml::{Table, Value};

/// The content of a scheme file, understood without the library.
#[derive(Debug)]
pub struct Reading {
    file: Table,
    /// The placeholders of `signs`, without their braces.
    parts: Vec<String>,
}

/// The place of a value.
enum Place {
    Header(Vec<String>),
    Query(String),
    Json(String),
    Form(String),
}

impl Reading {
    /// Reads a scheme file.
    ///
    /// # Panics
    ///
    /// If it is not TOML, which no accepted file is.
    pub fn new(file: &str) -> Self {
        let file: Table = file.parse().expect("the file is TOML");
        let signs = file["signature"].get("signs").and_then(Value::as_str).unwrap_or_default();
        let parts = signs.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.to_owned());
        Self { parts: parts.collect(), file }
    }

    /// Whether `changed` must get the verdict that `original` got.
    pub fn is_same(&self, original: &Request<Bytes>, changed: &Request<Bytes>) -> bool {
        let forms = self.url_forms();
        let Some(original) = self.read(original, forms[0]) else { return false };
        let allowed = self.methods().contains(changed.method());
        allowed && forms.iter().any(|form| self.read(changed, form).as_ref() == Some(&original))
    }

    /// Whether `changed` may also be refused where [`is_same`](Self::is_same) would have it accepted: JSON that is not
    /// UTF-8 everywhere is no JSON, but a reader that skips over such places can be excused.
    pub fn may_be_refused(&self, changed: &Request<Bytes>) -> bool {
        self.needs_json() && std::str::from_utf8(changed.body()).is_err()
    }

    /// Whether a signature covers every byte of the body.
    pub fn covers_body(&self) -> bool {
        let stated = self.file["signature"].get("covers_body").and_then(Value::as_bool);
        (!self.parts.is_empty() || self.algorithm() == "http-signature") && stated != Some(false)
    }

    /// Whether all that is signed stands in the file: not what a function writes, or what a request says that it
    /// covers.
    pub fn is_complete(&self) -> bool {
        self.algorithm() != "http-signature" && !self.parts.iter().any(|part| part.starts_with("canonical:"))
    }

    /// Whether `{name}` is a part of what is signed.
    pub fn signs(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part == name)
    }

    /// Whether the body must be a JSON object: values are read from or written to it, or only its first byte ends the
    /// URL.
    pub fn needs_json(&self) -> bool {
        let next_to_url = |pair: &[String]| pair[0] == "url" && pair[1] == "body";
        self.places().iter().any(|(place, _)| matches!(place, Place::Json(_))) || self.parts.windows(2).any(next_to_url)
    }

    /// Whether the body must be a form.
    pub fn needs_form(&self) -> bool {
        self.signs("form-sorted")
            || self.signs("canonical:plivo-v3")
            || self.places().iter().any(|(place, _)| matches!(place, Place::Form(_)))
    }

    /// The names of the headers whose values are parts of what is signed.
    pub fn signed_headers(&self) -> Vec<String> {
        self.parts.iter().filter_map(|part| part.strip_prefix("header:")).map(str::to_owned).collect()
    }

    /// A JSON body with what `signs` names in it, and with a place for what the signer writes.
    pub fn complete(&self, body: Vec<u8>) -> Vec<u8> {
        let Ok(mut document) = serde_json::from_slice::<Json>(&body) else { return body };
        let before = document.clone();
        for (place, _) in self.places() {
            let Place::Json(pointer) = place else { continue };
            let signed = self.signs(&format!("json:{pointer}"));
            let names: Vec<&str> = pointer.split('/').skip(1).collect();
            let (leaf, parents) = names.split_last().expect("a pointer has a name");
            let mut at = &mut document;
            for (name, next) in parents.iter().zip(&names[1..]) {
                // A list has one item: there is no scheme that reads another than the first.
                let empty =
                    if *next == "0" { Json::Array(vec![Json::Null]) } else { Json::Object(serde_json::Map::new()) };
                at = match at {
                    Json::Object(object) => object.entry(*name).or_insert(empty),
                    Json::Array(list) if list.len() == 1 => &mut list[0],
                    _ => return body,
                };
                if at.is_null() {
                    *at = Json::Object(serde_json::Map::new());
                }
            }
            if let Some(object) = at.as_object_mut().filter(|_| signed) {
                object.entry(*leaf).or_insert_with(|| "o-17".into());
            }
        }
        if document == before { body } else { serde_json::to_vec(&document).expect("it was JSON") }
    }

    /// The names of the headers that it reads: the preferred one of each place.
    pub fn headers(&self) -> Vec<String> {
        let names = self.places().into_iter().filter_map(|(place, _)| match place {
            Place::Header(names) => names.into_iter().next(),
            _ => None,
        });
        names.collect()
    }

    /// The header that carries the signature.
    pub fn signature_header(&self) -> Option<String> {
        match self.signature_place() {
            Place::Header(names) => names.into_iter().next(),
            _ => None,
        }
    }

    /// The text of `signature.value`, or of the only item of `signature.list`.
    pub fn tag_template(&self) -> Option<&str> {
        let signature = &self.file["signature"];
        let items = signature.get("list").map(|list| list["items"].as_array().map(Vec::as_slice).unwrap_or_default());
        match (signature.get("value"), items) {
            (Some(value), _) => value.as_str(),
            (None, Some([item])) => item.as_str(),
            _ => None,
        }
    }

    /// The number of tags that its signer writes. Each of them alone proves the request.
    pub fn tags(&self) -> usize {
        let items = self.file["signature"].get("list").and_then(|list| list["items"].as_array());
        let is_tag =
            |item: &&Value| item.as_str().is_some_and(|item| !item.contains("{timestamp}") && !item.contains("{id}"));
        items.map_or(1, |items| items.iter().filter(is_tag).count())
    }

    /// The algorithm's name.
    pub fn algorithm(&self) -> &str {
        self.file["signature"]["algorithm"].as_str().unwrap_or_default()
    }

    /// The name of the timestamp's format.
    pub fn time_format(&self) -> Option<&str> {
        self.file.get("timestamp")?.get("format")?.as_str()
    }

    /// The request methods that it takes.
    pub fn methods(&self) -> Vec<Method> {
        let stated = self.file.get("request").and_then(|table| table.get("methods")?.as_array());
        let Some(stated) = stated else { return vec![Method::POST] };
        stated.iter().map(|name| name.as_str().unwrap_or_default().parse().expect("a method")).collect()
    }

    fn url_forms(&self) -> Vec<&str> {
        let forms = self.file.get("url").and_then(|table| table.get("forms")?.as_array());
        forms.map_or(vec!["as-is"], |forms| forms.iter().filter_map(Value::as_str).collect())
    }

    fn signature_place(&self) -> Place {
        let name = if self.algorithm() == "http-signature" { "Signature" } else { "Authorization" };
        place(&self.file["signature"]).unwrap_or_else(|| Place::Header(vec![name.to_owned()]))
    }

    /// Every place that is read, and whether its value must be a number if it is JSON.
    fn places(&self) -> Vec<(Place, Option<bool>)> {
        let mut places = vec![(self.signature_place(), None)];
        let is_string = self.file.get("timestamp").and_then(|time| time.get("string")?.as_bool()) == Some(true);
        let number = matches!(self.time_format(), Some("seconds" | "milliseconds")) && !is_string;
        places.extend(self.file.get("timestamp").and_then(place).map(|place| (place, Some(number))));
        places.extend(self.file.get("id").and_then(place).map(|place| (place, None)));
        places.extend(self.checks().filter_map(place).map(|place| (place, None)));
        let in_parts =
            self.parts.iter().filter_map(|part| part.split_once(':')).filter_map(|(kind, name)| match kind {
                "header" => Some(Place::Header(vec![name.to_owned()])),
                "query" => Some(Place::Query(name.to_owned())),
                "json" => Some(Place::Json(name.to_owned())),
                "form" => Some(Place::Form(name.to_owned())),
                _ => None,
            });
        places.extend(in_parts.map(|place| (place, None)));
        if let Some(components) = self.file.get("http-signature").and_then(|table| table["components"].as_array()) {
            let names = components.iter().filter_map(Value::as_str).filter(|name| !name.starts_with('@'));
            let names = names.map(|name| name.split(';').next().unwrap_or_default());
            let names = names.chain(["signature-input"]).map(str::to_owned);
            places.extend(names.map(|name| (Place::Header(vec![name]), None)));
        }
        places
    }

    /// All that the verdict may depend on. `None` if something is missing or ambiguous.
    fn read(&self, request: &Request<Bytes>, form: &str) -> Option<Vec<Vec<u8>>> {
        let mut read = Vec::new();
        for (at, (place, number)) in self.places().iter().enumerate() {
            let value = place.read(request, *number)?;
            read.push(if at == 0 { self.without_blanks(self.fold_case(value)) } else { value });
        }
        for part in &self.parts {
            read.push(self.part(part, request, form));
        }
        if self.checks().next().is_some() {
            read.push(request.body().to_vec());
        }
        Some(read)
    }

    /// The checks of required parts.
    fn checks(&self) -> impl Iterator<Item = &Value> {
        let checks = self.file.get("check").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        checks.iter().filter(|check| check.get("optional").and_then(Value::as_bool) != Some(true))
    }

    fn part(&self, part: &str, request: &Request<Bytes>, form: &str) -> Vec<u8> {
        let uri = request.uri();
        match part {
            "method" => request.method().as_str().into(),
            "path" => uri.path().into(),
            "query" => uri.query().unwrap_or_default().into(),
            "url" if form == "decoded" => self.decode_some(&path_and_query(uri)).into(),
            "url" | "path-and-query" => path_and_query(uri).into(),
            "form-sorted" => {
                let mut pairs = pairs(request.body());
                pairs.sort();
                if self.file.get("form").and_then(|table| table.get("dedupe")?.as_bool()) == Some(true) {
                    pairs.dedup();
                }
                pairs.into_iter().map(|(name, value)| name + &value).collect::<String>().into()
            }
            "query-sorted" => {
                let mut pairs = pairs(uri.query().unwrap_or_default().as_bytes());
                pairs.sort();
                format!("{pairs:?}").into()
            }
            "body" => request.body().to_vec(),
            _ if part.ends_with(":body") => request.body().to_vec(),
            _ => Vec::new(),
        }
    }

    fn decode_some(&self, text: &str) -> String {
        let listed = self.file["url"].get("decode").and_then(Value::as_str).unwrap_or_default();
        let decode = |text: String, c: char| {
            let escape = format!("%{:02X}", c as u32);
            text.replace(&escape, &c.to_string()).replace(&escape.to_lowercase(), &c.to_string())
        };
        listed.chars().fold(text.to_owned(), decode)
    }

    /// An item of a list in which nothing stands is passed over like any that is unknown, and space around items may be
    /// trimmed: a space that becomes a separator changes nothing.
    fn without_blanks(&self, text: Vec<u8>) -> Vec<u8> {
        let list = self.file["signature"].get("list").and_then(Value::as_table);
        let separator = list.and_then(|list| list.get("separator")?.as_str()).unwrap_or_default();
        let trims = list.and_then(|list| list.get("trim")?.as_bool()).unwrap_or_default();
        let &[separator] = separator.as_bytes() else { return text };
        let items = text.split(|byte| *byte == separator).map(|item| if trims { trim(item) } else { item });
        items.filter(|item| !item.is_empty()).collect::<Vec<_>>().join(&separator)
    }

    /// RFC 7617 takes the word `Basic` in any case, and some schemes take hex in any.
    fn fold_case(&self, text: Vec<u8>) -> Vec<u8> {
        let from = match self.tag_template() {
            Some(template) => template.find("{hex-any-case}").unwrap_or(usize::MAX),
            None => usize::MAX,
        };
        let basic = self.algorithm() == "basic";
        let fold = |(at, byte): (usize, u8)| {
            if at >= from || (basic && at < "Basic ".len()) { byte.to_ascii_lowercase() } else { byte }
        };
        text.into_iter().enumerate().map(fold).collect()
    }
}

fn place(table: &Value) -> Option<Place> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let names = |value: &Value| match value.as_array() {
        Some(names) => names.iter().map(text).collect(),
        None => vec![text(value)],
    };
    None.or_else(|| table.get("header").map(|value| Place::Header(names(value))))
        .or_else(|| table.get("query").map(|value| Place::Query(text(value))))
        .or_else(|| table.get("json").map(|value| Place::Json(text(value))))
        .or_else(|| table.get("form").map(|value| Place::Form(text(value))))
}

impl Place {
    fn read(&self, request: &Request<Bytes>, number: Option<bool>) -> Option<Vec<u8>> {
        match self {
            Self::Header(names) => {
                names.iter().map(|name| lines(request.headers(), name)).find(|lines| !lines.is_empty()).and_then(only)
            }
            Self::Query(name) => parameter(name, request.uri().query().unwrap_or_default().as_bytes()),
            Self::Form(name) => parameter(name, request.body()),
            Self::Json(pointer) => json(request.body(), pointer, number),
        }
    }
}

/// The lines of a header.
fn lines(headers: &HeaderMap, name: &str) -> Vec<Vec<u8>> {
    headers.get_all(name).iter().map(|line| line.as_bytes().to_vec()).collect()
}

fn only(mut lines: Vec<Vec<u8>>) -> Option<Vec<u8>> {
    if lines.len() == 1 { lines.pop().map(|line| trim(&line).to_vec()) } else { None }
}

/// White space around a header's value is not part of it: RFC 9110 section 5.5.
fn trim(line: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let start = line.iter().position(|byte| !is_space(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !is_space(byte)).map_or(start, |at| at + 1);
    &line[start..end]
}

fn parameter(wanted: &str, encoded: &[u8]) -> Option<Vec<u8>> {
    let mut values: Vec<String> = Vec::new();
    decode(encoded)?;
    for piece in encoded.split(|byte| *byte == b'&') {
        let (name, value) = split(piece);
        if decode(name).is_some_and(|name| name == wanted) {
            values.push(decode(value)?);
        }
    }
    values.dedup();
    if values.len() == 1 { values.pop().map(String::into_bytes) } else { None }
}

/// All parameters. Invalid UTF-8 is replaced, as in the SDKs of the providers that sort their forms.
fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    let text = |text: &[u8]| String::from_utf8_lossy(&unescape(text)).into_owned();
    let pieces = encoded.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()).map(split);
    pieces.map(|(name, value)| (text(name), text(value))).collect()
}

fn split(piece: &[u8]) -> (&[u8], &[u8]) {
    match piece.iter().position(|byte| *byte == b'=') {
        Some(at) => (&piece[..at], &piece[at + 1..]),
        None => (piece, b""),
    }
}

/// As the URL standard decodes it, but `None` for what is not UTF-8.
fn decode(text: &[u8]) -> Option<String> {
    String::from_utf8(unescape(text)).ok()
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut plain, mut at) = (Vec::new(), 0);
    while let Some(byte) = text.get(at) {
        let (byte, len) = match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => (u8::try_from(high * 16 + low).expect("two digits"), 3),
            (b'+', ..) => (b' ', 1),
            _ => (*byte, 1),
        };
        plain.push(byte);
        at += len;
    }
    plain
}

fn json(body: &[u8], pointer: &str, number: Option<bool>) -> Option<Vec<u8>> {
    let text = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    // Bytes that are no text may be outside of the path to a value: see `may_be_refused`.
    let document: Json = serde_json::from_str(&String::from_utf8_lossy(text)).ok()?;
    let value = document.pointer(pointer)?;
    if number.is_some_and(|number| number != value.is_i64()) {
        return None;
    }
    match value {
        Json::String(text) => Some(text.clone().into_bytes()),
        Json::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string().into_bytes()),
        Json::Bool(value) => Some(value.to_string().into_bytes()),
        _ => None,
    }
}

fn path_and_query(uri: &Uri) -> String {
    uri.query().map_or(uri.path().to_owned(), |query| format!("{}?{query}", uri.path()))
}
