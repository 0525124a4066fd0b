//! Does what a plan says, paced, cancellable, and tells it in events. Knows the cloud only by its port.

pub mod port;
