//! What an endpoint is told beside its secret, on the command line.

use clap::Args;
use countersign::VerifierBuilder;

/// What the scheme needs beside the secret.
#[derive(Clone, Debug, Args)]
pub(crate) struct EndpointArgs {
    /// The URL that was given to the provider, for the schemes that sign it; `send` takes that of --to
    #[arg(long, visible_alias = "url", value_name = "URL")]
    pub(crate) public_url: Option<String>,

    /// A value that the scheme needs beside the secret; `countersign providers NAME` says which
    #[arg(long = "setting", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,

    /// Allow an algorithm that is too weak for anything new: MD5, SHA-1 outside HMAC, short RSA keys
    #[arg(long)]
    pub(crate) allow_legacy: bool,
}

impl EndpointArgs {
    pub(crate) fn configure(&self, mut builder: VerifierBuilder) -> VerifierBuilder {
        if let Some(url) = &self.public_url {
            builder = builder.public_url(url);
        }
        for (name, value) in &self.settings {
            builder = builder.setting(name, value);
        }
        if self.allow_legacy { builder.allow_legacy() } else { builder }
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
