//! The terminal while the program owns it: the alternate screen, raw keys, and lines that are written when they change.
//!
//! Whatever else writes to the terminal meanwhile, a log for example, spoils the picture: send it elsewhere.

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};
use crossterm::terminal::{
    self, BeginSynchronizedUpdate, Clear, ClearType, DisableLineWrap, EnableLineWrap,
    EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
};
use crossterm::{Command, cursor};
use std::fmt;
use std::io::{self, IsTerminal, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Whether the terminal has to be put back.
static TAKEN: AtomicBool = AtomicBool::new(false);

static PANIC_HOOK: Once = Once::new();

/// A key that somebody watching can press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// The left arrow.
    Left,
    /// The right arrow.
    Right,
    /// `q` or Escape.
    Quit,
    /// Ctrl-C, which raises no signal in raw mode.
    Interrupt,
}

/// The terminal, taken over until this value is dropped or the program panics.
#[derive(Debug)]
pub struct Screen {
    out: Stdout,
    shown: Shown,
}

impl Screen {
    /// Takes the terminal over: alternate screen, hidden cursor, raw mode.
    ///
    /// # Errors
    ///
    /// When standard output is no terminal, or the terminal does not obey; it is put back then.
    pub fn enter() -> io::Result<Self> {
        let mut out = io::stdout();
        if !out.is_terminal() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "standard output is no terminal",
            ));
        }
        PANIC_HOOK.call_once(restore_on_panic);
        TAKEN.store(true, Ordering::SeqCst);
        // From here on dropping the value puts everything back.
        let mut screen = Self {
            out: io::stdout(),
            shown: Shown::default(),
        };
        terminal::enable_raw_mode()?;
        let mut text = String::new();
        append(&mut text, EnterAlternateScreen);
        append(&mut text, cursor::Hide);
        append(&mut text, DisableLineWrap);
        out.write_all(text.as_bytes())?;
        out.flush()?;
        screen.shown.forget();
        Ok(screen)
    }

    /// The terminal's columns and rows.
    ///
    /// # Errors
    ///
    /// When the terminal does not tell.
    pub fn size(&self) -> io::Result<(u16, u16)> {
        terminal::size()
    }

    /// Shows these lines from the top, already clipped to [`size`](Self::size); returns whether anything was written.
    ///
    /// # Errors
    ///
    /// When the terminal does not take the output.
    pub fn draw(&mut self, lines: &[String]) -> io::Result<bool> {
        let update = self.shown.update(lines, self.size()?);
        if update.is_empty() {
            return Ok(false);
        }
        self.out.write_all(update.as_bytes())?;
        self.out.flush()?;
        Ok(true)
    }

    /// Takes the next key that was pressed since the last call, without waiting; call it at each redraw until `None`.
    ///
    /// # Errors
    ///
    /// When the terminal's input cannot be read.
    pub fn poll_key(&mut self) -> io::Result<Option<Key>> {
        while event::poll(Duration::ZERO)? {
            match event::read()? {
                Event::Key(pressed) => {
                    if let Some(key) = key(&pressed) {
                        return Ok(Some(key));
                    }
                }
                // A terminal may reflow or clear what it shows when its size changes, even back to the same size.
                Event::Resize(..) => self.shown.forget(),
                Event::FocusGained | Event::FocusLost | Event::Mouse(_) => {}
            }
        }
        Ok(None)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Puts the terminal back, once; a terminal that is gone needs nothing.
fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut text = String::new();
    append(&mut text, EndSynchronizedUpdate);
    append(&mut text, EnableLineWrap);
    append(&mut text, cursor::Show);
    append(&mut text, LeaveAlternateScreen);
    let mut out = io::stdout();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    // Both are tried; there is nobody left to tell about either.
    drop((written, terminal::disable_raw_mode()));
}

/// Puts the terminal back before the message of a panic is printed, so that it can be read.
fn restore_on_panic() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        restore();
        previous(info);
    }));
}

fn key(pressed: &KeyEvent) -> Option<Key> {
    if pressed.is_release() {
        return None;
    }
    let control = pressed.modifiers.contains(KeyModifiers::CONTROL);
    if control {
        return (pressed.code == KeyCode::Char('c')).then_some(Key::Interrupt);
    }
    if pressed.code == KeyCode::Left {
        Some(Key::Left)
    } else if pressed.code == KeyCode::Right {
        Some(Key::Right)
    } else if [KeyCode::Char('q'), KeyCode::Char('Q'), KeyCode::Esc].contains(&pressed.code) {
        Some(Key::Quit)
    } else {
        None
    }
}

/// What the terminal shows, as far as it is known.
#[derive(Debug, Default)]
struct Shown {
    /// The lines; `None` when the screen has to be cleared first.
    lines: Option<Vec<String>>,
    size: (u16, u16),
}

impl Shown {
    /// Has everything written anew at the next update.
    fn forget(&mut self) {
        self.lines = None;
    }

    /// The text that turns what is shown into these lines, empty when nothing changes.
    fn update(&mut self, lines: &[String], size: (u16, u16)) -> String {
        if size != self.size {
            self.size = size;
            self.forget();
        }
        let lines = &lines[..lines.len().min(usize::from(size.1))];
        let mut changes = String::new();
        let old = match &self.lines {
            Some(old) if old == lines => return changes,
            Some(old) => old.as_slice(),
            None => {
                append(&mut changes, Clear(ClearType::All));
                &[]
            }
        };
        for row in 0..lines.len().max(old.len()) {
            let line = lines.get(row).map_or("", String::as_str);
            if old.get(row).map_or("", String::as_str) == line {
                continue;
            }
            append(&mut changes, cursor::MoveTo(0, row as u16));
            // Erased first: after a line of full width the cursor stands on its last character.
            append(&mut changes, Clear(ClearType::UntilNewLine));
            changes.push_str(line);
        }
        self.lines = Some(lines.to_vec());
        let mut update = String::new();
        append(&mut update, BeginSynchronizedUpdate);
        update.push_str(&changes);
        append(&mut update, EndSynchronizedUpdate);
        update
    }
}

fn append(text: &mut String, command: impl Command) {
    match command.write_ansi(text) {
        Ok(()) | Err(fmt::Error) => {} // a String takes whatever is written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (u16, u16) = (80, 24);

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn shown(texts: &[&str]) -> Shown {
        let mut shown = Shown::default();
        shown.update(&lines(texts), SIZE);
        shown
    }

    #[test]
    fn first_update_clears_and_writes_every_line() {
        let update = Shown::default().update(&lines(&["one", "two"]), SIZE);
        assert!(update.starts_with("\x1b[?2026h\x1b[2J"), "{update:?}");
        assert!(update.contains("\x1b[1;1H\x1b[Kone"));
        assert!(update.contains("\x1b[2;1H\x1b[Ktwo"));
        assert!(update.ends_with("\x1b[?2026l"));
    }

    #[test]
    fn unchanged_screen_costs_no_output() {
        assert_eq!(
            shown(&["one", "two"]).update(&lines(&["one", "two"]), SIZE),
            ""
        );
    }

    #[test]
    fn only_the_changed_line_is_written() {
        let update = shown(&["one", "two", "three"]).update(&lines(&["one", "2", "three"]), SIZE);
        assert_eq!(update, "\x1b[?2026h\x1b[2;1H\x1b[K2\x1b[?2026l");
    }

    #[test]
    fn lines_that_are_gone_are_erased() {
        let update = shown(&["one", "two"]).update(&lines(&["one"]), SIZE);
        assert_eq!(update, "\x1b[?2026h\x1b[2;1H\x1b[K\x1b[?2026l");
    }

    #[test]
    fn another_size_is_drawn_anew() {
        let update = shown(&["one"]).update(&lines(&["one"]), (40, 14));
        assert!(update.contains("\x1b[2J"), "{update:?}");
    }

    #[test]
    fn lines_below_the_screen_are_not_written() {
        let update = Shown::default().update(&lines(&["one", "two"]), (80, 1));
        assert!(update.contains("one") && !update.contains("two"));
    }

    #[test]
    fn keys_mean_what_the_footer_says() {
        let press = |code, modifiers| key(&KeyEvent::new(code, modifiers));
        let plain = KeyModifiers::NONE;
        assert_eq!(press(KeyCode::Left, plain), Some(Key::Left));
        assert_eq!(press(KeyCode::Right, plain), Some(Key::Right));
        assert_eq!(press(KeyCode::Char('q'), plain), Some(Key::Quit));
        assert_eq!(
            press(KeyCode::Char('Q'), KeyModifiers::SHIFT),
            Some(Key::Quit)
        );
        assert_eq!(press(KeyCode::Esc, plain), Some(Key::Quit));
        assert_eq!(
            press(KeyCode::Char('c'), KeyModifiers::CONTROL),
            Some(Key::Interrupt)
        );
        assert_eq!(press(KeyCode::Char('c'), plain), None);
        assert_eq!(press(KeyCode::Char('q'), KeyModifiers::CONTROL), None);
    }
}
