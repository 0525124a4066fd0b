//! What is listed before something is deleted, and the question at the terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use futures::StreamExt;
use tokio::sync::oneshot;

use super::class::Class;
use super::ended::PlaceEnd;
use super::interrupts::interrupts;
use super::notes::Notes;
use super::run::interrupted;
use super::say::general;
use super::sessions::Sessions;
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::options::{OutputFormat, Ui};
use crate::report::{View, print_teardown_listing};
use crate::stack::forecast::{Estimate, Forecast, Workload};
use crate::stack::kinds::ResourceId;
use crate::stack::plan::Plan;
use crate::stack::plan::teardown::growth;
use crate::stack::result::{Fresh, StackResult};

/// Whether `--confirm` names the class.
///
/// # Errors
/// Where it names another.
pub(super) fn check_confirmation(confirmed: Option<&String>, class: &Class) -> Result<()> {
    let Some(other) = confirmed.filter(|name| *name != class.name().as_str()) else {
        return Ok(());
    };
    let cause = format!("the class is {}; nothing was deleted", class.name());
    Err(
        Error::new(Exit::Refused, format!("--confirm {other}"), cause)
            .hint("look at --roster and --class: they say which class is meant"),
    )
}

/// Shows the lines of `first` and what would be deleted, then asks for the class's name. `false` where there is no
/// terminal to ask at.
///
/// # Errors
/// When the person presses Ctrl-C instead of answering.
pub(super) async fn confirmed(
    session: &Sessions,
    plans: &[Plan],
    first: &[String],
) -> Result<bool> {
    let mut listing: Box<dyn Write> = match session.class.settings.ui.output {
        OutputFormat::Text => Box::new(io::stdout()),
        // stdout is for the one document.
        OutputFormat::Json | OutputFormat::Jsonl => Box::new(io::stderr()),
    };
    let takes = time_of(session, plans);
    let first = [session.notes_on_unreached(), first.to_vec()].concat();
    let view = View {
        first: &first,
        ..session.view()
    };
    let places = session.places.iter().map(|at| at.place.as_ref());
    let listed: Vec<_> = places.zip(plans).collect();
    print_teardown_listing(&listed, &takes, &view, &mut listing).map_err(general("stdout"))?;
    if !can_ask(session) {
        return Ok(false);
    }
    let name = session.class.name().as_str();
    let question =
        format!("Type the class's name ({name}) to delete this, anything else to leave it: ");
    Ok(answer(&question).await? == name)
}

/// How long the deletion will take.
fn time_of(session: &Sessions, plans: &[Plan]) -> Estimate {
    let times = session.estimates(plans.iter().map(Workload::of_deletion));
    Estimate::side_by_side(times)
}

/// The end of a deletion that nobody confirmed.
pub(super) async fn not_confirmed(
    session: &Sessions,
    command: Command,
    plans: &[Plan],
) -> Result<Exit> {
    let ends = plans.iter().map(|plan| {
        let students = plan.students.iter();
        let stays = |s| StackResult::taken_down(s, None, Fresh::Seen(Some(s))).into();
        PlaceEnd {
            students: students.map(stays).collect(),
            ..PlaceEnd::default()
        }
    });
    let mut notes = Notes::default();
    let note = "nothing was deleted: it was not confirmed, neither by the class's name at the prompt nor with --confirm";
    notes.push(note.to_owned());
    let mut ended = session.ended(command, ends.collect(), notes);
    ended.summary.forecast = Some(Forecast {
        deploy: None,
        teardown: time_of(session, plans),
    });
    ended.exit = Exit::Refused;
    let view = View {
        // Proposes no command: the person has just decided against it.
        invocation: "",
        ..session.view()
    };
    ended.show_with(session, view).await
}

/// Nothing may be deleted that was not in the listing that the person confirmed.
///
/// # Errors
/// Names the first resource that has come since.
pub(super) fn refuse_growth(shown: &[Plan], fresh: &[Plan]) -> Result<()> {
    let places = shown.iter().zip(fresh);
    let grown = places.flat_map(|(shown, fresh)| growth(shown, fresh));
    let grown: Vec<ResourceId> = grown.collect();
    let Some(first) = grown.first() else {
        return Ok(());
    };
    let cause = format!(
        "{} resources have come since the listing that you confirmed; nothing was deleted",
        grown.len()
    );
    Err(Error::new(Exit::Refused, first.to_string(), cause)
        .hint("is somebody deploying? run teardown again to see the list as it is now"))
}

pub(super) fn can_ask(session: &Sessions) -> bool {
    can_ask_at(session.class.settings.ui)
}

pub(super) fn can_ask_at(ui: Ui) -> bool {
    let for_programs = ui.output.is_for_programs();
    !for_programs && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks until the answer can be read. An empty one stands for `usual`.
///
/// # Errors
/// When the person presses Ctrl-C, or ends the input, instead of answering.
pub(super) async fn ask<T>(
    question: &str,
    usual: &str,
    read: impl Fn(&str) -> std::result::Result<T, String>,
) -> Result<T> {
    let shown = match usual {
        "" => String::new(),
        usual => format!(" [{usual}]"),
    };
    loop {
        let typed = line(&format!("{question}{shown}: ")).await?;
        let typed = typed.ok_or_else(interrupted)?;
        let text = if typed.is_empty() { usual } else { &typed };
        match read(text) {
            Ok(value) => return Ok(value),
            // A closed stderr leaves nobody to tell.
            Err(why) => drop(writeln!(io::stderr(), "{text:?} {why}")),
        }
    }
}

/// Asks at the terminal: one line, without the white space around it.
///
/// # Errors
/// When the person presses Ctrl-C instead of answering.
pub(super) async fn answer(question: &str) -> Result<String> {
    Ok(line(question).await?.unwrap_or_default())
}

/// The line that is typed at a question; `None` where the input ended.
async fn line(question: &str) -> Result<Option<String>> {
    let mut err = io::stderr().lock();
    let asked = write!(err, "{question}").and_then(|()| err.flush());
    drop(err);
    asked.map_err(general("terminal"))?;
    // A thread of its own: reading cannot be cancelled, and must not hold up the end of the program.
    let (sender, answer) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        // Nobody waits any more once Ctrl-C was pressed.
        let _ = sender.send(read.map(|bytes| (bytes > 0).then_some(line)));
    });
    let interrupts = interrupts();
    tokio::pin!(interrupts);
    tokio::select! {
        Ok(line) = answer => {
            let line = line.map_err(general("terminal"))?;
            Ok(line.map(|line| line.trim().to_owned()))
        }
        _ = interrupts.next() => Err(interrupted()),
    }
}
