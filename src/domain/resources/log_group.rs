//! CloudWatch Logs log group of a Lambda function.

use crate::domain::ownership::{Fingerprint, Ownership};

/// Retention periods that AWS accepts, in days. Source: PutRetentionPolicy, `retentionInDays`.
pub const RETENTION_DAYS: [i32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// A log group as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogGroup {
    /// Its name (`/aws/lambda/<function>`).
    pub name: String,
    /// How long events are kept, in days.
    pub retention_days: i32,
}

/// A log group as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actual {
    /// Its name.
    pub name: String,
    /// When it was created, in milliseconds since 1970, where the listing tells.
    pub created_ms: Option<i64>,
    /// How long events are kept, in days; `None`: for ever.
    pub retention_days: Option<i32>,
    /// Whose it is; listings do not show it.
    pub ownership: Ownership,
    /// Whether its own tags were read; otherwise its function vouches for it.
    pub tags_read: bool,
}

impl LogGroup {
    /// Fingerprint for the tag.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of([self.retention_days.to_string().as_str()])
    }
}
