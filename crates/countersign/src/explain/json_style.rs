//! Writes a JSON document in the styles of other serialisers, with its keys in their order or sorted.

use std::{borrow::Cow, fmt::Write as _};

use serde::de::IgnoredAny;

/// How a serialiser writes JSON.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) layout: Layout,
    pub(super) text: Text,
    pub(super) numbers: Numbers,
    pub(super) sorted: bool,
}

/// How numbers are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// As they are.
    Kept,
    /// `1` for `1.0`, `1.5` for `1.50`.
    Shortest,
    /// `1.0` for `1`, as languages without integers write it.
    Fractional,
    /// `1.50` for `1.5`, as amounts of money are written.
    Cents,
}

/// Where white space is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Compact,
    /// A space after `,` and `:`, as Python writes it.
    Spaced,
    /// Each value on a line of its own, indented by this.
    Indented(&'static str),
}

/// Which characters are escaped, and how.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// As they are.
    Kept,
    /// Only those that JSON requires.
    Plain,
    /// `\u00e9` for everything that is not ASCII.
    Ascii,
    /// The same with upper-case digits.
    AsciiUpper,
    /// `\u003c` for `<`, and the same for `>`, `&` and the line ends of JavaScript, as Go writes it.
    Html,
    /// `\/` for `/`.
    Slash,
    /// [`Text::Ascii`] and [`Text::Slash`], as PHP writes it.
    AsciiSlash,
    /// `\u003C` in upper case for everything that is not ASCII and for the special characters of HTML and JavaScript,
    /// quotation marks and `+` included, as .NET writes it.
    Web,
}

/// A JSON document that borrows its words from the text.
pub(super) enum Node<'t> {
    /// A number, `true`, `false` or `null`.
    Word(&'t str),
    /// The text between quotation marks, with its escapes.
    Text(&'t str),
    Array(Vec<Node<'t>>),
    Object(Vec<(&'t str, Node<'t>)>),
}

/// Reads a document; `None` if it is not JSON or too deep.
pub(super) fn parse(text: &str) -> Option<Node<'_>> {
    // Checks the grammar, so that the reader below need not. It does not limit the depth.
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    Reader { rest: text, depth: 0 }.node()
}

struct Reader<'t> {
    rest: &'t str,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn node(&mut self) -> Option<Node<'t>> {
        match self.peek()? {
            b'{' => self
                .members(b'}', |reader| {
                    let name = reader.text()?;
                    reader.skip();
                    Some((name, reader.node()?))
                })
                .map(Node::Object),
            b'[' => self.members(b']', Self::node).map(Node::Array),
            b'"' => self.text().map(Node::Text),
            _ => {
                let end = self.rest.find([',', ']', '}', ' ', '\t', '\r', '\n']).unwrap_or(self.rest.len());
                Some(Node::Word(self.take(end)))
            }
        }
    }

    fn members<T>(&mut self, close: u8, mut member: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.skip();
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut members = Vec::new();
        while self.peek()? != close {
            if self.peek()? == b',' {
                self.skip();
            }
            members.push(member(self)?);
        }
        self.skip();
        self.depth -= 1;
        Some(members)
    }

    /// Reads the text between quotation marks.
    fn text(&mut self) -> Option<&'t str> {
        self.peek()?;
        self.skip();
        let mut escaped = false;
        let end = self.rest.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?;
        let text = self.take(end);
        self.skip();
        Some(text)
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        self.rest.bytes().next()
    }

    /// Passes over one character of the grammar, and the white space in front of it.
    fn skip(&mut self) {
        if self.peek().is_some() {
            self.take(1);
        }
    }

    fn take(&mut self, len: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}

impl Style {
    /// The document in this style. `None` if it is too long: indenting can make a deep document many times longer.
    pub(super) fn write(self, node: &Node<'_>) -> Option<String> {
        let mut out = String::new();
        self.node(node, 0, &mut out);
        (out.len() <= MAX_WRITTEN).then_some(out)
    }

    fn node(self, node: &Node<'_>, depth: usize, out: &mut String) {
        match node {
            Node::Word(word) => out.push_str(&self.numbers.written(word)),
            Node::Text(text) => self.text(text, out),
            Node::Array(nodes) => {
                self.list("[]", nodes.iter(), depth, out, |node, out| self.node(node, depth + 1, out));
            }
            Node::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                if self.sorted {
                    members.sort_by_key(|(name, _)| *name);
                }
                self.list("{}", members.into_iter(), depth, out, |(name, node), out| {
                    self.text(name, out);
                    out.push_str(if self.layout == Layout::Compact { ":" } else { ": " });
                    self.node(node, depth + 1, out);
                });
            }
        }
    }

    fn list<T>(
        self,
        brackets: &str,
        items: impl ExactSizeIterator<Item = T>,
        depth: usize,
        out: &mut String,
        mut write: impl FnMut(T, &mut String),
    ) {
        let (open, close) = brackets.split_at(1);
        let is_empty = items.len() == 0;
        out.push_str(open);
        for (at, item) in items.enumerate() {
            if out.len() > MAX_WRITTEN {
                return;
            }
            if at > 0 {
                out.push_str(if self.layout == Layout::Spaced { ", " } else { "," });
            }
            self.line(depth + 1, out);
            write(item, out);
        }
        if !is_empty {
            self.line(depth, out);
        }
        out.push_str(close);
    }

    fn line(self, depth: usize, out: &mut String) {
        if let Layout::Indented(by) = self.layout {
            out.push('\n');
            (0..depth).for_each(|_| out.push_str(by));
        }
    }

    fn text(self, raw: &str, out: &mut String) {
        out.push('"');
        match self.decoded(raw) {
            Some(text) => text.chars().for_each(|c| self.char(c, out)),
            None => out.push_str(raw),
        }
        out.push('"');
    }

    /// The text without its escapes; `None` if it is to be kept, or has half a surrogate pair.
    fn decoded(self, raw: &str) -> Option<String> {
        if self.text == Text::Kept { None } else { serde_json::from_str(&format!("\"{raw}\"")).ok() }
    }

    fn char(self, c: char, out: &mut String) {
        let is_ascii = matches!(self.text, Text::Ascii | Text::AsciiUpper | Text::AsciiSlash | Text::Web);
        match c {
            '"' | '&' | '\'' | '+' | '<' | '>' | '`' | '\u{7f}' if self.text == Text::Web => self.escape(c, out),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '/' if matches!(self.text, Text::Slash | Text::AsciiSlash) => out.push_str("\\/"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' if self.text == Text::Html => self.escape(c, out),
            c if c < ' ' || (is_ascii && !c.is_ascii()) => self.escape(c, out),
            c => out.push(c),
        }
    }

    fn escape(self, c: char, out: &mut String) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = match self.text {
                Text::AsciiUpper | Text::Web => write!(out, "\\u{unit:04X}"),
                _ => write!(out, "\\u{unit:04x}"),
            };
        }
    }
}

impl Numbers {
    fn written(self, word: &str) -> Cow<'_, str> {
        if self == Self::Kept
            || !word.starts_with(|c: char| c == '-' || c.is_ascii_digit())
            || word.contains(['e', 'E'])
        {
            return word.into();
        }
        match (self, word.split_once('.')) {
            (Self::Shortest, Some(_)) => word.trim_end_matches('0').trim_end_matches('.').into(),
            (Self::Fractional, None) => format!("{word}.0").into(),
            (Self::Cents, Some((_, fraction))) if fraction.len() == 1 => format!("{word}0").into(),
            _ => word.into(),
        }
    }
}

/// The depth to which `serde_json` reads a document into a value. Reading, writing and dropping recurse that deep.
const MAX_DEPTH: usize = 128;

/// In bytes: more than the longest document grows to when it is rewritten, unless it is made of deep nesting alone.
const MAX_WRITTEN: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, layout: Layout, strings: Text, sorted: bool) -> String {
        Style { layout, text: strings, numbers: Numbers::Kept, sorted }.write(&parse(text).unwrap()).unwrap()
    }

    #[test]
    fn each_kind_of_numbers_is_that_of_its_serialiser() {
        let written = |numbers| {
            let style = Style { layout: Layout::Compact, text: Text::Kept, numbers, sorted: false };
            style.write(&parse("[10, 1.0, 1.50, -2.5, 100, 1.0e3, true, \"1.0\"]").unwrap()).unwrap()
        };
        assert_eq!(written(Numbers::Kept), r#"[10,1.0,1.50,-2.5,100,1.0e3,true,"1.0"]"#);
        assert_eq!(written(Numbers::Shortest), r#"[10,1,1.5,-2.5,100,1.0e3,true,"1.0"]"#);
        assert_eq!(written(Numbers::Fractional), r#"[10.0,1.0,1.50,-2.5,100.0,1.0e3,true,"1.0"]"#);
        assert_eq!(written(Numbers::Cents), r#"[10,1.00,1.50,-2.50,100,1.0e3,true,"1.0"]"#);
    }

    const DOCUMENT: &str = " {\"b\" : [1.0, 1e3 ,true,{ }, [ ]],\"a\":\"\\u00e9\\/<\\\"\\\\\" }\n";

    #[test]
    fn each_layout_is_that_of_its_serialiser() {
        let compact = written(DOCUMENT, Layout::Compact, Text::Kept, false);
        assert_eq!(compact, r#"{"b":[1.0,1e3,true,{},[]],"a":"\u00e9\/<\"\\"}"#);
        let spaced = written(DOCUMENT, Layout::Spaced, Text::Plain, true);
        assert_eq!(spaced, "{\"a\": \"é/<\\\"\\\\\", \"b\": [1.0, 1e3, true, {}, []]}");
        let indented = written(r#"{"a":[1,{}],"b":2}"#, Layout::Indented("  "), Text::Kept, false);
        assert_eq!(indented, "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": 2\n}");
    }

    #[test]
    fn each_kind_of_escapes_is_that_of_its_serialiser() {
        let text = |strings| written("\"é/<\u{1f600}\\u0001\"", Layout::Compact, strings, false);
        assert_eq!(text(Text::Plain), "\"é/<\u{1f600}\\u0001\"");
        assert_eq!(text(Text::Ascii), r#""\u00e9/<\ud83d\ude00\u0001""#);
        assert_eq!(text(Text::AsciiUpper), r#""\u00E9/<\uD83D\uDE00\u0001""#);
        assert_eq!(text(Text::Html), "\"é/\\u003c\u{1f600}\\u0001\"");
        assert_eq!(text(Text::AsciiSlash), r#""\u00e9\/<\ud83d\ude00\u0001""#);
        assert_eq!(text(Text::Web), r#""\u00E9/\u003C\uD83D\uDE00\u0001""#);
    }

    #[test]
    fn what_is_no_json_is_not_read() {
        for text in ["", "{", "[1,]", "{\"a\"}", "1 2", &"[".repeat(100)] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_document_is_read_down_to_a_certain_depth() {
        let nested = |depth| ["[".repeat(depth), "]".repeat(depth)].concat();
        assert!(parse(&nested(MAX_DEPTH)).is_some() && parse(&nested(MAX_DEPTH + 1)).is_none());
        let side_by_side = format!("[{}{{}}]", "[],".repeat(MAX_DEPTH));
        assert!(parse(&side_by_side).is_some());
    }
}
