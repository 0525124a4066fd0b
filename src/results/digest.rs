//! What a plan does, with the students taken together for whom it does the same.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use crate::events::Outcome;
use crate::ids::{Kind, PlaceName, Username};
use crate::results::StudentResult;
use crate::stack::diff::{DiffLine, Difference, Differing};
use crate::stack::ends::EndChange;
use crate::stack::forecast::Forecast;
use crate::stack::limits::Limit;
use crate::stack::plan::Verdict;
use crate::stack::result::{ResourceResult, ResourceState};

/// Stands for a student's username in what several students have alike; labs write it so, too.
pub(crate) const USERNAME: &str = "{username}";

/// A plan as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PlanDigest {
    /// The profile whose credentials count; `None` where the class has places, which have their own: `by_place`. Likewise below.
    pub profile: Option<String>,
    /// Where the credentials come from, if of no profile: `environment` or `instance`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys_from: Option<&'static str>,
    /// Where the calls go, if not to AWS.
    pub endpoint: Option<String>,
    /// Why the account's alias could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias_unread: Option<String>,
    /// When the class ends by itself.
    pub ends: Option<Timestamp>,
    /// What is there and says another end.
    #[serde(skip_serializing_if = "EndChange::is_none")]
    pub ends_change: EndChange,
    /// Those that the plan takes something of.
    pub limits: Vec<Limit>,
    /// The same of each place that was reached, where the class has several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_place: Vec<PlacePlan>,
    /// The largest first.
    pub groups: Vec<PlanGroup>,
    /// Everything that is neither simply made nor as it should be; in the order of the stacks.
    pub differences: Vec<PlanDifference>,
}

/// What a plan needs to know of one of the class's places.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlacePlan {
    pub name: PlaceName,
    /// How many students are there.
    pub students: usize,
    /// The role that is assumed there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    pub profile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys_from: Option<&'static str>,
    pub endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias_unread: Option<String>,
    pub limits: Vec<Limit>,
    pub forecast: Forecast,
}

/// Students for whom the plan does as much of everything.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanGroup {
    pub students: Vec<Username>,
    pub outcome: Outcome,
    /// How many resources each of them has in which state.
    pub resources: Vec<PlannedCount>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedCount {
    pub state: ResourceState,
    pub kind: Kind,
    pub count: usize,
}

/// A difference that these students' stacks have alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanDifference {
    pub kind: Kind,
    /// The resource's name, with `{username}` for the student's; likewise in all that follows.
    pub name: String,
    pub state: ResourceState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    pub students: Vec<Username>,
    /// What a deployment would write: old and new.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Difference>,
    /// What a deployment would take away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// The texts that differ, line by line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diff: Vec<DiffLine>,
}

impl PlanGroup {
    /// How many resources each of its students has in a state.
    pub(crate) fn count(&self, state: ResourceState) -> usize {
        self.kinds(state).map(|(_, count)| count).sum()
    }

    pub(crate) fn kinds(&self, state: ResourceState) -> impl Iterator<Item = (Kind, usize)> {
        let counts = self.resources.iter();
        let counts = counts.filter(move |count| count.state == state);
        counts.map(|count| (count.kind, count.count))
    }
}

impl PlanDifference {
    /// Whether it is the same but for values that each student has of their own.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let whats = |one: &Self| -> Vec<String> {
            one.parts.iter().map(|part| part.what.clone()).collect()
        };
        self.is_about(other) && self.removed == other.removed && whats(self) == whats(other)
    }

    fn is_about(&self, other: &Self) -> bool {
        (self.kind, &self.name, self.state, &self.detail)
            == (other.kind, &other.name, other.state, &other.detail)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.is_about(other)
            && (&self.parts, &self.removed, &self.diff)
                == (&other.parts, &other.removed, &other.diff)
    }
}

impl PlanDigest {
    /// Of students whose resources are as planned.
    pub fn of(students: &[StudentResult]) -> Self {
        let mut digest = Self::default();
        for student in students {
            digest.group(student);
            for resource in student.resources.iter().filter(|r| is_told(r)) {
                digest.tell(&student.username, resource);
            }
        }
        digest
            .groups
            .sort_by_key(|group| usize::MAX - group.students.len());
        digest
    }

    fn group(&mut self, student: &StudentResult) {
        let mut resources: Vec<PlannedCount> = Vec::new();
        for ResourceResult {
            resource, state, ..
        } in &student.resources
        {
            let (state, kind) = (*state, resource.kind);
            let mut known = resources.iter_mut();
            match known.find(|known| known.state == state && known.kind == kind) {
                Some(known) => known.count += 1,
                None => resources.push(PlannedCount {
                    state,
                    kind,
                    count: 1,
                }),
            }
        }
        let (username, outcome) = (student.username.clone(), student.outcome);
        let mut groups = self.groups.iter_mut();
        // In whatever order the stack has them.
        let alike = |group: &PlanGroup| {
            group.outcome == outcome
                && group.resources.len() == resources.len()
                && resources.iter().all(|one| group.resources.contains(one))
        };
        match groups.find(|group| alike(group)) {
            Some(group) => group.students.push(username),
            None => self.groups.push(PlanGroup {
                students: vec![username],
                outcome,
                resources,
            }),
        }
    }

    fn tell(&mut self, student: &Username, planned: &ResourceResult) {
        let alike = |text: &String| alike(text, student);
        let Differing {
            parts,
            removed,
            diff,
        } = &planned.differs;
        let part = |part: &Difference| Difference {
            what: alike(&part.what),
            old: part.old.as_ref().map(alike),
            new: part.new.as_ref().map(alike),
        };
        let line = |line: &DiffLine| match line {
            DiffLine::Same(text) => DiffLine::Same(alike(text)),
            DiffLine::Added(text) => DiffLine::Added(alike(text)),
            DiffLine::Removed(text) => DiffLine::Removed(alike(text)),
            DiffLine::LeftOut(lines) => DiffLine::LeftOut(*lines),
        };
        let told = PlanDifference {
            kind: planned.resource.kind,
            name: alike(&planned.resource.name),
            state: planned.state,
            detail: planned.detail.as_ref().map(alike),
            students: vec![student.clone()],
            parts: parts.iter().map(part).collect(),
            removed: removed.iter().map(alike).collect(),
            diff: diff.iter().map(line).collect(),
        };
        match self.differences.iter_mut().find(|one| one.is_same(&told)) {
            Some(one) => one.students.push(student.clone()),
            None => self.differences.push(told),
        }
    }

    /// The differences in a state, those that differ only in each student's own values as one. `true`: there are more
    /// values than those shown.
    pub(crate) fn merged(&self, state: ResourceState) -> Vec<(PlanDifference, bool)> {
        let mut merged: Vec<(PlanDifference, bool)> = Vec::new();
        for one in self.differences.iter().filter(|one| one.state == state) {
            match merged.iter_mut().find(|(known, _)| known.is_like(one)) {
                Some((known, more)) => {
                    known.students.extend(one.students.iter().cloned());
                    *more = true;
                }
                None => merged.push((one.clone(), false)),
            }
        }
        merged
    }

    /// How many students it is about.
    pub(crate) fn students(&self) -> usize {
        let students = self.groups.iter().flat_map(|group| &group.students);
        students.collect::<BTreeSet<_>>().len()
    }
}

/// Whether there is more to say of a resource than its state.
fn is_told(planned: &ResourceResult) -> bool {
    match planned.state {
        ResourceState::Planned(Verdict::Create | Verdict::NoChange) => planned.detail.is_some(),
        // What it waits for is told of that resource.
        ResourceState::Blocked => false,
        _ => true,
    }
}

/// A text with `{username}` wherever the student's name stands as a word of its own.
fn alike(text: &str, student: &Username) -> String {
    let name = student.as_str();
    let mut alike = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        let joins = |c: char| c.is_alphanumeric();
        let last = before.chars().next_back().or(alike.chars().next_back());
        let word = !last.is_some_and(joins) && !after.chars().next().is_some_and(joins);
        alike.push_str(before);
        alike.push_str(if word { USERNAME } else { name });
        rest = after;
    }
    alike + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ResourceId;

    fn planned(name: &str, old: &str) -> ResourceResult {
        let mut differs = Differing::default();
        differs.compare("Timeout", old, "10 s");
        ResourceResult {
            resource: ResourceId::new(Kind::Function, name),
            state: ResourceState::Planned(Verdict::Update),
            detail: None,
            differs,
        }
    }

    fn student(name: &str, old: &str) -> StudentResult {
        StudentResult {
            resources: vec![planned(&format!("{name}-f"), old)],
            ..StudentResult::new(name.parse().unwrap(), Outcome::Changes)
        }
    }

    #[test]
    fn students_alike_are_one_group_whatever_is_made_first() {
        let function = planned("f", "3 s");
        let role = ResourceResult {
            resource: ResourceId::new(Kind::Role, "r"),
            ..function.clone()
        };
        let of = |name: &str, resources: &[&ResourceResult]| StudentResult {
            resources: resources.iter().map(|&one| one.clone()).collect(),
            ..StudentResult::new(name.parse().unwrap(), Outcome::Changes)
        };
        let digest = PlanDigest::of(&[
            of("ana", &[&function, &role]),
            of("ben", &[&role, &function]),
            of("cy", &[&role, &role]),
        ]);
        let sizes: Vec<_> = digest.groups.iter().map(|g| g.students.len()).collect();
        assert_eq!(sizes, [2, 1]);
    }

    #[test]
    fn a_username_is_recognised_as_a_word_only() {
        let user = "ana".parse().unwrap();
        let text = "ana-fn, /aws/lambda/ana, banana, anab-ana.";
        let told = "{username}-fn, /aws/lambda/{username}, banana, anab-{username}.";
        assert_eq!(alike(text, &user), told);
    }

    #[test]
    fn what_is_alike_stands_once_with_all_its_students() {
        let students = [
            student("ana", "3 s"),
            student("ben", "3 s"),
            student("cy", "5 s"),
        ];
        let digest = PlanDigest::of(&students);
        assert_eq!(digest.groups.len(), 1);
        let names = |one: &PlanDifference| -> Vec<String> {
            one.students.iter().map(Username::to_string).collect()
        };
        let told: Vec<_> = digest.differences.iter().map(names).collect();
        assert_eq!(told, [vec!["ana", "ben"], vec!["cy"]]);
        assert_eq!(digest.differences[0].name, "{username}-f");
        let update = ResourceState::Planned(Verdict::Update);
        let merged = digest.merged(update);
        assert_eq!(merged.len(), 1);
        assert_eq!((names(&merged[0].0).len(), merged[0].1), (3, true));
    }
}
