//! Where in a command a value may stand. The report makes a quoted word of every value, so one must stand where a
//! word does: outside quotes and comments, with white space or a `=` before it and white space behind.

use crate::report::handout::content::Piece;

/// A shell, as far as its quotes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell {
    Bash,
    PowerShell,
}

impl Shell {
    fn escape(self) -> char {
        match self {
            Self::Bash => '\\',
            Self::PowerShell => '`',
        }
    }
}

/// Takes a command apart; answers with every problem that it has, too.
pub(super) fn pieces(source: &str, shell: Shell) -> (Vec<Piece>, Vec<String>) {
    let mut pieces = Vec::new();
    let mut problems = Vec::new();
    let mut place = Place::Between;
    let mut rest = source;
    for mark in ["{%", "{#"] {
        if source.contains(mark) {
            problems.push(format!(
                "{mark} is not supported in commands; write two blocks, or name a value with {{{{ }}}}"
            ));
        }
    }
    if shell == Shell::Bash && source.contains("<<") {
        problems.push("<< is not supported in commands; put the text between single quotes".into());
    }
    if shell == Shell::PowerShell && (source.contains("@'") || source.contains("@\"")) {
        problems.push(
            "here-strings are not supported in commands; put the text between single quotes".into(),
        );
    }
    while let Some(begin) = rest.find("{{") {
        let (fixed, from) = rest.split_at(begin);
        let Some(length) = from.find("}}").map(|at| at + 2) else {
            problems.push("{{ has no }}".into());
            break;
        };
        let (value, after) = from.split_at(length);
        place = place.after(fixed, shell);
        let before = fixed.chars().next_back();
        let next = after.chars().next();
        let begins = match before {
            None => pieces.is_empty(),
            Some(c) => c.is_whitespace() || c == '=',
        };
        let ends = next.is_none_or(|c| c.is_whitespace() || matches!(c, ')' | ';'));
        if !matches!(place, Place::Word | Place::Between) || !begins || !ends {
            problems.push(format!(
                "{value} must stand as a word of its own, outside quotes and comments: it is quoted when it is filled in"
            ));
        }
        if !fixed.is_empty() {
            pieces.push(Piece::Fixed(fixed.to_owned()));
        }
        pieces.push(Piece::Value(value.to_owned()));
        place = Place::Word;
        rest = after;
    }
    place = place.after(rest, shell);
    if matches!(place, Place::Single | Place::Double) {
        problems.push("a quote has no end".into());
    }
    let rest = rest.trim_end();
    if !rest.is_empty() {
        pieces.push(Piece::Fixed(rest.to_owned()));
    }
    (pieces, problems)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between words, where a comment may begin.
    Between,
    Word,
    Escaped,
    Single,
    Double,
    EscapedInDouble,
    Comment,
}

impl Place {
    fn after(self, text: &str, shell: Shell) -> Self {
        text.chars().fold(self, |place, c| match place {
            Self::Comment if c == '\n' => Self::Between,
            Self::Comment => Self::Comment,
            Self::Escaped => Self::Word,
            Self::EscapedInDouble => Self::Double,
            Self::Single if c == '\'' => Self::Word,
            Self::Single => Self::Single,
            Self::Double if c == '"' => Self::Word,
            Self::Double if c == shell.escape() => Self::EscapedInDouble,
            Self::Double => Self::Double,
            Self::Between if c == '#' => Self::Comment,
            Self::Between | Self::Word => match c {
                '\'' => Self::Single,
                '"' => Self::Double,
                c if c == shell.escape() => Self::Escaped,
                c if c.is_whitespace() => Self::Between,
                _ => Self::Word,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(source: &str, shell: Shell) -> Vec<String> {
        pieces(source, shell).1
    }

    #[test]
    fn a_value_stands_as_a_word_or_is_refused() {
        for shell in [Shell::Bash, Shell::PowerShell] {
            for good in [
                "aws x --name {{ username }} --last",
                "{{ username }}",
                "aws --name={{ username }}",
                "# don't worry\naws {{ username }}",
                "echo 'a b' {{ username }}",
            ] {
                assert_eq!(problems(good, shell), Vec::<String>::new(), "{good}");
            }
            for bad in [
                "echo '{{ username }}'",
                "echo \"{{ username }}\"",
                "echo a{{ username }}",
                "echo {{ username }}b",
                "echo {{ username }}{{ class }}",
                "# of {{ username }}",
                "echo 'x",
                "echo {{ x",
                "{% if x %}a{% endif %}",
            ] {
                assert_ne!(problems(bad, shell), Vec::<String>::new(), "{bad}");
            }
        }
        assert_ne!(problems("cat <<X\nX", Shell::Bash), Vec::<String>::new());
        assert_ne!(
            problems("$x = @'\n'@", Shell::PowerShell),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_shells_own_escape_is_known() {
        assert_eq!(
            problems(r#"echo "\"" {{ x }}"#, Shell::Bash),
            Vec::<String>::new()
        );
        assert_ne!(
            problems(r"echo \{{ x }}", Shell::Bash),
            Vec::<String>::new()
        );
        assert_eq!(
            problems("a `\n  {{ x }}", Shell::PowerShell),
            Vec::<String>::new()
        );
        assert_eq!(
            problems("a \\\n  {{ x }}", Shell::Bash),
            Vec::<String>::new()
        );
    }
}
