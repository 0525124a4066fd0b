//! A cause that is everybody's keeps readings and validations from asking for each student.

use futures::future::join_all;

use homeroom::aws::Operation;

use super::*;

fn notes(events: &mut mpsc::UnboundedReceiver<Event>) -> Vec<String> {
    let mut notes = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Event::Note { text } = event {
            notes.push(text);
        }
    }
    notes
}

#[tokio::test(start_paused = true)]
async fn a_validation_meets_a_cause_that_is_everybodys_once() {
    let class = Class::deployed(20).await;
    class
        .aws
        .inject(Rule::on("states:DescribeExecution").fault(Fault::AccessDenied));
    let (client, mut events) = class.client().await;
    class.aws.clear_calls();
    // A few at once, and the others after them.
    let mut all = join_all((0..5).map(|index| class.validate_by(&client, index))).await;
    for index in 5..20 {
        all.push(class.validate_by(&client, index).await);
    }
    let told = notes(&mut events);
    let probes = all[0]
        .iter()
        .filter(|c| c.verdict == Verdict::CouldNotCheck);
    let probes: Vec<_> = probes.map(|check| check.id.clone()).collect();
    assert!(probes.len() > 2, "{:?}", all[0]);
    // Once for each of what the probes try, and with its fix.
    assert!((1..=probes.len()).contains(&told.len()), "{told:?}");
    let words = [
        "all students share",
        "states:DescribeExecution",
        "Fix: ",
        "request id",
    ];
    for note in &told {
        assert!(words.iter().all(|word| note.contains(word)), "{note}");
    }
    assert!(class.aws.count("states:DescribeExecution") <= 5 * probes.len());
    assert!(class.aws.count("states:StartExecution") <= 5 * probes.len());
    // Nobody's is taken for checked.
    for checks in &all {
        let unknown = checks
            .iter()
            .filter(|c| c.verdict == Verdict::CouldNotCheck);
        let unknown: Vec<_> = unknown.map(|check| check.id.clone()).collect();
        assert_eq!(unknown, probes);
        assert!(!checks.iter().any(|check| check.verdict == Verdict::Fail));
    }
    let (last, fix) = (all[19].last().unwrap(), "homeroom doctor --policy");
    assert_eq!(last.verdict, Verdict::CouldNotCheck);
    assert!(all[19].iter().any(|check| check.hint.contains(fix)));
}

#[tokio::test(start_paused = true)]
async fn a_validation_asks_a_few_times_for_what_nobody_may_read() {
    for operation in [
        "lambda:GetFunction",
        "logs:FilterLogEvents",
        "states:GetExecutionHistory",
    ] {
        let class = Class::deployed(10).await;
        class
            .aws
            .inject(Rule::on(operation).fault(Fault::AccessDenied));
        let (client, mut events) = class.client().await;
        class.aws.clear_calls();
        join_all((0..4).map(|index| class.validate_by(&client, index))).await;
        let asked = class.aws.count(operation);
        assert!(asked >= 3, "{operation}: {asked}");
        for index in 4..10 {
            let checks = class.validate_by(&client, index).await;
            let told = |check: &CheckResult| format!("{check:?}").contains(operation);
            assert!(checks.iter().any(told), "{checks:#?}");
        }
        assert_eq!(class.aws.count(operation), asked, "{operation}");
        let notes = notes(&mut events);
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].contains(operation), "{notes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_apis_wrong_answer_is_told_with_its_request() {
    let class = Class::deployed(1).await;
    class
        .aws
        .inject(Rule::on("execute-api:Invoke").fault(Fault::Error {
            status: 400,
            code: "BadRequestException",
            message: "no",
        }));
    let (checks, _) = class.validate_one(0).await;
    let mut texts = checks.iter().flat_map(|check| &check.evidence);
    let told = |e: &homeroom::evidence::check::Evidence| {
        e.text.contains("answered 400") && e.text.contains("(request id 00000000-")
    };
    assert!(texts.any(told), "{checks:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_one_student_alone_is_tried_for_every_other() {
    let class = Class::deployed(5).await;
    class.aws.inject(
        Rule::on("states:DescribeExecution")
            .about("user1-")
            .fault(Fault::AccessDenied),
    );
    let (client, mut events) = class.client().await;
    for index in 0..5 {
        let checks = class.validate_by(&client, index).await;
        let all = checks.iter().all(|check| check.verdict == Verdict::Pass);
        assert_eq!(all, index > 0, "{checks:?}");
    }
    assert_eq!(notes(&mut events), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_reading_meets_a_cause_that_is_everybodys_once() {
    let class = Class::deployed(60).await;
    class
        .aws
        .inject(Rule::on("states:ListExecutions").fault(Fault::AccessDenied));
    let (sender, mut events) = mpsc::unbounded_channel();
    let slow = [(Operation::ListExecutions, (5.0, 5.0))];
    let client = class.aws.cloud().await.in_run(
        Pace::Scaled(1.0),
        slow.into_iter().collect::<Overrides>(),
        Stop::new(),
        sender,
    );
    let (read, _) = class.read_by(&client, class.empty_cache()).await;
    let told = notes(&mut events);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("states:ListExecutions"), "{told:?}");
    let asked = class.aws.count("states:ListExecutions");
    assert!((3..=20).contains(&asked), "{asked}");
    let unknown = |s: &&StudentProgress| s.progress == Progress::Unknown;
    assert_eq!(read.students.iter().filter(unknown).count(), 60);
}
