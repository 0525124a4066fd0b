//! Which column of a roster is what: by the names that homeroom knows, and by what other programs call them.

use crate::text::normalise::{key, squeezed};
use crate::text::problems::Problem;
use crate::text::table::Record;
use crate::text::unwanted::{code, printable, shown};
use crate::text::words::some_of;
use crate::text::{shortened, similar};

pub(super) const EXAMPLE: &str =
    "the first line names the columns, for example: username,name,email,section";

/// What to do about a file that begins with a student.
const MISSING: &str = "add a first line that names the columns; 'username' is needed, 'name', 'email' and 'section' are \
                       read where they are there: username,name,email,section";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnUse {
    Username,
    Name,
    FirstName,
    LastName,
    Email,
    Section,
    /// Until when the student's work is on time.
    Due,
    /// In which of the class's places the student belongs.
    Place,
    /// Shown only if the settings name it.
    Other,
    /// A column without a name, which is ignored as long as it is empty.
    Nameless,
}

/// The known columns as the documentation spells them.
const KNOWN: [(&str, ColumnUse); 6] = [
    ("username", ColumnUse::Username),
    ("name", ColumnUse::Name),
    ("email", ColumnUse::Email),
    ("section", ColumnUse::Section),
    ("due", ColumnUse::Due),
    ("place", ColumnUse::Place),
];

/// The optional columns: what homeroom calls them, and what others do.
const OPTIONAL: [(ColumnUse, &str, &str); 5] = [
    (ColumnUse::Name, "name", NAMES),
    (ColumnUse::Email, "email", EMAILS),
    (ColumnUse::Section, "section", SECTIONS),
    (ColumnUse::Due, "due", DUES),
    (ColumnUse::Place, "place", PLACES),
];

/// What others call the columns: words as [`squeezed`] makes them, the surest first.
const NAMES: &str = "name fullname studentname displayname student lastfirst lastnamefirstname namelastfirst \
                     fullnamelastfirst studentnamelastfirst";
const FIRST_NAMES: &str = "firstname givenname forename first preferredfirstname legalfirstname";
const LAST_NAMES: &str = "lastname surname familyname last preferredlastname legallastname";
const EMAILS: &str = "email emailaddress mail mailaddress emailid studentemail studentemailaddress useremail \
                      primaryemail schoolemail universityemail institutionalemail";
const SECTIONS: &str =
    "section sections sectionname classsection labsection group groups groupname labgroup";
/// Not `extension` alone, which may be a telephone's.
const DUES: &str = "due duedate dueat duetime duedatetime deadline extendeddue extendedduedate extendeddeadline \
                    extendeduntil extensionuntil";
/// Not `location` or `site`, which may be a campus's, and no account's.
const PLACES: &str = "place places placename labplace awsplace homeroomplace";
/// What may hold the usernames. Only asked about: a username decides who gets access to what.
const USERNAMES: &str = "username usernames awsusername iamusername iamuser sisloginid loginid loginname login netid \
                         uniqname userid user accountname samaccountname account githubusername githubid sisuserid \
                         studentid id sid identifier orgdefinedid idnumber";

fn is_one_of(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

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
    /// Columns that were taken for a known one: their names as they are shown, and for which.
    taken: Vec<(String, &'static str)>,
    /// Columns of which several could be a known one: their names, and which.
    unsure: Vec<(Vec<String>, &'static str)>,
    /// Columns that are nearly called as a known one that is missing: their names, and which.
    near: Vec<(Vec<String>, &'static str)>,
    /// Whether Canvas wrote it: it puts rows of its own below.
    pub(crate) is_canvas: bool,
    /// Whether the line does not look like a header: then the file's first student may stand there.
    pub(crate) is_missing: bool,
    pub(crate) line: usize,
    /// Whether the class has places. Without them no column is about one.
    with_places: bool,
}

/// How much a record looks like a roster's header. One with a column `username` is above every other.
pub(super) fn score(record: &Record) -> u32 {
    let lists = [
        NAMES,
        FIRST_NAMES,
        LAST_NAMES,
        EMAILS,
        SECTIONS,
        DUES,
        USERNAMES,
    ];
    let sound = record.fields.iter().filter(|field| field.flaw.is_none());
    sound
        .map(|field| match squeezed(&field.text) {
            _ if key(&field.text) == "username" => 1000,
            word if lists.iter().any(|list| is_one_of(list, &word)) => 1,
            _ => 0,
        })
        .sum()
}

/// Whether an e-mail address stands in a record: it is a student's, and no column's name.
fn has_address(record: &Record) -> bool {
    record.fields.iter().any(|field| field.text.contains('@'))
}

impl Header {
    /// Decides what each column is. `publish`: the other columns that the settings name.
    pub(crate) fn of(
        record: &Record,
        publish: &[String],
        with_places: bool,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let words: Vec<String> = record.fields.iter().map(|f| squeezed(&f.text)).collect();
        let columns = record.fields.iter().map(|field| RosterColumn {
            name: printable(&field.text),
            used_as: match field.text.is_empty() {
                true => ColumnUse::Nameless,
                false => ColumnUse::Other,
            },
            published: false,
        });
        let has = |word: &str| words.iter().any(|w| w == word);
        let mut header = Self {
            columns: columns.collect(),
            is_canvas: has("student") && has("id"),
            line: record.line(),
            with_places,
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
            let known = known.filter(|(_, role)| self.may_have(*role));
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
                Some((_, role)) => {
                    self.columns[index].used_as = *role;
                    // A lab's templates may name it since before the class had places.
                    self.columns[index].published = published && *role == ColumnUse::Place;
                }
                None => self.columns[index].published = true,
            }
        }
    }

    fn may_have(&self, role: ColumnUse) -> bool {
        role != ColumnUse::Place || self.with_places
    }

    /// Finds the optional columns by what others call them.
    fn variants(&mut self, words: &[String]) {
        for (role, what, names) in OPTIONAL {
            if self.index(role).is_some() || !self.may_have(role) {
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

    /// Finds the columns to ask about: they are nearly called as an optional column that is missing.
    fn nearly(&mut self, words: &[String]) {
        for (role, what, names) in OPTIONAL {
            let is_name = role == ColumnUse::Name;
            // The word is so short, and so common in names of columns, that asking would be noise.
            if role == ColumnUse::Due
                || !self.may_have(role)
                || self.unsure.iter().any(|(_, other)| *other == what)
                || self.index(role).is_some()
                || is_name && self.index(ColumnUse::FirstName).is_some()
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
                let part = is_name && (is_one_of(FIRST_NAMES, word) || is_one_of(LAST_NAMES, word));
                // A birthplace and a placement test are no places of the class.
                let is_place = role == ColumnUse::Place;
                part || word.contains(what) && !is_name && !is_place
                    || word.starts_with(what) && !is_place
                    || sorted(word) == sorted(what)
                    || !similar::closest(word, names.split(' ')).is_empty()
            };
            let near: Vec<String> = (self.columns.iter().zip(words))
                .filter(|(column, word)| column.is_kept_back() && !word.is_empty() && fits(word))
                .map(|(column, _)| column.name.clone())
                .collect();
            if !near.is_empty() {
                self.near.push((near, what));
            }
        }
    }

    fn parts_of_names(&mut self, words: &[String]) {
        let first = self.free(words, FIRST_NAMES).first().copied();
        let last = self.free(words, LAST_NAMES).first().copied();
        if let (Some(first), Some(last)) = (first, last) {
            self.columns[first].used_as = ColumnUse::FirstName;
            self.columns[last].used_as = ColumnUse::LastName;
            let [first, last] = [first, last].map(|index| cut(&self.columns[index].name));
            self.taken.push((format!("{first} and {last}"), "name"));
        }
    }

    /// The unused columns with the surest of these names that any column has.
    fn free(&self, words: &[String], names: &str) -> Vec<usize> {
        let called = |name: &str| -> Vec<usize> {
            let free = |index: &usize| self.columns[*index].used_as == ColumnUse::Other;
            let all = words.iter().enumerate().filter(|(_, word)| *word == name);
            all.map(|(index, _)| index).filter(free).collect()
        };
        let mut all = names.split(' ').map(called);
        all.find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// Asks for the column that is required, and names the likeliest. That one is read as if it were the username, so
    /// that mistakes in its values are found in the same run.
    fn ask_for_usernames(
        &mut self,
        record: &Record,
        words: &[String],
        problems: &mut Vec<Problem>,
    ) {
        let likely = self.free(words, USERNAMES).first().copied().or_else(|| {
            let near = |word: &String| !similar::closest("username", [word.as_str()]).is_empty();
            let at = words.iter().position(near)?;
            (self.columns[at].used_as == ColumnUse::Other).then_some(at)
        });
        let named = likely.is_some()
            || self.is_one_value()
            || score(record) > 0
            || self.columns.iter().any(|column| column.published);
        if !named || has_address(record) {
            // It may be a student, so no value of it may be shown.
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
        let named = self.columns.iter();
        let named = named.filter(|column| column.used_as != ColumnUse::Nameless);
        let named: Vec<String> = named.take(8).map(|column| cut(&column.name)).collect();
        let mut cause = "the header has no column 'username'".to_owned();
        if !named.is_empty() {
            cause.push_str(&format!("; it has {}", named.join(", ")));
            if self.columns.len() > 8 {
                cause.push_str(", …");
            }
        }
        let email = self.index(ColumnUse::Email);
        let hint = match (likely, email) {
            (Some(index), _) => {
                let name = &self.columns[index].name;
                // A word that looks right may have a letter of another script.
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

    /// Whether one value has all the names: there are spaces between the columns, or quotes around each line.
    fn is_one_value(&self) -> bool {
        let [only] = self.columns.as_slice() else {
            return false;
        };
        let mut words = only.name.split(|c: char| !c.is_alphanumeric());
        words.any(|word| key(word) == "username")
    }

    /// Whether a record is the header once more, as in two exports put together.
    pub(crate) fn is_repeated_by(&self, record: &Record) -> bool {
        let mut columns = self.columns.iter().enumerate();
        // The cheap test first: almost every row ends here.
        self.index(ColumnUse::Username).is_some_and(|index| {
            record
                .text(index)
                .eq_ignore_ascii_case(&self.columns[index].name)
        }) && columns.all(|(i, column)| {
            column.used_as == ColumnUse::Nameless || key(&column.name) == key(record.text(i))
        })
    }

    pub(crate) fn index(&self, role: ColumnUse) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| column.used_as == role)
    }

    /// A column's number and name, for a problem.
    pub(crate) fn place(&self, index: usize) -> Option<(usize, Option<String>)> {
        let name = self.columns.get(index).map(|column| short(&column.name));
        Some((index + 1, name.filter(|name| !name.is_empty())))
    }

    /// Whether anybody is shown the values of a column.
    pub(crate) fn is_used(&self, index: usize) -> bool {
        self.columns.get(index).is_some_and(|column| {
            column.published || !matches!(column.used_as, ColumnUse::Other | ColumnUse::Nameless)
        })
    }

    /// The first column that nobody is shown.
    pub(crate) fn first_unused(&self) -> usize {
        let unused = (0..self.columns.len()).find(|index| !self.is_used(*index));
        unused.unwrap_or(usize::MAX)
    }

    /// What `plan` says of the columns.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let list = |names: &[String]| {
            let quoted: Vec<String> = names.iter().map(|name| cut(name)).collect();
            some_of(&quoted, 8)
        };
        let mut said = Vec::new();
        // `Section` for 'section' needs no remark.
        let taken: Vec<String> = (self.taken.iter())
            .filter(|(name, what)| squeezed(name) != *what)
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
                "email" => "e-mail address",
                what => what,
            };
            said.push(format!(
                "the roster has no column '{what}': {is} {} the {meant}? Then rename it to '{what}'",
                list(names)
            ));
        }
        let published = self.names(|column| column.published);
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

    /// The headers that a template cannot use.
    pub(crate) fn unnamed_in_templates(&self) -> Vec<String> {
        // When work is due, and where the stack is, is no text for a template.
        let is_known = |name: &str| {
            let mut known = KNOWN
                .iter()
                .filter(|(_, role)| !matches!(role, ColumnUse::Due | ColumnUse::Place));
            known.any(|(known, _)| key(name) == *known)
        };
        self.names(|column| {
            column.used_as != ColumnUse::Nameless && !column.published && !is_known(&column.name)
        })
    }

    /// The names of the columns that nobody is shown.
    pub(crate) fn kept_back(&self) -> Vec<String> {
        self.names(RosterColumn::is_kept_back)
    }

    fn names(&self, of: impl Fn(&RosterColumn) -> bool) -> Vec<String> {
        let columns = self.columns.iter().filter(|column| of(column));
        columns.map(|column| column.name.clone()).collect()
    }
}

impl RosterColumn {
    fn is_kept_back(&self) -> bool {
        self.used_as == ColumnUse::Other && !self.published
    }
}

/// A column's name that is printable already: quoted, and cut where it is long.
fn cut(name: &str) -> String {
    format!("'{}'", short(name))
}

fn short(name: &str) -> String {
    shortened(name, 40)
}
