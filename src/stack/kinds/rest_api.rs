//! API Gateway REST API: resources, methods, Lambda proxy integrations, the permission to invoke, one
//! deployed stage.
//!
//! Its parts are made one by one, so the API needs a mark of being whole: the stage's description, written
//! by the very last call (CreateDeployment with a stage), records what was deployed. No record, or an older
//! one: the API is completed or brought up to date part by part.

mod effects;

pub(crate) use effects::BEING_COMPLETED;
pub use effects::{complete, create, delete};

use serde::Serialize;
use serde_json::json;

use crate::stack::ids::{ClassName, Scope};
use crate::stack::ownership::{Fingerprint, Owner, Ownership, Record};

use crate::stack::kinds::Drift;

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

/// Who may call an API's methods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum Authorization {
    /// Whoever knows the address.
    #[default]
    #[serde(rename = "NONE")]
    None,
    /// Whoever signs with credentials that IAM lets `execute-api:Invoke` it.
    #[serde(rename = "AWS_IAM")]
    AwsIam,
}

impl Authorization {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::None, Self::AwsIam];

    /// As API Gateway names it (PutMethod, `authorizationType`).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::AwsIam => "AWS_IAM",
        }
    }
}

/// Most requests a second that a throttle may name. Source: API Gateway quotas, "Throttle quota per account, per
/// Region": 10,000 requests a second with bursts of 5,000, for all APIs together.
pub const RATE_MAX: u32 = 10_000;
/// Most requests at once that a throttle may name. Source: same.
pub const BURST_MAX: u32 = 5_000;

/// How many requests each method of a stage lets through; what is more is answered 429. API Gateway counts with a
/// token bucket, and as well as it can: a little more may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Throttle {
    /// Requests a second, in the long run.
    pub rate: u32,
    /// Requests at once.
    pub burst: u32,
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
    /// Who may call them.
    pub authorization: Authorization,
    /// How often; nothing is written to the stage where there is none, and the account's limit counts.
    pub throttle: Option<Throttle>,
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
    /// HTTP methods that are there.
    pub methods: Vec<Method>,
}

/// One method of a path, as GetResources shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Method {
    /// HTTP method.
    pub name: String,
    /// Its integration's URI, if it has one.
    pub integration: Option<String>,
    /// Who may call it, as API Gateway names it.
    pub authorization: String,
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
        let mut deployed = json!({ "stage": self.stage, "routes": routes });
        // What a lab does not ask for leaves no trace, so that stacks without it stay as they are.
        if self.authorization != Authorization::None {
            deployed["authorization"] = json!(self.authorization);
        }
        if let Some(throttle) = &self.throttle {
            deployed["throttle"] = json!(throttle);
        }
        Fingerprint::of_json(&deployed)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_who_may_call_or_how_often_is_deployed() {
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "us-east-1".into(),
        };
        let throttle = |rate, burst| Some(Throttle { rate, burst });
        let prints: Vec<_> = [
            (Authorization::None, None),
            (Authorization::AwsIam, None),
            (Authorization::None, throttle(5, 10)),
            (Authorization::None, throttle(10, 5)),
            (Authorization::AwsIam, throttle(5, 10)),
        ]
        .into_iter()
        .map(|(authorization, throttle)| {
            let api = RestApi {
                name: "a".into(),
                stage: "s".into(),
                routes: Vec::new(),
                authorization,
                throttle,
            };
            api.fingerprint(&scope)
        })
        .collect();
        for (i, print) in prints.iter().enumerate() {
            assert!(!prints[..i].contains(print), "{i} is like one before");
        }
    }
}
