//! What a student may do: the lab's two policies, filled in with the exact ARNs of one student's stack.
//!
//! A username may hold dashes, so that a pattern like `user1-*` would also match what belongs to `user1-b`.
//! Templates are therefore given whole ARNs, and none needs a pattern over usernames.

use std::collections::BTreeMap;

use serde_json::Value;
use tera::Context;

use crate::ids::{ClassName, Scope};
use crate::lab::Lab;
use crate::lab::context::ClassContext;
use crate::lab::desired::{document_problems, not_json};
use crate::lab::problems::Problems;
use crate::roster::Student;
use crate::stack::kinds::managed_policy::DOCUMENT_MAX;
use crate::stack::observed::ApiEndpoint;
use crate::text::failure::Failure;

/// The policies of one student.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessPolicies {
    /// What the student may do: attached to their IAM user.
    pub policy: Value,
    /// What the student, and the roles of their stack, may do at most: the permissions boundary of all of them.
    pub boundary: Value,
}

/// An API id as long as AWS's, for trying templates before there is any API.
pub(super) const STAND_IN_API_ID: &str = "a1b2c3d4e5";

impl Lab {
    /// Whether the lab says what students may do (`[access]`).
    pub fn has_access(&self) -> bool {
        self.manifest.access.is_some()
    }

    /// What a student may do; `None` where the lab has no `[access]`. The policy names the student's APIs by
    /// their ids, so they must be in `apis` (by API name): a student is given access once their stack is there.
    ///
    /// # Errors
    /// Templates that cannot be filled in, because of an API that is not deployed yet or for a reason that
    /// [`Lab::desired`] finds as well.
    pub fn access(
        &self,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
        apis: &BTreeMap<String, ApiEndpoint>,
    ) -> Result<Option<AccessPolicies>, Vec<Failure>> {
        let Some(access) = &self.manifest.access else {
            return Ok(None);
        };
        let context = ClassContext::new(self, scope, class).student(student, apis);
        let mut problems = Problems::default();
        let mut document = |path, what| {
            let value = self.managed(student, path, what, &context, &mut problems);
            value.unwrap_or_default()
        };
        let policies = AccessPolicies {
            policy: document(&access.policy, "access policy"),
            boundary: document(&access.boundary, "permissions boundary"),
        };
        problems
            .or(Some(policies))
            .map_err(|failures| self.hinted(student, apis, failures))
    }

    /// The permissions boundary alone, which the stack's roles are created with, so before any API has an id.
    /// Rendered again with the ids once they are known, it allows the student's APIs too.
    ///
    /// # Errors
    /// As [`Lab::access`].
    pub fn boundary(
        &self,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
        apis: &BTreeMap<String, ApiEndpoint>,
    ) -> Result<Option<Value>, Vec<Failure>> {
        let Some(access) = &self.manifest.access else {
            return Ok(None);
        };
        let context = ClassContext::new(self, scope, class).student(student, apis);
        let mut problems = Problems::default();
        let path = &access.boundary;
        let value = self.managed(
            student,
            path,
            "permissions boundary",
            &context,
            &mut problems,
        );
        problems.or(value)
    }

    /// Tries both policies as they will be once the APIs are there, and the boundary as it is before.
    pub(super) fn check_access(
        &self,
        student: &Student,
        before: &Context,
        deployed: &Context,
        problems: &mut Problems,
    ) {
        let Some(access) = &self.manifest.access else {
            return;
        };
        for (path, what, context) in [
            (&access.policy, "access policy", deployed),
            (&access.boundary, "permissions boundary", deployed),
            (&access.boundary, "permissions boundary", before),
        ] {
            self.managed(student, path, what, context, problems);
        }
    }

    /// One policy, filled in and held against IAM's limits.
    fn managed(
        &self,
        student: &Student,
        path: &str,
        what: &str,
        context: &Context,
        problems: &mut Problems,
    ) -> Option<Value> {
        let rendered = self.templates.file(path, context);
        let parsed =
            rendered.and_then(|text| serde_json::from_str(&text).map_err(|e| not_json(&e)));
        let (value, found) = match parsed {
            Ok(value) => {
                let found = document_problems(&value, what, DOCUMENT_MAX);
                (Some(value), found)
            }
            Err(error) => (None, vec![error]),
        };
        for cause in found {
            problems.add_for(&student.username, format!("templates/{path}"), cause);
        }
        value
    }

    /// Names the likeliest reason where a student's API is not there.
    fn hinted(
        &self,
        student: &Student,
        apis: &BTreeMap<String, ApiEndpoint>,
        mut failures: Vec<Failure>,
    ) -> Vec<Failure> {
        let mut names = self
            .names
            .rest_apis
            .iter()
            .map(|pattern| pattern.name(&student.username));
        if let Some(missing) = names.find(|name| !apis.contains_key(name)) {
            for failure in &mut failures {
                failure.hint.get_or_insert_with(|| {
                    format!(
                        "REST API {missing} has no id before it is deployed: deploy the stack first"
                    )
                });
            }
        }
        failures
    }
}
