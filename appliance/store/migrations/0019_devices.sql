-- Browsers in which somebody has signed in to the console before: their failed logins are counted by themselves.

-- `hash` is of what the browser's cookie holds; several people may have signed in there.
CREATE TABLE _admin_devices (
  hash     BLOB NOT NULL,
  name     TEXT NOT NULL REFERENCES _admins (name) ON DELETE CASCADE,
  seen_at  REAL NOT NULL,
  PRIMARY KEY (name, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX _admin_devices_by_hash ON _admin_devices (hash);
