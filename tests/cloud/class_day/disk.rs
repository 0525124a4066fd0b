//! A disk that is full when something is to be written.

use super::*;

impl Day {
    /// Runs a verb that can write no file longer than so many blocks: the system refuses the rest, as a full disk does.
    fn run_with_room_for(&self, blocks: u32, words: &[&str]) -> Output {
        let plain = self.command(words);
        // Ignored signals stay ignored in the program that takes the shell's place: writing fails with an error then.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg(plain.get_program());
        command.args(plain.get_args()).env_clear();
        for (key, value) in plain.get_envs() {
            command.env(key, value.unwrap());
        }
        let folder = plain.get_current_dir().unwrap();
        command.current_dir(folder).stdin(Stdio::null());
        command.output().unwrap()
    }

    /// Every file below the reports with its bytes.
    pub(super) fn reports(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().join("reports")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => {
                        files.push((path.display().to_string(), std::fs::read(&path).unwrap()))
                    }
                }
            }
        }
        files.sort();
        files
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_the_disk_has_no_room_for_leaves_the_one_before_whole() {
    let day = Day::begin(&["user1", "user2"]).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    assert_eq!(day.run(&["report"]).status.code(), Some(0));
    // Who was in the roster is remembered apart, as soon as it was read.
    let reports = || {
        let mut files = day.reports();
        files.retain(|(name, _)| !name.contains("/people-"));
        files
    };
    let before = reports();
    day.enrol(&["user1", "user2", "user3"]);
    let output = day.run_with_room_for(8, &["report"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("reports/demo") && said.contains("File too large"),
        "{said}"
    );
    assert_eq!(reports(), before);
    assert_eq!(day.run(&["report"]).status.code(), Some(0));
    assert_ne!(reports(), before);
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_goes_on_without_its_log_on_a_full_disk_and_says_so_once() {
    let day = Day::begin(&["user1"]).await;
    let output = day.run_with_room_for(1, &["deploy"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(
        said.matches("could not be written any further").count(),
        1,
        "{said}"
    );
    assert_eq!(day.everything().await, stacks_of(&["user1"]));
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_final_report_that_cannot_be_written_stops_the_teardown() {
    let day = Day::begin(&["user1", "user2"]).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    assert_eq!(day.run(&["report"]).status.code(), Some(0));
    let before = day.reports();
    let output = day.run_with_room_for(8, &["teardown", "--confirm", "demo"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("nothing was deleted"), "{said}");
    assert_eq!(day.everything().await, stacks_of(&["user1", "user2"]));
    assert_eq!(day.reports(), before);
    let without = ["teardown", "--confirm", "demo", "--no-final-report"];
    assert_eq!(day.json(&without).0, 0);
    assert_eq!(day.everything().await, Vec::<String>::new());
    day.cloud.stop().await.unwrap();
}
