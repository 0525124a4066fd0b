//! Which column of a roster is what: by the four names that homeroom knows, and by what other programs call them.

use crate::text::normalise::{key, squeezed};
use crate::text::problems::Problem;
use crate::text::table::Record;
use crate::text::unwanted::{code, printable, shown};
use crate::text::{shortened, similar};

/// What a header looks like.
pub(super) const EXAMPLE: &str =
    "the first line names the columns, for example: username,name,email,section";

/// What to do about a file that begins with a student.
const MISSING: &str = "add a first line that names the columns; 'username' is needed, 'name', 'email' and 'section' are \
                       read where they are there: username,name,email,section";

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnUse {
    Username,
    Name,
    /// A part of the name.
    First,
    /// The other part.
    Last,
    Email,
    Section,
    /// Everything else: shown only if the settings name it.
    Other,
    /// Without a name: nothing, as long as it is empty.
    Nameless,
}

/// The four known columns as the documentation spells them.
const KNOWN: [(&str, ColumnUse); 4] = [
    ("username", ColumnUse::Username),
    ("name", ColumnUse::Name),
    ("email", ColumnUse::Email),
    ("section", ColumnUse::Section),
];

/// What others call them, the surest first; as [`squeezed`] makes them.
const NAMES: &[&str] = &[
    "name",
    "fullname",
    "studentname",
    "displayname",
    "student",
    "lastfirst",
    "lastnamefirstname",
    "namelastfirst",
    "fullnamelastfirst",
    "studentnamelastfirst",
];
const FIRSTS: &[&str] = &[
    "firstname",
    "givenname",
    "forename",
    "first",
    "preferredfirstname",
    "legalfirstname",
];
const LASTS: &[&str] = &[
    "lastname",
    "surname",
    "familyname",
    "last",
    "preferredlastname",
    "legallastname",
];
const EMAILS: &[&str] = &[
    "email",
    "emailaddress",
    "mail",
    "mailaddress",
    "emailid",
    "studentemail",
    "studentemailaddress",
    "useremail",
    "primaryemail",
    "schoolemail",
    "universityemail",
    "institutionalemail",
];
const SECTIONS: &[&str] = &[
    "section",
    "sections",
    "sectionname",
    "classsection",
    "labsection",
    "group",
    "groups",
    "groupname",
    "labgroup",
];
/// What may hold the usernames. Only asked about: a username decides who gets access to what.
const USERNAMES: &[&str] = &[
    "username",
    "usernames",
    "awsusername",
    "iamusername",
    "iamuser",
    "sisloginid",
    "loginid",
    "loginname",
    "login",
    "netid",
    "uniqname",
    "userid",
    "user",
    "accountname",
    "samaccountname",
    "account",
    "githubusername",
    "githubid",
    "sisuserid",
    "studentid",
    "id",
    "sid",
    "identifier",
    "orgdefinedid",
    "idnumber",
];

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RosterColumn {
    /// As it stands in the header, printable.
    pub(crate) name: String,
    pub(crate) used_as: ColumnUse,
    /// Whether the settings name it.
    pub(crate) published: bool,
}

/// The columns as the header names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(crate) columns: Vec<RosterColumn>,
    /// Columns that were taken for one of the four: their names as they are shown, and for what.
    pub(crate) taken: Vec<(String, &'static str)>,
    /// Columns of which more than one could be the same: their names, and what.
    pub(crate) unsure: Vec<(Vec<String>, &'static str)>,
    /// Columns that nearly are one of the four, which no other is: their names, and what.
    pub(crate) near: Vec<(Vec<String>, &'static str)>,
    /// Whether Canvas wrote it: it puts rows of its own below.
    pub(crate) is_canvas: bool,
    /// Whether the line is none, as far as can be told: then the file's first student may stand there.
    pub(crate) is_missing: bool,
    line: usize,
}

/// How much a record looks like a roster's header. One with a column `username` is above every other.
pub(super) fn score(record: &Record) -> u32 {
    record
        .fields
        .iter()
        .filter(|field| field.flaw.is_none())
        .map(|field| {
            let word = squeezed(&field.text);
            let known = |names: &[&str]| names.contains(&word.as_str());
            match () {
                () if key(&field.text) == "username" => 1000,
                () if [NAMES, FIRSTS, LASTS, EMAILS, SECTIONS, USERNAMES]
                    .into_iter()
                    .any(known) =>
                {
                    1
                }
                () => 0,
            }
        })
        .sum()
}

/// Whether an e-mail address stands in a record: a student's, and no column's name.
fn has_address(record: &Record) -> bool {
    let mut fields = record.fields.iter();
    fields.any(|field| field.text.contains('@'))
}

impl Header {
    /// Tells what each column is. `publish`: the other columns that the settings name.
    pub(crate) fn of(record: &Record, publish: &[String], problems: &mut Vec<Problem>) -> Self {
        let words: Vec<String> = record.fields.iter().map(|f| squeezed(&f.text)).collect();
        let mut header = Self {
            columns: record
                .fields
                .iter()
                .map(|field| RosterColumn {
                    name: printable(&field.text),
                    used_as: match field.text.is_empty() {
                        true => ColumnUse::Nameless,
                        false => ColumnUse::Other,
                    },
                    published: false,
                })
                .collect(),
            is_canvas: ["student", "id"]
                .iter()
                .all(|word| words.iter().any(|w| w == word)),
            line: record.line(),
            ..Self::default()
        };
        header.exact(record, publish, problems);
        header.variants(&words);
        if header.index(ColumnUse::Username).is_none() {
            header.ask_for_usernames(record, &words, problems);
        }
        header.nearly(&words);
        header
    }

    /// The columns whose names are exactly those that homeroom or the settings know.
    fn exact(&mut self, record: &Record, publish: &[String], problems: &mut Vec<Problem>) {
        let mut seen: Vec<(String, usize)> = Vec::new();
        for (index, field) in record.fields.iter().enumerate() {
            let name = key(&field.text);
            let known = KNOWN.iter().find(|(known, _)| *known == name);
            let published = publish.iter().any(|p| !name.is_empty() && key(p) == name);
            if known.is_none() && !published {
                continue;
            }
            if let Some((_, first)) = seen.iter().find(|(other, _)| *other == name) {
                let hint = "rename or delete one of the two columns";
                let cause = format!(
                    "the header has {} twice: column {} has it too",
                    shown(&field.text),
                    first + 1
                );
                let problem = Problem::at_line(record.line(), cause, hint)
                    .in_column(self.place(index))
                    .many("columns have a name that another column has already")
                    .example(shown(&field.text))
                    .alone(3);
                problems.push(problem);
                continue;
            }
            seen.push((name, index));
            match known {
                Some((_, role)) => self.columns[index].used_as = *role,
                None => self.columns[index].published = true,
            }
        }
    }

    /// What others call the optional columns.
    fn variants(&mut self, words: &[String]) {
        for (role, names, what) in [
            (ColumnUse::Name, NAMES, "name"),
            (ColumnUse::Email, EMAILS, "email"),
            (ColumnUse::Section, SECTIONS, "section"),
        ] {
            if self.index(role).is_some() {
                continue;
            }
            match self.free(words, names).as_slice() {
                [] if role == ColumnUse::Name => self.parts_of_names(words),
                [] => {}
                [one] => {
                    self.columns[*one].used_as = role;
                    self.taken.push((cut(&self.columns[*one].name), what));
                }
                several => {
                    let names = several.iter().map(|i| self.columns[*i].name.clone());
                    self.unsure.push((names.collect(), what));
                }
            }
        }
    }

    /// The columns to ask about: they are called nearly like one of the four that is not there.
    fn nearly(&mut self, words: &[String]) {
        for (role, names, what) in [
            (ColumnUse::Name, NAMES, "name"),
            (ColumnUse::Email, EMAILS, "email"),
            (ColumnUse::Section, SECTIONS, "section"),
        ] {
            let is_name = role == ColumnUse::Name;
            let unsure = self.unsure.iter().any(|(_, other)| *other == what);
            if unsure
                || self.index(role).is_some()
                || is_name && self.index(ColumnUse::First).is_some()
            {
                continue;
            }
            let fits = |word: &str| {
                // Swapped letters are two edits, which is too much for a short word.
                let sorted = |word: &str| {
                    let mut letters: Vec<char> = word.chars().collect();
                    letters.sort_unstable();
                    letters
                };
                let part = is_name && (FIRSTS.contains(&word) || LASTS.contains(&word));
                part || word.contains(what) && !is_name
                    || word.starts_with(what)
                    || sorted(word) == sorted(what)
                    || !similar::closest(word, names.iter().copied()).is_empty()
            };
            let columns = self.columns.iter().zip(words);
            let near = columns.filter(|(column, word)| {
                column.used_as == ColumnUse::Other
                    && !column.published
                    && !word.is_empty()
                    && fits(word)
            });
            let near: Vec<String> = near.map(|(column, _)| column.name.clone()).collect();
            if !near.is_empty() {
                self.near.push((near, what));
            }
        }
    }

    fn parts_of_names(&mut self, words: &[String]) {
        let (firsts, lasts) = (self.free(words, FIRSTS), self.free(words, LASTS));
        if let ([first, ..], [last, ..]) = (firsts.as_slice(), lasts.as_slice()) {
            self.columns[*first].used_as = ColumnUse::First;
            self.columns[*last].used_as = ColumnUse::Last;
            let [first, last] = [first, last].map(|index| cut(&self.columns[*index].name));
            self.taken.push((format!("{first} and {last}"), "name"));
        }
    }

    /// The columns that are called as the surest of some names that any is called.
    fn free(&self, words: &[String], names: &[&str]) -> Vec<usize> {
        let free = |index: &usize| self.columns[*index].used_as == ColumnUse::Other;
        let called = |name: &&&str| {
            let all = words.iter().enumerate().filter(|(_, word)| word == *name);
            Some(all.map(|(i, _)| i).filter(free).collect::<Vec<usize>>()).filter(|i| !i.is_empty())
        };
        names
            .iter()
            .find_map(|name| called(&name))
            .unwrap_or_default()
    }

    /// Asks for the column that is required, naming the likeliest; that one is read as if it were it, so that what is
    /// wrong with its values is told in the same run.
    fn ask_for_usernames(
        &mut self,
        record: &Record,
        words: &[String],
        problems: &mut Vec<Problem>,
    ) {
        let likely = self.free(words, USERNAMES).first().copied().or_else(|| {
            let near = |word: &&String| !similar::closest("username", [word.as_str()]).is_empty();
            let at = words.iter().position(|word| near(&word))?;
            (self.columns[at].used_as == ColumnUse::Other).then_some(at)
        });
        let named = likely.is_some() || self.is_one_value() || score(record) > 0;
        let named = named || self.columns.iter().any(|column| column.published);
        if !named || has_address(record) {
            // It may well be a student: whatever stands in it is nobody's business.
            self.is_missing = true;
            let cause = match (has_address(record), self.columns.len()) {
                (true, 1) => "its 1 cell is an e-mail address".to_owned(),
                (true, cells) => format!("an e-mail address stands among its {cells} cells"),
                (false, 1) => "its 1 cell names no column of a roster".to_owned(),
                (false, cells) => format!("none of its {cells} cells names a column of a roster"),
            };
            let cause = format!("this does not look like a header: {cause}");
            problems.push(Problem::at_line(self.line, cause, MISSING));
            return;
        }
        let named: Vec<String> = self
            .columns
            .iter()
            .filter(|column| column.used_as != ColumnUse::Nameless)
            .take(8)
            .map(|column| cut(&column.name))
            .collect();
        let more = match self.columns.len() > 8 {
            true => ", …",
            false => "",
        };
        let cause = match named.is_empty() {
            true => "the header has no column 'username'".to_owned(),
            false => format!(
                "the header has no column 'username'; it has {}{more}",
                named.join(", ")
            ),
        };
        let email = self.index(ColumnUse::Email);
        let hint = match (likely, email) {
            (Some(index), _) => {
                let name = &self.columns[index].name;
                // What looks like the right word may have a letter of another script.
                let other = name.chars().find(|c| c.is_alphabetic() && !c.is_ascii());
                let other = other.map(|c| format!(" (its '{c}' is {})", code(c)));
                format!(
                    "rename {}{} to 'username' if it holds what students are called in AWS",
                    cut(name),
                    other.unwrap_or_default()
                )
            }
            (None, Some(email)) => format!(
                "add a column 'username'; the part before the @ of {} may serve, with '-' for '.'",
                cut(&self.columns[email].name)
            ),
            (None, None) if self.is_one_value() => {
                "put commas between the columns, and no quotes around a whole line".to_owned()
            }
            (None, None) => EXAMPLE.to_owned(),
        };
        problems.push(Problem::at_line(self.line, cause, hint));
        if let Some(index) = likely {
            self.columns[index].used_as = ColumnUse::Username;
        }
    }

    /// Whether the header is one value with all names in it: spaces between the columns, or quotes around each line.
    fn is_one_value(&self) -> bool {
        let [only] = self.columns.as_slice() else {
            return false;
        };
        let mut words = only.name.split(|c: char| !c.is_alphanumeric());
        words.any(|word| key(word) == "username")
    }

    /// Whether a record is the header once more, as in two exports put together.
    pub(crate) fn is_repeated_by(&self, record: &Record) -> bool {
        let likely = self.index(ColumnUse::Username).is_some_and(|index| {
            record
                .text(index)
                .eq_ignore_ascii_case(&self.columns[index].name)
        });
        if !likely {
            return false;
        }
        let columns = self.columns.iter().enumerate();
        let named = columns.filter(|(_, column)| column.used_as != ColumnUse::Nameless);
        let mut same = named.map(|(i, column)| key(&column.name) == key(record.text(i)));
        same.all(|same| same)
    }

    /// The column of a role.
    pub(crate) fn index(&self, role: ColumnUse) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| column.used_as == role)
    }

    /// A place in a column, for a problem.
    pub(crate) fn place(&self, index: usize) -> Option<(usize, Option<String>)> {
        let name = self.columns.get(index).map(|column| column.name.clone());
        Some((
            index + 1,
            name.filter(|name| !name.is_empty())
                .map(|name| short(&name)),
        ))
    }

    /// The line that it stands on.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// Whether anybody sees what stands in a column.
    pub(crate) fn is_used(&self, index: usize) -> bool {
        self.columns.get(index).is_some_and(|column| {
            column.published || !matches!(column.used_as, ColumnUse::Other | ColumnUse::Nameless)
        })
    }

    /// The first column that nobody sees.
    pub(crate) fn first_unused(&self) -> usize {
        let mut columns = 0..self.columns.len();
        columns
            .find(|index| !self.is_used(*index))
            .unwrap_or(usize::MAX)
    }

    /// What `plan` says of the columns.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut said = Vec::new();
        let list = |names: &[String]| -> String {
            let quoted: Vec<String> = names.iter().take(8).map(|n| cut(n)).collect();
            match names.len() > 8 {
                true => format!("{} and {} more", quoted.join(", "), names.len() - 8),
                false => quoted.join(", "),
            }
        };
        // `Section` in other letters says it all.
        let taken = self
            .taken
            .iter()
            .filter(|(name, what)| squeezed(name) != *what);
        let taken: Vec<String> = taken
            .map(|(names, what)| format!("{names} as '{what}'"))
            .collect();
        if !taken.is_empty() {
            said.push(format!(
                "of the roster's columns, homeroom reads {}; rename one that is something else",
                taken.join(", ")
            ));
        }
        for (names, what) in &self.unsure {
            said.push(format!(
                "the roster's columns {} could each be '{what}', and none is read as it: rename the right one to '{what}'",
                list(names)
            ));
        }
        for (names, what) in &self.near {
            let is = match names.len() {
                1 => "is",
                _ => "is one of",
            };
            let meant = match *what {
                "email" => "the e-mail address",
                "name" => "the name",
                _ => "the section",
            };
            said.push(format!(
                "the roster has no column '{what}': {is} {} {meant}? Then rename it to '{what}'",
                list(names)
            ));
        }
        let published = self.columns.iter().filter(|column| column.published);
        let published: Vec<String> = published.map(|column| column.name.clone()).collect();
        if !published.is_empty() {
            // The file may have come with a lab from somebody else.
            said.push(format!(
                "of the roster's columns, homeroom.toml lets {} be shown to students and in reports",
                list(&published)
            ));
        }
        let kept = self.kept_back();
        if !kept.is_empty() {
            said.push(format!(
                "of the roster's columns, homeroom only keeps {}, and shows them nowhere; to show one, name it in \
                 homeroom.toml under publish-columns",
                list(&kept)
            ));
        }
        said
    }

    /// The headers under which a template finds nothing.
    pub(crate) fn unnamed_in_templates(&self) -> Vec<String> {
        let is_known = |name: &str| KNOWN.iter().any(|(known, _)| key(name) == *known);
        let columns = self.columns.iter();
        columns
            .filter(|column| column.used_as != ColumnUse::Nameless && !column.published)
            .filter(|column| !is_known(&column.name))
            .map(|column| column.name.clone())
            .collect()
    }

    /// The names of the columns that nobody sees.
    pub(crate) fn kept_back(&self) -> Vec<String> {
        let kept = |column: &&RosterColumn| column.used_as == ColumnUse::Other && !column.published;
        let kept = self.columns.iter().filter(kept);
        kept.map(|column| column.name.clone()).collect()
    }
}

/// A column's name that is printable already: quoted, and cut where it is long.
fn cut(name: &str) -> String {
    format!("'{}'", short(name))
}

fn short(name: &str) -> String {
    const MOST: usize = 40;
    shortened(name, MOST)
}
