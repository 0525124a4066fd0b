//! IAM: roles, their trust and inline policies, listings, and how many of what there may be.

mod policies;
mod users;

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{EntityType, RoleDetail, SummaryKeyType, Tag};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::domain::operation::Operation;
use crate::domain::ownership::Tags;
use crate::domain::resources::role::{Actual, Role};
use crate::engine::port::{AccountSummary, CloudResult, Page, Principal, RoleHead};

use super::errors::{call, unbuildable};

pub(in crate::cloud) use policies::{
    create_policy, create_policy_version, delete_policy, delete_policy_version, simulate_page,
};
pub(in crate::cloud) use users::{
    attach_user_policy, create_access_key, create_login_profile, create_user, delete_login_profile,
    delete_user, delete_virtual_mfa_device, get_user, put_user_boundary, put_user_policy,
    remove_user_part, shortest_password, tag_user, update_login_profile, user_parts,
};

/// Roles a page at most. Source: IAM GetAccountAuthorizationDetails, `MaxItems`.
const PAGE: i32 = 1000;

pub(in crate::cloud) async fn account_alias(client: &Client) -> CloudResult<Option<String>> {
    let answer = call(
        Operation::ListAccountAliases,
        client.list_account_aliases().send(),
    )
    .await?;
    Ok(answer.account_aliases.into_iter().next())
}

pub(in crate::cloud) async fn account_summary(client: &Client) -> CloudResult<AccountSummary> {
    let answer = call(
        Operation::GetAccountSummary,
        client.get_account_summary().send(),
    )
    .await?;
    let figure = |key: SummaryKeyType| {
        let value = answer.summary_map().and_then(|map| map.get(&key))?;
        u32::try_from(*value).ok()
    };
    Ok(AccountSummary {
        roles: figure(SummaryKeyType::Roles),
        roles_quota: figure(SummaryKeyType::RolesQuota),
        users: figure(SummaryKeyType::Users),
        users_quota: figure(SummaryKeyType::UsersQuota),
        policies: figure(SummaryKeyType::Policies),
        policies_quota: figure(SummaryKeyType::PoliciesQuota),
    })
}

pub(in crate::cloud) async fn roles_page(
    client: &Client,
    token: Option<String>,
) -> CloudResult<Page<Actual>> {
    let answer = call(
        Operation::GetAccountAuthorizationDetails,
        client
            .get_account_authorization_details()
            .filter(EntityType::Role)
            .max_items(PAGE)
            .set_marker(token)
            .send(),
    )
    .await?;
    Ok(Page {
        items: answer.role_detail_list().iter().map(actual).collect(),
        next: answer.marker.filter(|_| answer.is_truncated),
    })
}

pub(in crate::cloud) async fn principals_page(
    client: &Client,
    token: Option<String>,
) -> CloudResult<Page<Principal>> {
    let answer = call(
        Operation::GetAccountAuthorizationDetails,
        client
            .get_account_authorization_details()
            .filter(EntityType::Role)
            .filter(EntityType::User)
            .filter(EntityType::LocalManagedPolicy)
            .max_items(PAGE)
            .set_marker(token)
            .send(),
    )
    .await?;
    let roles = answer.role_detail_list().iter();
    let users = answer.user_detail_list().iter();
    let policies = answer.policies().iter();
    Ok(Page {
        items: roles
            .map(|role| Principal::Role(actual(role)))
            .chain(users.map(|user| Principal::User(users::actual(user))))
            .chain(policies.map(|policy| Principal::Policy(policies::actual(policy))))
            .collect(),
        next: answer.marker.filter(|_| answer.is_truncated),
    })
}

fn actual(role: &RoleDetail) -> Actual {
    Actual {
        name: role.role_name().unwrap_or_default().to_owned(),
        id: role.role_id().unwrap_or_default().to_owned(),
        path: role.path().unwrap_or("/").to_owned(),
        trust: role.assume_role_policy_document().and_then(document),
        inline: role
            .role_policy_list()
            .iter()
            .map(|policy| {
                let document = policy.policy_document().and_then(document);
                let name = policy.policy_name().unwrap_or_default().to_owned();
                (name, document.unwrap_or(Value::Null))
            })
            .collect(),
        attached: role
            .attached_managed_policies()
            .iter()
            .filter_map(|policy| policy.policy_arn().map(str::to_owned))
            .collect(),
        tags: tags(role.tags()),
        boundary: role
            .permissions_boundary()
            .and_then(|boundary| boundary.permissions_boundary_arn())
            .map(str::to_owned),
    }
}

/// Reads a policy document. IAM returns it percent-encoded by RFC 3986 (IAM API reference, PolicyDetail), where a
/// plus sign is a plus sign and no space. `None` when it is not JSON.
fn document(encoded: &str) -> Option<Value> {
    let text = percent_decode_str(encoded).decode_utf8().ok()?;
    serde_json::from_str(&text).ok()
}

fn tags(list: &[Tag]) -> Tags {
    list.iter()
        .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
        .collect()
}

pub(in crate::cloud) async fn get_role(client: &Client, name: &str) -> CloudResult<RoleHead> {
    let answer = call(Operation::GetRole, client.get_role().role_name(name).send()).await?;
    let role = answer.role();
    Ok(RoleHead {
        path: role.map_or("/", |role| role.path()).to_owned(),
        tags: role.map(|role| tags(role.tags())).unwrap_or_default(),
    })
}

pub(in crate::cloud) async fn create_role(
    client: &Client,
    role: &Role,
    path: &str,
    tags: &Tags,
) -> CloudResult<()> {
    let tags = tag_list(Operation::CreateRole, tags)?;
    call(
        Operation::CreateRole,
        client
            .create_role()
            .role_name(&role.name)
            .path(path)
            .assume_role_policy_document(role.trust.to_string())
            .set_tags(Some(tags))
            .send(),
    )
    .await?;
    Ok(())
}

/// Tags as IAM takes them.
fn tag_list(operation: Operation, tags: &Tags) -> CloudResult<Vec<Tag>> {
    let list = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    list.collect::<Result<_, _>>()
        .map_err(|error| unbuildable(operation, &error))
}

pub(in crate::cloud) async fn tag_role(
    client: &Client,
    name: &str,
    tags: &Tags,
) -> CloudResult<()> {
    let tags = tag_list(Operation::TagRole, tags)?;
    call(
        Operation::TagRole,
        client
            .tag_role()
            .role_name(name)
            .set_tags(Some(tags))
            .send(),
    )
    .await?;
    Ok(())
}

pub(in crate::cloud) async fn update_trust(
    client: &Client,
    role: &str,
    document: &Value,
) -> CloudResult<()> {
    call(
        Operation::UpdateAssumeRolePolicy,
        client
            .update_assume_role_policy()
            .role_name(role)
            .policy_document(document.to_string())
            .send(),
    )
    .await?;
    Ok(())
}

pub(in crate::cloud) async fn put_role_policy(
    client: &Client,
    role: &str,
    policy: &str,
    document: &Value,
) -> CloudResult<()> {
    call(
        Operation::PutRolePolicy,
        client
            .put_role_policy()
            .role_name(role)
            .policy_name(policy)
            .policy_document(document.to_string())
            .send(),
    )
    .await?;
    Ok(())
}

pub(in crate::cloud) async fn delete_role_policy(
    client: &Client,
    role: &str,
    policy: &str,
) -> CloudResult<()> {
    call(
        Operation::DeleteRolePolicy,
        client
            .delete_role_policy()
            .role_name(role)
            .policy_name(policy)
            .send(),
    )
    .await?;
    Ok(())
}

pub(in crate::cloud) async fn detach_role_policy(
    client: &Client,
    role: &str,
    policy_arn: &str,
) -> CloudResult<()> {
    call(
        Operation::DetachRolePolicy,
        client
            .detach_role_policy()
            .role_name(role)
            .policy_arn(policy_arn)
            .send(),
    )
    .await?;
    Ok(())
}

pub(in crate::cloud) async fn delete_role(client: &Client, name: &str) -> CloudResult<()> {
    call(
        Operation::DeleteRole,
        client.delete_role().role_name(name).send(),
    )
    .await?;
    Ok(())
}

pub(in crate::cloud) async fn put_role_boundary(
    client: &Client,
    role: &str,
    policy_arn: &str,
) -> CloudResult<()> {
    let request = client.put_role_permissions_boundary().role_name(role);
    let request = request.permissions_boundary(policy_arn);
    call(Operation::PutRolePermissionsBoundary, request.send()).await?;
    Ok(())
}

pub(in crate::cloud) async fn delete_role_boundary(client: &Client, role: &str) -> CloudResult<()> {
    let request = client.delete_role_permissions_boundary().role_name(role);
    call(Operation::DeleteRolePermissionsBoundary, request.send()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn policy_documents_are_percent_decoded_and_plus_stays_plus() {
        assert_eq!(
            document("%7B%22Sid%22%3A%22a+b%20c%22%2C%22x%22%3A%22%C3%A9%22%7D"),
            Some(json!({"Sid": "a+b c", "x": "é"}))
        );
    }

    #[test]
    fn policy_documents_that_were_not_encoded_are_read_as_they_are() {
        assert_eq!(document(r#"{"a":1}"#), Some(json!({"a": 1})));
        assert_eq!(document("not json"), None);
    }
}
