//! Every page that homeroom writes, looked at by axe-core: no violation of WCAG 2.2 AA, in light and in dark.

use std::fs;
use std::path::{Path, PathBuf};

use homeroom::report::handout::write;
use homeroom::report::html::Pages;

use super::handout_sample::{Sample, student};
use super::*;

/// The rules of WCAG 2.0, 2.1 and 2.2, levels A and AA. The one about the size of targets must be asked for by name.
const RUN: &str = "axe.run(document, {
    runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] },
    rules: { 'target-size': { enabled: true } },
}).then((found) => ({
    passes: found.passes.length,
    violations: found.violations.flatMap((rule) => rule.nodes.map((node) =>
        `${rule.id}: ${node.target.join(' ')}: ${node.failureSummary.replace(/\\s+/g, ' ')}`)),
}))";

/// Ends when what was emulated has been drawn: axe must not see colours and sizes of before.
const DRAWN: &str =
    "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))";

/// A page with barriers.
const BARRIERS: &str = "<!doctype html><title>x</title><img src='data:,'><p style='color: #bbb'>faint</p>\
    <button style='font-size: 5px'>a</button><button style='font-size: 5px'>b</button>";

/// The page of five hundred students.
const LARGE: &str = "large.html";

/// Opens what unfolds, so that it is looked at too.
const UNFOLD: &str = "(() => {
    for (const user of [6, 8, 12, 17, 23]) document.querySelector(`#s-user${user} button.user`)?.click();
    document.querySelector('button.user')?.click();
    for (const folded of document.querySelectorAll('main details')) folded.open ||= !folded.closest('tbody');
    for (const folded of document.querySelectorAll('.command')) folded.open = true;
    return document.querySelectorAll('tbody details[open]').length;
})()";

/// Everything that a class has for people to open in a browser.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let files = Files::of(class(30));
    let mut found = Vec::new();
    let mut keep = |name: &str, page: String| {
        let path = folder.join(name);
        fs::write(&path, page).unwrap();
        found.push(path);
    };
    for name in [
        "report.html",
        "report-anonymous.html",
        "user3.html",
        "user6.html",
        "user12.html",
        "user17.html",
    ] {
        keep(name, fs::read_to_string(files.folder.join(name)).unwrap());
    }
    let written = Pages::new().unwrap();
    let key = PseudonymKey::from_bytes([5; 32]);
    let report = class(12);
    keep("live.html", written.live(&report, None, 60).unwrap());
    keep(
        "live-anonymous.html",
        written.live(&report, Some(&key), 60).unwrap(),
    );
    keep(LARGE, written.class(&class(500)).unwrap());
    keep("places.html", written.class(&class_in_places(12)).unwrap());
    let mut calm = class(12);
    for row in &mut calm.students {
        row.progress.trouble = None;
        row.progress.last.gone = true;
        row.progress.last.as_of = Some(report.taken_at.timestamp());
    }
    calm.notes.push("a note".to_owned());
    calm.gaps.push(homeroom::stack::kinds::Gap {
        kind: homeroom::stack::kinds::Kind::LogGroup,
        name: None,
        student: None,
        cause: "denied".to_owned(),
    });
    keep("gone.html", written.class(&calm).unwrap());
    keep(
        "gone-own.html",
        written.student(&calm, &calm.students[0]).unwrap(),
    );
    let waiting = include_str!("../../src/verbs/watch/waiting.html");
    keep("waiting.html", waiting.to_owned());
    let sample = Sample::of(vec![
        student("user1", "Amara Okafor", "A"),
        student("user2", "Ben Castellanos", "B"),
    ]);
    let handouts = write(folder, &sample.class(), &sample.handouts(true), true).unwrap();
    let handouts = handouts
        .all()
        .filter(|path| path.extension().is_some_and(|e| e == "html"));
    found.extend(handouts.map(Path::to_owned));
    let slips = folder.join("slips.html");
    fs::write(&slips, &sample.slips()[0]).unwrap();
    found.push(slips);
    found
}

/// Schemes and widths in which a page is looked at. What differs by width is no colour; and the page of a large class costs
/// seconds each time.
fn looks(page: &Path) -> Vec<(&'static str, u32)> {
    match page.file_name().is_some_and(|name| name == LARGE) {
        true => vec![("light", 1280)],
        false => vec![("light", 1280), ("dark", 1280), ("light", 390)],
    }
}

#[test]
#[cfg_attr(
    not(all(browser, axe)),
    ignore = "needs chromium and axe-core (HOMEROOM_TEST_AXE): .ci/run has both"
)]
fn no_page_has_a_barrier_that_axe_core_knows() {
    let axe = std::env::var("HOMEROOM_TEST_AXE").unwrap();
    let axe = fs::read_to_string(&axe).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let pages = pages(dir.path());
    assert!(pages.len() > 12, "{pages:?}");
    let mut found = Vec::new();
    let barriers = dir.path().join("barriers.html");
    fs::write(&barriers, BARRIERS).unwrap();
    let mut browser = Browser::start();
    browser.open_file(&barriers);
    browser.eval(&axe);
    let seen = browser.eval(RUN).to_string();
    for rule in [
        "image-alt",
        "color-contrast",
        "target-size",
        "html-has-lang",
    ] {
        assert!(
            seen.contains(rule),
            "it finds what is there: {rule}: {seen}"
        );
    }
    let mut rows = 0;
    for page in &pages {
        browser.open_file(page);
        let open = browser.eval(UNFOLD).as_u64().unwrap();
        let has_rows = fs::read_to_string(page)
            .unwrap()
            .contains("<span class=\"user\">");
        assert!(!has_rows || open > 0, "{}: nothing unfolds", page.display());
        rows += u32::from(has_rows);
        // Not by a script element, which the page's own policy refuses.
        browser.eval(&axe);
        for (scheme, width) in looks(page) {
            browser.size(width, 900);
            browser.call(
                "Emulation.setEmulatedMedia",
                json!({ "features": [
                    { "name": "prefers-color-scheme", "value": scheme },
                    { "name": "prefers-reduced-motion", "value": "reduce" },
                ] }),
            );
            browser.eval(DRAWN);
            let seen = browser.eval(RUN);
            let name = page.file_name().unwrap().display();
            assert!(seen["passes"].as_u64().unwrap() > 5, "{name}: {seen}");
            let violations = seen["violations"].as_array().unwrap();
            found.extend(
                violations
                    .iter()
                    .map(|v| format!("{name} {scheme} {width} {v}")),
            );
        }
    }
    assert!(rows >= 5, "{rows} pages with rows that unfold");
    assert!(found.is_empty(), "{}", found.join("\n"));
}
