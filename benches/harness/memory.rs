//! How much memory a program needs.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How often a running program is looked at.
const EVERY: Duration = Duration::from_micros(500);

/// Runs a program to its end, with its output thrown away, and gives the peak of its resident memory in MiB.
pub(crate) fn peak_of(command: &mut Command) -> f64 {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program can be started");
    let mut peak = Peak::default();
    loop {
        peak.look(&child);
        if let Some(status) = child.try_wait().expect("it is our child") {
            // 1 says that nothing was found.
            assert!(matches!(status.code(), Some(0 | 1)), "{command:?} fails");
            return peak.mebibytes();
        }
        std::thread::sleep(EVERY);
    }
}

/// The peak so far of a program that runs.
#[derive(Debug, Default)]
pub(crate) struct Peak {
    kibibytes: u64,
}

impl Peak {
    /// Looks again. A program that has ended tells nothing.
    pub(crate) fn look(&mut self, child: &Child) {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
        self.kibibytes = self.kibibytes.max(peak.unwrap_or(0));
    }

    pub(crate) fn mebibytes(&self) -> f64 {
        super::number(self.kibibytes) / 1024.0
    }
}
