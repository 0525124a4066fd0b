//! Others at work in the same account at the same time, with the real binary: another instructor, and credentials that end.

use homeroom::strict::{Fault, Rule};

use super::*;

const STUDENTS: [&str; 3] = ["user1", "user2", "user10"];
const TEARDOWN: &[&str] = &["teardown", "--confirm", "demo"];

/// The exit code and the document of a run that was begun with `--output json`.
fn end_of(child: Child) -> (i32, Value) {
    let output = child.wait_with_output().unwrap();
    let document = serde_json::from_slice(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    let document = document.unwrap_or_else(|e| panic!("{e}: {said}"));
    json_schemas::check(&document);
    (output.status.code().unwrap(), document)
}

impl Day {
    /// Begins a verb on another instructor's computer: nothing but the account is shared.
    fn elsewhere(&self, folder: &Path, words: &[&str]) -> Child {
        std::fs::copy(self.folder.path().join("demo.csv"), folder.join("demo.csv")).unwrap();
        let mut command = self.command(&[words, &["--output", "json"]].concat());
        command.current_dir(folder);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instructors_at_once_hear_of_everybody_and_leave_one_of_each() {
    let day = Day::begin(&STUDENTS).await;
    let desks = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let theirs = "/aws/lambda/user11-process-data";
    let witness = day.witness().await;
    witness
        .create_log_group(theirs, &Default::default())
        .await
        .unwrap();
    let mut full = stacks_of(&STUDENTS);
    full.push(theirs.to_owned());
    full.sort();
    // How much later the second one begins.
    for head_start in [0, 60, 200, 500] {
        for (words, well, left) in [
            (&["deploy"][..], "deployed", &full),
            (TEARDOWN, "removed", &vec![theirs.to_owned()]),
        ] {
            let first = day.elsewhere(desks[0].path(), words);
            std::thread::sleep(Duration::from_millis(head_start));
            let second = day.elsewhere(desks[1].path(), words);
            for (code, document) in [end_of(first), end_of(second)] {
                let told = outcomes(&document);
                // A run that found nothing to do any more has nobody to tell of.
                let names: Vec<&String> = told.iter().map(|(name, _)| name).collect();
                assert!(names.is_empty() || names == STUDENTS, "{document}");
                // The code is that of the worst outcome, and never says more than is so.
                let all_well = told.iter().all(|(_, o)| o == well || o == "unchanged");
                assert_eq!(code == 0, all_well, "{head_start} ms: {document}");
            }
            let (code, last) = day.json(words);
            assert_eq!(code, 0, "{head_start} ms: {last}");
            assert_eq!(day.everything().await, *left, "{words:?} {head_start} ms");
        }
    }
    day.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_expire_end_a_run_with_outcomes_the_next_finishes() {
    let day = Day::begin_behind_proxy(&STUDENTS).await;
    let expired = || Fault::Error {
        status: 403,
        code: "ExpiredTokenException",
        message: "The security token included in the request is expired",
    };
    let model = || day.between.as_ref().unwrap().model();
    for (words, operation, expected) in [
        (&["deploy"][..], "lambda:CreateFunction", 3),
        (TEARDOWN, "lambda:DeleteFunction", 5),
    ] {
        // From one call in the middle on, no call passes any more.
        let counted = || model().counts().get(operation).map_or(0, |c| c.calls);
        let before = counted();
        model().inject(Rule::on(operation).skip(2).fault(expired()));
        let (code, document) = day.json(words);
        model().heal();
        assert!(counted() > before + 2, "it was reached");
        assert_eq!(code, expected, "{document}");
        let names = outcomes(&document).into_iter().map(|(name, _)| name);
        assert_eq!(names.collect::<Vec<_>>(), STUDENTS, "{document}");
        assert!(document.to_string().contains("ign in again"), "{document}");
        let there = day.everything().await;
        let once: BTreeSet<&String> = there.iter().collect();
        assert_eq!(once.len(), there.len(), "{there:?}");
        let (code, finished) = day.json(words);
        assert_eq!(code, 0, "{finished}");
    }
    assert_eq!(day.everything().await, Vec::<String>::new());
    day.cloud.stop().await.unwrap();
}
