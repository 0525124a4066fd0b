//! One resource in a plan.

use crate::stack::diff::Differing;
use crate::stack::kinds::{Action, ResourceId, Verdict};
use crate::stack::ownership::{Owner, Ownership};

#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub resource: ResourceId,
    pub verdict: Verdict,
    /// What to do; `None` when nothing.
    pub action: Option<Action>,
    /// Why, for a person; empty where the verdict says it all.
    pub why: String,
    /// What the student changed in it, in a sentence; independent of the verdict.
    pub theirs: Option<String>,
    /// What of it a deployment would change, or what of the student's it keeps, for a person.
    pub differs: Differing,
    /// The next step, if a better one is known than the verdict's.
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
            differs: Differing::default(),
            hint: None,
            after: Vec::new(),
        }
    }

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

    /// An item that stays as it is: as the lab has it, or as the student changed it.
    pub(crate) fn unchanged(resource: ResourceId, theirs: Option<String>) -> Self {
        let (verdict, why) = match &theirs {
            None => (Verdict::NoChange, String::new()),
            Some(theirs) => (Verdict::Keep, theirs.clone()),
        };
        Self::settled(resource, verdict, why).with_theirs(theirs)
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

    /// The item for a name that exists in another case: IAM keeps names unique regardless of case.
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

    pub(crate) fn differing(mut self, differs: Differing) -> Self {
        self.differs = differs;
        self
    }

    pub(crate) fn with_theirs(mut self, theirs: Option<String>) -> Self {
        self.theirs = theirs;
        self
    }

    pub(crate) fn after(mut self, needs: impl IntoIterator<Item = ResourceId>) -> Self {
        self.after.extend(needs);
        self
    }
}
