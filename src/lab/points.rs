//! Points: exact to the hundredth, so that no sum of them depends on a computer's fractions.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::de::{Deserializer, Unexpected, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Most points that one check may carry. It only keeps typing errors out, and sums far from any limit.
pub(crate) const POINTS_MAX: u64 = 1_000_000;

/// A number of points with at most two decimals. Counted in hundredths; shown, and written as a JSON number, without
/// trailing zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Points {
    hundredths: u64,
}

impl Points {
    /// None.
    pub const ZERO: Self = Self { hundredths: 0 };

    /// So many whole points.
    pub const fn whole(points: u32) -> Self {
        Self {
            hundredths: points as u64 * 100,
        }
    }

    pub(crate) const fn from_hundredths(hundredths: u64) -> Self {
        Self { hundredths }
    }

    pub(crate) const fn hundredths(self) -> u64 {
        self.hundredths
    }

    pub(crate) const fn is_zero(self) -> bool {
        self.hundredths == 0
    }

    /// What `done` of `of` equal parts are worth. Rounded down to the hundredth, so that parts never add up to more
    /// than the whole; all of them are worth exactly the whole.
    #[must_use]
    pub fn share(self, done: u32, of: u32) -> Self {
        if done >= of {
            return self;
        }
        // Sums of a lab's points stay far below where this could overflow; in u128 there is nothing to prove.
        let hundredths = u128::from(self.hundredths) * u128::from(done) / u128::from(of);
        Self {
            hundredths: u64::try_from(hundredths).unwrap_or(self.hundredths),
        }
    }

    /// How many percent of `total` these are, to one decimal, half a tenth up; `None` where there is no total.
    pub(crate) fn percent_of(self, total: Self) -> Option<f64> {
        let total = u128::from(total.hundredths);
        let tenths = (u128::from(self.hundredths) * 2000 + total).checked_div(total * 2)?;
        Some(u32::try_from(tenths).map_or(f64::INFINITY, |tenths| f64::from(tenths) / 10.0))
    }

    /// The same as a floating-point number: the one that is nearest.
    #[expect(
        clippy::cast_precision_loss,
        reason = "hundredths of points are far below 2^53, up to which every integer has its own number"
    )]
    pub(crate) fn to_f64(self) -> f64 {
        self.hundredths as f64 / 100.0
    }

    /// `1 point`, `12.5 points`.
    pub(crate) fn words(self) -> String {
        match self.hundredths {
            100 => "1 point".to_owned(),
            _ => format!("{self} points"),
        }
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.hundredths / 100, self.hundredths % 100);
        let text = match rest {
            0 => whole.to_string(),
            _ if rest % 10 == 0 => format!("{whole}.{}", rest / 10),
            _ => format!("{whole}.{rest:02}"),
        };
        f.pad(&text)
    }
}

impl Add for Points {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            hundredths: self.hundredths.saturating_add(other.hundredths),
        }
    }
}

impl AddAssign for Points {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Points {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

impl Serialize for Points {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.hundredths % 100 {
            0 => serializer.serialize_u64(self.hundredths / 100),
            _ => serializer.serialize_f64(self.to_f64()),
        }
    }
}

impl<'de> Deserialize<'de> for Points {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PointsReader)
    }
}

struct PointsReader;

impl Visitor<'_> for PointsReader {
    type Value = Points;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "points from 0 to {POINTS_MAX}, with at most two decimals"
        )
    }

    #[expect(clippy::cast_precision_loss, reason = "what is in range is small")]
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Points, E> {
        in_range(number as f64, Unexpected::Unsigned(number))
    }

    #[expect(clippy::cast_precision_loss, reason = "what is in range is small")]
    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Points, E> {
        in_range(number as f64, Unexpected::Signed(number))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Points, E> {
        in_range(number, Unexpected::Float(number))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the range is checked first"
)]
fn in_range<E: serde::de::Error>(number: f64, written: Unexpected<'_>) -> Result<Points, E> {
    if (0.0..=POINTS_MAX as f64).contains(&number) {
        let points = Points::from_hundredths((number * 100.0).round() as u64);
        // A number with two decimals is the one that is nearest to its hundredths, and no other.
        if points.to_f64().to_bits() == (number + 0.0).to_bits() {
            return Ok(points);
        }
    }
    Err(E::invalid_value(written, &PointsReader))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Result<Points, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn points_are_shown_without_trailing_zeros() {
        for (hundredths, text) in [
            (0, "0"),
            (2000, "20"),
            (1250, "12.5"),
            (333, "3.33"),
            (1005, "10.05"),
            (7, "0.07"),
        ] {
            let points = Points::from_hundredths(hundredths);
            assert_eq!(points.to_string(), text);
            assert_eq!(serde_json::to_string(&points).unwrap(), text);
        }
        assert_eq!(format!("{:>5}", Points::whole(20)), "   20");
        assert_eq!(Points::whole(1).words(), "1 point");
    }

    #[test]
    fn more_than_two_decimals_and_what_is_no_amount_are_refused() {
        for wrong in [
            "-1", "-0.5", "3.333", "0.001", "1000001", "1e9", "\"5\"", "null",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let said = read("3.333").unwrap_err().to_string();
        assert!(said.contains("at most two decimals"), "{said}");
        assert_eq!(read("-0.0").unwrap(), Points::ZERO);
        assert_eq!(read("1000000").unwrap(), Points::whole(1_000_000));
    }

    #[test]
    fn two_of_three_parts_and_four_of_five_are_worth_their_share() {
        assert_eq!(Points::whole(30).share(2, 3), Points::whole(20));
        assert_eq!(Points::whole(25).share(4, 5), Points::whole(20));
        assert_eq!(
            Points::whole(10).share(1, 3),
            Points::from_hundredths(333),
            "rounded down"
        );
        assert_eq!(Points::whole(10).share(0, 0), Points::whole(10));
    }

    #[test]
    fn percent_is_rounded_to_one_decimal() {
        let of = |earned: u64, total: u64| {
            Points::from_hundredths(earned).percent_of(Points::from_hundredths(total))
        };
        assert_eq!(of(100, 300), Some(33.3));
        assert_eq!(of(200, 300), Some(66.7));
        assert_eq!(of(5, 10_000), Some(0.1));
        assert_eq!(of(4, 10_000), Some(0.0));
        assert_eq!(of(300, 300), Some(100.0));
        assert_eq!(of(0, 0), None);
    }

    proptest! {
        #[test]
        fn json_gives_back_the_same_points(hundredths in 0..=POINTS_MAX * 100) {
            let points = Points::from_hundredths(hundredths);
            let json = serde_json::to_string(&points).unwrap();
            prop_assert_eq!(read(&json).unwrap(), points);
            prop_assert_eq!(&json, &points.to_string());
        }

        #[test]
        fn parts_never_add_up_to_more_than_the_whole(
            hundredths in 0..=POINTS_MAX * 100,
            of in 1..1000_u32,
        ) {
            let whole = Points::from_hundredths(hundredths);
            let one: Points = (0..of).map(|_| whole.share(1, of)).sum();
            prop_assert!(one <= whole);
            prop_assert_eq!(whole.share(of, of), whole);
            for done in 0..of {
                prop_assert!(whole.share(done, of) <= whole.share(done + 1, of));
            }
        }
    }
}
