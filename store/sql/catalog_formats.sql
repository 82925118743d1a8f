SELECT id, version, pattern, counter_start, increment, reset, counter_scope
FROM serial_formats
