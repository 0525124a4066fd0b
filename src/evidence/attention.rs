//! Who needs somebody, over the whole class: the most urgent first, what several do alike, and who has gone silent by the
//! class's own pace. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::evidence::activity::Trouble;
use crate::evidence::progress::{Progress, StudentProgress};
use crate::evidence::trouble::open_tasks;
use crate::ids::Username;
use crate::lab::Lab;
use crate::lab::mistake::{Listener, Mistake, Symptom, TroubleReason, remark};
use crate::roster::Student;
use crate::text::normalise::key;

const MINUTE_MS: i64 = 60_000;
/// Nobody is silent before this time is over, however fast the class is.
const SILENT_MIN_MS: i64 = 10 * MINUTE_MS;
/// And everybody is after this one, however slow it is.
const SILENT_MAX_MS: i64 = 30 * MINUTE_MS;
/// A student who pauses so many times as long as the class usually does is silent.
const PACE_FACTOR: i64 = 3;
/// After such a pause of everybody, the class begins anew.
const SESSION_PAUSE_MS: i64 = SILENT_MAX_MS;

/// A student who needs somebody, as every output shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    /// Who.
    pub username: Username,
    /// Why, and what to say.
    #[serde(flatten)]
    pub trouble: Trouble,
}

/// What several students do alike: one remark to the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoomRemark {
    /// Finishes the sentence "7 students …".
    pub text: String,
    /// In the order of their need.
    pub students: Vec<Username>,
}

/// Everybody who needs somebody, the most urgent first.
pub fn needs<'a>(students: impl IntoIterator<Item = &'a StudentProgress>) -> Vec<Need> {
    let of = |student: &StudentProgress| {
        Some(Need {
            username: student.username.clone(),
            trouble: student.trouble.clone()?,
        })
    };
    let mut needs: Vec<Need> = students.into_iter().filter_map(of).collect();
    needs.sort_by_key(|need| {
        let trouble = &need.trouble;
        (
            trouble.reason,
            std::cmp::Reverse(trouble.count),
            trouble.since,
        )
    });
    needs
}

/// What at least two students do alike, the most frequent first.
pub fn room_remarks(needs: &[Need]) -> Vec<RoomRemark> {
    let mut alike: BTreeMap<&str, Vec<Username>> = BTreeMap::new();
    for need in needs {
        if let Some(room) = &need.trouble.room {
            alike.entry(room).or_default().push(need.username.clone());
        }
    }
    alike.retain(|_, students| students.len() > 1);
    let remark = |(text, students): (&str, Vec<Username>)| RoomRemark {
        text: text.to_owned(),
        students,
    };
    let mut remarks: Vec<RoomRemark> = alike.into_iter().map(remark).collect();
    remarks.sort_by_key(|remark| std::cmp::Reverse(remark.students.len()));
    remarks
}

/// Where the class's last session begins: the first of these moments after the last long pause of everybody. They are in
/// milliseconds, and sorted.
pub(crate) fn last_session(moments: &[i64]) -> usize {
    let pause = moments
        .windows(2)
        .rposition(|pair| pair[1] - pair[0] > SESSION_PAUSE_MS);
    pause.map_or(0, |before| before + 1)
}

/// When one student tried something, in milliseconds since 1970, the earliest first.
pub type Moments = Vec<i64>;

/// How the class works now.
struct ClassPace {
    /// When this session of the class began, in milliseconds since 1970.
    began_ms: i64,
    /// Who has been without a sign of life for longer is silent, in milliseconds.
    silent_ms: i64,
    /// The class's last sign of life, likewise.
    last_ms: i64,
}

impl ClassPace {
    /// `None` where nobody has been seen.
    fn of(students: &[StudentProgress], others: &[Moments]) -> Option<Self> {
        let mut signs: Vec<i64> = students.iter().flat_map(signs).collect();
        signs.extend(others.iter().flatten());
        signs.sort_unstable();
        let last_ms = *signs.last()?;
        let began_ms = signs[last_session(&signs)];
        let mut gaps: Vec<i64> = students
            .iter()
            .flat_map(|student| {
                let attempts = &student.activity.attempts;
                let gaps = attempts
                    .windows(2)
                    .map(|pair| (pair[0].at_ms, pair[1].at_ms));
                gaps.collect::<Vec<_>>()
            })
            .chain(others.iter().flat_map(|other| {
                let pairs = other.windows(2);
                pairs.map(|pair| (pair[0], pair[1])).collect::<Vec<_>>()
            }))
            .filter(|(from, _)| *from >= began_ms)
            .map(|(from, to)| to - from)
            .collect();
        gaps.sort_unstable();
        let usual = gaps
            .get(gaps.len() / 2)
            .copied()
            .unwrap_or(SILENT_MIN_MS / 2);
        Some(Self {
            began_ms,
            silent_ms: (usual * PACE_FACTOR).clamp(SILENT_MIN_MS, SILENT_MAX_MS),
            last_ms,
        })
    }

    /// Whether the class is at work.
    fn is_at_work(&self, now_ms: i64) -> bool {
        now_ms - self.last_ms < self.silent_ms
    }
}

fn signs(student: &StudentProgress) -> impl Iterator<Item = i64> {
    let activity = &student.activity;
    let attempts = activity.attempts.iter().map(|attempt| attempt.at_ms);
    attempts.chain(activity.last_seen_ms)
}

/// The sections of which so many have a stack that who has none was left out: at least half.
fn deployed_sections(
    students: &[StudentProgress],
    section: impl Fn(&Username) -> Option<String>,
) -> BTreeSet<Option<String>> {
    let mut counts: BTreeMap<Option<String>, (usize, usize)> = BTreeMap::new();
    for student in students {
        let unsure = [Progress::NotDeployed, Progress::Unknown];
        let has_one = !student.last.gone && !unsure.contains(&student.progress);
        let (deployed, all) = counts.entry(section(&student.username)).or_default();
        *deployed += usize::from(has_one);
        *all += 1;
    }
    counts.retain(|_, (deployed, all)| *deployed > 0 && *deployed * 2 >= *all);
    counts.into_keys().collect()
}

/// Adds the trouble of those who are silent while the class is at work, and drops that of those who need nobody by what the
/// whole class shows. Once the class has gone home, nobody is silent; before their section is deployed, nobody's stack is
/// missing. Who is shut out (`frozen`) cannot work, and is not silent. `others`: what is known of the rest of the class.
pub fn find_silent(
    students: &mut [StudentProgress],
    others: &[Moments],
    frozen: &[Username],
    roster: &[Student],
    lab: &Lab,
    now: Timestamp,
) {
    let sections = roster.iter().map(|student| {
        let section = student.section.as_deref();
        (&student.username, section.map(key))
    });
    let sections: BTreeMap<&Username, Option<String>> = sections.collect();
    let section = |name: &Username| sections.get(name).cloned().flatten();
    let deployed = deployed_sections(students, section);
    for student in &mut *students {
        // An earlier reading may show that a student is done, or that the stack was taken down.
        let is_open = match student.progress {
            Progress::NotDeployed => deployed.contains(&section(&student.username)),
            progress => progress.is_open(),
        };
        if !is_open || student.last.gone {
            (student.trouble, student.hitch) = (None, None);
        }
        // Of a student who was not read this time.
        if student
            .trouble
            .as_ref()
            .is_some_and(|trouble| is_silence(trouble.reason))
        {
            student.trouble = None;
        }
    }
    let now_ms = now.as_millisecond();
    let Some(pace) = ClassPace::of(students, others).filter(|pace| pace.is_at_work(now_ms)) else {
        return;
    };
    for student in students {
        let works = matches!(
            student.progress,
            Progress::InProgress | Progress::NotStarted
        );
        let unread = student.activity.unread.is_some() || student.last.unread || student.last.gone;
        if !works || unread || student.trouble.is_some() || frozen.contains(&student.username) {
            continue;
        }
        let (reason, since_ms) = match student.activity.last_seen_ms {
            Some(seen) => (TroubleReason::Idle, seen),
            None => (TroubleReason::NotStarted, pace.began_ms),
        };
        // A break of the whole class is nobody's silence; and of a student who was not read this time nothing newer is known.
        let known = [student.last.as_of, student.activity.requests_as_of];
        let known = known.into_iter().flatten().map(Timestamp::as_millisecond);
        let known_ms = known.fold(now_ms, i64::min);
        if known_ms - since_ms.max(pace.began_ms) >= pace.silent_ms {
            student.trouble = Some(silence(student, reason, since_ms, lab.mistakes()));
        }
    }
}

pub(crate) fn is_silence(reason: TroubleReason) -> bool {
    matches!(reason, TroubleReason::Idle | TroubleReason::NotStarted)
}

fn silence(
    student: &StudentProgress,
    reason: TroubleReason,
    since_ms: i64,
    mistakes: &[Mistake],
) -> Trouble {
    let hitch = student.hitch.as_ref();
    let open = open_tasks(&student.checks).next();
    let task = hitch
        .and_then(|hitch| hitch.task.clone())
        .or_else(|| Some(open?.id.clone()));
    let changes: Vec<String> = student
        .changes
        .iter()
        .map(|c| format!("{}: {}", c.resource, c.summary))
        .collect();
    let symptom = Symptom {
        task: task.as_deref(),
        requests_seen: student.activity.requests_seen,
        changes: &changes,
        ..Symptom::of(reason)
    };
    // What went wrong last tells more than the silence.
    let said = match hitch.is_some_and(|hitch| hitch.say.is_some()) {
        true => None,
        false => remark(mistakes, &symptom),
    };
    let hint = open
        .map(|check| check.hint.clone())
        .filter(|hint| !hint.is_empty());
    Trouble {
        reason,
        count: None,
        since: Timestamp::from_millisecond(since_ms).ok(),
        cause: hitch.and_then(|hitch| hitch.cause.clone()),
        to: match &said {
            Some(said) => said.to,
            None => hitch.map_or(Listener::Student, |hitch| hitch.to),
        },
        room: None,
        act: None,
        say: said
            .map(|said| said.say)
            .or_else(|| hitch.and_then(|hitch| hitch.say.clone()))
            .or(hint),
        task,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::activity::{Activity, Attempt, AttemptEnd};
    use crate::evidence::standing::tests::student as standing;
    use crate::lab::bundle;

    const START: i64 = 1_763_870_000_000;

    fn lab() -> Lab {
        bundle::load(None).unwrap()
    }

    /// A student who tried something in these minutes.
    fn student(name: &str, minutes: &[i64]) -> StudentProgress {
        let attempt = |minute: &i64| Attempt {
            at_ms: START + minute * MINUTE_MS,
            end: AttemptEnd::Succeeded,
        };
        let progress = match minutes.is_empty() {
            true => Progress::NotStarted,
            false => Progress::InProgress,
        };
        StudentProgress {
            username: name.parse().unwrap(),
            activity: Activity::new(minutes.iter().map(attempt).collect()),
            ..standing(progress)
        }
    }

    /// Who is silent, with why, some minutes after the beginning.
    fn silent(students: &[StudentProgress], minute: i64) -> Vec<(String, TroubleReason)> {
        silent_beside(students, &[], minute)
    }

    /// The same, where these others are of the class, too.
    fn silent_beside(
        students: &[StudentProgress],
        others: &[Moments],
        minute: i64,
    ) -> Vec<(String, TroubleReason)> {
        silent_in(&[], students, others, minute)
    }

    /// The same, with a roster of these usernames and sections.
    fn silent_in(
        sections: &[(&str, &str)],
        students: &[StudentProgress],
        others: &[Moments],
        minute: i64,
    ) -> Vec<(String, TroubleReason)> {
        let mut students = students.to_vec();
        let now = Timestamp::from_millisecond(START + minute * MINUTE_MS).unwrap();
        let roster: Vec<Student> = sections
            .iter()
            .map(|(name, section)| Student {
                username: name.parse().unwrap(),
                name: None,
                email: None,
                section: Some((*section).to_owned()),
                extra: Vec::new(),
                due: None,
                place: None,
            })
            .collect();
        find_silent(&mut students, others, &[], &roster, &lab(), now);
        let needs = needs(&students);
        needs
            .into_iter()
            .map(|need| (need.username.to_string(), need.trouble.reason))
            .collect()
    }

    #[test]
    fn who_is_silent_while_the_class_works_is_idle_or_not_started() {
        let class = [
            student("works", &[1, 4, 8, 12, 16, 20, 24]),
            student("pauses", &[2, 6, 18]),
            student("idle", &[1, 5]),
            student("absent", &[]),
        ];
        let expected = [
            ("idle", TroubleReason::Idle),
            ("absent", TroubleReason::NotStarted),
        ];
        let expected = expected.map(|(name, reason)| (name.to_owned(), reason));
        assert_eq!(silent(&class, 25), expected);
        assert_eq!(silent(&class, 8), []);
    }

    #[test]
    fn a_student_read_alone_is_idle_by_the_pace_of_the_others() {
        let alone = [student("idle", &[1, 5])];
        assert_eq!(silent(&alone, 25), []);
        let at = |minutes: &[i64]| -> Moments {
            minutes.iter().map(|m| START + m * MINUTE_MS).collect()
        };
        let others = [at(&[1, 4, 8, 12, 16, 20, 24]), at(&[2, 6, 18])];
        let idle = [("idle".to_owned(), TroubleReason::Idle)];
        assert_eq!(silent_beside(&alone, &others, 25), idle);
        // By a slower class they are not, and where the others were read too long ago nobody is.
        assert_eq!(silent_beside(&alone, &[at(&[0, 9, 18, 24])], 25), []);
        assert_eq!(silent_beside(&alone, &others, 50), []);
    }

    #[test]
    fn a_break_of_the_whole_class_is_nobodys_silence() {
        let all = [&[0, 3, 6, 60][..], &[1, 4], &[2]];
        let class: Vec<_> = ["a", "b", "c"]
            .into_iter()
            .zip(all)
            .map(|(name, at)| student(name, at))
            .collect();
        assert_eq!(silent(&class, 61), []);
        assert_eq!(silent(&class, 69), []);
        let later = [&[0, 3, 6, 60, 64, 68, 71][..], &[1, 4], &[2]];
        let class: Vec<_> = ["a", "b", "c"]
            .into_iter()
            .zip(later)
            .map(|(name, at)| student(name, at))
            .collect();
        assert_eq!(silent(&class, 73).len(), 2);
    }

    #[test]
    fn nobody_is_silent_once_the_class_has_gone_home() {
        let class = [
            student("a", &[1, 5, 9]),
            student("b", &[2]),
            student("c", &[]),
        ];
        assert_ne!(silent(&class, 18), []);
        assert_eq!(silent(&class, 60), []);
        assert_eq!(silent(&[student("c", &[])], 60), []);
    }

    #[test]
    fn a_slow_class_gives_everybody_more_time() {
        let slow = [student("a", &[0, 9, 18, 27]), student("b", &[0, 9])];
        assert_eq!(silent(&slow, 28), []);
        let fast = [student("a", &[0, 2, 4, 6, 27]), student("b", &[0, 9])];
        assert_eq!(silent(&fast, 28).len(), 1);
    }

    #[test]
    fn who_was_seen_on_another_day_alone_is_idle_today() {
        let yesterday = -24 * 60;
        let class = [student("a", &[0, 3, 6, 9, 12]), student("b", &[yesterday])];
        assert_eq!(silent(&class, 13), [("b".to_owned(), TroubleReason::Idle)]);
    }

    #[test]
    fn who_has_no_stack_needs_somebody_only_where_the_class_has_stacks() {
        let absent = |name: &str| StudentProgress {
            progress: Progress::NotDeployed,
            trouble: Some(Trouble {
                reason: TroubleReason::NotDeployed,
                task: None,
                count: None,
                since: None,
                cause: None,
                say: None,
                act: None,
                to: Listener::Instructor,
                room: None,
            }),
            ..student(name, &[])
        };
        let missing = |name: &str| (name.to_owned(), TroubleReason::NotDeployed);
        let works = || student("works", &[1, 4]);
        assert_eq!(silent(&[works(), absent("a")], 5), [missing("a")]);
        // Most of the class has none yet, or has none any more.
        assert_eq!(silent(&[works(), absent("a"), absent("b")], 5), []);
        assert_eq!(silent(&[absent("a")], 5), []);
        // Where there are sections, most of the own one counts.
        let class = [works(), absent("a"), absent("b"), absent("c")];
        let sections = [("works", "A"), ("a", "a "), ("b", "B"), ("c", "B")];
        assert_eq!(silent_in(&sections, &class, &[], 5), [missing("a")]);
        let mut gone = absent("gone");
        (gone.progress, gone.last.gone) = (Progress::InProgress, true);
        assert_eq!(silent(&[works(), works(), gone.clone()], 5), []);
        assert_eq!(silent(&[gone, absent("a")], 5), []);
    }

    #[test]
    fn what_could_not_be_read_is_no_silence() {
        let mut unread = student("b", &[]);
        unread.activity.unread = Some("denied".to_owned());
        let class = [student("a", &[0, 3, 6, 9, 12]), unread];
        assert_eq!(silent(&class, 13), []);
    }

    #[test]
    fn the_most_urgent_come_first_and_what_is_alike_is_one_remark() {
        let trouble = |reason, count, room: Option<&str>| {
            Some(Trouble {
                reason,
                task: None,
                count: Some(count),
                since: None,
                cause: None,
                say: None,
                act: None,
                to: Listener::Student,
                room: room.map(str::to_owned),
            })
        };
        let with = |name: &str, trouble| StudentProgress {
            trouble,
            ..student(name, &[1])
        };
        let class = [
            with("a", trouble(TroubleReason::RefusedRequests, 9, Some("x"))),
            with("b", trouble(TroubleReason::RepeatedFailure, 2, Some("x"))),
            with("c", trouble(TroubleReason::RepeatedFailure, 5, Some("y"))),
            with("d", trouble(TroubleReason::OwnChange, 1, None)),
            student("e", &[1]),
        ];
        let needs = needs(&class);
        let order: Vec<_> = needs.iter().map(|need| need.username.as_str()).collect();
        assert_eq!(order, ["d", "c", "b", "a"]);
        let remarks = room_remarks(&needs);
        assert_eq!(remarks.len(), 1);
        assert_eq!(
            (remarks[0].text.as_str(), remarks[0].students.len()),
            ("x", 2)
        );
    }
}
