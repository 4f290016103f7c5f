"""Sessions: the row, its refresh family, the access token, and revocation. Rules only: no I/O, no clock."""
