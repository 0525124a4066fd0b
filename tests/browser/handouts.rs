//! The handouts: quiet, whole on a phone, and a choice of shell that works without a script.

use homeroom::report::handout::write;

use super::handout_sample::{Sample, student};
use super::*;

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
        let asked =
            browser.eval("fetch('https://example.com/').then(() => 'went out', () => 'refused')");
        assert_eq!(asked, "refused");
        assert_eq!(browser.eval("document.querySelectorAll('img').length"), 0);
    }
    browser.size(1200, 900);
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
