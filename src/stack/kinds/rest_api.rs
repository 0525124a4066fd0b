//! API Gateway REST API: resources, methods, Lambda proxy integrations, the permission to invoke, one
//! deployed stage.
//!
//! Its parts are made one by one, so the last call writes a record of what was deployed into the stage's description. If
//! there is no record, or an older one, the API is completed or updated part by part.

pub(crate) mod cost;
mod effects;

pub use effects::Action;
pub(crate) use effects::BEING_COMPLETED;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::aws::stop::Cancelled;
use crate::aws::{CallError, CallResult, Client, ErrorKind, Operation};
use crate::ids::{ClassName, Scope};
use crate::stack::diff::Differing;
use crate::stack::kinds::drift::Drift;
use crate::stack::kinds::search::{Listed, Search, pages};
use crate::stack::kinds::{
    AnySeen, AnySpec, Desired, Gap, Item, Kind, KindFacts, Observed, Planning, ResourceId, Stack,
    Verdict,
};
use crate::stack::ownership::{Fingerprint, Owner, Ownership, Record, Tags};
use crate::text::words::word_enum;

pub(super) const FACTS: KindFacts = KindFacts {
    // API Gateway publishes no limit; this is the tightest of the other kinds, so that a lab never depends on an
    // unwritten one.
    name_max: 64,
    runs: false,
    in_iam: false,
    goes: 1,
    goes_after: &[],
};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RouteSpec {
    pub(crate) method: String,
    /// Path, with its leading slash.
    pub path: String,
    /// Name of the function that answers (one of the stack's).
    pub function: String,
}

impl RouteSpec {
    /// Statement id of the function's resource policy that lets this route invoke it.
    fn statement_id(&self) -> String {
        let path: String = self
            .path
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        // Two paths may read alike without their punctuation.
        let exact = Fingerprint::of([self.method.as_str(), self.path.as_str()]);
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
    /// Who may call an API's methods, as API Gateway names it (PutMethod, `authorizationType`).
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
    pub name: String,
    pub stage: String,
    pub routes: Vec<RouteSpec>,
    pub authorization: Authorization,
    /// How often; `None`: nothing is written to the stage, and the account's limit counts.
    pub throttle: Option<Throttle>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The id that AWS gave it.
    pub id: String,
    pub name: String,
    /// When it was created, in seconds since 1970; orders duplicates.
    pub(crate) created_s: i64,
    pub(crate) ownership: Ownership,
    /// Its stages; `None` before they were asked for.
    pub(crate) stages: Option<Vec<StageSeen>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageSeen {
    pub name: String,
    /// Its description, where the record stands.
    pub description: String,
}

/// One resource (path) of an API with its methods, as GetResources shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathResource {
    pub id: String,
    pub path: String,
    pub methods: Vec<Method>,
}

/// One method of a path, as GetResources shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Method {
    pub name: String,
    pub integration: Option<String>,
    pub authorization: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRecord {
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
        let mut routes = self.routes.clone();
        routes.sort();
        let routes: Vec<_> = routes
            .iter()
            .map(|r| json!([r.method, r.path, scope.function_arn(&r.function)]))
            .collect();
        let mut deployed = json!({ "stage": self.stage, "routes": routes });
        // A lab without these keeps its earlier fingerprint, so that its stacks stay as they are.
        if self.authorization != Authorization::None {
            deployed["authorization"] = json!(self.authorization);
        }
        if let Some(throttle) = &self.throttle {
            deployed["throttle"] = json!(throttle);
        }
        Fingerprint::of_json(&deployed)
    }

    /// The description of the stage that records what is deployed.
    pub(crate) fn stage_description(&self, scope: &Scope, owner: &Owner) -> String {
        owner.record(&[("api", &self.fingerprint(scope))])
    }

    /// Of several that are ours, the one that counts: one that is whole, else the oldest.
    fn keeper<'a>(
        &self,
        scope: &Scope,
        class: &ClassName,
        ours: impl IntoIterator<Item = &'a Seen>,
    ) -> Option<&'a Seen> {
        ours.into_iter().min_by_key(|seen| {
            let stages = seen.stages.as_deref().unwrap_or_default();
            let whole = self.difference(scope, class, stages) == Drift::Same;
            (!whole, seen.created_s, seen.id.clone())
        })
    }

    /// Compares it with what is. Never `Theirs`: a stage that does not carry our record is completed.
    fn difference(&self, scope: &Scope, class: &ClassName, stages: &[StageSeen]) -> Drift {
        let recorded = stages
            .iter()
            .find(|s| s.name == self.stage)
            .and_then(|s| Record::parse(&s.description))
            .filter(|r| r.owner.class == *class);
        match recorded.as_ref().and_then(|r| r.fingerprints.get("api")) {
            Some(fingerprint) if *fingerprint == self.fingerprint(scope) => Drift::Same,
            _ => Drift::Stale,
        }
    }
}

impl Observed {
    /// A student's APIs that stand for one of the lab's: those of its name, else, if the lab has only one, any that carries
    /// the student's tags, because the student renamed it.
    pub(crate) fn apis_of(&self, stack: &Stack, api: &Spec) -> Vec<&Seen> {
        let ours =
            |seen: &&Seen| matches!(&seen.ownership, Ownership::Ours(o) if *o == stack.owner);
        let named = self.rest_apis.get(&api.name).into_iter().flatten();
        let named: Vec<_> = named.filter(ours).collect();
        if !named.is_empty() || stack.rest_apis.len() != 1 {
            return named;
        }
        self.rest_apis.values().flatten().filter(ours).collect()
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
        let deployed = stack.rest_apis.iter().filter_map(|api| {
            let id = self.api_of(scope, stack, api)?.id.clone();
            let url = invoke_url(&id, &api.stage);
            Some((api.name.clone(), ApiEndpoint { id, url }))
        });
        deployed.collect()
    }
}

impl AnySpec for Spec {
    fn id(&self) -> ResourceId {
        ResourceId::new(Kind::RestApi, &self.name)
    }

    fn plan(&self, at: &Planning<'_>) -> Item {
        let (id, class) = (self.id(), &at.owner().class);
        let ours = at.observed.apis_of(at.stack, self);
        // Names of REST APIs are not unique: a foreign one is a conflict only as long as we have none.
        let Some(keeper) = self.keeper(at.scope, class, ours.iter().copied()) else {
            let found = at.observed.rest_apis.get(&self.name).into_iter().flatten();
            let foreign = found
                .filter_map(|seen| Item::conflict(&id, &seen.ownership, at.owner()))
                .next();
            let create = Action::Create(self.clone());
            return foreign.unwrap_or_else(|| Item::act(id, Verdict::Create, create, ""));
        };
        let Some(stages) = &keeper.stages else {
            return Item::settled(id, Verdict::Unknown, "its stages could not be read");
        };
        let duplicates = ours.iter().filter(|seen| seen.id != keeper.id);
        let duplicates: Vec<String> = duplicates.map(|seen| seen.id.clone()).collect();
        let lost = self.lost_function(at);
        let whole = self.difference(at.scope, class, stages) == Drift::Same;
        if whole && duplicates.is_empty() && lost.is_none() && !at.reset {
            let why = match keeper.name == self.name {
                true => String::new(),
                false => format!("the student renamed it to {}", keeper.name),
            };
            return Item::settled(id, Verdict::NoChange, why);
        }
        let why = if let Some(function) = lost {
            format!("lost its permission to invoke {function} together with the function")
        } else if !duplicates.is_empty() {
            format!("{} more of the same name", duplicates.len())
        } else if whole {
            "reset was asked for: routes and permission become as the lab has them".to_owned()
        } else {
            "not completed, or its routes differ".to_owned()
        };
        let second = |id: &String| format!("REST API {id}, one more of the same name");
        let differs = Differing {
            removed: duplicates.iter().map(second).collect(),
            ..Differing::default()
        };
        let action = Action::Complete {
            api: self.clone(),
            id: keeper.id.clone(),
            duplicates,
        };
        Item::act(id, Verdict::Update, action, why).differing(differs)
    }

    fn deletion(&self) -> super::Action {
        let ids = vec![String::new()];
        let stages = vec![(String::new(), self.stage.clone())];
        Action::Delete { ids, stages }.into()
    }

    fn look(&self) -> Option<Operation> {
        Some(Operation::GetStages)
    }
}

impl Spec {
    /// A function that one of its routes invokes and that is not there.
    fn lost_function(&self, at: &Planning<'_>) -> Option<&str> {
        let mut functions = self.routes.iter().map(|route| route.function.as_str());
        functions.find(|name| {
            !at.observed.functions.contains_key(*name)
                && at.observed.gap(Kind::Function, name).is_none()
        })
    }
}

/// Stages whose record says that the API is whole, though the function that they invoke is gone, and the permission with it.
/// If the record stayed and the run were killed between making the function and the permission, the next run would believe
/// the record.
pub(super) fn records_of(at: &Planning<'_>, function: &str) -> Vec<StageRecord> {
    let mut records = Vec::new();
    for api in &at.stack.rest_apis {
        if !api.routes.iter().any(|route| route.function == function) {
            continue;
        }
        let named = at.observed.rest_apis.get(&api.name).into_iter().flatten();
        for seen in named.filter(|seen| at.is_ours(&seen.ownership)) {
            let stages = seen.stages.iter().flatten();
            let claims =
                stages.filter(|s| s.name == api.stage && Record::parse(&s.description).is_some());
            records.extend(claims.map(|stage| StageRecord {
                api_id: seen.id.clone(),
                stage: stage.name.clone(),
            }));
        }
    }
    records
}

impl AnySeen for Seen {
    fn id(&self) -> ResourceId {
        ResourceId::new(Kind::RestApi, &self.name)
    }

    fn whose(&self, _: &Desired, _: Option<&Owner>) -> Ownership {
        self.ownership.clone()
    }

    fn deletion(&self) -> super::Action {
        let stages = self.stages.iter().flatten();
        Action::Delete {
            ids: vec![self.id.clone()],
            stages: stages.map(|s| (self.id.clone(), s.name.clone())).collect(),
        }
        .into()
    }
}

/// The class's APIs by name, and how many the region has. The listing shows tags, so renamed ones are found too; each one's
/// stages are read as well.
pub(crate) async fn list(
    search: &Search<'_>,
) -> Listed<(BTreeMap<String, Vec<Seen>>, Option<u32>)> {
    if !search.any(Kind::RestApi) {
        return Ok(((BTreeMap::new(), None), Vec::new()));
    }
    let (mut found, count, mut gaps) = match list_bare(search).await {
        Ok((found, count)) => (found, Some(count), Vec::new()),
        Err(error) => {
            let gaps = search.gap_of(Kind::RestApi, Err(error))?;
            (BTreeMap::new(), None, gaps)
        }
    };
    let all = found.values().flatten();
    let ours = all.filter(|api| matches!(api.ownership, Ownership::Ours(_)));
    let ours = ours.map(|api| (api.name.clone(), api.id.clone())).collect();
    let asked = search.details(ours, |(name, id): (String, String)| async move {
        let stages = search.client.stages(&id).await;
        (name, id, stages)
    });
    for (name, id, stages) in asked.await? {
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
            Err(error) => gaps.push(search.gap(Kind::RestApi, Some(&name), &error)),
        }
    }
    found.retain(|_, apis| !apis.is_empty());
    Ok(((found, count), gaps))
}

/// The class's APIs by name as the listing shows them, without their stages, and how many the region has.
pub(crate) async fn list_bare(
    search: &Search<'_>,
) -> CallResult<(BTreeMap<String, Vec<Seen>>, u32)> {
    let mut found: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
    let mut count = 0;
    let listed = pages(
        |token| search.client.rest_apis_page(token),
        |(mut api, tags): (Seen, Tags)| {
            count += 1;
            let owner = Owner::from_tags(&tags);
            if let Some(owner) = &owner {
                search.note_owned(owner, AnySeen::id(&api));
            }
            let sought = owner.is_some_and(|owner| search.seeks(&owner));
            if sought || search.wanted(Kind::RestApi, &api.name) {
                api.ownership = Ownership::from_tags(&tags, &search.desired.class);
                found.entry(api.name.clone()).or_default().push(api);
            }
        },
    );
    listed.await?;
    Ok((found, count))
}

/// The APIs by the ids that their functions' resource policies name; nothing is listed. An API of which no policy tells is
/// a gap.
pub(crate) async fn by_name(search: &Search<'_>) -> Listed<BTreeMap<String, Vec<Seen>>> {
    let stacks = search.desired.stacks.iter();
    let asked = stacks.flat_map(|stack| stack.rest_apis.iter().map(move |api| (&stack.owner, api)));
    let answers = search.details(asked.collect(), |(owner, api)| async move {
        (api, at_its_id(search.client, owner, api).await)
    });
    let (mut found, mut gaps) = (BTreeMap::new(), Vec::new());
    for (api, answer) in answers.await? {
        match answer {
            Ok(Some(seen)) => {
                found.insert(api.name.clone(), vec![seen]);
            }
            Ok(None) => gaps.push(Gap {
                kind: Kind::RestApi,
                name: Some(api.name.clone()),
                student: None,
                cause: "its id is not known".to_owned(),
            }),
            Err(error) => gaps.push(search.gap(Kind::RestApi, Some(&api.name), &error)),
        }
    }
    Ok((found, gaps))
}

/// One API, if a stage of it carries the owner's record. `None` where nothing names it.
async fn at_its_id(client: &Client, owner: &Owner, api: &Spec) -> CallResult<Option<Seen>> {
    let Some(route) = api.routes.first() else {
        return Ok(None);
    };
    let is_gone = |error: &CallError| error.kind() == Some(ErrorKind::NotFound);
    let policy = match client.get_policy(&route.function).await {
        Err(error) if is_gone(&error) => return Ok(None),
        policy => policy?,
    };
    for id in invoked_by(&policy) {
        let stages = match client.stages(&id).await {
            Err(error) if is_gone(&error) => continue,
            stages => stages?,
        };
        let mut records = stages.iter().filter_map(|s| Record::parse(&s.description));
        if records.any(|record| record.owner == *owner) {
            return Ok(Some(Seen {
                id,
                name: api.name.clone(),
                created_s: 0,
                ownership: Ownership::Ours(owner.clone()),
                stages: Some(stages),
            }));
        }
    }
    Ok(None)
}

/// The ids of the APIs that a function's resource policy lets invoke it.
fn invoked_by(policy: &Value) -> Vec<String> {
    let statements = policy.get("Statement").and_then(Value::as_array);
    let sources = statements.into_iter().flatten().filter_map(|statement| {
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

/// Adds the class's APIs as the listing shows them, or the gap where that cannot be read.
pub(crate) async fn add_bare(
    search: &Search<'_>,
    observed: &mut Observed,
) -> Result<(), Cancelled> {
    if search.any(Kind::RestApi) {
        match list_bare(search).await {
            Ok((apis, _)) => observed.rest_apis = apis,
            Err(error) => observed
                .gaps
                .extend(search.gap_of(Kind::RestApi, Err(error))?),
        }
    }
    Ok(())
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
            { "Condition": { "ArnLike": { "AWS:SourceArn":
                "arn:aws:execute-api:us-east-1:123456789012:a1b2/*/POST/process" } } },
            { "Condition": { "ArnLike": { "aws:SourceArn": "arn:aws:s3:::bucket" } } },
            { "Condition": { "ArnLike": { "aws:SourceArn":
                "arn:aws:execute-api:us-east-1:123456789012:*/*/POST/process" } } },
        ]});
        assert_eq!(invoked_by(&policy), ["a1b2"]);
        assert!(invoked_by(&Value::Null).is_empty());
    }

    #[test]
    fn a_change_of_who_may_call_or_how_often_is_deployed() {
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "us-east-1".into(),
        };
        let throttle = |rate, burst| Some(Throttle { rate, burst });
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
                name: "a".into(),
                stage: "s".into(),
                routes: Vec::new(),
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
