//! CloudWatch: the one metric that is asked for. Sources: CloudWatch API reference, GetMetricData; API Gateway Developer Guide,
//! "Amazon API Gateway dimensions and metrics".

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use homeroom::strict::{Refusal, Request, cbor};
use serde_json::{Value, json};

use super::answer::{Answer, Body};
use super::world::World;

/// Answers 4xx by REST API's name or HTTP API's id, stage and minute (in milliseconds since 1970); minutes without any request are not in it.
pub(super) type ClientErrors = BTreeMap<(String, String), BTreeMap<i64, u64>>;

const MINUTE_MS: i64 = 60_000;
/// Source: GetMetricData, `MetricDataQueries`.
const QUERIES_MAX: usize = 500;

fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "ValidationError", message)
}

impl World {
    /// API Gateway counts every answer of a stage that is there.
    pub(super) fn count_answer(&mut self, request: &Request, status: u16) {
        let (stage, id) = (request.text("stageName"), request.text("restApiId"));
        let http = self.http_apis.get(id).filter(|api| api.has_stage());
        let rest = self.apis.get(id).filter(|api| api.has_stage(stage));
        let (api, stage) = match (rest, http) {
            (Some(api), _) => (api.name.clone(), stage),
            (None, Some(_)) => (id.to_owned(), "$default"),
            (None, None) => return,
        };
        let minute = self.millis(self.now).div_euclid(MINUTE_MS) * MINUTE_MS;
        let of_stage = (api, stage.to_owned());
        let minutes = self.client_errors.entry(of_stage).or_default();
        *minutes.entry(minute).or_default() += u64::from((400..500).contains(&status));
    }

    pub(super) fn cloudwatch(&self, operation: &str, request: &Request) -> Answer {
        assert_eq!(operation, "GetMetricData", "CloudWatch here knows no other");
        let queries = request.get("MetricDataQueries").as_array();
        let queries = queries.ok_or_else(|| invalid("MetricDataQueries is required"))?;
        if queries.is_empty() || queries.len() > QUERIES_MAX {
            return Err(invalid("MetricDataQueries must have 1 to 500 members"));
        }
        let ids: BTreeSet<&str> = queries.iter().filter_map(|q| q["Id"].as_str()).collect();
        let small = |id: &&str| id.starts_with(|c: char| c.is_ascii_lowercase());
        if ids.len() != queries.len() || !ids.iter().all(small) {
            return Err(invalid("ids must be unique and begin with a small letter"));
        }
        let time = |name: &str| {
            let seconds = request.get(name).as_f64();
            seconds.map(|seconds| (seconds * 1000.0) as i64)
        };
        let (Some(from), Some(until)) = (time("StartTime"), time("EndTime")) else {
            return Err(invalid("StartTime and EndTime are required"));
        };
        if from >= until {
            let message = "The parameter StartTime must be less than the parameter EndTime.";
            return Err(invalid(message));
        }
        let results: Result<Vec<Value>, Refusal> = queries
            .iter()
            .map(|query| self.result(query, from, until))
            .collect();
        Ok(Body::Json(json!({"MetricDataResults": results?})))
    }

    fn result(&self, query: &Value, from: i64, until: i64) -> Result<Value, Refusal> {
        let stat = &query["MetricStat"];
        let period = stat["Period"].as_u64().filter(|period| period % 60 == 0);
        if period != Some(60) || stat["Stat"] != "Sum" {
            return Err(invalid("only sums of minutes are known here"));
        }
        let metric = &stat["Metric"];
        let dimension = |name: &str| {
            let mut all = metric["Dimensions"].as_array().into_iter().flatten();
            let found = all.find(|dimension| dimension["Name"] == name);
            let value = found.and_then(|dimension| dimension["Value"].as_str());
            value.unwrap_or_default().to_owned()
        };
        // Sources: the page above, and "Working with metrics for HTTP APIs".
        let api = match metric["MetricName"].as_str() {
            Some("4XXError") => dimension("ApiName"),
            Some("4xx") => dimension("ApiId"),
            _ => String::new(),
        };
        let is_it = metric["Namespace"] == "AWS/ApiGateway" && !api.is_empty();
        // A metric that is not there has no values.
        let of_stage = (api, dimension("Stage"));
        let minutes = self.client_errors.get(&of_stage).filter(|_| is_it);
        let now = self.millis(self.now);
        let shown = |minute: i64| {
            let lag = self.metric_lag + Duration::from_secs(60);
            minute + lag.as_millis() as i64 <= now
        };
        // The newest first, by default.
        let values: Vec<(i64, u64)> = minutes
            .into_iter()
            .flatten()
            .map(|(minute, count)| (*minute, *count))
            .filter(|(minute, _)| (from..until).contains(minute) && shown(*minute))
            .rev()
            .collect();
        let times = values.iter().map(|(at, _)| json!({cbor::TIME: at / 1000}));
        let counts = values.iter().map(|(_, count)| *count as f64);
        Ok(json!({
            "Id": query["Id"],
            "Label": metric["MetricName"],
            "StatusCode": "Complete",
            "Timestamps": times.collect::<Vec<_>>(),
            "Values": counts.collect::<Vec<_>>(),
        }))
    }
}
