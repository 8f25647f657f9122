//! Laws of the sample: same options, same bytes; the truth equals a recount of the bytes.

mod care;
mod growth;
mod laws;
mod model;
mod recount;

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{Options, Summary, TRUTH, generate};

/// A sample in memory.
struct Sample {
    objects: BTreeMap<String, Bytes>,
    names: Vec<String>,
    summary: Summary,
    truth: serde_json::Value,
}

fn sample(options: &Options) -> Sample {
    let mut objects = BTreeMap::new();
    let mut names = Vec::new();
    let summary = generate(options, &mut |object| {
        names.push(object.name.clone());
        assert!(objects.insert(object.name, object.content).is_none(), "each object is written once");
        Ok(())
    })
    .unwrap();
    let truth = serde_json::from_slice(objects.get(TRUTH).unwrap()).unwrap();
    Sample { objects, names, summary, truth }
}

fn small() -> Options {
    Options { customers: 120, days: 40, seed: 7, late: 0.05, bad: 0.05, duplicates: 0.05 }
}
