//! IAM: customer managed policies.

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{
    ContextEntry, ContextKeyTypeEnum, ManagedPolicyDetail, PolicyEvaluationDecisionType,
};
use serde_json::Value;

use crate::cloud::errors::call;
use crate::domain::operation::Operation;
use crate::domain::resources::managed_policy::{Actual, ManagedPolicy};
use crate::engine::port::{CloudResult, Page, Simulated, Simulation};

use super::document;

pub(super) fn actual(policy: &ManagedPolicyDetail) -> Actual {
    let versions = policy.policy_version_list();
    let in_force = versions.iter().find(|version| version.is_default_version());
    Actual {
        name: policy.policy_name().unwrap_or_default().to_owned(),
        arn: policy.arn().unwrap_or_default().to_owned(),
        path: policy.path().unwrap_or("/").to_owned(),
        document: in_force
            .and_then(|version| version.document())
            .and_then(document),
        old_versions: versions
            .iter()
            .filter(|version| !version.is_default_version())
            .filter_map(|version| version.version_id().map(str::to_owned))
            .collect(),
    }
}

pub(in crate::cloud) async fn create_policy(
    client: &Client,
    policy: &ManagedPolicy,
    path: &str,
) -> CloudResult<()> {
    let request = client
        .create_policy()
        .policy_name(&policy.name)
        .path(path)
        .policy_document(policy.document.to_string());
    call(Operation::CreatePolicy, request.send()).await?;
    Ok(())
}

pub(in crate::cloud) async fn create_policy_version(
    client: &Client,
    arn: &str,
    document: &Value,
) -> CloudResult<()> {
    let request = client
        .create_policy_version()
        .policy_arn(arn)
        .policy_document(document.to_string())
        .set_as_default(true);
    call(Operation::CreatePolicyVersion, request.send()).await?;
    Ok(())
}

pub(in crate::cloud) async fn delete_policy_version(
    client: &Client,
    arn: &str,
    version: &str,
) -> CloudResult<()> {
    let request = client.delete_policy_version().policy_arn(arn);
    call(
        Operation::DeletePolicyVersion,
        request.version_id(version).send(),
    )
    .await?;
    Ok(())
}

pub(in crate::cloud) async fn delete_policy(client: &Client, arn: &str) -> CloudResult<()> {
    let request = client.delete_policy().policy_arn(arn);
    call(Operation::DeletePolicy, request.send()).await?;
    Ok(())
}

pub(in crate::cloud) async fn simulate_page(
    client: &Client,
    simulation: &Simulation<'_>,
    token: Option<String>,
) -> CloudResult<Page<Simulated>> {
    let region = ContextEntry::builder()
        .context_key_name("aws:RequestedRegion")
        .context_key_type(ContextKeyTypeEnum::String)
        .context_key_values(simulation.region)
        .build();
    let actions = simulation.actions.iter().map(|&action| action.to_owned());
    let request = client
        .simulate_principal_policy()
        .policy_source_arn(simulation.user_arn)
        .set_action_names(Some(actions.collect()))
        .set_resource_arns(Some(simulation.resources.to_vec()))
        .context_entries(region)
        .set_marker(token);
    let answer = call(Operation::SimulatePrincipalPolicy, request.send()).await?;
    let mut items = Vec::new();
    for result in answer.evaluation_results() {
        let action = result.eval_action_name();
        let mut decided = |resource: &str, decision: &PolicyEvaluationDecisionType| {
            items.push(Simulated {
                action: action.to_owned(),
                resource: resource.to_owned(),
                allowed: *decision == PolicyEvaluationDecisionType::Allowed,
            });
        };
        // With several resources the answer for each stands below the one for the action.
        for specific in result.resource_specific_results() {
            decided(
                specific.eval_resource_name(),
                specific.eval_resource_decision(),
            );
        }
        if result.resource_specific_results().is_empty()
            && let Some(resource) = result.eval_resource_name()
        {
            decided(resource, result.eval_decision());
        }
    }
    Ok(Page {
        items,
        next: answer.marker.filter(|_| answer.is_truncated),
    })
}
