use super::*;
use crate::light::Frame;
use crate::panel::{Backend, SimBus};

fn writer(sim: &SimBus, refresh: Option<Duration>) -> Writer {
    let settings = Settings {
        backend: Backend::Simulated(sim.clone()),
        on_stop: OnStop::Dark,
        refresh,
    };
    Writer::new(settings, FrameSlot::default(), Arc::default())
}

fn numbered(number: u64) -> Numbered {
    let frame = Frame([number as u8; 18]);
    Numbered { number, frame }
}

#[test]
fn still_picture_costs_no_transfer() {
    let sim = SimBus::new();
    let mut writer = writer(&sim, None);
    writer.attempt();
    writer.take(numbered(1), 0);
    assert_eq!(sim.transfers(), 2, "one probe, one frame");
    assert_eq!(writer.due, None, "nothing wakes the thread");
}

#[test]
fn refresh_is_due_after_each_write() {
    let sim = SimBus::new();
    let refresh = Duration::from_secs(60);
    let mut writer = writer(&sim, Some(refresh));
    let before = Instant::now();
    writer.attempt();
    assert!(writer.due.is_some_and(|at| at >= before + refresh));

    writer.settings.refresh = Some(Duration::MAX);
    writer.attempt();
    assert_eq!(writer.due, None);
}

#[test]
fn retries_slow_down_to_within_a_second() {
    let sim = SimBus::new();
    sim.unplug();
    let mut writer = writer(&sim, None);
    for expected in [50, 100, 200, 400, 800, 800] {
        assert_eq!(writer.backoff, Duration::from_millis(expected));
        writer.attempt();
    }
    for _ in 0..1000 {
        let wait = jittered(RETRY_MAX);
        assert!(wait >= Duration::from_millis(640), "{wait:?}");
        assert!(wait <= Duration::from_millis(960), "{wait:?}");
    }
}

#[test]
fn loose_contact_is_retried_slowly_until_it_settles() {
    let sim = SimBus::new();
    let mut writer = writer(&sim, None);
    for _ in 0..3 {
        sim.fail_with(crate::panel::SimFault::BusError);
        writer.attempt();
        sim.clear_fault();
        writer.attempt();
    }
    assert_eq!(writer.backoff, Duration::from_millis(400));

    writer.ok_since = Instant::now().checked_sub(SETTLED);
    sim.unplug();
    writer.attempt();
    assert_eq!(writer.backoff, Duration::from_millis(100));
}

#[test]
fn frames_wait_for_the_retry_while_the_panel_is_away() {
    let sim = SimBus::new();
    sim.unplug();
    let mut writer = writer(&sim, None);
    writer.attempt();
    writer.due = Some(Instant::now() + Duration::from_secs(3600));
    writer.take(numbered(1), 0);
    writer.take(numbered(2), 3);
    assert_eq!(sim.transfers(), 1);
    assert_eq!(writer.published.health.borrow().frames_skipped, 4);

    sim.replug();
    writer.due = Some(Instant::now());
    writer.take(numbered(3), 0);
    assert_eq!(sim.shown(), numbered(3).frame);
}

#[test]
fn same_fault_is_published_once() {
    let sim = SimBus::new();
    sim.unplug();
    let mut writer = writer(&sim, None);
    let mut health = writer.published.health.subscribe();
    writer.attempt();
    assert!(health.has_changed().unwrap());
    health.mark_unchanged();
    writer.attempt();
    writer.attempt();
    assert!(!health.has_changed().unwrap());
    assert_eq!(health.borrow().faults, 1);
}
