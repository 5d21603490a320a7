//! `Source`: the place of a value in the request.

use std::fmt;

use http::HeaderName;

use super::file::{OneOrMore, Place};
use crate::json::Pointer;

/// Where a scheme finds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A header; the first of these names that the request has.
    Header(Vec<HeaderName>),
    /// A parameter of the query string, percent-decoded.
    Query(String),
    /// A value of the JSON body.
    Json(Pointer),
    /// A parameter of the form body, decoded.
    Form(String),
    /// A value of the JSON text in a form parameter.
    FormJson(String, Pointer),
    /// A claim of the JSON Web Token.
    Claim(Pointer),
    /// The whole body.
    Body,
}

impl Source {
    /// The header that it is, by the first of its names.
    pub(crate) fn first_header(&self) -> Option<&HeaderName> {
        match self {
            Self::Header(names) => names.first(),
            _ => None,
        }
    }

    /// The one place that a table names; `Ok(None)` if it names none.
    pub(super) fn from_place(place: Place) -> Result<Option<Self>, String> {
        let Place { header, query, json, form, claim } = place;
        let mut sources = Vec::new();
        if let Some(names) = header {
            sources.push(Self::header(names)?);
        }
        sources.extend(query.map(Self::Query));
        match (form, json) {
            (Some(name), Some(pointer)) => sources.push(Self::FormJson(name, parse_pointer(&pointer)?)),
            (Some(name), None) => sources.push(Self::Form(name)),
            (None, Some(pointer)) => sources.push(Self::Json(parse_pointer(&pointer)?)),
            (None, None) => {}
        }
        if let Some(pointer) = claim {
            sources.push(Self::Claim(parse_pointer(&pointer)?));
        }
        if sources.len() > 1 {
            return Err("expected one of `header`, `query`, `json`, `form` and `claim`, found several".to_owned());
        }
        Ok(sources.pop())
    }

    /// The place that a placeholder such as `{header:X-Id}` names; `None` if it names no place at all.
    pub(super) fn from_placeholder(name: &str, argument: &str) -> Option<Result<Self, String>> {
        Some(match name {
            "header" => Self::header(OneOrMore::One(argument.to_owned())),
            "query" => Ok(Self::Query(argument.to_owned())),
            "json" => parse_pointer(argument).map(Self::Json),
            "form" => match argument.split_once('#') {
                Some((name, pointer)) => parse_pointer(pointer).map(|pointer| Self::FormJson(name.to_owned(), pointer)),
                None => Ok(Self::Form(argument.to_owned())),
            },
            "claim" => parse_pointer(argument).map(Self::Claim),
            _ => return None,
        })
    }

    fn header(names: OneOrMore) -> Result<Self, String> {
        let names = match names {
            OneOrMore::One(name) => vec![name],
            OneOrMore::More(names) => names,
        };
        if names.is_empty() {
            return Err("expected at least one header name".to_owned());
        }
        let parse = |name: &String| {
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is not a header name"))
        };
        names.iter().map(parse).collect::<Result<_, _>>().map(Self::Header)
    }

    /// Whether it can be read only after the whole body arrived.
    pub(crate) fn is_in_body(&self) -> bool {
        matches!(self, Self::Json(_) | Self::Form(_) | Self::FormJson(..) | Self::Body)
    }
}

fn parse_pointer(pointer: &str) -> Result<Pointer, String> {
    Pointer::parse(pointer).ok_or_else(|| format!("`{pointer}` is not a JSON pointer; expected one such as `/data/id`"))
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(names) => {
                f.write_str("header `")?;
                for (at, name) in names.iter().enumerate() {
                    write!(f, "{}{name}", if at == 0 { "" } else { "` or `" })?;
                }
                f.write_str("`")
            }
            Self::Query(name) => write!(f, "query parameter `{name}`"),
            Self::Json(pointer) => write!(f, "JSON value `{pointer}`"),
            Self::Form(name) => write!(f, "form parameter `{name}`"),
            Self::FormJson(name, pointer) => write!(f, "JSON value `{pointer}` of form parameter `{name}`"),
            Self::Claim(pointer) => write!(f, "claim `{pointer}`"),
            Self::Body => f.write_str("body"),
        }
    }
}
