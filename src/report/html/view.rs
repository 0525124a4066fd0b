//! What the pages show besides the document's own words: positions, marks, moments as a reader wants them. Texts are as
//! they came: the templates clean and escape each where it is shown.

mod attention;
mod chart;
mod execution;
mod student;
mod tried;

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::{Timestamp, ZonedDateTime};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use tera::Context;

use crate::report::document::{Document, Move, ReportStudent, Since, Turn, hidden_by, rfc3339};
use crate::report::left;
use crate::report::marks::{self, CHECK_LEGEND};
use crate::report::student_files;
use crate::report::tally::{CheckTally, STATES, Score, Tally};
use crate::stack::ends;
use crate::text::show::clean;
use crate::text::words::{plural, some_of};

use attention::attention;
use chart::{Sparklines, chart};
use student::{PageReader, RowStyle, all_passed, student_row};

/// Causes that are shown at once; the rest unfolds.
const CAUSES: usize = 3;

/// Places that the headline names.
const PLACES: usize = 4;

/// From this many checks on the grid is wider than a page and scrolls sideways.
const WIDE: usize = 10;

/// `with_pages`: whether each student's own page lies beside this one.
pub(super) fn class_page(document: &Document, with_pages: bool) -> Context {
    let tally = document.tally();
    let tasks = document.tasks();
    let mut causes = document.other_causes();
    let more_causes = causes.split_off(causes.len().min(CAUSES));
    let sparklines = Sparklines::of(document);
    let style = RowStyle {
        tasks: &tasks,
        sparklines: sparklines.as_ref(),
        reader: PageReader::Instructor,
    };
    let students = document.students.iter();
    let pages = student_files(students.clone().map(|row| &row.student.username));
    let ranks = document.needs().into_iter().map(|need| need.username);
    let ranks: BTreeMap<_, usize> = ranks.zip(0..).collect();
    let rows = students.zip(pages).map(|(row, page)| {
        let mut shown = student_row(row, &style, document);
        shown["page"] = json!(with_pages.then_some(page));
        // For sorting and the filter: the most urgent is 0.
        shown["rank"] = json!(ranks.get(&row.student.username));
        shown
    });
    let gaps = document.gaps.iter();
    let gaps = gaps.map(|gap| json!({ "what": hidden_by(gap), "cause": gap.cause }));
    let unreached = document.places.iter().filter_map(|place| {
        let cause = place.unreached.as_ref()?;
        Some(json!({ "what": format!("everybody in {}", place.name), "cause": cause }))
    });
    let warnings = unreached.chain(gaps);
    let notes = left::lines(&document.left);

    let mut page = head(document, &document.students);
    let where_it_is = places(document);
    page.insert("place", &where_it_is.head);
    page.insert("at", &where_it_is.foot);
    page.insert("headline", &marks::headline(&tally));
    page.insert("total", &tally.total());
    page.insert("states", &states(&tally));
    page.insert("legend", &CHECK_LEGEND);
    page.insert("warnings", &warnings.collect::<Vec<_>>());
    page.insert("notes", &[notes, document.notes.clone()].concat());
    page.insert("told_broken", &!document.told_broken().is_empty());
    page.insert("attention", &attention(document, &tasks));
    page.insert("causes", &causes);
    page.insert("more_causes", &more_causes);
    page.insert("validated", &validated(document));
    let since = document.since.as_ref();
    page.insert("since", &since.map(|since| changes(since, document)));
    page.insert("chart", &chart(document));
    page.insert("sections", &sections(&document.students));
    let places = document.places.iter().map(|place| &place.name);
    page.insert("places", &places.collect::<Vec<_>>());
    page.insert("students", &InTurn(RefCell::new(rows)));
    page.insert("wide", &(tasks.len() >= WIDE));
    page.insert("tasks", &bars(&tasks));
    page.insert("own", &false);
    page
}

/// A list whose items are made one after another while it is written: a whole class's rows twice take much memory.
struct InTurn<I>(RefCell<I>);

impl<I: Iterator<Item: Serialize>> Serialize for InTurn<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&mut *self.0.borrow_mut())
    }
}

/// Nothing on a student's own page is about the class but its name.
pub(super) fn own_page(document: &Document, row: &ReportStudent) -> Context {
    let score = Score::of(&row.progress.checks);
    let mut page = head(document, std::slice::from_ref(row));
    page.insert("headline", &format!("{} of {} done", score.done, score.of));
    let style = RowStyle {
        tasks: &[],
        sparklines: None,
        reader: PageReader::Student,
    };
    page.insert("s", &student_row(row, &style, document));
    page.insert("own", &true);
    page
}

/// `students`: whom the page is about.
fn head(document: &Document, students: &[ReportStudent]) -> Context {
    let mut page = Context::new();
    page.insert("class", &document.class);
    page.insert("lab", &document.lab);
    page.insert("lab_title", &document.lab_title);
    page.insert("taken", &moment(&document.taken_at));
    let (now, zone) = (document.taken_at.timestamp(), document.taken_at.time_zone());
    page.insert("ends", &document.ends.map(|at| ends::told(at, now, zone)));
    page.insert("last_read", &last_read(document, students));
    page
}

/// Where the class is.
struct ClassWhere {
    /// Empty where it is not told.
    head: String,
    foot: String,
}

fn places(document: &Document) -> ClassWhere {
    let Document {
        account, region, ..
    } = document;
    if !document.places.is_empty() {
        let names: Vec<String> = document
            .places
            .iter()
            .map(|place| place.name.to_string())
            .collect();
        return ClassWhere {
            head: some_of(&names, PLACES),
            foot: document.place_words().join(", "),
        };
    }
    let (head, foot) = match &account.alias {
        Some(alias) => (alias.clone(), format!("account {alias} ({})", account.id)),
        None if account.id.is_empty() => (String::new(), String::new()),
        None => (
            format!("account {}", account.id),
            format!("account {}", account.id),
        ),
    };
    let joined = |text: &str, between| match text.is_empty() {
        true => String::new(),
        false => format!("{text}{between}{region}"),
    };
    ClassWhere {
        head: joined(&head, ", "),
        foot: match foot.is_empty() {
            true => region.clone(),
            false => joined(&foot, " · "),
        },
    }
}

fn moment(at: &ZonedDateTime) -> Value {
    let offset = at.strftime("UTC%:z").to_string();
    json!({
        "machine": rfc3339(at),
        "date": at.strftime("%A, %-d %B %Y").to_string(),
        "time": at.strftime("%H:%M").to_string(),
        "zone": match at.time_zone().iana_name() {
            Some(name) => format!("{name}, {offset}"),
            None => offset,
        },
    })
}

/// When the stacks were last read, if all of them are gone: the first reading, and the last where that differs.
fn last_read(document: &Document, students: &[ReportStudent]) -> Option<Value> {
    if !students.iter().all(|row| row.progress.last.gone) {
        return None;
    }
    let times = students.iter().filter_map(|row| row.progress.last.as_of);
    let moment = |at: Timestamp| moment(&document.in_zone(at));
    let (from, to) = (moment(times.clone().min()?), moment(times.max()?));
    let at_once = (&from["date"], &from["time"]) == (&to["date"], &to["time"]);
    Some(json!({ "from": from, "to": (!at_once).then_some(to) }))
}

/// Each state, how many are in it, and where its part of the bar begins.
fn states(tally: &Tally) -> Vec<Value> {
    let mut offset = 0;
    STATES
        .into_iter()
        .map(|state| {
            let (count, begins) = (tally.count(state), offset);
            offset += count;
            let mark = marks::of_progress(state);
            json!({ "key": state, "mark": mark, "count": count, "offset": begins })
        })
        .collect()
}

/// What changed since the report before: everybody who moved the same way, together.
fn changes(since: &Since, document: &Document) -> Value {
    let format = match since.taken_at.date() == document.taken_at.date() {
        true => "%H:%M",
        false => "%A, %-d %B, %H:%M",
    };
    let who = |m: &Move| {
        let steps = match m.turn {
            Turn::MovedUp | Turn::FellBack => steps(m),
            _ => String::new(),
        };
        // Who left has no row to jump to.
        json!({ "username": m.username, "here": m.done_now.is_some(), "steps": steps })
    };
    let alike = since.moves.chunk_by(|a, b| a.turn == b.turn);
    let groups = alike.map(|moves| {
        let who: Vec<Value> = moves.iter().map(who).collect();
        json!({ "mark": marks::of_turn(moves[0].turn), "who": who })
    });
    json!({
        "machine": rfc3339(&since.taken_at),
        "when": since.taken_at.strftime(format).to_string(),
        "groups": groups.collect::<Vec<_>>(),
    })
}

/// Tasks before and now (`3 → 5`); points, where only a part of a task was done.
fn steps(m: &Move) -> String {
    match (m.done_before, m.done_now, m.points_before, m.points_now) {
        (Some(before), Some(now), ..) if before != now => format!("{before} → {now}"),
        (.., Some(before), Some(now)) => format!("{before} → {}", now.words()),
        _ => String::new(),
    }
}

/// The students' tasks over the class, each as a bar.
fn bars(tasks: &[CheckTally]) -> Vec<Value> {
    // Where the class is stuck: the task that the fewest have done.
    let stuck = tasks
        .iter()
        // A task that could not be checked does not show where the class is.
        .filter(|task| task.provable() && task.failed > 0)
        // Shares are compared without division. Of equal ones the first counts: the class got that far.
        .min_by(|a, b| (a.passed * b.of()).cmp(&(b.passed * a.of())));
    let bar = |task: &CheckTally| {
        let mut bar = json!(task);
        bar["provable"] = json!(task.provable());
        bar["of"] = json!(task.of());
        bar["percent"] = json!((task.passed * 100).checked_div(task.of()).unwrap_or(0));
        bar["stuck"] = json!(stuck.is_some_and(|stuck| stuck.id == task.id));
        bar
    };
    tasks.iter().map(bar).collect()
}

fn validated(document: &Document) -> Option<String> {
    let at = document.validated_at.as_ref()?;
    let at = document.in_zone(at.timestamp());
    let format = match at.date() == document.taken_at.date() {
        true => "at %H:%M",
        false => "on %-d %B at %H:%M",
    };
    let asked = document.students.iter().filter(|s| !s.validate.is_empty());
    let passed = asked.clone().filter(|s| all_passed(&s.validate)).count();
    let asked = asked.count();
    (asked > 0).then(|| {
        let stacks = plural(asked, "stack");
        format!(
            "{passed} of {stacks} passed validation {}",
            at.strftime(format)
        )
    })
}

fn sections(students: &[ReportStudent]) -> Vec<String> {
    let mut sections: Vec<String> = Vec::new();
    for section in students.iter().filter_map(|s| s.student.section.as_deref()) {
        let section = clean(section).into_owned();
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    sections
}
