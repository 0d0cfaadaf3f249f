use super::*;

/// Repeats, without sleeping, until there is something: a meter has measured its first interval after 200 ms.
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
    let first = host
        .gauge
        .as_mut()
        .and_then(|meter| meter.read(host.opened));
    assert_eq!(first, None, "a mean since boot is no load");

    let load = wait_for(|| host.load().cloned());
    assert!((0.0..=100.0).contains(&load.total.get()));
    assert_eq!(host.describe().cores, Some(load.cores.len()));

    // The meter of samples starts later than the gauge's.
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
