//! Writes the handouts of three made-up students, to look at: `cargo run --example sample_handout -- DIR`.

use std::path::PathBuf;

use homeroom::report::handout;

#[path = "../tests/handout_sample/mod.rs"]
mod handout_sample;

use handout_sample::{Sample, student};

fn main() -> std::io::Result<()> {
    let dir: PathBuf = std::env::args().nth(1).unwrap_or("target".into()).into();
    let sample = Sample::of(vec![
        student("user1", "Amara Okafor", "Evening"),
        student("user2", "Liam O’Connor", "Evening"),
        student("user3", "", ""),
    ]);
    let written = handout::write(&dir, &sample.class(), &sample.handouts(true), true)?;
    let mut out = std::io::stdout().lock();
    use std::io::Write as _;
    for file in written.all() {
        writeln!(out, "{}", file.display())?;
    }
    Ok(())
}
