//! Requests that an API answers by itself, by a wrong method or to a wrong path. No function runs, so no log tells of them; the
//! API's metric does. It is asked about students who would be called silent, by one call for all of them. What is not known
//! leaves a student as they are.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::aws::stop::Cancelled;
use crate::aws::{CallError, CallResult, Client, ClientErrors, METRICS_MAX, MetricStage};
use crate::evidence::activity::Trouble;
use crate::evidence::attention::is_silence;
use crate::evidence::cache::{Cache, UnheardRequests};
use crate::evidence::evaluate::Facts;
use crate::evidence::progress::StudentProgress;
use crate::evidence::recorded::is_validations;
use crate::evidence::student_reader::StudentToRead;
use crate::evidence::trouble::{REPEATED, task_of};
use crate::ids::{ApiType, Scope, Username};
use crate::lab::Lab;
use crate::lab::marks::Starter;
use crate::lab::mistake::{Listener, Symptom, TroubleReason, remark};
use crate::stack::kinds::api::RouteSpec;
use crate::stack::kinds::{Observed, Stack};

const MINUTE_MS: i64 = 60_000;
/// How long an API waits for its function at most, in milliseconds. What the log shows at one time, the metric may show so much
/// later. Source: API Gateway quotas, "Integration timeout".
const ANSWERED_MS: i64 = 30_000;
/// A refusal by the function itself is in the log by then, and a sign of life; before, it could be taken for the API's own.
const LOGGED_MS: i64 = 2 * MINUTE_MS;
/// What is longer ago costs more of CloudWatch's quota of data points. Source: CloudWatch service quotas, GetMetricData.
const SPAN_MS: i64 = 180 * MINUTE_MS;
/// There is nothing new before: the metric has one value a minute.
const ASKED_AGAIN_MS: i64 = MINUTE_MS;
/// A reading does not wait for longer.
const WAIT: Duration = Duration::from_secs(3);
/// What an API answers to a method or path that it does not have. Sources: API Gateway Developer Guide, "Gateway response types",
/// MISSING_AUTHENTICATION_TOKEN; for HTTP APIs, "Create routes for HTTP APIs".
fn no_such_method(api_type: ApiType) -> u16 {
    match api_type {
        ApiType::Rest => 403,
        ApiType::Http => 404,
    }
}

/// A student's API, as far as its metric can be asked.
#[derive(Debug, Clone)]
struct OwnApi {
    stage: MetricStage,
    /// Nothing before counts: the name may have been another API's. In milliseconds since 1970.
    born_ms: i64,
    /// When homeroom tried the stack, likewise.
    tried_ms: Vec<i64>,
}

/// The APIs of the students who were read.
#[derive(Debug, Default)]
pub struct OwnApis(BTreeMap<Username, OwnApi>);

impl OwnApis {
    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Notes the API whose log tells how it refuses requests: of others it is not known what the function itself refused.
    pub(super) fn note(
        &mut self,
        scope: &Scope,
        stack: &Stack,
        observed: &Observed,
        student: &StudentToRead<'_>,
        facts: &Facts,
    ) {
        let log = student.api_log();
        let Some((_, function)) = log.filter(|_| !student.marks.api_refusals.is_empty()) else {
            return;
        };
        let answers = |route: &RouteSpec| route.function == function;
        let mut specs = stack.apis.iter();
        let spec = specs.find(|api| api.routes.iter().any(answers));
        let found = spec.and_then(|spec| Some((spec, observed.api_of(scope, stack, spec)?)));
        let Some((spec, api)) = found else { return };
        let metrics_name = match spec.api_type {
            ApiType::Rest => {
                // The metric knows names only.
                let all = observed.apis.values().flatten();
                let named = all.filter(|it| it.api_type == spec.api_type && it.name == api.name);
                if named.count() != 1 {
                    return;
                }
                &api.name
            }
            ApiType::Http => &api.id,
        };
        let homerooms = |starter: Starter| matches!(starter, Starter::Homeroom | Starter::Unclear);
        let tests = facts.newest_first(homerooms).into_iter();
        let nonces = student.recorded.nonces.iter().map(|nonce| nonce.at_ms);
        let own = OwnApi {
            stage: MetricStage {
                api_type: spec.api_type,
                api: metrics_name.clone(),
                stage: spec.stage.clone(),
            },
            born_ms: api.created_s * 1000,
            tried_ms: nonces.chain(tests.map(|(_, e)| e.started_ms)).collect(),
        };
        self.0.insert(student.username().clone(), own);
    }
}

struct MetricQuestion<'a> {
    student: &'a Username,
    api: &'a OwnApi,
    since_ms: i64,
    from_ms: i64,
    until_ms: i64,
}

/// What is to be asked about students who would be called silent.
pub struct Unheard<'a> {
    questions: Vec<MetricQuestion<'a>>,
    now_ms: i64,
}

impl<'a> Unheard<'a> {
    /// `students`: with who is silent.
    pub fn of(
        students: &'a [StudentProgress],
        apis: &'a OwnApis,
        cache: &Cache,
        now: Timestamp,
    ) -> Self {
        let now_ms = now.as_millisecond();
        let mut due: Vec<(i64, MetricQuestion<'a>)> = Vec::new();
        for student in students {
            let name = &student.username;
            // What the function refused is told from the rest by its log alone, as far as that was read.
            let memory = cache.students.get(name);
            let logged_ms = memory.and_then(|memory| memory.refusals_asked_ms);
            let (Some(since_ms), Some(api), Some(logged_ms)) =
                (silent_since(student), apis.0.get(name), logged_ms)
            else {
                continue;
            };
            let until_ms = (logged_ms.min(now_ms) - LOGGED_MS).div_euclid(MINUTE_MS) * MINUTE_MS;
            // The minute of the last sign of life has other answers, too.
            let after = (since_ms + ANSWERED_MS).max(api.born_ms);
            let from_ms = (after + MINUTE_MS - 1).div_euclid(MINUTE_MS) * MINUTE_MS;
            let from_ms = from_ms.max(until_ms - SPAN_MS);
            let asked_ms = known(cache, name, since_ms).map_or(i64::MIN, |known| known.asked_ms);
            let again = now_ms.saturating_sub(asked_ms) >= ASKED_AGAIN_MS || asked_ms > now_ms;
            if again && from_ms < until_ms {
                let question = MetricQuestion {
                    student: name,
                    api,
                    since_ms,
                    from_ms,
                    until_ms,
                };
                due.push((asked_ms, question));
            }
        }
        // In a larger class, in turn.
        due.sort_by_key(|(asked_ms, _)| *asked_ms);
        due.truncate(METRICS_MAX);
        Self {
            questions: due.into_iter().map(|(_, question)| question).collect(),
            now_ms,
        }
    }

    /// Whether nobody is silent, or nothing can be new.
    pub fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }

    /// Asks, by one call that is made once and not waited for. Keeps what is known; what could not be asked is said once.
    ///
    /// # Errors
    /// Only when the run is stopped.
    pub async fn ask(
        &self,
        client: &Client,
        cache: &mut Cache,
    ) -> Result<Option<String>, Cancelled> {
        let answer = match self.answer(client).await {
            Some(Ok(answer)) => answer,
            Some(Err(CallError::Cancelled)) => return Err(Cancelled),
            Some(Err(CallError::Cloud(error))) => return Ok(Some(unread(&error.in_full()))),
            None => {
                let why = format!(
                    "CloudWatch did not answer within {} seconds",
                    WAIT.as_secs()
                );
                return Ok(Some(unread(&why)));
            }
        };
        for (question, errors) in self.questions.iter().zip(&answer) {
            let of_student = cache.students.entry(question.student.clone()).or_default();
            let known = of_student.unheard.take();
            of_student.unheard = Some(self.heard(question, errors, known));
        }
        Ok(None)
    }

    /// `None` where it took too long.
    async fn answer(&self, client: &Client) -> Option<CallResult<Vec<ClientErrors>>> {
        let stages = self.questions.iter().map(|q| q.api.stage.clone());
        let stages: Vec<MetricStage> = stages.collect();
        let from_ms = self.questions.iter().map(|question| question.from_ms).min();
        let until_ms = self
            .questions
            .iter()
            .map(|question| question.until_ms)
            .max();
        let (from_ms, until_ms) = (from_ms.unwrap_or_default(), until_ms.unwrap_or_default());
        let client = client.once();
        let asked = client.client_errors(&stages, from_ms, until_ms);
        tokio::time::timeout(WAIT, asked).await.ok()
    }

    fn heard(
        &self,
        question: &MetricQuestion<'_>,
        errors: &ClientErrors,
        known: Option<UnheardRequests>,
    ) -> UnheardRequests {
        let MetricQuestion {
            api,
            since_ms,
            from_ms,
            until_ms,
            ..
        } = *question;
        let counts = |at: i64| {
            let mut tried = api.tried_ms.iter();
            let ours =
                tried.any(|t| is_validations(*t, at) || is_validations(*t, at + MINUTE_MS - 1));
            (from_ms..until_ms).contains(&at) && !ours
        };
        let minutes = errors.iter();
        let minutes = minutes.filter(|(at, count)| *count > 0 && counts(*at));
        let count = minutes.clone().map(|(_, count)| *count).sum();
        let first_ms = minutes.map(|(at, _)| *at).min();
        // An answer that is not whole, or of a shorter time, takes nothing away.
        let known = known.filter(|known| known.since_ms == since_ms);
        let (count, first_ms) = match known {
            Some(known) if known.count >= count => (known.count, known.first_ms),
            _ => (count, first_ms),
        };
        UnheardRequests {
            since_ms,
            asked_ms: self.now_ms,
            count,
            first_ms,
        }
    }
}

fn unread(why: &str) -> String {
    format!(
        "Requests by a wrong method or to a wrong path show in the metric 4XXError (4xx) of a student's API alone, and that could not be \
         read: {why}. Who sends such ones is shown as idle or not started."
    )
}

/// Since when a student would be called silent, in milliseconds since 1970.
fn silent_since(student: &StudentProgress) -> Option<i64> {
    let trouble = student.trouble.as_ref();
    let silence = trouble.filter(|trouble| is_silence(trouble.reason))?;
    Some(silence.since?.as_millisecond())
}

fn known<'a>(cache: &'a Cache, student: &Username, since_ms: i64) -> Option<&'a UnheardRequests> {
    let known = cache.students.get(student)?.unheard.as_ref();
    known.filter(|known| known.since_ms == since_ms)
}

/// Tells of students who would be called silent, and whose requests the API has answered by itself. One may be anybody's who
/// tried the link.
pub fn add_unheard(students: &mut [StudentProgress], cache: &Cache, lab: &Lab) {
    for student in students {
        let known = silent_since(student).and_then(|since| known(cache, &student.username, since));
        let known = known.filter(|known| usize::try_from(known.count).is_ok_and(|n| n >= REPEATED));
        if let Some(known) = known {
            student.trouble = Some(refused(student, known, lab));
        }
    }
}

fn refused(student: &StudentProgress, known: &UnheardRequests, lab: &Lab) -> Trouble {
    let task = task_of(lab.checks(), &student.checks, |starter| {
        starter == Starter::Api
    });
    let reason = TroubleReason::RefusedRequests;
    // Such an API answers 403 to a request without a signature, too.
    let signed = lab.signed_stages().next().is_some();
    let types = lab.api_types();
    let only = types.first().filter(|_| types.len() == 1 && !signed);
    let symptom = Symptom {
        task: task.as_deref(),
        http_status: only.copied().map(no_such_method),
        ..Symptom::of(reason)
    };
    let signature = if signed { "no valid signature, " } else { "" };
    let cause = format!(
        "answered 4xx by the API itself: {signature}a wrong method or path, or too many requests at once"
    );
    // What their last failure was tells more, and the silence has its words.
    let hitch = student.hitch.as_ref();
    let last = hitch.and_then(|hitch| hitch.cause.as_ref());
    let said = match hitch.is_some_and(|hitch| hitch.say.is_some()) {
        true => None,
        false => remark(lab.mistakes(), &symptom),
    };
    let silence = student.trouble.as_ref();
    let listener = || silence.map_or(Listener::Student, |silence| silence.to);
    Trouble {
        reason,
        task,
        count: usize::try_from(known.count).ok(),
        since: known
            .first_ms
            .and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        cause: Some(match last {
            Some(last) => format!("{last}; requests since then were {cause}"),
            None => cause,
        }),
        act: None,
        to: said.as_ref().map_or_else(listener, |said| said.to),
        room: said.as_ref().and_then(|said| said.room.clone()),
        say: said
            .map(|said| said.say)
            .or_else(|| silence.and_then(|silence| silence.say.clone())),
    }
}
