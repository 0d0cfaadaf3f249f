//! The traffic of the network interfaces.

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

/// The counters of all interfaces that stand for hardware, together, by `/proc/net/dev`; `None` when there is no such interface.
///
/// In a container with a network of its own this is the container's traffic.
pub(super) fn counters(text: &str) -> Option<NetworkCounters> {
    let start = NetworkCounters {
        receive_bytes: 0,
        transmit_bytes: 0,
        interfaces: 0,
    };
    let sum = text
        .lines()
        .filter_map(|line| line.rsplit_once(':'))
        .filter(|(name, _)| is_hardware(name.trim_start()))
        .filter_map(|(_, numbers)| bytes(numbers))
        .fold(start, |sum, (received, transmitted)| NetworkCounters {
            receive_bytes: sum.receive_bytes.saturating_add(received),
            transmit_bytes: sum.transmit_bytes.saturating_add(transmitted),
            interfaces: sum.interfaces + 1,
        });
    (sum.interfaces > 0).then_some(sum)
}

/// Received and transmitted bytes, the first and the ninth number of a line (`proc_net_dev(5)`).
fn bytes(numbers: &str) -> Option<(u64, u64)> {
    let mut numbers = numbers.split_ascii_whitespace();
    let received = numbers.next()?.parse().ok()?;
    let transmitted = numbers.nth(7)?.parse().ok()?;
    Some((received, transmitted))
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
    fn hardware_counts_and_what_it_carries_for_others_does_not() {
        let text = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 900       9    0    0    0     0          0         0      900       9    0    0    0     0       0          0
  eth0: 1000     10    0    0    0     0          0         0     2000      20    0    0    0     0       0          0
 wlan0:30        1    0    0    0     0          0         0       40       1    0    0    0     0       0          0
docker0: 5       1    0    0    0     0          0         0        6       1    0    0    0     0       0          0
 what0: is this
";
        assert_eq!(
            counters(text),
            Some(NetworkCounters {
                receive_bytes: 1030,
                transmit_bytes: 2040,
                interfaces: 2,
            })
        );
        assert_eq!(counters("lo: 1 2 3 4 5 6 7 8 9"), None);
    }

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
