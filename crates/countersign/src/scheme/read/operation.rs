//! Reads `[answers]`, `[addresses]` and `[body]`.

use http::StatusCode;
use time::{Date, Month};
use toml::{Spanned, value::Datetime};

use super::{Reader, Result};
use crate::{
    address::{ListFormat, parse_network},
    scheme::{
        Addresses, Answers,
        file::{AddressesTable, AnswersTable, BodyTable, OneOrMore},
    },
};

impl Reader<'_> {
    pub(super) fn answers(&self, table: AnswersTable) -> Result<Answers> {
        let success = match table.success {
            Some(success) => {
                let span = success.span();
                let parse = |text: String| {
                    Answers::statuses(&text).ok_or_else(|| {
                        self.error(
                            span.clone(),
                            format!("`{text}` is not a status; expected one such as `2xx`, `200` or `200-204`"),
                        )
                    })
                };
                success.into_inner().into_vec().into_iter().map(parse).collect::<Result<Vec<_>>>()?
            }
            None => Vec::new(),
        };
        let refusal = self.refusing(table.refusal, "expected a status that refuses: 400 to 599")?;
        let again = "expected a status after which the provider sends again: 400 to 599";
        let in_progress = self.refusing(table.in_progress, again)?;
        let (within, retries_for, body) = (table.within, table.retries_for, table.body);
        Ok(Answers { within, retries_for, success, body, refusal, in_progress })
    }

    fn refusing(&self, status: Option<Spanned<u16>>, expected: &str) -> Result<Option<StatusCode>> {
        let Some(status) = status else { return Ok(None) };
        match StatusCode::from_u16(*status.get_ref()) {
            Ok(refusing) if refusing.is_client_error() || refusing.is_server_error() => Ok(Some(refusing)),
            _ => self.fail(status.span(), expected),
        }
    }

    pub(super) fn decoded(&self, table: BodyTable) -> Result<bool> {
        match table.decoded {
            None => Ok(false),
            Some(coding) if coding.get_ref() == "gzip" => Ok(true),
            Some(coding) => self.fail(coding.span(), "expected `gzip`, the only supported content coding"),
        }
    }

    pub(super) fn addresses(&self, table: Spanned<AddressesTable>) -> Result<Addresses> {
        let span = table.span();
        let table = table.into_inner();
        let parse = |text: &Spanned<String>| {
            parse_network(text.get_ref()).map_err(|error| self.error(text.span(), error.to_string()))
        };
        let ranges = table.ranges.iter().map(parse).collect::<Result<Vec<_>>>()?;
        if ranges.is_empty() && table.list.is_none() {
            return self.fail(span, "expected `ranges`, or a `list` that has them");
        }
        let read = match table.read {
            Some(read) => Some(
                date(read.get_ref()).ok_or_else(|| self.error(read.span(), "expected a date such as 2026-01-31"))?,
            ),
            None => None,
        };
        if !ranges.is_empty() && (read.is_none() || table.source.is_none()) {
            return self
                .fail(span, "expected `source` and `read`: ranges change, so say where and when these were read");
        }
        let format = match table.json {
            Some(json) => self.list_format(json)?,
            None => ListFormat::Lines,
        };
        Ok(Addresses { ranges, source: table.source, read, list: table.list, format })
    }
}

impl Reader<'_> {
    fn list_format(&self, json: Spanned<OneOrMore>) -> Result<ListFormat> {
        let span = json.span();
        let pointers: Vec<_> = json.into_inner().into_vec().iter().map(|pointer| format!("json:{pointer}")).collect();
        pointers.join(" ").parse().map_err(|_| {
            self.error(span, "expected JSON pointers to addresses, such as `/hooks` or `/prefixes/*/ip_prefix`")
        })
    }
}

fn date(value: &Datetime) -> Option<Date> {
    let date = value.date.filter(|_| value.time.is_none())?;
    Date::from_calendar_date(date.year.into(), Month::try_from(date.month).ok()?, date.day).ok()
}
