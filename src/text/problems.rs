//! What is wrong with a table: each kind of mistake said once, with where it stands, however often it was made.
//!
//! Sixty equal mistakes have one cause and one fix, and ten thousand lines of messages help nobody.

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
    /// What is wrong.
    pub(crate) cause: String,
    /// What to do about it.
    pub(crate) hint: String,
    /// How it is said with others like it; `None` for what is said by itself.
    pub(crate) like: Option<Like>,
}

/// How a mistake is said with others like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Like {
    /// Finishes the sentence "12 …" (`usernames have '.' in them`). Mistakes that have the same words here are one
    /// message: in one column, or anywhere if some of them are said alone.
    pub(crate) many: String,
    /// The value, as a message shows it; empty where there is none to show.
    pub(crate) example: String,
    /// What to do about all of them.
    pub(crate) hint: String,
    /// What to write in place of this one, where something can be proposed.
    pub(crate) instead: Option<String>,
    /// So many are said by themselves before the rest become one message: for mistakes that can only be mended
    /// one by one.
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

    pub(crate) fn in_column(mut self, column: Option<(usize, Option<String>)>) -> Self {
        self.column = column;
        self
    }

    /// Said with others like it, as "12 …", with the same hint.
    pub(crate) fn many(self, many: impl Into<String>) -> Self {
        let like = Like {
            many: many.into(),
            example: String::new(),
            hint: self.hint.clone(),
            instead: None,
            alone: 0,
        };
        self.like(like)
    }

    fn changed(mut self, change: impl FnOnce(&mut Like)) -> Self {
        if let Some(like) = &mut self.like {
            change(like);
        }
        self
    }

    /// With a value that the message for many shows.
    pub(crate) fn example(self, example: impl Into<String>) -> Self {
        self.changed(|like| like.example = example.into())
    }

    /// With another hint for many.
    pub(crate) fn hint_for_many(self, hint: impl Into<String>) -> Self {
        self.changed(|like| like.hint = hint.into())
    }

    /// With what to write in its place.
    pub(crate) fn instead(self, instead: Option<String>) -> Self {
        self.changed(|like| like.instead = instead)
    }

    /// Said by itself, up to so many.
    pub(crate) fn alone(self, alone: usize) -> Self {
        self.changed(|like| like.alone = alone)
    }

    /// With how it is said together with others.
    pub(crate) fn like(mut self, like: Like) -> Self {
        self.like = Some(like);
        self
    }

    fn subject(&self, file: &str, lines: &[usize]) -> String {
        let column = match &self.column {
            None => String::new(),
            Some((number, None)) => format!(", column {number}"),
            Some((number, Some(name))) => format!(", column {number} ({name})"),
        };
        format!("{file}, {}{column}", said_lines(lines))
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

/// A message: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// File, lines and column.
    pub(crate) subject: String,
    /// What is wrong.
    pub(crate) cause: String,
    /// What to do about it.
    pub(crate) hint: String,
}

/// What a person is told: in the file's order, each kind of mistake of a column once, at most [`MOST`] messages and one
/// that counts the rest. `file` is what the messages call the file.
pub(crate) fn messages(file: &str, mut problems: Vec<Problem>) -> Vec<Message> {
    problems.sort_by_key(|p| (p.line, p.column.as_ref().map(|c| c.0)));
    let mut groups: Vec<Vec<Problem>> = Vec::new();
    let mut places: std::collections::HashMap<(Option<usize>, String), (usize, usize)> =
        std::collections::HashMap::new();
    for problem in problems {
        let Some(like) = &problem.like else {
            groups.push(vec![problem]);
            continue;
        };
        let column = problem.column.as_ref().map(|c| c.0);
        let key = (column.filter(|_| like.alone == 0), like.many.clone());
        let (alone, group) = places.entry(key).or_insert((0, usize::MAX));
        if *alone < like.alone {
            *alone += 1;
            groups.push(vec![problem]);
        } else if *group == usize::MAX {
            *group = groups.len();
            groups.push(vec![problem]);
        } else {
            groups[*group].push(problem);
        }
    }
    let rest = groups.split_off(groups.len().min(MOST));
    let mut said: Vec<Message> = groups.iter().map(|group| message(file, group)).collect();
    let more: usize = rest.iter().map(Vec::len).sum();
    if let Some(first) = rest.first().and_then(|group| group.first()) {
        said.push(Message {
            subject: format!("{file}, line {} and below", first.line),
            cause: format!("{more} more mistakes of other kinds"),
            hint: "mend those above first, then run the same command again".to_owned(),
        });
    }
    said
}

fn message(file: &str, group: &[Problem]) -> Message {
    let lines: Vec<usize> = {
        let mut lines: Vec<usize> = group.iter().map(|p| p.line).collect();
        lines.dedup();
        lines
    };
    let (problem, many) = match group {
        [] => {
            return Message {
                subject: file.to_owned(),
                cause: String::new(),
                hint: String::new(),
            };
        }
        [one] => (one, None),
        [first, ..] => (first, first.like.as_ref()),
    };
    let one_column = group.iter().all(|other| other.column == problem.column);
    let subject = match one_column {
        true => problem.subject(file, &lines),
        false => format!("{file}, {}", said_lines(&lines)),
    };
    let Some(like) = many else {
        return Message {
            subject,
            cause: problem.cause.clone(),
            hint: problem.hint.clone(),
        };
    };
    let all = || group.iter().filter_map(|p| p.like.as_ref());
    let mut examples: Vec<&str> = Vec::new();
    for example in all().map(|like| like.example.as_str()) {
        if examples.len() < EXAMPLES && !example.is_empty() && !examples.contains(&example) {
            examples.push(example);
        }
    }
    let examples = match examples.is_empty() {
        true => String::new(),
        false => format!(", for instance {}", examples.join(" and ")),
    };
    let instead: Vec<&str> = all()
        .filter_map(|like| like.instead.as_deref())
        .take(EXAMPLES)
        .collect();
    let instead = match instead.is_empty() {
        true => String::new(),
        false => format!("; for instance {}", instead.join(", ")),
    };
    Message {
        subject,
        cause: format!("{} {}{examples}", group.len(), like.many),
        hint: format!("{}{instead}", like.hint),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dotted(line: usize) -> Problem {
        Problem {
            line,
            column: Some((1, Some("username".to_owned()))),
            cause: format!("'a{line}.b' has '.'"),
            hint: "change it".to_owned(),
            like: None,
        }
        .like(Like {
            many: "usernames have '.'".to_owned(),
            example: format!("'a{line}.b'"),
            hint: "change them".to_owned(),
            instead: Some(format!("a{line}-b")),
            alone: 0,
        })
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
        assert_eq!(said[0].hint, "change them; for instance a2-b, a3-b");
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
