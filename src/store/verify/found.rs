//! Faults as they are found: neighbors with the same fault are told as one.

use std::collections::VecDeque;

use crate::event::{Fault, Part, Scope};
use crate::store::error::Error;
use crate::store::watch::Watch;

/// How many faults are kept back, as more events may have them.
const OPEN: usize = 64;

/// Takes faults in and hands them out.
pub(super) struct Found<'a> {
    each: &'a mut dyn FnMut(&Fault),
    /// What it stops in its middle looks like damage, and is none.
    watch: Watch,
    /// The one that was met last is the last.
    open: VecDeque<Fault>,
    /// How many were handed out.
    pub(super) count: u64,
}

impl<'a> Found<'a> {
    pub(super) fn new(each: &'a mut dyn FnMut(&Fault), watch: &Watch) -> Self {
        Self {
            each,
            watch: watch.clone(),
            open: VecDeque::new(),
            count: 0,
        }
    }

    /// Adds a fault, unless the check was told to stop.
    pub(super) fn add(&mut self, part: Part, detail: impl Into<String>, scope: Scope) {
        if self.watch.is_stopped() {
            return;
        }
        let detail = detail.into();
        let known = self
            .open
            .iter()
            .position(|fault| fault.part == part && fault.detail == detail);
        let fault = match known.and_then(|at| self.open.remove(at)) {
            None => Fault {
                part,
                detail,
                scope,
            },
            Some(mut fault) => {
                join(&mut fault.scope, &scope);
                fault
            }
        };
        self.open.push_back(fault);
        while self.open.len() > OPEN {
            self.hand_out();
        }
    }

    /// The result, if it is one. Damage is a fault in `part`.
    ///
    /// # Errors
    /// What is no damage.
    pub(super) fn pass<T>(
        &mut self,
        part: Part,
        result: Result<T, Error>,
        scope: Scope,
    ) -> Result<Option<T>, Error> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_damage() => {
                self.add(part, words(&error), scope);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Hands out what was kept back.
    pub(super) fn flush(&mut self) {
        while !self.open.is_empty() {
            self.hand_out();
        }
    }

    fn hand_out(&mut self) {
        if let Some(fault) = self.open.pop_front() {
            self.count += 1;
            (self.each)(&fault);
        }
    }
}

fn join(into: &mut Scope, scope: &Scope) {
    if let (Some(first), Some(last)) = (scope.first, scope.last) {
        into.add_range(first, last, scope.events);
    }
    for time in [scope.since, scope.until].into_iter().flatten() {
        into.add_time(time);
    }
    for process in &scope.processes {
        into.add_process(Some(process));
    }
}

/// What an error says, without the path of the file.
pub(super) fn words(error: &Error) -> String {
    match error {
        Error::Corrupt { detail, .. } | Error::Foreign { detail, .. } => detail.clone(),
        Error::Sqlite { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventId, Timestamp};

    fn of(id: i64, process: &str) -> Scope {
        let mut scope = Scope::default();
        scope.add(EventId::new(id));
        scope.add_time(Timestamp::from_seconds(id));
        scope.add_process(Some(process));
        scope
    }

    #[test]
    fn neighbors_with_the_same_fault_are_one() {
        let mut faults = Vec::new();
        let mut each = |fault: &Fault| faults.push(fault.clone());
        let mut found = Found::new(&mut each, &Watch::default());
        for id in 1..=5 {
            let block = format!("block {} is gone", id % 2);
            found.add(Part::Payload, block, of(id, "curl"));
        }
        found.add(Part::Payload, "block 0 is gone", of(6, "wget"));
        found.flush();
        assert_eq!(found.count, 2);
        assert_eq!(faults[0].detail, "block 1 is gone");
        let scope = &faults[1].scope;
        assert_eq!(scope.events, 3);
        assert_eq!(
            scope.first.zip(scope.last),
            Some((EventId::new(2), EventId::new(6)))
        );
        assert_eq!(scope.until, Some(Timestamp::from_seconds(6)));
        assert_eq!(scope.processes, ["curl", "wget"]);
    }

    #[test]
    fn few_are_kept_back() {
        let mut handed = 0;
        let mut each = |_: &Fault| handed += 1;
        let mut found = Found::new(&mut each, &Watch::default());
        for id in 0..1000 {
            found.add(Part::Block, format!("block {id}"), Scope::default());
        }
        assert_eq!(found.open.len(), OPEN);
        found.flush();
        assert_eq!((found.count, handed), (1000, 1000));
    }
}
