-- Finds guests who were not seen for long without reading what all the others tell of themselves.
CREATE INDEX _profiles_by_update ON _profiles (updated_at, deleted_at);
