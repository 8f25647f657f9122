//! Text encodings other than UTF-8, converted cell by cell so that byte offsets stay those of the object.

/// Appends ISO 8859-1 text to `out` as UTF-8. Every byte is a character, so this cannot fail.
pub(crate) fn push_latin1(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + text.len() / 4);
    for &byte in text {
        if byte < 0x80 {
            out.push(byte);
        } else {
            out.push(0xC0 | (byte >> 6));
            out.push(0x80 | (byte & 0x3F));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::push_latin1;

    #[test]
    fn every_latin1_byte_is_the_character_of_its_number() {
        let all: Vec<u8> = (0..=255).collect();
        let mut out = Vec::new();
        push_latin1(&all, &mut out);
        let expected: String = (0..=255u8).map(char::from).collect();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
