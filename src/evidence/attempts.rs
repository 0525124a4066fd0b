//! Reads what a student tried: why the newest failure happened, and which requests were refused. At most two calls more
//! than the checks need, and none for a student who is done.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::aws::execution::{Execution, ExecutionStatus};
use crate::aws::logs::LogLine;
use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client, ErrorKind, Operation};
use crate::evidence::activity::{Activity, Attempt, AttemptEnd, RefusedRequest, Trouble};
use crate::evidence::cache::{KnownCause, Memory};
use crate::evidence::causes::ask_whole;
use crate::evidence::check::CheckResult;
use crate::evidence::evaluate::{Facts, StackAct, is_asked_for};
use crate::evidence::log_events::exception;
use crate::evidence::progress::Progress;
use crate::evidence::recorded::{CLOCK_AHEAD_MS, LastWrite, is_validations};
use crate::evidence::student_reader::StudentToRead;
use crate::evidence::trouble::{FailedRun, Found, OwnChange, SinceSuccess, ended_badly, of_stack};
use crate::lab::Lab;
use crate::lab::marks::{Marks, Starter, nonces_in};
use crate::lab::mistake::TroubleReason;
use crate::stack::alike::Alike;
use crate::stack::kinds::kind::STUDENTS_WORK;
use crate::stack::settle::Settling;
use crate::text::shortened;

/// Refused requests of one student that are remembered, the newest.
const REFUSALS_MAX: usize = 100;
/// Longest reason that is kept, in characters.
const REASON_MAX: usize = 500;
/// How long a log event may take until a search finds it, in milliseconds: from there on the log is read again.
const LATE_MS: i64 = 2 * 60_000;
/// Calls of one reading that only attention needs.
const CALLS_MAX: usize = 2;
/// API Gateway's answer where the function behind it fails. Source: API Gateway Developer Guide, "Handle Lambda errors".
const FUNCTION_FAILED: u16 = 502;

/// Lambda's first line of each run, and its last but one. Source: Lambda Developer Guide, "Lambda function logging in Python".
const RUN_BEGAN: &str = "START RequestId:";
const RUN_ENDED: &str = "END RequestId:";

/// What a student tried, and whether they need somebody.
#[derive(Debug, Default)]
pub(super) struct ReadAttempts {
    pub(super) activity: Activity,
    pub(super) trouble: Option<Trouble>,
    /// Something that went wrong once.
    pub(super) hitch: Option<Trouble>,
}

impl ReadAttempts {
    /// Of a student whose attempts were not read; why, where there may be any.
    pub(super) fn unread(why: Option<&str>) -> Self {
        let mut read = Self::default();
        read.activity.unread = why.map(str::to_owned);
        read
    }
}

/// One of the student's own executions.
struct OwnRun {
    run: (Starter, Execution),
    /// Whether it failed as a task asks; `None` where only describing it would tell.
    asked: Option<bool>,
}

impl OwnRun {
    fn is_success(&self) -> bool {
        self.run.1.status == ExecutionStatus::Succeeded || self.asked == Some(true)
    }

    fn failed(&self) -> bool {
        ended_badly(self.run.1.status) && !self.is_success()
    }
}

pub(super) struct AttemptsReader<'a> {
    pub(super) client: &'a Client,
    pub(super) lab: &'a Lab,
    pub(super) student: &'a StudentToRead<'a>,
    pub(super) facts: &'a Facts,
    pub(super) checks: &'a [CheckResult],
    /// Whether refused requests that an earlier reading knows stand for those until now.
    pub(super) requests_stand: bool,
}

impl AttemptsReader<'_> {
    /// # Errors
    /// Only when the run is stopped.
    pub(super) async fn read(
        &self,
        memory: &mut Memory,
        settling: &mut Settling,
    ) -> Result<ReadAttempts, Cancelled> {
        let known = self.student.memory;
        memory.refusals.clone_from(&known.refusals);
        memory.refusals_read_ms = known.refusals_read_ms;
        memory.refusals_asked_ms = known.refusals_asked_ms;
        memory.unheard.clone_from(&known.unheard);
        let own = self.facts.newest_first(Starter::is_students);
        let own = own.into_iter().map(|run| OwnRun {
            asked: self.is_asked_for(&run),
            run,
        });
        let mut own: Vec<OwnRun> = own.collect();
        let changes = self.changes();
        let progress = Progress::of(self.checks);
        let mut unread = self
            .facts
            .any_unlisted()
            .then(|| "the executions could not be listed".to_owned());
        let mut requests_as_of = None;
        if progress != Progress::Complete && unread.is_none() {
            let (asked, why) = self.know_newest(&mut own, memory, settling).await?;
            unread = why;
            let known = memory.refusals_asked_ms.filter(|_| self.requests_stand);
            if let Some(asked_ms) = known {
                // The next reading that asks begins before, so nothing is lost.
                requests_as_of = Timestamp::from_millisecond(asked_ms).ok();
            } else if asked < CALLS_MAX {
                let why = self.read_refusals(&own, &changes, memory).await?;
                unread = unread.or(why);
            }
        }
        let mut activity = self.activity(&own, memory);
        activity.unread = unread;
        activity.requests_as_of = requests_as_of;
        let found = match progress {
            Progress::Broken => {
                let act = StackAct::of(self.student.plan, self.facts);
                of_stack(TroubleReason::StackBroken, self.checks, self.lab, act).map(Found::Trouble)
            }
            Progress::InProgress | Progress::NotStarted | Progress::Unknown => {
                self.since_success(&own, &changes, memory)
            }
            Progress::Complete | Progress::NotDeployed => None,
        };
        let (trouble, hitch) = match found {
            Some(Found::Trouble(trouble)) => (Some(trouble), None),
            Some(Found::Hitch(hitch)) => (None, Some(hitch)),
            None => (None, None),
        };
        Ok(ReadAttempts {
            activity,
            trouble,
            hitch,
        })
    }

    /// Whether an execution failed as a task asks; `None` where only describing it would tell.
    fn is_asked_for(&self, one: &(Starter, Execution)) -> Option<bool> {
        is_asked_for(self.student.checks, self.student.plan, self.facts, one)
    }

    /// Reads why the newest failures since the last success happened, and with what input. Returns how many it asked about,
    /// and why it could not be read.
    async fn know_newest(
        &self,
        own: &mut [OwnRun],
        memory: &mut Memory,
        settling: &mut Settling,
    ) -> Result<(usize, Option<String>), Cancelled> {
        let mut asked = 0;
        while asked < CALLS_MAX {
            let since = own.iter().take_while(|one| !one.is_success()).count();
            let is_known = |one: &&OwnRun| memory.cause_of(&one.run.1).is_some();
            let failed = || own[..since].iter().filter(|one| one.failed());
            // Two that are known tell enough.
            if failed().next().is_some_and(|one| is_known(&one))
                && failed().filter(is_known).count() > 1
            {
                break;
            }
            let unknown = |one: &OwnRun| one.failed() && !is_known(&one);
            let Some(newest) = own[..since].iter().position(unknown) else {
                break;
            };
            let newest = &mut own[newest];
            let execution = &mut newest.run.1;
            asked += 1;
            let name = self.student.username();
            let whole = ask_whole(self.client, name, execution, settling).await?;
            let Some((cause, detail)) = whole else {
                let why = "the history of a failed execution could not be read";
                return Ok((asked, Some(why.to_owned())));
            };
            if execution.detail.is_none() {
                let pointers = self.student.input_pointers.iter().map(String::as_str);
                execution.detail = detail.map(|detail| detail.reduced(pointers));
                memory.keep(execution);
            }
            let cause = KnownCause::of(execution, cause);
            memory.causes.insert(execution.arn.clone(), cause);
            newest.asked = self.is_asked_for(&newest.run);
        }
        Ok((asked, None))
    }

    /// Reads the refused requests since the last success. Returns why they could not be read.
    async fn read_refusals(
        &self,
        own: &[OwnRun],
        changes: &[OwnChange],
        memory: &mut Memory,
    ) -> Result<Option<String>, Cancelled> {
        let marks = self.student.marks;
        let Some((_, name)) = (self.student.api_log()).filter(|_| !marks.api_refusals.is_empty())
        else {
            return Ok(None);
        };
        let success = last_success_ms(own);
        let read = memory.refusals_read_ms;
        let fails = own.first().is_some_and(OwnRun::failed);
        if success > read && read.is_some() && !fails {
            // They have just succeeded: nobody asks what was refused before. The next reading asks from there.
            memory.refusals_read_ms = success;
            memory.refusals_asked_ms = success;
            return Ok(None);
        }
        let since = [
            success,
            read.map(|read| read - LATE_MS),
            self.student.born_ms,
        ];
        let since = since.into_iter().flatten().max().unwrap_or_default();
        let group = format!("/aws/lambda/{name}");
        let alike = Alike::new(
            self.client,
            self.student.username(),
            Operation::FilterLogEvents,
        );
        let page = match alike
            .answer(alike.client.log_lines_page(&group, since))
            .await
        {
            Ok(page) => page,
            Err(CallError::Cancelled) => return Err(Cancelled),
            // No function has run, or the group is gone: the checks say so.
            Err(CallError::Cloud(error)) if error.kind == ErrorKind::NotFound => {
                memory.refusals_asked_ms = Some(self.student.now_ms);
                return Ok(None);
            }
            Err(CallError::Cloud(error)) => return Ok(Some(error.in_full())),
        };
        // Where there is more, the next reading goes on. This machine's clock may be ahead of AWS's.
        let last = page.items.iter().map(|line| line.at_ms).max();
        let more = page.next.is_some();
        memory.refusals_read_ms = match more {
            false => last.max(Some(self.student.now_ms - CLOCK_AHEAD_MS)),
            true => last.map(|last| last + LATE_MS).or(read),
        };
        memory.refusals_asked_ms = match more {
            false => Some(self.student.now_ms),
            true => last.or(memory.refusals_asked_ms),
        };
        // Which runs said nothing is told anew for the same time.
        memory
            .refusals
            .retain(|one| one.status.is_some() || one.at_ms < since);
        let known: BTreeSet<RefusedRequest> = memory.refusals.drain(..).collect();
        let found = page.items.iter().filter_map(|line| refusal(marks, line));
        let silent = match changes.iter().any(|change| change.behind_api) {
            true => silent_runs(marks, &page.items),
            false => Vec::new(),
        };
        let all: BTreeSet<RefusedRequest> = known.into_iter().chain(found).chain(silent).collect();
        let old = all.len().saturating_sub(REFUSALS_MAX);
        let all = all
            .into_iter()
            .skip(old)
            .filter(|one| !self.is_validations(one));
        memory.refusals = all.collect();
        Ok(more.then(|| {
            "the log of the function behind the API goes on; the next reading reads more".to_owned()
        }))
    }

    fn activity(&self, own: &[OwnRun], memory: &mut Memory) -> Activity {
        let born = self.student.born_ms;
        memory
            .refusals
            .retain(|refusal| born.is_none_or(|born| refusal.at_ms >= born));
        let executions = own.iter().map(|one| Attempt {
            // What was begun once more is tried then.
            at_ms: one.run.1.redriven_ms.unwrap_or(one.run.1.started_ms),
            end: match one.run.1.status {
                ExecutionStatus::Succeeded => AttemptEnd::Succeeded,
                ExecutionStatus::Running | ExecutionStatus::PendingRedrive => AttemptEnd::Running,
                _ if one.asked == Some(true) => AttemptEnd::AsAsked,
                _ => AttemptEnd::Failed,
            },
        });
        let failed_before = own.iter().filter(|one| one.run.1.redriven_ms.is_some());
        let failed_before = failed_before.map(|one| Attempt {
            at_ms: one.run.1.started_ms,
            end: AttemptEnd::Failed,
        });
        let refused = memory.refusals.iter().map(|refusal| Attempt {
            at_ms: refusal.at_ms,
            end: AttemptEnd::Refused,
        });
        let mut activity = Activity::new(executions.chain(failed_before).chain(refused).collect());
        // The oldest executions may not be listed any more.
        let earlier = self
            .student
            .memory
            .first_seen_ms
            .filter(|first| born.is_none_or(|born| *first >= born));
        activity.first_seen_ms = [earlier, activity.first_seen_ms]
            .into_iter()
            .flatten()
            .min();
        memory.first_seen_ms = activity.first_seen_ms;
        // What was seen once was seen, though its executions may be gone.
        activity.last_seen_ms = activity
            .last_seen_ms
            .max(self.changed_ms())
            .max(activity.first_seen_ms);
        let by_api = |one: &OwnRun| matches!(one.run.0, Starter::Api | Starter::Student);
        activity.requests_seen = !memory.refusals.is_empty() || own.iter().any(by_api);
        activity.refusals.clone_from(&memory.refusals);
        let cause = |one: &OwnRun| {
            let execution = &one.run.1;
            Some((execution.arn.clone(), memory.cause_of(execution)?.clone()))
        };
        activity.causes = own.iter().filter_map(cause).collect();
        activity
    }

    /// When the student last changed a function.
    fn changed_ms(&self) -> Option<i64> {
        let student = self.student;
        let changes = student.plan.functions().filter_map(|item| {
            let name = &item.resource.name;
            let modified_ms = student.observed.functions.get(name)?.modified_ms;
            match student.recorded.last_write(name, modified_ms) {
                LastWrite::Changed { at_ms, .. } => Some(at_ms),
                _ => None,
            }
        });
        changes.max()
    }

    fn since_success(
        &self,
        own: &[OwnRun],
        changes: &[OwnChange],
        memory: &Memory,
    ) -> Option<Found> {
        let since = own.iter().take_while(|one| !one.is_success());
        let failures = since.filter(|one| one.failed()).filter_map(|one| {
            let (starter, execution) = &one.run;
            let cause = memory.cause_of(execution);
            // One that may be the exercise is not held against anybody.
            (cause.is_some() || one.asked.is_some()).then_some(FailedRun {
                starter: *starter,
                execution,
                cause,
            })
        });
        let success = last_success_ms(own);
        let refusals = memory.refusals.iter().rev();
        let refusals = refusals.filter(|refusal| Some(refusal.at_ms) > success);
        SinceSuccess {
            lab_checks: self.student.checks,
            mistakes: self.lab.mistakes(),
            checks: self.checks,
            failures: &failures.collect::<Vec<_>>(),
            refusals: &refusals.collect::<Vec<_>>(),
            changes,
        }
        .trouble()
    }

    /// What the student changed of their own.
    fn changes(&self) -> Vec<OwnChange> {
        let student = self.student;
        let trigger = student.api_log().map(|(_, name)| name);
        let items = student.plan.worked_with();
        let items = items.filter(|item| STUDENTS_WORK.contains(&item.resource.kind));
        let changes = items.filter_map(|item| {
            let name = &item.resource.name;
            let function = student.observed.functions.get(name);
            Some(OwnChange {
                text: format!("{}: {}", item.resource, item.theirs.as_ref()?),
                behind_api: trigger == Some(name.as_str()),
                at_ms: function.and_then(|function| function.modified_ms),
            })
        });
        changes.collect()
    }

    /// Whether homeroom tried the stack at that time: not every line of a log names who sent the request.
    fn is_validations(&self, refusal: &RefusedRequest) -> bool {
        let mut nonces = self.student.recorded.nonces.iter();
        nonces.any(|nonce| is_validations(nonce.at_ms, refusal.at_ms))
    }
}

/// When the newest success started, in milliseconds since 1970.
fn last_success_ms(own: &[OwnRun]) -> Option<i64> {
    let success = own.iter().find(|one| one.is_success())?;
    Some(success.run.1.started_ms)
}

/// The refused request that a log event tells of. What homeroom sent itself carries one of its nonces.
fn refusal(marks: &Marks, line: &LogLine) -> Option<RefusedRequest> {
    let message = line.message.trim();
    if nonces_in(message).next().is_some() {
        return None;
    }
    let (status, reason) = told(marks, message)?;
    Some(RefusedRequest {
        at_ms: line.at_ms,
        status: Some(status),
        reason: shortened(&reason, REASON_MAX),
    })
}

/// The status and the reason of a refused request, if a log event tells them.
fn told(marks: &Marks, message: &str) -> Option<(u16, String)> {
    let mut lines = marks.api_refusals.iter();
    let told = lines.find_map(|line| Some((line.status, line.reason(message)?)));
    told.or_else(|| Some((FUNCTION_FAILED, exception(message)?)))
}

/// Runs of the function that ended and of which no line tells what came of the request, the newest. Which run a line belongs to
/// is not known, so this counts.
fn silent_runs(marks: &Marks, lines: &[LogLine]) -> Vec<RefusedRequest> {
    let tells = |line: &&LogLine| {
        let started = marks
            .api_log
            .as_ref()
            .and_then(|log| log.names(&line.message));
        started.is_some() || told(marks, &line.message).is_some()
    };
    let told = lines.iter().filter(tells).count();
    // Of a run that began before these lines, what it told may be before them, too.
    let runs = |begin: &'static str| {
        lines
            .iter()
            .filter_map(move |line| Some((run_of(line, begin)?, line)))
    };
    let begun: BTreeSet<&str> = runs(RUN_BEGAN).map(|(run, _)| run).collect();
    let ended = runs(RUN_ENDED).filter(|(run, _)| begun.contains(run));
    let ended: Vec<&LogLine> = ended.map(|(_, line)| line).collect();
    let silent = ended.len().saturating_sub(told);
    let silent = ended
        .into_iter()
        .rev()
        .take(silent)
        .map(|line| RefusedRequest {
            at_ms: line.at_ms,
            status: None,
            reason: "the function behind the API ran, started no execution and did not say why"
                .to_owned(),
        });
    silent.collect()
}

/// The id of the run that such a line of Lambda's is about.
fn run_of<'a>(line: &'a LogLine, begin: &str) -> Option<&'a str> {
    line.message.strip_prefix(begin)?.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::marks::tests::marks;

    #[test]
    fn refused_requests_and_exceptions_are_told_from_other_lines() {
        let told = |message: &str| {
            let line = LogLine {
                at_ms: 7,
                message: message.to_owned(),
            };
            refusal(&marks(), &line).map(|refusal| (refusal.status.unwrap(), refusal.reason))
        };
        let some = |status, reason: &str| Some((status, reason.to_owned()));
        for (message, expected) in [
            (
                r#"{"message": "request refused", "reason": "missing: userId"}"#,
                some(400, "missing: userId"),
            ),
            (
                r#"{"message": "request refused", "reason": "x", "userAgent": "homeroom (homeroom-7abcdefgh2)"}"#,
                None,
            ),
            (
                r#"{"message": "execution started", "execution": "x"}"#,
                None,
            ),
            (
                "[ERROR] Runtime.UserCodeSyntaxError: Syntax error in module 'f': x\nTraceback",
                some(
                    502,
                    "Runtime.UserCodeSyntaxError: Syntax error in module 'f': x",
                ),
            ),
            ("[ERROR] KeyError: 'body'", some(502, "KeyError: 'body'")),
            (
                r#"{"errorType": "KeyError", "errorMessage": "'x'"}"#,
                some(502, "KeyError: 'x'"),
            ),
            (
                "2026-01-01 abc Task timed out after 25.00 seconds",
                some(502, "Task timed out after 25.00 seconds"),
            ),
            ("START RequestId: 1 Version: $LATEST", None),
            ("no Error here: none", None),
        ] {
            assert_eq!(told(message), expected, "{message}");
        }
    }

    #[test]
    fn a_changed_function_that_says_nothing_is_found_by_its_runs() {
        let line = |at_ms, message: &str| LogLine {
            at_ms,
            message: message.to_owned(),
        };
        let started = r#"{"message": "execution started", "execution": "x"}"#;
        let refused = r#"{"message": "request refused", "reason": "x"}"#;
        let mut lines = vec![
            line(1, "START RequestId: a Version: $LATEST"),
            line(2, started),
            line(3, "END RequestId: a"),
            line(3, "START RequestId: b"),
            line(4, refused),
            line(5, "END RequestId: b"),
            // It began before these lines, so what it told may have been before them.
            line(5, "END RequestId: old"),
        ];
        assert_eq!(silent_runs(&marks(), &lines), []);
        lines.push(line(6, "START RequestId: c"));
        lines.push(line(6, "END RequestId: c"));
        // One that has not ended may still say something.
        lines.push(line(7, "START RequestId: d"));
        let silent = silent_runs(&marks(), &lines);
        assert_eq!(silent.len(), 1);
        assert_eq!((silent[0].at_ms, silent[0].status), (6, None));
    }
}
