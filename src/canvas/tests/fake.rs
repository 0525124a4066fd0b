//! A Canvas of one course and one assignment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(super) const TOKEN: &str = "7~SecretSecret";
/// The query by which the first page of users is asked for.
pub(super) const TWELVE: &str = "?enrollment_type%5B%5D=student&enrollment_state%5B%5D=active&enrollment_state%5B%5D=invited&include%5B%5D=email&per_page=100";
const PAGE: usize = 2;

#[derive(Default)]
struct State {
    url: String,
    assignment: Value,
    users: Vec<Value>,
    submissions: BTreeMap<u64, Value>,
    /// What the next pages are called.
    bookmarks: BTreeMap<String, (String, usize)>,
    requests: usize,
    writes: usize,
    sent: Vec<(u64, String)>,
    /// Grades that are accepted and not carried out yet.
    queued: Vec<(u64, String)>,
    polls: usize,
    give_up_after: Option<usize>,
    turned: BTreeMap<u64, f64>,
    refusals: Vec<(u16, String, Option<String>)>,
    refuse_writes: Option<u16>,
    lose_jobs: bool,
    /// What somebody else makes of a student's grade once a job is done.
    changed_then: Option<(u64, f64)>,
    continue_at: Option<String>,
    hold_after_a_write: bool,
    /// Requests that get no answer.
    held: usize,
}

pub(super) struct Fake {
    state: Arc<Mutex<State>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Fake {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = State {
            url: format!("http://{}", listener.local_addr().unwrap()),
            assignment: json!({
                "id": 345, "name": "Lab 6", "points_possible": 100.0, "grading_type": "points",
                "published": true, "moderated_grading": false, "anonymize_students": false,
                "group_category_id": null, "submission_types": ["none"],
            }),
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let handler = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let shared = Arc::clone(&shared);
            async move {
                let hold = {
                    let mut state = shared.lock().unwrap();
                    let hold = state.hold_after_a_write && state.writes > 0;
                    state.held += usize::from(hold);
                    hold
                };
                if hold {
                    std::future::pending::<()>().await;
                }
                let mut state = shared.lock().unwrap();
                state.answer(&method, &uri, &headers, &body)
            }
        };
        let app = Router::new().fallback(handler);
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { state, server }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn url(&self) -> String {
        self.state().url.clone()
    }

    pub(super) fn enrol(&self, id: u64, name: &str, email: &str, score: Option<f64>) {
        let email = Some(email).filter(|email| !email.is_empty());
        let user = json!({
            "id": id, "name": name, "sortable_name": name, "sis_user_id": format!("S{id}"),
            "login_id": format!("login{id}"), "email": email,
        });
        self.state().users.push(user);
        self.grade(id, score);
    }

    pub(super) fn grade(&self, id: u64, score: Option<f64>) {
        self.state().set(id, score);
    }

    pub(super) fn excuse(&self, id: u64) {
        self.state().submissions.get_mut(&id).unwrap()["excused"] = true.into();
    }

    pub(super) fn hide(&self, id: u64) {
        self.state().submissions.get_mut(&id).unwrap()["assignment_visible"] = false.into();
    }

    pub(super) fn assignment(&self, change: impl FnOnce(&mut Value)) {
        change(&mut self.state().assignment);
    }

    /// The job of the next write fails after so many grades.
    pub(super) fn give_up_after(&self, grades: usize) {
        self.state().give_up_after = Some(grades);
    }

    /// Whatever is sent for this student, it becomes this.
    pub(super) fn turn(&self, id: u64, score: f64) {
        self.state().turned.insert(id, score);
    }

    pub(super) fn refuse_next(&self, status: u16, body: &str, retry_after: Option<&str>) {
        let refusal = (status, body.to_owned(), retry_after.map(str::to_owned));
        self.state().refusals.push(refusal);
    }

    pub(super) fn refuse_writes(&self, status: u16) {
        self.state().refuse_writes = Some(status);
    }

    /// Nobody gets to know how a write goes on.
    pub(super) fn lose_jobs(&self) {
        self.state().lose_jobs = true;
    }

    /// Once grades were sent, no request is answered.
    pub(super) fn hold_after_a_write(&self) {
        self.state().hold_after_a_write = true;
    }

    pub(super) fn held(&self) -> usize {
        self.state().held
    }

    /// Somebody else gives this grade as soon as the next job is done.
    pub(super) fn change_after_a_job(&self, id: u64, score: f64) {
        self.state().changed_then = Some((id, score));
    }

    /// Every list goes on there.
    pub(super) fn continue_at(&self, url: &str) {
        self.state().continue_at = Some(url.to_owned());
    }

    pub(super) fn refusals_left(&self) -> usize {
        self.state().refusals.len()
    }

    pub(super) fn requests(&self) -> usize {
        self.state().requests
    }

    pub(super) fn writes(&self) -> usize {
        self.state().writes
    }

    pub(super) fn sent(&self) -> Vec<(u64, String)> {
        self.state().sent.clone()
    }

    pub(super) fn score(&self, id: u64) -> Option<f64> {
        self.state().submissions[&id]["score"].as_f64()
    }
}

impl State {
    fn set(&mut self, id: u64, score: Option<f64>) {
        let german = score.map(|score| score.to_string().replace('.', ","));
        let state = score.map_or("unsubmitted", |_| "graded");
        let submission = json!({
            "id": 1000 + id, "user_id": id, "score": score, "entered_score": score, "grade": german,
            "excused": false, "workflow_state": state, "posted_at": null, "assignment_visible": true,
        });
        self.submissions.insert(id, submission);
    }

    fn answer(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response {
        self.requests += 1;
        let given = headers
            .get("authorization")
            .map(|v| v.to_str().unwrap().to_owned());
        if given.as_deref() != Some(&format!("Bearer {TOKEN}")) {
            let said = format!("Invalid access token {}.", given.unwrap_or_default());
            return refusal(401, &said);
        }
        if let Some((status, body, after)) = self.refusals.pop() {
            let status = StatusCode::from_u16(status).unwrap();
            let headers = after.map(|after| [("retry-after", after)]);
            return (status, headers, body).into_response();
        }
        let path = uri.path();
        let query = uri.query().unwrap_or_default();
        let assignment = "/api/v1/courses/12/assignments/345";
        match (
            method.as_str(),
            path.strip_prefix(assignment).unwrap_or(path),
        ) {
            ("GET", "") => ok(&self.assignment),
            ("GET", "/submissions") => {
                let all = self.submissions.values().cloned().collect();
                self.page(path, query, all)
            }
            ("GET", "/api/v1/courses/12/users") => self.page(path, query, self.users.clone()),
            ("POST", "/submissions/update_grades") => self.accept(headers, body),
            ("GET", "/api/v1/progress/77") if !self.lose_jobs => self.progress(),
            _ => refusal(404, "The specified resource does not exist."),
        }
    }

    fn page(&mut self, path: &str, query: &str, all: Vec<Value>) -> Response {
        let from = match query.strip_prefix("page=") {
            Some(mark) => match self.bookmarks.get(mark) {
                Some((of, from)) if of == path => *from,
                _ => return refusal(400, "bookmark is not valid"),
            },
            None if query.contains("per_page=100") => 0,
            None => return refusal(400, "per_page is missing"),
        };
        let to = (from + PAGE).min(all.len());
        let mark = format!("bookmark:W1syXV0{}", self.bookmarks.len());
        let mut link = format!("<{}{path}?page=1>; rel=\"first\"", self.url);
        if let Some(url) = &self.continue_at {
            link += &format!(",<{url}>; rel=\"next\"");
        } else if to < all.len() {
            link += &format!(",<{}{path}?page={mark}>; rel=\"next\"", self.url);
            self.bookmarks.insert(mark, (path.to_owned(), to));
        }
        let body = Value::from(all[from..to].to_vec()).to_string();
        (
            [
                ("link", link),
                ("x-rate-limit-remaining", "598.7".to_owned()),
            ],
            body,
        )
            .into_response()
    }

    fn accept(&mut self, headers: &HeaderMap, body: &[u8]) -> Response {
        self.writes += 1;
        if let Some(status) = self.refuse_writes {
            return refusal(status, "bad gateway");
        }
        assert_eq!(headers["content-type"], "application/json");
        let body: Value = serde_json::from_slice(body).unwrap();
        for (user, grade) in body["grade_data"].as_object().unwrap() {
            let grade = grade["posted_grade"].as_str().unwrap().to_owned();
            self.queued.push((user.parse().unwrap(), grade));
        }
        self.polls = 0;
        ok(&json!({ "id": 77, "workflow_state": "queued", "completion": 0, "message": null }))
    }

    /// Queued, running, and only then done.
    fn progress(&mut self) -> Response {
        self.polls += 1;
        let state = match self.polls {
            1 => "queued",
            2 => "running",
            _ => self.carry_out(),
        };
        ok(&json!({ "id": 77, "workflow_state": state, "message": "no — database" }))
    }

    fn carry_out(&mut self) -> &'static str {
        for (done, (user, grade)) in std::mem::take(&mut self.queued).into_iter().enumerate() {
            if self.give_up_after == Some(done) {
                return "failed";
            }
            // A comma ends the number, as it does for Canvas.
            let number = grade.split(',').next().unwrap().parse().unwrap();
            let score = self.turned.get(&user).copied().unwrap_or(number);
            self.set(user, Some(score));
            self.sent.push((user, grade));
        }
        if let Some((user, score)) = self.changed_then.take() {
            self.set(user, Some(score));
        }
        "completed"
    }
}

fn ok(body: &Value) -> Response {
    body.to_string().into_response()
}

fn refusal(status: u16, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    let body = json!({ "errors": [{ "message": message }] }).to_string();
    (status, body).into_response()
}
