use super::refusals::problems_of;
use super::*;
use crate::light::scene::SceneIndex;

const SUNSET: &str = r#"
[scenes.sunset]
summary = "from red to the night"
repeat = 1
keyframes = [
  { leds = { "arm/top" = 40, "ring/red" = 255, "led/1" = 7 }, secs = 20, easing = "smooth" },
  { leds = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9], secs = 0.5 },
]

[scenes.Evening-2]
keyframes = [
  { scene = "sunset", secs = 60 },
  { scene = "fire", secs = 3600, easing = "step" },
]
"#;

fn levels_at(loaded: &Loaded, scene: SceneIndex, secs: u64) -> Vec<u8> {
    let scenes = &loaded.config.scenes;
    let canvas = scenes.paint(scene, Duration::from_secs(secs), &Default::default());
    canvas
        .0
        .iter()
        .map(|level| (level * 255.0).round() as u8)
        .collect()
}

#[test]
fn scenes_are_read_and_the_smaller_segment_lies_on_top() {
    let loaded = with_file(SUNSET).expect("valid");
    let scenes = &loaded.config.scenes;
    let names: Vec<&str> = scenes.iter().map(|scene| scene.name().as_str()).collect();
    assert_eq!(names, ["Evening-2", "sunset"]);
    let sunset = scenes.find("sunset").expect("a scene");
    assert_eq!(
        levels_at(&loaded, sunset, 0),
        [
            7, 40, 40, 40, 40, 40, 255, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0
        ]
    );
    assert_eq!(levels_at(&loaded, sunset, 20)[17], 9);
    let said = scenes.get(sunset).map(|scene| scene.summary());
    assert_eq!(said, Some("from red to the night"));
}

#[test]
fn scenes_are_printed_as_toml_that_means_the_same() {
    let loaded = with_file(SUNSET).expect("valid");
    assert_eq!(
        setting(&loaded, "scenes.Evening-2").value,
        r#"{ keyframes = [{ scene = "sunset", secs = 60 }, { easing = "step", scene = "fire", secs = 3600 }] }"#
    );
    let text = render(&loaded.settings);
    let again = with_file(&text).expect(&text);
    assert_eq!(again.config, loaded.config);
}

#[test]
fn a_scene_may_be_the_default_effect() {
    let loaded = with_file(&format!("[light]\ndefault_effect = \"sunset\"\n{SUNSET}"));
    assert_eq!(loaded.expect("valid").config.light.default_effect, "sunset");
    let problems = problems_of(&format!("[light]\ndefault_effect = \"sunste\"\n{SUNSET}"));
    assert!(
        problems[0].ends_with("did you mean \"sunset\"?"),
        "{problems:?}"
    );
}

#[test]
fn the_example_in_the_defaults_is_valid() {
    let example: String = DEFAULTS
        .lines()
        .skip_while(|line| !line.starts_with("# [scenes.sunset]"))
        .filter_map(|line| line.strip_prefix("# "))
        .map(|line| format!("{line}\n"))
        .collect();
    let loaded = with_file(&example).expect(&example);
    assert!(loaded.config.scenes.iter().count() > 0);
    let nothing = load(&sources()).expect("valid defaults").config.scenes;
    assert_eq!(nothing.iter().count(), 0);
}

#[test]
fn every_mistake_in_scenes_is_told_at_once_with_its_key_path() {
    assert_eq!(
        problems_of(
            r#"
[scenes]
flat = 3

[scenes.sunset]
sumary = "x"
repeat = 1001
keyframes = [
  { leds = { "ring/red" = 255 }, secs = 0.01, easing = "smoth" },
  { leds = [1, 2], sec = 1 },
  { leds = { "ring/pink" = 1, "arm/top" = 300, "led/1" = "x" }, secs = "a" },
  { leds = 7, scene = "fire", secs = 1 },
  { secs = 4000 },
  { leds = 7, secs = 1 },
  { scene = 1, secs = 1 },
  "fire",
  { leds = [0, 0, 0, 0, 256, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1], secs = 1 },
  { scene = "fier", secs = 1 },
]

[scenes."a b"]
keyframes = []

[scenes.fire]
summary = 1

[scenes.x]
summary = "a\u0007b"
keyframes = [{ scene = "y", secs = 1 }]

[scenes.y]
keyframes = [{ scene = "x", secs = 1 }]

[scenes.z]
keyframes = 1
"#
        ),
        [
            "pi.toml: `scenes.\"a b\"` has a name that contains ' '; expected letters, digits, `-` or `_`",
            "pi.toml: `scenes.\"a b\".keyframes` has 0 keyframes; expected 1 to 64",
            "pi.toml: `scenes.fire.keyframes` is missing",
            "pi.toml: `scenes.fire.summary` is 1; expected a text in quotes",
            "pi.toml: `scenes.flat` is no table; expected one with `keyframes`",
            "pi.toml: unknown key `scenes.sunset.sumary`; did you mean `scenes.sunset.summary`?",
            "pi.toml: `scenes.sunset.keyframes[0].secs` is 0.01; expected 0.05 to 3600.0",
            "pi.toml: `scenes.sunset.keyframes[0].easing` is \"smoth\"; \
             expected one of \"linear\", \"smooth\", \"step\"; did you mean \"smooth\"?",
            "pi.toml: unknown key `scenes.sunset.keyframes[1].sec`; \
             did you mean `scenes.sunset.keyframes[1].secs`?",
            "pi.toml: `scenes.sunset.keyframes[1].leds` has 2 levels; expected 18, in the order of the LEDs",
            "pi.toml: `scenes.sunset.keyframes[1].secs` is missing",
            "pi.toml: `scenes.sunset.keyframes[2].leds.\"arm/top\"` is 300; expected 0 to 255",
            "pi.toml: `scenes.sunset.keyframes[2].leds.\"led/1\"` is \"x\"; expected a whole number, 0 to 255",
            "pi.toml: `scenes.sunset.keyframes[2].leds.\"ring/pink\"` is no segment; expected ring/red … ring/white, \
             arm/top, arm/right, arm/left or led/1 … led/18",
            "pi.toml: `scenes.sunset.keyframes[2].secs` is \"a\"; expected a number, 0.05 to 3600.0",
            "pi.toml: `scenes.sunset.keyframes[3]` has both `leds` and `scene`; expected one of them",
            "pi.toml: `scenes.sunset.keyframes[4]` has neither `leds` nor `scene`; expected one of them",
            "pi.toml: `scenes.sunset.keyframes[4].secs` is 4000; expected 0.05 to 3600.0",
            "pi.toml: `scenes.sunset.keyframes[5].leds` is 7; \
             expected 18 levels, 0 to 255, or a table of segments to levels",
            "pi.toml: `scenes.sunset.keyframes[6].scene` is 1; expected a name in quotes",
            "pi.toml: `scenes.sunset.keyframes[7]` is \"fire\"; \
             expected a table such as { leds = { \"ring/red\" = 255 }, secs = 2 }",
            "pi.toml: `scenes.sunset.keyframes[8].leds[4]` is 256; expected 0 to 255",
            "pi.toml: `scenes.sunset.keyframes[8].leds[17]` is -1; expected 0 to 255",
            "pi.toml: `scenes.sunset.repeat` is 1001; expected 0 to 1000",
            "pi.toml: `scenes.x.summary` contains '\\u{7}'; expected no control characters",
            "pi.toml: `scenes.z.keyframes` is no list; \
             expected a list of keyframes such as [{ leds = { \"ring/red\" = 255 }, secs = 2 }]",
            "pi.toml: `scenes.fire` has the name of an effect; expected another name",
            "pi.toml: `scenes.sunset.keyframes[9].scene` is \"fier\"; \
             expected the name of an effect or of another scene; did you mean \"fire\"?",
            "pi.toml: `scenes.y.keyframes[0].scene` is \"x\", which leads in a circle: x → y → x; \
             expected no scene within itself",
        ]
    );
}

#[test]
fn a_near_segment_is_suggested() {
    let problems =
        problems_of("[scenes.x]\nkeyframes = [{ leds = { \"arm/rihgt\" = 1 }, secs = 1 }]\n");
    assert!(
        problems[0].ends_with("did you mean \"arm/right\"?"),
        "{problems:?}"
    );
}

#[test]
fn numbers_of_scenes_and_their_depth_are_limited() {
    let still = "{ leds = {}, secs = 1 }";
    let scene =
        |name: &str, keyframes: &str| format!("[scenes.{name}]\nkeyframes = [{keyframes}]\n");
    let many =
        |count: usize| -> String { (0..count).map(|n| scene(&format!("s{n}"), still)).collect() };
    assert!(with_file(&many(64)).is_ok());
    assert_eq!(
        problems_of(&many(65)),
        ["pi.toml: `scenes` has 65 scenes; expected at most 64"]
    );
    let long = |count: usize| scene("long", &vec![still; count].join(", "));
    assert!(with_file(&long(64)).is_ok());
    assert_eq!(
        problems_of(&long(65)),
        ["pi.toml: `scenes.long.keyframes` has 65 keyframes; expected 1 to 64"]
    );
    let names = ["a", "b", "c", "d", "e", "fire"];
    let deep: String = names
        .windows(2)
        .map(|two| scene(two[0], &format!("{{ scene = {:?}, secs = 9 }}", two[1])))
        .collect();
    assert_eq!(
        problems_of(&deep),
        [
            "pi.toml: `scenes.a.keyframes[0].scene` is \"b\", which makes 5 scenes within one another; expected at most 4"
        ]
    );
}

#[test]
fn a_scene_that_flashes_too_fast_is_refused() {
    let text = "[scenes.party]\nkeyframes = [{ leds = {}, secs = 0.1, easing = \"step\" }, \
                { leds = { \"arm/top\" = 255, \"arm/left\" = 255 }, secs = 0.1, easing = \"step\" }]\n";
    assert_eq!(
        problems_of(text),
        [
            "pi.toml: `scenes.party.keyframes` flashes the board more than 3 times a second, which can harm people; \
          expected longer `secs` or a softer `easing`, or `light.allow_fast_flashes`"
        ]
    );
}

#[test]
fn scenes_come_from_files_only() {
    let problems = with_variable("PIGLOW_SCENES__SUNSET", "x").expect_err("no file");
    assert_eq!(
        problems.to_string(),
        "environment variable PIGLOW_SCENES__SUNSET: `scenes.sunset` is a scene; \
         expected `[scenes.sunset]` in a file: scenes have no other place"
    );
    let problems = with_variable("PIGLOW_SCENES__SUNSET__REPEAT", "1").expect_err("no file");
    assert_eq!(
        problems.to_string(),
        "unknown environment variable PIGLOW_SCENES__SUNSET__REPEAT"
    );
    let problems = problems_of("[scene.sunset]\nkeyframes = []\n");
    assert_eq!(
        problems,
        ["pi.toml: unknown section `scene`; did you mean `scenes`?"]
    );
}
