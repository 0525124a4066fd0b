//! Calls to a Canvas: one at a time, paged, and no faster than it allows.

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::text::failure::Failure;
use crate::text::shortened;
use crate::text::show::clean;
use crate::web::{NoAnswer, Url, WebAnswer, WebClient};

use super::link;

/// For one exchange. Canvas itself gives up on a request after about a minute.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Most bytes of one answer: a page of 100 submissions has about 200 KB.
const BODY_MAX: usize = 16 * 1024 * 1024;
/// Most pages of one list.
const PAGES_MAX: usize = 1_000;
/// How long one call is repeated while Canvas says that it is too much, or that it is busy.
const PATIENCE: Duration = Duration::from_secs(120);
/// Canvas counts what calls cost, and forgets 10 a second (Canvas, "Throttling"). A new call is charged 50 at first, so
/// below twice that the next one may be refused.
const COMFORTABLE: f64 = 100.0;
const FORGOTTEN_A_SECOND: f64 = 10.0;
/// Most characters of a server's message that are shown.
const SAID_MAX: usize = 200;

/// A Canvas, and the right to use it.
pub(crate) struct Canvas {
    base: Url,
    token: SecretString,
    client: WebClient,
    /// No call begins before.
    ready: Mutex<Instant>,
}

/// What an answer asks for.
enum Step {
    Done,
    /// Again after this time; `None`: after a pause that grows.
    Again(Option<Duration>),
    Failed,
}

/// A call without a good answer.
pub(super) struct CallFailed {
    pub(super) failure: Failure,
    /// Whether Canvas refused the call, so that it carried nothing out. Otherwise it may have, or may still.
    pub(super) refused: bool,
}

impl From<CallFailed> for Failure {
    fn from(failed: CallFailed) -> Self {
        failed.failure
    }
}

impl Canvas {
    pub(crate) fn new(base: Url, token: SecretString) -> Self {
        Self {
            client: WebClient::new(&base, TIMEOUT, BODY_MAX),
            base,
            token,
            ready: Mutex::new(Instant::now()),
        }
    }

    /// One object.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let url = self.base.at(path);
        let answer = self.call("GET", &url, &[]).await?;
        self.parsed(&answer, "GET", &url)
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, CallFailed> {
        let url = self.base.at(path);
        let answer = self.call("POST", &url, body.to_string().as_bytes()).await?;
        let parsed = self.parsed(&answer, "POST", &url);
        parsed.map_err(|failure| CallFailed {
            failure,
            refused: false,
        })
    }

    /// A server's message as it may be shown. A server may say the token again, which is masked before the cut: half of it
    /// would not be found.
    pub(super) fn told(&self, text: &str) -> String {
        told(text, self.token.expose_secret())
    }

    /// All objects of a list, page by page. The pages' addresses are Canvas's own, and must be of the same server: the
    /// token goes along.
    pub(super) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Failure> {
        let mut url = self.base.at(path);
        let mut asked = BTreeSet::new();
        let mut all = Vec::new();
        loop {
            let broken = |cause: &str| {
                let failure = Failure::new(subject("GET", &url), cause);
                failure.hint("nothing was changed; ask whoever runs this Canvas about its paging")
            };
            if !asked.insert(url.target().to_owned()) || asked.len() > PAGES_MAX {
                return Err(broken("the list's pages have no end"));
            }
            let answer = self.call("GET", &url, &[]).await?;
            let page: Vec<T> = self.parsed(&answer, "GET", &url)?;
            all.extend(page);
            let Some(next) = answer.header("link").and_then(link::next) else {
                return Ok(all);
            };
            let next = match next.starts_with('/') {
                true => Ok(self.base.at(next)),
                false => next.parse::<Url>(),
            };
            url = match next {
                Ok(next) if next.origin() == self.base.origin() => next,
                Ok(next) => {
                    let cause = format!(
                        "the next page is said to be at {}, another server: it was not asked",
                        next.origin()
                    );
                    return Err(broken(&cause));
                }
                Err(why) => return Err(broken(&format!("the address of the next page {why}"))),
            };
        }
    }

    fn parsed<T: DeserializeOwned>(
        &self,
        answer: &WebAnswer,
        method: &str,
        url: &Url,
    ) -> Result<T, Failure> {
        serde_json::from_slice(&answer.body).map_err(|error| {
            let cause = format!("the answer is not what Canvas documents: {error}");
            Failure::new(subject(method, url), cause).hint(format!(
                "check that {} is the address of a Canvas",
                self.base.origin()
            ))
        })
    }

    /// A call whose answer is good. It is repeated only where Canvas did not begin to carry it out, or where it only reads.
    async fn call(&self, method: &str, url: &Url, body: &[u8]) -> Result<WebAnswer, CallFailed> {
        let mut ready = self.ready.lock().await;
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_secs(1);
        loop {
            tokio::time::sleep_until(*ready).await;
            let mut headers = vec![
                (
                    "authorization",
                    format!("Bearer {}", self.token.expose_secret()),
                ),
                ("accept", "application/json".to_owned()),
            ];
            if !body.is_empty() {
                headers.push(("content-type", "application/json".to_owned()));
            }
            let began = Instant::now();
            let answer = self.client.send(method, url, &headers, body).await;
            let status = answer.as_ref().ok().map(|answer| answer.status);
            let elapsed_ms = began.elapsed().as_millis();
            tracing::debug!(method, path = path_of(url), status, elapsed_ms, "canvas");
            let answer = answer.map_err(|why| self.unanswered(method, url, &why))?;
            *ready = Instant::now() + rest_after(answer.header("x-rate-limit-remaining"));
            match step(&answer, method == "GET") {
                Step::Done => return Ok(answer),
                Step::Failed => return Err(self.refused(method, url, &answer)),
                Step::Again(wanted) => {
                    let wait = wanted.unwrap_or(pause);
                    if wait > deadline.saturating_duration_since(Instant::now()) {
                        return Err(self.refused(method, url, &answer));
                    }
                    sleep(wait).await;
                    pause = (pause * 2).min(Duration::from_secs(30));
                }
            }
        }
    }

    fn unanswered(&self, method: &str, url: &Url, why: &NoAnswer) -> CallFailed {
        let failure = Failure::new(subject(method, url), why.to_string()).hint(format!(
            "check the network and that {} is right, then run the same command again",
            self.base.origin()
        ));
        CallFailed {
            failure,
            refused: matches!(why, NoAnswer::Unsendable(_)),
        }
    }

    fn refused(&self, method: &str, url: &Url, answer: &WebAnswer) -> CallFailed {
        let told = said(&answer.body).map(|said| self.told(&said));
        let said = told.map_or_else(String::new, |said| format!(": {said}"));
        let server = self.base.origin();
        let (cause, hint) = match answer.status {
            401 => (
                "Canvas does not accept the token".to_owned(),
                "make a new one in Canvas (Account, Settings, New Access Token), and give it in CANVAS_TOKEN or --token-file".to_owned(),
            ),
            status if is_throttled(answer) => (
                format!("Canvas says that it is too much, even after {} seconds of patience (status {status})", PATIENCE.as_secs()),
                "wait a few minutes and run the same command again".to_owned(),
            ),
            403 => (
                "Canvas does not allow it".to_owned(),
                "the token's owner must be allowed to edit grades in this course".to_owned(),
            ),
            404 => (
                "Canvas has no such course or assignment, or does not show it to the token's owner".to_owned(),
                "take the numbers from the assignment's address in Canvas: /courses/COURSE/assignments/ASSIGNMENT".to_owned(),
            ),
            300..=399 => (
                "the server answers with another address, which was not asked".to_owned(),
                format!("give the address that a browser shows in Canvas, in the place of {server}"),
            ),
            status => (
                format!("Canvas answers with status {status}"),
                "run the same command again; if it stays, ask whoever runs this Canvas".to_owned(),
            ),
        };
        CallFailed {
            failure: Failure::new(subject(method, url), format!("{cause}{said}")).hint(hint),
            // A proxy answers 408 and 5xx for a server that may go on.
            refused: matches!(answer.status, 300..=407 | 409..=499),
        }
    }
}

fn told(text: &str, token: &str) -> String {
    shortened(&clean(&text.replace(token, "…")), SAID_MAX)
}

fn path_of(url: &Url) -> &str {
    url.target().split('?').next().unwrap_or_default()
}

fn subject(method: &str, url: &Url) -> String {
    format!("Canvas: {method} {}", path_of(url))
}

fn step(answer: &WebAnswer, only_reads: bool) -> Step {
    let wanted = || {
        let seconds = answer.header("retry-after")?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    };
    match answer.status {
        200..300 => Step::Done,
        _ if is_throttled(answer) => Step::Again(wanted()),
        502..=504 if only_reads => Step::Again(wanted()),
        _ => Step::Failed,
    }
}

/// Canvas refuses what is too much with 403 and these words; newer ones with 429.
fn is_throttled(answer: &WebAnswer) -> bool {
    let words = b"rate limit exceeded";
    let is_said = || {
        let mut windows = answer.body.windows(words.len());
        windows.any(|window| window.eq_ignore_ascii_case(words))
    };
    answer.status == 429 || answer.status == 403 && is_said()
}

/// How long to rest after an answer with so much left.
fn rest_after(remaining: Option<&str>) -> Duration {
    let remaining = remaining.and_then(|text| text.trim().parse::<f64>().ok());
    let missing = remaining.map_or(0.0, |left| (COMFORTABLE - left).clamp(0.0, COMFORTABLE));
    Duration::from_secs_f64(missing / FORGOTTEN_A_SECOND)
}

/// The message of an error: `{"errors":[{"message":…}]}`, `{"message":…}`, or `{"errors":"…"}`.
fn said(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let errors = &body["errors"];
    let texts = [
        &errors[0]["message"],
        &body["message"],
        errors,
        &body["error"],
    ];
    let text = texts.into_iter().find_map(Value::as_str)?;
    Some(text.to_owned())
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn the_less_is_left_the_longer_is_the_rest() {
        let rest = |left: &str| rest_after(Some(left)).as_secs_f64();
        assert_eq!(rest("600.5"), 0.0);
        assert_eq!(rest("50"), 5.0);
        assert_eq!(rest("-20"), 10.0);
        assert_eq!(rest("much"), 0.0);
        assert_eq!(rest_after(None), Duration::ZERO);
    }

    #[test]
    fn a_servers_message_is_found_wherever_it_stands() {
        let said = |text: &str| said(text.as_bytes());
        for text in [
            r#"{"errors":[{"message":"no"}]}"#,
            r#"{"message":"no"}"#,
            r#"{"errors":"no"}"#,
        ] {
            assert_eq!(said(text).as_deref(), Some("no"), "{text}");
        }
        assert_eq!(said("<html>"), None);
    }

    #[test]
    fn a_servers_message_is_cleaned_and_cut() {
        assert!(!told("no\u{1b}[31m", "7~token").contains('\u{1b}'));
        assert_eq!(told(&"x".repeat(9_999), "7~token").chars().count(), 201);
    }

    #[test]
    fn no_part_of_the_token_is_left_where_a_message_is_cut() {
        let said = told(&format!("{}7~token", "x".repeat(SAID_MAX - 4)), "7~token");
        assert_eq!(said, format!("{}…", "x".repeat(SAID_MAX - 4)));
    }
}
