//! One student, one stack: what the rendered policies let a student and the roles of their stack do, as a policy
//! engine sees it. Every decision is of the access policy (or a role's inline policy) within the permissions
//! boundary, with the ARNs that the lab gives a class of nasty usernames.

mod class;
mod dangers;
mod ends;
mod engine;
mod functions;
pub(crate) mod instructor;

use std::collections::BTreeSet;
use std::path::Path;

use homeroom::ids::{ApiType, Scope};
use homeroom::lab::bundle;
use homeroom::lab::{Files, Lab};
use iam_rs::Arn;
use proptest::prelude::*;
use serde_json::Value;

use class::{Own, asked, class, grants, own};
use engine::{Ask, Holder, lets_caller_in, lets_service_in};

/// What IAM cannot bind to one student's stack, and what docs/access.md therefore explains.
const SHARED: [(&str, &str); 14] = [
    ("cloudshell:CreateEnvironment", "*"),
    ("cloudshell:CreateSession", "*"),
    ("cloudshell:GetEnvironmentStatus", "*"),
    ("cloudshell:PutCredentials", "*"),
    ("cloudshell:StartEnvironment", "*"),
    ("cloudwatch:GetMetricData", "*"),
    ("cloudwatch:GetMetricStatistics", "*"),
    ("cloudwatch:ListMetrics", "*"),
    ("iam:GetAccountPasswordPolicy", "*"),
    ("lambda:GetAccountSettings", "*"),
    ("lambda:ListFunctions", "*"),
    ("logs:DescribeLogGroups", "*"),
    ("states:ListStateMachines", "*"),
    ("states:ValidateStateMachineDefinition", "*"),
];

/// The lists of APIs, by their type: likewise.
const LISTS_OF_APIS: [(ApiType, &str); 2] = [
    (ApiType::Rest, "arn:aws:apigateway:eu-west-1::/restapis"),
    (ApiType::Http, "arn:aws:apigateway:eu-west-1::/apis"),
];

fn is_list_of_apis(resource: &str) -> bool {
    LISTS_OF_APIS.iter().any(|(_, list)| *list == resource)
}

/// Every one against every other.
fn pairs(class: &[Own]) -> impl Iterator<Item = (&Own, &Own)> {
    let all = class.iter().flat_map(|a| class.iter().map(move |b| (a, b)));
    all.filter(|(a, b)| a.username != b.username)
}

fn bound(policy: &Value) -> Vec<(&str, &str)> {
    let grants = grants(policy).into_iter();
    let is_shared = |grant: &(&str, &str)| SHARED.contains(grant) || is_list_of_apis(grant.1);
    grants.filter(|grant| !is_shared(grant)).collect()
}

#[test]
fn every_action_of_the_policy_works_on_ones_own_and_on_no_neighbours() {
    let class = class();
    let mut asked_about = BTreeSet::new();
    for own in &class {
        let user = own.user();
        for (action, resource) in grants(&own.access.policy) {
            assert!(
                user.may(&asked(action, resource)),
                "{}: {action} {resource}",
                own.username
            );
        }
    }
    for (own, neighbour) in pairs(&class) {
        let user = own.user();
        for (action, resource) in bound(&neighbour.access.policy) {
            let ask = asked(action, resource);
            assert!(
                !user.may(&ask),
                "{} on {}: {ask:?}",
                own.username,
                neighbour.username
            );
            asked_about.insert(action.to_owned());
        }
    }
    assert!(
        asked_about.len() >= 33,
        "{}: {asked_about:?}",
        asked_about.len()
    );
}

#[test]
fn the_policys_every_action_is_refused_on_a_neighbours_things() {
    let class = class();
    for (own, neighbour) in pairs(&class) {
        let user = own.user();
        let actions: BTreeSet<_> = bound(&own.access.policy)
            .into_iter()
            .map(|(a, _)| a)
            .collect();
        for resource in neighbour.resources() {
            for action in &actions {
                let ask = asked(action, &resource);
                assert!(!user.may(&ask), "{}: {ask:?}", own.username);
            }
        }
    }
}

#[test]
fn the_policy_holds_all_that_the_lab_has_a_student_do() {
    for own in class() {
        let user = own.user();
        let may = |action: &str, resource: &str| {
            let ask = asked(action, resource);
            assert!(user.may(&ask), "{}: {ask:?}", own.username);
        };
        for action in [
            "DescribeStateMachine",
            "UpdateStateMachine",
            "StartExecution",
            "ListExecutions",
        ] {
            may(&format!("states:{action}"), &own.machine());
        }
        for action in ["DescribeExecution", "GetExecutionHistory", "StopExecution"] {
            may(&format!("states:{action}"), &own.execution());
        }
        may("iam:PassRole", &own.role_arn("workflow"));
        for function in own.functions() {
            for action in [
                "GetFunction",
                "InvokeFunction",
                "UpdateFunctionCode",
                "UpdateFunctionConfiguration",
            ] {
                may(&format!("lambda:{action}"), &function);
                may(&format!("lambda:{action}"), &format!("{function}:$LATEST"));
            }
        }
        for group in own.log_groups() {
            let stream = format!("{group}:log-stream:2026/01/01/[$LATEST]abc");
            may("logs:GetLogEvents", &stream);
            for action in ["DescribeLogStreams", "FilterLogEvents", "StartQuery"] {
                may(&format!("logs:{action}"), &format!("{group}:*"));
            }
        }
        let api = own.api();
        may("apigateway:GET", &api);
        for part in own.parts_of_api() {
            may("apigateway:GET", &format!("{api}/{part}"));
        }
        if own.api_type() == ApiType::Rest {
            let test = format!("{api}/resources/x/methods/POST");
            may("apigateway:POST", &test);
        }
        may("execute-api:Invoke", &own.endpoint());
        may("cloudwatch:GetMetricData", "*");
        may("iam:ChangePassword", &own.user_arn());
        // What the handout promises, and what the consoles show beside one's own things.
        let shell = format!(
            "arn:aws:cloudshell:{}:{}:environment/x",
            own.scope.region, own.scope.account
        );
        for action in [
            "CreateEnvironment",
            "CreateSession",
            "GetEnvironmentStatus",
            "PutCredentials",
            "StartEnvironment",
        ] {
            may(&format!("cloudshell:{action}"), &shell);
        }
        for what in ["worker", "trigger", "workflow"] {
            may("iam:GetRole", &own.role_arn(what));
            may("iam:ListAttachedRolePolicies", &own.role_arn(what));
        }
        for group in own.log_groups() {
            may("logs:DescribeMetricFilters", &format!("{group}:*"));
        }
    }
}

#[test]
fn what_is_shared_is_listed_explained_and_left_out_on_request() {
    let class = class();
    for own in &class {
        for policy in [&own.access.policy, &own.access.boundary] {
            let shared: BTreeSet<_> = grants(policy)
                .into_iter()
                .filter(|(_, resource)| {
                    *resource == "*"
                        || is_list_of_apis(resource)
                        || resource.ends_with("::/account")
                })
                .collect();
            let lists = LISTS_OF_APIS.into_iter();
            let lists = lists.filter(|(api_type, _)| *api_type == own.api_type());
            let lists = lists.map(|(_, list)| ("apigateway:GET", list));
            assert_eq!(shared, lists.chain(SHARED).collect());
        }
    }
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/access.md"));
    let page = page.unwrap();
    for (action, _) in SHARED.into_iter().chain([("apigateway:GET", "")]) {
        assert!(
            page.contains(&format!("`{action}`")),
            "docs/access.md: {action}"
        );
    }
    let settings = ["console_lists", "cloudshell"].map(|key| (key.to_owned(), false.into()));
    let lab = bundle::load(None)
        .unwrap()
        .with_settings(&settings.into())
        .unwrap();
    let own = own(&lab, "spring", "user1", "a1b2c3d400");
    let everyone = |action: &str| {
        let lists = [
            "lambda:ListFunctions",
            "logs:DescribeLogGroups",
            "states:ListStateMachines",
        ];
        lists.contains(&action) || action.starts_with("cloudshell:")
    };
    for policy in own.documents() {
        for (action, resource) in grants(policy) {
            assert!(
                !everyone(action) && !is_list_of_apis(resource),
                "{action} {resource}"
            );
        }
    }
}

#[test]
fn nothing_works_in_another_region_or_another_account() {
    for own in class() {
        for holder in holders(&own) {
            let all = grants(&own.access.boundary).into_iter();
            // IAM is the same for all regions.
            let all = all.filter(|(action, _)| !action.starts_with("iam:"));
            for (action, resource) in all {
                let here = asked(action, resource);
                let region = here.resource.replace(&own.scope.region, "us-east-1");
                let elsewhere = Ask::new(action, &region);
                assert!(!holder.may(&elsewhere), "{elsewhere:?}");
                if resource != "*" && here.resource.contains(&own.scope.account) {
                    let other = here.resource.replace(&own.scope.account, "210987654321");
                    let other = asked(action, &other);
                    assert!(!holder.may(&other), "{other:?}");
                }
            }
        }
    }
}

#[test]
fn a_student_of_the_same_name_in_another_class_is_somebody_else() {
    let lab = bundle::load(None).unwrap();
    let spring = own(&lab, "spring", "user1", "a1b2c3d400");
    // A class whose name begins like the other's, too.
    for other in ["spring-b", "sprin", "autumn"] {
        let other = own(&lab, other, "user1", "a1b2c3d499");
        for holder in holders(&spring) {
            for (action, resource) in [
                ("iam:PassRole", other.role_arn("workflow")),
                ("iam:ChangePassword", other.user_arn()),
                ("apigateway:GET", other.api()),
                ("execute-api:Invoke", other.endpoint()),
            ] {
                let ask = asked(action, &resource);
                assert!(!holder.may(&ask), "{ask:?}");
            }
        }
    }
}

/// The student and the three roles, and the student after somebody attached everything to them: what is left then is
/// the boundary, which they all have.
fn holders(own: &Own) -> Vec<Holder> {
    let mut all = vec![own.user(), own.user().with_everything_attached()];
    all.extend(own.roles().into_iter().map(|(_, holder, _)| holder));
    all
}

#[test]
fn no_dangerous_action_passes_whatever_is_attached() {
    for own in class() {
        let dangers = dangers::of(&own);
        assert!(dangers.len() > 300, "{}", dangers.len());
        for holder in holders(&own) {
            for ask in &dangers {
                assert!(!holder.may(ask), "{}: {ask:?}", own.username);
            }
        }
    }
}

#[test]
fn nothing_of_a_neighbours_is_reached_whatever_is_attached() {
    let class = class();
    // What the boundary alone refuses, it refuses to the student and to each role, whose boundary it is.
    let most = class
        .iter()
        .map(|own| (own, own.user().with_everything_attached()));
    let most: Vec<_> = most.collect();
    for neighbour in &class {
        // Everything that anybody of the class may do at most, and what is dangerous.
        let granted = bound(&neighbour.access.boundary).into_iter();
        let mut asks: Vec<Ask> = granted.map(|(action, arn)| asked(action, arn)).collect();
        asks.extend(dangers::of(neighbour));
        for (own, holder) in most
            .iter()
            .filter(|(own, _)| own.username != neighbour.username)
        {
            for ask in &asks {
                assert!(
                    !holder.may(ask),
                    "{} on {}: {ask:?}",
                    own.username,
                    neighbour.username
                );
            }
        }
    }
}

#[test]
fn a_student_passes_on_the_workflows_role_and_to_step_functions_alone() {
    let class = class();
    for own in &class {
        let pass = |what: &str, service: &str| {
            let ask = Ask::new("iam:PassRole", &own.role_arn(what));
            own.user().may(&ask.with("iam:PassedToService", service))
        };
        assert!(pass("workflow", "states.amazonaws.com"));
        assert!(!pass("workflow", "lambda.amazonaws.com"));
        assert!(
            !own.user()
                .may(&Ask::new("iam:PassRole", &own.role_arn("workflow")))
        );
        for what in ["worker", "trigger"] {
            for service in [
                "states.amazonaws.com",
                "lambda.amazonaws.com",
                "ec2.amazonaws.com",
            ] {
                assert!(!pass(what, service), "{what} to {service}");
            }
        }
    }
    for (own, neighbour) in pairs(&class) {
        for what in ["worker", "trigger", "workflow"] {
            for service in ["states.amazonaws.com", "lambda.amazonaws.com"] {
                let ask = Ask::new("iam:PassRole", &neighbour.role_arn(what));
                assert!(!own.user().may(&ask.with("iam:PassedToService", service)));
            }
        }
    }
}

#[test]
fn each_role_does_its_work_on_its_own_stack_and_on_no_neighbours() {
    let class = class();
    let lab = bundle::load(None).unwrap();
    for own in &class {
        // The roles are made before the API is: with the boundary as it is then they work as well.
        let student = class::student(&own.username);
        let early = lab.boundary(&own.scope, &own.class, &student, &[].into());
        let early = early.unwrap().unwrap();
        for (name, holder, policy) in own.roles() {
            let arn = own.scope.role_arn(&own.class, &name);
            let young = Holder::new(&arn, &[policy], &early);
            for (action, resource) in grants(policy) {
                let ask = asked(action, resource);
                assert!(holder.may(&ask) && young.may(&ask), "{name}: {ask:?}");
            }
        }
    }
    for (own, neighbour) in pairs(&class) {
        for (name, holder, _) in own.roles() {
            for (_, _, policy) in neighbour.roles() {
                for (action, resource) in grants(policy) {
                    let ask = asked(action, resource);
                    assert!(!holder.may(&ask), "{name}: {ask:?}");
                }
            }
        }
    }
}

#[test]
fn edited_code_gets_no_more_than_its_role_has() {
    for own in class() {
        for (name, holder, policy) in own.roles() {
            let granted: BTreeSet<_> = grants(policy).into_iter().map(|(a, _)| a).collect();
            for (action, resource) in grants(&own.access.boundary) {
                if !granted.contains(action) {
                    let ask = asked(action, resource);
                    assert!(!holder.may(&ask), "{name}: {ask:?}");
                }
            }
        }
    }
}

#[test]
fn roles_trust_their_service_for_their_account_and_nobody_else() {
    let class = class();
    for own in &class {
        for role in &own.stack.roles {
            let arn = own.scope.role_arn(&own.class, &role.name);
            let flow = role.name.ends_with("-workflow-role");
            let (service, other) = match flow {
                true => ("states.amazonaws.com", "lambda.amazonaws.com"),
                false => ("lambda.amazonaws.com", "states.amazonaws.com"),
            };
            let assume = |account: &str, source: &str| {
                Ask::new("sts:AssumeRole", &arn)
                    .with("aws:SourceAccount", account)
                    .with("aws:SourceArn", source)
            };
            let well = assume(&own.scope.account, &own.machine());
            assert!(lets_service_in(&role.trust, service, &well), "{arn}");
            assert!(!lets_service_in(&role.trust, other, &well), "{arn}");
            let foreign = assume("210987654321", &own.machine());
            assert!(!lets_service_in(&role.trust, service, &foreign), "{arn}");
            let unsaid = Ask::new("sts:AssumeRole", &arn);
            assert!(!lets_service_in(&role.trust, service, &unsaid), "{arn}");
            let root = format!("arn:aws:iam::{}:root", own.scope.account);
            for caller in [own.user_arn(), own.role_arn("trigger"), root] {
                assert!(
                    !lets_caller_in(&role.trust, &caller, &well),
                    "{arn} by {caller}"
                );
            }
            // As AWS documents it the trust takes any state machine of the account and region; who may give one this
            // role is for iam:PassRole to say (a_student_passes_on_…). Nothing from elsewhere gets in.
            let machine = own.machine();
            let elsewhere = [
                machine.replace(&own.scope.region, "us-east-1"),
                machine.replace(&own.scope.account, "210987654321"),
                machine.replace(":stateMachine:", ":activity:"),
            ];
            for source in elsewhere.iter().filter(|_| flow) {
                let ask = assume(&own.scope.account, source);
                assert!(
                    !lets_service_in(&role.trust, service, &ask),
                    "{arn}: {source}"
                );
            }
        }
    }
}

/// The tests above can fail: a policy written with a pattern over usernames opens the neighbour's stack.
#[test]
fn a_pattern_over_usernames_would_be_noticed() {
    let mut files = files();
    for path in [
        "templates/iam/student-policy.json",
        "templates/iam/boundary.json",
    ] {
        let text = String::from_utf8(files[path].clone()).unwrap();
        let arn = "{{ functions.process_data.arn }}\"";
        assert!(text.contains(arn), "{path}");
        let pattern = "arn:aws:lambda:{{ region }}:{{ account }}:function:{{ username }}-*\"";
        files.insert(path.into(), text.replace(arn, pattern).into_bytes());
    }
    let lab = Lab::parse(files).unwrap();
    let user1 = own(&lab, "spring", "user1", "a1b2c3d400");
    let neighbour = own(&lab, "spring", "user1-b", "a1b2c3d401");
    let ask = Ask::new("lambda:UpdateFunctionCode", &neighbour.functions()[0]);
    assert!(user1.user().may(&ask));
    assert!(reaches(&user1, &neighbour).is_some());
}

/// The repository's lab, file by file.
fn files() -> Files {
    fn add(dir: &Path, root: &Path, files: &mut Files) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add(&path, root, files);
            } else {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Files::new();
    for part in ["templates", "lambdas"] {
        add(&root.join(part), root, &mut files);
    }
    files
}

/// A resource of one student's policies that stands for something of another's, if there is one. Compared as whole
/// texts, in which a star stands for more than it does in an ARN.
fn reaches(own: &Own, neighbour: &Own) -> Option<(String, String)> {
    let theirs = neighbour.resources();
    for policy in own.documents() {
        for (_, pattern) in bound(policy) {
            if let Some(hit) = theirs.iter().find(|arn| Arn::wildcard_match(arn, pattern)) {
                return Some((pattern.to_owned(), hit.clone()));
            }
        }
    }
    None
}

/// Two usernames that differ by more than letters' case, as the roster has them; the second often grows out of the
/// first.
fn two_usernames() -> impl Strategy<Value = (String, String)> {
    let first = "[A-Za-z0-9][A-Za-z0-9_-]{0,19}";
    let grown = prop_oneof![
        Just("-"),
        Just("-b"),
        Just("0"),
        Just("_"),
        Just("-process"),
        Just("-process-data"),
        Just("-workflow"),
        Just("-simple-workflow"),
        Just("-trigger"),
    ];
    let second = prop_oneof![
        first.prop_map(|s| (s, false)),
        grown.prop_map(|s| (s.to_owned(), true))
    ];
    (first, second)
        .prop_map(|(first, (second, grows))| match grows {
            true => (first.clone(), first + &second),
            false => (first, second),
        })
        .prop_filter("the same to AWS", |(a, b)| !a.eq_ignore_ascii_case(b))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_resource_of_a_students_policies_stands_for_anothers((a, b) in two_usernames()) {
        let lab = shipped();
        let a = own(lab, "spring", &a, "a1b2c3d400");
        let b = own(lab, "spring", &b, "a1b2c3d401");
        prop_assert_eq!(reaches(&a, &b), None);
        prop_assert_eq!(reaches(&b, &a), None);
        // One reaches one's own, or the comparison compares nothing.
        prop_assert!(reaches(&a, &a).is_some());
    }
}

fn shipped() -> &'static Lab {
    static LAB: std::sync::OnceLock<Lab> = std::sync::OnceLock::new();
    LAB.get_or_init(|| bundle::load(None).unwrap())
}

#[test]
fn policies_of_other_partitions_name_them() {
    let china = Scope {
        partition: "aws-cn".into(),
        account: "123456789012".into(),
        region: "cn-north-1".into(),
    };
    let student = class::student("user1");
    let boundary = shipped().boundary(&china, &"spring".parse().unwrap(), &student, &[].into());
    for (_, resource) in grants(&boundary.unwrap().unwrap()) {
        assert!(
            resource == "*" || resource.starts_with("arn:aws-cn:"),
            "{resource}"
        );
    }
}
