use super::*;
use crate::telemetry::{CpuLoad, Throttled};
use crate::units::Percent;
use proptest::prelude::*;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const THRESHOLDS: Thresholds = Thresholds {
    load_high_percent: 90.0,
    load_normal_percent: 70.0,
    load_for: secs(60),
    hot_celsius: 75.0,
    cool_celsius: 70.0,
    hot_for: secs(10),
    settle: secs(10),
    rejected_interval: secs(10),
};

fn sample(load: f32, celsius: f32, under_voltage: bool) -> Sample {
    Sample {
        cpu: Some(CpuLoad {
            total: Percent::saturating(load).unwrap_or_default(),
            cores: Vec::new(),
        }),
        temperature_celsius: Some(celsius),
        throttled: Some(Throttled {
            under_voltage,
            ..Throttled::default()
        }),
        ..Sample::default()
    }
}

#[test]
fn a_load_that_lasts_is_told_once_and_so_is_its_end() {
    let mut watchman = Watchman::new(&THRESHOLDS);
    let mut told = Vec::new();
    for at in (0..=120).step_by(5) {
        told.extend(watchman.see_sample(secs(at), &sample(95.0, 50.0, false)));
    }
    assert_eq!(told, [Event::LoadHigh(95.0)]);
    for at in (125..=300).step_by(5) {
        told.extend(watchman.see_sample(secs(at), &sample(20.0, 50.0, false)));
    }
    assert_eq!(told, [Event::LoadHigh(95.0), Event::LoadNormal(20.0)]);
}

#[test]
fn heat_and_power_are_told_apart() {
    let mut watchman = Watchman::new(&THRESHOLDS);
    let told = watchman.see_sample(secs(0), &sample(0.0, 80.0, true));
    assert_eq!(told, [Event::UnderVoltage]);
    let told = watchman.see_sample(secs(10), &sample(0.0, 81.0, false));
    assert_eq!(told, [Event::Hot(81.0)]);
    let told = watchman.see_sample(secs(20), &sample(0.0, 60.0, false));
    assert_eq!(told, [Event::VoltageNormal]);
    let told = watchman.see_sample(secs(30), &sample(0.0, 60.0, false));
    assert_eq!(told, [Event::Cool(60.0)]);
}

#[test]
fn what_is_not_known_tells_nothing() {
    let mut watchman = Watchman::new(&THRESHOLDS);
    for at in 0..1000 {
        let told = watchman.see_sample(secs(at), &Sample::default());
        assert_eq!(told, []);
    }
}

#[test]
fn a_loose_panel_is_lost_once_and_back_when_it_stays() {
    let mut watchman = Watchman::new(&THRESHOLDS);
    assert_eq!(watchman.see_panel(secs(0), None), None);
    let lost = watchman.see_panel(secs(1), Some("missing"));
    assert_eq!(lost, Some(Event::PanelLost("missing".to_owned())));
    assert_eq!(watchman.see_panel(secs(2), None), None);
    assert_eq!(watchman.see_panel(secs(3), Some("missing")), None);
    assert_eq!(watchman.see_panel(secs(4), None), None);
    assert_eq!(watchman.next_wake(), Some(secs(14)));
    assert_eq!(watchman.see_panel(secs(14), None), Some(Event::PanelBack));
    assert_eq!(watchman.next_wake(), None);
}

#[test]
fn a_flood_of_refusals_is_few_events_that_count_them_all() {
    let mut watchman = Watchman::new(&THRESHOLDS);
    let mut told = Vec::new();
    for count in 1..=1000 {
        told.extend(watchman.see_refusals(Duration::from_millis(count), count));
    }
    assert_eq!(told, [Event::CommandRejected { count: 1 }]);
    let due = watchman.next_wake().expect("the rest is owed");
    assert_eq!(due, Duration::from_millis(10_001));
    let rest = watchman.see_refusals(due, 1000);
    assert_eq!(rest, Some(Event::CommandRejected { count: 999 }));
    assert_eq!(watchman.next_wake(), None);
}

#[test]
fn every_event_has_a_name_of_its_own() {
    let events = [
        Event::LoadHigh(0.0),
        Event::LoadNormal(0.0),
        Event::Hot(0.0),
        Event::Cool(0.0),
        Event::UnderVoltage,
        Event::VoltageNormal,
        Event::CommandRejected { count: 1 },
        Event::PanelLost(String::new()),
        Event::PanelBack,
    ];
    assert_eq!(events.map(|event| event.name()), Event::NAMES);
}

proptest! {
    #[test]
    fn refusals_are_all_counted_and_their_events_keep_their_distance(
        steps in proptest::collection::vec((0u64..5000, 0u64..50), 1..200),
    ) {
        let mut watchman = Watchman::new(&THRESHOLDS);
        let (mut now, mut refused, mut told) = (Duration::ZERO, 0, 0);
        let mut last: Option<Duration> = None;
        for (millis, more) in steps {
            now += Duration::from_millis(millis);
            refused += more;
            if let Some(Event::CommandRejected { count }) = watchman.see_refusals(now, refused) {
                told += count;
                prop_assert!(last.is_none_or(|last| now - last >= THRESHOLDS.rejected_interval));
                last = Some(now);
            }
            prop_assert!(told <= refused);
            if told < refused {
                prop_assert!(watchman.next_wake().is_some_and(|at| at > now));
            }
        }
        if let Some(due) = watchman.next_wake() {
            told += match watchman.see_refusals(due, refused) {
                Some(Event::CommandRejected { count }) => count,
                Some(_) | None => 0,
            };
        }
        prop_assert_eq!(told, refused);
    }

    #[test]
    fn any_samples_give_events_in_pairs(
        steps in proptest::collection::vec((0u64..100, 0.0f32..100.0, -20.0f32..120.0, any::<bool>()), 1..200),
    ) {
        let mut watchman = Watchman::new(&THRESHOLDS);
        let mut now = Duration::ZERO;
        let mut open = std::collections::BTreeSet::new();
        for (step, load, celsius, under_voltage) in steps {
            now += secs(step);
            for event in watchman.see_sample(now, &sample(load, celsius, under_voltage)) {
                let (begins, condition) = match event {
                    Event::LoadHigh(_) => (true, "load"),
                    Event::LoadNormal(_) => (false, "load"),
                    Event::Hot(_) => (true, "heat"),
                    Event::Cool(_) => (false, "heat"),
                    Event::UnderVoltage => (true, "power"),
                    Event::VoltageNormal => (false, "power"),
                    other @ (Event::CommandRejected { .. } | Event::PanelLost(_) | Event::PanelBack) => panic!("{other:?}"),
                };
                let changed = if begins { open.insert(condition) } else { open.remove(condition) };
                prop_assert!(changed, "{event:?} twice");
            }
        }
    }
}
