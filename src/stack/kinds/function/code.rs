//! A function's code as it is, for keeping.

use crate::aws::{CallError, Client, CloudError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

/// Largest zip that is fetched, in bytes. Source: Lambda quotas, "Deployment package size": 250 MB unzipped, and a zip
/// that is larger than what is in it is no code of anybody's.
pub(crate) const ZIP_MAX: usize = 256 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    #[error("{0}")]
    Cloud(CloudError),
    /// What came is not what Lambda says that the function runs.
    #[error(
        "what was fetched is not the code that Lambda names: it was changed meanwhile, or cut off"
    )]
    Other,
    #[error("stopped")]
    Cancelled,
}

impl From<CallError> for CodeError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Cloud(error) => Self::Cloud(error),
            CallError::Cancelled => Self::Cancelled,
        }
    }
}

/// Fetches a function's zip from where Lambda says that it is, and proves that it is that.
pub async fn code_of(client: &Client, function: &str) -> Result<Vec<u8>, CodeError> {
    let place = client.locate_code(function).await?;
    let zip = client.fetch_code(&place.url, ZIP_MAX).await?;
    if BASE64.encode(Sha256::digest(&zip)) != place.sha256 {
        return Err(CodeError::Other);
    }
    Ok(zip)
}
