//! IAM: users and everything that they may have.

use aws_sdk_iam::Client;
use aws_sdk_iam::types::UserDetail;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::cloud::errors::call;
use crate::domain::credentials::AccessKey;
use crate::domain::operation::Operation;
use crate::domain::ownership::Tags;
use crate::domain::resources::user::Actual;
use crate::engine::port::{CloudError, CloudResult, ErrorKind, RoleHead, UserPart};

use super::{tag_list, tags};

/// Entries a page at most. Source: IAM API reference, `MaxItems`.
const PAGE: i32 = 1000;

pub(super) fn actual(user: &UserDetail) -> Actual {
    Actual {
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

pub(in crate::cloud) async fn get_user(client: &Client, name: &str) -> CloudResult<RoleHead> {
    let answer = call(Operation::GetUser, client.get_user().user_name(name).send()).await?;
    let user = answer.user();
    Ok(RoleHead {
        path: user.map_or("/", |user| user.path()).to_owned(),
        tags: user.map(|user| tags(user.tags())).unwrap_or_default(),
    })
}

pub(in crate::cloud) async fn create_user(
    client: &Client,
    name: &str,
    path: &str,
    boundary_arn: &str,
    tags: &Tags,
) -> CloudResult<()> {
    let tags = tag_list(Operation::CreateUser, tags)?;
    call(
        Operation::CreateUser,
        client
            .create_user()
            .user_name(name)
            .path(path)
            .permissions_boundary(boundary_arn)
            .set_tags(Some(tags))
            .send(),
    )
    .await?;
    Ok(())
}

pub(in crate::cloud) async fn tag_user(
    client: &Client,
    name: &str,
    tags: &Tags,
) -> CloudResult<()> {
    let tags = tag_list(Operation::TagUser, tags)?;
    let request = client.tag_user().user_name(name).set_tags(Some(tags));
    call(Operation::TagUser, request.send()).await?;
    Ok(())
}

pub(in crate::cloud) async fn put_user_boundary(
    client: &Client,
    name: &str,
    policy_arn: &str,
) -> CloudResult<()> {
    let request = client
        .put_user_permissions_boundary()
        .user_name(name)
        .permissions_boundary(policy_arn);
    call(Operation::PutUserPermissionsBoundary, request.send()).await?;
    Ok(())
}

pub(in crate::cloud) async fn attach_user_policy(
    client: &Client,
    name: &str,
    policy_arn: &str,
) -> CloudResult<()> {
    let request = client.attach_user_policy().user_name(name);
    let request = request.policy_arn(policy_arn);
    call(Operation::AttachUserPolicy, request.send()).await?;
    Ok(())
}

pub(in crate::cloud) async fn put_user_policy(
    client: &Client,
    name: &str,
    policy: &str,
    document: &Value,
) -> CloudResult<()> {
    let request = client
        .put_user_policy()
        .user_name(name)
        .policy_name(policy)
        .policy_document(document.to_string());
    call(Operation::PutUserPolicy, request.send()).await?;
    Ok(())
}

pub(in crate::cloud) async fn shortest_password(client: &Client) -> CloudResult<Option<u32>> {
    let request = client.get_account_password_policy();
    match call(Operation::GetAccountPasswordPolicy, request.send()).await {
        Ok(answer) => Ok(answer
            .password_policy()
            .and_then(|policy| policy.minimum_password_length())
            .and_then(|length| u32::try_from(length).ok())),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(in crate::cloud) async fn create_login_profile(
    client: &Client,
    name: &str,
    password: &SecretString,
) -> CloudResult<()> {
    let request = client
        .create_login_profile()
        .user_name(name)
        .password(password.expose_secret())
        .password_reset_required(true);
    call(Operation::CreateLoginProfile, request.send()).await?;
    Ok(())
}

pub(in crate::cloud) async fn update_login_profile(
    client: &Client,
    name: &str,
    password: &SecretString,
) -> CloudResult<()> {
    let request = client
        .update_login_profile()
        .user_name(name)
        .password(password.expose_secret())
        .password_reset_required(true);
    call(Operation::UpdateLoginProfile, request.send()).await?;
    Ok(())
}

pub(in crate::cloud) async fn delete_login_profile(client: &Client, name: &str) -> CloudResult<()> {
    let request = client.delete_login_profile().user_name(name);
    call(Operation::DeleteLoginProfile, request.send()).await?;
    Ok(())
}

pub(in crate::cloud) async fn create_access_key(
    client: &Client,
    name: &str,
) -> CloudResult<AccessKey> {
    let request = client.create_access_key().user_name(name);
    let answer = call(Operation::CreateAccessKey, request.send()).await?;
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
}

pub(in crate::cloud) async fn user_parts(
    client: &Client,
    name: &str,
    part: UserPart,
) -> CloudResult<Vec<String>> {
    let operation = part.listed_by();
    let owned = |text: &str| text.to_owned();
    Ok(match part {
        UserPart::AccessKey => {
            let request = client.list_access_keys().user_name(name).max_items(PAGE);
            let answer = call(operation, request.send()).await?;
            let keys = answer.access_key_metadata().iter();
            keys.filter_map(|key| key.access_key_id().map(owned))
                .collect()
        }
        UserPart::Group => {
            let request = client
                .list_groups_for_user()
                .user_name(name)
                .max_items(PAGE);
            let answer = call(operation, request.send()).await?;
            let groups = answer.groups().iter();
            groups.map(|group| owned(group.group_name())).collect()
        }
        UserPart::AttachedPolicy => {
            let request = client.list_attached_user_policies().user_name(name);
            let answer = call(operation, request.max_items(PAGE).send()).await?;
            let policies = answer.attached_policies().iter();
            policies
                .filter_map(|policy| policy.policy_arn().map(owned))
                .collect()
        }
        UserPart::InlinePolicy => {
            let request = client.list_user_policies().user_name(name).max_items(PAGE);
            call(operation, request.send()).await?.policy_names
        }
        UserPart::MfaDevice => {
            let request = client.list_mfa_devices().user_name(name).max_items(PAGE);
            let answer = call(operation, request.send()).await?;
            let devices = answer.mfa_devices().iter();
            devices
                .map(|device| owned(device.serial_number()))
                .collect()
        }
        UserPart::SigningCertificate => {
            let request = client.list_signing_certificates().user_name(name);
            let answer = call(operation, request.max_items(PAGE).send()).await?;
            let certificates = answer.certificates().iter();
            certificates
                .map(|one| owned(one.certificate_id()))
                .collect()
        }
        UserPart::SshPublicKey => {
            let request = client
                .list_ssh_public_keys()
                .user_name(name)
                .max_items(PAGE);
            let answer = call(operation, request.send()).await?;
            let keys = answer.ssh_public_keys().iter();
            keys.map(|key| owned(key.ssh_public_key_id())).collect()
        }
        UserPart::ServiceCredential => {
            let request = client.list_service_specific_credentials().user_name(name);
            let answer = call(operation, request.send()).await?;
            let credentials = answer.service_specific_credentials().iter();
            credentials
                .map(|one| owned(one.service_specific_credential_id()))
                .collect()
        }
    })
}

pub(in crate::cloud) async fn remove_user_part(
    client: &Client,
    name: &str,
    part: UserPart,
    id: &str,
) -> CloudResult<()> {
    let operation = part.removed_by();
    match part {
        UserPart::AccessKey => {
            let request = client.delete_access_key().user_name(name).access_key_id(id);
            call(operation, request.send()).await.map(drop)
        }
        UserPart::Group => {
            let request = client
                .remove_user_from_group()
                .user_name(name)
                .group_name(id);
            call(operation, request.send()).await.map(drop)
        }
        UserPart::AttachedPolicy => {
            let request = client.detach_user_policy().user_name(name).policy_arn(id);
            call(operation, request.send()).await.map(drop)
        }
        UserPart::InlinePolicy => {
            let request = client.delete_user_policy().user_name(name).policy_name(id);
            call(operation, request.send()).await.map(drop)
        }
        UserPart::MfaDevice => {
            let request = client.deactivate_mfa_device().user_name(name);
            call(operation, request.serial_number(id).send())
                .await
                .map(drop)
        }
        UserPart::SigningCertificate => {
            let request = client.delete_signing_certificate().user_name(name);
            call(operation, request.certificate_id(id).send())
                .await
                .map(drop)
        }
        UserPart::SshPublicKey => {
            let request = client.delete_ssh_public_key().user_name(name);
            call(operation, request.ssh_public_key_id(id).send())
                .await
                .map(drop)
        }
        UserPart::ServiceCredential => {
            let request = client.delete_service_specific_credential().user_name(name);
            call(operation, request.service_specific_credential_id(id).send())
                .await
                .map(drop)
        }
    }
}

pub(in crate::cloud) async fn delete_virtual_mfa_device(
    client: &Client,
    serial: &str,
) -> CloudResult<()> {
    let request = client.delete_virtual_mfa_device().serial_number(serial);
    call(Operation::DeleteVirtualMfaDevice, request.send()).await?;
    Ok(())
}

pub(in crate::cloud) async fn delete_user(client: &Client, name: &str) -> CloudResult<()> {
    let request = client.delete_user().user_name(name);
    call(Operation::DeleteUser, request.send()).await?;
    Ok(())
}
