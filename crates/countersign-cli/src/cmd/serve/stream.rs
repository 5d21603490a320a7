//! A stream of lines that begins a new line after a write that failed, and keeps its lines on the disk if it is a file.

use std::{
    fs::{File, metadata},
    io::{self, Read as _, Seek as _, SeekFrom, Write},
};

use crate::failure::Failure;

/// A writer of whole lines. A line that was cut off, by a full disk or a killed process, does not spoil the next one.
pub(super) struct Stream<W> {
    out: W,
    /// Whether the stream may end within a line.
    torn: bool,
}

impl<W: Write> Stream<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, torn: false }
    }

    /// Writes a line and its end in one write, so that it does not mix with the lines of other processes.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let written = if self.torn { self.out.write_all(&[b"\n", line].concat()) } else { self.out.write_all(line) };
        // Nobody knows how much was written. If it was nothing, a blank line follows, which does no harm.
        self.torn = written.is_err();
        written
    }

    /// Makes the lines that were written outlast the process, and a power cut if they are in a file.
    pub(super) fn keep(&mut self) -> io::Result<()> {
        let kept = self.out.flush();
        self.torn |= kept.is_err();
        kept
    }
}

/// Standard output, flushed to the disk if it is a file: the replay store keeps over a power cut that an event was handled, so
/// the event's line must be kept as well.
#[cfg(unix)]
struct Stdout {
    out: File,
    is_file: bool,
}

#[cfg(unix)]
impl Write for Stdout {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.out.write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_file { self.out.sync_data() } else { Ok(()) }
    }
}

impl Stream<Box<dyn Write + Send>> {
    /// Standard output, which may be a file that ends within a line.
    ///
    /// # Errors
    ///
    /// If it is closed: deliveries would be acknowledged and lost.
    pub(super) fn stdout() -> Result<Self, Failure> {
        Ok(Self { out: stdout()?, torn: is_torn(STDOUT) })
    }
}

/// Standard output without the standard library, which reports every write to a closed one as a success.
#[cfg(unix)]
fn stdout() -> Result<Box<dyn Write + Send>, Failure> {
    use std::os::fd::AsFd as _;

    use rustix::fs::{OFlags, fcntl_getfl};

    let out = io::stdout().as_fd().try_clone_to_owned()?;
    let mode = fcntl_getfl(&out).map_err(io::Error::from)? & OFlags::RWMODE;
    let out = File::from(out);
    // If it is closed at the start of a program, Rust opens the null device for reading and writing. A shell that
    // redirects to the null device opens it for writing only.
    if mode == OFlags::RDONLY || (mode == OFlags::RDWR && is_null(&out)?) {
        return Err(Failure::new(
            "standard output is closed, and accepted deliveries are written there: give it a file or a pipe (or `> /dev/null` to \
             discard them)",
        ));
    }
    let is_file = out.metadata()?.is_file();
    Ok(Box::new(Stdout { out, is_file }))
}

#[cfg(unix)]
fn is_null(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

    let (own, null) = (file.metadata()?, metadata("/dev/null")?);
    Ok(own.file_type().is_char_device() && own.rdev() == null.rdev())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it may be refused")]
fn stdout() -> Result<Box<dyn Write + Send>, Failure> {
    Ok(Box::new(io::stdout()))
}

/// Whether a file ends within a line. False for what is not a file or cannot be looked at.
fn is_torn(path: &str) -> bool {
    let is_filled = metadata(path).is_ok_and(|data| data.is_file() && data.len() > 0);
    // If the file cannot be read, assume that it does: a blank line does less harm.
    is_filled && last_byte(path).map_or(true, |last| last != b'\n')
}

fn last_byte(path: &str) -> io::Result<u8> {
    let (mut file, mut last) = (File::open(path)?, [0]);
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last[0])
}

/// Standard output as a path on Unix, which can be opened for reading. Elsewhere there is no such file.
const STDOUT: &str = "/dev/stdout";

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that has room for `room` bytes, is full once, and then has room again.
    struct Disk {
        room: Option<usize>,
        content: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let taken = match &mut self.room {
                Some(0) => {
                    self.room = None;
                    return Err(io::ErrorKind::StorageFull.into());
                }
                Some(room) => {
                    let taken = text.len().min(*room);
                    *room -= taken;
                    taken
                }
                None => text.len(),
            };
            self.content.extend(&text[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_is_cut_off_spoils_no_other() {
        let mut stream = Stream::new(Disk { room: Some(10), content: Vec::new() });
        stream.write(b"{\"the first\":1}\n").unwrap_err();
        stream.write(b"{\"the second\":2}\n").unwrap();
        stream.write(b"{\"the third\":3}\n").unwrap();
        assert_eq!(stream.out.content, b"{\"the firs\n{\"the second\":2}\n{\"the third\":3}\n");
    }
}
