//! Roles, users and customer managed policies by one listing, which shows everything of them.

use crate::aws::Principal;
use crate::aws::stop::Cancelled;
use crate::stack::kinds::search::{Depth, Search, pages};
use crate::stack::kinds::{AnySeen, Gap, Kind, Observed};
use crate::stack::ownership::Owner;

impl Principal {
    pub(crate) fn seen(&self) -> &dyn AnySeen {
        match self {
            Self::Role(role) => role,
            Self::User(user) => user,
            Self::Policy(policy) => policy,
        }
    }
}

/// Everything below homeroom's paths, or with one of the students' names.
pub(crate) async fn list(search: &Search<'_>) -> Result<Observed, Cancelled> {
    let mut found = Observed::default();
    // IAM keeps users' names unique whatever their case.
    let stacks = search.desired.stacks.iter();
    let students: Vec<String> = stacks
        .map(|stack| stack.student().as_str().to_ascii_lowercase())
        .collect();
    let ours = |path: &str| path.starts_with("/homeroom/");
    let listed = pages(
        |token| search.client.principals_page(token),
        |principal| match principal {
            Principal::Role(role) => {
                if ours(&role.path) || search.wanted(Kind::Role, &role.name) {
                    found.roles.insert(role.name.clone(), role);
                }
            }
            Principal::User(user) => {
                let named = students.contains(&user.name.to_ascii_lowercase());
                if ours(&user.path) || named || Owner::from_tags(&user.tags).is_some() {
                    found.users.insert(user.name.clone(), user);
                }
            }
            Principal::Policy(policy) => {
                if ours(&policy.path) {
                    found.policies.insert(policy.name.clone(), policy);
                }
            }
        },
    );
    let gaps = search.gap_of(Kind::Role, listed.await)?;
    // One listing that failed hides all three.
    let kinds = [Kind::Role, Kind::User, Kind::ManagedPolicy];
    let hides = |gap: Gap| {
        kinds.map(|kind| Gap {
            kind,
            ..gap.clone()
        })
    };
    found.gaps = gaps.into_iter().flat_map(hides).collect();
    Ok(found)
}

/// The same, as a stack needs it; also notes students who left the roster.
pub(crate) async fn of_stacks(search: &Search<'_>) -> Result<Observed, Cancelled> {
    if *search.depth == Depth::Deploy && !search.any(Kind::Role) {
        return Ok(Observed::default());
    }
    let mut found = list(search).await?;
    if search.depth.is_deployment() {
        // One listing shows roles, users and policies, so one failure is one gap here: that of the roles, without which a
        // deployment does nothing for a student anyway.
        found.gaps.retain(|gap| gap.kind == Kind::Role);
    }
    found.all().for_each(|seen| search.note(seen));
    Ok(found)
}

/// Roles alone, which tell whose they are in every class and region.
pub(crate) async fn roles(search: &Search<'_>) -> Result<Observed, Cancelled> {
    let found = list(search).await?;
    let gaps = found.gaps.into_iter();
    Ok(Observed {
        roles: found.roles,
        gaps: gaps.filter(|gap| gap.kind == Kind::Role).collect(),
        ..Observed::default()
    })
}
