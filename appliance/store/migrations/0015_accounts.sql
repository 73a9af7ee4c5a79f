-- The people of the console, how they sign in, and what keeps others from guessing.

CREATE TABLE _admins (
  name          TEXT PRIMARY KEY,
  display_name  TEXT NOT NULL,
  role          TEXT NOT NULL CHECK (role IN ('admin', 'operator')),
  password      TEXT NOT NULL DEFAULT '',  -- argon2id; empty: none yet
  subject       TEXT UNIQUE,               -- who this is for the login of another service, with its address
  totp          BLOB,                      -- sealed by the vault
  totp_new      BLOB,                      -- shown, not yet confirmed
  totp_step     INTEGER NOT NULL DEFAULT 0,  -- codes of this time step and before are used up
  disabled      INTEGER NOT NULL DEFAULT 0,
  created_at    REAL NOT NULL,
  seen_at       REAL
) STRICT;

-- One-time links; name is empty for the very first account, which chooses its own.
CREATE TABLE _admin_links (
  hash        BLOB PRIMARY KEY,
  name        TEXT NOT NULL DEFAULT '',
  created_at  REAL NOT NULL,
  expires_at  REAL NOT NULL
) STRICT;

CREATE TABLE _admin_sessions (
  id          TEXT PRIMARY KEY,
  hash        BLOB NOT NULL UNIQUE,
  name        TEXT NOT NULL REFERENCES _admins (name) ON DELETE CASCADE,
  ip          TEXT NOT NULL,
  user_agent  TEXT NOT NULL,
  created_at  REAL NOT NULL,
  seen_at     REAL NOT NULL
) STRICT;
CREATE INDEX _admin_sessions_of ON _admin_sessions (name);

-- Failed logins by account and by network.
CREATE TABLE _admin_failures (
  bucket      TEXT PRIMARY KEY,
  failures    INTEGER NOT NULL,
  last_at     REAL NOT NULL,
  blocked_to  REAL NOT NULL
) STRICT;

-- Logins that are under way at another service.
CREATE TABLE _admin_oidc (
  state       BLOB PRIMARY KEY,  -- hashes, as is browser
  browser     BLOB NOT NULL,
  nonce       TEXT NOT NULL,
  verifier    TEXT NOT NULL,
  network     TEXT NOT NULL,
  redirect    TEXT NOT NULL,
  expires_at  REAL NOT NULL
) STRICT;
