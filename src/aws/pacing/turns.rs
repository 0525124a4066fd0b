//! A bucket that holds one token: how many of its turns to leave to other clients.
//!
//! Another client of such a bucket takes whole turns, and only a refusal shows that it took one. So it matters *when* a call
//! comes, not how often on average: half the rate means to leave every other turn, not to come at odd moments. The rule,
//! for each operation by itself:
//!
//! - A refused call tries the very next turn. The other client has just had its turn. A longer wait would meet the other
//!   client's rhythm, and be refused again and again.
//! - A refusal soon after the last one: others take half of the turns or more. From now on, one turn is left between two
//!   calls. Others who take fewer turns cost one refusal for each of them, and no time.
//! - More than [`EXPLAINED`] refusals in a row: others take more than half. Each further refusal leaves one turn more, up to
//!   [`MOST_LEFT`].
//! - After [`CALLS_UNTIL_FEWER`] calls, one turn fewer is left. This finds out whether the others are gone. If not, it costs
//!   one refusal in so many calls, and no time, because the refused call takes the next turn.

/// At most this many turns are left to others, so that no call waits for ever.
const MOST_LEFT: u32 = 4;
/// One other client that takes half of the turns causes up to this many refusals in a row; our own last call delays one.
const EXPLAINED: u32 = 2;
/// A refusal is "soon after" the last one within this many calls, its own included.
const SOON: u32 = 2;
const CALLS_UNTIL_FEWER: u32 = 16;

/// How many turns are left to others, and the outcome so far.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    left: u32,
    since_refusal: u32,
    since_change: u32,
    refusals_in_a_row: u32,
}

impl Turns {
    /// Leaves none: no other client is known.
    pub(crate) fn new() -> Self {
        Self {
            left: 0,
            since_refusal: SOON,
            since_change: SOON,
            refusals_in_a_row: 0,
        }
    }

    /// In turns.
    pub(crate) fn between_calls(&self) -> u32 {
        1 + self.left
    }

    /// A call goes out.
    pub(crate) fn call(&mut self) {
        self.since_refusal += 1;
        self.since_change += 1;
        if self.left > 0 && self.since_change > CALLS_UNTIL_FEWER {
            self.left -= 1;
            // The next call, which now comes sooner, is the second.
            self.since_change = 1;
        }
    }

    /// The last call was refused. The next one goes one turn later.
    pub(crate) fn refused(&mut self) {
        let in_a_row = self.since_refusal <= 1;
        self.refusals_in_a_row = if in_a_row {
            self.refusals_in_a_row + 1
        } else {
            1
        };
        let soon = self.since_refusal.min(self.since_change) <= SOON;
        self.since_refusal = 0;
        let left = if self.refusals_in_a_row > EXPLAINED {
            (self.left + 1).min(MOST_LEFT)
        } else if soon {
            self.left.max(1)
        } else {
            self.left
        };
        if left != self.left {
            self.left = left;
            self.since_change = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many calls that go well; turns after each.
    fn well(turns: &mut Turns, calls: u32) -> Vec<u32> {
        (0..calls)
            .map(|_| {
                turns.call();
                turns.between_calls()
            })
            .collect()
    }

    /// Turns that are left between calls after a refused one.
    fn refuse(turns: &mut Turns) -> u32 {
        turns.call();
        turns.refused();
        turns.between_calls()
    }

    #[test]
    fn alone_no_turn_is_left() {
        assert_eq!(well(&mut Turns::new(), 100), [1; 100]);
    }

    #[test]
    fn a_refusal_now_and_then_is_no_reason_to_go_slower() {
        let mut turns = Turns::new();
        for _ in 0..20 {
            well(&mut turns, 2);
            assert_eq!(refuse(&mut turns), 1);
        }
    }

    #[test]
    fn every_other_call_refused_leaves_every_other_turn_and_one_is_tried() {
        let mut turns = Turns::new();
        well(&mut turns, 5);
        assert_eq!(refuse(&mut turns), 1);
        assert_eq!(well(&mut turns, 1), [1]);
        assert_eq!(refuse(&mut turns), 2, "it was no chance");
        for _ in 0..20 {
            assert_eq!(well(&mut turns, 16), [2; 16]);
            assert_eq!(well(&mut turns, 1), [1], "somebody may have gone");
            assert_eq!(refuse(&mut turns), 2, "and has not");
        }
    }

    #[test]
    fn whoever_is_alone_again_takes_every_turn_again() {
        let mut turns = Turns::new();
        assert_eq!((0..6).map(|_| refuse(&mut turns)).max(), Some(5));
        let mut seen = well(&mut turns, 100);
        assert_eq!(seen[CALLS_UNTIL_FEWER as usize * 4..], [1; 36]);
        seen.dedup();
        assert_eq!(seen, [5, 4, 3, 2, 1], "one after the other");
    }

    #[test]
    fn refusals_in_a_row_leave_ever_more_turns_but_never_all() {
        let mut turns = Turns::new();
        let left: Vec<u32> = (0..7).map(|_| refuse(&mut turns)).collect();
        assert_eq!(left, [1, 2, 3, 4, 5, 5, 5]);
    }
}
