//! One loop around a synchronous handler: events pass through to whoever listens, and signals turn into the
//! two levels of stopping. [`Dispatcher::handle`] knows no runtime, so every pair of states is unit-tested.

use std::collections::BTreeSet;
use std::future::Future;

use futures::{Stream, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Interval;

use crate::aws::stop::Stop;
use crate::events::{Event, StepInFlight};
use crate::ids::Username;
use crate::stack::kinds::ResourceId;

/// Something that the dispatcher is told.
#[derive(Debug)]
pub(crate) enum Input<'a> {
    /// An event of the engine.
    Event(&'a Event),
    /// The person pressed Ctrl-C (or the process was asked to end).
    Interrupt,
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Response {
    /// Nothing.
    Continue,
    /// Start nothing new; these steps are in flight.
    Drain(Vec<StepInFlight>),
    /// Give up what is in flight: these steps.
    StopNow(Vec<StepInFlight>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    Draining,
    Stopped,
}

/// Knows what is in flight and how far stopping has gone.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    phase: Phase,
    in_flight: BTreeSet<(Username, ResourceId, String)>,
}

impl Default for Dispatcher {
    fn default() -> Self {
        Self {
            phase: Phase::Running,
            in_flight: BTreeSet::new(),
        }
    }
}

impl Dispatcher {
    /// Takes in one thing that happened.
    pub(crate) fn handle(&mut self, input: Input<'_>) -> Response {
        match input {
            Input::Event(Event::StepStarted {
                student,
                resource,
                action,
            }) => {
                self.in_flight
                    .insert((student.clone(), resource.clone(), action.clone()));
                Response::Continue
            }
            Input::Event(Event::StepFinished {
                student,
                resource,
                action,
                ..
            }) => {
                self.in_flight
                    .remove(&(student.clone(), resource.clone(), action.clone()));
                Response::Continue
            }
            Input::Event(_) => Response::Continue,
            Input::Interrupt => match self.phase {
                Phase::Running => {
                    self.phase = Phase::Draining;
                    Response::Drain(self.in_flight())
                }
                Phase::Draining => {
                    self.phase = Phase::Stopped;
                    Response::StopNow(self.in_flight())
                }
                Phase::Stopped => Response::Continue,
            },
        }
    }

    fn in_flight(&self) -> Vec<StepInFlight> {
        self.in_flight
            .iter()
            .map(|(student, resource, action)| StepInFlight {
                student: student.clone(),
                resource: resource.clone(),
                action: action.clone(),
            })
            .collect()
    }
}

/// Runs some work to its end, passing its events to `listen` and turning interrupts into stops. `listen` also
/// hears `None` at every tick, so that it can show time passing.
pub(crate) async fn run<T>(
    work: impl Future<Output = T>,
    mut events: UnboundedReceiver<Event>,
    interrupts: impl Stream<Item = ()>,
    mut ticks: Interval,
    stop: &Stop,
    mut listen: impl FnMut(Option<&Event>),
) -> T {
    let mut dispatcher = Dispatcher::default();
    tokio::pin!(work);
    tokio::pin!(interrupts);
    let output = loop {
        tokio::select! {
            biased;
            Some(event) = events.recv() => {
                dispatcher.handle(Input::Event(&event));
                listen(Some(&event));
            }
            Some(()) = interrupts.next() => match dispatcher.handle(Input::Interrupt) {
                Response::Continue => {}
                Response::Drain(in_flight) => {
                    stop.drain();
                    listen(Some(&Event::Interrupted { now: false, in_flight }));
                }
                Response::StopNow(in_flight) => {
                    stop.now();
                    listen(Some(&Event::Interrupted { now: true, in_flight }));
                }
            },
            output = &mut work => break output,
            _ = ticks.tick() => listen(None),
        }
    };
    while let Ok(event) = events.try_recv() {
        listen(Some(&event));
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::StepResult;
    use crate::stack::kinds::Kind;

    #[tokio::test(start_paused = true)]
    async fn what_is_told_before_a_yield_is_heard_before_the_work_goes_on() {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let heard = std::cell::Cell::new(0);
        let work = async {
            for name in ["a", "b", "c"] {
                sender.send(started(name)).unwrap();
            }
            tokio::task::yield_now().await;
            heard.get()
        };
        let ticks = tokio::time::interval(std::time::Duration::from_secs(1));
        let nobody = futures::stream::pending();
        let listen = |event: Option<&Event>| heard.set(heard.get() + usize::from(event.is_some()));
        let stop = Stop::new();
        assert_eq!(run(work, receiver, nobody, ticks, &stop, listen).await, 3);
    }

    fn started(name: &str) -> Event {
        Event::StepStarted {
            student: "user1".parse().unwrap(),
            resource: ResourceId::new(Kind::Role, name),
            action: "create".into(),
        }
    }

    fn finished(name: &str) -> Event {
        Event::StepFinished {
            student: "user1".parse().unwrap(),
            resource: ResourceId::new(Kind::Role, name),
            action: "create".into(),
            result: StepResult::Done,
            elapsed_ms: 1,
        }
    }

    fn names(response: Response) -> Vec<String> {
        match response {
            Response::Continue => panic!("expected to stop"),
            Response::Drain(steps) | Response::StopNow(steps) => {
                steps.into_iter().map(|s| s.resource.name).collect()
            }
        }
    }

    #[test]
    fn the_first_interrupt_drains_the_second_stops_a_third_does_nothing() {
        let mut dispatcher = Dispatcher::default();
        assert!(matches!(
            dispatcher.handle(Input::Interrupt),
            Response::Drain(_)
        ));
        assert!(matches!(
            dispatcher.handle(Input::Interrupt),
            Response::StopNow(_)
        ));
        assert_eq!(dispatcher.handle(Input::Interrupt), Response::Continue);
    }

    #[test]
    fn an_interrupt_names_exactly_what_is_in_flight() {
        let mut dispatcher = Dispatcher::default();
        for event in [started("a"), started("b"), finished("a")] {
            assert_eq!(dispatcher.handle(Input::Event(&event)), Response::Continue);
        }
        assert_eq!(names(dispatcher.handle(Input::Interrupt)), ["b"]);
        dispatcher.handle(Input::Event(&finished("b")));
        assert_eq!(
            names(dispatcher.handle(Input::Interrupt)),
            Vec::<String>::new()
        );
    }
}
