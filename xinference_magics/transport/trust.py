"""Which certificates to trust: the same in both sessions, whatever their libraries do by default.

`requests` would trust certifi's list or what its own environment variables name, and aiohttp what
OpenSSL's variables name or else this machine's store.
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
    """Return what to trust, as the environment specifies at the moment.

    That is the file or folder in ``$REQUESTS_CA_BUNDLE`` or ``$CURL_CA_BUNDLE``. If neither is set,
    it is certifi's list together with this machine's store, which ``$SSL_CERT_FILE`` and
    ``$SSL_CERT_DIR`` replace with others.

    Raises:
        ConnectError: The file or folder named by the first two contains no certificates.
    """
    named = next((name for name in _INSTEAD if os.environ.get(name)), None)
    try:
        return _context(
            os.environ[named] if named else None, *(os.environ.get(each) for each in _BESIDE)
        )
    except OSError as error:  # includes OpenSSL's
        _log.debug("Certificates cannot be read", exc_info=True)
        raise ConnectError(
            f"{named} names {os.environ.get(named or '')}, which contains no readable "
            f"certificates: {error.strerror or error}.",
            hint=Remedy.SET_AUTHORITY(name=named),
        ) from None


@lru_cache(maxsize=4)
def _context(bundle: str | None, *_of_openssl: str | None) -> ssl.SSLContext:
    if bundle is None:
        context = ssl.create_default_context()  # it reads OpenSSL's variables itself
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        return context
    if Path(bundle).is_dir():
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle)
