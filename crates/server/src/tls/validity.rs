//! Until when a certificate is good. The rest of it is the business of who is to believe it.

use casemate_model::Timestamp;

/// Tags of DER (X.690, section 8).
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The end of a certificate's validity (RFC 5280, section 4.1); nothing for what is no certificate.
pub(super) fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = take(certificate, SEQUENCE)?;
    let (mut fields, _) = take(certificate, SEQUENCE)?;
    if let Some((_, rest)) = take(fields, VERSION) {
        fields = rest;
    }
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        // Serial number, algorithm and issuer.
        fields = take(fields, tag)?.1;
    }
    let (validity, _) = take(fields, SEQUENCE)?;
    let (_, end) = time(validity)?;
    time(end)?.0.parse().ok()
}

/// A value with this tag, and what is behind it.
fn take(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    if first < 0x80 {
        return rest.split_at_checked(usize::from(first));
    }
    // So many bytes of length follow. Four are more than any certificate needs.
    let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f).min(4))?;
    rest.split_at_checked(length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

/// A time as RFC 3339 writes it, and what is behind it.
fn time(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (digits, rest, century) = match take(bytes, UTC_TIME) {
        // Two digits of the year, of which those from 50 are of the century before.
        Some((digits, rest)) => (digits, rest, if digits.first()? >= &b'5' { "19" } else { "20" }),
        None => {
            let (digits, rest) = take(bytes, GENERALIZED_TIME)?;
            (digits, rest, "")
        }
    };
    let digits = format!("{century}{}", std::str::from_utf8(digits).ok()?);
    let plain = digits.strip_suffix('Z')?;
    if plain.len() != 14 || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| &plain[from..to];
    let (date, clock) = ([part(0, 4), part(4, 6), part(6, 8)], [part(8, 10), part(10, 12), part(12, 14)]);
    Some((format!("{}T{}Z", date.join("-"), clock.join(":")), rest))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn made(year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 2, 3);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_is_read_in_either_way_of_writing_it() {
        for year in [1999, 2049, 2050, 4096] {
            assert_eq!(not_after(&made(year)).unwrap().to_string(), format!("{year}-02-03T00:00:00.000Z"));
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let good = made(2030);
        for length in 0..good.len().min(200) {
            // Cut or changed anywhere, it has an end or none, and is never read beyond.
            let mut changed = good.clone();
            changed[length] ^= 0xff;
            let _ = (not_after(&good[..length]), not_after(&changed));
        }
        assert_eq!(not_after(b""), None);
        assert_eq!(not_after(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(not_after(&[SEQUENCE, 0x80]), None);
    }
}
