//! Bytes looked at sixteen at a time.

use wide::u8x16;

/// Bytes of one step.
pub(crate) const STEP: usize = 16;

/// Which bytes of a chunk are one of those wanted: the bit of its place for each.
#[inline]
pub(crate) fn any_of<const N: usize>(chunk: &[u8; STEP], wanted: [u8; N]) -> u32 {
    let chunk = u8x16::from(*chunk);
    let found = wanted.map(|byte| chunk.simd_eq(u8x16::splat(byte)));
    found.into_iter().fold(u8x16::ZERO, |all, found| all | found).to_bitmask()
}

/// Which bytes of a chunk end or interrupt the text of a JSON string: quotes, backslashes and control characters.
#[inline]
pub(crate) fn special(chunk: &[u8; STEP]) -> u32 {
    let lanes = u8x16::from(*chunk);
    let control = lanes.min(u8x16::splat(0x1F)).simd_eq(lanes);
    let quote = lanes.simd_eq(u8x16::splat(b'"'));
    let backslash = lanes.simd_eq(u8x16::splat(b'\\'));
    (control | quote | backslash).to_bitmask()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bits(chunk: &[u8; STEP], wanted: impl Fn(u8) -> bool) -> u32 {
        chunk.iter().enumerate().map(|(place, byte)| u32::from(wanted(*byte)) << place).sum()
    }

    proptest! {
        #[test]
        fn every_byte_is_told_at_its_place(chunk: [u8; STEP], near in proptest::array::uniform16(0x1E..0x24_u8), some: [u8; 3]) {
            for chunk in [chunk, near] {
                prop_assert_eq!(any_of(&chunk, some), bits(&chunk, |byte| some.contains(&byte)));
                prop_assert_eq!(any_of(&chunk, [chunk[3]]), bits(&chunk, |byte| byte == chunk[3]));
                prop_assert_eq!(special(&chunk), bits(&chunk, |byte| byte < 0x20 || byte == b'"' || byte == b'\\'));
            }
        }
    }
}
