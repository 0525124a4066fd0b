//! A role that a place's credentials assume: what is asked of STS, and what signs the calls after it.

use std::fmt;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use homeroom::aws::{AssumedRole, CallError, Client, ConnectOptions, ErrorKind, connect};
use strict_aws::StrictAws;

const ROLE: &str = "arn:aws:iam::222222222222:role/homeroom";
const CALLER: &str = "AKIAIOSFODNN7EXAMPLE";
const ASSUMED: &str = "ASIAIOSFODNN7EXAMPLE";

/// What STS answers: status and body, the last one for ever.
type Answers = Vec<(u16, String)>;

/// STS's AssumeRole, in front of an AWS for everything else.
#[derive(Clone)]
struct Sts {
    aws: StrictAws,
    answers: Arc<Mutex<Answers>>,
    /// Host and body of each AssumeRole, and whose key signed it.
    asked: Arc<Mutex<Vec<(String, String, String)>>>,
    /// Whose key signed each other call.
    signed: Arc<Mutex<Vec<String>>>,
}

impl fmt::Debug for Sts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sts")
    }
}

/// The access key's id in a request's signature.
fn signer(request: &HttpRequest) -> String {
    let header = request.headers().get("authorization").unwrap();
    let (_, rest) = header.split_once("Credential=").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

impl HttpConnector for Sts {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap()).into_owned();
        if !body.contains("Action=AssumeRole") {
            self.signed.lock().unwrap().push(signer(&request));
            let aws = self.aws.clone();
            return HttpConnectorFuture::new(async move { aws.answer(&request).await });
        }
        let asked = (request.uri().to_owned(), body, signer(&request));
        self.asked.lock().unwrap().push(asked);
        let mut answers = self.answers.lock().unwrap();
        let (status, body) = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.remove(0),
        };
        let status = StatusCode::try_from(status).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body))))
    }
}

/// Credentials that end so many seconds from now.
fn given(seconds: i64) -> (u16, String) {
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    let end = end.strftime("%Y-%m-%dT%H:%M:%SZ");
    let text = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
         <Credentials><AccessKeyId>{ASSUMED}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>\
         <SessionToken>token</SessionToken><Expiration>{end}</Expiration></Credentials>\
         <AssumedRoleUser><AssumedRoleId>AROA:homeroom-demo</AssumedRoleId>\
         <Arn>arn:aws:sts::222222222222:assumed-role/homeroom/homeroom-demo</Arn></AssumedRoleUser>\
         </AssumeRoleResult></AssumeRoleResponse>"
    );
    (200, text)
}

fn refused(status: u16, code: &str, message: &str) -> (u16, String) {
    let text = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"
    );
    (status, text)
}

impl Sts {
    fn new(answers: Answers) -> Self {
        Self {
            aws: StrictAws::new(),
            answers: Arc::new(Mutex::new(answers)),
            asked: Arc::default(),
            signed: Arc::default(),
        }
    }

    async fn client(&self) -> Client {
        let connector = SharedHttpConnector::new(self.clone());
        let http_client: SharedHttpClient = http_client_fn(move |_, _| connector.clone());
        connect(ConnectOptions {
            region: "eu-west-1".into(),
            credentials: Some((CALLER.into(), "secret".into())),
            role: Some(AssumedRole {
                arn: ROLE.into(),
                session: "homeroom-demo".into(),
            }),
            http_client: Some(http_client),
            ..ConnectOptions::default()
        })
        .await
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_is_assumed_once_in_the_places_region_and_signs_every_call() {
    let sts = Sts::new(vec![given(3600)]);
    let client = sts.client().await;
    client.caller_identity().await.unwrap();
    client.account_alias().await.unwrap();
    let asked = sts.asked.lock().unwrap().clone();
    let [(url, body, by)] = &asked[..] else {
        panic!("{asked:?}");
    };
    assert!(
        url.starts_with("https://sts.eu-west-1.amazonaws.com"),
        "{url}"
    );
    assert!(body.contains("RoleSessionName=homeroom-demo"), "{body}");
    assert!(body.contains("role%2Fhomeroom"), "{body}");
    assert_eq!(by, CALLER);
    assert_eq!(*sts.signed.lock().unwrap(), [ASSUMED, ASSUMED]);
    assert_eq!(
        client.calls().get("sts:AssumeRole"),
        None,
        "it is no call of a run"
    );
}

#[tokio::test(start_paused = true)]
async fn a_role_is_assumed_anew_before_its_session_ends() {
    let sts = Sts::new(vec![given(5), given(3600)]);
    let client = sts.client().await;
    for _ in 0..3 {
        client.caller_identity().await.unwrap();
    }
    assert_eq!(sts.asked.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_sts_that_is_busy_for_a_moment_stops_nobody() {
    let busy = || refused(400, "Throttling", "Rate exceeded");
    let broken = refused(503, "ServiceUnavailable", "try again");
    let sts = Sts::new(vec![busy(), broken, given(3600)]);
    sts.client().await.caller_identity().await.unwrap();
    assert_eq!(sts.asked.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_refused_is_told_in_stss_words() {
    let words =
        "User: arn:aws:iam::1:user/me is not authorized to perform: sts:AssumeRole on resource: x";
    let sts = Sts::new(vec![refused(403, "AccessDenied", words)]);
    let error = sts.client().await.caller_identity().await.unwrap_err();
    let CallError::Cloud(error) = error else {
        panic!("{error}");
    };
    assert_eq!(error.kind, ErrorKind::Credentials);
    let said = error.to_string();
    assert_eq!(
        said,
        format!("sts:GetCallerIdentity: RoleNotGiven: AccessDenied: {words}")
    );
    assert!(
        sts.signed.lock().unwrap().is_empty(),
        "nothing else was sent"
    );
}
