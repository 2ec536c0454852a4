//! What the paths of cgroups say: which of them tells most, and the container in it.
//!
//! | path | who makes it |
//! |---|---|
//! | `/docker/ID`, `/system.slice/docker-ID.scope` | Docker, by its cgroup driver: docs.docker.com, "Runtime metrics" |
//! | `…/kubepods…/…podUID…/ID`, `…/cri-containerd-ID.scope`, `…:cri-containerd:ID` | containerd under Kubernetes: containerd's `pkg/cri` and the kubelet's `cgroup_manager_linux.go` |
//! | `…/crio-ID.scope`; its monitor is `crio-conmon-ID.scope` | CRI-O: `internal/config/cgmgr` |
//! | `/machine.slice/libpod-ID.scope/container`, `/libpod_parent/libpod-ID`; its monitor is `libpod-conmon-ID.scope` | Podman: libpod's `container_internal_linux.go` |
//! | `/system.slice/nerdctl-ID.scope`, `/default/ID` | nerdctl and containerd's `ctr`, as containerd's namespace says |
//! | `/lxc/NAME`, `/lxc.payload/NAME`, `/lxc.payload.NAME`; its monitor is `lxc.monitor.NAME` | LXC and LXD: `lxc.container.conf(5)`, `lxc.cgroup.dir` |
//! | `/machine.slice/machine-NAME.scope`, `/machine.slice/systemd-nspawn@NAME.service` | systemd-nspawn: `systemd-machined(8)`, `systemd.unit(5)` for how names are escaped |
//!
//! An ID has 64 hexadecimal digits. The innermost of several is meant: a container in a container is in both.

use crate::event::is_container_id;

/// A line of `/proc/PID/cgroup` (`cgroups(7)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// The number of the hierarchy; 0 is that of version 2.
    pub(super) hierarchy: u32,
    /// The controllers of a hierarchy of version 1.
    pub(super) controllers: &'a [String],
    pub(super) path: &'a str,
}

/// The cgroup that tells most: that of version 2, or where all are in its root, that of systemd, or the first of version 1
/// that is not the root. `None` if there is none at all.
pub(super) fn telling<'a>(lines: &[Line<'a>]) -> Option<&'a str> {
    let of = |is_it: &dyn Fn(&Line<'_>) -> bool| {
        let mut fitting = lines.iter().filter(|line| is_it(line));
        fitting.find(|line| line.path != "/")
    };
    let is_systemd = |line: &Line<'_>| line.controllers.iter().any(|name| name == "name=systemd");
    of(&|line| line.hierarchy == 0)
        .or_else(|| of(&is_systemd))
        .or_else(|| of(&|_| true))
        .or(lines.first())
        .map(|line| line.path)
}

/// The container that one of the cgroups is of.
pub(super) fn container(lines: &[Line<'_>]) -> Option<String> {
    let id = lines.iter().find_map(|line| id_in(line.path));
    id.map(str::to_owned)
        .or_else(|| lines.iter().find_map(|line| name_in(line.path)))
}

/// The innermost id of a container.
fn id_in(path: &str) -> Option<&str> {
    path.rsplit('/').find_map(|part| {
        let part = part.strip_suffix(".scope").unwrap_or(part);
        let (runtime, id) = part.rsplit_once(['-', ':']).unwrap_or(("", part));
        let is_monitor = runtime.ends_with("-conmon");
        (is_container_id(id) && !is_monitor).then_some(id)
    })
}

/// The innermost name of a container.
fn name_in(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').collect();
    (1..parts.len()).rev().find_map(|at| {
        let part = *parts.get(at)?;
        let above = *parts.get(at.checked_sub(1)?)?;
        let lxc = match above {
            "lxc" | "lxc.payload" => Some(part),
            _ => part.strip_prefix("lxc.payload."),
        };
        if let Some(name) = lxc.filter(|name| !name.is_empty()) {
            return Some(name.to_owned());
        }
        let machine = part
            .strip_prefix("machine-")
            .and_then(|rest| rest.strip_suffix(".scope"))
            .or_else(|| {
                let rest = part.strip_prefix("systemd-nspawn@")?;
                rest.strip_suffix(".service")
            })?;
        let name = unescaped(machine);
        // libvirt registers its virtual machines in the same place: they are no containers.
        (!name.is_empty() && !name.starts_with("qemu-")).then_some(name)
    })
}

/// The name of a unit as it was before systemd wrote it as one: `\x2d` is `-`, and `-` is `/`. An instance is taken as it is.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        if *first == b'\\'
            && let Some((&[b'x', high, low], behind)) = others.split_first_chunk::<3>()
            && let (Some(high), Some(low)) = (digit(high), digit(low))
        {
            bytes.push(high * 16 + low);
            rest = behind;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f3c0a9b1122334455667788990011223344556677889900aabbccddeeff0011";
    const OUTER: &str = "0f3c0a9b1122334455667788990011223344556677889900aabbccddeeff0011";

    fn line(path: &str) -> Line<'_> {
        Line {
            hierarchy: 0,
            controllers: &[],
            path,
        }
    }

    #[test]
    fn ids_are_found_in_the_usual_places() {
        for path in [
            "/docker/ID",
            "/system.slice/docker-ID.scope",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope",
            "/docker/OUTER/docker/ID",
            "/docker/ID/init.scope",
            "/kubepods/besteffort/pod3d1b9b9e-30d0-4a2b-8a0a-2d2a4ba3a1b1/ID",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod3d1b9b9e_30d0.slice/cri-containerd-ID.scope",
            "/system.slice/containerd.service/kubepods-burstable-pod3d1b9b9e.slice:cri-containerd:ID",
            "/kubepods.slice/kubepods-pod3d1b9b9e.slice/crio-ID.scope",
            "/kubepods.slice/kubepods-pod3d1b9b9e.slice/crio-ID.scope/container",
            "/machine.slice/libpod-ID.scope",
            "/machine.slice/libpod-ID.scope/container",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container",
            "/libpod_parent/libpod-ID",
            "/system.slice/nerdctl-ID.scope",
            "/default/ID",
            "/ecs/0f9de17a6465404e8b1b2356dc13c2f8/ID",
            "/../ID",
        ] {
            let path = path.replace("ID", ID).replace("OUTER", OUTER);
            assert_eq!(container(&[line(&path)]).as_deref(), Some(ID), "{path}");
        }
    }

    #[test]
    fn names_are_found_in_the_usual_places() {
        for (path, expected) in [
            ("/lxc/web", "web"),
            ("/lxc.payload/web", "web"),
            ("/lxc.payload.web/system.slice/nginx.service", "web"),
            ("/lxc.payload.user-1000_web", "user-1000_web"),
            ("/lxc.payload.a/lxc.payload.b", "b"),
            ("/machine.slice/machine-debian.scope", "debian"),
            (
                r"/machine.slice/machine-my\x2ddebian.scope/payload",
                "my-debian",
            ),
            (
                r"/machine.slice/systemd-nspawn@my\x2ddebian.service/payload",
                "my-debian",
            ),
            (
                r"/machine.slice/machine-a\x1bb\xzz\x.scope",
                "a\u{1b}b\\xzz\\x",
            ),
        ] {
            assert_eq!(
                container(&[line(path)]).as_deref(),
                Some(expected),
                "{path}"
            );
        }
    }

    #[test]
    fn others_are_none() {
        for path in [
            "",
            "/",
            "/init.scope",
            "/user.slice/user-1000.slice/session-2.scope",
            "/system.slice/docker.service",
            "/system.slice/lxc.service",
            "/lxc.monitor.web",
            "/lxc.payload.",
            "/lxc",
            "/lxc/",
            r"/machine.slice/machine-qemu\x2d1\x2dvm.scope",
            "/machine.slice/libpod-conmon-ID.scope",
            "/kubepods.slice/crio-conmon-ID.scope",
            "/docker/IDff",
            "/docker/4F3C",
            "/machine.slice/machine-.scope",
        ] {
            let path = path.replace("ID", ID);
            assert_eq!(container(&[line(&path)]), None, "{path}");
        }
    }

    #[test]
    fn the_path_that_tells_most_is_taken() {
        let systemd = ["name=systemd".to_owned()];
        let memory = ["memory".to_owned()];
        let of = |hierarchy, path: &'static str| Line {
            hierarchy,
            controllers: match hierarchy {
                1 => &systemd,
                2 => &memory,
                _ => &[],
            },
            path,
        };
        // As on hosts with version 2 alone, with both (hybrid), with version 1 alone, in the root of all of them.
        for (lines, expected) in [
            (vec![of(0, "/a.slice")], Some("/a.slice")),
            (
                vec![of(2, "/m"), of(1, "/s.slice"), of(0, "/a.slice")],
                Some("/a.slice"),
            ),
            (
                vec![of(2, "/m"), of(1, "/s.slice"), of(0, "/")],
                Some("/s.slice"),
            ),
            (vec![of(9, "/"), of(2, "/m"), of(1, "/")], Some("/m")),
            (vec![of(2, "/"), of(1, "/")], Some("/")),
            (vec![], None),
        ] {
            assert_eq!(telling(&lines), expected, "{lines:?}");
        }
        // A container is found wherever it is told.
        let docker = format!("/docker/{ID}");
        let mixed = [
            of(0, "/"),
            Line {
                path: &docker,
                ..of(2, "/")
            },
        ];
        assert_eq!(container(&mixed).as_deref(), Some(ID));
    }
}
