//! What a step works with: its calls, its waits, and its errors.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::aws::common_cause::StackPart;
use crate::aws::stop::Cancelled;
use crate::aws::{CallError, CallResult, Client, CloudError, ErrorKind, Principal};
use crate::events::{Event, StepResult};
use crate::ids::{ClassName, Scope, Username};
use crate::stack::hints;
use crate::stack::issue::Issuer;
use crate::stack::kinds::{Kind, ResourceId};
use crate::stack::ownership::{Owner, Ownership, Tags};
use crate::text::failure::Failure;

/// Why a step did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StepError {
    Cloud(CloudError),
    /// What was to be frozen, thawed or stopped is not there.
    Absent,
    /// Something with our name is not provably ours.
    Conflict(String),
    /// A condition did not come true within its deadline.
    Stuck(String),
    /// The same, with AWS's last answer.
    Late(String, CloudError),
    /// Credentials could not be written on this machine.
    NotKept(String),
    /// A step that it needs did not end well.
    Needs(ResourceId),
    Cancelled,
}

impl From<CloudError> for StepError {
    fn from(error: CloudError) -> Self {
        Self::Cloud(error)
    }
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

    /// The step's result, as events have it.
    pub(crate) fn into_result(self, resource: &ResourceId) -> StepResult {
        let failure = |cause: String, hint: Option<String>| Failure {
            subject: resource.to_string(),
            cause,
            hint,
            request_id: None,
        };
        let stuck = |cause| failure(cause, Some(hints::STUCK.to_owned()));
        let failure = match self {
            Self::Absent => return StepResult::Absent,
            Self::Needs(needs) => return StepResult::Skipped { needs },
            Self::Cancelled => return StepResult::Cancelled,
            Self::Conflict(why) => {
                let failure = failure(why, Some(hints::CONFLICT.to_owned()));
                return StepResult::Conflict { failure };
            }
            Self::Stuck(what) => stuck(what),
            Self::NotKept(what) => failure(what, Some(hints::NOT_KEPT.to_owned())),
            Self::Late(what, last) => Failure {
                request_id: last.request_id.clone(),
                ..stuck(format!("{what}; AWS's last answer: {last}"))
            },
            Self::Cloud(error) => Failure {
                request_id: error.request_id.clone(),
                ..failure(error.to_string(), hints::for_error(&error))
            },
        };
        StepResult::Failed { failure }
    }
}

/// What the steps of one student know of each other: how they ended, and what they have just made or are changing.
#[derive(Debug)]
pub(crate) struct Settled {
    steps: HashMap<ResourceId, watch::Sender<Option<bool>>>,
    /// When this run last made a role, user or policy of the student's.
    principal_made: Mutex<Option<Instant>>,
    functions: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Whether one of the student's new roles could be assumed yet. Roles that are made together become assumable
    /// together, so until then one step asks for all: every refused attempt costs a call.
    roles_assumable: tokio::sync::Mutex<bool>,
}

impl Settled {
    pub(crate) fn new<'a>(steps: impl IntoIterator<Item = &'a ResourceId>) -> Self {
        let open = |id: &ResourceId| (id.clone(), watch::Sender::new(None));
        Self {
            steps: steps.into_iter().map(open).collect(),
            principal_made: Mutex::default(),
            functions: Mutex::default(),
            roles_assumable: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn settle(&self, id: &ResourceId, well: bool) {
        if let Some(sender) = self.steps.get(id) {
            sender.send_replace(Some(well));
        }
    }

    /// Waits until a step has ended. A resource without a step has nothing to do, and so has ended well.
    async fn ended_well(&self, id: &ResourceId) -> bool {
        let Some(sender) = self.steps.get(id) else {
            return true;
        };
        let mut receiver = sender.subscribe();
        // The sender lives as long as `self`, so it is there while anybody waits.
        let ended = receiver.wait_for(Option::is_some).await;
        ended.is_ok_and(|well| *well == Some(true))
    }

    fn principal_made(&self) -> MutexGuard<'_, Option<Instant>> {
        let made = self.principal_made.lock();
        made.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything that a step works with.
pub(crate) struct Context<'a> {
    pub(crate) client: Client,
    pub(crate) scope: &'a Scope,
    pub(crate) owner: &'a Owner,
    pub(crate) resource: &'a ResourceId,
    /// The same resource of any student.
    pub(crate) part: StackPart,
    pub(crate) settled: &'a Settled,
    /// Makes and keeps credentials; `None` in a run that issues none.
    pub(crate) issuer: Option<&'a dyn Issuer>,
}

impl<'a> Context<'a> {
    pub(crate) fn class(&self) -> &'a ClassName {
        &self.owner.class
    }

    pub(crate) fn student(&self) -> &'a Username {
        &self.owner.student
    }

    /// This step has just made its role, user or policy, or found one that was made a moment ago: IAM may not know it
    /// everywhere yet.
    pub(crate) fn principal_made(&self) {
        *self.settled.principal_made() = Some(Instant::now());
    }

    /// When this run last made a role, user or policy of the student's.
    pub(crate) fn last_principal(&self) -> Option<Instant> {
        *self.settled.principal_made()
    }

    /// Waits until no other step changes the function, and keeps others away while the answer lives. When two permissions
    /// are added to one function at once, AWS may lose one.
    pub(crate) async fn alone_with(
        &self,
        function: &str,
    ) -> Result<tokio::sync::OwnedMutexGuard<()>, StepError> {
        let lock = {
            let functions = self.settled.functions.lock();
            let mut functions = functions.unwrap_or_else(PoisonError::into_inner);
            functions.entry(function.to_owned()).or_default().clone()
        };
        let alone = self.client.stop().unless_stopping(lock.lock_owned());
        Ok(alone.await?)
    }

    /// Waits until other steps of the student have ended; [`StepError::Needs`] when one did not end well.
    pub(crate) async fn wait_for_steps(&self, needs: &[ResourceId]) -> Result<(), StepError> {
        for id in needs {
            let ended = self.settled.ended_well(id);
            if !self.client.stop().unless_stopping(ended).await? {
                return Err(StepError::Needs(id.clone()));
            }
        }
        Ok(())
    }

    /// [`StepError::Conflict`] unless the tags say that it is this student's in this class and lab.
    pub(crate) fn prove_ours(&self, tags: &Tags) -> Result<(), StepError> {
        self.prove(&Ownership::from_tags(tags, self.class()))
    }

    /// [`StepError::Conflict`] unless it is this student's.
    pub(crate) fn prove(&self, ownership: &Ownership) -> Result<(), StepError> {
        match ownership.why_not(self.owner) {
            None => Ok(()),
            Some(why) => Err(StepError::Conflict(why)),
        }
    }

    /// Makes a call that has AWS assume one of the student's roles; waits until that is possible. Past the deadline the
    /// error is AWS's refusal.
    pub(crate) async fn call_assuming_role<T, F>(
        &self,
        attempt: impl Fn() -> F,
    ) -> Result<T, StepError>
    where
        F: Future<Output = CallResult<T>>,
    {
        let gate = self.settled.roles_assumable.lock();
        let gate = self.client.stop().unless_stopping(gate).await?;
        let gate = Some(gate).filter(|assumable| !**assumable);
        let answer = self.retry_until_assumed(attempt).await;
        // Whatever the answer is, the other steps need not wait for this one any more.
        if let Some(mut assumable) = gate {
            *assumable = true;
        }
        answer
    }

    /// Waits until the student's steps about a kind have ended, well or not.
    pub(crate) async fn wait_for_all(&self, kind: Kind) -> Result<(), StepError> {
        let of_kind = self.settled.steps.keys().filter(|id| id.kind == kind);
        let ended = join_all(of_kind.map(|id| self.settled.ended_well(id)));
        self.client.stop().unless_stopping(ended).await?;
        Ok(())
    }

    async fn retry_until_assumed<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, StepError>
    where
        F: Future<Output = CallResult<T>>,
    {
        let (mut assumable, mut in_force) = (Poll::role_propagation(), Poll::visibility());
        loop {
            let error = match attempt().await {
                Err(CallError::Cloud(error)) => error,
                other => return Ok(other?),
            };
            let (poll, on) = match error.kind {
                ErrorKind::RoleNotAssumable => (&mut assumable, "its role to become assumable"),
                ErrorKind::RoleRefused => (&mut in_force, "its role's policies to be in force"),
                _ => return Err(error.into()),
            };
            poll.again_or(self, on, error).await?;
        }
    }

    /// Makes a call about something that this step made a moment ago. AWS does not show a new thing everywhere at once, so
    /// this waits while AWS does not find it. It also waits while IAM refuses instead: IAM does that when the caller's
    /// policy covers a path only.
    ///
    /// # Errors
    /// AWS's; [`StepError::Late`] when AWS never finds it; IAM's refusal when nothing was made a moment ago, or when IAM
    /// goes on refusing.
    pub(crate) async fn call_about_new<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, StepError>
    where
        F: Future<Output = CallResult<T>>,
    {
        let mut poll = Poll::visibility();
        let on = "what was just made to show up";
        loop {
            let error = match attempt().await {
                Err(CallError::Cloud(error)) => error,
                other => return Ok(other?),
            };
            match (error.kind, self.last_principal()) {
                (ErrorKind::NotFound, _) => poll.again_after(self, on, error).await?,
                (ErrorKind::Unresolved, Some(made)) => {
                    poll.since(made).again_or(self, on, error).await?;
                }
                _ => return Err(error.into()),
            }
        }
    }

    /// `Ok` for a deletion in IAM that found the thing gone already. When the caller's policy covers a path only, IAM
    /// refuses instead of saying so; then a fresh listing decides.
    ///
    /// # Errors
    /// Every other error; IAM's refusal when the listing goes on showing it.
    pub(crate) async fn or_gone_from_iam(&self, result: CallResult<()>) -> Result<(), StepError> {
        let error = match result {
            Err(CallError::Cloud(error)) if error.kind == ErrorKind::Unresolved => error,
            other => return or_gone(other),
        };
        let mut poll = Poll::listing();
        while self.is_listed().await? {
            let on = "the listing, to tell whether it is gone";
            poll.again_or(self, on, error.clone()).await?;
        }
        Ok(())
    }

    /// Whether a fresh listing shows the step's role, user or policy.
    async fn is_listed(&self) -> Result<bool, StepError> {
        self.lists(|one| one.seen().id() == *self.resource).await
    }

    /// Whether a fresh listing of IAM has such an entry.
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
    /// The last [`Event::StepWaiting`].
    emitted: String,
}

impl Poll {
    /// Looks again after the first pause, then after ever longer ones, until the deadline.
    fn new(first_ms: u64, longest_s: u64, deadline_s: u64) -> Self {
        Self {
            started: Instant::now(),
            deadline: Duration::from_secs(deadline_s),
            pause: Duration::from_millis(first_ms),
            longest: Duration::from_secs(longest_s),
            emitted: String::new(),
        }
    }

    /// For a role to become assumable. AWS gives no figure; users see 5 to 30 seconds, most often about ten, and
    /// an earlier attempt only costs a call. Terraform's AWS provider waits five minutes, and its users have seen longer
    /// (its issue 44517).
    pub(crate) fn role_propagation() -> Self {
        Self::new(10000, 8, 600)
    }

    /// For a function to take permissions once it exists. Terraform's AWS provider waits as long.
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

    pub(crate) fn function_state() -> Self {
        Self::new(1500, 5, 180)
    }

    pub(crate) fn state_machine_gone() -> Self {
        Self::new(1000, 8, 300)
    }

    /// Pauses before the next look. Emits what is waited for: once, and again when it changes.
    ///
    /// # Errors
    /// [`StepError::Stuck`] past the deadline; [`StepError::Cancelled`] when the run is stopped.
    pub(crate) async fn again(&mut self, cx: &Context<'_>, on: &str) -> Result<(), StepError> {
        if self.elapsed() >= self.deadline {
            let waited = self.deadline.as_secs();
            return Err(StepError::Stuck(format!("waited {waited} s for {on}")));
        }
        if self.emitted != on {
            cx.client.emit(Event::StepWaiting {
                student: cx.student().clone(),
                resource: cx.resource.clone(),
                on: on.to_owned(),
            });
            on.clone_into(&mut self.emitted);
        }
        cx.client.stop().sleep(self.pause).await?;
        self.pause = (self.pause * 2).min(self.longest);
        Ok(())
    }

    /// [`Poll::again`] after an error of AWS's: past the deadline, the step's error names it as well.
    pub(crate) async fn again_after(
        &mut self,
        cx: &Context<'_>,
        on: &str,
        last: CloudError,
    ) -> Result<(), StepError> {
        match self.again(cx, on).await {
            Err(StepError::Stuck(what)) => Err(StepError::Late(what, last)),
            other => other,
        }
    }

    /// [`Poll::again`] after an error of AWS's that says more than "time is up": past the deadline it is the step's error.
    pub(crate) async fn again_or(
        &mut self,
        cx: &Context<'_>,
        on: &str,
        error: CloudError,
    ) -> Result<(), StepError> {
        match self.again(cx, on).await {
            Err(StepError::Stuck(_)) => Err(error.into()),
            other => other,
        }
    }

    /// Counts the deadline from that moment.
    pub(crate) fn since(&mut self, began: Instant) -> &mut Self {
        self.started = began;
        self
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// `Ok` for a call that found the thing gone already.
pub(crate) fn or_gone(result: CallResult<()>) -> Result<(), StepError> {
    match result {
        Err(error) if error.kind() == Some(ErrorKind::NotFound) => Ok(()),
        other => Ok(other?),
    }
}
