//! Memory and swap.

use crate::telemetry::Space;

/// Memory and swap by `/proc/meminfo`; used memory is what the kernel does not call available.
pub(super) fn spaces(text: &str) -> (Option<Space>, Option<Space>) {
    let [mut total, mut available, mut swap, mut free] = [None; 4];
    for line in text.lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let place = match name {
            "MemTotal" => &mut total,
            "MemAvailable" => &mut available,
            "SwapTotal" => &mut swap,
            "SwapFree" => {
                free = bytes(value);
                // What comes behind is not needed.
                break;
            }
            _ => continue,
        };
        *place = bytes(value);
    }
    let space = |available, total| Space::with_available(available?, total?);
    (space(available, total), space(free, swap))
}

/// The kernel tells 1024 bytes at a time (`proc_meminfo(5)`).
fn bytes(value: &str) -> Option<u64> {
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_is_what_is_not_available() {
        let text = "\
MemTotal:        1000 kB
MemFree:          100 kB
MemAvailable:     600 kB
SwapTotal:        200 kB
SwapFree:         150 kB
Dirty:              1 kB
";
        let space = |used: u64, total: u64| {
            Some(Space {
                used_bytes: used * 1024,
                total_bytes: total * 1024,
            })
        };
        assert_eq!(spaces(text), (space(400, 1000), space(50, 200)));
    }

    #[test]
    fn no_swap_is_none_and_what_is_not_told_is_not_known() {
        assert_eq!(
            spaces("MemTotal: 1000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"),
            (None, None)
        );
        assert_eq!(spaces("what is this"), (None, None));
    }
}
