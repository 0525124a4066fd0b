//! What a step works with: its call, its waits, and how it says what went wrong.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::aws::common_cause::StackPart;
use crate::aws::stop::Cancelled;
use crate::aws::{CallError, CallResult, Client, CloudError, ErrorKind, Principal};
use crate::events::{Event, StepResult};
use crate::ids::{ClassName, Scope, Username};
use crate::stack::kinds::ResourceId;
use crate::stack::ownership::{Owner, Ownership, Tags};
use crate::text::failure::Failure;

use crate::stack::hints;
use crate::stack::issue::Issuer;

/// Why a step did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StepError {
    /// AWS said no.
    Cloud(CloudError),
    /// There is nothing to do: what was to be frozen, thawed or stopped is not there.
    Absent,
    /// Something with our name is not provably ours.
    Conflict(String),
    /// A condition did not come true within its deadline.
    Stuck(String),
    /// The same, and what AWS said last.
    Late(String, CloudError),
    /// What had to be kept on this machine could not be.
    Kept(String),
    /// A step that it needs did not end well.
    Needs(ResourceId),
    /// The run was stopped.
    Cancelled,
}

impl From<CallError> for StepError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Cloud(error) => Self::Cloud(error),
            CallError::Cancelled => Self::Cancelled,
        }
    }
}

impl From<Cancelled> for StepError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl StepError {
    /// The kind of AWS's error, if it is one.
    pub(crate) fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Cloud(error) => Some(error.kind),
            _ => None,
        }
    }

    /// With what AWS said last, where it is a wait that was in vain.
    pub(crate) fn after(self, last: CloudError) -> Self {
        match self {
            Self::Stuck(what) => Self::Late(what, last),
            other => other,
        }
    }

    /// What events say of it.
    pub(crate) fn into_result(self, resource: &ResourceId) -> StepResult {
        let failure = |cause: String, hint: Option<String>, request_id: Option<String>| Failure {
            subject: resource.to_string(),
            cause,
            hint,
            request_id,
        };
        match self {
            Self::Cloud(error) => StepResult::Failed {
                failure: failure(
                    error.to_string(),
                    hints::for_error(&error),
                    error.request_id.clone(),
                ),
            },
            Self::Absent => StepResult::Absent,
            Self::Conflict(why) => StepResult::Conflict {
                failure: failure(why, Some(hints::CONFLICT.to_owned()), None),
            },
            Self::Stuck(what) => StepResult::Failed {
                failure: failure(what, Some(hints::STUCK.to_owned()), None),
            },
            Self::Late(what, last) => StepResult::Failed {
                failure: failure(
                    format!("{what}; AWS's last words: {last}"),
                    Some(hints::STUCK.to_owned()),
                    last.request_id,
                ),
            },
            Self::Kept(what) => StepResult::Failed {
                failure: failure(what, Some(hints::KEPT.to_owned()), None),
            },
            Self::Needs(needs) => StepResult::Skipped { needs },
            Self::Cancelled => StepResult::Cancelled,
        }
    }
}

/// How the steps of one student ended so far; steps wait here for those that they need. And what they know of each
/// other besides: what was made a moment ago, and which function is being changed.
#[derive(Debug)]
pub(crate) struct Settled {
    steps: HashMap<ResourceId, watch::Sender<Option<bool>>>,
    /// When this run last made a role, user or policy of the student's.
    principal_made: Mutex<Option<Instant>>,
    functions: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Settled {
    /// A board for these steps, all open.
    pub(crate) fn new<'a>(steps: impl IntoIterator<Item = &'a ResourceId>) -> Self {
        Self {
            steps: steps
                .into_iter()
                .map(|id| (id.clone(), watch::Sender::new(None)))
                .collect(),
            principal_made: Mutex::default(),
            functions: Mutex::default(),
        }
    }

    /// Records how a step ended.
    pub(crate) fn settle(&self, id: &ResourceId, well: bool) {
        if let Some(sender) = self.steps.get(id) {
            sender.send_replace(Some(well));
        }
    }

    /// Waits for a step; one that is not on the board has nothing to do and so has ended well.
    async fn ended_well(&self, id: &ResourceId) -> bool {
        let Some(sender) = self.steps.get(id) else {
            return true;
        };
        let mut receiver = sender.subscribe();
        // The board outlives its steps, so the sender is there as long as anybody waits.
        match receiver.wait_for(Option::is_some).await {
            Ok(value) => *value == Some(true),
            Err(_) => false,
        }
    }
}

/// Whether one of the student's new roles could be assumed yet. Roles that are made together become assumable
/// together, so until then one step asks for all: every refused attempt costs a call.
#[derive(Debug, Default)]
pub(crate) struct RoleGate(tokio::sync::Mutex<bool>);

/// Everything that a step works with.
pub(crate) struct Context<'a> {
    /// Makes its calls, which are about [`Self::part`].
    pub(crate) client: Client,
    /// Where.
    pub(crate) scope: &'a Scope,
    /// Whose.
    pub(crate) owner: &'a Owner,
    /// What it acts on.
    pub(crate) resource: &'a ResourceId,
    /// The same, for any student.
    pub(crate) part: StackPart,
    /// How the student's other steps ended.
    pub(crate) settled: &'a Settled,
    /// Whether the student's roles can be assumed.
    pub(crate) roles: &'a RoleGate,
    /// Makes and keeps credentials, in a run that issues some.
    pub(crate) issuer: Option<&'a dyn Issuer>,
}

impl<'a> Context<'a> {
    /// The class.
    pub(crate) fn class(&self) -> &'a ClassName {
        &self.owner.class
    }

    /// The student.
    pub(crate) fn student(&self) -> &'a Username {
        &self.owner.student
    }

    /// Says that this step has just made its role, user or policy, or has found that somebody made it a moment ago:
    /// IAM may not know it everywhere yet.
    pub(crate) fn principal_made(&self) {
        let made = &self.settled.principal_made;
        *made.lock().unwrap_or_else(|e| e.into_inner()) = Some(Instant::now());
    }

    /// When this run last made a role, user or policy of the student's.
    pub(crate) fn last_principal(&self) -> Option<Instant> {
        let made = &self.settled.principal_made;
        *made.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Waits until nobody else changes the function, and keeps others away while the answer lives. Of two permissions
    /// that are added to one function at once AWS may lose one.
    ///
    /// # Errors
    /// That the run was stopped.
    pub(crate) async fn alone_with(
        &self,
        function: &str,
    ) -> Result<tokio::sync::OwnedMutexGuard<()>, StepError> {
        let lock = {
            let mut functions = self
                .settled
                .functions
                .lock()
                .unwrap_or_else(|e| e.into_inner());
            functions.entry(function.to_owned()).or_default().clone()
        };
        let alone = self.client.stop().unless_stopping(lock.lock_owned());
        Ok(alone.await?)
    }

    /// Waits until other steps of the student have ended.
    ///
    /// # Errors
    /// [`StepError::Needs`] when one of them did not end well.
    pub(crate) async fn wait_for_steps(&self, needs: &[ResourceId]) -> Result<(), StepError> {
        for id in needs {
            let well = self
                .client
                .stop()
                .unless_stopping(self.settled.ended_well(id))
                .await?;
            if !well {
                return Err(StepError::Needs(id.clone()));
            }
        }
        Ok(())
    }

    /// Says that the step waits for a condition in the cloud.
    pub(crate) fn emit_waiting(&self, on: &str) {
        self.client.emit(Event::StepWaiting {
            student: self.student().clone(),
            resource: self.resource.clone(),
            on: on.to_owned(),
        });
    }

    /// Whose tags say that it is; an error unless it is this student's in this class and lab.
    ///
    /// # Errors
    /// [`StepError::Conflict`] then.
    pub(crate) fn prove_ours(&self, tags: &Tags) -> Result<(), StepError> {
        self.prove(&Ownership::from_tags(tags, self.class()))
    }

    /// An error unless it is this student's.
    ///
    /// # Errors
    /// [`StepError::Conflict`] then.
    pub(crate) fn prove(&self, ownership: &Ownership) -> Result<(), StepError> {
        match ownership.why_not(self.owner) {
            None => Ok(()),
            Some(why) => Err(StepError::Conflict(why)),
        }
    }

    /// Makes a call that has AWS assume one of the student's roles; waits until that is possible.
    ///
    /// # Errors
    /// AWS's, or that the run was stopped; the refusal itself when the role is not taken in time.
    pub(crate) async fn call_assuming_role<T, F>(
        &self,
        attempt: impl Fn() -> F,
    ) -> Result<T, StepError>
    where
        F: Future<Output = CallResult<T>>,
    {
        let gate = self.client.stop().unless_stopping(self.roles.0.lock());
        let mut gate = Some(gate.await?).filter(|assumable| !**assumable);
        let mut assumable = Poll::role_propagation();
        let mut in_force = Poll::visibility();
        loop {
            let answer = attempt().await;
            let waited = match answer.as_ref().err().and_then(CallError::kind) {
                Some(ErrorKind::RoleNotAssumable) => {
                    assumable.again(self, "its role to become assumable").await
                }
                Some(ErrorKind::RoleRefused) => {
                    in_force
                        .again(self, "its role's policies to be in force")
                        .await
                }
                _ => Err(StepError::Stuck(String::new())),
            };
            if waited.is_ok() {
                continue;
            }
            // Whatever came of it, the others need not wait for this step any more.
            if let Some(assumable) = &mut gate {
                **assumable = true;
            }
            // Past the deadline AWS's own words say more than that time is up.
            return match waited {
                Err(StepError::Cancelled) => Err(StepError::Cancelled),
                _ => Ok(answer?),
            };
        }
    }

    /// Makes a call about something that this step made a moment ago. AWS does not show a new thing everywhere at once,
    /// so "not found" is waited out, and so is what IAM says in its place to those whose policy covers a path only.
    ///
    /// # Errors
    /// AWS's, or that the run was stopped; stuck when the thing does not show up; IAM's refusal when nothing was made a moment ago, or
    /// it stays so.
    pub(crate) async fn call_about_new<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, StepError>
    where
        F: Future<Output = CallResult<T>>,
    {
        let mut poll = Poll::visibility();
        loop {
            let error = match attempt().await {
                Err(CallError::Cloud(error)) => error,
                other => return Ok(other?),
            };
            let on = "what was just made to show up";
            match error.kind {
                ErrorKind::NotFound => {
                    let waited = poll.again(self, on).await;
                    waited.map_err(|stuck| stuck.after(error))?;
                }
                ErrorKind::Unresolved => {
                    let Some(made) = self.last_principal() else {
                        return Err(StepError::Cloud(error));
                    };
                    match poll.since(made).again(self, on).await {
                        // It is a refusal after all, and IAM's words say what of.
                        Err(StepError::Stuck(_)) => return Err(StepError::Cloud(error)),
                        other => other?,
                    }
                }
                _ => return Err(StepError::Cloud(error)),
            }
        }
    }

    /// `Ok` for a deletion in IAM that found the thing gone already. To those whose policy covers a path only IAM does not
    /// say so clearly; then a fresh listing decides.
    ///
    /// # Errors
    /// Every other error; IAM's refusal when the listing goes on showing it.
    pub(crate) async fn or_gone_from_iam(
        &self,
        result: Result<(), CallError>,
    ) -> Result<(), StepError> {
        let error = match result {
            Err(CallError::Cloud(error)) if error.kind == ErrorKind::Unresolved => error,
            other => return or_gone(other),
        };
        let mut poll = Poll::listing();
        while self.is_listed().await? {
            let waited = poll.again(self, "the listing, to tell whether it is gone");
            match waited.await {
                Err(StepError::Stuck(_)) => return Err(StepError::Cloud(error)),
                other => other?,
            }
        }
        Ok(())
    }

    /// Whether a fresh listing shows the step's role, user or policy.
    async fn is_listed(&self) -> Result<bool, StepError> {
        self.lists(|one| one.seen().id() == *self.resource).await
    }

    /// Whether a fresh listing of IAM has such an entry.
    ///
    /// # Errors
    /// AWS's, or that the run was stopped.
    pub(crate) async fn lists(
        &self,
        is_it: impl Fn(&Principal) -> bool,
    ) -> Result<bool, StepError> {
        let mut token: Option<String> = None;
        loop {
            let page = self.client.principals_page(token.clone()).await?;
            let found = page.items.iter().any(&is_it);
            token = page.next;
            if found || token.is_none() {
                return Ok(found);
            }
        }
    }
}

/// A wait for a condition in the cloud: how often to look, and for how long.
#[derive(Debug)]
pub(crate) struct Poll {
    started: Instant,
    deadline: Duration,
    pause: Duration,
    longest: Duration,
    /// What was last said to be waited for.
    told: String,
}

impl Poll {
    /// A wait that looks again after the first pause, then ever more seldom up to the longest, until the deadline.
    fn new(first_ms: u64, longest_s: u64, deadline_s: u64) -> Self {
        Self {
            started: Instant::now(),
            deadline: Duration::from_secs(deadline_s),
            pause: Duration::from_millis(first_ms),
            longest: Duration::from_secs(longest_s),
            told: String::new(),
        }
    }

    /// For a role to become assumable. AWS gives no figure; users see 5 to 30 seconds, most often about ten, and
    /// every look before that is a call for nothing. Terraform's AWS provider waits five minutes, and its users have
    /// seen longer (its issue 44517).
    pub(crate) fn role_propagation() -> Self {
        Self::new(10000, 8, 600)
    }

    /// For a function to take permissions though it is there: Terraform's AWS provider waits as long.
    pub(crate) fn function_known() -> Self {
        Self::new(500, 5, 300)
    }

    /// For a listing to show something that may have been made.
    pub(crate) fn listing() -> Self {
        Self::new(1000, 4, 10)
    }

    /// For something new to be visible everywhere. Terraform's AWS provider waits up to two minutes for IAM.
    pub(crate) fn visibility() -> Self {
        Self::new(500, 5, 120)
    }

    /// For a function to become Active, or its update to be applied.
    pub(crate) fn function_state() -> Self {
        Self::new(1500, 5, 180)
    }

    /// For a state machine to be gone.
    pub(crate) fn state_machine_gone() -> Self {
        Self::new(1000, 8, 300)
    }

    /// Pauses before the next look, and says what is waited for: once, and again when it is something else.
    ///
    /// # Errors
    /// [`StepError::Stuck`] past the deadline; [`StepError::Cancelled`] when the run is stopped.
    pub(crate) async fn again(&mut self, context: &Context<'_>, on: &str) -> Result<(), StepError> {
        if self.started.elapsed() >= self.deadline {
            return Err(StepError::Stuck(format!(
                "waited {} s for {on}",
                self.deadline.as_secs()
            )));
        }
        if self.told != on {
            context.emit_waiting(on);
            on.clone_into(&mut self.told);
        }
        context.client.stop().sleep(self.pause).await?;
        self.pause = (self.pause * 2).min(self.longest);
        Ok(())
    }

    /// The same wait, as if it had begun at that moment.
    pub(crate) fn since(&mut self, began: Instant) -> &mut Self {
        self.started = began;
        self
    }

    /// How long this wait has lasted.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// `Ok` for a call that found the thing gone already.
///
/// # Errors
/// Every other error.
pub(crate) fn or_gone(result: Result<(), CallError>) -> Result<(), StepError> {
    match result {
        Err(error) if error.kind() == Some(ErrorKind::NotFound) => Ok(()),
        other => Ok(other?),
    }
}
