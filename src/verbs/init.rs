//! `init`: a class's first files, from a few questions.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::ask::{ask, can_ask_at};
use super::say::{general, print_document, said};
use super::session::in_region;
use crate::aws::configured::{CredentialSource, NoCredentials, credential_source, profiles};
use crate::aws::{self, ConnectOptions};
use crate::cli::{Cli, InitArgs};
use crate::error::{Error, Exit, Result};
use crate::files::create_all;
use crate::ids::ClassName;
use crate::lab::{Lab, bundle};
use crate::options::new_class::{NewClass, check_free, class_of_folder};
use crate::options::{AccountId, CloudTarget, Profile, Region, Ui, asked_cloud};
use crate::report::print_notes;
use crate::results::stamp::{Account, INIT, without_place};
use crate::text::similar::did_you_mean;

/// For the one call, credentials included.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the class will live, as far as that is known.
struct KnownCloud {
    region: Region,
    account: Option<AccountId>,
    profile: Option<Profile>,
    notes: Vec<String>,
}

pub(super) async fn run(cli: &Cli, args: &InitArgs, ui: Ui) -> Result<Exit> {
    let here = std::env::current_dir().map_err(general("the current folder"))?;
    let asks = !args.yes && can_ask_at(ui);
    let mut class = args.name.clone().or_else(|| cli.global.class.clone());
    if !asks {
        class.get_or_insert_with(|| class_of_folder(&here));
    }
    check_free(&here, class.as_ref())?;
    let lab_here = Path::new("templates/lab.toml").is_file();
    let lab = bundle::load(lab_here.then_some(Path::new(".")))?;
    if asks && class.is_none() {
        let class_of = |text: &str| text.parse::<ClassName>().map_err(|why| why.to_string());
        let folder = class_of_folder(&here);
        class = Some(ask("The class's name", folder.as_str(), class_of).await?);
    }
    let class = class.unwrap_or_else(|| class_of_folder(&here));
    check_free(&here, Some(&class))?;
    let known = look(cli, &lab, asks, ui).await?;
    let class = NewClass {
        class,
        region: known.region,
        account: known.account,
        profile: known.profile,
    };
    if asks {
        print_notes(&known.notes, ui.color_stderr, &mut io::stderr().lock())
            .map_err(general("stderr"))?;
        let whose = match &class.account {
            Some(account) => format!("for account {account} in region {}", class.region),
            None => "without an account yet".to_owned(),
        };
        agree(&format!(
            "Write the files of class {} here, {whose}",
            class.class
        ))
        .await?;
    }
    let files = write(&here, &class)?;
    let notes = if asks { Vec::new() } else { known.notes };
    said(show(&class, &files, &notes, ui))?;
    Ok(Exit::Done)
}

/// Writes the files, all or none. What to say of each.
fn write(here: &Path, class: &NewClass) -> Result<Vec<(PathBuf, String)>> {
    let mut lines = vec![
        "three example students, to be replaced by yours",
        "the class's settings",
    ];
    let mut new = vec![class.roster(), class.settings()];
    let mut changed = None;
    let ignore = here.join(NewClass::IGNORED);
    let before = crate::files::read_if_there(&ignore).map_err(general(NewClass::IGNORED))?;
    let (text, added) = NewClass::ignored(before.as_deref());
    let added = format!("completed: added {}", added.join(" and "));
    match before {
        None => {
            new.push((NewClass::IGNORED.into(), text));
            lines.push("what must not be committed");
        }
        Some(before) if before == text => {}
        Some(_) => {
            changed = Some((NewClass::IGNORED.into(), text));
            lines.push(&added);
        }
    }
    let names: Vec<PathBuf> = new
        .iter()
        .chain(&changed)
        .map(|(path, _)| path.clone())
        .collect();
    create_all(here, new, changed).map_err(|error| {
        let hint = "make the folder writable, or run it in another one";
        Error::new(
            Exit::General,
            "init",
            format!("{error}; nothing was written"),
        )
        .hint(hint)
    })?;
    let lines = lines.into_iter().map(str::to_owned);
    Ok(names.into_iter().zip(lines).collect())
}

fn show(class: &NewClass, files: &[(PathBuf, String)], notes: &[String], ui: Ui) -> io::Result<()> {
    if ui.output.is_for_programs() {
        let rest = json!({
            "command": "init",
            "class": class.class,
            "account": class.account.as_ref().map(|id| Account { id: id.to_string(), alias: None }),
            "region": class.region.as_str(),
            "profile": class.account.as_ref().and(class.profile.as_ref()).map(Profile::as_str),
            "files": files.iter().map(|(path, _)| path).collect::<Vec<_>>(),
            "notes": notes,
            "exit_code": 0,
        });
        return print_document(ui.output, Exit::Done, &without_place(INIT, rest));
    }
    print_notes(notes, ui.color_stderr, &mut io::stderr().lock())?;
    let mut out = io::stdout().lock();
    for (path, what) in files {
        writeln!(out, "{}: {what}", path.display())?;
    }
    for (command, reason) in class.next() {
        writeln!(out, "next: {command}\n      {reason}")?;
    }
    out.flush()
}

/// Where the class will live, by what was asked for and by what the credentials say.
async fn look(cli: &Cli, lab: &Lab, asks: bool, ui: Ui) -> Result<KnownCloud> {
    let asked = asked_cloud(&cli.global)?;
    let (profile, endpoint_url) = match asked.target {
        CloudTarget::Local => {
            let region = asked.region.map_or_else(|| lab.region().parse(), Ok);
            return Ok(KnownCloud {
                region: region.map_err(general::<String>("lab.toml"))?,
                account: None,
                profile: None,
                notes: Vec::new(),
            });
        }
        CloudTarget::Aws {
            profile,
            endpoint_url,
        } => (profile, endpoint_url),
    };
    let mut source = credential_source(profile.as_ref().map(Profile::as_str)).await;
    let mut profile = profile;
    if asks && profile.is_none() && source != Ok(CredentialSource::Variables) {
        profile = ask_profile(source.as_ref().ok().and_then(CredentialSource::profile)).await?;
        if let Some(profile) = &profile {
            source = credential_source(Some(profile.as_str())).await;
        }
    }
    let options = ConnectOptions {
        profile: profile.as_ref().map(ToString::to_string),
        endpoint_url: endpoint_url.map(|url| url.to_string()),
        ..ConnectOptions::default()
    };
    let mut options = in_region(asked.region.as_ref(), lab, options, ui).await?;
    if asks && asked.region.is_none() {
        let region = options
            .region
            .parse::<Region>()
            .map_err(general("region"))?;
        options.region = ask("Region", region.as_str(), str::parse::<Region>)
            .await?
            .to_string();
    }
    let region = options
        .region
        .parse::<Region>()
        .map_err(general("region"))?;
    let found = match source {
        Ok(source) => account_of(options, source).await,
        Err(why @ NoCredentials::UnknownProfile { .. }) => return Err(why.into()),
        Err(why) => Err(why.into()),
    };
    let (account, of_source, notes) = match found {
        Ok((account, profile)) => (Some(account), profile, Vec::new()),
        Err(why) => {
            let note =
                format!("{why}; so homeroom.toml has what is missing as comments, to be filled in");
            (asked.account.clone(), None, vec![note])
        }
    };
    if let (Some(asked), Some(found)) = (&asked.account, &account)
        && asked != found
    {
        let cause = format!("--account allows {asked} only; nothing was written");
        return Err(Error::new(Exit::Refused, format!("account {found}"), cause)
            .hint("choose the right account with --profile, or change --account"));
    }
    let of_source = of_source.and_then(|name| name.parse().ok());
    Ok(KnownCloud {
        region,
        account,
        profile: profile.or(of_source),
        notes,
    })
}

/// The account that the credentials belong to, by one call, and the profile that they come from.
async fn account_of(
    options: ConnectOptions,
    source: CredentialSource,
) -> Result<(AccountId, Option<String>)> {
    let client = aws::connect(options).await;
    if !client.is_aws() {
        let cause = "an endpoint that is not AWS has no account to guard the class with";
        return Err(Error::new(Exit::General, "endpoint", cause));
    }
    let identity = tokio::time::timeout(CALL_TIMEOUT, client.caller_identity()).await;
    let identity = identity.map_err(|_| {
        let cause = format!("no answer within {} s", CALL_TIMEOUT.as_secs());
        Error::new(Exit::General, "AWS", cause)
    })?;
    let identity = identity.map_err(|error| match source.failed(&error) {
        Some(why) => why.into(),
        None => general("AWS")(error),
    })?;
    let account = identity.account.parse().map_err(general("AWS"))?;
    Ok((account, source.profile().map(str::to_owned)))
}

/// Asks for one of the profiles, if there are any. `usual`: the one that counts without a choice.
async fn ask_profile(usual: Option<&str>) -> Result<Option<Profile>> {
    let known = profiles().await;
    if known.is_empty() {
        return Ok(None);
    }
    let usual = match &known[..] {
        [only] => only,
        _ => usual.unwrap_or_default(),
    };
    let one_of = |text: &str| match known.iter().any(|name| name == text) {
        true => text.parse().map(Some),
        false if text.is_empty() => Ok(None),
        false => {
            let near = did_you_mean(text, known.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!("; {near}"));
            Err(format!("is no profile of your AWS configuration{near}"))
        }
    };
    let question = format!("Your AWS profile, of {}", known.join(", "));
    ask(&question, usual, one_of).await
}

/// # Errors
/// When the answer is no.
async fn agree(question: &str) -> Result<()> {
    let yes = |text: &str| match text.to_lowercase().as_str() {
        "yes" | "y" => Ok(true),
        "no" | "n" => Ok(false),
        _ => Err("is neither yes nor no".to_owned()),
    };
    match ask(question, "yes", yes).await? {
        true => Ok(()),
        false => Err(Error::new(
            Exit::Refused,
            "init",
            "you said no; nothing was written",
        )),
    }
}
