//! How what is there differs from what should be.

use std::collections::BTreeMap;

use crate::stack::ownership::Fingerprint;

/// How what is there differs from what should be: in three ways, not two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drift {
    Same,
    /// As desired, but the record says otherwise: an update was cut off before it wrote its record.
    SameButUnrecorded,
    /// As last deployed, but the lab has changed since: to be updated.
    Stale,
    /// Not as last deployed: the student changed it.
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

/// Settings that no lab sets, but students can: `UpdateFunctionConfiguration`, `UpdateFunctionCode` and
/// `UpdateStateMachine` take more than homeroom sends. A value other than AWS's default is the student's change; it is shown,
/// and a reset undoes it. Each value is a text: the same text for the same value.
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
