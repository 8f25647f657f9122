//! The state root and the output root, opened, and the names of objects below them.

use cxmill_ingest::Place;
use cxmill_ledger::{Commit, Ledger, ObjectName, OutputRoot};
use object_store::path::Path;

use crate::context::Context;
use crate::error::EngineError;

/// Both roots of a project.
#[derive(Debug, Clone)]
pub(crate) struct Roots {
    /// Where cxmill keeps its own state.
    pub(crate) state: OutputRoot,
    /// Where tables are published.
    pub(crate) output: OutputRoot,
}

impl Roots {
    /// Opens both. Touches no store.
    pub(crate) fn open(context: &Context) -> Result<Self, EngineError> {
        let settings = &context.project.settings;
        Ok(Self { state: root(context, &settings.state, "state")?, output: root(context, &settings.output, "output")? })
    }

    /// The newest commit, for who only looks.
    pub(crate) async fn newest_commit(&self) -> Result<Option<Commit>, EngineError> {
        Ok(Ledger::open_read_only(self.state.clone()).await?.latest().await?)
    }
}

/// Opens a location of the project: a source, or one of the roots.
pub(crate) fn open_place(context: &Context, location: &str) -> Result<Place, EngineError> {
    Ok(context.stores.open(location, context)?)
}

fn root(context: &Context, location: &str, setting: &str) -> Result<OutputRoot, EngineError> {
    let place = open_place(context, location)?;
    if place.pattern.is_some() {
        return Err(EngineError::Store {
            message: format!("{} has a wildcard", place.shown),
            help: Some(format!("set `{setting}` to a folder")),
        });
    }
    Ok(OutputRoot { store: place.store, prefix: place.prefix, local: place.local, shown: place.shown })
}

/// Path in its store of a name below a root. Names are kept as they are: a `%2F` in a partition folder is not encoded again.
pub(crate) fn path_of(root: &OutputRoot, name: &str) -> Result<Path, EngineError> {
    let text = if root.prefix.as_ref().is_empty() { name.to_owned() } else { format!("{}/{name}", root.prefix) };
    Path::parse(&text).map_err(|error| EngineError::Bug(format!("object name {text}: {error}")))
}

/// Name below a root of a path in its store.
pub(crate) fn name_of(root: &OutputRoot, path: &Path) -> Result<ObjectName, EngineError> {
    let text = path.as_ref();
    let name = if root.prefix.as_ref().is_empty() {
        Some(text)
    } else {
        text.strip_prefix(root.prefix.as_ref()).and_then(|rest| rest.strip_prefix('/'))
    };
    name.map(|name| ObjectName(name.to_owned()))
        .ok_or_else(|| EngineError::Bug(format!("object {text} is not below {}", root.prefix)))
}
