//! Interrupts: the first asks for an orderly end, the second ends the program at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

use super::exit::Exit;
use crate::record::ECHO;

/// A flag that is set when the user interrupts the program.
///
/// # Errors
///
/// When the system does not let us listen for that.
pub(super) fn flag() -> io::Result<Arc<AtomicBool>> {
    let is_interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&is_interrupted);
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            signals.forever().next();
            flag.store(true, Ordering::Relaxed);
            thread::sleep(ECHO);
            signals.pending().for_each(drop);
            signals.forever().next();
            low_level::exit(i32::from(Exit::Interrupted.code()));
        })?;
    Ok(is_interrupted)
}
