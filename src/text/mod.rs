//! Text that others wrote: read strictly, compared fairly, shown safely. Pure, and below every other room.
//!
//! - [`table`]: rosters, attestations and gradebook exports as records of fields that know their place;
//! - [`encoding`]: what a file is when it is no UTF-8 text;
//! - [`shown`]: what makes a text inert, and fits it into columns;
//! - [`unwanted`]: the one list of characters that must not be shown or kept as they are;
//! - [`normalise`]: the one way to compare names, sections and logins;
//! - `names`: whether two names are one person's;
//! - `json`, `shell`: a document's one text, a word's quotes;
//! - [`problems`]: what is wrong with a table, said once however often it is wrong.

pub mod encoding;
pub mod failure;
pub(crate) mod json;
pub(crate) mod names;
pub mod normalise;
pub mod problems;
pub(crate) mod shell;
pub mod shown;
pub mod similar;
pub mod table;
pub mod unwanted;

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A text of at most so many characters; `…` stands where it was cut.
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
