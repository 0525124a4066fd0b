//! AWS CloudTrail: the event history.

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::primitives::DateTime;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};

use crate::domain::operation::Operation;
use crate::domain::trail::Record;
use crate::engine::port::{CloudResult, Page};

use super::errors::{call, unbuildable};

/// Events a page at most. Source: CloudTrail LookupEvents, `MaxResults`.
const PAGE: i32 = 50;

pub(super) async fn trail_page(
    client: &Client,
    event_name: &str,
    since_ms: i64,
    token: Option<String>,
) -> CloudResult<Page<Record>> {
    let by_name = LookupAttribute::builder()
        .attribute_key(LookupAttributeKey::EventName)
        .attribute_value(event_name)
        .build()
        .map_err(|error| unbuildable(Operation::LookupEvents, &error))?;
    let answer = call(
        Operation::LookupEvents,
        client
            .lookup_events()
            .lookup_attributes(by_name)
            .start_time(DateTime::from_millis(since_ms))
            .max_results(PAGE)
            .set_next_token(token)
            .send(),
    )
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
