-- A conversation that is deleted takes its turns along: without this, all turns are looked through for each one.
CREATE INDEX _turns_of_conversation ON _turns (conversation_id);
