//! The administrator's key of an embedded cloud: made anew for every instance, since loopback keeps nobody out.

use std::fs;
use std::io;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::dirs::file_error;
use super::state::save_private;
use crate::error::Result;

/// Letters of an access key id. Source: IAM's API, `accessKeyIdType`; capital letters and digits are what AWS makes.
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The key that may do everything in one embedded cloud. It does not print.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Administrator {
    /// Its id.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
}

impl Administrator {
    /// A new one, from the system's randomness.
    pub fn random() -> io::Result<Self> {
        let mut id = [0; 16];
        let mut secret = [0; 32];
        getrandom::fill(&mut id).map_err(io::Error::other)?;
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
        Ok(Self {
            access_key: "HRAD".chars().chain(id.iter().map(letter)).collect(),
            secret_key: secret.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    /// The one that was kept in a file; `None` where there is none, or none that can be read.
    pub fn load(file: &Path) -> Result<Option<Self>> {
        match fs::read(file) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(file_error(file, &error)),
        }
    }

    /// Keeps it in a file that only its owner can read.
    pub fn save(&self, file: &Path) -> Result<()> {
        save_private(file, self)
    }

    /// Whether this is what the holder of the secret on a port answers to a nonce; see `guard.py`, `prove`.
    pub fn has_made(&self, proof: &[u8], port: u16, nonce: &str) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret_key.as_bytes()) else {
            return false;
        };
        mac.update(format!("homeroom-instance {port} {nonce}").as_bytes());
        mac.verify_slice(proof).is_ok()
    }

    /// How the server is told: one line.
    pub fn line(&self) -> String {
        let told = serde_json::json!({
            "access_key": self.access_key,
            "secret_key": self.secret_key,
        });
        format!("{told}\n")
    }
}

impl std::fmt::Debug for Administrator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Administrator")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn every_instance_has_a_key_of_its_own_that_does_not_print() {
        let (one, other) = (
            Administrator::random().unwrap(),
            Administrator::random().unwrap(),
        );
        assert_ne!(one.access_key, other.access_key);
        assert_ne!(one.secret_key, other.secret_key);
        assert_eq!((one.access_key.len(), one.secret_key.len()), (20, 64));
        assert!(!format!("{one:?}").contains(&one.secret_key));
    }

    #[test]
    fn it_comes_back_as_kept_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("administrator.json");
        assert_eq!(Administrator::load(&file).unwrap(), None);
        let one = Administrator::random().unwrap();
        one.save(&file).unwrap();
        assert_eq!(Administrator::load(&file).unwrap(), Some(one));
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(&file, "{").unwrap();
        assert_eq!(Administrator::load(&file).unwrap(), None);
    }
}
