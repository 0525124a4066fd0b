//! `deploy`: makes it so, for all students at once.

use std::collections::BTreeMap;

use super::class::Class;
use super::ended::VerbEnded;
use super::plan::plan;
use super::reset;
use super::run::{Log, announced};
use super::session::Session;
use crate::aws::Client;
use crate::cli::{Cli, DeployArgs};
use crate::error::{Error, Exit, Result};
use crate::events::{Command, Event, Outcome};
use crate::ids::Username;
use crate::lab::given::Output;
use crate::report::{View, handout};
use crate::results::StudentResult;
use crate::stack::copies::{self, Copies};
use crate::stack::execute::{StudentRun, execute};
use crate::stack::kinds::Observed;
use crate::stack::kinds::api;
use crate::stack::limits::{Limited, broken};
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
    let session = Class::load(cli)?.connect().await?;
    session.agree_on_place().await?;
    if args.reset {
        // Refuses before it asks.
        session.risks().refuse(&session.desired.lab)?;
        reset::agreed(&session).await?;
    }
    let deployment = deploy(&session, args).await?;
    let view = View {
        stale: &deployment.stale,
        ..session.view()
    };
    deployment.ended.show_with(&session, view).await
}

/// Deploys a session's students, if the account has room for them.
pub(super) async fn deploy(session: &Session, args: &DeployArgs) -> Result<Deployment> {
    let risks = session.risks();
    risks.refuse(&session.desired.lab)?;
    let allowed = risks.allowed(&session.class.settings_file());
    let work = session.run(Command::Deploy, Log::Kept, async |client| {
        // Before anything is made.
        for text in &allowed {
            client.emit(Event::Note { text: text.clone() });
        }
        let (mut plan, observed) = plan(client, session, args.reset).await?;
        session.refuse_over(client, &plan)?;
        let mut limits = plan.limits_of_stacks();
        limits.retain(|l| !(args.ignore_concurrency && l.what == Limited::Concurrency));
        let no_room = broken(&limits);
        if !no_room.is_empty() {
            return Err(Error::of(Exit::Refused, no_room));
        }
        let (folder, desired) = (session.folder(), &session.desired);
        let copies = match args.reset {
            true => copies::keep(client, &folder, desired, &observed, &plan).await?,
            false => Copies::default(),
        };
        copies.spare(&mut plan);
        let unkept = session.keep_place();
        let started = session.run_started(Command::Deploy, &plan);
        let work = carry_out(client, session, &plan, &copies);
        let (runs, students) = announced(client, started, work).await;
        // The time is that of the last change.
        let unkept = unkept.or_else(|| session.keep_place());
        let made = new_apis(&plan, &observed, &runs);
        let new = NewApis::of(made, session.scope(), &observed);
        Ok((plan.gaps, observed, copies, students, new, unkept))
    });
    let (done, run) = work.await;
    let (gaps, observed, copies, students, new, unkept) = done?;
    let mut notes = run.notes();
    let mut touched: Vec<_> = students.iter().collect();
    touched.retain(|s| !matches!(s.outcome, Outcome::Unchanged | Outcome::Conflict));
    let touched = touched.into_iter().map(|s| &s.username);
    notes.extend(session.files().forget_validations(touched));
    notes.extend(copies.note());
    notes.extend(unkept);
    notes.extend(allowed);
    notes.extend(api::earlier(&session.desired, &observed));
    let handouts = handout::dir(&session.class.settings.reports, session.class.name());
    notes.extend(new.note(|student| handouts.join(format!("{student}.html")).is_file()));
    notes.extend(session.stale_access(&observed));
    session.keep_people();
    let exit = run.exit(&students, &[Outcome::Failed, Outcome::Conflict]);
    let mut ended = session.ended(Command::Deploy, students, notes);
    ended.summary.left = session.left(&observed);
    ended.list(copies.files.values().flatten());
    ended.summary.gaps = gaps;
    ended.exit = exit;
    Ok(Deployment {
        ended,
        stale: new.with_user,
    })
}

async fn carry_out(
    client: &Client,
    session: &Session,
    plan: &Plan,
    copies: &Copies,
) -> (Vec<StudentRun>, Vec<StudentResult>) {
    let result =
        |student: &_, run: &_| copies.judge(StackResult::made(student, run, Outcome::Deployed));
    let runs = execute(client, plan, |student, run| result(student, run).event()).await;
    let mut outputs = outputs(client, session).await;
    let pairs = plan.students.iter().zip(&runs);
    let students = pairs.map(|(student, run)| StudentResult {
        outputs: outputs.remove(&student.owner.student).unwrap_or_default(),
        ..result(student, run).into()
    });
    let students = students.collect();
    (runs, students)
}

/// What the students are given after a deployment. This lists the APIs again, five hundred a page, since AWS has just
/// given them their ids. Where that fails, only outputs that need no API are left.
async fn outputs(client: &Client, session: &Session) -> BTreeMap<Username, Vec<Output>> {
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
