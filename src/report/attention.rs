//! Who needs somebody, as page and terminal tell it: those alike together, in words, and how far anybody looked.

use crate::evidence::activity::Trouble;
use crate::evidence::attention::{Need, room_remarks};
use crate::evidence::evaluate::StackAct;
use crate::evidence::progress::Progress;
use crate::ids::Username;
use crate::lab::mistake::TroubleReason;
use crate::text::words::{minutes, plural, some_of};
use jiff::Timestamp;

use super::causes::generalise;
use super::document::{Document, Proposing, ReportStudent};
use super::marks;
use super::tally::CheckTally;

/// Different causes that are named where several students need the same.
const CAUSES: usize = 2;
/// Usernames in a sentence.
const NAMED: usize = 6;

/// Students who need the same, the most urgent first. There is at least one.
pub(crate) struct NeedGroup {
    /// What they do alike, to finish the sentence "7 students …".
    pub(crate) room: Option<String>,
    pub(crate) needs: Vec<Need>,
}

/// Those alike together: first what one remark to the room helps, then the most urgent.
pub(crate) fn grouped(needs: Vec<Need>) -> Vec<NeedGroup> {
    let remarks = room_remarks(&needs).into_iter();
    let mut rooms: Vec<NeedGroup> = remarks
        .map(|remark| NeedGroup {
            room: Some(remark.text),
            needs: Vec::new(),
        })
        .collect();
    let mut others: Vec<NeedGroup> = Vec::new();
    for need in needs {
        let room = need.trouble.room.clone();
        if let Some(group) = rooms
            .iter_mut()
            .find(|group| room.is_some() && group.room == room)
        {
            group.needs.push(need);
            continue;
        }
        match others.iter_mut().find(|group| alike(group.first(), &need)) {
            Some(group) => group.needs.push(need),
            None => others.push(NeedGroup {
                room: None,
                needs: vec![need],
            }),
        }
    }
    rooms.extend(others);
    rooms
}

/// Whether one sentence helps both, but for their names. Without a sentence, the cause is all that helps.
fn alike(one: &Need, other: &Need) -> bool {
    let key = |need: &Need| {
        let trouble = &need.trouble;
        (trouble.reason, trouble.task.clone(), said(need), trouble.to)
    };
    let no_words = one.trouble.say.is_none();
    key(one) == key(other) && (!no_words || one.trouble.cause == other.trouble.cause)
}

/// What to say, without the student's name.
fn said(need: &Need) -> Option<String> {
    let say = need.trouble.say.as_deref()?;
    Some(generalise(say, &need.username))
}

impl NeedGroup {
    pub(crate) fn first(&self) -> &Need {
        &self.needs[0]
    }

    /// `7 students send …`.
    pub(crate) fn remark(&self) -> Option<String> {
        let students = plural(self.needs.len(), "student");
        self.room.as_ref().map(|room| format!("{students} {room}"))
    }

    /// What went wrong; of several students each cause once, without their names.
    pub(crate) fn cause(&self) -> Option<String> {
        if let [only] = self.needs.as_slice() {
            return only.trouble.cause.clone();
        }
        let mut causes: Vec<String> = Vec::new();
        for need in &self.needs {
            let cause = need.trouble.cause.as_deref();
            if let Some(cause) = cause.map(|cause| generalise(cause, &need.username))
                && !causes.contains(&cause)
            {
                causes.push(cause);
            }
        }
        let more = causes.len().saturating_sub(CAUSES);
        causes.truncate(CAUSES);
        let shown = causes.join("; ");
        match more {
            0 => Some(shown).filter(|shown| !shown.is_empty()),
            more => Some(format!("{shown}; and {more} more")),
        }
    }

    /// What to say or do, where the same helps them all. Beside a remark to the room there may be no such sentence.
    pub(crate) fn say(&self, proposing: &Proposing) -> Option<String> {
        if let Some(act) = self.first().trouble.act
            && !proposing.invocation.is_empty()
        {
            let names: Vec<&Username> = self.needs.iter().map(|need| &need.username).collect();
            // What a reset overwrites is named.
            let name_all = act == StackAct::Reset;
            return Some(act.words(&|words| proposing.command(words, &names, name_all)));
        }
        if let [only] = self.needs.as_slice() {
            return only.trouble.say.clone();
        }
        let say = said(self.first());
        let same = self.needs.iter().all(|need| said(need) == say);
        say.filter(|_| same)
    }
}

/// Why, in a few words: `requests refused`, `silent for 18 min`.
pub(crate) fn why(trouble: &Trouble, now: Timestamp) -> String {
    let word = marks::of_reason(trouble.reason).word;
    match (trouble.reason, trouble.since) {
        (TroubleReason::Idle, Some(since)) => {
            format!("{word} for {}", minutes(now.duration_since(since)))
        }
        _ => word.to_owned(),
    }
}

/// The number and the task that a trouble is at, of the students' tasks.
pub(crate) fn task_of<'a>(
    trouble: &Trouble,
    tasks: &'a [CheckTally],
) -> Option<(usize, &'a CheckTally)> {
    let mut numbered = (1..).zip(tasks);
    numbered.find(|(_, task)| Some(&task.id) == trouble.task.as_ref())
}

/// How often and since when: `6 times since 10:42`. `time` tells a moment.
pub(crate) fn how_often(trouble: &Trouble, time: impl Fn(Timestamp) -> String) -> String {
    let since = trouble.since.map(time);
    match (trouble.reason, trouble.count, since) {
        (TroubleReason::NotStarted, _, Some(since)) => format!("the class began at {since}"),
        (_, Some(1), Some(since)) => format!("once, at {since}"),
        (_, Some(count), Some(since)) => format!("{count} times since {since}"),
        (_, Some(count), None) => format!("{count} times"),
        (_, None, Some(since)) => format!("since {since}"),
        (_, None, None) => String::new(),
    }
}

/// Why nobody is known to need somebody, or what is not known beside those who do; empty where everything is known.
pub(crate) fn looked_at(document: &Document, anybody: bool) -> Vec<String> {
    let students = &document.students;
    let count = |holds: &dyn Fn(&&ReportStudent) -> bool| students.iter().filter(holds).count();
    let unread: Vec<&ReportStudent> = students.iter().filter(|row| is_unread(row)).collect();
    let mut lines = Vec::new();
    if !anybody {
        let works = count(&|row| !row.progress.last.gone && row.progress.progress.is_open());
        let complete = count(&|row| row.progress.progress == Progress::Complete);
        let known = works.saturating_sub(unread.len());
        lines.push(if !students.is_empty() && students.iter().all(|row| row.progress.last.gone) {
            "The stacks are gone: nobody is at work.".to_owned()
        } else if works == 0 {
            format!("Nobody is at work: {complete} of {} complete.", students.len())
        } else if known == 0 {
            "Not known: nobody who is at work could be read as a whole.".to_owned()
        } else {
            let of = plural(known, "student");
            format!(
                "Nobody seems stuck. Of the {of} at work who could be read, none fails again and again, has requests \
                 refused, or has gone silent while the class works."
            )
        });
    }
    if let [first, ..] = unread.as_slice() {
        let names: Vec<&str> = unread
            .iter()
            .map(|row| row.student.username.as_str())
            .collect();
        let why = first.progress.activity.unread.as_deref();
        let why = why.map_or(String::new(), |why| format!(": {why}"));
        lines.push(format!(
            "Not known of {}, who could not be read as a whole{why}.",
            some_of(&names, NAMED)
        ));
    }
    lines
}

/// Whether a student may be stuck unseen.
fn is_unread(row: &ReportStudent) -> bool {
    let progress = &row.progress;
    let unread = progress.activity.unread.is_some() || progress.last.unread;
    let unknown = progress.progress == Progress::Unknown;
    progress.trouble.is_none()
        && progress.progress.is_open()
        && !progress.last.gone
        && (unread || unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::mistake::Listener;

    fn need(name: &str, reason: TroubleReason, say: Option<&str>, room: Option<&str>) -> Need {
        Need {
            username: name.parse().unwrap(),
            trouble: Trouble {
                reason,
                task: Some("api".to_owned()),
                count: Some(3),
                since: None,
                cause: Some(format!("of {name}-api")),
                say: say.map(str::to_owned),
                act: None,
                to: Listener::Student,
                room: room.map(str::to_owned),
            },
        }
    }

    fn told(needs: Vec<Need>) -> Vec<(Option<String>, Vec<String>)> {
        let groups = grouped(needs).into_iter();
        let names = |group: &NeedGroup| {
            let names = group.needs.iter().map(|need| need.username.to_string());
            names.collect()
        };
        groups
            .map(|group| (group.remark(), names(&group)))
            .collect()
    }

    #[test]
    fn a_remark_to_the_room_comes_first_and_takes_its_students() {
        use TroubleReason::{OwnChange, RefusedRequests};
        let groups = told(vec![
            need("u1", OwnChange, None, None),
            need("u2", RefusedRequests, Some("a"), Some("send x")),
            need("u3", RefusedRequests, Some("b"), None),
            need("u4", RefusedRequests, Some("a"), Some("send x")),
            need("u5", RefusedRequests, Some("c"), Some("send y")),
        ]);
        let only = |name: &str| (None, vec![name.to_owned()]);
        let room = Some("2 students send x".to_owned());
        let both = vec!["u2".to_owned(), "u4".to_owned()];
        assert_eq!(groups, [(room, both), only("u1"), only("u3"), only("u5")]);
    }

    #[test]
    fn many_students_alike_are_one_entry_and_different_causes_are_not() {
        let many = (0..500).map(|n| {
            need(
                &format!("u{n}"),
                TroubleReason::NotStarted,
                Some("go"),
                None,
            )
        });
        let groups = grouped(many.collect());
        assert_eq!((groups.len(), groups[0].needs.len()), (1, 500));
        assert_eq!(groups[0].cause().unwrap(), "of <username>-api");
        let apart = vec![
            need("u1", TroubleReason::RepeatedFailure, None, None),
            need("u2", TroubleReason::RepeatedFailure, None, None),
        ];
        assert_eq!(grouped(apart).len(), 2);
    }

    #[test]
    fn a_command_names_those_whom_it_is_about_unless_they_are_many() {
        let say = |act, count| {
            let needs = (1..=count).map(|n| {
                let words = Some("as said of one");
                let mut need = need(&format!("u{n}"), TroubleReason::StackBroken, words, None);
                (need.trouble.act, need.trouble.cause) = (Some(act), None);
                need
            });
            let groups = grouped(needs.collect());
            assert_eq!(groups.len(), 1);
            let proposing = Proposing {
                invocation: "homeroom --profile p".to_owned(),
                selection: "--section A".to_owned(),
            };
            assert_eq!(
                groups[0].say(&Proposing::default()).unwrap(),
                "as said of one"
            );
            groups[0].say(&proposing).unwrap()
        };
        let two = "`homeroom --profile p deploy --students u1,u2` makes the stack.";
        assert_eq!(say(StackAct::Make, 2), two);
        let many = say(StackAct::PutBack, 13);
        assert!(
            many.starts_with("`homeroom --profile p deploy --section A` puts"),
            "{many}"
        );
        let reset = say(StackAct::Reset, 13);
        assert!(
            reset.contains("deploy --reset --students u1,u2,u3,") && reset.contains(",u13`"),
            "{reset}"
        );
    }

    #[test]
    fn how_often_and_since_when_read_as_a_person_says_it() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let mut trouble = need("u1", TroubleReason::RepeatedFailure, None, None).trouble;
        let clock = |at: Timestamp| at.strftime("%H:%M").to_string();
        trouble.since = Some(at("2026-05-14T10:42:00Z"));
        assert_eq!(how_often(&trouble, clock), "3 times since 10:42");
        trouble.count = Some(1);
        assert_eq!(how_often(&trouble, clock), "once, at 10:42");
        (trouble.reason, trouble.count) = (TroubleReason::Idle, None);
        assert_eq!(how_often(&trouble, clock), "since 10:42");
        assert_eq!(
            why(&trouble, at("2026-05-14T11:00:30Z")),
            "silent for 18 min"
        );
        assert_eq!(
            why(&trouble, at("2026-05-14T12:52:00Z")),
            "silent for 2 h 10 min"
        );
    }
}
