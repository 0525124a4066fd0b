//! What an API that asks for no authorization can cost: whoever learns its address can use it up to its throttle.

use crate::stack::kinds::Desired;

use super::{ApiType, Authorization};

const DAY_S: f64 = 86_400.0;
/// US dollars for a million requests to an API. Source: API Gateway pricing, us-east-1, first 333 million a month of a REST
/// API, first 300 million of an HTTP API.
fn api_million(api_type: ApiType) -> f64 {
    match api_type {
        ApiType::Rest => 3.50,
        ApiType::Http => 1.00,
    }
}
/// US dollars for a million invocations, without their run time. Source: Lambda pricing, us-east-1.
const LAMBDA_MILLION: f64 = 0.20;
/// US dollars for a million state transitions of Standard workflows. Source: Step Functions pricing, us-east-1.
const TRANSITIONS_MILLION: f64 = 25.0;

/// What the class's open APIs can cost a day, with the arithmetic; `None` where none is open.
pub(crate) fn open_apis(desired: &Desired) -> Option<String> {
    let stack = desired.stacks.first()?;
    let open = stack.apis.iter();
    let open: Vec<_> = open
        .filter(|api| api.authorization == Authorization::None)
        .collect();
    let first = open.first()?;
    let students = desired.stacks.len();
    let Some(rate) = open
        .iter()
        .map(|api| Some(f64::from(api.throttle?.rate)))
        .sum::<Option<f64>>()
    else {
        return Some(format!(
            "{} is open to whoever knows its address and has no throttle: nothing but the account's limits bounds what \
             it can cost; give it a throttle, or api_authorization = \"AWS_IAM\" where the lab has that",
            first.name
        ));
    };
    // A request may start one execution of each state machine, and that runs through all of its states.
    let states: usize = stack
        .state_machines
        .iter()
        .map(|m| states_of(&m.definition))
        .sum();
    let tasks: usize = stack
        .state_machines
        .iter()
        .map(|m| tasks_of(&m.definition))
        .sum();
    let prices = open.iter().map(|api| api_million(api.api_type));
    let a_million = prices.fold(0.0, f64::max);
    let millions = rate * DAY_S / 1e6;
    let (calls, transitions) = ((1 + tasks) as f64, states as f64);
    let each = millions * (a_million + calls * LAMBDA_MILLION + transitions * TRANSITIONS_MILLION);
    Some(format!(
        "an open API takes up to {rate} requests a second from whoever knows its address: {millions:.3} million a day and \
         student. At list prices of us-east-1, with {calls} invocations and {transitions} state transitions each, that is \
         {millions:.3} × ({a_million:.2} + {calls} × {LAMBDA_MILLION:.2} + {transitions} × {TRANSITIONS_MILLION:.2}) = \
         ${each:.0} a day and student, ${:.0} for {students}, and the functions' run time; docs/access.md tells what \
         bounds it",
        each * students as f64
    ))
}

fn states_of(definition: &serde_json::Value) -> usize {
    definition["States"]
        .as_object()
        .map_or(0, serde_json::Map::len)
}

fn tasks_of(definition: &serde_json::Value) -> usize {
    let states = definition["States"].as_object().into_iter().flatten();
    states.filter(|(_, state)| state["Type"] == "Task").count()
}
