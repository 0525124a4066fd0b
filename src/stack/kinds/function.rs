//! Lambda function.
//!
//! What homeroom last deployed stands in the function's description, because a listing shows that and no
//! tags: one `ListFunctions` page observes fifty functions whole.

pub mod code;
pub mod concurrency;
mod effects;

pub use effects::{Parts, create, delete, update};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::stack::ids::{ClassName, Scope};
use crate::stack::ownership::{Fingerprint, Owner, Ownership, Record};

use crate::stack::kinds::extras::{Extras, FunctionSetting};
use crate::stack::kinds::{Drift, three_way};

/// Longest function name. Source: Lambda CreateFunction, `FunctionName`.
pub const NAME_MAX: usize = 64;
/// Largest zip that may be sent in the request itself, in bytes. Source: Lambda quotas, "Deployment package".
pub const ZIP_MAX: usize = 50 * 1024 * 1024;
/// Most that a lab may reserve for a function: what a new account has in all but what must stay unreserved. More is a
/// mistake in a lab where every student has a function of their own.
pub const RESERVED_MAX: u32 = 900;

/// Tag: the function's student is shut out, and this is what was reserved for it before.
pub const TAG_FROZEN: &str = "homeroom:frozen";

/// What [`TAG_FROZEN`] says of a reserved concurrency.
pub fn reserved_tag(reserved: Option<u32>) -> String {
    reserved.map_or_else(|| "none".to_owned(), |reserved| reserved.to_string())
}

/// The reserved concurrency that a tag's value says; none where it says none.
pub fn reserved_from_tag(value: &str) -> Option<u32> {
    value.parse().ok()
}

/// Most bytes in all environment variables together. Source: Lambda quotas.
pub const ENVIRONMENT_MAX: usize = 4096;
/// Longest that a function runs, in milliseconds. Source: Lambda quotas. What was started of other code before a write
/// may go on for so long after it.
pub const RUN_MAX_MS: i64 = 15 * 60 * 1000;

/// The key of the reserved concurrency in a record.
const LIMIT: &str = "limit";

/// The zip that a function runs; shared by all students of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The zip's bytes.
    pub zip: Arc<[u8]>,
    /// Base64 of the zip's SHA-256, as Lambda reports it (`CodeSha256`).
    pub sha256: String,
}

/// A function as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Name of the role that it runs as (one of the stack's).
    pub role: String,
    /// Lambda's runtime identifier (`python3.13`).
    pub runtime: String,
    /// `<module>.<function>`.
    pub handler: String,
    /// Seconds after which a run is ended.
    pub timeout_s: i32,
    /// Memory in MiB.
    pub memory_mib: i32,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// How many of it may run at once, where the lab bounds that; the same number is kept free for it.
    pub reserved_concurrency: Option<u32>,
    /// What it runs.
    pub code: Code,
}

/// A function as a listing shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Actual {
    /// Its name.
    pub name: String,
    /// ARN of its role.
    pub role_arn: String,
    /// Its runtime.
    pub runtime: String,
    /// Its handler.
    pub handler: String,
    /// Its time limit in seconds.
    pub timeout_s: i32,
    /// Its memory in MiB.
    pub memory_mib: i32,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// Base64 of its zip's SHA-256.
    pub code_sha256: String,
    /// Its description, where the record stands.
    pub description: String,
    /// What is set that no lab sets.
    pub extras: Extras<FunctionSetting>,
    /// When its code or configuration was last written, whoever did it, in milliseconds since 1970; tags and reserved
    /// concurrency leave it alone.
    pub modified_ms: Option<i64>,
    /// Whose it is.
    pub ownership: Ownership,
}

/// How the two parts of a function differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// Its code.
    pub code: Drift,
    /// Its configuration.
    pub config: Drift,
    /// Whether its reserved concurrency is another than was last deployed. What is reserved shows in no listing.
    pub limit: bool,
}

fn config_fingerprint(
    runtime: &str,
    handler: &str,
    role_arn: &str,
    timeout_s: i32,
    memory_mib: i32,
    environment: &BTreeMap<String, String>,
    extras: &Extras<FunctionSetting>,
) -> Fingerprint {
    let numbers = format!("{timeout_s}/{memory_mib}");
    let mut parts = vec![runtime, handler, role_arn, &numbers];
    for (key, value) in environment {
        parts.extend([key.as_str(), value.as_str()]);
    }
    for (setting, value) in extras {
        // Written with the code, so part of that.
        if *setting != FunctionSetting::Architectures {
            parts.extend([setting.as_str(), value.as_str()]);
        }
    }
    Fingerprint::of(parts)
}

fn code_fingerprint(sha256: &str, extras: &Extras<FunctionSetting>) -> Fingerprint {
    let architectures = extras.get(&FunctionSetting::Architectures);
    Fingerprint::of(std::iter::once(sha256).chain(architectures.map(String::as_str)))
}

impl Function {
    /// Fingerprint of the code part.
    pub fn code_fingerprint(&self) -> Fingerprint {
        code_fingerprint(&self.code.sha256, &Extras::new())
    }

    /// Fingerprint of the configuration part.
    pub fn config_fingerprint(&self, scope: &Scope, class: &ClassName) -> Fingerprint {
        config_fingerprint(
            &self.runtime,
            &self.handler,
            &scope.role_arn(class, &self.role),
            self.timeout_s,
            self.memory_mib,
            &self.environment,
            &Extras::new(),
        )
    }

    /// Fingerprint of both parts, for the tag.
    pub fn fingerprint(&self, scope: &Scope, class: &ClassName) -> Fingerprint {
        Fingerprint::of([
            self.code_fingerprint().to_string().as_str(),
            self.config_fingerprint(scope, class).to_string().as_str(),
        ])
    }

    /// The description that records what is deployed.
    pub fn description(&self, scope: &Scope, owner: &Owner) -> String {
        let config = self.config_fingerprint(scope, &owner.class);
        self.record(owner, &self.code_fingerprint(), &config, true)
    }

    /// The description that records these parts as deployed; `limited`: the reserved concurrency as well. If not, no plan
    /// takes the function for whole, even of a lab that reserves nothing.
    pub fn record(
        &self,
        owner: &Owner,
        code: &Fingerprint,
        config: &Fingerprint,
        limited: bool,
    ) -> String {
        let limit = match limited {
            true => self.limit_fingerprint(),
            false => Some(Fingerprint::of(["not set yet"])),
        };
        let mut parts = vec![("code", code), ("config", config)];
        parts.extend(limit.as_ref().map(|limit| (LIMIT, limit)));
        owner.record(&parts)
    }

    /// Fingerprint of the reserved concurrency, where the lab has one.
    fn limit_fingerprint(&self) -> Option<Fingerprint> {
        let reserved = self.reserved_concurrency?.to_string();
        Some(Fingerprint::of([reserved.as_str()]))
    }

    /// Compares it with what is.
    pub fn difference(&self, scope: &Scope, owner: &Owner, actual: &Actual) -> Difference {
        // A record that came with a copied description records nothing of this function.
        let record = Record::parse(&actual.description).filter(|r| r.owner == *owner);
        let recorded = |key: &str| record.as_ref().and_then(|r| r.fingerprints.get(key));
        Difference {
            limit: recorded(LIMIT) != self.limit_fingerprint().as_ref(),
            code: three_way(
                &self.code_fingerprint(),
                recorded("code"),
                &code_fingerprint(&actual.code_sha256, &actual.extras),
            ),
            config: three_way(
                &self.config_fingerprint(scope, &owner.class),
                recorded("config"),
                &actual.config_fingerprint(),
            ),
        }
    }
}

impl Actual {
    fn config_fingerprint(&self) -> Fingerprint {
        config_fingerprint(
            &self.runtime,
            &self.handler,
            &self.role_arn,
            self.timeout_s,
            self.memory_mib,
            &self.environment,
            &self.extras,
        )
    }

    /// Fingerprint of everything that it runs with: the same, and it is the function that was looked at.
    pub fn fingerprint(&self) -> Fingerprint {
        let config = self.config_fingerprint().to_string();
        let code = code_fingerprint(&self.code_sha256, &self.extras).to_string();
        Fingerprint::of([code.as_str(), config.as_str()])
    }
}
