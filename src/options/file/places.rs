//! `[[place]]` in `homeroom.toml`: the accounts and regions that a class is spread over.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{FileReader, NAME};
use crate::aws::Operation;
use crate::error::Error;
use crate::ids::PlaceName;
use crate::options::values::{
    AccountId, EndpointUrl, PolicyArn, Profile, QuotaOverride, Region, RoleArn,
};
use crate::options::{GlobalOptions, invalid};
use crate::text::failure::Failure;
use crate::text::similar;
use crate::text::words::some_of;

/// Every key of a place.
const KEYS: &[&str] = &[
    "name",
    "profile",
    "role_arn",
    "region",
    "account",
    "endpoint-url",
    "invoke-base",
    "role_boundary",
    "quotas",
];

const EXAMPLE: &str = "an example, below all other settings: [[place]], and on lines below it name = \"one\", profile = \
                       \"training\", region = \"eu-west-1\"";

/// One account and region of a class.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlaceSettings {
    pub(crate) name: PlaceName,
    /// The place's, else the class's. `None`: AWS's own configuration decides.
    pub(crate) profile: Option<Profile>,
    /// The role to assume, with what `profile` says.
    pub(crate) role_arn: Option<RoleArn>,
    pub(crate) region: Region,
    /// Refuse to run in another account than this: the place's, else its role's, else the class's.
    pub(crate) account: Option<AccountId>,
    pub(crate) endpoint_url: Option<EndpointUrl>,
    pub(crate) invoke_base: Option<EndpointUrl>,
    /// The place's, else the class's.
    pub(crate) role_boundary: Option<PolicyArn>,
    /// The class's, but where the place has its own.
    pub(crate) quotas: BTreeMap<Operation, QuotaOverride>,
}

impl PlaceSettings {
    /// Without the class's boundary on roles.
    pub(in crate::options) fn unbounded(self) -> Self {
        Self {
            role_boundary: None,
            ..self
        }
    }
}

/// A place as the file has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PlaceTable {
    at: Range<usize>,
    /// `None` where it is missing, or cannot be used and that is said already.
    name: Option<PlaceName>,
    region: Option<Region>,
    profile: Option<Profile>,
    role_arn: Option<RoleArn>,
    account: Option<AccountId>,
    endpoint_url: Option<EndpointUrl>,
    invoke_base: Option<EndpointUrl>,
    role_boundary: Option<PolicyArn>,
    quotas: BTreeMap<Operation, QuotaOverride>,
    /// The keys that it has, whether they can be used or not.
    given: Vec<String>,
}

impl PlaceTable {
    fn has(&self, key: &str) -> bool {
        self.given.iter().any(|given| given == key)
    }

    /// The account, as far as the settings tell.
    fn account(&self, class: &GlobalOptions) -> Option<AccountId> {
        let of_role = || self.role_arn.as_ref()?.account().parse().ok();
        let own = self.account.clone().or_else(of_role);
        own.or_else(|| class.account.clone())
    }

    fn region<'a>(&'a self, class: &'a GlobalOptions) -> Option<&'a Region> {
        self.region.as_ref().or(class.region.as_ref())
    }

    /// Why both are one place, if they are.
    fn same_as(&self, other: &Self, class: &GlobalOptions) -> Option<String> {
        let region = self.region(class)?;
        if other.region(class) != Some(region) {
            return None;
        }
        if let (Some(account), Some(others)) = (self.account(class), other.account(class)) {
            let same = account == others;
            return same.then(|| format!("account {account}, region {region}"));
        }
        let credentials = |place: &Self| {
            let Self {
                profile,
                role_arn,
                endpoint_url,
                ..
            } = place.clone();
            (
                profile.or_else(|| class.profile.clone()),
                role_arn,
                endpoint_url,
            )
        };
        let same = credentials(self) == credentials(other);
        same.then(|| format!("the same credentials, region {region}"))
    }
}

impl FileReader<'_> {
    /// The places; `None` where there is none.
    pub(in crate::options) fn places(
        &mut self,
        key: &str,
        value: Spanned<DeValue<'_>>,
    ) -> Option<Vec<PlaceTable>> {
        let at = value.span();
        let DeValue::Array(tables) = value.into_inner() else {
            let cause = "places are tables, each with two pairs of brackets";
            self.fail(at, Some(key), cause.to_owned(), EXAMPLE);
            return None;
        };
        let mut places = Vec::new();
        for value in tables {
            let at = value.span();
            match value.into_inner() {
                DeValue::Table(table) => places.push(self.place(at, table)),
                _ => {
                    let cause = "a place is a table, not a single value";
                    self.fail(at, Some(key), cause.to_owned(), EXAMPLE);
                }
            }
        }
        (!places.is_empty()).then_some(places)
    }

    fn place(&mut self, at: Range<usize>, table: DeTable<'_>) -> PlaceTable {
        let mut place = PlaceTable {
            at,
            ..PlaceTable::default()
        };
        for (key, value) in table {
            let (at, key) = (key.span(), key.into_inner().replace("role-", "role_"));
            match key.as_str() {
                "name" => place.name = self.value(&key, value),
                "region" => place.region = self.value(&key, value),
                "profile" => place.profile = self.value(&key, value),
                "role_arn" => place.role_arn = self.value(&key, value),
                "account" => place.account = self.value(&key, value),
                "endpoint-url" => place.endpoint_url = self.value(&key, value),
                "invoke-base" => place.invoke_base = self.value(&key, value),
                "role_boundary" => place.role_boundary = self.value(&key, value),
                "quotas" => place.quotas = self.quotas(&key, value).unwrap_or_default(),
                _ => self.unknown(at, &key, KEYS),
            }
            place.given.push(key);
        }
        place
    }
}

/// Checks the places against each other and against the rest of the file.
pub(in crate::options) fn check(file: &mut FileReader<'_>, class: &GlobalOptions) {
    let places = class.places.as_deref().unwrap_or_default();
    let Some(first) = places.first() else {
        return;
    };
    let of_one_place = [
        ("local", class.local == Some(true)),
        ("endpoint-url", class.endpoint_url.is_some()),
        ("invoke-base", class.invoke_base.is_some()),
    ];
    for (key, _) in of_one_place.iter().filter(|(_, given)| *given) {
        let cause = format!("'{key}' is for a class in one place, and this one has places");
        let hint = match *key {
            "local" => "leave one of the two out; --local tries the class on the embedded cloud, as one place".to_owned(),
            key => format!("write {key} below the [[place]] that it is meant for"),
        };
        file.fail(first.at.clone(), Some("place"), cause, hint);
    }
    for (index, place) in places.iter().enumerate() {
        let mut fail =
            |cause: String, hint: &str| file.fail(place.at.clone(), Some("place"), cause, hint);
        if !place.has("name") {
            fail("the place has no name".to_owned(), EXAMPLE);
        }
        if place.has("profile") && place.has("role_arn") {
            let cause = "a place has a profile or a role to assume, and this one has both";
            let hint = "leave one of the two out; the class's own profile, above, says who assumes the role";
            fail(cause.to_owned(), hint);
        }
        if !place.has("region") && class.region.is_none() {
            let hint = "write it, as in region = \"eu-west-1\", or for all places above them";
            fail("the place has no region".to_owned(), hint);
        }
        if let (Some(role), Some(account)) = (&place.role_arn, &place.account)
            && role.account() != account.as_str()
        {
            let cause = format!(
                "its role is of account {}, and it may only be in {account}",
                role.account()
            );
            fail(cause, "correct one of the two");
        }
        for other in &places[..index] {
            let line = file.line(other.at.start);
            let mut fail =
                |cause: String, hint: &str| file.fail(place.at.clone(), Some("place"), cause, hint);
            if let (Some(name), Some(others)) = (&place.name, &other.name)
                && name.as_str().eq_ignore_ascii_case(others.as_str())
            {
                let cause = format!("the place of line {line} is called {others}, too");
                fail(cause, "give each place a name of its own");
            }
            if let Some(same) = place.same_as(other, class) {
                let cause = format!("it is the place of line {line} once more: {same}");
                fail(
                    cause,
                    "delete one of the two, or correct its account or region: the stacks of one account and region \
                             are one place's",
                );
            }
        }
    }
}

/// The places of a file that [`check`] found nothing wrong with.
pub(in crate::options) fn resolve(class: &GlobalOptions) -> Vec<PlaceSettings> {
    let places = class.places.iter().flatten();
    let resolved = places.filter_map(|place| {
        let mut quotas = class.quotas.clone().unwrap_or_default();
        quotas.extend(place.quotas.clone());
        Some(PlaceSettings {
            name: place.name.clone()?,
            profile: place.profile.clone().or_else(|| class.profile.clone()),
            role_arn: place.role_arn.clone(),
            region: place.region(class)?.clone(),
            account: place.account(class),
            endpoint_url: place.endpoint_url.clone(),
            invoke_base: place.invoke_base.clone(),
            role_boundary: place
                .role_boundary
                .clone()
                .or_else(|| class.role_boundary.clone()),
            quotas,
        })
    });
    resolved.collect()
}

/// The keys of a source other than the file that would hold for every place at once.
pub(in crate::options) fn of_all_at_once(options: &GlobalOptions) -> Vec<&'static str> {
    let given = [
        ("profile", options.profile.is_some()),
        ("region", options.region.is_some()),
        ("endpoint-url", options.endpoint_url.is_some()),
        ("account", options.account.is_some()),
        ("invoke-base", options.invoke_base.is_some()),
    ];
    let given = given.into_iter().filter(|(_, given)| *given);
    given.map(|(key, _)| key).collect()
}

/// The refusal of such a key, as its source spells it.
pub(in crate::options) fn refused_for_all(spelt: String, places: &[PlaceSettings]) -> Failure {
    let (names, file) = (names(places), NAME);
    let cause =
        format!("it would hold for every place of the class ({names}), and {file} says it of each");
    let hint = "leave it out; --place NAME narrows the command to one of the places";
    Failure::new(spelt, cause).hint(hint)
}

/// The chosen places that the class does not have.
pub(in crate::options) fn unknown(chosen: &[PlaceName], places: &[PlaceSettings]) -> Vec<Failure> {
    let is_known = |name: &&PlaceName| places.iter().any(|place| place.name == **name);
    let unknown = chosen.iter().filter(|name| !is_known(name));
    let failures = unknown.map(|name| {
        let known = places.iter().map(|place| place.name.as_str());
        let hint = similar::did_you_mean(name.as_str(), known)
            .unwrap_or_else(|| format!("the places are {}", names(places)));
        Failure::new(
            format!("--place {name}"),
            "the class has no place of that name",
        )
        .hint(hint)
    });
    failures.collect()
}

/// The refusal of `--place` where there are no places.
pub(in crate::options) fn none_here(why: &str) -> Error {
    let hint = "leave --place out; docs/settings.md says how a class has several places";
    invalid("--place", why, hint)
}

fn names(places: &[PlaceSettings]) -> String {
    let names: Vec<&str> = places.iter().map(|place| place.name.as_str()).collect();
    some_of(&names, 8)
}
