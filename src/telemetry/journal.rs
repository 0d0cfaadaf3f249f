//! A history as bytes on a disk: a header, then records, each with its length and a checksum.
//!
//! ```text
//! header   "piglowH1": eight bytes, the last is the version
//! record   length of its content (16 bits), CRC-32 of length and content (32 bits), content
//! content  1, flags (bit 0: in doubt), samples missing before it (varint), the sample
//!          2, the identification of the host's start during which the next samples were taken (16 bytes)
//!          3: what stands before it was being sent, and may have arrived
//! ```
//!
//! Numbers are little-endian. Appending is safe: a record that a power cut has torn is the last one and does not count; a record
//! that the disk has garbled is passed over. [`decode`] takes any bytes.

use super::history::Kept;
use super::record::{self, Rest, put};

/// What a file begins with; the last byte is the version.
const HEADER: &[u8; 8] = b"piglowH1";

/// The longest content of a record, in bytes: a sample of more than 2,000 cores.
const CONTENT_MAX: usize = 8 * 1024;

const SAMPLE: u8 = 1;
const BOOT: u8 = 2;
const SENDING: u8 = 3;

/// One start of the host, as its kernel calls it.
pub type BootId = [u8; 16];

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Journal {
    /// The samples, oldest first, each with the start of the host during which it was taken, if that is known.
    pub samples: Vec<(Kept, Option<BootId>)>,
    /// Records that could not be read.
    pub damaged: u64,
    /// Whether the last record is incomplete, as after a power cut.
    pub is_torn: bool,
}

/// A file that is no history, or one of a version that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no history file of this version")]
pub struct Foreign;

/// Reads a file.
///
/// # Errors
///
/// Tells a file that is something else. Whatever follows a right header is read as far as it can be.
pub fn decode(bytes: &[u8]) -> Result<Journal, Foreign> {
    let Some(mut rest) = bytes.strip_prefix(HEADER) else {
        // A power cut may leave less than the header, or nothing.
        let is_torn = HEADER.starts_with(bytes);
        return if is_torn {
            Ok(Journal {
                is_torn: !bytes.is_empty(),
                ..Journal::default()
            })
        } else {
            Err(Foreign)
        };
    };
    let mut journal = Journal::default();
    let mut boot = None;
    while !rest.is_empty() {
        let Some((content, is_whole, behind)) = split(rest) else {
            journal.is_torn = true;
            break;
        };
        rest = behind;
        let is_read = is_whole && journal.take(content, &mut boot);
        journal.damaged += u64::from(!is_read);
    }
    Ok(journal)
}

/// The content of the first record, whether its checksum is right, and what follows; `None` when it is incomplete.
fn split(bytes: &[u8]) -> Option<(&[u8], bool, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let (content, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    Some((
        content,
        checksum(*length, content) == u32::from_le_bytes(*sum),
        rest,
    ))
}

impl Journal {
    /// Takes in a record; false when it is none.
    fn take(&mut self, content: &[u8], boot: &mut Option<BootId>) -> bool {
        match content.split_first() {
            Some((&SAMPLE, body)) => {
                let kept = read_sample(body);
                let is_sample = kept.is_some();
                self.samples.extend(kept.map(|kept| (kept, *boot)));
                is_sample
            }
            Some((&BOOT, body)) => {
                *boot = body.try_into().ok();
                boot.is_some()
            }
            Some((&SENDING, [])) => {
                for (kept, _) in &mut self.samples {
                    kept.in_doubt = true;
                }
                true
            }
            Some(_) | None => false,
        }
    }
}

fn read_sample(body: &[u8]) -> Option<Kept> {
    let mut rest = Rest(body);
    let [flags] = rest.take()?;
    let missing = rest.varint()?;
    Some(Kept {
        sample: record::decode(rest.0)?,
        // More than a run can take is damage that the checksum has not seen.
        missing: (missing <= u64::from(u32::MAX)).then_some(missing)?,
        in_doubt: flags & 1 != 0,
    })
}

/// What a file begins with, followed by records.
#[must_use]
pub fn begin() -> Vec<u8> {
    HEADER.to_vec()
}

/// Appends the records of samples, all taken during this start of the host, or before it if they don't know how long it
/// had been up.
pub fn append(out: &mut Vec<u8>, samples: &[Kept], boot: Option<BootId>) {
    let mut told = None;
    for kept in samples {
        let taken_during = boot.filter(|_| kept.sample.stamp.since_boot.is_some());
        if let Some(boot) = taken_during
            && told != Some(boot)
        {
            put_record(out, |content| {
                content.push(BOOT);
                content.extend(boot);
            });
            told = Some(boot);
        }
        put_record(out, |content| {
            content.extend([SAMPLE, u8::from(kept.in_doubt)]);
            put(content, kept.missing);
            record::encode(&kept.sample, content);
        });
    }
}

/// Appends that what stands before it is being sent.
pub fn append_sending(out: &mut Vec<u8>) {
    put_record(out, |content| content.push(SENDING));
}

fn put_record(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut content = Vec::with_capacity(128);
    write(&mut content);
    let Some(length) = u16::try_from(content.len())
        .ok()
        .filter(|length| usize::from(*length) <= CONTENT_MAX)
    else {
        return;
    };
    let length = length.to_le_bytes();
    out.extend(length);
    out.extend(checksum(length, &content).to_le_bytes());
    out.extend(content);
}

fn checksum(length: [u8; 2], content: &[u8]) -> u32 {
    !length
        .iter()
        .chain(content)
        .fold(u32::MAX, |sum, byte| crc32_step(sum, *byte))
}

/// CRC-32 as in Ethernet and zip, a bit at a time: a file has kilobytes, and is read once.
fn crc32_step(sum: u32, byte: u8) -> u32 {
    (0..8).fold(sum ^ u32::from(byte), |sum, _| {
        if sum & 1 == 0 {
            sum >> 1
        } else {
            (sum >> 1) ^ 0xedb8_8320
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Sample;
    use proptest::prelude::*;
    use std::time::Duration;

    fn kept(sequence: u64, in_doubt: bool) -> Kept {
        let mut sample = Sample::default();
        sample.stamp.sequence = sequence;
        // Each takes as many bytes as the others.
        sample.stamp.since_boot = Some(Duration::from_secs(5 + sequence));
        Kept {
            sample,
            missing: sequence,
            in_doubt,
        }
    }

    fn file(samples: &[Kept], boot: Option<BootId>) -> Vec<u8> {
        let mut bytes = begin();
        append(&mut bytes, samples, boot);
        bytes
    }

    fn sequences(bytes: &[u8]) -> Vec<u64> {
        let journal = decode(bytes).unwrap();
        journal
            .samples
            .iter()
            .map(|(kept, _)| kept.sample.stamp.sequence)
            .collect()
    }

    #[test]
    fn the_checksum_is_the_one_of_the_check_value() {
        let sum = !b"123456789"
            .iter()
            .fold(u32::MAX, |sum, byte| crc32_step(sum, *byte));
        assert_eq!(sum, 0xcbf4_3926);
    }

    #[test]
    fn samples_come_back_with_their_start_of_the_host() {
        let mut bytes = file(&[kept(1, false), kept(2, true)], Some([1; 16]));
        append(&mut bytes, &[kept(3, false)], Some([2; 16]));
        let expected = vec![
            (kept(1, false), Some([1; 16])),
            (kept(2, true), Some([1; 16])),
            (kept(3, false), Some([2; 16])),
        ];
        let journal = decode(&bytes).unwrap();
        assert_eq!(
            journal,
            Journal {
                samples: expected,
                ..Journal::default()
            }
        );
    }

    #[test]
    fn what_was_being_sent_is_in_doubt() {
        let mut bytes = file(&[kept(1, false)], None);
        append_sending(&mut bytes);
        append(&mut bytes, &[kept(2, false)], None);
        let doubts: Vec<bool> = decode(&bytes)
            .unwrap()
            .samples
            .iter()
            .map(|(kept, _)| kept.in_doubt)
            .collect();
        assert_eq!(doubts, [true, false]);
    }

    #[test]
    fn a_file_cut_at_any_byte_has_every_whole_record() {
        let samples: Vec<Kept> = (0..5).map(|sequence| kept(sequence, false)).collect();
        let bytes = file(&samples, Some([9; 16]));
        let mut whole = 0;
        for length in 0..=bytes.len() {
            let journal = decode(&bytes[..length]).unwrap();
            assert!(
                journal.samples.len() >= whole && journal.damaged == 0,
                "{length}"
            );
            whole = journal.samples.len();
        }
        assert_eq!(whole, 5);
        assert!(decode(&bytes[..bytes.len() - 1]).unwrap().is_torn);
        assert!(!decode(&bytes).unwrap().is_torn);
    }

    #[test]
    fn a_garbled_byte_costs_one_record() {
        let samples: Vec<Kept> = (0..5).map(|sequence| kept(sequence, false)).collect();
        let bytes = file(&samples, None);
        let record = (bytes.len() - HEADER.len()) / 5;
        for offset in 2..record {
            let mut garbled = bytes.clone();
            garbled[HEADER.len() + 2 * record + offset] ^= 0x10;
            assert_eq!(sequences(&garbled), [0, 1, 3, 4], "{offset}");
            assert_eq!(decode(&garbled).unwrap().damaged, 1);
        }
    }

    #[test]
    fn what_is_something_else_is_told() {
        assert_eq!(decode(b"root:x:0:0"), Err(Foreign));
        assert_eq!(decode(b"piglowH2"), Err(Foreign));
        assert_eq!(decode(b""), Ok(Journal::default()));
    }

    proptest! {
        #[test]
        fn any_bytes_behind_a_header_are_read(bytes: Vec<u8>) {
            let mut file = begin();
            file.extend(bytes);
            prop_assert!(decode(&file).is_ok());
        }

        #[test]
        fn decoding_is_the_inverse_of_encoding(
            samples in proptest::collection::vec((record::tests::samples(), any::<u32>(), any::<bool>()), 0..9),
            boot in any::<BootId>(),
        ) {
            let samples: Vec<Kept> = samples
                .into_iter()
                .map(|(sample, missing, in_doubt)| Kept { sample, missing: missing.into(), in_doubt })
                .collect();
            let journal = decode(&file(&samples, Some(boot))).unwrap();
            let read: Vec<Kept> = journal.samples.into_iter().map(|(kept, _)| kept).collect();
            prop_assert_eq!(read, samples);
        }
    }
}
