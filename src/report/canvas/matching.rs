//! Whose a row is: the roster's students against the people of an export.
//!
//! In passes, the strongest proof first: the full e-mail address; a SIS id or login that is the username; a login
//! that is the part of the e-mail address before its `@` (or an address that begins with the username); the name. Who is
//! matched takes no part in later passes. What would give one student two people, or one person two students, gives
//! nobody anybody, now and later. So the order of rows and of students changes nothing.
//!
//! A login is easily somebody else's: seats are called `user3` in many places, and more than one person is `cora`. So
//! only a full e-mail address is believed where the names differ.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::roster::Student;
use crate::text::names::{Likeness, Name};
use crate::text::normalise::key;

/// A proof, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Proof {
    Email,
    Username,
    LocalPart,
    Name,
}

const PASSES: [Proof; 4] = [Proof::Email, Proof::Username, Proof::LocalPart, Proof::Name];

impl Proof {
    /// What the row has of the student ("the row has their …").
    pub fn words(self) -> &'static str {
        match self {
            Self::Email => "e-mail address",
            Self::Username => "username",
            Self::LocalPart => "login",
            Self::Name => "name",
        }
    }
}

/// A person of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    /// As the export writes it.
    pub name: String,
    /// SIS id and login, as the export writes them.
    pub logins: Vec<String>,
    /// Whether other rows of the same Canvas ID have another name or login, so that it is not known who it is.
    pub torn: bool,
    /// Whether it is Canvas's own test student, who is nobody by name.
    pub test: bool,
}

/// Why a student is not matched with a person though something speaks for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    /// The person has the proof of one student and the name of another.
    Crossed {
        proof: Proof,
        person: usize,
        by_proof: usize,
        by_name: BTreeSet<usize>,
    },
    /// One person has the proof, another has exactly the student's name.
    NameElsewhere(Proof, usize, BTreeSet<usize>),
    /// More than one person has the proof.
    Several(Proof, BTreeSet<usize>),
    /// The person has the proof of these other students, too.
    Shared(Proof, usize, BTreeSet<usize>),
    /// The person's rows contradict each other.
    Torn(usize),
    /// The person has the proof, and a name that is not the student's.
    OtherName(Proof, usize),
}

/// Who is who.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matches {
    /// For each person: the student.
    pub of_person: Vec<Option<usize>>,
    /// For each student: the person.
    pub of_student: Vec<Option<usize>>,
    /// For each student who is not matched: what spoke for it, the strongest first.
    pub doubts: Vec<BTreeSet<Doubt>>,
    /// People of whom it stays open whether they are of the class.
    pub doubtful: BTreeSet<usize>,
    /// People with the proof of one student and the name of another.
    pub crossed: BTreeSet<Doubt>,
}

/// Matches the whole roster with all people of an export.
pub(super) fn find(students: &[Student], people: &[Person]) -> Matches {
    let mut matcher = Matcher::new(students, people);
    for proof in PASSES {
        matcher.pass(proof);
    }
    let mut matches = matcher.matches;
    for (person, doubts) in matches.of_student.iter().zip(&mut matches.doubts) {
        if person.is_some() {
            doubts.clear();
        }
    }
    matches
}

/// How far one side is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Matched,
    /// Never matched any more; and whoever can only be matched with it is not, either.
    Doubtful,
}

struct Matcher<'a> {
    people: &'a [Person],
    student_names: Vec<Name>,
    person_names: Vec<Name>,
    /// Keys of the people's logins.
    logins: Vec<Vec<String>>,
    /// Students by what a login has to be.
    by_login: BTreeMap<(Proof, String), BTreeSet<usize>>,
    students_by_name: BTreeMap<Name, BTreeSet<usize>>,
    people_by_name: BTreeMap<Name, BTreeSet<usize>>,
    student_states: Vec<State>,
    person_states: Vec<State>,
    /// Students that speak for a person in an earlier pass, or this one.
    links: Vec<BTreeSet<usize>>,
    matches: Matches,
}

/// What a possible pair comes to in a pass.
enum Pair {
    /// The proof holds.
    Holds,
    /// The proof does not hold; a weaker one may.
    OtherName,
    /// Two proofs point to two students.
    Crossed { by_name: BTreeSet<usize> },
    /// Two proofs point to two people.
    NameElsewhere { others: BTreeSet<usize> },
}

impl<'a> Matcher<'a> {
    fn new(students: &[Student], people: &'a [Person]) -> Self {
        let student_names: Vec<Name> = students
            .iter()
            .map(|student| Name::new(student.name.as_deref().unwrap_or_default()))
            .collect();
        let person_names: Vec<Name> = people.iter().map(|p| Name::new(&p.name)).collect();
        let logins = people.iter().map(|person| {
            let logins = person.logins.iter().map(|login| key(login));
            logins.filter(|login| !login.is_empty()).collect()
        });
        let states = people.iter().map(|person| match person.torn {
            true => State::Doubtful,
            false => State::Open,
        });
        Self {
            people,
            logins: logins.collect(),
            by_login: by_login(students),
            students_by_name: by_name(&student_names),
            people_by_name: by_name(&person_names),
            student_states: vec![State::Open; students.len()],
            person_states: states.collect(),
            links: vec![BTreeSet::new(); people.len()],
            matches: Matches {
                of_person: vec![None; people.len()],
                of_student: vec![None; students.len()],
                doubts: vec![BTreeSet::new(); students.len()],
                doubtful: BTreeSet::new(),
                crossed: BTreeSet::new(),
            },
            student_names,
            person_names,
        }
    }

    fn pass(&mut self, proof: Proof) {
        let mut holds: BTreeSet<(usize, usize)> = BTreeSet::new();
        // All pairs are judged before any of them changes anything.
        let judged: Vec<(usize, usize, Pair)> = self
            .pairs(proof)
            .into_iter()
            .map(|(person, student)| (person, student, self.judge(proof, person, student)))
            .collect();
        for (person, student, pair) in judged {
            match pair {
                Pair::Holds => {
                    holds.insert((person, student));
                }
                Pair::OtherName => {
                    self.matches.doubts[student].insert(Doubt::OtherName(proof, person));
                }
                Pair::Crossed { by_name } => {
                    let doubt = Doubt::Crossed {
                        proof,
                        person,
                        by_proof: student,
                        by_name: by_name.clone(),
                    };
                    self.matches.crossed.insert(doubt.clone());
                    for one in by_name.into_iter().chain([student]) {
                        self.doubt_person(person, one);
                        self.matches.doubts[one].insert(doubt.clone());
                    }
                    // An address is the student's own wherever it stands; a username may be a stranger's, too.
                    if proof == Proof::Email {
                        self.student_states[student] = State::Doubtful;
                    }
                }
                Pair::NameElsewhere { others } => {
                    self.student_states[student] = State::Doubtful;
                    for one in others.iter().chain([&person]) {
                        self.doubt_person(*one, student);
                    }
                    let doubt = Doubt::NameElsewhere(proof, person, others);
                    self.matches.doubts[student].insert(doubt);
                }
            }
        }
        self.settle(proof, &holds);
    }

    /// Matches who has one proof on both sides, and doubts everybody else of the pass.
    fn settle(&mut self, proof: Proof, holds: &BTreeSet<(usize, usize)>) {
        let mut of_person: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        let mut of_student: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (person, student) in holds {
            of_person.entry(*person).or_default().insert(*student);
            of_student.entry(*student).or_default().insert(*person);
        }
        let before = (self.person_states.clone(), self.student_states.clone());
        for (person, student) in holds.iter().copied() {
            let (others, rivals) = (&of_person[&person], &of_student[&student]);
            let open = before.0[person] == State::Open && before.1[student] == State::Open;
            if open && others.len() == 1 && rivals.len() == 1 {
                self.person_states[person] = State::Matched;
                self.student_states[student] = State::Matched;
                self.matches.of_person[person] = Some(student);
                self.matches.of_student[student] = Some(person);
                continue;
            }
            let doubts = &mut self.matches.doubts[student];
            if rivals.len() > 1 {
                doubts.insert(Doubt::Several(proof, rivals.clone()));
            }
            let mut others: BTreeSet<usize> = others | &self.links[person];
            others.remove(&student);
            if self.people[person].torn {
                doubts.insert(Doubt::Torn(person));
            } else if !others.is_empty() {
                doubts.insert(Doubt::Shared(proof, person, others));
            }
            self.student_states[student] = State::Doubtful;
            self.doubt_person(person, student);
        }
    }

    fn doubt_person(&mut self, person: usize, student: usize) {
        self.person_states[person] = State::Doubtful;
        self.links[person].insert(student);
        self.matches.doubtful.insert(person);
    }

    /// People and students, neither matched yet, of whom the proof may speak.
    fn pairs(&self, proof: Proof) -> BTreeSet<(usize, usize)> {
        let mut pairs = BTreeSet::new();
        for person in 0..self.people.len() {
            let weak = proof > Proof::Username;
            if self.person_states[person] == State::Matched || weak && self.people[person].test {
                continue;
            }
            let found: BTreeSet<usize> = match proof {
                Proof::Name => self
                    .students_by_name
                    .get(&self.person_names[person])
                    .cloned()
                    .unwrap_or_default(),
                _ => self.logins[person]
                    .iter()
                    .filter_map(|login| {
                        let login = match (proof, login.split_once('@')) {
                            // An address that begins with the username.
                            (Proof::LocalPart, Some((local, _))) => format!("{local}@"),
                            _ => login.clone(),
                        };
                        self.by_login.get(&(proof, login))
                    })
                    .flatten()
                    .copied()
                    .collect(),
            };
            let open = |student: &usize| self.student_states[*student] != State::Matched;
            pairs.extend(found.into_iter().filter(open).map(|s| (person, s)));
        }
        pairs
    }

    fn judge(&self, proof: Proof, person: usize, student: usize) -> Pair {
        if proof == Proof::Name {
            return Pair::Holds;
        }
        let name = &self.person_names[person];
        let wanted = &self.student_names[student];
        let likeness = name.likeness(wanted);
        let of_name = self.students_by_name.get(name).into_iter().flatten();
        let others: BTreeSet<usize> = of_name.copied().filter(|s| *s != student).collect();
        // Who is matched already has a row of their own: this one is a stranger's of the same name.
        let is_open = |other: &usize| self.student_states[*other] != State::Matched;
        let by_name: BTreeSet<usize> = others.iter().copied().filter(is_open).collect();
        match (proof, likeness) {
            (_, Likeness::Same) => return Pair::Holds,
            (Proof::LocalPart, _) if !others.is_empty() => return Pair::OtherName,
            _ if !by_name.is_empty() => return Pair::Crossed { by_name },
            _ if !others.is_empty() => return Pair::OtherName,
            (Proof::Email, _) => return Pair::Holds,
            (_, Likeness::Other) | (Proof::LocalPart, Likeness::Short) => {
                return Pair::OtherName;
            }
            _ => {}
        }
        let others = self.people_by_name.get(wanted).into_iter().flatten();
        let others: BTreeSet<usize> = others
            .copied()
            .filter(|other| *other != person && self.person_states[*other] != State::Matched)
            .collect();
        match others.is_empty() {
            true => Pair::Holds,
            false => Pair::NameElsewhere { others },
        }
    }
}

/// Students by what a login has to be for each proof.
fn by_login(students: &[Student]) -> BTreeMap<(Proof, String), BTreeSet<usize>> {
    let mut map: BTreeMap<(Proof, String), BTreeSet<usize>> = BTreeMap::new();
    for (index, student) in students.iter().enumerate() {
        let mut add = |proof, login: String| {
            map.entry((proof, login)).or_default().insert(index);
        };
        let username = key(student.username.as_str());
        let email = key(student.email.as_deref().unwrap_or_default());
        if let Some((local, _)) = email.rsplit_once('@') {
            add(Proof::LocalPart, local.to_owned());
            add(Proof::Email, email);
        }
        add(Proof::LocalPart, format!("{username}@"));
        add(Proof::Username, username);
    }
    map
}

/// Who has which name; nobody has none.
fn by_name(names: &[Name]) -> BTreeMap<Name, BTreeSet<usize>> {
    let mut map: BTreeMap<Name, BTreeSet<usize>> = BTreeMap::new();
    for (index, name) in names
        .iter()
        .enumerate()
        .filter(|(_, name)| !name.is_empty())
    {
        map.entry(name.clone()).or_default().insert(index);
    }
    map
}
