//! What stands in the assignment's cell before and after.

use super::*;
use crate::evidence::check::OnTime;
use crate::lab::points::Points;

fn with_cells(cells: [&str; 5]) -> Vec<String> {
    FIVE.iter()
        .zip(cells)
        .map(|(row, cell)| format!("{row}{cell}"))
        .collect()
}

fn fill_cells(cells: [&str; 5], lower: bool) -> Filled {
    let rows = with_cells(cells);
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    fill_class(&class(), export(&rows).as_bytes(), "Lab 6", lower)
}

#[test]
fn excused_and_not_theirs_stay_and_a_dash_is_no_grade() {
    let filled = fill_cells(["ex", "EX ", "-", "N/A", "Excused"], false);
    assert_eq!(grades(&filled), ["ex", "EX ", "45", "N/A", "Excused"]);
    assert_eq!(
        left(&filled),
        [
            "user1: excused in Canvas",
            "user2: excused in Canvas",
            "user4: the assignment is not assigned to them in Canvas",
            "user5: excused in Canvas",
        ]
    );
}

#[test]
fn a_grade_that_would_go_down_is_listed_and_stays() {
    let filled = fill_cells(["100.00", "100.00", "80.00", "100.00", "90.00"], false);
    assert_eq!(
        grades(&filled),
        ["100.00", "100.00", "80.00", "100.00", "90.00"]
    );
    assert_eq!(filled.judged.graded.len(), 3);
    assert_eq!(
        notes(&filled)[1..],
        ["Canvas: lowers 2: user3 80 → 45, user5 90 → 20; these stay as they are without --lower"]
    );
}

#[test]
fn a_grade_goes_down_when_that_is_asked_for() {
    let filled = fill_cells(["100.00", "100.00", "80.00", "100.00", "90.00"], true);
    assert_eq!(grades(&filled), ["100.00", "100.00", "45", "100.00", "20"]);
    assert_eq!(filled.judged.graded.len(), 5);
    assert_eq!(
        notes(&filled)[1..],
        ["Canvas: lowers 2: user3 80 → 45, user5 90 → 20"]
    );
}

#[test]
fn a_grade_that_is_there_keeps_its_bytes_and_a_lower_one_goes_up() {
    let filled = fill_cells(["\"100\"", "99.99", "45.00", "100.0040", "\"19,5\""], false);
    let text = String::from_utf8(filled.bytes.clone()).unwrap();
    let cells: Vec<&str> = text
        .lines()
        .skip(2)
        .map(|l| l.rsplit_once(",A,").or(l.rsplit_once(",B,")).unwrap().1)
        .collect();
    assert_eq!(cells, ["\"100\"", "100", "45.00", "100.0040", "20"]);
    assert_eq!(filled.judged.graded.len(), 5);
}

#[test]
fn what_is_no_number_stays_and_is_listed() {
    let filled = fill_cells(["B+", "85%", "complete", "\"1,000\"", "inf"], true);
    assert_eq!(grades(&filled), ["B+", "85%", "complete", "1,000", "inf"]);
    assert_eq!(filled.judged.graded.len(), 0);
    assert_eq!(
        notes(&filled)[1..],
        [
            "Canvas: user1, user2, user3, user4, user5 not filled in: their cell in Canvas is not a number (user1: 'B+'; user2: '85%'; user3: 'complete' and 2 more)"
        ]
    );
}

#[test]
fn who_could_not_be_checked_keeps_the_cell() {
    let mut class = class();
    class[2].1 = UNKNOWN;
    let rows = with_cells(["", "", "44.00", "", ""]);
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let filled = fill_class(&class, export(&rows).as_bytes(), "Lab 6", true);
    assert_eq!(grades(&filled)[2], "44.00");
    assert_eq!(left(&filled), ["user3: could not be checked"]);
}

#[test]
fn who_has_no_stack_keeps_the_cell_and_gets_no_zero() {
    let class = class();
    let roster: Vec<Student> = class.iter().map(|(student, _)| student.clone()).collect();
    let mut report = report(&class);
    report.students[4].progress.progress = Progress::NotDeployed;
    let text = export(&FIVE);
    let export = Export::read("grades.csv", text.as_bytes(), "Lab 6").unwrap();
    let filled = export.fill(&report, &roster, rules(true));
    assert_eq!(grades(&filled), ["100", "100", "45", "100", ""]);
    assert_eq!(
        left(&filled),
        ["user5: their stack is not there, so their work is not known"]
    );
}

#[test]
fn a_last_reading_of_a_stack_that_is_gone_is_filled_in() {
    let class = class();
    let roster: Vec<Student> = class.iter().map(|(student, _)| student.clone()).collect();
    let mut report = report(&class);
    let read = "2026-05-07T08:30:00Z".parse().unwrap();
    report.students[2].progress.last.as_of = Some(read);
    report.students[2].progress.last.gone = true;
    let text = export(&FIVE);
    let export = Export::read("grades.csv", text.as_bytes(), "Lab 6").unwrap();
    let filled = export.fill(&report, &roster, rules(false));
    assert_eq!(grades(&filled), ["100", "100", "45", "100", "20"]);
    assert_eq!(left(&filled), [""; 0]);
}

#[test]
fn points_in_parts_are_scaled_exactly_and_rounded_once() {
    let class = [
        (student("user1", "Ana Ruiz", ""), 33.33),
        (student("user2", "Ben Ito", ""), 66.67),
        (student("user3", "Cora Weiss", ""), 0.0),
        (student("user4", "Dan Núñez", ""), 12.5),
        (student("user5", "Eve Stone", ""), 100.0),
    ];
    let text = export(&FIVE);
    let same = fill_class(&class, text.as_bytes(), "Lab 6", false);
    assert_eq!(grades(&same), ["33.33", "66.67", "0", "12.5", "100"]);
    assert_eq!(same.judged.scaled, None);
    let text = text.replace("100.00", "8.00");
    let scaled = fill_class(&class, text.as_bytes(), "Lab 6", false);
    assert_eq!(grades(&scaled), ["2.67", "5.33", "0", "1", "8"]);
    assert_eq!(
        notes(&scaled)[1],
        "Canvas gives 8 points for it, the lab 100: points are scaled, and rounded to two decimals"
    );
}

#[test]
fn thousands_are_read_where_nothing_else_can_be_meant() {
    let text = export(&FIVE).replace("100.00", "\"1,000.00\"");
    let filled = fill_class(&class(), text.as_bytes(), "Lab 6", false);
    assert_eq!(grades(&filled), ["1000", "1000", "450", "1000", "200"]);
    assert_eq!(
        filled.judged.scaled.as_ref().map(|s| s.1.as_str()),
        Some("1000")
    );
}

#[test]
fn a_person_in_two_sections_is_treated_alike_in_both() {
    let second = "\"Weiss, Cora\",103,S3,cweiss3,B,";
    let both = |one: &str, two: &str, lower| {
        let rows = [format!("{}{one}", FIVE[2]), format!("{second}{two}")];
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let filled = fill_class(&class(), export(&rows).as_bytes(), "Lab 6", lower);
        (grades(&filled), filled.judged.graded.len())
    };
    let cells = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
    assert_eq!(both("EX", "", true), (cells("EX", ""), 0));
    assert_eq!(both("", "N/A", false), (cells("45", "N/A"), 1));
    assert_eq!(both("80.00", "", false), (cells("80.00", ""), 0));
    assert_eq!(both("80.00", "", true), (cells("45", "45"), 1));
    assert_eq!(both("45.00", "", false), (cells("45", "45"), 1));
    assert_eq!(both("", "B+", true), (cells("", "B+"), 0));
}

#[test]
fn three_decimals_are_a_number_where_a_thousand_cannot_be_meant() {
    let filled = fill_cells(["99.999", "100.004", "45.001", "20.125", "0.001"], true);
    // Canvas counts two decimals: three are the same already.
    assert_eq!(
        grades(&filled),
        ["99.999", "100.004", "45.001", "100", "20"]
    );
    assert_eq!(left(&filled), [""; 0]);
    assert!(left(&fill_cells(["\"1,000\"", "1.000", "", "", ""], true))[0].contains("'1,000'"));
}

#[test]
fn nobody_filled_in_is_said_with_what_to_see_to() {
    assert!(notes(&fill(&[]))[0].contains("0 students: importing it changes nothing. If"));
}

/// Three of the five have a due time: `user1` did 60 of 100 points by then, of `user3` it is not known, `user5` did all.
fn class_with_late_work() -> Document {
    let mut report = report(&class());
    let due = "2026-05-14T10:00:00Z".parse().unwrap();
    for (place, on_time) in [(0, Some(60)), (2, None), (4, Some(20))] {
        let row = &mut report.students[place];
        row.student.due = Some(due);
        row.progress.checks[0].on_time = on_time.map(|points| OnTime {
            due,
            earned: Points::whole(points),
        });
    }
    report
}

#[test]
fn late_work_gives_no_grade_unless_it_is_counted_and_a_note_says_so() {
    let report = class_with_late_work();
    let roster: Vec<Student> = class().into_iter().map(|(student, _)| student).collect();
    let text = export(&FIVE);
    let export = Export::read("grades.csv", text.as_bytes(), "Lab 6").unwrap();
    let filled = export.fill(&report, &roster, rules(false));
    assert_eq!(grades(&filled), ["60", "100", "", "100", "20"]);
    assert_eq!(
        left(&filled),
        ["user3: what they did by the due time is not known; --count-late takes all points"]
    );
    let notes = filled.notes(Path::new("g.csv")).join("\n");
    assert!(
        notes.contains("without those for late work: user1;"),
        "{notes}"
    );
    let counted = GradeRules {
        count_late: true,
        ..rules(false)
    };
    let filled = export.fill(&report, &roster, counted);
    assert_eq!(grades(&filled), ["100", "100", "45", "100", "20"]);
    assert_eq!(left(&filled), [""; 0]);
    let notes = filled.notes(Path::new("g.csv")).join("\n");
    assert!(notes.contains("counted, by --count-late: user1"), "{notes}");
}

#[test]
fn without_a_due_time_nothing_is_said_of_late_work() {
    let report = report(&class());
    assert_eq!(report.late_note(false), None);
    assert_eq!(report.students[0].graded(false), Some(Points::whole(100)));
}
