//! XML: one root element, no document type, no entities but XML's five, bounded depth.

use countersign::Rejection;
use quick_xml::{
    Reader, XmlVersion,
    events::{BytesDecl, BytesRef, BytesStart, Event},
};
use serde::de::DeserializeOwned;
use serde_path_to_error::Track;

use super::{malformed, misfit};

/// Reads an XML document by the rules of [`quick_xml::de`]: `@name` is an attribute, `$text` the text of an element.
///
/// # Errors
///
/// [`Rejection::Payload`] if the document cannot be read, is not UTF-8, has a DOCTYPE, a reference to an entity other than `&amp;`,
/// `&lt;`, `&gt;`, `&quot;` and `&apos;`, more than 64 levels, or more than 256 attributes on an element, or does not fit `T`.
/// `quick_xml` does not validate fully: it accepts some characters and names that XML does not allow.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Rejection> {
    let text = std::str::from_utf8(body).map_err(|error| malformed(error.to_string()))?;
    Survey::check(text)?;
    let mut track = Track::new();
    let mut document = quick_xml::de::Deserializer::from_str(text);
    T::deserialize(serde_path_to_error::Deserializer::new(&mut document, &mut track))
        .map_err(|error| misfit(&track.path(), &error))
}

/// A pass over the whole document before it is deserialized: the deserializer does not read beyond what `T` needs, and recurses as
/// deep as the document.
#[derive(Default)]
struct Survey {
    depth: usize,
    roots: usize,
}

impl Survey {
    fn check(text: &str) -> Result<(), Rejection> {
        let mut reader = Reader::from_str(text);
        let mut survey = Self::default();
        loop {
            let event = reader.read_event().map_err(|error| malformed(error.to_string()))?;
            let end = matches!(event, Event::Eof);
            survey
                .take(&event)
                .map_err(|problem| malformed(format!("{problem}, at byte {}", reader.buffer_position())))?;
            if end {
                return Ok(());
            }
        }
    }

    fn take(&mut self, event: &Event<'_>) -> Result<(), String> {
        match event {
            Event::Start(element) => {
                self.enter()?;
                check_attributes(element)
            }
            Event::Empty(element) => {
                self.enter()?;
                self.depth -= 1;
                check_attributes(element)
            }
            // The reader refuses an end tag without a start tag.
            Event::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Event::Text(text) if self.depth == 0 => refuse_unless(text.trim().is_empty(), "text outside of the root"),
            Event::CData(_) | Event::GeneralRef(_) if self.depth == 0 => Err("text outside of the root".to_owned()),
            Event::GeneralRef(reference) => check_reference(reference),
            Event::Decl(declaration) => check_encoding(declaration),
            Event::DocType(_) => Err("a DOCTYPE, which is not read".to_owned()),
            Event::Eof => refuse_unless(self.depth == 0 && self.roots == 1, "the document ends too early"),
            Event::Text(_) | Event::CData(_) | Event::Comment(_) | Event::PI(_) => Ok(()),
        }
    }

    fn enter(&mut self) -> Result<(), String> {
        self.roots += usize::from(self.depth == 0);
        self.depth += 1;
        refuse_unless(self.roots == 1, "a second root")?;
        refuse_unless(self.depth <= MAX_DEPTH, "elements nested too deep")
    }
}

fn check_attributes(element: &BytesStart<'_>) -> Result<(), String> {
    for (count, attribute) in element.attributes().enumerate() {
        refuse_unless(count < MAX_ATTRIBUTES, "too many attributes")?;
        let attribute = attribute.map_err(|error| error.to_string())?;
        attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn check_reference(reference: &BytesRef<'_>) -> Result<(), String> {
    let is_character = reference.resolve_char_ref().map_err(|error| error.to_string())?.is_some();
    refuse_unless(is_character || PREDEFINED.contains(&&**reference), "an entity that XML does not define")
}

fn check_encoding(declaration: &BytesDecl<'_>) -> Result<(), String> {
    let Some(encoding) = declaration.encoding() else { return Ok(()) };
    let encoding = encoding.map_err(|error| error.to_string())?;
    let is_utf8 = ["utf-8", "us-ascii"].iter().any(|name| encoding.eq_ignore_ascii_case(name));
    refuse_unless(is_utf8, "an encoding other than UTF-8")
}

fn refuse_unless(holds: bool, problem: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(problem.to_owned()) }
}

/// A recursive `T` takes a stack frame for each level. Payloads have about ten levels.
const MAX_DEPTH: usize = 64;

/// Each attribute is compared with those before it. Payloads have a few.
const MAX_ATTRIBUTES: usize = 256;

/// XML 1.0, section 4.6.
const PREDEFINED: [&str; 5] = ["amp", "apos", "gt", "lt", "quot"];
