//! What is known before a reading begins.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::evidence::progress::StudentProgress;
use crate::ids::Username;
use crate::stack::kinds::Observed;

/// What of an earlier reading stands for a part of the class.
#[derive(Debug, Default)]
pub(super) struct Stands {
    /// Students who are not read, with what stands for them.
    pub(super) students: BTreeMap<Username, StudentProgress>,
    /// Students whose refused requests are not asked for.
    pub(super) requests: BTreeSet<Username>,
}

/// What is known before a reading.
#[derive(Default)]
pub(super) struct KnownBefore<'a> {
    pub(super) stands: Stands,
    pub(super) at: Option<Timestamp>,
    /// What a teardown listed at each place, and who of the students there left the roster.
    pub(super) observed: Option<(&'a [Observed], &'a [Vec<Username>])>,
}

impl<'a> KnownBefore<'a> {
    pub(super) fn observed(&self, place: usize) -> Option<&'a Observed> {
        self.observed.map(|(observed, _)| &observed[place])
    }
}
