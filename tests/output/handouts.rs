//! The handouts' files: who is in them, what is in them, and what is not.

use std::fs;
use std::path::Path;

use crate::handout_sample::{Sample, password, secret_key, student};
use crate::report_sample::ATTACKS;
use homeroom::report::handout::{HandoutPages, markdown, write};

fn sample() -> Sample {
    Sample::of(vec![
        student("user1", "Amara Okafor", "Evening"),
        student("user10", "Liam O’Connor", "Morning"),
        student("all", "", ""),
    ])
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn nobodys_secret_is_in_a_page_that_was_not_asked_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let sample = sample();
    let files = write(dir.path(), &sample.class(), &sample.handouts(false), true).unwrap();
    for path in files.all() {
        let text = read(path);
        for student in &sample.students {
            let username = student.username.as_str();
            for secret in [password(username), secret_key(username)] {
                assert!(!text.contains(&secret), "{}", path.display());
            }
        }
        assert!(!text.contains("AKIA"), "{}", path.display());
    }
}

#[test]
fn a_page_holds_what_is_its_students_and_nothing_of_anybody_else() {
    let dir = tempfile::tempdir().unwrap();
    let sample = sample();
    let files = write(dir.path(), &sample.class(), &sample.handouts(true), true).unwrap();
    assert_eq!(files.students.len(), 3);
    for (student, paths) in sample.students.iter().zip(&files.students) {
        for path in paths {
            let text = read(path);
            let own = student.username.as_str();
            let api = format!("https://k3x9{own}.execute-api.us-east-1.amazonaws.com/prod/process");
            let html = path.extension().is_some_and(|e| e == "html");
            let key = match html {
                true => secret_key(own).replace('/', "&#x2F;"),
                false => secret_key(own),
            };
            for needed in [password(own), key, format!("{own}-simple-workflow")] {
                assert!(text.contains(&needed), "{}: {needed}", path.display());
            }
            assert!(
                text.replace("&#x2F;", "/").contains(&api),
                "{}",
                path.display()
            );
            for other in sample.students.iter().filter(|s| *s != student) {
                let name = other.username.as_str();
                let theirs = [
                    password(name),
                    format!("k3x9{name}."),
                    format!("{name}-simple-workflow"),
                ];
                for theirs in theirs.iter().chain(&other.name) {
                    assert!(
                        !text.contains(theirs.as_str()),
                        "{}: {theirs}",
                        path.display()
                    );
                }
            }
        }
    }
    let together = read(&files.together);
    assert!(
        sample
            .students
            .iter()
            .all(|s| together.contains(&password(s.username.as_str())))
    );
}

#[test]
fn a_student_who_is_called_like_the_page_of_all_has_a_page_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let sample = sample();
    let files = write(dir.path(), &sample.class(), &sample.handouts(false), true).unwrap();
    let mut all: Vec<&Path> = files.all().collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 7);
    let few = write(
        dir.path(),
        &sample.class(),
        &sample.handouts(false)[..1],
        false,
    )
    .unwrap();
    assert_ne!(
        few.together, files.together,
        "some replace nothing of the class's"
    );
}

#[cfg(unix)]
#[test]
fn only_their_owner_can_read_handouts() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let sample = sample();
    let files = write(dir.path(), &sample.class(), &sample.handouts(true), true).unwrap();
    for path in files.all() {
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}

/// A page's tags, without what stands between them.
fn tags(page: &str) -> Vec<String> {
    let inner = page
        .split('<')
        .skip(1)
        .filter_map(|part| part.split_once('>'));
    inner.map(|(tag, _)| tag.to_owned()).collect()
}

#[test]
fn a_hostile_name_or_section_changes_nothing_of_a_page_but_its_words() {
    let pages = HandoutPages::new().unwrap();
    let page = |name: &str| {
        let sample = Sample::of(vec![student("user1", name, name)]);
        let page = pages
            .html(&sample.class(), &sample.handouts(true)[0])
            .unwrap();
        let text = markdown(&sample.class(), &sample.handouts(true)[0]).unwrap();
        (page, text)
    };
    let (plain, plain_markdown) = page("plain");
    for attack in ATTACKS {
        let (hostile, markdown) = page(attack);
        assert_eq!(tags(&hostile), tags(&plain), "{attack}");
        assert!(!hostile.contains(['\u{1b}', '\u{202e}']), "{attack}");
        let differs = |(a, b): &(&str, &str)| a != b;
        let lines = markdown.lines().zip(plain_markdown.lines()).filter(differs);
        assert_eq!(lines.count(), 1, "{attack}");
        assert_eq!(markdown.lines().count(), plain_markdown.lines().count());
    }
}

#[test]
fn a_hostile_name_or_section_changes_nothing_of_a_slip_but_its_words() {
    let files = |name: &str| {
        let [page, table] = Sample::of(vec![student("user1", name, name)]).slips();
        let table = csv::Reader::from_reader(&table[..]).records().count();
        (tags(&String::from_utf8(page).unwrap()), table)
    };
    let plain = files("plain");
    for attack in ATTACKS {
        assert_eq!(files(attack), plain, "{attack}");
    }
}

#[test]
fn the_shipped_lab_reads_as_it_was_proofread() {
    let sample = sample();
    let text = markdown(&sample.class(), &sample.handouts(false)[0]).unwrap();
    insta::assert_snapshot!(text);
}
