//! `grades push canvas`, the whole verb: the binary, a class on the embedded cloud, and a Canvas that is strict.

#[expect(dead_code, reason = "unit tests of the push use the rest of it")]
#[path = "../../../src/canvas/tests/fake.rs"]
mod fake;

use fake::{Fake, TOKEN};

use homeroom::strict::{Fault, Rule};

use super::grades::{said, write_roster};
use super::places::{Places, student};
use super::*;

const PUSH: [&str; 7] = [
    "grades",
    "push",
    "canvas",
    "--course",
    "12",
    "--assignment",
    "345",
];
const CONFIRMED: &[&str] = &["--confirm", "12"];

/// A class in which user1 has 45 points and the others none, its Canvas, and everything that the binary has said.
struct Term {
    day: Day,
    canvas: Fake,
    said: std::cell::RefCell<Vec<u8>>,
}

impl Term {
    /// In Canvas user1 has no grade, user2 has 80 and user3 is excused.
    async fn begin() -> Self {
        let day = Day::begin(&["user1", "user2", "user3"])
            .await
            .worked()
            .await;
        write_roster(
            &day,
            &["user1,ana@x.edu", "user2,ben@x.edu", "user3,cora@x.edu"],
        );
        let canvas = Fake::start().await;
        canvas.enrol(1, "Ruiz, Ana", "ana@x.edu", None);
        canvas.enrol(2, "Ito, Ben", "ben@x.edu", Some(80.0));
        canvas.enrol(3, "Weiss, Cora", "cora@x.edu", None);
        canvas.excuse(3);
        Self {
            day,
            canvas,
            said: Vec::new().into(),
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.day.command(&[&PUSH, words].concat());
        command
            .args(["-vv", "--log-file", "diagnostics.log"])
            .env("CANVAS_URL", self.canvas.url())
            .env("CANVAS_TOKEN", TOKEN);
        command
    }

    fn push(&self, words: &[&str]) -> (i32, String, String) {
        self.output(&mut self.command(words))
    }

    /// Exit code, stdout and stderr.
    fn output(&self, command: &mut Command) -> (i32, String, String) {
        let output = command.output().unwrap();
        self.said.borrow_mut().extend(&output.stdout);
        self.said.borrow_mut().extend(&output.stderr);
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code().unwrap(), stdout, said(&output))
    }

    /// That the token stands in nothing that was said or written.
    fn the_token_is_nowhere(&self) {
        let mut written = self.day.reports();
        let log = self.day.folder.path().join("diagnostics.log");
        written.push(("diagnostics".to_owned(), std::fs::read(log).unwrap()));
        written.push(("output".to_owned(), self.said.borrow().clone()));
        assert!(written.iter().all(|(_, bytes)| !bytes.is_empty()));
        let has = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(TOKEN);
        let found = written.iter().find(|(_, bytes)| has(bytes));
        assert!(found.is_none(), "{:?}", found.map(|(name, _)| name));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_lists_first_writes_once_confirmed_and_reads_back() {
    let term = Term::begin().await;
    let canvas = &term.canvas;
    // Nobody at a prompt, and nothing confirmed: the list alone.
    let (code, listed, told) = term.push(&[]);
    assert_eq!(code, 7, "{listed}{told}");
    assert!(
        listed.contains("would change 1 grade of 'Lab 6' in Canvas:"),
        "{listed}"
    );
    let line = listed.lines().find(|line| line.contains("Ruiz")).unwrap();
    assert_eq!(line.trim(), "user1  – → 45  Ruiz, Ana");
    assert!(listed.contains("excused in Canvas"), "{listed}");
    assert!(
        format!("{listed}{told}").contains("nothing was written"),
        "{listed}{told}"
    );
    assert_eq!(canvas.writes(), 0);

    // Another course's number confirms nothing, and nothing is asked.
    let before = canvas.requests();
    assert_eq!(term.push(&["--confirm", "13"]).0, 7);
    assert_eq!(canvas.requests(), before);

    let (code, json, told) = term.push(&[CONFIRMED, &["--output", "json"]].concat());
    assert_eq!(code, 0, "{json}{told}");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(outcomes(&json)[0], ("user1".into(), "graded".into()));
    assert_eq!(json["students"][0]["grade"]["to"], 45.0);
    assert_eq!(canvas.sent(), [(1, "45".to_owned())]);
    assert_eq!((canvas.score(1), canvas.score(2)), (Some(45.0), Some(80.0)));

    // Nothing is left to do, until a lower grade is asked for.
    let (code, listed, told) = term.push(CONFIRMED);
    assert_eq!(code, 0, "{listed}{told}");
    assert!(listed.contains("nothing to write"), "{listed}");
    assert_eq!(canvas.writes(), 1);
    let (code, listed, told) = term.push(&[CONFIRMED, &["--lower"]].concat());
    assert_eq!(code, 0, "{listed}{told}");
    assert!(listed.contains("80 → 0"), "{listed}");
    assert_eq!(canvas.score(2), Some(0.0));
    term.the_token_is_nowhere();
    term.day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_refused_or_goes_wrong_says_so_by_its_exit_code() {
    let term = Term::begin().await;
    let Term { day, canvas, .. } = &term;
    // What is wrong with the command is found before anything is asked, all at once.
    let readable = day.folder.path().join("token");
    std::fs::write(&readable, TOKEN).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&readable, open).unwrap();
    let file = ["--token-file", readable.to_str().unwrap()];
    let mut command = term.command(&file);
    let (code, _, told) = term.output(command.env("CANVAS_URL", "canvas.example"));
    assert_eq!(code, 2, "{told}");
    assert!(
        told.contains("chmod 600") && told.contains("CANVAS_URL"),
        "{told}"
    );
    let (code, _, told) = term.output(term.command(&[]).env_remove("CANVAS_TOKEN"));
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("there is no token"), "{told}");
    assert_eq!(canvas.requests(), 0);

    // The file for its owner alone is taken.
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&readable, closed).unwrap();
    let (code, listed, _) = term.output(term.command(&file).env_remove("CANVAS_TOKEN"));
    assert_eq!(code, 7);
    assert!(listed.contains("– → 45"), "{listed}");

    let (code, _, told) = term.output(term.command(CONFIRMED).env("CANVAS_TOKEN", "7~Old"));
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("does not accept the token"), "{told}");
    // The Canvas says it again.
    assert!(!told.contains("7~Old"), "{told}");

    canvas.assignment(|assignment| assignment["published"] = false.into());
    let (code, _, told) = term.push(CONFIRMED);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("not published"), "{told}");
    canvas.assignment(|assignment| assignment["published"] = true.into());
    assert_eq!(canvas.writes(), 0);

    // What Canvas made of it is read back, and told with the student's name.
    canvas.turn(1, 44.0);
    let (code, listed, told) = term.push(CONFIRMED);
    let all = format!("{listed}{told}");
    assert_eq!(code, 3, "{all}");
    assert!(
        all.contains("user1") && all.contains("45 was sent, and Canvas has 44"),
        "{all}"
    );
    std::fs::remove_file(readable).unwrap();
    term.the_token_is_nowhere();
    term.day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_interrupt_ends_a_push_and_names_who_is_not_verified() {
    let term = Term::begin().await;
    let canvas = &term.canvas;
    canvas.hold_after_a_write();
    let mut command = term.command(CONFIRMED);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = child.spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    let interrupt = || rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let held = async |requests: usize| {
        while canvas.held() < requests {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // The grade is sent, and Canvas does not answer any more: first not how the job goes on, then not what it has.
    held(1).await;
    interrupt();
    held(2).await;
    interrupt();
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap());
    let output = tokio::time::timeout(Duration::from_secs(30), output).await;
    let output = output.expect("it ends at once").unwrap();
    let told = said(&output) + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("not verified: user1"), "{told}");
    assert_eq!(canvas.writes(), 1);
    term.day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_writes_no_grade_of_a_place_that_cannot_be_reached() {
    let day = Places::begin("ana,east ben,west").await;
    let roster = "username,email,place\nana,ana@x.edu,east\nben,ben@x.edu,west\n";
    day.write("demo.csv", roster);
    assert_eq!(day.json("deploy").0, 0);
    assert_eq!(day.json("report").0, 0);
    let canvas = Fake::start().await;
    canvas.enrol(1, "Ruiz, Ana", "ana@x.edu", Some(70.0));
    canvas.enrol(2, "Ito, Ben", "ben@x.edu", Some(80.0));
    let proxy = day.behind_proxy(1).await;
    proxy.model().inject(Rule::any().fault(Fault::Reset));
    let push = "grades push canvas --course 12 --assignment 345 --lower --confirm 12 --output json";
    let mut command = day.command(push);
    command
        .env("CANVAS_URL", canvas.url())
        .env("CANVAS_TOKEN", TOKEN);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    json_schemas::check(&document);
    assert_eq!(output.status.code(), Some(1), "{said} {document}");
    // Of Ana it is certain that she has done nothing.
    assert_eq!(student(&document, "ana")["outcome"], "graded", "{document}");
    assert_eq!(
        student(&document, "ben")["outcome"],
        "left-out",
        "{document}"
    );
    assert_eq!((canvas.score(1), canvas.score(2)), (Some(0.0), Some(80.0)));
}
