//! `status`: who is complete, in progress, not started, broken, could not be checked.

use std::collections::BTreeSet;

use super::class::{Class, invalid};
use super::reading::{document, ended, read_at};
use super::sessions::{Sessions, Work};
use crate::cli::{AttestArgs, Cli, StateChoice, StatusArgs};
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::evidence::attest::Attestations;
use crate::evidence::kept::known;
use crate::evidence::progress::{Progress, StudentProgress};
use crate::ids::Username;
use crate::lab::bundle;
use crate::report::View;
use crate::report::last_readings::places;

pub(super) async fn run(cli: &Cli, args: &StatusArgs) -> Result<Exit> {
    let class = Class::load(cli)?;
    let attested = attestations(&class, &args.attest)?;
    let sessions = class.connect(Work::Looks).await?;
    let mut standing = read_at(&sessions, Command::Status, args.at).await?;
    standing.refuse_elsewhere()?;
    standing.attest(&attested);
    if args.at.is_some() {
        standing.forget_trouble();
    }
    let mut notes: Vec<String> = sessions.places[0].end_told().into_iter().collect();
    notes.extend(standing.notes.iter().cloned());
    if standing.is_nothing() {
        notes.push(nothing_stands(&sessions));
    }
    let document = document(&sessions, &standing);
    let only = chosen(&args.state, &standing.students);
    let mut ended = ended(&sessions, Command::Status, standing, notes);
    ended.summary.at = args.at;
    if args.at.is_some() {
        (ended.summary.attention, ended.summary.room) = (None, None);
    }
    let view = View {
        document: Some(&document),
        only: only.as_ref(),
        ..sessions.view()
    };
    ended.show_with(&sessions, view).await
}

/// The students in one of these states; `None` for everybody.
fn chosen(states: &[StateChoice], students: &[StudentProgress]) -> Option<BTreeSet<Username>> {
    let holds = |student: &&StudentProgress| {
        let is = |choice: &StateChoice| match choice {
            StateChoice::Stuck => student.trouble.is_some(),
            StateChoice::Complete => student.progress == Progress::Complete,
            StateChoice::InProgress => student.progress == Progress::InProgress,
            StateChoice::NotStarted => student.progress == Progress::NotStarted,
            StateChoice::NotDeployed => student.progress == Progress::NotDeployed,
            StateChoice::Broken => student.progress == Progress::Broken,
            StateChoice::Unknown => student.progress == Progress::Unknown,
        };
        states.iter().any(is)
    };
    let names = students.iter().filter(holds).map(|s| s.username.clone());
    (!states.is_empty()).then(|| names.collect())
}

/// Reads what the instructor attests, before anything is asked of AWS.
pub(super) fn attestations(class: &Class, args: &AttestArgs) -> Result<Attestations> {
    let Some(path) = &args.attest else {
        return Ok(Attestations::default());
    };
    let file = path.display().to_string();
    let bytes = bundle::named_file(path, bundle::LIST_MAX).map_err(|error| {
        let cause = format!("{file} cannot be read: {error}");
        Error::new(Exit::Invalid, "--attest", cause)
            .hint("give the path of a CSV file with the columns username and check")
    })?;
    Attestations::parse(&file, &bytes, &class.roster, class.lab.checks()).map_err(invalid)
}

/// The note or cause where there is no stack and no reading: where homeroom looked, and what it keeps of the class.
pub(super) fn nothing_stands(session: &Sessions) -> String {
    let scopes = session.places.iter().map(|at| {
        let scope = at.scope();
        format!("account {}, {}", scope.account, scope.region)
    });
    let scopes = scopes.collect::<Vec<_>>().join(" or ");
    let who = match session.class.is_whole() {
        true => "no stack of the class".to_owned(),
        false => format!("no stack of the {} chosen", session.class.students.len()),
    };
    let folder = session.folder();
    let known = known(&folder);
    let kept = match known.is_empty() {
        true => "no earlier reading of the class is kept".to_owned(),
        false => format!(
            "kept in {}: readings of {}",
            folder.display(),
            places(&known)
        ),
    };
    format!("{who} is in {scopes}, and none was read there before; {kept}")
}
