//! A moment as a person writes it: with its zone, so that it means the same on every computer.

use jiff::civil::{self, Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

/// Why a text is no moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoMoment {
    /// Finishes the sentence "VALUE …".
    pub(crate) is: &'static str,
    /// Finishes the sentence "12 VALUES …".
    pub(crate) are: &'static str,
    /// What to write in its place.
    pub(crate) hint: String,
}

impl NoMoment {
    /// All of it, to finish the sentence "VALUE …".
    pub(crate) fn in_full(&self) -> String {
        format!("{}; {}", self.is, self.hint)
    }
}

/// Reads a time of RFC 3339 with its offset (`2026-05-14T18:00:00+02:00`), or with a zone in brackets
/// (`2026-05-14T18:00[Europe/Zurich]`).
///
/// # Errors
/// What it is in place of that. A time without a zone means another moment on another computer.
pub(crate) fn moment(text: &str) -> Result<Timestamp, NoMoment> {
    let text = text.trim();
    let read = match text.contains('[') {
        true => text.parse().map(|at: ZonedDateTime| at.timestamp()),
        false => text.parse(),
    };
    read.map_err(|_| no_moment(text, &TimeZone::system()))
}

/// A moment, RFC 3339 in UTC, to the second.
pub(crate) fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `zone`: the computer's, for the example.
fn no_moment(text: &str, zone: &TimeZone) -> NoMoment {
    let example = |local: DateTime| {
        let at = local.to_zoned_datetime(zone.clone()).ok()?;
        Some(at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
    };
    let bracketed = text.contains('[');
    // A date alone is one, too: it is looked for first.
    let day = text.parse::<Date>().ok().filter(|_| text.len() <= 10);
    if let Some(written) = day.and_then(|day| example(day.at(18, 0, 0, 0))) {
        return NoMoment {
            is: "has no time of day and no time zone",
            are: "have no time of day and no time zone",
            hint: format!("write both, as in {written}"),
        };
    }
    let local = text.parse::<DateTime>().ok().filter(|_| !bracketed);
    if let Some(written) = local.and_then(example) {
        return NoMoment {
            is: "has no time zone",
            are: "have no time zone",
            hint: format!("write it, as in {written}, where the offset is this computer's"),
        };
    }
    let shown = example(civil::date(2026, 5, 14).at(18, 0, 0, 0)).unwrap_or_default();
    NoMoment {
        is: "is no time with a time zone",
        are: "are no times with a time zone",
        hint: format!("write it as in {shown}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_with_an_offset_or_a_zone_is_one_moment_everywhere() {
        for text in [
            "2026-05-14T18:00:00+02:00",
            " 2026-05-14 18:00:00+02:00 ",
            "2026-05-14T16:00:00Z",
            "2026-05-14T18:00+02",
            "2026-05-14T18:00:00+02:00[Europe/Zurich]",
            "2026-05-14T18:00[Europe/Zurich]",
        ] {
            let read = moment(text).map(|at| at.to_string());
            assert_eq!(read.as_deref(), Ok("2026-05-14T16:00:00Z"), "{text}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_refused_with_what_to_write() {
        let zone = TimeZone::fixed(jiff::tz::Offset::constant(2));
        for (text, is, hint) in [
            (
                "2026-05-14T18:00:00",
                "has no time zone",
                "2026-05-14T18:00:00+02:00",
            ),
            (
                "2026-05-14 18:30",
                "has no time zone",
                "2026-05-14T18:30:00+02:00",
            ),
            (
                "2026-05-14",
                "has no time of day and no time zone",
                "2026-05-14T18:00:00+02:00",
            ),
            ("Thursday", "is no time with a time zone", "T18:00:00+02:00"),
            ("", "is no time with a time zone", "T18:00:00+02:00"),
        ] {
            assert!(moment(text).is_err(), "{text}");
            let refused = no_moment(text, &zone);
            assert_eq!(refused.is, is, "{text}");
            assert!(refused.hint.contains(hint), "{text}: {}", refused.hint);
        }
        // Two times in one.
        assert!(moment("2026-05-14T18:00:00+05:00[Europe/Zurich]").is_err());
    }
}
