//! A handout, filled in for a student: what it says, in parts. How each part looks, and how a value is kept inert
//! there, is the report's.
//!
//! Structure and values never meet: what is a heading, a link or a command was decided when the lab was read
//! ([`crate::lab`]), before any student was known. A value only ever stands inside one of the texts here.

use crate::lab::given::{ExampleRequest, Output};

/// What a student's handout says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handout {
    /// Its parts, in order.
    pub blocks: Vec<Block>,
    /// What the student is given, as far as it leads anywhere where the class runs.
    pub outputs: Vec<Output>,
}

/// A part of a handout. `E` is what stands for the lab's own things: an [`Example`] once it is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block<E = Example> {
    /// A heading.
    Heading {
        /// From 1, the largest.
        level: u8,
        /// Its text.
        text: Vec<Inline>,
        /// Id of the check that is passed by doing what stands below it.
        check: Option<String>,
    },
    /// A paragraph.
    Paragraph(Vec<Inline>),
    /// A list.
    List {
        /// The first number; `None` for bullets.
        start: Option<u64>,
        /// The items.
        items: Vec<Vec<Block<E>>>,
    },
    /// A table.
    Table {
        /// The columns' heads.
        head: Vec<Vec<Inline>>,
        /// The rows, each cell a text.
        rows: Vec<Vec<Vec<Inline>>>,
    },
    /// Something set apart from the rest.
    Note(Vec<Block<E>>),
    /// Text as it stands, to read.
    Code(String),
    /// Commands to paste; at least one of the two.
    Commands {
        /// For Bash.
        bash: Vec<Piece>,
        /// For PowerShell.
        powershell: Vec<Piece>,
    },
    /// How one thing leads to the next.
    Flow(Vec<Station>),
    /// The lab's checks, with their points and what proves them.
    Checks {
        /// Whether each one's hint is said, too.
        hints: bool,
    },
    /// One of the lab's own things.
    Own(E),
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inline {
    /// Text.
    Text(String),
    /// A name, a value: something to read letter by letter.
    Code(String),
    /// Important.
    Strong(Vec<Inline>),
    /// Emphasised.
    Emphasis(Vec<Inline>),
    /// A link.
    Link {
        /// Where to.
        url: String,
        /// What it says.
        text: Vec<Inline>,
    },
}

/// A part of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The command's own words.
    Fixed(String),
    /// A value: one word for the shell, whatever is in it.
    Value(String),
}

/// One of the things that a flow passes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Station {
    /// Its name.
    pub name: String,
    /// What it does.
    pub about: String,
}

/// One of the lab's own things, filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Example {
    /// A request to the student's API.
    Request {
        /// The request.
        request: ExampleRequest,
        /// How often it is to be sent.
        times: u32,
    },
    /// A payload to paste somewhere.
    Input {
        /// What it is for.
        title: String,
        /// Its text.
        text: String,
    },
}
