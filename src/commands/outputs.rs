//! What students are given: rendered once their APIs are known.

use std::collections::BTreeMap;

use crate::cloud::AwsCloud;
use crate::domain::check::Output;
use crate::domain::ids::Username;
use crate::domain::lab::ApiEndpoint;
use crate::domain::observed::Observed;
use crate::domain::roster::Student;
use crate::engine::call::Caller;
use crate::engine::observe::rest_apis;

use super::session::Session;

/// The outputs of one student, as far as their APIs are there.
pub(super) fn of(session: &Session, observed: &Observed, student: &Student) -> Vec<Output> {
    let mut stacks = session.desired.stacks.iter();
    let Some(stack) = stacks.find(|stack| *stack.student() == student.username) else {
        return Vec::new();
    };
    let deployed = stack.rest_apis.iter().filter_map(|api| {
        let actual = observed.api_of(session.scope(), stack, api)?;
        let endpoint = ApiEndpoint {
            id: actual.id.clone(),
            url: session.cloud.invoke_url(&actual.id, &api.stage),
        };
        Some((api.name.clone(), endpoint))
    });
    let endpoints: BTreeMap<String, ApiEndpoint> = deployed.collect();
    let lab = &session.class.lab;
    lab.outputs(session.scope(), session.class.name(), student, &endpoints)
}

/// Everybody's outputs after a deployment. APIs are listed afresh, one page for five hundred of them: their ids
/// are AWS's to give. Where that fails, outputs that need no API are all there is.
pub(super) async fn after_deployment(
    caller: &Caller<AwsCloud>,
    session: &Session,
) -> BTreeMap<Username, Vec<Output>> {
    let observed = Observed {
        rest_apis: rest_apis(caller, &session.desired)
            .await
            .unwrap_or_default(),
        ..Observed::default()
    };
    let students = session.class.students.iter();
    students
        .map(|student| (student.username.clone(), of(session, &observed, student)))
        .collect()
}
