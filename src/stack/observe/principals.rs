//! Roles, users and customer managed policies by one listing, which shows everything of them.

use std::collections::BTreeMap;

use crate::aws::Principal;
use crate::stack::kinds::{Kind, managed_policy, role, user};
use crate::stack::observed::Gap;
use crate::stack::ownership::Owner;

use crate::stack::observe::{Listed, Look};

/// What stands below homeroom's paths, or has one of the students' names, by name.
#[derive(Debug, Default)]
pub(super) struct Principals {
    pub roles: BTreeMap<String, role::Actual>,
    pub users: BTreeMap<String, user::Actual>,
    pub policies: BTreeMap<String, managed_policy::Actual>,
}

impl Look<'_> {
    pub(super) async fn principals(&self) -> Listed<Principals> {
        let mut found = Principals::default();
        // IAM keeps users' names unique whatever their case.
        let students: Vec<String> = self
            .desired
            .stacks
            .iter()
            .map(|stack| stack.student().as_str().to_ascii_lowercase())
            .collect();
        let ours = |path: &str| path.starts_with("/homeroom/");
        let listed = self
            .pages(
                |token| self.client.principals_page(token),
                |principal| match principal {
                    Principal::Role(role) => {
                        if ours(&role.path) || self.wanted(Kind::Role, &role.name) {
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
            )
            .await;
        let mut gaps = self.listing_gap(Kind::Role, listed)?;
        // One listing that failed hides all three.
        for kind in [Kind::User, Kind::ManagedPolicy] {
            let also = gaps.first().cloned();
            gaps.extend(also.map(|gap| Gap { kind, ..gap }));
        }
        Ok((found, gaps))
    }
}
