//! What may be found of a resource. Which kinds there are, and how one is named, stands in `ids`.

use serde::Serialize;

use crate::ids::Kind;

impl Kind {
    /// Whether a student works with it. The policy that bounds the roles is none of that: a stack that is without one,
    /// as older versions of homeroom made it, works as well.
    pub(crate) fn is_worked_with(self) -> bool {
        self != Self::ManagedPolicy
    }
}

/// What was found of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Not there: is created.
    Create,
    /// There and ours, but not as the lab has it, or not whole: is updated.
    Update,
    /// There and ours, changed by the student: is kept.
    Keep,
    /// There and as desired.
    NoChange,
    /// There with our name, and not provably ours: is never touched.
    Conflict,
    /// Could not be seen.
    Unknown,
    /// There and ours: is deleted.
    Delete,
    /// Not there, and needed: nothing is done for the student until it is.
    Missing,
    /// Not there, and not wanted.
    Absent,
    /// There, not provably ours, and in the way of nothing: is left alone (teardown).
    Foreign,
}

impl Verdict {
    /// The word, as `--output json` has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Keep => "keep",
            Self::NoChange => "no-change",
            Self::Conflict => "conflict",
            Self::Unknown => "unknown",
            Self::Delete => "delete",
            Self::Missing => "missing",
            Self::Absent => "absent",
            Self::Foreign => "foreign",
        }
    }
}
