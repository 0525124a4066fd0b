//! How what is there differs from what should be.

use std::collections::BTreeMap;

use crate::stack::ownership::Fingerprint;

/// Three ways to differ, not two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drift {
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
pub(crate) fn three_way(
    desired: &Fingerprint,
    recorded: Option<&Fingerprint>,
    seen: &Fingerprint,
) -> Drift {
    match (seen == desired, recorded) {
        (true, Some(recorded)) if recorded != seen => Drift::SameButUnrecorded,
        (true, _) => Drift::Same,
        (false, Some(recorded)) if recorded == seen => Drift::Stale,
        (false, _) => Drift::Theirs,
    }
}

/// Settings that no lab makes, and that a student's rights let them make all the same: `UpdateFunctionConfiguration`,
/// `UpdateFunctionCode` and `UpdateStateMachine` take more than homeroom sends. Whatever of it is not as AWS makes it
/// by itself is the student's change, is shown, and can be put back. Each has a text that is the same for the same value.
pub(crate) type Extras<S> = BTreeMap<S, String>;

/// Settings for a file, under the names that AWS gives them.
pub(crate) fn settings_json<S: Copy>(
    extras: &Extras<S>,
    name: impl Fn(S) -> &'static str,
) -> serde_json::Value {
    let settings = extras.iter();
    let settings =
        settings.map(|(setting, value)| (name(*setting).to_owned(), value.as_str().into()));
    serde_json::Value::Object(settings.collect())
}
