//! IAM: customer managed policies.

use aws_sdk_iam::Client;
use aws_sdk_iam::types::ManagedPolicyDetail;
use serde_json::Value;

use crate::cloud::errors::call;
use crate::domain::operation::Operation;
use crate::domain::resources::managed_policy::{Actual, ManagedPolicy};
use crate::engine::port::CloudResult;

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
