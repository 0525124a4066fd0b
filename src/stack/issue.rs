//! Where credentials come from and go to: random passwords, and the file that keeps them. The engine knows neither
//! randomness nor files.

use std::io;

use secrecy::SecretString;

use crate::ids::Username;
use crate::stack::credentials::Credentials;

pub trait Issuer: Send + Sync {
    /// A new random password.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    fn password(&self) -> io::Result<SecretString>;

    /// Where the account's users sign in; empty where there is no console.
    fn sign_in_url(&self) -> &str;

    /// What was kept for a student.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn known(&self, student: &Username) -> io::Result<Option<Credentials>>;

    /// Keeps a student's credentials; they survive a crash once this returns.
    ///
    /// # Errors
    /// When they cannot be kept: then they must not be used.
    fn keep(&self, credentials: &Credentials) -> io::Result<()>;
}
