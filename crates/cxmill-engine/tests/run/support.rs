//! A small shop in a temporary folder: survey answers as NDJSON, a pipeline, and what is published of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use cxmill_engine::{
    Compiled, Context, EngineError, Environment, ModelAction, ModelReport, NoFiles, NoObserver, PrivateKey, Progress,
    RunOptions, RunReport, StoresOfProject, Table, compile, plan, run, show,
};
use cxmill_spec::text::Texts;
use cxmill_spec::{Input, Project};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{Float64Type, SchemaRef};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use tempfile::TempDir;

/// Sources and models that most tests run.
pub(crate) const PIPELINE: &str = r"
sources:
  answers:
    location: ${raw}/answers/
    format: ndjson
    columns:
      id: {type: string, required: true}
      at: {type: timestamp, required: true}
      channel: {type: string, required: true, one_of: [web, app, phone]}
      score: {type: int8, between: [0, 10]}
    event_time: at
    unique_key: [id]
    error_budget: 50%
models:
  scored:
    strategy: view
    sql: SELECT CAST(at AS DATE) AS day, channel, score FROM answers WHERE score IS NOT NULL
  daily:
    sql: |
      SELECT day, channel, count(*) AS answers, avg(score) AS mean
      FROM scored GROUP BY day, channel
    grain: [day, channel]
    output: {partition_by: {month: day}, sort_by: [channel, day]}
  total:
    sql: SELECT sum(answers) AS answers, max(day) AS newest FROM daily
";

/// A project folder.
pub(crate) struct Shop {
    dir: Arc<TempDir>,
    pub(crate) pipeline: String,
    pub(crate) settings: BTreeMap<&'static str, String>,
    pub(crate) max_batch_bytes: Option<u64>,
    pub(crate) key: Option<PrivateKey>,
    pub(crate) now: chrono::DateTime<chrono::Utc>,
    pub(crate) progress: Arc<Progress>,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let shop = Self {
            dir,
            pipeline: PIPELINE.to_owned(),
            settings: [("memory_limit", "2GB".to_owned()), ("threads", "2".to_owned())].into(),
            max_batch_bytes: None,
            key: None,
            now: chrono::DateTime::UNIX_EPOCH,
            progress: Arc::default(),
        };
        std::fs::create_dir_all(shop.path("data/raw/answers")).unwrap();
        shop
    }

    /// The same project once more, over the same folder.
    pub(crate) fn twin(&self) -> Self {
        Self {
            dir: Arc::clone(&self.dir),
            pipeline: self.pipeline.clone(),
            settings: self.settings.clone(),
            max_batch_bytes: self.max_batch_bytes,
            key: self.key.clone(),
            now: self.now,
            progress: Arc::default(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a raw file of answers.
    pub(crate) fn raw(&self, name: &str, lines: &[&str]) {
        self.raw_of("answers", name, lines);
    }

    /// Writes a raw file of another source.
    pub(crate) fn raw_of(&self, source: &str, name: &str, lines: &[&str]) {
        let file = self.path("data/raw").join(source).join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(file, text).unwrap();
    }

    /// Paths of the Parquet objects below a folder whose names contain a text.
    pub(crate) fn objects(&self, folder: &str, part: &str) -> Vec<PathBuf> {
        let names =
            |path: &PathBuf| path.to_str().is_some_and(|path| path.contains(part) && path.ends_with(".parquet"));
        self.files(folder).into_keys().filter(names).collect()
    }

    /// Published files of a model by name, with their rows in order.
    pub(crate) fn published_files(&self, model: &str) -> BTreeMap<String, String> {
        let read = |name: String| {
            let file = std::fs::File::open(self.path("data/output").join(model).join(&name)).unwrap();
            let rows = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
            let rows: Vec<_> = rows.map(Result::unwrap).collect();
            (name, pretty_format_batches(&rows).unwrap().to_string())
        };
        self.partitions(model).into_iter().map(read).collect()
    }

    pub(crate) fn project(&self) -> Project {
        let mut texts = Texts::default();
        let pipeline = texts.add("pipelines/shop.yaml", self.pipeline.as_str());
        let overrides =
            self.settings.iter().map(|(key, value)| ("test".to_owned(), (*key).to_owned(), value.clone())).collect();
        let input =
            Input { texts, config: Vec::new(), pipelines: vec![pipeline], overrides, cores: 2, machine_memory: None };
        match cxmill_spec::compile(input) {
            Ok((mut project, _)) => {
                // The YAML knows no sizes as small as tests need.
                project.settings.max_batch_bytes = self.max_batch_bytes.unwrap_or(project.settings.max_batch_bytes);
                project
            }
            Err(rejected) => panic!("{:#?}", rejected.diagnostics),
        }
    }

    pub(crate) fn context(&self) -> Context {
        Context {
            project: Arc::new(self.project()),
            base: self.dir.path().to_path_buf(),
            files: Arc::new(NoFiles),
            stores: Arc::new(StoresOfProject),
            environment: Environment::default(),
            private_key: self.key.clone(),
            now: self.now,
            observer: Arc::new(NoObserver),
            progress: Arc::clone(&self.progress),
        }
    }

    pub(crate) async fn try_run(&self, options: &RunOptions) -> Result<RunReport, EngineError> {
        let context = self.context();
        let compiled = compiled(&context).await;
        Box::pin(run(&context, &compiled, options)).await
    }

    pub(crate) async fn run(&self) -> RunReport {
        self.try_run(&RunOptions::default()).await.unwrap()
    }

    /// Rows that `show` shows.
    pub(crate) async fn show(&self, model: &str, filter: Option<&str>, limit: usize) -> Result<Table, EngineError> {
        let context = self.context();
        let compiled = compiled(&context).await;
        show(&context, &compiled, model, filter, limit).await
    }

    /// The published rows of a model, as a reader of a folder of Parquet files sees them.
    pub(crate) async fn published(&self, model: &str) -> String {
        let ctx = SessionContext::new();
        let folder = self.path("data/output").join(model);
        let rows = ctx.read_parquet(folder.to_str().unwrap(), ParquetReadOptions::default()).await.unwrap();
        let order: Vec<_> = rows
            .schema()
            .columns()
            .into_iter()
            .map(|column| datafusion::prelude::Expr::Column(column).sort(true, true))
            .collect();
        let rows = rows.sort(order).unwrap().collect().await.unwrap();
        pretty_format_batches(&rows).unwrap().to_string()
    }

    /// Every file below a folder with its size and modification time.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<PathBuf, (u64, SystemTime)> {
        let mut files = BTreeMap::new();
        collect(&self.path(folder), &mut files);
        files
    }

    /// Published Parquet files below a model's folder.
    pub(crate) fn partitions(&self, model: &str) -> Vec<String> {
        let root = self.path("data/output").join(model);
        let files = self.files(&format!("data/output/{model}"));
        let names = files.keys().filter(|path| path.extension().is_some_and(|extension| extension == "parquet"));
        names.map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned()).collect()
    }
}

pub(crate) async fn compiled(context: &Context) -> Compiled {
    compile(&context.project).await.unwrap()
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, (u64, SystemTime)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let meta = std::fs::metadata(&path).unwrap();
            files.insert(path, (meta.len(), meta.modified().unwrap()));
        }
    }
}

/// One raw answer.
pub(crate) fn answer(id: &str, at: &str, channel: &str, score: i64) -> String {
    format!(r#"{{"id": "{id}", "at": "{at}", "channel": "{channel}", "score": {score}}}"#)
}

/// What a plan says that the next run does with each model.
pub(crate) async fn planned(shop: &Shop) -> Vec<(String, ModelAction)> {
    let context = shop.context();
    let plan = plan(&context, &compiled(&context).await, &RunOptions::default()).await.unwrap();
    plan.models.into_iter().map(|model| (model.name, model.action)).collect()
}

/// What a report says of a model.
#[track_caller]
pub(crate) fn model<'a>(report: &'a RunReport, model: &str) -> &'a ModelReport {
    report.models.iter().find(|found| found.name == model).unwrap()
}

/// What a model's report says was done.
#[track_caller]
pub(crate) fn action<'a>(report: &'a RunReport, model: &str) -> &'a str {
    &self::model(report, model).action
}

/// The rows of one published file.
#[derive(Clone)]
pub(crate) struct Rows(Vec<RecordBatch>);

impl Rows {
    pub(crate) fn schema(&self) -> SchemaRef {
        self.0[0].schema()
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", pretty_format_batches(&self.0).unwrap())
    }
}

/// Published files of a model that hold rows, by name, with their rows in order; none where it is not published. A partition that
/// has lost its rows, and the file of an empty table, stay for a while without any.
pub(crate) fn published_files(shop: &Shop, model: &str) -> BTreeMap<String, Rows> {
    let read = |name: String| {
        let file = std::fs::File::open(shop.path("data/output").join(model).join(&name)).unwrap();
        let rows = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        (name, Rows(rows.map(Result::unwrap).collect()))
    };
    let held = |(_, Rows(rows)): &(String, Rows)| rows.iter().any(|batch| batch.num_rows() > 0);
    shop.partitions(model).into_iter().map(read).filter(held).collect()
}

/// Whether files of the same names hold the same rows in the same order: doubles to 1e-9 of their size, all else exactly.
pub(crate) fn same_tables(one: &BTreeMap<String, Rows>, other: &BTreeMap<String, Rows>) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|((name, one), (other_name, other))| name == other_name && same_rows(one, other))
}

fn same_rows(Rows(one): &Rows, Rows(other): &Rows) -> bool {
    let rows = |batches: &[RecordBatch]| batches.first().map(|first| concat_batches(&first.schema(), batches).unwrap());
    match (rows(one), rows(other)) {
        (Some(one), Some(other)) => {
            one.schema() == other.schema()
                && one.columns().iter().zip(other.columns()).all(|(one, other)| same_values(one, other))
        }
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn same_values(one: &ArrayRef, other: &ArrayRef) -> bool {
    if let (Some(one), Some(other)) = (one.as_primitive_opt::<Float64Type>(), other.as_primitive_opt::<Float64Type>()) {
        let near = |one: f64, other: f64| (one - other).abs() <= 1e-9 * one.abs().max(other.abs()).max(1.0);
        return one.len() == other.len()
            && one.iter().zip(other).all(|pair| match pair {
                (Some(one), Some(other)) => near(one, other),
                (one, other) => one.is_none() && other.is_none(),
            });
    }
    if let (Some(one), Some(other)) = (one.as_struct_opt(), other.as_struct_opt()) {
        return one.nulls() == other.nulls()
            && one.columns().iter().zip(other.columns()).all(|(one, other)| same_values(one, other));
    }
    one == other
}
