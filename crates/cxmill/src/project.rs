//! The files of a project's folder → a compiled project.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cxmill_engine::{Compiled, Context, EngineError, PrivateKey, Progress, Proven};
use cxmill_spec::{Diagnostic, Input, Project, Rejected};
use tokio::sync::Notify;

use crate::args::Args;
use crate::environment::Outside;
use crate::error::CliError;
use crate::files::Files;
use crate::output::{Output, talk};

/// How often a command reads a project that is being edited while it begins.
const READINGS: usize = 3;

/// How long the state root may take to say what stands built: longer, and planning everything is about as fast.
const PATIENCE: Duration = Duration::from_secs(2);

/// A project that compiled, with its warnings.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What the engine works with.
    pub(crate) context: Context,
    /// The models.
    pub(crate) compiled: Compiled,
    /// Warnings of YAML and SQL.
    pub(crate) warnings: Vec<Diagnostic>,
}

/// How a command is asked to stop: not at all by default, since those that only look may end anywhere.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    /// Its flag is set where somebody asks.
    progress: Arc<Progress>,
    /// Told of it.
    pub(crate) asked: Arc<Notify>,
}

impl Stop {
    /// From here on Ctrl-C and SIGTERM ask the work to stop cleanly.
    pub(crate) fn on_signal(output: &Output) -> Self {
        let stop = Self::default();
        stop_on_signal(Arc::clone(&stop.progress), Arc::clone(&stop.asked), output.is_watched());
        stop
    }
}

/// Does a command that commits; once more where the project's files changed before it knew the newest commit.
pub(crate) async fn read_anew<T, Attempt>(attempt: impl Fn() -> Attempt) -> Result<T, CliError>
where
    Attempt: Future<Output = Result<T, CliError>>,
{
    for _ in 1..READINGS {
        match attempt().await {
            Err(CliError::Engine(EngineError::Edited)) => {
                talk("the project's files changed while the command began: reading them again");
            }
            other => return other,
        }
    }
    attempt().await
}

/// What a command wants to know of a project's queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sound {
    /// That all of them are sound, by planning each to the end; touches no store.
    ByPlanning,
    /// The same, where what stands built has shown it already: the state root says what does.
    ByStanding,
}

/// Reads and compiles the project.
pub(crate) async fn load(args: &Args, outside: Outside, sound: Sound, stop: &Stop) -> Result<Loaded, CliError> {
    let private_key = outside.private_key.as_ref().map(|secret| private_key(&secret.0)).transpose()?;
    let files = Files::read(&args.project, args.env.as_deref())?;
    let mut overrides = outside.settings.clone();
    overrides.extend(args.set.iter().map(|(key, value)| (format!("--set {key}"), key.clone(), value.clone())));
    let input = Input {
        texts: files.texts.clone(),
        config: files.config.clone(),
        pipelines: files.pipelines.clone(),
        overrides,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        machine_memory: machine_memory(),
    };
    let (project, mut warnings) = match cxmill_spec::compile(input) {
        Ok(compiled) => compiled,
        Err(rejected) => return Err(invalid(*rejected).await),
    };
    let context = Context {
        project: Arc::new(project),
        base: args.project.clone(),
        files: Arc::new(files),
        stores: Arc::new(cxmill_engine::StoresOfProject),
        environment: outside.credentials,
        private_key,
        now: outside.now,
        observer: Arc::new(cxmill_engine::NoObserver),
        progress: Arc::clone(&stop.progress),
    };
    let proven = match sound {
        Sound::ByPlanning => Proven::default(),
        Sound::ByStanding => proven(&context).await?,
    };
    let compiled = compile_sql(&context.project, &proven).await?;
    warnings.extend(compiled.warnings.iter().cloned());
    warnings.extend(missing_key(&context.project).filter(|_| context.private_key.is_none()));
    Ok(Loaded { context, compiled, warnings })
}

/// A warning at the first private column: without the key a run stops before it reads anything.
fn missing_key(project: &Project) -> Option<Diagnostic> {
    let column = project.sources.values().flat_map(|source| &source.columns).find(|column| column.private)?;
    let message = format!("column `{}` is private, but CXMILL_PRIVATE_KEY is not set: a run would stop", column.name);
    let help = "set it to 64 hexadecimal digits (openssl rand -hex 32) and keep it: another key gives other hashes";
    Some(Diagnostic::warning("no-private-key", column.span, message).with_help(help))
}

/// Mistakes of YAML and of SQL, told at once.
async fn invalid(rejected: Rejected) -> CliError {
    let Rejected { project, unreadable, mut diagnostics } = rejected;
    diagnostics.extend(cxmill_engine::findings(&project, &unreadable).await);
    diagnostics.sort_by_key(|diagnostic| (diagnostic.span.is_none(), diagnostic.span));
    diagnostics.dedup();
    CliError::Invalid(project.texts, diagnostics)
}

/// What the state root proves. Where it cannot be read, or takes its time, everything is planned instead: the command itself will say what
/// is wrong with it, after what is wrong with the project.
async fn proven(context: &Context) -> Result<Proven, CliError> {
    match tokio::time::timeout(PATIENCE, cxmill_engine::proven(context)).await {
        Ok(Ok(proven)) => Ok(proven),
        Ok(Err(asked @ EngineError::Interrupted)) => Err(asked.into()),
        Ok(Err(_)) | Err(_) => Ok(Proven::default()),
    }
}

async fn compile_sql(project: &Project, proven: &Proven) -> Result<Compiled, CliError> {
    cxmill_engine::compile_standing(project, proven)
        .await
        .map_err(|diagnostics| CliError::Invalid(project.texts.clone(), diagnostics))
}

fn private_key(text: &str) -> Result<PrivateKey, CliError> {
    let digits = text.trim().as_bytes();
    let mut key = [0_u8; 32];
    let valid = digits.len() == 64
        && digits.iter().all(u8::is_ascii_hexdigit)
        && digits.chunks(2).zip(&mut key).all(|(pair, byte)| {
            let parsed = std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
            parsed.map(|value| *byte = value).is_some()
        });
    if valid {
        Ok(PrivateKey(key))
    } else {
        Err(CliError::usage(
            "CXMILL_PRIVATE_KEY must be 64 hexadecimal digits",
            Some("make one with: openssl rand -hex 32".to_owned()),
        ))
    }
}

/// Bytes of memory of this machine, where the system tells.
fn machine_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The first signal asks the work to stop at the next safe point, the second ends the process at once.
fn stop_on_signal(progress: Arc<Progress>, stop: Arc<Notify>, talk: bool) {
    #[expect(clippy::disallowed_methods, reason = "the listener lives as long as the process")]
    let _listener = tokio::spawn(async move {
        // One listener for both signals: a second one that comes at once is not missed.
        let Ok(mut signals) = Signals::listen() else { return };
        signals.next().await;
        progress.stop.store(true, Ordering::Relaxed);
        stop.notify_one();
        if talk {
            crate::output::talk("stopping at the next safe point; once more to stop at once");
        }
        signals.next().await;
        #[expect(
            clippy::disallowed_methods,
            reason = "the user asked twice; a killed run is recovered by the next one"
        )]
        std::process::exit(i32::from(crate::exit_code::INTERRUPTED));
    });
}

/// Ctrl-C, and where there is one, SIGTERM.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_key_is_64_hexadecimal_digits() {
        assert!(private_key(&"0f".repeat(32)).is_ok());
        assert!(private_key("0f").is_err());
        assert!(private_key(&"zz".repeat(32)).is_err());
        assert!(private_key(&"+f".repeat(32)).is_err());
    }
}
