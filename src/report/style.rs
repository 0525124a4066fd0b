//! Colour in a terminal: whether, and which.

use super::marks::Tone;

/// What `--color` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorChoice {
    /// On a terminal that has not been told otherwise.
    #[default]
    Auto,
    /// Everywhere, `NO_COLOR` or not.
    Always,
    /// Nowhere.
    Never,
}

impl ColorChoice {
    /// Decides for one stream: `terminal` says whether it is one, `no_color` is the value of the environment
    /// variable `NO_COLOR`, which counts when it is set and not empty (<https://no-color.org>).
    pub fn enabled(self, terminal: bool, no_color: Option<&str>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => terminal && no_color.is_none_or(str::is_empty),
        }
    }
}

/// Paints text, or leaves it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    /// Whether to paint at all.
    pub color: bool,
}

impl Paint {
    /// The most important line.
    pub fn bold(self, text: &str) -> String {
        self.code("1", text)
    }

    /// What may be overlooked.
    pub fn dim(self, text: &str) -> String {
        self.code("2", text)
    }

    /// Text in the colour of its meaning.
    pub fn tone(self, tone: Tone, text: &str) -> String {
        match tone {
            Tone::Good => self.code("32", text),
            Tone::Busy => self.code("36", text),
            Tone::Idle => text.to_owned(),
            Tone::Absent => self.code("35", text),
            Tone::Bad => self.code("31;1", text),
            Tone::Unsure => self.code("33", text),
            Tone::Muted => self.dim(text),
        }
    }

    fn code(self, code: &str, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_wins_over_no_color_which_wins_over_the_terminal() {
        assert!(ColorChoice::Always.enabled(false, Some("1")));
        assert!(!ColorChoice::Never.enabled(true, None));
        assert!(ColorChoice::Auto.enabled(true, None));
        assert!(ColorChoice::Auto.enabled(true, Some("")));
        assert!(!ColorChoice::Auto.enabled(true, Some("1")));
        assert!(!ColorChoice::Auto.enabled(false, None));
    }
}
