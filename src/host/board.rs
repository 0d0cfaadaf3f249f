//! What the kernel tells about the board in small files: model, clock, throttling.

use std::fs;
use std::path::{Path, PathBuf};

use super::file::Kept;
use crate::telemetry::Throttled;

/// Where the files are; a test has its own.
#[derive(Debug, Clone)]
pub(super) struct BoardPaths {
    /// The model's name: in the device tree, which containers don't see, and where a container may be given it.
    pub(super) models: [PathBuf; 2],
    /// The processor; the kernel of Raspberry Pi OS adds the model's name.
    pub(super) processor: PathBuf,
    /// The clock of the first core, in kHz; on every Raspberry Pi the cores share one.
    pub(super) frequency: PathBuf,
    /// The platform's devices, one of which is the firmware.
    pub(super) platform: PathBuf,
}

impl Default for BoardPaths {
    fn default() -> Self {
        Self {
            models: ["/proc/device-tree/model", "/run/host/model"].map(PathBuf::from),
            processor: "/proc/cpuinfo".into(),
            frequency: "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq".into(),
            platform: "/sys/devices/platform".into(),
        }
    }
}

/// The board's files, found once.
pub(super) struct Board {
    models: [PathBuf; 2],
    processor: PathBuf,
    frequency: Kept,
    throttled: Option<Kept>,
    /// Bits 16 to 19 of every reading so far.
    remembered: u32,
}

impl Board {
    /// Looks for the files.
    pub(super) fn find(paths: BoardPaths) -> Self {
        Self {
            throttled: find_throttled(&paths.platform).map(Kept::new),
            models: paths.models,
            processor: paths.processor,
            frequency: Kept::new(paths.frequency),
            remembered: 0,
        }
    }

    /// The model's name, such as `Raspberry Pi 4 Model B Rev 1.4`.
    pub(super) fn model(&self) -> Option<String> {
        let told = self.models.iter().find_map(|path| {
            let text = fs::read_to_string(path).ok()?;
            // The device tree ends its texts with a zero byte.
            name(text.trim_end_matches('\0'))
        });
        told.or_else(|| {
            let text = fs::read_to_string(&self.processor).ok()?;
            text.lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(key, _)| key.trim() == "Model")
                .and_then(|(_, value)| name(value))
        })
    }

    /// The clock, in MHz.
    ///
    /// Not sysinfo's: where there is no such file that reads `BogoMIPS` from `/proc/cpuinfo`, which is no clock.
    pub(super) fn frequency_mhz(&mut self, room: &mut Vec<u8>) -> Option<u32> {
        let khz: u32 = self.frequency.number(room)?;
        (khz >= 1000).then_some(khz / 1000)
    }

    /// The firmware's report.
    ///
    /// The kernel's own under-voltage watch clears the firmware's memory every two seconds, so what was seen is kept here.
    pub(super) fn throttled(&mut self, room: &mut Vec<u8>) -> Option<Throttled> {
        let bits = parse_bits(self.throttled.as_mut()?.read(room)?)?;
        self.remembered |= bits & 0xf_0000 | (bits & 0xf) << 16;
        Some(Throttled::from_bits(bits | self.remembered))
    }
}

fn name(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// What the firmware says at this moment.
pub(super) fn throttled_bits(platform: &Path) -> Option<u32> {
    parse_bits(&fs::read_to_string(find_throttled(platform)?).ok()?)
}

/// Finds `get_throttled` of the firmware: below `soc/soc:firmware`, on a Raspberry Pi 5 below a `soc` with an address.
fn find_throttled(platform: &Path) -> Option<PathBuf> {
    let known = platform.join("soc/soc:firmware/get_throttled");
    if known.exists() {
        return Some(known);
    }
    let named = |path: &PathBuf, test: fn(&str) -> bool| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(test)
    };
    children(platform)
        .filter(|path| named(path, |name| name.starts_with("soc")))
        .flat_map(|soc| children(&soc))
        .filter(|path| named(path, |name| name.ends_with(":firmware")))
        .map(|firmware| firmware.join("get_throttled"))
        .find(|path| path.exists())
}

fn children(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
}

fn parse_bits(text: &str) -> Option<u32> {
    let text = text.trim();
    u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board_in(directory: &Path) -> Board {
        Board::find(BoardPaths {
            models: ["model", "given"].map(|name| directory.join(name)),
            processor: directory.join("cpuinfo"),
            frequency: directory.join("frequency"),
            platform: directory.join("platform"),
        })
    }

    fn write(path: PathBuf, text: &str) {
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(path, text).expect("written");
    }

    #[test]
    fn a_host_without_the_files_tells_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut board = board_in(directory.path());
        assert_eq!(board.model(), None);
        assert_eq!(board.frequency_mhz(&mut Vec::new()), None);
        assert_eq!(board.throttled(&mut Vec::new()), None);
    }

    #[test]
    fn model_and_clock_are_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut board = board_in(directory.path());
        write(
            directory.path().join("model"),
            "Raspberry Pi 4 Model B Rev 1.4\0",
        );
        write(directory.path().join("frequency"), "1800000\n");
        assert_eq!(
            board.model().as_deref(),
            Some("Raspberry Pi 4 Model B Rev 1.4")
        );
        assert_eq!(board.frequency_mhz(&mut Vec::new()), Some(1800));
        write(directory.path().join("frequency"), "<unknown>\n");
        assert_eq!(board.frequency_mhz(&mut Vec::new()), None);
    }

    #[test]
    fn without_the_device_tree_the_model_is_what_was_given_or_what_the_processor_says() {
        let directory = tempfile::tempdir().expect("a directory");
        let board = board_in(directory.path());
        write(
            directory.path().join("cpuinfo"),
            "processor\t: 0\nmodel name\t: ARMv7\nRevision\t: c03112\nModel\t\t: Raspberry Pi 4 Model B Rev 1.2\n",
        );
        assert_eq!(
            board.model().as_deref(),
            Some("Raspberry Pi 4 Model B Rev 1.2")
        );
        write(directory.path().join("given"), "Raspberry Pi 5\0");
        assert_eq!(board.model().as_deref(), Some("Raspberry Pi 5"));
    }

    #[test]
    fn throttling_is_found_on_each_generation_and_remembered() {
        for place in ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"] {
            let directory = tempfile::tempdir().expect("a directory");
            let file = directory
                .path()
                .join("platform")
                .join(place)
                .join("get_throttled");
            write(file.clone(), "0\n");
            let mut board = board_in(directory.path());
            let mut read = |text| {
                write(file.clone(), text);
                board.throttled(&mut Vec::new())
            };
            assert_eq!(read("0\n"), Some(Throttled::default()));
            let now = read("5\n").expect("bits");
            assert!(now.under_voltage && now.now && now.since_boot);
            let later = read("0x0\n").expect("bits");
            assert!(!later.under_voltage && !later.now && later.since_boot);
            assert_eq!(read("what\n"), None);
        }
    }
}
