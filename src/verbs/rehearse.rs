//! `rehearse`: the whole class day on the embedded cloud, in one command.
//!
//! Every part is the very code that a real class day runs; the only additions are the scripted students and
//! the comparison, at the end, of who should be complete with who is.

mod evidence;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use futures::stream::{self, StreamExt};

use crate::aws::execution::Status;
use crate::aws::stop::Cancelled;
use crate::cli::{Cli, DeployArgs, RehearseArgs};
use crate::error::{Error, Kind, Result};
use crate::events::{Command, Event, Failure, RunSummary};
use crate::evidence::check::Verdict;

use crate::evidence::progress::{Progress, StudentProgress};
use crate::files::{class_dir, write_whole};
use crate::ids::{CLASS_MAX, ClassName};
use crate::local::{self, LocalCloud, PrivateCloud, PrivateOptions, StartupStep};
use crate::options::{GlobalOptions, OutputFormat, QuotaScale};
use crate::probe::script::{ScriptTrouble, work};
use crate::report::{Document, View, WrittenReport};
use crate::roster::Student;
use crate::stack::kinds::Observed;
use crate::stack::observe::{Depth, observe};
use crate::strict::{self, Proxy};

use super::plan::{interrupted, view};
use super::run::{run as run_work, summarise};
use super::session::{Class, Session};
use super::{Exit, deploy, final_report, progress, show, teardown, validate};
use evidence::Evidence;

/// What is put after the class's name, so that a rehearsal never stands where the real class does.
const SUFFIX: &str = "-rehearsal";
/// Scripted students who work at once.
const STUDENTS_AT_ONCE: usize = 8;

/// How much of the lab a scripted student does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Diligence {
    All,
    Half,
    None,
}

impl Diligence {
    /// Three of five complete, one does half, one nothing.
    fn of(index: usize) -> Self {
        match index % 5 {
            2 => Self::Half,
            4 => Self::None,
            _ => Self::All,
        }
    }

    /// What the report must say of them.
    fn expected(self) -> Progress {
        match self {
            Self::All => Progress::Complete,
            Self::Half => Progress::InProgress,
            Self::None => Progress::NotStarted,
        }
    }
}

/// The embedded cloud of a rehearsal.
enum Stage {
    /// Ends with the rehearsal.
    Private(Box<PrivateCloud>),
    /// Stays up (`--keep`).
    Shared(local::Endpoint),
}

pub(super) async fn run(cli: &Cli, args: &RehearseArgs) -> Result<Exit> {
    let class = prepare(cli, args, Class::load(cli)?)?;
    let ui = class.settings.ui;
    let say = |text: &str| super::local::say(text, ui.verbosity);
    if class.settings.roster_built_in {
        let students = class.students.len();
        say(&format!(
            "there is no roster here, so the one that comes with homeroom is used (a class of {students})"
        ));
    }
    let local_cloud = LocalCloud::from_env()?;
    let progress = &mut |step: StartupStep| say(&step.to_string());
    let stage = if args.keep {
        Stage::Shared(local_cloud.start(progress).await?)
    } else {
        let options = PrivateOptions::default();
        let cloud = local_cloud.start_private(options, progress).await?;
        Stage::Private(Box::new(cloud))
    };
    let log = match &stage {
        Stage::Private(cloud) => Some(cloud.log()),
        Stage::Shared(_) => local_cloud.status().await?.log().map(PathBuf::from),
    };
    let evidence = Evidence::new(&class.settings.reports, class.name(), log);
    let mut rehearsed = rehearse_on(class, args, &stage, &evidence).await;
    if let Err(error) = &mut rehearsed
        && error.kind != Kind::Interrupted
    {
        keep(&evidence, None).await;
        point_to(error, &evidence);
    }
    let private = matches!(stage, Stage::Private(_));
    if let Stage::Private(cloud) = stage {
        cloud.stop().await?;
        say("the embedded cloud is stopped");
    }
    if let (Ok(_), Some(place)) = (&rehearsed, evidence.place()) {
        // Whatever the verbosity: without this nobody finds it. A closed stderr leaves nobody to tell.
        let _ = writeln!(io::stderr().lock(), "{}", kept_in(place));
    }
    rehearsed.map_err(|mut error| {
        if error.kind == Kind::Interrupted {
            for failure in &mut error.failures {
                failure.cause = if private {
                    "the rehearsal was stopped, and its cloud is gone with everything in it"
                        .to_owned()
                } else {
                    "the rehearsal was stopped; what it made so far is still in the embedded cloud"
                        .to_owned()
                };
            }
        }
        error
    })
}

async fn rehearse_on(
    class: Class,
    args: &RehearseArgs,
    stage: &Stage,
    evidence: &Evidence,
) -> Result<Exit> {
    let endpoint = match stage {
        Stage::Private(cloud) => cloud.endpoint(),
        Stage::Shared(endpoint) => endpoint,
    };
    let strict = strict(args, endpoint).await?;
    let mut endpoint = endpoint.clone();
    if let Some(proxy) = &strict {
        endpoint.url = proxy.url();
    }
    let session = class.connect_local(&endpoint).await?;
    let rehearsed = rehearse(&session, args.keep, strict.as_ref(), evidence).await;
    if let Err(error) = &rehearsed
        && error.kind != Kind::Interrupted
    {
        keep(evidence, Some(&session)).await;
    }
    rehearsed
}

/// Keeps what tells why, while the cloud is there to be asked. What cannot be kept is said and ends nothing.
async fn keep(evidence: &Evidence, session: Option<&Session>) {
    if let Err(error) = evidence.keep(session).await {
        let _ = writeln!(
            io::stderr().lock(),
            "what would tell why could not be kept: {error}"
        );
    }
}

fn kept_in(place: &std::path::Path) -> String {
    format!(
        "to find out why: the embedded cloud's log and the failed executions' histories are in {}",
        place.display()
    )
}

/// Says at the end of an error where to look.
fn point_to(error: &mut Error, evidence: &Evidence) {
    if let (Some(place), Some(last)) = (evidence.place(), error.failures.last_mut()) {
        let where_to_look = kept_in(place);
        last.hint = Some(match last.hint.take() {
            Some(hint) => format!("{hint}; {where_to_look}"),
            None => where_to_look,
        });
    }
}

/// AWS's limits in front of the embedded cloud, if they are asked for.
async fn strict(args: &RehearseArgs, endpoint: &local::Endpoint) -> Result<Option<Proxy>> {
    if !args.strict {
        return Ok(None);
    }
    let options = strict::Options {
        scale: f64::from(args.scale),
        timings: strict::Timings::with_lags(),
        ..strict::Options::default()
    };
    let proxy = Proxy::start(&endpoint.url, options).await;
    let proxy = proxy.map_err(|error| Error::new(Kind::General, "--strict", error.to_string()));
    Ok(Some(proxy?))
}

/// What the strict model saw of the calls.
fn counted(proxy: &Proxy) -> String {
    let model = proxy.model();
    let calls: u64 = model.counts().values().map(|count| count.calls).sum();
    let throttled: u64 = model.emptied().values().sum();
    if throttled == 0 {
        return format!("AWS's quotas: {calls} calls counted, none throttled");
    }
    let by_quota: Vec<String> = model
        .emptied()
        .iter()
        .map(|(quota, count)| format!("{quota} {count}"))
        .collect();
    let by_quota = by_quota.join(", ");
    format!("AWS's quotas: {calls} calls counted, {throttled} throttled ({by_quota})")
}

/// The class under a name of its own, with settings that leave nothing to chance.
fn prepare(cli: &Cli, args: &RehearseArgs, mut class: Class) -> Result<Class> {
    let name = class.name().as_str();
    let short = &name[..name.len().min(CLASS_MAX - SUFFIX.len())];
    let named: ClassName = format!("{short}{SUFFIX}").parse().map_err(|error| {
        Error::new(Kind::Invalid, "--class", format!("{short}{SUFFIX} {error}"))
    })?;
    // What is proposed must find the rehearsal's cloud and class; without --keep both are gone by then.
    class.invocation = if args.keep {
        super::invocation::of(&GlobalOptions {
            roster: match class.settings.roster_built_in {
                true => Some(keep_roster(&class, &named)?),
                false => cli.global.roster.clone(),
            },
            class: Some(named.clone()),
            local: Some(true),
            profile: None,
            region: None,
            endpoint_url: None,
            account: None,
            ..cli.global.clone()
        })
    } else {
        String::new()
    };
    class.settings.class = named;
    if args.strict && cli.global.quota_scale.is_none() {
        // Whoever wants to see throttles says `--quota-scale off`.
        let own = match class.settings.quota_scale {
            QuotaScale::Factor(factor) => factor,
            QuotaScale::Off => 1.0,
        };
        class.settings.quota_scale = QuotaScale::Factor(own * f64::from(args.scale));
    }
    let settings = class.lab.rehearsal_settings().clone();
    class.lab = class
        .lab
        .with_settings(&settings)
        .map_err(|failures| Error {
            kind: Kind::Invalid,
            failures,
        })?;
    Ok(class)
}

/// Writes the built-in roster where the class's other files are: whoever looks around afterwards has to name one.
fn keep_roster(class: &Class, named: &ClassName) -> Result<PathBuf> {
    let path = class_dir(&class.settings.reports, named).join("roster.csv");
    write_whole(&path, crate::lab::bundle::demo_roster())
        .map_err(|error| Error::new(Kind::General, "the built-in roster", error.to_string()))?;
    Ok(path)
}

async fn rehearse(
    session: &Session,
    keep_class: bool,
    strict: Option<&Proxy>,
    evidence: &Evidence,
) -> Result<Exit> {
    let ui = session.class.settings.ui;
    let total = if keep_class { 5 } else { 6 };
    let stage = |number: usize, text: &str| {
        super::local::say(&format!("\n[{number}/{total}] {text}"), ui.verbosity);
    };

    stage(1, "plan: what is to be done?");
    super::local::say(&planned(session).await?, ui.verbosity);
    stage(2, "deploy: a stack for every student");
    let deployment = deploy::deploy(session, &DeployArgs::default()).await?;
    if deployment.exit != Exit::Done {
        return ended_early(session, deployment.summary, deployment.exit, evidence).await;
    }
    super::local::say(&planned(session).await?, ui.verbosity);
    stage(3, "validate: does every stack work?");
    let (validation, _, exit) = validate::validate(session).await?;
    if exit != Exit::Done {
        return ended_early(session, validation, exit, evidence).await;
    }
    stage(
        4,
        "class: scripted students work, some on all of the lab, some on half, some on nothing",
    );
    students_work(session).await?;

    stage(5, "report: who is complete?");
    let mut standing = progress::read(session, Command::Rehearse).await?;
    let written = progress::write(session, &mut standing)?;
    let wrong = misjudged(session, &standing);
    let results = progress::results(&standing);

    let mut notes = Vec::new();
    let exit = if wrong.is_empty() {
        Exit::Done
    } else {
        // Before the teardown takes the executions away.
        keep(evidence, Some(session)).await;
        notes.extend(evidence.place().map(kept_in));
        Exit::Error
    };
    if keep_class {
        let invocation = &session.class.invocation;
        notes.push(format!(
            "the class is still up: look around with `{invocation} status`, and end with `{invocation} teardown`"
        ));
    } else {
        stage(6, "teardown: is everything gone?");
        let observed = teardown::look(session).await?;
        let plan = teardown::plan(session, &observed);
        // The report that was just written is the final one.
        final_report::close(session, &plan)?;
        let torn = teardown::tear_down(session, &plan, &observed).await?;
        match torn.exit {
            Exit::Done => notes.push(format!(
                "torn down: a fresh listing shows nothing of the class ({} students removed)",
                torn.summary
                    .summary
                    .get("removed")
                    .copied()
                    .unwrap_or_default()
            )),
            other => {
                return ended_early(session, torn.summary, other, evidence).await;
            }
        }
    }
    notes.extend(strict.map(counted));
    let mut summary = summarise(session, Command::Rehearse, results, notes);
    for (student, failure) in wrong {
        if let Some(result) = summary.students.iter_mut().find(|s| s.username == student) {
            result.errors.push(failure);
        }
    }
    let files = written.files().into_iter();
    summary.files = files.map(|path| path.display().to_string()).collect();
    let document = progress::document(session, &standing);
    finish(session, &summary, &document, &written)?;
    Ok(exit)
}

/// A part of the day did not end well: its own summary is what there is to say.
async fn ended_early(
    session: &Session,
    mut summary: RunSummary,
    exit: Exit,
    evidence: &Evidence,
) -> Result<Exit> {
    let ui = session.class.settings.ui;
    if exit != Exit::Interrupted {
        keep(evidence, Some(session)).await;
        summary.notes.extend(evidence.place().map(kept_in));
    }
    if ui.output == OutputFormat::Json {
        // The one document is the rehearsal's.
        summary.command = Command::Rehearse;
    }
    show(&summary, &view(session), ui)?;
    Ok(exit)
}

/// What a deployment would do now, in a sentence.
async fn planned(session: &Session) -> Result<String> {
    let ran = run_work(session, Command::Rehearse, false, async |client| {
        super::plan::plan(client, session, false).await
    })
    .await;
    let plan = ran.output?.plan;
    let students = plan.students.len();
    Ok(match plan.steps() {
        0 => format!("a deployment of {students} students has nothing to do"),
        steps => {
            format!("a deployment of {students} students has {steps} resources to make or change")
        }
    })
}

fn finish(
    session: &Session,
    summary: &RunSummary,
    document: &Document,
    written: &WrittenReport,
) -> Result<()> {
    let view = View {
        document: Some(document),
        report: Some(&written.html),
        ..view(session)
    };
    let ui = session.class.settings.ui;
    if ui.output == OutputFormat::Text {
        // A closed stderr leaves nobody to tell.
        let _ = writeln!(io::stderr().lock());
    }
    show(summary, &view, ui)
}

/// Lets the scripted students do their part.
async fn students_work(session: &Session) -> Result<()> {
    let ran = run_work(session, Command::Rehearse, false, async |client| {
        let observed = observe(client, &session.desired, &Depth::Deploy).await?;
        let observed: &Observed = &observed;
        let pairs = session.desired.stacks.iter().zip(&session.class.students);
        let outcomes: Vec<std::result::Result<(), ScriptTrouble>> = stream::iter(pairs.enumerate())
            .map(|(index, (stack, student))| async move {
                let steps = steps_of(session, student, Diligence::of(index));
                if steps.is_empty() {
                    return Ok(());
                }
                let done = work(client, session.scope(), stack, observed, &steps).await;
                client.emit(Event::Note {
                    text: format!("{} has done {} steps", student.username, steps.len()),
                });
                done
            })
            .buffer_unordered(STUDENTS_AT_ONCE)
            .collect()
            .await;
        Ok::<_, Cancelled>(outcomes)
    })
    .await;
    let mut failures = Vec::new();
    for outcome in ran.output.map_err(|_| interrupted())? {
        match outcome {
            Ok(()) => {}
            Err(ScriptTrouble::Failed(failure)) => failures.push(failure),
            Err(ScriptTrouble::Cancelled) => return Err(interrupted()),
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(Error {
        kind: Kind::General,
        failures,
    })
}

fn steps_of(
    session: &Session,
    student: &Student,
    diligence: Diligence,
) -> Vec<crate::lab::ScriptedStep> {
    let lab = &session.class.lab;
    let mut steps = lab.rehearsal_steps(session.scope(), session.class.name(), student);
    match diligence {
        Diligence::All => {}
        Diligence::Half => steps.truncate(steps.len() / 2),
        Diligence::None => steps.clear(),
    }
    steps
}

/// Executions that failed and stand as evidence at a check that did not pass: what a step of the lab's script ran into.
fn failed_executions(student: &StudentProgress) -> Vec<String> {
    let open = student
        .checks
        .iter()
        .filter(|check| check.verdict == Verdict::Fail);
    let shown = open.flat_map(|check| &check.evidence);
    let failed = shown.filter(|evidence| {
        let execution = evidence.execution.as_ref();
        execution.is_some_and(|shown| shown.execution.status == Status::Failed)
    });
    failed.map(|evidence| evidence.sentence()).collect()
}

/// Students of whom the report says something else than what they did.
fn misjudged(
    session: &Session,
    standing: &progress::Standing,
) -> BTreeMap<crate::ids::Username, Failure> {
    let pairs = session
        .class
        .students
        .iter()
        .zip(&standing.students)
        .enumerate();
    pairs
        .filter_map(|(index, (student, seen))| {
            let expected = Diligence::of(index).expected();
            (seen.progress != expected).then(|| {
                let broken = failed_executions(seen);
                let failure = Failure {
                    subject: format!("scripted student {}", student.username),
                    cause: format!(
                        "did what makes a student {} and is shown as {}{}",
                        expected.as_str(),
                        seen.progress.as_str(),
                        match broken.first() {
                            Some(why) => format!("; {why}"),
                            None => String::new(),
                        }
                    ),
                    hint: Some(match broken.is_empty() {
                        true => "the lab's checks and its [[rehearsal.step]] entries do not fit together".to_owned(),
                        false => "look at why that execution failed: the lab's functions or its state machine".to_owned(),
                    }),
                    request_id: None,
                };
                (student.username.clone(), failure)
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_of_thirty_has_eighteen_complete_six_half_way_and_six_idle() {
        let count = |wanted| (0..30).filter(|i| Diligence::of(*i) == wanted).count();
        assert_eq!(
            (
                count(Diligence::All),
                count(Diligence::Half),
                count(Diligence::None)
            ),
            (18, 6, 6)
        );
    }
}
