//! Canonical forms that no scheme file can describe: each is a function, which a scheme file refers to by name.
//!
//! Each form has its own file. It writes the signed bytes and says what they cover. No other code depends on the
//! provider.

mod adyen;
mod aws_sns;
mod contentful;
mod hygraph;
mod plivo_v3;
mod signed_headers;
#[cfg(test)]
mod tests;
mod truelayer;

use http::HeaderName;

use crate::{
    content::{Content, malformed_value},
    head::look_up,
    json::{self, Pointer, Scalar},
    rejection::{Problem, Rejection},
    scheme::{Source, UrlForm},
};

/// A named canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Canonical {
    /// Eight values of the one item that Adyen sends.
    Adyen,
    /// The lines that Amazon SNS signs.
    AwsSns,
    /// Method, path, the headers that a header lists, and the body.
    Contentful,
    /// The body as a JSON string, and the environment that the signature's text names.
    Hygraph,
    /// The URL with its query sorted, and the sorted form body.
    PlivoV3,
    /// The names of headers, their values, and the body.
    SignedHeaders,
    /// Method, path, the headers that the token's header lists, and the body.
    TrueLayer,
}

impl Canonical {
    const ALL: [Self; 7] = [
        Self::Adyen,
        Self::AwsSns,
        Self::Contentful,
        Self::Hygraph,
        Self::PlivoV3,
        Self::SignedHeaders,
        Self::TrueLayer,
    ];

    /// Its name in scheme files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Adyen => "adyen",
            Self::AwsSns => "aws-sns",
            Self::Contentful => "contentful",
            Self::Hygraph => "hygraph",
            Self::PlivoV3 => "plivo-v3",
            Self::SignedHeaders => "signed-headers",
            Self::TrueLayer => "truelayer",
        }
    }

    pub(crate) fn from_name(name: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join("`, `");
        Self::ALL
            .into_iter()
            .find(|function| function.name() == name)
            .ok_or_else(|| format!("unknown canonical form `{name}`; expected one of `{}`", names()))
    }

    pub(crate) fn needs_public_url(self) -> bool {
        self == Self::PlivoV3
    }

    /// Whether every byte of the body is covered.
    pub(crate) fn covers_body(self) -> bool {
        match self {
            Self::Adyen | Self::AwsSns => false,
            Self::Contentful | Self::Hygraph | Self::PlivoV3 | Self::SignedHeaders | Self::TrueLayer => true,
        }
    }

    /// What a token's header must contain besides its algorithm, if the form is signed by a token.
    pub(crate) fn token_parameters(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::TrueLayer => truelayer::PARAMETERS,
            Self::Adyen | Self::AwsSns | Self::Contentful | Self::Hygraph | Self::PlivoV3 | Self::SignedHeaders => &[],
        }
    }

    /// Whether two different requests can have the same canonical form.
    pub(crate) fn is_ambiguous(self) -> bool {
        match self {
            Self::PlivoV3 => true,
            Self::Adyen | Self::AwsSns | Self::Contentful | Self::Hygraph | Self::SignedHeaders | Self::TrueLayer => {
                false
            }
        }
    }

    /// Whether its text marks its own end, so that other parts may follow it.
    pub(crate) fn marks_its_end(self) -> bool {
        // It ends with a JSON string.
        self == Self::Hygraph
    }

    /// Whether the value at `source` is covered in every request.
    pub(crate) fn covers(self, source: &Source) -> bool {
        match self {
            Self::Adyen => adyen::covers(source),
            Self::AwsSns => aws_sns::covers(source),
            Self::Contentful => contentful::covers(source),
            Self::PlivoV3 => plivo_v3::covers(source),
            Self::Hygraph | Self::SignedHeaders | Self::TrueLayer => source.is_in_body(),
        }
    }

    /// The signed bytes. `body` is the whole body, which every form reads.
    pub(crate) fn write(self, content: &Content<'_>, body: &[u8], form: UrlForm) -> Result<Vec<u8>, Rejection> {
        match self {
            Self::Adyen => adyen::write(body),
            Self::AwsSns => aws_sns::write(content, body),
            Self::Contentful => contentful::write(content, body),
            Self::Hygraph => hygraph::write(content, body),
            Self::PlivoV3 => plivo_v3::write(content, body, form),
            Self::SignedHeaders => signed_headers::write(content, body),
            Self::TrueLayer => truelayer::write(content, body),
        }
    }
}

/// The most headers that a request may list as signed. Providers list two or three.
const MAX_HEADERS: usize = 32;

/// The names in a list of headers; each may occur once.
fn header_names<'a>(
    names: impl Iterator<Item = &'a str>,
    place: &str,
) -> Result<Vec<(&'a str, HeaderName)>, Rejection> {
    let malformed = |problem| malformed_value(place.to_owned(), problem);
    let mut list: Vec<(&str, HeaderName)> = Vec::new();
    for text in names {
        let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| malformed(Problem::Encoding))?;
        if list.iter().any(|(_, other)| *other == name) {
            return Err(malformed(Problem::Conflicting));
        }
        if list.len() == MAX_HEADERS {
            return Err(malformed(Problem::TooMany));
        }
        list.push((text, name));
    }
    Ok(list)
}

/// The only value of a header.
fn header(content: &Content<'_>, name: &HeaderName) -> Result<Vec<u8>, Rejection> {
    content.value(&Source::Header(vec![name.clone()]), None).map(std::borrow::Cow::into_owned)
}

/// The text, whole number or boolean at a pointer; `None` if it is missing or `null`. Any other type is refused,
/// because if it were left out, it would look like a missing value.
fn scalar(document: &[u8], pointer: &str) -> Result<Option<Scalar>, Problem> {
    let pointer = Pointer::parse(pointer).ok_or(Problem::Missing)?;
    match json::read(document, &pointer)? {
        Some(value) => Ok(Some(value)),
        None => match json::raw(document, &pointer)? {
            None | Some(b"null") => Ok(None),
            Some(_) => Err(Problem::Encoding),
        },
    }
}

/// The item of the signature's text that begins with `beginning`, without that beginning; empty if there is none.
fn signature_item<'s>(content: &Content<'_>, signature: &'s str, beginning: &str) -> Result<&'s str, Rejection> {
    let mut items = signature.split(',').filter_map(|item| item.trim().strip_prefix(beginning));
    match (items.next(), items.next()) {
        (_, Some(_)) => Err(malformed_value(content.scheme.signature.source.to_string(), Problem::Conflicting)),
        (item, None) => Ok(item.unwrap_or_default()),
    }
}

/// The text of the signature, as the request has it.
fn signature(content: &Content<'_>) -> Result<String, Rejection> {
    let source = &content.scheme.signature.source;
    let malformed = |problem| malformed_value(source.to_string(), problem);
    let text = look_up(source, content.head, None).map_err(|unusable| malformed(unusable.into()))?;
    // The signer calls this before there is a signature.
    String::from_utf8(text.unwrap_or_default().into_owned()).map_err(|_| malformed(Problem::Encoding))
}
