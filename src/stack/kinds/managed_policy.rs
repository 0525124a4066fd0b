//! Customer managed policies: what a student may do, and the permissions boundaries of the student and of the stack's
//! roles.
//!
//! A listing shows neither tags nor, everywhere, a description of them. So whose one is stands in its path, which is
//! the class's, and in its name: the student, and a digest of class, lab and region.
//!
//! Customer managed policy: create, put a new version in force, delete whole.

use crate::aws::{ErrorKind, Principal};
use crate::stack::ids::{ClassName, Scope, Username};
use crate::stack::ownership::{Fingerprint, Owner, Ownership, canonical};
use crate::stack::step::{Context, StepError};
use serde::Serialize;
use serde_json::Value;

/// Longest policy document in characters, white space not counted. Source: IAM and AWS STS quotas, "Managed policies".
pub const DOCUMENT_MAX: usize = 6144;

/// What a managed policy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Attached to the student's user: what the student may do.
    Access,
    /// Boundary of the student's user: what it may do at most.
    Boundary,
    /// Boundary of the roles of the stack, which are there before any API has an id that it could name.
    Roles,
}

impl Purpose {
    const ALL: [Self; 3] = [Self::Access, Self::Boundary, Self::Roles];

    fn word(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Boundary => "boundary",
            Self::Roles => "roles",
        }
    }

    /// What a policy of homeroom's is for, by its name.
    pub fn of_name(name: &str) -> Option<Self> {
        let (head, _) = name.rsplit_once('@')?;
        let (_, word) = head.rsplit_once('-')?;
        Self::ALL.into_iter().find(|purpose| purpose.word() == word)
    }

    /// The name of an owner's policy. IAM keeps names unique in the account, whatever their path.
    pub fn name(self, scope: &Scope, owner: &Owner) -> String {
        let place = Fingerprint::of([
            owner.class.as_str(),
            owner.lab.as_str(),
            scope.region.as_str(),
        ]);
        format!("{}-{}@{place}", owner.student, self.word())
    }
}

/// A managed policy as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct ManagedPolicy {
    /// Its name.
    pub name: String,
    /// Its document.
    pub document: Value,
}

/// A managed policy as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Actual {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its path.
    pub path: String,
    /// The document in force; `None` when it is not readable as JSON.
    pub document: Option<Value>,
    /// Ids of the versions that are not in force.
    pub old_versions: Vec<String>,
}

impl ManagedPolicy {
    /// Whether it is as it should be.
    pub fn is(&self, actual: &Actual) -> bool {
        actual.document.as_ref().map(canonical) == Some(canonical(&self.document))
    }
}

impl Actual {
    /// Whose it is, for a class, lab and region. Those of the class's other labs and regions are nobody's here.
    pub fn ownership(
        &self,
        scope: &Scope,
        class: &ClassName,
        lab: &crate::stack::ids::LabId,
    ) -> Ownership {
        if self.path != Scope::role_path(class) {
            return Ownership::Foreign;
        }
        let found = Purpose::ALL.into_iter().find_map(|purpose| {
            let (head, _) = self.name.rsplit_once('@')?;
            let student: Username = head
                .strip_suffix(purpose.word())?
                .strip_suffix('-')?
                .parse()
                .ok()?;
            let owner = Owner {
                class: class.clone(),
                student,
                lab: lab.clone(),
            };
            (purpose.name(scope, &owner) == self.name).then_some(owner)
        });
        found.map_or(Ownership::Unproven, Ownership::Ours)
    }
}

/// Creates the policy.
///
/// # Errors
/// A conflict when a policy of that name is there and not below the class's path.
pub async fn create(cx: &Context<'_>, policy: &ManagedPolicy) -> Result<(), StepError> {
    let path = &Scope::role_path(cx.class());
    let created = cx.client.create_policy(policy, path).await;
    match created {
        // An earlier attempt's, whose answer was lost or which a listing did not show yet; or somebody else's.
        Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {
            cx.principal_made();
            // IAM keeps names unique whatever their path and case.
            let is_foreign = |one: &Principal| {
                matches!(one, Principal::Policy(found)
                if found.name.eq_ignore_ascii_case(&policy.name) && found.path != *path)
            };
            if cx.lists(is_foreign).await? {
                let why = "exists and is not below this class's path".to_owned();
                return Err(StepError::Conflict(why));
            }
            put_in_force(cx, policy).await
        }
        other => {
            other?;
            cx.principal_made();
            Ok(())
        }
    }
}

/// Puts a new version in force, and first makes room for it.
///
/// # Errors
/// AWS's.
pub async fn update(
    cx: &Context<'_>,
    policy: &ManagedPolicy,
    old_versions: &[String],
) -> Result<(), StepError> {
    let arn = cx.scope.policy_arn(cx.class(), &policy.name);
    delete_versions(cx, &arn, old_versions).await?;
    put_in_force(cx, policy).await
}

/// Deletes the policy with its versions.
///
/// # Errors
/// AWS's; what is gone already is no error.
pub async fn delete(cx: &Context<'_>, arn: &str, old_versions: &[String]) -> Result<(), StepError> {
    delete_versions(cx, arn, old_versions).await?;
    let deleted = cx.client.delete_policy(arn);
    cx.or_gone_from_iam(deleted.await).await
}

async fn put_in_force(cx: &Context<'_>, policy: &ManagedPolicy) -> Result<(), StepError> {
    let arn = &cx.scope.policy_arn(cx.class(), &policy.name);
    let document = &policy.document;
    let created = cx.call_about_new(|| cx.client.create_policy_version(arn, document));
    created.await
}

async fn delete_versions(
    cx: &Context<'_>,
    arn: &str,
    versions: &[String],
) -> Result<(), StepError> {
    for version in versions {
        let deleted = cx.client.delete_policy_version(arn, version);
        cx.or_gone_from_iam(deleted.await).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(region: &str) -> Scope {
        Scope {
            partition: "aws".to_owned(),
            account: "123456789012".to_owned(),
            region: region.to_owned(),
        }
    }

    fn owner(student: &str, lab: &str) -> Owner {
        Owner {
            class: "spring".parse().unwrap(),
            student: student.parse().unwrap(),
            lab: lab.parse().unwrap(),
        }
    }

    #[test]
    fn a_policy_is_ours_by_path_and_name_in_this_lab_and_region_only() {
        let here = scope("us-east-1");
        let owner = owner("user1-access", "lab6");
        for purpose in Purpose::ALL {
            let policy = |path: &str| Actual {
                name: purpose.name(&here, &owner),
                arn: String::new(),
                path: path.to_owned(),
                document: None,
                old_versions: Vec::new(),
            };
            let whose = |policy: Actual, scope: &Scope, lab: &str| {
                policy.ownership(scope, &owner.class, &lab.parse().unwrap())
            };
            let ours = policy("/homeroom/spring/");
            assert_eq!(
                whose(ours.clone(), &here, "lab6"),
                Ownership::Ours(owner.clone())
            );
            let elsewhere = [
                whose(ours.clone(), &scope("eu-west-1"), "lab6"),
                whose(ours, &here, "lab7"),
            ];
            assert_eq!(elsewhere, [Ownership::Unproven, Ownership::Unproven]);
            assert_eq!(whose(policy("/"), &here, "lab6"), Ownership::Foreign);
        }
    }
}
