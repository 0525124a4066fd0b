//! Observes a class by listing, not by asking for each resource: five listings at once, then one
//! DescribeStateMachine and one GetStages a student, and tags only where a listing leaves ownership open.

mod functions;
mod log_groups;
mod principals;
mod rest_apis;
mod state_machines;
mod strangers;
mod strays;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use futures::stream::{self, StreamExt};

use crate::aws::stop::Cancelled;
use crate::aws::{CallError, CallResult, Client, Page};
use crate::stack::desired::Desired;
use crate::stack::ids::Username;
use crate::stack::kinds::{Kind, ResourceId, rest_api};
use crate::stack::names::NamePattern;
use crate::stack::observed::KnownMachines;
use crate::stack::observed::{AccountUse, Gap, Observed};
use crate::stack::ownership::Owner;
use crate::stack::plan::teardown::Reach;

use principals::Principals;

use crate::stack::hints;

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
    /// Whom a teardown that looks so reaches.
    pub fn reach(&self) -> Reach {
        match self {
            Self::TeardownOfClass { .. } => Reach::WholeClass,
            Self::TeardownOfLeavers { .. } => Reach::Left,
            Self::Deploy | Self::Class { .. } | Self::TeardownOfStudents => Reach::Selected,
        }
    }

    /// How the names are made of students who are looked for though they are not in the roster.
    fn patterns(&self) -> &[NamePattern] {
        match self {
            Self::TeardownOfClass { patterns } | Self::TeardownOfLeavers { patterns } => patterns,
            Self::Deploy | Self::Class { .. } | Self::TeardownOfStudents => &[],
        }
    }

    /// Whether what is beyond the lab's own names is only told, and not looked into.
    fn is_deployment(&self) -> bool {
        matches!(self, Self::Deploy | Self::Class { .. })
    }
}

/// What the observer looks for.
struct Look<'a> {
    client: &'a Client,
    desired: &'a Desired,
    owners: BTreeMap<ResourceId, Owner>,
    depth: &'a Depth,
    known: &'a KnownMachines,
    strays: Mutex<strays::Strays>,
    /// Whose stacks should be there.
    students: BTreeSet<&'a Username>,
}

type Listed<T> = Result<(T, Vec<Gap>), Cancelled>;

/// Looks at everything that the class has, or that stands where it would have something.
///
/// # Errors
/// Only when the run is stopped: what cannot be read becomes a gap.
pub async fn observe(
    client: &Client,
    desired: &Desired,
    depth: &Depth,
) -> Result<Observed, Cancelled> {
    observe_knowing(client, desired, depth, &KnownMachines::new()).await
}

/// [`observe`], without describing the state machines again that are known and still the same ones.
///
/// # Errors
/// As [`observe`].
pub async fn observe_knowing(
    client: &Client,
    desired: &Desired,
    depth: &Depth,
    known: &KnownMachines,
) -> Result<Observed, Cancelled> {
    let look = Look::new(client, desired, depth, known);
    // Roles first: they tell which students are another class's, whose other things need not be asked.
    let (principals, mut gaps) = match depth {
        Depth::Deploy if !look.any(Kind::Role) => (Principals::default(), Vec::new()),
        _ => look.principals().await?,
    };
    if depth.is_deployment() {
        // The users are not a deployment's business, so not to see them is no gap of its own.
        gaps.retain(|gap| gap.kind != Kind::User);
        // One listing shows both, and whose roles were not seen is left alone whole: one cause is one gap.
        if gaps.iter().any(|gap| gap.kind == Kind::Role) {
            gaps.retain(|gap| gap.kind != Kind::ManagedPolicy);
        }
    }
    look.note_principals(&principals);
    let Principals {
        roles,
        users,
        policies,
    } = principals;
    let strangers = look.strangers(&roles);
    let (functions, machines, apis) = tokio::join!(
        look.functions(),
        look.state_machines(&strangers),
        look.rest_apis(),
    );
    let (functions, more) = functions?;
    gaps.extend(more);
    let (machines, more) = machines?;
    gaps.extend(more);
    let ((apis, api_count), more) = apis?;
    gaps.extend(more);
    let (log_groups, more) = look.log_groups(&functions, &strangers).await?;
    gaps.extend(more);
    Ok(Observed {
        roles,
        log_groups,
        functions,
        state_machines: machines,
        rest_apis: apis,
        users,
        policies,
        strays: look.strays(),
        gaps,
        account: AccountUse {
            rest_apis: api_count,
            ..AccountUse::default()
        },
    })
}

/// Looks at who may get in: roles, users and policies by one listing, and the ids of the APIs, which policies name.
///
/// # Errors
/// Only when the run is stopped: what cannot be read becomes a gap.
pub async fn observe_access(
    client: &Client,
    desired: &Desired,
    with_apis: bool,
) -> Result<Observed, Cancelled> {
    let known = KnownMachines::new();
    let look = Look::new(client, desired, &Depth::Deploy, &known);
    let (principals, mut gaps) = look.principals().await?;
    let mut rest_apis = BTreeMap::new();
    if with_apis && look.any(Kind::RestApi) {
        match look.list_rest_apis().await {
            Ok((apis, _)) => rest_apis = apis,
            Err(error) => gaps.extend(look.listing_gap(Kind::RestApi, Err(error))?),
        }
    }
    Ok(Observed {
        roles: principals.roles,
        users: principals.users,
        policies: principals.policies,
        rest_apis,
        gaps,
        ..Observed::default()
    })
}

/// Looks at roles alone: one listing, which tells whose they are in every class and region.
///
/// # Errors
/// Only when the run is stopped: what cannot be read becomes a gap.
pub async fn observe_roles(client: &Client, desired: &Desired) -> Result<Observed, Cancelled> {
    let known = KnownMachines::new();
    let look = Look::new(client, desired, &Depth::Deploy, &known);
    let (principals, mut gaps) = look.principals().await?;
    gaps.retain(|gap| gap.kind == Kind::Role);
    Ok(Observed {
        roles: principals.roles,
        gaps,
        ..Observed::default()
    })
}

/// The chosen students' APIs by name, by one listing, without their stages.
///
/// # Errors
/// AWS's, or that the run was stopped.
pub async fn rest_apis(
    client: &Client,
    desired: &Desired,
) -> Result<BTreeMap<String, Vec<rest_api::Actual>>, CallError> {
    let known = KnownMachines::new();
    let look = Look::new(client, desired, &Depth::Deploy, &known);
    Ok(look.list_rest_apis().await?.0)
}

impl<'a> Look<'a> {
    fn new(
        client: &'a Client,
        desired: &'a Desired,
        depth: &'a Depth,
        known: &'a KnownMachines,
    ) -> Self {
        let owners = desired
            .stacks
            .iter()
            .flat_map(|stack| {
                let ids = stack.resource_ids().into_iter();
                ids.map(|id| (id, stack.owner.clone()))
            })
            .collect();
        Self {
            client,
            desired,
            owners,
            depth,
            known,
            strays: Mutex::default(),
            students: desired.stacks.iter().map(|s| s.student()).collect(),
        }
    }

    fn wanted(&self, kind: Kind, name: &str) -> bool {
        self.owners.contains_key(&ResourceId::new(kind, name))
    }

    /// Whether a name could be one of the class's, of a student who is not in the roster any more.
    fn stray(&self, kind: Kind, name: &str) -> Option<Username> {
        self.depth
            .patterns()
            .iter()
            .filter(|pattern| pattern.kind == kind)
            .find_map(|pattern| pattern.username_in(name)?.parse().ok())
    }

    /// The owner that a name of the chosen students stands for.
    fn expected(&self, kind: Kind, name: &str) -> Option<&Owner> {
        self.owners.get(&ResourceId::new(kind, name))
    }

    /// Whether everything of this owner is looked for, whatever it is called.
    fn seeks(&self, owner: &Owner) -> bool {
        let class = owner.class == self.desired.class;
        match self.depth {
            Depth::TeardownOfClass { .. } | Depth::TeardownOfLeavers { .. } => class,
            Depth::Deploy | Depth::Class { .. } | Depth::TeardownOfStudents => self
                .desired
                .stacks
                .iter()
                .any(|stack| stack.owner == *owner),
        }
    }

    /// Whether anything of a kind is looked for at all.
    fn any(&self, kind: Kind) -> bool {
        !self.depth.is_deployment() || self.owners.keys().any(|id| id.kind == kind)
    }

    fn gap(&self, kind: Kind, name: Option<&str>, error: &CallError) -> Gap {
        let cause = match error {
            CallError::Cloud(error) => error.in_full(),
            CallError::Cancelled => "stopped".to_owned(),
        };
        let student = name
            .and_then(|name| self.owners.get(&ResourceId::new(kind, name)))
            .map(|owner| owner.student.clone());
        Gap {
            kind,
            name: name.map(str::to_owned),
            student,
            cause,
        }
    }

    /// Reads a listing to its end.
    async fn pages<T, F>(
        &self,
        page: impl Fn(Option<String>) -> F,
        mut keep: impl FnMut(T),
    ) -> Result<(), CallError>
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

    fn listing_gap(
        &self,
        kind: Kind,
        listed: Result<(), CallError>,
    ) -> Result<Vec<Gap>, Cancelled> {
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

    /// Asks for one detail of each, many at once.
    async fn details<I, O, F>(
        &self,
        items: Vec<I>,
        ask: impl Fn(I) -> F,
    ) -> Result<Vec<O>, Cancelled>
    where
        F: Future<Output = O>,
    {
        let answers: Vec<O> = stream::iter(items)
            .map(ask)
            .buffer_unordered(DETAILS_AT_ONCE)
            .collect()
            .await;
        self.client.stop().check()?;
        Ok(answers)
    }
}
