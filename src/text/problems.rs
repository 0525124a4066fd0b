//! What is wrong with a table. Each kind of mistake is one message with all its lines, however often it was made:
//! sixty equal mistakes have one cause and one fix, and ten thousand lines of messages help nobody.

use std::collections::HashMap;

use super::failure::Failure;

/// At most this many messages, whatever the file.
pub(crate) const MOST: usize = 20;
/// Line numbers that one message names.
const LINES: usize = 6;
/// Values that one message shows.
const EXAMPLES: usize = 2;

/// Something wrong with a table, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The physical line, from 1.
    pub(crate) line: usize,
    /// Number from 1, and the header's name for it where it has one (printable already).
    pub(crate) column: Option<(usize, Option<String>)>,
    pub(crate) cause: String,
    pub(crate) hint: String,
    /// How to word several such problems as one; `None`: each has its own message.
    pub(crate) like: Option<Like>,
}

/// The words for several equal mistakes together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Like {
    /// Finishes the sentence "12 …" (`usernames have '.' in them`). Mistakes with the same words here become one
    /// message: in one column, or anywhere in the file if `alone` is not 0.
    pub(crate) many: String,
    /// The value, as a message shows it; empty where there is none to show.
    pub(crate) example: String,
    /// What to do about all of them.
    pub(crate) hint: String,
    /// What to write in place of this one, where there is a proposal.
    pub(crate) instead: Option<String>,
    /// So many get their own message before the rest become one: for mistakes that can only be mended one by one.
    pub(crate) alone: usize,
}

impl Problem {
    /// A problem of a whole line.
    pub(crate) fn at_line(line: usize, cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            line,
            column: None,
            cause: cause.into(),
            hint: hint.into(),
            like: None,
        }
    }

    pub(crate) fn in_column(self, column: Option<(usize, Option<String>)>) -> Self {
        Self { column, ..self }
    }

    pub(crate) fn like(self, like: Like) -> Self {
        Self {
            like: Some(like),
            ..self
        }
    }

    /// Sets [`Like::many`], with the hint of this problem.
    pub(crate) fn many(self, many: impl Into<String>) -> Self {
        let like = Like {
            many: many.into(),
            hint: self.hint.clone(),
            ..Like::default()
        };
        self.like(like)
    }

    fn changed(mut self, change: impl FnOnce(&mut Like)) -> Self {
        self.like.as_mut().map(change);
        self
    }

    pub(crate) fn example(self, example: impl Into<String>) -> Self {
        self.changed(|like| like.example = example.into())
    }

    pub(crate) fn hint_for_many(self, hint: impl Into<String>) -> Self {
        self.changed(|like| like.hint = hint.into())
    }

    pub(crate) fn instead(self, instead: Option<String>) -> Self {
        self.changed(|like| like.instead = instead)
    }

    pub(crate) fn alone(self, alone: usize) -> Self {
        self.changed(|like| like.alone = alone)
    }

    fn column_number(&self) -> Option<usize> {
        self.column.as_ref().map(|(number, _)| *number)
    }
}

/// `line 4`; `lines 2, 3 and 7`; `lines 2, 3, 4, 5, 6, 7 and 54 more`.
pub(crate) fn said_lines(lines: &[usize]) -> String {
    let numbers: Vec<String> = lines.iter().take(LINES).map(usize::to_string).collect();
    match (numbers.as_slice(), lines.len().saturating_sub(LINES)) {
        ([], _) => "line 1".to_owned(),
        ([one], _) => format!("line {one}"),
        ([first @ .., last], 0) => format!("lines {} and {last}", first.join(", ")),
        (all, more) => format!("lines {} and {more} more", all.join(", ")),
    }
}

/// The messages for a person, in the file's order: each kind of mistake in a column once, at most [`MOST`] messages
/// and one that counts the rest. `file` is what the messages call the file.
pub(crate) fn messages(file: &str, mut problems: Vec<Problem>) -> Vec<Failure> {
    problems.sort_by_key(|p| (p.line, p.column_number()));
    let mut groups: Vec<Vec<Problem>> = Vec::new();
    // By kind of mistake: how many have their own message, and the place of the group for the rest.
    let mut kinds: HashMap<(Option<usize>, String), (usize, Option<usize>)> = HashMap::new();
    for problem in problems {
        if let Some(like) = &problem.like {
            let column = problem.column_number().filter(|_| like.alone == 0);
            let (alone, group) = kinds.entry((column, like.many.clone())).or_default();
            if *alone < like.alone {
                *alone += 1;
            } else if let Some(group) = *group {
                groups[group].push(problem);
                continue;
            } else {
                *group = Some(groups.len());
            }
        }
        groups.push(vec![problem]);
    }
    let rest = groups.split_off(groups.len().min(MOST));
    let mut said: Vec<Failure> = groups.iter().map(|group| message(file, group)).collect();
    if let Some(first) = rest.iter().flatten().next() {
        let more = rest.iter().flatten().count();
        let subject = format!("{file}, line {} and below", first.line);
        let cause = format!("{more} more mistakes of other kinds");
        let hint = "mend those above first, then run the same command again";
        said.push(Failure::new(subject, cause).hint(hint));
    }
    said
}

/// One message for one or more equal mistakes.
fn message(file: &str, group: &[Problem]) -> Failure {
    let first = &group[0];
    let mut lines: Vec<usize> = group.iter().map(|p| p.line).collect();
    lines.dedup();
    let column = match &first.column {
        Some(_) if group.iter().any(|other| other.column != first.column) => String::new(),
        Some((number, Some(name))) => format!(", column {number} ({name})"),
        Some((number, None)) => format!(", column {number}"),
        None => String::new(),
    };
    let subject = format!("{file}, {}{column}", said_lines(&lines));
    let (Some(like), true) = (&first.like, group.len() > 1) else {
        return Failure::new(subject, &first.cause).hint(&first.hint);
    };
    let all = || group.iter().filter_map(|p| p.like.as_ref());
    let mut examples: Vec<&str> = Vec::new();
    for example in all().map(|like| like.example.as_str()) {
        if examples.len() < EXAMPLES && !example.is_empty() && !examples.contains(&example) {
            examples.push(example);
        }
    }
    let mut cause = format!("{} {}", group.len(), like.many);
    if !examples.is_empty() {
        cause.push_str(&format!(", for instance {}", examples.join(" and ")));
    }
    let instead: Vec<&str> = all()
        .filter_map(|like| like.instead.as_deref())
        .take(EXAMPLES)
        .collect();
    let mut hint = like.hint.clone();
    if !instead.is_empty() {
        hint.push_str(&format!("; for instance {}", instead.join(", ")));
    }
    Failure::new(subject, cause).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dotted(line: usize) -> Problem {
        Problem::at_line(line, format!("'a{line}.b' has '.'"), "change it")
            .in_column(Some((1, Some("username".to_owned()))))
            .many("usernames have '.'")
            .example(format!("'a{line}.b'"))
            .hint_for_many("change them")
            .instead(Some(format!("a{line}-b")))
    }

    #[test]
    fn sixty_equal_mistakes_are_one_message_with_two_examples_and_a_proposal() {
        let said = messages("c.csv", (2..62).map(dotted).collect());
        assert_eq!(said.len(), 1);
        assert_eq!(
            said[0].subject,
            "c.csv, lines 2, 3, 4, 5, 6, 7 and 54 more, column 1 (username)"
        );
        assert_eq!(
            said[0].cause,
            "60 usernames have '.', for instance 'a2.b' and 'a3.b'"
        );
        assert_eq!(
            said[0].hint.as_deref(),
            Some("change them; for instance a2-b, a3-b")
        );
    }

    #[test]
    fn a_single_mistake_is_said_in_its_own_words() {
        let said = messages("c.csv", vec![dotted(4)]);
        assert_eq!(said[0].cause, "'a4.b' has '.'");
        assert_eq!(said[0].subject, "c.csv, line 4, column 1 (username)");
    }

    #[test]
    fn what_is_mended_one_by_one_is_said_one_by_one_up_to_a_bound() {
        let mut problems: Vec<Problem> = (2..62).map(dotted).collect();
        for problem in &mut problems {
            problem.like.as_mut().unwrap().alone = 3;
        }
        let said = messages("c.csv", problems);
        assert_eq!(said.len(), 4);
        assert!(said[3].cause.starts_with("57 usernames"), "{:?}", said[3]);
    }

    #[test]
    fn however_many_kinds_there_are_the_messages_stay_few() {
        let odd = |line| Problem::at_line(line, format!("mistake {line}"), "mend it");
        let said = messages("c.csv", (1..10_000).map(odd).collect());
        assert_eq!(said.len(), MOST + 1);
        assert_eq!(said[MOST].subject, "c.csv, line 21 and below");
        assert!(said[MOST].cause.starts_with("9979 more"));
    }
}
