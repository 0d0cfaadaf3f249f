//! Small files of the kernel's that sysinfo does not read, or not at a low price, and that are read again and again.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// A page of the kernel's, 4 KiB: `/proc/net/dev` of 30 interfaces.
const FIRST_ROOM: usize = 4096;

/// 256 KiB: a file that is longer is none of those that are meant.
const ROOM_MAX: usize = 256 * 1024;

/// A file that stays open: to read it again is one call to the kernel, which writes it anew each time.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    file: Option<File>,
}

impl Kept {
    /// Names the file; it is opened when it is read, and again when it was gone.
    pub(super) fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            file: None,
        }
    }

    /// The file's text as it is at this moment; the room for it is used again and again.
    pub(super) fn read<'r>(&mut self, room: &'r mut Vec<u8>) -> Option<&'r str> {
        let file = match self.file.take() {
            Some(file) => file,
            None => File::open(&self.path).ok()?,
        };
        if room.is_empty() {
            room.resize(FIRST_ROOM, 0);
        }
        let mut filled = 0;
        loop {
            // A device that is gone answers with an error, and its file stays closed until the next reading.
            let read = file.read_at(room.get_mut(filled..)?, filled as u64).ok()?;
            filled += read;
            // The kernel hands over as many lines as fit into a page: less than half of one is all there is.
            if read == 0 || filled < FIRST_ROOM / 2 {
                break;
            }
            if filled == room.len() {
                if filled >= ROOM_MAX {
                    return None;
                }
                room.resize(filled * 2, 0);
            }
        }
        self.file = Some(file);
        std::str::from_utf8(room.get(..filled)?).ok()
    }

    /// The number that the file holds.
    pub(super) fn number<N: std::str::FromStr>(&mut self, room: &mut Vec<u8>) -> Option<N> {
        self.read(room)?.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_is_read_as_it_is_at_that_moment() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let (mut kept, mut room) = (Kept::new(&path), Vec::new());
        assert_eq!(kept.read(&mut room), None);
        fs::write(&path, "48300\n").expect("written");
        assert_eq!(kept.number(&mut room), Some(48_300));
        fs::write(&path, "7\n").expect("written");
        assert_eq!(kept.number(&mut room), Some(7));
        assert_eq!(kept.number::<u32>(&mut room), Some(7));
        fs::write(&path, "many\n").expect("written");
        assert_eq!(kept.number::<u32>(&mut room), None);
    }

    #[test]
    fn a_long_file_is_read_to_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let text = "0123456789\n".repeat(2000);
        fs::write(&path, &text).expect("written");
        let (mut kept, mut room) = (Kept::new(&path), Vec::new());
        assert_eq!(kept.read(&mut room), Some(text.as_str()));
        fs::write(&path, "x".repeat(ROOM_MAX + 1)).expect("written");
        assert_eq!(kept.read(&mut room), None, "none of those that are meant");
    }
}
