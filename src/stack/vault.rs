//! Students' credentials on this machine: `<reports>/<class>/credentials/`, a folder that only its owner can enter and
//! that git ignores. AWS tells a password and a secret key once, so each is written here before anything else goes on.
//!
//! A file a student, in the layout of the console's own `credentials.csv` (`aws configure import --csv` takes it), and
//! one with everybody.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use crate::events::Outcome;
use crate::files::{
    class_dir, keep_private, named, read_if_there, remove_if_there, write_all_whole, write_whole,
};
use crate::ids::{ClassName, Scope, Username};
use crate::stack::credentials::{AccessKey, Credentials};
use crate::stack::kinds::Kind;
use crate::stack::kinds::Observed;
use crate::stack::kinds::managed_policy::Purpose;
use crate::stack::result::{ResourceResult, ResourceState};

/// The file with everybody. A username has no space, so no student's file is called so.
const EVERYBODY: &str = "all students.csv";
/// What is made of everybody's credentials: slips to print, and a table for a mail merge. Not called as a student either.
const SLIPS: [&str; 2] = ["sign-in slips.html", "mail merge.csv"];
const HEADER: [&str; 5] = [
    "User name",
    "Password",
    "Console sign-in URL",
    "Access key ID",
    "Secret access key",
];

/// The folder of a class's credentials.
#[derive(Debug, Clone)]
pub struct Vault {
    dir: PathBuf,
}

impl Vault {
    /// The vault of a class; nothing is made yet.
    pub fn of(reports: &Path, class: &ClassName) -> Self {
        Self {
            dir: class_dir(reports, class).join("credentials"),
        }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn file(&self, student: &Username) -> PathBuf {
        self.dir.join(format!("{student}.csv"))
    }

    pub(crate) fn everybody(&self) -> PathBuf {
        self.dir.join(EVERYBODY)
    }

    /// Keeps a student's credentials: on the disk when this returns.
    ///
    /// # Errors
    /// Names what cannot be written; an older file is as it was then.
    pub(crate) fn keep(&self, credentials: &Credentials) -> io::Result<()> {
        keep_private(&self.dir)?;
        if self.file(&credentials.username).exists() {
            self.forget_slips()?;
        }
        write_whole(&self.file(&credentials.username), &table([credentials])?)
    }

    /// Reads a student's credentials; `None` where there are none.
    ///
    /// # Errors
    /// Names the file that cannot be read or is not as it was written.
    pub fn read(&self, student: &Username) -> io::Result<Option<Credentials>> {
        let path = self.file(student);
        let bytes = read_if_there(&path).map_err(|error| named(&path, &error))?;
        let Some(bytes) = bytes else { return Ok(None) };
        parse(student, &bytes).map(Some).ok_or_else(|| {
            let why = format!(
                "{} is not as homeroom wrote it; `homeroom access grant --rotate --students {student}` makes a new one",
                path.display()
            );
            io::Error::new(io::ErrorKind::InvalidData, why)
        })
    }

    /// Writes the slips' page and table. They hold passwords, and go as soon as one of these is replaced or forgotten.
    ///
    /// # Errors
    /// Names what cannot be written; older files are as they were then.
    pub(crate) fn keep_slips(&self, files: [Vec<u8>; 2]) -> io::Result<[PathBuf; 2]> {
        keep_private(&self.dir)?;
        let paths = SLIPS.map(|name| self.dir.join(name));
        write_all_whole(&self.dir, paths.clone().into_iter().zip(files).collect())?;
        Ok(paths)
    }

    fn forget_slips(&self) -> io::Result<()> {
        SLIPS
            .iter()
            .try_for_each(|name| remove_if_there(&self.dir.join(name)).map(|_| ()))
    }

    /// Forgets a student's credentials. The slips go first: if this stops here, the next run finds the student's file.
    pub(crate) fn forget(&self, student: &Username) -> io::Result<()> {
        if self.file(student).exists() {
            self.forget_slips()?;
        }
        remove_if_there(&self.file(student)).map(|_| ())
    }

    /// Writes the file with everybody anew, from the students' own files; removes it and the folder if there are none.
    /// Returns how many students are in it.
    pub(crate) fn renew_everybody(&self) -> io::Result<usize> {
        let mut students = self.students()?;
        students.sort();
        let mut all = Vec::with_capacity(students.len());
        for student in &students {
            all.extend(self.read(student)?);
        }
        let path = self.everybody();
        if all.is_empty() {
            self.forget_slips()?;
            for leftover in [path, self.dir.join(".gitignore")] {
                remove_if_there(&leftover)?;
            }
            // Somebody's own file in it keeps the folder.
            let _ = fs::remove_dir(&self.dir);
            return Ok(0);
        }
        keep_private(&self.dir)?;
        write_whole(&path, &table(&all)?)?;
        Ok(all.len())
    }

    /// Whose credentials are here.
    pub(crate) fn students(&self) -> io::Result<Vec<Username>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|error| named(&self.dir, &error))?,
        };
        let mut students = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| named(&self.dir, &error))?.file_name();
            let student = name.to_str().and_then(|name| name.strip_suffix(".csv"));
            students.extend(student.and_then(|name| name.parse::<Username>().ok()));
        }
        Ok(students)
    }

    /// Students whose credentials are here and who have no user of the class in `before`. IAM's names are unique in the
    /// account, so such a file opens nothing, if it is for this account: see [`Vault::signs_in_at`].
    pub(crate) fn without_user(&self, class: &ClassName, before: &Observed) -> Vec<Username> {
        let mut here = self.students().unwrap_or_default();
        here.retain(|name| !may_have_user(class, name, before));
        here
    }

    /// Whether a student's credentials are for one of these addresses. A class of the same name may be in another account,
    /// and its files must stay.
    pub(crate) fn signs_in_at(&self, student: &Username, addresses: &[String]) -> bool {
        let known = self.read(student).ok().flatten();
        known.is_some_and(|known| addresses.contains(&known.sign_in_url))
    }
}

/// Whether a student has a user of the class, as far as that could be seen.
pub(crate) fn may_have_user(class: &ClassName, student: &Username, before: &Observed) -> bool {
    let user = before.users.get(student.as_str());
    let is_ours = user.is_some_and(|user| user.path == Scope::role_path(class));
    is_ours || before.gap(Kind::User, student.as_str()).is_some()
}

/// Whether a run deleted a student's user, or found only this lab's access policies left of it: then the credentials open
/// nothing any more.
pub(crate) fn user_is_gone(outcome: Outcome, resources: &[ResourceResult]) -> bool {
    let of = |kind: Kind| resources.iter().filter(move |r| r.resource.kind == kind);
    // Every stack has a policy that bounds its roles; it has nothing to do with access.
    let is_access = |name: &str| Purpose::of_name(name) != Some(Purpose::Roles);
    let mut policies = of(Kind::ManagedPolicy).filter(|r| is_access(&r.resource.name));
    let removed = |r: &ResourceResult| r.state == ResourceState::Removed;
    of(Kind::User).any(removed)
        || (of(Kind::User).next().is_none() && outcome == Outcome::Removed && policies.any(removed))
}

fn table<'a>(all: impl IntoIterator<Item = &'a Credentials>) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for one in all {
        let key = one.access_key.as_ref();
        writer.write_record([
            one.username.as_str(),
            one.password.as_ref().map_or("", |it| it.expose_secret()),
            &one.sign_in_url,
            key.map_or("", |key| &key.id),
            key.map_or("", |key| key.secret.expose_secret()),
        ])?;
    }
    writer.into_inner().map_err(|error| error.into_error())
}

fn parse(student: &Username, bytes: &[u8]) -> Option<Credentials> {
    let mut reader = csv::Reader::from_reader(bytes);
    if reader.headers().ok()?.iter().ne(HEADER) {
        return None;
    }
    let row = reader.records().next()?.ok()?;
    let field = |column: usize| row.get(column).unwrap_or_default();
    if row.len() != HEADER.len() || field(0) != student.as_str() {
        return None;
    }
    let access_key = (!field(3).is_empty()).then(|| AccessKey {
        id: field(3).to_owned(),
        secret: field(4).into(),
    });
    Some(Credentials {
        username: student.clone(),
        password: (!field(1).is_empty()).then(|| field(1).into()),
        sign_in_url: field(2).to_owned(),
        access_key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::kinds::Gap;
    use crate::stack::kinds::ResourceId;

    fn vault(dir: &tempfile::TempDir) -> Vault {
        Vault::of(dir.path(), &"lab6".parse().unwrap())
    }

    fn credentials(name: &str, key: bool) -> Credentials {
        Credentials {
            username: name.parse().unwrap(),
            password: Some("a,\"b\"".into()),
            sign_in_url: "https://1.signin.aws.amazon.com/console".to_owned(),
            access_key: key.then(|| AccessKey {
                id: "AKIA1".to_owned(),
                secret: "s/e+c".into(),
            }),
        }
    }

    #[test]
    fn what_is_kept_is_read_back_by_student_and_is_in_everybodys_file() {
        let dir = tempfile::tempdir().unwrap();
        let vault = vault(&dir);
        vault.keep(&credentials("user2", true)).unwrap();
        vault.keep(&credentials("user1", false)).unwrap();
        let read = vault.read(&"user2".parse().unwrap()).unwrap().unwrap();
        assert_eq!(read.password.unwrap().expose_secret(), "a,\"b\"");
        assert_eq!(read.access_key.unwrap().secret.expose_secret(), "s/e+c");
        assert_eq!(vault.renew_everybody().unwrap(), 2);
        let all = fs::read_to_string(vault.everybody()).unwrap();
        let names: Vec<&str> = all.lines().filter_map(|l| l.split(',').next()).collect();
        assert_eq!(names, ["User name", "user1", "user2"]);
        assert!(vault.read(&"user3".parse().unwrap()).unwrap().is_none());
    }

    #[test]
    fn what_is_forgotten_is_gone_with_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let vault = vault(&dir);
        let student: Username = "user1".parse().unwrap();
        vault.keep(&credentials("user1", true)).unwrap();
        vault.renew_everybody().unwrap();
        vault.forget(&student).unwrap();
        vault.forget(&student).unwrap();
        assert_eq!(vault.renew_everybody().unwrap(), 0);
        assert!(!vault.dir().exists());
    }

    #[test]
    fn slips_go_with_the_first_password_that_is_replaced_or_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let vault = vault(&dir);
        let user1 = "user1".parse().unwrap();
        let write = || {
            vault
                .keep_slips([b"page".to_vec(), b"table".to_vec()])
                .unwrap()
        };
        let there = |paths: &[PathBuf; 2]| paths.iter().filter(|path| path.exists()).count();
        vault.keep(&credentials("user1", false)).unwrap();
        let paths = write();
        vault.keep(&credentials("user2", false)).unwrap();
        assert_eq!(there(&paths), 2, "a new student makes no slip wrong");
        assert_eq!(
            vault.students().unwrap().len(),
            2,
            "they are no students' files"
        );
        vault.forget(&"user3".parse().unwrap()).unwrap();
        assert_eq!(there(&paths), 2, "nothing was forgotten");
        vault.keep(&credentials("user2", false)).unwrap();
        assert_eq!(there(&paths), 0, "a password was replaced");
        write();
        vault.forget(&user1).unwrap();
        assert_eq!(there(&paths), 0, "a password was forgotten");
        write();
        fs::remove_file(vault.file(&"user2".parse().unwrap())).unwrap();
        assert_eq!(vault.renew_everybody().unwrap(), 0);
        assert!(!vault.dir().exists(), "nobody is left");
    }

    #[test]
    fn a_file_that_was_edited_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let vault = vault(&dir);
        vault.keep(&credentials("user1", false)).unwrap();
        let student: Username = "user1".parse().unwrap();
        fs::write(vault.file(&student), "User name\nuser1\n").unwrap();
        let error = vault.read(&student).unwrap_err();
        assert!(error.to_string().contains("user1.csv"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_credentials_and_git_ignores_them() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let vault = vault(&dir);
        // An older folder that was open to all.
        fs::create_dir_all(vault.dir()).unwrap();
        fs::set_permissions(vault.dir(), fs::Permissions::from_mode(0o755)).unwrap();
        vault.keep(&credentials("user1", true)).unwrap();
        vault.renew_everybody().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(vault.dir()), 0o700);
        assert_eq!(mode(&vault.file(&"user1".parse().unwrap())), 0o600);
        assert_eq!(mode(&vault.everybody()), 0o600);
        for path in vault.keep_slips(Default::default()).unwrap() {
            assert_eq!(mode(&path), 0o600);
        }
        let ignore = fs::read_to_string(vault.dir().join(".gitignore")).unwrap();
        assert_eq!(ignore, "*\n");
    }

    #[test]
    fn what_bounds_the_roles_says_nothing_of_access() {
        let gone = |removed: &[(Kind, &str)]| {
            let resources = removed.iter().map(|(kind, name)| ResourceResult {
                resource: ResourceId::new(*kind, *name),
                state: ResourceState::Removed,
                detail: None,
                differs: Default::default(),
            });
            user_is_gone(Outcome::Removed, &resources.collect::<Vec<_>>())
        };
        let role = (Kind::Role, "user1-worker-role");
        let policy = |name| (Kind::ManagedPolicy, name);
        // A stack without access, beside another lab's credentials of the same student.
        assert!(!gone(&[role, policy("user1-roles@1ab118971d80cb5d")]));
        // The user was deleted by hand, and this lab's policies were still there.
        assert!(gone(&[role, policy("user1-access@1ab118971d80cb5d")]));
        assert!(gone(&[(Kind::User, "user1")]));
    }

    #[test]
    fn credentials_without_a_user_are_found_unless_users_could_not_be_seen() {
        let dir = tempfile::tempdir().unwrap();
        let vault = vault(&dir);
        vault.keep(&credentials("user1", false)).unwrap();
        let class = "lab6".parse().unwrap();
        let user1: Username = "user1".parse().unwrap();
        let mut seen = Observed::default();
        assert_eq!(vault.without_user(&class, &seen), vec![user1.clone()]);
        seen.gaps.push(Gap {
            kind: Kind::User,
            name: None,
            student: None,
            cause: "denied".into(),
        });
        assert_eq!(vault.without_user(&class, &seen), []);
        let here = "https://1.signin.aws.amazon.com/console".to_owned();
        assert!(vault.signs_in_at(&user1, &[here]));
        assert!(!vault.signs_in_at(&user1, &["https://2.signin.aws.amazon.com/console".into()]));
    }
}
