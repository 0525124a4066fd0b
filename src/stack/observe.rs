//! Observes a class by listings, not by a call for each resource: five listings at once, then one DescribeStateMachine and one
//! GetStages (of an HTTP API also one GetRoutes and one GetIntegrations) for each student, and tags only where a listing does not say whose a resource is.

use std::collections::BTreeMap;

use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client};
use crate::stack::kinds::search::Search;
use crate::stack::kinds::state_machine::{self, KnownMachines};
use crate::stack::kinds::{
    AccountUse, ApiType, Desired, Observed, api, function, http_api, log_group, principals,
    rest_api, role,
};

pub use crate::stack::kinds::search::Depth;

/// Looks at everything that the class has, or that has one of its names. What cannot be read becomes a gap.
pub async fn observe(
    client: &Client,
    desired: &Desired,
    depth: &Depth,
) -> Result<Observed, Cancelled> {
    observe_knowing(client, desired, depth, &KnownMachines::new()).await
}

/// [`observe`], without describing the state machines again that are known and still the same ones.
pub(crate) async fn observe_knowing(
    client: &Client,
    desired: &Desired,
    depth: &Depth,
    known: &KnownMachines,
) -> Result<Observed, Cancelled> {
    let search = &Search::new(client, desired, depth);
    // Roles first: they show which students are another class's, so that no calls are made about their other resources.
    let Observed {
        roles,
        users,
        policies,
        mut gaps,
        ..
    } = principals::of_stacks(search).await?;
    let strangers = &role::strangers(search, &roles);
    let (functions, machines, rest_apis, http_apis) = tokio::join!(
        function::list(search),
        state_machine::list(search, known, strangers),
        rest_api::list(search),
        http_api::list(search),
    );
    let (functions, more) = functions?;
    gaps.extend(more);
    let (state_machines, more) = machines?;
    gaps.extend(more);
    let (mut apis, more) = rest_apis?;
    gaps.extend(more);
    let (http_apis, more) = http_apis?;
    gaps.extend(more);
    apis.extend(http_apis);
    let (log_groups, more) =
        log_group::list(search, &functions, &state_machines, strangers).await?;
    gaps.extend(more);
    let mut observed = Observed {
        roles,
        log_groups,
        functions,
        state_machines,
        apis: apis.apis,
        users,
        policies,
        strays: search.strays(),
        gaps,
        account: AccountUse {
            apis: apis.count,
            ..AccountUse::default()
        },
    };
    api::add_earlier(search, &mut observed).await?;
    observed.share_documents(desired);
    Ok(observed)
}

/// What a teardown has listed, with what it needs nothing of and a reading does: the parts of HTTP APIs. `None` where there
/// is nothing to add: a class's documents once more take much memory.
pub(crate) async fn completed(
    client: &Client,
    desired: &Desired,
    observed: &Observed,
) -> Result<Option<Observed>, Cancelled> {
    let mut apis = observed.apis.values().flatten();
    if !apis.any(|api| api.api_type == ApiType::Http) {
        return Ok(None);
    }
    let mut observed = observed.clone();
    let search = &Search::new(client, desired, &Depth::Deploy);
    let gaps = http_api::read_parts(search, &mut observed.apis).await?;
    observed.gaps.extend(gaps);
    Ok(Some(observed))
}

/// Looks at who may get in: roles, users and policies by one listing, and the ids of the APIs, which policies name.
pub async fn observe_access(
    client: &Client,
    desired: &Desired,
    with_apis: bool,
) -> Result<Observed, Cancelled> {
    let search = Search::new(client, desired, &Depth::Deploy);
    let mut observed = principals::list(&search).await?;
    if with_apis {
        api::add_bare(&search, &mut observed).await?;
    }
    Ok(observed)
}

/// Looks at roles alone: one listing, which tells whose they are in every class and region.
pub(crate) async fn observe_roles(
    client: &Client,
    desired: &Desired,
) -> Result<Observed, Cancelled> {
    let search = Search::new(client, desired, &Depth::Deploy);
    principals::roles(&search).await
}

/// The chosen students' APIs by name, by one listing, without their stages.
pub(crate) async fn apis(
    client: &Client,
    desired: &Desired,
) -> Result<BTreeMap<String, Vec<api::Seen>>, CallError> {
    let search = Search::new(client, desired, &Depth::Deploy);
    api::listed_alone(&search).await
}
