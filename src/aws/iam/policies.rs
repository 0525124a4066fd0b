//! IAM: customer managed policies.

use aws_sdk_iam::types::{
    ContextEntry, ContextKeyTypeEnum, ManagedPolicyDetail, PolicyEvaluationDecisionType,
};
use serde_json::Value;

use crate::aws::Page;
use crate::aws::client::Client;
use crate::aws::error::CallResult;
use crate::aws::operations::Operation;
use crate::stack::kinds::managed_policy::{Seen, Spec};
use crate::text::moment::utc;

use super::document;

/// A question to IAM's policy simulator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Simulation<'a> {
    /// ARN of the user or role.
    pub(crate) principal_arn: &'a str,
    /// Actions (`lambda:GetFunction`).
    pub(crate) actions: &'a [&'static str],
    /// ARNs of the resources.
    pub(crate) resources: &'a [String],
    /// The region that the requests would go to.
    pub(crate) region: &'a str,
    /// The service that a role would be passed to.
    pub(crate) passed_to: Option<&'a str>,
    /// ARN of the permissions boundary that a role or user would have.
    pub(crate) boundary: Option<&'a str>,
}

/// One of the simulator's decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Simulated {
    /// The action.
    pub(crate) action: String,
    /// ARN of the resource.
    pub(crate) resource: String,
    /// Whether it would be allowed, boundary included.
    pub(crate) allowed: bool,
    /// Whether the organization's service control policies allow it; `None` where the simulator says nothing of them.
    pub(crate) organization: Option<bool>,
    /// Keys that conditions ask for and the question does not have: with them it might be decided otherwise.
    pub(crate) missing_keys: Vec<String>,
}

impl Client {
    /// iam:CreatePolicy, below `path`.
    pub async fn create_policy(&self, policy: &Spec, path: &str) -> CallResult<()> {
        self.send(Operation::CreatePolicy, |sdk| {
            sdk.iam
                .create_policy()
                .policy_name(&policy.name)
                .path(path)
                .policy_document(policy.document.to_string())
                .send()
        })
        .await
    }

    /// iam:CreatePolicyVersion, in force at once.
    pub async fn create_policy_version(&self, arn: &str, document: &Value) -> CallResult<()> {
        self.send(Operation::CreatePolicyVersion, |sdk| {
            sdk.iam
                .create_policy_version()
                .policy_arn(arn)
                .policy_document(document.to_string())
                .set_as_default(true)
                .send()
        })
        .await
    }

    /// iam:DeletePolicyVersion.
    pub async fn delete_policy_version(&self, arn: &str, version: &str) -> CallResult<()> {
        self.send(Operation::DeletePolicyVersion, |sdk| {
            sdk.iam
                .delete_policy_version()
                .policy_arn(arn)
                .version_id(version)
                .send()
        })
        .await
    }

    /// iam:DeletePolicy.
    pub async fn delete_policy(&self, arn: &str) -> CallResult<()> {
        self.send(Operation::DeletePolicy, |sdk| {
            sdk.iam.delete_policy().policy_arn(arn).send()
        })
        .await
    }

    /// iam:SimulatePrincipalPolicy: one page of what a user or role may do, every action on every resource, in a region.
    pub(crate) async fn simulate_page(
        &self,
        simulation: &Simulation<'_>,
        token: Option<String>,
    ) -> CallResult<Page<Simulated>> {
        let typed = |key: &str, of: ContextKeyTypeEnum, value: &str| {
            ContextEntry::builder()
                .context_key_name(key)
                .context_key_type(of)
                .context_key_values(value)
                .build()
        };
        let entry = |key: &str, value: &str| typed(key, ContextKeyTypeEnum::String, value);
        // Of a class with an end, every statement that allows something asks for the time.
        let now = utc(self.time_at_aws());
        let mut context = vec![
            entry("aws:RequestedRegion", simulation.region),
            typed("aws:CurrentTime", ContextKeyTypeEnum::Date, &now),
        ];
        let passed_to = simulation.passed_to;
        context.extend(passed_to.map(|service| entry("iam:PassedToService", service)));
        let boundary = simulation.boundary;
        context.extend(boundary.map(|arn| entry("iam:PermissionsBoundary", arn)));
        let actions: Vec<String> = simulation.actions.iter().map(|&a| a.to_owned()).collect();
        let answer = self
            .call(Operation::SimulatePrincipalPolicy, |sdk| {
                sdk.iam
                    .simulate_principal_policy()
                    .policy_source_arn(simulation.principal_arn)
                    .set_action_names(Some(actions.clone()))
                    .set_resource_arns(Some(simulation.resources.to_vec()))
                    .set_context_entries(Some(context.clone()))
                    .set_marker(token.clone())
                    .send()
            })
            .await?;
        let mut items = Vec::new();
        for result in answer.evaluation_results() {
            let action = result.eval_action_name();
            let organization = result.organizations_decision_detail();
            let organization = organization.map(|detail| detail.allowed_by_organizations());
            let mut decided =
                |resource: &str, decision: &PolicyEvaluationDecisionType, missing: &[String]| {
                    items.push(Simulated {
                        action: action.to_owned(),
                        resource: resource.to_owned(),
                        allowed: *decision == PolicyEvaluationDecisionType::Allowed,
                        organization,
                        missing_keys: missing.to_vec(),
                    });
                };
            // With several resources the answer for each stands below the one for the action.
            for specific in result.resource_specific_results() {
                decided(
                    specific.eval_resource_name(),
                    specific.eval_resource_decision(),
                    specific.missing_context_values(),
                );
            }
            if result.resource_specific_results().is_empty()
                && let Some(resource) = result.eval_resource_name()
            {
                let missing = result.missing_context_values();
                decided(resource, result.eval_decision(), missing);
            }
        }
        Ok(Page {
            items,
            next: answer.marker.filter(|_| answer.is_truncated),
        })
    }
}

pub(super) fn actual(policy: &ManagedPolicyDetail) -> Seen {
    let versions = policy.policy_version_list();
    let in_force = versions.iter().find(|version| version.is_default_version());
    Seen {
        name: policy.policy_name().unwrap_or_default().to_owned(),
        arn: policy.arn().unwrap_or_default().to_owned(),
        path: policy.path().unwrap_or("/").to_owned(),
        document: in_force
            .and_then(|version| version.document())
            .and_then(document)
            .map(Into::into),
        old_versions: versions
            .iter()
            .filter(|version| !version.is_default_version())
            .filter_map(|version| version.version_id().map(str::to_owned))
            .collect(),
    }
}
