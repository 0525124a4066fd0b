//! The shipped lab's handouts of a made-up class, for tests and pictures.
#![expect(
    clippy::unwrap_used,
    reason = "sample data: a wrong literal should stop the test or the example at once"
)]

use std::collections::BTreeMap;
use std::path::Path;

use homeroom::ids::{ClassName, Scope};
use homeroom::lab::bundle;
use homeroom::lab::{Lab, StudentAccess};
use homeroom::report::handout::{HandoutClass, StudentHandout};
use homeroom::report::slips::SlipBatch;
use homeroom::roster::Student;
use homeroom::stack::credentials::{AccessKey, Credentials};
use homeroom::stack::kinds::api::ApiEndpoint;

/// A class on AWS, whose students have a console and, some of them, a key.
pub struct Sample {
    pub lab: Lab,
    pub class: ClassName,
    pub scope: Scope,
    pub sign_in_url: String,
    pub students: Vec<Student>,
}

/// A secret that must be in a page only when it was asked for; for a long name as long as IAM takes one.
pub fn password(username: &str) -> String {
    let password = format!("Pw+{username}_q7Xw");
    match username.len() {
        40.. => format!("{password:_<128}"),
        _ => password,
    }
}

/// Another.
pub fn secret_key(username: &str) -> String {
    format!("wJalr/{username}+bPxRfiCY")
}

pub fn student(username: &str, name: &str, section: &str) -> Student {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Student {
        username: username.parse().unwrap(),
        name: some(name),
        email: None,
        section: some(section),
        extra: Vec::new(),
        due: None,
        place: None,
    }
}

impl Sample {
    pub fn of(students: Vec<Student>) -> Self {
        let scope = Scope {
            partition: "aws".to_owned(),
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
        };
        Self {
            lab: bundle::load(Some(Path::new(env!("CARGO_MANIFEST_DIR")))).unwrap(),
            class: "spring-lab6".parse().unwrap(),
            sign_in_url: scope.sign_in_url(Some("northfield-college")),
            scope,
            students,
        }
    }

    pub fn class(&self) -> HandoutClass<'_> {
        HandoutClass {
            class: &self.class,
            lab: &self.lab,
            scope: &self.scope,
            sign_in_url: Some(&self.sign_in_url),
        }
    }

    /// Everybody's handout. All have a password and a key; `told`: whether their handouts say them.
    pub fn handouts(&self, told: bool) -> Vec<StudentHandout<'_>> {
        let one = |student| {
            let access = StudentAccess {
                sign_in_url: Some(self.sign_in_url.clone()),
                has_keys: true,
            };
            let handout =
                self.lab
                    .handout(&self.scope, &self.class, student, &apis(student), &access);
            StudentHandout {
                student,
                at: self.class(),
                handout: handout.unwrap(),
                credentials: told.then(|| self.credentials(student)),
            }
        };
        self.students.iter().map(one).collect()
    }

    /// The page and the table of everybody's slips.
    pub fn slips(&self) -> [Vec<u8>; 2] {
        let mut batch = SlipBatch::new(self.class());
        for student in &self.students {
            batch.add(student, &apis(student), Ok(Some(self.credentials(student))));
        }
        batch.files().unwrap()
    }

    fn credentials(&self, student: &Student) -> Credentials {
        let username = &student.username;
        Credentials {
            username: username.clone(),
            password: Some(password(username.as_str()).into()),
            sign_in_url: self.sign_in_url.clone(),
            access_key: Some(AccessKey {
                id: format!("AKIA{}", username.as_str().to_uppercase()),
                secret: secret_key(username.as_str()).into(),
            }),
        }
    }
}

fn apis(student: &Student) -> BTreeMap<String, ApiEndpoint> {
    let username = &student.username;
    let endpoint = ApiEndpoint {
        id: format!("api{username}"),
        url: format!("https://k3x9{username}.execute-api.us-east-1.amazonaws.com/prod"),
    };
    BTreeMap::from([(format!("{username}-workflow-api"), endpoint)])
}
