//! A class at one of its places, an account and region: connecting, and what every verb asks of both.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::class::{Class, invalid};
use super::say::general;
use super::say::note_at_once;
use super::unreached::check_network;
use crate::aws::configured::CredentialSource;
use crate::aws::pacing::{Overrides, Pace, quotas_of_region};
use crate::aws::{
    self, CallError, CallerIdentity, Client, ConnectOptions, ErrorKind, NO_ROLE_CODE, regions,
};
use crate::error::{Error, Exit, Result};
use crate::evidence::cache::CacheKey;
use crate::evidence::kept::ClassFiles;
use crate::files::class_dir;
use crate::ids::{PlaceName, Scope};
use crate::lab::Lab;
use crate::lab::allowed::JudgedRisks;
use crate::local;
use crate::options::{AccountId, CloudTarget, Profile, QuotaScale, Region, Ui};
use crate::roster::Student;
use crate::stack::hints;
use crate::stack::kinds::{Desired, Gap, Stack};
use crate::stack::kinds::{Observed, api::ApiEndpoint};
use crate::stack::vault::Vault;

/// A class at one place.
pub(super) struct Session {
    /// With the students of this place alone, and its settings.
    pub(crate) class: Class,
    /// Its name, where the class has several.
    pub(crate) place: Option<PlaceName>,
    /// AWS, outside of any run.
    pub(crate) client: Client,
    pub(crate) desired: Desired,
}

/// A place during a run.
pub(super) struct At<'a> {
    pub(crate) session: &'a Session,
    /// With its own pace and limits, and the run's events and stop.
    pub(crate) client: Client,
}

impl Class {
    /// `source`: where AWS's credentials come from.
    pub(super) async fn open(
        self,
        options: ConnectOptions,
        source: Option<CredentialSource>,
        place: Option<PlaceName>,
    ) -> Result<Session> {
        let client = aws::connect(options).await;
        let profile = match &self.settings.target {
            CloudTarget::Aws { profile, .. } => profile.as_ref(),
            CloudTarget::Local => None,
        };
        let identity = client.caller_identity().await;
        let identity = identity.map_err(|error| {
            let begun = cannot_begin(&error, source, profile, client.region());
            match (&place, error.kind()) {
                (Some(place), Some(ErrorKind::Unreachable | ErrorKind::Ambiguous)) => {
                    begun.hint(check_network(place))
                }
                _ => begun,
            }
        })?;
        require_account(&identity, self.settings.account.as_ref(), place.as_ref())?;
        let scope = identity.scope(client.region());
        // Who there is, and at which place, shows later (`Sessions::fill_in`, `Sessions::divide`).
        let students = match place {
            Some(_) => &[],
            None => self.students.as_slice(),
        };
        let desired = self.desired(&scope, students)?;
        if let Some(cause) = self.settings.foreign_boundary(&scope.account) {
            let cause = format!("{cause}; nothing was touched");
            return Err(
                Error::new(Exit::Invalid, "homeroom.toml (role_boundary)", cause).hint(
                    "name the policy in this account, or choose the right account with --profile",
                ),
            );
        }
        Ok(Session {
            class: self,
            place,
            client,
            desired,
        })
    }
}

impl Session {
    pub(crate) fn folder(&self) -> PathBuf {
        class_dir(&self.class.settings.reports, self.class.name())
    }

    /// What is remembered of the class, in this account and region.
    pub(crate) fn files(&self) -> ClassFiles {
        let Desired {
            scope, class, lab, ..
        } = &self.desired;
        ClassFiles::new(self.folder(), CacheKey::new(scope, class, lab))
    }

    pub(crate) fn vault(&self) -> Vault {
        Vault::of(&self.class.settings.reports, self.class.name())
    }

    /// Keeps who the students are, as the roster says.
    pub(crate) fn keep_people(&self) {
        let class = &self.class;
        self.files()
            .keep_people(&class.roster.students, &class.students);
    }

    /// Holds the lab's policies against each other.
    pub(crate) fn held_policies(&self) -> Result<()> {
        let class = &self.class;
        let held = class.lab.hold_policies(&self.desired, &class.students);
        held.map_err(invalid)
    }

    /// What the lab asks for beyond what a lab needs.
    pub(crate) fn risks(&self) -> JudgedRisks {
        let class = &self.class;
        let risks = class.lab.risks(&self.desired, &class.students);
        JudgedRisks::of(risks, &class.settings.allow_in_roles)
    }

    /// What could not be seen, with the place where that is one of several.
    pub(crate) fn gaps(&self, gaps: Vec<Gap>) -> Vec<Gap> {
        let Some(place) = &self.place else {
            return gaps;
        };
        let named = gaps.into_iter().map(|gap| Gap {
            cause: format!("place {place}: {}", gap.cause),
            ..gap
        });
        named.collect()
    }

    pub(crate) fn stacks(&self) -> impl Iterator<Item = (&Stack, &Student)> {
        self.desired.stacks.iter().zip(&self.class.students)
    }

    /// Where a student's APIs answer.
    pub(crate) fn endpoints(
        &self,
        stack: &Stack,
        observed: &Observed,
    ) -> BTreeMap<String, ApiEndpoint> {
        let invoke_url = |id: &str, stage: &str| self.client.invoke_url(id, stage);
        observed.endpoints(self.scope(), stack, invoke_url)
    }

    /// Refuses to try the students' APIs where nobody knows their address: AWS's would be somebody else's.
    pub(crate) async fn require_invoke_address(&self) -> Result<()> {
        if self.client.knows_invoke_address().await {
            return Ok(());
        }
        let region = &self.scope().region;
        let cause = "the students' APIs do not answer at AWS's address there, and the endpoint does not say that it is like \
             LocalStack, so their address is not known; nothing was tried";
        let of_aws = format!("'https://{{api_id}}.execute-api.{region}.amazonaws.com/{{stage}}'");
        let (subject, option) = match self.place {
            None => ("--endpoint-url", "--invoke-base "),
            Some(_) => ("endpoint-url in homeroom.toml", "invoke-base = "),
        };
        let hint = format!(
            "name the address with {}, with {{api_id}} and {{stage}} in it: for a proxy in front of AWS {option}{of_aws}",
            option.trim_end_matches([' ', '='])
        );
        Err(Error::new(Exit::Invalid, subject, cause).hint(hint))
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.desired.scope
    }

    /// Whether another place is in the same account, which has one IAM.
    pub(crate) fn is_in_account_of(&self, other: &Self) -> bool {
        self.scope().account == other.scope().account
    }

    /// The region's quotas, and the account's own where the settings say that they are not the published ones.
    pub(crate) fn quotas(&self) -> Overrides {
        let own = self.class.settings.quotas.iter();
        let own = own.map(|(operation, q)| (*operation, (q.rate, f64::from(q.burst))));
        let mut quotas = quotas_of_region(&self.scope().region);
        quotas.extend(own);
        quotas
    }

    pub(crate) fn pace(&self) -> Pace {
        pace(self.class.settings.quota_scale)
    }
}

/// The options for the embedded cloud that runs at an endpoint.
pub(super) fn embedded(
    endpoint: &local::Endpoint,
    asked: Option<&Region>,
    lab: &Lab,
) -> ConnectOptions {
    ConnectOptions {
        region: asked.map_or_else(|| lab.region().to_owned(), ToString::to_string),
        endpoint_url: Some(endpoint.url.clone()),
        invoke_base: Some(endpoint.invoke_base.clone()),
        credentials: Some((endpoint.access_key.clone(), endpoint.secret_key.clone())),
        ..ConnectOptions::default()
    }
}

/// Refuses another account than the one that the settings allow.
pub(super) fn require_account(
    identity: &CallerIdentity,
    wanted: Option<&AccountId>,
    place: Option<&PlaceName>,
) -> Result<()> {
    let Some(wanted) = wanted.filter(|wanted| wanted.as_str() != identity.account) else {
        return Ok(());
    };
    let account = format!("account {}", identity.account);
    let (cause, hint) = match place {
        None => (
            format!("--account allows {wanted} only; nothing was touched"),
            "choose the right account with --profile, or change --account".to_owned(),
        ),
        Some(place) => (
            format!("place {place} of homeroom.toml allows {wanted} only; nothing was touched"),
            format!("correct profile, role_arn or account of place {place}"),
        ),
    };
    Err(Error::new(Exit::Refused, account, cause).hint(hint))
}

/// The options with the region that was asked for, else that of AWS's own configuration, else the lab's.
///
/// # Errors
/// [`Exit::Invalid`]: the region of AWS's configuration is mistyped.
pub(super) async fn in_region(
    asked: Option<&Region>,
    lab: &Lab,
    mut options: ConnectOptions,
    ui: Ui,
) -> Result<ConnectOptions> {
    options.region = match asked {
        Some(region) => region.to_string(),
        None => match aws::default_region(options.profile.as_deref()).await {
            Some(region) => {
                let read: std::result::Result<Region, String> = region.parse();
                let region = read.map_err(|why| {
                    let subject = format!("region {region} of your AWS configuration");
                    let hint =
                        "change AWS_REGION or the profile's region, or name one with --region";
                    Error::new(Exit::Invalid, subject, why).hint(hint)
                })?;
                region.to_string()
            }
            None => lab.region().to_owned(),
        },
    };
    let region = &options.region;
    if options.endpoint_url.is_none() && !regions::is_known(region) {
        let meant = regions::near(region)
            .map_or_else(String::new, |near| format!("; did you mean {near}?"));
        let note = format!("region {region} is none that this version of homeroom knows{meant}");
        note_at_once(ui, &[note]);
    }
    Ok(options)
}

pub(super) fn pace(scale: QuotaScale) -> Pace {
    match scale {
        QuotaScale::Factor(factor) => Pace::Scaled(factor),
        QuotaScale::Off => Pace::Unlimited,
    }
}

/// The error where the very first call failed.
pub(super) fn cannot_begin(
    error: &CallError,
    source: Option<CredentialSource>,
    profile: Option<&Profile>,
    region: &str,
) -> Error {
    if let Some(why) = source.and_then(|source| source.failed(error)) {
        return why.into();
    }
    let CallError::Cloud(error) = error else {
        return general("AWS")(error);
    };
    let region = Some(region);
    let hint = match (error.kind, profile) {
        (ErrorKind::Credentials, Some(profile)) if error.code != NO_ROLE_CODE => Some(format!(
            "look for profile {profile} in `aws configure list-profiles`, sign in with `aws sso login --profile \
             {profile}` or as the profile says, then run the same command again{}",
            hints::or_region(error, region)
        )),
        _ => hints::for_error_in(error, region),
    };
    general("AWS")(error.in_full()).hint_if(hint)
}
