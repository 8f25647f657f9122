//! The laws that the ledger relies on, held against real servers through the places that a project opens. Memory and local
//! disk are held against the same suite where it is written.

use std::collections::BTreeMap;
use std::path::Path;

use cxmill_engine::{Environment, Place};
use cxmill_ledger::conformance::{Law, Standing, conformance};

/// Opens a place as the command does: settings from `CXMILL_STORES__…`, credentials from the rest.
fn open(location: &str, variables: Vec<(&'static str, String)>) -> Place {
    let mut stores: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut environment = Environment::default();
    for (name, value) in variables {
        match name.strip_prefix("CXMILL_STORES__").and_then(|key| key.split_once("__")) {
            Some((scheme, key)) => {
                stores.entry(scheme.to_lowercase()).or_default().insert(key.to_lowercase(), value);
            }
            None => drop(environment.0.insert(name.to_owned(), value)),
        }
    }
    Place::open(location, Path::new("/"), &stores, &environment).unwrap()
}

/// Laws that a server does not obey, with how it stands to them.
async fn broken(place: &Place) -> Vec<(Law, Standing)> {
    let findings = conformance(&place.store, &place.prefix).await;
    assert_eq!(findings.len(), 6);
    let broken = findings.into_iter().filter(|finding| finding.standing != Standing::Holds);
    broken.map(|finding| (finding.law, finding.standing)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_obeys_every_law() {
    let Some(server) = cxmill_tests::seaweed() else { return };
    server.objects(&["bucket", "lake"]);
    assert_eq!(broken(&open("s3://lake/suite", server.environment())).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_obeys_every_law_but_that_of_offsets_which_its_emulator_ignores() {
    let Some(server) = cxmill_tests::azurite() else { return };
    server.objects(&["bucket", "lake"]);
    let offsets = (Law::OffsetListsWhatFollows, Standing::Broken("12 names where 5 follow".to_owned()));
    assert_eq!(broken(&open("az://lake/suite", server.environment())).await, [offsets]);
}
