//! Many things at once, their answers in the order of the questions.

use std::future::Future;

use futures::stream::{self, StreamExt};

/// Works on all items, `at_once` of them at a time. A slow one holds up nobody but itself.
pub(crate) async fn in_order<I, O, F>(
    items: impl IntoIterator<Item = I>,
    at_once: usize,
    work: impl Fn(I) -> F,
) -> Vec<O>
where
    F: Future<Output = O>,
{
    let work = &work;
    let mut answers: Vec<(usize, O)> = stream::iter(items.into_iter().enumerate())
        .map(|(index, item)| async move { (index, work(item).await) })
        .buffer_unordered(at_once)
        .collect()
        .await;
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn answers_come_in_the_order_of_the_questions_whoever_was_faster() {
        let slower_first = |n: u64| async move {
            tokio::time::sleep(Duration::from_secs(10 - n)).await;
            n
        };
        assert_eq!(in_order(0..5, 3, slower_first).await, [0, 1, 2, 3, 4]);
    }
}
