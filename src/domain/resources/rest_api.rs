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
        format!("homeroom-{}{path}", self.method)
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
    /// Id of its root resource, where the listing shows it.
    pub root_id: Option<String>,
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
