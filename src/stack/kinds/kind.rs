//! What may be found of a resource. Which kinds there are, and how one is named, stands in `ids`.

use crate::aws::rights::RightOn;
use crate::ids::{ApiType, Kind};
use crate::text::words::word_enum;

/// What a student edits, and sees whole with their own key.
pub(crate) const STUDENTS_WORK: [Kind; 2] = [Kind::Function, Kind::StateMachine];
/// What a student's key does not show as it is.
pub(crate) const HIDDEN_FROM_STUDENTS: [Kind; 6] = [
    Kind::Role,
    Kind::ManagedPolicy,
    Kind::User,
    Kind::RestApi,
    Kind::HttpApi,
    Kind::LogGroup,
];

impl Kind {
    /// Whether a student works with it. The policy that bounds the roles does not count: a stack without one, as older
    /// versions of homeroom deployed it, works as well.
    pub(crate) fn is_worked_with(self) -> bool {
        self != Self::ManagedPolicy
    }

    /// Whether it has an address that answers whoever may call it.
    pub(crate) fn is_api(self) -> bool {
        ApiType::ALL.iter().any(|of| of.kind() == self)
    }

    /// Whether IAM has a limit of it for the whole account, which the account's summary tells.
    pub(crate) fn is_in_account_summary(self) -> bool {
        matches!(self, Self::Role | Self::ManagedPolicy)
    }
}

impl RightOn {
    /// The kind whose names narrow a right, where there is one.
    pub(crate) fn kind(self) -> Option<Kind> {
        match self {
            Self::Roles | Self::RolesFor(_) => Some(Kind::Role),
            Self::Functions => Some(Kind::Function),
            Self::StateMachines | Self::Executions => Some(Kind::StateMachine),
            Self::NewApis(of) | Self::Apis(of) | Self::ApiTags(of) => Some(of.kind()),
            Self::LogGroups => Some(Kind::LogGroup),
            _ => None,
        }
    }
}

word_enum! {
    /// What was found of a resource, and so what becomes of it.
    Verdict {
        /// Not there: is created.
        Create = "create",
        /// There and ours, but not as the lab has it, or not whole: is updated.
        Update = "update",
        /// There and ours, changed by the student: is kept.
        Keep = "keep",
        /// There and as desired.
        NoChange = "no-change",
        /// There with our name, and not provably ours: is never touched.
        Conflict = "conflict",
        /// Could not be seen.
        Unknown = "unknown",
        /// There and ours: is deleted.
        Delete = "delete",
        /// Not there, and needed: nothing is done for the student until it is.
        Missing = "missing",
        /// Not there, and not wanted.
        Absent = "absent",
        /// There, not provably ours, and in the way of nothing: is left alone (teardown).
        Foreign = "foreign",
    }
}
