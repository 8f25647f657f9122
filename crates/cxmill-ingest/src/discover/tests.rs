use std::collections::BTreeMap;
use std::path::Path as FilePath;

use super::*;
use crate::place::Environment;

async fn memory(location: &str, objects: &[&str]) -> Place {
    let place = Place::open(location, FilePath::new("/"), &BTreeMap::new(), &Environment::default()).unwrap();
    for object in objects {
        place.store.put(&Path::from(*object), "x".into()).await.unwrap();
    }
    place
}

async fn names(place: &Place) -> Vec<String> {
    let found = discover(place, &|_, _| Seen::New).await.unwrap();
    found.new.into_iter().map(|file| file.path.to_string()).collect()
}

#[tokio::test]
async fn a_folder_finds_all_files_below_it_but_hidden_ones() {
    let objects =
        ["raw/b.csv", "raw/a/c.csv", "raw/_tmp/x.csv", "raw/.x.csv", "raw/a/_SUCCESS", "raw2/d.csv", "raw/a/.git/y"];
    let place = memory("memory://discover-folder/raw/", &objects).await;
    assert_eq!(names(&place).await, ["raw/a/c.csv", "raw/b.csv"]);
}

#[tokio::test]
async fn a_hidden_folder_that_is_named_is_meant() {
    let place = memory("memory://discover-hidden/_in/", &["_in/a.csv", "_in/_b.csv"]).await;
    assert_eq!(names(&place).await, ["_in/a.csv"]);
}

#[tokio::test]
async fn a_pattern_picks_files() {
    let objects = ["r/a.csv", "r/b.json", "r/x/a.csv", "r/x/y/a.csv"];
    for (pattern, expected) in [
        ("*.csv", vec!["r/a.csv"]),
        ("*/*.csv", vec!["r/x/a.csv"]),
        ("**/*.csv", vec!["r/a.csv", "r/x/a.csv", "r/x/y/a.csv"]),
        ("?.json", vec!["r/b.json"]),
        ("x*/", vec!["r/x/a.csv", "r/x/y/a.csv"]),
    ] {
        let place = memory(&format!("memory://discover-pattern/r/{pattern}"), &objects).await;
        assert_eq!(names(&place).await, expected, "{pattern}");
    }
}

#[tokio::test]
async fn a_file_is_found_by_its_name() {
    let objects = ["r/a.csv", "r/a.csv.bak", "r/v1.2/b.csv"];
    assert_eq!(names(&memory("memory://discover-file/r/a.csv", &objects).await).await, ["r/a.csv"]);
    // A name with a point may be a folder too.
    assert_eq!(names(&memory("memory://discover-file/r/v1.2", &objects).await).await, ["r/v1.2/b.csv"]);
}

#[tokio::test]
async fn only_what_is_new_or_changed_is_kept() {
    let place = memory("memory://discover-seen/", &["a", "b", "c"]).await;
    let identity = names(&place).await;
    assert_eq!(identity.len(), 3);
    let found = discover(&place, &|path, identity| match path {
        "a" => Seen::Read,
        "b" => Seen::Changed,
        _ => {
            assert!(!identity.is_empty());
            Seen::New
        }
    });
    let found = found.await.unwrap();
    assert_eq!((found.known, found.changed.len(), found.new.len()), (1, 1, 1));
}

#[tokio::test]
async fn a_local_copy_keeps_its_identity() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("raw")).unwrap();
    std::fs::write(folder.path().join("raw/a b.csv"), "x,y\n").unwrap();
    std::fs::write(folder.path().join("raw/empty.csv"), "").unwrap();
    let place = Place::open("raw", folder.path(), &BTreeMap::new(), &Environment::default()).unwrap();
    let found = discover(&place, &|_, _| Seen::New).await.unwrap();
    assert_eq!(found.new.iter().map(|file| file.path.as_ref()).collect::<Vec<_>>(), ["raw/a b.csv", "raw/empty.csv"]);
    assert!(found.new.iter().all(|file| file.etag.is_none()), "a local etag holds the inode");
    let one = Place::open("raw/a b.csv", folder.path(), &BTreeMap::new(), &Environment::default()).unwrap();
    assert_eq!(discover(&one, &|_, _| Seen::New).await.unwrap().new, found.new[..1]);
}

#[tokio::test]
async fn a_folder_that_does_not_exist_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::open("nowhere/", folder.path(), &BTreeMap::new(), &Environment::default()).unwrap();
    let error = discover(&place, &|_, _| Seen::New).await.unwrap_err();
    assert_eq!(error.to_string(), "listing nowhere/");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("no such file or folder"), "{source}");
}

#[tokio::test]
async fn a_store_that_does_not_answer_fails_soon_and_says_so() {
    let settings = BTreeMap::from([(
        "s3".to_owned(),
        BTreeMap::from([
            ("endpoint".to_owned(), "http://127.0.0.1:9".to_owned()),
            ("allow_http".to_owned(), "true".to_owned()),
            ("skip_signature".to_owned(), "true".to_owned()),
        ]),
    )]);
    let place = Place::open("s3://bucket/raw/", FilePath::new("/"), &settings, &Environment::default()).unwrap();
    let listing = discover(&place, &|_, _| Seen::New);
    let found = tokio::time::timeout(std::time::Duration::from_secs(30), listing).await.unwrap();
    assert_eq!(found.unwrap_err().to_string(), "listing s3://bucket/raw/");
}
