//! The words that rows use: channels, segments, languages, touchpoints.

use rand::Rng;

/// Declares an enum whose variants have a name in the raw rows.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident => $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub(crate) enum $name { $($variant),+ }

        impl $name {
            /// The word of the raw rows.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

words! {
    /// Where a customer meets the company.
    Channel { Web => "web", App => "app", Email => "email", Chat => "chat", Phone => "phone", Store => "store" }
}

words! {
    /// What kind of customer it is.
    Segment { New => "new", Family => "family", Business => "business", Student => "student" }
}

words! {
    /// The language a customer writes in.
    Language { English => "en", Spanish => "es", Italian => "it", Swedish => "sv", French => "fr" }
}

words! {
    /// The device of a session.
    Device { Mobile => "mobile", Desktop => "desktop", Tablet => "tablet" }
}

words! {
    /// What a page or screen is for.
    Page {
        Home => "home", Search => "search", Product => "product", Cart => "cart", Checkout => "checkout",
        Account => "account", Help => "help",
    }
}

words! {
    /// What a survey asks about.
    Touchpoint {
        Browsing => "browsing", Purchase => "purchase", Delivery => "delivery", Call => "call", Chat => "chat",
        Ticket => "ticket",
    }
}

words! {
    /// The question of a survey.
    Survey { Nps => "nps", Csat => "csat", Ces => "ces" }
}

words! {
    /// What a customer needs help with.
    Topic {
        Delivery => "delivery", Invoice => "invoice", Return => "return", Product => "product", Account => "account",
    }
}

words! {
    /// What happened to a subscription.
    Action {
        Started => "started", Renewed => "renewed", Upgraded => "upgraded", Downgraded => "downgraded",
        Cancelled => "cancelled",
    }
}

words! {
    /// Plans of a subscription, cheapest first.
    Plan { Basic => "basic", Plus => "plus", Premium => "premium" }
}

words! {
    /// Who brings an order.
    Carrier { Bicycle => "bicycle", Parcel => "parcel", Van => "van" }
}

words! {
    /// Stores.
    Store { North => "north", South => "south", Harbour => "harbour", Station => "station" }
}

words! {
    /// Products that reviews are about.
    Product { Backpack => "backpack", Lamp => "lamp", Kettle => "kettle", Jacket => "jacket", Headphones => "headphones" }
}

words! {
    /// What brought a customer, or somebody who may become one.
    Campaign {
        Search => "search", Social => "social", Affiliate => "affiliate", Referral => "referral", Direct => "direct",
    }
}

words! {
    /// What a mailing is for.
    Mailing { Newsletter => "newsletter", Offer => "offer", Winback => "winback" }
}

words! {
    /// What became of a mailing.
    MailAction { Sent => "sent", Opened => "opened", Clicked => "clicked", Unsubscribed => "unsubscribed" }
}

words! {
    /// Why a subscription was cancelled.
    Reason {
        Price => "price", Quality => "quality", Service => "service", Delivery => "delivery", NoNeed => "no_need",
        Competitor => "competitor",
    }
}

words! {
    /// What lines of orders are of.
    Article {
        Backpack => "backpack", Tent => "tent", Lamp => "lamp", Kettle => "kettle", Mug => "mug", Jacket => "jacket",
        Scarf => "scarf", Headphones => "headphones", Charger => "charger",
    }
}

words! {
    /// What kind of article it is.
    Category { Travel => "travel", Home => "home", Clothes => "clothes", Tech => "tech" }
}

words! {
    /// Who in the company rates a touchpoint.
    Role { Store => "store", Service => "service", Marketing => "marketing", Management => "management" }
}

impl Topic {
    /// All of them.
    pub(crate) const ALL: &'static [Self] =
        &[Self::Delivery, Self::Invoice, Self::Return, Self::Product, Self::Account];
}

impl Carrier {
    /// All of them.
    pub(crate) const ALL: &'static [Self] = &[Self::Bicycle, Self::Parcel, Self::Van];
}

impl Store {
    /// All of them.
    pub(crate) const ALL: &'static [Self] = &[Self::North, Self::South, Self::Harbour, Self::Station];
}

impl Product {
    /// All of them.
    pub(crate) const ALL: &'static [Self] = &[Self::Backpack, Self::Lamp, Self::Kettle, Self::Jacket, Self::Headphones];
}

impl Touchpoint {
    /// All of them.
    pub(crate) const ALL: &'static [Self] =
        &[Self::Browsing, Self::Purchase, Self::Delivery, Self::Call, Self::Chat, Self::Ticket];
}

impl Category {
    /// All of them.
    pub(crate) const ALL: &'static [Self] = &[Self::Travel, Self::Home, Self::Clothes, Self::Tech];

    /// The articles of this kind.
    pub(crate) const fn articles(self) -> &'static [Article] {
        match self {
            Self::Travel => &[Article::Backpack, Article::Tent],
            Self::Home => &[Article::Lamp, Article::Kettle, Article::Mug],
            Self::Clothes => &[Article::Jacket, Article::Scarf],
            Self::Tech => &[Article::Headphones, Article::Charger],
        }
    }
}

impl Article {
    /// Its kind.
    pub(crate) const fn category(self) -> Category {
        match self {
            Self::Backpack | Self::Tent => Category::Travel,
            Self::Lamp | Self::Kettle | Self::Mug => Category::Home,
            Self::Jacket | Self::Scarf => Category::Clothes,
            Self::Headphones | Self::Charger => Category::Tech,
        }
    }
}

impl From<Product> for Article {
    fn from(product: Product) -> Self {
        match product {
            Product::Backpack => Self::Backpack,
            Product::Lamp => Self::Lamp,
            Product::Kettle => Self::Kettle,
            Product::Jacket => Self::Jacket,
            Product::Headphones => Self::Headphones,
        }
    }
}

impl Role {
    /// All of them.
    pub(crate) const ALL: &'static [Self] = &[Self::Store, Self::Service, Self::Marketing, Self::Management];
}

/// One of some values, each as likely as its weight says. Weights need not add up to one; `fallback`
/// stands for rounding at the end.
pub(crate) fn pick<T: Copy>(rng: &mut impl Rng, weights: &[(T, f64)], fallback: T) -> T {
    let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.random::<f64>() * sum;
    for &(value, weight) in weights {
        left -= weight;
        if left < 0.0 {
            return value;
        }
    }
    fallback
}

/// One of `all`, each as likely as any other; `fallback` if there is none.
pub(crate) fn any<T: Copy>(rng: &mut impl Rng, all: &[T], fallback: T) -> T {
    let index = rng.random_range(0..all.len().max(1));
    all.get(index).copied().unwrap_or(fallback)
}
