"""JOSE for Mapae: bytes in, claims out (RFC 7515, 7517, 7518, 7519, 8725). No clock, no I/O.

A reader follows one token like this: `verifier` → `header` → `jwks` → `signatures` → `strict_json` → `claims`.
"""
