//! Writes the report of a made-up class, to look at: `cargo run --example sample_report [STUDENTS] [FOLDER]`.
//! `STUDENTS` may be `hostile`: a class whose every value is an attack; `places`: a class in two places; or `complete`,
//! `in-progress`, `not-started`, `not-deployed`, `broken`, `unknown`: thirty who all stand there.

#[path = "../tests/report_sample/mod.rs"]
mod report_sample;

use std::io::Write;
use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let students = arguments.next().unwrap_or_else(|| "30".to_owned());
    let folder = PathBuf::from(
        arguments
            .next()
            .unwrap_or_else(|| "target/sample".to_owned()),
    );
    let mut report = match students.as_str() {
        "hostile" => report_sample::hostile_class(),
        "places" => report_sample::class_in_places(30),
        state if state.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            let mut report = report_sample::class_at(900, jiff::ZonedDateTime::now());
            let students = &mut report.students;
            students.retain(|s| s.progress.progress.as_str() == state);
            students.truncate(30);
            report
        }
        count => report_sample::class_at(
            count.parse().map_err(std::io::Error::other)?,
            jiff::ZonedDateTime::now(),
        ),
    };
    // What changed shows against a report of half an hour before.
    let before = report_sample::class_before(&report);
    homeroom::report::write_reports(&folder, &before, homeroom::report::About::Class, None)?;
    report.since = homeroom::report::Since::read(&folder, &report)?;
    let key = homeroom::report::PseudonymKey::of_class(&folder, &report.class)?;
    let written = homeroom::report::write_reports(
        &folder,
        &report,
        homeroom::report::About::Class,
        Some(&key),
    )?;
    writeln!(std::io::stdout(), "{}", written.html.display())
}
