//! `cargo bench --bench soak`: rehearsal after rehearsal of the built-in class of thirty, beside processes that want the
//! processor for themselves. Ends with an error when one rehearsal fails or takes longer than two minutes.
//!
//! `cargo bench --bench soak -- RUNS LOOPS`: 50 and 6, if nothing is said. What a rehearsal that failed left behind stays
//! below `target/tmp/soak/`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on says where it stopped; its table goes to stdout"
)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 50;
const LOOPS: usize = 6;
/// Longest that a rehearsal may take.
const LIMIT: Duration = Duration::from_secs(120);

/// A process that does nothing as fast as it can, until this is dropped.
struct Busy(Child);

impl Busy {
    fn start() -> Self {
        let mut command = Command::new("sh");
        Self(command.args(["-c", "while :; do :; done"]).spawn().unwrap())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        // It is there until it is killed and waited for.
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn main() -> ExitCode {
    let mut asked = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok());
    let runs = asked.next().unwrap_or(RUNS);
    let loops = asked.next().unwrap_or(LOOPS);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("soak");
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    // Installed before the time is taken, as on a machine that rehearsed before.
    let (_, first) = rehearse(&folder.join("first"));
    println!("alone: {:.1} s", first.as_secs_f64());
    println!(
        "{runs} rehearsals beside {loops} busy processes\n\n| run | seconds | outcome |\n|---|---|---|"
    );
    let _busy: Vec<Busy> = (0..loops).map(|_| Busy::start()).collect();
    let (mut failed, mut longest) = (0, Duration::ZERO);
    for run in 1..=runs {
        let place = folder.join(format!("run-{run}"));
        let (code, took) = rehearse(&place);
        longest = longest.max(took);
        let outcome = match code {
            Some(0) if took <= LIMIT => "done".to_owned(),
            Some(0) => format!("more than {} s", LIMIT.as_secs()),
            Some(code) => format!("exit code {code}: {}", place.display()),
            None => format!("killed: {}", place.display()),
        };
        println!("| {run} | {:.1} | {outcome} |", took.as_secs_f64());
        if outcome == "done" {
            fs::remove_dir_all(&place).unwrap();
        } else {
            failed += 1;
        }
    }
    println!(
        "\n{failed} of {runs} failed; the longest took {:.1} s",
        longest.as_secs_f64()
    );
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// One rehearsal in an empty folder: its exit code, and how long it took. What it said stays there.
fn rehearse(folder: &Path) -> (Option<i32>, Duration) {
    fs::create_dir(folder).unwrap();
    let said = fs::File::create(folder.join("said.txt")).unwrap();
    let began = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_homeroom"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env(
            "HOMEROOM_CACHE_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("cloud-cache"),
        )
        .env("HOMEROOM_STATE_DIR", folder.join("state"))
        .current_dir(folder)
        .arg("rehearse")
        .stdout(Stdio::from(said.try_clone().unwrap()))
        .stderr(Stdio::from(said))
        .status()
        .unwrap();
    (status.code(), began.elapsed())
}
