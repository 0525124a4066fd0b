//! How a verb ended, and how that is shown.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use super::notify;
use super::say::{print_document, said};
use super::session::Session;
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::options::OutputFormat;
use crate::report::terminal::{self, ERRORS_ALONE};
use crate::report::{View, errors_of, print_error, print_summary};
use crate::results::{LabTitle, RunSummary, Stamp, StudentResult};
use crate::text::commands::with_options;

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
    pub(crate) async fn show(&self, session: &Session) -> Result<Exit> {
        self.show_with(session, session.view()).await
    }

    pub(crate) async fn show_with(&self, session: &Session, view: View<'_>) -> Result<Exit> {
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

impl Session {
    /// Puts a run's end together: counts the outcomes and the calls.
    pub(crate) fn ended(
        &self,
        command: Command,
        mut students: Vec<StudentResult>,
        mut notes: Vec<String>,
    ) -> VerbEnded {
        let class = &self.class;
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
        let scope = self.scope();
        let summary = RunSummary {
            stamp: Some(Stamp::now(command, &scope.account, &scope.region)),
            lab: Some(LabTitle {
                id: self.desired.lab.clone(),
                title: class.lab.title().to_owned(),
            }),
            summary,
            notes,
            api_calls: self.client.calls(),
            elapsed_s: class.started.elapsed().as_secs_f64(),
            ..RunSummary::new(command, class.name().clone(), students)
        };
        VerbEnded {
            summary,
            exit: Exit::Done,
        }
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
