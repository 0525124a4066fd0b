//! Whether the stacks of a roster's usernames stand somewhere else: in another class, another region, or under another
//! spelling. A person who typed the wrong one must learn that before anything is made, deleted or graded.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Exit, Result};
use crate::ids::{ClassName, Username};
use crate::stack::kinds::{Desired, Observed, ResourceId};
use crate::stack::ownership::{Owner, Ownership, TAG_REGION, Tags};
use crate::text::words::some_of;

const NAMED: usize = 5;

/// Where a student's stack stands, as far as that is not where it was looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Whereabouts {
    pub(crate) class: Option<ClassName>,
    pub(crate) region: Option<String>,
}

/// Where the stacks of a roster's usernames stand, while nothing of theirs stands where it was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    places: BTreeMap<Whereabouts, BTreeSet<Username>>,
    /// Students whose stack bears another spelling: as the roster has it, and as the stack does.
    spellings: BTreeMap<Username, Username>,
    /// How many students these are, and of how many.
    carriers: usize,
    students: usize,
}

/// Whose stacks must be somewhere else for a command to be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refuse {
    /// Those of anybody.
    Any,
    /// Those of most: for a command that makes stacks. A few students may have some of another course, and the others need
    /// theirs.
    Most,
}

impl Whereabouts {
    /// `these stacks are class lab6: add --class lab6`
    pub(crate) fn sentence(&self) -> String {
        match (&self.class, &self.region) {
            (Some(class), Some(region)) => format!(
                "these stacks are class {class} in region {region}: add --class {class} --region {region}"
            ),
            (Some(class), None) => format!("these stacks are class {class}: add --class {class}"),
            (None, Some(region)) => {
                format!("these stacks are in region {region}: add --region {region}")
            }
            (None, None) => String::new(),
        }
    }
}

impl Elsewhere {
    /// Looks for the stacks of the students in other places. `None` when something of theirs is where it belongs.
    pub(crate) fn find(desired: &Desired, observed: &Observed) -> Option<Self> {
        if stands_here(desired, observed) {
            return None;
        }
        let students = || desired.stacks.iter().map(|stack| stack.student());
        let mut found = Self {
            places: BTreeMap::new(),
            spellings: BTreeMap::new(),
            carriers: 0,
            students: desired.stacks.len(),
        };
        for (owner, region) in signs(desired, observed) {
            let is_same = |student: &&Username| {
                let (one, other) = (student.as_str(), owner.student.as_str());
                one.eq_ignore_ascii_case(other)
            };
            let Some(student) = students().find(is_same).cloned() else {
                continue;
            };
            let place = Whereabouts {
                class: (owner.class != desired.class).then_some(owner.class),
                region: region.filter(|region| *region != desired.scope.region),
            };
            if place != Whereabouts::default() {
                let students = found.places.entry(place).or_default();
                students.insert(student.clone());
            }
            if student != owner.student {
                found.spellings.insert(student, owner.student);
            }
        }
        let mut carriers: BTreeSet<&Username> = found.places.values().flatten().collect();
        carriers.extend(found.spellings.keys());
        found.carriers = carriers.len();
        (found.carriers > 0).then_some(found)
    }

    /// Refuses where nothing of the class stands at any of its places, each with what was found there, and its students'
    /// stacks are somewhere else: one line that says what to type, in the place of a conflict for each student. Returns what
    /// to note of each place.
    pub(crate) fn check_all(
        places: &[(&Desired, &Observed, Option<Self>)],
        whose: Refuse,
    ) -> Vec<Result<Option<String>>> {
        let mut all = places.iter();
        let stands = all.any(|(desired, observed, _)| stands_here(desired, observed));
        let students: usize = places.iter().map(|(it, ..)| it.stacks.len()).sum();
        let found = places.iter().filter_map(|(_, _, found)| found.as_ref());
        let carriers: usize = found.map(|found| found.carriers).sum();
        let refused = !stands && (whose == Refuse::Any || carriers * 2 > students);
        let answers = places.iter().map(|(desired, _, found)| match found {
            None => Ok(None),
            Some(found) if refused => Err(found.refused(desired)),
            // Each of the few is told of by themselves.
            Some(found) if whose == Refuse::Most && !found.is_most() => Ok(None),
            Some(found) => Ok(Some(format!(
                "nothing of its students is here; {}",
                found.sentence()
            ))),
        });
        answers.collect()
    }

    pub(crate) fn refused(&self, desired: &Desired) -> Error {
        let (account, region) = (&desired.scope.account, &desired.scope.region);
        let place = self.sentence();
        Error::new(
            Exit::Refused,
            format!("class {}", desired.class),
            format!(
                "nothing of its students is in account {account}, {region}; {place}; nothing was touched"
            ),
        )
    }

    /// Whether it is so for most of the students.
    pub(crate) fn is_most(&self) -> bool {
        self.carriers * 2 > self.students
    }

    /// One line: where the stacks are, and what to type.
    pub(crate) fn sentence(&self) -> String {
        let mut places: Vec<_> = self.places.iter().collect();
        places.sort_by_key(|(_, students)| std::cmp::Reverse(students.len()));
        let several = places.len() > 1;
        let sentences = places.into_iter().map(|(place, students)| match several {
            true => format!("{} ({})", place.sentence(), students.len()),
            false => place.sentence(),
        });
        let mut parts: Vec<String> = sentences.collect();
        if !self.spellings.is_empty() {
            let stand: BTreeSet<&Username> = self.spellings.values().collect();
            let named: Vec<String> = stand.iter().map(|name| format!("'{name}'")).collect();
            parts.push(format!(
                "these stacks are of the same students in another spelling: write {} in the roster",
                some_of(&named, NAMED)
            ));
        }
        parts.join("; ")
    }
}

/// Whether something of one of the students' stacks stands where it was looked for.
pub(crate) fn stands_here(desired: &Desired, observed: &Observed) -> bool {
    let owners: BTreeSet<&Owner> = desired.stacks.iter().map(|stack| &stack.owner).collect();
    let mut here = observed.owned(desired).into_keys();
    here.any(|owner| owners.contains(&owner))
}

/// Everything that says whose it is, with the region where that is told.
fn signs(desired: &Desired, observed: &Observed) -> Vec<(Owner, Option<String>)> {
    let stacks = desired.stacks.iter();
    let named = stacks.flat_map(|stack| stack.specs().map(|spec| (spec.id(), &stack.owner)));
    let by_name: BTreeMap<ResourceId, &Owner> = named.collect();
    let seen = observed
        .all()
        .filter(|seen| seen.id().kind.is_worked_with());
    let signs = seen.filter_map(|seen| match seen.path_and_tags() {
        Some((path, tags)) => of_principal(path, tags, by_name.get(&seen.id()).copied()),
        None => match seen.whose(desired, None) {
            Ownership::OtherClass(owner) | Ownership::Ours(owner) => Some((owner, None)),
            _ => None,
        },
    });
    // Another lab's stack stands beside this one's, not in its place.
    signs
        .filter(|(owner, _)| owner.lab == desired.lab)
        .collect()
}

/// Whose a role or user is, of whatever class: the path tells the class, and tags that say otherwise were copied.
fn of_principal(
    path: &str,
    tags: &Tags,
    by_name: Option<&Owner>,
) -> Option<(Owner, Option<String>)> {
    let class = path.strip_prefix("/homeroom/")?.strip_suffix('/')?;
    let class: ClassName = class.parse().ok()?;
    let owner = match Owner::from_tags(tags) {
        Some(owner) => owner,
        None => Owner {
            class: class.clone(),
            ..by_name?.clone()
        },
    };
    (owner.class == class).then(|| (owner, tags.get(TAG_REGION).cloned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Scope;
    use crate::stack::kinds::Gap;
    use crate::stack::kinds::{Kind, role};
    use crate::stack::ownership::Fingerprint;
    use crate::stack::plan::deploy;
    use crate::stack::plan::tests::desired;

    fn scope(region: &str) -> Scope {
        Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: region.into(),
        }
    }

    /// The roles of these students' stacks in a class and region.
    fn roles(class: &str, region: &str, students: &[&str]) -> Observed {
        let mut observed = Observed::default();
        for student in students {
            let owner = Owner {
                class: class.parse().unwrap(),
                student: student.parse().unwrap(),
                lab: "lab6".parse().unwrap(),
            };
            let name = format!("{student}-role");
            let role = role::Seen {
                created_ms: None,
                id: name.clone(),
                path: Scope::role_path(&owner.class),
                trust: None,
                inline: BTreeMap::new(),
                attached: Vec::new(),
                tags: owner.tags(&scope(region), &Fingerprint::of(["x"])),
                boundary: None,
                name: name.clone(),
            };
            observed.roles.insert(name, role);
        }
        observed
    }

    fn said(students: &[&str], observed: &Observed) -> Option<String> {
        Elsewhere::find(&desired(students), observed).map(|found| found.sentence())
    }

    #[test]
    fn another_class_region_or_both_are_told_with_what_to_type() {
        let two = ["ana", "ben"];
        for (class, region, sentence) in [
            (
                "lab6",
                "us-east-1",
                "these stacks are class lab6: add --class lab6",
            ),
            (
                "demo",
                "eu-west-1",
                "these stacks are in region eu-west-1: add --region eu-west-1",
            ),
            (
                "lab6",
                "eu-west-1",
                "these stacks are class lab6 in region eu-west-1: add --class lab6 --region eu-west-1",
            ),
        ] {
            let found = said(&two, &roles(class, region, &two));
            assert_eq!(found.as_deref(), Some(sentence));
        }
    }

    #[test]
    fn another_spelling_is_told_with_what_to_write() {
        let found = said(
            &["Ana", "Ben"],
            &roles("demo", "us-east-1", &["ana", "ben"]),
        );
        let found = found.unwrap();
        assert!(
            found.contains("write 'ana', 'ben' in the roster"),
            "{found}"
        );
    }

    #[test]
    fn with_a_stack_here_nothing_is_said_and_a_few_elsewhere_are_not_most() {
        let three = ["ana", "ben", "cleo"];
        let mut mixed = roles("lab6", "us-east-1", &["ana", "ben"]);
        mixed
            .roles
            .extend(roles("demo", "us-east-1", &["cleo"]).roles);
        assert_eq!(said(&three, &mixed), None);
        let few = roles("lab6", "us-east-1", &["ana"]);
        let most =
            |observed| Elsewhere::find(&desired(&three), observed).map(|found| found.is_most());
        assert_eq!(most(&few), Some(false));
        assert_eq!(
            most(&roles("lab6", "us-east-1", &["ana", "ben"])),
            Some(true)
        );
        assert_eq!(said(&three, &Observed::default()), None);
        assert_eq!(said(&["dora"], &roles("lab6", "us-east-1", &three)), None);
    }

    #[test]
    fn several_places_are_told_with_how_many_stand_there() {
        let three = ["ana", "ben", "cleo"];
        let mut mixed = roles("lab6", "us-east-1", &["ana", "ben"]);
        mixed
            .roles
            .extend(roles("lab5", "us-east-1", &["cleo"]).roles);
        let found = said(&three, &mixed).unwrap();
        assert_eq!(
            found,
            "these stacks are class lab6: add --class lab6 (2); these stacks are class lab5: add --class lab5 (1)"
        );
    }

    #[test]
    fn a_place_without_the_class_is_refused_only_if_it_stands_at_no_other() {
        let wanted = desired(&["ana"]);
        let (other, here) = (
            roles("lab6", "us-east-1", &["ana"]),
            roles("demo", "us-east-1", &["ana"]),
        );
        let checked_by = |places: &[&Observed], whose| {
            let places = places.iter().map(|observed| {
                let found = Elsewhere::find(&wanted, observed);
                (&wanted, *observed, found)
            });
            let answers = Elsewhere::check_all(&places.collect::<Vec<_>>(), whose);
            let answers: Result<Vec<_>> = answers.into_iter().collect();
            answers
        };
        let checked = |places: &[&Observed]| checked_by(places, Refuse::Any);
        assert!(checked(&[&other]).is_err());
        assert!(checked(&[&other, &Observed::default()]).is_err());
        let notes = checked(&[&other, &here]).unwrap();
        let note = notes[0].as_ref().unwrap();
        assert!(note.contains("add --class lab6"), "{note}");
        assert_eq!(notes[1], None);
        // What makes stacks is refused where most of the whole class is elsewhere, and not of one place alone.
        let making = |places: &[&Observed]| checked_by(places, Refuse::Most);
        assert!(making(&[&other, &other]).is_err());
        let none = Observed::default();
        let notes = making(&[&other, &none]).unwrap();
        assert!(notes[0].is_some() && notes[1].is_none(), "{notes:?}");
        assert!(making(&[&other, &here]).unwrap()[0].is_some());
    }

    #[test]
    fn another_lab_s_stack_and_copied_tags_are_no_sign() {
        let mut other = roles("lab6", "us-east-1", &["ana"]);
        let role = other.roles.get_mut("ana-role").unwrap();
        role.tags.insert("homeroom:lab".into(), "other".into());
        assert_eq!(said(&["ana"], &other), None);
        let mut copied = roles("lab6", "us-east-1", &["ana"]);
        copied.roles.get_mut("ana-role").unwrap().path = "/somewhere/".into();
        assert_eq!(said(&["ana"], &copied), None);
    }

    #[test]
    fn the_hint_of_one_conflict_says_what_is_so() {
        let hint = |students: &[&str], observed: &Observed| {
            let plan = deploy::plan(&desired(students), observed, false);
            let items = plan.students[0].items.iter();
            items.filter_map(|item| item.hint.clone()).next()
        };
        let class = hint(&["ana"], &roles("lab6", "us-east-1", &["ana"])).unwrap();
        assert!(class.contains("add --class lab6"), "{class}");
        let region = hint(&["ana"], &roles("demo", "eu-west-1", &["ana"])).unwrap();
        assert!(region.contains("add --region eu-west-1"), "{region}");
        let spelling = hint(&["Ana"], &roles("demo", "us-east-1", &["ana"])).unwrap();
        assert!(spelling.contains("write 'ana'"), "{spelling}");
    }

    #[test]
    fn what_could_not_be_listed_is_no_sign_either() {
        let mut observed = Observed::default();
        observed.gaps.push(Gap {
            kind: Kind::Role,
            name: None,
            student: None,
            cause: "denied".into(),
        });
        assert_eq!(said(&["ana"], &observed), None);
    }
}
