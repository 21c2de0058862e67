"""Keys in PEM and what they do: ECDSA and RSA (PKCS #1 v1.5) with SHA-256, Ed25519.

Those are the choices of cosign for keys in files. The library `cryptography` is imported by the
functions: 10 MB and 60 ms that only who signs or verifies pays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wherry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable

RSA_LEAST_BITS: Final = 2048
_LARGEST_FILE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies; `path` is where it came from, `name` tells it by kind and size."""

    path: str
    name: str
    _verify: Callable[[bytes, bytes], None]

    def verifies(self, payload: bytes, signature: bytes) -> bool:
        """Whether the signature over the payload was made by this key's private half."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._verify(signature, payload)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key that signs. Its `repr` shows nothing of it."""

    name: str
    sign: Callable[[bytes], bytes]


def load_public(path: str) -> PublicKey:
    """The public key in a PEM file. Raises Invalid with the remedy."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    data = _read(path, "public key")
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid(
            f"public key {path}: it holds no PEM public key",
            hint="it must begin with -----BEGIN PUBLIC KEY-----, as cosign.pub or what"
            " `openssl pkey -pubout` writes",
        ) from None
    return PublicKey(path, _name(key, path), _verifier(key))


def load_private(path: str, passphrase: bytes | None) -> PrivateKey:
    """The private key in a PEM file, decrypted with the passphrase if it is encrypted.

    Raises Invalid with the remedy; no message holds anything of the key or the passphrase.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = _read(path, "private key")
    if b"BEGIN ENCRYPTED SIGSTORE" in data or b"BEGIN ENCRYPTED COSIGN" in data:
        raise Invalid(
            f"private key {path}: it is in cosign's own form, which only cosign reads",
            hint="sign with cosign, or make a key with `openssl genpkey -algorithm ed25519`",
        )
    try:
        key = load_pem_private_key(data, passphrase or None)
    except TypeError:
        encrypted = passphrase is None
        told = "it is encrypted" if encrypted else "it is not encrypted, but a passphrase is given"
        raise Invalid(f"private key {path}: {told}", hint="see --passphrase-file") from None
    except (ValueError, UnsupportedAlgorithm):
        wrong = "or the passphrase is wrong" if passphrase else "in PEM (PKCS #8, EC or RSA)"
        raise Invalid(f"private key {path}: it holds no private key {wrong}") from None
    return PrivateKey(_name(key.public_key(), path), _signer(key))


def _read(path: str, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_LARGEST_FILE)
    except OSError as error:
        raise Invalid(f"{what} {path}: {(error.strerror or str(error)).lower()}") from None


def _name(key: Any, path: str) -> str:
    """What kind of key it is. Raises Invalid for kinds and sizes that are not accepted."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {key.curve.name}"
    if not isinstance(key, rsa.RSAPublicKey):
        raise Invalid(f"key {path}: neither ECDSA, RSA nor Ed25519")
    if key.key_size < RSA_LEAST_BITS:
        raise Invalid(f"key {path}: RSA with {key.key_size} bits is too weak to trust")
    return f"RSA {key.key_size}"


def _verifier(key: Any) -> Callable[[bytes, bytes], None]:
    """A function of (signature, payload) that raises InvalidSignature."""
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256

    if isinstance(key, rsa.RSAPublicKey):
        return lambda signature, data: key.verify(signature, data, padding.PKCS1v15(), SHA256())
    if isinstance(key, ec.EllipticCurvePublicKey):
        return lambda signature, data: key.verify(signature, data, ec.ECDSA(SHA256()))
    verify: Callable[[bytes, bytes], None] = key.verify
    return verify


def _signer(key: Any) -> Callable[[bytes], bytes]:
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256

    if isinstance(key, rsa.RSAPrivateKey):
        return lambda data: key.sign(data, padding.PKCS1v15(), SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return lambda data: key.sign(data, ec.ECDSA(SHA256()))
    sign: Callable[[bytes], bytes] = key.sign
    return sign
