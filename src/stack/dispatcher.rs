//! One loop around the work: events pass through to whoever listens, and interrupts turn into the two levels of
//! stopping. [`Dispatcher`] knows no runtime, so its states are unit-tested.

use std::collections::BTreeSet;
use std::future::Future;

use futures::{Stream, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Interval;

use crate::aws::stop::Stop;
use crate::events::{Event, StepInFlight};

/// Knows what is in flight and how far stopping has gone.
#[derive(Debug, Default)]
struct Dispatcher {
    interrupts: u32,
    in_flight: BTreeSet<StepInFlight>,
}

impl Dispatcher {
    fn note(&mut self, event: &Event) {
        let (Event::StepStarted {
            student,
            resource,
            action,
        }
        | Event::StepFinished {
            student,
            resource,
            action,
            ..
        }) = event
        else {
            return;
        };
        let step = StepInFlight {
            student: student.clone(),
            resource: resource.clone(),
            action: action.clone(),
        };
        match event {
            Event::StepStarted { .. } => self.in_flight.insert(step),
            _ => self.in_flight.remove(&step),
        };
    }

    /// The first interrupt starts nothing new, the second gives up what is in flight, and later ones do nothing.
    fn interrupt(&mut self, stop: &Stop) -> Option<Event> {
        self.interrupts = self.interrupts.saturating_add(1);
        match self.interrupts {
            1 => stop.drain(),
            2 => stop.now(),
            _ => return None,
        }
        Some(Event::Interrupted {
            now: self.interrupts == 2,
            in_flight: self.in_flight.iter().cloned().collect(),
        })
    }
}

/// Runs some work to its end, passing its events to `listen` and turning interrupts into stops. At every
/// tick `listen` gets `None`, so that it can show time passing.
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
                dispatcher.note(&event);
                listen(Some(&event));
            }
            Some(()) = interrupts.next() => {
                if let Some(event) = dispatcher.interrupt(stop) {
                    listen(Some(&event));
                }
            }
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
    use crate::stack::kinds::{Kind, ResourceId};

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

    fn interrupt(dispatcher: &mut Dispatcher, stop: &Stop) -> Option<(bool, Vec<String>)> {
        let Event::Interrupted { now, in_flight } = dispatcher.interrupt(stop)? else {
            panic!("expected to stop");
        };
        let names = in_flight.into_iter().map(|step| step.resource.name);
        Some((now, names.collect()))
    }

    #[test]
    fn the_first_interrupt_drains_the_second_stops_a_third_does_nothing() {
        let (mut dispatcher, stop) = (Dispatcher::default(), Stop::new());
        assert!(!stop.is_stopping());
        assert_eq!(interrupt(&mut dispatcher, &stop), Some((false, vec![])));
        assert!(stop.is_stopping());
        assert_eq!(interrupt(&mut dispatcher, &stop), Some((true, vec![])));
        assert_eq!(interrupt(&mut dispatcher, &stop), None);
    }

    #[test]
    fn an_interrupt_names_exactly_what_is_in_flight() {
        let (mut dispatcher, stop) = (Dispatcher::default(), Stop::new());
        for event in [started("a"), started("b"), finished("a")] {
            dispatcher.note(&event);
        }
        let open = vec!["b".to_owned()];
        assert_eq!(interrupt(&mut dispatcher, &stop), Some((false, open)));
        dispatcher.note(&finished("b"));
        assert_eq!(interrupt(&mut dispatcher, &stop), Some((true, vec![])));
    }
}
