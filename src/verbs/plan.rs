//! `plan`: what deploy would do, and whether the account has room for it. Changes nothing.

use crate::aws::Client;
use crate::aws::pacing::Pacer;
use crate::cli::{Cli, PlanArgs};
use crate::error::{Error, Kind, Result};
use crate::events::{
    Command, Failure, Forecast, Left, Outcome, ResourceResult, ResourceState, StudentResult,
};
use crate::report::{Limit, View};
use crate::stack::forecast::Workload;
use crate::stack::hints;
use crate::stack::kinds::Kind as ResourceKind;
use crate::stack::kinds::Observed;
use crate::stack::kinds::rest_api::cost;
use crate::stack::left::Attendance;
use crate::stack::observe::observe;
use crate::stack::plan::{Plan, StudentPlan, Verdict, deploy};

use super::access::still_frozen;
use super::elsewhere;
use super::run::{run as run_work, summarise};
use super::session::{Class, Session};
use super::{Exit, leavers, show};

/// REST APIs per region. Source: apigateway/latest/developerguide/limits.html (600, fixed).
const REST_APIS_MAX: u32 = 600;

/// The limit on functions that run at once.
const CONCURRENCY: &str = "Lambda functions running at once in the region";

/// The limit on managed policies: one a stack, which bounds its roles, and two a student who is let in.
pub(super) const POLICIES: &str = "customer managed policies in the account";

/// The limit on what may be reserved for single functions.
const RESERVED: &str = "Lambda concurrency reserved in the region (100 stay free)";

pub(super) async fn run(cli: &Cli, args: &PlanArgs) -> Result<Exit> {
    let session = Class::load(cli)?.connect().await?;
    let ran = run_work(&session, Command::Plan, false, async |client| {
        plan(client, &session, false).await
    })
    .await;
    let Planned { plan, observed } = ran.output?;
    let changes = plan.steps() > 0;
    let students = plan.students.iter().map(result).collect();
    let mut notes = notes(&session);
    let desired = &session.desired;
    notes.extend(still_frozen(
        &observed.frozen(&desired.scope, &desired.stacks),
    ));
    let mut summary = summarise(&session, Command::Plan, students, notes);
    summary.forecast = Some(forecast(&session, &plan));
    summary.left = left(&session, &observed);
    let ui = session.class.settings.ui;
    let limits = shown(limits(&plan));
    show(
        &summary,
        &View {
            limits: &limits,
            gaps: &plan.gaps,
            ..view(&session)
        },
        ui,
    )?;
    let conflicts = plan.count(Verdict::Conflict) > 0;
    Ok(match args.exit_code {
        _ if !plan.gaps.is_empty() => Exit::Error,
        true if changes => Exit::Changes,
        // A deployment would do nothing, and yet not everybody has what they should.
        true if conflicts => Exit::SomeFailed,
        _ => Exit::Done,
    })
}

/// A deployment, and what it was planned over.
pub(super) struct Planned {
    pub plan: Plan,
    pub observed: Observed,
}

/// Who left the class, where the command is about all of it.
pub(super) fn left(session: &Session, observed: &Observed) -> Vec<Left> {
    match session.class.is_whole() {
        true => leavers::named(session, &Attendance::of(&session.desired, observed)),
        false => Vec::new(),
    }
}

/// What to know of the class before it is deployed.
fn notes(session: &Session) -> Vec<String> {
    // Whoever plans looks before anything is done: the place to see how the roster was read.
    let mut notes = session.class.roster.details.clone();
    notes.extend(super::risks::notes(session));
    notes.extend(cost::open_apis(&session.desired));
    notes.extend(roles_bounded_by(session));
    notes
}

/// Looks at the cloud and plans a deployment.
///
/// # Errors
/// When the person stopped it, or the students' stacks stand elsewhere.
pub(super) async fn plan(client: &Client, session: &Session, reset: bool) -> Result<Planned> {
    let observed = observe(client, &session.desired, &session.class.depth()).await?;
    elsewhere::check_most(&session.desired, &observed)?;
    let mut plan = deploy::plan(&session.desired, &observed, reset);
    if plan.creates(ResourceKind::Role) + plan.creates(ResourceKind::ManagedPolicy) > 0 {
        let summary = client.account_summary().await;
        // Without the right to read it, the limit is shown as unknown.
        let summary = summary.unwrap_or_default();
        plan.account.roles = summary.roles;
        plan.account.roles_quota = summary.roles_quota;
        plan.account.policies = summary.policies;
        plan.account.policies_quota = summary.policies_quota;
    }
    if plan.creates(ResourceKind::Function) > 0 {
        let concurrency = client.concurrency().await.unwrap_or_default();
        plan.account.concurrency_quota = concurrency.quota;
        plan.account.concurrency_reserved = concurrency.reserved;
    }
    Ok(Planned { plan, observed })
}

/// That the roles are not bounded by the lab: a role has only one boundary.
fn roles_bounded_by(session: &Session) -> Option<String> {
    let boundary = session.class.settings.role_boundary.as_ref()?;
    let of_lab = match session.class.lab.has_access() {
        true => "; the lab's own boundary holds for the students' users alone",
        false => "",
    };
    Some(format!(
        "every role gets the permissions boundary {boundary} (role_boundary in homeroom.toml){of_lab}"
    ))
}

/// What the plan would take, and what it would take to tear down whoever it is about, each from a rested account.
fn forecast(session: &Session, plan: &Plan) -> Forecast {
    let pacer = || Pacer::new(session.pace(), &session.quotas());
    Forecast {
        deploy: Workload::of(plan).estimate(&pacer()),
        teardown: Workload::of_teardown(&session.desired).estimate(&pacer()),
    }
}

/// The error of a command that was stopped before it had anything to say.
pub(super) fn interrupted() -> Error {
    Error::new(Kind::Interrupted, "interrupted", "nothing was changed")
}

/// How summaries of this session are shown.
pub(super) fn view(session: &Session) -> View<'_> {
    View {
        columns: crate::report::terminal::columns_of_stdout(),
        color: session.class.settings.ui.color_stdout,
        invocation: &session.class.invocation,
        selection: &session.class.selection,
        repeat: &session.class.repeat,
        has_access: session.class.lab.has_access(),
        ..View::default()
    }
}

fn result(student: &StudentPlan) -> StudentResult {
    let has = |verdict| student.first(verdict).is_some();
    let outcome = if has(Verdict::Conflict) {
        Outcome::Conflict
    } else if has(Verdict::Unknown) {
        Outcome::Unknown
    } else if student.steps() > 0 {
        Outcome::Changes
    } else {
        Outcome::NoChange
    };
    StudentResult {
        username: student.owner.student.clone(),
        outcome,
        resources: resources(student),
        checks: Vec::new(),
        outputs: Vec::new(),
        errors: blocked(student),
    }
}

/// The resources of a plan, as results.
pub(super) fn resources(student: &StudentPlan) -> Vec<ResourceResult> {
    student
        .items
        .iter()
        .map(|item| ResourceResult {
            resource: item.resource.clone(),
            state: match (item.verdict, &item.action) {
                // Would be, were it not for something else of the student's.
                (Verdict::Create | Verdict::Update, None) => ResourceState::Blocked,
                (verdict, _) => ResourceState::Planned(verdict),
            },
            detail: (!item.why.is_empty()).then(|| item.why.clone()),
        })
        .collect()
}

/// What stands in a student's way, with the next step.
pub(super) fn blocked(student: &StudentPlan) -> Vec<Failure> {
    // Whatever is in the way then is the student's own: one thing to say, not one a resource.
    if let Some(known) = student.spelled.as_ref().filter(|_| student.is_blocked()) {
        return vec![Failure {
            request_id: None,
            subject: student.owner.student.to_string(),
            cause: format!("the class has this student as '{known}'"),
            hint: Some(student.conflict_hint(None)),
        }];
    }
    student
        .items
        .iter()
        .filter_map(|item| {
            let hint = match item.verdict {
                Verdict::Conflict => student.conflict_hint(Some(item)),
                Verdict::Unknown => hints::UNSEEN.to_owned(),
                Verdict::Missing => hints::MISSING.to_owned(),
                _ => return None,
            };
            Some(Failure {
                subject: item.resource.to_string(),
                cause: item.why.clone(),
                hint: Some(hint),
                request_id: None,
            })
        })
        .collect()
}

/// The account's limits that the plan uses up.
fn limits(plan: &Plan) -> Vec<Limit> {
    let adds = |kind: ResourceKind| u32::try_from(plan.creates(kind)).unwrap_or(u32::MAX);
    let students = if plan.creates(ResourceKind::Function) > 0 {
        plan.students.len()
    } else {
        0
    };
    vec![
        Limit {
            // One each is what a class needs that works at the same time.
            what: CONCURRENCY.to_owned(),
            used: plan.account.concurrency_reserved,
            adds: u32::try_from(students).unwrap_or(u32::MAX),
            quota: plan.account.concurrency_quota,
        },
        Limit {
            what: RESERVED.to_owned(),
            used: plan.account.concurrency_reserved,
            adds: plan.reserves(),
            // What is asked for beyond is refused. Source: Lambda developer guide, "Configuring reserved concurrency".
            quota: plan
                .account
                .concurrency_quota
                .map(|quota| quota.saturating_sub(100)),
        },
        Limit {
            what: "IAM roles in the account".to_owned(),
            used: plan.account.roles,
            adds: adds(ResourceKind::Role),
            quota: plan.account.roles_quota,
        },
        Limit {
            what: POLICIES.to_owned(),
            used: plan.account.policies,
            adds: adds(ResourceKind::ManagedPolicy),
            quota: plan.account.policies_quota,
        },
        Limit {
            what: "REST APIs in the region".to_owned(),
            used: plan.account.rest_apis,
            adds: adds(ResourceKind::RestApi),
            quota: Some(REST_APIS_MAX),
        },
    ]
}

/// Limits that say something: what was not asked for, since nothing of it is added, is not shown as if it could not be
/// read.
fn shown(mut limits: Vec<Limit>) -> Vec<Limit> {
    limits.retain(|limit| limit.adds > 0 || limit.used.is_some());
    limits
}

/// Limits that the plan would break, as one failure each.
pub(super) fn broken_limits(plan: &Plan, ignore_concurrency: bool) -> Vec<Failure> {
    let limits = limits(plan).into_iter();
    broken(limits.filter(|limit| !(ignore_concurrency && limit.what == CONCURRENCY)))
}

/// Those limits that would be broken, as one failure each.
pub(super) fn broken(limits: impl Iterator<Item = Limit>) -> Vec<Failure> {
    limits
        .filter_map(|limit| {
            let (used, quota) = (limit.used?, limit.quota?);
            let needed = used.checked_add(limit.adds)?;
            (limit.adds > 0 && needed > quota).then(|| Failure {
                subject: limit.what.clone(),
                cause: format!(
                    "{used} of {quota} are in use and {} more are needed",
                    limit.adds
                ),
                hint: Some(hint_for(&limit)),
                request_id: None,
            })
        })
        .collect()
}

/// What to do about a limit that is too low.
fn hint_for(limit: &Limit) -> String {
    if limit.what == CONCURRENCY {
        return "ask for more \"Concurrent executions\" in the Service Quotas console (new accounts begin with 10), \
                or let students wait for each other: deploy with --ignore-concurrency"
            .to_owned();
    }
    "raise the limit in the Service Quotas console where it can be raised, make room in the account, or \
     deploy fewer students with --students or --section"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Scope;
    use crate::stack::kinds::AccountUse;

    #[test]
    fn a_limit_that_nobody_asked_about_is_left_out() {
        let plan = Plan {
            scope: Scope {
                partition: "aws".into(),
                account: "123456789012".into(),
                region: "us-east-1".into(),
            },
            class: "demo".parse().unwrap(),
            students: Vec::new(),
            gaps: Vec::new(),
            account: AccountUse {
                rest_apis: Some(3),
                ..AccountUse::default()
            },
        };
        let shown = shown(limits(&plan));
        assert_eq!(shown.len(), 1);
        assert_eq!(shown[0].what, "REST APIs in the region");
        // What was asked and could not be read is still said.
        let asked = Limit {
            adds: 1,
            used: None,
            ..shown[0].clone()
        };
        assert_eq!(super::shown(vec![asked]).len(), 1);
    }
}
