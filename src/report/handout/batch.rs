//! A class's handouts in the making, and the notes about them.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::events::Outcome;
use crate::lab::StudentAccess;
use crate::results::StudentResult;
use crate::roster::Student;
use crate::stack::credentials::Credentials;
use crate::stack::kinds::api::ApiEndpoint;
use crate::text::failure::Failure;
use crate::text::words::some_of;

use super::{HandoutClass, StudentHandout};

/// Students named in a note.
const NAMED: usize = 8;

pub(crate) struct HandoutBatch<'a> {
    class: HandoutClass<'a>,
    with_credentials: bool,
    pub(crate) handouts: Vec<StudentHandout<'a>>,
    pub(crate) results: Vec<StudentResult>,
    /// Students whose handout should have credentials, but there are none on this machine.
    without_credentials: Vec<&'a str>,
}

impl<'a> HandoutBatch<'a> {
    pub fn new(class: HandoutClass<'a>, with_credentials: bool) -> Self {
        Self {
            class,
            with_credentials,
            handouts: Vec::new(),
            results: Vec::new(),
            without_credentials: Vec::new(),
        }
    }

    /// From here on students are where this says.
    pub(crate) fn at(&mut self, class: HandoutClass<'a>) -> &mut Self {
        self.class = class;
        self
    }

    /// Makes one more student's handout. `apis`: the student's deployed APIs, by name. `kept`: the student's credentials
    /// on this machine.
    pub(crate) fn add(
        &mut self,
        student: &'a Student,
        apis: &BTreeMap<String, ApiEndpoint>,
        kept: io::Result<Option<Credentials>>,
    ) {
        let username = student.username.clone();
        let result = match self.make(student, apis, kept) {
            Ok(handout) => {
                self.handouts.push(handout);
                StudentResult::new(username, Outcome::Written)
            }
            Err(failure) => StudentResult::new(username, Outcome::Failed).failed(failure),
        };
        self.results.push(result);
    }

    fn make(
        &mut self,
        student: &'a Student,
        apis: &BTreeMap<String, ApiEndpoint>,
        kept: io::Result<Option<Credentials>>,
    ) -> Result<StudentHandout<'a>, Failure> {
        let class = self.class;
        let known = match kept {
            Err(error) if self.with_credentials => {
                return Err(Failure::new("credentials", error.to_string()));
            }
            // Without the option, a file that cannot be read does not matter.
            kept => kept.ok().flatten(),
        };
        // The handout's words depend on whether there is a key, even if the key itself is left out.
        let has_keys = known.as_ref().is_some_and(|it| it.access_key.is_some());
        let access = StudentAccess {
            sign_in_url: class.sign_in_url.map(str::to_owned),
            has_keys,
        };
        let lab = class.lab;
        let handout = lab.handout(class.scope, class.class, student, apis, &access);
        let handout = handout.map_err(|failure| *failure)?;
        let credentials = match known {
            _ if !self.with_credentials => None,
            None => {
                self.without_credentials.push(student.username.as_str());
                None
            }
            known => known,
        };
        Ok(StudentHandout {
            student,
            at: class,
            handout,
            credentials,
        })
    }

    /// `dir`: the folder of the handouts. `together`: the page with all of them.
    pub(crate) fn notes(&self, dir: &Path, together: &Path) -> Vec<String> {
        let mut notes = Vec::new();
        let handouts = self.handouts.iter();
        match handouts.filter(|one| one.credentials.is_some()).count() {
            0 => {}
            1 => notes.push(
                "1 handout contains a password: give it to its student only; homeroom deletes it together with the \
                 student's access"
                    .to_owned(),
            ),
            n => notes.push(format!(
                "{n} handouts contain passwords: give each to its student only; homeroom deletes them together with \
                 the students' access"
            )),
        }
        if !self.without_credentials.is_empty() {
            notes.push(format!(
                "no credentials on this machine for {}: these handouts have none; `homeroom access grant` makes them",
                some_of(&self.without_credentials, NAMED)
            ));
        }
        notes.push(format!(
            "a page (.html) and its Markdown (.md) for each student are in {}; to print them all: {}",
            dir.display(),
            together.display()
        ));
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ClassName, Scope};
    use crate::lab::Lab;
    use crate::lab::bundle;

    struct World {
        lab: Lab,
        class: ClassName,
        scope: Scope,
        students: Vec<Student>,
    }

    impl World {
        fn new() -> Self {
            let student = |username: &str| Student {
                username: username.parse().unwrap(),
                name: None,
                email: None,
                section: None,
                extra: Vec::new(),
                due: None,
                place: None,
            };
            Self {
                lab: bundle::load(Some(Path::new(env!("CARGO_MANIFEST_DIR")))).unwrap(),
                class: "spring".parse().unwrap(),
                scope: Scope {
                    partition: "aws".into(),
                    account: "123456789012".into(),
                    region: "us-east-1".into(),
                },
                students: vec![student("ana"), student("ben")],
            }
        }

        fn batch(&self, with_credentials: bool) -> HandoutBatch<'_> {
            let class = HandoutClass {
                class: &self.class,
                lab: &self.lab,
                scope: &self.scope,
                sign_in_url: None,
            };
            HandoutBatch::new(class, with_credentials)
        }
    }

    fn deployed(username: &str) -> BTreeMap<String, ApiEndpoint> {
        let endpoint = ApiEndpoint {
            id: "a1".into(),
            url: "https://a1.example/prod".into(),
        };
        BTreeMap::from([(format!("{username}-workflow-api"), endpoint)])
    }

    fn credentials(username: &str) -> Credentials {
        Credentials {
            username: username.parse().unwrap(),
            password: Some("secret".to_owned().into()),
            sign_in_url: String::new(),
            access_key: None,
        }
    }

    fn outcomes(batch: &HandoutBatch<'_>) -> Vec<Outcome> {
        batch.results.iter().map(|result| result.outcome).collect()
    }

    fn unreadable() -> io::Result<Option<Credentials>> {
        Err(io::Error::other("ana.txt: is no credentials file"))
    }

    #[test]
    fn who_has_no_api_gets_no_handout_and_the_others_do() {
        let world = World::new();
        let mut batch = world.batch(true);
        batch.add(&world.students[0], &BTreeMap::new(), Ok(None));
        batch.add(
            &world.students[1],
            &deployed("ben"),
            Ok(Some(credentials("ben"))),
        );
        assert_eq!(outcomes(&batch), [Outcome::Failed, Outcome::Written]);
        let error = &batch.results[0].errors[0];
        assert!(
            error.cause.contains("ana-workflow-api is not there"),
            "{error}"
        );
        let notes = batch.notes(Path::new("d"), Path::new("d/all.html"));
        assert_eq!(
            notes,
            [
                "1 handout contains a password: give it to its student only; homeroom deletes it together with the student's access",
                "a page (.html) and its Markdown (.md) for each student are in d; to print them all: d/all.html"
            ],
            "a handout that is not there lacks no credentials"
        );
    }

    #[test]
    fn credentials_are_missed_only_where_they_were_asked_for() {
        let world = World::new();
        for (asked, notes) in [(true, 2), (false, 1)] {
            let mut batch = world.batch(asked);
            batch.add(&world.students[0], &deployed("ana"), Ok(None));
            assert_eq!(outcomes(&batch), [Outcome::Written]);
            let said = batch.notes(Path::new("d"), Path::new("d/all.html"));
            assert_eq!(said.len(), notes, "{said:?}");
            assert_eq!(
                said[0].contains("credentials on this machine for ana"),
                asked
            );
        }
    }

    #[test]
    fn credentials_that_were_not_asked_for_are_in_no_handout() {
        let world = World::new();
        let mut batch = world.batch(false);
        batch.add(
            &world.students[0],
            &deployed("ana"),
            Ok(Some(credentials("ana"))),
        );
        assert!(batch.handouts[0].credentials.is_none());
    }

    #[test]
    fn an_unreadable_credentials_file_fails_only_who_asked_for_it() {
        let world = World::new();
        for (asked, outcome) in [(true, Outcome::Failed), (false, Outcome::Written)] {
            let mut batch = world.batch(asked);
            batch.add(&world.students[0], &deployed("ana"), unreadable());
            assert_eq!(outcomes(&batch), [outcome]);
        }
    }

    #[test]
    fn a_handout_says_where_its_own_student_signs_in() {
        let world = World::new();
        let south = Scope {
            region: "sa-east-1".into(),
            ..world.scope.clone()
        };
        let mut batch = world.batch(false);
        let first = batch.class;
        batch.add(&world.students[0], &deployed("ana"), Ok(None));
        batch.at(HandoutClass {
            scope: &south,
            sign_in_url: Some("https://222222222222.signin.aws.amazon.com/console"),
            ..first
        });
        batch.add(&world.students[1], &deployed("ben"), Ok(None));
        let [ana, ben] =
            [0, 1].map(|n| super::super::markdown(&first, &batch.handouts[n]).unwrap());
        assert!(
            ana.contains("us-east-1") && !ana.contains("222222222222"),
            "{ana}"
        );
        assert!(
            ben.contains("sa-east-1") && ben.contains("222222222222.signin"),
            "{ben}"
        );
        assert!(!ben.contains("us-east-1"), "{ben}");
    }
}
