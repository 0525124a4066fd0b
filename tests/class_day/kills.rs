//! SIGKILL: a run that ends between any two instructions, with nobody to tidy up after it.

use std::time::Instant;

use super::*;

/// Students, the last with a name that begins like the first's.
const STUDENTS: [&str; 3] = ["user1", "user2", "user10"];

/// How many deployments and teardowns are killed: `HOMEROOM_TEST_KILLS`, or a few. Each costs some ten seconds.
fn kills() -> u32 {
    let set = std::env::var("HOMEROOM_TEST_KILLS").ok();
    set.map_or(5, |n| n.parse().unwrap())
}

/// Points in time over a run's length, without a pattern and the same every time: multiples of the golden ratio.
fn moments(length: Duration) -> impl Iterator<Item = Duration> {
    (1..=kills()).map(move |n| length.mul_f64((f64::from(n) * 0.618_033_988_75).fract()))
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

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_deployments_and_teardowns_are_finished_by_running_them_again() {
    let teardown = ["teardown", "--confirm", "demo"];
    let day = Day::begin(&STUDENTS).await;
    let cloud = day.witness().await;
    let theirs = "/aws/lambda/user11-process-data";
    cloud
        .create_log_group(theirs, &Default::default())
        .await
        .unwrap();
    let mut full = stacks_of(&STUDENTS);
    full.push(theirs.to_owned());
    full.sort();

    let (up, down) = (day.length_of(&["deploy"]), day.length_of(&teardown));
    let mut killed = (0, 0);
    for (early, late) in moments(up).zip(moments(down)) {
        killed.0 += u32::from(day.kill_after(early, &["deploy"]));
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

        killed.1 += u32::from(day.kill_after(late, &teardown));
        let (code, removed) = day.json(&teardown);
        assert_eq!(code, 0, "killed at {late:?}: {removed}");
        assert_eq!(day.everything().await, [theirs], "killed at {late:?}");
    }
    // Most of them must have been killed in the middle of it, or nothing was tried.
    assert!(
        killed.0 * 2 > kills() && killed.1 * 2 > kills(),
        "{killed:?}"
    );
    day.cloud.stop().await.unwrap();
}
