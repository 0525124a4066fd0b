//! API Gateway REST API: resources, methods, Lambda proxy integrations, the permission to invoke, one
//! deployed stage.
//!
//! Its parts are made one by one, so the API needs a mark of being whole: the stage's description, written
//! by the very last call (CreateDeployment with a stage), records what was deployed. No record, or an older
//! one: the API is completed or brought up to date part by part.

use serde::Serialize;
use serde_json::json;

use crate::domain::ids::{ClassName, Scope};
use crate::domain::ownership::{Fingerprint, Owner, Ownership, Record};

use super::Drift;

/// One method on one path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Route {
    /// HTTP method.
    pub method: String,
    /// Path, with its leading slash.
    pub path: String,
    /// Name of the function that answers (one of the stack's).
    pub function: String,
}

impl Route {
    /// Statement id of the function's resource policy that lets this route invoke it.
    pub fn statement_id(&self) -> String {
        let path: String = self
            .path
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        // Two paths may read alike without their punctuation.
        let exact = Fingerprint::of([self.method.as_str(), self.path.as_str()]);
        format!("homeroom-{}{path}-{exact}", self.method)
    }

    /// The method as the source ARN of an invocation has it: one pattern stands for any.
    pub fn method_in_arn(&self) -> &str {
        if self.method == "ANY" {
            "*"
        } else {
            &self.method
        }
    }

    /// The path as the source ARN of an invocation has it: a path parameter stands for any text.
    pub fn path_in_arn(&self) -> String {
        let parts: Vec<&str> = self
            .path
            .split('/')
            .map(|part| if part.starts_with('{') { "*" } else { part })
            .collect();
        parts.join("/")
    }
}

/// A REST API as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestApi {
    /// Its name (AWS does not keep names unique).
    pub name: String,
    /// Its one stage.
    pub stage: String,
    /// Its routes.
    pub routes: Vec<Route>,
}

/// A REST API as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actual {
    /// The id that AWS gave it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was created, in seconds since 1970; orders duplicates.
    pub created_s: i64,
    /// Whose it is.
    pub ownership: Ownership,
    /// Its stages; `None` before they were asked for.
    pub stages: Option<Vec<Stage>>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// Its description, where the record stands.
    pub description: String,
}

/// One resource (path) of an API with its methods, as GetResources shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathResource {
    /// Its id.
    pub id: String,
    /// Its full path.
    pub path: String,
    /// HTTP methods that are there, each with its integration URI if it has one.
    pub methods: Vec<(String, Option<String>)>,
}

/// Those that are this owner's.
pub fn ours<'a>(apis: &'a [Actual], owner: &Owner) -> impl Iterator<Item = &'a Actual> {
    apis.iter()
        .filter(move |api| matches!(&api.ownership, Ownership::Ours(found) if found == owner))
}

impl RestApi {
    /// Fingerprint of everything that is deployed.
    pub fn fingerprint(&self, scope: &Scope) -> Fingerprint {
        let mut routes = self.routes.clone();
        routes.sort();
        let routes: Vec<_> = routes
            .iter()
            .map(|r| json!([r.method, r.path, scope.function_arn(&r.function)]))
            .collect();
        Fingerprint::of_json(&json!({ "stage": self.stage, "routes": routes }))
    }

    /// The description of the stage that records what is deployed.
    pub fn stage_description(&self, scope: &Scope, owner: &Owner) -> String {
        owner.record(&[("api", &self.fingerprint(scope))])
    }

    /// Of several that are ours, the one that counts: one that is whole, else the oldest.
    pub fn keeper<'a>(
        &self,
        scope: &Scope,
        class: &ClassName,
        ours: impl IntoIterator<Item = &'a Actual>,
    ) -> Option<&'a Actual> {
        ours.into_iter().min_by_key(|actual| {
            let stages = actual.stages.as_deref().unwrap_or_default();
            let whole = self.difference(scope, class, stages) == Drift::Same;
            (!whole, actual.created_s, actual.id.clone())
        })
    }

    /// Compares it with what is. Never `Theirs`: a stage that does not carry our record is completed.
    pub fn difference(&self, scope: &Scope, class: &ClassName, stages: &[Stage]) -> Drift {
        let recorded = stages
            .iter()
            .find(|s| s.name == self.stage)
            .and_then(|s| Record::parse(&s.description))
            .filter(|r| r.owner.class == *class);
        match recorded.as_ref().and_then(|r| r.fingerprints.get("api")) {
            Some(fingerprint) if *fingerprint == self.fingerprint(scope) => Drift::Same,
            _ => Drift::Stale,
        }
    }
}
