// The browser's side of passkeys: what the API says in base64url becomes bytes for the authenticator, and back.

/** Whether this browser, at this address, has passkeys at all. */
export const havePasskeys = () => globalThis.PublicKeyCredential !== undefined && globalThis.isSecureContext;

function bytesOf(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function textOf(buffer) {
  const binary = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Has the authenticator make a passkey; answers what the API takes. */
export async function makePasskey(options, label) {
  const credential = await asked(() => navigator.credentials.create({
    publicKey: {
      challenge: bytesOf(options.challenge),
      rp: { id: options.rp_id, name: "Casemate" },
      user: { id: bytesOf(options.user_handle), name: options.user_name, displayName: options.user_name },
      pubKeyCredParams: options.algorithms.map((alg) => ({ type: "public-key", alg })),
      excludeCredentials: options.exclude.map((id) => ({ type: "public-key", id: bytesOf(id) })),
      authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
      attestation: "none",
      timeout: TIMEOUT_MS,
    },
  }));
  const { response } = credential;
  return { label, client_data: textOf(response.clientDataJSON), authenticator_data: textOf(response.getAuthenticatorData()) };
}

/** Has the authenticator sign somebody in; answers what the API takes. */
export async function usePasskey(options) {
  const credential = await asked(() => navigator.credentials.get({
    publicKey: { challenge: bytesOf(options.challenge), rpId: options.rp_id, userVerification: "required", timeout: TIMEOUT_MS },
  }));
  const { response } = credential;
  return {
    passkey_id: textOf(credential.rawId),
    user_handle: textOf(response.userHandle ?? new ArrayBuffer(0)),
    client_data: textOf(response.clientDataJSON),
    authenticator_data: textOf(response.authenticatorData),
    signature: textOf(response.signature),
  };
}

/** Browsers' words for a refusal are for programmers. */
async function asked(ask) {
  try {
    return await ask();
  } catch (error) {
    throw new Error(MESSAGES[error.name] ?? "The browser could not use a passkey.");
  }
}

const MESSAGES = {
  NotAllowedError: "There was no passkey, or you did not allow it.",
  InvalidStateError: "This device has a passkey of yours already.",
  SecurityError: "Passkeys are for another address than the one in the address bar. Ask the operator which it is.",
};

/** The API's challenge is good for five minutes. */
const TIMEOUT_MS = 300_000;
