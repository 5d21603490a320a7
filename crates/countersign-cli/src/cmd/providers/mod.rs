//! `countersign providers`: the catalogue.

mod check;

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use countersign::{
    Provider, Scheme, providers,
    scheme::{Addresses, Field},
};
use serde_json::{Value as Json, json};

use crate::{
    failure::{Failure, Outcome},
    output::{self, Style, yes_no},
    scheme_source,
};

/// List the catalogue, or show how one provider signs
#[derive(Debug, Args)]
#[command(after_help = HELP, args_conflicts_with_subcommands = true)]
pub(crate) struct Providers {
    #[command(subcommand)]
    action: Option<Action>,

    /// One provider, by its id or another name of it
    name: Option<String>,

    /// Print JSON
    #[arg(long, conflicts_with = "toml")]
    json: bool,

    /// Print only the provider's scheme file, to edit and to use with --scheme
    #[arg(long, requires = "name")]
    toml: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Hold scheme files of your own against the rules, and say what they cannot protect from
    Check(check::Check),
}

const HELP: &str = "\
`event id` says where the event's id stands and whether the signature covers it: if not, whoever relays a delivery can \
change it at will.

Examples:
  countersign providers
  countersign providers stripe
  countersign providers github --toml > mine.toml
  countersign providers --json
  countersign providers check mine.toml

Exit status: 0 done, 2 a mistake in the command line or an unknown provider.";

impl Providers {
    pub(crate) fn run(self) -> Result<Outcome, Failure> {
        if let Some(Action::Check(check)) = self.action {
            return check.run();
        }
        match &self.name {
            Some(name) => self.one(scheme_source::find(name)?)?,
            None => self.all()?,
        }
        Ok(Outcome::Good)
    }

    fn one(&self, provider: Provider) -> Result<(), Failure> {
        let scheme = scheme_of(provider)?;
        if self.toml {
            output::line(provider.toml().trim_end())?;
        } else if self.json {
            let mut json = as_json(&scheme);
            json["toml"] = provider.toml().into();
            output::line(json)?;
        } else {
            output::line(page(&scheme, provider.toml()))?;
        }
        Ok(())
    }

    fn all(&self) -> Result<(), Failure> {
        let schemes = providers::ALL.iter().map(|provider| scheme_of(*provider)).collect::<Result<Vec<_>, _>>()?;
        if self.json {
            output::line(Json::Array(schemes.iter().map(as_json).collect()))?;
        } else {
            output::line(table(&schemes))?;
        }
        Ok(())
    }
}

fn scheme_of(provider: Provider) -> Result<Scheme, Failure> {
    scheme_source::provider(provider.id())
}

const COLUMNS: [&str; 8] = ["id", "name", "category", "algorithm", "signs", "timestamp", "event id", "checked by"];

fn table(schemes: &[Scheme]) -> String {
    let style = Style::of_stdout();
    let rows: Vec<[String; 8]> = schemes.iter().map(row).collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0).max(COLUMNS[at].len());
    let widths: [usize; 8] = std::array::from_fn(width);
    let line = |row: &[String; 8]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut text = style.bold(line(&COLUMNS.map(str::to_owned)));
    for row in &rows {
        text.push('\n');
        text.push_str(&line(row));
    }
    text
}

fn row(scheme: &Scheme) -> [String; 8] {
    let id = scheme.event_id().map_or("none", |field| if field.is_covered() { "covered" } else { "not covered" });
    [
        scheme.id().to_owned(),
        scheme.name().to_owned(),
        scheme.category().unwrap_or("-").to_owned(),
        scheme.algorithm(),
        scheme.signed_content().unwrap_or("nothing").to_owned(),
        scheme.tolerance().map_or("none".to_owned(), tolerance),
        id.to_owned(),
        scheme.checked().map_or("-".to_owned(), |checked| checked.to_string()),
    ]
}

fn tolerance(tolerance: countersign::Tolerance) -> String {
    let (past, future) = (tolerance.past(), tolerance.future());
    let past_text = humantime::format_duration(past);
    if past == future {
        format!("±{past_text}")
    } else {
        format!("-{past_text} +{}", humantime::format_duration(future))
    }
}

fn page(scheme: &Scheme, toml: &str) -> String {
    let style = Style::of_stdout();
    let mut text = style.bold(format_args!("{} ({})", scheme.name(), scheme.id()));
    for (label, value) in facts(scheme) {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  {label:13}{value}");
    }
    if let Some(notes) = scheme.notes() {
        let _ = write!(text, "\n\n{}", notes.trim_end());
    }
    for advice in scheme.advice() {
        let _ = write!(text, "\n\n{} {advice}", style.bold(format_args!("{}:", advice.code())));
    }
    let _ = write!(text, "\n\n{}\n{}", style.faint("The scheme file (--toml prints only this):"), toml.trim_end());
    text
}

fn facts(scheme: &Scheme) -> Vec<(&'static str, String)> {
    let field = |field: Option<&Field>| {
        field.map_or("none".to_owned(), |field| {
            format!("{field} (covered by the signature: {})", yes_no(field.is_covered()))
        })
    };
    let answers = scheme.answers();
    let duration = |duration: Option<std::time::Duration>| duration.map(|d| humantime::format_duration(d).to_string());
    let methods: Vec<&str> = scheme.methods().iter().map(http::Method::as_str).collect();
    let settings: Vec<String> = scheme.settings().map(|(name, what)| format!("{name}: {what}")).collect();
    let facts = [
        ("also", Some(scheme.aliases().join(", ")).filter(|aliases| !aliases.is_empty())),
        ("category", scheme.category().map(str::to_owned)),
        ("algorithm", Some(scheme.algorithm())),
        ("signature", Some(scheme.signature_source())),
        ("signs", Some(scheme.signed_content().unwrap_or("nothing").to_owned())),
        ("body", Some(format!("covered by the signature: {}", yes_no(scheme.covers_body())))),
        ("timestamp", Some(scheme.tolerance().map_or("none: a delivery never goes stale".to_owned(), tolerance))),
        ("event id", Some(field(scheme.event_id()))),
        ("event type", Some(field(scheme.event_type()))),
        ("methods", Some(methods.join(", "))),
        ("public URL", scheme.needs_public_url().then(|| "must be configured: the signature covers it".to_owned())),
        ("ambiguous", scheme.ambiguity().map(|why| why.trim_end().to_owned())),
        ("settings", Some(settings.join("; ")).filter(|settings| !settings.is_empty())),
        ("answer within", duration(answers.within())),
        ("retries for", duration(answers.retries_for())),
        ("success", Some(answers.success_text().to_string()).filter(|text| !text.is_empty())),
        ("answer body", answers.body().map(|body| format!("exactly `{body}`"))),
        ("refusal", answers.refusal().map(|status| status.to_string())),
        ("addresses", scheme.addresses().map(addresses)),
        ("keys", scheme.key_source().map(ToString::to_string)),
        ("checked by", scheme.checked().map(|checked| checked.to_string())),
        ("source", scheme.source().map(str::to_owned)),
    ];
    facts.into_iter().filter_map(|(label, value)| Some((label, value?))).collect()
}

fn addresses(addresses: &Addresses) -> String {
    let ranges: Vec<String> = addresses.ranges().iter().map(ToString::to_string).collect();
    let read = addresses.read().map(|date| format!(" (read on {date})")).unwrap_or_default();
    let list = addresses.list().map(|list| format!("; listed at {list}")).unwrap_or_default();
    format!("{}{read}{list}", ranges.join(", "))
}

fn as_json(scheme: &Scheme) -> Json {
    let field =
        |field: Option<&Field>| field.map(|field| json!({ "from": field.to_string(), "covered": field.is_covered() }));
    let seconds = |duration: Option<std::time::Duration>| duration.map(|duration| duration.as_secs());
    json!({
        "id": scheme.id(),
        "name": scheme.name(),
        "aliases": scheme.aliases(),
        "category": scheme.category(),
        "algorithm": scheme.algorithm(),
        "signature": scheme.signature_source(),
        "signs": scheme.signed_content(),
        "body_covered": scheme.covers_body(),
        "tolerance_seconds": scheme.tolerance().map(|t| json!({ "past": t.past().as_secs(), "future": t.future().as_secs() })),
        "event_id": field(scheme.event_id()),
        "event_type": field(scheme.event_type()),
        "methods": scheme.methods().iter().map(http::Method::as_str).collect::<Vec<_>>(),
        "needs_public_url": scheme.needs_public_url(),
        "settings": scheme.settings().collect::<std::collections::BTreeMap<_, _>>(),
        "legacy": scheme.is_legacy(),
        "takes_public_key": scheme.takes_public_key(),
        "advice": scheme.advice().iter().map(|advice| advice.code()).collect::<Vec<_>>(),
        "keys": scheme.key_source().map(ToString::to_string),
        "addresses": scheme.addresses().map(|addresses| json!({
            "ranges": addresses.ranges().iter().map(ToString::to_string).collect::<Vec<_>>(),
            "source": addresses.source(),
            "read": addresses.read().map(|date| date.to_string()),
            "list": addresses.list(),
        })),
        "ambiguous": scheme.ambiguity(),
        "answer_success": scheme.answers().success_text().to_string(),
        "answer_body": scheme.answers().body(),
        "answer_refusal": scheme.answers().refusal(),
        "answer_within_seconds": seconds(scheme.answers().within()),
        "retries_for_seconds": seconds(scheme.answers().retries_for()),
        "checked": scheme.checked().map(|checked| checked.to_string()),
        "source": scheme.source(),
        "notes": scheme.notes(),
    })
}
