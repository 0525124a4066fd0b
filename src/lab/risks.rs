//! What a lab asks for beyond what a lab needs. A bundle is code with rights: whoever runs somebody else's lab gives
//! its roles and its students the rights that it names. So rights that reach too far are found before anything is made,
//! and are given only where the instructor allows them by name.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::ids::{ClassName, Scope};
use crate::lab::Lab;
use crate::lab::patterns::{Share, Withheld, covers, statements, texts};
use crate::roster::Student;
use crate::stack::kinds::{Desired, Stack};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RiskKind {
    /// An action with a wildcard, everything but some actions, or one that gives its holder other rights.
    Action(String),
    /// Somebody outside the account and AWS's own services may use the role.
    Principal(String),
    /// An action that the lab's permissions boundary does not allow there.
    BeyondBoundary(String),
}

/// A right that reaches too far; the same right of several students is one risk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Risk {
    /// Who gets it: a role's id in the bundle, or `student`.
    pub(crate) holder: String,
    pub(crate) reach: RiskKind,
    /// The resources of the first student's policy.
    pub(crate) example: String,
}

/// The holder of the students' own policy.
const STUDENT: &str = "student";

impl Risk {
    fn new(holder: &str, reach: RiskKind, example: impl Into<String>) -> Self {
        Self {
            holder: holder.to_owned(),
            reach,
            example: example.into(),
        }
    }

    /// How it is allowed: the text that `allow-in-roles` in `homeroom.toml` holds.
    pub(crate) fn key(&self) -> String {
        let holder = &self.holder;
        match &self.reach {
            RiskKind::Action(action) => format!("{holder}: action {action}"),
            RiskKind::Principal(principal) => format!("{holder}: principal {principal}"),
            RiskKind::BeyondBoundary(action) => format!("{holder}: beyond the boundary {action}"),
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.holder.as_str() {
            STUDENT => f.write_str("the students' policy ")?,
            role => write!(f, "role \"{role}\" ")?,
        }
        let example = &self.example;
        match &self.reach {
            RiskKind::Action(action) => write!(f, "allows {action} on {example}"),
            RiskKind::Principal(who) => {
                write!(f, "may be assumed from outside this account, by {who}")
            }
            RiskKind::BeyondBoundary(action) => write!(
                f,
                "allows {action} on {example}, which the lab's permissions boundary does not allow"
            ),
        }
    }
}

impl Lab {
    /// Every risk of this lab, over all students: a template may give one of them more than the others.
    pub(crate) fn risks(&self, desired: &Desired, students: &[Student]) -> Vec<Risk> {
        let mut found = BTreeMap::new();
        for (stack, student) in desired.stacks.iter().zip(students) {
            for risk in self.risks_of(desired, stack, student) {
                found.entry(risk.key()).or_insert(risk);
            }
        }
        found.into_values().collect()
    }

    fn risks_of(&self, desired: &Desired, stack: &Stack, student: &Student) -> Vec<Risk> {
        let (scope, class) = (&desired.scope, &desired.class);
        // `Lab::desired` has reported what cannot be rendered.
        let boundary = self.boundary(scope, class, student, &BTreeMap::new());
        let boundary = boundary.ok().flatten();
        let mut risks = Vec::new();
        for (role, entry) in stack.roles.iter().zip(&self.manifest.roles) {
            let principals = foreign_principals(&role.trust, scope).into_iter();
            risks.extend(principals.map(|who| Risk::new(&entry.id, RiskKind::Principal(who), "")));
            risks.extend(wide_actions(&entry.id, &role.policy));
            if let Some(boundary) = &boundary {
                risks.extend(beyond(&entry.id, &role.policy, boundary));
            }
        }
        let apis = self.stand_in_apis(&student.username);
        if let Ok(Some(access)) = self.access(scope, class, student, &apis) {
            risks.extend(wide_actions(STUDENT, &access.policy));
        }
        risks
    }

    /// Whether the students' own policy allows an action somewhere.
    pub(crate) fn students_may(
        &self,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
        action: &str,
    ) -> bool {
        let apis = self.stand_in_apis(&student.username);
        let access = self.access(scope, class, student, &apis);
        let Ok(Some(access)) = access else {
            return false;
        };
        let action = action.to_lowercase();
        allowing(&access.policy).any(|statement| {
            let actions = texts(statement.get("Action"));
            actions.iter().any(|a| covers(&a.to_lowercase(), &action))
        })
    }
}

/// The statements of a policy that allow something. A document with one statement may do without the list.
fn allowing(policy: &Value) -> impl Iterator<Item = &Value> {
    let statements = match policy.get("Statement") {
        Some(Value::Array(all)) => all.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    statements
        .iter()
        .filter(|statement| statement.get("Effect").and_then(Value::as_str) == Some("Allow"))
}

/// What a statement is bound to.
fn resources(statement: &Value) -> Vec<&str> {
    match statement.get("NotResource") {
        // All but some is more than some.
        Some(_) => vec!["*"],
        None => texts(statement.get("Resource")),
    }
}

fn wide_actions(holder: &str, policy: &Value) -> Vec<Risk> {
    let mut risks = Vec::new();
    for statement in allowing(policy) {
        let but = texts(statement.get("NotAction"));
        let but = (!but.is_empty()).then(|| format!("everything but {}", but.join(", ")));
        let wide = texts(statement.get("Action")).into_iter();
        let on = resources(statement);
        let wide = wide.filter(|action| action.contains(['*', '?']) || raises(action, &on));
        let example = on.join(", ");
        let actions = wide.map(str::to_owned).chain(but);
        risks.extend(actions.map(|a| Risk::new(holder, RiskKind::Action(a), &example)));
    }
    risks
}

/// Actions with which a holder changes what somebody may do, its boundary with it.
const RAISING: [&str; 16] = [
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreatePolicyVersion",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:DeleteUserPermissionsBoundary",
    "iam:DeleteUserPolicy",
    "iam:PutGroupPolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:PutUserPermissionsBoundary",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
];

/// Actions with which a holder acts as somebody else, unless they are bound to exact users or roles.
const BORROWING: [&str; 5] = [
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:PassRole",
    "iam:UpdateLoginProfile",
    "sts:AssumeRole",
];

/// Whether an action gives its holder more than a policy says.
fn raises(action: &str, resources: &[&str]) -> bool {
    let among = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(action));
    let bound = || {
        resources
            .iter()
            .all(|resource| !resource.contains(['*', '?']))
    };
    among(&RAISING) || (among(&BORROWING) && !bound())
}

/// Who may assume a role and is neither an AWS service nor in the account.
fn foreign_principals(trust: &Value, scope: &Scope) -> Vec<String> {
    let mut foreign = Vec::new();
    for statement in allowing(trust) {
        if let Some(but) = statement.get("NotPrincipal") {
            foreign.push(format!("everybody but {but}"));
        }
        match statement.get("Principal") {
            Some(Value::Object(kinds)) => {
                for (kind, value) in kinds {
                    let all = texts(Some(value)).into_iter();
                    let outside = all.filter(|who| !is_at_home(kind, who, scope));
                    foreign.extend(outside.map(str::to_owned));
                }
            }
            Some(other) => foreign.extend(texts(Some(other)).into_iter().map(str::to_owned)),
            None => {}
        }
    }
    foreign
}

fn is_at_home(kind: &str, principal: &str, scope: &Scope) -> bool {
    match kind {
        "Service" => [".amazonaws.com", ".amazonaws.com.cn"]
            .iter()
            .any(|end| principal.ends_with(end)),
        "AWS" => {
            let account = match principal.strip_prefix("arn:") {
                Some(arn) => arn.split(':').nth(3).unwrap_or_default(),
                None => principal,
            };
            account == scope.account
        }
        _ => false,
    }
}

/// What a role's policy allows and its boundary does not. Conditions only narrow what the role can do, so they do not make it
/// a risk; and of a statement with several actions and resources, not every pair is meant.
fn beyond(holder: &str, policy: &Value, boundary: &Value) -> Vec<Risk> {
    let boundary = statements(boundary);
    let is_allowed = |action: &str, resource: &str| {
        let mut allowing = boundary.iter().filter(|statement| statement.allows);
        allowing.any(|statement| statement.part_of(action, resource) == Share::All)
    };
    let mut risks = Vec::new();
    for statement in statements(policy)
        .iter()
        .filter(|s| s.allows && !s.actions.but)
    {
        let idle = Withheld::of(statement, &boundary).pairs;
        let resources = match statement.resources.but {
            true => vec!["*"],
            false => statement.resources.list.clone(),
        };
        for action in &statement.actions.list {
            let mut beyond = resources
                .iter()
                .filter(|r| !is_allowed(action, r) && !idle.contains(&(*action, **r)));
            if let Some(resource) = beyond.next() {
                let reach = RiskKind::BeyondBoundary((*action).to_owned());
                risks.push(Risk::new(holder, reach, *resource));
            }
        }
    }
    risks
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scope() -> Scope {
        Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "us-east-1".into(),
        }
    }

    fn keys(risks: &[Risk]) -> Vec<String> {
        risks.iter().map(Risk::key).collect()
    }

    #[test]
    fn actions_with_wildcards_are_named_and_plain_ones_are_not() {
        let policy = json!({"Statement": [
            {"Effect": "Allow", "Action": ["s3:*", "logs:PutLogEvents", "iam:Pass?ole"], "Resource": "x"},
            {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "*", "Resource": "*"}]});
        assert_eq!(
            keys(&wide_actions("worker", &policy)),
            [
                "worker: action s3:*",
                "worker: action iam:Pass?ole",
                "worker: action everything but iam:*"
            ]
        );
        // One statement need not stand in a list.
        let one = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
        assert_eq!(keys(&wide_actions("w", &one)), ["w: action *"]);
    }

    #[test]
    fn actions_that_give_their_holder_more_are_named_one_by_one() {
        let of = |action: &str, resource: &str| {
            let policy =
                json!({"Statement": {"Effect": "Allow", "Action": action, "Resource": resource}});
            keys(&wide_actions(STUDENT, &policy))
        };
        let own = "arn:aws:iam::1:user/homeroom/c/ada";
        for action in [
            "iam:DeleteRolePermissionsBoundary",
            "iam:deleteuserpermissionsboundary",
            "iam:PutRolePolicy",
            "iam:AttachUserPolicy",
            "iam:UpdateAssumeRolePolicy",
        ] {
            assert_eq!(of(action, own), [format!("student: action {action}")]);
        }
        for action in [
            "iam:CreateAccessKey",
            "iam:CreateLoginProfile",
            "iam:PassRole",
        ] {
            assert_eq!(of(action, "*"), [format!("student: action {action}")]);
            assert_eq!(of(action, "arn:aws:iam::1:role/*").len(), 1);
            assert_eq!(of(action, own), Vec::<String>::new());
        }
        assert_eq!(of("iam:GetRolePolicy", "*"), Vec::<String>::new());
    }

    #[test]
    fn principals_outside_the_account_and_aws_are_foreign() {
        let trust = |principal: Value| {
            let trust = json!({"Statement": [{"Effect": "Allow", "Principal": principal}]});
            foreign_principals(&trust, &scope())
        };
        for home in [
            json!({"Service": "lambda.amazonaws.com"}),
            json!({"AWS": "123456789012"}),
            json!({"AWS": ["arn:aws:iam::123456789012:root"]}),
        ] {
            assert!(trust(home.clone()).is_empty(), "{home}");
        }
        for foreign in [
            json!("*"),
            json!({"AWS": "*"}),
            json!({"AWS": ["123456789012", "arn:aws:iam::999999999999:root"]}),
            json!({"AWS": "999999999999"}),
            json!({"Federated": "accounts.example.com"}),
            json!({"Service": "lambda.example.com"}),
        ] {
            assert_eq!(trust(foreign.clone()).len(), 1, "{foreign}");
        }
        let but = json!({"Statement": {"Effect": "Allow", "NotPrincipal": {"AWS": "1"}}});
        assert_eq!(foreign_principals(&but, &scope()).len(), 1);
    }

    #[test]
    fn what_the_boundary_does_not_allow_there_is_beyond_it() {
        let boundary = json!({"Statement": [
            {"Effect": "Allow", "Action": ["logs:Put*", "states:StartExecution"], "Resource": "arn:own:*"},
            {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "arn:f",
             "Condition": {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}}]});
        let beyond = |action: &str, resource: &str| {
            let policy =
                json!({"Statement": {"Effect": "Allow", "Action": action, "Resource": resource}});
            !beyond("r", &policy, &boundary).is_empty()
        };
        assert!(!beyond("logs:PutLogEvents", "arn:own:group:*"));
        assert!(!beyond("logs:putlogevents", "arn:own:x"));
        assert!(!beyond("lambda:InvokeFunction", "arn:f"));
        assert!(beyond("logs:PutLogEvents", "*"));
        assert!(beyond("logs:*", "arn:own:x"));
        assert!(beyond("lambda:InvokeFunction", "arn:f:1"));
        assert!(beyond("dynamodb:PutItem", "arn:own:x"));
        let boundary = json!({"Statement": {"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:secret"}});
        let beyond = |action: &str, resource: &str| {
            let policy =
                json!({"Statement": {"Effect": "Allow", "Action": action, "Resource": resource}});
            !super::beyond("r", &policy, &boundary).is_empty()
        };
        assert!(!beyond("logs:PutLogEvents", "arn:own:x"));
        assert!(beyond("iam:PassRole", "arn:own:x") && beyond("logs:PutLogEvents", "*"));
    }
}
