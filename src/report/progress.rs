//! Where a run stands: a fold over events, and the lines that show it. No clock, no IO: time is passed in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::events::{Command, Event, StepResult};
use crate::ids::Username;
use crate::stack::kinds::ResourceId;

use super::marks::{self, Tone};
use super::style::Paint;
use crate::text::show::{fit, width};
use crate::text::words::{duration, plural, some_of};

/// Without a bar, a wait is printed after this time, and again each time it has lasted as long again.
const LONG_WAIT: Duration = Duration::from_secs(20);

/// Students whom a wait names.
const WAITING_NAMED: usize = 3;

/// Columns of the bar.
const BAR_MIN: usize = 8;
const BAR_MAX: usize = 32;

/// Where a run stands.
#[derive(Debug, Default)]
pub struct Tracker {
    command: Option<Command>,
    began: Duration,
    students: usize,
    students_done: usize,
    steps: usize,
    steps_done: usize,
    failed: usize,
    retries: usize,
    stopping: bool,
    ends: Option<Duration>,
    students_began: BTreeMap<Username, Duration>,
    in_flight: BTreeMap<(Username, ResourceId), RunningStep>,
}

#[derive(Debug, Default)]
struct RunningStep {
    action: String,
    since: Duration,
    waiting: Option<Wait>,
}

#[derive(Debug)]
struct Wait {
    on: String,
    since: Duration,
    said_at: Duration,
}

impl Tracker {
    /// Takes note of an event that happened at `now` (time since any fixed origin).
    pub fn apply(&mut self, event: &Event, now: Duration) {
        match event {
            Event::RunStarted {
                command,
                students,
                steps,
                ..
            } => {
                *self = Self {
                    command: Some(*command),
                    began: now,
                    students: *students,
                    steps: *steps,
                    ..Self::default()
                };
            }
            Event::TimeLeft { seconds } => {
                self.ends = Some(now + Duration::from_secs(*seconds));
            }
            Event::StudentStarted { student } => {
                self.students_began.insert(student.clone(), now);
            }
            Event::StepStarted {
                student,
                resource,
                action,
            } => {
                let step = RunningStep {
                    action: action.clone(),
                    since: now,
                    waiting: None,
                };
                let key = (student.clone(), resource.clone());
                self.in_flight.insert(key, step);
            }
            Event::StepWaiting {
                student,
                resource,
                on,
            } => {
                let key = (student.clone(), resource.clone());
                let step = self.in_flight.entry(key).or_insert_with(|| RunningStep {
                    since: now,
                    ..RunningStep::default()
                });
                // The engine may send this at every poll: the wait began with the first.
                if step.waiting.as_ref().is_none_or(|wait| wait.on != *on) {
                    step.waiting = Some(Wait {
                        on: on.clone(),
                        since: now,
                        said_at: now,
                    });
                }
            }
            Event::CallRetried { .. } => self.retries += 1,
            Event::StepFinished {
                student,
                resource,
                result,
                ..
            } => {
                self.in_flight.remove(&(student.clone(), resource.clone()));
                if !matches!(result, StepResult::Cancelled) {
                    self.steps_done += 1;
                }
            }
            // What a probe waited for it has, or has given up.
            Event::CheckFinished { student, .. } => {
                self.in_flight.retain(|(whose, _), _| whose != student);
            }
            Event::StudentFinished {
                student,
                outcome,
                failure,
            } => {
                self.in_flight.retain(|(whose, _), _| whose != student);
                self.students_done += 1;
                if failure.is_some() || marks::of_outcome(*outcome).tone == Tone::Bad {
                    self.failed += 1;
                }
            }
            Event::Interrupted { .. } => {
                self.stopping = true;
                self.ends = None;
            }
            Event::RunFinished { .. } => self.in_flight.clear(),
            Event::FunctionWritten { .. }
            | Event::NonceIssued { .. }
            | Event::CallFailed { .. }
            | Event::ExecutionStarted { .. }
            | Event::Note { .. } => {}
        }
    }

    /// `12/30`, as wide for the first as for the last.
    pub(crate) fn count(&self) -> String {
        let total = self.students.to_string();
        format!("{:>1$}/{total}", self.students_done, total.len())
    }

    fn students(&self) -> String {
        format!("{}/{} students", self.students_done, self.students)
    }

    pub(crate) fn spent_on(&self, student: &Username, now: Duration) -> Option<Duration> {
        let began = self.students_began.get(student)?;
        Some(now.saturating_sub(*began))
    }

    /// How long the run will still take; `None` where that is not known.
    pub(crate) fn left(&self, now: Duration) -> Option<Duration> {
        let left = self.ends?.saturating_sub(now);
        (left >= Duration::from_secs(1)).then_some(left)
    }

    /// A line for each condition that has been waited for long, with those for whom.
    pub(crate) fn long_waits(&mut self, now: Duration) -> Vec<String> {
        let mut long: Vec<(Username, ResourceId, String)> = Vec::new();
        for ((student, resource), step) in &mut self.in_flight {
            if let Some(wait) = &mut step.waiting
                && now.saturating_sub(wait.said_at) >= LONG_WAIT
            {
                wait.said_at = now;
                long.push((student.clone(), resource.clone(), wait.on.clone()));
            }
        }
        let mut said = BTreeSet::new();
        let news = long.iter();
        let news = news.filter(|(_, resource, on)| said.insert((resource.kind, on.clone())));
        news.map(|(student, resource, on)| self.wait_line(student, resource, on, now))
            .collect()
    }

    /// For whom a condition is waited for, and since when.
    fn wait_line(
        &self,
        student: &Username,
        resource: &ResourceId,
        on: &str,
        now: Duration,
    ) -> String {
        let alike = self.in_flight.iter().filter_map(|((whose, what), step)| {
            let wait = step.waiting.as_ref()?;
            (what.kind == resource.kind && wait.on == on).then_some((whose.as_str(), wait.since))
        });
        let (mut names, since): (Vec<&str>, Vec<Duration>) = alike.unzip();
        names.dedup();
        let since = since.into_iter().min().unwrap_or(now);
        let lasted = duration(now.saturating_sub(since));
        match names.as_slice() {
            [] | [_] => format!("  waiting {lasted}: {student}: {resource}: {on}"),
            names => {
                let who = some_of(names, WAITING_NAMED);
                format!("  waiting {lasted} for {who}: {}: {on}", resource.kind)
            }
        }
    }

    /// The lines that show where the run stands, each at most `columns` wide.
    pub fn frame(&self, now: Duration, columns: usize, paint: Paint) -> Vec<String> {
        let Some(command) = self.command else {
            return Vec::new();
        };
        vec![
            self.headline(command, now, columns, paint),
            paint.dim(&fit(&self.activity(now), columns)),
        ]
    }

    fn headline(&self, command: Command, now: Duration, columns: usize, paint: Paint) -> String {
        let verb = command.as_str();
        let steps = (self.steps > 0).then(|| format!("{}/{} steps", self.steps_done, self.steps));
        // With steps if there is room for them, else without.
        for steps in [steps, None] {
            let counts = self.counts(now, steps);
            let texts: usize = counts.iter().map(|(text, _)| width(text)).sum();
            let text_width = width(verb) + 2 + texts + 3 * (counts.len() - 1);
            let bar = columns.saturating_sub(text_width + 2).min(BAR_MAX);
            if bar >= BAR_MIN {
                let counts = counts.iter().map(|(text, tone)| paint.tone(*tone, text));
                let counts = counts.collect::<Vec<_>>().join(" · ");
                let (verb, bar) = (paint.bold(verb), self.bar(bar, paint));
                return format!("{verb}  {bar}  {counts}");
            }
        }
        // No room for a bar: the counts say more. They have no colour here, because colour codes cannot be cut.
        let text = match self.left(now) {
            Some(left) => format!("{} left", duration(left)),
            None => duration(now.saturating_sub(self.began)),
        };
        fit(&format!("{verb}  {} · {text}", self.students()), columns)
    }

    fn counts(&self, now: Duration, steps: Option<String>) -> Vec<(String, Tone)> {
        let mut counts = vec![(self.students(), Tone::Idle)];
        counts.extend(steps.map(|steps| (steps, Tone::Idle)));
        if self.failed > 0 {
            counts.push((format!("{} failed", self.failed), Tone::Bad));
        }
        if self.stopping {
            counts.push(("stopping".to_owned(), Tone::Unsure));
        }
        counts.push((duration(now.saturating_sub(self.began)), Tone::Idle));
        if let Some(left) = self.left(now) {
            counts.push((format!("about {} left", duration(left)), Tone::Idle));
        }
        counts
    }

    fn bar(&self, columns: usize, paint: Paint) -> String {
        let (done, of) = match self.steps {
            0 => (self.students_done, self.students),
            steps => (self.steps_done, steps),
        };
        // Nothing to do is all done.
        let filled = (done.min(of) * columns).checked_div(of).unwrap_or(columns);
        let done = paint.tone(Tone::Good, &"━".repeat(filled));
        done + &paint.dim(&"┄".repeat(columns - filled))
    }

    /// What is going on: the oldest wait if anything waits, else the oldest step.
    fn activity(&self, now: Duration) -> String {
        let steps = self.in_flight.iter();
        let waits = steps.filter_map(|(key, step)| Some((key, step.waiting.as_ref()?)));
        if let Some(((student, resource), wait)) = waits.min_by_key(|(_, wait)| wait.since) {
            let alike = self.in_flight.iter().filter(|((_, what), step)| {
                let other = step.waiting.as_ref();
                what.kind == resource.kind && other.is_some_and(|other| other.on == wait.on)
            });
            let more = match self.in_flight.len() - alike.count() {
                0 => String::new(),
                n => format!(" (and {} in flight)", plural(n, "other step")),
            };
            return self.wait_line(student, resource, &wait.on, now) + &more;
        }
        let steps = self.in_flight.iter();
        let Some(((student, resource), step)) = steps.min_by_key(|(_, s)| s.since) else {
            return String::new();
        };
        let count = plural(self.in_flight.len(), "step");
        format!("  {count} in flight: {student}: {} {resource}", step.action)
    }
}
