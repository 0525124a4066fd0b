//! `junit.xml`: the probes of `validate`, for CI systems. One suite a student, one case a probe.

use std::fmt::Write as _;

use jiff::ZonedDateTime;

use crate::evidence::check::{CheckResult, Evidence, Verdict};
use crate::ids::{ClassName, Username};
use crate::text::show::markup;

use super::document::rfc3339;

/// The file's text. A probe that failed is a failure, one that could not be made is an error, one that nothing can prove is
/// skipped.
pub fn document<'a>(
    class: &ClassName,
    taken_at: &ZonedDateTime,
    students: impl IntoIterator<Item = (&'a Username, &'a [CheckResult])>,
) -> String {
    let students: Vec<_> = students.into_iter().collect();
    let mut suites = String::new();
    for (student, checks) in &students {
        suites.push_str(&format!(
            "  <testsuite name=\"{student}\" {} timestamp=\"{}\">\n",
            counts(checks.iter()),
            rfc3339(taken_at)
        ));
        for check in *checks {
            case(&mut suites, class, student, check);
        }
        suites.push_str("  </testsuite>\n");
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"homeroom validate {class}\" {}>\n{suites}</testsuites>\n",
        counts(students.iter().flat_map(|(_, checks)| *checks)),
    )
}

fn counts<'a>(checks: impl Iterator<Item = &'a CheckResult> + Clone) -> String {
    let count = |verdict| checks.clone().filter(|c| c.verdict == verdict).count();
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
        checks.clone().count(),
        count(Verdict::Fail),
        count(Verdict::CouldNotCheck),
        count(Verdict::NotProvable)
    )
}

/// Names of classes and students have no character that XML escapes.
fn case(xml: &mut String, class: &ClassName, student: &Username, check: &CheckResult) {
    let title = escape(&check.title);
    // Writing to a String cannot fail.
    let _ = write!(
        xml,
        "    <testcase classname=\"{class}.{student}\" name=\"{title}\""
    );
    match check.verdict {
        Verdict::Pass => xml.push_str("/>\n"),
        Verdict::Fail => problem(xml, "failure", check),
        Verdict::CouldNotCheck => problem(xml, "error", check),
        Verdict::NotProvable => xml.push_str(">\n      <skipped/>\n    </testcase>\n"),
    }
}

fn problem(xml: &mut String, element: &str, check: &CheckResult) {
    // CI systems group equal messages.
    let message = check.evidence.first().map(Evidence::words);
    let sentences = check.evidence.iter().map(Evidence::sentence);
    let mut lines: Vec<String> = sentences.map(|text| escape(&text)).collect();
    if !check.instructor_hint().is_empty() {
        lines.push(format!("hint: {}", escape(check.instructor_hint())));
    }
    let _ = writeln!(
        xml,
        ">\n      <{element} type=\"{}\" message=\"{}\">{}</{element}>\n    </testcase>",
        escape(&check.id),
        escape(message.as_deref().unwrap_or_default()),
        lines.join("\n")
    );
}

fn escape(text: &str) -> String {
    markup(text, "&apos;")
}
