//! What a student changed against what the lab has: readable, and never more than a page.

use serde::{Deserialize, Serialize};
use similar::ChangeTag;

use crate::text::shortened;

/// Unchanged lines that stay around a change.
const CONTEXT: usize = 3;
/// Lines of a difference at most. A page that shows a class has no room for more.
const LINES_MAX: usize = 300;
const LINE_MAX: usize = 400;
/// Most pairs of lines that are compared; above, the whole stretch counts as replaced.
const PAIRS_MAX: usize = 4_000_000;

/// Follows a summary when the lab itself has changed since the deployment, so that the difference shows both changes.
pub(crate) const LAB_CHANGED: &str =
    "; compared with the lab as it is now, which has changed since the deployment";

/// What a student changed of one resource against what was deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The resource, with its kind (`state machine user1-simple-workflow`).
    pub resource: String,
    pub summary: String,
    /// The change line by line, where it is text; unchanged stretches are shortened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diff: Vec<DiffLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", content = "text", rename_all = "kebab-case")]
pub enum DiffLine {
    /// In both.
    Same(String),
    /// Only in what is there now.
    Added(String),
    /// Only in what was deployed.
    Removed(String),
    /// This many unchanged lines are left out here.
    LeftOut(usize),
}

/// One part of a resource that is there and differs from the lab's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The setting, the statement of a policy, the variable.
    pub what: String,
    /// As it is there; `None`: it is not.
    pub old: Option<String>,
    /// As the lab has it; `None`: the lab has none.
    pub new: Option<String>,
}

impl Difference {
    pub(crate) fn new(what: impl Into<String>, old: Option<String>, new: Option<String>) -> Self {
        let what = what.into();
        Self { what, old, new }
    }
}

/// How a resource that is there differs from the lab's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differing {
    pub parts: Vec<Difference>,
    /// Whole things that a deployment takes away, because the lab does not have them.
    pub removed: Vec<String>,
    /// Texts that differ, line by line.
    pub diff: Vec<DiffLine>,
}

impl Differing {
    /// Adds a part where it differs.
    pub(crate) fn compare(&mut self, what: &str, old: impl ToString, new: impl ToString) {
        let (old, new) = (old.to_string(), new.to_string());
        if old != new {
            self.parts.push(Difference::new(what, Some(old), Some(new)));
        }
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.parts.extend(more.parts);
        self.removed.extend(more.removed);
        self.diff.extend(more.diff);
    }
}

#[derive(Debug, Default)]
pub(crate) struct SettingsDiff {
    pub(crate) names: Vec<String>,
    pub diff: Vec<DiffLine>,
}

impl SettingsDiff {
    pub(crate) fn compare(&mut self, name: &str, old: &str, new: &str) {
        if old != new {
            self.names.push(name.to_owned());
            self.diff.push(DiffLine::Removed(format!("{name}: {old}")));
            self.diff.push(DiffLine::Added(format!("{name}: {new}")));
        }
    }
}

pub(crate) fn counts(diff: &[DiffLine]) -> (usize, usize) {
    let added = diff.iter().filter(|l| matches!(l, DiffLine::Added(_)));
    let removed = diff.iter().filter(|l| matches!(l, DiffLine::Removed(_)));
    (added.count(), removed.count())
}

pub(crate) fn lines(before: &str, after: &str) -> Vec<DiffLine> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(&new).take_while(same).count();
    let rest = old[head..].iter().rev().zip(new[head..].iter().rev());
    let tail = rest.take_while(same).count();
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let same = |lines: &[&str]| owned(lines, DiffLine::Same);
    let middle = middle(&old[head..old_end], &new[head..new_end]);
    [same(&old[..head]), middle, same(&old[old_end..])].concat()
}

fn middle(old: &[&str], new: &[&str]) -> Vec<DiffLine> {
    if old.len().saturating_mul(new.len()) > PAIRS_MAX {
        return [owned(old, DiffLine::Removed), owned(new, DiffLine::Added)].concat();
    }
    similar::capture_diff_slices(similar::Algorithm::Myers, old, new)
        .iter()
        .flat_map(|op| op.iter_slices(old, new))
        .flat_map(|(tag, lines)| match tag {
            ChangeTag::Equal => owned(lines, DiffLine::Same),
            ChangeTag::Delete => owned(lines, DiffLine::Removed),
            ChangeTag::Insert => owned(lines, DiffLine::Added),
        })
        .collect()
}

fn owned(lines: &[&str], line: fn(String) -> DiffLine) -> Vec<DiffLine> {
    lines.iter().map(|text| line((*text).to_owned())).collect()
}

/// The same with long unchanged stretches left out, long lines cut, and a last line that says so when it is
/// longer than a page.
pub(crate) fn abridged(diff: Vec<DiffLine>) -> Vec<DiffLine> {
    let mut near_a_change = vec![false; diff.len()];
    for (index, line) in diff.iter().enumerate() {
        if !matches!(line, DiffLine::Same(_)) {
            let end = (index + CONTEXT + 1).min(diff.len());
            near_a_change[index.saturating_sub(CONTEXT)..end].fill(true);
        }
    }
    let mut short: Vec<DiffLine> = Vec::new();
    for (line, near) in diff.into_iter().zip(near_a_change) {
        if !near {
            match short.last_mut() {
                Some(DiffLine::LeftOut(lines)) => *lines += 1,
                _ => short.push(DiffLine::LeftOut(1)),
            }
            continue;
        }
        if short.len() >= LINES_MAX {
            let more = "… the difference goes on; the console shows all of it";
            short.push(DiffLine::Same(more.to_owned()));
            return short;
        }
        short.push(match line {
            DiffLine::Same(text) => DiffLine::Same(shortened(&text, LINE_MAX)),
            DiffLine::Added(text) => DiffLine::Added(shortened(&text, LINE_MAX)),
            DiffLine::Removed(text) => DiffLine::Removed(shortened(&text, LINE_MAX)),
            DiffLine::LeftOut(lines) => DiffLine::LeftOut(lines),
        });
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_huge_definition_stays_a_page_and_takes_no_time() {
        let many = |step: usize| {
            let lines: Vec<String> = (0..60_000).map(|i| format!("line {}", i * step)).collect();
            lines.join("\n")
        };
        let diff = abridged(lines(&many(1), &many(3)));
        assert!(diff.len() <= LINES_MAX + 2);
        let long = abridged(lines("a", &"é".repeat(100_000)));
        assert!(long.iter().all(|line| match line {
            DiffLine::Added(text) => text.chars().count() <= LINE_MAX + 1,
            _ => true,
        }));
    }

    #[test]
    fn a_difference_turns_one_text_into_the_other() {
        for (before, after) in [
            ("", ""),
            ("a\nb\nc", "a\nc"),
            ("a\nb", "b\na"),
            ("x\nx\ny", "y\nx\nx"),
            ("a", ""),
            ("", "a\nb"),
        ] {
            let diff = lines(before, after);
            let side = |new: bool| -> Vec<&str> {
                diff.iter()
                    .filter_map(|line| match line {
                        DiffLine::Same(text) => Some(text.as_str()),
                        DiffLine::Added(text) if new => Some(text.as_str()),
                        DiffLine::Removed(text) if !new => Some(text.as_str()),
                        _ => None,
                    })
                    .collect()
            };
            assert_eq!(side(false), before.lines().collect::<Vec<_>>());
            assert_eq!(side(true), after.lines().collect::<Vec<_>>());
        }
    }
}
