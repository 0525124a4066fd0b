//! Numbers as gradebooks write them, read exactly or not at all.
//!
//! Canvas writes two decimals and no thousands (`1000.00`, in some languages `1000,00`); a spreadsheet that the file
//! went through writes what its language writes (`1,000.00`, `1.000,00`, `1 000,00`). What can be read in two ways is
//! not guessed: `1,000` is a thousand to one and a single point to another.

use std::cmp::Ordering;
use std::fmt;

/// Decimals that are read; Canvas writes two.
const DECIMALS: usize = 4;
/// Digits before the decimals that are read: more points than any assignment has, and no sum overflows.
const DIGITS: usize = 9;

/// A number with at most four decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number {
    /// Ten-thousandths.
    units: i64,
}

/// Why a text is no number that may be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It could be two numbers: the one with thousands, and the one with three decimals.
    Ambiguous(Number, Number),
    /// It is none.
    NoNumber,
}

/// What a file's numbers have before their decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecimalMark {
    Point,
    Comma,
}

impl DecimalMark {
    pub(crate) fn character(self) -> &'static str {
        match self {
            Self::Point => ".",
            Self::Comma => ",",
        }
    }
}

impl Number {
    /// So many hundredths.
    pub(crate) fn from_hundredths(hundredths: u64) -> Self {
        let hundredths = i64::try_from(hundredths).unwrap_or(i64::MAX / 100);
        Self {
            units: hundredths.saturating_mul(100),
        }
    }

    /// Reads a cell's text.
    pub(crate) fn read(text: &str) -> Result<Self, Unreadable> {
        let (negative, digits) = match text.trim().strip_prefix(['-', '\u{2212}']) {
            Some(rest) => (true, rest),
            None => (false, text.trim()),
        };
        let signed = |number: Self| Self {
            units: if negative {
                -number.units
            } else {
                number.units
            },
        };
        match read_digits(digits) {
            Ok(number) => Ok(signed(number)),
            Err(Unreadable::Ambiguous(one, other)) => {
                Err(Unreadable::Ambiguous(signed(one), signed(other)))
            }
            Err(other) => Err(other),
        }
    }

    /// Whether it is more than zero to Canvas, which rounds to two decimals.
    pub(crate) fn is_positive(self) -> bool {
        self.hundredths() > 0
    }

    /// Compared as Canvas compares: to two decimals.
    pub(crate) fn compare(self, other: Self) -> Ordering {
        self.hundredths().cmp(&other.hundredths())
    }

    /// The part `earned` of `total` of this number, in hundredths, half a hundredth up. Exact: no fraction is cut
    /// before the last step.
    pub(crate) fn part(self, earned: u64, total: u64) -> Self {
        let possible = u128::from(self.units.unsigned_abs());
        let twice = 2 * u128::from(earned) * possible;
        let divisor = 100 * u128::from(total.max(1));
        let hundredths = (twice + divisor) / (2 * divisor);
        Self::from_hundredths(u64::try_from(hundredths).unwrap_or(u64::MAX))
    }

    fn hundredths(self) -> i64 {
        let half_away = if self.units < 0 { -50 } else { 50 };
        (self.units + half_away) / 100
    }

    /// The text for a cell, with two decimals at most.
    pub(crate) fn written(self, mark: DecimalMark) -> String {
        let hundredths = self.hundredths();
        let shown = Self {
            units: hundredths.saturating_mul(100),
        };
        shown.to_string().replace('.', mark.character())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let units = self.units.unsigned_abs();
        let (whole, rest) = (units / 10_000, units % 10_000);
        match rest {
            0 => write!(f, "{sign}{whole}"),
            _ => {
                let decimals = format!("{rest:04}");
                write!(f, "{sign}{whole}.{}", decimals.trim_end_matches('0'))
            }
        }
    }
}

/// The mark of a file, from its cells: a comma where some number has decimals after a comma and none after a point.
/// Where nothing tells, that of the languages which put semicolons between cells. Canvas reads either.
pub(super) fn decimal_mark<'a>(
    cells: impl Iterator<Item = &'a str>,
    semicolons: bool,
) -> DecimalMark {
    let (mut points, mut commas) = (false, false);
    for cell in cells {
        let cell = cell.trim();
        if Number::read(cell).is_err() {
            continue;
        }
        match cell.rfind(['.', ',']).map(|at| &cell[at..]) {
            // Three digits are more likely thousands.
            Some(tail) if tail.len() != 4 => match tail.starts_with(',') {
                true => commas = true,
                false => points = true,
            },
            _ => {}
        }
    }
    match (points, commas) {
        (false, true) => DecimalMark::Comma,
        (false, false) if semicolons => DecimalMark::Comma,
        _ => DecimalMark::Point,
    }
}

/// What stands between thousands and nothing else: spaces of every kind, apostrophes.
fn only_thousands(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\'' | '\u{2019}')
}

fn read_digits(text: &str) -> Result<Number, Unreadable> {
    let mut groups: Vec<&str> = Vec::new();
    let mut marks: Vec<char> = Vec::new();
    let mut from = 0;
    for (at, c) in text.char_indices() {
        if c.is_ascii_digit() {
            continue;
        }
        if !(only_thousands(c) || matches!(c, '.' | ',')) {
            return Err(Unreadable::NoNumber);
        }
        groups.push(&text[from..at]);
        marks.push(if only_thousands(c) { ' ' } else { c });
        from = at + c.len_utf8();
    }
    groups.push(&text[from..]);
    let Some((last, before)) = marks.split_last() else {
        return number(groups[0], "");
    };
    let decimals = groups[groups.len() - 1];
    if before.iter().any(|mark| *mark != before[0]) {
        return Err(Unreadable::NoNumber);
    }
    match before.first() {
        // `1.000,00`: what comes last parts the decimals.
        Some(thousands) if thousands != last => match *last {
            ' ' => Err(Unreadable::NoNumber),
            _ => number(&joined(&groups[..groups.len() - 1])?, decimals),
        },
        // `1,000,000`: no number has two decimal marks.
        Some(_) => number(&joined(&groups)?, ""),
        None if *last == ' ' => number(&joined(&groups)?, ""),
        None => {
            let decimal = number(groups[0], decimals)?;
            // `1,000`; but no thousands begin with a zero.
            match joined(&groups) {
                Ok(whole) if !whole.starts_with('0') => {
                    Err(Unreadable::Ambiguous(number(&whole, "")?, decimal))
                }
                _ => Ok(decimal),
            }
        }
    }
}

/// Groups of thousands as one number's digits, if that is what they are.
fn joined(groups: &[&str]) -> Result<String, Unreadable> {
    let well = match groups.split_first() {
        Some((first, rest)) => {
            (1..=3).contains(&first.len()) && rest.iter().all(|group| group.len() == 3)
        }
        None => false,
    };
    match well {
        true => Ok(groups.concat()),
        false => Err(Unreadable::NoNumber),
    }
}

fn number(whole: &str, decimals: &str) -> Result<Number, Unreadable> {
    let significant = decimals.trim_end_matches('0');
    let fits = !(whole.is_empty() && decimals.is_empty())
        && whole.trim_start_matches('0').len() <= DIGITS
        && significant.len() <= DECIMALS;
    if !fits {
        return Err(Unreadable::NoNumber);
    }
    let digits = format!("0{whole}{significant:0<DECIMALS$}");
    digits
        .parse()
        .map(|units| Number { units })
        .map_err(|_| Unreadable::NoNumber)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<String> {
        Number::read(text).ok().map(|number| number.to_string())
    }

    #[test]
    fn numbers_of_every_language_are_read_right() {
        for (text, number) in [
            ("100.00", "100"),
            ("33", "33"),
            ("12,50", "12.5"),
            ("7.25", "7.25"),
            (" 7,5 ", "7.5"),
            ("1,000.00", "1000"),
            ("1.000,00", "1000"),
            ("1\u{a0}000,00", "1000"),
            ("1\u{202f}234,5", "1234.5"),
            ("1'000.00", "1000"),
            ("1\u{2019}000", "1000"),
            ("1,000,000", "1000000"),
            ("12.345.678,9", "12345678.9"),
            ("1000,000", "1000"),
            ("0.125", "0.125"),
            ("0,500", "0.5"),
            ("100.0000000", "100"),
            (".5", "0.5"),
            ("-5.00", "-5"),
            ("\u{2212}5", "-5"),
        ] {
            assert_eq!(read(text).as_deref(), Some(number), "{text}");
        }
    }

    #[test]
    fn what_could_be_two_numbers_is_neither() {
        for (text, one, other) in [
            ("1,000", "1000", "1"),
            ("1.000", "1000", "1"),
            ("12,345", "12345", "12.345"),
        ] {
            let Err(Unreadable::Ambiguous(a, b)) = Number::read(text) else {
                panic!("{text}");
            };
            assert_eq!((a.to_string(), b.to_string()), (one.into(), other.into()));
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "",
            "-",
            "A-",
            "85%",
            "EX",
            "N/A",
            "1e3",
            "inf",
            "NaN",
            "1,00,000.00",
            "1.0.0",
            "1 00",
            "1,000 000",
            "1.000,00.0",
            "12.34567",
            "9999999999",
            "٣",
            "(read only)",
            "+5",
            "--5",
            ".",
            ",",
            "1000 .5",
        ] {
            assert_eq!(Number::read(text), Err(Unreadable::NoNumber), "{text}");
        }
    }

    #[test]
    fn parts_are_exact_and_half_a_hundredth_goes_up() {
        let part = |possible: &str, earned: u64, total: u64| {
            Number::read(possible)
                .unwrap()
                .part(earned, total)
                .to_string()
        };
        assert_eq!(part("33", 4500, 10_000), "14.85");
        assert_eq!(part("12.5", 6500, 10_000), "8.13", "8.125");
        assert_eq!(part("10", 1, 3), "3.33");
        assert_eq!(part("10", 2, 3), "6.67");
        assert_eq!(part("1000.00", 4500, 10_000), "450");
        assert_eq!(part("100", 333, 10_000), "3.33");
        assert_eq!(part("0.01", 4999, 10_000), "0");
        assert_eq!(part("0.01", 5000, 10_000), "0.01");
    }

    #[test]
    fn grades_are_compared_as_canvas_compares_them() {
        let compare = |a: &str, b: &str| Number::read(a).unwrap().compare(Number::read(b).unwrap());
        assert_eq!(compare("80.0040", "80"), Ordering::Equal);
        assert_eq!(compare("80,01", "80"), Ordering::Greater);
        assert_eq!(compare("-1", "0"), Ordering::Less);
    }

    #[test]
    fn a_file_s_own_decimal_mark_is_written() {
        let mark = |cells: &[&str], semicolons| decimal_mark(cells.iter().copied(), semicolons);
        assert_eq!(
            mark(&["33", "12,50", "Ruiz, Ana"], true),
            DecimalMark::Comma
        );
        assert_eq!(mark(&["33", "12,50"], false), DecimalMark::Comma);
        assert_eq!(mark(&["100.00"], true), DecimalMark::Point);
        assert_eq!(mark(&["12,50", "7.25"], true), DecimalMark::Point);
        assert_eq!(mark(&["33"], true), DecimalMark::Comma);
        assert_eq!(mark(&["33", "1,000"], false), DecimalMark::Point);
        assert_eq!(mark(&["1.000,00"], false), DecimalMark::Comma);
        let number = Number::read("14.85").unwrap();
        assert_eq!(number.written(DecimalMark::Comma), "14,85");
        assert_eq!(number.written(DecimalMark::Point), "14.85");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(hundredths in 0..99_999_999_999_u64) {
            let number = Number::from_hundredths(hundredths);
            let point = number.written(DecimalMark::Point);
            prop_assert_eq!(Number::read(&point), Ok(number));
            prop_assert_eq!(Number::read(&number.written(DecimalMark::Comma)), Ok(number));
        }

        #[test]
        fn no_part_is_more_than_the_whole_to_two_decimals(
            possible in 1..1_000_000_u64, earned in 0..=10_000_u64, more in 0..10_000_u64,
        ) {
            let whole = Number::from_hundredths(possible);
            let total = earned + more.max(1);
            prop_assert!(whole.part(earned, total) <= whole);
            prop_assert_eq!(whole.part(total, total), whole);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,12}") {
            let _ = Number::read(&text);
        }
    }
}
