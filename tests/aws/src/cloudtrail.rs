//! CloudTrail's event history. Source: CloudTrail API reference, LookupEvents. It records nothing by itself: tests say
//! what happened.

use serde_json::{Value, json};

use homeroom::strict::{Refusal, Request};

use super::answer::{Answer, Body};
use super::world::World;

/// Events a page at most. Source: LookupEvents, `MaxResults`.
const PAGE: usize = 50;

impl World {
    pub(super) fn cloudtrail(&mut self, operation: &str, request: &Request) -> Answer {
        assert_eq!(operation, "LookupEvents", "CloudTrail here knows no other");
        let attributes = request.get("LookupAttributes").as_array();
        let attribute = match attributes.map(Vec::as_slice) {
            Some([one]) => one,
            // One attribute is all that may be asked for; without any, this would answer with the whole account's.
            _ => return Err(invalid("InvalidLookupAttributesException")),
        };
        if attribute["AttributeKey"] != "EventName" {
            return Err(invalid("InvalidLookupAttributesException"));
        }
        let asked = request.number("MaxResults");
        if asked.is_some_and(|asked| !(1..=PAGE).contains(&asked)) {
            return Err(invalid("InvalidMaxResultsException"));
        }
        let since = request.get("StartTime").as_f64().unwrap_or_default();
        let mut found: Vec<&(i64, Value)> = self
            .trail
            .iter()
            .filter(|(at, record)| {
                *at as f64 / 1000.0 >= since && record["eventName"] == attribute["AttributeValue"]
            })
            .collect();
        found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let events: Vec<Value> = found
            .into_iter()
            .map(|(at, record)| {
                json!({
                    "EventId": record["eventID"], "EventName": record["eventName"],
                    "EventTime": *at as f64 / 1000.0, "CloudTrailEvent": record.to_string(),
                })
            })
            .collect();
        let (page, next) = self.page(events, request.text("NextToken"), asked, PAGE);
        Ok(Body::Json(json!({"Events": page, "NextToken": next})))
    }

    /// An event of now; the record has the rest.
    pub(super) fn record(&mut self, mut record: Value) {
        let at = self.millis(self.now);
        let time = jiff::Timestamp::from_millisecond(at).expect("the clock is near the year 2026");
        record["eventTime"] = time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
        record["eventID"] = format!("00000000-0000-0000-0000-{:012}", self.trail.len()).into();
        self.trail.push((at / 1000 * 1000, record));
    }
}

fn invalid(code: &str) -> Refusal {
    Refusal::new(400, code, "The request is not valid.")
}
