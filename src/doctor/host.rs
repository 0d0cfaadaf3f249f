//! The machine, and where on it the program runs.

use super::{Finding, Level, Place, Readings, Section};
use crate::warden::{AskError, Report};

/// Above this the processor slows itself down (the Raspberry Pi's documentation, "frequency management and thermal control").
const HOT_CELSIUS: f32 = 80.0;

/// What the firmware's bits mean, those of this moment in the lower half.
const UNDER_VOLTAGE: u32 = 1;
const THROTTLED: u32 = 0b1110;

/// What there is to say of the machine, of who asks, and of the node that runs on it; `node` is its id, if that is known.
#[must_use]
pub fn host(
    readings: &Readings,
    node: Option<&str>,
    asked: Option<&Result<Report, AskError>>,
) -> Vec<Finding> {
    let place = Place::of(readings);
    vec![
        machine(readings, place),
        user(readings, place),
        running(node, asked, place),
        power(readings, place),
        temperature(readings),
    ]
}

fn finding(check: &'static str, level: Level, text: impl Into<String>) -> Finding {
    Finding::new(Section::Host, check, level, text)
}

fn machine(readings: &Readings, place: Place) -> Finding {
    let known = |part: &Option<String>, unknown: &str| part.clone().unwrap_or(unknown.to_owned());
    let system = known(&readings.os, "an image without an operating system's name");
    let kernel = known(&readings.kernel, "unknown");
    let place = match place {
        Place::Host => "no container".to_owned(),
        Place::Container(engine) => format!("in a container of {}", engine.name()),
    };
    let (level, board) = match (readings.is_pi(), &readings.model) {
        (Some(true), Some(model)) => (Level::Ok, model.clone()),
        (Some(_), Some(model)) => (Level::Info, format!("{model}, which is no Raspberry Pi")),
        (Some(_), None) => (
            Level::Info,
            "no Raspberry Pi: another kind of processor".to_owned(),
        ),
        (None, _) => (
            Level::Info,
            "the board does not say what it is, so it may be no Raspberry Pi".to_owned(),
        ),
    };
    finding(
        "machine",
        level,
        format!("{board}; {system}, kernel {kernel}; {place}"),
    )
}

fn user(readings: &Readings, place: Place) -> Finding {
    let user = &readings.user;
    let name = match &user.name {
        Some(name) => format!("{name} ({})", user.id),
        None => format!("user {}", user.id),
    };
    let groups: Vec<String> = user
        .groups
        .iter()
        .map(|group| readings.group_name(*group))
        .collect();
    let text = format!("asks as {name} of the groups {}", groups.join(", "));
    if user.id == 0 && !user.is_mapped && place == Place::Host {
        return finding(
            "user",
            Level::Info,
            format!(
                "{text}: root may do everything, so what the node's own user may not do is not seen"
            ),
        );
    }
    finding("user", Level::Ok, text)
}

fn running(node: Option<&str>, asked: Option<&Result<Report, AskError>>, place: Place) -> Finding {
    let Some(node) = node else {
        return finding(
            "node",
            Level::Skip,
            "not checked: the configuration can't be used",
        );
    };
    match asked {
        None => finding(
            "node",
            Level::Info,
            "`health.socket` is empty: a node that runs here can't be asked how it is",
        ),
        Some(Ok(report)) if report.healthy => {
            finding("node", Level::Ok, format!("runs here: {report}"))
        }
        Some(Ok(report)) => finding(
            "node",
            Level::Fail,
            format!("runs here, and not well: {report}"),
        )
        .run(restart(place)),
        Some(Err(AskError::NoNode { .. })) => finding(
            "node",
            Level::Info,
            format!("no node with the id {node} runs here, as far as this process can see"),
        ),
        Some(Err(error @ (AskError::NotOurs { .. } | AskError::Refused(_)))) => finding(
            "node",
            Level::Info,
            format!("a node runs here and can't be asked: {error}"),
        ),
        Some(Err(error @ (AskError::Silent(_) | AskError::Foreign { .. }))) => {
            finding("node", Level::Fail, error.to_string()).run(restart(place))
        }
    }
}

fn restart(place: Place) -> &'static str {
    match place {
        Place::Host => "sudo systemctl restart piglow-node",
        Place::Container(_) => "docker restart NAME   # podman restart, kubectl delete pod",
    }
}

fn power(readings: &Readings, place: Place) -> Finding {
    let Some(bits) = readings.throttled else {
        let unseen = finding(
            "power",
            Level::Info,
            "whether the voltage is too low can't be seen here; it is published as `null`",
        );
        return match (place, readings.is_pi()) {
            (Place::Container(_), Some(true)) => unseen.act(format!(
                "give the container the firmware's word, read only: -v {FIRMWARE}:{FIRMWARE}:ro (another path on a Pi 5: find \
                 /sys/devices/platform -name get_throttled)"
            )),
            _ => unseen,
        };
    };
    let since = bits >> 16;
    let text = |what: &str| format!("{what} (firmware: {bits:#x})");
    if bits & UNDER_VOLTAGE != 0 {
        return finding(
            "power",
            Level::Warn,
            text("the voltage is too low at this moment"),
        )
        .act("use the power supply made for this Pi, and a short, thick cable");
    }
    if since & UNDER_VOLTAGE != 0 {
        return finding(
            "power",
            Level::Warn,
            text("the voltage has been too low since the start"),
        )
        .act("use the power supply made for this Pi, and a short, thick cable");
    }
    if bits & THROTTLED != 0 {
        return finding(
            "power",
            Level::Warn,
            text("the processor is slowed down at this moment"),
        )
        .act("cool it: a heat sink, a fan, more air");
    }
    if since & THROTTLED != 0 {
        return finding(
            "power",
            Level::Info,
            text("the processor has been slowed down since the start"),
        );
    }
    finding("power", Level::Ok, "the voltage is and was high enough")
}

/// Where the firmware's word is up to the Pi 4.
const FIRMWARE: &str = "/sys/devices/platform/soc/soc:firmware/get_throttled";

fn temperature(readings: &Readings) -> Finding {
    match readings.temperature_celsius {
        None => finding(
            "temperature",
            Level::Info,
            "can't be seen here; it is published as `null`",
        ),
        Some(hot) if hot >= HOT_CELSIUS => finding(
            "temperature",
            Level::Warn,
            format!(
                "the processor has {hot:.0} °C; above {HOT_CELSIUS:.0} °C it slows itself down"
            ),
        )
        .act("cool it: a heat sink, a fan, more air"),
        Some(fine) => finding(
            "temperature",
            Level::Ok,
            format!("the processor has {fine:.0} °C"),
        ),
    }
}
