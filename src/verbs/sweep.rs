//! `sweep`: lists the classes whose end has passed, and tears them down once that is confirmed. It needs no roster: a class's
//! tags name its students. With the lab at hand it is the teardown itself, final report included. Of several places each is swept by
//! itself.

use std::io::{self, Write};
use std::path::PathBuf;

use super::classes::{Site, Sites};
use super::homes::Deed;
use super::run::look_alone;
use super::say::{general, note_at_once, print_document, said, say_error};
use super::session::pace;
use super::teardown;
use crate::aws::Client;
use crate::cli::{Cli, SweepArgs, TeardownArgs, Verb};
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::evidence::kept::StudentPlaces;
use crate::files::{class_dir, write_whole};
use crate::ids::{ClassName, LabId, Scope};
use crate::lab::bundle;
use crate::options::{GlobalOptions, OutputFormat};
use crate::report::classes::{Listed, Swept, json_of_all};
use crate::results::stamp::schema_of;
use crate::stack::kinds::classes::{FoundClass, FoundClasses, FoundLab};
use crate::stack::sweep::tear_down_by_tags;

const GONE: &str = "gone";
const REMAINS: &str = "remains";
const NOT_CONFIRMED: &str = "not-confirmed";

struct Sweep<'a> {
    cli: &'a Cli,
    args: &'a SweepArgs,
    site: &'a Site,
    /// The accounts and regions of all places: each is swept by itself.
    beside: &'a [Scope],
    /// The lab that --lab names, or the one built in.
    at_hand: &'a LabId,
}

pub(super) async fn run(cli: &Cli, args: &SweepArgs) -> Result<Exit> {
    let settings = cli.settings_without_roster()?;
    let at_hand = bundle::load(settings.lab.folder())?.id().clone();
    let work = match args.confirm {
        true => Deed::Deletes,
        false => Deed::Looks,
    };
    let sites = Sites::of(&settings, work).await?;
    // A class may hide in what could not be listed.
    let hidden = match args.confirm {
        true => Exit::Remains,
        false => Exit::General,
    };
    let mut exit = match sites.lost.is_empty() {
        true => Exit::Done,
        false => hidden,
    };
    let scopes: Vec<Scope> = sites
        .reached
        .iter()
        .map(|site| site.scope.clone())
        .collect();
    let sweeps = sites.reached.iter().map(|site| Sweep {
        cli,
        args,
        site,
        beside: &scopes,
        at_hand: &at_hand,
    });
    let sweeps: Vec<Sweep<'_>> = sweeps.collect();
    // Every place is listed before anything is deleted at any of them.
    let found = sites.look().await?;
    let mut all_swept = Vec::new();
    for (sweep, found) in sweeps.iter().zip(&found) {
        let over = found.over(sweep.site.client.time_at_aws());
        if settings.ui.output == OutputFormat::Text {
            sweep.list(found, &over)?;
        }
        let swept: Swept = over.into_iter().map(|c| (c, NOT_CONFIRMED)).collect();
        all_swept.push(swept);
    }
    for ((sweep, found), swept) in sweeps.iter().zip(&found).zip(&mut all_swept) {
        let over: Vec<ClassName> = swept.keys().cloned().collect();
        let mut ended = match over.is_empty() {
            true => Exit::Done,
            false => Exit::Changes,
        };
        if args.confirm && !over.is_empty() {
            ended = sweep.tear_down(&over, swept).await?;
        }
        if ended == Exit::Done && !found.gaps.is_empty() {
            ended = hidden;
        }
        exit = exit.or(ended);
        if ended == Exit::Interrupted {
            break;
        }
    }
    said(match settings.ui.output {
        OutputFormat::Text if args.confirm => {
            let mut out = io::stdout().lock();
            let mut all = sweeps.iter().zip(&all_swept);
            all.try_for_each(|(sweep, swept)| sweep.outcomes(swept, &mut out))
        }
        OutputFormat::Text => Ok(()),
        format => {
            let all = sweeps.iter().zip(&found).zip(&all_swept);
            let all = all.map(|((sweep, found), swept)| Listed {
                swept: Some(swept),
                ..sweep.site.listed(found)
            });
            let (schema, name) = (schema_of(Command::Sweep), Command::Sweep.as_str());
            let document = json_of_all(all, &sites.lost, schema, name, exit.code());
            print_document(format, exit, &document)
        }
    })?;
    Ok(exit)
}

impl Sweep<'_> {
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
        let written = self.site.listed(found).text(&mut out);
        said(written.and_then(|()| writeln!(out, "{says}")))
    }

    /// One class after the other, each as it is when its turn comes.
    async fn tear_down(&self, over: &[ClassName], swept: &mut Swept) -> Result<Exit> {
        for name in over {
            // Somebody may have given it another end meanwhile.
            let fresh = self.site.look().await?;
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
            if !fresh.over(self.site.client.time_at_aws()).contains(name) {
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
                let torn_down = match lab == self.at_hand {
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
                        say_error(self.site.settings.ui, &error);
                    }
                }
            }
            swept.insert(name.clone(), if gone { GONE } else { REMAINS });
        }
        // Nothing counts but a fresh listing.
        let fresh = self.site.look().await?;
        for (name, outcome) in &mut *swept {
            let hidden = !fresh.gaps.is_empty();
            let class = fresh.classes.get(name);
            if hidden || class.is_some_and(FoundClass::is_here) {
                *outcome = REMAINS;
            }
            if *outcome == GONE {
                self.forget_place(name);
            }
        }
        Ok(match swept.values().all(|outcome| *outcome == GONE) {
            true => Exit::Done,
            false => Exit::Remains,
        })
    }

    /// Nobody of a class that is gone is remembered at this place.
    fn forget_place(&self, class: &ClassName) {
        let site = self.site;
        let Some(place) = &site.place else {
            return;
        };
        let folder = class_dir(&site.settings.reports, class);
        let forgotten =
            StudentPlaces::change(&folder, |places| places.forget_all(place, &site.scope));
        if let Err(error) = forgotten {
            self.note(format!(
                "that nothing of class {class} is left could not be kept: {error}"
            ));
        }
    }

    /// The teardown verb itself, with a roster of the usernames that the tags name.
    async fn with_lab(&self, class: &ClassName, found: &FoundLab) -> Result<Exit> {
        let (settings, scope) = (&self.site.settings, &self.site.scope);
        // A place has its own region and account in the settings.
        let (region, account, place) = match &self.site.place {
            Some(place) => (None, None, Some(vec![place.clone()])),
            None => {
                let region = scope.region.parse().map_err(general("region"))?;
                let account = scope.account.parse().map_err(general("account"))?;
                (Some(region), Some(account), None)
            }
        };
        let mut global = GlobalOptions {
            roster: Some(self.keep_roster(class, found)?),
            class: Some(class.clone()),
            region,
            account,
            place,
            students: None,
            section: None,
            reports: Some(settings.reports.clone()),
            lab: settings.lab.folder().map(Into::into),
            ..self.cli.global.clone()
        };
        if settings.ui.output.is_for_programs() {
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
        Box::pin(teardown::run_beside(&cli, &args, self.beside)).await
    }

    fn keep_roster(&self, class: &ClassName, found: &FoundLab) -> Result<PathBuf> {
        let names = found.students.iter().map(|name| format!("{name}\n"));
        let text = format!("username\n{}", names.collect::<String>());
        let path = class_dir(&self.site.settings.reports, class).join("swept.csv");
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
        let site = self.site;
        let work = async |client: &Client| tear_down_by_tags(client, &site.scope, class, lab).await;
        let pace = pace(site.settings.quota_scale);
        let swept = look_alone(&site.client, pace, site.settings.ui, work).await?;
        swept.notes.into_iter().for_each(|note| self.note(note));
        Ok(match swept.gone {
            true => Exit::Done,
            false => Exit::Remains,
        })
    }

    fn note(&self, note: String) {
        let note = match &self.site.place {
            Some(place) => format!("place {place}: {note}"),
            None => note,
        };
        note_at_once(self.site.settings.ui, &[note]);
    }

    fn outcomes(&self, swept: &Swept, out: &mut impl Write) -> io::Result<()> {
        let place = self.site.place.as_ref();
        let place = place.map_or_else(String::new, |place| format!("place {place}: "));
        let mut lines = swept.iter();
        lines.try_for_each(|(name, outcome)| writeln!(out, "{place}class {name}: {outcome}"))
    }
}
