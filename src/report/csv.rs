//! `gradebook.csv`: one row a student, one column a check.

use std::borrow::Cow;
use std::io;

use jiff::Timestamp;

use crate::evidence::check::{CheckResult, Verdict};
use crate::evidence::progress::Progress;

use super::class::{ClassReport, Column};
use crate::text::encoding::MARK;
use crate::text::shown::clean;
use crate::text::unwanted::{Unwanted, is_joiner};

/// The gradebook: UTF-8 with the mark without which Excel takes it for another encoding, `\n` at line ends.
///
/// A column for each of the student's tasks: the points that it gave, in parts as well. What the instructor deployed
/// earns nobody anything, so it has no column; `status` says how the stack is. A cell is blank, not 0, where the task
/// could not be checked, nothing can prove it, or nothing of the stack is there; while something could not be checked, `points` and `percent` are
/// blank too, since a lower bound is no grade. `total` counts what can be proven.
///
/// `as_of` says when the oldest was read of what counts, where it could not be read anew (a stack is gone, say).
///
/// # Errors
/// Never in practice; the CSV writer's own error otherwise.
pub fn gradebook(report: &ClassReport) -> io::Result<Vec<u8>> {
    let columns = report.tasks();
    let mut writer = csv::Writer::from_writer(MARK.to_vec());

    let head = ["username", "name", "email", "section"];
    let tail = ["points", "total", "percent", "status", "as_of"];
    let mut header: Vec<Cow<'_, str>> = head.map(Cow::Borrowed).to_vec();
    header.extend(columns.iter().map(|column| cell(&column.id)));
    header.extend(tail.map(Cow::Borrowed));
    writer.write_record(header.iter().map(|text| text.as_bytes()))?;

    for row in &report.students {
        let student = &row.student;
        let checks = &row.progress.checks;
        let score = row.score();
        let deployed = row.progress.progress != Progress::NotDeployed;
        let mut record = vec![
            cell(student.username.as_str()),
            cell(student.name.as_deref().unwrap_or_default()),
            cell(student.email.as_deref().unwrap_or_default()),
            cell(student.section.as_deref().unwrap_or_default()),
        ];
        record.extend(columns.iter().map(|column| match deployed {
            true => points(column, checks),
            false => "".into(),
        }));
        record.push(match score.certain {
            true => score.earned.to_string().into(),
            false => "".into(),
        });
        record.push(score.total.to_string().into());
        record.push(match score.percent() {
            Some(percent) => percent.to_string().into(),
            None => "".into(),
        });
        record.push(row.progress.progress.as_str().into());
        record.push(match row.progress.last.as_of {
            Some(at) => when(at, report).into(),
            None => "".into(),
        });
        writer.write_record(record.iter().map(|text| text.as_bytes()))?;
    }
    writer.into_inner().map_err(|e| e.into_error())
}

/// A moment as spreadsheets read it, in the report's zone.
fn when(at: Timestamp, report: &ClassReport) -> String {
    let at = at.to_zoned_datetime(report.taken_at.time_zone().clone());
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn points(column: &Column, checks: &[CheckResult]) -> Cow<'static, str> {
    match checks.iter().find(|check| check.id == column.id) {
        Some(check) => match check.verdict {
            Verdict::Pass | Verdict::Fail => check.earned.to_string().into(),
            Verdict::CouldNotCheck | Verdict::NotProvable => "".into(),
        },
        None => "".into(),
    }
}

/// What may begin a formula, ASCII and as wide as an ideograph: spreadsheets of some languages take both.
const FORMULA: [char; 13] = [
    '=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫', '−',
];

/// A text cell that no spreadsheet takes for a formula: one that would begin one gets an apostrophe first,
/// which spreadsheets take as "this is text". Judged before cleaning, which turns a leading tab or line break into a
/// space; and behind what some spreadsheets skip. The same behind a semicolon, which ends a cell in many countries.
fn cell(text: &str) -> Cow<'_, str> {
    let shown = clean(text);
    let begins = |part: &str| part.trim_start_matches(skipped).starts_with(FORMULA);
    let mut parts = shown.split(';');
    let first = parts.next().unwrap_or_default();
    let guarded = begins(text) || text.starts_with(['\t', '\r', '\n']);
    if !guarded && !parts.clone().any(begins) {
        return shown;
    }
    let mut out = match guarded {
        true => format!("'{first}"),
        false => first.to_owned(),
    };
    for part in parts {
        out.push_str(if begins(part) { ";'" } else { ";" });
        out.push_str(part);
    }
    Cow::Owned(out)
}

/// Whether a character before a formula may be skipped: white space, controls, what is not seen, and what stands in for
/// those.
fn skipped(c: char) -> bool {
    c.is_whitespace() || Unwanted::of(c).is_some() || is_joiner(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_a_formula() {
        for hostile in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "\tx",
            "＝1+1",
            "＋1",
            "－1",
            "＠x",
            "  =1",
            "\u{a0}=1",
            "\u{200b}=1",
            "\u{feff}+1",
            "\u{202e}=1",
            "\0=1",
            "\u{3000}＝1",
            "−1",
        ] {
            assert!(cell(hostile).starts_with('\''), "{hostile:?}");
        }
        assert_eq!(cell("a;=1; +2;b"), "a;'=1;' +2;b");
        for harmless in ["Anne-Marie O'Neil", "a; b", "user1", "3 = 3", ""] {
            assert_eq!(cell(harmless), harmless);
        }
    }
}
