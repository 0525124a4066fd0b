//! The files of a class: page, JSON, gradebook, JUnit.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::json_schemas;
use crate::report_sample::{ATTACKS, class, class_before, class_in_places, hostile_class};
use homeroom::evidence::check::{OnTime, Verdict};
use homeroom::report::html::Pages;
use homeroom::report::{
    About, Document, PseudonymKey, Since, csv, junit, student_files, write_reports,
};
use homeroom::roster::{Roster, Student, UsernameLimit};
use homeroom::stack::kinds::Gap;
use homeroom::stack::kinds::Kind;
use jiff::Timestamp;
use serde_json::Value;

/// Students of the sample of which each fares differently, to keep snapshots readable.
fn few() -> Document {
    let mut report = class(30);
    let keep = ["user1", "user3", "user5", "user12", "user23"];
    report
        .students
        .retain(|s| keep.contains(&s.student.username.as_str()));
    report
}

fn page_of(report: &Document) -> Result<String, tera::Error> {
    Pages::new()?.class(report)
}

#[test]
fn the_gradebook_leaves_blank_what_could_not_be_checked() {
    let text = String::from_utf8(csv::gradebook(&few()).unwrap()).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn junit_tells_failures_from_errors_and_skips() {
    let mut report = few();
    report.students[0].validate[0].verdict = Verdict::CouldNotCheck;
    report.students[1].validate[0].verdict = Verdict::NotProvable;
    let suites = report
        .students
        .iter()
        .map(|s| (&s.student.username, s.validate.as_slice()));
    insta::assert_snapshot!(junit::document(&report.class, &report.taken_at, suites));
}

#[test]
fn report_json_has_a_version_and_says_unknown_where_it_is() {
    let mut report = few();
    // One student with everything is enough to see the layout.
    report.students.drain(..3);
    for student in &mut report.students {
        student.progress.executions.truncate(1);
    }
    let json = report.to_json().unwrap();
    let own = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let json = json.replacen(&own, "\"version\": \"<version>\"", 1);
    insta::assert_snapshot!(json);
}

#[test]
fn a_report_of_a_sweep_replaces_no_file_of_the_class() {
    let reports = tempfile::tempdir().unwrap();
    let report = few();
    let write = |about| write_reports(reports.path(), &report, about, None).unwrap();
    let class = write(About::Class);
    let of_class: Vec<_> = class.files().into_iter().map(ToOwned::to_owned).collect();
    let contents = || -> Vec<_> {
        of_class
            .iter()
            .map(|path| fs::read(path).unwrap())
            .collect()
    };
    for path in of_class.iter().filter(|path| **path != class.dated) {
        fs::write(path, "the class's").unwrap();
    }
    let before = contents();
    let swept = write(About::Swept);
    assert_eq!(contents(), before);
    assert!(swept.files().iter().all(|path| path.exists()));
    assert!(
        swept
            .files()
            .iter()
            .all(|path| !of_class.iter().any(|of| of == path))
    );
}

/// A page without what is the same on every one.
fn body_of(page: &str) -> String {
    let from = page.find("<body").unwrap_or_default();
    let body = &page[from..page.find("<script>").unwrap_or(page.len())];
    let lines = body
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// A broken stack and one that could not be checked, with one execution and one example request each.
fn two() -> Document {
    let mut report = few();
    report.students.drain(..3);
    for student in &mut report.students {
        student.progress.executions.truncate(1);
        student.progress.requests.truncate(1);
    }
    report
}

#[test]
fn the_page_of_a_class_is_laid_out_as_it_was_looked_at() {
    insta::assert_snapshot!(body_of(&page_of(&two()).unwrap()));
}

#[test]
fn a_student_s_own_page_is_laid_out_as_it_was_looked_at() {
    let report = two();
    let page = Pages::new().unwrap().student(&report, &report.students[0]);
    insta::assert_snapshot!(body_of(&page.unwrap()));
}

#[test]
fn the_page_for_a_projector_is_laid_out_as_it_was_looked_at() {
    let key = PseudonymKey::from_bytes([3; 32]);
    let page = Pages::new().unwrap().anonymous(&two(), &key).unwrap();
    insta::assert_snapshot!(body_of(&page));
}

#[test]
fn one_attested_counts_among_the_whole_class_and_unknown_is_not_stuck() {
    let mut report = class(30);
    report.students[0].progress.checks[7].verdict = Verdict::Pass;
    let columns = report.check_tallies();
    assert_eq!((columns[7].passed, columns[7].of()), (1, 30));
    for student in &mut report.students {
        for check in &mut student.progress.checks[2..7] {
            check.verdict = match check.id.as_str() {
                "logs" => Verdict::CouldNotCheck,
                "several" if student.student.username.as_str() == "user3" => Verdict::Fail,
                _ => Verdict::Pass,
            };
        }
    }
    let page = page_of(&report).unwrap();
    let stuck = &page[page.find("class=\"stuck\"").unwrap_or_default()..];
    let title = stuck.split("class=\"title\">").nth(1).unwrap_or_default();
    assert!(
        title.starts_with("Generated several executions"),
        "{title:.40}"
    );
}

#[test]
fn all_files_are_written_beside_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let report = class(3);
    let written = write_reports(dir.path(), &report, About::Class, None).unwrap();
    let folder = dir.path().join("serverless-2026-05");
    assert_eq!(written.html, folder.join("report.html"));
    assert_eq!(written.junit, Some(folder.join("junit.xml")));
    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            ".gitignore",
            "gradebook.csv",
            "history",
            "junit.xml",
            "report.html",
            "report.json",
            "user1.html",
            "user2.html",
            "user3.html"
        ]
    );
    let copy = fs::read(&written.dated).unwrap();
    assert_eq!(copy, fs::read(&written.json).unwrap());
    let document: serde_json::Value =
        serde_json::from_slice(&fs::read(&written.json).unwrap()).unwrap();
    assert_eq!(document["schema"], "homeroom.report/1");
    assert_eq!(document["students"].as_array().unwrap().len(), 3);
}

#[test]
fn without_answers_of_validate_there_is_no_junit_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut report = class(1);
    report.students[0].validate.clear();
    assert_eq!(
        write_reports(dir.path(), &report, About::Class, None)
            .unwrap()
            .junit,
        None
    );
}

#[test]
fn a_student_called_report_does_not_replace_the_report() {
    let mut report = class(3);
    for (row, name) in
        report
            .students
            .iter_mut()
            .zip(["Report", "report-anonymous", "Report-student"])
    {
        row.student.username = name.parse().unwrap();
    }
    assert_eq!(
        student_files(report.students.iter().map(|s| &s.student.username)),
        [
            "Report-student-student.html",
            "report-anonymous-student.html",
            "Report-student.html"
        ]
    );
}

#[test]
fn a_student_s_own_page_tells_nothing_of_anybody_else() {
    let mut report = class(30);
    report.students[4].student.extra = vec![("note".into(), "instructor's own note".into())];
    let pages = Pages::new().unwrap();
    let page = pages.student(&report, &report.students[4]).unwrap();
    assert!(page.contains("user5") && page.contains("Elif Yılmaz"));
    assert!(page.contains("Invoke-RestMethod") && page.contains("curl "));
    for row in report
        .students
        .iter()
        .filter(|s| s.student.username.as_str() != "user5")
    {
        let name = row.student.name.as_deref().unwrap();
        assert!(!page.contains(name), "{name}");
        let username = row.student.username.as_str();
        let mut found = page.match_indices(username);
        // user5 is the beginning of nobody else's name here, but user1 is of user10.
        assert!(
            !found.any(|(at, _)| !page[at + username.len()..].starts_with(char::is_alphanumeric)),
            "{username}"
        );
    }
    assert!(
        !page.contains("instructor&#39;s own note"),
        "the roster's notes are the instructor's"
    );
}

#[test]
fn the_next_report_says_what_changed_since_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut report = class(30);
    assert_eq!(Since::read(dir.path(), &report).unwrap(), None);
    write_reports(dir.path(), &class_before(&report), About::Class, None).unwrap();
    report.since = Since::read(dir.path(), &report).unwrap();
    let since = report.since.as_ref().unwrap();
    let told: Vec<String> = since
        .moves
        .iter()
        .map(|m| {
            format!(
                "{:?} {} {:?}->{:?}",
                m.turn, m.username, m.done_before, m.done_now
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    let page = page_of(&report).unwrap();
    assert!(
        page.contains("6 became complete") && page.contains("1 broke<"),
        "on the page"
    );

    // Another account's report is no report before, and neither is a later one.
    let mut elsewhere = report.clone();
    elsewhere.account.id = "999999999999".into();
    assert_eq!(Since::read(dir.path(), &elsewhere).unwrap(), None);
    let mut earlier = report.clone();
    earlier.taken_at = class_before(&report).taken_at;
    assert_eq!(Since::read(dir.path(), &earlier).unwrap(), None);
    std::fs::write(dir.path().join("serverless-2026-05/report.json"), "{").unwrap();
    let error = Since::read(dir.path(), &report).unwrap_err().to_string();
    assert!(error.contains("report.json"), "{error}");
}

/// What is between two texts of a page, without tags and with single spaces.
fn words<'a>(page: &'a str, from: &str, to: &str) -> String {
    let start = page.find(from).unwrap() + from.len();
    let part: &'a str = &page[start..start + page[start..].find(to).unwrap()];
    let parts = part
        .split('<')
        .map(|p| p.split_once('>').map_or(p, |(_, t)| t));
    let text = parts.collect::<String>();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_page_begins_with_who_needs_somebody_why_and_what_to_say() {
    let page = page_of(&class(30)).unwrap();
    insta::assert_snapshot!(
        words(&page, "id=\"h-attention\">", "</section>")
            .replace(" Say ", "\n  Say ")
            .replace(" Do ", "\n  Do ")
    );
    let at = |text: &str| page.find(text).unwrap();
    let order = [
        "h-attention",
        "h-tasks",
        "h-causes",
        "h-students",
        "h-chart",
    ];
    assert!(order.map(|id| at(&format!("{id}\">"))).is_sorted());
    // A broken or missing stack is among them, so it is not told again below.
    let causes = words(&page, "id=\"h-causes\">", "</section>");
    assert!(!causes.contains("send-notification"), "{causes}");
    assert!(!causes.contains("user21") && causes.contains("user23"));
}

#[test]
fn five_hundred_students_never_make_hundreds_of_entries() {
    let page = page_of(&class(500)).unwrap();
    assert_eq!(page.matches("<li class=\"need ").count(), 8);
    assert!(page.contains("34 students send &quot;inventory&quot;"));
    assert!(page.contains("Your change of &lt;username&gt;-process-data does not load"));
}

#[test]
fn nobody_stuck_is_said_with_what_was_looked_at_and_what_was_not() {
    let attention = |report: &Document| {
        let page = page_of(report).unwrap();
        words(&page, "id=\"h-attention\">", "</section>")
    };
    let mut report = class(30);
    for row in &mut report.students {
        row.progress.trouble = None;
    }
    let said = attention(&report);
    assert!(
        said.contains("Nobody seems stuck. Of the 11 students at work who could be read"),
        "{said}"
    );
    assert!(
        said.contains("Not known of user23, who could not be read as a whole: logs:"),
        "{said}"
    );
    assert!(!said.contains('✓'), "{said}");
    report
        .students
        .retain(|row| row.student.username.as_str() == "user23");
    let said = attention(&report);
    assert!(
        said.contains("Not known: nobody who is at work could be read"),
        "{said}"
    );
    assert!(!said.contains("Nobody seems stuck"), "{said}");
    let mut complete = class(2);
    complete.students[0].progress.trouble = None;
    let said = attention(&complete);
    assert!(
        said.contains("Nobody is at work: 2 of 2 complete."),
        "{said}"
    );
    assert!(attention(&torn_down()).contains("The stacks are gone"));
}

#[test]
fn what_was_tried_is_one_list_with_each_failure_once() {
    let report = class(30);
    let pages = Pages::new().unwrap();
    let own = |index: usize| pages.student(&report, &report.students[index]).unwrap();
    let typo = own(4);
    let tried = words(&typo, "What you have tried", "</ol>");
    let cause = "ProcessData failed with InvalidRequest: dataType must be one of";
    assert_eq!(tried.matches(cause).count(), 3, "{tried}");
    assert_eq!(
        tried
            .matches("&quot;dataType&quot;:&quot;inventory&quot;")
            .count(),
        3
    );
    assert!(
        !typo.contains("Processing failed after every retry"),
        "the words of the Fail state"
    );
    // Its evidence names the execution, and leaves cause and input to the list.
    let exercise = "userId and dataType must not be empty";
    assert_eq!(typo.matches(exercise).count(), 1);
    let refused = own(7);
    let tried = words(&refused, "What you have tried", "</ol>");
    assert!(
        tried.contains("REFUSED 6 requests, from 10:24:25"),
        "{tried}"
    );
    assert_eq!(
        tried
            .matches("answered 400: the body is not valid JSON")
            .count(),
        1
    );
}

#[test]
fn a_student_reads_one_hint_and_what_stops_them() {
    let report = class(30);
    let pages = Pages::new().unwrap();
    for (row, says) in [
        (4, "Next Look at dataType in your input"),
        (7, "Your API refuses your requests. 6 times since 10:24"),
        (11, "Next Your instructor has to repair something"),
        (16, "A change of yours seems to be the cause."),
        (18, "Hint Open your state machine"),
    ] {
        let page = pages.student(&report, &report.students[row]).unwrap();
        let text = words(&page, "<main>", "</main>");
        assert!(text.contains(says), "{says}: {text}");
        assert!(!text.contains("homeroom deploy") && !text.contains("They changed"));
        assert_eq!(page.matches("class=\"hint\"").count(), 1, "{row}");
    }
    // Said about the class, or about nobody's work, it is not said to a student.
    let silent = pages.student(&report, &report.students[2]).unwrap();
    assert!(!silent.contains("class=\"stuck-now\"") && !silent.contains("not seen"));
    let typo = pages.student(&report, &report.students[4]).unwrap();
    assert!(!typo.contains("students send"));
}

#[test]
fn rows_link_to_a_students_page_only_where_it_lies_beside() {
    let report = class(3);
    let pages = Pages::new().unwrap();
    let link = "href=\"user2.html\"";
    assert!(pages.class(&report).unwrap().contains(link));
    let key = PseudonymKey::from_bytes([3; 32]);
    for page in [
        pages.live(&report, None, 60).unwrap(),
        pages.anonymous(&report, &key).unwrap(),
    ] {
        assert!(!page.contains(".html\""));
    }
}

#[test]
fn a_run_of_last_week_does_not_squeeze_today() {
    let mut report = class(30);
    let week_ms = 7 * 24 * 60 * 60_000;
    for (_, execution) in &mut report.students[0].progress.executions {
        execution.started_ms -= week_ms;
    }
    let page = page_of(&report).unwrap();
    let chart = words(&page, "id=\"h-chart\">", "</section>");
    assert!(
        chart.contains("9 executions before 08:59 not shown"),
        "{chart}"
    );
    assert!(!chart.contains("7 May"), "{chart}");
}

#[test]
fn evidence_names_the_execution_and_a_change_reads_as_a_difference() {
    let page = page_of(&class(30)).unwrap();
    assert!(page.contains("by a person"));
    assert!(page.contains("<ins><b>+</b>       &quot;MaxAttempts&quot;: 5</ins>"));
    assert!(page.contains("<del><b>−</b>       &quot;MaxAttempts&quot;: 3</del>"));
    assert!(page.contains("⋯ 12 unchanged lines"));
}

#[test]
fn the_page_says_in_one_sentence_how_the_class_stands() {
    let page = page_of(&class(30)).unwrap();
    let start = page.find("<h1>").unwrap();
    let end = page.find("</h1>").unwrap();
    let mut inside = false;
    let text: String = page[start..end]
        .chars()
        .filter(|c| match c {
            '<' => {
                inside = true;
                false
            }
            '>' => {
                inside = false;
                false
            }
            _ => !inside,
        })
        .collect();
    assert_eq!(
        text,
        "17 of 30 complete · 6 in progress · 4 not started · 1 not deployed · 1 broken · 1 could not be checked"
    );
    assert!(page.contains("Thursday, 14 May 2026"));
    assert!(page.contains("Europe/Berlin, UTC+02:00"));
    assert!(page.contains("datetime=\"2026-05-14T10:32:05+02:00\""));
}

#[test]
fn every_student_is_on_the_page_with_a_symbol_and_a_word_for_every_check() {
    let report = class(500);
    let page = page_of(&report).unwrap();
    assert_eq!(page.matches("<tbody ").count(), 500);
    assert_eq!(page.matches("class=\"c ").count(), 500 * 6);
    for (symbol, word) in [
        ("✓", "done"),
        ("○", "not yet"),
        ("?", "could not check"),
        ("–", "cannot be proven"),
    ] {
        let cell = format!("aria-hidden=\"true\">{symbol}</i> {word}</td>");
        assert!(page.contains(&cell), "{cell}");
    }
    // A part is shown with what it earned.
    let in_part =
        "aria-hidden=\"true\">◐</i> <span>2 of 3 <small>20 of 30 points</small></span></td>";
    assert!(page.contains(in_part));
}

#[test]
fn the_stack_is_a_state_and_no_task_and_earns_no_points() {
    let report = class(30);
    let page = page_of(&report).unwrap();
    for state in ["not-deployed", "broken"] {
        assert!(page.contains(&format!("<option value=\"{state}\">")));
        assert!(page.contains(&format!(
            "class=\"card {}\" data-state=",
            match state {
                "broken" => "bad",
                _ => "absent",
            }
        )));
    }
    let text = String::from_utf8(csv::gradebook(&report).unwrap()).unwrap();
    assert!(text.starts_with("\u{feff}username,name,email,section,console-test,api-test,"));
    // Nothing is there, so there is nothing to grade: not zero.
    let row = text
        .lines()
        .find(|line| line.starts_with("user21,"))
        .unwrap();
    assert!(row.ends_with(",Evening,,,,,,,,100,,not-deployed,"), "{row}");
    let json: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    let student = &json["students"][20];
    assert_eq!(student["points"], Value::Null);
    assert_eq!(
        (&student["status"], &student["stack"]),
        (&"not-deployed".into(), &"not-deployed".into())
    );
    assert_eq!(json["students"][11]["stack"], "broken");
    assert_eq!(json["students"][0]["stack"], "ready");
    assert_eq!(json["students"][0]["checks_provable"], 5);
    assert_eq!(json["summary"]["not-deployed"], 1);
}

#[test]
fn students_read_their_hint_and_the_instructor_the_instructor_s() {
    let report = class(30);
    let pages = Pages::new().unwrap();
    let students = "Ask your instructor to deploy your stack again.";
    let instructors = "homeroom deploy";
    let page = page_of(&report).unwrap();
    assert!(page.contains(instructors) && !page.contains(students));
    for broken in [11, 20] {
        let own = pages.student(&report, &report.students[broken]).unwrap();
        assert!(
            own.contains(students) && !own.contains(instructors),
            "{broken}"
        );
        assert!(!own.contains("puts back what is missing"));
    }
    let json: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    let check = &json["students"][11]["checks"][1];
    assert_eq!(check["hint"], students);
    assert!(
        check["instructor_hint"]
            .as_str()
            .unwrap()
            .contains(instructors)
    );
}

#[test]
fn what_could_not_be_seen_is_on_the_page() {
    let mut report = class(1);
    report.gaps.push(Gap {
        kind: Kind::LogGroup,
        name: None,
        student: None,
        cause: "logs:DescribeLogGroups: AccessDeniedException".into(),
    });
    let page = page_of(&report).unwrap();
    assert!(page.contains("Not everything could be seen"));
    assert!(page.contains("every log group</b>: logs:DescribeLogGroups"));
}

#[test]
fn the_page_allows_itself_nothing_but_its_own_style_and_script() {
    let page = page_of(&class(1)).unwrap();
    let policy_at = page.find("http-equiv=\"Content-Security-Policy\"").unwrap();
    let policy = &page[policy_at..policy_at + page[policy_at..].find('>').unwrap()];
    assert!(policy.contains("default-src &#39;none&#39;"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    // An inline style or handler would not work under it, so there must be none.
    assert_eq!(page.matches("<script>").count(), 1);
    assert_eq!(page.matches("<style>").count(), 1);
    for forbidden in [
        " style=\"",
        " onclick=",
        " onload=",
        "<script src",
        "<link rel=\"style",
        "@import",
        "url(",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn hostile_values_are_text_on_the_page_and_nothing_else() {
    let calm = page_of(&class(ATTACKS.len())).unwrap();
    let page = page_of(&hostile_class()).unwrap();
    for tag in [
        "<script",
        "<style",
        "<img",
        "</style>",
        "</script>",
        "</title>",
        "<!--",
        "<b>alert",
    ] {
        let before = calm.matches(tag).count();
        assert_eq!(page.matches(tag).count(), before, "{tag}");
    }
    // A quote that ends an attribute early would let a handler in.
    assert!(!page.contains("\"><img"));
    assert!(!page.contains("' onmouseover"));
    // None of the attacks is an http address, so none became a link.
    let links = page
        .split("<a href=\"")
        .skip(1)
        .filter(|l| !l.starts_with(['#']));
    for link in links.filter(|l| !l.starts_with("user")) {
        assert!(link.starts_with("https://us-east-1.console"), "{link:.60}");
    }
    assert!(!page.contains("href=\"javascript"));
    assert!(page.contains("{{ page.class }}"), "shown, not rendered");
    assert!(
        page.chars().all(|c| c == '\n' || !c.is_control()),
        "no control character reaches the page"
    );
    assert!(!page.contains('\u{202e}') && !page.contains('\u{2066}'));
}

#[test]
fn the_gradebook_is_read_again_by_the_own_reader_and_keeps_its_letters() {
    let bytes = csv::gradebook(&class(5)).unwrap();
    assert!(bytes.starts_with(b"\xEF\xBB\xBFusername,"));
    let limit = UsernameLimit {
        max: 40,
        because: String::new(),
    };
    let roster = Roster::parse("gradebook.csv", &bytes, &limit).unwrap();
    let names = |students: &[Student]| students.iter().map(|s| s.name.clone()).collect::<Vec<_>>();
    let class: Vec<Student> = class(5).students.into_iter().map(|s| s.student).collect();
    assert_eq!(names(&roster.students), names(&class));
    assert!(names(&class).iter().flatten().any(|name| !name.is_ascii()));
}

#[test]
fn what_the_roster_keeps_back_is_in_no_file() {
    let export = b"username,password,firstname,lastname,email,city\n\
        user1,s3cr3t-one,Ana,Ruiz,ana@example.edu,Hiddenville\n\
        user2,s3cr3t-two,Ben,Ito,ben@example.edu,Hiddenville\n";
    let limit = UsernameLimit {
        max: 40,
        because: String::new(),
    };
    let roster = Roster::parse("moodle.csv", export, &limit).unwrap();
    let mut report = class(2);
    for (row, student) in report.students.iter_mut().zip(&roster.students) {
        row.student = student.clone();
    }
    let dir = tempfile::tempdir().unwrap();
    let key = PseudonymKey::from_bytes([7; 32]).hiding(&roster.kept_back.values);
    let written = write_reports(dir.path(), &report, About::Class, Some(&key)).unwrap();
    let mut files = 0;
    let mut folders = vec![dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            for secret in ["s3cr3t", "Hiddenville", "password"] {
                assert!(!text.contains(secret), "{secret} in {}", path.display());
            }
            files += 1;
        }
    }
    assert!(files >= 6, "{files}");
    assert!(
        fs::read_to_string(&written.html)
            .unwrap()
            .contains("Ana Ruiz")
    );
}

#[test]
fn hostile_values_are_text_in_the_gradebook_and_in_junit() {
    let report = hostile_class();
    let bytes = csv::gradebook(&report).unwrap();
    let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
    let mut rows = 0;
    for record in reader.records() {
        rows += 1;
        for cell in &record.unwrap() {
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']),
                "{cell:?}"
            );
            assert!(!cell.chars().any(char::is_control), "{cell:?}");
        }
    }
    assert_eq!(rows, ATTACKS.len());

    let suites = report
        .students
        .iter()
        .map(|s| (&s.student.username, s.validate.as_slice()));
    let xml = junit::document(&report.class, &report.taken_at, suites);
    let elements = ["testsuites", "testsuite", "testcase", "failure"];
    for (at, _) in xml.match_indices('<').skip(1) {
        let name: String = xml[at + 1..]
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect();
        assert!(elements.contains(&name.as_str()), "{name}");
    }
    assert!(xml.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn a_report_about_some_replaces_nothing_of_the_class_s() {
    let dir = tempfile::tempdir().unwrap();
    let whole = write_reports(dir.path(), &class(5), About::Class, None).unwrap();
    let before: Vec<_> = [&whole.html, &whole.json, &whole.gradebook]
        .map(|path| fs::read(path).unwrap())
        .into();
    let mut some = class(5);
    some.students.truncate(2);
    let written = write_reports(dir.path(), &some, About::Selection, None).unwrap();
    let after: Vec<_> = [&whole.html, &whole.json, &whole.gradebook]
        .map(|path| fs::read(path).unwrap())
        .into();
    assert_eq!(before, after);
    for path in written.files() {
        assert!(path.is_file(), "{}", path.display());
    }
    assert_eq!(
        written.students[..],
        whole.students[..2],
        "their own pages are the same ones"
    );
    assert!(whole.students[4].is_file(), "nobody left");
}

#[test]
fn the_next_report_removes_only_the_pages_of_students_who_left() {
    let dir = tempfile::tempdir().unwrap();
    let first = write_reports(dir.path(), &class_before(&class(4)), About::Class, None).unwrap();
    let mine = first.html.with_file_name("notes.html");
    fs::write(&mine, "the instructor's own").unwrap();
    let mut next = class(4);
    next.students.truncate(3);
    next.since = Since::read(dir.path(), &next).unwrap();
    let written = write_reports(dir.path(), &next, About::Class, None).unwrap();
    assert_eq!(written.removed, first.students[3..]);
    assert!(!first.students[3].exists() && mine.is_file());
    assert!(written.students.iter().all(|page| page.is_file()));
}

/// The sample a week after it was read: every stack is gone.
fn torn_down() -> Document {
    let mut report = class(3);
    let week = jiff::SignedDuration::from_hours(24 * 7);
    let read: Timestamp = report.taken_at.timestamp() - week;
    for row in &mut report.students {
        row.progress.last.as_of = Some(read);
        row.progress.last.gone = true;
        row.progress.trouble = None;
        for check in &mut row.progress.checks {
            check.as_of = Some(read);
        }
    }
    report
}

#[test]
fn a_last_reading_shows_its_time_on_every_page_and_in_every_file() {
    let report = torn_down();
    let text = String::from_utf8(csv::gradebook(&report).unwrap()).unwrap();
    let rows = text.lines().skip(1).filter(|line| !line.is_empty());
    assert!(rows.clone().count() == 3 && rows.clone().all(|r| r.ends_with(",2026-05-07 10:32:05")));
    let pages = Pages::new().unwrap();
    let page = pages.class(&report).unwrap();
    assert!(page.contains("The stacks are gone.</b> This is the last reading, of"));
    assert!(page.contains("<b>10:32</b> on Thursday, 7 May 2026"));
    assert_eq!(page.matches("as of 7 May, 10:32").count(), 3);
    let own = pages.student(&report, &report.students[0]).unwrap();
    assert!(own.contains("The stack is gone.</b> This is the last reading, of"));
    assert!(own.contains("read 7 May, 10:32"));
    let json: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    let student = &json["students"][0];
    assert_eq!(student["as_of"], "2026-05-07T10:32:05+02:00");
    assert_eq!(
        (&student["stack_gone"], &student["stack"]),
        (&true.into(), &"not-deployed".into())
    );
}

#[test]
fn a_second_report_leaves_the_first_dated_copy_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let report = class(3);
    let first = write_reports(dir.path(), &report, About::Class, None).unwrap();
    let bytes = fs::read(&first.dated).unwrap();
    let mut changed = report.clone();
    changed.notes.push("another".into());
    let second = write_reports(dir.path(), &changed, About::Class, None).unwrap();
    assert_ne!(first.dated, second.dated, "even in the same second");
    assert_eq!(fs::read(&first.dated).unwrap(), bytes);
    let chosen = write_reports(dir.path(), &report, About::Selection, None).unwrap();
    assert!(chosen.dated.to_string_lossy().ends_with("-selection.json"));
    assert_eq!(
        fs::read(&second.json).unwrap(),
        fs::read(&second.dated).unwrap()
    );
}

#[test]
fn a_wrong_canvas_export_is_refused_before_aws_and_any_file() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    // Answers nobody, and counts who calls.
    let endpoint = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", endpoint.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    std::thread::spawn(move || {
        for _ in endpoint.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    fs::write(folder.join("lab6.csv"), "username,name\nuser1,Ana Ruiz\n").unwrap();
    let good = "Student,ID,Section,Lab 6 (12),Final Score\n    Points Possible,,,100.00,(read only)\n\"Ruiz, Ana\",1,A,,\n";
    for (export, assignment, word) in [
        (good.to_owned(), "Lab 7", "no assignment of that name"),
        (good.to_owned(), "Final Score", "read-only"),
        (good.replace("100.00", "0.00"), "Lab 6", "0 points"),
        (
            good.replace("\"Ruiz, Ana\"", "\"Ruiz, Ana"),
            "Lab 6",
            "line 3",
        ),
    ] {
        fs::write(folder.join("grades.csv"), export).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_homeroom"))
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_CONFIG_FILE", "/nonexistent")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
            .current_dir(folder)
            .args(["report", "--roster", "lab6.csv", "--region", "us-east-1"])
            .args(["--endpoint-url", &url, "--gradebook", "canvas"])
            .args(["--canvas-export", "grades.csv", "--assignment", assignment])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert_eq!(calls.load(Ordering::SeqCst), 0, "{said}");
        assert!(said.contains(word), "{said}");
        assert!(!folder.join("reports").exists());
    }
}

/// The few, of whom the first did half of each task after the due time; of the second that is not known.
fn with_late_work() -> Document {
    let mut report = few();
    let due: Timestamp = "2026-05-14T16:00:00Z".parse().unwrap();
    for row in report.students.iter_mut().take(3) {
        row.student.due = Some(due);
    }
    for check in &mut report.students[0].progress.checks {
        check.on_time = Some(OnTime {
            due,
            earned: check.earned.share(1, 2),
        });
    }
    report
}

#[test]
fn late_work_and_its_points_stand_apart_in_every_file() {
    let report = with_late_work();
    let score = |report: &Document, key: &str| {
        let json: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
        json["students"][0][key].clone()
    };
    assert_eq!(score(&report, "points"), 100);
    assert_eq!(score(&report, "points_on_time"), 50);
    assert_eq!(score(&report, "late"), true);
    let text = String::from_utf8(csv::gradebook(&report).unwrap()).unwrap();
    let plain = String::from_utf8(csv::gradebook(&few()).unwrap()).unwrap();
    let ends = [
        "as_of,points_on_time,due",
        ",50,",
        ",0,2026-05-14T",
        ",,",
        ",,",
    ];
    for ((line, before), part) in text.lines().zip(plain.lines()).zip(ends) {
        assert!(line.starts_with(before), "existing columns stay: {line}");
        assert!(line.contains(part), "{line}");
    }
    assert!(!plain.contains("points_on_time"));
    let pages = Pages::new().unwrap();
    let (page, row) = (pages.class(&report).unwrap(), &report.students[0]);
    assert!(page.contains("100 points, 50 on time"));
    let own = pages.student(&report, row).unwrap();
    assert!(
        own.contains("100 of 100 points, 50 by the due time, Thu 14 May"),
        "{own}"
    );
    let unknown = pages.student(&report, &report.students[2]).unwrap();
    assert!(unknown.contains("what of it was done by the due time"));
}

#[test]
fn every_document_of_a_class_in_places_says_each_students_place() {
    let report = class_in_places(4);
    let json: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    json_schemas::check(&json);
    let places: Vec<_> = json["students"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["place"])
        .collect();
    assert_eq!(places, ["north", "south", "north", "south"]);
    assert_eq!(json["places"][1]["account"]["id"], "222222222222");
    let text = String::from_utf8(csv::gradebook(&report).unwrap()).unwrap();
    let ends: Vec<_> = text
        .lines()
        .map(|line| line.rsplit(',').next().unwrap())
        .collect();
    assert_eq!(ends, ["place", "north", "south", "north", "south"]);
    // A class in one place has what it always had.
    let plain: Value = serde_json::from_str(&class(4).to_json().unwrap()).unwrap();
    assert!(plain.get("places").is_none() && plain["students"][0].get("place").is_none());
    assert!(
        !String::from_utf8(csv::gradebook(&class(4)).unwrap())
            .unwrap()
            .contains("place")
    );
}

#[test]
fn the_page_shows_and_filters_places_and_names_the_one_out_of_sight() {
    let report = class_in_places(4);
    let pages = Pages::new().unwrap();
    let page = pages.class(&report).unwrap();
    for part in [
        "<option value=\"\">All places</option><option value=\"north\">north</option>",
        "data-place=\"south\"",
        "<span>north, south</span>",
        "<b>everybody in south</b>: sts:GetCallerIdentity: the token is expired",
        "Lab lab6 · north (training-emea, us-east-1), south (account 222222222222, eu-west-1) ·",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(!page_of(&class(4)).unwrap().contains("f-place\""));
    // A student works in one place, and the account of another is nobody's business.
    let own = pages.student(&report, &report.students[1]).unwrap();
    assert!(
        !own.contains("north") && !own.contains("222222222222"),
        "{own}"
    );
    let key = PseudonymKey::from_bytes([3; 32]);
    let shown = pages.anonymous(&report, &key).unwrap();
    for secret in [
        "222222222222",
        "123456789012",
        "training-emea",
        "data-place",
    ] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[test]
fn a_report_of_a_class_in_places_goes_on_from_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut before = class_before(&class_in_places(4));
    // Which place is named first may change from run to run.
    before.account.id = "222222222222".into();
    write_reports(dir.path(), &before, About::Class, None).unwrap();
    assert!(
        Since::read(dir.path(), &class_in_places(4))
            .unwrap()
            .is_some()
    );
}
