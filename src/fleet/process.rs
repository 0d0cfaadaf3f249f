//! What this process uses, as the system counts it.

/// What the system tells of this process; `None` where it does not.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    /// CPU time since the start, in seconds.
    pub(super) cpu_secs: Option<f64>,
    /// Resident memory, in bytes.
    pub(super) resident_bytes: Option<f64>,
    /// Open files, sockets among them.
    pub(super) open_files: Option<f64>,
}

/// Asks the system (proc(5)).
pub(super) fn usage() -> Usage {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = resident.and_then(|text| text.trim().strip_suffix("kB")?.trim().parse().ok());
    Usage {
        cpu_secs: cpu_secs(),
        resident_bytes: kibibytes.map(|kib: f64| kib * 1024.0),
        open_files: std::fs::read_dir("/proc/self/fd")
            .ok()
            .map(|files| files.count() as f64),
    }
}

fn cpu_secs() -> Option<f64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    std::time::Duration::try_from(time)
        .ok()
        .map(|time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_what_this_process_uses() {
        let usage = usage();
        assert!(usage.cpu_secs.is_some_and(|secs| secs > 0.0));
        assert!(usage.resident_bytes.is_some_and(|bytes| bytes > 1e6));
        assert!(usage.open_files.is_some_and(|files| files >= 3.0));
    }
}
