//! What every verb about a class begins with: settings, lab and roster, before the cloud is looked at.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::say::say;
use crate::cli::{Cli, Verb};
use crate::error::{Error, Exit, Result};
use crate::ids::{ClassName, Scope, Username};
use crate::lab::Lab;
use crate::options::{ClassSettings, GlobalOptions, LabSource, PassedOver, PassedOverFor, Ui};
use crate::report::print_notes;
use crate::report::terminal::ERRORS_ALONE;
use crate::roster::beyond::UnsureName;
use crate::roster::{Roster, Student};
use crate::stack::kinds::Desired;
use crate::stack::observe::Depth;
use crate::stack::plan::teardown::Reach;
use crate::text::failure::Failure;

#[derive(Clone)]
pub(super) struct Class {
    pub(crate) settings: ClassSettings,
    pub(crate) lab: Arc<Lab>,
    pub(crate) roster: Arc<Roster>,
    /// The students that the command is about, in the roster's order.
    pub(crate) students: Vec<Student>,
    pub(crate) started: Instant,
    /// How proposed commands begin.
    pub(crate) invocation: String,
    /// The students that the command is about, as options for a proposed command.
    pub(crate) selection: String,
    /// The verb's own options, for a proposed command.
    pub(crate) repeat: String,
    /// The account and the region that the command line names.
    pub(crate) named_place: Vec<String>,
    /// Usernames that were given and that the roster spells otherwise or does not have. The cloud shows who is meant.
    pub(crate) doubts: Vec<UnsureName>,
    /// Students who were chosen by name and left the roster.
    pub(crate) chosen_leavers: Vec<Username>,
    /// Whether a sweep goes over it: of its students the usernames alone are known.
    pub(crate) swept: bool,
}

impl Class {
    pub(crate) fn load(cli: &Cli) -> Result<Self> {
        let started = Instant::now();
        let swept = matches!(&cli.verb, Verb::Teardown(args) if args.swept);
        let settings = match swept {
            true => cli.settings()?.of_any_class(),
            false => cli.settings()?,
        };
        let lab = settings.load_lab()?.ending(settings.ends);
        say_what_counts(&lab, &settings);
        let mut roster = settings.read_roster(&lab.username_limit())?;
        lab.check_columns(&roster).map_err(invalid)?;
        let (names, section) = (&settings.students, settings.section.as_deref());
        let (students, doubts) = match cli.verb.reaches_leavers() {
            // Takes the names as they were typed, until the cloud shows who is meant: see `Session::settle_leavers`.
            true => {
                let chosen = roster.select_beyond(names, section)?;
                let mut students: Vec<Student> = chosen.students.into_iter().cloned().collect();
                let doubtful = chosen.doubts.iter().map(|doubt| doubt.given.clone());
                students.extend(doubtful.map(Student::unknown));
                (students, chosen.doubts)
            }
            false => {
                let students = roster.select(names, section)?;
                (students.into_iter().cloned().collect(), Vec::new())
            }
        };
        let chosen: Vec<&Student> = students.iter().collect();
        let counted = section.and_then(|section| roster.note_on_section(&chosen, section));
        roster.notes.extend(counted);
        say_notes(&roster.notes, settings.ui);
        let selection = super::invocation::selection(&settings);
        Ok(Self {
            selection,
            settings,
            lab: Arc::new(lab),
            roster: Arc::new(roster),
            students,
            started,
            invocation: super::invocation::of(&cli.global),
            repeat: super::invocation::repeat(&cli.verb),
            named_place: named_place(&cli.global),
            doubts,
            chosen_leavers: Vec::new(),
            swept,
        })
    }

    pub(crate) fn name(&self) -> &ClassName {
        &self.settings.class
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.settings.students.is_empty() && self.settings.section.is_none() && !self.settings.left
    }

    pub(crate) fn reach(&self) -> Reach {
        match self.settings.left {
            true => Reach::Left,
            false if self.is_whole() => Reach::WholeClass,
            false => Reach::Selected,
        }
    }

    /// How closely a command that deletes nothing looks. For some students only it does not look for students who left:
    /// all others would seem to be such.
    pub(crate) fn depth(&self) -> Depth {
        match self.is_whole() {
            true => Depth::Class {
                patterns: self.lab.name_patterns(),
            },
            false => Depth::Deploy,
        }
    }

    /// What these students should have.
    pub(crate) fn desired(&self, scope: &Scope, students: &[Student]) -> Result<Desired> {
        let desired = self.lab.desired(scope, self.name(), students);
        let mut desired = desired.map_err(invalid)?;
        if let Some(boundary) = &self.settings.role_boundary {
            desired.bound_roles_by(boundary.as_str());
        }
        Ok(desired)
    }

    pub(crate) fn settings_file(&self) -> PathBuf {
        let file = self.settings.file.clone();
        let file = file.unwrap_or_else(|| "homeroom.toml".into());
        std::path::absolute(&file).unwrap_or(file)
    }

    /// Whether the command reaches a student whose files are here.
    pub(crate) fn reaches(&self, name: &Username) -> bool {
        match self.reach() {
            Reach::WholeClass => true,
            Reach::Selected => self.students.iter().any(|s| s.username == *name),
            Reach::Left => {
                let mut roster = self.roster.students.iter();
                !roster.any(|s| s.username.as_str().eq_ignore_ascii_case(name.as_str()))
            }
        }
    }
}

/// Says which lab and which settings count.
pub(super) fn say_what_counts(lab: &Lab, settings: &ClassSettings) {
    // A lab is code that gets rights in the account, so the person must see which lab this is.
    say(&said_of(lab, &settings.lab), settings.ui.verbosity);
    // So must the settings, which may come from elsewhere.
    for line in said_of_settings(settings) {
        say(&line, settings.ui.verbosity);
    }
}

/// Shows what is odd about the roster. With `--output json` the document has these notes, too.
fn say_notes(notes: &[String], ui: Ui) {
    if ui.verbosity > ERRORS_ALONE {
        // A closed stderr leaves nobody to tell.
        let _ = print_notes(notes, ui.color_stderr, &mut io::stderr().lock());
    }
}

fn said_of(lab: &Lab, source: &LabSource) -> String {
    let from = match source {
        LabSource::BuiltIn => "built in".to_owned(),
        LabSource::Folder(dir) => {
            let whole = dir.canonicalize();
            format!("from {}", whole.as_deref().unwrap_or(dir).display())
        }
    };
    format!("lab {}: {} ({from})", lab.id(), lab.title())
}

fn named_place(typed: &GlobalOptions) -> Vec<String> {
    let account = typed.account.iter().map(ToString::to_string);
    account
        .chain(typed.region.iter().map(ToString::to_string))
        .collect()
}

/// Which settings count, and which do not.
fn said_of_settings(settings: &ClassSettings) -> Vec<String> {
    let file = settings.file.iter();
    let mut lines: Vec<String> = file
        .map(|file| format!("settings: {}", file.display()))
        .collect();
    let set = settings.lab_texts.iter();
    lines.extend(set.map(|(key, value)| format!("setting of the lab: {key} = {value} (--set)")));
    lines.extend(settings.passed_over.iter().map(|PassedOver { path, why }| {
        let why = match why {
            PassedOverFor::Another => "the one above does",
            PassedOverFor::Owner => "it belongs to another user",
        };
        format!("settings: {} does not count: {why}", path.display())
    }));
    lines
}

/// The error of arguments, a roster or a lab that cannot be used.
pub(super) fn invalid(failures: Vec<Failure>) -> Error {
    Error::of(Exit::Invalid, failures)
}
