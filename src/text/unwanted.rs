//! Which characters are unwanted, in a table and on a screen: the one list that roster and report use.
//!
//! A character is unwanted when it is not seen, or changes how what stands around it is seen. What a script or an
//! emoji is spelt with stays: zero-width joiner and non-joiner, variation selectors.

use std::borrow::Cow;

/// What is unwanted about a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwanted {
    /// Ends a line, for some program at least.
    LineBreak,
    /// A control character; ESC and U+009B begin a terminal's sequences.
    Control(char),
    /// Turns the reading order around until it is ended: an embedding, override or isolate, or the end of one.
    Direction(char),
    /// Is not seen, and says nothing that a value needs: marks of direction, zero-width spaces, soft hyphens,
    /// byte-order marks, fillers, tags.
    Invisible(char),
    /// U+FFFD: an earlier conversion lost a character here.
    Replacement,
}

impl Unwanted {
    /// What is unwanted about a character, if anything is.
    pub fn of(c: char) -> Option<Self> {
        match c {
            ' '..='~' => None,
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(Self::LineBreak),
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => Some(Self::Direction(c)),
            '\u{FFFD}' => Some(Self::Replacement),
            c if is_invisible(c) => Some(Self::Invisible(c)),
            c if c.is_control() => Some(Self::Control(c)),
            _ => None,
        }
    }

    /// Words that finish the sentence "VALUE …".
    pub(crate) fn cause(self) -> String {
        let lost = match self {
            Self::Replacement => ": an earlier conversion of the file lost a character here",
            _ => "",
        };
        format!("has {}{lost}", self.named("it"))
    }

    /// Words that finish the sentence "12 …".
    pub(crate) fn many(self) -> String {
        let lost = match self {
            Self::Replacement => ": an earlier conversion of the file lost characters",
            _ => "",
        };
        format!("values have {}{lost}", self.named("them"))
    }

    /// The character; `inside`: `it` or `them`.
    fn named(self, inside: &str) -> String {
        match self {
            Self::LineBreak => format!("a line break in {inside}"),
            Self::Control('\t') => format!("a tab in {inside}"),
            Self::Control(c) => format!("the control character {} in {inside}", code(c)),
            Self::Direction(c) => format!(
                "the invisible character {} in {inside}, which changes the direction of text",
                code(c)
            ),
            Self::Invisible(c) => format!("the invisible character {} in {inside}", code(c)),
            Self::Replacement => format!("U+FFFD in {inside}"),
        }
    }

    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::LineBreak => "write the value on one line",
            Self::Control(_) | Self::Direction(_) | Self::Invisible(_) => {
                "type the value again instead of pasting it, or take the character out of the whole file with an editor's Find and Replace"
            }
            Self::Replacement => "type the character again",
        }
    }
}

/// Unicode's Default_Ignorable_Code_Point without what spells something and without what [`Unwanted::Direction`] has;
/// interlinear annotations and noncharacters besides.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}'
        | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2060}'..='\u{2065}' | '\u{206A}'..='\u{206F}'
        | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E00FF}' | '\u{E01F0}'..='\u{E0FFF}'
        | '\u{FDD0}'..='\u{FDEF}')
        || u32::from(c) & 0xFFFE == 0xFFFE
}

/// Whether a character is part of how a script or an emoji is spelt and yet nothing is seen of it by itself.
pub(crate) fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Whether a character at a value's ends is no part of it: white space, line breaks, invisible characters.
fn is_edge(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{200C}' | '\u{200D}')
        || matches!(
            Unwanted::of(c),
            Some(Unwanted::Direction(_) | Unwanted::Invisible(_))
        )
}

/// A value without invisible characters in it and at its ends, and without white space at its ends; and the first
/// invisible character that was taken off. What would change the value's meaning stays, to be refused: controls, line
/// breaks inside, changes of direction inside.
pub fn without_invisible(text: &str) -> (Cow<'_, str>, Option<char>) {
    let trimmed = text.trim_matches(is_edge);
    let (before, after) = text.split_once(trimmed).unwrap_or((text, ""));
    let inside = |c: &char| matches!(Unwanted::of(*c), Some(Unwanted::Invisible(_)));
    let off = |c: &char| match Unwanted::of(*c) {
        Some(Unwanted::LineBreak | Unwanted::Control(_)) => false,
        Some(_) => true,
        None => is_joiner(*c),
    };
    let mut ends = before.chars().chain(after.chars());
    let first = ends.find(off).or_else(|| trimmed.chars().find(inside));
    if !trimmed.chars().any(|c| inside(&c)) {
        return (Cow::Borrowed(trimmed), first);
    }
    let kept: String = trimmed.chars().filter(|c| !inside(c)).collect();
    (Cow::Owned(kept.trim_matches(is_edge).to_owned()), first)
}

/// What replaces a character wherever text from elsewhere is shown: a space for other white space, U+FFFD for what
/// could steer a terminal, hide, or turn the reading order around. `None` for what may be shown.
pub(crate) fn stand_in(c: char) -> Option<char> {
    match Unwanted::of(c)? {
        Unwanted::Replacement => None,
        Unwanted::LineBreak | Unwanted::Control('\t' | '\u{0b}' | '\u{0c}') => Some(' '),
        _ => Some('\u{fffd}'),
    }
}

/// The code of a character, as people look it up.
pub(crate) fn code(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// A value in which invisible and misleading characters are shown by their codes: for messages about what is wrong
/// with it.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let hidden = match Unwanted::of(c) {
            Some(unwanted) => unwanted != Unwanted::Replacement,
            None => is_joiner(c) || (c.is_whitespace() && c != ' '),
        };
        if hidden {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// A value as a message shows it: quoted, printable, and cut where it is long.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 40;
    format!("'{}'", printable(&super::shortened(text, MOST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(text: &str) -> (String, Option<char>) {
        let (text, off) = without_invisible(text);
        (text.into_owned(), off)
    }

    #[test]
    fn what_is_not_seen_is_taken_off_and_the_first_of_it_named() {
        assert_eq!(without("ana\u{200b}"), ("ana".into(), Some('\u{200b}')));
        assert_eq!(without("Be\u{ad}n"), ("Ben".into(), Some('\u{ad}')));
        assert_eq!(
            without("\u{feff}a\u{200b}b"),
            ("ab".into(), Some('\u{feff}'))
        );
        assert_eq!(
            without("\u{202a}ana@x.y\u{202c}"),
            ("ana@x.y".into(), Some('\u{202a}'))
        );
        assert_eq!(
            without("\u{200f}שרה כהן\u{200f}"),
            ("שרה כהן".into(), Some('\u{200f}'))
        );
        assert_eq!(without("\u{a0} Ana\t\n"), ("Ana".into(), None));
        assert_eq!(without("\u{3164}"), (String::new(), Some('\u{3164}')));
        assert_eq!(without(""), (String::new(), None));
    }

    #[test]
    fn what_spells_a_word_stays_inside_it() {
        for spelt in ["می\u{200c}خواهم", "👩\u{200d}🏫", "❤\u{fe0f}", "王 芳"] {
            assert_eq!(without(spelt), (spelt.to_owned(), None));
        }
    }

    #[test]
    fn a_change_of_direction_inside_a_value_stays_to_be_refused() {
        assert_eq!(without("No\u{202e}ra").0, "No\u{202e}ra");
        assert_eq!(
            Unwanted::of('\u{202e}'),
            Some(Unwanted::Direction('\u{202e}'))
        );
    }

    #[test]
    fn messages_show_by_its_code_what_would_not_be_seen() {
        assert_eq!(shown("user\u{a0}name"), r"'user\u{a0}name'");
        assert_eq!(
            shown("a\u{200b}\u{200d}\u{7}\t"),
            r"'a\u{200b}\u{200d}\u{7}\t'"
        );
        assert_eq!(shown("Zoë 李"), "'Zoë 李'");
        assert_eq!(shown(&"x".repeat(41)), format!("'{}…'", "x".repeat(40)));
    }

    #[test]
    fn every_unwanted_character_has_words_a_code_and_a_stand_in() {
        for c in ('\0'..=char::MAX).filter(|c| Unwanted::of(*c).is_some()) {
            let unwanted = Unwanted::of(c).unwrap();
            assert!(!unwanted.cause().contains(c) || c == '\u{fffd}', "{c:?}");
            assert!(stand_in(c).is_none_or(|s| s == ' ' || s == '\u{fffd}'));
            assert_eq!(stand_in(c).is_none(), c == '\u{fffd}', "{c:?}");
            assert!(
                printable(&c.to_string()).is_ascii() || c == '\u{fffd}',
                "{c:?}"
            );
        }
    }
}
