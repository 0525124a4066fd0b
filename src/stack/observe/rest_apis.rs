//! REST APIs: the listing shows tags, so what was renamed is found too; the stage tells whether one is whole.

use std::collections::BTreeMap;

use crate::aws::{CallError, ErrorKind};
use crate::stack::kinds::{Kind, rest_api};
use crate::stack::ownership::{Owner, Ownership, Tags};

use crate::stack::observe::{Listed, Look};

impl Look<'_> {
    /// The class's APIs by name, and how many the region has.
    pub(super) async fn rest_apis(
        &self,
    ) -> Listed<(BTreeMap<String, Vec<rest_api::Actual>>, Option<u32>)> {
        if !self.any(Kind::RestApi) {
            return Ok(((BTreeMap::new(), None), Vec::new()));
        }
        let (mut found, count, mut gaps) = match self.list_rest_apis().await {
            Ok((found, count)) => (found, Some(count), Vec::new()),
            Err(error) => {
                let gaps = self.listing_gap(Kind::RestApi, Err(error))?;
                (BTreeMap::new(), None, gaps)
            }
        };
        let ours = found
            .values()
            .flatten()
            .filter(|api| matches!(api.ownership, Ownership::Ours(_)))
            .map(|api| (api.name.clone(), api.id.clone()))
            .collect();
        let stages = self
            .details(ours, |(name, id): (String, String)| async move {
                let stages = self.client.stages(&id).await;
                (name, id, stages)
            })
            .await?;
        for (name, id, stages) in stages {
            let same_name = found.entry(name.clone()).or_default();
            match stages {
                Ok(stages) => {
                    if let Some(api) = same_name.iter_mut().find(|api| api.id == id) {
                        api.stages = Some(stages);
                    }
                }
                Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                    same_name.retain(|api| api.id != id);
                }
                Err(error) => gaps.push(self.gap(Kind::RestApi, Some(&name), &error)),
            }
        }
        found.retain(|_, apis| !apis.is_empty());
        Ok(((found, count), gaps))
    }

    /// The class's APIs by name as the listing shows them, and how many the region has.
    pub(super) async fn list_rest_apis(
        &self,
    ) -> Result<(BTreeMap<String, Vec<rest_api::Actual>>, u32), CallError> {
        let class = &self.desired.class;
        let mut found: BTreeMap<String, Vec<rest_api::Actual>> = BTreeMap::new();
        let mut count = 0;
        self.pages(
            |token| self.client.rest_apis_page(token),
            |(mut api, tags): (rest_api::Actual, Tags)| {
                count += 1;
                let owner = Owner::from_tags(&tags);
                self.note_owned(owner.as_ref(), Kind::RestApi, &api.name);
                let sought = owner.is_some_and(|owner| self.seeks(&owner));
                if sought || self.wanted(Kind::RestApi, &api.name) {
                    api.ownership = Ownership::from_tags(&tags, class);
                    found.entry(api.name.clone()).or_default().push(api);
                }
            },
        )
        .await?;
        Ok((found, count))
    }
}
