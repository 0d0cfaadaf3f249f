//! History files: the letter `r` and the bytes of a file, or any other byte and contents of records, whose lengths and
//! checksums are made right so that they are read.

use piglow_node::telemetry::history::Kept;
use piglow_node::telemetry::journal::{self, BootId, Journal};

use super::BETWEEN;

/// The longest input whose samples all fit into a record again, in bytes.
const COMPLETE: usize = 4000;

/// Reads a file; what was read and is written again is read again.
pub fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    let file = if *kind == b'r' {
        rest.to_vec()
    } else {
        recorded(rest)
    };
    let Ok(read) = journal::decode(&file) else {
        return;
    };
    if data.len() > COMPLETE {
        return;
    }
    for during in [None, Some([7; 16])] {
        let written = write(&read, during);
        let again = journal::decode(&written).expect("what was written is a history");
        assert!(!again.is_torn, "written and torn");
        assert_eq!(again.damaged, 0, "written and damaged");
        assert_eq!(again.samples.len(), read.samples.len(), "samples");
        assert_eq!(write(&again, during), written, "written once more");
    }
}

/// A file of these samples, all taken during one start of the host.
fn write(journal: &Journal, during: Option<BootId>) -> Vec<u8> {
    let samples: Vec<Kept> = journal
        .samples
        .iter()
        .map(|(kept, _)| kept.clone())
        .collect();
    let mut file = journal::begin();
    journal::append(&mut file, &samples, during);
    file
}

/// A file with these contents of records.
fn recorded(contents: &[u8]) -> Vec<u8> {
    let mut file = journal::begin();
    for content in contents.split(|byte| *byte == BETWEEN) {
        let Ok(length) = u16::try_from(content.len()) else {
            continue;
        };
        let length = length.to_le_bytes();
        let sum = length.iter().chain(content).fold(u32::MAX, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
            })
        });
        file.extend(length);
        file.extend((!sum).to_le_bytes());
        file.extend(content);
    }
    file
}
