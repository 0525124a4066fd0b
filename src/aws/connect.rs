//! From options to clients: credentials, region, time-outs, one connection pool.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::identity::IdentityCache;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::os_shim_internal::Env;

use secrecy::ExposeSecret;

use crate::stack::credentials::AccessKey;

use super::configured::instance_answers;
use super::count::Transmitted;
use super::endpoint::{PlainClient, is_of_aws};
use super::http::{self, CONNECT_TIMEOUT, CREDENTIALS_TIMEOUT, behavior_version};
use crate::web::is_loopback;

/// The SDK's clients, for one caller.
#[derive(Debug)]
pub(super) struct Sdk {
    pub(super) region: String,
    pub(super) own_endpoint: bool,
    pub(super) calls: Transmitted,
    config: SdkConfig,
    pub(super) sts: aws_sdk_sts::Client,
    pub(super) iam: aws_sdk_iam::Client,
    pub(super) lambda: aws_sdk_lambda::Client,
    pub(super) sfn: aws_sdk_sfn::Client,
    pub(super) apigateway: aws_sdk_apigateway::Client,
    pub(super) apigatewayv2: aws_sdk_apigatewayv2::Client,
    pub(super) logs: aws_sdk_cloudwatchlogs::Client,
    pub(super) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(super) endpoint: PlainClient,
}

/// Which AWS to talk to, and as whom.
#[derive(Clone, Default)]
pub struct ConnectOptions {
    /// Profile of the AWS configuration files. Its credentials then win over `AWS_ACCESS_KEY_ID` in the
    /// environment, as they do with the AWS CLI; without one, the SDK's default chain decides.
    pub profile: Option<String>,
    /// A role that these credentials assume; they are renewed before they expire.
    pub role: Option<AssumedRole>,
    /// `us-east-1`.
    pub region: String,
    /// One endpoint for every service, instead of AWS's own. `AWS_ENDPOINT_URL` and its kin count when unset.
    pub endpoint_url: Option<String>,
    /// URL of deployed stages, with `{api_id}` and `{stage}` in it. When unset, AWS's own; at another endpoint than AWS's,
    /// the one that LocalStack has.
    pub invoke_base: Option<String>,
    /// Access key and secret of the embedded cloud.
    pub credentials: Option<(String, String)>,
    /// What carries the requests; tests put AWS in process here.
    pub http_client: Option<SharedHttpClient>,
}

/// A role to assume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumedRole {
    /// `arn:aws:iam::123456789012:role/NAME`.
    pub arn: String,
    /// What CloudTrail shows of who assumed it: letters, digits and `-`, at most 64.
    pub session: String,
}

/// Until the first byte of an answer, upload of the request included (a function's zip may have 50 MiB).
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// For a whole call, fetching credentials included.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(120);
/// For the instance's region.
const REGION_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) async fn connect(options: ConnectOptions) -> Sdk {
    let loopback = options.endpoint_url.as_deref().is_some_and(is_loopback);
    // A proxy cannot reach this machine's loopback, and few people put it into `NO_PROXY`.
    let http_client = options
        .http_client
        .unwrap_or_else(|| http::client(!loopback));

    let mut loader = aws_config::defaults(behavior_version())
        .region(Region::new(options.region.clone()))
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(READ_TIMEOUT)
                .operation_timeout(OPERATION_TIMEOUT)
                .build(),
        )
        .identity_cache(
            IdentityCache::lazy()
                .load_timeout(CREDENTIALS_TIMEOUT)
                .build(),
        )
        .http_client(http_client.clone());
    if let Ok(name) = AppName::new("homeroom") {
        loader = loader.app_name(name);
    }
    if let Some(url) = &options.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if loopback {
        // The user's AWS configuration may set these, and they make no sense for a loopback address.
        loader = loader.use_fips(false).use_dual_stack(false);
    }
    if let Some((key, secret)) = options.credentials {
        loader = loader.credentials_provider(Credentials::new(key, secret, None, None, "static"));
    } else if let Some(profile) = &options.profile {
        // The SDK's chain looks at the environment first even when a profile is named. Whoever names a profile must not
        // act on another account because of variables left over in the shell.
        loader = loader.profile_name(profile).credentials_provider(
            ProfileFileCredentialsProvider::builder()
                .configure(
                    &aws_config::provider_config::ProviderConfig::default()
                        .with_http_client(http_client.clone())
                        .with_region(Some(Region::new(options.region.clone()))),
                )
                .profile_name(profile)
                .build(),
        );
    }
    let mut shared = loader.load().await;
    if let Some(AssumedRole { arn, session }) = options.role {
        // These calls are the SDK's own, so nobody else repeats them.
        let patient = shared.to_builder().retry_config(RetryConfig::standard());
        let role = AssumeRoleProvider::builder(arn)
            .configure(&patient.build())
            .session_name(session)
            .build()
            .await;
        shared = shared
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(role))
            // The old cache keeps the identity of who assumes the role.
            .identity_cache(
                IdentityCache::lazy()
                    .load_timeout(CREDENTIALS_TIMEOUT)
                    .build(),
            )
            .build();
    }

    let calls = Transmitted::default();
    let endpoint = PlainClient::new(
        (options.invoke_base, shared.endpoint_url()),
        &options.region,
        http_client,
        calls.clone(),
        shared.credentials_provider(),
    );
    clients(shared, options.region, calls, endpoint)
}

pub(super) fn with_access_key(sdk: &Sdk, key: &AccessKey) -> Sdk {
    let secret = key.secret.expose_secret();
    let credentials = Credentials::new(&key.id, secret, None, None, "access key");
    let credentials = SharedCredentialsProvider::new(credentials);
    let endpoint = sdk.endpoint.with_credentials(credentials.clone());
    let config = sdk
        .config
        .to_builder()
        .credentials_provider(credentials)
        // The old cache keeps the identity of the old provider.
        .identity_cache(IdentityCache::lazy().build())
        .build();
    clients(config, sdk.region.clone(), sdk.calls.clone(), endpoint)
}

fn clients(config: SdkConfig, region: String, calls: Transmitted, endpoint: PlainClient) -> Sdk {
    macro_rules! client {
        ($sdk:ident) => {
            $sdk::Client::from_conf(
                $sdk::config::Builder::from(&config)
                    .interceptor(calls.clone())
                    .build(),
            )
        };
    }
    Sdk {
        sts: client!(aws_sdk_sts),
        iam: client!(aws_sdk_iam),
        lambda: client!(aws_sdk_lambda),
        sfn: client!(aws_sdk_sfn),
        apigateway: client!(aws_sdk_apigateway),
        apigatewayv2: client!(aws_sdk_apigatewayv2),
        logs: client!(aws_sdk_cloudwatchlogs),
        cloudwatch: client!(aws_sdk_cloudwatch),
        endpoint,
        region,
        own_endpoint: config.endpoint_url().is_some_and(|url| !is_of_aws(url)),
        config,
        calls,
    }
}

/// The region that the AWS CLI would use: `AWS_REGION`, the profile's, or that of the EC2 instance this runs on.
pub(crate) async fn default_region(profile: Option<&str>) -> Option<String> {
    let mut files = ProfileFileRegionProvider::builder();
    if let Some(profile) = profile {
        files = files.profile_name(profile);
    }
    let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(files.build());
    let mut region = chain.region().await;
    if region.is_none() && instance_answers(&Env::real()).await {
        let instance = ImdsRegionProvider::builder().build();
        let asked = tokio::time::timeout(REGION_TIMEOUT, instance.region()).await;
        region = asked.ok().flatten();
    }
    region.map(|region| region.to_string())
}
