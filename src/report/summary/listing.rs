//! What a teardown would delete, before anybody confirms it.

use std::io::{self, Write};

use crate::ids::{PlaceName, Scope, Username};
use crate::stack::diff::{Change, DiffLine};
use crate::stack::forecast::Estimate;
use crate::stack::kinds::{Gap, Kind};
use crate::stack::plan::{Plan, StudentPlan, Verdict};

use super::super::marks::Tone;
use super::super::style::wrapped;
use super::table::{TableCell, TableHead, TextTable};
use super::{NAMED, Screen, View, time};
use crate::text::show::clean;
use crate::text::words::{plural, some_of};

/// Lines of a difference that are shown before something is overwritten. The copy that is kept has all of them.
const DIFF_LINES: usize = 12;

const KINDS: [(Kind, &str); 8] = [
    (Kind::User, "users"),
    (Kind::RestApi, "APIs"),
    (Kind::HttpApi, "HTTP APIs"),
    (Kind::StateMachine, "machines"),
    (Kind::Function, "functions"),
    (Kind::Role, "roles"),
    (Kind::LogGroup, "log groups"),
    (Kind::ManagedPolicy, "policies"),
];

fn doomed(student: &StudentPlan, kind: Kind) -> usize {
    let items = student.items.iter();
    let items = items.filter(|i| i.verdict == Verdict::Delete && i.resource.kind == kind);
    items.count()
}

/// The words for one of the class's places.
fn place_words(place: &PlaceName, scope: &Scope) -> String {
    format!(
        "place {place} (account {}, {})",
        scope.account, scope.region
    )
}

/// Students of whom something is to be deleted, with how much of each kind.
struct DoomedStudent<'a> {
    place: Option<&'a PlaceName>,
    plan: &'a StudentPlan,
    counts: Vec<usize>,
}

impl DoomedStudent<'_> {
    fn name(&self) -> String {
        let star = if self.plan.in_roster { "" } else { "*" };
        format!("{}{star}", self.plan.owner.student)
    }
}

/// Prints how long a teardown `takes`, and what it would delete, per student and kind, what it would leave alone and why, and what it does first.
/// `plans`: of each place, with its name where the class has several.
///
/// # Errors
/// When `out` cannot be written.
pub fn print_teardown_listing(
    plans: &[(Option<&PlaceName>, &Plan)],
    takes: &Estimate,
    view: &View<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Screen::of(view, out);
    let students = plans
        .iter()
        .flat_map(|(place, plan)| plan.students.iter().map(|student| (*place, student)));
    let deleted = |student: &StudentPlan| {
        let mut items = student.items.iter();
        items.any(|i| i.verdict == Verdict::Delete)
    };
    let students = students.filter(|(_, student)| deleted(student));
    let students: Vec<(Option<&PlaceName>, &StudentPlan)> = students.collect();
    // Columns of access only where somebody has any.
    let is_shown = |kind| {
        !matches!(kind, Kind::User | Kind::ManagedPolicy | Kind::HttpApi)
            || students
                .iter()
                .any(|(_, student)| doomed(student, kind) > 0)
    };
    let kinds = KINDS.into_iter().filter(|(kind, _)| is_shown(*kind));
    let (kinds, titles): (Vec<Kind>, Vec<(&str, Tone)>) = kinds
        .map(|(kind, title)| (kind, (title, Tone::Bad)))
        .unzip();
    let rows = students.iter().map(|(place, plan)| DoomedStudent {
        place: *place,
        plan,
        counts: kinds.iter().map(|kind| doomed(plan, *kind)).collect(),
    });
    let rows: Vec<DoomedStudent<'_>> = rows.collect();
    if !rows.is_empty() {
        table(&titles, &rows).print(&mut page)?;
        if rows.iter().any(|row| !row.plan.in_roster) {
            page.line("* not in the roster any more, but marked as this class's")?;
        }
        page.line("")?;
    }
    let foreign = plans.iter().flat_map(|(place, plan)| {
        let items = plan.students.iter().flat_map(|student| &student.items);
        let foreign = items.filter(|i| matches!(i.verdict, Verdict::Foreign | Verdict::Conflict));
        foreign.map(move |item| {
            let told = match item.why.as_str() {
                "" => item.resource.to_string(),
                why => format!("{}: {why}", item.resource),
            };
            of_place(*place, &told)
        })
    });
    page.list(
        "Left alone: has a name of the class, but is not provably ours",
        foreign,
    )?;
    let gaps = plans.iter().flat_map(|(place, plan)| {
        plan.gaps.iter().map(|gap| Gap {
            cause: of_place(*place, &gap.cause),
            ..gap.clone()
        })
    });
    page.gaps(&gaps.collect::<Vec<_>>())?;
    page.notes(view.first)?;
    print_sums(plans, &rows, &mut page)?;
    if !rows.is_empty() {
        let text = format!("It takes {}.", time::told(takes));
        page.text("", "", &text)?;
    }
    Ok(())
}

fn of_place(place: Option<&PlaceName>, text: &str) -> String {
    match place {
        Some(place) => format!("place {place}: {text}"),
        None => text.to_owned(),
    }
}

/// A row a student, with the place where the class has several.
fn table(titles: &[(&str, Tone)], rows: &[DoomedStudent<'_>]) -> TextTable {
    let counts = rows.iter().map(|row| (row.name(), row.counts.clone()));
    let mut table = TextTable::of_counts(titles, counts.collect());
    if rows.iter().any(|row| row.place.is_some()) {
        table.heads.insert(1, TableHead::flexible("place"));
        let places = rows.iter().map(|row| row.place).chain([None]);
        for (cells, place) in table.rows.iter_mut().zip(places) {
            cells.insert(1, TableCell::plain(place.map_or("", PlaceName::as_str)));
        }
    }
    table
}

/// What would be deleted, and from which account: a sentence for each place.
fn print_sums(
    plans: &[(Option<&PlaceName>, &Plan)],
    rows: &[DoomedStudent<'_>],
    page: &mut Screen<'_>,
) -> io::Result<()> {
    let Some((_, first)) = plans.first() else {
        return Ok(());
    };
    let class = &first.class;
    if rows.is_empty() {
        let words = Kind::IN_WORDS;
        let sentence = format!("Nothing of class {class} was found to delete among {words}.");
        return page.bold_text(&sentence, "");
    }
    for (place, plan) in plans {
        let here = rows.iter().filter(|row| row.place == *place);
        let here: Vec<&DoomedStudent<'_>> = here.collect();
        let resources: usize = here.iter().flat_map(|row| &row.counts).sum();
        let what = format!(
            "{} of {} in class {class}",
            plural(resources, "resource"),
            plural(here.len(), "student")
        );
        let sentence = match place {
            None => format!(
                "{what} would be deleted from account {}, {}. This cannot be undone.",
                plan.scope.account, plan.scope.region
            ),
            Some(place) if resources == 0 => {
                let place = place_words(place, &plan.scope);
                format!("Nothing would be deleted from {place}.")
            }
            Some(place) => {
                let place = place_words(place, &plan.scope);
                format!("{what} would be deleted from {place}.")
            }
        };
        page.bold_text(&sentence, "")?;
    }
    if plans.iter().any(|(place, _)| place.is_some()) {
        page.bold_text("This cannot be undone.", "")?;
    }
    Ok(())
}

/// What a reset would overwrite at one place.
pub struct ResetListing<'a> {
    /// Its name, where the class has several.
    pub place: Option<&'a PlaceName>,
    /// Its account and region.
    pub scope: &'a Scope,
    /// What each student changed.
    pub changed: Vec<(Username, Vec<Change>)>,
    /// Students whose APIs' routes are written.
    pub apis: Vec<&'a str>,
}

impl ResetListing<'_> {
    /// Whether there is nothing to overwrite.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.apis.is_empty()
    }
}

/// Prints what a reset would overwrite at each place, after the notes that come first.
///
/// # Errors
/// When `out` cannot be written.
pub fn print_reset_listing(
    places: &[ResetListing<'_>],
    view: &View<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Screen::of(view, out);
    page.notes(view.first)?;
    for listing in places.iter().filter(|listing| !listing.is_empty()) {
        if let Some(place) = listing.place {
            page.heading(&format!("At {}", place_words(place, listing.scope)))?;
        }
        print_reset_of_place(listing, &mut page)?;
    }
    Ok(())
}

/// What each student changed, at one place.
fn print_reset_of_place(listing: &ResetListing<'_>, page: &mut Screen<'_>) -> io::Result<()> {
    let ResetListing { changed, apis, .. } = listing;
    if !apis.is_empty() {
        let text = format!(
            "The routes of the REST API of {} are written as the lab has them, without comparing them first; \
             routes that were added stay.",
            some_of(apis, NAMED)
        );
        page.text("", "  ", &text)?;
    }
    if changed.is_empty() {
        return page.line("");
    }
    page.heading("Changed by the students, and about to be put back as the lab has it")?;
    let signs = "(+ is the student's line, which only the copy keeps; - is the lab's line, which comes back)";
    page.text("  ", "  ", signs)?;
    for (student, changes) in changed {
        for change in changes {
            let text = format!("{student}: {}: {}", change.resource, change.summary);
            page.text("  ", "    ", &text)?;
            let lines = change.diff.iter().filter_map(|line| match line {
                DiffLine::Added(text) => Some(format!("+ {text}")),
                DiffLine::Removed(text) => Some(format!("- {text}")),
                _ => None,
            });
            let lines: Vec<String> = lines.collect();
            for line in lines.iter().take(DIFF_LINES) {
                let line = format!("      {}", clean(line));
                for line in wrapped(&line, page.columns, "        ") {
                    page.line(&line)?;
                }
            }
            let more = lines.len().saturating_sub(DIFF_LINES);
            if more > 0 {
                page.line(&format!("      … {} more", plural(more, "changed line")))?;
            }
        }
    }
    page.line("")
}
