//! A function's code, from the address that Lambda signed for it: by the same connection pool as every other request.
//! Nothing follows redirects, and nothing is fetched from anywhere but AWS's own storage or this machine.

use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use super::classify;
use super::client::Client;
use super::endpoint::{PlainClient, dns_suffix, split_origin};
use super::error::{CallResult, CloudError, CloudResult, ErrorKind};
use super::http::is_loopback;
use super::operations::Operation;

const OPERATION: Operation = Operation::FetchCode;

/// For a whole zip: 50 MiB (what the console takes) in that time is a slow line.
const TIMEOUT: Duration = Duration::from_secs(300);

fn failed(kind: ErrorKind, code: &str, message: impl Into<String>) -> CloudError {
    CloudError {
        request_id: None,
        operation: OPERATION,
        kind,
        code: code.into(),
        message: message.into(),
    }
}

/// Whether an address is one at which a region keeps functions' code.
fn is_storage(origin: &str, region: &str) -> bool {
    let host = origin.strip_prefix("https://").unwrap_or_default();
    let host = host.strip_suffix(":443").unwrap_or(host);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    host.chars().all(plain) && host.ends_with(&format!(".{}", dns_suffix(region)))
}

impl Client {
    /// The code, from where Lambda says that it is; refused when it has more bytes than `max`.
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
    // The address is good for whoever has it, so it is not part of any message.
    if !is_loopback(url) && !is_storage(origin, &endpoint.region) {
        return Err(invalid(
            "the address that was told for the code is not one of AWS's",
        ));
    }
    let mut request = HttpRequest::new(SdkBody::empty());
    request
        .set_method("GET")
        .map_err(|error| invalid(&error.to_string()))?;
    request
        .set_uri(target)
        .map_err(|error| invalid(&error.to_string()))?;
    let operation = endpoint.plain("s3", "GetObject", origin, TIMEOUT);
    let whole = async {
        let answer = operation
            .invoke(request)
            .await
            .map_err(|error| classify::unanswered(OPERATION, &error))?;
        match answer.status {
            200 => read(answer.body, max).await,
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
    };
    // The operation's own time-out ends with the headers.
    tokio::time::timeout(TIMEOUT, Box::pin(whole))
        .await
        .unwrap_or_else(|_| {
            let seconds = TIMEOUT.as_secs();
            let message = format!("not whole in {seconds} seconds");
            Err(failed(ErrorKind::Ambiguous, "Timeout", message))
        })
}

/// The whole body, if it has no more than `max` bytes.
async fn read(body: SdkBody, max: usize) -> CloudResult<Vec<u8>> {
    let mut stream = ByteStream::new(body);
    let mut bytes = Vec::new();
    loop {
        let chunk = stream.try_next().await.map_err(|error| {
            let message = classify::chain(&error);
            failed(ErrorKind::Ambiguous, "ConnectionBroken", message)
        })?;
        let Some(chunk) = chunk else {
            return Ok(bytes);
        };
        if bytes.len() + chunk.len() > max {
            let message = format!("it has more than {} MiB", max / (1024 * 1024));
            return Err(failed(ErrorKind::Invalid, "TooLarge", message));
        }
        bytes.extend_from_slice(&chunk);
    }
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

    #[tokio::test]
    async fn a_zip_beyond_the_bound_is_refused_and_one_within_it_read_whole() {
        let zip = || SdkBody::from(vec![7_u8; 4096]);
        assert_eq!(read(zip(), 4096).await.unwrap().len(), 4096);
        let error = read(zip(), 4095).await.unwrap_err();
        assert_eq!(
            (error.kind, error.code.as_str()),
            (ErrorKind::Invalid, "TooLarge")
        );
    }
}
