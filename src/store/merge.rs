//! The events of several captures in one order.

use super::error::Error;
use super::rows::Rows;
use super::spans::{Order, Place};
use crate::event::StoredEvent;

/// Events of several captures in order of event time, then of capture, then of id.
pub struct Merged<'a> {
    order: Order,
    inputs: Vec<Input<'a>>,
    left: u64,
}

struct Input<'a> {
    rows: Rows<'a>,
    /// The next event, if it was fetched.
    next: Option<StoredEvent>,
    is_over: bool,
}

impl<'a> Merged<'a> {
    /// Of what was asked of each capture, all in this order; at most `limit` events in all.
    pub fn new(order: Order, rows: Vec<Rows<'a>>, limit: Option<u64>) -> Self {
        let inputs = rows
            .into_iter()
            .map(|rows| Input {
                rows,
                next: None,
                is_over: false,
            })
            .collect();
        Self {
            order,
            inputs,
            left: limit.unwrap_or(u64::MAX),
        }
    }

    /// The next event and the number of its capture, from 0; `None` at the end.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged.
    pub fn next_event(&mut self) -> Result<Option<(usize, StoredEvent)>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        for input in &mut self.inputs {
            if input.next.is_none() && !input.is_over {
                input.next = input.rows.next_event()?;
                input.is_over = input.next.is_none();
            }
        }
        let order = self.order;
        let first = self
            .inputs
            .iter_mut()
            .enumerate()
            .filter_map(|(number, input)| {
                let time = input.next.as_ref()?.event.time.as_nanos();
                let number = i64::try_from(number).unwrap_or(i64::MAX);
                Some((Place::new(order, time, number), input))
            })
            .max_by_key(|(place, _)| *place);
        let Some((place, input)) = first else {
            return Ok(None);
        };
        self.left -= 1;
        let number = usize::try_from(place.id()).unwrap_or(usize::MAX);
        Ok(input.next.take().map(|event| (number, event)))
    }
}
