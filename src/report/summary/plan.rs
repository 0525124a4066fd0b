//! `plan`: what deploy would do.

use std::io;
use std::time::Duration;

use crate::ids::Username;
use crate::results::{RunSummary, StudentResult};
use crate::stack::forecast::Estimate;
use crate::stack::plan::Verdict;
use crate::stack::result::{ResourceResult, ResourceState};

use super::super::marks::{self, Tone};
use super::table::TextTable;
use super::{Screen, View};
use crate::stack::limits::Limit;
use crate::text::words::{duration, plural};

/// Columns that every plan has, so that two plans can be compared.
const ALWAYS: [Verdict; 5] = [
    Verdict::Create,
    Verdict::Update,
    Verdict::Keep,
    Verdict::NoChange,
    Verdict::Conflict,
];

pub(super) fn print(
    summary: &RunSummary,
    view: &View<'_>,
    page: &mut Screen<'_>,
) -> io::Result<()> {
    let mut verdicts = ALWAYS.to_vec();
    if planned(summary, Verdict::Unknown).next().is_some() {
        verdicts.push(Verdict::Unknown);
    }
    table(summary, &verdicts).print(page)?;
    page.line("")?;

    let lists = [
        (Verdict::Update, "Would be updated"),
        (
            Verdict::Keep,
            "Changed by the student, and kept (deploy --reset puts them back)",
        ),
        (Verdict::Conflict, "Not provably ours: never touched"),
    ];
    for (verdict, heading) in lists {
        let resources = planned(summary, verdict).map(|(student, resource)| {
            let detail = resource.detail.as_ref();
            let detail = detail.map_or(String::new(), |detail| format!(": {detail}"));
            format!("{student}: {}{detail}", resource.resource)
        });
        page.list(heading, resources)?;
    }
    limits(view.limits, page)?;
    let Some(forecast) = &summary.forecast else {
        return Ok(());
    };
    let verbs = [
        ("deploy", &forecast.deploy),
        ("teardown", &forecast.teardown),
    ];
    page.list(
        "Expected, with nothing else at work in the account",
        verbs
            .into_iter()
            .map(|(verb, estimate)| expected(verb, estimate)),
    )
}

/// A verb's time, its bound, and its calls.
fn expected(verb: &str, estimate: &Estimate) -> String {
    let total: u64 = estimate.calls.values().sum();
    if total == 0 {
        return format!("{verb}: nothing to do");
    }
    let time = match estimate.seconds {
        Some(seconds) => format!("about {}", duration(Duration::from_secs(seconds))),
        None => "as long as the endpoint takes, since nothing is paced".to_owned(),
    };
    let bound = estimate.bound.as_ref().map_or(String::new(), |bound| {
        let seconds = duration(Duration::from_secs(bound.seconds));
        format!(
            " (at least {seconds}: {} allows {})",
            bound.calls, bound.allowed
        )
    });
    let by_service = estimate.calls.iter();
    let by_service = by_service.map(|(service, calls)| format!("{service} {calls}"));
    let by_service = by_service.collect::<Vec<_>>().join(", ");
    let calls = plural(total as usize, "call");
    format!("{verb}: {time}{bound}, {calls} ({by_service})")
}

fn table(summary: &RunSummary, verdicts: &[Verdict]) -> TextTable {
    let columns = verdicts.iter().map(|verdict| marks::of_planned(*verdict));
    let columns: Vec<(&str, Tone)> = columns.map(|mark| (mark.word, mark.tone)).collect();
    let row = |student: &StudentResult| {
        let counts = verdicts.iter().map(|verdict| {
            let state = ResourceState::Planned(*verdict);
            let resources = student.resources.iter();
            resources.filter(|r| r.state == state).count()
        });
        (student.username.to_string(), counts.collect())
    };
    TextTable::of_counts(&columns, summary.students.iter().map(row).collect())
}

/// The resources with a verdict, with their students.
fn planned(
    summary: &RunSummary,
    verdict: Verdict,
) -> impl Iterator<Item = (&Username, &ResourceResult)> {
    let students = summary.students.iter();
    let all = students.flat_map(|s| s.resources.iter().map(move |r| (&s.username, r)));
    all.filter(move |(_, resource)| resource.state == ResourceState::Planned(verdict))
}

fn limits(limits: &[Limit], page: &mut Screen<'_>) -> io::Result<()> {
    if limits.is_empty() {
        return Ok(());
    }
    page.heading("Limits of the account")?;
    for limit in limits {
        let adds = format!("this adds {}", limit.adds);
        let (symbol, tone, text) = match (limit.used, limit.quota) {
            (Some(used), Some(quota)) => {
                let after = u64::from(used) + u64::from(limit.adds);
                let state = format!("{used} of {quota} used, {adds}");
                match after.saturating_sub(u64::from(quota)) {
                    0 => ("✓", Tone::Good, format!("{state}: fits")),
                    over => (
                        "!",
                        Tone::Bad,
                        format!("{state}: does not fit, {over} too many"),
                    ),
                }
            }
            (Some(used), None) => (
                "?",
                Tone::Unsure,
                format!("{used} used, {adds}: the quota could not be read"),
            ),
            (None, _) => (
                "?",
                Tone::Unsure,
                format!("{adds}: how many there are could not be read"),
            ),
        };
        let first = format!("  {} ", page.paint.tone(tone, symbol));
        page.text(&first, "    ", &format!("{}: {text}", limit.what))?;
    }
    page.line("")
}

/// How many resources deploy would create or update.
pub(super) fn changes(summary: &RunSummary) -> String {
    let count = |verdict| planned(summary, verdict).count();
    plural(count(Verdict::Create) + count(Verdict::Update), "resource")
}
