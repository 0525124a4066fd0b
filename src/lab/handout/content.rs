//! What a handout says: one run of Markdown events, with blocks between them for what Markdown does not have.
//!
//! Structure and values never meet: what is a heading, a link or a command is decided when the lab is read, before any
//! student is known. A value only ever stands inside a text, a code span, a link's address or a command's word.

use pulldown_cmark::Event;
use serde::Serialize;

/// A student's handout. Every text in it is cleaned, and a student can follow every link.
#[derive(Debug, Clone, PartialEq)]
pub struct FilledHandout {
    pub(crate) elements: Vec<Element>,
    /// Those that lead somewhere where the class runs.
    pub(crate) addresses: Vec<HandoutAddress>,
}

/// An address that a student is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandoutAddress {
    pub(crate) label: String,
    pub(crate) value: String,
    /// Whether a browser gets an answer there: not from an API that takes nothing but a POST.
    pub(crate) opens: bool,
}

/// An event of Markdown, or a block of our own where a block may stand. Headings are of level 2, which begin a chapter,
/// or 3; a heading's id is that of the check that is passed by doing what stands below it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Element<B = HandoutBlock> {
    Markdown(Event<'static>),
    Block(B),
}

/// What Markdown has no word for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum HandoutBlock {
    /// To read, or to paste somewhere.
    Text { title: String, text: String },
    /// To paste into a shell; at least one of the two is not empty.
    Commands {
        title: String,
        bash: String,
        powershell: String,
    },
    /// How one thing leads to the next.
    Flow { steps: Vec<FlowStep> },
    /// The lab's checks, with their points and what proves them.
    Checks { hints: bool },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FlowStep {
    pub name: String,
    pub(crate) about: String,
}
