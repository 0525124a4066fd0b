//! Amazon CloudWatch Logs.

use crate::stack::kinds::log_group::Seen;
use crate::stack::ownership::{Ownership, Tags};

use super::client::Client;
use super::error::CallResult;
use super::operations::Operation;
use super::{Page, tag_map};

/// Log groups a page at most. Source: CloudWatch Logs DescribeLogGroups, `limit`.
const PAGE: i32 = 50;
/// Events per page, where all of a window are read.
const EVENTS_PAGE: i32 = 1000;

/// One log event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    /// In milliseconds since 1970.
    pub(crate) at_ms: i64,
    pub(crate) message: String,
}

impl Client {
    /// logs:DescribeLogGroups: one page of those whose name begins with `prefix`.
    pub async fn log_groups_page(
        &self,
        prefix: &str,
        token: Option<String>,
    ) -> CallResult<Page<Seen>> {
        let answer = self
            .call(Operation::DescribeLogGroups, |sdk| {
                sdk.logs
                    .describe_log_groups()
                    .set_log_group_name_prefix((!prefix.is_empty()).then(|| prefix.to_owned()))
                    .limit(PAGE)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
        Ok(Page {
            items: answer
                .log_groups()
                .iter()
                .map(|group| Seen {
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

    /// logs:TagResource.
    pub async fn tag_log_group(&self, arn: &str, tags: &Tags) -> CallResult<()> {
        self.send(Operation::LogsTagResource, |sdk| {
            sdk.logs
                .tag_resource()
                .resource_arn(arn)
                .set_tags(Some(tag_map(tags)))
                .send()
        })
        .await
    }

    /// logs:ListTagsForResource.
    pub async fn log_group_tags(&self, arn: &str) -> CallResult<Tags> {
        let answer = self
            .call(Operation::LogsListTagsForResource, |sdk| {
                sdk.logs.list_tags_for_resource().resource_arn(arn).send()
            })
            .await?;
        Ok(answer.tags.unwrap_or_default().into_iter().collect())
    }

    /// logs:CreateLogGroup.
    pub async fn create_log_group(&self, name: &str, tags: &Tags) -> CallResult<()> {
        self.send(Operation::CreateLogGroup, |sdk| {
            sdk.logs
                .create_log_group()
                .log_group_name(name)
                .set_tags(Some(tag_map(tags)))
                .send()
        })
        .await
    }

    /// logs:PutRetentionPolicy.
    pub async fn put_retention_policy(&self, name: &str, days: i32) -> CallResult<()> {
        self.send(Operation::PutRetentionPolicy, |sdk| {
            sdk.logs
                .put_retention_policy()
                .log_group_name(name)
                .retention_in_days(days)
                .send()
        })
        .await
    }

    /// logs:DeleteLogGroup.
    pub async fn delete_log_group(&self, name: &str) -> CallResult<()> {
        self.send(Operation::DeleteLogGroup, |sdk| {
            sdk.logs.delete_log_group().log_group_name(name).send()
        })
        .await
    }

    /// logs:FilterLogEvents: one page of messages. Times are in milliseconds since 1970.
    pub async fn log_events_page(
        &self,
        group: &str,
        since_ms: i64,
        until_ms: Option<i64>,
        limit: i32,
        token: Option<String>,
    ) -> CallResult<Page<String>> {
        let page = self
            .filter(group, since_ms, until_ms, None, limit, token)
            .await?;
        Ok(messages(page))
    }

    /// logs:FilterLogEvents: the first page of log events since a time, with their times.
    pub(crate) async fn log_lines_page(
        &self,
        group: &str,
        since_ms: i64,
    ) -> CallResult<Page<LogLine>> {
        self.filter(group, since_ms, None, None, EVENTS_PAGE, None)
            .await
    }

    /// logs:FilterLogEvents: one page of messages that match a filter pattern; an empty pattern matches all.
    pub async fn matching_log_events_page(
        &self,
        group: &str,
        since_ms: i64,
        until_ms: Option<i64>,
        pattern: &str,
        token: Option<String>,
    ) -> CallResult<Page<String>> {
        let pattern = (!pattern.is_empty()).then(|| pattern.to_owned());
        let page = self
            .filter(group, since_ms, until_ms, pattern, EVENTS_PAGE, token)
            .await?;
        Ok(messages(page))
    }

    async fn filter(
        &self,
        group: &str,
        since_ms: i64,
        until_ms: Option<i64>,
        pattern: Option<String>,
        limit: i32,
        token: Option<String>,
    ) -> CallResult<Page<LogLine>> {
        let answer = self
            .call(Operation::FilterLogEvents, |sdk| {
                sdk.logs
                    .filter_log_events()
                    .log_group_name(group)
                    .start_time(since_ms)
                    .set_end_time(until_ms)
                    .set_filter_pattern(pattern.clone())
                    .limit(limit)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
        Ok(Page {
            items: answer
                .events
                .unwrap_or_default()
                .into_iter()
                .filter_map(|event| {
                    Some(LogLine {
                        at_ms: event.timestamp.unwrap_or(since_ms),
                        message: event.message?,
                    })
                })
                .collect(),
            next: answer.next_token,
        })
    }
}

fn messages(page: Page<LogLine>) -> Page<String> {
    Page {
        items: page.items.into_iter().map(|line| line.message).collect(),
        next: page.next,
    }
}
