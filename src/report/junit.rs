//! `junit.xml`: what `validate` found, in the form that CI systems read. One suite a student, one case a probe.

use std::fmt::Write as _;

use jiff::ZonedDateTime;

use crate::evidence::check::{CheckResult, Evidence, Verdict};
use crate::stack::ids::{ClassName, Username};

use crate::text::shown::clean;

/// The file's text. A probe that did not pass is a failure, one that could not be made an error, one that
/// nothing can answer is skipped.
pub fn document<'a>(
    class: &ClassName,
    taken_at: &ZonedDateTime,
    students: impl IntoIterator<Item = (&'a Username, &'a [CheckResult])>,
) -> String {
    let mut suites = String::new();
    let mut total = Counts::default();
    let timestamp = taken_at.strftime("%Y-%m-%dT%H:%M:%S%:z");
    for (student, checks) in students {
        let counts = Counts::of(checks);
        total.add(&counts);
        suite(
            &mut suites,
            class,
            student,
            checks,
            &counts,
            &timestamp.to_string(),
        );
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"homeroom validate {class}\" {total}>\n{suites}</testsuites>\n",
        class = escape(class.as_str()),
        total = total.attributes(),
    )
}

#[derive(Debug, Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Counts {
    fn of(checks: &[CheckResult]) -> Self {
        let count = |verdict| checks.iter().filter(|c| c.verdict == verdict).count();
        Self {
            tests: checks.len(),
            failures: count(Verdict::Fail),
            errors: count(Verdict::CouldNotCheck),
            skipped: count(Verdict::NotProvable),
        }
    }

    fn add(&mut self, other: &Self) {
        self.tests += other.tests;
        self.failures += other.failures;
        self.errors += other.errors;
        self.skipped += other.skipped;
    }

    fn attributes(&self) -> String {
        format!(
            "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
            self.tests, self.failures, self.errors, self.skipped
        )
    }
}

fn suite(
    xml: &mut String,
    class: &ClassName,
    student: &Username,
    checks: &[CheckResult],
    counts: &Counts,
    timestamp: &str,
) {
    let name = escape(student.as_str());
    // Writing to a String cannot fail.
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{name}\" {} timestamp=\"{timestamp}\">",
        counts.attributes()
    );
    for check in checks {
        let _ = write!(
            xml,
            "    <testcase classname=\"{}.{name}\" name=\"{}\"",
            escape(class.as_str()),
            escape(&check.title)
        );
        match check.verdict {
            Verdict::Pass => xml.push_str("/>\n"),
            Verdict::Fail => problem(xml, "failure", check),
            Verdict::CouldNotCheck => problem(xml, "error", check),
            Verdict::NotProvable => xml.push_str(">\n      <skipped/>\n    </testcase>\n"),
        }
    }
    xml.push_str("  </testsuite>\n");
}

fn problem(xml: &mut String, element: &str, check: &CheckResult) {
    let sentences: Vec<String> = check.evidence.iter().map(Evidence::sentence).collect();
    // CI systems put alike messages together.
    let message = check.evidence.first().map(Evidence::words);
    let mut lines: Vec<String> = sentences.iter().map(|text| escape(text)).collect();
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

/// For text and for attributes in double quotes. Cleaning comes first: XML 1.0 has no way at all to write
/// most control characters (<https://www.w3.org/TR/xml/#charsets>), and U+FFFE and U+FFFF are none either.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
