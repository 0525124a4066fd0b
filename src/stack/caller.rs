//! Whose key this is, by the ARN that AWS says: a student's, or somebody's who is no student.

use crate::error::{Error, Exit, Result};
use crate::ids::{ClassName, Scope, Username};
use crate::text::show::clean;

/// For whoever has a key that is no student's.
const OWN_KEY: &str = "use the access key that your instructor gave you (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or \
     --profile); an instructor looks with `homeroom status`";

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    Student(StudentCaller),
    /// The account itself.
    Root,
    /// A role or a federated user, by name: a person who signed in for a while, and no student of a class.
    Session(String),
    /// An IAM user outside of every class.
    OtherUser(String),
    /// AWS said something else.
    Unknown(String),
}

/// A student, as the IAM user's name and path tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StudentCaller {
    pub(crate) partition: String,
    pub(crate) account: String,
    pub(crate) class: ClassName,
    pub(crate) username: Username,
}

impl Caller {
    /// Reads the ARN that sts:GetCallerIdentity answers. Only homeroom makes users below a class's path, and such a
    /// user is named like the student.
    pub(crate) fn of(arn: &str) -> Self {
        let unknown = || Self::Unknown(arn.to_owned());
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", partition, service, _, account, resource] = parts[..] else {
            return unknown();
        };
        let (kind, path) = resource.split_once('/').unwrap_or((resource, ""));
        match (service, kind) {
            ("iam", "root") => Self::Root,
            ("iam", "user") => {
                let name = path.rsplit('/').next().unwrap_or_default();
                let student = student_of(path).map(|(class, username)| StudentCaller {
                    partition: partition.to_owned(),
                    account: account.to_owned(),
                    class,
                    username,
                });
                student.map_or_else(|| Self::OtherUser(name.to_owned()), Self::Student)
            }
            ("sts", "assumed-role" | "federated-user") => {
                let name = path.split('/').next().unwrap_or_default();
                Self::Session(name.to_owned())
            }
            _ => unknown(),
        }
    }

    /// The student.
    ///
    /// # Errors
    /// Says who it is, where that is no student, and what to do.
    pub(crate) fn student(self) -> Result<StudentCaller> {
        let cause = match self {
            Self::Student(student) => return Ok(student),
            Self::Root => {
                "this is the account itself (its root user), which is no student".to_owned()
            }
            Self::Session(name) => format!(
                "this is a session of {}, which is no student's user",
                clean(&name)
            ),
            Self::OtherUser(name) => format!(
                "this is the IAM user {}, who is no student of a homeroom class",
                clean(&name)
            ),
            Self::Unknown(arn) => format!("this is {}, which is no student's user", clean(&arn)),
        };
        Err(Error::new(Exit::General, "your key", cause).hint(OWN_KEY))
    }
}

/// Class and username in `homeroom/<class>/<username>`.
fn student_of(path: &str) -> Option<(ClassName, Username)> {
    let (class, username) = path.strip_prefix("homeroom/")?.split_once('/')?;
    let (class, username): (ClassName, Username) = (class.parse().ok()?, username.parse().ok()?);
    Some((class, username))
}

impl StudentCaller {
    /// Refuses another account than the one that was asked for.
    ///
    /// # Errors
    /// Names both.
    pub(crate) fn require_account(&self, wanted: Option<impl ToString>) -> Result<()> {
        match wanted.map(|wanted| wanted.to_string()) {
            Some(wanted) if wanted != self.account => {
                let cause = format!("--account allows {wanted} only; nothing was read");
                let hint = "choose the right key with --profile, or leave --account out";
                Err(
                    Error::new(Exit::Refused, format!("account {}", self.account), cause)
                        .hint(hint),
                )
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn scope(&self, region: &str) -> Scope {
        Scope {
            partition: self.partition.clone(),
            account: self.account.clone(),
            region: region.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_students_user_names_class_and_username() {
        for (partition, class, username) in [
            ("aws", "demo", "user1"),
            ("aws-us-gov", "spring-lab6", "user-1_b"),
        ] {
            let scope = Scope {
                partition: partition.into(),
                account: "123456789012".into(),
                region: "us-gov-west-1".into(),
            };
            let arn = scope.user_arn(&class.parse().unwrap(), username);
            let student = Caller::of(&arn).student().unwrap();
            assert_eq!(student.class.as_str(), class);
            assert_eq!(student.username.as_str(), username);
            assert_eq!(student.scope("us-gov-west-1"), scope);
        }
    }

    #[test]
    fn everybody_else_is_told_who_they_are_and_what_to_do() {
        for (arn, said) in [
            ("arn:aws:iam::1:root", "root user"),
            ("arn:aws:iam::1:user/teacher", "IAM user teacher"),
            (
                "arn:aws:iam::1:user/staff/homeroom/demo/user1",
                "IAM user user1",
            ),
            ("arn:aws:iam::1:user/homeroom/user1", "IAM user user1"),
            (
                "arn:aws:iam::1:user/homeroom/demo/deep/user1",
                "IAM user user1",
            ),
            (
                "arn:aws:iam::1:user/homeroom/a class/user1",
                "IAM user user1",
            ),
            ("arn:aws:sts::1:assumed-role/Admin/me", "session of Admin"),
            (
                "arn:aws:sts::1:assumed-role/user1-worker-role/f",
                "session of user1-worker-role",
            ),
            ("arn:aws:sts::1:federated-user/me", "session of me"),
            (
                "arn:aws:iam::1:role/homeroom/demo/user1",
                "no student's user",
            ),
            ("\u{1b}[2J", "no student's user"),
            ("", "no student's user"),
        ] {
            let error = Caller::of(arn).student().unwrap_err();
            let failure = &error.failures[0];
            assert!(failure.cause.contains(said), "{arn}: {failure}");
            assert!(!failure.cause.contains('\u{1b}'), "{failure}");
            assert!(failure.hint.as_ref().unwrap().contains("--profile"));
            assert_eq!(error.exit, Exit::General);
        }
    }
}
