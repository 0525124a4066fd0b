use crate::aws::execution::ExecutionStatus;
use crate::evidence::check::{Evidence, ExecutionEvidence, PartsDone};
use crate::evidence::last_reading::*;
use crate::evidence::sight::DAY_MS;
use crate::ids::Scope;

const MACHINE: &str = "state machine user1-flow";
const GROUP: &str = "log group /aws/lambda/user1-work";

fn at(hour: i8) -> Timestamp {
    format!("2026-05-14T{hour:02}:00:00Z").parse().unwrap()
}

fn days_later(days: i64) -> Timestamp {
    at(10) + jiff::SignedDuration::from_hours(24 * days)
}

fn user() -> Username {
    "user1".parse().unwrap()
}

fn readings() -> LastReadings {
    let scope = Scope {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "us-east-1".into(),
    };
    let (class, lab) = ("demo".parse().unwrap(), "lab6".parse().unwrap());
    LastReadings::new(CacheKey::new(&scope, &class, &lab))
}

fn check(id: &str, work: Work, verdict: Verdict, earned: u32) -> CheckResult {
    CheckResult {
        id: id.into(),
        title: id.into(),
        work,
        points: Points::whole(30),
        earned: Points::whole(earned),
        parts: None,
        verdict,
        evidence: vec!["seen".into()],
        hint: String::new(),
        instructor_hint: None,
        as_of: None,
        on_time: None,
    }
}

/// A reading in which the runs were judged so, and the logs so.
fn read(runs: (Verdict, u32), logs: (Verdict, u32)) -> StudentProgress {
    let checks = vec![
        check("stack", Work::Stack, Verdict::Pass, 0),
        check("runs", Work::Student, runs.0, runs.1),
        check("logs", Work::Student, logs.0, logs.1),
    ];
    StudentProgress {
        progress: Progress::of(&checks),
        checks,
        ..StudentProgress::unread(&user())
    }
}

fn done() -> StudentProgress {
    read((Verdict::Pass, 30), (Verdict::Pass, 30))
}

fn nothing() -> StudentProgress {
    read((Verdict::Fail, 0), (Verdict::Fail, 0))
}

fn source(name: &str, state: SourceState) -> Source {
    Source {
        name: name.into(),
        state,
        keeps_ms: 90 * DAY_MS,
    }
}

/// What is seen of a stack: its role's id, and the state of machine and log group.
fn sight(role: Option<&str>, machine: SourceState, group: SourceState) -> StackSight {
    let mut births: BTreeSet<String> = role
        .map(|id| format!("IAM role {id}"))
        .into_iter()
        .collect();
    let machine = source(MACHINE, machine);
    if matches!(machine.state, SourceState::There(_)) {
        births.extend(machine.birth());
    }
    StackSight {
        ends: false,
        hidden: machine.state == SourceState::Hidden,
        any: !births.is_empty(),
        births,
        sources: BTreeMap::from([
            ("runs".into(), vec![machine.clone()]),
            ("logs".into(), vec![machine, source(GROUP, group)]),
        ]),
    }
}

fn whole(role: &str, born: i64) -> StackSight {
    let there = SourceState::There(Some(born));
    sight(Some(role), there.clone(), there)
}

fn gone() -> StackSight {
    sight(None, SourceState::Gone, SourceState::Gone)
}

/// One reading more; the student as they stand.
fn merge(
    last: &mut LastReadings,
    fresh: StudentProgress,
    sight: StackSight,
    now: Timestamp,
) -> StudentProgress {
    last.merge([(fresh, sight)], &BTreeMap::new(), now)
        .0
        .remove(0)
}

/// Verdict, points and time of a check.
fn of(student: &StudentProgress, id: &str) -> (Verdict, Points, Option<Timestamp>) {
    let check = student.checks.iter().find(|check| check.id == id).unwrap();
    (check.verdict, check.earned, check.as_of)
}

fn pass(as_of: Option<Timestamp>) -> (Verdict, Points, Option<Timestamp>) {
    (Verdict::Pass, Points::whole(30), as_of)
}

#[test]
fn of_a_stack_that_is_gone_the_last_reading_stands_with_its_time() {
    let mut last = readings();
    let first = merge(&mut last, done(), whole("r", 1), at(9));
    assert_eq!(
        (of(&first, "runs"), first.last),
        (pass(None), Last::default())
    );
    for hour in [10, 11] {
        let shown = merge(&mut last, nothing(), gone(), at(hour));
        assert_eq!(of(&shown, "runs"), pass(Some(at(9))));
        assert_eq!(shown.progress, Progress::Complete);
        assert_eq!((shown.last.as_of, shown.last.gone), (Some(at(9)), true));
    }
    assert_eq!(last.students[&user()].read_at, at(9));
}

#[test]
fn a_student_who_never_had_a_stack_has_no_grade_and_no_reading() {
    let mut last = readings();
    let shown = merge(&mut last, nothing(), gone(), at(9));
    assert_eq!(of(&shown, "runs").0, Verdict::CouldNotCheck);
    assert_eq!(shown.last, Last::default());
    assert!(last.students.is_empty());
}

#[test]
fn a_stack_deployed_anew_starts_without_the_earlier_reading() {
    let mut last = readings();
    merge(&mut last, done(), whole("r1", 1), at(9));
    let read = [(nothing(), whole("r2", 2))];
    let (shown, displaced) = last.merge(read, &BTreeMap::new(), at(10));
    assert_eq!(of(&shown[0], "runs"), (Verdict::Fail, Points::ZERO, None));
    assert_eq!(shown[0].last.earlier, Some(at(9)));
    assert_eq!(displaced[&user()].checks[1].result.verdict, Verdict::Pass);
    // The earlier one never counts for this one, not even once this one is gone, too.
    let shown = merge(&mut last, nothing(), gone(), at(11));
    assert_eq!(of(&shown, "runs").1, Points::ZERO);
    assert_eq!(shown.last.earlier, Some(at(9)));
}

#[test]
fn a_reading_that_a_dated_copy_has_needs_no_other() {
    let mut last = readings();
    merge(&mut last, done(), whole("r1", 1), at(9));
    last.copied([&user()], "copy.json");
    let (_, displaced) = last.merge([(nothing(), whole("r2", 2))], &BTreeMap::new(), at(10));
    assert!(displaced.is_empty());
    let earlier = last.students[&user()].earlier.clone().unwrap();
    assert_eq!(earlier.copy.as_deref(), Some("copy.json"));
}

#[test]
fn a_check_whose_source_is_gone_keeps_its_last_reading() {
    let mut last = readings();
    merge(&mut last, done(), whole("r", 1), at(9));
    let there = SourceState::There(Some(1));
    let shown = merge(
        &mut last,
        nothing(),
        sight(Some("r"), there, SourceState::Gone),
        at(10),
    );
    assert_eq!(of(&shown, "logs"), pass(Some(at(9))));
    assert_eq!(of(&shown, "runs"), (Verdict::Fail, Points::ZERO, None));
    assert!(!shown.last.gone);
}

#[test]
fn a_check_whose_source_is_gone_before_it_was_read_is_no_zero() {
    let mut last = readings();
    let half = sight(Some("r"), SourceState::Gone, SourceState::Gone);
    let shown = merge(&mut last, nothing(), half, at(9));
    let (verdict, ..) = of(&shown, "runs");
    assert_eq!(verdict, Verdict::CouldNotCheck);
    let why = shown.checks[1].evidence[0].sentence();
    assert!(why.contains(MACHINE) && why.contains("no reading"), "{why}");
    assert!(!shown.last.unread, "there is nothing to be read");
}

#[test]
fn executions_of_somebody_else_s_machine_prove_nothing() {
    let mut last = readings();
    let theirs = SourceState::Theirs("belongs to class other".into());
    let shown = merge(
        &mut last,
        done(),
        sight(None, theirs.clone(), theirs),
        at(9),
    );
    assert_eq!(of(&shown, "runs").0, Verdict::CouldNotCheck);
    assert!(last.students.is_empty());
}

#[test]
fn a_machine_made_anew_in_the_same_stack_takes_nothing_away() {
    let mut last = readings();
    merge(&mut last, done(), whole("r", 1), at(9));
    for hour in [10, 11] {
        let shown = merge(&mut last, nothing(), whole("r", 2), at(hour));
        assert_eq!(of(&shown, "runs"), pass(Some(at(9))), "at {hour}");
    }
    // What is done again counts as read now.
    let shown = merge(&mut last, done(), whole("r", 2), at(12));
    assert_eq!(of(&shown, "runs"), pass(None));
}

#[test]
fn parts_that_were_earned_stand_as_well() {
    let mut last = readings();
    let partly = read((Verdict::Fail, 20), (Verdict::Fail, 0));
    merge(&mut last, partly, whole("r", 1), at(9));
    let fewer = read((Verdict::Fail, 10), (Verdict::Fail, 0));
    let shown = merge(&mut last, fewer, whole("r", 2), at(10));
    assert_eq!(of(&shown, "runs").1, Points::whole(20));
}

#[test]
fn after_a_teardown_began_what_is_made_is_another_stack() {
    let mut last = readings();
    merge(&mut last, done(), whole("r", 1), at(9));
    last.close([&user()], at(10));
    // Interrupted: some of it still stands, and so does the reading.
    let half = sight(Some("r"), SourceState::Gone, SourceState::Gone);
    let shown = merge(&mut last, nothing(), half, at(11));
    assert_eq!(of(&shown, "runs"), pass(Some(at(9))));
    // Deployed again, around a role that was left.
    let shown = merge(&mut last, nothing(), whole("r", 2), at(12));
    assert_eq!(of(&shown, "runs").1, Points::ZERO);
    assert_eq!(shown.last.earlier, Some(at(9)));
}

#[test]
fn a_teardown_that_deleted_nothing_leaves_the_stack_the_same() {
    let mut last = readings();
    merge(&mut last, nothing(), whole("r", 1), at(9));
    last.close([&user()], at(10));
    let shown = merge(&mut last, done(), whole("r", 1), at(11));
    assert_eq!((of(&shown, "runs"), shown.last.earlier), (pass(None), None));
}

#[test]
fn a_half_done_teardown_does_not_make_the_last_reading_broken() {
    let mut last = readings();
    merge(&mut last, done(), whole("r", 1), at(9));
    let mut broken = nothing();
    broken.checks[0].verdict = Verdict::Fail;
    let half = sight(Some("r"), SourceState::Gone, SourceState::Gone);
    let shown = merge(&mut last, broken, half, at(10));
    assert_eq!(shown.progress, Progress::Broken);
    let shown = merge(&mut last, nothing(), gone(), at(11));
    assert_eq!(shown.progress, Progress::Complete);
    assert_eq!(
        of(&shown, "stack"),
        (Verdict::Pass, Points::ZERO, Some(at(9)))
    );
}

#[test]
fn what_could_not_be_read_stands_if_it_had_passed_and_is_unknown_if_not() {
    let mut last = readings();
    let one = read((Verdict::Pass, 30), (Verdict::Fail, 0));
    merge(&mut last, one, whole("r", 1), at(9));
    let refused = read((Verdict::CouldNotCheck, 0), (Verdict::CouldNotCheck, 0));
    let shown = merge(&mut last, refused, whole("r", 1), at(10));
    assert_eq!(of(&shown, "runs"), pass(Some(at(9))));
    assert_eq!(of(&shown, "logs").0, Verdict::CouldNotCheck);
    assert!(shown.last.unread);
    assert_eq!(shown.progress, Progress::Unknown);
    // What is kept is what was known.
    let shown = merge(&mut last, nothing(), gone(), at(11));
    assert_eq!(
        of(&shown, "logs"),
        (Verdict::Fail, Points::ZERO, Some(at(9)))
    );
}

#[test]
fn what_was_done_in_part_is_no_less_while_it_cannot_be_read() {
    let mut last = readings();
    let mut partly = read((Verdict::Pass, 30), (Verdict::Fail, 7));
    let parts = Some(PartsDone { done: 1, of: 3 });
    for check in &mut partly.checks {
        check.parts = parts;
    }
    merge(&mut last, partly, whole("r", 1), at(9));
    let refused = || read((Verdict::CouldNotCheck, 0), (Verdict::CouldNotCheck, 0));
    let shown = merge(&mut last, refused(), whole("r", 1), at(10));
    let logs = shown
        .checks
        .iter()
        .find(|check| check.id == "logs")
        .unwrap();
    assert_eq!(logs.verdict, Verdict::CouldNotCheck);
    assert_eq!(
        (logs.earned, logs.parts, logs.as_of),
        (Points::whole(7), parts, Some(at(9)))
    );
    // A teardown follows: nothing will be read after this.
    let end = StackSight {
        ends: true,
        ..whole("r", 1)
    };
    let shown = merge(&mut last, refused(), end, at(11));
    assert_eq!(
        of(&shown, "logs"),
        (Verdict::Fail, Points::whole(7), Some(at(9)))
    );
    assert!(
        shown.last.unread,
        "that it was not read is told all the same"
    );
}

#[test]
fn more_that_is_proven_is_kept_though_not_all_could_be_read() {
    let partly = |runs| read((Verdict::CouldNotCheck, runs), (Verdict::Fail, 0));
    let kept = |ends: bool| {
        let mut last = readings();
        let first = read((Verdict::Fail, 15), (Verdict::Fail, 0));
        merge(&mut last, first, whole("r", 1), at(9));
        last.copied([&user()], "copy.json");
        let sight = StackSight {
            ends,
            ..whole("r", 1)
        };
        let shown = merge(&mut last, partly(20), sight, at(10));
        let now = ends.then_some((Verdict::Fail, Points::whole(20), Some(at(10))));
        let now = now.unwrap_or((Verdict::CouldNotCheck, Points::whole(20), None));
        assert_eq!(of(&shown, "runs"), now);
        last
    };
    for ends in [false, true] {
        let mut last = kept(ends);
        let kept = &last.students[&user()];
        assert_eq!((kept.read_at, &kept.copy), (at(10), &None), "it is news");
        // Less that is proven later takes nothing away.
        let shown = merge(&mut last, partly(5), whole("r", 1), at(11));
        let least = (Verdict::CouldNotCheck, Points::whole(20), Some(at(10)));
        assert_eq!(of(&shown, "runs"), least);
        let shown = merge(&mut last, nothing(), gone(), at(12));
        let stands = (Verdict::Fail, Points::whole(20), Some(at(10)));
        assert_eq!(of(&shown, "runs"), stands);
    }
}

#[test]
fn an_unseen_stack_is_not_taken_for_a_gone_one() {
    let mut last = readings();
    merge(&mut last, done(), whole("r", 1), at(9));
    let refused = || read((Verdict::CouldNotCheck, 0), (Verdict::CouldNotCheck, 0));
    let blind = || sight(None, SourceState::Hidden, SourceState::Hidden);
    let shown = merge(&mut last, refused(), blind(), at(10));
    assert_eq!(
        (of(&shown, "runs"), shown.last.gone),
        (pass(Some(at(9))), false)
    );
    assert!(shown.last.unread);
    // After a teardown it may be the next class's: then nothing is claimed.
    last.close([&user()], at(11));
    let shown = merge(&mut last, refused(), blind(), at(12));
    assert_eq!(of(&shown, "runs").0, Verdict::CouldNotCheck);
    assert_eq!(last.students[&user()].read_at, at(9));
}

#[test]
fn what_aged_out_of_its_source_still_counts() {
    let mut last = readings();
    let mut proven = done();
    let run = Execution {
        arn: "arn".into(),
        name: "run".into(),
        status: ExecutionStatus::Succeeded,
        started_ms: at(8).as_millisecond(),
        stopped_ms: Some(at(8).as_millisecond()),
        redriven_ms: None,
        detail: None,
    };
    proven.checks[1].evidence = vec![Evidence {
        execution: Some(ExecutionEvidence {
            starter: Starter::Api,
            execution: run,
            console_url: None,
            why: None,
        }),
        ..Evidence::from("")
    }];
    merge(&mut last, proven, whole("r", 1), at(9));
    let shown = merge(&mut last.clone(), nothing(), whole("r", 1), days_later(89));
    assert_eq!(
        of(&shown, "runs").1,
        Points::ZERO,
        "it would still be listed"
    );
    let shown = merge(&mut last, nothing(), whole("r", 1), days_later(91));
    assert_eq!(of(&shown, "runs"), pass(Some(at(9))));
}

#[test]
fn last_readings_are_read_back_and_others_are_not_used() {
    let mut last = readings();
    merge(&mut last, done(), whole("r", 1), at(9));
    last.close([&user()], at(10));
    let text = last.to_json().unwrap();
    let parse = |text: &str| LastReadings::parse(text.as_bytes(), Some(&last.key));
    assert_eq!(parse(&text), Ok(last.clone()));
    let half = &text[..text.len() / 2];
    assert!(parse(half).unwrap_err().contains("damaged"));
    let newer = text.replacen("\"version\":1", "\"version\":99", 1);
    assert!(parse(&newer).unwrap_err().contains("another version"));
    let other = text.replacen("123456789012", "999999999999", 1);
    assert!(parse(&other).unwrap_err().contains("account 999999999999"));
}

/// The same of a roster with this address.
fn merge_of(
    last: &mut LastReadings,
    email: &str,
    (fresh, sight): (StudentProgress, StackSight),
    now: Timestamp,
) -> (StudentProgress, BTreeMap<Username, KeptReading>) {
    let person = KnownPerson {
        email: Some(email.into()),
        name: None,
    };
    let (mut shown, displaced) = last.merge([(fresh, sight)], &[(user(), person)].into(), now);
    (shown.remove(0), displaced)
}

fn not_there() -> StudentProgress {
    StudentProgress {
        progress: Progress::NotDeployed,
        ..nothing()
    }
}

#[test]
fn who_has_the_username_next_term_gets_no_grade_of_who_had_it_before() {
    let mut last = readings();
    merge_of(&mut last, "ana@x.edu", (done(), whole("r", 1)), at(9));
    let kept = last.students[&user()].clone();
    for hour in [10, 11] {
        let read = (not_there(), gone());
        let (shown, displaced) = merge_of(&mut last, "ben@x.edu", read, at(hour));
        assert_eq!(shown.progress, Progress::NotDeployed);
        assert_eq!(of(&shown, "runs").1, Points::ZERO);
        assert_eq!((shown.last.earlier, shown.last.as_of), (Some(at(9)), None));
        assert_eq!(displaced[&user()], kept, "no dated copy has it yet");
        assert_eq!(last.students[&user()], kept, "it is still Ana's");
    }
    let refused = read((Verdict::CouldNotCheck, 0), (Verdict::CouldNotCheck, 0));
    let blind = sight(None, SourceState::Hidden, SourceState::Hidden);
    let (shown, _) = merge_of(&mut last, "ben@x.edu", (refused, blind), at(12));
    assert_eq!(of(&shown, "runs").0, Verdict::CouldNotCheck);
    // The roster was wrong: nothing is lost.
    let (shown, _) = merge_of(&mut last, "ana@x.edu", (not_there(), gone()), at(13));
    assert_eq!(of(&shown, "runs"), pass(Some(at(9))));
    // Ben's stack, once it stands.
    let (shown, _) = merge_of(&mut last, "ben@x.edu", (nothing(), whole("q", 2)), at(14));
    assert_eq!(of(&shown, "runs"), (Verdict::Fail, Points::ZERO, None));
    assert_eq!(
        (shown.last.earlier, shown.last.another),
        (Some(at(9)), false)
    );
}

#[test]
fn what_is_left_of_a_torn_down_stack_counts_for_nobody_else() {
    let mut last = readings();
    merge_of(&mut last, "ana@x.edu", (done(), whole("r", 1)), at(9));
    last.close([&user()], at(10));
    let half = sight(Some("r"), SourceState::Gone, SourceState::Gone);
    let (shown, _) = merge_of(&mut last, "ben@x.edu", (nothing(), half), at(11));
    assert_eq!(of(&shown, "runs").0, Verdict::CouldNotCheck);
    assert!(shown.last.another && last.students[&user()].closed_at.is_some());
}

#[test]
fn a_stack_that_stands_is_whoever_s_the_roster_says_and_that_is_told() {
    let mut last = readings();
    merge_of(&mut last, "ana@x.edu", (done(), whole("r", 1)), at(9));
    let (shown, _) = merge_of(&mut last, "ana@y.edu", (done(), whole("r", 1)), at(10));
    assert!(shown.last.handed_on);
    let (shown, _) = merge_of(&mut last, "ana@y.edu", (not_there(), gone()), at(11));
    assert_eq!(
        (of(&shown, "runs"), shown.last.handed_on),
        (pass(Some(at(10))), false)
    );
}

#[test]
fn an_older_reading_without_a_person_is_of_whom_the_people_file_named() {
    let mut last = readings();
    merge(&mut last, done(), whole("r", 1), at(9));
    let shown = merge_of(
        &mut last.clone(),
        "ben@x.edu",
        (not_there(), gone()),
        at(10),
    );
    assert_eq!(
        of(&shown.0, "runs"),
        pass(Some(at(9))),
        "nothing contradicts it"
    );
    let ana = KnownPerson {
        email: Some("ana@x.edu".into()),
        name: None,
    };
    last.know(&[(user(), ana)].into());
    let shown = merge_of(&mut last, "ben@x.edu", (not_there(), gone()), at(10));
    assert_eq!(of(&shown.0, "runs").1, Points::ZERO);
}

fn due(hour: i8, earned: u32) -> Option<OnTime> {
    Some(OnTime {
        due: at(hour),
        earned: Points::whole(earned),
    })
}

/// A reading of the runs alone, with what of it was on time.
fn timed(verdict: Verdict, earned: u32, on_time: Option<OnTime>) -> StudentProgress {
    let mut progress = read((verdict, earned), (Verdict::Pass, 30));
    progress.checks[1].on_time = on_time;
    progress
}

/// What counts as on time after both readings, for work due at that hour.
fn on_time_of(
    known: (StudentProgress, i8),
    fresh: (StudentProgress, i8),
    due_hour: i8,
) -> Option<u32> {
    let mut last = readings();
    let people = BTreeMap::new();
    last.merge([(known.0, whole("r1", 1))], &people, at(known.1));
    let (shown, _) = last.merge([(fresh.0, whole("r1", 1))], &people, at(fresh.1));
    let kept = &last.students[&user()].checks[1].result;
    assert_eq!(kept.on_time, shown[0].checks[1].on_time);
    let earned = shown[0].checks[1].earned_by(at(due_hour))?;
    Some(u32::try_from(earned.hundredths() / 100).unwrap())
}

#[test]
fn work_on_time_is_kept_when_only_later_work_is_still_seen() {
    let known = || (timed(Verdict::Pass, 30, due(12, 30)), 13);
    let late = timed(Verdict::Pass, 30, due(12, 0));
    assert_eq!(on_time_of(known(), (late, 14), 12), Some(30));
    let unknown = timed(Verdict::Pass, 30, None);
    assert_eq!(on_time_of(known(), (unknown, 14), 12), Some(30));
    let unread = timed(Verdict::CouldNotCheck, 0, None);
    assert_eq!(on_time_of(known(), (unread, 14), 12), Some(30));
}

#[test]
fn what_was_known_before_the_time_was_over_makes_nothing_late() {
    let known = || (timed(Verdict::Fail, 10, due(12, 10)), 11);
    let done = timed(Verdict::Pass, 30, None);
    assert_eq!(on_time_of(known(), (done, 14), 12), None);
    let known = (timed(Verdict::Fail, 10, due(12, 10)), 13);
    let done = timed(Verdict::Pass, 30, None);
    assert_eq!(on_time_of(known, (done, 14), 12), Some(10));
}

#[test]
fn an_extension_is_judged_anew_from_what_is_read() {
    let known = || (timed(Verdict::Pass, 30, due(12, 10)), 13);
    let extended = timed(Verdict::Pass, 30, due(14, 30));
    assert_eq!(on_time_of(known(), (extended, 15), 14), Some(30));
    // Nothing can be read any more: what was earned between the two times is not known.
    let mut last = readings();
    last.merge([(known().0, whole("r1", 1))], &BTreeMap::new(), at(13));
    let gone = (nothing(), gone());
    let (shown, _) = last.merge([gone], &BTreeMap::new(), at(15));
    let runs = &shown[0].checks[1];
    assert_eq!(runs.earned_by(at(12)), Some(Points::whole(10)));
    assert_eq!(
        runs.earned_by(at(13)),
        Some(Points::whole(30)),
        "all was read by then"
    );
    assert_eq!(runs.earned_by(at(11)), None);
}

#[test]
fn a_correction_downwards_is_not_undone_by_what_was_on_time() {
    let known = (timed(Verdict::Pass, 30, due(12, 30)), 13);
    let corrected = timed(Verdict::Fail, 0, due(12, 0));
    assert_eq!(on_time_of(known, (corrected, 14), 12), Some(0));
}
