"""Which certificates are trusted: the same by both sessions, whatever their libraries think.

`requests` would trust the list of certifi and what its variables name, aiohttp what OpenSSL's
name or else this machine's store.
"""

from __future__ import annotations

import logging
import os
import ssl
from functools import lru_cache
from pathlib import Path

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from xinference_magics.errors import ConnectError
from xinference_magics.remedies import Remedy

_log = logging.getLogger(__name__)

_INSTEAD = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_BESIDE = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def trusted() -> ssl.SSLContext:
    """Return what to trust, as the environment says now.

    That is the file or folder in ``$REQUESTS_CA_BUNDLE`` or ``$CURL_CA_BUNDLE``; where neither is
    set the list of certifi, with this machine's store, in whose place ``$SSL_CERT_FILE`` and
    ``$SSL_CERT_DIR`` name others.

    Raises:
        ConnectError: What the first two name holds no certificates.
    """
    named = next((name for name in _INSTEAD if os.environ.get(name)), None)
    try:
        return _context(
            os.environ[named] if named else None, *(os.environ.get(each) for each in _BESIDE)
        )
    except OSError as error:  # also of OpenSSL
        _log.debug("Certificates cannot be read", exc_info=True)
        raise ConnectError(
            f"{named} names {os.environ.get(named or '')}, which contains no readable "
            f"certificates: {error.strerror or error}.",
            hint=Remedy.SET_AUTHORITY(name=named),
        ) from None


@lru_cache(maxsize=4)
def _context(bundle: str | None, *_of_openssl: str | None) -> ssl.SSLContext:
    if bundle is None:
        context = ssl.create_default_context()  # it looks at OpenSSL's variables by itself
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        return context
    if Path(bundle).is_dir():
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle)
