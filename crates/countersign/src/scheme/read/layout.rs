//! Reads the layout of the signature: `value`, `list` or `fields`.

use std::ops::Range;

use toml::Spanned;

use super::{Reader, Result};
use crate::scheme::{
    Algorithm, Hole, Syntax,
    file::{FieldsTable, ListTable},
    syntax::Shape,
};

impl Reader<'_> {
    pub(super) fn syntax(
        &self,
        value: Option<Spanned<String>>,
        list: Option<Spanned<ListTable>>,
        fields: Option<Spanned<FieldsTable>>,
        algorithm: &Algorithm,
        span: &Range<usize>,
    ) -> Result<Syntax> {
        let given =
            [value.as_ref().map(Spanned::span), list.as_ref().map(Spanned::span), fields.as_ref().map(Spanned::span)];
        let mut given = given.into_iter().flatten();
        if let (Some(first), second) = (given.next(), given.next()) {
            if *algorithm == Algorithm::HttpSignature {
                return self.fail(first, "RFC 9421 says how the signature is written: leave the layout out");
            }
            if *algorithm == Algorithm::Basic {
                return self.fail(first, "RFC 7617 says how HTTP Basic is written: leave the layout out");
            }
            if let Some(second) = second {
                return self.fail(second, "expected one of `value`, `list` and `fields`, found several");
            }
        }
        match (value, list, fields) {
            (Some(value), ..) => self.shape(&value).map(Syntax::Value),
            (_, Some(list), _) => self.list(list),
            (.., Some(fields)) => self.fields(fields),
            _ => match algorithm {
                Algorithm::Token => self.default_shape("{token}", span),
                Algorithm::Basic => self.default_shape("Basic {token}", span),
                Algorithm::Jwt | Algorithm::DetachedJws => self.default_shape("{jwt}", span),
                // Not used: the signature is a structured field.
                Algorithm::HttpSignature => self.default_shape("{base64}", span),
                _ => self.fail(
                    span.clone(),
                    "expected `value` (such as \"sha256={hex}\"), `list` or `fields`: how the tag is written",
                ),
            },
        }
    }

    fn default_shape(&self, template: &str, span: &Range<usize>) -> Result<Syntax> {
        Shape::parse(template).map(Syntax::Value).map_err(|error| self.error(span.clone(), error.message))
    }

    fn list(&self, list: Spanned<ListTable>) -> Result<Syntax> {
        let span = list.span();
        let list = list.into_inner();
        let separators = self.separators(&list.separator)?;
        if separators.is_empty() {
            return self.fail(list.separator.span(), "expected separators: one or more, such as \",\"");
        }
        let items = list.items.iter().map(|item| self.shape(item)).collect::<Result<Vec<_>>>()?;
        if items.is_empty() {
            return self.fail(span, "expected at least one item");
        }
        for (at, item) in items.iter().enumerate() {
            let shadowed = items[..at].iter().any(|earlier| item.prefix().starts_with(earlier.prefix()));
            if shadowed {
                return self.fail(
                    list.items[at].span(),
                    "an earlier item begins the same way and matches everything that this one could",
                );
            }
        }
        let item_end = list.item_end.map(|end| self.item_end(&end, separators)).transpose()?;
        Ok(Syntax::List { separators: separators.into(), trim: list.trim, item_end, items })
    }

    fn fields(&self, fields: Spanned<FieldsTable>) -> Result<Syntax> {
        let span = fields.span();
        let fields = fields.into_inner();
        let [separator] = *self.separators(&fields.separator)? else {
            return self.fail(fields.separator.span(), "expected a separator of one character, such as \",\"");
        };
        let items = fields.items.iter().map(|item| self.shape(item)).collect::<Result<Vec<_>>>()?;
        if items.is_empty() {
            return self.fail(span, "expected at least one item");
        }
        let rest = fields.rest.map(|rest| self.shape(&rest)).transpose()?;
        Ok(Syntax::Fields { separator, items, rest })
    }

    /// Reads one character that no tag contains, in any encoding.
    fn item_end(&self, text: &Spanned<String>, separators: &[u8]) -> Result<u8> {
        match *self.separators(text)? {
            [end] if separators.contains(&end) => {
                self.fail(text.span(), "this character already separates items: leave `item_end` out")
            }
            [end] if !b"+/-_=".contains(&end) => Ok(end),
            _ => self.fail(text.span(), "expected one character that no tag contains, such as \",\""),
        }
    }

    /// Refuses letters and digits, because items contain them. Such a separator would split a time in two, and the
    /// second half could be read as another time.
    fn separators<'t>(&self, text: &'t Spanned<String>) -> Result<&'t [u8]> {
        let separators = text.get_ref().as_bytes();
        if separators.iter().any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii()) {
            return self.fail(text.span(), "expected ASCII characters other than letters and digits, such as \",\"");
        }
        Ok(separators)
    }

    fn shape(&self, template: &Spanned<String>) -> Result<Shape> {
        Shape::parse(template.get_ref()).map_err(|error| self.in_template(template, error))
    }

    pub(super) fn holes_fit(&self, syntax: &Syntax, algorithm: &Algorithm, span: &Range<usize>) -> Result<()> {
        let expected = match algorithm {
            Algorithm::Token | Algorithm::Basic => "`{token}`",
            Algorithm::Jwt | Algorithm::DetachedJws => "`{jwt}`",
            _ => "an encoding such as `{hex}`",
        };
        let fits = |hole: &Hole| match hole {
            Hole::Token => expected == "`{token}`",
            Hole::Jwt => expected == "`{jwt}`",
            Hole::Tag(_) => expected.starts_with("an encoding"),
            Hole::Timestamp | Hole::Id | Hole::KeyName | Hole::Any => true,
        };
        if !syntax.holes().all(|hole| fits(&hole)) {
            return self.fail(span.clone(), format!("for this algorithm, the layout must have {expected}"));
        }
        if !syntax.holes().any(Hole::carries_proof) {
            return self.fail(span.clone(), format!("the layout has no place for the tag: expected {expected}"));
        }
        for single in [Hole::Timestamp, Hole::Id, Hole::Token, Hole::Jwt] {
            if syntax.holes().filter(|hole| *hole == single).count() > 1 {
                return self.fail(span.clone(), format!("the layout has `{{{single}}}` twice"));
            }
        }
        Ok(())
    }
}
