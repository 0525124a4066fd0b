//! SIGKILL: a run that ends between any two instructions, with nobody to tidy up after it.

use std::time::Instant;

use super::*;

/// Students, the last with a name that begins like the first's.
const STUDENTS: [&str; 3] = ["user1", "user2", "user10"];

/// How many deployments, and how many teardowns, are killed.
const KILLS: u32 = 50;
/// Clouds among which they are shared out: a teardown mostly waits for log groups that come again.
const CLOUDS: u32 = 5;

/// Parts of a run's length, without a pattern and the same every time: multiples of the golden ratio.
fn parts(cloud: u32) -> impl Iterator<Item = f64> {
    let mine = (1..=KILLS).filter(move |n| n % CLOUDS == cloud);
    mine.map(|n| (f64::from(n) * 0.618_033_988_75).fract())
}

impl Day {
    /// Runs a verb and kills it at that moment; whether it was still running then.
    fn kill_after(&self, moment: Duration, words: &[&str]) -> bool {
        let mut child = self.spawn(words);
        std::thread::sleep(moment);
        let running = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        running
    }

    /// How long a verb takes when nobody kills it.
    fn length_of(&self, words: &[&str]) -> Duration {
        let began = Instant::now();
        assert_eq!(self.json(words).0, 0, "{words:?}");
        began.elapsed()
    }
}

/// Kills one cloud's part of the deployments and teardowns; how many were still running then.
async fn kills_in(cloud: u32) -> (u32, u32) {
    let teardown = ["teardown", "--confirm", "demo"];
    let day = Day::begin(&STUDENTS).await;
    let witness = day.witness().await;
    let theirs = "/aws/lambda/user11-process-data";
    witness
        .create_log_group(theirs, &Default::default())
        .await
        .unwrap();
    let mut full = stacks_of(&STUDENTS);
    full.push(theirs.to_owned());
    full.sort();

    let (mut up, mut down) = (day.length_of(&["deploy"]), day.length_of(&teardown));
    let mut killed = (0, 0);
    for part in parts(cloud) {
        let (early, late) = (up.mul_f64(part), down.mul_f64(part));
        match day.kill_after(early, &["deploy"]) {
            true => killed.0 += 1,
            // A busy machine took longer for the first one: this one had ended by then.
            false => up = early,
        }
        let (code, deployed) = day.json(&["deploy"]);
        assert_eq!(code, 0, "killed at {early:?}: {deployed}");
        assert_eq!(
            outcomes(&deployed).len(),
            STUDENTS.len(),
            "killed at {early:?}"
        );
        assert_eq!(day.everything().await, full, "killed at {early:?}");
        assert_eq!(
            day.json(&["plan", "--exit-code"]).0,
            0,
            "killed at {early:?}"
        );

        match day.kill_after(late, &teardown) {
            true => killed.1 += 1,
            false => down = late,
        }
        let (code, removed) = day.json(&teardown);
        assert_eq!(code, 0, "killed at {late:?}: {removed}");
        assert_eq!(day.everything().await, [theirs], "killed at {late:?}");
    }
    day.cloud.stop().await.unwrap();
    killed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 5)]
async fn runs_killed_at_fifty_random_moments_are_finished_by_the_next() {
    let mut clouds = tokio::task::JoinSet::new();
    (0..CLOUDS).for_each(|cloud| drop(clouds.spawn(kills_in(cloud))));
    let mut killed = (0, 0);
    while let Some(part) = clouds.join_next().await {
        let (up, down) = part.unwrap();
        killed = (killed.0 + up, killed.1 + down);
    }
    // Most of them must have been killed in the middle of it, or nothing was tried.
    assert!(killed.0 * 2 > KILLS && killed.1 * 2 > KILLS, "{killed:?}");
}
