use super::*;
use crate::clock::tests::{NOON, TestWall};
use crate::telemetry::{Run, Sample, Stamp};
use std::time::Duration;

const LIMIT: u64 = 1 << 20;

fn sample(clock: &Clock, sequence: u64) -> Sample {
    Sample {
        stamp: Stamp {
            run: Run(1),
            sequence,
            unix_ms: clock.unix_millis(),
            since_boot: Some(clock.since_boot()),
        },
        ..Sample::default()
    }
}

fn history(clock: &Clock, count: u64) -> History {
    let mut history = History::new(1000);
    for sequence in 0..count {
        history.keep(&sample(clock, sequence));
    }
    history
}

fn sequences(kept: &[Kept]) -> Vec<u64> {
    kept.iter().map(|kept| kept.sample.stamp.sequence).collect()
}

/// A folder, a file in it, and clocks.
fn place() -> (tempfile::TempDir, PathBuf, Clock, &'static TestWall) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/history");
    let wall = TestWall::start(NOON);
    (folder, path, Clock::start_beside(wall), wall)
}

#[tokio::test]
async fn what_is_saved_is_found_and_what_is_delivered_is_removed() {
    let (_folder, path, clock, _) = place();
    let (mut archive, left) = Archive::open(path.clone(), LIMIT, &clock);
    assert!(left.is_empty());
    let mut kept = history(&clock, 3);
    archive.save(&mut kept, &clock).await;
    kept.keep(&sample(&clock, 3));
    archive.save(&mut kept, &clock).await;
    let (mut archive, left) = Archive::open(path.clone(), LIMIT, &clock);
    assert_eq!(sequences(&left), [0, 1, 2, 3]);
    assert_eq!(left, kept.iter().collect::<Vec<_>>());
    archive.clear().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn nothing_is_written_when_nothing_is_new() {
    let (_folder, path, clock, _) = place();
    let (mut archive, _) = Archive::open(path.clone(), LIMIT, &clock);
    let mut kept = history(&clock, 3);
    archive.save(&mut kept, &clock).await;
    fs::remove_file(&path).unwrap();
    archive.save(&mut kept, &clock).await;
    assert!(!path.exists());
}

#[tokio::test]
async fn what_was_being_sent_at_a_crash_is_in_doubt() {
    let (_folder, path, clock, _) = place();
    let (mut archive, _) = Archive::open(path.clone(), LIMIT, &clock);
    let mut kept = history(&clock, 2);
    archive.save(&mut kept, &clock).await;
    archive.note_sending().await;
    let length = fs::metadata(&path).unwrap().len();
    archive.note_sending().await;
    assert_eq!(
        fs::metadata(&path).unwrap().len(),
        length,
        "it is said once"
    );
    kept.keep(&sample(&clock, 2));
    archive.save(&mut kept, &clock).await;
    let (_, left) = Archive::open(path, LIMIT, &clock);
    let doubts: Vec<bool> = left.iter().map(|kept| kept.in_doubt).collect();
    assert_eq!(doubts, [true, true, false]);
}

#[tokio::test]
async fn after_a_delivery_of_a_part_the_file_is_replaced_by_the_rest() {
    let (_folder, path, clock, _) = place();
    let (mut archive, _) = Archive::open(path.clone(), LIMIT, &clock);
    let mut kept = history(&clock, 5);
    archive.save(&mut kept, &clock).await;
    kept.begin(3);
    kept.delivered();
    archive.outdate();
    archive.save(&mut kept, &clock).await;
    let (_, left) = Archive::open(path, LIMIT, &clock);
    assert_eq!(sequences(&left), [3, 4]);
}

#[tokio::test]
async fn a_torn_file_is_read_and_then_replaced() {
    let (_folder, path, clock, _) = place();
    let (mut archive, _) = Archive::open(path.clone(), LIMIT, &clock);
    archive.save(&mut history(&clock, 4), &clock).await;
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let (mut archive, left) = Archive::open(path.clone(), LIMIT, &clock);
    assert_eq!(sequences(&left), [0, 1, 2]);
    let mut kept = History::new(0);
    kept.restore(left);
    kept.keep(&sample(&clock, 9));
    archive.save(&mut kept, &clock).await;
    let (_, left) = Archive::open(path, LIMIT, &clock);
    assert_eq!(sequences(&left), [0, 1, 2, 9]);
}

#[tokio::test]
async fn a_file_that_is_full_is_thinned_like_memory() {
    let (_folder, path, clock, _) = place();
    let limit = 4096;
    let (mut archive, _) = Archive::open(path.clone(), limit, &clock);
    let mut kept = history(&clock, 500);
    archive.save(&mut kept, &clock).await;
    assert!(fs::metadata(&path).unwrap().len() <= limit);
    let (_, left) = Archive::open(path, limit, &clock);
    assert_eq!(
        (sequences(&left)[0], sequences(&left).last()),
        (0, Some(&499))
    );
    let missing: u64 = left.iter().map(|kept| kept.missing).sum();
    assert_eq!(left.len() as u64 + missing, 500);
}

#[tokio::test]
async fn something_else_is_left_alone() {
    let (folder, _, clock, _) = place();
    let path = folder.path().join("letter");
    fs::write(&path, "Dear Sir or Madam").unwrap();
    let (mut archive, left) = Archive::open(path.clone(), LIMIT, &clock);
    assert_eq!((archive.disk(), left.len()), (Disk::Foreign, 0));
    archive.save(&mut history(&clock, 3), &clock).await;
    archive.clear().await;
    assert_eq!(fs::read(&path).unwrap(), b"Dear Sir or Madam");
}

#[tokio::test]
async fn a_disk_that_fails_is_a_state_and_is_tried_again() {
    let (folder, _, clock, _) = place();
    let path = folder.path().join("occupied/history");
    // A file where the folder should be: not even root can write below it.
    fs::write(folder.path().join("occupied"), "").unwrap();
    let (mut archive, _) = Archive::open(path.clone(), LIMIT, &clock);
    let mut kept = history(&clock, 3);
    archive.save(&mut kept, &clock).await;
    assert_eq!(archive.disk(), Disk::Failing);
    fs::remove_file(folder.path().join("occupied")).unwrap();
    archive.save(&mut kept, &clock).await;
    assert_eq!(archive.disk(), Disk::Ok);
    let (_, left) = Archive::open(path, LIMIT, &clock);
    assert_eq!(sequences(&left), [0, 1, 2]);
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_memory_holds() {
    // Everything that is written there fails for want of space (full(4)).
    let clock = Clock::start_beside(TestWall::start(NOON));
    let full = Path::new("/dev/full");
    let error = Job::Append(vec![0]).run(full).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    let mut archive = Archive::open(PathBuf::from("/nowhere/history"), LIMIT, &clock).0;
    archive.path = full.to_owned();
    archive.length = Some(0);
    let mut kept = history(&clock, 3);
    archive.save(&mut kept, &clock).await;
    assert_eq!((archive.disk(), archive.length), (Disk::Failing, None));
    assert_eq!(kept.kept(), 3);
}

#[tokio::test(start_paused = true)]
async fn times_in_the_file_are_those_known_when_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history");
    let wall = TestWall::start(0);
    let clock = Clock::start_beside(wall);
    let (mut archive, _) = Archive::open(path.clone(), LIMIT, &clock);
    let mut kept = history(&clock, 1);
    archive.save(&mut kept, &clock).await;
    // Set at last: nothing is new, but what is written is wrong.
    wall.step(NOON);
    tokio::time::advance(Duration::from_secs(5)).await;
    archive.save(&mut kept, &clock).await;
    let (_, left) = Archive::open(path, LIMIT, &clock);
    assert_eq!(left[0].sample.stamp.unix_ms, NOON);
}

#[tokio::test]
async fn another_start_of_the_host_can_not_repair_times() {
    let (_folder, path, clock, _) = place();
    let (mut archive, _) = Archive::open(path.clone(), LIMIT, &clock);
    archive.boot = Some([7; 16]);
    archive.save(&mut history(&clock, 1), &clock).await;
    let (_, left) = Archive::open(path, LIMIT, &clock);
    assert_eq!(left[0].sample.stamp.since_boot, None);
}

#[test]
fn the_kernel_names_its_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("boot_id");
    fs::write(&path, "01020304-0506-0708-090a-0b0c0d0e0f10\n").unwrap();
    assert_eq!(
        boot_id(&path),
        Some([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
    );
    assert_eq!(boot_id(&folder.path().join("none")), None);
}
