//! `deploy`: makes it so, for all students at once.

use std::collections::BTreeMap;

use futures::future::join_all;

use super::class::Class;
use super::ended::{PlaceEnd, VerbEnded};
use super::homes::Deed;
use super::notes::Notes;
use super::plan::plan;
use super::reset;
use super::run::{Log, announced, emit, everywhere};
use super::session::At;
use super::sessions::Sessions;
use crate::aws::stop::Cancelled;
use crate::cli::{Cli, DeployArgs};
use crate::error::{Error, Exit, Result};
use crate::events::{Command, Event, Outcome};
use crate::ids::Username;
use crate::lab::given::Output;
use crate::report::{View, handout};
use crate::results::StudentResult;
use crate::stack::copies::{self, Copies};
use crate::stack::execute::{Task, execute_all};
use crate::stack::kinds::Observed;
use crate::stack::kinds::api;
use crate::stack::limits::{Limited, refuse_broken};
use crate::stack::new_apis::{NewApis, new_apis};
use crate::stack::observe::apis;
use crate::stack::plan::Plan;
use crate::stack::result::StackResult;

pub(super) struct Deployment {
    pub(crate) ended: VerbEnded,
    /// Students whose policy and handout name an API that no longer exists.
    stale: Vec<Username>,
}

pub(super) async fn run(cli: &Cli, args: &DeployArgs) -> Result<Exit> {
    let sessions = Class::load(cli)?.connect(Deed::Makes).await?;
    sessions.agree_on_places().await?;
    if args.reset {
        // Refuses before it asks.
        sessions.refuse_risks()?;
        reset::agreed(&sessions).await?;
    }
    let deployment = deploy(&sessions, args).await?;
    let view = View {
        stale: &deployment.stale,
        ..sessions.view()
    };
    deployment.ended.show_with(&sessions, view).await
}

/// What is to be done at one place.
struct Planned {
    plan: Plan,
    observed: Observed,
    copies: Copies,
    unkept: Option<String>,
}

/// What was done at one place.
struct Done {
    students: Vec<StudentResult>,
    new: NewApis,
    unkept: Option<String>,
}

/// Deploys the class's students, if each account has room for them. Nothing is made at any place before every place has
/// room.
pub(super) async fn deploy(sessions: &Sessions, args: &DeployArgs) -> Result<Deployment> {
    let risks = sessions.refuse_risks()?;
    let file = sessions.class.settings_file();
    let mut allowed = Notes::default();
    for (session, risks) in sessions.places.iter().zip(&risks) {
        allowed.at(session, risks.allowed(&file));
    }
    let allowed = allowed.texts(sessions.places.len());
    let work = sessions.run(Command::Deploy, Log::Kept, async |places| {
        // Before anything is made.
        for text in &allowed {
            emit(places, Event::Note { text: text.clone() });
        }
        let planned = everywhere(places, async |at| plan(at, args.reset).await).await;
        let planned = sessions.all(planned)?;
        let elsewhere = sessions.check_planned(&planned)?;
        let over = places.iter().zip(&planned);
        let over = over.map(|(at, (plan, _))| at.session.refuse_over(&at.client, plan));
        sessions.all(over)?;
        let plans = || planned.iter().map(|(plan, _)| plan);
        sessions.all(plans().map(|plan| no_room(plan, plans(), args)))?;
        sessions.remember(plans())?;
        let prepared = places.iter().zip(planned);
        let prepared = prepared.map(|(at, planned)| prepare(at, sessions, args, planned));
        let prepared = join_all(prepared).await.into_iter();
        let planned = sessions.all(prepared.map(|one| one.map_err(Error::from)))?;
        let plans: Vec<Plan> = planned.iter().map(|one| one.plan.clone()).collect();
        let started = sessions.run_started(Command::Deploy, &plans);
        let work = carry_out(places, &planned);
        let done = announced(places, started, work).await;
        Ok::<_, Error>((planned, done, elsewhere))
    });
    let (done, run) = work.await;
    let (planned, done, mut notes) = done?;
    notes.extend(run.notes());
    let handouts = handout::dir(&sessions.class.settings.reports, sessions.class.name());
    let (mut ends, mut stale, mut files) = (Vec::new(), Vec::new(), Vec::new());
    let mut of_apis = Notes::default();
    for ((session, planned), done) in sessions.places.iter().zip(planned).zip(done) {
        let Done {
            students,
            new,
            unkept,
        } = done;
        let mut touched: Vec<_> = students.iter().collect();
        touched.retain(|s| !matches!(s.outcome, Outcome::Unchanged | Outcome::Conflict));
        let touched = touched.into_iter().map(|s| &s.username);
        notes.at(session, session.files().forget_validations(touched));
        notes.at(session, planned.copies.note());
        notes.at(session, planned.unkept.or(unkept));
        let has_handout = |student: &Username| handouts.join(format!("{student}.html")).is_file();
        of_apis.at(session, api::earlier(&session.desired, &planned.observed));
        of_apis.at(session, new.note(has_handout));
        of_apis.at(session, session.stale_access(&planned.observed));
        stale.extend(new.with_user);
        files.extend(planned.copies.files.into_values().flatten());
        ends.push(PlaceEnd {
            left: session.left(&planned.observed),
            gaps: planned.plan.gaps,
            students,
        });
    }
    notes.extend(allowed);
    notes.append(of_apis);
    sessions.keep_people();
    let mut ended = sessions.ended(Command::Deploy, ends, notes);
    let bad = [Outcome::Failed, Outcome::Conflict];
    ended.exit = ended.exit.or(run.exit(&ended.summary.students, &bad));
    ended.list(files);
    Ok(Deployment { ended, stale })
}

/// Refuses where a place has no room for its plan, among those of all places.
fn no_room<'a>(
    plan: &Plan,
    all: impl Iterator<Item = &'a Plan> + Clone,
    args: &DeployArgs,
) -> Result<()> {
    let mut limits = plan.among(all, plan.limits_of_stacks());
    limits.retain(|l| !(args.ignore_concurrency && l.what == Limited::Concurrency));
    refuse_broken(&limits)
}

/// Keeps what a reset overwrites, and that the class is deployed here.
async fn prepare(
    at: &At<'_>,
    sessions: &Sessions,
    args: &DeployArgs,
    (mut plan, observed): (Plan, Observed),
) -> std::result::Result<Planned, Cancelled> {
    let At { session, client } = at;
    let (folder, desired) = (sessions.folder(), &session.desired);
    let copies = match args.reset {
        true => copies::keep(client, &folder, desired, &observed, &plan).await?,
        false => Copies::default(),
    };
    copies.spare(&mut plan);
    Ok(Planned {
        unkept: session.keep_place(),
        plan,
        observed,
        copies,
    })
}

async fn carry_out(places: &[At<'_>], planned: &[Planned]) -> Vec<Done> {
    let result = |copies: &Copies, student: &_, run: &_| {
        copies.judge(StackResult::made(student, run, Outcome::Deployed))
    };
    let tasks = Task::all(places, planned.iter().map(|one| &one.plan));
    let copies = |student: &Username| {
        let mut lost = planned.iter().map(|one| &one.copies);
        lost.find(|copies| copies.lost.contains_key(student))
    };
    let nothing = Copies::default();
    let runs = execute_all(&tasks, |student, run| {
        let copies = copies(&student.owner.student).unwrap_or(&nothing);
        result(copies, student, run).event()
    })
    .await;
    let mut outputs = everywhere(places, outputs).await.into_iter();
    let all = places.iter().zip(planned).zip(runs);
    let done = all.map(|((at, planned), runs)| {
        let mut outputs = outputs.next().unwrap_or_default();
        let pairs = planned.plan.students.iter().zip(&runs);
        let students = pairs.map(|(student, run)| StudentResult {
            outputs: outputs.remove(&student.owner.student).unwrap_or_default(),
            ..result(&planned.copies, student, run).into()
        });
        let students = students.collect();
        let made = new_apis(&planned.plan, &planned.observed, &runs);
        let new = NewApis::of(made, at.session.scope(), &planned.observed);
        Done {
            students,
            new,
            // The time is that of the last change.
            unkept: at.session.keep_place(),
        }
    });
    done.collect()
}

/// What the students are given after a deployment. This lists the APIs again, five hundred a page, since AWS has just
/// given them their ids. Where that fails, only outputs that need no API are left.
async fn outputs(at: &At<'_>) -> BTreeMap<Username, Vec<Output>> {
    let At { session, client } = at;
    let apis = apis(client, &session.desired).await;
    let observed = Observed {
        apis: apis.unwrap_or_default(),
        ..Observed::default()
    };
    let (scope, class) = (session.scope(), &session.class);
    let given = session.stacks().map(|(stack, student)| {
        let endpoints = session.endpoints(stack, &observed);
        let outputs = class.lab.outputs(scope, class.name(), student, &endpoints);
        (student.username.clone(), outputs)
    });
    given.collect()
}
