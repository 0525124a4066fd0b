//! The model: see the module above. Times count from the beginning of the account.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde_json::Value;

use super::bucket::Bucket;
use super::faults::{Call, Fault, Rule, unit_of};
use super::figures::{self, BucketQuota, buckets_of};
use super::refusal::Refusal;
use super::request::Request;

/// The shortest and the longest time that something takes. Each resource's own time follows from its name and the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// Shortest.
    pub from: Duration,
    /// Longest.
    pub to: Duration,
}

impl Spread {
    /// Always the same.
    pub fn exactly(time: Duration) -> Self {
        Self {
            from: time,
            to: time,
        }
    }

    fn pick(self, seed: u64, word: &str) -> Duration {
        self.from + (self.to.saturating_sub(self.from)).mul_f64(unit_of(seed, word))
    }
}

/// How long things take, at scale 1. AWS promises nothing here; the defaults are what users and its own pages report.
#[derive(Debug, Clone, PartialEq)]
pub struct Timings {
    /// A request's way to AWS, in addition to the real network. With a spread, calls overtake each other.
    pub travel: Spread,
    /// From a request's arrival to its effect. Two writers of one API that are closer than this are in conflict.
    pub latency: Duration,
    /// Until a new role can be assumed.
    pub role_propagation: Spread,
    /// How long a new function is `Pending`.
    pub function_pending: Duration,
    /// How long an update of a function is `InProgress`.
    pub(crate) function_update: Duration,
    /// How long a deleted state machine is `DELETING`, running executions not counted.
    pub machine_deleting: Duration,
    /// Until IAM finds a new role, user or policy by its name.
    pub iam_known: Spread,
    /// Until Step Functions sees a role's new inline policy.
    pub policy_in_force: Spread,
    /// From when a function is Active until it accepts permissions.
    pub permission_known: Spread,
    /// Until Step Functions knows an execution that it has started.
    pub(crate) execution_known: Spread,
    /// Another state between `Pending` and `Active`, and how long it lasts.
    pub function_passes: Option<(&'static str, Duration)>,
}

impl Timings {
    /// With all delays of AWS's eventual consistency. Users report single cases, most of them of seconds; the longest were
    /// three minutes for a policy and five for a permission.
    pub(crate) fn with_lags() -> Self {
        let up_to = |seconds| Spread {
            from: Duration::ZERO,
            to: Duration::from_secs(seconds),
        };
        Self {
            iam_known: up_to(3),
            policy_in_force: up_to(10),
            permission_known: up_to(3),
            execution_known: up_to(2),
            ..Self::default()
        }
    }
}

impl Default for Timings {
    fn default() -> Self {
        let (from, to) = figures::ROLE_ASSUMABLE;
        Self {
            travel: Spread::exactly(Duration::ZERO),
            latency: Duration::from_millis(60),
            role_propagation: Spread { from, to },
            function_pending: Duration::from_secs(4),
            function_update: Duration::from_secs(3),
            machine_deleting: Duration::from_secs(12),
            iam_known: Spread::exactly(Duration::ZERO),
            policy_in_force: Spread::exactly(Duration::ZERO),
            permission_known: Spread::exactly(Duration::ZERO),
            execution_known: Spread::exactly(Duration::ZERO),
            function_passes: None,
        }
    }
}

/// How this AWS behaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Whether requests are counted against quotas.
    pub quotas: bool,
    /// Operations whose own quota is not the published one.
    pub raised: HashMap<String, BucketQuota>,
    /// How many times faster than AWS everything goes: rates times this, durations divided by it. Above 0.
    pub scale: f64,
    /// Decides where there is a [`Spread`].
    pub seed: u64,
    /// The share of every quota that another client of the account takes: at least 0, and below 1.
    pub competitor: f64,
    /// How long things take, at scale 1.
    pub timings: Timings,
    /// The caller's policy covers only the path `/homeroom/`, so IAM refuses what it does not find.
    pub path_policy: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            quotas: true,
            raised: HashMap::new(),
            scale: 1.0,
            seed: 0,
            competitor: 0.0,
            timings: Timings::default(),
            path_policy: false,
        }
    }
}

impl Options {
    /// With the quotas of a region that are larger than the smallest ones.
    #[must_use]
    pub fn in_region(mut self, region: &str) -> Self {
        let own = figures::of_region(region).iter();
        self.raised
            .extend(own.map(|(name, quota)| ((*name).to_owned(), *quota)));
        self
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The cloud behind the model carries it out and answers; then [`Model::done`].
    Pass,
    /// An empty success is the answer; it is carried out at this time; then [`Model::done`].
    Later(Duration),
    /// An empty success is the answer: the same request is already under way.
    Nothing,
    /// An error answer, without an effect.
    Refuse(Refusal),
    /// The connection breaks, without an effect.
    Reset,
    /// No connection is made.
    NoConnection,
}

/// What becomes of a request and its answer, decided when it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The call.
    pub call: Call,
    /// Until the effect, or until an answer without one.
    pub delay: Duration,
    /// What becomes of it.
    pub verdict: Verdict,
    /// The connection breaks instead of an answer.
    pub lost: bool,
    /// An error answer that replaces the true one.
    pub instead: Option<Refusal>,
    /// What nobody else may write to until [`Model::release`].
    pub writes: Option<String>,
}

/// How often an operation was called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Calls that arrived.
    pub calls: u64,
    pub(crate) throttled: u64,
}

#[derive(Debug, Clone, Copy)]
struct FunctionTimes {
    active_at: Duration,
    updated_at: Duration,
    /// It accepts permissions from then on.
    permits_at: Duration,
}

/// What AWS does besides keeping resources.
#[derive(Debug, Default)]
pub struct Model {
    options: Options,
    rules: Vec<Rule>,
    arrived: u64,
    buckets: HashMap<&'static str, Bucket>,
    counts: BTreeMap<String, Count>,
    emptied: BTreeMap<&'static str, u64>,
    /// When roles that were made here can be assumed, by name.
    roles: HashMap<String, Duration>,
    /// Functions that were made or changed here, by name.
    functions: HashMap<String, FunctionTimes>,
    /// State machines whose deletion is under way, by name.
    deleting: HashSet<String>,
    writing: HashSet<String>,
    /// When IAM finds what was made here, by kind and name: `role NAME`.
    principals: HashMap<String, Duration>,
    /// When a role's new policy is in force, by the role's name.
    policies: HashMap<String, Duration>,
    /// When an execution is known, by [`execution_of`] its ARN.
    executions: HashMap<String, Duration>,
}

impl Model {
    /// An account with full buckets.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Changes the options. Buckets that are in use stay as they are.
    pub fn options(&mut self) -> &mut Options {
        &mut self.options
    }

    /// Adds a fault; the first rule that applies to a call decides.
    pub fn inject(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// Forgets every rule.
    pub fn heal(&mut self) {
        self.rules.clear();
    }

    /// How often each operation was called and throttled.
    pub fn counts(&self) -> &BTreeMap<String, Count> {
        &self.counts
    }

    /// How many calls found each bucket empty, by the names in [`figures`].
    pub fn emptied(&self) -> &BTreeMap<&'static str, u64> {
        &self.emptied
    }

    /// How many calls arrived since the beginning.
    pub fn arrived(&self) -> u64 {
        self.arrived
    }

    /// How long the next call is on its way.
    pub fn travel(&self) -> Duration {
        let word = format!("travel {}", self.arrived);
        self.scaled(self.options.timings.travel.pick(self.options.seed, &word))
    }

    /// A request arrives.
    pub fn arrive(&mut self, now: Duration, request: &Request) -> Admission {
        self.arrived += 1;
        let call = Call {
            number: self.arrived,
            operation: request.operation.clone(),
            resource: request.resource(),
            at: now,
        };
        self.counts.entry(call.operation.clone()).or_default().calls += 1;
        let fault = self.rules.iter_mut().find_map(|rule| rule.apply(&call));
        let mut delay = self.scaled(self.options.timings.latency);
        if let Some(Fault::Slow(more)) = fault {
            delay += more;
        }
        let mut writes = None;
        let verdict = match &fault {
            Some(Fault::Reset) => Verdict::Reset,
            Some(Fault::Refuse) => Verdict::NoConnection,
            fault => {
                let injected = fault
                    .as_ref()
                    .and_then(|fault| fault.refusal(&call.operation));
                match injected.map_or_else(|| self.admit(now, request), Err) {
                    Err(refusal) => Verdict::Refuse(refusal),
                    Ok(held) => {
                        writes = held;
                        self.pass(now + delay, request)
                    }
                }
            }
        };
        Admission {
            call,
            delay,
            verdict,
            lost: fault == Some(Fault::LoseAnswer),
            instead: (fault == Some(Fault::ServerErrorAfterEffect)).then(Refusal::internal),
            writes,
        }
    }

    /// Whether AWS accepts the request now, and what nobody else may write to meanwhile.
    fn admit(&mut self, now: Duration, request: &Request) -> Result<Option<String>, Refusal> {
        self.take_tokens(now, request)?;
        self.check_states(now, request)?;
        let Some((thing, busy)) = exclusive(request) else {
            return Ok(None);
        };
        if !self.writing.insert(thing.clone()) {
            return Err(busy);
        }
        Ok(Some(thing))
    }

    /// Takes a token from each of the request's buckets, or none from any.
    fn take_tokens(&mut self, now: Duration, request: &Request) -> Result<(), Refusal> {
        if !self.options.quotas {
            return Ok(());
        }
        let options = &self.options;
        let mut names = Vec::with_capacity(2);
        for (name, published) in buckets_of(&request.operation) {
            let bucket = self.buckets.entry(name).or_insert_with(|| {
                let quota = options.raised.get(*name).unwrap_or(published);
                let phase = unit_of(options.seed, name);
                Bucket::new(*quota, options.scale, options.competitor, phase)
            });
            if !bucket.has_one(now) {
                *self.emptied.entry(name).or_default() += 1;
                let count = self.counts.entry(request.operation.clone()).or_default();
                count.throttled += 1;
                return Err(Refusal::throttled(request.parts().0));
            }
            names.push(*name);
        }
        for name in names {
            if let Some(bucket) = self.buckets.get_mut(name) {
                bucket.take(now);
            }
        }
        Ok(())
    }

    /// Refuses what AWS refuses only for a while.
    fn check_states(&self, now: Duration, request: &Request) -> Result<(), Refusal> {
        let role = |name| {
            let role = last_part(request.text(name), '/');
            self.roles.get(role).is_none_or(|at| *at <= now)
        };
        match request.parts() {
            ("iam", operation) => self.check_principals(now, operation, request)?,
            ("states", "DescribeExecution" | "GetExecutionHistory") => {
                let arn = request.text("executionArn");
                let known = self.executions.get(execution_of(arn));
                if known.is_some_and(|at| *at > now) {
                    let message = format!("Execution Does Not Exist: '{arn}'");
                    return Err(Refusal::new(400, "ExecutionDoesNotExist", &message));
                }
            }
            ("lambda", operation) => {
                self.check_function(now, operation, request)?;
                let needs_role =
                    matches!(operation, "CreateFunction" | "UpdateFunctionConfiguration");
                if needs_role && !role("Role") {
                    return Err(Refusal::new(
                        400,
                        "InvalidParameterValueException",
                        "The role defined for the function cannot be assumed by Lambda.",
                    ));
                }
            }
            ("states", "CreateStateMachine" | "UpdateStateMachine" | "StartExecution") => {
                if self.deleting.contains(machine_of(request)) {
                    let message =
                        format!("State Machine is being deleted: '{}'", request.resource());
                    return Err(Refusal::new(400, "StateMachineDeleting", &message));
                }
                if !role("roleArn") {
                    return Err(Refusal::new(
                        400,
                        "AccessDeniedException",
                        "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.",
                    ));
                }
                let role = last_part(request.text("roleArn"), '/');
                if self.policies.get(role).is_some_and(|at| *at > now) {
                    return Err(Refusal::new(
                        400,
                        "AccessDeniedException",
                        "The state machine IAM Role is not authorized to access the Log Destination",
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Refuses requests about a principal that IAM does not find yet.
    fn check_principals(
        &self,
        now: Duration,
        operation: &str,
        request: &Request,
    ) -> Result<(), Refusal> {
        if self.principals.is_empty() {
            return Ok(());
        }
        let unknown = |kind: &str, name: &str| {
            let known = self.principals.get(&format!("{kind} {name}"));
            known.is_some_and(|at| *at > now)
        };
        let of_policy = matches!(
            operation,
            "CreatePolicyVersion" | "DeletePolicyVersion" | "DeletePolicy"
        );
        let about = [
            ("role", request.text("RoleName"), operation != "CreateRole"),
            ("user", request.text("UserName"), operation != "CreateUser"),
            (
                "policy",
                last_part(request.text("PolicyArn"), '/'),
                of_policy,
            ),
        ];
        for (kind, name, is_about) in about {
            if is_about && unknown(kind, name) {
                return Err(self.not_found(request, kind, name));
            }
        }
        // A policy that is only a parameter is not the request's resource, so no permission depends on it.
        for field in ["PolicyArn", "PermissionsBoundary"] {
            let arn = request.text(field);
            if unknown("policy", last_part(arn, '/')) {
                let message = format!("Scope ARN: {arn} does not exist or is not attachable.");
                return Err(Refusal::new(404, "NoSuchEntity", &message));
            }
        }
        Ok(())
    }

    /// IAM's answer about a name that it does not find. A caller whose policy covers only a path is refused, because the
    /// name has no path.
    pub fn not_found(&self, request: &Request, kind: &str, name: &str) -> Refusal {
        if self.options.path_policy {
            let operation = &request.operation;
            let message = format!(
                "User: arn:aws:iam::123456789012:user/instructor is not authorized to perform: {operation} on resource: \
                 {kind} {name} because no identity-based policy allows the {operation} action"
            );
            return Refusal::new(403, "AccessDenied", &message);
        }
        let message = format!("The {kind} with name {name} cannot be found.");
        Refusal::new(404, "NoSuchEntity", &message)
    }

    /// A pending function accepts no change and no invocation; a function under update accepts no change.
    /// Source: lambda/latest/dg/functions-states.html.
    fn check_function(
        &self,
        now: Duration,
        operation: &str,
        request: &Request,
    ) -> Result<(), Refusal> {
        let changes = matches!(
            operation,
            "UpdateFunctionCode"
                | "UpdateFunctionConfiguration"
                | "AddPermission"
                | "RemovePermission"
        );
        if !changes && !matches!(operation, "DeleteFunction" | "Invoke") {
            return Ok(());
        }
        let name = request.text("FunctionName");
        let Some(function) = self.functions.get(name) else {
            return Ok(());
        };
        if function.active_at > now {
            return Err(conflict(
                "The operation cannot be performed at this time. The function is currently in the following state: Pending",
            ));
        }
        if changes && function.updated_at > now {
            return Err(update_in_progress(name));
        }
        if operation == "AddPermission" && function.permits_at > now {
            return Err(Refusal::new(
                404,
                "ResourceNotFoundException",
                &format!("FunctionTimes not found: {name}"),
            ));
        }
        Ok(())
    }

    /// A deletion of a state machine is answered at once and carried out later.
    fn pass(&mut self, effect: Duration, request: &Request) -> Verdict {
        if request.operation != "states:DeleteStateMachine" {
            return Verdict::Pass;
        }
        if self.deleting.insert(machine_of(request).to_owned()) {
            Verdict::Later(effect + self.scaled(self.options.timings.machine_deleting))
        } else {
            Verdict::Nothing
        }
    }

    /// Notes that the cloud behind has carried out a request, or refused it.
    pub fn done(&mut self, now: Duration, request: &Request, succeeded: bool) {
        if request.operation == "states:DeleteStateMachine" {
            self.deleting.remove(machine_of(request));
        }
        if !succeeded {
            return;
        }
        let seed = self.options.seed;
        let timings = &self.options.timings;
        let made = match request.operation.as_str() {
            "iam:CreateRole" => Some(("role", request.text("RoleName"))),
            "iam:CreateUser" => Some(("user", request.text("UserName"))),
            "iam:CreatePolicy" => Some(("policy", request.text("PolicyName"))),
            _ => None,
        };
        if let Some((kind, name)) = made {
            let thing = format!("{kind} {name}");
            let takes = self.scaled(timings.iam_known.pick(seed, &thing));
            if !takes.is_zero() {
                self.principals.insert(thing, now + takes);
            }
        }
        let function = || request.text("FunctionName").to_owned();
        match request.operation.as_str() {
            "iam:CreateRole" => {
                let name = request.text("RoleName");
                let takes = timings.role_propagation.pick(seed, name);
                self.roles.insert(name.to_owned(), now + self.scaled(takes));
            }
            "iam:PutRolePolicy" => {
                let role = request.text("RoleName");
                let takes = self.scaled(timings.policy_in_force.pick(seed, role));
                self.policies.insert(role.to_owned(), now + takes);
            }
            "states:StartExecution" => {
                let name = format!("{}:{}", machine_of(request), request.text("name"));
                let takes = self.scaled(timings.execution_known.pick(seed, &name));
                if !takes.is_zero() {
                    self.executions.insert(name, now + takes);
                }
            }
            "iam:DeleteRole" => {
                self.roles.remove(request.text("RoleName"));
            }
            "lambda:CreateFunction" => {
                let active_at = now + self.scaled(timings.function_pending);
                let permits = timings.permission_known.pick(seed, &function());
                let made = FunctionTimes {
                    active_at,
                    updated_at: Duration::ZERO,
                    permits_at: active_at + self.scaled(permits),
                };
                self.functions.insert(function(), made);
            }
            "lambda:UpdateFunctionCode" | "lambda:UpdateFunctionConfiguration" => {
                let updated_at = now + self.scaled(timings.function_update);
                let known = self.functions.entry(function()).or_insert(FunctionTimes {
                    active_at: Duration::ZERO,
                    updated_at,
                    permits_at: Duration::ZERO,
                });
                known.updated_at = updated_at;
            }
            "lambda:DeleteFunction" => {
                self.functions.remove(&function());
            }
            _ => {}
        }
    }

    /// Notes that the request with [`Admission::writes`] has ended in any way.
    pub fn release(&mut self, thing: &str) {
        self.writing.remove(thing);
    }

    /// Changes the JSON of a successful answer to what AWS would still answer. `true` when it changed anything.
    pub fn amend(&self, now: Duration, request: &Request, answer: &mut Value) -> bool {
        match request.operation.as_str() {
            "lambda:GetFunction" => self.amend_function(now, request, &mut answer["Configuration"]),
            "lambda:GetFunctionConfiguration"
            | "lambda:CreateFunction"
            | "lambda:UpdateFunctionCode"
            | "lambda:UpdateFunctionConfiguration" => self.amend_function(now, request, answer),
            "states:DescribeStateMachine" if self.deleting.contains(machine_of(request)) => {
                answer["status"] = "DELETING".into();
                true
            }
            _ => false,
        }
    }

    fn amend_function(&self, now: Duration, request: &Request, configuration: &mut Value) -> bool {
        let Some(function) = self.functions.get(request.text("FunctionName")) else {
            return false;
        };
        let pending = function.active_at > now;
        if pending {
            configuration["State"] = "Pending".into();
            configuration["StateReason"] = "The function is being created.".into();
            configuration["StateReasonCode"] = "Creating".into();
        }
        let in_progress = pending || function.updated_at > now;
        if in_progress {
            configuration["LastUpdateStatus"] = "InProgress".into();
            return true;
        }
        match self.options.timings.function_passes {
            Some((state, takes)) if now < function.active_at + self.scaled(takes) => {
                configuration["State"] = state.into();
                true
            }
            _ => false,
        }
    }

    fn scaled(&self, time: Duration) -> Duration {
        time.div_f64(self.options.scale)
    }
}

fn conflict(message: &str) -> Refusal {
    Refusal::new(409, "ResourceConflictException", message)
}

fn update_in_progress(function: &str) -> Refusal {
    conflict(&format!(
        "The operation cannot be performed at this time. An update is in progress for resource: {function}"
    ))
}

fn last_part(text: &str, separator: char) -> &str {
    text.rsplit(separator).next().unwrap_or_default()
}

/// The state machine that a request names, by name or by ARN.
fn machine_of(request: &Request) -> &str {
    match request.text("stateMachineArn") {
        "" => request.text("name"),
        arn => last_part(arn, ':'),
    }
}

/// `MACHINE:NAME` of `arn:…:execution:MACHINE:NAME`.
fn execution_of(arn: &str) -> &str {
    arn.split_once(":execution:").map_or(arn, |(_, rest)| rest)
}

/// What accepts one writer at a time, and the answer to a second one. Sources: the API references of API Gateway
/// (ConflictException), Lambda (ResourceConflictException) and CloudWatch Logs (OperationAbortedException).
fn exclusive(request: &Request) -> Option<(String, Refusal)> {
    let (service, operation) = request.parts();
    let reads = ["?", "Get", "List", "Describe", "Filter", "Start", "Stop"]
        .iter()
        .any(|verb| operation.starts_with(verb));
    if reads {
        return None;
    }
    match (service, operation) {
        ("apigateway", "CreateRestApi") | ("apigatewayv2", "CreateApi") => None,
        ("apigateway" | "apigatewayv2", _) => Some((
            format!("api {}", request.resource()),
            Refusal::new(
                409,
                "ConflictException",
                "Unable to complete operation due to concurrent modification. Please try again later.",
            ),
        )),
        ("lambda", "Invoke") => None,
        ("lambda", _) => {
            let name = request.text("FunctionName");
            Some((format!("function {name}"), update_in_progress(name)))
        }
        ("logs", _) => Some((
            format!("log group {}", request.resource()),
            Refusal::new(
                400,
                "OperationAbortedException",
                "A conflicting operation is currently in progress against this resource. Please try again.",
            ),
        )),
        _ => None,
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
