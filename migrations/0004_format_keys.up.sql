-- {SERIAL_RANDOM:n} is a keyed permutation of the counter. Each format gets a key when it
-- is added; it is never changed, or numbers would be issued again.
ALTER TABLE serial_formats ADD COLUMN permutation_key bytea
    DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
ALTER TABLE serial_formats ALTER COLUMN permutation_key SET NOT NULL;
ALTER TABLE serial_formats ADD CONSTRAINT serial_formats_permutation_key_check CHECK (octet_length(permutation_key) = 32);
COMMENT ON COLUMN serial_formats.permutation_key IS 'Secret of the permutation behind {SERIAL_RANDOM:n}: who has it can guess numbers. Changing it repeats numbers.';
