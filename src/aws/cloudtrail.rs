//! AWS CloudTrail: the event history.

use aws_sdk_cloudtrail::primitives::DateTime;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};

use crate::domain::trail::Record;

use super::Page;
use super::classify::unbuildable;
use super::client::Client;
use super::error::CallResult;
use super::operations::Operation;

/// Events a page at most. Source: CloudTrail LookupEvents, `MaxResults`.
const PAGE: i32 = 50;

impl Client {
    /// cloudtrail:LookupEvents: one page of the events of a name since a time, newest first.
    pub(crate) async fn trail_page(
        &self,
        event_name: &str,
        since_ms: i64,
        token: Option<String>,
    ) -> CallResult<Page<Record>> {
        let by_name = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::EventName)
            .attribute_value(event_name)
            .build()
            .map_err(|error| unbuildable(Operation::LookupEvents, &error))?;
        let answer = self
            .call(Operation::LookupEvents, |sdk| {
                sdk.cloudtrail
                    .lookup_events()
                    .lookup_attributes(by_name.clone())
                    .start_time(DateTime::from_millis(since_ms))
                    .max_results(PAGE)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
        let records = answer
            .events()
            .iter()
            .filter_map(|event| event.cloud_trail_event());
        Ok(Page {
            items: records.filter_map(Record::parse).collect(),
            next: answer.next_token,
        })
    }
}
