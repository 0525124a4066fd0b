//! Makes the picture of the report in the documentation: `cargo run --example report_picture [FILE]`, by default
//! `docs/report.png`. Needs Chromium (see `tests/browser/cdp.rs`).

#![expect(
    clippy::unwrap_used,
    reason = "a tool for whoever works on the report: what goes wrong should stop it at once"
)]

#[path = "../tests/browser/cdp.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod cdp;
#[path = "../tests/report_sample/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod report_sample;

use std::io::Write;

use base64::Engine as _;
use homeroom::report::{About, Since, write_reports};

fn main() -> std::io::Result<()> {
    let file = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "docs/report.png".to_owned());
    let dir = tempfile::tempdir()?;
    let mut report = report_sample::class(30);
    write_reports(
        dir.path(),
        &report_sample::class_before(&report),
        About::Class,
        None,
    )?;
    report.since = Since::read(dir.path(), &report)?;
    let written = write_reports(dir.path(), &report, About::Class, None)?;

    let mut browser = cdp::Browser::start();
    // Half a minute after the sample was taken, so that the picture is the same whenever it is made.
    let now = report.taken_at.timestamp().as_millisecond() + 30_000;
    browser.call(
        "Page.addScriptToEvaluateOnNewDocument",
        serde_json::json!({ "source": format!("Date.now = () => {now};") }),
    );
    browser.size(1440, 1400);
    browser.open_file(&written.html);
    let picture = browser.picture();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(picture)
        .map_err(std::io::Error::other)?;
    std::fs::write(&file, &bytes)?;
    writeln!(std::io::stdout(), "{file}: {} KiB", bytes.len() / 1024)
}
