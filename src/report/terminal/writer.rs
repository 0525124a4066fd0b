//! The writer behind a run's progress, shared by plain lines and the bar.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::TermLike;

use super::{DEFAULT_COLUMNS, columns_of};

#[derive(Clone)]
pub(super) struct SharedWriter {
    pub(super) writer: Arc<Mutex<Box<dyn Write + Send>>>,
    /// `None`: those of the terminal behind stderr, asked each time.
    pub(super) columns: Option<u16>,
}

impl SharedWriter {
    /// What cannot be written (a closed stderr) is dropped: nobody is there to read it, and the run goes on.
    pub(super) fn with(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = write(&mut **writer).and_then(|()| writer.flush());
    }

    fn move_cursor(&self, n: usize, direction: char) -> io::Result<()> {
        match n {
            0 => Ok(()),
            n => self.write_str(&format!("\u{1b}[{n}{direction}")),
        }
    }
}

impl fmt::Debug for SharedWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedWriter").finish_non_exhaustive()
    }
}

impl TermLike for SharedWriter {
    fn width(&self) -> u16 {
        self.columns
            .or_else(|| columns_of(&console::Term::stderr()))
            .unwrap_or(DEFAULT_COLUMNS)
    }
    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'A')
    }
    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'B')
    }
    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'C')
    }
    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'D')
    }
    fn write_line(&self, s: &str) -> io::Result<()> {
        self.write_str(&format!("{s}\n"))
    }
    fn write_str(&self, s: &str) -> io::Result<()> {
        self.with(|w| w.write_all(s.as_bytes()));
        Ok(())
    }
    fn clear_line(&self) -> io::Result<()> {
        self.write_str("\r\u{1b}[2K")
    }
    fn flush(&self) -> io::Result<()> {
        self.with(|w| w.flush());
        Ok(())
    }
}
