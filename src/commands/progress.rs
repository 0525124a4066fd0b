//! `status` and `report`: who is complete, in progress, not started, broken, could not be checked.

use std::collections::BTreeMap;
use std::fs;

use futures::stream::{self, StreamExt};
use jiff::{Timestamp, Zoned};

use crate::cli::{AttestArgs, Cli, ReportArgs, StatusArgs};
use crate::cloud::AwsCloud;
use crate::domain::attest::Attestations;
use crate::domain::cache::{Cache, Memory};
use crate::domain::check::{Progress, Proof, StudentProgress};
use crate::domain::desired::Stack;
use crate::domain::diff::changes;
use crate::domain::evaluate::{Facts, Reading, evaluate};
use crate::domain::execution::Starter;
use crate::domain::lab::ApiEndpoint;
use crate::domain::observed::{Gap, Observed};
use crate::domain::operation::Operation;
use crate::domain::ownership::Ownership;
use crate::domain::plan::{StudentPlan, deploy};
use crate::domain::roster::Student;
use crate::engine::call::Caller;
use crate::engine::gather::{Gathered, Subject, gather};
use crate::engine::observe::{Depth, observe_knowing};
use crate::engine::port::Cloud;
use crate::engine::stop::Cancelled;
use crate::error::{Error, Kind, Result};
use crate::events::{Command, Outcome, StudentResult};
use crate::report::{Account, ClassReport, ReportStudent, View, Written, write_reports};

use super::plan::{interrupted, view};
use super::readings;
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
    /// Notes that concern the whole class.
    pub notes: Vec<String>,
}

pub(super) async fn run_status(cli: &Cli, args: &StatusArgs) -> Result<Exit> {
    let class = Class::load(cli)?;
    let attested = attestations(&class, &args.attest)?;
    let session = class.connect().await?;
    let mut standing = read(&session, Command::Status).await?;
    attest(&mut standing, &attested);
    let notes = standing.notes.clone();
    let summary = summarise(&session, Command::Status, results(&standing), notes);
    let view = View {
        gaps: &standing.gaps,
        ..view(&session)
    };
    show(&summary, &view, session.class.settings.ui)?;
    Ok(exit_of(&standing))
}

pub(super) async fn run_report(cli: &Cli, args: &ReportArgs) -> Result<Exit> {
    let class = Class::load(cli)?;
    let attested = attestations(&class, &args.attest)?;
    let session = class.connect().await?;
    let mut standing = read(&session, Command::Report).await?;
    attest(&mut standing, &attested);
    let written = write(&session, &standing, &BTreeMap::new())?;
    let notes = standing.notes.clone();
    let summary = summarise(&session, Command::Report, results(&standing), notes);
    let view = View {
        gaps: &standing.gaps,
        report: Some(&written.html),
        ..view(&session)
    };
    show(&summary, &view, session.class.settings.ui)?;
    Ok(exit_of(&standing))
}

/// Reads what the instructor attests, before anything is asked of AWS.
fn attestations(class: &Class, args: &AttestArgs) -> Result<Attestations> {
    let Some(path) = &args.attest else {
        return Ok(Attestations::default());
    };
    let file = path.display().to_string();
    let bytes = fs::read(path).map_err(|error| {
        Error::new(
            Kind::Invalid,
            "--attest",
            format!("{file} cannot be read: {error}"),
        )
        .hint("give the path of a CSV file with the columns username and check")
    })?;
    Attestations::parse(&file, &bytes, &class.roster, class.lab.checks()).map_err(|failures| {
        Error {
            kind: Kind::Invalid,
            failures,
        }
    })
}

fn attest(standing: &mut Standing, attested: &Attestations) {
    for student in &mut standing.students {
        for check in &mut student.checks {
            attested.apply(&student.username, check);
        }
        student.progress = Progress::of(&student.checks);
    }
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

/// Reads where everybody stands, and keeps for the next reading what cannot change.
///
/// # Errors
/// When it was stopped.
pub(super) async fn read(session: &Session, command: Command) -> Result<Standing> {
    let now_ms = Timestamp::now().as_millisecond();
    let (mut cache, mut notes) = readings::load(session);
    let known = cache.machines_at(now_ms);
    let ran = run_work(session, command, false, async |caller| {
        let (observed, alias) = tokio::join!(
            observe_knowing(caller, &session.desired, &Depth::Deploy, &known),
            caller.call(Operation::ListAccountAliases, |c| c.account_alias()),
        );
        let observed = observed?;
        let plan = deploy::plan(&session.desired, &observed, false);
        let reader = Reader {
            caller,
            session,
            observed: &observed,
            cache: &cache,
            pointers: session.class.lab.input_pointers(),
            now_ms,
        };
        let reader = &reader;
        let pairs = plan.students.iter().zip(&session.class.students);
        let mut students: Vec<_> = stream::iter(pairs.enumerate())
            .map(|(index, (plan, student))| async move {
                (index, reader.one_student(plan, student).await)
            })
            .buffer_unordered(STUDENTS_AT_ONCE)
            .collect()
            .await;
        students.sort_by_key(|(index, _)| *index);
        let students: std::result::Result<Vec<_>, Cancelled> =
            students.into_iter().map(|(_, student)| student).collect();
        // Without the right to read aliases, the account's id has to do.
        Ok::<_, Cancelled>((students?, observed, alias.ok().flatten()))
    })
    .await;
    let (read, observed, alias) = ran.output.map_err(|_| interrupted())?;
    let mut students = Vec::new();
    for (student, memory) in read {
        cache.students.insert(student.username.clone(), memory);
        students.push(student);
    }
    readings::keep_machines(&mut cache, &observed, &known, now_ms);
    notes.extend(readings::save(session, &cache));
    Ok(Standing {
        students,
        gaps: observed.gaps,
        alias,
        taken_at: Zoned::now(),
        notes,
    })
}

/// What the reading of every student needs.
struct Reader<'a> {
    caller: &'a Caller<AwsCloud>,
    session: &'a Session,
    observed: &'a Observed,
    cache: &'a Cache,
    pointers: Vec<String>,
    now_ms: i64,
}

impl Reader<'_> {
    async fn one_student(
        &self,
        plan: &StudentPlan,
        student: &Student,
    ) -> std::result::Result<(StudentProgress, Memory), Cancelled> {
        let session = self.session;
        let lab = &session.class.lab;
        let checks = lab.checks();
        let nothing = Memory::default();
        let own = self.cache.homeroom.get(&student.username);
        let subject = Subject {
            plan,
            observed: self.observed,
            state_machines: state_machines(session, student),
            functions: functions(session, student),
            starter_of: &|execution| {
                if own.is_some_and(|arns| arns.contains(&execution.arn)) {
                    return Starter::Homeroom;
                }
                let input = execution.detail.as_ref().map(|d| &d.input);
                lab.starter_of(&execution.name, input)
            },
            input_pointers: &self.pointers,
            memory: self
                .cache
                .students
                .get(&student.username)
                .unwrap_or(&nothing),
            now_ms: self.now_ms,
            console: session.cloud.is_aws().then(|| session.scope()),
        };
        let Gathered { facts, memory } = gather(self.caller, checks, &subject).await?;
        let results: Vec<_> = checks
            .iter()
            .map(|check| evaluate(check, plan, &facts))
            .collect();
        let endpoints = endpoints(session, self.observed, plan);
        let stack = stack_of(session, plan);
        let progress = StudentProgress {
            username: student.username.clone(),
            progress: Progress::of(&results),
            checks: results,
            executions: own_executions(facts),
            outputs: lab.outputs(session.scope(), session.class.name(), student, &endpoints),
            changes: stack
                .map(|stack| changes(session.scope(), stack, self.observed))
                .unwrap_or_default(),
        };
        Ok((progress, memory))
    }
}

fn stack_of<'a>(session: &'a Session, plan: &StudentPlan) -> Option<&'a Stack> {
    let mut stacks = session.desired.stacks.iter();
    stacks.find(|stack| stack.owner == plan.owner)
}

fn state_machines(session: &Session, student: &Student) -> Vec<(String, String)> {
    let lab = &session.class.lab;
    let mut ids: Vec<&str> = lab
        .checks()
        .iter()
        .filter_map(|check| match &check.proof {
            Proof::Executions { state_machine, .. } => Some(state_machine.as_str()),
            Proof::LogEvents {
                own_execution_of, ..
            } => own_execution_of.as_deref(),
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
    let apis = stack_of(session, plan)
        .map(|s| s.rest_apis.as_slice())
        .unwrap_or_default();
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
    validated: &BTreeMap<String, Vec<crate::domain::check::CheckResult>>,
) -> Result<Written> {
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
    let report = ClassReport {
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
        notes: standing.notes.clone(),
        gaps: standing.gaps.clone(),
    };
    write_reports(&session.class.settings.reports, &report).map_err(|error| {
        Error::new(Kind::General, "report", error.to_string()).hint(
            "free space or choose another folder with --reports, then run `homeroom report` again",
        )
    })
}
