//! What students are given: rendered once their APIs are known.

use std::collections::BTreeMap;

use crate::aws::Client;
use crate::ids::Username;
use crate::lab::given::Output;
use crate::stack::kinds::Observed;
use crate::stack::observe::rest_apis;

use super::session::Session;

/// Everybody's outputs after a deployment. APIs are listed afresh, one page for five hundred of them: their ids
/// are AWS's to give. Where that fails, outputs that need no API are all there is.
pub(super) async fn after_deployment(
    client: &Client,
    session: &Session,
) -> BTreeMap<Username, Vec<Output>> {
    let observed = Observed {
        rest_apis: rest_apis(client, &session.desired)
            .await
            .unwrap_or_default(),
        ..Observed::default()
    };
    let scope = session.scope();
    let lab = &session.class.lab;
    let pairs = session.desired.stacks.iter().zip(&session.class.students);
    pairs
        .map(|(stack, student)| {
            let invoke_url = |id: &str, stage: &str| session.client.invoke_url(id, stage);
            let endpoints = observed.endpoints(scope, stack, invoke_url);
            let outputs = lab.outputs(scope, session.class.name(), student, &endpoints);
            (student.username.clone(), outputs)
        })
        .collect()
}
