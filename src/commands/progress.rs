//! `status` and `report`: who is complete, in progress, not started, broken, could not be checked.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt};
use jiff::Zoned;

use crate::cli::{Cli, ReportArgs};
use crate::cloud::AwsCloud;
use crate::domain::check::{Change, CheckResult, Progress, Proof, StudentProgress};
use crate::domain::evaluate::{Facts, Reading, evaluate};
use crate::domain::execution::Starter;
use crate::domain::lab::ApiEndpoint;
use crate::domain::observed::{Gap, Observed};
use crate::domain::operation::Operation;
use crate::domain::ownership::Ownership;
use crate::domain::plan::{StudentPlan, Verdict, deploy};
use crate::domain::roster::Student;
use crate::engine::call::Caller;
use crate::engine::gather::{Subject, gather};
use crate::engine::observe::{Depth, observe};
use crate::engine::port::Cloud;
use crate::engine::stop::Cancelled;
use crate::error::{Error, Kind, Result};
use crate::events::{Command, Outcome, StudentResult};
use crate::report::{
    Account, ClassReport, Key, ReportStudent, Since, View, Written, write_reports,
};

use super::canvas::Canvas;
use super::plan::{interrupted, view};
use super::run::{run as run_work, summarise};
use super::session::{Class, Session};
use super::{Exit, show};

/// Students read at once; the pacer spaces the calls.
const STUDENTS_AT_ONCE: usize = 25;

/// Where everybody stands, at one moment.
pub(super) struct Standing {
    pub students: Vec<StudentProgress>,
    pub gaps: Vec<Gap>,
    pub alias: Option<String>,
    pub taken_at: Zoned,
}

pub(super) async fn run_status(cli: &Cli) -> Result<Exit> {
    let session = Class::load(cli)?.connect().await?;
    let standing = read(&session, Command::Status).await?;
    let summary = summarise(&session, Command::Status, results(&standing), Vec::new());
    let view = View {
        gaps: &standing.gaps,
        ..view(&session)
    };
    show(&summary, &view, session.class.settings.ui)?;
    Ok(exit_of(&standing))
}

pub(super) async fn run_report(cli: &Cli, args: &ReportArgs) -> Result<Exit> {
    let class = Class::load(cli)?;
    // A wrong file is told before anything is read of the cloud.
    let gradebook = Canvas::load(args)?;
    let session = class.connect().await?;
    let standing = read(&session, Command::Report).await?;
    let report = class_report(&session, &standing, &BTreeMap::new());
    let written = write_files(&session, &report, args.anonymous)?;
    let notes = match &gradebook {
        Some(canvas) => canvas.write(&session.class.settings.reports, &report)?,
        None => Vec::new(),
    };
    let summary = summarise(&session, Command::Report, results(&standing), notes);
    let view = View {
        gaps: &standing.gaps,
        report: Some(written.anonymous.as_ref().unwrap_or(&written.html)),
        ..view(&session)
    };
    show(&summary, &view, session.class.settings.ui)?;
    Ok(exit_of(&standing))
}

/// A status that could not be read for somebody is an error, though everything else is shown.
fn exit_of(standing: &Standing) -> Exit {
    let unknown = |s: &StudentProgress| s.progress == Progress::Unknown;
    if standing.gaps.is_empty() && !standing.students.iter().any(unknown) {
        Exit::Done
    } else {
        Exit::Error
    }
}

/// Reads where everybody stands.
///
/// # Errors
/// When it was stopped.
pub(super) async fn read(session: &Session, command: Command) -> Result<Standing> {
    let ran = run_work(session, command, false, async |caller| {
        let (observed, alias) = tokio::join!(
            observe(caller, &session.desired, &Depth::Deploy),
            caller.call(Operation::ListAccountAliases, |c| c.account_alias()),
        );
        let observed = observed?;
        let plan = deploy::plan(&session.desired, &observed, false);
        let pairs = plan
            .students
            .iter()
            .zip(&session.class.students)
            .enumerate();
        let mut students: Vec<_> = stream::iter(pairs)
            .map(|(index, (plan, student))| {
                let observed = &observed;
                async move {
                    (
                        index,
                        one_student(caller, session, observed, plan, student).await,
                    )
                }
            })
            .buffer_unordered(STUDENTS_AT_ONCE)
            .collect()
            .await;
        students.sort_by_key(|(index, _)| *index);
        let students: std::result::Result<Vec<_>, Cancelled> =
            students.into_iter().map(|(_, student)| student).collect();
        Ok::<_, Cancelled>(Standing {
            students: students?,
            gaps: observed.gaps,
            // Without the right to read aliases, the account's id has to do.
            alias: alias.ok().flatten(),
            taken_at: Zoned::now(),
        })
    })
    .await;
    ran.output.map_err(|_| interrupted())
}

async fn one_student(
    caller: &Caller<AwsCloud>,
    session: &Session,
    observed: &Observed,
    plan: &StudentPlan,
    student: &Student,
) -> std::result::Result<StudentProgress, Cancelled> {
    let lab = &session.class.lab;
    let checks = lab.checks();
    let subject = Subject {
        plan,
        state_machines: state_machines(session, student),
        functions: functions(session, student),
        starter_of: &|name, input| lab.starter_of(name, input),
    };
    let facts = gather(caller, checks, &subject).await?;
    let results: Vec<_> = checks
        .iter()
        .map(|check| evaluate(check, plan, &facts))
        .collect();
    let endpoints = endpoints(session, observed, plan);
    Ok(StudentProgress {
        username: student.username.clone(),
        progress: Progress::of(&results),
        checks: results,
        executions: own_executions(facts),
        outputs: lab.outputs(session.scope(), session.class.name(), student, &endpoints),
        changes: changes(plan),
        requests: lab.example_requests(session.scope(), session.class.name(), student, &endpoints),
    })
}

fn state_machines(session: &Session, student: &Student) -> Vec<(String, String)> {
    let lab = &session.class.lab;
    let mut ids: Vec<&str> = lab
        .checks()
        .iter()
        .filter_map(|check| match &check.proof {
            Proof::Executions { state_machine, .. } => Some(state_machine.as_str()),
            _ => None,
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter()
        .filter_map(|id| {
            let name = lab.state_machine_name(id, &student.username)?;
            Some((id.to_owned(), session.scope().state_machine_arn(&name)))
        })
        .collect()
}

fn functions(session: &Session, student: &Student) -> Vec<(String, String)> {
    let lab = &session.class.lab;
    lab.checks()
        .iter()
        .filter_map(|check| match &check.proof {
            Proof::LogEvents { functions, .. } => Some(functions),
            _ => None,
        })
        .flatten()
        .filter_map(|id| Some((id.clone(), lab.function_name(id, &student.username)?)))
        .collect()
}

/// The student's APIs that are deployed, by name.
fn endpoints(
    session: &Session,
    observed: &Observed,
    plan: &StudentPlan,
) -> BTreeMap<String, ApiEndpoint> {
    let stack = session
        .desired
        .stacks
        .iter()
        .find(|s| s.owner == plan.owner);
    let apis = stack.map(|s| s.rest_apis.as_slice()).unwrap_or_default();
    apis.iter()
        .filter_map(|api| {
            let found = observed.rest_apis.get(&api.name)?;
            let ours = Ownership::Ours(plan.owner.clone());
            let actual = found
                .iter()
                .filter(|actual| actual.ownership == ours)
                .min_by_key(|actual| actual.created_s)?;
            let endpoint = ApiEndpoint {
                id: actual.id.clone(),
                url: session.cloud.invoke_url(&actual.id, &api.stage),
            };
            Some((api.name.clone(), endpoint))
        })
        .collect()
}

fn own_executions(facts: Facts) -> Vec<(Starter, crate::domain::execution::Execution)> {
    let mut own: Vec<_> = facts
        .executions
        .into_values()
        .filter_map(|reading| match reading {
            Reading::Seen(all) => Some(all),
            Reading::Unseen(_) => None,
        })
        .flatten()
        .filter(|(starter, _)| *starter != Starter::Homeroom)
        .collect();
    own.sort_by_key(|(_, execution)| std::cmp::Reverse(execution.started_ms));
    own
}

fn changes(plan: &StudentPlan) -> Vec<Change> {
    plan.items
        .iter()
        .filter(|item| item.verdict == Verdict::Keep)
        .map(|item| Change {
            resource: item.resource.to_string(),
            summary: item.why.clone(),
            diff: Vec::new(),
        })
        .collect()
}

/// The students' results, for a summary.
pub(super) fn results(standing: &Standing) -> Vec<StudentResult> {
    standing
        .students
        .iter()
        .map(|student| StudentResult {
            username: student.username.clone(),
            outcome: match student.progress {
                Progress::Complete => Outcome::Complete,
                Progress::InProgress => Outcome::InProgress,
                Progress::NotStarted => Outcome::NotStarted,
                Progress::Broken => Outcome::Broken,
                Progress::Unknown => Outcome::Unknown,
            },
            resources: Vec::new(),
            checks: student.checks.clone(),
            outputs: student.outputs.clone(),
            errors: Vec::new(),
        })
        .collect()
}

/// Writes the report's files. `validated`: what a validation of the same session found, by username.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write(
    session: &Session,
    standing: &Standing,
    validated: &BTreeMap<String, Vec<CheckResult>>,
) -> Result<Written> {
    write_files(session, &class_report(session, standing, validated), false)
}

fn write_files(session: &Session, report: &ClassReport, anonymous: bool) -> Result<Written> {
    let reports = &session.class.settings.reports;
    let attempt = || -> std::io::Result<Written> {
        let key = anonymous.then(|| Key::of_class(reports, &report.class));
        write_reports(reports, report, key.transpose()?.as_ref())
    };
    attempt().map_err(|error| {
        Error::new(Kind::General, "report", error.to_string()).hint(
            "free space or choose another folder with --reports, then run `homeroom report` again",
        )
    })
}

/// The class as a report shows it, with what changed since the one before.
pub(super) fn class_report(
    session: &Session,
    standing: &Standing,
    validated: &BTreeMap<String, Vec<CheckResult>>,
) -> ClassReport {
    let students = session
        .class
        .students
        .iter()
        .zip(&standing.students)
        .map(|(student, progress)| ReportStudent {
            student: student.clone(),
            progress: progress.clone(),
            validate: validated
                .get(student.username.as_str())
                .cloned()
                .unwrap_or_default(),
        })
        .collect();
    let mut report = ClassReport {
        class: session.class.name().clone(),
        lab: session.desired.lab.clone(),
        lab_title: session.class.lab.title().to_owned(),
        account: Account {
            id: session.scope().account.clone(),
            alias: standing.alias.clone(),
        },
        region: session.scope().region.clone(),
        taken_at: standing.taken_at.clone(),
        students,
        notes: Vec::new(),
        gaps: standing.gaps.clone(),
        since: None,
    };
    match Since::read(&session.class.settings.reports, &report) {
        Ok(since) => report.since = since,
        Err(error) => report.notes.push(format!(
            "What changed since the report before is not known: {error}"
        )),
    }
    report
}
