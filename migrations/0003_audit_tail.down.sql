-- Readers that follow the trail may miss rows again.

DROP TRIGGER audit_log_announce_rows ON audit_log;
DROP FUNCTION audit_log_announce_rows();
