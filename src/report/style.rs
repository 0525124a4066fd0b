//! Colours in a terminal. [`crate::options`] decides whether to use them.

use anstyle::{AnsiColor, Style};
use console::measure_text_width;

use super::marks::Tone;

/// Breaks a painted line at spaces into lines of at most `columns`; all but the first are indented. A word that is longer
/// than a line (an ARN) stays whole.
pub(crate) fn wrapped(line: &str, columns: usize, indent: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let begins = line.len() - line.trim_start_matches(' ').len();
    let (mut now, rest) = (line[..begins].to_owned(), &line[begins..]);
    let mut empty = true;
    for word in rest.split(' ') {
        if !empty && measure_text_width(&now) + 1 + measure_text_width(word) > columns {
            lines.push(std::mem::replace(&mut now, indent.to_owned()));
            empty = true;
        }
        if !empty {
            now.push(' ');
        }
        now.push_str(word);
        empty = false;
    }
    lines.push(now);
    lines
}

/// Paints text, or leaves it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    /// Whether to paint at all.
    pub color: bool,
}

impl Paint {
    pub(crate) fn bold(self, text: &str) -> String {
        self.styled(Style::new().bold(), text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.styled(Style::new().dimmed(), text)
    }

    pub(crate) fn tone(self, tone: Tone, text: &str) -> String {
        let style = match tone {
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Busy => AnsiColor::Cyan.on_default(),
            Tone::Idle => return text.to_owned(),
            Tone::Absent => AnsiColor::Magenta.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Unsure => AnsiColor::Yellow.on_default(),
            Tone::Muted => Style::new().dimmed(),
        };
        self.styled(style, text)
    }

    fn styled(self, style: Style, text: &str) -> String {
        match self.color {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn colour_takes_no_room_and_a_long_word_stays_whole() {
        let paint = Paint { color: true };
        let line = format!(
            "  {} a bb arn:aws:iam::1:role/x ccc",
            paint.tone(Tone::Bad, "no")
        );
        let lines = wrapped(&line, 9, "    ");
        let shown: Vec<String> = lines
            .iter()
            .map(|l| console::strip_ansi_codes(l).into_owned())
            .collect();
        assert_eq!(shown, ["  no a bb", "    arn:aws:iam::1:role/x", "    ccc"]);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_and_no_word_is_cut(text in "[a-z ]{0,200}", columns in 20_usize..120) {
            let lines = wrapped(&text, columns, "    ");
            for line in &lines {
                let words = line.split_whitespace().count();
                prop_assert!(measure_text_width(line) <= columns || words <= 1, "{line:?}");
            }
            let joined = lines.join(" ");
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&joined), words(&text));
        }
    }
}
