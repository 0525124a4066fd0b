//! AWS STS.

use crate::ids::Scope;

use super::client::Client;
use super::error::CallResult;
use super::operations::Operation;

/// Who the caller is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The account id.
    pub account: String,
    /// The caller's ARN (its second part is the partition).
    pub arn: String,
}

impl CallerIdentity {
    /// Where the caller's class is in a region.
    pub(crate) fn scope(&self, region: &str) -> Scope {
        Scope {
            partition: self.arn.split(':').nth(1).unwrap_or("aws").to_owned(),
            account: self.account.clone(),
            region: region.to_owned(),
        }
    }
}

impl Client {
    /// sts:GetCallerIdentity.
    pub async fn caller_identity(&self) -> CallResult<CallerIdentity> {
        let answer = self
            .call(Operation::GetCallerIdentity, |sdk| {
                sdk.sts.get_caller_identity().send()
            })
            .await?;
        Ok(CallerIdentity {
            account: answer.account.unwrap_or_default(),
            arn: answer.arn.unwrap_or_default(),
        })
    }
}
