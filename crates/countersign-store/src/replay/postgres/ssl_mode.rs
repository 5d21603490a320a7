//! Parses a URL, and decides by its `sslmode` whether to use TLS.

use tokio_postgres::{Config, config::SslMode};

use super::PostgresStoreError;

/// Parses a URL or `key=value` pairs. The mode of the result is [`SslMode::Disable`] or [`SslMode::Require`].
///
/// The driver's default is `prefer`, so that its result does not tell a default from an explicit `prefer`. Therefore
/// the text gets a `disable` in front, which any later `sslmode` overrides.
pub(super) fn config(text: &str) -> Result<Config, PostgresStoreError> {
    let config: Config = with_default(text).parse().map_err(|_| PostgresStoreError::Url)?;
    match config.get_ssl_mode() {
        SslMode::Disable | SslMode::Require => Ok(config),
        _ => Err(PostgresStoreError::SslMode),
    }
}

fn with_default(text: &str) -> String {
    if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
        return format!("sslmode=disable {text}");
    }
    // A password may contain a question mark.
    let host = text.find('@').map_or(0, |at| at + 1);
    let query = text[host..].find('?').map(|at| host + at);
    let (base, parameters) = query.map_or((text, ""), |at| (&text[..at], &text[at + 1..]));
    let parameters = parameters.split('&').map(|parameter| match parameter {
        // `require` verifies the certificate and the host name as well.
        "sslmode=verify-full" | "sslmode=verify-ca" => "sslmode=require",
        other => other,
    });
    let parameters = ["sslmode=disable"].into_iter().chain(parameters.filter(|parameter| !parameter.is_empty()));
    format!("{base}?{}", parameters.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_use_tls_only_if_the_url_asks_for_it() {
        for plain in [
            "postgresql://db",
            "postgres://me@db/name",
            "postgresql://me:a?sslmode=require@db/name",
            "postgresql://db/name?sslmode=disable",
            "postgresql://db/name?connect_timeout=1",
            "host=db user=me",
            "host=db sslmode=disable",
        ] {
            assert_eq!(config(plain).unwrap().get_ssl_mode(), SslMode::Disable, "{plain}");
        }
        for secure in [
            "postgresql://db?sslmode=require",
            "postgres://me@db/name?sslmode=verify-full",
            "postgresql://me:a?b@db/name?connect_timeout=1&sslmode=verify-ca",
            "postgresql://db/name?sslmode=disable&sslmode=require",
            "host=db sslmode = require user=me",
        ] {
            assert_eq!(config(secure).unwrap().get_ssl_mode(), SslMode::Require, "{secure}");
        }
    }

    #[test]
    fn a_mode_that_allows_connections_without_tls_is_refused() {
        for weak in ["postgresql://db?sslmode=prefer", "host=db sslmode=prefer", "host=db sslmode='prefer'"] {
            assert!(matches!(config(weak), Err(PostgresStoreError::SslMode)), "{weak}");
        }
        for unknown in ["postgresql://db?sslmode=allow", "host=db sslmode=verify", "postgresql://db?sslmode"] {
            assert!(matches!(config(unknown), Err(PostgresStoreError::Url)), "{unknown}");
        }
    }

    #[test]
    fn the_other_parameters_of_the_url_are_unchanged() {
        let config = config("postgresql://me:p%40?w@db:1/name?application_name=a%26b&sslmode=verify-full").unwrap();
        assert_eq!((config.get_user(), config.get_dbname()), (Some("me"), Some("name")));
        assert_eq!(config.get_password(), Some(&b"p@?w"[..]));
        assert_eq!(config.get_application_name(), Some("a&b"));
    }
}
