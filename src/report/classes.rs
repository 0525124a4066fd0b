//! The classes of an account and region: what `classes` and `sweep` show.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::ids::{ClassName, Kind, LabId, PlaceName, Scope};
use crate::results::stamp;
use crate::stack::kinds::classes::{FoundClass, FoundClasses, FoundLab, LOOKED_AT, Standing};
use crate::text::show::{clean, pad};
use crate::text::words::{minutes, plural};

/// What became of a class in a sweep, by class.
pub(crate) type Swept = BTreeMap<ClassName, &'static str>;

pub(crate) struct ClassList<'a> {
    pub(crate) found: &'a FoundClasses,
    pub(crate) scope: &'a Scope,
    /// AWS's time.
    pub(crate) now: Timestamp,
}

/// The classes of one of several places, or of the only account and region.
pub(crate) struct Listed<'a> {
    pub(crate) place: Option<&'a PlaceName>,
    pub(crate) list: ClassList<'a>,
    /// What became of those that are over, where that was asked for.
    pub(crate) swept: Option<&'a Swept>,
}

/// A place that could not be reached, and why.
pub(crate) struct LostPlace {
    pub(crate) name: PlaceName,
    pub(crate) region: String,
    pub(crate) why: String,
}

impl Listed<'_> {
    /// For people.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn text(&self, out: &mut impl Write) -> io::Result<()> {
        if let Some(place) = self.place {
            write!(out, "place {place}: ")?;
        }
        self.list.text(out)?;
        match self.place {
            Some(_) => writeln!(out),
            None => Ok(()),
        }
    }
}

/// The document of all places. Account and region are those of the first.
pub(crate) fn json_of_all<'a>(
    all: impl Iterator<Item = Listed<'a>>,
    lost: &[LostPlace],
    schema: &str,
    command: &str,
    exit_code: u8,
) -> Value {
    let mut whole = Value::Null;
    let mut places = Vec::new();
    for Listed { place, list, swept } in all {
        let mut one = list.json(schema, command, swept, exit_code);
        if let Some(place) = place {
            for class in one["classes"].as_array_mut().into_iter().flatten() {
                class["place"] = json!(place);
            }
            for gap in one["gaps"].as_array_mut().into_iter().flatten() {
                let cause = gap["cause"].as_str().unwrap_or_default();
                gap["cause"] = json!(format!("place {place}: {cause}"));
            }
            let mut stamp = json!({ "name": place });
            stamp["account"] = one["account"].clone();
            stamp["region"] = one["region"].clone();
            places.push(stamp);
        }
        if whole.is_null() {
            whole = one;
            continue;
        }
        for key in ["classes", "gaps"] {
            let more = one[key]
                .as_array_mut()
                .map(std::mem::take)
                .unwrap_or_default();
            if let Some(known) = whole[key].as_array_mut() {
                known.extend(more);
            }
        }
    }
    places.extend(lost.iter().map(|lost| {
        json!({ "name": lost.name, "account": null, "region": lost.region, "unreached": lost.why })
    }));
    if !places.is_empty() {
        whole["places"] = json!(places);
    }
    whole
}

impl ClassList<'_> {
    /// For people.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn text(&self, out: &mut impl Write) -> io::Result<()> {
        let Scope {
            account, region, ..
        } = self.scope;
        let (found, place) = (self.found, format!("account {account}, {region}"));
        match found.classes.len() {
            0 if !found.gaps.is_empty() => {}
            0 => writeln!(out, "homeroom has no class in {place}")?,
            count => writeln!(out, "{} in {place}\n", classes(count))?,
        }
        let rows: Vec<[String; 5]> = found.classes.iter().flat_map(|c| self.rows(c)).collect();
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or_default()
        };
        let widths = [0, 1, 2, 3].map(width);
        for row in &rows {
            let cells = row.iter().zip(widths).map(|(cell, width)| pad(cell, width));
            let line: Vec<String> = cells.chain([row[4].clone()]).collect();
            writeln!(out, "{}", line.join("  "))?;
        }
        if !rows.is_empty() {
            writeln!(out)?;
        }
        for gap in &found.gaps {
            let cause = clean(&gap.cause);
            writeln!(out, "could not list: every {}: {cause}", gap.kind)?;
        }
        let looked_at = LOOKED_AT.map(|kind| format!("{kind}s").replace("ys", "ies"));
        writeln!(
            out,
            "Looked at: {}. State machines and log groups show only their names, so those without any of these are not here.",
            looked_at.join(", ")
        )
    }

    fn rows(&self, (name, class): (&ClassName, &FoundClass)) -> Vec<[String; 5]> {
        let row = |lab: String, who: String, made: String, end: String| {
            [name.to_string(), lab, who, made, end]
        };
        let end = self.end(class);
        if class.labs.is_empty() {
            let what = match class.policies {
                0 => plural(class.ownerless, "role or user"),
                count => plural(count, "policy").replace("policys", "policies"),
            };
            let whose = match class.elsewhere.is_empty() {
                true => "nothing else is left of it here".to_owned(),
                false => end,
            };
            return vec![row("lab ?".into(), what, "made ?".into(), whose)];
        }
        let rows = class.labs.iter().map(|(id, lab)| {
            let students = plural(lab.students.len(), "student");
            let made = lab.made.map(|at| at.to_zoned_datetime(TimeZone::system()));
            let made = made.map_or("?".into(), |at| at.strftime("%F %H:%M").to_string());
            row(
                format!("lab {id}"),
                students,
                format!("made {made}"),
                end.clone(),
            )
        });
        rows.collect()
    }

    fn end(&self, class: &FoundClass) -> String {
        let when = |at: Timestamp| {
            let at = at.to_zoned_datetime(TimeZone::system());
            at.strftime("%F %H:%M").to_string()
        };
        let span = |from: Timestamp, to: Timestamp| {
            minutes(SignedDuration::from_secs(to.as_second() - from.as_second()))
        };
        let mut end = match self.found.standing(class, self.now) {
            Standing::Endless => "no end is set".to_owned(),
            Standing::Unsure => {
                "some of its roles or users say when it ends, others do not: deploy and access grant put that right"
                    .to_owned()
            }
            Standing::Unknown => {
                "could not tell when it ends: not every role and user could be listed".to_owned()
            }
            Standing::Ahead(at) => format!("ends {} (in {})", when(at), span(self.now, at)),
            Standing::Over(at) => format!("ended {} ({} ago)", when(at), span(at, self.now)),
        };
        if class.ownerless > 0 {
            let ownerless = plural(class.ownerless, "role or user");
            end.push_str(&format!("; {ownerless} below its path without its tags"));
        }
        if !class.elsewhere.is_empty() {
            let regions: Vec<&str> = class.elsewhere.iter().map(String::as_str).collect();
            end.push_str(&format!("; also in {}", clean(&regions.join(", "))));
        }
        end
    }

    /// The document. `swept`: what became of the classes that are over, where that was asked for.
    pub(crate) fn json(
        &self,
        schema: &str,
        command: &str,
        swept: Option<&Swept>,
        exit_code: u8,
    ) -> Value {
        let classes = self.found.classes.iter().map(|(name, class)| {
            let standing = self.found.standing(class, self.now);
            let mut shown = json!({
                "class": name,
                "labs": class.labs.iter().map(lab_json).collect::<Vec<_>>(),
                "policies": class.policies,
                "ownerless": class.ownerless,
                "other_regions": class.elsewhere,
                "ends": standing.ends().map(stamp::utc),
                "standing": standing.word(),
            });
            if let Some(outcome) = swept.and_then(|swept| swept.get(name)) {
                shown["outcome"] = json!(outcome);
            }
            shown
        });
        json!({
            "schema": schema,
            "version": stamp::VERSION,
            "time": stamp::utc(self.now),
            "account": { "id": self.scope.account, "alias": null },
            "region": self.scope.region,
            "command": command,
            "classes": classes.collect::<Vec<_>>(),
            "looked_at": LOOKED_AT,
            "gaps": self.found.gaps,
            "exit_code": exit_code,
        })
    }
}

fn lab_json((id, lab): (&LabId, &FoundLab)) -> Value {
    let resources = lab.resources.iter();
    let word = |kind: &Kind| json!(kind).as_str().map(str::to_owned);
    let resources: BTreeMap<String, usize> = resources
        .filter_map(|(kind, count)| Some((word(kind)?, *count)))
        .collect();
    json!({
        "lab": id,
        "students": lab.students,
        "made": lab.made.map(stamp::utc),
        "resources": resources,
    })
}

fn classes(count: usize) -> String {
    match count {
        1 => "1 class".to_owned(),
        count => format!("{count} classes"),
    }
}
