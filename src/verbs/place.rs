//! A class that was last deployed in another account or region: asks before anything is made or deleted in this one.

use std::fs::read_dir;
use std::io;

use jiff::Timestamp;

use super::ask::{answer, can_ask};
use super::ended::PlaceEnd;
use super::say::{general, unwritten};
use super::session::Session;
use super::sessions::Sessions;
use crate::error::{Error, Exit, Result};
use crate::events::Outcome;
use crate::evidence::kept::{DeployedPlace, KeptPlaces, StudentPlaces};
use crate::ids::{PlaceName, Scope, Username};
use crate::options::ClassSettings;
use crate::stack::plan::Plan;

impl Sessions {
    /// [`Session::agree_on_place`], one place after the other.
    pub(crate) async fn agree_on_places(&self) -> Result<()> {
        for session in &self.places {
            session.agree_on_place(can_ask(self)).await?;
        }
        Ok(())
    }

    /// Takes out the places that are in another account or region than when something of the class was last there, with
    /// why: what is seen there says nothing of the students' stacks.
    pub(super) fn part_moved(&mut self, kept: &KeptPlaces) -> Vec<(PlaceName, Error)> {
        let mut moved = Vec::new();
        self.places.retain(|at| {
            let last = at
                .place
                .as_ref()
                .and_then(|place| Some((place, kept.places.get(place)?)));
            let Some((place, last)) = last.filter(|(_, last)| !last.is(at.scope())) else {
                return true;
            };
            moved.push((
                place.clone(),
                self::moved(Exit::General, place, at.scope(), last),
            ));
            false
        });
        moved
    }

    /// Keeps who is about to get a stack at which place. Nothing may be made before that: if the place cannot be looked at
    /// next time, nothing else says where the stack is.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub(crate) fn remember<'a>(&self, plans: impl IntoIterator<Item = &'a Plan>) -> Result<()> {
        if self.places.iter().all(|at| at.place.is_none()) {
            return Ok(());
        }
        let folder = self.folder();
        let (before, now) = (KeptPlaces::read(&folder)?, Timestamp::now());
        let mut known = before.clone();
        let mut begun = Vec::new();
        for (session, plan) in self.places.iter().zip(plans) {
            let students = plan.students.iter().filter(|student| student.steps() > 0);
            let students: Vec<&Username> = students.map(|s| &s.owner.student).collect();
            let Some(place) = &session.place else {
                continue;
            };
            // Whoever moved the place has agreed to it by now.
            let last = known.places.get(place);
            if !students.is_empty() || last.is_some_and(|last| !last.is(session.scope())) {
                let here = DeployedPlace::of(session.scope(), now);
                known.places.insert(place.clone(), here);
            }
            begun.push((place, session.scope(), students));
        }
        // First who stays where a place was.
        StudentPlaces::change(&folder, |places| {
            for (place, scope, students) in begun {
                if let Some(last) = before.places.get(place).filter(|last| !last.is(scope)) {
                    places.leave_behind(place, last);
                }
                students
                    .into_iter()
                    .for_each(|student| places.put(student, place, scope, now));
            }
        })?;
        known
            .keep(&folder, &before)
            .map_err(unwritten("places.json", "the same command"))
    }

    /// Forgets where students were of whom a fresh listing shows nothing any more. A note where that fails.
    pub(crate) fn forget_homes(&self, ends: &[PlaceEnd]) -> Option<String> {
        // A place that moved says nothing of what stands where it was.
        let kept = KeptPlaces::read(&self.folder()).unwrap_or_default().places;
        let is_same = |session: &Session, place: &PlaceName| {
            kept.get(place).is_none_or(|last| last.is(session.scope()))
        };
        let named = self.places.iter().zip(ends);
        let named = named.filter_map(|(session, end)| {
            let place = session.place.as_ref();
            let place = place.filter(|place| is_same(session, place))?;
            Some((place, session.scope(), end))
        });
        let gone: Vec<(&PlaceName, &Scope, &Username)> = named
            .flat_map(|(place, scope, end)| {
                let gone = end.students.iter();
                let gone = gone.filter(|s| matches!(s.outcome, Outcome::Removed | Outcome::Absent));
                gone.map(move |student| (place, scope, &student.username))
            })
            .collect();
        if gone.is_empty() {
            return None;
        }
        let forgotten = StudentPlaces::change(&self.folder(), |places| {
            gone.iter()
                .for_each(|(place, scope, student)| places.forget(student, place, scope));
        });
        let error = forgotten.err()?;
        Some(format!(
            "that nothing is left at a place could not be kept: {error}"
        ))
    }
}

/// Refuses a place that is another account or region than when students of some class, whatever its name, were last
/// there: what is seen in this one says nothing of their stacks.
///
/// # Errors
/// [`Exit::General`], as for a place that cannot be reached; also when what is remembered cannot be read.
pub(super) fn refuse_moved(
    settings: &ClassSettings,
    place: &PlaceName,
    scope: &Scope,
) -> Result<()> {
    let folders = match read_dir(&settings.reports) {
        Ok(folders) => folders,
        // Then no class was worked on from here.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(general("reports")(error)),
    };
    for folder in folders {
        let folder = folder.map_err(general("reports"))?.path();
        if !folder.is_dir() {
            continue;
        }
        let kept = KeptPlaces::read(&folder)?.places;
        let known = StudentPlaces::read(&folder)?.known();
        if let Some(last) = kept.get(place).filter(|last| !last.is(scope))
            && known.values().any(|at| at == place)
        {
            return Err(moved(Exit::General, place, scope, last));
        }
    }
    Ok(())
}

/// The error of a place that was in another account or region.
fn moved(exit: Exit, place: &PlaceName, scope: &Scope, last: &DeployedPlace) -> Error {
    let (was, day) = (last.words(), last.at.strftime("%F"));
    let is = DeployedPlace::of(scope, last.at).words();
    let cause =
        format!("was last in {was} ({day}), and now homeroom.toml says {is}; nothing was touched");
    let hint = format!(
        "correct profile, role_arn or region of place {place}, or give the new account and region a name of their own"
    );
    Error::new(exit, format!("place {place}"), cause).hint(hint)
}

impl Session {
    /// Goes on where the class was last deployed, where it never was, and where the command line names this account and
    /// region. Otherwise it asks.
    ///
    /// # Errors
    /// [`Exit::Refused`]: the answer is no, or there is no terminal to ask at.
    async fn agree_on_place(&self, can_ask: bool) -> Result<()> {
        // An endpoint of one's own, such as the embedded cloud, is no account that a class lives in. A sweep has just found
        // the class here.
        if !self.client.is_aws() || self.class.swept {
            return Ok(());
        }
        let Some(last) = self.last_place()? else {
            return Ok(());
        };
        let here = self.files().place(Timestamp::now());
        let unlike = last.unlike(&here);
        let named = &self.class.named_place;
        let Some((_, first)) = unlike.iter().find(|(_, value)| !named.contains(value)) else {
            return Ok(());
        };
        let (class, was, is) = (self.class.name(), last.words(), here.words());
        let day = last.at.strftime("%F");
        if can_ask {
            let question = format!(
                "Class {class} was last deployed in {was} ({day}).\nThis is {is}.\nType {first} to go on here, anything \
                 else to leave it: "
            );
            if answer(&question).await? == *first {
                return Ok(());
            }
        }
        if let Some(place) = &self.place {
            return Err(moved(Exit::Refused, place, self.scope(), &last));
        }
        let cause =
            format!("was last deployed in {was} ({day}), and this is {is}; nothing was touched");
        let options = unlike
            .iter()
            .map(|(option, value)| format!(" --{option} {value}"));
        let hint = format!(
            "choose the other account or region with --profile and --region; if you mean this one: the same command with{}",
            options.collect::<String>()
        );
        Err(Error::new(Exit::Refused, format!("class {class}"), cause).hint(hint))
    }

    /// Where the class, or this place of it, was last deployed.
    fn last_place(&self) -> Result<Option<DeployedPlace>> {
        match &self.place {
            None => self.files().deployed_place(),
            Some(place) => Ok(KeptPlaces::read(&self.folder())?.places.remove(place)),
        }
    }

    /// A note where the class, which has no places, was last deployed somewhere else and may still stand there.
    pub(crate) fn not_where_it_was(&self) -> Option<String> {
        if !self.client.is_aws() || self.place.is_some() {
            return None;
        }
        let last = self.last_place().ok().flatten()?;
        let stands = last.gone != Some(true) && !last.is(self.scope());
        stands.then(|| {
            format!(
                "the class was last deployed in {} ({}), and may still stand there: nobody looked",
                last.words(),
                last.at.strftime("%F")
            )
        })
    }

    /// When the class was last deployed in this account and region from here, in milliseconds since 1970.
    pub(crate) fn deployed_ms(&self) -> Option<i64> {
        let last = self.last_place().ok().flatten()?;
        let is_here = last.unlike(&self.files().place(last.at)).is_empty();
        is_here.then(|| last.at.as_millisecond())
    }

    /// Keeps that the class is deployed in this account and region. A note where that fails.
    pub(crate) fn keep_place(&self) -> Option<String> {
        // Of a place with a name, `Sessions::remember` keeps it.
        if !self.client.is_aws() || self.place.is_some() {
            return None;
        }
        let error = self.files().keep_place(Timestamp::now()).err()?;
        Some(format!(
            "that the class is deployed here could not be kept, so a deployment elsewhere will not ask: {error}"
        ))
    }
}
