//! `addresses`, `trusted_proxies`, `client_header` and `proxy_protocol` in the configuration file.

use std::{path::PathBuf, time::Duration};

use countersign::{
    Scheme,
    address::{AddressSet, ClientHeader, IpNet, ListFormat, TrustedProxies, parse_network},
    scheme::Addresses,
};
use countersign_tower::{AddressLayer, SharedAddresses};
use http::Uri;
use serde::Deserialize;
use toml::Spanned;

use super::{Reader, file::File};
use crate::{
    failure::Failure,
    gateway::{
        ListCopy, ProxyProtocol,
        feed::{Feed, Plan, Source},
        published::PublishedRanges,
    },
};

/// `addresses` of an endpoint.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct AddressesEntry {
    #[serde(default)]
    allow: Vec<Spanned<String>>,
    allow_from: Option<Spanned<ListEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct ListEntry {
    file: Option<Spanned<PathBuf>>,
    url: Option<Spanned<String>>,
    format: Option<Spanned<String>>,
    every: Option<Spanned<String>>,
    copy: Option<Spanned<PathBuf>>,
    #[serde(default)]
    may_shrink: bool,
}

impl ListEntry {
    /// Whether this is the list that the provider publishes.
    fn is_providers(&self) -> bool {
        self.url.as_ref().is_some_and(|url| url.as_ref() == "provider")
    }
}

/// The proxies in front of the gateway, and how they tell the client's address.
#[derive(Default)]
pub(super) struct Front {
    pub(super) protocol: Option<ProxyProtocol>,
    header: Option<TrustedProxies>,
}

impl Reader<'_> {
    pub(super) fn front(&self, file: &File) -> Result<Front, Failure> {
        let Some(trusted) = &file.trusted_proxies else {
            let setting = file.proxy_protocol.as_ref().or(file.client_header.as_ref());
            return match setting {
                Some(setting) => {
                    Err(self
                        .wrong_at(setting, "no proxy is trusted to tell the client's address: add `trusted_proxies`"))
                }
                None => Ok(Front::default()),
            };
        };
        let proxies = self.networks(trusted.as_ref().iter())?;
        if proxies.is_empty() {
            return Err(self.wrong_at(trusted, "the list has no proxy: add one such as \"10.0.0.0/8\""));
        }
        if let Some(wide) = trusted.as_ref().iter().find(|text| parse_network(text.as_ref()).is_ok_and(is_too_wide)) {
            let message =
                "a range this wide has clients in it, which could choose their address: list the proxies alone";
            return Err(self.wrong_at(wide, message));
        }
        let front = Front {
            protocol: self.protocol(file)?.map(|()| ProxyProtocol::from(proxies.clone())),
            header: self.header(file)?.map(|header| TrustedProxies::new(proxies, header)),
        };
        if front.protocol.is_none() && front.header.is_none() {
            let message =
                "nothing says how these proxies tell the client's address: add `client_header` or `proxy_protocol`";
            return Err(self.wrong_at(trusted, message));
        }
        Ok(front)
    }

    fn protocol(&self, file: &File) -> Result<Option<()>, Failure> {
        match &file.proxy_protocol {
            Some(version) if version.as_ref() != "v1-or-v2" => Err(self.wrong_at(version, "expected `v1-or-v2`")),
            version => Ok(version.as_ref().map(drop)),
        }
    }

    fn header(&self, file: &File) -> Result<Option<ClientHeader>, Failure> {
        let Some(header) = &file.client_header else { return Ok(None) };
        if file.endpoint.iter().all(|endpoint| endpoint.addresses.is_none()) {
            let message = "no endpoint needs the client's address: add `addresses` to one, or remove this";
            return Err(self.wrong_at(header, message));
        }
        match header.as_ref().as_str() {
            "forwarded" => Ok(Some(ClientHeader::Forwarded)),
            "x-forwarded-for" => Ok(Some(ClientHeader::XForwardedFor)),
            _ => {
                Err(self.wrong_at(header, "expected `forwarded` or `x-forwarded-for`: the header that the proxies set"))
            }
        }
    }

    /// The allowlist layer of an endpoint; `None`: any address may send.
    pub(super) fn allowed(
        &self,
        entry: Option<&Spanned<AddressesEntry>>,
        scheme: &Scheme,
        front: &Front,
    ) -> Result<Option<AddressLayer>, Failure> {
        let Some(entry) = entry else { return Ok(None) };
        let AddressesEntry { allow, allow_from } = entry.as_ref();
        let always = self.always(allow, scheme)?;
        let feed = allow_from.as_ref().map(|list| self.feed(list, scheme, always.clone())).transpose()?;
        let addresses = match &feed {
            Some(feed) => feed.addresses(),
            None if always.is_empty() => {
                return Err(self.wrong_at(entry, "no address is allowed: add `allow` or `allow_from`"));
            }
            None => SharedAddresses::new(always),
        };
        let mut layer = AddressLayer::new(addresses);
        if let Some(proxies) = &front.header {
            layer = layer.with_proxies(proxies.clone());
        }
        Ok(Some(layer))
    }

    fn always(&self, allow: &[Spanned<String>], scheme: &Scheme) -> Result<AddressSet, Failure> {
        let is_word = |text: &&Spanned<String>| text.as_ref() == "provider";
        let mut always = self.networks(allow.iter().filter(|text| !is_word(text)))?;
        if let Some(word) = allow.iter().find(is_word) {
            let published = published(scheme).map_err(|message| self.wrong_at(word, message))?;
            always = always.union(&published.into_iter().collect());
            self.published.borrow_mut().extend(PublishedRanges::of(scheme));
        }
        Ok(always)
    }

    fn networks<'t>(&self, texts: impl Iterator<Item = &'t Spanned<String>>) -> Result<AddressSet, Failure> {
        texts.map(|text| parse_network(text.as_ref()).map_err(|error| self.wrong_at(text, error.to_string()))).collect()
    }

    fn feed(&self, entry: &Spanned<ListEntry>, scheme: &Scheme, always: AddressSet) -> Result<Feed, Failure> {
        let list = entry.as_ref();
        let source = self.source(entry, scheme)?;
        let format = match &list.format {
            Some(format) => self.parse(format, "`lines`, or JSON pointers such as `json:/hooks`")?,
            None if list.is_providers() => scheme.addresses().map_or(ListFormat::Lines, |own| own.format().clone()),
            None => ListFormat::Lines,
        };
        let every = self.every(list)?;
        let plan = Plan { source, format, every, may_shrink: list.may_shrink };
        let mut feeds = self.feeds.borrow_mut();
        if let Some(feed) = feeds.iter().find(|feed| feed.is(&plan, &always)) {
            return Ok(feed.clone());
        }
        if let Some(copy) = list.copy.as_ref().filter(|_| feeds.iter().any(|feed| feed.clashes_with(&plan))) {
            return Err(self.wrong_at(copy, "another endpoint keeps another list in this file: give each its own file"));
        }
        let kept = &self.with.kept.feeds;
        let same = kept.iter().find(|feed| feed.is(&plan, &always)).cloned();
        let nearest = || kept.iter().filter_map(|feed| Some((feed.rank(&plan)?, feed))).min_by_key(|(rank, _)| *rank);
        let going_on = same.or_else(|| nearest().map(|(_, feed)| feed.by(&plan, &always)));
        let feed = going_on.map_or_else(|| self.with.failed_lists.start(plan, always, self.with.log), Ok);
        let feed = feed.map_err(|message| self.wrong_at(entry, message))?;
        feeds.push(feed.clone());
        Ok(feed)
    }

    fn source(&self, entry: &Spanned<ListEntry>, scheme: &Scheme) -> Result<Source, Failure> {
        let list = entry.as_ref();
        let url = |url| {
            let copy = list
                .copy
                .as_ref()
                .map(|copy| ListCopy { path: self.folder.join(copy.as_ref()), url: Uri::clone(&url) });
            Source::Url { url, copy }
        };
        match (&list.file, &list.url) {
            (Some(file), None) => match &list.copy {
                Some(copy) => Err(self.wrong_at(copy, "a file needs no copy: remove `copy`")),
                None => Ok(Source::File(self.folder.join(file.as_ref()))),
            },
            (None, Some(word)) if list.is_providers() => {
                let Some(list) = scheme.addresses().and_then(Addresses::list) else {
                    let message = format!("the catalogue has no list for `{}`: give its URL", scheme.id());
                    return Err(self.wrong_at(word, message));
                };
                self.url(word, list).map(url)
            }
            (None, Some(text)) => self.url(text, text.as_ref()).map(url),
            _ => Err(self.wrong_at(entry, "expected either `file` or `url`")),
        }
    }

    /// Requires HTTPS, because who can change the list decides which addresses get in.
    fn url(&self, setting: &Spanned<String>, text: &str) -> Result<Uri, Failure> {
        let url: Uri = text
            .parse()
            .map_err(|_| self.wrong_at(setting, "expected a URL such as `https://example.com/ranges.json`"))?;
        let is_here = matches!(url.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
        match url.scheme_str() {
            Some("https") => Ok(url),
            Some("http") if is_here => Ok(url),
            _ => Err(self
                .wrong_at(setting, "expected an `https` URL: who can change the list decides which addresses get in")),
        }
    }

    fn every(&self, list: &ListEntry) -> Result<Duration, Failure> {
        let (least, default) = if list.url.is_some() { (URL_LEAST, URL_EVERY) } else { (FILE_LEAST, FILE_EVERY) };
        let Some(text) = &list.every else { return Ok(default) };
        let every = self.duration(text)?;
        if every < least {
            return Err(self.wrong_at(text, format!("expected {} or more", humantime::format_duration(least))));
        }
        Ok(every)
    }
}

/// Whether a range is wider than the widest private ones: `10.0.0.0/8` (RFC 1918) and `fc00::/7` (RFC 4193).
fn is_too_wide(network: IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < 8,
        IpNet::V6(network) if network.addr().to_ipv4_mapped().is_some() => network.prefix_len() < 96 + 8,
        IpNet::V6(network) => network.prefix_len() < 7,
    }
}

/// The ranges that the provider publishes, from the catalogue.
fn published(scheme: &Scheme) -> Result<Vec<IpNet>, String> {
    let ranges = scheme.addresses().map(|addresses| addresses.ranges().to_vec()).unwrap_or_default();
    if ranges.is_empty() {
        return Err(format!(
            "the catalogue has no addresses for `{}`: list them, or name the provider's list with `allow_from`",
            scheme.id()
        ));
    }
    Ok(ranges)
}

const FILE_EVERY: Duration = Duration::from_secs(10);
const FILE_LEAST: Duration = Duration::from_secs(1);
const URL_EVERY: Duration = Duration::from_secs(3600);
/// The list is on somebody else's server.
const URL_LEAST: Duration = Duration::from_secs(60);
