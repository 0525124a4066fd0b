//! What a student is given: values of their stack, and requests to try.

use serde::{Deserialize, Serialize};

/// A request that a student can send to their API, as the lab's example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExampleRequest {
    /// Short id, unique among a student's.
    pub id: String,
    /// What it is for.
    pub title: String,
    /// HTTP method.
    pub method: String,
    /// Address.
    pub url: String,
    /// Body; it need not be JSON.
    pub body: String,
    /// Where the API asks for signed requests: what curl's `--aws-sigv4` takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigv4: Option<String>,
}

/// Something that a student is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Short id, unique in the lab.
    pub id: String,
    /// What it is, for people.
    pub label: String,
    /// Its value (a URL, a name, an ARN).
    pub value: String,
}
