//! Open files: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the process needs beside its connections: the log, the runtime, a spare for each name look-up.
const OTHERS: u64 = 64;

/// The system does not allow as many open files as there are nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{nodes} nodes need {needed} open files, and this process may have {allowed}; raise the limit (ulimit -Hn, LimitNOFILE= in a \
     systemd unit) or simulate fewer nodes"
)]
pub struct TooFewFiles {
    nodes: u32,
    needed: u64,
    allowed: u64,
}

/// Raises the limit of open files so that each node has its connection.
///
/// # Errors
///
/// When the system does not allow that.
pub(super) fn allow(nodes: u32) -> Result<(), TooFewFiles> {
    let needed = u64::from(nodes) + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let maximum = limit.maximum.map(|maximum| maximum.max(needed));
    let current = Some(needed);
    // Root may raise the maximum too; others may only come up to it.
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).map_err(|_| TooFewFiles {
        nodes,
        needed,
        allowed: limit.maximum.or(limit.current).unwrap_or(u64::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_system_allows_is_refused_with_the_numbers() {
        let before = getrlimit(Resource::Nofile);
        assert_eq!(allow(1), Ok(()));
        assert_eq!(getrlimit(Resource::Nofile), before);
        // No kernel allows 4 billion (fs.nr_open).
        let error = allow(u32::MAX).unwrap_err().to_string();
        assert!(
            error.starts_with("4294967295 nodes need 4294967359 open files"),
            "{error}"
        );
    }
}
