//! Text that others wrote: read strictly, compared fairly, shown safely. Pure, and below every other room.
//!
//! - [`table`]: rosters, attestations and gradebook exports as records of fields that know their place;
//! - [`encoding`]: what a file is when it is no UTF-8 text;
//! - [`unwanted`]: the one list of characters that must not be shown or kept as they are;
//! - [`normalise`]: the one way to compare names, sections and logins;
//! - [`show`]: text made safe and made to fit where it is shown; [`words`]: counts, lists, durations; [`json`];
//! - `moment`: times with their zone;
//! - `link`: what may be followed;
//! - `names`: whether two names are one person's;
//! - [`problems`]: what is wrong with a table, said once however often it is wrong.

pub(crate) mod commands;
pub(crate) mod encoding;
pub mod failure;
pub mod json;
pub(crate) mod link;
pub(crate) mod moment;
pub(crate) mod names;
pub(crate) mod normalise;
pub(crate) mod problems;
pub mod show;
pub(crate) mod similar;
pub(crate) mod table;
pub mod unwanted;
pub(crate) mod words;

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A text of at most so many characters; `…` stands where it was cut.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
