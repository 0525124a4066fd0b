//! The places of a class, as a verb met them.

use serde::Serialize;

use super::Account;
use crate::ids::PlaceName;
use crate::stack::forecast::Forecast;
use crate::stack::limits::Limit;
use crate::text::failure::Failure;

/// One of a class's places.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlaceSummary {
    pub name: PlaceName,
    /// `None`: it could not be reached, and is not known from before.
    pub account: Option<Account>,
    pub region: Option<String>,
    /// How many of the command's students are there.
    pub students: usize,
    /// Why it could not be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreached: Option<Failure>,
    #[serde(flatten)]
    pub plan: Option<PlacePlan>,
}

/// What a plan needs to know of a place.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PlacePlan {
    /// The profile whose credentials count.
    pub profile: Option<String>,
    /// Where the credentials come from, if of no profile: `environment` or `instance`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys_from: Option<&'static str>,
    /// Where the calls go, if not to AWS.
    pub endpoint: Option<String>,
    /// Why the account's alias could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias_unread: Option<String>,
    /// Those that the plan takes something of.
    pub limits: Vec<Limit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
}
