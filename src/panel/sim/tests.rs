use super::*;
use crate::panel::Sn3218;
use proptest::prelude::*;

fn frame(level: u8) -> Frame {
    Frame([level; 18])
}

#[test]
fn frame_of_24_bytes_takes_2270_microseconds_at_100_khz() {
    assert_eq!(bus_time(24, 100_000), Duration::from_micros(2270));
    assert_eq!(bus_time(0, 100_000), Duration::from_micros(110));
}

#[test]
fn driver_darkens_and_lights_the_simulated_board() {
    let bus = SimBus::new();
    let mut driver = Sn3218::new(bus.clone());

    driver.show(&frame(7)).unwrap();
    assert_eq!(bus.shown(), frame(7));
    assert_eq!((bus.transfers(), bus.bytes()), (1, 24));

    driver.darken().unwrap();
    assert_eq!(bus.shown(), Frame::DARK);
}

#[test]
fn probe_changes_nothing() {
    let bus = SimBus::new();
    let mut driver = Sn3218::new(bus.clone());
    driver.show(&frame(7)).unwrap();
    let before = *bus.subscribe().borrow();

    driver.probe().unwrap();

    assert_eq!(*bus.subscribe().borrow(), before);
    assert_eq!(bus.shown(), frame(7));
}

#[test]
fn reads_and_other_addresses_are_not_acknowledged() {
    let mut bus = SimBus::new();
    assert_eq!(bus.read(ADDRESS, &mut [0; 2]), Err(NOT_ACKNOWLEDGED));
    assert_eq!(bus.write(0x55, &[0x16]), Err(NOT_ACKNOWLEDGED));
    assert_eq!(bus.write(ADDRESS, &[]), Ok(()));
}

#[test]
fn unplugged_board_is_dark_and_returns_dark() {
    let bus = SimBus::new();
    let mut driver = Sn3218::new(bus.clone());
    driver.show(&frame(7)).unwrap();

    bus.unplug();
    assert_eq!(bus.shown(), Frame::DARK);
    assert_eq!(driver.show(&frame(7)), Err(NOT_ACKNOWLEDGED));

    bus.replug();
    assert_eq!(bus.shown(), Frame::DARK);
    driver.show(&frame(7)).unwrap();
    assert_eq!(bus.shown(), frame(7));
}

#[test]
fn injected_fault_leaves_the_picture_lit() {
    let bus = SimBus::new();
    let mut driver = Sn3218::new(bus.clone());
    driver.show(&frame(7)).unwrap();

    bus.fail_with(SimFault::TimedOut);
    assert_eq!(driver.darken(), Err(SimError { errno: 110 }));
    assert_eq!(bus.shown(), frame(7));

    bus.clear_fault();
    driver.darken().unwrap();
    assert_eq!(bus.shown(), Frame::DARK);
}

#[test]
fn watchers_see_each_change_of_what_is_lit() {
    let bus = SimBus::new();
    let mut watch = bus.subscribe();
    let mut driver = Sn3218::new(bus.clone());

    driver.show(&frame(1)).unwrap();
    let shown = Latched {
        frame: frame(1),
        latches: 1,
    };
    assert_eq!(*watch.borrow_and_update(), shown);

    bus.brown_out();
    assert!(watch.has_changed().unwrap());
    assert_eq!(watch.borrow_and_update().frame, Frame::DARK);

    driver.show(&frame(2)).unwrap();
    assert_eq!(watch.borrow_and_update().latches, 2);

    driver.release().write(ADDRESS, &[0x17, 0]).unwrap();
    assert_eq!(watch.borrow_and_update().frame, Frame::DARK);
}

proptest! {
    #[test]
    fn any_transfer_is_survived(
        transfers in prop::collection::vec(
            (prop::num::u8::ANY, prop::bool::ANY, prop::collection::vec(prop::num::u8::ANY, 0..400)),
            0..20,
        )
    ) {
        let mut bus = SimBus::new();
        for (address, own, bytes) in transfers {
            let address = if own { ADDRESS } else { address };
            let answered = bus.write(address, &bytes).is_ok();
            prop_assert_eq!(answered, address == ADDRESS);
            prop_assert!(bus.read(address, &mut [0; 3]).is_err());
            prop_assert_eq!(bus.subscribe().borrow().frame, bus.shown());
        }
    }

    #[test]
    fn any_frame_is_shown_exactly_whatever_was_written_before(
        before in prop::collection::vec(prop::num::u8::ANY, 0..40),
        levels in prop::array::uniform18(prop::num::u8::ANY),
    ) {
        let mut bus = SimBus::new();
        bus.write(ADDRESS, &before).unwrap();
        Sn3218::new(bus.clone()).show(&Frame(levels)).unwrap();
        prop_assert_eq!(bus.shown(), Frame(levels));
    }
}

#[test]
fn transfer_cut_before_its_latch_leaves_the_old_picture() {
    for bytes in 0..24 {
        let bus = SimBus::new();
        let mut driver = Sn3218::new(bus.clone());
        driver.show(&frame(7)).unwrap();

        bus.cut_after(bytes);

        assert_eq!(driver.show(&frame(9)), Err(SimError { errno: 5 }));
        assert_eq!((bus.shown(), bus.bytes()), (frame(7), 24 + bytes as u64));
        driver.show(&frame(9)).unwrap();
        assert_eq!(bus.shown(), frame(9));
    }
}

#[test]
fn board_unplugged_in_the_middle_of_a_frame_is_dark_and_silent() {
    for bytes in [0, 1, 12, 23, 24] {
        let bus = SimBus::new();
        let mut driver = Sn3218::new(bus.clone());
        driver.show(&frame(7)).unwrap();

        bus.unplug_after(bytes);

        assert_eq!(driver.show(&frame(9)), Err(NOT_ACKNOWLEDGED));
        assert_eq!(bus.subscribe().borrow().frame, Frame::DARK);
        assert_eq!(driver.probe(), Err(NOT_ACKNOWLEDGED));
        bus.replug();
        driver.show(&frame(9)).unwrap();
        assert_eq!(bus.shown(), frame(9));
    }
}

#[test]
fn slow_bus_takes_the_time_of_its_clock() {
    let spent = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&spent);
    let bus = SimBus::new().with_sleep(move |time| notes.lock().unwrap().push(time));
    let mut driver = Sn3218::new(bus.clone());
    driver.show(&frame(7)).unwrap();
    bus.set_bus_hz(Some(10_000));
    driver.show(&frame(7)).unwrap();
    bus.set_bus_hz(None);
    driver.show(&frame(7)).unwrap();
    assert_eq!(*spent.lock().unwrap(), [Duration::from_micros(22_700)]);
}
