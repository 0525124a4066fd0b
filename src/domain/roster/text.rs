//! What characters a value may have, and how a value is shown in a message.

/// What to do about a file in another encoding; Excel's own words for the choice.
pub(in crate::domain) const SAVE_AS_UTF8: &str = "in Excel, use File > Save As and choose 'CSV UTF-8 (Comma delimited)'; elsewhere, save or export as UTF-8";

/// A character that no field may have, because it would not be seen, or would change how what stands around
/// it is seen, in a terminal, a report or a gradebook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::domain) enum Unwanted {
    LineBreak,
    Control(char),
    /// Unicode's Bidi_Control property: lets a value be shown in another order than it is in.
    Direction(char),
    ByteOrderMark,
    Replacement,
}

impl Unwanted {
    /// What is unwanted about a character, if anything is.
    pub fn of(c: char) -> Option<Self> {
        match c {
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(Self::LineBreak),
            '\u{61C}'
            | '\u{200E}'
            | '\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}' => Some(Self::Direction(c)),
            '\u{FEFF}' => Some(Self::ByteOrderMark),
            '\u{FFFD}' => Some(Self::Replacement),
            c if c.is_control() => Some(Self::Control(c)),
            _ => None,
        }
    }

    /// Words that finish the sentence "VALUE …". `lossy`: the text has U+FFFD for bytes that are not UTF-8.
    pub fn cause(self, lossy: bool) -> String {
        match self {
            Self::LineBreak => "has a line break in it".to_owned(),
            Self::Control('\t') => "has a tab in it".to_owned(),
            Self::Control(c) => format!("has the control character U+{:04X} in it", u32::from(c)),
            Self::Direction(c) => format!(
                "has the invisible character U+{:04X} in it, which changes the direction of text",
                u32::from(c)
            ),
            Self::ByteOrderMark => {
                "has the invisible character U+FEFF (byte-order mark) in it".to_owned()
            }
            Self::Replacement if lossy => {
                "is not UTF-8: a character could not be read (it stands here as U+FFFD)".to_owned()
            }
            Self::Replacement => {
                "has U+FFFD in it: an earlier conversion of the file lost a character here"
                    .to_owned()
            }
        }
    }

    /// What to do about it.
    pub fn hint(self, lossy: bool) -> &'static str {
        match self {
            Self::LineBreak => "write the value on one line",
            Self::Control(_) | Self::Direction(_) | Self::ByteOrderMark => {
                "type the value again instead of pasting it"
            }
            Self::Replacement if lossy => SAVE_AS_UTF8,
            Self::Replacement => "type the character again",
        }
    }
}

/// A value without unwanted characters: they stand there by their code.
pub(in crate::domain) fn printable(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match Unwanted::of(c) {
            None | Some(Unwanted::Replacement) => out.push(c),
            Some(_) => out.extend(c.escape_default()),
        }
    }
    out
}

/// A value as a message shows it: quoted, printable, and cut where it is long.
pub(in crate::domain) fn shown(text: &str) -> String {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        None => format!("'{}'", printable(text)),
        Some((end, _)) => format!("'{}…'", printable(&text[..end])),
    }
}
