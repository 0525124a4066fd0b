//! `handout`: a page for each student. It changes nothing in the cloud; it asks where the students' APIs answer.

use std::collections::BTreeMap;
use std::io;

use crate::aws::{CallError, Client};
use crate::cli::{Cli, HandoutArgs};
use crate::error::{Error, Kind, Result};
use crate::events::{Command, Outcome};
use crate::files::keep_private;
use crate::lab::Surroundings;
use crate::report::handout::{About, Files, One, dir, write};
use crate::results::StudentResult;
use crate::roster::Student;
use crate::stack::credentials::Credentials;
use crate::stack::hints;
use crate::stack::kinds::Observed;
use crate::stack::kinds::Stack;
use crate::stack::kinds::rest_api::ApiEndpoint;
use crate::stack::observe::rest_apis;
use crate::stack::ownership::Ownership;
use crate::stack::vault::Vault;
use crate::text::failure::Failure;
use crate::text::words::{plural, some_of};

use super::class::Class;
use super::ended::Exit;
use super::run::{Log, interrupted};
use super::session::Session;

/// Students named in a note.
const NAMED: usize = 8;

/// What was asked of the cloud.
struct Seen {
    observed: Observed,
    alias: Option<String>,
}

impl Seen {
    fn any_ours(&self) -> bool {
        let mut apis = self.observed.rest_apis.values().flatten();
        apis.any(|api| matches!(api.ownership, Ownership::Ours(_)))
    }
}

pub(super) async fn run(cli: &Cli, args: &HandoutArgs) -> Result<Exit> {
    let session = Class::load(cli)?.connect().await?;
    let look = session.run(Command::Handout, Log::None, async |client| {
        look(client, &session).await
    });
    let seen = look.await.0.map_err(|error| match error {
        CallError::Cancelled => interrupted(),
        CallError::Cloud(error) => {
            let unseen = Error::new(Kind::General, "the students' APIs", error.to_string());
            match hints::for_error(&error) {
                Some(hint) => unseen.hint(hint),
                None => unseen,
            }
        }
    })?;
    if !seen.any_ours() {
        // Whether they stand elsewhere is worth one more listing.
        session.check_elsewhere(Command::Handout).await?;
    }
    let scope = session.scope();
    // An endpoint that is not AWS has no console.
    let sign_in_url = session
        .client
        .is_aws()
        .then(|| scope.sign_in_url(seen.alias.as_deref()));
    let mut desk = Desk {
        session: &session,
        with_credentials: args.with_credentials,
        vault: session.vault(),
        sign_in_url: sign_in_url.clone(),
        without_credentials: Vec::new(),
    };
    let mut handouts = Vec::new();
    let mut students = Vec::new();
    for (stack, student) in session.stacks() {
        let apis = session.endpoints(stack, &seen.observed);
        let made = desk.make(stack, student, &apis);
        students.push(result(student, made.as_ref().err()));
        handouts.extend(made);
    }
    let about = About {
        class: session.class.name(),
        lab_title: session.class.lab.title(),
        minutes: session.class.lab.minutes(),
        region: &scope.region,
        checks: session.class.lab.checks(),
        sign_in_url: sign_in_url.as_deref(),
    };
    let written = match handouts.is_empty() {
        true => None,
        false => Some(write_files(&session, &about, &handouts)?),
    };
    let notes = desk.notes(written.as_ref(), &handouts);
    let mut ended = session.ended(Command::Handout, students, notes);
    ended.list(written.iter().flat_map(Files::all));
    if ended.summary.count(Outcome::Failed) > 0 {
        ended.exit = Exit::SomeFailed;
    }
    ended.show(&session)
}

/// One listing of the APIs, and the account's alias, which only makes the address to sign in at shorter.
async fn look(client: &Client, session: &Session) -> std::result::Result<Seen, CallError> {
    let any_api = session
        .desired
        .stacks
        .iter()
        .any(|stack| !stack.rest_apis.is_empty());
    let apis = async {
        match any_api {
            true => rest_apis(client, &session.desired).await,
            false => Ok(BTreeMap::new()),
        }
    };
    let alias = async {
        match session.client.is_aws() {
            true => client.account_alias().await,
            false => Ok(None),
        }
    };
    let (apis, alias) = tokio::join!(apis, alias);
    Ok(Seen {
        observed: Observed {
            rest_apis: apis?,
            ..Observed::default()
        },
        alias: alias.ok().flatten(),
    })
}

/// What makes one handout after the other.
struct Desk<'a> {
    session: &'a Session,
    with_credentials: bool,
    vault: Vault,
    sign_in_url: Option<String>,
    /// Whose credentials should be in their handout and are not on this machine.
    without_credentials: Vec<&'a str>,
}

impl<'a> Desk<'a> {
    fn make(
        &mut self,
        stack: &Stack,
        student: &'a Student,
        apis: &BTreeMap<String, ApiEndpoint>,
    ) -> std::result::Result<One<'a>, Failure> {
        let missing = stack
            .rest_apis
            .iter()
            .find(|api| !apis.contains_key(&api.name));
        if let Some(missing) = missing {
            return Err(Failure {
                subject: "stack".to_owned(),
                cause: format!(
                    "the REST API {} is not there, so there is nothing yet to hand out",
                    missing.name
                ),
                hint: Some(
                    "deploy this student's stack, then run `homeroom handout` again".to_owned(),
                ),
                request_id: None,
            });
        }
        let credentials = self.credentials(student)?;
        let around = Surroundings {
            sign_in_url: self.sign_in_url.clone(),
            has_keys: credentials.as_ref().is_some_and(|c| c.access_key.is_some()),
        };
        let (lab, class) = (&self.session.class.lab, self.session.class.name());
        let handout = lab
            .handout(self.session.scope(), class, student, apis, &around)
            .map_err(|failure| *failure)?;
        Ok(One {
            student,
            handout,
            credentials: credentials.filter(|_| self.with_credentials),
        })
    }

    /// What a student signs in with, as far as it is known here. Whether there is a key decides what a handout says
    /// even where the key itself is not in it.
    fn credentials(
        &mut self,
        student: &'a Student,
    ) -> std::result::Result<Option<Credentials>, Failure> {
        let username = &student.username;
        match self.vault.read(username) {
            // Without the option a file that cannot be read is nobody's trouble.
            Err(_) if !self.with_credentials => Ok(None),
            Err(error) => Err(Failure {
                subject: "credentials".to_owned(),
                cause: error.to_string(),
                hint: None,
                request_id: None,
            }),
            Ok(None) => {
                self.without_credentials.push(username.as_str());
                Ok(None)
            }
            Ok(Some(credentials)) => Ok(Some(credentials)),
        }
    }

    fn notes(&self, written: Option<&Files>, handouts: &[One<'_>]) -> Vec<String> {
        let mut notes = Vec::new();
        let Some(written) = written else {
            return notes;
        };
        let secret = handouts
            .iter()
            .filter(|one| one.credentials.is_some())
            .count();
        if secret > 0 {
            let (contain, them) = match secret {
                1 => ("contains a password: hand it", "it goes"),
                _ => ("contain passwords: hand each", "they go"),
            };
            notes.push(format!(
                "{} {contain} to its student only; {them} with the student's access",
                plural(secret, "handout")
            ));
        }
        if self.with_credentials && !self.without_credentials.is_empty() {
            notes.push(format!(
                "no credentials on this machine of {}: their handouts are without; `homeroom access grant` makes them",
                some_of(&self.without_credentials, NAMED)
            ));
        }
        let (reports, class) = (
            &self.session.class.settings.reports,
            self.session.class.name(),
        );
        notes.push(format!(
            "a page (.html) and its Markdown (.md) for each student are in {}; to print them all: {}",
            dir(reports, class).display(),
            written.together.display()
        ));
        notes
    }
}

fn result(student: &Student, failure: Option<&Failure>) -> StudentResult {
    let username = student.username.clone();
    match failure {
        None => StudentResult::new(username, Outcome::Written),
        Some(failure) => StudentResult::new(username, Outcome::Failed).failed(failure.clone()),
    }
}

fn write_files(session: &Session, about: &About<'_>, handouts: &[One<'_>]) -> Result<Files> {
    let reports = &session.class.settings.reports;
    let attempt = || -> io::Result<Files> {
        keep_private(&dir(reports, about.class))?;
        write(reports, about, handouts, session.class.is_whole())
    };
    attempt().map_err(|error| {
        Error::new(Kind::General, "handout", error.to_string()).hint(
            "free space or choose another folder with --reports, then run `homeroom handout` again",
        )
    })
}
