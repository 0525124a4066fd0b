//! What is said of an export that was filled in: one line for each kind of thing, however many rows it is true of.

use std::path::Path;

use crate::ids::Username;
use crate::text::show::clean;
use crate::text::words::{plural, some_of};

use super::fill::{Filled, NotFilled};

/// Usernames in one line at most.
const NAMED: usize = 30;
/// Rows and values in one line at most.
const SHOWN: usize = 3;

impl Filled {
    /// What to know, for people. `path`: where the file was written.
    pub(crate) fn notes(&self, path: &Path) -> Vec<String> {
        let names: Vec<&str> = self.by_name.iter().map(Username::as_str).collect();
        let more = match (self.filled.is_empty(), names.len()) {
            (true, _) => {
                ": importing it changes nothing; if somebody was to be filled in, see whether the export is of this class's course"
                    .to_owned()
            }
            (false, 0) => String::new(),
            (false, n) => format!(
                ", {n} by name alone: {}; see that each is the one you mean, then import",
                some_of(&names, NAMED)
            ),
        };
        let mut notes = vec![format!(
            "{}: '{}' filled in for {}{more}",
            path.display(),
            clean(&self.assignment),
            plural(self.filled.len(), "student")
        )];
        if let Some((total, possible)) = &self.scaled {
            notes.push(format!(
                "Canvas gives {possible} points for it, the lab {total}: points are scaled, and rounded to two decimals"
            ));
        }
        if !self.lowers.is_empty() {
            let each: Vec<String> = self
                .lowers
                .iter()
                .map(|lower| format!("{} {} → {}", lower.username, lower.from, lower.to))
                .collect();
            let done = match self.lowered {
                true => "",
                false => "; these stay as they are without --lower",
            };
            notes.push(format!(
                "Canvas: lowers {}: {}{done}",
                each.len(),
                some_of(&each, NAMED)
            ));
        }
        let mut kinds: Vec<(&str, Vec<&NotFilled>)> = Vec::new();
        for left in &self.left {
            match kinds.iter_mut().find(|(why, _)| *why == left.why) {
                Some((_, all)) => all.push(left),
                None => kinds.push((&left.why, vec![left])),
            }
        }
        notes.extend(kinds.into_iter().map(|(why, all)| {
            let names: Vec<&str> = all.iter().map(|left| left.username.as_str()).collect();
            let names = some_of(&names, NAMED);
            format!("Canvas: {names} not filled in: {why}{}", details(&all))
        }));
        if !self.crossed.is_empty() {
            let rows = plural(self.crossed.len(), "row");
            notes.push(format!(
                "Canvas: {rows} left out: {}",
                some_of(&self.crossed, SHOWN)
            ));
        }
        if !self.strangers.is_empty() {
            let names: Vec<_> = self.strangers.iter().map(|name| clean(name)).collect();
            let are = match names.len() {
                1 => "row is",
                _ => "rows are",
            };
            notes.push(format!(
                "Canvas: {} {are} nobody's of this class: {}",
                names.len(),
                some_of(&names, SHOWN)
            ));
        }
        notes
    }
}

/// What it is for each student, where there is something to add: ` (user1: …; user2: … and 3 more)`.
fn details(all: &[&NotFilled]) -> String {
    let mut said: Vec<String> = Vec::new();
    for left in all.iter().filter(|left| !left.detail.is_empty()) {
        let text = match all.len() {
            1 => left.detail.clone(),
            _ => format!("{}: {}", left.username, left.detail),
        };
        said.push(text);
    }
    match said.len() {
        0 => String::new(),
        n if n > SHOWN => format!(" ({} and {} more)", said[..SHOWN].join("; "), n - SHOWN),
        _ => format!(" ({})", said.join("; ")),
    }
}
