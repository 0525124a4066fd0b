//! Who may do what, decided by a policy engine that is not ours (iam-rs).

use iam_rs::{
    Arn, Context, ContextValue, Decision, EvaluationOptions, IAMPolicy, IAMRequest,
    PolicyEvaluator, Principal, PrincipalId,
};
use serde_json::{Value, json};

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ask {
    pub(crate) action: String,
    pub(crate) resource: String,
    /// Condition keys of the request and their values.
    pub(crate) context: Vec<(&'static str, String)>,
}

impl Ask {
    /// A request about a resource, sent to the region that the resource's ARN names (IAM: to its only one).
    pub(crate) fn new(action: &str, resource: &str) -> Self {
        let region = resource
            .split(':')
            .nth(3)
            .filter(|region| !region.is_empty());
        let region = region.unwrap_or("us-east-1").to_owned();
        Self {
            action: action.to_owned(),
            resource: resource.to_owned(),
            context: vec![("aws:RequestedRegion", region)],
        }
    }

    pub(crate) fn with(mut self, key: &'static str, value: &str) -> Self {
        self.context.retain(|(known, _)| *known != key);
        self.context.push((key, value.to_owned()));
        self
    }
}

/// An IAM user or role: what is attached to it, and its permissions boundary. A request passes only if each layer
/// allows it, which is what a boundary means.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    arn: String,
    layers: Vec<PolicyEvaluator>,
}

impl Holder {
    pub(crate) fn new(arn: &str, attached: &[&Value], boundary: &Value) -> Self {
        let attached = attached.iter().map(|policy| parsed(policy)).collect();
        let layers = [attached, vec![parsed(boundary)]];
        Self {
            arn: arn.to_owned(),
            layers: layers.map(PolicyEvaluator::with_policies).into(),
        }
    }

    /// The same one after somebody attached everything to it: what is left is the boundary.
    pub(crate) fn with_everything_attached(mut self) -> Self {
        let everything = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"}]});
        self.layers[0].add_policy(parsed(&everything));
        self
    }

    pub(crate) fn may(&self, ask: &Ask) -> bool {
        let request = request(Principal::Aws(PrincipalId::String(self.arn.clone())), ask);
        let mut layers = self.layers.iter();
        layers.all(|layer| allows(layer, &request))
    }
}

/// Whether a policy that names principals (a trust policy, a function's resource policy) lets a service in.
pub(crate) fn lets_service_in(policy: &Value, service: &str, ask: &Ask) -> bool {
    let principal = Principal::Service(PrincipalId::String(service.to_owned()));
    lets_in(policy, principal, ask)
}

/// The same for somebody of an account.
pub(crate) fn lets_caller_in(policy: &Value, arn: &str, ask: &Ask) -> bool {
    lets_in(
        policy,
        Principal::Aws(PrincipalId::String(arn.to_owned())),
        ask,
    )
}

fn lets_in(policy: &Value, principal: Principal, ask: &Ask) -> bool {
    let options = EvaluationOptions {
        // A trust policy stands on the resource that it is about and names none.
        ignore_resource_constraints: ask.action == "sts:AssumeRole",
        ..EvaluationOptions::default()
    };
    let evaluator = PolicyEvaluator::with_policies(vec![parsed(policy)]).with_options(options);
    allows(&evaluator, &request(principal, ask))
}

fn parsed(policy: &Value) -> IAMPolicy {
    serde_json::from_value(policy.clone()).expect("the engine reads the policy")
}

fn request(principal: Principal, ask: &Ask) -> IAMRequest {
    let mut context = Context::new();
    for (key, value) in &ask.context {
        context.insert((*key).to_owned(), ContextValue::String(value.clone()));
    }
    let resource = Arn::parse(&ask.resource).expect("an ARN");
    IAMRequest::new_with_context(principal, ask.action.as_str(), resource, context)
}

fn allows(evaluator: &PolicyEvaluator, request: &IAMRequest) -> bool {
    let result = evaluator.evaluate(request).expect("the engine decides");
    result.decision == Decision::Allow
}
