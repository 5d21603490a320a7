//! The command-line options of an endpoint beside its secret: public URL, settings, legacy algorithms.

use clap::Args;
use countersign::VerifierBuilder;

/// What a scheme needs beside the secret.
#[derive(Clone, Debug, Args)]
pub(crate) struct EndpointArgs {
    /// The URL that the provider was told, for schemes that sign it [default for `send` and `audit`: that of --to]
    #[arg(long, visible_alias = "url", value_name = "URL")]
    pub(crate) public_url: Option<String>,

    /// A value that the scheme needs beside the secret; repeatable; `countersign providers NAME` lists them
    #[arg(long = "setting", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,

    /// Allow weak algorithms: MD5, SHA-1 outside HMAC, short RSA keys
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
