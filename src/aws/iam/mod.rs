//! IAM: roles, the listing of all principals, and the account's figures.

mod policies;
mod users;

use aws_sdk_iam::types::{EntityType, RoleDetail, SummaryKeyType, Tag};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::aws::Page;
use crate::aws::classify::unbuildable;
use crate::aws::client::Client;
use crate::aws::error::{CallResult, CloudResult};
use crate::aws::operations::Operation;
use crate::stack::kinds::role::{self, Spec};
use crate::stack::kinds::{AccountUse, managed_policy, user};
use crate::stack::ownership::Tags;

pub(crate) use policies::Simulation;
pub use users::UserPart;

/// Entries of a page at most. Source: IAM GetAccountAuthorizationDetails, `MaxItems`.
const PAGE: i32 = 1000;

/// Path and tags of a role or user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathAndTags {
    /// `/` by itself.
    pub path: String,
    /// By key.
    pub tags: Tags,
}

/// One entry of a listing of IAM.
#[derive(Debug, Clone, PartialEq)]
pub enum Principal {
    /// A role.
    Role(role::Seen),
    /// A user.
    User(user::Seen),
    /// A customer managed policy.
    Policy(managed_policy::Seen),
}

impl Client {
    /// iam:ListAccountAliases: the first alias.
    pub async fn account_alias(&self) -> CallResult<Option<String>> {
        let answer = self
            .call(Operation::ListAccountAliases, |sdk| {
                sdk.iam.list_account_aliases().send()
            })
            .await?;
        Ok(answer.account_aliases.into_iter().next())
    }

    /// iam:GetAccountSummary: roles, users and policies, and the quotas on them.
    pub async fn account_summary(&self) -> CallResult<AccountUse> {
        let answer = self
            .call(Operation::GetAccountSummary, |sdk| {
                sdk.iam.get_account_summary().send()
            })
            .await?;
        let figure = |key: SummaryKeyType| {
            let value = answer.summary_map().and_then(|map| map.get(&key))?;
            u32::try_from(*value).ok()
        };
        Ok(AccountUse {
            roles: figure(SummaryKeyType::Roles),
            roles_quota: figure(SummaryKeyType::RolesQuota),
            users: figure(SummaryKeyType::Users),
            users_quota: figure(SummaryKeyType::UsersQuota),
            policies: figure(SummaryKeyType::Policies),
            policies_quota: figure(SummaryKeyType::PoliciesQuota),
            ..AccountUse::default()
        })
    }

    /// iam:GetAccountAuthorizationDetails: one page of the account's roles, users and customer managed policies.
    pub async fn principals_page(&self, token: Option<String>) -> CallResult<Page<Principal>> {
        let answer = self
            .call(Operation::GetAccountAuthorizationDetails, |sdk| {
                sdk.iam
                    .get_account_authorization_details()
                    .filter(EntityType::Role)
                    .filter(EntityType::User)
                    .filter(EntityType::LocalManagedPolicy)
                    .max_items(PAGE)
                    .set_marker(token.clone())
                    .send()
            })
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

    /// iam:GetRole.
    pub async fn get_role(&self, name: &str) -> CallResult<PathAndTags> {
        let answer = self
            .call(Operation::GetRole, |sdk| {
                sdk.iam.get_role().role_name(name).send()
            })
            .await?;
        let role = answer.role();
        Ok(PathAndTags {
            path: role.map_or("/", |role| role.path()).to_owned(),
            tags: role.map(|role| tags(role.tags())).unwrap_or_default(),
        })
    }

    /// iam:CreateRole, below `path`.
    pub async fn create_role(&self, role: &Spec, path: &str, tags: &Tags) -> CallResult<()> {
        let tags = tag_list(Operation::CreateRole, tags)?;
        self.send(Operation::CreateRole, |sdk| {
            sdk.iam
                .create_role()
                .role_name(&role.name)
                .path(path)
                .assume_role_policy_document(role.trust.to_string())
                .set_permissions_boundary(role.boundary.clone())
                .set_tags(Some(tags.clone()))
                .send()
        })
        .await
    }

    /// iam:TagRole.
    pub async fn tag_role(&self, name: &str, tags: &Tags) -> CallResult<()> {
        let tags = tag_list(Operation::TagRole, tags)?;
        self.send(Operation::TagRole, |sdk| {
            sdk.iam
                .tag_role()
                .role_name(name)
                .set_tags(Some(tags.clone()))
                .send()
        })
        .await
    }

    /// iam:UpdateAssumeRolePolicy.
    pub async fn update_trust(&self, role: &str, document: &Value) -> CallResult<()> {
        self.send(Operation::UpdateAssumeRolePolicy, |sdk| {
            sdk.iam
                .update_assume_role_policy()
                .role_name(role)
                .policy_document(document.to_string())
                .send()
        })
        .await
    }

    /// iam:PutRolePolicy.
    pub async fn put_role_policy(
        &self,
        role: &str,
        policy: &str,
        document: &Value,
    ) -> CallResult<()> {
        self.send(Operation::PutRolePolicy, |sdk| {
            sdk.iam
                .put_role_policy()
                .role_name(role)
                .policy_name(policy)
                .policy_document(document.to_string())
                .send()
        })
        .await
    }

    /// iam:DeleteRolePolicy.
    pub async fn delete_role_policy(&self, role: &str, policy: &str) -> CallResult<()> {
        self.send(Operation::DeleteRolePolicy, |sdk| {
            sdk.iam
                .delete_role_policy()
                .role_name(role)
                .policy_name(policy)
                .send()
        })
        .await
    }

    /// iam:DetachRolePolicy.
    pub async fn detach_role_policy(&self, role: &str, policy_arn: &str) -> CallResult<()> {
        self.send(Operation::DetachRolePolicy, |sdk| {
            sdk.iam
                .detach_role_policy()
                .role_name(role)
                .policy_arn(policy_arn)
                .send()
        })
        .await
    }

    /// iam:DeleteRole.
    pub async fn delete_role(&self, name: &str) -> CallResult<()> {
        self.send(Operation::DeleteRole, |sdk| {
            sdk.iam.delete_role().role_name(name).send()
        })
        .await
    }

    /// iam:PutRolePermissionsBoundary.
    pub async fn put_role_boundary(&self, role: &str, policy_arn: &str) -> CallResult<()> {
        self.send(Operation::PutRolePermissionsBoundary, |sdk| {
            sdk.iam
                .put_role_permissions_boundary()
                .role_name(role)
                .permissions_boundary(policy_arn)
                .send()
        })
        .await
    }

    /// iam:DeleteRolePermissionsBoundary.
    pub async fn delete_role_boundary(&self, role: &str) -> CallResult<()> {
        self.send(Operation::DeleteRolePermissionsBoundary, |sdk| {
            sdk.iam
                .delete_role_permissions_boundary()
                .role_name(role)
                .send()
        })
        .await
    }
}

fn actual(role: &RoleDetail) -> role::Seen {
    role::Seen {
        name: role.role_name().unwrap_or_default().to_owned(),
        id: role.role_id().unwrap_or_default().to_owned(),
        created_ms: role.create_date().and_then(|date| date.to_millis().ok()),
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

/// Tags as IAM takes them.
fn tag_list(operation: Operation, tags: &Tags) -> CloudResult<Vec<Tag>> {
    let list = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    list.collect::<Result<_, _>>()
        .map_err(|error| unbuildable(operation, &error))
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
