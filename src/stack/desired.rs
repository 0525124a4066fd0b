//! What should be: one rendered stack a student, so specific that nothing is left to decide.

use crate::stack::ids::{ClassName, LabId, Scope, Username};
use crate::stack::kinds::{
    Kind, ResourceId, function::Function, log_group::LogGroup, managed_policy::ManagedPolicy,
    rest_api::RestApi, role::Role, state_machine::StateMachine,
};
use crate::stack::ownership::Owner;

/// What a class should have.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// Where.
    pub scope: Scope,
    /// The class.
    pub class: ClassName,
    /// The lab.
    pub lab: LabId,
    /// One stack a student, in the roster's order.
    pub stacks: Vec<Stack>,
}

/// What one student should have.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// Whose it is.
    pub owner: Owner,
    /// IAM roles.
    pub roles: Vec<Role>,
    /// Log groups, one a function.
    pub log_groups: Vec<LogGroup>,
    /// Lambda functions.
    pub functions: Vec<Function>,
    /// State machines.
    pub state_machines: Vec<StateMachine>,
    /// REST APIs.
    pub rest_apis: Vec<RestApi>,
    /// The permissions boundary of the roles, where it is the lab's own.
    pub boundary: Option<ManagedPolicy>,
}

impl Desired {
    /// Every role gets this policy as its permissions boundary in the place of the lab's own: a role has only one.
    pub fn bound_roles_by(&mut self, policy_arn: &str) {
        for stack in &mut self.stacks {
            stack.boundary = None;
            for role in &mut stack.roles {
                role.boundary = Some(policy_arn.to_owned());
            }
        }
    }
}

impl Stack {
    /// The student.
    pub fn student(&self) -> &Username {
        &self.owner.student
    }

    /// Every resource of the stack, in the order in which a stack is shown.
    pub fn resource_ids(&self) -> Vec<ResourceId> {
        let mut ids = Vec::new();
        ids.extend(
            self.roles
                .iter()
                .map(|r| ResourceId::new(Kind::Role, &r.name)),
        );
        ids.extend(
            self.log_groups
                .iter()
                .map(|r| ResourceId::new(Kind::LogGroup, &r.name)),
        );
        ids.extend(
            self.functions
                .iter()
                .map(|r| ResourceId::new(Kind::Function, &r.name)),
        );
        ids.extend(
            self.state_machines
                .iter()
                .map(|r| ResourceId::new(Kind::StateMachine, &r.name)),
        );
        ids.extend(
            self.rest_apis
                .iter()
                .map(|r| ResourceId::new(Kind::RestApi, &r.name)),
        );
        ids.extend(
            self.boundary
                .iter()
                .map(|policy| ResourceId::new(Kind::ManagedPolicy, &policy.name)),
        );
        ids
    }
}
