//! How a verb ended, and how that is shown.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use super::notes::Notes;
use super::notify;
use super::say::{print_document, said};
use super::sessions::Sessions;
use crate::error::{Error, Exit, Result};
use crate::events::{Command, Outcome};
use crate::ids::Scope;
use crate::options::OutputFormat;
use crate::report::terminal::{self, ERRORS_ALONE};
use crate::report::{View, errors_of, print_error, print_summary};
use crate::results::{Account, LabTitle, PlaceStamp, RunSummary, Stamp, StudentResult};
use crate::stack::kinds::Gap;
use crate::stack::leavers::LeftStudent;
use crate::text::commands::with_options;

/// What a verb came to at one place.
#[derive(Default)]
pub(super) struct PlaceEnd {
    pub(crate) students: Vec<StudentResult>,
    pub(crate) left: Vec<LeftStudent>,
    pub(crate) gaps: Vec<Gap>,
}

pub(super) struct VerbEnded {
    pub(crate) summary: RunSummary,
    pub(crate) exit: Exit,
}

impl VerbEnded {
    pub(crate) fn list(&mut self, files: impl IntoIterator<Item = impl AsRef<Path>>) {
        let files = files.into_iter();
        self.summary.files = files.map(|f| f.as_ref().display().to_string()).collect();
    }

    /// Shows it: a JSON document on stdout, or a summary for people. Then tells whoever is to be notified.
    pub(crate) async fn show(&self, session: &Sessions) -> Result<Exit> {
        self.show_with(session, session.view()).await
    }

    pub(crate) async fn show_with(&self, session: &Sessions, view: View<'_>) -> Result<Exit> {
        let ui = session.class.settings.ui;
        said(match ui.output {
            OutputFormat::Text if ui.verbosity <= ERRORS_ALONE => {
                let errors = Error::of(self.exit, errors_of(&self.summary, &view));
                let columns = terminal::columns_of_stderr();
                print_error(&errors, ui.color_stderr, columns, &mut io::stderr().lock())
            }
            OutputFormat::Text => {
                let mut out = io::stdout().lock();
                print_summary(&self.summary, &view, &mut out).and_then(|()| out.flush())
            }
            format => print_document(format, self.exit, &self.summary.of(view.only)),
        })?;
        notify::ended(session, &self.summary, self.exit).await;
        Ok(self.exit)
    }
}

impl Sessions {
    /// Puts a run's end together, of what it came to at each place: counts the outcomes and the calls.
    pub(crate) fn ended(&self, command: Command, ends: Vec<PlaceEnd>, notes: Notes) -> VerbEnded {
        let mut all = PlaceEnd::default();
        for (session, end) in self.places.iter().zip(ends) {
            all.students
                .extend(end.students.into_iter().map(|student| StudentResult {
                    place: session.place.clone(),
                    ..student
                }));
            all.left.extend(end.left);
            all.gaps.extend(session.gaps(end.gaps));
        }
        self.ended_together(command, all, notes)
    }

    /// [`Self::ended`], of what it came to at all places together.
    pub(crate) fn ended_together(
        &self,
        command: Command,
        end: PlaceEnd,
        notes: Notes,
    ) -> VerbEnded {
        let class = &self.class;
        let PlaceEnd {
            mut students,
            left,
            gaps,
        } = end;
        let missing = self.add_missing(command, &mut students);
        for student in &mut students {
            let home = || self.place_of(&student.username).cloned();
            student.place = student.place.take().or_else(home);
        }
        self.in_roster_order(&mut students, |student| &student.username);
        let mut notes = notes.texts(self.places.len());
        notes.splice(0..0, self.notes_on_unreached());
        if matches!(command, Command::Teardown | Command::AccessRevoke) {
            let chosen = &class.settings.chosen_places;
            notes.extend(self.homes.note_on_the_rest(chosen));
        }
        for text in notes.iter_mut().chain(hints_of(&mut students)) {
            *text = with_options(text, &class.invocation);
        }
        // `Class::load` has shown them to people already.
        if class.settings.ui.output.is_for_programs() {
            notes.splice(0..0, class.roster.notes.iter().cloned());
        }
        let mut summary = BTreeMap::from([("students".to_owned(), students.len() as u64)]);
        for student in &students {
            let word = student.outcome.as_str().to_owned();
            *summary.entry(word).or_default() += 1;
        }
        let mut api_calls = BTreeMap::new();
        for (operation, calls) in self.places.iter().flat_map(|at| at.client.calls()) {
            *api_calls.entry(operation).or_default() += calls;
        }
        let summary = RunSummary {
            stamp: Some(self.stamp(command)),
            lab: Some(LabTitle {
                id: self.lab().clone(),
                title: class.lab.title().to_owned(),
            }),
            summary,
            left,
            gaps,
            notes,
            api_calls,
            elapsed_s: class.started.elapsed().as_secs_f64(),
            ..RunSummary::new(command, class.name().clone(), students)
        };
        let exit = match command {
            _ if !missing => Exit::Done,
            Command::Plan | Command::Status | Command::Report | Command::GradesPush => {
                Exit::General
            }
            // Nothing proves that what could not be looked at is gone.
            Command::Teardown | Command::AccessRevoke => Exit::Remains,
            _ => Exit::SomeFailed,
        };
        VerbEnded { summary, exit }
    }

    /// Adds students whose place could not be reached, or who are at no place. `true`: the command cannot be complete.
    fn add_missing(&self, command: Command, students: &mut Vec<StudentResult>) -> bool {
        let outcome = |contradicts: bool| match command {
            Command::Plan | Command::Deploy | Command::AccessGrant if contradicts => {
                Outcome::Conflict
            }
            Command::Teardown | Command::AccessRevoke => Outcome::Remains,
            _ => Outcome::Unknown,
        };
        let lost = self.unreached.iter().flat_map(|lost| {
            let students = lost.students.iter();
            students.map(|student| (student, lost.why.clone(), false))
        });
        let missing: Vec<_> = lost.chain(self.nowhere()).collect();
        let everywhere = matches!(
            command,
            Command::Plan
                | Command::Status
                | Command::Report
                | Command::Teardown
                | Command::AccessRevoke
        );
        let deletes = matches!(command, Command::Teardown | Command::AccessRevoke);
        let incomplete = !missing.is_empty()
            || everywhere && !self.reaches_all()
            || deletes && !self.knows_all();
        for (student, why, contradicts) in missing {
            let name = &student.username;
            match students.iter_mut().find(|known| known.username == *name) {
                Some(known) => {
                    known.outcome = outcome(contradicts);
                    known.errors.push(why);
                }
                None => {
                    let result = StudentResult::new(name.clone(), outcome(contradicts));
                    students.push(result.failed(why));
                }
            }
        }
        incomplete
    }

    /// What every document of the class begins with.
    pub(crate) fn stamp(&self, command: Command) -> Stamp {
        let scope = self.places[0].scope();
        Stamp {
            places: self.stamps(),
            ..Stamp::now(command, &scope.account, &scope.region)
        }
    }

    /// The places that the command is about, in the settings' order, where the class has several.
    fn stamps(&self) -> Vec<PlaceStamp> {
        let account = |scope: &Scope| Account {
            id: scope.account.clone(),
            alias: None,
        };
        let all = self.class.settings.places.iter().filter_map(|place| {
            let mut reached = self.places.iter();
            let reached = reached.find(|at| at.place.as_ref() == Some(&place.name));
            let mut lost = self.unreached.iter();
            let lost = lost.find(|lost| lost.place == place.name);
            let known = match (reached, lost) {
                (Some(at), _) => Some(at.scope()),
                (None, Some(lost)) => lost.scope.as_ref(),
                (None, None) => return None,
            };
            Some(PlaceStamp {
                name: place.name.clone(),
                account: known.map(account),
                region: place.region.to_string(),
                unreached: lost.map(|lost| lost.why.cause_in_full()),
            })
        });
        all.collect()
    }

    pub(crate) fn view(&self) -> View<'_> {
        let class = &self.class;
        View {
            columns: terminal::columns_of_stdout(),
            color: class.settings.ui.color_stdout,
            invocation: &class.invocation,
            selection: &class.selection,
            repeat: &class.repeat,
            verbosity: class.settings.ui.verbosity,
            has_access: class.lab.has_access(),
            ..View::default()
        }
    }
}

/// What the results tell an instructor to do.
fn hints_of(students: &mut [StudentResult]) -> impl Iterator<Item = &mut String> {
    students.iter_mut().flat_map(|student| {
        let errors = student.errors.iter_mut();
        let of_errors = errors.filter_map(|failure| failure.hint.as_mut());
        let checks = student.checks.iter_mut();
        let of_checks = checks.flat_map(|check| {
            check
                .instructor_hint
                .as_mut()
                .into_iter()
                .chain([&mut check.hint])
        });
        of_errors.chain(of_checks)
    })
}
