//! `UrlRule`: the forms in which the URL may be signed.

use serde::Deserialize;

/// The forms in which the URL may have been signed.
#[derive(Clone, Debug)]
pub(crate) struct UrlRule {
    pub(crate) forms: Vec<UrlForm>,
    /// The characters that are decoded in [`UrlForm::Decoded`].
    pub(crate) decode: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UrlForm {
    /// As it was requested.
    AsIs,
    /// With an explicit port, the scheme's default if the public URL names none.
    WithPort,
    /// Without any port.
    WithoutPort,
    /// With the percent-escapes of some characters decoded.
    Decoded,
}
