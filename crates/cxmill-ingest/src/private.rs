//! The key that private columns are hashed with.

/// A 256-bit key; never shown.
#[derive(Clone)]
pub struct PrivateKey(pub [u8; 32]);

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

impl PrivateKey {
    /// A short fingerprint that tells keys apart and tells nothing of the key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        blake3::keyed_hash(&self.0, b"cxmill private key fingerprint").to_hex().chars().take(16).collect()
    }

    /// The keyed hash that stands for a value: 32 hex digits.
    #[must_use]
    pub fn hash(&self, value: &[u8]) -> String {
        blake3::keyed_hash(&self.0, value).to_hex().chars().take(32).collect()
    }
}
