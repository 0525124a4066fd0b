//! The results of checks, with their evidence.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aws::execution::{Execution, ExecutionStatus, when};
use crate::events::Event;
use crate::evidence::history::RootCause;
use crate::ids::Username;
use crate::lab::check::{Check, Proof, Work};
use crate::lab::marks::Starter;
use crate::lab::points::Points;
use crate::text::shortened;

/// Longest text of an input in a sentence, in characters.
const INPUT_SHOWN_MAX: usize = 160;

/// What `validate` asks of every stack: is everything there, is it ready?
pub(crate) const STACK_CHECKS: [&str; 2] = ["resources", "ready"];
/// And is it as deployed? A student's own changes show here.
pub(crate) const AS_DEPLOYED: &str = "as-deployed";

/// What came of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Proven.
    Pass,
    /// Looked, and it is not so.
    Fail,
    /// Could not look; the reason is in the evidence.
    CouldNotCheck,
    /// Nothing can prove it.
    NotProvable,
}

/// One check of one student, answered. Also what `validate` answers with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The check's id.
    pub id: String,
    /// The check's title.
    pub title: String,
    /// Whose work it looks at.
    pub work: Work,
    /// Points that it is worth.
    pub points: Points,
    /// Points that were earned: all when it passed. While it could not be checked, what is proven so far: a lower
    /// bound, and no grade.
    #[serde(default)]
    pub earned: Points,
    /// How much of it is done, where it gives credit for parts and they could be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<PartsDone>,
    /// What came of it.
    pub verdict: Verdict,
    /// What was seen.
    pub evidence: Vec<Evidence>,
    /// What to do next, said to the student; empty when it passed.
    pub hint: String,
    /// The same said to the instructor, where other words are needed; see [`CheckResult::instructor_hint`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructor_hint: Option<String>,
    /// When it was read, where it could not be read now and an earlier answer counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
    /// What of `earned` was earned on time; `None` where no time is due, or it could not be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_time: Option<OnTime>,
}

/// What was earned by executions that started when a task was due, or before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnTime {
    /// When it was due.
    pub due: Timestamp,
    /// Points that were earned until then.
    pub earned: Points,
}

impl CheckResult {
    pub(crate) fn finished(&self, student: &Username) -> Event {
        Event::CheckFinished {
            student: student.clone(),
            // Serialising these types cannot fail.
            result: serde_json::to_value(self).unwrap_or_default(),
        }
    }

    /// The answer where nothing could be looked at.
    pub(crate) fn unseen(check: &Check, why: &str) -> Self {
        let (verdict, evidence) = match &check.proof {
            Proof::Unprovable { why } => (Verdict::NotProvable, why.as_str()),
            _ => (Verdict::CouldNotCheck, why),
        };
        Self {
            id: check.id.clone(),
            title: check.title.clone(),
            work: check.work,
            points: check.points,
            earned: Points::ZERO,
            parts: None,
            verdict,
            evidence: vec![evidence.into()],
            hint: check.hint.clone(),
            instructor_hint: None,
            as_of: None,
            on_time: None,
        }
    }

    /// The answer to a check of the stack itself, which earns nothing. The hint is the instructor's.
    pub(crate) fn of_stack(
        (id, title): (&str, &str),
        verdict: Verdict,
        evidence: Vec<Evidence>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            work: Work::Stack,
            points: Points::ZERO,
            earned: Points::ZERO,
            parts: None,
            verdict,
            evidence,
            hint: hint.into(),
            instructor_hint: None,
            as_of: None,
            on_time: None,
        }
    }

    /// What the instructor does next; empty when it passed.
    pub fn instructor_hint(&self) -> &str {
        self.instructor_hint.as_deref().unwrap_or(&self.hint)
    }

    /// What of `earned` was earned by `due`; `None` where that is not known. What was judged for another time still
    /// answers where it leaves no doubt.
    pub(crate) fn earned_by(&self, due: Timestamp) -> Option<Points> {
        let all =
            || self.verdict != Verdict::CouldNotCheck && self.as_of.is_some_and(|at| at <= due);
        match self.on_time {
            Some(judged) if judged.due == due => Some(judged.earned),
            Some(judged) if judged.due < due && judged.earned == self.earned => Some(self.earned),
            Some(judged) if judged.due > due && judged.earned.is_zero() => Some(Points::ZERO),
            _ if all() => Some(self.earned),
            _ if self.verdict == Verdict::Fail && self.earned.is_zero() => Some(Points::ZERO),
            _ => None,
        }
    }

    /// Whether something of it is done, though not all.
    pub(crate) fn in_part(&self) -> bool {
        self.verdict != Verdict::Pass && self.parts.is_some_and(|parts| parts.done > 0)
    }
}

/// How much of a check is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartsDone {
    /// Parts that are done.
    pub done: u32,
    /// Parts in all.
    pub of: u32,
}

/// Something that was seen, for or against a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What it is; of an execution, only what [`ExecutionEvidence`] does not say itself.
    pub text: String,
    /// The execution that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<ExecutionEvidence>,
}

impl Evidence {
    /// Its text without the execution's name, where there is any: equal problems of several students then have equal
    /// words.
    pub(crate) fn words(&self) -> String {
        match self.text.is_empty() {
            true => self.sentence(),
            false => self.text.clone(),
        }
    }

    /// All of it in a sentence.
    pub fn sentence(&self) -> String {
        match &self.execution {
            None => self.text.clone(),
            Some(shown) if self.text.is_empty() => shown.sentence(),
            Some(shown) => format!("{}; {}", shown.sentence(), self.text),
        }
    }
}

impl From<String> for Evidence {
    fn from(text: String) -> Self {
        Self {
            text,
            execution: None,
        }
    }
}

impl From<&str> for Evidence {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// An execution, as evidence shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutionEvidence {
    /// Who started it.
    pub starter: Starter,
    /// The execution itself; its input and error are there where they were read.
    pub execution: Execution,
    /// Where to look at it in the console; absent where there is no console.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_url: Option<String>,
    /// Why it failed, where its history was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
}

/// What an execution's history says of its failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The cause.
    Cause(RootCause),
    /// It could not be read; why.
    Unread(String),
}

impl Why {
    /// In a sentence without an end.
    pub fn sentence(&self) -> String {
        match self {
            Self::Cause(cause) => cause.sentence(),
            Self::Unread(why) => format!("could not read its history: {why}"),
        }
    }
}

impl ExecutionEvidence {
    /// Whether it failed, so that its history has something to say.
    pub fn failed(&self) -> bool {
        matches!(
            self.execution.status,
            ExecutionStatus::Failed | ExecutionStatus::TimedOut
        )
    }

    fn sentence(&self) -> String {
        let execution = &self.execution;
        let mut text = format!(
            "{}: {}, started by {} {}",
            execution.name,
            execution.status.as_str(),
            self.starter.phrase(),
            when(execution.started_ms)
        );
        let detail = execution.detail.as_ref();
        if let Some(error) = detail.and_then(|detail| detail.error.as_ref()) {
            text.push_str(&format!(", error {error}"));
        }
        if let Some(why) = &self.why {
            text.push_str(&format!(", {}", why.sentence()));
        }
        if let Some(detail) = detail.filter(|detail| !detail.input.is_null()) {
            let input = shortened(&detail.input.to_string(), INPUT_SHOWN_MAX);
            text.push_str(&format!(", input {input}"));
        }
        text
    }
}
