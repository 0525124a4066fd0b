//! Plans over observations, without a cloud: a plan is applied to an observation as AWS would, and the
//! result planned again.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::ids::Scope;
use crate::stack::kinds::managed_policy::Purpose;
use crate::stack::kinds::role::POLICY_NAME;
use crate::stack::kinds::state_machine::WorkflowType;
use crate::stack::kinds::{
    ApiType, Kind, api, function, http_api, log_group, managed_policy, rest_api, role,
    state_machine, user,
};
use crate::stack::kinds::{Desired, Stack};
use crate::stack::kinds::{Gap, Observed};
use crate::stack::ownership::Owner;
use crate::stack::ownership::{Fingerprint, Ownership};
use crate::stack::plan::teardown::Reach;
use crate::stack::plan::*;

pub(super) fn scope() -> Scope {
    Scope {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "us-east-1".into(),
    }
}

fn stack(user: &str, code: &str) -> Stack {
    let owner = Owner {
        class: "demo".parse().unwrap(),
        student: user.parse().unwrap(),
        lab: "lab6".parse().unwrap(),
    };
    let name = |suffix: &str| format!("{user}-{suffix}");
    Stack {
        boundary: None,
        roles: vec![role::Spec {
            name: name("role"),
            trust: json!({"Statement": []}).into(),
            policy: json!({"Statement": [{"Resource": user}]}).into(),
            boundary: None,
            until: None,
        }],
        log_groups: vec![log_group::Spec {
            name: format!("/aws/lambda/{}", name("work")),
            retention_days: 7,
        }],
        functions: vec![function::Spec {
            name: name("work"),
            role: name("role"),
            runtime: "python3.13".into(),
            handler: "a.b".into(),
            timeout_s: 10,
            memory_mib: 128,
            environment: BTreeMap::from([("LEVEL".into(), "INFO".into())]),
            reserved_concurrency: None,
            code: function::Code {
                zip: Arc::from(code.as_bytes()),
                sha256: format!("sha-{code}"),
            },
            options: function::FunctionOptions::default(),
        }],
        state_machines: vec![state_machine::Spec {
            name: name("flow"),
            workflow_type: WorkflowType::Standard,
            role: name("role"),
            definition:
                json!({"Comment": "A flow", "StartAt": "X", "States": {"X": {"Type": "Succeed"}}})
                    .into(),
            tracing: false,
            logging: None,
        }],
        apis: vec![api::Spec {
            api_type: ApiType::Rest,
            name: name("api"),
            stage: "prod".into(),
            routes: vec![api::RouteSpec {
                method: "POST".into(),
                path: "/process".into(),
                function: name("work"),
            }],
            authorization: api::Authorization::None,
            throttle: None,
        }],
        owner,
    }
}

pub(crate) fn desired(users: &[&str]) -> Desired {
    Desired {
        scope: scope(),
        class: "demo".parse().unwrap(),
        lab: "lab6".parse().unwrap(),
        stacks: users.iter().map(|user| stack(user, "v1")).collect(),
    }
}

/// The same with a boundary of the lab's own on every role.
pub(super) fn bounded(users: &[&str]) -> Desired {
    let mut desired = desired(users);
    for stack in &mut desired.stacks {
        let policy = managed_policy::Spec {
            name: Purpose::Roles.name(&scope(), &stack.owner),
            document: json!({ "Sid": stack.owner.student.as_str() }).into(),
        };
        for role in &mut stack.roles {
            role.boundary = Some(scope().policy_arn(&stack.owner.class, &policy.name));
        }
        stack.boundary = Some(policy);
    }
    desired
}

#[test]
fn a_role_is_made_after_what_bounds_it_and_goes_before_it() {
    let desired = bounded(&["user1"]);
    let plan = deploy::plan(&desired, &Observed::default(), false);
    let item = |plan: &Plan, kind: Kind| {
        let mut items = plan.students[0].items.iter();
        items
            .find(|item| item.resource.kind == kind)
            .unwrap()
            .clone()
    };
    let policy = item(&plan, Kind::ManagedPolicy);
    assert_eq!(policy.verdict, Verdict::Create);
    assert!(item(&plan, Kind::Role).after.contains(&policy.resource));

    let mut observed = Observed::default();
    apply_all(&mut observed, &plan);
    assert_eq!(deploy::plan(&desired, &observed, false).steps(), 0);
    let plan = teardown::plan(&desired, &observed, Reach::Selected);
    let role = item(&plan, Kind::Role).resource;
    assert!(item(&plan, Kind::ManagedPolicy).after.contains(&role));
    apply_all(&mut observed, &plan);
    assert_eq!(observed, Observed::default());
}

#[test]
fn roles_without_their_boundary_are_put_right_by_a_deployment() {
    let mut observed = deployed(&desired(&["user1"]));
    let desired = bounded(&["user1"]);
    let plan = deploy::plan(&desired, &observed, false);
    let role = plan.students[0].first(Verdict::Update).unwrap();
    assert_eq!(role.why, "differs: permissions boundary");
    apply_all(&mut observed, &plan);
    assert_eq!(deploy::plan(&desired, &observed, false).steps(), 0);
    // Where the lab has none of its own, what is there is somebody's, and stays.
    let plain = self::desired(&["user1"]);
    assert_eq!(deploy::plan(&plain, &observed, false).steps(), 0);
}

/// What AWS would show after an action.
fn apply(observed: &mut Observed, owner: &Owner, item: &Item) {
    let scope = scope();
    let ours = Ownership::Ours(owner.clone());
    let name = item.resource.name.clone();
    match item.action.as_ref().unwrap() {
        Action::Role(role::Action::Create(role) | role::Action::Update { role, .. }) => {
            observed.roles.insert(
                name.clone(),
                role::Seen {
                    id: format!("AROA{name}"),
                    created_ms: None,
                    name,
                    path: Scope::role_path(&owner.class),
                    trust: Some(Value::clone(&role.trust)),
                    inline: BTreeMap::from([(POLICY_NAME.into(), Value::clone(&role.policy))]),
                    attached: vec![],
                    boundary: role.boundary.clone(),
                    tags: owner.tags(&scope, &role.fingerprint()),
                },
            );
        }
        Action::LogGroup(log_group::Action::Create(group) | log_group::Action::Update(group)) => {
            observed.log_groups.insert(
                name.clone(),
                log_group::Seen {
                    name,
                    created_ms: None,
                    retention_days: Some(group.retention_days),
                    ownership: ours,
                    tags_read: false,
                },
            );
        }
        Action::Function(function::Action::Create {
            function, withdraw, ..
        }) => {
            for record in withdraw {
                for api in observed.apis.values_mut().flatten() {
                    for stage in api.stages.iter_mut().flatten() {
                        if api.id == record.api_id && stage.name == record.stage {
                            stage.description = "withdrawn".into();
                        }
                    }
                }
            }
            let description = function.description(&scope, owner);
            observed
                .functions
                .insert(name, as_listed(function, owner, description));
        }
        Action::Function(function::Action::Update(function::FunctionUpdate {
            function,
            code,
            config,
            undo,
            description,
            ..
        })) => {
            let before = observed.functions[&name].clone();
            let mut after = as_listed(function, owner, description.clone());
            if !code {
                after.code_sha256 = before.code_sha256;
            }
            if !config {
                after.environment = before.environment;
                after.timeout_s = before.timeout_s;
                after.extras = before.extras;
            } else {
                after.extras = before.extras;
                after.extras.retain(|setting, _| !undo.contains(setting));
            }
            observed.functions.insert(name, after);
        }
        Action::StateMachine(
            state_machine::Action::Create(machine) | state_machine::Action::Update { machine, .. },
        ) => {
            let before = observed.state_machines.get(&name);
            let mut left = before
                .and_then(|m| m.detail.clone())
                .unwrap_or_default()
                .extras;
            if let Some(Action::StateMachine(state_machine::Action::Update { undo, .. })) =
                &item.action
            {
                left.retain(|setting, _| !undo.contains(setting));
            }
            observed.state_machines.insert(
                name.clone(),
                state_machine::Seen {
                    arn: scope.state_machine_arn(&name),
                    name,
                    created_ms: None,
                    detail: Some(state_machine::Described {
                        definition: machine.signed_definition(&scope, owner),
                        role_arn: scope.role_arn(&owner.class, &machine.role),
                        deleting: false,
                        extras: left,
                    }),
                    ownership: ours,
                },
            );
        }
        Action::RestApi(rest_api::Action::Create(api) | rest_api::Action::Complete { api, .. })
        | Action::HttpApi(http_api::Action::Create(api) | http_api::Action::Complete { api, .. }) =>
        {
            let completed = item.action.as_ref().unwrap().of_api().unwrap();
            let id = completed.map_or_else(|| format!("id-{name}"), str::to_owned);
            let http = api.api_type == ApiType::Http;
            let whole = api::Seen {
                api_type: api.api_type,
                settings: http.then(|| http_api::Settings::wanted(api, &scope)),
                id,
                name: name.clone(),
                created_s: 1,
                ownership: ours,
                stages: Some(vec![api::StageSeen {
                    name: api.stage.clone(),
                    description: api.stage_description(&scope, owner),
                }]),
            };
            observed.apis.insert(name, vec![whole]);
        }
        Action::RestApi(rest_api::Action::Delete { ids, .. })
        | Action::HttpApi(http_api::Action::Delete(ids)) => {
            let apis = observed.apis.get_mut(&name).unwrap();
            apis.retain(|api| !ids.contains(&api.id));
            if apis.is_empty() {
                observed.apis.remove(&name);
            }
        }
        Action::Function(function::Action::Freeze | function::Action::Thaw)
        | Action::StateMachine(state_machine::Action::StopExecutions) => {}
        Action::Function(function::Action::Delete) => drop(observed.functions.remove(&name)),
        Action::StateMachine(state_machine::Action::Delete { .. }) => {
            drop(observed.state_machines.remove(&name))
        }
        Action::LogGroup(log_group::Action::Delete { .. }) => {
            drop(observed.log_groups.remove(&name))
        }
        Action::Role(role::Action::Delete { .. }) => drop(observed.roles.remove(&name)),
        Action::ManagedPolicy(
            managed_policy::Action::Create(policy) | managed_policy::Action::Update { policy, .. },
        ) => {
            let arn = scope.policy_arn(&owner.class, &name);
            observed.policies.insert(
                name.clone(),
                managed_policy::Seen {
                    name,
                    arn,
                    path: Scope::role_path(&owner.class),
                    document: Some(policy.document.clone()),
                    old_versions: Vec::new(),
                },
            );
        }
        Action::ManagedPolicy(managed_policy::Action::Delete { .. }) => {
            drop(observed.policies.remove(&name))
        }
        Action::Role(role::Action::SetBoundary(arn)) => {
            observed.roles.get_mut(&name).unwrap().boundary = Some(arn.clone());
        }
        Action::Role(role::Action::RemoveBoundary) => {
            observed.roles.get_mut(&name).unwrap().boundary = None
        }
        Action::User(
            user::Action::Create { user, issue } | user::Action::Update { user, issue, .. },
        ) => {
            let before = observed.users.get(&name);
            let mut tags = before.map(|user| user.tags.clone()).unwrap_or_default();
            tags.extend(owner.tags(&scope, &Fingerprint::of(["x"])));
            if !issue.is_nothing() {
                let issued = issue.then.tag_value().to_owned();
                tags.insert(user::TAG_CREDENTIALS.to_owned(), issued);
            }
            let inline = before.map(|user| user.inline.clone()).unwrap_or_default();
            observed.users.insert(
                name.clone(),
                user::Seen {
                    name,
                    path: Scope::role_path(&owner.class),
                    tags,
                    inline,
                    attached: vec![scope.policy_arn(&owner.class, &user.policy.name)],
                    groups: Vec::new(),
                    boundary: Some(scope.policy_arn(&owner.class, &user.boundary.name)),
                },
            );
        }
        Action::User(user::Action::Delete { .. }) => drop(observed.users.remove(&name)),
        Action::User(user::Action::Freeze) => {
            let user = observed.users.get_mut(&name).unwrap();
            user.inline.push(user::FREEZE_POLICY.to_owned());
        }
        Action::User(user::Action::Thaw) => {
            let user = observed.users.get_mut(&name).unwrap();
            user.inline.retain(|policy| policy != user::FREEZE_POLICY);
        }
    }
}

fn as_listed(function: &function::Spec, owner: &Owner, description: String) -> function::Seen {
    function::Seen {
        name: function.name.clone(),
        role_arn: scope().role_arn(&owner.class, &function.role),
        runtime: function.runtime.clone(),
        handler: function.handler.clone(),
        timeout_s: function.timeout_s,
        memory_mib: function.memory_mib,
        environment: function.environment.clone(),
        code_sha256: function.code.sha256.clone(),
        description,
        extras: Default::default(),
        modified_ms: None,
        ownership: Ownership::Ours(owner.clone()),
    }
}

pub(super) fn apply_all(observed: &mut Observed, plan: &Plan) {
    apply_some(observed, plan, |_| true);
}

fn apply_some(observed: &mut Observed, plan: &Plan, mut choose: impl FnMut(&Item) -> bool) {
    for student in &plan.students {
        for item in student.items.iter().filter(|i| i.action.is_some()) {
            if choose(item) {
                apply(observed, &student.owner, item);
            }
        }
    }
}

pub(super) fn deployed(desired: &Desired) -> Observed {
    let mut observed = Observed::default();
    apply_all(
        &mut observed,
        &deploy::plan(desired, &Observed::default(), false),
    );
    observed
}

fn verdict_of(plan: &Plan, kind: Kind) -> Verdict {
    let mut items = plan.students[0].items.iter();
    items.find(|i| i.resource.kind == kind).unwrap().verdict
}

#[test]
fn replanning_after_a_deployment_is_empty() {
    let desired = desired(&["user1", "user2"]);
    let again = deploy::plan(&desired, &deployed(&desired), false);
    assert_eq!(again.steps(), 0);
    assert_eq!(again.count(Verdict::NoChange), 10);
}

#[test]
fn a_students_own_changes_are_kept_and_reset_puts_them_back() {
    let desired = desired(&["user1"]);
    let mut observed = deployed(&desired);
    observed
        .functions
        .get_mut("user1-work")
        .unwrap()
        .code_sha256 = "mine".into();
    let machine = observed.state_machines.get_mut("user1-flow").unwrap();
    let detail = machine.detail.as_mut().unwrap();
    detail.definition = detail.definition.replace("Succeed", "Fail");

    let plan = deploy::plan(&desired, &observed, false);
    assert_eq!(plan.steps(), 0);
    assert_eq!(verdict_of(&plan, Kind::Function), Verdict::Keep);
    assert_eq!(verdict_of(&plan, Kind::StateMachine), Verdict::Keep);

    let reset = deploy::plan(&desired, &observed, true);
    // The API with them: what a student did to its routes or permission shows in no listing.
    assert_eq!(reset.steps(), 3);
    apply_all(&mut observed, &reset);
    assert_eq!(deploy::plan(&desired, &observed, false).steps(), 0);
}

#[test]
fn a_changed_lab_updates_what_the_student_left_alone() {
    let mut desired = desired(&["user1"]);
    let mut observed = deployed(&desired);
    desired.stacks[0] = stack("user1", "v2");
    let definition = &mut desired.stacks[0].state_machines[0].definition;
    Arc::make_mut(definition)["TimeoutSeconds"] = json!(60);
    let plan = deploy::plan(&desired, &observed, false);
    assert_eq!(verdict_of(&plan, Kind::Function), Verdict::Update);
    assert_eq!(verdict_of(&plan, Kind::StateMachine), Verdict::Update);
    apply_all(&mut observed, &plan);
    assert_eq!(deploy::plan(&desired, &observed, false).steps(), 0);
}

#[test]
fn a_changed_configuration_is_written_and_the_students_code_kept() {
    let mut desired = desired(&["user1"]);
    let mut observed = deployed(&desired);
    observed
        .functions
        .get_mut("user1-work")
        .unwrap()
        .code_sha256 = "mine".into();
    desired.stacks[0].functions[0].timeout_s = 20;
    let plan = deploy::plan(&desired, &observed, false);
    apply_all(&mut observed, &plan);
    let function = &observed.functions["user1-work"];
    assert_eq!(
        (function.timeout_s, function.code_sha256.as_str()),
        (20, "mine")
    );
    let again = deploy::plan(&desired, &observed, false);
    assert_eq!(verdict_of(&again, Kind::Function), Verdict::Keep);
}

#[test]
fn an_update_cut_off_before_its_record_is_not_taken_for_the_students() {
    let mut desired = desired(&["user1"]);
    let mut observed = deployed(&desired);
    desired.stacks[0] = stack("user1", "v2");
    // UpdateFunctionCode had its effect, then the run was killed.
    observed
        .functions
        .get_mut("user1-work")
        .unwrap()
        .code_sha256 = "sha-v2".into();
    let plan = deploy::plan(&desired, &observed, false);
    assert_eq!(verdict_of(&plan, Kind::Function), Verdict::Update);
    apply_all(&mut observed, &plan);
    desired.stacks[0] = stack("user1", "v3");
    let plan = deploy::plan(&desired, &observed, false);
    assert_eq!(verdict_of(&plan, Kind::Function), Verdict::Update);
}

#[test]
fn a_deleted_function_withdraws_the_apis_record_and_completes_it_again() {
    let desired = desired(&["user1"]);
    let mut observed = deployed(&desired);
    observed.functions.remove("user1-work");
    let plan = deploy::plan(&desired, &observed, false);
    assert_eq!(verdict_of(&plan, Kind::Function), Verdict::Create);
    assert_eq!(verdict_of(&plan, Kind::RestApi), Verdict::Update);
    // Killed after the function was made and before the permission was: the API is still completed.
    apply_some(&mut observed, &plan, |i| i.resource.kind == Kind::Function);
    let again = deploy::plan(&desired, &observed, false);
    assert_eq!(verdict_of(&again, Kind::RestApi), Verdict::Update);
    apply_all(&mut observed, &again);
    assert_eq!(deploy::plan(&desired, &observed, false).steps(), 0);
}

#[test]
fn a_foreign_resource_is_a_conflict_and_the_whole_student_is_left_alone() {
    let desired = desired(&["user1", "user2"]);
    let mut observed = Observed::default();
    let mut foreign = as_listed(
        &desired.stacks[0].functions[0],
        &desired.stacks[0].owner,
        String::new(),
    );
    foreign.ownership = Ownership::Foreign;
    observed.functions.insert("user1-work".into(), foreign);
    let plan = deploy::plan(&desired, &observed, false);
    assert_eq!(plan.students[0].steps(), 0);
    assert_eq!(verdict_of(&plan, Kind::Function), Verdict::Conflict);
    assert_eq!(plan.students[1].steps(), 5);
    let teardown = teardown::plan(&desired, &observed, Reach::WholeClass);
    assert_eq!(teardown.steps(), 0);
    assert_eq!(teardown.count(Verdict::Foreign), 1);
}

#[test]
fn another_classs_resource_is_a_conflict_that_names_the_class() {
    let desired = desired(&["user1"]);
    let mut observed = deployed(&desired);
    let mut other = desired.stacks[0].owner.clone();
    other.class = "other".parse().unwrap();
    observed.functions.get_mut("user1-work").unwrap().ownership = Ownership::OtherClass(other);
    let plan = deploy::plan(&desired, &observed, false);
    let item = plan.students[0].first(Verdict::Conflict).unwrap();
    assert!(item.why.contains("class other"), "{}", item.why);
}

#[test]
fn what_could_not_be_seen_is_neither_created_nor_counted_as_gone() {
    let desired = desired(&["user1"]);
    let observed = Observed {
        gaps: vec![Gap {
            kind: Kind::Function,
            name: None,
            student: None,
            cause: "lambda:ListFunctions: AccessDenied".into(),
        }],
        ..Observed::default()
    };
    let plan = deploy::plan(&desired, &observed, false);
    assert_eq!(plan.steps(), 0);
    assert_eq!(verdict_of(&plan, Kind::Function), Verdict::Unknown);
    let teardown = teardown::plan(&desired, &observed, Reach::Selected);
    assert_eq!(teardown.count(Verdict::Unknown), 1);
    assert_eq!(teardown.count(Verdict::Absent), 4);
}

#[test]
fn of_two_apis_that_are_ours_the_whole_one_stays() {
    let desired = desired(&["user1"]);
    let mut observed = deployed(&desired);
    let apis = observed.apis.get_mut("user1-api").unwrap();
    let mut older = apis[0].clone();
    older.id = "older".into();
    older.created_s = 0;
    older.stages = Some(vec![]);
    apis.push(older);
    let plan = deploy::plan(&desired, &observed, false);
    let item = plan.students[0].first(Verdict::Update).unwrap();
    let Some(Action::RestApi(rest_api::Action::Complete { id, duplicates, .. })) = &item.action
    else {
        panic!("{item:?}");
    };
    assert_eq!(
        (id.as_str(), duplicates.as_slice()),
        ("id-user1-api", ["older".to_owned()].as_slice())
    );
}

#[test]
fn only_a_teardown_of_the_whole_class_finds_who_left_the_roster() {
    let all = desired(&["user1", "user2"]);
    let mut observed = deployed(&all);
    let roster = desired(&["user1"]);
    let selected = teardown::plan(&roster, &observed, Reach::Selected);
    assert_eq!(selected.students.len(), 1);
    let whole = teardown::plan(&roster, &observed, Reach::WholeClass);
    assert_eq!(whole.students[1].owner.student.as_str(), "user2");
    assert!(!whole.students[1].in_roster);
    apply_all(&mut observed, &whole);
    assert_eq!(observed, Observed::default());
}

#[test]
fn a_teardown_takes_the_endpoint_and_compute_first_and_log_groups_last() {
    let desired = desired(&["user1"]);
    let plan = teardown::plan(&desired, &deployed(&desired), Reach::Selected);
    let kinds: Vec<Kind> = plan.students[0]
        .items
        .iter()
        .map(|i| i.resource.kind)
        .collect();
    assert_eq!(
        kinds,
        [
            Kind::RestApi,
            Kind::Function,
            Kind::StateMachine,
            Kind::Role,
            Kind::LogGroup
        ]
    );
    let log_group = plan.students[0].items.last().unwrap();
    assert!(log_group.after.iter().any(|id| id.kind == Kind::Function));
}

#[test]
fn a_teardown_of_one_lab_leaves_the_classs_other_lab_alone() {
    let mut other = desired(&["user1"]);
    other.lab = "lab7".parse().unwrap();
    other.stacks[0].owner.lab = "lab7".parse().unwrap();
    other.stacks[0].functions[0].name = "user1-other".into();
    let mut observed = deployed(&desired(&["user1"]));
    let function = &other.stacks[0].functions[0];
    let listed = as_listed(function, &other.stacks[0].owner, String::new());
    observed.functions.insert("user1-other".into(), listed);
    let lab6 = desired(&["user1"]);
    let plan = teardown::plan(&lab6, &observed, Reach::WholeClass);
    apply_all(&mut observed, &plan);
    assert_eq!(
        observed.functions.keys().collect::<Vec<_>>(),
        ["user1-other"]
    );
    assert_eq!(teardown::other_labs(&lab6, &observed).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever subset of a plan had its effect before the run was killed, deploying again completes the
    /// class, and deploying once more has nothing to do.
    #[test]
    fn a_deployment_killed_anywhere_is_finished_by_the_next(
        users in 1_usize..6,
        kept in proptest::collection::vec(any::<bool>(), 30),
    ) {
        let names: Vec<String> = (1..=users).map(|i| format!("user{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let desired = desired(&names);
        let mut observed = Observed::default();
        let mut choices = kept.iter();
        let first = deploy::plan(&desired, &observed, false);
        apply_some(&mut observed, &first, |_| *choices.next().unwrap());
        let second = deploy::plan(&desired, &observed, false);
        apply_all(&mut observed, &second);
        prop_assert_eq!(deploy::plan(&desired, &observed, false).steps(), 0);
        prop_assert_eq!(first.steps(), 5 * users);
    }

    /// Likewise a teardown, which ends with nothing of the class and everything of others.
    #[test]
    fn a_teardown_killed_anywhere_is_finished_by_the_next(
        kept in proptest::collection::vec(any::<bool>(), 15),
    ) {
        let desired = desired(&["user1", "user2", "user3"]);
        let mut observed = deployed(&desired);
        let mut bystander = observed.functions["user1-work"].clone();
        bystander.name = "user10-work".into();
        bystander.ownership = Ownership::Foreign;
        observed.functions.insert("user10-work".into(), bystander);
        let mut choices = kept.iter();
        let first = teardown::plan(&desired, &observed, Reach::WholeClass);
        apply_some(&mut observed, &first, |_| *choices.next().unwrap());
        let second = teardown::plan(&desired, &observed, Reach::WholeClass);
        apply_all(&mut observed, &second);
        prop_assert_eq!(teardown::plan(&desired, &observed, Reach::WholeClass).steps(), 0);
        prop_assert_eq!(observed.functions.keys().collect::<Vec<_>>(), vec!["user10-work"]);
    }
}

#[test]
fn a_changed_lab_is_told_old_and_new_without_values_of_others() {
    let mut desired = desired(&["user1"]);
    let old = &mut desired.stacks[0];
    let variables = [("LEVEL", "INFO"), ("GONE", "not for plans")];
    old.functions[0].environment = variables.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let mut observed = deployed(&desired);
    let role = observed.roles.get_mut("user1-role").unwrap();
    role.attached = vec!["arn:aws:iam::aws:policy/Extra".into()];
    let new = &mut desired.stacks[0];
    new.roles[0].policy = json!({"Statement": [{"Resource": ["user1", "*"]}]}).into();
    new.log_groups[0].retention_days = 14;
    let function = &mut new.functions[0];
    function.timeout_s = 30;
    function.environment = [("LEVEL", "DEBUG"), ("NEW", "1")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    function.reserved_concurrency = Some(2);
    new.state_machines[0].definition = json!({"StartAt": "W", "States": {
        "W": {"Type": "Wait", "Seconds": 1, "Next": "X"}, "X": {"Type": "Succeed"}}})
    .into();
    let plan = deploy::plan(&desired, &observed, false);
    let mut told = Vec::new();
    for item in &plan.students[0].items {
        let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "–".to_owned());
        for part in &item.differs.parts {
            let (old, new) = (side(&part.old), side(&part.new));
            told.push(format!("{}: {}: {old} → {new}", item.resource, part.what));
        }
        let removed = item.differs.removed.iter();
        told.extend(removed.map(|removed| format!("{}: - {removed}", item.resource)));
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    IAM role user1-role: inline policy, statement 1, Resource: – → *
    IAM role user1-role: - attachment of arn:aws:iam::aws:policy/Extra
    log group /aws/lambda/user1-work: retention: 7 days → 14 days
    Lambda function user1-work: Timeout: 10 s → 30 s
    Lambda function user1-work: environment variable GONE: set → –
    Lambda function user1-work: environment variable LEVEL: INFO → DEBUG
    Lambda function user1-work: environment variable NEW: – → 1
    Lambda function user1-work: reserved concurrency: not read → 2
    state machine user1-flow: definition: 1 state → 2 states (W is new, StartAt changes; lines: 6 added, 1 removed)
    ");
}

#[test]
fn what_a_student_changed_is_told_by_name_only_even_if_more_differs() {
    let mut desired = desired(&["user1"]);
    let mut observed = deployed(&desired);
    let function = observed.functions.get_mut("user1-work").unwrap();
    function.environment = BTreeMap::from([("LEVEL".into(), "my-secret".into())]);
    desired.stacks[0].functions[0].code.sha256 = "sha-v2".into();
    let plan = deploy::plan(&desired, &observed, false);
    let mut items = plan.students[0].items.iter();
    let item = items.find(|i| i.resource.kind == Kind::Function).unwrap();
    assert_eq!(item.verdict, Verdict::Update);
    assert_eq!(item.differs.parts.len(), 1, "{:?}", item.differs);
    assert_eq!(item.differs.parts[0].what, "code");
    assert!(!format!("{:?}{}", item.differs, item.why).contains("my-secret"));
}
