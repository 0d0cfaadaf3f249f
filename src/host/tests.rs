use super::*;

/// Repeats, without sleeping, until there is something: a meter has measured its first interval after 100 ms.
fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let limit = Instant::now() + Duration::from_secs(10);
    while Instant::now() < limit {
        if let Some(found) = look() {
            return found;
        }
        std::thread::yield_now();
    }
    panic!("nothing within 10 s");
}

#[test]
fn this_host_is_plausible() {
    let mut host = Host::open();
    // As read at the moment of opening, however long that took.
    let first = host.gauge.read(host.opened, &mut host.stat, &mut host.room);
    assert_eq!(first, None, "a mean since boot is no load");

    let load = wait_for(|| host.load().cloned());
    assert!((0.0..=100.0).contains(&load.total.get()));
    assert_eq!(host.describe().cores, Some(load.cores.len()));

    let reading = wait_for(|| Some(host.sample()).filter(|reading| reading.cpu.is_some()));
    let cores = reading.cpu.map(|cpu| cpu.cores.len());
    assert_eq!(cores, Some(load.cores.len()));
    let memory = reading.memory.expect("memory");
    assert!(memory.total_bytes > 0 && memory.used_bytes <= memory.total_bytes);
    assert!(reading.uptime.expect("an uptime") > Duration::ZERO);
    assert!(reading.load_average.is_some());
    let disk = reading.disk.expect("a file system");
    assert!(disk.total_bytes > 0 && disk.used_bytes <= disk.total_bytes);
    assert!(host.sample().at >= reading.at);
}

#[test]
fn this_host_has_a_kernel_and_an_architecture() {
    let description = Host::open().describe();
    assert!(description.kernel.is_some());
    assert!(!description.architecture.is_empty());
}

#[test]
fn a_system_is_named_as_it_names_itself() {
    let text = "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"13\"\n";
    assert_eq!(os_name(text).as_deref(), Some("Debian GNU/Linux 13"));
    assert_eq!(os_name("NAME=Arch\n").as_deref(), Some("Arch"));
    assert_eq!(os_name("ID=arch\n"), None);
}

#[test]
fn load_averages_are_three_numbers() {
    assert_eq!(
        load_average("0.52 1.00 12.25 2/345 678\n"),
        Some([0.52, 1.0, 12.25])
    );
    assert_eq!(load_average("0.52 nan 1\n"), None);
    assert_eq!(load_average("0.52\n"), None);
}
