//! What the class did over time, as bars: what ended well above the line, what did not below it; and a small line of
//! attempts for each student. Both show the last session alone: a run of last week must not squeeze today into one bar.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::aws::execution::ExecutionStatus;
use crate::evidence::activity::{Attempt, AttemptEnd};
use crate::evidence::attention::last_session;
use crate::report::document::{Document, ReportStudent};
use crate::text::words::plural;

const BARS_MAX: i64 = 60;

/// The chart has room for so many bars at least: two minutes of work show as two slim bars, not as two walls.
const PLACES_MIN: i64 = 12;

/// Widths of a bar that a person can name, in minutes.
const STEPS: [(i64, &str); 14] = [
    (1, "one minute"),
    (2, "2 minutes"),
    (5, "5 minutes"),
    (10, "10 minutes"),
    (15, "15 minutes"),
    (30, "30 minutes"),
    (60, "one hour"),
    (120, "2 hours"),
    (240, "4 hours"),
    (720, "12 hours"),
    (1_440, "one day"),
    (2_880, "2 days"),
    (5_760, "4 days"),
    (10_080, "one week"),
];

/// The chart, in units of one bar's width and one execution's height; `None` when nobody has run anything.
pub(super) fn chart(document: &Document) -> Option<Value> {
    let mut moments: Vec<i64> = document
        .students
        .iter()
        .flat_map(|s| &s.progress.executions)
        .map(|(_, execution)| execution.started_ms)
        .collect();
    moments.sort_unstable();
    let before = last_session(&moments);
    let begun_ms = *moments.get(before)?;
    let of_session = |s: &'_ ReportStudent| -> Vec<(i64, ExecutionStatus)> {
        let all = s.progress.executions.iter();
        let session = all.filter(|(_, execution)| execution.started_ms >= begun_ms);
        session
            .map(|(_, execution)| (execution.started_ms.div_euclid(60_000), execution.status))
            .collect()
    };
    let students: Vec<_> = document.students.iter().map(of_session).collect();
    let people = students.iter().filter(|runs| !runs.is_empty()).count();
    let all: Vec<(i64, ExecutionStatus)> = students.into_iter().flatten().collect();
    let first = begun_ms.div_euclid(60_000);
    let last = all.iter().map(|(minute, _)| *minute).max()?;
    let fits = |step: &&(i64, &str)| (last - first) / step.0 + 2 <= BARS_MAX;
    let widest = STEPS[STEPS.len() - 1];
    let (step, step_name) = STEPS.iter().find(fits).copied().unwrap_or(widest);
    let begin = first.div_euclid(step) * step;
    // Room is added before the first bar: that time has passed already.
    let begin = begin.min((last.div_euclid(step) - PLACES_MIN + 1) * step);
    let width = usize::try_from((last - begin) / step + 1).ok()?;
    let mut counts = vec![(0_usize, 0_usize); width];
    for (minute, status) in &all {
        let slot = usize::try_from((minute - begin) / step).ok()?;
        match status {
            ExecutionStatus::Succeeded
            | ExecutionStatus::Running
            | ExecutionStatus::PendingRedrive => counts[slot].0 += 1,
            ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted => {
                counts[slot].1 += 1
            }
        }
    }
    let line = counts.iter().map(|c| c.0).max()?.max(1);
    let below = counts.iter().map(|c| c.1).max()?;
    let format = match step >= 1_440 || last - first >= 1_440 {
        true => "%-d %b %H:%M",
        false => "%H:%M",
    };
    let time_of = |ms: i64, format: &str| {
        let at = document.at(ms);
        at.map_or(String::new(), |t| t.strftime(format).to_string())
    };
    let time = |slot: usize| {
        let minute = begin + step * i64::try_from(slot).unwrap_or_default();
        time_of(minute * 60_000, format)
    };
    let bars = counts
        .iter()
        .enumerate()
        .filter(|(_, (up, down))| up + down > 0)
        .map(|(x, (up, down))| {
            let title = match down {
                0 => format!("{}: {up}", time(x)),
                _ => format!("{}: {up}, and {down} that failed", time(x)),
            };
            json!({ "x": x, "y": line - up, "up": up, "down": down, "title": title })
        });
    let busiest = counts
        .iter()
        .enumerate()
        .max_by_key(|(x, (up, down))| (up + down, std::cmp::Reverse(*x)))?;
    let failed: usize = counts.iter().map(|c| c.1).sum();
    let earlier = match before {
        0 => String::new(),
        n => format!(
            " {} before {} not shown.",
            plural(n, "execution"),
            time_of(begun_ms, format)
        ),
    };
    let summary = format!(
        "{} by {}, {failed} failed. Most at {}: {} within {step_name}.{earlier}",
        plural(all.len(), "execution"),
        plural(people, "student"),
        time(busiest.0),
        busiest.1.0 + busiest.1.1,
    );
    Some(json!({
        // Stands for the picture, too, where it cannot be seen.
        "summary": summary,
        "width": width,
        "height": line + below,
        // Where the line is: the most that ended well or still run.
        "line": line,
        "bars": bars.collect::<Vec<_>>(),
        // Times below the line: at its beginning, middle and end.
        "labels": [time(0), time(width / 2), time(width)],
        "any_below": below > 0,
    }))
}

/// Places of a student's line.
const SPARK_PLACES: i64 = 24;
/// Attempts that fill a place; more look the same.
const SPARK_HEIGHT: usize = 4;

/// What the students' lines have in common: the class's last session.
pub(super) struct Sparklines {
    begun_min: i64,
    step_min: i64,
}

impl Sparklines {
    /// `None` where nobody has tried anything.
    pub(super) fn of(document: &Document) -> Option<Self> {
        let students = document.students.iter();
        let attempts = students.flat_map(|row| &row.progress.activity.attempts);
        let mut moments: Vec<i64> = attempts.map(|attempt| attempt.at_ms).collect();
        moments.sort_unstable();
        let first = moments.get(last_session(&moments))?.div_euclid(60_000);
        let last = moments.last()?.div_euclid(60_000);
        let (step_min, begun_min) = STEPS
            .iter()
            .map(|(step, _)| (*step, first.div_euclid(*step) * step))
            .find(|(step, begun)| (last - begun) / step < SPARK_PLACES)?;
        Some(Self {
            begun_min,
            step_min,
        })
    }

    /// The strokes of a student's attempts, in a box of 24 by 4; `None` where nothing was tried in this session.
    pub(super) fn line(&self, attempts: &[Attempt]) -> Option<Value> {
        let mut places: BTreeMap<i64, (usize, usize)> = BTreeMap::new();
        for attempt in attempts {
            let place =
                (attempt.at_ms.div_euclid(60_000) - self.begun_min).div_euclid(self.step_min);
            if !(0..SPARK_PLACES).contains(&place) {
                continue;
            }
            let (well, badly) = places.entry(place).or_default();
            match attempt.end {
                AttemptEnd::Succeeded | AttemptEnd::AsAsked | AttemptEnd::Running => *well += 1,
                AttemptEnd::Failed | AttemptEnd::Refused => *badly += 1,
            }
        }
        if places.is_empty() {
            return None;
        }
        let (mut good, mut bad) = (String::new(), String::new());
        let (mut all, mut failed) = (0, 0);
        for (place, (well, badly)) in places {
            (all, failed) = (all + well + badly, failed + badly);
            // What went wrong is seen however much went well.
            let badly = badly.min(SPARK_HEIGHT);
            let well = well.min(SPARK_HEIGHT - badly);
            if well > 0 {
                good.push_str(&format!("M{place}.5 {SPARK_HEIGHT}v-{well}"));
            }
            if badly > 0 {
                bad.push_str(&format!("M{place}.5 {}v-{badly}", SPARK_HEIGHT - well));
            }
        }
        let attempts = if all == 1 {
            "1 try".to_owned()
        } else {
            format!("{all} tries")
        };
        let label = format!("{attempts} in this session, {failed} without success");
        Some(json!({ "good": good, "bad": bad, "label": label }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: Sparklines = Sparklines {
        begun_min: 0,
        step_min: 2,
    };

    fn attempt(minute: i64, end: AttemptEnd) -> Attempt {
        Attempt {
            at_ms: minute * 60_000,
            end,
        }
    }

    #[test]
    fn a_students_line_shows_what_went_wrong_on_top_of_what_went_well() {
        use AttemptEnd::{AsAsked, Failed, Refused, Succeeded};
        let tries = [(1, Succeeded), (1, Refused), (4, AsAsked), (46, Failed)];
        let tries = tries.map(|(minute, end)| attempt(minute, end));
        let line = LINES.line(&tries).unwrap();
        assert_eq!(line["good"], "M0.5 4v-1M2.5 4v-1");
        assert_eq!(line["bad"], "M0.5 3v-1M23.5 4v-1");
        assert_eq!(line["label"], "4 tries in this session, 2 without success");
    }

    #[test]
    fn what_was_tried_in_another_session_is_not_in_the_line() {
        assert!(LINES.line(&[attempt(-5, AttemptEnd::Succeeded)]).is_none());
        assert!(LINES.line(&[]).is_none());
    }

    #[test]
    fn more_than_fits_leaves_the_failures_in_sight() {
        let mut tries = vec![attempt(0, AttemptEnd::Succeeded); 9];
        tries.push(attempt(1, AttemptEnd::Failed));
        let line = LINES.line(&tries).unwrap();
        assert_eq!(
            (&line["good"], &line["bad"]),
            (&"M0.5 4v-3".into(), &"M0.5 1v-1".into())
        );
    }
}
