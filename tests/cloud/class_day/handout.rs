//! `handout` with the real binary: everybody who has a stack gets a page, and a secret only where it was asked for.

use std::fs;
use std::path::PathBuf;

use homeroom::ids::Username;
use homeroom::stack::vault::Vault;
use secrecy::ExposeSecret;

use super::*;

impl Day {
    fn handout(&self, name: &str) -> PathBuf {
        self.folder.path().join("reports/demo/handouts").join(name)
    }

    fn page(&self, name: &str) -> String {
        fs::read_to_string(self.handout(name)).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_with_a_stack_gets_a_handout_and_passwords_only_when_asked() {
    let day = Day::begin(&["user1", "user2", "user3"]).await;
    assert_eq!(day.json(&["deploy", "--students", "user1,user2"]).0, 0);

    let before = day.json(&["plan"]);
    let (code, document) = day.json(&["handout"]);
    assert_eq!(code, 3, "{document}");
    let said: Vec<_> = outcomes(&document);
    let word = |student: &str, word: &str| (student.to_owned(), word.to_owned());
    assert_eq!(
        said,
        [
            word("user1", "written"),
            word("user2", "written"),
            word("user3", "failed")
        ]
    );
    let error = &document["students"][2]["errors"][0];
    assert!(
        error["cause"]
            .as_str()
            .unwrap()
            .contains("user3-workflow-api"),
        "{error}"
    );
    let files = document["files"].as_array().unwrap();
    assert_eq!(files.len(), 5, "{files:?}");
    for file in files {
        assert!(
            day.folder.path().join(file.as_str().unwrap()).is_file(),
            "{file}"
        );
    }
    assert!(!day.handout("user3.html").exists());
    let page = day.page("user1.md");
    assert!(
        page.contains("/_aws/execute-api/") && page.contains("/process"),
        "{page}"
    );
    // This endpoint has no console, so nothing leads to one.
    assert!(
        !page.contains("console.aws.amazon.com") && !page.contains("signin"),
        "{page}"
    );
    assert_eq!(
        day.json(&["plan"]).1["students"],
        before.1["students"],
        "nothing was changed"
    );

    // Without credentials anywhere: a page without, and a note of who is missing.
    let (code, document) =
        day.json(&["handout", "--with-credentials", "--students", "user1,user2"]);
    assert_eq!(code, 0, "{document}");
    let notes = document["notes"].to_string();
    assert!(
        notes.contains("user1, user2") && notes.contains("access grant"),
        "{notes}"
    );

    assert_eq!(
        day.json(&["access", "grant", "--access-keys", "--students", "user1"])
            .0,
        0
    );
    let vault = Vault::of(&day.folder.path().join("reports"), &"demo".parse().unwrap());
    let student: Username = "user1".parse().unwrap();
    let credentials = vault.read(&student).unwrap().unwrap();
    let password = credentials.password.unwrap();
    let secret = credentials.access_key.unwrap().secret;
    let everywhere = |needle: &str| {
        let dir = fs::read_dir(day.handout("")).unwrap();
        let texts = dir.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
        let texts = texts.map(|text| text.replace("&#x2F;", "/"));
        texts.filter(|text| text.contains(needle)).count()
    };

    let chosen = ["--students", "user1,user2"];
    assert_eq!(day.json(&[&["handout"], &chosen[..]].concat()).0, 0);
    assert_eq!(everywhere(password.expose_secret()), 0);
    assert_eq!(everywhere(secret.expose_secret()), 0);
    // Who has a key is shown what it is good for.
    assert!(day.page("user1.md").contains("aws logs tail"));
    assert!(!day.page("user2.md").contains("aws logs tail"));

    let told = day.run(&[&["handout", "--with-credentials"], &chosen[..]].concat());
    let said = String::from_utf8(told.stdout).unwrap();
    assert!(
        said.contains("contains a password: give it to its student only"),
        "{said}"
    );
    assert!(!said.contains(password.expose_secret()), "{said}");
    // The student's page and Markdown, and the page to print.
    assert_eq!(everywhere(password.expose_secret()), 3);
    assert_eq!(everywhere(secret.expose_secret()), 3);
    assert!(!day.page("user2.html").contains(password.expose_secret()));
    let ignored = day.page(".gitignore");
    assert_eq!(ignored, "*\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn slips_have_every_password_here_name_who_has_none_and_go_with_access() {
    let day = Day::begin(&["user2", "user1", "user3"]).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    let chosen = ["--students", "user1,user2"];
    assert_eq!(day.json(&[&["access", "grant"], &chosen[..]].concat()).0, 0);
    let output = day.run(&["access", "slips"]);
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(3), "{said:?}");
    assert!(said.concat().contains("user3"), "{said:?}");

    let folder = day.folder.path().join("reports/demo");
    let vault = Vault::of(&day.folder.path().join("reports"), &"demo".parse().unwrap());
    let [page, table] = ["sign-in slips.html", "mail merge.csv"].map(|name| vault.dir().join(name));
    let rows = fs::read_to_string(&table).unwrap();
    let in_order = |text: &str| text.find("user2") < text.find("user1");
    assert!(
        in_order(&rows) && !rows.contains("user3"),
        "the roster's order"
    );
    for student in ["user1", "user2"] {
        let student: Username = student.parse().unwrap();
        let password = vault.read(&student).unwrap().unwrap().password.unwrap();
        let password = password.expose_secret();
        assert!(rows.contains(password) && rows.contains("/process"));
        assert!(fs::read_to_string(&page).unwrap().contains(password));
        assert!(!said.concat().contains(password));
        let runs = fs::read_dir(folder.join("runs")).unwrap();
        for run in runs
            .map(|run| run.unwrap().path())
            .filter(|run| run.is_file())
        {
            assert!(
                !fs::read_to_string(&run).unwrap().contains(password),
                "{run:?}"
            );
        }
    }
    #[cfg(unix)]
    for file in [&page, &table] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    let revoke = [
        "access",
        "revoke",
        "--students",
        "user1",
        "--confirm",
        "demo",
    ];
    assert_eq!(day.json(&revoke).0, 0);
    assert!(
        !page.exists() && !table.exists(),
        "they had user1's password"
    );
    assert!(vault.read(&"user2".parse().unwrap()).unwrap().is_some());
}
