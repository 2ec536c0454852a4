//! Following a file that is damaged: it ends, or waits for what is not coming without being busy.

use super::trees::{PAGE, Pages, knot, root};
use super::{asking, capture, report};
use crate::support::bounded::run_a_while;
use crate::support::long::{seed, short_or_long};
use crate::support::numbers::Numbers;

const FOLLOWING: [&[&str]; 3] = [
    &["--events", "-f"],
    &["--events", "-f", "-n", "all"],
    &["--events", "-f", "--grep", "HTTP"],
];

#[test]
fn pages_that_lead_in_circles() {
    let env = capture();
    let mut faults = Vec::new();
    for table in ["events", "streams", "spans_max", "recordings", "batches"] {
        let mut pages = Pages::of(&env);
        if !knot(&mut pages, root(&env.db(), table)) {
            continue;
        }
        let path = pages.save(&env);
        for question in short_or_long(&FOLLOWING[..1], &FOLLOWING[..]) {
            let (_made, command) = asking(&env, &path, question);
            let fault = run_a_while(command).err();
            faults.extend(fault.map(|fault| format!("{table}: {fault}")));
        }
    }
    report(&faults);
}

#[test]
fn pages_that_are_noise() {
    let env = capture();
    let mut lots = Numbers::new(seed("following"));
    let mut faults = Vec::new();
    let count = Pages::of(&env).bytes.len() / PAGE;
    for _ in 0..short_or_long(4, 100) {
        let mut pages = Pages::of(&env);
        // All but the first page, which says that it is a capture.
        let number = 1 + lots.below(count - 1);
        pages.bytes[number * PAGE..(number + 1) * PAGE].fill(0xa5);
        let path = pages.save(&env);
        let question = lots.pick(&FOLLOWING);
        let (_made, command) = asking(&env, &path, question);
        let fault = run_a_while(command).err();
        faults.extend(fault.map(|fault| format!("page {number}: {fault}")));
    }
    report(&faults);
}
