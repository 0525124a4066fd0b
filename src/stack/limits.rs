//! What the account has room for, and what a plan would take of it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::error::{Error, Exit, Result};
use crate::stack::kinds::{AccountUse, Kind, Stack};
use crate::stack::plan::Plan;
use crate::text::failure::Failure;

/// Regional APIs per region, of every type. Source: apigateway/latest/developerguide/limits.html (600, fixed).
pub(crate) const APIS_MAX: u32 = 600;
/// Concurrency of the account that AWS does not let anybody reserve. Source: Lambda developer guide, "Configuring reserved
/// concurrency".
const STAYS_UNRESERVED: u32 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limited {
    /// A class that works at the same time needs one for each student.
    Concurrency,
    /// Concurrency that may be reserved for single functions.
    Reserved,
    Roles,
    Users,
    /// One for each stack, which bounds its roles, and two for each student who gets access.
    Policies,
    Apis,
}

impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Concurrency => "Lambda functions running at once in the region",
            Self::Reserved => "Lambda concurrency reserved in the region (100 stay free)",
            Self::Roles => "IAM roles in the account",
            Self::Users => "IAM users in the account",
            Self::Policies => "customer managed policies in the account",
            Self::Apis => "APIs in the region (REST and HTTP)",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limit {
    pub what: Limited,
    /// How many there are; `None` when it could not be read.
    pub used: Option<u32>,
    pub adds: u32,
    /// How many there may be; `None` when it could not be read.
    pub quota: Option<u32>,
}

impl Limit {
    fn broken(&self) -> Option<Failure> {
        let (used, quota) = (self.used?, self.quota?);
        let needed = used.checked_add(self.adds)?;
        let hint = match self.what {
            Limited::Concurrency => {
                "ask for more \"Concurrent executions\" in the Service Quotas console (new accounts begin with 10), \
                 or let students wait for each other: deploy with --ignore-concurrency"
            }
            _ => {
                "raise the limit in the Service Quotas console if it can be raised, make room in the account, or \
                 deploy fewer students with --students or --section"
            }
        };
        let adds = self.adds;
        let cause = || format!("{used} of {quota} are in use and {adds} more are needed");
        (adds > 0 && needed > quota)
            .then(|| Failure::new(self.what.to_string(), cause()).hint(hint))
    }
}

/// A failure for each limit that the plan would break.
pub(crate) fn broken(limits: &[Limit]) -> Vec<Failure> {
    limits.iter().filter_map(Limit::broken).collect()
}

/// Refuses a plan that would break a limit.
///
/// # Errors
/// [`Exit::Refused`]: what the account and region have no room for.
pub(crate) fn refuse_broken(limits: &[Limit]) -> Result<()> {
    let failures = broken(limits);
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Error::of(Exit::Refused, failures)),
    }
}

/// The limits worth showing: those that something is taken of. Of the others AWS need not have been asked, and that must
/// not look like "could not be read".
pub(crate) fn shown(mut limits: Vec<Limit>) -> Vec<Limit> {
    limits.retain(|limit| limit.adds > 0);
    limits
}

/// For how many students an account and region have room, as far as is known. `there`: the class's students who have a
/// stack there; `sharers`: the places of the class in the account.
pub(crate) fn room_for(
    stacks: &[Stack],
    account: &AccountUse,
    there: usize,
    sharers: u32,
) -> Option<u32> {
    let specs = stacks.iter().take(1).flat_map(Stack::specs);
    let mut counts: BTreeMap<Kind, u32> = BTreeMap::new();
    for spec in specs {
        *counts.entry(spec.id().kind).or_default() += 1;
    }
    let of = |kind| counts.get(&kind).copied().unwrap_or_default();
    let room = |each: u32, used: Option<u32>, quota: Option<u32>, sharers: u32| {
        let left = quota?.saturating_sub(used?);
        Some(left.checked_div(each)? / sharers.max(1))
    };
    // One limit holds for both types.
    let apis = of(Kind::RestApi) + of(Kind::HttpApi);
    let rooms = [
        room(of(Kind::Role), account.roles, account.roles_quota, sharers),
        room(
            of(Kind::ManagedPolicy),
            account.policies,
            account.policies_quota,
            sharers,
        ),
        room(
            apis,
            Some(apis.saturating_mul(saturating(there))),
            Some(APIS_MAX),
            1,
        ),
    ];
    rooms.into_iter().flatten().min()
}

impl Plan {
    fn limit(&self, what: Limited) -> Limit {
        let account = &self.account;
        let creates = |kind| saturating(self.creates(kind));
        let students = match creates(Kind::Function) {
            0 => 0,
            _ => saturating(self.students.len()),
        };
        let concurrency = account.concurrency_quota;
        let reservable = concurrency.map(|quota| quota.saturating_sub(STAYS_UNRESERVED));
        let reserved = account.concurrency_reserved;
        let (used, adds, quota) = match what {
            Limited::Concurrency => (reserved, students, concurrency),
            Limited::Reserved => (reserved, self.reserves(), reservable),
            Limited::Roles => (account.roles, creates(Kind::Role), account.roles_quota),
            Limited::Users => (account.users, creates(Kind::User), account.users_quota),
            Limited::Policies => {
                let adds = creates(Kind::ManagedPolicy);
                (account.policies, adds, account.policies_quota)
            }
            Limited::Apis => {
                let adds = saturating(self.creates_of(Kind::is_api));
                (account.apis, adds, Some(APIS_MAX))
            }
        };
        Limit {
            what,
            used,
            adds,
            quota,
        }
    }

    pub(crate) fn limits_of_stacks(&self) -> Vec<Limit> {
        let limits = [
            Limited::Concurrency,
            Limited::Reserved,
            Limited::Roles,
            Limited::Policies,
            Limited::Apis,
        ];
        limits.map(|what| self.limit(what)).into()
    }

    /// The limits, where other plans are carried out at the same time: those of the same account take of its IAM, too.
    pub(crate) fn among<'a>(
        &self,
        others: impl Iterator<Item = &'a Self> + Clone,
        mut limits: Vec<Limit>,
    ) -> Vec<Limit> {
        let of_account = [Limited::Roles, Limited::Users, Limited::Policies];
        for limit in limits
            .iter_mut()
            .filter(|limit| of_account.contains(&limit.what))
        {
            let same = others
                .clone()
                .filter(|plan| plan.scope.account == self.scope.account);
            limit.adds = same.map(|plan| plan.limit(limit.what).adds).sum();
        }
        limits
    }

    pub(crate) fn limits_of_access(&self) -> Vec<Limit> {
        let limits = [Limited::Users, Limited::Policies];
        limits.map(|what| self.limit(what)).into()
    }
}

fn saturating(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Scope;
    use crate::stack::kinds::AccountUse;

    #[test]
    fn a_limit_that_nothing_is_taken_of_is_left_out() {
        let plan = Plan {
            scope: Scope {
                partition: "aws".into(),
                account: "123456789012".into(),
                region: "us-east-1".into(),
            },
            class: "demo".parse().unwrap(),
            students: Vec::new(),
            gaps: Vec::new(),
            account: AccountUse {
                apis: Some(3),
                ..AccountUse::default()
            },
        };
        let limits = plan.limits_of_stacks();
        assert_eq!(shown(limits.clone()), []);
        // What was asked and could not be read is still said.
        let asked = Limit {
            adds: 1,
            used: None,
            ..limits[0].clone()
        };
        assert_eq!(shown(vec![asked]).len(), 1);
    }

    #[test]
    fn a_limit_is_broken_only_by_what_is_added_and_only_where_both_are_known() {
        let limit = |used, adds, quota| Limit {
            what: Limited::Roles,
            used,
            adds,
            quota,
        };
        let broken = |limit| broken(&[limit]).len();
        assert_eq!(broken(limit(Some(9), 2, Some(10))), 1);
        assert_eq!(broken(limit(Some(9), 1, Some(10))), 0);
        assert_eq!(broken(limit(Some(11), 0, Some(10))), 0);
        assert_eq!(broken(limit(None, 2, Some(1))), 0);
    }
}
