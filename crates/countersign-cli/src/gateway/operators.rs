//! Operators, who may have an event handled again.

use std::sync::Arc;

use countersign::{ConfigError, Head, Key, MAX_KEYS, Scheme, Verifier, VerifierBuilder};
use countersign_tower::replay::OperatorReplay;
use http::{HeaderName, Method, Request, StatusCode};

use crate::{failure::Failure, moment};

/// The header with an operator's token.
pub(crate) const OPERATOR: HeaderName = HeaderName::from_static("countersign-operator");

/// A request has a token that no operator has.
pub(crate) struct UnknownOperator;

impl UnknownOperator {
    /// Its code in logs and metrics.
    pub(crate) const CODE: &str = "unknown_operator";
    pub(crate) const STATUS: StatusCode = StatusCode::FORBIDDEN;
}

/// Operators, each with a token. Tokens are compared in constant time, like those of providers.
#[derive(Clone, Default)]
pub(crate) struct Operators(Option<Arc<Verifier>>);

impl Operators {
    /// In bytes. So many random letters and digits cannot be guessed.
    pub(crate) const SHORTEST_TOKEN: usize = 32;

    /// Operators with these tokens. The label of a key is the operator's name.
    pub(crate) fn new(tokens: Vec<Key>) -> Result<Self, Failure> {
        if tokens.is_empty() {
            return Ok(Self(None));
        }
        let scheme = Scheme::from_toml("operators", SCHEME).map_err(|error| Failure::new(error.to_string()))?;
        let verifier = tokens.into_iter().fold(Verifier::builder(&scheme), VerifierBuilder::key).build();
        match verifier {
            Ok(verifier) => Ok(Self(Some(Arc::new(verifier)))),
            Err(ConfigError::TooManySecrets) => Err(Failure::new(format!("there may be {MAX_KEYS} operators at most"))),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the token out of a request, if there is one, and lets the request pass the replay guard, but no other
    /// check.
    pub(super) fn open_to<B>(&self, request: &mut Request<B>) -> Result<(), UnknownOperator> {
        if !request.headers().contains_key(&OPERATOR) {
            return Ok(());
        }
        let verifier = self.0.as_ref().ok_or(UnknownOperator)?;
        let head = Head::new(&Method::POST, request.uri(), request.headers());
        let known = verifier.verify(head, b"", moment::now()).map_err(|_| UnknownOperator)?;
        let operator = OperatorReplay::authorized_by(known.key_label());
        request.headers_mut().remove(&OPERATOR);
        request.extensions_mut().insert(operator);
        Ok(())
    }
}

const SCHEME: &str = "\
name = \"Operators\"
[signature]
algorithm = \"token\"
header = \"countersign-operator\"
covers_body = false
";
