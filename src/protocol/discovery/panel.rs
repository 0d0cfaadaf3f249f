//! The entities by which the LEDs are commanded.

use serde_json::json;

use super::entity::Entity;
use super::{Announcement, EntityKind};
use crate::events::Event;
use crate::light::board::{Arm, Ring, Segment};
use crate::light::effect::EFFECTS;
use crate::light::{Setting, Tone};
use crate::protocol::Leaf;
use crate::protocol::setting::limits;

/// For how many seconds the button makes the board blink.
const IDENTIFY_PAYLOAD: &str = "10";

pub(super) fn entities(announcement: &Announcement<'_>, each: &mut dyn FnMut(Entity)) {
    each(board(announcement));
    let part = |kind, id: String, name: String, segment| {
        Entity::new(kind, "light", id, Some(&name))
            .obeying(Leaf::LightSet(segment))
            .telling(Leaf::LightState(segment))
            .with("schema", "json")
            .with("sup_clrm", json!(["brightness"]))
    };
    for arm in Arm::ALL {
        let name = format!("Arm {}", arm.name());
        let id = format!("arm_{}", arm.name());
        let arm = part(EntityKind::Arms, id, name, Segment::Arm(arm));
        each(arm.with("ic", "mdi:led-strip"));
    }
    for ring in Ring::ALL {
        let name = format!("Ring {}", ring.name());
        let id = format!("ring_{}", ring.name());
        let ring = part(EntityKind::Rings, id, name, Segment::Ring(ring));
        each(ring.with("ic", "mdi:circle-outline").disabled());
    }
    for segment in Segment::parts().filter(|segment| matches!(segment, Segment::Led(_))) {
        let number = segment.to_string().replace("led/", "");
        let led = part(
            EntityKind::Leds,
            format!("led_{number}"),
            format!("LED {number}"),
            segment,
        );
        each(led.with("ic", "mdi:led-on").disabled());
    }
    each(
        Entity::new(EntityKind::Siren, "siren", "siren", Some("Alert"))
            .obeying(Leaf::SirenSet)
            .telling(Leaf::SirenState)
            .with("ic", "mdi:alarm-light")
            .with("av_tones", json!(Tone::ALL.map(Tone::name)))
            .with("sup_dur", true)
            .with("sup_vol", false),
    );
    each(
        Entity::new(EntityKind::Events, "event", "event", Some("Event"))
            .telling(Leaf::Event)
            .with("ic", "mdi:bell-ring")
            .with("evt_typ", json!(Event::NAMES)),
    );
    each(
        Entity::new(EntityKind::Identify, "button", "identify", Some("Identify"))
            .obeying(Leaf::Identify)
            .with("dev_cla", "identify")
            .with("pl_prs", IDENTIFY_PAYLOAD)
            .diagnostic(),
    );
    for setting in Setting::ALL {
        each(number(setting, announcement.brightness_max));
    }
}

fn number(setting: Setting, brightness_max: u8) -> Entity {
    let (range, _) = limits(setting, brightness_max);
    let (name, icon) = match setting {
        Setting::EffectSpeed => ("Effect speed", "mdi:speedometer"),
        Setting::BrightnessLimit => ("Brightness limit", "mdi:brightness-percent"),
    };
    let number = Entity::new(EntityKind::Settings, "number", setting.name(), Some(name))
        .obeying(Leaf::SettingSet(setting))
        .telling(Leaf::SettingState(setting))
        .with("ic", icon)
        .with("min", *range.start())
        .with("max", *range.end())
        .with("mode", "slider")
        .with("ent_cat", "config");
    match setting {
        Setting::EffectSpeed => number.with("step", 10).with("unit_of_meas", "%"),
        // A slider with one place is none, and refused.
        Setting::BrightnessLimit => number.with("step", 1).if_known(range.start() < range.end()),
    }
}

/// The board is one light, and the gauge of the load one of its effects: so one entity owns the LEDs.
fn board(announcement: &Announcement<'_>) -> Entity {
    let effects = EFFECTS.iter().map(|effect| effect.name);
    let scenes = announcement.scenes.iter();
    let names: Vec<&str> = effects
        .chain(scenes.map(|scene| scene.name().as_str()))
        .collect();
    Entity::new(EntityKind::Light, "light", "board", None)
        .obeying(Leaf::LightSet(Segment::Board))
        .telling(Leaf::LightState(Segment::Board))
        .with("schema", "json")
        .with("ic", "mdi:raspberry-pi")
        .with("sup_clrm", json!(["rgb"]))
        .with("effect", true)
        // Else Home Assistant multiplies the colour by the brightness, and sends the colour alone.
        .with("brightness", true)
        .with("fx_list", json!(names))
}
