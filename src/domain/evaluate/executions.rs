//! Checks of executions: enough of them, by the right starter, with the right end and input.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Answer, Facts, Reading, names_can_be_trusted};
use crate::domain::check::{Proof, Verdict};
use crate::domain::execution::{Execution, Starter, Status};
use crate::domain::plan::StudentPlan;

/// Executions that evidence shows at most; the rest is counted.
const SHOWN_MAX: usize = 5;
/// Executions that evidence of a failed check shows at most, as coming nearest.
const NEAR_MAX: usize = 3;

/// [`Proof::Executions`], borrowed.
struct Wanted<'a> {
    machine: &'a str,
    started_by: Option<Starter>,
    status: Option<Status>,
    error: Option<&'a str>,
    input: &'a BTreeMap<String, Value>,
    one_for_each: &'a BTreeMap<String, Vec<Value>>,
    count: usize,
}

/// How an execution stands to what is wanted.
enum Fit {
    Fits,
    /// It does not count; why, in words that finish "… does not count: ".
    Not(String),
    /// Only describing it would tell.
    Undescribed,
    /// homeroom's, or somebody else's than asked for: not worth a word.
    Unrelated,
}

impl<'a> Wanted<'a> {
    fn of(proof: &'a Proof) -> Option<Self> {
        let Proof::Executions {
            state_machine,
            started_by,
            status,
            error,
            input,
            one_for_each,
            count,
        } = proof
        else {
            return None;
        };
        Some(Self {
            machine: state_machine,
            started_by: *started_by,
            status: *status,
            error: error.as_deref(),
            input,
            one_for_each,
            count: *count as usize,
        })
    }

    fn looks_inside(&self) -> bool {
        self.error.is_some() || !self.input.is_empty() || !self.one_for_each.is_empty()
    }

    fn fit(&self, starter: Starter, execution: &Execution, trust_names: bool) -> Fit {
        if starter == Starter::Homeroom || self.started_by.is_some_and(|wanted| wanted != starter) {
            return Fit::Unrelated;
        }
        if let Some(status) = self.status.filter(|wanted| *wanted != execution.status) {
            return Fit::Not(format!("{} is needed", status.as_str()));
        }
        let Some(detail) = &execution.detail else {
            return if self.looks_inside() || !trust_names {
                Fit::Undescribed
            } else {
                Fit::Fits
            };
        };
        if let Some(error) = self.error.filter(|e| detail.error.as_deref() != Some(*e)) {
            return Fit::Not(format!("error {error} is needed"));
        }
        let differs =
            |(pointer, value): &(&String, &Value)| detail.input.pointer(pointer) != Some(*value);
        match self.input.iter().find(differs) {
            Some((pointer, value)) => {
                Fit::Not(format!("{pointer} of its input must be {}", plain(value)))
            }
            None => Fit::Fits,
        }
    }

    /// The values that no execution has yet, with the pointer at which each must stand.
    fn missing(&self, matching: &[&(Starter, Execution)]) -> Vec<(&'a str, &'a Value)> {
        let has = |pointer: &str, value: &Value| {
            matching.iter().any(|(_, e)| has_value(e, pointer, value))
        };
        self.one_for_each
            .iter()
            .flat_map(|(pointer, values)| values.iter().map(move |v| (pointer.as_str(), v)))
            .filter(|(pointer, value)| !has(pointer, value))
            .collect()
    }

    /// What proves it best: one execution for each value, then the newest.
    fn best<'e>(&self, matching: &[&'e (Starter, Execution)]) -> Vec<&'e (Starter, Execution)> {
        let mut best: Vec<&(Starter, Execution)> = Vec::new();
        let values = self
            .one_for_each
            .iter()
            .flat_map(|(pointer, values)| values.iter().map(move |v| (pointer, v)));
        let for_values = values
            .filter_map(|(pointer, v)| matching.iter().find(|(_, e)| has_value(e, pointer, v)));
        for found in for_values.chain(matching) {
            if !best.iter().any(|b| b.1.arn == found.1.arn) {
                best.push(found);
            }
        }
        best
    }
}

fn has_value(execution: &Execution, pointer: &str, value: &Value) -> bool {
    let detail = execution.detail.as_ref();
    detail.and_then(|d| d.input.pointer(pointer)) == Some(value)
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether a proof cannot tell whether this execution counts before it is described.
pub fn needs_detail(
    proof: &Proof,
    starter: Starter,
    execution: &Execution,
    trust_names: bool,
) -> bool {
    Wanted::of(proof).is_some_and(|wanted| {
        matches!(
            wanted.fit(starter, execution, trust_names),
            Fit::Undescribed
        )
    })
}

/// The execution that is best described next for a proof that does not hold yet: one whose name speaks of
/// something that is still missing, else the newest. The name only decides the order; what counts is the input.
/// `None`: describing more changes nothing.
pub fn next_to_describe(
    proof: &Proof,
    plan: &StudentPlan,
    all: &[(Starter, Execution)],
) -> Option<usize> {
    let wanted = Wanted::of(proof)?;
    let trust_names = names_can_be_trusted(plan);
    let matching: Vec<_> = all
        .iter()
        .filter(|(s, e)| matches!(wanted.fit(*s, e, trust_names), Fit::Fits))
        .collect();
    let missing = wanted.missing(&matching);
    if missing.is_empty() && matching.len() >= wanted.count {
        return None;
    }
    let mut undescribed = all
        .iter()
        .enumerate()
        .filter(|(_, (s, e))| matches!(wanted.fit(*s, e, trust_names), Fit::Undescribed))
        .map(|(index, (_, execution))| (index, letters(&execution.name)));
    let newest = undescribed.next()?;
    let speaks = |name: &str| {
        let of_missing = missing.iter().map(|(_, value)| *value);
        of_missing.chain(wanted.input.values()).any(|value| {
            let word = letters(&plain(value));
            !word.is_empty() && name.contains(&word)
        })
    };
    let index = std::iter::once(newest.clone())
        .chain(undescribed)
        .find(|(_, name)| speaks(name))
        .map_or(newest.0, |(index, _)| index);
    Some(index)
}

/// A text's letters and digits in lower case, so that `sales_data` is found in `api-user1-sales-data-…`.
fn letters(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// How many of the wanted values have an execution, of how many; of how many executions there are, where no values
/// are wanted. `None` when the executions could not be listed.
pub(super) fn counted(proof: &Proof, plan: &StudentPlan, facts: &Facts) -> Option<(usize, usize)> {
    let wanted = Wanted::of(proof)?;
    let Some(Reading::Seen(all)) = facts.executions.get(wanted.machine) else {
        return None;
    };
    let trust_names = names_can_be_trusted(plan);
    let matching: Vec<_> = all
        .iter()
        .filter(|(s, e)| matches!(wanted.fit(*s, e, trust_names), Fit::Fits))
        .collect();
    let values: usize = wanted.one_for_each.values().map(Vec::len).sum();
    Some(match values {
        0 => (matching.len(), wanted.count),
        _ => (values - wanted.missing(&matching).len(), values),
    })
}

pub(super) fn judge(proof: &Proof, plan: &StudentPlan, facts: &Facts) -> Answer {
    let Some(wanted) = Wanted::of(proof) else {
        return (Verdict::CouldNotCheck, Vec::new());
    };
    let all = match facts.executions.get(wanted.machine) {
        Some(Reading::Seen(all)) => all.as_slice(),
        Some(Reading::Unseen(why)) => {
            return (Verdict::CouldNotCheck, vec![why.as_str().into()]);
        }
        None => {
            let text = "its executions were not read";
            return (Verdict::CouldNotCheck, vec![text.into()]);
        }
    };
    let trust_names = names_can_be_trusted(plan);
    let mut matching = Vec::new();
    let mut near = Vec::new();
    let mut undescribed = 0;
    for one in all {
        match wanted.fit(one.0, &one.1, trust_names) {
            Fit::Fits => matching.push(one),
            Fit::Not(why) => near.push((one, why)),
            Fit::Undescribed => undescribed += 1,
            Fit::Unrelated => {}
        }
    }
    let missing = wanted.missing(&matching);
    let found = matching.len();
    let best = wanted.best(&matching);
    let mut evidence: Vec<_> = best
        .iter()
        .take(SHOWN_MAX)
        .map(|(starter, execution)| facts.evidence_of(*starter, execution))
        .collect();
    if found > SHOWN_MAX {
        evidence.push(format!("and {} more", found - SHOWN_MAX).into());
    }
    if missing.is_empty() && found >= wanted.count {
        return (Verdict::Pass, evidence);
    }
    if undescribed > 0 {
        let why = facts.undescribed.as_deref().unwrap_or("not tried");
        evidence.push(format!("{undescribed} executions could not be read: {why}").into());
        return (Verdict::CouldNotCheck, evidence);
    }
    evidence.push(
        if !missing.is_empty() {
            let names: Vec<String> = missing.iter().map(|(_, value)| plain(value)).collect();
            format!("none yet for {}", names.join(", "))
        } else if all.iter().all(|(s, _)| *s == Starter::Homeroom) {
            "no executions of the student's own yet".to_owned()
        } else {
            format!("{found} of {} executions", wanted.count)
        }
        .into(),
    );
    for ((starter, execution), why) in near.into_iter().take(NEAR_MAX) {
        let mut shown = facts.evidence_of(*starter, execution);
        shown.text = format!("does not count: {why}");
        evidence.push(shown);
    }
    (Verdict::Fail, evidence)
}
