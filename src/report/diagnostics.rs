//! Diagnostics: each call to AWS in one line, below the student, the step and the operation that it is for. Off unless
//! `-vv` or `--log-file` asks for them; see docs/troubleshooting.md.
//!
//! Only homeroom's own spans and events get through. The SDK and the HTTP stack tell the same subscriber of their
//! requests, down to headers and bodies, and those hold passwords and keys. homeroom's own name students, resources,
//! operations and AWS's request ids, never what was sent or answered.

use std::fs::File;
use std::io;
use std::sync::Mutex;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

/// What writes them to stderr, to a file, or to both.
pub fn subscriber(to_stderr: bool, file: Option<File>) -> impl Subscriber + Send + Sync {
    let own = Targets::new().with_target(env!("CARGO_CRATE_NAME"), LevelFilter::DEBUG);
    let stderr = to_stderr.then(|| fmt::layer().with_target(false).with_writer(io::stderr));
    let file = file.map(|file| {
        fmt::layer()
            .with_target(false)
            .with_writer(Mutex::new(file))
    });
    registry().with(stderr).with(file).with(own)
}
