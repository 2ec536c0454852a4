//! What several captures have, in one order.

use super::error::Error;
use super::exchanges::{ExchangeSummary, Exchanges};
use super::rows::Rows;
use super::spans::{Order, Place};
use crate::event::{StoredEvent, Timestamp};

/// What gives items of one capture, ordered by time and then by id.
pub trait InOrder {
    /// What it gives.
    type Item;

    /// The next item; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    fn next_item(&mut self) -> Result<Option<Self::Item>, Error>;

    /// The time that an item is ordered by.
    fn time_of(item: &Self::Item) -> Timestamp;
}

impl InOrder for Rows<'_> {
    type Item = StoredEvent;

    fn next_item(&mut self) -> Result<Option<StoredEvent>, Error> {
        self.next_event()
    }

    fn time_of(event: &StoredEvent) -> Timestamp {
        event.event.time
    }
}

impl InOrder for Exchanges<'_> {
    type Item = ExchangeSummary;

    fn next_item(&mut self) -> Result<Option<ExchangeSummary>, Error> {
        self.next_exchange()
    }

    fn time_of(summary: &ExchangeSummary) -> Timestamp {
        summary.time()
    }
}

/// Items of several captures in order of time, then of capture, then of id.
pub struct Merged<R: InOrder> {
    order: Order,
    inputs: Vec<Input<R>>,
    left: u64,
}

struct Input<R: InOrder> {
    rows: R,
    /// The next item, if it was fetched.
    next: Option<R::Item>,
    is_over: bool,
}

impl<R: InOrder> Merged<R> {
    /// Of what was asked of each capture, all in this order; at most `limit` items in all.
    pub fn new(order: Order, rows: Vec<R>, limit: Option<u64>) -> Self {
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

    /// The next item and the number of its capture, from 0; `None` at the end.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged.
    pub fn next_item(&mut self) -> Result<Option<(usize, R::Item)>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        for input in &mut self.inputs {
            if input.next.is_none() && !input.is_over {
                input.next = input.rows.next_item()?;
                input.is_over = input.next.is_none();
            }
        }
        let order = self.order;
        let first = self
            .inputs
            .iter_mut()
            .enumerate()
            .filter_map(|(number, input)| {
                let time = R::time_of(input.next.as_ref()?).as_nanos();
                let number = i64::try_from(number).unwrap_or(i64::MAX);
                Some((Place::new(order, time, number), input))
            })
            .max_by_key(|(place, _)| *place);
        let Some((place, input)) = first else {
            return Ok(None);
        };
        self.left -= 1;
        let number = usize::try_from(place.id()).unwrap_or(usize::MAX);
        Ok(input.next.take().map(|item| (number, item)))
    }
}
