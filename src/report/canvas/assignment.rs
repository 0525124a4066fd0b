//! The assignment's column in an export, and what it is worth.

use crate::text::failure::Failure;
use crate::text::normalise::key;
use crate::text::similar;
use crate::text::table::Record;
use crate::text::unwanted::shown;
use crate::text::words::some_of;

use super::columns::AS_CANVAS_WROTE_IT;
use crate::report::gradebook::{Number, Unreadable};

/// Canvas's names for totals: its importer skips every column with one of these in its title
/// (`NON_ASSIGNMENT_COLUMN_HEADERS` of its `lib/gradebook_importer.rb`).
const TOTALS: [&str; 9] = [
    "Current Score",
    "Current Points",
    "Current Grade",
    "Final Score",
    "Final Points",
    "Final Grade",
    "Override Score",
    "Override Grade",
    "Override Status",
];
/// Assignments that a message names.
const NAMED: usize = 12;

/// The assignment's column. `wanted`: its header, or its title without the number in brackets.
pub(super) fn find(file: &str, header: &Record, wanted: &str) -> Result<usize, Failure> {
    let titles: Vec<&str> = header.fields.iter().map(|f| f.text.as_str()).collect();
    let assignments = || (0..titles.len()).filter(|at| is_assignment(titles[*at]));
    let wanted = wanted.trim();
    let title = |at: usize| title_of(titles[at]).unwrap_or_default();
    // With the number first: it tells assignments with the same title apart.
    let ways: [&dyn Fn(usize) -> bool; 4] = [
        &|at| titles[at] == wanted,
        &|at| key(titles[at]) == key(wanted),
        &|at| title(at) == wanted,
        &|at| key(title(at)) == key(wanted),
    ];
    let subject = match wanted.is_empty() {
        true => "--assignment ''".to_owned(),
        false => format!("--assignment {wanted}"),
    };
    let failure = |cause: String, hint: String| Failure::new(&subject, cause).hint(hint);
    let named = |of: &[usize]| {
        let names: Vec<String> = of.iter().map(|at| shown(titles[*at])).collect();
        some_of(&names, NAMED)
    };
    for way in ways {
        let found: Vec<usize> = assignments().filter(|at| way(*at)).collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok(*one),
            several => {
                let equal = several.iter().all(|at| titles[*at] == titles[several[0]]);
                return Err(failure(
                    format!("{file} has more than one assignment of that name"),
                    match equal {
                        true => format!("Canvas numbers each column: {AS_CANVAS_WROTE_IT}"),
                        false => format!("give the name with its number: {}", named(several)),
                    },
                ));
            }
        }
    }
    let all: Vec<usize> = assignments().collect();
    let hint = match all.is_empty() {
        true => "create the assignment in Canvas first, then export again".to_owned(),
        false => {
            let listed = format!("the assignments are {}", named(&all));
            // A short list needs no suggestion.
            let near = similar::did_you_mean(wanted, all.iter().map(|at| title(*at)));
            match near.filter(|_| all.len() > NAMED) {
                Some(near) => format!("{near} ({listed})"),
                None => listed,
            }
        }
    };
    let without_brackets = |text: &str| text.rsplit_once(" (").map_or(key(text), |(t, _)| key(t));
    let no_assignment = (0..titles.len())
        .find(|at| key(titles[*at]) == key(wanted) || without_brackets(titles[*at]) == key(wanted));
    Err(match no_assignment {
        Some(at) if is_total(titles[at]) => failure(
            format!(
                "{} is a read-only column: Canvas treats it as a total and imports nothing into it",
                shown(titles[at])
            ),
            match title_of(titles[at]) {
                Some(_) => format!(
                    "if it is an assignment of yours, rename it in Canvas and export again: a title must not contain the name of a total ('Final Score'); {hint}"
                ),
                None => hint,
            },
        ),
        Some(at) if !wanted.is_empty() => failure(
            format!(
                "{} is not an assignment: the header of an assignment ends with its number in brackets",
                shown(titles[at])
            ),
            hint,
        ),
        _ => failure(format!("{file} has no assignment of that name"), hint),
    })
}

/// `Lab 6` of `Lab 6 (12345)`; `None` for a header without a number.
fn title_of(header: &str) -> Option<&str> {
    let (title, id) = header.trim().strip_suffix(')')?.rsplit_once('(')?;
    let digits = !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| title.trim())
}

fn is_total(header: &str) -> bool {
    TOTALS.iter().any(|total| header.contains(total))
}

fn is_assignment(header: &str) -> bool {
    title_of(header).is_some() && !is_total(header)
}

/// The points that Canvas gives for the assignment; more than 0. Never guessed: a wrong figure makes every grade wrong.
/// `rows`: the rows 'Points Possible'.
pub(super) fn possible(
    file: &str,
    rows: &[&Record],
    column: usize,
    title: &str,
) -> Result<Number, Failure> {
    let title = shown(title);
    let [row] = rows else {
        let cause = match rows.len() {
            0 => format!("has no row 'Points Possible', so the points of {title} are not known"),
            n => format!("has {n} rows 'Points Possible'"),
        };
        return Err(Failure::new(file, cause).hint(AS_CANVAS_WROTE_IT));
    };
    let text = row.text(column);
    let set = "give the assignment points in Canvas, then export again";
    let (cause, hint) = match Number::read(text) {
        _ if text.is_empty() => (
            format!("Canvas has no points for {title}: its cell under 'Points Possible' is empty"),
            set,
        ),
        _ if key(text).contains("read only") => (
            format!("{title} is read only, so Canvas would import no grades into it"),
            "choose another assignment",
        ),
        Ok(number) if number.is_positive() => return Ok(number),
        Ok(number) => (
            format!("{title} is worth {number} points in Canvas, so no grade can be calculated"),
            set,
        ),
        Err(Unreadable::Ambiguous(one, other)) => (
            format!(
                "the points possible of {title}, {}, could be {one} or {other}",
                shown(text)
            ),
            "write them as Canvas does, with two decimals and nothing between thousands (1000.00), or export again and give the file unchanged",
        ),
        Err(Unreadable::NoNumber) => (
            format!(
                "the points possible of {title}, {}, are not a number",
                shown(text)
            ),
            AS_CANVAS_WROTE_IT,
        ),
    };
    Err(Failure::new(file, format!("line {}: {cause}", row.line())).hint(hint))
}
