//! A function's code, from the address that Lambda signed for it. Nothing follows redirects, and nothing is fetched from
//! anywhere but AWS's own storage or this machine.

use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use super::client::Client;
use super::endpoint::{PlainClient, dns_suffix, split_origin};
use super::error::{CallResult, CloudError, CloudResult, ErrorKind};
use super::operations::Operation;
use crate::web::is_loopback;

const OPERATION: Operation = Operation::FetchCode;

/// For a whole zip. Even a slow line carries 50 MiB, the most that the console takes, in this time.
const TIMEOUT: Duration = Duration::from_secs(300);

fn failed(kind: ErrorKind, code: &str, message: impl Into<String>) -> CloudError {
    CloudError::new(OPERATION, kind, code, message)
}

/// Whether AWS keeps functions' code of a region at this address.
fn is_storage(origin: &str, region: &str) -> bool {
    let host = origin.strip_prefix("https://").unwrap_or_default();
    let host = host.strip_suffix(":443").unwrap_or(host);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    host.chars().all(plain) && host.ends_with(&format!(".{}", dns_suffix(region)))
}

impl Client {
    /// The zip at the address that Lambda gave; an error when it has more than `max` bytes.
    pub(crate) async fn fetch_code(&self, url: &str, max: usize) -> CallResult<Vec<u8>> {
        let endpoint = &self.sdk.endpoint;
        self.attempt(OPERATION, || fetch(endpoint, url, max)).await
    }
}

async fn fetch(endpoint: &PlainClient, url: &str, max: usize) -> CloudResult<Vec<u8>> {
    let invalid = |cause: &str| failed(ErrorKind::Invalid, "InvalidAddress", cause);
    let (origin, target) = split_origin(url).ok_or_else(|| {
        invalid("Lambda names no address of the code (the function may be a container image)")
    })?;
    // Whoever has the address may fetch the code, so no message names it.
    if !is_loopback(url) && !is_storage(origin, &endpoint.region) {
        return Err(invalid(
            "the address that Lambda gives for the code is not one of AWS's",
        ));
    }
    let mut request = HttpRequest::new(SdkBody::empty());
    request
        .set_method("GET")
        .map_err(|error| invalid(&error.to_string()))?;
    request
        .set_uri(target)
        .map_err(|error| invalid(&error.to_string()))?;
    // One byte more than there may be, so that more is seen. The body of a refusal says nothing that is used.
    let body_max = |status| if status == 200 { max + 1 } else { 0 };
    let answer = endpoint
        .exchange(OPERATION, origin, request, TIMEOUT, body_max)
        .await?;
    match answer.status {
        200 => within(answer.body, max),
        status @ 500.. => Err(failed(
            ErrorKind::Ambiguous,
            "ServerError",
            format!("status {status}"),
        )),
        status => Err(failed(
            ErrorKind::Invalid,
            "Refused",
            format!("status {status}"),
        )),
    }
}

fn within(bytes: Vec<u8>, max: usize) -> CloudResult<Vec<u8>> {
    if bytes.len() > max {
        let message = format!("it has more than {} MiB", max / (1024 * 1024));
        return Err(failed(ErrorKind::Invalid, "TooLarge", message));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_fetched_from_awss_own_storage_alone() {
        for (origin, region) in [
            (
                "https://awslambda-us-east-1-tasks.s3.us-east-1.amazonaws.com",
                "us-east-1",
            ),
            (
                "https://awslambda-cn-north-1-tasks.s3.cn-north-1.amazonaws.com.cn:443",
                "cn-north-1",
            ),
        ] {
            assert!(is_storage(origin, region), "{origin}");
        }
        for origin in [
            "http://awslambda.s3.amazonaws.com",
            "https://amazonaws.com.evil.example",
            "https://evilamazonaws.com",
            "https://evil.example/.amazonaws.com",
            "https://user@evil.example#.amazonaws.com",
            "https://169.254.169.254",
            "",
        ] {
            assert!(!is_storage(origin, "us-east-1"), "{origin}");
        }
    }

    #[test]
    fn a_zip_beyond_the_bound_is_refused_and_one_within_it_read_whole() {
        let zip = || vec![7_u8; 4096];
        assert_eq!(within(zip(), 4096).unwrap().len(), 4096);
        let error = within(zip(), 4095).unwrap_err();
        assert_eq!(
            (error.kind, error.code.as_str()),
            (ErrorKind::Invalid, "TooLarge")
        );
    }
}
