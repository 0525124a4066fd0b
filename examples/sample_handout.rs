//! Writes the handouts and the slips of three made-up students, to look at: `cargo run --example sample_handout -- DIR`.

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
    let slips = ["sign-in slips.html", "mail merge.csv"].map(|name| dir.join(name));
    for (path, bytes) in slips.iter().zip(sample.slips()) {
        std::fs::write(path, bytes)?;
    }
    let mut out = std::io::stdout().lock();
    use std::io::Write as _;
    for file in written.all().chain(slips.iter().map(PathBuf::as_path)) {
        writeln!(out, "{}", file.display())?;
    }
    Ok(())
}
