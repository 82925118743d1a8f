SELECT min(performed_at), max(performed_at)
FROM audit_events
