//! What the account has room for, and what a plan would take of it.

#![expect(
    missing_docs,
    reason = "names of fields and variants say it; what needs words has them"
)]

use std::fmt;

use crate::stack::kinds::Kind;
use crate::stack::plan::Plan;
use crate::text::failure::Failure;

/// REST APIs per region. Source: apigateway/latest/developerguide/limits.html (600, fixed).
const REST_APIS_MAX: u32 = 600;
/// Concurrency that cannot be reserved: what is asked for beyond is refused. Source: Lambda developer guide, "Configuring
/// reserved concurrency".
const STAYS_UNRESERVED: u32 = 100;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// One each is what a class needs that works at the same time.
    Concurrency,
    /// What may be reserved for single functions.
    Reserved,
    Roles,
    Users,
    /// One a stack, which bounds its roles, and two a student who is let in.
    Policies,
    RestApis,
}

impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Concurrency => "Lambda functions running at once in the region",
            Self::Reserved => "Lambda concurrency reserved in the region (100 stay free)",
            Self::Roles => "IAM roles in the account",
            Self::Users => "IAM users in the account",
            Self::Policies => "customer managed policies in the account",
            Self::RestApis => "REST APIs in the region",
        })
    }
}

/// One limit of the account, and what the plan does to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    pub what: Limited,
    /// How many there are; `None` when it could not be read.
    pub used: Option<u32>,
    pub adds: u32,
    /// How many there may be; `None` when it could not be read.
    pub quota: Option<u32>,
}

impl Limit {
    /// As a failure, if the plan would break it.
    fn broken(&self) -> Option<Failure> {
        let (used, quota) = (self.used?, self.quota?);
        let needed = used.checked_add(self.adds)?;
        let hint = match self.what {
            Limited::Concurrency => {
                "ask for more \"Concurrent executions\" in the Service Quotas console (new accounts begin with 10), \
                 or let students wait for each other: deploy with --ignore-concurrency"
            }
            _ => {
                "raise the limit in the Service Quotas console where it can be raised, make room in the account, or \
                 deploy fewer students with --students or --section"
            }
        };
        (self.adds > 0 && needed > quota).then(|| Failure {
            subject: self.what.to_string(),
            cause: format!(
                "{used} of {quota} are in use and {} more are needed",
                self.adds
            ),
            hint: Some(hint.to_owned()),
            request_id: None,
        })
    }
}

/// Those limits that would be broken, as one failure each.
pub(crate) fn broken(limits: &[Limit]) -> Vec<Failure> {
    limits.iter().filter_map(Limit::broken).collect()
}

/// Limits that say something: what was not asked for, since nothing of it is added, is not shown as if it could not be
/// read.
pub(crate) fn shown(mut limits: Vec<Limit>) -> Vec<Limit> {
    limits.retain(|limit| limit.adds > 0 || limit.used.is_some());
    limits
}

impl Plan {
    fn adds(&self, kind: Kind) -> u32 {
        u32::try_from(self.creates(kind)).unwrap_or(u32::MAX)
    }

    /// The account's limits that a deployment uses up.
    pub(crate) fn limits_of_stacks(&self) -> Vec<Limit> {
        let account = &self.account;
        let students = match self.adds(Kind::Function) {
            0 => 0,
            _ => u32::try_from(self.students.len()).unwrap_or(u32::MAX),
        };
        let limit = |what, used, adds, quota| Limit {
            what,
            used,
            adds,
            quota,
        };
        let reserved = account.concurrency_reserved;
        let quota = account.concurrency_quota;
        vec![
            limit(Limited::Concurrency, reserved, students, quota),
            limit(
                Limited::Reserved,
                reserved,
                self.reserves(),
                quota.map(|quota| quota.saturating_sub(STAYS_UNRESERVED)),
            ),
            limit(
                Limited::Roles,
                account.roles,
                self.adds(Kind::Role),
                account.roles_quota,
            ),
            self.limit_of_policies(),
            limit(
                Limited::RestApis,
                account.rest_apis,
                self.adds(Kind::RestApi),
                Some(REST_APIS_MAX),
            ),
        ]
    }

    /// The account's limits that letting students in uses up.
    pub(crate) fn limits_of_access(&self) -> Vec<Limit> {
        let users = Limit {
            what: Limited::Users,
            used: self.account.users,
            adds: self.adds(Kind::User),
            quota: self.account.users_quota,
        };
        vec![users, self.limit_of_policies()]
    }

    fn limit_of_policies(&self) -> Limit {
        Limit {
            what: Limited::Policies,
            used: self.account.policies,
            adds: self.adds(Kind::ManagedPolicy),
            quota: self.account.policies_quota,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Scope;
    use crate::stack::kinds::AccountUse;

    #[test]
    fn a_limit_that_nobody_asked_about_is_left_out() {
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
                rest_apis: Some(3),
                ..AccountUse::default()
            },
        };
        let limits = shown(plan.limits_of_stacks());
        assert_eq!(limits.len(), 1);
        assert_eq!(limits[0].what.to_string(), "REST APIs in the region");
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
