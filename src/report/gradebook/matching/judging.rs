//! Judges whether a row of a gradebook is about a student: by its logins, and by its name.

use std::collections::{BTreeMap, BTreeSet};

use crate::text::names::Likeness;

use super::{MatchState, Matching, RowProof};

/// What a column of logins holds, judged by the rows of the class.
#[derive(Debug, Clone, Default)]
pub(super) struct LoginColumn {
    /// Matched people who have their student's username or address in it.
    proven: usize,
    /// Those of them who have the username.
    usernames: usize,
    /// The domains of the addresses of the others.
    domains: BTreeSet<String>,
    /// People who have only a student's name, and something in this column.
    others: usize,
    /// Those of them who have an address in the domain of the student's own address. It is another address, whichever
    /// student of that name they are.
    other_addresses: usize,
}

/// What a pass finds of a possible pair.
pub(super) enum Pair {
    /// The proof holds.
    Holds,
    /// The proof holds, but the login in this column contradicts it.
    OtherLogin(usize),
    /// The proof does not hold; a weaker one may.
    OtherName,
    /// Two proofs point to two students.
    Crossed { by_name: BTreeSet<usize> },
    /// Two proofs point to two people.
    NameElsewhere { others: BTreeSet<usize> },
}

impl Matching<'_> {
    /// People and students, neither matched yet, for whom the proof may hold.
    pub(super) fn pairs(&self, proof: RowProof) -> BTreeSet<(usize, usize)> {
        let mut pairs = BTreeSet::new();
        for person in 0..self.people.len() {
            let weak = proof > RowProof::Username;
            let matched = self.person_states[person] == MatchState::Matched;
            if matched || weak && self.people[person].test {
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

    /// What the columns of logins hold, once all pairs but those by name are known.
    pub(super) fn columns(&self, by_name: &BTreeSet<(usize, usize)>) -> Vec<LoginColumn> {
        let count = self.logins.iter().map(Vec::len).max().unwrap_or(0);
        let mut columns = vec![LoginColumn::default(); count];
        let matched = self.matches.of_person.iter().enumerate();
        for (person, student) in matched.filter_map(|(person, s)| Some((person, (*s)?))) {
            let (username, email) = &self.own[student];
            for (login, column) in self.logins[person].iter().zip(&mut columns) {
                if local_part(login).unwrap_or(login) == username {
                    column.usernames += 1;
                    column.proven += 1;
                } else if let Some(domain) = domain(email)
                    && self.is_theirs(login, student)
                {
                    column.domains.insert(domain.to_owned());
                    column.proven += 1;
                }
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
        login == username
            || !email.is_empty() && login == email
            || local_part(login) == Some(username.as_str())
            || local_part(email) == Some(login)
    }

    fn shares_domain(&self, login: &str, student: usize) -> bool {
        domain(login).is_some() && domain(login) == domain(&self.own[student].1)
    }

    /// Judges a row that has only a student's name. Its login contradicts the name in two cases. Most of the class was
    /// found by that column, and the login is not the student's. Or the login is another address in the domain of the
    /// student's own, unless most of the class have such (in many places a login is not the address).
    pub(super) fn judge_name(
        &self,
        columns: &[LoginColumn],
        person: usize,
        student: usize,
    ) -> Pair {
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

    /// Judges a row that has the proof, by the names of both.
    pub(super) fn judge(&self, proof: RowProof, person: usize, student: usize) -> Pair {
        let name = &self.person_names[person];
        let wanted = &self.student_names[student];
        let likeness = name.likeness(wanted);
        let of_name = self.students_by_name.get(name).into_iter().flatten();
        let others: BTreeSet<usize> = of_name.copied().filter(|s| *s != student).collect();
        // A student who is matched already has another row: this one is about a stranger of the same name.
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

fn domain(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(_, domain)| domain)
}

fn local_part(address: &str) -> Option<&str> {
    address.split_once('@').map(|(local, _)| local)
}
