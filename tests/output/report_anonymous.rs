//! The page for a projector tells nobody's name, and not the account.

use crate::report_sample::{class, class_before};
use homeroom::evidence::activity::RefusedRequest;
use homeroom::evidence::check::{Evidence, Verdict};
use homeroom::report::html::Pages;
use homeroom::report::{About, Document, PseudonymKey, Since, anonymous, write_reports};
use homeroom::stack::kinds::Gap;
use homeroom::stack::kinds::Kind;

/// A value of the roster that stands in no report of its own accord.
const KEPT_BACK: &str = "Elsewhere College";

/// A class with identifying strings wherever one can stand.
fn telling_class() -> Document {
    let mut report = class(30);
    for row in &mut report.students {
        let username = row.student.username.to_string();
        let name = row.student.name.clone().unwrap();
        let email = row.student.email.clone().unwrap();
        row.student.extra = vec![("matriculation".into(), format!("M-99{username}"))];
        for check in row.progress.checks.iter_mut().chain(&mut row.validate) {
            let text = format!(
                "User: arn:aws:sts::123456789012:assumed-role/Admin/{email} is not authorized on \
                 {}-process-data of {name} ({email}) at https://{username}.example/x, M-99{username}",
                username.to_uppercase()
            );
            check.hint = text.clone();
            check.instructor_hint = Some(text.clone());
            check.evidence.push(Evidence::from(text));
        }
        if let Some(check) = row.progress.checks.get_mut(1) {
            check.verdict = Verdict::Fail;
        }
        let quoted = format!("{name} of {email} wrote M-99{username}");
        let activity = &mut row.progress.activity;
        activity.unread = Some(quoted.clone());
        activity.refusals.push(RefusedRequest {
            at_ms: report.taken_at.timestamp().as_millisecond(),
            status: Some(400),
            reason: quoted.clone(),
        });
        if let Some(trouble) = &mut row.progress.trouble {
            trouble.cause = Some(quoted.clone());
            trouble.say = Some(quoted.clone());
            trouble.room = Some(quoted);
        }
        for (_, execution) in &mut row.progress.executions {
            execution.name = format!("{name}-test");
        }
        report
            .notes
            .push(format!("{username} and {name} of 123456789012"));
        report.gaps.push(Gap {
            kind: Kind::Function,
            name: Some(format!("{username}-process-data")),
            student: Some(row.student.username.clone()),
            cause: format!("AccessDenied for {email} of {KEPT_BACK}"),
        });
    }
    report
}

#[test]
fn nothing_on_the_projector_s_page_tells_who_somebody_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut report = telling_class();
    write_reports(dir.path(), &class_before(&report), About::Class, None).unwrap();
    report.since = Since::read(dir.path(), &report).unwrap();
    assert!(report.since.is_some());
    let key = PseudonymKey::from_bytes([3; 32]).hiding(&[KEPT_BACK.to_owned()]);
    let written = write_reports(dir.path(), &report, About::Class, Some(&key)).unwrap();
    let page = std::fs::read_to_string(written.anonymous.unwrap()).unwrap();

    assert_eq!(page.matches("<tbody ").count(), 30, "everybody is there");
    assert!(page.contains("became complete") || page.contains("broke"));
    let folded = page.to_lowercase();
    let mut looked_for = 0;
    let mut absent = |text: &str, whole_word: bool| {
        looked_for += 1;
        let hay = if whole_word { &page } else { &folded };
        let needle = if whole_word {
            text.to_owned()
        } else {
            text.to_lowercase()
        };
        let hit = hay.match_indices(&needle).find(|(at, found)| {
            let before = hay[..*at].chars().next_back();
            let after = hay[at + found.len()..].chars().next();
            !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
        });
        if let Some((at, _)) = hit {
            let from = hay[..at].char_indices().rev().nth(60).map_or(0, |(i, _)| i);
            panic!("{text:?} in …{:.200}", &hay[from..]);
        }
    };
    absent("123456789012", false);
    absent("training-emea", false);
    absent(KEPT_BACK, false);
    for row in &report.students {
        let student = &row.student;
        absent(student.username.as_str(), false);
        absent(student.email.as_deref().unwrap(), false);
        absent(student.name.as_deref().unwrap(), false);
        for part in student.name.as_deref().unwrap().split_whitespace() {
            absent(part, true);
        }
        for (_, value) in &student.extra {
            absent(value, false);
        }
        for output in &row.progress.outputs {
            absent(&output.value, false);
        }
    }
    assert!(
        !page.contains("arn:") && !page.contains("://"),
        "no ARN, no address"
    );
    let body = &page[page.find("<body").unwrap()..];
    assert!(!body.contains('@'), "no e-mail address");
    assert!(looked_for > 150);
}

#[test]
fn pseudonyms_stay_and_rows_are_not_in_the_roster_s_order() {
    let key = PseudonymKey::from_bytes([3; 32]);
    let names = |report: &Document| -> Vec<String> {
        let rows = anonymous(report, &key).students;
        rows.iter()
            .map(|s| s.student.username.to_string())
            .collect()
    };
    let small = names(&class(20));
    let large = names(&class(30));
    assert!(
        small.iter().all(|name| large.contains(name)),
        "the same after the roster grew"
    );
    assert!(small.is_sorted(), "in their own order");
    let mut reversed = class(20);
    reversed.students.reverse();
    assert_eq!(names(&reversed), small);
}

#[test]
fn what_is_wrong_with_the_stacks_is_still_told() {
    let page = Pages::new()
        .unwrap()
        .anonymous(&class(30), &PseudonymKey::from_bytes([3; 32]))
        .unwrap();
    assert!(page.contains("-send-notification is not there"));
    assert!(page.contains("ThrottlingException"));
}

#[test]
fn the_projector_shows_who_needs_somebody_and_quotes_nobody() {
    let report = class(30);
    let key = PseudonymKey::from_bytes([3; 32]);
    let page = Pages::new().unwrap().anonymous(&report, &key).unwrap();
    let from = page.find("id=\"h-attention\"").unwrap();
    let top = &page[from..page.find("id=\"h-tasks\"").unwrap()];
    for kept in [
        "requests refused",
        "fails again and again",
        "their own change broke it",
        "task 2, 6 times since 10:24",
    ] {
        assert!(top.contains(kept), "{kept}: {top}");
    }
    assert_eq!(
        top.matches("href=\"#s-").count(),
        9,
        "everybody by pseudonym"
    );
    // The only sentences left are about stacks.
    assert_eq!(top.matches("class=\"say do\"").count(), 2, "{top}");
    assert_eq!(top.matches("class=\"say\"").count(), 0, "{top}");
    for gone in [
        "inventory",
        "valid JSON",
        "missing or empty",
        "process_data",
    ] {
        assert!(
            !page.contains(&format!("{gone}&")) && !top.contains(gone),
            "{gone}"
        );
    }
}
