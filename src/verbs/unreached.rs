//! Places that could not be reached: nothing is known of what is there now.

use super::homes::Deed;
use crate::error::{Error, Exit};
use crate::ids::{ClassName, PlaceName, Scope};
use crate::roster::Student;
use crate::text::failure::Failure;
use crate::text::words::plural;

/// A place that could not be reached.
pub(super) struct Unreached {
    pub(crate) place: PlaceName,
    pub(crate) why: Failure,
    /// Its account and region, as far as they are known.
    pub(crate) scope: Option<Scope>,
    /// Those of the command's students who are there.
    pub(crate) students: Vec<Student>,
}

/// What to do once more about a place that could not be reached.
pub(super) fn again(place: &PlaceName) -> String {
    format!("run the same command again when place {place} can be reached")
}

/// The next step where a place of homeroom.toml does not answer.
pub(super) fn check_network(place: &PlaceName) -> String {
    format!(
        "check the network, and the region and endpoint-url of place {place} in homeroom.toml; then {}",
        again(place)
    )
}

impl Unreached {
    pub(super) fn new(place: PlaceName, error: Error, scope: Option<Scope>) -> Self {
        let first = error.failures.into_iter().next();
        Self {
            place,
            why: first.unwrap_or_else(|| Failure::new("AWS", "it could not be reached")),
            scope,
            students: Vec::new(),
        }
    }

    pub(super) fn note(&self) -> String {
        let students = match self.students.len() {
            0 => "no student of this command is known to be there".to_owned(),
            count => format!("{} could not be checked", plural(count, "student")),
        };
        let why = self.why.cause_in_full();
        format!(
            "PLACE {} COULD NOT BE REACHED: {students}: {why}",
            self.place
        )
    }
}

/// The error where none of the places could be reached, with why for each. A command that deletes never seems complete.
pub(super) fn none_reached(
    work: Deed,
    class: &ClassName,
    errors: impl Iterator<Item = Error>,
) -> Error {
    let mut all = Error::of(Exit::General, Vec::new());
    errors.for_each(|error| all.join(error));
    if work.deletes() || all.failures.is_empty() {
        let cause = "no place could be reached, so nothing was touched, and nothing is known of what stands there";
        let last = Failure::new(format!("class {class}"), cause);
        all.failures
            .push(last.hint("run the same command again when the places can be reached"));
    }
    if work.deletes() {
        all.exit = Exit::Remains;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_that_reaches_no_place_ends_as_one_that_left_something() {
        let exit = |work| {
            let lost = ["east", "west"].map(|place| Error::new(Exit::General, place, "no network"));
            let error = none_reached(work, &"demo".parse().unwrap(), lost.into_iter());
            let said = error.to_string();
            assert!(said.contains("east") && said.contains("west"), "{said}");
            error.exit
        };
        assert_eq!(exit(Deed::Deletes), Exit::Remains);
        assert_eq!(exit(Deed::Revokes), Exit::Remains);
        assert_eq!(exit(Deed::Looks), Exit::General);
    }
}
