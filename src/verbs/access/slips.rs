//! `access slips`: slips of paper to sign in with, and a table for a mail merge. It changes nothing in the cloud.

use crate::error::{Exit, Result};
use crate::events::{Command, Outcome};
use crate::report::slips::SlipBatch;
use crate::verbs::class::Class;
use crate::verbs::ended::PlaceEnd;
use crate::verbs::handout::look_for_addresses;
use crate::verbs::homes::Deed;
use crate::verbs::say::unwritten;

const COMMAND: Command = Command::AccessSlips;

pub(super) async fn run(class: Class) -> Result<Exit> {
    let sessions = class.connect(Deed::Looks).await?;
    let addresses = look_for_addresses(&sessions, COMMAND).await?;
    let vault = sessions.vault();
    let mut batch = SlipBatch::new(addresses.class()?);
    for one in addresses.in_order() {
        let kept = vault.read(&one.student.username);
        batch.at(one.class).add(one.student, &one.apis, kept);
    }
    let mut files = Vec::new();
    if !batch.is_empty() {
        let written = batch.files().and_then(|files| vault.keep_slips(files));
        files.extend(written.map_err(unwritten("slips", "`homeroom access slips`"))?);
    }
    let mut notes = addresses.notes.clone();
    notes.extend(batch.notes(&files));
    let unseen = addresses.unseen();
    let all_seen = unseen.is_empty();
    let end = PlaceEnd {
        students: batch.results.into_iter().chain(unseen).collect(),
        ..PlaceEnd::default()
    };
    let mut ended = sessions.ended_together(COMMAND, end, notes);
    ended.list(files.iter().map(|path| path.display().to_string()));
    if !all_seen || ended.summary.count(Outcome::Failed) > 0 {
        ended.exit = ended.exit.or(Exit::SomeFailed);
    }
    ended.show(&sessions).await
}
