//! The time: certificates, message expiry and the night hang on it.

use super::{Finding, Level, Place, Readings, Section};

/// 2026-01-01: this program did not exist before, so a clock that says so is wrong.
const EARLIEST_UNIX_MILLIS: i64 = 1_767_225_600_000;

/// What there is to say of the clock; `now` is what it shows, `night` whether the configuration has hours of the day.
#[must_use]
pub fn clock(readings: &Readings, now_unix_millis: i64, night: bool) -> Vec<Finding> {
    let mut findings = vec![time(readings, now_unix_millis)];
    if night {
        findings.push(zone(readings));
    }
    findings
}

fn finding(check: &'static str, level: Level, text: impl Into<String>) -> Finding {
    Finding::new(Section::Clock, check, level, text)
}

fn time(readings: &Readings, now_unix_millis: i64) -> Finding {
    let shown = jiff::Timestamp::from_millisecond(now_unix_millis).map_or_else(
        |_| "a time out of range".to_owned(),
        |time| format!("{time:.0}"),
    );
    let keep = |finding: Finding| match Place::of(readings) {
        Place::Host => finding
            .run("sudo timedatectl set-ntp true")
            .run("timedatectl"),
        Place::Container(_) => {
            finding.act("the clock is the host's; there: sudo timedatectl set-ntp true")
        }
    };
    if now_unix_millis < EARLIEST_UNIX_MILLIS {
        return keep(finding(
            "time",
            Level::Fail,
            format!(
                "{shown} is before this program was written: certificates are not valid yet, and commands seem to come from the future"
            ),
        ));
    }
    match readings.is_clock_kept {
        Some(true) => finding(
            "time",
            Level::Ok,
            format!("{shown}, kept by a time service"),
        ),
        Some(false) => keep(finding(
            "time",
            Level::Warn,
            format!(
                "{shown}; the time service has not set it since the start, and a Pi without one loses it when it is off"
            ),
        )),
        None => finding(
            "time",
            Level::Ok,
            format!("{shown}; whether a time service keeps it can't be seen here"),
        ),
    }
}

fn zone(readings: &Readings) -> Finding {
    if readings.has_time_zone {
        return finding(
            "zone",
            Level::Ok,
            "known: `light.night` means the local time",
        );
    }
    let unknown = finding(
        "zone",
        Level::Warn,
        "this system does not say in which time zone it is: `light.night` is taken as UTC",
    );
    match Place::of(readings) {
        Place::Host => unknown.run("sudo timedatectl set-timezone Europe/Berlin"),
        Place::Container(_) => {
            unknown.act("give the container the host's: -v /etc/localtime:/etc/localtime:ro")
        }
    }
}
