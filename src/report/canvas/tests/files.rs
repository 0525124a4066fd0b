//! Files as Canvas, and spreadsheets after it, write them; and what is refused before anything is done.

use super::*;

#[test]
fn only_identity_and_the_assignment_are_written_byte_for_byte() {
    let text = "\u{feff}Student,ID,SIS User ID,SIS Login ID,Integration ID,Root Account,Section,Notes,\"Quiz, first (11)\",Lab 6 (12),Final Score\r\n\
        ,,,,,,,,,Manual Posting,\r\n\
        \"    Points Possible\",,,,,,,,10.00,100.00,(read only)\r\n\
        \"Ruiz, Ana\",101,S1,ANA.RUIZ@example.edu,,canvas.example.edu,Morning,late,7.00,,70.0\r\n\
        \"Weiss, Cora\",0103,S3,cweiss3,,, \"Morning \"\"A\"\"\",,,\"12\",\r\n\
        \r\n\
        \"Nobody, Known\",106,S99,known,,,Evening,,,55.5,\r\n";
    let filled = fill_class(&class(), text.as_bytes(), "Lab 6", false);
    assert_eq!(
        String::from_utf8(filled.bytes).unwrap(),
        "\u{feff}Student,ID,SIS User ID,SIS Login ID,Integration ID,Root Account,Section,Lab 6 (12)\r\n\
        ,,,,,,,Manual Posting\r\n\
        \"    Points Possible\",,,,,,,100.00\r\n\
        \"Ruiz, Ana\",101,S1,ANA.RUIZ@example.edu,,canvas.example.edu,Morning,100\r\n\
        \"Weiss, Cora\",0103,S3,cweiss3,,, \"Morning \"\"A\"\"\",45\r\n\
        \r\n\
        \"Nobody, Known\",106,S99,known,,,Evening,55.5\r\n"
    );
    assert_eq!(filled.judged.strangers, ["'Nobody, Known'"]);
}

#[test]
fn line_breaks_of_every_kind_are_read_and_kept() {
    let lines = export(&FIVE);
    let expected = grades(&fill(&FIVE));
    for line_break in ["\r", "\r\n", "\n"] {
        let text = lines.replace('\n', line_break);
        let filled = fill_class(&class(), text.as_bytes(), "Lab 6", false);
        assert_eq!(filled.judged.graded.len(), 5, "{line_break:?}");
        let written = String::from_utf8(filled.bytes).unwrap();
        assert_eq!(written.matches(line_break).count(), 7);
        let cells: Vec<&str> = written
            .trim_end()
            .split(line_break)
            .skip(2)
            .map(|l| l.rsplit_once(',').unwrap().1)
            .collect();
        assert_eq!(cells, expected);
    }
    // The last row without a line break stays without one.
    let filled = fill_class(&class(), lines.trim_end().as_bytes(), "Lab 6", false);
    assert!(filled.bytes.ends_with(b",estone,B,20"));
}

#[test]
fn semicolons_and_decimal_commas_are_written_as_the_file_has_them() {
    let text = "\u{feff}Student;ID;SIS User ID;SIS Login ID;Section;Lab 6 (12);Quiz (13)\n    Points Possible;;;;;33;12,50\n\
        Ruiz, Ana;101;S1;aruiz1;A;;7,25\n\"Weiss, Cora\";103;S3;cweiss3;A;\"7,25\";\n";
    let filled = fill_class(&class(), text.as_bytes(), "lab 6", false);
    assert_eq!(
        String::from_utf8(filled.bytes).unwrap(),
        "\u{feff}Student;ID;SIS User ID;SIS Login ID;Section;Lab 6 (12)\n    Points Possible;;;;;33\n\
        Ruiz, Ana;101;S1;aruiz1;A;33\n\"Weiss, Cora\";103;S3;cweiss3;A;14,85\n"
    );
    let text = text
        .replace(';', ",")
        .replace("33", "\"33,00\"")
        .replace("12,50", "1")
        .replace("Ruiz, Ana", "Ana")
        .replace(",7,25", ",");
    let filled = fill_class(&class(), text.as_bytes(), "Lab 6", false);
    assert!(
        String::from_utf8(filled.bytes)
            .unwrap()
            .ends_with("cweiss3,A,\"14,85\"\n")
    );
}

#[test]
fn separators_and_quotes_in_a_title_belong_to_it() {
    let title = "Lab 6; the \"API\", part (2); a;b;c;d;e;f;g";
    let text = export(&FIVE).replace(
        "Lab 6 (12)",
        "\"Lab 6; the \"\"API\"\", part (2); a;b;c;d;e;f;g (12)\"",
    );
    for assignment in [
        title.to_owned(),
        format!("{title} (12)"),
        title.to_uppercase(),
    ] {
        let filled = fill_class(&class(), text.as_bytes(), &assignment, false);
        assert_eq!(filled.judged.graded.len(), 5, "{assignment}");
        assert_eq!(filled.judged.assignment, format!("{title} (12)"));
    }
}

#[test]
fn marks_that_nobody_sees_change_nothing() {
    let text = export(&FIVE)
        .replace("Student", "Student\u{200b}")
        .replace("SIS Login ID", "SIS\u{a0}Login ID")
        .replace("Lab 6 (12)", "Lab\u{a0}6 (12)")
        .replace("Ruiz, Ana", "Ruiz,\u{a0}Ana\u{200f}")
        .replace("Núñez", "Nu\u{301}n\u{303}ez");
    let filled = fill_class(&class(), text.as_bytes(), " lab 6\u{200b}", false);
    assert_eq!(filled.judged.graded.len(), 5, "{:?}", left(&filled));
    let written = String::from_utf8(filled.bytes).unwrap();
    assert!(written.starts_with("Student\u{200b},ID"), "{written}");
}

#[test]
fn first_and_last_names_in_columns_of_their_own_are_read_too() {
    let text = "LastName,FirstName,ID,SIS Login ID,Section,Lab 6 (12)\n    Points Possible,,,,,100.00\nRuiz,Ana,101,,A,\nWeiss,Cora,,w,B,";
    let filled = fill_class(&class(), text.as_bytes(), "Lab 6 (12)", false);
    assert_eq!(grades(&filled), ["100", "45"]);
}

#[test]
fn a_row_that_ends_early_is_filled_in_or_stays_short() {
    let filled = fill(&["\"Ruiz, Ana\",101,S1,aruiz1", "\"Other, P\",300,T", FIVE[2]]);
    let text = String::from_utf8(filled.bytes.clone()).unwrap();
    assert!(text.ends_with("\"Ruiz, Ana\",101,S1,aruiz1,,100\n\"Other, P\",300,T\n\"Weiss, Cora\",103,S3,cweiss3,A,45\n"), "{text}");
}

#[test]
fn the_points_possible_are_found_wherever_their_row_stands() {
    let text = format!("{HEADER}\n{}\n{POSSIBLE}\n", FIVE.join("\n"));
    assert_eq!(
        fill_class(&class(), text.as_bytes(), "Lab 6", false)
            .judged
            .graded
            .len(),
        5
    );
}

#[test]
fn an_assignment_is_found_by_number_then_title_then_without_case() {
    let text = "Student,ID,Lab 6 (1),lab 6 (2),Lab 7 (3),LAB 7 (4)\n    Points Possible,,1,2,3,4\n";
    let of = |name: &str| {
        Export::read("g.csv", text.as_bytes(), name).map(|export| export.gradebook.title)
    };
    assert_eq!(of("Lab 6 (1)").unwrap(), "Lab 6 (1)");
    assert_eq!(of("LAB 6 (2)").unwrap(), "lab 6 (2)");
    assert_eq!(of("lab 6").unwrap(), "lab 6 (2)");
    assert!(of("LAB 6").is_err());
    let twice = "Student,ID,Lab (1),Lab (2)\n    Points Possible,,1,2\n";
    assert!(Export::read("g.csv", twice.as_bytes(), "Lab").is_err());
}

#[test]
fn what_is_no_export_that_can_be_imported_is_refused() {
    let wide: Vec<u8> = export(&FIVE)
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let marked = [b"\xFF\xFE".as_slice(), &wide].concat();
    let mut latin = export(&FIVE).into_bytes();
    latin.extend_from_slice(b"\"L\xF3pez, Eva\",300,S7,elopez,C,\n");
    insta::assert_snapshot!(
        [
            refused(b"", "Lab 6"),
            refused(b"\n,,\n", "Lab 6"),
            refused(b"name,grade\n", "Lab 6"),
            refused(b"Course export\n\nStudent,ID,Lab 6 (12)\n", "Lab 6"),
            refused(&marked, "Lab 6"),
            refused(&latin, "Lab 6"),
            refused(export(&["x\ty"]).replace(',', "\t").as_bytes(), "Lab 6"),
            refused(
                export(&["\"Ruiz, Ana,101,S1,aruiz1,A,", FIVE[1]]).as_bytes(),
                "Lab 6"
            ),
            refused(
                export(&[FIVE[0], "Ruiz \"Ana\",101,S1,aruiz1,A,"]).as_bytes(),
                "Lab 6"
            ),
            refused(
                export(&["Ruiz, Ana,101,S1,aruiz1,A,,", FIVE[1]]).as_bytes(),
                "Lab 6"
            ),
            refused(
                export(&["\"Ruiz, Ana\",1.01E+14,S1,aruiz1,A,"]).as_bytes(),
                "Lab 6"
            ),
            refused(export(&[]).replace("Section", "ID").as_bytes(), "Lab 6"),
        ]
        .join("\n")
    );
}

#[test]
fn points_possible_that_are_not_certain_are_refused() {
    let with = |points: &str| refused(export(&FIVE).replace("100.00", points).as_bytes(), "Lab 6");
    insta::assert_snapshot!(
        [
            with("0.00"),
            with("-5"),
            with(""),
            with("\"1,000\""),
            with("1.000"),
            with("(read only)"),
            with("ten"),
            refused(
                export(&FIVE)
                    .replace("    Points Possible", "Points")
                    .as_bytes(),
                "Lab 6"
            ),
            refused(export(&[POSSIBLE]).as_bytes(), "Lab 6"),
        ]
        .join("\n")
    );
}

#[test]
fn totals_and_read_only_columns_are_no_assignments() {
    let text = "Student,ID,Section,Notes,Lab 6 (12),Current Score,Final Score (2026),Final Grade for all (13)\n\
        \x20   Points Possible,,,,100.00,(read only),(read only),10.00\n";
    let said = |assignment: &str| refused(text.as_bytes(), assignment);
    insta::assert_snapshot!(
        [
            said("Final Score"),
            said("Final Score (2026)"),
            said("current score"),
            said("Final Grade for all"),
            said("Notes"),
            said("ID"),
            said("Lab 7"),
            said(""),
            refused(b"Student,ID\n    Points Possible,\n", "Lab 6"),
            refused(b"Student,ID,Lab (1),Lab (2)\n", "lab"),
        ]
        .join("\n")
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let text = export(&["\"Ruiz, Ana\",1E+14,S1,aruiz1,A,", "a,b,c,d,e,f,g"]);
    let failures = Export::read("grades.csv", text.as_bytes(), "Lab 7").unwrap_err();
    assert_eq!(failures.len(), 3, "{failures:?}");
}
