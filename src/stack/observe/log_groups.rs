//! Log groups: listings show no tags. A group belongs to its function; its tags are asked where that is
//! not there to vouch for it (and again right before it is deleted, in its own procedure).

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::ErrorKind;
use crate::stack::ids::Username;
use crate::stack::kinds::{Kind, function, log_group};
use crate::stack::ownership::{Owner, Ownership};

use crate::stack::observe::{Listed, Look};

/// The function whose log group this is, if it is ours.
fn owner_by_function<'f>(
    functions: &'f BTreeMap<String, function::Actual>,
    group: &str,
) -> Option<&'f Owner> {
    let function = functions.get(group.strip_prefix("/aws/lambda/")?)?;
    match &function.ownership {
        Ownership::Ours(owner) => Some(owner),
        _ => None,
    }
}

impl Look<'_> {
    pub(super) async fn log_groups(
        &self,
        functions: &BTreeMap<String, function::Actual>,
        strangers: &BTreeSet<Username>,
    ) -> Listed<BTreeMap<String, log_group::Actual>> {
        let class = &self.desired.class;
        let mut found: BTreeMap<String, log_group::Actual> = BTreeMap::new();
        if !self.any(Kind::LogGroup) {
            return Ok((found, Vec::new()));
        }
        let prefix = self.log_group_prefix();
        let listed = self
            .pages(
                |token| self.client.log_groups_page(&prefix, token),
                |group: log_group::Actual| {
                    let stray = self.stray(Kind::LogGroup, &group.name);
                    if self.wanted(Kind::LogGroup, &group.name)
                        || owner_by_function(functions, &group.name).is_some()
                        || stray.is_some_and(|student| !strangers.contains(&student))
                    {
                        found.insert(group.name.clone(), group);
                    } else {
                        self.note_named(Kind::LogGroup, &group.name);
                    }
                },
            )
            .await;
        let mut gaps = self.listing_gap(Kind::LogGroup, listed)?;
        for (name, group) in &mut found {
            if let Some(owner) = owner_by_function(functions, name) {
                group.ownership = Ownership::Ours(owner.clone());
            }
        }
        let asked = found
            .values()
            .filter(|group| group.ownership == Ownership::Unproven)
            .map(|group| group.name.clone())
            .collect();
        let tags = self
            .details(asked, |name: String| async move {
                let arn = self.desired.scope.log_group_arn(&name);
                let tags = self.client.log_group_tags(&arn).await;
                (name, tags)
            })
            .await?;
        for (name, tags) in tags {
            match tags {
                // Without any tag it is one that Lambda made: as much ours as its function, if that is there.
                Ok(tags) if tags.is_empty() => {}
                Ok(tags) => {
                    if let Some(group) = found.get_mut(&name) {
                        group.tags_read = true;
                        group.ownership = Ownership::from_tags(&tags, class);
                    }
                }
                Err(error) => {
                    found.remove(&name);
                    if error.kind() != Some(ErrorKind::NotFound) {
                        gaps.push(self.gap(Kind::LogGroup, Some(&name), &error));
                    }
                }
            }
        }
        Ok((found, gaps))
    }

    /// The longest prefix that every log group of interest begins with: one student's teardown need not
    /// page through the account's log groups.
    fn log_group_prefix(&self) -> String {
        let of_strays = self.log_groups_of_strays();
        let mut names = self
            .owners
            .keys()
            .filter(|id| id.kind == Kind::LogGroup)
            .map(|id| id.name.as_str())
            .chain(
                self.depth
                    .patterns()
                    .iter()
                    .filter(|p| p.kind == Kind::LogGroup)
                    .map(|p| p.prefix.as_str()),
            )
            .chain(of_strays.iter().map(String::as_str));
        let Some(first) = names.next() else {
            return "/aws/lambda/".to_owned();
        };
        let common = names.fold(first, |common, name| {
            let same = common.bytes().zip(name.bytes()).take_while(|(a, b)| a == b);
            &common[..same.count()]
        });
        common.to_owned()
    }
}
