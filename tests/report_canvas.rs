//! A Canvas export: one column filled in, every other byte as it was.

#[expect(dead_code, reason = "other tests use the rest of the sample")]
mod report_sample;

use homeroom::domain::points::Points;
use homeroom::report::ClassReport;
use homeroom::report::canvas::fill;
use report_sample::class;

/// user1 complete, user3 not started, user5 in part, user12 broken, user23 could not be checked.
fn few() -> ClassReport {
    let mut report = class(30);
    let keep = ["user1", "user3", "user5", "user12", "user23"];
    report
        .students
        .retain(|s| keep.contains(&s.student.username.as_str()));
    report
}

const EXPORT: &str = "\u{feff}Student,ID,SIS User ID,SIS Login ID,Section,\"Quiz, first (11)\",Lab 6 (12),Final Score\r\n\
,,,,,Manual Posting,,\r\n\
\"    Points Possible\",,,,,10.00,100.00,(read only)\r\n\
\"Okafor, Amara\",101,S1,USER1@example.edu,Morning,7.00,,70.0\r\n\
\"Lombardi, Chiara\",102,S3,user3,\"Morning \"\"A\"\"\",,\"12\",\r\n\
\"Yılmaz, Elif\",103,S5,elif,Morning,3.00,50.00,30.0\r\n\
\"O’Connor, Liam\",104,S12,someone-else,Morning,1.00,EX,\r\n\
\"Kamau, Wanjiru\",105,S23,user23@example.edu,Evening,,44.00,\r\n\
\"Nobody, Known\",106,S99,known,Evening,,,\r\n\
\"Student, Test\",107,,f00,Evening,,,\r\n";

#[test]
fn only_the_assignment_s_cells_change() {
    let filled = fill(&few(), "grades.csv", EXPORT.as_bytes(), "Lab 6").unwrap();
    let text = String::from_utf8(filled.bytes.clone()).unwrap();
    let expected = EXPORT
        .replace("Morning,7.00,,70.0", "Morning,7.00,100,70.0")
        .replace(",\"12\",", ",0,")
        .replace("3.00,50.00,30.0", "3.00,85,30.0");
    assert_eq!(text, expected);
    let names: Vec<&str> = filled.filled.iter().map(|u| u.as_str()).collect();
    assert_eq!(names, ["user1", "user3", "user5"]);
    let left: Vec<String> = filled
        .left
        .iter()
        .map(|(u, why)| format!("{u}: {why}"))
        .collect();
    assert_eq!(
        left,
        ["user12: excused in Canvas", "user23: could not be checked"]
    );
    assert_eq!(filled.strangers, ["Nobody, Known", "Student, Test"]);
    assert_eq!(filled.scaled, None);
}

#[test]
fn points_are_scaled_to_what_the_assignment_is_worth_and_written_as_the_file_writes_numbers() {
    let export = "Student;ID;SIS Login ID;Section;Lab (1)\n    Points Possible;;;;12,50\nAmara Okafor;1;x;A;\nElif Yılmaz;2;y;A;\n";
    let filled = fill(&few(), "g.csv", export.as_bytes(), "lab").unwrap();
    let text = String::from_utf8(filled.bytes).unwrap();
    assert!(text.contains("Amara Okafor;1;x;A;\"12,5\"\n"), "{text}");
    assert!(text.ends_with("Elif Yılmaz;2;y;A;\"10,63\"\n"), "{text}");
    assert_eq!(filled.scaled, Some((Points::whole(100), 12.5)));
    assert_eq!(filled.left.len(), 3, "{:?}", filled.left);
}

#[test]
fn a_name_that_two_share_matches_nobody() {
    let mut report = few();
    report.students[1].student.name = report.students[0].student.name.clone();
    let export = "Student,ID,SIS Login ID,Section,Lab (1)\n\"Okafor, Amara\",1,x,A,\n";
    let filled = fill(&report, "g.csv", export.as_bytes(), "Lab").unwrap();
    assert_eq!(filled.bytes, export.as_bytes());
    assert_eq!(filled.strangers, ["Okafor, Amara"]);
}

#[test]
fn first_and_last_names_in_columns_of_their_own_are_read_too() {
    let export = "LastName,FirstName,ID,SIS Login ID,Section,Lab (1)\nOkafor,Amara,1,,A,";
    let filled = fill(&few(), "g.csv", export.as_bytes(), "Lab (1)").unwrap();
    assert!(filled.bytes.ends_with(b",A,100"));
}

#[test]
fn what_cannot_be_filled_in_says_what_to_do() {
    let said = |export: &str, assignment: &str| {
        let failure = fill(&few(), "g.csv", export.as_bytes(), assignment).unwrap_err();
        format!("{failure} / {}", failure.hint.as_deref().unwrap())
    };
    insta::assert_snapshot!(
        [
            said("", "Lab"),
            said("name,grade\n", "Lab"),
            said("Student,ID,Lab 6 (1)\n", "Lab 7"),
            said("Student,ID\n", "Lab 7"),
            said("Student,ID,Lab (1),Lab (2)\n", "Lab"),
            said("Student,ID,Lab (1)\n", "ID"),
        ]
        .join("\n")
    );
}
