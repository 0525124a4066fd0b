//! Whose a row is: the roster's students against the people of an export.
//!
//! In passes, the strongest proof first: the full e-mail address; a SIS id or login that is the username; a login
//! that is the part of the e-mail address before its `@` (or an address that begins with the username); the name. Who is
//! matched takes no part in later passes. What would give one student two people, or one person two students, gives
//! nobody anybody, now and later. So the order of rows and of students changes nothing.
//!
//! A login is easily somebody else's: seats are called `user3` in many places, and more than one person is `cora`. So
//! only a full e-mail address is believed where the names differ.
//!
//! A name is easily somebody else's, too: it is believed unless the row's login speaks against it ([`LoginColumn`]).

use std::collections::{BTreeMap, BTreeSet};

use crate::roster::Student;
use crate::text::names::{Likeness, Name};
use crate::text::normalise::key;

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
    /// What the row has of the student ("the row has their …").
    pub(crate) fn words(self) -> &'static str {
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
pub(super) struct ExportPerson {
    /// As the export writes it.
    pub(crate) name: String,
    /// SIS id and login, as the export writes them.
    pub(crate) logins: Vec<String>,
    /// Whether other rows of the same Canvas ID have another name or login, so that it is not known who it is.
    pub(crate) torn: bool,
    /// Whether it is Canvas's own test student, who is nobody by name.
    pub(crate) test: bool,
}

/// Why a student is not matched with a person though something speaks for it.
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
    /// The person has the name, and in this column of logins what is not the student's.
    OtherLogin(usize, usize),
    /// The person has the proof, and a name that is not the student's.
    OtherName(RowProof, usize),
}

impl MatchDoubt {
    /// Why nobody's row is the student's.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::Crossed { .. } => "a row has one student's login and another's name".to_owned(),
            Self::NameElsewhere(proof, ..) => {
                format!("one row has their {}, another their name", proof.words())
            }
            Self::Several(proof, _) => format!("more than one row has their {}", proof.words()),
            Self::Shared(..) => "their row could be somebody else's of the class".to_owned(),
            Self::Torn(_) => "rows of one Canvas ID have different names or logins".to_owned(),
            Self::OtherLogin(..) => {
                "the row that has their name has a login or ID that is not theirs".to_owned()
            }
            Self::OtherName(proof, _) => {
                format!("the row that has their {} has another name", proof.words())
            }
        }
    }
}

/// Who is who.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matches {
    /// For each person: the student.
    pub(crate) of_person: Vec<Option<usize>>,
    /// For each student: the person.
    pub(crate) of_student: Vec<Option<usize>>,
    /// For each student who is not matched: what spoke for it, the strongest first.
    pub(crate) doubts: Vec<BTreeSet<MatchDoubt>>,
    /// People of whom it stays open whether they are of the class.
    pub(crate) doubtful: BTreeSet<usize>,
    /// People with the proof of one student and the name of another.
    pub(crate) crossed: BTreeSet<MatchDoubt>,
    /// Students who are matched by nothing but the name.
    pub(crate) by_name: BTreeSet<usize>,
}

/// Matches the whole roster with all people of an export.
pub(super) fn find(students: &[Student], people: &[ExportPerson]) -> Matches {
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
enum MatchState {
    Open,
    Matched,
    /// Never matched any more; and whoever can only be matched with it is not, either.
    Doubtful,
}

struct Matching<'a> {
    people: &'a [ExportPerson],
    student_names: Vec<Name>,
    person_names: Vec<Name>,
    /// Keys of the people's logins, by column.
    logins: Vec<Vec<String>>,
    /// Keys of the students' usernames and e-mail addresses.
    own: Vec<(String, String)>,
    /// Students by what a login has to be.
    by_login: BTreeMap<(RowProof, String), BTreeSet<usize>>,
    students_by_name: BTreeMap<Name, BTreeSet<usize>>,
    people_by_name: BTreeMap<Name, BTreeSet<usize>>,
    student_states: Vec<MatchState>,
    person_states: Vec<MatchState>,
    /// Students that speak for a person in an earlier pass, or this one.
    links: Vec<BTreeSet<usize>>,
    matches: Matches,
}

/// What a column of logins holds, as far as the class's own rows tell.
#[derive(Debug, Default)]
struct LoginColumn {
    /// Matched people with something of their student's in it.
    proven: usize,
    /// How many of those have the username there.
    usernames: usize,
    /// The domains of the others' addresses.
    domains: BTreeSet<String>,
    /// People of whom only the name speaks, with something in it.
    others: usize,
    /// How many of those have an address there in the domain of the student's own, and another one, whoever of that
    /// name it is.
    other_addresses: usize,
}

/// What a possible pair comes to in a pass.
enum Pair {
    /// The proof holds.
    Holds,
    /// The proof holds, and what stands in this column of logins speaks against it.
    OtherLogin(usize),
    /// The proof does not hold; a weaker one may.
    OtherName,
    /// Two proofs point to two students.
    Crossed { by_name: BTreeSet<usize> },
    /// Two proofs point to two people.
    NameElsewhere { others: BTreeSet<usize> },
}

impl<'a> Matching<'a> {
    fn new(students: &[Student], people: &'a [ExportPerson]) -> Self {
        let student_names: Vec<Name> = students
            .iter()
            .map(|student| Name::new(student.name.as_deref().unwrap_or_default()))
            .collect();
        let person_names: Vec<Name> = people.iter().map(|p| Name::new(&p.name)).collect();
        let keys = |person: &ExportPerson| person.logins.iter().map(|login| key(login)).collect();
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
                doubtful: BTreeSet::new(),
                crossed: BTreeSet::new(),
                by_name: BTreeSet::new(),
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
                    // An address is the student's own wherever it stands; a username may be a stranger's, too.
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

    /// Matches who has one proof on both sides, and doubts everybody else of the pass.
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

    /// People and students, neither matched yet, of whom the proof may speak.
    fn pairs(&self, proof: RowProof) -> BTreeSet<(usize, usize)> {
        let mut pairs = BTreeSet::new();
        for person in 0..self.people.len() {
            let weak = proof > RowProof::Username;
            if self.person_states[person] == MatchState::Matched || weak && self.people[person].test
            {
                continue;
            }
            let found: BTreeSet<usize> = match proof {
                RowProof::Name => self
                    .students_by_name
                    .get(&self.person_names[person])
                    .cloned()
                    .unwrap_or_default(),
                _ => self.logins[person]
                    .iter()
                    .filter(|login| !login.is_empty())
                    .filter_map(|login| {
                        let login = match (proof, login.split_once('@')) {
                            // An address that begins with the username.
                            (RowProof::LocalPart, Some((local, _))) => format!("{local}@"),
                            _ => login.clone(),
                        };
                        self.by_login.get(&(proof, login))
                    })
                    .flatten()
                    .copied()
                    .collect(),
            };
            let open = |student: &usize| self.student_states[*student] != MatchState::Matched;
            pairs.extend(found.into_iter().filter(open).map(|s| (person, s)));
        }
        pairs
    }

    /// What the columns of logins hold, once all pairs but those of the name alone are known.
    fn columns(&self, by_name: &BTreeSet<(usize, usize)>) -> Vec<LoginColumn> {
        let mut columns: Vec<LoginColumn> = Vec::new();
        columns.resize_with(
            self.logins.iter().map(Vec::len).max().unwrap_or(0),
            LoginColumn::default,
        );
        let matched = self.matches.of_person.iter().enumerate();
        for (person, student) in matched.filter_map(|(person, s)| Some((person, (*s)?))) {
            let (username, email) = &self.own[student];
            for (login, column) in self.logins[person].iter().zip(&mut columns) {
                let local = login
                    .split_once('@')
                    .map_or(login.as_str(), |(local, _)| local);
                if local == username {
                    column.usernames += 1;
                } else if let (true, Some(domain)) = (self.is_theirs(login, student), domain(email))
                {
                    column.domains.insert(domain.to_owned());
                } else {
                    continue;
                }
                column.proven += 1;
            }
        }
        let mut named: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (person, student) in by_name.iter().copied() {
            named.entry(person).or_default().push(student);
        }
        for (person, students) in named {
            let logins = self.logins[person].iter().zip(&mut columns);
            for (login, column) in logins.filter(|(login, _)| !login.is_empty()) {
                let mut of_name = students.iter();
                let other_address = of_name.all(|student| self.shares_domain(login, *student));
                column.others += 1;
                column.other_addresses += usize::from(other_address);
            }
        }
        columns
    }

    /// Whether a login is the student's username or e-mail address, or the part of one before its `@`.
    fn is_theirs(&self, login: &str, student: usize) -> bool {
        let (username, email) = &self.own[student];
        let local = |address: &str| address.split_once('@').map(|(local, _)| local.to_owned());
        login == username
            || !email.is_empty() && login == email
            || local(login).as_ref() == Some(username)
            || local(email).as_deref() == Some(login)
    }

    fn shares_domain(&self, login: &str, student: usize) -> bool {
        domain(login).is_some() && domain(login) == domain(&self.own[student].1)
    }

    /// A row that has a student's name alone. What stands in its columns of logins speaks against it where most of the
    /// class was found by that column; or where it is another address in the student's own domain, unless most of the
    /// class have such (logins and addresses are two things in many places).
    fn judge_name(&self, columns: &[LoginColumn], person: usize, student: usize) -> Pair {
        let contradicts = |(login, column): (&String, &LoginColumn)| {
            let all = column.proven + column.others;
            let comparable = column.usernames * 2 > column.proven
                || domain(&self.own[student].1).is_some_and(|d| column.domains.contains(d));
            let telling = column.proven > column.others && comparable;
            let other_address =
                column.other_addresses * 2 <= all && self.shares_domain(login, student);
            !login.is_empty() && !self.is_theirs(login, student) && (telling || other_address)
        };
        let mut logins = self.logins[person].iter().zip(columns);
        match logins.position(contradicts) {
            Some(column) => Pair::OtherLogin(column),
            None => Pair::Holds,
        }
    }

    fn judge(&self, proof: RowProof, person: usize, student: usize) -> Pair {
        let name = &self.person_names[person];
        let wanted = &self.student_names[student];
        let likeness = name.likeness(wanted);
        let of_name = self.students_by_name.get(name).into_iter().flatten();
        let others: BTreeSet<usize> = of_name.copied().filter(|s| *s != student).collect();
        // Who is matched already has a row of their own: this one is a stranger's of the same name.
        let is_open = |other: &usize| self.student_states[*other] != MatchState::Matched;
        let by_name: BTreeSet<usize> = others.iter().copied().filter(is_open).collect();
        match (proof, likeness) {
            (_, Likeness::Same) => return Pair::Holds,
            (RowProof::LocalPart, _) if !others.is_empty() => return Pair::OtherName,
            _ if !by_name.is_empty() => return Pair::Crossed { by_name },
            _ if !others.is_empty() => return Pair::OtherName,
            (RowProof::Email, _) => return Pair::Holds,
            (_, Likeness::Other) | (RowProof::LocalPart, Likeness::Short) => {
                return Pair::OtherName;
            }
            _ => {}
        }
        let others = self.people_by_name.get(wanted).into_iter().flatten();
        let others: BTreeSet<usize> = others
            .copied()
            .filter(|other| *other != person && self.person_states[*other] != MatchState::Matched)
            .collect();
        match others.is_empty() {
            true => Pair::Holds,
            false => Pair::NameElsewhere { others },
        }
    }
}

/// What stands behind an address's `@`.
fn domain(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(_, domain)| domain)
}

/// Students by what a login has to be for each proof.
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
