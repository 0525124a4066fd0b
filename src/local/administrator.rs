//! The administrator's key of an embedded cloud. Every instance has a new one, because any user can reach loopback.

use std::io;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::text::hex;

/// Letters of an access key id. Source: IAM's API, `accessKeyIdType`; capital letters and digits are what AWS makes.
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The key that may do everything in one embedded cloud. `Debug` leaves the secret out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Administrator {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
}

impl Administrator {
    pub(crate) fn random() -> io::Result<Self> {
        let id = random::<16>()?;
        let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
        Ok(Self {
            access_key: "HRAD".chars().chain(id.iter().map(letter)).collect(),
            secret_key: hex(&random::<32>()?),
        })
    }

    /// Whether the holder of the secret made this proof, on this port and for this nonce; see `guard.py`, `prove`.
    pub(crate) fn has_made(&self, proof: &[u8], port: u16, nonce: &str) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret_key.as_bytes()) else {
            return false;
        };
        mac.update(format!("homeroom-instance {port} {nonce}").as_bytes());
        mac.verify_slice(proof).is_ok()
    }

    /// The line that tells the server.
    pub(crate) fn line(&self) -> String {
        let told = serde_json::json!({
            "access_key": self.access_key,
            "secret_key": self.secret_key,
        });
        format!("{told}\n")
    }
}

/// From the system's randomness.
pub(super) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
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
}
