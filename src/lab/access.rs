//! What a student may do: the lab's two policies, filled in with the exact ARNs of one student's stack.
//!
//! A username may hold dashes, so that a pattern like `user1-*` would also match what belongs to `user1-b`.
//! Templates are therefore given whole ARNs, and none needs a pattern over usernames.

use std::collections::BTreeMap;

use serde_json::Value;
use tera::Context;

use crate::ids::{ClassName, ResourceId, Scope};
use crate::lab::Lab;
use crate::lab::context::ClassContext;
use crate::lab::problems::Problems;
use crate::roster::Student;
use crate::stack::kinds::api::ApiEndpoint;
use crate::stack::kinds::managed_policy::DOCUMENT_MAX;
use crate::text::failure::Failure;

/// The policies of one student.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessPolicies {
    /// What the student may do: attached to their IAM user.
    pub policy: Value,
    /// What the student, and the roles of their stack, may do at most: the permissions boundary of all of them.
    pub boundary: Value,
}

const POLICY: &str = "access policy";
pub(super) const BOUNDARY: &str = "permissions boundary";

impl Lab {
    /// Whether the lab says what students may do (`[access]`).
    pub(crate) fn has_access(&self) -> bool {
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
        let mut documents = self.documents(student, &mut problems);
        let mut managed = |path, what| {
            let value = documents.permissions(path, what, DOCUMENT_MAX, &context);
            value.unwrap_or_default()
        };
        let policies = AccessPolicies {
            policy: managed(&access.policy, POLICY),
            boundary: managed(&access.boundary, BOUNDARY),
        };
        problems.or(Some(policies)).map_err(|mut failures| {
            if let Some(missing) = self.missing_api(student, apis) {
                let hint =
                    format!("{missing} has no id before it is deployed: deploy the stack first");
                for failure in &mut failures {
                    failure.hint.get_or_insert_with(|| hint.clone());
                }
            }
            failures
        })
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
        let mut documents = self.documents(student, &mut problems);
        let value = documents.permissions(&access.boundary, BOUNDARY, DOCUMENT_MAX, &context);
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
        let mut documents = self.documents(student, problems);
        documents.permissions(&access.policy, POLICY, DOCUMENT_MAX, deployed);
        for context in [deployed, before] {
            documents.permissions(&access.boundary, BOUNDARY, DOCUMENT_MAX, context);
        }
    }

    /// The first of a student's APIs that is not in `apis`.
    pub(super) fn missing_api(
        &self,
        student: &Student,
        apis: &BTreeMap<String, ApiEndpoint>,
    ) -> Option<ResourceId> {
        let entries = self.manifest.apis.iter();
        let mut ids = entries
            .map(|api| ResourceId::new(api.api_type.kind(), api.pattern.name(&student.username)));
        ids.find(|id| !apis.contains_key(&id.name))
    }
}
