//! `rehearse`: the whole class day on the embedded cloud, in one command.
//!
//! Every part is the very code that a real class day runs; the only additions are the scripted students and
//! the comparison, at the end, of who should be complete with who is.

mod post_mortem;
mod setup;

use std::io::{self, Write};
use std::path::PathBuf;

use futures::stream::{self, StreamExt};

use super::class::Class;
use super::ended::PlaceEnd;
use super::ended::VerbEnded;
use super::notes::Notes;
use super::run::interrupted;
use super::say::say;
use super::session::At;
use super::sessions::Sessions;
use super::{deploy, final_report, plan, reading, teardown, validate};

use crate::aws::stop::Cancelled;
use crate::cli::{Cli, DeployArgs, RehearseArgs};
use crate::error::{Error, Exit, Result};
use crate::events::{Command, Event, Outcome};
use crate::ids::Kind;
use crate::local::{self, LocalCloud, PrivateCloud, PrivateOptions, StartupStep};
use crate::options::OutputFormat;
use crate::probe::rehearsal::{Diligence, Script, misjudged};
use crate::probe::script::{ScriptTrouble, work};
use crate::report::View;
use crate::results::StudentResult;
use crate::results::stamp::schema_of;
use crate::stack::observe::{Depth, observe};
use crate::stack::plan::Plan;
use crate::strict::Proxy;
use crate::text::words::plural;
use post_mortem::PostMortem;
use setup::{counted, prepare, refuse_broken, strict};

/// Scripted students who work at once.
const STUDENTS_AT_ONCE: usize = 8;

const COMMAND: Command = Command::Rehearse;

enum RehearsalCloud {
    /// Ends with the rehearsal.
    Private(Box<PrivateCloud>),
    /// Stays up (`--keep`).
    Shared(local::Endpoint),
}

pub(super) async fn run(cli: &Cli, args: &RehearseArgs) -> Result<Exit> {
    let class = prepare(cli, args, Class::load(cli)?)?;
    refuse_broken(&class)?;
    let ui = class.settings.ui;
    let say = |text: &str| say(text, ui.verbosity);
    if class.settings.roster_built_in {
        let students = class.students.len();
        say(&format!(
            "there is no roster here, so the one that comes with homeroom is used (a class of {students})"
        ));
    }
    let local_cloud = LocalCloud::from_env()?;
    let progress = &mut |step: StartupStep| say(&step.to_string());
    let cloud = if args.keep {
        RehearsalCloud::Shared(local_cloud.start(progress).await?)
    } else {
        let options = PrivateOptions::default();
        let cloud = local_cloud.start_private(options, progress).await?;
        RehearsalCloud::Private(Box::new(cloud))
    };
    let log = match &cloud {
        RehearsalCloud::Private(cloud) => Some(cloud.log()),
        RehearsalCloud::Shared(_) => local_cloud.status().await?.log().map(PathBuf::from),
    };
    let post_mortem = PostMortem::new(&class.settings.reports, class.name(), log);
    let mut rehearsed = rehearse_on(class, args, &cloud, &post_mortem).await;
    if let Err(error) = &mut rehearsed
        && error.exit != Exit::Interrupted
    {
        post_mortem.keep(None).await;
        point_to(error, &post_mortem);
    }
    let private = matches!(cloud, RehearsalCloud::Private(_));
    if let RehearsalCloud::Private(cloud) = cloud {
        cloud.stop().await?;
        say("the embedded cloud is stopped");
    }
    if let (Ok(_), Some(note)) = (&rehearsed, post_mortem.note()) {
        // With -qq, too: nobody would find the files otherwise. A closed stderr leaves nobody to tell.
        let _ = writeln!(io::stderr().lock(), "{note}");
    }
    rehearsed.map_err(|error| {
        let cause = match private {
            true => "the rehearsal was stopped, and its cloud is gone with everything in it",
            false => {
                "the rehearsal was stopped; what it made so far is still in the embedded cloud"
            }
        };
        match error.exit {
            Exit::Interrupted => Error::new(error.exit, "interrupted", cause),
            _ => error,
        }
    })
}

async fn rehearse_on(
    class: Class,
    args: &RehearseArgs,
    cloud: &RehearsalCloud,
    post_mortem: &PostMortem,
) -> Result<Exit> {
    let endpoint = match cloud {
        RehearsalCloud::Private(cloud) => cloud.endpoint(),
        RehearsalCloud::Shared(endpoint) => endpoint,
    };
    let strict = strict(args, endpoint, &class).await?;
    let mut endpoint = endpoint.clone();
    if let Some(proxy) = &strict {
        endpoint.url = proxy.url();
    }
    let session = class.connect_local(&endpoint).await?;
    let rehearsed = rehearse(&session, args.keep, strict.as_ref(), post_mortem).await;
    if let Err(error) = &rehearsed
        && error.exit != Exit::Interrupted
    {
        post_mortem.keep(Some(&session)).await;
    }
    rehearsed
}

/// Adds to an error where to look.
fn point_to(error: &mut Error, post_mortem: &PostMortem) {
    if let (Some(note), Some(last)) = (post_mortem.note(), error.failures.last_mut()) {
        last.hint = Some(match last.hint.take() {
            Some(hint) => format!("{hint}; {note}"),
            None => note,
        });
    }
}

async fn rehearse(
    session: &Sessions,
    keep_class: bool,
    strict: Option<&Proxy>,
    post_mortem: &PostMortem,
) -> Result<Exit> {
    let verbosity = session.class.settings.ui.verbosity;
    let total = if keep_class { 5 } else { 6 };
    let stage = |number: usize, text: &str| {
        say(&format!("\n[{number}/{total}] {text}"), verbosity);
    };

    stage(1, "plan: what is to be done?");
    say(&planned(session).await?, verbosity);
    stage(2, "deploy: a stack for every student");
    let deployment = deploy::deploy(session, &DeployArgs::default()).await?;
    if deployment.ended.exit != Exit::Done {
        return ended_early(session, deployment.ended, post_mortem).await;
    }
    say(&planned(session).await?, verbosity);
    stage(3, "validate: does every stack work?");
    let (validation, _) = validate::validate(session).await?;
    if validation.exit != Exit::Done {
        return ended_early(session, validation, post_mortem).await;
    }
    let script = Script::of(&session.class.lab);
    let work = match script.steps {
        0 => "class: the lab has no scripted work, so nobody works",
        _ => "class: scripted students work, some on all of the lab, some on half, some on nothing",
    };
    stage(4, work);
    students_work(session).await?;

    stage(5, "report: who is complete?");
    let mut standing = reading::read(session, COMMAND).await?;
    let written = final_report::write_report(session, &mut standing)?;
    let mut wrong = misjudged(&standing.students, script);
    let mut notes: Vec<String> = script.untried().map(str::to_owned).into_iter().collect();
    let exit = if wrong.is_empty() {
        Exit::Done
    } else {
        // Before the teardown takes the executions away.
        post_mortem.keep(Some(session)).await;
        notes.extend(post_mortem.note());
        Exit::General
    };
    if keep_class {
        let invocation = &session.class.invocation;
        notes.push(format!(
            "the class is still up: look around with `{invocation} status`, and end with `{invocation} teardown`"
        ));
    } else {
        stage(6, "teardown: is everything gone?");
        let observed = teardown::look(session).await?;
        let plans = teardown::plan(session, &observed);
        // The report that was just written is the final one.
        final_report::close(session, &plans)?;
        let torn = teardown::tear_down(session, &plans, &observed).await?;
        if torn.exit != Exit::Done {
            return ended_early(session, torn, post_mortem).await;
        }
        notes.push(format!(
            "torn down: a fresh listing shows nothing of the class ({} students removed). It covers {}; what a function \
             made by itself is not among them",
            torn.summary.count(Outcome::Removed),
            Kind::IN_WORDS
        ));
    }
    notes.extend(strict.map(counted));
    let mut all = Notes::default();
    all.extend(notes);
    let students = standing.students.iter().map(|student| {
        let mut result = StudentResult::from(student);
        result.errors.extend(wrong.remove(&student.username));
        result
    });
    let end = PlaceEnd {
        students: students.collect(),
        ..PlaceEnd::default()
    };
    let mut ended = session.ended_together(COMMAND, end, all);
    ended.list(written.files());
    ended.exit = exit;
    if session.class.settings.ui.output == OutputFormat::Text {
        // A closed stderr leaves nobody to tell.
        let _ = writeln!(io::stderr().lock());
    }
    let document = reading::document(session, &standing);
    let view = View {
        document: Some(&document),
        report: Some(&written.html),
        ..session.view()
    };
    ended.show_with(session, view).await
}

/// Ends the rehearsal with the summary of the part that did not end well.
async fn ended_early(
    session: &Sessions,
    mut ended: VerbEnded,
    post_mortem: &PostMortem,
) -> Result<Exit> {
    if ended.exit != Exit::Interrupted {
        post_mortem.keep(Some(session)).await;
        ended.summary.notes.extend(post_mortem.note());
    }
    if session.class.settings.ui.output.is_for_programs() {
        // JSON output is one document, and it names the command that was typed.
        ended.summary.command = COMMAND;
        if let Some(stamp) = &mut ended.summary.stamp {
            stamp.schema = schema_of(COMMAND);
        }
    }
    ended.summary.gaps.clear();
    ended.show(session).await
}

async fn planned(session: &Sessions) -> Result<String> {
    let look = session.look(COMMAND, async |at| plan::plan(at, false).await);
    let looked = look.await?;
    session.check_planned(&looked)?;
    let plans = || looked.iter().map(|(plan, _)| plan);
    let students: usize = plans().map(|plan| plan.students.len()).sum();
    let what = match plans().map(Plan::steps).sum() {
        0 => "nothing to do".to_owned(),
        steps => format!("{steps} resources to make or change"),
    };
    Ok(format!("a deployment of {students} students has {what}"))
}

async fn students_work(session: &Sessions) -> Result<()> {
    let look = session.look(COMMAND, all_students);
    let mut failures = Vec::new();
    for outcome in look.await?.into_iter().flatten() {
        match outcome {
            Ok(()) => {}
            Err(ScriptTrouble::Failed(failure)) => failures.push(failure),
            Err(ScriptTrouble::Cancelled) => return Err(interrupted()),
        }
    }
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Error::of(Exit::General, failures)),
    }
}

async fn all_students(
    at: &At<'_>,
) -> std::result::Result<Vec<std::result::Result<(), ScriptTrouble>>, Cancelled> {
    let At { session, client } = at;
    let observed = &observe(client, &session.desired, &Depth::Deploy).await?;
    let (scope, class) = (session.scope(), &session.class);
    let students = session.stacks().count();
    let outcomes = stream::iter(session.stacks().enumerate())
        .map(|(index, (stack, student))| async move {
            let steps = class.lab.rehearsal_steps(scope, class.name(), student);
            let steps = Diligence::of(index, students).part_of(steps);
            if steps.is_empty() {
                return Ok(());
            }
            let done = work(client, scope, stack, observed, &steps).await;
            client.emit(Event::Note {
                text: format!(
                    "{} has done {}",
                    student.username,
                    plural(steps.len(), "step")
                ),
            });
            done
        })
        .buffer_unordered(STUDENTS_AT_ONCE);
    Ok(outcomes.collect().await)
}
