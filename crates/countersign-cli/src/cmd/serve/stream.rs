//! A stream of lines, of which one may have been cut off.

use std::{
    fs::{File, metadata},
    io::{self, Read as _, Seek as _, SeekFrom, Write},
};

use crate::failure::Failure;

/// What lines are written to. One that is cut off, by a disk that is full or a process that was killed, takes no other with it.
pub(super) struct Stream<W> {
    out: W,
    /// Whether it may end within a line.
    torn: bool,
}

impl<W: Write> Stream<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, torn: false }
    }

    /// Writes a line, with its end, in one write, so that lines do not mix with those of others.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let written = if self.torn { self.put(&[b"\n", line].concat()) } else { self.put(line) };
        // How much of it is there nobody knows. A blank line, if it is none of it, does no harm.
        self.torn = written.is_err();
        written
    }

    fn put(&mut self, text: &[u8]) -> io::Result<()> {
        self.out.write_all(text)?;
        self.out.flush()
    }
}

impl Stream<Box<dyn Write + Send>> {
    /// Standard output, which may be a file that ends within a line. Refused if it is closed, for whatever is written there would be
    /// acknowledged and lost.
    pub(super) fn stdout() -> Result<Self, Failure> {
        Ok(Self { out: stdout()?, torn: is_torn(STDOUT) })
    }
}

/// Past the standard library, by which every write to a closed standard output succeeds.
#[cfg(unix)]
fn stdout() -> Result<Box<dyn Write + Send>, Failure> {
    use std::os::fd::AsFd as _;

    use rustix::fs::{OFlags, fcntl_getfl};

    let out = io::stdout().as_fd().try_clone_to_owned()?;
    let mode = fcntl_getfl(&out).map_err(io::Error::from)? & OFlags::RWMODE;
    let out = File::from(out);
    // What is closed at the start of a program is opened by Rust, on the null device and for both ways. A shell that is told to
    // write there opens it for one.
    if mode == OFlags::RDONLY || (mode == OFlags::RDWR && is_null(&out)?) {
        return Err(Failure::new(
            "standard output is closed, and accepted deliveries are written there: give it a file or a pipe (or `> /dev/null`, if \
             nobody is to have them)",
        ));
    }
    Ok(Box::new(out))
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

/// Whether a file ends within a line. What is no file, or cannot be looked at, has no end to speak of.
fn is_torn(path: &str) -> bool {
    let is_filled = metadata(path).is_ok_and(|data| data.is_file() && data.len() > 0);
    // If it may only be written, a blank line is the lesser evil.
    is_filled && last_byte(path).map_or(true, |last| last != b'\n')
}

fn last_byte(path: &str) -> io::Result<u8> {
    let (mut file, mut last) = (File::open(path)?, [0]);
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last[0])
}

/// Where Unix shows it, once more and to be read. Elsewhere there is no such file.
const STDOUT: &str = "/dev/stdout";

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that has room for so many bytes, is full once, and then has room again.
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
