//! Step Functions state machine.
//!
//! The definition carries its own record in its top-level `Comment`: the fingerprint of everything else in it. So one
//! `DescribeStateMachine` says whose it is and whether the student changed it, and the call that updates it also records
//! the update. Tags would cost a second call on the scarcest read quota of the service (ListTagsForResource refills at 1
//! per second).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::aws::Operation::{self, *};
use crate::aws::{CallResult, ErrorKind, NewStateMachine};
use crate::ids::{Scope, Username};
use crate::stack::diff::{Change, Differing, LAB_CHANGED, SettingsDiff, abridged, counts, lines};
use crate::stack::kinds::drift::{Drift, Extras, settings_json, three_way};
use crate::stack::kinds::search::{Listed, Search};
use crate::stack::kinds::{
    AnySeen, AnySpec, Desired, Effect, Item, Kind, KindAction, KindFacts, PlannedCalls, Planning,
    ResourceId, StudentsWork, Verdict,
};
use crate::stack::ownership::{Fingerprint, Owner, Ownership, Record};
use crate::stack::step::{Context, Poll, StepError, or_gone};
use crate::text::json::sorted;
use crate::text::words::plural;

pub(super) const FACTS: KindFacts = KindFacts {
    // Source: Step Functions CreateStateMachine, `name`.
    name_max: 80,
    runs: true,
    in_iam: false,
    goes: 3,
    goes_after: &[],
};

/// Where machines log. Source: Step Functions Developer Guide, "CloudWatch Logs resource policy size restrictions": one
/// entry of the account's resource policy is for all groups below `/aws/vendedlogs/`; any other group takes one of its own,
/// and the policy holds 5,120 characters.
pub(crate) const LOG_GROUP_PREFIX: &str = "/aws/vendedlogs/states/";
/// The console's end of such a name.
pub(crate) const LOG_GROUP_SUFFIX: &str = "-Logs";

pub(crate) fn log_group_of(machine: &str) -> String {
    format!("{LOG_GROUP_PREFIX}{machine}{LOG_GROUP_SUFFIX}")
}

/// The machine that logs to this group.
pub(crate) fn machine_of(log_group: &str) -> Option<&str> {
    let rest = log_group.strip_prefix(LOG_GROUP_PREFIX)?;
    rest.strip_suffix(LOG_GROUP_SUFFIX)
}

/// What the role of a machine that logs must be allowed, on "*". Source: Step Functions Developer Guide, "Using CloudWatch
/// Logs to log execution history", "IAM policies for logging to CloudWatch Logs".
pub(crate) const LOGGING_RIGHTS: [&str; 8] = [
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
];

/// Largest definition in characters. Source: CreateStateMachine, `definition`.
pub(crate) const DEFINITION_MAX: usize = 1_048_576;
/// How long a deletion may take before running executions, which hold it up, are stopped.
const PATIENCE: Duration = Duration::from_secs(5);
/// Until a deleted one is seen to be gone, when nothing runs any more: the looks are 1, 2, 4 and 8 seconds apart.
const GONE_AFTER: Duration = Duration::from_secs(15);
/// Looks at a deleted one until it is gone, usually.
const LOOKS: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum WorkflowType {
    /// Executions are kept for 90 days and can be listed.
    Standard,
    /// Executions are only logged.
    Express,
}

/// Which events of executions a machine logs. Source: Step Functions LoggingConfiguration, `level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LoggedEvents {
    All,
    Error,
    Fatal,
}

impl LoggedEvents {
    const EACH: [Self; 3] = [Self::All, Self::Error, Self::Fatal];

    /// Its name in the API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}

/// What a machine writes to its log group, [`log_group_of`] its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineLogging {
    pub events: LoggedEvents,
    /// Whether inputs and outputs are logged, too.
    pub execution_data: bool,
}

/// How logged inputs and outputs are told.
const WITH_DATA: &str = "with execution data";

impl MachineLogging {
    /// The setting's text, to these groups.
    pub(crate) fn text<'a>(
        level: &str,
        groups: impl IntoIterator<Item = &'a str>,
        execution_data: bool,
    ) -> String {
        // AWS takes and tells the ARN with what stands for all streams behind it.
        let groups = groups.into_iter();
        let groups = groups.map(|arn| arn.strip_suffix(":*").unwrap_or(arn));
        let data = execution_data.then_some(WITH_DATA);
        let parts: Vec<_> = [level].into_iter().chain(groups).chain(data).collect();
        parts.join(", ")
    }

    /// What such a text says; `None` where it logs nothing.
    fn told(text: &str) -> Option<Self> {
        let level = text.split(", ").next()?;
        let mut known = LoggedEvents::EACH.into_iter();
        Some(Self {
            events: known.find(|events| events.as_str() == level)?,
            execution_data: text.ends_with(WITH_DATA),
        })
    }
}

/// Settings that not every lab has, as a request has them.
#[derive(Debug, Clone, Default)]
pub(crate) struct MachineOptions {
    /// Whether X-Ray traces it.
    pub(crate) traced: bool,
    /// What it logs, and the ARN of the group.
    pub(crate) logging: Option<(MachineLogging, String)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    pub name: String,
    pub workflow_type: WorkflowType,
    pub role: String,
    /// Its definition in Amazon States Language, without a record.
    pub definition: Arc<Value>,
    /// Whether X-Ray traces it.
    pub tracing: bool,
    /// What it logs.
    pub logging: Option<MachineLogging>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub name: String,
    pub arn: String,
    /// When it was created, in milliseconds since 1970, where the listing says so: another one of the same name has another
    /// time.
    pub(crate) created_ms: Option<i64>,
    /// What describing it showed; `None` before it was described.
    pub(crate) detail: Option<Described>,
    pub(crate) ownership: Ownership,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Described {
    pub definition: String,
    pub role_arn: String,
    /// Whether it is being deleted (`DELETING`).
    pub deleting: bool,
    #[serde(default, skip_serializing_if = "Extras::is_empty")]
    pub(crate) extras: Extras<MachineSetting>,
}

/// A setting of a state machine, by its name in Step Functions' API. Source: UpdateStateMachine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MachineSetting {
    EncryptionConfiguration,
    LoggingConfiguration,
    TracingConfiguration,
}

impl MachineSetting {
    /// Its name in the API, and AWS's default in words for people.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::EncryptionConfiguration => ("encryptionConfiguration", "AWS_OWNED_KEY"),
            Self::LoggingConfiguration => ("loggingConfiguration", "OFF"),
            Self::TracingConfiguration => ("tracingConfiguration", "disabled"),
        }
    }

    /// What a sentence calls it.
    fn short(self) -> &'static str {
        match self {
            Self::EncryptionConfiguration => "encryption",
            Self::LoggingConfiguration => "logging",
            Self::TracingConfiguration => "tracing",
        }
    }
}

/// How a tracing that is switched on is told.
pub(crate) const TRACED: &str = "enabled";
/// Settings that a lab may have, each with the key of the record in which it stands what homeroom set.
const RECORDED: [(MachineSetting, &str); 2] = [
    (MachineSetting::LoggingConfiguration, "logging"),
    (MachineSetting::TracingConfiguration, "tracing"),
];

pub(crate) type KnownMachines = BTreeMap<String, KnownMachine>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownMachine {
    /// When it was created, in milliseconds since 1970.
    pub(crate) created_ms: i64,
    /// When it was described, likewise.
    pub(crate) read_ms: i64,
    pub(crate) owner: Owner,
    pub(crate) detail: Described,
}

impl KnownMachine {
    /// Whether a listing shows the machine that this one was.
    pub(crate) fn is(&self, listed: &Seen) -> bool {
        listed.created_ms == Some(self.created_ms)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Create(Spec),
    Update {
        machine: Spec,
        /// Settings to return to AWS's defaults.
        undo: Vec<MachineSetting>,
        /// Settings of the lab's to write.
        set: Vec<MachineSetting>,
    },
    StopExecutions,
    Delete {
        arn: String,
    },
}

impl Spec {
    /// Of the definition alone: tracing and logging are recorded under keys of their own.
    pub fn fingerprint(&self) -> Fingerprint {
        body_fingerprint(&self.definition)
    }

    /// What the student changed: the definition or not, and which settings.
    fn changed_by_student(
        &self,
        scope: &Scope,
        owner: &Owner,
        detail: &Described,
    ) -> (bool, Extras<MachineSetting>) {
        let mut settings = detail.extras.clone();
        for (setting, _) in RECORDED {
            match self.setting_drift(scope, owner, detail, setting) {
                Drift::Theirs => {
                    let seen = detail.setting(setting).to_owned();
                    settings.insert(setting, seen);
                }
                _ => drop(settings.remove(&setting)),
            }
        }
        (self.drift(scope, owner, detail) == Drift::Theirs, settings)
    }

    /// What the lab sets.
    fn lab_setting(&self, scope: &Scope, setting: MachineSetting) -> Option<String> {
        match setting {
            MachineSetting::EncryptionConfiguration => None,
            MachineSetting::LoggingConfiguration => self.logging.map(|logging| {
                let group = scope.log_group_arn(&log_group_of(&self.name));
                let (level, data) = (logging.events.as_str(), logging.execution_data);
                MachineLogging::text(level, [group.as_str()], data)
            }),
            MachineSetting::TracingConfiguration => self.tracing.then(|| TRACED.to_owned()),
        }
    }

    /// How a setting is where nobody changed it.
    fn own_setting(&self, scope: &Scope, setting: MachineSetting) -> String {
        let own = self.lab_setting(scope, setting);
        own.unwrap_or_else(|| setting.words().1.to_owned())
    }

    /// How one of the [`RECORDED`] settings differs. A record without its key is of a lab that did not have it.
    fn setting_drift(
        &self,
        scope: &Scope,
        owner: &Owner,
        detail: &Described,
        setting: MachineSetting,
    ) -> Drift {
        let print = |text: &str| Fingerprint::of([text]);
        let key = RECORDED.into_iter().find(|(known, _)| *known == setting);
        let record = detail.record().filter(|record| record.owner == *owner);
        let recorded = record.map(|record| {
            let kept = key.and_then(|(_, key)| record.fingerprints.get(key).cloned());
            kept.unwrap_or_else(|| print(setting.words().1))
        });
        three_way(
            &print(&self.own_setting(scope, setting)),
            recorded.as_ref(),
            &print(detail.setting(setting)),
        )
    }

    /// The definition as it is sent: with the record in its `Comment`, keys in the template's order.
    pub fn signed_definition(&self, scope: &Scope, owner: &Owner) -> String {
        let mut definition = Value::clone(&self.definition);
        let own = self.fingerprint();
        let settings = RECORDED.map(|(setting, key)| {
            let text = self.lab_setting(scope, setting);
            text.map(|text| (key, Fingerprint::of([text.as_str()])))
        });
        let mut prints = vec![("definition", &own)];
        prints.extend(settings.iter().flatten().map(|(key, print)| (*key, print)));
        let record = owner.record(&prints);
        if let Value::Object(map) = &mut definition {
            let comment = match map.get("Comment").and_then(Value::as_str) {
                Some(text) => format!("{text} [{record}]"),
                None => format!("[{record}]"),
            };
            map.insert("Comment".into(), comment.into());
        }
        serde_json::to_string_pretty(&definition).unwrap_or_else(|_| definition.to_string())
    }

    /// Takes the definition that is deployed as its own, where it is as homeroom recorded it and only the lab differs.
    pub(crate) fn take_deployed(&mut self, scope: &Scope, owner: &Owner, detail: &Described) {
        for (setting, _) in RECORDED {
            if self.setting_drift(scope, owner, detail, setting) == Drift::Stale {
                self.take_setting(detail, setting);
            }
        }
        if self.drift(scope, owner, detail) == Drift::Stale
            && let Ok(definition) = serde_json::from_str(&detail.definition)
        {
            self.definition = Arc::new(definition);
        }
    }

    fn take_setting(&mut self, detail: &Described, setting: MachineSetting) {
        match setting {
            MachineSetting::EncryptionConfiguration => {}
            MachineSetting::LoggingConfiguration => {
                self.logging = MachineLogging::told(detail.setting(setting));
            }
            MachineSetting::TracingConfiguration => {
                self.tracing = detail.setting(setting) == TRACED;
            }
        }
    }

    /// How definition and role differ.
    fn drift(&self, scope: &Scope, owner: &Owner, detail: &Described) -> Drift {
        let parsed: Option<Value> = serde_json::from_str(&detail.definition).ok();
        // A definition that was copied from somebody else brings a record that does not count here.
        let record = parsed.as_ref().and_then(record_of);
        let record = record.filter(|record| record.owner == *owner);
        let actual = match &parsed {
            Some(value) => body_fingerprint(value),
            None => Fingerprint::of([detail.definition.as_str()]),
        };
        let recorded = record
            .as_ref()
            .and_then(|r| r.fingerprints.get("definition"));
        match three_way(&self.fingerprint(), recorded, &actual) {
            // One call writes the record and the definition, so an interruption cannot separate them. A student's edit of
            // the comment is no reason to write it again.
            Drift::Same | Drift::SameButUnrecorded
                if detail.role_arn == scope.role_arn(&owner.class, &self.role) =>
            {
                Drift::Same
            }
            Drift::Same | Drift::SameButUnrecorded => Drift::Stale,
            other => other,
        }
    }
}

impl Described {
    fn record(&self) -> Option<Record> {
        record_of(&serde_json::from_str(&self.definition).ok()?)
    }

    /// The owner in the definition's record.
    fn recorded_owner(&self) -> Option<Owner> {
        Some(self.record()?.owner)
    }

    /// A setting in words; AWS's default where nobody set it.
    fn setting(&self, setting: MachineSetting) -> &str {
        let set = self.extras.get(&setting);
        set.map_or(setting.words().1, String::as_str)
    }
}

fn record_of(definition: &Value) -> Option<Record> {
    Record::parse(definition.get("Comment")?.as_str()?)
}

/// Fingerprint of a definition without its top-level comment.
fn body_fingerprint(definition: &Value) -> Fingerprint {
    let mut body = definition.clone();
    if let Value::Object(map) = &mut body {
        map.shift_remove("Comment");
    }
    Fingerprint::of_json(&body)
}

fn said(changed: &[&str]) -> Option<String> {
    (!changed.is_empty()).then(|| format!("the student changed its {}", changed.join(", ")))
}

/// A definition for people: sorted keys, indented, without the comment that carries homeroom's record.
fn pretty(definition: &Value) -> String {
    let mut definition = sorted(definition);
    if let Value::Object(map) = &mut definition {
        map.shift_remove("Comment");
    }
    serde_json::to_string_pretty(&definition).unwrap_or_default()
}

impl Spec {
    /// The student's own machine as it is; `None` while it is being deleted.
    fn own<'a>(&self, at: &Planning<'a>) -> Option<&'a Described> {
        let seen = at.observed.state_machines.get(&self.name)?;
        let detail = seen.detail.as_ref().filter(|detail| !detail.deleting)?;
        at.is_ours(&seen.ownership).then_some(detail)
    }

    /// Settings that only the lab has changed.
    fn stale_settings(&self, at: &Planning<'_>, detail: &Described) -> Vec<MachineSetting> {
        let drift = |setting| self.setting_drift(at.scope, at.owner(), detail, setting);
        let settings = RECORDED.map(|(setting, _)| setting).into_iter();
        let stale = settings.filter(|setting| drift(*setting) == Drift::Stale);
        stale.collect()
    }

    /// How one that only the lab has changed differs from the lab's.
    fn differing(&self, at: &Planning<'_>, detail: &Described) -> Differing {
        let mut differs = Differing::default();
        let role_arn = at.scope.role_arn(&at.owner().class, &self.role);
        differs.compare("role", &detail.role_arn, role_arn);
        let old: Value = serde_json::from_str(&detail.definition).unwrap_or_default();
        for setting in self.stale_settings(at, detail) {
            let own = self.own_setting(at.scope, setting);
            differs.compare(setting.words().0, detail.setting(setting), own);
        }
        if body_fingerprint(&old) == body_fingerprint(&self.definition) {
            return differs;
        }
        let diff = lines(&pretty(&old), &pretty(&self.definition));
        let (added, removed) = counts(&diff);
        let changes = changed_states(&old, &self.definition);
        let changes = match changes.is_empty() {
            true => String::new(),
            false => format!("{}; ", changes.join(", ")),
        };
        let new = format!(
            "{} ({changes}lines: {added} added, {removed} removed)",
            plural(states(&self.definition).len(), "state")
        );
        differs.compare("definition", plural(states(&old).len(), "state"), new);
        differs.diff = abridged(diff);
        differs
    }
}

/// The outer states of a definition.
fn states(definition: &Value) -> Map<String, Value> {
    let states = definition.get("States").and_then(Value::as_object);
    states.cloned().unwrap_or_default()
}

/// What differs between two definitions, part by part: `Pause is new`, `StartAt changes`.
fn changed_states(old: &Value, new: &Value) -> Vec<String> {
    let others = |definition: &Value| {
        let mut others = definition.as_object().cloned().unwrap_or_default();
        others.retain(|part, _| !["Comment", "States"].contains(&part.as_str()));
        others
    };
    let mut changes = changed_parts(&states(old), &states(new));
    changes.extend(changed_parts(&others(old), &others(new)));
    changes
}

fn changed_parts(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<String> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed = names.into_iter().filter_map(|name| {
        let how = match (old.get(name), new.get(name)) {
            (None, Some(_)) => "is new",
            (Some(_), None) => "goes",
            (old, new) if old == new => return None,
            _ => "changes",
        };
        Some(format!("{name} {how}"))
    });
    changed.collect()
}

impl AnySpec for Spec {
    fn id(&self) -> ResourceId {
        ResourceId::new(Kind::StateMachine, &self.name)
    }

    fn plan(&self, at: &Planning<'_>) -> Item {
        let (id, owner) = (self.id(), at.owner());
        // Step Functions refuses a log group that is not there.
        let group = self.logging.map(|_| log_group_of(&self.name));
        let groups = at.stack.log_groups.iter().map(AnySpec::id);
        let mut needs: Vec<_> = groups
            .filter(|id| Some(&id.name) == group.as_ref())
            .collect();
        needs.push(ResourceId::new(Kind::Role, &self.role));
        let create = |id, why| {
            let action = Action::Create(self.clone());
            Item::act(id, Verdict::Create, action, why).after(needs.clone())
        };
        let Some(seen) = at.observed.state_machines.get(&self.name) else {
            return create(id, "");
        };
        if let Some(item) = Item::conflict(&id, &seen.ownership, owner) {
            return item;
        }
        let Some(detail) = &seen.detail else {
            return Item::settled(id, Verdict::Unknown, "its definition could not be read");
        };
        if detail.deleting {
            return create(id, "the one that is there is being deleted");
        }
        let drift = self.drift(at.scope, owner, detail);
        let stale_settings = self.stale_settings(at, detail);
        let (definition, own) = self.changed_by_student(at.scope, owner, detail);
        let mut changed = Vec::from_iter(definition.then_some("definition"));
        changed.extend(own.keys().map(|setting| setting.words().0));
        let theirs = said(&changed);
        let mut stale = Vec::from_iter((drift == Drift::Stale).then_some("definition or role"));
        stale.extend(stale_settings.iter().map(|setting| setting.short()));
        let stale = stale.join(" and ");
        let why = match &theirs {
            Some(theirs) if at.reset => format!("{theirs}; reset was asked for"),
            None if !stale.is_empty() => format!("{stale} differs"),
            // One call writes it all, and the student's definition stays.
            Some(theirs) if !stale.is_empty() && !definition => {
                format!("{stale} differs; {theirs}, and that stays")
            }
            _ => return Item::unchanged(id, theirs),
        };
        let mut undo: Vec<_> = own.keys().copied().filter(|_| at.reset).collect();
        undo.extend(stale_settings);
        // What the lab has is set, not undone.
        let of_lab = |setting: &MachineSetting| self.lab_setting(at.scope, *setting).is_some();
        undo.retain(|setting| !of_lab(setting));
        let set = RECORDED.into_iter().map(|(setting, _)| setting);
        let set = set.filter(|setting| of_lab(setting) && (at.reset || !own.contains_key(setting)));
        let action = Action::Update {
            machine: self.clone(),
            undo,
            set: set.collect(),
        };
        let differs = match stale.is_empty() {
            false => self.differing(at, detail),
            true => Differing::default(),
        };
        let item = Item::act(id, Verdict::Update, action, why).with_theirs(theirs);
        item.differing(differs).after(needs)
    }

    fn deletion(&self) -> super::Action {
        Action::Delete { arn: String::new() }.into()
    }

    fn look(&self) -> Option<Operation> {
        Some(DescribeStateMachine)
    }

    fn change(&self, at: &Planning<'_>) -> Option<Change> {
        let detail = self.own(at)?;
        let mut settings = SettingsDiff::default();
        let (definition, own) = self.changed_by_student(at.scope, at.owner(), detail);
        for (setting, value) in &own {
            settings.compare(
                setting.words().0,
                &self.own_setting(at.scope, *setting),
                value,
            );
        }
        let resource = self.id().to_string();
        if !definition {
            let names: Vec<&str> = settings.names.iter().map(String::as_str).collect();
            return Some(Change {
                resource,
                summary: said(&names)?,
                diff: settings.diff,
            });
        }
        let seen: Option<Value> = serde_json::from_str(&detail.definition).ok();
        let recorded = seen.as_ref().and_then(record_of);
        let recorded = recorded.and_then(|mut record| record.fingerprints.remove("definition"));
        let after = match &seen {
            Some(definition) => pretty(definition),
            None => detail.definition.clone(),
        };
        let mut diff = lines(&pretty(&self.definition), &after);
        let (added, removed) = counts(&diff);
        let mut summary =
            format!("the student changed its definition (lines: {added} added, {removed} removed)");
        if recorded.is_some_and(|recorded| recorded != self.fingerprint()) {
            summary.push_str(LAB_CHANGED);
        }
        diff.extend(settings.diff);
        Some(Change {
            resource,
            summary,
            diff: abridged(diff),
        })
    }

    fn work(&self, at: &Planning<'_>) -> Option<StudentsWork> {
        let detail = self.own(at)?;
        let (definition, own) = self.changed_by_student(at.scope, at.owner(), detail);
        if !definition && own.is_empty() {
            return None;
        }
        let name = &self.name;
        let mut files = vec![(format!("{name}.asl.json"), detail.definition.clone())];
        if !own.is_empty() {
            let settings = settings_json(&own, |setting| setting.words().0);
            files.push((format!("{name}.settings.json"), format!("{settings:#}\n")));
        }
        Some(StudentsWork {
            resource: self.id(),
            code: false,
            files,
        })
    }
}

impl AnySeen for Seen {
    fn id(&self) -> ResourceId {
        ResourceId::new(Kind::StateMachine, &self.name)
    }

    fn whose(&self, _: &Desired, _: Option<&Owner>) -> Ownership {
        self.ownership.clone()
    }

    fn deletion(&self) -> super::Action {
        let arn = self.arn.clone();
        Action::Delete { arn }.into()
    }
}

impl KindAction for Action {
    fn outline(&self) -> (Effect, PlannedCalls) {
        match self {
            Self::Create(_) => (Effect::Create, vec![(CreateStateMachine, 1)]),
            Self::Update { .. } => (
                Effect::Update,
                vec![(UpdateStateMachine, 1), (StatesTagResource, 1)],
            ),
            Self::StopExecutions => (
                Effect::StopExecutions,
                vec![(DescribeStateMachine, 1), (ListExecutions, 1)],
            ),
            Self::Delete { .. } => (
                Effect::Delete,
                vec![
                    (DeleteStateMachine, 1),
                    (DescribeStateMachine, LOOKS),
                    // One that is not gone at once may have executions to stop.
                    (ListExecutions, 1),
                ],
            ),
        }
    }

    fn wait(&self) -> Duration {
        match self {
            Self::Delete { .. } => GONE_AFTER,
            _ => Duration::ZERO,
        }
    }

    fn lets_go_first(&self) -> Option<Kind> {
        // They find out when new roles can be assumed: a refused `CreateStateMachine` costs the class a second, since AWS
        // takes one a second, and a refused `CreateFunction` hardly anything.
        matches!(self, Self::Create(_)).then_some(Kind::Function)
    }

    async fn run(&self, cx: &Context<'_>) -> Result<(), StepError> {
        match self {
            Self::Create(machine) => create(cx, machine).await,
            Self::Update { machine, undo, set } => update(cx, machine, undo, set).await,
            Self::StopExecutions => stop(cx).await,
            Self::Delete { arn } => delete(cx, arn).await,
        }
    }
}

fn request<'a>(cx: &Context<'_>, machine: &'a Spec) -> NewStateMachine<'a> {
    NewStateMachine {
        name: &machine.name,
        workflow_type: machine.workflow_type,
        role_arn: cx.scope.role_arn(cx.class(), &machine.role),
        definition: machine.signed_definition(cx.scope, cx.owner),
        tags: cx.owner.tags(cx.scope, &machine.fingerprint()),
    }
}

/// The lab's settings, of those in `set`.
fn options(cx: &Context<'_>, machine: &Spec, set: &[MachineSetting]) -> MachineOptions {
    let is_set = |setting| set.contains(&setting);
    let logging = machine.logging;
    let logging = logging.filter(|_| is_set(MachineSetting::LoggingConfiguration));
    MachineOptions {
        traced: machine.tracing && is_set(MachineSetting::TracingConfiguration),
        logging: logging.map(|logging| {
            let group = log_group_of(&machine.name);
            (logging, cx.scope.log_group_arn(&group))
        }),
    }
}

async fn create(cx: &Context<'_>, machine: &Spec) -> Result<(), StepError> {
    let new = &request(cx, machine);
    let options = &options(cx, machine, &RECORDED.map(|(setting, _)| setting));
    let mut deletion = Poll::state_machine_gone();
    loop {
        let created = cx.call_assuming_role(|| cx.client.make_state_machine(new, options));
        match created.await {
            Err(StepError::Cloud(error)) if error.kind == ErrorKind::Deleting => {
                let on = "an older state machine of that name to be gone";
                deletion.again_after(cx, on, error).await?;
            }
            Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {
                return adopt(cx, machine).await;
            }
            other => return other.map(drop),
        }
    }
}

/// One exists that differs, and the listing did not show it: updates it if it is ours.
async fn adopt(cx: &Context<'_>, machine: &Spec) -> Result<(), StepError> {
    let arn = &cx.scope.state_machine_arn(&machine.name);
    let detail = cx.client.describe_state_machine(arn).await?;
    prove_ours(cx, arn, &detail).await?;
    update(cx, machine, &[], &RECORDED.map(|(setting, _)| setting)).await
}

/// Proves that a state machine is this student's: by the record in its definition, else by its tags.
async fn prove_ours(cx: &Context<'_>, arn: &str, detail: &Described) -> Result<(), StepError> {
    if detail.recorded_owner().as_ref() == Some(cx.owner) {
        return Ok(());
    }
    let tags = cx.client.state_machine_tags(arn).await?;
    cx.prove_ours(&tags)
}

/// Writes definition, role and the settings in `set`, and returns those in `undo` to AWS's defaults.
async fn update(
    cx: &Context<'_>,
    machine: &Spec,
    undo: &[MachineSetting],
    set: &[MachineSetting],
) -> Result<(), StepError> {
    let (new, options) = (&request(cx, machine), &options(cx, machine, set));
    let arn = &cx.scope.state_machine_arn(&machine.name);
    cx.call_assuming_role(|| cx.client.write_state_machine(arn, new, options, undo))
        .await?;
    Ok(cx.client.tag_state_machine(arn, &new.tags).await?)
}

async fn delete(cx: &Context<'_>, arn: &str) -> Result<(), StepError> {
    or_gone(cx.client.delete_state_machine(arn).await)?;
    let mut poll = Poll::state_machine_gone();
    let mut stopped = false;
    loop {
        // Right after the deletion it is never gone.
        poll.again(cx, "the state machine to be gone").await?;
        match cx.client.describe_state_machine(arn).await {
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => return Ok(()),
            other => other?,
        };
        if !stopped && poll.elapsed() >= PATIENCE {
            stop_executions(cx, arn).await?;
            stopped = true;
        }
    }
}

/// Stops the executions of a state machine that is this student's.
async fn stop(cx: &Context<'_>) -> Result<(), StepError> {
    let arn = &cx.scope.state_machine_arn(&cx.resource.name);
    let detail = match cx.client.describe_state_machine(arn).await {
        Err(error) if error.kind() == Some(ErrorKind::NotFound) => return Err(StepError::Absent),
        other => other?,
    };
    prove_ours(cx, arn, &detail).await?;
    stop_executions(cx, arn).await
}

/// Stops all executions: a deleted state machine is gone only when they have ended.
async fn stop_executions(cx: &Context<'_>, arn: &str) -> Result<(), StepError> {
    let mut token = None;
    loop {
        let page = cx.client.executions_page(arn, true, token.clone()).await;
        let page = match page {
            // Gone meanwhile; or of the type Express, whose executions nobody can list and which end by themselves.
            Err(error)
                if matches!(error.kind(), Some(ErrorKind::NotFound | ErrorKind::Invalid)) =>
            {
                return Ok(());
            }
            other => other?,
        };
        for execution in &page.items {
            match cx.client.stop_execution(&execution.arn).await {
                // It ended by itself meanwhile.
                Err(error) if error.kind() == Some(ErrorKind::Invalid) => {}
                other => or_gone(other)?,
            }
        }
        token = page.next;
        if token.is_none() {
            return Ok(());
        }
    }
}

/// The class's machines. A listing shows names only, so each one is described unless it is in `known` and still the same.
/// `strangers`: students whose whole stack is another class's.
pub(crate) async fn list(
    search: &Search<'_>,
    known: &KnownMachines,
    strangers: &BTreeSet<Username>,
) -> Listed<BTreeMap<String, Seen>> {
    let mut found = BTreeMap::new();
    let listed = search.list(
        Kind::StateMachine,
        |token| search.client.state_machines_page(token),
        |mut machine: Seen| {
            let stray = search.stray(Kind::StateMachine, &machine.name);
            if !search.wanted(Kind::StateMachine, &machine.name)
                && stray.is_none_or(|student| strangers.contains(&student))
            {
                search.note_named(Kind::StateMachine, &machine.name);
                return;
            }
            let known = known.get(&machine.name);
            if let Some(known) = known.filter(|known| known.is(&machine)) {
                let owner = Some(known.owner.clone());
                machine.ownership = Ownership::from_owner(owner, &search.desired.class);
                machine.detail = Some(known.detail.clone());
            }
            found.insert(machine.name.clone(), machine);
        },
    );
    let mut gaps = listed.await?;
    let described = search.complete(
        Kind::StateMachine,
        &mut found,
        |machine| machine.detail.is_none(),
        |machine| describe(search, machine),
        |machine, described| described.complete(machine),
    );
    gaps.extend(described.await?);
    Ok((found, gaps))
}

/// The machines by name; nothing is listed.
pub(crate) async fn by_name(search: &Search<'_>) -> Listed<BTreeMap<String, Seen>> {
    let names = search.names(Kind::StateMachine).into_iter();
    let bare = names.map(|name| {
        let machine = Seen {
            arn: search.desired.scope.state_machine_arn(&name),
            name: name.clone(),
            created_ms: None,
            detail: None,
            ownership: Ownership::Unproven,
        };
        (name, machine)
    });
    let mut found = bare.collect();
    let described = search.complete(
        Kind::StateMachine,
        &mut found,
        |_| true,
        |machine| describe(search, machine),
        |machine, described| described.complete(machine),
    );
    let gaps = described.await?;
    Ok((found, gaps))
}

/// What describing a machine adds to a listing.
struct Completion {
    detail: Described,
    created_ms: Option<i64>,
    ownership: Ownership,
}

impl Completion {
    fn complete(self, machine: &mut Seen) {
        machine.ownership = self.ownership;
        machine.detail = Some(self.detail);
        machine.created_ms = machine.created_ms.or(self.created_ms);
    }
}

/// A machine's definition, and whose it is: by the record if that names the same owner as the machine's name, else by tags.
async fn describe(search: &Search<'_>, machine: Seen) -> CallResult<Completion> {
    let (client, arn) = (search.client, machine.arn.as_str());
    let (detail, created_ms) = client.describe_dated_state_machine(arn).await?;
    let record = detail.recorded_owner();
    let expected = search.expected(Kind::StateMachine, &machine.name);
    let mut ownership = Ownership::from_record(record.as_ref(), expected);
    if ownership == Ownership::Unproven {
        let tags = client.state_machine_tags(arn).await?;
        ownership = Ownership::from_tags(&tags, &search.desired.class);
    }
    Ok(Completion {
        detail,
        created_ms,
        ownership,
    })
}
