//! Names and the nearest ones.

use super::{is_snake_case, nearest, snake_case, suggestion};

#[test]
fn the_nearest_name_is_near() {
    let names = ["customer_id", "channel", "score"];
    assert_eq!(nearest("custmer_id", names), Some("customer_id"));
    assert_eq!(nearest("Channel", names), Some("channel"));
    assert_eq!(nearest("scroe", names), Some("score"));
    assert_eq!(nearest("revenue", names), None);
    assert_eq!(nearest("", names), None);
    assert_eq!(nearest("total", ["order_total", "score"]), Some("order_total"));
}

#[test]
fn names_are_listed_where_none_is_near() {
    assert_eq!(suggestion("zzz", ["b", "a"], "columns").unwrap(), "columns: a, b");
    assert_eq!(suggestion("zzz", [], "columns"), None);
    assert_eq!(suggestion("chanel", ["channel"], "columns").unwrap(), "did you mean `channel`?");
}

#[test]
fn a_proposed_name_is_a_good_one() {
    for (wrong, good) in [
        ("Order-ID", "order_id"),
        ("customerId", "customer_id"),
        ("NPS", "nps"),
        ("  a  b ", "a_b"),
        ("9 lives", "lives"),
        ("ü", ""),
    ] {
        assert_eq!(snake_case(wrong), good);
        assert!(good.is_empty() || is_snake_case(good));
    }
}
