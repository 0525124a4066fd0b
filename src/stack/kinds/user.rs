//! IAM user: a student's way in. Named like the student, below the class's path, with one policy attached and a
//! permissions boundary.
//!
//! No listing shows its credentials, so a tag, written last, records which ones homeroom issued. Without the tag the user is
//! not complete, and the next run issues credentials anew.

pub mod access;
mod effects;

pub use effects::Action;

use jiff::Timestamp;

use crate::ids::{ClassName, Scope, Username};
use crate::stack::kinds::{
    AnySeen, Desired, Kind, KindFacts, Observed, ResourceId, Stack, managed_policy,
};
use crate::stack::ownership::{Owner, Ownership, Tags, of_principal};

pub(super) const FACTS: KindFacts = KindFacts {
    // Source: IAM and AWS STS quotas, "User names".
    name_max: 64,
    runs: false,
    in_iam: true,
    goes: 0,
    goes_after: &[],
};

pub(crate) const TAG_CREDENTIALS: &str = "homeroom:credentials";
pub const FREEZE_POLICY: &str = "homeroom-freeze";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Issued {
    pub(crate) password: bool,
    pub(crate) access_key: bool,
    /// A key is being replaced: the old one is gone, and a new one is due.
    pub(crate) key_due: bool,
}

impl Issued {
    pub(crate) fn from_tags(tags: &Tags) -> Self {
        let text = tags.get(TAG_CREDENTIALS).map_or("", String::as_str);
        Self {
            password: text == "password" || text == "password+access-key",
            access_key: text == "password+access-key",
            key_due: text == "withdrawn+access-key",
        }
    }

    pub(crate) fn tag_value(self) -> &'static str {
        match (self.password, self.access_key) {
            (true, true) => "password+access-key",
            (true, false) => "password",
            _ if self.key_due => "withdrawn+access-key",
            _ => "none",
        }
    }
}

/// The inline policy that ends older sessions.
pub(crate) const SESSIONS_POLICY: &str = "homeroom-sessions";

/// The policy that ends every session issued before a moment (RFC 3339, UTC): temporary credentials outlive the key that got
/// them. It does not touch long-term keys, which have no such time. Source: IAM guide, "aws:TokenIssueTime".
fn sessions_document(before: &str) -> serde_json::Value {
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "SessionsOfBefore", "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": { "DateLessThan": { "aws:TokenIssueTime": before } }
        }]
    })
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Issue {
    pub(crate) password: bool,
    /// Make a new access key in the place of those that are there.
    pub(crate) access_key: bool,
    /// The user's tag records what is replaced here. The tag is withdrawn first: if the run is cut off, the next one then
    /// knows that the kept credentials may not work.
    pub(crate) withdraw: bool,
    /// What the user has once this is done.
    pub(crate) then: Issued,
}

impl Issue {
    pub(crate) fn is_nothing(self) -> bool {
        !self.password && !self.access_key
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    pub name: String,
    pub policy: managed_policy::Spec,
    /// What it, and the roles of the stack, may do at most.
    pub boundary: managed_policy::Spec,
    /// When the class ends, as a tag says it; the policies say it themselves.
    pub until: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub name: String,
    pub path: String,
    pub tags: Tags,
    pub inline: Vec<String>,
    pub attached: Vec<String>,
    pub groups: Vec<String>,
    pub boundary: Option<String>,
}

impl Seen {
    pub(crate) fn ownership(&self, scope: &Scope, class: &ClassName) -> Ownership {
        of_principal(&self.path, &self.tags, scope, class, None)
    }

    pub(crate) fn is_of(&self, scope: &Scope, owner: &Owner) -> bool {
        self.ownership(scope, &owner.class).why_not(owner).is_none()
    }

    pub fn is_frozen(&self) -> bool {
        self.inline.iter().any(|name| name == FREEZE_POLICY)
    }
}

impl Observed {
    /// The user of a student, if it is of their class and lab.
    pub(crate) fn user_of(&self, scope: &Scope, owner: &Owner) -> Option<&Seen> {
        let user = self.users.get(owner.student.as_str());
        user.filter(|user| user.is_of(scope, owner))
    }

    pub(crate) fn frozen(&self, scope: &Scope, stacks: &[Stack]) -> Vec<Username> {
        let is_frozen = |stack: &&Stack| {
            let user = self.user_of(scope, &stack.owner);
            user.is_some_and(Seen::is_frozen)
        };
        let frozen = stacks.iter().filter(is_frozen);
        frozen.map(|stack| stack.student().clone()).collect()
    }
}

/// The document of the policy that shuts a user out: a Deny that no Allow outweighs.
pub fn freeze_document() -> serde_json::Value {
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{ "Sid": "Frozen", "Effect": "Deny", "Action": "*", "Resource": "*" }]
    })
}

impl AnySeen for Seen {
    fn id(&self) -> ResourceId {
        ResourceId::new(Kind::User, &self.name)
    }

    fn whose(&self, desired: &Desired, _: Option<&Owner>) -> Ownership {
        self.ownership(&desired.scope, &desired.class)
    }

    fn deletion(&self) -> super::Action {
        Action::Delete {
            inline: self.inline.clone(),
            attached: self.attached.clone(),
            groups: self.groups.clone(),
        }
        .into()
    }

    fn path_and_tags(&self) -> Option<(&str, &Tags)> {
        Some((&self.path, &self.tags))
    }
}
