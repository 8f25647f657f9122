//! The customer picture over the sample: what the pipelines say is what `_truth.json` states, at two seeds and two sizes.
#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use std::collections::BTreeMap;

use cxmill_tests::TestProject;
use serde_json::Value;

/// A built project over a sample, and the sample's truth.
struct Picture {
    project: TestProject,
    truth: Value,
}

impl Picture {
    fn new(customers: &str, days: &str, seed: &str) -> Self {
        let project = TestProject::shipped();
        let options = ["sample", "data/sample", "--customers", customers, "--days", days, "--seed", seed];
        drop(project.cxmill(options).exits(0));
        let truth = std::fs::read(project.path().join("data/sample/_truth.json")).expect("the truth");
        let truth = serde_json::from_slice(&truth).expect("the truth is JSON");
        drop(project.cxmill(["run"]).exits(0));
        Self { project, truth }
    }

    fn rows(&self, model: &str) -> Vec<Value> {
        self.project.rows(model)
    }

    /// A number of the truth's parameters.
    fn parameter(&self, group: &str, name: &str) -> f64 {
        self.truth["parameters"][group][name].as_f64().expect("a parameter")
    }

    /// Rows that the contract of a source rejects: what belongs to them is not found.
    fn bad(&self, source: &str) -> u64 {
        self.truth["sources"][source]["bad"].as_u64().expect("a count")
    }
}

fn number(row: &Value, column: &str) -> f64 {
    let value = &row[column];
    value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok())).expect("a number")
}

fn text<'a>(row: &'a Value, column: &str) -> &'a str {
    row[column].as_str().expect("a text")
}

fn count(row: &Value, column: &str) -> u64 {
    row[column].as_u64().expect("a count")
}

/// Sums of a count by a text column.
fn sums(rows: &[Value], by: &str, column: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for row in rows {
        *sums.entry(text(row, by).to_owned()).or_default() += count(row, column);
    }
    sums
}

/// The interval holds the truth, or misses it by no more than half its width on either side: of many intervals at 95 %, some
/// miss it.
#[track_caller]
fn holds(row: &Value, low: &str, high: &str, truth: f64) {
    let (low, high) = (number(row, low), number(row, high));
    let slack = (high - low) / 2.0;
    assert!(low - slack <= truth && truth <= high + slack, "{truth} is far from {low} to {high}: {row}");
}

#[test]
fn default_sample() {
    agrees(&Picture::new("1000", "90", "42"));
}

#[test]
fn smaller_sample_with_another_seed() {
    agrees(&Picture::new("500", "75", "7"));
}

fn agrees(picture: &Picture) {
    scores(picture);
    responses(picture);
    drivers(picture);
    service_and_delivery(picture);
    funnel(picture);
    arrivals(picture);
    baskets(picture);
    leaving(picture);
    perception(picture);
    care(picture);
    attribution(picture);
}

/// Scores by month are those of the truth, and changes are the differences of them.
fn scores(picture: &Picture) {
    for (survey, model, digits) in
        [("nps", "nps_changes", 1e-9), ("csat", "csat_changes", 1e-9), ("ces", "ces_changes", 1e-9)]
    {
        let rows = picture.rows(model);
        let all: Vec<&Value> = rows.iter().filter(|row| row["dimension"] == "all").collect();
        assert!(all.len() >= 3, "{model} has months");
        for row in all {
            let month = text(row, "month").get(..7).expect("a month");
            let truth = &picture.truth[survey]["by_month"][month];
            assert_eq!(row["answers"], truth["answers"], "{model} {month}");
            let (found, stated) = (number(row, survey), truth[survey].as_f64().expect("a score"));
            assert!(
                (found - stated).abs() < digits * stated.abs().max(1.0),
                "{model} {month}: {found} is not {stated}"
            );
        }
    }
}

fn responses(picture: &Picture) {
    let rows = picture.rows("response_rates");
    let (invitations, answered) = (sums(&rows, "touchpoint", "invitations"), sums(&rows, "touchpoint", "answered"));
    for (touchpoint, truth) in picture.truth["growth"]["responses"].as_object().expect("responses") {
        assert_eq!(truth["invitations"], invitations[touchpoint], "{touchpoint}");
        let (found, stated) = (answered[touchpoint], truth["answers"].as_u64().expect("a count"));
        // Two answers in a week to the same survey may find the same invitation, and some invitations are bad rows.
        assert!(found <= stated && found as f64 >= 0.93 * stated as f64, "{touchpoint}: {found} of {stated}");
    }
}

/// The linear model finds what moves scores. A score is rounded and cut off at the end of its scale, which hides some of it.
fn drivers(picture: &Picture) {
    let rows = picture.rows("drivers_model");
    assert_eq!(rows.len(), 30);
    for row in rows {
        let effect = match text(&row, "driver") {
            "late delivery" => picture.parameter("effects", "late_delivery"),
            "long wait" => picture.parameter("effects", "long_wait"),
            "unresolved contact" => picture.parameter("effects", "unresolved"),
            "amount" | "touchpoint delivery" => 0.0,
            // The web, which they are held against, moves nothing.
            channel => picture.parameter("effects", channel.strip_prefix("channel ").expect("a channel")),
        };
        let stated = effect * picture.parameter(text(&row, "survey"), "effect");
        holds(&row, "points_low", "points_high", 0.95 * stated);
    }
    let effects = picture.rows("drivers_effects");
    let first = effects.iter().find(|row| row["survey"] == "nps" && row["effect_rank"] == 1).expect("a first driver");
    assert!(["late delivery", "unresolved contact"].contains(&text(first, "driver")), "{first}");
}

fn service_and_delivery(picture: &Picture) {
    let times = picture.rows("service_times");
    for (channel, parameter) in [("chat", "chat_resolved"), ("email", "ticket_resolved")] {
        for row in times.iter().filter(|row| row["channel"] == channel) {
            holds(row, "resolved_low", "resolved_high", 100.0 * picture.parameter("behaviour", parameter));
        }
    }
    for (source, channel) in [("calls", "phone"), ("chats", "chat"), ("tickets", "email")] {
        assert_eq!(sums(&times, "channel", "contacts")[channel], picture.truth["sources"][source]["clean"], "{source}");
    }
    for row in picture.rows("delivery_promises") {
        let on_time = 1.0 - picture.parameter("behaviour", "late_delivery_share");
        holds(&row, "on_time_low", "on_time_high", 100.0 * on_time);
    }
    let consequences = picture.rows("delivery_consequences");
    let of = |side: &str| consequences.iter().find(|row| row["delivery"] == side).expect("a row");
    let excess = number(of("late"), "asked_percent") - number(of("on_time"), "asked_percent");
    let stated = 100.0 * picture.parameter("behaviour", "contact_after_late_delivery");
    assert!((excess - stated).abs() < 12.0, "{excess} more than others ask after a late delivery, {stated} are stated");
    let (late, on_time) = (of("late"), of("on_time"));
    assert!(
        number(late, "returned_low") < number(on_time, "returned_high")
            && number(on_time, "returned_low") < number(late, "returned_high"),
        "nobody leaves for a late delivery: {consequences:?}"
    );
}

/// Every visit of the days that count is in the funnel, and deliveries are reviewed as often as stated.
fn funnel(picture: &Picture) {
    let rows = picture.rows("journey_funnel");
    let steps = sums(&rows, "step", "sessions");
    assert!(steps["visit"] > steps["basket"] && steps["basket"] > steps["order"]);
    assert!(steps["order"] >= steps["delivered"] && steps["delivered"] > steps["reviewed"]);
    let share = steps["reviewed"] as f64 / steps["delivered"] as f64;
    let stated = picture.parameter("behaviour", "review_share");
    let four_deviations = 4.0 * (stated * (1.0 - stated) / steps["delivered"] as f64).sqrt();
    assert!((share - stated).abs() < four_deviations + 0.01, "{share} of the delivered orders are reviewed");
}

fn arrivals(picture: &Picture) {
    let growth = &picture.truth["growth"];
    let value = picture.rows("campaign_value");
    assert_eq!(value.len(), 5);
    for row in value {
        let truth = &growth["campaigns"][text(&row, "campaign")];
        assert_eq!(row["prospects"], truth["prospects"], "{row}");
        assert_eq!(row["customers"], truth["signups"], "{row}");
        let cost: f64 = truth["cost"].as_str().expect("an amount").parse().expect("a number");
        assert!((number(&row, "cost") - cost).abs() < 0.005, "{row} instead of {truth}");
    }
    let trials = picture.rows("trial_funnel");
    for column in ["trials", "activated", "converted"] {
        let found: u64 = trials.iter().map(|row| count(row, column)).sum();
        assert_eq!(found, growth["trials"][column], "{column}");
    }
    let referrals = picture.rows("referrals_by_group");
    let share = |group: &str| {
        let row = referrals.iter().find(|row| row["nps_group"] == group).expect("a group");
        number(row, "referrers_percent")
    };
    assert!(share("promoter") > share("detractor"), "who likes the company brings more: {referrals:?}");
}

fn baskets(picture: &Picture) {
    let rows = picture.rows("also_bought");
    let truth = &picture.truth["growth"]["baskets"];
    let pair = rows.iter().find(|row| row["article"] == "kettle" && row["other_article"] == "mug").expect("a pair");
    assert_eq!(pair["all_orders"], truth["orders"]);
    assert_eq!(pair["orders"], truth["with_kettle"]);
    assert_eq!(pair["other_orders"], truth["with_mug"]);
    assert_eq!(pair["orders_with_both"], truth["with_both"]);
    assert_eq!((&pair["is_more_than_chance"], &pair["lift_rank"]), (&Value::from(true), &Value::from(1)), "{pair}");
}

fn leaving(picture: &Picture) {
    let rows = picture.rows("leaving_reasons");
    let found = sums(&rows, "reason", "cancellations");
    for (reason, stated) in picture.truth["growth"]["leaving_reasons"].as_object().expect("reasons") {
        let (found, stated) = (found.get(reason).copied().unwrap_or(0), stated.as_u64().expect("a count"));
        assert!(found <= stated && stated - found <= picture.bad("subscriptions"), "{reason}: {found} of {stated}");
    }
    for row in picture.rows("mrr_monthly") {
        assert!(number(&row, "closing_mrr") > number(&row, "opening_mrr"), "the sample grows: {row}");
    }
}

fn perception(picture: &Picture) {
    let rows = picture.rows("perception_by_touchpoint");
    assert_eq!(rows.len(), 6);
    for row in rows {
        let truth = &picture.truth["growth"]["own_ratings"][text(&row, "touchpoint")];
        assert_eq!(row["own_ratings"], truth["ratings"]);
        let mean = truth["sum"].as_f64().expect("a sum") / truth["ratings"].as_f64().expect("a count");
        assert!((number(&row, "own_mean") - mean).abs() < 1e-9, "{row}");
        if ["call", "delivery"].contains(&text(&row, "touchpoint")) {
            assert!(number(&row, "gap_low") > 0.0, "the company thinks too well of it: {row}");
        }
    }
}

/// What keeping customers costs, and what becomes of mailings.
fn care(picture: &Picture) {
    let truth = &picture.truth["care"];
    let kept = picture.rows("keeping_daily");
    let all = |column: &str| kept.iter().map(|row| count(row, column)).sum::<u64>();
    for (column, channel) in [("calls", "phone"), ("chats", "chat"), ("tickets", "email")] {
        assert_eq!(truth["contacts"][channel], all(column), "{column}");
    }
    let mut sent = 0;
    let mailings = picture.rows("audience_mailings");
    for action in ["sent", "opened", "clicked", "unsubscribed"] {
        let found = sums(&mailings, "campaign", action);
        for (campaign, stated) in truth["mailings"].as_object().expect("mailings") {
            assert_eq!(stated[action], found[campaign], "{campaign} {action}");
        }
        sent += if action == "sent" { found.values().sum::<u64>() } else { 0 };
    }
    assert_eq!(sent, all("mailings"));
    let cost: f64 = truth["cost"].as_str().expect("an amount").parse().expect("a number");
    let found: f64 = kept.iter().map(|row| number(row, "cost")).sum();
    assert!((found - cost).abs() < 0.005, "{found} instead of {cost}");

    let economics = picture.rows("clv_economics");
    let whole = economics.iter().find(|row| row["dimension"] == "all").expect("a row for all");
    let customers = number(whole, "customers");
    assert_eq!(whole["customers"], picture.truth["customers"]["with_orders"]);
    // Contacts and mailings of customers whose orders are all bad rows count for nobody.
    let of_customers = number(whole, "keeping_cost_per_customer") * customers;
    assert!(of_customers <= cost + 0.005 && of_customers > 0.98 * cost, "{of_customers} of {cost}");
    let campaigns = picture.truth["growth"]["campaigns"].as_object().expect("campaigns");
    let paid: f64 = campaigns.values().filter_map(|campaign| campaign["cost"].as_str()?.parse::<f64>().ok()).sum();
    let won = number(whole, "winning_cost_per_customer") * customers;
    assert!(won <= paid + 0.005 && won > 0.98 * paid, "{won} of {paid}");
}

/// Every rule shares out the same orders, and a campaign brought the first order of each of its customers.
fn attribution(picture: &Picture) {
    let rows = picture.rows("attribution_monthly");
    let of_rule = |rule: &str| {
        let mut orders: BTreeMap<&str, f64> = BTreeMap::new();
        for row in rows.iter().filter(|row| row["attribution_rule"] == rule) {
            *orders.entry(text(row, "touch")).or_default() += number(row, "orders");
        }
        orders
    };
    let (first, last) = (of_rule("first"), of_rule("last"));
    for rule in ["last", "linear", "position", "time_decay"] {
        let (found, stated) = (of_rule(rule).values().sum::<f64>(), first.values().sum::<f64>());
        assert!((found - stated).abs() < 1e-3, "{rule}: {found} of {stated} orders");
    }
    let bad = (picture.bad("orders_online") + picture.bad("orders_store")) as f64;
    for (campaign, truth) in picture.truth["growth"]["campaigns"].as_object().expect("campaigns") {
        let touch = format!("campaign {campaign}");
        let (first, last) = (first[&*touch], last[&*touch]);
        let converted = truth["converted"].as_f64().expect("a count");
        assert!(first >= converted - bad, "{campaign}: {first} first orders of {converted} customers");
        assert!(first >= last, "nothing of what is known comes before a campaign: {campaign}");
    }
    assert!(last["mailing newsletter"] > 0.0, "{last:?}");
}
