//! Executions of the class over time, as bars: what ended well above the line, what did not below it.

use serde_json::{Value, json};

use crate::aws::execution::ExecutionStatus;
use crate::report::document::Document;
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
    let all: Vec<(i64, ExecutionStatus)> = document
        .students
        .iter()
        .flat_map(|s| &s.progress.executions)
        .map(|(_, execution)| (execution.started_ms.div_euclid(60_000), execution.status))
        .collect();
    let first = all.iter().map(|(minute, _)| *minute).min()?;
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
    let time = |slot: usize| {
        let minute = begin + step * i64::try_from(slot).unwrap_or_default();
        document
            .at(minute * 60_000)
            .map_or(String::new(), |t| t.strftime(format).to_string())
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
    let people = document
        .students
        .iter()
        .filter(|s| !s.progress.executions.is_empty())
        .count();
    let failed: usize = counts.iter().map(|c| c.1).sum();
    let summary = format!(
        "{} by {}, {failed} failed. Most at {}: {} within {step_name}.",
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
