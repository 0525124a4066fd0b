//! Students of another class, told by the roles that stand under this lab's names.

use std::collections::{BTreeMap, BTreeSet};

use crate::stack::ids::Username;
use crate::stack::kinds::{Kind, role};
use crate::stack::ownership::Owner;

use crate::stack::observe::Look;

impl Look<'_> {
    /// Students who are wholly another class's: every role that this lab would give them is there and is
    /// that class's. Nothing of ours can stand beside those names, so their other things need not be asked.
    pub(super) fn strangers(&self, roles: &BTreeMap<String, role::Actual>) -> BTreeSet<Username> {
        let class = &self.desired.class;
        let is_others = |name: &String| {
            let owner = roles
                .get(name)
                .and_then(|role| Owner::from_tags(&role.tags));
            owner.is_some_and(|owner| owner.class != *class)
        };
        let patterns: Vec<_> = self
            .depth
            .patterns()
            .iter()
            .filter(|pattern| pattern.kind == Kind::Role)
            .collect();
        roles
            .values()
            .filter_map(|role| Owner::from_tags(&role.tags))
            .map(|owner| owner.student)
            .filter(|student| {
                let mut names = patterns.iter().map(|pattern| pattern.name(student));
                !patterns.is_empty() && names.all(|name| is_others(&name))
            })
            .collect()
    }
}
