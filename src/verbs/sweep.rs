//! `sweep`: lists the classes whose end has passed, and tears them down once that is confirmed. It needs no roster: a class's
//! tags name its students. With the lab at hand it is the teardown itself, final report included.

use std::io::{self, Write};
use std::path::PathBuf;

use super::classes::{connect, look, refuse_places};
use super::run::look_alone;
use super::say::{general, note_at_once, print_document, said};
use super::session::pace;
use super::teardown;
use crate::aws::Client;
use crate::cli::{Cli, SweepArgs, TeardownArgs, Verb};
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::files::{class_dir, write_whole};
use crate::ids::{ClassName, LabId, Scope};
use crate::lab::bundle;
use crate::options::{ClassSettings, GlobalOptions, OutputFormat};
use crate::report::classes::{ClassList, Swept};
use crate::report::print_error;
use crate::report::terminal;
use crate::results::stamp::schema_of;
use crate::stack::kinds::classes::{FoundClass, FoundClasses, FoundLab};
use crate::stack::sweep::tear_down_by_tags;

const GONE: &str = "gone";
const REMAINS: &str = "remains";
const NOT_CONFIRMED: &str = "not-confirmed";

struct Sweep<'a> {
    cli: &'a Cli,
    args: &'a SweepArgs,
    settings: ClassSettings,
    client: Client,
    scope: Scope,
    /// The lab that --lab names, or the one built in.
    at_hand: LabId,
}

pub(super) async fn run(cli: &Cli, args: &SweepArgs) -> Result<Exit> {
    let settings = cli.settings_without_roster()?;
    refuse_places(&settings)?;
    let at_hand = bundle::load(settings.lab.folder())?.id().clone();
    let (client, scope) = connect(&settings).await?;
    let sweep = Sweep {
        cli,
        args,
        settings,
        client,
        scope,
        at_hand,
    };
    let found = sweep.look().await?;
    let over = found.over(sweep.client.time_at_aws());
    if sweep.settings.ui.output == OutputFormat::Text {
        sweep.list(&found, &over)?;
    }
    let mut swept: Swept = over.iter().map(|c| (c.clone(), NOT_CONFIRMED)).collect();
    let mut exit = match over.is_empty() {
        true => Exit::Done,
        false => Exit::Changes,
    };
    if args.confirm && !over.is_empty() {
        exit = sweep.tear_down(&over, &mut swept).await?;
    }
    if exit == Exit::Done && !found.gaps.is_empty() {
        // A class may hide in what could not be listed.
        exit = match args.confirm {
            true => Exit::Remains,
            false => Exit::General,
        };
    }
    sweep.show(&found, &swept, exit)?;
    Ok(exit)
}

impl Sweep<'_> {
    async fn look(&self) -> Result<FoundClasses> {
        look(&self.settings, &self.client, &self.scope).await
    }

    fn list_of<'f>(&'f self, found: &'f FoundClasses) -> ClassList<'f> {
        ClassList {
            found,
            scope: &self.scope,
            now: self.client.time_at_aws(),
        }
    }

    fn list(&self, found: &FoundClasses, over: &[ClassName]) -> Result<()> {
        let mut out = io::stdout().lock();
        let names: Vec<&str> = over.iter().map(|name| name.as_str()).collect();
        let says = match (over.is_empty(), self.args.confirm) {
            (true, _) if found.hides_ends() => {
                "Could not tell which classes are over, so nothing is deleted. Run it again, or grant what could not be listed."
                    .to_owned()
            }
            (true, _) => "No class is over: nothing to do.".to_owned(),
            (false, false) => format!(
                "Over: {}. `homeroom sweep --confirm` tears down all of these, and nothing else.",
                names.join(", ")
            ),
            (false, true) => format!("Over, and torn down now: {}.", names.join(", ")),
        };
        let written = self.list_of(found).text(&mut out);
        said(written.and_then(|()| writeln!(out, "{says}")))
    }

    /// One class after the other, each as it is when its turn comes.
    async fn tear_down(&self, over: &[ClassName], swept: &mut Swept) -> Result<Exit> {
        for name in over {
            // Somebody may have given it another end meanwhile.
            let fresh = self.look().await?;
            if fresh.hides_ends() {
                let cause = fresh.gaps.first().map_or("", |gap| gap.cause.as_str());
                self.note(format!(
                    "could not tell whether class {name} is still over, so nothing of it was deleted: {cause}"
                ));
                swept.insert(name.clone(), REMAINS);
                continue;
            }
            let Some(class) = fresh.classes.get(name) else {
                swept.insert(name.clone(), GONE);
                continue;
            };
            if !fresh.over(self.client.time_at_aws()).contains(name) {
                self.note(format!(
                    "class {name} is not over any more: it was left alone"
                ));
                swept.remove(name);
                continue;
            }
            let mut gone = true;
            for (lab, found) in &class.labs {
                if !found.is_proven() {
                    self.note(format!(
                        "only the descriptions of functions say that class {name} has lab {lab}: anybody can write those, so \
                         they were left alone"
                    ));
                    continue;
                }
                let torn_down = match *lab == self.at_hand {
                    true => self.with_lab(name, found).await,
                    false => self.by_tags(name, lab).await,
                };
                match torn_down {
                    Ok(Exit::Done) => {}
                    Ok(Exit::Interrupted) => return Ok(Exit::Interrupted),
                    Ok(_) => gone = false,
                    Err(error) if error.exit == Exit::Interrupted => return Err(error),
                    Err(error) => {
                        gone = false;
                        self.say(&error);
                    }
                }
            }
            swept.insert(name.clone(), if gone { GONE } else { REMAINS });
        }
        // Nothing counts but a fresh listing.
        let fresh = self.look().await?;
        for (name, outcome) in &mut *swept {
            let hidden = !fresh.gaps.is_empty();
            let class = fresh.classes.get(name);
            if hidden || class.is_some_and(FoundClass::is_here) {
                *outcome = REMAINS;
            }
        }
        Ok(match swept.values().all(|outcome| *outcome == GONE) {
            true => Exit::Done,
            false => Exit::Remains,
        })
    }

    /// The teardown verb itself, with a roster of the usernames that the tags name.
    async fn with_lab(&self, class: &ClassName, found: &FoundLab) -> Result<Exit> {
        let mut global = GlobalOptions {
            roster: Some(self.keep_roster(class, found)?),
            class: Some(class.clone()),
            region: Some(self.scope.region.parse().map_err(general("region"))?),
            account: Some(self.scope.account.parse().map_err(general("account"))?),
            students: None,
            section: None,
            reports: Some(self.settings.reports.clone()),
            lab: self.settings.lab.folder().map(Into::into),
            ..self.cli.global.clone()
        };
        if self.settings.ui.output.is_for_programs() {
            // The document is one, at the end.
            global.output = Some(OutputFormat::Text);
            global.quiet = Some(2);
        }
        let args = TeardownArgs {
            confirm: Some(class.to_string()),
            left: false,
            no_final_report: self.args.no_final_report,
            swept: true,
        };
        let cli = Cli {
            verb: Verb::Teardown(args.clone()),
            global,
        };
        // It would otherwise hold itself as a type.
        Box::pin(teardown::run(&cli, &args)).await
    }

    fn keep_roster(&self, class: &ClassName, found: &FoundLab) -> Result<PathBuf> {
        let names = found.students.iter().map(|name| format!("{name}\n"));
        let text = format!("username\n{}", names.collect::<String>());
        let path = class_dir(&self.settings.reports, class).join("swept.csv");
        write_whole(&path, text.as_bytes()).map_err(general("the list of usernames"))?;
        Ok(path)
    }

    async fn by_tags(&self, class: &ClassName, lab: &LabId) -> Result<Exit> {
        if !self.args.no_final_report {
            let cause = format!(
                "its lab {lab} is not at hand, so nobody can read what its students did; nothing of it was deleted"
            );
            return Err(Error::new(Exit::Refused, format!("class {class}"), cause).hint(format!(
                "name the folder of lab {lab} with --lab, or delete it without a final report: --no-final-report"
            )));
        }
        let work = async |client: &Client| tear_down_by_tags(client, &self.scope, class, lab).await;
        let pace = pace(self.settings.quota_scale);
        let swept = look_alone(&self.client, pace, self.settings.ui, work).await?;
        swept.notes.into_iter().for_each(|note| self.note(note));
        Ok(match swept.gone {
            true => Exit::Done,
            false => Exit::Remains,
        })
    }

    fn note(&self, note: String) {
        note_at_once(self.settings.ui, &[note]);
    }

    fn say(&self, error: &Error) {
        let columns = terminal::columns_of_stderr();
        // A closed stderr leaves nobody to tell.
        let _ = print_error(
            error,
            self.settings.ui.color_stderr,
            columns,
            &mut io::stderr().lock(),
        );
    }

    fn show(&self, found: &FoundClasses, swept: &Swept, exit: Exit) -> Result<()> {
        said(match self.settings.ui.output {
            OutputFormat::Text if self.args.confirm => {
                let mut out = io::stdout().lock();
                let mut lines = swept.iter();
                lines.try_for_each(|(name, outcome)| writeln!(out, "class {name}: {outcome}"))
            }
            OutputFormat::Text => Ok(()),
            format => {
                let command = Command::Sweep;
                let list = self.list_of(found);
                let document = list.json(
                    schema_of(command),
                    command.as_str(),
                    Some(swept),
                    exit.code(),
                );
                print_document(format, exit, &document)
            }
        })
    }
}
