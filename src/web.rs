//! Requests to servers that are not AWS: a Canvas, a webhook. https only, except to this machine; no redirect is
//! followed; every answer has a time limit and a size limit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

/// A connector with the crate's one TLS stack. `proxy`: use the one that the environment names (`HTTPS_PROXY`,
/// `NO_PROXY`, …).
pub(crate) fn connector(settings: &HttpConnectorSettings, proxy: bool) -> SharedHttpConnector {
    SharedHttpConnector::new(
        Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .connector_settings(settings.clone())
            .sleep_impl(TokioSleep::new())
            .proxy_config(match proxy {
                true => ProxyConfig::from_env(),
                false => ProxyConfig::disabled(),
            })
            .build(),
    )
}

/// Whether a URL's host is this machine.
pub(crate) fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// An address that may be asked. Path and query may hold a secret, so `Debug` shows the server alone.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    /// `https://host` or `https://host:port`, in lower case and without the port that the scheme has anyway.
    origin: String,
    /// Path and query; begins with `/`.
    target: String,
}

impl Url {
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// Another path of the same server, which begins with `/`.
    pub(crate) fn at(&self, target: &str) -> Self {
        Self {
            origin: self.origin.clone(),
            target: target.to_owned(),
        }
    }

    fn whole(&self) -> String {
        format!("{}{}", self.origin, self.target)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.origin)
    }
}

impl FromStr for Url {
    type Err = String;

    /// The refusal finishes the sentence "the address …", and does not repeat the address.
    fn from_str(text: &str) -> Result<Self, String> {
        let not = || "is not an address such as https://canvas.example.edu".to_owned();
        let uri: hyper::Uri = text.parse().map_err(|_| not())?;
        let authority = uri.authority().ok_or_else(not)?;
        if authority.as_str().contains('@') {
            return Err("has a user's name in it; leave that out".to_owned());
        }
        let scheme = uri.scheme_str().unwrap_or_default();
        let host = authority.host().to_ascii_lowercase();
        let usual = match scheme {
            "https" => 443,
            "http" if is_loopback(text) => 80,
            "http" => return Err("begins with http://; only https:// is safe".to_owned()),
            _ => return Err(not()),
        };
        let port = uri.port_u16().filter(|port| *port != usual);
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        Ok(Self {
            origin: format!("{scheme}://{host}{port}"),
            target: match target.starts_with('/') {
                true => target.to_owned(),
                false => format!("/{target}"),
            },
        })
    }
}

/// Why there is no answer. None of it names the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// No whole answer in this time. The server may have done what was asked.
    Late(Duration),
    /// No connection, or it broke. The server may have done what was asked.
    Broken(String),
    /// The answer has more bytes than this.
    TooLong(usize),
    Unsendable(String),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late(after) => write!(f, "no whole answer in {} seconds", after.as_secs_f64()),
            Self::Broken(cause) => write!(f, "no answer: {cause}"),
            Self::TooLong(most) => write!(f, "the answer has more than {most} bytes"),
            Self::Unsendable(cause) => write!(f, "cannot be asked: {cause}"),
        }
    }
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct WebAnswer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl WebAnswer {
    /// `name`: in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

#[derive(Debug)]
pub(crate) struct WebClient {
    connector: SharedHttpConnector,
    timeout: Duration,
    body_max: usize,
}

impl WebClient {
    /// `timeout`: for a whole exchange. `body_max`: most bytes of an answer. `to`: decides whether the environment's
    /// proxy is used, which cannot reach this machine's loopback.
    pub(crate) fn new(to: &Url, timeout: Duration, body_max: usize) -> Self {
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(timeout)
            .build();
        Self {
            connector: connector(&settings, !is_loopback(to.origin())),
            timeout,
            body_max,
        }
    }

    /// Sends one request, once.
    ///
    /// # Errors
    /// [`NoAnswer`]; every status is an answer.
    pub(crate) async fn send(
        &self,
        method: &str,
        url: &Url,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> Result<WebAnswer, NoAnswer> {
        let unsendable = |what: &str| NoAnswer::Unsendable(what.to_owned());
        let mut request = HttpRequest::new(SdkBody::from(body));
        request
            .set_method(method)
            .map_err(|_| unsendable("the method"))?;
        request
            .set_uri(url.whole())
            .map_err(|_| unsendable("the address"))?;
        let own = [("user-agent", "homeroom".to_owned())];
        let length = (!body.is_empty()).then(|| ("content-length", body.len().to_string()));
        for (name, value) in own.iter().chain(&length).chain(headers) {
            let added = request.headers_mut().try_insert(*name, value.clone());
            added.map_err(|_| unsendable("a header has characters that no header can have"))?;
        }
        let whole = async {
            let answer = self.connector.call(request).await;
            let mut answer = answer.map_err(|error| NoAnswer::Broken(chain(&error)))?;
            let headers = answer.headers().iter();
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let headers = headers.collect();
            let status = answer.status().as_u16();
            let body = std::mem::replace(answer.body_mut(), SdkBody::taken());
            Ok(WebAnswer {
                status,
                headers,
                body: read(body, self.body_max).await?,
            })
        };
        tokio::time::timeout(self.timeout, Box::pin(whole))
            .await
            .unwrap_or(Err(NoAnswer::Late(self.timeout)))
    }
}

async fn read(body: SdkBody, most: usize) -> Result<Vec<u8>, NoAnswer> {
    let mut stream = ByteStream::new(body);
    let mut bytes = Vec::new();
    let broken = |error| NoAnswer::Broken(chain(&error));
    while let Some(chunk) = stream.try_next().await.map_err(broken)? {
        if bytes.len() + chunk.len() > most {
            return Err(NoAnswer::TooLong(most));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The last cause is the one that tells something: `Connection refused`.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let last = causes.last().map(ToString::to_string);
    last.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_urls_are_known_by_their_host_alone() {
        for url in [
            "http://127.0.0.1:4566",
            "http://127.8.9.1/x",
            "http://localhost:80",
            "http://[::1]:4566/",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "https://127.0.0.1.example.com",
            "https://example.com/localhost",
            "http://10.0.0.1:4566",
            "",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn only_https_or_this_machine_may_be_asked() {
        for good in [
            "https://canvas.example.edu",
            "https://canvas.example.edu:8443/x?y=1",
            "http://127.0.0.1:3000/",
            "http://localhost:3000",
        ] {
            assert!(good.parse::<Url>().is_ok(), "{good}");
        }
        for bad in [
            "http://canvas.example.edu",
            "http://localhost.example.edu",
            "http://127.0.0.1@canvas.example.edu",
            "https://token@canvas.example.edu",
            "ftp://canvas.example.edu",
            "canvas.example.edu",
            "/path",
            "",
            "https://a b",
        ] {
            assert!(bad.parse::<Url>().is_err(), "{bad}");
        }
    }

    #[test]
    fn one_server_has_one_origin_however_it_is_written() {
        let origin = |text: &str| text.parse::<Url>().unwrap().origin().to_owned();
        let first = origin("https://Canvas.Example.edu/a");
        assert_eq!(first, origin("https://canvas.example.edu:443/b?c"));
        for other in [
            "https://canvas.example.edu:8443/",
            "https://canvas.example.edu.evil.example/",
            "https://xcanvas.example.edu/",
        ] {
            assert_ne!(first, origin(other));
        }
    }

    #[test]
    fn debugging_a_url_does_not_show_its_path() {
        let url: Url = "https://hooks.example.com/T0/secret?key=secret"
            .parse()
            .unwrap();
        assert!(!format!("{url:?}").contains("secret"));
    }

    #[tokio::test]
    async fn an_answer_that_is_too_long_is_refused() {
        let body = || SdkBody::from("x".repeat(3 * 1024));
        assert_eq!(read(body(), 1024).await, Err(NoAnswer::TooLong(1024)));
        assert_eq!(read(body(), 3 * 1024).await.map(|b| b.len()), Ok(3 * 1024));
    }
}
