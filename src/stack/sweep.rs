//! The teardown of a class that is over and whose lab is not at hand: nothing is known of how the lab names things, so only what
//! carries the class's tags is deleted.

use crate::aws::Client;
use crate::aws::stop::Cancelled;
use crate::events::Outcome;
use crate::ids::{ClassName, LabId, Scope};
use crate::stack::execute::execute;
use crate::stack::kinds::Desired;
use crate::stack::kinds::classes::any_names;
use crate::stack::observe::{Depth, observe};
use crate::stack::plan::teardown::{self, Reach};
use crate::stack::prove_gone::prove_gone;
use crate::stack::result::deleted;

/// What is left of a class after that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweptByTags {
    /// Whether a fresh listing shows that all of it is gone.
    pub gone: bool,
    pub notes: Vec<String>,
}

/// Deletes what the tags say is this class's and lab's, and looks again until it is gone or time is up.
///
/// # Errors
/// When it was stopped.
pub async fn tear_down_by_tags(
    client: &Client,
    scope: &Scope,
    class: &ClassName,
    lab: &LabId,
) -> Result<SweptByTags, Cancelled> {
    let desired = &Desired {
        scope: scope.clone(),
        class: class.clone(),
        lab: lab.clone(),
        stacks: Vec::new(),
    };
    let depth = &Depth::TeardownOfClass {
        patterns: any_names(),
    };
    let observed = observe(client, desired, depth).await?;
    let plan = teardown::plan(desired, &observed, Reach::WholeClass).with_ends_last();
    let runs = execute(client, &plan, deleted).await;
    let left = prove_gone(client, desired, depth, &plan, &runs).await?;
    let results = left.results(&plan, &runs);
    let remaining = results.iter().filter(|one| one.outcome == Outcome::Remains);
    let mut notes: Vec<String> = remaining
        .map(|one| {
            let why: Vec<String> = one.errors.iter().map(ToString::to_string).collect();
            format!(
                "{} of class {class} remains: {}",
                one.student,
                why.join("; ")
            )
        })
        .collect();
    let gaps = left.plan.gaps.iter();
    notes.extend(gaps.map(|gap| format!("could not see every {}: {}", gap.kind, gap.cause)));
    // Each region is swept by itself.
    let gone = notes.is_empty() && !left.is_ownerless();
    notes.extend(left.notes(&plan));
    Ok(SweptByTags { gone, notes })
}
