use casemate_model::{DeliveryId, Timestamp};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::SecretKey;

/// How the text form of a webhook's secret begins.
pub const SECRET_PREFIX: &str = "whsec_";

/// The text form of a secret, as libraries of receivers take it.
pub fn secret_text(secret: &SecretKey) -> Zeroizing<String> {
    Zeroizing::new(format!("{SECRET_PREFIX}{}", BASE64.encode(secret.as_slice())))
}

/// The value of `webhook-signature`: one signature for each secret that fits now, over the id, the second of the attempt
/// and the exact bytes of the body.
pub fn sign(secrets: &[SecretKey], id: DeliveryId, at: Timestamp, body: &[u8]) -> String {
    let mut signatures = Vec::with_capacity(secrets.len());
    for secret in secrets {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_slice()).expect("HMAC takes any length");
        mac.update(format!("{id}.{}.", at.as_millis() / 1_000).as_bytes());
        mac.update(body);
        signatures.push(format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes())));
    }
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_another_implementation_says() {
        // python3 -c 'import hmac,base64;print(base64.b64encode(hmac.digest(bytes(range(32)),
        //   b"dlv_01kga0j4tv04106081040g2081.1674087231.{}","sha256")))'
        let secret = Zeroizing::new(std::array::from_fn(|index| u8::try_from(index).unwrap()));
        let id: DeliveryId = "dlv_01kga0j4tv04106081040g2081".parse().unwrap();
        let at = Timestamp::from_millis(1_674_087_231_999).unwrap();
        let one = sign(std::slice::from_ref(&secret), id, at, b"{}");
        assert_eq!(one, "v1,0i12T91HybdwjoaHSUpYloeMMbCokFZeMTeUPHhH40o=");
        assert_eq!(*secret_text(&secret), "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        let other: SecretKey = Zeroizing::new([7; 32]);
        let both = sign(&[other.clone(), secret], id, at, b"{}");
        assert_eq!(both, format!("{} {one}", sign(&[other], id, at, b"{}")));
    }
}
