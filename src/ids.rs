//! Names that everything else is derived from. A value of one of these types is known to be acceptable to
//! every AWS service that homeroom puts it into.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::text::words::word_enum;

const ESCAPED_IN_FRAGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// Longest username. Names of functions and roles end at 64 characters, and the lab's suffix needs room; the lab check
/// tells the exact limit for a given lab.
pub(crate) const USERNAME_MAX: usize = 40;

/// Longest class name. It stands in an IAM path (512 characters) and in tag values (256).
pub(crate) const CLASS_MAX: usize = 40;

/// Longest name of a place. It stands in tables beside a username.
pub(crate) const PLACE_MAX: usize = 20;

/// Why a name was refused, in words that follow the name in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was there.
    #[error("is empty")]
    Empty,
    /// More than the given number of characters.
    #[error("is longer than {0} characters")]
    TooLong(usize),
    /// A character that some AWS name refuses.
    #[error("contains {0:?}; use letters, digits, '-' and '_' only")]
    BadCharacter(char),
    /// Starts with a character that a name may contain but not begin with.
    #[error("begins with {0:?}; begin with a letter or a digit")]
    BadStart(char),
}

/// The intersection of what Lambda, Step Functions, IAM and CloudWatch Logs accept in a name.
fn check(text: &str, max: usize) -> Result<(), NameError> {
    let Some(first) = text.chars().next() else {
        return Err(NameError::Empty);
    };
    if let Some(bad) = text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
    {
        return Err(NameError::BadCharacter(bad));
    }
    if !first.is_ascii_alphanumeric() {
        return Err(NameError::BadStart(first));
    }
    if text.len() > max {
        return Err(NameError::TooLong(max));
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $max:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                check(text, $max)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name_type!(
    /// A student's assigned username (`user1`): the first part of every resource's name.
    Username,
    USERNAME_MAX
);
name_type!(
    /// The class: one run of a course. Resources of a class carry it in a tag and in their role's path.
    ClassName,
    CLASS_MAX
);
name_type!(
    /// The lab's short id (`lab6`), as tags carry it.
    LabId,
    CLASS_MAX
);

name_type!(
    /// One of the accounts and regions that a class is spread over, as its settings call it.
    PlaceName,
    PLACE_MAX
);

impl Username {
    /// Whether both are the same but for their case: one student to AWS, two to homeroom.
    pub(crate) fn differs_in_case(&self, other: &Self) -> bool {
        self != other && self.0.eq_ignore_ascii_case(&other.0)
    }
}

/// A kind of AWS resource, in the order in which a stack is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// IAM role.
    Role,
    /// CloudWatch Logs log group.
    LogGroup,
    /// Lambda function.
    Function,
    /// Step Functions state machine.
    StateMachine,
    /// API Gateway REST API with its resources, methods, permission, deployment and stage.
    RestApi,
    /// API Gateway HTTP API with its integrations, routes, permission and stage.
    HttpApi,
    /// Customer managed policy of IAM: a student's access, or a boundary.
    ManagedPolicy,
    /// IAM user: a student's way in.
    User,
}

impl Kind {
    /// What a listing of a class looks for, in words: what "gone" is about.
    pub(crate) const IN_WORDS: &str = "IAM roles, users and policies, Lambda functions, state machines, APIs of API Gateway and \
                                       log groups";
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Role => "IAM role",
            Self::LogGroup => "log group",
            Self::Function => "Lambda function",
            Self::StateMachine => "state machine",
            Self::RestApi => "REST API",
            Self::HttpApi => "HTTP API",
            Self::ManagedPolicy => "IAM policy",
            Self::User => "IAM user",
        })
    }
}

word_enum! {
    /// The type of an API, as API Gateway names it.
    #[derive(Default)]
    ApiType {
        /// Made part by part.
        #[default]
        Rest = "REST",
        /// Made by one call, deleted by one; no quota of its own slows either down.
        Http = "HTTP",
    }
}

impl ApiType {
    /// Every type.
    pub const ALL: [Self; 2] = [Self::Rest, Self::Http];

    /// The kind of its APIs.
    pub fn kind(self) -> Kind {
        match self {
            Self::Rest => Kind::RestApi,
            Self::Http => Kind::HttpApi,
        }
    }

    /// Where API Gateway has them, in ARNs and in the requests that manage them.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Rest => "restapis",
            Self::Http => "apis",
        }
    }
}

/// Names one resource in plans, events and reports.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ResourceId {
    /// Its kind.
    pub kind: Kind,
    /// Its name; unique within its kind and the account's region (for APIs: meant to be).
    pub name: String,
}

impl ResourceId {
    /// Names a resource.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// Where in AWS a class lives; everything that an ARN needs besides a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scope {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The 12-digit account id.
    pub account: String,
    /// The region (`us-east-1`).
    pub region: String,
}

impl Scope {
    /// The IAM path below which every role, user and policy of a class lives.
    pub(crate) fn role_path(class: &ClassName) -> String {
        format!("/homeroom/{class}/")
    }

    fn arn(&self, service: &str, resource: impl fmt::Display) -> String {
        let (partition, region, account) = (&self.partition, &self.region, &self.account);
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// IAM has no regions, and a class has a path in it.
    fn iam_arn(&self, what: &str, class: &ClassName, name: &str) -> String {
        let (partition, account, path) = (&self.partition, &self.account, Self::role_path(class));
        format!("arn:{partition}:iam::{account}:{what}{path}{name}")
    }

    /// ARN of a customer managed policy of this class.
    pub fn policy_arn(&self, class: &ClassName, name: &str) -> String {
        self.iam_arn("policy", class, name)
    }

    /// ARN of a role of this class.
    pub fn role_arn(&self, class: &ClassName, name: &str) -> String {
        self.iam_arn("role", class, name)
    }

    /// ARN of a student's IAM user, which is named like the student.
    pub fn user_arn(&self, class: &ClassName, name: &str) -> String {
        self.iam_arn("user", class, name)
    }

    /// ARN of a Lambda function.
    pub fn function_arn(&self, name: &str) -> String {
        self.arn("lambda", format_args!("function:{name}"))
    }

    /// ARN of a state machine.
    pub fn state_machine_arn(&self, name: &str) -> String {
        self.arn("states", format_args!("stateMachine:{name}"))
    }

    /// ARN of an execution of a state machine.
    pub fn execution_arn(&self, state_machine: &str, name: &str) -> String {
        format!("{}:{name}", self.executions_arn(state_machine))
    }

    /// The ARNs of all executions of a state machine begin with this; `:` and the execution's name follow.
    pub(crate) fn executions_arn(&self, state_machine: &str) -> String {
        self.arn("states", format_args!("execution:{state_machine}"))
    }

    /// What the console's hosts end with in this partition. Sources: IAM user guide, "How IAM users sign in to AWS", and
    /// the pages of the other partitions.
    fn console_domain(&self) -> &'static str {
        match self.partition.as_str() {
            "aws-cn" => "amazonaws.cn",
            "aws-us-gov" => "amazonaws-us-gov.com",
            _ => "aws.amazon.com",
        }
    }

    /// The console's address for the region, without a trailing slash.
    pub(crate) fn console(&self) -> String {
        format!("https://{}.console.{}", self.region, self.console_domain())
    }

    /// Where IAM users of the account sign in to the console; by the account's alias if it has one.
    pub fn sign_in_url(&self, alias: Option<&str>) -> String {
        let account = alias.unwrap_or(&self.account);
        format!("https://{account}.signin.{}/console", self.console_domain())
    }

    /// Where the console shows an execution. A name may hold any letters, so the ARN is escaped for a URL's fragment.
    pub(crate) fn execution_console_url(&self, execution_arn: &str) -> String {
        let escaped = utf8_percent_encode(execution_arn, ESCAPED_IN_FRAGMENT);
        let (console, region) = (self.console(), &self.region);
        format!("{console}/states/home?region={region}#/v2/executions/details/{escaped}")
    }

    /// An account of AWS's own examples, to fill a lab in without any account.
    pub(crate) fn of_nobody(region: &str) -> Self {
        Self {
            partition: "aws".to_owned(),
            account: "123456789012".to_owned(),
            region: region.to_owned(),
        }
    }

    /// ARN of a log group, without the trailing `:*` that policies on its streams need.
    pub fn log_group_arn(&self, name: &str) -> String {
        self.arn("logs", format_args!("log-group:{name}"))
    }

    /// Source ARN of one method and path of an API, on any stage, for a function's resource policy.
    pub(crate) fn method_arn(&self, api_id: &str, method: &str, path: &str) -> String {
        format!("{}/*/{method}{path}", self.execute_api_arn(api_id))
    }

    /// The ARNs of invocations of an API begin with this; `/stage/METHOD/path` follows.
    pub fn execute_api_arn(&self, api_id: &str) -> String {
        self.arn("execute-api", api_id)
    }

    /// ARN by which an API is managed, and its tags read and written (it has no account part).
    pub fn api_arn(&self, api_type: ApiType, api_id: &str) -> String {
        let (partition, region, path) = (&self.partition, &self.region, api_type.path());
        format!("arn:{partition}:apigateway:{region}::/{path}/{api_id}")
    }

    /// Integration URI by which API Gateway invokes a Lambda function.
    pub(crate) fn invocation_uri(&self, function: &str) -> String {
        format!(
            "arn:{}:apigateway:{}:lambda:path/2015-03-31/functions/{}/invocations",
            self.partition,
            self.region,
            self.function_arn(function)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_link_stays_in_its_partition_and_escapes_what_a_name_may_hold() {
        let scope = |partition: &str, region: &str| Scope {
            partition: partition.into(),
            account: "123456789012".into(),
            region: region.into(),
        };
        let arn = "arn:aws:states:eu-west-1:123456789012:execution:m:né \"<x>";
        assert_eq!(
            scope("aws", "eu-west-1").execution_console_url(arn),
            "https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/arn:aws:states:eu-west-1:123456789012:execution:m:n%C3%A9%20%22%3Cx%3E"
        );
        for (partition, region, begin) in [
            (
                "aws-cn",
                "cn-north-1",
                "https://cn-north-1.console.amazonaws.cn/",
            ),
            (
                "aws-us-gov",
                "us-gov-west-1",
                "https://us-gov-west-1.console.amazonaws-us-gov.com/",
            ),
        ] {
            let url = scope(partition, region).execution_console_url(arn);
            assert!(url.starts_with(begin), "{url}");
        }
    }
}
