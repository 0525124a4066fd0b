use super::*;
use crate::report::canvas::tests::{UNKNOWN, report, student};

const HEADER: &str = "First name,Last name,ID number,Email address,Quiz: Lab 6 quiz (Real),Assignment: Lab 6 (Real),Assignment: Lab 6 (Feedback),Course total (Real)";

fn class() -> Vec<(Student, f64)> {
    vec![
        (student("user1", "Ana Ruiz", "ana.ruiz@example.edu"), 100.0),
        (student("user2", "Ben Ito", "ben.ito@example.edu"), 80.0),
        (student("user3", "Cora Weiss", "cora@example.edu"), 45.0),
        (student("user4", "Dan Núñez", "dan@example.edu"), UNKNOWN),
    ]
}

const FOUR: [&str; 4] = [
    "Ana,Ruiz,S1,ana.ruiz@example.edu,3.00,-,,50.00",
    "Ben,Ito,S2,BEN.ITO@example.edu,3.00,80.00,,50.00",
    "Cora,Weiss,S3,cora@example.edu,3.00,90.00,,50.00",
    "Dan,Núñez,S4,dan@example.edu,3.00,-,,50.00",
];

fn export(rows: &[&str]) -> String {
    let lines = [HEADER].into_iter().chain(rows.iter().copied());
    lines.map(|line| format!("{line}\n")).collect()
}

fn read(text: &str, item: &str, possible: u64) -> Result<MoodleExport, String> {
    let possible = Number::from_hundredths(possible * 100);
    MoodleExport::read("g.csv", text.as_bytes(), item, possible).map_err(|failures| {
        let said = failures.iter().map(ToString::to_string);
        said.collect::<Vec<_>>().join("\n")
    })
}

/// The rows below the header, and the notes.
fn fill(text: &str, possible: u64, lower: bool) -> (Vec<String>, Vec<String>) {
    let class = class();
    let roster: Vec<Student> = class.iter().map(|(student, _)| student.clone()).collect();
    let export = read(text, "Lab 6", possible).unwrap();
    let filled = export
        .fill(
            &report(&class),
            &roster,
            GradeRules {
                lower,
                count_late: false,
            },
        )
        .unwrap();
    let text = String::from_utf8(filled.bytes).unwrap();
    let lines = text.strip_prefix('\u{feff}').unwrap().lines();
    (
        lines.skip(1).map(str::to_owned).collect(),
        filled.judged.notes(),
    )
}

#[test]
fn only_rows_that_change_are_in_the_file_for_moodle() {
    let (rows, notes) = fill(&export(&FOUR), 100, false);
    assert_eq!(rows, ["ana.ruiz@example.edu,\"Ruiz, Ana\",100"]);
    assert_eq!(
        notes,
        [
            "Moodle: lowers 1: user3 90 → 45; these stay as they are without --lower",
            "Moodle: user4 not filled in: could not be checked",
        ]
    );
    let (rows, _) = fill(&export(&FOUR), 100, true);
    assert_eq!(rows[1], "cora@example.edu,\"Weiss, Cora\",45");
}

#[test]
fn points_for_moodle_are_scaled_and_written_with_a_point() {
    let text = "First name;Surname;Email address;Assignment: Lab 6 (Real)\nAna;Ruiz;ana.ruiz@example.edu;9,50\nCora;Weiss;cora@example.edu;-\n";
    let (rows, notes) = fill(text, 10, false);
    assert_eq!(
        rows,
        [
            "ana.ruiz@example.edu,\"Ruiz, Ana\",10",
            "cora@example.edu,\"Weiss, Cora\",4.5"
        ]
    );
    assert!(
        notes[0].starts_with("Moodle gives 10 points for it, the lab 100"),
        "{notes:?}"
    );
}

#[test]
fn an_address_that_would_be_a_formula_is_not_written() {
    let rows = ["Ana,Ruiz,S1,=cmd|x,3.00,-,,1"];
    let (rows, notes) = fill(&export(&rows), 100, false);
    assert_eq!(rows, [""; 0]);
    assert!(
        notes[0].contains("nothing by which Moodle could find them"),
        "{notes:?}"
    );
}

#[test]
fn a_name_that_would_be_a_formula_is_guarded() {
    let rows = ["Ana,=Ruiz,S1,ana.ruiz@example.edu,3.00,-,,1"];
    let (rows, _) = fill(&export(&rows), 100, false);
    assert_eq!(rows, ["ana.ruiz@example.edu,\"'=Ruiz, Ana\",100"]);
}

#[test]
fn namesakes_in_moodle_get_nobodys_grade() {
    let rows = [
        "Ana,Ruiz,S1,x1@other.example,3,-,,1",
        "Ana,Ruiz,S2,x2@other.example,3,-,,1",
    ];
    let (rows, notes) = fill(&export(&rows), 100, false);
    assert_eq!(rows, [""; 0]);
    assert!(
        notes[0].contains("more than one row has their name ('Ruiz, Ana' (line 2)"),
        "{notes:?}"
    );
}

#[test]
fn the_item_is_found_by_its_whole_header_or_its_name() {
    let text = export(&FOUR);
    for wanted in ["Lab 6", "Assignment: Lab 6", "assignment: lab 6 (Real)"] {
        assert_eq!(
            read(&text, wanted, 100).unwrap().item,
            "Assignment: Lab 6 (Real)"
        );
    }
    for (wanted, said) in [
        ("Lab 7", "no item of that name"),
        ("Course total", "no item of that name"),
        ("Assignment: Lab 6 (Feedback)", "holds no points"),
        ("", "no item of that name"),
    ] {
        let found = read(&text, wanted, 100).unwrap_err();
        assert!(found.contains(said), "{wanted}: {found}");
    }
}

#[test]
fn what_is_no_export_of_moodle_is_refused() {
    for (text, said) in [
        ("", "empty"),
        ("Student,ID\nAna,1\n", "not a Moodle gradebook export"),
        (
            "First name,Last name,Assignment: Lab 6 (Real)\nAna,Ruiz,-\n",
            "could find nobody",
        ),
        (
            "First name,Last name,Email address,Assignment: Lab 6 (Percentage)\n",
            "holds no points",
        ),
    ] {
        let found = read(text, "Lab 6", 100).unwrap_err();
        assert!(found.contains(said), "{found}");
    }
}

#[test]
fn a_wrong_figure_of_points_possible_is_refused() {
    let found = read(&export(&FOUR), "Lab 6", 50).unwrap_err();
    assert!(found.contains("line 3 has 80 points in Moodle"), "{found}");
}
