//! Reads a class: lists it, reads each student's facts, answers their checks. What an earlier reading knows is not
//! asked again; [`ReadClass::cache`] is for the next one.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tracing::Instrument;

use crate::aws::Client;

use crate::aws::stop::Cancelled;
use crate::evidence::attempts::{AttemptsReader, ReadAttempts};
use crate::evidence::cache::{Cache, Memory};
use crate::evidence::causes::add_causes;
use crate::evidence::evaluate::{Facts, StackAct, earned_on_time, evaluate};
use crate::evidence::progress::{Last, Progress, StudentProgress};
use crate::evidence::read_student::read_student;
use crate::evidence::recorded::Recorded;
use crate::evidence::sight::StackSight;
use crate::evidence::student_reader::StudentToRead;
use crate::evidence::trouble::of_stack;
use crate::evidence::unheard::OwnApis;
use crate::ids::Username;
use crate::lab::Lab;
use crate::lab::check::{Proof, Work};
use crate::lab::marks::Starter;
use crate::lab::mistake::TroubleReason;
use crate::roster::Student;
use crate::stack::diff::Change;
use crate::stack::elsewhere::Elsewhere;
use crate::stack::in_order::in_order;
use crate::stack::kinds::state_machine::{KnownMachine, KnownMachines};
use crate::stack::kinds::{Desired, Gap, Kind, Observed};
use crate::stack::left::Attendance;
use crate::stack::observe::{Depth, completed, observe_knowing};
use crate::stack::ownership::Ownership;
use crate::stack::plan::reset::changes;
use crate::stack::plan::{StudentPlan, Verdict as Found, deploy};
use crate::stack::settle::Settling;

/// Executions of a student that are shown beside the checks, the newest.
const EXECUTIONS_SHOWN: usize = 20;

/// What is to be read.
pub struct ClassReading<'a> {
    /// The lab.
    pub lab: &'a Lab,
    /// What the students should have; one stack for each of `students`, in the same order.
    pub desired: &'a Desired,
    /// The students.
    pub students: &'a [Student],
    /// Students who are not read this time. They have no checks then, and whoever asks has something that stands for them.
    pub skip: &'a BTreeSet<Username>,
    /// Students whose refused requests are not asked for this time: what an earlier reading knows of them stands.
    pub requests_stand: &'a BTreeSet<Username>,
    /// How closely to look: at the chosen students, or also at who left the class.
    pub depth: &'a Depth,
    /// The time, in milliseconds since 1970.
    pub now_ms: i64,
    /// The time as of which executions count, where that is not now.
    pub at: Option<Timestamp>,
    /// Whether AWS's console shows what is read.
    pub console: bool,
    /// The URL of an API's stage.
    pub invoke_url: &'a (dyn Fn(&str, &str) -> String + Sync),
}

/// A class as it was read.
#[derive(Debug)]
pub struct ReadClass {
    /// The students, in their order, as this reading alone shows them.
    pub students: Vec<StudentProgress>,
    /// What was seen of the stack of each, in the same order.
    pub(crate) sights: Vec<StackSight>,
    /// Who changed the function whose log proves what the API started, even if it is put back since.
    pub(crate) rewritten: Vec<(Username, Change)>,
    pub(crate) elsewhere: Option<Elsewhere>,
    pub(crate) frozen: Vec<Username>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
    /// Who has something in the class, and who of them left it: only where the whole class was looked at.
    pub(crate) attendance: Attendance,
    /// The account's alias, where it has one and it may be read.
    pub(crate) alias: Option<String>,
    /// The APIs of the students who were read.
    pub apis: OwnApis,
    /// What the next reading need not ask again. Students who were not read keep what was known of them.
    pub cache: Cache,
}

/// Reads a class.
///
/// # Errors
/// Only when the run is stopped: what cannot be read shows as such.
pub async fn read_class(
    client: &Client,
    reading: &ClassReading<'_>,
    cache: Cache,
) -> Result<ReadClass, Cancelled> {
    let known = cache.machines_at(reading.now_ms);
    let (observed, alias) = tokio::join!(
        observe_knowing(client, reading.desired, reading.depth, &known),
        client.account_alias(),
    );
    // Without the right to read aliases, the account's id has to do.
    let alias = alias.ok().flatten();
    read_listed(client, reading, cache, (&observed?, known), alias).await
}

/// [`read_class`] of what was listed a moment ago, as closely as a teardown looks. It may know nothing of the class's settings.
///
/// # Errors
/// As [`read_class`].
pub(crate) async fn read_observed(
    client: &Client,
    reading: &ClassReading<'_>,
    cache: Cache,
    observed: &Observed,
) -> Result<ReadClass, Cancelled> {
    let (completed, alias) = tokio::join!(
        completed(client, reading.desired, observed),
        client.account_alias(),
    );
    let completed = completed?;
    let observed = completed.as_ref().unwrap_or(observed);
    let retyped = reading.desired.with_api_types(observed);
    let reading = &ClassReading {
        desired: retyped.as_ref().unwrap_or(reading.desired),
        ..*reading
    };
    let (alias, listed) = (alias.ok().flatten(), (observed, KnownMachines::new()));
    read_listed(client, reading, cache, listed, alias).await
}

pub(super) async fn read_listed(
    client: &Client,
    reading: &ClassReading<'_>,
    mut cache: Cache,
    (observed, known): (&Observed, KnownMachines),
    alias: Option<String>,
) -> Result<ReadClass, Cancelled> {
    let plan = deploy::plan(reading.desired, observed, false);
    let elsewhere = Elsewhere::find(reading.desired, observed);
    let reader = &ClassReader {
        client,
        reading,
        observed,
        cache: &cache,
        pointers: reading.lab.input_pointers(),
    };
    let pairs = plan.students.iter().zip(reading.students);
    // All students at once: the pacer spaces the calls, takes students in turn, and limits the calls on their way. So a
    // student with much to read, or with a slow answer, delays nobody else.
    let read = in_order(pairs, reading.students.len().max(1), |(plan, student)| {
        let span = tracing::debug_span!("student", student = %student.username);
        reader.one_student(plan, student).instrument(span)
    })
    .await;
    let mut students = Vec::new();
    let mut sights = Vec::new();
    let mut rewritten = Vec::new();
    let mut apis = OwnApis::default();
    for student in read {
        let (student, sight, memory, change, api) = student?;
        apis.extend(api);
        rewritten.extend(change.map(|change| (student.username.clone(), change)));
        cache.students.insert(student.username.clone(), memory);
        students.push(student);
        sights.push(sight);
    }
    keep_machines(&mut cache, observed, &known, reading.now_ms);
    Ok(ReadClass {
        students,
        attendance: match reading.depth {
            Depth::Class { .. } => Attendance::of(reading.desired, observed),
            _ => Attendance::default(),
        },
        sights,
        rewritten,
        elsewhere,
        frozen: observed.frozen(&reading.desired.scope, &reading.desired.stacks),
        gaps: observed.gaps.clone(),
        alias,
        apis,
        cache,
    })
}

type OneRead = (StudentProgress, StackSight, Memory, Option<Change>, OwnApis);

struct ClassReader<'a> {
    client: &'a Client,
    reading: &'a ClassReading<'a>,
    observed: &'a Observed,
    cache: &'a Cache,
    pointers: Vec<String>,
}

impl ClassReader<'_> {
    async fn one_student(
        &self,
        plan: &StudentPlan,
        student: &Student,
    ) -> Result<OneRead, Cancelled> {
        let ClassReading { lab, desired, .. } = *self.reading;
        let scope = &desired.scope;
        let nothing = Memory::default();
        let no_records = Recorded::default();
        let own = self.cache.homeroom.get(&student.username);
        let known = self.cache.students.get(&student.username);
        let to_read = StudentToRead {
            checks: lab.checks(),
            plan,
            observed: self.observed,
            state_machines: self.state_machines(plan, student),
            functions: self.functions(student),
            born_ms: self.born_ms(plan),
            trigger_is_as_deployed: self.trigger_is_as_deployed(plan, student),
            recorded: own.unwrap_or(&no_records),
            marks: lab.marks(),
            input_pointers: &self.pointers,
            memory: known.unwrap_or(&nothing),
            now_ms: self.reading.now_ms,
            at_ms: self.reading.at.map(Timestamp::as_millisecond),
            due_ms: student.due.map(Timestamp::as_millisecond),
            console: self.reading.console.then_some(scope),
        };
        let stack = desired.stacks.iter().find(|s| s.owner == plan.owner);
        let sight = stack
            .map(|stack| StackSight::of(scope, lab, stack, plan, self.observed))
            .unwrap_or_default();
        if self.reading.skip.contains(&student.username) {
            return Ok((
                StudentProgress::unread(&student.username),
                sight,
                to_read.memory.clone(),
                None,
                OwnApis::default(),
            ));
        }
        let mut settling = Settling::default();
        let (facts, mut memory) = if sight.is_empty() {
            // There is nothing to ask about, and what is known stays.
            (Facts::default(), to_read.memory.clone())
        } else {
            read_student(self.client, &to_read, &mut settling).await?
        };
        let mut checks: Vec<_> = lab
            .checks()
            .iter()
            .map(|check| evaluate(check, plan, &facts))
            .collect();
        if let Some(due) = student.due {
            let by_then = facts.until(due.as_millisecond());
            for (check, result) in lab.checks().iter().zip(&mut checks) {
                if check.work == Work::Student {
                    result.on_time = earned_on_time(check, plan, &by_then, due);
                }
            }
        }
        let (known, kept) = (to_read.memory, &mut memory.causes);
        let name = &student.username;
        add_causes(self.client, name, &mut checks, known, kept, &mut settling).await?;
        let attempts = AttemptsReader {
            client: self.client,
            lab,
            student: &to_read,
            facts: &facts,
            checks: &checks,
            requests_stand: self.reading.requests_stand.contains(&student.username),
        };
        // Who needs somebody is about now.
        let tried = match sight.is_empty() || self.reading.at.is_some() {
            true => ReadAttempts::unread(self.reading.at.map(|_| "not asked for an earlier time")),
            false => attempts.read(&mut memory, &mut settling).await?,
        };
        let endpoints = stack.map(|stack| {
            self.observed
                .endpoints(scope, stack, self.reading.invoke_url)
        });
        let endpoints = endpoints.unwrap_or_default();
        let changes = stack.map(|stack| changes(scope, stack, self.observed));
        let mut changes = changes.unwrap_or_default();
        // A function that was put back since shows no difference any more.
        if let Some(of) = &facts.trigger_changed
            && !changes.iter().any(|c| c.resource == of.resource)
        {
            changes.push(of.clone());
        }
        let own = facts.newest_first(|starter| starter != Starter::Homeroom);
        let absent = plan.nothing_there();
        let trouble = match absent {
            // Likewise: which of the class has a stack now says nothing about then.
            true if self.reading.at.is_some() => None,
            true => {
                let act = StackAct::of(plan, &facts);
                of_stack(TroubleReason::NotDeployed, &checks, lab, act)
            }
            false => tried.trouble,
        };
        let progress = StudentProgress {
            username: student.username.clone(),
            progress: match absent {
                true => Progress::NotDeployed,
                false => Progress::of(&checks),
            },
            checks,
            executions_cut_off: !facts.cut_off.is_empty(),
            executions_left_out: own.len().saturating_sub(EXECUTIONS_SHOWN),
            executions: own.into_iter().take(EXECUTIONS_SHOWN).collect(),
            outputs: lab.outputs(scope, &desired.class, student, &endpoints),
            requests: lab.example_requests(scope, &desired.class, student, &endpoints),
            changes,
            last: Last::default(),
            activity: tried.activity,
            trouble,
            hitch: tried.hitch,
        };
        let mut api = OwnApis::default();
        if let Some(stack) = stack {
            api.note(scope, stack, self.observed, &to_read, &facts);
        }
        Ok((progress, sight, memory, facts.trigger_changed, api))
    }

    /// The state machines that checks ask about: id in the lab, ARN. Not one that has the name and is somebody
    /// else's: its executions are no work of the student's.
    fn state_machines(&self, plan: &StudentPlan, student: &Student) -> Vec<(String, String)> {
        let (lab, scope) = (self.reading.lab, &self.reading.desired.scope);
        let anothers = |name: &str| {
            plan.items.iter().any(|item| {
                item.verdict == Found::Conflict
                    && item.resource.kind == Kind::StateMachine
                    && item.resource.name == name
            })
        };
        let ids = lab.checks().iter().filter_map(|check| match &check.proof {
            Proof::Executions { state_machine, .. } => Some(state_machine),
            Proof::LogEvents {
                own_execution_of, ..
            } => own_execution_of.as_ref(),
            _ => None,
        });
        let ids: BTreeSet<&String> = ids.collect();
        ids.into_iter()
            .filter_map(|id| {
                let name = lab.state_machine_name(id, &student.username)?;
                (!anothers(&name)).then(|| (id.clone(), scope.state_machine_arn(&name)))
            })
            .collect()
    }

    /// When the oldest of a student's state machines was created.
    fn born_ms(&self, plan: &StudentPlan) -> Option<i64> {
        let names = plan.items.iter().map(|item| &item.resource.name);
        names
            .filter_map(|name| self.observed.state_machines.get(name)?.created_ms)
            .min()
    }

    /// Whether the function behind the API is as homeroom deployed it, so that executions have the names that it gives.
    fn trigger_is_as_deployed(&self, plan: &StudentPlan, student: &Student) -> bool {
        let lab = self.reading.lab;
        let log = lab.marks().api_log.as_ref();
        let name = log.and_then(|log| lab.function_name(&log.function, &student.username));
        plan.functions()
            .filter(|item| name.as_ref() == Some(&item.resource.name))
            .all(|item| item.verdict == Found::NoChange)
    }

    /// The functions that checks and marks ask about: id in the lab, name.
    fn functions(&self, student: &Student) -> Vec<(String, String)> {
        let lab = self.reading.lab;
        let of_marks = lab.marks().api_log.iter().map(|log| &log.function);
        lab.checks()
            .iter()
            .filter_map(|check| match &check.proof {
                Proof::LogEvents { functions, .. } => Some(functions.as_slice()),
                Proof::Invocations { function, .. } => Some(std::slice::from_ref(function)),
                _ => None,
            })
            .flatten()
            .chain(of_marks)
            .filter_map(|id| Some((id.clone(), lab.function_name(id, &student.username)?)))
            .collect()
    }
}

/// Keeps what was described of the state machines that are provably the class's.
fn keep_machines(cache: &mut Cache, observed: &Observed, known: &KnownMachines, now_ms: i64) {
    for machine in observed.state_machines.values() {
        let keep = match (&machine.ownership, &machine.detail, machine.created_ms) {
            (Ownership::Ours(owner), Some(detail), Some(created_ms)) if !detail.deleting => {
                let known = known.get(&machine.name).filter(|known| known.is(machine));
                Some(KnownMachine {
                    created_ms,
                    read_ms: known.map_or(now_ms, |known| known.read_ms),
                    owner: owner.clone(),
                    detail: detail.clone(),
                })
            }
            _ => None,
        };
        match keep {
            Some(keep) => cache.state_machines.insert(machine.name.clone(), keep),
            None => cache.state_machines.remove(&machine.name),
        };
    }
}
