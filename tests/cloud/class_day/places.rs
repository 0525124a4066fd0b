//! One class at two and three places: embedded clouds of different accounts, and one of them that goes away.

use homeroom::stack::kinds::role;
use homeroom::strict::{Fault, Rule};

use super::*;

const EAST: &str = "111111111111";
const WEST: &str = "222222222222";
const NORTH: &str = "333333333333";
const TWO: &[(&str, &str)] = &[("east", EAST), ("west", WEST)];
const THREE: &[(&str, &str)] = &[("east", EAST), ("west", WEST), ("north", NORTH)];

/// Clouds, a folder with settings and a roster, and the binary.
pub(super) struct Places {
    clouds: Vec<PrivateCloud>,
    folder: TempDir,
}

async fn cloud(folder: &Path, account: &'static str) -> PrivateCloud {
    let state = folder.join(format!("cloud-{account}"));
    std::fs::create_dir_all(&state).unwrap();
    let dirs = Dirs {
        cache: Path::new(env!("CARGO_TARGET_TMPDIR")).join("cloud-cache"),
        state,
        python: None,
        path: std::env::var_os("PATH").unwrap(),
    };
    let options = PrivateOptions {
        account: Some(account),
        ..PrivateOptions::default()
    };
    LocalCloud::new(dirs)
        .start_private(options, &mut |_| {})
        .await
        .unwrap()
}

impl Places {
    pub(super) async fn begin(roster: &str) -> Self {
        Self::begin_at(TWO, roster).await
    }

    async fn begin_at(names: &[(&str, &'static str)], roster: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let started = names
            .iter()
            .map(|(_, account)| cloud(folder.path(), account));
        let clouds = futures::future::join_all(started).await;
        let mut settings =
            "class = \"demo\"\nroster = \"demo.csv\"\nquota-scale = \"off\"\n".to_owned();
        let mut keys = String::new();
        for ((name, _), cloud) in names.iter().zip(&clouds) {
            let endpoint = cloud.endpoint();
            settings += &format!(
                "[[place]]\nname = \"{name}\"\nprofile = \"{name}\"\nregion = \"us-east-1\"\nendpoint-url = \"{}\"\n\
                 invoke-base = \"{}\"\n",
                endpoint.url, endpoint.invoke_base
            );
            keys += &format!(
                "[{name}]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
                endpoint.access_key, endpoint.secret_key
            );
        }
        let places = Self { clouds, folder };
        places.write("homeroom.toml", &settings);
        places.write("credentials", &keys);
        places.enrol(roster);
        places
    }

    /// Puts a proxy before a cloud: once it is dropped, the place cannot be reached.
    pub(super) async fn behind_proxy(&self, cloud: usize) -> Proxy {
        let options = Options {
            quotas: false,
            scale: 1000.0,
            ..Options::default()
        };
        let url = &self.clouds[cloud].endpoint().url;
        let proxy = Proxy::start(url, options).await.unwrap();
        self.reach(&self.clouds[cloud].endpoint().url, &proxy.url());
        proxy
    }

    /// Lets a place assume a role of its account, with the class's own credentials.
    async fn assume_role_at(&self, name: &str, cloud: usize) {
        let trust = serde_json::json!({"Version": "2012-10-17", "Statement":
            [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]});
        let policy = serde_json::json!({"Version": "2012-10-17", "Statement":
            [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
        let role = role::Spec {
            name: "teaching".into(),
            trust: trust.into(),
            policy: policy.into(),
            boundary: None,
            until: None,
        };
        let client = self.client(cloud).await;
        client
            .create_role(&role, "/", &Default::default())
            .await
            .unwrap();
        let (name_of_role, policy) = (&role.name, &role.policy);
        client
            .put_role_policy(name_of_role, "all", policy)
            .await
            .unwrap();
        let account = THREE[cloud].1;
        let own = format!("\nprofile = \"{name}\"\nregion");
        let assumed = format!("\nrole_arn = \"arn:aws:iam::{account}:role/teaching\"\nregion");
        let settings = self.settings().replace(&own, &assumed);
        self.write(
            "homeroom.toml",
            &format!("profile = \"{name}\"\n{settings}"),
        );
    }

    /// Puts another endpoint into the settings.
    fn reach(&self, old: &str, new: &str) {
        let of = |url: &str| format!("endpoint-url = \"{url}\"");
        self.write(
            "homeroom.toml",
            &self.settings().replace(&of(old), &of(new)),
        );
    }

    /// Writes the roster: usernames with commas and places.
    fn enrol(&self, rows: &str) {
        let rows = rows.replace(' ', "\n");
        let roster = format!("username,place\n{rows}\n");
        std::fs::write(self.folder.path().join("demo.csv"), roster).unwrap();
    }

    pub(super) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_homeroom"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.folder.path())
            .env("AWS_CONFIG_FILE", self.folder.path().join("config"))
            .env(
                "AWS_SHARED_CREDENTIALS_FILE",
                self.folder.path().join("credentials"),
            )
            .current_dir(self.folder.path())
            .args(words.split(' '))
            .stdin(Stdio::null());
        command
    }

    /// The exit code, the document, and what was said.
    pub(super) fn json(&self, words: &str) -> (i32, Value, String) {
        let mut command = self.command(words);
        let output = command.args(["--output", "json"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{words}: {error}\n{said}"));
        json_schemas::check(&document);
        (output.status.code().unwrap(), document, said)
    }

    async fn client(&self, cloud: usize) -> Client {
        let endpoint = self.clouds[cloud].endpoint();
        connect(ConnectOptions {
            region: "us-east-1".into(),
            endpoint_url: Some(endpoint.url.clone()),
            credentials: Some((endpoint.access_key.clone(), endpoint.secret_key.clone())),
            ..ConnectOptions::default()
        })
        .await
    }

    /// How many roles of homeroom's are there.
    async fn roles(&self, cloud: usize) -> usize {
        let client = self.client(cloud).await;
        let principals = all(|t| client.principals_page(t)).await;
        let roles = principals
            .iter()
            .filter(|p| matches!(p, Principal::Role(role) if role.path.starts_with("/homeroom/")));
        roles.count()
    }
}

pub(super) fn student<'a>(document: &'a Value, name: &str) -> &'a Value {
    let students = document["students"].as_array().unwrap();
    students.iter().find(|s| s["username"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_at_two_places_goes_through_its_day_and_outlasts_a_loss() {
    let mut day = Places::begin("ana,east ben,west cleo,").await;
    let (code, plan, said) = day.json("plan --exit-code");
    assert_eq!((code, all_are(&plan, "changes")), (6, true), "{said}");
    assert_eq!(plan["places"].as_array().unwrap().len(), 2, "{plan}");

    let (code, deployed, said) = day.json("deploy");
    assert_eq!(
        (code, all_are(&deployed, "deployed")),
        (0, true),
        "{said} {deployed}"
    );
    let order: Vec<String> = outcomes(&deployed)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(order, ["ana", "ben", "cleo"], "in the roster's order");
    assert_eq!(
        (
            &student(&deployed, "ana")["place"],
            &student(&deployed, "ben")["place"]
        ),
        (&Value::from("east"), &Value::from("west"))
    );
    let made = (day.roles(0).await, day.roles(1).await);
    assert_eq!(made.0 + made.1, 9, "{made:?}");
    assert!(made.0 >= 3 && made.1 >= 3, "{made:?}");
    let accounts: Vec<&str> = deployed["places"]
        .as_array()
        .unwrap()
        .iter()
        .map(|place| place["account"]["id"].as_str().unwrap())
        .collect();
    assert_eq!(accounts, [EAST, WEST]);

    // The same again does nothing, and a new student moves nobody.
    let (code, again, said) = day.json("deploy");
    assert_eq!((code, all_are(&again, "unchanged")), (0, true), "{said}");
    day.enrol("dora, ana,east ben,west cleo,");
    let (code, more, said) = day.json("deploy");
    assert_eq!(code, 0, "{said}");
    assert_eq!(student(&more, "dora")["outcome"], "deployed");
    assert_eq!(student(&more, "cleo")["outcome"], "unchanged");
    assert_eq!((day.roles(0).await, day.roles(1).await), (6, 6), "evenly");

    let (code, validated, said) = day.json("validate");
    assert_eq!(
        (code, all_are(&validated, "passed")),
        (0, true),
        "{said} {validated}"
    );
    let (code, status, said) = day.json("status");
    assert_eq!(
        (code, all_are(&status, "not-started")),
        (0, true),
        "{said} {status}"
    );

    // One cloud goes away.
    let west = day.clouds.pop().unwrap();
    west.stop().await.unwrap();
    let (code, status, said) = day.json("status");
    assert_eq!(code, 1, "{said}");
    assert_eq!(student(&status, "ana")["outcome"], "not-started");
    let ben = student(&status, "ben");
    assert_eq!(ben["outcome"], "unknown", "{status}");
    assert_eq!(ben["place"], "west");
    assert!(ben["errors"][0]["cause"].is_string(), "{ben}");
    let beside = ben.to_string();
    assert!(beside.contains("at the last reading, 20"), "{ben}");
    let lost = &status["places"][1];
    assert!(
        lost["name"] == "west" && lost["account"]["id"] == WEST,
        "{lost}"
    );
    assert!(lost["unreached"].is_string(), "{lost}");
    let (code, report, said) = day.json("report");
    assert_eq!(
        (code, &student(&report, "ben")["outcome"]),
        (1, &Value::from("unknown")),
        "{said}"
    );
    let (code, again, said) = day.json("deploy");
    assert_eq!(code, 3, "{said}");
    assert_eq!(student(&again, "ben")["outcome"], "unknown");
    assert_eq!(student(&again, "ana")["outcome"], "unchanged");

    // A teardown that cannot look everywhere is never complete.
    let (code, torn, said) = day.json("teardown --confirm demo");
    assert_eq!(code, 5, "{said} {torn}");
    assert_eq!(student(&torn, "ana")["outcome"], "removed", "{torn}");
    assert_eq!(student(&torn, "ben")["outcome"], "remains", "{torn}");
    assert_eq!(day.roles(0).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_confirmation_takes_all_places_down_and_a_name_chooses_one() {
    let day = Places::begin("ana,east ben,west cleo,west").await;
    assert_eq!(day.json("deploy").0, 0);
    let (code, refused, _) = day.json("teardown");
    assert_eq!(code, 7, "{refused}");
    assert_eq!((day.roles(0).await, day.roles(1).await), (3, 6));

    // A stack stands where it is, whatever the roster says later.
    day.enrol("ana,west ben,west cleo,west");
    let (code, moved, said) = day.json("deploy");
    assert_eq!(
        (code, &student(&moved, "ana")["outcome"]),
        (3, &Value::from("conflict")),
        "{said}"
    );
    assert_eq!((day.roles(0).await, day.roles(1).await), (3, 6));
    let (code, torn, said) = day.json("teardown --place east --confirm demo");
    assert_eq!(code, 0, "{said} {torn}");
    assert_eq!(outcomes(&torn), [("ana".to_owned(), "removed".to_owned())]);
    assert_eq!((day.roles(0).await, day.roles(1).await), (0, 6));
    let (code, moved, said) = day.json("deploy");
    assert_eq!(
        (code, &student(&moved, "ana")["place"]),
        (0, &Value::from("west")),
        "{said}"
    );

    let (code, torn, said) = day.json("teardown --confirm demo");
    assert_eq!(
        (code, all_are(&torn, "removed")),
        (0, true),
        "{said} {torn}"
    );
    assert_eq!((day.roles(0).await, day.roles(1).await), (0, 0));
    let report = std::fs::read(day.folder.path().join("reports/demo/report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    json_schemas::check(&report);
    assert_eq!(student(&report, "ben")["place"], "west", "the final report");
}

impl Places {
    fn settings(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("homeroom.toml")).unwrap()
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.path().join(file), text).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_at_three_places_outlasts_a_kill_a_loss_and_a_change() {
    let day = Places::begin_at(THREE, "ana,east ben,west cleo,north dora,").await;
    day.assume_role_at("north", 2).await;
    let roles = async || [day.roles(0).await, day.roles(1).await, day.roles(2).await];
    // Killed in the middle of it.
    let mut deploy = day.command("deploy");
    let mut deploy = deploy
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = async || roles().await.iter().sum::<usize>() >= 1;
    while !begun().await && deploy.try_wait().unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    deploy.kill().unwrap();
    assert!(!deploy.wait().unwrap().success(), "it was not at its end");
    let (code, again, said) = day.json("deploy");
    assert_eq!(code, 0, "{said} {again}");
    let mut rest = outcomes(&again).into_iter();
    let finished = rest.any(|(_, outcome)| outcome == "deployed");
    assert!(finished, "it was killed before it had made all: {again}");
    let home = |document: &Value, name: &str| {
        student(document, name)["place"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        ["ana", "ben", "cleo"].map(|name| home(&again, name)),
        ["east", "west", "north"]
    );
    let full = roles().await;
    assert_eq!(full.iter().sum::<usize>(), 12, "each once: {full:?}");
    assert!(full.iter().all(|roles| [3, 6].contains(roles)), "{full:?}");

    // One joins, and one leaves.
    let dora = home(&again, "dora");
    day.enrol("emil, ana,east ben,west dora,");
    let (code, joined, said) = day.json("deploy");
    assert_eq!(code, 0, "{said} {joined}");
    assert_eq!(home(&joined, "dora"), dora);
    assert_ne!(home(&joined, "emil"), dora, "evenly");
    let left = joined["left"].to_string();
    assert!(left.contains("cleo") && left.contains("north"), "{left}");
    let (code, torn, said) = day.json("teardown --left --confirm demo");
    assert_eq!(code, 0, "{said} {torn}");
    assert_eq!(outcomes(&torn), [("cleo".to_owned(), "removed".to_owned())]);
    assert_eq!(roles().await.iter().sum::<usize>(), 12);

    // West answers less and less. The pages of the others are made.
    let proxy = day.behind_proxy(1).await;
    let url = proxy.url();
    let denied = Rule::on("apigateway:GetRestApis").fault(Fault::AccessDenied);
    proxy.model().inject(denied);
    let (code, pages, said) = day.json("handout");
    assert_eq!(code, 3, "{said} {pages}");
    assert_eq!(student(&pages, "ana")["outcome"], "written", "{pages}");
    assert_eq!(student(&pages, "ben")["outcome"], "unknown", "{pages}");
    let page = |name: &str| day.folder.path().join("reports/demo/handouts").join(name);
    assert!(page("ana.html").exists() && !page("ben.html").exists());
    assert!(!page("all students.html").exists(), "they are not all");
    proxy.model().heal();
    assert_eq!(day.json("handout").0, 0);
    assert!(page("ben.html").exists() && page("all students.html").exists());

    // West goes away. Alone, it is known to remain.
    drop(proxy);
    assert_eq!(day.json("handout").0, 3);
    let (code, alone, _) = day.json("teardown --place west --confirm demo");
    assert_eq!(code, 5, "{alone}");
    let (code, torn, said) = day.json("teardown --confirm demo");
    assert_eq!(code, 5, "{said} {torn}");
    assert_eq!(student(&torn, "ana")["outcome"], "removed");
    assert_eq!(student(&torn, "ben")["outcome"], "remains");
    let west = roles().await;
    assert!(west[0] == 0 && west[1] >= 3 && west[2] == 0, "{west:?}");

    // It is back, and so is who left.
    day.reach(&url, &day.clouds[1].endpoint().url);
    day.enrol("ben, cleo,");
    let (code, anew, said) = day.json("deploy");
    assert_eq!(
        (code, home(&anew, "ben")),
        (0, "west".to_owned()),
        "{said} {anew}"
    );
    let (code, torn, said) = day.json("teardown --confirm demo");
    assert_eq!(code, 0, "{said} {torn}");
    assert_eq!(roles().await, [0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_settings_lost_or_moved_is_neither_empty_nor_made_twice() {
    let day = Places::begin("ana,east ben,west").await;
    assert_eq!(day.json("deploy").0, 0);
    let whole = day.settings();

    // Chosen students who are all at the other place.
    let (code, none, _) = day.json("teardown --students ana --place west --confirm demo");
    assert_eq!(code, 4, "{none}");
    assert!(none.to_string().contains("ana is at east"), "{none}");

    // One of the named students is there, and the other is not.
    let (code, mixed, _) = day.json("validate --students ana,ben --place west");
    assert_eq!(code, 4, "{mixed}");
    assert!(mixed.to_string().contains("ana is at east"), "{mixed}");

    // A roster that a browser saved a second time names no class; whose copy it is stands.
    let copy = day.folder.path().join("demo(1).csv");
    std::fs::copy(day.folder.path().join("demo.csv"), copy).unwrap();
    day.write(
        "homeroom.toml",
        &whole.replacen("class = \"demo\"\n", "", 1),
    );
    for words in ["plan", "deploy", "teardown --confirm demo"] {
        let (code, refused, said) = day.json(&format!("{words} --roster demo(1).csv"));
        assert_eq!(code, 7, "{words}: {said} {refused}");
        let why = "these stacks are class demo: add --class demo";
        assert!(refused.to_string().contains(why), "{words}: {refused}");
    }
    day.write("homeroom.toml", &whole);

    // West has another account now, as with a wrong profile.
    let file = "reports/demo/places.json";
    let kept = std::fs::read_to_string(day.folder.path().join(file)).unwrap();
    day.write(file, &kept.replace(WEST, "333333333333"));
    let (code, status, said) = day.json("status");
    assert_eq!(code, 1, "{said}");
    assert_eq!(student(&status, "ana")["outcome"], "not-started");
    assert_eq!(student(&status, "ben")["outcome"], "unknown", "{status}");
    for (words, exit) in [("classes", 1), ("sweep", 1), ("sweep --confirm", 5)] {
        let (code, listed, said) = day.json(words);
        assert_eq!(code, exit, "{words}: {said} {listed}");
        let why = listed["places"][1]["unreached"].as_str().unwrap();
        assert!(why.contains("was last in account 333333333333"), "{why}");
    }
    let (code, revoked, _) = day.json("access revoke --confirm demo");
    assert_eq!(code, 5, "{revoked}");
    let moved = std::fs::read_to_string(day.folder.path().join(file)).unwrap();
    assert!(moved.contains("333333333333"), "{moved}");
    day.write(file, &kept);

    // Somebody goes on in another account than the one where the stack was last.
    day.write(file, &kept.replace(WEST, NORTH));
    let of_students = "reports/demo/student-places.json";
    let known = std::fs::read_to_string(day.folder.path().join(of_students)).unwrap();
    day.write(of_students, &known.replace(WEST, NORTH));
    let (code, torn, said) = day.json("teardown --students ben --confirm demo");
    assert_eq!(code, 5, "{said} {torn}");
    let notes = torn["notes"].to_string();
    assert!(
        notes.contains("PLACE west WAS account 333333333333"),
        "{notes}"
    );
    day.write(file, &kept);
    day.write(of_students, &known);
    assert_eq!(day.json("deploy").0, 0);

    // No places any more, in the account of one of them.
    let (general, places) = whole.split_once("[[place]]").unwrap();
    let east = places.split("[[place]]").next().unwrap();
    let keys = ["profile", "region", "endpoint-url", "invoke-base"];
    let lines = east.lines();
    let alone = lines.filter(|line| keys.iter().any(|key| line.starts_with(key)));
    let alone: Vec<&str> = alone.collect();
    day.enrol("ana, ben,");
    day.write("homeroom.toml", &format!("{general}{}\n", alone.join("\n")));
    for words in ["deploy", "teardown --confirm demo", "status"] {
        let (code, refused, _) = day.json(words);
        assert_eq!(code, 7, "{words}: {refused}");
        assert!(refused.to_string().contains(WEST), "{refused}");
    }
    assert_eq!((day.roles(0).await, day.roles(1).await), (3, 3));

    // West has left the settings, with its student, who has left the roster.
    day.enrol("ana,");
    day.write("homeroom.toml", &format!("{general}[[place]]{east}"));
    let (code, torn, said) = day.json("teardown --confirm demo");
    assert_eq!(code, 5, "{said} {torn}");
    assert_eq!(student(&torn, "ana")["outcome"], "removed", "{torn}");
    let notes = torn["notes"].to_string();
    assert!(
        notes.contains("PLACE west IS NOT IN homeroom.toml"),
        "{notes}"
    );

    // Before it had places, the class was deployed somewhere else.
    let before =
        "{\"account\":\"333333333333\",\"region\":\"us-east-1\",\"at\":\"2026-01-01T00:00:00Z\"}";
    day.write("reports/demo/place.json", before);
    let (code, again, said) = day.json("deploy");
    assert_eq!(code, 3, "{said}");
    assert_eq!(student(&again, "ana")["outcome"], "unknown", "{again}");
    assert_eq!((day.roles(0).await, day.roles(1).await), (0, 3));

    // With west back, one place alone is taken down, and the other is told of.
    day.write("homeroom.toml", &whole);
    let (code, torn, said) = day.json("teardown --place east --confirm demo");
    assert_eq!(code, 5, "{said} {torn}");
    assert_eq!(student(&torn, "ana")["outcome"], "remains", "{torn}");
    let notes = torn["notes"].to_string();
    assert!(notes.contains("1 student known at place west"), "{notes}");
    let (code, torn, _) = day.json("teardown --confirm demo");
    assert_eq!(code, 5, "{torn}");
    assert_eq!((day.roles(0).await, day.roles(1).await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_goes_over_every_place_and_says_which_it_could_not() {
    let day = Places::begin("ana,east ben,west").await;
    let settings = day.settings();
    for ends in ["2099-12-01T18:00:00Z", "2020-12-01T18:00:00Z"] {
        day.write("homeroom.toml", &format!("ends = {ends}\n{settings}"));
        let (code, deployed, said) = day.json("deploy");
        assert_eq!(code, 0, "{said} {deployed}");
    }
    let standing = |document: &Value| -> Vec<String> {
        let classes = document["classes"].as_array().unwrap().iter();
        let words = classes.map(|class| {
            let word = |key: &str| class[key].as_str().unwrap_or("-").to_owned();
            [
                word("place"),
                word("class"),
                word("standing"),
                word("outcome"),
            ]
            .join(" ")
        });
        words.collect()
    };
    let (code, listed, said) = day.json("classes");
    assert_eq!(code, 0, "{said}");
    assert_eq!(standing(&listed), ["east demo over -", "west demo over -"]);
    assert_eq!(listed["places"][1]["account"]["id"], WEST, "{listed}");
    assert_eq!(
        day.json("classes --place west").1["classes"][0]["place"],
        "west"
    );
    let (code, listed, _) = day.json("sweep");
    assert_eq!(code, 6, "{listed}");
    assert_eq!((day.roles(0).await, day.roles(1).await), (3, 3));

    // One cannot be reached: the other is swept, and it is not over.
    let proxy = day.behind_proxy(1).await;
    proxy.model().inject(Rule::any().fault(Fault::Reset));
    assert_eq!(day.json("classes").0, 1);
    let (code, swept, said) = day.json("sweep --confirm");
    assert_eq!(code, 5, "{said} {swept}");
    assert_eq!(standing(&swept), ["east demo over gone"]);
    assert!(swept["places"][1]["unreached"].is_string(), "{swept}");
    assert!(said.contains("place west"), "{said}");
    assert_eq!((day.roles(0).await, day.roles(1).await), (0, 3));
    proxy.model().heal();
    let (code, swept, said) = day.json("sweep --confirm");
    assert_eq!(code, 0, "{said} {swept}");
    assert_eq!(standing(&swept), ["west demo over gone"]);
    assert_eq!((day.roles(0).await, day.roles(1).await), (0, 0));
    // Nobody is remembered where the class is gone, so the settings may give the places up.
    let file = day.folder.path().join("reports/demo/student-places.json");
    let remembered = std::fs::read_to_string(file).unwrap();
    assert!(
        !remembered.contains("ana") && !remembered.contains("ben"),
        "{remembered}"
    );
    let (general, places) = settings.split_once("[[place]]").unwrap();
    let west = places.split("[[place]]").nth(1).unwrap();
    day.write("homeroom.toml", &format!("{general}[[place]]{west}"));
    day.enrol("ana, ben,");
    assert_eq!(day.json("plan").0, 0);
    assert_eq!(day.json("teardown --confirm demo").0, 0);
    let page = day.folder.path().join("reports/demo/swept/swept.html");
    assert!(std::fs::read_to_string(page).unwrap().contains("ben"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_of_two_regions_of_an_account_points_at_neither() {
    let day = Places::begin("ana,east ben,west").await;
    // West is another region of east's account.
    let settings = day.settings();
    let (east, west) = (day.clouds[0].endpoint(), day.clouds[1].endpoint());
    let settings = settings
        .replace(&west.url, &east.url)
        .replace(&west.invoke_base, &east.invoke_base);
    let (east, west) = settings.split_at(settings.rfind("[[place]]").unwrap());
    let west = west
        .replace("profile = \"west\"", "profile = \"east\"")
        .replace("us-east-1", "eu-west-1");
    let settings = format!("{east}{west}");
    for ends in ["2099-12-01T18:00:00Z", "2020-12-01T18:00:00Z"] {
        day.write("homeroom.toml", &format!("ends = {ends}\n{settings}"));
        let (code, deployed, said) = day.json("deploy");
        assert_eq!(code, 0, "{said} {deployed}");
    }
    assert_eq!(day.roles(0).await, 6);
    let swept = day.command("sweep --confirm").output().unwrap();
    let [said, out] = [&swept.stderr, &swept.stdout].map(|said| String::from_utf8_lossy(said));
    let said = format!("{said}{out}");
    assert_eq!(swept.status.code(), Some(0), "{said}");
    assert!(!said.contains("also has a stack in"), "{said}");
    assert_eq!(day.roles(0).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stays_where_a_place_was_outlasts_the_move_of_another() {
    let day = Places::begin_at(&TWO[1..], "ana,west ben,west").await;
    std::fs::create_dir_all(day.folder.path().join("reports/demo")).unwrap();
    let file = "reports/demo/student-places.json";
    // West was another account, where ben got a stack; an older homeroom did not keep that with him.
    let last = format!(
        "{{\"account\":\"{NORTH}\",\"region\":\"us-east-1\",\"at\":\"2026-01-01T00:00:00Z\"}}"
    );
    day.write(
        "reports/demo/places.json",
        &format!("{{\"places\":{{\"west\":{last}}}}}"),
    );
    let ben = "{\"students\":{\"ben\":{\"place\":\"west\",\"at\":\"2026-01-01T00:00:00Z\"}}}";
    day.write(file, ben);
    // What was agreed to for ana says nothing of ben.
    let (code, deployed, said) = day.json("deploy --students ana");
    assert_eq!(code, 0, "{said} {deployed}");
    let (code, again, said) = day.json("deploy");
    assert_eq!(code, 3, "{said} {again}");
    assert_eq!(student(&again, "ana")["outcome"], "unchanged", "{again}");
    assert_eq!(student(&again, "ben")["outcome"], "unknown", "{again}");
    let (_, status, _) = day.json("status");
    assert_eq!(
        student(&status, "ana")["outcome"],
        "not-started",
        "{status}"
    );
    assert_eq!(student(&status, "ben")["outcome"], "unknown", "{status}");
    assert_eq!(day.roles(0).await, 3);
    let (code, torn, said) = day.json("teardown --confirm demo");
    assert_eq!(code, 5, "{said} {torn}");
    assert_eq!(student(&torn, "ana")["outcome"], "removed", "{torn}");
    assert_eq!(student(&torn, "ben")["outcome"], "remains", "{torn}");
    let notes = torn["notes"].to_string();
    assert!(
        notes.contains("PLACE west WAS account 333333333333"),
        "{notes}"
    );
    let remembered = std::fs::read_to_string(day.folder.path().join(file)).unwrap();
    assert!(
        remembered.contains("ben") && !remembered.contains("ana"),
        "{remembered}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teardown_elsewhere_than_the_last_deployment_is_not_complete() {
    let day = Places::begin_at(&TWO[..1], "ana,").await;
    let general =
        "class = \"demo\"\nroster = \"demo.csv\"\nprofile = \"east\"\nregion = \"us-east-1\"\n";
    day.write("homeroom.toml", general);
    std::fs::write(day.folder.path().join("demo.csv"), "username\nana\n").unwrap();
    std::fs::create_dir_all(day.folder.path().join("reports/demo")).unwrap();
    // What answers is AWS to homeroom, as no endpoint of one's own is set for all of it.
    let url = &day.clouds[0].endpoint().url;
    let teardown = |words: &str| {
        let mut command = day.command(words);
        for service in [
            "API_GATEWAY",
            "APIGATEWAYV2",
            "CLOUDWATCH",
            "CLOUDWATCH_LOGS",
            "IAM",
            "LAMBDA",
            "SFN",
            "STS",
        ] {
            command.env(format!("AWS_ENDPOINT_URL_{service}"), url);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let out = String::from_utf8_lossy(&output.stdout);
        (output.status.code(), format!("{said}{out}"))
    };
    let last = |gone: bool| {
        let last = format!(
            "{{\"account\":\"{NORTH}\",\"region\":\"us-east-1\",\"at\":\"2026-01-01T00:00:00Z\",\"gone\":{gone}}}"
        );
        day.write("reports/demo/place.json", &last);
    };
    last(false);
    let (code, said) = teardown("teardown --confirm demo");
    assert_eq!(code, Some(7), "{said}");
    let words = format!("teardown --confirm demo --account {EAST}");
    let (code, said) = teardown(&words);
    assert_eq!(code, Some(5), "{said}");
    assert!(
        said.contains("may still stand there: nobody looked"),
        "{said}"
    );
    last(true);
    let (code, said) = teardown(&words);
    assert_eq!(code, Some(0), "{said}");
}

/// What a page of `watch` answers, by a request of its own.
fn fetch(url: &str) -> std::net::TcpStream {
    use std::io::Write;
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    stream
}

/// Waits until it is so, and no longer than a slow machine takes.
async fn in_time(what: &str, is_so: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("too late: {what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_reads_a_place_again_once_it_is_back() {
    use std::io::{BufRead, BufReader, Read};
    let day = Places::begin("ana,east ben,west").await;
    let east = day.behind_proxy(0).await;
    let proxy = day.behind_proxy(1).await;
    proxy.model().inject(Rule::any().fault(Fault::Reset));
    let mut watch = day.command("watch --interval 5 --output json");
    let watch = watch.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut watch = watch.spawn().unwrap();
    let mut said = String::new();
    let mut out = BufReader::new(watch.stdout.take().unwrap());
    out.read_line(&mut said).unwrap();
    let told: Value = serde_json::from_str(&said).unwrap();
    let url = told["url"].as_str().unwrap();
    // It reads while somebody looks.
    let looks = fetch(&format!("{url}events"));
    let page = || {
        let mut page = String::new();
        fetch(url).read_to_string(&mut page).unwrap();
        page
    };
    let is_lost = |page: &str| page.contains("everybody in");
    let shows = |lost: bool| {
        let page = page();
        page.contains("ben") && is_lost(&page) == lost
    };
    in_time("the page without west", || shows(true)).await;
    // It accepts, and does not answer: the other is read as often as before.
    proxy.model().heal();
    let silent = Fault::Slow(Duration::from_secs(3600));
    proxy.model().inject(Rule::any().fault(silent));
    let asked = proxy.model().arrived();
    in_time("west is tried", || proxy.model().arrived() > asked).await;
    let readings = || {
        let model = east.model();
        let listed = model.counts().get("states:ListStateMachines");
        listed.map_or(0, |count| count.calls)
    };
    let before = readings();
    in_time("two readings", || readings() >= before + 2).await;
    proxy.model().heal();
    in_time("the page with west", || shows(false)).await;
    watch.kill().unwrap();
    drop(looks);
    let mut said = String::new();
    let mut err = watch.stderr.take().unwrap();
    err.read_to_string(&mut said).unwrap();
    watch.wait().unwrap();
    assert!(said.contains("PLACE west COULD NOT BE REACHED"), "{said}");
    assert!(said.contains("place west can be reached again"), "{said}");
}
