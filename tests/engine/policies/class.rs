//! A class of nasty usernames, with every policy that is rendered for it.

use std::collections::BTreeMap;

use homeroom::ids::{ApiType, ClassName, Scope};
use homeroom::lab::bundle;
use homeroom::lab::{AccessPolicies, Lab};
use homeroom::roster::Student;
use homeroom::stack::kinds::Stack;
use homeroom::stack::kinds::api::ApiEndpoint;
use serde_json::Value;

use crate::policies::engine::{Ask, Holder};

/// Usernames that are one another's beginnings, and such that a name of one is nearly another's. The roster refuses
/// some beside each other; the policies must not depend on that.
pub(crate) const USERNAMES: [&str; 14] = [
    "user1",
    "user10",
    "user11",
    "user1-b",
    "user1-",
    "user1_b",
    "user",
    "a",
    "a-process",
    "a-worker",
    "aa",
    "b-a",
    "prod",
    "a-name-as-long-as-homeroom-lets-them-be0",
];

/// One student with everything rendered.
pub(crate) struct Own {
    pub(crate) username: String,
    pub(crate) stack: Stack,
    pub(crate) access: AccessPolicies,
    pub(crate) api_id: String,
    pub(crate) scope: Scope,
    pub(crate) class: ClassName,
}

pub(crate) fn scope() -> Scope {
    Scope {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "eu-west-1".into(),
    }
}

pub(crate) fn student(username: &str) -> Student {
    Student {
        username: username.parse().unwrap(),
        name: None,
        email: None,
        section: None,
        extra: Vec::new(),
        due: None,
        place: None,
    }
}

/// The lab that ships with homeroom, with APIs of a type.
pub(crate) fn lab_of(api_type: ApiType) -> Lab {
    let settings = [("api_type".to_owned(), api_type.as_str().into())];
    let lab = bundle::load(None).unwrap();
    lab.with_settings(&settings.into()).unwrap()
}

/// The class, filled in from the lab that ships with homeroom. Every second student has an HTTP API, the others a REST API: the
/// policies of either must open nothing of the other.
pub(crate) fn class() -> Vec<Own> {
    let labs = ApiType::ALL.map(lab_of);
    let students = USERNAMES.iter().enumerate();
    // Ids that differ in their last letters only.
    students
        .map(|(n, username)| own(&labs[n % 2], "spring", username, &format!("a1b2c3d4{n:02}")))
        .collect()
}

pub(crate) fn own(lab: &Lab, class: &str, username: &str, api_id: &str) -> Own {
    let (scope, class, student) = (scope(), class.parse().unwrap(), student(username));
    let mut desired = lab
        .desired(&scope, &class, std::slice::from_ref(&student))
        .unwrap();
    let stack = desired.stacks.remove(0);
    let endpoint = ApiEndpoint {
        id: api_id.to_owned(),
        url: String::new(),
    };
    let apis = BTreeMap::from([(stack.apis[0].name.clone(), endpoint)]);
    let access = lab
        .access(&scope, &class, &student, &apis)
        .unwrap()
        .unwrap();
    Own {
        username: username.to_owned(),
        stack,
        access,
        api_id: api_id.to_owned(),
        scope,
        class,
    }
}

impl Own {
    pub(crate) fn user_arn(&self) -> String {
        self.scope.user_arn(&self.class, &self.username)
    }

    /// The student, as IAM user.
    pub(crate) fn user(&self) -> Holder {
        Holder::new(
            &self.user_arn(),
            &[&self.access.policy],
            &self.access.boundary,
        )
    }

    pub(crate) fn role_arn(&self, what: &str) -> String {
        let name = format!("{}-{what}-role", self.username);
        self.scope.role_arn(&self.class, &name)
    }

    /// The roles of the stack: inline policy, and the stack's boundary.
    pub(crate) fn roles(&self) -> Vec<(String, Holder, &Value)> {
        let boundary = &self.stack.boundary.as_ref().unwrap().document;
        let roles = self.stack.roles.iter().map(|role| {
            let arn = self.scope.role_arn(&self.class, &role.name);
            let holder = Holder::new(&arn, &[&role.policy], boundary);
            (role.name.clone(), holder, &*role.policy)
        });
        roles.collect()
    }

    pub(crate) fn functions(&self) -> Vec<String> {
        let functions = self.stack.functions.iter();
        functions
            .map(|function| self.scope.function_arn(&function.name))
            .collect()
    }

    pub(crate) fn log_groups(&self) -> Vec<String> {
        let groups = self.stack.log_groups.iter();
        groups
            .map(|group| self.scope.log_group_arn(&group.name))
            .collect()
    }

    pub(crate) fn machine(&self) -> String {
        self.scope
            .state_machine_arn(&self.stack.state_machines[0].name)
    }

    pub(crate) fn execution(&self) -> String {
        self.scope
            .execution_arn(&self.stack.state_machines[0].name, "run-1")
    }

    pub(crate) fn api(&self) -> String {
        self.scope.api_arn(self.api_type(), &self.api_id)
    }

    pub(crate) fn api_type(&self) -> ApiType {
        self.stack.apis[0].api_type
    }

    pub(crate) fn stage(&self) -> &str {
        &self.stack.apis[0].stage
    }

    /// What a request to the API is about.
    pub(crate) fn endpoint(&self) -> String {
        let api = self.scope.execute_api_arn(&self.api_id);
        format!("{api}/{}/POST/process", self.stage())
    }

    /// What is below the API, as API Gateway manages it.
    pub(crate) fn parts_of_api(&self) -> [&'static str; 2] {
        match self.api_type() {
            ApiType::Rest => ["resources", "resources/x/methods/POST"],
            ApiType::Http => ["routes/x", "integrations/x"],
        }
    }

    /// Every resource of the student's, and some below them.
    pub(crate) fn resources(&self) -> Vec<String> {
        let (api, machine) = (self.api(), self.machine());
        let mut all = vec![
            self.user_arn(),
            self.execution(),
            format!("{api}/stages/{}", self.stage()),
            self.endpoint(),
            format!("{machine}:1"),
            api,
            machine,
        ];
        all.extend(
            self.parts_of_api()
                .map(|part| format!("{}/{part}", self.api())),
        );
        all.extend(["worker", "trigger", "workflow"].map(|what| self.role_arn(what)));
        for function in self.functions() {
            all.push(format!("{function}:$LATEST"));
            all.push(function);
        }
        for group in self.log_groups() {
            all.push(format!("{group}:log-stream:2026/01/01/[$LATEST]abc"));
            all.push(format!("{group}:*"));
            all.push(group);
        }
        all
    }

    /// All policies that are rendered for the student.
    pub(crate) fn documents(&self) -> Vec<&Value> {
        let roles = self.stack.roles.iter().map(|role| &*role.policy);
        roles
            .chain([&self.access.policy, &self.access.boundary])
            .chain(self.stack.boundary.iter().map(|policy| &*policy.document))
            .collect()
    }
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Every action of a policy's statements with every resource, as written.
pub(crate) fn grants(policy: &Value) -> Vec<(&str, &str)> {
    let mut grants = Vec::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow", "{statement}");
        for part in ["NotAction", "NotResource", "Principal", "NotPrincipal"] {
            assert!(statement.get(part).is_none(), "{part} in {statement}");
        }
        for action in texts(&statement["Action"]) {
            assert!(
                !action.contains('*'),
                "{action}: actions are named one by one"
            );
            let resources = texts(&statement["Resource"]);
            grants.extend(resources.into_iter().map(|resource| (action, resource)));
        }
    }
    grants
}

/// A request that a grant is meant for: a star stands for something that AWS names.
pub(crate) fn asked(action: &str, resource: &str) -> Ask {
    let service = action.split(':').next().unwrap();
    let concrete = match resource {
        "*" => format!("arn:aws:{service}:eu-west-1:123456789012:anything"),
        pattern => pattern.replace('*', "x1"),
    };
    let ask = Ask::new(action, &concrete);
    match action {
        "iam:PassRole" => ask.with("iam:PassedToService", "states.amazonaws.com"),
        _ => ask,
    }
}
