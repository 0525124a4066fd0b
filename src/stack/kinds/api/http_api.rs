//! API Gateway HTTP API: integrations, routes, the permission to invoke, one stage that deploys by itself.
//!
//! The record of what was deployed stands in the stage's description. The stage is made last, with its throttle. What a student
//! changed afterwards stays until a reset.

mod effects;

pub use effects::{Action, Undo};

use std::collections::BTreeMap;

use serde_json::json;

use crate::aws::stop::Cancelled;
use crate::ids::Scope;
use crate::stack::diff::{Change, Difference, Differing, LAB_CHANGED, SettingsDiff, abridged};
use crate::stack::kinds::api::{
    self, ApisFound, ByName, Ours, RouteSpec, Seen, Spec, StageSeen, Throttle,
};
use crate::stack::kinds::drift::{Drift, three_way};
use crate::stack::kinds::search::{Listed, Search};
use crate::stack::kinds::{
    AnySpec, ApiType, Gap, Item, KindFacts, Planning, StudentsWork, Verdict,
};
use crate::stack::ownership::Fingerprint;

pub(in crate::stack::kinds) const FACTS: KindFacts = KindFacts {
    // API Gateway takes 128 characters (API reference, CreateApi, `name`); this is the tightest of the other kinds.
    name_max: 64,
    runs: false,
    in_iam: false,
    goes: 1,
    goes_after: &[],
};

/// The stage that has no part in the URL.
pub const STAGE: &str = "$default";
/// The format of the event that a function gets.
pub(crate) const PAYLOAD_FORMAT: &str = "2.0";

/// A stage as GetStages shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpStage {
    pub(crate) seen: StageSeen,
    pub(crate) settings: Settings,
    /// The routes that have settings of their own.
    pub(crate) own_settings: Vec<String>,
}

/// A route as GetRoutes shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) id: String,
    /// `POST /process`.
    pub(crate) key: String,
    /// The id of its integration.
    pub(crate) integration: Option<String>,
    /// Who may call it, with everything that narrows that.
    pub(crate) authorization: String,
}

/// An integration as GetIntegrations shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Integration {
    pub(crate) id: String,
    /// What it invokes and how, in words.
    pub(crate) invokes: String,
}

/// Everything that a student can set of an HTTP API and that changes what it answers, by name. The same text for the same value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(pub(crate) BTreeMap<String, String>);

impl Settings {
    pub(crate) const CORS: &str = "CORS";
    /// Whether AWS's own address of the API answers.
    pub(crate) const ADDRESS: &str = "address";
    const THROTTLE: &str = "throttle";

    /// As the lab has them.
    pub(crate) fn wanted(api: &Spec, scope: &Scope) -> Self {
        let mut settings = Self::of_stage(api.throttle, true);
        for route in &api.routes {
            let arn = scope.function_arn(&route.function);
            let invokes = invokes(&arn, PAYLOAD_FORMAT);
            settings.set_route(&key_of(route), &invokes, api.authorization.as_str());
        }
        settings
    }

    fn set_route(&mut self, key: &str, invokes: &str, authorization: &str) {
        let text = format!("{invokes}, authorization {authorization}");
        self.set(&format!("route {key}"), text);
    }

    pub(crate) fn of_stage(throttle: Option<Throttle>, deploys: bool) -> Self {
        let mut settings = Self::default();
        settings.set(Self::THROTTLE, words_of(throttle));
        if !deploys {
            settings.set("automatic deployment", "off");
        }
        settings
    }

    pub(crate) fn set_throttle_of(&mut self, route_key: &str, throttle: Option<Throttle>) {
        self.set(&format!("throttle of {route_key}"), words_of(throttle));
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Adds what was read of the stage, and of the routes.
    fn add(&mut self, parts: &Parts) {
        match parts.stage() {
            Some(stage) => self.0.extend(stage.settings.0.clone()),
            None => self.set("stage", "is not there"),
        }
        for route in &parts.routes {
            let integration = parts.integration_of(route);
            let invokes = integration.map_or("nothing", |it| it.invokes.as_str());
            self.set_route(&route.key, invokes, &route.authorization);
        }
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_json(&json!(self.0))
    }

    /// What differs: name, here, there.
    fn differing<'a>(
        &'a self,
        other: &'a Self,
    ) -> Vec<(&'a str, Option<&'a String>, Option<&'a String>)> {
        let mut names: Vec<&String> = self.0.keys().chain(other.0.keys()).collect();
        names.sort();
        names.dedup();
        let both = names
            .into_iter()
            .map(|name| (name.as_str(), self.0.get(name), other.0.get(name)));
        both.filter(|(_, here, there)| here != there).collect()
    }
}

fn words_of(throttle: Option<Throttle>) -> String {
    throttle.map_or_else(
        || "the account's".to_owned(),
        |Throttle { rate, burst }| format!("{rate} per second, burst {burst}"),
    )
}

/// What an integration with a function invokes, in words.
pub(crate) fn invokes(function_arn: &str, payload_format: &str) -> String {
    format!("{function_arn} in format {payload_format}")
}

/// A route's key (`POST /process`).
pub(crate) fn key_of(route: &RouteSpec) -> String {
    format!("{} {}", route.method, route.path)
}

/// The parts of an API that its listing does not show.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts {
    routes: Vec<Route>,
    integrations: Vec<Integration>,
    stages: Vec<HttpStage>,
}

impl Parts {
    fn stage(&self) -> Option<&HttpStage> {
        self.stages.iter().find(|stage| stage.seen.name == STAGE)
    }

    fn integration_of(&self, route: &Route) -> Option<&Integration> {
        let id = route.integration.as_ref()?;
        self.integrations.iter().find(|it| it.id == *id)
    }
}

/// How an API differs from the lab's; `None` where it was never whole.
fn drift(api: &Spec, at: &Planning<'_>, seen: &Seen) -> Option<Drift> {
    let recorded = api.recorded(&at.owner().class, seen)?;
    let wanted = api.fingerprint(at.scope);
    let settings = seen.settings.as_ref().map(Settings::fingerprint);
    // Where nobody asked for them, the record has to do.
    let actual = settings.unwrap_or_else(|| recorded.clone());
    Some(three_way(&wanted, Some(&recorded), &actual))
}

/// The names of what the student changed, if the student changed anything.
fn theirs(api: &Spec, at: &Planning<'_>, seen: &Seen) -> Option<String> {
    if drift(api, at, seen) != Some(Drift::Theirs) {
        return None;
    }
    let wanted = Settings::wanted(api, at.scope);
    let differing = wanted.differing(seen.settings.as_ref()?);
    let names: Vec<&str> = differing.into_iter().map(|(name, ..)| name).collect();
    Some(format!("the student changed its {}", names.join(" and ")))
}

/// What a deployment does about one that is there.
pub(super) fn plan(api: &Spec, at: &Planning<'_>, ours: &Ours<'_>) -> Item {
    let (id, seen) = (api.id(), ours.keeper);
    if seen.stages.is_none() {
        return Item::settled(id, Verdict::Unknown, "its routes could not be read");
    }
    let settings = seen.settings.as_ref();
    let drift = drift(api, at, seen);
    let theirs = theirs(api, at, seen);
    let keeps = theirs.is_some() && !at.reset;
    let why = match (&ours.unfinished, drift, &theirs) {
        (Some(why), _, Some(theirs)) if keeps => format!("{why}; {theirs}, and that stays"),
        (Some(why), ..) => why.clone(),
        (None, None, _) => "not completed".to_owned(),
        (None, Some(Drift::Stale), _) => "its settings differ".to_owned(),
        (None, Some(Drift::SameButUnrecorded), _) => {
            "an earlier update was cut off before it was recorded".to_owned()
        }
        (None, Some(Drift::Theirs), Some(theirs)) if at.reset => {
            format!("{theirs}; reset was asked for")
        }
        (None, Some(Drift::Same), _) if at.reset => {
            "reset was asked for: routes and permission become as the lab has them".to_owned()
        }
        (None, Some(Drift::Same), _) => {
            return Item::settled(id, Verdict::NoChange, seen.renamed(api));
        }
        (None, Some(Drift::Theirs), _) => return Item::unchanged(id, theirs),
    };
    let action = Action::Complete {
        api: api.clone(),
        id: seen.id.clone(),
        duplicates: ours.duplicates.clone(),
        kept: api.recorded(&at.owner().class, seen).filter(|_| keeps),
        undo: Undo::ALL
            .into_iter()
            .filter(|undo| settings.is_some_and(|it| it.0.contains_key(undo.setting())))
            .collect(),
    };
    let mut item = ours.completed(id, action, why).with_theirs(theirs);
    if let Some(settings) = settings.filter(|_| !keeps) {
        let wanted = Settings::wanted(api, at.scope);
        let parts = settings.differing(&wanted).into_iter();
        let parts = parts.map(|(name, old, new)| Difference::new(name, old.cloned(), new.cloned()));
        item.differs.extend(Differing {
            parts: parts.collect(),
            ..Differing::default()
        });
    }
    item
}

/// What the student changed of one.
pub(super) fn change(api: &Spec, at: &Planning<'_>, seen: &Seen) -> Option<Change> {
    let mut summary = theirs(api, at, seen)?;
    let wanted = Settings::wanted(api, at.scope);
    if api.recorded(&at.owner().class, seen) != Some(wanted.fingerprint()) {
        summary.push_str(LAB_CHANGED);
    }
    let none = String::from("none");
    let mut shown = SettingsDiff::default();
    for (name, old, new) in wanted.differing(seen.settings.as_ref()?) {
        shown.compare(name, old.unwrap_or(&none), new.unwrap_or(&none));
    }
    Some(Change {
        resource: api.id().to_string(),
        summary,
        diff: abridged(shown.diff),
    })
}

/// What of the student's own a reset would overwrite.
pub(super) fn work(api: &Spec, at: &Planning<'_>, seen: &Seen) -> Option<StudentsWork> {
    theirs(api, at, seen)?;
    let settings = seen.settings.as_ref()?;
    let text = serde_json::to_string_pretty(&settings.0).ok()?;
    Some(StudentsWork {
        resource: api.id(),
        code: false,
        files: vec![(format!("{}.json", api.name), text)],
    })
}

/// The class's HTTP APIs. For a deployment each one's parts are read as well ([`read_parts`]): to delete it takes none of them.
pub(crate) async fn list(search: &Search<'_>) -> Listed<ApisFound> {
    let (mut found, mut gaps) = api::list(search, ApiType::Http).await?;
    if search.depth.is_deployment() {
        gaps.extend(read_parts(search, &mut found.apis).await?);
    }
    Ok((found, gaps))
}

/// Reads the routes, integrations and stages of each that is ours: three calls each.
pub(crate) async fn read_parts(
    search: &Search<'_>,
    apis: &mut ByName,
) -> Result<Vec<Gap>, Cancelled> {
    let ask = |id: String| async move { effects::read(search.client, &id).await };
    api::complete(search, ApiType::Http, apis, ask, |api, parts| {
        api.settings.get_or_insert_default().add(&parts);
        api.stages = Some(parts.stages.into_iter().map(|stage| stage.seen).collect());
    })
    .await
}
