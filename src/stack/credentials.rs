//! What a student signs in with. Secrets never show in `Debug`, events, logs or reports: code must call `expose_secret`, and
//! only the vault's files, a handout with credentials and a slip do.

use secrecy::SecretString;

use crate::ids::Username;

#[derive(Debug, Clone)]
pub struct Credentials {
    pub username: Username,
    /// The console password that homeroom set, if it is known here. The student must choose another at the first sign-in.
    pub password: Option<SecretString>,
    pub sign_in_url: String,
    /// A key pair for CLI and SDKs, if one was asked for.
    pub access_key: Option<AccessKey>,
}

#[derive(Debug, Clone)]
pub struct AccessKey {
    pub id: String,
    pub secret: SecretString,
}

/// Random passwords that meet any sensible password policy of an account.
pub mod password {
    use secrecy::SecretString;

    /// How long a password is where the account asks for no longer one: about 120 bits.
    pub(crate) const LENGTH: usize = 20;
    /// Most that IAM takes. Source: IAM CreateLoginProfile, `Password`.
    pub(crate) const LENGTH_MAX: usize = 128;

    /// Letters and digits that are not mistaken for each other on paper, and symbols that IAM's password policies
    /// count as such (IAM UpdateAccountPasswordPolicy, `RequireSymbols`; a full stop is none) and no shell or
    /// spreadsheet takes for its own behind a letter.
    const CLASSES: [&[u8]; 4] = [
        b"ABCDEFGHJKLMNPQRSTUVWXYZ",
        b"abcdefghijkmnpqrstuvwxyz",
        b"23456789",
        b"_+-=",
    ];

    /// Makes a password of at least [`LENGTH`] characters, with one of every kind, beginning with a letter. `random`
    /// gives bytes that nobody can foretell.
    pub fn make(at_least: usize, mut random: impl FnMut() -> u8) -> SecretString {
        let length = at_least.clamp(LENGTH, LENGTH_MAX);
        // Skips bytes that would make some characters more likely than others.
        let mut pick = |from: &[u8]| {
            let usable = 256 - 256 % from.len();
            loop {
                let byte = usize::from(random());
                if byte < usable {
                    return from[byte % from.len()];
                }
            }
        };
        let letters: Vec<u8> = CLASSES[..2].concat();
        let all: Vec<u8> = CLASSES.concat();
        loop {
            let mut text = vec![pick(&letters)];
            text.extend((1..length).map(|_| pick(&all)));
            let has = |class: &&[u8]| text.iter().any(|c| class.contains(c));
            if CLASSES.iter().all(has) {
                return String::from_utf8_lossy(&text).into_owned().into();
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use secrecy::ExposeSecret;

        use super::*;

        /// A sequence that runs through every byte.
        fn bytes() -> impl FnMut() -> u8 {
            let mut state = 7_u8;
            move || {
                state = state.wrapping_mul(197).wrapping_add(71);
                state
            }
        }

        #[test]
        fn a_password_has_every_kind_of_character_and_the_accounts_length() {
            for (asked, length) in [(0, 20), (8, 20), (32, 32), (500, 128)] {
                let password = make(asked, bytes());
                let text = password.expose_secret();
                assert_eq!(text.len(), length);
                for class in CLASSES {
                    assert!(text.bytes().any(|c| class.contains(&c)), "{text}");
                }
                assert!(text.starts_with(|c: char| c.is_ascii_alphabetic()));
                // IAM UpdateAccountPasswordPolicy, `RequireSymbols`.
                let counts = |c: char| "!@#$%^&*()_+-=[]{}|'".contains(c);
                let symbols: String = text.chars().filter(|c| !c.is_alphanumeric()).collect();
                assert!(symbols.chars().all(counts), "{symbols}");
            }
        }

        #[test]
        fn a_password_does_not_show_where_things_are_printed() {
            let password = make(0, bytes());
            assert!(!format!("{password:?}").contains(password.expose_secret()));
        }
    }
}
