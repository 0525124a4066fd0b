//! Step Functions. Source: Step Functions API reference.

use std::collections::BTreeMap;

use homeroom::strict::{Refusal, Request};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::answer::{Answer, Body};
use super::world::World;
use super::{ACCOUNT, REGION};

#[derive(Debug, Clone)]
pub(super) struct Machine {
    pub(super) name: String,
    definition: String,
    role_arn: String,
    workflow_type: String,
    /// Logging, tracing and encryption, where they were set.
    pub(super) settings: serde_json::Map<String, Value>,
    tags: BTreeMap<String, String>,
    created_at: Instant,
    /// Deleted, and gone once nothing runs any more.
    deleted: bool,
    executions: Vec<Execution>,
}

#[derive(Debug, Clone)]
struct Execution {
    name: String,
    input: String,
    status: &'static str,
    started_at: Instant,
    ends_at: Instant,
    redriven_at: Option<Instant>,
    /// From when on Step Functions tells of it.
    known_from: Instant,
    /// What it ends as.
    end: (&'static str, Option<String>, Option<String>),
    /// What was caught before it failed.
    caught: Option<(&'static str, String, String)>,
}

/// What an update sets besides definition and role.
const SETTINGS: [&str; 3] = [
    "encryptionConfiguration",
    "loggingConfiguration",
    "tracingConfiguration",
];

/// What the role of a machine that logs must be allowed on "*".
const DELIVERY: [&str; 8] = [
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
];

fn arn(name: &str) -> String {
    format!("arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}")
}

fn execution_arn(machine: &str, name: &str) -> String {
    format!("arn:aws:states:{REGION}:{ACCOUNT}:execution:{machine}:{name}")
}

fn error(code: &str, message: &str) -> Refusal {
    Refusal::new(400, code, message)
}

/// The events of an execution, the oldest first. Source: GetExecutionHistory, HistoryEvent.
fn history(execution: &Execution) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    let mut add = |kind: &str, details: Option<(&str, Value)>| {
        let id = events.len() + 1;
        // The first state's event names none before it.
        let previous = if id <= 2 { 0 } else { id - 1 };
        let mut event = json!({"id": id, "previousEventId": previous, "type": kind, "timestamp": 1_767_225_600.0});
        if let Some((key, value)) = details {
            event[key] = value;
        }
        events.push(event);
    };
    let entered = |state: &str| Some(("stateEnteredEventDetails", json!({"name": state})));
    let exited = |state: &str| Some(("stateExitedEventDetails", json!({"name": state})));
    let (status, error, cause) = &execution.end;
    let state = execution.caught.as_ref().map_or("First", |caught| caught.0);
    add("ExecutionStarted", None);
    add("TaskStateEntered", entered(state));
    add("LambdaFunctionScheduled", None);
    add("LambdaFunctionStarted", None);
    if execution.status == "RUNNING" {
        return events;
    }
    if let Some((state, error, cause)) = &execution.caught {
        let details = json!({"error": error, "cause": cause});
        add(
            "LambdaFunctionFailed",
            Some(("lambdaFunctionFailedEventDetails", details)),
        );
        add("TaskStateExited", exited(state));
        add("FailStateEntered", entered("Failed"));
    }
    let details = json!({"error": error, "cause": cause});
    match *status {
        "FAILED" => add(
            "ExecutionFailed",
            Some(("executionFailedEventDetails", details)),
        ),
        "TIMED_OUT" => add("ExecutionTimedOut", None),
        "ABORTED" => add("ExecutionAborted", None),
        _ => add("ExecutionSucceeded", None),
    }
    events
}

fn valid_definition(text: &str) -> Result<(), Refusal> {
    let parsed: Option<Value> = serde_json::from_str(text).ok();
    let start = parsed
        .as_ref()
        .and_then(|d| d["StartAt"].as_str().map(|s| &d["States"][s]));
    if start.is_some_and(Value::is_object) {
        return Ok(());
    }
    Err(error(
        "InvalidDefinition",
        "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET'",
    ))
}

impl World {
    pub(super) fn states(&mut self, operation: &str, request: &Request) -> Answer {
        let machine_arn = match request.text("stateMachineArn") {
            "" => request.text("resourceArn"),
            arn => arn,
        };
        let name = machine_arn.rsplit(':').next().unwrap_or_default();
        Ok(Body::Json(match operation {
            "ListStateMachines" => self.list_machines(request),
            "CreateStateMachine" => self.create_machine(request)?,
            "ValidateStateMachineDefinition" => {
                match valid_definition(request.text("definition")) {
                    Ok(()) => json!({"result": "OK", "diagnostics": [], "truncated": false}),
                    Err(_) => json!({"result": "FAIL", "truncated": false, "diagnostics": [{
                    "severity": "ERROR",
                    "code": "MISSING_TRANSITION_TARGET",
                    "message": "Missing 'Next' target",
                    "location": "/StartAt",
                }, {"severity": "WARNING", "code": "W", "message": "only a warning"}]}),
                }
            }
            "DescribeStateMachine" => {
                let machine = self.machine(name)?.clone();
                let mut described = Value::from(machine.settings);
                let own = json!({
                    "stateMachineArn": arn(name),
                    "name": name,
                    "status": if machine.deleted { "DELETING" } else { "ACTIVE" },
                    "definition": machine.definition,
                    "roleArn": machine.role_arn,
                    "type": machine.workflow_type,
                    "creationDate": self.seconds(machine.created_at),
                });
                for (key, value) in own.as_object().into_iter().flatten() {
                    described[key] = value.clone();
                }
                described
            }
            "UpdateStateMachine" => {
                let (definition, role) = (request.text("definition"), request.text("roleArn"));
                self.living(name)?;
                valid_definition(definition)?;
                self.check_role(role)?;
                self.check_logging(role, request.get("loggingConfiguration"))?;
                let machine = self.machine(name)?;
                machine.definition = definition.to_owned();
                machine.role_arn = role.to_owned();
                for key in SETTINGS {
                    if !request.get(key).is_null() {
                        let value = request.get(key).clone();
                        machine.settings.insert(key.to_owned(), value);
                    }
                }
                json!({"updateDate": self.seconds(self.now)})
            }
            "DeleteStateMachine" => {
                // Deleting what is not there, or is going, is no error.
                if let Some(machine) = self.machines.get_mut(name) {
                    machine.deleted = true;
                }
                self.settle_machines();
                json!({})
            }
            "TagResource" => {
                let machine = self.machines.get_mut(name);
                let machine =
                    machine.ok_or_else(|| error("ResourceNotFound", "Resource not found"))?;
                for tag in request.get("tags").as_array().into_iter().flatten() {
                    let text = |key: &str| tag[key].as_str().unwrap_or_default().to_owned();
                    machine.tags.insert(text("key"), text("value"));
                }
                json!({})
            }
            "ListTagsForResource" => {
                let machine = self.machines.get(name);
                let machine =
                    machine.ok_or_else(|| error("ResourceNotFound", "Resource not found"))?;
                let tags: Vec<Value> = machine
                    .tags
                    .iter()
                    .map(|(k, v)| json!({"key": k, "value": v}))
                    .collect();
                json!({ "tags": tags })
            }
            "StartExecution" => {
                let arn =
                    self.start_execution(name, request.text("name"), request.text("input"))?;
                json!({"executionArn": arn, "startDate": self.seconds(self.now)})
            }
            "StopExecution" => {
                let now = self.now;
                let execution = self.execution(request.text("executionArn"))?;
                if execution.status == "RUNNING" {
                    execution.ends_at = now;
                    execution.end = ("ABORTED", None, None);
                }
                self.settle_machines();
                json!({"stopDate": self.seconds(now)})
            }
            "DescribeExecution" => {
                let arn = request.text("executionArn");
                let execution = self.execution(arn)?.clone();
                let mut answer = self.execution_item(arn, &execution);
                answer["input"] = execution.input.into();
                if answer["status"] != "RUNNING" {
                    answer["error"] = execution.end.1.into();
                    answer["cause"] = execution.end.2.into();
                }
                for field in &self.hidden {
                    answer[*field] = Value::Null;
                }
                answer
            }
            "ListExecutions" => self.list_executions(name, request)?,
            "GetExecutionHistory" => {
                let execution = self.execution(request.text("executionArn"))?.clone();
                let mut events = history(&execution);
                if request.get("reverseOrder") == &Value::Bool(true) {
                    events.reverse();
                }
                let (page, next) = self.page(
                    events,
                    request.text("nextToken"),
                    request.number("maxResults"),
                    1000,
                );
                json!({"events": page, "nextToken": next})
            }
            _ => panic!("Step Functions here knows no {operation}"),
        }))
    }

    fn machine(&mut self, name: &str) -> Result<&mut Machine, Refusal> {
        let message = format!("State Machine Does Not Exist: '{}'", arn(name));
        self.machines
            .get_mut(name)
            .ok_or_else(|| error("StateMachineDoesNotExist", &message))
    }

    fn living(&mut self, name: &str) -> Result<&mut Machine, Refusal> {
        let machine = self.machine(name)?;
        if machine.deleted {
            let message = format!("State Machine is being deleted: '{}'", arn(name));
            return Err(error("StateMachineDeleting", &message));
        }
        Ok(machine)
    }

    fn check_role(&self, role: &str) -> Result<(), Refusal> {
        if self.assumable(role, "states.amazonaws.com") {
            return Ok(());
        }
        Err(error(
            "AccessDeniedException",
            "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.",
        ))
    }

    /// A machine that logs needs one log group that is there, by the ARN with `:*` behind it, and a role that may set up the
    /// delivery. Sources: LogDestination; "Using CloudWatch Logs to log execution history", "IAM policies".
    fn check_logging(&self, role: &str, logging: &Value) -> Result<(), Refusal> {
        if logging.is_null() || logging["level"] == "OFF" {
            return Ok(());
        }
        let destinations = logging["destinations"].as_array();
        let group = match destinations.map(Vec::as_slice) {
            Some([one]) => one["cloudWatchLogsLogGroup"]["logGroupArn"].as_str(),
            _ => None,
        };
        let name = group.and_then(|arn| {
            let rest = arn.strip_prefix(&format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"))?;
            rest.strip_suffix(":*")
        });
        if !name.is_some_and(|name| self.log_groups.contains_key(name)) {
            let message = "Invalid Logging Configuration: Log Destination does not exist";
            return Err(error("InvalidLoggingConfiguration", message));
        }
        if DELIVERY.iter().any(|action| !self.role_may(role, action)) {
            let message =
                "The state machine IAM Role is not authorized to access the Log Destination";
            return Err(error("AccessDeniedException", message));
        }
        Ok(())
    }

    fn create_machine(&mut self, request: &Request) -> Result<Value, Refusal> {
        let name = request.text("name");
        let (definition, workflow_type) = (request.text("definition"), request.text("type"));
        if name.is_empty() || name.len() > 80 {
            return Err(error("InvalidName", "Invalid Name"));
        }
        valid_definition(definition)?;
        if self.machines.contains_key(name) {
            let machine = self.living(name)?;
            // Idempotent by name, definition and type; another role or other tags go unnoticed.
            if machine.definition != definition || machine.workflow_type != workflow_type {
                let message = format!("State Machine Already Exists: '{}'", arn(name));
                return Err(error("StateMachineAlreadyExists", &message));
            }
        } else {
            self.check_role(request.text("roleArn"))?;
            self.check_logging(request.text("roleArn"), request.get("loggingConfiguration"))?;
            let tags = request.get("tags").as_array().into_iter().flatten();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let machine = Machine {
                name: name.to_owned(),
                definition: definition.to_owned(),
                role_arn: request.text("roleArn").to_owned(),
                workflow_type: workflow_type.to_owned(),
                settings: SETTINGS
                    .iter()
                    .map(|key| ((*key).to_owned(), request.get(key).clone()))
                    .filter(|(_, value)| !value.is_null())
                    .collect(),
                tags: tags
                    .map(|tag| (text(&tag["key"]), text(&tag["value"])))
                    .collect(),
                created_at: self.now,
                deleted: false,
                executions: Vec::new(),
            };
            self.machines.insert(name.to_owned(), machine);
        }
        Ok(json!({"stateMachineArn": arn(name), "creationDate": self.seconds(self.now)}))
    }

    /// Shows machines that are being deleted as well.
    fn list_machines(&self, request: &Request) -> Value {
        let all: Vec<Value> = self
            .machines
            .values()
            .map(|machine| {
                json!({
                    "stateMachineArn": arn(&machine.name),
                    "name": machine.name,
                    "type": machine.workflow_type,
                    "creationDate": self.seconds(machine.created_at),
                })
            })
            .collect();
        let (page, next) = self.page(
            all,
            request.text("nextToken"),
            request.number("maxResults"),
            1000,
        );
        json!({"stateMachines": page, "nextToken": next})
    }

    /// Starts an execution as the script says.
    pub(super) fn start_execution(
        &mut self,
        machine: &str,
        name: &str,
        input: &str,
    ) -> Result<String, Refusal> {
        let parsed: Value = serde_json::from_str(input).map_err(|_| {
            error(
                "InvalidExecutionInput",
                "Invalid State Machine Execution Input",
            )
        })?;
        let run = (self.script)(&parsed);
        let (now, lag) = (self.now, self.execution_lag);
        let found = self.living(machine)?;
        if let Some(same) = found.executions.iter().find(|e| e.name == name) {
            if same.status == "RUNNING" && same.input == input {
                return Ok(execution_arn(machine, name));
            }
            let message = format!(
                "Execution Already Exists: '{}'",
                execution_arn(machine, name)
            );
            return Err(error("ExecutionAlreadyExists", &message));
        }
        found.executions.push(Execution {
            name: name.to_owned(),
            input: input.to_owned(),
            status: "RUNNING",
            started_at: now,
            ends_at: now + run.takes,
            redriven_at: None,
            known_from: now + lag,
            end: (run.status, run.error, run.cause),
            caught: run.caught,
        });
        let definition = found.definition.clone();
        self.log_tasks(&definition, name);
        self.settle_machines();
        Ok(execution_arn(machine, name))
    }

    fn execution(&mut self, arn: &str) -> Result<&mut Execution, Refusal> {
        let now = self.now;
        let mut parts = arn.rsplit(':');
        let (name, machine) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        let executions = self.machines.get_mut(machine).map(|m| &mut m.executions);
        executions
            .and_then(|all| {
                all.iter_mut()
                    .find(|e| e.name == name && e.known_from <= now)
            })
            .ok_or_else(|| {
                error(
                    "ExecutionDoesNotExist",
                    &format!("Execution Does Not Exist: '{arn}'"),
                )
            })
    }

    fn execution_item(&self, arn: &str, execution: &Execution) -> Value {
        let machine = arn.rsplit(':').nth(1).unwrap_or_default();
        let ended = execution.status != "RUNNING";
        json!({
            "executionArn": arn,
            "stateMachineArn": self::arn(machine),
            "name": execution.name,
            "status": execution.status,
            "startDate": self.seconds(execution.started_at),
            "stopDate": ended.then(|| self.seconds(execution.ends_at)),
            "redriveCount": u8::from(execution.redriven_at.is_some()),
            "redriveDate": execution.redriven_at.map(|at| self.seconds(at)),
        })
    }

    fn list_executions(&mut self, name: &str, request: &Request) -> Result<Value, Refusal> {
        let filter = request.text("statusFilter");
        self.machine(name)?;
        let machine = &self.machines[name];
        let all: Vec<&Execution> = machine
            .executions
            .iter()
            .rev()
            .filter(|e| e.known_from <= self.now && (filter.is_empty() || e.status == filter))
            .collect();
        let (page, next) = self.page(
            all,
            request.text("nextToken"),
            request.number("maxResults"),
            1000,
        );
        let item = |e: &Execution| self.execution_item(&execution_arn(name, &e.name), e);
        let page: Vec<Value> = page.into_iter().map(item).collect();
        Ok(json!({"executions": page, "nextToken": next}))
    }

    /// Somebody has a failed execution begun once more; it fails again at once.
    pub(super) fn redrive(&mut self, arn: &str) {
        let now = self.now;
        let execution = self.execution(arn).expect("it is there");
        assert_eq!(execution.status, "FAILED", "only what failed is redriven");
        (execution.redriven_at, execution.ends_at) = (Some(now), now);
    }

    /// So many executions that have succeeded, as if somebody had let a loop run.
    pub(super) fn flood(&mut self, machine: &str, count: usize, prefix: &str, input: &str) {
        let now = self.now;
        let machine = self.machines.get_mut(machine).expect("it is there");
        let flood = (0..count).map(|n| Execution {
            name: format!("{prefix}{n}"),
            input: input.to_owned(),
            status: "SUCCEEDED",
            started_at: now,
            known_from: now,
            ends_at: now,
            redriven_at: None,
            end: ("SUCCEEDED", None, None),
            caught: None,
        });
        machine.executions.extend(flood);
    }

    /// Ends executions whose time has come, then lets go of deleted machines on which nothing runs.
    pub(super) fn settle_machines(&mut self) {
        let now = self.now;
        for machine in self.machines.values_mut() {
            for execution in &mut machine.executions {
                if execution.status == "RUNNING" && execution.ends_at <= now {
                    execution.status = execution.end.0;
                }
            }
        }
        self.machines.retain(|_, machine| {
            !machine.deleted || machine.executions.iter().any(|e| e.status == "RUNNING")
        });
    }
}
