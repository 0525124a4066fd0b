//! How a class is looked for: what each kind's listing asks about names and owners, and what could not be read.
//!
//! Beside that it notes students who are not in the roster, as far as the listings of a deployment show them anyway: not one
//! call is made for them. What is found is told and counted, never acted on. A student is known to have been in the class by what is
//! proof for a listing: the path and tags of roles, users and policies, an API's tags, a function's record that says just
//! what its name stands for. State machines and log groups show nothing but their names there, so they are counted
//! under the lab's names of students who are known so.

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

/// How closely to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Depth {
    /// As a deployment needs it: only what the lab has, by its names.
    Deploy,
    /// The same for the whole roster, with a word on whom the listings show besides: students who left it.
    Class {
        /// How the lab names things.
        patterns: Vec<NamePattern>,
    },
    /// As the teardown of some students needs it: whatever says that it is theirs, whatever its kind and name.
    TeardownOfStudents,
    /// As the teardown of a whole class needs it: likewise, and also under the names of students who left
    /// the roster.
    TeardownOfClass {
        /// How the lab names things.
        patterns: Vec<NamePattern>,
    },
    /// As the teardown of everybody who left the roster needs it.
    TeardownOfLeavers {
        /// How the lab names things.
        patterns: Vec<NamePattern>,
    },
}

impl Depth {
    /// How the names are made of students who are looked for though they are not in the roster.
    fn patterns(&self) -> &[NamePattern] {
        match self {
            Self::TeardownOfClass { patterns } | Self::TeardownOfLeavers { patterns } => patterns,
            Self::Deploy | Self::Class { .. } | Self::TeardownOfStudents => &[],
        }
    }

    /// Whether what is beyond the lab's own names is only told, and not looked into.
    pub(super) fn is_deployment(&self) -> bool {
        matches!(self, Self::Deploy | Self::Class { .. })
    }
}

/// What a listing showed, and what of it could not be read.
pub(crate) type Listed<T> = Result<(T, Vec<Gap>), Cancelled>;

/// A search for what a class has.
pub(crate) struct Search<'a> {
    pub(crate) client: &'a Client,
    pub(crate) desired: &'a Desired,
    pub(crate) depth: &'a Depth,
    owners: BTreeMap<ResourceId, Owner>,
    strays: Mutex<Strays>,
    /// Whose stacks should be there.
    students: BTreeSet<&'a Username>,
}

/// What was seen so far of students who are not in the roster.
#[derive(Debug, Default)]
struct Strays {
    proven: BTreeMap<Owner, BTreeSet<ResourceId>>,
    /// What only bears a name that one of them would have.
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

    /// The names of a kind that are looked for, or what they begin with.
    pub(crate) fn beginnings(&self, kind: Kind) -> impl Iterator<Item = &str> {
        let names = self.owners.keys().filter(move |id| id.kind == kind);
        let patterns = self.patterns_of(kind).map(|p| p.prefix.as_str());
        names.map(|id| id.name.as_str()).chain(patterns)
    }

    /// How the names of a kind are made of students who are looked for though they are not in the roster.
    pub(crate) fn patterns_of(&self, kind: Kind) -> impl Iterator<Item = &NamePattern> {
        let patterns = self.depth.patterns().iter();
        patterns.filter(move |pattern| pattern.kind == kind)
    }

    /// Whose name it could be of those who are not in the roster any more.
    pub(crate) fn stray(&self, kind: Kind, name: &str) -> Option<Username> {
        let mut patterns = self.patterns_of(kind);
        patterns.find_map(|pattern| pattern.username_in(name)?.parse().ok())
    }

    /// Whether everything of this owner is looked for, whatever it is called.
    pub(crate) fn seeks(&self, owner: &Owner) -> bool {
        match self.depth {
            Depth::TeardownOfClass { .. } | Depth::TeardownOfLeavers { .. } => {
                owner.class == self.desired.class
            }
            Depth::Deploy | Depth::Class { .. } | Depth::TeardownOfStudents => {
                let mut stacks = self.desired.stacks.iter();
                stacks.any(|stack| stack.owner == *owner)
            }
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

    /// Reads a listing to its end.
    ///
    /// # Errors
    /// AWS's, or that the run was stopped.
    pub(crate) async fn pages<T, F>(
        &self,
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

    /// Reads the listing of a kind to its end, where anything of it is looked for; the gap where that cannot be read.
    ///
    /// # Errors
    /// Only when the run is stopped.
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
            true => self.gap_of(kind, self.pages(page, keep).await),
            false => Ok(Vec::new()),
        }
    }

    /// The gap that a listing leaves which could not be read.
    ///
    /// # Errors
    /// Only when the run is stopped.
    pub(crate) fn gap_of(&self, kind: Kind, listed: CallResult<()>) -> Result<Vec<Gap>, Cancelled> {
        match listed {
            Ok(()) => Ok(Vec::new()),
            Err(CallError::Cancelled) => Err(Cancelled),
            Err(error) => {
                // It hides the same of everybody, so its fix is told once.
                if let CallError::Cloud(error) = &error {
                    let told = format!("nobody's {kind} can be seen");
                    let region = Some(self.desired.scope.region.as_str());
                    self.client.emit(hints::everybodys(&told, error, region));
                }
                Ok(vec![self.gap(kind, None, &error)])
            }
        }
    }

    /// Asks for one detail of each that is open, many at once, and keeps what is told; what is gone meanwhile was not
    /// there, and what cannot be read is a gap.
    ///
    /// # Errors
    /// Only when the run is stopped.
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
            let told = ask(one);
            async move { (name, told.await) }
        });
        let mut gaps = Vec::new();
        for (name, told) in asked.await? {
            match told {
                Ok(told) => {
                    if let Some(one) = found.get_mut(&name) {
                        keep(one, told);
                    }
                }
                Err(error) => {
                    found.remove(&name);
                    if error.kind() != Some(ErrorKind::NotFound) {
                        gaps.push(self.gap(kind, Some(&name), &error));
                    }
                }
            }
        }
        Ok(gaps)
    }

    /// Asks for one detail of each, many at once.
    ///
    /// # Errors
    /// Only when the run is stopped.
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

    /// How the lab names things of a kind, where students who left the roster are told.
    fn naming(&self, kind: Kind) -> impl Iterator<Item = &NamePattern> {
        let patterns = match self.depth {
            Depth::Class { patterns } => patterns.as_slice(),
            _ => &[],
        };
        patterns.iter().filter(move |pattern| pattern.kind == kind)
    }

    /// Notes something that says whose it is, if that is somebody who left the roster.
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

    /// Notes what was seen, as far as it says whose it is.
    pub(crate) fn note(&self, seen: &dyn AnySeen) {
        if let Ownership::Ours(owner) = seen.whose(self.desired, None) {
            self.note_owned(&owner, seen.id());
        }
    }

    /// Notes something whose record counts only where it says what the name stands for.
    pub(crate) fn note_recorded(&self, record: Option<&Owner>, kind: Kind, name: &str) {
        let Some(owner) = record else {
            return;
        };
        let mut patterns = self.naming(kind);
        if patterns.any(|pattern| pattern.username_in(name) == Some(owner.student.as_str())) {
            self.note_owned(owner, ResourceId::new(kind, name));
        }
    }

    /// Notes a name that somebody who left may have had.
    pub(crate) fn note_named(&self, kind: Kind, name: &str) {
        let students = self.naming(kind);
        let students = students.filter_map(|pattern| pattern.username_in(name)?.parse().ok());
        let others = students.filter(|student| !self.students.contains(student));
        let id = ResourceId::new(kind, name);
        let named = others.map(|student| (student, id.clone()));
        self.lock().named.extend(named);
    }

    /// The names of a kind that those have who are known to have left.
    pub(crate) fn names_of_strays(&self, kind: Kind) -> Vec<String> {
        let strays = self.lock();
        let names = self.naming(kind).flat_map(|pattern| {
            let owners = strays.proven.keys();
            owners.map(|owner| pattern.name(&owner.student))
        });
        names.collect()
    }

    /// Everybody who left, with what was seen of theirs.
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
