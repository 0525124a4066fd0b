//! The reader of one student: what it reads, the facts so far, and what the next reading need not ask again.

use crate::aws::execution::{Execution, ExecutionDetail, ExecutionStatus};
use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client};
use crate::evidence::cache::Memory;
use crate::evidence::evaluate::{Facts, Reading};
use crate::evidence::recorded::{Claim, Recorded};
use crate::ids::{Scope, Username};
use crate::lab::check::Check;
use crate::lab::marks::{ApiLog, Marks, Starter};
use crate::stack::kinds::Observed;
use crate::stack::plan::StudentPlan;
use crate::stack::settle::Settling;

/// One student, as their checks see them.
pub(super) struct StudentToRead<'a> {
    pub(crate) checks: &'a [Check],
    /// What is planned for them, which tells what is there.
    pub(crate) plan: &'a StudentPlan,
    pub(crate) observed: &'a Observed,
    /// State machines that checks ask about: id in the lab, ARN.
    pub(crate) state_machines: Vec<(String, String)>,
    /// Functions that checks ask about: id in the lab, name.
    pub(crate) functions: Vec<(String, String)>,
    /// When the oldest of the student's resources was created, in milliseconds since 1970: anything before that happened
    /// to other resources of the same names.
    pub(crate) born_ms: Option<i64>,
    /// Whether the function behind the API is as homeroom deployed it.
    pub(crate) trigger_is_as_deployed: bool,
    /// What homeroom recorded of its own.
    pub(crate) recorded: &'a Recorded,
    pub(crate) marks: &'a Marks,
    /// JSON pointers into an execution's input that anything looks at.
    pub(crate) input_pointers: &'a [String],
    /// What an earlier reading left.
    pub(crate) memory: &'a Memory,
    pub(crate) now_ms: i64,
    /// The time as of which to read, where that is not now.
    pub(crate) at_ms: Option<i64>,
    /// Until when an execution's start makes it on time.
    pub(crate) due_ms: Option<i64>,
    /// Where the console is, if there is one.
    pub(crate) console: Option<&'a Scope>,
}

impl StudentToRead<'_> {
    pub(crate) fn username(&self) -> &Username {
        &self.plan.owner.student
    }

    /// The log that tells what the API started, and the name of the function that writes it, if the lab has one.
    pub(crate) fn api_log(&self) -> Option<(&ApiLog, &str)> {
        let log = self.marks.api_log.as_ref()?;
        let mut functions = self.functions.iter();
        let (_, name) = functions.find(|(id, _)| *id == log.function)?;
        Some((log, name))
    }

    /// Until when executions have to have started, for each judgement: of all work, and of work on time where there is
    /// other work.
    pub(crate) fn spans(&self, facts: &Facts) -> impl Iterator<Item = Option<i64>> {
        let due = self.due_ms.filter(|due| facts.any_later(*due));
        std::iter::once(None).chain(due.map(Some))
    }

    /// An execution as it stood then; `None` where it had not started. One that ended later was running.
    pub(crate) fn as_of(&self, execution: Execution) -> Option<Execution> {
        let Some(at_ms) = self.at_ms else {
            return Some(execution);
        };
        let ran = execution.stopped_ms.is_none_or(|stopped| stopped > at_ms);
        (execution.started_ms <= at_ms).then(|| match ran {
            false => execution,
            true => Execution {
                status: ExecutionStatus::Running,
                stopped_ms: None,
                detail: execution.detail.map(ExecutionDetail::of_running),
                ..execution
            },
        })
    }

    /// Whether an execution looks as if the API had started it.
    pub(crate) fn claims_api(&self, execution: &Execution) -> bool {
        self.recorded.claim(self.marks, execution) == Claim::Api
    }

    /// Who started an execution, as far as that is known without asking AWS.
    pub(crate) fn starter(&self, execution: &Execution) -> Starter {
        let as_deployed = self.trigger_is_as_deployed;
        let told = self.recorded.starter(self.marks, execution, as_deployed);
        match (told, self.memory.started_by_api(execution)) {
            (Starter::Student, Some(true)) => Starter::Api,
            (Starter::Student, Some(false)) => Starter::Person,
            _ => told,
        }
    }
}

pub(super) struct StudentReader<'a> {
    pub(crate) client: &'a Client,
    pub(crate) student: &'a StudentToRead<'a>,
    pub(crate) facts: Facts,
    /// What the next reading need not ask again.
    pub(crate) memory: Memory,
    pub(crate) settling: &'a mut Settling,
}

/// What the ARNs of a state machine's executions begin with.
pub(super) fn executions_of(machine_arn: &str) -> String {
    machine_arn.replacen(":stateMachine:", ":execution:", 1) + ":"
}

/// A refusal as a fact.
///
/// # Errors
/// Only when the run was stopped.
pub(super) fn unseen<T>(error: CallError) -> Result<Reading<T>, Cancelled> {
    match error {
        CallError::Cloud(error) => Ok(Reading::Unseen(error.in_full())),
        CallError::Cancelled => Err(Cancelled),
    }
}
