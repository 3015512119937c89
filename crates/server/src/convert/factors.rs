//! Second factors as the API spells them.

use casemate_api::factors as wire;
use casemate_control::{FactorsDetails, NewPasskeyOptions, NewTotp, PasskeyOptions};
use casemate_identity::{PasskeyAlgorithm, PasskeyRecord};
use data_encoding::BASE64URL_NOPAD;
use qrcodegen::{QrCode, QrCodeEcc};
use secrecy::{ExposeSecret, SecretString};

/// The light border that readers of QR codes need, in modules.
const QUIET_ZONE: i32 = 4;

pub(crate) fn factors(details: &FactorsDetails) -> wire::Factors {
    let record = &details.record;
    let since = record.confirmed_totp().and_then(|totp| totp.confirmed);
    wire::Factors {
        app_since: since.map(|time| time.to_string()),
        recovery_codes_left: u32::try_from(record.recovery_codes.len()).unwrap_or(u32::MAX),
        passkeys: record.passkeys.iter().map(passkey).collect(),
        required: details.required,
        passkeys_possible: details.passkeys_possible,
    }
}

pub(crate) fn passkey(record: &PasskeyRecord) -> wire::Passkey {
    wire::Passkey {
        id: record.id.to_string(),
        label: record.label.clone(),
        created: record.created.to_string(),
        used: record.used.map(|time| time.to_string()),
    }
}

/// `None` if the address is too long for a picture, which no user's name makes it.
pub(crate) fn new_app(made: &NewTotp) -> Option<wire::NewApp> {
    let picture = QrCode::encode_text(&made.uri, QrCodeEcc::Medium).ok()?;
    let reach = -QUIET_ZONE..picture.size() + QUIET_ZONE;
    let module = |x, y| if picture.get_module(x, y) { '#' } else { '.' };
    let row = |y| reach.clone().map(|x| module(x, y)).collect();
    let qr = reach.clone().map(row).collect();
    Some(wire::NewApp { secret: made.secret.to_string(), uri: made.uri.to_string(), qr })
}

pub(crate) fn recovery_codes(codes: &[SecretString]) -> wire::RecoveryCodes {
    let codes = codes.iter().map(|code| code.expose_secret().to_owned());
    wire::RecoveryCodes { recovery_codes: codes.collect() }
}

pub(crate) fn options(options: &PasskeyOptions) -> wire::PasskeyOptions {
    wire::PasskeyOptions { challenge: options.challenge.clone(), rp_id: options.party.id().to_owned() }
}

pub(crate) fn new_options(new: &NewPasskeyOptions) -> wire::NewPasskeyOptions {
    wire::NewPasskeyOptions {
        challenge: new.options.challenge.clone(),
        rp_id: new.options.party.id().to_owned(),
        user_handle: BASE64URL_NOPAD.encode(new.user.id.to_string().as_bytes()),
        user_name: new.user.name.to_string(),
        algorithms: PasskeyAlgorithm::ALL.map(PasskeyAlgorithm::number).to_vec(),
        exclude: new.passkeys.iter().map(ToString::to_string).collect(),
    }
}
