//! What a person sees on stderr while a run goes on.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use homeroom::events::{Command, Event, Outcome, StepInFlight, StepResult};
use homeroom::ids::Username;
use homeroom::report::progress::Tracker;
use homeroom::report::style::Paint;
use homeroom::report::{Terminal, TerminalOptions};
use homeroom::stack::kinds::{Kind, ResourceId};
use homeroom::text::failure::Failure;

/// A writer whose text can be read, and a clock that is set by hand.
#[derive(Clone, Default)]
struct Stage {
    text: Arc<Mutex<Vec<u8>>>,
    millis: Arc<AtomicU64>,
}

impl Write for Stage {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stage {
    fn terminal(&self, verbosity: i8, interactive: bool, color: bool) -> Terminal {
        let options = TerminalOptions {
            color,
            interactive,
            verbosity,
            columns: Some(80),
        };
        let millis = self.millis.clone();
        Terminal::new(options, self.clone(), move || {
            Duration::from_millis(millis.load(Ordering::Relaxed))
        })
    }
    fn pass(&self, seconds: u64) {
        self.millis.fetch_add(seconds * 1000, Ordering::Relaxed);
    }
    fn text(&self) -> String {
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }
}

fn user(name: &str) -> Username {
    name.parse().unwrap()
}

fn role(name: &str) -> ResourceId {
    ResourceId::new(Kind::Role, format!("{name}-worker"))
}

fn started() -> Event {
    Event::RunStarted {
        command: Command::Deploy,
        class: "spring".parse().unwrap(),
        lab: "lab6".parse().unwrap(),
        account: "123456789012".into(),
        region: "us-east-1".into(),
        students: 30,
        steps: 390,
    }
}

fn step(name: &str) -> Event {
    Event::StepStarted {
        student: user(name),
        resource: role(name),
        action: "create".into(),
    }
}

fn waiting(name: &str) -> Event {
    Event::StepWaiting {
        student: user(name),
        resource: role(name),
        on: "the role to become assumable".into(),
    }
}

fn step_done(name: &str) -> Event {
    Event::StepFinished {
        student: user(name),
        resource: role(name),
        action: "create".into(),
        result: StepResult::Done,
        elapsed_ms: 1200,
    }
}

fn finished(name: &str, outcome: Outcome, failure: Option<Failure>) -> Event {
    Event::StudentFinished {
        student: user(name),
        outcome,
        failure,
    }
}

fn denied() -> Failure {
    Failure {
        subject: "Lambda function user2-process-data".into(),
        cause: "lambda:CreateFunction: AccessDeniedException: \u{1b}[31mnot authorized".into(),
        hint: Some("give the caller lambda:CreateFunction".into()),
        request_id: None,
    }
}

/// A run that has a bit of everything.
fn play(stage: &Stage, terminal: &mut Terminal) {
    terminal.handle(&started());
    terminal.handle(&Event::Note {
        text: "3 students are not selected".into(),
    });
    terminal.handle(&Event::StudentStarted {
        student: user("user1"),
    });
    terminal.handle(&step("user1"));
    terminal.handle(&waiting("user1"));
    stage.pass(25);
    terminal.tick();
    terminal.handle(&Event::CallRetried {
        operation: "lambda:CreateFunction",
        cause: "TooManyRequestsException: Rate exceeded".into(),
        request_id: None,
        after_ms: 1500,
    });
    stage.pass(5);
    terminal.handle(&step_done("user1"));
    terminal.handle(&finished("user1", Outcome::Deployed, None));
    terminal.handle(&finished("user2", Outcome::Failed, Some(denied())));
    terminal.handle(&Event::RunFinished { elapsed_ms: 30_000 });
}

#[test]
fn away_from_a_terminal_there_is_one_plain_line_a_student() {
    let stage = Stage::default();
    play(&stage, &mut stage.terminal(0, false, false));
    insta::assert_snapshot!(stage.text());
}

#[test]
fn verbose_lines_show_retries_and_steps() {
    let stage = Stage::default();
    play(&stage, &mut stage.terminal(2, false, false));
    insta::assert_snapshot!(stage.text());
}

#[test]
fn quiet_means_errors_only() {
    let stage = Stage::default();
    play(&stage, &mut stage.terminal(-1, true, false));
    insta::assert_snapshot!(stage.text());
}

#[test]
fn colour_is_of_our_own_making_only() {
    let stage = Stage::default();
    play(&stage, &mut stage.terminal(0, false, true));
    let text = stage.text();
    assert!(text.contains("\u{1b}[32m✓\u{1b}[0m"), "{text:?}");
    // The sequence in AWS's message is seen, not obeyed.
    assert!(text.contains("\u{fffd}[31mnot authorized"), "{text:?}");
}

#[test]
fn the_bar_is_painted_in_place_and_gone_at_the_end() {
    let stage = Stage::default();
    let mut terminal = stage.terminal(0, true, false);
    play(&stage, &mut terminal);
    let text = stage.text();
    assert!(text.contains("deploy  ┄┄┄"), "{text:?}");
    assert!(text.contains("waiting 25s: user1"), "{text:?}");
    // A failure stands above the bar, to stay; a success is the bar's to count.
    assert!(text.contains("! user2 failed: Lambda function"), "{text:?}");
    assert!(!text.contains("✓ user1 deployed"), "{text:?}");
    // What follows the last clearing of a line is movement of the cursor and nothing to see.
    let (_, end) = text.rsplit_once("\u{1b}[2K").unwrap();
    let seen = end.replace(['\u{1b}', '[', 'A', 'B', '1', '2', '\r', '\n', ' '], "");
    assert_eq!(seen, "", "{end:?}");
}

#[test]
fn an_interruption_names_what_may_remain_even_when_quiet() {
    let stage = Stage::default();
    let mut terminal = stage.terminal(-1, false, false);
    terminal.handle(&started());
    terminal.handle(&Event::Interrupted {
        now: true,
        in_flight: vec![StepInFlight {
            student: user("user1"),
            resource: role("user1"),
            action: "create".into(),
        }],
    });
    insta::assert_snapshot!(stage.text(), @r"
    stopped now. These were in flight and may or may not have happened:
      user1: create IAM role user1-worker
    ");
}

#[test]
fn a_long_wait_is_told_again_only_after_as_long_again() {
    let stage = Stage::default();
    let mut terminal = stage.terminal(0, false, false);
    terminal.handle(&started());
    terminal.handle(&step("user1"));
    for _ in 0..50 {
        // The engine may say so at every poll.
        terminal.handle(&waiting("user1"));
        stage.pass(1);
        terminal.tick();
    }
    let told: Vec<String> = stage
        .text()
        .lines()
        .filter(|line| line.contains("waiting"))
        .map(str::to_owned)
        .collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[1].contains("waiting 40s"), "{told:#?}");
}

fn frames() -> Vec<(&'static str, Tracker, Duration)> {
    let at = Duration::from_secs;
    let mut half = Tracker::default();
    half.apply(&started(), at(0));
    for n in 0..120 {
        let name = format!("user{}", n / 13 + 1);
        half.apply(&step(&name), at(n));
        half.apply(&step_done(&name), at(n));
    }
    for n in 1..=9 {
        half.apply(
            &finished(&format!("user{n}"), Outcome::Deployed, None),
            at(100),
        );
    }
    half.apply(&step("user10"), at(101));
    half.apply(&Event::TimeLeft { seconds: 280 }, at(120));

    let mut waits = Tracker::default();
    waits.apply(&started(), at(0));
    for name in ["user1", "user2", "user3"] {
        waits.apply(&step(name), at(1));
        waits.apply(&waiting(name), at(2));
    }
    waits.apply(&finished("user4", Outcome::Failed, Some(denied())), at(3));
    waits.apply(
        &Event::Interrupted {
            now: false,
            in_flight: Vec::new(),
        },
        at(4),
    );
    vec![("half-way", half, at(125)), ("waiting", waits, at(80))]
}

#[test]
fn frames_fit_the_terminal() {
    let mut shown = String::new();
    for (name, tracker, now) in frames() {
        for columns in [120, 79, 40] {
            let lines = tracker.frame(now, columns, Paint { color: false });
            for line in &lines {
                assert!(homeroom::text::show::width(line) <= columns, "{line}");
            }
            shown.push_str(&format!(
                "{name}, {columns} columns\n{}\n\n",
                lines.join("\n")
            ));
        }
    }
    insta::assert_snapshot!(shown);
}

/// 33 students who fail for one cause.
fn fail_alike(stage: &Stage, terminal: &mut Terminal) {
    terminal.handle(&started());
    for n in 1..=33 {
        let name = format!("user{n}");
        let failure = Failure {
            subject: format!("Lambda function {name}-process-data"),
            ..denied()
        };
        terminal.handle(&finished(&name, Outcome::Failed, Some(failure)));
    }
    assert_eq!(stage.text().matches("give the caller").count(), 1);
}

#[test]
fn a_cause_that_many_meet_is_told_once_and_then_in_a_word() {
    let stage = Stage::default();
    fail_alike(&stage, &mut stage.terminal(0, false, false));
    let text = stage.text();
    assert!(
        text.contains("[33/30] ! user33 failed, as user1\n"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1 + 2 + 32, "{text}");
    // A bar counts them.
    let stage = Stage::default();
    fail_alike(&stage, &mut stage.terminal(0, true, false));
    assert!(!stage.text().contains("user33"));
}

#[test]
fn errors_alone_are_told_together_at_the_end() {
    let stage = Stage::default();
    play(&stage, &mut stage.terminal(-2, true, false));
    assert_eq!(stage.text(), "");
}

#[test]
fn a_wait_names_those_for_whom_and_ends_with_the_probe() {
    let mut tracker = Tracker::default();
    tracker.apply(&started(), Duration::ZERO);
    for n in 1..=6 {
        tracker.apply(&waiting(&format!("user{n}")), Duration::from_secs(n));
    }
    let activity = |tracker: &Tracker| {
        let frame = tracker.frame(Duration::from_secs(21), 100, Paint { color: false });
        frame[1].clone()
    };
    assert_eq!(
        activity(&tracker),
        "  waiting 20s for user1, user2, user3 and 3 more: IAM role: the role to become assumable"
    );
    for n in 2..=6 {
        let student = user(&format!("user{n}"));
        let result = serde_json::Value::Null;
        tracker.apply(
            &Event::CheckFinished { student, result },
            Duration::from_secs(22),
        );
    }
    assert_eq!(
        activity(&tracker),
        "  waiting 20s: user1: IAM role user1-worker: the role to become assumable"
    );
}

#[test]
fn lines_at_a_terminal_break_between_words() {
    for columns in [60, 80, 120] {
        let stage = Stage::default();
        let options = TerminalOptions {
            color: true,
            interactive: true,
            verbosity: 0,
            columns: Some(columns),
        };
        let mut terminal = Terminal::new(options, stage.clone(), || Duration::ZERO);
        let text = ["student"; 40].join(" ");
        terminal.handle(&Event::Note { text });
        for line in stage.text().lines() {
            assert!(line.len() <= usize::from(columns), "{line}");
            assert!(line.ends_with("student"), "{line}");
        }
    }
}
