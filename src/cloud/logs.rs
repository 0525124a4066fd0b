//! Amazon CloudWatch Logs.

use aws_sdk_cloudwatchlogs::Client;

use crate::domain::operation::Operation;
use crate::domain::ownership::{Ownership, Tags};
use crate::domain::resources::log_group::Actual;
use crate::engine::port::{CloudResult, Page};

use super::errors::call;

/// Log groups a page at most. Source: CloudWatch Logs DescribeLogGroups, `limit`.
const PAGE: i32 = 50;

pub(super) async fn log_groups_page(
    client: &Client,
    prefix: &str,
    token: Option<String>,
) -> CloudResult<Page<Actual>> {
    let answer = call(
        Operation::DescribeLogGroups,
        client
            .describe_log_groups()
            .set_log_group_name_prefix((!prefix.is_empty()).then(|| prefix.to_owned()))
            .limit(PAGE)
            .set_next_token(token)
            .send(),
    )
    .await?;
    Ok(Page {
        items: answer
            .log_groups()
            .iter()
            .map(|group| Actual {
                name: group.log_group_name().unwrap_or_default().to_owned(),
                created_ms: group.creation_time().filter(|ms| *ms > 0),
                retention_days: group.retention_in_days(),
                ownership: Ownership::Unproven,
                tags_read: false,
            })
            .collect(),
        next: answer.next_token,
    })
}

pub(super) async fn tag_log_group(client: &Client, arn: &str, tags: &Tags) -> CloudResult<()> {
    let tags = tags.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    call(
        Operation::LogsTagResource,
        client
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(tags))
            .send(),
    )
    .await?;
    Ok(())
}

pub(super) async fn log_group_tags(client: &Client, arn: &str) -> CloudResult<Tags> {
    let answer = call(
        Operation::LogsListTagsForResource,
        client.list_tags_for_resource().resource_arn(arn).send(),
    )
    .await?;
    Ok(answer.tags.unwrap_or_default().into_iter().collect())
}

pub(super) async fn create_log_group(client: &Client, name: &str, tags: &Tags) -> CloudResult<()> {
    call(
        Operation::CreateLogGroup,
        client
            .create_log_group()
            .log_group_name(name)
            .set_tags(Some(
                tags.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            ))
            .send(),
    )
    .await?;
    Ok(())
}

pub(super) async fn put_retention_policy(
    client: &Client,
    name: &str,
    days: i32,
) -> CloudResult<()> {
    call(
        Operation::PutRetentionPolicy,
        client
            .put_retention_policy()
            .log_group_name(name)
            .retention_in_days(days)
            .send(),
    )
    .await?;
    Ok(())
}

pub(super) async fn delete_log_group(client: &Client, name: &str) -> CloudResult<()> {
    call(
        Operation::DeleteLogGroup,
        client.delete_log_group().log_group_name(name).send(),
    )
    .await?;
    Ok(())
}

/// Events a page of those that a pattern picks.
const EVENTS_PAGE: i32 = 1000;

pub(super) async fn log_events_page(
    client: &Client,
    group: &str,
    since_ms: i64,
    until_ms: Option<i64>,
    limit: i32,
    token: Option<String>,
) -> CloudResult<Page<String>> {
    filter(client, group, since_ms, until_ms, None, limit, token).await
}

pub(super) async fn matching_log_events_page(
    client: &Client,
    group: &str,
    since_ms: i64,
    until_ms: Option<i64>,
    pattern: &str,
    token: Option<String>,
) -> CloudResult<Page<String>> {
    let pattern = (!pattern.is_empty()).then(|| pattern.to_owned());
    filter(
        client,
        group,
        since_ms,
        until_ms,
        pattern,
        EVENTS_PAGE,
        token,
    )
    .await
}

async fn filter(
    client: &Client,
    group: &str,
    since_ms: i64,
    until_ms: Option<i64>,
    pattern: Option<String>,
    limit: i32,
    token: Option<String>,
) -> CloudResult<Page<String>> {
    let answer = call(
        Operation::FilterLogEvents,
        client
            .filter_log_events()
            .log_group_name(group)
            .start_time(since_ms)
            .set_end_time(until_ms)
            .set_filter_pattern(pattern)
            .limit(limit)
            .set_next_token(token)
            .send(),
    )
    .await?;
    Ok(Page {
        items: answer
            .events
            .unwrap_or_default()
            .into_iter()
            .filter_map(|event| event.message)
            .collect(),
        next: answer.next_token,
    })
}
