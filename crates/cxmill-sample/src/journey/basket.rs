//! What is in an order.

use rand::Rng;

use crate::journey::Journey;
use crate::parameters::PARAMETERS;
use crate::rows::{MOST_LINES, OrderLine};
use crate::words::{Article, Category, Product, any};

impl Journey<'_> {
    /// The lines of an order: their quantities add up to its items, and their amounts to its amount.
    pub(super) fn fill_basket(&mut self, order: u32, at: u32, items: u8, cents: u32, reviewed: Option<Product>) {
        let articles = self.choose(items, reviewed);
        let count = u8::try_from(articles.len()).unwrap_or(items);
        let mut left = cents;
        let mut clean = Vec::new();
        for (line, &article) in (1..=count).zip(&articles) {
            // One of each, and what is left of the first.
            let quantity = if line == 1 { items - count + 1 } else { 1 };
            let cents = if line == count { left } else { cents / u32::from(items) * u32::from(quantity) };
            left -= cents;
            let row = OrderLine { customer: self.customer.number, order, line, at, article, quantity, cents };
            if self.fate_beside.send(&mut self.bucket.order_lines, row) == Some(true) {
                clean.push(article);
            }
        }
        self.truth.growth.basket(&clean);
    }

    /// Different articles: the one that is reviewed later, then what the customer likes, and a mug to go with a kettle.
    fn choose(&mut self, items: u8, reviewed: Option<Product>) -> Vec<Article> {
        let growth = PARAMETERS.growth;
        let most = usize::from(items).min(MOST_LINES);
        let wanted = self.beside.random_range(1..=most);
        let mut articles: Vec<Article> = reviewed.map(Article::from).into_iter().collect();
        while articles.len() < wanted {
            let category = if self.beside.random::<f64>() < growth.favourite_share {
                self.favourite
            } else {
                any(&mut self.beside, Category::ALL, Category::Home)
            };
            let article = any(&mut self.beside, category.articles(), Article::Lamp);
            if !articles.contains(&article) {
                articles.push(article);
            }
        }
        let has_room =
            articles.contains(&Article::Kettle) && !articles.contains(&Article::Mug) && articles.len() < most;
        if has_room && self.beside.random::<f64>() < growth.mug_with_kettle {
            articles.push(Article::Mug);
        }
        articles
    }
}
