//! A made-up class for the report's tests, its example and its picture: everything that a report can show,
//! and the same every time.
#![expect(
    clippy::unwrap_used,
    reason = "sample data: a wrong literal should stop the test or the example at once"
)]

use homeroom::aws::execution::{Execution, ExecutionDetail, ExecutionStatus};
use homeroom::evidence::activity::StackAct;
use homeroom::evidence::activity::{Activity, Attempt, AttemptEnd, RefusedRequest, Trouble};
use homeroom::evidence::check::{
    CheckResult, Evidence, ExecutionEvidence, PartsDone, Verdict, Why,
};
use homeroom::evidence::history::RootCause;
use homeroom::evidence::progress::{Progress, StudentProgress};
use homeroom::ids::PlaceName;
use homeroom::lab::check::Work;
use homeroom::lab::given::{ExampleRequest, Output};
use homeroom::lab::marks::Starter;
use homeroom::lab::mistake::{Listener, TroubleReason};
use homeroom::lab::points::Points;
use homeroom::report::{Account, Document, PlaceStamp, Proposing, ReportStudent};
use homeroom::roster::Student;
use homeroom::stack::diff::{Change, DiffLine};
use jiff::ZonedDateTime;
use serde_json::json;

const NAMES: [&str; 30] = [
    "Amara Okafor",
    "Ben Castellanos",
    "Chiara Lombardi",
    "Dmitri Volkov",
    "Elif Yılmaz",
    "Fatima Zahra Benali",
    "Grace Njoroge",
    "Henrik Sørensen",
    "Ines Carvalho",
    "João Pereira",
    "Kavya Raman",
    "Liam O’Connor",
    "Mei-Ling Chen",
    "Noah Goldberg",
    "Olga Nowak",
    "Pedro Álvarez",
    "Quynh Tran",
    "Rosa Jiménez",
    "Sana Malik",
    "Tomáš Dvořák",
    "Uma Krishnan",
    "Viktor Nagy",
    "Wanjiru Kamau",
    "Ximena Torres",
    "Yusuf Demir",
    "Zoë van Dijk",
    "李小龙",
    "Adaeze Eze",
    "Bjørn Haugen",
    "Camille Dubois",
];

/// Checks of the sample lab: id, title, whose work, points, hint.
const CHECKS: [(&str, &str, Work, u32, &str); 8] = [
    (
        "own-stack",
        "Own, correctly named stack",
        Work::Stack,
        0,
        "Ask your instructor to deploy your stack again.",
    ),
    (
        "deployed",
        "Infrastructure deployed",
        Work::Stack,
        0,
        "Ask your instructor to deploy your stack again.",
    ),
    (
        "console-test",
        "Tested from the console",
        Work::Student,
        20,
        "Open your state machine in the Step Functions console, choose Start execution and name it console-test-1.",
    ),
    (
        "api-test",
        "Tested the API with valid data",
        Work::Student,
        30,
        "POST sales_data, customer_data and inventory_data to your API URL, one request each.",
    ),
    (
        "error-handling",
        "Saw error handling work",
        Work::Student,
        15,
        "POST {\"userId\": \"\", \"dataType\": \"\"} and watch the execution end in ProcessingFailed.",
    ),
    (
        "several",
        "Generated several executions",
        Work::Student,
        25,
        "Start five executions with analytics_data.",
    ),
    (
        "logs",
        "Looked at results and logs",
        Work::Student,
        10,
        "Open the log group of your process-data function and read the newest stream.",
    ),
    (
        "metrics",
        "Looked at CloudWatch metrics",
        Work::Student,
        0,
        "",
    ),
];

/// How a student of the sample fares.
#[derive(Clone, Copy)]
enum Fare {
    Complete,
    Part(usize),
    Nothing,
    NotDeployed,
    Broken,
    Unknown,
}

fn fare(index: usize) -> Fare {
    match index % 30 {
        4 | 13 => Fare::Part(3),
        7 => Fare::Part(1),
        10 | 21 => Fare::Part(2),
        16 => Fare::Part(4),
        2 | 18 | 24 | 27 => Fare::Nothing,
        11 => Fare::Broken,
        20 => Fare::NotDeployed,
        22 => Fare::Unknown,
        _ => Fare::Complete,
    }
}

/// When the sample was taken.
pub fn taken_at() -> ZonedDateTime {
    "2026-05-14T10:32:05+02:00[Europe/Berlin]".parse().unwrap()
}

/// A class of `count` students.
pub fn class(count: usize) -> Document {
    class_at(count, taken_at())
}

/// A class of `count` students at a moment.
pub fn class_at(count: usize, taken_at: ZonedDateTime) -> Document {
    Document {
        class: "serverless-2026-05".parse().unwrap(),
        lab: "lab6".parse().unwrap(),
        lab_title: "Lab 6: Workflow Orchestration Using AWS Step Functions".into(),
        account: Account {
            id: "123456789012".into(),
            alias: Some("training-emea".into()),
        },
        region: "us-east-1".into(),
        places: Vec::new(),
        students: (0..count).map(|i| student(i, &taken_at)).collect(),
        ends: None,
        validated_at: taken_at.checked_sub(jiff::Span::new().minutes(51)).ok(),
        taken_at,
        left: Vec::new(),
        departed: Vec::new(),
        notes: Vec::new(),
        gaps: Vec::new(),
        since: None,
        proposing: Proposing {
            invocation: "homeroom --roster roster/serverless-2026-05.csv --profile training".into(),
            selection: String::new(),
        },
    }
}

/// The class half an hour before: fewer had got as far.
pub fn class_before(report: &Document) -> Document {
    let mut before = report.clone();
    before.taken_at = report
        .taken_at
        .checked_sub(jiff::Span::new().minutes(32))
        .unwrap();
    for (i, row) in before.students.iter_mut().enumerate() {
        let undo = |checks: &mut [CheckResult], last: usize| {
            for check in checks.iter_mut().skip(last).take(7 - last) {
                if check.work == Work::Student && check.verdict == Verdict::Pass {
                    check.verdict = Verdict::Fail;
                    check.earned = Points::ZERO;
                    check.parts = check.parts.map(|parts| PartsDone { done: 0, ..parts });
                }
            }
        };
        match i % 30 {
            0 | 3 | 8 | 19 | 25 | 29 => undo(&mut row.progress.checks, 4),
            4 | 16 => undo(&mut row.progress.checks, 3),
            _ => {}
        }
        if i % 30 == 11 {
            for check in &mut row.progress.checks {
                if check.work == Work::Stack {
                    check.verdict = Verdict::Pass;
                }
            }
        }
        row.progress.judge_again();
    }
    before
}

/// One student of the sample.
fn student(index: usize, taken_at: &ZonedDateTime) -> ReportStudent {
    let username = format!("user{}", index + 1);
    let fare = fare(index);
    let checks = checks(&username, fare, taken_at);
    let mut all = executions(&username, fare, taken_at);
    let mishap = mishap(index, &username);
    all.splice(..0, mishap.failures(&username, taken_at));
    let activity = mishap.activity(&all, taken_at);
    let name = NAMES[index % NAMES.len()];
    ReportStudent {
        student: Student {
            username: username.parse().unwrap(),
            name: Some(name.to_owned()),
            email: Some(format!("{username}@example.edu")),
            section: Some(
                if index % 30 < 15 {
                    "Morning"
                } else {
                    "Evening"
                }
                .to_owned(),
            ),
            extra: vec![("seat".to_owned(), format!("{}", index + 101))],
            due: None,
            place: None,
        },
        progress: StudentProgress {
            username: username.parse().unwrap(),
            progress: match fare {
                Fare::NotDeployed => Progress::NotDeployed,
                _ => Progress::of(&checks),
            },
            checks,
            executions_left_out: all.len().saturating_sub(20),
            executions_cut_off: false,
            executions: all.into_iter().take(20).collect(),
            last: Default::default(),
            trouble: mishap.trouble(&activity, taken_at),
            activity,
            hitch: None,
            outputs: match fare {
                Fare::NotDeployed => Vec::new(),
                _ => outputs(&username),
            },
            requests: match fare {
                Fare::NotDeployed => Vec::new(),
                _ => requests(&username),
            },
            changes: match index % 30 {
                16 => vec![Change {
                    resource: format!("function {username}-process-data"),
                    summary: "code changed".into(),
                    diff: Vec::new(),
                }],
                5 => vec![Change {
                    resource: format!("state machine {username}-simple-workflow"),
                    summary: "definition edited".into(),
                    diff: vec![
                        DiffLine::LeftOut(12),
                        DiffLine::Same("    \"ProcessData\": {".into()),
                        DiffLine::Removed("      \"MaxAttempts\": 3".into()),
                        DiffLine::Added("      \"MaxAttempts\": 5".into()),
                        DiffLine::Same("    },".into()),
                        DiffLine::LeftOut(40),
                    ],
                }],
                _ => Vec::new(),
            },
        },
        validate: match fare {
            Fare::NotDeployed => Vec::new(),
            _ => validate(&username, fare, taken_at),
        },
    }
}

/// What goes wrong for a student of the sample since their last success: seven kinds of being stuck.
#[derive(Default)]
struct Mishap {
    reason: Option<TroubleReason>,
    task: &'static str,
    /// How often it happened.
    count: usize,
    /// Why their executions fail: error and cause; or why their requests are refused.
    cause: Option<(&'static str, String)>,
    /// What of their own change the cause tells.
    change: Option<String>,
    input: serde_json::Value,
    say: String,
    room: Option<&'static str>,
    unread: bool,
}

fn mishap(index: usize, username: &str) -> Mishap {
    let of = |reason, task, count| Mishap {
        reason: Some(reason),
        task,
        count,
        ..Mishap::default()
    };
    match index % 30 {
        4 | 13 => Mishap {
            cause: Some((
                "InvalidRequest",
                "dataType must be one of sales_data, customer_data, inventory_data, analytics_data, not 'inventory'".into(),
            )),
            input: json!({ "userId": username, "dataType": "inventory" }),
            say: "Look at dataType in your input: there is no \"inventory\"; write inventory_data.".into(),
            room: Some("send \"inventory\" as dataType; the type is inventory_data"),
            ..of(TroubleReason::RepeatedFailure, "several", if index % 30 == 4 { 3 } else { 2 })
        },
        7 => Mishap {
            cause: Some((
                "",
                "the body is not valid JSON: Expecting ',' delimiter: line 1 column 22 (char 21)".into(),
            )),
            say: "The body that you send is not valid JSON: look for a missing quote, comma or brace, or paste the payload's file as it is.".into(),
            ..of(TroubleReason::RefusedRequests, "api-test", 6)
        },
        10 => Mishap {
            say: "No request of yours arrives: send it by POST, and to the address that ends in /process; a GET, or another path, is answered 403 \"Missing Authentication Token\".".into(),
            ..of(TroubleReason::Idle, "api-test", 0)
        },
        11 => Mishap {
            cause: Some(("", format!("Lambda function {username}-send-notification is not there"))),
            say: format!("`homeroom deploy --students {username}` puts back what is missing or half done. What the student changed stays."),
            ..of(TroubleReason::StackBroken, "", 0)
        },
        20 => Mishap {
            say: format!("`homeroom deploy --students {username}` makes the stack."),
            ..of(TroubleReason::NotDeployed, "", 0)
        },
        16 => Mishap {
            cause: Some((
                "Runtime.UserCodeSyntaxError",
                "Syntax error in module 'process_data': '(' was never closed (process_data.py, line 41)".into(),
            )),
            change: Some(format!("function {username}-process-data: code changed")),
            input: json!({ "userId": username, "dataType": "sales_data" }),
            say: format!("Your change of {username}-process-data does not load: open its code in the Lambda console, look for the line that the cause names, mend it, and choose Deploy."),
            ..of(TroubleReason::OwnChange, "logs", 3)
        },
        21 => Mishap {
            cause: Some(("InvalidRequest", "userId is missing or empty".into())),
            input: json!({ "userid": username, "dataType": "sales_data" }),
            say: "Your input has no userId, or an empty one: compare its name with the sales payload, letter by letter, capitals too.".into(),
            ..of(TroubleReason::RepeatedFailure, "error-handling", 8)
        },
        2 => Mishap {
            say: "Open your state machine in the Step Functions console, choose Start execution and name it console-test-1.".into(),
            ..of(TroubleReason::NotStarted, "console-test", 0)
        },
        22 => Mishap {
            unread: true,
            ..Mishap::default()
        },
        _ => Mishap::default(),
    }
}

impl Mishap {
    /// Executions fail, or else requests are refused, and nothing starts.
    fn fails(&self) -> bool {
        matches!(
            self.reason,
            Some(TroubleReason::RepeatedFailure | TroubleReason::OwnChange)
        )
    }

    /// Newest first.
    fn at_ms(&self, taken_at: &ZonedDateTime) -> impl Iterator<Item = i64> + use<> {
        let taken = taken_at.timestamp().as_millisecond();
        (0..self.count as i64).map(move |n| taken - 60_000 - n * 80_000)
    }

    fn failures(&self, username: &str, taken_at: &ZonedDateTime) -> Vec<(Starter, Execution)> {
        if !self.fails() {
            return Vec::new();
        }
        let failed = |started_ms: i64| {
            let name = format!("try-{}", started_ms / 1000 % 100_000);
            let arn = format!(
                "arn:aws:states:us-east-1:123456789012:execution:{username}-simple-workflow:{name}"
            );
            let execution = Execution {
                arn,
                name,
                status: ExecutionStatus::Failed,
                started_ms,
                stopped_ms: Some(started_ms + 1_900),
                redriven_ms: None,
                detail: Some(ExecutionDetail {
                    input: self.input.clone(),
                    error: Some("ProcessingFailed".to_owned()),
                    cause: Some("Processing failed after every retry".to_owned()),
                }),
            };
            (Starter::Person, execution)
        };
        self.at_ms(taken_at).map(failed).collect()
    }

    fn root(&self) -> Option<RootCause> {
        let (error, cause) = self.cause.clone()?;
        Some(RootCause {
            state: Some("ProcessData".to_owned()),
            error: Some(error.to_owned()),
            cause: Some(cause),
        })
    }

    fn activity(&self, executions: &[(Starter, Execution)], taken_at: &ZonedDateTime) -> Activity {
        let refusals = match self.reason {
            Some(TroubleReason::RefusedRequests) => self.at_ms(taken_at).collect(),
            _ => Vec::new(),
        };
        let ran = executions.iter().map(|(_, execution)| Attempt {
            at_ms: execution.started_ms,
            end: match execution.status {
                ExecutionStatus::Succeeded => AttemptEnd::Succeeded,
                _ if execution.name.starts_with("try-") => AttemptEnd::Failed,
                _ => AttemptEnd::AsAsked,
            },
        });
        let refused = refusals.iter().map(|at_ms| Attempt {
            at_ms: *at_ms,
            end: AttemptEnd::Refused,
        });
        let mut attempts: Vec<Attempt> = ran.chain(refused).collect();
        attempts.sort_by_key(|attempt| attempt.at_ms);
        let failed = executions
            .iter()
            .filter(|(_, e)| e.name.starts_with("try-"));
        Activity {
            requests_seen: true,
            requests_as_of: None,
            first_seen_ms: attempts.first().map(|attempt| attempt.at_ms),
            last_seen_ms: attempts.last().map(|attempt| attempt.at_ms),
            attempts,
            unread: self
                .unread
                .then(|| "logs:FilterLogEvents: ThrottlingException: Rate exceeded".to_owned()),
            refusals: refusals
                .into_iter()
                .rev()
                .map(|at_ms| RefusedRequest {
                    at_ms,
                    status: Some(400),
                    reason: self.cause.as_ref().unwrap().1.clone(),
                })
                .collect(),
            causes: failed
                .filter_map(|(_, e)| Some((e.arn.clone(), self.root()?)))
                .collect(),
        }
    }

    fn trouble(&self, activity: &Activity, taken_at: &ZonedDateTime) -> Option<Trouble> {
        let reason = self.reason?;
        let since_ms = match reason {
            TroubleReason::Idle => activity.last_seen_ms,
            TroubleReason::NotStarted => Some(taken_at.timestamp().as_millisecond() - 62 * 60_000),
            _ => self.at_ms(taken_at).last(),
        };
        let cause = match (reason, &self.cause) {
            (TroubleReason::RefusedRequests, Some((_, cause))) => {
                Some(format!("answered 400: {cause}"))
            }
            (TroubleReason::StackBroken, Some((_, cause))) => Some(cause.clone()),
            _ => self.root().map(|root| root.sentence()),
        };
        Some(Trouble {
            reason,
            task: (!self.task.is_empty()).then(|| self.task.to_owned()),
            count: (self.count > 0).then_some(self.count),
            since: since_ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()),
            cause: match &self.change {
                Some(change) => cause.map(|cause| format!("{cause}. They changed: {change}")),
                None => cause,
            },
            say: Some(self.say.clone()),
            act: match reason {
                TroubleReason::StackBroken => Some(StackAct::PutBack),
                TroubleReason::NotDeployed => Some(StackAct::Make),
                _ => None,
            },
            to: match reason {
                TroubleReason::StackBroken | TroubleReason::NotDeployed => Listener::Instructor,
                _ => Listener::Student,
            },
            room: self.room.map(str::to_owned),
        })
    }
}

fn checks(username: &str, fare: Fare, taken_at: &ZonedDateTime) -> Vec<CheckResult> {
    CHECKS
        .iter()
        .enumerate()
        .map(|(i, (id, title, work, points, hint))| {
            let verdict = match (i, fare) {
                (7, _) => Verdict::NotProvable,
                (_, Fare::NotDeployed) => Verdict::Fail,
                (0, _) => Verdict::Pass,
                (1, Fare::Broken) => Verdict::Fail,
                (1, _) => Verdict::Pass,
                (6, Fare::Unknown) => Verdict::CouldNotCheck,
                (_, Fare::Complete | Fare::Unknown) => Verdict::Pass,
                (n, Fare::Part(done)) if n - 2 < done => Verdict::Pass,
                (2, Fare::Broken) => Verdict::Pass,
                _ => Verdict::Fail,
            };
            check(
                username,
                i,
                id,
                title,
                *work,
                Points::whole(*points),
                hint,
                verdict,
                fare,
                taken_at,
            )
        })
        .collect()
}

#[expect(
    clippy::too_many_arguments,
    reason = "a row of the table above, spread out"
)]
fn check(
    username: &str,
    index: usize,
    id: &str,
    title: &str,
    work: Work,
    points: Points,
    hint: &str,
    verdict: Verdict,
    fare: Fare,
    taken_at: &ZonedDateTime,
) -> CheckResult {
    // What counts in parts: data types through the API, and executions.
    let of = match index {
        3 => Some(3),
        5 => Some(5),
        _ => None,
    };
    let parts = of.map(|of| PartsDone {
        done: match (verdict, fare) {
            (Verdict::Pass, _) => of,
            (_, Fare::Part(done)) if done + 2 == index => of - 1,
            _ => 0,
        },
        of,
    });
    let text = match verdict {
        Verdict::Pass => match index {
            0 => "9 of 9 resources are there and marked as this student's".to_owned(),
            1 => "3 functions Active, state machine ACTIVE, stage prod deployed, 3 log groups with 7 days".to_owned(),
            2 => "console-test-1, started 09:41:12 by a person, SUCCEEDED".to_owned(),
            3 => "3 executions through the API: sales_data, customer_data, inventory_data".to_owned(),
            4 => "1 execution ended in ProcessingFailed".to_owned(),
            5 => "9 executions of their own".to_owned(),
            _ => "log events in all 3 log groups".to_owned(),
        },
        Verdict::Fail if matches!(fare, Fare::NotDeployed) && work == Work::Stack => {
            "not deployed: none of the 9 resources is there".to_owned()
        }
        Verdict::Fail if work == Work::Stack => {
            format!("Lambda function {username}-send-notification is not there")
        }
        Verdict::Fail => match parts {
            Some(PartsDone { done: 2, of: 3 }) => "none yet for inventory_data".to_owned(),
            Some(PartsDone { done, of }) => format!("{done} of {of} executions"),
            None => "none found".to_owned(),
        },
        Verdict::CouldNotCheck => format!(
            "logs:FilterLogEvents: ThrottlingException: Rate exceeded on /aws/lambda/{username}-process-data"
        ),
        Verdict::NotProvable => {
            "reading metrics leaves no trace without CloudTrail data events".to_owned()
        }
    };
    let mut evidence: Vec<Evidence> = vec![text.into()];
    let executions = executions(username, fare, taken_at);
    if verdict == Verdict::Pass
        && let 2..=4 = index
    {
        let proves = |(starter, execution): &(Starter, Execution)| match index {
            2 => *starter == Starter::Person,
            3 => *starter == Starter::Api && execution.status == ExecutionStatus::Succeeded,
            _ => execution.status == ExecutionStatus::Failed,
        };
        let asked = ["sales_data", "customer_data", "inventory_data"];
        let mut seen = Vec::new();
        let shown = executions
            .into_iter()
            .filter(proves)
            .filter(move |(_, execution)| {
                let input = &execution.detail.as_ref().unwrap().input["dataType"];
                let wanted = index != 3 || asked.iter().any(|kind| input == kind);
                let new = wanted && !seen.contains(input);
                seen.push(input.clone());
                new
            });
        evidence.extend(shown.map(|(starter, execution)| Evidence {
            text: String::new(),
            execution: Some(ExecutionEvidence {
                why: None,
                starter,
                console_url: Some(format!(
                    "https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/v2/executions/details/{}",
                    execution.arn
                )),
                execution,
            }),
        }));
        evidence.remove(0);
        if let Some(first) = evidence.first_mut() {
            first.text = match index {
                2 => "Started from the console".into(),
                3 => "One for each of sales_data, customer_data and inventory_data".into(),
                _ => "Ended in ProcessingFailed".into(),
            };
        }
        if index == 2 {
            evidence.truncate(1);
        }
    }
    CheckResult {
        id: id.into(),
        title: title.into(),
        work,
        points,
        earned: match (verdict, parts) {
            (Verdict::Pass, _) => points,
            (_, Some(parts)) => points.share(parts.done, parts.of),
            (_, None) => Points::ZERO,
        },
        parts,
        verdict,
        evidence,
        hint: match verdict {
            Verdict::Pass | Verdict::NotProvable => String::new(),
            Verdict::Fail => hint.into(),
            Verdict::CouldNotCheck => "Run the report again in a minute.".into(),
        },
        instructor_hint: match (verdict, work, fare) {
            (Verdict::Fail, Work::Stack, Fare::NotDeployed) => Some(format!(
                "`homeroom deploy --students {username}` makes the stack."
            )),
            (Verdict::Fail, Work::Stack, _) => Some(format!(
                "`homeroom deploy --students {username}` puts back what is missing or half done. What the student \
                 changed stays."
            )),
            _ => None,
        },
        as_of: None,
        on_time: None,
    }
}

fn executions(username: &str, fare: Fare, taken_at: &ZonedDateTime) -> Vec<(Starter, Execution)> {
    let count = match fare {
        Fare::Complete | Fare::Unknown => 9,
        Fare::Part(done) => done * 2,
        Fare::Broken => 1,
        Fare::Nothing | Fare::NotDeployed => 0,
    };
    // Everybody at their own pace: not all at the same minute.
    let pace = username.bytes().map(i64::from).sum::<i64>() % 7;
    // One has gone silent.
    let number: usize = username[4..].parse().unwrap_or_default();
    let silent = if number % 30 == 11 { 18 * 60_000 } else { 0 };
    let taken = taken_at.timestamp().as_millisecond() - pace * 95_000 - silent;
    let types = [
        "sales_data",
        "customer_data",
        "inventory_data",
        "analytics_data",
    ];
    (0..count)
        .map(|n| {
            let failed = n == 2;
            let by_hand = n + 1 == count;
            let started = taken - 60_000 * (n as i64 * (4 + pace) + 3);
            let name = match by_hand {
                true => "console-test-1".to_owned(),
                false => format!("api-{n:04}-4f9c-8d31"),
            };
            let execution = Execution {
                arn: format!("arn:aws:states:us-east-1:123456789012:execution:{username}-simple-workflow:{name}"),
                name,
                status: if failed { ExecutionStatus::Failed } else { ExecutionStatus::Succeeded },
                started_ms: started,
                stopped_ms: Some(started + 2_340 + n as i64 * 110),
                redriven_ms: None,
                detail: Some(ExecutionDetail {
                    input: match failed {
                        true => json!({"userId": "", "dataType": ""}),
                        false => json!({"userId": username, "dataType": types[n % 4]}),
                    },
                    error: failed.then(|| "ProcessingFailed".to_owned()),
                    cause: failed.then(|| "userId and dataType must not be empty".to_owned()),
                }),
            };
            (if by_hand { Starter::Person } else { Starter::Api }, execution)
        })
        .collect()
}

fn outputs(username: &str) -> Vec<Output> {
    let output = |id: &str, label: &str, value: String| Output {
        id: id.into(),
        label: label.into(),
        value,
    };
    vec![
        output(
            "api-url",
            "API URL (POST)",
            "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/prod/process".into(),
        ),
        output(
            "console",
            "State machine in the console",
            format!(
                "https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/statemachines/view/arn:aws:states:us-east-1:123456789012:stateMachine:{username}-simple-workflow"
            ),
        ),
        output(
            "process-data",
            "Function process-data",
            format!("{username}-process-data"),
        ),
    ]
}

fn requests(username: &str) -> Vec<ExampleRequest> {
    let bodies = [
        ("sales", "Sales data", "sales_data", username),
        (
            "analytics",
            "Analytics data (the load of five)",
            "analytics_data",
            username,
        ),
        (
            "empty",
            "Error exercise: both fields are there and empty",
            "",
            "",
        ),
    ];
    bodies
        .into_iter()
        .map(|(id, title, kind, user)| ExampleRequest {
            id: id.into(),
            title: title.into(),
            method: "POST".into(),
            url: "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/prod/process".into(),
            body: format!("{{\n  \"userId\": \"{user}\",\n  \"dataType\": \"{kind}\"\n}}\n"),
            sigv4: None,
        })
        .collect()
}

fn validate(username: &str, fare: Fare, taken_at: &ZonedDateTime) -> Vec<CheckResult> {
    let probe = |id: &str, title: &str, verdict, evidence: String, hint: &str| CheckResult {
        id: id.into(),
        title: title.into(),
        work: Work::Stack,
        points: Points::ZERO,
        earned: Points::ZERO,
        parts: None,
        verdict,
        evidence: vec![evidence.into()],
        hint: hint.into(),
        instructor_hint: None,
        as_of: None,
        on_time: None,
    };
    let broken = matches!(fare, Fare::Broken);
    // What homeroom itself started to try the stack.
    let started = taken_at.timestamp().as_millisecond() - 51 * 60_000;
    let name = "api-homeroom-validation-sales-data-5c1f";
    let tried = ExecutionEvidence {
        why: broken.then(|| {
            Why::Cause(RootCause {
                state: Some("ProcessData".into()),
                error: Some("Lambda.ResourceNotFoundException".into()),
                cause: Some("Function not found".into()),
            })
        }),
        starter: Starter::Homeroom,
        console_url: None,
        execution: Execution {
            arn: format!(
                "arn:aws:states:us-east-1:123456789012:execution:{username}-simple-workflow:{name}"
            ),
            name: name.to_owned(),
            status: if broken {
                ExecutionStatus::Failed
            } else {
                ExecutionStatus::Succeeded
            },
            started_ms: started,
            stopped_ms: Some(started + 2_400),
            redriven_ms: None,
            detail: Some(ExecutionDetail {
                input: json!({"userId": "homeroom-validation", "dataType": "sales_data"}),
                error: broken.then(|| "Lambda.ResourceNotFoundException".to_owned()),
                cause: None,
            }),
        },
    };
    let mut probes = vec![
        probe(
            "resources",
            "Every resource is there",
            Verdict::Pass,
            "9 of 9".into(),
            "",
        ),
        match broken {
            false => probe(
                "api-good",
                "Good input through the API succeeds",
                Verdict::Pass,
                "POST /process answered 202; the execution ended SUCCEEDED".into(),
                "",
            ),
            true => probe(
                "api-good",
                "Good input through the API succeeds",
                Verdict::Fail,
                format!(
                    "the execution ended FAILED: Lambda.ResourceNotFoundException: {username}-send-notification"
                ),
                "`homeroom deploy` puts back what is missing or half done.",
            ),
        },
        probe(
            "api-bad",
            "Malformed input is answered 400",
            Verdict::Pass,
            "400".into(),
            "",
        ),
    ];
    probes[1].evidence[0].execution = Some(tried);
    probes
}

/// Values made to break out of every context that a report writes them into.
pub const ATTACKS: [&str; 12] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</style></title></script><b>",
    "{{ page.class }}{% raw %}",
    "javascript:alert(1)",
    "=HYPERLINK(\"http://x\",\"y\")",
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m",
    "\u{202e}evil\u{2066}",
    "line\nbreak\ttab\r",
    "]]>&amp;<!--",
    "@SUM(1+1)*cmd|' /C calc'!A0",
];

/// A class whose every text is one of [`ATTACKS`].
pub fn hostile_class() -> Document {
    let mut report = class(ATTACKS.len());
    for (i, attack) in ATTACKS.iter().enumerate() {
        let text = (*attack).to_owned();
        let row = &mut report.students[i];
        row.student.name = Some(text.clone());
        row.student.email = Some(text.clone());
        row.student.section = Some(text.clone());
        row.student.extra = vec![(text.clone(), text.clone())];
        for check in row.progress.checks.iter_mut().chain(&mut row.validate) {
            check.evidence = vec![text.clone().into()];
            check.hint = text.clone();
            check.instructor_hint = Some(text.clone());
            check.verdict = Verdict::Fail;
        }
        for (_, execution) in &mut row.progress.executions {
            execution.name = text.clone();
            execution.arn = text.clone();
            execution.detail = Some(ExecutionDetail {
                input: json!({ "x": text }),
                error: Some(text.clone()),
                cause: Some(text.clone()),
            });
        }
        let activity = &mut row.progress.activity;
        activity.unread = Some(text.clone());
        activity.refusals = vec![RefusedRequest {
            at_ms: report.taken_at.timestamp().as_millisecond(),
            status: Some(400),
            reason: text.clone(),
        }];
        for (_, execution) in &row.progress.executions {
            let cause = RootCause {
                state: Some(text.clone()),
                error: Some(text.clone()),
                cause: Some(text.clone()),
            };
            activity.causes.insert(execution.arn.clone(), cause);
        }
        row.progress.trouble = Some(Trouble {
            reason: TroubleReason::RepeatedFailure,
            task: Some(text.clone()),
            count: Some(3),
            since: Some(report.taken_at.timestamp()),
            cause: Some(text.clone()),
            say: Some(text.clone()),
            act: None,
            to: Listener::Student,
            room: Some(text.clone()),
        });
        for request in &mut row.progress.requests {
            request.title = text.clone();
            request.body = text.clone();
            request.method = text.clone();
        }
        if let Some(first) = row.progress.requests.first_mut() {
            first.url = text.clone();
        }
        let hostile_run = ExecutionEvidence {
            why: Some(Why::Cause(RootCause {
                state: Some(text.clone()),
                error: Some(text.clone()),
                cause: Some(text.clone()),
            })),
            starter: Starter::Person,
            execution: Execution {
                arn: text.clone(),
                name: text.clone(),
                status: ExecutionStatus::Failed,
                started_ms: 0,
                stopped_ms: Some(i64::MAX),
                redriven_ms: None,
                detail: Some(ExecutionDetail {
                    input: json!({ text.as_str(): text }),
                    error: Some(text.clone()),
                    cause: Some(text.clone()),
                }),
            },
            console_url: Some(text.clone()),
        };
        row.progress.checks[0].evidence.push(Evidence {
            text: text.clone(),
            execution: Some(hostile_run),
        });
        for output in &mut row.progress.outputs {
            output.label = text.clone();
            output.value = text.clone();
        }
        row.progress.changes = vec![Change {
            resource: text.clone(),
            summary: text.clone(),
            diff: vec![DiffLine::Added(text.clone())],
        }];
        report.notes.push(text);
    }
    report.lab_title = ATTACKS[0].into();
    report.account.alias = Some(ATTACKS[1].into());
    report
}

/// The class in two places, of which the second could not be looked at this time.
pub fn class_in_places(count: usize) -> Document {
    let mut report = class(count);
    let names = ["north", "south"].map(|name| name.parse::<PlaceName>().unwrap());
    for (index, row) in report.students.iter_mut().enumerate() {
        row.student.place = Some(names[index % 2].clone());
    }
    let [north, south] = names;
    report.places = vec![
        PlaceStamp {
            name: north,
            account: Some(report.account.clone()),
            region: "us-east-1".into(),
            unreached: None,
        },
        PlaceStamp {
            name: south,
            account: Some(Account {
                id: "222222222222".into(),
                alias: None,
            }),
            region: "eu-west-1".into(),
            unreached: Some("sts:GetCallerIdentity: the token is expired".into()),
        },
    ];
    report
}
