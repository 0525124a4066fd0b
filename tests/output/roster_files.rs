//! Rosters as files: what is read, what is refused, and how the refusals read.

use std::time::{Duration, Instant};

use clap::Parser;
use homeroom::Cli;
use homeroom::error::Exit;
use homeroom::roster::{Roster, UsernameLimit};
use homeroom::text::failure::Failure;

fn limit() -> UsernameLimit {
    UsernameLimit {
        max: 30,
        because: "Lambda function '<username>-trigger-workflow' (at most 64 characters)".to_owned(),
    }
}

fn parse(bytes: impl AsRef<[u8]>) -> Result<Roster, Vec<Failure>> {
    Roster::parse("class.csv", bytes.as_ref(), &limit())
}

/// The same where the columns `named` may be shown.
fn parse_with(bytes: impl AsRef<[u8]>, named: &[&str]) -> Result<Roster, Vec<Failure>> {
    let named: Vec<String> = named.iter().map(|&name| name.to_owned()).collect();
    Roster::parse_with("class.csv", bytes.as_ref(), &limit(), &named, &[])
}

/// The refusals as a person sees them.
fn said(bytes: impl AsRef<[u8]>) -> String {
    let failures = parse(bytes).expect_err("a roster with mistakes");
    let mut out = String::new();
    for failure in failures {
        let hint = failure.hint.as_deref().unwrap_or("(no hint)");
        out.push_str(&format!("{failure}\n  hint: {hint}\n"));
    }
    out
}

fn usernames(roster: &Roster) -> Vec<&str> {
    roster
        .students
        .iter()
        .map(|s| s.username.as_str())
        .collect()
}

#[test]
fn every_kind_of_mistake_in_the_rows_is_said_at_once() {
    let text = [
        "\u{FEFF}Username , NAME,email,Section,seat\r\n", // 1
        "user1,Ann,ann@example.edu,A,1\r\n",
        "user 2,Bo,,A,2\r\n",
        ",Cy,,A,3\r\n",
        "-user5,Di,,A,4\r\n", // 5
        "jürgen,Ed,,A,5\r\n",
        "a-username-of-thirty-characters,Flo,,A,6\r\n",
        "a-username-that-no-lab-at-all-could-have-room-for,Gus,,A,7\r\n",
        "USER1,Hal,,A,8\r\n",
        "user1,Ida,,A,9\r\n", // 10
        "user1-b,Jo,,A,10\r\n",
        "user1-b-c,Kim,,A,11\r\n",
        "user13,\"Li\nMei\",,A,12\r\n", // 13, 14
        "user14,Mo\u{7},,A,13\r\n",     // 15
        "user15,No\u{202E}ra,,A,14\r\n",
        "user16,Ol\tga,,A,15\r\n",
        "\r\n",
        "user17,Pat\r\n",
        "user18,Doe, Jane,q@example.edu,A,17\r\n", // 20
        "user19,\"Quinn,,A,18\r\n",
        "user20,\"Rae\" Smith,,A,19\r\n",
        "user21,Jos\u{FFFD},,A,20\r\n",
        ",,,,\r\n",
    ]
    .concat()
        + &format!("user22,{},,A,21\r\n", "x".repeat(257));
    insta::assert_snapshot!(said(text));
}

#[test]
fn mistakes_in_the_header_are_said_with_those_of_the_rows() {
    insta::assert_snapshot!(said("user,name,,Name,na\u{7}me\nuser1,Ann,x,,,,y\n"));
}

#[test]
fn a_file_in_another_encoding_is_named_as_such() {
    let utf16: Vec<u8> = "username\r\nuser1\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let marked = [b"\xFF\xFE".as_slice(), &utf16].concat();
    assert_eq!(said(&utf16), said(&marked));
    insta::assert_snapshot!(said(&utf16));
    insta::assert_snapshot!(said(
        b"username,name\nuser1,Ann\nuser2,Jos\xE9\nuser3,Zo\xEB\n"
    ));
    insta::assert_snapshot!(said(b"PK\x03\x04\x14\x00\x06\x00"));
}

#[test]
fn a_roster_without_students_is_refused() {
    for text in ["", "\n \r\n\n", "\u{FEFF}"] {
        assert!(said(text).contains("the file is empty"), "{text:?}");
    }
    insta::assert_snapshot!(said("\n\nusername,name\n,\n"));
}

#[test]
fn a_semicolon_or_tab_separated_roster_is_read() {
    for text in [
        "username;name\nuser1;Doe, Jane\n",
        "\"username\"\tname\nuser1\tDoe, Jane\n",
    ] {
        let roster = parse(text).expect("a roster");
        assert_eq!(roster.students[0].name.as_deref(), Some("Doe, Jane"));
    }
    let mixed = said("username;name\nuser1,Ann\n");
    assert!(mixed.contains("semicolon"), "{mixed}");
}

#[test]
fn published_columns_are_kept_in_the_files_order() {
    let text = "Seat,username,Laptop id,password\n4,user1,,hunter2\n";
    let roster = parse_with(text, &["laptop ID", "seat"]).expect("a roster");
    assert_eq!(
        roster.students[0].extra,
        [
            ("Seat".to_owned(), "4".to_owned()),
            ("Laptop id".to_owned(), String::new())
        ]
    );
}

#[test]
fn a_dash_prefix_is_refused_in_any_order_and_case_a_mere_prefix_is_not() {
    assert_eq!(said("username\nuser1-b\nuser1\n").lines().count(), 2);
    assert_eq!(said("username\nUser1-b\nuser1\n").lines().count(), 2);
    assert_eq!(said("username\nuser1-\nuser1\n").lines().count(), 2);
    let roster = parse("username\nuser1\nuser10\nuser1_b\nuser-2\n").expect("a roster");
    assert_eq!(usernames(&roster), ["user1", "user10", "user1_b", "user-2"]);
}

#[test]
fn the_sample_class_has_thirty_students_in_three_sections() {
    let bytes = std::fs::read("roster/demo-class.csv").expect("the sample class");
    let roster = parse(bytes).expect("a roster");
    let expected: Vec<String> = (1..=30).map(|n| format!("user{n}")).collect();
    assert_eq!(usernames(&roster), expected);
    assert_eq!(roster.sections(), ["A", "B", "C"]);
    assert!(roster.students.iter().all(|s| {
        s.name.is_some()
            && s.email
                .as_deref()
                .is_some_and(|e| e.ends_with("@example.edu"))
    }));
}

#[test]
fn a_fresh_clone_finds_its_sample_class_by_itself() {
    let cli = Cli::try_parse_from(["homeroom", "plan"]).expect("a command line");
    let settings = cli.settings().expect("settings");
    assert_eq!(settings.class.as_str(), "demo-class");
    let roster = settings.read_roster(&limit()).expect("a roster");
    assert_eq!(roster.students.len(), 30);
}

#[test]
fn a_roster_file_that_is_not_there_is_an_invalid_setting() {
    let cli = Cli::try_parse_from(["homeroom", "plan", "--roster", "no/such-class.csv"]);
    let settings = cli.expect("a command line").settings().expect("settings");
    let error = settings.read_roster(&limit()).expect_err("no file");
    assert_eq!(error.exit, Exit::Invalid);
    assert_eq!(error.failures[0].subject, "no/such-class.csv");
}

#[test]
fn ten_thousand_rows_are_read_in_no_time_good_or_bad() {
    let mut good = String::from("username,name,email,section\n");
    // As many dashes as fit: the most work for the comparison of usernames.
    let mut bad = String::from("username,name\n");
    for n in 0..10_000 {
        good.push_str(&format!("user{n},\"Student, {n}\",user{n}@example.edu,A\n"));
        bad.push_str(&format!("a-b-c-d-e-f-g-h-i-j-{n},\"never closed\n"));
    }
    let started = Instant::now();
    assert_eq!(parse(&good).expect("a roster").students.len(), 10_000);
    assert!(parse(&bad).expect_err("mistakes").len() <= 21);
    // A quarter of a second on a quiet machine, minutes where the work grows with the square.
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?} for both",
        started.elapsed()
    );
}

mod properties {
    use std::collections::BTreeSet;

    use homeroom::roster::{Roster, Student};
    use homeroom::text::unwanted::{Unwanted, without_invisible};
    use proptest::prelude::*;

    use super::{parse, parse_with, said};

    /// Columns that are named in the settings.
    const NAMED: [&str; 2] = ["Seat no.", "note, free"];

    /// Values as people write them, with everything that CSV makes special.
    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            3 => "[A-Za-zÀ-ž'.,;\" 王芳-]{0,20}",
            1 => "[^\\p{C}\\p{Z}\u{61C}\u{200E}\u{200F}\u{FFFD}]{0,20}",
        ]
        .prop_map(|text| without_invisible(&text).0.into_owned())
        .prop_filter("would be refused", |text| {
            text.chars().all(|c| Unwanted::of(c).is_none())
        })
    }

    fn optional() -> impl Strategy<Value = Option<String>> {
        value().prop_map(|text| Some(text).filter(|text| !text.is_empty()))
    }

    fn student() -> impl Strategy<Value = Student> {
        (
            "[a-z0-9][a-zA-Z0-9_]{0,19}",
            optional(),
            optional(),
            optional(),
            value(),
            value(),
        )
            .prop_map(|(username, name, email, section, seat, note)| Student {
                username: username.parse().expect("a username"),
                name,
                email,
                section,
                due: None,
                place: None,
                extra: vec![
                    ("Seat no.".to_owned(), seat),
                    ("note, free".to_owned(), note),
                ],
            })
    }

    fn roster() -> impl Strategy<Value = Roster> {
        prop::collection::vec(student(), 1..12).prop_map(|mut students| {
            let mut seen = BTreeSet::new();
            students.retain(|s| seen.insert(s.username.as_str().to_lowercase()));
            Roster {
                students,
                ..Roster::default()
            }
        })
    }

    /// How a spreadsheet might write it.
    #[derive(Debug, Clone)]
    struct Style {
        delimiter: u8,
        bom: bool,
        crlf: bool,
        always_quote: bool,
        last_line_break: bool,
    }

    fn style() -> impl Strategy<Value = Style> {
        (
            prop::sample::select(vec![b',', b';', b'\t']),
            any::<[bool; 4]>(),
        )
            .prop_map(
                |(delimiter, [bom, crlf, always_quote, last_line_break])| Style {
                    delimiter,
                    bom,
                    crlf,
                    always_quote,
                    last_line_break,
                },
            )
    }

    fn rows(roster: &Roster) -> Vec<Vec<String>> {
        let header = [
            "USERNAME",
            "Name",
            "email",
            "Section",
            "Seat no.",
            "note, free",
        ];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        for s in &roster.students {
            let mut row = vec![s.username.to_string()];
            row.extend([&s.name, &s.email, &s.section].map(|v| v.clone().unwrap_or_default()));
            row.extend(s.extra.iter().map(|(_, v)| v.clone()));
            rows.push(row);
        }
        rows
    }

    fn spreadsheet(roster: &Roster, style: &Style) -> Vec<u8> {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(style.delimiter)
            .terminator(if style.crlf {
                csv::Terminator::CRLF
            } else {
                csv::Terminator::Any(b'\n')
            })
            .quote_style(if style.always_quote {
                csv::QuoteStyle::Always
            } else {
                csv::QuoteStyle::Necessary
            })
            .from_writer(Vec::new());
        for row in rows(roster) {
            writer.write_record(row).expect("written to memory");
        }
        let mut bytes = writer.into_inner().expect("written to memory");
        while !style.last_line_break && matches!(bytes.last(), Some(b'\n' | b'\r')) {
            bytes.pop();
        }
        if style.bom {
            bytes.splice(0..0, *b"\xEF\xBB\xBF");
        }
        bytes
    }

    /// What a person might type: spaces around quoted and plain values, blank lines between.
    fn by_hand(roster: &Roster, choices: &[u8]) -> String {
        let mut choices = choices.iter().cycle();
        let mut choose = move |of: u8| choices.next().map_or(0, |c| c % of);
        let mut out = String::new();
        for row in rows(roster) {
            for _ in 0..choose(3) {
                out.push_str(["\n", "\r\n", "  \n"][usize::from(choose(3))]);
            }
            for (i, value) in row.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                let pad = ["", " ", "  ", "\u{A0}"][usize::from(choose(4))];
                let quote = choose(2) == 0 || value.contains([',', '"']);
                out.push_str(pad);
                if quote {
                    out.push_str(&format!("\"{}\"", value.replace('"', "\"\"")));
                } else {
                    out.push_str(value);
                }
                out.push_str(pad);
            }
            out.push_str(["\n", "\r\n", "\r"][usize::from(choose(3))]);
        }
        out
    }

    /// Lines as an editor counts them: `\n`, `\r\n` and `\r` each end one.
    fn lines(bytes: &[u8]) -> usize {
        let breaks = bytes
            .iter()
            .enumerate()
            .filter(|&(i, &b)| b == b'\n' || (b == b'\r' && bytes.get(i + 1) != Some(&b'\n')));
        1 + breaks.count()
    }

    /// Checks that every refusal has a line of the file, in order, and a hint.
    fn assert_places(bytes: &[u8]) -> Result<(), TestCaseError> {
        let Err(failures) = parse(bytes) else {
            return Ok(());
        };
        prop_assert!(!failures.is_empty());
        let mut last = 1;
        for failure in failures {
            let place = failure.subject.strip_prefix("class.csv, line");
            let place = place.expect("a line").trim_start_matches('s').trim_start();
            let end = place.find(|c: char| !c.is_ascii_digit());
            let line: usize = place[..end.unwrap_or(place.len())]
                .parse()
                .expect("a number");
            for text in [
                &failure.subject,
                &failure.cause,
                failure.hint.as_ref().expect("a hint"),
            ] {
                let raw = |c: char| Unwanted::of(c).is_some_and(|u| u != Unwanted::Replacement);
                prop_assert!(!text.contains(raw), "{text:?}");
                prop_assert!(text.len() < 2_000, "{text}");
            }
            prop_assert!((last..=lines(bytes)).contains(&line), "{failure}");
            prop_assert!(failure.hint.is_some(), "{failure}");
            last = line;
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn a_roster_survives_every_spreadsheets_way_of_writing_it(roster in roster(), style in style()) {
            let read = parse_with(spreadsheet(&roster, &style), &NAMED).map(|r| r.students);
            prop_assert_eq!(read, Ok(roster.students));
        }

        #[test]
        fn a_roster_survives_being_typed_by_hand(roster in roster(), choices in prop::collection::vec(any::<u8>(), 1..200)) {
            let read = parse_with(by_hand(&roster, &choices), &NAMED).map(|r| r.students);
            prop_assert_eq!(read, Ok(roster.students));
        }

        #[test]
        fn no_bytes_panic_and_every_refusal_is_placed_in_the_file(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            assert_places(&bytes)?;
        }

        #[test]
        fn no_csv_like_text_panics_and_every_refusal_is_placed_in_the_file(
            text in "(sep=;\n)?(username,name\n)?([\"a-c1,;.@# \n\r\té\u{FEFF}\u{200b}\u{202e}\u{7}-]|\"\"|user1|\r\n){0,60}",
        ) {
            assert_places(text.as_bytes())?;
        }

        #[test]
        fn one_line_without_its_closing_quote_is_the_only_one_refused(roster in roster(), at in any::<prop::sample::Index>()) {
            let text = rows(&roster)
                .iter()
                .map(|row| format!("{},\n", row[0]))
                .collect::<String>();
            let line = 1 + at.index(roster.students.len());
            let broken: String = text
                .replacen(",\n", ",name\n", 1)
                .lines()
                .enumerate()
                .map(|(i, l)| if i == line { format!("{l}\"oops\n") } else { format!("{l}\n") })
                .collect();
            let said = said(broken);
            prop_assert_eq!(said.lines().count(), 2, "{}", said);
            prop_assert!(said.contains(&format!("line {}, column 2 (name)", line + 1)), "{}", said);
        }
    }
}
