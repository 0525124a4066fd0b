//! AWS's request quotas, per account and region, as its documentation gives them. Pages are below docs.aws.amazon.com.
//!
//! Where regions differ it is the smaller figure: what passes here passes everywhere. Where a page gives a rate and
//! no burst, the burst is what the rate lets through in its own period. `docs/strict-aws.md` shows the same table; a
//! test holds the two together.

use std::time::Duration;

/// A token bucket's figures: `calls` every `per`, at most `burst` at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketQuota {
    /// Tokens per period.
    pub(crate) calls: u32,
    pub(crate) per: Duration,
    pub(crate) burst: u32,
}

const fn quota(calls: u32, seconds: u64, burst: u32) -> BucketQuota {
    BucketQuota {
        calls,
        per: Duration::from_secs(seconds),
        burst,
    }
}

/// The figures of a region that are larger than the smallest. Source: AmazonCloudWatch/latest/logs,
/// cloudwatch_limits_cwl.html.
pub(crate) fn of_region(region: &str) -> &'static [(&'static str, BucketQuota)] {
    const VIRGINIA: &[(&str, BucketQuota)] = &[("logs:FilterLogEvents", quota(25, 1, 25))];
    match region {
        "us-east-1" => VIRGINIA,
        _ => &[],
    }
}

/// Buckets of single operations.
pub(crate) const OPERATIONS: &[(&str, BucketQuota)] = &[
    // apigateway/latest/developerguide/limits.html, "quotas for creating, deploying and managing an API"; none can be
    // raised. CreateRestApi: the figure for regional APIs.
    ("apigateway:CreateRestApi", quota(1, 3, 1)),
    ("apigateway:DeleteRestApi", quota(1, 30, 1)),
    ("apigateway:CreateDeployment", quota(1, 5, 1)),
    ("apigateway:CreateResource", quota(5, 1, 5)),
    ("apigateway:DeleteResource", quota(5, 1, 5)),
    ("apigateway:GetResources", quota(5, 2, 5)),
    ("apigateway:PutRestApi", quota(1, 1, 1)),
    ("apigateway:UpdateAccount", quota(1, 20, 1)),
    // lambda/latest/dg/gettingstarted-limits.html, "API requests"
    ("lambda:GetFunction", quota(100, 1, 100)),
    ("lambda:GetPolicy", quota(15, 1, 15)),
    // step-functions/latest/dg/service-quotas.html, "Quotas related to API action throttling"
    ("states:CreateStateMachine", quota(1, 1, 100)),
    ("states:UpdateStateMachine", quota(1, 1, 100)),
    ("states:ValidateStateMachineDefinition", quota(1, 1, 100)),
    ("states:DeleteStateMachine", quota(1, 1, 100)),
    ("states:DescribeStateMachine", quota(20, 1, 200)),
    ("states:ListStateMachines", quota(5, 1, 100)),
    ("states:ListTagsForResource", quota(1, 1, 100)),
    ("states:TagResource", quota(1, 1, 200)),
    ("states:StartExecution", quota(150, 1, 800)),
    ("states:StopExecution", quota(25, 1, 500)),
    ("states:DescribeExecution", quota(10, 1, 250)),
    ("states:ListExecutions", quota(2, 1, 100)),
    ("states:GetExecutionHistory", quota(20, 1, 400)),
    // AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html. ListTagsForResource is not on it.
    ("logs:CreateLogGroup", quota(10, 1, 10)),
    ("logs:DeleteLogGroup", quota(10, 1, 10)),
    ("logs:DescribeLogGroups", quota(10, 1, 10)),
    ("logs:DescribeLogStreams", quota(25, 1, 25)),
    ("logs:PutRetentionPolicy", quota(5, 1, 5)),
    ("logs:TagResource", quota(5, 1, 5)),
    ("logs:UntagResource", quota(5, 1, 5)),
    ("logs:FilterLogEvents", quota(5, 1, 5)),
    // AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html. It has said 50 and says 500.
    ("cloudwatch:GetMetricData", quota(50, 1, 50)),
];

/// Buckets that many operations share.
pub(crate) const TOTALS: &[(&str, BucketQuota)] = &[
    // The pages above: "Total operations" (on APIs of every type; the page names no operation of HTTP APIs), and "Rate of control plane API requests", which leaves out GetFunction,
    // GetPolicy and invocations.
    ("apigateway: all operations", quota(10, 1, 40)),
    ("lambda: other control-plane operations", quota(15, 1, 15)),
    // IAM publishes no figure, and bulk changes do meet `Throttling`. An assumption, so that a flood is seen.
    ("iam: all operations (assumed)", quota(20, 1, 40)),
];

/// How long until a new role can be assumed, as users report it. AWS gives no figure.
pub(crate) const ROLE_ASSUMABLE: (Duration, Duration) =
    (Duration::from_secs(5), Duration::from_secs(30));

/// The buckets that an operation takes from: its own, then the shared one.
pub(super) fn buckets_of(
    operation: &str,
) -> impl Iterator<Item = &'static (&'static str, BucketQuota)> {
    let own = OPERATIONS.iter().find(|(name, _)| *name == operation);
    let (service, name) = operation.split_once(':').unwrap_or_default();
    let shared = match (service, name) {
        ("lambda", "GetFunction" | "GetPolicy" | "Invoke") => None,
        _ => TOTALS
            .iter()
            .find(|(total, _)| total.split(':').next() == Some(service.trim_end_matches("v2"))),
    };
    own.into_iter().chain(shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(operation: &str) -> Vec<&'static str> {
        buckets_of(operation).map(|(name, _)| *name).collect()
    }

    #[test]
    fn an_operation_takes_from_its_own_bucket_and_from_the_shared_one() {
        assert_eq!(
            names("apigateway:CreateRestApi"),
            ["apigateway:CreateRestApi", "apigateway: all operations"]
        );
        assert_eq!(
            names("apigateway:GetStages"),
            ["apigateway: all operations"]
        );
        assert_eq!(
            names("apigatewayv2:DeleteApi"),
            ["apigateway: all operations"]
        );
        assert_eq!(names("lambda:GetFunction"), ["lambda:GetFunction"]);
        assert_eq!(
            names("lambda:TagResource"),
            ["lambda: other control-plane operations"]
        );
        assert_eq!(names("logs:ListTagsForResource"), [] as [&str; 0]);
        assert_eq!(names("sts:GetCallerIdentity"), [] as [&str; 0]);
    }

    #[test]
    fn the_page_of_the_docs_shows_these_figures_and_no_others() {
        let page = include_str!("../../docs/strict-aws.md");
        let shown: Vec<(String, String, String)> = page
            .lines()
            .skip_while(|line| !line.starts_with("| quota |"))
            .filter_map(|line| {
                let mut cells = line.split('|').map(str::trim).skip(1);
                let name = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
                Some((name.into(), cells.next()?.into(), cells.next()?.into()))
            })
            .collect();
        let held: Vec<(String, String, String)> = OPERATIONS
            .iter()
            .chain(TOTALS)
            .map(|(name, quota)| {
                let rate = match quota.per.as_secs() {
                    1 => format!("{} per s", quota.calls),
                    seconds => format!("{} per {seconds} s", quota.calls),
                };
                ((*name).to_owned(), rate, quota.burst.to_string())
            })
            .collect();
        assert_eq!(shown, held);
    }
}
