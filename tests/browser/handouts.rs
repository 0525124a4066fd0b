//! The handouts: quiet, whole on a phone, and a choice of shell that works without a script.

use std::fs;

use homeroom::report::handout::write;

use super::handout_sample::{Sample, student};
use super::*;

/// Width and height in inches.
const A4: [f64; 2] = [8.27, 11.69];
const LETTER: [f64; 2] = [8.5, 11.0];

#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn a_handout_is_quiet_fits_a_phone_and_shows_the_shell_that_is_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let attack = ATTACKS[1];
    let sample = Sample::of(vec![
        student("user1", ATTACKS[0], attack),
        student("a-username-that-is-as-long-as-it-gets-x2", "Ben", "A"),
    ]);
    let handouts = sample.handouts(true);
    let files = write(dir.path(), &sample.class(), &handouts, true).unwrap();
    let mut browser = Browser::start();
    for path in files
        .all()
        .filter(|path| path.extension().is_some_and(|e| e == "html"))
    {
        browser.size(390, 844);
        browser.open_file(path);
        assert_quiet(&mut browser);
        let width = browser.eval("document.documentElement.scrollWidth");
        assert!(
            width.as_u64().unwrap() <= 390,
            "{}: {width}",
            path.display()
        );
        let cut = "[...document.querySelectorAll('pre')].filter((pre) => pre.scrollWidth > pre.clientWidth).length";
        assert_eq!(browser.eval(cut), 0, "{}", path.display());
        let asked =
            browser.eval("fetch('https://example.com/').then(() => 'went out', () => 'refused')");
        assert_eq!(asked, "refused");
        assert_eq!(browser.eval("document.querySelectorAll('img').length"), 0);
    }
    browser.size(1200, 900);
    for paper in [A4, LETTER] {
        browser.open_file(&files.students[1][0]);
        let pages = browser.printed_pages(paper);
        assert!(pages <= 4, "two sheets on both sides: {pages}");
        browser.open_file(&files.together);
        let together = browser.printed_pages(paper);
        assert!(
            together >= 2 * pages - 1,
            "each student on paper of their own: {together}"
        );
    }
    browser.open_file(&files.students[0][0]);
    let shown = "['.bash pre', '.powershell:not(.bash) pre'].map((s) => document.querySelector('.sheet ' + s).checkVisibility())";
    assert_eq!(browser.eval(shown), json!([true, true]));
    browser.click("[value='bash']");
    assert_eq!(browser.eval(shown), json!([true, false]));
    browser.click("[value='powershell']");
    assert_eq!(browser.eval(shown), json!([false, true]));
    // What is copied is the command as it stands, with nothing around it.
    assert_eq!(
        browser.eval("document.querySelectorAll('.copyable .copy').length"),
        browser.eval("document.querySelectorAll('.copyable').length")
    );
}

#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn slips_are_of_one_size_whole_and_eight_on_a_sheet_of_either_paper() {
    let dir = tempfile::tempdir().unwrap();
    let long = "a-username-that-is-as-long-as-it-gets-x2";
    let students = (1..=8).map(|n| student(&format!("user{n}"), ATTACKS[n % 2], ATTACKS[1]));
    let last = student(long, &"Maximiliana ".repeat(20), &"Evening ".repeat(30));
    let sample = Sample::of(students.chain([last]).collect());
    let page = dir.path().join("slips.html");
    fs::write(&page, &sample.slips()[0]).unwrap();
    let mut browser = Browser::start();
    browser.size(390, 844);
    browser.open_file(&page);
    assert_quiet(&mut browser);
    let width = browser.eval("document.documentElement.scrollWidth");
    assert!(width.as_u64().unwrap() <= 390, "{width}");
    for paper in [A4, LETTER] {
        assert_eq!(browser.printed_pages(paper), 2);
    }
    browser.size(780, 1100);
    browser.call("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    let sizes = "new Set([...document.querySelectorAll('.slips > li')].map((slip) =>
        `${Math.round(slip.offsetWidth)}x${Math.round(slip.offsetHeight)}`)).size";
    assert_eq!(browser.eval(sizes), 1);
    let cut = "[...document.querySelectorAll('.slips > li')].filter((slip) =>
        slip.scrollHeight > slip.clientHeight || slip.scrollWidth > slip.clientWidth).length";
    assert_eq!(browser.eval(cut), 0, "nothing of a slip is cut off");
}
