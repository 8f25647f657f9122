//! Determinism, options, sizes.

use super::{sample, small};
use crate::{Options, SampleError, TRUTH, generate};

#[test]
fn same_options_give_same_bytes() {
    let (first, second) = (sample(&small()), sample(&small()));
    assert_eq!(first.objects, second.objects);
    assert_eq!(first.names, second.names);
}

#[test]
fn another_seed_gives_other_bytes() {
    let (first, second) = (sample(&small()), sample(&Options { seed: 8, ..small() }));
    let name = "interactions/date=2026-01-20/part-0.ndjson.gz";
    assert_ne!(first.objects.get(name).unwrap(), second.objects.get(name).unwrap());
}

#[test]
fn more_customers_leave_the_others_as_they_are() {
    let orders = |customers| {
        let clean = Options { customers, late: 0.0, bad: 0.0, duplicates: 0.0, ..small() };
        let sample = sample(&clean);
        let mut lines: Vec<String> = sample
            .objects
            .iter()
            .filter(|(name, _)| name.starts_with("orders_online/"))
            .flat_map(|(_, content)| {
                String::from_utf8(content.to_vec()).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
            })
            .filter(|line| line.contains(",c00000") || line.contains(",c00001"))
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(orders(60), orders(120));
    assert!(orders(60).len() > 20);
}

#[test]
fn shares_do_not_change_what_customers_do() {
    let spoiled = sample(&small());
    let clean = sample(&Options { late: 0.0, bad: 0.0, duplicates: 0.0, ..small() });
    assert_eq!(clean.summary.clean, spoiled.summary.clean + spoiled.summary.bad);
    assert_eq!(clean.summary.rows, clean.summary.clean);
    assert_eq!((clean.summary.late, clean.summary.bad, clean.summary.duplicates), (0, 0, 0));
}

#[test]
fn shares_come_out() {
    let options = small();
    let summary = sample(&options).summary;
    for (count, share) in
        [(summary.late, options.late), (summary.bad, options.bad), (summary.duplicates, options.duplicates)]
    {
        let found = count as f64 / summary.clean as f64;
        assert!((found - share).abs() < share * 0.2, "{found} instead of {share}");
    }
}

#[test]
fn every_row_can_be_bad_and_every_row_can_be_sent_twice() {
    let all_bad = sample(&Options { bad: 1.0, ..small() }).summary;
    assert_eq!((all_bad.clean, all_bad.bad), (0, all_bad.rows));
    let all_twice = sample(&Options { bad: 0.0, duplicates: 1.0, ..small() }).summary;
    assert_eq!(all_twice.rows, 2 * all_twice.clean);
}

#[test]
fn size_grows_with_customers() {
    let rows = |customers| sample(&Options { customers, ..small() }).summary.rows as f64;
    let ratio = rows(800) / rows(200);
    assert!((3.2..4.8).contains(&ratio), "{ratio}");
}

#[test]
fn one_customer_and_one_day_are_enough() {
    let sample = sample(&Options { customers: 1, days: 1, late: 1.0, ..small() });
    assert_eq!(sample.summary.late, 0, "there is no later day");
    assert_eq!(sample.names.last().unwrap(), TRUTH);
}

#[test]
fn files_stand_under_their_source_and_day() {
    let sample = sample(&small());
    let files = sample.names.len() - 1;
    assert_eq!(sample.summary.files, files as u64);
    let bytes: usize = sample.objects.iter().filter(|(name, _)| *name != TRUTH).map(|(_, content)| content.len()).sum();
    assert_eq!(sample.summary.bytes, bytes as u64);
    for name in sample.names.iter().filter(|name| *name != TRUTH) {
        let parts: Vec<&str> = name.split('/').collect();
        assert!(sample.truth["sources"].get(parts[0]).is_some(), "{name}");
        assert!(("date=2026-01-01"..="date=2026-02-09").contains(&parts[1]), "{name}");
        assert!(parts[2].starts_with("part-0."), "{name}");
    }
}

#[test]
fn options_out_of_range_are_refused() {
    for (options, said) in [
        (Options { customers: 0, ..small() }, "customers must be between 1 and 100000000, not 0"),
        (Options { days: 0, ..small() }, "days must be between 1 and 3660, not 0"),
        (Options { late: 1.5, ..small() }, "the share of late rows must be between 0% and 100%, not 150%"),
        (Options { bad: -0.1, ..small() }, "the share of bad rows must be between 0% and 100%, not -10%"),
        (Options { duplicates: f64::NAN, ..small() }, "the share of duplicates rows must be"),
    ] {
        let error = generate(&options, &mut |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn an_error_of_the_writer_stops_the_sample() {
    let mut written = 0;
    let error = generate(&small(), &mut |_| {
        written += 1;
        if written == 3 { Err(SampleError("disk full".to_owned())) } else { Ok(()) }
    })
    .unwrap_err();
    assert_eq!((error.to_string().as_str(), written), ("disk full", 3));
}
