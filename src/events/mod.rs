//! What is worth telling once: load, heat, power, the panel, refused commands. Pure; time and readings come in.
//!
//! Each condition begins and ends at thresholds of its own and has to last, so that a reading that wavers tells nothing. What
//! is not known changes nothing.

mod trigger;

use std::time::Duration;

use crate::telemetry::Sample;
use trigger::{Edge, Trigger};

/// When something is worth telling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// The CPU load in percent from which it is high.
    pub load_high_percent: f32,
    /// The CPU load in percent down to which it is normal again.
    pub load_normal_percent: f32,
    /// How long the load has to be so.
    pub load_for: Duration,
    /// The temperature in °C from which the host is hot.
    pub hot_celsius: f32,
    /// The temperature in °C down to which it is cool again.
    pub cool_celsius: f32,
    /// How long the temperature has to be so.
    pub hot_for: Duration,
    /// How long supply or panel have to be well again before that is told.
    pub settle: Duration,
    /// The least time between two events about refused commands.
    pub rejected_interval: Duration,
}

/// Something worth telling.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The load has been high for a while; the newest reading in percent.
    LoadHigh(f32),
    /// The load has been normal again for a while; the newest reading in percent.
    LoadNormal(f32),
    /// The host has been hot for a while; the newest reading in °C.
    Hot(f32),
    /// The host has been cool again for a while; the newest reading in °C.
    Cool(f32),
    /// The supply is too low.
    UnderVoltage,
    /// The supply has been high enough for a while.
    VoltageNormal,
    /// Commands were refused.
    CommandRejected {
        /// How many since the last such event.
        count: u64,
    },
    /// The panel shows nothing any more; why.
    PanelLost(String),
    /// The panel has been back for a while.
    PanelBack,
}

impl Event {
    /// The names of all events.
    pub const NAMES: [&'static str; 9] = [
        "load_high",
        "load_normal",
        "hot",
        "cool",
        "under_voltage",
        "voltage_normal",
        "command_rejected",
        "panel_lost",
        "panel_back",
    ];

    /// The event's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        let place = match self {
            Self::LoadHigh(_) => 0,
            Self::LoadNormal(_) => 1,
            Self::Hot(_) => 2,
            Self::Cool(_) => 3,
            Self::UnderVoltage => 4,
            Self::VoltageNormal => 5,
            Self::CommandRejected { .. } => 6,
            Self::PanelLost(_) => 7,
            Self::PanelBack => 8,
        };
        Self::NAMES[place]
    }
}

/// Watches for what is worth telling.
#[derive(Debug, Clone)]
pub struct Watchman {
    load: Trigger,
    heat: Trigger,
    power: Trigger,
    panel: Trigger,
    rejected_interval: Duration,
    /// What had been refused when it was told last, and when that was.
    rejected: Option<(u64, Duration)>,
    /// What has been refused.
    refusals: u64,
}

impl Watchman {
    /// A watchman to whom all is well.
    #[must_use]
    pub fn new(thresholds: &Thresholds) -> Self {
        let Thresholds {
            load_for,
            hot_for,
            settle,
            ..
        } = *thresholds;
        let load = (thresholds.load_high_percent, thresholds.load_normal_percent);
        let heat = (thresholds.hot_celsius, thresholds.cool_celsius);
        Self {
            load: Trigger::new(load, load_for, load_for),
            heat: Trigger::new(heat, hot_for, hot_for),
            power: Trigger::of_fault(settle),
            panel: Trigger::of_fault(settle),
            rejected_interval: thresholds.rejected_interval,
            rejected: None,
            refusals: 0,
        }
    }

    /// Looks at a sample of the host.
    pub fn see_sample(&mut self, now: Duration, sample: &Sample) -> Vec<Event> {
        let mut events = Vec::new();
        if let Some(load) = sample.cpu.as_ref().map(|cpu| cpu.total.get()) {
            events.extend(self.load.see(now, load).map(|edge| match edge {
                Edge::Rise => Event::LoadHigh(load),
                Edge::Fall => Event::LoadNormal(load),
            }));
        }
        if let Some(celsius) = sample.temperature_celsius {
            events.extend(self.heat.see(now, celsius).map(|edge| match edge {
                Edge::Rise => Event::Hot(celsius),
                Edge::Fall => Event::Cool(celsius),
            }));
        }
        if let Some(throttled) = sample.throttled {
            let edge = self.power.see_fault(now, throttled.under_voltage);
            events.extend(edge.map(|edge| match edge {
                Edge::Rise => Event::UnderVoltage,
                Edge::Fall => Event::VoltageNormal,
            }));
        }
        events
    }

    /// Looks at the panel; `fault` is what is wrong with it.
    pub fn see_panel(&mut self, now: Duration, fault: Option<&str>) -> Option<Event> {
        let edge = self.panel.see_fault(now, fault.is_some())?;
        Some(match edge {
            Edge::Rise => Event::PanelLost(fault.unwrap_or_default().to_owned()),
            Edge::Fall => Event::PanelBack,
        })
    }

    /// Looks at how many commands have been refused since the start.
    pub fn see_refusals(&mut self, now: Duration, count: u64) -> Option<Event> {
        self.refusals = count;
        let told = self.rejected.map_or(0, |(told, _)| told);
        if count <= told || self.next_refusal_event().is_some_and(|at| at > now) {
            return None;
        }
        self.rejected = Some((count, now));
        Some(Event::CommandRejected {
            count: count - told,
        })
    }

    fn next_refusal_event(&self) -> Option<Duration> {
        self.rejected.map(|(_, at)| at + self.rejected_interval)
    }

    /// When the panel or the refusals have to be looked at though nothing happens.
    #[must_use]
    pub fn next_wake(&self) -> Option<Duration> {
        let waits = self.rejected.is_some_and(|(told, _)| self.refusals > told);
        let refusals = self.next_refusal_event().filter(|_| waits);
        [self.panel.due(), refusals].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests;
