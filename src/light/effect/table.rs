//! What is said of each effect to people and to user interfaces.

use super::{
    Info, Kind, Param, arms, clock, fill, load, meters, morse, strobe, sweep, swell, weather,
};

/// All effects, in the order in which they are offered.
pub const EFFECTS: [Info; 25] = [
    coloured(
        Kind::CpuLoad,
        "cpu_load",
        "the machine's CPU load, from the red ring inwards to white",
        &[],
    ),
    coloured(
        Kind::Cores,
        "cores",
        "a ring for each CPU core, whose three lights fill with its load; more than six cores are averaged",
        &[],
    ),
    coloured(
        Kind::Meters,
        "meters",
        "a reading of your choice on each arm; a dim white light alone means that the machine does not tell",
        meters::METERS,
    ),
    coloured(
        Kind::LoadAverage,
        "load_average",
        "the load of the last minute: all lit is work for every core, and it swells when there is more",
        &[],
    ),
    coloured(
        Kind::Temperature,
        "temperature",
        "a thermometer from the cool white centre to the red rim, which swells when it is too hot",
        load::TEMPERATURE,
    ),
    coloured(
        Kind::Gauge,
        "gauge",
        "a value that you send, as a spiral that grows light by light from the white centre to the red rim",
        fill::GAUGE,
    ),
    tinted(Kind::Solid, "solid", "one colour, still", &[]),
    tinted(
        Kind::Breathe,
        "breathe",
        "a slow swell, in one colour or in all",
        swell::BREATHE,
    ),
    tinted(
        Kind::Pulse,
        "pulse",
        "ripples that start in the centre and fade towards the rim",
        swell::PULSE,
    ),
    tinted(
        Kind::Chase,
        "chase",
        "a light with a tail that runs along the three arms",
        arms::CHASE,
    ),
    tinted(
        Kind::Comet,
        "comet",
        "a comet that falls in along one arm, swings round the centre and leaves along another",
        arms::COMET,
    ),
    tinted(
        Kind::SpiralIn,
        "spiral_in",
        "the spiral winds inwards until all is lit, and unwinds the same way",
        fill::SPIRAL,
    ),
    tinted(
        Kind::SpiralOut,
        "spiral_out",
        "the spiral winds outwards until all is lit, and unwinds the same way",
        fill::SPIRAL,
    ),
    tinted(
        Kind::Wave,
        "wave",
        "waves that roll across the board in a direction of your choice",
        sweep::WAVE,
    ),
    tinted(
        Kind::Spin,
        "spin",
        "the spiral turns: its arms light up one after another",
        arms::SPIN,
    ),
    tinted(
        Kind::Twinkle,
        "twinkle",
        "a night sky in which stars light up and fade",
        weather::TWINKLE,
    ),
    coloured(
        Kind::Fire,
        "fire",
        "flames that rise from the lower edge, from embers to a blaze",
        weather::FIRE,
    ),
    tinted(
        Kind::Heartbeat,
        "heartbeat",
        "a heart that beats twice and rests",
        swell::HEARTBEAT,
    ),
    coloured(
        Kind::Rainbow,
        "rainbow",
        "a colour wheel that turns beneath the board",
        sweep::RAINBOW,
    ),
    tinted(
        Kind::Rain,
        "rain",
        "drops that fall down the board, each with a streak above it",
        weather::RAIN,
    ),
    tinted(
        Kind::Radar,
        "radar",
        "a beam that comes round with an afterglow, and echoes that answer it",
        sweep::RADAR,
    ),
    coloured(
        Kind::Clock,
        "clock",
        "a binary clock: seconds on the top arm, minutes on the right, hours on the left, the ones at the rim",
        clock::CLOCK,
    ),
    coloured(
        Kind::Countdown,
        "countdown",
        "a timer: the spiral burns down from the rim to the centre, ends with a ripple, and is dark",
        fill::COUNTDOWN,
    ),
    tinted(
        Kind::Morse,
        "morse",
        "a short text in Morse code, on a lamp in the centre",
        morse::MORSE,
    ),
    tinted(
        Kind::Strobe,
        "strobe",
        "short flashes, at most three a second unless the node allows more",
        strobe::PARAMS,
    ),
];

/// An effect whose colours mean something of their own.
const fn coloured(
    kind: Kind,
    name: &'static str,
    summary: &'static str,
    params: &'static [Param],
) -> Info {
    Info {
        kind,
        name,
        summary,
        takes_colour: false,
        params,
    }
}

/// An effect that `color` changes.
const fn tinted(
    kind: Kind,
    name: &'static str,
    summary: &'static str,
    params: &'static [Param],
) -> Info {
    Info {
        takes_colour: true,
        ..coloured(kind, name, summary, params)
    }
}
