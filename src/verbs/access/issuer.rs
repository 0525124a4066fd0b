//! Credentials for a run of `access grant`: passwords from the system's random source, kept in the vault.

use std::io;

use secrecy::SecretString;

use crate::aws::Client;
use crate::ids::Username;
use crate::stack::credentials::{Credentials, password};
use crate::stack::issue::Issuer;
use crate::stack::vault::Vault;
use crate::verbs::session::Session;

pub(super) struct VaultIssuer {
    vault: Vault,
    /// Least characters that the account's password policy asks for.
    shortest: usize,
    sign_in_url: String,
}

impl VaultIssuer {
    /// Asks the account for what a password must be, and where its users sign in. Without the right to read the policy
    /// a password has the usual length; AWS refuses it where that is too short.
    pub(crate) async fn new(client: &Client, session: &Session, vault: Vault) -> Self {
        let mut issuer = Self::idle(vault);
        let shortest = client.shortest_password().await.unwrap_or_default();
        issuer.shortest = shortest.and_then(|n| n.try_into().ok()).unwrap_or(0);
        if session.client.is_aws() {
            let alias = client.account_alias().await.unwrap_or_default();
            issuer.sign_in_url = session.scope().sign_in_url(alias.as_deref());
        }
        issuer
    }

    /// For a run that has nothing to do.
    pub(crate) fn idle(vault: Vault) -> Self {
        Self {
            vault,
            shortest: 0,
            sign_in_url: String::new(),
        }
    }
}

impl Issuer for VaultIssuer {
    fn password(&self) -> io::Result<SecretString> {
        // A password takes about twenty bytes, and a few times that when it must be made again (no digit, for example).
        let mut pool = [0_u8; 4096];
        getrandom::fill(&mut pool)
            .map_err(|error| io::Error::other(format!("no random bytes: {error}")))?;
        let mut bytes = pool.iter().copied().cycle();
        let random = || bytes.next().unwrap_or_default();
        Ok(password::make(self.shortest, random))
    }

    fn sign_in_url(&self) -> &str {
        &self.sign_in_url
    }

    fn known(&self, student: &Username) -> io::Result<Option<Credentials>> {
        self.vault.read(student)
    }

    fn keep(&self, credentials: &Credentials) -> io::Result<()> {
        self.vault.keep(credentials)
    }
}
