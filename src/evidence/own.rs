//! A student's reading of the own stack: the class's reading and judging, of what the student's key shows. homeroom's
//! records are on the instructor's machine; what stands in their place is told here.

use crate::aws::Client;
use crate::aws::stop::Cancelled;
use crate::error::Exit;
use crate::evidence::cache::{Cache, CacheKey, Memory};
use crate::evidence::check::{CheckResult, Evidence, Verdict};
use crate::evidence::evaluate::Reading;
use crate::evidence::functions::{FunctionLook, not_ready};
use crate::evidence::progress::{Progress, StudentProgress};
use crate::evidence::reading::{ClassReading, read_listed};
use crate::evidence::recorded::{Recorded, Written};
use crate::ids::Scope;
use crate::lab::check::{Proof, Work};
use crate::lab::marks::Starter;
use crate::stack::kinds::kind::STUDENTS_WORK;
use crate::stack::kinds::state_machine::KnownMachines;
use crate::stack::kinds::{Gap, Kind, ResourceId, Stack};
use crate::stack::own::OwnStack;

/// How long after the stack's state machine was made the deployment may still write its functions, in milliseconds: a new
/// role may need that long until Lambda takes it.
const DEPLOYMENT_MS: i64 = 5 * 60 * 1000;

/// Said of what only the instructor can look at.
const INSTRUCTOR_SEES: &str = "your instructor sees this; your key does not show all of it";

/// What a student's own reading showed.
pub(crate) struct OwnReading {
    pub(crate) progress: StudentProgress,
    /// Executions that look like homeroom's tests of the stack. They count for nothing.
    pub(crate) unclear: usize,
    /// Functions whose code in this lab is another than the one that was deployed.
    pub(crate) edited: Vec<String>,
    /// What of the stack could not be read, beside what a student's key never shows.
    pub(crate) unread: Vec<Gap>,
}

impl OwnReading {
    /// How the look ends: an error only where something could not be seen.
    pub(crate) fn exit(&self) -> Exit {
        match self.progress.progress {
            Progress::Unknown => Exit::General,
            _ => Exit::Done,
        }
    }
}

/// Reads the own stack of the one student in `reading`; `None` where nobody is in it.
///
/// # Errors
/// Only when the run is stopped: what cannot be read shows as such.
pub(crate) async fn read_own(
    client: &Client,
    reading: &ClassReading<'_>,
    own: &OwnStack,
) -> Result<Option<OwnReading>, Cancelled> {
    let desired = reading.desired;
    let key = CacheKey::new(&desired.scope, &desired.class, &desired.lab);
    let mut cache = Cache::new(key);
    for stack in &desired.stacks {
        let student = stack.student();
        let records = presumed_records(&desired.scope, stack, own);
        cache.homeroom.insert(student.clone(), records);
        cache.students.insert(student.clone(), seen_active(own));
    }
    let listed = (&own.observed, KnownMachines::new());
    let read = read_listed(client, reading, cache, listed, None).await?;
    let first = read.students.into_iter().next();
    let Some((mut progress, stack)) = first.zip(desired.stacks.first()) else {
        return Ok(None);
    };
    let wrong = what_is_wrong(stack, own);
    for check in progress.checks.iter_mut().filter(|c| c.work == Work::Stack) {
        let mut checks = reading.lab.checks().iter();
        let proof = checks.find(|one| one.id == check.id).map(|one| &one.proof);
        match proof {
            Some(Proof::ResourcesExist) => judge_stack(check, &wrong.absent),
            Some(Proof::ResourcesReady) => {
                judge_stack(check, &[&wrong.absent[..], &wrong.not_ready[..]].concat());
            }
            _ => {}
        }
    }
    progress.progress = match own.is_absent() {
        true => Progress::NotDeployed,
        false => Progress::of(&progress.checks),
    };
    if !progress.progress.is_open() {
        // Without the stack's checks the reading did not know that.
        (progress.trouble, progress.hitch) = (None, None);
    }
    let unclear = progress.executions.iter();
    let unclear = unclear.filter(|(starter, _)| *starter == Starter::Unclear);
    Ok(Some(OwnReading {
        unclear: unclear.count(),
        edited: Vec::new(),
        progress,
        unread: own.unread(),
    }))
}

/// The records that this machine does not have. A function that is as recorded, and that nobody has written since the
/// stack was made, is homeroom's own work; of any other only its last write is known.
fn presumed_records(scope: &Scope, stack: &Stack, own: &OwnStack) -> Recorded {
    let mut records = Recorded {
        elsewhere: true,
        ..Recorded::default()
    };
    let machines = own.observed.state_machines.values();
    let Some(born_ms) = machines.filter_map(|machine| machine.created_ms).min() else {
        return records;
    };
    for function in &stack.functions {
        let Some(seen) = own.observed.functions.get(&function.name) else {
            continue;
        };
        if let Some(modified_ms) = seen.modified_ms
            && modified_ms <= born_ms + DEPLOYMENT_MS
            && function.is_as_recorded(scope, &stack.owner, seen)
        {
            let written = Written {
                clean_from_ms: modified_ms.min(born_ms),
                follows_ms: None,
            };
            let writes = records.functions.entry(function.name.clone()).or_default();
            writes.insert(modified_ms, written);
        }
    }
    records
}

fn looks(own: &OwnStack) -> Vec<FunctionLook> {
    let functions = own.functions.iter();
    functions
        .map(|(name, state)| (name.clone(), Ok(state.clone())))
        .collect()
}

/// What need not be asked again: the functions that were just seen to be ready.
fn seen_active(own: &OwnStack) -> Memory {
    let not_ready = not_ready(&looks(own));
    let ready = own.observed.functions.iter();
    let ready = ready.filter(|(name, _)| !not_ready.iter().any(|(other, _)| other == *name));
    let mut memory = Memory::default();
    memory.active = ready
        .map(|(name, seen)| (name.clone(), seen.fingerprint()))
        .collect();
    memory
}

/// What is certainly not as it must be.
struct Wrong {
    /// What is missing, or somebody else's.
    absent: Vec<Evidence>,
    not_ready: Vec<Evidence>,
}

fn what_is_wrong(stack: &Stack, own: &OwnStack) -> Wrong {
    let observed = &own.observed;
    let mut absent = Vec::new();
    let asked = STUDENTS_WORK;
    for id in stack.resource_ids() {
        let ResourceId { kind, name } = &id;
        if !asked.contains(kind) || observed.gap(*kind, name).is_some() {
            continue;
        }
        if observed.named(&id).is_empty() {
            absent.push(format!("{id} is missing").into());
        }
    }
    let functions = observed
        .functions
        .values()
        .map(|f| (Kind::Function, &f.name, &f.ownership));
    let machines = observed.state_machines.values();
    let machines = machines.map(|m| (Kind::StateMachine, &m.name, &m.ownership));
    for (kind, name, ownership) in functions.chain(machines) {
        let why = ownership.why_not(&stack.owner);
        absent.extend(why.map(|why| format!("{kind} {name} {why}").into()));
    }
    let not_ready = not_ready(&looks(own)).into_iter();
    let not_ready = not_ready.filter_map(|(name, reading)| match reading {
        Reading::Seen(state) => Some(format!("{} {name} is {state}", Kind::Function).into()),
        Reading::Unseen(_) => None,
    });
    Wrong {
        absent,
        not_ready: not_ready.collect(),
    }
}

/// Only what is certainly wrong is said of the stack; whether the rest is as it must be, the instructor sees.
fn judge_stack(check: &mut CheckResult, wrong: &[Evidence]) {
    check.instructor_hint = None;
    (check.verdict, check.evidence) = match wrong {
        [] => {
            check.hint.clear();
            (Verdict::NotProvable, vec![INSTRUCTOR_SEES.into()])
        }
        wrong => (Verdict::Fail, wrong.to_vec()),
    };
}

/// The one next step: what is wrong with the stack comes before the tasks, and what was seen to be missing before what
/// could not be checked.
pub(crate) fn next_step(checks: &[CheckResult]) -> Option<&str> {
    let first = |work: Option<Work>, verdict: Verdict| {
        let fits = |c: &&CheckResult| c.verdict == verdict && work.is_none_or(|w| c.work == w);
        checks.iter().filter(|c| !c.hint.is_empty()).find(fits)
    };
    let next = first(Some(Work::Stack), Verdict::Fail)
        .or_else(|| first(None, Verdict::Fail))
        .or_else(|| first(None, Verdict::CouldNotCheck))?;
    Some(&next.hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::points::Points;
    use crate::stack::kinds::{Desired, function, state_machine};
    use crate::stack::ownership::Ownership;
    use crate::stack::plan::tests::desired;
    use crate::stack::plan::{Verdict as Found, deploy};

    const BORN_MS: i64 = 1_763_870_000_000;

    /// A stack whose functions are as homeroom recorded them, all last written at this time.
    fn deployed(desired: &Desired, modified_ms: i64) -> OwnStack {
        let (scope, stack) = (&desired.scope, &desired.stacks[0]);
        let ours = Ownership::Ours(stack.owner.clone());
        let mut own = OwnStack::default();
        for spec in &stack.functions {
            let seen = function::Seen {
                name: spec.name.clone(),
                role_arn: scope.role_arn(&desired.class, &spec.role),
                runtime: spec.runtime.clone(),
                handler: spec.handler.clone(),
                timeout_s: spec.timeout_s,
                memory_mib: spec.memory_mib,
                environment: spec.environment.clone(),
                code_sha256: spec.code.sha256.clone(),
                description: spec.description(scope, &stack.owner),
                extras: Default::default(),
                modified_ms: Some(modified_ms),
                ownership: ours.clone(),
            };
            own.functions.push((spec.name.clone(), Default::default()));
            own.observed.functions.insert(spec.name.clone(), seen);
        }
        for spec in &stack.state_machines {
            let machine = state_machine::Seen {
                name: spec.name.clone(),
                arn: scope.state_machine_arn(&spec.name),
                created_ms: Some(BORN_MS),
                detail: None,
                ownership: ours.clone(),
            };
            own.observed
                .state_machines
                .insert(spec.name.clone(), machine);
        }
        let cause = "hidden".to_owned();
        own.observed.gaps.push(Gap {
            kind: Kind::Role,
            name: None,
            student: None,
            cause,
        });
        own
    }

    #[test]
    fn only_what_the_deployment_wrote_is_taken_for_homerooms_own_work() {
        let desired = desired(&["ana"]);
        let (scope, stack) = (&desired.scope, &desired.stacks[0]);
        let name = &stack.functions[0].name;
        let records = |own: &OwnStack| presumed_records(scope, stack, own);
        for (modified_ms, ours) in [
            (BORN_MS - 60_000, true),
            (BORN_MS + DEPLOYMENT_MS, true),
            (BORN_MS + DEPLOYMENT_MS + 1, false),
        ] {
            let records = records(&deployed(&desired, modified_ms));
            assert!(records.elsewhere);
            assert_eq!(records.functions.contains_key(name), ours, "{modified_ms}");
        }
        let mut changed = deployed(&desired, BORN_MS);
        let seen = changed.observed.functions.get_mut(name).unwrap();
        seen.timeout_s += 1;
        assert!(!records(&changed).functions.contains_key(name));
    }

    #[test]
    fn settings_that_only_the_instructor_has_are_no_difference() {
        let mut lab = desired(&["ana"]);
        let mut class = lab.clone();
        let function = &mut class.stacks[0].functions[0];
        function
            .environment
            .insert("LOG_LEVEL".into(), "DEBUG".into());
        function.code.sha256 = "another lab's".into();
        function.reserved_concurrency = Some(2);
        let mut own = deployed(&class, BORN_MS);
        own.functions[0].1.reserved = Some(2);
        let found = |desired: &Desired, own: &OwnStack| {
            let plan = deploy::plan(desired, &own.observed, false);
            plan.students[0].functions().next().map(|item| item.verdict)
        };
        assert_eq!(found(&lab, &own), Some(Found::Update));
        lab.take_deployed(&own);
        assert_eq!(found(&lab, &own), Some(Found::NoChange));
        // What the student changed stays the student's.
        let mut lab = desired(&["ana"]);
        let name = lab.stacks[0].functions[0].name.clone();
        own.observed.functions.get_mut(&name).unwrap().memory_mib += 1;
        lab.take_deployed(&own);
        assert_eq!(found(&lab, &own), Some(Found::Keep));
    }

    fn check(work: Work, verdict: Verdict, hint: &str) -> CheckResult {
        CheckResult {
            work,
            ..CheckResult::of_stack(("a", "A"), verdict, Vec::new(), hint)
        }
    }

    #[test]
    fn the_next_step_is_the_first_that_was_seen_to_be_missing() {
        use Verdict::{CouldNotCheck, Fail, NotProvable, Pass};
        let task = |verdict, hint| check(Work::Student, verdict, hint);
        let mut checks = vec![
            check(Work::Stack, NotProvable, ""),
            task(Pass, ""),
            task(CouldNotCheck, "unsure"),
            task(NotProvable, "for yourself"),
        ];
        assert_eq!(next_step(&checks), Some("unsure"));
        checks.extend([task(Fail, "first"), task(Fail, "second")]);
        assert_eq!(next_step(&checks), Some("first"));
        checks.push(check(Work::Stack, Fail, "tell your instructor"));
        assert_eq!(next_step(&checks), Some("tell your instructor"));
        assert_eq!(next_step(&checks[..2]), None);
    }

    #[test]
    fn of_the_stack_only_what_is_certainly_wrong_is_said() {
        let mut unseen = check(Work::Stack, Verdict::CouldNotCheck, "hint");
        judge_stack(&mut unseen, &[]);
        assert_eq!(unseen.verdict, Verdict::NotProvable);
        assert_eq!((unseen.hint.as_str(), unseen.points), ("", Points::ZERO));
        assert_eq!(
            Progress::of(&[unseen]),
            Progress::Complete,
            "it stops nobody"
        );
        let mut wrong = check(Work::Stack, Verdict::CouldNotCheck, "hint");
        judge_stack(&mut wrong, &["the state machine x is missing".into()]);
        assert_eq!(
            (wrong.verdict, wrong.hint.as_str()),
            (Verdict::Fail, "hint")
        );
        assert_eq!(Progress::of(&[wrong]), Progress::Broken);
    }
}
