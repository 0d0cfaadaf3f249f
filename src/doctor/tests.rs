//! Hosts that go wrong, made up; each row of what goes wrong on real ones has its test.

use std::path::Path;

use super::*;
use crate::panel::Fault;

/// Group `i2c` on Raspberry Pi OS; the number differs between systems.
const I2C: u32 = 994;

/// The group of a user.
const OWN: u32 = 1000;

/// A Pi 4 on which everything is right.
fn healthy() -> Readings {
    Readings {
        model: Some("Raspberry Pi 4 Model B Rev 1.4".to_owned()),
        is_arm: true,
        os: Some("Debian GNU/Linux 12 (bookworm)".to_owned()),
        kernel: Some("6.6.31+rpt-rpi-v8".to_owned()),
        traces: Traces {
            is_first_namespace: true,
            ..Traces::default()
        },
        user: User {
            id: OWN,
            name: Some("ada".to_owned()),
            groups: vec![OWN, I2C],
            enrolled: vec![I2C],
            is_mapped: false,
        },
        groups: [(I2C, "i2c".to_owned()), (OWN, "ada".to_owned())].into(),
        boot_file: Some(BootFile {
            path: "/boot/firmware/config.txt".into(),
            text: "dtparam=i2c_arm=on\n".to_owned(),
        }),
        surroundings: Surroundings {
            has_raspi_config: true,
            is_dietpi: false,
        },
        adapters: vec![
            adapter(1, "bcm2835 (i2c@7e804000)", "platform/soc/fe804000.i2c"),
            adapter(20, "fef04500.i2c", "platform/soc/fef04500.i2c"),
        ],
        has_i2c_dev: true,
        buses: vec![1, 20],
        device: device(1, I2C),
        throttled: Some(0),
        temperature_celsius: Some(48.3),
        is_clock_kept: Some(true),
        has_time_zone: true,
        ..Readings::default()
    }
}

fn adapter(number: u32, name: &str, place: &str) -> Adapter {
    Adapter {
        number,
        name: name.to_owned(),
        path: format!("/sys/devices/{place}/i2c-{number}"),
        clock_hz: Some(100_000),
    }
}

fn device(minor: u32, group: u32) -> Device {
    Device::Character {
        major: 89,
        minor,
        mode: 0o660,
        user: 0,
        group,
    }
}

/// The same host as a container of an engine sees it, when it was given nothing.
fn contained(engine: Engine) -> Readings {
    let traces = match engine {
        Engine::Docker => Traces {
            has_dockerenv: true,
            is_root_layered: true,
            ..Traces::default()
        },
        Engine::Podman | Engine::RootlessPodman => Traces {
            has_containerenv: true,
            variable: Some("podman".to_owned()),
            ..Traces::default()
        },
        Engine::Kubernetes => Traces {
            is_pod: true,
            ..Traces::default()
        },
        Engine::Other => Traces {
            is_alone: true,
            ..Traces::default()
        },
    };
    Readings {
        os: None,
        traces,
        user: User {
            id: 10_001,
            groups: vec![10_001],
            is_mapped: engine == Engine::RootlessPodman,
            ..User::default()
        },
        groups: [].into(),
        boot_file: None,
        buses: Vec::new(),
        device: Device::Missing,
        surroundings: Surroundings::default(),
        ..healthy()
    }
}

fn examined(readings: &Readings, bus: &str, probe: Probe) -> Vec<Finding> {
    let target = Target {
        bus: Path::new(bus),
        is_simulated: false,
        node: None,
    };
    panel(readings, &target, probe)
}

/// The findings of the usual bus; the only failure has this name, these words and this remedy.
fn fails(readings: &Readings, probe: Probe, check: &str, words: &str, remedy: &[&str]) {
    fails_at("/dev/i2c-1", readings, probe, check, words, remedy);
}

fn fails_at(
    bus: &str,
    readings: &Readings,
    probe: Probe,
    check: &str,
    words: &str,
    remedy: &[&str],
) {
    let findings = examined(readings, bus, probe);
    let failed: Vec<&Finding> = findings
        .iter()
        .filter(|finding| finding.level == Level::Fail)
        .collect();
    let [failure] = failed[..] else {
        panic!("one failure, {check}, was expected: {failed:#?}");
    };
    assert_eq!(failure.check, check, "{failure:#?}");
    assert!(failure.text.contains(words), "{words:?}: {failure:#?}");
    let steps: Vec<&str> = failure.fix.iter().map(text_of).collect();
    for part in remedy {
        assert!(
            steps.iter().any(|step| step.contains(part)),
            "{part:?}: {failure:#?}"
        );
    }
    assert!(!steps.is_empty(), "a remedy is missing: {failure:#?}");
    assert!(
        !steps
            .iter()
            .any(|step| step.contains("docker run --privileged")),
        "{steps:?}"
    );
}

fn text_of(step: &Step) -> &str {
    match step {
        Step::Run(text) | Step::Do(text) => text,
    }
}

fn level_of(findings: &[Finding], check: &str) -> Level {
    let found = findings.iter().find(|finding| finding.check == check);
    found.map_or_else(|| panic!("no {check}: {findings:#?}"), |found| found.level)
}

const NO_BUS: Probe = Probe::Failed(Fault::NoBus);

#[test]
fn a_host_on_which_everything_is_right_has_nothing_but_ok() {
    let readings = healthy();
    let mut findings = host(&readings, Some("attic"), None);
    findings.extend(examined(&readings, "/dev/i2c-1", Probe::Answered));
    findings.extend(clock(&readings, 1_800_000_000_000, true));
    findings.retain(|finding| finding.check != "node");
    for finding in &findings {
        assert_eq!(finding.level, Level::Ok, "{finding:#?}");
        assert!(finding.fix.is_empty(), "{finding:#?}");
    }
}

#[test]
fn i2c_that_is_off_is_turned_on_by_the_helper_that_the_system_has() {
    let off = |surroundings, path: &str| Readings {
        adapters: vec![adapter(20, "fef04500.i2c", "platform/soc/fef04500.i2c")],
        buses: Vec::new(),
        has_i2c_dev: false,
        device: Device::Missing,
        boot_file: Some(BootFile {
            path: path.into(),
            text: "#dtparam=i2c_arm=on\n".to_owned(),
        }),
        surroundings,
        ..healthy()
    };
    let raspi_config = Surroundings {
        has_raspi_config: true,
        is_dietpi: false,
    };
    let dietpi = Surroundings {
        is_dietpi: true,
        has_raspi_config: false,
    };
    let (bookworm, before) = ("/boot/firmware/config.txt", "/boot/config.txt");
    for (surroundings, path, command) in [
        (raspi_config, bookworm, "sudo raspi-config nonint do_i2c 0"),
        (dietpi, before, "dietpi-set_hardware i2c enable"),
        (
            Surroundings::default(),
            bookworm,
            "echo dtparam=i2c_arm=on | sudo tee -a /boot/firmware/config.txt",
        ),
        (
            Surroundings::default(),
            before,
            "echo dtparam=i2c_arm=on | sudo tee -a /boot/config.txt",
        ),
    ] {
        let readings = off(surroundings, path);
        // The module is not there either, and is not blamed.
        let findings = examined(&readings, "/dev/i2c-1", NO_BUS);
        let i2c = findings
            .iter()
            .find(|finding| finding.check == "i2c")
            .unwrap();
        assert_eq!(i2c.level, Level::Fail);
        let steps: Vec<&str> = i2c.fix.iter().map(text_of).collect();
        assert!(steps.iter().any(|step| step.contains(command)), "{steps:?}");
        assert!(steps.contains(&"sudo reboot"), "{steps:?}");
    }
}

#[test]
fn i2c_that_was_turned_on_since_the_start_needs_a_restart() {
    let readings = Readings {
        adapters: Vec::new(),
        buses: Vec::new(),
        has_i2c_dev: false,
        device: Device::Missing,
        ..healthy()
    };
    fails(
        &readings,
        NO_BUS,
        "i2c",
        "turned on in /boot/firmware/config.txt",
        &["sudo reboot"],
    );
}

#[test]
fn a_module_that_is_not_loaded_is_loaded_at_once_and_at_each_start() {
    let readings = Readings {
        buses: Vec::new(),
        has_i2c_dev: false,
        device: Device::Missing,
        ..healthy()
    };
    fails(
        &readings,
        NO_BUS,
        "module",
        "i2c-dev is not loaded",
        &[
            "sudo modprobe i2c-dev",
            "echo i2c-dev | sudo tee -a /etc/modules",
        ],
    );
}

#[test]
fn another_bus_than_the_headers_is_told_with_what_it_is() {
    let pi5 = Readings {
        model: Some("Raspberry Pi 5 Model B Rev 1.0".to_owned()),
        adapters: vec![
            adapter(
                1,
                "Synopsys DesignWare I2C adapter",
                "platform/axi/1000120000.pcie/1f00074000.i2c",
            ),
            adapter(13, "107d508200.i2c", "platform/soc/107d508200.i2c"),
            adapter(14, "107d508280.i2c", "platform/soc/107d508280.i2c"),
        ],
        buses: vec![1, 13, 14],
        device: device(13, I2C),
        ..healthy()
    };
    // The chip does not answer there, and the wrong bus is why.
    let findings = examined(&pi5, "/dev/i2c-13", Probe::Failed(Fault::NoAnswer));
    let header = findings
        .iter()
        .find(|finding| finding.check == "header")
        .unwrap();
    assert_eq!(header.level, Level::Fail);
    assert!(
        header
            .text
            .contains("`107d508200.i2c` (HDMI); the header's bus is 1"),
        "{header:#?}"
    );
    assert!(text_of(&header.fix[0]).starts_with("piglow-node --bus /dev/i2c-1"));

    // Off, there are others all the same.
    let off = Readings {
        adapters: pi5.adapters[1..].to_vec(),
        buses: vec![13, 14],
        device: Device::Missing,
        boot_file: None,
        ..pi5
    };
    fails(
        &off,
        NO_BUS,
        "i2c",
        "it has the buses 13 (107d508200.i2c: HDMI), 14 (107d508280.i2c: HDMI)",
        &["sudo raspi-config nonint do_i2c 0"],
    );
}

#[test]
fn the_first_pi_has_its_header_on_bus_0() {
    let first = Readings {
        model: Some("Raspberry Pi Model B Rev 1".to_owned()),
        adapters: vec![
            adapter(0, "bcm2835 (i2c@7e205000)", "platform/soc/20205000.i2c"),
            adapter(1, "bcm2835 (i2c@7e804000)", "platform/soc/20804000.i2c"),
        ],
        buses: vec![0, 1],
        device: device(1, I2C),
        ..healthy()
    };
    assert!(first.is_first_pi());
    let findings = examined(&first, "/dev/i2c-1", Probe::Failed(Fault::NoAnswer));
    let header = findings
        .iter()
        .find(|finding| finding.check == "header")
        .unwrap();
    assert!(
        text_of(&header.fix[0]).starts_with("piglow-node --bus /dev/i2c-0"),
        "{header:#?}"
    );

    let only = Readings {
        adapters: first.adapters[..1].to_vec(),
        buses: vec![0],
        device: Device::Missing,
        ..first
    };
    fails(
        &only,
        NO_BUS,
        "device",
        "on this board the header is bus 0",
        &["--bus /dev/i2c-0"],
    );
    for other in [
        "Raspberry Pi Model B Rev 2",
        "Raspberry Pi Model B Rev 10",
        "Raspberry Pi 4 Model B Rev 1.4",
    ] {
        let readings = Readings {
            model: Some(other.to_owned()),
            ..healthy()
        };
        assert!(!readings.is_first_pi(), "{other}");
    }
}

#[test]
fn who_is_not_in_the_group_is_told_which_group_and_who() {
    let mut readings = healthy();
    readings.user.groups = vec![OWN];
    readings.user.enrolled = Vec::new();
    let denied = Probe::Failed(Fault::NoAccess);
    fails(
        &readings,
        denied,
        "access",
        "ada is not in its group i2c",
        &[
            "sudo usermod -aG i2c ada",
            "log in again",
            "SupplementaryGroups=i2c",
        ],
    );
    readings.user.enrolled = vec![I2C];
    fails(
        &readings,
        denied,
        "access",
        "this login is older",
        &["newgrp i2c"],
    );
    readings.device = device(1, 0);
    fails(
        &readings,
        denied,
        "access",
        "only root may use it",
        &["i2c-tools"],
    );
}

#[test]
fn a_container_whose_user_is_not_in_the_group_gets_the_number() {
    let denied = Probe::Failed(Fault::NoAccess);
    let with_device = |engine| Readings {
        device: device(1, I2C),
        buses: vec![1],
        ..contained(engine)
    };
    fails(
        &with_device(Engine::Docker),
        denied,
        "access",
        "not in its group, 994",
        &[
            "docker run --device /dev/i2c-1 --group-add 994",
            "group_add",
        ],
    );
    fails(
        &with_device(Engine::Podman),
        denied,
        "access",
        "994",
        &["sudo podman run --device /dev/i2c-1 --group-add 994"],
    );
    fails(
        &with_device(Engine::Kubernetes),
        denied,
        "access",
        "994",
        &["supplementalGroups"],
    );
}

#[test]
fn podman_without_root_keeps_the_groups_when_it_is_told_to() {
    let nobodys = Device::Character {
        major: 89,
        minor: 1,
        mode: 0o660,
        user: 65_534,
        group: 65_534,
    };
    let readings = Readings {
        device: nobodys,
        buses: vec![1],
        ..contained(Engine::RootlessPodman)
    };
    fails(
        &readings,
        Probe::Failed(Fault::NoAccess),
        "access",
        "podman drops your groups",
        &["podman --runtime crun run --device /dev/i2c-1 --group-add keep-groups"],
    );
}

#[test]
fn a_container_that_was_not_given_the_device_is_told_how_to_get_it_and_no_more() {
    let forbidden = Probe::Failed(Fault::NotPermitted);
    let made = Readings {
        device: device(1, I2C),
        buses: vec![1],
        ..contained(Engine::Docker)
    };
    fails(
        &made,
        forbidden,
        "container_device",
        "was not given the device",
        &["docker run --device /dev/i2c-1", "never --privileged"],
    );
    // Without the file it is the same mistake.
    for (engine, command) in [
        (Engine::Docker, "docker run --device /dev/i2c-1"),
        (Engine::Podman, "sudo podman run --device /dev/i2c-1"),
        (
            Engine::RootlessPodman,
            "podman --runtime crun run --device /dev/i2c-1",
        ),
        (Engine::Kubernetes, "device plugin"),
        (Engine::Other, "--device /dev/i2c-1"),
    ] {
        fails(
            &contained(engine),
            NO_BUS,
            "device",
            "the host has /dev/i2c-1, and this container was not given it",
            &[command],
        );
    }
    let service = healthy();
    fails(
        &service,
        forbidden,
        "container_device",
        "/dev/i2c-1",
        &["DeviceAllow=/dev/i2c-1 rw"],
    );
}

#[test]
fn a_container_on_a_host_without_i2c_sends_to_the_host() {
    let readings = Readings {
        adapters: Vec::new(),
        has_i2c_dev: false,
        ..contained(Engine::Docker)
    };
    fails(
        &readings,
        NO_BUS,
        "i2c",
        "off on the host",
        &[
            "on the host, not in this container",
            "sudo raspi-config nonint do_i2c 0",
        ],
    );
}

#[test]
fn a_container_whose_host_has_no_module_is_sent_to_the_host_and_not_for_the_device() {
    let readings = Readings {
        has_i2c_dev: false,
        ..contained(Engine::Docker)
    };
    fails(
        &readings,
        NO_BUS,
        "module",
        "i2c-dev is not loaded",
        &[
            "on the host, not in this container",
            "sudo modprobe i2c-dev",
        ],
    );
}

#[test]
fn a_container_on_another_kind_of_processor_is_on_no_pi() {
    let readings = Readings {
        model: None,
        is_arm: false,
        adapters: Vec::new(),
        has_i2c_dev: false,
        ..contained(Engine::Docker)
    };
    fails(
        &readings,
        NO_BUS,
        "i2c",
        "no Raspberry Pi",
        &["piglow-node --panel simulated"],
    );
}

#[test]
fn a_chip_that_does_not_answer_is_reseated() {
    fails(
        &healthy(),
        Probe::Failed(Fault::NoAnswer),
        "chip",
        "no device answers at 0x54 on /dev/i2c-1",
        &["seat the PiGlow", "sudo i2cdetect -y -q 1 0x54 0x54"],
    );
}

#[test]
fn another_program_that_has_the_bus_is_named() {
    let readings = Readings {
        holders: vec![
            Holder {
                process: 812,
                name: "python3".to_owned(),
            },
            Holder {
                process: 900,
                name: "piglow-node".to_owned(),
            },
        ],
        ..healthy()
    };
    let findings = examined(&readings, "/dev/i2c-1", Probe::Answered);
    assert_eq!(level_of(&findings, "users"), Level::Warn);
    let users = findings
        .iter()
        .find(|finding| finding.check == "users")
        .unwrap();
    assert!(
        users
            .text
            .starts_with("python3 (process 812) has /dev/i2c-1 open too"),
        "{users:#?}"
    );
}

#[test]
fn a_bus_that_is_stuck_is_slowed_down() {
    for (fault, words) in [(Fault::TimedOut, "timed out"), (Fault::Line, "noise")] {
        fails(
            &healthy(),
            Probe::Failed(fault),
            "chip",
            words,
            &["switch the Pi off", "i2c_arm_baudrate=50000", "sudo reboot"],
        );
    }
    fails(
        &healthy(),
        Probe::Hung,
        "chip",
        "does not end",
        &["switch the Pi off"],
    );
}

#[test]
fn a_kernel_driver_in_the_way_is_named_and_unbound() {
    let busy = Probe::Failed(Fault::AddressTaken);
    let readings = Readings {
        client: Some(Client {
            place: "1-0054".to_owned(),
            name: "is31fl3218".to_owned(),
            driver: Some("leds-is31fl32xx".to_owned()),
        }),
        ..healthy()
    };
    fails(
        &readings,
        busy,
        "driver",
        "`leds-is31fl32xx` has the address 0x54",
        &[
            "echo 1-0054 | sudo tee /sys/bus/i2c/drivers/leds-is31fl32xx/unbind",
            "/boot/firmware/config.txt",
        ],
    );
    fails(
        &healthy(),
        busy,
        "driver",
        "which one can't be seen here",
        &["leds-is31fl32xx"],
    );
}

#[test]
fn other_ends_of_a_transfer_have_a_next_step_too() {
    for (fault, words, step) in [
        (Fault::NoAdapter, "no adapter behind it", "sudo reboot"),
        (Fault::NotI2c, "no plain I2C transfers", "--bus /dev/i2c-1"),
        (Fault::Unknown(Some(108)), "a transfer failed", "dmesg"),
        (Fault::Unknown(None), "no error number", "dmesg"),
    ] {
        fails(&healthy(), Probe::Failed(fault), "chip", words, &[step]);
    }
    let null = Readings {
        device: Device::Character {
            major: 1,
            minor: 3,
            mode: 0o666,
            user: 0,
            group: 0,
        },
        ..healthy()
    };
    let findings = examined(&null, "/dev/null", Probe::Failed(Fault::NotI2c));
    assert_eq!(level_of(&findings, "device"), Level::Fail);
}

#[test]
fn a_clock_outside_of_what_chip_or_eye_take_is_told() {
    for (hertz, level, words) in [
        (Some(100_000), Level::Ok, "100 kHz: a frame takes 2.3 ms"),
        (Some(400_000), Level::Ok, "400 kHz: a frame takes 0.6 ms"),
        (Some(1_000_000), Level::Warn, "at most 400 kHz"),
        (Some(10_000), Level::Warn, "moving pictures stutter"),
        (None, Level::Info, "can't be seen here"),
    ] {
        let mut readings = healthy();
        readings.adapters[0].clock_hz = hertz;
        let findings = examined(&readings, "/dev/i2c-1", Probe::Answered);
        let speed = findings
            .iter()
            .find(|finding| finding.check == "speed")
            .unwrap();
        assert_eq!(speed.level, level, "{speed:#?}");
        assert!(speed.text.contains(words), "{speed:#?}");
    }
    let mut told = healthy();
    told.adapters[0].clock_hz = None;
    told.boot_file = Some(BootFile {
        path: "/boot/config.txt".into(),
        text: "dtparam=i2c_arm=on,i2c_arm_baudrate=200000\n".to_owned(),
    });
    let findings = examined(&told, "/dev/i2c-1", Probe::Answered);
    let speed = findings
        .iter()
        .find(|finding| finding.check == "speed")
        .unwrap();
    assert!(speed.text.starts_with("200 kHz"), "{speed:#?}");
}

#[test]
fn a_computer_that_is_no_pi_is_shown_the_simulated_panel() {
    let laptop = Readings {
        model: None,
        adapters: vec![adapter(
            0,
            "SMBus I801 adapter at efa0",
            "pci0000:00/0000:00:1f.4",
        )],
        buses: vec![0],
        device: Device::Missing,
        boot_file: None,
        ..healthy()
    };
    fails(
        &laptop,
        NO_BUS,
        "i2c",
        "no Raspberry Pi, as far as can be seen, and /dev/i2c-1 is not there",
        &["piglow-node --panel simulated"],
    );
    let bare = Readings {
        adapters: Vec::new(),
        buses: Vec::new(),
        has_i2c_dev: false,
        ..laptop
    };
    fails(
        &bare,
        NO_BUS,
        "i2c",
        "it has no I2C bus",
        &["piglow-node --panel simulated"],
    );
    let target = Target {
        bus: Path::new("/dev/i2c-1"),
        is_simulated: true,
        node: None,
    };
    let findings = panel(&bare, &target, Probe::NotAsked);
    assert!(
        findings.iter().all(|finding| finding.level <= Level::Info),
        "{findings:#?}"
    );
}

#[test]
fn no_combination_of_readings_and_answers_is_without_a_word() {
    let probes = [
        Probe::NotAsked,
        Probe::Answered,
        Probe::Hung,
        NO_BUS,
        Probe::Failed(Fault::NoAnswer),
        Probe::Failed(Fault::NoAccess),
        Probe::Failed(Fault::NotPermitted),
        Probe::Failed(Fault::AddressTaken),
        Probe::Failed(Fault::TimedOut),
    ];
    let engines = [
        Engine::Docker,
        Engine::Podman,
        Engine::RootlessPodman,
        Engine::Kubernetes,
        Engine::Other,
    ];
    let mut hosts: Vec<Readings> = engines.map(contained).to_vec();
    hosts.extend([healthy(), Readings::default()]);
    for readings in &hosts {
        for device in [
            Device::Missing,
            Device::NotADevice,
            device(1, I2C),
            device(7, 0),
        ] {
            for probe in probes {
                for bus in ["/dev/i2c-1", "/dev/i2c-20", "/dev/piglow"] {
                    let readings = Readings {
                        device,
                        ..readings.clone()
                    };
                    let mut findings = host(&readings, None, None);
                    findings.extend(examined(&readings, bus, probe));
                    findings.extend(clock(&readings, 0, true));
                    for finding in findings {
                        assert!(!finding.text.is_empty(), "{finding:#?}");
                        assert_eq!(
                            finding.level == Level::Fail,
                            finding.level == Level::Fail && !finding.fix.is_empty(),
                            "a failure without a remedy: {finding:#?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_hot_or_short_of_voltage_is_told() {
    for (bits, level, words) in [
        (0x1, Level::Warn, "too low at this moment"),
        (0x1_0000, Level::Warn, "too low since the start"),
        (0x4, Level::Warn, "slowed down at this moment"),
        (0x4_0000, Level::Info, "slowed down since the start"),
    ] {
        let readings = Readings {
            throttled: Some(bits),
            ..healthy()
        };
        let findings = host(&readings, Some("attic"), None);
        let power = findings
            .iter()
            .find(|finding| finding.check == "power")
            .unwrap();
        assert_eq!(power.level, level);
        assert!(power.text.contains(words), "{power:#?}");
    }
    let hot = Readings {
        temperature_celsius: Some(84.2),
        ..healthy()
    };
    assert_eq!(
        level_of(&host(&hot, Some("attic"), None), "temperature"),
        Level::Warn
    );
    // What a container can't see is no reason to worry, and can be given to it.
    let unseen = Readings {
        throttled: None,
        ..contained(Engine::Docker)
    };
    let findings = host(&unseen, Some("attic"), None);
    let power = findings
        .iter()
        .find(|finding| finding.check == "power")
        .unwrap();
    assert_eq!(power.level, Level::Info);
    assert!(text_of(&power.fix[0]).contains(":ro"), "{power:#?}");
}

#[test]
fn a_clock_from_before_this_program_fails_and_one_that_nobody_keeps_warns() {
    let readings = healthy();
    assert_eq!(level_of(&clock(&readings, 0, false), "time"), Level::Fail);
    let lost = Readings {
        is_clock_kept: Some(false),
        has_time_zone: false,
        ..healthy()
    };
    let findings = clock(&lost, 1_800_000_000_000, true);
    assert_eq!(level_of(&findings, "time"), Level::Warn);
    assert_eq!(level_of(&findings, "zone"), Level::Warn);
}

#[test]
fn a_virtual_machine_made_of_a_containers_image_is_no_container() {
    let mut readings = healthy();
    readings.traces.has_dockerenv = true;
    assert_eq!(Place::of(&readings), Place::Host);
    readings.traces.is_first_namespace = false;
    assert_eq!(Place::of(&readings), Place::Container(Engine::Docker));
}
