//! Numbers as gradebooks write them, read exactly or not at all.
//!
//! Canvas writes two decimals and nothing between thousands (`1000.00`, in some languages `1000,00`). A spreadsheet that
//! saved the file writes as its language does (`1,000.00`, `1.000,00`, `1 000,00`). A text with two readings is not
//! guessed: `1,000` is a thousand in one language and a single point in another.

use std::cmp::Ordering;
use std::fmt;

/// Decimals that are read; Canvas writes two.
const DECIMALS: usize = 4;
/// Digits before the decimals that are read: enough for any assignment, and no sum overflows.
const DIGITS: usize = 9;

/// A number with at most four decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number {
    /// Ten-thousandths.
    units: i64,
}

/// Why a text cannot be read as a number for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It could be two numbers: the one with thousands, or the one with three decimals.
    Ambiguous(Number, Number),
    NoNumber,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecimalMark {
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
    pub(crate) fn from_hundredths(hundredths: u64) -> Self {
        let hundredths = i64::try_from(hundredths).unwrap_or(i64::MAX / 100);
        Self {
            units: hundredths.saturating_mul(100),
        }
    }

    /// A number of a program; `None` for one that no gradebook has. Rounded to the four decimals that are kept.
    pub(crate) fn from_f64(number: f64) -> Option<Self> {
        let units = (number * 10_000.0).round();
        // Below 2^53 every whole number has its own `f64`.
        (units.abs() < 9.0e15).then_some(Self {
            units: units as i64,
        })
    }

    /// For programs.
    pub(crate) fn to_f64(self) -> f64 {
        self.units as f64 / 10_000.0
    }

    pub(crate) fn read(text: &str) -> Result<Self, Unreadable> {
        let Some(digits) = text.trim().strip_prefix(['-', '\u{2212}']) else {
            return read_digits(text.trim());
        };
        let negative = |Self { units }| Self { units: -units };
        match read_digits(digits) {
            Ok(number) => Ok(negative(number)),
            Err(Unreadable::Ambiguous(one, other)) => {
                Err(Unreadable::Ambiguous(negative(one), negative(other)))
            }
            Err(other) => Err(other),
        }
    }

    /// Whether it is more than zero to a gradebook, which rounds to two decimals.
    pub(crate) fn is_positive(self) -> bool {
        self.hundredths() > 0
    }

    /// Compared as gradebooks compare: to two decimals.
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
        let rounded = Self {
            units: self.hundredths().saturating_mul(100),
        };
        rounded.to_string().replace('.', mark.character())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let units = self.units.unsigned_abs();
        let text = format!("{sign}{}.{:04}", units / 10_000, units % 10_000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// The decimal mark of a file, from its cells: a comma where some number has decimals after a comma and none has them
/// after a point. Without any decimals: a comma where semicolons part the cells. Canvas reads both.
pub(crate) fn decimal_mark<'a>(
    cells: impl Iterator<Item = &'a str>,
    semicolons: bool,
) -> DecimalMark {
    let (mut points, mut commas) = (false, false);
    for cell in cells {
        let cell = cell.trim();
        if Number::read(cell).is_err() {
            continue;
        }
        // Three digits are more likely thousands.
        let tail = cell.rfind(['.', ',']).map(|at| &cell[at..]);
        if let Some(tail) = tail.filter(|tail| tail.len() != 4) {
            commas |= tail.starts_with(',');
            points |= tail.starts_with('.');
        }
    }
    match (points, commas) {
        (false, true) => DecimalMark::Comma,
        (false, false) if semicolons => DecimalMark::Comma,
        _ => DecimalMark::Point,
    }
}

/// Characters that can only stand between thousands: spaces of every kind, apostrophes.
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
        // `1.000,00`: the last mark is that of the decimals.
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

/// The digits of groups of thousands.
fn joined(groups: &[&str]) -> Result<String, Unreadable> {
    match groups {
        [first, rest @ ..]
            if (1..=3).contains(&first.len()) && rest.iter().all(|group| group.len() == 3) =>
        {
            Ok(groups.concat())
        }
        _ => Err(Unreadable::NoNumber),
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
