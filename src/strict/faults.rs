//! Faults, and the rules that say which calls have them.

use std::time::Duration;

use super::refusal::Refusal;

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Counts from 1 since the account began.
    pub number: u64,
    /// `service:Operation`.
    pub operation: String,
    /// Name, id or ARN; empty for listings.
    pub resource: String,
    /// When it arrived, since the account began.
    pub at: Duration,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The service's own throttling error. No effect.
    Throttle,
    /// 500 without an effect.
    ServerError,
    /// 500 although the effect happened.
    ServerErrorAfterEffect,
    /// The connection breaks before the request has an effect.
    Reset,
    /// No connection can be made. The proxy has already accepted it, so there it is [`Fault::Reset`].
    Refuse,
    /// The effect happens; the connection breaks before the answer.
    LoseAnswer,
    /// The answer takes this much longer.
    Slow(Duration),
    /// The caller may not do this.
    AccessDenied,
    /// Any other error answer. No effect.
    Error {
        /// HTTP status.
        status: u16,
        /// The error's code.
        code: &'static str,
        /// Its words.
        message: &'static str,
    },
}

impl Fault {
    /// The error answer of a fault without an effect.
    pub(super) fn refusal(&self, operation: &str) -> Option<Refusal> {
        let service = operation.split(':').next().unwrap_or_default();
        Some(match self {
            Self::Throttle => Refusal::throttled(service),
            Self::ServerError => Refusal::internal(),
            Self::AccessDenied => Refusal::access_denied(operation),
            Self::Error {
                status,
                code,
                message,
            } => Refusal::new(*status, code, message),
            _ => return None,
        })
    }
}

type CallMatcher = Box<dyn FnMut(&Call) -> bool + Send>;

/// Which calls have a fault: `Rule::on("iam:CreateRole").skip(1).times(2).fault(Fault::Throttle)`.
pub struct Rule {
    matches: CallMatcher,
    skip: u64,
    times: u64,
    fault: Fault,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule")
            .field("skip", &self.skip)
            .field("times", &self.times)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

impl Rule {
    /// Calls that a closure picks.
    pub fn when(matches: impl FnMut(&Call) -> bool + Send + 'static) -> Self {
        Self {
            matches: Box::new(matches),
            skip: 0,
            times: u64::MAX,
            fault: Fault::ServerError,
        }
    }

    /// Every call.
    pub fn any() -> Self {
        Self::when(|_| true)
    }

    /// Calls of one operation.
    pub fn on(operation: &str) -> Self {
        let operation = operation.to_owned();
        Self::when(move |call| call.operation == operation)
    }

    /// The call with this number.
    pub fn nth(number: u64) -> Self {
        Self::when(move |call| call.number == number)
    }

    /// Calls picked at random with a probability; the same seed picks the same.
    pub fn seeded(seed: u64, probability: f64) -> Self {
        let mut state = seed;
        Self::when(move |_| {
            state = state.wrapping_add(GOLDEN);
            unit(state) < probability
        })
    }

    /// Only calls about a resource whose name contains this.
    pub fn about(mut self, name: &str) -> Self {
        let name = name.to_owned();
        let mut inner = self.matches;
        self.matches = Box::new(move |call| call.resource.contains(&name) && inner(call));
        self
    }

    /// Lets the first `n` pass.
    pub fn skip(mut self, n: u64) -> Self {
        self.skip = n;
        self
    }

    /// Applies `n` times at most.
    pub fn times(mut self, n: u64) -> Self {
        self.times = n;
        self
    }

    /// What goes wrong.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }

    pub(super) fn apply(&mut self, call: &Call) -> Option<Fault> {
        if self.times == 0 || !(self.matches)(call) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.times -= 1;
        Some(self.fault.clone())
    }
}

/// SplitMix64's step (Steele, Lea, Flood 2014).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A number from 0 to 1 that looks random and follows from the state: SplitMix64's output, good enough here and without a
/// dependency.
pub(super) fn unit(state: u64) -> f64 {
    let mut z = state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// The same for a seed and a word.
pub(super) fn unit_of(seed: u64, word: &str) -> f64 {
    let state = word.bytes().fold(seed, |state, byte| {
        (state ^ u64::from(byte))
            .wrapping_mul(GOLDEN)
            .rotate_left(23)
    });
    unit(state.wrapping_add(GOLDEN))
}
