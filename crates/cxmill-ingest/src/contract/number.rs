//! Numbers from text, exactly.
//!
//! The grammar is that of JSON, a little wider for text cells: a leading `+`, leading zeros, `.5` and `5.` are numbers too.

/// Why a text is not the number that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberFault {
    /// Not a number at all.
    Syntax,
    /// A number with more digits after the point than the type has.
    Fraction,
    /// Outside the range of the type.
    Range,
}

/// A whole number. A fraction or an exponent is accepted where the value is whole (`77.0`, `1e2`).
#[inline]
pub(crate) fn parse_int(text: &[u8]) -> Result<i64, NumberFault> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    // Eighteen digits always fit; anything longer or stranger takes the exact path.
    if digits.is_empty() || digits.len() > 18 {
        return whole(text);
    }
    let mut value = 0i64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return whole(text);
        }
        value = value * 10 + i64::from(digit);
    }
    Ok(if negative { -value } else { value })
}

#[cold]
fn whole(text: &[u8]) -> Result<i64, NumberFault> {
    i64::try_from(parse_decimal(text, 0)?).map_err(|_| NumberFault::Range)
}

/// A decimal number as its unscaled value at `scale` digits after the point, without rounding.
#[inline]
pub(crate) fn parse_decimal(text: &[u8], scale: i32) -> Result<i128, NumberFault> {
    match plain_decimal(text, scale) {
        Some(unscaled) => Ok(i128::from(unscaled)),
        None => general_decimal(text, scale),
    }
}

/// The common case in 64 bits: few digits, no exponent, no more digits after the point than the scale.
#[inline]
fn plain_decimal(text: &[u8], scale: i32) -> Option<i64> {
    let (negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if rest.len() > 13 || !(0..=6).contains(&scale) {
        return None;
    }
    let (mut value, mut digits, mut missing, mut point) = (0i64, 0, scale, false);
    for &byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value * 10 + i64::from(digit);
            digits += 1;
            missing -= i32::from(point);
        } else if byte == b'.' && !point {
            point = true;
        } else {
            return None;
        }
    }
    if digits == 0 || missing < 0 {
        return None;
    }
    for _ in 0..missing {
        value *= 10;
    }
    Some(if negative { -value } else { value })
}

fn general_decimal(text: &[u8], scale: i32) -> Result<i128, NumberFault> {
    let number = Number::parse(text).ok_or(NumberFault::Syntax)?;
    if number.mantissa == 0 {
        return Ok(0);
    }
    let shift = number.exponent + i64::from(scale);
    if number.cut {
        return Err(if shift >= 0 { NumberFault::Range } else { NumberFault::Fraction });
    }
    let unscaled = if shift >= 0 {
        power_of_ten(shift).and_then(|power| number.mantissa.checked_mul(power)).ok_or(NumberFault::Range)?
    } else {
        let power = power_of_ten(-shift).ok_or(NumberFault::Fraction)?;
        if number.mantissa % power != 0 {
            return Err(NumberFault::Fraction);
        }
        number.mantissa / power
    };
    Ok(if number.negative { -unscaled } else { unscaled })
}

/// `10^exponent`, where it fits.
pub(crate) fn power_of_ten(exponent: i64) -> Option<i128> {
    10i128.checked_pow(u32::try_from(exponent).ok()?)
}

/// `±mantissa × 10^exponent`.
struct Number {
    negative: bool,
    mantissa: i128,
    exponent: i64,
    /// More than 38 significant digits, and one of those beyond is not zero.
    cut: bool,
}

impl Number {
    fn parse(text: &[u8]) -> Option<Self> {
        let (negative, rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let mut number = Self { negative, mantissa: 0, exponent: 0, cut: false };
        let (mut digits, mut significant, mut fraction) = (0usize, 0u32, false);
        let mut bytes = rest.iter();
        while let Some(&byte) = bytes.next() {
            match byte {
                b'0'..=b'9' => {
                    digits += 1;
                    let digit = i128::from(byte - b'0');
                    if significant < 38 {
                        number.mantissa = number.mantissa * 10 + digit;
                        significant += u32::from(number.mantissa != 0);
                        number.exponent -= i64::from(fraction);
                    } else {
                        number.cut |= digit != 0;
                        number.exponent += i64::from(!fraction);
                    }
                }
                b'.' if !fraction => fraction = true,
                b'e' | b'E' if digits > 0 => {
                    number.exponent += exponent(bytes.as_slice())?;
                    return Some(number);
                }
                _ => return None,
            }
        }
        (digits > 0).then_some(number)
    }
}

fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        // Far beyond any type; more digits change nothing.
        value = (value * 10 + i64::from(byte - b'0')).min(1_000_000);
    }
    Some(if negative { -value } else { value })
}

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The double nearest to the number written; infinite and not-a-number are no numbers here.
#[inline]
pub(crate) fn parse_double(text: &[u8]) -> Result<f64, NumberFault> {
    let (negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    // Up to fifteen digits and a power of ten up to 22 are exact doubles, so one division rounds correctly.
    if (1..=16).contains(&rest.len()) {
        let (mut mantissa, mut digits, mut point) = (0u64, 0usize, None);
        let mut plain = true;
        for (i, &byte) in rest.iter().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit <= 9 {
                mantissa = mantissa * 10 + u64::from(digit);
                digits += 1;
            } else if byte == b'.' && point.is_none() {
                point = Some(i);
            } else {
                plain = false;
                break;
            }
        }
        if plain && (1..=15).contains(&digits) {
            let scale = point.map_or(0, |at| rest.len() - 1 - at);
            let value = mantissa as f64 / POWERS.get(scale).copied().unwrap_or(1.0);
            return Ok(if negative { -value } else { value });
        }
    }
    general_double(text)
}

#[cold]
fn general_double(text: &[u8]) -> Result<f64, NumberFault> {
    // The standard parser also takes `inf` and `nan`, so letters other than the exponent's are refused first.
    if !text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
        return Err(NumberFault::Syntax);
    }
    let value: f64 = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(NumberFault::Syntax)?;
    if value.is_finite() { Ok(value) } else { Err(NumberFault::Range) }
}
