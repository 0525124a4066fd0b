//! `access grant`: lets students in.

use std::collections::BTreeMap;

use futures::future::join_all;
use serde_json::Value;

use super::exposed;
use super::issuer::VaultIssuer;
use super::{FEW, look, still_frozen};
use crate::aws::Client;
use crate::cli::GrantArgs;
use crate::error::{Error, Exit, Result};
use crate::events::{Command, Outcome};
use crate::ids::Username;
use crate::results::StudentResult;
use crate::stack::elsewhere::Refuse;
use crate::stack::execute::{Task, execute_all};
use crate::stack::kinds;
use crate::stack::kinds::Observed;
use crate::stack::kinds::managed_policy::{self, Purpose};
use crate::stack::kinds::user;
use crate::stack::kinds::user::access::{self, Grant};
use crate::stack::leavers::Leavers;
use crate::stack::limits::refuse_broken;
use crate::stack::observe::observe_access;
use crate::stack::plan::Plan;
use crate::stack::result::StackResult;
use crate::stack::vault::Vault;
use crate::text::failure::Failure;
use crate::text::words::plural;
use crate::verbs::class::Class;
use crate::verbs::ended::PlaceEnd;
use crate::verbs::homes::Deed;
use crate::verbs::run::{Log, announced, everywhere};
use crate::verbs::session::{At, Session};

const COMMAND: Command = Command::AccessGrant;

pub(super) async fn run(class: Class, args: &GrantArgs) -> Result<Exit> {
    if !class.lab.has_access() {
        let cause = "the lab does not say what students may do, so none can be let in";
        return Err(Error::new(Exit::Invalid, "lab.toml", cause)
            .hint("add a table [access] with policy and boundary: docs/lab-bundle.md"));
    }
    let mut sessions = class.connect(Deed::Makes).await?;
    sessions.refuse_contradictions()?;
    sessions.agree_on_places().await?;
    // Before anything is made for them: only students in the roster are let in.
    if !sessions.class.doubts.is_empty() {
        let observed = look(&sessions, COMMAND).await?;
        sessions.settle_leavers(&observed, Leavers::Refused)?;
    }
    let vault = sessions.vault();
    let work = sessions.run(COMMAND, Log::Kept, async |places| {
        let looked = everywhere(places, look_at).await;
        let observed = sessions.all(looked)?;
        let all = sessions.places.iter().zip(&observed);
        let all = all.map(|(at, seen)| (&at.desired, seen));
        let elsewhere = sessions.check_stands(all, Refuse::Any)?;
        let all = places.iter().zip(&observed);
        let planned = join_all(all.map(|(at, observed)| plan_at(at, args, observed))).await;
        let plans: Vec<Plan> = sessions.all(planned)?;
        let limits = plans
            .iter()
            .map(|plan| plan.among(plans.iter(), plan.limits_of_access()));
        sessions.all(limits.map(|limits| refuse_broken(&limits)))?;
        let started = sessions.run_started(COMMAND, &plans);
        let work = carry_out(places, &plans, &vault);
        let students = announced(places, started, work).await;
        let exposed = everywhere(places, async |at| {
            exposed::note(&at.client, at.session).await
        });
        Ok::<_, Error>((plans, observed, students, exposed.await, elsewhere))
    });
    let (done, run) = work.await;
    let (plans, observed, students, exposed, mut notes) = done?;
    notes.extend(run.notes());
    let mut files = Vec::new();
    match vault.renew_everybody() {
        Ok(0) => {}
        Ok(_) => files.push(vault.everybody()),
        Err(error) => notes.push(format!(
            "the file with everybody's credentials could not be written: {error}"
        )),
    }
    let mut ends = Vec::new();
    let places = sessions.places.iter().zip(observed).zip(exposed);
    for (((session, observed), exposed), (plan, students)) in
        places.zip(plans.into_iter().zip(students))
    {
        notes.at(session, still_frozen(session, &observed));
        notes.at(session, exposed);
        ends.push(PlaceEnd {
            students,
            left: session.left_in_iam(&observed),
            gaps: plan.gaps,
        });
    }
    let all: Vec<StudentResult> = ends.iter().flat_map(|end| end.students.clone()).collect();
    notes.extend(where_credentials_are(&vault, &all));
    let mut ended = sessions.ended(COMMAND, ends, notes);
    ended.list(files);
    ended.exit = ended
        .exit
        .or(run.exit(&all, &[Outcome::Failed, Outcome::Conflict]));
    sessions.keep_people();
    ended.show(&sessions).await
}

async fn look_at(at: &At<'_>) -> Result<Observed> {
    let seen = observe_access(&at.client, &at.session.desired, true).await?;
    Ok(seen)
}

async fn plan_at(at: &At<'_>, args: &GrantArgs, observed: &Observed) -> Result<Plan> {
    let At { session, client } = at;
    let mut plan = plan(session, args, observed)?;
    session.refuse_over(client, &plan)?;
    look_for_room(client, &mut plan).await;
    Ok(plan)
}

fn plan(session: &Session, args: &GrantArgs, observed: &Observed) -> Result<Plan> {
    let wanted = wanted(session, observed);
    let wanted = wanted.map_err(|failures| Error::of(Exit::Refused, failures))?;
    let how = Grant {
        access_keys: args.access_keys,
        rotate: args.rotate,
    };
    Ok(access::grant(&session.desired, &wanted, observed, how))
}

/// What each student should have. The policies name the stack's APIs, so a student whose APIs are not all there gets
/// nothing.
fn wanted(
    session: &Session,
    observed: &Observed,
) -> std::result::Result<BTreeMap<Username, user::Spec>, Vec<Failure>> {
    let scope = session.scope();
    let (lab, class) = (&session.class.lab, session.class.name());
    let mut wanted = BTreeMap::new();
    for (stack, student) in session.stacks() {
        let endpoints = session.endpoints(stack, observed);
        if endpoints.len() < stack.apis.len() {
            continue;
        }
        let Some(policies) = lab.access(scope, class, student, &endpoints)? else {
            continue;
        };
        let policy = |purpose: Purpose, document: Value| managed_policy::Spec {
            name: purpose.name(scope, &stack.owner),
            document: document.into(),
        };
        let user = user::Spec {
            name: student.username.to_string(),
            policy: policy(Purpose::Access, policies.policy),
            boundary: policy(Purpose::Boundary, policies.boundary),
            until: session.class.settings.ends,
        };
        wanted.insert(student.username.clone(), user);
    }
    Ok(wanted)
}

/// Asks how full the account is, if something is to be made.
async fn look_for_room(client: &Client, plan: &mut Plan) {
    if plan.creates(kinds::Kind::User) + plan.creates(kinds::Kind::ManagedPolicy) == 0 {
        return;
    }
    // Without the right to read it, the limits stay unknown here, and AWS refuses what is too much.
    let summary = client.account_summary().await.unwrap_or_default();
    plan.account.users = summary.users;
    plan.account.users_quota = summary.users_quota;
    plan.account.policies = summary.policies;
    plan.account.policies_quota = summary.policies_quota;
}

async fn carry_out(places: &[At<'_>], plans: &[Plan], vault: &Vault) -> Vec<Vec<StudentResult>> {
    let issuers = places
        .iter()
        .zip(plans)
        .map(async |(at, plan)| match plan.steps() {
            0 => VaultIssuer::idle(vault.clone()),
            _ => VaultIssuer::new(&at.client, at.session, vault.clone()).await,
        });
    let issuers = join_all(issuers).await;
    let mut tasks = Task::all(places, plans);
    for (task, issuer) in tasks.iter_mut().zip(&issuers) {
        task.issuer = Some(issuer);
    }
    let result = |student: &_, run: &_| StackResult::made(student, run, Outcome::Granted);
    let runs = execute_all(&tasks, |student, run| result(student, run).event()).await;
    let places = plans.iter().zip(&runs).map(|(plan, runs)| {
        let pairs = plan.students.iter().zip(runs);
        pairs.map(|(s, run)| result(s, run).into()).collect()
    });
    places.collect()
}

/// Notes on where the students' credentials are, and on students whose credentials are not on this machine.
fn where_credentials_are(vault: &Vault, students: &[StudentResult]) -> Vec<String> {
    let is_granted =
        |s: &&StudentResult| matches!(s.outcome, Outcome::Granted | Outcome::Unchanged);
    let granted = students.iter().filter(is_granted);
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        granted.partition(|student| vault.file(&student.username).is_file());
    let here = (!here.is_empty()).then(|| {
        format!(
            "credentials of {} are in {} (a file each, and one with everybody): only you can read them; \
             hand each to its student alone",
            plural(here.len(), "student"),
            vault.dir().display()
        )
    });
    let names: Vec<&str> = elsewhere.iter().map(|s| s.username.as_str()).collect();
    let elsewhere = match names.len() {
        0 => None,
        1..=FEW => Some(format!(
            "not on this machine: the credentials of {}; `homeroom access grant --rotate --students {}` makes new ones",
            names.join(", "),
            names.join(",")
        )),
        many => Some(format!(
            "not on this machine: the credentials of {many} students; --rotate --students … makes new ones"
        )),
    };
    here.into_iter().chain(elsewhere).collect()
}
