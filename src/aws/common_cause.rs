//! Causes that are everybody's: a permission that is missing, a limit of the account, a trust policy that AWS does not
//! take. The first students who fail show them, and then the class need not meet them one by one.
//!
//! What is everybody's and what is one student's is told by what the others' calls came to: a few students have failed
//! for the same cause at the same part of their stacks, and nobody has got past it. One student's own broken resource
//! never looks so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use crate::ids::Username;
use crate::stack::kinds::ResourceId;

use super::error::{CloudError, ErrorKind};
use super::operations::Operation;

/// So many students make a cause the class's.
const FEW: usize = 3;

/// A part of a stack whoever's it is: `IAM role *-worker-role`. Or something else that is done for each student.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StackPart(String);

impl StackPart {
    /// The part that a student's resource is.
    pub(crate) fn of(resource: &ResourceId, student: &Username) -> Self {
        Self(anybodys(&resource.to_string(), student))
    }

    /// Something that is done alike for each student.
    pub(crate) fn alike(what: impl ToString) -> Self {
        Self(what.to_string())
    }
}

/// The text with `*` in the place of the student's name, where that is a word of its own: a short name occurs in others.
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

/// A cause: what was asked for, of what, and how AWS refused it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct CommonCause {
    operation: Operation,
    part: StackPart,
    code: String,
    /// What the message says whoever it is about, where the code alone says little.
    words: String,
}

/// What students failed for in a run, and what went well.
#[derive(Debug, Default)]
pub(crate) struct CommonCauses(Mutex<Outcomes>);

#[derive(Debug, Default)]
struct Outcomes {
    well: BTreeSet<(Operation, StackPart)>,
    failed: BTreeMap<CommonCause, BTreeSet<Username>>,
    /// Those of them that are limits: they are met by those who come after others went well.
    limits: BTreeMap<Operation, BTreeSet<Username>>,
    /// What is known to be everybody's, and was told.
    told: BTreeMap<StackPart, CloudError>,
}

impl CommonCauses {
    /// A call went well.
    pub(crate) fn went_well(&self, operation: Operation, part: Option<&StackPart>) {
        let mut seen = self.0.lock().unwrap_or_else(|e| e.into_inner());
        seen.limits.remove(&operation);
        if let Some(part) = part {
            seen.well.insert((operation, part.clone()));
        }
    }

    /// A student's part failed.
    pub(crate) fn failed(&self, student: &Username, part: &StackPart, error: &CloudError) {
        let mut seen = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if error.kind == ErrorKind::LimitExceeded {
            let students = seen.limits.entry(error.operation).or_default();
            students.insert(student.clone());
        } else if let Some(words) = words(error, student) {
            let cause = cause(part, error, words);
            seen.failed
                .entry(cause)
                .or_default()
                .insert(student.clone());
        }
    }

    /// Keeps what is everybody's; whether it is news.
    pub(crate) fn is_news(&self, part: &StackPart, error: &CloudError) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(|e| e.into_inner());
        seen.told.insert(part.clone(), error.clone()).is_none()
    }

    /// What is known to keep everybody from it.
    pub(crate) fn told(&self, part: &StackPart) -> Option<CloudError> {
        let seen = self.0.lock().unwrap_or_else(|e| e.into_inner());
        seen.told.get(part).cloned()
    }

    /// How many students have failed so and kept the class from it, as far as the answers so far tell: at least a few,
    /// and nobody got past it.
    pub(crate) fn is_everybodys(
        &self,
        student: &Username,
        part: &StackPart,
        error: &CloudError,
    ) -> bool {
        let seen = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let students = if error.kind == ErrorKind::LimitExceeded {
            seen.limits.get(&error.operation)
        } else {
            let Some(words) = words(error, student) else {
                return false;
            };
            if seen.well.contains(&(error.operation, part.clone())) {
                return false;
            }
            seen.failed.get(&cause(part, error, words))
        };
        students.is_some_and(|students| students.len() >= FEW)
    }
}

fn cause(part: &StackPart, error: &CloudError, words: String) -> CommonCause {
    CommonCause {
        operation: error.operation,
        part: part.clone(),
        code: error.code.clone(),
        words,
    }
}

/// What of a message tells one cause from another; `None` where waiting or trying again may help a student, or the
/// error says nothing of the others.
fn words(error: &CloudError, student: &Username) -> Option<String> {
    match error.kind {
        // Who is refused what stands in the operation, and AWS's words name ids that no two students share.
        ErrorKind::AccessDenied
        | ErrorKind::Unresolved
        | ErrorKind::RoleNotAssumable
        | ErrorKind::RoleRefused
        | ErrorKind::Unreachable
        | ErrorKind::Credentials
        | ErrorKind::LimitExceeded => Some(String::new()),
        // What a new role must have is named in the settings.
        ErrorKind::NotFound if names_a_boundary(error.operation) => Some(String::new()),
        ErrorKind::Invalid => Some(anybodys(&error.message, student)),
        ErrorKind::NotFound
        | ErrorKind::AlreadyExists
        | ErrorKind::Busy
        | ErrorKind::Throttled
        | ErrorKind::Ambiguous
        | ErrorKind::Deleting => None,
    }
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
            stops = causes.is_everybodys(&student, &part(&student), &error);
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
            stops = causes.is_everybodys(&student, &part, &error);
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
        assert!(!causes.is_everybodys(&user(1), &part(&user(1)), &denied));
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
