//! What is true of a sample: tallied while customers live, written as `_truth.json`.
//!
//! Everything is counted over clean rows, once each: what a pipeline must find after it has dropped bad rows and
//! duplicates and has put late rows where they belong.

mod care;
mod growth;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::bucket::{Bucket, Counts};
use crate::calendar::{Calendar, DAY};
use crate::customer::Customer;
use crate::options::Options;
use crate::parameters::{PARAMETERS, Parameters};
use crate::rows::{Answer, Record};
use crate::truth::care::{Care, CareTruth};
use crate::truth::growth::{Growth, GrowthTruth};
use crate::words::{Channel, Segment, Survey};

/// Answers by score from 0 to 10.
type Tally = [u64; 11];

/// Tallies of a sample.
#[derive(Debug)]
pub(crate) struct Truth {
    days: u32,
    /// By survey, channel and day.
    answers: BTreeMap<(Survey, Channel, u32), Tally>,
    customers: Customers,
    spend: BTreeMap<Segment, Spend>,
    /// Day of the newest clean order of the customer that lives now.
    last_order: Option<u32>,
    segment: Segment,
    pub(crate) growth: Growth,
    pub(crate) care: Care,
}

#[derive(Debug, Default, Clone, Serialize)]
struct Customers {
    acquired: u64,
    /// With at least one clean order.
    with_orders: u64,
    /// Left for good by BG/NBD.
    left: u64,
    /// With orders, but none in the last `inactive_days` days as of the last day.
    inactive: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Spend {
    customers: u64,
    orders: u64,
    cents: u64,
}

impl Truth {
    pub(crate) fn new(days: u32) -> Self {
        Self {
            days,
            answers: BTreeMap::new(),
            customers: Customers::default(),
            spend: BTreeMap::new(),
            last_order: None,
            segment: Segment::New,
            growth: Growth::default(),
            care: Care::default(),
        }
    }

    pub(crate) fn begin_customer(&mut self, customer: &Customer) {
        self.customers.acquired += 1;
        self.customers.left += u64::from(customer.left.is_some());
        self.last_order = None;
        self.segment = customer.segment;
    }

    pub(crate) fn end_customer(&mut self) {
        let Some(last) = self.last_order else { return };
        self.customers.with_orders += 1;
        self.spend.entry(self.segment).or_default().customers += 1;
        let inactive = self.days - 1 - last >= PARAMETERS.behaviour.inactive_days;
        self.customers.inactive += u64::from(inactive);
    }

    pub(crate) fn order(&mut self, segment: Segment, at: u32, cents: u32) {
        self.last_order = self.last_order.max(Some(at / DAY));
        let spend = self.spend.entry(segment).or_default();
        spend.orders += 1;
        spend.cents += u64::from(cents);
    }

    pub(crate) fn answer(&mut self, answer: &Answer) {
        self.growth.answer(answer.touchpoint);
        let Some(score) = answer.score.and_then(|score| usize::try_from(score).ok()) else { return };
        let tally = self.answers.entry((answer.survey, answer.channel, answer.at / DAY)).or_default();
        if let Some(count) = tally.get_mut(score) {
            *count += 1;
        }
    }

    /// The content of `_truth.json`.
    pub(crate) fn document(
        &self,
        options: &Options,
        calendar: &Calendar,
        sources: BTreeMap<&'static str, SourceTruth>,
    ) -> Document {
        Document {
            format: 1,
            options: options.clone(),
            first_day: calendar.iso_text(0).to_owned(),
            last_day: calendar.iso_text(calendar.days() - 1).to_owned(),
            parameters: PARAMETERS,
            customers: self.customers.clone(),
            nps: self.metric(calendar, Survey::Nps, nps),
            csat: self.metric(calendar, Survey::Csat, csat),
            ces: self.metric(calendar, Survey::Ces, ces),
            spend: self.spend_document(),
            growth: self.growth.document(),
            care: self.care.document(),
            sources,
        }
    }

    fn metric<T: Serialize>(&self, calendar: &Calendar, survey: Survey, of: fn(&Tally) -> T) -> Metric<T> {
        let mut all = Tally::default();
        let mut by_channel: BTreeMap<&'static str, Tally> = BTreeMap::new();
        let mut by_month: BTreeMap<String, Tally> = BTreeMap::new();
        let mut by_both: BTreeMap<(String, &'static str), Tally> = BTreeMap::new();
        for ((_, channel, day), tally) in self.answers.iter().filter(|((s, ..), _)| *s == survey) {
            let (month, channel) = (calendar.month(*day).to_owned(), channel.name());
            let sums = [
                &mut all,
                by_channel.entry(channel).or_default(),
                by_month.entry(month.clone()).or_default(),
                by_both.entry((month, channel)).or_default(),
            ];
            for sum in sums {
                for (sum, count) in sum.iter_mut().zip(tally) {
                    *sum += count;
                }
            }
        }
        let mut by_month_and_channel: BTreeMap<String, BTreeMap<&'static str, T>> = BTreeMap::new();
        for ((month, channel), tally) in &by_both {
            by_month_and_channel.entry(month.clone()).or_default().insert(channel, of(tally));
        }
        Metric {
            all: of(&all),
            by_channel: by_channel.iter().map(|(channel, tally)| (*channel, of(tally))).collect(),
            by_month: by_month.iter().map(|(month, tally)| (month.clone(), of(tally))).collect(),
            by_month_and_channel,
        }
    }

    fn spend_document(&self) -> SpendTruth {
        let mut all = Spend::default();
        for spend in self.spend.values() {
            all.customers += spend.customers;
            all.orders += spend.orders;
            all.cents += spend.cents;
        }
        SpendTruth {
            all: amounts(all),
            by_segment: self.spend.iter().map(|(segment, &spend)| (segment.name(), amounts(spend))).collect(),
        }
    }
}

/// `_truth.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Document {
    format: u32,
    options: Options,
    first_day: String,
    last_day: String,
    parameters: Parameters,
    customers: Customers,
    nps: Metric<Nps>,
    csat: Metric<Share>,
    ces: Metric<Mean>,
    spend: SpendTruth,
    growth: GrowthTruth,
    care: CareTruth,
    sources: BTreeMap<&'static str, SourceTruth>,
}

/// A metric over answers with a score. Months are of the time of the answer in UTC; a group without answers is absent.
#[derive(Debug, Serialize)]
struct Metric<T> {
    all: T,
    by_channel: BTreeMap<&'static str, T>,
    by_month: BTreeMap<String, T>,
    by_month_and_channel: BTreeMap<String, BTreeMap<&'static str, T>>,
}

#[derive(Debug, Serialize)]
struct Nps {
    answers: u64,
    promoters: u64,
    passives: u64,
    detractors: u64,
    nps: Option<f64>,
}

/// CSAT: share of the scores 4 and 5, in percent.
#[derive(Debug, Serialize)]
struct Share {
    answers: u64,
    satisfied: u64,
    csat: Option<f64>,
}

/// CES: mean of the scores from 1 to 7.
#[derive(Debug, Serialize)]
struct Mean {
    answers: u64,
    sum: u64,
    ces: Option<f64>,
}

#[derive(Debug, Serialize)]
struct SpendTruth {
    all: Amounts,
    by_segment: BTreeMap<&'static str, Amounts>,
}

#[derive(Debug, Serialize)]
struct Amounts {
    customers: u64,
    orders: u64,
    /// A decimal number in quotes, so that no reader rounds it.
    total: String,
}

/// What the files of a source hold: rows = clean + bad + duplicates.
#[derive(Debug, Serialize)]
pub(crate) struct SourceTruth {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    pub(crate) clean: u64,
    pub(crate) late: u64,
    pub(crate) bad: u64,
    pub(crate) bad_by_kind: BTreeMap<&'static str, u64>,
    pub(crate) duplicates: u64,
}

/// The truth of every source but for its files, which are counted as they are written.
pub(crate) fn sources(bucket: &Bucket) -> BTreeMap<&'static str, SourceTruth> {
    fn entry<T: Record>(arrivals: &crate::bucket::Arrivals<T>) -> (&'static str, SourceTruth) {
        let Counts { clean, late, duplicates, bad } = &arrivals.counts;
        let all_bad = bad.values().sum();
        let truth = SourceTruth {
            files: 0,
            bytes: 0,
            rows: clean + all_bad + duplicates,
            clean: *clean,
            late: *late,
            bad: all_bad,
            bad_by_kind: bad.clone(),
            duplicates: *duplicates,
        };
        (T::NAME, truth)
    }
    BTreeMap::from([
        entry(&bucket.interactions),
        entry(&bucket.orders_online),
        entry(&bucket.orders_store),
        entry(&bucket.deliveries),
        entry(&bucket.subscriptions),
        entry(&bucket.tickets),
        entry(&bucket.calls),
        entry(&bucket.chats),
        entry(&bucket.answers),
        entry(&bucket.reviews),
        entry(&bucket.invitations),
        entry(&bucket.order_lines),
        entry(&bucket.signups),
        entry(&bucket.prospects),
        entry(&bucket.campaign_costs),
        entry(&bucket.trials),
        entry(&bucket.leaving_answers),
        entry(&bucket.own_ratings),
        entry(&bucket.mailings),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "counts of answers are far below 2^53")]
fn ratio(part: f64, all: u64) -> Option<f64> {
    (all > 0).then(|| part / all as f64)
}

#[expect(clippy::cast_precision_loss, reason = "counts of answers are far below 2^53")]
fn nps(tally: &Tally) -> Nps {
    let [.., passive_low, passive_high, promoter_low, promoter_high] = *tally;
    let (passives, promoters) = (passive_low + passive_high, promoter_low + promoter_high);
    let answers: u64 = tally.iter().sum();
    let detractors = answers - passives - promoters;
    Nps {
        answers,
        promoters,
        passives,
        detractors,
        nps: ratio(100.0 * (promoters as f64 - detractors as f64), answers),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of answers are far below 2^53")]
fn csat(tally: &Tally) -> Share {
    let answers = tally.iter().sum();
    let satisfied: u64 = tally.iter().skip(4).sum();
    Share { answers, satisfied, csat: ratio(100.0 * satisfied as f64, answers) }
}

#[expect(clippy::cast_precision_loss, reason = "counts of answers are far below 2^53")]
fn ces(tally: &Tally) -> Mean {
    let answers = tally.iter().sum();
    let sum: u64 = (0..).zip(tally).map(|(score, count)| score * count).sum();
    Mean { answers, sum, ces: ratio(sum as f64, answers) }
}

fn amounts(spend: Spend) -> Amounts {
    Amounts { customers: spend.customers, orders: spend.orders, total: money(spend.cents) }
}

/// Cents as a decimal number.
fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
