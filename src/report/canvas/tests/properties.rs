//! What holds of any class and any export.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const NAMES: [&str; 7] = [
    "",
    "Ana Ruiz",
    "Ruiz, Ana",
    "Cora Weiss",
    "Adams, Corazon",
    "Weiss, Cora M.",
    "Ben Ito",
];
const LOGINS: [&str; 9] = [
    "",
    "ana",
    "cora",
    "user1",
    "user2",
    "ana@x.edu",
    "cora@x.edu",
    "user1@x.edu",
    "z",
];
const EMAILS: [&str; 5] = ["", "ana@x.edu", "cora@x.edu", "user2@x.edu", "ana@y.edu"];
const USERNAMES: [&str; 4] = ["user1", "user2", "ana", "cora"];

fn any_class() -> impl Strategy<Value = Vec<(Student, f64)>> {
    let one = (select(NAMES.to_vec()), select(EMAILS.to_vec()));
    proptest::collection::vec(one, 1..=4).prop_map(|people| {
        let with_names = USERNAMES.iter().zip(people).enumerate();
        // Everybody has other points, so that a cell tells whose it is.
        let students = with_names.map(|(at, (username, (name, email)))| {
            (
                student(username, name, email),
                f64::from(10 + u8::try_from(at).unwrap()),
            )
        });
        students.collect()
    })
}

fn any_rows() -> impl Strategy<Value = Vec<String>> {
    let cell = select(vec!["", "", "-", "EX", "N/A", "99", "5", "B+"]);
    let row = (
        select(NAMES.to_vec()),
        0..6_u8,
        select(LOGINS.to_vec()),
        select(LOGINS.to_vec()),
        cell,
    );
    proptest::collection::vec(row, 0..6).prop_map(|rows| {
        let rows = rows.into_iter().enumerate();
        // The section tells the rows apart.
        let text = rows.map(|(at, (name, id, sis, login, cell))| {
            let id = if id == 0 {
                String::new()
            } else {
                id.to_string()
            };
            format!("\"{name}\",{id},{sis},{login},row{at},{cell}")
        });
        text.collect()
    })
}

/// Each row's cell by its section, and who was filled in.
fn cells(
    class: &[(Student, f64)],
    rows: &[String],
    lower: bool,
) -> (Vec<(String, String)>, Filled) {
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let filled = fill_class(class, export(&rows).as_bytes(), "Lab 6", lower);
    let text = String::from_utf8(filled.bytes.clone()).unwrap();
    let mut cells: Vec<(String, String)> = text
        .lines()
        .skip(2)
        .map(|line| {
            let mut parts = line.rsplitn(3, ',');
            let cell = parts.next().unwrap().to_owned();
            (parts.next().unwrap().to_owned(), cell)
        })
        .collect();
    cells.sort();
    (cells, filled)
}

proptest! {
    #[test]
    fn the_order_of_rows_and_students_changes_no_cell(
        class in any_class(),
        (rows, turned) in any_rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        lower in any::<bool>(),
    ) {
        let (before, filled) = cells(&class, &rows, lower);
        let (after, again) = cells(&class, &turned, lower);
        prop_assert_eq!(&before, &after);
        prop_assert_eq!(graded(&filled), graded(&again));
        let mut backwards = class.clone();
        backwards.reverse();
        prop_assert_eq!(&before, &cells(&backwards, &rows, lower).0);
    }

    #[test]
    fn a_grade_goes_only_to_a_row_that_is_proven_to_be_theirs(class in any_class(), rows in any_rows()) {
        let (after, filled) = cells(&class, &rows, true);
        let mut given: Vec<(String, String)> = Vec::new();
        for (section, cell) in after {
            let row = rows.iter().find(|row| row.contains(&format!(",{section},"))).unwrap();
            let Some((student, _)) = class.iter().find(|(_, points)| cell == points.to_string()) else {
                // Every other cell is what it was.
                prop_assert!(row.ends_with(&format!(",{section},{cell}")), "{} {}", row, cell);
                continue;
            };
            prop_assert!(graded(&filled).contains(&student.username));
            let parts = |row: &str| -> [String; 4] {
                let (name, rest) = row[1..].split_once("\",").unwrap();
                let mut rest = rest.split(',').map(str::to_owned);
                [name.to_owned(), rest.next().unwrap(), rest.next().unwrap(), rest.next().unwrap()]
            };
            let [name, id, ..] = parts(row);
            let name = name.as_str();
            // What proves one row of a Canvas ID proves all of them.
            let same = rows.iter().filter(|other| *other == row || (!id.is_empty() && parts(other)[1] == id));
            let logins: Vec<String> = same.flat_map(|row| parts(row)[2..].to_vec()).collect();
            prop_assert!(!id.is_empty() || logins.iter().any(|login| !login.is_empty()), "{}", row);
            let email = student.email.as_deref().unwrap_or("none");
            let words = |text: &str| {
                let mut words: Vec<String> = text.replace(',', " ").split_whitespace().map(str::to_lowercase).collect();
                words.sort();
                words
            };
            let own = student.name.as_deref().unwrap_or_default();
            let alike = words(own).iter().filter(|word| words(name).contains(word)).count() >= 2;
            let by_address = logins.iter().any(|login| login == email);
            let by_login = logins.iter().any(|l| {
                l.split('@').next() == Some(student.username.as_str())
                    || email.split('@').next() == Some(l.as_str())
            });
            prop_assert!(
                by_address || alike || (by_login && (name.is_empty() || own.is_empty())),
                "{} got {:?}", row, student
            );
            // Never another student's name that is not their own.
            let of_other = class.iter().any(|(other, _)| {
                let theirs = other.name.as_deref().unwrap_or_default();
                !theirs.is_empty() && words(theirs) == words(name) && words(theirs) != words(own)
            });
            prop_assert!(!of_other, "{} got {:?}", row, student);
            if !id.is_empty() {
                given.push((student.username.to_string(), id.to_owned()));
            }
        }
        // One to one: no student has two Canvas IDs, no ID has two students.
        given.sort();
        given.dedup();
        let mut students: Vec<&str> = given.iter().map(|(student, _)| student.as_str()).collect();
        students.dedup();
        prop_assert_eq!(students.len(), given.len(), "{:?}", given);
        let mut ids: Vec<&str> = given.iter().map(|(_, id)| id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), given.len(), "{:?}", given);
    }

    #[test]
    fn any_bytes_are_refused_or_filled_in(bytes in proptest::collection::vec(any::<u8>(), 0..200), rows in any_rows()) {
        let mut file = format!("{HEADER}\n{POSSIBLE}\n{}\n", rows.join("\n")).into_bytes();
        file.extend(&bytes);
        for file in [&file, &bytes] {
            if let Ok(export) = Export::read("g.csv", file, "Lab 6") {
                let _ = export.fill(&report(&class()), &[], rules(false));
            }
        }
    }
}
