//! API Gateway REST API: resources, methods, Lambda proxy integrations, the permission to invoke, one
//! deployed stage.
//!
//! Its parts are made one by one, so the last call writes a record of what was deployed into the stage's description. If
//! there is no record, or an older one, the API is completed or updated part by part.

mod effects;

pub use effects::Action;

use serde_json::json;

use crate::ids::Scope;
use crate::stack::kinds::api::{self, ApisFound, Authorization, Ours, Spec};
use crate::stack::kinds::search::{Listed, Search};
use crate::stack::kinds::{AnySpec, ApiType, Item, KindFacts, Planning, Verdict};
use crate::stack::ownership::Fingerprint;

pub(super) const FACTS: KindFacts = KindFacts {
    // API Gateway publishes no limit; this is the tightest of the other kinds, so that a lab never depends on an
    // unwritten one.
    name_max: 64,
    runs: false,
    in_iam: false,
    goes: 1,
    goes_after: &[],
};

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

pub(super) fn fingerprint(api: &Spec, scope: &Scope) -> Fingerprint {
    let mut routes = api.routes.clone();
    routes.sort();
    let routes: Vec<_> = routes
        .iter()
        .map(|r| json!([r.method, r.path, scope.function_arn(&r.function)]))
        .collect();
    let mut deployed = json!({ "stage": api.stage, "routes": routes });
    // A lab without these keeps its earlier fingerprint, so that its stacks stay as they are.
    if api.authorization != Authorization::None {
        deployed["authorization"] = json!(api.authorization);
    }
    if let Some(throttle) = &api.throttle {
        deployed["throttle"] = json!(throttle);
    }
    Fingerprint::of_json(&deployed)
}

/// What a deployment does about one that is there.
pub(super) fn plan(api: &Spec, at: &Planning<'_>, ours: &Ours<'_>) -> Item {
    let (id, keeper) = (api.id(), ours.keeper);
    if keeper.stages.is_none() {
        return Item::settled(id, Verdict::Unknown, "its stages could not be read");
    }
    // Never the student's change: a stage that does not carry our record is completed.
    let whole = api.recorded(&at.owner().class, keeper) == Some(api.fingerprint(at.scope));
    let why = match &ours.unfinished {
        Some(why) => why.clone(),
        None if whole && !at.reset => {
            return Item::settled(id, Verdict::NoChange, keeper.renamed(api));
        }
        None if whole => {
            "reset was asked for: routes and permission become as the lab has them".to_owned()
        }
        None => "not completed, or its routes differ".to_owned(),
    };
    let action = Action::Complete {
        api: api.clone(),
        id: keeper.id.clone(),
        duplicates: ours.duplicates.clone(),
    };
    ours.completed(id, action, why)
}

/// The class's REST APIs, each with its stages.
pub(crate) async fn list(search: &Search<'_>) -> Listed<ApisFound> {
    let (mut found, mut gaps) = api::list(search, ApiType::Rest).await?;
    let ask = |id: String| async move { search.client.stages(&id).await };
    let more = api::complete(
        search,
        ApiType::Rest,
        &mut found.apis,
        ask,
        |api, stages| {
            api.stages = Some(stages);
        },
    );
    gaps.extend(more.await?);
    Ok((found, gaps))
}
