//! Copies of what `deploy --reset` is about to overwrite: `reports/<class>/kept/<time>/<username>/`, private like everything
//! there. When a student's work cannot be copied, nothing of that student is reset.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use futures::stream::{self, StreamExt};
use jiff::Timestamp;

use crate::aws::Client;
use crate::aws::stop::Cancelled;
use crate::events::Outcome;
use crate::files::{keep_private, write_whole};
use crate::ids::Username;
use crate::stack::kinds::function::code::{CodeError, code_of};
use crate::stack::kinds::{Desired, Observed, Stack, StudentsWork};
use crate::stack::plan::reset::work;
use crate::stack::plan::{Plan, StudentPlan};
use crate::stack::result::StackResult;
use crate::text::failure::Failure;
use crate::text::words::some_of;

/// Students whose work is fetched at once: each may take as much memory as its largest zip.
const STUDENTS_AT_ONCE: usize = 4;
const NAMED: usize = 12;

#[derive(Debug, Default)]
pub(crate) struct Copies {
    /// The folder of this run, if anything is in it.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) files: BTreeMap<Username, Vec<PathBuf>>,
    /// Students whose work could not be kept, with why.
    pub(crate) lost: BTreeMap<Username, Failure>,
}

impl Copies {
    /// Takes the actions out of the plan for students whose work could not be kept.
    pub(crate) fn spare(&self, plan: &mut Plan) {
        let lost = |student: &&mut StudentPlan| self.lost.contains_key(&student.owner.student);
        let spared = plan.students.iter_mut().filter(lost);
        spared
            .flat_map(|student| &mut student.items)
            .for_each(|item| item.action = None);
    }

    /// Adds the failure to the results of students whose work could not be kept.
    pub(crate) fn judge(&self, mut result: StackResult) -> StackResult {
        if let Some(lost) = self.lost.get(&result.student) {
            result.outcome = Outcome::Failed;
            result.errors.push(lost.clone());
        }
        result
    }

    pub(crate) fn note(&self) -> Option<String> {
        let folder = self.folder.as_ref()?;
        let names: Vec<&str> = self.files.keys().map(Username::as_str).collect();
        (!names.is_empty()).then(|| {
            format!(
                "the earlier work of {} is kept in {} (one folder for each student; only you can read it)",
                some_of(&names, NAMED),
                folder.display()
            )
        })
    }
}

/// Keeps everything that the plan would overwrite of the students' own.
pub(crate) async fn keep(
    client: &Client,
    class_folder: &Path,
    desired: &Desired,
    observed: &Observed,
    plan: &Plan,
) -> Result<Copies, Cancelled> {
    let time = Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
    let dir = class_folder.join("kept");
    let folder = dir.join(&time);
    let touched = plan.students.iter().filter(|student| student.steps() > 0);
    let stacks: Vec<(&Stack, Vec<StudentsWork>)> = touched
        .filter_map(|student| {
            let mut stacks = desired.stacks.iter();
            let stack = stacks.find(|stack| stack.owner == student.owner)?;
            let work = work(&desired.scope, stack, observed);
            (!work.is_empty()).then_some((stack, work))
        })
        .collect();
    let mut copies = Copies::default();
    if stacks.is_empty() {
        return Ok(copies);
    }
    let prepared = keep_private(&dir);
    let answers: Vec<_> = stream::iter(stacks)
        .map(|(stack, work)| {
            let into = folder.join(stack.student().as_str());
            let prepared = prepared.as_ref().map_err(ToString::to_string);
            async move {
                let kept = match prepared {
                    Ok(()) => keep_student(client, &into, &work).await,
                    Err(error) => Err(NotKept::Failed(error)),
                };
                (stack.student().clone(), kept)
            }
        })
        .buffered(STUDENTS_AT_ONCE)
        .collect()
        .await;
    for (username, kept) in answers {
        match kept {
            Ok(files) => {
                copies.files.insert(username, files);
                copies.folder = Some(folder.clone());
            }
            Err(NotKept::Cancelled) => return Err(Cancelled),
            Err(NotKept::Failed(why)) => {
                let cause = format!("{why}; nothing of this student was reset");
                let failure = Failure::new("copy of the student's work", cause).hint(
                    "remove the cause, then run the same command again: it resets the students who are left",
                );
                copies.lost.insert(username, failure);
            }
        }
    }
    Ok(copies)
}

enum NotKept {
    Cancelled,
    Failed(String),
}

impl From<io::Error> for NotKept {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

async fn keep_student(
    client: &Client,
    into: &Path,
    work: &[StudentsWork],
) -> Result<Vec<PathBuf>, NotKept> {
    let mut files = Vec::new();
    let mut write = |name: String, bytes: &[u8]| -> io::Result<()> {
        let path = into.join(name);
        write_whole(&path, bytes)?;
        files.push(path);
        Ok(())
    };
    for piece in work {
        if piece.code {
            let name = &piece.resource.name;
            let zip = code_of(client, name).await.map_err(|error| match error {
                CodeError::Cancelled => NotKept::Cancelled,
                other => NotKept::Failed(format!("{}: {other}", piece.resource)),
            })?;
            write(format!("{name}.zip"), &zip)?;
        }
        for (name, text) in &piece.files {
            write(name.clone(), text.as_bytes())?;
        }
    }
    Ok(files)
}
