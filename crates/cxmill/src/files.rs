//! The files of a project's folder: settings, pipeline files, SQL files.

use std::path::{Path, PathBuf};

use cxmill_engine::ProjectFiles;
use cxmill_spec::{FileId, Texts};

use crate::error::CliError;

/// What the files of a project say, and where they are.
#[derive(Debug)]
pub(crate) struct Files {
    /// Folder of the project.
    root: PathBuf,
    /// Name of the settings that are laid over the defaults.
    env: Option<String>,
    /// All texts.
    pub(crate) texts: Texts,
    /// Settings, the ones above last.
    pub(crate) config: Vec<FileId>,
    /// Pipeline files.
    pub(crate) pipelines: Vec<FileId>,
}

impl ProjectFiles for Files {
    fn unchanged(&self) -> bool {
        // Whoever reads them anew is told what is wrong with them.
        Self::read(&self.root, self.env.as_deref()).is_ok_and(|now| now.texts == self.texts)
    }
}

impl Files {
    /// Reads the files of a project.
    pub(crate) fn read(root: &Path, env: Option<&str>) -> Result<Self, CliError> {
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
        if let Some(name) = env {
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
        Ok(Self {
            root: root.to_owned(),
            env: env.map(str::to_owned),
            texts,
            config: layers,
            pipelines: pipeline_files,
        })
    }
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
