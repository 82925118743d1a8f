-- Who changes the master data locks it, and judges the version that is locked: two changes
-- that are each right may not be right together.
SELECT version
FROM catalog_version
FOR UPDATE
