//! Rosters as people have them: what spreadsheets leave behind, what other programs export, and how refusals read.

use crate::roster::*;

fn limit(max: usize) -> UsernameLimit {
    UsernameLimit {
        max,
        because: "Lambda function '<username>-trigger-workflow' (at most 64 characters)".to_owned(),
    }
}

fn read(text: impl AsRef<[u8]>) -> Result<Roster, Vec<Failure>> {
    Roster::parse("class.csv", text.as_ref(), &limit(40))
}

fn accepted(text: impl AsRef<[u8]>) -> Roster {
    read(text).unwrap_or_else(|failures| panic!("{failures:#?}"))
}

/// The refusals as a person sees them.
fn said(text: impl AsRef<[u8]>) -> String {
    let failures = read(text).expect_err("a roster with mistakes");
    let said: Vec<String> = failures
        .iter()
        .map(|f| format!("{f}\n  hint: {}\n", f.hint.as_deref().expect("a hint")))
        .collect();
    said.concat()
}

/// A row of a class: username, name, email, section.
fn rows(roster: &Roster) -> Vec<[&str; 4]> {
    roster
        .students
        .iter()
        .map(|s| {
            [
                s.username.as_str(),
                s.name.as_deref().unwrap_or_default(),
                s.email.as_deref().unwrap_or_default(),
                s.section.as_deref().unwrap_or_default(),
            ]
        })
        .collect()
}

fn sixty(username: impl Fn(usize) -> String) -> String {
    let rows: Vec<String> = (0..60)
        .map(|n| format!("{},Person {n}\n", username(n)))
        .collect();
    format!("username,name\n{}", rows.concat())
}

#[test]
fn a_file_without_a_header_prints_nothing_of_its_first_student() {
    for (text, cells) in [
        (
            "ana,Ana Ruiz,ana@school.edu,A\nben,Ben Ito,ben@school.edu,B\n",
            "an e-mail address stands among its 4 cells",
        ),
        // One of the values happens to be a column's name.
        (
            "ana,Ana Ruiz,ana@school.edu,Group\n",
            "an e-mail address stands among its 4 cells",
        ),
        ("ana\nben\n", "its 1 cell names no column of a roster"),
        // What is wrong with the other rows would name the columns, which have none.
        (
            "ana,Ana Ruiz\nben,\"Ben\" Ito,x,y\n",
            "none of its 2 cells names a column",
        ),
    ] {
        let said = said(text);
        assert!(said.starts_with("class.csv, line 1: this does not look like a header: "));
        assert!(said.contains(cells), "{said}");
        assert!(said.contains("username,name,email,section"), "{said}");
        assert!(!said.contains("na Ruiz") && !said.contains("ana"), "{said}");
        assert!(!said.contains("Ben") && !said.contains('@'), "{said}");
    }
}

// What spreadsheets leave behind.

#[test]
fn columns_without_name_and_value_are_nothing() {
    let roster = accepted("username,name,,\nana,Ana,,\nben,Ben,, ,,\n");
    assert_eq!(
        rows(&roster),
        [["ana", "Ana", "", ""], ["ben", "Ben", "", ""]]
    );
    let refused = said("username,name,,\nana,Ana,,x\nben,Ben,,y\n");
    assert!(
        refused.starts_with("class.csv, line 1, column 4: "),
        "{refused}"
    );
    assert!(
        refused.contains("no name for this column, and line 2 has a value in it"),
        "{refused}"
    );
    assert_eq!(refused.lines().count(), 2);
}

#[test]
fn what_is_missing_at_a_rows_end_is_empty() {
    let roster = accepted("username,name,section,note\nana,Ana,A,\nben,Ben\ncora\n");
    assert_eq!(
        rows(&roster)[1..],
        [["ben", "Ben", "", ""], ["cora", "", "", ""]]
    );
    assert!(said("name,username\nAna\n").contains("the username is empty"));
}

#[test]
fn excels_separator_line_and_an_end_of_file_mark_are_no_rows() {
    for text in [
        "sep=;\nusername;name\nana;Ana, R.\n",
        "\u{feff}sep=,\r\nusername,name\r\nana,\"Ana, R.\"\r\n\u{1a}",
        "username\tname\r\nana\tAna, R.\r\n\u{1a}\r\n",
    ] {
        assert_eq!(
            rows(&accepted(text)),
            [["ana", "Ana, R.", "", ""]],
            "{text:?}"
        );
    }
}

#[test]
fn titles_above_the_header_are_named_with_the_lines_to_delete() {
    let text = "Class list: CS 101,,\nPrinted 2026-09-01,,\n,,\nusername,name,section\nana,Ana,A\nb.c,Ben,A\n";
    insta::assert_snapshot!(said(text));
    assert!(said("My class\nUser ID;Name\nana;Ana\n").contains("delete line 1"));
    let data = accepted("username,name\nana,Name\nben,Group\n");
    assert_eq!(
        data.students.len(),
        2,
        "values that look like headers are values"
    );
}

#[test]
fn a_header_in_the_middle_and_a_footer_are_no_students() {
    let text = "username,name\nana,Ana\nusername,name\nben,Ben\nTotal: 2,\n";
    insta::assert_snapshot!(said(text));
}

#[test]
fn a_header_that_is_one_value_is_told_how_to_come_apart() {
    for text in [
        "username name\nana Ana\n",
        "\"username,name\"\n\"ana,Ana\"\n",
    ] {
        assert!(
            said(text).contains("put commas between the columns"),
            "{}",
            said(text)
        );
    }
    let mixed = said("username;name\nana,Ana\nben,Ben\n");
    assert!(
        mixed.contains("2 rows have commas where the header has semicolons"),
        "{mixed}"
    );
}

// What other programs export.

#[test]
fn near_names_of_the_optional_columns_are_taken_and_said() {
    let roster = accepted(
        "Username,Full Name,E-mail Address,Group,Seat\nana,Ana Ruiz,ana@example.edu,A,4\n",
    );
    assert_eq!(rows(&roster), [["ana", "Ana Ruiz", "ana@example.edu", "A"]]);
    assert_eq!(roster.kept_back.columns, ["Seat"]);
    insta::assert_snapshot!(roster.details.join("\n"));
}

#[test]
fn first_and_last_name_are_the_name() {
    for text in [
        "username,first name,last name,Email address\nana,Ana,Ruiz,ana@example.edu\n",
        "lastname;firstname;username;EMAIL\nRuiz;Ana;ana;ana@example.edu\n",
        "Surname,Given name,username,E-mail\nRuiz,Ana,ana,ana@example.edu\n",
    ] {
        assert_eq!(
            rows(&accepted(text)),
            [["ana", "Ana Ruiz", "ana@example.edu", ""]]
        );
    }
    let both = accepted("username,name,first name,last name\nana,Ana R.,Ana,Ruiz\n");
    assert_eq!(rows(&both), [["ana", "Ana R.", "", ""]]);
    let one = accepted("username,first name\nana,Ana\n");
    assert_eq!(rows(&one), [["ana", "", "", ""]]);
    assert_eq!(one.kept_back.columns, ["first name"]);
}

#[test]
fn two_columns_that_could_be_the_same_are_asked_about() {
    let roster = accepted("username,e_mail,E-Mail\nana,a@x.example,b@x.example\n");
    assert_eq!(roster.students[0].email, None);
    assert!(
        roster.details[0].contains("'e_mail', 'E-Mail' could each be 'email'"),
        "{:?}",
        roster.details
    );
}

#[test]
fn a_likely_column_of_usernames_is_asked_about_by_name() {
    let likely = |header: &str, column: &str| {
        let text = format!(
            "{header}\n{}\n",
            vec!["a"; header.split(',').count()].join(",")
        );
        let said = said(&text);
        let asks = format!("hint: rename '{column}' to 'username'");
        assert!(said.contains(&asks), "{header}: {said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    };
    likely("User Name,Full Name,E-mail", "User Name");
    likely("Login,Name", "Login");
    likely(
        "Student,ID,SIS User ID,SIS Login ID,Section",
        "SIS Login ID",
    );
    likely("id,last_name,first_name,email", "id");
    likely(
        "identifier,github_username,github_id,name",
        "github_username",
    );
    likely("First Name,Last Name,SID,Email,Section", "SID");
    likely("usrname,name", "usrname");
    likely("user\u{a0}name,name", r"user\u{a0}name");
    let cyrillic = said("us\u{435}rname,name\nana,Ana\n");
    assert!(
        cyrillic.contains("(its '\u{435}' is U+0435) to 'username'"),
        "{cyrillic}"
    );
    insta::assert_snapshot!(said("Name,Email address\nAna,ana@example.edu\n"));
}

#[test]
fn rows_below_a_likely_column_are_judged_in_the_same_run() {
    let refused = said("identifier,github_username,name\nx,ping-a,Ping\ny,,Omar\nz,z.z,Zoe\n");
    insta::assert_snapshot!(refused);
}

#[test]
fn canvas_own_rows_are_left_out_and_its_test_student_is_named() {
    let login = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567";
    let text = format!(
        "Student,ID,SIS User ID,username,Section,Lab 6 (12)\n,,,,,Manual Posting\n    Points Possible,,,,,100\n\
         \"Aa, Ping\",101,04,pinga,Morning and Lab,\n\"Student, Test\",103,,{login},Morning,\n"
    );
    let roster = accepted(&text);
    assert_eq!(
        rows(&roster)[0],
        ["pinga", "Aa, Ping", "", "Morning and Lab"]
    );
    assert_eq!(roster.students.len(), 2);
    assert!(
        roster
            .details
            .iter()
            .any(|d| d.contains("2 rows are Canvas's own")),
        "{:?}",
        roster.details
    );
    assert!(
        roster.notes[0].contains("Canvas's test student") && roster.notes[0].contains("0a1b2c"),
        "{:?}",
        roster.notes
    );
    let too_long = Roster::parse("class.csv", text.as_bytes(), &limit(30)).unwrap_err();
    assert_eq!(too_long.len(), 1);
    assert!(
        too_long[0].cause.contains("is Canvas's test student"),
        "{too_long:?}"
    );
}

#[test]
fn usernames_of_brightspace_are_refused_once_with_both_characters() {
    let text = "OrgDefinedId,Username,Last Name,First Name,Email,End-of-Line Indicator\n\
        #0400001,#ping.a.2026,Aa,Ping,ping@example.edu,#\n\
        #0400002,#omar.b.2026,Bb,Omar,omar@example.edu,#\n";
    insta::assert_snapshot!(said(text));
}

#[test]
fn sixty_dotted_usernames_are_one_message_with_a_proposal() {
    insta::assert_snapshot!(said(sixty(|n| format!("first{n}.last{n}"))));
}

#[test]
fn sixty_addresses_as_usernames_are_one_message_with_a_proposal() {
    insta::assert_snapshot!(said(sixty(|n| format!("first{n}.last{n}@example.edu"))));
}

#[test]
fn usernames_with_many_different_mistakes_are_few_messages() {
    let odd = ['.', '+', 'ü', '=', 'é', '/', '!', '\'', 'ñ', '#'];
    let text = said(sixty(|n| format!("a{n}{}{}", odd[n % 10], odd[n / 7 % 10])));
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.contains("60 usernames have characters that names in AWS may not have"),
        "{text}"
    );
}

#[test]
fn proposals_are_as_many_as_the_mistakes_and_never_the_same() {
    // Two that become one with dashes: the second has to become something else.
    let text = said("username\na.b\na b\n");
    assert!(
        text.contains("for instance a-b") && text.contains("for instance a_b"),
        "{text}"
    );
}

// Characters that are not seen.

#[test]
fn invisible_characters_are_taken_off_and_said_by_their_code() {
    let text = "\u{200b}username,name,email\n\
        ana,\u{200f}שרה כהן\u{200f},\u{202a}ana@example.edu\u{202c}\n\
        be\u{ad}n,Be\u{ad}n,ben@example.edu\u{200b}\n";
    let roster = accepted(text);
    assert_eq!(
        rows(&roster),
        [
            ["ana", "שרה כהן", "ana@example.edu", ""],
            ["ben", "Ben", "ben@example.edu", ""],
        ]
    );
    insta::assert_snapshot!(roster.details.join("\n"));
}

#[test]
fn a_change_of_direction_inside_is_refused_once_for_the_column() {
    insta::assert_snapshot!(said(
        sixty(|n| format!("user{n}")).replace("Person", "Per\u{202e}son")
    ));
}

#[test]
fn utf_8_read_as_windows_1252_is_warned_about_by_every_command() {
    let roster = accepted("username,name\nana,JosÃ©\nben,ZoÃ«\ncora,Cora\n");
    insta::assert_snapshot!(roster.notes.join("\n"));
    // Half of "í" comes as a soft hyphen, which is taken off anything else; half of "Á" as a control character.
    let roster = accepted("username,name\nana,\"GarcÃ\u{ad}a, Ana\"\n");
    assert!(
        roster.notes[0].contains("may be 'García, Ana'"),
        "{:?}",
        roster.notes
    );
    let refused = said("username,name\nana,Ã\u{81}lvaro\n");
    assert!(refused.contains("may be 'Álvaro'"), "{refused}");
}

// Formats.

#[test]
fn what_is_no_csv_is_said_in_one_message() {
    for (bytes, what) in [
        (
            b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0\0\0".as_slice(),
            "an old Excel file",
        ),
        (
            b"<!DOCTYPE html><html><body>Please sign in</body></html>\n",
            "a web page",
        ),
        (
            b"<html>\n<table border=1>\n<tr><th>ID</th></tr>",
            "a web page",
        ),
        (b"PK\x03\x04\x14\x00\x06\x00", "zip archive"),
        (b"%PDF-1.4\n", "a PDF document"),
        (b"username\nana\0\n", "NUL bytes"),
    ] {
        let text = said(bytes);
        assert!(text.contains(what), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }
}

#[test]
fn a_file_in_windows_1252_is_said_once_with_what_else_is_wrong() {
    insta::assert_snapshot!(said(b"username,name\nana,Jos\xE9\nb.c,Zo\xEB\ndora,Dora\n"));
}

#[test]
fn a_quote_that_does_not_belong_is_refused_with_its_line() {
    insta::assert_snapshot!(said(
        "username,name\nana,Ana \"Annie\" Ruiz\nben,\"Ben\ncora,\"Cora\"\n\"dan,Dan\n"
    ));
}

// Bounds.

#[test]
fn ten_thousand_bad_rows_are_some_dozen_lines() {
    let mut text = String::from("username,name,email,section\n");
    for n in 0..10_000 {
        text.push_str(&match n % 8 {
            0 => format!("a.{n},x,,\n"),
            1 => format!("user{n},\"open,,\n"),
            2 => "same,x,,\n".to_owned(),
            3 => format!("u{n},x,y,z,over\n"),
            4 => ",nobody,,\n".to_owned(),
            5 => format!("v{n},a\u{7}b,c\u{1}d,e\u{2}f\n"),
            6 => format!("same-{n},x,,\n"),
            _ => format!("{},{},,\n", "long".repeat(20), "x".repeat(1000)),
        });
    }
    let text = said(text);
    assert!(text.lines().count() <= 48, "{}", text.lines().count());
    assert!(text.len() < 20_000, "{}", text.len());
}

#[test]
fn a_header_of_a_thousand_columns_makes_no_long_message() {
    let header: Vec<String> = (0..1000)
        .map(|n| format!("column {n} {}", "x".repeat(300)))
        .collect();
    let text = said(format!("{}\n{}\n", header.join(","), ",".repeat(999)));
    assert!(text.len() < 2_000, "{}", text.len());
    let twice = said(format!("username{}\nana\n", ",name".repeat(1000)));
    assert!(twice.lines().count() <= 10, "{twice}");
}

// Other columns.

#[test]
fn other_columns_are_kept_back_unless_they_are_named() {
    let text = "username,password,Team\nana,hunter2,blue\nben,,red\n";
    let roster = accepted(text);
    assert!(roster.students.iter().all(|s| s.extra.is_empty()));
    assert_eq!(roster.kept_back.columns, ["password", "Team"]);
    assert!(!format!("{roster:?}").contains("hunter2"));
    let publish = ["team".to_owned(), "seat".to_owned()];
    let roster =
        Roster::parse_with("class.csv", text.as_bytes(), &limit(40), &publish, &[]).unwrap();
    assert_eq!(
        roster.students[0].extra,
        [("Team".to_owned(), "blue".to_owned())]
    );
    assert_eq!(roster.kept_back.columns, ["password"]);
    assert!(
        roster.details[0].contains("homeroom.toml lets 'Team' be shown"),
        "{:?}",
        roster.details
    );
    assert!(
        roster.notes[0].contains("'seat' under publish-columns, and the roster has no column"),
        "{:?}",
        roster.notes
    );
}

#[test]
fn what_nobody_is_shown_is_not_judged_except_for_its_quotes() {
    let long = "x".repeat(5000);
    let text = format!("username,note,note\nana,\"two\nlines\",{long}\n");
    assert_eq!(accepted(&text).students.len(), 1);
    assert!(said("username,note\nana,a \"b\" c\n").contains("double quote"));
}

#[test]
fn no_message_has_a_value_of_a_column_that_nobody_is_shown() {
    for text in [
        "username,password,name\nuser1,S3C\"RETpw,Ana\n",
        "username,password,name\nuser1,\"S3CRETpw\" x,Ana\n",
        "username,password,name\nuser1,\"S3CRETpw,Ana\n",
        "username,password,name\nuser1,x\"a,S3C\"RET,Ana\n",
        "username,name,\nuser1,Ana,S3CRETpw\nuser2,B,\n",
        "password,username,name\nx,S3CRET pw,user1,Ana\n",
        "password,name,username\nS3CRETpw,Ana,user1,x\n",
        "username;password;name\nuser1,S3CRETpw,Ana\n",
    ] {
        assert!(!said(text).contains("S3C"), "{}", said(text));
    }
    let latin = b"username,password,name\nuser1,S3CR\xC9Tpw,Ana\n";
    assert!(!said(latin).contains("S3C"), "{}", said(latin));
    // Neither does an example name a column of the file.
    let kept = accepted("username,password\nana,x\n").details.concat();
    assert_eq!(kept.matches("password").count(), 1, "{kept}");
}

#[test]
fn a_header_that_was_sorted_among_the_students_is_to_be_moved() {
    let text = "Ana,ana,ana@example.edu\nBen,ben,\nname,username,email\nZoe,zoe,zoe@example.edu\n";
    let refused = said(text);
    assert!(refused.contains("move line 3 to the top"), "{refused}");
    assert!(!refused.contains("delete lines"), "{refused}");
}

#[test]
fn sixty_equal_mistakes_of_any_kind_are_one_message_with_examples() {
    let stray = said(sixty(|n| format!("u{n}")).replace("Person", "\u{e4} \"P\""));
    let long = said(sixty(|n| format!("u{n},x,y")));
    for (text, what) in [(&stray, "60 fields"), (&long, "60 rows")] {
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(
            text.contains(what) && text.contains("for instance"),
            "{text}"
        );
    }
}

#[test]
fn a_class_that_stands_in_the_file_twice_is_one_message() {
    let twice = sixty(|n| format!("u{}", n % 30));
    let cased = sixty(|n| format!("{}{}", if n < 30 { "u" } else { "U" }, n % 30));
    for text in [said(twice), said(cased)] {
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(
            text.contains("30 usernames ") && text.contains("twice: delete line 32 and all below"),
            "{text}"
        );
    }
    let some = said("username\nana\nben\nana\nben\ncora\n");
    assert!(
        some.contains("for instance 'ana' (line 2 has it) and 'ben' (line 3 has it)"),
        "{some}"
    );
    assert!(some.contains("a username of their own"), "{some}");
    let one = said("username\nana\nana\nana\nana\n");
    assert!(one.contains("a username of their own"), "{one}");
}

#[test]
fn sixty_long_usernames_are_one_message_with_two_proposals() {
    let text = said(sixty(|n| format!("{}{n}", "a".repeat(70))));
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.contains("aaa0' and 'aaa") && text.contains("; for instance aaa"),
        "{text}"
    );
}

#[test]
fn a_column_that_is_nearly_one_of_the_four_is_asked_about() {
    for (header, what) in [
        (
            "First Name",
            "is 'First Name' the name? Then rename it to 'name'",
        ),
        ("Nmae", "is 'Nmae' the name?"),
        (
            "Email (Primary)",
            "is 'Email (Primary)' the e-mail address? Then rename it to 'email'",
        ),
        ("E-mail (work)", "is 'E-mail (work)' the e-mail address?"),
        ("Emial", "is 'Emial' the e-mail address?"),
        ("Secton", "is 'Secton' the section?"),
    ] {
        let details = accepted(format!("username,{header}\nana,x\n")).details;
        assert!(
            details.iter().any(|said| said.contains(what)),
            "{header}: {details:?}"
        );
    }
    let none = accepted("username,password,Seat,Phone,Notes,Major,Course\nana,1,2,3,4,5,6\n");
    assert_eq!(none.details.len(), 1, "{:?}", none.details);
}

#[test]
fn preferred_legal_and_turned_names_are_names() {
    for header in [
        "Preferred First Name,Last Name",
        "Legal First Name,Legal Last Name",
    ] {
        let roster = accepted(format!("username,{header}\nana,Ana,Ruiz\n"));
        assert_eq!(rows(&roster), [["ana", "Ana Ruiz", "", ""]], "{header}");
    }
    for header in ["\"Last, First\"", "\"Student Name (Last, First)\""] {
        let roster = accepted(format!("username,{header}\nana,\"Ruiz, Ana\"\n"));
        assert_eq!(rows(&roster), [["ana", "Ruiz, Ana", "", ""]], "{header}");
    }
}

#[test]
fn a_spreadsheets_sum_is_said_to_be_no_student() {
    for sum in ["Total,2,", "Average,\"1,5\",", "Count,,"] {
        let notes = accepted(format!("username,name,email\nana,Ana,a@x.edu\n{sum}\n")).notes;
        assert!(
            notes
                .concat()
                .contains("1 row looks like a spreadsheet's sum"),
            "{notes:?}"
        );
    }
    let person = accepted("username,name\nsum,Ying Sum\nana,Ana\n");
    assert_eq!(person.notes, [""; 0]);
}

#[test]
fn a_published_column_may_also_be_one_of_the_four() {
    let publish = ["Group".to_owned()];
    let text = b"username,Group\nana,A\n";
    let roster = Roster::parse_with("class.csv", text, &limit(40), &publish, &[]).unwrap();
    assert_eq!(roster.students[0].section.as_deref(), Some("A"));
    assert_eq!(
        roster.students[0].extra,
        [("Group".to_owned(), "A".to_owned())]
    );
}

// Sections.

fn in_section(text: &str, section: &str) -> (Vec<String>, Option<String>) {
    let roster = accepted(text);
    let selected = roster.select(&[], Some(section)).unwrap_or_default();
    let note = roster.note_on_section(&selected, section);
    (
        selected.iter().map(|s| s.username.to_string()).collect(),
        note,
    )
}

#[test]
fn who_is_in_two_sections_counts_in_each_and_is_named() {
    let text = "username,section\nana,Morning and Lab\nben,Morning\ncora,\"Lab, Evening, and X\"\ndan,Morning 2\n";
    let (names, note) = in_section(text, "morning");
    assert_eq!(names, ["ana", "ben"]);
    insta::assert_snapshot!(note.unwrap());
    assert_eq!(in_section(text, "Lab").0, ["ana", "cora"]);
    assert_eq!(in_section(text, "Evening").0, ["cora"]);
    assert_eq!(in_section(text, "X").0, ["cora"]);
    assert!(in_section(text, "and").0.is_empty());
}

#[test]
fn a_section_that_is_called_so_is_itself() {
    let text =
        "username,section\nana,Arts and Crafts\nben,Arts and Crafts and Lab\ncora,\"Mon, Wed\"\n";
    assert_eq!(in_section(text, "Arts and Crafts").0, ["ana", "ben"]);
    assert_eq!(in_section(text, "Mon").0, [""; 0]);
    let exact = in_section(
        "username,section\nana,Arts and Crafts\nben,B\n",
        "arts and crafts",
    );
    assert_eq!(exact, (vec!["ana".to_owned()], None));
}

#[test]
fn sections_and_names_are_compared_after_one_normalisation() {
    let text = "username,section\nana,E\u{301}vora\nben,\u{200f}ÉVORA\u{a0}\n";
    assert_eq!(in_section(text, "évora").0, ["ana", "ben"]);
    let roster = accepted(text);
    let named = roster.select(&["ANA\u{200b}".to_owned()], None).unwrap();
    assert_eq!(named.len(), 1);
    assert_eq!(roster.sections().len(), 1);
}

#[test]
fn a_due_time_of_a_students_own_is_read_and_an_empty_one_is_none() {
    for header in ["due", "Due Date", "Deadline", "Extended until"] {
        let text = format!("username,{header}\nuser1,2026-05-21T18:00:00+02:00\nuser2,\nuser3\n");
        let roster = accepted(text);
        let dues: Vec<_> = roster.students.iter().map(|s| s.due).collect();
        let due = "2026-05-21T16:00:00Z".parse().ok();
        assert_eq!(dues, [due, None, None], "{header}");
    }
    let other = accepted("username,Extension\nuser1,4711\n");
    assert_eq!(other.students[0].due, None);
}

#[test]
fn every_due_time_without_a_zone_is_said_at_once_with_its_line() {
    let text = "username,due\n\
        user1,2026-05-21T18:00:00\n\
        user 2,2026-05-22T18:00:00\n\
        user3,2026-05-21T18:00:00Z\n\
        user4,soon\n\
        user5,2026-05-21\n";
    let said = said(text);
    for part in [
        "lines 2 and 3, column 2 (due): 2 due times have no time zone",
        "line 5, column 2 (due): 'soon' is no time with a time zone",
        "line 6, column 2 (due): '2026-05-21' has no time of day and no time zone",
        "line 3, column 1 (username)",
        "as in 2026-05-21T18:00:00",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

fn in_places(text: &str) -> Result<Roster, Vec<Failure>> {
    let places = ["north", "south"].map(|place| place.parse().unwrap());
    Roster::parse_with("class.csv", text.as_bytes(), &limit(40), &[], &places)
}

#[test]
fn a_column_says_each_student_s_place_where_the_class_has_places() {
    for header in ["place", " Place ", "AWS place"] {
        let roster =
            in_places(&format!("username,{header}\nana,north\nben, South\ncem,\n")).unwrap();
        let places: Vec<_> = roster
            .students
            .iter()
            .map(|s| s.place.as_ref().map(|p| p.as_str()))
            .collect();
        assert_eq!(places, [Some("north"), Some("south"), None], "{header}");
        assert!(roster.kept_back.columns.is_empty() && roster.kept_back.values.is_empty());
    }
    let roster = in_places("username,birthplace\nana,Bern\n").unwrap();
    assert_eq!(roster.students[0].place, None);
    assert_eq!(roster.kept_back.columns, ["birthplace"]);
    assert!(
        !roster.details.iter().any(|said| said.contains("'place'")),
        "{:?}",
        roster.details
    );
    let near = in_places("username,plcae\nana,north\n")
        .unwrap()
        .details
        .concat();
    assert!(near.contains("is 'plcae' the place?"), "{near}");
}

#[test]
fn places_that_the_class_does_not_have_are_one_message_with_the_near_one() {
    let failures = in_places("username,place\nana,nroth\n").unwrap_err();
    assert_eq!(failures[0].subject, "class.csv, line 2, column 2 (place)");
    assert_eq!(failures[0].cause, "'nroth' is none of the class's places");
    let failures = in_places("username,place\nana,souht\nben,sout\ncem,north\n").unwrap_err();
    assert_eq!(failures.len(), 1);
    assert_eq!(
        failures[0].cause,
        "2 values are none of the class's places, for instance 'souht' and 'sout'"
    );
    assert_eq!(
        failures[0].hint.as_deref(),
        Some("homeroom.toml has the places north, south")
    );
    let failures = in_places("username,place\nana,sout\n").unwrap_err();
    assert_eq!(
        failures[0].hint.as_deref(),
        Some("did you mean 'south'? (homeroom.toml has the places north, south)")
    );
}

#[test]
fn without_places_a_column_of_that_name_is_kept_back_as_any_other() {
    let text = "username,place\nana,Bern\n";
    let roster = accepted(text);
    assert_eq!(roster.students[0].place, None);
    assert_eq!(roster.kept_back.columns, ["place"]);
    let publish = ["place".to_owned()];
    let places = ["Bern".parse().unwrap()];
    let read = |places: &[_]| {
        let read = Roster::parse_with("class.csv", text.as_bytes(), &limit(40), &publish, places);
        read.unwrap().students.remove(0)
    };
    assert_eq!(read(&[]).extra, [("place".to_owned(), "Bern".to_owned())]);
    // A lab that names the column goes on when the class gets places.
    let student = read(&places);
    assert_eq!(student.extra, [("place".to_owned(), "Bern".to_owned())]);
    assert_eq!(student.place.unwrap().as_str(), "Bern");
}
