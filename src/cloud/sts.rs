//! AWS STS.

use aws_sdk_sts::Client;

use crate::domain::operation::Operation;
use crate::engine::port::{CloudResult, Identity};

use super::errors::call;

pub(super) async fn caller_identity(client: &Client) -> CloudResult<Identity> {
    let answer = call(
        Operation::GetCallerIdentity,
        client.get_caller_identity().send(),
    )
    .await?;
    Ok(Identity {
        account: answer.account.unwrap_or_default(),
        arn: answer.arn.unwrap_or_default(),
    })
}
