//! What REST and HTTP APIs have in common: what one should be, whose it is, who may invoke what. How one is made, completed and
//! deleted stands in the file of its kind.

pub(crate) mod cost;
pub(crate) mod effects;
pub mod http_api;
pub mod rest_api;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::aws::stop::Cancelled;
use crate::aws::{CallError, CallResult, Client, ErrorKind, Operation, Page};
use crate::ids::{ClassName, Scope};
use crate::stack::diff::{Change, Differing};
use crate::stack::kinds::search::{Listed, Search, pages};
use crate::stack::kinds::{
    AnySeen, AnySpec, Desired, Gap, Item, Kind, Observed, Planning, ResourceId, Stack,
    StudentsWork, Verdict,
};
use crate::stack::ownership::{Fingerprint, Owner, Ownership, Record, Tags};
use crate::text::words::{some_of, word_enum};

pub use crate::ids::ApiType;

/// Students who are named one by one.
const NAMED: usize = 12;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RouteSpec {
    pub(crate) method: String,
    /// Path, with its leading slash.
    pub path: String,
    /// Name of the function that answers (one of the stack's).
    pub function: String,
}

impl RouteSpec {
    /// A route whose function is one of the stack's.
    pub fn new(method: &str, path: &str, function: &str) -> Self {
        let [method, path, function] = [method, path, function].map(str::to_owned);
        Self {
            method,
            path,
            function,
        }
    }

    /// Statement id of the function's resource policy that lets this route of an API of that type invoke it. With another
    /// type for a lab's API, both stand beside each other, and so do their permissions.
    fn statement_id(&self, api_type: ApiType) -> String {
        let path: String = self
            .path
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        // Two paths may read alike without their punctuation.
        let exact = match api_type {
            ApiType::Rest => Fingerprint::of([self.method.as_str(), self.path.as_str()]),
            ApiType::Http => {
                Fingerprint::of([api_type.as_str(), self.method.as_str(), self.path.as_str()])
            }
        };
        format!("homeroom-{}{path}-{exact}", self.method)
    }

    /// The method as the source ARN of an invocation has it: one pattern stands for any.
    fn method_in_arn(&self) -> &str {
        if self.method == "ANY" {
            "*"
        } else {
            &self.method
        }
    }

    /// The path as the source ARN of an invocation has it: a path parameter stands for any text.
    fn path_in_arn(&self) -> String {
        let parts: Vec<&str> = self
            .path
            .split('/')
            .map(|part| if part.starts_with('{') { "*" } else { part })
            .collect();
        parts.join("/")
    }
}

word_enum! {
    /// Who may call an API's methods, as API Gateway names it (PutMethod and CreateRoute, `authorizationType`).
    #[derive(Default)]
    Authorization {
        /// Whoever knows the address.
        #[default]
        None = "NONE",
        /// Whoever signs with credentials that IAM lets `execute-api:Invoke` it.
        AwsIam = "AWS_IAM",
    }
}

impl Authorization {
    pub(crate) const ALL: [Self; 2] = [Self::None, Self::AwsIam];
}

/// Most requests a second that a throttle may name. Source: API Gateway quotas, "Throttle quota per account, per
/// Region": 10,000 requests a second with bursts of 5,000, for all APIs together.
pub(crate) const RATE_MAX: u32 = 10_000;
/// Most requests at once that a throttle may name. Source: same.
pub(crate) const BURST_MAX: u32 = 5_000;

/// How many requests each method of a stage lets through; what is more is answered 429. API Gateway counts with a
/// token bucket, and as well as it can: a little more may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Throttle {
    pub rate: u32,
    pub burst: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    pub api_type: ApiType,
    pub name: String,
    pub stage: String,
    pub routes: Vec<RouteSpec>,
    pub authorization: Authorization,
    /// How often; `None`: nothing is written to the stage, and the account's limit counts.
    pub throttle: Option<Throttle>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub(crate) api_type: ApiType,
    /// The id that AWS gave it.
    pub id: String,
    pub name: String,
    /// When it was created, in seconds since 1970; orders duplicates.
    pub(crate) created_s: i64,
    pub(crate) ownership: Ownership,
    /// Its stages; `None` before they were asked for.
    pub(crate) stages: Option<Vec<StageSeen>>,
    /// What a student can set of an HTTP API, as the listing shows it; the rest comes with the stages. `None` where nobody asked
    /// for the rest.
    pub(crate) settings: Option<http_api::Settings>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageSeen {
    pub name: String,
    /// Its description, where the record stands.
    pub description: String,
}

/// A stage whose description is a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRecord {
    pub(crate) api_type: ApiType,
    pub(crate) api_id: String,
    pub(crate) stage: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiEndpoint {
    pub id: String,
    /// Address of its stage, without a trailing slash.
    pub url: String,
}

impl Spec {
    pub(crate) fn fingerprint(&self, scope: &Scope) -> Fingerprint {
        match self.api_type {
            ApiType::Rest => rest_api::fingerprint(self, scope),
            ApiType::Http => http_api::Settings::wanted(self, scope).fingerprint(),
        }
    }

    /// The description of the stage that records what is deployed.
    pub(crate) fn stage_description(&self, scope: &Scope, owner: &Owner) -> String {
        owner.record(&[("api", &self.fingerprint(scope))])
    }

    /// What was recorded as deployed when the API was last whole.
    pub(super) fn recorded(&self, class: &ClassName, seen: &Seen) -> Option<Fingerprint> {
        let stages = seen.stages.iter().flatten();
        let record = stages
            .filter(|stage| stage.name == self.stage)
            .find_map(|stage| Record::parse(&stage.description))
            .filter(|record| record.owner.class == *class);
        record?.fingerprints.get("api").cloned()
    }

    /// Of several that are ours, the one that counts: one that is whole, else the oldest.
    pub(super) fn keeper<'a>(
        &self,
        scope: &Scope,
        class: &ClassName,
        ours: impl IntoIterator<Item = &'a Seen>,
    ) -> Option<&'a Seen> {
        ours.into_iter().min_by_key(|seen| {
            let whole = self.recorded(class, seen) == Some(self.fingerprint(scope));
            (!whole, seen.created_s, seen.id.clone())
        })
    }

    /// A function that one of its routes invokes and that is not there.
    fn lost_function(&self, at: &Planning<'_>) -> Option<&str> {
        let mut functions = self.routes.iter().map(|route| route.function.as_str());
        functions.find(|name| {
            !at.observed.functions.contains_key(*name)
                && at.observed.gap(Kind::Function, name).is_none()
        })
    }

    fn seen<'a>(&self, at: &Planning<'a>) -> Option<&'a Seen> {
        at.observed.api_of(at.scope, at.stack, self)
    }
}

impl Desired {
    /// The same with every API of this type.
    pub fn with_api_type(mut self, api_type: ApiType) -> Self {
        let apis = self.stacks.iter_mut().flat_map(|stack| &mut stack.apis);
        for api in apis.filter(|api| api.api_type != api_type) {
            api.api_type = api_type;
            if api_type == ApiType::Http {
                api.stage = http_api::STAGE.to_owned();
            }
        }
        self
    }
}

impl Desired {
    /// The same with the type of each API that is there, where the lab's is of another: not everybody who looks has the
    /// class's settings. `None`: no type is another.
    pub(crate) fn with_api_types(&self, observed: &Observed) -> Option<Self> {
        let mut changed: Option<Self> = None;
        for (at, stack) in self.stacks.iter().enumerate() {
            for (index, api) in stack.apis.iter().enumerate() {
                let Some(seen) = observed.of_another_type(&stack.owner, api) else {
                    continue;
                };
                let api = &mut changed.get_or_insert_with(|| self.clone()).stacks[at].apis[index];
                api.api_type = seen.api_type;
                if let Some(stage) = seen.stages.iter().flatten().next() {
                    api.stage.clone_from(&stage.name);
                }
            }
        }
        changed
    }
}

impl Observed {
    /// The owner's API of this name, if none of them has the lab's type.
    fn of_another_type(&self, owner: &Owner, api: &Spec) -> Option<&Seen> {
        let named = self.apis.get(&api.name).into_iter().flatten();
        let ours = named.filter(|seen| matches!(&seen.ownership, Ownership::Ours(o) if o == owner));
        let ours: Vec<&Seen> = ours.collect();
        let as_wanted = ours.iter().any(|seen| seen.api_type == api.api_type);
        ours.first().filter(|_| !as_wanted).copied()
    }

    /// A student's APIs that stand for one of the lab's: those of its name, else, if the lab has only one, any of its type
    /// that carries the student's tags, because the student renamed it.
    pub(crate) fn apis_of(&self, stack: &Stack, api: &Spec) -> Vec<&Seen> {
        let ours = |seen: &&Seen| {
            seen.api_type == api.api_type
                && matches!(&seen.ownership, Ownership::Ours(o) if *o == stack.owner)
        };
        let named = self.apis.get(&api.name).into_iter().flatten();
        let named: Vec<_> = named.filter(ours).collect();
        if !named.is_empty() || stack.apis.len() != 1 {
            return named;
        }
        self.apis.values().flatten().filter(ours).collect()
    }

    /// Of a student's APIs that stand for one of the lab's, the one that counts.
    pub fn api_of(&self, scope: &Scope, stack: &Stack, api: &Spec) -> Option<&Seen> {
        api.keeper(scope, &stack.owner.class, self.apis_of(stack, api))
    }

    /// Where a student's APIs answer, by the lab's name for each; those that are not there are left out.
    /// `invoke_url` makes the URL of an API's stage.
    pub fn endpoints(
        &self,
        scope: &Scope,
        stack: &Stack,
        invoke_url: impl Fn(&str, &str) -> String,
    ) -> BTreeMap<String, ApiEndpoint> {
        let deployed = stack.apis.iter().filter_map(|api| {
            let id = self.api_of(scope, stack, api)?.id.clone();
            let url = invoke_url(&id, &api.stage);
            Some((api.name.clone(), ApiEndpoint { id, url }))
        });
        deployed.collect()
    }
}

impl Seen {
    /// Whether it has certainly never answered anybody: its creation was stopped in the middle.
    pub(crate) fn never_answered(&self) -> bool {
        self.stages.as_ref().is_some_and(Vec::is_empty)
    }

    /// What to say of one that a student renamed.
    pub(super) fn renamed(&self, api: &Spec) -> String {
        match self.name == api.name {
            true => String::new(),
            false => format!("the student renamed it to {}", self.name),
        }
    }
}

/// A student's APIs that stand for one of the lab's.
pub(super) struct Ours<'a> {
    pub(super) keeper: &'a Seen,
    /// Others of the same name that are ours too.
    pub(super) duplicates: Vec<String>,
    /// Why it is to be completed, whatever its settings are.
    pub(super) unfinished: Option<String>,
}

impl Ours<'_> {
    /// What is the same of both kinds when one is completed: the duplicates go.
    pub(super) fn completed(
        &self,
        id: ResourceId,
        action: impl Into<super::Action>,
        why: impl Into<String>,
    ) -> Item {
        let second = |other: &String| format!("{} {other}, one more of the same name", id.kind);
        let differs = Differing {
            removed: self.duplicates.iter().map(second).collect(),
            ..Differing::default()
        };
        Item::act(id, Verdict::Update, action, why).differing(differs)
    }
}

impl AnySpec for Spec {
    fn id(&self) -> ResourceId {
        ResourceId::new(self.api_type.kind(), &self.name)
    }

    fn plan(&self, at: &Planning<'_>) -> Item {
        let (id, class) = (self.id(), &at.owner().class);
        let ours = at.observed.apis_of(at.stack, self);
        // Names of APIs are not unique: a foreign one is a conflict only as long as we have none.
        let Some(keeper) = self.keeper(at.scope, class, ours.iter().copied()) else {
            let found = at.observed.apis.get(&self.name).into_iter().flatten();
            let foreign = found
                .filter(|seen| seen.api_type == self.api_type)
                .find_map(|seen| Item::conflict(&id, &seen.ownership, at.owner()));
            return foreign.unwrap_or_else(|| {
                let create: super::Action = match self.api_type {
                    ApiType::Rest => rest_api::Action::Create(self.clone()).into(),
                    ApiType::Http => http_api::Action::Create(self.clone()).into(),
                };
                Item::act(id, Verdict::Create, create, "")
            });
        };
        let duplicates = ours.iter().filter(|seen| seen.id != keeper.id);
        let duplicates: Vec<String> = duplicates.map(|seen| seen.id.clone()).collect();
        let unfinished = match self.lost_function(at) {
            Some(function) => Some(format!(
                "lost its permission to invoke {function} together with the function"
            )),
            None if !duplicates.is_empty() => {
                Some(format!("{} more of the same name", duplicates.len()))
            }
            None => None,
        };
        let ours = Ours {
            keeper,
            duplicates,
            unfinished,
        };
        match self.api_type {
            ApiType::Rest => rest_api::plan(self, at, &ours),
            ApiType::Http => http_api::plan(self, at, &ours),
        }
    }

    fn deletion(&self) -> super::Action {
        match self.api_type {
            ApiType::Rest => rest_api::Action::Delete {
                ids: vec![String::new()],
                stages: vec![(String::new(), self.stage.clone())],
            }
            .into(),
            ApiType::Http => http_api::Action::Delete(vec![String::new()]).into(),
        }
    }

    fn look(&self) -> Option<Operation> {
        match self.api_type {
            ApiType::Rest => Some(Operation::GetStages),
            // A teardown needs nothing of it but the listing.
            ApiType::Http => None,
        }
    }

    fn change(&self, at: &Planning<'_>) -> Option<Change> {
        http_api::change(self, at, self.seen(at)?)
    }

    fn work(&self, at: &Planning<'_>) -> Option<StudentsWork> {
        http_api::work(self, at, self.seen(at)?)
    }
}

/// Stages whose record says that the API is whole, though the function that they invoke is gone, and the permission with it.
/// If the record stayed and the run were killed between making the function and the permission, the next run would believe
/// the record.
pub(super) fn records_of(at: &Planning<'_>, function: &str) -> Vec<StageRecord> {
    let mut records = Vec::new();
    for api in &at.stack.apis {
        if !api.routes.iter().any(|route| route.function == function) {
            continue;
        }
        let named = at.observed.apis.get(&api.name).into_iter().flatten();
        let same_type = named.filter(|seen| seen.api_type == api.api_type);
        for seen in same_type.filter(|seen| at.is_ours(&seen.ownership)) {
            let stages = seen.stages.iter().flatten();
            let claims =
                stages.filter(|s| s.name == api.stage && Record::parse(&s.description).is_some());
            records.extend(claims.map(|stage| StageRecord {
                api_type: api.api_type,
                api_id: seen.id.clone(),
                stage: stage.name.clone(),
            }));
        }
    }
    records
}

impl AnySeen for Seen {
    fn id(&self) -> ResourceId {
        ResourceId::new(self.api_type.kind(), &self.name)
    }

    fn whose(&self, _: &Desired, _: Option<&Owner>) -> Ownership {
        self.ownership.clone()
    }

    fn deletion(&self) -> super::Action {
        let ids = vec![self.id.clone()];
        match self.api_type {
            ApiType::Rest => {
                let stages = self.stages.iter().flatten();
                let stages = stages.map(|s| (self.id.clone(), s.name.clone())).collect();
                rest_api::Action::Delete { ids, stages }.into()
            }
            ApiType::Http => http_api::Action::Delete(ids).into(),
        }
    }
}

impl super::Action {
    /// Where it makes an API, or completes the one with this id.
    pub(crate) fn of_api(&self) -> Option<Option<&str>> {
        match self {
            Self::RestApi(rest_api::Action::Create(_))
            | Self::HttpApi(http_api::Action::Create(_)) => Some(None),
            Self::RestApi(rest_api::Action::Complete { id, .. })
            | Self::HttpApi(http_api::Action::Complete { id, .. }) => Some(Some(id)),
            _ => None,
        }
    }

    /// Both deletions in one; only APIs can have the same name.
    pub(crate) fn and_delete(self, other: Self) -> Self {
        match (self, other) {
            (Self::RestApi(one), Self::RestApi(other)) => Self::RestApi(one.and_delete(other)),
            (Self::HttpApi(one), Self::HttpApi(other)) => Self::HttpApi(one.and_delete(other)),
            (one, _) => one,
        }
    }
}

pub(crate) type ByName = BTreeMap<String, Vec<Seen>>;

/// The class's APIs of a type by name, and how many the region has.
#[derive(Debug, Default)]
pub(crate) struct ApisFound {
    pub(crate) apis: ByName,
    pub(crate) count: Option<u32>,
}

impl ApisFound {
    /// Adds those of another type. AWS counts all of them together.
    pub(crate) fn extend(&mut self, more: Self) {
        for (name, apis) in more.apis {
            self.apis.entry(name).or_default().extend(apis);
        }
        if let Some(count) = more.count {
            *self.count.get_or_insert_default() += count;
        }
    }
}

impl Client {
    /// One page of the region's APIs of a type, with the tags of each.
    pub(crate) async fn apis_page(
        &self,
        api_type: ApiType,
        token: Option<String>,
    ) -> CallResult<Page<(Seen, Tags)>> {
        match api_type {
            ApiType::Rest => self.rest_apis_page(token).await,
            ApiType::Http => self.http_apis_page(token).await,
        }
    }

    pub(super) async fn stages_of(
        &self,
        api_type: ApiType,
        id: &str,
    ) -> CallResult<Vec<StageSeen>> {
        match api_type {
            ApiType::Rest => self.stages(id).await,
            ApiType::Http => {
                let stages = self.http_stages(id).await?.into_iter();
                Ok(stages.map(|stage| stage.seen).collect())
            }
        }
    }
}

/// The class's APIs of a type, and how many the region has. The listing shows tags, so renamed ones are found too.
pub(crate) async fn list(search: &Search<'_>, api_type: ApiType) -> Listed<ApisFound> {
    let kind = api_type.kind();
    if !search.any(kind) {
        return Ok((ApisFound::default(), Vec::new()));
    }
    match list_bare(search, api_type).await {
        Ok((apis, count)) => {
            let found = ApisFound {
                apis,
                count: Some(count),
            };
            Ok((found, Vec::new()))
        }
        Err(error) => {
            let gaps = search.gap_of(kind, Err(error))?;
            Ok((ApisFound::default(), gaps))
        }
    }
}

/// Reads more of each API of a type that is ours, many at once. What is gone meanwhile is taken out.
pub(super) async fn complete<T, F>(
    search: &Search<'_>,
    api_type: ApiType,
    apis: &mut ByName,
    ask: impl Fn(String) -> F,
    keep: impl Fn(&mut Seen, T),
) -> Result<Vec<Gap>, Cancelled>
where
    F: Future<Output = CallResult<T>>,
{
    let all = apis.values().flatten();
    let ours =
        all.filter(|api| api.api_type == api_type && matches!(api.ownership, Ownership::Ours(_)));
    let ours: Vec<(String, String)> = ours.map(|api| (api.name.clone(), api.id.clone())).collect();
    let asked = search.details(ours, |(name, id): (String, String)| {
        let answer = ask(id.clone());
        async move { (name, id, answer.await) }
    });
    let mut gaps = Vec::new();
    for (name, id, answer) in asked.await? {
        let same_name = apis.entry(name.clone()).or_default();
        match answer {
            Ok(more) => {
                if let Some(api) = same_name.iter_mut().find(|api| api.id == id) {
                    keep(api, more);
                }
            }
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                same_name.retain(|api| api.id != id);
            }
            Err(error) => gaps.push(search.gap(api_type.kind(), Some(&name), &error)),
        }
    }
    apis.retain(|_, apis| !apis.is_empty());
    Ok(gaps)
}

/// The class's APIs of a type by name as the listing shows them, and how many the region has.
async fn list_bare(search: &Search<'_>, api_type: ApiType) -> CallResult<(ByName, u32)> {
    let mut found = ByName::new();
    let mut count = 0;
    let listed = pages(
        |token| search.client.apis_page(api_type, token),
        |(mut api, tags): (Seen, Tags)| {
            count += 1;
            let owner = Owner::from_tags(&tags);
            if let Some(owner) = &owner {
                search.note_owned(owner, AnySeen::id(&api));
            }
            let sought = owner.is_some_and(|owner| search.seeks(&owner));
            if sought || search.wanted(api_type.kind(), &api.name) {
                api.ownership = Ownership::from_tags(&tags, &search.desired.class);
                found.entry(api.name.clone()).or_default().push(api);
            }
        },
    );
    listed.await?;
    Ok((found, count))
}

/// The class's APIs of every type that it has, by name, as the listings show them.
///
/// # Errors
/// The first listing that could not be read.
pub(crate) async fn listed_alone(search: &Search<'_>) -> CallResult<ByName> {
    let mut found = ApisFound::default();
    for api_type in ApiType::ALL {
        if search.any(api_type.kind()) {
            let (apis, count) = list_bare(search, api_type).await?;
            let count = Some(count);
            found.extend(ApisFound { apis, count });
        }
    }
    Ok(found.apis)
}

/// Adds the class's APIs as the listings show them, or the gaps where those cannot be read.
pub(crate) async fn add_bare(
    search: &Search<'_>,
    observed: &mut Observed,
) -> Result<(), Cancelled> {
    let mut all = ApisFound::default();
    for api_type in ApiType::ALL {
        let (found, gaps) = list(search, api_type).await?;
        all.extend(found);
        observed.gaps.extend(gaps);
    }
    observed.apis = all.apis;
    Ok(())
}

/// Adds APIs of a type that the lab's have no more, where a stack stands without the API that it should have: another setting
/// may have made that one. No other look needs them; a teardown lists every type.
pub(crate) async fn add_earlier(
    search: &Search<'_>,
    observed: &mut Observed,
) -> Result<(), Cancelled> {
    if !search.depth.is_deployment() {
        return Ok(());
    }
    let stands = |stack: &Stack| {
        let mut roles = stack.roles.iter();
        roles.any(|role| observed.roles.contains_key(&role.name))
    };
    let lacks = |stack: &&Stack| {
        let mut apis = stack.apis.iter();
        stands(stack) && apis.any(|api| observed.apis_of(stack, api).is_empty())
    };
    let lacking = search.desired.stacks.iter().find(lacks);
    let apis = lacking.into_iter().flat_map(|stack| &stack.apis);
    let types: BTreeSet<ApiType> = apis.map(|api| api.api_type).collect();
    let others = ApiType::ALL.into_iter();
    for api_type in others.filter(|it| !types.is_empty() && !types.contains(it)) {
        match list_bare(search, api_type).await {
            Ok((found, _)) => {
                for (name, apis) in found {
                    observed.apis.entry(name).or_default().extend(apis);
                }
            }
            Err(error) => {
                let gaps = search.gap_of(api_type.kind(), Err(error))?;
                observed.gaps.extend(gaps);
            }
        }
    }
    Ok(())
}

/// Says whose API is of another type than the lab's now, and what becomes of it.
pub(crate) fn earlier(desired: &Desired, observed: &Observed) -> Option<String> {
    let mut students: BTreeMap<(ApiType, ApiType), Vec<&str>> = BTreeMap::new();
    for stack in &desired.stacks {
        for api in &stack.apis {
            let named = observed.apis.get(&api.name).into_iter().flatten();
            let earlier = named.filter(|seen| {
                let ours = matches!(&seen.ownership, Ownership::Ours(o) if *o == stack.owner);
                ours && seen.api_type != api.api_type
            });
            for seen in earlier {
                let of_types = students.entry((seen.api_type, api.api_type)).or_default();
                of_types.push(stack.student().as_str());
            }
        }
    }
    let said = students.into_iter().map(|((was, is), names)| {
        let (old, new) = (was.kind(), is.kind());
        let has = if names.len() == 1 { "has" } else { "have" };
        let a = match is {
            ApiType::Rest => "a",
            ApiType::Http => "an",
        };
        format!(
            "{} {has} the {old} of before, and the lab's is {a} {new} now: a deployment makes that beside it, at another \
             address, and keeps the {old}, which goes on answering until a teardown",
            some_of(&names, NAMED)
        )
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// The APIs by the ids that their functions' resource policies name; nothing is listed. An API of which no policy tells is
/// a gap.
pub(crate) async fn by_name(search: &Search<'_>) -> Listed<ByName> {
    let stacks = search.desired.stacks.iter();
    let asked = stacks.flat_map(|stack| stack.apis.iter().map(move |api| (&stack.owner, api)));
    let answers = search.details(asked.collect(), |(owner, api)| async move {
        (api, at_its_id(search.client, owner, api).await)
    });
    let (mut found, mut gaps) = (ByName::new(), Vec::new());
    for (api, answer) in answers.await? {
        match answer {
            Ok(Some(seen)) => {
                found.insert(api.name.clone(), vec![seen]);
            }
            Ok(None) => gaps.push(Gap {
                kind: api.api_type.kind(),
                name: Some(api.name.clone()),
                student: None,
                cause: "its id is not known".to_owned(),
            }),
            Err(error) => gaps.push(search.gap(api.api_type.kind(), Some(&api.name), &error)),
        }
    }
    Ok((found, gaps))
}

/// One API, if a stage of it carries the owner's record, of the lab's type or another: only the instructor has the class's
/// settings. `None` where nothing names it.
async fn at_its_id(client: &Client, owner: &Owner, api: &Spec) -> CallResult<Option<Seen>> {
    let Some(route) = api.routes.first() else {
        return Ok(None);
    };
    let is_gone = |error: &CallError| error.kind() == Some(ErrorKind::NotFound);
    let policy = match client.get_policy(&route.function).await {
        Err(error) if is_gone(&error) => return Ok(None),
        policy => policy?,
    };
    // The statement tells the type. Of a lab with other routes than the one that was deployed, none is known.
    let mut tries: Vec<(ApiType, String)> = Vec::new();
    for api_type in ApiType::ALL {
        let ids = invoked_by(&policy, Some(&route.statement_id(api_type)));
        tries.extend(ids.into_iter().map(|id| (api_type, id)));
    }
    if tries.is_empty() {
        let ids = invoked_by(&policy, None).into_iter();
        tries.extend(ids.map(|id| (api.api_type, id)));
    }
    tries.sort_by_key(|(it, _)| *it != api.api_type);
    let mut refused = None;
    for (api_type, id) in tries {
        let stages = match client.stages_of(api_type, &id).await {
            Err(CallError::Cancelled) => return Err(CallError::Cancelled),
            Err(error) => {
                refused = refused.or_else(|| (!is_gone(&error)).then_some(error));
                continue;
            }
            Ok(stages) => stages,
        };
        let mut records = stages.iter().filter_map(|s| Record::parse(&s.description));
        if records.any(|record| record.owner == *owner) {
            return Ok(Some(Seen {
                api_type,
                id,
                name: api.name.clone(),
                created_s: 0,
                ownership: Ownership::Ours(owner.clone()),
                stages: Some(stages),
                settings: None,
            }));
        }
    }
    refused.map_or(Ok(None), Err)
}

/// The ids of the APIs that a function's resource policy lets invoke it, by a statement of this id alone if one is given.
fn invoked_by(policy: &Value, statement_id: Option<&str>) -> Vec<String> {
    let statements = policy.get("Statement").and_then(Value::as_array);
    let sources = statements.into_iter().flatten().filter_map(|statement| {
        if statement_id.is_some_and(|id| statement["Sid"] != id) {
            return None;
        }
        let conditions = statement.get("Condition")?.as_object()?;
        let mut keys = conditions.values().filter_map(Value::as_object).flatten();
        let (_, source) = keys.find(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn"))?;
        let mut parts = source.as_str()?.split(':').skip(2);
        let (service, id) = (parts.next()?, parts.nth(2)?.split('/').next()?);
        (service == "execute-api" && !id.contains('*')).then(|| id.to_owned())
    });
    let mut ids: Vec<String> = sources.collect();
    ids.dedup();
    ids
}

/// The route that answers a request: an exact path comes before one with parameters. A parameter stands for one part of the
/// path, and one that ends in `+` for all that follow.
pub(crate) fn answering<'a, R>(
    routes: impl IntoIterator<Item = &'a R>,
    of: impl Fn(&'a R) -> (&'a str, &'a str),
    method: &str,
    path: &str,
) -> Option<&'a R> {
    let routes = routes.into_iter().map(|route| (route, of(route)));
    let fits = routes.filter(|(_, (own, pattern))| {
        (*own == method || *own == "ANY") && path_fits(pattern, path)
    });
    let best = fits.min_by_key(|(_, (own, pattern))| (pattern.matches('{').count(), *own == "ANY"));
    best.map(|(route, _)| route)
}

fn path_fits(pattern: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    for own in pattern.split('/') {
        match (
            own.strip_prefix('{').and_then(|p| p.strip_suffix('}')),
            parts.next(),
        ) {
            (Some(name), Some(part)) if name.ends_with('+') => return !part.is_empty(),
            (Some(_), Some(part)) if !part.is_empty() => {}
            (None, Some(part)) if part == own => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_finds_the_route_that_fits_it_best() {
        let routes = [
            ("ANY", "/runs/{name}"),
            ("GET", "/runs/{name}"),
            ("GET", "/runs/all"),
            ("POST", "/{proxy+}"),
        ];
        let found = |method, path| answering(&routes, |route| *route, method, path).copied();
        assert_eq!(found("GET", "/runs/42"), Some(("GET", "/runs/{name}")));
        assert_eq!(found("PUT", "/runs/42"), Some(("ANY", "/runs/{name}")));
        assert_eq!(found("GET", "/runs/all"), Some(("GET", "/runs/all")));
        assert_eq!(found("POST", "/a/b"), Some(("POST", "/{proxy+}")));
        for none in [
            ("GET", "/runs/"),
            ("GET", "/runs/1/2"),
            ("GET", "/"),
            ("POST", "/"),
        ] {
            assert_eq!(found(none.0, none.1), None, "{none:?}");
        }
    }

    #[test]
    fn a_functions_policy_names_the_api_that_invokes_it() {
        let policy = json!({ "Statement": [
            { "Effect": "Allow" },
            { "Sid": "rest", "Condition": { "ArnLike": { "AWS:SourceArn":
                "arn:aws:execute-api:us-east-1:123456789012:a1b2/*/POST/process" } } },
            { "Condition": { "ArnLike": { "aws:SourceArn": "arn:aws:s3:::bucket" } } },
            { "Condition": { "ArnLike": { "aws:SourceArn":
                "arn:aws:execute-api:us-east-1:123456789012:*/*/POST/process" } } },
        ]});
        assert_eq!(invoked_by(&policy, None), ["a1b2"]);
        assert_eq!(invoked_by(&policy, Some("rest")), ["a1b2"]);
        assert!(invoked_by(&policy, Some("http")).is_empty());
        assert!(invoked_by(&Value::Null, None).is_empty());
    }

    #[test]
    fn a_change_of_who_may_call_or_how_often_is_deployed() {
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "us-east-1".into(),
        };
        let throttle = |rate, burst| Some(Throttle { rate, burst });
        for api_type in ApiType::ALL {
            let prints: Vec<_> = [
                (Authorization::None, None),
                (Authorization::AwsIam, None),
                (Authorization::None, throttle(5, 10)),
                (Authorization::None, throttle(10, 5)),
                (Authorization::AwsIam, throttle(5, 10)),
            ]
            .into_iter()
            .map(|(authorization, throttle)| {
                let api = Spec {
                    api_type,
                    name: "a".into(),
                    stage: "s".into(),
                    routes: vec![RouteSpec {
                        method: "POST".into(),
                        path: "/go".into(),
                        function: "f".into(),
                    }],
                    authorization,
                    throttle,
                };
                api.fingerprint(&scope)
            })
            .collect();
            for (i, print) in prints.iter().enumerate() {
                assert!(!prints[..i].contains(print), "{i} is like one before");
            }
        }
    }
}
