//! `report`: writes where everybody stands, for people, programs and gradebooks.

use super::browser;
use super::class::Class;
use super::gradebook::{self, GradebookFile};
use super::homes::Deed;
use super::reading::{about, class_report, ended, read, write_files};
use super::session::Session;
use super::sessions::Sessions;
use super::status::{attestations, nothing_stands};
use crate::cli::{Cli, ReportArgs};
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::evidence::kept::known;
use crate::evidence::standing::ClassStanding;
use crate::report::View;
use crate::report::gradebook::GradeRules;
use crate::report::last_readings::places;
use crate::text::words::plural;

pub(super) async fn run(cli: &Cli, args: &ReportArgs) -> Result<Exit> {
    let class = Class::load(cli)?;
    // A wrong file is refused before anything is asked of AWS.
    let export = GradebookFile::load(args);
    let export = export.as_ref().map_err(Error::clone);
    let judged = export.and_then(|export| export.as_ref().map(GradebookFile::judge).transpose());
    let (attested, filled_in) = both(attestations(&class, &args.attest), judged)?;
    let session = class.connect(Deed::Looks).await?;
    let mut standing = read(&session, Command::Report).await?;
    refuse_nothing(&session, &standing)?;
    standing.attest(&attested);
    // Before this replaces the last report, which may be all that knows a student who left.
    session.keep_people();
    let of_others = of_other_accounts(&session);
    let report = class_report(&session, &standing);
    let about = about(&session);
    let written = write_files(&session, &mut standing, &report, about, args.anonymous)?;
    let mut notes = standing.notes.clone();
    notes.extend(of_others);
    let mut files: Vec<_> = written.files().into_iter().map(ToOwned::to_owned).collect();
    if let Some(export) = &filled_in {
        let rules = GradeRules {
            lower: args.lower,
            count_late: args.count_late,
        };
        let (path, said) = gradebook::write(export, &session, &report, about, rules)?;
        files.push(path);
        notes.extend(said);
    }
    let page = written.anonymous.as_ref().unwrap_or(&written.html);
    if args.open {
        notes.extend(browser::show(page));
    }
    if !written.removed.is_empty() {
        let pages = plural(written.removed.len(), "page");
        notes.push(format!("removed {pages} of students who left"));
    }
    let mut ended = ended(&session, Command::Report, standing, notes);
    ended.list(files);
    let view = View {
        document: Some(&report),
        report: Some(page),
        ..session.view()
    };
    ended.show_with(&session, view).await
}

/// Both, or the failures of both: an instructor mends them all at once.
fn both<A, B>(a: Result<A>, b: Result<B>) -> Result<(A, B)> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(mut a), Err(b)) => {
            a.failures.extend(b.failures);
            Err(a)
        }
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
    }
}

/// Refuses to write grades from the absence of stacks.
pub(super) fn refuse_nothing(session: &Sessions, standing: &ClassStanding) -> Result<()> {
    standing.refuse_elsewhere()?;
    if !standing.is_nothing() {
        return Ok(());
    }
    Err(Error::new(
        Exit::Refused,
        format!("class {}", session.class.name()),
        format!("{}; nothing was written", nothing_stands(session)),
    )
    .hint(format!(
        "check --class, --region, --profile and the roster; a class that is not there yet is made by `{} deploy`",
        session.class.invocation
    )))
}

/// A note where the class's folder has readings of other accounts. Classes of the same name in two accounts share the
/// folder, and its report is of the account that was read last.
fn of_other_accounts(session: &Sessions) -> Option<String> {
    let reached = session.places.iter().map(Session::scope);
    let lost = session
        .unreached
        .iter()
        .filter_map(|lost| lost.scope.as_ref());
    let accounts = reached.chain(lost).map(|scope| scope.account.as_str());
    let accounts: Vec<&str> = accounts.collect();
    let folder = session.folder();
    let mut others = known(&folder);
    others.retain(|place, _| !accounts.contains(&place.account.as_str()));
    let account = accounts.join(", ");
    (!others.is_empty()).then(|| {
        format!(
            "this report is of account {account}; {} also keeps readings of {}, which this report does not use",
            folder.display(),
            places(&others)
        )
    })
}
