//! State machines: a listing shows names only, so each is described. The record in the definition settles whose
//! a machine is where it says just what the name stands for; tags are asked otherwise.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::{CallError, ErrorKind};
use crate::stack::ids::Username;
use crate::stack::kinds::{Kind, state_machine};
use crate::stack::ownership::Ownership;

use crate::stack::observe::{Listed, Look};

impl Look<'_> {
    pub(super) async fn state_machines(
        &self,
        strangers: &BTreeSet<Username>,
    ) -> Listed<BTreeMap<String, state_machine::Actual>> {
        let mut found: BTreeMap<String, state_machine::Actual> = BTreeMap::new();
        if !self.any(Kind::StateMachine) {
            return Ok((found, Vec::new()));
        }
        let listed = self
            .pages(
                |token| self.client.state_machines_page(token),
                |machine: state_machine::Actual| {
                    let stray = self.stray(Kind::StateMachine, &machine.name);
                    if self.wanted(Kind::StateMachine, &machine.name)
                        || stray.is_some_and(|student| !strangers.contains(&student))
                    {
                        found.insert(machine.name.clone(), machine);
                    } else {
                        self.note_named(Kind::StateMachine, &machine.name);
                    }
                },
            )
            .await;
        let mut gaps = self.listing_gap(Kind::StateMachine, listed)?;
        for machine in found.values_mut() {
            if let Some(known) = self.known.get(&machine.name).filter(|k| k.is(machine)) {
                let class = &self.desired.class;
                machine.ownership = Ownership::from_owner(Some(known.owner.clone()), class);
                machine.detail = Some(known.detail.clone());
            }
        }
        let details = self
            .details(
                found
                    .values()
                    .filter(|machine| machine.detail.is_none())
                    .map(|m| (m.name.clone(), m.arn.clone()))
                    .collect(),
                |(name, arn): (String, String)| async move {
                    let detail = self.state_machine_detail(&name, &arn).await;
                    (name, detail)
                },
            )
            .await?;
        for (name, detail) in details {
            match detail {
                Ok((detail, ownership)) => {
                    if let Some(machine) = found.get_mut(&name) {
                        machine.ownership = ownership;
                        machine.detail = Some(detail);
                    }
                }
                Err(error) => {
                    found.remove(&name);
                    if error.kind() != Some(ErrorKind::NotFound) {
                        gaps.push(self.gap(Kind::StateMachine, Some(&name), &error));
                    }
                }
            }
        }
        Ok((found, gaps))
    }

    /// A state machine's definition, and whose it is.
    async fn state_machine_detail(
        &self,
        name: &str,
        arn: &str,
    ) -> Result<(state_machine::Detail, Ownership), CallError> {
        let detail = self.client.describe_state_machine(arn).await?;
        let record = detail.recorded_owner();
        let expected = self.expected(Kind::StateMachine, name);
        let proven = Ownership::from_record(record.as_ref(), expected);
        if proven != Ownership::Unproven {
            return Ok((detail, proven));
        }
        let tags = self.client.state_machine_tags(arn).await?;
        let ownership = Ownership::from_tags(&tags, &self.desired.class);
        Ok((detail, ownership))
    }
}
