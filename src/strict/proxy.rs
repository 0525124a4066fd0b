//! The model in front of a real endpoint: a reverse proxy on loopback, in real time.
//!
//! Only signed requests are AWS's control plane; all others (calls of students' APIs) pass unchanged. Like the endpoint
//! behind it, the proxy answers only to its own address, and answers a web page only where it calls an API. It forwards the
//! `Host` header, because signatures cover it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Admission, Model, Options, Refusal, Rendered, Request, Verdict};

/// Lambda takes a zip of 50 MB, which base64 makes a third longer.
const BODY_MAX: usize = 70 * 1024 * 1024;

/// Headers of one connection, not of the message (RFC 9110, 7.6.1), and the length, which hyper writes.
const OF_THE_CONNECTION: [HeaderName; 5] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::UPGRADE,
    header::TE,
];

/// Where an endpoint with one port for everything has the deployed APIs.
const CALLS: &str = "/_aws/execute-api/";

type ProxyAnswer = Response<Full<Bytes>>;

/// A strict AWS on loopback. It ends when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    inner: Arc<Inner>,
    _stop: DropGuard,
}

#[derive(Debug)]
struct Inner {
    upstream: String,
    port: u16,
    client: Client<HttpConnector, Full<Bytes>>,
    model: Mutex<Model>,
    began: Instant,
    /// Accepted requests without an effect so far.
    taken: watch::Sender<usize>,
}

impl Proxy {
    /// Starts one in front of an endpoint (`http://127.0.0.1:PORT`).
    ///
    /// # Errors
    /// When it gets no port.
    pub async fn start(upstream: &str, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let inner = Arc::new(Inner {
            upstream: upstream.trim_end_matches('/').to_owned(),
            port: address.port(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            model: Mutex::new(Model::new(options)),
            began: Instant::now(),
            taken: watch::Sender::new(0),
        });
        let stop = CancellationToken::new();
        let serving = serve(listener, Arc::clone(&inner));
        tokio::spawn(stop.clone().run_until_cancelled_owned(serving));
        Ok(Self {
            address,
            inner,
            _stop: stop.drop_guard(),
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until every accepted request has had its effect, even where its sender is gone.
    pub async fn settled(&self) {
        // The sender lives as long as `self`.
        let _ = self.inner.taken.subscribe().wait_for(|n| *n == 0).await;
    }

    /// The model, to look at its counts or to change it.
    pub fn model(&self) -> MutexGuard<'_, Model> {
        self.inner.model()
    }
}

async fn serve(listener: TcpListener, inner: Arc<Inner>) {
    // Dropped with the future, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        let Ok((connection, _)) = listener.accept().await else {
            // Most likely too many open files, which passes.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };
        let inner = Arc::clone(&inner);
        connections.spawn(async move {
            let service = service_fn(|request| Inner::answer(Arc::clone(&inner), request));
            let http = hyper::server::conn::http1::Builder::new();
            // A broken connection concerns its client only.
            let _ = http
                .serve_connection(TokioIo::new(connection), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

struct Arrived {
    method: hyper::Method,
    target: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Inner {
    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request; an error breaks the connection.
    async fn answer(self: Arc<Self>, request: HttpRequest<Incoming>) -> io::Result<ProxyAnswer> {
        if let Some(refusal) = refusal(&request, self.port) {
            let mut answer = Response::new(Full::from(refusal));
            *answer.status_mut() = StatusCode::FORBIDDEN;
            return Ok(answer);
        }
        let (parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().map_or("/", |t| t.as_str());
        let body = Limited::new(body, BODY_MAX).collect().await;
        let arrived = Arrived {
            method: parts.method,
            target: target.to_owned(),
            headers: parts.headers,
            body: body.map_err(io::Error::other)?.to_bytes(),
        };
        if !arrived.headers.contains_key(header::AUTHORIZATION) {
            return Ok(self.forward(&arrived).await);
        }
        let value = |name: &str| arrived.headers.get(name)?.to_str().ok();
        let method = arrived.method.as_str();
        let request = Request::read(method, &arrived.target, value, &arrived.body);
        // As on AWS, an accepted request has its effect whether or not the client is still there.
        let inner = Arc::clone(&self);
        let handled = tokio::spawn(async move {
            inner.taken.send_modify(|taken| *taken += 1);
            let answer = Arc::clone(&inner).handle(arrived, request).await;
            inner.taken.send_modify(|taken| *taken -= 1);
            answer
        });
        handled.await.map_err(io::Error::other)?
    }

    async fn handle(
        self: Arc<Self>,
        arrived: Arrived,
        request: Request,
    ) -> io::Result<ProxyAnswer> {
        let travel = self.model().travel();
        tokio::time::sleep(travel).await;
        let Admission {
            delay,
            verdict,
            lost,
            instead,
            writes,
            ..
        } = self.model().arrive(self.began.elapsed(), &request);
        tokio::time::sleep(delay).await;
        let service = request.operation.split(':').next().unwrap_or_default();
        let answer = match verdict {
            Verdict::Pass => self.carry_out(&arrived, &request).await,
            Verdict::Later(at) => {
                let inner = Arc::clone(&self);
                let request = request.clone();
                tokio::spawn(async move {
                    tokio::time::sleep_until(inner.began + at).await;
                    inner.carry_out(&arrived, &request).await;
                });
                done_without_a_word()
            }
            Verdict::Nothing => done_without_a_word(),
            Verdict::Refuse(refusal) => rendered(refusal.render(service)),
            Verdict::Reset => return Err(io::ErrorKind::ConnectionReset.into()),
            Verdict::NoConnection => return Err(io::ErrorKind::ConnectionRefused.into()),
        };
        if let Some(thing) = writes {
            self.model().release(&thing);
        }
        match instead {
            _ if lost => Err(io::ErrorKind::ConnectionReset.into()),
            Some(refusal) => Ok(rendered(Refusal::render(&refusal, service))),
            None => Ok(answer),
        }
    }

    /// Forwards a request, and tells the model its outcome.
    async fn carry_out(&self, arrived: &Arrived, request: &Request) -> ProxyAnswer {
        let answer = self.forward(arrived).await;
        let now = self.began.elapsed();
        let mut model = self.model();
        model.done(now, request, answer.status().is_success());
        if !answer.status().is_success() {
            return answer;
        }
        let (parts, body) = answer.into_parts();
        let body = whole(body);
        let amended = serde_json::from_slice::<Value>(&body)
            .ok()
            .and_then(|mut json| {
                let amended = model.amend(now, request, &mut json);
                amended.then(|| Bytes::from(json.to_string()))
            });
        Response::from_parts(parts, Full::new(amended.unwrap_or(body)))
    }

    async fn forward(&self, arrived: &Arrived) -> ProxyAnswer {
        match self.try_forward(arrived).await {
            Ok(answer) => answer,
            Err(error) => {
                let mut answer = Response::new(Full::from(format!("the endpoint behind: {error}")));
                *answer.status_mut() = StatusCode::BAD_GATEWAY;
                answer
            }
        }
    }

    async fn try_forward(&self, arrived: &Arrived) -> io::Result<ProxyAnswer> {
        let uri: Uri = format!("{}{}", self.upstream, arrived.target)
            .parse()
            .map_err(io::Error::other)?;
        let mut request = HttpRequest::new(Full::new(arrived.body.clone()));
        *request.method_mut() = arrived.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = end_to_end(arrived.headers.clone());
        let answer = self
            .client
            .request(request)
            .await
            .map_err(io::Error::other)?;
        let (mut parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        parts.headers = end_to_end(parts.headers);
        Ok(Response::from_parts(parts, Full::new(body)))
    }
}

/// Why the proxy refuses a request before the model sees it.
fn refusal<B>(request: &HttpRequest<B>, port: u16) -> Option<&'static str> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let own = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    let is_own = |host: &HeaderValue| own.iter().any(|own| host == own.as_str());
    if !hosts.next().is_some_and(is_own)
        || hosts.next().is_some()
        || request.uri().authority().is_some()
    {
        return Some("the strict proxy answers to its own address only");
    }
    let headers = request.headers();
    let site = headers.get("sec-fetch-site");
    let web = headers.contains_key(header::ORIGIN) || site.is_some_and(|site| site != "none");
    let is_call =
        request.uri().path().starts_with(CALLS) && !headers.contains_key(header::AUTHORIZATION);
    (web && !is_call).then_some("the control plane does not answer web pages")
}

/// A `Full` body is there at once.
fn whole(body: Full<Bytes>) -> Bytes {
    use futures::FutureExt;
    let collected: Option<Result<_, Infallible>> = body.collect().now_or_never();
    collected
        .and_then(Result::ok)
        .map_or_else(Bytes::new, |body| body.to_bytes())
}

fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in &OF_THE_CONNECTION {
        headers.remove(name);
    }
    headers
}

/// What Step Functions answers to a deletion.
fn done_without_a_word() -> ProxyAnswer {
    rendered(Rendered {
        status: 200,
        headers: vec![("content-type", "application/x-amz-json-1.0".to_owned())],
        body: b"{}".to_vec(),
    })
}

fn rendered(rendered: Rendered) -> ProxyAnswer {
    let mut answer = Response::new(Full::from(rendered.body));
    *answer.status_mut() =
        StatusCode::from_u16(rendered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in rendered.headers {
        if let Ok(value) = value.parse() {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}
