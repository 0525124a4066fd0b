//! What an error of the SDK means, for every service.
//!
//! Three questions, in this order:
//! 1. Did the request leave? If not, it had no effect ([`ErrorKind::Unreachable`], [`ErrorKind::Credentials`],
//!    [`ErrorKind::Invalid`]).
//! 2. Did an answer come? If not, the request may have had its effect ([`ErrorKind::Ambiguous`]).
//! 3. Which code and message has the answer? AWS uses some codes for two different errors; there the operation and the
//!    message decide.

use std::error::Error;
use std::io;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_iam::operation::RequestId;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::error::{CloudError, CloudResult, ErrorKind, UNRESERVED};
use super::operations::Operation;

pub(super) const NO_CREDENTIALS: &str =
    "no AWS credentials were found where the AWS CLI looks for them";
/// The code of a request that was not sent for want of credentials.
pub(super) const NO_CREDENTIALS_CODE: &str = "NoCredentials";
/// The code of a request that was not sent because the role that would make it was not given.
pub(crate) const NO_ROLE_CODE: &str = "RoleNotGiven";

/// The SDK's answer, with its error classified.
pub(super) fn classified<O, E>(
    operation: Operation,
    answer: Result<O, SdkError<E, HttpResponse>>,
) -> CloudResult<O>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    answer.map_err(|error| classify(operation, &error))
}

/// An input that the SDK itself refuses to build.
pub(super) fn unbuildable(operation: Operation, error: &(dyn Error + 'static)) -> CloudError {
    CloudError::new(
        operation,
        ErrorKind::Invalid,
        "InvalidRequest",
        chain(error),
    )
}

fn classify<E>(operation: Operation, error: &SdkError<E, HttpResponse>) -> CloudError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let SdkError::ServiceError(answer) = error else {
        return unanswered(operation, error);
    };
    let status = answer.raw().status().as_u16();
    let code = answer.err().code().unwrap_or_default();
    let message = answer.err().message().unwrap_or_default();
    CloudError {
        operation,
        kind: kind_of(operation, code, message, status),
        code: match code {
            "" => format!("HTTP {status}"),
            code => code.to_owned(),
        },
        // Without a message the SDK may still say what it could not read.
        message: match message {
            "" => chain(answer.err()),
            message => message.to_owned(),
        },
        request_id: request_id(error),
    }
}

/// Classifies a call without an answer, or with one that nobody can read.
pub(super) fn unanswered<E>(operation: Operation, error: &SdkError<E, HttpResponse>) -> CloudError
where
    E: Error + Send + Sync + 'static,
{
    // The outer layers only say "dispatch failure", "io error". AWS's or the system's words are in their sources.
    let (kind, code, source): (_, _, Option<&(dyn Error + 'static)>) = match error {
        SdkError::ConstructionFailure(_) => (ErrorKind::Invalid, "InvalidRequest", error.source()),
        SdkError::TimeoutError(_) => (ErrorKind::Ambiguous, "Timeout", error.source()),
        SdkError::DispatchFailure(failure) => {
            let connector = failure.as_connector_error();
            let source = connector.and_then(Error::source).or(error.source());
            if source.is_some_and(never_connected) {
                (ErrorKind::Unreachable, "Unreachable", source)
            } else if failure.is_timeout() {
                (ErrorKind::Ambiguous, "Timeout", source)
            } else if failure.is_user() {
                (ErrorKind::Invalid, "InvalidRequest", source)
            } else {
                (ErrorKind::Ambiguous, "ConnectionBroken", source)
            }
        }
        SdkError::ResponseError(answer) => match answer.raw().status().as_u16() {
            400..=499 => (ErrorKind::Invalid, "UnreadableAnswer", error.source()),
            _ => (ErrorKind::Ambiguous, "UnreadableAnswer", error.source()),
        },
        // `SdkError` may grow. A request with an unknown error may have had its effect.
        _ => (ErrorKind::Ambiguous, "UnknownFailure", error.source()),
    };
    let message = source.map_or_else(|| error.to_string(), chain);
    let mut below = sources(error).skip(1);
    if let Some(refused) = below.find_map(|source| source.downcast_ref()) {
        return no_role(operation, refused);
    }
    if let Some(cause) = find::<CredentialsError>(error) {
        // Without credentials the request was never signed and never sent.
        let message = match cause {
            CredentialsError::CredentialsNotLoaded(_) if cause.source().is_none() => {
                NO_CREDENTIALS.to_owned()
            }
            _ => message,
        };
        return CloudError::new(
            operation,
            ErrorKind::Credentials,
            NO_CREDENTIALS_CODE,
            message,
        );
    }
    CloudError {
        operation,
        kind,
        code: code.into(),
        message,
        request_id: error.request_id().map(str::to_owned),
    }
}

/// A role that was not given: the request that needed it was not sent.
fn no_role(operation: Operation, error: &SdkError<AssumeRoleError, HttpResponse>) -> CloudError {
    let asked = match error {
        SdkError::ServiceError(_) => classify(operation, error),
        // The credentials that assume it may be what is missing.
        _ => unanswered(operation, error),
    };
    match asked.kind {
        // What may be better in a moment: the network, or STS. The call itself was not sent, so it may be repeated.
        ErrorKind::Unreachable | ErrorKind::Throttled | ErrorKind::Busy => asked,
        ErrorKind::Ambiguous => CloudError {
            kind: ErrorKind::Unreachable,
            ..asked
        },
        _ if asked.code == NO_CREDENTIALS_CODE => asked,
        _ => CloudError {
            kind: ErrorKind::Credentials,
            message: format!("{}: {}", asked.code, asked.message),
            code: NO_ROLE_CODE.to_owned(),
            ..asked
        },
    }
}

/// AWS's id of the request: in a header, and with IAM in the body as well.
fn request_id<E>(error: &SdkError<E, HttpResponse>) -> Option<String>
where
    E: ProvideErrorMetadata,
{
    let in_body = || match error {
        SdkError::ServiceError(answer) => answer.err().meta().request_id(),
        _ => None,
    };
    let id = error.request_id().or_else(in_body)?;
    (!id.is_empty()).then(|| id.to_owned())
}

/// Whether opening the connection failed: name, address, TLS. When in doubt, no.
fn never_connected(error: &(dyn Error + 'static)) -> bool {
    find::<ResolveDnsError>(error).is_some()
        || find::<io::Error>(error).is_some_and(|error| {
            matches!(
                error.kind(),
                io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::NetworkUnreachable
            )
        })
        // The HTTP client has no public types for these two; the tests hold the words.
        || sources(error).any(|error| {
            let text = error.to_string();
            text == "client error (Connect)" || text.starts_with("HTTP connect timeout")
        })
}

/// An error's whole chain in one line, without layers that repeat another one.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let texts: Vec<String> = sources(error).map(|error| error.to_string()).collect();
    let mut parts: Vec<&str> = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        let repeated = texts[i + 1..]
            .iter()
            .any(|later| later.contains(text.as_str()))
            || parts.iter().any(|earlier| earlier.contains(text.as_str()));
        if !repeated {
            parts.push(text);
        }
    }
    parts.join(": ")
}

fn sources<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    sources(error).find_map(|error| error.downcast_ref())
}

/// What an answer means. The codes are from the services' API references, the messages from AWS's answers.
fn kind_of(operation: Operation, code: &str, message: &str, status: u16) -> ErrorKind {
    match code {
        // The caller's credentials.
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "InvalidToken"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "TokenRefreshRequired"
        | "AuthFailure" => ErrorKind::Credentials,

        // Slow down.
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "TooManyUpdates"
        | "SlowDown"
        | "BandwidthLimitExceeded"
        | "PriorRequestNotComplete" => ErrorKind::Throttled,

        // A limit. API Gateway alone uses this code for its request rate as well.
        "LimitExceededException"
            if operation.service().starts_with("apigateway") && !message.contains("Maximum") =>
        {
            ErrorKind::Throttled
        }
        "LimitExceeded"
        | "LimitExceededException"
        | "CodeStorageExceededException"
        | "StateMachineLimitExceeded"
        | "ExecutionLimitExceeded"
        | "PolicyLengthExceededException"
        | "ServiceQuotaExceededException" => ErrorKind::LimitExceeded,

        // Roles that cannot be assumed, each service in its own words.
        "InvalidParameterValueException" if lambda_cannot_assume(message) => {
            ErrorKind::RoleNotAssumable
        }
        "InvalidParameterValueException" if message.contains(UNRESERVED) => {
            ErrorKind::LimitExceeded
        }
        // Lambda reaches EC2's own request limit while it sets a function up.
        "InvalidParameterValueException" if message.contains("throttled by EC2") => {
            ErrorKind::Throttled
        }
        "AccessDeniedException" if message.contains("authorized to assume the provided role") => {
            ErrorKind::RoleNotAssumable
        }
        "AccessDeniedException" if about_the_machines_role(operation, message) => {
            ErrorKind::RoleRefused
        }
        "AccessDenied" if unresolved(operation, message) => ErrorKind::Unresolved,

        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedException"
        | "UnauthorizedOperation"
        | "UnauthorizedAccess"
        | "NotAuthorized"
        | "Forbidden"
        | "ForbiddenException"
        | "OptInRequired" => ErrorKind::AccessDenied,

        "NoSuchEntity"
        | "NotFoundException"
        | "ResourceNotFound"
        | "ResourceNotFoundException"
        | "StateMachineDoesNotExist"
        | "ExecutionDoesNotExist" => ErrorKind::NotFound,

        "StateMachineDeleting" => ErrorKind::Deleting,

        // One code, two meanings: only creating something can find it there already.
        "ResourceConflictException" | "ConflictException" => {
            if message.to_ascii_lowercase().contains("already exist")
                || message.contains("already has this name")
            {
                ErrorKind::AlreadyExists
            } else {
                ErrorKind::Busy
            }
        }
        "EntityAlreadyExists"
        | "ResourceAlreadyExistsException"
        | "StateMachineAlreadyExists"
        | "ExecutionAlreadyExists" => ErrorKind::AlreadyExists,

        // IAM may still count a policy right after its deletion. Not so for the other two: what a user still has can be of
        // any kind, so the caller looks again; and a policy's version in force stays in force.
        "DeleteConflict"
            if message.contains("polic")
                && !matches!(
                    operation,
                    Operation::DeleteUser | Operation::DeletePolicyVersion
                ) =>
        {
            ErrorKind::Busy
        }
        "ConcurrentModification"
        | "ConcurrentModificationException"
        | "EntityTemporarilyUnmodifiable"
        | "OperationAbortedException"
        | "PreconditionFailedException"
        | "ResourceInUseException"
        | "ResourceNotReadyException" => ErrorKind::Busy,

        _ => match status {
            429 => ErrorKind::Throttled,
            401 | 403 if code.is_empty() => ErrorKind::AccessDenied,
            // A success that the SDK cannot read: a portal or a proxy may have sent it.
            200..=299 | 500..=599 => ErrorKind::Ambiguous,
            _ => ErrorKind::Invalid,
        },
    }
}

/// Lambda's messages about a role that it does not see yet: most often the first; the others when it sees the role before
/// the role's policies, or before it can make grants on keys for it.
fn lambda_cannot_assume(message: &str) -> bool {
    [
        "cannot be assumed by Lambda",
        "The provided execution role does not have permissions",
        "KMS key is invalid for CreateGrant",
    ]
    .iter()
    .any(|words| message.contains(words))
}

/// Whether the state machine's role lacks a permission. Where the caller lacks one, the message says "is not authorized to
/// perform" with an action of Step Functions or `iam:PassRole`.
fn about_the_machines_role(operation: Operation, message: &str) -> bool {
    let asks = matches!(
        operation,
        Operation::CreateStateMachine | Operation::UpdateStateMachine
    );
    let callers = ["perform: states:", "perform: iam:PassRole"];
    asks && !callers.iter().any(|words| message.contains(words))
}

/// Whether IAM names the resource as `role NAME`, not by its ARN: it did not find it, and so knows no path that the caller's
/// policy could match. In a refused creation the resource cannot be there yet, so that is a real refusal.
fn unresolved(operation: Operation, message: &str) -> bool {
    let makes = matches!(
        operation,
        Operation::CreateRole | Operation::CreateUser | Operation::CreatePolicy
    );
    let named = message
        .split_once("on resource: ")
        .map_or("", |(_, resource)| resource);
    let mut kinds = ["role ", "user ", "policy "].iter();
    operation.service() == "iam" && !makes && kinds.any(|kind| named.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(operation: Operation, code: &str, message: &str) -> ErrorKind {
        kind_of(operation, code, message, 400)
    }

    #[test]
    fn a_conflict_is_told_apart_by_its_message() {
        use Operation::*;
        for (operation, code, message, expected) in [
            (
                CreateFunction,
                "ResourceConflictException",
                "Function already exist: user1-x",
                ErrorKind::AlreadyExists,
            ),
            (
                UpdateFunctionCode,
                "ResourceConflictException",
                "The operation cannot be performed at this time. An update is in progress for resource: arn:x",
                ErrorKind::Busy,
            ),
            (
                AddPermission,
                "ResourceConflictException",
                "The operation cannot be performed at this time. The function is currently in the following state: Pending",
                ErrorKind::Busy,
            ),
            (
                AddPermission,
                "ResourceConflictException",
                "The statement id (homeroom-POST-process) provided already exists. Please provide a new statement id, or remove the existing statement.",
                ErrorKind::AlreadyExists,
            ),
            (
                CreateResource,
                "ConflictException",
                "Another resource with the same parent already has this name: process",
                ErrorKind::AlreadyExists,
            ),
            (
                PutMethod,
                "ConflictException",
                "Method already exists for this resource",
                ErrorKind::AlreadyExists,
            ),
            (
                PutMethod,
                "ConflictException",
                "Unable to complete operation due to concurrent modification. Please try again later.",
                ErrorKind::Busy,
            ),
            (
                DeleteRole,
                "DeleteConflict",
                "Cannot delete entity, must delete policies first.",
                ErrorKind::Busy,
            ),
            (
                DeleteRole,
                "DeleteConflict",
                "Cannot delete entity, must remove roles from instance profile first.",
                ErrorKind::Invalid,
            ),
            (
                DeleteUser,
                "DeleteConflict",
                "Cannot delete entity, must delete policies first.",
                ErrorKind::Invalid,
            ),
            (
                DeletePolicy,
                "DeleteConflict",
                "Cannot delete a policy attached to entities.",
                ErrorKind::Busy,
            ),
            (
                DeletePolicyVersion,
                "DeleteConflict",
                "Cannot delete the default version of a policy.",
                ErrorKind::Invalid,
            ),
            (
                UpdateLoginProfile,
                "EntityTemporarilyUnmodifiable",
                "Login Profile for User user1 cannot be modified while login profile is being created.",
                ErrorKind::Busy,
            ),
        ] {
            assert_eq!(kind(operation, code, message), expected, "{message}");
        }
    }

    #[test]
    fn a_role_that_cannot_be_assumed_yet_is_no_refusal() {
        assert_eq!(
            kind(
                Operation::CreateFunction,
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda."
            ),
            ErrorKind::RoleNotAssumable
        );
        assert_eq!(
            kind(
                Operation::CreateStateMachine,
                "AccessDeniedException",
                "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role."
            ),
            ErrorKind::RoleNotAssumable
        );
        assert_eq!(
            kind(
                Operation::CreateStateMachine,
                "AccessDeniedException",
                "User: arn:aws:iam::123456789012:user/x is not authorized to perform: iam:PassRole on resource: r"
            ),
            ErrorKind::AccessDenied
        );
        assert_eq!(
            kind(
                Operation::CreateFunction,
                "InvalidParameterValueException",
                "Unzipped size must be smaller than 262144000 bytes"
            ),
            ErrorKind::Invalid
        );
    }

    #[test]
    fn what_iam_names_without_a_path_was_not_found() {
        use Operation::*;
        let denied = |operation: Operation, resource: &str| {
            let message = format!(
                "User: arn:aws:iam::123456789012:user/x is not authorized to perform: {operation} on resource: \
                 {resource} because no identity-based policy allows the {operation} action"
            );
            kind(operation, "AccessDenied", &message)
        };
        assert_eq!(
            denied(PutRolePolicy, "role user1-worker-role"),
            ErrorKind::Unresolved
        );
        assert_eq!(denied(GetUser, "user user1"), ErrorKind::Unresolved);
        assert_eq!(
            denied(CreatePolicyVersion, "policy p"),
            ErrorKind::Unresolved
        );
        // A path that the policy does not cover, and what is only going to be there.
        let arn = "arn:aws:iam::123456789012:role/homeroom/demo/user1-worker-role";
        assert_eq!(denied(PutRolePolicy, arn), ErrorKind::AccessDenied);
        for (operation, resource) in [
            (CreateRole, "role r"),
            (CreateUser, "user u"),
            (CreatePolicy, "policy p"),
        ] {
            assert_eq!(denied(operation, resource), ErrorKind::AccessDenied);
        }
    }

    #[test]
    fn a_refusal_of_the_machines_role_is_told_from_one_of_the_caller() {
        let of = |message: &str| {
            kind(
                Operation::UpdateStateMachine,
                "AccessDeniedException",
                message,
            )
        };
        assert_eq!(
            of("The state machine IAM Role is not authorized to access the Log Destination"),
            ErrorKind::RoleRefused
        );
        for action in ["states:UpdateStateMachine", "iam:PassRole"] {
            let callers = format!("User: u is not authorized to perform: {action} on resource: r");
            assert_eq!(of(&callers), ErrorKind::AccessDenied);
        }
        assert_eq!(
            kind(Operation::StartExecution, "AccessDeniedException", "no"),
            ErrorKind::AccessDenied
        );
    }

    #[test]
    fn a_limit_is_no_throttling_except_where_api_gateway_says_so() {
        use Operation::*;
        for (operation, code, message, expected) in [
            (
                CreateRole,
                "LimitExceeded",
                "Cannot exceed quota for RolesPerAccount: 1000",
                ErrorKind::LimitExceeded,
            ),
            (
                CreateLogGroup,
                "LimitExceededException",
                "Resource limit exceeded.",
                ErrorKind::LimitExceeded,
            ),
            (
                CreateRestApi,
                "LimitExceededException",
                "Maximum number of REST APIs reached",
                ErrorKind::LimitExceeded,
            ),
            (
                CreateRestApi,
                "LimitExceededException",
                "Rate exceeded",
                ErrorKind::Throttled,
            ),
            (
                CreateRestApi,
                "TooManyRequestsException",
                "Too Many Requests",
                ErrorKind::Throttled,
            ),
            (
                PutFunctionConcurrency,
                "InvalidParameterValueException",
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].",
                ErrorKind::LimitExceeded,
            ),
            (
                CreateRole,
                "Throttling",
                "Rate exceeded",
                ErrorKind::Throttled,
            ),
        ] {
            assert_eq!(kind(operation, code, message), expected, "{message}");
        }
    }

    #[test]
    fn without_a_code_the_status_decides() {
        let kind = |status| kind_of(Operation::GetRole, "", "", status);
        assert_eq!(kind(429), ErrorKind::Throttled);
        assert_eq!(kind(403), ErrorKind::AccessDenied);
        assert_eq!(kind(500), ErrorKind::Ambiguous);
        assert_eq!(kind(503), ErrorKind::Ambiguous);
        assert_eq!(kind(200), ErrorKind::Ambiguous);
        assert_eq!(kind(400), ErrorKind::Invalid);
    }

    #[test]
    fn a_chain_says_everything_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] io::Error);
        let inner = io::Error::other("inner: the cause");
        assert_eq!(chain(&Outer(inner)), "outer: inner: the cause");
    }
}
