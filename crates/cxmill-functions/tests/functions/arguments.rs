//! Random calls of every function, with wrong types, extremes, NULLs and too many or too few arguments.

use std::cell::Cell;

use cxmill_functions::function_docs;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::arbitrary::call;

#[test]
fn any_call_gives_a_result_or_an_error() {
    for (number, doc) in (0_u8..).zip(function_docs()) {
        let results = Cell::new(0);
        // Few random calls of a function with many arguments are right ones: more are made until one was.
        for round in 0..16 {
            if round > 0 && results.get() > 0 {
                break;
            }
            let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) };
            let outcome = TestRunner::new(config).run(&prop::collection::vec(any::<u8>(), 8..160), |mut bytes| {
                bytes[0] = number;
                if let Ok(shown) = call(&bytes) {
                    results.set(results.get() + 1);
                    for value in shown {
                        let (_, shown) = value.split_once(": ").unwrap_or_default();
                        let shown = shown.to_lowercase();
                        prop_assert!(!shown.contains("nan") && !shown.contains("inf"), "{value}");
                    }
                }
                Ok(())
            });
            outcome.unwrap_or_else(|error| panic!("{}: {error}", doc.name));
        }
        assert!(results.get() > 0, "{}: no call was a right one, so nothing was tried", doc.name);
    }
}
