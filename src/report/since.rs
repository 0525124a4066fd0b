//! What changed since the report before, read from the `report.json` that this report will replace.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use crate::evidence::check::Verdict;
use crate::evidence::progress::Progress;
use crate::files::{class_dir, named, read_if_there};
use crate::ids::{PlaceName, Username};
use crate::lab::check::Work;
use crate::lab::points::Points;

use super::document::{Document, Move, ReportStudent, Since, Turn};
use super::tally::Score;
use crate::results::stamp;

/// The parts of a `report.json` that are compared. A report of an older homeroom lacks some of the others.
#[derive(Deserialize)]
struct EarlierReport {
    schema: String,
    class: String,
    lab: PlaceId,
    account: PlaceId,
    region: String,
    /// Where the class has several.
    #[serde(default)]
    places: Vec<EarlierPlace>,
    taken_at: Timestamp,
    students: Vec<EarlierStudent>,
}

#[derive(Deserialize)]
struct PlaceId {
    id: String,
}

#[derive(Deserialize)]
struct EarlierPlace {
    name: PlaceName,
}

#[derive(Deserialize)]
struct EarlierStudent {
    username: Username,
    status: Progress,
    checks_passed: usize,
    #[serde(default)]
    checks: Vec<EarlierCheck>,
}

#[derive(Deserialize)]
struct EarlierCheck {
    work: Work,
    verdict: Verdict,
    #[serde(default)]
    earned: Option<Points>,
}

/// What a student had reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reached {
    state: Progress,
    done: usize,
    /// `None` where a report does not say, because it is older than points for parts of a task.
    points: Option<Points>,
}

impl EarlierStudent {
    /// Counted from the checks: in an older report, `checks_passed` includes the checks of the stack.
    fn reached(&self) -> Reached {
        let tasks = || self.checks.iter().filter(|c| c.work == Work::Student);
        let done = match self.checks.is_empty() {
            true => self.checks_passed,
            false => tasks().filter(|c| c.verdict == Verdict::Pass).count(),
        };
        let provable = tasks().filter(|c| c.verdict != Verdict::NotProvable);
        let earned: Option<Vec<Points>> = provable.map(|c| c.earned).collect();
        Reached {
            state: self.status,
            done,
            points: earned
                .filter(|_| !self.checks.is_empty())
                .map(|earned| earned.into_iter().sum()),
        }
    }
}

impl EarlierReport {
    /// Whether it is about the same stacks, and older.
    fn is_before(&self, document: &Document) -> bool {
        let stacks = &document.students;
        self.schema == stamp::REPORT
            && self.class == document.class.as_str()
            && self.lab.id == document.lab.as_str()
            && self.shares_place(document)
            && self.taken_at < document.taken_at.timestamp()
            // A report about stacks that were replaced since cannot be compared with this one.
            && (stacks.is_empty() || !stacks.iter().all(|row| self.is_older_than_stack(row)))
    }

    /// Whether both are about one account and region, or the class has the same place.
    fn shares_place(&self, document: &Document) -> bool {
        let mut places = document.places.iter();
        places.any(|place| self.places.iter().any(|earlier| earlier.name == place.name))
            || self.account.id == document.account.id && self.region == document.region
    }

    fn is_older_than_stack(&self, row: &ReportStudent) -> bool {
        let begun = row.progress.last.replaced;
        begun.is_some_and(|begun| begun.as_second() > self.taken_at.as_second())
    }
}

impl Since {
    /// Compares a report with the one in the class's folder. `None` when there is none, or one of another
    /// lab, account or region, or one that is not older.
    ///
    /// # Errors
    /// When there is one that cannot be read, or is no report.
    pub fn read(reports: &Path, document: &Document) -> io::Result<Option<Self>> {
        let path = class_dir(reports, &document.class).join("report.json");
        let name = |error: io::Error| named(&path, &error);
        let Some(bytes) = read_if_there(&path).map_err(name)? else {
            return Ok(None);
        };
        let before: EarlierReport =
            serde_json::from_slice(&bytes).map_err(|error| name(error.into()))?;
        let comparable = before.is_before(document);
        Ok(comparable.then(|| compare(&before, document)))
    }
}

fn compare(before: &EarlierReport, document: &Document) -> Since {
    let earlier = before.students.iter();
    let mut earlier: BTreeMap<&Username, &EarlierStudent> =
        earlier.map(|was| (&was.username, was)).collect();
    let here = document.students.iter().filter_map(|row| {
        // Where there is no stack, the points are not known, which is not zero.
        let score = Score::of(&row.progress.checks);
        let is = Reached {
            state: row.progress.progress,
            done: score.done,
            points: row.is_deployed().then_some(score.earned),
        };
        let was = earlier.remove(&row.student.username);
        // A stack that was replaced since cannot be compared with this one.
        let was = was.filter(|_| !before.is_older_than_stack(row));
        let was = was.map(EarlierStudent::reached);
        moved(&row.student.username, was, Some(is))
    });
    let mut moves: Vec<Move> = here.collect();
    let gone = earlier.into_values();
    moves.extend(gone.filter_map(|was| moved(&was.username, Some(was.reached()), None)));
    moves.sort_by_key(|m| m.turn);
    Since {
        taken_at: document.in_zone(before.taken_at),
        moves,
    }
}

/// One student's change; `None` where there is none.
fn moved(username: &Username, was: Option<Reached>, is: Option<Reached>) -> Option<Move> {
    Some(Move {
        username: username.clone(),
        turn: match (was, is) {
            (Some(was), Some(is)) => turn(was, is)?,
            (None, _) => Turn::Joined,
            (_, None) => Turn::Left,
        },
        done_before: was.map(|was| was.done),
        done_now: is.map(|is| is.done),
        points_before: was.and_then(|was| was.points),
        points_now: is.and_then(|is| is.points),
    })
}

fn turn(was: Reached, is: Reached) -> Option<Turn> {
    use Progress::{Broken, Complete, NotDeployed, Unknown};
    match (was.state, is.state) {
        (old, Broken) if old != Broken => Some(Turn::Broke),
        (old, Complete) if old != Complete => Some(Turn::Completed),
        (old, Unknown) if old != Unknown => Some(Turn::OutOfSight),
        // It is not known whether the stack was there.
        (Unknown, NotDeployed) => None,
        (old, NotDeployed) if old != NotDeployed => Some(Turn::Undeployed),
        (NotDeployed, new) if new != NotDeployed => Some(Turn::Deployed),
        (Broken, new) if new != Broken => Some(Turn::Mended),
        _ => match is.done.cmp(&was.done).then(compare_points(was, is)) {
            Ordering::Greater => Some(Turn::MovedUp),
            // While something cannot be checked, fewer passes prove nothing.
            Ordering::Less if is.state != Unknown => Some(Turn::FellBack),
            _ => None,
        },
    }
}

/// How the points changed; equal where one of the reports does not have them.
fn compare_points(was: Reached, is: Reached) -> Ordering {
    match (was.points, is.points) {
        (Some(was), Some(is)) => is.cmp(&was),
        _ => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(state: Progress, done: usize, points: Option<u32>) -> Reached {
        Reached {
            state,
            done,
            points: points.map(Points::whole),
        }
    }

    #[test]
    fn each_change_has_its_name_and_none_is_made_up() {
        use Progress::*;
        for (was, is, expected) in [
            ((InProgress, 5), (Complete, 7), Some(Turn::Completed)),
            ((NotStarted, 2), (InProgress, 3), Some(Turn::MovedUp)),
            ((InProgress, 3), (Broken, 3), Some(Turn::Broke)),
            ((Broken, 1), (InProgress, 3), Some(Turn::Mended)),
            ((Broken, 1), (Complete, 7), Some(Turn::Completed)),
            ((Complete, 7), (InProgress, 6), Some(Turn::FellBack)),
            ((Complete, 7), (Unknown, 6), Some(Turn::OutOfSight)),
            ((Unknown, 6), (Unknown, 5), None),
            ((InProgress, 4), (InProgress, 4), None),
            ((NotDeployed, 0), (NotStarted, 0), Some(Turn::Deployed)),
            ((NotDeployed, 0), (Broken, 0), Some(Turn::Broke)),
            ((NotDeployed, 0), (NotDeployed, 0), None),
            ((Complete, 5), (NotDeployed, 0), Some(Turn::Undeployed)),
            ((Broken, 5), (NotDeployed, 0), Some(Turn::Undeployed)),
            ((Unknown, 5), (NotDeployed, 0), None),
        ] {
            let (was, is) = (reached(was.0, was.1, None), reached(is.0, is.1, Some(0)));
            assert_eq!(turn(was, is), expected, "{was:?} -> {is:?}");
        }
    }

    #[test]
    fn more_points_for_a_part_is_a_move_up_where_both_reports_say_them() {
        let is = |points| reached(Progress::InProgress, 2, points);
        assert_eq!(turn(is(Some(10)), is(Some(20))), Some(Turn::MovedUp));
        assert_eq!(turn(is(Some(20)), is(Some(10))), Some(Turn::FellBack));
        assert_eq!(turn(is(None), is(Some(20))), None);
    }

    #[test]
    fn an_older_report_counts_its_stack_checks_for_nobody() {
        let was: EarlierStudent = serde_json::from_value(serde_json::json!({
            "username": "user1", "status": "in-progress", "checks_passed": 3,
            "checks": [
                { "work": "stack", "verdict": "pass", "points": 10 },
                { "work": "stack", "verdict": "pass", "points": 10 },
                { "work": "student", "verdict": "pass", "points": 15 },
                { "work": "student", "verdict": "fail", "points": 25 },
            ],
        }))
        .unwrap();
        assert_eq!(was.reached(), reached(Progress::InProgress, 1, None));
    }
}
