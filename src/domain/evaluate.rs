//! Facts of one student → what came of each check. Pure: what could not be read is a fact too.

use std::collections::BTreeMap;

use serde_json::Value;

use super::check::{Check, CheckResult, Proof, Verdict, Work};
use super::execution::{Execution, Starter, Status};
use super::plan::{StudentPlan, Verdict as Found};
use super::resources::Kind;

/// Something that was to be read.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading<T> {
    /// It was read.
    Seen(T),
    /// It could not be; why, with operation and error code.
    Unseen(String),
}

/// What was read of one student.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Functions that are not ready to run, by name, with what AWS says of them.
    pub functions_not_ready: Vec<(String, Reading<String>)>,
    /// Executions by the state machine's id in the lab, newest first, with who started each.
    pub executions: BTreeMap<String, Reading<Vec<(Starter, Execution)>>>,
    /// Whether there are log events, by the function's id in the lab.
    pub log_events: BTreeMap<String, Reading<bool>>,
}

impl Facts {
    /// Whether the student has an execution of their own of a state machine (id in the lab).
    fn has_own_execution(&self, state_machine: &str) -> Reading<bool> {
        match self.executions.get(state_machine) {
            Some(Reading::Seen(all)) => {
                Reading::Seen(all.iter().any(|(starter, _)| *starter != Starter::Homeroom))
            }
            Some(Reading::Unseen(why)) => Reading::Unseen(why.clone()),
            None => Reading::Seen(false),
        }
    }
}

/// Answers one check.
pub fn evaluate(check: &Check, plan: &StudentPlan, facts: &Facts) -> CheckResult {
    let (verdict, evidence) = match &check.proof {
        Proof::ResourcesExist => resources_exist(plan),
        Proof::ResourcesReady => resources_ready(plan, facts),
        Proof::Executions { state_machine, .. } => match facts.executions.get(state_machine) {
            Some(Reading::Seen(all)) => executions(&check.proof, all),
            Some(Reading::Unseen(why)) => (Verdict::CouldNotCheck, vec![why.clone()]),
            None => (Verdict::Fail, vec!["no executions yet".to_owned()]),
        },
        Proof::LogEvents {
            functions,
            own_execution_of,
        } => log_events(functions, own_execution_of.as_deref(), facts),
        Proof::Unprovable { why } => (Verdict::NotProvable, vec![why.clone()]),
    };
    CheckResult {
        id: check.id.clone(),
        title: check.title.clone(),
        work: check.work,
        points: check.points,
        hint: match verdict {
            Verdict::Pass => String::new(),
            _ => check.hint.clone(),
        },
        verdict,
        evidence: evidence.into_iter().map(Into::into).collect(),
    }
}

/// A check of the stack itself, for `validate`, which asks the same without the lab's word for it.
pub fn stack_check(id: &str, title: &str, hint: &str, proof: Proof) -> Check {
    Check {
        id: id.to_owned(),
        title: title.to_owned(),
        work: Work::Stack,
        points: 0,
        hint: hint.to_owned(),
        proof,
    }
}

fn resources_exist(plan: &StudentPlan) -> (Verdict, Vec<String>) {
    let all = plan.items.len();
    if all > 0 && plan.items.iter().all(|i| i.verdict == Found::Create) {
        return (
            Verdict::Fail,
            vec![format!(
                "not deployed: none of the {all} resources is there"
            )],
        );
    }
    let wrong: Vec<String> = plan
        .items
        .iter()
        .filter_map(|item| match item.verdict {
            Found::Create => Some(format!("{} is missing", item.resource)),
            Found::Conflict => Some(format!("{} {}", item.resource, item.why)),
            _ => None,
        })
        .collect();
    if !wrong.is_empty() {
        return (Verdict::Fail, wrong);
    }
    let unseen: Vec<String> = plan
        .items
        .iter()
        .filter(|item| item.verdict == Found::Unknown)
        .map(|item| format!("{} {}", item.resource, item.why))
        .collect();
    if !unseen.is_empty() {
        return (Verdict::CouldNotCheck, unseen);
    }
    (
        Verdict::Pass,
        vec![format!("all {all} resources are there")],
    )
}

fn resources_ready(plan: &StudentPlan, facts: &Facts) -> (Verdict, Vec<String>) {
    if let (Verdict::Fail, why) = resources_exist(plan) {
        return (Verdict::Fail, why);
    }
    let mut wrong = Vec::new();
    let mut unseen = Vec::new();
    for item in &plan.items {
        match (item.verdict, item.resource.kind) {
            (Found::Update, Kind::RestApi | Kind::LogGroup | Kind::Role) => {
                wrong.push(format!("{}: {}", item.resource, item.why));
            }
            (Found::Unknown, _) => unseen.push(format!("{} {}", item.resource, item.why)),
            _ => {}
        }
    }
    for (name, reading) in &facts.functions_not_ready {
        match reading {
            Reading::Seen(state) => wrong.push(format!("Lambda function {name} is {state}")),
            Reading::Unseen(why) => unseen.push(format!("Lambda function {name}: {why}")),
        }
    }
    if !wrong.is_empty() {
        (Verdict::Fail, wrong)
    } else if !unseen.is_empty() {
        (Verdict::CouldNotCheck, unseen)
    } else {
        let kept = plan.items.iter().filter(|i| i.verdict == Found::Keep);
        let mut evidence = vec!["deployed and ready".to_owned()];
        evidence.extend(kept.map(|i| format!("{}: {}", i.resource, i.why)));
        (Verdict::Pass, evidence)
    }
}

fn log_events(
    functions: &[String],
    own_execution_of: Option<&str>,
    facts: &Facts,
) -> (Verdict, Vec<String>) {
    // homeroom's own validation leaves log events too; they are not the student's work.
    match own_execution_of.map(|machine| facts.has_own_execution(machine)) {
        Some(Reading::Unseen(why)) => return (Verdict::CouldNotCheck, vec![why]),
        Some(Reading::Seen(false)) => {
            return (
                Verdict::Fail,
                vec!["no log events of the student's own executions yet".to_owned()],
            );
        }
        Some(Reading::Seen(true)) | None => {}
    }
    let mut missing = Vec::new();
    for id in functions {
        match facts.log_events.get(id) {
            Some(Reading::Seen(true)) => {}
            Some(Reading::Unseen(why)) => return (Verdict::CouldNotCheck, vec![why.clone()]),
            Some(Reading::Seen(false)) | None => missing.push(id.as_str()),
        }
    }
    if missing.is_empty() {
        (
            Verdict::Pass,
            vec!["log events in every log group".to_owned()],
        )
    } else {
        let text = format!("no log events yet of {}", missing.join(", "));
        (Verdict::Fail, vec![text])
    }
}

/// Whether a proof looks at what only DescribeExecution shows of this execution.
pub fn needs_detail(proof: &Proof, starter: Starter, execution: &Execution) -> bool {
    let Proof::Executions {
        started_by,
        status,
        error,
        input,
        one_for_each,
        ..
    } = proof
    else {
        return false;
    };
    execution.detail.is_none()
        && starter != Starter::Homeroom
        && started_by.is_none_or(|wanted| wanted == starter)
        && status.is_none_or(|wanted| wanted == execution.status)
        && (error.is_some() || !input.is_empty() || !one_for_each.is_empty())
}

fn executions(proof: &Proof, all: &[(Starter, Execution)]) -> (Verdict, Vec<String>) {
    let Proof::Executions {
        started_by,
        status,
        error,
        input,
        one_for_each,
        count,
        ..
    } = proof
    else {
        return (Verdict::Fail, Vec::new());
    };
    let mut undescribed = false;
    let matching: Vec<&(Starter, Execution)> = all
        .iter()
        .filter(|(starter, execution)| {
            if *starter == Starter::Homeroom
                || started_by.is_some_and(|wanted| wanted != *starter)
                || status.is_some_and(|wanted| wanted != execution.status)
            {
                return false;
            }
            if needs_detail(proof, *starter, execution) {
                undescribed = true;
                return false;
            }
            let detail = execution.detail.as_ref();
            let input_value = |pointer: &str| detail.and_then(|d| d.input.pointer(pointer));
            error
                .as_ref()
                .is_none_or(|wanted| detail.and_then(|d| d.error.as_ref()) == Some(wanted))
                && input
                    .iter()
                    .all(|(pointer, wanted)| input_value(pointer) == Some(wanted))
        })
        .collect();
    let has_value = |pointer: &str, wanted: &Value| {
        matching.iter().any(|(_, execution)| {
            let detail = execution.detail.as_ref();
            detail.and_then(|d| d.input.pointer(pointer)) == Some(wanted)
        })
    };
    let missing: Vec<String> = one_for_each
        .iter()
        .flat_map(|(pointer, wanted)| wanted.iter().map(move |value| (pointer, value)))
        .filter(|(pointer, value)| !has_value(pointer, value))
        .map(|(_, value)| plain(value))
        .collect();
    let found = matching.len();
    let mut evidence: Vec<String> = matching.iter().take(5).map(|e| describe(e)).collect();
    if found > 5 {
        evidence.push(format!("and {} more", found - 5));
    }
    if missing.is_empty() && found >= *count as usize {
        return (Verdict::Pass, evidence);
    }
    if undescribed {
        evidence.push("some executions could not be read".to_owned());
        return (Verdict::CouldNotCheck, evidence);
    }
    if !missing.is_empty() {
        evidence.push(format!("none yet for {}", missing.join(", ")));
    } else {
        evidence.push(format!("{found} of {count} executions"));
    }
    (Verdict::Fail, evidence)
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn describe((starter, execution): &(Starter, Execution)) -> String {
    let who = match starter {
        Starter::Homeroom => "homeroom",
        Starter::Api => "the API",
        Starter::Person => "a person",
    };
    let when = jiff::Timestamp::from_millisecond(execution.started_ms)
        .map(|t| t.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
        .unwrap_or_default();
    let mut text = format!(
        "{}: {}, started by {who} {when}",
        execution.name,
        execution.status.as_str()
    );
    if let Some(error) = execution.detail.as_ref().and_then(|d| d.error.as_ref()) {
        text.push_str(&format!(", error {error}"));
    }
    text
}

/// Whether an execution that ended well proves that the functions behind it ran.
pub fn proves_ready(facts: &Facts) -> bool {
    facts.executions.values().any(|reading| match reading {
        Reading::Seen(all) => all.iter().any(|(_, e)| e.status == Status::Succeeded),
        Reading::Unseen(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::execution::Detail;
    use serde_json::json;

    fn execution(name: &str, status: Status, detail: Option<(Value, Option<&str>)>) -> Execution {
        Execution {
            arn: format!("arn:{name}"),
            name: name.into(),
            status,
            started_ms: 1_763_870_000_000,
            stopped_ms: None,
            detail: detail.map(|(input, error)| Detail {
                input,
                error: error.map(str::to_owned),
                cause: None,
            }),
        }
    }

    fn api_check() -> Proof {
        serde_json::from_value(json!({
            "kind": "executions", "state_machine": "m", "started_by": "api", "status": "SUCCEEDED",
            "one_for_each": { "/dataType": ["sales_data", "customer_data"] }
        }))
        .unwrap()
    }

    fn by_api(name: &str, data: &str) -> (Starter, Execution) {
        let detail = Some((json!({ "dataType": data }), None));
        (Starter::Api, execution(name, Status::Succeeded, detail))
    }

    #[test]
    fn one_for_each_value_is_needed_and_the_missing_one_is_named() {
        let one = [by_api("a", "sales_data"), by_api("b", "sales_data")];
        let (verdict, evidence) = executions(&api_check(), &one);
        assert_eq!(verdict, Verdict::Fail);
        assert!(evidence.last().unwrap().contains("customer_data"));
        let both = [by_api("a", "sales_data"), by_api("b", "customer_data")];
        assert_eq!(executions(&api_check(), &both).0, Verdict::Pass);
    }

    #[test]
    fn homerooms_own_executions_never_count() {
        let proof: Proof =
            serde_json::from_value(json!({ "kind": "executions", "state_machine": "m" })).unwrap();
        let own = [(Starter::Homeroom, execution("x", Status::Succeeded, None))];
        assert_eq!(executions(&proof, &own).0, Verdict::Fail);
    }

    #[test]
    fn an_execution_that_could_not_be_described_is_not_a_zero() {
        let unread = [(Starter::Api, execution("x", Status::Succeeded, None))];
        assert_eq!(executions(&api_check(), &unread).0, Verdict::CouldNotCheck);
    }

    #[test]
    fn log_events_without_an_execution_of_the_student_prove_nothing() {
        let mut facts = Facts::default();
        facts.executions.insert(
            "m".into(),
            Reading::Seen(vec![(
                Starter::Homeroom,
                execution("x", Status::Succeeded, None),
            )]),
        );
        facts.log_events.insert("f".into(), Reading::Seen(true));
        assert_eq!(
            log_events(&["f".into()], Some("m"), &facts).0,
            Verdict::Fail
        );
        facts.executions.insert(
            "m".into(),
            Reading::Seen(vec![(
                Starter::Person,
                execution("y", Status::Succeeded, None),
            )]),
        );
        assert_eq!(
            log_events(&["f".into()], Some("m"), &facts).0,
            Verdict::Pass
        );
        facts.log_events.insert(
            "f".into(),
            Reading::Unseen("logs:FilterLogEvents: AccessDenied".into()),
        );
        assert_eq!(
            log_events(&["f".into()], Some("m"), &facts).0,
            Verdict::CouldNotCheck
        );
    }
}
