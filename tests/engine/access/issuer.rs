//! Where credentials go to in these tests: kept in memory, in order, with the calls that had been made by then.

use std::io;
use std::sync::Mutex;

use homeroom::ids::Username;
use homeroom::stack::credentials::{AccessKey, Credentials, password};
use homeroom::stack::issue::Issuer;
use secrecy::{ExposeSecret, SecretString};

use strict_aws::StrictAws;

/// What was kept at one moment, in the open.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub student: String,
    pub password: Option<String>,
    pub key: Option<(String, String)>,
    /// How many calls had arrived by then.
    pub after: usize,
}

#[derive(Default, Clone)]
struct Inside {
    kept: Vec<Kept>,
    /// How often more something can be kept.
    room: usize,
    at_least: usize,
    broken: bool,
    state: u64,
}

pub struct Safe {
    aws: StrictAws,
    inside: Mutex<Inside>,
}

impl Safe {
    pub fn new(aws: &StrictAws) -> Self {
        Self {
            aws: aws.clone(),
            inside: Mutex::new(Inside {
                room: usize::MAX,
                ..Inside::default()
            }),
        }
    }

    /// What was kept here, beside another account.
    pub fn copy(&self, aws: &StrictAws) -> Self {
        Self {
            aws: aws.clone(),
            inside: Mutex::new(self.with(|inside| inside.clone())),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inside) -> T) -> T {
        act(&mut self.inside.lock().unwrap())
    }

    /// Nothing more can be kept after so many times.
    pub fn full_after(&self, times: usize) {
        self.with(|inside| inside.room = times);
    }

    /// Passwords have this many characters, or more.
    pub fn at_least(&self, length: usize) {
        self.with(|inside| inside.at_least = length);
    }

    /// What was kept cannot be read any more.
    pub fn break_what_is_known(&self) {
        self.with(|inside| inside.broken = true);
    }

    /// Everything that was kept, in its order.
    pub fn kept(&self) -> Vec<Kept> {
        self.with(|inside| inside.kept.clone())
    }

    /// What a student's file says now.
    pub fn last(&self, student: &str) -> Option<Kept> {
        let kept = self.kept();
        kept.into_iter().rev().find(|one| one.student == student)
    }
}

impl Issuer for Safe {
    fn password(&self) -> io::Result<SecretString> {
        Ok(self.with(|inside| {
            let state = &mut inside.state;
            // Any bytes do, as long as no two passwords are the same.
            let random = || {
                *state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (*state >> 56) as u8
            };
            password::make(inside.at_least, random)
        }))
    }

    fn sign_in_url(&self) -> &str {
        "https://classroom.signin.aws.amazon.com/console"
    }

    fn known(&self, student: &Username) -> io::Result<Option<Credentials>> {
        if self.with(|inside| inside.broken) {
            return Err(io::Error::other("not as it was written"));
        }
        Ok(self.last(student.as_str()).map(|kept| Credentials {
            username: student.clone(),
            password: kept.password.map(Into::into),
            sign_in_url: self.sign_in_url().to_owned(),
            access_key: kept.key.map(|(id, secret)| AccessKey {
                id,
                secret: secret.into(),
            }),
        }))
    }

    fn keep(&self, credentials: &Credentials) -> io::Result<()> {
        let after = self.aws.calls().len();
        let key = credentials.access_key.as_ref();
        let open = |secret: &SecretString| secret.expose_secret().to_owned();
        self.with(|inside| {
            inside.room = inside
                .room
                .checked_sub(1)
                .ok_or_else(|| io::Error::other("no space left on device"))?;
            inside.kept.push(Kept {
                student: credentials.username.to_string(),
                password: credentials.password.as_ref().map(open),
                key: key.map(|key| (key.id.clone(), open(&key.secret))),
                after,
            });
            Ok(())
        })
    }
}
