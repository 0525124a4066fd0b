//! Functions: a listing shows all of them but their tags. The record in the description settles whose a
//! function is where it says just what the name stands for; tags are asked otherwise.

use std::collections::BTreeMap;

use crate::aws::{CallError, ErrorKind};
use crate::stack::kinds::{Kind, function};
use crate::stack::ownership::{Ownership, Record};

use crate::stack::observe::{Listed, Look};

impl Look<'_> {
    pub(super) async fn functions(&self) -> Listed<BTreeMap<String, function::Actual>> {
        let class = &self.desired.class;
        let mut found = BTreeMap::new();
        if !self.any(Kind::Function) {
            return Ok((found, Vec::new()));
        }
        let listed = self
            .pages(
                |token| self.client.functions_page(token),
                |mut function: function::Actual| {
                    let record = Record::parse(&function.description).map(|record| record.owner);
                    let expected = self.expected(Kind::Function, &function.name);
                    let candidate = expected.is_some()
                        || self.stray(Kind::Function, &function.name).is_some()
                        || record.as_ref().is_some_and(|owner| self.seeks(owner));
                    if candidate {
                        function.ownership = Ownership::from_record(record.as_ref(), expected);
                        found.insert(function.name.clone(), function);
                    } else {
                        self.note_recorded(record.as_ref(), Kind::Function, &function.name);
                    }
                },
            )
            .await;
        let mut gaps = self.listing_gap(Kind::Function, listed)?;
        let unproven: Vec<String> = found
            .values()
            .filter(|f| f.ownership == Ownership::Unproven)
            .map(|f| f.name.clone())
            .collect();
        let tags = self
            .details(unproven, |name: String| async move {
                let state = self.client.get_function(&name).await;
                let tags = state.and_then(|s| s.readable_tags().map_err(CallError::Cloud));
                (name, tags)
            })
            .await?;
        for (name, tags) in tags {
            match tags {
                Ok(tags) => {
                    if let Some(function) = found.get_mut(&name) {
                        function.ownership = Ownership::from_tags(&tags, class);
                    }
                }
                Err(error) => {
                    found.remove(&name);
                    if error.kind() != Some(ErrorKind::NotFound) {
                        gaps.push(self.gap(Kind::Function, Some(&name), &error));
                    }
                }
            }
        }
        Ok((found, gaps))
    }
}
