//! The least IAM policy that an instructor needs for a lab, in an account and region: made of the rights of every operation
//! that the code makes, so that it cannot go stale.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::aws::Operation;
use crate::aws::rights::RightOn;
use crate::ids::{ApiType, Scope};
use crate::lab::Lab;
use crate::stack::kinds::managed_policy::DOCUMENT_MAX;

/// The path of everything that homeroom makes in IAM, of every class.
const PATH: &str = "homeroom/*";

/// The policies: one, or several where one would be longer than IAM lets a managed policy be.
pub fn policies(lab: &Lab, scope: &Scope) -> Vec<Value> {
    divided(statements(lab, scope), DOCUMENT_MAX)
}

/// Characters of a policy as IAM counts them: without white space. Source: IAM and AWS STS quotas.
pub fn length(policy: &Value) -> usize {
    let text = policy.to_string();
    text.chars().filter(|c| !c.is_whitespace()).count()
}

fn divided(statements: Vec<Value>, most: usize) -> Vec<Value> {
    let document = |statements: &[Value]| json!({"Version": "2012-10-17", "Statement": statements});
    let mut policies: Vec<Vec<Value>> = Vec::new();
    for statement in statements {
        let fits = policies.last().is_some_and(|policy| {
            let with = [policy.as_slice(), std::slice::from_ref(&statement)].concat();
            length(&document(&with)) <= most
        });
        match policies.last_mut().filter(|_| fits) {
            Some(policy) => policy.push(statement),
            None => policies.push(vec![statement]),
        }
    }
    policies.iter().map(|policy| document(policy)).collect()
}

/// One statement for all actions on the same resources.
fn statements(lab: &Lab, scope: &Scope) -> Vec<Value> {
    let rights: BTreeSet<_> = Operation::ALL.iter().flat_map(|it| it.rights()).collect();
    let mut grouped: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<RightOn>)> = BTreeMap::new();
    // What is about nothing of this lab is not asked for.
    for right in rights
        .into_iter()
        .filter(|r| !resources(r.on, lab, scope).is_empty())
    {
        let (actions, reaches) = grouped.entry(sid(right.on)).or_default();
        actions.insert(right.action);
        reaches.insert(right.on);
    }
    let statement = |(sid, (actions, reaches)): (&str, (BTreeSet<&str>, BTreeSet<RightOn>))| {
        let resources: BTreeSet<String> = reaches
            .iter()
            .flat_map(|reach| resources(*reach, lab, scope))
            .collect();
        if resources.is_empty() {
            return None;
        }
        let mut statement = Map::new();
        statement.insert("Sid".into(), sid.into());
        statement.insert("Effect".into(), "Allow".into());
        statement.insert("Action".into(), one_or_list(actions));
        statement.insert("Resource".into(), one_or_list(resources));
        let services = reaches.iter().filter_map(|reach| match reach {
            RightOn::RolesFor(service) => Some(*service),
            _ => None,
        });
        let services: Vec<&str> = services.collect();
        if !services.is_empty() {
            let passed = json!({"StringEquals": {"iam:PassedToService": services}});
            statement.insert("Condition".into(), passed);
        }
        Some(Value::Object(statement))
    };
    grouped.into_iter().filter_map(statement).collect()
}

fn one_or_list<T: Into<Value>>(items: BTreeSet<T>) -> Value {
    let mut items: Vec<Value> = items.into_iter().map(Into::into).collect();
    match items.len() {
        1 => items.remove(0),
        _ => Value::Array(items),
    }
}

/// The statement of a reach: letters and digits alone.
fn sid(reach: RightOn) -> &'static str {
    match reach {
        RightOn::Everything => "Account",
        RightOn::Roles => "Roles",
        RightOn::RolesFor(_) => "PassRoles",
        RightOn::Policies => "Policies",
        RightOn::Users => "Users",
        RightOn::GroupsAndDevices => "GroupsAndDevicesOfUsers",
        RightOn::Principals => "Simulator",
        RightOn::Functions => "Functions",
        RightOn::Layers => "Layers",
        RightOn::ProbedFunctions => "ProbedFunctions",
        RightOn::StateMachines => "StateMachines",
        RightOn::Executions => "Executions",
        RightOn::ApiList(_) => "ApiList",
        RightOn::NewApis(_) => "NewApis",
        RightOn::Apis(_) => "Apis",
        RightOn::ApiTags(_) => "ApiTags",
        RightOn::SignedStages => "SignedStages",
        RightOn::LogGroups => "LogGroups",
    }
}

/// Patterns of the resources, as narrow as IAM can name them: by homeroom's path, by the lab's names, by account and
/// region. None where the lab has nothing of the kind.
pub(super) fn resources(reach: RightOn, lab: &Lab, scope: &Scope) -> Vec<String> {
    let (partition, account, region) = (&scope.partition, &scope.account, &scope.region);
    let iam = |what: &str| format!("arn:{partition}:iam::{account}:{what}");
    let api = |path: &str| vec![format!("arn:{partition}:apigateway:{region}::/{path}")];
    let patterns = lab.name_patterns();
    let names = || {
        let of_kind = patterns
            .iter()
            .filter(|pattern| Some(pattern.kind) == reach.kind());
        of_kind.map(|pattern| pattern.around("*"))
    };
    match reach {
        RightOn::Everything => vec!["*".to_owned()],
        RightOn::Roles | RightOn::RolesFor(_) => vec![iam(&format!("role/{PATH}"))],
        RightOn::Policies => vec![iam(&format!("policy/{PATH}"))],
        RightOn::Users | RightOn::GroupsAndDevices if !lab.has_access() => Vec::new(),
        RightOn::Users => vec![iam(&format!("user/{PATH}"))],
        RightOn::GroupsAndDevices => vec![iam("group/*"), iam("mfa/*")],
        RightOn::Principals => vec![iam("role/*"), iam("user/*")],
        RightOn::Functions => names().map(|name| scope.function_arn(&name)).collect(),
        RightOn::Layers if !lab.has_layers() => Vec::new(),
        RightOn::Layers => vec![format!("arn:{partition}:lambda:{region}:*:layer:*:*")],
        RightOn::ProbedFunctions => lab
            .probed_functions()
            .map(|pattern| scope.function_arn(&pattern.around("*")))
            .collect(),
        RightOn::StateMachines => names().map(|name| scope.state_machine_arn(&name)).collect(),
        RightOn::Executions => names()
            .map(|name| scope.execution_arn(&name, "*"))
            .collect(),
        RightOn::ApiList(of) => api(of.path()),
        RightOn::NewApis(of) if names().next().is_some() => api(of.path()),
        RightOn::Apis(of) if names().next().is_some() => api(&format!("{}/*", of.path())),
        RightOn::ApiTags(ApiType::Rest) if names().next().is_some() => api("tags/*"),
        // AWS has asked for the tags of a new HTTP API by a name with the beginning twice
        // (github.com/aws-cloudformation/cloudformation-coverage-roadmap, issue 997).
        RightOn::ApiTags(ApiType::Http) if names().next().is_some() => {
            let tags = api("tags/*");
            let twice = tags.iter().map(|arn| {
                arn.replace("::/", &format!("::arn:{partition}:apigateway:{region}::/"))
            });
            twice.chain(tags.clone()).collect()
        }
        RightOn::NewApis(_) | RightOn::Apis(_) | RightOn::ApiTags(_) => Vec::new(),
        RightOn::SignedStages => lab
            .signed_stages()
            .map(|stage| format!("{}/{stage}/*", scope.execute_api_arn("*")))
            .collect(),
        // Tags are about the group itself, all else about the streams in it.
        RightOn::LogGroups => names()
            .map(|name| scope.log_group_arn(&name))
            .flat_map(|arn| [format!("{arn}:*"), arn])
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::bundle;

    fn scope(partition: &str, region: &str) -> Scope {
        Scope {
            partition: partition.into(),
            account: "123456789012".into(),
            region: region.into(),
        }
    }

    fn lab() -> Lab {
        bundle::load(None).unwrap()
    }

    #[test]
    fn the_policy_of_the_built_in_lab_reads_well() {
        let policies = policies(&lab(), &scope("aws", "us-east-1"));
        insta::assert_snapshot!(serde_json::to_string_pretty(&policies[0]).unwrap());
    }

    #[test]
    fn the_policy_of_the_built_in_lab_is_one_managed_policy() {
        for region in ["us-east-1", "ap-southeast-4", "us-gov-west-1"] {
            let policies = policies(&lab(), &scope("aws-us-gov", region));
            assert_eq!(policies.len(), 1, "{region}");
            assert!(length(&policies[0]) <= DOCUMENT_MAX, "{region}");
        }
    }

    #[test]
    fn a_policy_that_would_be_too_long_becomes_several_with_the_same_rights() {
        let whole = statements(&lab(), &scope("aws", "us-east-1"));
        let most = 2000;
        let several = divided(whole.clone(), most);
        assert!(several.len() > 1);
        assert!(several.iter().all(|policy| length(policy) <= most));
        let again: Vec<Value> = several
            .iter()
            .flat_map(|policy| policy["Statement"].as_array().unwrap().clone())
            .collect();
        assert_eq!(again, whole);
    }

    #[test]
    fn every_arn_is_of_the_partition_the_account_and_the_region() {
        let scope = scope("aws-cn", "cn-north-1");
        let policies = policies(&lab(), &scope);
        for statement in policies[0]["Statement"].as_array().unwrap() {
            let listed = match &statement["Resource"] {
                Value::Array(list) => list.clone(),
                one => vec![one.clone()],
            };
            for resource in listed.iter().filter_map(Value::as_str) {
                let parts: Vec<&str> = resource.split(':').collect();
                match parts[..] {
                    ["*"] => assert_eq!(statement["Sid"], "Account"),
                    ["arn", "aws-cn", "iam", "", "123456789012", ..] => {}
                    ["arn", "aws-cn", "apigateway", "cn-north-1", "", ..] => {}
                    ["arn", "aws-cn", service, "cn-north-1", "123456789012", ..] => {
                        assert_ne!(service, "iam");
                    }
                    _ => panic!("{resource}"),
                }
            }
        }
    }

    #[test]
    fn signed_requests_are_allowed_only_where_the_lab_asks_for_them() {
        let of = |lab: &Lab| policies(lab, &scope("aws", "us-east-1"))[0].to_string();
        assert!(!of(&lab()).contains("execute-api"));
        let signed = [("api_authorization".to_owned(), "AWS_IAM".into())];
        let lab = lab().with_settings(&signed.into()).unwrap();
        assert!(of(&lab).contains("arn:aws:execute-api:us-east-1:123456789012:*/prod/*"));
    }
}
