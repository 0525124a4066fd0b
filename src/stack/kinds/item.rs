//! One resource in a plan.

use crate::stack::kinds::{Action, ResourceId, Verdict};
use crate::stack::ownership::{Owner, Ownership};

/// One resource, and what is to become of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub resource: ResourceId,
    /// What was found.
    pub verdict: Verdict,
    /// What to do; `None` when nothing.
    pub action: Option<Action>,
    /// Why, for a person; empty where the verdict says it all.
    pub why: String,
    /// What the student changed of it, in a sentence, whatever else is found of it.
    pub theirs: Option<String>,
    /// The next step, where more is known than the verdict tells.
    pub hint: Option<String>,
    /// Resources of the same student whose items must end well first.
    pub after: Vec<ResourceId>,
}

impl Item {
    /// An item with nothing to do.
    pub(crate) fn settled(resource: ResourceId, verdict: Verdict, why: impl Into<String>) -> Self {
        Self {
            resource,
            verdict,
            action: None,
            why: why.into(),
            theirs: None,
            hint: None,
            after: Vec::new(),
        }
    }

    /// An item with something to do.
    pub(crate) fn act(
        resource: ResourceId,
        verdict: Verdict,
        action: impl Into<Action>,
        why: impl Into<String>,
    ) -> Self {
        Self {
            action: Some(action.into()),
            ..Self::settled(resource, verdict, why)
        }
    }

    /// The item for something of our name that is not this owner's; `None` when it is.
    pub(crate) fn conflict(
        resource: &ResourceId,
        ownership: &Ownership,
        owner: &Owner,
    ) -> Option<Self> {
        let why = ownership.why_not(owner)?;
        Some(Self {
            hint: ownership.advice(owner),
            ..Self::settled(resource.clone(), Verdict::Conflict, why)
        })
    }

    /// The item for a name that stands already but for its case: IAM keeps names unique whatever that is.
    pub(crate) fn other_case(
        resource: ResourceId,
        other: &str,
        ownership: &Ownership,
        owner: &Owner,
    ) -> Self {
        let why = format!("exists as {other}, and IAM takes the two for the same name");
        Self {
            hint: ownership.advice(owner),
            ..Self::settled(resource, Verdict::Conflict, why)
        }
    }

    /// With what the student changed.
    pub(crate) fn with_theirs(mut self, theirs: Option<String>) -> Self {
        self.theirs = theirs;
        self
    }

    /// Items that must end well first.
    pub(crate) fn after(mut self, needs: impl IntoIterator<Item = ResourceId>) -> Self {
        self.after.extend(needs);
        self
    }
}
