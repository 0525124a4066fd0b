//! In which of the class's places each student's stack belongs. Equal input gives equal places, whatever the order of the
//! roster's rows, and nobody is ever given a second stack.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{PlaceName, Username};
use crate::roster::Student;
use crate::text::failure::Failure;
use crate::text::words::some_of;

/// A place as it was found before anything was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlaceSight {
    pub(crate) name: PlaceName,
    /// Everybody of the class who has any part of a stack there, those who left the roster included. `None`: it could not
    /// be looked at, or was not.
    pub(crate) stacks: Option<BTreeSet<Username>>,
    /// For how many more stacks there is room. `None`: no bound is known.
    pub(crate) room: Option<u32>,
}

/// Where a student's stack is or is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Placement {
    At(PlaceName),
    /// Their stack may stand where nobody could look, so none is made and none is called missing.
    Unknown(WhyUnknown),
    Conflict(Conflict),
    /// A new student, and no place has room.
    Full,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WhyUnknown {
    /// Seen nowhere, and these places could not be looked at.
    Unseen(Vec<PlaceName>),
    /// Last known in this place, which could not be looked at, and the roster says another.
    LastIn(PlaceName),
    /// Last known in this place, which the settings do not have any more.
    Removed(PlaceName),
    /// Seen nowhere, and the class was deployed in this account and region, which is no place of the settings.
    Former(String),
    /// Last known in this place, when that was this account and region.
    Moved(PlaceName, String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// Stacks of one student in several places.
    Several(Vec<PlaceName>),
    /// The stack stands in one place, and the roster says another.
    Elsewhere {
        stands: PlaceName,
        roster: PlaceName,
    },
}

impl Placement {
    pub(crate) fn place(&self) -> Option<&PlaceName> {
        match self {
            Self::At(place) => Some(place),
            _ => None,
        }
    }

    /// What to tell of a student who cannot be worked on; `None` where there is a place.
    pub(crate) fn failure(&self, username: &Username) -> Option<Failure> {
        let list = |places: &[PlaceName]| {
            let names: Vec<&str> = places.iter().map(PlaceName::as_str).collect();
            some_of(&names, 8)
        };
        let (cause, hint) = match self {
            Self::At(_) => return None,
            Self::Unknown(WhyUnknown::Unseen(places)) => (
                format!(
                    "could not check: no stack is seen, and it may be in {}, which could not be looked at",
                    list(places)
                ),
                "run it again when every place can be reached".to_owned(),
            ),
            Self::Unknown(WhyUnknown::LastIn(place)) => (
                format!(
                    "could not check: the stack was last in {place}, which could not be looked at, and the roster says \
                     another place"
                ),
                format!("run it again when {place} can be reached, or put {place} back into the roster"),
            ),
            Self::Unknown(WhyUnknown::Removed(place)) => (
                format!(
                    "could not check: the stack was last in {place}, which is no place of homeroom.toml any more"
                ),
                format!(
                    "put {place} back into homeroom.toml; to give it up: homeroom teardown --place {place} first"
                ),
            ),
            Self::Unknown(WhyUnknown::Former(words)) => (
                format!("could not check: no stack is seen, and it may still stand in {words}, which is no place of homeroom.toml"),
                "add a [[place]] with that account and region to homeroom.toml; if nothing of the class is there any more, \
                 move place.json of the class's folder in reports/ away"
                    .to_owned(),
            ),
            Self::Unknown(WhyUnknown::Moved(place, words)) => (
                format!("could not check: the stack was last in {place}, which was {words}, and nobody looked there"),
                format!("correct profile, role_arn or region of place {place}, or give that account and region a [[place]] of its own"),
            ),
            Self::Conflict(Conflict::Several(places)) => (
                format!("has a stack in each of {}", list(places)),
                format!(
                    "look which one the student works in, and take each other one down: homeroom teardown --students \
                     {username} --place NAME"
                ),
            ),
            Self::Conflict(Conflict::Elsewhere { stands, roster }) => (
                format!("the stack is in {stands}, and the roster says {roster}"),
                format!(
                    "put {stands} into the roster; or, to begin anew in {roster}: homeroom teardown --students {username} \
                     --place {stands}, then deploy"
                ),
            ),
            Self::Full => (
                "no place has room for another stack".to_owned(),
                "ask AWS for more of the quota that homeroom plan names, or add a [[place]] to homeroom.toml".to_owned(),
            ),
        };
        Some(Failure::new(username.as_str(), cause).hint(hint))
    }
}

/// Gives each student of the roster a place. `remembered`: where each one's stack was last known or begun.
///
/// Give the whole roster, even for a command about some of it: how evenly new students are spread depends on everybody.
pub(crate) fn assign(
    roster: &[Student],
    places: &[PlaceSight],
    remembered: &BTreeMap<Username, PlaceName>,
) -> BTreeMap<Username, Placement> {
    let mut places: Vec<&PlaceSight> = places.iter().collect();
    places.sort_by_key(|place| &place.name);
    let places = places;
    let gaps: Vec<PlaceName> = places
        .iter()
        .filter(|place| place.stacks.is_none())
        .map(|place| place.name.clone())
        .collect();
    let mut rooms = Rooms::of(&places);
    let mut assigned = BTreeMap::new();
    let mut new: BTreeSet<&Username> = BTreeSet::new();
    // Those whose place the roster decides take their room before others.
    let mut students: Vec<&Student> = roster.iter().collect();
    students.sort_by_key(|student| (student.place.is_none(), &student.username));
    for student in students {
        let username = &student.username;
        let stands: Vec<&&PlaceSight> = places.iter().filter(|place| place.has(username)).collect();
        let known = remembered.get(username);
        let settled = match (&stands[..], &student.place, known) {
            ([place], None, _) => Placement::At(place.name.clone()),
            ([place], Some(roster), _) if place.name == *roster => Placement::At(roster.clone()),
            ([place], Some(roster), _) => Placement::Conflict(Conflict::Elsewhere {
                stands: place.name.clone(),
                roster: roster.clone(),
            }),
            ([_, _, ..], ..) => {
                let names = stands.iter().map(|place| place.name.clone());
                Placement::Conflict(Conflict::Several(names.collect()))
            }
            ([], _, Some(known)) if !places.iter().any(|place| place.name == *known) => {
                Placement::Unknown(WhyUnknown::Removed(known.clone()))
            }
            ([], Some(roster), Some(known)) if roster != known && gaps.contains(known) => {
                Placement::Unknown(WhyUnknown::LastIn(known.clone()))
            }
            ([], Some(roster), _) => {
                rooms.take(roster);
                Placement::At(roster.clone())
            }
            ([], None, Some(known)) if !gaps.is_empty() || rooms.take(known) => {
                Placement::At(known.clone())
            }
            ([], None, None) if !gaps.is_empty() => {
                Placement::Unknown(WhyUnknown::Unseen(gaps.clone()))
            }
            ([], None, _) => {
                new.insert(username);
                continue;
            }
        };
        assigned.insert(username.clone(), settled);
    }
    for username in new {
        let place = rooms.emptiest().inspect(|place| {
            rooms.take(place);
        });
        let assignment = place.map_or(Placement::Full, Placement::At);
        assigned.insert(username.clone(), assignment);
    }
    assigned
}

/// Takes back where those are of whom nothing is seen, and who may have a stack where nobody looks.
pub(crate) fn doubt(
    assigned: &mut BTreeMap<Username, Placement>,
    places: &[PlaceSight],
    why: WhyUnknown,
    may: impl Fn(&Username) -> bool,
) {
    for (username, placement) in assigned {
        let seen = places.iter().any(|place| place.has(username));
        if !seen && may(username) {
            *placement = Placement::Unknown(why.clone());
        }
    }
}

impl PlaceSight {
    fn has(&self, username: &Username) -> bool {
        let stacks = self.stacks.as_ref();
        stacks.is_some_and(|stacks| stacks.contains(username))
    }
}

/// How many stacks each place has, and for how many more there is room; by name, so that the order in the settings does not
/// matter.
struct Rooms(BTreeMap<PlaceName, (usize, Option<u32>)>);

impl Rooms {
    fn of(places: &[&PlaceSight]) -> Self {
        let rooms = places.iter().map(|place| {
            let stacks = place.stacks.as_ref().map_or(0, BTreeSet::len);
            (place.name.clone(), (stacks, place.room))
        });
        Self(rooms.collect())
    }

    /// Takes room for one more; `false` where there is none.
    fn take(&mut self, place: &PlaceName) -> bool {
        match self.0.get_mut(place) {
            None | Some((_, Some(0))) => false,
            Some((stacks, room)) => {
                *stacks += 1;
                *room = room.map(|room| room - 1);
                true
            }
        }
    }

    /// The place with the fewest stacks of those with room; the first by name of several.
    fn emptiest(&self) -> Option<PlaceName> {
        let with_room = self.0.iter().filter(|(_, (_, room))| *room != Some(0));
        let emptiest = with_room.min_by_key(|(_, (stacks, _))| *stacks);
        emptiest.map(|(place, _)| place.clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
        text.parse().unwrap()
    }

    fn student(username: &str, place: Option<&str>) -> Student {
        Student {
            place: place.map(name),
            ..Student::unknown(name(username))
        }
    }

    /// `stacks`: usernames with blanks between; `None` where nobody could look.
    fn sight(place: &str, stacks: Option<&str>, room: Option<u32>) -> PlaceSight {
        PlaceSight {
            name: name(place),
            stacks: stacks.map(|names| names.split_whitespace().map(name).collect()),
            room,
        }
    }

    fn at(place: &str) -> Placement {
        Placement::At(name(place))
    }

    /// What becomes of `ana`, last known in the place `known`.
    fn ana(column: Option<&str>, places: &[PlaceSight], known: Option<&str>) -> Placement {
        let known = known.map(|place| (name("ana"), name(place)));
        let assigned = assign(
            &[student("ana", column)],
            places,
            &known.into_iter().collect(),
        );
        assigned[&name("ana")].clone()
    }

    #[test]
    fn a_stack_stays_where_it_is() {
        let places = [sight("a", Some(""), None), sight("b", Some("ana"), Some(0))];
        assert_eq!(ana(None, &places, None), at("b"));
        assert_eq!(ana(Some("b"), &places, None), at("b"));
        // Wherever else it was once, and whatever else cannot be looked at.
        assert_eq!(ana(None, &places, Some("a")), at("b"));
        let gap = [places[1].clone(), sight("c", None, None)];
        assert_eq!(ana(None, &gap, None), at("b"));
    }

    #[test]
    fn the_rosters_place_never_moves_a_stack_nor_makes_a_second() {
        let places = [sight("a", Some(""), None), sight("b", Some("ana"), None)];
        let conflict = ana(Some("a"), &places, None);
        let expected = Conflict::Elsewhere {
            stands: name("b"),
            roster: name("a"),
        };
        assert_eq!(conflict, Placement::Conflict(expected));
        let said = conflict.failure(&name("ana")).unwrap();
        assert_eq!(
            said.to_string(),
            "ana: the stack is in b, and the roster says a"
        );
        let hint = said.hint.unwrap();
        assert!(
            hint.contains("homeroom teardown --students ana --place b, then deploy"),
            "{hint}"
        );
        // The same where the stack cannot be seen, and is known to have been there.
        let dark = [sight("a", Some(""), None), sight("b", None, None)];
        assert_eq!(
            ana(Some("a"), &dark, Some("b")),
            Placement::Unknown(WhyUnknown::LastIn(name("b")))
        );
        let both = [sight("a", Some("ana"), None), sight("b", Some("ana"), None)];
        let several = Conflict::Several(vec![name("a"), name("b")]);
        assert_eq!(ana(Some("a"), &both, None), Placement::Conflict(several));
    }

    #[test]
    fn who_is_seen_nowhere_is_unknown_while_a_place_is_dark() {
        let places = [sight("a", Some(""), None), sight("b", None, None)];
        let unseen = Placement::Unknown(WhyUnknown::Unseen(vec![name("b")]));
        assert_eq!(ana(None, &places, None), unseen);
        let said = unseen.failure(&name("ana")).unwrap().to_string();
        assert!(
            said.contains("could not check") && said.contains("may be in b"),
            "{said}"
        );
        for known in ["a", "b"] {
            assert_eq!(ana(None, &places, Some(known)), at(known));
        }
        for column in ["a", "b"] {
            assert_eq!(ana(Some(column), &places, None), at(column));
        }
    }

    #[test]
    fn a_place_that_left_the_settings_still_has_its_students() {
        let places = [sight("a", Some(""), None)];
        let removed = Placement::Unknown(WhyUnknown::Removed(name("old")));
        for column in [None, Some("a")] {
            assert_eq!(ana(column, &places, Some("old")), removed);
        }
    }

    #[test]
    fn who_is_seen_nowhere_may_be_where_the_class_was_before() {
        let places = [sight("a", Some("ana"), None), sight("b", Some(""), None)];
        let roster = ["ana", "ben", "cleo"].map(|username| student(username, Some("a")));
        let remembered = BTreeMap::from([(name("ben"), name("a"))]);
        let mut assigned = assign(&roster, &places, &remembered);
        let former = WhyUnknown::Former("account 1".to_owned());
        doubt(&mut assigned, &places, former, |student| {
            !remembered.contains_key(student)
        });
        assert_eq!(assigned[&name("ana")], at("a"));
        assert_eq!(assigned[&name("ben")], at("a"));
        let cleo = &assigned[&name("cleo")];
        assert_eq!(cleo.place(), None);
        let said = cleo.failure(&name("cleo")).unwrap().to_string();
        assert!(said.contains("may still stand in account 1"), "{said}");
    }

    #[test]
    fn a_run_that_was_cut_short_gives_the_same_place_again() {
        let places = [
            sight("a", Some("u1"), None),
            sight("b", Some("u2 u3"), None),
        ];
        assert_eq!(ana(None, &places, Some("b")), at("b"));
        assert_eq!(ana(None, &places, None), at("a"));
        let full = [sight("a", Some(""), None), sight("b", Some(""), Some(0))];
        assert_eq!(
            ana(None, &full, Some("b")),
            at("a"),
            "nothing of hers is there"
        );
    }

    #[test]
    fn a_class_without_room_anywhere_is_told_so() {
        let places = [sight("a", Some(""), Some(1)), sight("b", Some(""), Some(0))];
        let roster = ["ana", "ben"].map(|username| student(username, None));
        let assigned = assign(&roster, &places, &BTreeMap::new());
        assert_eq!(assigned[&name("ana")], at("a"));
        assert_eq!(assigned[&name("ben")], Placement::Full);
        assert!(
            Placement::Full
                .failure(&name("ben"))
                .unwrap()
                .hint
                .is_some()
        );
    }

    const NAMES: [&str; 4] = ["a", "b", "c", "d"];

    /// A student: column, where a stack stands, and what is remembered, as indexes of [`NAMES`].
    type Drawn = (Option<usize>, BTreeSet<usize>, Option<usize>);

    fn drawn() -> impl Strategy<Value = (Vec<Drawn>, Vec<(bool, Option<u32>)>)> {
        let index = || 0..NAMES.len();
        let maybe = || prop_oneof![3 => Just(None), 1 => index().prop_map(Some)];
        let stacks = prop_oneof![
            4 => Just(BTreeSet::new()),
            4 => index().prop_map(|one| BTreeSet::from([one])),
            1 => proptest::collection::btree_set(index(), 2..=2),
        ];
        let students = proptest::collection::vec((maybe(), stacks, maybe()), 0..40);
        let room = prop_oneof![Just(None), (0..15_u32).prop_map(Some)];
        let dark = prop_oneof![3 => Just(false), 1 => Just(true)];
        (
            students,
            proptest::collection::vec((dark, room), 1..=NAMES.len()),
        )
    }

    /// The class as it was drawn. Columns name places of the class alone, as the roster's reader sees to.
    fn class(
        students: &[Drawn],
        places: &[(bool, Option<u32>)],
    ) -> (Vec<Student>, Vec<PlaceSight>, BTreeMap<Username, PlaceName>) {
        let username = |index: usize| format!("u{index}");
        let mut sights: Vec<PlaceSight> = places
            .iter()
            .zip(NAMES)
            .map(|((dark, room), place)| sight(place, (!dark).then_some(""), *room))
            .collect();
        let mut remembered = BTreeMap::new();
        let mut roster = Vec::new();
        for (index, (column, stacks, known)) in students.iter().enumerate() {
            let column = column.filter(|column| *column < places.len());
            roster.push(student(
                &username(index),
                column.map(|column| NAMES[column]),
            ));
            for at in stacks {
                if let Some(stacks) = sights.get_mut(*at).and_then(|place| place.stacks.as_mut()) {
                    stacks.insert(name(&username(index)));
                }
            }
            remembered.extend(known.map(|known| (name(&username(index)), name(NAMES[known]))));
        }
        (roster, sights, remembered)
    }

    fn stacks_of<'a>(username: &Username, places: &'a [PlaceSight]) -> Vec<&'a PlaceName> {
        let having = places.iter().filter(|place| place.has(username));
        having.map(|place| &place.name).collect()
    }

    proptest! {
        #[test]
        fn nobody_gets_a_second_stack_and_everybody_an_answer((students, places) in drawn()) {
            let (roster, places, remembered) = class(&students, &places);
            let assigned = assign(&roster, &places, &remembered);
            prop_assert_eq!(assigned.len(), roster.len());
            for student in &roster {
                let assignment = &assigned[&student.username];
                let stacks = stacks_of(&student.username, &places);
                if let Placement::At(place) = assignment {
                    prop_assert!(stacks.iter().all(|stands| *stands == place));
                    prop_assert!(student.place.as_ref().is_none_or(|column| column == place));
                    prop_assert!(places.iter().any(|sight| sight.name == *place));
                    prop_assert_eq!(assignment.failure(&student.username), None);
                } else {
                    let failure = assignment.failure(&student.username).unwrap();
                    prop_assert!(failure.hint.is_some());
                }
                prop_assert_eq!(stacks.len() > 1, matches!(assignment, Placement::Conflict(Conflict::Several(_))));
            }
        }

        #[test]
        fn the_order_of_rows_and_of_places_changes_nothing(
            (students, places) in drawn(),
            rows in any::<prop::sample::Index>(),
        ) {
            let (mut roster, mut places, remembered) = class(&students, &places);
            let assigned = assign(&roster, &places, &remembered);
            if !roster.is_empty() {
                let turn = rows.index(roster.len());
                roster.rotate_left(turn);
            }
            places.reverse();
            prop_assert_eq!(assign(&roster, &places, &remembered), assigned);
        }

        #[test]
        fn new_students_are_spread_as_evenly_as_room_allows(
            new in 0..60_usize,
            rooms in proptest::collection::vec(prop_oneof![Just(None), (0..20_u32).prop_map(Some)], 1..=4),
            there in proptest::collection::vec(0..10_usize, 4),
        ) {
            let mut sights: Vec<PlaceSight> =
                rooms.iter().zip(NAMES).map(|(room, place)| sight(place, Some(""), *room)).collect();
            for (place, there) in sights.iter_mut().zip(&there) {
                let prefix = place.name.clone();
                place.stacks = Some((0..*there).map(|n| name(&format!("{prefix}-old-{n}"))).collect());
            }
            let roster: Vec<Student> = (0..new).map(|n| student(&format!("u{n}"), None)).collect();
            let assigned = assign(&roster, &sights, &BTreeMap::new());
            let got = |place: &PlaceSight| {
                assigned.values().filter(|at| at.place() == Some(&place.name)).count()
            };
            let left = |place: &PlaceSight| place.room.is_none_or(|room| got(place) < room as usize);
            let load = |place: &PlaceSight| got(place) + place.stacks.as_ref().unwrap().len();
            let full = assigned.values().filter(|at| **at == Placement::Full).count();
            for place in &sights {
                prop_assert!(place.room.is_none_or(|room| got(place) <= room as usize));
                prop_assert!(full == 0 || !left(place), "full while {} has room", place.name);
                for other in sights.iter().filter(|other| left(other)) {
                    prop_assert!(got(place) == 0 || load(place) <= load(other) + 1);
                }
            }
        }

        #[test]
        fn who_is_deployed_stays_when_students_are_added(
            (students, places) in drawn(),
            added in 1..20_usize,
        ) {
            let (mut roster, mut places, remembered) = class(&students, &places);
            let before = assign(&roster, &places, &remembered);
            for place in &mut places {
                let name = place.name.clone();
                if let Some(stacks) = &mut place.stacks {
                    let here = before.iter().filter(|(_, at)| at.place() == Some(&name));
                    stacks.extend(here.map(|(username, _)| username.clone()));
                }
            }
            roster.extend((0..added).map(|n| student(&format!("new{n}"), None)));
            let after = assign(&roster, &places, &remembered);
            for (username, assignment) in before.iter().filter(|(_, at)| at.place().is_some()) {
                prop_assert_eq!(&after[username], assignment);
            }
        }
    }
}
