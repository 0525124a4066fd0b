//! IAM and STS: roles and the account; users and policies are in the file beside. Sources of limits and messages: IAM API reference and "IAM and AWS STS quotas".

use std::collections::BTreeMap;

use homeroom::strict::{Refusal, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::ACCOUNT;
use super::answer::{Answer, Body, escape};
use super::iam_users::{attached_xml, boundary_xml, inline_xml};
use super::world::World;

/// What RFC 3986 leaves unencoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[derive(Debug, Clone)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) path: String,
    trust: String,
    pub(super) inline: BTreeMap<String, String>,
    pub(super) attached: Vec<String>,
    pub(super) boundary: Option<String>,
    tags: BTreeMap<String, String>,
}

impl Role {
    fn arn(&self) -> String {
        format!("arn:aws:iam::{ACCOUNT}:role{}{}", self.path, self.name)
    }

    fn detail(&self) -> String {
        format!(
            "{}{}{}",
            self.xml(),
            inline_xml("RolePolicyList", &self.inline),
            attached_xml("AttachedManagedPolicies", &self.attached)
        )
    }

    fn xml(&self) -> String {
        format!(
            "<Path>{}</Path><RoleName>{}</RoleName><RoleId>AROA{}</RoleId><Arn>{}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate><AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument>{}{}",
            self.path,
            self.name,
            self.name,
            self.arn(),
            encode(&self.trust),
            boundary_xml(self.boundary.as_ref()),
            tag_list(&self.tags),
        )
    }
}

pub(super) fn tag_list(tags: &BTreeMap<String, String>) -> String {
    let members = tags
        .iter()
        .map(|(key, value)| format!("<Key>{}</Key><Value>{}</Value>", escape(key), escape(value)));
    list("Tags", members)
}

/// The tags that a request brings.
pub(super) fn tags_of(request: &Request) -> BTreeMap<String, String> {
    let keys = request.members("Tags", ".Key").into_iter();
    let values = request.members("Tags", ".Value").into_iter();
    keys.map(str::to_owned)
        .zip(values.map(str::to_owned))
        .collect()
}

pub(super) fn encode(document: &str) -> String {
    utf8_percent_encode(document, RESERVED).to_string()
}

pub(super) fn list(name: &str, members: impl Iterator<Item = String>) -> String {
    let members: String = members
        .map(|inner| format!("<member>{inner}</member>"))
        .collect();
    format!("<{name}>{members}</{name}>")
}

pub(super) fn missing(what: &str) -> Refusal {
    Refusal::new(404, "NoSuchEntity", &format!("{what} cannot be found."))
}

pub(super) fn document(text: &str, max: usize) -> Result<String, Refusal> {
    if serde_json::from_str::<serde_json::Value>(text).is_err() {
        return Err(Refusal::new(
            400,
            "MalformedPolicyDocument",
            "Syntax errors in policy.",
        ));
    }
    if text.chars().filter(|c| !c.is_whitespace()).count() > max {
        let message = format!("Cannot exceed quota for policy size: {max}");
        return Err(Refusal::new(409, "LimitExceeded", &message));
    }
    Ok(text.to_owned())
}

/// Whether a policy allows an action on everything.
fn allows(document: &str, action: &str) -> bool {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let statements = match &document["Statement"] {
        Value::Array(all) => all.iter().collect(),
        one => vec![one],
    };
    let has = |value: &Value, fits: &dyn Fn(&str) -> bool| match value {
        Value::Array(all) => all.iter().filter_map(Value::as_str).any(fits),
        one => one.as_str().is_some_and(fits),
    };
    let names = |pattern: &str| {
        let (pattern, action) = (pattern.to_lowercase(), action.to_lowercase());
        match pattern.strip_suffix('*') {
            Some(beginning) => action.starts_with(beginning),
            None => action == pattern,
        }
    };
    statements.into_iter().any(|statement| {
        statement["Effect"] == "Allow"
            && has(&statement["Action"], &names)
            && has(&statement["Resource"], &|resource| resource == "*")
    })
}

impl World {
    pub(super) fn iam(&mut self, name: &str, request: &Request) -> Answer {
        let role = request.text("RoleName");
        let xml = match name {
            "GetCallerIdentity" => format!(
                "<Arn>arn:aws:iam::{ACCOUNT}:user/instructor</Arn><UserId>AIDA</UserId><Account>{ACCOUNT}</Account>"
            ),
            "ListAccountAliases" => list("AccountAliases", ["classroom".to_owned()].into_iter()),
            "GetAccountSummary" => self.account_summary(),
            "GetAccountAuthorizationDetails" => self.authorization_details(request),
            "GetRole" => format!("<Role>{}</Role>", self.role(role)?.xml()),
            "CreateRole" => self.create_role(request)?,
            "UpdateAssumeRolePolicy" => {
                let trust = document(request.text("PolicyDocument"), 2048)?;
                self.role(role)?.trust = trust;
                String::new()
            }
            "PutRolePolicy" => {
                let policy = document(request.text("PolicyDocument"), 10_240)?;
                let name = request.text("PolicyName").to_owned();
                self.role(role)?.inline.insert(name, policy);
                String::new()
            }
            "DeleteRolePolicy" => {
                let name = request.text("PolicyName");
                let removed = self.role(role)?.inline.remove(name);
                removed.ok_or_else(|| missing(&format!("The role policy with name {name}")))?;
                String::new()
            }
            "AttachRolePolicy" => {
                let arn = request.text("PolicyArn").to_owned();
                self.role(role)?.attached.push(arn);
                String::new()
            }
            "DetachRolePolicy" => {
                let arn = request.text("PolicyArn");
                let attached = &mut self.role(role)?.attached;
                let at = attached.iter().position(|a| a == arn);
                attached.remove(at.ok_or_else(|| missing(&format!("Policy {arn}")))?);
                String::new()
            }
            "TagRole" => {
                self.role(role)?.tags.extend(tags_of(request));
                String::new()
            }
            "PutRolePermissionsBoundary" => {
                self.role(role)?;
                let arn = self.attachable(request.text("PermissionsBoundary"))?;
                self.role(role)?.boundary = Some(arn);
                String::new()
            }
            "DeleteRolePermissionsBoundary" => {
                let removed = self.role(role)?.boundary.take();
                removed
                    .ok_or_else(|| missing(&format!("The permissions boundary of role {role}")))?;
                String::new()
            }
            "DeleteRole" => {
                let found = self.role(role)?;
                let conflict = |message| Err(Refusal::new(409, "DeleteConflict", message));
                if !found.inline.is_empty() {
                    return conflict("Cannot delete entity, must delete policies first.");
                }
                if !found.attached.is_empty() {
                    return conflict("Cannot delete entity, must detach all policies first.");
                }
                self.roles.remove(role);
                String::new()
            }
            _ => self.iam_users(name, request)?,
        };
        Ok(Body::Xml(xml))
    }

    fn role(&mut self, name: &str) -> Result<&mut Role, Refusal> {
        self.roles
            .get_mut(name)
            .ok_or_else(|| missing(&format!("The role with name {name}")))
    }

    fn create_role(&mut self, request: &Request) -> Result<String, Refusal> {
        let name = request.text("RoleName");
        // Role names are unique whatever their case.
        if self
            .roles
            .keys()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            let message = format!("Role with name {name} already exists.");
            return Err(Refusal::new(409, "EntityAlreadyExists", &message));
        }
        if name.is_empty() || name.len() > 64 {
            return Err(Refusal::new(
                400,
                "ValidationError",
                "roleName has a wrong length",
            ));
        }
        if self.roles.len() >= self.roles_quota {
            let message = format!(
                "Cannot exceed quota for RolesPerAccount: {}",
                self.roles_quota
            );
            return Err(Refusal::new(409, "LimitExceeded", &message));
        }
        let role = Role {
            name: name.to_owned(),
            path: match request.text("Path") {
                "" => "/".to_owned(),
                path => path.to_owned(),
            },
            trust: document(request.text("AssumeRolePolicyDocument"), 2048)?,
            inline: BTreeMap::new(),
            attached: Vec::new(),
            boundary: match request.text("PermissionsBoundary") {
                "" => None,
                arn => Some(self.attachable(arn)?),
            },
            tags: tags_of(request),
        };
        let xml = format!("<Role>{}</Role>", role.xml());
        self.roles.insert(name.to_owned(), role);
        Ok(xml)
    }

    fn account_summary(&self) -> String {
        let principals = &self.principals;
        let figures = [
            ("Roles", self.roles.len()),
            ("RolesQuota", self.roles_quota),
            ("Users", principals.users.len()),
            ("UsersQuota", principals.users_quota),
            ("Policies", principals.policies.len()),
            ("PoliciesQuota", principals.policies_quota),
        ];
        let entries = figures
            .map(|(key, value)| format!("<entry><key>{key}</key><value>{value}</value></entry>"));
        format!("<SummaryMap>{}</SummaryMap>", entries.concat())
    }

    /// One listing over several lists: pages and marker are those of all together.
    fn authorization_details(&self, request: &Request) -> String {
        let kinds = request.members("Filter", "");
        let mut all = Vec::new();
        if kinds.is_empty() || kinds.contains(&"Role") {
            let roles = self.roles.values();
            all.extend(roles.map(|role| ("RoleDetailList", role.detail())));
        }
        all.extend(self.listed_principals(&kinds));
        let (marker, asked) = (request.text("Marker"), request.number("MaxItems"));
        let (page, next) = self.page(all, marker, asked, 1000);
        let lists = ["RoleDetailList", "UserDetailList", "Policies"].map(|name| {
            let of_list = page.iter().filter(|(list, _)| *list == name);
            list(name, of_list.map(|(_, xml)| xml.clone()))
        });
        format!(
            "{}<IsTruncated>{}</IsTruncated>{}",
            lists.concat(),
            next.is_some(),
            next.map(|token| format!("<Marker>{token}</Marker>"))
                .unwrap_or_default()
        )
    }

    /// Whether a role's inline policies and its boundary both allow an action on everything. Conditions are not weighed.
    pub(super) fn role_may(&self, arn: &str, action: &str) -> bool {
        let Some(role) = self.roles.get(arn.rsplit('/').next().unwrap_or_default()) else {
            return false;
        };
        let boundary = role.boundary.as_ref();
        role.inline.values().any(|text| allows(text, action))
            && boundary.is_none_or(|arn| {
                self.document_of(arn)
                    .is_none_or(|text| allows(text, action))
            })
    }

    /// Whether a service can assume a role at all; the model says from when on.
    pub(super) fn assumable(&self, arn: &str, service: &str) -> bool {
        let role = self.roles.get(arn.rsplit('/').next().unwrap_or_default());
        role.is_some_and(|role| role.arn() == arn && role.trust.contains(service))
    }
}
