//! Lambda function.
//!
//! The function's description records what homeroom last deployed, because a listing shows descriptions and no tags: one
//! `ListFunctions` page tells everything about fifty functions.

pub mod code;
mod concurrency;
mod effects;
mod settings;

pub(crate) use effects::refused_at_first;
pub use effects::{Action, FunctionUpdate, ShutOut};
pub(crate) use settings::FunctionSetting;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use crate::aws::{CallError, FunctionState};
use crate::ids::{ClassName, Scope};
use crate::stack::diff::{Change, LAB_CHANGED, abridged};
use crate::stack::kinds::api;
use crate::stack::kinds::drift::{Drift, Extras, settings_json, three_way};
use crate::stack::kinds::search::{Listed, Search};
use crate::stack::kinds::{
    AnySeen, AnySpec, Desired, Item, Kind, KindFacts, Planning, ResourceId, StudentsWork, Verdict,
};
use crate::stack::ownership::{Fingerprint, Owner, Ownership, Record};

use settings::{ChangedPart, changed_parts, differing, words};

pub(super) const FACTS: KindFacts = KindFacts {
    // Source: Lambda CreateFunction, `FunctionName`.
    name_max: 64,
    runs: true,
    in_iam: false,
    goes: 2,
    goes_after: &[],
};

/// Largest zip that may be sent in the request itself, in bytes. Source: Lambda quotas, "Deployment package".
pub(crate) const ZIP_MAX: usize = 50 * 1024 * 1024;
/// Most that a lab may reserve for a function: all that can be reserved in a new account. More is a mistake, since every
/// student has such a function.
pub(crate) const RESERVED_MAX: u32 = 900;

/// This tag says that the function's student is shut out; its value is the concurrency that was reserved before.
pub const TAG_FROZEN: &str = "homeroom:frozen";

fn reserved_tag(reserved: Option<u32>) -> String {
    reserved.map_or_else(|| "none".to_owned(), |reserved| reserved.to_string())
}

/// The reserved concurrency in [`TAG_FROZEN`]'s value.
pub(crate) fn reserved_from_tag(value: &str) -> Option<u32> {
    value.parse().ok()
}

/// Most bytes in all environment variables together. Source: Lambda quotas.
pub(crate) const ENVIRONMENT_MAX: usize = 4096;
pub(crate) const LOG_GROUP_PREFIX: &str = "/aws/lambda/";

pub(crate) fn log_group_of(function: &str) -> String {
    format!("{LOG_GROUP_PREFIX}{function}")
}

/// Longest that a function runs, in milliseconds. Source: Lambda quotas. Older code may still run for so long after a write.
pub(crate) const RUN_MAX_MS: i64 = 15 * 60 * 1000;

/// The key of the reserved concurrency in a record.
const LIMIT: &str = "limit";

/// The zip that a function runs; shared by all students of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    pub zip: Arc<[u8]>,
    /// Base64 of the zip's SHA-256, as Lambda reports it (`CodeSha256`).
    pub sha256: String,
}

/// Settings that a lab may give a function beside those that every function has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionOptions {
    /// Whether it runs on arm64, in the place of x86_64.
    pub(crate) arm64: bool,
    /// ARNs of layers, each with its version.
    pub(crate) layers: Vec<String>,
    /// Whether X-Ray traces it.
    pub(crate) tracing: bool,
    /// MiB of `/tmp`; 512 where it is `None`.
    pub(crate) ephemeral_storage_mib: Option<i32>,
    /// What is deployed, where that counts as the lab's: it is compared, and never written.
    pub(crate) deployed: Option<Extras<FunctionSetting>>,
}

impl FunctionOptions {
    /// What differs from AWS's defaults, as a listing shows it.
    pub(crate) fn as_shown(&self) -> Extras<FunctionSetting> {
        if let Some(deployed) = &self.deployed {
            return deployed.clone();
        }
        let storage = self.ephemeral_storage_mib;
        let storage = storage.filter(|size| *size != EPHEMERAL_STORAGE_LEAST);
        let arm64 = self.arm64.then(|| ARM64.to_owned());
        let layers = (!self.layers.is_empty()).then(|| self.layers.join(", "));
        let tracing = self.tracing.then(|| "Active".to_owned());
        let all = [
            (FunctionSetting::Architectures, arm64),
            (
                FunctionSetting::EphemeralStorage,
                storage.map(|size| format!("{size} MB")),
            ),
            (FunctionSetting::Layers, layers),
            (FunctionSetting::TracingConfig, tracing),
        ];
        all.into_iter()
            .filter_map(|(setting, text)| Some((setting, text?)))
            .collect()
    }
}

/// How Lambda calls the other architecture.
const ARM64: &str = "arm64";
/// MiB of `/tmp`: the least, which is the default, and the most. Source: Lambda quotas, "Ephemeral storage".
pub(crate) const EPHEMERAL_STORAGE_LEAST: i32 = 512;
pub(crate) const EPHEMERAL_STORAGE_MOST: i32 = 10_240;
/// Layers of a function at most. Source: Lambda quotas, "Function layers".
pub(crate) const LAYERS_MAX: usize = 5;

#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    pub name: String,
    pub role: String,
    /// Lambda's runtime identifier (`python3.13`).
    pub runtime: String,
    pub handler: String,
    /// Seconds after which a run is ended.
    pub timeout_s: i32,
    /// Memory in MiB.
    pub memory_mib: i32,
    pub environment: BTreeMap<String, String>,
    /// How many of it may run at once, if the lab limits that; AWS keeps the same number free for it.
    pub reserved_concurrency: Option<u32>,
    pub code: Code,
    pub options: FunctionOptions,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub name: String,
    pub role_arn: String,
    pub runtime: String,
    pub handler: String,
    pub timeout_s: i32,
    pub memory_mib: i32,
    pub environment: BTreeMap<String, String>,
    /// Base64 of its zip's SHA-256.
    pub code_sha256: String,
    pub description: String,
    /// What is set that no lab sets.
    pub(crate) extras: Extras<FunctionSetting>,
    /// When anybody last wrote its code or configuration, in milliseconds since 1970; tags and reserved concurrency do not
    /// count.
    pub(crate) modified_ms: Option<i64>,
    pub(crate) ownership: Ownership,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FunctionDrift {
    code: Drift,
    config: Drift,
    /// Whether the lab's reserved concurrency is not the one last deployed. No listing shows the actual value.
    limit: bool,
}

fn config_fingerprint(
    runtime: &str,
    handler: &str,
    role_arn: &str,
    timeout_s: i32,
    memory_mib: i32,
    environment: &BTreeMap<String, String>,
    extras: &Extras<FunctionSetting>,
) -> Fingerprint {
    let numbers = format!("{timeout_s}/{memory_mib}");
    let mut parts = vec![runtime, handler, role_arn, &numbers];
    for (key, value) in environment {
        parts.extend([key.as_str(), value.as_str()]);
    }
    for (setting, value) in extras {
        // Written with the code, so it counts there.
        if *setting != FunctionSetting::Architectures {
            parts.extend([setting.words().0, value.as_str()]);
        }
    }
    Fingerprint::of(parts)
}

fn code_fingerprint(sha256: &str, extras: &Extras<FunctionSetting>) -> Fingerprint {
    let architectures = extras.get(&FunctionSetting::Architectures);
    Fingerprint::of(std::iter::once(sha256).chain(architectures.map(String::as_str)))
}

impl Spec {
    fn code_fingerprint(&self) -> Fingerprint {
        code_fingerprint(&self.code.sha256, &self.options.as_shown())
    }

    fn config_fingerprint(&self, scope: &Scope, class: &ClassName) -> Fingerprint {
        config_fingerprint(
            &self.runtime,
            &self.handler,
            &scope.role_arn(class, &self.role),
            self.timeout_s,
            self.memory_mib,
            &self.environment,
            &self.options.as_shown(),
        )
    }

    /// Fingerprint of both parts, for the tag.
    pub fn fingerprint(&self, scope: &Scope, class: &ClassName) -> Fingerprint {
        Fingerprint::of([
            self.code_fingerprint().to_string().as_str(),
            self.config_fingerprint(scope, class).to_string().as_str(),
        ])
    }

    /// The description that records what is deployed.
    pub fn description(&self, scope: &Scope, owner: &Owner) -> String {
        let config = self.config_fingerprint(scope, &owner.class);
        self.record(owner, &self.code_fingerprint(), &config, true)
    }

    /// The description that records these parts as deployed. Without `limited`, the reserved concurrency is not deployed yet,
    /// and every plan will set it, even if the lab reserves nothing.
    fn record(
        &self,
        owner: &Owner,
        code: &Fingerprint,
        config: &Fingerprint,
        limited: bool,
    ) -> String {
        let limit = match limited {
            true => self.limit_fingerprint(),
            false => Some(Fingerprint::of(["not set yet"])),
        };
        let mut parts = vec![("code", code), ("config", config)];
        parts.extend(limit.as_ref().map(|limit| (LIMIT, limit)));
        owner.record(&parts)
    }

    /// Fingerprint of the reserved concurrency, where the lab has one.
    fn limit_fingerprint(&self) -> Option<Fingerprint> {
        let reserved = self.reserved_concurrency?.to_string();
        Some(Fingerprint::of([reserved.as_str()]))
    }

    fn difference(&self, scope: &Scope, owner: &Owner, seen: &Seen) -> FunctionDrift {
        // A copied description brings a record that does not count here.
        let record = Record::parse(&seen.description).filter(|r| r.owner == *owner);
        let recorded = |key: &str| record.as_ref().and_then(|r| r.fingerprints.get(key));
        FunctionDrift {
            limit: recorded(LIMIT) != self.limit_fingerprint().as_ref(),
            code: three_way(
                &self.code_fingerprint(),
                recorded("code"),
                &code_fingerprint(&seen.code_sha256, &seen.extras),
            ),
            config: three_way(
                &self.config_fingerprint(scope, &owner.class),
                recorded("config"),
                &seen.config_fingerprint(),
            ),
        }
    }
}

impl Seen {
    fn config_fingerprint(&self) -> Fingerprint {
        config_fingerprint(
            &self.runtime,
            &self.handler,
            &self.role_arn,
            self.timeout_s,
            self.memory_mib,
            &self.environment,
            &self.extras,
        )
    }

    /// Fingerprint of everything that it runs with: when it changes, somebody changed the function.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let config = self.config_fingerprint().to_string();
        let code = code_fingerprint(&self.code_sha256, &self.extras).to_string();
        Fingerprint::of([code.as_str(), config.as_str()])
    }
}

impl AnySpec for Spec {
    fn id(&self) -> ResourceId {
        ResourceId::new(Kind::Function, &self.name)
    }

    fn plan(&self, at: &Planning<'_>) -> Item {
        let id = self.id();
        let Some(seen) = at.observed.functions.get(&self.name) else {
            // It must not log before its group has the lab's retention.
            let group = log_group_of(&self.name);
            let mut groups = at.stack.log_groups.iter().map(AnySpec::id);
            let group = groups.find(|id| id.name == group);
            let shut = shut_out(at);
            let why = match shut {
                ShutOut::Yes => "runs only after a thaw: the student is frozen",
                ShutOut::AsTagged(_) => "",
            };
            let action = Action::Create {
                function: self.clone(),
                withdraw: api::records_of(at, &self.name),
                shut,
            };
            let item = Item::act(id, Verdict::Create, action, why);
            let role = ResourceId::new(Kind::Role, &self.role);
            return item.after([role]).after(group);
        };
        match Item::conflict(&id, &seen.ownership, at.owner()) {
            Some(item) => item,
            None => self.update(at, seen),
        }
    }

    fn deletion(&self) -> super::Action {
        Action::Delete.into()
    }

    fn change(&self, at: &Planning<'_>) -> Option<Change> {
        let seen = self.own(at)?;
        let parts = changed_parts(at, self, seen);
        if parts.is_empty() {
            return None;
        }
        let record = Record::parse(&seen.description);
        let recorded = |key: &str| record.as_ref().and_then(|r| r.fingerprints.get(key));
        let lab_changed = parts.iter().any(|part| {
            let (key, wanted) = match part.is_code {
                true => ("code", self.code_fingerprint()),
                false => (
                    "config",
                    self.config_fingerprint(at.scope, &at.owner().class),
                ),
            };
            recorded(key).is_some_and(|recorded| *recorded != wanted)
        });
        let names: Vec<&str> = parts.iter().map(ChangedPart::word).collect();
        let mut summary = format!("the student changed its {}", names.join(" and "));
        if lab_changed {
            summary.push_str(LAB_CHANGED);
        }
        Some(Change {
            resource: self.id().to_string(),
            summary,
            diff: abridged(parts.into_iter().flat_map(|part| part.diff).collect()),
        })
    }

    fn work(&self, at: &Planning<'_>) -> Option<StudentsWork> {
        let seen = self.own(at)?;
        let drift = self.difference(at.scope, at.owner(), seen);
        let code = drift.code == Drift::Theirs;
        (code || drift.config == Drift::Theirs).then(|| StudentsWork {
            resource: self.id(),
            code,
            files: vec![(format!("{}.json", self.name), seen.configuration())],
        })
    }
}

impl Spec {
    /// Takes what is deployed as its own, where it is as homeroom recorded it and only the lab differs. `reserved`: its
    /// reserved concurrency as it is. Returns whether the lab's code is another than the one that was deployed.
    pub(crate) fn take_deployed(
        &mut self,
        scope: &Scope,
        owner: &Owner,
        seen: &Seen,
        reserved: Option<u32>,
    ) -> bool {
        let drift = self.difference(scope, owner, seen);
        if drift.code == Drift::Stale {
            self.code.sha256.clone_from(&seen.code_sha256);
            self.take_settings(seen, true);
        }
        if drift.config == Drift::Stale {
            self.runtime.clone_from(&seen.runtime);
            self.handler.clone_from(&seen.handler);
            self.environment.clone_from(&seen.environment);
            (self.timeout_s, self.memory_mib) = (seen.timeout_s, seen.memory_mib);
            self.take_settings(seen, false);
        }
        if drift.limit {
            self.reserved_concurrency = reserved;
        }
        drift.code == Drift::Stale
    }

    /// Takes the settings that are written with the code, or the others, as they are.
    fn take_settings(&mut self, seen: &Seen, of_code: bool) {
        let is_of_code = |setting: &FunctionSetting| *setting == FunctionSetting::Architectures;
        let mut settings = self.options.as_shown();
        settings.retain(|setting, _| is_of_code(setting) != of_code);
        let taken = seen.extras.iter();
        let taken = taken.filter(|(setting, _)| is_of_code(setting) == of_code);
        settings.extend(taken.map(|(setting, value)| (*setting, value.clone())));
        self.options.deployed = Some(settings);
    }

    /// Whether nobody changed it since homeroom recorded it.
    pub(crate) fn is_as_recorded(&self, scope: &Scope, owner: &Owner, seen: &Seen) -> bool {
        let drift = self.difference(scope, owner, seen);
        ![drift.code, drift.config].contains(&Drift::Theirs)
    }

    fn own<'a>(&self, at: &Planning<'a>) -> Option<&'a Seen> {
        let seen = at.observed.functions.get(&self.name)?;
        at.is_ours(&seen.ownership).then_some(seen)
    }

    /// What a deployment writes of one that exists.
    fn update(&self, at: &Planning<'_>, seen: &Seen) -> Item {
        let (id, owner, reset) = (self.id(), at.owner(), at.reset);
        let drift = self.difference(at.scope, owner, seen);
        let writes = |drift: Drift| drift == Drift::Stale || (drift == Drift::Theirs && reset);
        let code = writes(drift.code);
        // Lambda's grant on the key of the environment variables is bound to the role's id. So after its role is made anew, a
        // function's configuration must be written again.
        let new_role = !at.observed.roles.contains_key(&self.role)
            && at.observed.gap(Kind::Role, &self.role).is_none()
            && drift.config != Drift::Theirs;
        let config = writes(drift.config) || new_role;
        let theirs = changed_parts(at, self, seen);
        let words = words(&theirs);
        let said = (!theirs.is_empty()).then(|| format!("the student changed its {words}"));
        let unrecorded = [drift.code, drift.config].contains(&Drift::SameButUnrecorded);
        // What is reserved shows in no listing, so a reset looks at it.
        let limit = drift.limit || reset;
        if !code && !config && !unrecorded && !limit {
            return Item::unchanged(id, said);
        }
        // A part that stays the student's keeps its record of the last deployment, so that the next plan still sees that the
        // student changed it.
        let record = Record::parse(&seen.description);
        let kept = |drift: Drift, key: &str| match drift {
            Drift::Theirs if !reset => record.as_ref()?.fingerprints.get(key).cloned(),
            _ => None,
        };
        let code_record = kept(drift.code, "code").unwrap_or_else(|| self.code_fingerprint());
        let config_record = kept(drift.config, "config")
            .unwrap_or_else(|| self.config_fingerprint(at.scope, &owner.class));
        let why = match (code, config) {
            (false, false) if drift.limit => "reserved concurrency differs",
            (false, false) if limit && !unrecorded => "its reserved concurrency is checked",
            _ if new_role && !writes(drift.config) => "its role is made anew",
            (true, true) => "code and configuration differ",
            (true, false) => "code differs",
            (false, true) => "configuration differs",
            (false, false) => "an earlier update was cut off before it was recorded",
        };
        let why = match theirs.is_empty() || reset {
            true => why.to_owned(),
            false => format!("{why}; the student's {words} stays"),
        };
        let own = self.options.as_shown();
        let action = Action::Update(FunctionUpdate {
            function: self.clone(),
            code,
            config,
            // What the lab sets is written anyway.
            undo: (seen.extras.keys().copied())
                .filter(|setting| config && !own.contains_key(setting))
                .collect(),
            limit,
            description: self.record(owner, &code_record, &config_record, true),
            follows_ms: seen.modified_ms.filter(|_| theirs.is_empty()),
        });
        let needs = ResourceId::new(Kind::Role, &self.role);
        let item = Item::act(id, Verdict::Update, action, why).with_theirs(said);
        item.differing(differing(at, self, seen)).after([needs])
    }
}

fn shut_out(at: &Planning<'_>) -> ShutOut {
    let stack = std::slice::from_ref(at.stack);
    if !at.observed.frozen(at.scope, stack).is_empty() {
        return ShutOut::Yes;
    }
    let functions = at.stack.functions.iter().map(|function| &function.name);
    let there = functions.filter(|name| at.observed.functions.contains_key(*name));
    ShutOut::AsTagged(there.cloned().collect())
}

impl AnySeen for Seen {
    fn id(&self) -> ResourceId {
        ResourceId::new(Kind::Function, &self.name)
    }

    fn whose(&self, _: &Desired, _: Option<&Owner>) -> Ownership {
        self.ownership.clone()
    }

    fn deletion(&self) -> super::Action {
        Action::Delete.into()
    }
}

impl Seen {
    /// Its configuration for a file, under the names that AWS gives it.
    fn configuration(&self) -> String {
        let configuration = json!({
            "Settings": settings_json(&self.extras, |setting| setting.words().0),
            "FunctionName": self.name,
            "Runtime": self.runtime,
            "Handler": self.handler,
            "Role": self.role_arn,
            "Timeout": self.timeout_s,
            "MemorySize": self.memory_mib,
            "Environment": { "Variables": self.environment },
            "Description": self.description,
            "CodeSha256": self.code_sha256,
        });
        format!("{configuration:#}\n")
    }
}

/// The class's functions. A listing shows everything except tags: the record in the description says whose a function is if
/// it names the same owner as the function's name, else tags are read.
pub(crate) async fn list(search: &Search<'_>) -> Listed<BTreeMap<String, Seen>> {
    let client = search.client;
    let mut found = BTreeMap::new();
    let listed = search.list(
        Kind::Function,
        |token| client.functions_page(token),
        |mut function: Seen| {
            let record = Record::parse(&function.description).map(|record| record.owner);
            let expected = search.expected(Kind::Function, &function.name);
            let candidate = expected.is_some()
                || search.stray(Kind::Function, &function.name).is_some()
                || record.as_ref().is_some_and(|owner| search.seeks(owner));
            if candidate {
                function.ownership = Ownership::from_record(record.as_ref(), expected);
                found.insert(function.name.clone(), function);
            } else {
                search.note_recorded(record.as_ref(), Kind::Function, &function.name);
            }
        },
    );
    let mut gaps = listed.await?;
    let asked = search.complete(
        Kind::Function,
        &mut found,
        |function| function.ownership == Ownership::Unproven,
        |function| async move {
            let state = client.get_function(&function.name).await?;
            state.readable_tags().map_err(CallError::Cloud)
        },
        |function, tags| {
            function.ownership = Ownership::from_tags(&tags, &search.desired.class);
        },
    );
    gaps.extend(asked.await?);
    Ok((found, gaps))
}

/// The functions by name, each with its state; nothing is listed.
pub(crate) async fn by_name(
    search: &Search<'_>,
) -> Listed<BTreeMap<String, (Seen, FunctionState)>> {
    let names = search.names(Kind::Function);
    let asked = search.details(names, |name| async move {
        let answer = search.client.get_whole_function(&name).await;
        (name, answer)
    });
    let (mut found, mut gaps) = (BTreeMap::new(), Vec::new());
    for (name, answer) in asked.await? {
        match answer {
            Ok((Some(mut seen), state)) => {
                let record = Record::parse(&seen.description).map(|record| record.owner);
                seen.ownership = match state.clone().readable_tags() {
                    Ok(tags) => Ownership::from_tags(&tags, &search.desired.class),
                    Err(_) => {
                        let expected = search.expected(Kind::Function, &name);
                        Ownership::from_record(record.as_ref(), expected)
                    }
                };
                found.insert(name, (seen, state));
            }
            Ok((None, _)) => {}
            Err(error) => gaps.extend(search.unless_gone(Kind::Function, &name, &error)),
        }
    }
    Ok((found, gaps))
}
