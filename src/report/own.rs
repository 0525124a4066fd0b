//! How one student stands, for that student: what `check` prints.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::Duration;

use jiff::ZonedDateTime;
use serde_json::{Value, json};

use crate::events::Command;
use crate::evidence::activity::Trouble;
use crate::evidence::check::{CheckResult, ExecutionEvidence, Verdict};
use crate::evidence::own::{OwnReading, next_step};
use crate::evidence::progress::StudentProgress;
use crate::lab::Lab;
use crate::lab::check::Work;
use crate::lab::mistake::{Listener, TroubleReason};
use crate::results::stamp;
use crate::roster::Student;
use crate::stack::kinds::Desired;
use crate::text::show::{clean, pad};
use crate::text::words::{plural, some_of};

use super::document::{Account, Document, Proposing, ReportStudent, hidden_by, rfc3339};
use super::marks;
use super::style::Paint;
use super::tally::Score;

/// Executions that are named as evidence for a task.
const NAMED: usize = 3;
/// Failed executions that are shown.
const FAILURES_SHOWN: usize = 5;
/// Keys of a student in `report.json` that only the roster, the instructor's machine or an earlier reading could fill.
const NOT_KNOWN_HERE: [&str; 11] = [
    "name",
    "email",
    "section",
    "extra",
    "as_of",
    "stack_gone",
    "earlier_stack",
    "validate",
    "due",
    "points_on_time",
    "late",
];

const WHAT_COUNTS: &str = "This is what your own key shows. Your instructor's reading is the one that counts. It also knows when the lab is due: points here are for all your \
     work, late or not.";

pub(crate) struct OwnReport {
    /// A class of one student.
    document: Document,
    row: ReportStudent,
    notes: Vec<String>,
}

impl OwnReport {
    pub(crate) fn new(
        desired: &Desired,
        lab: &Lab,
        student: Student,
        read: OwnReading,
        taken_at: ZonedDateTime,
    ) -> Self {
        let mut notes = Vec::new();
        if read.unclear > 0 {
            notes.push(format!(
                "not counted: {} from your instructor's tests of your stack, by the look of it",
                plural(read.unclear, "execution")
            ));
        }
        if !read.edited.is_empty() {
            notes.push(format!(
                "your stack is of another version of this lab: the code of {} differs, and tasks and hints may differ, too; name the \
                 lab's folder with --lab DIR (your instructor has it), or use the homeroom that your instructor uses",
                some_of(&read.edited, NAMED)
            ));
        }
        let unread = read.unread.iter();
        notes.extend(
            unread.map(|gap| format!("could not be read: {}: {}", hidden_by(gap), gap.cause)),
        );
        Self {
            document: Document {
                class: desired.class.clone(),
                lab: desired.lab.clone(),
                lab_title: lab.title().to_owned(),
                account: Account {
                    id: desired.scope.account.clone(),
                    alias: None,
                },
                region: desired.scope.region.clone(),
                places: Vec::new(),
                taken_at,
                ends: None,
                validated_at: None,
                students: Vec::new(),
                left: Vec::new(),
                departed: Vec::new(),
                notes: Vec::new(),
                gaps: Vec::new(),
                since: None,
                proposing: Proposing::default(),
            },
            row: ReportStudent {
                student,
                progress: read.progress,
                validate: Vec::new(),
            },
            notes,
        }
    }

    fn progress(&self) -> &StudentProgress {
        &self.row.progress
    }

    /// One JSON document: the student's keys of `report.json` as far as they apply, and where and when it was read.
    pub(crate) fn json(&self, calls: &BTreeMap<String, u64>, elapsed: Duration) -> Value {
        let of_document = &self.document;
        let mut document = json!({
            "schema": stamp::schema_of(Command::Check),
            "version": stamp::VERSION,
            "time": stamp::utc(of_document.taken_at.timestamp()),
            "command": Command::Check,
            "class": of_document.class,
            "lab": { "id": of_document.lab, "title": of_document.lab_title },
            "account": of_document.account,
            "region": of_document.region,
            "taken_at": rfc3339(&of_document.taken_at),
            "trouble": self.mishap(),
            "next": next_step(&self.progress().checks),
            "notes": self.notes,
            "api_calls": calls,
            "elapsed_s": elapsed.as_secs_f64(),
        });
        if let (Value::Object(document), Value::Object(student)) =
            (&mut document, of_document.student(&self.row))
        {
            let known = student.into_iter();
            document.extend(known.filter(|(key, _)| !NOT_KNOWN_HERE.contains(&key.as_str())));
        }
        document
    }

    /// For the student, in a terminal.
    pub(crate) fn text(&self, color: bool, out: &mut impl Write) -> io::Result<()> {
        let (document, paint) = (&self.document, Paint { color });
        let progress = self.progress();
        let (class, title) = (&document.class, clean(&document.lab_title));
        let username = paint.bold(self.row.student.username.as_str());
        let mark = marks::of_progress(progress.progress);
        let state = paint.tone(mark.tone, &format!("{} {}", mark.symbol, mark.word));
        writeln!(out, "{username} · class {class} · {title}")?;
        writeln!(out, "{state} · {}", self.score())?;
        writeln!(out)?;
        for check in self.row.checks_of(Work::Student) {
            let mark = marks::of_check(check);
            let word = marks::parts_done(check).unwrap_or_else(|| mark.word.to_owned());
            let word = paint.tone(mark.tone, &pad(&format!("{} {word}", mark.symbol), 18));
            let points = match check.points.is_zero() {
                true => String::new(),
                false => format!(" ({}/{})", check.earned, check.points),
            };
            writeln!(out, "{word} {}{points}", clean(&check.title))?;
            let seen = few_words(check);
            if !seen.is_empty() {
                writeln!(out, "{} {}", pad("", 18), paint.dim(&clean(&seen)))?;
            }
        }
        self.stack(paint, out)?;
        if let Some(words) = self.own_line() {
            writeln!(out, "\n{} {}", paint.bold("Now:"), clean(words))?;
        }
        if let Some(next) = next_step(&progress.checks) {
            writeln!(out, "\n{} {}", paint.bold("Next:"), clean(next))?;
        }
        self.trouble(paint, out)?;
        for note in &self.notes {
            writeln!(out, "\n{}", clean(note))?;
        }
        writeln!(out, "\n{WHAT_COUNTS}")
    }

    /// `3 of 5 tasks done, 45 of 100 points`.
    fn score(&self) -> String {
        let score = Score::of(&self.progress().checks);
        let tasks = format!("{} of {} tasks done", score.done, score.of);
        if score.total.is_zero() {
            return tasks;
        }
        let lower_bound = match score.certain {
            true => "",
            false => "at least ",
        };
        format!(
            "{tasks}, {lower_bound}{} of {} points",
            score.earned, score.total
        )
    }

    /// What is wrong with the stack, if something certainly is.
    fn stack(&self, paint: Paint, out: &mut impl Write) -> io::Result<()> {
        let failed = self.row.checks_of(Work::Stack);
        let failed = failed.filter(|check| check.verdict == Verdict::Fail);
        let mut said: Vec<String> = Vec::new();
        for evidence in failed.flat_map(|check| &check.evidence) {
            let words = evidence.sentence();
            if !said.contains(&words) {
                said.push(words);
            }
        }
        list(out, paint, "Wrong with your stack:", said)
    }

    /// What went wrong since the last success, often or once.
    fn mishap(&self) -> Option<&Trouble> {
        let progress = self.progress();
        progress.trouble.as_ref().or(progress.hitch.as_ref())
    }

    /// The student's own line: the sentence that the lab has for what went wrong, where it is said to the student.
    fn own_line(&self) -> Option<&str> {
        let said = self.mishap().filter(|it| it.to == Listener::Student);
        said.and_then(|it| it.say.as_deref())
    }

    /// Requests that the API refused: no execution shows them.
    fn refused(&self) -> Option<String> {
        let refused = self
            .mishap()
            .filter(|it| it.reason == TroubleReason::RefusedRequests)?;
        let count = plural(refused.count.unwrap_or(1), "request");
        Some(match &refused.cause {
            Some(cause) => format!("{count} refused: {cause}"),
            None => format!("{count} refused"),
        })
    }

    /// What went wrong, and what the student changed.
    fn trouble(&self, paint: Paint, out: &mut impl Write) -> io::Result<()> {
        let wrong = self.refused().into_iter().chain(self.failures());
        list(out, paint, "What went wrong:", wrong.collect())?;
        let changes = self.progress().changes.iter();
        let changes = changes.map(|change| format!("{}: {}", change.resource, change.summary));
        list(out, paint, "Not as it was deployed:", changes.collect())
    }

    /// The failed executions that keep a task from being done, each once, with the cause.
    fn failures(&self) -> Vec<String> {
        let open = self.row.checks_of(Work::Student);
        let open = open.filter(|check| check.verdict != Verdict::Pass);
        let shown = open.flat_map(|check| &check.evidence);
        let executions = shown.filter_map(|evidence| evidence.execution.as_ref());
        let mut seen = BTreeSet::new();
        executions
            .filter(|one| one.failed() && seen.insert(&one.execution.arn))
            .map(failure)
            .take(FAILURES_SHOWN)
            .collect()
    }
}

fn list(out: &mut impl Write, paint: Paint, head: &str, lines: Vec<String>) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", paint.bold(head))?;
    for line in lines {
        writeln!(out, "  {}", clean(&line))?;
    }
    Ok(())
}

fn failure(evidence: &ExecutionEvidence) -> String {
    let execution = &evidence.execution;
    let detail = execution.detail.as_ref();
    let why = match (
        &evidence.why,
        detail.and_then(|detail| detail.error.as_ref()),
    ) {
        (Some(why), _) => why.sentence(),
        (None, Some(error)) => format!("ended with {error}"),
        (None, None) => execution.status.as_str().to_owned(),
    };
    format!("{}: {why}", execution.name)
}

/// What was seen for or against a task, in a few words.
fn few_words(check: &CheckResult) -> String {
    let executions = check.evidence.iter().filter_map(|e| e.execution.as_ref());
    let names: Vec<&str> = executions.map(|e| e.execution.name.as_str()).collect();
    let texts = check.evidence.iter().filter(|e| e.execution.is_none());
    let texts: Vec<&str> = texts.map(|e| e.text.as_str()).collect();
    match check.verdict {
        Verdict::Pass if !names.is_empty() => some_of(&names, NAMED),
        _ => texts.join("; "),
    }
}
