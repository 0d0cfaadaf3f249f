//! The traffic of the network interfaces.

use sysinfo::Networks;

use crate::telemetry::NetworkCounters;

/// Starts of the names of interfaces that are no hardware: what passes through them passes through hardware as well, or
/// never leaves the host.
const VIRTUAL: [&str; 15] = [
    "veth",
    "docker",
    "br-",
    "virbr",
    "vmnet",
    "cni",
    "flannel",
    "cali",
    "podman",
    "tun",
    "tap",
    "wg",
    "tailscale",
    "ifb",
    "dummy",
];

/// The counters of all interfaces that stand for hardware, together; `None` when there is no such interface.
///
/// In a container with a network of its own this is the container's traffic.
pub(super) fn counters(networks: &Networks) -> Option<NetworkCounters> {
    let start = NetworkCounters {
        receive_bytes: 0,
        transmit_bytes: 0,
        interfaces: 0,
    };
    let sum = networks
        .iter()
        .filter(|(name, _)| name.to_str().is_none_or(is_hardware))
        .fold(start, |sum, (_, data)| NetworkCounters {
            receive_bytes: sum.receive_bytes.saturating_add(data.total_received()),
            transmit_bytes: sum.transmit_bytes.saturating_add(data.total_transmitted()),
            interfaces: sum.interfaces + 1,
        });
    (sum.interfaces > 0).then_some(sum)
}

fn is_hardware(name: &str) -> bool {
    // Numbered bridges and bonds, `br0`, `bond1`, repeat the traffic of their members; VLANs, `eth0.10`, of their device.
    let numbered = |start: &str| {
        name.strip_prefix(start)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    name != "lo"
        && !name.contains('.')
        && !VIRTUAL.iter().any(|start| name.starts_with(start))
        && !["br", "bond", "team"].into_iter().any(numbered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_is_told_by_its_name() {
        for name in [
            "eth0",
            "wlan0",
            "end0",
            "enp3s0",
            "wlx00c0ca",
            "usb0",
            "wwan0",
        ] {
            assert!(is_hardware(name), "{name}");
        }
        for name in [
            "lo",
            "veth1a2b",
            "docker0",
            "br-4f2e",
            "br0",
            "eth0.10",
            "wg0",
            "tailscale0",
            "bond0",
            "cni0",
        ] {
            assert!(!is_hardware(name), "{name}");
        }
    }
}
