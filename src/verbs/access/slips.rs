//! `access slips`: slips of paper to sign in with, and a table for a mail merge. It changes nothing in the cloud.

use crate::error::{Exit, Result};
use crate::events::{Command, Outcome};
use crate::report::handout::HandoutClass;
use crate::report::slips::SlipBatch;
use crate::verbs::class::Class;
use crate::verbs::handout::look_for_addresses;
use crate::verbs::say::unwritten;

const COMMAND: Command = Command::AccessSlips;

pub(super) async fn run(class: Class) -> Result<Exit> {
    let session = class.connect().await?;
    let (observed, sign_in_url) = look_for_addresses(&session, COMMAND).await?;
    let class = HandoutClass {
        class: session.class.name(),
        lab: &session.class.lab,
        scope: session.scope(),
        sign_in_url: sign_in_url.as_deref(),
    };
    let vault = session.vault();
    let mut batch = SlipBatch::new(class);
    for (stack, student) in session.stacks() {
        let apis = session.endpoints(stack, &observed);
        batch.add(student, &apis, vault.read(&student.username));
    }
    let mut files = Vec::new();
    if !batch.is_empty() {
        let written = batch.files().and_then(|files| vault.keep_slips(files));
        files.extend(written.map_err(unwritten("slips", "`homeroom access slips`"))?);
    }
    let notes = batch.notes(&files);
    let mut ended = session.ended(COMMAND, batch.results, notes);
    ended.list(files.iter().map(|path| path.display().to_string()));
    if ended.summary.count(Outcome::Failed) > 0 {
        ended.exit = Exit::SomeFailed;
    }
    ended.show(&session).await
}
