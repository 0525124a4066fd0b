//! The right person's row, or nobody's.

use super::*;

/// The five and other rows, at every place among them: the cells of all rows, in the order given.
fn everywhere(others: &[&str]) -> (Vec<String>, Filled) {
    let mut rows: Vec<&str> = others.to_vec();
    rows.extend(FIVE);
    let first = fill(&rows);
    let expected = grades(&first);
    for shift in 1..rows.len() {
        let mut turned = rows.clone();
        turned.rotate_left(shift);
        let mut cells = grades(&fill(&turned));
        cells.rotate_right(shift);
        assert_eq!(cells, expected, "{turned:?}");
    }
    (expected, first)
}

#[test]
fn five_students_are_filled_in_and_the_test_student_is_nobody() {
    let (cells, filled) = everywhere(&["\"Student, Test\",106,,0a1b,A,"]);
    assert_eq!(cells, ["", "100", "100", "45", "100", "20"]);
    assert_eq!(left(&filled), [""; 0]);
    assert_eq!(
        notes(&filled),
        [
            "out.csv: 'Lab 6 (12)' filled in for 5 students, 5 by name alone: user1, user2, user3, user4, user5; check that each is the right student, then import"
        ]
    );
}

#[test]
fn a_login_that_is_anothers_local_part_gets_nobodys_grade() {
    let (cells, filled) = everywhere(&["\"Adams, Corazon\",201,S9,cora,C,"]);
    assert_eq!(cells, ["", "100", "100", "45", "100", "20"]);
    assert_eq!(left(&filled), [""; 0]);
    assert_eq!(filled.judged.strangers, ["'Adams, Corazon'"]);
}

#[test]
fn a_login_that_is_anothers_username_gets_nobodys_grade() {
    let (cells, filled) = everywhere(&["\"Adams, Zed\",201,S9,user3,C,"]);
    assert_eq!(cells, ["", "100", "100", "45", "100", "20"]);
    assert_eq!(
        (left(&filled), filled.judged.strangers.len()),
        (Vec::new(), 1)
    );

    let without = fill(&["\"Adams, Zed\",201,S9,user3,C,", FIVE[0]]);
    assert_eq!(grades(&without), ["", "100"]);
    assert_eq!(
        left(&without)[1],
        "user3: the row that has their username has another name: 'Adams, Zed' (line 3)"
    );
}

#[test]
fn a_shared_first_name_or_surname_does_not_make_a_login_proof() {
    for name in ["Adams, Cora", "Weiss, Carl", "Weiss, Corazon"] {
        let row = format!("\"{name}\",201,S9,cora,C,");
        assert_eq!(grades(&fill(&[&row])), [""], "{name}");
        let (cells, _) = everywhere(&[&row]);
        assert_eq!(cells[..4], ["", "100", "100", "45"], "{name}");
    }
}

#[test]
fn two_students_of_one_name_weigh_alike_in_any_order_of_the_class() {
    let ana = (student("user1", "Ana Ruiz", "ana@other.example"), 100.0);
    let other_ana = (student("user2", "Ana Ruiz", "ana@example.edu"), 100.0);
    let cora = (student("user3", "Cora Weiss", "cora@example.edu"), 45.0);
    // Addresses beside the students' own would be no doubt, if most of the class had them. Ana's may be no such one.
    let rows = [
        "\"Ruiz, Ana\",101,,ruiz7@example.edu,A,",
        "\"Weiss, Cora\",102,,weiss3@example.edu,A,",
    ];
    let orders = [
        [ana.clone(), other_ana.clone(), cora.clone()],
        [other_ana, ana, cora],
    ];
    for class in orders {
        let filled = fill_class(&class, export(&rows).as_bytes(), "Lab 6", false);
        assert_eq!(grades(&filled), ["", ""], "{filled:?}");
    }
}

#[test]
fn two_people_of_one_name_are_both_left_and_both_listed() {
    for other in [
        "\"Ana, Ruiz\",199,S8,rana8,C,",
        "\"Ruiz, Ana\",190,S90,ruizana2,C,",
    ] {
        let (cells, filled) = everywhere(&[other]);
        assert_eq!(cells, ["", "", "100", "45", "100", "20"]);
        assert_eq!(filled.judged.left.len(), 1);
        assert_eq!(
            filled.judged.left[0].why,
            "more than one row has their name"
        );
        assert!(
            filled.judged.left[0].detail.contains("(line 3) and"),
            "{filled:?}"
        );
        assert!(
            filled.judged.left[0]
                .detail
                .ends_with("'Ruiz, Ana' (line 4)"),
            "{filled:?}"
        );
        assert_eq!(filled.judged.strangers, [""; 0]);
    }
}

#[test]
fn namesakes_in_canvas_are_told_apart_by_a_stronger_proof() {
    for login in ["ANA.RUIZ@example.edu", "user1", "ana.ruiz"] {
        let own = format!("\"Ruiz, Ana\",101,S1,{login},A,");
        let filled = fill(&["\"Ruiz, Ana\",190,S90,ruizana2,C,", &own]);
        assert_eq!(grades(&filled), ["", "100"], "{login}");
        assert_eq!(filled.judged.strangers, ["'Ruiz, Ana'"]);
    }
}

#[test]
fn a_name_that_two_students_share_fills_nobody() {
    let mut class = class();
    class.push((student("user6", "Ruiz Ana", "ana2@example.edu"), 60.0));
    let one = fill_class(&class, export(&FIVE).as_bytes(), "Lab 6", false);
    assert_eq!(grades(&one)[..2], ["", "100"]);
    assert_eq!(
        left(&one),
        [
            "user1: their row could also be another student's: 'Ruiz, Ana' (line 3), user6",
            "user6: their row could also be another student's: 'Ruiz, Ana' (line 3), user1",
        ]
    );
    // Who has an own row by a stronger proof is out: one student of that name is left, and one row.
    let rows = [
        "\"Ruiz, Ana\",101,S1,x,A,",
        "\"Ruiz, Ana\",107,S7,ana2@example.edu,A,",
    ];
    let both = fill_class(&class, export(&rows).as_bytes(), "Lab 6", false);
    assert_eq!(grades(&both), ["100", "60"]);
}

#[test]
fn a_username_that_is_anothers_local_part_finds_its_own_row() {
    let class = [
        (student("cora", "Zed Adams", "zed@example.edu"), 10.0),
        (student("user3", "Cora Weiss", "cora@gmail.example"), 45.0),
    ];
    let rows = [
        "\"Adams, Zed\",201,S9,cora,C,",
        "\"Weiss, Cora\",103,S3,cweiss3,A,",
    ];
    let filled = fill_class(&class, export(&rows).as_bytes(), "Lab 6", false);
    assert_eq!(grades(&filled), ["10", "45"]);
    // The login is one student's username, the name another's: nobody knows which is right.
    let rows = ["\"Weiss, Cora\",103,S3,cora,A,"];
    let filled = fill_class(&class, export(&rows).as_bytes(), "Lab 6", false);
    assert_eq!(grades(&filled), [""]);
    let said = "a row has one student's login and another student's name: 'Weiss, Cora' (line 3) has the username of cora and the name of user3";
    assert_eq!(
        left(&filled),
        [format!("cora: {said}"), format!("user3: {said}")]
    );
}

#[test]
fn a_row_between_two_students_is_said_though_both_have_their_own() {
    let class = [
        (student("cora", "Zed Adams", "zed@example.edu"), 10.0),
        (student("user3", "Cora Weiss", "cora@gmail.example"), 45.0),
    ];
    let crossed = "\"Weiss, Cora\",203,S9,cora,C,";
    let rows = [
        crossed,
        "\"Adams, Zed\",201,S1,za,C,",
        "\"Weiss, Cora\",103,S3,user3,A,",
    ];
    let filled = fill_class(&class, export(&rows).as_bytes(), "Lab 6", false);
    // The second row is of user3 by username and name, the first by name alone: it fills nobody either way.
    assert_eq!(grades(&filled), ["", "10", "45"]);
    assert_eq!(
        notes(&filled)[1..],
        [
            "Canvas: 1 row left out: 'Weiss, Cora' (line 3) has the username of cora and the name of user3"
        ]
    );
}

#[test]
fn an_address_of_one_student_beside_anothers_name_fills_nobody() {
    let rows = [
        "\"Ito, Ben\",102,S2,ana.ruiz@example.edu,A,",
        "\"Ruiz, Ana\",101,S1,aruiz1,A,",
    ];
    let filled = fill(&rows);
    assert_eq!(grades(&filled), ["", ""]);
    assert!(left(&filled)[0].contains("the e-mail address of user1 and the name of user2"));
    assert!(left(&filled)[1].contains("the e-mail address of user1 and the name of user2"));
}

#[test]
fn a_full_address_is_believed_whatever_the_name() {
    let filled = fill(&[
        "\"R., A.\",101,S1,ana.ruiz@example.edu\u{200b},A,",
        "\"Ito, Ben\",102,\u{202a}Ben.Ito@Example.edu\u{202c},x,A,",
        "\"Weiß, C.\",103,S3,CORA@gmail.example ,A,",
    ]);
    assert_eq!(grades(&filled), ["100", "100", "45"]);
}

#[test]
fn a_username_is_a_proof_where_the_name_agrees_or_is_not_known() {
    let filled = fill(&[
        "\"Ruiz Díaz, Ana María\",101,USER1,x,A,",
        "\"I., Ben\",102,S2,user2,A,",
        ",103,S3,user3,A,",
        "\"Nunez, Daniel\",104,S4,user4,A,",
        "\"Stone, Evelyn\",105,S5,user5@uni.example,A,",
    ]);
    assert_eq!(grades(&filled), ["100", "100", "45", "100", ""]);
    let nameless = [(student("user3", "", "cora@gmail.example"), 45.0)];
    for login in ["user3", "user3@uni.example", "cora"] {
        let row = format!("\"Adams, Zed\",201,S9,{login},C,");
        let filled = fill_class(&nameless, export(&[&row]).as_bytes(), "Lab 6", false);
        assert_eq!(grades(&filled), ["45"], "{login}");
    }
}

#[test]
fn a_row_with_a_username_yields_to_one_with_exactly_the_name() {
    let rows = ["\"Ruiz Díaz, Ana\",107,S7,user1,A,", FIVE[0]];
    let filled = fill(&rows);
    assert_eq!(grades(&filled), ["", ""]);
    assert_eq!(
        left(&filled)[0],
        "user1: one row has their username, another row their name: 'Ruiz Díaz, Ana' (line 3) and 'Ruiz, Ana' (line 4)"
    );
}

#[test]
fn an_address_that_two_share_fills_nobody_even_by_name() {
    let mut class = class();
    class[1].0.email = class[0].0.email.clone();
    let rows = ["\"R., A.\",101,S1,ana.ruiz@example.edu,A,", FIVE[1]];
    let filled = fill_class(&class, export(&rows).as_bytes(), "Lab 6", false);
    assert_eq!(grades(&filled), ["", ""]);
    let twice = fill(&[
        "\"R., A.\",101,S1,ana.ruiz@example.edu,A,",
        "\"R., A.\",109,S1,ana.ruiz@example.edu,A,",
    ]);
    assert_eq!(grades(&twice), ["", ""]);
    assert!(left(&twice)[0].starts_with("user1: more than one row has their e-mail address"));
}

#[test]
fn one_canvas_id_in_two_sections_is_one_person() {
    let (cells, filled) = everywhere(&["\"Ruiz, Ana\",101,S1,aruiz1,B,"]);
    assert_eq!(cells, ["100", "100", "100", "45", "100", "20"]);
    assert_eq!(
        (
            filled.judged.graded.len(),
            left(&filled),
            filled.judged.strangers.len()
        ),
        (5, Vec::new(), 0)
    );
}

#[test]
fn one_canvas_id_with_two_names_is_nobody() {
    let rows = [
        "\"Ruiz, Ana\",101,S1,aruiz1,A,",
        "\"Ito, Ben\",101,S2,bito2,A,",
        FIVE[2],
    ];
    let filled = fill(&rows);
    assert_eq!(grades(&filled), ["", "", "45"]);
    assert_eq!(
        left(&filled)[0],
        "user1: rows of one Canvas ID have different names or logins: 'Ruiz, Ana' (line 3)"
    );
}

#[test]
fn a_row_without_an_id_is_filled_in_by_its_login() {
    let filled = fill(&[
        "\"Ruiz, Ana\",,S1,ana.ruiz@example.edu,A,",
        "\"Weiss, Cora\",,,cweiss3,A,",
        "\"Stone, Eve\",,,,B,",
    ]);
    assert_eq!(grades(&filled), ["100", "45", ""]);
    assert_eq!(
        left(&filled),
        [
            "user2: no row has their e-mail address, username or name",
            "user4: no row has their e-mail address, username or name",
            "user5: their row has no ID and no login: 'Stone, Eve' (line 5)",
        ]
    );
}

#[test]
fn why_nobody_was_found_names_only_what_the_roster_has() {
    let class = [
        (student("user1", "", ""), 1.0),
        (student("user2", "Ben Ito", ""), 1.0),
    ];
    let filled = fill_class(
        &class,
        export(&["\"Other, P\",1,,p,A,"]).as_bytes(),
        "Lab 6",
        false,
    );
    assert_eq!(
        left(&filled),
        [
            "user1: no row has their username",
            "user2: no row has their username or name"
        ]
    );
}

#[test]
fn a_selection_is_matched_against_the_whole_class() {
    let class = class();
    let roster: Vec<Student> = class.iter().map(|(student, _)| student.clone()).collect();
    let text = export(&FIVE);
    let export = Export::read("grades.csv", text.as_bytes(), "Lab 6").unwrap();
    let filled = export.fill(&report(&class[2..3]), &roster, rules(false));
    assert_eq!(grades(&filled), ["", "", "45", "", ""]);
    assert_eq!(
        notes(&filled),
        [
            "out.csv: 'Lab 6 (12)' filled in for 1 student, 1 by name alone: user3; check that each is the right student, then import"
        ]
    );
}

#[test]
fn four_hundred_strangers_are_one_line() {
    let others: Vec<String> = (0..400)
        .map(|i| format!("\"Other, P{i}\",{},T{i},other{i},C,", 300 + i))
        .collect();
    let mut rows = FIVE.to_vec();
    rows.extend(others.iter().map(String::as_str));
    assert_eq!(
        notes(&fill(&rows))[1..],
        [
            "Canvas: 400 rows of nobody in this class: 'Other, P0', 'Other, P1', 'Other, P2' and 397 more",
        ]
    );
}

/// A class of which four rows have what `login` makes of the student, and the fifth this.
fn four_and(login: impl Fn(&Student) -> String, fifth: &str) -> Filled {
    let class = class();
    let mut rows: Vec<String> = Vec::new();
    for (at, (student, _)) in class[..4].iter().enumerate() {
        let name = student.name.as_deref().unwrap();
        rows.push(format!("{name},{},S{at},{},A,", 101 + at, login(student)));
    }
    rows.push(fifth.to_owned());
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    fill(&rows)
}

#[test]
fn a_namesake_whose_login_is_anothers_gets_nobodys_grade() {
    let email = |student: &Student| student.email.clone().unwrap();
    let username = |student: &Student| student.username.to_string();
    let other_address = "\"Stone, Eve\",900,S77,eve.stone2@example.edu,Z,";
    let other_username = "\"Stone, Eve\",105,S5,user17,Z,";
    for (filled, login) in [
        (four_and(email, other_address), "eve.stone2@example.edu"),
        (four_and(username, other_username), "user17"),
        // The others' logins say nothing, and an address in the student's own domain is another person's.
        (
            four_and(|s| format!("x-{}", s.username), other_address),
            "eve.stone2@example.edu",
        ),
    ] {
        assert_eq!(grades(&filled)[4], "", "{login}");
        assert_eq!(
            left(&filled),
            [format!(
                "user5: the row that has their name has another login or ID: 'Stone, Eve' (line 7) has '{login}'"
            )]
        );
        assert_eq!(filled.judged.strangers, [""; 0]);
    }
}

#[test]
fn who_is_found_by_the_name_alone_is_said() {
    let email = |student: &Student| student.email.clone().unwrap();
    // The class's addresses say nothing of who gave a private one.
    let cora = "\"Weiss, Cora\",103,S3,cweiss@example.edu,A,";
    let others = [0, 1, 3, 4].map(|at| FIVE[at].replace("aruiz1", "ana.ruiz@example.edu"));
    let others = others.map(|row| row.replace("bito2", "ben.ito@example.edu"));
    let others = others.map(|row| row.replace("dnunez", "dan@example.edu"));
    let mut rows: Vec<&str> = others.iter().map(String::as_str).collect();
    rows[3] = "\"Stone, Eve\",105,,,A,";
    rows.push(cora);
    let filled = fill(&rows);
    assert_eq!(grades(&filled), ["100", "100", "100", "20", "45"]);
    assert_eq!(
        notes(&filled)[0],
        "out.csv: 'Lab 6 (12)' filled in for 5 students, 2 by name alone: user3, user5; check that each is the right student, then import"
    );
    let all = four_and(email, "\"Stone, Eve\",105,S5,eve@example.edu,A,");
    assert_eq!((all.judged.graded.len(), all.judged.by_name.len()), (5, 0));
}

#[test]
fn logins_that_are_simply_other_ids_contradict_nobody() {
    let numbers = |student: &Student| format!("90012{}", student.username);
    let aliases = |student: &Student| format!("{}x@example.edu", &student.username.as_str()[4..]);
    let filled = four_and(numbers, "\"Stone, Eve\",105,S5,9001205,A,");
    assert_eq!(
        (filled.judged.graded.len(), filled.judged.by_name.len()),
        (5, 5)
    );
    let filled = four_and(aliases, "\"Stone, Eve\",105,S5,5x@example.edu,A,");
    assert_eq!(
        (filled.judged.graded.len(), filled.judged.by_name.len()),
        (5, 5)
    );
}

#[test]
fn a_row_of_nobody_without_a_name_is_named_by_its_line() {
    let filled = fill(&[FIVE[0], ",201,S9,x,C,"]);
    let said = notes(&filled);
    let last = said.last().unwrap();
    assert_eq!(
        last,
        "Canvas: 1 row of nobody in this class: the row without a name (line 4)"
    );
}
