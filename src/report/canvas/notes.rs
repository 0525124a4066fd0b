//! Notes about an export that was filled in: one line for each kind, however many rows it is about.

use std::path::Path;

use crate::ids::Username;
use crate::text::show::clean;
use crate::text::words::{plural, some_of};

use super::fill::{Filled, Lower, NotFilled};

/// Usernames in one line at most.
const NAMED: usize = 30;
/// Rows and values in one line at most.
const SHOWN: usize = 3;

impl Filled {
    /// `path`: where the file was written.
    pub(crate) fn notes(&self, path: &Path) -> Vec<String> {
        let names: Vec<&str> = self.by_name.iter().map(Username::as_str).collect();
        let more = match (self.filled.is_empty(), names.len()) {
            (true, _) => {
                ": importing it changes nothing. If you expected grades, check that the export is from the course of this class"
                    .to_owned()
            }
            (false, 0) => String::new(),
            (false, n) => format!(
                ", {n} by name alone: {}; check that each is the right student, then import",
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
        notes.extend(self.late.as_ref().map(|late| format!("Canvas: {late}")));
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
                "Canvas: lowers {}: {}{done}",
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
            let rows = plural(names.len(), "row");
            let names = some_of(&names, SHOWN);
            notes.push(format!("Canvas: {rows} of nobody in this class: {names}"));
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
