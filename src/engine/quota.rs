//! AWS's request quotas of the control plane, per account and region: one table, with the source of each
//! figure. Pages are below docs.aws.amazon.com.

use crate::domain::operation::Operation;

/// A token bucket that calls take from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// One operation's own bucket.
    Own(Operation),
    /// API Gateway: all operations together.
    ApiGateway,
    /// Lambda: all control-plane operations but GetFunction and GetPolicy together.
    LambdaControlPlane,
    /// IAM: all operations together.
    Iam,
}

/// Size and refill of a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quota {
    /// Tokens added per second.
    pub per_second: f64,
    /// Most tokens that it holds: how many calls may go out at once.
    pub burst: f64,
}

const fn quota(per_second: f64, burst: f64) -> Quota {
    Quota { per_second, burst }
}

/// The buckets that a call takes from, scarcest first.
pub fn groups(operation: Operation) -> Vec<Group> {
    let mut groups = Vec::with_capacity(2);
    if own(operation).is_some() {
        groups.push(Group::Own(operation));
    }
    groups.extend(match (operation.service(), operation) {
        ("apigateway", _) => Some(Group::ApiGateway),
        // Invoke belongs to the data plane, whose limit is ten times the account's concurrency.
        ("lambda", Operation::GetFunction | Operation::GetPolicy | Operation::InvokeFunction) => {
            None
        }
        ("lambda", _) => Some(Group::LambdaControlPlane),
        ("iam", _) => Some(Group::Iam),
        _ => None,
    });
    groups
}

/// The figures of a bucket.
pub fn quota_of(group: Group) -> Option<Quota> {
    match group {
        Group::Own(operation) => own(operation),
        // apigateway/latest/developerguide/limits.html, "Total operations": 10 per second, burst 40.
        Group::ApiGateway => Some(quota(10.0, 40.0)),
        // lambda/latest/dg/gettingstarted-limits.html, "Rate of control plane API requests": 15 per second,
        // no burst told.
        Group::LambdaControlPlane => Some(quota(15.0, 15.0)),
        // IAM publishes no figure; bulk changes meet `Throttling`. Ours, and cautious: not measured on AWS.
        Group::Iam => Some(quota(15.0, 30.0)),
    }
}

fn own(operation: Operation) -> Option<Quota> {
    use Operation::*;
    Some(match operation {
        // apigateway/latest/developerguide/limits.html
        CreateRestApi => quota(1.0 / 3.0, 1.0),
        CreateDeployment => quota(1.0 / 5.0, 1.0),
        DeleteRestApi => quota(1.0 / 30.0, 1.0),
        CreateResource => quota(5.0, 5.0),
        GetResources => quota(2.5, 5.0),
        // lambda/latest/dg/gettingstarted-limits.html
        GetFunction => quota(100.0, 100.0),
        GetPolicy => quota(15.0, 15.0),
        // step-functions/latest/dg/service-quotas.html; where regions differ, the smaller figure.
        CreateStateMachine | UpdateStateMachine | DeleteStateMachine => quota(1.0, 100.0),
        StatesListTagsForResource => quota(1.0, 100.0),
        StatesTagResource => quota(1.0, 200.0),
        DescribeStateMachine => quota(20.0, 200.0),
        ListStateMachines => quota(5.0, 100.0),
        StartExecution => quota(150.0, 800.0),
        // Not in the facts table; the page lists it with 500 and 25 in the smaller regions.
        StopExecution => quota(25.0, 200.0),
        DescribeExecution => quota(10.0, 250.0),
        ListExecutions => quota(2.0, 100.0),
        GetExecutionHistory => quota(20.0, 400.0),
        // AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html; FilterLogEvents differs by region (5,
        // 10 or 25): the smallest.
        CreateLogGroup | DeleteLogGroup | DescribeLogGroups => quota(10.0, 10.0),
        PutRetentionPolicy => quota(5.0, 5.0),
        FilterLogEvents => quota(5.0, 5.0),
        // The page gives 5 per second for TagResource and UntagResource; the reading one is not listed.
        LogsListTagsForResource | LogsTagResource => quota(5.0, 5.0),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_that_an_operation_names_has_figures_that_let_calls_through() {
        for operation in Operation::ALL {
            for group in groups(*operation) {
                let quota = quota_of(group).unwrap();
                assert!(quota.per_second > 0.0 && quota.burst >= 1.0, "{operation}");
            }
        }
    }

    #[test]
    fn the_scarcest_bucket_is_asked_first() {
        assert_eq!(
            groups(Operation::CreateRestApi),
            [Group::Own(Operation::CreateRestApi), Group::ApiGateway]
        );
        assert_eq!(
            groups(Operation::GetFunction),
            [Group::Own(Operation::GetFunction)]
        );
    }
}
