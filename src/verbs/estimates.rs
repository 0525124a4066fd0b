//! How long works take that are done at all places at the same time.

use super::session::Session;
use super::sessions::Sessions;
use crate::aws::pacing::Pacer;
use crate::stack::forecast::{Estimate, Workload, share_accounts};

impl Sessions {
    /// What to expect of the work at each place. Each begins with full quotas.
    pub(super) fn estimates(&self, works: impl IntoIterator<Item = Workload>) -> Vec<Estimate> {
        let scopes = self.places.iter().map(Session::scope);
        let works = share_accounts(scopes.zip(works).collect());
        let works = self.places.iter().zip(works);
        let estimates = works.map(|(at, work)| work.estimate(&Pacer::new(at.pace(), &at.quotas())));
        estimates.collect()
    }
}
