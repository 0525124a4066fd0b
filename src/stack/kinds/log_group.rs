//! CloudWatch Logs log group of a Lambda function, or of a state machine that logs.
//!
//! A listing shows no tags. A group belongs to whom its function or state machine belongs; if that is gone, the group's tags
//! decide.
//! They are read again right before a deletion.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::aws::ErrorKind;
use crate::aws::Operation::*;
use crate::ids::Username;
use crate::stack::diff::Differing;
use crate::stack::kinds::search::{Listed, Search};
use crate::stack::kinds::{
    AnySeen, AnySpec, Desired, Effect, Item, Kind, KindAction, KindFacts, Observed, PlannedCalls,
    Planning, ResourceId, Verdict, function, state_machine,
};
use crate::stack::ownership::{Fingerprint, Owner, Ownership};
use crate::stack::step::{Context, StepError, or_gone};

pub(super) const FACTS: KindFacts = KindFacts {
    // Source: CloudWatch Logs CreateLogGroup, `logGroupName`.
    name_max: 512,
    runs: false,
    in_iam: false,
    goes: 5,
    // A function that logs once more would make it again.
    goes_after: &[Kind::Function, Kind::StateMachine],
};

/// Retention periods that AWS accepts, in days. Source: PutRetentionPolicy, `retentionInDays`.
pub(crate) const RETENTION_DAYS: [i32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// A function's last log events arrive within this time, and would make its log group again. AWS does not say when all have
/// arrived.
pub(crate) const LATE_LOGS: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    pub name: String,
    pub(crate) retention_days: i32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub name: String,
    /// When it was created, in milliseconds since 1970, where the listing tells.
    pub(crate) created_ms: Option<i64>,
    /// How long events are kept, in days; `None`: for ever.
    pub retention_days: Option<i32>,
    /// Whose it is; listings do not show it.
    pub(crate) ownership: Ownership,
    /// Whether its own tags were read; otherwise its function says whose it is.
    pub(crate) tags_read: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Create(Spec),
    Update(Spec),
    Delete {
        /// Read its tags first, and leave it alone if they are somebody else's: so far only its function says whose it is.
        prove: bool,
    },
}

impl Spec {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of([self.retention_days.to_string().as_str()])
    }
}

impl AnySpec for Spec {
    fn id(&self) -> ResourceId {
        ResourceId::new(Kind::LogGroup, &self.name)
    }

    fn plan(&self, at: &Planning<'_>) -> Item {
        let id = self.id();
        let Some(seen) = at.observed.log_groups.get(&self.name) else {
            return Item::act(id, Verdict::Create, Action::Create(self.clone()), "");
        };
        if let Some(item) = Item::conflict(&id, &seen.ownership, at.owner()) {
            return item;
        }
        let why = match seen.retention_days {
            Some(days) if days == self.retention_days => {
                return Item::settled(id, Verdict::NoChange, "");
            }
            Some(days) => format!("keeps events {days} days, not {}", self.retention_days),
            None => "keeps events for ever".to_owned(),
        };
        let kept = |days: Option<i32>| days.map_or("for ever".to_owned(), |d| format!("{d} days"));
        let mut differs = Differing::default();
        let (old, new) = (seen.retention_days, Some(self.retention_days));
        differs.compare("retention", kept(old), kept(new));
        let action = Action::Update(self.clone());
        Item::act(id, Verdict::Update, action, why).differing(differs)
    }

    fn deletion(&self) -> super::Action {
        Action::Delete { prove: true }.into()
    }
}

impl AnySeen for Seen {
    fn id(&self) -> ResourceId {
        ResourceId::new(Kind::LogGroup, &self.name)
    }

    fn whose(&self, _: &Desired, _: Option<&Owner>) -> Ownership {
        self.ownership.clone()
    }

    fn deletion(&self) -> super::Action {
        let prove = !self.tags_read;
        Action::Delete { prove }.into()
    }
}

impl KindAction for Action {
    fn outline(&self) -> (Effect, PlannedCalls) {
        match self {
            Self::Create(_) => (
                Effect::Create,
                vec![(CreateLogGroup, 1), (PutRetentionPolicy, 1)],
            ),
            Self::Update(_) => (
                Effect::Update,
                vec![(PutRetentionPolicy, 1), (LogsTagResource, 1)],
            ),
            Self::Delete { prove } => {
                let asked = (LogsListTagsForResource, usize::from(*prove));
                (Effect::Delete, vec![asked, (DeleteLogGroup, 1)])
            }
        }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<(), StepError> {
        match self {
            Self::Create(group) => create(cx, group).await,
            Self::Update(group) => update(cx, group).await,
            Self::Delete { prove } => delete(cx, *prove).await,
        }
    }
}

async fn create(cx: &Context<'_>, group: &Spec) -> Result<(), StepError> {
    let tags = &cx.owner.tags(cx.scope, &group.fingerprint());
    match cx.client.create_log_group(&group.name, tags).await {
        Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {
            let arn = &cx.scope.log_group_arn(&group.name);
            let tags = cx.client.log_group_tags(arn).await?;
            cx.prove_ours(&tags)?;
        }
        other => other?,
    }
    set_retention(cx, group).await
}

async fn set_retention(cx: &Context<'_>, group: &Spec) -> Result<(), StepError> {
    let (name, days) = (group.name.as_str(), group.retention_days);
    let put = cx.call_about_new(|| cx.client.put_retention_policy(name, days));
    put.await
}

/// Sets the retention, and records it in the tag.
async fn update(cx: &Context<'_>, group: &Spec) -> Result<(), StepError> {
    set_retention(cx, group).await?;
    let arn = &cx.scope.log_group_arn(&group.name);
    let tags = &cx.owner.tags(cx.scope, &group.fingerprint());
    Ok(cx.client.tag_log_group(arn, tags).await?)
}

async fn delete(cx: &Context<'_>, prove: bool) -> Result<(), StepError> {
    let name = cx.resource.name.as_str();
    if prove {
        let arn = &cx.scope.log_group_arn(name);
        match cx.client.log_group_tags(arn).await {
            // Lambda made it, since it has no tags: it is ours if its function was.
            Ok(tags) if tags.is_empty() => {}
            Ok(tags) => cx.prove_ours(&tags)?,
            Err(error) => return or_gone(Err(error)),
        }
    }
    or_gone(cx.client.delete_log_group(name).await)
}

/// The class's groups. `strangers`: students whose whole stack is another class's.
pub(crate) async fn list(
    search: &Search<'_>,
    functions: &BTreeMap<String, function::Seen>,
    machines: &BTreeMap<String, state_machine::Seen>,
    strangers: &BTreeSet<Username>,
) -> Listed<BTreeMap<String, Seen>> {
    let client = search.client;
    let whose = |group: &str| {
        let function = group.strip_prefix(function::LOG_GROUP_PREFIX);
        let function = function.and_then(|name| functions.get(name));
        let machine = state_machine::machine_of(group).and_then(|name| machines.get(name));
        let of = function.map(|function| &function.ownership);
        match of.or(machine.map(|machine| &machine.ownership))? {
            Ownership::Ours(owner) => Some(Ownership::Ours(owner.clone())),
            _ => None,
        }
    };
    let mut found = BTreeMap::new();
    let mut keep = |mut group: Seen| {
        let vouched = whose(&group.name);
        let stray = search.stray(Kind::LogGroup, &group.name);
        if search.wanted(Kind::LogGroup, &group.name)
            || vouched.is_some()
            || is_of_machine_once(search, &group.name)
            || stray.is_some_and(|student| !strangers.contains(&student))
        {
            group.ownership = vouched.unwrap_or(Ownership::Unproven);
            found.insert(group.name.clone(), group);
        } else {
            search.note_named(Kind::LogGroup, &group.name);
        }
    };
    let mut gaps = Vec::new();
    for prefix in [prefix_of_functions(search), prefix_of_machines(search)] {
        let Some(prefix) = prefix else { continue };
        let page = |token| client.log_groups_page(&prefix, token);
        gaps.extend(search.list(Kind::LogGroup, page, &mut keep).await?);
    }
    let asked = search.complete(
        Kind::LogGroup,
        &mut found,
        |group| group.ownership == Ownership::Unproven,
        |group| async move {
            let arn = search.desired.scope.log_group_arn(&group.name);
            client.log_group_tags(&arn).await
        },
        |group, tags| {
            // Without tags Lambda made it, and only its function says whose it is.
            if !tags.is_empty() {
                group.tags_read = true;
                group.ownership = Ownership::from_tags(&tags, &search.desired.class);
            }
        },
    );
    gaps.extend(asked.await?);
    Ok((found, gaps))
}

/// The groups by name: of each, a listing of the names that begin with it, where the key may do that.
pub(crate) async fn by_name(search: &Search<'_>) -> Listed<BTreeMap<String, Seen>> {
    let asked = search.details(search.names(Kind::LogGroup), |name| async move {
        let page = search.client.log_groups_page(&name, None).await;
        (name, page)
    });
    let (mut found, mut gaps) = (BTreeMap::new(), Vec::new());
    for (name, page) in asked.await? {
        match page {
            Ok(page) => {
                let own = page.items.into_iter().find(|group| group.name == name);
                found.extend(own.map(|group| (name, group)));
            }
            Err(error) => gaps.push(search.gap(Kind::LogGroup, Some(&name), &error)),
        }
    }
    Ok((found, gaps))
}

/// The log groups of functions that are looked for, by the longest prefix that they have in common, so that one student's
/// teardown need not list all of the account's groups.
fn prefix_of_functions(search: &Search<'_>) -> Option<String> {
    let of_strays = search.names_of_strays(Kind::LogGroup);
    let names = search.beginnings(Kind::LogGroup);
    let names = names.chain(of_strays.iter().map(String::as_str));
    let names = names.filter(|name| name.starts_with(function::LOG_GROUP_PREFIX));
    let all = || function::LOG_GROUP_PREFIX.to_owned();
    Some(common_prefix(names).unwrap_or_else(all))
}

/// The same of state machines. A teardown also looks for the groups of those that log no longer.
fn prefix_of_machines(search: &Search<'_>) -> Option<String> {
    let of_strays = search.names_of_strays(Kind::LogGroup);
    let names = search.beginnings(Kind::LogGroup);
    let names = names.chain(of_strays.iter().map(String::as_str));
    let names = names.filter(|name| name.starts_with(state_machine::LOG_GROUP_PREFIX));
    let once = search.beginnings(Kind::StateMachine);
    let once = once.filter(|_| !search.depth.is_deployment());
    let once = once.map(|machine| format!("{}{machine}", state_machine::LOG_GROUP_PREFIX));
    let all: Vec<String> = names.map(str::to_owned).chain(once).collect();
    common_prefix(all.iter().map(String::as_str))
}

/// Whether a teardown looks for the state machine that has, or once had, this group.
fn is_of_machine_once(search: &Search<'_>, group: &str) -> bool {
    let machine = state_machine::machine_of(group);
    machine.is_some_and(|machine| {
        !search.depth.is_deployment() && search.wanted(Kind::StateMachine, machine)
    })
}

fn common_prefix<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<String> {
    let first = names.next()?;
    let common = names.fold(first, |common, name| {
        let same = common.bytes().zip(name.bytes()).take_while(|(a, b)| a == b);
        &common[..same.count()]
    });
    Some(common.to_owned())
}

/// The log group that Lambda may make again after a step deleted this resource: the group itself or its function.
pub(crate) fn made_again(resource: &ResourceId) -> Option<ResourceId> {
    match resource.kind {
        Kind::LogGroup => Some(resource.clone()),
        Kind::Function => Some(ResourceId::new(
            Kind::LogGroup,
            function::log_group_of(&resource.name),
        )),
        _ => None,
    }
}

/// Marks log groups as ours that have no tags and that this teardown deleted, or whose function it deleted: Lambda made them
/// again when the function logged once more. Returns their ids.
pub(crate) fn claim(
    observed: &mut Observed,
    known: &BTreeMap<ResourceId, Owner>,
) -> BTreeSet<ResourceId> {
    let mut claimed = BTreeSet::new();
    for group in observed.log_groups.values_mut() {
        let id = group.id();
        if let (Ownership::Unproven, Some(owner)) = (&group.ownership, known.get(&id)) {
            group.ownership = Ownership::Ours(owner.clone());
            claimed.insert(id);
        }
    }
    claimed
}
