//! What a student must reach and must not reach, and whose stacks to try.

use crate::ids::{ApiType, Scope, Username};
use crate::stack::kinds::Stack;
use crate::stack::kinds::api::ApiEndpoint;
use crate::stack::kinds::managed_policy::Purpose;

use std::collections::BTreeMap;

/// The id of the check that a student reaches their own stack.
pub(crate) const OWN_STACK: &str = "own-stack";
/// Neighbours of each student, the next one in the roster included.
pub(crate) const NEIGHBOURS_MAX: usize = 4;

/// The neighbours to try: those whose names a careless pattern would confuse with the student's (`user1`, `user10`,
/// `user1-b`), the most similar first, and the next one in the roster.
pub(crate) fn neighbours<'a>(all: &'a [Username], student: &Username) -> Vec<&'a Username> {
    let lower = |name: &Username| name.as_str().to_ascii_lowercase();
    let own = lower(student);
    let mut alike: Vec<&Username> = all
        .iter()
        .filter(|other| *other != student)
        .filter(|other| {
            let other = lower(other);
            other.starts_with(&own) || own.starts_with(&other)
        })
        .collect();
    alike.sort_by_key(|other| {
        let length = other.as_str().len();
        (length.abs_diff(own.len()), other.as_str())
    });
    let place = all.iter().position(|other| other == student);
    let next = place.and_then(|place| all.get((place + 1) % all.len()));
    let next = next.filter(|next| *next != student && !alike.contains(next));
    alike.truncate(NEIGHBOURS_MAX - usize::from(next.is_some()));
    alike.extend(next);
    alike
}

/// One student's resources, by their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub(crate) student: Username,
    pub(crate) user_arn: String,
    pub(crate) policy_arns: Vec<String>,
    pub(crate) role_arns: Vec<String>,
    pub(crate) state_machine_arns: Vec<String>,
    /// Name and ARN.
    pub(crate) functions: Vec<(String, String)>,
    /// Name and ARN.
    pub(crate) log_groups: Vec<(String, String)>,
    /// Type, id and ARN.
    pub apis: Vec<(ApiType, String, String)>,
}

impl Target {
    /// The resources of a stack; `None` while one of its APIs is not there.
    pub fn of(scope: &Scope, stack: &Stack, apis: &BTreeMap<String, ApiEndpoint>) -> Option<Self> {
        let class = &stack.owner.class;
        let apis: Option<Vec<_>> = stack
            .apis
            .iter()
            .map(|api| {
                let (id, of) = (&apis.get(&api.name)?.id, api.api_type);
                Some((of, id.clone(), scope.api_arn(of, id)))
            })
            .collect();
        let policies = [Purpose::Access, Purpose::Boundary];
        Some(Self {
            student: stack.student().clone(),
            user_arn: scope.user_arn(class, stack.student().as_str()),
            policy_arns: policies
                .map(|purpose| scope.policy_arn(class, &purpose.name(scope, &stack.owner)))
                .to_vec(),
            role_arns: stack
                .roles
                .iter()
                .map(|role| scope.role_arn(class, &role.name))
                .collect(),
            state_machine_arns: stack
                .state_machines
                .iter()
                .map(|machine| scope.state_machine_arn(&machine.name))
                .collect(),
            functions: stack
                .functions
                .iter()
                .map(|function| (function.name.clone(), scope.function_arn(&function.name)))
                .collect(),
            log_groups: stack
                .log_groups
                .iter()
                .map(|group| (group.name.clone(), scope.log_group_arn(&group.name)))
                .collect(),
            apis: apis?,
        })
    }
}

/// What one request asks IAM's policy simulator: it decides every action on every resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) actions: Vec<&'static str>,
    /// Those of them that the student must be allowed on their own resources.
    pub(crate) own: Vec<&'static str>,
    /// ARNs, as policies name them, by the student whose resources they are.
    pub(crate) resources: Vec<(Username, Vec<String>)>,
}

/// The questions about a student and their neighbours. The simulator carries nothing out, so they may name destructive
/// actions. The student must be allowed what every lab needs: to see their own resources.
pub(crate) fn questions(own: &Target, neighbours: &[&Target]) -> Vec<Question> {
    let question =
        |actions: &[&'static str], own_actions: &[&'static str], of: fn(&Target) -> Vec<String>| {
            let everybody = std::iter::once(own).chain(neighbours.iter().copied());
            Question {
                actions: actions.to_vec(),
                own: own_actions.to_vec(),
                resources: everybody
                    .map(|target| (target.student.clone(), of(target)))
                    .filter(|(_, resources)| !resources.is_empty())
                    .collect(),
            }
        };
    let questions = [
        question(
            &[
                "states:DescribeStateMachine",
                "states:ListExecutions",
                "states:StartExecution",
                "states:UpdateStateMachine",
                "states:DeleteStateMachine",
                "states:TagResource",
            ],
            &["states:DescribeStateMachine", "states:ListExecutions"],
            |target| target.state_machine_arns.clone(),
        ),
        question(
            &[
                "lambda:GetFunction",
                "lambda:InvokeFunction",
                "lambda:UpdateFunctionCode",
                "lambda:UpdateFunctionConfiguration",
                "lambda:AddPermission",
                "lambda:DeleteFunction",
            ],
            &["lambda:GetFunction", "lambda:InvokeFunction"],
            |target| {
                target
                    .functions
                    .iter()
                    .map(|(_, arn)| arn.clone())
                    .collect()
            },
        ),
        question(
            &["logs:FilterLogEvents", "logs:DeleteLogGroup"],
            &["logs:FilterLogEvents"],
            |target| {
                let groups = target.log_groups.iter();
                groups.map(|(_, arn)| format!("{arn}:*")).collect()
            },
        ),
        question(
            &["apigateway:GET", "apigateway:PATCH", "apigateway:DELETE"],
            &["apigateway:GET"],
            |target| {
                let apis = target.apis.iter();
                apis.map(|(.., arn)| arn.clone()).collect()
            },
        ),
        question(
            &[
                "sts:AssumeRole",
                "iam:PutRolePolicy",
                "iam:AttachRolePolicy",
                "iam:UpdateAssumeRolePolicy",
                "iam:DeleteRolePermissionsBoundary",
            ],
            &[],
            |target| target.role_arns.clone(),
        ),
        question(
            &[
                "iam:CreateAccessKey",
                "iam:UpdateLoginProfile",
                "iam:AttachUserPolicy",
                "iam:PutUserPolicy",
                "iam:DeleteUserPolicy",
                "iam:PutUserPermissionsBoundary",
                "iam:DeleteUserPermissionsBoundary",
                "iam:DeleteUser",
            ],
            &[],
            |target| vec![target.user_arn.clone()],
        ),
        question(
            &["iam:CreatePolicyVersion", "iam:DeletePolicy"],
            &[],
            |target| target.policy_arns.clone(),
        ),
    ];
    questions
        .into_iter()
        .filter(|question| !question.resources.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<Username> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn neighbours_are_names_that_begin_alike_and_the_next_in_the_roster() {
        let all = names(&[
            "user1",
            "zoe",
            "user10",
            "user1-b",
            "adam",
            "user",
            "user123456",
        ]);
        let of = |student: &str| -> Vec<&str> {
            let student = student.parse().unwrap();
            neighbours(&all, &student)
                .into_iter()
                .map(Username::as_str)
                .collect()
        };
        assert_eq!(of("user1"), ["user", "user10", "user1-b", "zoe"]);
        assert_eq!(of("adam"), ["user"]);
        assert_eq!(of("user123456"), ["user1", "user"]);
        let alone = names(&["user1"]);
        assert!(neighbours(&alone, &alone[0]).is_empty());
    }
}
