//! What every JSON document begins with: what it is, who made it, when, and of which account and region it tells.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::events::Command;
use crate::ids::PlaceName;

/// homeroom's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The layout of `report.json`.
pub(crate) const REPORT: &str = "homeroom.report/1";
/// The layout of the document of a command that ended by an error.
pub(crate) const ERROR: &str = "homeroom.error/1";
/// The layout of what `homeroom local` says.
pub(crate) const LOCAL: &str = "homeroom.local/1";

/// The layout of what `homeroom init` wrote.
pub(crate) const INIT: &str = "homeroom.init/1";
/// The layout of what `homeroom lab` says.
pub(crate) const LAB: &str = "homeroom.lab/1";

/// A document that tells of no account and region: there is none, or an error came before they were known.
pub(crate) fn without_place(schema: &str, rest: Value) -> Value {
    let mut document = json!({
        "schema": schema,
        "version": VERSION,
        "time": utc(Timestamp::now()),
        "account": null,
        "region": null,
    });
    if let (Value::Object(document), Value::Object(rest)) = (&mut document, rest) {
        document.extend(rest);
    }
    document
}

/// Name and version of a document's layout; `docs/schemas/` has a JSON Schema for each. A new key keeps the version. A new
/// version is needed when a key is removed or changes its meaning.
pub(crate) fn schema_of(command: Command) -> &'static str {
    match command {
        Command::Rehearse => "homeroom.rehearse/1",
        Command::Plan => "homeroom.plan/1",
        Command::Deploy => "homeroom.deploy/1",
        Command::Validate | Command::Isolation => "homeroom.validate/1",
        Command::Status => "homeroom.status/1",
        // `report.json` has the shorter name.
        Command::Report => "homeroom.report-run/1",
        Command::Watch => "homeroom.watch/1",
        Command::Teardown => "homeroom.teardown/1",
        Command::Classes => "homeroom.classes/1",
        Command::Sweep => "homeroom.sweep/1",
        Command::AccessGrant
        | Command::AccessRevoke
        | Command::AccessFreeze
        | Command::AccessThaw
        | Command::AccessSlips => "homeroom.access/1",
        Command::Handout => "homeroom.handout/1",
        Command::GradesPush => "homeroom.grades/1",
        Command::Check => "homeroom.check/1",
        Command::Doctor => "homeroom.doctor/1",
    }
}

pub(crate) use crate::text::moment::utc;

/// An AWS account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The 12-digit id.
    pub id: String,
    /// The alias, where the account has one, and it was asked for and could be read.
    pub alias: Option<String>,
}

/// One place of a class that has several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceStamp {
    /// As in the settings.
    pub name: PlaceName,
    /// `None` where it is not known, because the place could not be reached.
    pub account: Option<Account>,
    pub region: String,
    /// Why it could not be looked at; nothing is claimed about its students then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreached: Option<String>,
}

/// What every document begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stamp {
    pub schema: &'static str,
    /// homeroom's own.
    pub version: &'static str,
    /// When the document was made, RFC 3339 in UTC.
    pub time: String,
    /// Of a class with places, that of the first that is known.
    pub account: Account,
    /// Likewise.
    pub region: String,
    /// All places of a class that has several; empty for every other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<PlaceStamp>,
}

impl Stamp {
    /// Of a verb's end, now.
    pub fn now(command: Command, account: &str, region: &str) -> Self {
        Self {
            schema: schema_of(command),
            version: VERSION,
            time: utc(Timestamp::now()),
            account: Account {
                id: account.to_owned(),
                alias: None,
            },
            region: region.to_owned(),
            places: Vec::new(),
        }
    }
}
