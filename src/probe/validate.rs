//! Proves that a stack works: everything is there and ready, and each of the lab's probes ends as it must.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::aws::stop::Cancelled;
use crate::aws::{Client, FunctionState};
use crate::error::{Error, Exit};
use crate::events::Event;
use crate::evidence::check::{AS_DEPLOYED, CheckResult, Evidence, STACK_CHECKS, Verdict};
use crate::evidence::evaluate::{Facts, StackAct, evaluate};
use crate::evidence::functions::{FunctionLook, look_at_functions, not_ready};
use crate::ids::Username;
use crate::lab::ProbeRequest;
use crate::lab::check::{Proof, stack_check};
use crate::lab::marks::{NONCE_LENGTH, nonce};
use crate::probe::attempt::{Explanation, ProbeTrouble, function_behind, run_probe};
use crate::probe::deadline::Deadline;
use crate::probe::patience::{Patience, dates};
use crate::roster::Student;
use crate::stack::kinds::Stack;
use crate::stack::kinds::function::TAG_FROZEN;
use crate::stack::plan::{StudentPlan, Verdict as Found};

pub use crate::probe::attempt::Validation;

const CORRECT_THE_CODE: &str = "The function's code cannot be loaded, and waiting does not mend that: the student opens it in the \
     Lambda console, corrects what the error names, and presses Deploy.";

/// How long a change of a function may take.
const FUNCTIONS_SETTLE: Duration = Duration::from_secs(60);

/// Validates one student's stack: the results of all checks, in order. Emits each one at once.
///
/// # Errors
/// Only when the run is stopped.
pub async fn validate(
    client: &Client,
    validation: &Validation<'_>,
) -> Result<Vec<CheckResult>, Cancelled> {
    let student = &validation.plan.owner.student;
    let tell = |result: &CheckResult| client.emit(result.finished(student));
    let functions = settled_functions(client, student, validation.stack).await?;
    let facts = Facts {
        functions_not_ready: not_ready(&functions),
        ..Facts::default()
    };
    let command = |options: &str| {
        format!(
            "run `{} deploy {options}--students {student}`",
            validation.invocation
        )
    };
    let act_by = |words: &str| format!("{} {words} --students {student}", validation.invocation);
    let redeploy = match validation.plan.first(Found::Conflict) {
        Some(item) => validation.plan.conflict_hint(Some(item)),
        None => StackAct::of(validation.plan, &facts).words(&act_by),
    };
    let reserved = reserved_otherwise(validation.stack, &functions);
    let theirs = |plan: &StudentPlan| plan.items.iter().any(|item| item.theirs.is_some());
    let mend = match validation.plan.first(Found::Update) {
        Some(_) => format!(
            "`{}` brings the stack to what the lab is now.",
            act_by("deploy")
        ),
        // A rehearsal has no command to propose.
        None if validation.invocation.is_empty() => String::new(),
        None if theirs(validation.plan) || !reserved.is_empty() => StackAct::Reset.words(&act_by),
        // All is as the lab has it, so a reset would change nothing.
        None => String::new(),
    };
    let [exist, ready] = STACK_CHECKS;
    let mut results: Vec<CheckResult> = [
        (exist, "Resources exist", Proof::ResourcesExist),
        (ready, "Resources are ready", Proof::ResourcesReady),
    ]
    .map(|(id, title, proof)| {
        let check = stack_check(id, title, &redeploy, proof);
        evaluate(&check, validation.plan, &facts)
    })
    .into();
    let mut broken = Known::of(&results);
    results.push(as_deployed(validation.plan, reserved, &command("--reset ")));
    results.iter().for_each(tell);
    let frozen = functions.iter().any(|(_, look)| {
        let state = look.as_ref();
        state.is_ok_and(|state| state.tags.contains_key(TAG_FROZEN))
    });
    let Validation { scope, stack, .. } = validation;
    let mut dates = dates(scope, stack, validation.observed, validation.plan);
    dates.extend(validation.deployed_ms.map(Some));
    let mut patience = Patience::of(&dates, validation.started_ms);
    for probe in validation.probes {
        let blocked = |why: &str, hint| Err(ProbeTrouble::Blocked(why.to_owned(), hint));
        let outcome = if let Some(known) = broken.explains(validation.stack, &probe.request) {
            Err(ProbeTrouble::Explained(known.clone()))
        } else if frozen {
            let why = "not tried: the student is frozen, so nothing of theirs runs";
            let thaw = format!("{} access thaw --students {student}", validation.invocation);
            blocked(why, Some(format!("`{thaw}` lets it run again")))
        } else {
            run_probe(client, validation, probe, &functions, &mut patience).await
        };
        let (verdict, evidence, hint) = match outcome {
            Ok(evidence) => (Verdict::Pass, vec![evidence], String::new()),
            Err(ProbeTrouble::Wrong(what)) => {
                let hint = format!("{} {mend}", probe.hint).trim_end().to_owned();
                (Verdict::Fail, vec![*what], hint)
            }
            Err(ProbeTrouble::CannotBegin(found)) => {
                let hint = format!("{CORRECT_THE_CODE} {mend}").trim_end().to_owned();
                let evidence = vec![Evidence::from(found.sentence())];
                broken.functions.insert(
                    found.function,
                    Explanation {
                        evidence: evidence.clone(),
                        hint: hint.clone(),
                    },
                );
                (Verdict::Fail, evidence, hint)
            }
            Err(ProbeTrouble::Explained(known)) => {
                (Verdict::CouldNotCheck, known.evidence, known.hint)
            }
            Err(ProbeTrouble::Blocked(what, hint)) => (
                Verdict::CouldNotCheck,
                vec![what.into()],
                hint.unwrap_or_else(|| probe.hint.clone()),
            ),
            Err(ProbeTrouble::Cancelled) => return Err(Cancelled),
        };
        if verdict != Verdict::Pass && broken.probe.is_none() {
            broken.probe = Some(Explanation {
                evidence: evidence.clone(),
                hint: hint.clone(),
            });
        }
        let about = (probe.id.as_str(), probe.title.as_str());
        let result = CheckResult::of_stack(about, verdict, evidence, hint);
        tell(&result);
        results.push(result);
    }
    Ok(results)
}

/// What is known to be wrong with a stack, so that what follows from it is not tried, and said in the same words: it is one
/// cause, however many checks it fails.
struct Known {
    /// Of the stack itself.
    stack: Option<Explanation>,
    /// Of a function.
    functions: BTreeMap<String, Explanation>,
    /// The first probe that did not succeed.
    probe: Option<Explanation>,
}

impl Known {
    fn of(checks: &[CheckResult]) -> Self {
        let failed = checks.iter().find(|check| check.verdict != Verdict::Pass);
        Self {
            stack: failed.map(|check| Explanation {
                evidence: check.evidence.clone(),
                hint: check.hint.clone(),
            }),
            functions: BTreeMap::new(),
            probe: None,
        }
    }

    /// Why a probe cannot succeed.
    fn explains(&self, stack: &Stack, request: &ProbeRequest) -> Option<&Explanation> {
        let of_function = || self.functions.get(function_behind(stack, request)?);
        // Nothing writes the log events of executions that did not end as they must.
        let of_executions = || {
            let events = matches!(request, ProbeRequest::LogEvents { .. });
            self.probe.as_ref().filter(|_| events)
        };
        let known = self.stack.as_ref().or_else(of_function);
        known.or_else(of_executions)
    }
}

/// Whether the student changed anything. They may, and the change may explain why a probe fails.
fn as_deployed(plan: &StudentPlan, reserved: Vec<String>, reset: &str) -> CheckResult {
    let theirs = plan.items.iter();
    let theirs = theirs.filter_map(|i| Some(format!("{}: {}", i.resource, i.theirs.as_ref()?)));
    let changed: Vec<Evidence> = theirs.chain(reserved).map(Evidence::from).collect();
    let about = (AS_DEPLOYED, "Resources are as deployed");
    if changed.is_empty() {
        let unchanged = vec!["nothing was changed since".into()];
        return CheckResult::of_stack(about, Verdict::Pass, unchanged, "");
    }
    let hint =
        format!("this is the student's work, and homeroom keeps it; to put it back, {reset}");
    CheckResult::of_stack(about, Verdict::Fail, changed, hint)
}

/// Functions whose reserved concurrency is not what the lab says, frozen ones aside. The check on readiness names those
/// that could not be read.
fn reserved_otherwise(stack: &Stack, functions: &[FunctionLook]) -> Vec<String> {
    let said = |reserved: Option<u32>| match reserved {
        Some(reserved) => reserved.to_string(),
        None => "not set".to_owned(),
    };
    let looked_at = functions.iter().filter_map(|(name, look)| {
        let wanted = stack.functions.iter().find(|f| f.name == *name)?;
        Some((wanted, look.as_ref().ok()?))
    });
    looked_at
        .filter(|(wanted, state)| {
            state.reserved != wanted.reserved_concurrency && !state.tags.contains_key(TAG_FROZEN)
        })
        .map(|(wanted, state)| {
            format!(
                "Lambda function {}: its reserved concurrency is {}, the lab says {}",
                wanted.name,
                said(state.reserved),
                said(wanted.reserved_concurrency)
            )
        })
        .collect()
}

/// The student's functions, once none of them is changing: the student may have saved a change a moment ago.
async fn settled_functions(
    client: &Client,
    student: &Username,
    stack: &Stack,
) -> Result<Vec<FunctionLook>, Cancelled> {
    let mut deadline = Deadline::new(FUNCTIONS_SETTLE);
    loop {
        let names = stack
            .functions
            .iter()
            .map(|function| function.name.as_str());
        let looks = look_at_functions(client, student, names).await?;
        let on_its_way = |look: &FunctionLook| matches!(&look.1, Ok(state) if !is_final(state));
        if !looks.iter().any(on_its_way) || !deadline.pause(client).await? {
            return Ok(looks);
        }
    }
}

/// Whether the state no longer changes by itself.
fn is_final(state: &FunctionState) -> bool {
    let states = ["", "Active", "Inactive", "Failed"];
    states.contains(&state.state.as_str()) && state.last_update_status != "InProgress"
}

/// Records a nonce for a student's stack. The run log has it before a request bears it if the caller yields once in between
/// (see `dispatcher::run`).
pub fn issue_nonce(client: &Client, student: &Username, nonce: &str) {
    client.emit(Event::NonceIssued {
        student: student.clone(),
        nonce: nonce.to_owned(),
    });
}

/// Makes and records a nonce for each student, in their order. This run's requests to the student's stack bear it, so that
/// homeroom knows its own executions. The run log has the nonces before any request bears one.
///
/// # Errors
/// When the system has no random bytes.
pub(crate) async fn issue_nonces(
    client: &Client,
    students: &[Student],
) -> Result<Vec<String>, Error> {
    let mut nonces = Vec::new();
    for student in students {
        let mut random = [0_u8; NONCE_LENGTH];
        getrandom::fill(&mut random).map_err(|error| {
            let cause = format!("no random bytes: {error}");
            Error::new(Exit::General, "validate", cause)
        })?;
        let nonce = nonce(random);
        issue_nonce(client, &student.username, &nonce);
        nonces.push(nonce);
    }
    // See `dispatcher::run`: events are handled before the work goes on.
    tokio::task::yield_now().await;
    Ok(nonces)
}
