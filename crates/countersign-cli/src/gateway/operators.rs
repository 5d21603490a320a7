//! Who may have an event handled again that was handled before.

use std::sync::Arc;

use countersign_tower::replay::OperatorReplay;
use http::{HeaderName, Request, StatusCode};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The header in which an operator's token comes.
pub(crate) const OPERATOR: HeaderName = HeaderName::from_static("countersign-operator");

/// Operators, each known by a token.
#[derive(Clone, Default)]
pub(crate) struct Operators(Arc<[(Arc<str>, Token)]>);

/// A hash of a token, so that what is compared is of one length, whatever is sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Token([u8; 32]);

/// A request brings a token that is nobody's.
pub(crate) struct UnknownOperator;

impl UnknownOperator {
    /// How logs and metrics call it.
    pub(crate) const CODE: &str = "unknown_operator";
    pub(crate) const STATUS: StatusCode = StatusCode::FORBIDDEN;
}

impl Token {
    /// In bytes: so many random letters and digits nobody guesses.
    pub(crate) const SHORTEST: usize = 32;

    pub(crate) fn new(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }
}

impl Operators {
    pub(crate) fn new(operators: impl IntoIterator<Item = (Arc<str>, Token)>) -> Self {
        Self(operators.into_iter().collect())
    }

    /// Takes the token out of a request and opens the replay guard to it, and nothing else; without a token, to none.
    pub(super) fn open_to<B>(&self, request: &mut Request<B>) -> Result<(), UnknownOperator> {
        let mut lines = request.headers().get_all(&OPERATOR).iter();
        let Some(line) = lines.next() else { return Ok(()) };
        if lines.next().is_some() {
            return Err(UnknownOperator);
        }
        let sent = Token::new(line.as_bytes());
        let known =
            self.0.iter().fold(
                None,
                |known, (name, token)| {
                    if token.0.ct_eq(&sent.0).into() { Some(Arc::clone(name)) } else { known }
                },
            );
        request.headers_mut().remove(&OPERATOR);
        request.extensions_mut().insert(OperatorReplay::authorized_by(known.ok_or(UnknownOperator)?));
        Ok(())
    }
}
