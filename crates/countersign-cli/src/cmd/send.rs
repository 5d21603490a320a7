//! `countersign send`: signs as a provider would, and sends.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use clap::{Args, ValueEnum};
use countersign::{Rejection, Scheme, SignError, Signer, scheme::Field};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};

use crate::{
    client::{Answer, Client},
    endpoint_args::EndpointArgs,
    failure::{Failure, Outcome},
    gateway::OPERATOR,
    moment,
    output::{self, Style},
    random, scheme_source,
    secrets::{SecretArgs, SecretSource},
    tamper,
};

/// Sign a delivery as the provider would, send it, and show the answer
#[derive(Debug, Args)]
#[command(after_help = HELP, override_usage = "countersign send [OPTIONS] <PROVIDER|--scheme FILE> --to <URL> --data <DATA>")]
pub(crate) struct Send {
    /// A provider of the catalogue, such as `stripe`
    provider: Option<String>,

    /// A scheme file of your own in place of a provider
    #[arg(long, value_name = "FILE")]
    scheme: Option<PathBuf>,

    /// The URL of the receiver
    #[arg(long, value_name = "URL", value_parser = receiver_url)]
    to: Uri,

    /// The body: text, `@FILE`, or `@-` for standard input
    #[arg(long, value_name = "DATA")]
    data: String,

    #[command(flatten)]
    secrets: SecretArgs,

    /// Add a header; repeatable
    #[arg(long, value_name = "NAME: VALUE", value_parser = header_line)]
    header: Vec<(HeaderName, HeaderValue)>,

    /// The Content-Type of the body [default: guessed from the body]
    #[arg(long, value_name = "TYPE")]
    content_type: Option<HeaderValue>,

    /// The event's type, for providers that send it in a header
    #[arg(long, value_name = "TYPE")]
    event_type: Option<HeaderValue>,

    #[command(flatten)]
    endpoint: EndpointArgs,

    #[command(flatten)]
    operator: OperatorArgs,

    /// Tamper with the delivery, which the receiver should then refuse
    #[arg(long, value_enum, default_value_t = Tamper::None)]
    tamper: Tamper,

    /// How many deliveries to send, one after the other
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    times: u16,
}

/// The token of an operator, with which a gateway handles an event again.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct OperatorArgs {
    /// Let `countersign serve` handle the event again, with an operator's token from this environment variable
    #[arg(long, value_name = "NAME")]
    operator_env: Option<String>,

    /// The same, with an operator's token from this file
    #[arg(long, value_name = "PATH")]
    operator_file: Option<PathBuf>,
}

impl OperatorArgs {
    fn token(&self) -> Result<Option<HeaderValue>, Failure> {
        let env = self.operator_env.clone().map(SecretSource::Env);
        let Some(source) = env.or_else(|| self.operator_file.clone().map(SecretSource::File)) else { return Ok(None) };
        let mut token = HeaderValue::try_from(source.text()?).map_err(|_| {
            Failure::new(format!("the token in {} has characters that no header may have", source.label()))
        })?;
        token.set_sensitive(true);
        Ok(Some(token))
    }
}

/// What is tampered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Tamper {
    /// Nothing
    None,
    /// One character of the body, after it was signed
    Body,
    /// One character of the signature
    Signature,
    /// The time: correctly signed, but older than the provider's tolerance
    Timestamp,
}

const HELP: &str = "\
Redirects are not followed.

Examples:
  countersign send stripe --to http://localhost:3000/stripe \\
      --data '{\"id\":\"evt_1\",\"type\":\"charge.succeeded\"}' \\
      --secret-env STRIPE_SECRET
  countersign send github --to http://localhost:3000/hooks --data @push.json \\
      --event-type push --secret-file secret.txt
  countersign send slack --to http://localhost:3000/slack --data @event.json \\
      --secret-env SLACK_SECRET --tamper body
  countersign send twilio --to http://localhost:3000/sms --data 'Body=hi' \\
      --secret-env TWILIO_TOKEN --public-url https://example.com/sms
  countersign send --scheme acme.toml --to http://localhost:3000/acme \\
      --data '{}' --secret-env ACME_SECRET --times 100
  countersign send stripe --to http://localhost:8787/stripe --data @event.json \\
      --secret-env STRIPE_SECRET --operator-env OPERATOR_TOKEN

Exit status: 0 every answer was 2xx (with --tamper: every one was 4xx), 1 otherwise, 2 a mistake in the command line or its input.";

impl Send {
    pub(crate) fn run(self) -> Result<Outcome, Failure> {
        let scheme = scheme_source::either(self.provider.as_deref(), self.scheme.as_deref())?;
        let host = receiver(&self.to)?;
        let draft = Draft::new(&self, &scheme)?;
        let mut endpoint = self.endpoint.clone();
        endpoint.public_url.get_or_insert_with(|| without_query(&self.to));
        let signer = Signer::configured(scheme, self.secrets.one()?, |builder| endpoint.configure(builder))?;
        let client = Client::to(&host);

        let mut right = 0;
        for _ in 0..self.times {
            let answer = client.send(draft.signed(&signer, self.tamper)?);
            let is_right = answer.as_ref().is_ok_and(|answer| self.is_right(answer.status));
            right += u16::from(is_right);
            match answer {
                Ok(answer) => output::line(self.describe(answer, is_right))?,
                Err(error) => {
                    let to = without_user(&self.to);
                    output::print_error(&format!("no answer from {to}: {error}: is something listening there?"));
                }
            }
        }
        if self.times > 1 {
            let word = if self.tamper == Tamper::None { "accepted" } else { "refused" };
            output::line(format_args!("{right} of {} {word}", self.times))?;
        }
        Ok(Outcome::good_if(right == self.times))
    }

    /// Whether this is the right answer. A 5xx does not count as a refusal.
    fn is_right(&self, status: StatusCode) -> bool {
        if self.tamper == Tamper::None { status.is_success() } else { status.is_client_error() }
    }

    fn describe(&self, Answer { status, took }: Answer, is_right: bool) -> String {
        let style = Style::of_stdout();
        let time = style.faint(format_args!("{:.1} ms", took.as_secs_f64() * 1000.0));
        let shown = if is_right { style.good(status) } else { style.bad(status) };
        let comment = match (self.tamper, is_right) {
            (Tamper::None, _) => "",
            (_, true) => "  refused, as it should be",
            (_, false) => "  the tampered delivery was NOT refused",
        };
        format!("{shown}  {time}{comment}")
    }
}

/// The request before it is signed.
struct Draft {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    /// The header for a random id, if the provider sends the event's id in a header.
    id_header: Option<HeaderName>,
}

impl Draft {
    fn new(send: &Send, scheme: &Scheme) -> Result<Self, Failure> {
        let body = read_data(&send.data)?;
        let mut headers = HeaderMap::new();
        let content_type = send.content_type.clone().unwrap_or_else(|| HeaderValue::from_static(media_type(&body)));
        headers.insert(header::CONTENT_TYPE, content_type);
        if let Some(value) = &send.event_type {
            headers.insert(type_header(scheme)?, value.clone());
        }
        for (name, _) in &send.header {
            headers.remove(name);
        }
        for (name, value) in &send.header {
            headers.append(name, value.clone());
        }
        if let Some(token) = send.operator.token()? {
            headers.insert(OPERATOR, token);
        }
        if send.tamper == Tamper::Timestamp && scheme.tolerance().is_none() {
            return Err(Failure::new(format!(
                "`{}` signs no time: use `--tamper body` or `--tamper signature`",
                scheme.id()
            )));
        }
        if send.tamper == Tamper::Body && !scheme.covers_body() {
            return Err(Failure::new(format!("`{}` does not sign the body: use `--tamper signature`", scheme.id())));
        }
        let id_header = scheme.event_id().and_then(Field::header).filter(|name| !headers.contains_key(*name)).cloned();
        let method = if scheme.methods().contains(&Method::POST) { None } else { scheme.methods().first().cloned() };
        Ok(Self { method: method.unwrap_or(Method::POST), uri: send.to.clone(), headers, body, id_header })
    }

    fn signed(&self, signer: &Signer, tamper: Tamper) -> Result<Request<Bytes>, Failure> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().clone_from(&self.headers);
        if let (Some(name), Ok(id)) = (&self.id_header, random::uuid()?.parse()) {
            request.headers_mut().insert(name, id);
        }
        let now = if tamper == Tamper::Timestamp { moment::stale(signer.scheme()) } else { moment::now() };
        let mut signed = signer.sign(request, now).map_err(|error| cannot_sign(&error))?;
        match tamper {
            Tamper::None | Tamper::Timestamp => {}
            Tamper::Body => *signed.body_mut() = tamper::body(signed.body()),
            Tamper::Signature => tamper_signature(&mut signed, signer)?,
        }
        Ok(signed)
    }
}

/// Says why a request cannot be signed, and which option gives what is missing.
pub(super) fn cannot_sign(error: &SignError) -> Failure {
    let place = match error {
        SignError::Refused(Rejection::MalformedValue { place, .. } | Rejection::MissingSignature { place }) => &**place,
        _ => "",
    };
    let advice = match place {
        header if header.starts_with("header") => "give it with --header 'NAME: VALUE'",
        query if query.starts_with("query") => "put it into the URL of --to",
        _ => "give a body that the provider could send, with --data",
    };
    Failure::new(format!("{error}: {advice}"))
}

fn tamper_signature(request: &mut Request<Bytes>, signer: &Signer) -> Result<(), Failure> {
    let scheme = signer.scheme();
    let name = scheme.signature_header().ok_or_else(|| {
        let place = scheme.signature_source();
        Failure::new(format!("the signature is in {place}, not in a header: use `--tamper body`"))
    })?;
    let verifier = signer.verifier();
    tamper::header(request, name, |request| verifier.verify(request, request.body(), moment::now()).is_ok());
    Ok(())
}

fn type_header(scheme: &Scheme) -> Result<HeaderName, Failure> {
    let field = scheme.event_type();
    field.and_then(Field::header).cloned().ok_or_else(|| {
        let place = field.map_or("no known place".to_owned(), ToString::to_string);
        let id = scheme.id();
        Failure::new(format!(
            "--event-type sets a header, and `{id}` has the event's type in {place}: use --data or --header instead"
        ))
    })
}

pub(super) fn read_data(data: &str) -> Result<Bytes, Failure> {
    match data.strip_prefix('@') {
        None => Ok(Bytes::copy_from_slice(data.as_bytes())),
        Some("-") => {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes)?;
            Ok(bytes.into())
        }
        Some(file) => {
            let path = Path::new(file);
            Ok(fs::read(path).map_err(|error| scheme_source::unreadable(path, &error))?.into())
        }
    }
}

pub(super) fn media_type(body: &[u8]) -> &'static str {
    if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() {
        "application/json"
    } else if body.contains(&b'=') && body.iter().all(u8::is_ascii_graphic) {
        "application/x-www-form-urlencoded"
    } else {
        "application/octet-stream"
    }
}

pub(super) fn header_line(line: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = line.split_once(':').ok_or("expected `Name: value`")?;
    let name = name.trim().parse().map_err(|_| "this is not a valid header name")?;
    let value = HeaderValue::from_bytes(value.trim().as_bytes())
        .map_err(|_| "this value has characters that no header may have")?;
    Ok((name, value))
}

pub(super) fn receiver_url(text: &str) -> Result<Uri, String> {
    text.parse().map_err(|_| "expected a URL such as `http://localhost:3000/hooks`".to_owned())
}

fn receiver(to: &Uri) -> Result<String, Failure> {
    match (to.scheme_str(), to.host()) {
        (Some("http" | "https"), Some(host)) => Ok(host.to_owned()),
        _ => Err(Failure::new(format!(
            "cannot send to `{}`: expected a URL such as `http://localhost:3000/hooks`",
            without_user(to)
        ))),
    }
}

pub(super) fn without_query(url: &Uri) -> String {
    without_user(url).split('?').next().unwrap_or_default().to_owned()
}

/// The URL without the user and password in front of its host.
pub(super) fn without_user(url: &Uri) -> String {
    let text = url.to_string();
    let user = url.authority().and_then(|authority| Some(authority.as_str().rsplit_once('@')?.0));
    user.map_or(text.clone(), |user| text.replacen(&format!("{user}@"), "", 1))
}
