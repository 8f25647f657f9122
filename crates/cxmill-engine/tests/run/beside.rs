//! Models that are built at the same time, and those for which there is no room beside others.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cxmill_engine::{Observer, RunOptions, RunReport, Stage, run};
use cxmill_ledger::testing::{FaultStore, Kind};
use futures::FutureExt;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::sync::Barrier;
use tokio::time::timeout;

use crate::faults::One;
use crate::support::{Shop, action, answer, compiled, model};

/// Two models that do not read each other, and one that reads both.
const MODELS: &str = "models:
  first:
    sql: SELECT channel, count(*) AS answers FROM answers GROUP BY channel ORDER BY channel LIMIT 10
  second:
    sql: SELECT channel, max(score) AS best FROM answers GROUP BY channel ORDER BY channel LIMIT 10
  both:
    sql: SELECT first.channel, answers, best FROM first JOIN second USING (channel)
";

/// What a run with these settings does; `hook` is called before a result of a model is written.
async fn run_with(
    settings: [(&'static str, &str); 2],
    hook: impl Fn(&str) -> futures::future::BoxFuture<'static, ()> + Send + Sync + 'static,
) -> RunReport {
    let mut shop = shop(MODELS);
    for (name, value) in settings {
        shop.settings.insert(name, value.to_owned());
    }
    for (key, place) in [("raw", "raw"), ("state", "state"), ("output", "out")] {
        shop.settings.insert(key, format!("memory://shop/{place}"));
    }
    let store = InMemory::new();
    let line = answer("a", "2026-01-01T10:00:00Z", "web", 9);
    let mut context = shop.context();
    store.put(&"raw/answers/1.ndjson".into(), line.into()).await.unwrap();
    let store = FaultStore::new(Arc::new(store) as Arc<dyn ObjectStore>);
    store.before_each(move |operation| {
        let model = ["first", "second", "both"].into_iter().find(|model| {
            operation.kind == Kind::Write && operation.path.as_ref().contains(&format!("results/{model}/"))
        });
        model.map_or_else(|| async {}.boxed(), &hook)
    });
    context.stores = Arc::new(One(Arc::new(store)));
    let compiled = compiled(&context).await;
    Box::pin(run(&context, &compiled, &RunOptions::default())).await.unwrap()
}

fn shop(models: &str) -> Shop {
    let mut shop = Shop::new();
    let at = shop.pipeline.find("models:").unwrap();
    shop.pipeline.truncate(at);
    shop.pipeline.push_str(models);
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn models_that_do_not_read_each_other_are_built_at_the_same_time() {
    let barrier = Arc::new(Barrier::new(2));
    let met = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&met);
    let report = run_with([("memory_limit", "2GB"), ("threads", "2")], move |model| {
        let (barrier, met, model) = (Arc::clone(&barrier), Arc::clone(&met), model.to_owned());
        async move {
            // The reader of both comes when they have ended, and would wait in vain.
            let together = model != "both" && timeout(Duration::from_secs(30), barrier.wait()).await.is_ok();
            met.lock().unwrap().push((model, together));
        }
        .boxed()
    })
    .await;
    let mut met = seen.lock().unwrap().clone();
    met[..2].sort();
    let expected = [("first", true), ("second", true), ("both", false)];
    assert_eq!(met, expected.map(|(model, together)| (model.to_owned(), together)));
    let order: Vec<&str> = report.models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(order, ["first", "second", "both"], "the report keeps the order of the project");
    assert!(order.iter().all(|model| action(&report, model) == "built"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_one_thread_or_in_little_memory_they_are_built_one_after_the_other() {
    for settings in [[("memory_limit", "2GB"), ("threads", "1")], [("memory_limit", "256MB"), ("threads", "2")]] {
        let order = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&order);
        run_with(settings, move |model| {
            let (order, model) = (Arc::clone(&order), model.to_owned());
            async move {
                // Long enough for another model to come between, if one could.
                tokio::time::sleep(Duration::from_millis(100)).await;
                order.lock().unwrap().push(model);
            }
            .boxed()
        })
        .await;
        let mut order = seen.lock().unwrap().clone();
        order.dedup();
        assert_eq!(order, ["first", "second", "both"]);
    }
}

/// Remembers which models were begun.
#[derive(Debug, Default)]
struct Begun(Mutex<Vec<String>>);

impl Observer for Begun {
    fn begins(&self, stage: &Stage) {
        if let Stage::Build { model } = stage {
            self.0.lock().unwrap().push(model.clone());
        }
    }
}

/// All pairs of so many answers, each told apart from all others by a long text. Sets of texts cannot be written to disk, so there is memory
/// for two such queries or for one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_has_no_memory_beside_another_is_begun_again_alone() {
    let pairs = |name: &str| {
        format!(
            "  {name}:\n    sql: SELECT count(DISTINCT a.id || b.id || repeat('-', 200)) AS pairs FROM answers a CROSS JOIN answers b\n"
        )
    };
    for answers in (800..2_000_u64).step_by(100) {
        let mut shop = shop(&format!("models:\n{}{}", pairs("first"), pairs("second")));
        shop.settings.insert("memory_limit", "1200MB".to_owned());
        let lines: Vec<String> =
            (0..answers).map(|id| answer(&format!("{id:05}"), "2026-01-01T10:00:00Z", "web", 1)).collect();
        shop.raw("1.ndjson", &lines.iter().map(String::as_str).collect::<Vec<_>>());
        let (begun, mut context) = (Arc::new(Begun::default()), shop.context());
        context.observer = Arc::clone(&begun) as Arc<dyn Observer>;
        let compiled = compiled(&context).await;
        let report = Box::pin(run(&context, &compiled, &RunOptions::default())).await.unwrap();
        for model in ["first", "second"] {
            assert_eq!(
                action(&report, model),
                "built",
                "{answers} answers were too many for one, and 100 fewer few enough for two"
            );
            let rows = shop.published(model).await;
            assert!(rows.contains(&format!("| {} |", answers * answers)), "{rows}");
        }
        if begun.0.lock().unwrap().len() > 2 {
            return;
        }
    }
    panic!("there is memory for two of anything");
}

/// A rebuild in batches of which one needs more memory than there is, however often it is tried.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_there_is_no_memory_for_withholds_its_model() {
    let mut shop = shop(
        "models:\n  texts:\n    strategy: state\n    sql: SELECT count(DISTINCT id || repeat('-', 150000)) AS texts FROM answers\n",
    );
    shop.settings.insert("memory_limit", "1200MB".to_owned());
    shop.max_batch_bytes = Some(1);
    let lines: Vec<String> =
        (0..8_000).map(|id| answer(&format!("{id:05}"), "2026-01-02T10:00:00Z", "web", 1)).collect();
    shop.raw("1.ndjson", &[&answer("a", "2026-01-01T10:00:00Z", "web", 1)]);
    shop.raw("2.ndjson", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let report = timeout(Duration::from_secs(120), shop.run()).await.expect("it is not tried for ever");
    assert_eq!(action(&report, "texts"), "withheld");
    assert!(model(&report, "texts").why.contains("more memory"), "{}", model(&report, "texts").why);
}
