//! IAM: users with everything that they may have. Sources of limits and messages: IAM API reference, and "IAM and AWS STS quotas".

use std::collections::BTreeMap;
use std::time::Duration;

use homeroom::strict::{Refusal, Request};
use tokio::time::Instant;

use super::ACCOUNT;
use super::answer::escape;
use super::iam::{document, encode, list, missing, tag_list, tags_of};
use super::iam_logins::Login;
use super::iam_policies::Policy;
use super::world::World;

/// Managed policies that a user may have attached.
const ATTACHED_MAX: usize = 10;
/// Inline policies of a user: characters, all together.
const INLINE_MAX: usize = 2048;
const KEYS_MAX: usize = 2;
const TAGS_MAX: usize = 50;

/// What the account holds of users and policies, and its settings for them.
#[derive(Debug, Clone)]
pub(super) struct Principals {
    pub(super) users: BTreeMap<String, User>,
    /// By name: IAM keeps names unique whatever their path.
    pub(super) policies: BTreeMap<String, Policy>,
    /// Virtual MFA devices, whoever has them.
    pub(super) virtual_mfa: Vec<String>,
    pub(super) users_quota: usize,
    pub(super) policies_quota: usize,
    /// Shortest password of the account's password policy, which asks for every kind of character as well.
    pub(super) shortest_password: Option<usize>,
    /// How long it takes until what was made shows up where it is looked for.
    pub(super) lag: Duration,
    /// How long a new login profile cannot be changed.
    pub(super) login_settles: Duration,
}

impl Default for Principals {
    fn default() -> Self {
        Self {
            users: BTreeMap::new(),
            policies: BTreeMap::new(),
            virtual_mfa: Vec::new(),
            users_quota: 5000,
            policies_quota: 1500,
            shortest_password: None,
            lag: Duration::ZERO,
            // No figure of AWS's: users meet the error within a second or two.
            login_settles: Duration::from_secs(1),
        }
    }
}

/// What IAM does not delete a user with, and no call of homeroom's makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// A virtual MFA device.
    VirtualMfa,
    /// A hardware MFA device.
    HardwareMfa,
    /// A security key: its serial number is an ARN, too.
    SecurityKey,
    /// A signing certificate.
    Certificate,
    /// An SSH public key.
    SshKey,
    /// A credential for one service.
    ServiceCredential,
    /// A group.
    Group,
}

impl Extra {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::VirtualMfa,
        Self::HardwareMfa,
        Self::SecurityKey,
        Self::Certificate,
        Self::SshKey,
        Self::ServiceCredential,
        Self::Group,
    ];
}

#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) name: String,
    path: String,
    tags: BTreeMap<String, String>,
    pub(super) boundary: Option<String>,
    inline: BTreeMap<String, String>,
    pub(super) attached: Vec<String>,
    groups: Vec<String>,
    pub(super) login: Option<Login>,
    /// Id and secret.
    pub(super) keys: Vec<(String, String)>,
    mfa: Vec<String>,
    certificates: Vec<String>,
    ssh_keys: Vec<String>,
    service_credentials: Vec<String>,
    shows_from: Instant,
}

pub(super) fn refuse<T>(status: u16, code: &str, message: impl AsRef<str>) -> Result<T, Refusal> {
    Err(Refusal::new(status, code, message.as_ref()))
}

pub(super) fn quota<T>(name: &str, figure: usize) -> Result<T, Refusal> {
    let message = format!("Cannot exceed quota for {name}: {figure}");
    refuse(409, "LimitExceeded", message)
}

/// Names and paths, as their patterns in the API reference say.
pub(super) fn checked<'a>(
    request: &'a Request,
    what: &str,
    max: usize,
) -> Result<&'a str, Refusal> {
    let name = request.text(what);
    let usual = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.is_empty() || name.len() > max || !name.chars().all(usual) {
        let message = format!("Value '{name}' at '{what}' failed to satisfy constraint");
        return refuse(400, "ValidationError", message);
    }
    Ok(name)
}

pub(super) fn path_of(request: &Request) -> Result<String, Refusal> {
    let path = match request.text("Path") {
        "" => "/",
        path => path,
    };
    if !path.starts_with('/') || !path.ends_with('/') || path.len() > 512 {
        return refuse(
            400,
            "ValidationError",
            "The specified value for path is invalid.",
        );
    }
    Ok(path.to_owned())
}

fn checked_tags(request: &Request) -> Result<BTreeMap<String, String>, Refusal> {
    let tags = tags_of(request);
    let usual = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
    let fits = |text: &str, max: usize| text.chars().count() <= max && text.chars().all(usual);
    for (key, value) in &tags {
        if key.is_empty() || key.starts_with("aws:") || !fits(key, 128) || !fits(value, 256) {
            return refuse(
                400,
                "ValidationError",
                format!("tag {key} is not as tags are"),
            );
        }
    }
    Ok(tags)
}

/// Takes one entry out of a list.
fn take(entries: &mut Vec<String>, id: &str, what: &str) -> Result<String, Refusal> {
    let at = entries.iter().position(|entry| entry == id);
    entries.remove(at.ok_or_else(|| missing(&format!("The {what} with id {id}")))?);
    Ok(String::new())
}

pub(super) fn boundary_xml(boundary: Option<&String>) -> String {
    boundary.map_or_else(String::new, |arn| {
        format!(
            "<PermissionsBoundary><PermissionsBoundaryType>Policy</PermissionsBoundaryType><PermissionsBoundaryArn>{arn}</PermissionsBoundaryArn></PermissionsBoundary>"
        )
    })
}

pub(super) fn inline_xml(name: &str, inline: &BTreeMap<String, String>) -> String {
    let members = inline.iter().map(|(name, document)| {
        format!(
            "<PolicyName>{name}</PolicyName><PolicyDocument>{}</PolicyDocument>",
            encode(document)
        )
    });
    list(name, members)
}

pub(super) fn attached_xml(name: &str, attached: &[String]) -> String {
    let members = attached.iter().map(|arn| {
        let name = arn.rsplit('/').next().unwrap_or_default();
        format!("<PolicyName>{name}</PolicyName><PolicyArn>{arn}</PolicyArn>")
    });
    list(name, members)
}

impl User {
    fn xml(&self) -> String {
        let (name, path) = (&self.name, &self.path);
        format!(
            "<Path>{path}</Path><UserName>{name}</UserName><UserId>AIDA{name}</UserId><Arn>arn:aws:iam::{ACCOUNT}:user{path}{name}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate>{}{}",
            boundary_xml(self.boundary.as_ref()),
            tag_list(&self.tags)
        )
    }

    fn detail(&self) -> String {
        format!(
            "{}{}{}{}",
            self.xml(),
            inline_xml("UserPolicyList", &self.inline),
            list("GroupList", self.groups.iter().cloned()),
            attached_xml("AttachedManagedPolicies", &self.attached)
        )
    }

    /// What stands in the way of its deletion, in AWS's words.
    fn left(&self) -> Option<&'static str> {
        let parts = [
            (self.login.is_none(), "must delete login profile first."),
            (self.keys.is_empty(), "must delete access keys first."),
            (self.attached.is_empty(), "must detach all policies first."),
            (self.inline.is_empty(), "must delete policies first."),
            (
                self.groups.is_empty(),
                "must remove users from group first.",
            ),
            (self.mfa.is_empty(), "must delete MFA device first."),
            (
                self.certificates.is_empty(),
                "must delete signing certificates first.",
            ),
            (
                self.ssh_keys.is_empty(),
                "must delete SSH public keys first.",
            ),
            (
                self.service_credentials.is_empty(),
                "must delete service specific credentials first.",
            ),
        ];
        parts
            .iter()
            .find(|(gone, _)| !gone)
            .map(|(_, words)| *words)
    }
}

impl World {
    /// Users and policies of a listing, each with its list's name.
    pub(super) fn listed_principals(&self, kinds: &[&str]) -> Vec<(&'static str, String)> {
        let asked = |kind: &str| kinds.is_empty() || kinds.contains(&kind);
        let now = self.now;
        let users = self.principals.users.values();
        let users = users.filter(|user| asked("User") && user.shows_from <= now);
        let policies = self.principals.policies.values();
        let policies =
            policies.filter(|policy| asked("LocalManagedPolicy") && policy.shows_from <= now);
        users
            .map(|user| ("UserDetailList", user.detail()))
            .chain(policies.map(|policy| ("Policies", self.policy_detail(policy))))
            .collect()
    }

    pub(super) fn user(&mut self, request: &Request) -> Result<&mut User, Refusal> {
        let (name, now) = (request.text("UserName"), self.now);
        let user = self.principals.users.get_mut(name);
        user.filter(|user| user.shows_from <= now)
            .ok_or_else(|| missing(&format!("The user with name {name}")))
    }

    pub(super) fn iam_users(&mut self, name: &str, request: &Request) -> Result<String, Refusal> {
        if name.contains("LoginProfile") || name == "GetAccountPasswordPolicy" {
            return self.login(name, request);
        }
        if let Some(done) = self.iam_policies(name, request) {
            return done;
        }
        let nothing = String::new();
        Ok(match name {
            "SimulatePrincipalPolicy" => self.simulate(request)?,
            "CreateUser" => self.create_user(request)?,
            "GetUser" => format!("<User>{}</User>", self.user(request)?.xml()),
            "TagUser" => {
                let tags = checked_tags(request)?;
                let user = self.user(request)?;
                user.tags.extend(tags);
                if user.tags.len() > TAGS_MAX {
                    return quota("TagsPerUser", TAGS_MAX);
                }
                nothing
            }
            "PutUserPermissionsBoundary" => {
                self.user(request)?;
                let arn = self.attachable(request.text("PermissionsBoundary"))?;
                self.user(request)?.boundary = Some(arn);
                nothing
            }
            "AttachUserPolicy" => {
                self.user(request)?;
                let arn = self.attachable(request.text("PolicyArn"))?;
                let attached = &mut self.user(request)?.attached;
                if !attached.contains(&arn) {
                    if attached.len() >= ATTACHED_MAX {
                        return quota("PoliciesPerUser", ATTACHED_MAX);
                    }
                    attached.push(arn);
                }
                nothing
            }
            "PutUserPolicy" => {
                let name = checked(request, "PolicyName", 128)?;
                let policy = document(request.text("PolicyDocument"), INLINE_MAX)?;
                let inline = &mut self.user(request)?.inline;
                let others = inline.iter().filter(|(other, _)| *other != name);
                let total: usize = others.map(|(_, text)| text.len()).sum();
                if total + policy.len() > INLINE_MAX {
                    let message = format!("Maximum policy size of {INLINE_MAX} bytes exceeded");
                    return refuse(409, "LimitExceeded", message);
                }
                inline.insert(name.to_owned(), policy);
                nothing
            }
            "DeleteUserPolicy" => {
                let name = request.text("PolicyName");
                let removed = self.user(request)?.inline.remove(name);
                removed.ok_or_else(|| missing(&format!("The user policy with name {name}")))?;
                nothing
            }
            "CreateAccessKey" => {
                let id = self.id();
                let user = self.user(request)?;
                if user.keys.len() >= KEYS_MAX {
                    return quota("AccessKeysPerUser", KEYS_MAX);
                }
                let (id, secret) = (format!("AKIA{id}"), format!("secret/of+{id}"));
                user.keys.push((id.clone(), secret.clone()));
                format!(
                    "<AccessKey><UserName>{}</UserName><AccessKeyId>{id}</AccessKeyId><Status>Active</Status><SecretAccessKey>{secret}</SecretAccessKey></AccessKey>",
                    user.name
                )
            }
            "DeleteAccessKey" => {
                let id = request.text("AccessKeyId");
                let keys = &mut self.user(request)?.keys;
                let at = keys.iter().position(|(key, _)| key == id);
                keys.remove(at.ok_or_else(|| missing(&format!("The Access Key with id {id}")))?);
                nothing
            }
            "DeleteUser" => {
                let user = self.user(request)?;
                if let Some(words) = user.left() {
                    let message = format!("Cannot delete entity, {words}");
                    return refuse(409, "DeleteConflict", message);
                }
                let name = user.name.clone();
                self.principals.users.remove(&name);
                nothing
            }
            "DeleteVirtualMFADevice" => {
                let serial = request.text("SerialNumber").to_owned();
                let mut users = self.principals.users.values();
                if users.any(|user| user.mfa.contains(&serial)) {
                    let words = "MFA VirtualDevice in use. Must deactivate first.";
                    return refuse(409, "DeleteConflict", words);
                }
                take(
                    &mut self.principals.virtual_mfa,
                    &serial,
                    "virtual MFA device",
                )?
            }
            listing if listing.starts_with("List") => self.list_parts(listing, request)?,
            part => self.remove_part(part, request)?,
        })
    }

    fn list_parts(&mut self, name: &str, request: &Request) -> Result<String, Refusal> {
        let user = self.user(request)?;
        // `member` elements with the one field that names the entry, and those that must be there.
        let wrapped = |list_name: &str, field: &str, more: &str, ids: &[String]| {
            let members = ids.iter().map(|id| {
                let id = escape(id);
                format!("<UserName>u</UserName><{field}>{id}</{field}>{more}")
            });
            list(list_name, members)
        };
        let ids: Vec<String> = user.keys.iter().map(|(id, _)| id.clone()).collect();
        let dated = "<CreateDate>2026-01-01T00:00:00Z</CreateDate><Status>Active</Status>";
        let listed = match name {
            "ListAccessKeys" => wrapped("AccessKeyMetadata", "AccessKeyId", dated, &ids),
            "ListAttachedUserPolicies" => attached_xml("AttachedPolicies", &user.attached),
            "ListUserPolicies" => list("PolicyNames", user.inline.keys().cloned()),
            "ListGroupsForUser" => wrapped(
                "Groups",
                "GroupName",
                "<Path>/</Path><GroupId>AGPA</GroupId><Arn>arn</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate>",
                &user.groups,
            ),
            "ListMFADevices" => wrapped(
                "MFADevices",
                "SerialNumber",
                "<EnableDate>2026-01-01T00:00:00Z</EnableDate>",
                &user.mfa,
            ),
            "ListSigningCertificates" => wrapped(
                "Certificates",
                "CertificateId",
                "<CertificateBody>b</CertificateBody><Status>Active</Status>",
                &user.certificates,
            ),
            "ListSSHPublicKeys" => wrapped(
                "SSHPublicKeys",
                "SSHPublicKeyId",
                "<Status>Active</Status><UploadDate>2026-01-01T00:00:00Z</UploadDate>",
                &user.ssh_keys,
            ),
            "ListServiceSpecificCredentials" => {
                let more = format!(
                    "{dated}<ServiceName>codecommit.amazonaws.com</ServiceName><ServiceUserName>n</ServiceUserName>"
                );
                wrapped(
                    "ServiceSpecificCredentials",
                    "ServiceSpecificCredentialId",
                    &more,
                    &user.service_credentials,
                )
            }
            _ => panic!("IAM here knows no {name}"),
        };
        Ok(format!("{listed}<IsTruncated>false</IsTruncated>"))
    }

    fn remove_part(&mut self, name: &str, request: &Request) -> Result<String, Refusal> {
        let user = self.user(request)?;
        let text = |field: &str| request.text(field);
        match name {
            "DetachUserPolicy" => take(&mut user.attached, text("PolicyArn"), "policy"),
            "RemoveUserFromGroup" => take(&mut user.groups, text("GroupName"), "group"),
            "DeactivateMFADevice" => take(&mut user.mfa, text("SerialNumber"), "MFA device"),
            "DeleteSigningCertificate" => {
                let id = text("CertificateId");
                take(&mut user.certificates, id, "certificate")
            }
            "DeleteSSHPublicKey" => {
                let id = text("SSHPublicKeyId");
                take(&mut user.ssh_keys, id, "SSH public key")
            }
            "DeleteServiceSpecificCredential" => {
                let id = text("ServiceSpecificCredentialId");
                take(&mut user.service_credentials, id, "credential")
            }
            _ => panic!("IAM here knows no {name}"),
        }
    }

    fn create_user(&mut self, request: &Request) -> Result<String, Refusal> {
        let name = checked(request, "UserName", 64)?;
        let mut known = self.principals.users.keys();
        if known.any(|known| known.eq_ignore_ascii_case(name)) {
            let message = format!("User with name {name} already exists.");
            return refuse(409, "EntityAlreadyExists", message);
        }
        if self.principals.users.len() >= self.principals.users_quota {
            return quota("UsersPerAccount", self.principals.users_quota);
        }
        let user = User {
            name: name.to_owned(),
            path: path_of(request)?,
            tags: checked_tags(request)?,
            boundary: match request.text("PermissionsBoundary") {
                "" => None,
                arn => Some(self.attachable(arn)?),
            },
            inline: BTreeMap::new(),
            attached: Vec::new(),
            groups: Vec::new(),
            login: None,
            keys: Vec::new(),
            mfa: Vec::new(),
            certificates: Vec::new(),
            ssh_keys: Vec::new(),
            service_credentials: Vec::new(),
            shows_from: self.now + self.principals.lag,
        };
        let xml = format!("<User>{}</User>", user.xml());
        self.principals.users.insert(name.to_owned(), user);
        Ok(xml)
    }

    /// Gives a user what only its owner or an administrator could.
    pub(super) fn give(&mut self, name: &str, extra: Extra) {
        let id = self.id();
        let user = self.principals.users.get_mut(name);
        let user = user.expect("a test gives something to a user who is there");
        match extra {
            Extra::VirtualMfa => {
                let serial = format!("arn:aws:iam::{ACCOUNT}:mfa/{name}");
                self.principals.virtual_mfa.push(serial.clone());
                user.mfa.push(serial);
            }
            Extra::HardwareMfa => user.mfa.push(format!("GAHT{id}")),
            Extra::SecurityKey => {
                let serial = format!("arn:aws:iam::{ACCOUNT}:u2f/user/{name}/key-{id}");
                user.mfa.push(serial);
            }
            Extra::Certificate => user.certificates.push(format!("CERT{id}CERT{id}CERT")),
            Extra::SshKey => user.ssh_keys.push(format!("APKA{id}APKA{id}")),
            Extra::ServiceCredential => user.service_credentials.push(format!("ACCA{id}ACCA{id}")),
            Extra::Group => user.groups.push(format!("group-{id}")),
        }
    }
}
