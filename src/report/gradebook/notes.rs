//! Notes about grades that were judged: one line for each kind, however many rows it is about.

use std::path::Path;

use crate::ids::Username;
use crate::text::show::clean;
use crate::text::words::{plural, some_of};

use super::judge::{Judged, Lower, NotFilled};

/// Usernames in one line at most.
const NAMED: usize = 30;
/// Rows and values in one line at most.
const SHOWN: usize = 3;

/// An export with a column filled in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filled {
    /// The file to import.
    pub(crate) bytes: Vec<u8>,
    pub(crate) judged: Judged,
}

impl Filled {
    /// `path`: where the file was written.
    pub(crate) fn notes(&self, path: &Path) -> Vec<String> {
        let more = match (self.judged.graded.is_empty(), self.judged.by_name_alone()) {
            (true, _) => {
                ": importing it changes nothing. If you expected grades, check that the export is from the course of this class"
                    .to_owned()
            }
            (false, None) => String::new(),
            (false, Some(by_name)) => {
                format!(", {by_name}; check that each is the right student, then import")
            }
        };
        let filled = format!(
            "{}: '{}' filled in for {}{more}",
            path.display(),
            clean(&self.judged.assignment),
            plural(self.judged.graded.len(), "student")
        );
        [filled].into_iter().chain(self.judged.notes()).collect()
    }
}

impl Judged {
    /// Who is graded although only their name shows whose row it is; `None` where nobody is.
    pub(crate) fn by_name_alone(&self) -> Option<String> {
        let names: Vec<&str> = self.by_name.iter().map(Username::as_str).collect();
        (!names.is_empty()).then(|| {
            let n = names.len();
            format!("{n} by name alone: {}", some_of(&names, NAMED))
        })
    }

    /// What else to know: points that were scaled, grades that would go down, students and rows that were left out.
    pub(crate) fn notes(&self) -> Vec<String> {
        let system = self.system.name();
        let mut notes = Vec::new();
        if let Some((total, possible)) = &self.scaled {
            notes.push(format!(
                "{system} gives {possible} points for it, the lab {total}: points are scaled, and rounded to two decimals"
            ));
        }
        notes.extend(self.late.as_ref().map(|late| format!("{system}: {late}")));
        if !self.lowers.is_empty() {
            let lowers = self.lowers.iter();
            let each =
                lowers.map(|Lower { username, from, to }| format!("{username} {from} → {to}"));
            let each: Vec<String> = each.collect();
            let done = match self.lowered {
                true => "",
                false => "; these stay as they are without --lower",
            };
            notes.push(format!(
                "{system}: lowers {}: {}{done}",
                each.len(),
                some_of(&each, NAMED)
            ));
        }
        let mut reasons: Vec<&str> = Vec::new();
        for left in &self.left {
            if !reasons.contains(&left.why.as_str()) {
                reasons.push(&left.why);
            }
        }
        notes.extend(reasons.into_iter().map(|why| {
            let all: Vec<&NotFilled> = self.left.iter().filter(|left| left.why == why).collect();
            let names: Vec<&str> = all.iter().map(|left| left.username.as_str()).collect();
            let names = some_of(&names, NAMED);
            format!("{system}: {names} not filled in: {why}{}", details(&all))
        }));
        if !self.crossed.is_empty() {
            let rows = plural(self.crossed.len(), "row");
            notes.push(format!(
                "{system}: {rows} left out: {}",
                some_of(&self.crossed, SHOWN)
            ));
        }
        if !self.strangers.is_empty() {
            let names: Vec<_> = self.strangers.iter().map(|name| clean(name)).collect();
            let rows = plural(names.len(), "row");
            let names = some_of(&names, SHOWN);
            notes.push(format!("{system}: {rows} of nobody in this class: {names}"));
        }
        notes
    }
}

/// The details, where there are any: ` (user1: …; user2: … and 3 more)`.
fn details(all: &[&NotFilled]) -> String {
    let detailed = all.iter().filter(|left| !left.detail.is_empty());
    let said = detailed.map(|left| match all.len() {
        1 => left.detail.clone(),
        _ => format!("{}: {}", left.username, left.detail),
    });
    let said: Vec<String> = said.collect();
    match said.len() {
        0 => String::new(),
        n if n > SHOWN => format!(" ({} and {} more)", said[..SHOWN].join("; "), n - SHOWN),
        _ => format!(" ({})", said.join("; ")),
    }
}
