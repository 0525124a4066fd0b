//! What `doctor` found: a line for each thing that was looked at, with the fix beneath where there is one.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::marks::Tone;
use super::style::Paint;
use crate::ids::PlaceName;
use crate::text::failure::Failure;
use crate::text::show::{clean, pad, width, wrap};
use crate::text::words::{plural, word_enum};

/// Fewer columns than this break lines too often to be read.
const COLUMNS_MIN: usize = 40;

word_enum! {
    /// Whether something is as it should be.
    Standing {
        /// As it should be.
        Ok = "ok",
        /// In the way.
        Problem = "problem",
        /// It could not be told: never taken for good.
        Unknown = "unknown",
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// At which of the class's places, where it has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceName>,
    /// What was looked at, in a word or two.
    pub about: &'static str,
    /// How it is.
    pub standing: Standing,
    /// What was seen.
    pub said: String,
    /// What to do, where something is not as it should be or not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Finding {
    pub(crate) fn ok(about: &'static str, said: impl Into<String>) -> Self {
        Self {
            place: None,
            about,
            standing: Standing::Ok,
            said: said.into(),
            fix: None,
        }
    }

    pub(crate) fn problem(
        about: &'static str,
        said: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            standing: Standing::Problem,
            fix: Some(fix.into()),
            ..Self::ok(about, said)
        }
    }

    pub(crate) fn unknown(
        about: &'static str,
        said: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            standing: Standing::Unknown,
            ..Self::problem(about, said, fix)
        }
    }

    /// A problem for each failure.
    pub(crate) fn failed(about: &'static str, failures: Vec<Failure>) -> Vec<Self> {
        let finding = |failure: Failure| Self {
            standing: Standing::Problem,
            fix: failure.hint.clone(),
            ..Self::ok(about, failure.to_string())
        };
        failures.into_iter().map(finding).collect()
    }
}

/// How many findings have a standing.
pub(crate) fn count(findings: &[Finding], standing: Standing) -> usize {
    let those = findings.iter().filter(|f| f.standing == standing);
    those.count()
}

/// Whether the terminal behind stdout shows more than ASCII, by the variables of its locale. A file always may.
pub(crate) fn stdout_shows_unicode() -> bool {
    let variables = ["LC_ALL", "LC_CTYPE", "LANG"].map(|name| std::env::var(name).ok());
    !io::stdout().is_terminal() || is_utf8(&variables)
}

/// The first variable that is set decides. Source: POSIX, "Environment Variables", 8.2.
fn is_utf8(variables: &[Option<String>]) -> bool {
    let mut set = variables.iter().flatten().filter(|text| !text.is_empty());
    let locale = set.next().map(|text| text.to_lowercase().replace('-', ""));
    locale.is_some_and(|locale| locale.contains("utf8"))
}

/// How findings are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    pub(crate) color: bool,
    /// Whether the terminal shows more than ASCII.
    pub(crate) unicode: bool,
    pub(crate) columns: usize,
}

/// Prints the findings for a person, and a last line that counts them.
///
/// # Errors
/// When `out` cannot be written.
pub(crate) fn print(findings: &[Finding], shown: Shown, out: &mut dyn Write) -> io::Result<()> {
    let paint = Paint { color: shown.color };
    let abouts = findings.iter().map(|finding| width(finding.about));
    let column = abouts.max().unwrap_or_default();
    let indent = " ".repeat(column + 4);
    let room = shown.columns.max(COLUMNS_MIN).saturating_sub(column + 4);
    let mut place = None;
    for finding in findings {
        if finding.place != place {
            place.clone_from(&finding.place);
            let title = place
                .as_ref()
                .map_or("this machine".to_owned(), |it| format!("place {it}"));
            writeln!(out, "{title}:")?;
        }
        let (symbol, tone) = match finding.standing {
            Standing::Ok if shown.unicode => ("✓", Tone::Good),
            Standing::Ok => ("+", Tone::Good),
            Standing::Problem => ("!", Tone::Bad),
            Standing::Unknown => ("?", Tone::Unsure),
        };
        let symbol = paint.tone(tone, symbol);
        let about = pad(finding.about, column);
        let mut lines = wrap(&finding.said, room).into_iter();
        let first = lines.next().unwrap_or_default();
        writeln!(out, "{symbol} {about}  {first}")?;
        for line in lines {
            writeln!(out, "{indent}{line}")?;
        }
        let fix = finding.fix.as_deref().unwrap_or_default();
        // `fix: ` takes five columns of its lines.
        for (n, line) in wrap(fix, room.saturating_sub(5)).iter().enumerate() {
            let head = match n {
                0 => paint.tone(Tone::Busy, "fix:"),
                _ => "    ".to_owned(),
            };
            writeln!(out, "{indent}{head} {line}")?;
        }
    }
    writeln!(out, "{}", clean(&verdict(findings)))
}

/// The last line.
fn verdict(findings: &[Finding]) -> String {
    let unknown = count(findings, Standing::Unknown);
    let unknown = match unknown {
        0 => String::new(),
        n => format!("; {} could not be told", plural(n, "thing")),
    };
    match count(findings, Standing::Problem) {
        0 => format!("Nothing that was found is in the way{unknown}."),
        1 => format!("1 thing is in the way{unknown}."),
        n => format!("{} are in the way{unknown}.", plural(n, "thing")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(findings: &[Finding], unicode: bool, columns: usize) -> String {
        let mut out = Vec::new();
        let shown = Shown {
            color: false,
            unicode,
            columns,
        };
        print(findings, shown, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn three() -> [Finding; 3] {
        [
            Finding::ok("identity", "IAM user teacher in account 123456789012"),
            Finding::problem(
                "clock",
                "this machine is 7 min ahead of AWS, and AWS refuses requests that are 5 min off",
                "set the clock: sudo timedatectl set-ntp true",
            ),
            Finding::unknown("deploy", "\u{1b}[2J", "ask"),
        ]
    }

    #[test]
    fn each_finding_is_a_line_with_its_fix_beneath() {
        insta::assert_snapshot!(printed(&three(), true, 80), @r"
        ✓ identity  IAM user teacher in account 123456789012
        ! clock     this machine is 7 min ahead of AWS, and AWS refuses requests that
                    are 5 min off
                    fix: set the clock: sudo timedatectl set-ntp true
        ? deploy    �[2J
                    fix: ask
        1 thing is in the way; 1 thing could not be told.
        ");
    }

    #[test]
    fn a_terminal_without_unicode_gets_ascii_alone() {
        let [identity, clock, _] = three();
        let printed = printed(&[identity, clock], false, 80);
        assert!(printed.is_ascii(), "{printed}");
        assert!(printed.starts_with("+ identity"));
    }

    #[test]
    fn the_first_variable_of_the_locale_that_is_set_decides() {
        let shows = |variables: [&str; 3]| is_utf8(&variables.map(|text| Some(text.to_owned())));
        assert!(shows(["", "", "en_US.UTF-8"]));
        assert!(shows(["C.utf8", "C", "C"]));
        assert!(!shows(["C", "", "en_US.UTF-8"]));
        assert!(!shows(["", "", "en_US.ISO-8859-1"]));
        assert!(!is_utf8(&[None, None, None]));
    }

    #[test]
    fn what_is_unknown_is_never_counted_as_well() {
        let unknown = [Finding::unknown("clock", "x", "y")];
        assert_eq!(count(&unknown, Standing::Ok), 0);
        assert!(printed(&unknown, true, 80).ends_with("1 thing could not be told.\n"));
        assert!(
            printed(&[], true, 80).ends_with("in the way.\n"),
            "nothing is said of unknowns where there are none"
        );
    }
}
