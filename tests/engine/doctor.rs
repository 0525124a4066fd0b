//! `homeroom doctor` against the strict AWS: what it asks, and what it makes of the answers.

use homeroom::doctor::cloud::{LISTED, Visit, visit};
use homeroom::report::findings::{Finding, Standing};
use strict_aws::{ACCOUNT, Fault, Rule, StrictAws};

use crate::access::class::{Class, client};

const TEACHER: &str = "arn:aws:iam::123456789012:user/instructor";

async fn found(aws: &StrictAws, class: &Class, caller_arn: &str, in_roster: bool) -> Vec<Finding> {
    let asked = Visit {
        lab: &class.lab,
        scope: &class.desired.scope,
        caller_arn,
        class: &class.desired.class,
        student: &class.students[0].username,
        desired: Some(&class.desired),
        in_roster,
        role_boundary: None,
    };
    visit(&client(aws.cloud().await), &asked).await.unwrap()
}

fn about<'a>(findings: &'a [Finding], about: &str) -> Vec<&'a Finding> {
    findings.iter().filter(|f| f.about == about).collect()
}

#[tokio::test(start_paused = true)]
async fn doctor_makes_only_calls_that_read_and_leaves_all_as_it_was() {
    let aws = StrictAws::new();
    aws.on_simulation(|_, _, _| true);
    let class = Class::of(&["user1", "user2"]);
    class.only(&["user1"]).deploy(&aws).await;
    let before = aws.state_of("user");
    let findings = found(&aws, &class, TEACHER, true).await;
    let calls = aws.calls();
    assert!(calls.len() > 15, "{}", calls.len());
    for listed in LISTED {
        let name = listed.to_string();
        assert!(calls.iter().any(|call| call.operation == name), "{name}");
    }
    for call in &calls {
        let (_, name) = call.operation.split_once(':').unwrap();
        let reads = ["Get", "List", "Describe", "SimulatePrincipalPolicy"];
        assert!(reads.iter().any(|verb| name.starts_with(verb)), "{name}");
    }
    assert_eq!(aws.state_of("user"), before);
    let bad = findings.iter().filter(|f| f.standing != Standing::Ok);
    let bad: Vec<_> = bad.map(|f| f.about).collect();
    assert_eq!(bad, ["organization"], "{findings:#?}");
    // One of the two stands already, so only the other takes room.
    let room = about(&findings, "room");
    assert!(
        room.iter()
            .any(|f| f.said.contains("3 more for 2 students")),
        "{room:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_simulator_denies_is_a_problem_for_the_verb_that_needs_it() {
    let aws = StrictAws::new();
    aws.on_simulation(|_, action, _| action != "lambda:CreateFunction");
    let class = Class::of(&["user1"]);
    let findings = found(&aws, &class, TEACHER, false).await;
    let problems = findings.iter().filter(|f| f.standing == Standing::Problem);
    let problems: Vec<_> = problems.collect();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert_eq!(problems[0].about, "deploy");
    let arn = format!(
        "lambda:CreateFunction on arn:aws:lambda:us-east-1:{ACCOUNT}:function:user1-process-data"
    );
    assert!(problems[0].said.contains(&arn), "{problems:#?}");
    assert!(
        problems[0]
            .fix
            .as_ref()
            .unwrap()
            .contains("doctor --policy")
    );
}

#[tokio::test(start_paused = true)]
async fn without_the_simulator_nothing_is_called_allowed() {
    let aws = StrictAws::new();
    aws.inject(Rule::on("iam:SimulatePrincipalPolicy").fault(Fault::AccessDenied));
    let class = Class::of(&["user1"]);
    let findings = found(&aws, &class, TEACHER, false).await;
    let of_permissions = about(&findings, "permissions");
    assert_eq!(of_permissions.len(), 1);
    assert_eq!(of_permissions[0].standing, Standing::Unknown);
    for verb in ["plan", "deploy", "access", "teardown", "organization"] {
        assert!(about(&findings, verb).is_empty(), "{verb}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_listing_is_a_problem_and_its_figure_is_unknown() {
    let aws = StrictAws::new();
    aws.on_simulation(|_, _, _| true);
    aws.inject(Rule::on("iam:GetAccountSummary").fault(Fault::AccessDenied));
    let class = Class::of(&["user1"]);
    let findings = found(&aws, &class, TEACHER, false).await;
    let refused = about(&findings, "listings");
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].standing, Standing::Problem);
    assert!(refused[0].said.contains("iam:GetAccountSummary"));
    let room = about(&findings, "room");
    let roles = room.iter().find(|f| f.said.contains("IAM roles")).unwrap();
    assert_eq!(roles.standing, Standing::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_asked_about_by_its_roles_whole_arn() {
    let aws = StrictAws::new();
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = asked.clone();
    aws.on_simulation(move |principal, _, _| {
        seen.lock().unwrap().push(principal.to_owned());
        true
    });
    let class = Class::of(&["user1"]);
    class.deploy(&aws).await;
    // Any role does: this one has a path.
    let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/user1-worker-role/teacher");
    found(&aws, &class, &session, true).await;
    let role = format!("arn:aws:iam::{ACCOUNT}:role/homeroom/demo/user1-worker-role");
    let asked = std::mem::take(&mut *asked.lock().unwrap());
    assert!(
        !asked.is_empty() && asked.iter().all(|arn| *arn == role),
        "{asked:?}"
    );
    let other = format!("arn:aws:sts::{ACCOUNT}:assumed-role/elsewhere/teacher");
    let findings = found(&aws, &class, &other, true).await;
    assert_eq!(
        about(&findings, "permissions")[0].standing,
        Standing::Unknown
    );
}

#[tokio::test(start_paused = true)]
async fn a_denial_for_want_of_a_conditions_key_is_unknown_and_names_it() {
    let aws = StrictAws::new();
    aws.on_simulation(|_, _, _| true);
    // These are told; the tag is not.
    for action in [
        "iam:CreateRole",
        "iam:PutRolePermissionsBoundary",
        "iam:CreateUser",
    ] {
        aws.on_condition(action, "iam:PermissionsBoundary");
    }
    aws.on_condition("iam:DeleteRole", "aws:PrincipalTag/team");
    let class = Class::of(&["user1"]);
    let findings = found(&aws, &class, TEACHER, false).await;
    for verb in ["deploy", "access"] {
        assert_eq!(about(&findings, verb)[0].standing, Standing::Ok, "{verb}");
    }
    let teardown = about(&findings, "teardown")[0];
    assert_eq!(teardown.standing, Standing::Unknown);
    assert!(teardown.said.contains("iam:DeleteRole on"), "{teardown:?}");
    assert!(teardown.said.contains("(aws:PrincipalTag/team)"));
}

#[tokio::test(start_paused = true)]
async fn a_standing_class_is_seen_though_an_unrelated_listing_is_refused() {
    let aws = StrictAws::new();
    aws.on_simulation(|_, _, _| true);
    aws.inject(Rule::on("iam:ListAccountAliases").fault(Fault::AccessDenied));
    let class = Class::of(&["user1"]);
    class.deploy(&aws).await;
    let findings = found(&aws, &class, TEACHER, true).await;
    let room = about(&findings, "room");
    let said = |text: &str| room.iter().any(|f| f.said.contains(text));
    assert!(!said("IAM roles"), "{room:#?}");
    aws.inject(Rule::on("lambda:ListFunctions").fault(Fault::AccessDenied));
    let findings = found(&aws, &class, TEACHER, true).await;
    let room = about(&findings, "room");
    assert_eq!((room.len(), room[0].standing), (1, Standing::Unknown));
}

#[tokio::test(start_paused = true)]
async fn students_in_conflict_are_never_told_to_stand_already() {
    let aws = StrictAws::new();
    aws.on_simulation(|_, _, _| true);
    Class::called("other", &["user1"]).deploy(&aws).await;
    let class = Class::of(&["user1"]);
    let findings = found(&aws, &class, TEACHER, true).await;
    let room = about(&findings, "room");
    assert_eq!(room[0].standing, Standing::Problem, "{room:#?}");
    assert!(room[0].said.starts_with("1 student in conflict"));
    assert!(room.iter().all(|f| !f.said.contains("stand already")));
}
