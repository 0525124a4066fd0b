//! Amazon API Gateway, version 2: HTTP APIs.

use aws_sdk_apigatewayv2::types::{
    Api, AuthorizationType, Integration as IntegrationAnswer, IntegrationType, ProtocolType,
    Route as RouteAnswer, RouteSettings, Stage,
};
use serde_json::json;

use crate::ids::ApiType;
use crate::stack::kinds::api::{Authorization, BURST_MAX, RATE_MAX, Seen, StageSeen, Throttle};
use crate::stack::kinds::http_api::{
    HttpStage, Integration, PAYLOAD_FORMAT, Route, Settings, invokes,
};
use crate::stack::ownership::{Ownership, Tags};

use super::client::Client;
use super::error::CallResult;
use super::operations::Operation;
use super::{Page, tag_map};

/// How long an integration may take where nobody said so, in milliseconds. Source: API Gateway V2 API reference, Integrations,
/// `timeoutInMillis`.
const TIMEOUT_MS: i32 = 30_000;

impl Client {
    /// apigatewayv2:GetApis: one page, with the tags of each, WebSocket APIs left out. `ownership` stays `Unproven`: it depends
    /// on the class.
    pub async fn http_apis_page(&self, token: Option<String>) -> CallResult<Page<(Seen, Tags)>> {
        let answer = self
            .call(Operation::GetApis, |sdk| {
                sdk.apigatewayv2
                    .get_apis()
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
        let http = answer.items().iter();
        let http = http.filter(|api| api.protocol_type() == Some(&ProtocolType::Http));
        let items = http.map(actual).collect();
        Ok(Page::of(items, answer.next_token))
    }

    /// apigatewayv2:CreateApi: its id.
    pub async fn create_http_api(&self, name: &str, tags: &Tags) -> CallResult<String> {
        let answer = self
            .call(Operation::CreateApi, |sdk| {
                sdk.apigatewayv2
                    .create_api()
                    .name(name)
                    .protocol_type(ProtocolType::Http)
                    .set_tags(Some(tag_map(tags)))
                    .send()
            })
            .await?;
        Ok(answer.api_id.unwrap_or_default())
    }

    /// apigatewayv2:UpdateApi: its own address answers.
    pub(crate) async fn open_http_endpoint(&self, id: &str) -> CallResult<()> {
        self.send(Operation::UpdateApi, |sdk| {
            sdk.apigatewayv2
                .update_api()
                .api_id(id)
                .disable_execute_api_endpoint(false)
                .send()
        })
        .await
    }

    /// apigatewayv2:DeleteApi, with everything below it.
    pub async fn delete_http_api(&self, id: &str) -> CallResult<()> {
        self.send(Operation::DeleteApi, |sdk| {
            sdk.apigatewayv2.delete_api().api_id(id).send()
        })
        .await
    }

    /// apigatewayv2:GetRoutes: one page.
    pub(crate) async fn http_routes_page(
        &self,
        id: &str,
        token: Option<String>,
    ) -> CallResult<Page<Route>> {
        let answer = self
            .call(Operation::GetRoutes, |sdk| {
                sdk.apigatewayv2
                    .get_routes()
                    .api_id(id)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
        let items = answer.items().iter().map(route).collect();
        Ok(Page::of(items, answer.next_token))
    }

    /// apigatewayv2:CreateRoute.
    pub async fn create_route(
        &self,
        id: &str,
        key: &str,
        integration: &str,
        authorization: Authorization,
    ) -> CallResult<()> {
        self.send(Operation::CreateRoute, |sdk| {
            sdk.apigatewayv2
                .create_route()
                .api_id(id)
                .route_key(key)
                .target(format!("integrations/{integration}"))
                .authorization_type(authorization_type(authorization))
                .send()
        })
        .await
    }

    /// apigatewayv2:UpdateRoute: what it invokes, and who may call it.
    pub async fn update_route(
        &self,
        id: &str,
        route: &str,
        integration: &str,
        authorization: Authorization,
    ) -> CallResult<()> {
        self.send(Operation::UpdateRoute, |sdk| {
            sdk.apigatewayv2
                .update_route()
                .api_id(id)
                .route_id(route)
                .target(format!("integrations/{integration}"))
                .authorization_type(authorization_type(authorization))
                .send()
        })
        .await
    }

    /// apigatewayv2:DeleteRoute.
    pub async fn delete_route(&self, id: &str, route: &str) -> CallResult<()> {
        self.send(Operation::DeleteRoute, |sdk| {
            sdk.apigatewayv2
                .delete_route()
                .api_id(id)
                .route_id(route)
                .send()
        })
        .await
    }

    /// apigatewayv2:GetIntegrations: one page.
    pub(crate) async fn integrations_page(
        &self,
        id: &str,
        token: Option<String>,
    ) -> CallResult<Page<Integration>> {
        let answer = self
            .call(Operation::GetIntegrations, |sdk| {
                sdk.apigatewayv2
                    .get_integrations()
                    .api_id(id)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
        let items = answer.items().iter().map(integration).collect();
        Ok(Page::of(items, answer.next_token))
    }

    /// apigatewayv2:CreateIntegration: Lambda proxy; its id.
    pub async fn create_integration(&self, id: &str, function_arn: &str) -> CallResult<String> {
        let answer = self
            .call(Operation::CreateIntegration, |sdk| {
                sdk.apigatewayv2
                    .create_integration()
                    .api_id(id)
                    .integration_type(IntegrationType::AwsProxy)
                    .integration_uri(function_arn)
                    .payload_format_version(PAYLOAD_FORMAT)
                    .timeout_in_millis(TIMEOUT_MS)
                    .send()
            })
            .await?;
        Ok(answer.integration_id.unwrap_or_default())
    }

    /// apigatewayv2:GetStages. An API has ten at most, and one page shows more.
    pub(crate) async fn http_stages(&self, id: &str) -> CallResult<Vec<HttpStage>> {
        let answer = self
            .call(Operation::GetHttpStages, |sdk| {
                sdk.apigatewayv2.get_stages().api_id(id).send()
            })
            .await?;
        Ok(answer.items().iter().map(stage).collect())
    }

    /// apigatewayv2:CreateStage: it deploys by itself, and has this throttle or the account's.
    pub(crate) async fn create_http_stage(
        &self,
        id: &str,
        stage: &str,
        description: &str,
        throttle: Option<Throttle>,
    ) -> CallResult<()> {
        let settings = throttle.map(route_settings);
        self.send(Operation::CreateHttpStage, |sdk| {
            sdk.apigatewayv2
                .create_stage()
                .api_id(id)
                .stage_name(stage)
                .description(description)
                .auto_deploy(true)
                .set_default_route_settings(settings.clone())
                .send()
        })
        .await
    }

    /// apigatewayv2:UpdateStage: the description and, if given, the throttle of all its routes.
    pub async fn update_http_stage(
        &self,
        id: &str,
        stage: &str,
        description: &str,
        throttle: Option<Throttle>,
    ) -> CallResult<()> {
        let settings = throttle.map(route_settings);
        self.send(Operation::UpdateHttpStage, |sdk| {
            sdk.apigatewayv2
                .update_stage()
                .api_id(id)
                .stage_name(stage)
                .description(description)
                .set_default_route_settings(settings.clone())
                .send()
        })
        .await
    }

    /// apigatewayv2:UpdateStage: it deploys by itself, and has the lab's throttle or the account's.
    pub(crate) async fn reset_http_stage(
        &self,
        id: &str,
        stage: &str,
        description: &str,
        throttle: Option<Throttle>,
    ) -> CallResult<()> {
        let settings = route_settings(throttle.unwrap_or(ACCOUNTS));
        self.send(Operation::UpdateHttpStage, |sdk| {
            sdk.apigatewayv2
                .update_stage()
                .api_id(id)
                .stage_name(stage)
                .description(description)
                .auto_deploy(true)
                .default_route_settings(settings.clone())
                .send()
        })
        .await
    }

    /// apigatewayv2:DeleteRouteSettings: the route has the stage's.
    pub(crate) async fn delete_route_settings(
        &self,
        id: &str,
        stage: &str,
        route_key: &str,
    ) -> CallResult<()> {
        self.send(Operation::DeleteRouteSettings, |sdk| {
            sdk.apigatewayv2
                .delete_route_settings()
                .api_id(id)
                .stage_name(stage)
                .route_key(route_key)
                .send()
        })
        .await
    }

    /// apigatewayv2:DeleteCorsConfiguration.
    pub(crate) async fn delete_cors(&self, id: &str) -> CallResult<()> {
        self.send(Operation::DeleteCorsConfiguration, |sdk| {
            sdk.apigatewayv2
                .delete_cors_configuration()
                .api_id(id)
                .send()
        })
        .await
    }

    /// apigatewayv2:TagResource.
    pub(crate) async fn tag_http_api(&self, arn: &str, tags: &Tags) -> CallResult<()> {
        self.send(Operation::TagHttpApi, |sdk| {
            sdk.apigatewayv2
                .tag_resource()
                .resource_arn(arn)
                .set_tags(Some(tag_map(tags)))
                .send()
        })
        .await
    }
}

/// The account's own limits, as a throttle.
const ACCOUNTS: Throttle = Throttle {
    rate: RATE_MAX,
    burst: BURST_MAX,
};

/// Both numbers: AWS takes what is left out as 0, and lets nothing through.
fn route_settings(throttle: Throttle) -> RouteSettings {
    RouteSettings::builder()
        .throttling_rate_limit(f64::from(throttle.rate))
        .throttling_burst_limit(i32::try_from(throttle.burst).unwrap_or(i32::MAX))
        .build()
}

fn authorization_type(authorization: Authorization) -> AuthorizationType {
    AuthorizationType::from(authorization.as_str())
}

fn actual(api: &Api) -> (Seen, Tags) {
    let tags = api
        .tags()
        .map(|map| map.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
        .unwrap_or_default();
    let actual = Seen {
        api_type: ApiType::Http,
        id: api.api_id().unwrap_or_default().to_owned(),
        name: api.name().unwrap_or_default().to_owned(),
        created_s: api.created_date().map_or(0, |date| date.secs()),
        ownership: Ownership::Unproven,
        stages: None,
        settings: Some(of_listing(api)),
    };
    (actual, tags)
}

/// What the listing itself shows of an API's settings.
fn of_listing(api: &Api) -> Settings {
    let mut settings = Settings::default();
    if let Some(cors) = api.cors_configuration() {
        let shown = json!({
            "allowCredentials": cors.allow_credentials(),
            "allowHeaders": cors.allow_headers(),
            "allowMethods": cors.allow_methods(),
            "allowOrigins": cors.allow_origins(),
            "exposeHeaders": cors.expose_headers(),
            "maxAge": cors.max_age(),
        });
        settings.set(Settings::CORS, shown.to_string());
    }
    if api.disable_execute_api_endpoint() == Some(true) {
        settings.set(Settings::ADDRESS, "off");
    }
    settings
}

fn route(route: &RouteAnswer) -> Route {
    let mut authorization = route
        .authorization_type()
        .map_or("NONE", |it| it.as_str())
        .to_owned();
    if let Some(authorizer) = route.authorizer_id() {
        authorization.push_str(&format!(" by {authorizer}"));
    }
    if !route.authorization_scopes().is_empty() {
        let scopes = route.authorization_scopes().join(" ");
        authorization.push_str(&format!(" with scopes {scopes}"));
    }
    let target = route.target().unwrap_or_default();
    Route {
        id: route.route_id().unwrap_or_default().to_owned(),
        key: route.route_key().unwrap_or_default().to_owned(),
        integration: target.strip_prefix("integrations/").map(str::to_owned),
        authorization,
    }
}

/// The function's ARN in an integration's URI, which may stand alone or in a path.
fn function_in(uri: &str) -> &str {
    let inner = uri.split_once("/functions/").map_or(uri, |(_, rest)| rest);
    inner.strip_suffix("/invocations").unwrap_or(inner)
}

fn integration(answer: &IntegrationAnswer) -> Integration {
    let function = function_in(answer.integration_uri().unwrap_or_default());
    let format = answer.payload_format_version().unwrap_or_default();
    let mut words = invokes(function, format);
    let mut say = |what: &str, value: String| words.push_str(&format!(", {what} {value}"));
    match answer.integration_type() {
        Some(IntegrationType::AwsProxy) | None => {}
        Some(other) => say("type", other.as_str().to_owned()),
    }
    if let Some(credentials) = answer.credentials_arn() {
        say("credentials", credentials.to_owned());
    }
    match answer.timeout_in_millis() {
        None | Some(TIMEOUT_MS) => {}
        Some(timeout) => say("timeout", format!("{timeout} ms")),
    }
    if let Some(parameters) = answer.request_parameters().filter(|map| !map.is_empty()) {
        let mut names: Vec<&str> = parameters.keys().map(String::as_str).collect();
        names.sort_unstable();
        say("parameters", names.join(" "));
    }
    Integration {
        id: answer.integration_id().unwrap_or_default().to_owned(),
        invokes: words,
    }
}

fn throttle(settings: &RouteSettings) -> Option<Throttle> {
    let rate = settings.throttling_rate_limit()?;
    let throttle = Throttle {
        rate: rate as u32,
        burst: u32::try_from(settings.throttling_burst_limit()?).ok()?,
    };
    (throttle != ACCOUNTS).then_some(throttle)
}

fn stage(stage: &Stage) -> HttpStage {
    let own = stage.default_route_settings().and_then(throttle);
    let mut settings = Settings::of_stage(own, stage.auto_deploy() == Some(true));
    let mut own_settings = Vec::new();
    for (key, of_route) in stage.route_settings().into_iter().flatten() {
        own_settings.push(key.clone());
        settings.set_throttle_of(key, throttle(of_route));
    }
    own_settings.sort();
    HttpStage {
        seen: StageSeen {
            name: stage.stage_name().unwrap_or_default().to_owned(),
            description: stage.description().unwrap_or_default().to_owned(),
        },
        settings,
        own_settings,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_functions_arn_is_found_in_both_forms_of_an_integrations_uri() {
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
        let path = format!(
            "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
        );
        assert_eq!(function_in(arn), arn);
        assert_eq!(function_in(&path), arn);
    }

    #[test]
    fn an_integration_reads_as_the_labs_only_if_nothing_of_it_differs() {
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
        let whole = IntegrationAnswer::builder()
            .integration_type(IntegrationType::AwsProxy)
            .integration_uri(arn)
            .payload_format_version("2.0")
            .timeout_in_millis(TIMEOUT_MS);
        let words = |answer: IntegrationAnswer| integration(&answer).invokes;
        let wanted = invokes(arn, PAYLOAD_FORMAT);
        assert_eq!(words(whole.clone().build()), wanted);
        for other in [
            whole.clone().payload_format_version("1.0"),
            whole.clone().timeout_in_millis(1000),
            whole.clone().integration_type(IntegrationType::HttpProxy),
            whole
                .clone()
                .integration_uri("arn:aws:lambda:us-east-1:1:function:g"),
            whole.clone().request_parameters("overwrite:path", "/x"),
            whole.clone().credentials_arn("arn:aws:iam::1:role/r"),
        ] {
            assert_ne!(words(other.build()), wanted);
        }
    }
}
