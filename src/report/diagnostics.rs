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
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

/// What writes them to stderr, to a file, or to both.
pub fn subscriber(to_stderr: bool, file: Option<File>) -> impl Subscriber + Send + Sync {
    let own = Targets::new().with_target(env!("CARGO_CRATE_NAME"), LevelFilter::DEBUG);
    // One layer for both: of two, each would add the request's id to the line that they share.
    let to = match (file.map(Mutex::new), to_stderr) {
        (Some(file), true) => BoxMakeWriter::new(file.and(io::stderr)),
        (Some(file), false) => BoxMakeWriter::new(file),
        (None, true) => BoxMakeWriter::new(io::stderr),
        (None, false) => BoxMakeWriter::new(io::sink),
    };
    // A line that cannot be written is lost. To tell of it on stderr would be a panic where nobody reads that.
    let lines = fmt::layer()
        .with_target(false)
        .log_internal_errors(false)
        .with_writer(to);
    registry().with(lines).with(own)
}
