//! How long something will take, in words.

use std::time::Duration;

use crate::stack::forecast::Estimate;
use crate::text::words::duration;

/// `about 15m 12s (at least 14m 30s: DeleteRestApi allows 1 per 30 s)`.
pub(super) fn told(estimate: &Estimate) -> String {
    let time = match estimate.seconds {
        Some(seconds) => format!("about {}", duration(Duration::from_secs(seconds))),
        None => "as long as the endpoint takes, since nothing is paced".to_owned(),
    };
    let bound = estimate.bound.as_ref().map(|bound| {
        let seconds = duration(Duration::from_secs(bound.seconds));
        format!(
            " (at least {seconds}: {} allows {})",
            bound.calls, bound.allowed
        )
    });
    time + &bound.unwrap_or_default()
}
