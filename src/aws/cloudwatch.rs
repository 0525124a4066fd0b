//! Amazon CloudWatch.

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat};

use super::client::Client;
use super::error::CallResult;
use super::operations::Operation;
use crate::ids::ApiType;

/// Metrics of one call at most. Source: CloudWatch API reference, GetMetricData.
pub(crate) const METRICS_MAX: usize = 500;
/// In seconds. Source: API Gateway Developer Guide, "Amazon API Gateway dimensions and metrics": it sends them every minute.
const PERIOD: i32 = 60;

/// A stage of an API, as its metrics name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricStage {
    /// The API's type.
    pub api_type: ApiType,
    /// The name of a REST API, the id of an HTTP API.
    pub api: String,
    /// The stage.
    pub stage: String,
}

/// Answers 4xx of a stage, as far as the metric tells: how many in each minute, by its beginning in milliseconds since 1970. A minute
/// of which nothing is known is not in it.
pub type ClientErrors = Vec<(i64, u64)>;

impl Client {
    /// cloudwatch:GetMetricData: 4XXError of stages (4xx of HTTP APIs), in their order; at most [`METRICS_MAX`] of them. It is the number of answers
    /// 4xx, whether the API or the function behind it gave them. Times are in milliseconds since 1970, the end is left out.
    pub async fn client_errors(
        &self,
        stages: &[MetricStage],
        from_ms: i64,
        until_ms: i64,
    ) -> CallResult<Vec<ClientErrors>> {
        let queries: Vec<_> = stages.iter().enumerate().map(query).collect();
        let answer = self
            .call(Operation::GetMetricData, |sdk| {
                sdk.cloudwatch
                    .get_metric_data()
                    .start_time(DateTime::from_millis(from_ms))
                    .end_time(DateTime::from_millis(until_ms))
                    .set_metric_data_queries(Some(queries.clone()))
                    .send()
            })
            .await?;
        // A further page would be a further call: what it has is not known.
        let mut found = vec![ClientErrors::new(); stages.len()];
        for result in answer.metric_data_results() {
            let index = result
                .id()
                .and_then(|id| id.strip_prefix('m')?.parse().ok());
            if let Some(errors) = index.and_then(|index: usize| found.get_mut(index)) {
                *errors = minutes(result);
            }
        }
        Ok(found)
    }
}

fn query((index, stage): (usize, &MetricStage)) -> MetricDataQuery {
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    // Sources: API Gateway Developer Guide, "Amazon API Gateway dimensions and metrics" and "Working with metrics for HTTP APIs".
    let (name, api) = match stage.api_type {
        ApiType::Rest => ("4XXError", "ApiName"),
        ApiType::Http => ("4xx", "ApiId"),
    };
    let metric = Metric::builder()
        .namespace("AWS/ApiGateway")
        .metric_name(name)
        .dimensions(dimension(api, &stage.api))
        .dimensions(dimension("Stage", &stage.stage));
    let sum = MetricStat::builder()
        .metric(metric.build())
        .period(PERIOD)
        .stat("Sum");
    // An id begins with a small letter.
    MetricDataQuery::builder()
        .id(format!("m{index}"))
        .metric_stat(sum.build())
        .build()
}

fn minutes(result: &MetricDataResult) -> ClientErrors {
    let minutes = result.timestamps().iter().zip(result.values());
    let minutes = minutes.filter_map(|(at, count)| Some((at.to_millis().ok()?, *count as u64)));
    minutes.collect()
}
