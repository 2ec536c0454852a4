//! `--no-proc` and `--cmdline` of `ecq-record`: what is noted of the processes whose events come in.

use clap::Args;

#[derive(Debug, Clone, Copy, Args)]
pub(super) struct ProcessArgs {
    /// Do not look in /proc who the processes are
    ///
    /// Of an eCapture on this host, by the URL (a loopback address or localhost), what /proc tells of each process is noted
    /// while it lives: when it started, the file it runs, its parent, user, cgroup and container. Filters know them as `exe`,
    /// `ppid`, `uid` and `container`. Where /proc has another name for a process than its events, nothing is noted; say this
    /// if the URL leads to another host all the same (`ssh -L`, `adb forward`).
    #[arg(long, conflicts_with = "import")]
    pub(super) no_proc: bool,
    /// Also note the arguments of each process, 4096 bytes of them; they can hold secrets
    #[arg(long, conflicts_with_all = ["import", "no_proc"])]
    pub(super) cmdline: bool,
}
