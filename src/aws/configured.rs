//! What AWS's own configuration of this machine says of credentials, before any request: so that a mistyped profile and a
//! machine without credentials are told in a sentence, and at once.
//!
//! The search of the SDK ends at an address that answers only on EC2. Elsewhere it waits there, and then speaks of that
//! address alone.

use std::net::SocketAddr;
use std::time::Duration;

use aws_config::profile::{Profile, ProfileSet, load};
use aws_types::os_shim_internal::{Env, Fs};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use super::error::CallError;
use crate::error::{Error, Exit};
use crate::text::similar::did_you_mean;

/// Where EC2 instances get credentials. It is one hop away, or nowhere.
const INSTANCE: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(169, 254, 169, 254)),
    80,
);
const INSTANCE_TIMEOUT: Duration = Duration::from_millis(250);

/// Where the credentials will come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CredentialSource {
    /// Variables of the environment, or of a container.
    Variables,
    /// A profile; `signs_in` where a person signs in for it (`aws sso login`, `aws login`).
    Profile { name: String, signs_in: bool },
    /// The files cannot be read. The SDK says why.
    Unreadable,
    /// Something answers where EC2 instances get theirs.
    Instance { profiles: Vec<String> },
}

/// Why there can be no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoCredentials {
    /// The files have no profile of that name.
    UnknownProfile { name: String, known: Vec<String> },
    /// The profile has nothing that gives credentials.
    EmptyProfile { name: String },
    /// The profile's sign-in gives none: mostly because nobody has signed in, or not lately. The SDK says why.
    SignedOut { name: String, said: String },
    /// None anywhere.
    Nowhere { profiles: Vec<String> },
}

/// Where credentials come from: of that profile, else by the rules of the SDK.
///
/// # Errors
/// Why there can be none.
pub(crate) async fn credential_source(
    profile: Option<&str>,
) -> Result<CredentialSource, NoCredentials> {
    let env = Env::real();
    let files = load(&Fs::real(), &env, &Default::default(), None).await;
    let Ok(files) = files else {
        return Ok(CredentialSource::Unreadable);
    };
    match judge(profile, &env, &files)? {
        Some(source) => Ok(source),
        None if instance_answers(&env).await => Ok(CredentialSource::Instance {
            profiles: sorted(&files),
        }),
        None => Err(NoCredentials::Nowhere {
            profiles: sorted(&files),
        }),
    }
}

/// The profiles that the files have; none where they cannot be read.
pub(crate) async fn profiles() -> Vec<String> {
    let files = load(&Fs::real(), &Env::real(), &Default::default(), None).await;
    files.as_ref().map(sorted).unwrap_or_default()
}

/// `None`: only an EC2 instance could give some.
fn judge(
    profile: Option<&str>,
    env: &Env,
    files: &ProfileSet,
) -> Result<Option<CredentialSource>, NoCredentials> {
    let is_set = |name: &str| env.get(name).is_ok_and(|value| !value.is_empty());
    // Without a profile that was asked for, variables come first.
    if profile.is_none() && is_set("AWS_ACCESS_KEY_ID") {
        return Ok(Some(CredentialSource::Variables));
    }
    let asked = profile.is_some() || is_set("AWS_PROFILE");
    let name = profile.unwrap_or_else(|| files.selected_profile());
    match files.get_profile(name) {
        Some(found) if gives_credentials(found) => {
            return Ok(Some(CredentialSource::Profile {
                name: name.to_owned(),
                signs_in: signs_in(found),
            }));
        }
        Some(_) if profile.is_some() => {
            return Err(NoCredentials::EmptyProfile {
                name: name.to_owned(),
            });
        }
        None if asked => {
            return Err(NoCredentials::UnknownProfile {
                name: name.to_owned(),
                known: sorted(files),
            });
        }
        _ => {}
    }
    let of_container = [
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ];
    let of_container = of_container.into_iter().any(is_set);
    Ok(of_container.then_some(CredentialSource::Variables))
}

fn gives_credentials(profile: &Profile) -> bool {
    let keys = ["aws_access_key_id", "role_arn", "credential_process"];
    signs_in(profile) || keys.iter().any(|key| profile.get(key).is_some())
}

fn signs_in(profile: &Profile) -> bool {
    let keys = ["sso_session", "sso_start_url", "login_session"];
    keys.iter().any(|key| profile.get(key).is_some())
}

fn sorted(files: &ProfileSet) -> Vec<String> {
    let mut names: Vec<String> = files.profiles().map(str::to_owned).collect();
    names.sort_unstable();
    names
}

/// Whether something answers where EC2 instances get their credentials and their region.
pub(super) async fn instance_answers(env: &Env) -> bool {
    let disabled = env.get("AWS_EC2_METADATA_DISABLED");
    if disabled.is_ok_and(|value| value.eq_ignore_ascii_case("true")) {
        return false;
    }
    // Whoever names another address has one.
    if env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT").is_ok() {
        return true;
    }
    static ANSWERS: OnceCell<bool> = OnceCell::const_new();
    let answers = ANSWERS.get_or_init(|| async {
        let connected = tokio::time::timeout(INSTANCE_TIMEOUT, TcpStream::connect(INSTANCE)).await;
        connected.is_ok_and(|stream| stream.is_ok())
    });
    *answers.await
}

impl CredentialSource {
    pub(crate) fn profile(&self) -> Option<&str> {
        match self {
            Self::Profile { name, .. } => Some(name),
            _ => None,
        }
    }

    /// What the search that failed means, where that can be said better than the SDK does.
    pub(crate) fn failed(&self, error: &CallError) -> Option<NoCredentials> {
        let CallError::Cloud(error) = error else {
            return None;
        };
        match self {
            _ if error.code != super::classify::NO_CREDENTIALS_CODE => None,
            Self::Instance { profiles } => Some(NoCredentials::Nowhere {
                profiles: profiles.clone(),
            }),
            Self::Profile {
                name,
                signs_in: true,
            } => Some(NoCredentials::SignedOut {
                name: name.clone(),
                said: error.message.clone(),
            }),
            Self::Profile { .. } | Self::Variables | Self::Unreadable => None,
        }
    }
}

impl From<NoCredentials> for Error {
    fn from(why: NoCredentials) -> Self {
        match why {
            NoCredentials::UnknownProfile { name, known } => {
                let hint = did_you_mean(&name, known.iter().map(String::as_str));
                let hint = hint.unwrap_or_else(|| match known[..] {
                    [] => {
                        "there is no profile at all yet: `aws configure sso` makes one".to_owned()
                    }
                    _ => format!("the profiles are {}", known.join(", ")),
                });
                let cause = "there is no such profile in your AWS configuration (~/.aws/config and ~/.aws/credentials)";
                Self::new(Exit::Invalid, format!("profile {name}"), cause).hint(hint)
            }
            NoCredentials::EmptyProfile { name } => {
                let cause = "it has no credentials: neither a key nor a role nor a sign-in";
                Self::new(Exit::General, format!("profile {name}"), cause).hint(format!(
                    "run `aws configure sso --profile {name}`, then the same command again"
                ))
            }
            NoCredentials::SignedOut { name, said } => {
                let cause = format!("its sign-in gives no credentials: {said}");
                Self::new(Exit::General, format!("profile {name}"), cause).hint(format!(
                    "if nobody is signed in, or the session is over: run `aws sso login --profile {name}`, then the same \
                     command again"
                ))
            }
            NoCredentials::Nowhere { profiles } => {
                let hint = match &profiles[..] {
                    [] => "`aws configure sso` makes a profile, here called NAME; then run `aws sso login --profile NAME`, and \
                         the same command again with --profile NAME".to_owned(),
                    [only] => format!("run the same command again with --profile {only}, after `aws sso login --profile {only}` if it signs in"),
                    several => format!("choose one of your profiles with --profile: {}", several.join(", ")),
                };
                Self::new(
                    Exit::General,
                    "AWS",
                    "there are no credentials on this machine",
                )
                .hint(hint)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "[default]\nregion = eu-west-1\n[profile training]\nsso_session = uni\n[profile lab]\nrole_arn = arn:x\n\
        [profile place]\nregion = eu-west-1\n[sso-session uni]\nsso_region = eu-west-1\n";
    const SECRETS: &str = "[teacher]\naws_access_key_id = AKIA\naws_secret_access_key = x\n";

    async fn judged(
        profile: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Result<Option<CredentialSource>, NoCredentials> {
        let variables = [&[("HOME", "/home/me")], variables].concat();
        let env = Env::from_slice(&variables);
        let files = Fs::from_slice(&[
            ("/home/me/.aws/config", CONFIG),
            ("/home/me/.aws/credentials", SECRETS),
        ]);
        let files = load(&files, &env, &Default::default(), None).await;
        judge(profile, &env, &files.expect("both files can be read"))
    }

    fn of(name: &str, signs_in: bool) -> Result<Option<CredentialSource>, NoCredentials> {
        let name = name.to_owned();
        Ok(Some(CredentialSource::Profile { name, signs_in }))
    }

    #[tokio::test]
    async fn a_profile_of_either_file_gives_credentials() {
        assert_eq!(judged(Some("training"), &[]).await, of("training", true));
        assert_eq!(judged(Some("teacher"), &[]).await, of("teacher", false));
        assert_eq!(judged(Some("lab"), &[]).await, of("lab", false));
        let chosen = [("AWS_PROFILE", "lab")];
        assert_eq!(judged(None, &chosen).await, of("lab", false));
        let empty = NoCredentials::EmptyProfile {
            name: "place".into(),
        };
        assert_eq!(judged(Some("place"), &[]).await, Err(empty));
    }

    #[tokio::test]
    async fn a_mistyped_profile_gets_the_near_one_as_an_invalid_input() {
        for (option, variables) in [
            (Some("trainnig"), vec![]),
            (Some("trainnig"), vec![("AWS_ACCESS_KEY_ID", "AKIA")]),
            (None, vec![("AWS_PROFILE", "trainnig")]),
        ] {
            let error = Error::from(judged(option, &variables).await.expect_err("a typo"));
            assert_eq!(error.exit, Exit::Invalid);
            assert_eq!(
                error.failures[0].hint.as_deref(),
                Some("did you mean 'training'?")
            );
        }
    }

    #[tokio::test]
    async fn keys_in_the_environment_count_unless_a_profile_is_asked_for() {
        let keys = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_PROFILE", "trainnig")];
        let found = judged(None, &keys).await;
        assert_eq!(found, Ok(Some(CredentialSource::Variables)));
        assert_eq!(judged(Some("lab"), &keys).await, of("lab", false));
        let container = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/x")];
        let found = judged(None, &container).await;
        assert_eq!(found, Ok(Some(CredentialSource::Variables)));
        assert_eq!(judged(None, &[]).await, Ok(None), "only an instance could");
    }

    #[test]
    fn what_the_search_found_missing_is_said_without_the_instances_address() {
        let error = crate::aws::CloudError::new(
            crate::aws::Operation::GetCallerIdentity,
            crate::aws::ErrorKind::Credentials,
            super::super::classify::NO_CREDENTIALS_CODE,
            "failed to load IMDS session token",
        );
        let instance = CredentialSource::Instance {
            profiles: vec!["training".into()],
        };
        let said = Error::from(instance.failed(&error.clone().into()).expect("said better"));
        assert_eq!(
            said.to_string(),
            "AWS: there are no credentials on this machine"
        );
        let hint = said.failures[0].hint.as_deref().unwrap_or_default();
        assert!(hint.contains("--profile training"), "{hint}");
        let profile = CredentialSource::Profile {
            name: "training".into(),
            signs_in: true,
        };
        let said = Error::from(profile.failed(&error.clone().into()).expect("its profile"));
        assert!(
            said.to_string()
                .contains("failed to load IMDS session token")
        );
        let refused = crate::aws::CloudError {
            code: "ExpiredToken".into(),
            ..error
        };
        assert_eq!(
            instance.failed(&refused.into()),
            None,
            "AWS's own words count"
        );
    }
}
