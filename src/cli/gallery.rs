//! `piglow-node gallery`: the pictures of the documentation.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::DONE;
use crate::gallery;
use crate::light::effect::{EFFECTS, Kind};

#[derive(Args)]
pub(super) struct Gallery {
    /// The folder to write to; it is made when it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only the animation of this effect
    #[arg(long, value_name = "EFFECT", value_parser = kind)]
    only: Option<Kind>,
}

fn kind(name: &str) -> Result<Kind, String> {
    Kind::from_name(name).ok_or_else(|| {
        let names = EFFECTS.map(|info| info.name).join(", ");
        format!("no such effect; expected one of {names}")
    })
}

impl Gallery {
    pub(super) fn run(&self) -> anyhow::Result<u8> {
        if let Some(kind) = self.only {
            self.animation(kind)?;
            return Ok(DONE);
        }
        for info in &EFFECTS {
            self.animation(info.kind)?;
        }
        let sheet = gallery::contact_sheet().context("failed to draw the contact sheet")?;
        self.write("contact-sheet.png", &sheet)?;
        let board = gallery::board().context("failed to draw the board")?;
        self.write("board.png", &board)?;
        self.write("effects.md", gallery::effects_page().as_bytes())?;
        Ok(DONE)
    }

    fn animation(&self, kind: Kind) -> anyhow::Result<()> {
        let name = kind.name();
        let file = gallery::animation(kind).with_context(|| format!("failed to draw `{name}`"))?;
        self.write(Path::new("effects").join(name).with_extension("png"), &file)
    }

    /// Writes a file below the folder, and says so.
    fn write(&self, name: impl AsRef<Path>, content: &[u8]) -> anyhow::Result<()> {
        let path = self.out.join(name);
        let folder = path.parent().unwrap_or(&self.out);
        fs::create_dir_all(folder)
            .with_context(|| format!("failed to make the folder {}", folder.display()))?;
        fs::write(&path, content).with_context(|| format!("failed to write {}", path.display()))?;
        println!("{} ({} KiB)", path.display(), content.len().div_ceil(1024));
        Ok(())
    }
}
