//! The last reading of each student: it stands for what cannot be read any more.
//!
//! A grade must not go down because its source is gone. So every reading is laid over the last one, check by check:
//!
//! | what was found | what counts |
//! |---|---|
//! | the stack is gone | the last reading as a whole |
//! | a check's source is gone, or is not this class's | that check's last reading |
//! | a check could not be read, and had passed | that check's last reading |
//! | a check's source was made anew in the same stack, or what proved it has aged out of it | the better of the two |
//! | a check could not be read, and the stack is about to be deleted | the last reading, with its time |
//! | a check could not be read, and was done in part | could not check, with no less than was done then; more that is proven now is kept |
//! | anything else | what was read now |
//! | the stack was deployed anew | what was read now; of the earlier stack only the time is told |
//! | the stack is gone, and the roster gives the username to somebody else | what was read now; the reading is kept, as the other's |
//!
//! Which stack a reading is of shows in its *births*: ids and times of creation that AWS gives when something is made,
//! that listings show, that an update does not change and a deletion with a new deployment does.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aws::execution::Execution;
use crate::evidence::cache::CacheKey;
use crate::evidence::check::{CheckResult, Verdict};
use crate::evidence::progress::{Last, Progress, StudentProgress};
use crate::evidence::sight::{Source, SourceState, StackSight};
use crate::ids::Username;
use crate::lab::check::Work;
use crate::lab::given::{ExampleRequest, Output};
use crate::lab::marks::Starter;
use crate::lab::points::Points;
use crate::roster::renamed::KnownPerson;
use crate::stack::diff::Change;

/// Version of the format; another one is not read.
const VERSION: u64 = 1;

/// The last readings of a class in one account and region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LastReadings {
    version: u64,
    pub(crate) key: CacheKey,
    /// By student; who left the roster stays.
    pub(crate) students: BTreeMap<Username, KeptReading>,
}

/// The last reading of one student.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptReading {
    /// Whose reading it is, as the roster said at the time.
    #[serde(default)]
    pub(crate) person: KnownPerson,
    /// The births of the stack, as far as they were seen.
    pub(crate) births: BTreeSet<String>,
    /// When something was last read of it.
    pub(crate) read_at: Timestamp,
    /// When homeroom began to tear it down. What is made after that is another stack.
    #[serde(default)]
    pub(crate) closed_at: Option<Timestamp>,
    pub(crate) checks: Vec<KeptCheck>,
    /// The student's own executions, newest first.
    pub(crate) executions: Vec<(Starter, Execution)>,
    /// Older ones of their own that were listed.
    #[serde(default)]
    pub(crate) executions_left_out: usize,
    /// Whether there were more than were listed.
    #[serde(default)]
    pub(crate) executions_cut_off: bool,
    pub(crate) outputs: Vec<Output>,
    pub(crate) changes: Vec<Change>,
    pub(crate) requests: Vec<ExampleRequest>,
    /// The dated copy that has all of this; `None` while none has.
    #[serde(default)]
    pub(crate) copy: Option<String>,
    /// The stack of the same student before this one.
    #[serde(default)]
    pub(crate) earlier: Option<Earlier>,
}

/// One check as it was last read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptCheck {
    pub(crate) result: CheckResult,
    pub(crate) read_at: Timestamp,
    /// The births of what it was read from.
    pub(crate) sources: Vec<String>,
}

/// A stack that was there before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Earlier {
    pub(crate) read_at: Timestamp,
    /// The dated copy of that reading.
    pub(crate) copy: Option<String>,
    /// When the stack that stands in its place was first read.
    pub(crate) replaced_at: Timestamp,
}

/// How a reading stands to the last one of the same student.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Footing {
    Same,
    /// Of no stack: it is gone.
    Gone,
    /// Of another stack, made since.
    Anew,
    /// Nobody knows.
    Unseen,
}

impl LastReadings {
    /// None yet.
    pub(crate) fn new(key: CacheKey) -> Self {
        Self {
            version: VERSION,
            key,
            students: BTreeMap::new(),
        }
    }

    /// Reads them back.
    ///
    /// # Errors
    /// Why they cannot be used, in words that finish "… cannot be used: ".
    pub(crate) fn parse(bytes: &[u8], key: Option<&CacheKey>) -> Result<Self, String> {
        let damaged = |error: serde_json::Error| format!("it is damaged ({error})");
        let document: serde_json::Value = serde_json::from_slice(bytes).map_err(damaged)?;
        if document.get("version").and_then(serde_json::Value::as_u64) != Some(VERSION) {
            return Err("another version of homeroom wrote it".to_owned());
        }
        let read: Self = serde_json::from_value(document).map_err(damaged)?;
        match key {
            Some(key) if read.key != *key => Err(format!(
                "it is about class {} ({}) in account {}, {}",
                read.key.class, read.key.lab, read.key.account, read.key.region
            )),
            _ => Ok(read),
        }
    }

    /// As text for a file.
    ///
    /// # Errors
    /// The serialiser's own, which nothing here brings about.
    pub(crate) fn to_json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string(self)? + "\n")
    }

    /// When anybody was last read.
    pub(crate) fn read_at(&self) -> Option<Timestamp> {
        self.students.values().map(|kept| kept.read_at).max()
    }

    /// Notes whose readings these are where that is not known: an older homeroom did not write it.
    pub(crate) fn know(&mut self, people: &BTreeMap<Username, KnownPerson>) {
        for (username, kept) in &mut self.students {
            if let Some(person) = people.get(username)
                && kept.person == KnownPerson::default()
            {
                kept.person = person.clone();
            }
        }
    }

    /// Lays what was read now over what is kept, and keeps that. Answers the students as they stand, and the readings
    /// of earlier stacks that no dated copy has. `people`: whom the roster means.
    pub(crate) fn merge(
        &mut self,
        read: impl IntoIterator<Item = (StudentProgress, StackSight)>,
        people: &BTreeMap<Username, KnownPerson>,
        now: Timestamp,
    ) -> (Vec<StudentProgress>, BTreeMap<Username, KeptReading>) {
        let mut students = Vec::new();
        let mut displaced = BTreeMap::new();
        for (fresh, sight) in read {
            let username = fresh.username.clone();
            let kept = self.students.remove(&username);
            let footing = kept.as_ref().map(|kept| kept.footing(&sight));
            let person = people.get(&username).cloned().unwrap_or_default();
            let (mut shown, keep) = match (footing, kept) {
                (Some(footing), Some(kept)) if kept.is_anothers(&person, footing) => {
                    let (mut shown, _) = laid_over(None, fresh, &sight, now);
                    shown.last = Last {
                        earlier: Some(kept.read_at),
                        replaced: Some(now),
                        another: true,
                        ..shown.last
                    };
                    if kept.copy.is_none() {
                        displaced.insert(username.clone(), kept.clone());
                    }
                    (shown, Some(kept))
                }
                (Some(Footing::Gone), Some(kept)) => (kept.standing(fresh), Some(kept)),
                (Some(Footing::Same), Some(kept)) => laid_over(Some(kept), fresh, &sight, now),
                (Some(Footing::Unseen), Some(kept)) => {
                    // Which stack stands now cannot be seen: of one that was torn down nothing may count for it.
                    let last = (kept.closed_at.is_none()).then(|| kept.clone());
                    let (mut shown, _) = laid_over(last, fresh, &sight, now);
                    shown.last.told(kept.earlier.as_ref());
                    (shown, Some(kept))
                }
                (Some(Footing::Anew), Some(kept)) => {
                    let earlier = Earlier {
                        read_at: kept.read_at,
                        copy: kept.copy.clone(),
                        replaced_at: now,
                    };
                    if kept.copy.is_none() {
                        displaced.insert(username.clone(), kept);
                    }
                    let (mut shown, keep) = laid_over(None, fresh, &sight, now);
                    shown.last.told(Some(&earlier));
                    let keep = keep.map(|keep| KeptReading {
                        earlier: Some(earlier),
                        ..keep
                    });
                    (shown, keep)
                }
                _ => laid_over(None, fresh, &sight, now),
            };
            if let Some(mut keep) = keep {
                if !shown.last.another && !shown.last.gone {
                    shown.last.handed_on = keep.person.is_another(&person);
                    // What the roster no longer says is still known.
                    let earlier = match shown.last.handed_on {
                        true => KnownPerson::default(),
                        false => keep.person,
                    };
                    keep.person = KnownPerson {
                        email: person.email.or(earlier.email),
                        name: person.name.or(earlier.name),
                    };
                }
                self.students.insert(username, keep);
            }
            students.push(shown);
        }
        (students, displaced)
    }

    /// A dated copy has these readings of earlier stacks.
    pub(crate) fn displaced_copied(
        &mut self,
        displaced: &BTreeMap<Username, KeptReading>,
        copy: &str,
    ) {
        for (student, old) in displaced {
            match self.students.get_mut(student) {
                // Still kept, as somebody else's.
                Some(kept) if kept == old => kept.copy = Some(copy.to_owned()),
                Some(KeptReading {
                    earlier: Some(earlier),
                    ..
                }) => earlier.copy = Some(copy.to_owned()),
                _ => {}
            }
        }
    }

    /// Homeroom begins to tear these students' stacks down: what is made from now on is another stack.
    pub(crate) fn close<'a>(
        &mut self,
        students: impl IntoIterator<Item = &'a Username>,
        now: Timestamp,
    ) {
        for student in students {
            if let Some(kept) = self.students.get_mut(student) {
                kept.closed_at.get_or_insert(now);
            }
        }
    }

    /// A dated copy has what is kept of these students. The first one that has it is the one that is told.
    pub(crate) fn copied<'a>(
        &mut self,
        students: impl IntoIterator<Item = &'a Username>,
        copy: &str,
    ) {
        for student in students {
            if let Some(kept) = self.students.get_mut(student) {
                kept.copy.get_or_insert_with(|| copy.to_owned());
            }
        }
    }
}

impl KeptReading {
    /// Whether it is of somebody else than the roster means now, and nothing stands that would be theirs: the next
    /// term has the same usernames.
    fn is_anothers(&self, person: &KnownPerson, footing: Footing) -> bool {
        let none_stands = match footing {
            Footing::Gone | Footing::Unseen => true,
            Footing::Same => self.closed_at.is_some(),
            Footing::Anew => false,
        };
        none_stands && self.person.is_another(person)
    }

    fn footing(&self, sight: &StackSight) -> Footing {
        if sight.births.is_empty() {
            return match sight.hidden {
                true => Footing::Unseen,
                false => Footing::Gone,
            };
        }
        let mut births = sight.births.iter();
        let known = births.any(|birth| self.births.contains(birth));
        let grown = !sight.births.is_subset(&self.births);
        match (known, self.closed_at.is_some()) {
            (true, true) if grown => Footing::Anew,
            (true, _) => Footing::Same,
            // Nothing was seen of it at the time.
            (false, false) if self.births.is_empty() => Footing::Same,
            (false, _) if sight.hidden => Footing::Unseen,
            (false, _) => Footing::Anew,
        }
    }

    /// The student as this reading left them, once the stack is gone.
    fn standing(&self, fresh: StudentProgress) -> StudentProgress {
        let checks: Vec<CheckResult> = self.checks.iter().map(KeptCheck::dated).collect();
        let theirs = checks.iter().filter(|check| check.work == Work::Student);
        let theirs: Vec<CheckResult> = theirs.cloned().collect();
        StudentProgress {
            username: fresh.username,
            progress: progress_of(&checks, true),
            checks,
            executions: self.executions.clone(),
            executions_left_out: self.executions_left_out,
            executions_cut_off: self.executions_cut_off,
            outputs: self.outputs.clone(),
            changes: self.changes.clone(),
            requests: self.requests.clone(),
            last: Last {
                as_of: oldest(&theirs).or(Some(self.read_at)),
                gone: true,
                unread: false,
                ..Last::after(self.earlier.as_ref())
            },
        }
    }
}

impl Last {
    /// What is told of the stack before.
    fn after(earlier: Option<&Earlier>) -> Self {
        Self {
            earlier: earlier.map(|earlier| earlier.read_at),
            replaced: earlier.map(|earlier| earlier.replaced_at),
            ..Self::default()
        }
    }

    fn told(&mut self, earlier: Option<&Earlier>) {
        *self = Self {
            as_of: self.as_of,
            gone: self.gone,
            unread: self.unread,
            ..Self::after(earlier)
        };
    }
}

impl KeptCheck {
    fn dated(&self) -> CheckResult {
        CheckResult {
            // What nothing can prove was not read.
            as_of: (self.result.verdict != Verdict::NotProvable).then_some(self.read_at),
            ..self.result.clone()
        }
    }

    /// What could not be read now, with what is known of it: no less than then is done.
    fn at_least(&self, fresh: CheckResult) -> CheckResult {
        let known = &self.result;
        if known.earned <= fresh.earned {
            return fresh;
        }
        CheckResult {
            earned: known.earned,
            parts: known.parts,
            as_of: Some(self.read_at),
            ..fresh
        }
    }

    /// With what is proven now, where that is more, though not everything could be read: it is not forgotten again.
    fn with_more_of(&self, fresh: &CheckResult, now: Timestamp) -> Self {
        let mut kept = self.clone();
        if self.result.verdict != Verdict::Pass && fresh.earned > self.result.earned {
            kept.read_at = now;
            kept.result = CheckResult {
                // What was read as a whole then is known, and more is done since.
                verdict: self.result.verdict,
                ..fresh.clone()
            };
        }
        kept
    }

    /// Whether what proved it has aged out of what it was read from.
    fn is_aged(&self, sources: &[Source], now: Timestamp) -> bool {
        let Some(keeps) = sources.iter().map(|source| source.keeps_ms).min() else {
            return false;
        };
        let oldest = now.as_millisecond().saturating_sub(keeps);
        let mut executions = self
            .result
            .evidence
            .iter()
            .filter_map(|e| e.execution.as_ref());
        executions.any(|shown| {
            let Execution {
                started_ms,
                stopped_ms,
                ..
            } = shown.execution;
            stopped_ms.unwrap_or(started_ms) < oldest
        })
    }
}

fn oldest(checks: &[CheckResult]) -> Option<Timestamp> {
    checks.iter().filter_map(|check| check.as_of).min()
}

/// Lays a reading of a stack over the last one of the same stack, if there is one.
fn laid_over(
    last: Option<KeptReading>,
    fresh: StudentProgress,
    sight: &StackSight,
    now: Timestamp,
) -> (StudentProgress, Option<KeptReading>) {
    let mut shown = Vec::with_capacity(fresh.checks.len());
    let mut keep = Vec::with_capacity(fresh.checks.len());
    let mut unread = false;
    for check in fresh.checks {
        let mut sources = sight.of_check(&check.id).iter();
        let gone = sources.any(|source| source.trouble().is_some());
        unread |= check.verdict == Verdict::CouldNotCheck && !gone;
        let known = last
            .iter()
            .flat_map(|last| &last.checks)
            .find(|known| known.result.id == check.id);
        let (show, kept) = settle(known, check, sight, now);
        shown.push(show);
        keep.push(kept);
    }
    let theirs: Vec<CheckResult> = shown
        .iter()
        .filter(|check| check.work == Work::Student)
        .cloned()
        .collect();
    let earlier = last.as_ref().and_then(|last| last.earlier.clone());
    // That a stack is half gone, or that nothing can prove something, is no news of what the student did.
    let any_new = keep.iter().any(|kept| {
        let result = &kept.result;
        let tells = result.work == Work::Student && result.verdict != Verdict::NotProvable;
        tells && kept.read_at == now
    });
    let progress = StudentProgress {
        progress: match fresh.progress {
            Progress::NotDeployed => Progress::NotDeployed,
            _ => Progress::of(&shown),
        },
        checks: shown,
        last: Last {
            as_of: oldest(&theirs),
            gone: false,
            unread,
            ..Last::after(earlier.as_ref())
        },
        // Those of a machine that is gone are not told anew either.
        executions: match &last {
            Some(last) if fresh.executions.is_empty() => last.executions.clone(),
            _ => fresh.executions,
        },
        ..StudentProgress {
            checks: Vec::new(),
            executions: Vec::new(),
            ..fresh
        }
    };
    if sight.births.is_empty() {
        // There is no stack that a reading could be kept of.
        return (progress, last);
    }
    let mut births = sight.births.clone();
    births.extend(last.iter().flat_map(|last| last.births.iter().cloned()));
    let kept = KeptReading {
        person: last
            .as_ref()
            .map(|last| last.person.clone())
            .unwrap_or_default(),
        births,
        read_at: match &last {
            Some(last) if !any_new => last.read_at,
            _ => now,
        },
        closed_at: last.as_ref().and_then(|last| last.closed_at),
        checks: keep,
        executions: progress.executions.clone(),
        executions_left_out: progress.executions_left_out,
        executions_cut_off: progress.executions_cut_off,
        outputs: progress.outputs.clone(),
        changes: progress.changes.clone(),
        requests: progress.requests.clone(),
        copy: last
            .as_ref()
            .filter(|_| !any_new)
            .and_then(|last| last.copy.clone()),
        earlier,
    };
    (progress, Some(kept))
}

/// What counts of a check, and what is kept of it.
fn settle(
    known: Option<&KeptCheck>,
    fresh: CheckResult,
    sight: &StackSight,
    now: Timestamp,
) -> (CheckResult, KeptCheck) {
    let sources = sight.of_check(&fresh.id);
    let as_read = |result: &CheckResult| KeptCheck {
        result: result.clone(),
        read_at: now,
        sources: sources.iter().filter_map(Source::birth).collect(),
    };
    if fresh.work == Work::Stack {
        // How a stack stands is to be seen now. Once it is gone, that it once was whole is what is left to say.
        let kept = match known {
            Some(known) if fresh.verdict != Verdict::Pass => known.clone(),
            _ => as_read(&fresh),
        };
        return (fresh, kept);
    }
    let trouble = sources.iter().find_map(Source::trouble);
    // What earlier readings remember can prove a check whose source is gone; nothing of somebody else's can.
    let theirs = sources
        .iter()
        .any(|source| matches!(source.state, SourceState::Theirs(_)));
    let proven = fresh.verdict == Verdict::Pass && !theirs;
    let fresh = match &trouble {
        Some(why) if !proven && fresh.verdict != Verdict::NotProvable => {
            let text = match known {
                Some(_) => why.clone(),
                None => format!("{why}, and no reading of it is kept"),
            };
            CheckResult {
                verdict: Verdict::CouldNotCheck,
                evidence: vec![text.into()],
                earned: Points::ZERO,
                parts: None,
                ..fresh
            }
        }
        _ => fresh,
    };
    let Some(known) = known else {
        let kept = as_read(&fresh);
        return (fresh, kept);
    };
    if fresh.verdict == Verdict::CouldNotCheck {
        let stands = match trouble.is_some() || sight.ends {
            true => known.result.verdict != Verdict::CouldNotCheck,
            // What was not done then may be done now.
            false => known.result.verdict == Verdict::Pass,
        };
        let known = known.with_more_of(&fresh, now);
        return match stands {
            true => (known.dated(), known),
            false => (known.at_least(fresh), known),
        };
    }
    if trouble.is_some() && known.result.verdict == Verdict::Pass {
        // Remembered, and not read: what it was read from is gone.
        return (known.dated(), known.clone());
    }
    let births: Vec<String> = sources.iter().filter_map(Source::birth).collect();
    let replaced = births != known.sources || known.is_aged(sources, now);
    if replaced && worth(&known.result) > worth(&fresh) {
        return (known.dated(), known.clone());
    }
    let kept = as_read(&fresh);
    (fresh, kept)
}

/// Where a student stands. Of a stack that is gone only what the student did is of interest.
pub(crate) fn progress_of(checks: &[CheckResult], gone: bool) -> Progress {
    if !gone {
        return Progress::of(checks);
    }
    let theirs = checks.iter().filter(|check| check.work == Work::Student);
    Progress::of(&theirs.cloned().collect::<Vec<_>>())
}

/// How much a check's answer says for the student.
fn worth(check: &CheckResult) -> (bool, Points) {
    (check.verdict == Verdict::Pass, check.earned)
}

#[cfg(test)]
mod tests;
