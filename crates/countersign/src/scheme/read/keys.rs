//! Reads `[keys]`: where the provider publishes its keys. Refuses rules that allow foreign URLs.

use std::{collections::BTreeMap, ops::Range};

use toml::Spanned;

use super::{NO_PLACE, Reader, Result};
use crate::{
    json::Pointer,
    scheme::{
        Algorithm, KeyFormat, KeyIdRule, KeyPlace, KeySource, Pattern, SLOT, Signature, Slot, Source, UrlTemplate,
        file::{FieldTable, KeysTable},
        is_name, is_url_byte,
    },
};

impl Reader<'_> {
    pub(super) fn keys(
        &self,
        table: Spanned<KeysTable>,
        signature: &Signature,
        settings: &BTreeMap<String, String>,
    ) -> Result<KeySource> {
        let span = table.span();
        let mut table = table.into_inner();
        let format = self.key_format(&mut table)?;
        if let Some(name) = table.issued_to.as_ref().filter(|_| format != KeyFormat::Certificate) {
            return self.fail(name.span(), "`issued_to` is only for the format `certificate`");
        }
        if let Some(name) = table.issued_to.as_ref().filter(|name| !is_name(name.get_ref())) {
            return self.fail(name.span(), "expected the name of a host, such as \"hooks.example.com\"");
        }
        if let Some(bearer) = table.bearer.as_ref().filter(|_| table.url.is_none()) {
            return self.fail(bearer.span(), "a credential is only sent to a fixed `url`");
        }
        let place = self.key_place(&mut table, &span)?;
        for name in place_settings(&place) {
            self.setting_is_declared(name, &span, settings)?;
        }
        let id = self.key_id(table.id, &format, &place, signature, &span)?;
        let issued_to = table.issued_to.map(Spanned::into_inner);
        Ok(KeySource { format, place, id, issued_to, bearer: table.bearer.map(Spanned::into_inner) })
    }

    fn key_format(&self, table: &mut KeysTable) -> Result<KeyFormat> {
        let json = table.json.take();
        let format = match table.format.get_ref().as_str() {
            "jwks" => KeyFormat::Jwks,
            "certificate" => KeyFormat::Certificate,
            "pem" => KeyFormat::Pem,
            "json" => {
                let Some(json) = json else {
                    return self
                        .fail(table.format.span(), "expected `json` as well: the pointer of the key in the document");
                };
                let pointer = Pointer::parse(json.get_ref());
                let message = format!("`{}` is not a JSON pointer; expected one such as `/publicKey`", json.get_ref());
                return pointer.map(KeyFormat::Json).ok_or_else(|| self.error(json.span(), message));
            }
            _ => return self.fail(table.format.span(), "expected `jwks`, `certificate`, `pem` or `json`"),
        };
        match json {
            Some(json) => self.fail(json.span(), "only the format `json` has a pointer"),
            None => Ok(format),
        }
    }

    fn key_place(&self, table: &mut KeysTable, span: &Range<usize>) -> Result<KeyPlace> {
        match (table.url.take(), table.url_at.take()) {
            (Some(url), None) => {
                if let Some(rule) = table.hosts.first().or(table.path.as_ref()) {
                    return self.fail(rule.span(), "a fixed `url` needs no rule: leave `hosts` and `path` out");
                }
                let template = UrlTemplate::parse(url.get_ref()).map_err(|error| self.in_template(&url, error))?;
                Ok(KeyPlace::Fixed(template))
            }
            (None, Some(place)) => {
                let source = self.key_source_place(place)?;
                let hosts = table.hosts.iter().map(|host| self.host(host)).collect::<Result<Vec<_>>>()?;
                if hosts.is_empty() {
                    return self.fail(span.clone(), "expected `hosts`: the hosts that a URL from the request may have");
                }
                let Some(path) = &table.path else {
                    return self.fail(span.clone(), "expected `path`: the path that a URL from the request must have");
                };
                let pattern = self.path(path)?;
                if !pattern.outline().contains(|c: char| c.is_ascii_alphanumeric()) {
                    return self.fail(path.span(), "this path matches any file: add fixed text to it");
                }
                Ok(KeyPlace::Named { source, hosts, path: pattern })
            }
            _ => self.fail(span.clone(), "expected either `url` or `url_at`: where the keys are fetched from"),
        }
    }

    fn key_source_place(&self, table: Spanned<FieldTable>) -> Result<Source> {
        let span = table.span();
        self.place(table.into_inner().place(), &span)?.ok_or_else(|| self.error(span, NO_PLACE))
    }

    /// A host that a URL from the request may have.
    pub(super) fn host(&self, text: &Spanned<String>) -> Result<Pattern> {
        let pattern = Pattern::parse(text.get_ref(), &[Slot::Label, Slot::Region])
            .map_err(|message| self.error(text.span(), message))?;
        match unsafe_host(&pattern) {
            Some(message) => self.fail(text.span(), message),
            None => Ok(pattern),
        }
    }

    /// The path that a URL from the request must have.
    pub(super) fn path(&self, text: &Spanned<String>) -> Result<Pattern> {
        let pattern = Pattern::parse(text.get_ref(), &[Slot::Hex, Slot::Word])
            .map_err(|message| self.error(text.span(), message))?;
        let outline = pattern.outline();
        let is_plain =
            |c: char| c == SLOT || u8::try_from(c).is_ok_and(|byte| is_url_byte(byte) && !b"?#%".contains(&byte));
        let has_dots = outline.split('/').any(|segment| matches!(segment, "." | ".."));
        if !outline.starts_with('/') || outline.contains("//") || has_dots || !outline.chars().all(is_plain) {
            return self.fail(text.span(), "expected a path such as \"/certificates/{hex}.pem\", without a query");
        }
        Ok(pattern)
    }

    fn key_id(
        &self,
        id: Option<Spanned<FieldTable>>,
        format: &KeyFormat,
        place: &KeyPlace,
        signature: &Signature,
        span: &Range<usize>,
    ) -> Result<KeyIdRule> {
        let in_url = matches!(place, KeyPlace::Fixed(template) if template.has_key_id());
        let id = match id {
            Some(id) if *format != KeyFormat::Jwks && !in_url => {
                return self.fail(id.span(), "there is only one key, so this id would have no effect: leave it out");
            }
            Some(id) => KeyIdRule::At(self.key_source_place(id)?),
            None if matches!(signature.algorithm, Algorithm::Jwt | Algorithm::DetachedJws) => {
                KeyIdRule::Token { is_in_body: signature.source.is_in_body() }
            }
            None => KeyIdRule::None,
        };
        match id {
            KeyIdRule::None if in_url => self.fail(span.clone(), "`url` has a `{key-id}`: name its place with `id`"),
            id => Ok(id),
        }
    }
}

fn place_settings(place: &KeyPlace) -> Vec<&str> {
    match place {
        KeyPlace::Fixed(template) => template.settings().collect(),
        KeyPlace::Named { .. } => Vec::new(),
    }
}

/// Why a pattern would allow hosts that are not the provider's, if it does.
fn unsafe_host(pattern: &Pattern) -> Option<String> {
    let outline = pattern.outline();
    let labels: Vec<&str> = outline.split('.').collect();
    if !is_name(&outline.replace(SLOT, "x")) {
        return Some("expected the name of a host, in lower case".to_owned());
    }
    let is_open = |label: &&str| label.contains(SLOT);
    if labels.iter().any(|label| is_open(label) && label.len() > 1) {
        return Some("a placeholder in a host must be a whole label, as in \"keys.{region}.example.com\"".to_owned());
    }
    if !labels.iter().any(is_open) {
        return None;
    }
    // Like `com`, `co.uk` and similar domains belong to no single provider.
    let is_short = |labels: &[&str]| labels.iter().all(|label| label.len() <= 3);
    let fixed = labels.iter().rev().take_while(|label| !is_open(label)).count();
    let (_, tail) = labels.split_at(labels.len() - fixed);
    if fixed < 2 || (fixed == 2 && is_short(tail)) {
        return Some("a placeholder must be followed by a domain that belongs to the provider alone".to_owned());
    }
    let tail = tail.join(".");
    let is_shared = SHARED.iter().any(|shared| tail == *shared || tail.ends_with(&format!(".{shared}")));
    (is_shared && pattern.has(Slot::Label))
        .then(|| format!("anybody can get a name under `{tail}`: name the host, or use `{{region}}`"))
}

/// Domains under which anybody can get a name, with a bucket or an app: the large ones of the Public Suffix List's
/// private part. The list is incomplete, so it only helps the author of a file.
const SHARED: [&str; 18] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "appspot.com",
    "azurewebsites.net",
    "cloudfront.net",
    "digitaloceanspaces.com",
    "firebaseapp.com",
    "fly.dev",
    "github.io",
    "googleapis.com",
    "herokuapp.com",
    "netlify.app",
    "pages.dev",
    "run.app",
    "vercel.app",
    "web.app",
    "windows.net",
    "workers.dev",
];
