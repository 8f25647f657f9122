use super::*;

fn settings(scheme: &str, pairs: &[(&str, &str)]) -> BTreeMap<String, BTreeMap<String, String>> {
    let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    BTreeMap::from([(scheme.to_owned(), pairs)])
}

fn environment(pairs: &[(&str, &str)]) -> Environment {
    Environment(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}

fn keys() -> Environment {
    environment(&[("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "very-secret")])
}

fn place(location: &str) -> Place {
    Place::open(location, FilePath::new("/"), &BTreeMap::new(), &keys()).unwrap()
}

fn refusal(location: &str, settings: &BTreeMap<String, BTreeMap<String, String>>, environment: &Environment) -> String {
    Place::open(location, FilePath::new("/"), settings, environment).unwrap_err().to_string()
}

#[test]
fn a_location_is_split_before_its_first_wildcard() {
    let split = |location: &str| {
        let place = place(location);
        (place.prefix.to_string(), place.pattern.map(|pattern| pattern.to_string()))
    };
    assert_eq!(split("memory://m/a/b/"), ("a/b".to_owned(), None));
    assert_eq!(split("memory://m"), (String::new(), None));
    assert_eq!(split("memory://m/a/b.csv"), ("a/b.csv".to_owned(), None));
    assert_eq!(split("memory://m/a/x*.csv"), ("a".to_owned(), Some("a/x*.csv".to_owned())));
    assert_eq!(split("memory://m/*.csv"), (String::new(), Some("*.csv".to_owned())));
    assert_eq!(split("memory://m/a/**/b?.csv"), ("a".to_owned(), Some("a/**/b?.csv".to_owned())));
    assert_eq!(split("memory://m/a/date=*/"), ("a".to_owned(), Some("a/date=*/**".to_owned())));
}

#[test]
fn memory_is_shared_by_name() {
    let (one, same, other) = (place("memory://shared/a"), place("memory://shared/b"), place("memory://other/a"));
    assert!(Arc::ptr_eq(&one.store, &same.store));
    assert!(!Arc::ptr_eq(&one.store, &other.store));
}

#[test]
fn a_relative_path_is_rooted_at_the_project() {
    let folder = tempfile::tempdir().unwrap();
    let open = |location: &str| Place::open(location, folder.path(), &BTreeMap::new(), &keys()).unwrap();
    assert_eq!(open("raw/orders/").prefix.as_ref(), "raw/orders");
    assert_eq!(open("./raw/x/../orders").local, Some(folder.path().join("raw/orders")));
    // A path that leaves the project, or is absolute, is rooted at the disk.
    let outside = open("../elsewhere/");
    assert_eq!(outside.local, Some(folder.path().parent().unwrap().join("elsewhere")));
    assert!(open("/somewhere/else").prefix.as_ref().starts_with("somewhere/else"));
    assert_eq!(open("file:///somewhere/else").local, Some(PathBuf::from("/somewhere/else")));
}

#[test]
fn a_wrong_location_says_what_to_write() {
    let none = BTreeMap::new();
    assert!(refusal("ftp://host/x", &none, &keys()).contains("unknown scheme 'ftp'"));
    assert!(refusal("~/raw", &none, &keys()).contains("'~' is not expanded"));
    assert!(refusal("s3:///x", &none, &keys()).contains("names no bucket"));
    assert!(refusal("https://host/a/*.csv", &none, &keys()).contains("exactly one file"));
    assert!(refusal("memory://m/{a,b}.csv", &none, &keys()).contains("braces"));
    assert!(refusal("memory://m/a[.csv", &none, &keys()).contains("bad pattern"));
    assert!(!refusal("ftp://me:hidden@host/x", &none, &keys()).contains("hidden"));
}

#[test]
fn an_unknown_setting_names_the_nearest() {
    let message = refusal("s3://bucket/x", &settings("s3", &[("endpont", "http://127.0.0.1:1")]), &keys());
    assert!(message.ends_with("unknown setting stores.s3.endpont; did you mean `endpoint`?"), "{message}");
    let message = refusal("az://box/x", &settings("az", &[("zzz", "1")]), &keys());
    assert!(message.contains("known keys: account, "), "{message}");
}

#[test]
fn a_credential_in_settings_is_refused() {
    for (scheme, location, key) in [
        ("s3", "s3://bucket/x", "secret_access_key"),
        ("s3", "s3://bucket/x", "aws_session_token"),
        ("az", "az://box/x", "account_key"),
        ("gs", "gs://bucket/x", "service_account_key"),
    ] {
        let message = refusal(location, &settings(scheme, &[(key, "very-secret")]), &keys());
        assert!(message.contains("credentials come from the environment only"), "{message}");
        assert!(!message.contains("very-secret"));
    }
}

#[test]
fn a_remote_store_that_lacks_something_says_what() {
    let plain = settings("s3", &[("endpoint", "http://127.0.0.1:1")]);
    assert!(refusal("s3://bucket/x", &plain, &keys()).contains("stores.s3.allow_http: true"));
    let open = settings("s3", &[("endpoint", "http://127.0.0.1:1"), ("allow_http", "true")]);
    assert!(refusal("s3://bucket/x", &open, &environment(&[])).contains("AWS_ACCESS_KEY_ID"));
    assert!(refusal("az://box/x", &BTreeMap::new(), &environment(&[])).contains("stores.az.account"));
    let place = Place::open("s3://bucket/a/b/", FilePath::new("/"), &open, &keys()).unwrap();
    assert_eq!(place.address(&Path::from("a/b/c")), "s3://bucket/a/b/c");
    for text in [format!("{:?}", keys()), format!("{place:?}")] {
        assert!(!text.contains("very-secret"), "{text}");
    }
}

#[test]
fn every_kind_of_store_opens() {
    let emulator = settings("az", &[("use_emulator", "true"), ("endpoint", "http://127.0.0.1:1")]);
    let account = settings("az", &[("account", "mine")]);
    let key = environment(&[("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0")]);
    for (location, settings, environment) in [
        ("s3://bucket/x/", BTreeMap::new(), keys()),
        ("gs://bucket/x/", settings("gs", &[("skip_signature", "true")]), environment(&[])),
        ("az://box/x/", emulator, environment(&[])),
        ("az://box/x/", account, key),
        ("http://127.0.0.1:1/x.csv", BTreeMap::new(), environment(&[])),
        ("https://host/x.csv", settings("http", &[("timeout", "5s")]), environment(&[])),
    ] {
        let place = Place::open(location, FilePath::new("/"), &settings, &environment).unwrap();
        assert!(place.prefix.as_ref().starts_with('x') && place.local.is_none(), "{location}");
    }
}
