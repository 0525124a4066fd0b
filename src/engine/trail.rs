//! Reads CloudTrail for a whole class at once: LookupEvents knows no student, and its quota is two calls a second.

use std::collections::BTreeMap;

use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client};
use crate::domain::cache::{Cache, TRAIL_LATE_MS};
use crate::domain::check::{Check, Proof};
use crate::domain::trail::Record;

/// Pages of one event's name that one reading looks at, newest first: 50 events each, ten seconds in all.
pub const PAGES_MAX: usize = 20;

/// What one check's events are, over the whole class.
#[derive(Debug, Default)]
pub struct ClassTrail {
    /// Records since the last reading that saw everything, newest first.
    pub records: Vec<Record>,
    /// Why there may be more.
    pub unseen: Option<String>,
}

/// Reads what the checks ask of CloudTrail, by the check's proof; nothing where no check asks. `born_ms`: when the
/// oldest of the class's resources came to be, in milliseconds since 1970.
///
/// # Errors
/// Only when the run is stopped.
pub async fn read_trail(
    client: &Client,
    checks: &[Check],
    cache: &Cache,
    born_ms: Option<i64>,
) -> Result<BTreeMap<String, ClassTrail>, Cancelled> {
    let mut read = BTreeMap::new();
    for check in checks {
        let Proof::CloudTrailEvents { source, events, .. } = &check.proof else {
            continue;
        };
        let key = check.proof.key();
        // Without resources there are no events about them.
        let Some(born_ms) = born_ms else {
            read.insert(key, ClassTrail::default());
            continue;
        };
        let again = cache.trail.get(&key).map(|read_ms| read_ms - TRAIL_LATE_MS);
        let since_ms = born_ms.max(again.unwrap_or(i64::MIN));
        let mut trail = ClassTrail::default();
        for name in events {
            look_up(client, name, since_ms, &mut trail).await?;
        }
        trail.records.retain(|record| record.source == *source);
        trail
            .records
            .sort_by_key(|record| std::cmp::Reverse(record.event.time_ms));
        read.insert(key, trail);
    }
    Ok(read)
}

async fn look_up(
    client: &Client,
    name: &str,
    since_ms: i64,
    trail: &mut ClassTrail,
) -> Result<(), Cancelled> {
    let mut token = None;
    for _ in 0..PAGES_MAX {
        let page = client.trail_page(name, since_ms, token.clone()).await;
        let page = match page {
            Ok(page) => page,
            Err(CallError::Cancelled) => return Err(Cancelled),
            Err(CallError::Cloud(error)) => {
                trail.unseen = Some(error.in_full());
                return Ok(());
            }
        };
        trail.records.extend(page.items);
        token = page.next;
        if token.is_none() {
            return Ok(());
        }
    }
    trail.unseen = Some(format!(
        "the account has more {name} events than one reading looks at: only the newest {} were seen",
        PAGES_MAX * 50
    ));
    Ok(())
}
