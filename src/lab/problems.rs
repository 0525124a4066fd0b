//! Everything that is wrong with a bundle, said at once and each thing once, however many students it concerns.

use std::collections::BTreeSet;

use crate::ids::Username;
use crate::text::failure::Failure;
use crate::text::words::some_of;

/// Students named one by one before the rest is only counted.
const NAMED: usize = 3;

#[derive(Debug, Default)]
pub(super) struct Problems {
    list: Vec<(Failure, BTreeSet<Username>)>,
}

impl Problems {
    /// Adds a problem that concerns the bundle itself.
    pub(crate) fn add(
        &mut self,
        subject: impl Into<String>,
        cause: impl Into<String>,
    ) -> &mut Failure {
        self.entry(subject.into(), cause.into(), None)
    }

    /// Adds a problem of one student; the same problem of several students is one failure.
    pub(crate) fn add_for(
        &mut self,
        student: &Username,
        subject: impl Into<String>,
        cause: impl Into<String>,
    ) -> &mut Failure {
        self.entry(subject.into(), cause.into(), Some(student))
    }

    fn entry(
        &mut self,
        subject: String,
        cause: String,
        student: Option<&Username>,
    ) -> &mut Failure {
        let same =
            |(failure, _): &(Failure, _)| failure.subject == subject && failure.cause == cause;
        let index = match self.list.iter().position(same) {
            Some(index) => index,
            None => {
                let failure = Failure::new(subject, cause);
                self.list.push((failure, BTreeSet::new()));
                self.list.len() - 1
            }
        };
        let (failure, students) = &mut self.list[index];
        students.extend(student.cloned());
        failure
    }

    /// Puts problems of the bundle itself before all others.
    pub(crate) fn begin_with(&mut self, failures: Vec<Failure>) {
        let first = failures
            .into_iter()
            .map(|failure| (failure, BTreeSet::new()));
        self.list.splice(0..0, first);
    }

    pub(crate) fn forget(&mut self, is_untrue: impl Fn(&Failure) -> bool) {
        self.list.retain(|(failure, _)| !is_untrue(failure));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// `value`, unless there are problems.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Vec<Failure>> {
        match self.list.is_empty() {
            true => Ok(value),
            false => Err(self.into_failures()),
        }
    }

    /// The failures, each with the students that it concerns.
    fn into_failures(self) -> Vec<Failure> {
        let said = |(mut failure, students): (Failure, BTreeSet<Username>)| {
            if !students.is_empty() {
                let names: Vec<_> = students.iter().map(Username::as_str).collect();
                let whom = some_of(&names, NAMED);
                failure.subject.push_str(&format!(" (for {whom})"));
            }
            failure
        };
        self.list.into_iter().map(said).collect()
    }
}

/// Lists what could have been meant, for a hint.
pub(super) fn known<'a>(what: &str, ids: impl IntoIterator<Item = &'a str>) -> String {
    match ids.into_iter().collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => format!("this lab has no {what}"),
        ids => format!("{what} here: {ids}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_problem_of_many_students_is_one_failure() {
        let mut problems = Problems::default();
        for name in ["a", "b", "c", "d", "e"] {
            problems.add_for(&name.parse().unwrap(), "t.json", "is not JSON");
        }
        problems.add("lab.toml", "is empty");
        let failures = problems.into_failures();
        assert_eq!(failures.len(), 2);
        assert_eq!(failures[0].subject, "t.json (for a, b, c and 2 more)");
        assert_eq!(failures[1].subject, "lab.toml");
    }
}
