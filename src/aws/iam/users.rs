//! IAM: users and everything that they may have.

use aws_sdk_iam::types::UserDetail;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::aws::PathAndTags;
use crate::aws::client::Client;
use crate::aws::error::{CallResult, CloudError, ErrorKind};
use crate::aws::operations::Operation;
use crate::stack::credentials::AccessKey;
use crate::stack::kinds::user::Seen;
use crate::stack::ownership::Tags;

use super::{tag_list, tags};

/// Entries a page at most. Source: IAM API reference, `MaxItems`.
const PAGE: i32 = 1000;

/// A kind of thing that a user may have. IAM deletes no user who still has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UserPart {
    /// Access keys, by id.
    AccessKey,
    /// Groups, by name.
    Group,
    /// Attached managed policies, by ARN.
    AttachedPolicy,
    /// Inline policies, by name.
    InlinePolicy,
    /// MFA devices, by serial number.
    MfaDevice,
    /// Signing certificates, by id.
    SigningCertificate,
    /// SSH public keys, by id.
    SshPublicKey,
    /// Credentials for single services (CodeCommit, …), by id.
    ServiceCredential,
}

impl UserPart {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::AccessKey,
        Self::Group,
        Self::AttachedPolicy,
        Self::InlinePolicy,
        Self::MfaDevice,
        Self::SigningCertificate,
        Self::SshPublicKey,
        Self::ServiceCredential,
    ];
}

impl Client {
    /// iam:GetUser.
    pub async fn get_user(&self, name: &str) -> CallResult<PathAndTags> {
        let answer = self
            .call(Operation::GetUser, |sdk| {
                sdk.iam.get_user().user_name(name).send()
            })
            .await?;
        let user = answer.user();
        Ok(PathAndTags {
            path: user.map_or("/", |user| user.path()).to_owned(),
            tags: user.map(|user| tags(user.tags())).unwrap_or_default(),
        })
    }

    /// iam:CreateUser, below `path` and with a permissions boundary.
    pub async fn create_user(
        &self,
        name: &str,
        path: &str,
        boundary_arn: &str,
        tags: &Tags,
    ) -> CallResult<()> {
        let tags = tag_list(Operation::CreateUser, tags)?;
        self.send(Operation::CreateUser, |sdk| {
            sdk.iam
                .create_user()
                .user_name(name)
                .path(path)
                .permissions_boundary(boundary_arn)
                .set_tags(Some(tags.clone()))
                .send()
        })
        .await
    }

    /// iam:TagUser.
    pub async fn tag_user(&self, name: &str, tags: &Tags) -> CallResult<()> {
        let tags = tag_list(Operation::TagUser, tags)?;
        self.send(Operation::TagUser, |sdk| {
            sdk.iam
                .tag_user()
                .user_name(name)
                .set_tags(Some(tags.clone()))
                .send()
        })
        .await
    }

    /// iam:PutUserPermissionsBoundary.
    pub async fn put_user_boundary(&self, name: &str, policy_arn: &str) -> CallResult<()> {
        self.send(Operation::PutUserPermissionsBoundary, |sdk| {
            sdk.iam
                .put_user_permissions_boundary()
                .user_name(name)
                .permissions_boundary(policy_arn)
                .send()
        })
        .await
    }

    /// iam:AttachUserPolicy.
    pub async fn attach_user_policy(&self, name: &str, policy_arn: &str) -> CallResult<()> {
        self.send(Operation::AttachUserPolicy, |sdk| {
            sdk.iam
                .attach_user_policy()
                .user_name(name)
                .policy_arn(policy_arn)
                .send()
        })
        .await
    }

    /// iam:PutUserPolicy.
    pub async fn put_user_policy(
        &self,
        name: &str,
        policy: &str,
        document: &Value,
    ) -> CallResult<()> {
        self.send(Operation::PutUserPolicy, |sdk| {
            sdk.iam
                .put_user_policy()
                .user_name(name)
                .policy_name(policy)
                .policy_document(document.to_string())
                .send()
        })
        .await
    }

    /// iam:GetAccountPasswordPolicy: the shortest password that it allows; `None` where the account has no such policy.
    pub async fn shortest_password(&self) -> CallResult<Option<u32>> {
        self.call_reading(
            Operation::GetAccountPasswordPolicy,
            |sdk| sdk.iam.get_account_password_policy().send(),
            |answer| match answer {
                Ok(answer) => Ok(answer
                    .password_policy()
                    .and_then(|policy| policy.minimum_password_length())
                    .and_then(|length| u32::try_from(length).ok())),
                Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
        )
        .await
    }

    /// iam:CreateLoginProfile; another password has to be chosen at the first sign-in.
    pub async fn create_login_profile(
        &self,
        name: &str,
        password: &SecretString,
    ) -> CallResult<()> {
        self.send(Operation::CreateLoginProfile, |sdk| {
            sdk.iam
                .create_login_profile()
                .user_name(name)
                .password(password.expose_secret())
                .password_reset_required(true)
                .send()
        })
        .await
    }

    /// iam:UpdateLoginProfile, likewise.
    pub async fn update_login_profile(
        &self,
        name: &str,
        password: &SecretString,
    ) -> CallResult<()> {
        self.send(Operation::UpdateLoginProfile, |sdk| {
            sdk.iam
                .update_login_profile()
                .user_name(name)
                .password(password.expose_secret())
                .password_reset_required(true)
                .send()
        })
        .await
    }

    /// iam:DeleteLoginProfile.
    pub async fn delete_login_profile(&self, name: &str) -> CallResult<()> {
        self.send(Operation::DeleteLoginProfile, |sdk| {
            sdk.iam.delete_login_profile().user_name(name).send()
        })
        .await
    }

    /// iam:CreateAccessKey.
    pub async fn create_access_key(&self, name: &str) -> CallResult<AccessKey> {
        self.call_reading(
            Operation::CreateAccessKey,
            |sdk| sdk.iam.create_access_key().user_name(name).send(),
            |answer| {
                let answer = answer?;
                // Without it, a key may be there whose secret nobody knows.
                let key = answer.access_key().ok_or_else(|| {
                    let message = "the answer has no key";
                    CloudError::new(
                        Operation::CreateAccessKey,
                        ErrorKind::Ambiguous,
                        "UnreadableAnswer",
                        message,
                    )
                })?;
                Ok(AccessKey {
                    id: key.access_key_id().to_owned(),
                    secret: key.secret_access_key().into(),
                })
            },
        )
        .await
    }

    /// The ids of what a user has of a kind (iam:ListAccessKeys, iam:ListMFADevices, …): the first page, which holds
    /// more than a user may have.
    pub async fn user_parts(&self, name: &str, part: UserPart) -> CallResult<Vec<String>> {
        let owned = |text: &str| text.to_owned();
        // The SDK gives each listing types of its own.
        macro_rules! list {
            ($operation:ident, $request:ident $(.$option:ident($value:expr))*, $items:ident, $id:expr) => {
                self.call(Operation::$operation, |sdk| {
                    sdk.iam.$request().user_name(name)$(.$option($value))*.send()
                })
                .await?
                .$items()
                .iter()
                .filter_map($id)
                .collect()
            };
        }
        Ok(match part {
            UserPart::AccessKey => list!(
                ListAccessKeys,
                list_access_keys.max_items(PAGE),
                access_key_metadata,
                |key| key.access_key_id().map(owned)
            ),
            UserPart::Group => list!(
                ListGroupsForUser,
                list_groups_for_user.max_items(PAGE),
                groups,
                |group| Some(owned(group.group_name()))
            ),
            UserPart::AttachedPolicy => list!(
                ListAttachedUserPolicies,
                list_attached_user_policies.max_items(PAGE),
                attached_policies,
                |policy| policy.policy_arn().map(owned)
            ),
            UserPart::InlinePolicy => list!(
                ListUserPolicies,
                list_user_policies.max_items(PAGE),
                policy_names,
                |policy| Some(owned(policy))
            ),
            UserPart::MfaDevice => list!(
                ListMfaDevices,
                list_mfa_devices.max_items(PAGE),
                mfa_devices,
                |device| Some(owned(device.serial_number()))
            ),
            UserPart::SigningCertificate => list!(
                ListSigningCertificates,
                list_signing_certificates.max_items(PAGE),
                certificates,
                |certificate| Some(owned(certificate.certificate_id()))
            ),
            UserPart::SshPublicKey => list!(
                ListSshPublicKeys,
                list_ssh_public_keys.max_items(PAGE),
                ssh_public_keys,
                |key| Some(owned(key.ssh_public_key_id()))
            ),
            UserPart::ServiceCredential => list!(
                ListServiceSpecificCredentials,
                list_service_specific_credentials,
                service_specific_credentials,
                |credential| Some(owned(credential.service_specific_credential_id()))
            ),
        })
    }

    /// Takes one of them from the user: iam:DeleteAccessKey, iam:DeactivateMFADevice, …
    pub async fn remove_user_part(&self, name: &str, part: UserPart, id: &str) -> CallResult<()> {
        macro_rules! remove {
            ($operation:ident, $request:ident, $id:ident) => {
                self.send(Operation::$operation, |sdk| {
                    sdk.iam.$request().user_name(name).$id(id).send()
                })
                .await
            };
        }
        match part {
            UserPart::AccessKey => remove!(DeleteAccessKey, delete_access_key, access_key_id),
            UserPart::Group => remove!(RemoveUserFromGroup, remove_user_from_group, group_name),
            UserPart::AttachedPolicy => remove!(DetachUserPolicy, detach_user_policy, policy_arn),
            UserPart::InlinePolicy => remove!(DeleteUserPolicy, delete_user_policy, policy_name),
            UserPart::MfaDevice => {
                remove!(DeactivateMfaDevice, deactivate_mfa_device, serial_number)
            }
            UserPart::SigningCertificate => remove!(
                DeleteSigningCertificate,
                delete_signing_certificate,
                certificate_id
            ),
            UserPart::SshPublicKey => {
                remove!(DeleteSshPublicKey, delete_ssh_public_key, ssh_public_key_id)
            }
            UserPart::ServiceCredential => remove!(
                DeleteServiceSpecificCredential,
                delete_service_specific_credential,
                service_specific_credential_id
            ),
        }
    }

    /// iam:DeleteVirtualMFADevice.
    pub async fn delete_virtual_mfa_device(&self, serial: &str) -> CallResult<()> {
        self.send(Operation::DeleteVirtualMfaDevice, |sdk| {
            sdk.iam
                .delete_virtual_mfa_device()
                .serial_number(serial)
                .send()
        })
        .await
    }

    /// iam:DeleteUser.
    pub async fn delete_user(&self, name: &str) -> CallResult<()> {
        self.send(Operation::DeleteUser, |sdk| {
            sdk.iam.delete_user().user_name(name).send()
        })
        .await
    }
}

pub(super) fn actual(user: &UserDetail) -> Seen {
    Seen {
        name: user.user_name().unwrap_or_default().to_owned(),
        path: user.path().unwrap_or("/").to_owned(),
        tags: tags(user.tags()),
        inline: user
            .user_policy_list()
            .iter()
            .filter_map(|policy| policy.policy_name().map(str::to_owned))
            .collect(),
        attached: user
            .attached_managed_policies()
            .iter()
            .filter_map(|policy| policy.policy_arn().map(str::to_owned))
            .collect(),
        groups: user.group_list().to_vec(),
        boundary: user
            .permissions_boundary()
            .and_then(|boundary| boundary.permissions_boundary_arn())
            .map(str::to_owned),
    }
}
