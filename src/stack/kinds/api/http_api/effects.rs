//! API Gateway HTTP API: create or complete part by part, delete by one call.
//!
//! One writer an API: concurrent changes to the same API answer ConflictException, so its calls go one after another. The
//! stage comes last: until then nothing answers, and it is made with its throttle and the record that the API is whole.
//!
//! AWS can make all parts by CreateApi alone ("quick create"). Not here: such a `$default` stage is managed by API Gateway, and
//! "you can't modify the $default stage" (API reference, Stage, `apiGatewayManaged`). Throttle and record would have to go there.

use std::collections::BTreeSet;

use crate::aws::Operation::*;
use crate::aws::{CallResult, Client, ErrorKind};
use crate::stack::kinds::api::effects::{
    BEING_COMPLETED, Made, create_or_find, delete, delete_twins, permit_all, tags,
    wait_for_functions,
};
use crate::stack::kinds::api::{RouteSpec, Spec, Throttle};
use crate::stack::kinds::search::pages;
use crate::stack::kinds::{ApiType, Effect, KindAction, PlannedCalls};
use crate::stack::ownership::{Fingerprint, Record};
use crate::stack::step::{Context, StepError, or_gone};

use super::{Integration, PAYLOAD_FORMAT, Parts, Route, STAGE, Settings, invokes, key_of};

/// A setting of the API itself that no lab has and a student can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    Cors,
    /// AWS's own address of the API was switched off.
    Address,
}

impl Undo {
    pub(super) const ALL: [Self; 2] = [Self::Cors, Self::Address];

    /// The name of the setting that it takes away.
    pub(super) fn setting(self) -> &'static str {
        match self {
            Self::Cors => Settings::CORS,
            Self::Address => Settings::ADDRESS,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Create(Spec),
    /// Adds missing parts and corrects others.
    Complete {
        api: Spec,
        id: String,
        /// Ids of others with the same name that are ours: they are deleted.
        duplicates: Vec<String>,
        /// What was recorded, if the student's own settings stay: then only the permission is completed.
        kept: Option<Fingerprint>,
        /// What else is taken away, if they do not stay.
        undo: Vec<Undo>,
    },
    /// By their ids.
    Delete(Vec<String>),
}

impl Action {
    /// Both deletions in one.
    pub(crate) fn and_delete(self, other: Self) -> Self {
        match (self, other) {
            (Self::Delete(mut ids), Self::Delete(more)) => {
                ids.extend(more);
                Self::Delete(ids)
            }
            (one, _) => one,
        }
    }
}

/// How many functions its routes lead to: each has one integration.
fn integrations(api: &Spec) -> usize {
    let functions = api.routes.iter().map(|route| &route.function);
    functions.collect::<BTreeSet<_>>().len()
}

impl KindAction for Action {
    fn outline(&self) -> (Effect, PlannedCalls) {
        match self {
            Self::Create(api) => {
                let routes = api.routes.len();
                let calls = vec![
                    (CreateApi, 1),
                    (CreateIntegration, integrations(api)),
                    (CreateRoute, routes),
                    (AddPermission, routes),
                    (CreateHttpStage, 1),
                ];
                (Effect::Create, calls)
            }
            Self::Complete {
                api,
                duplicates,
                kept,
                ..
            } => {
                let mut calls = vec![
                    (AddPermission, api.routes.len()),
                    (UpdateHttpStage, 1),
                    (DeleteApi, duplicates.len()),
                ];
                // Most often no part is missing.
                if kept.is_none() {
                    calls.extend(READS.map(|operation| (operation, 1)));
                    calls.push((TagHttpApi, 1));
                }
                (Effect::Complete, calls)
            }
            Self::Delete(ids) => (Effect::Delete, vec![(DeleteApi, ids.len())]),
        }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<(), StepError> {
        match self {
            Self::Create(api) => create(cx, api).await,
            Self::Complete {
                api,
                id,
                duplicates,
                kept,
                undo,
            } => {
                match kept {
                    None => complete(cx, api, id, undo).await?,
                    Some(record) => {
                        permit(cx, api, id).await?;
                        update_stage(cx, api, id, record, None).await?;
                    }
                }
                delete(cx, ApiType::Http, duplicates).await
            }
            Self::Delete(ids) => delete(cx, ApiType::Http, ids).await,
        }
    }
}

const READS: [crate::aws::Operation; 3] = [GetRoutes, GetIntegrations, GetHttpStages];

/// Reads an API's parts.
pub(super) async fn read(client: &Client, id: &str) -> CallResult<Parts> {
    let (mut routes, mut integrations) = (Vec::new(), Vec::new());
    let listed = pages(
        |token| client.http_routes_page(id, token),
        |route| routes.push(route),
    );
    listed.await?;
    let listed = pages(
        |token| client.integrations_page(id, token),
        |integration| integrations.push(integration),
    );
    listed.await?;
    Ok(Parts {
        routes,
        integrations,
        stages: client.http_stages(id).await?,
    })
}

async fn create(cx: &Context<'_>, api: &Spec) -> Result<(), StepError> {
    let tags = &tags(cx, api);
    let create = || cx.client.create_http_api(&api.name, tags);
    match create_or_find(cx, api, create).await? {
        Made::New { made: id, in_doubt } => {
            build(cx, api, &id, Parts::default(), &[]).await?;
            publish(cx, api, &id, false).await?;
            if in_doubt {
                delete_twins(cx, api, &id).await?;
            }
            Ok(())
        }
        Made::Found { id } => {
            complete(cx, api, &id, &[]).await?;
            delete_twins(cx, api, &id).await
        }
    }
}

/// Makes every part as the lab has it, whatever is there.
async fn complete(cx: &Context<'_>, api: &Spec, id: &str, undo: &[Undo]) -> Result<(), StepError> {
    let parts = read(&cx.client, id).await?;
    let has_stage = parts.stage().is_some();
    build(cx, api, id, parts, undo).await?;
    publish(cx, api, id, has_stage).await?;
    let arn = &cx.scope.api_arn(ApiType::Http, id);
    Ok(cx.client.tag_http_api(arn, &tags(cx, api)).await?)
}

/// Adds missing parts, corrects others, and takes away what the lab does not have.
async fn build(
    cx: &Context<'_>,
    api: &Spec,
    id: &str,
    parts: Parts,
    undo: &[Undo],
) -> Result<(), StepError> {
    let client = &cx.client;
    let stage = parts.stage();
    let mut settings = Settings::default();
    settings.add(&parts);
    let differs = settings != Settings::wanted(api, cx.scope) || !undo.is_empty();
    // A run that is killed between two of these calls must not leave a record that calls this the student's change.
    if let Some(stage) = stage
        && differs
        && (Record::parse(&stage.seen.description).is_some()
            || stage.settings != Settings::of_stage(None, true))
    {
        let reset = client.reset_http_stage(id, STAGE, BEING_COMPLETED, api.throttle);
        reset.await?;
    }
    for undo in undo {
        match undo {
            Undo::Cors => or_gone(client.delete_cors(id).await)?,
            Undo::Address => client.open_http_endpoint(id).await?,
        }
    }
    for key in stage.iter().flat_map(|stage| &stage.own_settings) {
        or_gone(client.delete_route_settings(id, STAGE, key).await)?;
    }
    // Whether AWS looks for the function that an integration names is not documented; the permission must wait for it, too.
    wait_for_functions(cx, api).await?;
    let mut integrations = parts.integrations;
    for route in &api.routes {
        let arn = cx.scope.function_arn(&route.function);
        let invokes = invokes(&arn, PAYLOAD_FORMAT);
        let there = parts.routes.iter().find(|it| it.key == key_of(route));
        ensure_route(cx, api, id, route, there, &invokes, &mut integrations).await?;
    }
    for route in &parts.routes {
        if !api.routes.iter().any(|wanted| key_of(wanted) == route.key) {
            or_gone(client.delete_route(id, &route.id).await)?;
        }
    }
    Ok(())
}

async fn ensure_route(
    cx: &Context<'_>,
    api: &Spec,
    id: &str,
    route: &RouteSpec,
    there: Option<&Route>,
    invokes: &str,
    integrations: &mut Vec<Integration>,
) -> Result<(), StepError> {
    let is_right = |it: &&Integration| it.invokes == invokes;
    let own = there.and_then(|route| {
        let mut of_route = integrations.iter();
        of_route.find(|it| Some(&it.id) == route.integration.as_ref())
    });
    let right = own.filter(is_right).or(integrations.iter().find(is_right));
    let integration = match right {
        Some(right) => right.id.clone(),
        None => {
            let arn = cx.scope.function_arn(&route.function);
            let made = cx.call_about_new(|| cx.client.create_integration(id, &arn));
            let made = made.await?;
            integrations.push(Integration {
                id: made.clone(),
                invokes: invokes.to_owned(),
            });
            made
        }
    };
    let authorization = api.authorization;
    match there {
        None => {
            let (client, key) = (&cx.client, key_of(route));
            let create = || client.create_route(id, &key, &integration, authorization);
            match cx.call_about_new(create).await {
                // An attempt whose answer was lost made it.
                Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => Ok(()),
                other => other,
            }
        }
        Some(there)
            if there.integration.as_ref() != Some(&integration)
                || there.authorization != authorization.as_str() =>
        {
            let update = cx
                .client
                .update_route(id, &there.id, &integration, authorization);
            Ok(update.await?)
        }
        Some(_) => Ok(()),
    }
}

/// Lets the API invoke its functions.
async fn permit(cx: &Context<'_>, api: &Spec, id: &str) -> Result<(), StepError> {
    wait_for_functions(cx, api).await?;
    permit_all(cx, api, id).await
}

/// Permits, and records that the API is whole, in one call with the stage's throttle.
async fn publish(cx: &Context<'_>, api: &Spec, id: &str, has_stage: bool) -> Result<(), StepError> {
    permit(cx, api, id).await?;
    let record = &api.fingerprint(cx.scope);
    if has_stage {
        return update_stage(cx, api, id, record, api.throttle).await;
    }
    let description = &api.stage_description(cx.scope, cx.owner);
    let create = || {
        cx.client
            .create_http_stage(id, STAGE, description, api.throttle)
    };
    match cx.call_about_new(create).await {
        // An attempt whose answer was lost made it.
        Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {
            let reset = cx
                .client
                .reset_http_stage(id, STAGE, description, api.throttle);
            Ok(reset.await?)
        }
        other => other,
    }
}

async fn update_stage(
    cx: &Context<'_>,
    api: &Spec,
    id: &str,
    record: &Fingerprint,
    throttle: Option<Throttle>,
) -> Result<(), StepError> {
    let record = &cx.owner.record(&[("api", record)]);
    let stage = api.stage.as_str();
    cx.call_about_new(|| cx.client.update_http_stage(id, stage, record, throttle))
        .await
}
