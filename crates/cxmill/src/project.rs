//! The files of a project's folder → a compiled project.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cxmill_engine::{Compiled, Context, PrivateKey, Progress};
use cxmill_spec::{Diagnostic, FileId, Input, Project, Rejected, Texts};
use tokio::sync::Notify;

use crate::args::Args;
use crate::environment::Outside;
use crate::error::CliError;
use crate::output::Output;

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

impl Loaded {
    /// From here on Ctrl-C and SIGTERM ask the work to stop cleanly, and what is returned is notified. Commands that only look
    /// do without: they may end anywhere.
    pub(crate) fn stop_on_signal(&self, output: &Output) -> Arc<Notify> {
        let stop = Arc::new(Notify::new());
        stop_on_signal(Arc::clone(&self.context.progress), Arc::clone(&stop), output.is_watched());
        stop
    }
}

/// Reads and compiles the project.
pub(crate) async fn load(args: &Args, outside: Outside) -> Result<Loaded, CliError> {
    let private_key = outside.private_key.as_ref().map(|secret| private_key(&secret.0)).transpose()?;
    let input = read(args, &outside)?;
    let (project, mut warnings) = match cxmill_spec::compile(input) {
        Ok(compiled) => compiled,
        Err(rejected) => return Err(invalid(*rejected).await),
    };
    let compiled = compile_sql(&project).await?;
    warnings.extend(compiled.warnings.iter().cloned());
    warnings.extend(missing_key(&project).filter(|_| private_key.is_none()));
    let context = Context {
        project: Arc::new(project),
        base: args.project.clone(),
        stores: Arc::new(cxmill_engine::StoresOfProject),
        environment: outside.credentials,
        private_key,
        now: outside.now,
        observer: Arc::new(cxmill_engine::NoObserver),
        progress: Arc::new(Progress::default()),
    };
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

async fn compile_sql(project: &Project) -> Result<Compiled, CliError> {
    cxmill_engine::compile(project).await.map_err(|diagnostics| CliError::Invalid(project.texts.clone(), diagnostics))
}

/// Collects the texts of the project: settings, pipeline files, SQL files.
fn read(args: &Args, outside: &Outside) -> Result<Input, CliError> {
    let root = &args.project;
    let (config, pipelines) = (root.join("config"), root.join("pipelines"));
    if !pipelines.is_dir() {
        return Err(CliError::usage(
            format!("there is no project in {}: it has no folder pipelines/", root.display()),
            Some("name its folder with --project DIR, or make one with cxmill init DIR".to_owned()),
        ));
    }
    let mut texts = Texts::default();
    let mut layers = Vec::new();
    let default = config.join("default.yaml");
    if default.is_file() {
        layers.push(add(&mut texts, root, &default)?);
    }
    if let Some(name) = &args.env {
        let layer = config.join(format!("{name}.yaml"));
        if !layer.is_file() {
            return Err(CliError::usage(
                format!("--env {name}: there is no file {}", layer.display()),
                environments(&config),
            ));
        }
        layers.push(add(&mut texts, root, &layer)?);
    }
    let mut files = Vec::new();
    walk(&pipelines, &mut files)?;
    let mut pipeline_files = Vec::new();
    for file in files {
        let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension {
            "yaml" | "yml" => pipeline_files.push(add(&mut texts, root, &file)?),
            "sql" => drop(add(&mut texts, root, &file)?),
            _ => {}
        }
    }
    if pipeline_files.is_empty() {
        return Err(CliError::usage(
            format!("{} holds no pipeline file (*.yaml)", pipelines.display()),
            Some("a run would take every published table away; bring the files back, or name another folder with --project".to_owned()),
        ));
    }
    let mut overrides = outside.settings.clone();
    overrides.extend(args.set.iter().map(|(key, value)| (format!("--set {key}"), key.clone(), value.clone())));
    Ok(Input {
        texts,
        config: layers,
        pipelines: pipeline_files,
        overrides,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        machine_memory: machine_memory(),
    })
}

fn add(texts: &mut Texts, root: &Path, path: &Path) -> Result<FileId, CliError> {
    let bytes = std::fs::read(path).map_err(CliError::io("reading", path))?;
    let shown = path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
    match String::from_utf8(bytes) {
        Ok(content) => Ok(texts.add(shown, content)),
        Err(error) => Err(CliError::usage(
            format!("{shown} is not UTF-8: byte {}", error.utf8_error().valid_up_to() + 1),
            Some("save the file as UTF-8".to_owned()),
        )),
    }
}

/// All files below a folder in name order; hidden ones are passed over.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), CliError> {
    let entries = std::fs::read_dir(folder).map_err(CliError::io("reading", folder))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(CliError::io("reading", folder))?;
    paths.sort();
    for path in paths {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn environments(config: &Path) -> Option<String> {
    let mut names: Vec<String> = std::fs::read_dir(config)
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".yaml").map(str::to_owned))
        .filter(|name| name != "default")
        .collect();
    names.sort();
    (!names.is_empty()).then(|| format!("there are: {}", names.join(", ")))
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
