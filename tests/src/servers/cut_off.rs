//! A fake node of a Redis cluster that is cut off from the other nodes, but not from clients.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

/// Claims to have all slots, and answers every request with an error. It listens until the process ends.
#[derive(Debug)]
pub struct CutOff {
    address: SocketAddr,
}

impl CutOff {
    /// Starts a node that answers with this error.
    ///
    /// # Panics
    ///
    /// If it cannot listen.
    pub fn start(error: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || serve(stream, address.port(), error));
            }
        });
        Self { address }
    }

    /// The address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn serve(mut stream: TcpStream, port: u16, error: &str) -> io::Result<()> {
    let mut requests = BufReader::new(stream.try_clone()?);
    loop {
        let words = request(&mut requests)?;
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let answer = match *words {
            ["CLUSTER", "SLOTS"] => format!("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:{port}\r\n"),
            ["INFO", ..] => "$27\r\nmaxmemory_policy:noeviction\r\n".to_owned(),
            ["CLIENT", ..] => "+OK\r\n".to_owned(),
            _ => format!("-{error}\r\n"),
        };
        stream.write_all(answer.as_bytes())?;
    }
}

/// Reads a request in the protocol of Redis: the number of words, then each word after its length.
fn request(from: &mut impl BufRead) -> io::Result<Vec<String>> {
    let count = number(from)?;
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        let mut word = vec![0; number(from)? + 2];
        from.read_exact(&mut word)?;
        word.truncate(word.len() - 2);
        words.push(String::from_utf8_lossy(&word).into_owned());
    }
    Ok(words)
}

fn number(from: &mut impl BufRead) -> io::Result<usize> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    line.get(1..).and_then(|number| number.trim_end().parse().ok()).ok_or(io::ErrorKind::InvalidData.into())
}
