//! What every verb about a class begins with: settings, lab, roster, the cloud, and what should be in it.

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use crate::aws::pacing::{Overrides, Pace};
use crate::aws::{self, CallError, Client, ConnectOptions, ErrorKind};
use crate::cli::Cli;
use crate::error::{Error, Kind, Result};
use crate::evidence::cache::CacheKey;
use crate::files::class_dir;
use crate::ids::{ClassName, Scope, Username};
use crate::lab::Lab;
use crate::lab::bundle;
use crate::local::{self, LocalCloud, StartupStep};
use crate::options::{ClassSettings, CloudTarget, LabSource, Profile, QuotaScale, Ui};
use crate::report::print_notes;
use crate::roster::beyond::UnsureName;
use crate::roster::{Roster, Student};
use crate::stack::hints;
use crate::stack::kinds::Desired;
use crate::stack::observe::Depth;
use crate::stack::plan::teardown::Reach;

/// The verbosity of `-qq`.
const ERRORS_ONLY: i8 = -2;

use super::leavers;

/// What is known before the cloud is looked at.
pub(super) struct Class {
    pub settings: ClassSettings,
    pub lab: Lab,
    pub roster: Roster,
    /// The students that the command is about, in the roster's order.
    pub students: Vec<Student>,
    pub started: Instant,
    /// How proposed commands begin.
    pub invocation: String,
    /// The students that the command is about, as options for a proposed command.
    pub selection: String,
    /// The verb's own options, for a proposed command.
    pub repeat: String,
    /// Usernames that were given and do not stand so in the roster; the cloud tells who is meant.
    pub doubts: Vec<UnsureName>,
    /// Those who were chosen by name and left the roster.
    pub chosen_leavers: Vec<Username>,
}

/// A class, and the cloud that it lives in.
pub(super) struct Session {
    pub class: Class,
    /// AWS, outside of any run.
    pub client: Client,
    pub desired: Desired,
}

impl Class {
    /// Reads and checks everything that is on this machine.
    pub fn load(cli: &Cli) -> Result<Self> {
        let started = Instant::now();
        let settings = cli.settings()?;
        let dir = match &settings.lab {
            LabSource::Folder(dir) => Some(dir.as_path()),
            LabSource::BuiltIn => None,
        };
        let overrides = settings.lab_settings.clone().into_iter().collect();
        let lab = bundle::load(dir)?
            .with_settings(&overrides)
            .map_err(invalid)?;
        // A lab is code that gets rights in the account: which one it is must be plain to see.
        super::local::say(&said_of(&lab, &settings.lab), settings.ui.verbosity);
        let mut roster = settings.read_roster(&lab.username_limit())?;
        lab.check_columns(&roster).map_err(invalid)?;
        let (names, section) = (&settings.students, settings.section.as_deref());
        let (students, doubts) = match cli.verb.reaches_leavers() {
            true => leavers::choose(&roster, names, section)?,
            false => {
                let students = roster.select(names, section)?;
                (students.into_iter().cloned().collect(), Vec::new())
            }
        };
        let chosen: Vec<&Student> = students.iter().collect();
        let counted = section.and_then(|section| roster.note_on_section(&chosen, section));
        roster.notes.extend(counted);
        say_notes(&roster.notes, settings.ui);
        let selection = super::invocation::selection(&settings);
        Ok(Self {
            selection,
            settings,
            lab,
            roster,
            students,
            started,
            invocation: super::invocation::of(&cli.global),
            repeat: super::invocation::repeat(&cli.verb),
            doubts,
            chosen_leavers: Vec::new(),
        })
    }

    /// The class's name.
    pub fn name(&self) -> &ClassName {
        &self.settings.class
    }

    /// Whether the command is about everybody.
    pub fn is_whole(&self) -> bool {
        self.settings.students.is_empty() && self.settings.section.is_none() && !self.settings.left
    }

    /// How far the command reaches.
    pub fn reach(&self) -> Reach {
        match self.settings.left {
            true => Reach::Left,
            false if self.is_whole() => Reach::WholeClass,
            false => Reach::Selected,
        }
    }

    /// How closely a command that deletes nothing looks. Beside some of the students the others would seem to have left.
    pub fn depth(&self) -> Depth {
        match self.is_whole() {
            true => Depth::Class {
                patterns: self.lab.name_patterns(),
            },
            false => Depth::Deploy,
        }
    }

    /// What these students should have.
    ///
    /// # Errors
    /// What the lab cannot make of them.
    pub fn desired(&self, scope: &Scope, students: &[Student]) -> Result<Desired> {
        let mut desired = self
            .lab
            .desired(scope, self.name(), students)
            .map_err(invalid)?;
        if let Some(boundary) = &self.settings.role_boundary {
            desired.bound_roles_by(boundary.as_str());
        }
        Ok(desired)
    }

    /// Connects to the cloud that the settings name, starting the embedded one if it is that.
    pub async fn connect(self) -> Result<Session> {
        match self.settings.target.clone() {
            CloudTarget::Local => {
                let verbosity = self.settings.ui.verbosity;
                let progress = &mut |step: StartupStep| {
                    super::local::say(&step.to_string(), verbosity);
                };
                let endpoint = LocalCloud::from_env()?.start(progress).await?;
                self.connect_local(&endpoint).await
            }
            CloudTarget::Aws {
                profile,
                endpoint_url,
            } => {
                let profile = profile.map(|p| p.to_string());
                let region = match &self.settings.region {
                    Some(region) => region.to_string(),
                    None => aws::default_region(profile.as_deref())
                        .await
                        .unwrap_or_else(|| self.lab.region().to_owned()),
                };
                let options = ConnectOptions {
                    profile,
                    region,
                    endpoint_url: endpoint_url.map(|u| u.to_string()),
                    invoke_base: self.settings.invoke_base.as_ref().map(ToString::to_string),
                    ..ConnectOptions::default()
                };
                self.open(options).await
            }
        }
    }

    /// Connects to an embedded cloud.
    pub async fn connect_local(self, endpoint: &local::Endpoint) -> Result<Session> {
        let region = self.settings.region.as_ref().map(ToString::to_string);
        let options = ConnectOptions {
            region: region.unwrap_or_else(|| self.lab.region().to_owned()),
            endpoint_url: Some(endpoint.url.clone()),
            invoke_base: Some(endpoint.invoke_base.clone()),
            credentials: Some((endpoint.access_key.clone(), endpoint.secret_key.clone())),
            ..ConnectOptions::default()
        };
        self.open(options).await
    }

    async fn open(self, options: ConnectOptions) -> Result<Session> {
        let client = aws::connect(options).await;
        let profile = match &self.settings.target {
            CloudTarget::Aws { profile, .. } => profile.as_ref(),
            CloudTarget::Local => None,
        };
        let identity = client
            .caller_identity()
            .await
            .map_err(|error| cannot_begin(&error, profile, client.region()))?;
        if let Some(wanted) = &self.settings.account
            && wanted.to_string() != identity.account
        {
            return Err(Error::new(
                Kind::Refused,
                format!("account {}", identity.account),
                format!("--account allows {wanted} only; nothing was touched"),
            )
            .hint("choose the right account with --profile, or change --account"));
        }
        let scope = Scope {
            partition: identity.arn.split(':').nth(1).unwrap_or("aws").to_owned(),
            account: identity.account,
            region: client.region().to_owned(),
        };
        let desired = self.desired(&scope, &self.students)?;
        if let Some(boundary) = &self.settings.role_boundary
            && ![scope.account.as_str(), "aws"].contains(&boundary.account())
        {
            return Err(Error::new(
                Kind::Invalid,
                "homeroom.toml (role_boundary)",
                format!(
                    "{boundary} is a policy of account {}, and this is account {}; nothing was touched",
                    boundary.account(),
                    scope.account
                ),
            )
            .hint("name the policy in this account, or choose the right account with --profile"));
        }
        let session = Session {
            class: self,
            client,
            desired,
        };
        super::elsewhere::check_named(&session).await?;
        Ok(session)
    }
}

/// Says once what is odd about the roster. With `--output json` the document has it as well.
fn say_notes(notes: &[String], ui: Ui) {
    if ui.verbosity > ERRORS_ONLY {
        // A closed stderr leaves nobody to tell.
        let _ = print_notes(notes, ui.color_stderr, &mut io::stderr().lock());
    }
}

impl Session {
    /// The class's folder of reports.
    pub fn folder(&self) -> PathBuf {
        class_dir(&self.class.settings.reports, self.class.name())
    }

    /// Which class in which account and region this is about.
    pub fn key(&self) -> CacheKey {
        let desired = &self.desired;
        CacheKey::new(&desired.scope, &desired.class, &desired.lab)
    }

    /// A file of what is remembered of the class. Account and region are part of its name, so that a rehearsal on the
    /// embedded cloud and the class day on AWS do not overwrite each other's.
    pub fn file_of(&self, what: &str) -> PathBuf {
        let CacheKey {
            account,
            region,
            lab,
            ..
        } = self.key();
        self.folder()
            .join(format!("{what}-{account}-{region}-{lab}.json"))
    }

    /// Where the class lives.
    pub fn scope(&self) -> &Scope {
        &self.desired.scope
    }

    /// The account's own quotas, where the settings say that they are not the published ones.
    pub fn quotas(&self) -> Overrides {
        let quotas = self.class.settings.quotas.iter();
        quotas
            .map(|(operation, quota)| (*operation, (quota.rate, f64::from(quota.burst))))
            .collect()
    }

    /// How fast to go.
    pub fn pace(&self) -> Pace {
        match self.class.settings.quota_scale {
            QuotaScale::Factor(factor) => Pace::Scaled(factor),
            QuotaScale::Off => Pace::Unlimited,
        }
    }
}

/// Which lab it is, and where it comes from.
fn said_of(lab: &Lab, source: &LabSource) -> String {
    let from = match source {
        LabSource::BuiltIn => "built in".to_owned(),
        LabSource::Folder(dir) => format!(
            "from {}",
            dir.canonicalize().as_deref().unwrap_or(dir).display()
        ),
    };
    format!("lab {}: {} ({from})", lab.id(), lab.title())
}

fn invalid(failures: Vec<crate::events::Failure>) -> Error {
    Error {
        kind: Kind::Invalid,
        failures,
    }
}

/// The first call failed, before any student's work began.
fn cannot_begin(error: &CallError, profile: Option<&Profile>, region: &str) -> Error {
    let CallError::Cloud(error) = error else {
        return Error::new(Kind::General, "AWS", error.to_string());
    };
    let named = Error::new(Kind::General, "AWS", error.in_full());
    let region = Some(region);
    match (error.kind, profile) {
        (ErrorKind::Credentials, Some(profile)) => named.hint(format!(
            "look for profile {profile} in `aws configure list-profiles`, sign in with `aws sso login --profile \
             {profile}` or as the profile has it, then run the same command again{}",
            hints::or_region(error, region)
        )),
        _ => match hints::for_error_in(error, region) {
            Some(hint) => named.hint(hint),
            None => named,
        },
    }
}
