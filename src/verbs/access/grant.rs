//! `access grant`: lets students in.

use std::collections::BTreeMap;

use super::exposed;
use super::issuer::VaultIssuer;
use super::{FEW, look, still_frozen};
use crate::aws::Client;
use crate::cli::GrantArgs;
use crate::error::{Error, Exit, Result};
use crate::events::{Command, Outcome};
use crate::ids::Username;
use crate::results::StudentResult;
use crate::stack::elsewhere::Elsewhere;
use crate::stack::execute::execute_issuing;
use crate::stack::kinds;
use crate::stack::kinds::Observed;
use crate::stack::kinds::managed_policy::{self, Purpose};
use crate::stack::kinds::user;
use crate::stack::kinds::user::access::{self, Grant};
use crate::stack::leavers::Leavers;
use crate::stack::limits::broken;
use crate::stack::observe::observe_access;
use crate::stack::plan::Plan;
use crate::stack::result::StackResult;
use crate::stack::vault::Vault;
use crate::text::failure::Failure;
use crate::text::words::plural;
use crate::verbs::class::Class;
use crate::verbs::run::{Log, announced};
use crate::verbs::session::Session;

const COMMAND: Command = Command::AccessGrant;

pub(super) async fn run(class: Class, args: &GrantArgs) -> Result<Exit> {
    if !class.lab.has_access() {
        let cause = "the lab does not say what students may do, so none can be let in";
        return Err(Error::new(Exit::Invalid, "lab.toml", cause)
            .hint("add a table [access] with policy and boundary: docs/lab-bundle.md"));
    }
    let mut session = class.connect().await?;
    session.agree_on_place().await?;
    // Before anything is made for them: only students in the roster are let in.
    if !session.class.doubts.is_empty() {
        let observed = look(&session, COMMAND).await?;
        session.settle_leavers(&observed, Leavers::Refused)?;
    }
    let vault = session.vault();
    let work = session.run(COMMAND, Log::Kept, async |client| {
        let observed = observe_access(client, &session.desired, true).await?;
        Elsewhere::check(&session.desired, &observed)?;
        let mut plan = plan(&session, args, &observed)?;
        session.refuse_over(client, &plan)?;
        look_for_room(client, &mut plan).await;
        let no_room = broken(&plan.limits_of_access());
        if !no_room.is_empty() {
            return Err(Error::of(Exit::Refused, no_room));
        }
        let started = session.run_started(COMMAND, &plan);
        let work = carry_out(client, &session, &plan, &vault);
        let students = announced(client, started, work).await;
        let exposed = exposed::note(client, &session).await;
        Ok((plan, observed, students, exposed))
    });
    let (done, run) = work.await;
    let (plan, observed, students, exposed) = done?;
    let mut notes = run.notes();
    let mut files = Vec::new();
    match vault.renew_everybody() {
        Ok(0) => {}
        Ok(_) => files.push(vault.everybody()),
        Err(error) => notes.push(format!(
            "the file with everybody's credentials could not be written: {error}"
        )),
    }
    notes.extend(still_frozen(&session, &observed));
    notes.extend(exposed);
    notes.extend(where_credentials_are(&vault, &students));
    let exit = run.exit(&students, &[Outcome::Failed, Outcome::Conflict]);
    let mut ended = session.ended(COMMAND, students, notes);
    ended.list(files);
    ended.summary.left = session.left_in_iam(&observed);
    ended.summary.gaps = plan.gaps;
    ended.exit = exit;
    session.keep_people();
    ended.show(&session).await
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
        let policy = |purpose: Purpose, document| managed_policy::Spec {
            name: purpose.name(scope, &stack.owner),
            document,
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

async fn carry_out(
    client: &Client,
    session: &Session,
    plan: &Plan,
    vault: &Vault,
) -> Vec<StudentResult> {
    let issuer = match plan.steps() {
        0 => VaultIssuer::idle(vault.clone()),
        _ => VaultIssuer::new(client, session, vault.clone()).await,
    };
    let result = |student: &_, run: &_| StackResult::made(student, run, Outcome::Granted);
    let runs = execute_issuing(client, plan, Some(&issuer), |student, run| {
        result(student, run).event()
    })
    .await;
    let pairs = plan.students.iter().zip(&runs);
    pairs.map(|(s, run)| result(s, run).into()).collect()
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
