//! The command line of homeroom.

fn main() {}
