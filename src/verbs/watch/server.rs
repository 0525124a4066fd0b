//! The page's server: loopback only, read-only, and only for who knows its address.
//!
//! A page that names students must not be read by another site that the browser has open, nor by another
//! person's program on the same machine. So three things are asked of a request: its path holds a random word
//! that only the person at the terminal was told; its `Host` is this very address (a site whose name was made to
//! point here, DNS rebinding, names its own); and no answer ever allows another origin to read it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::text::show::clean;

/// How long a connection may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a silent event stream is written to, so that a browser that went away is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Most connections at once that have not said what they want. A page's own say it at once.
const WAITING_ROOM: usize = 64;

const WAITING: &str = include_str!("waiting.html");
const WAITING_SCRIPT: &str = include_str!("waiting.js");

/// What is on show, and who looks.
pub(super) struct Board {
    secret: String,
    page: Mutex<Option<Bytes>>,
    said: watch::Sender<(u64, Said)>,
    viewers: watch::Sender<usize>,
}

/// What the page is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing was read yet.
    Nothing,
    /// The class is being read.
    Reading,
    /// There is a new page.
    Read,
    /// The class could not be read.
    Failed(String),
}

impl Board {
    /// An empty board with a new secret.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn new() -> io::Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        Ok(Self {
            secret: random.iter().map(|byte| format!("{byte:02x}")).collect(),
            page: Mutex::new(None),
            said: watch::Sender::new((0, Said::Nothing)),
            viewers: watch::Sender::new(0),
        })
    }

    /// The page's address.
    pub fn url(&self, port: u16) -> String {
        format!("http://127.0.0.1:{port}/{}/", self.secret)
    }

    /// Tells every open page something.
    pub fn say(&self, said: Said) {
        self.said.send_modify(|(number, last)| {
            *number += 1;
            *last = said;
        });
    }

    /// Puts a page on show, and tells every open one.
    pub fn show(&self, page: String) {
        *self.page.lock().unwrap_or_else(PoisonError::into_inner) = Some(page.into());
        self.say(Said::Read);
    }

    /// Waits until a browser has the page open.
    pub async fn somebody_looks(&self) {
        let mut viewers = self.viewers.subscribe();
        // The sender lives as long as the board, so this ends only when somebody looks.
        let _ = viewers.wait_for(|count| *count > 0).await;
    }

    fn page(&self) -> Option<Bytes> {
        self.page
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
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
        self.0
            .viewers
            .send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// Connections that have not said yet what they want, the oldest first. It holds so many; one more, and the oldest is
/// closed: somebody who opens connections and says nothing keeps nobody out.
#[derive(Debug, Default)]
struct Waiting(Mutex<BTreeMap<u64, CancellationToken>>);

impl Waiting {
    /// Lets a connection in; the token is cancelled when it has to make room.
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

    /// A connection has said what it wants, or is gone.
    fn leave(&self, number: u64) {
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        room.remove(&number);
    }
}

/// Answers until it is given up.
pub(super) async fn serve(listener: TcpListener, board: Arc<Board>, port: u16) {
    let waiting = Arc::new(Waiting::default());
    for number in 0.. {
        let Ok((connection, _)) = listener.accept().await else {
            // Too many open files, most likely: it passes.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let board = Arc::clone(&board);
        let waiting = Arc::clone(&waiting);
        let evicted = waiting.enter(number);
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                waiting.leave(number);
                let answer = answer(&board, port, &request);
                async move { Ok::<_, Infallible>(answer) }
            });
            // One request a connection: between two it would wait again, and nobody would see it.
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

type Body = BoxBody<Bytes, Infallible>;

fn answer<B>(board: &Arc<Board>, port: u16, request: &Request<B>) -> Response<Body> {
    if !is_ours(request, port) {
        return plain(
            StatusCode::FORBIDDEN,
            "This page is for its own address only.",
        );
    }
    let Some(path) = request
        .uri()
        .path()
        .strip_prefix('/')
        .and_then(|path| path.strip_prefix(board.secret.as_str()))
    else {
        return plain(StatusCode::NOT_FOUND, "Nothing is here.");
    };
    if request.method() != Method::GET {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "This page is only read.");
    }
    match path {
        "/" => match board.page() {
            Some(page) => with_type("text/html; charset=utf-8", Full::new(page).boxed()),
            None => with_type("text/html; charset=utf-8", Full::from(WAITING).boxed()),
        },
        "/waiting.js" => with_type(
            "text/javascript; charset=utf-8",
            Full::from(WAITING_SCRIPT).boxed(),
        ),
        "/events" => with_type("text/event-stream", events(Arc::clone(board))),
        _ => plain(StatusCode::NOT_FOUND, "Nothing is here."),
    }
}

/// Whether a request names this server as its own, and no other site sent it.
fn is_ours<B>(request: &Request<B>, port: u16) -> bool {
    let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
    let host = header(header::HOST).is_some_and(|host| {
        [format!("127.0.0.1:{port}"), format!("localhost:{port}")]
            .iter()
            .any(|own| host.eq_ignore_ascii_case(own.as_bytes()))
    });
    // Browsers say where a request comes from; `none` is the address bar.
    let site = request
        .headers()
        .get("sec-fetch-site")
        .is_none_or(|site| site == "same-origin" || site == "none");
    host && site
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = with_type("text/plain; charset=utf-8", Full::from(text).boxed());
    *response.status_mut() = status;
    response
}

fn with_type(kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("same-origin"),
    );
    response
}

/// What is said, as server-sent events: at once what was said last, then each thing as it comes.
fn events(board: Arc<Board>) -> Body {
    let heard = board.said.subscribe();
    let state = (Viewer::new(board), heard, true);
    let frames = stream::unfold(state, |(viewer, mut heard, first)| async move {
        let text = if first {
            event(&heard.borrow_and_update().1)
        } else {
            match tokio::time::timeout(HEARTBEAT, heard.changed()).await {
                Ok(Ok(())) => event(&heard.borrow_and_update().1),
                Ok(Err(_)) => return None,
                Err(_) => ": still here\n\n".to_owned(),
            }
        };
        let frame = Ok::<_, Infallible>(Frame::data(Bytes::from(text)));
        Some((frame, (viewer, heard, false)))
    });
    BodyExt::boxed(StreamBody::new(frames))
}

fn event(said: &Said) -> String {
    let (name, data) = match said {
        Said::Nothing => return ": nothing yet\n\n".to_owned(),
        Said::Reading => ("reading", String::new()),
        Said::Read => ("read", String::new()),
        // One line: a line break would end the event.
        Said::Failed(why) => ("failed", clean(why).into_owned()),
    };
    format!("event: {name}\ndata: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    const PORT: u16 = 4000;

    fn ask(board: &Arc<Board>, path: &str, headers: &[(&str, &str)]) -> StatusCode {
        ask_by(Method::GET, board, path, headers)
    }

    fn ask_by(
        method: Method,
        board: &Arc<Board>,
        path: &str,
        headers: &[(&str, &str)],
    ) -> StatusCode {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(board, PORT, &request.body(()).unwrap()).status()
    }

    #[test]
    fn only_who_knows_the_address_and_names_it_is_answered() {
        let board = Arc::new(Board::new().unwrap());
        let page = format!("/{}/", board.secret);
        let own = ("host", "127.0.0.1:4000");
        assert_eq!(ask(&board, &page, &[own]), StatusCode::OK);
        assert_eq!(
            ask(&board, &page, &[("host", "LOCALHOST:4000")]),
            StatusCode::OK
        );
        assert_eq!(
            ask(&board, &page, &[own, ("sec-fetch-site", "none")]),
            StatusCode::OK
        );
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
                ask(&board, &page, headers),
                StatusCode::FORBIDDEN,
                "{headers:?}"
            );
        }
        for path in ["/", "/events", "/0000/", &page[..page.len() - 2]] {
            assert_eq!(ask(&board, path, &[own]), StatusCode::NOT_FOUND, "{path}");
        }
        let post = ask_by(Method::POST, &board, &page, &[own]);
        assert_eq!(post, StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn no_answer_lets_another_origin_read_it() {
        let board = Arc::new(Board::new().unwrap());
        board.show("<p>Amara".to_owned());
        let request = Request::builder()
            .uri(format!("/{}/", board.secret))
            .header("host", "127.0.0.1:4000")
            .header("origin", "https://evil.example")
            .body(())
            .unwrap();
        let response = answer(&board, PORT, &request);
        let mut names = response.headers().keys().map(|name| name.as_str());
        assert!(!names.any(|name| name.starts_with("access-control")));
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(
            response.headers()["cross-origin-resource-policy"],
            "same-origin"
        );
    }

    #[tokio::test]
    async fn an_open_page_counts_until_it_is_closed_and_hears_what_is_said() {
        let board = Arc::new(Board::new().unwrap());
        let mut body = events(Arc::clone(&board));
        assert_eq!(*board.viewers.borrow(), 1);
        board.somebody_looks().await;
        board.say(Said::Failed("no\nway".to_owned()));
        let mut heard = String::new();
        while !heard.contains("failed") {
            let frame = body.frame().await.unwrap().unwrap();
            heard += std::str::from_utf8(&frame.into_data().unwrap()).unwrap();
        }
        assert!(
            heard.ends_with("event: failed\ndata: no way\n\n"),
            "{heard}"
        );
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
        let board = Arc::new(Board::new().unwrap());
        board.show("<p>Amara".to_owned());
        let page = format!("/{}/", board.secret);
        let server = tokio::spawn(serve(listener, Arc::clone(&board), port));
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
        let board = Arc::new(Board::new().unwrap());
        let events = format!("/{}/events", board.secret);
        let server = tokio::spawn(serve(listener, Arc::clone(&board), port));
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

    #[test]
    fn every_board_has_a_secret_of_its_own() {
        let (one, other) = (Board::new().unwrap(), Board::new().unwrap());
        assert_ne!(one.url(PORT), other.url(PORT));
        assert!(one.url(PORT).len() > "http://127.0.0.1:4000/".len() + 30);
    }
}
