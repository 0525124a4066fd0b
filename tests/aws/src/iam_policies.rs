//! IAM: customer managed policies, with their versions, and who has them. Sources of limits and messages: IAM API
//! reference, and "IAM and AWS STS quotas".

use std::collections::BTreeMap;

use homeroom::strict::{Refusal, Request};
use serde_json::Value;
use tokio::time::Instant;

use super::ACCOUNT;
use super::iam::{document, encode, list, missing};
use super::iam_users::{checked, path_of, quota, refuse};
use super::world::World;

/// Characters of a document, white space not counted.
const POLICY_MAX: usize = 6144;
const VERSIONS_MAX: usize = 5;

#[derive(Debug, Clone)]
pub(super) struct Policy {
    name: String,
    path: String,
    /// Documents by version; numbers are never used again.
    versions: BTreeMap<u32, String>,
    in_force: u32,
    last: u32,
    pub(super) shows_from: Instant,
}

impl Policy {
    fn arn(&self) -> String {
        format!("arn:aws:iam::{ACCOUNT}:policy{}{}", self.path, self.name)
    }
}

/// A document of a managed policy: what IAM's grammar asks for of each statement.
fn managed(request: &Request) -> Result<String, Refusal> {
    let text = request.text("PolicyDocument");
    let whole = text.chars().filter(|c| !c.is_whitespace()).count();
    if whole > POLICY_MAX {
        return quota("PolicySize", POLICY_MAX);
    }
    let text = document(text, POLICY_MAX)?;
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    let statements = match &value["Statement"] {
        Value::Array(statements) => statements.iter().collect(),
        Value::Object(_) => vec![&value["Statement"]],
        _ => vec![],
    };
    let has = |statement: &Value, names: [&str; 2]| names.iter().any(|n| !statement[n].is_null());
    let whole = |statement: &&Value| {
        let sid = statement["Sid"].as_str().unwrap_or_default();
        !statement["Effect"].is_null()
            && has(statement, ["Action", "NotAction"])
            && has(statement, ["Resource", "NotResource"])
            && sid.chars().all(|c| c.is_ascii_alphanumeric())
    };
    if statements.is_empty() || !statements.iter().all(whole) {
        return refuse(400, "MalformedPolicyDocument", "Syntax errors in policy.");
    }
    Ok(text)
}

impl World {
    /// Serves calls about policies; `None` for any other.
    pub(super) fn iam_policies(
        &mut self,
        name: &str,
        request: &Request,
    ) -> Option<Result<String, Refusal>> {
        Some(match name {
            "CreatePolicy" => self.create_policy(request),
            "CreatePolicyVersion" => self.create_version(request),
            "DeletePolicyVersion" => self.delete_version(request),
            "DeletePolicy" => self.delete_policy(request),
            _ => return None,
        })
    }

    /// The version in force of a policy; `None` of one of AWS's own, which is not kept here.
    pub(super) fn document_of(&self, arn: &str) -> Option<&String> {
        let mut policies = self.principals.policies.values();
        let policy = policies.find(|policy| policy.arn() == arn)?;
        policy.versions.get(&policy.in_force)
    }

    pub(super) fn policy_detail(&self, policy: &Policy) -> String {
        let versions = policy.versions.iter().map(|(version, document)| {
            format!(
                "<Document>{}</Document><VersionId>v{version}</VersionId><IsDefaultVersion>{}</IsDefaultVersion><CreateDate>2026-01-01T00:00:00Z</CreateDate>",
                encode(document),
                *version == policy.in_force
            )
        });
        format!(
            "<PolicyName>{}</PolicyName><PolicyId>ANPA{}</PolicyId><Arn>{}</Arn><Path>{}</Path><DefaultVersionId>v{}</DefaultVersionId><AttachmentCount>0</AttachmentCount><IsAttachable>true</IsAttachable>{}",
            policy.name,
            policy.last,
            policy.arn(),
            policy.path,
            policy.in_force,
            list("PolicyVersionList", versions)
        )
    }

    /// Whether anybody has the policy, attached or as a boundary.
    fn is_used(&self, arn: &str) -> bool {
        let users = self.principals.users.values();
        let users = users.map(|user| (&user.attached, &user.boundary));
        let roles = self.roles.values();
        let roles = roles.map(|role| (&role.attached, &role.boundary));
        let mut all = users.chain(roles);
        all.any(|(attached, boundary)| {
            attached.iter().any(|a| a == arn) || boundary.as_deref() == Some(arn)
        })
    }

    /// A policy that can be attached or be a boundary now: AWS's own, or one of the account's that shows already.
    pub(super) fn attachable(&self, arn: &str) -> Result<String, Refusal> {
        let mut own = self.principals.policies.values();
        let shows = |policy: &Policy| policy.arn() == arn && policy.shows_from <= self.now;
        if arn.starts_with("arn:aws:iam::aws:policy/") || own.any(shows) {
            return Ok(arn.to_owned());
        }
        let message = format!("Scope ARN: {arn} does not exist or is not attachable.");
        refuse(404, "NoSuchEntity", message)
    }

    fn policy(&mut self, request: &Request) -> Result<&mut Policy, Refusal> {
        let (arn, now) = (request.text("PolicyArn"), self.now);
        let mut policies = self.principals.policies.values_mut();
        let policy = policies.find(|policy| policy.arn() == arn && policy.shows_from <= now);
        policy.ok_or_else(|| {
            let message = format!("Policy {arn} was not found.");
            Refusal::new(404, "NoSuchEntity", &message)
        })
    }

    fn create_policy(&mut self, request: &Request) -> Result<String, Refusal> {
        let name = checked(request, "PolicyName", 128)?;
        let mut known = self.principals.policies.keys();
        if known.any(|known| known.eq_ignore_ascii_case(name)) {
            let message =
                format!("A policy called {name} already exists. Duplicate names are not allowed.");
            return refuse(409, "EntityAlreadyExists", message);
        }
        if self.principals.policies.len() >= self.principals.policies_quota {
            return quota("PoliciesPerAccount", self.principals.policies_quota);
        }
        let policy = Policy {
            name: name.to_owned(),
            path: path_of(request)?,
            versions: [(1, managed(request)?)].into(),
            in_force: 1,
            last: 1,
            shows_from: self.now + self.principals.lag,
        };
        let xml = format!(
            "<Policy><PolicyName>{name}</PolicyName><Arn>{}</Arn></Policy>",
            policy.arn()
        );
        self.principals.policies.insert(name.to_owned(), policy);
        Ok(xml)
    }

    fn create_version(&mut self, request: &Request) -> Result<String, Refusal> {
        let document = managed(request)?;
        let policy = self.policy(request)?;
        if policy.versions.len() >= VERSIONS_MAX {
            return refuse(
                409,
                "LimitExceeded",
                "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
            );
        }
        policy.last += 1;
        policy.versions.insert(policy.last, document);
        let in_force = request.text("SetAsDefault") == "true";
        if in_force {
            policy.in_force = policy.last;
        }
        Ok(format!(
            "<PolicyVersion><VersionId>v{}</VersionId><IsDefaultVersion>{in_force}</IsDefaultVersion></PolicyVersion>",
            policy.last
        ))
    }

    fn delete_version(&mut self, request: &Request) -> Result<String, Refusal> {
        let policy = self.policy(request)?;
        let id = request.text("VersionId");
        let version = id.strip_prefix('v').and_then(|n| n.parse().ok());
        let version = version.unwrap_or_default();
        if version == policy.in_force {
            let words = "Cannot delete the default version of a policy.";
            return refuse(409, "DeleteConflict", words);
        }
        let removed = policy.versions.remove(&version);
        removed.ok_or_else(|| missing(&format!("Policy version {id}")))?;
        Ok(String::new())
    }

    fn delete_policy(&mut self, request: &Request) -> Result<String, Refusal> {
        let policy = self.policy(request)?;
        let (name, versions) = (policy.name.clone(), policy.versions.len());
        let conflict = |words| refuse(409, "DeleteConflict", words);
        if self.is_used(request.text("PolicyArn")) {
            return conflict("Cannot delete a policy attached to entities.");
        }
        if versions > 1 {
            return conflict(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
            );
        }
        self.principals.policies.remove(&name);
        Ok(String::new())
    }
}
