//! What a reading of the class keeps for the next one, so that it need not ask again.
//!
//! Only what cannot have changed is used again:
//!
//! | piece | used while |
//! |---|---|
//! | an ended execution's input, error and cause | the listing shows the same start, end and status (a redrive changes them) |
//! | a state machine's definition | the listing shows the same time of creation, and for [`DEFINITION_MAX_AGE_MS`] |
//! | a function that was Active | the listing shows the very same code and configuration |
//! | log events during an execution | that execution is listed |
//! | no log events during an execution | likewise, if it had ended [`LOGS_SETTLED_MS`] before |
//! | why an execution failed | likewise |
//! | requests that the API answered by itself | the student's last sign of life is the same |
//! | whether the API started an execution | that execution is listed with the same start |
//! | executions that homeroom started, nonces that it sent, functions that it wrote | always |

use std::collections::{BTreeMap, HashMap};

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::execution::{Execution, ExecutionDetail, ExecutionStatus};
use crate::evidence::activity::RefusedRequest;
use crate::evidence::history::RootCause;
use crate::evidence::recorded::Recorded;
use crate::ids::{ClassName, LabId, Scope, Username};
use crate::stack::kinds::state_machine::KnownMachines;
use crate::stack::ownership::Fingerprint;

/// Version of the format; another one is not read.
const VERSION: u64 = 3;

/// How long a definition is believed, in milliseconds. It changes no verdict (a student may change it), only
/// what is shown of the change: that is at most so old.
pub const DEFINITION_MAX_AGE_MS: i64 = 10 * 60 * 1000;
/// How long after an execution's end its log events may still arrive, in milliseconds. AWS gives no figure;
/// they take seconds, and a minute or two when something is slow.
pub const LOGS_SETTLED_MS: i64 = 15 * 60 * 1000;

/// Which class in which account and region a cache is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheKey {
    pub(crate) partition: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) class: ClassName,
    pub(crate) lab: LabId,
}

impl CacheKey {
    /// The key of a class.
    pub fn new(scope: &Scope, class: &ClassName, lab: &LabId) -> Self {
        Self {
            partition: scope.partition.clone(),
            account: scope.account.clone(),
            region: scope.region.clone(),
            class: class.clone(),
            lab: lab.clone(),
        }
    }

    /// # Errors
    /// Says what a file with this key is about, if it is not about `wanted`.
    pub(super) fn require(&self, wanted: &Self) -> Result<(), String> {
        match self == wanted {
            true => Ok(()),
            false => Err(format!(
                "it is about class {} ({}) in account {}, {}",
                self.class, self.lab, self.account, self.region
            )),
        }
    }
}

/// Reads a JSON file that has the version of its format in it.
///
/// # Errors
/// Why it cannot be used.
pub(super) fn of_version<T: DeserializeOwned>(bytes: &[u8], version: u64) -> Result<T, String> {
    let damaged = |error: serde_json::Error| format!("it is damaged ({error})");
    let document: Value = serde_json::from_slice(bytes).map_err(damaged)?;
    if document.get("version").and_then(Value::as_u64) != Some(version) {
        return Err("another version of homeroom wrote it".to_owned());
    }
    serde_json::from_value(document).map_err(damaged)
}

/// Everything that earlier readings of a class left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    version: u64,
    /// What it is about.
    pub key: CacheKey,
    pub(crate) students: BTreeMap<Username, Memory>,
    /// State machines as last described, by name.
    pub(crate) state_machines: KnownMachines,
    /// What homeroom recorded of its own, by the student whose it would be.
    pub homeroom: OwnRecords,
    /// Files that version 0.1.0 wrote have it: when CloudTrail was last read. Nothing asks for that any more.
    #[serde(default, skip_serializing, rename = "trail")]
    _trail: IgnoredAny,
}

/// What homeroom recorded of its own, by student.
pub type OwnRecords = BTreeMap<Username, Recorded>;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Memory {
    /// Executions that have ended and were described.
    pub(crate) executions: Vec<Execution>,
    /// Functions that were Active, by name, as they were then.
    pub(crate) active: BTreeMap<String, Fingerprint>,
    pub(crate) looks: Vec<KnownLook>,
    /// Why executions failed, by their ARN.
    pub(crate) causes: BTreeMap<String, KnownCause>,
    /// Whether the API started executions, by their ARN.
    pub(crate) starts: BTreeMap<String, KnownStart>,
    /// Requests that the student's API refused, the oldest first.
    #[serde(default)]
    pub(crate) refusals: Vec<RefusedRequest>,
    /// Where the next search of the log for them begins, in milliseconds since 1970.
    #[serde(default)]
    pub(crate) refusals_read_ms: Option<i64>,
    /// Up to when the log was asked for them, likewise. It may show events a little later.
    #[serde(default)]
    pub(crate) refusals_asked_ms: Option<i64>,
    /// The first sign of life, likewise.
    #[serde(default)]
    pub(crate) first_seen_ms: Option<i64>,
    /// Requests that the API answered by itself.
    #[serde(default)]
    pub(crate) unheard: Option<UnheardRequests>,
    /// As in [`Cache`]: the events that CloudTrail showed.
    #[serde(default, skip_serializing, rename = "trail")]
    _trail: IgnoredAny,
}

/// Requests that a student's API answered by itself, while the student was silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnheardRequests {
    /// Since when the student has been silent, in milliseconds since 1970. For another time it says nothing.
    pub(super) since_ms: i64,
    /// When that was asked, likewise.
    pub(super) asked_ms: i64,
    /// How many there were at least.
    pub(super) count: u64,
    /// The minute of the first one.
    pub(super) first_ms: Option<i64>,
}

/// Why an execution failed, as its history told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownCause {
    /// When it started, in milliseconds since 1970: an ARN comes again after a teardown and a new deployment.
    pub(crate) started_ms: i64,
    /// When it ended, likewise; a redrive changes it.
    pub(crate) stopped_ms: Option<i64>,
    pub(crate) cause: RootCause,
}

impl KnownCause {
    pub(super) fn of(execution: &Execution, cause: RootCause) -> Self {
        Self {
            started_ms: execution.started_ms,
            stopped_ms: execution.stopped_ms,
            cause,
        }
    }
}

/// Whether the API started an execution, as the log of the function behind it told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownStart {
    /// When it started, in milliseconds since 1970.
    pub(crate) started_ms: i64,
    pub(crate) by_api: bool,
}

impl KnownStart {
    pub(super) fn of(execution: &Execution, by_api: bool) -> Self {
        Self {
            started_ms: execution.started_ms,
            by_api,
        }
    }
}

/// One look for a function's log events during one execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownLook {
    /// The function (id in the lab).
    pub(crate) function: String,
    pub(crate) execution_arn: String,
    /// When it started: an ARN comes again after a teardown and a new deployment.
    pub(crate) started_ms: i64,
    pub(crate) found: bool,
}

impl Cache {
    /// An empty one.
    pub fn new(key: CacheKey) -> Self {
        Self {
            version: VERSION,
            key,
            students: BTreeMap::new(),
            state_machines: BTreeMap::new(),
            homeroom: BTreeMap::new(),
            _trail: IgnoredAny,
        }
    }

    /// Reads one back.
    ///
    /// # Errors
    /// Why it cannot be used, in words that finish "… is not used: ".
    pub fn parse(bytes: &[u8], key: &CacheKey) -> Result<Self, String> {
        let cache: Self = of_version(bytes, VERSION)?;
        cache.key.require(key)?;
        Ok(cache)
    }

    /// As text for a file; the same content gives the same text. Inputs keep the order of their keys, so that they
    /// are shown the same whether they were read or remembered.
    pub fn to_json(&self) -> String {
        // Every part can be written: keys are texts, and nothing refuses.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// The state machines whose definition need not be read again at this time.
    pub(crate) fn machines_at(&self, now_ms: i64) -> KnownMachines {
        let mut known = self.state_machines.clone();
        // The age is negative after the clock was set back.
        known.retain(|_, known| (0..=DEFINITION_MAX_AGE_MS).contains(&(now_ms - known.read_ms)));
        known
    }
}

impl Memory {
    pub(crate) fn by_arn(&self) -> HashMap<&str, &Execution> {
        let known = self.executions.iter();
        known.map(|known| (known.arn.as_str(), known)).collect()
    }

    /// The known detail of an execution that the listing shows unchanged.
    pub(crate) fn detail_of<'a>(
        known: &HashMap<&str, &'a Execution>,
        listed: &Execution,
    ) -> Option<&'a ExecutionDetail> {
        let times = |e: &Execution| (e.status, e.started_ms, e.stopped_ms);
        let known = known.get(listed.arn.as_str())?;
        known
            .detail
            .as_ref()
            .filter(|_| times(known) == times(listed))
    }

    /// Why an execution failed, if it is known and was not redriven since.
    pub(crate) fn cause_of(&self, execution: &Execution) -> Option<&RootCause> {
        let known = self.causes.get(&execution.arn)?;
        let same = known.started_ms == execution.started_ms
            && execution.stopped_ms.is_some()
            && known.stopped_ms == execution.stopped_ms;
        same.then_some(&known.cause)
    }

    /// Whether the API started an execution, if that is known.
    pub(crate) fn started_by_api(&self, execution: &Execution) -> Option<bool> {
        let known = self.starts.get(&execution.arn)?;
        (known.started_ms == execution.started_ms).then_some(known.by_api)
    }

    /// Keeps an execution that can no longer change. A failed one without an error may still get it: AWS shows some
    /// parts of an execution later than others.
    pub(crate) fn keep(&mut self, execution: &Execution) {
        let ended = execution.status.is_final() && execution.stopped_ms.is_some();
        let whole = |detail: &ExecutionDetail| {
            execution.status != ExecutionStatus::Failed || detail.error.is_some()
        };
        if ended && execution.detail.as_ref().is_some_and(whole) {
            self.executions.push(execution.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::kinds::state_machine;
    use crate::stack::kinds::state_machine::KnownMachine;
    use crate::stack::ownership::Owner;
    use serde_json::json;

    fn key() -> CacheKey {
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "us-east-1".into(),
        };
        CacheKey::new(&scope, &"demo".parse().unwrap(), &"lab6".parse().unwrap())
    }

    fn execution(status: ExecutionStatus) -> Execution {
        Execution {
            arn: "arn:x".into(),
            name: "x".into(),
            status,
            started_ms: 1,
            stopped_ms: Some(2),
            redriven_ms: None,
            detail: Some(ExecutionDetail {
                input: json!({"a": "né\u{202e}"}),
                error: Some("ProcessingFailed".into()),
                cause: None,
            }),
        }
    }

    fn listed(status: ExecutionStatus) -> Execution {
        Execution {
            detail: None,
            ..execution(status)
        }
    }

    fn cache() -> Cache {
        let mut cache = Cache::new(key());
        let mut memory = Memory::default();
        memory.keep(&execution(ExecutionStatus::Failed));
        cache.students.insert("user1".parse().unwrap(), memory);
        cache
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = cache().to_json();
        assert_eq!(Cache::parse(text.as_bytes(), &key()), Ok(cache()));
    }

    #[test]
    fn a_file_from_when_cloudtrail_was_read_is_still_used() {
        let events = json!({"proof": [{"id": "e-1", "name": "DescribeExecution", "time_ms": 1, "who": "user1"}]});
        let mut document: serde_json::Value = serde_json::from_str(&cache().to_json()).unwrap();
        document["trail"] = json!({"proof": 1});
        document["students"]["user1"]["trail"] = events;
        let bytes = document.to_string().into_bytes();
        assert_eq!(Cache::parse(&bytes, &key()), Ok(cache()));
    }

    #[test]
    fn a_file_cut_off_or_of_another_version_or_account_is_not_used() {
        let text = cache().to_json();
        let refused = |bytes: &[u8], key: &CacheKey| Cache::parse(bytes, key).unwrap_err();
        assert!(refused(&text.as_bytes()[..text.len() / 2], &key()).contains("damaged"));
        assert!(refused(b"", &key()).contains("damaged"));
        assert!(refused(b"\xff\xfe", &key()).contains("damaged"));
        assert!(refused(b"[]", &key()).contains("version"));
        let newer = text.replace(&format!("\"version\":{VERSION}"), "\"version\":99");
        assert!(refused(newer.as_bytes(), &key()).contains("version"));
        let more = text.replacen('{', "{\"x\":1,", 1);
        assert!(refused(more.as_bytes(), &key()).contains("damaged"));
        let other = CacheKey {
            account: "999999999999".into(),
            ..key()
        };
        assert!(refused(text.as_bytes(), &other).contains("account 123456789012"));
    }

    #[test]
    fn an_execution_that_was_redriven_since_is_read_again() {
        let mut memory = Memory::default();
        memory.keep(&execution(ExecutionStatus::Failed));
        let known = memory.by_arn();
        let is_known = |listed: &Execution| Memory::detail_of(&known, listed).is_some();
        assert!(is_known(&listed(ExecutionStatus::Failed)));
        assert!(!is_known(&listed(ExecutionStatus::Running)));
        let ended_again = Execution {
            stopped_ms: Some(9),
            ..listed(ExecutionStatus::Failed)
        };
        assert!(!is_known(&ended_again));
        let same_name_after_a_new_deployment = Execution {
            started_ms: 5,
            ..listed(ExecutionStatus::Failed)
        };
        assert!(!is_known(&same_name_after_a_new_deployment));
    }

    #[test]
    fn a_cause_holds_until_a_redrive_and_a_start_for_that_very_execution() {
        let failed = execution(ExecutionStatus::Failed);
        let mut memory = Memory::default();
        let cause = RootCause {
            state: Some("A".into()),
            error: Some("E".into()),
            cause: None,
        };
        memory.causes.insert(
            failed.arn.clone(),
            KnownCause {
                started_ms: failed.started_ms,
                stopped_ms: failed.stopped_ms,
                cause: cause.clone(),
            },
        );
        let start = KnownStart {
            started_ms: failed.started_ms,
            by_api: true,
        };
        memory.starts.insert(failed.arn.clone(), start);
        assert_eq!(memory.cause_of(&failed), Some(&cause));
        assert_eq!(memory.started_by_api(&failed), Some(true));
        let redriven = Execution {
            stopped_ms: Some(9),
            ..failed.clone()
        };
        assert_eq!(memory.cause_of(&redriven), None);
        assert_eq!(memory.started_by_api(&redriven), Some(true));
        let another = Execution {
            started_ms: 9,
            ..failed
        };
        assert_eq!(memory.cause_of(&another), None);
        assert_eq!(memory.started_by_api(&another), None);
    }

    #[test]
    fn what_can_still_change_is_not_kept() {
        let mut memory = Memory::default();
        memory.keep(&execution(ExecutionStatus::Running));
        memory.keep(&execution(ExecutionStatus::PendingRedrive));
        memory.keep(&listed(ExecutionStatus::Succeeded));
        let mut no_error_yet = execution(ExecutionStatus::Failed);
        no_error_yet.detail = no_error_yet.detail.map(|detail| ExecutionDetail {
            error: None,
            ..detail
        });
        memory.keep(&no_error_yet);
        assert_eq!(memory, Memory::default());
    }

    #[test]
    fn a_definition_is_believed_for_a_while_and_never_from_the_future() {
        let mut cache = cache();
        cache.state_machines.insert(
            "m".into(),
            KnownMachine {
                created_ms: 7,
                read_ms: 1_000,
                owner: Owner {
                    class: key().class,
                    student: "user1".parse().unwrap(),
                    lab: key().lab,
                },
                detail: state_machine::Described {
                    definition: "{}".into(),
                    role_arn: String::new(),
                    deleting: false,
                    extras: Default::default(),
                },
            },
        );
        assert_eq!(cache.machines_at(1_000 + DEFINITION_MAX_AGE_MS).len(), 1);
        assert_eq!(cache.machines_at(1_001 + DEFINITION_MAX_AGE_MS).len(), 0);
        assert_eq!(cache.machines_at(999).len(), 0);
    }
}
