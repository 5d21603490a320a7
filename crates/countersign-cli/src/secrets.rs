//! Reads secrets from the environment or a file. The command line takes none: every process can read it.

use std::{
    env,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use clap::Args;
use countersign::{Key, Secret, SecretError};

use crate::{failure::Failure, scheme_source::unreadable};

/// The secrets of a command.
#[derive(Debug, Args)]
pub(crate) struct SecretArgs {
    /// Read a secret from this environment variable; repeatable
    #[arg(long, value_name = "NAME")]
    secret_env: Vec<String>,

    /// Read a secret from this file, without one line end at its end; repeatable
    #[arg(long, value_name = "PATH")]
    secret_file: Vec<PathBuf>,
}

impl SecretArgs {
    pub(crate) fn sources(&self) -> impl Iterator<Item = SecretSource> {
        let variables = self.secret_env.iter().cloned().map(SecretSource::Env);
        variables.chain(self.secret_file.iter().cloned().map(SecretSource::File))
    }

    /// Checks the secrets before the request is read.
    ///
    /// # Errors
    ///
    /// If a secret cannot be read, or there is none and the request comes on standard input. A file of a request may
    /// hold the secrets itself.
    pub(crate) fn wanted_for(&self, request: Option<&Path>) -> Result<(), Failure> {
        self.sources().try_for_each(|source| source.read_as_it_is().map(drop))?;
        let is_file = request.is_some_and(|path| path != "-");
        if is_file || self.sources().next().is_some() { Ok(()) } else { Err(countersign::ConfigError::NoSecret.into()) }
    }

    /// All secrets, each labelled with its source.
    pub(crate) fn keys(&self) -> Result<Vec<Key>, Failure> {
        self.sources().map(|source| Ok(Key::new(source.label(), source.read()?))).collect()
    }

    /// The one secret to sign with.
    pub(crate) fn one(&self) -> Result<Secret, Failure> {
        let mut sources = self.sources();
        match (sources.next(), sources.next()) {
            (Some(source), None) => source.read(),
            (None, _) => Err(Failure::from(countersign::ConfigError::NoSecret)),
            _ => Err(Failure::new("more than one secret: a delivery is signed with one, so name only one")),
        }
    }
}

/// Where one secret comes from.
#[derive(Clone, Debug)]
pub(crate) enum SecretSource {
    Env(String),
    File(PathBuf),
}

impl SecretSource {
    /// Parses `env:NAME` or `file:PATH`; a relative path starts at `folder`. The error does not repeat the text, which
    /// may be the secret itself.
    pub(crate) fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(folder.join(path))),
            _ => Err("secrets do not belong in this file: expected `env:NAME` or `file:PATH`".to_owned()),
        }
    }

    /// The label of a key from this source, for logs.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Env(name) => name.clone(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// The bytes of the secret, without a check whether they can be one.
    pub(crate) fn read_as_it_is(&self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Env(name) => Ok(text_from_env(name)?.into_bytes()),
            Self::File(path) => bytes_from_file(path),
        }
    }

    /// A credential that is not the secret of a scheme, without the white space at its end.
    pub(crate) fn text(&self) -> Result<String, Failure> {
        let mut text = self.read_as_it_is()?;
        while text.last().is_some_and(u8::is_ascii_whitespace) {
            text.pop();
        }
        String::from_utf8(text).map_err(|_| Failure::new(format!("the credential in {} is not UTF-8", self.label())))
    }

    /// The secret.
    pub(crate) fn read(&self) -> Result<Secret, Failure> {
        match self {
            Self::Env(name) => from_env(name),
            Self::File(path) => from_file(path),
        }
    }
}

fn from_env(name: &str) -> Result<Secret, Failure> {
    Secret::new(text_from_env(name)?).map_err(|error| unusable(&variable(name), &error))
}

fn variable(name: &str) -> String {
    // The user may have given a secret in place of the name. It must not be repeated.
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let shown = if name.bytes().all(is_name) { format!("`{name}`") } else { "of this name".to_owned() };
    format!("the environment variable {shown}")
}

fn text_from_env(name: &str) -> Result<String, Failure> {
    let variable = variable(name);
    match env::var(name) {
        Ok(text) => Ok(text),
        Err(env::VarError::NotPresent) => {
            Err(Failure::new(format!("{variable} is not set: export it before the program starts")))
        }
        Err(env::VarError::NotUnicode(_)) => {
            Err(Failure::new(format!("{variable} is not UTF-8: put the secret into a file instead")))
        }
    }
}

fn bytes_from_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    file.take(MAX_SECRET + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > MAX_SECRET {
        return Err(Failure::new(format!(
            "{} is too long for a secret: it has more than {MAX_SECRET} bytes",
            path.display()
        )));
    }
    if bytes.pop_if(|byte| *byte == b'\n').is_some() {
        bytes.pop_if(|byte| *byte == b'\r');
    }
    Ok(bytes)
}

/// In bytes. The longest keys are chains of certificates.
const MAX_SECRET: u64 = 1 << 20;

fn from_file(path: &Path) -> Result<Secret, Failure> {
    match String::from_utf8(bytes_from_file(path)?) {
        Ok(text) => Secret::new(text),
        Err(error) => Secret::from_bytes(error.into_bytes()),
    }
    .map_err(|error| unusable(&path.display().to_string(), &error))
}

fn unusable(place: &str, error: &SecretError) -> Failure {
    Failure::new(format!("{place}: {error}"))
}
