//! Who brought a customer.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::SampleError;
use crate::customer::{Customer, Population};
use crate::options::Options;
use crate::parameters::PARAMETERS;

/// Tells the random numbers of referrals from all others.
const REFERRAL: u64 = 0x7265_6665_7272;

/// The customer with a lower number who brought this one, if one did: it must have bought something before, and those who
/// like the company bring more. A sample with more customers leaves this as it is.
pub(crate) fn referrer(
    population: &Population,
    options: &Options,
    customer: &Customer,
) -> Result<Option<u32>, SampleError> {
    let growth = PARAMETERS.growth;
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed ^ REFERRAL);
    rng.set_stream(u64::from(customer.number));
    if customer.number == 1 || rng.random::<f64>() >= growth.referral_share {
        return Ok(None);
    }
    let (other, _) = population.draw(rng.random_range(1..customer.number))?;
    let came_earlier = other.purchases.first() < customer.purchases.first();
    let brings = other.taste > 0.0 || rng.random::<f64>() < growth.referred_without_liking;
    Ok((came_earlier && brings).then_some(other.number))
}
