//! `FormRule`: how sorted parameters are written.

/// How `{form-sorted}` and `{query-sorted}` write the parameters.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "keys of a file, each of its own")]
pub(crate) struct FormRule {
    /// Between a name and its value.
    pub(crate) between: String,
    /// After each value.
    pub(crate) after: String,
    /// Between pairs.
    pub(crate) join: String,
    /// Whether equal pairs count once.
    pub(crate) dedupe: bool,
    /// Names that are left out.
    pub(crate) exclude: Vec<String>,
    /// Whether pairs without a value are left out.
    pub(crate) skip_empty: bool,
    /// Whether names are left out.
    pub(crate) values_only: bool,
    /// Whether names and values are percent-encoded again.
    pub(crate) encode: bool,
}

impl FormRule {
    /// Whether the ends of names and values are unambiguous: both are written, percent-encoded, and separated by marks
    /// that encoded text does not contain.
    pub(crate) fn is_framed(&self) -> bool {
        let is_mark = |text: &str| !text.is_empty() && text.bytes().all(|byte| b"=&:;,|".contains(&byte));
        let behind_value = [self.after.as_str(), self.join.as_str()].concat();
        self.encode && !self.values_only && is_mark(&self.between) && is_mark(&behind_value)
    }
}
