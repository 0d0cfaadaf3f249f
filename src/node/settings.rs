//! What the configuration says, in the words of each part.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use crate::clock::Clock;
use crate::config::{self, Config};
use crate::host::Description;
use crate::light::effect::Kind;
use crate::light::{Inputs, Stage};
use crate::mqtt::{self, Outbox};
use crate::panel::{self, SimBus};
use crate::protocol::{self, Info, Topics};
use crate::tasks::{self, Archive, Courier, Remains, Route};
use crate::telemetry::Sample;
use crate::telemetry::history::History;

pub(crate) fn session_settings(config: &Config, topics: &Topics) -> mqtt::Settings {
    mqtt::Settings {
        brokers: config.mqtt.brokers.clone(),
        return_to_first: config.mqtt.return_to_first,
        homing_interval: mqtt::HOMING_INTERVAL,
        client_id: config.mqtt.client_id.clone(),
        keep_alive: config.mqtt.keep_alive,
        session_expiry: config.mqtt.session_expiry,
        tls: config.mqtt.tls.clone(),
        will: Some(protocol::availability(topics, &config.node.id, false)),
        filters: topics.subscriptions(&config.node.id, &config.node.groups),
        loose_filters: Vec::new(),
    }
}

pub(super) fn courier(
    config: &Config,
    topics: &Topics,
    clock: Clock,
    outbox: &Outbox,
    samples: mpsc::Receiver<Sample>,
) -> (Courier, oneshot::Receiver<Remains>) {
    let room = config
        .history
        .memory
        .as_secs()
        .div_ceil(config.telemetry.interval.as_secs().max(1));
    let mut history = History::new(usize::try_from(room).unwrap_or(usize::MAX));
    let archive = config.history.file.as_ref().map(|path| {
        let (archive, left) = Archive::open(path.clone(), config.history.file_max_bytes, &clock);
        history.restore(left);
        archive
    });
    let route = Route {
        topics: topics.clone(),
        node: config.node.id.clone(),
        clock,
        outbox: outbox.clone(),
        keep_alive: config.mqtt.keep_alive,
        save_interval: config.history.file_interval,
    };
    Courier::new(route, samples, history, archive)
}

pub(super) fn panel(config: &Config, bus: SimBus) -> panel::Settings {
    panel::Settings {
        backend: match config.panel.backend {
            config::Backend::I2c => panel::Backend::I2c {
                bus: config.panel.bus.clone(),
            },
            config::Backend::Simulated => panel::Backend::Simulated(bus),
        },
        on_stop: match config.light.on_stop {
            config::OnStop::Dark => panel::OnStop::Dark,
            config::OnStop::Keep => panel::OnStop::Keep,
        },
        refresh: config.panel.refresh,
    }
}

/// The stage with what was set and commanded before a restart, as far as that was kept.
pub(super) fn stage(config: &Config, state_file: Option<&Path>, clock: Clock) -> Stage {
    let scenes = &config.scenes;
    let default_scene = scenes.find(&config.light.default_effect);
    let mut stage =
        Stage::new(&stage_settings(config)).with_scenes(Arc::clone(scenes), default_scene);
    let Some(path) = state_file else {
        return stage;
    };
    stage.tune(
        clock.now(),
        tasks::recall_settings(&tasks::settings_file(path)),
    );
    if let Some(command) = tasks::recall(path, scenes)
        && let Err(conflict) = stage.apply(clock.now(), &Inputs::default(), &command)
    {
        warn!(%conflict, "what the LEDs were set to can't be shown; starting with the default");
    }
    stage
}

pub(crate) fn stage_settings(config: &Config) -> crate::light::Settings {
    crate::light::Settings {
        // The configuration has checked the name against the same table; a scene is put in the effect's place.
        default_effect: Kind::from_name(&config.light.default_effect).unwrap_or(Kind::CpuLoad),
        brightness_limit: config.light.brightness_limit,
        gamma: config.light.gamma,
        frames_per_second: config.light.frames_per_second,
        allow_fast_flashes: config.light.allow_fast_flashes,
        current_limit_milliamps: config.light.current_limit_milliamps,
        night: config.light.night,
    }
}

pub(super) fn describe(config: &Config, host: Description) -> Info {
    Info {
        version: crate::VERSION,
        groups: config.node.groups.clone(),
        telemetry_interval_secs: config.telemetry.interval.as_secs(),
        allow_fast_flashes: config.light.allow_fast_flashes,
        host_name: host.host_name,
        model: host.model,
        os: host.os,
        kernel: host.kernel,
        architecture: Some(host.architecture),
        cores: host.cores,
        scenes: Arc::clone(&config.scenes),
    }
}
