//! Orders, deliveries and reviews.

use rand::Rng;

use crate::calendar::DAY;
use crate::customer::{opening_hours, whole};
use crate::journey::Journey;
use crate::parameters::PARAMETERS;
use crate::rows::{Delivery, OnlineOrder, Review, StoreOrder};
use crate::scores::{Experience, scale, score};
use crate::words::{Carrier, Channel, Product, Store, Survey, Topic, Touchpoint, any, pick};

impl Journey<'_> {
    /// All purchases of the customer, each with what follows from it.
    pub(super) fn buy(&mut self) {
        let customer = self.customer;
        for (number, &at) in (1..).zip(&customer.purchases) {
            let channel = if self.chance(0.7) {
                customer.shop
            } else {
                pick(&mut self.rng, &[(Channel::Web, 0.4), (Channel::App, 0.3), (Channel::Store, 0.3)], Channel::Web)
            };
            let cents = customer.amount(&mut self.rng);
            let items = self.rng.random_range(1..=6);
            let kept = if channel == Channel::Store {
                let store = any(&mut self.rng, Store::ALL, Store::North);
                let order = StoreOrder {
                    customer: customer.number,
                    number,
                    at,
                    cents,
                    items,
                    store,
                    segment: customer.segment,
                };
                self.fate.send(&mut self.bucket.orders_store, order)
            } else {
                self.check_out(at, channel);
                let coupon = number == 1 && self.chance(0.5);
                let order = OnlineOrder {
                    customer: customer.number,
                    number,
                    at,
                    cents,
                    items,
                    channel,
                    segment: customer.segment,
                    coupon,
                };
                self.fate.send(&mut self.bucket.orders_online, order)
            };
            if kept == Some(true) {
                self.truth.order(customer.segment, at, cents);
            }
            let share = PARAMETERS.behaviour.answer_share;
            self.ask(at, channel, Touchpoint::Purchase, Experience::default(), share);
            let reviewed = if channel == Channel::Store {
                self.review(number, at, Experience::default())
            } else {
                self.deliver(number, at)
            };
            self.fill_basket(number, at, items, cents, reviewed);
        }
    }

    /// Brings an order; says which article is reviewed later, if one is.
    fn deliver(&mut self, number: u32, ordered: u32) -> Option<Product> {
        let behaviour = PARAMETERS.behaviour;
        // Promised for 18:00 some days after the order; a late one comes up to four days after that.
        let promised = (ordered / DAY + behaviour.promised_days) * DAY + 18 * 3_600;
        let late = self.chance(behaviour.late_delivery_share);
        let at = if late {
            promised + self.rng.random_range(3_600..4 * DAY)
        } else {
            let early = self.rng.random_range(0..behaviour.promised_days);
            promised - early * DAY - self.rng.random_range(0..9 * 3_600)
        };
        let carrier = any(&mut self.rng, Carrier::ALL, Carrier::Parcel);
        let delivery = Delivery { customer: self.customer.number, number, promised, at, carrier };
        self.fate.send(&mut self.bucket.deliveries, delivery);
        let experience = Experience { late_delivery: late, ..Experience::default() };
        self.ask(at, Channel::Email, Touchpoint::Delivery, experience, behaviour.answer_share);
        let reviewed = self.review(number, at, experience);
        if late && self.chance(behaviour.contact_after_late_delivery) {
            let asked = at + self.about(8.0 * 3_600.0);
            self.contact(opening_hours(f64::from(asked)), Topic::Delivery);
        }
        reviewed
    }

    fn review(&mut self, order: u32, after: u32, experience: Experience) -> Option<Product> {
        if !self.chance(PARAMETERS.behaviour.review_share) {
            return None;
        }
        let scale = scale(Survey::Csat);
        let rating = score(&mut self.rng, scale, experience.effect(Channel::Web) + self.customer.taste);
        self.reviews += 1;
        let review = Review {
            customer: self.customer.number,
            number: self.reviews,
            order,
            at: after + whole(self.rng.random_range(0.5..5.0) * f64::from(DAY)),
            rating: u8::try_from(rating).unwrap_or(1),
            wording: self.rng.random_range(0..16),
            product: any(&mut self.rng, Product::ALL, Product::Lamp),
            language: self.customer.language,
        };
        self.fate.send(&mut self.bucket.reviews, review);
        Some(review.product)
    }
}
