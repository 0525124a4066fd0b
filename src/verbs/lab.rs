//! `lab check | new`: a lab of one's own, before any account is there.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde_json::json;

use crate::cli::{Cli, LabVerb};
use crate::error::{Error, Exit, Result};
use crate::lab::Lab;
use crate::lab::bundle;
use crate::options::{OutputFormat, Ui};
use crate::text::show::clean;
use crate::text::words::plural;

use super::say::{general, print_document, said};
use crate::results::stamp::{LAB, without_place};

pub(super) fn run(cli: &Cli, verb: &LabVerb, ui: Ui) -> Result<Exit> {
    match verb {
        LabVerb::Check(args) => check(args.dir.as_deref().or(cli.global.lab.as_deref()), ui),
        LabVerb::New(args) => new(&args.dir, ui),
    }
}

fn check(dir: Option<&Path>, ui: Ui) -> Result<Exit> {
    let found = Lab::proofread(&bundle::files(dir)?);
    if ui.output.is_for_programs() {
        let exit = match found.problems.is_empty() {
            true => Exit::Done,
            false => Exit::Invalid,
        };
        let rest = json!({
            "command": "lab check",
            "lab": found.title,
            "errors": found.problems,
            "remarks": found.remarks,
            "exit_code": exit.code(),
        });
        said(print_document(ui.output, exit, &without_place(LAB, rest)))?;
        return Ok(exit);
    }
    let mut out = io::stdout().lock();
    for remark in &found.remarks {
        said(writeln!(out, "remark: {}", clean(remark)))?;
    }
    if found.problems.is_empty() {
        let title = found.title.as_deref().unwrap_or_default();
        let remarks = match found.remarks.len() {
            0 => String::new(),
            count => format!(", with {}", plural(count, "remark")),
        };
        said(writeln!(
            out,
            "The lab '{}' is well-formed{remarks}.",
            clean(title)
        ))?;
        return Ok(Exit::Done);
    }
    Err(Error::of(Exit::Invalid, found.problems))
}

fn new(dir: &Path, ui: Ui) -> Result<Exit> {
    let subject = dir.display().to_string();
    let refused = |cause: String| Error::new(Exit::Invalid, subject.clone(), cause);
    match fs::read_dir(dir).map(|mut entries| entries.next().is_some()) {
        Ok(true) => {
            return Err(
                refused("is there and holds something; nothing was written".to_owned())
                    .hint("name a folder that is not there yet"),
            );
        }
        Ok(false) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(dir).map_err(|error| refused(error.to_string()))?;
        }
        Err(error) => return Err(refused(error.to_string())),
    }
    for (path, bytes) in bundle::starter() {
        let path = dir.join(path);
        let folder = path.parent().unwrap_or(dir);
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, bytes));
        written.map_err(general(path.display().to_string()))?;
    }
    let dir = dir.display().to_string();
    let next = format!(
        "homeroom lab check {0}, then homeroom rehearse --lab {0}",
        clean(&dir)
    );
    said(match ui.output {
        OutputFormat::Text => writeln!(
            io::stdout().lock(),
            "A small lab is in {}.\nnext: {next}",
            clean(&dir)
        ),
        format => {
            let rest = json!({ "command": "lab new", "folder": dir, "exit_code": 0 });
            print_document(format, Exit::Done, &without_place(LAB, rest))
        }
    })?;
    Ok(Exit::Done)
}
