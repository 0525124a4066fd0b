//! Checks of executions: enough of them, by the right starter, with the right end and input.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::aws::execution::{Execution, ExecutionStatus};
use crate::evidence::check::{Evidence, Verdict};
use crate::evidence::evaluate::{Facts, Judgement, Reading, StartUnknown, names_can_be_trusted};
use crate::lab::check::{Check, Proof};
use crate::lab::marks::Starter;
use crate::stack::plan::StudentPlan;
use crate::text::words::plural;

/// Executions that evidence shows at most; the rest is counted.
const SHOWN_MAX: usize = 5;
/// Executions that evidence of a failed check shows at most, as coming nearest.
const NEAR_MAX: usize = 3;
/// Why an execution that looks like the API's does not count yet.
const LOG_SILENT: &str =
    "the log of the function behind the API does not say yet that it started this one";

/// [`Proof::Executions`], and what names of executions show.
struct Wanted<'a> {
    machine: &'a str,
    started_by: Option<Starter>,
    status: Option<ExecutionStatus>,
    error: Option<&'a str>,
    input: &'a BTreeMap<String, Value>,
    one_for_each: &'a BTreeMap<String, Vec<Value>>,
    count: usize,
    /// Whether a name shows homeroom's own executions: see [`names_can_be_trusted`].
    trust_names: bool,
    facts: &'a Facts,
}

enum Fit {
    Fits,
    /// It does not count; why, in words that finish "… does not count: ".
    Not(String),
    /// Only describing it would tell.
    Undescribed,
    /// Everything else fits. Only the log of the function behind the API would tell how it was started.
    Way,
    /// It would fit if it is the student's, and it may be homeroom's.
    Unclear,
    /// homeroom's, or started by another starter than asked for: not mentioned.
    Unrelated,
}

impl<'a> Wanted<'a> {
    fn of(proof: &'a Proof, plan: &StudentPlan, facts: &'a Facts) -> Option<Self> {
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
            trust_names: names_can_be_trusted(plan),
            facts,
        })
    }

    fn looks_inside(&self) -> bool {
        self.error.is_some() || !self.input.is_empty() || !self.one_for_each.is_empty()
    }

    fn fit(&self, (starter, execution): &(Starter, Execution)) -> Fit {
        let starter = *starter;
        let api_prefix = self.facts.api_name_prefix.as_deref();
        let named_by_the_api = || api_prefix.is_some_and(|p| execution.name.starts_with(p));
        let other_way = self.started_by.is_some_and(|wanted| wanted != starter);
        match starter {
            Starter::Homeroom => return Fit::Unrelated,
            Starter::Unclear if self.facts.records_elsewhere => return Fit::Unrelated,
            Starter::Api | Starter::Person if other_way => return Fit::Unrelated,
            // Only the log can show that a person started it, and not the API.
            Starter::Student if self.started_by == Some(Starter::Person) && named_by_the_api() => {
                return Fit::Unrelated;
            }
            _ => {}
        }
        if let Some(status) = self.status.filter(|wanted| *wanted != execution.status) {
            return Fit::Not(format!("{} is needed", status.as_str()));
        }
        let Some(detail) = &execution.detail else {
            let names_tell = self.trust_names && !self.facts.may_be_homerooms(execution);
            return match self.looks_inside() || !names_tell {
                true => Fit::Undescribed,
                false => self.known_but_the_way(starter),
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
            None => self.known_but_the_way(starter),
        }
    }

    /// The fit of an execution of which everything else fits.
    fn known_but_the_way(&self, starter: Starter) -> Fit {
        match starter {
            Starter::Unclear => Fit::Unclear,
            Starter::Student if self.started_by.is_some() => Fit::Way,
            _ => Fit::Fits,
        }
    }

    /// The values that each need an execution, with the pointer at which each must stand.
    fn values(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let pointers = self.one_for_each.iter();
        pointers.flat_map(|(pointer, values)| values.iter().map(move |v| (pointer.as_str(), v)))
    }

    /// Those of the values that no execution has yet.
    fn missing(&self, matching: &[&(Starter, Execution)]) -> Vec<(&'a str, &'a Value)> {
        let has = |pointer, value| matching.iter().any(|(_, e)| has_value(e, pointer, value));
        self.values()
            .filter(|(pointer, value)| !has(pointer, value))
            .collect()
    }

    /// The best proof, as much as is shown: one execution for each value, then the newest.
    fn best<'e>(&self, matching: &[&'e (Starter, Execution)]) -> Vec<&'e (Starter, Execution)> {
        let for_values = self
            .values()
            .filter_map(|(pointer, v)| matching.iter().find(|(_, e)| has_value(e, pointer, v)));
        let mut seen = BTreeSet::new();
        for_values
            .chain(matching)
            .copied()
            .filter(|(_, execution)| seen.insert(&execution.arn))
            .take(SHOWN_MAX)
            .collect()
    }
}

/// Whether an execution that failed did so as a task asks; `None` where only describing it would tell.
pub(crate) fn is_asked_for(
    checks: &[Check],
    plan: &StudentPlan,
    facts: &Facts,
    one: &(Starter, Execution),
) -> Option<bool> {
    let mut asked = Some(false);
    let wanted = checks
        .iter()
        .filter_map(|check| Wanted::of(&check.proof, plan, facts));
    let failing = |wanted: &Wanted<'_>| {
        wanted.error.is_some()
            || wanted
                .status
                .is_some_and(|s| s != ExecutionStatus::Succeeded)
    };
    for wanted in wanted.filter(failing) {
        match wanted.fit(one) {
            Fit::Fits | Fit::Way | Fit::Unclear => return Some(true),
            Fit::Undescribed => asked = None,
            Fit::Not(_) | Fit::Unrelated => {}
        }
    }
    asked
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

/// The execution to describe next for a proof that does not hold yet: one whose name has a value that is still
/// missing, else the newest. The name only decides the order; the input decides. `until_ms`: only executions that had
/// started by then count. `None`: describing more changes nothing.
pub(crate) fn next_to_describe(
    proof: &Proof,
    plan: &StudentPlan,
    all: &[(Starter, Execution)],
    facts: &Facts,
    until_ms: Option<i64>,
) -> Option<usize> {
    let wanted = Wanted::of(proof, plan, facts)?;
    let mut matching = Vec::new();
    let mut undescribed = Vec::new();
    for (index, one) in started_by(all, until_ms) {
        match wanted.fit(one) {
            // How it was started is asked next, and may be right.
            Fit::Fits | Fit::Way => matching.push(one),
            Fit::Undescribed if !facts.unsettled.contains_key(&one.1.arn) => {
                undescribed.push(index)
            }
            _ => {}
        }
    }
    let missing = wanted.missing(&matching);
    if missing.is_empty() && matching.len() >= wanted.count {
        return None;
    }
    let newest = *undescribed.first()?;
    let words: Vec<String> = missing
        .iter()
        .map(|(_, value)| *value)
        .chain(wanted.input.values())
        .map(|value| letters(&plain(value)))
        .filter(|word| !word.is_empty())
        .collect();
    let speaks = |index: &&usize| {
        let name = letters(&all[**index].1.name);
        words.iter().any(|word| name.contains(word))
    };
    Some(undescribed.iter().find(speaks).copied().unwrap_or(newest))
}

/// The executions to ask the log about, best first: those that a proof which does not hold yet would count if they were
/// started in the right way. No more than the proof still lacks. `until_ms`: as in [`next_to_describe`].
pub(crate) fn to_prove(
    proof: &Proof,
    plan: &StudentPlan,
    all: &[(Starter, Execution)],
    facts: &Facts,
    until_ms: Option<i64>,
) -> Vec<usize> {
    let Some(wanted) = Wanted::of(proof, plan, facts) else {
        return Vec::new();
    };
    let mut matching = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for (index, one) in started_by(all, until_ms) {
        match wanted.fit(one) {
            Fit::Fits => matching.push(one),
            Fit::Way if !facts.starts_unknown.contains_key(&one.1.arn) => open.push(index),
            _ => {}
        }
    }
    let missing = wanted.missing(&matching);
    let lacking = wanted
        .count
        .saturating_sub(matching.len())
        .max(missing.len());
    let for_values = missing.iter().filter_map(|(pointer, value)| {
        let mut open = open.iter().copied();
        open.find(|index| has_value(&all[*index].1, pointer, value))
    });
    let mut chosen: Vec<usize> = for_values.collect();
    // Executions without a missing value help only where more are wanted than there are values.
    if wanted.count > matching.len() + missing.len() {
        chosen.extend(&open);
    }
    let mut seen = BTreeSet::new();
    chosen.retain(|index| seen.insert(*index));
    chosen.truncate(lacking);
    chosen
}

/// The executions that had started by then, with their places.
fn started_by(
    all: &[(Starter, Execution)],
    until_ms: Option<i64>,
) -> impl Iterator<Item = (usize, &(Starter, Execution))> {
    let until_ms = until_ms.unwrap_or(i64::MAX);
    let all = all.iter().enumerate();
    all.filter(move |(_, (_, execution))| execution.started_ms <= until_ms)
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
    let wanted = Wanted::of(proof, plan, facts)?;
    let Some(Reading::Seen(all)) = facts.executions.get(wanted.machine) else {
        return None;
    };
    let matching: Vec<_> = all
        .iter()
        .filter(|one| matches!(wanted.fit(one), Fit::Fits))
        .collect();
    Some(match wanted.values().count() {
        0 => (matching.len(), wanted.count),
        values => (values - wanted.missing(&matching).len(), values),
    })
}

pub(super) fn judge(proof: &Proof, plan: &StudentPlan, facts: &Facts) -> Judgement {
    let Some(wanted) = Wanted::of(proof, plan, facts) else {
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
    let mut matching = Vec::new();
    let mut near = Vec::new();
    let mut undescribed = Vec::new();
    let mut ways = Vec::new();
    let mut unclear = 0;
    for one in all {
        match wanted.fit(one) {
            Fit::Fits => matching.push(one),
            Fit::Not(why) if near.len() < NEAR_MAX => near.push((one, why)),
            Fit::Way => match facts.starts_unknown.get(&one.1.arn) {
                Some(StartUnknown::NotYet) => near.push((one, LOG_SILENT.to_owned())),
                way => ways.push((one, way)),
            },
            Fit::Undescribed => undescribed.push(one),
            Fit::Unclear => unclear += 1,
            Fit::Not(_) | Fit::Unrelated => {}
        }
    }
    let missing = wanted.missing(&matching);
    let found = matching.len();
    let mut evidence: Vec<_> = wanted
        .best(&matching)
        .into_iter()
        .map(|(starter, execution)| facts.evidence_of(*starter, execution))
        .collect();
    if found > SHOWN_MAX {
        evidence.push(format!("and {} more", found - SHOWN_MAX).into());
    }
    if let Some(changed) = &facts.trigger_changed
        && found > 0
        && wanted.started_by.is_some()
    {
        // The executions were proven before the change.
        evidence.push(format!("{} {}", changed.resource, changed.summary).into());
    }
    if missing.is_empty() && found >= wanted.count {
        return (Verdict::Pass, evidence);
    }
    let lacking = wanted.count.saturating_sub(found).max(missing.len());
    // Another execution for a value that has one already changes nothing.
    let helps = |one: &(Starter, Execution)| {
        let has = |(pointer, value): &(&str, &Value)| has_value(&one.1, pointer, value);
        wanted.count > found + missing.len() || missing.iter().any(has)
    };
    let ways: Vec<_> = ways
        .into_iter()
        .filter_map(|(one, way)| helps(one).then_some(way))
        .collect();
    let unknown = unknown(&wanted, facts, &undescribed, &ways, unclear, lacking);
    if !unknown.is_empty() {
        evidence.extend(unknown.into_iter().map(Into::into));
        return (Verdict::CouldNotCheck, evidence);
    }
    evidence.push(Evidence::from(if !missing.is_empty() {
        let names: Vec<String> = missing.iter().map(|(_, value)| plain(value)).collect();
        format!("none yet for {}", names.join(", "))
    } else if all.iter().any(|(s, _)| s.is_students()) {
        format!("{found} of {} executions", wanted.count)
    } else {
        "no executions of the student's own yet".to_owned()
    }));
    for ((starter, execution), why) in near.into_iter().take(NEAR_MAX) {
        evidence.push(Evidence {
            text: format!("does not count: {why}"),
            ..facts.evidence_of(*starter, execution)
        });
    }
    (Verdict::Fail, evidence)
}

/// What is not known and could make the proof hold.
fn unknown(
    wanted: &Wanted<'_>,
    facts: &Facts,
    undescribed: &[&(Starter, Execution)],
    ways: &[Option<&StartUnknown>],
    unclear: usize,
    lacking: usize,
) -> Vec<String> {
    let mut unknown = Vec::new();
    if !undescribed.is_empty() {
        let unsettled = undescribed
            .iter()
            .find_map(|one| facts.unsettled.get(&one.1.arn));
        let why = facts.undescribed.as_ref().or(unsettled);
        unknown.push(format!(
            "{} could not be read: {}",
            plural(undescribed.len(), "execution"),
            why.map_or("not tried", String::as_str)
        ));
    }
    if !ways.is_empty() {
        let why = ways.iter().find_map(|way| match way {
            Some(StartUnknown::Unseen(why)) => Some(why.as_str()),
            _ => None,
        });
        unknown.push(format!(
            "how {} started could not be checked: {}",
            match ways.len() {
                1 => "1 execution was".to_owned(),
                n => format!("{n} executions were"),
            },
            why.unwrap_or("one reading asks about a few only; the next one goes on")
        ));
    }
    // If they are too few to make the proof hold, it does not matter whose they are.
    if unclear > 0 && unclear + ways.len() + undescribed.len() >= lacking {
        unknown.push(format!(
            "{} like homeroom's own, of which this computer has no record; was the class validated from another one? \
             The run logs in its reports folder tell",
            match unclear {
                1 => "1 execution looks".to_owned(),
                n => format!("{n} executions look"),
            },
        ));
    }
    if let Some(listed) = facts.cut_off.get(wanted.machine) {
        unknown.push(beyond(*listed));
    }
    unknown
}

/// Why older executions are not known.
pub(super) fn beyond(listed: usize) -> String {
    format!("there are more than {listed} executions; older ones were not read")
}
