//! What each place of a class shows: who has a stack there, and for how many there is room.

use std::collections::BTreeSet;

use futures::future::join_all;

use super::run::Log;
use super::session::{At, Session};
use super::sessions::Sessions;
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::ids::{PlaceName, Scope, Username};
use crate::stack::assign::PlaceSight;
use crate::stack::kinds::Desired;
use crate::stack::left::everybody;
use crate::stack::limits::room_for;
use crate::stack::observe::observe_roles;
use crate::text::words::some_of;

const NAMED: usize = 8;

impl Sessions {
    /// Refuses two places that are the same account and region: each would take the other's students for its own.
    pub(super) fn refuse_twins(&self) -> Result<()> {
        for (index, one) in self.places.iter().enumerate() {
            let mut others = self.places[..index].iter();
            if let (Some(other), Some(place)) = (
                others.find(|other| other.scope() == one.scope()),
                &one.place,
            ) {
                let of_other = other.place.as_ref().map_or("", |other| other.as_str());
                let Scope {
                    account, region, ..
                } = one.scope();
                let cause = format!(
                    "is the same as place {of_other}: account {account}, region {region}; nothing was touched"
                );
                let hint = "leave one of the two out of homeroom.toml, or correct its profile, role_arn or region";
                return Err(Error::new(Exit::Refused, format!("place {place}"), cause).hint(hint));
            }
        }
        Ok(())
    }

    /// Leaves the chosen places, and the students who are there or may be.
    ///
    /// # Errors
    /// [`Exit::NobodySelected`]: a student who was named is at another place, or the whole of a section is.
    pub(super) fn choose_at(&mut self, is_chosen: impl Fn(&PlaceName) -> bool) -> Result<()> {
        let (homes, class) = (&mut self.homes, &mut self.class);
        let named = !class.settings.students.is_empty();
        let of_section = class.settings.section.is_some();
        let mut at_others = Vec::new();
        class.students.retain(|student| {
            let other = homes
                .home(&student.username)
                .filter(|home| !is_chosen(home));
            at_others.extend(other.map(|home| format!("{} is at {home}", student.username)));
            other.is_none()
        });
        let chosen = &class.settings.chosen_places;
        let chosen: Vec<&str> = chosen.iter().map(PlaceName::as_str).collect();
        let (option, there) = (
            format!("--place {}", chosen.join(",")),
            some_of(&at_others, NAMED),
        );
        // Who names a student wants something done for this one.
        if !at_others.is_empty() && (named || of_section && class.students.is_empty()) {
            let cause = match class.students.is_empty() {
                true => {
                    format!("none of the chosen students is there: {there}; nothing was touched")
                }
                false => format!(
                    "not every student who was named is there: {there}; nothing was touched"
                ),
            };
            let hint = "leave --place out, or name only students who are there";
            return Err(Error::new(Exit::NobodySelected, option, cause).hint(hint));
        }
        if !at_others.is_empty() && of_section {
            let note = format!("of the section, others are left out by {option}: {there}");
            homes.left_out = Some(note);
        }
        let place = |at: &Session| at.place.as_ref().is_none_or(&is_chosen);
        self.places.retain(place);
        Ok(())
    }

    /// Works out everybody's stacks, to see who is where. That takes names alone, and those are the same at every place.
    /// So the lab is filled in once.
    ///
    /// # Errors
    /// A username for which the lab has no names.
    pub(super) fn fill_in(&mut self) -> Result<()> {
        let Some(first) = self.places.first() else {
            return Ok(());
        };
        let filled = first
            .class
            .desired(first.scope(), &self.class.roster.students);
        let filled = filled.map_err(|error| error.at(first.place.as_ref()))?;
        for at in &mut self.places {
            at.desired = Desired {
                scope: at.scope().clone(),
                ..filled.clone()
            };
        }
        Ok(())
    }

    /// Looks at each place, by one listing and one call for its limits: who is there, and for how many there is room.
    pub(super) async fn sights(&self) -> Result<Vec<PlaceSight>> {
        let look = self.run(Command::Plan, Log::None, async |places| {
            join_all(places.iter().map(|at| self.sight(at))).await
        });
        self.all(look.await.0)
    }

    async fn sight(&self, at: &At<'_>) -> Result<PlaceSight> {
        let At { session, client } = at;
        let desired = &session.desired;
        let (observed, summary) =
            tokio::join!(observe_roles(client, desired), client.account_summary());
        let observed = observed?;
        let stacks = observed.gaps.is_empty().then(|| {
            let there = everybody(desired, &observed).into_keys();
            there.collect::<BTreeSet<Username>>()
        });
        // Without the right to read it, no bound is known of roles and policies.
        let summary = summary.unwrap_or_default();
        let of_account = self.places.iter();
        let of_account = of_account.filter(|other| other.is_in_account_of(session));
        let sharers = u32::try_from(of_account.count()).unwrap_or(1);
        let there = stacks.as_ref().map_or(0, BTreeSet::len);
        Ok(PlaceSight {
            name: session
                .place
                .clone()
                .ok_or_else(|| Error::of(Exit::General, Vec::new()))?,
            stacks,
            room: room_for(&desired.stacks, &summary, there, sharers),
        })
    }
}
