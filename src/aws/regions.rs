//! The names of AWS's regions, to catch a mistyped one before any request.

use crate::text::similar::closest;

/// Those of the SDK's endpoint rules, all partitions. AWS adds regions, so one that is not here may still be right.
const KNOWN: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-isoe-west-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "us-isob-west-1",
    "us-isof-east-1",
    "us-isof-south-1",
    "us-west-1",
    "us-west-2",
];

/// The part before the number in every region's name so far.
const DIRECTIONS: [&str; 9] = [
    "central",
    "east",
    "north",
    "northeast",
    "northwest",
    "south",
    "southeast",
    "southwest",
    "west",
];

pub(crate) fn is_known(region: &str) -> bool {
    KNOWN.contains(&region)
}

/// Whether the name can only be a slip: it names no direction, and a region is near. (`us-east-9` may be a new one.)
pub(crate) fn is_slip(region: &str) -> bool {
    let direction = region.rsplit('-').nth(1).unwrap_or_default();
    !is_known(region) && !DIRECTIONS.contains(&direction) && near(region).is_some()
}

/// The region that was probably meant.
pub(crate) fn near(region: &str) -> Option<&'static str> {
    closest(region, KNOWN.iter().copied()).first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_of_letters_is_a_slip_and_a_new_number_may_be_a_new_region() {
        for (typed, meant) in [
            ("us-esat-1", "us-east-1"),
            ("eu-wset-2", "eu-west-2"),
            ("us-east1", "us-east-1"),
        ] {
            assert!(is_slip(typed), "{typed}");
            assert_eq!(near(typed), Some(meant));
        }
        for new in [
            "us-east-9",
            "br-central-1",
            "eu-isoe-east-1",
            "moon-crater-1",
        ] {
            assert!(!is_slip(new) && !is_known(new), "{new}");
        }
        assert!(is_known("us-gov-west-1"));
        assert_eq!(near("moon-crater-1"), None);
    }
}
