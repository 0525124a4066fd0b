//! `access grant | revoke | freeze | thaw`: students' way in.

mod exposed;
mod issuer;

use std::collections::BTreeMap;
use std::time::Instant;

use crate::aws::Client;
use crate::aws::stop::Cancelled;
use crate::cli::{AccessVerb, Cli, GrantArgs, RevokeArgs};
use crate::error::{Error, Kind, Result};
use crate::events::{
    Command, Event, Failure, Left, Outcome, ResourceState, RunSummary, StudentResult,
};
use crate::ids::Username;
use crate::report::{Limit, View};
use crate::stack::execute::{StudentRun, execute, execute_issuing};
use crate::stack::kinds::managed_policy::{self, Purpose};
use crate::stack::kinds::user;
use crate::stack::kinds::user::access::{self, Grant};
use crate::stack::kinds::{AccountUse, Gap, Observed};
use crate::stack::kinds::{Kind as ResourceKind, ResourceId};
use crate::stack::observe::observe_access;
use crate::stack::plan::{Plan, StudentPlan, Verdict};
use crate::stack::prove_gone::prove_access_gone;
use crate::stack::vault::Vault;
use crate::text::words::{plural, some_of};

use self::issuer::VaultIssuer;
use super::deploy::{result, run_started};
use super::elsewhere;
use super::leavers::Leavers;
use super::plan::{POLICIES, broken, interrupted, view};
use super::run::{Ran, count, notes_of_given_up, run as run_work, summarise};
use super::session::{Class, Session};
use super::teardown::{self, Fresh};
use super::{Exit, forget, leavers, people, show};

/// Students who are named one by one in a note.
const FEW: usize = 12;

pub(super) async fn run(cli: &Cli, verb: &AccessVerb) -> Result<Exit> {
    let class = Class::load(cli)?;
    match verb {
        AccessVerb::Grant(args) => grant(class, args).await,
        AccessVerb::Revoke(args) => revoke(class, args).await,
        AccessVerb::Freeze(_) | AccessVerb::Thaw => freeze(class, verb.command()).await,
    }
}

/// Where a class's credentials are.
pub(super) fn vault(session: &Session) -> Vault {
    let settings = &session.class.settings;
    Vault::of(&settings.reports, session.class.name())
}

async fn grant(class: Class, args: &GrantArgs) -> Result<Exit> {
    if !class.lab.has_access() {
        return Err(Error::new(
            Kind::Invalid,
            "lab.toml",
            "the lab does not say what students may do, so none can be let in",
        )
        .hint("add a table [access] with policy and boundary: docs/lab-bundle.md"));
    }
    let mut session = class.connect().await?;
    // Before anything is made for them: what a student may do is written for whoever is in the roster.
    if !session.class.doubts.is_empty() {
        let observed = look(&session, Command::AccessGrant).await?;
        leavers::settle(&mut session, &observed, Leavers::Refused)?;
    }
    let session = session;
    let vault = vault(&session);
    let ran = run_work(&session, Command::AccessGrant, true, async |client| {
        let (mut plan, observed) = match plan_grant(client, &session, args).await? {
            Ok(planned) => planned,
            Err(failures) => return Ok(Err(failures)),
        };
        let no_room = no_room(client, &mut plan).await;
        if !no_room.is_empty() {
            return Ok(Err(no_room));
        }
        let students = carry_out_grant(client, &session, &plan, &vault).await;
        let exposed = exposed::note(client, &session).await;
        Ok::<_, Error>(Ok((plan, observed, students, exposed)))
    })
    .await;
    let (plan, observed, students, exposed) = match ran.output? {
        Err(failures) => {
            return Err(Error {
                kind: Kind::Refused,
                failures,
            });
        }
        Ok(done) => done,
    };
    let mut notes = notes_of_given_up(&ran.given_up);
    let mut files = Vec::new();
    match vault.renew_everybody() {
        Ok(0) => {}
        Ok(_) => files = vec![vault.everybody().display().to_string()],
        Err(error) => notes.push(format!(
            "the file with everybody's credentials could not be written: {error}"
        )),
    }
    let desired = &session.desired;
    notes.extend(still_frozen(
        &observed.frozen(&desired.scope, &desired.stacks),
    ));
    notes.extend(exposed);
    notes.extend(where_credentials_are(&vault, &students));
    let failed = count(&students, Outcome::Failed) + count(&students, Outcome::Conflict);
    let exit = match (ran.interrupted, failed) {
        (true, _) => Exit::Interrupted,
        (false, 0) => Exit::Done,
        _ => Exit::SomeFailed,
    };
    let mut summary = summarise(&session, Command::AccessGrant, students, notes);
    summary.files = files;
    summary.left = left(&session, &observed);
    people::keep(&session);
    finish(&session, &summary, &plan.gaps, exit)
}

/// Looks, and plans. What a policy names must be there, so students without a stack are not planned for.
async fn plan_grant(
    client: &Client,
    session: &Session,
    args: &GrantArgs,
) -> Result<std::result::Result<(Plan, Observed), Vec<Failure>>> {
    let observed = observe_access(client, &session.desired, true).await?;
    elsewhere::check(&session.desired, &observed)?;
    let wanted = match wanted(session, &observed) {
        Ok(wanted) => wanted,
        Err(failures) => return Ok(Err(failures)),
    };
    let how = Grant {
        access_keys: args.access_keys,
        rotate: args.rotate,
    };
    let plan = access::grant(&session.desired, &wanted, &observed, how);
    Ok(Ok((plan, observed)))
}

/// What each student whose APIs are there should have.
pub(super) fn wanted(
    session: &Session,
    observed: &Observed,
) -> std::result::Result<BTreeMap<Username, user::Spec>, Vec<Failure>> {
    let scope = session.scope();
    let (lab, class) = (&session.class.lab, session.class.name());
    let mut wanted = BTreeMap::new();
    let pairs = session.desired.stacks.iter().zip(&session.class.students);
    for (stack, student) in pairs {
        let invoke_url = |id: &str, stage: &str| session.client.invoke_url(id, stage);
        let endpoints = observed.endpoints(scope, stack, invoke_url);
        if endpoints.len() < stack.rest_apis.len() {
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
        };
        wanted.insert(student.username.clone(), user);
    }
    Ok(wanted)
}

/// What the account has no room for; it is asked only when something is to be made.
async fn no_room(client: &Client, plan: &mut Plan) -> Vec<Failure> {
    let adds = |kind: ResourceKind| u32::try_from(plan.creates(kind)).unwrap_or(u32::MAX);
    let (users, policies) = (adds(ResourceKind::User), adds(ResourceKind::ManagedPolicy));
    if users + policies == 0 {
        return Vec::new();
    }
    let summary = client
        .account_summary()
        .await
        // Without the right to read it, AWS itself says where the limit is.
        .unwrap_or_default();
    plan.account = AccountUse {
        users: summary.users,
        users_quota: summary.users_quota,
        policies: summary.policies,
        policies_quota: summary.policies_quota,
        ..plan.account
    };
    let limits = [
        Limit {
            what: "IAM users in the account".to_owned(),
            used: summary.users,
            adds: users,
            quota: summary.users_quota,
        },
        Limit {
            what: POLICIES.to_owned(),
            used: summary.policies,
            adds: policies,
            quota: summary.policies_quota,
        },
    ];
    broken(limits.into_iter())
}

async fn carry_out_grant(
    client: &Client,
    session: &Session,
    plan: &Plan,
    vault: &Vault,
) -> Vec<StudentResult> {
    let issuer = if plan.steps() > 0 {
        VaultIssuer::new(client, session, vault.clone()).await
    } else {
        VaultIssuer::idle(vault.clone())
    };
    let outcome = |student: &StudentPlan, run: &StudentRun| result(student, run, Outcome::Granted);
    let began = Instant::now();
    client.emit(run_started(session, Command::AccessGrant, plan));
    let runs = execute_issuing(client, plan, Some(&issuer), |student, run| {
        ended(outcome(student, run))
    })
    .await;
    emit_finished(client, began);
    let pairs = plan.students.iter().zip(&runs);
    pairs.map(|(student, run)| outcome(student, run)).collect()
}

/// Where to find what students sign in with; who has credentials that are not here.
fn where_credentials_are(vault: &Vault, students: &[StudentResult]) -> Vec<String> {
    let mut notes = Vec::new();
    let granted = students
        .iter()
        .filter(|s| matches!(s.outcome, Outcome::Granted | Outcome::Unchanged));
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        granted.partition(|student| vault.file(&student.username).is_file());
    if !here.is_empty() {
        notes.push(format!(
            "credentials of {} are in {} (a file each, and one with everybody): only you can read them; \
             hand each to its student alone",
            plural(here.len(), "student"),
            vault.dir().display()
        ));
    }
    let names: Vec<&str> = elsewhere.iter().map(|s| s.username.as_str()).collect();
    notes.extend(match names.len() {
        0 => None,
        1..=FEW => Some(format!(
            "not on this machine: the credentials of {}; `homeroom access grant --rotate --students {}` makes new ones",
            names.join(", "),
            names.join(",")
        )),
        many => Some(format!(
            "not on this machine: the credentials of {many} students; --rotate --students … makes new ones"
        )),
    });
    notes
}

async fn revoke(class: Class, args: &RevokeArgs) -> Result<Exit> {
    if let Some(confirmed) = &args.confirm {
        teardown::check_confirmation(confirmed, &class)?;
    }
    let mut session = class.connect().await?;
    let command = Command::AccessRevoke;
    let mut observed = look(&session, command).await?;
    if leavers::settle(&mut session, &observed, Leavers::Reached)? {
        observed = look(&session, command).await?;
    }
    let who_left = left(&session, &observed);
    let mut plan = plan_of(&session, command, &observed);
    leavers::check(&session, &observed, &plan)?;
    if session.class.settings.left && leavers::is_nobody(&plan) {
        // Nobody's files stay for want of anybody's user.
        forget::files(&session, command, &[], &observed).await;
        return Err(leavers::nobody_left(&session, "access"));
    }
    if plan.steps() > 0 && args.confirm.is_none() {
        let left = crate::report::left::lines(&leavers::in_plan(&session, &plan, &observed));
        teardown::list(&session, &plan, &left)?;
        if !teardown::ask(&session).await? {
            return teardown::not_confirmed(&session, command, &plan);
        }
        observed = look(&session, command).await?;
        let fresh = plan_of(&session, command, &observed);
        teardown::refuse_growth(&plan, &fresh)?;
        plan = fresh;
    }
    let reach = session.class.reach();
    let ran = run_work(&session, Command::AccessRevoke, true, async |client| {
        let began = Instant::now();
        client.emit(run_started(&session, Command::AccessRevoke, &plan));
        let runs = execute(client, &plan, teardown::finished).await;
        let left = prove_access_gone(client, &session.desired, reach, &plan, &runs).await;
        emit_finished(client, began);
        (runs, left)
    })
    .await;
    let (runs, left) = ran.output;
    let mut notes = notes_of_given_up(&ran.given_up);
    if left.is_err() {
        notes.push("stopped before a fresh listing could prove what is gone".to_owned());
    }
    let pairs = plan.students.iter().zip(&runs);
    let students: Vec<StudentResult> = pairs
        .map(|(student, run)| {
            let fresh = match &left {
                Ok(left) => {
                    let mut seen = left.students.iter();
                    Fresh::Seen(seen.find(|s| s.owner == student.owner))
                }
                Err(Cancelled) => Fresh::NotLooked,
            };
            teardown::result(student, Some(run), fresh)
        })
        .collect();
    notes.extend(forget::files(&session, command, &students, &observed).await);
    let gaps = left.map_or_else(|_| plan.gaps.clone(), |left| left.gaps);
    let exit = if ran.interrupted {
        Exit::Interrupted
    } else if count(&students, Outcome::Remains) > 0 || !gaps.is_empty() {
        Exit::Remains
    } else {
        Exit::Done
    };
    let mut summary = summarise(&session, Command::AccessRevoke, students, notes);
    summary.left = who_left;
    finish(&session, &summary, &gaps, exit)
}

async fn freeze(class: Class, command: Command) -> Result<Exit> {
    let mut session = class.connect().await?;
    let mut observed = look(&session, command).await?;
    let reached = match command {
        Command::AccessThaw => Leavers::Refused,
        _ => Leavers::Reached,
    };
    if leavers::settle(&mut session, &observed, reached)? {
        observed = look(&session, command).await?;
    }
    let plan = plan_of(&session, command, &observed);
    leavers::check(&session, &observed, &plan)?;
    if session.class.settings.left && leavers::is_nobody(&plan) {
        return Err(leavers::nobody_left(&session, "access"));
    }
    let done = match command {
        Command::AccessThaw => Outcome::Thawed,
        _ => Outcome::Frozen,
    };
    let names = session.class.lab.name_patterns();
    let outcome = |student: &StudentPlan, run: &StudentRun| {
        let mut result = result(student, run, done);
        let is_there = |id: &ResourceId| id.kind == ResourceKind::User;
        let mut users = result.resources.iter().filter(|r| is_there(&r.resource));
        let absent = ResourceState::Planned(Verdict::Absent);
        if result.outcome == Outcome::Unchanged && users.all(|r| r.state == absent) {
            result.outcome = Outcome::NoAccess;
        }
        result
    };
    let ran = run_work(&session, command, true, async |client| {
        let began = Instant::now();
        client.emit(run_started(&session, command, &plan));
        // Everybody is shut out before anything else is done: that is one call each, and the rest takes longer.
        let runs = execute(client, &plan, |student, run| ended(outcome(student, run))).await;
        let halt = access::halt(&plan, &names, command == Command::AccessFreeze);
        let halted = execute(client, &halt, |_, _| None).await;
        emit_finished(client, began);
        let users = plan.students.iter().zip(&runs);
        let stacks = halt.students.iter().zip(&halted);
        let results = users
            .zip(stacks)
            .map(|((user, user_run), (stack, stack_run))| {
                let mut result = outcome(user, user_run);
                let more = self::result(stack, stack_run, done);
                if matches!(
                    more.outcome,
                    Outcome::Failed | Outcome::Conflict | Outcome::Cancelled
                ) {
                    result.outcome = more.outcome;
                }
                result.resources.extend(more.resources);
                result.errors.extend(more.errors);
                result
            });
        results.collect::<Vec<_>>()
    })
    .await;
    let Ran {
        output: students,
        interrupted,
        given_up,
    } = ran;
    let mut notes = notes_of_given_up(&given_up);
    let stands = |s: &StudentResult| s.outcome == Outcome::Frozen && !has_no_stack(s);
    if command == Command::AccessFreeze && students.iter().any(stands) {
        notes.push(
            "what ran of their workflows is stopped, and their functions run no more until `homeroom access thaw`; an API \
             that asks for no authorization answers whoever calls it with an error"
                .to_owned(),
        );
    }
    notes.extend(half_reached(&students));
    let failed = count(&students, Outcome::Failed) + count(&students, Outcome::Conflict);
    let exit = match (interrupted, failed) {
        (true, _) => Exit::Interrupted,
        (false, 0) if plan.gaps.is_empty() => Exit::Done,
        _ => Exit::SomeFailed,
    };
    let mut summary = summarise(&session, command, students, notes);
    summary.left = left(&session, &observed);
    finish(&session, &summary, &plan.gaps, exit)
}

/// Who is shut out.
pub(super) fn still_frozen(frozen: &[Username]) -> Option<String> {
    let names: Vec<&str> = frozen.iter().map(Username::as_str).collect();
    (!names.is_empty()).then(|| {
        format!(
            "still shut out until `homeroom access thaw`: {}",
            some_of(&names, FEW)
        )
    })
}

/// Whom a freeze or a thaw reaches in part, or not at all.
fn half_reached(students: &[StudentResult]) -> Vec<String> {
    let parts = [
        (
            true,
            false,
            "no IAM user of this class, lab and region; only functions and workflows, where there are any",
        ),
        (
            false,
            true,
            "no stack of this class, lab and region; only the IAM user",
        ),
        (
            true,
            true,
            "neither an IAM user nor a stack of this class, lab and region, so nothing was done",
        ),
    ];
    let said = parts.into_iter().filter_map(|(no_user, no_stack, what)| {
        let has = |s: &&StudentResult| {
            (s.outcome == Outcome::NoAccess, has_no_stack(s)) == (no_user, no_stack)
        };
        let names = students.iter().filter(has).map(|s| s.username.as_str());
        let names: Vec<&str> = names.collect();
        (!names.is_empty()).then(|| format!("{what}: {}", some_of(&names, FEW)))
    });
    said.collect()
}

/// Whether no function and no workflow was found of a student, where some were looked for.
fn has_no_stack(student: &StudentResult) -> bool {
    let absent = ResourceState::Planned(Verdict::Absent);
    let stack = student.resources.iter().filter(|result| {
        matches!(
            result.resource.kind,
            ResourceKind::Function | ResourceKind::StateMachine
        )
    });
    let mut stack = stack.peekable();
    stack.peek().is_some() && stack.all(|result| result.state == absent)
}

/// Looks at who has access.
async fn look(session: &Session, command: Command) -> Result<Observed> {
    let desired = &session.desired;
    let ran = run_work(session, command, false, async |client| {
        observe_access(client, desired, false).await
    })
    .await;
    ran.output.map_err(|_| interrupted())
}

/// Plans what a verb does about those who have access.
fn plan_of(session: &Session, command: Command, observed: &Observed) -> Plan {
    let (desired, reach) = (&session.desired, session.class.reach());
    let mut plan = match command {
        Command::AccessRevoke => access::revoke(desired, observed, reach),
        Command::AccessThaw => access::freeze(desired, observed, reach, false),
        _ => access::freeze(desired, observed, reach, true),
    };
    leavers::mark(session, &mut plan);
    plan
}

/// Who left the class: everybody, or those of them who were chosen by name.
fn left(session: &Session, observed: &Observed) -> Vec<Left> {
    leavers::named_in_iam(session, observed)
}

fn ended(result: StudentResult) -> Option<Event> {
    (!matches!(result.outcome, Outcome::Unchanged | Outcome::NoAccess)).then(|| {
        Event::StudentFinished {
            student: result.username,
            outcome: result.outcome,
            failure: result.errors.into_iter().next(),
        }
    })
}

fn emit_finished(client: &Client, began: Instant) {
    client.emit(Event::RunFinished {
        elapsed_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
}

fn finish(session: &Session, summary: &RunSummary, gaps: &[Gap], exit: Exit) -> Result<Exit> {
    let view = View {
        gaps,
        ..view(session)
    };
    show(summary, &view, session.class.settings.ui)?;
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::ResourceResult;

    fn student(name: &str, outcome: Outcome, function: ResourceState) -> StudentResult {
        StudentResult {
            username: name.parse().unwrap(),
            outcome,
            resources: vec![
                ResourceResult {
                    resource: ResourceId::new(ResourceKind::User, name),
                    state: ResourceState::Done,
                    detail: None,
                },
                ResourceResult {
                    resource: ResourceId::new(ResourceKind::Function, format!("{name}-work")),
                    state: function,
                    detail: None,
                },
            ],
            checks: Vec::new(),
            outputs: Vec::new(),
            errors: Vec::new(),
        }
    }

    #[test]
    fn whom_a_freeze_reaches_in_part_is_said_with_what_is_missing() {
        let absent = ResourceState::Planned(Verdict::Absent);
        let said = half_reached(&[
            student("whole", Outcome::Frozen, ResourceState::Done),
            student("no-user", Outcome::NoAccess, ResourceState::Done),
            student("no-stack", Outcome::Frozen, absent),
            student("nothing", Outcome::NoAccess, absent),
            // Nobody knows.
            student("stopped", Outcome::Cancelled, ResourceState::Cancelled),
        ]);
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(
            said[0].ends_with("where there are any: no-user"),
            "{said:?}"
        );
        assert!(said[1].contains("no stack") && said[1].ends_with("only the IAM user: no-stack"));
        assert!(
            said[2].starts_with("neither") && said[2].ends_with(": nothing"),
            "{said:?}"
        );
    }
}
