//! Students who left the roster, and the work that a reset would overwrite.

use homeroom::aws::{CloudError, ErrorKind};
use homeroom::stack::kinds::function::Code;
use homeroom::stack::kinds::function::code::{CodeError, code_of};
use homeroom::stack::left::{Attendance, leavers};

use super::*;

impl Class {
    fn in_class(&self) -> Depth {
        Depth::Class {
            patterns: self.lab.name_patterns(),
        }
    }
}

async fn look(aws: &StrictAws, class: &Class, depth: &Depth) -> Observed {
    let (client, _run) = start(aws, class).await;
    observe(&client, &class.desired, depth).await.unwrap()
}

/// Everybody who left, with how many resources were seen.
async fn who_left(aws: &StrictAws, class: &Class) -> Vec<(String, usize)> {
    let observed = look(aws, class, &class.in_class()).await;
    let leavers = leavers(&class.desired, &observed).into_iter();
    leavers
        .map(|l| (l.username.to_string(), l.resources.len()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn who_left_is_known_whole_without_one_call_about_them() {
    let aws = StrictAws::new();
    let all = Class::of(&["user1", "user2", "zoe"]);
    deploy_class(&aws, &all).await;
    let rest = Class::of(&["user1"]);
    aws.clear_calls();
    let left = who_left(&aws, &rest).await;
    assert_eq!(left, [("user2".to_owned(), 12), ("zoe".to_owned(), 12)]);
    let calls = aws.calls();
    let about = |c: &&strict_aws::Call| c.resource.contains("user2") || c.resource.contains("zoe");
    assert_eq!(calls.iter().filter(about).count(), 0, "{calls:#?}");
    // Five listings, and the two calls of the one who stays.
    assert_eq!(calls.len(), 5 + 2, "{calls:#?}");
    let observed = look(&aws, &rest, &rest.in_class()).await;
    let plan = deploy::plan(&rest.desired, &observed, false);
    assert_eq!((plan.students.len(), plan.steps()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn of_some_students_nobody_else_is_said_to_have_left() {
    let aws = StrictAws::new();
    deploy_class(&aws, &Class::of(&["user1", "user2"])).await;
    let some = Class::of(&["user1"]);
    let observed = look(&aws, &some, &Depth::Deploy).await;
    assert!(observed.strays.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_record_that_a_student_forges_makes_nobody_a_leaver() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    let cloud = aws.backdoor().await;
    let forged = "homeroom class=demo student=ghost lab=lab6 code=1 config=2";
    cloud
        .update_function_description("user1-process-data", forged)
        .await
        .unwrap();
    assert_eq!(who_left(&aws, &class).await, []);
}

#[tokio::test(start_paused = true)]
async fn another_classs_students_have_not_left_this_one() {
    let aws = StrictAws::new();
    let mut other = Class::of(&["user8"]);
    for stack in &mut other.desired.stacks {
        stack.owner.class = "other".parse().unwrap();
    }
    other.desired.class = "other".parse().unwrap();
    deploy_class(&aws, &other).await;
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    assert_eq!(who_left(&aws, &class).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_failed_says_so_and_not_that_nobody_left() {
    let aws = StrictAws::new();
    deploy_class(&aws, &Class::of(&["user1", "user2"])).await;
    aws.inject(Rule::on("iam:GetAccountAuthorizationDetails").fault(Fault::AccessDenied));
    let rest = Class::of(&["user1"]);
    let observed = look(&aws, &rest, &rest.in_class()).await;
    let gaps: Vec<Kind> = observed.gaps.iter().map(|gap| gap.kind).collect();
    assert_eq!(gaps, [Kind::Role], "one cause is one gap");
    // Functions and APIs tell by themselves.
    let seen = Attendance::of(&rest.desired, &observed);
    assert_eq!(seen.leavers[0].username.as_str(), "user2");
}

#[tokio::test(start_paused = true)]
async fn a_teardown_of_those_who_left_ends_when_they_are_gone() {
    let aws = StrictAws::new();
    let all = Class::of(&["user1", "user2", "user3"]);
    deploy_class(&aws, &all).await;
    let rest = Class::of(&["user1", "user3"]);
    let others = (aws.state_of("user1"), aws.state_of("user3"));
    let depth = Depth::TeardownOfLeavers {
        patterns: rest.lab.name_patterns(),
    };
    let began = Instant::now();
    let observed = look(&aws, &rest, &depth).await;
    let plan = teardown::plan(&rest.desired, &observed, depth.reach());
    assert_eq!((plan.students.len(), plan.steps()), (1, 12));
    let (client, _run) = start(&aws, &rest).await;
    let runs = execute(&client, &plan, |_, _| None).await;
    assert_all_well(&runs);
    let left = prove_gone(&client, &rest.desired, &depth, &plan, &runs);
    let left = left.await.unwrap();
    assert_eq!((left.plan.students.len(), left.plan.steps()), (0, 0));
    // Those who stay are not waited for as if they had to go.
    assert!(began.elapsed() < Duration::from_secs(60));
    assert_eq!(aws.snapshot(), everything_once(&rest));
    assert_eq!(others, (aws.state_of("user1"), aws.state_of("user3")));
}

fn code(source: &[u8]) -> Code {
    Code {
        zip: source.into(),
        sha256: String::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_students_code_is_fetched_as_it_is_and_only_for_what_is_asked() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    let mine = b"PK\x03\x04 a student's work \xff\x00";
    let cloud = aws.backdoor().await;
    cloud
        .update_function_code("user1-process-data", &code(mine))
        .await
        .unwrap();
    let (client, _run) = start(&aws, &class).await;
    aws.clear_calls();
    let zip = code_of(&client, "user1-process-data").await.unwrap();
    assert_eq!(zip, mine);
    assert_eq!(aws.count("lambda:GetFunction"), 1);
    assert_eq!(aws.count("s3:GetObject"), 1);
    assert_eq!(aws.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn code_that_cannot_be_fetched_or_changed_meanwhile_is_no_copy() {
    let aws = StrictAws::new();
    let class = Class::of(&["user1"]);
    deploy_class(&aws, &class).await;
    let name = "user1-process-data";
    let (client, _run) = start(&aws, &class).await;
    aws.inject(Rule::on("s3:GetObject").fault(Fault::Error {
        status: 403,
        code: "AccessDenied",
        message: "Request has expired",
    }));
    let refused = code_of(&client, name).await.unwrap_err();
    assert!(
        matches!(&refused, CodeError::Cloud(CloudError { kind: ErrorKind::Invalid, message, .. }) if message.contains("403")),
        "{refused:?}"
    );
    assert!(
        !refused.to_string().contains("X-Amz-Signature"),
        "{refused}"
    );
    aws.heal();
    // The student saves while the address is on its way.
    aws.inject(Rule::on("s3:GetObject").fault(Fault::Slow(Duration::from_secs(5))));
    let saving = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let cloud = aws.backdoor().await;
        cloud
            .update_function_code(name, &code(b"PK newer"))
            .await
            .unwrap();
    };
    let (copied, ()) = tokio::join!(code_of(&client, name), saving);
    let changed = matches!(copied, Err(CodeError::Other));
    let whole = matches!(&copied, Ok(zip) if zip != b"PK newer");
    assert!(changed || whole, "{copied:?}");
    aws.heal();
    assert_eq!(code_of(&client, name).await.unwrap(), b"PK newer");
}
