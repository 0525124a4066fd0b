use std::fs;
use std::path::Path;

use pulldown_cmark::{HeadingLevel, Parser};

use super::*;
use crate::lab::check::Work;

/// The lab that ships with homeroom, with another handout if wanted.
fn shipped(handout: Option<&str>) -> Result<Lab, Vec<Failure>> {
    lab_in("", handout)
}

fn lab_in(folder: &str, handout: Option<&str>) -> Result<Lab, Vec<Failure>> {
    fn add(dir: &Path, root: &Path, files: &mut Files) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add(&path, root, files);
            } else {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let root = &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = Files::new();
    add(&root.join("templates"), root, &mut files);
    add(&root.join("lambdas"), root, &mut files);
    if let Some(text) = handout {
        files.insert("templates/handout.md".into(), text.into());
    }
    Lab::parse(files)
}

fn student(name: &str) -> Student {
    Student {
        username: "user1".parse().unwrap(),
        name: Some(name.to_owned()),
        email: None,
        section: None,
        extra: Vec::new(),
        due: None,
        place: None,
    }
}

fn filled(lab: &Lab, name: &str, access: &StudentAccess) -> FilledHandout {
    let scope = Scope {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "us-east-1".into(),
    };
    let endpoint = ApiEndpoint {
        id: "abc".into(),
        url: "https://abc.example/prod".into(),
    };
    let apis = BTreeMap::from([("user1-workflow-api".to_owned(), endpoint)]);
    let class = "spring".parse().unwrap();
    lab.handout(&scope, &class, &student(name), &apis, access)
        .unwrap()
}

fn console() -> StudentAccess {
    StudentAccess {
        sign_in_url: Some("https://123456789012.signin.aws.amazon.com/console".into()),
        has_keys: false,
    }
}

#[test]
fn the_shipped_handout_fills_in_and_names_every_task_of_the_students() {
    let lab = shipped(None).unwrap_or_else(|failures| panic!("{failures:#?}"));
    let handout = filled(&lab, "Zoë", &console());
    let text = format!("{handout:?}");
    assert!(!text.contains("{{") && !text.contains("{%"), "{text}");
    let named: Vec<&str> = handout
        .elements
        .iter()
        .filter_map(|element| match element {
            Element::Markdown(Event::Start(Tag::Heading { id, .. })) => id.as_deref(),
            _ => None,
        })
        .collect();
    let own = lab.checks().iter().filter(|c| c.work == Work::Student);
    let own: Vec<&str> = own.map(|check| check.id.as_str()).collect();
    assert_eq!(named[0], "own-stack");
    assert_eq!(
        named[1..],
        own,
        "the tasks stand in the order of the checks"
    );
}

#[test]
fn what_depends_on_keys_and_console_is_said_only_where_it_holds() {
    let lab = shipped(None).unwrap();
    let with_console = format!("{:?}", filled(&lab, "x", &console()));
    assert!(with_console.contains("signin.aws.amazon.com"));
    assert!(with_console.contains("console.aws.amazon.com"));
    assert!(!with_console.contains("aws logs tail"));
    let without = StudentAccess {
        sign_in_url: None,
        has_keys: true,
    };
    let without = format!("{:?}", filled(&lab, "x", &without));
    assert!(!without.contains("signin.aws") && !without.contains("console.aws.amazon.com"));
    assert!(without.contains("aws logs tail") && without.contains("practice cloud"));
    let asks = |access: &StudentAccess| {
        format!("{:?}", filled(&lab, "x", access)).contains("homeroom check --region")
    };
    let with_key = StudentAccess {
        has_keys: true,
        ..console()
    };
    assert!(asks(&with_key) && !asks(&console()) && !without.contains("homeroom check"));
}

#[test]
fn the_check_names_the_lab_where_homeroom_has_not_the_very_same() {
    let with_key = StudentAccess {
        has_keys: true,
        ..console()
    };
    let said = |lab: &Lab| format!("{:?}", filled(lab, "x", &with_key));
    let own = crate::lab::bundle::load(None).unwrap();
    let text = said(&own);
    assert!(
        own.is_built_in() && text.contains("homeroom check --region 'us-east-1'"),
        "{text}"
    );
    assert!(!text.contains("--lab "), "{text}");
    // The same id, and one word of the handout is another.
    let folder = tempfile::tempdir().unwrap();
    copy_of_the_lab(folder.path());
    let same = crate::lab::bundle::load(Some(folder.path())).unwrap();
    assert!(!said(&same).contains("--lab "));
    let handout = folder.path().join("templates/handout.md");
    let text = fs::read_to_string(&handout).unwrap();
    fs::write(&handout, text.replace("as often as you like", "often")).unwrap();
    let text = said(&crate::lab::bundle::load(Some(folder.path())).unwrap());
    assert!(
        text.contains("homeroom check --region 'us-east-1' --lab LAB-FOLDER"),
        "{text}"
    );
    assert!(text.contains("your instructor gives you"), "{text}");
}

fn copy_of_the_lab(to: &Path) {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let target = to.join(path.file_name().unwrap());
            match path.is_dir() {
                true => copy(&path, &target),
                false => drop(fs::copy(&path, &target).unwrap()),
            }
        }
    }
    for part in ["templates", "lambdas"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(&root.join(part), &to.join(part));
    }
}

/// The events of a Markdown text, as the library reads it, with headings of the level that pages have.
fn events(source: &'static str) -> Vec<Element> {
    let events = Parser::new_ext(source, pulldown_cmark::Options::ENABLE_TABLES);
    events.map(Element::Markdown).collect()
}

fn code_block(text: &str) -> Element {
    Element::Block(HandoutBlock::Text {
        title: String::new(),
        text: text.to_owned(),
    })
}

#[test]
fn a_value_brings_no_structure_with_it() {
    let lab = shipped(Some(
        "# Hello {{ student.name }}\n\n- {{ student.name }}\n\n```text\n{{ student.name }}\n```\n",
    ))
    .unwrap();
    for hostile in [
        "# x\n\n## y",
        "[a](https://evil.example)",
        "```\n<script>",
        "**b**",
        "{{ account }}",
    ] {
        let mut expected = events("## Hello VALUE\n\n- VALUE\n");
        for element in &mut expected {
            if let Element::Markdown(Event::Text(text)) = element {
                *text = text.replace("VALUE", &clean(hostile)).into();
            }
        }
        expected.push(code_block(hostile));
        assert_eq!(filled(&lab, hostile, &console()).elements, expected);
    }
}

#[test]
fn a_condition_goes_with_its_quotation_and_nothing_around_it() {
    let lab = shipped(Some(
        "a\n\n> [!keys]\n> **b** c\n\n> [!console]\n>\n> d\n>\n> > [!keys] e\n\n> [!console] f\n\ng\n",
    ))
    .unwrap();
    let expected = events("a\n\n> d\n\n> f\n\ng\n");
    assert_eq!(filled(&lab, "x", &console()).elements, expected);
    let keys = StudentAccess {
        sign_in_url: None,
        has_keys: true,
    };
    let expected = events("a\n\n> **b** c\n\ng\n");
    assert_eq!(filled(&lab, "x", &keys).elements, expected);
}

#[test]
fn only_a_heading_that_stands_by_itself_begins_a_chapter() {
    let lab = shipped(Some("# a\n\n> ## b\n\n- # c\n\n#### d\n")).unwrap();
    let filled = filled(&lab, "x", &console());
    let levels = filled.elements.iter().filter_map(|element| match element {
        Element::Markdown(Event::Start(Tag::Heading { level, .. })) => Some(*level),
        _ => None,
    });
    use HeadingLevel::{H2, H3};
    assert_eq!(levels.collect::<Vec<_>>(), [H2, H3, H3, H3]);
}

#[test]
fn a_link_that_leads_nowhere_is_only_its_text() {
    let lab = shipped(Some(
        "[a](<{{ username }}>) [**b**](<{{ console }}/x>) [c](https://c.example)\n",
    ))
    .unwrap();
    let without = filled(&lab, "x", &StudentAccess::default());
    let expected = events("a **b** [c](https://c.example)\n");
    assert_eq!(without.elements, expected);
}

#[test]
fn an_address_that_takes_nothing_but_a_post_is_no_link() {
    let mut lab = shipped(Some("[it](<{{ apis.workflow.url }}/process>)\n")).unwrap();
    let post = filled(&lab, "x", &console());
    assert_eq!(post.elements, events("it\n"));
    let opens = |handout: &FilledHandout| -> Vec<(String, bool)> {
        let addresses = handout.addresses.iter();
        addresses.map(|it| (it.label.clone(), it.opens)).collect()
    };
    let both = |api| {
        let console = "State machine in the console".to_owned();
        [("API URL (POST)".to_owned(), api), (console, true)]
    };
    assert_eq!(opens(&post), both(false));
    lab.manifest.apis[0].routes[0].method = "GET".to_owned();
    let get = filled(&lab, "x", &console());
    assert_eq!(
        get.elements,
        events("[it](https://abc.example/prod/process)\n")
    );
    assert_eq!(opens(&get), both(true));
}

#[test]
fn every_mistake_of_a_handout_is_told_with_its_line_when_the_lab_is_read() {
    let cases = [
        ("a\n\n```rust\n```\n", 3, "unknown"),
        ("<b>x</b>\n", 1, "HTML"),
        ("say <username>\n", 1, "HTML"),
        ("![x](https://x)\n", 1, "images"),
        ("[x](javascript:1)\n", 1, "must begin with https://"),
        ("x\n\n## T {#nope}\n", 3, "names no [[check]]"),
        ("```input payload=nope\n```\n", 1, "names no [[payload]]"),
        (
            "```request method=GET\n```\n",
            1,
            "0 routes that take no body",
        ),
        ("```request payload=sales path=/x\n```\n", 1, "0 routes"),
        (
            "```request payload=sales times=0\n```\n",
            1,
            "from 1 to 100",
        ),
        (
            "```request payload=sales retries=2\n```\n",
            1,
            "has no \"retries=2\"",
        ),
        ("```checks\nx\n```\n", 1, "takes no text"),
        ("> [!admins]\n> x\n", 1, "unknown"),
        (
            "x\n\n```bash\necho '{{ username }}'\n```\n",
            3,
            "word of its own",
        ),
        ("x {{ username | safe }}\n", 1, "turns the escaping off"),
        ("x {{ username\n", 1, "expected"),
        ("---\n", 1, "not supported"),
        ("    indented\n", 1, "four spaces"),
    ];
    for (source, line, problem) in cases {
        let failures = shipped(Some(source)).unwrap_err();
        let place = format!("templates/handout.md, line {line}");
        assert!(
            failures
                .iter()
                .any(|f| f.subject == place && f.cause.contains(problem)),
            "{source}: {failures:#?}"
        );
    }
}

#[test]
fn what_the_lab_does_not_have_is_told_when_it_is_read() {
    for source in ["{{ functions.nope.name }}", "`{{ student.team }}`"] {
        let failures = shipped(Some(source)).unwrap_err();
        assert_eq!(failures[0].subject, "templates/handout.md", "{failures:?}");
    }
    assert!(shipped(Some("{{ student.team | default(value=\"\") }}")).is_ok());
}

#[test]
fn a_filter_stands_in_a_table_behind_a_backslash() {
    let source = "| a |\n|---|\n| {{ username \\| upper }} `{{ username \\| upper }}` |\n";
    let handout = filled(&shipped(Some(source)).unwrap(), "x", &console());
    let expected = events("| a |\n|---|\n| USER1 `USER1` |\n");
    assert_eq!(handout.elements, expected);
}

#[test]
fn bash_and_powershell_behind_each_other_are_one_command() {
    let source = "```bash\na {{ username }}\n```\n\n```powershell\nb {{ username }}\n```\n\n```shell\nc\n```\n";
    let lab = shipped(Some(source)).unwrap();
    let commands = |bash: &str, powershell: &str| {
        Element::Block(HandoutBlock::Commands {
            title: String::new(),
            bash: bash.to_owned(),
            powershell: powershell.to_owned(),
        })
    };
    assert_eq!(
        filled(&lab, "x", &console()).elements,
        [commands("a 'user1'", "b 'user1'"), commands("c", "c")]
    );
}

#[test]
fn a_lab_without_a_handout_of_its_own_lists_its_tasks() {
    let lab = lab_in("tests/labs/mini", None).unwrap();
    let elements = filled(&lab, "x", &console()).elements;
    assert!(elements.contains(&Element::Block(HandoutBlock::Checks { hints: true })));
}

/// What the blocks of a handout show, each under its title.
fn shown(handout: &FilledHandout) -> Vec<(String, String)> {
    let blocks = handout.elements.iter().filter_map(|element| match element {
        Element::Block(HandoutBlock::Text { title, text }) => Some((title.clone(), text.clone())),
        Element::Block(HandoutBlock::Commands { title, bash, .. }) => {
            Some((title.clone(), bash.clone()))
        }
        _ => None,
    });
    blocks.collect()
}

#[test]
fn a_lab_without_a_handout_gives_what_it_has_in_the_short_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/labs/function/templates/lab.toml");
    let lab = lab_in("tests/labs/function", None).unwrap();
    assert!(!fs::read_to_string(root).unwrap().contains("[handout]"));
    let given = shown(&filled(&lab, "x", &console()));
    let titles: Vec<&str> = given.iter().map(|(title, _)| title.as_str()).collect();
    assert_eq!(titles, ["A question", "No question: the function says so"]);
    assert!(given[0].1.starts_with('{'), "{given:?}");
    // Of an API that only answers, what to ask it.
    let mut files = crate::lab::bundle::starter();
    let api = "\n[[api]]\nid = \"api\"\nname = \"{{ username }}-workflow-api\"\ntype = \"HTTP\"\n[[api.route]]\nmethod = \
               \"GET\"\npath = \"/hello\"\nfunction = \"greet\"\n[[output]]\nid = \"name\"\nlabel = \"Its name\"\nvalue = \
               \"{{ functions.greet.name }}\"\n";
    let text = String::from_utf8(files[MANIFEST].clone()).unwrap();
    let text = text.replace("started_by = \"person\", ", "");
    files.insert(MANIFEST.to_owned(), format!("{text}{api}").into_bytes());
    let lab = Lab::parse(files).unwrap_or_else(|failures| panic!("{failures:#?}"));
    let handout = filled(&lab, "x", &console());
    let given = shown(&handout);
    let asked =
        "curl --silent --show-error --globoff --request 'GET' 'https://abc.example/prod/hello'";
    assert_eq!(
        given.last().unwrap(),
        &("GET /hello".to_owned(), asked.to_owned())
    );
    let name = handout
        .addresses
        .iter()
        .find(|it| it.label == "Its name")
        .unwrap();
    assert_eq!((name.value.as_str(), name.opens), ("user1-greet", false));
}

#[test]
fn a_request_of_a_handout_may_ask_a_route_with_a_parameter() {
    let text = "```request method=GET path=/orders/42\n```\n";
    let lab = lab_in("labs/orders", Some(text)).unwrap_or_else(|failures| panic!("{failures:#?}"));
    assert!(format!("{:?}", lab.handout).contains("path: \"/orders/42\""));
    let open = lab_in("labs/orders", Some("```request method=GET\n```\n")).unwrap_err();
    let said = format!("{open:?}");
    assert!(said.contains("write values in their place"), "{said}");
}
