"""What we encrypt others decrypt, and the other way round: joserfc, jwcrypto and jose on Node."""

import json
import subprocess

import pytest
from joserfc import jwe as joserfc_jwe
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from jwcrypto import jwe as jwcrypto_jwe
from jwcrypto import jwk as jwcrypto_jwk

from mapae.jose.encryption_algorithms import CONTENT_ENCRYPTIONS, KEY_MANAGEMENTS
from mapae.jose.encryption_key import DecryptKey
from mapae.jose.jwe import decrypt, encrypt

pytestmark = pytest.mark.slow

CURVES = ("P-256", "P-384", "P-521", "X25519")
RSA = DecryptKey.generate("RSA-OAEP-256", bits=2048).to_jwk(private=True)
TEXT = "서울에서 보낸 글".encode()


CASES = [
    pytest.param(alg, enc, crv, id=f"{alg}-{enc}-{crv}" if crv else f"{alg}-{enc}")
    for alg in KEY_MANAGEMENTS
    for crv in (CURVES if alg.startswith("ECDH") else (None,))
    for enc in CONTENT_ENCRYPTIONS
]


def key_for(alg, enc, crv):
    if alg == "RSA-OAEP-256":
        return DecryptKey.from_jwk(RSA, enc=enc)
    return DecryptKey.generate(alg, enc=enc, **({"crv": crv} if crv else {}))


def sender(key):
    return key if key.is_secret else key.public()


def members(key):
    return {name: value for name, value in key.to_jwk(private=True).items() if name not in {"alg", "use"}}


@pytest.mark.parametrize(("alg", "enc", "crv"), CASES)
def test_joserfc_reads_ours_and_we_read_theirs(alg, enc, crv):
    key = key_for(alg, enc, crv)
    jwk = members(key)
    theirs = {"oct": OctKey, "EC": ECKey, "OKP": OKPKey, "RSA": RSAKey}[jwk["kty"]].import_key(jwk)
    algorithms = [alg, enc]
    opened = joserfc_jwe.decrypt_compact(encrypt(TEXT, sender(key)), theirs, algorithms=algorithms)
    assert opened.plaintext == TEXT
    token = joserfc_jwe.encrypt_compact({"alg": alg, "enc": enc, "kid": key.kid}, TEXT, theirs, algorithms=algorithms)
    assert decrypt(token, key) == TEXT


@pytest.mark.parametrize(
    ("alg", "enc", "crv"), [case for case in CASES if "GCMKW" not in case.values[0]]
)  # jwcrypto wraps no keys with AES-GCM
def test_jwcrypto_reads_ours_and_we_read_theirs(alg, enc, crv):
    key = key_for(alg, enc, crv)
    theirs = jwcrypto_jwk.JWK(**members(key))
    opened = jwcrypto_jwe.JWE(algs=[alg, enc])
    opened.deserialize(encrypt(TEXT, sender(key)), theirs)
    assert opened.payload == TEXT
    made = jwcrypto_jwe.JWE(TEXT, json.dumps({"alg": alg, "enc": enc, "kid": key.kid}), algs=[alg, enc])
    made.add_recipient(theirs)
    assert decrypt(made.serialize(compact=True), key) == TEXT


@pytest.mark.parametrize("alg", ["ECDH-ES", "ECDH-ES+A256KW"])
def test_others_take_our_apu_and_apv_into_the_key(alg):
    key = key_for(alg, "A128GCM", "P-256")
    opened = jwcrypto_jwe.JWE(algs=[alg, "A128GCM"])
    opened.deserialize(encrypt(TEXT, sender(key), apu=b"Alice", apv=b"Bob"), jwcrypto_jwk.JWK(**members(key)))
    assert opened.payload == TEXT
    assert (opened.jose_header["apu"], opened.jose_header["apv"]) == ("QWxpY2U", "Qm9i")


def test_apu_and_apv_of_others_are_taken_into_the_key():
    key = key_for("ECDH-ES", "A128GCM", "P-256")
    made = jwcrypto_jwe.JWE(TEXT, json.dumps({"alg": "ECDH-ES", "enc": "A128GCM", "apu": "QWxpY2U", "apv": "Qm9i"}))
    made.add_recipient(jwcrypto_jwk.JWK(**members(key)))
    assert decrypt(made.serialize(compact=True), key) == TEXT


SCRIPT = """\
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
const { importJWK, CompactEncrypt, compactDecrypt } =
  await import(pathToFileURL(createRequire(process.argv[1] + "/x.js").resolve("jose")));
let text = "";
for await (const chunk of process.stdin) text += chunk;
const answers = [];
for (const { jwk, alg, enc, kid, token, plaintext } of JSON.parse(text)) {
  const key = await importJWK(jwk, alg === "dir" ? enc : alg);
  const { d, p, q, dp, dq, qi, ...open } = jwk;
  const recipient = await importJWK(open, alg === "dir" ? enc : alg);
  const ours = Buffer.from((await compactDecrypt(token, key)).plaintext).toString();
  const message = new CompactEncrypt(Buffer.from(plaintext)).setProtectedHeader({ alg, enc, kid });
  const theirs = await message.encrypt(recipient);
  answers.push({ ours, theirs });
}
console.log(JSON.stringify(answers));
"""


def test_jose_on_node_reads_ours_and_we_read_theirs(node, node_modules):
    keys = [key_for(*case.values) for case in CASES]
    questions = [
        {
            "jwk": members(key),
            "alg": key.alg,
            "enc": key.enc,
            "kid": key.kid,
            "token": encrypt(TEXT, sender(key)),
            "plaintext": TEXT.decode(),
        }
        for key in keys
    ]
    ran = subprocess.run(
        [node, "--input-type=module", "-e", SCRIPT, str(node_modules)],
        input=json.dumps(questions), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    for key, answer in zip(keys, json.loads(ran.stdout), strict=True):
        assert answer["ours"] == TEXT.decode(), key
        assert decrypt(answer["theirs"], key) == TEXT, key
