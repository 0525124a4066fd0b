//! What `templates/lab.toml` may say. Unknown keys are refused, so that a typing error is never a silent default.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::aws::execution::ExecutionStatus;
use crate::ids::{ApiType, LabId, ResourceId};
use crate::lab::check::Check;
use crate::lab::marks::Marks;
use crate::lab::mistake::Mistake;
use crate::stack::kinds::Kind;
use crate::stack::kinds::api::{Authorization, Throttle};
use crate::stack::kinds::function::log_group_of;
use crate::stack::kinds::state_machine::{
    LOG_GROUP_PREFIX, LOG_GROUP_SUFFIX, LoggedEvents, MachineLogging, WorkflowType,
};
use crate::stack::names::NamePattern;

/// What messages call the manifest.
pub(super) const MANIFEST: &str = "templates/lab.toml";

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(crate) lab: LabHead,
    pub(crate) settings: toml::Table,
    #[serde(default)]
    pub(crate) rehearsal: Rehearsal,
    #[serde(default, rename = "role")]
    pub(crate) roles: Vec<RoleEntry>,
    #[serde(default, rename = "function")]
    pub(crate) functions: Vec<FunctionEntry>,
    #[serde(default, rename = "state_machine")]
    pub(crate) state_machines: Vec<StateMachineEntry>,
    /// Once the text is read, those of `rest_api` as well.
    #[serde(default, rename = "api")]
    pub(crate) apis: Vec<ApiEntry>,
    /// The form of an API of the type REST. Empty once the text is read.
    #[serde(default, rename = "rest_api")]
    rest_apis: Vec<ApiEntry>,
    pub(crate) access: Option<AccessEntry>,
    #[serde(default, rename = "output")]
    pub(crate) outputs: Vec<OutputEntry>,
    #[serde(default, rename = "payload")]
    pub(crate) payloads: Vec<PayloadEntry>,
    pub(crate) handout: Option<HandoutEntry>,
    #[serde(default)]
    pub(crate) marks: Marks,
    #[serde(default, rename = "probe")]
    pub(crate) probes: Vec<Probe>,
    #[serde(default, rename = "check")]
    pub(crate) checks: Vec<Check>,
    #[serde(default, rename = "mistake")]
    pub(crate) mistakes: Vec<Mistake>,
    /// The line of each check's `points`; `None` where it is left out.
    #[serde(skip)]
    pub(crate) points_lines: Vec<Option<usize>>,
    /// The line of each entry's id, by table and id.
    #[serde(skip)]
    lines: BTreeMap<(&'static str, String), usize>,
}

impl Manifest {
    /// Reads the manifest's text.
    pub(crate) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let mut manifest: Self = toml::from_str(text)?;
        for api in &mut manifest.rest_apis {
            api.table = ApiTable::RestApi;
        }
        manifest.apis.splice(0..0, manifest.rest_apis.drain(..));
        let places: Places = toml::from_str(text)?;
        let points = |check: &EntryPlace| {
            let points = check.points.as_ref()?;
            Some(line_of(text, points.span().start))
        };
        Ok(Self {
            points_lines: places.checks.iter().map(points).collect(),
            lines: places.lines(text),
            ..manifest
        })
    }

    /// Where an entry stands, for a message: the file, and the line of its id.
    pub(crate) fn place_of(&self, table: &'static str, id: &str) -> String {
        match self.lines.get(&(table, id.to_owned())) {
            Some(line) => format!("{MANIFEST}, line {line}"),
            None => MANIFEST.to_owned(),
        }
    }
}

/// An entry of a list, for the lines of what it holds.
#[derive(Deserialize)]
struct EntryPlace {
    id: Option<toml::Spanned<String>>,
    points: Option<toml::Spanned<toml::Value>>,
}

macro_rules! places {
    ($($field:ident: $table:literal),+ $(,)?) => {
        #[derive(Deserialize)]
        struct Places {
            $(#[serde(default, rename = $table)] $field: Vec<EntryPlace>,)+
        }

        impl Places {
            /// The line of every entry's id, by table and id; of two that are the same, of the second one.
            fn lines(&self, text: &str) -> BTreeMap<(&'static str, String), usize> {
                let mut lines = BTreeMap::new();
                $(for id in self.$field.iter().filter_map(|entry| entry.id.as_ref()) {
                    let key = ($table, id.get_ref().clone());
                    lines.insert(key, line_of(text, id.span().start));
                })+
                lines
            }
        }
    };
}

places!(
    roles: "role",
    functions: "function",
    state_machines: "state_machine",
    apis: "api",
    rest_apis: "rest_api",
    outputs: "output",
    payloads: "payload",
    probes: "probe",
    checks: "check",
    mistakes: "mistake",
);

/// The line in which a byte of a text stands; the first is 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LabHead {
    pub(crate) id: LabId,
    pub(crate) title: String,
    pub(crate) minutes: u32,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rehearsal {
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, toml::Value>,
    /// What a scripted student does, in this order. A student who does all of it has completed the lab.
    #[serde(default, rename = "step")]
    pub(crate) steps: Vec<RehearsalStep>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum RehearsalStep {
    /// An execution with a name of the student's choice, as if started in the console.
    Execution {
        state_machine: String,
        name: String,
        payload: String,
    },
    Api {
        api: String,
        method: String,
        path: String,
        payload: Option<String>,
        #[serde(default)]
        query: BTreeMap<String, String>,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Any of 200 to 299 where it is left out.
        expect_http: Option<u16>,
        #[serde(default)]
        expect: BTreeMap<String, Value>,
        #[serde(default = "once")]
        times: u32,
    },
    /// The function is invoked by itself, as with Test in the console.
    Invoke {
        function: String,
        payload: Option<String>,
        #[serde(default)]
        expect: BTreeMap<String, Value>,
        #[serde(default = "once")]
        times: u32,
    },
}

fn once() -> u32 {
    1
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleEntry {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) trust: String,
    pub(crate) policy: String,
    #[serde(skip, default = "unnamed")]
    pub(crate) pattern: NamePattern,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FunctionEntry {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) code: String,
    pub(crate) handler: String,
    /// The setting `runtime` where it is left out.
    pub(crate) runtime: Option<String>,
    pub(crate) timeout_s: i32,
    pub(crate) memory_mib: i32,
    #[serde(default)]
    pub(crate) architecture: Architecture,
    /// ARNs with their versions: texts.
    #[serde(default)]
    pub(crate) layers: Vec<String>,
    #[serde(default)]
    pub(crate) tracing: bool,
    pub(crate) ephemeral_storage_mib: Option<i32>,
    /// How many may run at once: a number, or a text (perhaps a setting's) that gives one or is "off".
    pub(crate) reserved_concurrency: Option<FigureOrText>,
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    #[serde(skip, default = "unnamed")]
    pub(crate) pattern: NamePattern,
    /// Worked out of `reserved_concurrency`, once the settings are known.
    #[serde(skip)]
    pub(crate) reserved: Option<u32>,
}

/// What a function runs on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Architecture {
    #[default]
    #[serde(rename = "x86_64")]
    X8664,
    Arm64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateMachineEntry {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) workflow_type: WorkflowType,
    pub(crate) role: String,
    pub(crate) definition: String,
    #[serde(default)]
    pub(crate) tracing: bool,
    pub(crate) logging: Option<LoggedEvents>,
    /// Whether the log has inputs and outputs.
    #[serde(default)]
    pub(crate) include_execution_data: bool,
    #[serde(skip, default = "unnamed")]
    pub(crate) pattern: NamePattern,
}

impl StateMachineEntry {
    pub(crate) fn logging(&self) -> Option<MachineLogging> {
        let execution_data = self.include_execution_data;
        self.logging.map(|events| MachineLogging {
            events,
            execution_data,
        })
    }

    /// The log group of one that logs.
    pub(crate) fn log_group(&self) -> Option<NamePattern> {
        self.logging.map(|_| NamePattern {
            kind: Kind::LogGroup,
            prefix: format!("{LOG_GROUP_PREFIX}{}", self.pattern.prefix),
            suffix: format!("{}{LOG_GROUP_SUFFIX}", self.pattern.suffix),
        })
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiEntry {
    pub(crate) id: String,
    pub(crate) name: String,
    /// "REST" or "HTTP": a text, perhaps a setting's. A `[[rest_api]]` has none.
    #[serde(rename = "type")]
    pub(crate) type_text: Option<String>,
    /// Of a REST API; an HTTP API has the one that AWS gives it.
    #[serde(rename = "stage")]
    pub(crate) rest_stage: Option<String>,
    /// A text, perhaps a setting's.
    pub(crate) authorization: Option<String>,
    pub(crate) throttle: Option<ThrottleEntry>,
    #[serde(rename = "route")]
    pub(crate) routes: Vec<RouteEntry>,
    #[serde(skip, default = "unnamed")]
    pub(crate) pattern: NamePattern,
    #[serde(skip)]
    pub(crate) table: ApiTable,
    /// Worked out of `type_text`, `rest_stage`, `authorization` and `throttle`, once the settings are known.
    #[serde(skip)]
    pub(crate) api_type: ApiType,
    #[serde(skip)]
    pub(crate) stage: String,
    #[serde(skip)]
    pub(crate) limits: ApiLimits,
}

/// Where in the manifest an API stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ApiTable {
    #[default]
    Api,
    RestApi,
}

impl ApiEntry {
    /// Where templates find what the entry has.
    pub(crate) fn values(&self) -> &'static str {
        match self.table {
            ApiTable::Api => "apis",
            ApiTable::RestApi => "rest_apis",
        }
    }

    /// The key under which a text of the entry is compiled.
    pub(crate) fn key(&self, what: &str) -> String {
        entry_key(self.table(), &self.id, what)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThrottleEntry {
    pub(crate) rate: FigureOrText,
    pub(crate) burst: FigureOrText,
}

/// A number, or a text that gives one once it is filled in.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "a whole number, or a text like \"{{ settings.… }}\""
)]
pub(super) enum FigureOrText {
    Number(u32),
    Text(String),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteEntry {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) function: String,
}

/// Who may call an API, and how often.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ApiLimits {
    pub(crate) authorization: Authorization,
    pub(crate) throttle: Option<Throttle>,
}

/// A resource of the stack, as the manifest has it.
pub(super) trait ManifestEntry {
    const TABLE: &'static str;
    /// The table that this one stands in.
    fn table(&self) -> &'static str {
        Self::TABLE
    }
    fn kind(&self) -> Kind;
    fn id(&self) -> &str;
    fn name(&self) -> &str;
    /// How it is named, once the settings are known.
    fn pattern(&self) -> &NamePattern;
    fn set_pattern(&mut self, pattern: NamePattern);
}

macro_rules! entry {
    ($entry:ident, $table:literal, $($own:item)+) => {
        impl ManifestEntry for $entry {
            const TABLE: &'static str = $table;
            $($own)+
            fn id(&self) -> &str {
                &self.id
            }
            fn name(&self) -> &str {
                &self.name
            }
            fn pattern(&self) -> &NamePattern {
                &self.pattern
            }
            fn set_pattern(&mut self, pattern: NamePattern) {
                self.pattern = pattern;
            }
        }
    };
}

macro_rules! of_kind {
    ($entry:ident, $kind:ident, $table:literal) => {
        entry!(
            $entry,
            $table,
            fn kind(&self) -> Kind {
                Kind::$kind
            }
        );
    };
}

of_kind!(RoleEntry, Role, "role");
of_kind!(FunctionEntry, Function, "function");
of_kind!(StateMachineEntry, StateMachine, "state_machine");
entry! { ApiEntry, "api",
    fn kind(&self) -> Kind {
        self.api_type.kind()
    }
    fn table(&self) -> &'static str {
        match self.table {
            ApiTable::Api => "api",
            ApiTable::RestApi => "rest_api",
        }
    }
}

/// What messages call a text of an entry. A text that is a template is compiled under this key.
pub(super) fn entry_key(table: &str, id: &str, key: &str) -> String {
    format!("[[{table}]] {id:?}: {key}")
}

pub(super) fn of_id<'a, E: ManifestEntry>(entries: &'a [E], id: &str) -> Option<&'a E> {
    entries.iter().find(|entry| entry.id() == id)
}

impl Manifest {
    /// How the stack's log groups are named: of the functions, in their order, then of the state machines that log.
    pub(crate) fn log_groups(&self) -> impl Iterator<Item = NamePattern> {
        let of_functions = self.functions.iter().map(FunctionEntry::log_group);
        let machines = self.state_machines.iter();
        of_functions.chain(machines.filter_map(StateMachineEntry::log_group))
    }
}

impl FunctionEntry {
    pub(crate) fn log_group(&self) -> NamePattern {
        NamePattern {
            kind: Kind::LogGroup,
            prefix: format!("/aws/lambda/{}", self.pattern.prefix),
            suffix: self.pattern.suffix.clone(),
        }
    }
}

fn unnamed() -> NamePattern {
    NamePattern {
        kind: Kind::Role,
        prefix: String::new(),
        suffix: String::new(),
    }
}

/// What students may do: two templates of IAM policies.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessEntry {
    pub(crate) policy: String,
    pub(crate) boundary: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutputEntry {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) value: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PayloadEntry {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) template: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HandoutEntry {
    pub(crate) template: String,
}

/// One thing that `validate` tries. The manifest's names resources by their ids, and templates by their paths. One
/// from [`Lab::probes`](crate::lab::Lab::probes) is filled in for a student: it has the resources' names and the texts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    pub(crate) id: String,
    /// What must be so, in a sentence.
    pub(crate) title: String,
    /// What to do when it is not.
    pub(crate) hint: String,
    /// Seconds after which it counts as failed.
    pub(crate) deadline_s: u64,
    pub(crate) request: ProbeRequest,
}

/// What a probe tries, and what must come of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum ProbeRequest {
    /// A request to the student's API.
    Api {
        api: String,
        /// As the lab's API has it, once the probe is filled in.
        #[serde(skip)]
        api_type: ApiType,
        /// Empty until the probe is filled in.
        #[serde(skip)]
        stage: String,
        method: String,
        /// With values in the place of the route's parameters.
        path: String,
        #[serde(default)]
        query: BTreeMap<String, String>,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        body: Option<String>,
        expect_http: u16,
        /// Values of the answer, by JSON pointer.
        #[serde(default)]
        expect: BTreeMap<String, Value>,
        /// How the execution must end whose ARN the answer holds.
        expect_end: Option<EndState>,
        /// Where in the answer that ARN stands (JSON pointer).
        #[serde(default = "execution_arn_pointer")]
        execution_arn_pointer: String,
    },
    /// An execution that homeroom starts itself.
    Execution {
        state_machine: String,
        input: String,
        expect_end: EndState,
    },
    /// The function itself is invoked, and answers.
    Invoke {
        function: String,
        payload: Option<String>,
        /// Values of the answer, by JSON pointer.
        #[serde(default)]
        expect: BTreeMap<String, Value>,
    },
    /// Log events of these functions must arrive.
    LogEvents { functions: Vec<String> },
}

impl ProbeRequest {
    /// What it sends, with its key in the manifest: the template's path, or the text once the probe is filled in.
    pub(crate) fn sends(&self) -> Option<(&'static str, &String)> {
        match self {
            Self::Api { body, .. } => Some(("body", body.as_ref()?)),
            Self::Invoke { payload, .. } => Some(("payload", payload.as_ref()?)),
            Self::Execution { input, .. } => Some(("input", input)),
            Self::LogEvents { .. } => None,
        }
    }

    /// What it is about, once the probe is filled in; of several the first.
    pub(crate) fn resource(&self) -> Option<ResourceId> {
        Some(match self {
            Self::Api { api, api_type, .. } => ResourceId::new(api_type.kind(), api.as_str()),
            Self::Execution { state_machine, .. } => {
                ResourceId::new(Kind::StateMachine, state_machine.as_str())
            }
            Self::Invoke { function, .. } => ResourceId::new(Kind::Function, function.as_str()),
            Self::LogEvents { functions } => {
                ResourceId::new(Kind::LogGroup, log_group_of(functions.first()?))
            }
        })
    }
}

/// How an execution must have ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndState {
    pub(crate) status: ExecutionStatus,
    /// `None`: any, or none.
    pub(crate) error: Option<String>,
}

fn execution_arn_pointer() -> String {
    "/executionArn".to_owned()
}
