//! What to do next, for the errors that people meet.

use crate::aws::error::UNRESERVED;
use crate::aws::{CloudError, ErrorKind, NO_ROLE_CODE};

use crate::events::Event;

/// For a condition that did not come true.
pub(crate) const STUCK: &str = "run the same command again; if it stays so, look at the resource in the AWS console \
     and see docs/troubleshooting.md";

/// For something that could not be seen.
pub(crate) const UNSEEN: &str = "homeroom does nothing for a student while it cannot see everything of theirs; remove the \
     cause, then run the same command again";

/// For credentials that could not be written.
pub(crate) const NOT_KEPT: &str = "make the folder writable, or name another with --reports, then run the same command \
     again: it issues new ones";

/// For something that must be there first.
pub(crate) const MISSING: &str =
    "deploy the student's stack (`homeroom deploy`), then run the same command again";

/// For a resource with our name that is not provably ours.
pub(crate) const CONFLICT: &str = "homeroom did not make it for this student of this class and lab, and never touches it: check \
     --class, --region and the roster; if it is another team's, or left from an earlier course, give the student another \
     username, or ask whoever made it; then run the same command again";

/// One note for the whole class about an error that all students share: with its fix and its request.
pub(crate) fn shared_by_all(what: &str, error: &CloudError, region: Option<&str>) -> Event {
    let fix = for_error_in(error, region).map_or_else(String::new, |hint| format!(". Fix: {hint}"));
    Event::Note {
        text: format!("{what}: {}{fix}", error.in_full()),
    }
}

/// In a region that the account has not enabled, AWS refuses good credentials with these codes, too.
pub(crate) fn or_region(error: &CloudError, region: Option<&str>) -> String {
    if !["InvalidClientTokenId", "UnrecognizedClientException"].contains(&error.code.as_str()) {
        return String::new();
    }
    let region = region.map_or("the region".to_owned(), |region| format!("region {region}"));
    format!("; or {region} is not enabled in this account, or not the one you mean: --region")
}

pub(crate) fn for_error(error: &CloudError) -> Option<String> {
    for_error_in(error, None)
}

/// The next step after a failed call to this region; `None` where the caller deals with the error.
pub(crate) fn for_error_in(error: &CloudError, region: Option<&str>) -> Option<String> {
    Some(match error.kind {
        ErrorKind::AccessDenied if error.message.contains("service control policy") => format!(
            "a service control policy of the organization refuses {}: use a region that it allows (--region); if it \
             demands a permissions boundary on new roles, name one in homeroom.toml (role_boundary); or ask whoever runs \
             the organization; then run the same command again",
            error.operation
        ),
        ErrorKind::Unresolved => format!(
            "run the same command again: IAM may not know the name everywhere yet; if it stays so, the credentials in use \
             may not call {} there: allow it on the path /homeroom/ (`homeroom doctor --policy` prints what homeroom needs)",
            error.operation
        ),
        ErrorKind::NotFound if error.message.contains("not attachable") => {
            "the permissions boundary does not exist: create the policy, or correct its ARN (role_boundary in \
             homeroom.toml); then run the same command again"
                .to_owned()
        }
        ErrorKind::AccessDenied => format!(
            "the credentials in use may not call {}; allow it (`homeroom doctor --policy` prints what homeroom \
             needs), or use others with --profile, then run the same command again",
            error.operation
        ),
        ErrorKind::Credentials if error.code == NO_ROLE_CODE => {
            "the credentials that assume the role need the right to do so (sts:AssumeRole), and the role's trust policy must \
             name them; check its ARN, too, with `aws sts assume-role --role-session-name test --role-arn …`; then run the \
             same command again"
                .to_owned()
        }
        ErrorKind::Credentials => format!(
            "sign in again (for example `aws sso login`), check with `aws sts \
             get-caller-identity`, then run the same command again: it goes on where it stopped{}",
            or_region(error, region)
        ),
        ErrorKind::LimitExceeded if error.message.contains(UNRESERVED) => {
            "the account has too little concurrency left for what the lab reserves (AWS keeps 100 for everything else): \
             lower reserved_concurrency in homeroom.toml, or raise 'Concurrent executions' in the Service Quotas console, \
             then run the same command again"
                .to_owned()
        }
        ErrorKind::LimitExceeded => {
            "a limit of the account is reached; raise it in the Service Quotas \
             console, or make room in the account, then run the same command again"
                .to_owned()
        }
        ErrorKind::Throttled => {
            "other work in the account uses the same request quotas; run the same \
             command again, slower with --quota-scale 0.5"
                .to_owned()
        }
        ErrorKind::Unreachable => {
            "check the network, --region and --endpoint-url, then run the same command again"
                .to_owned()
        }
        ErrorKind::RoleNotAssumable => {
            "the role's trust policy was not accepted in time; run the same \
             command again, and check the lab's trust policy template if it stays so"
                .to_owned()
        }
        ErrorKind::RoleRefused if error.message.contains("Log Destination") => {
            "the state machine logs, and its role or the permissions boundary lacks a right that the delivery needs; \
             docs/lab-bundle.md (Logging) has them all; run the same command again once the lab's templates have them"
                .to_owned()
        }
        ErrorKind::RoleRefused => {
            "Step Functions does not take the role: run the same command again; if it stays so, check the lab's trust and \
             role policy templates"
                .to_owned()
        }
        ErrorKind::Ambiguous | ErrorKind::Busy | ErrorKind::Deleting => {
            "run the same command again: it finishes what is missing".to_owned()
        }
        ErrorKind::Invalid if error.message.contains("Resource Policy size") => {
            "the account's CloudWatch Logs resource policy is full: look at `aws logs describe-resource-policies`, take out what \
             is not needed any more, then run the same command again"
                .to_owned()
        }
        ErrorKind::Invalid => {
            "AWS refused the request as it stands: check the lab's templates and settings"
                .to_owned()
        }
        ErrorKind::NotFound => "it was deleted meanwhile; run the same command again".to_owned(),
        ErrorKind::AlreadyExists => return None,
    })
}
