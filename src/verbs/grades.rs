//! `grades push`: lists the grades that would change in another system, writes them once confirmed, reads them back.

use std::io::{self, Write};

use futures::{Stream, StreamExt};
use secrecy::{ExposeSecret, SecretString};

use super::ask::{answer, can_ask};
use super::class::{Class, invalid as invalid_input};
use super::ended::PlaceEnd;
use super::interrupts::interrupts;
use super::notes::Notes;
use super::reading::{document, read};
use super::report::refuse_nothing;
use super::run::interrupted;
use super::say::{said, say};
use super::sessions::{Sessions, Work};
use super::status::attestations;
use crate::canvas::{Canvas, Course, Place, Push, PushEnd};
use crate::cli::{Cli, PushArgs};
use crate::error::{Error, Exit, Result};
use crate::events::{Command, Outcome};
use crate::files::read_secret;
use crate::options::{OutputFormat, invalid};
use crate::report::document::hidden_by;
use crate::report::gradebook::{GradeRules, Judged};
use crate::results::{GradeChange, StudentResult};
use crate::stack::kinds::Gap;
use crate::text::failure::Failure;
use crate::text::show::clean;
use crate::text::words::plural;
use crate::web::Url;

const COMMAND: Command = Command::GradesPush;

pub(super) async fn push(cli: &Cli, args: &PushArgs) -> Result<Exit> {
    // One for the whole run: a Ctrl-C between two waits ends the next one.
    let mut interrupts = Box::pin(interrupts());
    let class = Class::load(cli)?;
    let url = address(args, &class);
    let canvas = match (check_confirmation(args), url, token(args)) {
        (Ok(()), Ok(url), Ok(token)) => Canvas::new(url, token),
        (confirmed, url, token) => {
            let errors = [confirmed.err(), url.err(), token.err()]
                .into_iter()
                .flatten();
            return Err(all_of(errors));
        }
    };
    let attested = attestations(&class, &args.attest)?;
    let place = Place {
        course: args.course,
        assignment: args.assignment,
    };
    // What cannot be written to is refused before anything is asked of AWS.
    let course = async {
        let course = Course::read(&canvas, place).await;
        course.map_err(|all| Error::of(Exit::General, all))
    };
    let course = unless_interrupted(course, &mut interrupts).await?;
    let session = unless_interrupted(class.connect(Work::Looks), &mut interrupts).await?;
    let mut standing = read(&session, COMMAND).await?;
    refuse_nothing(&session, &standing)?;
    standing.attest(&attested);
    let report = document(&session, &standing);
    let roster = &session.class.roster.students;
    let rules = GradeRules {
        lower: args.lower,
        count_late: args.count_late,
    };
    let mut judged = course.gradebook.judge(&report, roster, rules);
    if args.confirm.is_some() {
        judged.leave_out_by_name(
            "matched by name alone: run without --confirm to look at them and confirm by hand",
        );
    }
    let push = Push::of(&course, &judged);
    let ui = session.class.settings.ui;
    let mut notes = standing.notes.clone();
    notes.extend(judged.notes());
    let mut gaps = standing.gaps.clone();
    if ui.output == OutputFormat::Text {
        // Before the question, since they decide the answer; they do not stand at the end once more.
        list(
            &push,
            &judged,
            &std::mem::take(&mut notes),
            &std::mem::take(&mut gaps),
        )?;
    }
    let confirmed = push.grades.is_empty()
        || args.confirm.is_some()
        || can_ask(&session) && {
            let question = question(args.course);
            let answer = answer(&question);
            unless_interrupted(answer, &mut interrupts).await? == args.course.to_string()
        };
    let (mut became, mut failures, mut stopped) = (None, Vec::new(), false);
    if confirmed && !push.grades.is_empty() {
        let grades = plural(push.grades.len(), "grade");
        say(&format!("writing {grades} to Canvas"), ui.verbosity);
        let stops = interrupts.by_ref().enumerate().map(|(earlier, ())| {
            if earlier == 0 {
                let what = "stopping: nothing more is sent, and what Canvas has is read back; Ctrl-C again ends at once";
                say(what, ui.verbosity);
            }
        });
        let wrote = push.write(&canvas, stops).await;
        notes.extend(wrote.unverified.then(|| push.unverified(&wrote.ended)));
        (became, failures, stopped) = (Some(wrote.ended), wrote.failures, wrote.stopped);
    }
    let mut exit = match standing.is_certain() {
        true => Exit::Done,
        false => Exit::General,
    };
    if !confirmed {
        notes.push(format!(
            "nothing was written: it was not confirmed, neither by the course's number at the prompt nor with --confirm {}",
            args.course
        ));
        exit = Exit::Refused;
    }
    let students = results(&session, &push, &judged, became.as_deref());
    if students.iter().any(|s| !s.errors.is_empty()) || !failures.is_empty() {
        exit = Exit::SomeFailed;
    }
    if stopped {
        exit = Exit::Interrupted;
        notes.push("interrupted: no further grades were sent".to_owned());
    }
    notes.extend(failures.iter().map(Failure::cause_in_full));
    let written = became
        .iter()
        .flatten()
        .any(|ended| *ended == PushEnd::Written);
    if written && course.posted_by_hand {
        notes.push("students see these grades once you post them: Canvas has 'Post Grades Manually' for this assignment".to_owned());
    }
    let mut said = Notes::default();
    said.extend(notes);
    let end = PlaceEnd {
        students,
        gaps,
        left: Vec::new(),
    };
    let mut ended = session.ended_together(COMMAND, end, said);
    ended.exit = ended.exit.or(exit);
    ended.show(&session).await
}

/// Ends with the next interrupt; never where the process gets none.
async fn next(interrupts: &mut (impl Stream<Item = ()> + Unpin)) {
    if interrupts.next().await.is_none() {
        std::future::pending().await
    }
}

async fn unless_interrupted<T>(
    work: impl Future<Output = Result<T>>,
    interrupts: &mut (impl Stream<Item = ()> + Unpin),
) -> Result<T> {
    tokio::select! {
        biased;
        () = next(interrupts) => Err(interrupted()),
        done = work => done,
    }
}

fn question(course: u64) -> String {
    format!(
        "Type the course's number ({course}) to write these grades, anything else to leave them: "
    )
}

fn check_confirmation(args: &PushArgs) -> Result<()> {
    let other = args.confirm.filter(|confirmed| *confirmed != args.course);
    other.map_or(Ok(()), |other| {
        let cause = format!("the course is {}; nothing was written", args.course);
        Err(
            Error::new(Exit::Refused, format!("--confirm {other}"), cause)
                .hint("look at --course: it says which course is meant"),
        )
    })
}

fn address(args: &PushArgs, class: &Class) -> Result<Url> {
    let variable = std::env::var("CANVAS_URL")
        .ok()
        .filter(|text| !text.is_empty());
    // An address that was pasted with a user's name may hold the token: no refusal repeats it.
    let refused = |subject: &str, why: String| {
        let hint = "give the address as a browser shows it: https://canvas.example.edu";
        invalid(subject, format!("the address {why}"), hint)
    };
    match (&args.canvas_url, variable, &class.settings.canvas_url) {
        (Some(url), ..) => url.url().map_err(|why| refused("--canvas-url", why)),
        (None, Some(text), _) => text.parse().map_err(|why| refused("CANVAS_URL", why)),
        (None, None, Some(url)) => Ok(url.clone()),
        (None, None, None) => Err(invalid(
            "--canvas-url",
            "the address of your Canvas is not known",
            "give it with --canvas-url, as a browser shows it: --canvas-url https://canvas.example.edu",
        )),
    }
}

fn token(args: &PushArgs) -> Result<SecretString> {
    let variable = || std::env::var("CANVAS_TOKEN").ok().map(SecretString::from);
    let (subject, token) = match &args.token_file {
        Some(path) => {
            let subject = format!("--token-file {}", path.display());
            let token = read_secret(path).map_err(|error| {
                let hint = format!(
                    "give a file with the token that only you can read: chmod 600 {}",
                    path.display()
                );
                invalid(&subject, error.to_string(), hint)
            })?;
            (subject, Some(token))
        }
        None => ("CANVAS_TOKEN".to_owned(), variable()),
    };
    let token = token.filter(|token| !token.expose_secret().trim().is_empty());
    let token = token.ok_or_else(|| {
        let hint = "make a token in Canvas (Account, Settings, New Access Token), and put it into the variable CANVAS_TOKEN or a file for --token-file";
        invalid(&subject, "there is no token", hint)
    })?;
    let token = token.expose_secret().trim();
    match token.bytes().all(|b| b.is_ascii_graphic()) {
        true => Ok(token.into()),
        false => Err(invalid(
            subject,
            "has characters that no token has",
            "copy the token once more, alone on one line",
        )),
    }
}

/// All that is wrong, with the gravest code: a wrong confirmation before a wrong value.
fn all_of(errors: impl Iterator<Item = Error>) -> Error {
    let mut all = invalid_input(Vec::new());
    for error in errors {
        if error.exit == Exit::Refused {
            all.exit = Exit::Refused;
        }
        all.failures.extend(error.failures);
    }
    all
}

/// Lists what would change, and what to know of it.
fn list(push: &Push, judged: &Judged, notes: &[String], gaps: &[Gap]) -> Result<()> {
    let title = clean(&judged.assignment);
    let mut lines = vec![match push.grades.len() {
        0 => format!("Canvas has every grade of '{title}' that is certain: nothing to write"),
        n => format!(
            "would change {} of '{title}' in Canvas:",
            plural(n, "grade")
        ),
    }];
    lines.extend(push.lines());
    lines.extend(
        judged
            .by_name_alone()
            .map(|who| format!("{who}; check that each is the right student")),
    );
    lines.extend(notes.iter().map(|note| format!("note: {}", clean(note))));
    lines.extend(gaps.iter().map(|gap| {
        let cause = clean(&gap.cause);
        format!("COULD NOT SEE EVERYTHING: {}: {cause}", hidden_by(gap))
    }));
    let mut out = io::stdout().lock();
    let written = lines.iter().try_for_each(|line| writeln!(out, "{line}"));
    said(written.and_then(|()| out.flush()))
}

/// Each student's outcome. `became`: what became of each grade of `push`; `None` where nothing was written.
fn results(
    session: &Sessions,
    push: &Push,
    judged: &Judged,
    became: Option<&[PushEnd]>,
) -> Vec<StudentResult> {
    let students = session.class.students.iter().map(|student| {
        let name = &student.username;
        let new = |outcome| StudentResult::new(name.clone(), outcome);
        let sent = push.grades.iter().position(|grade| grade.username == *name);
        let Some(at) = sent else {
            let has = judged.graded.iter().find(|graded| graded.username == *name);
            return match (has, became) {
                (None, _) => new(Outcome::LeftOut),
                (Some(_), None) => new(Outcome::NoChange),
                (Some(_), Some(_)) => new(Outcome::Unchanged),
            };
        };
        let grade = &push.grades[at];
        let ended = became.and_then(|became| became.get(at));
        let outcome = match ended {
            None => Outcome::Changes,
            Some(PushEnd::Written) => Outcome::Graded,
            Some(PushEnd::NotKnown) => Outcome::Unknown,
            Some(_) => Outcome::Failed,
        };
        let mut result = new(outcome);
        result.grade = Some(GradeChange {
            from: grade.from.map(|from| from.to_f64()),
            to: grade.to.to_f64(),
            by_name: judged.by_name.contains(name),
        });
        result
            .errors
            .extend(ended.and_then(|ended| ended.failure(grade)));
        result
    });
    students.collect()
}
