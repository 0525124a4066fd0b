//! The kinds of resource that a stack is made of. One file a kind: what it should be, what it is, and how
//! the two differ. How it is created and deleted is the engine's file of the same name.

pub mod extras;
pub mod function;
pub mod log_group;
pub mod managed_policy;
pub mod rest_api;
pub mod role;
pub mod state_machine;
pub mod user;

use serde::Serialize;

use crate::stack::ownership::Fingerprint;

pub use crate::ids::{Kind, ResourceId};

/// Three ways to differ, not two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drift {
    /// As desired.
    Same,
    /// As desired, but recorded as something else: an update was cut off before its record was written.
    SameButUnrecorded,
    /// As last deployed, and the lab has changed since: to be updated.
    Stale,
    /// Not as last deployed: the student changed it, and it is theirs.
    Theirs,
}

/// Compares what should be, what was recorded at the last deployment, and what is.
pub fn three_way(
    desired: &Fingerprint,
    recorded: Option<&Fingerprint>,
    actual: &Fingerprint,
) -> Drift {
    match (actual == desired, recorded) {
        (true, Some(recorded)) if recorded != actual => Drift::SameButUnrecorded,
        (true, _) => Drift::Same,
        (false, Some(recorded)) if recorded == actual => Drift::Stale,
        (false, _) => Drift::Theirs,
    }
}
