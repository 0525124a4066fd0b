//! IAM role with one inline policy.
//!
//! Its path, `/homeroom/<class>/`, says that it is ours; students have no rights on roles, so a role that
//! differs is simply put right.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::domain::ids::{ClassName, Scope};
use crate::domain::ownership::{Fingerprint, Owner, Ownership, Tags, canonical};

/// Longest role name. Source: IAM and AWS STS quotas, "Role names".
pub const NAME_MAX: usize = 64;
/// Longest trust policy in characters, white space not counted. Source: same page.
pub const TRUST_MAX: usize = 2048;
/// Most characters in all inline policies of a role together, white space not counted. Source: same page.
pub const INLINE_MAX: usize = 10_240;
/// The name of the one inline policy that homeroom writes.
pub const POLICY_NAME: &str = "homeroom";

/// A role as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Who may assume it (trust policy document).
    pub trust: Value,
    /// What it may do (inline policy document).
    pub policy: Value,
}

/// A role as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Actual {
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: String,
    /// Its trust policy; `None` when it is not readable as JSON.
    pub trust: Option<Value>,
    /// Its inline policies by name; a document that is not JSON is `Null`.
    pub inline: BTreeMap<String, Value>,
    /// ARNs of attached managed policies.
    pub attached: Vec<String>,
    /// Its tags; may be empty where the listing does not show them.
    pub tags: Tags,
}

/// What must be written to make it as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// The trust policy.
    pub trust: bool,
    /// The inline policy.
    pub policy: bool,
}

impl Role {
    /// Fingerprint for the tag.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of([
            canonical(&self.trust).as_str(),
            canonical(&self.policy).as_str(),
        ])
    }

    /// What must be written; `None` when nothing.
    pub fn difference(&self, actual: &Actual) -> Option<Difference> {
        let trust = actual.trust.as_ref().map(canonical) != Some(canonical(&self.trust));
        let policy = actual.inline.get(POLICY_NAME).map(canonical) != Some(canonical(&self.policy));
        (trust || policy).then_some(Difference { trust, policy })
    }
}

impl Actual {
    /// Whose it is. The path is proof enough: nothing but homeroom creates roles below it. `expected` is
    /// the owner that the role's name stands for, used where a listing shows no tags.
    pub fn ownership(&self, class: &ClassName, expected: Option<&Owner>) -> Ownership {
        let tagged = Owner::from_tags(&self.tags);
        if self.path == Scope::role_path(class) {
            match tagged.as_ref().or(expected) {
                Some(owner) if owner.class == *class => Ownership::Ours(owner.clone()),
                Some(owner) => Ownership::OtherClass(owner.clone()),
                None => Ownership::Foreign,
            }
        } else {
            match tagged {
                // Our tags on a role outside our path: someone copied them. Not provably ours.
                Some(owner) if owner.class == *class => Ownership::Foreign,
                other => Ownership::from_owner(other, class),
            }
        }
    }
}
