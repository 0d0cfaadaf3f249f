//! The layers and how they add up to a frame.
//!
//! From below: base, remote, alert, identify; the topmost that is there is seen. A command to the whole board
//! replaces its layer's look; a command to a segment makes the remote layer a picture and paints on it. A lease ends
//! its layer. Every change can cross-fade from what was seen before.

use std::sync::Arc;
use std::time::Duration;

use super::board::Segment;
use super::canvas::Canvas;
use super::command::{Command, Power, Target};
use super::effect::{Change, Effect, Kind};
use super::frame::Frame;
use super::gamma::Gamma;
use super::inputs::{Inputs, Readings};
use super::look::{Content, Look};
use super::night::{Hours, Night};
use super::scene::{SceneIndex, Scenes};
use super::siren::Siren;
use super::state::{LayerName, LightState};
use super::tuning::{self, Tuning};

/// How softly the board returns to what lay below when a lease ends.
const RETURN_FADE: Duration = Duration::from_millis(400);

/// Within this time after the clock was set, the night begins or ends as it should.
const NIGHT_CHECK: Duration = Duration::from_secs(300);

/// How the stage is set up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// What is shown when nothing is commanded.
    pub default_effect: Kind,
    /// The PWM value of full brightness, 1 to 255.
    pub brightness_limit: u8,
    /// The exponent from perceived intensity to PWM.
    pub gamma: f32,
    /// The most frames in a second that a moving picture gets.
    pub frames_per_second: u16,
    /// Whether `strobe` may flash faster than three times a second, which can harm people.
    pub allow_fast_flashes: bool,
    /// The most current the LEDs may draw, in milliamperes.
    pub current_limit_milliamps: Option<f32>,
    /// Hours in which the board is dimmer.
    pub night: Option<Night>,
}

impl Default for Settings {
    /// Those of the documented configuration.
    fn default() -> Self {
        Self {
            default_effect: Kind::CpuLoad,
            brightness_limit: 48,
            gamma: 2.2,
            frames_per_second: 50,
            allow_fast_flashes: false,
            current_limit_milliamps: None,
            night: None,
        }
    }
}

/// Why a well-formed command can't be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// A segment has a level and a colour, no effect.
    #[error(
        "a segment takes `state`, `brightness`, `color` and `flash`; send effects and pictures to `light/set`"
    )]
    EffectOnSegment,
    /// Alerts take the whole board.
    #[error("an alert takes the whole board; send it to `light/set`")]
    AlertOnSegment,
}

#[derive(Debug, Clone)]
struct Layer {
    look: Look,
    from: Option<String>,
    ends: Option<Duration>,
    siren: Option<Siren>,
}

impl Layer {
    fn state(&self, name: LayerName, scenes: &Scenes) -> LightState {
        LightState {
            layer: name,
            look: self.look,
            scene: match self.look.content {
                Content::Scene(scene) => scenes.get(scene).map(|scene| scene.name().clone()),
                Content::Effect(_) | Content::Picture(_) => None,
            },
            from: self.from.clone(),
            ends: self.ends,
        }
    }

    fn has_ended(&self, now: Duration) -> bool {
        self.ends.is_some_and(|end| end <= now)
    }
}

#[derive(Debug, Clone)]
struct Fade {
    start: Canvas,
    began: Duration,
    duration: Duration,
}

impl Fade {
    /// How far it has come, 0 to 1, easing in and out.
    fn share(&self, now: Duration) -> f32 {
        let elapsed = now.saturating_sub(self.began);
        if elapsed >= self.duration {
            return 1.0;
        }
        let t = elapsed.as_secs_f32() / self.duration.as_secs_f32();
        t * t * (3.0 - 2.0 * t)
    }
}

/// All that decides what the LEDs show, apart from time and inputs.
///
/// Times are durations on a clock of the caller's choice that never runs backwards.
#[derive(Debug, Clone)]
pub struct Stage {
    settings: Settings,
    tuning: Tuning,
    gamma: Gamma,
    night: Option<(Hours, Gamma)>,
    current_limit_milliamps: Option<f32>,
    frames_per_second: u16,
    allow_fast_flashes: bool,
    scenes: Arc<Scenes>,
    base: Layer,
    remote: Option<Layer>,
    alert: Option<Layer>,
    identify: Option<Layer>,
    /// Whether the remote layer is passed over, because nobody can have meant it for so long.
    is_alone: bool,
    fade: Option<Fade>,
}

impl Stage {
    /// A stage that shows the default effect.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            settings: *settings,
            tuning: Tuning::default(),
            gamma: Gamma::new(settings.gamma, settings.brightness_limit),
            night: settings.night.map(|night| {
                let limit = night.brightness_limit.min(settings.brightness_limit);
                (night.hours, Gamma::new(settings.gamma, limit))
            }),
            current_limit_milliamps: settings.current_limit_milliamps,
            frames_per_second: settings.frames_per_second.max(1),
            allow_fast_flashes: settings.allow_fast_flashes,
            scenes: Arc::default(),
            base: Layer {
                look: Look::of_effect(Effect::new(settings.default_effect), Duration::ZERO),
                from: None,
                ends: None,
                siren: None,
            },
            remote: None,
            alert: None,
            identify: None,
            is_alone: false,
            fade: None,
        }
    }

    /// The same stage with a catalogue of scenes; `default` is shown instead of the default effect.
    #[must_use]
    pub fn with_scenes(mut self, scenes: Arc<Scenes>, default: Option<SceneIndex>) -> Self {
        self.scenes = scenes;
        if let Some(scene) = default {
            self.base.look = Look::of_content(Content::Scene(scene), Duration::ZERO);
        }
        self
    }

    /// Carries out a command.
    ///
    /// # Errors
    ///
    /// Refuses what contradicts itself; nothing is changed then.
    pub fn apply(
        &mut self,
        now: Duration,
        inputs: &Inputs,
        command: &Command,
    ) -> Result<(), Conflict> {
        self.check(command)?;
        let command = &self.within_limits(command);
        self.drop_ended(now, inputs);
        self.changing(now, inputs, command.transition, |stage| {
            match command.target {
                Target::Remote => stage.apply_remote(now, command),
                Target::Alert => {
                    let mut look = Look::of_effect(Effect::new(Kind::Solid), now);
                    look.change_board(command, now, &stage.scenes);
                    stage.alert = Some(layer(look, command, now));
                }
            }
        });
        Ok(())
    }

    /// Changes layers, and fades from what was seen if that is what changed: beneath an alert, nothing seen moves.
    fn changing(
        &mut self,
        now: Duration,
        inputs: &Inputs,
        fade: Duration,
        change: impl FnOnce(&mut Self),
    ) {
        let before = (self.seen().0, self.seen().1.look);
        let start = self.canvas(now, inputs);
        change(self);
        if before != (self.seen().0, self.seen().1.look) {
            self.fade_from(start, now, fade);
        }
    }

    fn check(&self, command: &Command) -> Result<(), Conflict> {
        if command.segment == Segment::Board {
            return Ok(());
        }
        if command.effect.is_some() || command.scene.is_some() || command.levels.is_some() {
            return Err(Conflict::EffectOnSegment);
        }
        if command.target == Target::Alert {
            return Err(Conflict::AlertOnSegment);
        }
        Ok(())
    }

    /// The command with parameters that this stage allows: it may have been kept from when fast flashes were.
    fn within_limits(&self, command: &Command) -> Command {
        let effect = command.effect.map(|(kind, params)| {
            let declared = kind.params(self.allow_fast_flashes);
            if command.target == Target::Remote && command.takes_speed {
                (kind, params.at_speed(declared, self.tuning.effect_speed))
            } else {
                (kind, params.clamped(declared))
            }
        });
        Command {
            effect,
            ..command.clone()
        }
    }

    fn apply_remote(&mut self, now: Duration, command: &Command) {
        if self.gives_back(command) {
            self.remote = None;
            return;
        }
        if let Some(flash) = command.flash_alone() {
            let shown = self.remote.as_mut().unwrap_or(&mut self.base);
            shown.look.blink(flash, now);
            return;
        }
        let below = self.remote.as_ref().unwrap_or(&self.base);
        let mut look = below.look;
        // What is on and yet dark, a picture without a light, is lit by the default.
        let lights_up = matches!(command.power, Some(Power::On | Power::Toggle));
        if look.on && !look.is_lit() && lights_up && !command.has_picture() {
            look = self.base.look;
            look.on = false;
        }
        if command.segment == Segment::Board {
            look.change_board(command, now, &self.scenes);
        } else {
            look.paint_segment(command, now);
        }
        self.remote = Some(layer(look, command, now));
    }

    /// Whether a command asks for nothing but the default effect: then the board is given back to the base.
    fn gives_back(&self, command: &Command) -> bool {
        let (effect, scene) = match self.base.look.content {
            Content::Effect(base) => (Some((base.kind, base.params)), None),
            Content::Scene(base) => (None, Some(base)),
            Content::Picture(_) => return false,
        };
        let asks_for_base = Command {
            effect,
            scene,
            takes_speed: command.takes_speed,
            power: command.power.filter(|power| *power == Power::On),
            transition: command.transition,
            from: command.from.clone(),
            ..Command::to_board()
        };
        *command == asks_for_base
    }

    /// Ends the alert if it is a siren's; true when it was.
    pub fn silence(&mut self, now: Duration, inputs: &Inputs) -> bool {
        self.drop_ended(now, inputs);
        if self.siren().is_none() {
            return false;
        }
        self.changing(now, inputs, RETURN_FADE, |stage| stage.alert = None);
        true
    }

    /// The siren that is raised, also while `identify` lies above it.
    #[must_use]
    pub fn siren(&self) -> Option<Siren> {
        self.alert.as_ref()?.siren
    }

    /// What has been adjusted.
    #[must_use]
    pub fn tuning(&self) -> Tuning {
        self.tuning
    }

    /// The brightest any LED gets by day, in PWM steps.
    #[must_use]
    pub fn brightness_limit(&self) -> u8 {
        let most = self.settings.brightness_limit;
        self.tuning
            .brightness_limit
            .map_or(most, |limit| limit.min(most))
    }

    /// Adjusts the speed of effects and the brightness; the configured limit is the most there can be.
    pub fn tune(&mut self, now: Duration, tuning: Tuning) {
        let Settings {
            gamma,
            night,
            brightness_limit: most,
            ..
        } = self.settings;
        let speed_changed = tuning.effect_speed != self.tuning.effect_speed;
        self.tuning = Tuning {
            brightness_limit: tuning.brightness_limit.filter(|limit| *limit < most),
            ..tuning
        };
        let limit = self.brightness_limit();
        self.gamma = Gamma::new(gamma, limit);
        self.night = night.map(|night| {
            (
                night.hours,
                Gamma::new(gamma, night.brightness_limit.min(limit)),
            )
        });
        if speed_changed {
            let layers = [Some(&mut self.base), self.remote.as_mut()];
            for layer in layers.into_iter().flatten() {
                tuning::retime(
                    &mut layer.look,
                    now,
                    tuning.effect_speed,
                    self.allow_fast_flashes,
                );
            }
        }
    }

    /// Blinks the whole board for this long; zero ends it.
    pub fn identify(&mut self, now: Duration, inputs: &Inputs, duration: Duration) {
        self.changing(now, inputs, Duration::ZERO, |stage| {
            stage.identify = (!duration.is_zero()).then(|| Layer {
                look: Look::of_effect(Effect::new(Kind::Breathe).at_fastest(), now),
                from: None,
                ends: Some(now + duration),
                siren: None,
            });
        });
    }

    /// Shows the base instead of the remote layer while the node is alone; the layer stays, and is seen again afterwards.
    /// True when that is a change.
    pub fn leave_alone(&mut self, now: Duration, inputs: &Inputs, is_alone: bool) -> bool {
        if self.is_alone == is_alone {
            return false;
        }
        self.changing(now, inputs, RETURN_FADE, |stage| stage.is_alone = is_alone);
        true
    }

    /// Drops the layers whose lease has ended; true when something was dropped.
    pub fn drop_ended(&mut self, now: Duration, inputs: &Inputs) -> bool {
        let has_ended =
            |layer: &Option<Layer>| layer.as_ref().is_some_and(|layer| layer.has_ended(now));
        let ended = [&self.remote, &self.alert, &self.identify].map(has_ended);
        if ended == [false; 3] {
            return false;
        }
        self.changing(now, inputs, RETURN_FADE, |stage| {
            let layers = [&mut stage.remote, &mut stage.alert, &mut stage.identify];
            for (layer, ended) in layers.into_iter().zip(ended) {
                if ended {
                    *layer = None;
                }
            }
        });
        true
    }

    fn fade_from(&mut self, start: Canvas, now: Duration, duration: Duration) {
        self.fade = (!duration.is_zero()).then_some(Fade {
            start,
            began: now,
            duration,
        });
    }

    /// The frame at this time, within the limits of brightness and current.
    #[must_use]
    pub fn frame(&self, now: Duration, inputs: &Inputs) -> Frame {
        let frame = self.gamma_at(inputs).frame(&self.canvas(now, inputs));
        match self.current_limit_milliamps {
            Some(limit) => frame.within_milliamps(limit),
            None => frame,
        }
    }

    fn gamma_at(&self, inputs: &Inputs) -> &Gamma {
        match (&self.night, inputs.local_time) {
            (Some((hours, gamma)), Some(time)) if hours.contains(time) => gamma,
            (Some(_) | None, _) => &self.gamma,
        }
    }

    fn canvas(&self, now: Duration, inputs: &Inputs) -> Canvas {
        let canvas = self.seen().1.look.canvas(now, inputs, &self.scenes);
        match &self.fade {
            Some(fade) => fade.start.mixed(&canvas, fade.share(now)),
            None => canvas,
        }
    }

    /// When the picture has to be looked at again though nothing was asked and no reading of the host changed; the
    /// inputs are those at this time.
    #[must_use]
    pub fn next_wake(&self, now: Duration, inputs: &Inputs) -> Option<Duration> {
        let look = &self.seen().1.look;
        let (moving, step) = match look.next_change(now, inputs, &self.scenes) {
            Change::EveryFrame => (true, None),
            Change::At(at) => (self.is_fading(now), Some(at)),
            Change::Never | Change::WithInputs => (self.is_fading(now), None),
        };
        [&self.remote, &self.alert, &self.identify]
            .into_iter()
            .flatten()
            .filter_map(|layer| layer.ends)
            .chain(look.next_flash_edge(now))
            .chain(step)
            .chain(self.next_night_edge(now, inputs))
            .chain(moving.then(|| self.next_on_grid(now)))
            .min()
    }

    fn next_night_edge(&self, now: Duration, inputs: &Inputs) -> Option<Duration> {
        let (hours, _) = self.night.as_ref()?;
        // A clock that is set forward must not keep the board bright, or dark, until the edge it missed.
        Some(now + hours.until_next_edge(inputs.local_time?).min(NIGHT_CHECK))
    }

    /// Whether what is seen depends on the local time, so that the inputs have to carry it.
    #[must_use]
    pub fn needs_local_time(&self) -> bool {
        self.night.is_some() || self.seen().1.look.needs_local_time(&self.scenes)
    }

    /// Whether a cross-fade is under way.
    #[must_use]
    pub fn is_fading(&self, now: Duration) -> bool {
        self.fade.as_ref().is_some_and(|fade| fade.share(now) < 1.0)
    }

    /// The next moment of a fixed grid, so that late frames are left out and none is queued.
    fn next_on_grid(&self, now: Duration) -> Duration {
        let rate = u128::from(self.frames_per_second);
        let tick = now.as_nanos() * rate / NANOS + 1;
        let nanos = (tick * NANOS).div_ceil(rate);
        Duration::new(
            u64::try_from(nanos / NANOS).unwrap_or(u64::MAX),
            u32::try_from(nanos % NANOS).unwrap_or_default(),
        )
    }

    /// What of the host that which is seen depends on, so that it is worth reading.
    #[must_use]
    pub fn readings(&self) -> Readings {
        self.seen().1.look.readings(&self.scenes)
    }

    /// What the LEDs are set to.
    #[must_use]
    pub fn state(&self) -> LightState {
        let (name, layer) = self.seen();
        layer.state(name, &self.scenes)
    }

    /// The remote layer, if it has no end: what a restart should bring back.
    #[must_use]
    pub fn lasting(&self) -> Option<LightState> {
        let layer = self.remote.as_ref().filter(|layer| layer.ends.is_none())?;
        Some(layer.state(LayerName::Remote, &self.scenes))
    }

    fn seen(&self) -> (LayerName, &Layer) {
        [
            (LayerName::Identify, &self.identify),
            (LayerName::Alert, &self.alert),
            (
                LayerName::Remote,
                if self.is_alone { &None } else { &self.remote },
            ),
        ]
        .into_iter()
        .find_map(|(name, layer)| layer.as_ref().map(|layer| (name, layer)))
        .unwrap_or((LayerName::Base, &self.base))
    }
}

/// Nanoseconds in a second.
const NANOS: u128 = 1_000_000_000;

fn layer(look: Look, command: &Command, now: Duration) -> Layer {
    Layer {
        look,
        from: command.from.clone(),
        ends: command
            .lease
            .map(|lease| command.begins.unwrap_or(now) + lease),
        siren: command.siren,
    }
}

#[cfg(test)]
mod tests;
