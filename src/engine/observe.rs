//! Observes a class by listing, not by asking for each resource: five listings at once, then one
//! DescribeStateMachine and one GetStages a student, and tags only where a listing leaves ownership open.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt};

use crate::domain::cache::KnownMachines;
use crate::domain::desired::Desired;
use crate::domain::ids::Username;
use crate::domain::lab::NamePattern;
use crate::domain::observed::{AccountUse, Gap, Observed};
use crate::domain::operation::Operation;
use crate::domain::ownership::{Owner, Ownership, Tags};
use crate::domain::plan::teardown::Reach;
use crate::domain::resources::{
    Kind, ResourceId, function, log_group, rest_api, role, state_machine,
};

use super::call::{CallError, Caller};
use super::port::{AccountSummary, Cloud, CloudResult, ErrorKind, Page};
use super::stop::Cancelled;

/// Detail calls waiting at most; the pacer spaces them, this only bounds memory.
const DETAILS_AT_ONCE: usize = 32;

/// How closely to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Depth {
    /// As a deployment needs it: a log group of a function of ours counts as ours.
    Deploy,
    /// As the teardown of some students needs it: log groups are asked for their tags, since they may only
    /// be deleted when those are ours.
    TeardownOfStudents,
    /// As the teardown of a whole class needs it: likewise, and also under the names of students who left
    /// the roster.
    TeardownOfClass {
        /// How the lab names things.
        patterns: Vec<NamePattern>,
    },
}

impl Depth {
    /// Whom a teardown that looks so reaches.
    pub fn reach(&self) -> Reach {
        match self {
            Self::TeardownOfClass { .. } => Reach::WholeClass,
            Self::Deploy | Self::TeardownOfStudents => Reach::Selected,
        }
    }

    fn patterns(&self) -> &[NamePattern] {
        match self {
            Self::TeardownOfClass { patterns } => patterns,
            Self::Deploy | Self::TeardownOfStudents => &[],
        }
    }
}

/// What the observer looks for.
struct Look<'a, C> {
    caller: &'a Caller<C>,
    desired: &'a Desired,
    owners: BTreeMap<ResourceId, Owner>,
    depth: &'a Depth,
    known: &'a KnownMachines,
}

type Listed<T> = Result<(T, Vec<Gap>), Cancelled>;

/// Looks at everything that the class has, or that stands where it would have something.
///
/// # Errors
/// Only when the run is stopped: what cannot be read becomes a gap.
pub async fn observe<C: Cloud>(
    caller: &Caller<C>,
    desired: &Desired,
    depth: &Depth,
) -> Result<Observed, Cancelled> {
    observe_knowing(caller, desired, depth, &KnownMachines::new()).await
}

/// [`observe`], without describing the state machines again that are known and still the same ones.
///
/// # Errors
/// As [`observe`].
pub async fn observe_knowing<C: Cloud>(
    caller: &Caller<C>,
    desired: &Desired,
    depth: &Depth,
    known: &KnownMachines,
) -> Result<Observed, Cancelled> {
    let owners = desired
        .stacks
        .iter()
        .flat_map(|stack| {
            let ids = stack.resource_ids().into_iter();
            ids.map(|id| (id, stack.owner.clone()))
        })
        .collect();
    let look = Look {
        caller,
        desired,
        owners,
        depth,
        known,
    };
    let (roles, functions, machines, apis, summary) = tokio::join!(
        look.roles(),
        look.functions(),
        look.state_machines(),
        look.rest_apis(),
        look.account_summary(),
    );
    let (roles, mut gaps) = roles?;
    let (functions, more) = functions?;
    gaps.extend(more);
    let (machines, more) = machines?;
    gaps.extend(more);
    let ((apis, api_count), more) = apis?;
    gaps.extend(more);
    let strangers = students_of_other_classes(&roles, desired);
    let (log_groups, more) = look.log_groups(&functions, &strangers).await?;
    gaps.extend(more);
    let summary = summary?;
    Ok(Observed {
        roles,
        log_groups,
        functions,
        state_machines: machines,
        rest_apis: apis,
        gaps,
        account: AccountUse {
            roles: summary.roles,
            roles_quota: summary.roles_quota,
            rest_apis: api_count,
        },
    })
}

/// Students whose roles say that they are another class's: their other resources need not be asked.
fn students_of_other_classes(
    roles: &BTreeMap<String, role::Actual>,
    desired: &Desired,
) -> BTreeSet<Username> {
    roles
        .values()
        .filter_map(|role| Owner::from_tags(&role.tags))
        .filter(|owner| owner.class != desired.class)
        .map(|owner| owner.student)
        .collect()
}

impl<'a, C: Cloud> Look<'a, C> {
    fn wanted(&self, kind: Kind, name: &str) -> bool {
        self.owners.contains_key(&ResourceId::new(kind, name))
    }

    /// Whether a name could be one of the class's, of a student who is not in the roster any more.
    fn stray(&self, kind: Kind, name: &str) -> Option<Username> {
        self.depth
            .patterns()
            .iter()
            .filter(|pattern| pattern.kind == kind)
            .find_map(|pattern| pattern.username_in(name)?.parse().ok())
    }

    /// Whether anything of a kind is looked for at all.
    fn any(&self, kind: Kind) -> bool {
        *self.depth != Depth::Deploy || self.owners.keys().any(|id| id.kind == kind)
    }

    fn gap(&self, kind: Kind, name: Option<&str>, error: &CallError) -> Gap {
        let cause = match error {
            CallError::Cloud(error) => error.to_string(),
            CallError::Cancelled => "stopped".to_owned(),
        };
        let student = name
            .and_then(|name| self.owners.get(&ResourceId::new(kind, name)))
            .map(|owner| owner.student.clone());
        Gap {
            kind,
            name: name.map(str::to_owned),
            student,
            cause,
        }
    }

    /// Reads a listing to its end.
    async fn pages<T, F>(
        &self,
        operation: Operation,
        page: impl Fn(&'a C, Option<String>) -> F,
        mut keep: impl FnMut(T),
    ) -> Result<(), CallError>
    where
        F: Future<Output = CloudResult<Page<T>>>,
    {
        let mut token: Option<String> = None;
        loop {
            let listed = self
                .caller
                .call(operation, |c| page(c, token.clone()))
                .await?;
            listed.items.into_iter().for_each(&mut keep);
            token = listed.next;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    async fn roles(&self) -> Listed<BTreeMap<String, role::Actual>> {
        let mut found = BTreeMap::new();
        if !self.any(Kind::Role) {
            return Ok((found, Vec::new()));
        }
        let listed = self
            .pages(
                Operation::GetAccountAuthorizationDetails,
                |c, token| c.roles_page(token),
                |role: role::Actual| {
                    let ours = Owner::from_tags(&role.tags).is_some();
                    if ours
                        || role.path.starts_with("/homeroom/")
                        || self.wanted(Kind::Role, &role.name)
                    {
                        found.insert(role.name.clone(), role);
                    }
                },
            )
            .await;
        let gaps = self.listing_gap(Kind::Role, listed)?;
        Ok((found, gaps))
    }

    fn listing_gap(
        &self,
        kind: Kind,
        listed: Result<(), CallError>,
    ) -> Result<Vec<Gap>, Cancelled> {
        match listed {
            Ok(()) => Ok(Vec::new()),
            Err(CallError::Cancelled) => Err(Cancelled),
            Err(error) => Ok(vec![self.gap(kind, None, &error)]),
        }
    }

    async fn functions(&self) -> Listed<BTreeMap<String, function::Actual>> {
        let class = &self.desired.class;
        let mut found = BTreeMap::new();
        if !self.any(Kind::Function) {
            return Ok((found, Vec::new()));
        }
        let listed = self
            .pages(
                Operation::ListFunctions,
                |c, token| c.functions_page(token),
                |mut function: function::Actual| {
                    let said = function::Actual::described_ownership(&function.description, class);
                    let candidate = self.wanted(Kind::Function, &function.name)
                        || matches!(said, Ownership::Ours(_))
                        || (said == Ownership::Unproven
                            && self.stray(Kind::Function, &function.name).is_some());
                    function.ownership = said;
                    if candidate {
                        found.insert(function.name.clone(), function);
                    }
                },
            )
            .await;
        let mut gaps = self.listing_gap(Kind::Function, listed)?;
        let doubtful: Vec<String> = found
            .values()
            .filter(|f| !matches!(f.ownership, Ownership::Ours(_)))
            .map(|f| f.name.clone())
            .collect();
        let tags = self
            .details(doubtful, |name: String| async move {
                let state = self
                    .caller
                    .call(Operation::GetFunction, |c| c.get_function(&name))
                    .await;
                (name, state.map(|s| s.tags))
            })
            .await?;
        for (name, tags) in tags {
            match tags {
                Ok(tags) => {
                    if let Some(function) = found.get_mut(&name) {
                        function.ownership = Ownership::from_tags(&tags, class);
                    }
                }
                Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                    found.remove(&name);
                }
                Err(error) => {
                    found.remove(&name);
                    gaps.push(self.gap(Kind::Function, Some(&name), &error));
                }
            }
        }
        Ok((found, gaps))
    }

    async fn state_machines(&self) -> Listed<BTreeMap<String, state_machine::Actual>> {
        let class = &self.desired.class;
        let mut found: BTreeMap<String, state_machine::Actual> = BTreeMap::new();
        if !self.any(Kind::StateMachine) {
            return Ok((found, Vec::new()));
        }
        let listed = self
            .pages(
                Operation::ListStateMachines,
                |c, token| c.state_machines_page(token),
                |machine: state_machine::Actual| {
                    if self.wanted(Kind::StateMachine, &machine.name)
                        || self.stray(Kind::StateMachine, &machine.name).is_some()
                    {
                        found.insert(machine.name.clone(), machine);
                    }
                },
            )
            .await;
        let mut gaps = self.listing_gap(Kind::StateMachine, listed)?;
        for machine in found.values_mut() {
            if let Some(known) = self.known.get(&machine.name).filter(|k| k.is(machine)) {
                machine.detail = Some(known.detail.clone());
                machine.ownership = Ownership::from_owner(Some(known.owner.clone()), class);
            }
        }
        let details = self
            .details(
                found
                    .values()
                    .filter(|machine| machine.detail.is_none())
                    .map(|m| (m.name.clone(), m.arn.clone()))
                    .collect(),
                |(name, arn): (String, String)| async move {
                    let detail = self.state_machine_detail(&arn).await;
                    (name, detail)
                },
            )
            .await?;
        for (name, detail) in details {
            match detail {
                Ok((detail, ownership)) => {
                    if let Some(machine) = found.get_mut(&name) {
                        machine.ownership = match ownership {
                            Some(tags) => Ownership::from_tags(&tags, class),
                            None => detail.described_ownership(class),
                        };
                        machine.detail = Some(detail);
                    }
                }
                Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                    found.remove(&name);
                }
                Err(error) => {
                    found.remove(&name);
                    gaps.push(self.gap(Kind::StateMachine, Some(&name), &error));
                }
            }
        }
        Ok((found, gaps))
    }

    /// A state machine's definition, and its tags where the definition does not say that it is ours.
    async fn state_machine_detail(
        &self,
        arn: &str,
    ) -> Result<(state_machine::Detail, Option<Tags>), CallError> {
        let detail = self
            .caller
            .call(Operation::DescribeStateMachine, |c| {
                c.describe_state_machine(arn)
            })
            .await?;
        if let Ownership::Ours(_) = detail.described_ownership(&self.desired.class) {
            return Ok((detail, None));
        }
        let tags = self
            .caller
            .call(Operation::StatesListTagsForResource, |c| {
                c.state_machine_tags(arn)
            })
            .await?;
        Ok((detail, Some(tags)))
    }

    async fn rest_apis(&self) -> Listed<(BTreeMap<String, Vec<rest_api::Actual>>, Option<u32>)> {
        let class = &self.desired.class;
        let mut found: BTreeMap<String, Vec<rest_api::Actual>> = BTreeMap::new();
        let mut count = 0;
        if !self.any(Kind::RestApi) {
            return Ok(((found, None), Vec::new()));
        }
        let listed = self
            .pages(
                Operation::GetRestApis,
                |c, token| c.rest_apis_page(token),
                |(mut api, tags): (rest_api::Actual, Tags)| {
                    count += 1;
                    api.ownership = Ownership::from_tags(&tags, class);
                    if self.wanted(Kind::RestApi, &api.name)
                        || matches!(api.ownership, Ownership::Ours(_))
                    {
                        found.entry(api.name.clone()).or_default().push(api);
                    }
                },
            )
            .await;
        let mut gaps = self.listing_gap(Kind::RestApi, listed)?;
        let count = gaps.is_empty().then_some(count);
        let ours = found
            .values()
            .flatten()
            .filter(|api| matches!(api.ownership, Ownership::Ours(_)))
            .map(|api| (api.name.clone(), api.id.clone()))
            .collect();
        let stages = self
            .details(ours, |(name, id): (String, String)| async move {
                let stages = self
                    .caller
                    .call(Operation::GetStages, |c| c.stages(&id))
                    .await;
                (name, id, stages)
            })
            .await?;
        for (name, id, stages) in stages {
            let same_name = found.entry(name.clone()).or_default();
            match stages {
                Ok(stages) => {
                    if let Some(api) = same_name.iter_mut().find(|api| api.id == id) {
                        api.stages = Some(stages);
                    }
                }
                Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                    same_name.retain(|api| api.id != id);
                }
                Err(error) => gaps.push(self.gap(Kind::RestApi, Some(&name), &error)),
            }
        }
        found.retain(|_, apis| !apis.is_empty());
        Ok(((found, count), gaps))
    }

    /// How full the account is, where somebody is about to add to it. What cannot be read stays open.
    async fn account_summary(&self) -> Result<AccountSummary, Cancelled> {
        if *self.depth != Depth::Deploy {
            return Ok(AccountSummary::default());
        }
        let summary = self
            .caller
            .call(Operation::GetAccountSummary, |c| c.account_summary())
            .await;
        match summary {
            Err(CallError::Cancelled) => Err(Cancelled),
            other => Ok(other.unwrap_or_default()),
        }
    }

    async fn log_groups(
        &self,
        functions: &BTreeMap<String, function::Actual>,
        strangers: &BTreeSet<Username>,
    ) -> Listed<BTreeMap<String, log_group::Actual>> {
        let class = &self.desired.class;
        let mut found: BTreeMap<String, log_group::Actual> = BTreeMap::new();
        if !self.any(Kind::LogGroup) {
            return Ok((found, Vec::new()));
        }
        let prefix = self.log_group_prefix();
        let listed = self
            .pages(
                Operation::DescribeLogGroups,
                |c, token| c.log_groups_page(&prefix, token),
                |group: log_group::Actual| {
                    let stray = self.stray(Kind::LogGroup, &group.name);
                    if self.wanted(Kind::LogGroup, &group.name)
                        || stray.is_some_and(|student| !strangers.contains(&student))
                    {
                        found.insert(group.name.clone(), group);
                    }
                },
            )
            .await;
        let mut gaps = self.listing_gap(Kind::LogGroup, listed)?;
        let owner_by_function = |group: &str| {
            let function = functions.get(group.strip_prefix("/aws/lambda/")?)?;
            match &function.ownership {
                Ownership::Ours(owner) => Some(owner.clone()),
                _ => None,
            }
        };
        let must_ask =
            |name: &str| *self.depth != Depth::Deploy || owner_by_function(name).is_none();
        let asked = found
            .keys()
            .filter(|name| must_ask(name))
            .cloned()
            .collect();
        let tags = self
            .details(asked, |name: String| async move {
                let arn = self.desired.scope.log_group_arn(&name);
                let tags = self
                    .caller
                    .call(Operation::LogsListTagsForResource, |c| {
                        c.log_group_tags(&arn)
                    })
                    .await;
                (name, tags)
            })
            .await?;
        for (name, group) in &mut found {
            if let Some(owner) = owner_by_function(name) {
                group.ownership = Ownership::Ours(owner);
            }
        }
        for (name, tags) in tags {
            match tags {
                // Without any tag it is one that Lambda made: as much ours as its function, if that is there.
                Ok(tags) if tags.is_empty() => {}
                Ok(tags) => {
                    if let Some(group) = found.get_mut(&name) {
                        group.ownership = Ownership::from_tags(&tags, class);
                    }
                }
                Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                    found.remove(&name);
                }
                Err(error) => {
                    found.remove(&name);
                    gaps.push(self.gap(Kind::LogGroup, Some(&name), &error));
                }
            }
        }
        Ok((found, gaps))
    }

    /// The longest prefix that every log group of interest begins with: one student's teardown need not
    /// page through the account's log groups.
    fn log_group_prefix(&self) -> String {
        let mut names = self
            .owners
            .keys()
            .filter(|id| id.kind == Kind::LogGroup)
            .map(|id| id.name.as_str())
            .chain(
                self.depth
                    .patterns()
                    .iter()
                    .filter(|p| p.kind == Kind::LogGroup)
                    .map(|p| p.prefix.as_str()),
            );
        let Some(first) = names.next() else {
            return "/aws/lambda/".to_owned();
        };
        let common = names.fold(first, |common, name| {
            let same = common.bytes().zip(name.bytes()).take_while(|(a, b)| a == b);
            &common[..same.count()]
        });
        common.to_owned()
    }

    /// Asks for one detail of each, many at once.
    async fn details<I, O, F>(
        &self,
        items: Vec<I>,
        ask: impl Fn(I) -> F,
    ) -> Result<Vec<O>, Cancelled>
    where
        F: Future<Output = O>,
    {
        let answers: Vec<O> = stream::iter(items)
            .map(ask)
            .buffer_unordered(DETAILS_AT_ONCE)
            .collect()
            .await;
        self.caller.stop().check()?;
        Ok(answers)
    }
}
