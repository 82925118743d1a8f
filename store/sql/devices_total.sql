SELECT count(*)
FROM devices
WHERE $1::text = '' OR site = $1
