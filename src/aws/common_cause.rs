//! Common causes: a missing permission, a limit of the account, a trust policy that AWS does not accept. A few students
//! meet one, and the rest of the class need not fail one by one.
//!
//! A cause is common when a few students failed for it at the same part of their stacks, and nobody's call for that part
//! went well. So one student's own broken resource is never taken for one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use crate::ids::Username;
use crate::stack::kinds::ResourceId;

use super::error::{CloudError, ErrorKind};
use super::locked;
use super::operations::Operation;

/// A cause is common from this many students on.
const FEW: usize = 3;

/// A part that every student's stack has (`IAM role *-worker-role`), or a call that is made for each student.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StackPart(String);

impl StackPart {
    /// The part that this resource is in the student's stack.
    pub(crate) fn of(resource: &ResourceId, student: &Username) -> Self {
        Self(anybodys(&resource.to_string(), student))
    }

    /// A call that is made for each student alike.
    pub(crate) fn alike(what: impl ToString) -> Self {
        Self(what.to_string())
    }
}

/// Replaces the student's name by `*`, but only as a whole word: a short name occurs within others.
fn anybodys(text: &str, student: &Username) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(student.as_str()) {
        let begins = !before.ends_with(char::is_alphanumeric);
        let ends = !after.starts_with(char::is_alphanumeric);
        out.push_str(before);
        out.push_str(if begins && ends {
            "*"
        } else {
            student.as_str()
        });
        rest = after;
    }
    out + rest
}

/// What tells one cause from another.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct CommonCause {
    operation: Operation,
    part: StackPart,
    code: String,
    /// The message without the student's name, where the code alone says little.
    words: String,
}

/// Why students failed in a run, and what went well.
#[derive(Debug, Default)]
pub(crate) struct CommonCauses(Mutex<Outcomes>);

#[derive(Debug, Default)]
struct Outcomes {
    well: BTreeSet<(Operation, StackPart)>,
    failed: BTreeMap<CommonCause, BTreeSet<Username>>,
    /// Who met a limit. Others went well before them, so `well` says nothing here.
    limits: BTreeMap<Operation, BTreeSet<Username>>,
    /// The common causes that were reported.
    told: BTreeMap<StackPart, CloudError>,
}

impl CommonCauses {
    pub(crate) fn went_well(&self, operation: Operation, part: Option<&StackPart>) {
        let mut seen = locked(&self.0);
        seen.limits.remove(&operation);
        if let Some(part) = part {
            seen.well.insert((operation, part.clone()));
        }
    }

    pub(crate) fn failed(&self, student: &Username, part: &StackPart, error: &CloudError) {
        let mut seen = locked(&self.0);
        let students = if error.kind == ErrorKind::LimitExceeded {
            seen.limits.entry(error.operation).or_default()
        } else if let Some(cause) = cause(student, part, error) {
            seen.failed.entry(cause).or_default()
        } else {
            return;
        };
        students.insert(student.clone());
    }

    /// Records a common cause. `true` when it was not known before.
    pub(crate) fn is_news(&self, part: &StackPart, error: &CloudError) -> bool {
        let told = &mut locked(&self.0).told;
        told.insert(part.clone(), error.clone()).is_none()
    }

    /// The common cause that was recorded for a part.
    pub(crate) fn told(&self, part: &StackPart) -> Option<CloudError> {
        locked(&self.0).told.get(part).cloned()
    }

    /// Whether this is a common cause, by the answers so far.
    pub(crate) fn is_common_cause(
        &self,
        student: &Username,
        part: &StackPart,
        error: &CloudError,
    ) -> bool {
        let seen = locked(&self.0);
        let students = if error.kind == ErrorKind::LimitExceeded {
            seen.limits.get(&error.operation)
        } else if seen.well.contains(&(error.operation, part.clone())) {
            None
        } else {
            cause(student, part, error).and_then(|cause| seen.failed.get(&cause))
        };
        students.is_some_and(|students| students.len() >= FEW)
    }
}

/// `None` where waiting or retrying may help the student, or where the error says nothing about other students.
fn cause(student: &Username, part: &StackPart, error: &CloudError) -> Option<CommonCause> {
    let words = match error.kind {
        // The operation says what is refused, and AWS's message names ids that no two students share.
        ErrorKind::AccessDenied
        | ErrorKind::Unresolved
        | ErrorKind::RoleNotAssumable
        | ErrorKind::RoleRefused
        | ErrorKind::Unreachable
        | ErrorKind::Credentials
        | ErrorKind::LimitExceeded => String::new(),
        // The settings name the boundary, so it is the same for everybody.
        ErrorKind::NotFound if names_a_boundary(error.operation) => String::new(),
        ErrorKind::Invalid => anybodys(&error.message, student),
        ErrorKind::NotFound
        | ErrorKind::AlreadyExists
        | ErrorKind::Busy
        | ErrorKind::Throttled
        | ErrorKind::Ambiguous
        | ErrorKind::Deleting => return None,
    };
    Some(CommonCause {
        operation: error.operation,
        part: part.clone(),
        code: error.code.clone(),
        words,
    })
}

fn names_a_boundary(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::CreateRole | Operation::PutRolePermissionsBoundary
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::kinds::Kind;

    fn error(kind: ErrorKind, message: &str) -> CloudError {
        CloudError {
            operation: Operation::CreateRole,
            kind,
            code: "Code".into(),
            message: message.into(),
            request_id: None,
        }
    }

    fn user(n: usize) -> Username {
        format!("user{n}").parse().unwrap()
    }

    fn part(student: &Username) -> StackPart {
        let name = format!("{student}-worker-role");
        StackPart::of(&ResourceId::new(Kind::Role, name), student)
    }

    /// Whether the class stops at the last of so many students.
    fn after(causes: &CommonCauses, error: impl Fn(usize) -> CloudError, students: usize) -> bool {
        let mut stops = false;
        for n in 1..=students {
            let student = user(n);
            let error = error(n);
            causes.failed(&student, &part(&student), &error);
            stops = causes.is_common_cause(&student, &part(&student), &error);
        }
        stops
    }

    #[test]
    fn a_few_students_make_a_refusal_the_classs() {
        let denied = |_| error(ErrorKind::AccessDenied, "no");
        assert!(!after(&CommonCauses::default(), denied, 2));
        assert!(after(&CommonCauses::default(), denied, 3));
    }

    #[test]
    fn nobodys_refusal_is_the_classs_once_somebody_got_past_it() {
        let causes = CommonCauses::default();
        let other = StackPart::of(&ResourceId::new(Kind::Role, "user9-other-role"), &user(9));
        causes.went_well(Operation::CreateRole, Some(&other));
        let denied = |_| error(ErrorKind::AccessDenied, "no");
        assert!(after(&causes, denied, 3), "another part says nothing");
        causes.went_well(Operation::CreateRole, Some(&part(&user(9))));
        assert!(!after(&causes, denied, 4));
    }

    #[test]
    fn a_name_that_occurs_in_the_parts_own_hides_no_common_cause() {
        let causes = CommonCauses::default();
        let mut stops = false;
        for name in ["r", "a", "o"] {
            let student: Username = name.parse().unwrap();
            let role = ResourceId::new(Kind::Role, format!("{name}-worker-role"));
            let part = StackPart::of(&role, &student);
            let message = format!("Invalid principal in policy of {name}-worker-role");
            let error = error(ErrorKind::Invalid, &message);
            causes.failed(&student, &part, &error);
            stops = causes.is_common_cause(&student, &part, &error);
        }
        assert!(stops);
    }

    #[test]
    fn a_limit_is_met_after_others_went_well() {
        let causes = CommonCauses::default();
        let full = |_| error(ErrorKind::LimitExceeded, "1000");
        causes.went_well(Operation::CreateRole, Some(&part(&user(9))));
        assert!(after(&causes, full, 3));
        causes.went_well(Operation::CreateRole, None);
        assert!(!after(&causes, full, 2), "something became free meanwhile");
    }

    #[test]
    fn the_same_student_counts_once_and_what_may_pass_not_at_all() {
        let causes = CommonCauses::default();
        let denied = error(ErrorKind::AccessDenied, "no");
        for _ in 0..5 {
            causes.failed(&user(1), &part(&user(1)), &denied);
        }
        assert!(!causes.is_common_cause(&user(1), &part(&user(1)), &denied));
        for kind in [ErrorKind::Throttled, ErrorKind::Ambiguous, ErrorKind::Busy] {
            assert!(!after(&causes, |_| error(kind, "x"), 9));
        }
    }

    #[test]
    fn an_invalid_request_is_the_classs_when_only_the_names_differ() {
        let trust = |n: usize| {
            let message = format!("Invalid principal in policy of user{n}-worker-role");
            error(ErrorKind::Invalid, &message)
        };
        assert!(after(&CommonCauses::default(), trust, 3));
        let own = |n: usize| error(ErrorKind::Invalid, &format!("value {n} is too long"));
        assert!(!after(&CommonCauses::default(), own, 5));
    }
}
