//! The entities that tell how the host is.

use super::entity::Entity;
use super::{Announcement, CORES_MAX, EntityKind};
use crate::protocol::Leaf;
use crate::telemetry::Sample;

/// A reading is doubted after this many intervals without one.
const INTERVALS: u64 = 4;

/// What the host has told; a reading that it never gives gets no sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    cores: usize,
    load_average: bool,
    memory: bool,
    swap: bool,
    temperature: bool,
    uptime: bool,
    disk: bool,
    frequency: bool,
    throttled: bool,
}

impl Known {
    /// Adds what a sample tells; true when something is told for the first time.
    pub fn learn(&mut self, sample: &Sample) -> bool {
        let before = *self;
        let cores = sample.cpu.as_ref().map_or(0, |cpu| cpu.cores.len());
        self.cores = self.cores.max(cores);
        self.load_average |= sample.load_average.is_some();
        self.memory |= sample.memory.is_some();
        self.swap |= sample.swap.is_some();
        self.temperature |= sample.temperature_celsius.is_some();
        self.uptime |= sample.booted_unix_secs.is_some();
        self.disk |= sample.disk.is_some();
        self.frequency |= sample.frequency_mhz.is_some();
        self.throttled |= sample.throttled.is_some();
        *self != before
    }
}

pub(super) fn entities(announcement: &Announcement<'_>, each: &mut dyn FnMut(Entity)) {
    let known = announcement.known;
    let expire_after = announcement
        .telemetry_interval_secs
        .saturating_mul(INTERVALS)
        .max(30);
    let telemetry = |kind, platform, id: &str, name: &str, template: &str| {
        Entity::new(kind, platform, id, Some(name))
            .telling(Leaf::Telemetry)
            .with("val_tpl", template)
            .with("exp_aft", expire_after)
    };
    let sensor = |id: &str, name: &str, icon: &str, template: &str| {
        telemetry(EntityKind::Sensors, "sensor", id, name, template).with("ic", icon)
    };
    let percent = |id: &str, name: &str, icon: &str, template: &str| {
        sensor(id, name, icon, template)
            .with("unit_of_meas", "%")
            .with("stat_cla", "measurement")
            .with("sug_dsp_prc", 0)
    };
    let load_average = |index: usize, minutes: u8| {
        sensor(
            &format!("load_{minutes}"),
            &format!("Load average {minutes} min"),
            "mdi:chart-line",
            &format!("{{{{ value_json.load_average[{index}] }}}}"),
        )
        .with("stat_cla", "measurement")
        .with("sug_dsp_prc", 2)
        .diagnostic()
        .if_known(known.load_average)
    };
    let network = |id: &str, name: &str, icon: &str, key: &str| {
        let template = format!(
            "{{% set b = value_json.network.{key} %}}{{{{ b if b is none else (b / 1000) | round(1) }}}}"
        );
        sensor(id, name, icon, &template)
            .with("dev_cla", "data_rate")
            .with("unit_of_meas", "kB/s")
            .with("stat_cla", "measurement")
            .with("sug_dsp_prc", 1)
    };
    each(percent(
        "cpu_load",
        "CPU load",
        "mdi:cpu-64-bit",
        "{{ value_json.cpu.load_percent }}",
    ));
    each(
        percent(
            "memory",
            "Memory",
            "mdi:memory",
            "{{ value_json.memory.used_percent }}",
        )
        .if_known(known.memory),
    );
    each(
        sensor(
            "temperature",
            "Temperature",
            "mdi:thermometer",
            "{{ value_json.temperature_celsius }}",
        )
        .with("dev_cla", "temperature")
        .with("unit_of_meas", "°C")
        .with("stat_cla", "measurement")
        .with("sug_dsp_prc", 1)
        .if_known(known.temperature),
    );
    each(
        percent(
            "disk",
            "Disk",
            "mdi:harddisk",
            "{{ value_json.disk.used_percent }}",
        )
        .if_known(known.disk),
    );
    each(network(
        "network_receive",
        "Network receive",
        "mdi:download-network",
        "receive_bytes_per_sec",
    ));
    each(network(
        "network_transmit",
        "Network transmit",
        "mdi:upload-network",
        "transmit_bytes_per_sec",
    ));
    each(
        sensor(
            "uptime",
            "Up since",
            "mdi:clock-start",
            "{{ value_json.booted_at }}",
        )
        .with("dev_cla", "timestamp")
        .diagnostic()
        .if_known(known.uptime),
    );
    each(
        percent(
            "swap",
            "Swap",
            "mdi:swap-horizontal",
            "{{ value_json.swap.used_percent }}",
        )
        .diagnostic()
        .if_known(known.swap),
    );
    each(load_average(0, 1));
    each(load_average(1, 5).disabled());
    each(load_average(2, 15).disabled());
    each(
        sensor(
            "frequency",
            "CPU frequency",
            "mdi:sine-wave",
            "{{ value_json.cpu.frequency_mhz }}",
        )
        .with("dev_cla", "frequency")
        .with("unit_of_meas", "MHz")
        .with("stat_cla", "measurement")
        .with("sug_dsp_prc", 0)
        .diagnostic()
        .disabled()
        .if_known(known.frequency),
    );
    for core in 0..CORES_MAX {
        // A core may be switched off while the host runs, and an index beyond the end is an error there.
        let template = format!(
            "{{% set c = value_json.cpu.core_percent or [] %}}{{{{ c[{core}] if c | length > {core} else none }}}}"
        );
        let name = format!("CPU core {}", core + 1);
        let core = percent(
            &format!("core_{}", core + 1),
            &name,
            "mdi:cpu-64-bit",
            &template,
        )
        .diagnostic()
        .disabled()
        .if_known(core < known.cores);
        each(core);
    }
    let problem = |id: &str, name: &str, key: &str| {
        // What is unknown is neither: a word that is neither `ON` nor `OFF` would be noted in the log.
        let template =
            format!("{{{{ {{true: 'ON', false: 'OFF'}}.get(value_json.throttled.{key}) }}}}");
        telemetry(EntityKind::Problems, "binary_sensor", id, name, &template)
            .with("dev_cla", "problem")
            .diagnostic()
            .if_known(known.throttled)
    };
    each(
        Entity::new(
            EntityKind::Problems,
            "binary_sensor",
            "panel",
            Some("Panel"),
        )
        .telling(Leaf::Health)
        .with("dev_cla", "problem")
        .with(
            "val_tpl",
            "{{ 'OFF' if value_json.panel.state in ['ok', 'starting'] else 'ON' }}",
        )
        .with("json_attr_tpl", "{{ value_json.panel | tojson }}")
        .attributes_of_state()
        .diagnostic(),
    );
    each(problem("under_voltage", "Under-voltage", "under_voltage"));
    each(problem("throttled", "Throttled", "now"));
    each(
        Entity::new(
            EntityKind::Connectivity,
            "binary_sensor",
            "connectivity",
            Some("Connection"),
        )
        .telling(Leaf::Availability)
        .with("dev_cla", "connectivity")
        .with("pl_on", "online")
        .with("pl_off", "offline")
        // It tells the very thing by which the others are unavailable.
        .with("avty", serde_json::json!([]))
        .diagnostic(),
    );
}
