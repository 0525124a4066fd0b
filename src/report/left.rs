//! Notes about students who left the class.

use crate::roster::renamed::RecognisedBy;
use crate::stack::leavers::LeftStudent;

use crate::text::words::{plural, some_of};

/// More students than this share one line.
const NAMED: usize = 20;

/// A line for each student who left the roster, and what to do about those who may only have a new username.
pub(crate) fn lines(left: &[LeftStudent]) -> Vec<String> {
    let (named, more) = left.split_at(left.len().min(NAMED));
    let mut lines: Vec<String> = named.iter().map(line).collect();
    let more: Vec<&str> = more.iter().map(|l| l.username.as_str()).collect();
    if !more.is_empty() {
        lines.push(format!(
            "{} more are in the class and no longer in the roster: {}",
            more.len(),
            some_of(&more, NAMED)
        ));
    }
    // Only who has a stack can lose work by a new username.
    let renamed = left.iter().filter(|l| {
        use RecognisedBy::{Email, Name, Username};
        !l.iam_only && matches!(l.same, Some(Email | Name | Username))
    });
    let names: Vec<&str> = renamed.map(|l| l.username.as_str()).collect();
    if let Some(example) = names.first() {
        lines.push(format!(
            "if a student has a new username, there are two ways. Write the old username into the roster again ({}): \
             everything stays as it is. Or keep the new one: `deploy` makes a new stack, and the work in the old stack \
             stays there and does not count. When nobody needs the old stack any more, `teardown --students {example}` \
             lists it and asks",
            some_of(&names, NAMED)
        ));
    }
    lines
}

fn line(left: &LeftStudent) -> String {
    let resources = match left.iam_only {
        true => plural(left.resources, "IAM resource"),
        false => plural(left.resources, "resource"),
    };
    let username = &left.username;
    let said = format!("{username} is in the class and no longer in the roster: {resources}");
    let now = left.likely_renamed_to.as_ref();
    let now = now.or(left.perhaps_renamed_to.as_ref());
    let Some((now, same)) = now.zip(left.same) else {
        return said;
    };
    match same {
        RecognisedBy::Spelling => format!(
            "{said}. '{now}' in the roster is the same student in another spelling: write '{username}'"
        ),
        RecognisedBy::Email => format!("{said}; most likely {now} now (the same e-mail address)"),
        RecognisedBy::Name => format!("{said}; perhaps {now} now (the same name)"),
        RecognisedBy::Username => format!("{said}; perhaps {now} now (a similar username)"),
    }
}

/// The note on a page for a projector. It says nothing that tells who they are.
pub(crate) fn anonymous(left: usize) -> Option<String> {
    match left {
        0 => None,
        1 => Some("1 student is in the class and no longer in the roster".to_owned()),
        n => Some(format!(
            "{n} students are in the class and no longer in the roster"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(username: &str, to: Option<(&str, RecognisedBy)>) -> LeftStudent {
        let name = |strong: bool| {
            to.filter(|(_, same)| same.is_strong() == strong)
                .map(|(name, _)| name.parse().unwrap())
        };
        LeftStudent {
            username: username.parse().unwrap(),
            place: None,
            resources: 11,
            iam_only: false,
            likely_renamed_to: name(true),
            perhaps_renamed_to: name(false),
            same: to.map(|(_, same)| same),
        }
    }

    #[test]
    fn each_has_a_line_and_a_rename_has_both_ways_on() {
        insta::assert_snapshot!(lines(&[left("ana", None)]).join("\n"), @"ana is in the class and no longer in the roster: 11 resources");
        let all = [
            left("ana", Some(("Ana", RecognisedBy::Spelling))),
            left("ben", Some(("benito", RecognisedBy::Email))),
            left("cora", Some(("kora", RecognisedBy::Username))),
        ];
        insta::assert_snapshot!(lines(&all).join("\n"));
        let alone = lines(&all[..1]);
        assert_eq!(alone.len(), 1, "another spelling has one way on: {alone:?}");
    }

    #[test]
    fn a_whole_roster_that_changed_is_not_a_line_each() {
        let all: Vec<LeftStudent> = (1..=60).map(|n| left(&format!("user{n}"), None)).collect();
        let lines = lines(&all);
        assert_eq!(lines.len(), NAMED + 1);
        assert!(lines[NAMED].starts_with("40 more are"), "{}", lines[NAMED]);
    }

    #[test]
    fn a_projector_shows_how_many_left_and_nobodys_name() {
        assert_eq!(anonymous(0), None);
        assert!(anonymous(2).unwrap().starts_with("2 students are"));
    }
}
