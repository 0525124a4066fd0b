//! What changed since the report before: read from the `report.json` that is about to be replaced.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use jiff::{Timestamp, ZonedDateTime};
use serde::{Deserialize, Serialize};

use crate::evidence::check::Verdict;
use crate::evidence::progress::Progress;
use crate::lab::check::Work;
use crate::lab::points::Points;
use crate::stack::ids::Username;

use super::class::{ClassReport, ReportStudent, Score};
use super::json::REPORT_SCHEMA;
use crate::files::{class_dir, named, read_if_there};

/// How a student's standing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// Became complete.
    Completed,
    /// Has more tasks done, or more points.
    MovedUp,
    /// The stack was not there and is now.
    Deployed,
    /// Was broken and is not any more.
    Mended,
    /// Is broken and was not.
    Broke,
    /// The stack was there and is not any more.
    Undeployed,
    /// Has fewer tasks done, or fewer points.
    FellBack,
    /// Can no longer be checked.
    OutOfSight,
    /// Was not in the report before.
    Joined,
    /// Is no longer in the report.
    Left,
}

/// One student's change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// Whose.
    pub username: Username,
    /// Which way.
    pub turn: Turn,
    /// Tasks done before; `None` when they joined.
    pub done_before: Option<usize>,
    /// Tasks done now; `None` when they left.
    pub done_now: Option<usize>,
    /// Points before; `None` when they joined, or the report before does not say.
    pub points_before: Option<Points>,
    /// Points now, as far as proven; `None` when they left, or their stack is not there.
    pub points_now: Option<Points>,
}

/// What changed since the report before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// When that one was taken, in the zone of this one.
    pub taken_at: ZonedDateTime,
    /// Who moved, by kind of change and then in this report's order.
    pub moves: Vec<Move>,
}

/// As much of a `report.json` as is compared.
#[derive(Deserialize)]
struct Before {
    schema: String,
    class: String,
    lab: Named,
    account: Named,
    region: String,
    taken_at: String,
    students: Vec<Standing>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct Standing {
    username: Username,
    status: Progress,
    checks_passed: usize,
    #[serde(default)]
    checks: Vec<Answered>,
}

/// An answered check, as much of it as is compared.
#[derive(Deserialize)]
struct Answered {
    work: Work,
    verdict: Verdict,
    #[serde(default)]
    earned: Option<Points>,
}

/// What somebody had reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reached {
    state: Progress,
    done: usize,
    /// `None` where a report does not say: those before points were earned in parts.
    points: Option<Points>,
}

impl Standing {
    /// Counted from the checks: `checks_passed` of an older report has those of the stack in it.
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

impl Since {
    /// Compares a report with the one in the class's folder. `None` when there is none, or one of another
    /// lab, account or region, or one that is not older.
    ///
    /// # Errors
    /// When there is one that cannot be read, or is no report.
    pub fn read(reports: &Path, report: &ClassReport) -> io::Result<Option<Self>> {
        let path = class_dir(reports, &report.class).join("report.json");
        let bytes = read_if_there(&path).map_err(|error| named(&path, &error))?;
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        let before: Before = serde_json::from_slice(&bytes)
            .map_err(|e| io::Error::other(format!("{}: {e}", path.display())))?;
        let taken_at: Timestamp = before
            .taken_at
            .parse()
            .map_err(|e| io::Error::other(format!("{}: taken_at: {e}", path.display())))?;
        Ok(Self::compare(&before, taken_at, report))
    }

    fn compare(before: &Before, taken_at: Timestamp, report: &ClassReport) -> Option<Self> {
        let same = before.schema == REPORT_SCHEMA
            && before.class == report.class.as_str()
            && before.lab.id == report.lab.as_str()
            && before.account.id == report.account.id
            && before.region == report.region
            && taken_at < report.taken_at.timestamp();
        if !same {
            return None;
        }
        // A report about stacks that are no more is nothing to compare these with.
        let begun_since = |row: &ReportStudent| {
            let begun = row.progress.last.replaced;
            begun.is_some_and(|begun| begun.as_second() > taken_at.as_second())
        };
        if !report.students.is_empty() && report.students.iter().all(begun_since) {
            return None;
        }
        let mut old: BTreeMap<&str, &Standing> = before
            .students
            .iter()
            .map(|s| (s.username.as_str(), s))
            .collect();
        let mut moves: Vec<Move> = report
            .students
            .iter()
            .filter_map(|row| {
                let username = &row.student.username;
                let score = Score::of(&row.progress.checks);
                // Of a stack that is not there nothing is known, which is not zero.
                let deployed = row.progress.progress != Progress::NotDeployed;
                let is = Reached {
                    state: row.progress.progress,
                    done: score.done,
                    points: deployed.then_some(score.earned),
                };
                // What it says of a stack that is no more is nothing to compare this one with.
                let was = old.remove(username.as_str()).filter(|_| !begun_since(row));
                let was = was.map(Standing::reached);
                let turn = match was {
                    Some(was) => turn(was, is)?,
                    None => Turn::Joined,
                };
                Some(Move {
                    username: username.clone(),
                    turn,
                    done_before: was.map(|was| was.done),
                    done_now: Some(is.done),
                    points_before: was.and_then(|was| was.points),
                    points_now: is.points,
                })
            })
            .collect();
        moves.extend(old.into_values().map(|was| {
            let reached = was.reached();
            Move {
                username: was.username.clone(),
                turn: Turn::Left,
                done_before: Some(reached.done),
                done_now: None,
                points_before: reached.points,
                points_now: None,
            }
        }));
        moves.sort_by_key(|m| m.turn);
        Some(Self {
            taken_at: taken_at.to_zoned_datetime(report.taken_at.time_zone().clone()),
            moves,
        })
    }
}

fn turn(was: Reached, is: Reached) -> Option<Turn> {
    use Progress::{Broken, Complete, NotDeployed, Unknown};
    match (was.state, is.state) {
        (old, Broken) if old != Broken => Some(Turn::Broke),
        (old, Complete) if old != Complete => Some(Turn::Completed),
        (old, Unknown) if old != Unknown => Some(Turn::OutOfSight),
        // Nobody could say whether it was there.
        (Unknown, NotDeployed) => None,
        (old, NotDeployed) if old != NotDeployed => Some(Turn::Undeployed),
        (NotDeployed, new) if new != NotDeployed => Some(Turn::Deployed),
        (Broken, new) if new != Broken => Some(Turn::Mended),
        _ => match is.done.cmp(&was.done).then(points(was, is)) {
            Ordering::Greater => Some(Turn::MovedUp),
            // While something cannot be checked, fewer passes prove nothing.
            Ordering::Less if is.state != Unknown => Some(Turn::FellBack),
            _ => None,
        },
    }
}

/// How the points changed, where both reports say them.
fn points(was: Reached, is: Reached) -> Ordering {
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
        let was: Standing = serde_json::from_value(serde_json::json!({
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
