//! Diagnostics: one line for each call to AWS, with its student, step and operation. Only with `-vv` or `--log-file`; see
//! docs/troubleshooting.md.
//!
//! Only homeroom's own spans and events are written. The SDK and the HTTP stack send theirs to the same subscriber, with
//! headers and bodies, which hold passwords and keys. homeroom's own have students, resources, operations and AWS's
//! request ids, never what was sent or answered.

use std::fs::File;
use std::io;
use std::sync::Mutex;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

/// Writes diagnostics to stderr, to a file, or to both.
pub fn subscriber(to_stderr: bool, file: Option<File>) -> impl Subscriber + Send + Sync {
    let own = Targets::new().with_target(env!("CARGO_CRATE_NAME"), LevelFilter::DEBUG);
    // One layer for both: with two, the request's id would be on each line twice.
    let to = match (file.map(Mutex::new), to_stderr) {
        (Some(file), true) => BoxMakeWriter::new(file.and(io::stderr)),
        (Some(file), false) => BoxMakeWriter::new(file),
        (None, true) => BoxMakeWriter::new(io::stderr),
        (None, false) => BoxMakeWriter::new(io::sink),
    };
    // A line that cannot be written is lost. An error message on a closed stderr would be a panic.
    let lines = fmt::layer()
        .with_target(false)
        .log_internal_errors(false)
        .with_writer(to);
    registry().with(lines).with(own)
}
