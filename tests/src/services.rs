//! Real object stores on loopback: SeaweedFS for S3, Azurite for Azure.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::{ObjectStore, ObjectStoreExt};
use tempfile::TempDir;

/// One server starts at a time: a port that is free for two is free for none.
static STARTING: Mutex<()> = Mutex::new(());

/// A running S3 server. Everybody may read a bucket that is called `open`.
#[derive(Debug)]
pub struct Seaweed {
    child: Child,
    port: u16,
    _data: TempDir,
}

impl Seaweed {
    /// Address of the server.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Variables and settings that let cxmill in.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", "cxmill".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "cxmill-test".to_owned()),
            ("CXMILL_STORES__S3__ENDPOINT", self.endpoint()),
            ("CXMILL_STORES__S3__REGION", "us-east-1".to_owned()),
            ("CXMILL_STORES__S3__ALLOW_HTTP", "true".to_owned()),
        ]
    }

    /// Copies the objects of a bucket below a prefix into a folder, without starting another process.
    ///
    /// # Panics
    /// Where an object cannot be read.
    pub fn fetch(&self, bucket: &str, prefix: &str, folder: &Path) {
        let store = AmazonS3Builder::new()
            .with_endpoint(self.endpoint())
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_access_key_id("cxmill")
            .with_secret_access_key("cxmill-test")
            .with_bucket_name(bucket)
            .build()
            .expect("a store");
        let prefix = object_store::path::Path::from(prefix);
        let copied = async {
            let found: Vec<_> = store.list(Some(&prefix)).try_collect().await?;
            for object in found {
                let below = object.location.prefix_match(&prefix).expect("below the prefix");
                let target = folder.join(below.map(|part| part.as_ref().to_owned()).collect::<PathBuf>());
                let content = store.get(&object.location).await?.bytes().await?;
                std::fs::create_dir_all(target.parent().expect("a parent")).expect("folders");
                std::fs::write(target, content).expect("a file");
            }
            Ok::<_, object_store::Error>(())
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(copied).expect("objects are read");
    }

    /// Makes buckets and moves files: see `tests/peers/objects.py`.
    #[track_caller]
    pub fn objects(&self, arguments: &[&str]) -> String {
        objects("s3", &self.endpoint(), self.environment(), arguments)
    }
}

impl Drop for Seaweed {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// Starts SeaweedFS, or `None` after saying that the test is skipped.
#[must_use]
pub fn seaweed() -> Option<Seaweed> {
    let peers = crate::peers()?;
    // A port that was free may be taken by the time the server wants it: then it is started again with others.
    let started = (0..3).find_map(|_| start_seaweed(&peers));
    assert!(started.is_some(), "seaweed does not start");
    started
}

fn start_seaweed(peers: &crate::Peers) -> Option<Seaweed> {
    let data = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(
        data.path().join("s3.json"),
        r#"{"identities": [{"name": "cxmill", "credentials": [{"accessKey": "cxmill", "secretKey": "cxmill-test"}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
            {"name": "anonymous", "actions": ["Read:open", "List:open"]}]}"#,
    )
    .expect("the server's settings");
    let starting = STARTING.lock().expect("no other start has panicked");
    // Besides each of these ports the server takes the one 10,000 above it for its own talk.
    let [s3, filer, volume, master] = free_ports();
    let log = std::fs::File::create(data.path().join("log")).expect("a log");
    let child = Command::new(peers.program("weed"))
        .arg("server")
        .arg("-ip=127.0.0.1")
        .arg("-ip.bind=127.0.0.1")
        .arg(format!("-dir={}", data.path().display()))
        .arg(format!("-master.port={master}"))
        .arg(format!("-volume.port={volume}"))
        .arg("-volume.max=50")
        .arg("-master.volumeSizeLimitMB=64")
        .arg(format!("-filer.port={filer}"))
        .arg("-s3")
        .arg(format!("-s3.port={s3}"))
        // Else it also listens where every other one does, and one that outlived its test keeps it from starting.
        .args(["-s3.port.iceberg=0", "-s3.port.lance=0"])
        .arg(format!("-s3.config={}", data.path().join("s3.json").display()))
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("weed starts");
    let server = Seaweed { child, port: s3, _data: data };
    let up = answers(s3);
    drop(starting);
    up.then_some(server)
}

/// A running Azure Blob server.
#[derive(Debug)]
pub struct Azurite {
    child: Child,
    port: u16,
    _data: TempDir,
}

impl Azurite {
    /// Variables and settings that let cxmill in. Account and key are the emulator's published ones.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AZURE_STORAGE_ACCOUNT_NAME", "devstoreaccount1".to_owned()),
            ("AZURE_STORAGE_ACCOUNT_KEY", AZURITE_KEY.to_owned()),
            ("CXMILL_STORES__AZ__ENDPOINT", format!("http://127.0.0.1:{}/devstoreaccount1", self.port)),
            ("CXMILL_STORES__AZ__ALLOW_HTTP", "true".to_owned()),
        ]
    }

    /// Makes containers and moves files: see `tests/peers/objects.py`.
    #[track_caller]
    pub fn objects(&self, arguments: &[&str]) -> String {
        objects("azure", &self.port.to_string(), self.environment(), arguments)
    }
}

/// The key that every copy of the emulator has.
const AZURITE_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

impl Drop for Azurite {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// Starts Azurite, or `None` after saying that the test is skipped.
#[must_use]
pub fn azurite() -> Option<Azurite> {
    crate::peers()?;
    let installed: PathBuf = crate::outside("CXMILL_TEST_AZURITE")?;
    let data = tempfile::tempdir().expect("a temporary folder");
    let starting = STARTING.lock().expect("no other start has panicked");
    let [port, ..] = free_ports();
    let log = std::fs::File::create(data.path().join("log")).expect("a log");
    let child = Command::new(installed.join("node_modules/.bin/azurite-blob"))
        .args(["--silent", "--skipApiVersionCheck", "--blobHost", "127.0.0.1", "--blobPort", &port.to_string()])
        .arg("--location")
        .arg(data.path())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("azurite starts");
    let server = Azurite { child, port, _data: data };
    wait_for(port, &server._data.path().join("log"));
    drop(starting);
    Some(server)
}

#[track_caller]
fn objects(kind: &str, address: &str, environment: Vec<(&'static str, String)>, arguments: &[&str]) -> String {
    let peers = crate::peers().expect("objects are moved with a peer's library");
    let output = Command::new(peers.program("python"))
        .arg(crate::root().join("tests/peers/objects.py"))
        .args([kind, address])
        .args(arguments)
        .envs(environment)
        .output()
        .expect("python starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "objects.py {arguments:?} failed:\n{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stop(child: &mut Child) {
    // A server that has ended already is stopped too.
    drop(child.kill());
    drop(child.wait());
}

/// Ports that are free now, with the ones 10,000 above them.
fn free_ports() -> [u16; 4] {
    let mut held = Vec::new();
    let mut ports = [0; 4];
    for port in &mut ports {
        *port = (0..1000)
            .find_map(|_| {
                let listener = TcpListener::bind(("127.0.0.1", 0)).ok()?;
                let port = listener.local_addr().ok()?.port();
                drop(listener);
                let low = if port > 55_000 { port - 20_000 } else { port };
                let pair = (TcpListener::bind(("127.0.0.1", low)), TcpListener::bind(("127.0.0.1", low + 10_000)));
                if let (Ok(first), Ok(second)) = pair {
                    held.push((first, second));
                    return Some(low);
                }
                None
            })
            .expect("free ports");
    }
    ports
}

#[track_caller]
fn wait_for(port: u16, log: &std::path::Path) {
    assert!(answers(port), "no server on port {port}:\n{}", std::fs::read_to_string(log).unwrap_or_default());
}

/// Whether somebody answers at a port within 40 seconds.
fn answers(port: u16) -> bool {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let start = Instant::now();
    while TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_err() {
        if start.elapsed() > Duration::from_secs(40) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    true
}
