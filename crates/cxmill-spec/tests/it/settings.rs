//! Settings: their layers, and what is refused.

use insta::assert_snapshot;

use crate::support::{diagnostics, project, valid};

fn over(config: &[(&str, &str)], overrides: &[(&str, &str, &str)]) -> cxmill_spec::Input {
    let mut input = project(config, &[]);
    input.overrides =
        overrides.iter().map(|(from, key, value)| ((*from).into(), (*key).into(), (*value).into())).collect();
    input
}

#[test]
fn later_layers_win() {
    let default = "raw: s3://bucket/raw/\nmemory_limit: 1GB\nthreads: 2\nstores: {s3: {region: a, allow_http: true}}\n";
    let prod = "memory_limit: 2GiB\nstores: {s3: {region: b}}\n";
    let settings = valid(over(
        &[("config/default.yaml", default), ("config/prod.yaml", prod)],
        &[
            ("CXMILL_THREADS", "threads", "3"),
            ("--set threads", "threads", "5"),
            ("--set stores.s3.endpoint", "stores.s3.endpoint", "http://localhost:9000"),
        ],
    ))
    .settings;
    assert_eq!((settings.raw.as_str(), settings.memory_limit, settings.threads), ("s3://bucket/raw/", 2 << 30, 5));
    let s3: Vec<_> = settings.stores["s3"].iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(s3, ["allow_http=true", "endpoint=http://localhost:9000", "region=b"]);
}

#[test]
fn mistakes_name_their_origin() {
    let found = diagnostics(over(
        &[(
            "config/default.yaml",
            "raw: ''\noutput: ftp://x\nmemory_limit: 64MB\nthreads: 0\ntime_zone: Mars\nmax_batch_bytes: 5\nthread: 3\nstores: {s4: {a: b}, s3: [1]}\n",
        )],
        &[
            ("CXMILL_THREADS", "threads", "many"),
            ("--set memroy_limit", "memroy_limit", "1GB"),
            ("CXMILL_TIME_ZONE", "time_zone", "Europe/Pariss"),
            ("--set stores.s5.region", "stores.s5.region", "a"),
            ("--set state", "state", "data/output/"),
            ("--set vars.x", "vars.x", "1"),
        ],
    ));
    assert_snapshot!(found, @r#"
    config/default.yaml:1:6: error[bad-value]: `raw` is empty (help: write a folder or a URL)
    config/default.yaml:2:9: error[bad-value]: `output` has the unknown scheme `ftp` (help: known: `s3`, `gs`, `az`, `http`, `https`, `memory`; anything else is a local path)
    config/default.yaml:3:15: error[bad-value]: `memory_limit` is `64MB`, which is too little to work with (help: give it at least 128MB)
    config/default.yaml:4:10: error[bad-value]: `threads` is `0`, which is no number of threads (help: write a whole number from 1, or leave it out to use all cores)
    config/default.yaml:5:12: error[bad-value]: `time_zone` is `Mars`, which is no time zone (help: write an IANA name such as `Europe/Paris` or `UTC`)
    config/default.yaml:6:18: error[bad-value]: `max_batch_bytes` is `5`, which is no size (help: write a number and a unit, such as `512MB`, `1GB` or `2GiB`)
    config/default.yaml:7:1: error[unknown-key]: unknown key `thread` of the settings (help: did you mean `threads`? known keys: `raw`, `output`, `state`, `time_zone`, `memory_limit`, `threads`, `max_batch_bytes`, `stores`, `vars`, `sample`)
    config/default.yaml:8:10: error[unknown-key]: unknown key `s4` of `stores` (help: known keys: `s3`, `gs`, `az`, `http`)
    config/default.yaml:8:26: error[wrong-type]: `s3` is a list (help: write a map)
    error[bad-value]: `threads` is `many`, which is no number of threads (from CXMILL_THREADS) (help: write a whole number from 1, or leave it out to use all cores)
    error[unknown-key]: unknown setting `memroy_limit` (from --set memroy_limit) (help: did you mean `memory_limit`?)
    error[bad-value]: `time_zone` is `Europe/Pariss`, which is no time zone (from CXMILL_TIME_ZONE) (help: did you mean `Europe/Paris`?)
    error[unknown-key]: unknown setting `stores.s5.region` (from --set stores.s5.region) (help: write `stores.SCHEME.KEY` with one of the schemes `s3`, `gs`, `az`, `http`)
    error[unknown-variable]: no pipeline declares the variable `x` (from --set vars.x) (help: there are none)
    "#);
}

#[test]
fn credentials_are_refused_and_never_shown() {
    let text =
        "stores: {s3: {secret_access_key: hunter2, regin: [x], token: \"hunter2\"}, az: {sas: hunter2}}\nunknown: 1\n";
    let broken = "stores:\n  s3:\n    secret: hunter2\n  az: {account: a, token: hunter2}\n   x: [\n";
    let input = over(
        &[("config/default.yaml", text), ("config/prod.yaml", broken)],
        &[("--set stores.s3.secret", "stores.s3.secret", "hunter2"), ("CXMILL_PASSWORD", "password", "hunter2")],
    );
    let everything = format!("{:?}", cxmill_spec::compile(input.clone()).unwrap_err());
    assert!(!everything.contains("hunter2"), "{everything}");
    assert_snapshot!(diagnostics(input), @r#"
    config/default.yaml:1:15: error[credential]: `secret_access_key` is a credential in a file (help: credentials come from the environment only; take it out of the settings)
    config/default.yaml:1:50: error[wrong-type]: `regin` is a list (help: write text)
    config/default.yaml:1:55: error[credential]: `token` is a credential in a file (help: credentials come from the environment only; take it out of the settings)
    config/default.yaml:1:79: error[credential]: `sas` is a credential in a file (help: credentials come from the environment only; take it out of the settings)
    config/default.yaml:2:1: error[unknown-key]: unknown key `unknown` of the settings (help: known keys: `raw`, `output`, `state`, `time_zone`, `memory_limit`, `threads`, `max_batch_bytes`, `stores`, `vars`, `sample`)
    config/prod.yaml:5:4: error[yaml]: not valid YAML: while parsing a block mapping, did not find expected key
    error[credential]: `stores.s3.secret` is a credential (from --set stores.s3.secret) (help: credentials come from the environment only; take it out of the settings)
    error[unknown-key]: unknown setting `password` (from CXMILL_PASSWORD) (help: known: `raw`, `output`, `state`, `time_zone`, `memory_limit`, `threads`, `max_batch_bytes`, `stores.s3.…`, `vars.…`)
    "#);
}

#[test]
fn credentials_in_urls_are_refused_and_never_shown() {
    let mut input = project(
        &[("config/default.yaml", "raw: s3://me:hunter2@bucket/\noutput: https://host/x?se=1&sig=hunter2\n")],
        &[(
            "pipelines/p.yaml",
            "sources:\n  a: {location: 'az://c/x?token=hunter2', format: csv, event_time: d, columns: {d: {type: date, required: true}}}\n",
        )],
    );
    input.overrides = vec![("--set state".into(), "state".into(), "s3://me:hunter2@bucket/".into())];
    let everything = format!("{:?}", cxmill_spec::compile(input.clone()).unwrap_err());
    assert!(!everything.contains("hunter2"), "{everything}");
    assert_snapshot!(diagnostics(input), @r#"
    config/default.yaml:1:6: error[credential-in-url]: `raw` has a credential in its URL (help: credentials come from the environment only; take it out of the settings)
    config/default.yaml:2:9: error[credential-in-url]: `output` has a credential in its URL (help: credentials come from the environment only; take it out of the settings)
    pipelines/p.yaml:2:17: error[credential-in-url]: `location` has a credential in its URL (help: credentials come from the environment only; take it out of the settings)
    error[credential-in-url]: `state` has a credential in its URL (from --set state) (help: credentials come from the environment only; take it out of the settings)
    "#);
}

#[test]
fn a_limit_above_the_machine_is_a_warning() {
    let mut input = over(&[("config/default.yaml", "memory_limit: 8GB\n")], &[]);
    input.machine_memory = Some(4_000_000_000);
    assert_eq!(valid(input.clone()).settings.memory_limit, 8_000_000_000);
    assert_snapshot!(diagnostics(input), @"warning[memory-limit]: `memory_limit` is 8000 MB, but the machine has only 4000 MB (help: set `memory_limit` below what the machine has)");
}

#[test]
fn settings_replace_variables_in_their_type() {
    let mut input = project(
        &[("config/default.yaml", "vars: {days: 30}\n")],
        &[(
            "pipelines/p.yaml",
            "vars:\n  days: 90\n  since: 2026-01-01\n  rate: {type: double, value: 1}\n  label: a\n",
        )],
    );
    input.overrides = vec![
        ("--set vars.since".into(), "vars.since".into(), "2027-02-03".into()),
        ("--set vars.label".into(), "vars.label".into(), "7".into()),
    ];
    let vars = valid(input).vars;
    let shown: Vec<_> =
        vars.iter().map(|(name, var)| format!("{name}: {} = {:?}", var.data_type.name(), var.value)).collect();
    assert_snapshot!(shown.join("\n"), @r#"
    days: int64 = Int(30)
    label: string = String("7")
    rate: double = Double(1.0)
    since: date = Date(2027-02-03)
    "#);
}
