//! Failures grouped by cause over the class, so that each fix is read once.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::evidence::check::{CheckResult, Evidence, Verdict};
use crate::ids::Username;
use crate::lab::check::Work;
use crate::text::failure::Failure;

use crate::text::show::clean;

/// What stands for the student's own name in a cause that several share.
const ANY_STUDENT: &str = "<username>";

/// One cause, and the students with it, as in `report.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Cause {
    /// Where several students share the cause, `<username>` stands for the student's name.
    pub(crate) cause: String,
    pub(crate) hint: Option<String>,
    /// What failed, each once, in order of appearance.
    pub(crate) subjects: Vec<String>,
    /// Each once, in order of appearance.
    pub(crate) students: Vec<Username>,
    /// AWS's id of the first of the requests that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
}

/// Groups failures by their cause: the one with the most students first, equal ones in order of appearance.
pub(crate) fn group<'a>(failures: impl IntoIterator<Item = (&'a Username, Failure)>) -> Vec<Cause> {
    let mut at: BTreeMap<String, usize> = BTreeMap::new();
    let mut causes: Vec<(Cause, Failure)> = Vec::new();
    for (student, failure) in failures {
        let key = generalise(&failure.cause, student);
        let index = *at.entry(key.clone()).or_insert_with(|| {
            let cause = Cause {
                cause: key,
                hint: failure.hint.as_deref().map(|h| generalise(h, student)),
                subjects: Vec::new(),
                students: Vec::new(),
                request_id: failure.request_id.clone().or_else(|| id_in(&failure.cause)),
            };
            causes.push((cause, failure.clone()));
            causes.len() - 1
        });
        let cause = &mut causes[index].0;
        let subject = generalise(&failure.subject, student);
        if !cause.subjects.contains(&subject) {
            cause.subjects.push(subject);
        }
        // Failures come student by student, so looking at the last one is enough.
        if cause.students.last() != Some(student) {
            cause.students.push(student.clone());
        }
    }
    let with_own_words = |(mut cause, first): (Cause, Failure)| {
        // With only one student, the text of the failure itself is better.
        if let [only] = cause.students.as_slice() {
            cause.cause = clean(&first.cause).into_owned();
            cause.hint = first.hint.as_deref().map(|h| clean(h).into_owned());
            for subject in &mut cause.subjects {
                *subject = subject.replace(ANY_STUDENT, only.as_str());
            }
        }
        cause
    };
    let mut causes: Vec<Cause> = causes.into_iter().map(with_own_words).collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.students.len()));
    causes
}

/// The hint where something could not be read and there is no other hint.
const UNREAD: &str =
    "run the same command again in a minute; where AWS denied it, allow the action that it names";

/// A check that needs attention, as a failure: a broken stack, or a check that could not be made. A student's task that
/// is not done yet is no failure.
pub(crate) fn of_check(check: &CheckResult) -> Option<Failure> {
    let needs_somebody = match check.verdict {
        Verdict::Fail => check.work == Work::Stack,
        Verdict::CouldNotCheck => true,
        Verdict::Pass | Verdict::NotProvable => false,
    };
    needs_somebody.then(|| Failure {
        subject: check.title.clone(),
        cause: match check.evidence.as_slice() {
            [] => "no reason was given".to_owned(),
            all => {
                let words: Vec<String> = all.iter().map(Evidence::words).collect();
                words.join("; ")
            }
        },
        // The student's hint does not help where something could not be read.
        hint: match (check.verdict, check.work) {
            (Verdict::CouldNotCheck, Work::Student) => {
                let own = check.instructor_hint.clone();
                own.or_else(|| Some(UNREAD.to_owned()))
            }
            _ => Some(check.instructor_hint().to_owned()),
        }
        .filter(|hint| !hint.is_empty()),
        request_id: None,
    })
}

/// A student's checks that need attention. Without a stack, only those of the stack itself.
pub(super) fn of_checks<'a>(
    student: &'a Username,
    is_deployed: bool,
    checks: &'a [CheckResult],
) -> impl Iterator<Item = (&'a Username, Failure)> {
    checks
        .iter()
        .filter(move |check| is_deployed || check.work == Work::Stack)
        .filter_map(of_check)
        .map(move |failure| (student, failure))
}

/// Takes out what differs between students with the same cause: the username and request ids.
pub(super) fn generalise(text: &str, student: &Username) -> String {
    let text = clean(text);
    let name = student.as_str();
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(found) = rest.find(name) {
        let (before, after) = (&rest[..found], &rest[found + name.len()..]);
        let bounded = !before.ends_with(|c: char| c.is_alphanumeric())
            && !after.starts_with(|c: char| c.is_alphanumeric());
        out.push_str(before);
        out.push_str(if bounded { ANY_STUDENT } else { name });
        rest = after;
    }
    out.push_str(rest);
    // homeroom adds this to a text. It is empty words without the id.
    without_uuids(&out).replace(" (request id <request id>)", "")
}

fn id_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once(" (request id ")?;
    Some(clean(rest.split_once(')')?.0).into_owned())
}

/// AWS puts a request id (a UUID), which is always another, into many messages.
fn without_uuids(text: &str) -> String {
    const DASHES: [usize; 4] = [8, 13, 18, 23];
    let is_uuid = |bytes: &[u8]| {
        let mut bytes = bytes.iter().enumerate();
        bytes.all(|(i, b)| match DASHES.contains(&i) {
            true => *b == b'-',
            false => b.is_ascii_hexdigit(),
        })
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(head) = rest.as_bytes().get(..36)
            && is_uuid(head)
        {
            out.push_str("<request id>");
            rest = &rest[36..];
        } else {
            let next = rest.chars().next().map_or(1, char::len_utf8);
            out.push_str(&rest[..next]);
            rest = &rest[next..];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(subject: &str, cause: &str) -> Failure {
        Failure::new(subject, cause).hint("do this")
    }

    #[test]
    fn the_same_cause_is_said_once_whatever_the_student_and_the_request_id() {
        let (one, eleven): (Username, Username) =
            ("user1".parse().unwrap(), "user11".parse().unwrap());
        let text = |u: &str, id: &str| format!("AccessDenied on {u}-api (request {id})");
        let causes = group([
            (
                &one,
                failure(
                    "API user1-api",
                    &text("user1", "7d1b9e0c-0f4a-4d0e-9a55-0123456789ab"),
                ),
            ),
            (
                &eleven,
                failure(
                    "API user11-api",
                    &text("user11", "8d1b9e0c-0f4a-4d0e-9a55-0123456789ab"),
                ),
            ),
        ]);
        assert_eq!(causes.len(), 1);
        assert_eq!(
            causes[0].cause,
            "AccessDenied on <username>-api (request <request id>)"
        );
        assert_eq!(causes[0].subjects, ["API <username>-api"]);
        assert_eq!(causes[0].students, [one, eleven]);
    }

    #[test]
    fn the_id_of_a_request_parts_no_causes_and_stays_with_the_only_one() {
        let (one, two): (Username, Username) = ("u1".parse().unwrap(), "u2".parse().unwrap());
        let of = |n: u32| format!("denied (request id 00000000-0000-4000-8000-{n:012})");
        let causes = group([(&one, failure("x", &of(1))), (&two, failure("x", &of(2)))]);
        assert_eq!((causes.len(), causes[0].cause.as_str()), (1, "denied"));
        let first = "00000000-0000-4000-8000-000000000001";
        assert_eq!(causes[0].request_id.as_deref(), Some(first));
        let causes = group([(&one, failure("x", &of(1)))]);
        assert_eq!(causes[0].cause, of(1));
    }

    #[test]
    fn the_widest_cause_comes_first_and_one_students_keeps_its_words() {
        let users: Vec<Username> = (1..4).map(|n| format!("u{n}").parse().unwrap()).collect();
        let causes = group([
            (&users[0], failure("x of u1", "only u1")),
            (&users[1], failure("y", "shared")),
            (&users[2], failure("y", "shared")),
        ]);
        assert_eq!(causes[0].cause, "shared");
        assert_eq!(causes[1].cause, "only u1");
        assert_eq!(causes[1].subjects, ["x of u1"]);
    }

    #[test]
    fn a_name_inside_a_longer_word_is_not_the_students() {
        let user: Username = "ana".parse().unwrap();
        assert_eq!(
            generalise("banana of ana-x", &user),
            "banana of <username>-x"
        );
    }
}
