//! URL mistakes: a proxy rewrote the URL, or the configured one differs from the provider's.

use std::fmt;

use http::{HeaderMap, Uri, uri::PathAndQuery};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};

use super::{
    mistake::Mistake,
    search::{Search, Untried},
};
use crate::{
    head::Head,
    public_url::{PublicUrl, is_port, split_port},
    scheme::{Part, Scheme},
};

/// The URL is not the one that was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlMistake {
    /// Its host differs.
    Host {
        /// The one that was signed.
        signed: String,
    },
    /// No public URL is configured.
    Missing {
        /// The one that was signed, without its path.
        signed: String,
    },
    /// Its path differs.
    Path {
        /// The one that was signed.
        signed: String,
    },
    /// Its port differs.
    Port {
        /// The one that was signed, if one was.
        signed: Option<String>,
    },
    /// Its query differs.
    Query {
        /// What happened to it.
        change: &'static str,
    },
    /// It is `http` instead of `https`, or the reverse.
    Scheme {
        /// The one that was signed.
        signed: &'static str,
    },
    /// Its path differs by a slash at the end.
    TrailingSlash {
        /// Whether the signed one has it.
        signed: bool,
    },
}

impl UrlMistake {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Host { .. } => "url_host",
            Self::Missing { .. } => "url_missing",
            Self::Path { .. } => "url_path",
            Self::Port { .. } => "url_port",
            Self::Query { .. } => "url_query",
            Self::Scheme { .. } => "url_scheme",
            Self::TrailingSlash { .. } => "url_trailing_slash",
        }
    }
}

impl fmt::Display for UrlMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { signed } => {
                write!(f, "the provider signed a URL with the host `{signed}`: configure that in the public URL")
            }
            Self::Missing { signed } => {
                write!(f, "the scheme signs the URL, but no valid public URL is configured: it is `{signed}`")
            }
            Self::Path { signed } => write!(
                f,
                "the provider signed a URL with the path `{signed}`, which a proxy rewrites: configure the whole URL as the \
                 public one, or have the proxy leave the path unchanged"
            ),
            Self::Port { signed: Some(port) } => {
                write!(f, "the provider signed a URL with the port {port}: configure that in the public URL")
            }
            Self::Port { signed: None } => {
                f.write_str("the provider signed a URL without a port: leave it out in the public URL")
            }
            Self::Query { change } => {
                write!(f, "the query is not the one that was signed: {change}; have the proxy forward it unchanged")
            }
            Self::Scheme { signed } => write!(
                f,
                "the provider signed a URL that begins with `{signed}://`: configure that in the public URL, whatever the \
                 proxy itself uses"
            ),
            Self::TrailingSlash { signed: true } => {
                f.write_str("the provider signed a URL whose path ends with a slash: configure it with that slash")
            }
            Self::TrailingSlash { signed: false } => f.write_str(
                "the provider signed a URL whose path does not end with a slash: configure it without, and if that leaves no \
                 path, give the endpoint one at the provider",
            ),
        }
    }
}

/// A URL as it may have been signed.
pub(super) struct UrlVariant {
    pub(super) public_url: Option<String>,
    uri: Uri,
    mistakes: Vec<UrlMistake>,
}

impl UrlVariant {
    pub(super) fn head<'a>(&'a self, came: Head<'a>) -> Head<'a> {
        Head { uri: &self.uri, ..came }
    }

    pub(super) fn mistakes(&self) -> Vec<Mistake> {
        self.mistakes.iter().cloned().map(Mistake::Url).collect()
    }
}

/// A possible part of the signed URL, and the mistake if it differs from the configured one.
type Choice<T> = (T, Option<UrlMistake>);

/// A possible scheme, host and port, and the mistakes.
type Origin = (Option<String>, Vec<UrlMistake>);

/// The URLs that may have been signed, those with the fewest mistakes first.
pub(super) fn variants(search: &Search<'_>) -> Vec<UrlVariant> {
    if !signs_url(&search.scheme) {
        return Vec::new();
    }
    let configured = search.setup.public_url.as_deref().filter(|url| PublicUrl::parse(url).is_ok());
    let requested = search.head.uri.path_and_query().map_or("", PathAndQuery::as_str);
    if requested.len() + configured.map_or(0, str::len) > MAX_URL {
        search.note_untried(Untried::Url);
        return Vec::new();
    }
    let origins = origins(configured, search.head.headers, search.scheme.needs_public_url());
    let (paths, queries) = (paths(configured, search.head), queries(search.head));
    let mut choices = Vec::new();
    for origin in &origins {
        for path in &paths {
            for query in &queries {
                let mistakes = origin.1.len() + path.1.iter().len() + query.1.iter().len();
                if (1..=MAX_MISTAKES).contains(&mistakes) {
                    choices.push((mistakes, origin, path, query));
                }
            }
        }
    }
    choices.sort_by_key(|(mistakes, ..)| *mistakes);
    // There can be thousands, and each has its own path, so only those that are tried are built.
    let variants = choices.into_iter().filter_map(|(_, origin, path, query)| variant(origin, path, query));
    variants.take(MAX_VARIANTS).collect()
}

fn variant(
    (origin, in_origin): &Origin,
    (path, in_path): &Choice<String>,
    (query, in_query): &Choice<Option<String>>,
) -> Option<UrlVariant> {
    let target = query.as_ref().map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
    let uri = PathAndQuery::try_from(target).ok()?.into();
    let mistakes = in_origin.iter().chain(in_path).chain(in_query).cloned().collect();
    Some(UrlVariant { public_url: origin.clone(), uri, mistakes })
}

fn signs_url(scheme: &Scheme) -> bool {
    let is_url = |part: &Part| matches!(part, Part::Url | Part::Host | Part::Path | Part::Query | Part::PathAndQuery);
    scheme.signature.parts.iter().any(is_url)
}

/// The possible schemes, hosts and ports of the signed URL.
fn origins(configured: Option<&str>, headers: &HeaderMap, is_signed: bool) -> Vec<Origin> {
    if !is_signed {
        return vec![(configured.map(|url| origin_of(url).to_owned()), Vec::new())];
    }
    let hosts_told = FORWARDED_HOSTS.iter().filter_map(|name| headers.get(*name)?.to_str().ok()).map(first_of);
    let authorities: Vec<&str> = hosts_told.filter(|host| is_authority(host)).collect();
    let Some(configured) = configured else {
        let origins = authorities.iter().flat_map(|host| ["https", "http"].map(|scheme| format!("{scheme}://{host}")));
        return origins.map(|origin| (Some(origin.clone()), vec![UrlMistake::Missing { signed: origin }])).collect();
    };
    // The configured URL was parsed, so it has a scheme.
    let Some((own_scheme, own_authority)) = origin_of(configured).split_once("://") else { return Vec::new() };
    let (own_host, own_port) = split_port(own_authority);
    let other_scheme = if own_scheme == "https" { "http" } else { "https" };
    let mut hosts: Vec<Choice<&str>> = vec![(own_host, None)];
    let mut ports: Vec<Choice<Option<&str>>> = vec![(own_port, None)];
    let port_told = headers.get("x-forwarded-port").and_then(|port| port.to_str().ok()).map(first_of);
    for authority in authorities {
        let (host, port) = split_port(authority);
        if hosts.iter().all(|(other, _)| *other != host) {
            hosts.push((host, Some(UrlMistake::Host { signed: host.to_owned() })));
        }
        add_port(&mut ports, port);
    }
    // The user and password before the host are a credential, so the mistake does not show them.
    let bare = own_host.rsplit('@').next().unwrap_or_default();
    let user = own_host.strip_suffix(bare).unwrap_or_default();
    let bare_lower = bare.to_ascii_lowercase();
    let lower = format!("{user}{bare_lower}");
    for (host, told) in [(&*lower, &*bare_lower), (bare, bare)] {
        if hosts.iter().all(|(other, _)| *other != host) {
            hosts.push((host, Some(UrlMistake::Host { signed: told.to_owned() })));
        }
    }
    for port in [None, Some("443"), Some("80"), port_told] {
        add_port(&mut ports, port);
    }
    let schemes =
        [(own_scheme, None), (other_scheme, Some(UrlMistake::Scheme { signed: static_scheme(other_scheme) }))];
    let mut origins = Vec::new();
    for (scheme, scheme_mistake) in &schemes {
        for (host, host_mistake) in &hosts {
            for (port, port_mistake) in &ports {
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                let mistakes = [scheme_mistake, host_mistake, port_mistake].into_iter().flatten().cloned().collect();
                origins.push((Some(format!("{scheme}://{host}{port}")), mistakes));
            }
        }
    }
    origins
}

fn add_port<'a>(ports: &mut Vec<Choice<Option<&'a str>>>, port: Option<&'a str>) {
    if port.is_none_or(is_port) && ports.iter().all(|(other, _)| *other != port) {
        ports.push((port, Some(UrlMistake::Port { signed: port.map(str::to_owned) })));
    }
}

fn static_scheme(scheme: &str) -> &'static str {
    if scheme == "https" { "https" } else { "http" }
}

fn paths(configured: Option<&str>, head: Head<'_>) -> Vec<Choice<String>> {
    let of_url = configured.map(|url| &url[origin_of(url).len()..]).filter(|path| !path.is_empty() && *path != "/");
    let requested = head.uri.path();
    let own = of_url.unwrap_or(requested);
    let mut paths: Vec<Choice<String>> = vec![(own.to_owned(), None)];
    let mut add = |path: String, mistake: UrlMistake| {
        if path.starts_with('/') && paths.iter().all(|(other, _)| *other != path) && paths.len() < MAX_PATHS {
            paths.push((path, Some(mistake)));
        }
    };
    match own.strip_suffix('/') {
        Some(bare) if !bare.is_empty() => add(bare.to_owned(), UrlMistake::TrailingSlash { signed: false }),
        _ if own != "/" => add(format!("{own}/"), UrlMistake::TrailingSlash { signed: true }),
        _ => {}
    }
    let mut add = |path: String| add(path.clone(), UrlMistake::Path { signed: path });
    add(requested.to_owned());
    let told = |name: &&str| told(head.headers, name).map(first_of);
    for original in ORIGINAL_TARGETS.iter().filter_map(told) {
        let path =
            original.split_once("://").map_or(original, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
        add(path.split('?').next().unwrap_or_default().to_owned());
    }
    for prefix in FORWARDED_PREFIXES.iter().filter_map(told).chain(of_url) {
        add(format!("/{}{requested}", prefix.trim_matches('/')));
    }
    let inner = requested.match_indices('/').skip(1).take(MAX_PATHS).map(|(at, _)| requested[at..].to_owned());
    inner.for_each(&mut add);
    add(own.to_ascii_lowercase());
    add(percent_decode_str(own).decode_utf8_lossy().into_owned());
    add(percent_encode(own.as_bytes(), RESERVED).to_string());
    paths
}

fn queries(head: Head<'_>) -> Vec<Choice<Option<String>>> {
    let own = head.uri.query();
    let mut queries: Vec<Choice<Option<String>>> = vec![(own.map(str::to_owned), None)];
    let mut add = |query: Option<String>, change| {
        if queries.iter().all(|(other, _)| *other != query) {
            queries.push((query, Some(UrlMistake::Query { change })));
        }
    };
    let told = |name: &&str| told(head.headers, name);
    for original in ORIGINAL_TARGETS.iter().filter_map(told) {
        add(original.split_once('?').map(|(_, query)| query.to_owned()), "a proxy removed or changed it");
    }
    if let Some(own) = own {
        add(None, "it was added on the way");
        let mut pairs: Vec<&str> = own.split('&').collect();
        pairs.sort_unstable();
        add(Some(pairs.join("&")), "its parameters were reordered");
        pairs.reverse();
        add(Some(pairs.join("&")), "its parameters were reordered");
        pairs = own.split('&').rev().collect();
        add(Some(pairs.join("&")), "its parameters were reordered");
        let last = own.rsplit_once('&').map(|(rest, _)| rest.to_owned());
        if let Some(rest) = last {
            add(Some(rest), "a parameter was added on the way");
        }
        add(Some(own.replace('+', "%20")), "its spaces are encoded differently");
        add(Some(own.replace("%20", "+")), "its spaces are encoded differently");
        let pairs = form_urlencoded::parse(own.as_bytes());
        let rewritten = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        add(Some(rewritten), "it was decoded and encoded again");
    }
    queries
}

/// The value that a proxy wrote into a header, if it is no longer than a URL may be.
fn told<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().filter(|text| text.len() <= MAX_URL)
}

/// Returns scheme, host and port of a URL: `https://example.com:8443`.
fn origin_of(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |at| at + 3);
    url[authority..].find('/').map_or(url, |slash| &url[..authority + slash])
}

/// The first item of a list, which the outermost proxy wrote.
fn first_of(text: &str) -> &str {
    text.split(',').next().unwrap_or_default().trim()
}

/// Whether it is a host, optionally with a port, and has no other characters of a URL.
fn is_authority(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !text.is_empty() && text.len() <= MAX_HOST && text.bytes().all(is_part)
}

const FORWARDED_HOSTS: [&str; 4] = ["host", "x-forwarded-host", "x-original-host", "x-forwarded-server"];
const FORWARDED_PREFIXES: [&str; 3] = ["x-forwarded-prefix", "x-forwarded-path", "x-script-name"];
const ORIGINAL_TARGETS: [&str; 5] =
    ["x-original-uri", "x-original-url", "x-forwarded-uri", "x-rewrite-url", "x-envoy-original-path"];

/// Characters that a path may have unescaped (RFC 3986 section 3.3), but that some software escapes.
const RESERVED: &AsciiSet = &CONTROLS
    .add(b':')
    .add(b'@')
    .add(b'!')
    .add(b'$')
    .add(b'&')
    .add(b'\'')
    .add(b'(')
    .add(b')')
    .add(b'*')
    .add(b',')
    .add(b';')
    .add(b'=')
    .add(b'+');

/// A URL with more mistakes is another URL.
const MAX_MISTAKES: usize = 3;
const MAX_VARIANTS: usize = 600;
const MAX_PATHS: usize = 16;
/// Common servers refuse longer request lines.
const MAX_URL: usize = 8 << 10;
/// RFC 1035 section 2.3.4, and room for a port.
const MAX_HOST: usize = 264;
