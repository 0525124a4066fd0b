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

use crate::evidence::attention::Moments;
use crate::evidence::cache::{CacheKey, of_version};
use crate::evidence::check::{CheckResult, OnTime, Verdict};
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptCheck {
    pub(crate) result: CheckResult,
    pub(crate) read_at: Timestamp,
    /// The births of what it was read from.
    pub(crate) sources: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Earlier {
    pub(crate) read_at: Timestamp,
    /// The dated copy of that reading.
    pub(crate) copy: Option<String>,
    /// When the stack that stands in its place was first read.
    pub(crate) replaced_at: Timestamp,
}

/// Which stack a reading is of, by the last reading of the same student.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Footing {
    Same,
    /// The stack is gone.
    Gone,
    /// Another stack, made since.
    Anew,
    /// It cannot be seen.
    Unseen,
}

impl LastReadings {
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
        let read: Self = of_version(bytes, VERSION)?;
        key.map_or(Ok(()), |key| read.key.require(key))?;
        Ok(read)
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

    /// Adds whose readings these are, where an older homeroom did not write it.
    pub(crate) fn know(&mut self, people: &BTreeMap<Username, KnownPerson>) {
        for (username, kept) in &mut self.students {
            if let Some(person) = people.get(username)
                && kept.person == KnownPerson::default()
            {
                kept.person = person.clone();
            }
        }
    }

    /// Lays what was read now over what is kept, and keeps the result. Returns the students as they stand, and the
    /// readings of earlier stacks that no dated copy has. `people`: whom the roster means.
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
            let person = people.get(&username).cloned().unwrap_or_default();
            let mut displace = |kept: &KeptReading| {
                if kept.copy.is_none() {
                    displaced.insert(username.clone(), kept.clone());
                }
            };
            let (mut shown, keep) = match self.students.remove(&username) {
                None => laid_over(None, fresh, &sight, now),
                Some(kept) => match kept.footing(&sight) {
                    footing if kept.is_anothers(&person, footing) => {
                        displace(&kept);
                        let (mut shown, _) = laid_over(None, fresh, &sight, now);
                        shown.last.earlier = Some(kept.read_at);
                        shown.last.replaced = Some(now);
                        shown.last.another = true;
                        (shown, Some(kept))
                    }
                    Footing::Gone => (kept.standing(fresh), Some(kept)),
                    Footing::Same => laid_over(Some(kept), fresh, &sight, now),
                    Footing::Unseen => {
                        // Nobody knows which stack stands now. After a teardown, nothing of the last one may count.
                        let last = kept.closed_at.is_none().then(|| kept.clone());
                        let (mut shown, _) = laid_over(last, fresh, &sight, now);
                        shown.last = shown.last.after(kept.earlier.as_ref());
                        (shown, Some(kept))
                    }
                    Footing::Anew => {
                        displace(&kept);
                        let earlier = Earlier {
                            read_at: kept.read_at,
                            copy: kept.copy,
                            replaced_at: now,
                        };
                        let (mut shown, mut keep) = laid_over(None, fresh, &sight, now);
                        shown.last = shown.last.after(Some(&earlier));
                        if let Some(keep) = &mut keep {
                            keep.earlier = Some(earlier);
                        }
                        (shown, keep)
                    }
                },
            };
            if let Some(mut keep) = keep {
                if !shown.last.another && !shown.last.gone {
                    shown.last.handed_on = keep.person.is_another(&person);
                    // An address or name that the roster no longer has is still known.
                    let known = match shown.last.handed_on {
                        true => KnownPerson::default(),
                        false => keep.person,
                    };
                    keep.person = KnownPerson {
                        email: person.email.or(known.email),
                        name: person.name.or(known.name),
                    };
                }
                self.students.insert(username, keep);
            }
            students.push(shown);
        }
        (students, displaced)
    }

    /// When others tried something, as far as the last readings of stacks that stand tell.
    pub(crate) fn moments(&self, of: impl Fn(&Username) -> bool) -> Vec<Moments> {
        let kept = self.students.iter();
        let kept = kept.filter(|(name, kept)| of(name) && kept.closed_at.is_none());
        let moments = kept.map(|(_, kept)| {
            let executions = kept.executions.iter();
            let mut moments: Moments = executions.map(|(_, one)| one.started_ms).collect();
            moments.sort_unstable();
            moments
        });
        moments.collect()
    }

    /// Notes the dated copy that has these readings of earlier stacks.
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

    /// Notes that homeroom begins to tear these stacks down: what is made from now on is another stack.
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

    /// Notes the dated copy that has these students' readings. The first such copy stays noted.
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
    /// Whether it is the reading of another person than the roster means now, whose stack is gone: the next term may
    /// have the same usernames.
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
        let last = Last {
            as_of: oldest(&checks).or(Some(self.read_at)),
            gone: true,
            ..Last::default()
        };
        StudentProgress {
            progress: progress_of(&checks, true),
            checks,
            executions: self.executions.clone(),
            executions_left_out: self.executions_left_out,
            executions_cut_off: self.executions_cut_off,
            outputs: self.outputs.clone(),
            changes: self.changes.clone(),
            requests: self.requests.clone(),
            last: last.after(self.earlier.as_ref()),
            ..StudentProgress::unread(&fresh.username)
        }
    }
}

impl Last {
    /// With the times of the stack before, if there was one.
    fn after(self, earlier: Option<&Earlier>) -> Self {
        Self {
            earlier: earlier.map(|earlier| earlier.read_at),
            replaced: earlier.map(|earlier| earlier.replaced_at),
            ..self
        }
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

    /// A check that could not be read now, with at least what was done at the last reading.
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

    /// With what is proven now, where that is more, though not everything could be read.
    fn with_more_of(&self, fresh: &CheckResult, now: Timestamp) -> Self {
        let mut kept = self.clone();
        if self.result.verdict != Verdict::Pass && fresh.earned > self.result.earned {
            kept.read_at = now;
            kept.result = CheckResult {
                // The last reading was complete, and more is done since.
                verdict: self.result.verdict,
                ..fresh.clone()
            };
        }
        kept
    }

    /// Settles what of a result was on time. `read`: what was judged now; `stands`: the result is this one.
    ///
    /// Executions on time may be gone while later ones are still there, so for the same due time the better answer
    /// counts, and no answer changes nothing. But what was known before the time was over may be too little.
    fn settle_on_time(&self, result: &mut CheckResult, read: Option<OnTime>, stands: bool) {
        if result.earned < self.result.earned || result.work == Work::Stack {
            return;
        }
        let is_final = |known: &OnTime| self.read_at >= known.due || known.earned == result.earned;
        result.on_time = match (self.result.on_time, read) {
            (Some(known), Some(read)) if known.due == read.due => {
                Some(if known.earned > read.earned {
                    known
                } else {
                    read
                })
            }
            (known, None) => known.filter(|known| stands || is_final(known)),
            (_, read) => read,
        };
    }

    /// Whether the executions that proved it are older than what its sources keep.
    fn is_aged(&self, sources: &[Source], now: Timestamp) -> bool {
        let Some(keeps) = sources.iter().map(|source| source.keeps_ms).min() else {
            return false;
        };
        let oldest = now.as_millisecond().saturating_sub(keeps);
        let shown = self.result.evidence.iter();
        let mut executions = shown.filter_map(|evidence| evidence.execution.as_ref());
        executions.any(|shown| {
            let execution = &shown.execution;
            execution.stopped_ms.unwrap_or(execution.started_ms) < oldest
        })
    }
}

/// The student's own tasks.
fn own(checks: &[CheckResult]) -> impl Iterator<Item = &CheckResult> {
    checks.iter().filter(|check| check.work == Work::Student)
}

/// The time of the oldest earlier reading that stands for one of the student's own tasks.
fn oldest(checks: &[CheckResult]) -> Option<Timestamp> {
    own(checks).filter_map(|check| check.as_of).min()
}

/// Lays a reading of a stack over the last one of the same stack, if there is one.
fn laid_over(
    last: Option<KeptReading>,
    mut fresh: StudentProgress,
    sight: &StackSight,
    now: Timestamp,
) -> (StudentProgress, Option<KeptReading>) {
    let mut shown = Vec::with_capacity(fresh.checks.len());
    let mut keep = Vec::with_capacity(fresh.checks.len());
    let mut unread = false;
    for check in std::mem::take(&mut fresh.checks) {
        let mut sources = sight.of_check(&check.id).iter();
        let gone = sources.any(|source| source.trouble().is_some());
        unread |= check.verdict == Verdict::CouldNotCheck && !gone;
        let known = last
            .iter()
            .flat_map(|last| &last.checks)
            .find(|known| known.result.id == check.id);
        let read = check.on_time;
        let (mut show, mut kept) = settle(known, check, sight, now);
        if let Some(known) = known {
            let stands =
                show.as_of == Some(known.read_at) && show.verdict != Verdict::CouldNotCheck;
            known.settle_on_time(&mut show, read, stands);
            let stands = kept.read_at == known.read_at;
            known.settle_on_time(&mut kept.result, read, stands);
        }
        shown.push(show);
        keep.push(kept);
    }
    // News of what the student did; that a stack is half gone, or that nothing can prove something, is none.
    let any_new = keep.iter().any(
        |KeptCheck {
             result, read_at, ..
         }| {
            let tells = result.work == Work::Student && result.verdict != Verdict::NotProvable;
            tells && *read_at == now
        },
    );
    let earlier = last.as_ref().and_then(|last| last.earlier.clone());
    let mut progress = StudentProgress {
        progress: match fresh.progress {
            Progress::NotDeployed => Progress::NotDeployed,
            _ => Progress::of(&shown),
        },
        last: Last {
            as_of: oldest(&shown),
            unread,
            ..Last::default().after(earlier.as_ref())
        },
        checks: shown,
        ..fresh
    };
    // Executions of a state machine that is gone are not listed any more either.
    if let Some(last) = &last
        && progress.executions.is_empty()
    {
        progress.executions.clone_from(&last.executions);
    }
    if sight.births.is_empty() {
        // No stack is there, so there is no new reading to keep.
        return (progress, last);
    }
    let mut kept = KeptReading {
        person: KnownPerson::default(),
        births: sight.births.clone(),
        read_at: now,
        closed_at: None,
        checks: keep,
        executions: progress.executions.clone(),
        executions_left_out: progress.executions_left_out,
        executions_cut_off: progress.executions_cut_off,
        outputs: progress.outputs.clone(),
        changes: progress.changes.clone(),
        requests: progress.requests.clone(),
        copy: None,
        earlier,
    };
    if let Some(last) = last {
        kept.person = last.person;
        kept.births.extend(last.births);
        kept.closed_at = last.closed_at;
        if !any_new {
            kept.read_at = last.read_at;
            kept.copy = last.copy;
        }
    }
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
        // The stack counts as it is now. Once it is gone, the last reading in which it was whole is shown.
        let kept = match known {
            Some(known) if fresh.verdict != Verdict::Pass => known.clone(),
            _ => as_read(&fresh),
        };
        return (fresh, kept);
    }
    let trouble = sources.iter().find_map(Source::trouble);
    // Remembered executions can prove a check whose source is gone, but not one whose source is somebody else's.
    let theirs = |source: &Source| matches!(source.state, SourceState::Theirs(_));
    let proven = fresh.verdict == Verdict::Pass && !sources.iter().any(theirs);
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
                on_time: None,
                ..fresh
            }
        }
        _ => fresh,
    };
    let Some(known) = known else {
        let kept = as_read(&fresh);
        return (fresh, kept);
    };
    let known_verdict = known.result.verdict;
    if fresh.verdict == Verdict::CouldNotCheck {
        let stands = match trouble.is_some() || sight.ends {
            true => known_verdict != Verdict::CouldNotCheck,
            // A task that was not done then may be done now.
            false => known_verdict == Verdict::Pass,
        };
        let known = known.with_more_of(&fresh, now);
        return match stands {
            true => (known.dated(), known),
            false => (known.at_least(fresh), known),
        };
    }
    // Remembered, and not read: its source is gone.
    let remembered = trouble.is_some() && known_verdict == Verdict::Pass;
    let kept = as_read(&fresh);
    let replaced = kept.sources != known.sources || known.is_aged(sources, now);
    match remembered || replaced && worth(&known.result) > worth(&fresh) {
        true => (known.dated(), known.clone()),
        false => (fresh, kept),
    }
}

/// Where a student stands. Of a stack that is gone only the student's own tasks count.
pub(crate) fn progress_of(checks: &[CheckResult], gone: bool) -> Progress {
    match gone {
        true => Progress::of(&own(checks).cloned().collect::<Vec<_>>()),
        false => Progress::of(checks),
    }
}

/// How much a check's answer says for the student.
fn worth(check: &CheckResult) -> (bool, Points) {
    (check.verdict == Verdict::Pass, check.earned)
}

#[cfg(test)]
mod tests;
