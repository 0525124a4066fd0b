//! `gradebook.csv`: one row a student, one column a check.

use std::borrow::Cow;
use std::io;

use crate::evidence::check::Verdict;
use crate::text::encoding::MARK;
use crate::text::show::clean;
use crate::text::unwanted::{Unwanted, is_joiner};

use super::document::{Document, ReportStudent, rfc3339};

/// The gradebook: UTF-8 with a byte-order mark, which Excel needs to see the encoding, and `\n` at line ends.
///
/// A column for each of the student's tasks, with the points that it gave. The stack gives no points, so it has no column;
/// `status` says how it is. A cell is blank, not 0, where the task could not be checked, nothing can prove it, or there is
/// no stack. While something could not be checked, `points` and `percent` are blank too: a lower bound is no grade. `total`
/// counts the tasks that can be proven.
///
/// `as_of`: the time of the oldest reading that counts, where something could not be read now (a stack is gone, for
/// example).
///
/// In a class with several places, a column `place` at the end.
///
/// Where some student's work is due at a time, two columns more: `points_on_time` (blank where that is not known) and
/// `due`, with the zone's offset.
///
/// # Errors
/// Never in practice; the CSV writer's own error otherwise.
pub fn gradebook(document: &Document) -> io::Result<Vec<u8>> {
    let tasks = document.tasks();
    let mut writer = csv::Writer::from_writer(MARK.to_vec());
    let mut header: Vec<Cow<'_, str>> = ["username", "name", "email", "section"]
        .map(Cow::Borrowed)
        .to_vec();
    header.extend(tasks.iter().map(|task| cell(&task.id)));
    header.extend(["points", "total", "percent", "status", "as_of"].map(Cow::Borrowed));
    let has_due = document
        .students
        .iter()
        .any(|row| row.student.due.is_some());
    if has_due {
        header.extend(["points_on_time", "due"].map(Cow::Borrowed));
    }
    let has_places = !document.places.is_empty();
    header.extend(has_places.then_some(Cow::Borrowed("place")));
    writer.write_record(header.iter().map(|text| text.as_bytes()))?;
    for row in &document.students {
        let (student, score) = (&row.student, row.score());
        let text = |value: &Option<String>| cell(value.as_deref().unwrap_or_default()).into_owned();
        let mut record = vec![
            student.username.to_string(),
            text(&student.name),
            text(&student.email),
            text(&student.section),
        ];
        record.extend(tasks.iter().map(|task| points(row, &task.id)));
        let earned = score.certain.then(|| score.earned.to_string());
        let percent = score.percent().map(|percent| percent.to_string());
        // In the form that spreadsheets read as a time.
        let as_of = row.progress.last.as_of.map(|at| {
            let at = document.in_zone(at);
            at.strftime("%Y-%m-%d %H:%M:%S").to_string()
        });
        record.extend([
            earned.unwrap_or_default(),
            score.total.to_string(),
            percent.unwrap_or_default(),
            row.progress.progress.as_str().to_owned(),
            as_of.unwrap_or_default(),
        ]);
        if has_due {
            let due = student.due.map(|due| rfc3339(&document.in_zone(due)));
            let on_time = row.points_on_time().map(|points| points.to_string());
            record.extend([on_time.unwrap_or_default(), due.unwrap_or_default()]);
        }
        if has_places {
            let place = student.place.as_ref();
            record.push(place.map_or_else(String::new, ToString::to_string));
        }
        writer.write_record(&record)?;
    }
    writer.into_inner().map_err(|e| e.into_error())
}

fn points(row: &ReportStudent, task: &str) -> String {
    let mut checks = row.progress.checks.iter();
    let check = checks.find(|check| check.id == task && row.is_deployed());
    check
        .filter(|check| matches!(check.verdict, Verdict::Pass | Verdict::Fail))
        .map_or_else(String::new, |check| check.earned.to_string())
}

/// Characters that begin a formula: in ASCII, and the wide forms that spreadsheets of some languages accept.
const FORMULA: [char; 13] = [
    '=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫', '−',
];

/// A text cell that no spreadsheet takes for a formula. A text that would begin one gets an apostrophe first, which tells
/// spreadsheets "this is text". The text is judged before cleaning, which turns a leading tab or line break into a space,
/// and without the characters that some spreadsheets skip. The same after a semicolon, which ends a cell in many countries.
pub(super) fn cell(text: &str) -> Cow<'_, str> {
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

/// Whether a spreadsheet may skip a character before a formula: white space, controls, invisible characters, and the
/// characters that stand in for those.
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
