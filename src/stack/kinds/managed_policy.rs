//! Customer managed policies: what a student may do, and the permissions boundaries of the student and of the stack's
//! roles.
//!
//! A listing shows no tags, and not everywhere a description. So the path (the class's) and the name say whose a policy is:
//! the name has the student, and a digest of class, lab and region.

use std::sync::Arc;

use serde_json::Value;

use crate::aws::Operation::*;
use crate::aws::{ErrorKind, Principal};
use crate::ids::{ClassName, LabId, Scope, Username};
use crate::stack::kinds::{
    AnySeen, AnySpec, Desired, Effect, Item, Kind, KindAction, KindFacts, Observed, PlannedCalls,
    Planning, ResourceId, Verdict, statements,
};
use crate::stack::ownership::{Fingerprint, Owner, Ownership};
use crate::stack::step::{Context, StepError};
use crate::text::json::canonical;
use crate::text::words::word_enum;

pub(super) const FACTS: KindFacts = KindFacts {
    // No lab names one: it is called like the student, whose user's name is bounded so.
    name_max: 64,
    runs: false,
    in_iam: true,
    goes: 6,
    // IAM keeps a policy for as long as somebody has it, as policy or as boundary.
    goes_after: &[Kind::Role, Kind::User],
};

/// Longest policy document in characters, white space not counted. Source: IAM and AWS STS quotas, "Managed policies".
pub const DOCUMENT_MAX: usize = 6144;

word_enum! {
    /// What a managed policy is for.
    Purpose {
        /// Attached to the student's user: what the student may do.
        Access = "access",
        /// Boundary of the student's user: what it may do at most.
        Boundary = "boundary",
        /// Boundary of the stack's roles. They are made before any API has an id that the boundary could name.
        Roles = "roles",
    }
}

impl Purpose {
    const ALL: [Self; 3] = [Self::Access, Self::Boundary, Self::Roles];

    /// What a policy of homeroom's is for, by its name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let (head, _) = name.rsplit_once('@')?;
        let (_, word) = head.rsplit_once('-')?;
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.as_str() == word)
    }

    /// The name of an owner's policy. IAM keeps names unique in the account, whatever their path.
    pub fn name(self, scope: &Scope, owner: &Owner) -> String {
        let place = Fingerprint::of([
            owner.class.as_str(),
            owner.lab.as_str(),
            scope.region.as_str(),
        ]);
        format!("{}-{}@{place}", owner.student, self.as_str())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    pub name: String,
    pub document: Arc<Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub name: String,
    pub arn: String,
    pub path: String,
    /// The document in force; `None` when it is not readable as JSON.
    pub document: Option<Arc<Value>>,
    /// Ids of the versions that are not in force.
    pub old_versions: Vec<String>,
}

impl Observed {
    /// Lets a policy that is as it should be have the one document of both: a class's documents twice take much memory.
    pub(crate) fn share_documents(&mut self, desired: &Desired) {
        for wanted in desired
            .stacks
            .iter()
            .filter_map(|stack| stack.boundary.as_ref())
        {
            if let Some(seen) = self.policies.get_mut(&wanted.name)
                && seen.document.as_ref() == Some(&wanted.document)
            {
                seen.document = Some(wanted.document.clone());
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Create(Spec),
    Update {
        policy: Spec,
        /// Versions to delete first: a policy has five at most.
        old_versions: Vec<String>,
    },
    Delete {
        arn: String,
        old_versions: Vec<String>,
    },
}

impl Seen {
    /// Whose it is, for a class, lab and region. Policies of the class's other labs and regions are `Unproven`.
    pub(crate) fn ownership(&self, scope: &Scope, class: &ClassName, lab: &LabId) -> Ownership {
        if self.path != Scope::role_path(class) {
            return Ownership::Foreign;
        }
        let found = Purpose::ALL.into_iter().find_map(|purpose| {
            let (head, _) = self.name.rsplit_once('@')?;
            let student: Username = head
                .strip_suffix(purpose.as_str())?
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

impl AnySpec for Spec {
    fn id(&self) -> ResourceId {
        ResourceId::new(Kind::ManagedPolicy, &self.name)
    }

    fn plan(&self, at: &Planning<'_>) -> Item {
        let (id, owner) = (self.id(), at.owner());
        let Some(seen) = at.observed.policies.get(&self.name) else {
            return Item::act(id, Verdict::Create, Action::Create(self.clone()), "");
        };
        let ownership = seen.ownership(at.scope, &owner.class, &owner.lab);
        if let Some(why) = ownership.why_not(owner) {
            return Item::settled(id, Verdict::Conflict, why);
        }
        if seen.document.as_deref().map(canonical) == Some(canonical(&self.document)) {
            return Item::settled(id, Verdict::NoChange, "");
        }
        let action = Action::Update {
            policy: self.clone(),
            old_versions: seen.old_versions.clone(),
        };
        let differs = statements::compare("policy", seen.document.as_deref(), &self.document);
        Item::act(id, Verdict::Update, action, "differs").differing(differs)
    }

    fn deletion(&self) -> super::Action {
        let (arn, old_versions) = (String::new(), Vec::new());
        Action::Delete { arn, old_versions }.into()
    }
}

impl AnySeen for Seen {
    fn id(&self) -> ResourceId {
        ResourceId::new(Kind::ManagedPolicy, &self.name)
    }

    fn whose(&self, desired: &Desired, _: Option<&Owner>) -> Ownership {
        self.ownership(&desired.scope, &desired.class, &desired.lab)
    }

    fn deletion(&self) -> super::Action {
        let (arn, old_versions) = (self.arn.clone(), self.old_versions.clone());
        Action::Delete { arn, old_versions }.into()
    }
}

impl KindAction for Action {
    fn outline(&self) -> (Effect, PlannedCalls) {
        match self {
            Self::Create(_) => (Effect::Create, vec![(CreatePolicy, 1)]),
            Self::Update { old_versions, .. } => {
                let deleted = (DeletePolicyVersion, old_versions.len());
                (Effect::Update, vec![deleted, (CreatePolicyVersion, 1)])
            }
            Self::Delete { old_versions, .. } => {
                let deleted = (DeletePolicyVersion, old_versions.len());
                (Effect::Delete, vec![deleted, (DeletePolicy, 1)])
            }
        }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<(), StepError> {
        match self {
            Self::Create(policy) => create(cx, policy).await,
            Self::Update {
                policy,
                old_versions,
            } => {
                let arn = cx.scope.policy_arn(cx.class(), &policy.name);
                delete_versions(cx, &arn, old_versions).await?;
                put_in_force(cx, policy).await
            }
            Self::Delete { arn, old_versions } => {
                delete_versions(cx, arn, old_versions).await?;
                cx.or_gone_from_iam(cx.client.delete_policy(arn).await)
                    .await
            }
        }
    }
}

async fn create(cx: &Context<'_>, policy: &Spec) -> Result<(), StepError> {
    let path = &Scope::role_path(cx.class());
    match cx.client.create_policy(policy, path).await {
        // It is an earlier attempt's, or somebody else's.
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

async fn put_in_force(cx: &Context<'_>, policy: &Spec) -> Result<(), StepError> {
    let arn = &cx.scope.policy_arn(cx.class(), &policy.name);
    let created = cx.call_about_new(|| cx.client.create_policy_version(arn, &policy.document));
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
            let policy = |path: &str| Seen {
                name: purpose.name(&here, &owner),
                arn: String::new(),
                path: path.to_owned(),
                document: None,
                old_versions: Vec::new(),
            };
            let whose = |policy: Seen, scope: &Scope, lab: &str| {
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
