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

/// What IAM does not delete a user with.
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
        self.call(Operation::CreateUser, |sdk| {
            sdk.iam
                .create_user()
                .user_name(name)
                .path(path)
                .permissions_boundary(boundary_arn)
                .set_tags(Some(tags.clone()))
                .send()
        })
        .await?;
        Ok(())
    }

    /// iam:TagUser.
    pub async fn tag_user(&self, name: &str, tags: &Tags) -> CallResult<()> {
        let tags = tag_list(Operation::TagUser, tags)?;
        self.call(Operation::TagUser, |sdk| {
            sdk.iam
                .tag_user()
                .user_name(name)
                .set_tags(Some(tags.clone()))
                .send()
        })
        .await?;
        Ok(())
    }

    /// iam:PutUserPermissionsBoundary.
    pub async fn put_user_boundary(&self, name: &str, policy_arn: &str) -> CallResult<()> {
        self.call(Operation::PutUserPermissionsBoundary, |sdk| {
            sdk.iam
                .put_user_permissions_boundary()
                .user_name(name)
                .permissions_boundary(policy_arn)
                .send()
        })
        .await?;
        Ok(())
    }

    /// iam:AttachUserPolicy.
    pub async fn attach_user_policy(&self, name: &str, policy_arn: &str) -> CallResult<()> {
        self.call(Operation::AttachUserPolicy, |sdk| {
            sdk.iam
                .attach_user_policy()
                .user_name(name)
                .policy_arn(policy_arn)
                .send()
        })
        .await?;
        Ok(())
    }

    /// iam:PutUserPolicy.
    pub async fn put_user_policy(
        &self,
        name: &str,
        policy: &str,
        document: &Value,
    ) -> CallResult<()> {
        self.call(Operation::PutUserPolicy, |sdk| {
            sdk.iam
                .put_user_policy()
                .user_name(name)
                .policy_name(policy)
                .policy_document(document.to_string())
                .send()
        })
        .await?;
        Ok(())
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
        self.call(Operation::CreateLoginProfile, |sdk| {
            sdk.iam
                .create_login_profile()
                .user_name(name)
                .password(password.expose_secret())
                .password_reset_required(true)
                .send()
        })
        .await?;
        Ok(())
    }

    /// iam:UpdateLoginProfile, likewise.
    pub async fn update_login_profile(
        &self,
        name: &str,
        password: &SecretString,
    ) -> CallResult<()> {
        self.call(Operation::UpdateLoginProfile, |sdk| {
            sdk.iam
                .update_login_profile()
                .user_name(name)
                .password(password.expose_secret())
                .password_reset_required(true)
                .send()
        })
        .await?;
        Ok(())
    }

    /// iam:DeleteLoginProfile.
    pub async fn delete_login_profile(&self, name: &str) -> CallResult<()> {
        self.call(Operation::DeleteLoginProfile, |sdk| {
            sdk.iam.delete_login_profile().user_name(name).send()
        })
        .await?;
        Ok(())
    }

    /// iam:CreateAccessKey.
    pub async fn create_access_key(&self, name: &str) -> CallResult<AccessKey> {
        self.call_reading(
            Operation::CreateAccessKey,
            |sdk| sdk.iam.create_access_key().user_name(name).send(),
            |answer| {
                let answer = answer?;
                let key = answer.access_key().ok_or_else(|| CloudError {
                    operation: Operation::CreateAccessKey,
                    // A key may be there now, and nobody knows its secret.
                    kind: ErrorKind::Ambiguous,
                    code: "UnreadableAnswer".to_owned(),
                    message: "the answer has no key".to_owned(),
                    request_id: None,
                })?;
                Ok(AccessKey {
                    id: key.access_key_id().to_owned(),
                    secret: key.secret_access_key().into(),
                })
            },
        )
        .await
    }

    /// What a user has of a kind, by id: iam:ListAccessKeys, iam:ListMFADevices, … (see [`UserPart`]); the first page,
    /// which holds more than a user may have.
    pub async fn user_parts(&self, name: &str, part: UserPart) -> CallResult<Vec<String>> {
        let owned = |text: &str| text.to_owned();
        Ok(match part {
            UserPart::AccessKey => {
                let answer = self
                    .call(Operation::ListAccessKeys, |sdk| {
                        sdk.iam
                            .list_access_keys()
                            .user_name(name)
                            .max_items(PAGE)
                            .send()
                    })
                    .await?;
                let keys = answer.access_key_metadata().iter();
                keys.filter_map(|key| key.access_key_id().map(owned))
                    .collect()
            }
            UserPart::Group => {
                let answer = self
                    .call(Operation::ListGroupsForUser, |sdk| {
                        sdk.iam
                            .list_groups_for_user()
                            .user_name(name)
                            .max_items(PAGE)
                            .send()
                    })
                    .await?;
                let groups = answer.groups().iter();
                groups.map(|group| owned(group.group_name())).collect()
            }
            UserPart::AttachedPolicy => {
                let answer = self
                    .call(Operation::ListAttachedUserPolicies, |sdk| {
                        sdk.iam
                            .list_attached_user_policies()
                            .user_name(name)
                            .max_items(PAGE)
                            .send()
                    })
                    .await?;
                let policies = answer.attached_policies().iter();
                policies
                    .filter_map(|policy| policy.policy_arn().map(owned))
                    .collect()
            }
            UserPart::InlinePolicy => {
                self.call(Operation::ListUserPolicies, |sdk| {
                    sdk.iam
                        .list_user_policies()
                        .user_name(name)
                        .max_items(PAGE)
                        .send()
                })
                .await?
                .policy_names
            }
            UserPart::MfaDevice => {
                let answer = self
                    .call(Operation::ListMfaDevices, |sdk| {
                        sdk.iam
                            .list_mfa_devices()
                            .user_name(name)
                            .max_items(PAGE)
                            .send()
                    })
                    .await?;
                let devices = answer.mfa_devices().iter();
                devices
                    .map(|device| owned(device.serial_number()))
                    .collect()
            }
            UserPart::SigningCertificate => {
                let answer = self
                    .call(Operation::ListSigningCertificates, |sdk| {
                        sdk.iam
                            .list_signing_certificates()
                            .user_name(name)
                            .max_items(PAGE)
                            .send()
                    })
                    .await?;
                let certificates = answer.certificates().iter();
                certificates
                    .map(|one| owned(one.certificate_id()))
                    .collect()
            }
            UserPart::SshPublicKey => {
                let answer = self
                    .call(Operation::ListSshPublicKeys, |sdk| {
                        sdk.iam
                            .list_ssh_public_keys()
                            .user_name(name)
                            .max_items(PAGE)
                            .send()
                    })
                    .await?;
                let keys = answer.ssh_public_keys().iter();
                keys.map(|key| owned(key.ssh_public_key_id())).collect()
            }
            UserPart::ServiceCredential => {
                let answer = self
                    .call(Operation::ListServiceSpecificCredentials, |sdk| {
                        sdk.iam
                            .list_service_specific_credentials()
                            .user_name(name)
                            .send()
                    })
                    .await?;
                let credentials = answer.service_specific_credentials().iter();
                credentials
                    .map(|one| owned(one.service_specific_credential_id()))
                    .collect()
            }
        })
    }

    /// Takes one of them from the user: iam:DeleteAccessKey, iam:DeactivateMFADevice, …
    pub async fn remove_user_part(&self, name: &str, part: UserPart, id: &str) -> CallResult<()> {
        match part {
            UserPart::AccessKey => self
                .call(Operation::DeleteAccessKey, |sdk| {
                    sdk.iam
                        .delete_access_key()
                        .user_name(name)
                        .access_key_id(id)
                        .send()
                })
                .await
                .map(drop),
            UserPart::Group => self
                .call(Operation::RemoveUserFromGroup, |sdk| {
                    sdk.iam
                        .remove_user_from_group()
                        .user_name(name)
                        .group_name(id)
                        .send()
                })
                .await
                .map(drop),
            UserPart::AttachedPolicy => self
                .call(Operation::DetachUserPolicy, |sdk| {
                    sdk.iam
                        .detach_user_policy()
                        .user_name(name)
                        .policy_arn(id)
                        .send()
                })
                .await
                .map(drop),
            UserPart::InlinePolicy => self
                .call(Operation::DeleteUserPolicy, |sdk| {
                    sdk.iam
                        .delete_user_policy()
                        .user_name(name)
                        .policy_name(id)
                        .send()
                })
                .await
                .map(drop),
            UserPart::MfaDevice => self
                .call(Operation::DeactivateMfaDevice, |sdk| {
                    sdk.iam
                        .deactivate_mfa_device()
                        .user_name(name)
                        .serial_number(id)
                        .send()
                })
                .await
                .map(drop),
            UserPart::SigningCertificate => self
                .call(Operation::DeleteSigningCertificate, |sdk| {
                    sdk.iam
                        .delete_signing_certificate()
                        .user_name(name)
                        .certificate_id(id)
                        .send()
                })
                .await
                .map(drop),
            UserPart::SshPublicKey => self
                .call(Operation::DeleteSshPublicKey, |sdk| {
                    sdk.iam
                        .delete_ssh_public_key()
                        .user_name(name)
                        .ssh_public_key_id(id)
                        .send()
                })
                .await
                .map(drop),
            UserPart::ServiceCredential => self
                .call(Operation::DeleteServiceSpecificCredential, |sdk| {
                    sdk.iam
                        .delete_service_specific_credential()
                        .user_name(name)
                        .service_specific_credential_id(id)
                        .send()
                })
                .await
                .map(drop),
        }
    }

    /// iam:DeleteVirtualMFADevice.
    pub async fn delete_virtual_mfa_device(&self, serial: &str) -> CallResult<()> {
        self.call(Operation::DeleteVirtualMfaDevice, |sdk| {
            sdk.iam
                .delete_virtual_mfa_device()
                .serial_number(serial)
                .send()
        })
        .await?;
        Ok(())
    }

    /// iam:DeleteUser.
    pub async fn delete_user(&self, name: &str) -> CallResult<()> {
        self.call(Operation::DeleteUser, |sdk| {
            sdk.iam.delete_user().user_name(name).send()
        })
        .await?;
        Ok(())
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
