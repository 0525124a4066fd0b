//! Whose handouts are made, and what is said of it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::events::Outcome;
use crate::lab::StudentAccess;
use crate::results::StudentResult;
use crate::roster::Student;
use crate::stack::credentials::Credentials;
use crate::stack::kinds::rest_api::ApiEndpoint;
use crate::text::failure::Failure;
use crate::text::words::{plural, some_of};

use super::{HandoutClass, StudentHandout};

/// Students named in a note.
const NAMED: usize = 8;

/// Handouts in the making.
pub(crate) struct HandoutBatch<'a> {
    class: HandoutClass<'a>,
    with_credentials: bool,
    /// What can be written.
    pub(crate) handouts: Vec<StudentHandout<'a>>,
    /// What came of each student's.
    pub(crate) results: Vec<StudentResult>,
    /// Whose credentials should be in their handout and are not on this machine.
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

    /// Makes one more student's handout. `apis` (by API name) are those of theirs that are deployed; `kept` is what this
    /// machine knows of their credentials.
    pub(crate) fn add(
        &mut self,
        student: &'a Student,
        apis: &BTreeMap<String, ApiEndpoint>,
        kept: io::Result<Option<Credentials>>,
    ) {
        let made = self.make(student, apis, kept);
        let username = student.username.clone();
        self.results.push(match &made {
            Ok(_) => StudentResult::new(username, Outcome::Written),
            Err(failure) => StudentResult::new(username, Outcome::Failed).failed(failure.clone()),
        });
        self.handouts.extend(made);
    }

    fn make(
        &mut self,
        student: &'a Student,
        apis: &BTreeMap<String, ApiEndpoint>,
        kept: io::Result<Option<Credentials>>,
    ) -> Result<StudentHandout<'a>, Failure> {
        let class = self.class;
        // Whether there is a key decides what a handout says even where the key itself is not in it.
        let known = kept.as_ref().ok().and_then(Option::as_ref);
        let access = StudentAccess {
            sign_in_url: class.sign_in_url.map(str::to_owned),
            has_keys: known.is_some_and(|known| known.access_key.is_some()),
        };
        let handout = class
            .lab
            .handout(class.scope, class.class, student, apis, &access)
            .map_err(|failure| *failure)?;
        let credentials = match kept {
            // Without the option a file that cannot be read is nobody's trouble.
            _ if !self.with_credentials => None,
            Err(error) => {
                return Err(Failure {
                    subject: "credentials".to_owned(),
                    cause: error.to_string(),
                    hint: None,
                    request_id: None,
                });
            }
            Ok(None) => {
                self.without_credentials.push(student.username.as_str());
                None
            }
            Ok(known) => known,
        };
        Ok(StudentHandout {
            student,
            handout,
            credentials,
        })
    }

    /// What to say of handouts that were written into `dir`, the one to print as `together`.
    pub(crate) fn notes(&self, dir: &Path, together: &Path) -> Vec<String> {
        let mut notes = Vec::new();
        let told = |one: &&StudentHandout<'_>| one.credentials.is_some();
        let secret = self.handouts.iter().filter(told).count();
        if secret > 0 {
            let (contain, them) = match secret {
                1 => ("contains a password: hand it", "it goes"),
                _ => ("contain passwords: hand each", "they go"),
            };
            notes.push(format!(
                "{} {contain} to its student only; {them} with the student's access",
                plural(secret, "handout")
            ));
        }
        if !self.without_credentials.is_empty() {
            notes.push(format!(
                "no credentials on this machine of {}: their handouts are without; `homeroom access grant` makes them",
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
                "1 handout contains a password: hand it to its student only; it goes with the student's access",
                "a page (.html) and its Markdown (.md) for each student are in d; to print them all: d/all.html"
            ],
            "nobody misses the credentials of a handout that is not there"
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
                said[0].contains("credentials on this machine of ana"),
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
}
