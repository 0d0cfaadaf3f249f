//! What a restart should bring back, kept in a file.
//!
//! The file holds the command that recreates the remote layer. It is replaced as a whole (written beside, synced, renamed), so
//! that a power cut at any byte leaves the old one or the new one, and it is not touched while nothing changes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Controls;
use crate::light::board::Segment;
use crate::light::{Command, LightState, Scenes, Tuning};
use crate::protocol::{self, Delivery, PAYLOAD_MAX, Rejection};

/// Two seconds: dragging a slider is one write, and flash memory lasts longer.
const SETTLE: Duration = Duration::from_secs(2);

/// Keeps the newest of something in a file.
pub struct Keeper<T> {
    path: PathBuf,
    newest: watch::Receiver<T>,
    /// What is written; `None`: there is nothing to bring back.
    written: fn(&T) -> Option<Vec<u8>>,
    /// What the file holds; `None`: there is none.
    kept: Option<Vec<u8>>,
    /// Whether the last write failed: that is said once.
    failing: bool,
}

impl Keeper<Option<LightState>> {
    /// Makes a keeper of the remote layer's state, in a file which may not be there.
    #[must_use]
    pub fn of_light(path: PathBuf, lasting: watch::Receiver<Option<LightState>>) -> Self {
        Self::new(path, lasting, |lasting| {
            lasting.as_ref().map(protocol::recreate)
        })
    }
}

impl Keeper<Controls> {
    /// Makes a keeper of the settings, in a file which may not be there.
    #[must_use]
    pub fn of_settings(path: PathBuf, controls: watch::Receiver<Controls>) -> Self {
        Self::new(path, controls, |controls| {
            protocol::kept_tuning(&controls.tuning)
        })
    }
}

impl<T> Keeper<T> {
    fn new(path: PathBuf, newest: watch::Receiver<T>, written: fn(&T) -> Option<Vec<u8>>) -> Self {
        let kept = fs::read(&path).ok();
        Self {
            path,
            newest,
            written,
            kept,
            failing: false,
        }
    }

    /// Keeps what changes until it is told to stop; what changed last is kept then.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let settled = stop.run_until_cancelled(async {
                let changed = self.newest.changed().await;
                tokio::time::sleep(SETTLE).await;
                changed
            });
            let stopped = !matches!(settled.await, Some(Ok(())));
            self.keep().await;
            if stopped {
                return;
            }
        }
    }

    async fn keep(&mut self) {
        let content = (self.written)(&self.newest.borrow_and_update());
        if content == self.kept {
            return;
        }
        let (path, written) = (self.path.clone(), content.clone());
        // Flash memory may take its time; the LEDs must not wait for it.
        let result = tokio::task::spawn_blocking(move || match written {
            Some(content) => replace(&path, &content),
            None => remove(&path),
        });
        match result
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
        {
            Ok(()) => {
                debug!(path = %self.path.display(), "kept what the LEDs are set to");
                self.kept = content;
                self.failing = false;
            }
            Err(error) => {
                if !self.failing {
                    warn!(
                        path = %self.path.display(), %error,
                        "failed to keep what the LEDs are set to; check `light.state_file`, or set it to \"\""
                    );
                }
                self.failing = true;
            }
        }
    }
}

/// The command a file holds; `None` when there is no file, or nothing that can be carried out with these scenes.
#[must_use]
pub fn recall(path: &Path, scenes: &Scenes) -> Option<Command> {
    let content = match fs::metadata(path).map(|file| file.len()) {
        Ok(length) if length <= PAYLOAD_MAX as u64 => fs::read(path),
        Ok(length) => Err(io::Error::other(format!(
            "it has {length} bytes; at most {PAYLOAD_MAX}"
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => Err(error),
    };
    let forgotten = |reason: String| {
        warn!(path = %path.display(), reason, "what the LEDs were set to can't be read; starting with the default");
        None
    };
    let decode = |content: &[u8]| protocol::decode_set(Segment::Board, content, as_kept(), scenes);
    match content {
        Err(error) => forgotten(error.to_string()),
        Ok(content) => match decode(&content) {
            Ok(request) => Some(request.command),
            Err(refused) => forgotten(reason(&refused.rejection)),
        },
    }
}

/// Why a command that was kept is not carried out; a scene that is gone is one of the reasons.
fn reason(rejection: &Rejection) -> String {
    let expected = &rejection.expected;
    match (&rejection.field, &rejection.value) {
        (Some(field), Some(value)) => format!("`{field}` is {value}; expected {expected}"),
        (Some(field), None) => format!("`{field}`: expected {expected}"),
        (None, _) => format!("expected {expected}"),
    }
}

/// The file of the settings, beside that of the light.
#[must_use]
pub fn settings_file(state_file: &Path) -> PathBuf {
    state_file.with_extension("settings.json")
}

/// The settings a file holds; the default when there is no file, or nothing that is understood.
#[must_use]
pub fn recall_settings(path: &Path) -> Tuning {
    let read = match fs::read(path) {
        Ok(content) => protocol::recall_tuning(&content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Tuning::default(),
        Err(error) => Err(error.to_string()),
    };
    read.unwrap_or_else(|reason| {
        warn!(path = %path.display(), reason, "the settings can't be read; starting as configured");
        Tuning::default()
    })
}

/// How a kept command is read: with the widest limits, since the stage brings it within its own.
fn as_kept() -> Delivery {
    Delivery {
        allow_fast_flashes: true,
        ..Delivery::default()
    }
}

pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    // The rename is on the disk once the folder is.
    File::open(folder)?.sync_all()
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::light::{Inputs, Settings, Stage};

    fn state_of(payload: &str) -> LightState {
        let mut stage = Stage::new(&Settings::default());
        let request = protocol::decode_set(
            Segment::Board,
            payload.as_bytes(),
            Delivery::default(),
            &Scenes::default(),
        );
        stage
            .apply(
                Duration::ZERO,
                &Inputs::default(),
                &request.unwrap().command,
            )
            .unwrap();
        stage.lasting().unwrap()
    }

    #[tokio::test]
    async fn what_is_kept_is_recalled_and_given_back_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/light.json");
        let (sender, receiver) = watch::channel(None);
        let mut keeper = Keeper::of_light(path.clone(), receiver);
        sender.send_replace(Some(state_of(r#"{"color":"blue","brightness":40}"#)));
        keeper.keep().await;
        let recalled = recall(&path, &Scenes::default()).unwrap();
        assert_eq!(recalled.brightness, Some(40));
        sender.send_replace(None);
        keeper.keep().await;
        assert_eq!(recall(&path, &Scenes::default()), None);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn nothing_is_written_when_nothing_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("light.json");
        let state = state_of(r#"{"color":"blue"}"#);
        fs::write(&path, protocol::recreate(&state)).unwrap();
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        let (_sender, receiver) = watch::channel(Some(state));
        let mut keeper = Keeper::of_light(path.clone(), receiver);
        keeper.keep().await;
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
    }

    #[test]
    fn a_scene_is_recalled_by_its_name_and_forgotten_when_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("light.json");
        let scenes = crate::light::scene::lone("sunset");
        let settings = Settings::default();
        let mut stage = Stage::new(&settings).with_scenes(scenes.clone().into(), None);
        let asked = Command {
            scene: scenes.find("sunset"),
            brightness: Some(40),
            ..Command::to_board()
        };
        let applied = stage.apply(Duration::ZERO, &Inputs::default(), &asked);
        assert_eq!(applied, Ok(()));
        let state = stage.lasting().unwrap();
        fs::write(&path, protocol::recreate(&state)).unwrap();
        let recalled = recall(&path, &scenes).unwrap();
        assert_eq!(recalled.scene, asked.scene);
        assert_eq!(recalled.brightness, Some(40));
        assert_eq!(recall(&path, &Scenes::default()), None);
    }

    #[test]
    fn a_file_cut_at_any_byte_is_forgotten_not_obeyed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("light.json");
        let whole = protocol::recreate(&state_of(
            r#"{"effect":"breathe","color":"red","from":"me"}"#,
        ));
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(recall(&path, &Scenes::default()), None, "{length} bytes");
        }
        fs::write(&path, &whole).unwrap();
        assert!(recall(&path, &Scenes::default()).is_some());
    }

    #[test]
    fn a_replacement_that_was_cut_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("light.json");
        replace(&path, br#"{"state":"ON"}"#).unwrap();
        // A power cut while the new one was written beside it.
        fs::write(path.with_extension("new"), br#"{"sta"#).unwrap();
        assert!(recall(&path, &Scenes::default()).is_some());
    }
}
