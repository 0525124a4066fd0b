//! Whose a row is: the roster's students against the people of a gradebook.
//!
//! In passes, the strongest proof first: the full e-mail address; a SIS id or login that is the username; a login
//! that is the part of the e-mail address before its `@` (or an address that begins with the username); the name. A
//! student who is matched takes no part in later passes. Where a pass finds two people for one student, or two students
//! for one person, it matches none of them, and neither do later passes. So the order of rows and of students does not
//! matter.
//!
//! A login can easily belong to somebody else: seats are called `user3` in many places, and more than one person is
//! `cora`. So where the names differ, only a full e-mail address counts.
//!
//! A name can easily belong to somebody else, too. It counts unless the row's login contradicts it ([`LoginColumn`]).
//!
//! [`LoginColumn`]: judging::LoginColumn

mod judging;

use std::collections::{BTreeMap, BTreeSet};

use crate::roster::Student;
use crate::text::names::Name;
use crate::text::normalise::key;

use super::Person;
use judging::Pair;

/// A proof, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RowProof {
    Email,
    Username,
    LocalPart,
    Name,
}

const PASSES: [RowProof; 4] = [
    RowProof::Email,
    RowProof::Username,
    RowProof::LocalPart,
    RowProof::Name,
];

impl RowProof {
    /// Finishes the sentence "the row has their …".
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Email => "e-mail address",
            Self::Username => "username",
            Self::LocalPart => "login",
            Self::Name => "name",
        }
    }
}

/// Why a student is not matched with a person, though something points to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MatchDoubt {
    /// The person has the proof of one student and the name of another.
    Crossed {
        proof: RowProof,
        person: usize,
        by_proof: usize,
        by_name: BTreeSet<usize>,
    },
    /// One person has the proof, another has exactly the student's name.
    NameElsewhere(RowProof, usize, BTreeSet<usize>),
    /// More than one person has the proof.
    Several(RowProof, BTreeSet<usize>),
    /// The person has the proof of these other students, too.
    Shared(RowProof, usize, BTreeSet<usize>),
    /// The person's rows contradict each other.
    Torn(usize),
    /// The person has the name, but the login in this column is not the student's.
    OtherLogin(usize, usize),
    /// The person has the proof, but another name.
    OtherName(RowProof, usize),
}

impl MatchDoubt {
    pub(super) fn why(&self) -> String {
        match self {
            Self::Crossed { .. } => {
                "a row has one student's login and another student's name".to_owned()
            }
            Self::NameElsewhere(proof, ..) => {
                format!(
                    "one row has their {}, another row their name",
                    proof.words()
                )
            }
            Self::Several(proof, _) => format!("more than one row has their {}", proof.words()),
            Self::Shared(..) => "their row could also be another student's".to_owned(),
            Self::Torn(_) => "rows of one Canvas ID have different names or logins".to_owned(),
            Self::OtherLogin(..) => {
                "the row that has their name has another login or ID".to_owned()
            }
            Self::OtherName(proof, _) => {
                format!("the row that has their {} has another name", proof.words())
            }
        }
    }
}

/// Who is who.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Matches {
    /// For each person: the student.
    pub(super) of_person: Vec<Option<usize>>,
    /// For each student: the person.
    pub(super) of_student: Vec<Option<usize>>,
    /// For each student who is not matched: the doubts, the strongest proof first.
    pub(super) doubts: Vec<BTreeSet<MatchDoubt>>,
    /// People who may or may not be of the class.
    pub(super) doubtful: BTreeSet<usize>,
    /// People with the proof of one student and the name of another.
    pub(super) crossed: BTreeSet<MatchDoubt>,
    /// Students who are matched only by name.
    pub(super) by_name: BTreeSet<usize>,
}

/// Matches the whole roster with all people of a gradebook.
pub(super) fn find(students: &[Student], people: &[Person]) -> Matches {
    let mut matcher = Matching::new(students, people);
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
pub(super) enum MatchState {
    Open,
    Matched,
    /// Never matched any more; and neither is whoever only matches it.
    Doubtful,
}

pub(super) struct Matching<'a> {
    pub(super) people: &'a [Person],
    pub(super) student_names: Vec<Name>,
    pub(super) person_names: Vec<Name>,
    /// Keys of the people's logins, by column.
    pub(super) logins: Vec<Vec<String>>,
    /// Keys of the students' usernames and e-mail addresses.
    pub(super) own: Vec<(String, String)>,
    /// Students by the login that each proof needs.
    pub(super) by_login: BTreeMap<(RowProof, String), BTreeSet<usize>>,
    pub(super) students_by_name: BTreeMap<Name, BTreeSet<usize>>,
    pub(super) people_by_name: BTreeMap<Name, BTreeSet<usize>>,
    pub(super) student_states: Vec<MatchState>,
    pub(super) person_states: Vec<MatchState>,
    /// For each person: the students who were considered for it, in an earlier pass or this one.
    links: Vec<BTreeSet<usize>>,
    pub(super) matches: Matches,
}

impl<'a> Matching<'a> {
    fn new(students: &[Student], people: &'a [Person]) -> Self {
        let names = students
            .iter()
            .map(|s| s.name.as_deref().unwrap_or_default());
        let student_names: Vec<Name> = names.map(Name::new).collect();
        let person_names: Vec<Name> = people.iter().map(|p| Name::new(&p.name)).collect();
        let keys = |person: &Person| person.logins.iter().map(|login| key(login)).collect();
        let own = students.iter().map(|student| {
            let email = student.email.as_deref().unwrap_or_default();
            (key(student.username.as_str()), key(email))
        });
        let own: Vec<(String, String)> = own.collect();
        let states = people.iter().map(|person| match person.torn {
            true => MatchState::Doubtful,
            false => MatchState::Open,
        });
        Self {
            people,
            logins: people.iter().map(keys).collect(),
            by_login: by_login(&own),
            own,
            students_by_name: by_name(&student_names),
            people_by_name: by_name(&person_names),
            student_states: vec![MatchState::Open; students.len()],
            person_states: states.collect(),
            links: vec![BTreeSet::new(); people.len()],
            matches: Matches {
                of_person: vec![None; people.len()],
                of_student: vec![None; students.len()],
                doubts: vec![BTreeSet::new(); students.len()],
                ..Matches::default()
            },
            student_names,
            person_names,
        }
    }

    fn pass(&mut self, proof: RowProof) {
        let mut holds: BTreeSet<(usize, usize)> = BTreeSet::new();
        // All pairs are judged before any of them changes anything.
        let pairs = self.pairs(proof);
        let columns = match proof {
            RowProof::Name => self.columns(&pairs),
            _ => Vec::new(),
        };
        let judge = |(person, student)| {
            let pair = match proof {
                RowProof::Name => self.judge_name(&columns, person, student),
                _ => self.judge(proof, person, student),
            };
            (person, student, pair)
        };
        let judged: Vec<(usize, usize, Pair)> = pairs.into_iter().map(judge).collect();
        for (person, student, pair) in judged {
            match pair {
                Pair::Holds => {
                    holds.insert((person, student));
                }
                Pair::OtherLogin(column) => {
                    holds.insert((person, student));
                    self.student_states[student] = MatchState::Doubtful;
                    let doubt = MatchDoubt::OtherLogin(person, column);
                    self.matches.doubts[student].insert(doubt);
                }
                Pair::OtherName => {
                    self.matches.doubts[student].insert(MatchDoubt::OtherName(proof, person));
                }
                Pair::Crossed { by_name } => {
                    let doubt = MatchDoubt::Crossed {
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
                    // An address is always the student's own; a username may also be a stranger's.
                    if proof == RowProof::Email {
                        self.student_states[student] = MatchState::Doubtful;
                    }
                }
                Pair::NameElsewhere { others } => {
                    self.student_states[student] = MatchState::Doubtful;
                    for one in others.iter().chain([&person]) {
                        self.doubt_person(*one, student);
                    }
                    let doubt = MatchDoubt::NameElsewhere(proof, person, others);
                    self.matches.doubts[student].insert(doubt);
                }
            }
        }
        self.settle(proof, &holds);
    }

    /// Matches the pairs that are the only ones of both sides, and doubts all others of the pass.
    fn settle(&mut self, proof: RowProof, holds: &BTreeSet<(usize, usize)>) {
        let mut of_person: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        let mut of_student: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (person, student) in holds {
            of_person.entry(*person).or_default().insert(*student);
            of_student.entry(*student).or_default().insert(*person);
        }
        let before = (self.person_states.clone(), self.student_states.clone());
        for (person, student) in holds.iter().copied() {
            let (others, rivals) = (&of_person[&person], &of_student[&student]);
            let open =
                before.0[person] == MatchState::Open && before.1[student] == MatchState::Open;
            if open && others.len() == 1 && rivals.len() == 1 {
                self.person_states[person] = MatchState::Matched;
                self.student_states[student] = MatchState::Matched;
                self.matches.of_person[person] = Some(student);
                self.matches.of_student[student] = Some(person);
                if proof == RowProof::Name {
                    self.matches.by_name.insert(student);
                }
                continue;
            }
            let doubts = &mut self.matches.doubts[student];
            if rivals.len() > 1 {
                doubts.insert(MatchDoubt::Several(proof, rivals.clone()));
            }
            let mut others: BTreeSet<usize> = others | &self.links[person];
            others.remove(&student);
            if self.people[person].torn {
                doubts.insert(MatchDoubt::Torn(person));
            } else if !others.is_empty() {
                doubts.insert(MatchDoubt::Shared(proof, person, others));
            }
            self.student_states[student] = MatchState::Doubtful;
            self.doubt_person(person, student);
        }
    }

    fn doubt_person(&mut self, person: usize, student: usize) {
        self.person_states[person] = MatchState::Doubtful;
        self.links[person].insert(student);
        self.matches.doubtful.insert(person);
    }
}

/// Students by the login that each proof needs.
fn by_login(own: &[(String, String)]) -> BTreeMap<(RowProof, String), BTreeSet<usize>> {
    let mut map: BTreeMap<(RowProof, String), BTreeSet<usize>> = BTreeMap::new();
    for (index, (username, email)) in own.iter().enumerate() {
        let mut add = |proof, login: String| {
            map.entry((proof, login)).or_default().insert(index);
        };
        if let Some((local, _)) = email.rsplit_once('@') {
            add(RowProof::LocalPart, local.to_owned());
            add(RowProof::Email, email.clone());
        }
        add(RowProof::LocalPart, format!("{username}@"));
        add(RowProof::Username, username.clone());
    }
    map
}

/// Indices by name, without those who have none.
fn by_name(names: &[Name]) -> BTreeMap<Name, BTreeSet<usize>> {
    let mut map: BTreeMap<Name, BTreeSet<usize>> = BTreeMap::new();
    let named = names
        .iter()
        .enumerate()
        .filter(|(_, name)| !name.is_empty());
    for (index, name) in named {
        map.entry(name.clone()).or_default().insert(index);
    }
    map
}
