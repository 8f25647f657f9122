//! A store that has bad moments: a proxy before a real S3 server that refuses requests, loses answers, or lets a request
//! time out after its work was done.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It is answered 503 and nothing is done.
    Refuse,
    /// It is done, then answered 503.
    RefuseAfter,
    /// It is done, then the connection ends without an answer.
    Lose,
    /// It is done, and the answer comes when nobody waits for it any more.
    TimeOut,
}

/// Longer than [`FaultProxy::TIMEOUT`].
const TOO_LONG: Duration = Duration::from_millis(1_500);

/// A running proxy.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: u16,
    /// One request in so many goes wrong.
    one_in: u32,
    rng: Mutex<ChaCha8Rng>,
    faults: AtomicU64,
    stopped: AtomicBool,
}

impl FaultProxy {
    /// The `timeout` that clients of the proxy should have, so that a request that takes too long is given up soon.
    pub const TIMEOUT: &'static str = "1s";

    /// Starts a proxy before the server on `upstream`; one request in `one_in` goes wrong, chosen by `seed`.
    ///
    /// # Panics
    /// Where no port is free.
    #[must_use]
    pub fn start(upstream: u16, one_in: u32, seed: u64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let rng = Mutex::new(ChaCha8Rng::seed_from_u64(seed));
        let (faults, stopped) = (AtomicU64::new(0), AtomicBool::new(false));
        let shared = Arc::new(Shared { upstream, one_in, rng, faults, stopped });
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if served.stopped.load(Ordering::Relaxed) {
                    break;
                }
                let served = Arc::clone(&served);
                // A client that goes away ends its own thread only.
                std::thread::spawn(move || drop(serve(&served, client)));
            }
        });
        Self { port, shared }
    }

    /// Its address.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests went wrong so far.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.shared.faults.load(Ordering::Relaxed)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for clients.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

impl Shared {
    fn fault(&self) -> Option<Fault> {
        let mut rng = self.rng.lock().expect("no other request has panicked");
        if rng.random_range(0..self.one_in) > 0 {
            return None;
        }
        self.faults.fetch_add(1, Ordering::Relaxed);
        Some(match rng.random_range(0..10) {
            0..3 => Fault::Refuse,
            3..6 => Fault::RefuseAfter,
            6..9 => Fault::Lose,
            _ => Fault::TimeOut,
        })
    }
}

const UNAVAILABLE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Serves one request; the answer ends the connection, and the client opens another for the next.
fn serve(shared: &Shared, mut client: TcpStream) -> std::io::Result<()> {
    let Some(request) = read_request(&client)? else { return Ok(()) };
    let fault = shared.fault();
    if fault != Some(Fault::Refuse) {
        let mut server = TcpStream::connect(("127.0.0.1", shared.upstream))?;
        server.write_all(&request)?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        match fault {
            None => return client.write_all(&answer),
            Some(Fault::Lose) => return client.shutdown(Shutdown::Both),
            Some(Fault::TimeOut) => {
                std::thread::sleep(TOO_LONG);
                return client.write_all(&answer);
            }
            Some(Fault::Refuse | Fault::RefuseAfter) => {}
        }
    }
    client.write_all(UNAVAILABLE)
}

/// A whole request as it is handed on: with the wish that the connection ends after it. None where the client has gone.
fn read_request(client: &TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut client = BufReader::new(client);
    let (mut request, mut length) = (Vec::new(), 0);
    loop {
        let mut line = Vec::new();
        if client.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line).to_ascii_lowercase();
        if let Some(value) = text.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line == b"\r\n" {
            request.extend_from_slice(b"Connection: close\r\n\r\n");
            break;
        }
        if !text.starts_with("connection:") {
            request.extend(line);
        }
    }
    let body = request.len();
    request.resize(body + length, 0);
    client.read_exact(&mut request[body..])?;
    Ok(Some(request))
}
