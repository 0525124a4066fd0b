//! The pages in a real browser, headless Chromium: what they show, what they do, and what they never do.

#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong stops a test where it is"
)]

mod barriers;
#[expect(dead_code, reason = "the example takes the picture")]
mod cdp;
#[path = "../handout_sample/mod.rs"]
mod handout_sample;
mod handouts;
mod live;
#[path = "../report_sample/mod.rs"]
mod report_sample;
mod watching;

use std::path::PathBuf;

use cdp::Browser;
use homeroom::report::{About, Document, PseudonymKey, Since, write_reports};
use report_sample::{ATTACKS, class, class_before, class_in_places, hostile_class};
use serde_json::{Value, json};

/// A class's files in a folder of their own.
struct Files {
    _dir: tempfile::TempDir,
    folder: PathBuf,
}

impl Files {
    fn of(mut report: Document) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_reports(dir.path(), &class_before(&report), About::Class, None).unwrap();
        report.since = Since::read(dir.path(), &report).unwrap();
        let key = PseudonymKey::from_bytes([5; 32]);
        let written = write_reports(dir.path(), &report, About::Class, Some(&key)).unwrap();
        Self {
            folder: written.html.parent().unwrap().to_owned(),
            _dir: dir,
        }
    }

    fn open(&self, name: &str) -> Browser {
        let mut browser = Browser::start();
        browser.open_file(&self.folder.join(name));
        browser
    }
}

/// No error, no warning, no dialog, and no request but for the page itself.
fn assert_quiet(browser: &mut Browser) {
    // An answer that comes after what it follows shows that the page's own work is done.
    browser.eval(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))",
    );
    for event in &browser.events {
        let loud = match event["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" | "Page.javascriptDialogOpening" => true,
            "Runtime.consoleAPICalled" | "Log.entryAdded" => true,
            "Network.requestWillBeSent" => {
                let url = event["params"]["request"]["url"]
                    .as_str()
                    .unwrap_or_default();
                let document = event["params"]["type"] == "Document" && url.starts_with("file://");
                !document && url != "data:,"
            }
            _ => false,
        };
        assert!(!loud, "{event}");
    }
}

fn visible_users(browser: &mut Browser) -> Vec<String> {
    let users = browser.eval(
        "[...document.querySelectorAll('.students tbody')].filter((b) => !b.hidden).map((b) => b.dataset.username)",
    );
    serde_json::from_value(users).unwrap()
}

fn choose(browser: &mut Browser, id: &str, value: &str) {
    browser.eval(&format!(
        "(() => {{ const f = document.getElementById({id:?}); f.value = {value:?}; f.dispatchEvent(new Event('input')); }})()"
    ));
}

#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn every_page_is_quiet_and_asks_nobody_for_anything() {
    let files = Files::of(class(30));
    for page in ["report.html", "report-anonymous.html", "user6.html"] {
        let mut browser = files.open(page);
        assert_quiet(&mut browser);
        // Told to ask somebody, it is not allowed to.
        let asked =
            browser.eval("fetch('https://example.com/').then(() => 'went out', () => 'refused')");
        assert_eq!(asked, "refused", "{page}");
    }
}

#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn the_grid_is_filtered_sorted_and_found_in() {
    let files = Files::of(class(30));
    let mut browser = files.open("report.html");
    assert_eq!(visible_users(&mut browser).len(), 30);
    assert_eq!(
        browser.eval("document.querySelector('h1').innerText.replace(/\\s+/g, ' ').trim()"),
        "17 of 30 complete · 6 in progress · 4 not started · 1 not deployed · 1 broken · 1 could not be checked"
    );
    choose(&mut browser, "f-state", "broken");
    assert_eq!(visible_users(&mut browser), ["user12"]);
    assert_eq!(
        browser.eval("document.getElementById('f-count').textContent"),
        "1 of 30 shown"
    );
    browser.click("#f-reset");
    choose(&mut browser, "f-section", "Evening");
    assert_eq!(visible_users(&mut browser).len(), 15);
    choose(&mut browser, "f-text", "zoë");
    assert_eq!(visible_users(&mut browser), ["user26"]);
    choose(&mut browser, "f-text", "no such student");
    assert_eq!(visible_users(&mut browser), Vec::<String>::new());
    assert_eq!(
        browser.eval("document.getElementById('nobody').hidden"),
        false
    );
    browser.click("#f-reset");
    choose(&mut browser, "f-sort", "attention");
    // First those who need somebody, by their need, then by their state.
    let first = visible_users(&mut browser)[..10].to_vec();
    assert_eq!(
        first,
        [
            "user12", "user21", "user17", "user22", "user5", "user14", "user8", "user11", "user3",
            "user23"
        ]
    );
    choose(&mut browser, "f-state", "not-deployed");
    assert_eq!(visible_users(&mut browser), ["user21"]);
    choose(&mut browser, "f-state", "");
    choose(&mut browser, "f-sort", "name");
    assert_eq!(visible_users(&mut browser)[..2], ["user28", "user1"]);
    // A card is a filter too.
    browser.click(".card[data-state='not-started'] button");
    assert_eq!(visible_users(&mut browser).len(), 4);
    // Without the mouse: the page may still be scrolling to the rows.
    browser.eval("document.querySelector(\".card[data-state='stuck'] button\").click()");
    assert_eq!(visible_users(&mut browser).len(), 9);
    assert_quiet(&mut browser);
}

#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn the_grid_of_a_class_in_places_is_filtered_by_place() {
    let files = Files::of(class_in_places(4));
    let mut browser = files.open("report.html");
    assert_eq!(visible_users(&mut browser).len(), 4);
    choose(&mut browser, "f-place", "south");
    assert_eq!(visible_users(&mut browser), ["user2", "user4"]);
    browser.click("#f-reset");
    choose(&mut browser, "f-text", "north");
    assert_eq!(visible_users(&mut browser), ["user1", "user3"]);
    assert_quiet(&mut browser);
}

#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn rows_begin_above_the_fold_below_six_who_need_somebody() {
    let mut report = class(30);
    let stuck = ["user3", "user8", "user11", "user12", "user17", "user21"];
    for row in &mut report.students {
        if !stuck.contains(&row.student.username.as_str()) {
            row.progress.trouble = None;
        }
    }
    let files = Files::of(report);
    let mut browser = Browser::start();
    browser.size(1280, 900);
    browser.open_file(&files.folder.join("report.html"));
    let found = browser.eval(
        "({
            entries: document.querySelectorAll('.need').length,
            row: document.querySelector('.students .row:not(thead *)').getBoundingClientRect().top,
        })",
    );
    assert_eq!(found["entries"], 6);
    // The first name can be read.
    assert!(found["row"].as_f64().unwrap() <= 870.0, "{found}");
    // What is longer folds, with who and why in a line.
    let files = Files::of(class(500));
    let mut browser = files.open("report.html");
    let found = browser.eval(
        "({
            entries: [...document.querySelectorAll('.need')].filter((n) => n.checkVisibility()).length,
            line: document.querySelector('.attention > details > summary').innerText,
        })",
    );
    assert_eq!(found["entries"], 6);
    assert_eq!(
        found["line"],
        "And 34 more students: 17 students silent, 17 students not seen yet"
    );
}

#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn a_reload_keeps_what_was_filtered_and_sorted() {
    let files = Files::of(class(30));
    let mut browser = files.open("report.html");
    choose(&mut browser, "f-state", "stuck");
    choose(&mut browser, "f-text", "evening");
    choose(&mut browser, "f-sort", "attention");
    let before = visible_users(&mut browser);
    assert_eq!(before, ["user21", "user17", "user22"]);
    browser.open_file(&files.folder.join("report.html"));
    assert_eq!(visible_users(&mut browser), before);
    browser.click("#f-reset");
    browser.open_file(&files.folder.join("report.html"));
    assert_eq!(visible_users(&mut browser).len(), 30);
}

#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn a_row_says_how_long_ago_and_leads_to_the_students_page() {
    let report = class(30);
    let now = report.taken_at.timestamp().as_millisecond() + 30_000;
    let files = Files::of(report);
    let mut browser = Browser::start();
    browser.call(
        "Page.addScriptToEvaluateOnNewDocument",
        json!({ "source": format!("Date.now = () => {now};") }),
    );
    browser.open_file(&files.folder.join("report.html"));
    let seen = |browser: &mut Browser, user: &str| {
        browser.eval(&format!(
            "document.querySelector('#s-{user} .seen').innerText.replace(/\\s+/g, ' ').trim()"
        ))
    };
    assert_eq!(seen(&mut browser, "user8"), "2 min ago 8 tries");
    assert_eq!(seen(&mut browser, "user3"), "not yet");
    // The link does not unfold the row, and a name at the top leads to its row.
    browser.click(".need a[href='#s-user17']");
    browser.until("document.querySelector('#d-user17 .student')?.checkVisibility()");
    browser.eval("document.querySelector('#s-user8 a.page').click()");
    browser.gone_on(1);
    assert_eq!(
        browser.eval("document.querySelector('h1').innerText.includes('user8')"),
        true
    );
}

#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn a_row_unfolds_by_mouse_and_by_keyboard() {
    let files = Files::of(class(30));
    let mut browser = files.open("report.html");
    let shown = "document.querySelector('#d-user6 .student')?.checkVisibility() ?? false";
    assert_eq!(browser.eval(shown), false);
    browser.click("#s-user6 button.user");
    assert_eq!(browser.eval(shown), true);
    browser.click("#s-user6 button.user");
    assert_eq!(browser.eval(shown), false);

    // The first stop is the way past everything to the students.
    let mut browser = files.open("report.html");
    browser.press("Tab", 9);
    assert_eq!(browser.eval("document.activeElement.className"), "skip");
    let mut stops = 0;
    while browser.eval("document.activeElement.closest?.('tbody')?.id ?? ''") != "s-user6" {
        browser.press("Tab", 9);
        stops += 1;
        assert!(stops < 80, "user6 cannot be reached by the keyboard");
    }
    let outline = browser.eval("getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(outline, "solid", "what has the focus is seen");
    browser.press("Enter", 13);
    assert_eq!(browser.eval(shown), true);
    assert_eq!(
        browser.eval("document.activeElement.getAttribute('aria-expanded')"),
        "true"
    );
    let text = browser.eval("document.querySelector('#d-user6').innerText");
    let text = text.as_str().unwrap();
    for part in [
        "console-test-1",
        "by a person",
        "MaxAttempts",
        "Example requests",
        "API URL (POST)",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The example requests unfold in their turn, by the keyboard too, with a button that copies each.
    browser.eval("document.querySelector('#d-user6 .command summary').focus()");
    browser.press("Enter", 13);
    let request = browser.eval("document.querySelector('#d-user6 .command').innerText");
    let request = request.as_str().unwrap();
    for part in ["Sales data", "curl", "sales_data", "PowerShell", "Copy"] {
        assert!(request.contains(part), "{part}: {request}");
    }
    assert_quiet(&mut browser);
}

#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn without_javascript_everything_is_there() {
    let files = Files::of(class(30));
    let mut browser = Browser::start();
    browser.call(
        "Emulation.setScriptExecutionDisabled",
        json!({ "value": true }),
    );
    browser.open_file(&files.folder.join("report.html"));
    assert_eq!(visible_users(&mut browser).len(), 30);
    let tools = browser.eval("document.querySelector('.tools').checkVisibility()");
    assert_eq!(tools, false, "nothing is offered that would do nothing");
    let shown = "document.querySelector('#d-user6 .student').checkVisibility({contentVisibilityAuto: true})";
    assert_eq!(browser.eval(shown), false);
    // By the keyboard: whether something stands still is told by scripts, of which there are none here.
    let unfold = |browser: &mut Browser, summary: &str| {
        browser.eval(&format!("document.querySelector({summary:?}).focus()"));
        browser.press("Enter", 13);
    };
    unfold(&mut browser, "#d-user6 > summary");
    assert_eq!(browser.eval(shown), true);
    let request = "document.querySelector('#d-user6 .command pre').checkVisibility({contentVisibilityAuto: true})";
    assert_eq!(browser.eval(request), false);
    unfold(&mut browser, "#d-user6 .command summary");
    assert_eq!(browser.eval(request), true);
}

#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn attacks_stay_text() {
    let files = Files::of(hostile_class());
    for page in ["report.html", "report-anonymous.html", "user3.html"] {
        let mut browser = files.open(page);
        browser.eval("for (const b of document.querySelectorAll('button.user, details > summary')) b.click()");
        let unfolded = browser.eval("document.querySelectorAll('.student').length");
        let all = if page == "user3.html" {
            1
        } else {
            ATTACKS.len()
        };
        assert_eq!(unfolded, all, "{page}");
        let found = browser.eval(
            "({
                scripts: document.scripts.length,
                foreign: document.querySelectorAll('img, iframe, object, embed, base, form, style ~ style').length,
                handlers: [...document.querySelectorAll('*')].filter((e) => [...e.attributes].some((a) => a.name.startsWith('on'))).length,
                links: [...document.links].map((a) => a.protocol).filter((p) => !['file:', 'https:'].includes(p)).length,
            })",
        );
        let inert = json!({ "scripts": 1, "foreign": 0, "handlers": 0, "links": 0 });
        assert_eq!(found, inert, "{page}");
        assert_quiet(&mut browser);
        if page == "report.html" {
            let text = browser.eval("document.querySelector('.students').textContent");
            assert!(
                text.as_str().unwrap().contains(ATTACKS[0]),
                "shown as it is"
            );
        }
    }
}

#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn a_print_has_the_grid_and_none_of_the_tools() {
    let files = Files::of(class(30));
    let mut browser = files.open("report.html");
    browser.call("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    let seen = |browser: &mut Browser, selector: &str| {
        browser.eval(&format!(
            "document.querySelector({selector:?}).checkVisibility()"
        ))
    };
    assert_eq!(seen(&mut browser, ".tools"), false);
    assert_eq!(seen(&mut browser, "#theme"), false);
    assert_eq!(seen(&mut browser, "#s-user30 .row"), true);
    browser.call("Emulation.setEmulatedMedia", json!({ "media": "" }));
    let pdf = browser.call("Page.printToPDF", json!({ "preferCSSPageSize": true }));
    let data = pdf["data"].as_str().unwrap();
    assert!(data.starts_with("JVBERi0"), "a PDF");
    assert!(data.len() > 20_000, "with something in it");
}

#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn nothing_scrolls_sideways_on_a_phone() {
    let files = Files::of(class(30));
    for page in ["report.html", "report-anonymous.html", "user6.html"] {
        let mut browser = Browser::start();
        browser.size(390, 844);
        browser.open_file(&files.folder.join(page));
        browser.eval("document.querySelector('button.user')?.click()");
        let width = browser.eval("document.scrollingElement.scrollWidth");
        assert!(width.as_u64().unwrap() <= 390, "{page}: {width}");
    }
}

#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn nothing_in_the_grid_runs_into_its_neighbour() {
    let mut report = class(30);
    // The longest words that a cell can hold, beside a username without a place to break.
    report.students[22].student.username = "maximilian_von_habsburg".parse().unwrap();
    report.students[22].progress.username = "maximilian_von_habsburg".parse().unwrap();
    let files = Files::of(report);
    for width in [1920, 1440, 1280, 1000, 390] {
        let mut browser = Browser::start();
        browser.size(width, 900);
        browser.open_file(&files.folder.join("report.html"));
        let wide = browser.eval(
            "[...document.querySelectorAll('.row > *, .tasks li > *')]
                .filter((cell) => cell.scrollWidth > cell.clientWidth + 1 && getComputedStyle(cell).display !== 'inline')
                .map((cell) => cell.textContent.trim())",
        );
        assert_eq!(wide, json!([]), "{width}");
    }
}

/// Text whose contrast with what is behind it is below 4.5 (WCAG 2.2, 1.4.3).
const FAINT: &str = r"(() => {
  const parse = (c) => { const n = c.match(/[\d.]+/g).map(Number); return n.length === 3 ? [...n, 1] : n; };
  const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { const layers = []; for (; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor)); return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]); };
  const faint = []; let looked = 0;
  for (const e of document.body.querySelectorAll('*')) {
    if (e.closest('svg, script, option') || !e.checkVisibility()) continue;
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    const back = behind(e), front = over(parse(getComputedStyle(e).color), back);
    const [hi, lo] = [light(front), light(back)].sort((a, b) => b - a);
    looked += 1;
    const contrast = (hi + 0.05) / (lo + 0.05);
    if (contrast < 4.5) faint.push(`${e.tagName}.${e.className} ${contrast.toFixed(2)} ${e.textContent.trim().slice(0, 30)}`);
  }
  return { looked, faint: [...new Set(faint)].slice(0, 20) };
})()";

#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn text_stands_out_in_light_in_dark_and_in_print() {
    let files = Files::of(class(30));
    for page in ["report.html", "user6.html"] {
        let mut browser = files.open(page);
        browser.eval("for (const s of ['#s-user6 button.user', '#s-user12 button.user']) document.querySelector(s)?.click()");
        browser.eval("for (const d of document.querySelectorAll('.command')) d.open = true");
        for (media, scheme) in [("screen", "light"), ("screen", "dark"), ("print", "light")] {
            browser.call(
                "Emulation.setEmulatedMedia",
                json!({ "media": media, "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
            );
            let found = browser.eval(FAINT);
            assert!(found["looked"].as_u64().unwrap() > 30, "{page}: {found}");
            assert_eq!(found["faint"], json!([]), "{page} {media} {scheme}");
        }
    }
}

#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn a_screen_reader_finds_landmarks_headers_and_names() {
    let files = Files::of(class(30));
    let mut browser = files.open("report.html");
    let found = browser.eval(
        "({
            lang: document.documentElement.lang,
            landmarks: ['header', 'main', 'footer'].map((tag) => document.querySelectorAll(`body > ${tag}`).length),
            h1: document.querySelectorAll('h1').length,
            unnamed: [...document.querySelectorAll('section')].filter((s) => !s.getAttribute('aria-label') && !document.getElementById(s.getAttribute('aria-labelledby'))?.textContent).length,
            columns: document.querySelectorAll('thead th[scope=col]').length,
            cells: document.querySelectorAll('tbody:first-of-type .row > *').length,
            rows: document.querySelectorAll('tbody th[scope=row]').length,
            ids: [...document.querySelectorAll('[id]')].length - new Set([...document.querySelectorAll('[id]')].map((e) => e.id)).size,
        })",
    );
    assert_eq!(
        found,
        json!({ "lang": "en", "landmarks": [1, 1, 1], "h1": 1, "unnamed": 0, "columns": 10, "cells": 10, "rows": 30, "ids": 0 })
    );
    browser.call("Accessibility.enable", json!({}));
    let tree = browser.call("Accessibility.getFullAXTree", json!({}));
    let mut named = 0;
    for node in tree["nodes"].as_array().unwrap() {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        let asks = [
            "button",
            "combobox",
            "searchbox",
            "link",
            "image",
            "table",
            "columnheader",
        ];
        if node["ignored"] == Value::Bool(false) && asks.contains(&role) {
            let name = node["name"]["value"].as_str().unwrap_or_default();
            assert!(!name.is_empty(), "{node}");
            named += 1;
        }
    }
    assert!(named > 50, "{named}");
}

/// What a browser has to do is held; the times are to read, for a busy machine would make a limit fail for nothing.
#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn five_hundred_students_load_and_filter() {
    let files = Files::of(class(500));
    let mut browser = files.open("report.html");
    assert_eq!(visible_users(&mut browser).len(), 500);
    let figures = browser.eval(
        "(async () => {
            const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
            await frame();
            const load = performance.getEntriesByType('navigation')[0].loadEventEnd;
            // A busy machine may load a page before it has painted any of it.
            const first = () => performance.getEntriesByName('first-contentful-paint')[0];
            while (!first()) await frame();
            const painted = first().startTime;
            const elements = document.getElementsByTagName('*').length;
            const times = {};
            for (const [id, value] of [['f-state', 'in-progress'], ['f-text', 'user49'], ['f-sort', 'name']]) {
                await frame();
                const begun = performance.now();
                const field = document.getElementById(id);
                field.value = value;
                field.dispatchEvent(new Event('input'));
                await frame();
                times[id] = Math.round(performance.now() - begun);
            }
            return { elements, painted: Math.round(painted), loaded: Math.round(load), ...times };
        })()",
    );
    assert_quiet(&mut browser);
    let elements = figures["elements"].as_u64().unwrap();
    assert!(
        elements < 20_000,
        "what is folded costs elements: {figures}"
    );
    println!("500 students, milliseconds to what is named and then to the next frame: {figures}");
}
