//! How a class is looked for: what each kind's listing asks about names and owners, and what could not be read.
//!
//! A search also notes students who are not in the roster ("strays"), if the listings of a deployment show them anyway: it
//! makes no call for them. They are shown and counted; no plan acts on them. These prove in a listing that a student was in
//! the class: the path and tags of roles, users and policies, an API's tags, and a function's record that names the same
//! owner as the function's name. For state machines and log groups a listing shows names only, so those count only for
//! students who are proven by something else.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::stream::{self, StreamExt};

use crate::aws::stop::Cancelled;
use crate::aws::{CallError, CallResult, Client, ErrorKind, Page};
use crate::ids::Username;
use crate::stack::hints;

use crate::stack::kinds::{AnySeen, Desired, Gap, Kind, ResourceId};
use crate::stack::names::NamePattern;
use crate::stack::ownership::{Owner, Ownership};

/// Detail calls waiting at most; the pacer spaces them, this only bounds memory.
const DETAILS_AT_ONCE: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Depth {
    /// For a deployment: only what the lab has, by its names.
    Deploy,
    /// The same for the whole roster; also notes students who left it.
    Class { patterns: Vec<NamePattern> },
    /// For the teardown of some students: everything that carries their tags, whatever its kind and name.
    TeardownOfStudents,
    /// For the teardown of a whole class: likewise, and also by the names of students who left the roster.
    TeardownOfClass { patterns: Vec<NamePattern> },
    /// For the teardown of everybody who left the roster.
    TeardownOfLeavers { patterns: Vec<NamePattern> },
}

impl Depth {
    /// How the lab names things, if students who left the roster are looked for.
    fn patterns(&self) -> &[NamePattern] {
        match self {
            Self::TeardownOfClass { patterns } | Self::TeardownOfLeavers { patterns } => patterns,
            Self::Deploy | Self::Class { .. } | Self::TeardownOfStudents => &[],
        }
    }

    /// Whether only the lab's own names are looked for; others are at most noted.
    pub(super) fn is_deployment(&self) -> bool {
        matches!(self, Self::Deploy | Self::Class { .. })
    }
}

pub(crate) type Listed<T> = Result<(T, Vec<Gap>), Cancelled>;

/// Reads a listing to its end.
pub(crate) async fn pages<T, F>(
    page: impl Fn(Option<String>) -> F,
    mut keep: impl FnMut(T),
) -> CallResult<()>
where
    F: Future<Output = CallResult<Page<T>>>,
{
    let mut token = None;
    loop {
        let listed = page(token).await?;
        listed.items.into_iter().for_each(&mut keep);
        token = listed.next;
        if token.is_none() {
            return Ok(());
        }
    }
}

pub(crate) struct Search<'a> {
    pub(crate) client: &'a Client,
    pub(crate) desired: &'a Desired,
    pub(crate) depth: &'a Depth,
    owners: BTreeMap<ResourceId, Owner>,
    strays: Mutex<Strays>,
    students: BTreeSet<&'a Username>,
}

/// What the listings showed so far of students who are not in the roster.
#[derive(Debug, Default)]
struct Strays {
    proven: BTreeMap<Owner, BTreeSet<ResourceId>>,
    /// Resources known only by a name that one of them would have.
    named: Vec<(Username, ResourceId)>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(client: &'a Client, desired: &'a Desired, depth: &'a Depth) -> Self {
        let owned = desired.stacks.iter().flat_map(|stack| {
            let ids = stack.resource_ids().into_iter();
            ids.map(|id| (id, stack.owner.clone()))
        });
        Self {
            client,
            desired,
            depth,
            owners: owned.collect(),
            strays: Mutex::default(),
            students: desired.stacks.iter().map(|s| s.student()).collect(),
        }
    }

    pub(crate) fn wanted(&self, kind: Kind, name: &str) -> bool {
        self.expected(kind, name).is_some()
    }

    /// The owner that a name of the chosen students stands for.
    pub(crate) fn expected(&self, kind: Kind, name: &str) -> Option<&Owner> {
        self.owners.get(&ResourceId::new(kind, name))
    }

    /// The names of a kind that are looked for, or their beginnings.
    pub(crate) fn beginnings(&self, kind: Kind) -> impl Iterator<Item = &str> {
        let names = self.owners.keys().filter(move |id| id.kind == kind);
        let patterns = self.patterns_of(kind).map(|p| p.prefix.as_str());
        names.map(|id| id.name.as_str()).chain(patterns)
    }

    pub(crate) fn patterns_of(&self, kind: Kind) -> impl Iterator<Item = &NamePattern> {
        let patterns = self.depth.patterns().iter();
        patterns.filter(move |pattern| pattern.kind == kind)
    }

    /// The username in a name of the lab's pattern, if students who left the roster are looked for.
    pub(crate) fn stray(&self, kind: Kind, name: &str) -> Option<Username> {
        let mut patterns = self.patterns_of(kind);
        patterns.find_map(|pattern| pattern.username_in(name)?.parse().ok())
    }

    /// Whether everything of this owner is looked for, whatever its name.
    pub(crate) fn seeks(&self, owner: &Owner) -> bool {
        match self.depth {
            Depth::TeardownOfClass { .. } | Depth::TeardownOfLeavers { .. } => {
                owner.class == self.desired.class
            }
            _ => self
                .desired
                .stacks
                .iter()
                .any(|stack| stack.owner == *owner),
        }
    }

    /// Whether anything of a kind is looked for at all.
    pub(crate) fn any(&self, kind: Kind) -> bool {
        !self.depth.is_deployment() || self.owners.keys().any(|id| id.kind == kind)
    }

    pub(crate) fn gap(&self, kind: Kind, name: Option<&str>, error: &CallError) -> Gap {
        let cause = match error {
            CallError::Cloud(error) => error.in_full(),
            CallError::Cancelled => "stopped".to_owned(),
        };
        let owner = name.and_then(|name| self.expected(kind, name));
        Gap {
            kind,
            name: name.map(str::to_owned),
            student: owner.map(|owner| owner.student.clone()),
            cause,
        }
    }

    /// The names of a kind that the chosen students have.
    pub(crate) fn names(&self, kind: Kind) -> Vec<String> {
        let ids = self.owners.keys().filter(|id| id.kind == kind);
        ids.map(|id| id.name.clone()).collect()
    }

    /// The gap that an unreadable resource leaves; none where it is not there.
    pub(crate) fn unless_gone(&self, kind: Kind, name: &str, error: &CallError) -> Option<Gap> {
        let gone = error.kind() == Some(ErrorKind::NotFound);
        (!gone).then(|| self.gap(kind, Some(name), error))
    }

    /// Reads the listing of a kind to its end, if anything of it is looked for; returns the gap if that fails.
    pub(crate) async fn list<T, F>(
        &self,
        kind: Kind,
        page: impl Fn(Option<String>) -> F,
        keep: impl FnMut(T),
    ) -> Result<Vec<Gap>, Cancelled>
    where
        F: Future<Output = CallResult<Page<T>>>,
    {
        match self.any(kind) {
            true => self.gap_of(kind, pages(page, keep).await),
            false => Ok(Vec::new()),
        }
    }

    /// The gap that an unreadable listing leaves.
    pub(crate) fn gap_of(&self, kind: Kind, listed: CallResult<()>) -> Result<Vec<Gap>, Cancelled> {
        match listed {
            Ok(()) => Ok(Vec::new()),
            Err(CallError::Cancelled) => Err(Cancelled),
            Err(error) => {
                // It hides the same of all students, so its fix is said once.
                if let CallError::Cloud(error) = &error {
                    let what = format!("nobody's {kind} can be seen");
                    let region = Some(self.desired.scope.region.as_str());
                    self.client.emit(hints::shared_by_all(&what, error, region));
                }
                Ok(vec![self.gap(kind, None, &error)])
            }
        }
    }

    /// Asks for one detail of each that is open, many at once, and keeps the answers. What is gone meanwhile is taken out, and
    /// what cannot be read becomes a gap.
    pub(crate) async fn complete<S: Clone, T, F>(
        &self,
        kind: Kind,
        found: &mut BTreeMap<String, S>,
        is_open: impl Fn(&S) -> bool,
        ask: impl Fn(S) -> F,
        keep: impl Fn(&mut S, T),
    ) -> Result<Vec<Gap>, Cancelled>
    where
        F: Future<Output = CallResult<T>>,
    {
        let open = found.iter().filter(|(_, one)| is_open(one));
        let open: Vec<(String, S)> = open.map(|(n, one)| (n.clone(), one.clone())).collect();
        let asked = self.details(open, |(name, one)| {
            let answer = ask(one);
            async move { (name, answer.await) }
        });
        let mut gaps = Vec::new();
        for (name, answer) in asked.await? {
            match answer {
                Ok(detail) => {
                    if let Some(one) = found.get_mut(&name) {
                        keep(one, detail);
                    }
                }
                Err(error) => {
                    found.remove(&name);
                    gaps.extend(self.unless_gone(kind, &name, &error));
                }
            }
        }
        Ok(gaps)
    }

    /// Asks for one detail of each, many at once.
    pub(crate) async fn details<I, O, F>(
        &self,
        items: Vec<I>,
        ask: impl Fn(I) -> F,
    ) -> Result<Vec<O>, Cancelled>
    where
        F: Future<Output = O>,
    {
        let asked = stream::iter(items).map(ask);
        let answers = asked.buffer_unordered(DETAILS_AT_ONCE).collect().await;
        self.client.stop().check()?;
        Ok(answers)
    }

    fn lock(&self) -> MutexGuard<'_, Strays> {
        self.strays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the lab names things of a kind, if students who left the roster are noted.
    fn naming(&self, kind: Kind) -> impl Iterator<Item = &NamePattern> {
        let patterns = match self.depth {
            Depth::Class { patterns } => patterns.as_slice(),
            _ => &[],
        };
        patterns.iter().filter(move |pattern| pattern.kind == kind)
    }

    /// Notes a resource of this owner, if that is somebody who left the roster.
    pub(crate) fn note_owned(&self, owner: &Owner, id: ResourceId) {
        let has_left = matches!(self.depth, Depth::Class { .. })
            && owner.class == self.desired.class
            && owner.lab == self.desired.lab
            && !self.students.contains(&owner.student);
        if has_left {
            let mut strays = self.lock();
            strays.proven.entry(owner.clone()).or_default().insert(id);
        }
    }

    /// The same, if the resource says whose it is.
    pub(crate) fn note(&self, seen: &dyn AnySeen) {
        if let Ownership::Ours(owner) = seen.whose(self.desired, None) {
            self.note_owned(&owner, seen.id());
        }
    }

    /// The same for a record, which counts only if it names the same student as the resource's name.
    pub(crate) fn note_recorded(&self, record: Option<&Owner>, kind: Kind, name: &str) {
        let Some(owner) = record else {
            return;
        };
        let mut patterns = self.naming(kind);
        if patterns.any(|pattern| pattern.username_in(name) == Some(owner.student.as_str())) {
            self.note_owned(owner, ResourceId::new(kind, name));
        }
    }

    /// Notes a name that a student who left may have used.
    pub(crate) fn note_named(&self, kind: Kind, name: &str) {
        let students = self.naming(kind);
        let students = students.filter_map(|pattern| pattern.username_in(name)?.parse().ok());
        let others = students.filter(|student| !self.students.contains(student));
        let id = ResourceId::new(kind, name);
        let named = others.map(|student| (student, id.clone()));
        self.lock().named.extend(named);
    }

    /// The names of a kind that the proven students would have.
    pub(crate) fn names_of_strays(&self, kind: Kind) -> Vec<String> {
        let strays = self.lock();
        let names = self.naming(kind).flat_map(|pattern| {
            let owners = strays.proven.keys();
            owners.map(|owner| pattern.name(&owner.student))
        });
        names.collect()
    }

    /// Everybody who left, with the resources that were seen.
    pub(crate) fn strays(&self) -> BTreeMap<Owner, BTreeSet<ResourceId>> {
        let Strays { mut proven, named } = std::mem::take(&mut *self.lock());
        for (student, id) in named {
            let owner = Owner {
                class: self.desired.class.clone(),
                student,
                lab: self.desired.lab.clone(),
            };
            if let Some(ids) = proven.get_mut(&owner) {
                ids.insert(id);
            }
        }
        proven
    }
}
