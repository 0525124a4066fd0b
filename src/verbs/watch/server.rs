//! The page's server: read-only, and only for who knows its address.
//!
//! A page that names students must not be read by another site that the browser has open, nor by another
//! person's program on the same machine or network. So three things are asked of a request: its path holds a random word
//! that only the person at the terminal was told; its `Host` is the address at which its connection arrived (a site whose
//! name was made to point here, DNS rebinding, names its own); and no answer ever allows another origin to read it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures::stream;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::text::show::clean;

/// How long a connection may take to send its request.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a silent event stream is written to, so that a browser that went away is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Most connections without a request. A browser sends its request at once.
const WAITING_ROOM: usize = 64;

const WAITING: &[u8] = include_bytes!("waiting.html");
const WAITING_SCRIPT: &str = include_str!("waiting.js");

pub(super) struct Board {
    secret: String,
    page: Mutex<Option<Bytes>>,
    said: watch::Sender<Said>,
    viewers: watch::Sender<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    Reading,
    Read,
    Failed(String),
}

impl Board {
    /// `word`: the random word in the address.
    pub(crate) fn new(word: String) -> Self {
        Self {
            secret: word,
            page: Mutex::new(None),
            said: watch::Sender::new(Said::Nothing),
            viewers: watch::Sender::new(0),
        }
    }

    pub(crate) fn word(&self) -> &str {
        &self.secret
    }

    /// Whether the path begins with the word. How long the answer takes tells nothing of the word.
    fn is_told(&self, path: &str) -> bool {
        let word = path.split('/').nth(1).unwrap_or_default();
        word.as_bytes().ct_eq(self.secret.as_bytes()).into()
    }

    pub(crate) fn say(&self, said: Said) {
        self.said.send_replace(said);
    }

    pub(crate) fn show(&self, page: String) {
        *self.page.lock().unwrap_or_else(PoisonError::into_inner) = Some(page.into());
        self.say(Said::Read);
    }

    pub(crate) async fn somebody_looks(&self) {
        let mut viewers = self.viewers.subscribe();
        // The sender lives as long as the board, so this ends only when a browser opens the page.
        let _ = viewers.wait_for(|count| *count > 0).await;
    }

    fn page(&self) -> Option<Bytes> {
        let page = self.page.lock();
        page.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One open page; leaves the count when it is closed.
struct Viewer(Arc<Board>);

impl Viewer {
    fn new(board: Arc<Board>) -> Self {
        board.viewers.send_modify(|count| *count += 1);
        Self(board)
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let leave = |count: &mut usize| *count = count.saturating_sub(1);
        self.0.viewers.send_modify(leave);
    }
}

/// Connections without a request so far, the oldest first. Where there are too many the oldest is closed, so that a
/// program that opens connections and sends nothing keeps nobody out.
#[derive(Debug, Default)]
struct Waiting(Mutex<BTreeMap<u64, CancellationToken>>);

impl Waiting {
    /// Adds a connection. Its token is cancelled when it has to make room.
    fn enter(&self, number: u64) -> CancellationToken {
        let token = CancellationToken::new();
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while room.len() >= WAITING_ROOM
            && let Some((_, oldest)) = room.pop_first()
        {
            oldest.cancel();
        }
        room.insert(number, token.clone());
        token
    }

    /// Removes a connection that has sent its request or is gone.
    fn leave(&self, number: u64) {
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        room.remove(&number);
    }
}

/// Answers requests until it is dropped. `axum::serve` would have no time-out for a request's head, and would close no
/// connection to make room.
pub(super) async fn serve(listener: TcpListener, board: Arc<Board>) {
    let pages = TowerToHyperService::new(pages(board));
    let waiting = Arc::new(Waiting::default());
    for number in 0.. {
        let Ok((connection, _)) = listener.accept().await else {
            // Too many open files, most likely: it passes.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(local) = connection.local_addr() else {
            continue;
        };
        let pages = pages.clone();
        let waiting = Arc::clone(&waiting);
        let evicted = waiting.enter(number);
        tokio::spawn(async move {
            let service = service_fn(|mut request: hyper::Request<_>| {
                request.extensions_mut().insert(ArrivedAt(local));
                waiting.leave(number);
                pages.call(request)
            });
            // One request a connection: `Waiting` would not see a connection that waits between two.
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .keep_alive(false)
                .serve_connection(TokioIo::new(connection), service);
            // A browser that goes away in mid-answer is nobody's error.
            let _ = evicted.run_until_cancelled(served).await;
            waiting.leave(number);
        });
    }
}

/// The address of this machine at which a request's connection arrived.
#[derive(Debug, Clone, Copy)]
struct ArrivedAt(SocketAddr);

/// Answers requests below the secret word; [`guard`] looks at the word.
fn pages(board: Arc<Board>) -> Router {
    Router::new()
        .route("/{word}/", get(page).head(only_read))
        .route("/{word}/waiting.js", get(waiting_script).head(only_read))
        // A HEAD of the events would count as somebody who looks at the page.
        .route("/{word}/events", get(events).head(only_read))
        .fallback(nothing_here)
        .method_not_allowed_fallback(only_read)
        .layer(middleware::from_fn_with_state(Arc::clone(&board), guard))
        .with_state(board)
}

async fn nothing_here() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, "Nothing is here.")
}

async fn only_read() -> impl IntoResponse {
    (StatusCode::METHOD_NOT_ALLOWED, "This page is only read.")
}

/// Refuses a request that names another address or does not know the word, and marks every answer as for this address alone.
async fn guard(State(board): State<Arc<Board>>, request: Request, next: Next) -> Response {
    let arrived = request.extensions().get::<ArrivedAt>();
    let ours = arrived.is_some_and(|ArrivedAt(at)| is_ours(&request, *at));
    let mut response = if !ours {
        let why = "This page is for its own address only.";
        (StatusCode::FORBIDDEN, why).into_response()
    } else if !board.is_told(request.uri().path()) {
        nothing_here().await.into_response()
    } else {
        next.run(request).await
    };
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// Whether a request names this server as its own, and no other site sent it, but for a link to the page itself. Nobody
/// else's name can be `localhost` or an address in digits.
fn is_ours(request: &Request, arrived: SocketAddr) -> bool {
    let headers = request.headers();
    // A socket for both kinds of addresses has the older ones within the newer.
    let ip = match arrived.ip().to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let own = [&ip, "127.0.0.1", "[::1]", "localhost"];
    let host = headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.strip_suffix(&format!(":{}", arrived.port())) {
        // Browsers leave out the usual port.
        None if arrived.port() == 80 => host,
        name => name.unwrap_or_default(),
    };
    let named = own.iter().any(|own| name.eq_ignore_ascii_case(own));
    // Browsers say where a request comes from; `none` is the address bar.
    let says = |name: &str, value: &str| headers.get(name).is_some_and(|said| said == value);
    let site = !headers.contains_key("sec-fetch-site")
        || says("sec-fetch-site", "same-origin")
        || says("sec-fetch-site", "none");
    // What a person follows, as from the signpost, a file. The site that leads here reads nothing of it.
    let path = request.uri().path();
    let is_page = path.ends_with('/') && path.matches('/').count() == 2;
    let followed = is_page
        && request.method() == Method::GET
        && says("sec-fetch-mode", "navigate")
        && says("sec-fetch-dest", "document");
    named && (site || followed)
}

async fn page(State(board): State<Arc<Board>>) -> Html<Bytes> {
    Html(board.page().unwrap_or(Bytes::from_static(WAITING)))
}

async fn waiting_script() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (kind, WAITING_SCRIPT)
}

/// The last event at once, then each new one.
async fn events(State(board): State<Arc<Board>>) -> impl IntoResponse {
    let mut heard = board.said.subscribe();
    heard.mark_changed();
    let state = (Viewer::new(board), heard);
    let events = stream::unfold(state, |(viewer, mut heard)| async move {
        heard.changed().await.ok()?;
        let event = event(&heard.borrow_and_update());
        Some((Ok::<_, Infallible>(event), (viewer, heard)))
    });
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("still here");
    Sse::new(events).keep_alive(heartbeat)
}

fn event(said: &Said) -> Event {
    let (name, data) = match said {
        Said::Nothing => return Event::default().comment("nothing yet"),
        // A browser drops an event without data.
        Said::Reading => ("reading", "-".into()),
        Said::Read => ("read", "-".into()),
        Said::Failed(why) => ("failed", clean(why)),
    };
    Event::default().event(name).data(data)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::body::Body;
    use futures::StreamExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    const HERE: &str = "127.0.0.1:4000";

    fn new_board() -> Arc<Board> {
        Arc::new(Board::new("0123456789abcdef".repeat(2)))
    }

    async fn answer(
        method: Method,
        board: &Arc<Board>,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Response {
        answer_at(HERE, method, board, path, headers).await
    }

    /// What is answered on a connection that arrived at this address.
    async fn answer_at(
        arrived: &str,
        method: Method,
        board: &Arc<Board>,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Response {
        let arrived = ArrivedAt(arrived.parse().unwrap());
        let mut request = Request::builder().method(method).uri(path);
        request = request.extension(arrived);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let pages = TowerToHyperService::new(pages(Arc::clone(board)));
        pages.call(request).await.unwrap()
    }

    async fn ask(board: &Arc<Board>, path: &str, headers: &[(&str, &str)]) -> StatusCode {
        answer(Method::GET, board, path, headers).await.status()
    }

    #[tokio::test]
    async fn only_who_knows_the_address_and_names_it_is_answered() {
        let board = new_board();
        let page = format!("/{}/", board.secret);
        let own = ("host", "127.0.0.1:4000");
        for headers in [
            &[own][..],
            &[("host", "LOCALHOST:4000")],
            &[own, ("sec-fetch-site", "none")],
        ] {
            assert_eq!(ask(&board, &page, headers).await, StatusCode::OK);
        }
        for headers in [
            &[][..],
            &[("host", "evil.example:4000")],
            &[("host", "127.0.0.1:4001")],
            &[("host", "127.0.0.1")],
            &[("host", "127.0.0.1:4000.evil.example")],
            &[own, ("sec-fetch-site", "cross-site")],
            &[own, ("sec-fetch-site", "same-site")],
        ] {
            assert_eq!(
                ask(&board, &page, headers).await,
                StatusCode::FORBIDDEN,
                "{headers:?}"
            );
        }
        for path in ["/", "/events", "/0000/", &page[..page.len() - 2]] {
            let status = ask(&board, path, &[own]).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        }
        for method in [Method::POST, Method::HEAD] {
            let refused = answer(method, &board, &page, &[own]).await.status();
            assert_eq!(refused, StatusCode::METHOD_NOT_ALLOWED);
        }
    }

    #[tokio::test]
    async fn a_link_elsewhere_leads_to_the_page_and_to_nothing_else() {
        let board = new_board();
        let page = format!("/{}/", board.secret);
        let events = format!("{page}events");
        let script = format!("{page}waiting.js");
        let status = async |path: &str, mode, dest| {
            let headers = [
                ("host", HERE),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", mode),
                ("sec-fetch-dest", dest),
            ];
            ask(&board, path, &headers).await
        };
        assert_eq!(status(&page, "navigate", "document").await, StatusCode::OK);
        for (path, mode, dest) in [
            (&page, "navigate", "iframe"),
            (&page, "cors", "empty"),
            (&page, "no-cors", "document"),
            (&events, "navigate", "document"),
            (&events, "cors", "empty"),
            (&script, "no-cors", "script"),
        ] {
            let status = status(path, mode, dest).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{path} {mode} {dest}");
        }
        // The word is asked for as ever.
        let other = format!("/{}/", "0".repeat(32));
        let status = status(&other, "navigate", "document").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn a_browser_leaves_out_the_usual_port_and_no_other() {
        let board = new_board();
        let page = format!("/{}/", board.secret);
        for (arrived, host, expected) in [
            ("127.0.0.1:80", "127.0.0.1", StatusCode::OK),
            ("127.0.0.1:80", "localhost:80", StatusCode::OK),
            ("[2001:db8::7]:80", "[2001:db8::7]", StatusCode::OK),
            ("127.0.0.1:80", "evil.example", StatusCode::FORBIDDEN),
            ("127.0.0.1:80", "127.0.0.1:81", StatusCode::FORBIDDEN),
            ("127.0.0.1:80", "", StatusCode::FORBIDDEN),
            (HERE, "127.0.0.1", StatusCode::FORBIDDEN),
        ] {
            let answer = answer_at(arrived, Method::GET, &board, &page, &[("host", host)]).await;
            assert_eq!(answer.status(), expected, "{arrived} {host}");
        }
    }

    #[tokio::test]
    async fn no_answer_lets_another_origin_read_it() {
        let board = new_board();
        board.show("<p>Amara".to_owned());
        let headers = [
            ("host", "127.0.0.1:4000"),
            ("origin", "https://evil.example"),
        ];
        for path in ["/", "/waiting.js", "/events", "/nothing"] {
            let path = format!("/{}{path}", board.secret);
            let response = answer(Method::GET, &board, &path, &headers).await;
            let mut names = response.headers().keys().map(|name| name.as_str());
            assert!(!names.any(|name| name.starts_with("access-control")));
            assert_eq!(response.headers()["cache-control"], "no-store");
            assert_eq!(
                response.headers()["cross-origin-resource-policy"],
                "same-origin"
            );
        }
    }

    #[tokio::test]
    async fn an_open_page_counts_until_it_is_closed_and_hears_what_is_said() {
        let board = new_board();
        let response = events(State(Arc::clone(&board))).await.into_response();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut body = response.into_body().into_data_stream();
        assert_eq!(*board.viewers.borrow(), 1);
        board.somebody_looks().await;
        board.say(Said::Read);
        let mut next = async || {
            let event = tokio::time::timeout(PATIENCE, body.next()).await;
            String::from_utf8(event.unwrap().unwrap().unwrap().into()).unwrap()
        };
        assert_eq!(next().await, "event: read\ndata: -\n\n");
        board.say(Said::Failed("no\nway".to_owned()));
        assert_eq!(next().await, "event: failed\ndata: no way\n\n");
        drop(body);
        assert_eq!(*board.viewers.borrow(), 0);
    }

    async fn get(port: u16, path: &str) -> String {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn slow_connections_keep_no_browser_out_and_make_room() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let board = new_board();
        board.show("<p>Amara".to_owned());
        let page = format!("/{}/", board.secret);
        let server = tokio::spawn(serve(listener, Arc::clone(&board)));
        let mut slow = Vec::new();
        for _ in 0..WAITING_ROOM * 2 {
            let mut one = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                .await
                .unwrap();
            one.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").await.unwrap();
            slow.push(one);
        }
        let answer = tokio::time::timeout(PATIENCE / 2, get(port, &page)).await;
        assert!(answer.unwrap().ends_with("<p>Amara"));
        // The oldest was closed for it, long before its own time was up.
        let mut end = [0];
        let read = tokio::time::timeout(PATIENCE / 2, slow[0].read(&mut end)).await;
        assert!(matches!(read.unwrap(), Ok(0) | Err(_)));
        server.abort();
    }

    #[tokio::test]
    async fn open_pages_are_not_closed_to_make_room() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let board = new_board();
        let events = format!("/{}/events", board.secret);
        let server = tokio::spawn(serve(listener, Arc::clone(&board)));
        let mut viewer = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        let head = format!("GET {events} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
        viewer.write_all(head.as_bytes()).await.unwrap();
        board.somebody_looks().await;
        let mut slow = Vec::new();
        for _ in 0..WAITING_ROOM * 2 {
            slow.push(
                TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                    .await
                    .unwrap(),
            );
        }
        // Answered after all of the slow ones were let in.
        assert!(get(port, "/").await.contains("404"));
        board.say(Said::Read);
        let mut heard = String::new();
        while !heard.contains("event: read") {
            let mut bytes = [0; 512];
            let count = viewer.read(&mut bytes).await.unwrap();
            assert_ne!(count, 0, "the page was closed: {heard}");
            heard += std::str::from_utf8(&bytes[..count]).unwrap();
        }
        server.abort();
    }

    #[tokio::test]
    async fn another_address_of_this_machine_is_answered_by_its_own_name() {
        let board = new_board();
        let page = format!("/{}/", board.secret);
        let lan = "192.168.7.20:4000";
        let mapped = "[::ffff:192.168.7.20]:4000";
        for (arrived, host, expected) in [
            (lan, lan, StatusCode::OK),
            (mapped, lan, StatusCode::OK),
            (lan, "localhost:4000", StatusCode::OK),
            ("[2001:db8::7]:4000", "[2001:DB8::7]:4000", StatusCode::OK),
            // A name that was made to point here, another machine's address, another port.
            (lan, "evil.example:4000", StatusCode::FORBIDDEN),
            (lan, "192.168.7.21:4000", StatusCode::FORBIDDEN),
            (lan, "192.168.7.20:4001", StatusCode::FORBIDDEN),
            (HERE, lan, StatusCode::FORBIDDEN),
        ] {
            let answer = answer_at(arrived, Method::GET, &board, &page, &[("host", host)]).await;
            assert_eq!(answer.status(), expected, "{arrived} {host}");
        }
        // Nobody gets in without the word.
        for path in ["/", "/0123456789abcdef/", "/events"] {
            let answer = answer_at(lan, Method::GET, &board, path, &[("host", lan)]).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
}
