//! What changed since the report before: read from the `report.json` that is about to be replaced.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

use crate::domain::check::Progress;
use crate::domain::ids::Username;

use super::class::{ClassReport, ReportStudent, Score};
use super::json::REPORT_SCHEMA;
use super::write::class_dir;

/// How a student's standing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// Became complete.
    Completed,
    /// Has more checks done.
    MovedUp,
    /// Was broken and is not any more.
    Mended,
    /// Is broken and was not.
    Broke,
    /// Has fewer checks done.
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
    /// Checks done before; `None` when they joined.
    pub done_before: Option<usize>,
    /// Checks done now; `None` when they left.
    pub done_now: Option<usize>,
}

/// What changed since the report before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// When that one was taken, in the zone of this one.
    pub taken_at: Zoned,
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
}

impl Since {
    /// Compares a report with the one in the class's folder. `None` when there is none, or one of another
    /// lab, account or region, or one that is not older.
    ///
    /// # Errors
    /// When there is one that cannot be read, or is no report.
    pub fn read(reports: &Path, report: &ClassReport) -> io::Result<Option<Self>> {
        let path = class_dir(reports, &report.class).join("report.json");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(io::Error::new(e.kind(), format!("{}: {e}", path.display()))),
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
                let done_now = Score::of(&row.progress.checks).done;
                let was = old.remove(username.as_str());
                // What it says is of a stack that is no more: this one begins.
                let was = was.filter(|_| !begun_since(row));
                let turn = match was {
                    Some(was) => turn(
                        (was.status, was.checks_passed),
                        (row.progress.progress, done_now),
                    )?,
                    None => Turn::Joined,
                };
                Some(Move {
                    username: username.clone(),
                    turn,
                    done_before: was.map(|was| was.checks_passed),
                    done_now: Some(done_now),
                })
            })
            .collect();
        moves.extend(old.into_values().map(|was| Move {
            username: was.username.clone(),
            turn: Turn::Left,
            done_before: Some(was.checks_passed),
            done_now: None,
        }));
        moves.sort_by_key(|m| m.turn);
        Some(Self {
            taken_at: taken_at.to_zoned(report.taken_at.time_zone().clone()),
            moves,
        })
    }
}

fn turn(was: (Progress, usize), is: (Progress, usize)) -> Option<Turn> {
    use Progress::{Broken, Complete, Unknown};
    match (was.0, is.0) {
        (old, Broken) if old != Broken => Some(Turn::Broke),
        (old, Complete) if old != Complete => Some(Turn::Completed),
        (old, Unknown) if old != Unknown => Some(Turn::OutOfSight),
        (Broken, new) if new != Broken => Some(Turn::Mended),
        _ if is.1 > was.1 => Some(Turn::MovedUp),
        // While something cannot be checked, fewer passes prove nothing.
        (_, new) if is.1 < was.1 && new != Unknown => Some(Turn::FellBack),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ] {
            assert_eq!(turn(was, is), expected, "{was:?} -> {is:?}");
        }
    }
}
