//! Telemetry that was recorded from real nodes, played again and again.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::protocol;
use crate::telemetry::{Run, Sample};

/// Why a recording can't be played.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file can't be read.
    #[error("--replay {path} can't be read")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is no sample.
    #[error(
        "line {line} of {path} is no sample: {reason}; expected lines as mosquitto_sub -t 'piglow/+/telemetry' prints them"
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// There is nothing in it.
    #[error("{path} has no sample")]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// Samples by the run of the node that took them, each run in the order of time.
#[derive(Debug, PartialEq)]
pub struct Recording {
    tracks: Vec<Track>,
}

#[derive(Debug, PartialEq)]
struct Track {
    /// Seconds from the first sample, and the sample.
    samples: Vec<(f64, Sample)>,
    /// After which it begins again: one mean distance after the last sample.
    length: f64,
}

impl Recording {
    /// Reads a file of published samples, one JSON a line, with or without the topic before it.
    ///
    /// # Errors
    ///
    /// Tells which line is no sample.
    pub fn read(path: &Path) -> Result<Self, RecordingError> {
        let text = std::fs::read_to_string(path).map_err(|source| RecordingError::File {
            path: path.to_owned(),
            source,
        })?;
        let mut runs: HashMap<Run, Vec<Sample>> = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let payload = line.find('{').map_or(line, |start| &line[start..]);
            let sample = sample(payload).map_err(|reason| RecordingError::Line {
                path: path.to_owned(),
                line: index + 1,
                reason,
            })?;
            runs.entry(sample.stamp.run).or_default().push(sample);
        }
        let mut runs: Vec<_> = runs.into_iter().collect();
        if runs.is_empty() {
            let path = path.to_owned();
            return Err(RecordingError::Empty { path });
        }
        runs.sort_by_key(|(run, _)| run.0);
        let tracks = runs.into_iter().map(|(_, samples)| Track::new(samples));
        Ok(Self {
            tracks: tracks.collect(),
        })
    }

    /// What the n-th node reads at a time, in seconds since 1970; the nodes are spread over the runs, and over their length.
    pub(super) fn at(&self, number: u32, unix_secs: f64) -> Sample {
        /// The golden ratio, as for the nodes' turns.
        const SPREAD: f64 = 0.618_033_988_749_895;
        let track = &self.tracks[number as usize % self.tracks.len()];
        let start = (f64::from(number) * SPREAD).fract() * track.length;
        track
            .at((unix_secs + start).rem_euclid(track.length))
            .clone()
    }
}

fn sample(payload: &str) -> Result<Sample, String> {
    let sample = protocol::recorded_sample(payload.as_bytes())?;
    if !sample.stamp.is_dated() {
        return Err("it has no time, so that nobody knows when it was taken".to_owned());
    }
    Ok(sample)
}

impl Track {
    /// Makes a track of at least one sample.
    fn new(mut samples: Vec<Sample>) -> Self {
        samples.sort_by_key(|sample| (sample.stamp.unix_ms, sample.stamp.sequence));
        let first = samples.first().map_or(0, |sample| sample.stamp.unix_ms);
        let samples: Vec<(f64, Sample)> = samples
            .into_iter()
            .map(|sample| ((sample.stamp.unix_ms - first) as f64 / 1000.0, sample))
            .collect();
        let last = samples.last().map_or(0.0, |(secs, _)| *secs);
        let distances = samples.len().saturating_sub(1).max(1);
        Self {
            length: (last + last / distances as f64).max(1.0),
            samples,
        }
    }

    fn at(&self, secs: f64) -> &Sample {
        let after = self.samples.partition_point(|(at, _)| *at <= secs);
        &self.samples[after.saturating_sub(1)].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// A published sample of a run, taken so many seconds into 2026-02-01, with this load.
    fn line(run: &str, second: u32, load: u32) -> String {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/telemetry.json");
        let mut value: serde_json::Value =
            serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
        value["time"] = format!("2026-02-01T00:00:{second:02}.000Z").into();
        value["run"] = run.into();
        value["cpu"]["load_percent"] = load.into();
        value.to_string()
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn each_run_is_played_in_the_order_of_time_and_begins_again() {
        let text = [
            format!("piglow/attic/telemetry {}", line("0000000a", 10, 3)),
            line("0000000a", 0, 1),
            String::new(),
            line("0000000a", 5, 2),
        ];
        let file = file(&text.join("\n"));
        let recording = Recording::read(file.path()).unwrap();
        let loads = [0.0, 4.9, 5.0, 10.0, 14.9].map(|secs| {
            let sample = recording.tracks[0].at(secs);
            sample.cpu.as_ref().unwrap().total.get()
        });
        assert_eq!(loads, [1.0, 1.0, 2.0, 3.0, 3.0]);
        assert_eq!(recording.tracks[0].length, 15.0);
        assert_eq!(recording.at(0, 100.0), recording.at(0, 115.0));
    }

    #[test]
    fn runs_of_several_nodes_are_kept_apart() {
        let lines = [("0000000a", 0, 1), ("0000000b", 1, 50), ("0000000a", 5, 2)];
        let text = lines.map(|(run, second, load)| line(run, second, load));
        let recording = Recording::read(file(&text.join("\n")).path()).unwrap();
        let counts: Vec<usize> = recording
            .tracks
            .iter()
            .map(|track| track.samples.len())
            .collect();
        assert_eq!(counts, [2, 1]);
    }

    #[test]
    fn a_line_that_is_no_sample_is_named() {
        let text = format!(
            "{}\npiglow/attic/availability online\n",
            line("0000000a", 0, 1)
        );
        let file = file(&text);
        let error = Recording::read(file.path()).unwrap_err().to_string();
        assert!(error.starts_with("line 2 of "), "{error}");
        let empty = Recording::read(self::file("\n").path()).unwrap_err();
        assert!(matches!(empty, RecordingError::Empty { .. }));
    }
}
