//! The panel as its users see it: a thread, its channels, and a simulated board.

use super::*;
use crate::light::Frame;

/// Only a guard against hanging; no test depends on it.
const HANG: Duration = Duration::from_secs(30);

fn frame(level: u8) -> Frame {
    Frame([level; 18])
}

fn settings(sim: &SimBus) -> Settings {
    Settings {
        backend: Backend::Simulated(sim.clone()),
        on_stop: OnStop::Dark,
        refresh: None,
    }
}

fn panel(sim: &SimBus) -> Panel {
    Panel::spawn(settings(sim)).unwrap()
}

async fn until<T: Clone>(mut rx: watch::Receiver<T>, wanted: impl FnMut(&T) -> bool) -> T {
    let seen = tokio::time::timeout(HANG, rx.wait_for(wanted)).await;
    seen.expect("still waiting").unwrap().clone()
}

async fn state(panel: &Panel, state: PanelState) -> PanelHealth {
    until(panel.health(), |health| health.state == state).await
}

async fn shown(sim: &SimBus, frame: Frame) -> Latched {
    until(sim.subscribe(), |latched| latched.frame == frame).await
}

async fn receipt(panel: &Panel, number: u64) -> Receipt {
    until(panel.receipts(), |r| r.is_some_and(|r| r.number >= number))
        .await
        .unwrap()
}

#[tokio::test]
async fn panel_is_found_before_any_frame_and_left_as_it_is() {
    let sim = SimBus::new();
    Sn3218::new(sim.clone()).show(&frame(5)).unwrap();
    let panel = panel(&sim);
    let health = state(&panel, PanelState::Ok).await;
    assert_eq!(
        health,
        PanelHealth {
            state: PanelState::Ok,
            ..PanelHealth::default()
        }
    );
    assert_eq!(sim.shown(), frame(5));
}

#[tokio::test]
async fn frame_with_a_receipt_is_lit() {
    let sim = SimBus::new();
    let panel = panel(&sim);
    panel.frames().show(7, frame(9));
    let receipt = receipt(&panel, 7).await;
    assert_eq!((receipt.number, receipt.frame), (7, frame(9)));
    assert_eq!(sim.shown(), frame(9));
    assert_eq!(panel.health().borrow().frames_written, 1);
}

#[tokio::test]
async fn equal_frame_is_written_again_and_gets_its_own_receipt() {
    let sim = SimBus::new();
    let panel = panel(&sim);
    panel.frames().show(1, frame(9));
    receipt(&panel, 1).await;
    sim.brown_out();

    panel.frames().show(2, frame(9));

    assert_eq!(receipt(&panel, 2).await.number, 2);
    assert_eq!(sim.shown(), frame(9));
}

#[tokio::test]
async fn unplugged_panel_is_missing_and_last_frame_returns_on_replug() {
    let sim = SimBus::new();
    let panel = panel(&sim);
    panel.frames().show(1, frame(1));
    receipt(&panel, 1).await;

    sim.unplug();
    panel.frames().show(2, frame(2));
    let health = state(&panel, PanelState::Missing).await;
    assert_eq!(
        health.to_string(),
        "missing: no device answers at 0x54 on the simulated bus: \
         is the PiGlow seated, and is this the header's bus?"
    );
    panel.frames().show(3, frame(3));

    sim.replug();
    shown(&sim, frame(3)).await;
    assert_eq!(receipt(&panel, 3).await.number, 3);
    let health = panel.health().borrow().clone();
    assert_eq!(health.to_string(), "ok");
    assert_eq!((health.faults, health.recoveries), (1, 1));
    // Frame 2 is skipped, unless its retry met the panel's return.
    assert_eq!(health.frames_written + health.frames_skipped, 3);
}

#[tokio::test]
async fn panel_that_is_absent_at_the_start_is_found_when_it_comes() {
    let sim = SimBus::new();
    sim.unplug();
    let panel = panel(&sim);
    state(&panel, PanelState::Missing).await;
    sim.replug();
    let health = state(&panel, PanelState::Ok).await;
    assert_eq!((health.faults, health.recoveries), (1, 1));
}

#[tokio::test]
async fn faults_follow_one_another_by_name() {
    let sim = SimBus::new();
    let panel = panel(&sim);
    state(&panel, PanelState::Ok).await;
    panel.frames().show(1, frame(1));
    receipt(&panel, 1).await;

    sim.fail_with(SimFault::PermissionDenied);
    panel.frames().show(2, frame(2));
    state(&panel, PanelState::Denied).await;
    sim.fail_with(SimFault::Busy);
    state(&panel, PanelState::Busy).await;
    sim.fail_with(SimFault::TimedOut);
    let health = state(&panel, PanelState::Stuck).await;
    assert_eq!(health.faults, 3);

    sim.clear_fault();
    state(&panel, PanelState::Ok).await;
    assert_eq!(sim.shown(), frame(2));
}

#[tokio::test]
async fn brown_out_is_repaired_by_next_frame() {
    let sim = SimBus::new();
    let panel = panel(&sim);
    panel.frames().show(1, frame(1));
    receipt(&panel, 1).await;
    sim.brown_out();
    assert_eq!(sim.shown(), Frame::DARK);

    panel.frames().show(2, frame(2));

    receipt(&panel, 2).await;
    assert_eq!(sim.shown(), frame(2));
}

#[tokio::test]
async fn brown_out_of_a_still_picture_is_repaired_by_refresh() {
    let sim = SimBus::new();
    let panel = Panel::spawn(Settings {
        refresh: Some(Duration::from_millis(1)),
        ..settings(&sim)
    })
    .unwrap();
    panel.frames().show(1, frame(1));
    receipt(&panel, 1).await;

    sim.brown_out();

    shown(&sim, frame(1)).await;
    assert_eq!(panel.receipts().borrow().unwrap().number, 1);
}

#[tokio::test]
async fn stale_frames_are_dropped_on_a_slow_bus() {
    let sim = SimBus::new();
    sim.hold();
    let panel = panel(&sim);
    for number in 1..=100 {
        panel.frames().show(number, frame(number as u8));
    }

    sim.release();

    assert_eq!(receipt(&panel, 100).await.frame, frame(100));
    // The thread was in its probe, or had yet to start it, while the frames came.
    assert_eq!(sim.subscribe().borrow().latches, 1);
    let health = panel.health().borrow().clone();
    assert_eq!((health.frames_written, health.frames_skipped), (1, 99));
}

#[tokio::test]
async fn bus_at_its_real_clock_shows_the_last_of_many_frames() {
    let sim = SimBus::new().with_bus_hz(Some(100_000));
    let panel = panel(&sim);
    for number in 1..=200 {
        panel.frames().show(number, frame(number as u8));
    }
    receipt(&panel, 200).await;
    assert_eq!(sim.shown(), frame(200));
    let health = panel.health().borrow().clone();
    assert_eq!(health.frames_written + health.frames_skipped, 200);
}

#[tokio::test]
async fn stop_darkens() {
    let sim = SimBus::new();
    let panel = panel(&sim);
    let ended = panel.ended();
    panel.frames().show(1, frame(1));
    receipt(&panel, 1).await;
    assert!(!*ended.borrow());

    assert_eq!(panel.stop(HANG), StopOutcome::Dark);

    assert_eq!(sim.shown(), Frame::DARK);
    until(ended, |ended| *ended).await;
    assert_eq!(panel.stop(HANG), StopOutcome::Dark, "asked again");
    panel.frames().show(2, frame(2));
    assert_eq!(sim.shown(), Frame::DARK);
}

#[tokio::test]
async fn stop_keeps_the_last_frame_when_told_so() {
    let sim = SimBus::new();
    let panel = Panel::spawn(Settings {
        on_stop: OnStop::Keep,
        ..settings(&sim)
    })
    .unwrap();
    panel.frames().show(1, frame(1));

    assert_eq!(panel.stop(HANG), StopOutcome::Kept);

    assert_eq!(sim.shown(), frame(1));
}

#[test]
fn drop_darkens() {
    let sim = SimBus::new();
    Sn3218::new(sim.clone()).show(&frame(1)).unwrap();
    drop(panel(&sim));
    assert_eq!(sim.shown(), Frame::DARK);
}

#[test]
fn panic_elsewhere_darkens_even_what_was_to_be_kept() {
    let sim = SimBus::new();
    Sn3218::new(sim.clone()).show(&frame(1)).unwrap();
    let held = sim.clone();
    let program = thread::spawn(move || {
        let _panel = Panel::spawn(Settings {
            on_stop: OnStop::Keep,
            ..settings(&held)
        });
        panic!("of the program");
    });
    assert!(program.join().is_err());
    assert_eq!(sim.shown(), Frame::DARK);
}

#[test]
fn end_by_a_fault_darkens_even_what_was_to_be_kept() {
    let sim = SimBus::new();
    Sn3218::new(sim.clone()).show(&frame(1)).unwrap();
    let panel = Panel::spawn(Settings {
        on_stop: OnStop::Keep,
        ..settings(&sim)
    })
    .unwrap();
    assert_eq!(panel.stop_dark(HANG), StopOutcome::Dark);
    assert_eq!(sim.shown(), Frame::DARK);
}

#[test]
fn stop_without_a_panel_says_that_it_failed() {
    let sim = SimBus::new();
    sim.unplug();
    let outcome = panel(&sim).stop(HANG);
    assert!(matches!(outcome, StopOutcome::Failed { .. }), "{outcome:?}");
}

#[test]
fn stuck_transfer_does_not_hold_up_the_stop() {
    let sim = SimBus::new();
    sim.hold();
    let panel = panel(&sim);
    assert_eq!(panel.stop(Duration::from_millis(1)), StopOutcome::TimedOut);
    sim.release();
    assert_eq!(panel.stop(HANG), StopOutcome::Dark);
}

#[tokio::test]
async fn panic_darkens() {
    let sim = SimBus::new();
    let panel = Panel::spawn(Settings {
        on_stop: OnStop::Keep,
        ..settings(&sim)
    })
    .unwrap();
    panel.frames().show(1, frame(1));
    receipt(&panel, 1).await;

    sim.panic_once();
    panel.frames().show(2, frame(2));

    until(panel.ended(), |ended| *ended).await;
    assert_eq!(sim.shown(), Frame::DARK);
    assert_eq!(panel.health().borrow().state, PanelState::Failed);
    assert_eq!(panel.stop(HANG), StopOutcome::Panicked);
}
