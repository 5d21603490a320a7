//! What no data can describe: the canonical forms that some providers sign, as functions that a scheme file names.
//!
//! Each is one file. It writes the signed bytes and says what they cover; nothing else asks which provider it is for.

mod aws_sns;

use crate::{
    content::Content,
    rejection::Rejection,
    scheme::{Source, UrlForm},
};

/// A named canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Canonical {
    /// The lines that Amazon SNS signs.
    AwsSns,
}

impl Canonical {
    const ALL: [Self; 1] = [Self::AwsSns];

    /// The word for it in scheme files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AwsSns => "aws-sns",
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
        match self {
            Self::AwsSns => false,
        }
    }

    /// Whether it reads the body.
    pub(crate) fn needs_body(self) -> bool {
        match self {
            Self::AwsSns => true,
        }
    }

    /// Whether every byte of the body is covered.
    pub(crate) fn covers_body(self) -> bool {
        match self {
            Self::AwsSns => false,
        }
    }

    /// Whether two requests can have one canonical form.
    pub(crate) fn is_ambiguous(self) -> bool {
        match self {
            Self::AwsSns => false,
        }
    }

    /// Whether the value at `source` is covered.
    pub(crate) fn covers(self, source: &Source) -> bool {
        match self {
            Self::AwsSns => aws_sns::covers(source),
        }
    }

    /// The signed bytes. `body` is the whole body, empty if the form does not read it.
    pub(crate) fn write(self, content: &Content<'_>, body: &[u8], _form: UrlForm) -> Result<Vec<u8>, Rejection> {
        match self {
            Self::AwsSns => aws_sns::write(content, body),
        }
    }
}
