//! `plan`: what deploy would do, a line a student.

use std::io;
use std::time::Duration;

use crate::results::RunSummary;
use crate::stack::forecast::Estimate;
use crate::stack::plan::Verdict;
use crate::stack::result::{ResourceResult, ResourceState};

use super::super::marks::{self, Tone};
use super::table::{TableCell, TableHead, TextTable};
use super::{Screen, View};
use crate::stack::limits::Limit;
use crate::text::words::{duration, plural};

/// Columns of the table: always there, so that two plans read alike.
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
    let unseen =
        resources(summary).any(|(_, r)| r.state == ResourceState::Planned(Verdict::Unknown));
    if unseen {
        verdicts.push(Verdict::Unknown);
    }
    table(summary, &verdicts).print(page)?;
    page.line("")?;

    named(summary, Verdict::Update, "Would be updated", page)?;
    named(
        summary,
        Verdict::Keep,
        "Changed by the student, and kept (deploy --reset puts them back)",
        page,
    )?;
    named(
        summary,
        Verdict::Conflict,
        "Not provably ours: never touched",
        page,
    )?;
    limits(view.limits, page)?;
    if let Some(forecast) = &summary.forecast {
        page.heading("Expected, with nothing else at work in the account")?;
        expected("deploy", &forecast.deploy, page)?;
        expected("teardown", &forecast.teardown, page)?;
        page.line("")?;
    }
    Ok(())
}

/// A verb's time, what bounds it, and its calls.
fn expected(verb: &str, estimate: &Estimate, page: &mut Screen<'_>) -> io::Result<()> {
    let total: u64 = estimate.calls.values().sum();
    if total == 0 {
        return page.text("  ", "    ", &format!("{verb}: nothing to do"));
    }
    let mut text = format!("{verb}: ");
    match estimate.seconds {
        Some(seconds) => {
            text.push_str(&format!("about {}", duration(Duration::from_secs(seconds))))
        }
        None => text.push_str("as long as the endpoint takes, since nothing is paced"),
    }
    if let Some(bound) = &estimate.bound {
        text.push_str(&format!(
            " (at least {}: {} allows {})",
            duration(Duration::from_secs(bound.seconds)),
            bound.calls,
            bound.allowed
        ));
    }
    let by_service: Vec<String> = estimate
        .calls
        .iter()
        .map(|(service, calls)| format!("{service} {calls}"))
        .collect();
    text.push_str(&format!(
        ", {} ({})",
        plural(total as usize, "call"),
        by_service.join(", ")
    ));
    page.text("  ", "    ", &text)
}

fn table(summary: &RunSummary, verdicts: &[Verdict]) -> TextTable {
    let mut table = TextTable::default();
    table.heads.push(TableHead::flexible("student"));
    for verdict in verdicts {
        let word = marks::of_planned(*verdict).word;
        table.heads.push(TableHead::number(word));
    }
    let mut totals = vec![0; verdicts.len()];
    for student in &summary.students {
        let mut row = vec![TableCell::plain(student.username.as_str())];
        for (verdict, total) in verdicts.iter().zip(&mut totals) {
            let state = ResourceState::Planned(*verdict);
            let count = student
                .resources
                .iter()
                .filter(|r| r.state == state)
                .count();
            *total += count;
            row.push(TableCell::count(count, marks::of_planned(*verdict).tone));
        }
        table.rows.push(row);
    }
    let mut row = vec![TableCell::plain("in total")];
    row.extend(totals.into_iter().map(|n| TableCell::plain(n.to_string())));
    table.rows.push(row);
    table
}

fn resources(
    summary: &RunSummary,
) -> impl Iterator<Item = (&crate::ids::Username, &ResourceResult)> {
    summary
        .students
        .iter()
        .flat_map(|s| s.resources.iter().map(move |r| (&s.username, r)))
}

fn named(
    summary: &RunSummary,
    verdict: Verdict,
    heading: &str,
    page: &mut Screen<'_>,
) -> io::Result<()> {
    let mut any = false;
    for (student, resource) in
        resources(summary).filter(|(_, r)| r.state == ResourceState::Planned(verdict))
    {
        if !any {
            page.heading(heading)?;
            any = true;
        }
        let detail = resource
            .detail
            .as_ref()
            .map_or(String::new(), |d| format!(": {d}"));
        let text = format!("{student}: {}{detail}", resource.resource);
        page.text("  ", "    ", &text)?;
    }
    if any {
        page.line("")?;
    }
    Ok(())
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

/// How many resources a plan would create, update or delete, for the next step's words.
pub(super) fn changes(summary: &RunSummary) -> String {
    let acts = [Verdict::Create, Verdict::Update].map(ResourceState::Planned);
    let count = resources(summary)
        .filter(|(_, r)| acts.contains(&r.state))
        .count();
    plural(count, "resource")
}
