//! Slips of paper to sign in with: a page to print and cut, and a table for a mail merge, both in the roster's order.
//!
//! The page is Tera's to escape, like every page; the table's cells are [`csv::cell`](super::csv)'s. Both hold passwords:
//! [`Vault`](crate::stack::vault::Vault) writes and removes them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

use secrecy::ExposeSecret;
use serde::Serialize;
use tera::{Context, Tera};

use super::csv::cell;
use super::handout::HandoutClass;
use super::html::policy;
use crate::events::Outcome;
use crate::results::StudentResult;
use crate::roster::Student;
use crate::stack::credentials::Credentials;
use crate::stack::kinds::api::ApiEndpoint;
use crate::text::encoding::MARK;
use crate::text::failure::Failure;
use crate::text::show::clean;
use crate::text::words::plural;

const STYLE: &str = concat!(
    include_str!("html/base.css"),
    include_str!("slips/style.css")
);
const PAGE: &str = include_str!("slips/page.html");
/// Two columns of four; the style sheet gives their size.
const ON_A_SHEET: usize = 8;
const HEADER: [&str; 6] = [
    "Name",
    "E-mail",
    "Sign-in link",
    "User name",
    "Password",
    "API URL",
];
/// One more column of the table, where not everybody is in the same.
const REGION: &str = "Region";

/// A class's slips in the making.
pub struct SlipBatch<'a> {
    class: HandoutClass<'a>,
    slips: Vec<Slip>,
    pub(crate) results: Vec<StudentResult>,
}

/// No `Debug`: it holds a password.
#[derive(Serialize)]
struct Slip {
    name: String,
    email: String,
    section: String,
    username: String,
    password: String,
    addresses: Vec<String>,
    /// Empty where there is no console to sign in to.
    sign_in_url: String,
    region: String,
}

impl<'a> SlipBatch<'a> {
    /// No slip yet.
    pub fn new(class: HandoutClass<'a>) -> Self {
        Self {
            class,
            slips: Vec::new(),
            results: Vec::new(),
        }
    }

    /// From here on students are where this says.
    pub(crate) fn at(&mut self, class: HandoutClass<'a>) -> &mut Self {
        self.class = class;
        self
    }

    /// Makes one more student's slip. `apis`: the student's deployed APIs, by name. `kept`: the student's credentials on
    /// this machine.
    pub fn add(
        &mut self,
        student: &Student,
        apis: &BTreeMap<String, ApiEndpoint>,
        kept: io::Result<Option<Credentials>>,
    ) {
        let username = student.username.clone();
        let result = match self.make(student, apis, kept) {
            Ok(slip) => {
                self.slips.push(slip);
                StudentResult::new(username, Outcome::Written)
            }
            Err(failure) => StudentResult::new(username, Outcome::Failed).failed(*failure),
        };
        self.results.push(result);
    }

    fn make(
        &self,
        student: &Student,
        apis: &BTreeMap<String, ApiEndpoint>,
        kept: io::Result<Option<Credentials>>,
    ) -> Result<Slip, Box<Failure>> {
        let HandoutClass {
            class, lab, scope, ..
        } = self.class;
        let failure = |cause: &str| Failure::new("credentials", cause);
        let kept = kept.map_err(|error| Box::new(failure(&error.to_string())))?;
        // A class of the same name may be in another account, and its passwords are kept in the same folder.
        let here = [
            self.class.sign_in_url.unwrap_or_default(),
            &scope.sign_in_url(None),
        ];
        if let Some(kept) = kept
            .as_ref()
            .filter(|kept| !here.contains(&kept.sign_in_url.as_str()))
        {
            let cause = format!(
                "the credentials here are for another account: they sign in at {}",
                kept.sign_in_url
            );
            let hint = format!(
                "choose that account with --profile; if only the account's alias has changed, `homeroom access grant --rotate \
                 --students {}` makes a new password",
                student.username
            );
            return Err(Box::new(failure(&cause).hint(hint)));
        }
        let password = kept.and_then(|kept| kept.password).ok_or_else(|| {
            let hint = format!(
                "`homeroom access grant` lets in who has no user yet; for who has one, `homeroom access grant --rotate \
                 --students {}` makes a new password",
                student.username
            );
            Box::new(failure("no password is on this machine, so there is no slip").hint(hint))
        })?;
        let addresses = lab.api_addresses(scope, class, student, apis)?;
        let text = |value: &Option<String>| own(value.as_deref().unwrap_or_default());
        Ok(Slip {
            name: text(&student.name),
            email: text(&student.email),
            section: text(&student.section),
            username: student.username.to_string(),
            password: own(password.expose_secret()),
            addresses: addresses.iter().map(|address| own(address)).collect(),
            sign_in_url: self.class.sign_in_url.unwrap_or_default().to_owned(),
            region: scope.region.clone(),
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slips.is_empty()
    }

    /// The page to print, and the table.
    ///
    /// # Errors
    /// When the template does not render, which no data can cause.
    pub fn files(&self) -> io::Result<[Vec<u8>; 2]> {
        let page = self.page().map_err(io::Error::other)?;
        Ok([page.into_bytes(), self.table()?])
    }

    fn page(&self) -> tera::Result<String> {
        let mut context = Context::new();
        context.insert("class", self.class.class.as_str());
        context.insert("sheets", &self.slips.chunks(ON_A_SHEET).collect::<Vec<_>>());
        context.insert("style", STYLE);
        context.insert("version", env!("CARGO_PKG_VERSION"));
        context.insert("policy", &policy(STYLE, "", false));
        let mut tera = Tera::default();
        tera.add_raw_template("slips.html", PAGE)?;
        tera.render("slips.html", &context)
    }

    fn table(&self) -> io::Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(MARK.to_vec());
        let regions: BTreeSet<&str> = self.slips.iter().map(|slip| slip.region.as_str()).collect();
        let several = regions.len() > 1;
        writer.write_record(HEADER.into_iter().chain(several.then_some(REGION)))?;
        for slip in &self.slips {
            let addresses = slip.addresses.join(" ");
            let row = [
                &slip.name,
                &slip.email,
                &slip.sign_in_url,
                &slip.username,
                &slip.password,
                &addresses,
            ];
            let row = row.into_iter().chain(several.then_some(&slip.region));
            writer.write_record(row.map(|text| cell(text).into_owned()))?;
        }
        writer.into_inner().map_err(|error| error.into_error())
    }

    /// `files`: the page and the table, where they were written.
    pub(crate) fn notes(&self, files: &[PathBuf]) -> Vec<String> {
        let [page, table] = files else {
            return Vec::new();
        };
        let slips = format!(
            "{} to print and cut out: {}; for a mail merge: {}",
            plural(self.slips.len(), "slip"),
            page.display(),
            table.display()
        );
        let secret = "both hold passwords, and only you can read them: hand each slip to its student alone; \
                      `homeroom access revoke` and `homeroom teardown` delete them";
        vec![slips, secret.to_owned()]
    }
}

fn own(text: &str) -> String {
    clean(text).into_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::ids::{ClassName, Scope};
    use crate::lab::{Lab, bundle};

    const HERE: &str = "https://123456789012.signin.aws.amazon.com/console";

    struct World {
        lab: Lab,
        class: ClassName,
        scope: Scope,
    }

    impl World {
        fn new() -> Self {
            Self {
                lab: bundle::load(Some(Path::new(env!("CARGO_MANIFEST_DIR")))).unwrap(),
                class: "spring".parse().unwrap(),
                scope: Scope {
                    partition: "aws".into(),
                    account: "123456789012".into(),
                    region: "us-east-1".into(),
                },
            }
        }

        fn batch(&self) -> SlipBatch<'_> {
            SlipBatch::new(HandoutClass {
                class: &self.class,
                lab: &self.lab,
                scope: &self.scope,
                sign_in_url: Some(HERE),
            })
        }
    }

    fn student(username: &str, name: &str) -> Student {
        Student {
            name: Some(name.to_owned()),
            email: Some(format!("{username}@x.example")),
            ..Student::unknown(username.parse().unwrap())
        }
    }

    fn deployed(username: &str) -> BTreeMap<String, ApiEndpoint> {
        let endpoint = ApiEndpoint {
            id: "a1".into(),
            url: "https://a1.example/prod".into(),
        };
        BTreeMap::from([(format!("{username}-workflow-api"), endpoint)])
    }

    fn password(username: &str) -> io::Result<Option<Credentials>> {
        Ok(Some(Credentials {
            username: username.parse().unwrap(),
            password: Some(format!("Pw_{username}").into()),
            sign_in_url: HERE.to_owned(),
            access_key: None,
        }))
    }

    fn add(batch: &mut SlipBatch<'_>, username: &str, name: &str) {
        batch.add(
            &student(username, name),
            &deployed(username),
            password(username),
        );
    }

    fn written(batch: &SlipBatch<'_>) -> [String; 2] {
        batch
            .files()
            .unwrap()
            .map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn the_table_has_a_row_a_student_in_the_rosters_order() {
        let world = World::new();
        let mut batch = world.batch();
        add(&mut batch, "zoe", "Zoe, the \"first\"");
        add(&mut batch, "ana", "=HYPERLINK(\"https://x.example\")");
        insta::assert_snapshot!(written(&batch)[1].trim_start_matches('\u{feff}'), @r#"
        Name,E-mail,Sign-in link,User name,Password,API URL
        "Zoe, the ""first""",zoe@x.example,https://123456789012.signin.aws.amazon.com/console,zoe,Pw_zoe,https://a1.example/prod/process
        "'=HYPERLINK(""https://x.example"")",ana@x.example,https://123456789012.signin.aws.amazon.com/console,ana,Pw_ana,https://a1.example/prod/process
        "#);
    }

    #[test]
    fn every_slip_has_the_link_and_the_region_of_its_student_s_own_place() {
        let world = World::new();
        let south = Scope {
            account: "222222222222".into(),
            region: "sa-east-1".into(),
            ..world.scope.clone()
        };
        let link = south.sign_in_url(None);
        let mut batch = world.batch();
        add(&mut batch, "ana", "Ana");
        batch.at(HandoutClass {
            scope: &south,
            sign_in_url: Some(&link),
            ..batch.class
        });
        let kept = password("ben").map(|kept| {
            kept.map(|kept| Credentials {
                sign_in_url: link.clone(),
                ..kept
            })
        });
        batch.add(&student("ben", "Ben"), &deployed("ben"), kept);
        let [page, table] = written(&batch);
        insta::assert_snapshot!(table.trim_start_matches('\u{feff}'), @r"
        Name,E-mail,Sign-in link,User name,Password,API URL,Region
        Ana,ana@x.example,https://123456789012.signin.aws.amazon.com/console,ana,Pw_ana,https://a1.example/prod/process,us-east-1
        Ben,ben@x.example,https://222222222222.signin.aws.amazon.com/console,ben,Pw_ben,https://a1.example/prod/process,sa-east-1
        ");
        // As the template escapes it.
        let page = page.replace("&#x2F;", "/");
        let (first, second) = page.split_at(page.find("<bdi>Ben").unwrap());
        assert!(
            first.contains(HERE) && first.contains("region us-east-1"),
            "{first}"
        );
        assert!(
            second.contains(&link) && second.contains("region sa-east-1"),
            "{second}"
        );
        assert!(!second.contains(HERE), "{second}");
    }

    #[test]
    fn the_page_has_sheets_of_eight_in_the_rosters_order_and_escapes_names() {
        let world = World::new();
        let mut batch = world.batch();
        for n in (1..=9).rev() {
            add(&mut batch, &format!("user{n}"), "<script>alert(1)</script>");
        }
        let [page, _] = written(&batch);
        assert_eq!(page.matches("<ul class=\"slips\">").count(), 2);
        assert!(!page.contains("<script"), "{page}");
        let first = page.find("Pw_user9").unwrap();
        let last = page.find("Pw_user1<").unwrap();
        assert!(first < last && page.matches("Pw_").count() == 9, "{page}");
    }

    #[test]
    fn a_password_for_another_account_gets_no_slip() {
        let world = World::new();
        let mut batch = world.batch();
        batch.class.sign_in_url = Some("https://school.signin.aws.amazon.com/console");
        let mut elsewhere = password("ben");
        if let Ok(Some(kept)) = &mut elsewhere {
            kept.sign_in_url = HERE.replace("1234", "9999");
        }
        batch.add(&student("ben", "Ben"), &deployed("ben"), elsewhere);
        let error = &batch.results[0].errors[0];
        assert!(error.cause.contains("for another account"), "{error}");
        // An account has two addresses.
        add(&mut batch, "dan", "Dan");
        assert_eq!(batch.results[1].outcome, Outcome::Written);
        assert!(!written(&batch).concat().contains("Pw_ben"));
    }

    #[test]
    fn who_has_no_password_here_or_no_stack_is_named_and_gets_no_slip() {
        let world = World::new();
        let mut batch = world.batch();
        batch.add(&student("ana", "Ana"), &deployed("ana"), Ok(None));
        batch.add(&student("ben", "Ben"), &BTreeMap::new(), password("ben"));
        let unreadable = Err(io::Error::other("cy.csv: is not as homeroom wrote it"));
        batch.add(&student("cy", "Cy"), &deployed("cy"), unreadable);
        add(&mut batch, "dan", "Dan");
        let causes: Vec<_> = (batch.results.iter())
            .map(|result| result.errors.first().map_or("", |error| &error.cause))
            .collect();
        assert!(
            causes[0].contains("no password is on this machine"),
            "{causes:?}"
        );
        assert!(
            causes[1].contains("ben-workflow-api is not there"),
            "{causes:?}"
        );
        assert!(causes[2].contains("cy.csv"), "{causes:?}");
        assert_eq!(batch.results[3].outcome, Outcome::Written);
        let [page, table] = written(&batch);
        assert!(!page.contains("Pw_ben") && !table.contains("Pw_ben"));
        assert_eq!(table.lines().count(), 2);
    }
}
