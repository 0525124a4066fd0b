//! What `templates/lab.toml` may say. Unknown keys are refused, so that a typing error is never a silent default.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::aws::execution::Status;
use crate::ids::LabId;
use crate::lab::check::Check;
use crate::lab::marks::Marks;
use crate::stack::kinds::state_machine::WorkflowType;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub lab: Head,
    pub settings: toml::Table,
    #[serde(default)]
    pub rehearsal: Rehearsal,
    #[serde(default, rename = "role")]
    pub roles: Vec<Role>,
    #[serde(default, rename = "function")]
    pub functions: Vec<Function>,
    #[serde(default, rename = "state_machine")]
    pub state_machines: Vec<StateMachine>,
    #[serde(default, rename = "rest_api")]
    pub rest_apis: Vec<RestApi>,
    pub access: Option<Access>,
    #[serde(default, rename = "output")]
    pub outputs: Vec<Output>,
    #[serde(default, rename = "payload")]
    pub payloads: Vec<Payload>,
    pub handout: Option<Handout>,
    #[serde(default)]
    pub marks: Marks,
    #[serde(default, rename = "probe")]
    pub probes: Vec<Probe>,
    #[serde(default, rename = "check")]
    pub checks: Vec<Check>,
    /// The line of each check's `points`; `None` where it is left out.
    #[serde(skip)]
    pub points_lines: Vec<Option<usize>>,
}

/// Where each check says its points, for messages.
#[derive(Deserialize)]
pub(super) struct PointsPlaces {
    #[serde(default, rename = "check")]
    checks: Vec<PointsPlace>,
}

#[derive(Deserialize)]
struct PointsPlace {
    points: Option<toml::Spanned<toml::Value>>,
}

impl PointsPlaces {
    /// The line of each check's `points`, in the order of the checks.
    pub fn lines(self, text: &str) -> Vec<Option<usize>> {
        let place = |check: PointsPlace| Some(line_of(text, check.points?.span().start));
        self.checks.into_iter().map(place).collect()
    }
}

/// The line in which a byte of a text stands; the first is 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub id: LabId,
    pub title: String,
    pub minutes: u32,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rehearsal {
    #[serde(default)]
    pub settings: BTreeMap<String, toml::Value>,
    /// What a scripted student does, in order; all of it completes the lab.
    #[serde(default, rename = "step")]
    pub steps: Vec<RehearsalStep>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum RehearsalStep {
    /// As from the console: an execution with a name of the student's choice.
    Execution {
        state_machine: String,
        name: String,
        payload: String,
    },
    /// Requests to the student's API.
    Api {
        api: String,
        method: String,
        path: String,
        payload: String,
        #[serde(default = "once")]
        times: u32,
    },
}

fn once() -> u32 {
    1
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    pub id: String,
    pub name: String,
    pub trust: String,
    pub policy: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Function {
    pub id: String,
    pub name: String,
    pub role: String,
    pub code: String,
    pub handler: String,
    /// The setting `runtime` where it is left out.
    pub runtime: Option<String>,
    pub timeout_s: i32,
    pub memory_mib: i32,
    /// How many of it may run at once, or "off": a number, or a text, perhaps of a setting.
    pub reserved_concurrency: Option<Figure>,
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateMachine {
    pub id: String,
    pub name: String,
    #[serde(rename = "type")]
    pub workflow_type: WorkflowType,
    pub role: String,
    pub definition: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RestApi {
    pub id: String,
    pub name: String,
    pub stage: String,
    /// Who may call it: a text, perhaps of a setting.
    pub authorization: Option<String>,
    pub throttle: Option<Throttle>,
    #[serde(rename = "route")]
    pub routes: Vec<Route>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Throttle {
    pub rate: Figure,
    pub burst: Figure,
}

impl Throttle {
    /// Its figures, each with its key.
    pub fn figures(&self) -> [(&'static str, &Figure); 2] {
        [
            ("throttle.rate", &self.rate),
            ("throttle.burst", &self.burst),
        ]
    }
}

/// A number, or a text that gives one once it is filled in.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "a whole number, or a text like \"{{ settings.… }}\""
)]
pub(super) enum Figure {
    Number(u32),
    Text(String),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Route {
    pub method: String,
    pub path: String,
    pub function: String,
}

/// What students may do: two templates of IAM policies.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Access {
    pub policy: String,
    pub boundary: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Output {
    pub id: String,
    pub label: String,
    pub value: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Payload {
    pub id: String,
    pub title: String,
    pub template: String,
}

/// What a student is told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Handout {
    /// A Markdown file.
    pub template: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Probe {
    pub id: String,
    pub title: String,
    pub hint: String,
    pub deadline_s: u64,
    pub request: ProbeRequest,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum ProbeRequest {
    Api {
        api: String,
        method: String,
        path: String,
        body: String,
        expect_http: u16,
        expect_end: Option<EndState>,
        #[serde(default = "execution_arn_pointer")]
        execution_arn_pointer: String,
    },
    Execution {
        state_machine: String,
        input: String,
        expect_end: EndState,
    },
    LogEvents {
        functions: Vec<String>,
    },
}

/// How an execution must have ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndState {
    /// Its status; a final one.
    pub status: Status,
    /// Its error's name, where that matters.
    pub error: Option<String>,
}

fn execution_arn_pointer() -> String {
    "/executionArn".to_owned()
}
