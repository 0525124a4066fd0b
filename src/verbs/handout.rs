//! `handout`: a page for each student. It changes nothing in the cloud; it asks for the addresses of the students' APIs.

use std::collections::BTreeMap;

use crate::aws::{CallError, Client};
use crate::cli::{Cli, HandoutArgs};
use crate::error::{Exit, Result};
use crate::events::{Command, Outcome};
use crate::report::handout::{HandoutBatch, HandoutClass, dir, write};
use crate::results::StudentResult;
use crate::roster::Student;
use crate::stack::hints;
use crate::stack::kinds::Observed;
use crate::stack::kinds::api::{self, ApiEndpoint};
use crate::stack::observe::apis;
use crate::stack::ownership::Ownership;

use super::class::Class;
use super::ended::PlaceEnd;
use super::homes::Deed;
use super::notes::Notes;
use super::run::interrupted;
use super::say::{general, unwritten};
use super::session::Session;
use super::sessions::Sessions;

pub(super) async fn run(cli: &Cli, args: &HandoutArgs) -> Result<Exit> {
    let sessions = Class::load(cli)?.connect(Deed::Looks).await?;
    let addresses = look_for_addresses(&sessions, Command::Handout).await?;
    let settings = &sessions.class.settings;
    let vault = sessions.vault();
    let class = addresses.class()?;
    let mut batch = HandoutBatch::new(class, args.with_credentials);
    for one in addresses.in_order() {
        let kept = vault.read(&one.student.username);
        batch.at(one.class).add(one.student, &one.apis, kept);
    }
    let unseen = addresses.unseen();
    let mut files = Vec::new();
    let mut notes = addresses.notes.clone();
    if !batch.handouts.is_empty() {
        let whole = sessions.is_all() && sessions.reaches_all() && unseen.is_empty();
        let written = write(&settings.reports, &class, &batch.handouts, whole)
            .map_err(unwritten("handout", "`homeroom handout`"))?;
        notes.extend(batch.notes(&dir(&settings.reports, class.class), &written.together));
        files.extend(written.all().map(|path| path.display().to_string()));
    }
    let all_seen = unseen.is_empty();
    let end = PlaceEnd {
        students: batch.results.into_iter().chain(unseen).collect(),
        ..PlaceEnd::default()
    };
    let mut ended = sessions.ended_together(Command::Handout, end, notes);
    ended.list(files);
    if !all_seen || ended.summary.count(Outcome::Failed) > 0 {
        ended.exit = ended.exit.or(Exit::SomeFailed);
    }
    ended.show(&sessions).await
}

/// Where the students of a place reach AWS.
pub(super) struct Addresses {
    /// Their APIs.
    observed: Observed,
    /// Where they sign in to the console; `None` where there is none.
    sign_in_url: Option<String>,
}

impl Addresses {
    fn class<'a>(&'a self, session: &'a Session) -> HandoutClass<'a> {
        HandoutClass {
            class: session.class.name(),
            lab: &session.class.lab,
            scope: session.scope(),
            sign_in_url: self.sign_in_url.as_deref(),
        }
    }
}

/// Where the students of each place reach AWS, or why a place could not be looked at. At least one could.
pub(super) struct AllAddresses<'a> {
    sessions: &'a Sessions,
    places: Vec<Result<Addresses>>,
    /// What to say of places where nothing of the class stands.
    pub(super) notes: Notes,
}

/// A student, and where they reach AWS.
pub(super) struct Addressed<'a> {
    pub(super) class: HandoutClass<'a>,
    pub(super) student: &'a Student,
    /// The student's deployed APIs, by name.
    pub(super) apis: BTreeMap<String, ApiEndpoint>,
}

impl AllAddresses<'_> {
    fn known(&self) -> impl Iterator<Item = (&Session, &Addresses)> {
        let places = self.sessions.places.iter().zip(&self.places);
        places.filter_map(|(session, addresses)| Some((session, addresses.as_ref().ok()?)))
    }

    /// The class at the first place that could be looked at.
    ///
    /// # Errors
    /// Where there is none: [`look_for_addresses`] has refused that.
    pub(super) fn class(&self) -> Result<HandoutClass<'_>> {
        let mut all = self.known().map(|(session, found)| found.class(session));
        all.next().ok_or_else(interrupted)
    }

    /// Every student of the places that could be looked at, in the roster's order.
    pub(super) fn in_order(&self) -> Vec<Addressed<'_>> {
        let all = self.known().flat_map(|(session, addresses)| {
            session.stacks().map(|(stack, student)| Addressed {
                class: addresses.class(session),
                student,
                apis: session.endpoints(stack, &addresses.observed),
            })
        });
        let mut all: Vec<Addressed<'_>> = all.collect();
        self.sessions
            .in_roster_order(&mut all, |one| &one.student.username);
        all
    }

    /// The students of the other places, with why nothing is known of them.
    pub(super) fn unseen(&self) -> Vec<StudentResult> {
        let places = self.sessions.places.iter().zip(&self.places);
        let unseen = places.flat_map(|(session, addresses)| {
            let why = addresses.as_ref().err().map(|error| &error.failures);
            let students = why.map(|why| (why, session.class.students.iter()));
            students.into_iter().flat_map(|(why, students)| {
                students.map(|student| StudentResult {
                    errors: why.clone(),
                    ..StudentResult::new(student.username.clone(), Outcome::Unknown)
                })
            })
        });
        unseen.collect()
    }
}

/// Where the students of each place reach AWS.
///
/// # Errors
/// When no place could be looked at, or the run was stopped.
pub(super) async fn look_for_addresses(
    sessions: &Sessions,
    command: Command,
) -> Result<AllAddresses<'_>> {
    let looked = sessions.look_each(command, async |at| look(&at.client, at.session).await);
    let mut stopped = false;
    let looked = looked.await.0.into_iter().map(|looked| {
        looked.map_err(|error| match error {
            CallError::Cancelled => {
                stopped = true;
                interrupted()
            }
            CallError::Cloud(error) => {
                let hint = hints::for_error(&error);
                general("the students' APIs")(error).hint_if(hint)
            }
        })
    });
    let looked: Vec<_> = looked.collect();
    let sees_all = looked.iter().all(Result::is_ok);
    let mut notes = Notes::default();
    if stopped || looked.iter().all(Result::is_err) {
        let error = sessions.all(looked).err();
        return Err(error.unwrap_or_else(interrupted));
    }
    let apis = looked.iter().flatten();
    let apis = apis.flat_map(|(observed, _)| observed.apis.values());
    let ours = |api: &api::Seen| matches!(api.ownership, Ownership::Ours(_));
    if sees_all && !apis.flatten().any(ours) {
        // Perhaps the stacks are in another place; that is worth one more listing.
        notes = sessions.check_elsewhere(command).await?;
    }
    let places = sessions.places.iter().zip(looked);
    let addresses = places.map(|(session, looked)| {
        let (observed, alias) = looked.map_err(|error| error.at(session.place.as_ref()))?;
        // An endpoint that is not AWS has no console.
        let is_aws = session.client.is_aws();
        Ok(Addresses {
            sign_in_url: is_aws.then(|| session.scope().sign_in_url(alias.as_deref())),
            observed,
        })
    });
    Ok(AllAddresses {
        sessions,
        places: addresses.collect(),
        notes,
    })
}

/// One listing of the APIs, and the account's alias, which only makes the address to sign in at shorter.
async fn look(
    client: &Client,
    session: &Session,
) -> std::result::Result<(Observed, Option<String>), CallError> {
    let stacks = &session.desired.stacks;
    let any_api = stacks.iter().any(|stack| !stack.apis.is_empty());
    let found = async {
        match any_api {
            true => apis(client, &session.desired).await,
            false => Ok(BTreeMap::new()),
        }
    };
    let alias = async {
        match session.client.is_aws() {
            true => client.account_alias().await,
            false => Ok(None),
        }
    };
    let (found, alias) = tokio::join!(found, alias);
    let observed = Observed {
        apis: found?,
        ..Observed::default()
    };
    Ok((observed, alias.ok().flatten()))
}
