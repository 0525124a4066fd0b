//! Ctrl-C, and a request to end the process, as a stream that the dispatcher reads.

use futures::Stream;
use futures::stream;
use tokio::sync::mpsc;

/// One item for each Ctrl-C or SIGTERM. Installs its handlers at once, so that none is lost.
pub(super) fn interrupts() -> impl Stream<Item = ()> {
    let (sender, receiver) = mpsc::unbounded_channel();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            let sender = sender.clone();
            // Without a handler the signal simply ends the process, which a re-run mends.
            if let Ok(mut signals) = signal(kind) {
                tokio::spawn(async move {
                    while signals.recv().await.is_some() && sender.send(()).is_ok() {}
                });
            }
        }
    }
    #[cfg(not(unix))]
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() && sender.send(()).is_ok() {}
    });
    stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (item, receiver))
    })
}
