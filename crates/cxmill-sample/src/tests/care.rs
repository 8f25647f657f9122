//! Mailings and contacts: their laws, and their truth recounted from the bytes.

use std::collections::{BTreeMap, BTreeSet};

use super::growth::{cents, clean, count};

#[test]
fn mailings_and_what_keeping_costs_recount() {
    let sample = clean();
    let care = &sample.truth["care"];
    let events = sample.cells("mailings");
    let found = count(events.iter().map(|cells| cells[3].as_str()));
    assert_eq!(found.len(), 3, "{found:?}");
    let mut sent = 0;
    for (campaign, opened) in [("newsletter", 0.3), ("offer", 0.4), ("winback", 0.2)] {
        let actions = count(events.iter().filter(|cells| cells[3] == campaign).map(|cells| cells[4].as_str()));
        for (action, events) in &actions {
            assert_eq!(care["mailings"][campaign][action], *events, "{campaign} {action}");
        }
        let share = actions["opened"] as f64 / actions["sent"] as f64;
        let four_deviations = 4.0 * (opened * (1.0 - opened) / actions["sent"] as f64).sqrt();
        // Those of the last hours are opened after the last day.
        assert!((share - opened).abs() < four_deviations + 0.02, "{campaign}: {share}");
        sent += actions["sent"];
    }
    let contacts = ["calls", "chats", "tickets"].map(|source| sample.lines(source).len() as u64);
    for (channel, contacts) in ["phone", "chat", "email"].into_iter().zip(contacts) {
        assert_eq!(care["contacts"][channel], contacts, "{channel}");
    }
    let [calls, chats, tickets] = contacts;
    let cost = calls * 650 + chats * 220 + tickets * 480 + sent * 3;
    assert_eq!(cents(care["cost"].as_str().unwrap()), cost);
}

#[test]
fn nobody_gets_a_mailing_after_wanting_no_more() {
    let sample = clean();
    let mut events = sample.cells("mailings");
    events.sort_by(|a, b| a[5].cmp(&b[5]));
    let mut gone: BTreeSet<&str> = BTreeSet::new();
    let mut stages: BTreeMap<&str, &str> = BTreeMap::new();
    for cells in &events {
        let [_, mailing, customer, _, action, _] = &cells[..] else { panic!("{cells:?}") };
        match action.as_str() {
            "sent" => {
                assert!(!gone.contains(customer.as_str()), "{cells:?}");
                assert!(stages.insert(mailing, "sent").is_none(), "{cells:?}");
            }
            "opened" => assert_eq!(stages.insert(mailing, "opened"), Some("sent"), "{cells:?}"),
            "clicked" => assert_eq!(stages[mailing.as_str()], "opened", "{cells:?}"),
            _ => assert!(gone.insert(customer), "{cells:?}"),
        }
    }
    assert!(gone.len() > 5, "{}", gone.len());
}
