//! IAM role with one inline policy.
//!
//! Its path, `/homeroom/<class>/`, says that it is ours; students have no rights on roles, so a role that
//! differs is simply put right.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::domain::ids::{ClassName, Scope};
use crate::domain::ownership::{Fingerprint, Owner, Ownership, Tags, canonical, of_principal};

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
    pub trust: Arc<Value>,
    /// What it may do (inline policy document).
    pub policy: Arc<Value>,
}

/// A role as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Actual {
    /// Its name.
    pub name: String,
    /// The id that AWS gave it, and gives to no other; empty where the listing does not tell.
    pub id: String,
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
    /// ARN of its permissions boundary.
    pub boundary: Option<String>,
}

/// What must be written to make it as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Write the trust policy.
    pub trust: bool,
    /// Write the inline policy.
    pub policy: bool,
    /// Names of inline policies to delete: they would give the role more than the lab does.
    pub extra_inline: Vec<String>,
    /// ARNs of managed policies to detach, likewise.
    pub extra_attached: Vec<String>,
}

impl Difference {
    /// What differs, in a few words.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        if self.trust {
            parts.push("trust policy".to_owned());
        }
        if self.policy {
            parts.push("inline policy".to_owned());
        }
        let extra = self.extra_inline.iter().chain(&self.extra_attached);
        parts.extend(extra.map(|name| format!("extra policy {name}")));
        format!("differs: {}", parts.join(", "))
    }
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
        let inline = actual.inline.keys();
        let difference = Difference {
            trust,
            policy,
            extra_inline: inline
                .filter(|name| *name != POLICY_NAME)
                .cloned()
                .collect(),
            extra_attached: actual.attached.clone(),
        };
        (difference != Difference::default()).then_some(difference)
    }
}

impl Actual {
    /// Whose it is: see [`of_principal`]. `expected` is the owner that the role's name stands for.
    pub fn ownership(
        &self,
        scope: &Scope,
        class: &ClassName,
        expected: Option<&Owner>,
    ) -> Ownership {
        of_principal(&self.path, &self.tags, scope, class, expected)
    }
}
