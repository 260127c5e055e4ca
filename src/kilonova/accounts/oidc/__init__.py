"""Signing in by an OpenID Connect issuer.

::

    web      the issuer's JSON over HTTPS
    issuer   discovery, keys, code for tokens           (I/O)
    id_token what an ID token must be to be believed    (pure)
    rules    who comes in without an invitation         (pure)
    entrance which member it is                         (store)
    sign_in  there and back again: start, finish
"""
